"""What may be asked under which knobs, and what a split of held-out combinations asks about."""

from __future__ import annotations

from functools import lru_cache

from mmkit.worlds.scenes import splits
from mmkit.worlds.scenes.knobs import Knobs
from mmkit.worlds.scenes.programs import KIND_OF_WORD, LINKS, Draft
from mmkit.worlds.scenes.proposals import RELATIONAL, Rules, rules
from mmkit.worlds.scenes.view import View
from mmkit.worlds.scenes.vocabulary import CATEGORIES, SEMANTIC


@lru_cache(maxsize=64)
def allowed(knobs: Knobs, split: str, coin: bool) -> Rules:
    """What may be asked, for a set of knobs and a split. coin: decides the family of relations where words must not tell it."""
    if knobs.family == "none":
        return rules(only=0, without=(*RELATIONAL, "exist", "category", "global"))
    if knobs.hops0:
        return rules(only=0, without=RELATIONAL)
    if split == "test_hops":
        return rules(only=3, without=("compare", "global"))
    if knobs.wording == "neutral":
        return rules(without=("verifyRel", "chooseRel"), semantic=float(coin))
    return rules(semantic=0.9) if split == "test_rel" else rules()


def held_pair(view: View, draft: Draft) -> bool:
    """Whether the color of something is asked or said that has it in this split only."""
    said = draft.kind == "color" or any(KIND_OF_WORD.get(w.split()[0]) == "color" for w in draft.options)
    return said and any(_is_held(view, k) for k in _about(view, draft))


def _about(view: View, draft: Draft) -> tuple[int, ...]:
    if draft.focus:
        return draft.focus
    found = [view.called(noun.split()[-1], noun.split()[0]) for noun in draft.options if " " in noun]
    return tuple(k for things in found for k in things)


def _is_held(view: View, k: int) -> bool:
    scene = view.scene
    return splits.held_pair(scene.seed, int(scene.category[k]), int(scene.colour[k]))


def held_triple(view: View, draft: Draft) -> bool:
    """Whether one of the relations that the question follows or asks for holds in this split only."""
    name = view.name
    ways = [
        (name[end], *LINKS[link], name[start])
        for reference in draft.references
        for start, end, link in zip(reference.chain, reference.chain[1:], reference.links, strict=False)
    ]
    if draft.link >= 0:
        relation, side = LINKS[draft.link]
        ends = (draft.name,) if draft.name in CATEGORIES else tuple(name[k] for k in draft.focus)
        start = name[draft.references[0].chain[-1]]
        ways += [(end, asked, side, start) for end in ends for asked in draft.options or (relation,)]
    return any(_is_held_way(view.scene.seed, *way) for way in ways)


def _is_held_way(seed: int, end: str, relation: str, side: str, start: str) -> bool:
    if relation not in SEMANTIC:
        return False
    subject, target = (end, start) if side == "s" else (start, end)
    return splits.held_triple(seed, CATEGORIES.index(subject), SEMANTIC.index(relation), CATEGORIES.index(target))


WANTED = {"test_comp": held_pair, "test_rel": held_triple}  # what the questions of a split are about, where not all count

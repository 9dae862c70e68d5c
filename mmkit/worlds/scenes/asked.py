"""What may be asked under which knobs, and what a split of held-out combinations asks about."""

from __future__ import annotations

from functools import lru_cache

from mmkit.worlds.scenes import splits
from mmkit.worlds.scenes.knobs import Knobs
from mmkit.worlds.scenes.programs import KIND_OF_WORD, LINKS, Draft
from mmkit.worlds.scenes.proposals import RELATIONAL, Rules, rules
from mmkit.worlds.scenes.view import View, semantic
from mmkit.worlds.scenes.vocabulary import SEMANTIC


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
    """Whether one of the relations that the question follows holds in this split only."""
    ways = [(a, link, b) for r in draft.references for a, link, b in zip(r.chain, r.links, r.chain[1:], strict=False)]
    if draft.link >= 0 and draft.references and draft.answer != "no":
        ways += [(draft.references[0].chain[-1], draft.link, k) for k in draft.focus]
    return any(_is_held_way(view, *way) for way in ways)


def _is_held_way(view: View, start: int, link: int, end: int) -> bool:
    if not semantic(link):
        return False
    relation, side = LINKS[link]
    subject, target = (end, start) if side == "s" else (start, end)
    category, number = view.scene.category, SEMANTIC.index(relation)
    return splits.held_triple(view.scene.seed, int(category[subject]), number, int(category[target]))


WANTED = {"test_comp": held_pair, "test_rel": held_triple}  # what the questions of a split are about, where not all count

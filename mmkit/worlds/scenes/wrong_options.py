"""Wrong options that tempt: what a thing is not, does not do, or is not there at all, and yet could have been."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mmkit.worlds.scenes import splits
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.programs import ATTRIBUTES
from mmkit.worlds.scenes.references import Draw, pick
from mmkit.worlds.scenes.view import R, View, semantic

HARD = 0.7  # share of wrong options that another thing of the category has
SLOT_MEMBERS = [[r for r in range(len(v.SEMANTIC)) if v.SLOT_OF[r] == v.SLOT_OF[s]] for s in range(len(v.SEMANTIC))]
DIRECTIONS = [r for r, name in enumerate(v.RELATIONS) if name in v.SPATIAL and name != "near"]  # graphs do not show "near"

# What is held out would be wrong wherever a question offered it, and who learns that has learnt a "no" for what the tests of new
# combinations show. So wrong words are told of things as if what is held out did not exist; right words cannot be held out.


@lru_cache(maxsize=64)
def untold(seed: int, split: str) -> frozenset[str]:
    """Things that no question of the split speaks of, "pink man": the held-out pairs, except where they are shown."""
    held = [] if split == "test_comp" else np.argwhere(splits.held_pairs(seed)).tolist()
    return frozenset(f"{v.COLOURS[colour]} {v.CATEGORIES[category]}" for category, colour in held)


@lru_cache(maxsize=64)
def unlinked(seed: int, split: str) -> frozenset[tuple[str, int, str]]:
    """Likewise (category, number of `LINKS` by which one comes to it, category that one comes from): the held-out triples."""
    held = [] if split == "test_rel" else np.argwhere(splits.held_triples(seed)).tolist()
    ways = [(v.CATEGORIES[subject], relation, v.CATEGORIES[target]) for subject, relation, target in held]
    return frozenset([*ways, *((target, R + relation, subject) for subject, relation, target in ways)])


def wrong_value(view: View, thing: int, kind: str, draw: Draw) -> str:
    """An attribute that the thing has not, but mostly another one of its category has, or at least another thing here.

    There always is one: every kind has two words or more, and of ten colors at most two are held out.
    """
    right, name, held = view.attributes[thing][kind], view.name[thing], untold(view.scene.seed, view.scene.split)
    wrong = [word for word in possible(kind, view.kind[thing]) if word != right and f"{word} {name}" not in held]
    if draw() < HARD:
        seen = [a[kind] for k, a in enumerate(view.attributes) if view.name[k] == name and a.get(kind) in wrong]
        if seen := seen or [a[kind] for a in view.attributes if a.get(kind) in wrong]:
            return pick(seen, draw)
    return pick(wrong, draw)


def possible(kind: str, hypernym: str) -> tuple[str, ...]:
    """The attributes of a kind that things of a hypernym can have."""
    if kind == "material":
        return v.MATERIALS_OF[hypernym]
    return v.STATES_OF[hypernym] if kind == "state" else ATTRIBUTES[kind]


def possible_of(view: View, thing: int, kind: str) -> tuple[str, ...]:
    """Attributes of a kind that the thing could have; none where it has no attribute of this kind."""
    return possible(kind, view.kind[thing]) if kind in view.attributes[thing] or kind == "size" else ()


def other_relation(view: View, link: int, members: tuple[int, ...], start: int, draw: Draw) -> int | None:
    """Another relation of the same slot, or another direction, that does not hold; None where there is none."""
    relation = link if link < R else link - R
    others = SLOT_MEMBERS[relation] if semantic(link) else DIRECTIONS
    others = [r + link - relation for r in others if r != relation]
    held, name = unlinked(view.scene.seed, view.scene.split), view.name
    others = [r for r in others if not any(view.true[k, r, start] or (name[k], r, name[start]) in held for k in members)]
    return pick(others, draw) if others else None


def other_name(view: View, link: int, start: int, but: str, draw: Draw) -> str | None:
    """The category of another thing here that does not stand in the relation to `start`, mostly one of the same hypernym."""
    free = [n for n in view.name if n != but and not any(view.true[k, link, start] for k in view.members[n])]
    held, called = unlinked(view.scene.seed, view.scene.split), view.name[start]
    free = [n for n in free if view.members[n] != [start] and (n, link, called) not in held]
    kind = view.kind[view.members[but][0]]
    akin = [n for n in free if view.kind[view.members[n][0]] == kind]
    if akin and draw() < HARD:
        return pick(akin, draw)
    return pick(free, draw) if free else None


def absent(view: View, draw: Draw) -> str | None:
    """A category that is not there, of a hypernym that is, or a category that is there with an attribute that it has not."""
    thing = int(draw() * view.n)
    if draw() < 0.6:
        name, held = view.name[thing], untold(view.scene.seed, view.scene.split)
        words = [w for a in view.attributes for kind, w in a.items() if w in possible_of(view, thing, kind)]
        words = [w for w in words if not view.called(name, w) and f"{w} {name}" not in held]
        return f"{pick(words, draw)} {name}" if words else None
    names = [name for name in v.HYPERNYMS[view.kind[thing]] if name not in view.members]
    return pick(names, draw) if names else None

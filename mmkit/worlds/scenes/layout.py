"""What is in a scene, where it lies, and how it is related: the part of a scene that its stream "layout" decides."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from math import exp, lgamma, log
from typing import NamedTuple

import numpy as np

from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.geometry import Box, beside, crowded, measure
from mmkit.worlds.scenes.priors import priors, surroundings
from mmkit.worlds.scenes.splits import held_triples
from mmkit.worlds.scenes.streams import rng

ANIMATE_SHARE = 0.45  # of the draws of a new category take an animate one,
REPEAT_SHARE = 0.45  # so many repeat a category that is there: one needs relations to tell the two; the rest: p(category | place)
NONE, ONE = 0.35, 0.85  # an animate subject has no relation up to .35, one up to .85, else two
INANIMATE_SHARE = 0.3  # of the others have one
HELD_SHARE = 0.75  # in `test_rel`, where a held-out relation is possible
TRIES = 30  # for one place of a group
ROOM = 12  # more objects than these are drawn smaller
EDGE = 1e-6  # so that boxes lie inside the picture in float32, too
MEMBERS = {slot: [v.SEMANTIC.index(name) for name in names] for slot, names in v.SLOTS.items()}
# Slots of animate subjects and their weights: the fifteen relations come out about equally frequent.
ACTS = {"hand": 3.0, "top": 5.0, "gaze": 2.0, "body": 1.0, "mouth": 1.0}
STATIC = {"under": 1.0, "side": 1.0, "over": 2.0}
# The kinds of a slot's objects. They are the same for all relations of a slot: categories cannot tell the relation, either.
TARGETS: dict[str, tuple[str, ...]] = {
    "hand": ("container", "tableware", "toy", "media", "food"),
    "top": ("furniture", "vehicle"),
    "body": ("clothing",),
    "mouth": ("food",),
    "under": ("furniture", "vehicle", "media"),
    "side": ("furniture", "vehicle", "container"),
    "over": ("furniture", "vehicle", "container", "tableware"),
}
FIXED = ("furniture", "vehicle", "food")  # kinds that hang from, are attached to and cover nothing


@dataclass
class Layout:
    """The objects so far. relations: subject, relation, object.  front: pairs (front, back) that the order of depth keeps."""

    category: list[int] = field(default_factory=list)
    box: list[Box] = field(default_factory=list)
    facing: list[int] = field(default_factory=list)
    relations: list[tuple[int, int, int]] = field(default_factory=list)
    front: list[tuple[int, int]] = field(default_factory=list)
    depth: list[int] = field(default_factory=list)
    around: tuple[int, int, int] = (0, 0, 0)  # place, weather, time


class Member(NamedTuple):
    """An object of a group: a subject (no slot), or the object of a relation to the group's member number `owner`."""

    category: int
    slot: str = ""
    relation: int = -1
    owner: int = -1


@dataclass(frozen=True)
class Choice:
    """Categories and the running sum of their shares."""

    categories: list[int]
    edges: list[float]

    def draw(self, u: float) -> int:
        return self.categories[bisect_right(self.edges, u)]


def lay_out(seed: int, split: str, index: int, objects: tuple[int, float, int], factor: list[float]) -> Layout:
    """One scene's objects, boxes, facing, order of depth and semantic relations.

    objects: least, mean and most.  factor: for each object, by its number, what its size multiplies its measures by.
    """
    generator = rng(seed, split, "layout", index)
    u = _draws(generator).__next__
    scene = Layout(around=surroundings([u(), u(), u()]))
    count = bisect_right(_counts(*objects), u()) + objects[0]
    scale, gazing = min(1.0, (ROOM / count) ** 0.5), []
    while len(scene.category) < count:
        first = len(scene.category)
        root = _root(seed, scene, u)
        slots = _slots(root, u)
        members = _members(seed, split, scene.around[0], root, [slot for slot in slots if slot != "gaze"], u)
        members = members[: objects[2] - first]
        if not _settle(scene, members, [f * scale for f in factor[first:]], u):
            scale *= 0.9  # no room left: what comes is smaller
        elif "gaze" in slots:
            gazing.append(first)
    for subject in gazing:
        _gaze(scene, subject, u)
    scene.depth = _depths(scene, u)
    return scene


def _draws(generator: np.random.Generator) -> Iterator[float]:
    while True:
        yield from generator.random(128).tolist()


@lru_cache(maxsize=64)
def _counts(least: int, mean: float, most: int) -> list[float]:
    """P(count <= least), ..., P(count <= most - 1) of a Poisson whose values are cut to least .. most."""
    mass = [exp(k * log(mean) - mean - lgamma(k + 1)) for k in range(most)]
    return np.cumsum(mass)[least:].tolist()


@lru_cache(maxsize=4096)
def _choice(seed: int, place: int, kinds: tuple[str, ...]) -> Choice:
    """p(category | place) among the categories of some kinds."""
    categories = np.flatnonzero(np.isin(v.KIND_OF, [v.KINDS.index(kind) for kind in kinds]))
    share = priors(seed).category[place, categories]
    edges = np.cumsum(share / share.sum())[:-1]
    return Choice(categories.tolist(), edges.tolist())


def _root(seed: int, scene: Layout, u: Callable[[], float]) -> int:
    """The category of an object that no relation asks for."""
    how, which = u(), u()
    if how < ANIMATE_SHARE:
        return _choice(seed, scene.around[0], ("person", "animal")).draw(which)
    if how < ANIMATE_SHARE + REPEAT_SHARE and scene.category:
        there = sorted(set(scene.category))
        return there[int(which * len(there))]
    return _choice(seed, scene.around[0], v.KINDS).draw(which)


def _slots(category: int, u: Callable[[], float]) -> list[str]:
    """Up to two different slots of an animate subject, up to one of another."""
    how = u()
    if not v.ANIMATE[category]:
        fixed = v.KINDS[v.KIND_OF[category]] in FIXED
        return [] if fixed or how >= INANIMATE_SHARE else _weighted(STATIC, 1, u)
    return _weighted(ACTS, 0 if how < NONE else 1 if how < ONE else 2, u)


def _weighted(weights: dict[str, float], count: int, u: Callable[[], float]) -> list[str]:
    """`count` different names, each by its weight among those that are left."""
    left, chosen = dict(weights), []
    for _ in range(count):
        edges = list(accumulate(left.values()))
        chosen.append(list(left)[bisect_right(edges, u() * edges[-1])])
        del left[chosen[-1]]
    return chosen


def _members(seed: int, split: str, place: int, root: int, slots: list[str], u: Callable[[], float]) -> list[Member]:
    """The subject, the objects of its relations; and the objects of theirs, where the subject is animate."""
    members = [Member(root), *(_target(seed, split, place, root, slot, 0, u) for slot in slots)]
    for k in range(1, len(members) if v.ANIMATE[root] else 0):
        for slot in _slots(members[k].category, u):
            members.append(_target(seed, split, place, members[k].category, slot, k, u))
    return members


def _target(seed: int, split: str, place: int, subject: int, slot: str, owner: int, u: Callable[[], float]) -> Member:
    """The object of a relation. All relations of the slot that are not held out are as likely."""
    category = _choice(seed, place, TARGETS[slot]).draw(u())
    held = [r for r in MEMBERS[slot] if held_triples(seed)[subject, r, category]]
    free = [r for r in MEMBERS[slot] if r not in held]
    among = held if split == "test_rel" and held and u() < HELD_SHARE else free
    return Member(category, slot, among[int(u() * len(among))], owner)


def _settle(scene: Layout, members: list[Member], factor: list[float], u: Callable[[], float]) -> bool:
    """Find room for a subject and the objects of its relations; where there is none, drop the last one. False: no room at all."""
    boxes: list[Box] = []
    kept: list[Member] = []
    for member, f in zip(members, factor, strict=False):
        if member.owner >= len(boxes):
            break  # its subject found no place beside the others
        size = measure(member.category, f, u)
        others = [box for k, box in enumerate(boxes) if k != member.owner]
        for _ in range(4):
            box = _put(member, boxes, size, u)
            if not crowded(box, others):
                boxes.append(box)
                kept.append(member)
                break
        else:
            break
    while boxes:
        if shift := _free(scene.box, boxes, u):
            _add(scene, kept, [box.moved(*shift) for box in boxes], u)
            return True
        boxes.pop()
        kept.pop()
    return False


def _put(member: Member, boxes: list[Box], size: tuple[float, float], u: Callable[[], float]) -> Box:
    """The box of a group's member beside its owner's; the first lies at (0, 0)."""
    if not boxes:
        return Box(0.0, 0.0, *size)
    owner = boxes[member.owner]
    return Box(*beside(member.slot, owner[2:], size, member.category, u), *size).moved(*owner[:2])


def _free(there: list[Box], group: list[Box], u: Callable[[], float]) -> tuple[float, float] | None:
    """A shift that brings the whole group into the picture, away from what is there."""
    left, top = EDGE - min(b.left for b in group), EDGE - min(b.top for b in group)
    wide = 1.0 - EDGE - left - max(b.left + b.width for b in group)
    high = 1.0 - EDGE - top - max(b.top + b.height for b in group)
    for _ in range(TRIES if wide > 0 and high > 0 else 0):
        x, y = left + wide * u(), top + high * u()
        if not any(crowded(b.moved(x, y), there) for b in group):
            return x, y
    return None


def _add(scene: Layout, members: list[Member], boxes: list[Box], u: Callable[[], float]) -> None:
    first = len(scene.category)
    for k, (member, box) in enumerate(zip(members, boxes, strict=True), start=first):
        scene.category.append(member.category)
        scene.box.append(box)
        scene.facing.append((1 if u() < 0.5 else -1) if v.ANIMATE[member.category] else 0)
        owner = first + member.owner
        if member.slot:
            scene.relations.append((owner, member.relation, k))
        if member.slot in ("hand", "body", "mouth"):
            scene.front.append((k, owner))
        elif member.slot == "over":
            scene.front.append((owner, k))


def _gaze(scene: Layout, subject: int, u: Callable[[], float]) -> None:
    """The subject turns to one of the objects that lie wholly to its left or right."""
    which, what = u(), u()
    linked = {frozenset((s, o)) for s, _, o in scene.relations}
    a = scene.box[subject]
    aside = [
        k
        for k, b in enumerate(scene.box)
        if (b.left >= a.left + a.width or b.left + b.width <= a.left) and frozenset((subject, k)) not in linked
    ]
    if aside:
        target = aside[int(which * len(aside))]
        scene.relations.append((subject, MEMBERS["gaze"][int(what * 2)], target))
        scene.facing[subject] = 1 if scene.box[target].left > a.left else -1


def _depths(scene: Layout, u: Callable[[], float]) -> list[int]:
    """A random order in which what is worn, held or eaten is in front of its owner, and what covers in front of the covered."""
    depth = list(range(len(scene.category)))
    rank = [u() for _ in depth]
    depth.sort(key=rank.__getitem__)
    for front, back in scene.front:  # an owner swaps with each of its things in turn, and ends up behind all of them
        if depth[front] < depth[back]:
            depth[front], depth[back] = depth[back], depth[front]
    return depth

"""Splits of a world, and what is held out: pairs and triples that only the tests of new combinations show."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mmkit.errors import DataError, SettingsError, nearest
from mmkit.worlds.scenes import spatial
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.scene import Scenes
from mmkit.worlds.scenes.streams import rng

# test is drawn as train is.  test_comp shows held-out pairs, test_rel held-out triples; test_hops differs in its questions.
SPLITS = ("train", "valid", "test", "test_comp", "test_rel", "test_hops", "pretrain", "nlvr2")
HELD = 0.12  # share of the pairs, and of the triples of the slots below, that are held out
HELD_SLOTS = ("hand", "top")  # slots of three and more relations: two or more remain, so that no box or category tells which
LEAST = 50  # times that everything must occur in a training split


def known(split: str) -> str:
    """The split's name. Raises SettingsError when there is none of this name."""
    if split not in SPLITS:
        raise SettingsError(f"scenes world has no split {split!r}{nearest(split, SPLITS)}")
    return split


@lru_cache(maxsize=64)
def held_pairs(seed: int) -> NDArray[np.bool_]:
    """(categories, colours): True for the held-out 12 %; each category has one, some have two."""
    size = (len(v.CATEGORIES), len(v.COLOURS))
    order = rng(seed, "held pairs", "world").random(size)
    first = order.argmin(axis=1)
    order[np.arange(size[0]), first] = 2.0  # taken
    second = order.min(axis=1)
    held = np.zeros(size, dtype=bool)
    held[np.arange(size[0]), first] = True
    more = np.argsort(second)[: round(HELD * held.size) - size[0]]
    held[more, order[more].argmin(axis=1)] = True
    held.flags.writeable = False
    return held


@lru_cache(maxsize=64)
def held_triples(seed: int) -> NDArray[np.bool_]:
    """(categories, semantic relations, categories): True for held-out subject, relation, object.

    At most one relation of a slot is held out for two categories, so the others stay as likely as each other.
    """
    size = len(v.CATEGORIES)
    held = np.zeros((size, len(v.SEMANTIC), size), dtype=bool)
    subject, target = np.indices((size, size))
    for slot in HELD_SLOTS:
        members = np.array([v.SEMANTIC.index(name) for name in v.SLOTS[slot]])
        which = np.floor(rng(seed, f"held {slot}", "world").random((size, size)) / HELD).astype(int)
        taken = which < len(members)
        held[subject[taken], members[which[taken]], target[taken]] = True
    held.flags.writeable = False
    return held


def held_pair(seed: int, category: int, colour: int) -> bool:
    """Whether things of this category never have this colour outside of `test_comp`."""
    return bool(held_pairs(seed)[category, colour])


def held_triple(seed: int, subject: int, relation: int, target: int) -> bool:
    """Whether this relation never holds between these categories outside of `test_rel`. Spatial relations are never held out."""
    return relation < len(v.SEMANTIC) and bool(held_triples(seed)[subject, relation, target])


def check(scenes: Scenes, least: int = LEAST) -> None:
    """Everything occurs at least `least` times, and nothing that is held out occurs. For training splits of a few thousand.

    Raises DataError that names each value that is too rare and each object or relation that must not be there.
    """
    a, seed = scenes.arrays, scenes.seed
    relations = np.concatenate([spatial.full(scenes[row])[:, 1] for row in range(len(scenes))])
    relations = np.concatenate([relations, a["relations"][:, 1]])
    problems = [
        f"{what} {words[value]!r} occurs {count} times, expected at least {least}"
        for what, words, column in (
            ("category", v.CATEGORIES, a["category"]),
            ("colour", v.COLOURS, a["colour"]),
            ("material", v.MATERIALS, a["material"]),
            ("shape", v.SHAPES, a["shape"]),
            ("size", ("small", "medium", "large"), a["size"]),
            ("state", v.STATES, a["state"]),
            ("place", v.PLACES, a["place"]),
            ("weather", v.WEATHER, a["weather"]),
            ("time", v.TIMES, a["time"]),
            ("relation", v.RELATIONS, relations),
        )
        for value, count in enumerate(np.bincount(column[column >= 0], minlength=len(words)))
        if count < least
    ]
    owner = np.repeat(np.arange(len(scenes)), np.diff(a["objects"]))
    for k in np.flatnonzero(held_pairs(seed)[a["category"], a["colour"]]):
        pair = f"{v.COLOURS[a['colour'][k]]} {v.CATEGORIES[a['category'][k]]}"
        problems.append(f"scene {scenes.first + owner[k]} shows a {pair}, which is held out")
    owner = np.repeat(np.arange(len(scenes)), np.diff(a["links"]))
    subject, relation, target = a["relations"].T
    start = a["objects"][owner]
    ends = a["category"][start + subject], a["category"][start + target]
    for k in np.flatnonzero(held_triples(seed)[ends[0], relation, ends[1]]):
        triple = f"{v.CATEGORIES[ends[0][k]]} {v.SEMANTIC[relation[k]]} {v.CATEGORIES[ends[1][k]]}"
        problems.append(f"scene {scenes.first + owner[k]} shows a {triple}, which is held out")
    if problems:
        advice = f"Values too rare: take more scenes (there are {len(scenes)})."
        raise DataError(f"scenes/{scenes.split}: {len(problems)} problems", problems, advice)

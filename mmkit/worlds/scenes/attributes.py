"""What the objects of a scene look like: colour, material, shape, size, state, and what is written on them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.priors import priors
from mmkit.worlds.scenes.splits import held_pairs

WIDTH = 8  # numbers per object
SIZE_EDGES = (0.3, 0.7)  # small below .3, medium up to .7, large
HELD_SHARE = 0.75  # of the objects of `test_comp` have a held-out colour
WRITTEN_SHARE = 0.5  # of the objects that may carry text
TEXT = "<U8"  # the longest brand has 7 letters
POSTURE = [v.SEMANTIC.index(name) for name in v.SLOTS["top"]]


def sizes(u: NDArray[np.float64]) -> NDArray[np.int8]:
    """(n, WIDTH) numbers in [0, 1) -> numbers of `SIZES` (n,)."""
    return np.searchsorted(SIZE_EDGES, u[:, 0], side="right").astype(np.int8)


def colours(seed: int, split: str, category: NDArray[np.int8], u: NDArray[np.float64]) -> NDArray[np.int8]:
    """By p(colour | category). A held-out pair never occurs, but in `test_comp`, where at least one object is of one."""
    usual, held = _colour_edges(seed)
    edges = usual[category]
    if split == "test_comp":
        other = u[:, 2] < HELD_SHARE
        other[u[:, 2].argmin()] = True
        edges = np.where(other[:, None], held[category], edges)
    return (edges <= u[:, 1, None]).sum(axis=1).astype(np.int8)


def materials(category: NDArray[np.int8], u: NDArray[np.float64]) -> NDArray[np.int8]:
    """One of those that the kind of object may have, -1 where it has none."""
    return _one_of(_allowed()[0], category, u[:, 3])


def shapes(category: NDArray[np.int8], u: NDArray[np.float64]) -> NDArray[np.int8]:
    """Any shape for the kinds that have one, else -1."""
    return _one_of(_allowed()[1], category, u[:, 4])


def states(category: NDArray[np.int8], relations: NDArray[np.int16], u: NDArray[np.float64]) -> NDArray[np.int8]:
    """A posture or open/closed, else -1. Whoever sits, stands, walks, lies or rides on something has none beside that relation.

    With a state of their own such subjects would tell the relation (or contradict it).
    """
    state = _one_of(_allowed()[2], category, u[:, 5])
    state[relations[np.isin(relations[:, 1], POSTURE), 0]] = -1
    return state


def texts(category: NDArray[np.int8], u: NDArray[np.float64]) -> NDArray[np.str_]:
    """What is written on each object: half of those that may carry it have a brand, a number or a price; "" elsewhere.

    u: (n, 4) numbers in [0, 1).
    """
    out = np.zeros(len(category), dtype=TEXT)
    for k in np.flatnonzero(_writable()[category] & (u[:, 0] < WRITTEN_SHARE)):
        kind, a, b = u[k, 1:]
        if kind < 0.5:
            out[k] = v.BRANDS[int(a * len(v.BRANDS))]
        elif kind < 0.75:
            out[k] = str(int(a * 100))
        else:
            out[k] = f"${1 + int(a * 20)}.{('00', '50', '99')[int(b * 3)]}"
    return out


@lru_cache(maxsize=64)
def _colour_edges(seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Running sums of p(colour | category, not held out) and p(colour | category, held out), (categories, colours - 1)."""
    share, held = priors(seed).colour, held_pairs(seed)

    def running(p: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.cumsum(p / p.sum(axis=1, keepdims=True), axis=1)[:, :-1]

    return running(np.where(held, 0.0, share)), running(np.where(held, share, 0.0))


@lru_cache(maxsize=1)
def _allowed() -> tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int8]]:
    """Materials, shapes and states that a category may have: rows of their numbers, filled up with -1."""
    tables = []
    for names, of in (
        (v.MATERIALS, v.MATERIALS_OF),
        (v.SHAPES, dict.fromkeys(v.SHAPED, v.SHAPES)),
        (v.STATES, v.STATES_OF),
    ):
        table = np.full((len(v.CATEGORIES), len(names)), -1, dtype=np.int8)
        for category, kind in enumerate(v.KIND_OF):
            allowed = [names.index(value) for value in of.get(v.KINDS[kind], ())]
            table[category, : len(allowed)] = allowed
        tables.append(table)
    return tuple(tables)


def _one_of(table: NDArray[np.int8], category: NDArray[np.int8], u: NDArray[np.float64]) -> NDArray[np.int8]:
    count = (table >= 0).sum(axis=1)[category]
    return table[category, (u * count).astype(np.int64)]


@lru_cache(maxsize=1)
def _writable() -> NDArray[np.bool_]:
    """(categories,)"""
    kinds = np.isin(v.KIND_OF, [v.KINDS.index(kind) for kind in v.WRITTEN])
    return kinds | (np.array(v.CATEGORIES) == "bottle")

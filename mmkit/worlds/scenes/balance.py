"""Which questions are counted: no answer is much likelier than the others for what a question says before one has looked.

Hudson and Manning (2019) do so for GQA, group by group; shares of types as in GQA's balanced part.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmkit.worlds.scenes.streams import rng

CAP = 1.3  # an answer comes at most so many times as often as the next rarer one of its group
LEAST = 3  # but no answer is cut below this
STRUCTURAL_MIX = {"query": 0.51, "verify": 0.21, "choose": 0.12, "logical": 0.12, "compare": 0.03}
SEMANTIC_MIX = {"rel": 0.47, "attr": 0.32, "obj": 0.12, "cat": 0.07, "global": 0.03}
KEPT = 0.75  # share of the questions that the last stage keeps: more gives up shares of types, less gives up questions


def balance(
    local: ArrayLike, answer: ArrayLike, structural: ArrayLike, semantic: ArrayLike, seed: int, split: str
) -> NDArray[np.bool_]:
    """(N,) True for the questions to count. local: groups within which answers are evened out. Same arguments, same questions.

    1. Yes and no of a group become equally frequent.  2. In other groups, from the rarest answer on, each is cut to `CAP` times
    the next rarer one.  3. Questions are left out until the shares of types come close to `STRUCTURAL_MIX`, `SEMANTIC_MIX`;
    yes and no leave in pairs.
    """
    _, group = np.unique(np.asarray(local, dtype=object).astype(str), return_inverse=True)
    words, answer = np.unique(np.asarray(answer, dtype=object).astype(str), return_inverse=True)
    chance = rng(seed, split, "balance").random(len(group))
    closed = np.isin(answer, np.flatnonzero(np.isin(words, ("no", "yes"))))
    rank, cell = _ranks(group, answer, chance)
    kept = rank < _quotas(group, answer, closed, cell)
    partner = chance.copy()  # the two questions of a pair leave together: the number of one decides for both
    yes = closed & kept
    key = group.astype(np.int64) * (len(group) + 1) + rank
    _, pair = np.unique(key[yes], return_inverse=True)
    partner[yes] = chance[np.flatnonzero(yes)[np.unique(pair, return_index=True)[1]]][pair]
    kinds = np.asarray(structural, dtype=object).astype(str), np.asarray(semantic, dtype=object).astype(str)
    return kept & _mixed(kept, partner, *kinds)


def _ranks(group: NDArray, answer: NDArray, chance: NDArray) -> tuple[NDArray, NDArray]:
    """Each question's place in a random order of its (group, answer), and the number of that cell."""
    order = np.lexsort((chance, answer, group))
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (np.diff(group[order]) != 0) | (np.diff(answer[order]) != 0)
    cells = np.cumsum(fresh) - 1
    rank, cell = np.empty_like(order), np.empty_like(order)
    rank[order] = np.arange(len(order)) - np.flatnonzero(fresh)[cells]
    cell[order] = cells
    return rank, cell


def _quotas(group: NDArray, answer: NDArray, closed: NDArray, cell: NDArray) -> NDArray[np.int64]:
    """(N,) how many questions of its group and answer are kept."""
    if not len(group):
        return np.zeros(0, dtype=np.int64)
    first = np.unique(cell, return_index=True)[1]
    count, owner, shut = np.bincount(cell), group[first], closed[first]
    order = np.lexsort((answer[first], count, owner))  # from rare to frequent inside each group
    size, of = count[order], owner[order]
    start = np.flatnonzero(np.r_[True, np.diff(of) != 0])
    place = np.arange(len(of)) - np.repeat(start, np.diff(np.r_[start, len(of)]))
    members = np.bincount(of)[of]
    quota = size.copy()
    for k in range(1, int(place.max()) + 1):
        here = np.flatnonzero(place == k)
        quota[here] = np.minimum(size[here], np.maximum(LEAST, np.floor(CAP * quota[here - 1])))
    shut_group = shut[order]
    even = np.where(members == 2, np.repeat(size[start], np.diff(np.r_[start, len(of)])), 0)
    quota = np.where(shut_group, even, quota)
    back = np.empty_like(quota)
    back[order] = quota
    return back[cell]


def _mixed(kept: NDArray, partner: NDArray, structural: NDArray, semantic: NDArray) -> NDArray[np.bool_]:
    """(N,) which of the kept ones stay so that types come in the wanted shares."""
    names = list(STRUCTURAL_MIX), list(SEMANTIC_MIX)
    kind = [
        np.array([of.index(k) for of, k in ((list(w), k) for k in col)])
        for w, col in zip(names, (structural, semantic), strict=True)
    ]
    cell = kind[0] * len(names[1]) + kind[1] if len(kept) else np.zeros(0, dtype=int)
    count = np.bincount(cell[kept], minlength=len(names[0]) * len(names[1])).astype(float)
    quota = _shares(count.reshape(len(names[0]), -1)).ravel()
    stay = np.zeros(len(kept), dtype=bool)
    for k in np.flatnonzero(count):
        rows = np.flatnonzero(kept & (cell == k))
        wanted = int(quota[k])
        if wanted:
            stay[rows] = partner[rows] <= np.sort(partner[rows])[wanted - 1]
    return stay


def _shares(count: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many questions per (structural, semantic) type: the wanted margins, or all there are, `KEPT` of them in total."""
    target = count.copy()
    for _ in range(50):  # iterative proportional fitting (Deming and Stephan, 1940)
        for axis, mix in ((1, STRUCTURAL_MIX), (0, SEMANTIC_MIX)):
            have = target.sum(axis=axis, keepdims=True)
            wanted = np.array(list(mix.values())).reshape(have.shape)
            target *= np.divide(wanted, have, out=np.zeros_like(have), where=have > 0)
    low, high = 0.0, count.sum() * 1e3
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(count, middle * target).sum() < KEPT * count.sum() else (low, middle)
    return np.ceil(np.minimum(count, high * target))

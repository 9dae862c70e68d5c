"""Accuracy of parts: by hops, by type, by length of the question, each with how sure one can be of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mmkit.errors import DataError
from mmkit.scores import checks

Z = 1.959963984540054  # 95 % of a normal distribution lie within so many standard deviations


class ByGroup(NamedTuple):
    """One entry per group, ascending: (G,) its label, share of right answers, 95 % interval of the share, questions."""

    group: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    count: np.ndarray


def by(groups: ArrayLike, correct: ArrayLike) -> ByGroup:
    """Share of right answers in [0, 1] per group, with `wilson`'s interval.

    `groups` (N,) numbers or texts, `correct` (N,) bool or 0/1. Raises DataError for no question, unequal lengths, and for
    values of `correct` that are neither right nor wrong.
    """
    right = checks.classes(correct, "correct", n_classes=2)
    groups = np.asarray(groups)
    if groups.shape != right.shape:
        raise DataError(f"groups have shape {groups.shape}, expected {right.shape}: one for each answer")
    label, member, count = np.unique(groups, return_inverse=True, return_counts=True)
    share = np.bincount(member, weights=right) / count
    low, high = wilson(share, count)
    return ByGroup(label, share, low, high, count)


def wilson(share: ArrayLike, count: ArrayLike, z: float = Z) -> tuple[np.ndarray, np.ndarray]:
    """(low, high) of a share of `count` independent answers, in [0, 1]; `z` = 1.96 gives 95 %.

    Wilson (1927): all p with |share - p| <= z sqrt(p (1 - p) / count). Unlike share +- z * standard error it stays inside
    [0, 1] and has a width when every answer is right. Questions about one graph are not independent: it is too narrow then.
    """
    share, count = np.asarray(share, dtype=np.float64), np.asarray(count, dtype=np.float64)
    if ((count < 1) | (share < 0) | (share > 1)).any():
        raise DataError("a share outside 0 to 1, or of fewer than 1 answer, has no interval")
    middle = share + z**2 / (2 * count)
    half = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    below = 1 + z**2 / count
    return np.maximum((middle - half) / below, 0.0), np.minimum((middle + half) / below, 1.0)

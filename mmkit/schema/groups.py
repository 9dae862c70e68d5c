"""Splits that keep groups whole: the utterances of a scene, a dialogue or a speaker stand on one side, never on two."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mmkit.errors import DataError, SettingsError

TRIED, ROUNDS = 150, 60  # groups among which places are changed, and how often at most: more are even enough already


def grouped_folds(groups: ArrayLike, k: int, seed: int, labels: ArrayLike | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
    """`k` pairs (train rows, test rows), ascending int64: every row is tested once, and no group stands on both sides.

    `groups` (N,) and `labels` (N,) are names or numbers. Sizes, and with `labels` the share of each class, are as even as
    `grouped_parts` makes them. Raises SettingsError for k below 2 and DataError for fewer groups than folds.
    """
    if k < 2:
        raise SettingsError(f"k = {k}, expected at least 2 folds")
    tests = grouped_parts(groups, [1 / k] * k, seed, labels)
    rows = np.arange(sum(map(len, tests)))
    return [(np.setdiff1d(rows, test, assume_unique=True), test) for test in tests]


def grouped_parts(groups: ArrayLike, shares: Sequence[float], seed: int, labels: ArrayLike | None = None) -> list[np.ndarray]:
    """Rows of disjoint parts with about these shares (sum 1), ascending int64 each; a group's rows all lie in one part.

    Groups are dealt out one by one, those of at least twice the size first and in random order else, each to the part that it
    brings closest to its goal: least sum over classes, and over rows as a whole, of (dealt - goal)^2 / goal. Then two groups
    change places as long as that lowers the sum. No part stays empty. The same arguments give the same parts. Raises
    SettingsError for impossible shares, and DataError for fewer groups than parts, unequal lengths or a nameless group.
    """
    goal = np.asarray(shares, dtype=float)
    if goal.ndim != 1 or not len(goal) or not (goal > 0).all() or abs(goal.sum() - 1) > 1e-6:
        raise SettingsError(f"shares = {list(shares)}, expected numbers above 0 that sum to 1")
    member, counts = _counts(groups, labels)
    if len(counts) < len(goal):
        raise DataError(
            f"{len(counts)} groups in {len(member)} rows cannot fill {len(goal)} parts: a group is never divided. "
            "Ask for fewer parts, or group by something finer"
        )
    rng = np.random.default_rng([seed, 0x6209])
    part = _exchange(_deal(counts, goal, rng), counts, goal, rng)[member]
    return [np.flatnonzero(part == p) for p in range(len(goal))]


def _counts(groups: ArrayLike, labels: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
    """(N,) number of each row's group, and (G, C + 1) rows of each class in each group, all of its rows last."""
    groups = np.asarray(groups)
    if groups.ndim != 1 or not len(groups):
        raise DataError(f"groups have shape {groups.shape}, expected (N,) with N at least 1")
    nameless = groups != groups if groups.dtype.kind == "f" else np.equal(groups, None) if groups.dtype.kind == "O" else False
    if np.any(nameless):
        row = int(np.argmax(nameless))
        raise DataError(f"row {row} has no group ({groups[row]}); {int(np.sum(nameless))} rows are without, expected none")
    member = np.unique(groups, return_inverse=True)[1].astype(np.int64)
    size = np.bincount(member)[:, None]
    if labels is None:
        return member, size
    labels = np.asarray(labels)
    if labels.shape != groups.shape:
        raise DataError(f"labels have shape {labels.shape}, expected {groups.shape}: one for each row")
    label = np.unique(labels, return_inverse=True)[1]
    width = int(label.max()) + 1
    by_class = np.bincount(member * width + label, minlength=len(size) * width).reshape(-1, width)
    return member, np.concatenate([by_class, size], axis=1)


def _deal(counts: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(G,) the part of each group."""
    goal = shares[:, None] * counts.sum(axis=0)  # (P, C + 1)
    missing, part = goal.copy(), np.empty(len(counts), dtype=np.int64)
    size = counts[:, -1]
    order = rng.permutation(len(counts))
    order = order[np.argsort(-np.floor(np.log2(size[order])), kind="stable")]
    empty = np.ones(len(shares), dtype=bool)
    for dealt, group in enumerate(order):
        own = counts[group]
        change = (own * (own - 2 * missing) / goal).sum(axis=1)  # of the sum of squares, for each part
        if len(order) - dealt <= empty.sum():
            change[~empty] = np.inf  # as many groups left as parts without any
        best = int(change.argmin())
        part[group], empty[best] = best, False
        missing[best] -= own
    return part


def _exchange(part: np.ndarray, counts: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(G,) parts after the best exchange of two groups, again and again."""
    goal = shares[:, None] * counts.sum(axis=0)  # (P, C + 1)
    missing = goal.copy()
    np.subtract.at(missing, part, counts)
    some = np.sort(rng.permutation(len(counts))[:TRIED])
    gain = counts[some] - counts[some][:, None]  # (S, S, C + 1): what the part of g gets when g and h change places
    for _ in range(ROUNDS):
        at = part[some]
        inverse, lack = 1 / goal[at], missing[at] / goal[at]
        change = (gain * (gain * (inverse[:, None] + inverse) - 2 * (lack[:, None] - lack))).sum(axis=-1)
        g, h = np.unravel_index(np.where(at[:, None] == at, np.inf, change).argmin(), change.shape)
        if at[g] == at[h] or change[g, h] > -1e-9:
            break
        missing[at[g]] -= gain[g, h]
        missing[at[h]] += gain[g, h]
        part[some[g]], part[some[h]] = at[h], at[g]
    return part

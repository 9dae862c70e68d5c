"""Is the difference real? Two methods on the same examples: McNemar's test, and intervals and tests over whole groups.

Utterances of one dialogue are not independent, so differences are resampled, or have their sign changed, dialogue by dialogue.
`wilson` gives the interval of one share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mmkit.errors import DataError, SettingsError, nearest
from mmkit.scores import checks
from mmkit.scores.answer_groups import wilson

__all__ = [
    "Discordant", "Estimate", "McNemar", "bootstrap", "bootstrap_f1", "counts_printed", "mcnemar", "mcnemar_p",
    "possible_discordant", "sign_flip", "sizes_printed", "wilson",
]  # fmt: skip
AVERAGES = ("weighted", "macro")
EXACT = 14  # up to so many groups all 2^G changes of sign are tried
AT_ONCE = 4_000_000  # entries of the largest array


class McNemar(NamedTuple):
    """How often both are right, only the first, only the second, neither; and p of equal accuracy, two-sided, in four ways."""

    both: int
    only_a: int
    only_b: int
    neither: int
    exact: float
    mid: float
    chi2: float  # the statistic, with correction for continuity; 1 degree of freedom
    chi2_p: float


class Estimate(NamedTuple):
    """A mean difference and its interval."""

    mean: float
    low: float
    high: float


class Discordant(NamedTuple):
    """(K,) each: all pairs of counts that two accuracies leave open, and McNemar's p of each."""

    only_a: np.ndarray
    only_b: np.ndarray
    exact: np.ndarray
    mid: np.ndarray


def mcnemar(a: ArrayLike, b: ArrayLike) -> McNemar:
    """McNemar's test (1947) of two methods on the same examples; `a`, `b` (N,) bool: which answers are right.

    Only examples that exactly one method gets right speak: under equal accuracy each is the first's with probability 1/2.
    """
    a = checks.classes(a, "answers of the first", n_classes=2).astype(bool)
    b = checks.classes(b, "answers of the second", n_classes=2, like=len(a)).astype(bool)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    p = mcnemar_p(only_a, only_b)
    return McNemar(int((a & b).sum()), only_a, only_b, int((~a & ~b).sum()), *(float(v) for v in p))


def mcnemar_p(only_a: ArrayLike, only_b: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(exact p, mid-p, chi2, p of chi2) for counts of discordant examples of any one shape.

    Exact: 2 P(X <= least of both), X ~ Binomial(n, 1/2), at most 1: never too often significant, but too seldom. Mid-p counts
    half of the observed outcome (Fagerland, Lydersen and Laake, 2013): 2 P(X <= least) - P(X = least). chi2 = (|b - c| - 1)^2
    / (b + c) (Edwards, 1948), 0 for equal counts.
    """
    from scipy.special import chdtrc
    from scipy.stats import binom

    b, c = np.broadcast_arrays(np.asarray(only_a), np.asarray(only_b))
    if b.dtype.kind not in "iu" or c.dtype.kind not in "iu" or (b < 0).any() or (c < 0).any():
        raise DataError("counts of discordant examples are expected to be whole numbers from 0")
    n, least = b + c, np.minimum(b, c)
    tail, point = binom.cdf(least, n, 0.5), binom.pmf(least, n, 0.5)
    chi2 = np.maximum(np.abs(b - c) - 1, 0) ** 2 / np.maximum(n, 1)
    return np.minimum(2 * tail, 1.0), np.minimum(2 * tail - point, 1.0), chi2, chdtrc(1, chi2)


def possible_discordant(n: int, right_a: int, right_b: int) -> Discordant:
    """Every McNemar table of `n` examples of which the first method gets `right_a` right and the second `right_b`.

    Two accuracies fix the difference of the discordant counts, not the counts: p is least where the better method loses none
    of the other's answers (first entry) and largest where they share as few as possible (last).
    """
    if n < 1 or not (0 <= right_a <= n and 0 <= right_b <= n):
        raise SettingsError(f"n = {n}, right_a = {right_a}, right_b = {right_b}; expected counts from 0 to n, n at least 1")
    both = np.arange(min(right_a, right_b), max(0, right_a + right_b - n) - 1, -1)
    only_a, only_b = right_a - both, right_b - both
    return Discordant(only_a, only_b, *mcnemar_p(only_a, only_b)[:2])


def counts_printed(accuracy: float, n: int, digits: int = 1) -> np.ndarray:
    """(K,) int64: all numbers of right answers among `n` that print as `accuracy` percent with `digits` decimals; may be none."""
    half = 0.5 * 10.0**-digits + 1e-9  # halfway values may have been rounded either way
    first, last = np.ceil(n * max(accuracy - half, 0) / 100), np.floor(n * min(accuracy + half, 100) / 100)
    return np.arange(first, last + 1).astype(np.int64)


def sizes_printed(accuracies: Sequence[float], most: int, digits: int = 1) -> np.ndarray:
    """(K,) int64: the sizes of a test set, up to `most`, on which every one of these printed accuracies is reachable."""
    fits = [n for n in range(1, most + 1) if all(len(counts_printed(a, n, digits)) for a in accuracies)]
    return np.array(fits, dtype=np.int64)


def bootstrap(
    difference: ArrayLike, groups: ArrayLike | None = None, draws: int = 2000, seed: int = 0, level: float = 0.95
) -> Estimate:
    """Mean of `difference` (N,), a score of one method minus another's per example, and its percentile interval.

    Whole groups are drawn with replacement, as many as there are; `groups` (N,) names or numbers, None: each example is one.
    A draw's mean is over its examples, so that large groups count more, as in the score itself. Below about 20 groups the
    interval is too short. Raises DataError for fewer than two groups.
    """
    total, size = _sums(difference, groups)
    means = [times @ total / (times @ size) for times in _redraws(len(size), draws, seed)]
    return _estimate(total.sum() / size.sum(), means, level)


def bootstrap_f1(
    y: ArrayLike, a: ArrayLike, b: ArrayLike, n_classes: int, groups: ArrayLike | None = None,
    average: str = "weighted", draws: int = 2000, seed: int = 0, level: float = 0.95,
) -> Estimate:  # fmt: skip
    """F1 of the predicted classes `a` (N,) minus that of `b` (N,), `y` (N,) being true, and the interval of `bootstrap`.

    F1 is no mean over examples: each draw of groups has its own counts of right, predicted and present examples, and F1 from
    them. `average`: "weighted" by the number of true examples of a class, or "macro".
    """
    if average not in AVERAGES:
        raise SettingsError(f"no average {average!r}{nearest(average, AVERAGES)}")
    y = checks.classes(y, "truth", n_classes)
    a, b = (checks.classes(v, "predicted class", n_classes, like=len(y)) for v in (a, b))
    member, count = _members(groups, len(y))
    of_class = np.eye(n_classes + 1)[:, :n_classes]  # the last row, for wrong answers, counts nowhere
    shown = np.stack([y, a, b, np.where(a == y, y, n_classes), np.where(b == y, y, n_classes)])
    cells = member * (n_classes + 1) + shown
    counts = [np.bincount(c, minlength=count * (n_classes + 1)).reshape(count, -1) @ of_class for c in cells]  # 5 of (G, C)

    def difference(times: np.ndarray) -> np.ndarray:
        n, *others = (times @ each for each in counts)  # (draws, C)
        weight = n / n.sum(axis=-1, keepdims=True) if average == "weighted" else np.full(n_classes, 1 / n_classes)
        f1_a, f1_b = (2 * c / np.maximum(m + n, 1) for m, c in zip(others[:2], others[2:], strict=True))
        return ((f1_a - f1_b) * weight).sum(axis=-1)

    observed = difference(np.ones((1, count)))[0]
    return _estimate(observed, [difference(times) for times in _redraws(count, draws, seed)], level)


def sign_flip(difference: ArrayLike, groups: ArrayLike | None = None, draws: int = 10_000, seed: int = 0) -> float:
    """p, two-sided, of "the methods could be exchanged in any group": signs of whole groups' differences are changed at random.

    Arguments as in `bootstrap`. Up to 14 groups every change of sign is tried, so p is exact and at least 2 / 2^G; beyond,
    p = (as extreme + 1) / (draws + 1), the observed signs counted among the draws (Phipson and Smyth, 2010).
    """
    if draws < 1:
        raise SettingsError(f"draws = {draws}, expected at least 1")
    total, _ = _sums(difference, groups)
    total = total / (np.abs(total).max() or 1.0)
    bar = abs(total.sum()) - 1e-9 * len(total)  # equal up to rounding is as extreme
    if len(total) <= EXACT:
        signs = 1 - 2 * (np.arange(2 ** len(total))[:, None] >> np.arange(len(total)) & 1)
        return float((np.abs(signs @ total) >= bar).mean())
    rng, extreme = np.random.default_rng([seed, 0xF11B]), 0
    for some in _blocks(draws, len(total)):
        signs = np.where(rng.random((some, len(total))) < 0.5, -1.0, 1.0)
        extreme += int((np.abs(signs @ total) >= bar).sum())
    return (extreme + 1) / (draws + 1)


def _members(groups: ArrayLike | None, n: int) -> tuple[np.ndarray, int]:
    """(N,) number of each example's group, and how many groups there are."""
    groups = np.arange(n) if groups is None else np.asarray(groups)
    if groups.shape != (n,):
        raise DataError(f"groups have shape {groups.shape}, expected {(n,)}: one for each example")
    names, member = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise DataError(f"{len(names)} group of {n} examples; chance between groups needs at least 2")
    return member, len(names)


def _sums(difference: ArrayLike, groups: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
    """Per group: sum of its differences and number of its examples, (G,) each."""
    difference = checks.finite(difference, "difference")
    member, count = _members(groups, len(difference))
    return np.bincount(member, weights=difference, minlength=count), np.bincount(member, minlength=count).astype(float)


def _redraws(groups: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    """How often each group is drawn, (some, G) at a time."""
    if draws < 1:
        raise SettingsError(f"draws = {draws}, expected at least 1")
    rng = np.random.default_rng([seed, 0xB007])
    for some in _blocks(draws, groups):
        drawn = rng.integers(0, groups, size=(some, groups)) + groups * np.arange(some)[:, None]
        yield np.bincount(drawn.ravel(), minlength=some * groups).reshape(some, groups).astype(float)


def _estimate(observed: float, drawn: list[np.ndarray], level: float) -> Estimate:
    if not 0 < level < 1:
        raise SettingsError(f"level = {level}, expected a number between 0 and 1")
    low, high = np.quantile(np.concatenate(drawn), [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(observed), float(low), float(high))


def _blocks(draws: int, width: int) -> list[int]:
    """How many draws to make at once, so that arrays stay small."""
    step = max(1, AT_ONCE // width)
    return [min(step, draws - first) for first in range(0, draws, step)]

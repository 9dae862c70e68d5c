"""How often the verdicts are wrong, and how often they see what is there: made-up papers through the same arithmetic."""

from __future__ import annotations

import math

import numpy as np

from mmkit.claims.intervals import intervals, moments
from mmkit.errors import ClaimError, nearest

DISTRIBUTIONS = ("normal", "heavy tails", "skewed", "shared baseline", "folds")


def simulate(
    effect: float = 0.0,
    n_seeds: int = 5,
    n_claims: int = 9,
    *,
    n_true: int = 1,
    kept: float = 0.0,
    distribution: str = "normal",
    repeats: int = 10_000,
    seed: int = 0,
    alpha: float = 0.05,
    train_test_ratio: float | None = None,
) -> dict[str, float]:
    """Rates at which made-up papers get right and wrong verdicts, through the arithmetic that `judge` uses.

    Each of `repeats` papers has `n_claims` claims, the first `n_true` of them true with mean gain `effect`, the others with
    none; gains have standard deviation 1, so `effect` is in standard deviations of the paired differences. In the null
    control a share `kept` of the effect stays. `distribution`: "normal", "heavy tails" (t with 3 degrees of freedom), "shared
    baseline" (claims correlated 0.5: all against one method), "folds" (seeds correlated as folds that share training data
    are), or "skewed" (1 minus an exponential), for which no t interval of a few seeds keeps its promise: false_upheld is far
    above `alpha`, which is a reason to look at the differences and to pair methods whose scores scatter alike.

    Returns false_upheld (share of papers with any untrue claim upheld), false_upheld_per_claim, power (share of true claims
    upheld), false_explained (share of papers with any claim explained whose gain does not shrink), explained_power; NaN where
    there is no such claim.
    """
    if distribution not in DISTRIBUTIONS:
        raise ClaimError(f"no distribution {distribution!r}{nearest(distribution, DISTRIBUTIONS)}")
    if not (n_seeds >= 2 and 0 <= n_true <= n_claims and n_claims >= 1 and repeats >= 1):
        raise ClaimError(
            "simulate needs at least two seeds, one claim, one repeat and n_true <= n_claims; got "
            f"n_seeds={n_seeds}, n_claims={n_claims}, n_true={n_true}, repeats={repeats}"
        )
    rng = np.random.default_rng(seed)
    shape = (repeats, n_claims, n_seeds)
    gain = np.where(np.arange(n_claims) < n_true, effect, 0.0)[:, None]
    main = gain + _noise(rng, shape, distribution, train_test_ratio)
    null = kept * gain + _noise(rng, shape, distribution, train_test_ratio)
    upheld, explained = (_above(values, alpha, train_test_ratio) for values in (main, main - null))
    true, shrinks = gain[:, 0] > 0, gain[:, 0] * (1 - kept) > 0
    return {
        "false_upheld": _any(upheld[:, ~true]),
        "false_upheld_per_claim": _mean(upheld[:, ~true]),
        "power": _mean(upheld[:, true]),
        "false_explained": _any(explained[:, ~shrinks]),
        "explained_power": _mean(explained[:, shrinks]),
    }


def _above(gains: np.ndarray, alpha: float, train_test_ratio: float | None) -> np.ndarray:
    """(papers, claims, seeds) -> which claims' intervals lie above zero."""
    mean, se, df, _ = moments(gains, train_test_ratio)
    low, _, _ = intervals(mean, se, df, np.zeros_like(mean), alpha)
    return low > 0


def _noise(
    rng: np.random.Generator, shape: tuple[int, int, int], distribution: str, train_test_ratio: float | None
) -> np.ndarray:
    """Gains of mean 0 and standard deviation 1, (papers, claims, seeds)."""
    papers, claims, seeds = shape
    if distribution == "heavy tails":
        return rng.standard_t(3, shape) / math.sqrt(3)
    if distribution == "skewed":
        return 1 - rng.standard_exponential(shape)
    if distribution == "shared baseline":
        return math.sqrt(0.5) * (rng.standard_normal(shape) + rng.standard_normal((papers, 1, seeds)))
    if distribution == "folds":
        share = (
            1 / seeds if train_test_ratio is None else 1 / (1 + train_test_ratio)
        )  # the test share, as Nadeau and Bengio assume
        own, common = rng.standard_normal(shape), rng.standard_normal((papers, claims, 1))
        return math.sqrt(1 - share) * own + math.sqrt(share) * common
    return rng.standard_normal(shape)


def _any(hits: np.ndarray) -> float:
    return float(hits.any(axis=-1).mean()) if hits.shape[-1] else math.nan


def _mean(hits: np.ndarray) -> float:
    return float(hits.mean()) if hits.size else math.nan

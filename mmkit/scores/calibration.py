"""Does 0.7 mean seven in ten, and does a model know when it does not know?

`y` is 0 or 1 and `p` the probability of 1, both (N,) or (N, G): every film-genre pair is one event. Entropies are in nats.
Raises DataError for unequal shapes, values that are not finite, a truth that is not 0 or 1, and probabilities outside [0, 1].
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mmkit.errors import DataError
from mmkit.scores import checks


class UncertaintyParts(NamedTuple):
    """total = aleatoric + epistemic, in nats, (N, G) each."""

    total: np.ndarray
    aleatoric: np.ndarray
    epistemic: np.ndarray


# Calibration


def reliability_curve(y: ArrayLike, p: ArrayLike, bins: int = 15) -> dict[str, np.ndarray]:
    """Per bin of equal width in p that has events: their mean probability, the share that is 1, and their count."""
    y, p = _events(y, p)
    which = np.minimum((p * _at_least_one(bins)).astype(np.int64), bins - 1).ravel()  # p = 1 belongs to the last bin
    count = np.bincount(which, minlength=bins)
    some = count > 0
    sums = (np.bincount(which, weights=values.ravel(), minlength=bins)[some] for values in (p, y))
    probability, share = (s / count[some] for s in sums)
    return {"probability": probability, "share": share, "count": count[some]}


def expected_calibration_error(y: ArrayLike, p: ArrayLike, bins: int = 15) -> float:
    """Mean over events of |share that is 1 - mean probability| of their bin; 0 when calibrated, at most 1.

    Guo et al. (2017), eq. 3, on the probability of 1 instead of the winning class: a pair has no other class to win.
    """
    curve = reliability_curve(y, p, bins)
    return float(np.average(np.abs(curve["share"] - curve["probability"]), weights=curve["count"]))


def briers(y: ArrayLike, p: ArrayLike) -> np.ndarray:
    """Squared error of the probabilities, mean over genres: (N,)."""
    y, p = _events(y, p)
    return np.square(p - y).reshape(len(y), -1).mean(axis=1)


def brier(y: ArrayLike, p: ArrayLike) -> float:
    """Mean of `briers`: 0 when certain and right, 0.25 at a constant 0.5, 1 when certain and wrong."""
    return float(briers(y, p).mean())


# Uncertainty


def entropy(p: ArrayLike) -> np.ndarray:
    """-p ln p - (1 - p) ln(1 - p) of each probability, in the shape of `p`: 0 at 0 and 1, ln 2 at 0.5."""
    return _entropy(_probabilities(p, "probability"))


def uncertainty_parts(samples: ArrayLike) -> UncertaintyParts:
    """What weight samples say of one prediction, per film and genre: `samples` (S, N, G) probabilities -> three (N, G).

    total is the entropy of the mean probability; aleatoric the mean entropy, noise that every sample sees; epistemic their
    difference, the mutual information of label and weights: what the samples disagree about (Depeweg et al., 2018).
    """
    samples = _probabilities(samples, "samples")
    if samples.ndim != 3:
        raise DataError(
            f"samples have shape {samples.shape}, expected (S, N, G): one probability per weight sample, film and genre"
        )
    total, aleatoric = _entropy(samples.mean(axis=0)), _entropy(samples).mean(axis=0)
    epistemic = np.maximum(total - aleatoric, 0.0)  # never negative (Jensen), but for rounding
    return UncertaintyParts(total, aleatoric, epistemic)


# Leaving the uncertain ones out


def rejection_curve(error: ArrayLike, uncertainty: ArrayLike) -> dict[str, np.ndarray]:
    """Mean error of the k most certain films, k = 1 ... N: coverage k / N and error, (N,) each.

    `error` (N,) in any unit, `uncertainty` (N,) in any order-keeping one. Equally uncertain films share their mean error, so
    that the order of the rows does not matter; a constant uncertainty gives a level line.
    """
    error = checks.finite(error, "error")
    uncertainty = checks.finite(uncertainty, "uncertainty", like=len(error))
    _, group, size = np.unique(uncertainty, return_inverse=True, return_counts=True)
    shared = np.bincount(group, weights=error) / size
    count = np.arange(1, len(error) + 1)
    return {"coverage": count / len(error), "error": np.repeat(shared, size).cumsum() / count}


def rejection_area(error: ArrayLike, uncertainty: ArrayLike) -> float:
    """Mean of the curve over all coverages: lower is better, the mean error when the uncertainty knows nothing."""
    return float(rejection_curve(error, uncertainty)["error"].mean())


def error_at_coverage(error: ArrayLike, uncertainty: ArrayLike, coverage: float) -> float:
    """Mean error when the most certain share `coverage` in (0, 1] is answered, rounded up to whole films."""
    if not 0 < coverage <= 1:
        raise DataError(f"coverage is {coverage}, expected more than 0 and at most 1")
    curve = rejection_curve(error, uncertainty)
    n = len(curve["error"])
    return float(curve["error"][math.ceil(coverage * n - 1e-9) - 1])  # 0.7 of 10 films are 7, whatever floats say


def _entropy(p: np.ndarray) -> np.ndarray:
    from scipy.special import entr

    return entr(p) + entr(1 - p)


def _probabilities(p: ArrayLike, what: str) -> np.ndarray:
    """float64 of any shape with at least one value, all in [0, 1]."""
    array = checks.finite(np.ravel(p), what).reshape(np.shape(p))
    if (bad := (array < 0) | (array > 1)).any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise DataError(f"{what} at {place} is {array[place]:g}, expected 0 to 1; hand in the sigmoid, not the logits")
    return array


def _events(y: ArrayLike, p: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    p, shape = _probabilities(p, "probability"), np.shape(y)
    y = checks.classes(np.ravel(y), "truth", n_classes=2).reshape(shape)
    if y.shape != p.shape or y.ndim == 0:
        raise DataError(f"probability has shape {p.shape} and the truth {y.shape}, expected the same (N,) or (N, G)")
    return y, p


def _at_least_one(bins: int) -> int:
    if bins < 1:
        raise DataError(f"{bins} bins, expected at least 1")
    return bins

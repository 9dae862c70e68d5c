"""What every metric asks of its inputs, so that a wrong shape or a NaN is told and never averaged."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mmkit.errors import DataError


def pair(y: ArrayLike, prediction: ArrayLike, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 (N,). Raises DataError for no example, another shape, unequal lengths, or a value that is not finite."""
    return finite(y, "truth"), finite(prediction, what, like=len(np.asarray(y)))


def finite(values: ArrayLike, what: str, ndim: int = 1, like: int | None = None) -> np.ndarray:
    """float64, `ndim` axes, at least one row (`like` rows when given), all finite."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{what} is of type {array.dtype}, expected numbers")
    array = array.astype(np.float64)
    if array.ndim != ndim or array.size == 0:
        raise DataError(f"{what} has shape {array.shape}, expected {'(N,)' if ndim == 1 else '(N, K)'} with N at least 1")
    if like is not None and len(array) != like:
        raise DataError(f"{what} has {len(array)} examples and the truth {like}; expected one prediction per example")
    if not (good := np.isfinite(array)).all():
        row = int(np.argwhere(~good)[0][0])
        raise DataError(f"{what} has {int((~good).sum())} values that are not finite, the first in row {row}: {array[row]}")
    return array


def classes(y: ArrayLike, what: str, n_classes: int | None = None, like: int | None = None) -> np.ndarray:
    """Class numbers as int64 (N,), each in [0, n_classes)."""
    array = finite(y, what, like=like)
    whole = array.astype(np.int64)
    bad = (array != whole) | (whole < 0) | (whole >= (n_classes or np.inf))
    if bad.any():
        row = int(bad.argmax())
        below = f" below {n_classes}" if n_classes else ""
        raise DataError(
            f"{what} row {row} is {array[row]:g}, expected a class number from 0{below}; {int(bad.sum())} rows are wrong"
        )
    return whole


def probabilities(p: ArrayLike, ndim: int = 1, like: int | None = None) -> np.ndarray:
    """Numbers in [0, 1], (N,) of the positive class or (N, K) whose rows sum to 1."""
    array = finite(p, "probability", ndim, like)
    if (bad := ((array < 0) | (array > 1)).reshape(len(array), -1).any(axis=1)).any():
        row = int(bad.argmax())
        raise DataError(
            f"probability row {row} is {array[row]}, expected numbers from 0 to 1; hand in softmax or sigmoid, not logits"
        )
    if ndim == 2 and (off := np.abs(array.sum(axis=1) - 1)).max() > 1e-3:
        row = int(off.argmax())
        raise DataError(f"probability row {row} sums to {array[row].sum():.4f}, expected 1")
    return array

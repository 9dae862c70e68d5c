"""How far off are predicted numbers? Errors per example first, then means over examples.

`y` and `prediction` are (N,) in the target's unit. Raises DataError for empty, unequal or non-finite inputs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mmkit.errors import DataError
from mmkit.scores import checks


def squared_errors(y: ArrayLike, prediction: ArrayLike) -> np.ndarray:
    """(prediction - y)^2 per example, in the target's unit squared."""
    y, prediction = checks.pair(y, prediction, "prediction")
    return np.square(prediction - y)


def absolute_errors(y: ArrayLike, prediction: ArrayLike) -> np.ndarray:
    """|prediction - y| per example, in the target's unit."""
    y, prediction = checks.pair(y, prediction, "prediction")
    return np.abs(prediction - y)


def rmse(y: ArrayLike, prediction: ArrayLike) -> float:
    """Root of the mean squared error over all examples: few outliers can dominate it."""
    return float(np.sqrt(squared_errors(y, prediction).mean()))


def mae(y: ArrayLike, prediction: ArrayLike) -> float:
    """Mean absolute error."""
    return float(absolute_errors(y, prediction).mean())


def r2(y: ArrayLike, prediction: ArrayLike) -> float:
    """1 - squared error / that of the mean of `y`: 1 exact, 0 as the mean, below 0 worse. Needs two different targets."""
    errors = squared_errors(y, prediction)
    spread = np.square(np.asarray(y, dtype=np.float64) - np.mean(y, dtype=np.float64)).sum()
    if spread == 0:
        raise DataError(f"all {len(errors)} targets are equal; r2 needs at least two different ones")
    return float(1 - errors.sum() / spread)

"""Do two readings of the same examples agree? What a model's weights say against what the world knows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from mmkit.scores import checks


def spearman(x: ArrayLike, y: ArrayLike) -> float:
    """Rank correlation in [-1, 1]; equal values share their mean rank. NaN when either is constant: no order to agree on.

    Raises DataError for empty, unequal or non-finite inputs.
    """
    from scipy.stats import rankdata

    x, y = checks.pair(x, y, "second reading")
    a, b = (rankdata(v) - (len(v) + 1) / 2 for v in (x, y))
    if not a.any() or not b.any():
        return math.nan
    return float(np.clip(a @ b / math.sqrt((a @ a) * (b @ b)), -1, 1))

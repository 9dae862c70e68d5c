"""Columns of a table made of arrays: names for numbers, lists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def named(names: Sequence[str] | NDArray[np.str_], numbers: NDArray) -> pa.Array:
    """The name of each number, (N,)."""
    return pa.array(names).take(pa.array(numbers))


def lists(offsets: NDArray, values: pa.Array) -> pa.ListArray:
    """List i holds the values offsets[i] to offsets[i + 1] - 1."""
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)

"""Columns of a table made of arrays: names for numbers, lists, vectors."""

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


def vectors(values: NDArray) -> pa.FixedSizeListArray:
    """The rows of a matrix (N, D) as lists of D numbers."""
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])

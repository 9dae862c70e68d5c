"""Ragged Arrow columns to padded tensors and masks, for a whole batch in a few vectorised steps."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from mmkit.errors import DataError
from mmkit.schema import steps, whole


def flat(column: pa.ListArray | pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """(values (S,), or (S, D) of a list of steps, offsets (N + 1,)) of a list column, without a copy where Arrow allows it.

    Null lists are refused.
    """
    column = whole(column)
    if column.null_count:
        raise DataError(f"a list column has {column.null_count} missing lists, expected none: use an empty list instead")
    if pa.types.is_fixed_size_list(column.type.value_type):
        return steps(column)
    offsets = column.offsets.to_numpy().astype(np.int64)
    return column.values.to_numpy(zero_copy_only=False), offsets


def pad(values: np.ndarray, offsets: np.ndarray, rows: np.ndarray, fill: int | float = 0) -> tuple[Tensor, Tensor]:
    """Rows of a ragged column as (x (B, T) or (B, T, D), keep (B, T) bool); T is the longest of these rows, at least 1."""
    start = offsets[rows]
    length = offsets[rows + 1] - start
    step = np.arange(max(int(length.max(initial=0)), 1))
    keep = step < length[:, None]  # (B, T)
    at = np.where(keep, start[:, None] + step, 0)
    x = values[at] if len(values) else np.zeros((*at.shape, *values.shape[1:]), values.dtype)
    x[~keep] = fill
    return torch.from_numpy(x), torch.from_numpy(keep)

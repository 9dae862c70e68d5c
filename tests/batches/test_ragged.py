"""Padding against torch's own, on whole, sliced and chunked columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch.nn.utils.rnn import pad_sequence

from mmkit.batches.ragged import flat, pad
from mmkit.errors import DataError

ROWS = [[3, 1, 4], [], [1], [5, 9, 2, 6, 5], [], [3, 5]]
LISTS = pa.array(ROWS, pa.list_(pa.int32()))


def check(column, rows, fill=0):
    lists = column.to_pylist()
    x, keep = pad(*flat(column), np.array(rows), fill)
    wanted = [torch.tensor(lists[r], dtype=torch.int32) for r in rows]
    torch.testing.assert_close(x, pad_sequence(wanted, batch_first=True, padding_value=fill))
    torch.testing.assert_close(keep, pad_sequence([torch.ones(len(w), dtype=torch.bool) for w in wanted], batch_first=True))


@pytest.mark.parametrize("fill", [0, -7])
@pytest.mark.parametrize("rows", [[0, 3, 5], [5, 0, 0, 1], [2], list(range(6))])
def test_as_torch_pads(rows, fill):
    check(LISTS, rows, fill)


@pytest.mark.parametrize(
    "column",
    [
        LISTS.slice(2, 3),
        pa.chunked_array([LISTS.slice(3), LISTS.slice(0, 2), LISTS.slice(1, 3)]),
        pa.table({"ids": LISTS}).take([4, 3, 0])["ids"],
        pa.table({"ids": LISTS}).slice(3)["ids"],
    ],
)
def test_offsets_that_do_not_start_at_zero(column):
    check(column, list(range(len(column))))
    check(column, [1, 0])


def test_only_empty_rows_give_one_padded_step():
    for column in (LISTS, pa.array([[], []], pa.list_(pa.int32()))):
        x, keep = pad(*flat(column), np.array([1, 1]), 8)
        assert x.tolist() == [[8], [8]]
        assert keep.tolist() == [[False], [False]]


def test_padding_does_not_write_into_the_column():
    before = LISTS.to_pylist()
    x, _ = pad(*flat(LISTS), np.arange(6))
    x += 1
    assert LISTS.to_pylist() == before


def test_missing_lists_are_refused():
    with pytest.raises(DataError, match="1 missing lists, expected none: use an empty list instead"):
        flat(pa.array([[1], None], pa.list_(pa.int32())))

"""Batches of aligned columns: shuffled by seed and epoch, bucketed by length, equal in size, shardable over processes."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from mmkit.batches.ragged import flat, pad
from mmkit.errors import DataError

Batch = dict[str, Tensor]
BUCKET = 16  # batches whose rows are sorted by length together: little padding, still random


@dataclass(frozen=True)
class Columns:
    """What a model reads of N records: ragged token ids and, by name, dense arrays and further ragged ids; all with N rows."""

    ids: pa.ListArray
    dense: dict[str, np.ndarray]
    pad_id: int = 0
    ragged: dict[str, pa.ListArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, array in {**self.dense, **self.ragged}.items():
            if len(array) != len(self.ids):
                raise DataError(f"columns of unequal length: {name!r} has {len(array)} rows, the token ids have {len(self.ids)}")

    def __len__(self) -> int:
        return len(self.ids)


class Batches:
    """Iterate over one epoch's batches: {ids (B, T) int64, keep (B, T) bool, <dense columns>, <ragged columns>}.

    A ragged column `name` is padded to the longest of its own rows and comes with its mask, `name_keep`.

    Batches of an epoch differ by at most one record, so none is nearly empty (a batch norm over one record would fail) and
    nothing is dropped. Shuffled: a new order per epoch, fixed by (seed, epoch); rows of similar length share a batch.
    Not shuffled: the order of the records. With `world` processes, process `rank` gets its slice of every batch.
    """

    def __init__(
        self, columns: Columns, size: int, *, shuffle: bool = False, seed: int = 0, rank: int = 0, world: int = 1
    ) -> None:
        if size < 1 or len(columns) < 1:
            raise DataError(f"cannot make batches of {size} out of {len(columns)} records, expected at least one of each")
        self.columns, self.size, self.shuffle, self.seed, self.rank, self.world = columns, size, shuffle, seed, rank, world
        self.values, self.offsets = flat(columns.ids)
        self.ragged = {name: flat(lists) for name, lists in columns.ragged.items()}
        self.dense = {name: torch.from_numpy(np.array(array)) for name, array in columns.dense.items()}

    def __len__(self) -> int:
        return max(math.ceil(len(self.columns) / self.size - 0.5), 1)  # half down: 7 by 2 would leave one alone

    def share(self, rank: int, world: int) -> Batches:
        """The same batches, of which process `rank` out of `world` gets its slice."""
        mine = copy.copy(self)
        mine.rank, mine.world = rank, world
        return mine

    def epoch(self, number: int = 0, skip: int = 0) -> Iterator[Batch]:
        """Batches of epoch `number`, without the first `skip` (already done before an interruption)."""
        for rows in self.rows(number)[skip:]:
            yield self.collate(np.array_split(rows, self.world)[self.rank])

    def rows(self, number: int = 0) -> list[np.ndarray]:
        """The record numbers of every batch of epoch `number`."""
        n = len(self.columns)
        if not self.shuffle:
            return np.array_split(np.arange(n), len(self))
        rng = np.random.default_rng([self.seed, number])
        order, length = rng.permutation(n), np.diff(self.offsets)
        pools = np.array_split(order, max(round(len(self) / BUCKET), 1))
        order = np.concatenate([pool[np.argsort(length[pool], kind="stable")] for pool in pools])
        batches = np.array_split(order, len(self))
        return [batches[i] for i in rng.permutation(len(batches))]

    def collate(self, rows: np.ndarray) -> Batch:
        """These records as one batch."""
        ids, keep = pad(self.values, self.offsets, rows, self.columns.pad_id)
        at = torch.from_numpy(rows)
        batch = {"ids": ids.long(), "keep": keep, **{name: array.index_select(0, at) for name, array in self.dense.items()}}
        for name, (values, offsets) in self.ragged.items():
            more, batch[f"{name}_keep"] = pad(values, offsets, rows, self.columns.pad_id)
            batch[name] = more.long()
        return batch

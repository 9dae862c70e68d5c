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
    """What a model reads of N records: ragged token ids (or None) and, by name, dense arrays and further ragged columns.

    A ragged column holds ids, or steps of D numbers (a sequence of `MultimodalSchema`); pads are `pad_id`, or zeros.
    """

    ids: pa.ListArray | None
    dense: dict[str, np.ndarray]
    pad_id: int = 0
    ragged: dict[str, pa.ListArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        first = next(iter(self._all), "")
        for name, array in self._all.items():
            if len(array) != len(self):
                raise DataError(f"columns of unequal length: {name!r} has {len(array)} rows, {first!r} has {len(self)}")

    @property
    def _all(self) -> dict[str, pa.ListArray | np.ndarray]:
        return {**({} if self.ids is None else {"ids": self.ids}), **self.dense, **self.ragged}

    def __len__(self) -> int:
        return len(next(iter(self._all.values()), ()))


class Batches:
    """Iterate over one epoch's batches: {ids (B, T) int64, keep (B, T) bool, <dense columns>, <ragged columns>}.

    A ragged column `name` is padded to the longest of its own rows and comes with its mask, `name_keep`. Without token ids
    there is neither ids nor keep, and the first ragged column takes their place where lengths matter.

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
        ragged = columns.ragged if columns.ids is None else {"ids": columns.ids, **columns.ragged}
        self.ragged = {name: flat(lists) for name, lists in ragged.items()}
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
        _, offsets = next(iter(self.ragged.values()), (None, np.arange(n + 1)))
        order, length = self.order(number, rng), np.diff(offsets)
        pools = np.array_split(order, max(round(len(self) / BUCKET), 1))
        order = np.concatenate([pool[np.argsort(length[pool], kind="stable")] for pool in pools])
        batches = np.array_split(order, len(self))
        return [batches[i] for i in rng.permutation(len(batches))]

    def order(self, number: int, rng: np.random.Generator) -> np.ndarray:
        """All records in the random order of epoch `number`, before those of similar length are put together."""
        return rng.permutation(len(self.columns))

    def collate(self, rows: np.ndarray) -> Batch:
        """These records as one batch."""
        at = torch.from_numpy(rows)
        batch = {name: array.index_select(0, at) for name, array in self.dense.items()}
        for name, (values, offsets) in self.ragged.items():
            ids = values.ndim == 1
            x, keep = pad(values, offsets, rows, self.columns.pad_id if ids else 0.0)
            batch[name], batch["keep" if name == "ids" else f"{name}_keep"] = x.long() if ids else x, keep
        return batch

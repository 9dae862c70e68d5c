"""Records in splits, and the whole of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmkit.errors import DataError
from mmkit.schema.captions import CaptionSchema
from mmkit.schema.columns import PARTS, matrix
from mmkit.schema.multimodal import MultimodalSchema
from mmkit.schema.pairs import PairSchema
from mmkit.schema.questions import GraphQuestionSchema
from mmkit.schema.tables import TableSchema

Schema = TableSchema | PairSchema | MultimodalSchema | CaptionSchema | GraphQuestionSchema


@dataclass(frozen=True)
class Split:
    """Some rows: what a model may see (`table`) and, apart from it, what only a world knows (`truth`, same rows)."""

    table: pa.Table
    truth: pa.Table | None = None

    def __len__(self) -> int:
        return self.table.num_rows

    def __getitem__(self, row: int) -> dict[str, Any]:
        """One record as a dict, for a person to look at. Never used in training."""
        return self.table.slice(row % len(self), 1).to_pylist()[0]

    def take(self, rows: Sequence[int] | np.ndarray) -> Split:
        rows = pa.array(np.asarray(rows))
        return Split(self.table.take(rows), None if self.truth is None else self.truth.take(rows))


@dataclass(frozen=True)
class Dataset:
    """All records of one data set. `source` says where they come from, `counts` what was read and what was left out."""

    name: str
    schema: Schema
    records: Split
    source: str
    fingerprint: str = ""  # changes whenever the content does: part of a trial's cache key
    counts: dict[str, int] = field(default_factory=dict)
    graphs: pa.Table | None = None  # what several records share: the graphs that questions are about

    def __post_init__(self) -> None:
        if len(self.records) == 0:
            raise DataError(f"{self.name}: no records in {self.source}")
        shared = () if self.graphs is None else (self.graphs,)
        if problems := self.schema.problems(self.records.table, *shared):
            raise DataError(f"{self.name}: {len(problems)} problem{'s' * (len(problems) > 1)} in {self.source}", problems)

    @property
    def labels(self) -> np.ndarray:
        """(N,), or (N, G) of 0 and 1 for several labels per record."""
        column = self.records.table[self.schema.label]
        return matrix(column) if pa.types.is_fixed_size_list(column.type) else column.to_numpy()

    def parts(self, shares: Sequence[float], seed: int) -> list[Split]:
        """Disjoint random parts with these shares (sum 1); class shares are kept equal. Deterministic for a seed."""
        edges = np.cumsum(shares)[:-1]
        rank = _spread(self.labels if self.schema.classes else None, len(self.records), seed)
        part = np.searchsorted(edges, rank, side="right")
        return [self.records.take(np.flatnonzero(part == p)) for p in range(len(shares))]

    def official(self) -> list[Split]:
        """[train, valid, test] as the column `part` says. Raises DataError when one of them is empty."""
        part = self.records.table["part"]
        rows = {name: np.flatnonzero(pc.equal(part, name).to_numpy(zero_copy_only=False)) for name in PARTS}
        if empty := [name for name, at in rows.items() if not len(at)]:
            raise DataError(f"{self.name}: no records for {', '.join(empty)} in {self.source}, expected some in each part")
        return [self.records.take(at) for at in rows.values()]

    def fold(self, k: int, of: int, seed: int) -> tuple[Split, Split]:
        """(train, test) of fold `k` out of `of`; every record is tested once. Deterministic for a seed."""
        rank = _spread(self.labels if self.schema.classes else None, len(self.records), seed)
        held = np.minimum((rank * of).astype(int), of - 1) == k
        return self.records.take(np.flatnonzero(~held)), self.records.take(np.flatnonzero(held))


def _spread(labels: np.ndarray | None, n: int, seed: int) -> np.ndarray:
    """A random position in [0, 1) per row, evenly spaced within each class, so that any interval is a stratified sample."""
    rng = np.random.default_rng([seed, 0x5917])
    rank = np.empty(n)
    for label in [None] if labels is None else np.unique(labels):
        rows = np.arange(n) if label is None else np.flatnonzero(labels == label)
        rank[rng.permutation(rows)] = (np.arange(len(rows)) + rng.random()) / len(rows)
    return rank

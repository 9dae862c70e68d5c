"""What one example is: column roles, types, units. Worlds and readers both fill it; everything to the right relies on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmkit.errors import DataError

ROLES = {"text": pa.string(), "category": pa.string(), "number": pa.float64()}
TASKS = ("binary", "multiclass", "regression")


@dataclass(frozen=True)
class Column:
    """One column. `low`/`high` bound numbers, `levels` lists the allowed categories (None: any). Null means not known."""

    name: str
    role: str  # text | category | number
    unit: str = ""
    low: float | None = None
    high: float | None = None
    levels: tuple[str, ...] | None = None
    about: str = ""


@dataclass(frozen=True)
class TableSchema:
    """Text, category and number columns with one label: class index int64 (binary: 1 = `classes[1]`) or float64 target."""

    name: str
    task: str  # binary | multiclass | regression
    columns: tuple[Column, ...]
    label: str
    classes: tuple[str, ...] = ()
    label_unit: str = ""

    def names(self, role: str) -> list[str]:
        return [c.name for c in self.columns if c.role == role]

    @property
    def text(self) -> list[str]:
        return self.names("text")

    @property
    def categories(self) -> list[str]:
        return self.names("category")

    @property
    def numbers(self) -> list[str]:
        return self.names("number")

    @property
    def arrow(self) -> pa.Schema:
        label = pa.float64() if self.task == "regression" else pa.int64()
        fields = [pa.field(c.name, ROLES[c.role]) for c in self.columns]
        return pa.schema([*fields, pa.field(self.label, label, nullable=False)])

    def problems(self, table: pa.Table) -> list[str]:
        """Everything about `table` that breaks this schema, worded for a person; empty when it fits."""
        if found := _wrong_columns(self.name, self.arrow, table):
            return found
        for column in self.columns:
            found += _out_of_range(self.name, column, table[column.name])
        label = table[self.label]
        if label.null_count:
            found.append(
                f"{self.name}: label {self.label!r} is missing in {label.null_count} rows, expected a value in every row"
            )
        elif self.task != "regression":
            bounds = Column(self.label, "number", low=0, high=len(self.classes) - 1)
            found += _out_of_range(self.name, bounds, label)
        elif not bool(pc.all(pc.is_finite(label)).as_py()):
            found.append(f"{self.name}: label {self.label!r} has infinite or NaN values, expected finite numbers")
        return found


PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class PairSchema:
    """Sentences and their translations: one text column per language, and `part`, the official split, train | valid | test."""

    name: str
    languages: tuple[str, str]  # names of the two text columns, for example ("de", "en")
    label: str = ""  # nothing to predict but the other column
    classes: tuple[str, ...] = ()

    @property
    def arrow(self) -> pa.Schema:
        return pa.schema([pa.field(name, pa.string(), nullable=False) for name in (*self.languages, "part")])

    def problems(self, table: pa.Table) -> list[str]:
        """Everything about `table` that breaks this schema, worded for a person; empty when it fits."""
        if found := _wrong_columns(self.name, self.arrow, table):
            return found
        for name in self.languages:
            blank = pc.equal(pc.utf8_trim_whitespace(pc.fill_null(table[name], "")), "")
            rows = np.flatnonzero(blank.to_numpy(zero_copy_only=False))
            found += [f"{self.name}: row {row}, column {name!r}: no text, expected a sentence" for row in rows]
        return found + _out_of_range(self.name, Column("part", "category", levels=PARTS), table["part"])


MODALITIES = ("text", "vector", "sequence", "picture", "people")


@dataclass(frozen=True)
class Modality:
    """One thing that an example shows. Missing values are not allowed: a reader leaves the record out, or fills it, and counts.

    kind: text (a string) | vector (D numbers) | sequence (one or more steps of D numbers) | picture (bytes of (3, H, W), RGB) |
    people (any number of {role, name}).  shape: (D,) of a vector or of one step, (3, H, W) of a picture, () otherwise.
    """

    name: str
    kind: str
    shape: tuple[int, ...] = ()
    unit: str = ""
    about: str = ""

    @property
    def arrow(self) -> pa.DataType:
        if self.kind == "vector":
            return pa.list_(pa.float32(), self.shape[0])
        if self.kind == "sequence":
            return pa.list_(pa.list_(pa.float32(), self.shape[0]))
        if self.kind == "picture":
            return pa.list_(pa.uint8(), int(np.prod(self.shape)))
        return pa.string() if self.kind == "text" else pa.list_(pa.struct([("role", pa.string()), ("name", pa.string())]))


@dataclass(frozen=True)
class MultimodalSchema:
    """`id` (unique), some modalities, one label, and `part`, the official split, train | valid | test.

    Label: multilabel, a 0 or 1 (uint8) per class, at least one 1; binary and multiclass, a class number (int64).
    """

    name: str
    task: str  # multilabel | binary | multiclass
    modalities: tuple[Modality, ...]
    label: str
    classes: tuple[str, ...]

    def __getitem__(self, name: str) -> Modality:
        """The modality of this name. Raises DataError naming the known ones."""
        for modality in self.modalities:
            if modality.name == name:
                return modality
        raise DataError(f"{self.name} has no modality {name!r}, expected one of {', '.join(m.name for m in self.modalities)}")

    @property
    def arrow(self) -> pa.Schema:
        label = pa.list_(pa.uint8(), len(self.classes)) if self.task == "multilabel" else pa.int64()
        columns = [("id", pa.string()), *((m.name, m.arrow) for m in self.modalities), (self.label, label), ("part", pa.string())]
        return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns])

    def problems(self, table: pa.Table) -> list[str]:
        """Everything about `table` that breaks this schema, worded for a person; empty when it fits."""
        if found := _wrong_columns(self.name, self.arrow, table):
            return found
        for column in self.arrow.names:
            rows = np.flatnonzero(pc.is_null(table[column]).to_numpy(zero_copy_only=False))
            found += [f"{self.name}: row {row}, column {column!r}: no value, expected one in every row" for row in rows]
        if found:
            return found
        counts = pc.value_counts(table["id"])
        found += [
            f"{self.name}: id {value!r} stands {count} times, expected each id once"
            for value, count in zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(), strict=True)
            if count > 1
        ]
        for modality in self.modalities:
            found += _broken_rows(self.name, modality, table[modality.name])
        if self.task == "multilabel":
            y = matrix(table[self.label])
            found += [f"{self.name}: row {row}: no {self.label}, expected at least one" for row in np.flatnonzero(~y.any(axis=1))]
            rows = np.flatnonzero((y > 1).any(axis=1))
            found += [f"{self.name}: row {row}, column {self.label!r}: {y[row].max()}, expected 0 or 1" for row in rows]
        else:
            found += _out_of_range(self.name, Column(self.label, "number", low=0, high=len(self.classes) - 1), table[self.label])
        return found + _out_of_range(self.name, Column("part", "category", levels=PARTS), table["part"])


def whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column in one piece; copied only where it is in several."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def matrix(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """A column of vectors as an array (N, D)."""
    column = whole(column)
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), column.type.list_size)


def steps(column: pa.ChunkedArray | pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """A column of sequences as all their steps (S, D) and offsets (N + 1,): record n has steps offsets[n] to offsets[n + 1]."""
    column = whole(column)
    offsets = column.offsets.to_numpy().astype(np.int64)
    return matrix(column.flatten()), offsets - offsets[0]


def _broken_rows(name: str, modality: Modality, column: pa.ChunkedArray) -> list[str]:
    """Rows of one modality that no model can read."""
    place = f"{name}: row {{}}, column {modality.name!r}: {{}}"
    if modality.kind == "vector":
        rows = np.flatnonzero(~np.isfinite(matrix(column)).all(axis=1))
        return [place.format(row, "infinite or NaN values, expected finite numbers") for row in rows]
    if modality.kind == "sequence":
        values, offsets = steps(column)
        empty = np.flatnonzero(np.diff(offsets) == 0)
        bad = np.unique(np.searchsorted(offsets, np.flatnonzero(~np.isfinite(values).all(axis=1)), side="right") - 1)
        return [place.format(row, "no steps, expected at least one") for row in empty] + [
            place.format(row, "infinite or NaN values, expected finite numbers") for row in bad
        ]
    if modality.kind == "text":
        blank = pc.equal(pc.utf8_trim_whitespace(column), "").to_numpy(zero_copy_only=False)
        return [place.format(row, "no text, expected some") for row in np.flatnonzero(blank)]
    return []


def _wrong_columns(name: str, schema: pa.Schema, table: pa.Table) -> list[str]:
    found = []
    for want in schema:
        if want.name not in table.column_names:
            found.append(f"{name}: column {want.name!r} is missing, expected {want.type}")
        elif table.schema.field(want.name).type != want.type:
            found.append(f"{name}: column {want.name!r} is {table.schema.field(want.name).type}, expected {want.type}")
    return found


def _out_of_range(table: str, column: Column, values: pa.ChunkedArray) -> list[str]:
    if column.role == "number":
        bad = pc.if_else(pc.is_valid(values), pc.invert(pc.is_finite(pc.cast(values, pa.float64()))), False)
        if column.low is not None:
            bad = pc.or_kleene(bad, pc.less(values, column.low))
        if column.high is not None:
            bad = pc.or_kleene(bad, pc.greater(values, column.high))
        expected = f"a finite number in [{column.low}, {column.high}]"
    elif column.role == "category" and column.levels is not None:
        bad = pc.and_kleene(pc.is_valid(values), pc.invert(pc.is_in(values, pa.array(column.levels))))
        expected = f"one of {', '.join(column.levels)}"
    else:
        return []
    rows = np.flatnonzero(pc.fill_null(bad, False).to_numpy(zero_copy_only=False))
    return [f"{table}: row {row}, column {column.name!r}: {values[int(row)].as_py()!r}, expected {expected}" for row in rows]


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
    schema: TableSchema | PairSchema | MultimodalSchema
    records: Split
    source: str
    fingerprint: str = ""  # changes whenever the content does: part of a trial's cache key
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.records) == 0:
            raise DataError(f"{self.name}: no records in {self.source}")
        if problems := self.schema.problems(self.records.table):
            raise DataError(f"{self.name}: {len(problems)} problems in {self.source}", problems)

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

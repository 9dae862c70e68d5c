"""Arrow columns: what a column may hold, what is wrong with one, and how to read vectors and sequences out of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ROLES = {"text": pa.string(), "category": pa.string(), "number": pa.float64()}
PARTS = ("train", "valid", "test")


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


def whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column in one piece; copied only where it is in several."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def matrix(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """A column of vectors as an array (N, D)."""
    column = whole(column)
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), column.type.list_size)


def vectors(values: np.ndarray) -> pa.FixedSizeListArray:
    """An array (N, ...) as a column of vectors, what `matrix` reads; the numbers are shared where they lie in one piece."""
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, int(np.prod(values.shape[1:])))


def steps(column: pa.ChunkedArray | pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """A column of sequences as all their steps (S, D) and offsets (N + 1,): record n has steps offsets[n] to offsets[n + 1]."""
    column = whole(column)
    offsets = column.offsets.to_numpy().astype(np.int64)
    return matrix(column.flatten()), offsets - offsets[0]


def wrong_columns(name: str, schema: pa.Schema, table: pa.Table) -> list[str]:
    found = []
    for want in schema:
        if want.name not in table.column_names:
            found.append(f"{name}: column {want.name!r} is missing, expected {want.type}")
        elif table.schema.field(want.name).type != want.type:
            found.append(f"{name}: column {want.name!r} is {table.schema.field(want.name).type}, expected {want.type}")
    return found


def missing_values(name: str, schema: pa.Schema, table: pa.Table) -> list[str]:
    """Rows of `table` without a value in a column of `schema` that is not nullable."""
    found = []
    for field in schema:
        if not field.nullable and table[field.name].null_count:
            rows = np.flatnonzero(pc.is_null(table[field.name]).to_numpy(zero_copy_only=False))
            found += [f"{name}: row {row}, column {field.name!r}: no value, expected one in every row" for row in rows]
    return found


def repeated_ids(name: str, ids: pa.ChunkedArray) -> list[str]:
    """Ids that stand in more than one row."""
    counts = pc.value_counts(ids)
    return [
        f"{name}: id {value!r} stands {count} times, expected each id once"
        for value, count in zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(), strict=True)
        if count > 1
    ]


def out_of_range(table: str, column: Column, values: pa.ChunkedArray) -> list[str]:
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

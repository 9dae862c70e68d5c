"""Raw cells -> the columns of a schema: numbers parsed, categories and labels checked, each wrong cell named by file and line."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection

import pyarrow as pa

from mmkit.errors import DataError
from mmkit.readers.csv_tables import Raw
from mmkit.schema import Column, Dataset, Split, TableSchema

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)  # float() alone would also take 'nan', '1_0' and ' 7 '
MONEY = re.compile(r"\$?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?", re.ASCII)


def fill(
    schema: TableSchema,
    raw: Raw,
    source: str,
    version: str,
    *,
    money: Collection[str] = (),
    unique: str | None = None,
    unlabelled: bool = False,
    advice: str = "",
) -> Dataset:
    """Judge `raw` by `schema` and build the Dataset, or raise one DataError that lists every problem of every file.

    money: number columns that may be written $1,234.00; unique: a column whose values may not repeat (not a feature);
    unlabelled: records without a label are left out and counted instead of refused; advice: what to do, for the error.
    """
    _require_columns(schema, raw)
    present = [c for c in schema.columns if c.name in raw.columns]
    if not raw.problems:  # of a damaged file not enough may be left to say that a column is empty
        _refuse_empty(present, raw)
    values = {c.name: _values(c, raw, c.name in money) for c in present}
    label = _label(schema, raw, schema.label in money, unlabelled) if schema.label in raw.columns else []
    if unique in raw.columns:
        _refuse_repeats(raw, unique)
    if raw.problems:
        problems = raw.worded()
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise DataError(f"{schema.name}: {count} in {source}", problems, advice or "See data_scripts/README.md for the format.")

    counts = {key: n for key, n in raw.counts.items() if n}
    keep = [row for row, value in enumerate(label) if value is not None]
    if left_out := len(label) - len(keep):
        counts[f"records left out: no {schema.label}"] = left_out
    table = pa.table({**values, schema.label: label}, schema=pa.schema([f.with_nullable(True) for f in schema.arrow]))
    table = table.take(pa.array(keep, pa.int64())).cast(schema.arrow)
    if free := sum(value == 0 for value in label) if schema.task == "regression" else 0:
        counts[f"{schema.label} is 0"] = free  # kept, but a logarithm of it has no value
    counts |= {f"missing: {c.name}": n for c in present if (n := table[c.name].null_count)}
    return Dataset(schema.name, schema, Split(table), source, f"{raw.fingerprint}-{version}", counts)


def _require_columns(schema: TableSchema, raw: Raw) -> None:
    roles = {c.name: c.role for c in schema.columns} | {schema.label: "label"}
    spare = {name.casefold(): name for name in raw.header if name and name not in roles}
    for name, role in roles.items():
        if name not in raw.columns and name not in raw.header:  # in the header, not in the columns: another file lacks it
            close = difflib.get_close_matches(name.casefold(), spare, n=1, cutoff=0.75)
            hint = f"; did you mean {spare[close[0]]!r}?" if close else ""
            raw.problems.append((raw.path.name, 1, f"column {name!r} ({role}) is not in the header, expected it{hint}"))


def _refuse_empty(columns: list[Column], raw: Raw) -> None:
    for name in [c.name for c in columns if not any(raw.columns[c.name])]:
        text = f"column {name!r}: empty in all {len(raw):,} records, expected at least one value"
        raw.problems.append((raw.path.name, 1, text))


def _values(column: Column, raw: Raw, money: bool) -> list[str | None] | list[float | None]:
    cells = raw.columns[column.name]
    if column.role == "number":
        return numbers(raw, column, money)
    if column.levels is not None:
        wrong = set(cells) - {"", *column.levels}
        for row in [r for r, cell in enumerate(cells) if cell in wrong] if wrong else []:
            raw.report(row, column.name, f"one of {', '.join(column.levels)} or an empty field")
    return [cell or None for cell in cells]


def numbers(raw: Raw, column: Column, money: bool = False, empty: str = " or an empty field") -> list[float | None]:
    """One float per record; None where the field is empty. Cells that are no number in the column's range are reported."""
    cells = raw.columns[column.name]
    parsed = {cell: _number(cell, column, money) for cell in set(cells)}  # each distinct cell once
    if any(value is math.nan for value in parsed.values()):
        expected = _expected(column, money) + empty
        for row, cell in enumerate(cells):
            if parsed[cell] is math.nan:
                raw.report(row, column.name, expected + (", without '$' and ','" if "$" in cell and not money else ""))
    return [parsed[cell] for cell in cells]


def _number(cell: str, column: Column, money: bool) -> float | None:
    """The number in `cell`; None when it is empty; math.nan, which no cell can mean, when it is wrong."""
    if not cell:
        return None
    if not (NUMBER.fullmatch(cell) or (money and MONEY.fullmatch(cell))):
        return math.nan
    value = float(cell.lstrip("$").replace(",", ""))
    low = -math.inf if column.low is None else column.low
    high = math.inf if column.high is None else column.high
    return value if low <= value <= high and math.isfinite(value) else math.nan


def _expected(column: Column, money: bool) -> str:
    kind = "an amount such as 120 or $1,234.00" if money else "a number"
    match column.low, column.high:
        case None, None:
            return kind
        case low, None:
            return f"{kind}, at least {low:g}"
        case None, high:
            return f"{kind}, at most {high:g}"
        case low, high:
            return f"{kind} from {low:g} to {high:g}"


def _label(schema: TableSchema, raw: Raw, money: bool, unlabelled: bool) -> list[float | None] | list[int | None]:
    cells = raw.columns[schema.label]
    if schema.task == "regression":
        label = numbers(raw, Column(schema.label, "number", low=0), money, empty="")
    else:
        codes = {form: k for k in range(len(schema.classes)) for form in (str(k), f"{k}.0")}  # a data frame with a gap writes 1.0
        label = [codes.get(cell) for cell in cells]
        expected = " or ".join(f"{k} ({name})" for k, name in enumerate(schema.classes))
        for row in [r for r, cell in enumerate(cells) if cell and cell not in codes]:
            raw.report(row, schema.label, expected)
    if not unlabelled:
        for row in [r for r, cell in enumerate(cells) if not cell]:
            raw.report(row, schema.label, "a label in every record")
    return label


def _refuse_repeats(raw: Raw, column: str) -> None:
    first: dict[str, int] = {}
    for row, cell in enumerate(raw.columns[column]):
        if not cell:
            raw.report(row, column, "an id in every record")
        elif cell in first:
            raw.report(row, column, f"an id used once; it was used at {raw.files[first[cell]]}:{raw.lines[first[cell]]}")
        first.setdefault(cell, row)

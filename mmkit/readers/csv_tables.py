"""Strict reading of CSV (RFC 4180; plain, gzip or zip): each record with its physical line, each problem listed, nothing guessed.

What is kept: an empty field is a missing value, every other cell is its text, so "nan" or "NA" in a text column stays a word.
What is refused: another encoding than UTF-8, another delimiter than a comma, records of another length than the header.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmkit.errors import DataError
from mmkit.readers.files import AGAIN, content, decode, refuse_other_formats

INDEX_NAME = re.compile(r"(Unnamed: \d+(\.\d+)?)?")  # what data frames call an index that was written as a column
DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
Problems = list[tuple[str, int, str]]  # file, line (0 = the file as a whole), what is wrong


@dataclass
class Raw:
    """Cells of one or several CSV files as text, not judged yet.

    path: the (first) file; columns: name -> one cell per record; files, lines: where each record starts;
    header: every column name of the (first) file; problems: (file, line, text) found so far, line 0 = the file as a whole;
    counts: what was read and skipped; digests: sha256 of each file.
    """

    path: Path
    columns: dict[str, list[str]]
    files: list[str]
    lines: list[int]
    header: list[str]
    problems: Problems = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    digests: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lines)

    def report(self, row: int, column: str, expected: str) -> None:
        """Note that the cell of `column` in record `row` is not what was expected."""
        value = self.columns[column][row]
        shown = repr(value if len(value) <= 60 else value[:57] + "...")
        self.problems.append((self.files[row], self.lines[row], f"column {column!r}: {shown}, expected {expected}"))

    def worded(self) -> list[str]:
        """The problems in order of file and line."""
        return [f"{file}:{line}: {text}" if line else f"{file}: {text}" for file, line, text in sorted(self.problems)]

    @property
    def fingerprint(self) -> str:
        """First 16 hex digits of the sha256 of the (unpacked) file; of the digests of all files when there are several."""
        whole = self.digests[0] if len(self.digests) == 1 else hashlib.sha256("".join(self.digests).encode()).hexdigest()
        return whole[:16]


def read_csv(path: Path, wanted: Collection[str], inside: Sequence[str] = ()) -> Raw:
    """Read the `wanted` columns of one file; no other column is kept in memory, whatever it holds.

    `inside` names the members to prefer in a zip. Problems of single records are collected in `Raw.problems`;
    a file that cannot be read as CSV at all raises DataError.
    """
    data = content(path, inside)
    refuse_other_formats(path, data)
    text = decode(path, data)
    header, rows, lines, problems, blank = _records(path, text)
    if not _used(header, wanted):
        _refuse_other_delimiter(path, header, wanted)
    if not rows and not problems:
        raise DataError(f"{path}: has a header with {len(header)} columns and no records, expected at least one", advice=AGAIN)

    named = [i for i, name in enumerate(header) if not INDEX_NAME.fullmatch(name)]
    for name, times in Counter(header[i] for i in named).items():
        if times > 1:
            at = ", ".join(str(i + 1) for i in named if header[i] == name)
            problems.append((path.name, 1, f"column {name!r}: stands {times} times in the header (fields {at}), expected once"))
    cells = list(zip(*rows, strict=True)) or [()] * len(header)
    columns = {header[i]: list(cells[i]) for i in named if header[i] in wanted}
    counts = Counter({
        "records read": len(rows),
        "byte order marks skipped": int(data.startswith(b"\xef\xbb\xbf")),
        "blank lines skipped": blank,
        "index columns not used": len(header) - len(named),
        "other columns not used": len(named) - sum(header[i] in wanted for i in named),
    })  # fmt: skip
    return Raw(path, columns, [path.name] * len(rows), lines, header, problems, counts, [hashlib.sha256(data).hexdigest()])


def join(parts: Sequence[Raw]) -> Raw:
    """One table from several files. A column that one of them lacks is a problem of that file."""
    if len(parts) == 1:
        return parts[0]
    names = [n for n in parts[0].columns if all(n in p.columns for p in parts)]
    whole = Raw(parts[0].path, {n: [c for p in parts for c in p.columns[n]] for n in names}, [], [], parts[0].header)
    for part in parts:
        whole.files += part.files
        whole.lines += part.lines
        whole.problems += part.problems
        whole.digests += part.digests
        for key, count in part.counts.items():  # columns are the same in every file: the most, not the sum
            whole.counts[key] = max(whole.counts[key], count) if "columns" in key else whole.counts[key] + count
    return whole


def _records(path: Path, text: str) -> tuple[list[str], list[list[str]], list[int], Problems, int]:
    """(header, complete records, the line each starts on, problems, blank lines). Only \\n ends a physical line."""
    reader = csv.reader(io.StringIO(text, newline="\n"), strict=True)
    header: list[str] | None = None
    last = text.count("\n") + 1  # the line number of a record without a line end
    rows, lines, problems, blank = [], [], [], 0
    while True:
        start = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as why:
            problems.append((path.name, start, _quoting(str(why), reader.line_num)))
            if header is None or "field larger" in str(why):  # what follows cannot be told apart any more
                break
            continue
        if header is None:
            header = row
        elif len(row) == len(header):
            rows.append(row)
            lines.append(start)
        elif row:
            hint = "is a comma not quoted?" if len(row) > len(header) else "is a line break not quoted?"
            if len(row) < len(header) and reader.line_num == last:
                hint = "the file ends here without a line end: is it cut off?"
            problems.append((path.name, start, f"{len(row)} fields, expected {len(header)} as in the header; {hint}"))
        else:
            blank += 1
    if header is None:
        raise DataError(f"{path}: cannot be read as CSV", [f"{file}:{line}: {text}" for file, line, text in problems], AGAIN)
    if not header:
        raise DataError(f"{path}:1: is a blank line, expected the column names")
    return header, rows, lines, problems, blank


def _quoting(why: str, end: int) -> str:
    """What Python's csv module found, in words that say where to look."""
    if "unexpected end" in why:
        return f"a quote opens in this record and is open where the file ends (line {end}), expected it closed; is it cut off?"
    if "field larger" in why:
        return "a quote opens in this record and is open 131,072 characters later, expected it closed; reading stopped here"
    if "new-line" in why:
        return "a carriage return without a line feed outside quotes, expected lines that end in LF or CRLF"
    return f"text follows a closing quote (line {end}), expected a comma; a quote inside a quoted field is written twice"


def _used(header: Sequence[str], wanted: Collection[str]) -> int:
    return sum(name in wanted for name in header)


def _refuse_other_delimiter(path: Path, header: Sequence[str], wanted: Collection[str]) -> None:
    line = ",".join(header)
    for mark, word in DELIMITERS.items():
        if _used([name.strip('" ') for name in line.split(mark)], wanted) > 1:
            raise DataError(f"{path}:1: columns are separated by {word} ({mark!r}), expected commas",
                            advice="Export it again as CSV with commas (RFC 4180).")  # fmt: skip

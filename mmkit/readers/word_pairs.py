"""Pairs of words and how similar people find them: SimLex-999, MEN and MTurk-771, from either form in which they are published.

The collected form is word<TAB>word<TAB>score without a header (EN-SIMLEX-999.txt ...). The authors' own: SimLex-999 has a
header and further columns, which are not read; MEN separates by spaces, MTurk-771 by commas. Words are lower-cased.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from mmkit.errors import DataError
from mmkit.readers import folders
from mmkit.readers.csv_tables import Raw
from mmkit.readers.files import AGAIN, content, decode, refuse_other_formats
from mmkit.readers.fill import numbers
from mmkit.schema import Column, Dataset, Split, TableSchema

COLUMNS = ("word1", "word2", "score")
SEPARATORS = {"\t": "tabs", ",": "commas", " ": "spaces"}


@dataclass(frozen=True)
class WordSet:
    """One set: its file names, the bounds of its scores, and the score's column where a file has a header."""

    name: str
    title: str
    names: tuple[str, ...]
    low: float
    high: float
    column: str = ""

    def locate(self, root: Path) -> Path | None:
        return folders.official(root, self.names)

    def read(self, path: Path) -> Dataset:
        """All pairs as "word1", "word2", label "score" (float64). Raises DataError that lists every problem."""
        raw = self._raw(path)
        score = Column("score", "number", low=self.low, high=self.high)
        label = numbers(raw, score, empty="")
        for row in [r for r, cell in enumerate(raw.columns["score"]) if not cell]:
            raw.report(row, "score", "a score in every record")
        _refuse_words(raw)
        _refuse_repeats(raw)
        source = f"{self.title}, {path}"
        if raw.problems:
            problems = raw.worded()
            count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
            raise DataError(f"{self.name}: {count} in {source}", problems, "See data_scripts/README.md for the format.")
        schema = TableSchema(self.name, "regression", (Column("word1", "text"), Column("word2", "text")), "score")
        words = [[word.lower() for word in raw.columns[name]] for name in COLUMNS[:2]]
        raw.counts["words lower-cased"] = sum(
            a != b for k in (0, 1) for a, b in zip(words[k], raw.columns[COLUMNS[k]], strict=True)
        )
        table = pa.table([*words, label], schema=schema.arrow)
        counts = {what: n for what, n in raw.counts.items() if n}
        return Dataset(self.name, schema, Split(table), source, f"{raw.fingerprint}-words1", counts)

    def _raw(self, path: Path) -> Raw:
        """The three cells of each line as text; lines with too few or too many fields are problems."""
        ending = ".csv" if any(name.endswith(".csv") for name in self.names) else ".txt"
        data = content(path, self.names, "pairs of words", ending)
        refuse_other_formats(path, data, "a pair of words", ending)
        lines = [line.removesuffix("\r") for line in decode(path, data, ending).split("\n")]
        split = next((mark for mark in SEPARATORS if mark in lines[0]), "\t")
        header = lines[0].split(split)
        named = bool(self.column) and self.column in header
        places = [header.index(name) for name in ("word1", "word2", self.column) if name in header] if named else [0, 1, 2]
        if len(places) < 3:
            raise DataError(f"{path}:1: column names {', '.join(header)}, expected word1, word2 and {self.column} among them")
        width = len(header) if named else 3
        raw = Raw(path, {name: [] for name in COLUMNS}, [], [], header, digests=[hashlib.sha256(data).hexdigest()])
        for number, line in enumerate(lines[named:], start=1 + named):
            cells = line.split(split)
            if not line.strip():
                raw.counts["blank lines skipped"] += number < len(lines)  # what follows the last line end is no line
            elif len(cells) != width:
                expected = f"{width} separated by {SEPARATORS[split]}"
                raw.problems.append((path.name, number, f"{len(cells)} fields, expected {expected}: {_short(line)}"))
            else:
                raw.files.append(path.name)
                raw.lines.append(number)
                for name, place in zip(COLUMNS, places, strict=True):
                    raw.columns[name].append(cells[place])
        raw.counts |= {"records read": len(raw), "byte order marks skipped": int(data.startswith(b"\xef\xbb\xbf"))}
        if not raw.lines and not raw.problems:
            raise DataError(f"{path}: holds no pair of words, expected one per line", advice=AGAIN)
        return raw


def _short(line: str) -> str:
    return repr(line if len(line) <= 60 else line[:57] + "...")


def _refuse_words(raw: Raw) -> None:
    for name in COLUMNS[:2]:
        for row, word in enumerate(raw.columns[name]):
            if not word or word != "".join(word.split()):
                raw.report(row, name, "one word without blanks")


def _refuse_repeats(raw: Raw) -> None:
    """A pair has one score. The other way round it may stand once more, as one pair of SimLex-999 does: that is counted."""
    first: dict[tuple[str, str], int] = {}
    for row, (one, two) in enumerate(zip(raw.columns["word1"], raw.columns["word2"], strict=True)):
        key = one.lower(), two.lower()
        if key in first:
            earlier = f"{raw.files[first[key]]}:{raw.lines[first[key]]}"
            text = f"the pair {one!r}, {two!r} was scored at {earlier} already, expected each pair once"
            raw.problems.append((raw.files[row], raw.lines[row], text))
        elif key[::-1] in first:
            raw.counts["pairs scored in both orders"] += 1
        first.setdefault(key, row)


SIMLEX999 = WordSet("simlex999", "SimLex-999", ("EN-SIMLEX-999.txt", "SimLex-999.txt"), 0, 10, "SimLex999")
MEN = WordSet("men", "MEN, 3,000 pairs", ("EN-MEN-TR-3k.txt", "MEN_dataset_natural_form_full"), 0, 50)
MTURK771 = WordSet("mturk771", "MTurk-771", ("EN-MTurk-771.txt", "MTURK-771.csv"), 1, 5)
SETS: Sequence[WordSet] = (SIMLEX999, MEN, MTURK771)

r"""Strict reading of parallel text: one sentence per line, line n of both languages says the same, plain or gzip, UTF-8.

What is kept: every line as it stands but for its line end. Only \n ends a line, so U+2028 or \r inside one cannot shift the
pairs; a \r before the \n (CRLF, as Windows tools write it) belongs to the line end. Both are counted, as are HTML entities.
What is refused: parts or languages that are missing, other encodings, empty lines, texts that do not run alongside each other.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmkit.errors import DataError
from mmkit.readers import alongside
from mmkit.readers.files import AGAIN, content, decode, refuse_other_formats
from mmkit.readers.folders import folders
from mmkit.schema import PARTS, Dataset, PairSchema, Split

KEPT = {  # what is unusual in a text and stays: what it is called in the counts -> how it looks
    "HTML entities": r"&(#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);",
    "marks of subword units (@@)": "@@( |$)",
    "line breaks of other kinds inside a line": "\r|\x0b|\x0c|\x1c|\x1d|\x1e|\u0085|\u2028|\u2029",
}
PACKED = ("", ".gz")
FORMAT = "See data_scripts/README.md for the format."
DEPTH = 3  # of folders below the root that are looked into


@dataclass(frozen=True)
class Layout:
    """File names of one data set: a file of part p and language l is called s + "." + l (or + ".gz") with s in `stems`[p].

    own: stems that no other data set uses. A folder without one of them, where all names are as common as "train", counts
    only if its path has one of the words `named` (when there are any) and none of the words `foreign`.
    """

    name: str
    title: str
    version: str
    stems: Mapping[str, tuple[str, ...]]
    own: Collection[str] = ()
    named: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    languages: tuple[str, str] = ("de", "en")

    def file(self, folder: Path, part: str, language: str) -> Path | None:
        """The file of a part in a language, the unpacked one first."""
        names = [f"{stem}.{language}{end}" for stem in self.stems[part] for end in PACKED]
        return next((folder / name for name in names if (folder / name).is_file()), None)

    def files(self, folder: Path) -> dict[tuple[str, str], Path | None]:
        return {(part, language): self.file(folder, part, language) for part in PARTS for language in self.languages}


@dataclass
class Text:
    """The lines of one file. digest: sha256 of its unpacked bytes; counts: what is unusual in it."""

    path: Path
    lines: pa.StringArray
    digest: str
    counts: Counter[str] = field(default_factory=Counter)


def locate(layout: Layout, root: Path) -> Path | None:
    """The folder with most of the six files, the nearest of equals: `root` (or the folder of the file `root`) or below it."""
    if root.is_file():
        return root.parent
    best, most = None, 1  # a single file with a common name is no data set
    for folder in folders(root, DEPTH):
        found = [path for path in layout.files(folder).values() if path is not None]
        if len(found) > most and _fits(layout, root, folder):
            best, most = folder, len(found)
    return best


def _fits(layout: Layout, root: Path, folder: Path) -> bool:
    """Whether a folder is this data set's: by a file name of its own, else by two parts and the folder names from `root` on."""
    found = {part: path for (part, _), path in layout.files(folder).items() if path is not None}
    if any(path.name.split(".")[0] in layout.own for path in found.values()):
        return True
    path = "/".join([root.absolute().name, *folder.relative_to(root).parts]).casefold()
    named = not layout.named or any(word in path for word in layout.named)
    return len(found) > 1 and named and not any(word in path for word in layout.foreign)


def read(layout: Layout, folder: Path) -> Dataset:
    """All pairs of train, valid and test, in this order. Raises DataError that lists every problem of every file."""
    problems: list[str] = []
    advice: list[str] = []
    texts: dict[str, list[Text]] = {}
    for part in PARTS:
        found = {language: layout.file(folder, part, language) for language in layout.languages}
        problems += [_absent(layout, part, language, found) for language in found if found[language] is None]
        both = [_text(path, problems, advice) for path in found.values() if path is not None]
        if len(both) == 2 and None not in both:
            problems += _pair_problems(*both)
            texts[part] = both
    source = f"{layout.title}, {folder}"
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise DataError(f"{layout.name}: {count} in {source}", problems, (advice or [FORMAT])[0])

    columns = [pa.chunked_array([texts[part][n].lines for part in PARTS]) for n in (0, 1)]
    sizes = [len(texts[part][0].lines) for part in PARTS]
    schema = PairSchema(layout.name, layout.languages)
    table = pa.table([*columns, pa.array(np.repeat(PARTS, sizes))], schema=schema.arrow)
    digests = "".join(text.digest for part in PARTS for text in texts[part])
    fingerprint = f"{hashlib.sha256(digests.encode()).hexdigest()[:16]}-{layout.version}"
    return Dataset(layout.name, schema, Split(table), source, fingerprint, _counts(texts))


def _absent(layout: Layout, part: str, language: str, found: Mapping[str, Path | None]) -> str:
    names = " or ".join(f"{stem}.{language}" for stem in layout.stems[part])
    other = next((f" beside {path.name}" for path in found.values() if path is not None), "")
    return f"{names} (or .gz): no such file, expected the {part} part in {language!r}{other}"


def _text(path: Path, problems: list[str], advice: list[str]) -> Text | None:
    """The lines of a file, or None when it cannot be read; what is wrong and what to do is added to `problems` and `advice`."""
    ending = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    try:
        data = content(path, expected="sentences", ending=ending)
        refuse_other_formats(path, data, expected="a sentence", ending=ending)
        if not decode(path, data, ending):
            raise DataError(f"{path}: holds a byte order mark and nothing else, expected sentences", advice=AGAIN)
    except DataError as why:
        problems += why.problems or [why.summary.replace(str(path), path.name, 1)]
        advice += [why.advice] if why.advice else []
        return None
    text = Text(path, *split_lines(data.removeprefix(b"\xef\xbb\xbf")))
    text.counts["byte order marks skipped"] = int(data.startswith(b"\xef\xbb\xbf"))
    if len(text.lines) == 1 and b"\r" in data.rstrip(b"\r\n"):
        problems.append(f"{path.name}: one line with {data.count(13):,} carriage returns, expected lines that end in LF")
        return None
    blank = np.flatnonzero(pc.equal(pc.utf8_trim_whitespace(text.lines), "").to_numpy(zero_copy_only=False))
    problems += [f"{path.name}:{line + 1}: an empty line, expected a sentence" for line in blank.tolist()]
    return text


def split_lines(data: bytes) -> tuple[pa.StringArray, str, Counter[str]]:
    r"""(lines, sha256 of `data`, counts) of UTF-8 bytes. \n or \r\n ends a line, nothing else; the last may lack its end."""
    raw = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(raw == 10)  # the \n of each line
    returns = ends[ends > 0] - 1
    returns = returns[raw[returns] == 13]
    counts = Counter({"lines that end in CRLF": len(returns), "files that end without a line end": int(raw[-1] != 10)})
    keep = np.ones(len(raw), dtype=bool)
    keep[ends] = keep[returns] = False
    stops = np.append(ends, len(raw)) if raw[-1] != 10 else ends
    lengths = np.diff(stops, prepend=-1) - 1
    lengths[np.searchsorted(stops, returns)] -= 1
    parts = [
        pa.py_buffer(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64).tobytes()),
        pa.py_buffer(raw[keep].tobytes()),
    ]
    lines = pa.LargeStringArray.from_buffers(len(lengths), *parts).cast(pa.string())
    return lines, hashlib.sha256(data).hexdigest(), counts


def _pair_problems(one: Text, two: Text) -> list[str]:
    """Where two files do not say the same line by line, as far as that can be seen from the lengths."""
    first, second = (pc.utf8_length(text.lines).to_numpy() for text in (one, two))
    if one.digest == two.digest:
        return [f"{one.path.name} and {two.path.name}: hold the same text, expected two languages"]
    if len(first) != len(second):
        found = f"{one.path.name} has {len(first):,} lines and {two.path.name} {len(second):,}, expected equally many"
        at = alongside.break_point(first, second)
        return [found + (f"; up to about line {at:,} they run alongside each other, then no longer" if at else "")]
    problems = [
        f"{one.path.name}:{line:,}: the text runs alongside {two.path.name}:{line + by:,} from about here, expected line {line:,}"
        for line, by in alongside.shifts(first, second)
    ]
    if not problems and (fit := alongside.unrelated(first, second)) is not None:
        problems.append(
            f"{one.path.name} and {two.path.name}: the lengths of lines hardly go together (correlation {fit:.2f}), "
            f"expected over {alongside.APART}: is one of them in another order?"
        )
    odd = alongside.outliers(one.lines, two.lines)
    if len(odd) > alongside.MOST_OUTLIERS * len(first):
        problems.append(
            f"{one.path.name} and {two.path.name}: in {len(odd):,} of {len(first):,} pairs one side has over {alongside.RATIO} "
            f"times the words of the other, expected in at most {alongside.MOST_OUTLIERS:.0%}; {_examples(one, two, odd)}"
        )
    return problems


def _examples(one: Text, two: Text, rows: np.ndarray) -> str:
    def short(text: Text, row: int) -> str:
        line = text.lines[row].as_py()
        return repr(line if len(line) <= 40 else line[:37] + "...")

    return "; ".join(f"line {row + 1}: {short(one, row)} and {short(two, row)}" for row in rows[:3].tolist())


def _counts(texts: Mapping[str, list[Text]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for part, (one, two) in texts.items():
        counts[f"pairs in {part}"] = len(one.lines)
        counts[f"pairs where one side has over {alongside.RATIO} times the words"] += len(
            alongside.outliers(one.lines, two.lines)
        )
        for text in (one, two):
            language = text.path.name.removesuffix(".gz").rsplit(".", 1)[1]
            counts += text.counts
            for what, pattern in KEPT.items():
                counts[f"{what}, kept: {language}"] += pc.sum(pc.count_substring_regex(text.lines, pattern)).as_py()
    return {what: n for what, n in counts.items() if n}

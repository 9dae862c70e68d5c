"""CMU-MOSI as features per utterance: text, audio and video of one film review each, from the CSV files without headers.

A record is one utterance and what was said before it: its own features are the last step of each sequence, those of up to
`context` preceding utterances of the same video stand before them, in the order in which they were spoken (the number at
the end of an id; the files are in another order, and sorted by label). No label of another utterance is seen.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmkit.errors import DataError, SettingsError
from mmkit.readers.arrays import Notes, fingerprint, refuse, sequences
from mmkit.readers.files import content, decode, refuse_other_formats
from mmkit.readers.fill import NUMBER
from mmkit.readers.folders import folders
from mmkit.schema import Dataset, Modality, MultimodalSchema, Split

VERSION = "mosi1"
CONTEXT = 7  # preceding utterances in a record
VALID = 1 / 8  # share of the training videos that is held out
WIDTH = {"text": 100, "audio": 73, "video": 100}
PARTS = ("train", "test")  # of the files
SPLIT = ("train", "valid", "test")  # of the records
TRANSCRIPTS = "transcripts.csv"
ID = re.compile(r"(.+)_(\d+)", re.DOTALL)

SCHEMA = MultimodalSchema(
    "mosi",
    "binary",
    (
        Modality("text", "sequence", (100,), about="one step per utterance, the last is the record's own"),
        Modality("audio", "sequence", (73,), about="one step per utterance, the last is the record's own"),
        Modality("video", "sequence", (100,), about="one step per utterance, the last is the record's own"),
        Modality("transcript", "text", about="what is said in the utterance"),
    ),
    "sentiment",
    ("negative", "positive"),
)


@dataclass
class Table:
    """The numbers of one file without a header. rows: (N, columns); lines: where each row stands."""

    name: str
    rows: np.ndarray
    lines: list[int]

    def at(self, rows: np.ndarray, text: str) -> list[str]:
        """The same problem of each of these rows."""
        return [f"{self.name}:{self.lines[row]}: {text}" for row in rows.tolist()]


@dataclass
class Transcripts:
    """The utterances in the order of transcripts.csv. number: which of its video, from 1."""

    ids: list[str]
    texts: list[str]
    videos: np.ndarray  # (N,) str
    numbers: np.ndarray  # (N,) int
    labels: np.ndarray  # (N,) int


def locate(root: Path) -> Path | None:
    """The nearest folder with most of the seven files: `root`, or up to two levels below it."""
    if root.is_file():
        return root.parent
    found = [(sum(path is not None for path in _files(folder).values()), folder) for folder in folders(root)]
    most = max(found, key=lambda each: each[0])
    return most[1] if most[0] > 3 else None


def _files(folder: Path) -> dict[tuple[str, str], Path | None]:
    """(modality, part) -> its file; ("", "") -> the transcripts."""
    names = {("", ""): (TRANSCRIPTS,)}
    names |= {(kind, part): (f"{kind}_{part}.csv", f"{kind}_{part}0.csv") for part in PARTS for kind in WIDTH}
    return {key: next((folder / name for name in some if (folder / name).is_file()), None) for key, some in names.items()}


def read(folder: Path, context: int = CONTEXT) -> Dataset:
    """All utterances with features, part by part, each video in the order of speaking. Raises DataError listing every problem.

    Parts: test as the files say; of the training videos an eighth is "valid", chosen by the sha256 of their names, so the
    choice depends on nothing else. Counted: utterances of the transcripts that have no features.
    """
    if context < 0:
        raise SettingsError(f"context = {context!r}, expected a number of preceding utterances, at least 0")
    source, notes = f"CMU-MOSI, features per utterance, {folder}", Notes()
    files = _files(folder)
    notes.problems += [f"{_named(key)}: no such file" for key, path in files.items() if path is None]
    said = _transcripts(files["", ""], notes) if files["", ""] else None
    tables = {key: _table(path, key[0], notes) for key, path in files.items() if path and key[0]}
    if notes.problems or said is None:
        refuse("mosi", source, notes.problems, notes.advice)
    places = {part: _places({kind: tables[kind, part] for kind in WIDTH}, said, notes) for part in PARTS}
    if not notes.problems:
        notes.problems += _shared(places, said)
    if notes.problems:
        refuse("mosi", source, notes.problems, notes.advice)

    row = np.concatenate([places[part] for part in PARTS])  # of the transcripts
    part = _parts(said.videos[row], np.repeat(PARTS, [len(places[part]) for part in PARTS]))
    order = np.lexsort((said.numbers[row], said.videos[row], np.array([SPLIT.index(name) for name in part])))
    row, part = row[order], part[order]
    columns = {"id": pa.array(said.ids).take(pa.array(row)), "transcript": pa.array(said.texts).take(pa.array(row))}
    for kind in WIDTH:
        values = np.concatenate([tables[kind, given].rows for given in PARTS])
        values = values[:, 1:] if kind == "text" else values[:, :-1]
        columns[kind] = _with_context(values[order], said.videos[row], context)
    columns |= {"sentiment": pa.array(said.labels[row]), "part": pa.array(part.tolist())}
    table = pa.table([columns[name] for name in SCHEMA.arrow.names], schema=SCHEMA.arrow)
    counts = _counts(part, said.videos[row], said.labels[row], len(said.ids))
    return Dataset("mosi", SCHEMA, Split(table), source, fingerprint(notes.digests, f"{VERSION}-{context}"), counts)


def _named(key: tuple[str, str]) -> str:
    kind, part = key
    return f"{kind}_{part}.csv (or {kind}_{part}0.csv)" if kind else TRANSCRIPTS


def _lines(path: Path, notes: Notes) -> tuple[list[list[str]], list[int]]:
    """(cells, line numbers) of a CSV file; blank lines are passed over. Of a damaged file what was read before the damage."""
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        data = content(path, expected="lines of values")
        refuse_other_formats(path, data, "values separated by commas")
        reader = csv.reader(io.StringIO(decode(path, data), newline=""), strict=True)
    except DataError as why:
        notes.damaged(path, why)
        return rows, lines
    notes.used(data)
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as why:
        notes.problems.append(f"{path.name}:{reader.line_num}: {why}, expected CSV with every quote closed")
    return rows, lines


def _transcripts(path: Path, notes: Notes) -> Transcripts | None:
    """Utterance id, text, number of the video, label; None when a line is wrong."""
    before = len(notes.problems)
    rows, lines = _lines(path, notes)
    first: dict[str, int] = {}
    videos: dict[str, str] = {}
    for cells, line in zip(rows, lines, strict=True):
        notes.problems += [f"{path.name}:{line}: {text}" for text in _wrong_utterance(cells, first, videos)]
        first.setdefault(cells[0], line)
    if len(notes.problems) > before:
        return None
    found = [ID.fullmatch(cells[0]) for cells in rows]
    return Transcripts(
        [cells[0] for cells in rows],
        [cells[1] for cells in rows],
        np.array([match[1] for match in found]),
        np.array([int(match[2]) for match in found]),
        np.array([int(cells[3]) for cells in rows]),
    )


def _wrong_utterance(cells: Sequence[str], first: dict[str, int], videos: dict[str, str]) -> list[str]:
    """What is wrong with one line. videos: number of a video -> its name, filled as lines go by."""
    if len(cells) != 4:
        return [f"{len(cells)} fields, expected 4: id, text, number of the video, label"]
    id, text, video, label = cells
    match, found = ID.fullmatch(id), []
    if match is None:
        found.append(f"id {id!r}, expected the video's name, '_' and the number of the utterance")
    elif videos.setdefault(video, match[1]) != match[1]:
        found.append(f"id {id!r} belongs to video number {video!r}, which is {videos[video]!r} in the lines before")
    if id in first:
        found.append(f"id {id!r} was already used on line {first[id]}")
    if not text.strip():
        found.append(f"id {id!r}: no text, expected what is said")
    if label not in ("0", "1"):
        found.append(f"label {label!r}, expected 0 (negative) or 1 (positive)")
    return found


def _table(path: Path, kind: str, notes: Notes) -> Table:
    """The numbers of one modality's file: a row of the transcripts and 100 features (text), or features and a label."""
    rows, lines = _lines(path, notes)
    width = WIDTH[kind] + 1
    meant = f"a row of {TRANSCRIPTS} and 100 features" if kind == "text" else f"{WIDTH[kind]} features and the label"
    wrong = [(len(row), line) for row, line in zip(rows, lines, strict=True) if len(row) != width]
    notes.problems += [f"{path.name}:{line}: {n} fields, expected {width}: {meant}" for n, line in wrong]
    if wrong:
        return Table(path.name, np.empty((0, width)), [])
    cells = [cell for row in rows for cell in row]
    try:
        values = pc.cast(pa.array(cells, pa.string()), pa.float64()).to_numpy()
    except pa.ArrowInvalid:  # some cell is no number: the others are still judged
        values = np.array([float(cell) if NUMBER.fullmatch(cell) else np.nan for cell in cells])
    table = Table(path.name, values.reshape(len(rows), width), lines)
    for at in np.flatnonzero(~np.isfinite(values)).tolist():
        row, column = divmod(at, width)
        notes.problems += table.at(np.array([row]), f"field {column + 1}: {cells[at]!r}, expected a finite number")
    return table


def _places(tables: dict[str, Table], said: Transcripts, notes: Notes) -> np.ndarray:
    """The rows of the transcripts that one part's lines stand for, after its three files were compared."""
    sizes = {table.name: len(table.rows) for table in tables.values()}
    if len(set(sizes.values())) > 1:
        notes.problems.append(f"{', '.join(f'{name} has {n:,} rows' for name, n in sizes.items())}; expected equally many")
        return np.empty(0, np.int64)
    text = tables["text"]
    at = text.rows[:, 0]
    outside = np.flatnonzero((at < 0) | (at >= len(said.ids)) | (at != np.floor(at)))
    expected = f"expected a row of {TRANSCRIPTS}, a whole number from 0 to {len(said.ids) - 1:,}"
    for n in outside.tolist():
        notes.problems += text.at(np.array([n]), f"field 1: {at[n]:g}, {expected}")
    if len(outside):
        return np.empty(0, np.int64)
    row = at.astype(np.int64)
    again = np.setdiff1d(np.arange(len(row)), np.unique(row, return_index=True)[1])
    for n in again.tolist():
        notes.problems += text.at(np.array([n]), f"field 1: {row[n]}, a row of {TRANSCRIPTS} that was used before in this file")
    for kind in ("audio", "video"):
        notes.problems += _wrong_labels(tables[kind], said, row)
    return row


def _wrong_labels(table: Table, said: Transcripts, row: np.ndarray) -> list[str]:
    """Labels that are none, or that contradict the transcripts: the only thing that ties the lines of the files together."""
    label, true = table.rows[:, -1], said.labels[row]
    problems = []
    for n in np.flatnonzero(label != true).tolist():
        here = f"label {label[n]:g}"
        if label[n] not in (0, 1):
            problems += table.at(np.array([n]), f"{here}, expected 0 (negative) or 1 (positive)")
        else:
            told = f"{TRANSCRIPTS} says {true[n]} for {said.ids[row[n]]!r}"
            problems += table.at(np.array([n]), f"{here}, but {told}; do the files stand in one order?")
    return problems


def _shared(places: dict[str, np.ndarray], said: Transcripts) -> list[str]:
    """Videos that stand in both parts: what was trained on would be tested."""
    both = np.intersect1d(*(said.videos[row] for row in places.values()))
    return [f"video {name!r} stands in the training files and in the test files, expected it in one" for name in both.tolist()]


def _parts(videos: np.ndarray, given: np.ndarray) -> np.ndarray:
    """train | valid | test of each utterance. (N,) str"""
    ranked = sorted(np.unique(videos[given == "train"]).tolist(), key=lambda name: hashlib.sha256(name.encode()).digest())
    held = ranked[: min(max(round(VALID * len(ranked)), 1), len(ranked) - 1)]
    return np.where((given == "train") & np.isin(videos, held), "valid", given)


def _with_context(values: np.ndarray, videos: np.ndarray, context: int) -> pa.ListArray:
    """Sequences out of utterances (N, D) in order of speaking: each with up to `context` of its video before it."""
    n = np.arange(len(videos))
    new = np.concatenate([[True], videos[1:] != videos[:-1]])
    start = np.maximum(np.maximum.accumulate(np.where(new, n, 0)), n - context)
    lengths = n - start + 1
    ends = np.cumsum(lengths)
    at = np.arange(ends[-1]) - np.repeat(ends - lengths - start, lengths)
    return sequences(values[at].astype(np.float32), lengths)


def _counts(part: np.ndarray, videos: np.ndarray, labels: np.ndarray, said: int) -> dict[str, int]:
    counts = {}
    for name in SPLIT:
        counts[f"utterances in {name}"] = int((part == name).sum())
        counts[f"videos in {name}"] = len(np.unique(videos[part == name]))
        counts[f"positive in {name}"] = int(labels[part == name].sum())
    counts["utterances without features, left out"] = said - len(part)
    return {what: n for what, n in counts.items() if n}

"""The table of a corpus of sarcastic clips: `utterances.csv`, whose columns may have any names, judged line by line.

A column map says which column is which: `columns.json` or `columns.toml` beside the table, or an argument. A name that is
not in the map is taken as it stands; an empty one says that the table has no such column.
"""

from __future__ import annotations

import json
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmkit.errors import DataError, SettingsError, nearest
from mmkit.readers.arrays import Notes
from mmkit.readers.csv_tables import Raw, read_csv
from mmkit.readers.fill import NUMBER

TABLE = "utterances.csv"
MAPS = ("columns.json", "columns.toml")
COLUMNS = {
    "id": "unique, the name of the clip's files",
    "text": "the words",
    "speaker": "who speaks",
    "label": "sarcastic or not",
    "start": "where the clip starts, s",
    "end": "where it ends, s",
    "scene": "utterances of one scene share their context",
    "source": "series or variety",
}
NEEDED = ("text", "label")
SHORTEST = 0.1  # s that a clip has to be longer than
NO_WORDS, UNKNOWN = "…", "unknown"  # what stands for an utterance without words, and for a speaker who is not named
SARCASTIC = ("true", "t", "1", "1.0", "yes", "y", "sí", "si", "s", "verdadero", "v", "sarcastic", "sarcasmo", "sarcástico")
SINCERE = ("false", "f", "0", "0.0", "no", "n", "falso", "not sarcastic", "sincere", "sincero", "no sarcástico")
CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)", re.ASCII)  # 1:02:03,5 as in subtitles
TAIL = "".join({bytes([byte]).decode(coding, "ignore") for byte in range(0x80, 0xC0) for coding in ("latin-1", "cp1252")})
MOJIBAKE = re.compile(f"[ÂÃ][{re.escape(TAIL)}]")  # what a letter beyond ASCII becomes when UTF-8 is read as Latin-1
REPAIR = f"UTF-8 was read as Latin-1 and saved again. It can be undone: iconv -f UTF-8 -t LATIN1 {TABLE} > repaired.csv"


@dataclass
class Utterances:
    """The lines of the table, in its order. start and end (N,) are NaN where the table has no times."""

    ids: list[str]
    texts: list[str]
    speakers: list[str]
    labels: np.ndarray  # (N,) int64, 1 sarcastic
    start: np.ndarray
    end: np.ndarray
    scenes: list[str]  # a name that no other source uses; empty where the table has no scenes
    sources: list[str]
    absent: list[str]  # columns that the map says are not there


def read_table(path: Path, columns: Mapping[str, str | None] | None, notes: Notes) -> Utterances | None:
    """The utterances of one table; None, with problems noted, where something is wrong with it.

    columns: our name -> the table's, None or "" for a column that it lacks. Without it the map that lies beside the table.
    Raises SettingsError for a name of ours that does not exist and DataError for a file that cannot be read at all.
    """
    names = _names(path, columns)
    wanted = [name for name in names.values() if name]
    raw = read_csv(path, wanted, (TABLE,))
    absent = [ours for ours, name in names.items() if name and name not in raw.columns]
    if absent:
        found = ", ".join(repr(name) for name in raw.header)
        told = f"{path.name}:1: no column {{!r}} ({{}}: {{}}){{}}"
        problems = [told.format(names[ours], ours, COLUMNS[ours], _close(names[ours], raw)) for ours in absent]
        raise DataError(
            f"{path}: {len(absent)} columns are not in the header, which has: {found}",
            problems,
            f"Say what they are called in {MAPS[0]} beside the table, {{{absent[0]!r}: name}}, or '' where there is none.",
        )
    notes.digests += [digest.encode() for digest in raw.digests]
    notes.used(json.dumps(names).encode())  # another column, other content
    for what, n in raw.counts.items():
        notes.counts[what] += n
    rows = _utterances(raw, names, notes)
    if raw.problems:
        notes.problems += raw.worded()
        return None
    return rows


def _close(name: str, raw: Raw) -> str:
    hint = nearest(name, raw.header)
    return hint if hint.startswith("; did") else ""


def _names(path: Path, columns: Mapping[str, str | None] | None) -> dict[str, str]:
    """Our name -> the table's, "" where it has none."""
    place, given = "columns", columns
    if given is None:
        beside = [path.parent / name for name in MAPS if (path.parent / name).is_file()]
        if len(beside) > 1:
            raise DataError(f"{path.parent}: has {' and '.join(MAPS)}, expected one map of columns")
        place, given = (str(beside[0]), _map(beside[0])) if beside else ("", {})
    wrong = [f"{place}: {ours!r} is no column of ours{nearest(ours, COLUMNS)}" for ours in given if ours not in COLUMNS]
    other = {ours: name for ours, name in given.items() if not isinstance(name, str | None)}
    wrong += [f"{place}: {ours!r} is {name!r}, expected a name" for ours, name in other.items()]
    names = {ours: (given[ours] or "") if ours in given else ours for ours in COLUMNS} if not wrong else {}
    wrong += [f"{place}: {ours!r} has no column, but it is needed" for ours in NEEDED if names and not names[ours]]
    twice = sorted({name for name in names.values() if name and list(names.values()).count(name) > 1})
    wrong += [f"{place}: {name!r} stands for several columns of ours, expected one" for name in twice]
    if names and bool(names["start"]) != bool(names["end"]):
        wrong.append(f"{place}: one of 'start' and 'end' has no column, expected both or none")
    if wrong and columns is not None:
        raise SettingsError("; ".join(wrong))
    if wrong:
        raise DataError(f"{path}: the map of columns is wrong", wrong)
    return names


def _map(path: Path) -> dict[str, Any]:
    """A file that maps our names to those of the table."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        said = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as why:
        raise DataError(f"{path}: {why}, expected {path.suffix[1:].upper()} with names of columns") from why
    if not isinstance(said, dict):
        raise DataError(f"{path}: holds a {type(said).__name__}, expected names of ours, each with the table's")
    return said


def _utterances(raw: Raw, names: Mapping[str, str], notes: Notes) -> Utterances:
    n = len(raw)
    cells = {ours: raw.columns[name] if name in raw.columns else [""] * n for ours, name in names.items()}
    ids = cells["id"] if names["id"] else [f"{row + 1:0{len(str(n))}d}" for row in range(n)]
    if names["id"]:
        _judge_ids(raw, names["id"])
    texts, speakers = [[cell.strip() for cell in cells[ours]] for ours in ("text", "speaker")]
    for ours in ("text", "speaker"):
        for row in [row for row, cell in enumerate(cells[ours]) if MOJIBAKE.search(cell)]:
            found = MOJIBAKE.search(cells[ours][row])[0]
            raw.report(row, names[ours], f"no {found!r}: this is Spanish text that was decoded wrongly")
            notes.advice = [REPAIR]
    start, end = _times(raw, names) if names["start"] else np.full((2, n), np.nan)
    labels = _labels(raw, names["label"])
    scenes = [_scene(source, scene) for source, scene in zip(cells["source"], cells["scene"], strict=True)]
    counts = notes.counts
    counts["utterances without words, kept as '…'"] = texts.count("")
    counts["utterances without a speaker, kept as 'unknown'"] = speakers.count("") if names["speaker"] else 0
    counts["lost characters (U+FFFD), kept"] = sum(text.count("\ufffd") for text in texts)
    asks = [text for text in texts if "?" in text or "!" in text]
    counts["questions and exclamations without ¿ or ¡, kept"] = sum("¿" not in text and "¡" not in text for text in asks)
    counts["spellings of the label"] = len({cell.strip().casefold() for cell in cells["label"]})
    counts["utterances without a scene, each one of its own"] = scenes.count("") if names["scene"] else 0
    texts, speakers = [text or NO_WORDS for text in texts], [speaker or UNKNOWN for speaker in speakers]
    absent = [ours for ours, name in names.items() if not name]
    return Utterances(ids, texts, speakers, labels, start, end, scenes, cells["source"], absent)


def _scene(source: str, scene: str) -> str:
    """A name that no scene of another source has; empty where there is no scene."""
    return f"{source}/{scene}" if source and scene else scene


def _judge_ids(raw: Raw, name: str) -> None:
    first: dict[str, int] = {}
    for row, id in enumerate(raw.columns[name]):
        if not id.strip():
            raw.report(row, name, "an id in every record")
        elif id in first:
            raw.report(row, name, f"an id used once; it was used at {raw.files[first[id]]}:{raw.lines[first[id]]}")
        elif id in (".", "..") or any(sign in id for sign in "/\\\0"):
            raw.report(row, name, "a name that a file can have, without '/' and '\\'")
        first.setdefault(id, row)


def _labels(raw: Raw, name: str) -> np.ndarray:
    """(N,) int64; both labels have to be there."""
    codes = dict.fromkeys(SARCASTIC, 1) | dict.fromkeys(SINCERE, 0)
    labels = [codes.get(unicodedata.normalize("NFC", cell).strip().casefold(), -1) for cell in raw.columns[name]]
    for row in [row for row, label in enumerate(labels) if label < 0]:
        raw.report(row, name, "sarcastic or not, as true/false, 1/0, yes/no, sí/no or verdadero/falso")
    if len(set(labels)) == 1 and labels[0] >= 0:
        text = f"column {name!r}: {raw.columns[name][0]!r} in all {len(labels):,} records, expected sarcastic and sincere ones"
        raw.problems.append((raw.path.name, 1, text))
    return np.array(labels, np.int64)


def _times(raw: Raw, names: Mapping[str, str]) -> np.ndarray:
    """(2, N) float64, s: where clips start and end. A wrong cell is reported and becomes NaN."""
    times = np.full((2, len(raw)), np.nan)
    for k, ours in enumerate(("start", "end")):
        for row, cell in enumerate(raw.columns[names[ours]]):
            times[k, row] = seconds(cell)
            if np.isnan(times[k, row]):
                raw.report(row, names[ours], "seconds, such as 62.5, or a time such as 0:01:02,5")
    length = times[1] - times[0]
    for row in np.flatnonzero(length <= 0):
        raw.report(row, names["end"], f"a time after the start, {raw.columns[names['start']][row]}")
    for row in np.flatnonzero((length > 0) & (length <= SHORTEST)):
        raw.report(row, names["end"], f"a clip of more than {SHORTEST} s, this one has {length[row]:.3f} s")
    return times


def seconds(cell: str) -> float:
    """62.5 of "62.5" and of "0:01:02,5" or "1:02.5"; NaN of anything else, and below 0.

    >>> seconds("0:01:02,5")
    62.5
    """
    cell = cell.strip()
    if NUMBER.fullmatch(cell):
        return float(cell) if float(cell) >= 0 else np.nan
    if (match := CLOCK.fullmatch(cell)) is None:
        return np.nan
    hours, minutes, rest = match.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes) + float(rest.replace(",", "."))

"""MELD, talks of several people out of a television series: the three CSV files of utterances with emotion and sentiment.

The official parts share speakers and episodes (six people lead through it): `speaker` and `episode` are there to split anew.
Lines in Windows-1252 (the apostrophes of some copies), or once taken for Latin-1, are read as such and counted.
These files hold no features.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from mmkit.errors import DataError, SettingsError, nearest
from mmkit.readers.arrays import Notes, fingerprint, refuse
from mmkit.readers.files import content, decode, refuse_other_formats
from mmkit.readers.folders import folders
from mmkit.readers.talks import dataset
from mmkit.schema import Column, ConversationSchema, Dataset, Modality

VERSION = "meld1"
FILES = {"train": "train_sent_emo.csv", "valid": "dev_sent_emo.csv", "test": "test_sent_emo.csv"}
COLUMNS = ("Utterance", "Speaker", "Dialogue_ID", "Utterance_ID", "Season", "Episode", "StartTime", "EndTime")
LABELS = {"emotion": "Emotion", "sentiment": "Sentiment"}  # what may be learned -> its column
CLASSES = {
    "emotion": ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger"),
    "sentiment": ("neutral", "positive", "negative"),
}
TIME = re.compile(r"(\d+):([0-5]?\d):([0-5]?\d)[,.](\d{1,3})", re.ASCII)  # thousandths last, as in subtitles: 7,28 is 7.028
WHOLE = re.compile(r"\d+", re.ASCII)
UNDEFINED = (0x81, 0x8D, 0x8F, 0x90, 0x9D)  # of Windows-1252
CONTROLS = {code: bytes([code]).decode("cp1252") for code in range(0x80, 0xA0) if code not in UNDEFINED}
EXTRA = (
    Column("episode", "category", about="season and episode, s08e21"),
    Column("start", "number", "s", low=0, about="since the episode began"),
    Column("end", "number", "s", low=0, about="since the episode began"),
)


@dataclass(frozen=True)
class Utterance:
    """One line: where it stands and what it says. label: number of its class; start, end: seconds."""

    place: str
    part: str
    dialogue: int
    number: int
    speaker: str
    text: str
    label: int
    episode: str
    start: float
    end: float


def locate(root: Path) -> Path | None:
    """The nearest folder with most of the three files, `root` or up to two levels below it; the folder of `root` as a file."""
    if root.is_file():
        return root.parent
    found = [(sum((folder / name).is_file() for name in FILES.values()), folder) for folder in folders(root)]
    most = max(found, key=lambda each: each[0])
    return most[1] if most[0] else None


def read(folder: Path, label: str = "emotion") -> Dataset:
    """All utterances with a text, part by part, dialogues by number, each in the order of Utterance_ID.

    label: emotion (7 classes) or sentiment (3).  id and dialogue: "train_dia0_utt3" and "train_dia0", since numbers begin anew in
    each file.  Raises SettingsError for another label, DataError listing every problem: lines that cannot be split, numbers,
    classes and times that are none, an utterance twice.  Counted: empty texts (left out), lines in Windows-1252 or out of order.
    """
    if label not in LABELS:
        raise SettingsError(f"meld: no label {label!r}{nearest(label, LABELS)}")
    source, notes = f"MELD, {label}, {folder}", Notes()
    said = [each for part, name in FILES.items() for each in _utterances(folder / name, part, label, notes)]
    first: dict[tuple[str, int, int], str] = {}
    for each in said:
        key = each.part, each.dialogue, each.number
        if key in first:
            what = f"Dialogue_ID {each.dialogue}, Utterance_ID {each.number}"
            notes.problems.append(f"{each.place}: {what} were already used at {first[key]}, expected each pair once")
        first.setdefault(key, each.place)
    if notes.problems:
        refuse("meld", source, notes.problems, notes.advice)
    notes.counts["lines out of order, sorted"] = sum(
        a.part == b.part and (a.dialogue, a.number) > (b.dialogue, b.number) for a, b in pairwise(said)
    )
    notes.counts["utterances that end before they begin, kept"] = sum(each.end < each.start for each in said)
    order = list(FILES)
    kept = sorted((each for each in said if each.text), key=lambda each: (order.index(each.part), each.dialogue, each.number))
    notes.counts["utterances without a text, left out"] = len(said) - len(kept)
    return dataset(schema(label), _columns(kept, label), source, fingerprint(notes.digests, f"{VERSION}-{label}"), notes.counts)


def schema(label: str) -> ConversationSchema:
    """What an utterance is, with emotion or sentiment as its label."""
    text = Modality("text", "text", about="what is said")
    return ConversationSchema("meld", "multiclass", (text,), label, CLASSES[label], EXTRA)


def _columns(said: list[Utterance], label: str) -> dict[str, Any]:
    dialogue = [f"{each.part}_dia{each.dialogue}" for each in said]
    return {
        "id": [f"{name}_utt{each.number}" for name, each in zip(dialogue, said, strict=True)],
        "dialogue": dialogue,
        "turn": np.array([each.number for each in said], np.int64),
        "speaker": [each.speaker for each in said],
        "text": [each.text for each in said],
        label: np.array([each.label for each in said], np.int64),
        "part": [each.part for each in said],
        "episode": [each.episode for each in said],
        "start": [each.start for each in said],
        "end": [each.end for each in said],
    }


def _utterances(path: Path, part: str, label: str, notes: Notes) -> Iterator[Utterance]:
    """The good lines of one file; what is wrong with the others is noted."""
    wanted = (*COLUMNS, LABELS[label])
    header: list[str] | None = None
    read = 0
    for cells, line in _lines(path, notes):
        read += 1
        place = f"{path.name}:{line}"
        if header is None:
            header = [cell.strip() for cell in cells]
            absent = [name for name in wanted if header.count(name) != 1]
            for name in absent:
                hint = nearest(name, set(header) - set(wanted))
                hint = hint if "mean" in hint else ""
                times = f"stands {header.count(name)} times in the header"
                notes.problems.append(f"{place}: column {name!r} {times}, expected once{hint}")
            if absent:
                return
        elif len(cells) != len(header):
            fields = f"{len(cells)} fields, expected {len(header)} as in the header"
            notes.problems.append(f"{place}: {fields}; is a comma not quoted?")
        else:
            row = {name: cells[header.index(name)].strip() for name in wanted}
            problems = list(_wrong(row, label))
            notes.problems += [f"{place}: {problem}" for problem in problems]
            if not problems:
                yield _utterance(row, place, part, label)
    if read == 1:
        notes.problems.append(f"{path.name}: a header and no utterances, expected at least one")


def _lines(path: Path, notes: Notes) -> Iterator[tuple[list[str], int]]:
    """(cells, number of the line on which they begin) of a CSV file, the header first; blank lines are passed over."""
    try:
        data = content(path, expected="a header and utterances")
        refuse_other_formats(path, data)
        text = _decoded(path, data, notes)
    except DataError as why:
        notes.damaged(path, why)
        return
    notes.used(data)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    try:
        for cells in reader:
            if cells:
                yield cells, begins
            begins = reader.line_num + 1
    except csv.Error as why:
        notes.problems.append(f"{path.name}:{begins}: {why}, expected CSV with every quote closed")


def _decoded(path: Path, data: bytes, notes: Notes) -> str:
    """The text of a file in UTF-8, where single lines may be in Windows-1252."""
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    text = []
    for line in lines:
        try:
            text.append(line.decode())
        except UnicodeDecodeError:
            try:
                text.append(line.decode("cp1252"))
            except UnicodeDecodeError:
                return decode(path, data)  # tells each line that is not UTF-8
            notes.counts["lines in Windows-1252, read as such"] += 1
    mended = [line.translate(CONTROLS) for line in text]  # Windows-1252 that was taken for Latin-1: its marks became controls
    notes.counts["lines with Windows-1252 taken for Latin-1, put right"] += sum(a != b for a, b in zip(text, mended, strict=True))
    return "\n".join(mended)


def _wrong(row: Mapping[str, str], label: str) -> Iterator[str]:
    """What is wrong with one line's values."""
    for name in ("Dialogue_ID", "Utterance_ID", "Season", "Episode"):
        if not WHOLE.fullmatch(row[name]):
            yield f"column {name!r}: {row[name]!r}, expected a whole number"
    if not row["Speaker"]:
        yield "column 'Speaker': '', expected a name"
    if row[LABELS[label]].lower() not in CLASSES[label]:
        yield f"column {LABELS[label]!r}: {row[LABELS[label]]!r}, expected one of {', '.join(CLASSES[label])}"
    for name in ("StartTime", "EndTime"):
        if not TIME.fullmatch(row[name]):
            yield f"column {name!r}: {row[name]!r}, expected a time such as 00:16:16,059"


def _utterance(row: Mapping[str, str], place: str, part: str, label: str) -> Utterance:
    """A line whose values are all right."""
    kind = CLASSES[label].index(row[LABELS[label]].lower())
    episode = f"s{int(row['Season']):02d}e{int(row['Episode']):02d}"
    ids = int(row["Dialogue_ID"]), int(row["Utterance_ID"])
    times = _seconds(row["StartTime"]), _seconds(row["EndTime"])
    return Utterance(place, part, *ids, row["Speaker"], row["Utterance"], kind, episode, *times)


def _seconds(time: str) -> float:
    hours, minutes, seconds, thousandths = map(int, TIME.fullmatch(time).groups())
    return 3600 * hours + 60 * minutes + seconds + thousandths / 1000

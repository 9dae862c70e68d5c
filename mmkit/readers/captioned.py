"""What readers of captioned pictures share: the judging of JSON files, pictures with their captions, features beside them.

Features are read where the folder of the captions has them: `features.npz` or `features.h5` with the arrays `ids` and
`features`, or `features.npy` with `ids.npy` beside it. (N, e) is one vector per picture, (N, R, e) one per region.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mmkit.errors import DataError
from mmkit.readers.arrays import Notes, fingerprint, misshapen, not_finite, refuse, sequences
from mmkit.readers.files import content, decode, refuse_other_formats
from mmkit.schema import PARTS, CaptionSchema, Dataset, Modality, Split, vectors

FEATURES = ("features.npz", "features.h5", "features.npy")
CUT = "The file is damaged or was not downloaded to its end: fetch it again."


@dataclass
class Picture:
    """A picture and what is said of it. place: where it stands, for messages; part: train | valid | test."""

    id: str
    part: str
    place: str
    captions: list[str] = field(default_factory=list)


def json_object(path: Path, keys: Sequence[str], notes: Notes, inside: Sequence[str] = ()) -> dict[str, Any] | None:
    """The object of a JSON file that has a list of objects under each of `keys`; None, with problems noted, where it has not.

    inside: names of a zip's member to read.
    """
    try:
        data = content(path, inside=inside or (path.stem,), expected="a JSON object", ending=".json")
        refuse_other_formats(path, data, expected="'{'", ending=".json")
        said = json.loads(decode(path, data, ".json"))
    except json.JSONDecodeError as why:
        cut = why.pos >= len(why.doc.rstrip()) - 1 or why.msg.startswith("Unterminated")
        notes.problems.append(
            f"{path.name}:{why.lineno}: {why.msg} (column {why.colno}), expected JSON{'; is it cut off?' * cut}"
        )
        notes.advice += [CUT] if cut else []
        return None
    except DataError as why:
        notes.damaged(path, why)
        return None
    notes.used(data)
    if not isinstance(said, dict):
        notes.problems.append(f"{path.name}: holds {kind(said)}, expected an object with the keys {', '.join(keys)}")
        return None
    wrong = [
        f"{path.name}: {key!r} is {kind(said.get(key))}, expected a list" for key in keys if not isinstance(said.get(key), list)
    ]
    wrong += [
        f"{path.name}: {key}[{n}] is {kind(each)}, expected an object"
        for key in keys
        if isinstance(said.get(key), list)
        for n, each in enumerate(said[key])
        if not isinstance(each, dict)
    ]
    notes.problems += wrong
    return None if wrong else said


def kind(value: Any) -> str:
    """What a JSON value is, in a word or two, with the value where it is short."""
    if value is None:
        return "missing"
    names = {bool: "a truth value", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}
    shown = f" ({value!r})" if isinstance(value, (bool, int, float, str)) and len(repr(value)) <= 60 else ""
    return names[type(value)] + shown


def whole_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def wrong_caption(value: Any) -> str:
    """What is wrong with a caption; empty when it is a text that says something."""
    if not isinstance(value, str):
        return f"is {kind(value)}, expected a text"
    return "" if value.strip() else f"is {value!r}, expected a sentence"


def repeats(places: Iterable[tuple[Any, str]], what: str) -> list[str]:
    """Of (value, place), in their order: each value that stands a second time, with the place where it stood first."""
    problems, first = [], {}
    for value, place in places:
        if value in first:
            problems.append(f"{place}: {what} {value!r} was already used by {first[value]}")
        first.setdefault(value, place)
    return problems


def dataset(name: str, source: str, version: str, folder: Path, pictures: Sequence[Picture], notes: Notes) -> Dataset:
    """All pictures with their captions and, where they lie in `folder`, features. Raises DataError that lists every problem."""
    notes.problems += [f"{p.place}: picture {p.id!r} has no caption, expected at least one" for p in pictures if not p.captions]
    modality, column = _features(folder, [p.id for p in pictures], notes)
    if notes.problems:
        refuse(name, source, notes.problems, notes.advice)
    schema = CaptionSchema(name, () if modality is None else (modality,))
    texts = pa.array([p.captions for p in pictures], pa.list_(pa.string()))
    columns = [
        pa.array([p.id for p in pictures]),
        *([] if column is None else [column]),
        texts,
        pa.array([p.part for p in pictures]),
    ]
    table = pa.table(columns, schema=schema.arrow)
    return Dataset(name, schema, Split(table), source, fingerprint(notes.digests, version), _counts(pictures, notes))


def _counts(pictures: Sequence[Picture], notes: Notes) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for part in PARTS:
        mine = [p for p in pictures if p.part == part]
        counts[f"pictures in {part}"] = len(mine)
        counts[f"captions in {part}"] = sum(len(p.captions) for p in mine)
    said = [caption for p in pictures for caption in p.captions]
    counts["fewest captions of a picture"] = min((len(p.captions) for p in pictures), default=0)
    counts["most captions of a picture"] = max((len(p.captions) for p in pictures), default=0)
    counts["captions that stand twice at their picture, kept"] = sum(len(p.captions) - len(set(p.captions)) for p in pictures)
    counts["captions with a line break inside, kept"] = sum("\n" in c.strip() or "\r" in c.strip() for c in said)
    counts["captions with white space before or after them, kept"] = sum(c != c.strip() for c in said)
    return {what: n for what, n in (counts + notes.counts).items() if n}


def _features(folder: Path, ids: Sequence[str], notes: Notes) -> tuple[Modality | None, pa.Array | None]:
    """The features in the order of `ids`, where there are some."""
    path = next((folder / name for name in FEATURES if (folder / name).is_file()), None)
    if path is None:
        return None, None
    found = _arrays(path, notes)
    if found is None:
        return None, None
    own, values = found
    shapes = ("pictures", "numbers"), ("pictures", "regions", "numbers")
    if all(misshapen(values.shape, shape) for shape in shapes) or values.dtype.kind != "f":
        notes.problems.append(
            f"{path.name}: 'features' has shape {values.shape} and type {values.dtype}, expected (pictures, numbers) or "
            "(pictures, regions, numbers) of floating-point numbers"
        )
        return None, None
    if own.shape != (len(values),):
        notes.problems.append(f"{path.name}: 'ids' has shape {own.shape} and 'features' {values.shape}, expected one id for each")
        return None, None
    own = [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in own.tolist()]
    problems = repeats(((each, f"row {row}") for row, each in enumerate(own)), "id")
    row_of = {each: row for row, each in enumerate(own)}
    problems += [f"no features of picture {each!r}" for each in ids if each not in row_of]
    problems += [f"row {row}, id {own[row]!r}: NaN or infinite values, expected finite numbers" for row in not_finite(values)]
    notes.problems += [f"{path.name}: {problem}" for problem in problems]
    notes.counts["features of pictures without captions, not used"] = len(set(own) - set(ids))
    if problems:
        return None, None
    values = values[[row_of[each] for each in ids]].astype(np.float32, copy=False)
    notes.used(fingerprint([values], path.name).encode())  # in the order of the pictures: other ids are other content
    if values.ndim == 2:
        return Modality("picture_vector", "vector", values.shape[1:], about=path.name), vectors(values)
    steps = sequences(values.reshape(-1, values.shape[2]), np.full(len(values), values.shape[1]))
    return Modality("regions", "sequence", values.shape[2:], about=path.name), steps


def _arrays(path: Path, notes: Notes) -> tuple[np.ndarray, np.ndarray] | None:
    """(ids, features) of the file, or None and a problem. Nothing pickled is loaded."""
    try:
        if path.suffix == ".npy":
            return np.load(path.with_name("ids.npy"), allow_pickle=False), np.load(path, allow_pickle=False)
        if path.suffix == ".npz":
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:  # closed even where it is no archive
                return file["ids"], file["features"]
        import h5py

        with h5py.File(path, "r") as file:
            return file["ids"][()], file["features"][()]
    except KeyError as why:
        notes.problems.append(f"{path.name}: {why.args[0]}, expected the arrays 'ids' and 'features'")
    except FileNotFoundError:
        notes.problems.append("ids.npy: no such file, expected the ids of features.npy beside it")
    except Exception as why:  # a damaged file fails in many ways: zip, zlib, HDF5, a header that is no Python
        notes.problems.append(f"{path.name}: cannot be read ({why}), expected the arrays 'ids' and 'features'")
        notes.advice.append(CUT)
    return None

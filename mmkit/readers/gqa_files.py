"""GQA's JSON files: where they lie, whole or in chunks, what is wrong with one that cannot be used."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmkit.errors import DataError
from mmkit.readers.arrays import Notes
from mmkit.readers.files import content, decode, refuse_other_formats
from mmkit.readers.folders import folders

ENDING = re.compile(r"(\d+)\.json$")
KINDS = {  # what a record has, by the kind of file: enough to tell a file that bears another one's name
    "scene graphs": ("objects",),
    "questions": ("question", "imageId"),
    "choices": ("valid", "plausible"),
}


def find(root: Path, name: str) -> list[Path]:
    """The file `name`.json, or the chunks of the folder `name` in the order of their numbers; in `root` or right below it."""
    for folder in folders(root, 1):
        if (file := folder / f"{name}.json").is_file():
            return [file]
        if (folder / name).is_dir():
            chunks = [path for path in (folder / name).iterdir() if path.name.startswith(name) and ENDING.search(path.name)]
            if chunks:
                return sorted(chunks, key=lambda path: int(ENDING.search(path.name)[1]))  # type: ignore[index]
    return []


def load(path: Path, expected: str) -> tuple[Any, bytes]:
    """(what a JSON file holds, its bytes). Raises DataError for whatever is no JSON."""
    data = content(path, expected=expected, ending=".json")
    refuse_other_formats(path, data, expected, ".json")
    try:
        with paused():
            return json.loads(decode(path, data, ".json")), data
    except json.JSONDecodeError as why:
        end = "; is the file cut off?" if why.pos >= len(why.doc.rstrip()) or "Unterminated" in why.msg else ""
        raise DataError(f"{path}:{why.lineno}: {why.msg} (column {why.colno}), expected JSON{end}") from why
    except RecursionError as why:
        raise DataError(f"{path}: is nested too deeply, expected {expected}") from why


def records(path: Path, kind: str, notes: Notes) -> dict[str, Any]:
    """The records of a file by their ids; empty, and a problem, where the file is none of this kind (one of `KINDS`)."""
    try:
        found, data = load(path, kind)
    except DataError as why:
        notes.damaged(path, why)
        return {}
    notes.used(data)
    if not isinstance(found, dict):
        notes.problems.append(f"{path.name}: holds {_a(found)}, expected an object with {kind} by id")
        return {}
    first = next((each for each in found.values() if isinstance(each, dict)), {})
    if not all(key in first for key in KINDS[kind]):
        for other, keys in KINDS.items():
            if other != kind and all(key in first for key in keys):
                notes.problems.append(f"{path.name}: holds {other}, expected {kind}; does it bear another file's name?")
                return {}
    if not found:
        notes.problems.append(f"{path.name}: holds no {kind}, expected some")
    return found


@contextmanager
def paused() -> Iterator[None]:
    """Without searches for cycles: among millions of new lists that are never in one they take most of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _a(value: Any) -> str:
    return {list: "a list", str: "a text", type(None): "null", bool: "true or false"}.get(type(value), "a number")


def short(value: Any, most: int = 60) -> str:
    """A value as it can stand in a message."""
    text = repr(value)
    return text if len(text) <= most else text[: most - 3] + "..."

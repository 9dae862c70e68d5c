"""Where a data set lies: official files, or the split files of the paper's toolkit, in a folder or up to two levels below it."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

from mmkit.errors import DataError
from mmkit.readers.csv_tables import Raw, join, read_csv
from mmkit.readers.files import content
from mmkit.schema import TableSchema

PARTS = ("train.csv", "val.csv", "test.csv")
ROLES = {"text_cols": "text", "cat_cols": "category", "num_cols": "number"}


def folders(root: Path, depth: int = 2) -> Iterator[Path]:
    """`root` and the folders below it down to `depth`, the nearest first; hidden ones and __MACOSX are passed over."""
    level = [root]
    for _ in range(depth + 1):
        yield from level
        level = [f for folder in level for f in _inside(folder) if not f.name.startswith((".", "__MACOSX"))]


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(f for f in folder.iterdir() if f.is_dir())
    except OSError:  # a neighbour's folder that may not be listed holds nothing for us
        return []


def official(root: Path, names: Sequence[str]) -> Path | None:
    """The first file called one of `names` (also packed, name + .gz or .zip), or a zip that holds one; `root` may be the file."""
    if root.is_file():
        return root
    packed = [name + end for name in names for end in ("", ".gz", ".zip")]
    for folder in folders(root):
        for name in packed:
            if (folder / name).is_file():
                return folder / name
        for archive in sorted(folder.glob("*.zip")):
            if _members(archive) & set(names):
                return archive
    return None


def _members(archive: Path) -> set[str]:
    try:
        return {PurePosixPath(name).name for name in zipfile.ZipFile(archive).namelist() if not name.startswith("__MACOSX/")}
    except (OSError, zipfile.BadZipFile):
        return set()


def damaged(root: Path) -> list[Path]:
    """Zip archives in `root` and up to two levels below it that cannot be opened."""
    return [archive for folder in folders(root) for archive in sorted(folder.glob("*.zip")) if not zipfile.is_zipfile(archive)]


def split(root: Path, schema: TableSchema) -> Path | None:
    """The first folder with train.csv, val.csv or test.csv whose header holds at least half of the schema's columns.

    A folder where none of them has the label comes last: a hidden test set lies beside the training set.
    """
    wanted, second = {*schema.arrow.names}, None
    for folder in folders(root):
        headers = [_header(folder / part) for part in PARTS if (folder / part).is_file()]
        alike = [names for names in headers if 2 * len(wanted & names) >= len(wanted)]
        if any(schema.label in names for names in alike):
            return folder
        second = second or (folder if alike else None)
    return second


def _header(path: Path) -> set[str]:
    """Names in the first line, whatever its delimiter: enough to recognise a file, the reader judges it."""
    try:
        with path.open("rb") as file:
            line = file.readline(100_000).decode("utf-8-sig", "replace")
        return {name.strip('" ') for cell in next(csv.reader([line]), []) for name in re.split("[;\t|]", cell)}
    except (OSError, csv.Error):
        return set()


def read(
    path: Path, wanted: Collection[str], inside: Sequence[str], label: str, unlabelled: Collection[str] = ()
) -> tuple[Raw, str]:
    """(cells, where they come from in words) of one file, or of a folder's split files one after the other.

    A file of `unlabelled` without a `label` column is left out and its records are counted.
    """
    if path.is_file():
        return read_csv(path, wanted, inside), str(path)
    there = [name for name in PARTS if (path / name).is_file()]
    if not there:
        raise DataError(f"{path}: holds none of {', '.join(PARTS)}, expected at least one")
    parts = {name: read_csv(path / name, wanted) for name in there}
    hidden = {n: part for n, part in parts.items() if n in unlabelled and label not in part.columns and len(parts) > 1}
    used = {n: part for n, part in parts.items() if n not in hidden}
    raw = join(list(used.values()))
    for name, part in hidden.items():
        raw.counts["records read"] += len(part)
        raw.counts[f"records left out: {name} has no column {label}"] = len(part)
    for name, part in used.items():
        raw.counts[f"records in {name}"] = len(part)
        if len(used) > 1:
            _same_columns(raw, name, part, wanted)
    absent = [name for name in PARTS if name not in there]
    note = f" (not there: {', '.join(absent)})" if absent and not hidden else ""
    return raw, f"{' + '.join(used)}{note} in {path}"


def _same_columns(raw: Raw, name: str, part: Raw, wanted: Collection[str]) -> None:
    for column in sorted(set(wanted) & set(raw.header) - set(part.header)):
        raw.problems.append((name, 1, f"column {column!r} is not in the header, expected it as in the other files"))


def check_roles(raw: Raw, folder: Path, schema: TableSchema) -> None:
    """Compare the toolkit's column_info.json, when it lies beside the data, with the schema; problems and repeats go to `raw`."""
    path = folder / "column_info.json"
    if not path.is_file():
        return
    try:
        info = json.loads(content(path).decode("utf-8-sig"))
        listed = {key: [str(name) for name in info[key]] for key in ROLES}
        label, classes = info["label_col"], info.get("label_list") or []
    except json.JSONDecodeError as why:
        raise DataError(f"{path}:{why.lineno}: {why.msg} (column {why.colno}), expected JSON") from why
    except (KeyError, TypeError, UnicodeDecodeError) as why:
        raise DataError(f"{path}: {why!r}, expected an object with the keys {', '.join([*ROLES, 'label_col'])}") from why

    def wrong(text: str) -> None:
        raw.problems.append((path.name, 0, text))

    repeats = sum(times - 1 for names in listed.values() for times in Counter(names).values())
    raw.counts["columns listed twice in column_info.json"] = repeats
    roles = {c.name: c.role for c in schema.columns}
    for name in dict.fromkeys(n for names in listed.values() for n in names):
        given = [ROLES[key] for key, names in listed.items() if name in names]
        if len(given) > 1:
            wrong(f"column {name!r}: has two roles, {' and '.join(given)}, expected one ({roles.get(name, 'none')})")
        elif name not in roles:
            known = "the label" if name == schema.label else "an id or not one of the paper's columns"
            wrong(f"column {name!r}: {given[0]}, expected no role: it is {known}")
        elif given[0] != roles[name]:
            wrong(f"column {name!r}: {given[0]}, expected {roles[name]}")
    for name in sorted(set(roles) - {n for names in listed.values() for n in names}):
        wrong(f"column {name!r}: not listed, expected {roles[name]}")
    if label != schema.label:
        wrong(f"label_col: {label!r}, expected {schema.label!r}")
    if classes and tuple(classes) != schema.classes:
        wrong(f"label_list: {classes}, expected {list(schema.classes)}")

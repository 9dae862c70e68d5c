"""MM-IMDb: films with plot, poster and genres, from the authors' HDF5 file of vectors or from the folder of JSON and JPEG.

The file `multimodal_imdb.hdf5` holds what a study on vectors needs: the mean word vector of the plot and the poster's VGG16
features. The folder `mmimdb/` (see mmimdb_folder.py) has the words, the pictures and the credits, and no vectors.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mmkit.errors import DataError, nearest
from mmkit.readers import mmimdb_folder
from mmkit.readers.arrays import all_zero, fingerprint, misshapen, not_finite, refuse
from mmkit.readers.files import AGAIN
from mmkit.readers.folders import folders
from mmkit.readers.mmimdb_folder import GENRES, PARTS
from mmkit.schema import Dataset, Modality, MultimodalSchema, Split, vectors

VERSION = "mmimdb1"
FILE = "multimodal_imdb.hdf5"
KEYS: dict[str, tuple[int | str, ...]] = {
    "features": ("films", 300),
    "vgg_features": ("films", 4096),
    "genres": ("films", len(GENRES)),
    "imdb_ids": ("films",),
}
ORDER_Z = 5.0  # standard deviations by which a rarer genre may outnumber a more frequent one in part of the films

SCHEMA = MultimodalSchema(
    "mmimdb",
    "multilabel",
    (
        Modality("plot_vector", "vector", (300,), about="mean of the word2vec vectors of the plot"),
        Modality("poster_vector", "vector", (4096,), about="VGG16 features of the poster (fc7)"),
    ),
    "genres",
    GENRES,
)


def locate(root: Path) -> Path | None:
    """The HDF5 file, or else the folder with split.json and dataset/; the file has the vectors, so it is preferred."""
    if root.is_file():
        return root
    inside = list(folders(root))
    files = [folder / FILE for folder in inside if (folder / FILE).is_file()]
    return next(iter([*files, *(f for f in inside if (f / "split.json").is_file() and (f / "dataset").is_dir())]), None)


def read(path: Path) -> Dataset:
    """All films of the HDF5 file (plot_vector, poster_vector) or of the folder (plot, poster, credits).

    Raises DataError that lists every problem. `mmimdb_folder.read` takes another size of the pictures.
    """
    return mmimdb_folder.read(path) if path.is_dir() else read_hdf5(path)


def read_hdf5(path: Path) -> Dataset:
    """The vectors of all films, in the file's order: train, valid (there "dev"), test; inside a part grouped by rarest genre.

    Only four of the file's arrays are read: the 12.8 GB of pictures stay on the disk. Counted: films per part, and vectors of
    zeros, which are kept. Refused: whatever does not fit the published layout, NaN, films without a genre, an order of
    genres that the frequencies of the columns speak against.
    """
    import h5py

    source = f"MM-IMDb, {path}"
    try:
        with h5py.File(path, "r") as file:
            arrays, problems = _arrays(file)
            if problems:
                refuse("mmimdb", source, problems)
            ids = _text(arrays["imdb_ids"])
            parts, more = _blocks(file.attrs.get("split"), len(ids))
            names, wrong = _names(file["genres"].attrs.get("target_names"))
    except (OSError, RuntimeError) as why:
        raise _damaged(path, why) from why
    problems = _wrong_ids(ids) + more + wrong
    values = {key: arrays[key].astype(np.float32, copy=False) for key in ("features", "vgg_features")}
    for key, array in values.items():
        problems += [
            f"{key!r}: row {row}, film {ids[row]}: NaN or infinite values, expected finite numbers" for row in not_finite(array)
        ]
    genres = arrays["genres"]
    problems += [f"'genres': row {row}, film {ids[row]}: {genres[row].tolist()}, expected only 0 and 1" for row in _odd(genres)]
    problems += [f"'genres': row {row}, film {ids[row]}: no genre, expected at least one" for row in all_zero(genres)]
    if not problems:
        genres = genres[:, [names.index(name) for name in GENRES]].astype(np.uint8)
        problems = _disorder(genres.sum(axis=0, dtype=np.int64))
    if problems:
        refuse("mmimdb", source, problems)

    columns = [pa.array(ids.tolist()), *(vectors(array) for array in values.values()), vectors(genres), pa.array(parts.tolist())]
    table = pa.table(columns, schema=SCHEMA.arrow)
    counts = {f"films in {part}": int((parts == part).sum()) for part in PARTS.values()}
    for key, name in (("features", "plot_vector"), ("vgg_features", "poster_vector")):
        counts[f"films whose {name} is all zeros, kept"] = len(all_zero(values[key]))
    whole = fingerprint([*values.values(), genres, ids, parts], VERSION)
    return Dataset("mmimdb", SCHEMA, Split(table), source, whole, {what: n for what, n in counts.items() if n})


def _damaged(path: Path, why: Exception) -> DataError:
    if not path.exists():
        return DataError(f"{path}: no such file")
    if "signature" in str(why):
        with path.open("rb") as file:
            start = file.read(8)
        return DataError(f"{path}: starts with {start!r}, expected an HDF5 file", advice=AGAIN)
    if "truncated" in str(why):
        return DataError(f"{path}: ends before its own end mark, expected a complete HDF5 file", advice=AGAIN)
    return DataError(f"{path}: cannot be read as HDF5 ({why})", advice=AGAIN)


def _arrays(file: Any) -> tuple[dict[str, np.ndarray], list[str]]:
    """The four arrays that are needed, and what is wrong with their names, shapes and types."""
    problems = []
    for key, expected in KEYS.items():
        if key not in file:
            problems.append(f"key {key!r} is missing, expected an array ({', '.join(map(str, expected))}){nearest(key, file)}")
        elif wrong := misshapen(getattr(file[key], "shape", ()), expected):  # a group has none
            problems.append(f"{key!r} {wrong}")
        elif key != "imdb_ids" and file[key].dtype.kind not in "fiub":
            problems.append(f"{key!r} has type {file[key].dtype}, expected numbers")
    if not problems and len({len(file[key]) for key in KEYS}) > 1:
        sizes = ", ".join(f"{key} {len(file[key]):,}" for key in KEYS)
        problems.append(f"numbers of films differ: {sizes}; expected equally many")
    return {} if problems else {key: file[key][()] for key in KEYS}, problems


def _text(ids: np.ndarray) -> np.ndarray:
    """(N,) str of bytes, text or numbers."""
    return np.array([each.decode("latin1") if isinstance(each, bytes) else str(each) for each in ids.tolist()])


def _wrong_ids(ids: np.ndarray) -> list[str]:
    problems, first = [], {}
    for row, id in enumerate(ids.tolist()):
        if not (len(id) == 7 and id.isascii() and id.isdigit()):
            problems.append(f"'imdb_ids': row {row}: {id!r}, expected 7 digits")
        elif id in first:
            problems.append(f"'imdb_ids': row {row}: {id!r} was already used in row {first[id]}")
        first.setdefault(id, row)
    return problems


def _blocks(split: np.ndarray | None, films: int) -> tuple[np.ndarray, list[str]]:
    """(part of each film (N,), problems) from the attribute `split`: per part and array the rows from start to stop."""
    fields = ("split", "source", "start", "stop")
    if split is None:
        return np.empty(0, str), ["attribute 'split' is missing, expected a table of split, source, start, stop"]
    absent = [name for name in fields if name not in (getattr(split, "dtype", np.dtype("i8")).names or ())]
    if absent:
        return np.empty(0, str), [f"attribute 'split' has no field {', '.join(absent)}, expected {', '.join(fields)}"]
    problems: list[str] = []
    blocks: dict[str, dict[str, tuple[int, int]]] = {}
    columns = [split[name].reshape(len(split), -1)[:, 0] for name in fields]  # old files hold arrays of one number
    for part, source, start, stop in zip(*(_text(each).tolist() for each in columns[:2]), *columns[2:], strict=True):
        blocks.setdefault(source, {})[part] = int(start), int(stop)
    if "indices" in split.dtype.names and any(bool(each) for each in split["indices"].reshape(-1)):
        problems.append("attribute 'split' lists rows one by one (indices), expected blocks from start to stop")
    for source in KEYS:
        problems += _wrong_blocks(source, blocks.get(source, {}), films)
    if not problems:
        problems = [
            f"attribute 'split': {part} of {source!r} is rows {of[part][0]} to {of[part][1]}, of 'features' "
            f"{blocks['features'][part][0]} to {blocks['features'][part][1]}, expected the same films"
            for source, of in blocks.items()
            for part in PARTS
            if source in KEYS and of[part] != blocks["features"][part]
        ]
    if problems:
        return np.empty(0, str), problems
    sizes = [stop - start for start, stop in (blocks["features"][part] for part in PARTS)]
    return np.repeat(list(PARTS.values()), sizes), []


def _wrong_blocks(source: str, blocks: dict[str, tuple[int, int]], films: int) -> list[str]:
    """Train, dev and test have to follow each other and to cover all films."""
    missing = [part for part in PARTS if part not in blocks]
    if missing:
        return [f"attribute 'split': no {', '.join(missing)} of {source!r}, expected {', '.join(PARTS)} of each array"]
    problems, at = [], 0
    for part in PARTS:
        start, stop = blocks[part]
        if start != at or stop <= start:
            is_now = f"attribute 'split': {part} of {source!r} is rows {start} to {stop}"
            problems.append(f"{is_now}, expected it to begin at {at} and to end later")
        at = stop
    if at != films:
        problems.append(f"attribute 'split': the blocks of {source!r} end at {at:,}, expected {films:,}, the number of films")
    return problems


def _names(told: Any) -> tuple[list[str], list[str]]:
    """(genre of each column, problems) from the attribute `target_names`, a JSON list."""
    if told is None:
        return [], ["'genres' has no attribute 'target_names', expected a JSON list of 23 genres"]
    try:
        names = json.loads(told if isinstance(told, (str, bytes)) else told.item())
    except (ValueError, AttributeError, TypeError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return [], [f"'genres': attribute 'target_names' is {told!r}, expected a JSON list of 23 genres"]
    unknown = [name for name in names if name not in GENRES]
    uneven = [name for name in GENRES if names.count(name) != 1]
    return names, [
        *(f"'target_names': {name!r}, expected one of the 23 genres{nearest(name, GENRES)}" for name in unknown),
        *(f"'target_names': {name!r} stands {names.count(name)} times, expected each genre once" for name in uneven),
    ]


def _odd(genres: np.ndarray) -> Iterable[int]:
    return np.flatnonzero(((genres != 0) & (genres != 1)).any(axis=1)).tolist()


def _disorder(films: np.ndarray) -> list[str]:
    """Is a genre far more frequent than one that should be more frequent? Then names and columns do not belong together. (G,)"""
    gap = (films[None, :] - films[:, None]) / np.sqrt(np.maximum(films[None, :] + films[:, None], 1))  # (earlier, later)
    gap = np.triu(gap, 1)
    a, b = np.unravel_index(gap.argmax(), gap.shape)
    if gap[a, b] <= ORDER_Z:
        return []
    return [
        f"'genres': {GENRES[b]!r} has {films[b]:,} films and {GENRES[a]!r} {films[a]:,}, expected fewer; "
        "do the 'target_names' stand in the order of the columns?"
    ]

"""Moviescope: about 5,000 films with plot, trailer (frames and sound), poster and metadata, in the layout of the official reader.

Whatever of the feature folders is there is read; a study that wants more says so. Films are listed in `train.jsonl`,
`dev.jsonl` (our "valid") and `test.jsonl`, one object per line: id (a number), synopsis, label (names of genres).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from mmkit.errors import DataError, SettingsError, nearest
from mmkit.readers import movie_metadata
from mmkit.readers.arrays import Notes, fingerprint, refuse
from mmkit.readers.files import content, decode, refuse_other_formats
from mmkit.readers.folders import folders
from mmkit.readers.moviescope_files import FOLDERS, FRAMES, MATRICES, Film, features, matrices
from mmkit.schema import Dataset, Modality, MultimodalSchema, Split, vectors

VERSION = "moviescope1"
PARTS = {"train": "train", "dev": "valid", "test": "test"}  # as the files say -> as we say
GENRES = (
    "Drama", "Comedy", "Romance", "Thriller", "Crime", "Action", "Horror", "Mystery", "Sci-Fi", "Fantasy", "Family", "Biography",
    "Animation",
)  # fmt: skip


def locate(root: Path) -> Path | None:
    """The nearest folder with two of the three lists and a folder of features, `moviescope` in its path, or metadata."""
    if root.is_file():
        return root.parent
    return next((folder for folder in folders(root) if _looks_right(folder)), None)


def _looks_right(folder: Path) -> bool:
    lists = sum((folder / f"{part}.jsonl").is_file() for part in PARTS)
    marks = [folder / name for name in (*FOLDERS.values(), MATRICES, movie_metadata.FILE)]
    return lists > 1 and ("moviescope" in folder.name.casefold() or any(mark.exists() for mark in marks))


def read(folder: Path, video_steps: int = FRAMES) -> Dataset:
    """Films with "plot" and, where the folder has them, "video", "audio", "poster_vector" and "metadata".

    video_steps: the 200 frames of a trailer, averaged over neighbours down to this many. Memory: 16 kB per film and step,
    so 5,000 films take 16 GB at 200 steps, 4 GB at 50 (and as much again while parts are taken out of the whole).
    "metadata": the published matrices (312 numbers whose meaning is not told) where they are, else the 312 numbers of
    `movie_metadata`, as they stand: nothing is scaled. Sound keeps its own length; films shorter than 382 steps are counted.

    Raises DataError that lists every problem.
    """
    if not 1 <= video_steps <= FRAMES:
        raise SettingsError(f"video_steps = {video_steps!r}, expected a number of steps from 1 to {FRAMES}")
    source, notes = f"Moviescope, {folder}", Notes()
    films = [film for part in PARTS for film in _films(folder / f"{part}.jsonl", part, notes)]
    notes.problems += _repeated(films)
    if notes.problems or not films:
        refuse("moviescope", source, notes.problems or ["the lists hold no film, expected some"], notes.advice)

    there = [name for name, place in FOLDERS.items() if (folder / place).is_dir()]
    columns = {name: features(folder / FOLDERS[name], name, films, video_steps, notes) for name in there}
    metadata = _metadata(folder, films, notes)
    if notes.problems:
        refuse("moviescope", source, notes.problems, notes.advice)
    modalities = [Modality("plot", "text", about="synopsis"), *(_modality(name) for name in there)]
    if metadata is not None:
        columns["metadata"] = vectors(metadata)
        modalities.append(Modality("metadata", "vector", (metadata.shape[1],), about=_about(folder)))
    schema = MultimodalSchema("moviescope", "multilabel", tuple(modalities), "genres", GENRES)
    columns |= {
        "id": pa.array([str(film.id) for film in films]),
        "plot": pa.array([film.synopsis for film in films]),
        "genres": vectors(np.array([[name in film.label for name in GENRES] for film in films], np.uint8)),
        "part": pa.array([PARTS[film.part] for film in films]),
    }
    table = pa.table([columns[name] for name in schema.arrow.names], schema=schema.arrow)
    counts = {f"films in {ours}": sum(film.part == part for film in films) for part, ours in PARTS.items()}
    counts |= {what: n for what, n in notes.counts.items() if n}
    whole = fingerprint(notes.digests, f"{VERSION}-{video_steps}")
    return Dataset("moviescope", schema, Split(table), source, whole, counts)


def _modality(name: str) -> Modality:
    return {
        "video": Modality("video", "sequence", (4096,), about="VGG16 features of frames of the trailer"),
        "audio": Modality("audio", "sequence", (96,), about="log-mel spectrogram of the trailer"),
        "poster_vector": Modality("poster_vector", "vector", (4096,), about="VGG16 features of the poster"),
    }[name]


def _about(folder: Path) -> str:
    if (folder / MATRICES).is_dir():
        return "the published matrices: what the 312 numbers are is not told"
    return "counts (0-4), minutes (5), language (6-18), certificate (19-31), hashed names (32-311)"


def _films(path: Path, part: str, notes: Notes) -> list[Film]:
    """The films of one list; every line that is not as expected is a problem."""
    try:
        data = content(path, expected="one film per line", ending=".jsonl")
        refuse_other_formats(path, data, "a film", ".jsonl")
        text = decode(path, data, ".jsonl")
    except DataError as why:
        notes.damaged(path, why)
        return []
    notes.used(data)
    films = []
    for n, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            film, wrong = _film(f"{path.name}:{n}", part, line)
            notes.problems += [f"{path.name}:{n}: {what}" for what in wrong]
            films += [film] if film is not None else []
    return films


def _film(place: str, part: str, line: str) -> tuple[Film | None, list[str]]:
    try:
        said = json.loads(line)
    except json.JSONDecodeError as why:
        return None, [f"{why.msg} (column {why.colno}), expected a JSON object"]
    if not isinstance(said, dict):
        return None, [f"holds a {type(said).__name__}, expected an object with id, synopsis and label"]
    id, synopsis, label = said.get("id"), said.get("synopsis"), said.get("label")
    wrong = []
    if not isinstance(id, int) or isinstance(id, bool) or id < 0:
        wrong.append(f"id is {id!r}, expected a whole number")
    if not isinstance(synopsis, str) or not synopsis.strip():
        wrong.append(f"film {id}: synopsis is {synopsis!r}, expected a text")
    if not isinstance(label, list) or not label:
        wrong.append(f"film {id}: label is {label!r}, expected a list of genres")
    else:
        wrong += [f"film {id}: genre {name!r}, expected one of 13{nearest(name, GENRES)}" for name in label if name not in GENRES]
    return (None, wrong) if wrong else (Film(place, part, id, synopsis, tuple(label)), [])


def _repeated(films: Sequence[Film]) -> list[str]:
    first: dict[int, str] = {}
    found = []
    for film in films:
        if film.id in first:
            found.append(f"{film.place}: film {film.id} was already listed at {first[film.id]}")
        first.setdefault(film.id, film.place)
    return found


def _metadata(folder: Path, films: Sequence[Film], notes: Notes) -> np.ndarray | None:
    """(N, 312) float32 of the published matrices, or else of the table of films; None where neither is there."""
    if (folder / MATRICES).is_dir():
        return matrices(folder / MATRICES, films, notes)
    path = folder / movie_metadata.FILE
    if not path.is_file():
        return None
    try:
        raw = movie_metadata.read(path)
    except DataError as why:
        notes.damaged(path, why)
        return None
    notes.digests += [digest.encode() for digest in raw.digests]
    outside = [film for film in films if film.id >= len(raw)]
    notes.problems += [f"{film.place}: film {film.id}, but {path.name} has rows 0 to {len(raw) - 1} only" for film in outside]
    if raw.problems or outside:
        notes.problems += raw.worded()
        return None
    rows = [film.id for film in films]
    values, counts = movie_metadata.vectors(raw, rows, np.array([film.part == "train" for film in films]))
    notes.counts.update(counts)
    slipped = movie_metadata.slipped(raw, rows, [film.label for film in films])
    notes.problems += [*raw.worded(), *([slipped] if slipped else [])]
    return values

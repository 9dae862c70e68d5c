"""The feature files of Moviescope: one pickle per film and modality, and the matrices of metadata. Judged, never just loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from mmkit.errors import DataError
from mmkit.readers import pickles
from mmkit.readers.arrays import Notes, all_zero, misshapen, not_finite, sequences
from mmkit.schema import vectors

FOLDERS = {"video": "200F_VGG16", "audio": "Melspectrogram", "poster_vector": "PosterFeatures"}
SHAPES: dict[str, tuple[int | str, ...]] = {"video": (1, 200, 4096), "audio": (96, "steps"), "poster_vector": (1, 4096)}
FRAMES = 200
MATRICES = "Metadata_matrices"
MATRIX_WIDTH = 312
SHORT_AUDIO = 382  # steps that two convolutions of width 128 and stride 2 need to leave one


@dataclass(frozen=True)
class Film:
    """One line of a list: where it stands and what it says."""

    place: str
    part: str  # as the files say: train | dev | test
    id: int
    synopsis: str
    label: tuple[str, ...]


def features(folder: Path, name: str, films: Sequence[Film], video_steps: int, notes: Notes) -> pa.Array:
    """One modality of all films as an Arrow column. Files of films that no list names are counted.

    A film whose file is wrong adds a problem to `notes`; the column is of no use then.
    """
    audio: list[np.ndarray] = []
    steps = {"video": video_steps, "poster_vector": 1}.get(name, 0)
    fixed = np.zeros((len(films), steps, SHAPES["video"][-1]), np.float32)  # in place: trailers are too large to be held twice
    for n, film in enumerate(films):
        values = _array(folder / f"{film.id}.p", f"{folder.name}/{film.id}.p", SHAPES[name], notes)
        if values is not None and name == "audio":
            audio.append(values.T)
        elif values is not None:
            fixed[n] = averaged(values[0], steps) if name == "video" else values
    extra = {path.stem for path in folder.glob("*.p")} - {str(film.id) for film in films}
    notes.counts[f"files of films in no list, not used: {folder.name}"] = len(extra)
    if notes.problems:
        return pa.nulls(len(films))
    if name == "poster_vector":
        notes.counts["films whose poster_vector is all zeros, kept"] = len(all_zero(fixed))
        return vectors(fixed)
    if name == "video":
        return sequences(fixed.reshape(len(films) * steps, -1), np.full(len(films), steps))
    lengths = np.array([len(values) for values in audio])
    notes.counts["steps of the shortest audio"] = int(lengths.min())
    notes.counts[f"films with fewer than {SHORT_AUDIO} steps of audio, kept"] = int((lengths < SHORT_AUDIO).sum())
    return sequences(np.concatenate(audio), lengths)


def _array(path: Path, place: str, expected: Sequence[int | str], notes: Notes) -> np.ndarray | None:
    """The float32 array of one file, or None and a problem."""
    try:
        data = path.read_bytes()
        values = pickles.loads(data, place)
    except FileNotFoundError:
        notes.problems.append(f"{place}: no such file, expected one for each film")
        return None
    except DataError as why:
        notes.damaged(path, why)
        return None
    notes.used(data)
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
        kind = f"an array of {values.dtype}" if isinstance(values, np.ndarray) else f"a {type(values).__name__}"
        notes.problems.append(f"{place}: holds {kind}, expected an array of floating-point numbers")
    elif wrong := misshapen(values.shape, expected):
        notes.problems.append(f"{place}: {wrong}")
    elif len(not_finite(values)):
        notes.problems.append(f"{place}: holds NaN or infinite values, expected finite numbers")
    else:
        return values.astype(np.float32, copy=False)
    return None


def averaged(frames: np.ndarray, steps: int) -> np.ndarray:
    """(T, D) -> (steps, D): means over neighbouring frames, as equal in number as possible."""
    if steps == len(frames):
        return frames
    edges = np.arange(steps + 1) * len(frames) // steps
    return np.add.reduceat(frames, edges[:-1], axis=0) / np.diff(edges)[:, None].astype(np.float32)


def matrices(folder: Path, films: Sequence[Film], notes: Notes) -> np.ndarray | None:
    """(N, 312) float32: each film's row in the matrix of its part; None when something is wrong."""
    parts = dict.fromkeys(film.part for film in films)
    found = [_matrix(folder, part, [film for film in films if film.part == part], notes) for part in parts]
    return None if any(values is None for values in found) else np.concatenate(found)


def _matrix(folder: Path, part: str, films: Sequence[Film], notes: Notes) -> np.ndarray | None:
    """The rows of one part's films. These files call dev "val"."""
    stem = "val" if part == "dev" else part
    matrix, ids = folder / f"{stem}_metadata.npy", folder / f"{stem}_ids.pickle"
    absent = [path for path in (matrix, ids) if not path.is_file()]
    notes.problems += [f"{folder.name}/{path.name}: no such file, expected it for the {part} part" for path in absent]
    if absent:
        return None
    try:
        values = np.load(matrix, allow_pickle=False)
        at = pickles.loads(ids.read_bytes(), f"{folder.name}/{ids.name}")
    except DataError as why:
        notes.damaged(ids, why)
        return None
    except (ValueError, OSError, EOFError):
        notes.problems.append(f"{folder.name}/{matrix.name}: cannot be read as an array of numbers, expected a whole .npy file")
        return None
    for path in (matrix, ids):
        notes.used(path.read_bytes())
    wrong = _wrong_matrix(f"{folder.name}/{matrix.name}", f"{folder.name}/{ids.name}", values, at, films)
    notes.problems += wrong
    return None if wrong else values[[at[film.id] for film in films]].astype(np.float32)


def _wrong_matrix(matrix: str, ids: str, values: np.ndarray, at: object, films: Sequence[Film]) -> list[str]:
    wrong = misshapen(values.shape, ("films", MATRIX_WIDTH))
    if wrong or values.dtype.kind not in "fiu":
        return [f"{matrix}: {wrong or f'has type {values.dtype}, expected numbers'}"]
    if not isinstance(at, dict) or not all(isinstance(row, (int, np.integer)) for row in at.values()):
        return [f"{ids}: expected a dict from the id of a film to its row"]
    found = []
    for film in films:
        if film.id not in at:
            found.append(f"{ids}: film {film.id} of {film.place} is missing, expected a row for each film")
        elif not 0 <= at[film.id] < len(values):
            found.append(f"{ids}: film {film.id} has row {at[film.id]}, but {matrix} has {len(values):,}")
        elif not np.isfinite(values[at[film.id]]).all():
            found.append(f"{matrix}: row {at[film.id]}, film {film.id}: NaN or infinite values, expected finite numbers")
    return found

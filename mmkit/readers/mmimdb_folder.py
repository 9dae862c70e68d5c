"""The folder `mmimdb/`: split.json, and in dataset/ one <id>.json with plots, genres and credits and one <id>.jpeg per film."""

from __future__ import annotations

import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mmkit.errors import DataError, nearest
from mmkit.readers.arrays import fingerprint, refuse
from mmkit.schema import Dataset, Modality, MultimodalSchema, Split, vectors

VERSION = "mmimdbfolder1"
GENRES = (
    "Drama", "Comedy", "Romance", "Thriller", "Crime", "Action", "Adventure", "Horror", "Documentary", "Mystery", "Sci-Fi",
    "Fantasy", "Family", "Biography", "War", "History", "Music", "Animation", "Musical", "Western", "Sport", "Short", "Film-Noir",
)  # the most frequent first  # fmt: skip
DROPPED = ("News", "Adult", "Talk-Show", "Reality-TV")  # too rare to be a class
PARTS = {"train": "train", "dev": "valid", "test": "test"}  # as the files say -> as we say
ROLES = ("director", "writer", "producer", "cinematographer", "art director")
PICTURE = (256, 160)  # height and width of the published arrays


@dataclass
class Film:
    """What one JSON file says."""

    id: str
    part: str
    plot: str = ""
    genres: list[str] = field(default_factory=list)
    credits: list[dict[str, str]] = field(default_factory=list)


def schema(picture: tuple[int, int] = PICTURE) -> MultimodalSchema:
    """Pictures are (3, height, width)."""
    return MultimodalSchema(
        "mmimdb",
        "multilabel",
        (
            Modality("plot", "text", about="the longest of a film's plots"),
            Modality("poster", "picture", (3, *picture), about="scaled to cover the size, then cut at its centre"),
            Modality("credits", "people", about=", ".join(ROLES)),
        ),
        "genres",
        GENRES,
    )


def read(folder: Path, picture: tuple[int, int] = PICTURE) -> Dataset:
    """Films with plot, poster and credits, part by part in the order of split.json. There are no vectors here.

    picture: (height, width) of the posters; the 25,959 films take 3.2 GB at 256 x 160. Raises DataError that lists every
    problem. Counted and left out: films of which no genre is one of the 23. Counted: files that split.json does not name.
    """
    source = f"MM-IMDb, {folder}"
    problems: list[str] = []
    named = list(_films(folder, problems))
    films = [film for film in named if _fill(film, folder / "dataset", problems)]
    counts = _unused(folder / "dataset", {film.id for film in named}, problems)
    kept = [film for film in films if set(film.genres) & set(GENRES)]
    posters = np.zeros((len(kept), 3 * picture[0] * picture[1]), np.uint8)
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # decoding lets go of the interpreter's lock
        paint = _painter(folder / "dataset", picture, posters)
        problems += [wrong for wrong in threads.map(paint, range(len(kept)), (film.id for film in kept)) if wrong]
    if problems:
        refuse("mmimdb", source, problems)
    if not kept:
        raise DataError(f"mmimdb: no film with one of the 23 genres in {source}")

    columns = {
        "id": [film.id for film in kept],
        "plot": [film.plot for film in kept],
        "credits": [film.credits for film in kept],
        "part": [film.part for film in kept],
    }
    given = [set(film.genres) for film in kept]
    genres = np.array([[name in some for name in GENRES] for some in given], np.uint8)
    arrow = schema(picture).arrow
    ready = {"poster": vectors(posters), "genres": vectors(genres)}
    table = pa.table([ready[f.name] if f.name in ready else pa.array(columns[f.name], f.type) for f in arrow], schema=arrow)
    counts |= {f"films in {part}": columns["part"].count(part) for part in PARTS.values()}
    counts["films left out: none of the 23 genres"] = len(films) - len(kept)
    counts["genres without a class, not used"] = sum(name in DROPPED for film in kept for name in film.genres)
    content = [json.dumps(columns, sort_keys=True).encode(), posters, genres]
    counts = {what: n for what, n in counts.items() if n}
    return Dataset("mmimdb", schema(picture), Split(table), source, fingerprint(content, VERSION), counts)


def _json(path: Path, problems: list[str]) -> Any:
    """What a JSON file holds; None, and a problem, when it cannot be read."""
    place = path.name
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        problems.append(f"{place}: no such file")
    except json.JSONDecodeError as why:
        problems.append(f"{place}:{why.lineno}: {why.msg} (column {why.colno}), expected JSON")
    except UnicodeDecodeError as why:
        problems.append(f"{place}: byte {why.start}: 0x{why.object[why.start]:02x}, expected UTF-8")
    return None


def _films(folder: Path, problems: list[str]) -> Iterator[Film]:
    """The films that split.json names, each once."""
    split = _json(folder / "split.json", problems)
    if split is None:
        return
    if not isinstance(split, dict) or [part for part in PARTS if not isinstance(split.get(part), list)]:
        problems.append(f"split.json: expected an object with a list of ids under each of {', '.join(PARTS)}")
        return
    first: dict[str, str] = {}
    for part, ours in PARTS.items():
        for id in split[part]:
            if not (isinstance(id, str) and len(id) == 7 and id.isascii() and id.isdigit()):
                problems.append(f"split.json: {part} has {id!r}, expected a text of 7 digits")
            elif id in first:
                problems.append(f"split.json: {part} has {id!r}, which stands in {first[id]} already")
            else:
                first[id] = part
                yield Film(id, ours)


def _fill(film: Film, folder: Path, problems: list[str]) -> bool:
    """Put into `film` what its JSON file says; False when something is wrong with it."""
    found: list[str] = []
    said = _json(folder / f"{film.id}.json", found)
    if isinstance(said, dict):
        film.plot = _plot(said.get("plot"), found)
        film.genres = _strings(said.get("genres"), "genres", found)
        found += [
            f"genre {name!r}, expected one of the 27 genres{nearest(name, (*GENRES, *DROPPED))}"
            for name in film.genres
            if name not in GENRES and name not in DROPPED
        ]
        film.credits = [person for role in ROLES for person in _people(said.get(role, []), role, found)]
    elif not found:
        found.append(f"holds a {type(said).__name__}, expected an object")
    if not (folder / f"{film.id}.jpeg").is_file():
        found.append(f"no {film.id}.jpeg beside it, expected the poster")
    name = f"{film.id}.json"
    problems += [text if text.startswith(name) else f"{name}: {text}" for text in found]
    return not found


def _plot(plots: Any, found: list[str]) -> str:
    """The longest plot."""
    plots = _strings(plots, "plot", found)
    longest = max(plots, key=len, default="")
    if not longest.strip() and not found:
        found.append("'plot' holds no text, expected at least one plot")
    return longest


def _strings(value: Any, key: str, found: list[str]) -> list[str]:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return value
    what = f"key {key!r} is missing" if value is None else f"{key!r} is {_short(value)}"
    found.append(f"{what}, expected a list of texts")
    return []


def _people(value: Any, role: str, found: list[str]) -> list[dict[str, str]]:
    """Everybody of one role once, in the order of the file."""
    if isinstance(value, list) and all(isinstance(each, dict) and isinstance(each.get("name"), str) for each in value):
        return [{"role": role, "name": name} for name in dict.fromkeys(each["name"] for each in value)]
    found.append(f"{role!r} is {_short(value)}, expected a list of objects with a 'name'")
    return []


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _unused(folder: Path, ids: set[str], problems: list[str]) -> Counter[str]:
    """Counts files of films that no part names; a picture without its JSON file is a problem."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    described = ids | {name[:-5] for name in names if name.endswith(".json")}
    alone = [name for name in sorted(names) if name.endswith(".jpeg") and name[:-5] not in described]
    problems += [f"{name}: has no {name[:-5]}.json beside it, expected plot and genres" for name in alone]
    unnamed = [name for name in names if name.endswith(".json") and name[:-5] not in ids]
    return Counter({"films that split.json does not name, not used": len(unnamed)})


def _painter(folder: Path, picture: tuple[int, int], posters: np.ndarray) -> Callable[[int, str], str]:
    """A function (row, id) that puts a film's poster into its row of `posters`; it returns what is wrong, or nothing."""
    from PIL import Image, ImageOps

    height, width = picture

    def paint(row: int, id: str) -> str:
        try:
            image = Image.open(io.BytesIO((folder / f"{id}.jpeg").read_bytes()))
            image.draft("RGB", (2 * width, 2 * height))  # a large JPEG is decoded at a fraction of its size
            image = ImageOps.fit(image.convert("RGB"), (width, height), Image.Resampling.BILINEAR)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            return f"{id}.jpeg: cannot be read as a picture, expected a whole JPEG"
        posters[row] = np.asarray(image).transpose(2, 0, 1).reshape(-1)
        return ""

    return paint

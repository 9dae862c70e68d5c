"""CLEVR's scene files as scene graphs: the shape as name, size, colour and material as attributes, relations in 4 directions.

Johnson et al. (2017), "CLEVR: A Diagnostic Dataset". The files tell the pixel of each object's centre and no box, so a box
has its place and no width or height. Questions are not read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from mmkit.errors import DataError
from mmkit.readers.arrays import Notes, refuse
from mmkit.readers.gqa_files import load, short
from mmkit.schema import GRAPH

DIRECTIONS = {"left": "to the left of", "right": "to the right of", "front": "in front of", "behind": "behind"}
ATTRIBUTES = ("size", "color", "material")
PICTURE = (480, 320)  # pixels, width and height of the published pictures


def clevr_graphs(path: Path, picture: tuple[int, int] = PICTURE) -> pa.Table:
    """Graphs with the columns of `schema.GRAPH` from CLEVR_scenes.json, or from a folder with one file per scene.

    picture: (width, height) in pixels, which the files do not tell. The id is the picture's file name without its ending.
    Raises DataError that lists every problem.
    """
    notes, rows = Notes(), {}
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path}: holds no .json file, expected CLEVR's scenes")
    for file in files:
        for at, scene in enumerate(_scenes(file, notes)):
            found: list[str] = []
            row = _row(scene, picture, found)
            if row["id"] in rows:
                found.append(f"picture {row['id']} has a scene already, expected one")
            rows[row["id"]] = row
            notes.problems += [f"{file.name}: scene {at}: {problem}" for problem in found]
    if not rows and not notes.problems:
        notes.problems.append(f"{path.name}: holds no scenes, expected some")
    if notes.problems:
        refuse("clevr", f"scenes, {path}", notes.problems, notes.advice)
    return pa.Table.from_pylist(list(rows.values()), schema=GRAPH)


def _scenes(file: Path, notes: Notes) -> list[Any]:
    """The scenes of a file of many, or the one that is all of it."""
    try:
        found, _ = load(file, "scenes")
    except DataError as why:
        notes.damaged(file, why)
        return []
    if isinstance(found, dict) and isinstance(found.get("scenes"), list):
        return found["scenes"]
    if isinstance(found, dict) and "objects" in found:
        return [found]
    notes.problems.append(f"{file.name}: holds {short(found)}, expected an object with 'scenes', or with the 'objects' of one")
    return []


def _row(scene: Any, picture: tuple[int, int], found: list[str]) -> dict[str, Any]:
    """One graph; problems go to `found`."""
    scene = scene if isinstance(scene, dict) else {}
    name, objects, links = (scene.get(key) for key in ("image_filename", "objects", "relationships"))
    row: dict[str, Any] = {"id": Path(name).stem if isinstance(name, str) else "", **{n: [] for n in GRAPH.names if n != "id"}}
    if not row["id"]:
        found.append(f"'image_filename' is {short(name)}, expected a picture's name")
    if not isinstance(objects, list) or not isinstance(links, dict):
        found.append(f"'objects' is {short(objects)} and 'relationships' is {short(links)}, expected a list and an object")
        return row
    for at, each in enumerate(objects):
        words = [each.get(key) if isinstance(each, dict) else None for key in ("shape", *ATTRIBUTES)]
        if not all(isinstance(word, str) and word for word in words):
            found.append(f"object {at}: {short(words)}, expected texts for shape, {', '.join(ATTRIBUTES)}")
            continue
        row["name"].append(words[0])
        row["attributes"].append(words[1:])
        row["box"].append(_box(each.get("pixel_coords"), picture, at, found))
    for direction, said in DIRECTIONS.items():
        lists = links.get(direction)
        if not isinstance(lists, list) or len(lists) != len(objects) or not all(isinstance(each, list) for each in lists):
            found.append(f"relationships {direction!r}: {short(lists)}, expected a list for each of the {len(objects)} objects")
            continue
        for target, sources in enumerate(lists):  # those that are, for example, to the left of the target
            wrong = [at for at in sources if not isinstance(at, int) or not 0 <= at < len(objects)]
            found += [f"relationships {direction!r}: object {short(at)}, expected a number below {len(objects)}" for at in wrong]
            row["source"] += sources
            row["target"] += [target] * len(sources)
            row["relation"] += [said] * len(sources)
    return row


def _box(centre: Any, picture: tuple[int, int], at: int, found: list[str]) -> list[float]:
    """Left, top, and neither width nor height, as shares of the picture."""
    if not (isinstance(centre, list) and len(centre) >= 2 and all(isinstance(each, (int, float)) for each in centre)):
        found.append(f"object {at}: 'pixel_coords' is {short(centre)}, expected x, y and the distance")
    elif not (0 <= centre[0] <= picture[0] and 0 <= centre[1] <= picture[1]):
        found.append(f"object {at}: centre ({centre[0]}, {centre[1]}), expected it in the picture of {picture[0]} x {picture[1]}")
    else:
        return [centre[0] / picture[0], centre[1] / picture[1], 0.0, 0.0]
    return [0.0] * 4

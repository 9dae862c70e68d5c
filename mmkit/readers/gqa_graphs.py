"""GQA's scene graphs: `{train,val}_sceneGraphs.json` into a table of graphs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mmkit.readers.arrays import Notes, refuse
from mmkit.readers.gqa_files import paused, records, short
from mmkit.schema import GRAPH

SLOTS = 12  # of a node in the GraphVQA models: one name and 11 attributes
SIDES = ("x", "y", "w", "h")


class Graphs:
    """Graphs one after the other, a list per column. ids: of the objects of each graph, in the order of its nodes."""

    def __init__(self) -> None:
        self.row: dict[str, int] = {}  # id of the picture -> row
        self.ids: list[list[str]] = []
        self.columns: dict[str, list[Any]] = {name: [] for name in GRAPH.names if name not in ("id", "box")}
        self.boxes: list[tuple[float, float, float, float]] = []

    def table(self) -> pa.Table:
        """All of them, with the columns of `schema.GRAPH`."""
        sizes = np.array([len(ids) for ids in self.ids], dtype=np.int64)
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
        flat = np.array(self.boxes, dtype=np.float32).reshape(-1)
        boxes = pa.ListArray.from_arrays(pa.array(offsets), pa.FixedSizeListArray.from_arrays(pa.array(flat), 4))
        ready = {"id": pa.array(list(self.row), pa.string()), "box": boxes.cast(GRAPH.field("box").type)}
        made = [ready[f.name] if f.name in ready else pa.array(self.columns[f.name], f.type) for f in GRAPH]
        return pa.Table.from_arrays(made, schema=GRAPH)


def read_graphs(path: Path) -> pa.Table:
    """The scene graphs of one file, whatever its name. Raises DataError that lists every problem."""
    notes, graphs = Notes(), Graphs()
    add(graphs, path, notes)
    if notes.problems:
        refuse("gqa", f"scene graphs, {path}", notes.problems, notes.advice)
    return graphs.table()


def add(graphs: Graphs, path: Path, notes: Notes) -> int:
    """Append the graphs of a file; how many it has.

    Nodes stand in the order of their ids as texts ("10" before "9"), as in the GraphVQA models. Boxes become shares of the
    picture. Counted and kept: graphs without objects, boxes without area, objects of more than 11 attributes, relations
    that stand twice. Counted and repaired: boxes that reach beyond the picture are cut at its edge.
    """
    found = records(path, "scene graphs", notes)
    with paused():
        for id, graph in found.items():
            problems: list[str] = []
            if id in graphs.row:
                problems.append("has a graph in another file already, expected one graph per picture")
            else:
                _one(graphs, id, graph, notes, problems)
            notes.problems += [f"{path.name}: graph {id}: {problem}" for problem in problems]
    return len(found)


def _one(graphs: Graphs, id: str, graph: Any, notes: Notes, problems: list[str]) -> None:
    """Append one graph; where something is wrong with it, a problem each and an empty graph in its place."""
    objects = graph.get("objects") if isinstance(graph, dict) else None
    if not isinstance(objects, dict):
        problems.append(f"'objects' is {short(objects)}, expected objects by id")
        objects = {}
    scale = _size(graph, problems) if objects else (1.0, 1.0)
    ids = sorted(objects)
    number = {name: at for at, name in enumerate(ids)}
    names, attributes, source, target, relation, boxes = [], [], [], [], [], []
    for at, object_id in enumerate(ids):
        wrong: list[str] = []
        each = objects[object_id]
        try:
            name, words = each["name"], each["attributes"]
            box = _box(each, scale, notes, wrong)
            edges = [(link["name"], link["object"]) for link in each["relations"]]
        except (KeyError, TypeError):
            problems.append(f"object {object_id}: {_lacking(each)}")
            continue
        if not isinstance(name, str) or not name.strip():
            wrong.append(f"'name' is {short(name)}, expected a text")
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            wrong.append(f"'attributes' is {short(words)}, expected a list of texts")
        for said, other in edges:
            if not isinstance(said, str):
                wrong.append(f"a relation is called {short(said)}, expected a text")
            elif not isinstance(other, str) or other not in number:
                wrong.append(f"relation {said!r} to object {other}, which is not in the graph")
        if wrong:
            problems += [f"object {object_id}: {problem}" for problem in wrong]
            continue
        names.append(name)
        attributes.append(words)
        boxes.append(box)
        source += [at] * len(edges)
        target += [number[other] for _, other in edges]
        relation += [said for said, _ in edges]
        notes.counts[f"objects of more than {SLOTS - 1} attributes, kept"] += len(words) >= SLOTS
        notes.counts["relations that stand twice, kept"] += len(edges) - len(set(edges))
    notes.counts["graphs without objects, kept"] += not objects
    graphs.row[id] = len(graphs.ids)
    graphs.ids.append(ids)
    if problems:
        return
    graphs.boxes += boxes
    columns = {"name": names, "attributes": attributes, "source": source, "target": target, "relation": relation}
    for column, values in columns.items():
        graphs.columns[column].append(values)


def _size(graph: dict[str, Any], problems: list[str]) -> tuple[float, float]:
    width, height = graph.get("width"), graph.get("height")
    if all(isinstance(side, (int, float)) and math.isfinite(side) and side > 0 for side in (width, height)):
        return float(width), float(height)  # type: ignore[arg-type]
    problems.append(f"the picture is {short(width)} x {short(height)}, expected two numbers above 0")
    return math.inf, math.inf


def _box(
    each: dict[str, Any], scale: tuple[float, float], notes: Notes, problems: list[str]
) -> tuple[float, float, float, float]:
    """Left, top, width, height as shares of the picture."""
    x, y, w, h = given = (each["x"], each["y"], each["w"], each["h"])
    wide, high = scale
    if not all(isinstance(side, (int, float)) and math.isfinite(side) for side in given):
        problems.append(f"box {short(given)}, expected four numbers (x, y, w, h)")
    elif w < 0 or h < 0:
        problems.append(f"box {given} has a negative width or height, expected numbers above 0 (x, y, w, h)")
    elif x > wide or y > high or x + w < 0 or y + h < 0:
        problems.append(f"box {given} lies outside the picture of {wide:g} x {high:g}, expected it inside (x, y, w, h)")
    else:
        if w == 0 or h == 0:
            notes.counts["boxes without area, kept"] += 1
        if x < 0 or y < 0 or x + w > wide or y + h > high:
            notes.counts["boxes that reach beyond the picture, cut at its edge"] += 1
            right, bottom = min(x + w, wide), min(y + h, high)
            x, y = max(x, 0), max(y, 0)
            w, h = right - x, bottom - y
        return x / wide, y / high, w / wide, h / high
    return 0.0, 0.0, 0.0, 0.0


def _lacking(each: Any) -> str:
    """Why an object cannot be read."""
    if not isinstance(each, dict):
        return f"is {short(each)}, expected an object with a name, a box, attributes and relations"
    if missing := [key for key in ("name", *SIDES, "attributes", "relations") if key not in each]:
        return f"no {', '.join(map(repr, missing))}, expected name, x, y, w, h, attributes and relations"
    return f"'relations' is {short(each['relations'])}, expected a list of objects with 'name' and 'object'"

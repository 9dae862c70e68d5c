"""Scenes as graphs of named objects with attributes and relations, in the columns that questions about graphs share."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmkit.schema import GRAPH, vectors
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.columns import lists, named
from mmkit.worlds.scenes.scene import Scene, Scenes
from mmkit.worlds.scenes.spatial import edges

# Attributes in the order in which they are said; the words of each, and "" for what is not said (medium size).
SAID = {"size": v.SIZES, "colour": v.COLOURS, "material": v.MATERIALS, "shape": v.SHAPES, "state": v.STATES}


def attributes(scene: Scene) -> list[list[str]]:
    """The words of each object's attributes: size, colour, material, shape, state, as far as it has them."""
    columns = [[words[value] if value >= 0 else "" for value in getattr(scene, name)] for name, words in SAID.items()]
    return [[word for word in words if word] for words in zip(*columns, strict=True)]


def table(scenes: Scenes, nearest: int, types: str = "true") -> pa.Table:
    """One row per scene, with the columns of `schema.GRAPH`. nearest, types: see `spatial.edges`."""
    a, count = scenes.arrays, len(scenes)
    found = [edges(scenes[row], nearest, types) for row in range(count)]
    links = np.concatenate([[0], np.cumsum([len(e) for e in found])])
    source, relation, target = np.concatenate(found).T
    columns = [
        pa.array([f"{scenes.split}_{scenes.first + row:07d}" for row in range(count)]),
        lists(a["objects"], named(v.CATEGORIES, a["category"])),
        lists(a["objects"], _words(a)),
        lists(a["objects"], vectors(a["box"])),
        lists(links, pa.array(source.astype(np.int32))),
        lists(links, pa.array(target.astype(np.int32))),
        lists(links, named(v.RELATIONS, relation)),
    ]
    return pa.Table.from_arrays([c.cast(field.type) for c, field in zip(columns, GRAPH, strict=True)], schema=GRAPH)


def _words(a: dict[str, NDArray]) -> pa.Array:
    """Lists of the attributes' words, one for each object."""
    words = np.array([word for said in SAID.values() for word in said])
    start = np.cumsum([0, *(len(said) for said in SAID.values())])[:-1]
    number = np.stack([np.where(a[name] >= 0, a[name] + at, -1) for name, at in zip(SAID, start, strict=True)], axis=1)
    said = (number >= 0) & (words[number] != "")
    offsets = np.concatenate([[0], np.cumsum(said.sum(axis=1))])
    return lists(offsets, named(words, number[said]))

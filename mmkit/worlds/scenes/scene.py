"""One scene, and many of them as columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PER_OBJECT = ("category", "colour", "material", "shape", "size", "state", "box", "facing", "depth", "text")


@dataclass(frozen=True, eq=False)
class Scene:
    """What is true of one scene. n objects; numbers are places in the tuples of `vocabulary`, -1 where nothing applies.

    box (n, 4): left, top, width, height as shares of the picture, all inside [0, 1].  depth (n,): the painter's order, 0
    is drawn first, farthest back.  facing (n,): -1 left, 1 right, 0 no face.  text (n,): what is written on it, or "".
    relations (m, 3): subject, relation, object; the true semantic relations (numbers of `SEMANTIC`), each pair at most once.
    """

    seed: int  # of the world
    split: str
    index: int
    place: int
    weather: int
    time: int
    category: NDArray[np.int8]
    colour: NDArray[np.int8]
    material: NDArray[np.int8]
    shape: NDArray[np.int8]
    size: NDArray[np.int8]
    state: NDArray[np.int8]
    box: NDArray[np.float32]
    facing: NDArray[np.int8]
    depth: NDArray[np.int8]
    text: NDArray[np.str_]
    relations: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.category)

    @property
    def id(self) -> str:
        """The picture's id in exported files; ids of a split sort as their scenes do."""
        return f"{self.split}_{self.index:07d}"

    @property
    def object_ids(self) -> list[str]:
        """Ids of the objects in exported files; they sort as the objects do, as readers of GQA's files expect."""
        return [f"{self.id}_{k:02d}" for k in range(len(self))]


@dataclass(frozen=True, eq=False)
class Scenes:
    """Scenes first .. first + N - 1 of one split as columns: numbers per scene (N,); rows of objects and of relations."""

    seed: int
    split: str
    first: int
    arrays: dict[str, NDArray]  # fields of `Scene` by name; "objects", "links": offsets (N + 1,) of those rows

    def __len__(self) -> int:
        return len(self.arrays["objects"]) - 1

    def __getitem__(self, row: int) -> Scene:
        """The scene of this row (its number in the split is first + row)."""
        if not 0 <= row < len(self):
            raise IndexError(f"scene {row} of {len(self)}")
        a = self.arrays
        here = slice(a["objects"][row], a["objects"][row + 1])
        rows = {name: a[name][here] for name in PER_OBJECT}
        links = a["relations"][a["links"][row] : a["links"][row + 1]]
        whole = {name: int(a[name][row]) for name in ("place", "weather", "time")}
        return Scene(self.seed, self.split, self.first + row, **whole, **rows, relations=links)


def packed(scenes: list[Scene]) -> Scenes:
    """One after the other as columns. They are of one split, their numbers follow each other."""
    first = scenes[0]
    arrays = {name: np.array([getattr(s, name) for s in scenes], dtype=np.int8) for name in ("place", "weather", "time")}
    for name in (*PER_OBJECT, "relations"):
        arrays[name] = np.concatenate([getattr(s, name) for s in scenes])
    for name, sizes in (("objects", [len(s) for s in scenes]), ("links", [len(s.relations) for s in scenes])):
        arrays[name] = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Scenes(first.seed, first.split, first.index, arrays)

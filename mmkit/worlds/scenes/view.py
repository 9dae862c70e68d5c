"""A scene as questions see it: names, attributes, and every way to tell one thing from the others by its relations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmkit.worlds.scenes import spatial
from mmkit.worlds.scenes.programs import ANY, KIND_OF_WORD
from mmkit.worlds.scenes.scene import Scene
from mmkit.worlds.scenes.vocabulary import (
    CATEGORIES,
    COLOURS,
    KIND_OF,
    KINDS,
    MATERIALS,
    RELATIONS,
    SEMANTIC,
    SHAPES,
    SIZES,
    STATES,
)

S, R = len(SEMANTIC), len(RELATIONS)
_COLUMNS = (("color", "colour", COLOURS), ("material", "material", MATERIALS), ("shape", "shape", SHAPES),
            ("size", "size", SIZES), ("state", "state", STATES))  # fmt: skip


class Link(NamedTuple):
    """From `start` along LINKS[link] to exactly one thing that is called `name`: `end`."""

    start: int
    link: int
    end: int
    name: str
    necessary: bool  # several things are called so


class View:
    """Lists and dictionaries of one scene, made once and read for all of its questions.

    name, kind, attributes: per object its category, its hypernym, its words by kind of attribute.  anchors: per object the
    filters that make its category unique, "" where it is unique as it is.  true[x, l, y], shown[x, l, y]: whether x is reached
    from y along LINKS[l], in truth and in the graph.  near: per object those that share an edge with it.  links, loose: the ways
    to one thing, where its name alone would not do, and where it would.  asks: the ways to one thing without saying its
    category.  edges: all of the graph.
    """

    def __init__(self, scene: Scene, nearest: int) -> None:
        n = len(scene)
        self.scene, self.n, self.ids = scene, n, scene.object_ids
        category = scene.category
        self.name = [CATEGORIES[c] for c in category.tolist()]
        self.kind = [KINDS[k] for k in KIND_OF[category].tolist()]
        self.attributes: list[dict[str, str]] = [{} for _ in range(n)]
        for kind, column, words in _COLUMNS:
            for mine, value in zip(self.attributes, getattr(scene, column).tolist(), strict=True):
                if value >= 0 and words[value]:
                    mine[kind] = words[value]
        self.members: dict[str, list[int]] = {ANY: list(range(n))}
        for k in range(n):
            for called in (self.name[k], self.kind[k], *self.attributes[k].values()):
                self.members.setdefault(called, []).append(k)
        self.anchors = [self._filters(k) for k in range(n)]
        self.true, self.shown = _relations(scene, nearest)
        linked = self.shown.any(axis=1)
        self.near = [np.flatnonzero(row).tolist() for row in linked | linked.T]
        self.links, self.loose, self.asks, self.edges = (Ways(n) for _ in range(4))
        self._find_ways(category)

    def called(self, name: str, word: str = "") -> tuple[int, ...]:
        """The objects of a name (category, hypernym, thing), and of an attribute where one is given."""
        found = self.members.get(name, ())
        if not word:
            return tuple(found)
        kind = KIND_OF_WORD[word]
        return tuple(k for k in found if self.attributes[k].get(kind) == word)

    def _filters(self, k: int) -> list[str]:
        same = self.members[self.name[k]]
        if len(same) == 1:
            return [""]
        return [w for kind, w in self.attributes[k].items() if sum(self.attributes[j].get(kind) == w for j in same) == 1]

    def _find_ways(self, category: NDArray[np.int8]) -> None:
        kind = KIND_OF[category]
        alike, akin = category[:, None] == category, kind[:, None] == kind
        flat = self.true.reshape(self.n, -1).astype(np.float32)
        end, link, start = np.nonzero(self.shown)
        # how many things of the same name, of the same hypernym, and of any sort are reached in the same way
        names, kinds = ((same.astype(np.float32) @ flat).reshape(self.true.shape)[end, link, start] for same in (alike, akin))
        things = flat.sum(axis=0).reshape(self.true.shape[1:])[link, start]
        several_names, several_kinds = (alike.sum(axis=1) > 1).tolist(), (akin.sum(axis=1) > 1).tolist()
        columns = (end, link, start, names, kinds, things)
        for x, l, y, of_name, of_kind, of_any in zip(*(column.tolist() for column in columns), strict=True):
            self.edges.add(Link(y, l, x, self.name[x], False))
            if of_name == 1 and several_names[x]:
                self.links.add(Link(y, l, x, self.name[x], True))
            elif of_kind == 1 and several_kinds[x]:
                self.links.add(Link(y, l, x, self.kind[x], True))
            elif of_any == 1 and self.n > 2:
                self.links.add(Link(y, l, x, ANY, True))
            if of_name == 1 and not several_names[x]:
                self.loose.add(Link(y, l, x, self.name[x], False))
            if of_any == 1:
                self.asks.add(Link(y, l, x, ANY, self.n > 2))
            elif of_kind == 1:
                self.asks.add(Link(y, l, x, self.kind[x], several_kinds[x]))


def _relations(scene: Scene, nearest: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(n, LINKS, n) twice: what is reached from what in truth, and in the graph."""
    n = len(scene)
    true, shown = np.zeros((2, n, R + S, n), dtype=bool)
    for matrix, rows in ((true, (scene.relations, spatial.full(scene))), (shown, (spatial.edges(scene, nearest),))):
        for subject, relation, target in (r.T for r in rows):
            matrix[subject, relation, target] = True
        matrix[:, R:] = matrix[:, :S].transpose(2, 1, 0)
    return true, shown


class Ways:
    """Links by where they start, spatial ones and semantic ones apart."""

    def __init__(self, n: int) -> None:
        self.all: tuple[list[Link], list[Link]] = ([], [])
        self.start: list[tuple[list[Link], list[Link]]] = [([], []) for _ in range(n)]

    def add(self, link: Link) -> None:
        family = semantic(link.link)
        self.all[family].append(link)
        self.start[link.start][family].append(link)


def semantic(link: int) -> bool:
    """Whether a way of `LINKS` is a semantic relation."""
    return link < S or link >= R

"""A hundred scenes with their graphs, all true relations and questions, drawn once; and one scene made by hand."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from mmkit.worlds.scenes import generate, graphs, spatial
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.knobs import Knobs, settle
from mmkit.worlds.scenes.questions import Question, ask
from mmkit.worlds.scenes.scene import Scene, Scenes

SEED = 11


class Asked(NamedTuple):
    scene: Scene
    graph: dict[str, Any]  # a row of the table of graphs, with place, weather and time
    full: list[tuple[int, str, int]]  # all true relations
    questions: list[Question]


@cache
def scenes(split: str = "train", count: int = 100) -> Scenes:
    return generate.scenes(Knobs(SEED), split, count)


@cache
def asked(split: str = "train", count: int = 100, **changes: Any) -> list[Asked]:
    knobs, drawn = settle(SEED, **changes), scenes(split, count)
    rows = graphs.table(drawn, knobs.nearest).to_pylist()
    return [everything(drawn[k], rows[k], knobs) for k in range(count)]


def everything(scene: Scene, row: dict[str, Any], knobs: Knobs) -> Asked:
    whole = {"place": v.PLACES[scene.place], "time": v.TIMES[scene.time]}
    if scene.weather >= 0:
        whole["weather"] = v.WEATHER[scene.weather]
    return Asked(scene, row | whole, true_relations(scene), ask(scene, knobs))


def true_relations(scene: Scene) -> list[tuple[int, str, int]]:
    rows = np.concatenate([scene.relations, spatial.full(scene)]).tolist()
    return [(subject, v.RELATIONS[relation], target) for subject, relation, target in rows]


def by_hand() -> Scene:
    """A man between two dogs; the left one watches him, he holds a red cup, a blue cup lies far to the right; a hat above."""
    names = ("man", "dog", "dog", "cup", "cup", "hat")
    colours = ("white", "brown", "black", "red", "blue", "red")
    materials = ("", "", "", "glass", "plastic", "cloth")
    states = ("standing", "sitting", "lying", "", "", "")
    shapes = ("", "", "", "round", "square", "")
    centres = ((0.4, 0.5), (0.15, 0.5), (0.65, 0.5), (0.42, 0.52), (0.92, 0.5), (0.4, 0.1))
    boxes = [(x - 0.05, y - 0.05, 0.1, 0.1) for x, y in centres]
    relations = [(1, v.RELATIONS.index("watching"), 0), (0, v.RELATIONS.index("holding"), 3)]
    n = len(names)

    def numbers(words: tuple[str, ...], known: tuple[str, ...]) -> np.ndarray:
        return np.array([known.index(word) if word else -1 for word in words], dtype=np.int8)

    return Scene(
        seed=0, split="train", index=0, place=0, weather=-1, time=0,
        category=numbers(names, v.CATEGORIES), colour=numbers(colours, v.COLOURS), material=numbers(materials, v.MATERIALS),
        shape=numbers(shapes, v.SHAPES), size=np.ones(n, dtype=np.int8), state=numbers(states, v.STATES),
        box=np.array(boxes, dtype=np.float32), facing=np.zeros(n, dtype=np.int8),
        depth=np.array([0, 1, 2, 5, 3, 4], dtype=np.int8), text=np.array([""] * n), relations=np.array(relations, dtype=np.int16),
    )  # fmt: skip

"""Scenes of a split: each one by itself, or many, in any number of processes."""

from __future__ import annotations

import numpy as np

from mmkit.errors import SettingsError
from mmkit.worlds.scenes import attributes
from mmkit.worlds.scenes.knobs import MOST_OBJECTS, Knobs
from mmkit.worlds.scenes.layout import lay_out
from mmkit.worlds.scenes.scene import PER_OBJECT, Scene, Scenes, packed
from mmkit.worlds.scenes.splits import known
from mmkit.worlds.scenes.streams import rng
from mmkit.worlds.scenes.vocabulary import SIZE_FACTOR

BLOCK = 500  # scenes per task of a process


def scene(knobs: Knobs, split: str, index: int) -> Scene:
    """Scene `index` of a split: the same whatever else is generated. Raises SettingsError for a split that does not exist."""
    u = rng(knobs.seed, known(split), "attributes", index).random((MOST_OBJECTS, attributes.WIDTH))
    size = attributes.sizes(u)
    laid = lay_out(knobs.seed, split, index, knobs.objects, np.take(SIZE_FACTOR, size).tolist())
    category = np.array(laid.category, dtype=np.int8)
    relations = np.array(laid.relations, dtype=np.int16).reshape(-1, 3)
    n, (place, weather, time) = len(category), laid.around
    u = u[:n]
    if knobs.ocr == "on":
        text = attributes.texts(category, rng(knobs.seed, split, "text", index).random((n, 4)))
    else:
        text = np.zeros(n, dtype=attributes.TEXT)
    return Scene(
        seed=knobs.seed,
        split=split,
        index=index,
        place=place,
        weather=weather,
        time=time,
        category=category,
        colour=attributes.colours(knobs.seed, split, category, u),
        material=attributes.materials(category, u),
        shape=attributes.shapes(category, u),
        size=size[:n],
        state=attributes.states(category, relations, u),
        box=np.array(laid.box, dtype=np.float32),
        facing=np.array(laid.facing, dtype=np.int8),
        depth=np.array(laid.depth, dtype=np.int8),
        text=text,
        relations=relations,
    )


def scenes(knobs: Knobs, split: str, count: int, first: int = 0, jobs: int = 1) -> Scenes:
    """Scenes first .. first + count - 1 of a split; the same bytes for any number of processes (`jobs`; -1: one per core)."""
    if count < 1 or first < 0:
        raise SettingsError(f"scenes/{split}: {count} scenes from number {first}, expected at least 1 from 0 or later")
    known(split)
    starts = range(first, first + count, BLOCK)
    tasks = [(knobs, split, start, min(BLOCK, first + count - start)) for start in starts]
    if jobs == 1 or len(tasks) == 1:
        return _joined([_block(*task) for task in tasks])
    import joblib

    return _joined(joblib.Parallel(n_jobs=jobs)(joblib.delayed(_block)(*task) for task in tasks))


def _block(knobs: Knobs, split: str, first: int, count: int) -> Scenes:
    return packed([scene(knobs, split, index) for index in range(first, first + count)])


def _joined(blocks: list[Scenes]) -> Scenes:
    """Neighbouring blocks as one."""
    first, arrays = blocks[0], {}
    for name in ("place", "weather", "time", *PER_OBJECT, "relations"):
        arrays[name] = np.concatenate([block.arrays[name] for block in blocks])
    for name in ("objects", "links"):
        counts = np.concatenate([np.diff(block.arrays[name]) for block in blocks])
        arrays[name] = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Scenes(first.seed, first.split, first.first, arrays)

"""Captions of scenes: five by five of ten annotators, what they say and how much of it is true; as a table, and as its truth."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa
from numpy.typing import NDArray

from mmkit.schema import CaptionSchema
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.annotators import CAPTIONS, PERSONAS, View, content, content_draws, error_rates, five
from mmkit.worlds.scenes.knobs import Knobs
from mmkit.worlds.scenes.scene import PER_OBJECT, Scene, Scenes
from mmkit.worlds.scenes.sentences import EXACT, NOISE, WORDS, Noise, Proposition, say
from mmkit.worlds.scenes.streams import uniforms

__all__ = ["TABLE", "TRUTH", "WORDS", "Caption", "Proposition", "references", "table", "write"]

BLOCK = 500  # scenes per task of a process
PART = {"train": "train", "pretrain": "train", "valid": "valid"}  # every other split is a test

TABLE = CaptionSchema("scenes").arrow
TRUTH = pa.schema(
    [
        ("id", pa.string()),
        ("annotator", pa.list_(pa.int8())),
        ("validity", pa.list_(pa.float32())),
        ("leaves", pa.list_(pa.list_(pa.string()))),
        ("references", pa.list_(pa.string())),
    ]
)


class Caption(NamedTuple):
    """One sentence (lower-case words, no punctuation), who wrote it (0-9), and what it says."""

    text: str
    annotator: int
    propositions: tuple[Proposition, ...]

    @property
    def validity(self) -> float:
        """The share of the propositions that are true."""
        return sum(p.true for p in self.propositions) / len(self.propositions)


def write(scene: Scene, knobs: Knobs) -> list[Caption]:
    """Five captions by five of the ten annotators. They depend on the scene, the error rates and the hypernym rate alone."""
    return [caption for caption, _ in _pairs(scene, knobs, *_draws(scene.seed, scene.split, scene.index, 1), 0)]


def references(scene: Scene, knobs: Knobs) -> list[str]:
    """What the five captions say when nobody errs, with the category as the name of everything."""
    return [reference for _, reference in _pairs(scene, knobs, *_draws(scene.seed, scene.split, scene.index, 1), 0)]


def table(scenes: Scenes, knobs: Knobs, jobs: int = 1) -> tuple[pa.Table, pa.Table]:
    """(id, captions, part), as `schema.CaptionSchema` has them, and the truth about the same rows.

    truth: id; annotator (0-9), validity (share of true propositions), leaves (category of each object that the caption names,
    whatever word it used) and references (the same content without errors, with category names) of each caption.
    jobs: processes; the tables are the same for any number.
    """
    starts = range(0, len(scenes), BLOCK)
    if jobs == 1 or len(starts) == 1:
        blocks = [_block(scenes, knobs, start, min(start + BLOCK, len(scenes))) for start in starts]
    else:
        import joblib

        tasks = [_part(scenes, start, min(start + BLOCK, len(scenes))) for start in starts]
        blocks = joblib.Parallel(n_jobs=jobs)(joblib.delayed(_block)(task, knobs, 0, len(task)) for task in tasks)
    return tuple(pa.concat_tables(each).combine_chunks() for each in zip(*blocks, strict=True))


def _block(scenes: Scenes, knobs: Knobs, start: int, stop: int) -> tuple[pa.Table, pa.Table]:
    draws = _draws(scenes.seed, scenes.split, scenes.first + start, stop - start)
    ids, written = [], []
    for row in range(start, stop):
        scene = scenes[row]
        ids.append(scene.id)
        written.append((scene.category, _pairs(scene, knobs, *draws, row - start)))
    part = PART.get(scenes.split, "test")
    main = [ids, [[c.text for c, _ in pairs] for _, pairs in written], [part] * len(ids)]
    truth = [
        ids,
        [[c.annotator for c, _ in pairs] for _, pairs in written],
        [[c.validity for c, _ in pairs] for _, pairs in written],
        [[[v.CATEGORIES[category[k]] for k in _named_objects(c)] for c, _ in pairs] for category, pairs in written],
        [[reference for _, reference in pairs] for _, pairs in written],
    ]
    return tuple(
        pa.table([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema)
        for columns, schema in ((main, TABLE), (truth, TRUTH))
    )


def _named_objects(caption: Caption) -> list[int]:
    return [p.subject for p in caption.propositions if p.kind == "category"]


def _part(scenes: Scenes, start: int, stop: int) -> Scenes:
    """Rows start .. stop - 1 by themselves, for another process."""
    a = scenes.arrays
    rows = slice(a["objects"][start], a["objects"][stop])
    arrays = {name: a[name][start:stop] for name in ("place", "weather", "time")} | {name: a[name][rows] for name in PER_OBJECT}
    arrays["relations"] = a["relations"][a["links"][start] : a["links"][stop]]
    for name in ("objects", "links"):
        arrays[name] = a[name][start : stop + 1] - a[name][start]
    return Scenes(scenes.seed, scenes.split, scenes.first + start, arrays)


def _draws(seed: int, split: str, first: int, count: int) -> tuple[NDArray, NDArray, NDArray]:
    """(what is told (count, 5, CONTENT), who writes (count, 5), how it is said (count, 5, NOISE))."""
    drawn = uniforms(seed, split, "annotators", first, count, len(PERSONAS) + CAPTIONS * NOISE)
    who = five(drawn[:, : len(PERSONAS)])
    return content_draws(seed, split, first, count), who, drawn[:, len(PERSONAS) :].reshape(count, CAPTIONS, NOISE)


def _pairs(scene: Scene, knobs: Knobs, told: NDArray, who: NDArray, noise: NDArray, row: int) -> list[tuple[Caption, str]]:
    """Each caption and its reference."""
    view, rates, out = View(scene), error_rates(knobs), []
    for annotator, drawn, u in zip(who[row].tolist(), told[row].tolist(), noise[row].tolist(), strict=True):
        persona = PERSONAS[annotator]
        what = content(view, persona, drawn)
        text, propositions = say(view, what, Noise(rates[annotator], persona.synonym, knobs.hypernym_rate, u))
        out.append((Caption(text, annotator, propositions), say(view, what, EXACT)[0]))
    return out

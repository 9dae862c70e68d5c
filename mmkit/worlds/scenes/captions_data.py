"""Captioned scenes as a data set: what a simulated detector sees of each, and what five of ten annotators say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmkit.cache import cached
from mmkit.errors import SettingsError, nearest
from mmkit.schema import CaptionSchema, Dataset, Modality, Split, vectors
from mmkit.worlds.scenes import captions, detector
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.columns import lists, named
from mmkit.worlds.scenes.generate import scene, scenes
from mmkit.worlds.scenes.knobs import Knobs, settle
from mmkit.worlds.scenes.scene import Scene, Scenes

VERSION = 1  # raise it when the same arguments give other records
CODE = ("worlds/scenes",)  # what an entry of the cache depends on
SHARES = {"train": 0.70, "valid": 0.08, "test": 0.22}  # of the scenes
LEAST = 20
NULLS = {"hypernyms": "nobody says animal instead of dog: a rare name has no frequent one to lose against"}
KINDS = v.KINDS  # "animal" and the other hypernyms
LEAF_OF = {word: leaf for leaf in v.CATEGORIES for word in (leaf, *v.SYNONYMS.get(leaf, ()))}  # "puppy" -> "dog"


def make(
    records: int, seed: int, null: str | None = None, *, regions: int = 12, dim: int = 64, sigma: float = 1.0, **knobs: Any
) -> Dataset:
    """`records` scenes with five captions each, all parts together. Same arguments, same records.

    regions, dim, sigma: how many regions the detector reports, how wide and how noisy their features are.  knobs: of the world.
    Modalities: `regions`, a sequence of `regions` steps of `dim` numbers, the most confident first; `picture_vector`, their mean.
    Truth, per caption: annotator, validity, leaves, references (see `captions.table`); per region: `shown`, the category of the
    object that it shows, "" for none, and `box`, left, top, width and height as shares of the picture.
    Raises SettingsError for too few records, an unknown null control and impossible knobs.
    """
    if null is not None and null not in NULLS:
        raise SettingsError(f"the world captions has no null control {null!r}{nearest(null, NULLS)}")
    if records < LEAST:
        raise SettingsError(f"world captions: records = {records}, expected at least {LEAST}")
    chosen = settle(seed, null, **knobs)
    blocks, done = [], 0
    for part, share in SHARES.items():
        count = records - done if part == "test" else round(share * records)
        blocks.append(_part(chosen, part, count, regions, dim, float(sigma)))
        done += count
    modalities = (
        Modality("regions", "sequence", (dim,), about=f"{regions} regions that a simulated detector reports, the surest first"),
        Modality("picture_vector", "vector", (dim,), about="mean of the regions"),
    )
    schema = CaptionSchema("captions", modalities)
    table, truth = (pa.concat_tables(each).combine_chunks() for each in zip(*blocks, strict=True))
    origin = "world scenes/captions" + (f", null control {null}" if null else "") + f", seed {seed}"
    key = f"captions-v{VERSION}:{records}:{null}:{regions}:{dim}:{sigma}:{chosen}"
    said = sum(map(len, table["captions"].to_pylist()))
    return Dataset("captions", schema, Split(table.cast(schema.arrow), truth), origin, key, {"scenes": records, "captions": said})


def scene_of(id: str, seed: int, **knobs: Any) -> Scene:
    """The scene behind a record's id, "test_0000003", of a data set made with these knobs; to be drawn."""
    part, _, index = id.rpartition("_")
    return scene(settle(seed, **knobs), part, int(index))


def fits(word: str, thing: str) -> bool:
    """Is this word a name of the category `thing`, its own, a synonym or its hypernym? "" is nothing and has no name."""
    return thing != "" and (LEAF_OF.get(word) == thing or word == v.KINDS[v.KIND_OF[v.CATEGORIES.index(thing)]])


def _part(knobs: Knobs, part: str, count: int, regions: int, dim: int, sigma: float) -> tuple[pa.Table, pa.Table]:
    """(table, truth) of one part. What is seen does not depend on how people speak, and is kept apart from what they say."""
    made: list[Scenes] = []

    def drawn() -> Scenes:
        if not made:
            made.append(scenes(knobs, part, count))
        return made[0]

    world = {"seed": knobs.seed, "part": part, "count": count, "objects": knobs.objects, "ocr": knobs.ocr}
    looks = {"what": "regions", **world, "regions": regions, "dim": dim, "sigma": sigma}
    seen = cached("scenes", looks, lambda: _seen(drawn(), regions, dim, sigma), CODE)
    speech = {"annotators": knobs.annotators, "hypernym_rate": knobs.hypernym_rate}
    said = cached("scenes", {"what": "captions", **world, **speech}, lambda: _said(drawn(), knobs), CODE)
    each = np.arange(len(seen["features"]) + 1) * regions  # where each scene's regions start
    table = pa.table(
        {
            "id": said["id"],
            "regions": lists(each, vectors(seen["features"].reshape(-1, dim))),
            "picture_vector": vectors(seen["features"].mean(axis=1)),
            "captions": said["captions"],
            "part": said["part"],
        }
    )
    names, box = named(["", *v.CATEGORIES], seen["shown"].reshape(-1) + 1), vectors(seen["box"].reshape(-1, 4))
    truth = said.select([name for name in captions.TRUTH.names if name != "id"])
    truth = truth.append_column("shown", lists(each, names)).append_column("box", lists(each, box))
    return table, truth


def _seen(scenes: Scenes, regions: int, dim: int, sigma: float) -> dict[str, NDArray]:
    """features (N, K, D), box (N, K, 4) and the category that each region shows, -1 for none, (N, K)."""
    found = detector.features(scenes, regions, dim, sigma)
    shown = np.full(found["object"].shape, -1, dtype=np.int8)
    for row, objects in enumerate(found["object"]):
        shown[row] = np.where(objects >= 0, scenes[row].category[objects], -1)
    return {"features": found["features"], "box": found["box"], "shown": shown}


def _said(scenes: Scenes, knobs: Knobs) -> pa.Table:
    table, truth = captions.table(scenes, knobs)
    for name in truth.column_names:
        if name != "id":
            table = table.append_column(name, truth[name])
    return table

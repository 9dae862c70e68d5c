"""Captions of scenes as files: COCO's official annotations, Karpathy's one file with all splits, and results to be judged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmkit.errors import SettingsError
from mmkit.worlds.scenes import captions
from mmkit.worlds.scenes.knobs import Knobs
from mmkit.worlds.scenes.scene import Scenes
from mmkit.worlds.scenes.splits import SPLITS

OFFICIAL = {"train": "captions_train2017.json", "valid": "captions_val2017.json", "test": "captions_test2017.json"}
KARPATHY = "dataset_coco.json"
SPLIT = {"train": "train", "valid": "val", "test": "test"}  # as Karpathy's file says
PER_SPLIT = 10**7  # ids of pictures are numbers: the split's number, then the scene's
LICENCE = {"id": 1, "name": "none needed: a drawing", "url": ""}
INFO = {
    "description": "scenes, a procedural world",
    "url": "",
    "version": "1.0",
    "year": 2017,
    "contributor": "mmkit",
    "date_created": "2017/09/01",
}
DATE = "2017-09-01 00:00:00"  # of every picture: the same files on every day


def image_id(split: str, index: int) -> int:
    """The number of a scene's picture, unique over all splits. Raises SettingsError for numbers that the scheme cannot hold."""
    if not 0 <= index < PER_SPLIT:
        raise SettingsError(f"scene {index} of {split!r}, expected a number from 0 to {PER_SPLIT - 1:,}")
    return (SPLITS.index(split) + 1) * PER_SPLIT + index


def write(
    folder: str | Path, scenes: Sequence[Scenes], knobs: Knobs, size: tuple[int, int] = (96, 96), jobs: int = 1
) -> list[Path]:
    """Write all captions of all `scenes` into `folder`, in both layouts; returns the files.

    One official file for each part (train, valid, test; the real set has no captions of its test part), and Karpathy's
    file over all. size: (height, width) that the files tell of the pictures, in pixels. The same bytes whenever the scenes
    and knobs are the same. Raises SettingsError where a split is given twice.
    """
    splits = [each.split for each in scenes]
    if len(set(splits)) < len(splits):
        raise SettingsError(f"splits {', '.join(splits)}: expected each split once")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    records = [record for each in scenes for record in _records(each, knobs, jobs)]
    sentences = 0
    for number, record in enumerate(records):
        record |= {"number": number, "sentence": sentences}
        sentences += len(record["captions"])
    files = []
    for part, name in OFFICIAL.items():
        if mine := [record for record in records if record["part"] == part]:
            files.append(_dump(folder / name, official(mine, size)))
    return [*files, _dump(folder / KARPATHY, karpathy(records))]


def _records(scenes: Scenes, knobs: Knobs, jobs: int) -> list[dict[str, Any]]:
    """One dict (id, name, part, captions) per scene."""
    table, _ = captions.table(scenes, knobs, jobs)
    rows = zip(*(table[name].to_pylist() for name in table.column_names), strict=True)
    return [
        {"id": image_id(scenes.split, scenes.first + n), "name": f"{id}.png", "part": part, "captions": texts}
        for n, (id, texts, part) in enumerate(rows)
    ]


def official(records: Sequence[Mapping[str, Any]], size: tuple[int, int]) -> dict[str, Any]:
    """The official layout: info, licenses, images, annotations. records: id, name, captions, sentence (number of the first)."""
    images = [
        {
            "license": LICENCE["id"],
            "file_name": record["name"],
            "coco_url": "",
            "height": size[0],
            "width": size[1],
            "date_captured": DATE,
            "flickr_url": "",
            "id": record["id"],
        }
        for record in records
    ]
    annotations = [
        {"image_id": record["id"], "id": record["sentence"] + n, "caption": caption}
        for record in records
        for n, caption in enumerate(record["captions"])
    ]
    return {"info": INFO, "images": images, "licenses": [LICENCE], "annotations": annotations}


def karpathy(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The layout of Karpathy's dataset_coco.json: one list of images, each with its split and its sentences."""
    images = []
    for record in records:
        numbers = range(record["sentence"], record["sentence"] + len(record["captions"]))
        sentences = [
            {"tokens": caption.split(), "raw": caption, "imgid": record["number"], "sentid": number}
            for number, caption in zip(numbers, record["captions"], strict=True)
        ]
        images.append(
            {
                "filepath": record["part"],
                "sentids": list(numbers),
                "filename": record["name"],
                "imgid": record["number"],
                "split": SPLIT[record["part"]],
                "sentences": sentences,
                "cocoid": record["id"],
            }
        )
    return {"images": images, "dataset": "coco"}


def results(path: str | Path, captions: Mapping[int, str]) -> Path:
    """Write one caption per picture (by the picture's number) as COCO's server and its scripts of evaluation take them."""
    return _dump(Path(path), [{"image_id": int(number), "caption": caption} for number, caption in captions.items()])


def _dump(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")), encoding="utf-8", newline="\n")
    return path

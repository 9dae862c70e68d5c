"""Captions in the layout of Karpathy's `dataset_coco.json`: one list of images, each with its split and its sentences.

The split `restval`, the pictures of COCO's val part that are in neither val nor test, counts as training data and is counted.
Ids are COCO's numbers of the pictures (`cocoid`) or, where a set has none, file names. Texts are the sentences as written, `raw`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from mmkit.errors import nearest
from mmkit.readers.arrays import Notes
from mmkit.readers.captioned import Picture, dataset, json_object, kind, repeats, whole_number, wrong_caption
from mmkit.readers.folders import official
from mmkit.schema import Dataset

VERSION = "karpathy1"
FILES = ("dataset_coco.json", "dataset_flickr30k.json", "dataset_flickr8k.json")
PARTS = {"train": "train", "restval": "train", "val": "valid", "test": "test"}  # as the file says -> as we say


def locate(root: Path) -> Path | None:
    """The file, also packed as .gz or .zip, in `root` or up to two levels below it."""
    return official(root, FILES)


def read(path: Path) -> Dataset:
    """All pictures with their captions, in the file's order. Raises DataError that lists every problem."""
    notes = Notes()
    said = json_object(path, ("images",), notes, _inside(path))
    images = [] if said is None else said["images"]
    pictures = [_picture(image, f"{path.name}: images[{n}]", notes) for n, image in enumerate(images)]
    notes.problems += repeats(((each.id, each.place) for each in pictures if each.id), "id")
    sentences = [
        (sentence.get("sentid"), each.place)
        for each, image in zip(pictures, images, strict=True)
        for sentence in _objects(image.get("sentences"))
        if whole_number(sentence.get("sentid"))
    ]
    notes.problems += repeats(sentences, "sentid")
    notes.counts["pictures of restval, in train"] = sum(image.get("split") == "restval" for image in images)
    return dataset("karpathy", f"Captions in Karpathy's splits, {path}", VERSION, path.parent, pictures, notes)


def _inside(path: Path) -> tuple[str, ...]:
    """Which member of a zip to read: the authors' archive holds all three sets, COCO's is the one that is meant."""
    if not zipfile.is_zipfile(path):
        return ()
    with zipfile.ZipFile(path) as archive:
        there = {PurePosixPath(name).name for name in archive.namelist()}
    return tuple(name for name in FILES if name in there)[:1]


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _picture(image: Mapping[str, Any], place: str, notes: Notes) -> Picture:
    """One picture with its captions; what is wrong with it is noted."""
    problems = []
    id = image.get("cocoid", image.get("filename"))
    if not whole_number(id) and not (isinstance(id, str) and id):
        key = "cocoid" if "cocoid" in image else "filename"
        problems.append(f"{key!r} is {kind(id)}, expected {'a whole number' if key == 'cocoid' else 'a file name'}")
        id = ""
    part = image.get("split")
    if not isinstance(part, str) or part not in PARTS:
        hint = nearest(part, PARTS) if isinstance(part, str) else ""
        problems.append(f"'split' is {kind(part)}, expected one of {', '.join(PARTS)}{hint if 'mean' in hint else ''}")
        part = "train"
    picture = Picture(str(id), PARTS[part], place)
    sentences = image.get("sentences")
    if not isinstance(sentences, list):
        problems.append(f"'sentences' is {kind(sentences)}, expected a list")
        sentences = []
    for n, sentence in enumerate(sentences):
        said = sentence.get("raw") if isinstance(sentence, dict) else None
        if not isinstance(sentence, dict):
            problems.append(f"sentences[{n}] is {kind(sentence)}, expected an object")
        elif wrong := wrong_caption(said):
            problems.append(f"sentences[{n}]: 'raw' {wrong}")
        elif sentence.get("imgid") != image.get("imgid"):
            problems.append(
                f"sentences[{n}]: 'imgid' is {kind(sentence.get('imgid'))}, expected the picture's, {image.get('imgid')!r}"
            )
        picture.captions.append(said)
    notes.problems += [f"{place}: {problem}" for problem in problems]
    return picture

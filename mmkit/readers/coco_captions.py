"""COCO captions: the official files captions_train2017.json and captions_val2017.json, or those of 2014.

"val" is the valid part. The set has no captions of its test part; a file captions_test2017.json, as worlds write it, is read too.
Ids are the numbers of the pictures. Texts stay as they stand, with the line breaks that some of them hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmkit.errors import DataError
from mmkit.readers.arrays import Notes
from mmkit.readers.captioned import Picture, dataset, json_object, kind, repeats, whole_number, wrong_caption
from mmkit.readers.folders import folders
from mmkit.schema import Dataset

VERSION = "cococaptions1"
YEARS = ("2017", "2014")
PARTS = {"train": "train", "val": "valid", "test": "test"}  # as the files say -> as we say


def locate(root: Path) -> Path | None:
    """The nearest folder that has one of the files, `root` or up to two levels below it; `root` itself when it is a file."""
    if root.is_file():
        return root
    return next((folder for folder in folders(root) if any(_files(folder, year) for year in YEARS)), None)


def _files(folder: Path, year: str) -> dict[str, Path]:
    paths = {part: folder / f"captions_{part}{year}.json" for part in PARTS}
    return {part: path for part, path in paths.items() if path.is_file()}


def read(path: Path) -> Dataset:
    """All pictures with their captions, train first. Of two years the one with more files is read (2017 if equally many).

    A single file is read by itself. Raises DataError that lists every problem: what is not as the official layout has it,
    captions without a picture, pictures without a caption, repeated ids, captions without text, JSON that is cut off.
    """
    notes, source = Notes(), f"COCO captions, {path}"
    if path.is_file():
        files = {next((part for part in PARTS if f"_{part}" in path.name), "train"): path}
    else:
        found = [_files(path, year) for year in YEARS]
        files = max(found, key=len)  # the first of equals
        if not files:
            raise DataError(f"coco_captions: {path} holds no captions_train2017.json, captions_val2017.json or those of 2014")
        notes.counts["files of another year, not read"] = sum(map(len, found)) - len(files)
    pictures = [picture for part, file in files.items() for picture in _pictures(file, PARTS[part], notes)]
    notes.problems += repeats(((each.id, each.place) for each in pictures), "id")  # in two files: within one it is seen there
    folder = path if path.is_dir() else path.parent
    return dataset("coco_captions", source, VERSION, folder, pictures, notes)


def _pictures(path: Path, part: str, notes: Notes) -> list[Picture]:
    """The pictures of one file with their captions, in the file's order; problems are noted."""
    said = json_object(path, ("images", "annotations"), notes)
    if said is None:
        return []
    problems: list[str] = []
    pictures: dict[int, Picture] = {}
    for n, image in enumerate(said["images"]):
        place = f"{path.name}: images[{n}]"
        if not whole_number(image.get("id")):
            problems.append(f"{place}: 'id' is {kind(image.get('id'))}, expected a whole number")
        elif image["id"] in pictures:
            problems.append(f"{place}: id {image['id']} was already used by {pictures[image['id']].place}")
        else:
            pictures[image["id"]] = Picture(str(image["id"]), part, place)
    places = [(each.get("id"), f"{path.name}: annotations[{n}]") for n, each in enumerate(said["annotations"])]
    problems += [f"{place}: 'id' is {kind(id)}, expected a whole number" for id, place in places if not whole_number(id)]
    problems += repeats((each for each in places if whole_number(each[0])), "id")
    for annotation, (_, place) in zip(said["annotations"], places, strict=True):
        problems += _put(annotation, place, pictures)
    notes.problems += problems
    return list(pictures.values())


def _put(annotation: Mapping[str, Any], place: str, pictures: Mapping[int, Picture]) -> list[str]:
    """Put a caption to its picture; returns what is wrong with it."""
    number, caption = annotation.get("image_id"), annotation.get("caption")
    problems = []
    if not whole_number(number):
        problems.append(f"{place}: 'image_id' is {kind(number)}, expected a whole number")
    elif number not in pictures:
        problems.append(f"{place}: picture {number} is not among the images, expected it")
    else:
        pictures[number].captions.append(caption)
    if wrong := wrong_caption(caption):
        problems.append(f"{place}: 'caption' {wrong}")
    return problems

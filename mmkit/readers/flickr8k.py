"""Flickr8k: Flickr8k.token.txt with lines such as `1000268201_693b08cb0e.jpg#0<TAB>A child ...`, and three lists of pictures.

Ids are the names of the picture files. One line of the published file names its picture with a foreign suffix,
`2258277193_586949ec62.jpg.1#0`: such a caption is put to the picture without the suffix, and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mmkit.errors import DataError
from mmkit.readers.arrays import Notes
from mmkit.readers.captioned import Picture, dataset, repeats, wrong_caption
from mmkit.readers.files import content, decode, refuse_other_formats
from mmkit.readers.folders import folders
from mmkit.schema import Dataset

VERSION = "flickr8k1"
FILE = "Flickr8k.token.txt"
LISTS = {
    "train": "Flickr_8k.trainImages.txt",
    "valid": "Flickr_8k.devImages.txt",
    "test": "Flickr_8k.testImages.txt",
}
SUFFIX = re.compile(r"(.+\.jpe?g)\.[0-9]+")


def locate(root: Path) -> Path | None:
    """The folder that has the file of captions, `root` or up to two levels below it; the folder of `root` when it is a file."""
    if root.is_file():
        return root.parent
    return next((folder for folder in folders(root) if (folder / FILE).is_file()), None)


def read(folder: Path) -> Dataset:
    """The pictures of the three lists with their captions, list by list in the lists' order.

    Pictures in no list are left out and counted. Raises DataError that lists every problem: lines that cannot be split,
    captions without text, a number of a caption used twice, pictures in two lists or without a caption, lists that are absent.
    """
    notes = Notes()
    said = _captions(folder / FILE, notes)
    pictures = [
        Picture(name, part, place, said.get(name, []))
        for part, file in LISTS.items()
        for name, place in _list(folder / file, notes)
    ]
    notes.problems += repeats(((each.id, each.place) for each in pictures), "picture")
    notes.counts["pictures in no list, left out"] = len(said.keys() - {each.id for each in pictures})
    return dataset("flickr8k", f"Flickr8k, {folder}", VERSION, folder, pictures, notes)


def _lines(path: Path, expected: str, notes: Notes) -> Iterator[tuple[str, str]]:
    """(line, place) of every line; a file that cannot be read has none, and its problem is noted."""
    try:
        data = content(path, expected=expected, ending=".txt")
        refuse_other_formats(path, data, expected=expected, ending=".txt")
        lines = decode(path, data, ".txt").split("\n")
    except DataError as why:
        notes.damaged(path, why)
        return
    notes.used(data)
    if not lines[-1]:
        lines.pop()
    yield from ((line.removesuffix("\r"), f"{path.name}:{n}") for n, line in enumerate(lines, start=1))


def _captions(path: Path, notes: Notes) -> dict[str, list[str]]:
    """Captions by picture, in the order of their lines."""
    said: dict[str, list[str]] = {}
    numbers = []
    for line, place in _lines(path, "captions", notes):
        head, tab, caption = line.partition("\t")
        name, mark, number = head.rpartition("#")
        if not tab or not mark or not name or not (number.isascii() and number.isdigit()):
            notes.problems.append(f"{place}: {line[:60]!r}, expected a picture's name, '#', a number, a tab and a caption")
            continue
        if odd := SUFFIX.fullmatch(name):
            name = odd[1]
            notes.counts["captions whose picture is named with a foreign suffix, put to their picture"] += 1
        if wrong := wrong_caption(caption):
            notes.problems.append(f"{place}: the caption {wrong}")
        numbers.append((f"{name}#{number}", place))
        said.setdefault(name, []).append(caption)
    notes.problems += repeats(numbers, "caption")
    return said


def _list(path: Path, notes: Notes) -> Iterator[tuple[str, str]]:
    """(name, place) of each picture of a list."""
    for line, place in _lines(path, "names of pictures", notes):
        if line.strip():
            yield line.strip(), place
        else:
            notes.problems.append(f"{place}: an empty line, expected the name of a picture")

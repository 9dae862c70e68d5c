"""Multi30k, task 1 (German and English descriptions of pictures): the published raw files, packed or not."""

from __future__ import annotations

from pathlib import Path

from mmkit.readers import parallel_text
from mmkit.schema import Dataset

# Later test years (test_2017_flickr ...) may lie beside these and are not read: the papers report 2016.
LAYOUT = parallel_text.Layout(
    "multi30k",
    "Multi30k, task 1",
    "multi30k1",
    {"train": ("train",), "valid": ("val",), "test": ("test_2016_flickr",)},
    own=("val", "test_2016_flickr"),
)


def locate(root: Path) -> Path | None:
    return parallel_text.locate(LAYOUT, root)


def read(path: Path) -> Dataset:
    """29,000 / 1,014 / 1,000 pairs as "de", "en", "part". Raises DataError that lists every problem."""
    return parallel_text.read(LAYOUT, path)

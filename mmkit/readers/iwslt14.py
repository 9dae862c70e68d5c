"""IWSLT'14 German-English (TED talks), as it is usually prepared: train, valid and test, one file per language."""

from __future__ import annotations

from pathlib import Path

from mmkit.readers import parallel_text
from mmkit.schema import Dataset

# The corpus comes as XML; the folder iwslt14.tokenized.de-en of plain text is what papers start from.
LAYOUT = parallel_text.Layout(
    "iwslt14",
    "IWSLT'14 German-English",
    "iwslt1",
    {part: (part, f"{part}.de-en") for part in ("train", "valid", "test")},
    foreign=("wmt", "multi30k"),
)


def locate(root: Path) -> Path | None:
    return parallel_text.locate(LAYOUT, root)


def read(path: Path) -> Dataset:
    """All pairs as "de", "en", "part". Raises DataError that lists every problem."""
    return parallel_text.read(LAYOUT, path)

"""WMT'14 English-German: one training file per language, newstest2013 to validate, newstest2014 to test."""

from __future__ import annotations

from pathlib import Path

from mmkit.readers import parallel_text
from mmkit.schema import Dataset

# The prepared files of Stanford keep the names newstest2013 and newstest2014; other preparations say valid and test.
LAYOUT = parallel_text.Layout(
    "wmt14",
    "WMT'14 English-German",
    "wmt1",
    {"train": ("train",), "valid": ("newstest2013", "valid"), "test": ("newstest2014", "test")},
    own=("newstest2013", "newstest2014"),
    named=("wmt",),
)


def locate(root: Path) -> Path | None:
    return parallel_text.locate(LAYOUT, root)


def read(path: Path) -> Dataset:
    """All pairs as "de", "en", "part". Raises DataError that lists every problem."""
    return parallel_text.read(LAYOUT, path)

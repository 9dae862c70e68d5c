"""How trials come to real data, and to the parts that a data set itself names."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from mmkit import readers
from mmkit.schema import Dataset, Split
from mmkit.trials import Trial


def real(data: str, facts: dict[str, Any], root: Path) -> Dataset:
    """The files under `root` that the first of the data set's readers finds. Raises DataError naming what was looked for."""
    named = facts["data"][data]["readers"]
    found = next((reader for reader in named if readers.READERS[reader].locate(root) is not None), named[0])
    return readers.load(found, root)


@lru_cache(maxsize=2)
def read(reader: str, root: Path, fingerprint: str) -> Dataset:
    """The same files in a worker process, once for all its trials; `fingerprint` is that of their content."""
    return readers.load(reader, root)


def official(dataset: Dataset, trial: Trial, settings: dict[str, Any]) -> tuple[Split, Split, Split]:
    """(train, validation, test): the data set's own parts."""
    return tuple(dataset.official())

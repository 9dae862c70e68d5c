"""Numeric arrays from files: what is wrong with their shape and values, worded, and how they become Arrow columns."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa

from mmkit.errors import DataError
from mmkit.schema import vectors

FORMAT = "See data_scripts/README.md for the format."
ROWS = 4096  # judged at a time: no second array of the size of the first is made


@dataclass
class Notes:
    """What is noted while files are read: problems and what to do about them, sha256 of each file's content, counts."""

    problems: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def damaged(self, path: Path, why: DataError) -> None:
        """Note a file that could not be read at all."""
        self.problems += why.problems or [why.summary.replace(str(path), path.name, 1)]
        self.advice += [why.advice] if why.advice else []

    def used(self, content: bytes) -> None:
        self.digests.append(hashlib.sha256(content).digest())


def refuse(name: str, source: str, problems: Sequence[str], advice: Sequence[str] = ()) -> NoReturn:
    """Raise the one DataError that lists every problem of a data set. Of several pieces of advice the first is given."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    raise DataError(f"{name}: {count} in {source}", problems, (*advice, FORMAT)[0])


def misshapen(shape: Sequence[int], expected: Sequence[int | str]) -> str:
    """What is wrong with a shape; empty when it fits. A word in `expected` stands for any number above 0.

    >>> misshapen((300, 9), ("films", 300))
    'has shape (300, 9), expected (films, 300); looks transposed'
    """
    if _fits(shape, expected):
        return ""
    wanted = f"({', '.join(map(str, expected))}{',' * (len(expected) == 1)})"
    hint = ""
    if _fits((1, *shape), expected):
        hint = "; the leading 1 is missing"
    elif len(shape) == len(expected) and _fits(shape[::-1], expected):
        hint = "; looks transposed"
    return f"has shape {tuple(int(n) for n in shape)}, expected {wanted}{hint}"


def _fits(shape: Sequence[int], expected: Sequence[int | str]) -> bool:
    pairs = zip(shape, expected, strict=False)
    return len(shape) == len(expected) and all(n > 0 if isinstance(want, str) else n == want for n, want in pairs)


def not_finite(values: np.ndarray) -> np.ndarray:
    """Rows (first axis) of `values` (N, ...) that hold NaN or infinite numbers."""
    return _rows(values, lambda part: ~np.isfinite(part).all(axis=1))


def all_zero(values: np.ndarray) -> np.ndarray:
    """Rows of `values` (N, ...) that hold nothing but zeros."""
    return _rows(values, lambda part: ~part.any(axis=1))


def _rows(values: np.ndarray, judge: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    flat = values.reshape(len(values), -1)
    judged = [judge(flat[at : at + ROWS]) for at in range(0, len(flat), ROWS)]
    return np.flatnonzero(np.concatenate([np.zeros(0, bool), *judged]))


def sequences(values: np.ndarray, lengths: np.ndarray) -> pa.ListArray:
    """A column of sequences: record n has the next lengths[n] rows of `values` (S, D) as its steps."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), vectors(values))


def fingerprint(contents: Iterable[bytes | np.ndarray], version: str) -> str:
    """First 16 hex digits of the sha256 of all `contents`, one after the other, and the reader's version."""
    whole = hashlib.sha256()
    for content in contents:
        part = content if isinstance(content, bytes) else np.ascontiguousarray(content)
        whole.update(hashlib.sha256(part).digest())  # each by itself: what moves from one to the next is a change
    return f"{whole.hexdigest()[:16]}-{version}"

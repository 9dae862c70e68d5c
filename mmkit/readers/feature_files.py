"""Vectors of clips: those that lie beside a corpus (`features_<modality>.npz`), and computed ones, kept between runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmkit.cache import cached
from mmkit.readers.arrays import Notes, misshapen, not_finite
from mmkit.readers.captioned import CUT, repeats


def read_vectors(path: Path, ids: Sequence[str], notes: Notes) -> np.ndarray | None:
    """(N, D) float32 in the order of `ids`, from the arrays `ids` (M,) and `X` (M, D) of one file; None when it is wrong.

    Each of `ids` has to be there once; vectors of other ids are counted and not used. Nothing pickled is loaded.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:  # closed even where it is no archive
            own, values = file["ids"], file["X"]
    except KeyError as why:
        notes.problems.append(f"{path.name}: {why.args[0]}, expected the arrays 'ids' and 'X'")
        return None
    except Exception as why:  # a damaged file fails in many ways: zip, zlib, a header that is no Python, objects inside
        notes.problems.append(f"{path.name}: cannot be read ({why}), expected the arrays 'ids' and 'X'")
        notes.advice.append(CUT)
        return None
    wrong = misshapen(values.shape, ("utterances", "numbers"))
    if wrong or values.dtype.kind not in "fiu":
        notes.problems.append(f"{path.name}: 'X' {wrong or f'has type {values.dtype}, expected numbers'}")
        return None
    if own.shape != (len(values),):
        notes.problems.append(f"{path.name}: 'ids' has shape {own.shape} and 'X' {values.shape}, expected one id for each")
        return None
    own = [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in own.tolist()]
    row_of = {each: row for row, each in enumerate(own)}
    problems = repeats(((each, f"row {row}") for row, each in enumerate(own)), "id")
    absent = [each for each in ids if each not in row_of]
    problems += [f"no vector of utterance {each!r}" for each in absent]
    others = [each for each in own if each not in set(ids)]
    if absent and others:
        problems.append(f"{len(others):,} vectors of other ids, such as {others[0]!r}; are they of another corpus?")
    problems += [f"row {row}, id {own[row]!r}: NaN or infinite values, expected finite numbers" for row in not_finite(values)]
    notes.problems += [f"{path.name}: {problem}" for problem in problems]
    notes.counts[f"vectors of other ids, not used: {path.name}"] = len(others)
    if problems:
        return None
    values = np.ascontiguousarray(values[[row_of[each] for each in ids]], np.float32)
    notes.digests.append(hashlib.sha256(values).digest())  # in the order of the utterances: other ids are other content
    return values


def kept(key: dict[str, Any], make: Callable[[], np.ndarray]) -> np.ndarray:
    """What `make` returns, as float32, from the cache where it was made before; key: everything that decides it."""
    return cached("features", key, lambda: {"x": np.asarray(make(), np.float32)}, ("features",))["x"]

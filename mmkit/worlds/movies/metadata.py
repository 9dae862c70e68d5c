r"""Thirteen fields about each film, eight numbers and five categories, as one vector of 38 numbers (312 with people's names).

Each genre pulls each field its own way, drawn anew for each seed, and each of a film's 13 units of evidence pulls by 1/13:
a number is  f(centre + spread (sum_u pull[genre of u, field] / 13 + e)),  f the identity or exp;  a category's log odds move
likewise. So true units add up and wrong ones mislead. The visible cue: a film with reliable metadata has many votes and reviews.

As published tables do, `raw` keeps every count as it is, up to a million, beside zeros and ones.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mmkit.worlds.bounds import rng
from mmkit.worlds.movies.evidence import MODALITIES, UNITS, Evidence
from mmkit.worlds.movies.genres import counts
from mmkit.worlds.movies.knobs import Knobs


@dataclass(frozen=True)
class Number:
    """A field whose raw value is a whole number between `low` and `high`."""

    name: str
    unit: str
    centre: float  # of the value, or of its logarithm
    spread: float
    low: int
    high: int
    count: bool  # True: lognormal, and its log scale is log(1 + value)
    pull: float = 1.0  # how strongly genres pull it
    cue: float = 0.0  # spreads that separate cue 1 from cue 0
    origin: float = 0.0  # log scale of what is no count: (value - origin) / size
    size: float = 1.0


MILLION = 1_000_000
NUMBERS = (
    Number("duration", "minutes", 108, 7, 20, 330, count=False, size=60),
    Number("year", "", 1995, 3.6, 1920, 2016, count=False, origin=2000, size=10),
    Number("budget", "thousand dollars", np.log(20_000), 0.5, 1, MILLION, count=True),
    Number("votes", "", np.log(30_000), 0.6, 5, MILLION, count=True, pull=0.4, cue=8.0),
    Number("critic reviews", "", np.log(100), 0.4, 1, 1000, count=True, pull=0.4, cue=8.0),
    Number("film likes", "", np.log(3000), 0.7, 0, MILLION, count=True),
    Number("cast likes", "", np.log(3000), 0.5, 0, MILLION, count=True),
    Number("faces on the poster", "", np.log(2.5), 0.3, 0, 15, count=True),
)
CATEGORIES = {"language": 8, "country": 10, "certificate": 6, "colour": 2, "aspect": 4}
RANK = 3.0  # of a category's levels: p(level of rank k) ~ k^-3, before any pull
PULL, PULL_CATEGORY = 9.0, 18.0  # standard deviations of the pulls, in spreads and in log odds
NAME_DIM = 274
METADATA = MODALITIES.index("metadata")


def fields(knobs: Knobs) -> tuple[str, ...]:
    """What each number of the vector is: a field, `field=level`, or `name 0` and so on."""
    levels = [f"{name}={level}" for name, count in CATEGORIES.items() for level in range(count)]
    hashed = [f"name {place}" for place in range(NAME_DIM)] if knobs.metadata_names else []
    return (*(number.name for number in NUMBERS), *levels, *hashed)


def vectors(evidence: Evidence, train: np.ndarray, people: pa.Array | None, knobs: Knobs, seed: int) -> np.ndarray:
    """(N, 38), or with the names of the `people` (N, 312), float32. train (N,) bool: the films that set the scale `standard`."""
    numbers = _scaled(_numbers(evidence, knobs, seed), train, knobs.metadata_scale)
    parts = [numbers, *_categories(evidence, knobs, seed)]
    if knobs.metadata_names:
        parts.append(hashed_names(people))
    return np.concatenate(parts, axis=1).astype(np.float32)


def _pull(stage: str, targets: int, size: float, evidence: Evidence, knobs: Knobs, seed: int) -> np.ndarray:
    """(N, targets): how far a film's units pull each target, a thirteenth of its genre's own pull each."""
    pull = size * rng(seed, stage).standard_normal((evidence.genres.shape[1], targets))
    often = np.sqrt(counts(knobs.view))  # genuine units of a genre: its films, each with weight p^(-1/2)
    pull -= often @ pull / often.sum()  # so that a field's centre is its mean whatever the seed
    return (evidence.genuine[:, METADATA] + evidence.decoy[:, METADATA]) @ pull / UNITS["metadata"]


def _numbers(evidence: Evidence, knobs: Knobs, seed: int) -> np.ndarray:
    """(N, 8) raw values."""
    z = _pull("metadata numbers", len(NUMBERS), PULL, evidence, knobs, seed) * np.array([number.pull for number in NUMBERS])
    z += rng(seed, "metadata noise").standard_normal(z.shape)
    z += np.array([number.cue for number in NUMBERS]) * (evidence.cue[:, [METADATA]] - 0.5)
    value = np.array([n.centre for n in NUMBERS]) + np.array([n.spread for n in NUMBERS]) * z
    lognormal = np.array([number.count for number in NUMBERS])
    value[:, lognormal] = np.exp(value[:, lognormal])
    return np.clip(np.rint(value), [n.low for n in NUMBERS], [n.high for n in NUMBERS])


def _scaled(raw: np.ndarray, train: np.ndarray, scale: str) -> np.ndarray:
    """The numbers on one of the three scales."""
    if scale == "raw":
        return raw
    origin, size = np.array([n.origin for n in NUMBERS]), np.array([n.size for n in NUMBERS])
    logs = np.where([n.count for n in NUMBERS], np.log1p(raw), (raw - origin) / size)
    if scale == "log":
        return logs
    return (logs - logs[train].mean(axis=0)) / np.maximum(logs[train].std(axis=0), 1e-6)


def _categories(evidence: Evidence, knobs: Knobs, seed: int) -> list[np.ndarray]:
    """One 0/1 matrix (N, levels) per category: exactly one level each."""
    found = []
    for name, levels in CATEGORIES.items():
        score = _pull(f"metadata {name}", levels, PULL_CATEGORY, evidence, knobs, seed) - RANK * np.log(np.arange(1, levels + 1))
        level = (score + rng(seed, f"metadata {name} levels").gumbel(size=score.shape)).argmax(axis=1)
        found.append(np.eye(levels)[level])
    return found


def hashed_names(people: pa.Array) -> np.ndarray:
    """(N, 274): each person adds 1 or -1 at a place that the name alone decides, over the root of the number of people."""
    names = people.flatten().field("name").dictionary_encode()
    codes = np.array([zlib.crc32(name.encode()) for name in names.dictionary.to_pylist()], dtype=np.int64)
    code = codes[names.indices.to_numpy()]
    offsets = people.offsets.to_numpy().astype(np.int64)
    film = np.repeat(np.arange(len(people)), np.diff(offsets))
    sign = np.where(code // NAME_DIM % 2, 1.0, -1.0) / np.sqrt(np.diff(offsets))[film]
    cells = np.bincount(film * NAME_DIM + code % NAME_DIM, weights=sign, minlength=len(people) * NAME_DIM)
    return cells.reshape(-1, NAME_DIM)

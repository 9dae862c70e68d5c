"""What one trial of a paper is, one file per paper: a method, a data set, a world and a seed go in, scores come out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, order=True)
class Trial:
    """One cell of the experiment. world: main | null:<name> | sweep:<knob>=<value> | real; seed is the fold for real data."""

    data: str
    world: str
    seed: int
    method: str


@dataclass
class Result:
    """What a trial leaves behind.

    rows: (split, metric, value). cost: parameters, seconds, peak_memory_mb. arrays: per test record, for looking inside.
    """

    rows: list[tuple[str, str, float]]
    cost: dict[str, float]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

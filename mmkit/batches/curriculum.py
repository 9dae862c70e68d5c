"""Batches that start with the easy records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmkit.batches.loader import Batches, Columns
from mmkit.errors import DataError


class Curriculum(Batches):
    """Shuffled batches that in their first epochs are drawn from records up to a level; later from all of them.

    level (N,): how hard a record is.  stages: the highest level shown in each of the first epochs. Every epoch has as
    many records as there are: where few qualify they are shown several times, each of them equally often, but for one.
    Raises DataError when an epoch would be empty, or levels and records are not as many.
    """

    def __init__(self, columns: Columns, size: int, level: ArrayLike, stages: Sequence[int], *, seed: int = 0) -> None:
        super().__init__(columns, size, shuffle=True, seed=seed)
        self.level, self.stages = np.asarray(level), tuple(stages)
        if len(self.level) != len(columns):
            raise DataError(f"{len(self.level)} levels for {len(columns)} records, expected as many")
        if self.stages and min(self.stages) < self.level.min():
            raise DataError(f"an epoch up to level {min(self.stages)} has no records; the lowest level is {self.level.min()}")

    def order(self, number: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """The records of epoch `number` in a random order, whole rounds of those that qualify."""
        if number >= len(self.stages):
            return super().order(number, rng)
        fits = np.flatnonzero(self.level <= self.stages[number])
        rounds = -(-len(self.columns) // len(fits))
        return np.concatenate([rng.permutation(fits) for _ in range(rounds)])[: len(self.columns)]

"""Easy records first: what each epoch shows, and how often."""

from __future__ import annotations

import numpy as np
import pytest

from mmkit.batches import Batches, Columns
from mmkit.batches.curriculum import Curriculum
from mmkit.errors import DataError

LEVEL = np.array([0, 2, 1, 0, 1, 2, 0, 2, 2, 1])


def columns() -> Columns:
    return Columns(None, {"x": np.arange(10)})


def shown(batches: Batches, epoch: int) -> list[int]:
    return [int(x) for batch in batches.epoch(epoch) for x in batch["x"]]


def test_each_epoch_shows_what_its_stage_allows():
    batches = Curriculum(columns(), 3, LEVEL, (0, 1), seed=4)
    first, second, third = (shown(batches, epoch) for epoch in range(3))
    assert sorted(np.bincount(first, minlength=10)) == [0] * 7 + [3, 3, 4]
    assert set(first) == {0, 3, 6}
    assert set(second) == {0, 2, 3, 4, 6, 9}
    assert np.bincount(second).max() == 2
    assert sorted(third) == list(range(10))
    assert shown(Curriculum(columns(), 3, LEVEL, (0, 1), seed=4), 1) == second
    assert shown(Curriculum(columns(), 3, LEVEL, (0, 1), seed=5), 1) != second


def test_without_stages_it_is_as_ever():
    plain, none = Batches(columns(), 3, shuffle=True, seed=4), Curriculum(columns(), 3, LEVEL, (), seed=4)
    assert [shown(plain, e) for e in range(3)] == [shown(none, e) for e in range(3)]
    assert len(plain) == len(none)


def test_impossible_stages_are_told():
    with pytest.raises(DataError, match="9 levels for 10 records"):
        Curriculum(columns(), 3, LEVEL[:9], (0,))
    with pytest.raises(DataError, match="an epoch up to level -1 has no records; the lowest level is 0"):
        Curriculum(columns(), 3, LEVEL, (0, -1))

"""Two workers against one on the same trials; starting the workers is not measured."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mmkit.study import pool
from tests.bench.lab import jobs
from tests.bench.told import told

GOAL = 1.7


def seconds(workers: int, folder: Path) -> float:
    list(pool.run(jobs(folder / "warm", range(100, 100 + 2 * workers), world_records=100, epochs=1), workers, "loky"))
    todo = jobs(folder, range(8), world_records=4000)
    begin = time.perf_counter()
    assert len(list(pool.run(todo, workers, "loky"))) == len(todo)
    return time.perf_counter() - begin


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two workers need two cores")
def test_workers(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    one, two = seconds(1, tmp_path / "one"), seconds(2, tmp_path / "two")
    load = f"{one:.0f} s and {two:.0f} s, load average {os.getloadavg()[0]:.1f}"
    told(capsys, "two workers, times faster than one", f"{one / two:.2f}", f"goal {GOAL}; {load}")
    assert one / two >= GOAL

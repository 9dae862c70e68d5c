"""What a study costs besides its trials: against the time inside them, and against the same trials in a bare loop."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from mmkit.study import Study
from mmkit.trials import Result, Trial, tabular
from tests.bench.lab import CHANGED
from tests.bench.told import told

GOAL = 0.05  # of the run


def test_overhead(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MMKIT_JOBS", "1")
    study = Study("05_tabular", "lab", seeds=[0], device="cpu", out=str(tmp_path), settings=CHANGED)
    inside, run = [], tabular.run

    def timed(trial: Trial, settings: dict[str, Any], **how: Any) -> Result:
        begin = time.perf_counter()
        result = run(trial, settings, **how)
        inside.append(time.perf_counter() - begin)
        return result

    run(Trial("reviews", "main", 99, "concat"), {**study.settings, "world_records": 60, "epochs": 1}, device="cpu")  # imports

    tabular._prepared.cache_clear()
    begin = time.perf_counter()
    for trial in study.trials():
        run(trial, study.settings, device="cpu")
    loop = time.perf_counter() - begin

    tabular._prepared.cache_clear()
    monkeypatch.setattr(tabular, "run", timed)
    begin = time.perf_counter()
    study.run()
    wall = time.perf_counter() - begin
    study.finish()

    share = (wall - sum(inside)) / wall
    told(capsys, f"share of a run of {wall:.0f} s that is no trial", f"{share:.1%}", f"goal at most {GOAL:.0%}")
    told(capsys, "a run against a bare loop over its trials", f"{wall / loop:.3f} times as long", f"goal at most {1 + GOAL}")
    assert share <= GOAL
    assert wall / loop <= 1 + GOAL

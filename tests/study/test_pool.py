"""The pool: one small file per finished trial, keyed by what decides its numbers, computed by one process or several."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmkit.errors import RunError, SettingsError
from mmkit.study import pool
from mmkit.trials import Result, Trial
from tests.study import tiny

TRIAL = Trial("reviews", "main", 0, "concat")
SETTINGS: dict[str, Any] = {"epochs": 3, "knob": 0.5, "datasets": ["reviews"], "methods": ["concat"], "sweeps": True}


def path(trial: Trial = TRIAL, fingerprint: str = "", device: str = "cpu", **changed: Any) -> Path:
    return pool.path_of(Path("trials"), trial, SETTINGS | changed, fingerprint, device)


def jobs(folder: Path, seeds: int, run: Callable[..., Result], **settings: Any) -> list[pool.Job]:
    trials = [replace(TRIAL, seed=seed) for seed in range(seeds)]
    return [pool.Job(t, settings, {"device": "cpu"}, run, pool.path_of(folder, t, settings, "", "cpu")) for t in trials]


# --- the key --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        path(replace(TRIAL, data="pets")),
        path(replace(TRIAL, world="null:x")),
        path(replace(TRIAL, seed=1)),
        path(replace(TRIAL, method="gating")),
        path(fingerprint="1"),
        path(device="cuda"),
        path(epochs=4),
        path(knob=0.25),
    ],
)
def test_what_decides_the_numbers_is_in_the_key(other: Path):
    assert other != path()


def test_what_only_chooses_trials_is_not():
    assert path(datasets=["pets"], methods=["gating", "concat"], sweeps=False) == path()
    assert pool.path_of(Path("trials"), TRIAL, dict(reversed(SETTINGS.items())), "", "cpu") == path()  # nor is the order


def test_the_code_and_the_version_of_torch_are_in_the_key(monkeypatch: pytest.MonkeyPatch):
    plain = path()
    with monkeypatch.context() as patch:
        patch.setattr(pool, "code_hash", lambda rooms: "other")
        assert path() != plain
    monkeypatch.setattr("importlib.metadata.version", lambda package: "9.9")
    assert path() != plain


def test_a_name_tells_the_trial_and_is_safe_on_any_disk():
    name = path(Trial("pets", "sweep:table=0.3", 4, "attention_dynamic")).name
    assert name.startswith("pets.sweep-table=0.3.4.attention-dynamic.")
    assert not set(path(Trial("a/b", 'null:"x" y', 0, "..\\z")).name) & set('/\\:*?"<>| ')


# --- a kept trial ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    pool.keep(tmp_path / "t.json", tiny.quick(TRIAL, {}))
    return tmp_path / "t.json"


def test_a_kept_trial_comes_back_bit_by_bit(kept: Path):
    back, was = pool.load(kept), tiny.quick(TRIAL, {})
    assert back.rows[:2] == was.rows[:2]
    assert back.rows[2][:2] == was.rows[2][:2]
    assert math.isnan(back.rows[2][2])
    assert back.cost == was.cost
    assert back.arrays.keys() == was.arrays.keys()
    np.testing.assert_array_equal(back.arrays["prediction"], was.arrays["prediction"])
    assert json.loads(kept.read_text())["rows"][2][2] is None  # JSON has no NaN


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_a_file_that_was_cut_anywhere_is_no_trial(suffix: str, kept: Path):
    file = kept.with_suffix(suffix)
    data = file.read_bytes()
    whole = data.rstrip()  # without the last line break a JSON file is still whole
    for length in range(len(whole)):
        file.write_bytes(data[:length])
        assert pool.load(kept) is None, f"{length} of {len(data)} bytes"
    file.write_bytes(data)
    assert pool.load(kept) is not None
    file.unlink()
    assert pool.load(kept) is None


@pytest.mark.parametrize(
    "content", ["null", "[]", "{}", '{"rows": [[1]], "cost": {}}', '{"rows": [["a", "b", "c"]], "cost": {}}', "\xff"]
)
def test_another_content_is_no_trial(content: str, kept: Path):
    kept.write_bytes(content.encode("latin-1"))
    assert pool.load(kept) is None


def test_wrong_bytes_inside_the_arrays_are_no_trial_or_no_difference(kept: Path):
    """Whichever byte is hit: the archive's own sums notice it, or it is one that carries no number."""
    file, right = kept.with_suffix(".npz"), pool.load(kept).arrays["prediction"]
    data, noticed = file.read_bytes(), 0
    for at in range(len(data)):
        file.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        back = pool.load(kept)
        noticed += back is None
        if back is not None and "prediction" in back.arrays:
            np.testing.assert_array_equal(back.arrays["prediction"], right)
    assert noticed > len(data) / 2


# --- computing ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_is_kept_whoever_computes_it(workers: int, tmp_path: Path):
    todo = jobs(tmp_path, 5, tiny.quick)
    assert sorted(pool.run(todo, workers, "loky")) == sorted(job.path for job in todo)
    for job in todo:
        assert pool.load(job.path).rows[0] == tiny.quick(job.trial, {}).rows[0]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_trial_has_one_thread_and_leaves_ours_alone(workers: int, tmp_path: Path):
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        (done,) = pool.run(jobs(tmp_path, 1, tiny.threads), workers, "loky")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert pool.load(done).rows[0][2] == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_trial_keeps_those_before_it(workers: int, tmp_path: Path):
    todo = jobs(tmp_path, 4, tiny.failing, fails=3)
    with pytest.raises(ValueError, match="trial 3 went wrong"):
        list(pool.run(todo, workers, "loky"))
    assert all(pool.load(job.path) for job in (todo[:3] if workers == 1 else todo[:1]))
    assert pool.load(todo[3].path) is None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:A worker stopped while some jobs")
def test_a_worker_that_the_system_stops_is_told_with_advice(tmp_path: Path):
    with pytest.raises(RunError, match=r"a worker process was stopped by the system, most likely for memory; .*MMKIT_JOBS=1"):
        list(pool.run(jobs(tmp_path, 2, tiny.dying), 2, "loky"))
    assert len(list(pool.run(jobs(tmp_path, 2, tiny.quick), 2, "loky"))) == 2  # the next run gets new workers


@pytest.mark.slow
@pytest.mark.filterwarnings("default:A worker stopped while some jobs")  # as an error it would end joblib's own thread: a hang
def test_a_worker_that_grows_is_kept(tmp_path: Path):
    done = list(pool.run(jobs(tmp_path, 6, tiny.growing), 2, "loky"))
    assert len({pool.load(path).rows[0][2] for path in done}) <= 2


def test_a_full_disk_in_a_worker_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    for workers in (1, 2):
        with pytest.raises(RunError, match=r"cannot be written .*--out"):
            list(pool.run(jobs(tmp_path / "file" / "trials", 2, tiny.quick), workers, "loky"))


def test_unknown_backends_and_a_missing_ray_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(SettingsError, match="backend = 'dask', expected one of loky, ray"):
        list(pool.run([], 1, "dask"))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingsError, match=r'pip install -e "\.\[cluster\]"'):
        list(pool.run(jobs(tmp_path, 1, tiny.quick), 1, "ray"))
    assert os.listdir(tmp_path) == []

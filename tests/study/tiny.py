"""The smallest study that still says something, stand-in trials that cost nothing, and a study in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from mmkit.study import Study
from mmkit.trials import Result, Trial

ROOT = Path(__file__).parent.parent.parent
SETTINGS = {
    "world_records": 60, "datasets": ["reviews"], "methods": ["text_only", "concat"], "sweeps": False,
    "encoder_layers": 1, "encoder_dim": 8, "max_tokens": 16,
}  # fmt: skip
PROGRAM = """
import json, sys
from mmkit.study import Study

study = Study(**json.loads(sys.argv[1]))
print("held", flush=True)
study.run()
study.verdicts()
study.finish()
"""


def parameters(out: Path, **changed: Any) -> dict[str, Any]:
    """Arguments of a tiny `Study`; `settings` are added to SETTINGS."""
    settings = SETTINGS | changed.pop("settings", {})
    return {"paper": "05_tabular", "profile": "smoke", "device": "cpu", "out": str(out), "settings": settings} | changed


def study(out: Path, **changed: Any) -> Study:
    opened.append(Study(**parameters(out, **changed)))
    return opened[-1]


opened: list[Study] = []


def close() -> None:
    """Let go of every folder that a test left behind, as the end of its process would."""
    while opened:
        opened.pop().lock.release()


def start(out: Path, jobs: int, **changed: Any) -> subprocess.Popen[str]:
    """A tiny study in its own process group."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, json.dumps(parameters(out, **changed))],
        env={**os.environ, "MMKIT_JOBS": str(jobs)}, cwd=ROOT, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finished(process: subprocess.Popen[str]) -> None:
    """Wait for its end, which must be a good one."""
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told


def wait_for_trials(out: Path, process: subprocess.Popen[str], at_least: int) -> None:
    deadline = time.monotonic() + 90
    while len(list((out / "trials").glob("*.json"))) < at_least:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "no trial was finished"
        time.sleep(0.01)


# --- trials that cost nothing: all here, because a worker process must be able to import them ---------------------------


def quick(trial: Trial, settings: dict[str, Any], **how: Any) -> Result:
    """Numbers that depend on the trial alone; one of them is missing."""
    value = zlib.crc32(repr((trial, settings.get("knob"))).encode()) / 2**32
    rows = [("test", "auprc", value), ("test", "f1_max", 1 - value), ("test", "rho_text", float("nan"))]
    cost = {"parameters": 7, "seconds": 0.5, "peak_memory_mb": 100.0}
    return Result(rows, cost, {"prediction": np.arange(5) * value})


def failing(trial: Trial, settings: dict[str, Any], **how: Any) -> Result:
    if trial.seed == settings["fails"]:
        raise ValueError(f"trial {trial.seed} went wrong")
    return quick(trial, settings, **how)


def dying(trial: Trial, settings: dict[str, Any], **how: Any) -> Result:
    """Ends its process as the system does when memory runs out."""
    os.kill(os.getpid(), 9)


def threads(trial: Trial, settings: dict[str, Any], **how: Any) -> Result:
    import torch

    return Result([("test", "threads", float(torch.get_num_threads()))], {}, {})


def growing(trial: Trial, settings: dict[str, Any], **how: Any) -> Result:
    """Leaves 400 MB behind, as data sets kept for the next trial do; tells its process."""
    time.sleep(1.1)  # loky looks at the memory once a second
    kept.append(np.ones(50_000_000))
    return Result([("test", "process", float(os.getpid()))], {}, {})


kept: list[np.ndarray] = []

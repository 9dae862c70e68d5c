"""Trials in parallel processes, each kept in a small file as soon as it is done, so that nothing is computed twice."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from mmkit.errors import RunError, SettingsError
from mmkit.study.folder import TRIAL_ROOMS, code_hash, write
from mmkit.trials import Result, Trial

BACKENDS = ("loky", "ray")
NOT_IN_KEY = ("datasets", "methods", "sweeps")  # which trials are run, not what one of them computes


@dataclass(frozen=True)
class Job:
    """A trial with all it needs in any process: `run(trial, settings, checkpoint=, **how)` -> Result, kept at `path`."""

    trial: Trial
    settings: dict[str, Any]
    how: dict[str, Any]
    run: Callable[..., Result]
    path: Path


def path_of(folder: Path, trial: Trial, settings: dict[str, Any], fingerprint: str, device: str) -> Path:
    """Where the trial is kept: its name holds a key over code, settings, data, seed, device and torch version."""
    from importlib.metadata import version

    relevant = {k: v for k, v in settings.items() if k not in NOT_IN_KEY}
    content = [code_hash(TRIAL_ROOMS), asdict(trial), relevant, fingerprint, device, version("torch")]
    key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    name = re.sub(r"[^A-Za-z0-9=.]+", "-", f"{trial.data}.{trial.world}.{trial.seed}.{trial.method}")
    return folder / f"{name}.{key}.json"


def load(path: Path) -> Result | None:
    """A kept trial, or None when there is none or it cannot be read (it is then computed again)."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        rows = [(split, metric, math.nan if value is None else float(value)) for split, metric, value in kept["rows"]]
        packed = io.BytesIO(path.with_suffix(".npz").read_bytes())  # numpy leaves a broken file open
        with np.load(packed, allow_pickle=False) as arrays:
            return Result(rows, kept["cost"], {name: arrays[name] for name in arrays.files})
    except Exception:  # a broken archive raises a dozen kinds of errors; whichever it is, the trial is not there
        return None


def keep(path: Path, result: Result) -> None:
    """Write the arrays, then the scores: a trial counts as kept once its scores are there."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **result.arrays)
    write(path.with_suffix(".npz"), buffer.getvalue())
    rows = [(split, metric, None if math.isnan(value) else value) for split, metric, value in result.rows]
    write(path, json.dumps({"rows": rows, "cost": result.cost}) + "\n")


def work(job: Job) -> Path:
    """Run one job in this process with one thread and keep it; a training that was interrupted goes on from its checkpoint."""
    from mmkit.fit import one_thread

    _keep_memory()
    checkpoint = job.path.with_suffix(".checkpoint")
    with one_thread():
        keep(job.path, job.run(job.trial, job.settings, checkpoint=checkpoint, **job.how))
    shutil.rmtree(checkpoint, ignore_errors=True)
    return job.path


@cache
def _keep_memory() -> None:
    """glibc gives large freed blocks back at once, and asking for them again costs small models a tenth of their time."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # another system, another C library
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(-3, 32 << 20)  # M_MMAP_THRESHOLD: blocks up to 32 MB come from the heap,
        libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: which does not shrink


def _work_for(parent: int, job: Job) -> Path:
    """`work` in a worker process of `parent`."""
    _end_with(parent)
    may_grow()
    return work(job)


@cache
def may_grow() -> None:
    """Keep this worker process however large it becomes: loky takes 300 MB more than after the first job for a leak, ends
    the worker and warns, while torch and the data sets that trials share are meant to stay."""
    with contextlib.suppress(ImportError):  # a name of loky's own; without it workers are only replaced more often
        from joblib.externals.loky import process_executor

        process_executor._MAX_MEMORY_LEAK_SIZE = math.inf


@cache
def _end_with(parent: int) -> None:
    """Follow a parent that is killed: an orphan would compute on, then wait for work with all its memory for minutes."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def run(jobs: Sequence[Job], workers: int, backend: str) -> Iterator[Path]:
    """Run the jobs, yielding as they finish. backend: loky (processes of this machine) or ray (a Ray cluster)."""
    if backend not in BACKENDS:
        raise SettingsError(f"backend = {backend!r}, expected one of {', '.join(BACKENDS)}")
    if workers == 1 and backend == "loky":
        yield from map(work, jobs)
        return
    from joblib import Parallel, delayed, parallel_config

    if backend == "ray":
        _ray()
    threads = {"inner_max_num_threads": 1} if backend == "loky" else {}
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        with parallel_config(backend=backend, n_jobs=workers, **threads):
            if backend == "loky":
                one = partial(_work_for, os.getpid())
                yield from Parallel(return_as="generator_unordered")(delayed(one)(job) for job in jobs)
            else:  # Ray's backend hands out results all at once, so it gets a few jobs at a time
                for first in range(0, len(jobs), 4 * workers):
                    yield from Parallel()(delayed(work)(job) for job in jobs[first : first + 4 * workers])
    except Exception as why:
        if type(why).__name__ == "TerminatedWorkerError":
            raise RunError(
                f"a worker process was stopped by the system, most likely for memory; "
                f"run again with fewer workers (MMKIT_JOBS=1): {why}"
            ) from why
        raise


def _ray() -> None:
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as why:
        raise SettingsError('backend ray needs Ray: pip install -e ".[cluster]"') from why
    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False, logging_level="error")
    register_ray()

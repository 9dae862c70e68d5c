"""Notebook x parameters -> run folder: strict parameters, an unchanged run is not repeated, a broken one continues; sweeps.

The notebook writes the results (scores, claims, figures); this module starts it with papermill, watches it, and keeps the books:
`<OUT>/notebook.ipynb` and `<OUT>/runner.json` (what was run, by its hashes). papermill and joblib load only when something runs.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmkit.errors import MMKitError, RunError, SettingsError
from mmkit.papers import Paper
from mmkit.parameters import START, Parameters, Plan, available, did_you_mean, find_paper, notebooks_folder, plan, runs_folder
from mmkit.progress import Progress
from mmkit.study import folder

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

__all__ = [
    "BACKENDS",
    "START",
    "Outcome",
    "Parameters",
    "Plan",
    "available",
    "find_paper",
    "interval",
    "notebooks_folder",
    "plan",
    "published",
    "read_json",
    "run",
    "runs_folder",
    "sweep",
    "yes_no",
]
BACKENDS = ("loky", "ray")
DISK_TROUBLE = {13: "permission denied", 28: "the disk is full", 30: "the file system is read-only"}  # errno -> words


@dataclass
class Outcome:
    """How one run ended. `claims` is the content of claims.json, `reused` is True when nothing had to be executed."""

    paper: str
    state: str  # done | failed
    claims: list[dict[str, Any]]
    wall: float  # seconds of the run that computed it
    out: Path
    reused: bool = False
    error: str | None = None

    def table(self) -> Table:
        """One row per claim: published, measured, null control, verdict."""
        from rich.table import Table
        from rich.text import Text

        how = "unchanged, nothing executed" if self.reused else f"{self.wall:.0f} s"
        table = Table(title=f"{self.paper}: {self.state} ({how})", title_justify="left", show_lines=True)
        for heading in ("id", "claim", "published", "measured", "null control", "verdict", "explained"):
            table.add_column(heading, overflow="fold")
        for claim in self.claims:
            verdict = str(claim.get("verdict", ""))
            style = {"upheld": "green", "refuted": "red"}.get(verdict, "yellow")
            cells = [
                claim.get("id", ""),
                claim.get("text", ""),
                published(claim),
                interval(claim.get("measured")),
                interval(claim.get("null")),
            ]
            table.add_row(*(Text(str(c)) for c in cells), Text(verdict, style=style), Text(yes_no(claim.get("explained"))))
        return table


def interval(estimate: Mapping[str, Any] | None) -> str:
    """'+0.12 [+0.05, +0.19] n=5' for {mean, low, high, n}; '' when there is none."""
    if not estimate or estimate.get("mean") is None:
        return ""
    signed = "{:+.3g}".format
    low, high, n = estimate.get("low"), estimate.get("high"), estimate.get("n")
    bounds = f" [{signed(low)}, {signed(high)}]" if low is not None and high is not None else ""
    return f"{signed(estimate['mean'])}{bounds}" + (f" n={n}" if n is not None else "")


def published(claim: Mapping[str, Any]) -> str:
    """'0.275 vs 0.088' (better vs worse) for a claim with published values, else ''."""
    values = claim.get("published") or {}
    return " vs ".join(f"{values[k]}" for k in ("better", "worse") if values.get(k) is not None)


def yes_no(value: bool | None) -> str:
    """'yes', 'no', or '' when it could not be asked."""
    return "" if value is None else "yes" if value else "no"


def read_json(path: Path) -> Any:
    """Content of a JSON file; None when it is missing or cut off (a run that was killed)."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def run(
    paper: Paper,
    parameters: Parameters,
    *,
    force: bool = False,
    jobs: int | None = None,
    backend: str = "loky",
    out: str | Path | None = None,
    notebooks: str | Path | None = None,
    progress: bool = True,
    timeout: float | None = None,
) -> Outcome:
    """Run one notebook into its run folder and read back what it found.

    An unchanged finished run is only read; anything else continues from its finished trials; `force` starts from nothing.
    `jobs` workers (default: all cores) of joblib's `backend` compute the trials. `timeout` is in seconds for one cell.
    Raises SettingsError before anything is computed, RunError when the run could not start or finish; KeyboardInterrupt passes.
    """
    _check_workers(jobs, backend)
    return _run(plan(paper, parameters, out=out, notebooks=notebooks), force, jobs, backend, progress, timeout)


def _run(ready: Plan, force: bool, jobs: int | None, backend: str, progress: bool, timeout: float | None) -> Outcome:
    if not force and (stored := _unchanged(ready)):
        return stored
    from mmkit.execution import execute  # papermill: only when something runs

    with _writable(ready.out), _alone(ready.out):
        _refuse_foreign(ready)
        if force:
            _remove(ready.out / "trials")
        (ready.out / "progress.json").unlink(missing_ok=True)
        book = {"paper": ready.paper.slug, "parameters": ready.values, **ready.hashes, "state": "running"}
        folder.write_json(ready.out / "runner.json", book)
        start = time.monotonic()
        try:
            with Progress(ready.paper.slug, ready.out, enabled=progress) as shown:
                execute(ready.notebook, ready.values, ready.out, _environment(jobs, backend), shown, timeout)
            _check_finished(ready, time.monotonic() - start)
        except (MMKitError, OSError, KeyboardInterrupt) as why:
            message = "stopped before the end" if isinstance(why, KeyboardInterrupt) else str(why)
            with suppress(OSError, RunError):  # on a full disk the message below matters more
                _mark_failed(ready, message, time.monotonic() - start)
                folder.write_json(ready.out / "runner.json", {**book, "state": "failed", "error": message})
            raise
        folder.write_json(ready.out / "runner.json", {**book, "state": "done"})
    return _stored(ready, reused=False)


def _check_workers(jobs: int | None, backend: str) -> None:
    if backend not in BACKENDS:
        raise SettingsError(f"backend {backend!r}, expected one of {', '.join(BACKENDS)}{did_you_mean(backend, BACKENDS)}")
    if jobs is not None and jobs < 1:
        raise SettingsError(f"jobs = {jobs}, expected 1 or more")


def _environment(jobs: int | None, backend: str) -> dict[str, str]:
    """What the notebook finds in its environment; relative folders count from the caller's, the kernel works elsewhere."""
    env = {"MMKIT_BACKEND": backend, "MMKIT_LIVE": "0"}
    env |= {"MMKIT_JOBS": str(jobs)} if jobs else {}  # else the study counts cores, or GPUs
    given = {name: os.environ[name] for name in ("MMKIT_DATA", "MMKIT_RUNS") if os.environ.get(name)}
    return env | {name: str(Path(value).expanduser().absolute()) for name, value in given.items()}


def _unchanged(ready: Plan) -> Outcome | None:
    """The stored outcome when nothing has changed since. Real files may change in place, so those runs look at them again."""
    if ready.values.get("DATA") == "real":
        return None
    book, record = read_json(ready.out / "runner.json"), read_json(ready.out / "run.json")
    if not isinstance(book, dict) or not isinstance(record, dict):
        return None
    same = book.get("paper") == ready.paper.slug and book.get("parameters") == ready.values
    same = same and all(book.get(k) == v for k, v in ready.hashes.items()) and (ready.out / "notebook.ipynb").exists()
    same = same and (not ready.paper.claims or read_json(ready.out / "claims.json") is not None)
    return _stored(ready, reused=True) if same and book.get("state") == record.get("state") == "done" else None


def _stored(ready: Plan, reused: bool) -> Outcome:
    record, claims = read_json(ready.out / "run.json") or {}, read_json(ready.out / "claims.json") or []
    return Outcome(ready.paper.slug, record.get("state", "done"), claims, record.get("wall_seconds") or 0.0, ready.out, reused)


@contextmanager
def _writable(out: Path) -> Iterator[None]:
    """Make the folder; say in words when it cannot be written, now or later."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
        yield
    except OSError as why:
        words = DISK_TROUBLE.get(why.errno or 0, why.strerror or str(why))
        raise RunError(f"cannot write the run folder {out}: {words}; choose another one with --out or MMKIT_RUNS") from why


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold the folder against a second runner for as long as this one works; the system lets go even when we are killed."""
    import fcntl

    with open(out / ".runner.lock", "a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise RunError(
                f"{out} is in use by another run (process {lock.read().strip() or 'unknown'}); "
                "wait for it, stop it, or choose another folder with --out"
            ) from None
        folder.lock(out).release()  # a study in an open JupyterLab holds this one
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _refuse_foreign(ready: Plan) -> None:
    """A folder that holds the run of another paper is not overwritten."""
    owner = (read_json(ready.out / "run.json") or {}).get("paper") or (read_json(ready.out / "runner.json") or {}).get("paper")
    if owner not in (None, ready.paper.slug):
        raise RunError(f"{ready.out} holds a run of {owner}, not of {ready.paper.slug}; choose another folder with --out")


def _remove(trials: Path) -> None:
    if trials.is_symlink():
        trials.unlink()
    elif trials.exists():
        shutil.rmtree(trials)


def _check_finished(ready: Plan, wall: float) -> None:
    """A notebook with claims must have closed its study; one without a study gets its record from here."""
    if not ready.paper.claims:
        folder.write_json(ready.out / "run.json", _record(ready, wall) | {"state": "done", "error": None})
        return
    record = read_json(ready.out / "run.json")
    if record is None or record.get("state") != "done" or read_json(ready.out / "claims.json") is None:
        state = None if record is None else record.get("state")
        raise RunError(
            f"{ready.notebook.name} ran to its end but left no finished study in {ready.out} (state {state!r}); "
            "its last cells must call study.verdicts() and study.finish()"
        )


def _mark_failed(ready: Plan, message: str, wall: float) -> None:
    record = read_json(ready.out / "run.json") or _record(ready, wall)
    folder.write_json(ready.out / "run.json", {**record, "state": "failed", "error": message})


def _record(ready: Plan, wall: float) -> dict[str, Any]:
    values = {k.lower(): v for k, v in ready.values.items()}
    values["overrides"] = values.pop("settings", {})
    return {"paper": ready.paper.slug, **values, "code": ready.hashes["code"], "wall_seconds": round(wall, 3)}


# -- many runs ----------------------------------------------------------------------------------------------------------------


def sweep(
    paper: Paper,
    grid: Mapping[str, Sequence[Any]],
    parameters: Parameters,
    *,
    jobs: int | None = None,
    backend: str = "loky",
    force: bool = False,
    notebooks: str | Path | None = None,
    progress: bool = True,
) -> tuple[list[Outcome], Path]:
    """Every combination of `grid` (parameter or setting -> values), each into its own folder; all numbers in one sweep.csv.

    Runs go in parallel (`jobs` of joblib's `backend`; on a cluster the folders must be on a shared disk), one worker each.
    A failed run is an Outcome with state 'failed', never the end of the sweep. All combinations are checked before the first
    starts: raises SettingsError. Returns the outcomes in the order of the grid, and the path of sweep.csv.
    """
    import joblib

    _check_workers(jobs, backend)
    base = Path(parameters.out).expanduser().absolute() if parameters.out else runs_folder() / paper.slug / "sweep"
    points = _points(grid, parameters, base)
    plans = [plan(paper, point, notebooks=notebooks) for _, point in points]
    if len({p.out for p in plans}) < len(plans):
        raise SettingsError("two combinations of the grid are the same run; list every value once")
    with _writable(base), _workers(backend, jobs, len(plans)) as n, Progress(f"{paper.slug} sweep", None, progress) as shown:
        shown.cells, shown.unit = len(plans), "run"
        todo = (joblib.delayed(_one_of_many)(k, ready, force) for k, ready in enumerate(plans))
        outcomes: dict[int, Outcome] = {}
        how = "list" if backend == "ray" else "generator_unordered"  # ray's backend cannot hand out results one by one
        for k, outcome in joblib.Parallel(n_jobs=n, return_as=how)(todo):
            outcomes[k] = outcome
            shown.cell += 1
        ordered = [outcomes[k] for k in range(len(plans))]
        table = _collect([combination for combination, _ in points], ordered)
        table.to_csv(base / ".sweep.csv.part", index=False)
        os.replace(base / ".sweep.csv.part", base / "sweep.csv")
    return ordered, base / "sweep.csv"


def _points(grid: Mapping[str, Sequence[Any]], base: Parameters, out: Path) -> list[tuple[dict[str, Any], Parameters]]:
    names = {f.name for f in fields(Parameters)} - {"out", "settings"}
    if not grid or not all(len(values) for values in grid.values()):
        raise SettingsError("the grid is empty; give at least one name with values, like profile=smoke,lab")
    points = []
    for values in itertools.product(*grid.values()):
        combination = dict(zip(grid, values, strict=True))
        changed: dict[str, Any] = {k.lower(): v for k, v in combination.items() if k.lower() in names}
        if isinstance(changed.get("seeds"), int):
            changed["seeds"] = [changed["seeds"]]
        settings = {k: v for k, v in combination.items() if k.lower() not in names}
        changed["out"] = str(out / ",".join(f"{k}={_short(v)}" for k, v in combination.items()))
        points.append((combination, replace(base, settings={**base.settings, **settings}, **changed)))
    return points


def _short(value: Any) -> str:
    """A value as part of a folder's name; one that would not fit or read well gets a hash."""
    text = value if isinstance(value, str) else json.dumps(value)
    clean = re.sub(r"[^\w.+-]+", "_", text).strip("_")
    return clean if clean == text and len(clean) <= 40 else f"{clean[:24]}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _one_of_many(k: int, ready: Plan, force: bool) -> tuple[int, Outcome]:
    try:
        return k, _run(ready, force, jobs=1, backend="loky", progress=False, timeout=None)
    except MMKitError as why:
        return k, Outcome(ready.paper.slug, "failed", [], 0.0, ready.out, error=str(why))


@contextmanager
def _workers(backend: str, jobs: int | None, todo: int) -> Iterator[int]:
    """joblib's backend set up for `todo` runs; yields how many run at a time."""
    import joblib

    if backend == "loky":
        with joblib.parallel_config(backend="loky"):
            yield min(jobs or joblib.cpu_count(), todo)
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns about a default that will change
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as why:
        raise SettingsError(f'the backend ray does not import ({why}); pip install -e ".[cluster]"') from why
    ours = not ray.is_initialized()
    if ours:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
        if not os.environ.get("RAY_ADDRESS"):  # no cluster to join: start one on this machine
            options |= {"include_dashboard": False, "num_cpus": min(jobs or joblib.cpu_count(), todo)}
        ray.init(runtime_env={"env_vars": {"PYTHONPATH": _python_path()}}, **options)
    try:
        register_ray()
        with joblib.parallel_config(backend="ray"):
            yield min(jobs or todo, todo, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        if ours:
            ray.shutdown()


def _python_path() -> str:
    """Lets a worker find this very mmkit."""
    return os.pathsep.join([str(Path(__file__).parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])])


def _collect(combinations: list[dict[str, Any]], outcomes: list[Outcome]) -> pd.DataFrame:
    """One tidy table: the grid's columns, then a row per claim and per score; a failed run has one row that says so."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for combination, outcome in zip(combinations, outcomes, strict=True):
        point = {k: v if isinstance(v, (str, int, float, bool, type(None))) else json.dumps(v) for k, v in combination.items()}
        point["state"] = outcome.state
        if outcome.state != "done":
            rows.append({**point, "kind": "run", "error": outcome.error})
            continue
        for claim in outcome.claims:
            measured = claim.get("measured") or {}
            rows.append(
                {
                    **point,
                    "kind": "claim",
                    "id": claim.get("id"),
                    "data": claim.get("data"),
                    "metric": claim.get("metric"),
                    "value": measured.get("mean"),
                    **{k: measured.get(k) for k in ("low", "high", "n")},
                    "verdict": claim.get("verdict"),
                    "explained": claim.get("explained"),
                }
            )
        with suppress(OSError, pd.errors.EmptyDataError):
            scores = pd.read_csv(outcome.out / "scores.csv", dtype={"table": "str", "world": "str"})
            rows += [{**point, "kind": "score", **score} for score in scores.drop(columns="paper").to_dict("records")]
    after = [
        "state",
        "kind",
        "id",
        "table",
        "method",
        "data",
        "world",
        "seed",
        "split",
        "metric",
        "value",
        "low",
        "high",
        "n",
        "verdict",
        "explained",
        "error",
    ]
    table = pd.DataFrame(rows, columns=[*combinations[0], *after])
    return table.astype({"seed": "Int64", "n": "Int64"})

"""The study of one paper: what its notebook calls, in the order of the notebook."""

from __future__ import annotations

import math
import os
import platform
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from mmkit import claims as claims_room
from mmkit import papers, readers
from mmkit.errors import ClaimError, DataError, SettingsError
from mmkit.schema import Dataset, Split
from mmkit.study import folder, pool
from mmkit.study.settings import DEVICES, one_of, resolve
from mmkit.trials import Result, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCORE_COLUMNS = ["paper", "table", "method", "data", "world", "seed", "split", "metric", "value"]
PACKAGES = (
    "mmkit",
    "torch",
    "transformers",
    "tokenizers",
    "accelerate",
    "pyro-ppl",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "sacrebleu",
    "spacy",
    "matplotlib",
)


class Data(NamedTuple):
    """What a notebook looks at: one data set and the three parts of it that the first seed (or fold) uses."""

    dataset: Dataset
    train: Split
    valid: Split
    test: Split


class Study:
    """One run of one paper into one folder.

    Arguments are the notebook's parameters (see the cell tagged `parameters`). Raises SettingsError before anything is
    computed when one of them is impossible, RunError when the folder is in use or cannot be written.
    """

    _open: ClassVar[dict[Path, Study]] = {}  # studies of this process that hold their folder

    def __init__(
        self,
        paper: str,
        profile: str = "lab",
        data: str = "world",
        seeds: list[int] | None = None,
        device: str = "auto",
        data_root: str | None = None,
        out: str | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.paper = papers.find(paper)
        if not self.paper.ready:
            raise SettingsError(f"paper {self.paper.slug} cannot be run yet; `mmkit list` shows which can")
        one_of("DEVICE", device, DEVICES)
        self.profile, self.kind, self.device, self.overrides = profile, data, device, dict(settings or {})
        self.resolved = resolve(self.paper, profile, data, self.overrides)
        self.settings = {name: s.value for name, s in self.resolved.items()}
        self.root = _root(data, data_root)
        self.seeds = self._seeds(seeds)
        self.methods: dict[str, str] = self.paper.facts["methods"]
        self.module = _trials_of(self.paper.slug)
        self.out = Path(out).expanduser().absolute() if out else _runs() / self.paper.slug / f"{profile}-{data}"
        self.began, self.results, self.computed, self.judged = time.time(), {}, 0, []
        self._real: dict[str, Dataset] = {}
        self.absent: list[str] = []  # real data sets that were not found, and where they were looked for
        if data == "real":
            self._read()
        self._check_device()
        if self.out in Study._open:  # the same cell run twice in one notebook: the older study is given up
            Study._open.pop(self.out).lock.release()
        self.lock = folder.lock(self.out)
        Study._open[self.out] = self
        self.scores = pd.DataFrame(columns=SCORE_COLUMNS)
        self._record("running")

    def _check_device(self) -> None:
        """Raises SettingsError now rather than after the data was prepared."""
        if self.device != "auto":
            from mmkit.fit import accelerator

            accelerator(self.device)

    # --- settings ---------------------------------------------------------------------------------------------------

    def _seeds(self, seeds: list[int] | None) -> list[int]:
        if seeds is None:
            folds = self.settings.get("folds") if self.kind == "real" else None
            named = self.paper.facts["seeds"]
            seeds = list(range(folds)) if folds else named.get(f"{self.profile}-{self.kind}", named[self.profile])
        if (
            not isinstance(seeds, list | tuple)
            or not seeds
            or any(isinstance(s, bool) or not isinstance(s, int) or s < 0 for s in seeds)
        ):
            raise SettingsError(f"SEEDS = {seeds!r}, expected a list of non-negative whole numbers such as [0, 1, 2], or None")
        if len(set(seeds)) < len(seeds):
            raise SettingsError(f"SEEDS = {seeds!r} names a seed twice; every seed is one observation")
        if self.kind == "real" and max(seeds) >= self.settings.get("folds", max(seeds) + 1):
            raise SettingsError(
                f"SEEDS = {seeds!r} are folds on real data, and there are only {self.settings['folds']}: "
                f"0 to {self.settings['folds'] - 1}"
            )
        return list(seeds)

    def settings_table(self) -> pd.DataFrame:
        """Every setting: the value of this run, where it comes from, and the paper's value where that differs."""
        return pd.DataFrame(
            [
                {
                    "setting": s.name,
                    "value": str(s.value),
                    "source": s.source,
                    "where": s.where,
                    "published": "" if s.published == s.value else str(s.published),
                }
                for s in self.resolved.values()
            ]
        ).set_index("setting")

    # --- data -------------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Read every real data set that is there; say which are not. Raises DataError when none is."""
        for name in self.settings["datasets"]:
            try:
                self._real[name] = self.module.real(name, self.paper.facts, self.root)
            except DataError as why:
                if any(readers.READERS[r].locate(self.root) for r in self.paper.facts["data"][name]["readers"]):
                    raise  # it is there and it is broken
                self.absent.append(str(why))
        if not self._real:
            raise DataError(f"none of the data sets {', '.join(self.settings['datasets'])} is in {self.root}", self.absent)
        few = [
            f"{name}: fold {seed} of {len(dataset.records)} records has {' / '.join(map(str, sizes))} of them"
            for name, dataset in self._real.items()
            for seed in self.seeds
            for parts in [self.module.splits(dataset, self._trial(name, "", seed, ""), self.settings)]
            if min(sizes := [len(part) for part in parts]) < 1
        ]
        if few:
            summary = "too few records: training, validation and test need at least one each"
            raise DataError(summary, few, "Give more records or fewer folds (SETTINGS['folds']).")

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets of this run; on real data those that were found."""
        return [name for name in self.settings["datasets"] if self.kind == "world" or name in self._real]

    def data(self, name: str, world: str = "main", seed: int | None = None) -> Data:
        """A data set and the parts that `seed` (default: the first) uses. world: main, null:<name> or sweep:<knob>=<value>."""
        if name not in self.datasets:
            raise SettingsError(f"no data set {name!r} in this run; there are: {', '.join(self.datasets)}")
        trial = self._trial(name, world, self.seeds[0] if seed is None else seed, "")
        dataset = self._real[name] if self.kind == "real" else self.module.world(name, world, trial.seed, self.settings)
        return Data(dataset, *self.module.splits(dataset, trial, self.settings))

    def _trial(self, data: str, world: str, seed: int, method: str) -> Trial:
        return Trial(data, "real" if self.kind == "real" else world, seed, method)

    # --- trials -----------------------------------------------------------------------------------------------------

    @property
    def claims(self) -> list[claims_room.Claim]:
        """The paper's claims that this run can test: on real data there is no null control, and truth only where a claim says."""
        every = [claims_room.Claim.from_facts(c) for c in self.paper.claims]
        kept = [
            c for c in every if c.kind == "exact" or (c.data in self.datasets and (self.settings["sweeps"] or c.kind != "trend"))
        ]
        if self.kind == "world":
            return kept
        methods = set(self.settings["methods"])
        return [
            replace(c, world="real", null=None)
            for c in kept
            if c.kind == "exact" or ((c.kind == "comparison" or c.also_real) and {c.better, c.worse} <= {*methods, ""})
        ]

    def trials(self) -> list[Trial]:
        """Every trial of this run: the table's methods and the reference points, and what claims and sweeps need besides."""
        wanted: dict[Trial, None] = {}

        applies = getattr(self.module, "applies", lambda method, data: True)  # not every method has a meaning for all data

        def add(data: str, world: str, methods: list[str], seeds: int | None = None) -> None:
            for seed in self.seeds[:seeds]:
                wanted.update({self._trial(data, world, seed, m): None for m in methods if m and applies(m, data)})

        references = [m for m in self.module.REFERENCES if self.kind == "world" or m != "oracle"]
        for name in self.datasets:
            add(name, "main", [*self.settings["methods"], *references])  # loky takes a worker's first trial as its normal size
        for claim in self.claims:
            if claim.kind != "exact":
                for world in (*claim.worlds,) or (claim.world, *([claim.null] if claim.null else [])):
                    add(claim.data, world, [claim.better, claim.worse])
        if self.kind == "world" and self.settings["sweeps"]:
            for sweep in self.paper.facts.get("sweep", []):
                for world in sweep["worlds"] if sweep["data"] in self.datasets else []:
                    add(sweep["data"], world, sweep["methods"], sweep.get("seeds"))
        place = {name: k for k, name in enumerate(self.datasets)}  # in the order of the settings, as the tables show them
        return sorted(wanted, key=lambda t: (place.get(t.data, len(place)), t.data, t.world, t.seed))

    def run(self) -> pd.DataFrame:
        """Run every trial that is not kept already; write and return the scores. Shows a progress bar."""
        from mmkit.fit import Bar, accelerator

        kind = accelerator(self.device, self.settings["precision"]).device.type
        if hasattr(self.module, "check"):
            self.module.check(self.settings, self.datasets, self.kind)
        jobs = [self._job(trial, kind) for trial in self.trials()]
        self.results = {job.trial: kept for job in jobs if (kept := pool.load(job.path)) is not None}
        todo = [job for job in jobs if job.trial not in self.results]
        bar = Bar(len(jobs), "trials")
        self._progress(bar, len(jobs) - len(todo))
        for done, _ in enumerate(
            pool.run(todo, _workers(kind), os.environ.get("MMKIT_BACKEND", "loky")), start=len(jobs) - len(todo) + 1
        ):
            self._progress(bar, done)
        self.computed = len(todo)
        for job in todo:
            self.results[job.trial] = pool.load(job.path)
            if self.results[job.trial] is None:
                raise DataError(f"{job.path}: the trial that was just written cannot be read; is the disk full?")
        self.scores = self._tidy([job.trial for job in jobs])
        folder.write(self.out / "scores.csv", self.scores.to_csv(index=False))
        folder.write(self.out / "costs.csv", self.costs().to_csv(index=False))
        return self.scores

    def _job(self, trial: Trial, device: str) -> pool.Job:
        real = self._real.get(trial.data)
        how: dict[str, Any] = {"device": device}
        if real is not None:
            how |= {"root": self.root, "reader": real.name, "fingerprint": real.fingerprint}
        path = pool.path_of(self.out / "trials", trial, self.settings, real.fingerprint if real else "", device)
        return pool.Job(trial, self.settings, how, self.module.run, path)

    def _progress(self, bar: Any, done: int) -> None:
        bar.update(done)
        folder.write_json(self.out / "progress.json", {"done": done, "total": bar.total, "label": ""})

    def _tidy(self, trials: list[Trial]) -> pd.DataFrame:
        tables = {  # (data, metric, method) -> the first table that prints it
            (data, metric, method): table["id"]
            for data in self.datasets
            for table in reversed(self.paper.tables_of(data))
            for metric, printed in self.paper.printed(data, table["id"]).items()
            for method in printed
        }
        across = getattr(self.module, "across", None)  # scores that compare a trial with others of its seed
        extra = across({t: self.results[t] for t in trials}) if across else {}
        rows = [
            (self.paper.slug, tables.get((t.data, metric, t.method), ""), t.method, t.data, t.world, t.seed, split, metric, value)
            for t in trials
            for split, metric, value in (*self.results[t].rows, *extra.get(t, ()))
        ]
        return pd.DataFrame(rows, columns=SCORE_COLUMNS)

    def result(self, method: str, data: str, world: str = "main", seed: int | None = None) -> Result:
        """One finished trial with its per-record arrays. Raises SettingsError when it was not part of this run."""
        trial = self._trial(data, world, self.seeds[0] if seed is None else seed, method)
        if trial not in self.results:
            raise SettingsError(f"no trial {trial} in this run; call study.run() first, or choose one of study.trials()")
        return self.results[trial]

    def ran(self, method: str, data: str) -> bool:
        """Was this method run on this data set, in its main world or on real records?"""
        return self._trial(data, "main", self.seeds[0], method) in self.results

    def costs(self) -> pd.DataFrame:
        """Parameters, seconds and peak memory (MB) of every trial."""
        return pd.DataFrame(
            [
                {"method": t.method, "data": t.data, "world": t.world, "seed": t.seed, **r.cost}
                for t, r in sorted(self.results.items())
            ]
        )

    # --- results ----------------------------------------------------------------------------------------------------

    def values(self, data: str, metric: str, world: str | None = None) -> pd.DataFrame:
        """Test values of one metric on one data set: method x seed."""
        s = self.scores
        world = world or ("real" if self.kind == "real" else "main")
        here = s[(s["data"] == data) & (s["metric"] == metric) & (s["world"] == world) & (s["split"] == "test")]
        if here.empty:
            raise ClaimError(f"no {metric!r} of {data!r} in world {world!r}; have you called study.run()?")
        return here.pivot(index="method", columns="seed", values="value")

    def beside(self, data: str) -> pd.DataFrame:
        """The results table for one data set: published value, our mean and standard deviation over seeds or folds, per metric.

        Reference points that the paper lacks follow below its methods, without a published value.
        """
        columns = {}
        for metric, printed in self.paper.printed(data).items():
            ours = self.values(data, metric)
            order = [m for m in self.methods if m in ours.index] + [m for m in ours.index if m not in self.methods]
            columns[metric, "published"] = pd.Series({m: printed.get(m) for m in order}, dtype=float)
            columns[metric, "measured"] = ours.loc[order].mean(axis=1)
            columns[metric, "sd"] = ours.loc[order].std(axis=1)
        frame = pd.DataFrame(columns)
        frame.index = [self.methods.get(m, m.replace("_", " ")) for m in frame.index]
        return frame

    def verdicts(self, exact: dict[str, tuple[float, float, float]] | None = None) -> pd.DataFrame:
        """Judge every claim that this run can test, write claims.json and return the verdicts as a table.

        exact: claim id -> (computed, printed, tolerance) for claims about exact numbers.
        """
        real = self.kind == "real"
        folds = self.settings.get("folds", 0)
        tested = [c for c in self.claims if c.kind != "exact" or c.id in (exact or {})]
        scores = self.scores[self.scores["split"] == "test"]
        if any(c.kind == "cost" for c in tested):  # seconds differ from run to run, so they stay out of scores.csv
            known = ["method", "data", "world", "seed"]
            scores = pd.concat([scores, self.costs().melt(known, var_name="metric").dropna().assign(split="test")])
        self.judged = claims_room.judge(
            tested,
            scores,
            exact=exact,
            train_test_ratio=float(folds - 1) if real and folds else None,
            world="real" if real else None,
            strict=False,
        )
        folder.write_json(self.out / "claims.json", [_without_nan(v.as_dict()) for v in self.judged])
        return claims_room.table(self.judged)

    def figure(self, name: str, ax: Axes | np.ndarray, numbers: pd.DataFrame, alt: str) -> None:
        """Save the figure of `ax` and the numbers in it: figures/<name>.png and .csv. alt: what it shows, in words."""
        import io

        from mmkit import plots

        axis = ax.flat[0] if isinstance(ax, np.ndarray) else ax
        plots.describe(axis, alt)
        buffer = io.BytesIO()
        axis.figure.savefig(buffer, format="png", dpi=150, metadata={"Description": alt, "Software": None})
        folder.write(self.out / "figures" / f"{name}.png", buffer.getvalue())
        folder.write(self.out / "figures" / f"{name}.csv", numbers.to_csv(index=False))

    def finish(self) -> dict[str, Any]:
        """Close the run: state done, what it cost, and the folder free for others. Returns run.json."""
        record = self._record("done")
        (self.out / "progress.json").unlink(missing_ok=True)
        self.lock.release()
        Study._open.pop(self.out, None)
        return record

    def _record(self, state: str) -> dict[str, Any]:
        record = {
            "paper": self.paper.slug, "profile": self.profile, "data": self.kind, "seeds": self.seeds, "device": self.device,
            "data_root": str(self.root) if self.root else None, "out": str(self.out), "overrides": self.overrides,
            "settings": {s.name: {"value": s.value, "source": s.source, "where": s.where} for s in self.resolved.values()},
            "datasets": {
                n: {"source": d.source, "fingerprint": d.fingerprint, "counts": d.counts} for n, d in self._real.items()
            },
            "absent": self.absent,
            "versions": {"python": platform.python_version(), **{p: v for p in PACKAGES if (v := _version(p))}},
            "hardware": _hardware(), "commit": _commit(), "code": folder.code_hash(),
            "started": datetime.fromtimestamp(self.began, UTC).isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds") if state == "done" else None,
            "wall_seconds": round(time.time() - self.began, 2),
            "peak_memory_mb": round(max([r.cost["peak_memory_mb"] for r in self.results.values()], default=0.0), 1),
            "trials": {"total": len(self.results), "computed": self.computed, "cached": len(self.results) - self.computed},
            "state": state, "error": None,
        }  # fmt: skip
        folder.write_json(self.out / "run.json", record)
        return record


def _trials_of(slug: str) -> ModuleType:
    from importlib import import_module

    return import_module(f"mmkit.trials.{slug[3:]}")


def _root(data: str, given: str | None) -> Path | None:
    if data != "real":
        return None
    named = given or os.environ.get("MMKIT_DATA")
    if not named:
        raise SettingsError(
            "DATA = 'real' needs the folder of the real data: give DATA_ROOT (--data-root) or set MMKIT_DATA; "
            "`mmkit data where` lists what it must hold"
        )
    root = Path(named).expanduser().absolute()
    if not root.exists():
        raise SettingsError(f"DATA_ROOT {root} does not exist; `mmkit data where` lists what it must hold")
    return root


def _runs() -> Path:
    return Path(os.environ.get("MMKIT_RUNS") or "runs").absolute()


def _workers(device: str) -> int:
    """Parallel trials: MMKIT_JOBS, else one per core on a CPU and one at a time on a GPU."""
    given = os.environ.get("MMKIT_JOBS")
    if given is None:
        return 1 if device != "cpu" else len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not given.isdigit() or int(given) < 1:
        raise SettingsError(f"MMKIT_JOBS = {given!r}, expected a whole number of parallel workers, at least 1")
    return int(given)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _hardware() -> dict[str, Any]:
    import psutil
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": gpu,
    }


def _commit() -> str | None:
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=10, check=False
        )
    except OSError:
        return None
    return found.stdout.strip() or None


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nan(v) for k, v in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value

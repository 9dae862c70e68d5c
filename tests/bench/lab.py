"""Trials of the size that a lab run has, only with fewer records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmkit import papers
from mmkit.study import pool
from mmkit.study.settings import resolve
from mmkit.trials import Trial, tabular

CHANGED = {"world_records": 2500, "datasets": ["listings"], "methods": ["text_only"], "sweeps": False}


def settings(**changed: Any) -> dict[str, Any]:
    return {name: s.value for name, s in resolve(papers.find("05"), "lab", "world", CHANGED | changed).items()}


def jobs(folder: Path, seeds: range, **changed: Any) -> list[pool.Job]:
    """One trial per seed: no two share a world, so that no process gains from what another trial has prepared."""
    chosen = settings(**changed)
    trials = [Trial("pets", "main", seed, "concat") for seed in seeds]
    return [pool.Job(t, chosen, {"device": "cpu"}, tabular.run, pool.path_of(folder, t, chosen, "", "cpu")) for t in trials]

"""What one trial of a paper is: a method, a data set, a world and a seed go in, scores come out.

One file per paper, named as its notebook; `sentence_pairs` is what trials of translation share.
"""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Rows = list[tuple[str, str, float]]  # (split, metric, value)


@dataclass(frozen=True, order=True)
class Trial:
    """One cell of the experiment. world: main | null:<name> | sweep:<knob>=<value> | real; seed is the fold for real data."""

    data: str
    world: str
    seed: int
    method: str


@dataclass
class Result:
    """What a trial leaves behind.

    rows: (split, metric, value). cost: parameters, seconds, peak_memory_mb, and what else a claim of kind cost is about.
    arrays: per test record, for looking inside.
    """

    rows: Rows
    cost: dict[str, float]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def frozen(settings: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Settings as a key for `lru_cache`; `dict` of it gives them back, with tuples for lists."""
    return tuple(sorted((name, tuple(value) if isinstance(value, list) else value) for name, value in settings.items()))


def start_clock() -> float:
    """When a trial begins (seconds); a GPU's memory peak, where torch is loaded, counts from here."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    return time.perf_counter()


def cost(parameters: int, began: float, device: str = "cpu") -> dict[str, float]:
    """What a trial cost since `start_clock`. device: where it trained, cpu | cuda | mps.

    The memory peak (MB) on a GPU is the trial's; elsewhere it is that of the process so far, an upper bound.
    """
    if device == "cuda":
        peak = sys.modules["torch"].cuda.max_memory_allocated() / 2**20
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return {"parameters": parameters, "seconds": time.perf_counter() - began, "peak_memory_mb": peak}

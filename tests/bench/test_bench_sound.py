"""Clips described per second: two processes of `mmkit.features.sound` against a script of librosa's functions, one by one."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
import pytest

from mmkit.features import sound
from tests.bench.told import told
from tests.features.clips import obvious, voice

CLIPS = [voice(0.8 + 1.2 * k / 40, 90 + 5 * k, k) for k in range(40)]  # 0.8 to 2 seconds
GOAL = 1.8


def script(waves: list[np.ndarray], cqt: bool) -> np.ndarray:
    """(N, 2229): what one would write with librosa's page open."""
    return np.stack([np.concatenate(list(obvious(wave, cqt=cqt).values())) for wave in waves])


def per_second(work: Callable[[], object], count: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Clips per second of the wall (or of a core, by process_time), the better of two rounds."""
    rates = []
    for _ in range(2):
        began = clock()
        work()
        rates.append(count / (clock() - began))
    return max(rates)


def test_clips_per_second(capsys: pytest.CaptureFixture[str]):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # librosa of clips shorter than its longest constant-Q filter
        few = CLIPS[::4]
        theirs = script(few[:1], cqt=True)  # compiles
        np.testing.assert_allclose(sound.describe(few[:1], literal=True, cqt=True), theirs, rtol=1e-3, atol=2e-3)
        default, shared = (per_second(lambda cqt=cqt: script(few, cqt), len(few)) for cqt in (True, False))
        by_librosa = per_second(lambda: script(few, False), len(few), time.process_time)
    sound.describe(CLIPS, jobs=2)  # starts the processes
    two = per_second(lambda: sound.describe(CLIPS, jobs=2), len(CLIPS))
    mine = per_second(lambda: sound.describe(CLIPS), len(CLIPS), time.process_time)
    told(capsys, "clips described per second on two processes", f"{two:.0f}",
         f"librosa, function by function: {shared:.1f}, and {default:.1f} with its default tonnetz")  # fmt: skip
    told(capsys, "per second of one core", f"{mine:.0f} against {by_librosa:.1f}", f"{mine / by_librosa:.1f}x")
    told(capsys, "two processes against librosa with the same numbers", f"{two / shared:.1f}x", f"goal {GOAL}x")
    assert two >= GOAL * shared

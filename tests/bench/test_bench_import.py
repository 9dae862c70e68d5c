"""`import mmkit` in a fresh process: quick, and without torch."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import pytest

from tests.bench.told import told

BUDGET = 0.3  # seconds, the interpreter's own start included
CODE = "import sys, mmkit; sys.exit('torch' in sys.modules)"


def test_import(capsys: pytest.CaptureFixture[str]):
    seconds = []
    for _ in range(9):
        begin = time.perf_counter()
        assert subprocess.run([sys.executable, "-c", CODE]).returncode == 0, "import mmkit loads torch"
        seconds.append(time.perf_counter() - begin)
    median = statistics.median(seconds[1:])  # the first one fills the system's cache
    told(capsys, "import mmkit", f"{median:.2f} s", f"goal at most {BUDGET} s")
    assert median <= BUDGET

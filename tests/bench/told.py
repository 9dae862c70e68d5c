"""One line per measurement, seen although pytest captures what tests print."""

from __future__ import annotations

import pytest


def told(capsys: pytest.CaptureFixture[str], name: str, figure: str, goal: str) -> None:
    with capsys.disabled():
        print(f"\n{name}: {figure} ({goal})", flush=True)

"""How far a run is, on stderr: a bar in a terminal, a plain line now and then in a log."""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

EVERY = 10.0  # seconds between two lines of a log


class Progress:
    """Watch a run: `cell` of `cells` is set from outside, the trials are read from `<out>/progress.json`.

    A context manager; draws from its own thread, so that the work needs not call anything. Nothing ever goes to stdout.
    """

    def __init__(self, name: str, out: Path | None, enabled: bool = True, stream: TextIO | None = None) -> None:
        self.name, self.out, self.enabled = name, out, enabled
        self.stream = sys.stderr if stream is None else stream
        self.cell, self.cells, self.unit = 0, 0, "cell"
        self._first: tuple[float, int] | None = None  # when trials were first seen, and how many were done then
        self._start = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw if self.stream.isatty() else self._log, daemon=True)

    def __enter__(self) -> Progress:
        if self.enabled:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, where: TracebackType | None) -> None:
        self._over.set()
        if self.enabled:
            self._thread.join()
            self._say(f"{self.line()}, {'done' if kind is None else 'stopped'}")

    def trials(self) -> dict[str, Any] | None:
        """{done, total, label} as the study last wrote it; None before it has begun, and after it has ended."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            told = json.loads((self.out / "progress.json").read_text(encoding="utf-8")) if self.out else None
            if told and isinstance(told["done"], int) and isinstance(told["total"], int):
                return told
        return None

    def seconds_left(self, done: int, total: int) -> float | None:
        """From the pace since the first look; cached trials that were done before do not count."""
        if self._first is None:
            self._first = (time.monotonic(), done)
        since, before = self._first
        return None if done <= before else (time.monotonic() - since) / (done - before) * (total - done)

    def line(self) -> str:
        """'05_tabular: cell 7/24, trials 12/80 (listings, gating), 0:41, about 4:05 left'."""
        parts, left = [f"{self.unit} {self.cell}/{self.cells or '?'}"], None
        if told := self.trials():
            label = f" ({told['label']})" if told.get("label") else ""
            parts.append(f"trials {told['done']}/{told['total']}{label}")
            left = self.seconds_left(told["done"], told["total"])
        elif self.unit == "run":
            left = self.seconds_left(self.cell, self.cells)
        parts.append(_clock(time.monotonic() - self._start))
        if left:
            parts.append(f"about {_clock(left)} left")
        return f"{self.name}: {', '.join(parts)}"

    def _say(self, text: str) -> None:
        self.stream.write(text + "\n")
        self.stream.flush()

    def _log(self) -> None:
        while not self._over.wait(EVERY):
            self._say(self.line())

    def _draw(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        columns = (BarColumn(bar_width=24), TextColumn("{task.description}", markup=False))
        with Bar(*columns, console=Console(file=self.stream), transient=True) as bar:
            task = bar.add_task(self.line(), total=None)
            while not self._over.wait(0.5):
                told = self.trials()
                done, total = (told["done"], told["total"]) if told else (self.cell, self.cells)
                bar.update(task, description=self.line(), completed=done, total=total or None)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

"""The run folder: who holds it, and files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import IO, Any

from mmkit.errors import RunError

HOME = Path(__file__).parents[1]
# These start a run or show it afterwards; the numbers do not depend on them.
AROUND_A_RUN = (
    "__main__.py",
    "cli.py",
    "doctor.py",
    "execution.py",
    "parameters.py",
    "progress.py",
    "report.py",
    "runner.py",
    "student.py",
)
# What a trial's numbers depend on. Changing a plot or the command line leaves finished trials valid.
TRIAL_ROOMS = (
    "errors.py",
    "schema",
    "cache.py",
    "features",
    "worlds",
    "readers",
    "text",
    "batches",
    "layers",
    "models",
    "fit.py",
    "scores",
    "trials",
)


class Lock:
    """An exclusive hold on a run folder until `release` or the end of the process, however it ends."""

    def __init__(self, handle: IO[str]) -> None:
        self.handle = handle

    def release(self) -> None:
        self.handle.close()


def lock(out: Path) -> Lock:
    """Hold `out`. Raises RunError when another process holds it, or when it cannot be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = open(out / ".lock", "a+", encoding="utf-8")  # noqa: SIM115  stays open: closing it is what releases the folder
    except OSError as why:
        raise RunError(
            f"{out}: cannot be written ({why.strerror}); choose another folder with --out, or set MMKIT_RUNS to one that can"
        ) from why
    try:
        _exclusive(handle)
    except OSError as why:
        handle.seek(0)
        holder = handle.read().strip() or "unknown"
        handle.close()
        raise RunError(
            f"{out}: another run is using this folder (process {holder}); wait for it, or give this run its own folder with --out"
        ) from why
    with contextlib.suppress(OSError):  # a full disk: held all the same, only without our number
        os.ftruncate(handle.fileno(), 0)
        os.write(handle.fileno(), str(os.getpid()).encode())
    return Lock(handle)


def _exclusive(handle: IO[str]) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        return
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def write(path: Path, content: str | bytes) -> None:
    """Write `path` under another name in the same folder, then rename: a reader sees the old file or the new one.

    Raises RunError for a full or read-only disk, and leaves no half file behind.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    part = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".part-", delete=False) as file:
            part = file.name
            file.write(data)
        os.chmod(part, 0o644)
        os.replace(part, path)
    except OSError as why:
        if part is not None:
            with contextlib.suppress(OSError):
                os.unlink(part)
        raise RunError(
            f"{path}: cannot be written ({why.strerror}); free some space or choose another folder with --out"
        ) from why


def write_json(path: Path, content: Any) -> None:
    write(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


@cache
def code_hash(rooms: tuple[str, ...] = ()) -> str:
    """Fingerprint of the sources that a notebook's results depend on (or of these rooms): another program, another run."""
    files = sorted(
        f
        for f in HOME.rglob("*")
        if f.suffix in (".py", ".toml") and f.name not in AROUND_A_RUN and (not rooms or f.relative_to(HOME).parts[0] in rooms)
    )
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file.relative_to(HOME)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]

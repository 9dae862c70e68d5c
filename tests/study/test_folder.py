"""The run folder: held by one process at a time, files whole or not there, trouble with the disk told in words."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mmkit.errors import RunError
from mmkit.study import folder

ADVICE = "--out"


# --- the lock -------------------------------------------------------------------------------------------------------------


def test_a_folder_has_one_holder_who_is_named(tmp_path: Path):
    out = tmp_path / "made" / "on the way"
    held = folder.lock(out)
    with pytest.raises(RunError, match=re.escape(f"{out}: another run is using this folder (process {os.getpid()})")) as caught:
        folder.lock(out)
    assert ADVICE in str(caught.value)
    folder.lock(tmp_path / "another").release()  # a lock holds its own folder only
    held.release()
    folder.lock(out).release()


@pytest.mark.parametrize("end", ["kill", "exit"])
def test_the_end_of_a_process_frees_its_folder(end: str, tmp_path: Path):
    code = (
        "import sys; from pathlib import Path; from mmkit.study import folder\n"
        "held = folder.lock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], **pipes) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunError, match=rf"process {other.pid}\)"):
            folder.lock(tmp_path)
        if end == "kill":
            other.send_signal(signal.SIGKILL)
        else:
            other.stdin.close()
        other.wait(20)
    assert (tmp_path / ".lock").read_text() == str(other.pid)  # the file stays, the hold does not
    folder.lock(tmp_path).release()
    assert (tmp_path / ".lock").read_text() == str(os.getpid())


@pytest.mark.parametrize("where", ["under a file", "under /proc"])
def test_a_folder_that_cannot_be_made_is_told(where: str, tmp_path: Path):
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "run" if where == "under a file" else Path("/proc/mmkit/run")
    with pytest.raises(RunError, match=re.escape(str(out)) + ": cannot be written .* --out, or set MMKIT_RUNS"):
        folder.lock(out)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a device of Linux")
def test_a_full_disk_costs_the_number_in_the_lock_not_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / ".lock").symlink_to("/dev/full")
    monkeypatch.setattr(os, "ftruncate", lambda *_: None)  # a device cannot be cut, a file can
    folder.lock(tmp_path).release()


# --- whole files ----------------------------------------------------------------------------------------------------------


def test_a_file_is_replaced_as_a_whole(tmp_path: Path):
    """A reader that never stops looking sees the old content or the new one."""
    path, seen, stop = tmp_path / "deep" / "file", set(), threading.Event()
    contents = ["a" * 100_000, "b" * 100_000]
    folder.write(path, contents[0])

    def look() -> None:
        while not stop.is_set():
            seen.add(path.read_text())

    reader = threading.Thread(target=look)
    reader.start()
    for n in range(200):
        folder.write(path, contents[n % 2])
    stop.set()
    reader.join()
    assert seen <= set(contents)
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_bytes_and_text_are_written_as_they_are(tmp_path: Path):
    folder.write(tmp_path / "b", b"\x00\r\n\xff")
    folder.write(tmp_path / "t", "naïve\r\n")
    folder.write_json(tmp_path / "j", {"ü": [1, None]})
    assert (tmp_path / "b").read_bytes() == b"\x00\r\n\xff"
    assert (tmp_path / "t").read_bytes() == "naïve\r\n".encode()
    assert json.loads((tmp_path / "j").read_text()) == {"ü": [1, None]}
    assert "ü" in (tmp_path / "j").read_text()
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o644  # others may read it


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("step", ["replace", "chmod"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "scores.csv"
    folder.write(path, "old")
    with monkeypatch.context() as patch:
        patch.setattr(os, step, no_space)
        with pytest.raises(RunError, match=r"scores\.csv: cannot be written \(No space left on device\); free .* --out"):
            folder.write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_stops_half_way_leaves_nothing(tmp_path: Path):
    """A limit on the size of files: the system takes the first bytes and refuses the rest, as a disk does that fills up."""
    code = (
        "import resource, sys; from pathlib import Path; from mmkit.errors import RunError; from mmkit.study import folder\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    folder.write(Path(sys.argv[1]), 'x' * 5000)\nexcept RunError as why:\n    print(why)\n"
    )
    told = subprocess.run([sys.executable, "-c", code, str(tmp_path / "file")], capture_output=True, text=True, timeout=60)
    assert "file: cannot be written (File too large)" in told.stdout, told.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_path_under_a_file_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"file/scores\.csv: cannot be written"):
        folder.write(tmp_path / "file" / "scores.csv", "new")


# --- the fingerprint of the code ------------------------------------------------------------------------------------------


def test_a_changed_source_is_another_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home = tmp_path / "mmkit"
    shutil.copytree(folder.HOME, home, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(folder, "HOME", home)
    code = folder.code_hash.__wrapped__
    whole, rooms = code(), code(folder.TRIAL_ROOMS)
    (home / "__pycache__").mkdir()
    (home / "__pycache__" / "fit.pyc").write_bytes(b"1")
    assert code() == whole
    for name in folder.AROUND_A_RUN:  # a finished run stays finished
        (home / name).write_text("")
    assert code() == whole
    (home / "claims.py").write_text("")
    assert code() != whole
    assert code(folder.TRIAL_ROOMS) == rooms  # finished trials stay valid
    for changed in ("fit.py", "layers/encoders.py", "trials/tabular.py"):
        before = code(folder.TRIAL_ROOMS)
        (home / changed).write_text("")
        assert code(folder.TRIAL_ROOMS) != before


def test_everything_that_a_trial_imports_is_part_of_its_key():
    """Else a change there would leave old numbers in place."""
    lines = "import pkgutil, sys, mmkit.trials as t\n" + (
        "from importlib import import_module\n"
        "from mmkit import batches, fit, scores, text, worlds\n"
        "from mmkit.scores import agreement; from mmkit.models import tabular\n"
        "for m in pkgutil.iter_modules(t.__path__):\n    import_module(f'mmkit.trials.{m.name}')\n"
        "print(*sorted(n for n in sys.modules if n.startswith('mmkit.')))"
    )
    found = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, timeout=120, check=True).stdout.split()
    rooms = {name.split(".")[1] for name in found}
    assert rooms >= {"fit", "models", "layers", "worlds"}
    assert rooms == {room.removesuffix(".py") for room in folder.TRIAL_ROOMS}
    assert all((folder.HOME / room).exists() for room in folder.TRIAL_ROOMS)

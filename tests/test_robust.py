"""The real notebook through the real command line, in places where things go wrong: no network, no home, a kill, a second run.

The repository is a copy that nobody may write to; the person who runs it has no right to override that, root included.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from tests.conftest import GUARD, ROOT
from tests.study.tiny import SETTINGS

WORKLOAD = SETTINGS | {"world_records": 800, "epochs": 4}  # long enough to be interrupted on a fast machine

TRIALS = 32  # of these settings: ten methods in the main world and two in each of three null controls, two seeds
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2


class Run(NamedTuple):
    """One run that ended by itself: its folder and what it printed."""

    out: Path
    printed: str
    told: str


def without_privileges() -> None:
    """In the child, before it becomes mmkit: root too has to respect the permissions of files."""
    if os.getuid() == 0:
        libc = ctypes.CDLL(None)
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


class Place:
    """A read-only copy of the repository, and a working folder beside it."""

    def __init__(self, base: Path) -> None:
        self.base, self.repository, self.work = base, base / "repository", base / "work"
        leave = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        for folder in ("mmkit", "notebooks"):
            shutil.copytree(ROOT / folder, self.repository / folder, ignore=leave)
        self.work.mkdir()
        self._permit(0o555, 0o444)

    def _permit(self, folders: int, files: int) -> None:
        for path in (self.repository, *self.repository.rglob("*")):
            path.chmod(folders if path.is_dir() else files)

    def remove(self) -> None:
        self._permit(0o755, 0o644)
        shutil.rmtree(self.base)

    def snapshot(self) -> dict[str, tuple[int, int, int]]:
        """Every file and folder of the repository: size, time, mode."""
        return {
            str(p.relative_to(self.repository)): (s.st_size, s.st_mtime_ns, stat.S_IMODE(s.st_mode))
            for p in sorted(self.repository.rglob("*"))
            if (s := p.stat())
        }

    def start(self, out: Path) -> subprocess.Popen[str]:
        """`mmkit run 05` on the copy, in a process group of its own. MMKIT_RUNS is not set: --out decides."""
        at_home = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "MPLCONFIGDIR", "XDG_CACHE_HOME")
        env = {k: v for k, v in os.environ.items() if k not in at_home}
        env |= {
            "HOME": "/nonexistent", "PYTHONPATH": f"{GUARD}{os.pathsep}{self.repository}",
            "NETWORK_GUARD_LOG": str(self.work / "network.log"),
        }  # fmt: skip
        asked = [part for name, value in WORKLOAD.items() for part in ("--set", f"{name}={json.dumps(value)}")]
        options = ["--profile", "smoke", "--jobs", "2", "--device", "cpu", "--out", str(out)]
        return subprocess.Popen(
            [sys.executable, "-m", "mmkit", "run", "05", *options, *asked],
            env=env, cwd=self.work, start_new_session=True, preexec_fn=without_privileges,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, out: Path) -> Run:
        process = self.start(out)
        printed, told = process.communicate(timeout=120)
        assert process.returncode == 0, told
        return Run(out, printed, told)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    place = Place(Path(tempfile.mkdtemp(prefix="mmkit-robust-")))  # its owner may read it, whatever pytest's own folder allows
    yield place
    place.remove()


@pytest.fixture(scope="module")
def before(place: Place) -> dict[str, tuple[int, int, int]]:
    return place.snapshot()


@pytest.fixture(scope="module")
def undisturbed(place: Place, before: dict) -> Run:
    return place.run(place.work / "undisturbed")


def record(out: Path) -> dict:
    return json.loads((out / "run.json").read_text(encoding="utf-8"))


def kept(out: Path) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in (out / "trials").glob("*.json")}


def wait_for_trials(out: Path, process: subprocess.Popen[str], at_least: int) -> None:
    deadline = time.monotonic() + 90
    while len(kept(out)) < at_least:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "no trial was finished"
        time.sleep(0.01)


def test_the_copy_cannot_be_written(place: Place):
    """Else the tests below would prove nothing."""
    code = f"open({str(place.repository / 'mmkit' / 'new')!r}, 'w')"
    tried = subprocess.run([sys.executable, "-c", code], preexec_fn=without_privileges, capture_output=True, text=True)
    assert "PermissionError" in tried.stderr


def test_a_run_needs_no_network(undisturbed: Run, place: Place):
    log = place.work / "network.log"
    assert not log.exists(), log.read_text()
    assert record(undisturbed.out)["state"] == "done"
    assert record(undisturbed.out)["trials"] == {"total": TRIALS, "computed": TRIALS, "cached": 0}


def test_a_run_needs_no_home(undisturbed: Run):
    """HOME was a folder that does not exist: no warning about it, no error, and nobody made it."""
    assert not Path("/nonexistent").exists()
    assert not re.search("warning|traceback|nonexistent", undisturbed.told, re.IGNORECASE), undisturbed.told
    notebook = (undisturbed.out / "notebook.ipynb").read_text(encoding="utf-8")
    assert "nonexistent" not in notebook
    outputs = [o for c in json.loads(notebook)["cells"] for o in c.get("outputs", [])]
    assert not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]


def test_a_run_leaves_the_repository_and_its_surroundings_alone(undisturbed: Run, place: Place, before: dict):
    assert place.snapshot() == before
    assert sorted(p.name for p in place.base.iterdir()) == ["repository", "work"]
    assert {p.name for p in place.work.iterdir()} == {"undisturbed"} | ({"network.log"} & {p.name for p in place.work.iterdir()})
    there = {p.name for p in undisturbed.out.iterdir()} - {".lock", ".runner.lock"}
    assert there == {"notebook.ipynb", "run.json", "runner.json", "scores.csv", "costs.csv", "claims.json", "figures", "trials"}
    claims = json.loads((undisturbed.out / "claims.json").read_text(encoding="utf-8"))
    assert all(claim["id"] in undisturbed.printed for claim in claims)


@pytest.mark.slow
def test_a_run_that_is_killed_or_met_by_a_second_one_ends_with_the_same_numbers(undisturbed: Run, place: Place):
    out = place.work / "killed"
    first = place.start(out)
    wait_for_trials(out, first, at_least=2)

    second = place.start(out)  # both at once: one is refused, and says which process holds what
    _, told = second.communicate(timeout=60)
    assert second.returncode == 1
    assert f"mmkit: {out} is in use by another run (process {first.pid})" in told
    assert "--out" in told
    assert first.poll() is None, "the first run was over before it could be killed"

    below = psutil.Process(first.pid).children(recursive=True)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    _, alive = psutil.wait_procs(below, timeout=30)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE], "the kernel or its workers outlive the run"
    done = kept(out)
    assert 2 <= len(done) < TRIALS
    assert record(out)["state"] == "running"

    place.run(out)
    assert (out / "scores.csv").read_bytes() == (undisturbed.out / "scores.csv").read_bytes()
    assert {name: when for name, when in kept(out).items() if name in done} == done  # nothing was computed twice
    assert record(out)["trials"] == {"total": TRIALS, "computed": TRIALS - len(done), "cached": len(done)}


def test_an_unchanged_run_costs_seconds_and_nothing_changes(undisturbed: Run, place: Place):
    files = {p: p.stat().st_mtime_ns for p in undisturbed.out.rglob("*") if p.is_file()}
    begin = time.monotonic()
    again = place.run(undisturbed.out)
    assert time.monotonic() - begin < 10
    assert "unchanged, nothing executed" in again.printed
    assert {p: p.stat().st_mtime_ns for p in undisturbed.out.rglob("*") if p.is_file()} == files

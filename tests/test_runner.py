"""The runner on a stand-in notebook: what is refused, what is repeated, what is kept when something breaks, and sweeps."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import psutil
import pytest

from mmkit import papers, runner
from mmkit.errors import RunError, SettingsError
from mmkit.progress import Progress
from mmkit.runner import Outcome, Parameters
from mmkit.study import folder
from tests import stand_in
from tests.conftest import GUARD, ROOT


@pytest.fixture(scope="module", autouse=True)
def _stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(papers, "HERE", papers.HERE)  # restored afterwards
        patch.setenv("MMKIT_NOTEBOOKS", "restored afterwards")
        stand_in.install(tmp_path_factory.mktemp("papers"))
        yield
    papers.all_papers.cache_clear()


def start(out: Path, mode: str = "quick", **options: object) -> Outcome:
    options = {"progress": False, "jobs": 1} | options
    return runner.run(papers.find("05"), Parameters("smoke", settings={"mode": mode}), out=out, **options)


def record(out: Path) -> dict:
    return json.loads((out / "run.json").read_text())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    """One finished run; tests that change it must work on a copy."""
    out = tmp_path_factory.mktemp("finished") / "a {strange} näme"
    return start(out), out


def unchanged_files(out: Path) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}


# -- parameters ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"profile": "smok"}, r"PROFILE = 'smok', expected one of smoke, lab, paper; did you mean 'smoke'\?"),
        ({"data": "wrld"}, "DATA = 'wrld'.*did you mean 'world'"),
        ({"device": "gpu"}, "DEVICE = 'gpu', expected one of auto, cpu, cuda, mps"),
        ({"seeds": [0, 0]}, r"SEEDS = \[0, 0\], expected None or different"),
        ({"seeds": []}, "SEEDS"),
        ({"seeds": [True]}, "SEEDS"),
        ({"seeds": [-1]}, "SEEDS"),
        ({"seeds": 3}, "SEEDS"),
        ({"settings": ["a"]}, "SETTINGS"),
        ({"settings": {1: 2}}, "SETTINGS"),
        ({"out": " "}, "OUT"),
        ({"data_root": 3}, "DATA_ROOT"),
    ],
)
def test_impossible_parameters_are_named(wrong: dict, message: str):
    with pytest.raises(SettingsError, match=message):
        Parameters(**wrong)


def test_an_unknown_setting_is_refused_before_anything_is_written(tmp_path: Path):
    for settings in ({"knbo": 2.0}, {"knob": 99.0}, {"knob": "much"}, {"mode": "slow"}, {"knob": float("inf")}, {"mode": {1, 2}}):
        with pytest.raises(SettingsError, match=r"knob|mode"):
            runner.run(papers.find("05"), Parameters("smoke", settings=settings), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_real_data_needs_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    paper, asked = papers.find("05"), Parameters("smoke", data="real")
    with pytest.raises(SettingsError, match=r"--data-root or set MMKIT_DATA"):
        runner.plan(paper, asked)
    with pytest.raises(SettingsError, match="is not a folder"):
        runner.plan(paper, replace(asked, data_root=str(tmp_path / "nothing")))
    monkeypatch.setenv("MMKIT_DATA", str(tmp_path))
    assert runner.plan(paper, asked).values["DATA_ROOT"] == str(tmp_path)  # another folder is another run


def test_a_paper_without_a_notebook_says_which_work():
    with pytest.raises(SettingsError, match=r"11_graphvqa has no notebook yet; these work today: 00_start_here, 05_tabular"):
        runner.run(papers.find("11"), Parameters("smoke"))


def test_a_parameter_that_the_notebook_lacks_is_refused():
    assert runner.plan(runner.START, Parameters("smoke", seeds=[1])).values == {"PROFILE": "smoke", "SEEDS": [1]}
    with pytest.raises(SettingsError, match=r"00_start_here\.ipynb has no parameter DEVICE"):
        runner.plan(runner.START, Parameters("smoke", device="cpu"))
    with pytest.raises(SettingsError, match="no parameter SETTINGS"):
        runner.plan(runner.START, Parameters("smoke", settings={"a": 1}))


def notebook(to: Path, *cells: dict) -> Path:
    (to / "05_tabular.ipynb").write_text(json.dumps({"cells": list(cells)}))
    return to


def cell(source: str, *tags: str) -> dict:
    return {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}}


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([cell("PROFILE = 1")], "0 cells are tagged 'parameters', expected exactly one"),
        ([cell("PROFILE = 1", "parameters")] * 2, "2 cells are tagged"),
        ([cell("PROFILE = (", "parameters")], "may only assign literals"),
        ([cell("print(1)", "parameters")], "may only assign literals"),
        ([3], "not a notebook"),
    ],
)
def test_a_notebook_without_a_clear_parameters_cell_is_refused(cells: list, message: str, tmp_path: Path):
    with pytest.raises(RunError, match=message):
        runner.plan(papers.find("05"), Parameters("smoke"), notebooks=notebook(tmp_path, *cells))


def test_folders_count_from_the_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    planned = runner.plan(papers.find("05"), Parameters("smoke", data="real", data_root="data", out="here"))
    assert planned.values["OUT"] == str(tmp_path / "here") == str(planned.out)
    assert planned.values["DATA_ROOT"] == str(tmp_path / "data")
    assert runner.plan(papers.find("05"), Parameters()).out == tmp_path / "runs" / "05_tabular" / "lab-world"
    monkeypatch.setenv("MMKIT_RUNS", "elsewhere")
    assert runner.plan(papers.find("05"), Parameters("paper")).out == tmp_path / "elsewhere" / "05_tabular" / "paper-world"


def test_numbers_slugs_and_words_name_a_notebook():
    assert {runner.find_paper(n).slug for n in (0, "00", "start_here")} == {"00_start_here"}
    assert runner.find_paper("tabular").slug == "05_tabular"
    with pytest.raises(SettingsError, match="05_tabular"):
        runner.find_paper("tabluar")


# -- one run ------------------------------------------------------------------------------------------------------------------


def test_a_run_ends_with_claims_and_an_executed_notebook(finished: tuple[Outcome, Path]):
    outcome, out = finished
    assert (outcome.state, outcome.reused, outcome.wall, outcome.error) == ("done", False, 1.5, None)
    assert [c["id"] for c in outcome.claims] == ["C1"]
    executed = json.loads((out / "notebook.ipynb").read_text())
    assert all(c["execution_count"] for c in executed["cells"] if c["cell_type"] == "code")
    assert "widgets" not in executed["metadata"]
    assert str(out) not in json.dumps(executed["metadata"]["papermill"]["output_path"])
    assert not list(out.glob(".*.part*"))


def test_the_kernel_sees_the_promised_environment(finished: tuple[Outcome, Path]):
    seen = record(finished[1])["seen"]
    expected = {"MMKIT_JOBS": "1", "MMKIT_BACKEND": "loky", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    assert expected.items() <= seen.items()
    assert not Path(seen["IPYTHONDIR"]).exists()  # a private one, gone with the run
    assert record(finished[1])["cwd"] == str(finished[1])


def test_the_table_shows_what_was_claimed_and_measured(finished: tuple[Outcome, Path]):
    from rich.console import Console

    page = io.StringIO()
    Console(file=page, width=200).print(finished[0].table())
    for text in ("C1", "A <b>table</b> helps", "0.275 vs 0.088", "-0.1 [-0.2, -0.05] n=1", "+0.01 [-0.02, +0.04] n=1", "refuted"):
        assert text in page.getvalue()


def test_an_unchanged_run_is_only_read(finished: tuple[Outcome, Path], monkeypatch: pytest.MonkeyPatch):
    first, out = finished
    before, begin = unchanged_files(out), time.perf_counter()
    again = start(out)
    assert time.perf_counter() - begin < 1
    assert again.reused
    assert (again.claims, again.wall, again.out) == (first.claims, first.wall, first.out)
    assert unchanged_files(out) == before
    # what must not matter does not: the caller's folder, the number of workers
    monkeypatch.chdir(out.parent)
    assert start(Path(out.name), jobs=2).reused


@pytest.mark.parametrize("change", ["code", "notebook", "parameters", "state", "claims"])
def test_a_changed_run_is_not_reused(
    change: str, finished: tuple[Outcome, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out = finished[1]
    asked = Parameters("smoke", settings={"mode": "quick"}, out=str(out))
    notebooks = stand_in.NOTEBOOKS
    assert runner._unchanged(runner.plan(papers.find("05"), asked))
    if change == "code":
        monkeypatch.setattr(folder, "code_hash", lambda: "other")
    elif change == "notebook":
        source = json.loads((notebooks / "05_tabular.ipynb").read_text())
        source["cells"][-1]["source"] = "1"
        notebooks = notebook(tmp_path, *source["cells"])
    elif change == "parameters":
        asked = replace(asked, seeds=[0])
    else:
        read = runner.read_json
        broken = {"state": {"state": "failed"}, "claims": None}[change]
        monkeypatch.setattr(runner, "read_json", lambda p: broken if p.stem == {"state": "run"}.get(change, change) else read(p))
    assert runner._unchanged(runner.plan(papers.find("05"), asked, notebooks=notebooks)) is None


def test_outputs_of_the_committed_notebook_do_not_matter(tmp_path: Path):
    source = json.loads((stand_in.NOTEBOOKS / "05_tabular.ipynb").read_text())
    plain = runner.plan(papers.find("05"), Parameters("smoke"), notebooks=notebook(tmp_path, *source["cells"]))
    source["cells"][-1] |= {"outputs": [{"output_type": "stream", "name": "stdout", "text": "1"}], "execution_count": 3}
    assert (
        runner.plan(papers.find("05"), Parameters("smoke"), notebooks=notebook(tmp_path, *source["cells"])).hashes == plain.hashes
    )


def test_force_starts_from_nothing(tmp_path: Path):
    start(tmp_path)
    assert not start(tmp_path, force=True).reused
    assert (tmp_path / "computed.log").read_text() == "0\n0\n"


def test_a_failing_cell_is_named_kept_and_continued(tmp_path: Path):
    with pytest.raises(RunError) as caught:
        start(tmp_path, "break")
    message = str(caught.value)
    for text in (
        "ValueError: the knob came off",
        "In [5] of 05_tabular.ipynb",
        '| print("a line on stdout")',
        str(tmp_path / "notebook.ipynb"),
    ):
        assert text in message
    assert "the knob came off" in (tmp_path / "notebook.ipynb").read_text()
    assert record(tmp_path)["state"] == "failed"
    assert "knob came off" in record(tmp_path)["error"]
    outcome = start(tmp_path)  # the parameters differ, the trials are the same
    assert (outcome.state, outcome.reused) == ("done", False)
    assert record(tmp_path)["error"] is None
    assert (tmp_path / "computed.log").read_text() == "0\n"


def test_a_killed_kernel_is_told_with_its_cell(tmp_path: Path):
    with pytest.raises(RunError) as caught:
        start(tmp_path, "die")
    for text in ("the kernel died (signal SIGKILL", "out of memory", "In [4]", '| if settings["mode"] == "wait":'):
        assert text in str(caught.value)
    assert record(tmp_path)["state"] == "failed"
    assert (tmp_path / "notebook.ipynb").exists()


def test_a_slow_cell_is_stopped(tmp_path: Path):
    with pytest.raises(RunError, match=r"longer than 1 s\nin cell In \[4\]"):
        start(tmp_path, "wait", timeout=1)
    assert record(tmp_path)["state"] == "failed"
    assert not children()


def test_a_full_disk_in_the_kernel_comes_with_advice(tmp_path: Path):
    with pytest.raises(RunError, match=r"No space left on device \(--out or MMKIT_RUNS chooses another"):
        start(tmp_path, "full")


def test_a_notebook_that_leaves_its_study_open_has_failed(tmp_path: Path):
    with pytest.raises(RunError, match=r"no finished study.*state 'running'.*study\.finish"):
        start(tmp_path, "unfinished")
    assert record(tmp_path)["state"] == "failed"


def test_a_notebook_without_a_study_gets_its_record(tmp_path: Path):
    outcome = runner.run(runner.START, Parameters("smoke", seeds=[3]), out=tmp_path, progress=False)
    assert (outcome.state, outcome.claims) == ("done", [])
    assert {"paper": "00_start_here", "profile": "smoke", "seeds": [3], "state": "done"}.items() <= record(tmp_path).items()
    assert "smoke [3]" in (tmp_path / "notebook.ipynb").read_text()
    assert runner.run(runner.START, Parameters("smoke", seeds=[3]), out=tmp_path).reused
    again = runner.run(runner.START, Parameters("smoke", seeds=[3]), out=tmp_path, force=True, progress=False)
    assert (again.state, again.reused) == ("done", False)  # the record of the first run is no obstacle


def test_a_folder_of_another_paper_is_left_alone(tmp_path: Path):
    (tmp_path / "run.json").write_text('{"paper": "04_mmae"}')
    with pytest.raises(RunError, match="holds a run of 04_mmae, not of 05_tabular"):
        start(tmp_path)
    assert (tmp_path / "run.json").read_text() == '{"paper": "04_mmae"}'


def test_a_second_run_into_the_folder_is_refused(tmp_path: Path):
    with open(tmp_path / ".runner.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711")
        lock.flush()
        with pytest.raises(RunError, match=rf"{tmp_path} is in use by another run \(process 4711\)"):
            start(tmp_path)
    assert not (tmp_path / "run.json").exists()


def test_a_folder_that_an_open_study_holds_is_refused(tmp_path: Path):
    held = folder.lock(tmp_path)
    (tmp_path / "run.json").write_text('{"paper": "05_tabular", "state": "running"}')
    with pytest.raises(RunError, match=rf"{tmp_path}.*process {os.getpid()}"):
        start(tmp_path)
    assert record(tmp_path)["state"] == "running"  # theirs, not ours to change
    held.release()
    assert start(tmp_path).state == "done"  # left behind as running, held by nobody: continued


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot write the run folder .*file.*--out or MMKIT_RUNS"):
        start(tmp_path / "file" / "run")
    monkeypatch.setattr(tempfile, "TemporaryFile", full_disk)
    with pytest.raises(RunError, match=r"the disk is full; choose another one with --out"):
        start(tmp_path / "run")


def full_disk(**_: object) -> None:
    raise OSError(28, "No space left on device")


# -- a process of its own -----------------------------------------------------------------------------------------------------


def children() -> list[str]:
    """Commands of our kernels that still run."""
    lines = [(p, " ".join(p.info["cmdline"] or [])) for p in psutil.process_iter(["cmdline"])]
    return [line for p, line in lines if "mmkit-" in line and "ipykernel_launcher" in line and p.ppid() == os.getpid()]


def command(*arguments: str, **options: object) -> subprocess.Popen:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT}
    return subprocess.Popen([sys.executable, "-m", "tests.stand_in", *arguments], **(pipes | options))


def wait_for(path: Path, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.05)


def descendants(process: subprocess.Popen, at_least: int) -> list[psutil.Process]:
    """All processes below `process`, once there are so many."""
    deadline = time.monotonic() + 60
    while len(found := psutil.Process(process.pid).children(recursive=True)) < at_least:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_running_and_can_continue(how: signal.Signals, tmp_path: Path):
    out = tmp_path / "run"
    process = command("run", "5", "--profile", "smoke", "--set", "mode=children", "--out", str(out))
    wait_for(out / "waiting", process)
    below = descendants(process, 3)  # the kernel and its two workers
    process.send_signal(how)
    printed, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the same command continues" in told
    assert "Traceback" not in printed + told
    assert record(out)["state"] == "failed"
    assert (out / "notebook.ipynb").exists()
    _, alive = psutil.wait_procs(below, timeout=10)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
    assert start(out).state == "done"


@pytest.mark.slow
def test_a_killed_run_is_continued(tmp_path: Path):
    out = tmp_path / "run"
    process = command("run", "5", "--profile", "smoke", "--set", "mode=wait", "--out", str(out))
    wait_for(out / "waiting", process)
    kernels = descendants(process, 1)
    with pytest.raises(RunError, match=rf"in use by another run \(process {process.pid}\)"):
        start(out)
    process.kill()
    process.communicate()
    assert record(out)["state"] == "running"
    psutil.wait_procs(kernels, timeout=20)
    outcome = start(out)
    assert (outcome.state, outcome.reused) == ("done", False)


@pytest.mark.slow
@pytest.mark.parametrize("home", ["missing", "readonly"])
def test_neither_the_home_nor_the_working_folder_matters(home: str, tmp_path: Path):
    place, work = tmp_path / "home", tmp_path / "work"
    work.mkdir()
    (work / "json.py").write_text("raise SystemExit('the wrong json')")
    if home == "readonly":
        place.mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    env = {k: v for k, v in os.environ.items() if k not in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "MPLCONFIGDIR")}
    env |= {"HOME": str(place), "MMKIT_RUNS": "mine", "PYTHONSAFEPATH": "1", "PYTHONPATH": f"{GUARD}{os.pathsep}{ROOT}"}
    process = command("run", "00", "--profile", "smoke", env=env, cwd=work)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert record(work / "mine" / "00_start_here" / "smoke-world")["state"] == "done"
    assert sorted(p.name for p in work.iterdir()) == ["json.py", "mine"]
    assert not place.exists() or not list(place.iterdir()), "something was written into the home folder"


# -- progress -----------------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_few_plain_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mmkit.progress.EVERY", 0.05)
    (tmp_path / "progress.json").write_text('{"done": 12, "total": 80, "label": "pets, gating"}')
    log = io.StringIO()
    with Progress("05_tabular", tmp_path, stream=log) as shown:
        shown.cell, shown.cells = 7, 24
        time.sleep(0.12)
    lines = log.getvalue().splitlines()
    assert 2 <= len(lines) <= 3
    assert all(line == "05_tabular: cell 7/24, trials 12/80 (pets, gating), 0:00" for line in lines[:-1])
    assert lines[-1] == lines[0] + ", done"


def test_the_time_left_follows_the_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    clock = iter([100.0, 160.0, 160.0, 160.0])
    monkeypatch.setattr("mmkit.progress.time", SimpleNamespace(monotonic=lambda: next(clock)))
    shown = Progress("x", tmp_path, enabled=False, stream=io.StringIO())  # 100: the start
    assert shown.seconds_left(10, 50) is None  # 160: ten were there from an earlier run, they tell no pace
    monkeypatch.setattr("mmkit.progress.time", SimpleNamespace(monotonic=lambda: 180.0))
    assert shown.seconds_left(20, 50) == 60.0  # ten in 20 s, thirty to go


def test_a_terminal_gets_a_bar_and_a_broken_file_no_error(tmp_path: Path):
    (tmp_path / "progress.json").write_text('{"done": 1')
    screen = Terminal()
    shown = Progress("05_tabular", tmp_path, stream=screen)
    shown.cell, shown.cells = 3, 9
    shown.__enter__()
    time.sleep(0.7)
    shown.__exit__(KeyError, KeyError(), None)
    assert "cell 3/9" in screen.getvalue()
    assert screen.getvalue().rstrip().endswith("stopped")


# -- sweeps -------------------------------------------------------------------------------------------------------------------

GRID = {"knob": [1.0, 2.0], "seeds": [[0, 1]]}


def check_sweep(outcomes: list[Outcome], table: Path) -> None:
    assert [o.state for o in outcomes] == ["done", "done"], [o.error for o in outcomes]
    rows = pd.read_csv(table)
    claims = rows[rows.kind == "claim"]
    assert list(claims.knob) == [1.0, 2.0]
    assert list(claims.value) == [-0.1, -0.2]
    assert (claims.verdict == "refuted").all()
    scores = rows[(rows.kind == "score") & (rows.seed == 1)]
    assert list(scores.value) == pytest.approx([0.6, 0.7])
    assert set(scores.method) == {"gating"}
    for outcome in outcomes:
        assert record(outcome.out)["seen"]["MMKIT_JOBS"] == "1"
        assert record(outcome.out)["seeds"] == [0, 1]


def test_a_sweep_runs_every_combination(tmp_path: Path):
    grid = GRID | {"mode": ["quick"]}
    outcomes, table = runner.sweep(papers.find("05"), grid, Parameters("smoke", out=str(tmp_path)), jobs=2, progress=False)
    check_sweep(outcomes, table)
    assert len({o.out for o in outcomes}) == 2
    assert outcomes[1].out.name.startswith("knob=2.0,seeds=")
    again, _ = runner.sweep(papers.find("05"), grid, Parameters("smoke", out=str(tmp_path)), jobs=1, progress=False)
    assert all(o.reused for o in again)


def test_a_failed_run_does_not_end_a_sweep(tmp_path: Path):
    grid = {"mode": ["break", "quick"]}
    outcomes, table = runner.sweep(papers.find("05"), grid, Parameters("smoke", out=str(tmp_path)), jobs=1, progress=False)
    assert [o.state for o in outcomes] == ["failed", "done"]
    with table.open() as lines:
        first = next(csv.DictReader(lines))
    assert (first["mode"], first["kind"], first["state"]) == ("break", "run", "failed")
    assert "the knob came off" in first["error"]


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({}, "the grid is empty"),
        ({"knob": []}, "the grid is empty"),
        ({"knob": [1.0, 1.0]}, "same run"),
        ({"knbo": [1.0]}, "knob"),
        ({"profile": ["smoke", "lob"]}, "PROFILE = 'lob'"),
        ({"out": ["a", "b"]}, "out"),
    ],
)
def test_a_wrong_grid_is_refused_before_the_first_run(grid: dict, message: str, tmp_path: Path):
    with pytest.raises(SettingsError, match=message):
        runner.sweep(papers.find("05"), grid, Parameters("smoke", out=str(tmp_path / "x")), progress=False)
    assert not (tmp_path / "x").exists()


def test_unknown_backends_are_refused():
    for action in (
        lambda: start(Path("x"), backend="rya"),
        lambda: runner.sweep(papers.find("05"), GRID, Parameters(), backend="rya"),
    ):
        with pytest.raises(SettingsError, match="did you mean 'ray'"):
            action()


def test_without_ray_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingsError, match=r"pip install -e \"\.\[cluster\]\""):
        runner.sweep(papers.find("05"), GRID, Parameters("smoke", out=str(tmp_path)), backend="ray", progress=False)


@pytest.mark.slow
def test_a_sweep_over_a_local_ray_cluster(tmp_path: Path):
    pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    arguments = ["--grid", "knob=1.0,2.0", "--grid", "seeds=[0,1]", "--backend", "ray", "--jobs", "2", "--profile", "smoke"]
    process = command("sweep", "5", *arguments, "--out", str(tmp_path))
    printed, told = process.communicate(timeout=180)
    assert process.returncode == 0, told
    assert printed.splitlines()[-1] == str(tmp_path / "sweep.csv")
    folders = sorted(p.parent for p in tmp_path.glob("*/run.json"))
    outcomes = [Outcome("05_tabular", record(f)["state"], [], 0.0, f) for f in folders]
    check_sweep(outcomes, tmp_path / "sweep.csv")

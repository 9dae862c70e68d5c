"""The doctor tells what is missing and what to do, whatever state the libraries are in."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from mmkit import cli, doctor

TORCH = {"version": "2.11.0", "threads": 4, "mps": False, "cuda": [], "bf16": False}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, dict]:
    """A healthy machine without a GPU; change the answers of the probes in the returned dict (key: a word of the probe)."""
    monkeypatch.chdir(tmp_path)
    answers: dict[str, dict] = {"import json, torch": dict(TORCH), "font_manager": {"version": "/fonts/DejaVuSans.ttf"}}

    def probe(code: str) -> dict:
        return next((answer for word, answer in answers.items() if word in code), {"version": "1.0"})

    monkeypatch.setattr(doctor, "_probe", probe)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}")
    return answers


def rows(data_root: str | None = None) -> dict[str, doctor.Row]:
    return {row.what: row for row in doctor.check(data_root)}


def test_a_healthy_machine_lacks_nothing_that_is_needed(machine: dict, capsys: pytest.CaptureFixture[str]):
    found = rows()
    assert not [row for row in found.values() if row.state == "problem"]
    assert found["torch"].found == "2.11.0, 4 threads"
    assert (found["GPU"].state, found["real data"].state) == ("missing", "missing")
    assert cli.main(["doctor"]) == 0
    assert "missing (optional)" in capsys.readouterr().out


def test_every_row_that_is_not_ok_says_what_to_do(machine: dict, monkeypatch: pytest.MonkeyPatch):
    machine.clear()
    monkeypatch.setattr(doctor, "_probe", lambda code: {"error": "ModuleNotFoundError: No module named 'x'"})
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    monkeypatch.setenv("HOME", "/nonexistent/home")
    monkeypatch.setenv("MMKIT_NOTEBOOKS", "/nonexistent/notebooks")
    found = rows("/nonexistent/data")
    assert all(row.advice for row in found.values() if row.state != "ok")
    assert {what for what, row in found.items() if row.state == "problem"} == {
        "torch",
        "papermill",
        "jupyter kernel",
        "notebooks",
    }
    assert {"DGL", "Ray", "Java", "fonts", "home folder", "real data"} <= {w for w, r in found.items() if r.state == "missing"}
    assert cli.main(["doctor"]) == 1


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"cuda": ["NVIDIA H200"], "bf16": True}, "cuda: NVIDIA H200, bf16 yes"),
        ({"mps": True}, "mps (Apple)"),
        ({}, "none that torch can use"),
    ],
)
def test_the_gpu_is_named(told: dict, shown: str, machine: dict):
    machine["import json, torch"] |= told
    assert rows()["GPU"].found == shown


def test_a_library_that_does_not_import_is_told_apart_from_one_that_is_absent(machine: dict):
    machine["import dgl"] = {"error": "OSError: libcudart.so: cannot open shared object file"}
    machine["import ray"] = {"error": "ModuleNotFoundError: No module named 'ray'"}
    found = rows()
    assert found["DGL"].found == "does not import: OSError: libcudart.so: cannot open shared object file"
    assert found["Ray"].found == "not installed"


def test_run_folders_that_cannot_be_written_are_a_problem(machine: dict, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MMKIT_RUNS", str(tmp_path / "file" / "runs"))
    assert rows()["run folders"].state == "problem"
    monkeypatch.setenv("MMKIT_RUNS", str(tmp_path / "new" / "runs"))
    assert rows()["run folders"].state == "ok"
    assert not (tmp_path / "new").exists()
    monkeypatch.setattr(doctor, "DISK_GB", 1e9)
    assert rows()["run folders"].state == "problem"
    assert "MMKIT_RUNS" in rows()["run folders"].advice


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("raise ImportError('no good')", "ImportError: no good"),
        ("import os; os.abort()", "exit code -6"),
        ("print('no json')", "Expecting value"),
        ("pass", "list index out of range"),
        ("import time; time.sleep(9)", "takes more than 0.5 s"),
    ],
)
def test_a_probe_survives_whatever_a_library_does(code: str, error: str, monkeypatch: pytest.MonkeyPatch):
    if "sleep" in code:
        monkeypatch.setattr(doctor, "PATIENCE", 0.5)
    assert error in doctor._probe(code)["error"]


def test_the_probes_themselves_are_good_python():
    for code in (doctor.TORCH, doctor.FONTS, *(doctor.VERSION.format(module=module) for _, module, *_ in doctor.LIBRARIES)):
        compile(code, "probe", "exec")
    assert doctor._probe(doctor.VERSION.format(module="json"))["version"]
    assert Path(doctor._probe(doctor.FONTS)["version"]).suffix in (".ttf", ".ttc", ".otf")


def test_the_table_shows_every_row():
    page = io.StringIO()
    Console(file=page, width=100).print(doctor.table([doctor.Row("Java [x]", "missing", "no java", "install it")]))
    for text in ("Java [x]", "missing (optional)", "no java", "install it"):
        assert text in page.getvalue()

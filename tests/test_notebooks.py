"""Every committed notebook: its form, its smoke run, what it leaves in the run folder, and that a rerun gives the same.

A notebook is executed once per session at profile smoke, without network (fixture `executed`); all tests here look at that run.
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from mmkit import papers
from tests import lint
from tests.conftest import INLINE, ROOT, Executed

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
PAPERS = [path for path in NOTEBOOKS if lint.kind_of(path) == "paper"]
SECONDS, SLACK = 60, 1.5  # the budget of profile smoke on two cores, and what a busy machine may take longer
MEGABYTES = 4096
SCORES = ["paper", "table", "method", "data", "world", "seed", "split", "metric", "value"]
RUN = {
    "paper", "profile", "data", "seeds", "device", "data_root", "out", "overrides", "settings", "versions", "hardware", "commit",
    "code", "started", "finished", "wall_seconds", "peak_memory_mb", "state", "error", "trials",
}  # fmt: skip
CLAIM = {
    "id", "text", "kind", "metric", "data", "better", "worse", "published", "measured", "null", "margin",
    "verdict", "explained", "why", "source",
}  # fmt: skip

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
each_paper = pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.stem)
Runner = Callable[[Path], Executed]


@pytest.fixture
def ran(path: Path, executed: Runner) -> Executed:
    run = executed(path)
    assert run.error is None, run.error
    return run


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_papers_that_are_ready_have_a_notebook_each():
    assert [path.stem for path in PAPERS] == [paper.slug for paper in papers.all_papers() if paper.ready]
    assert (ROOT / "notebooks" / "00_start_here.ipynb").exists()


@each
def test_form(path: Path):
    nbformat.validate(nbformat.read(path, as_version=nbformat.NO_CONVERT))
    assert lint.problems(path) == []


@each_paper
def test_the_card_names_the_paper(path: Path):
    paper = papers.find(path.stem)
    card = lint.read(path).cells[0].source
    assert paper.bibtex_key in card
    assert paper.title in card


@each
def test_smoke_run(path: Path, ran: Executed):
    print(f"{path.stem}: {ran.seconds:.0f} s of {SECONDS} s")
    assert ran.seconds < SECONDS * SLACK
    assert ran.network == (), "tried to leave the machine"
    warned = [text for cell in lint.read(ran.notebook).code for text in map(lint.text_of, cell.outputs) if "Warning:" in text]
    assert warned == []


@each_paper
def test_run_json(path: Path, ran: Executed):
    run = load(ran.out / "run.json")
    assert RUN - run.keys() == set()
    assert (run["paper"], run["profile"], run["data"], run["state"], run["error"]) == (path.stem, "smoke", "world", "done", None)
    assert 0 < run["wall_seconds"] <= ran.seconds
    assert 0 < run["peak_memory_mb"] < MEGABYTES
    assert all(setting["source"] for setting in run["settings"].values())
    assert run["trials"]["computed"] == run["trials"]["total"] > 0
    assert not (ran.out / "progress.json").exists(), "left from while it ran"


@each_paper
def test_scores_csv(path: Path, ran: Executed):
    rows = table(ran.out / "scores.csv")
    assert list(rows[0]) == SCORES
    keys = [tuple(row[name] for name in SCORES[:-1]) for row in rows]
    assert len(set(keys)) == len(keys), "one value per key"
    assert {row["paper"] for row in rows} == {path.stem}
    assert all(re.fullmatch(r"main|null:\w+|sweep:\w+=\S+", row["world"]) for row in rows)
    assert "main" in {row["world"] for row in rows}
    assert all(math.isfinite(float(row["value"])) for row in rows)


@each_paper
def test_claims_json(path: Path, ran: Executed):
    claims = load(ran.out / "claims.json")
    assert [claim["id"] for claim in claims] == [claim["id"] for claim in papers.find(path.stem).claims]
    for claim in claims:
        assert CLAIM - claim.keys() == set(), claim["id"]
        assert claim["verdict"] in ("upheld", "refuted", "undecided")
        assert claim["measured"].keys() >= {"mean", "low", "high", "n"}
        assert claim["null"] is None or claim["null"].keys() >= {"name", "mean", "low", "high", "n"}
        assert claim["explained"] in (True, False, None)


@each_paper
def test_every_figure_comes_with_its_numbers(path: Path, ran: Executed):
    pictures = {file.stem: file for file in (ran.out / "figures").glob("*.png")}
    numbers = {file.stem: file for file in (ran.out / "figures").glob("*.csv")}
    assert pictures
    assert pictures.keys() == numbers.keys()
    for name, picture in pictures.items():
        assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert table(numbers[name]), f"{name}.csv has no rows"


@each
def test_a_rerun_gives_the_same_outputs_and_the_same_scores(path: Path, ran: Executed):
    """nbval executes the executed copy (it cannot inject parameters) and compares tagged cells; no trial is computed again."""
    before = {file.name: file.read_bytes() for file in ran.out.glob("*.csv") if file.name != "costs.csv"}
    result = nbval(ran.notebook)
    assert result.returncode == 0, result.stdout
    code = [cell for cell in lint.read(ran.notebook).code if cell.lines]
    assert f"{len(code)} passed" in result.stdout, "a cell was not looked at"
    assert {name: (ran.out / name).read_bytes() for name in before} == before
    if lint.kind_of(path) == "paper":
        trials = load(ran.out / "run.json")["trials"]
        assert trials["cached"] == trials["total"]


def nbval(notebook: Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own, apart from our pytest settings: nbval's code is not held to `warnings are errors`."""
    command = [sys.executable, "-m", "pytest", "-q", "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=120"]
    options = ["-p", "no:cacheprovider", "-p", "no:xdist", "-c", os.devnull, "--rootdir", str(notebook.parent), str(notebook)]
    return subprocess.run(
        [*command, *options], env={**os.environ, "MPLBACKEND": INLINE}, capture_output=True, text=True, cwd=notebook.parent
    )


@pytest.mark.parametrize(("stored", "code"), [("12\n", 0), ("13\n", 1)])
def test_nbval_compares_what_is_tagged(stored: str, code: int, tmp_path: Path):
    output = nbformat.v4.new_output("stream", text=stored)
    cell = nbformat.v4.new_code_cell("print(3 * 4)", outputs=[output], execution_count=1, metadata={"tags": [lint.CHECK_OUTPUT]})
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    nbformat.write(notebook, tmp_path / "tiny.ipynb")
    result = nbval(tmp_path / "tiny.ipynb")
    assert result.returncode == code, result.stdout


TINY = """PROFILE = "lab"
OUT = None"""


@pytest.mark.parametrize(
    ("work", "error"),
    [
        ("import pathlib; pathlib.Path(OUT, PROFILE).touch()", None),
        ("1 / 0", "ZeroDivisionError"),
        ("import urllib.request as r; r.urlopen('http://example.org')", "NetworkBlocked"),
        ("import socket\ntry:\n    socket.create_connection(('192.0.2.1', 80))\nexcept Exception:\n    pass", None),
    ],
)
def test_the_fixture_runs_once_and_reports(work: str, error: str | None, tmp_path: Path, executed: Runner):
    """The one run that all tests share: parameters arrive, a failed cell is told, an attempt to leave is noted."""
    cells = [nbformat.v4.new_code_cell(TINY, metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell(work)]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "language_info": {"name": "python"}}
    path = tmp_path / f"{tmp_path.name}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)
    run = executed(path)
    assert (error is None) == (run.error is None)
    assert error is None or error in run.error
    assert bool(run.network) == ("http" in work or "socket" in work)
    assert (run.out / "smoke").exists() == ("touch" in work)
    assert executed(path) == run

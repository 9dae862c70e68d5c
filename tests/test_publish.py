"""notebooks/publish.py takes over the outputs of a finished lab run, and nothing from any other run."""

from __future__ import annotations

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.conftest import ROOT


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    spec = spec_from_file_location("publish", ROOT / "notebooks" / "publish.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "HERE", tmp_path / "notebooks")
    return module.publish


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A committed notebook without outputs, and the folder of a run of it."""
    cells = [new_markdown_cell("# Why?", id="a"), new_code_cell("1 + 1", id="b"), new_code_cell("x = 3", id="c")]
    (tmp_path / "notebooks").mkdir()
    nbformat.write(new_notebook(cells=cells), tmp_path / "notebooks" / "05_tabular.ipynb")
    injected = new_code_cell("PROFILE = 'lab'", id="i", execution_count=1)
    two = new_output("execute_result", {"text/plain": "2"}, execution_count=2)
    done = [cells[0], injected, new_code_cell("1 + 1", id="b", execution_count=2, outputs=[two])]
    done.append(new_code_cell("x = 3", id="c", execution_count=3))
    folder = tmp_path / "runs" / "05_tabular" / "lab-world"
    (folder / "figures").mkdir(parents=True)
    (folder / "figures" / "claims.png").write_bytes(b"png")
    nbformat.write(new_notebook(cells=done), folder / "notebook.ipynb")
    (folder / "runner.json").write_text(json.dumps({"paper": "05_tabular"}))
    (folder / "run.json").write_text(json.dumps({"state": "done", "profile": "lab", "data": "world"}))
    return folder


def test_outputs_and_figures_are_taken_over(publish, run: Path, tmp_path: Path):
    publish(run)
    cells = nbformat.read(tmp_path / "notebooks" / "05_tabular.ipynb", as_version=4).cells
    assert [c.id for c in cells] == ["a", "b", "c"]  # the injected cell stays behind
    assert [c.execution_count for c in cells[1:]] == [1, 2]
    assert cells[1].outputs[0].data == {"text/plain": "2"}
    assert cells[1].outputs[0].execution_count == 1
    assert (tmp_path / "figures" / "05_tabular" / "claims.png").read_bytes() == b"png"


def test_a_run_of_another_source_is_refused(publish, run: Path, tmp_path: Path):
    target = tmp_path / "notebooks" / "05_tabular.ipynb"
    notebook = nbformat.read(target, as_version=4)
    notebook.cells[1].source = "1 + 2"
    nbformat.write(notebook, target)
    with pytest.raises(ValueError, match=r"cell b differs from 05_tabular\.ipynb; run the notebook again"):
        publish(run)
    assert nbformat.read(target, as_version=4).cells[2].execution_count is None


@pytest.mark.parametrize("change", [{"state": "failed"}, {"profile": "smoke"}, {"data": "real"}])
def test_only_finished_lab_runs_in_a_world_are_taken(publish, run: Path, change: dict[str, str]):
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | change))
    with pytest.raises(ValueError, match="not a finished lab run in a world"):
        publish(run)

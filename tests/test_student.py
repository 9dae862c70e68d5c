"""Hand-outs: no solution, hidden test or output survives, and wrong exercises are refused with their place."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from mmkit import student
from mmkit.errors import RunError, SettingsError

pytest.importorskip("nbgrader", reason="the extra `teach` is not installed")

SOLUTION = '''def macro_f1(share):
    """Of the constant answer."""
    ### BEGIN SOLUTION
    secret_answer = 2 * share / (1 + share) / 5
    return secret_answer
    ### END SOLUTION'''
TESTS = """assert abs(macro_f1(0.28) - 0.0875) < 1e-3
### BEGIN HIDDEN TESTS
assert macro_f1(1.0) == secret_expectation
### END HIDDEN TESTS"""


def exercise(source: str, name: str, kind: str = "code", **told: Any) -> Any:
    cell = nbformat.v4.new_code_cell(source) if kind == "code" else nbformat.v4.new_markdown_cell(source)
    facts = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3, "grade_id": name}
    cell.metadata["nbgrader"] = facts | told
    return cell


@pytest.fixture
def notebook() -> Any:
    cells = [
        nbformat.v4.new_markdown_cell("## Exercises"),
        nbformat.v4.new_code_cell("print('an ordinary cell')", execution_count=1),
        exercise(SOLUTION, "e1-solution", solution=True),
        exercise(TESTS, "e1-tests", grade=True, locked=True, points=2),
        exercise("The secret reason: it is constant.", "e2-text", "markdown", solution=True, grade=True, points=1),
    ]
    cells[1].outputs = [nbformat.v4.new_output("stream", text="secret output")]
    metadata = {
        "kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"},
        "widgets": {"state": "secret"},
    }
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def saved(notebook: Any, to: Path) -> Path:
    nbformat.write(notebook, to / "05_tabular.ipynb")
    return to / "05_tabular.ipynb"


def test_the_handout_has_stubs_and_tests_but_no_secret(notebook: Any, tmp_path: Path):
    release, source, config = student.make(saved(notebook, tmp_path), tmp_path / "course")
    assert release == tmp_path / "course" / "release" / "05_tabular" / "05_tabular.ipynb"
    assert "secret" not in release.read_text()
    given = nbformat.read(release, as_version=4)
    assert "raise NotImplementedError()" in given.cells[2].source
    assert given.cells[2].source.startswith("def macro_f1(share):")
    assert given.cells[3].source == "assert abs(macro_f1(0.28) - 0.0875) < 1e-3"
    assert given.cells[4].source == "YOUR ANSWER HERE"
    assert given.cells[3].metadata["editable"] is False
    assert given.cells[3].metadata["nbgrader"]["checksum"]
    assert not any(c.get("outputs") for c in given.cells)

    instructors = nbformat.read(source, as_version=4)
    assert [c.source for c in instructors.cells] == [c.source for c in notebook.cells]
    assert "c.Execute.timeout = 1800" in config.read_text()


def test_a_teachers_own_configuration_is_kept(notebook: Any, tmp_path: Path):
    config = tmp_path / "nbgrader_config.py"
    config.write_text("# mine\n")
    student.make(saved(notebook, tmp_path), tmp_path)
    assert config.read_text() == "# mine\n"


@pytest.mark.slow
def test_nbgrader_itself_accepts_the_course(notebook: Any, tmp_path: Path):
    release, *_ = student.make(saved(notebook, tmp_path), tmp_path / "course")
    ours = nbformat.read(release, as_version=4)
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", "05_tabular", "--force"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # it calls alembic by name
    done = subprocess.run(command, cwd=tmp_path / "course", capture_output=True, text=True, env=os.environ | {"PATH": path})
    assert done.returncode == 0, done.stderr
    theirs = nbformat.read(release, as_version=4)
    assert [(c.source, c.metadata.get("nbgrader")) for c in theirs.cells] == [
        (c.source, c.metadata.get("nbgrader")) for c in ours.cells
    ]


def swap(n: int, old: str, new: str) -> Any:
    """A change of cell `n`'s source."""

    def change(notebook: Any) -> None:
        assert old in notebook.cells[n].source
        notebook.cells[n].source = notebook.cells[n].source.replace(old, new)

    return change


def tell(n: int, **facts: Any) -> Any:
    return lambda notebook: notebook.cells[n].metadata["nbgrader"].update(facts)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (swap(2, "    ### END SOLUTION", ""), "cell 3, line 3: ### BEGIN SOLUTION has no ### END SOLUTION"),
        (swap(2, "    ### BEGIN SOLUTION", ""), "cell 3, line 6: ### END SOLUTION without its ### BEGIN"),
        (swap(2, "BEGIN SOLUTION", "BEGIN SOLUTIONS"), "is no marker, expected ### BEGIN or END SOLUTION"),
        (swap(2, "### BEGIN SOLUTION", "### begin solution"), "'### begin solution' is no marker"),
        (swap(2, "### BEGIN SOLUTION", "### BEGIN_SOLUTION"), "is no marker"),
        (swap(3, "### BEGIN HIDDEN TESTS", "### HIDDEN TESTS"), "### END HIDDEN TESTS without its ### BEGIN"),
        (
            swap(2, "    return", "    ### BEGIN SOLUTION\n    return"),
            "line 5: ### BEGIN SOLUTION inside the SOLUTION that began on line 3",
        ),
        (
            swap(1, "print", "### BEGIN SOLUTION\n### END SOLUTION\nprint"),
            "cell 2, line 1: ### BEGIN SOLUTION needs a cell with nbgrader.solution",
        ),
        (tell(3, grade=False), "needs a cell with nbgrader.grade = true"),
        (tell(3, grade_id="e1-solution"), "cell 4: grade_id 'e1-solution' was already used in cell 3"),
        (tell(3, grade_id="e 1"), "cell 4: nbgrader.grade_id is 'e 1'"),
        (tell(3, points=None), "nbgrader.points is None, expected a number"),
        (tell(3, points=-1), "nbgrader.points is -1"),
        (tell(2, schema_version=1), "nbgrader.schema_version is 1, expected 3"),
        (tell(2, solution="yes"), "nbgrader.solution is 'yes', expected true or false"),
        (lambda nb: [c.metadata.pop("nbgrader", None) for c in nb.cells], "there is nothing to hand out"),
    ],
)
def test_a_wrong_exercise_is_refused_with_its_place(change: Any, message: str, notebook: Any, tmp_path: Path):
    change(notebook)
    with pytest.raises(SettingsError) as caught:
        student.make(saved(notebook, tmp_path), tmp_path / "course")
    assert message in str(caught.value)
    assert not (tmp_path / "course").exists()


def test_all_problems_are_listed_at_once(notebook: Any, tmp_path: Path):
    tell(3, points=None)(notebook)
    swap(2, "    ### END SOLUTION", "")(notebook)
    with pytest.raises(SettingsError, match="2 problems"):
        student.make(saved(notebook, tmp_path), tmp_path)


def test_the_word_solution_in_prose_is_no_marker(notebook: Any, tmp_path: Path):
    notebook.cells[0].source = "We begin solutions with a sketch, and end the solution with a number."
    student.make(saved(notebook, tmp_path), tmp_path)


def test_a_solution_that_stands_elsewhere_too_is_not_handed_out(notebook: Any, tmp_path: Path):
    notebook.cells[0].source += "\n```\nsecret_answer = 2 * share / (1 + share) / 5\n  return secret_answer\n```"
    with pytest.raises(RunError, match=r"solutions are left in the hand-out, nothing was written\n  cell 3: 'secret_answer"):
        student.make(saved(notebook, tmp_path), tmp_path / "course")
    assert not (tmp_path / "course").exists()


def test_leaks_are_seen_whatever_made_them(notebook: Any):
    clean = student.handout(notebook)
    assert list(student.leaked(notebook, clean)) == []
    for n in (2, 3, 4):
        dirty = copy.deepcopy(clean)
        dirty.cells[n].source = notebook.cells[n].source
        assert [leak.split(":")[0] for leak in student.leaked(notebook, dirty)] == [f"cell {n + 1}"]
    clean.cells[1].outputs = notebook.cells[1].outputs
    assert list(student.leaked(notebook, clean)) == ["cell 2 has outputs"]


def test_unreadable_notebooks_and_folders_are_told(notebook: Any, tmp_path: Path):
    (tmp_path / "broken.ipynb").write_text("{")
    for name in ("broken.ipynb", "absent.ipynb"):
        with pytest.raises(SettingsError, match=f"{name}: no notebook that can be read"):
            student.make(tmp_path / name, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write the course"):
        student.make(saved(notebook, tmp_path), tmp_path / "file" / "course")

"""Exercises of every notebook: the solution passes its check, the starter and the common wrong answers get their own message."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.answers import NOTHING_YET, gathered

ROOT = Path(__file__).parent.parent
SOLUTION = re.compile(r"^ *### BEGIN SOLUTION\n.*?^ *### END SOLUTION$", re.DOTALL | re.MULTILINE)

WRONG: dict[str, list[tuple[str, str, str]]] = gathered("WRONG")


class Exercise(NamedTuple):
    id: str
    notebook: Path
    solution: str
    check: str


def exercises() -> list[Exercise]:
    """Every nbgrader solution cell with the graded cell that follows it, of all committed notebooks."""
    found = []
    for notebook in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        pending = None
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
            told, source = cell["metadata"].get("nbgrader", {}), "".join(cell["source"])
            if told.get("solution"):
                pending = (told["grade_id"], source)
            elif told.get("grade") and pending:
                found.append(Exercise(pending[0], notebook, pending[1], source))
                pending = None
        assert pending is None, f"{notebook.name}: exercise {pending} has no check"
    return found


EXERCISES = {e.id: e for e in exercises()}


@cache
def imports(notebook: Path) -> str:
    """Every import of the notebook: what its exercises may use without a study."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    trees = [ast.parse("".join(c["source"])) for c in cells if c["cell_type"] == "code"]
    lines = [ast.unparse(node) for tree in trees for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join([*lines, "import torch.nn.functional as F"])


def checked(exercise: Exercise, answer: str) -> str:
    """What the check prints about this answer."""
    names: dict[str, Any] = {"__name__": "notebook"}
    exec(imports(exercise.notebook), names)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(answer, names)
        exec(exercise.check, names)
    return printed.getvalue()


def answered(exercise: Exercise, body: str) -> str:
    """The cell with `body` in the place of the solution."""
    indent = re.search(r"^( *)### BEGIN SOLUTION", exercise.solution, re.MULTILINE)[1]
    return SOLUTION.sub(lambda _: "\n".join(indent + line for line in body.splitlines()), exercise.solution)


def test_every_exercise_has_four_wrong_answers_at_least():
    assert EXERCISES.keys() == WRONG.keys()
    assert all(len(answers) >= 4 for answers in WRONG.values())
    for answers in WRONG.values():
        assert len({what for what, _, _ in answers}) == len({body for _, body, _ in answers}) == len(answers)


@pytest.mark.parametrize("id", EXERCISES)
def test_the_solution_passes_its_check(id: str):
    assert "correct" in checked(EXERCISES[id], EXERCISES[id].solution)


@pytest.mark.parametrize("id", EXERCISES)
def test_the_starter_is_told_that_nothing_is_there(id: str):
    for starter in ("pass", "return None"):
        with pytest.raises(AssertionError, match=NOTHING_YET):
            checked(EXERCISES[id], answered(EXERCISES[id], starter))


@pytest.mark.parametrize("id", EXERCISES)
def test_the_hand_out_stops_before_the_check(id: str):
    """What a student gets raises NotImplementedError where the solution was."""
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("nbgrader", reason="the extra `teach` is not installed")
    from mmkit import student

    release = student.handout(nbformat.read(EXERCISES[id].notebook, as_version=4))
    starter = next(c.source for c in release.cells if c.metadata.get("nbgrader", {}).get("grade_id") == id)
    assert "SOLUTION" not in starter
    with pytest.raises(NotImplementedError):
        checked(EXERCISES[id], starter)


@pytest.mark.parametrize(("id", "what"), [(id, what) for id, answers in WRONG.items() for what, _, _ in answers])
def test_a_common_wrong_answer_gets_its_own_message(id: str, what: str):
    body, message = next((body, message) for name, body, message in WRONG[id] if name == what)
    with pytest.raises(AssertionError) as caught:
        checked(EXERCISES[id], answered(EXERCISES[id], body))
    assert message in str(caught.value)


def test_answers_in_another_form_pass():
    """A check judges the numbers, not the way to them."""
    right = gathered("RIGHT")
    assert right.keys() == EXERCISES.keys()
    for id, body in right.items():
        assert "correct" in checked(EXERCISES[id], answered(EXERCISES[id], body))

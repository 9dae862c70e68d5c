"""Exercises of every notebook: the solution passes its check, the starter and the common wrong answers get their own message."""

# ruff: noqa: E501 - an answer stands on one line with its message

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

ROOT = Path(__file__).parent.parent
SOLUTION = re.compile(r"^ *### BEGIN SOLUTION\n.*?^ *### END SOLUTION$", re.DOTALL | re.MULTILINE)

# grade_id of the solution -> what its check says to someone who has written nothing yet, and to each common wrong answer.
# An answer is the body of the function; F is torch.nn.functional.
NOTHING_YET = "nothing is returned yet"
WRONG: dict[str, list[tuple[str, str, str]]] = {  # (what went wrong, body, part of the message)
    "e1-constant": [
        ("micro F1", "return p", "this is the micro F1"),
        ("F1 of one class", "return 2 * p / (1 + p)", "this is the F1 of the majority class"),
        ("precision instead of F1", "return p / K", "this averages the precision"),
        ("recall instead of F1", "return 1 / K", "scikit-learn says"),
        ("over the other classes", "return 2 * p / (1 + p) / (K - 1)", "scikit-learn says"),
        ("5 classes for all", "return 2 * p / (1 + p) / 5", "scikit-learn says"),
        ("0.5 for the others", "return (2 * p / (1 + p) + 0.5 * (K - 1)) / K", "scikit-learn says"),
        ("printed, not returned", "print(2 * p / (1 + p) / K)", NOTHING_YET),
    ],
    "e2-dynamic": [
        ("static attention", "e = F.leaky_relu((u_x[:, None] + v) @ a, 0.02)\nreturn e.softmax(dim=1)", "LeakyReLU is applied after a"),
        ("no LeakyReLU", "return ((u_x[:, None] + v) @ a).softmax(dim=1)", "another query changes nothing"),
        ("keys alone", "return (F.leaky_relu(v, 0.02) @ a).softmax(dim=1)", "another query changes nothing"),
        ("LeakyReLU of the query alone", "return ((F.leaky_relu(u_x, 0.02)[:, None] + v) @ a).softmax(dim=1)", "another query changes nothing"),
        ("no softmax", "return F.leaky_relu(u_x[:, None] + v, 0.02) @ a", "do not sum to 1; softmax over which dimension"),
        ("softmax over records", "return (F.leaky_relu(u_x[:, None] + v, 0.02) @ a).softmax(dim=0)", "softmax over which dimension"),
        ("a weight per feature", "return (F.leaky_relu(u_x[:, None] + v, 0.02) * a).softmax(dim=1)", "expected (64, 3)"),
        ("a dimension too many", "return (F.leaky_relu(u_x[:, None] + v, 0.02) @ a[:, None]).softmax(dim=1)", "expected (64, 3)"),
        ("default slope", "return (F.leaky_relu(u_x[:, None] + v) @ a).softmax(dim=1)", "check the slope, 0.02"),
        ("ReLU", "return (F.relu(u_x[:, None] + v) @ a).softmax(dim=1)", "check the slope, 0.02"),
    ],
    "e3-ordinal": [
        ("sign turned round", "below = 1 / (1 + np.exp(-(cuts + s[:, None])))\nreturn np.diff(np.c_[0 * s, below, 0 * s + 1])", "the sign in the sigmoid is turned round"),
        ("score minus cut", "below = 1 / (1 + np.exp(-(s[:, None] - cuts)))\nreturn np.diff(np.c_[0 * s, below, 0 * s + 1])", "some probabilities are negative"),
        ("no ends", "return np.diff(1 / (1 + np.exp(-(cuts - s[:, None]))))", "four cuts make five classes"),
        ("cumulative", "return np.c_[1 / (1 + np.exp(-(cuts - s[:, None]))), 0 * s + 1]", "rows do not sum to 1"),
        ("subtracted backwards", "b = np.c_[0 * s, 1 / (1 + np.exp(-(cuts - s[:, None]))), 0 * s + 1]\nreturn b[:, :-1] - b[:, 1:]", "subtract in the other order"),
        ("hard classes", "return np.eye(5)[np.searchsorted(cuts, s)]", "the middle class of s = 0 is wrong"),
        ("another link", "from scipy.stats import norm\nreturn np.diff(np.c_[0 * s, norm.cdf(cuts - s[:, None]), 0 * s + 1])", "use the sigmoid"),
        ("a softmax", "e = np.exp(-abs(np.array([-3, -1.25, 0, 1.25, 3]) - s[:, None]))\nreturn e / e.sum(1, keepdims=True)", "the middle class"),
        ("transposed", "below = 1 / (1 + np.exp(-(cuts[:, None] - s)))\nreturn np.diff(np.r_[[0 * s], below, [0 * s + 1]], axis=0)", "rows do not sum to 1"),
    ],
    "e1-percent": [
        ("rounding up called wrong", "return [m for m, a, b, p in rows if round(100 * (a - b) / a) != p]", "is rounded up; the task leaves those"),
        ("a fraction", "return [m for m, a, b, p in rows if abs((a - b) / a - p) > 1]", "every row is called wrong"),
        ("relative to the fixed model", "return [m for m, a, b, p in rows if not 0 <= p - 100 * (a - b) / b + 0.5 <= 1.5]", "every row is called wrong"),
        ("a tolerance of two points", "return [m for m, a, b, p in rows if abs(100 * (a - b) / a - p) > 2]", "no row is called wrong"),
        ("rounding down accepted", "return [m for m, a, b, p in rows if abs(100 * (a - b) / a - p) >= 1]", "22.8 % is 23, not 22 or 25"),
        ("numbers of rows", "return [i for i, (m, a, b, p) in enumerate(rows) if int(100 * (a - b) / a) > p]", "return a list of names"),
        ("the name alone", "return ['WMT-14 EN-DE']", "of a made-up table"),
        ("nothing", "return []", "no row is called wrong"),
    ],
    "e2-seed": [
        ("raw rows", "return torch.cat([f @ draw_rows(size, f.shape[1], 'normal', torch.Generator().manual_seed(seed + k)).T for k in range(blocks)], dim=1)", "not divided by their length"),
        ("one seed for all", "return torch.cat([f @ F.normalize(draw_rows(size, f.shape[1], 'normal', torch.Generator().manual_seed(seed)), dim=1).T for k in range(blocks)], dim=1)", "every block has the same rows"),
        ("one generator for all", "g = torch.Generator().manual_seed(seed)\nreturn torch.cat([f @ F.normalize(draw_rows(size, f.shape[1], 'normal', g), dim=1).T for k in range(blocks)], dim=1)", "check seeds and order"),
        ("blocks backwards", "return torch.cat([f @ F.normalize(draw_rows(size, f.shape[1], 'normal', torch.Generator().manual_seed(seed + k)), dim=1).T for k in reversed(range(blocks))], dim=1)", "check seeds and order"),
        ("columns of unit length", "return torch.cat([f @ F.normalize(draw_rows(size, f.shape[1], 'normal', torch.Generator().manual_seed(seed + k)), dim=0).T for k in range(blocks)], dim=1)", "check seeds and order"),
        ("one block", "return f @ F.normalize(draw_rows(size, f.shape[1], 'normal', torch.Generator().manual_seed(seed)), dim=1).T", "expected (6, 40)"),
        ("another draw", "return torch.cat([f @ F.normalize(draw_rows(size, f.shape[1], 'uniform', torch.Generator().manual_seed(seed + k)), dim=1).T for k in range(blocks)], dim=1)", "check seeds and order"),
        ("stacked", "return torch.stack([f @ F.normalize(draw_rows(size, f.shape[1], 'normal', torch.Generator().manual_seed(seed + k)), dim=1).T for k in range(blocks)], dim=1)", "expected (6, 40)"),
    ],
    "e3-sayable": [
        ("unit rows", "W = W / np.linalg.norm(W, axis=1, keepdims=True)\nreturn set((W @ np.stack([np.cos(angles), np.sin(angles)])).argmax(axis=0).tolist())", "do not divide the rows by their length"),
        ("half the circle", "a = angles[angles < np.pi]\nreturn set((W @ np.stack([np.cos(a), np.sin(a)])).argmax(axis=0).tolist())", "does f go all the way round"),
        ("the others", "return set(range(len(W))) - set((W @ np.stack([np.cos(angles), np.sin(angles)])).argmax(axis=0).tolist())", "can never be said"),
        ("the best angle of each word", "return set((W @ np.stack([np.cos(angles), np.sin(angles)])).argmax(axis=1).tolist())", "does f go all the way round"),
        ("the longest rows", "return set(np.argsort(-np.linalg.norm(W, axis=1))[:6].tolist())", "does f go all the way round"),
        ("degrees", "a = np.deg2rad(angles)\nreturn set((W @ np.stack([np.cos(a), np.sin(a)])).argmax(axis=0).tolist())", "does f go all the way round"),
        ("all words", "return set(range(len(W)))", "do not divide the rows by their length"),
    ],
}  # fmt: skip


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
    right = {
        "e1-constant": "f1 = [0.0] * (K - 1) + [2 * p * 1.0 / (p + 1.0)]\nreturn np.mean(f1)",
        "e2-dynamic": "z = torch.where((h := u_x.unsqueeze(1) + v) > 0, h, 0.02 * h)\nreturn torch.softmax(torch.einsum('bjt,t->bj', z, a), -1)",
        "e1-percent": "import math\nexact = {m: 100 - 100 * b / a for m, a, b, p in rows}\nreturn [m for m, a, b, p in rows if p not in (math.ceil(exact[m]), round(exact[m]))]",
        "e2-seed": "out = []\nfor k in range(blocks):\n    w = draw_rows(size, f.shape[1], 'normal', torch.Generator().manual_seed(k + seed))\n    out.append(f @ w.T / w.norm(dim=1))\nreturn torch.hstack(out)",
        "e3-sayable": "return {max(range(len(W)), key=lambda j: W[j] @ np.array([np.cos(a), np.sin(a)])) for a in angles[::20]}",
        "e3-ordinal": "above = 1 / (1 + np.exp(cuts - s[:, None]))\nreturn np.c_[1 - above[:, 0], above[:, :-1] - above[:, 1:], above[:, -1]]",
    }  # fmt: skip
    assert right.keys() == EXERCISES.keys()
    for id, body in right.items():
        assert "correct" in checked(EXERCISES[id], answered(EXERCISES[id], body))

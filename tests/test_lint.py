"""The notebook lint: one good notebook passes, and each way of breaking it is caught by exactly one message."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import lint

Raw = dict[str, Any]
CARD = """# 99 Does one picture help?

Paper: *A title*. Venue: a workshop. BibTeX key: `key2021`. Minutes: smoke 1, lab 8, paper 90. Prerequisites: none.
Licence of the data: CC0."""
PARAMETERS = 'PROFILE = "lab"\nDATA = "world"\nSEEDS = None\nDEVICE = "auto"\nDATA_ROOT = None\nOUT = None\nSETTINGS = {}'
SOLUTION = "def answer{n}(x):\n    ### BEGIN SOLUTION\n    return x + {n}\n    ### END SOLUTION"


def markdown(id: str, source: str) -> Raw:
    return {"cell_type": "markdown", "id": id, "metadata": {}, "source": source}


def code(id: str, source: str, *outputs: Raw, tags: tuple[str, ...] = (), nbgrader: Raw | None = None) -> Raw:
    metadata = {**({"tags": list(tags)} if tags else {}), **({"nbgrader": nbgrader} if nbgrader else {})}
    return {"cell_type": "code", "id": id, "metadata": metadata, "source": source, "outputs": list(outputs), "execution_count": 0}


def printed(text: str, name: str = "stdout") -> Raw:
    return {"output_type": "stream", "name": name, "text": text}


def picture() -> Raw:
    return {"output_type": "display_data", "data": {"image/png": "aGk=", "text/plain": "bars"}, "metadata": {}}


def good() -> Raw:
    cells = [markdown("card", CARD)]
    for number, section in enumerate(lint.SECTIONS):
        cells.append(markdown(f"head{number}", f"## {number} {section}\n\nWords, `0.5`, $x = 0.25$, eq. 3.1."))
        if section == "Parameters":
            cells.append(code("parameters", PARAMETERS, tags=("parameters",)))
        elif section == "Model and baselines":
            cells.append(code("sizes", "print(12)", printed("12\n"), tags=("nbval-check-output",)))
        elif section == "Results beside the paper's table":
            cells.append(code("bars", "study.figure('bars', ax, numbers)", picture()))
        elif section == "Exercises":
            cells += [cell for n in (1, 2, 3) for cell in exercise(n)]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "cells": cells}
    notebook["metadata"] = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "language_info": {"name": "python"}}
    return number_cells(notebook)


def exercise(n: int) -> list[Raw]:
    solution = {"grade": False, "solution": True, "locked": False, "grade_id": f"e{n}", "schema_version": 3, "task": False}
    check = {
        "grade": True,
        "solution": False,
        "locked": True,
        "points": 1,
        "grade_id": f"e{n}-check",
        "schema_version": 3,
        "task": False,
    }
    return [
        markdown(f"e{n}-text", f"### Exercise {n}\n\nDifficulty: easy. 10 minutes."),
        code(f"e{n}", SOLUTION.format(n=n), nbgrader=solution),
        code(f"e{n}-check", f"assert answer{n}(0) == {n}", nbgrader=check),
    ]


def number_cells(notebook: Raw) -> Raw:
    for number, cell in enumerate((c for c in notebook["cells"] if c["cell_type"] == "code"), start=1):
        cell["execution_count"] = number
    return notebook


def cell(notebook: Raw, id: str) -> Raw:
    return next(c for c in notebook["cells"] if c["id"] == id)


def edit(id: str, old: str, new: str) -> Callable[[Raw], None]:
    def change(notebook: Raw) -> None:
        target = cell(notebook, id)
        assert old in target["source"]
        target["source"] = target["source"].replace(old, new)

    return change


def output(id: str, *outputs: Raw) -> Callable[[Raw], None]:
    return lambda notebook: cell(notebook, id).update(outputs=list(outputs))


def metadata(id: str | None, **values: Any) -> Callable[[Raw], None]:
    """Update the metadata of a cell, or of the notebook when `id` is None."""
    return lambda notebook: (notebook if id is None else cell(notebook, id))["metadata"].update(values)


def nbgrader(id: str, **values: Any) -> Callable[[Raw], None]:
    return lambda notebook: cell(notebook, id)["metadata"]["nbgrader"].update(values)


def drop(*ids: str) -> Callable[[Raw], None]:
    return lambda notebook: notebook.update(cells=[c for c in notebook["cells"] if c["id"] not in ids])


def insert(before: str, *cells: Raw) -> Callable[[Raw], None]:
    def change(notebook: Raw) -> None:
        at = notebook["cells"].index(cell(notebook, before))
        notebook["cells"][at:at] = copy.deepcopy(list(cells))

    return change


def swap(first: str, second: str) -> Callable[[Raw], None]:
    def change(notebook: Raw) -> None:
        a, b = cell(notebook, first), cell(notebook, second)
        a["source"], b["source"] = b["source"], a["source"]

    return change


def out_of_order(notebook: Raw) -> None:
    cell(notebook, "bars")["execution_count"] = 17


STARTERLESS = "### BEGIN SOLUTION\ndef answer2(x):\n    return x + 2\n### END SOLUTION"
LONG = "\n".join(f"a{n} = {n}" for n in range(41))
LONGISH = [code(f"long{n}", "\n".join(f"b{k} = {k}" for k in range(12))) for n in range(12)]
RESULTS, CLAIMS, INSIDE = (f"head{lint.SECTIONS.index(name)}" for name in lint.MEASURED)

# What is broken -> (how, a part of the one message that must appear).
MUTATIONS: dict[str, tuple[Callable[[Raw], None], str]] = {
    "no title": (edit("card", "# 99", "99"), "the title ('# ...')"),
    "title without a question": (edit("card", "help?", "help."), "asks no question"),
    "card without paper": (edit("card", "Paper: *A title*. Venue", "Venue"), "does not give the paper"),
    "card without venue": (edit("card", "Venue: a workshop. ", ""), "does not give the venue"),
    "card without key": (edit("card", "BibTeX key: `key2021`. ", ""), "does not give its BibTeX key"),
    "card without minutes": (edit("card", "Minutes: smoke 1, lab 8, paper 90. ", ""), "does not give minutes per profile"),
    "card without prerequisites": (edit("card", "Prerequisites: none.\n", ""), "does not give prerequisites"),
    "card without licence": (edit("card", "Licence of the data: CC0.", ""), "does not give the licence"),
    "missing section": (drop("head0"), "'## What you will be able to do' stands 0 times"),
    "repeated section": (insert("head12", markdown("again", "## The idea")), "'## The idea' stands 2 times"),
    "unknown section": (insert("head12", markdown("own", "## An own section")), "unknown section '## An own section'"),
    "sections out of order": (swap("head2", "head3"), "'## One record' stands too late"),
    "two parameters cells": (metadata("bars", tags=["parameters"]), "2 cells are tagged 'parameters'"),
    "no parameters cell": (metadata("parameters", tags=[]), "0 cells are tagged 'parameters'"),
    "parameter no literal": (edit("parameters", "OUT = None", "OUT = str(1)"), "`OUT = str(1)` is no literal"),
    "parameter missing": (edit("parameters", "SEEDS = None\n", ""), "parameters are missing: SEEDS"),
    "parameter unknown": (edit("parameters", "SEEDS = None", "SEEDS = None\nEPOCHS = 3"), "unknown parameter EPOCHS"),
    "committed from smoke": (edit("parameters", '"lab"', '"smoke"'), "PROFILE = 'smoke' is committed"),
    "injected parameters": (
        insert("head2", code("injected", "SEEDS = [1]", tags=("injected-parameters",))),
        "'injected-parameters'",
    ),
    "shell line": (edit("bars", "study.", "!ls\nstudy."), "`!ls` is no Python"),
    "magic": (edit("bars", "study.", "%time study."), "`%time study"),
    "cell magic": (edit("bars", "study.", "%%bash\nstudy."), "`%%bash` is no Python"),
    "assigned shell line": (edit("bars", "study.", "files = !ls\nstudy."), "`files = !ls` is no Python"),
    "help line": (edit("bars", "study.", "study?\nstudy."), "`study?` is no Python"),
    "syntax error": (edit("bars", "study.figure(", "study.figure(("), "does not parse"),
    "reads the environment": (edit("bars", "study.", "os.environ['A']\nstudy."), "`environ` reaches outside"),
    "long cell": (edit("bars", "study.", LONG + "\nstudy."), "42 lines of code, expected at most 40"),
    "long cells": (insert("head5", *LONGISH), "lines (median), expected fewer than 10"),
    "absolute path": (edit("bars", "'bars'", "'/data/bars'"), "'/data/bars' is a path of one machine"),
    "home path": (edit("bars", "'bars'", "'~/bars'"), "'~/bars' is a path"),
    "windows path": (edit("bars", "'bars'", "'C:/bars'"), "'C:/bars' is a path"),
    "parent path": (edit("bars", "'bars'", "'../bars'"), "'../bars' is a path"),
    "inner parent path": (edit("bars", "'bars'", "'a/../bars'"), "'a/../bars' is a path"),
    "path in output": (output("sizes", printed("saved /home/ana/x.csv\n")), "output shows a path of one machine: /home/"),
    "path in metadata": (metadata(None, source="/Users/ana/nb"), "metadata: holds a path of one machine: /Users/"),
    "defined twice": (
        edit("e2", "def answer2", "def answer1(x):\n    return x\n\n\ndef answer2"),
        "answer1 was already defined in cell",
    ),
    "two figures called": (edit("bars", "study.", "study.figure('a', ax, b)\nstudy."), "2 figures, expected one"),
    "two figures shown": (output("bars", picture(), picture()), "2 figures, expected one"),
    "out of order": (out_of_order, "not executed in order ([17])"),
    "error output": (
        output("e1", {"output_type": "error", "ename": "ValueError", "evalue": "", "traceback": []}),
        "ends in ValueError",
    ),
    "warning output": (output("e1", printed("x.py:3: FutureWarning: soon\n", "stderr")), "shows a warning"),
    "nothing to compare": (metadata("sizes", tags=[]), "no cell is tagged 'nbval-check-output'"),
    "compared without output": (output("sizes"), "has no output to compare"),
    "two exercises": (drop("e3-text", "e3", "e3-check"), "2 exercises"),
    "no difficulty": (edit("e1-text", "Difficulty: easy. ", ""), "exercise 1: says nothing about difficulty"),
    "no minutes": (edit("e1-text", "10 minutes", "Short"), "exercise 1: says nothing about minutes"),
    "no solution cell": (nbgrader("e2", solution=False), "exercise 2: no cell is marked as nbgrader solution"),
    "no solution marker": (edit("e2", "### END SOLUTION", "### END"), "no lines between ### BEGIN SOLUTION"),
    "no starter": (edit("e2", SOLUTION.format(n=2), STARTERLESS), "nothing is left as a starter"),
    "no self-check": (nbgrader("e3-check", grade=False), "exercise 3: no locked, graded nbgrader cell"),
    "self-check open": (nbgrader("e3-check", locked=False), "exercise 3: no locked, graded nbgrader cell"),
    "grade id twice": (nbgrader("e3", grade_id="e2"), "grade_id 'e2' is used 2 times"),
    "typed result": (edit(RESULTS, "Words", "It reaches 0.931, more"), "0.931 is typed into the prose of 'Results"),
    "typed gain": (edit(CLAIMS, "Words", "A gain of 2.5 %"), "2.5 is typed into the prose of 'Claims"),
    "typed weight": (edit(INSIDE, "Words", "The gate opens to 0.7."), "0.7 is typed into the prose of 'Look inside'"),
    "no cell id": (lambda notebook: notebook["cells"][-1].pop("id"), "has no id"),
    "cell id twice": (lambda notebook: notebook["cells"][-1].update(id="head0"), "cell id 'head0' is used 2 times"),
    "widget state": (metadata(None, widgets={"state": {}}), "widget state is stored"),
    "papermill record": (metadata("bars", papermill={"status": "completed"}), "papermill's record"),
    "own kernel": (metadata(None, kernelspec={"name": "my-env"}), "the kernel is 'my-env'"),
    "other language": (metadata(None, language_info={"name": "julia"}), "language_info is not python"),
}
KEEP_COUNTS = {"out of order"}


def written(notebook: Raw, folder: Path, name: str = "99_test.ipynb") -> Path:
    path = folder / name
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def test_the_good_notebook_passes(tmp_path: Path):
    assert lint.problems(written(good(), tmp_path)) == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_each_flaw_is_caught_by_its_own_check_alone(name: str, tmp_path: Path):
    change, message = MUTATIONS[name]
    notebook = good()
    change(notebook)
    if name not in KEEP_COUNTS:
        number_cells(notebook)
    found = lint.problems(written(notebook, tmp_path))
    assert len(found) == 1, found
    assert found[0].startswith("99_test.ipynb: ")
    assert message in found[0]


def test_a_notebook_without_outputs_is_not_committed(tmp_path: Path):
    notebook = good()
    for c in notebook["cells"]:
        c.pop("outputs", None)
    assert any("no cell has an output" in problem for problem in lint.problems(written(notebook, tmp_path)))


def test_a_notebook_of_several_flaws_lists_them_all(tmp_path: Path):
    notebook = good()
    for name in ("typed result", "shell line", "grade id twice"):
        MUTATIONS[name][0](notebook)
    found = lint.problems(written(notebook, tmp_path))
    assert len(found) == 3


def test_the_start_notebook_is_free_in_sections_but_not_in_hygiene(tmp_path: Path):
    start = {**good(), "cells": [markdown("a", "# Start here"), code("b", "print(1)", printed("1\n"))]}
    assert lint.problems(written(number_cells(start), tmp_path, "00_start_here.ipynb")) == []
    assert len(lint.problems(written(start, tmp_path, "01_paper.ipynb"))) > 10
    start["cells"][1].update(source="EPOCHS = 3", metadata={"tags": ["parameters"]})
    (problem,) = lint.problems(written(start, tmp_path, "00_start_here.ipynb"))
    assert "unknown parameter EPOCHS" in problem
    start["cells"][1]["source"] = "!ls"
    (problem,) = lint.problems(written(start, tmp_path, "00_start_here.ipynb"))
    assert "`!ls` is no Python" in problem


@pytest.mark.parametrize(
    "prose",
    [
        "`0.93`",
        "$p = 0.8$",
        "$$\n0.93\n$$",
        "| a | 0.93 |",
        "[t](https://x.org/1.5/t)",
        "see section 4.2",
        "in 2021.",
        "version 2.11",
        "v1.2.3",
    ],
)
def test_numbers_that_are_no_results_may_be_typed(prose: str, tmp_path: Path):
    notebook = good()
    edit(RESULTS, "Words", prose)(notebook)
    assert lint.problems(written(notebook, tmp_path)) == []

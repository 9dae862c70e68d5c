"""docs/bad_input.md: every bad input and the message it gets, made by giving each one to the code that has to refuse it.

`python -m tests.bad_input_table --write` writes the file; tests/test_bad_input.py compares it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from mmkit import cli, papers, runner
from mmkit.claims import Claim
from mmkit.errors import MMKitError
from mmkit.parameters import Parameters, plan
from mmkit.study import Study, folder, pool
from mmkit.study.settings import resolve
from mmkit.trials import Result
from tests import lint, test_lint
from tests.readers import bad_inputs

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "bad_input.md"
HEAD = """# Every bad input and the message it gets

Made by `python -m tests.bad_input_table --write`; a test keeps it true. `DATA` and `OUT` stand for folders, `PID` for a process,
and an ellipsis for what depends on the system or for further lines of the same kind.

| input | where it is caught | message |
| --- | --- | --- |
"""
SYSTEM = re.compile(r"(the gzip stream is corrupt|is not a complete zip archive|is corrupt|cannot be unpacked) \([^)]*\)")
LONGEST = 8  # lines of a message that are shown


class Row(NamedTuple):
    input: str
    where: str
    message: str


Case = tuple[str, str, Callable[[Path], object]]  # what is given, where it is caught, how to give it (the folder is an empty one)

# --- parameters and settings: before anything is computed ----------------------------------------------------------------

PARAMETERS = {
    "a profile that does not exist": {"profile": "smok"},
    "a kind of data that does not exist": {"data": "wrld"},
    "a device that does not exist": {"device": "gpu"},
    "a seed twice": {"seeds": [0, 0]},
    "no seed": {"seeds": []},
    "a negative seed": {"seeds": [-1]},
    "a seed in words": {"seeds": ["one"]},
    "a number instead of a list of seeds": {"seeds": 3},
    "settings that are no dict": {"settings": ["epochs"]},
    "an empty name of a folder": {"out": " "},
}
SETTINGS = {
    "a misspelt setting": {"learning_rate_clasification": 1e-3},
    "a whole number where words belong": {"encoder": 3},
    "words where a whole number belongs": {"epochs": "three"},
    "a broken number of epochs": {"epochs": 2.5},
    "true where a number belongs": {"epochs": True},
    "a value below its range": {"epochs": 0},
    "a value above its range": {"dropout": 1.5},
    "a rate that is not a number": {"learning_rate_regression": float("nan")},
    "a choice that does not exist": {"head": "liner"},
    "an unknown method": {"methods": ["gateing"]},
    "a method twice": {"methods": ["gating", "gating"]},
    "no data set": {"datasets": []},
    "several at once": {"epoch": 3, "dropout": 7.0, "datasets": ["pet"]},
}
CLAIM = {"id": "C1", "text": "A beats B", "kind": "comparison", "metric": "f1", "source": "Table 1", "data": "pets"}
CLAIM |= {"better": "a", "worse": "b"}
CLAIMS = {
    "a misspelt key of a claim": {"beter": "a"},
    "an unknown kind of claim": {"kind": "comparision"},
    "an unknown direction": {"direction": "up"},
    "an unknown test": {"test": "below"},
    "a margin that is no number": {"margin": "small"},
    "a claim without a method": {"better": ""},
    "a trend with fewer numbers than worlds": {"kind": "trend", "worlds": ["a", "b"], "x": [1.0]},
}
NOTEBOOKS = {
    "a notebook without a cell tagged parameters": [test_lint.code("a", "PROFILE = 'lab'")],
    "two cells tagged parameters": [test_lint.code(id, "PROFILE = 'lab'", tags=("parameters",)) for id in "ab"],
    "a parameter that is computed": [test_lint.code("a", "print(1)", tags=("parameters",))],
    "a parameter that the notebook lacks": [test_lint.code("a", "PROFILE = 'lab'\nOUT = None", tags=("parameters",))],
    "a notebook that is none": [3],
}
COMMANDS = {
    "a paper that does not exist": "run tabluar",
    "a paper without a notebook": "run 12",
    "a setting without a value": "run 05 --set epochs",
    "a setting twice": "run 05 --set epochs=1 --set epochs=2",
    "seeds in words": "run 05 --seeds one,two",
    "real data without its folder": "run 05 --data real",
    "one folder for two runs": "run 00 05 --out OUT",
    "an empty grid": "sweep 05 --grid epochs=",
    "a grid with a misspelt setting": "sweep 05 --grid epoch=1,2",
    "a grid with a value twice": "sweep 05 --grid epochs=1,1",
    "an unknown backend": "run 05 --backend dask",
    "a data set that does not exist": "data check clothes --data-root OUT",
    "a report of a folder that does not exist": "report OUT/nothing",
}
TINY = {"world_records": 60, "datasets": ["reviews"], "methods": ["text_only"], "sweeps": False}


def given_to_study(**parameters: object) -> Callable[[Path], object]:
    return lambda tmp: Study("05_tabular", "smoke", **{"out": str(tmp / "run"), "settings": TINY, **parameters})


def given_to_plan(cells: list) -> Callable[[Path], object]:
    def give(tmp: Path) -> None:
        (tmp / "05_tabular.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
        plan(papers.find("05"), Parameters("smoke", seeds=[1]), out=tmp / "run", notebooks=tmp)

    return give


def given_to_command_line(line: str) -> Callable[[Path], object]:
    def give(tmp: Path) -> None:
        told = io.StringIO()
        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
            cli.main(line.replace("OUT", str(tmp)).split())
        raise MMKitError(told.getvalue().strip())

    return give


def held(tmp: Path) -> None:
    hold = folder.lock(tmp)
    try:
        folder.lock(tmp)
    finally:
        hold.release()


def not_writable(tmp: Path) -> None:
    (tmp / "file").write_text("")
    folder.lock(tmp / "file" / "run")


def full(tmp: Path) -> None:
    with mock.patch.object(os, "replace", side_effect=OSError(28, "No space left on device")):
        folder.write(tmp / "scores.csv", "paper,table,method")


def other_paper(tmp: Path) -> None:
    folder.write_json(tmp / "run.json", {"paper": "04_mmae"})
    runner.run(papers.find("05"), Parameters("smoke"), out=tmp, progress=False)


def other_backend(tmp: Path) -> None:
    list(pool.run([], 1, "dask"))


def too_few(tmp: Path) -> None:
    (tmp / "data.csv").write_bytes((bad_inputs.FIXTURES / "clothing" / "good.csv").read_bytes())
    given_to_study(data="real", data_root=str(tmp / "data.csv"))(tmp)


def not_run(tmp: Path) -> None:
    study = given_to_study()(tmp)
    try:
        study.result("gating", "reviews")
    finally:
        study.lock.release()


def no_device(tmp: Path) -> None:
    import torch

    from mmkit.fit import accelerator

    with mock.patch.object(torch.cuda, "is_available", return_value=False):
        accelerator("cuda")


def no_truth(tmp: Path) -> Result:
    from mmkit.trials.tabular import world

    return world("pets", "nul:no_table", 0, {"world_records": 60})


def cases() -> Iterator[Case]:
    for id, what, give in bad_inputs.CASES:
        reader = f"reader of {bad_inputs.FILES[id][0]}" if id in bad_inputs.FILES else "reader"
        yield what, reader, give
    for what, wrong in PARAMETERS.items():
        yield what, "parameters", lambda tmp, wrong=wrong: Parameters(**wrong)
    for what, wrong in SETTINGS.items():
        yield what, "settings", lambda tmp, wrong=wrong: resolve(papers.find("05"), "lab", "world", wrong)
    yield "a seed that is no fold", "study", given_to_study(data="real", data_root=str(bad_inputs.FIXTURES), seeds=[0, 9])
    yield "real data without its folder", "study", given_to_study(data="real")
    yield "a data folder that does not exist", "study", given_to_study(data="real", data_root="/nonexistent")
    yield "a data folder that is empty", "study", lambda tmp: given_to_study(data="real", data_root=str(tmp))(tmp)
    yield "fewer records than the folds need", "study", too_few
    yield "a trial that was not part of the run", "study", not_run
    yield "a world that does not exist", "trial", no_truth
    yield "a device that the machine lacks", "training", no_device
    yield "an unknown backend", "pool", other_backend
    yield "a run folder that another run is using", "run folder", held
    yield "a run folder that cannot be written", "run folder", not_writable
    yield "a disk that is full", "run folder", full
    yield "a run folder of another paper", "runner", other_paper
    for what, wrong in CLAIMS.items():
        yield what, "claims", lambda tmp, wrong=wrong: Claim.from_facts({**CLAIM, **wrong})
    for what, cells in NOTEBOOKS.items():
        yield what, "runner", given_to_plan(cells)
    for what, line in COMMANDS.items():
        yield f"{what}: `mmkit {line}`", "command line", given_to_command_line(line)


def lint_rows(tmp: Path) -> Iterator[Row]:
    """The lint lists problems instead of raising them."""
    for what, (change, _) in test_lint.MUTATIONS.items():
        notebook = test_lint.good()
        change(notebook)
        if what not in test_lint.KEEP_COUNTS:
            test_lint.number_cells(notebook)
        yield Row(f"notebook: {what}", "notebook lint", "\n".join(lint.problems(test_lint.written(notebook, tmp))))


def rows() -> Iterator[Row]:
    """Every case in an empty folder of its own, where nothing of the caller's environment is seen."""
    for what, where, give in cases():
        with tempfile.TemporaryDirectory() as name, mock.patch.dict(os.environ, {"MMKIT_RUNS": name}):
            for variable in ("MMKIT_DATA", "MMKIT_JOBS", "MMKIT_BACKEND", "MMKIT_NOTEBOOKS", "MMKIT_DEBUG"):
                os.environ.pop(variable, None)
            tmp = Path(name).resolve()
            yield Row(what, where, shown(told(give, tmp), tmp, "DATA" if where.startswith("reader") else "OUT"))
    with tempfile.TemporaryDirectory() as name:
        yield from lint_rows(Path(name))


def told(give: Callable[[Path], object], tmp: Path) -> str:
    try:
        give(tmp)
    except MMKitError as why:
        return str(why)
    raise AssertionError(f"{give}: accepted")


def shown(message: str, tmp: Path, place: str) -> str:
    """Without what differs between machines."""
    message = message.replace(f"{bad_inputs.FIXTURES}/", "").replace(str(bad_inputs.FIXTURES), "DATA").replace(str(tmp), place)
    message = message.replace(f"{ROOT}/", "").replace(f"process {os.getpid()}", "process PID")
    return SYSTEM.sub(r"\1 (…)", message)


def cell(text: str) -> str:
    """Lines of code in a cell of a Markdown table."""
    lines = text.splitlines()
    if len(lines) > LONGEST:
        lines = [*lines[:4], "…", lines[-1]]
    return "<br>".join(f"`` {line.strip()} ``".replace("|", "\\|") for line in lines)


def page() -> str:
    """The whole file."""
    return HEAD + "".join(f"| {row.input} | {row.where} | {cell(row.message)} |\n" for row in rows())


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.bad_input_table --write")
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)

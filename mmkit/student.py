"""Notebook -> hand-out without solutions, and the instructor's copy, in nbgrader's course layout.

nbgrader's own preprocessors do the cutting, in its order; what they would
let pass, or refuse without saying where, is checked first.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmkit.errors import MMKitError, RunError, SettingsError

MARKERS = {"SOLUTION": "solution", "HIDDEN TESTS": "grade", "MARK SCHEME": "task"}  # marker -> kind of its cell
LOOKS_LIKE_A_MARKER = re.compile(r"\b(begin|end)[ _-]*(solutions?|hidden[ _-]*tests?|mark(?:ing)?[ _-]*scheme)\b", re.IGNORECASE)
SCHEMA_VERSION = 3  # of nbgrader's cell metadata

CONFIG = '''"""nbgrader's settings for this course."""

c = get_config()  # noqa: F821  nbgrader provides it

c.CourseDirectory.course_id = {course!r}
c.Execute.timeout = 1800  # seconds per cell: training takes longer than the default of 30
c.Execute.startup_timeout = 120
'''


def make(notebook: Path, to: Path) -> list[Path]:
    """Write `<to>/release/<name>/<name>.ipynb` (hand-out), `<to>/source/<name>/<name>.ipynb` and nbgrader_config.py; return them.

    An nbgrader_config.py that is already there is left alone. Raises SettingsError that lists everything wrong in the notebook,
    RunError when nothing can be written or a solution would be left in the hand-out.
    """
    try:
        import nbformat
        import nbgrader.preprocessors  # noqa: F401
    except ImportError as why:
        raise MMKitError(f'hand-outs need nbgrader, which does not import here ({why}); pip install -e ".[teach]"') from why
    try:
        source = nbformat.read(notebook, as_version=4)
    except (OSError, ValueError) as why:
        raise SettingsError(f"{notebook}: no notebook that can be read ({why})") from why
    if problems := list(check(source)):
        raise SettingsError("\n  ".join([f"{notebook}: {len(problems)} problems with its exercises", *problems]))
    release = handout(source)
    if leaks := list(leaked(source, release)):
        raise RunError("\n  ".join([f"{notebook}: solutions are left in the hand-out, nothing was written", *leaks]))

    name = notebook.stem
    paths = [to / "release" / name / f"{name}.ipynb", to / "source" / name / f"{name}.ipynb", to / "nbgrader_config.py"]
    texts = [nbformat.writes(release), nbformat.writes(source), CONFIG.format(course=to.absolute().name)]
    try:
        for path, text in zip(paths, texts, strict=True):
            if path.name == "nbgrader_config.py" and path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            part.write_text(text + ("" if text.endswith("\n") else "\n"), encoding="utf-8")
            os.replace(part, path)
    except OSError as why:
        raise RunError(f"cannot write the course to {to}: {why.strerror}; choose another folder with --to") from why
    return paths


def handout(source: Any) -> Any:
    """A copy of the notebook as students get it: stubs for solutions, no hidden tests, no outputs, locked tests, checksums."""
    from nbgrader import preprocessors as steps

    release = copy.deepcopy(source)
    release.metadata.pop("widgets", None)  # the state of widgets is an output too
    order = (steps.LockCells, steps.ClearSolutions, steps.ClearOutput, steps.CheckCellMetadata, steps.ComputeChecksums,
             steps.ClearHiddenTests, steps.ClearMarkScheme, steps.ComputeChecksums, steps.CheckCellMetadata)  # fmt: skip
    for step in order:
        release, _ = step().preprocess(release, {})
    return release


def check(notebook: Any) -> Iterator[str]:
    """Everything about the exercises that nbgrader would refuse, or misread so that a solution stays in the hand-out."""
    first: dict[str, int] = {}
    exercises = 0
    for n, cell in enumerate(notebook.cells, start=1):
        told = cell.metadata.get("nbgrader")
        if told is not None:
            yield from _check_metadata(n, cell, told)
            name = told.get("grade_id")
            if isinstance(name, str) and name in first:
                yield f"cell {n}: grade_id {name!r} was already used in cell {first[name]}, expected a name of its own"
            first.setdefault(name, n)
            exercises += bool(told.get("solution"))
        yield from _check_markers(n, cell, told or {})
    if not exercises:
        yield "no cell is marked as a solution (metadata nbgrader.solution = true), so there is nothing to hand out"


def _check_metadata(n: int, cell: Any, told: dict[str, Any]) -> Iterator[str]:
    name = told.get("grade_id")
    if not (isinstance(name, str) and re.fullmatch(r"[\w-]+", name)):
        yield f"cell {n}: nbgrader.grade_id is {name!r}, expected letters, digits, _ and -"
    if told.get("schema_version") != SCHEMA_VERSION:
        yield f"cell {n} ({name}): nbgrader.schema_version is {told.get('schema_version')!r}, expected {SCHEMA_VERSION}"
    for key in ("grade", "solution", "locked"):
        if not isinstance(told.get(key), bool):
            yield f"cell {n} ({name}): nbgrader.{key} is {told.get(key)!r}, expected true or false"
    points = told.get("points")
    graded = told.get("grade") or told.get("task")
    if graded and (isinstance(points, bool) or not isinstance(points, (int, float)) or points < 0):
        yield f"cell {n} ({name}): is graded, but nbgrader.points is {points!r}, expected a number from 0"
    if told.get("grade") and not told.get("solution") and cell.cell_type != "code":
        yield f"cell {n} ({name}): holds tests but is a {cell.cell_type} cell, expected code"


def _check_markers(n: int, cell: Any, told: dict[str, Any]) -> Iterator[str]:
    opened: tuple[str, int] | None = None  # which region is open, and since which line
    for line, text in enumerate(cell.source.split("\n"), start=1):
        if not (found := LOOKS_LIKE_A_MARKER.search(text)):
            continue
        known = ((side, key) for side in ("BEGIN", "END") for key in MARKERS)
        exact = next(((side, key) for side, key in known if re.search(rf"### {side} {key}\b", text)), None)
        if exact is None:
            if text.lstrip().startswith("#"):
                yield f"cell {n}, line {line}: {text.strip()!r} is no marker, expected ### BEGIN or END {' | '.join(MARKERS)}"
            elif any(marker in text for key in MARKERS for marker in (f"BEGIN {key}", f"END {key}")):
                yield f"cell {n}, line {line}: {found[0]!r} within a line would be taken for a marker; word it differently"
            continue
        side, key = exact
        if not told.get(MARKERS[key]):
            yield f"cell {n}, line {line}: ### {side} {key} needs a cell with nbgrader.{MARKERS[key]} = true"
        if side == "BEGIN" and opened:
            yield f"cell {n}, line {line}: ### BEGIN {key} inside the {opened[0]} that began on line {opened[1]}"
        elif side == "END" and (opened is None or opened[0] != key):
            yield f"cell {n}, line {line}: ### END {key} without its ### BEGIN {key}"
        opened = (key, line) if side == "BEGIN" else None
    if opened:
        yield f"cell {n}, line {opened[1]}: ### BEGIN {opened[0]} has no ### END {opened[0]}"


def leaked(source: Any, release: Any) -> Iterator[str]:
    """Solutions and hidden tests of `source` that can still be read somewhere in `release`."""
    everything = "\n".join(_squeeze(cell.source) for cell in release.cells)
    for n, cell in enumerate(source.cells, start=1):
        for secret in _secrets(cell):
            if len(secret) > 20 and secret in everything:  # `return x` may stand elsewhere for good reason
                yield f"cell {n}: {secret.splitlines()[0]!r} ..."
    for n, cell in enumerate(release.cells, start=1):
        if cell.get("outputs"):
            yield f"cell {n} has outputs"


def _secrets(cell: Any) -> Iterator[str]:
    told = cell.metadata.get("nbgrader", {})
    regions = [r for key in MARKERS for r in re.findall(rf"### BEGIN {key}.*?\n(.*?)### END {key}", cell.source, re.DOTALL)]
    if not regions and told.get("solution"):
        regions = [cell.source]
    yield from map(_squeeze, regions)


def _squeeze(text: str) -> str:
    """Without indentation and empty lines: moved code is still the same code."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())

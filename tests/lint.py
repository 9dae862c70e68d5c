"""What every committed notebook must look like: `problems(path)` lists what does not.

`python tests/lint.py notebooks/*.ipynb` prints the same list and fails when it is not empty. Kind "paper" is a paper's notebook;
kind "start" (00_start_here) is free in its sections, parameters and exercises.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECTIONS = (
    "What you will be able to do",
    "Parameters",
    "One record",
    "The idea",
    "Model and baselines",
    "Training",
    "Results beside the paper's table",
    "Claims and null control",
    "Look inside",
    "Explore",
    "What the numbers do not show",
    "Exercises",
    "Summary and references",
)
MEASURED = ("Results beside the paper's table", "Claims and null control", "Look inside")  # prose here prints its numbers
PARAMETERS = {"PROFILE": "lab", "DATA": "world", "SEEDS": None, "DEVICE": "auto", "DATA_ROOT": None, "OUT": None, "SETTINGS": {}}
CARD = {
    "the paper": r"\bpaper\b[*_\s]*[:|·]",  # as a label: "paper" alone is also a profile
    "the venue": r"\bvenue\b",
    "its BibTeX key": r"\bbibtex\b",
    "minutes per profile": r"(?s)\bminutes\b(?=.*\bsmoke\b)(?=.*\blab\b)(?=.*\bpaper\b)",
    "prerequisites": r"\bprerequisites?\b",
    "the licence of the data": r"\blicen[cs]e\b",
}
MEDIAN_LINES, MOST_LINES = 10, 40
CHECK_OUTPUT = "nbval-check-output"
# A folder of somebody's machine, in code, output or metadata. A URL has a letter, a colon or a slash before it.
MACHINE_PATH = re.compile(r"(?<![\w.:/<])(?:/(?:home|Users|root|tmp|work|opt|usr|var|mnt|srv|data|scratch)/|~/|[A-Za-z]:\\)")
FIXED_PATH = re.compile(r"^(?:/\w|~|[A-Za-z]:[\\/])|(?:^|[\\/])\.\.(?:[\\/]|$)")


@dataclass
class Cell:
    """One cell, with what the checks ask of it. `where` names it for a person."""

    raw: dict[str, Any]
    where: str
    section: str = ""
    tree: ast.Module | None = None

    @property
    def code(self) -> bool:
        return self.raw["cell_type"] == "code"

    @property
    def source(self) -> str:
        source = self.raw["source"]
        return source if isinstance(source, str) else "".join(source)

    @property
    def lines(self) -> list[str]:
        return [line for line in self.source.splitlines() if line.strip()]

    @property
    def tags(self) -> list[str]:
        return self.raw["metadata"].get("tags", [])

    @property
    def outputs(self) -> list[dict[str, Any]]:
        return self.raw.get("outputs", [])

    @property
    def nbgrader(self) -> dict[str, Any]:
        return self.raw["metadata"].get("nbgrader", {})


@dataclass
class Notebook:
    """A notebook, cut into sections at its `## ` headings. `headings` are those headings as (section, where)."""

    raw: dict[str, Any]
    cells: list[Cell] = field(default_factory=list)
    headings: list[tuple[str, str]] = field(default_factory=list)

    @property
    def code(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.code]

    def within(self, section: str) -> list[Cell]:
        return [cell for cell in self.cells if cell.section == section]


def kind_of(path: Path) -> str:
    return "start" if path.name.startswith("00_") else "paper"


def problems(path: Path, kind: str | None = None) -> list[str]:
    """Everything about the notebook at `path` that breaks the rules, one line each with its place; empty when nothing does."""
    notebook = read(path)
    checks = [stored, title, code, definitions, paths, figures, executed]
    if kind == "start" or (kind is None and kind_of(path) == "start"):
        checks += [known_parameters]
    else:
        checks += [card, sections, parameters, lengths, compared, exercises, typed_numbers]
    return [f"{path.name}: {problem}" for check in checks for problem in check(notebook)]


def read(path: Path) -> Notebook:
    notebook = Notebook(json.loads(path.read_text(encoding="utf-8")))
    section = ""
    for number, raw in enumerate(notebook.raw["cells"], start=1):
        cell = Cell(raw, f"cell {number}", section)
        if cell.code:
            try:
                cell.tree = ast.parse(cell.source)
            except SyntaxError:
                cell.tree = None
        else:
            for heading in re.findall(r"(?m)^## +(.+?)\s*$", without_code(cell.source)):
                section = section_of(heading)
                notebook.headings.append((section, cell.where))
            cell.section = section
        notebook.cells.append(cell)
    return notebook


def section_of(heading: str) -> str:
    """The known section that a heading names, whatever its number, case and apostrophe; else the heading itself."""
    plain = re.sub(r"^[\d.]+\s*(?:·\s*)?", "", heading).replace("\u2019", "'").lower()
    return next((name for name in SECTIONS if plain == name.lower()), heading)


def without_code(markdown: str) -> str:
    return re.sub(r"(?ms)^```.*?^```|^~~~.*?^~~~", "", markdown)


def stored(notebook: Notebook) -> Iterator[str]:
    """Ids, language, and nothing that belongs to one machine or one session."""
    ids = Counter(cell.raw.get("id") for cell in notebook.cells)
    for cell in notebook.cells:
        if not cell.raw.get("id"):
            yield f"{cell.where} has no id; save it as notebook format 4.5"
    for id, times in ids.items():
        if id and times > 1:
            yield f"cell id {id!r} is used {times} times"
    metadata = notebook.raw["metadata"]
    if metadata.get("language_info", {}).get("name") != "python":
        yield "metadata: language_info is not python"
    if metadata.get("kernelspec", {}).get("name") != "python3":
        yield f"metadata: the kernel is {metadata.get('kernelspec', {}).get('name')!r}, expected 'python3', which everyone has"
    if "widgets" in metadata:
        yield "metadata: widget state is stored; switch off 'Save Widget State Automatically' and save again"
    if any("papermill" in part["metadata"] for part in (notebook.raw, *(cell.raw for cell in notebook.cells))):
        yield "metadata: papermill's record of one run is stored"
    if found := MACHINE_PATH.search(json.dumps([metadata, *(cell.raw["metadata"] for cell in notebook.cells)])):
        yield f"metadata: holds a path of one machine: {found.group()}..."


def title(notebook: Notebook) -> Iterator[str]:
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.code or not re.match(r"# +\S", first.source):
        yield "cell 1 is not a Markdown cell that begins with the title ('# ...')"


def card(notebook: Notebook) -> Iterator[str]:
    text = notebook.cells[0].source if notebook.cells else ""
    if "?" not in text.partition("\n")[0]:
        yield "cell 1: the title asks no question"
    for what, pattern in CARD.items():
        if not re.search(pattern, text.partition("\n")[2], re.IGNORECASE):
            yield f"cell 1: the card does not give {what}"


def sections(notebook: Notebook) -> Iterator[str]:
    found = [section for section, _ in notebook.headings]
    for section, where in notebook.headings:
        if section not in SECTIONS:
            yield f"{where}: unknown section '## {section}'; use ### below one of: {', '.join(SECTIONS)}"
    for name in SECTIONS:
        if found.count(name) != 1:
            yield f"section '## {name}' stands {found.count(name)} times, expected once"
    known = [section for section in found if section in SECTIONS]
    if sorted(known, key=SECTIONS.index) != known and len(set(known)) == len(known):
        late = next(b for a, b in itertools.pairwise(known) if SECTIONS.index(a) > SECTIONS.index(b))
        yield f"section '## {late}' stands too late; the order is: {', '.join(SECTIONS)}"


def parameter_values(cell: Cell) -> tuple[dict[str, Any], list[str]]:
    """(name -> literal, what is no plain `NAME = literal`)."""
    values, bad = {}, []
    for statement in cell.tree.body if cell.tree else []:
        try:
            (target,) = statement.targets
            values[target.id] = ast.literal_eval(statement.value)
        except (AttributeError, ValueError):
            bad.append(ast.unparse(statement))
    return values, bad


def parameters(notebook: Notebook) -> Iterator[str]:
    tagged = [cell for cell in notebook.cells if "parameters" in cell.tags]
    if len(tagged) != 1:
        yield f"{len(tagged)} cells are tagged 'parameters', expected one"
        return
    values, bad = parameter_values(tagged[0])
    for statement in bad:
        yield f"{tagged[0].where}: `{statement}` is no literal; the parameters cell holds NAME = literal only"
    if missing := PARAMETERS.keys() - values.keys() - {statement.partition(" ")[0] for statement in bad}:
        yield f"{tagged[0].where}: parameters are missing: {', '.join(sorted(missing))}"
    for name, value in values.items():
        if name not in PARAMETERS:
            yield f"{tagged[0].where}: unknown parameter {name}; settings of a paper belong into SETTINGS"
        elif value != PARAMETERS[name]:
            yield f"{tagged[0].where}: {name} = {value!r} is committed, expected {PARAMETERS[name]!r}"
    if any("injected-parameters" in cell.tags for cell in notebook.cells):
        yield "an 'injected-parameters' cell is committed; execute the notebook with its own parameters"


def known_parameters(notebook: Notebook) -> Iterator[str]:
    for cell in notebook.cells:
        if "parameters" in cell.tags:
            for name in parameter_values(cell)[0].keys() - PARAMETERS.keys():
                yield f"{cell.where}: unknown parameter {name}"


def code(notebook: Notebook) -> Iterator[str]:
    """Plain Python: it parses, leaves to no shell, and asks the environment for nothing."""
    for cell in notebook.code:
        if cell.tree is None:
            magic = next((line.strip() for line in cell.lines if re.match(r"\s*(?:[!%?]|\w+ *= *[!%])|.*\w\?+\s*$", line)), None)
            yield f"{cell.where}: " + (f"`{magic}` is no Python; do it through mmkit" if magic else "does not parse as Python")
            continue
        for node in ast.walk(cell.tree):
            name = getattr(node, "attr", getattr(node, "id", None))
            if name in ("environ", "getenv", "get_ipython"):
                yield f"{cell.where}: `{name}` reaches outside; only the parameters cell decides what happens"


def definitions(notebook: Notebook) -> Iterator[str]:
    first: dict[str, str] = {}
    for cell in notebook.code:
        for node in cell.tree.body if cell.tree else []:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                if node.name in first:
                    yield f"{cell.where}: {node.name} was already defined in {first[node.name]}"
                first.setdefault(node.name, cell.where)


def paths(notebook: Notebook) -> Iterator[str]:
    for cell in notebook.code:
        for node in ast.walk(cell.tree) if cell.tree else []:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and FIXED_PATH.search(node.value):
                yield f"{cell.where}: {node.value!r} is a path of one machine; ask `study` for files"
        for output in cell.outputs:
            if found := MACHINE_PATH.search(text_of(output)):
                yield f"{cell.where}: its output shows a path of one machine: {found.group()}..."


def text_of(output: dict[str, Any]) -> str:
    """All text of one output. Pictures and scripts are left out."""
    data = output.get("data", {})
    parts = [output.get("text", ""), *(data.get(kind, "") for kind in ("text/plain", "text/html", "text/markdown"))]
    return "\n".join("".join(part) for part in parts)


def figures(notebook: Notebook) -> Iterator[str]:
    for cell in notebook.code:
        calls = [n for n in ast.walk(cell.tree) if isinstance(n, ast.Call)] if cell.tree else []
        drawn = sum(isinstance(call.func, ast.Attribute) and call.func.attr == "figure" for call in calls)
        shown = sum("image/png" in output.get("data", {}) for output in cell.outputs)
        if max(drawn, shown) > 1:
            yield f"{cell.where}: {max(drawn, shown)} figures, expected one per cell"


def executed(notebook: Notebook) -> Iterator[str]:
    """The committed outputs are from one run from top to bottom, without an error or a warning."""
    cells = [cell for cell in notebook.code if cell.lines]
    counts = [cell.raw.get("execution_count") for cell in cells]
    if counts != list(range(1, len(cells) + 1)):
        odd = next(cell for n, cell in enumerate(cells, start=1) if cell.raw.get("execution_count") != n)
        yield f"{odd.where}: not executed in order ([{odd.raw.get('execution_count')}]); run all cells from a fresh kernel"
    if not any(cell.outputs for cell in cells):
        yield "no cell has an output; commit the notebook as executed"
    for cell in cells:
        for output in cell.outputs:
            if output["output_type"] == "error":
                yield f"{cell.where}: ends in {output.get('ename')}"
            elif output.get("name") == "stderr" and "Warning" in text_of(output):
                yield f"{cell.where}: shows a warning"


def lengths(notebook: Notebook) -> Iterator[str]:
    sizes = {cell.where: len(cell.lines) for cell in notebook.code}
    if sizes and statistics.median(sizes.values()) >= MEDIAN_LINES:
        yield f"code cells have {statistics.median(sizes.values()):g} lines (median), expected fewer than {MEDIAN_LINES}"
    for where, size in sizes.items():
        if size > MOST_LINES:
            yield f"{where}: {size} lines of code, expected at most {MOST_LINES}; move plumbing into mmkit"


def compared(notebook: Notebook) -> Iterator[str]:
    tagged = [cell for cell in notebook.code if CHECK_OUTPUT in cell.tags]
    if not tagged:
        yield f"no cell is tagged '{CHECK_OUTPUT}'; tag those whose output must never change"
    for cell in tagged:
        if not cell.outputs:
            yield f"{cell.where}: tagged '{CHECK_OUTPUT}' but has no output to compare"


def exercises(notebook: Notebook) -> Iterator[str]:
    """Three, each with a heading, difficulty, minutes, a starter, the solution in nbgrader's markers, a locked self-check."""
    parts: list[list[Cell]] = []
    for cell in notebook.within("Exercises"):
        if not cell.code and re.search(r"(?m)^### ", cell.source):
            parts.append([])
        if parts:
            parts[-1].append(cell)
    if len(parts) != 3:
        yield f"{len(parts)} exercises ('### ...' cells in section Exercises), expected 3"
    for number, part in enumerate(parts, start=1):
        prose = " ".join(cell.source for cell in part if not cell.code).lower()
        for word in ("difficulty", "minutes"):
            if word not in prose:
                yield f"exercise {number}: says nothing about {word}"
        solutions = [cell for cell in part if cell.nbgrader.get("solution")]
        if not solutions:
            yield f"exercise {number}: no cell is marked as nbgrader solution"
        for cell in solutions:
            body = re.search(r"(?ms)^ *### BEGIN SOLUTION\s*\n.+?^ *### END SOLUTION *$", cell.source)
            if not body:
                yield f"exercise {number}, {cell.where}: no lines between ### BEGIN SOLUTION and ### END SOLUTION"
            elif not cell.source.replace(body.group(), "").strip():
                yield f"exercise {number}, {cell.where}: nothing is left as a starter when the solution is taken out"
        if not any(
            cell.nbgrader.get("grade") and cell.nbgrader.get("locked") and not cell.nbgrader.get("solution") for cell in part
        ):
            yield f"exercise {number}: no locked, graded nbgrader cell checks the answer"
    ids = Counter(cell.nbgrader["grade_id"] for cell in notebook.cells if "grade_id" in cell.nbgrader)
    for id, times in ids.items():
        if times > 1:
            yield f"nbgrader grade_id {id!r} is used {times} times"


def typed_numbers(notebook: Notebook) -> Iterator[str]:
    """Where results are discussed, a decimal number in prose is one that the next run may contradict."""
    for name in MEASURED:
        for cell in notebook.within(name):
            if not cell.code:
                for number in re.findall(r"(?<![\w.])\d+\.\d+(?![\w.]*\d)", prose_of(cell.source)):
                    yield f"{cell.where}: {number} is typed into the prose of '{name}'; print it from the scores"


def prose_of(markdown: str) -> str:
    """Without code, mathematics, tables, links' targets, and numbers of sections, tables and equations."""
    text = without_code(markdown)
    patterns = [r"`[^`]*`", r"(?s)\$\$.*?\$\$", r"\$[^$\n]+\$", r"(?m)^\s*\|.*$", r"\]\([^)]*\)", r"https?://\S+"]
    patterns += [r"(?i)\b(?:section|sec\.|table|figure|fig\.|equation|eqs?\.|appendix|version) \d+(?:\.\d+)*"]
    for pattern in patterns:
        text = re.sub(pattern, " ", text)
    return text


if __name__ == "__main__":
    found = [problem for name in sys.argv[1:] for problem in problems(Path(name))]
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(bool(found))

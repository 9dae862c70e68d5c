"""What is to be run: the parameters of a notebook, which notebooks there are, and a plan that is checked before any work."""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from mmkit.errors import RunError, SettingsError, nearest
from mmkit.papers import PROFILES, Paper, all_papers, find
from mmkit.study import folder, settings

CHOICES = {"profile": PROFILES, "data": ("world", "real"), "device": ("auto", "cpu", "cuda", "mps")}
START = Paper("00_start_here", "Start here", authors="", venue="", year=0, bibtex_key="", task="")  # a notebook without a paper


@dataclass(frozen=True)
class Parameters:
    """The seven parameters of every notebook, named as there but in lower case. None: the notebook's or environment's default."""

    profile: str = "lab"
    data: str = "world"
    seeds: list[int] | None = None
    device: str = "auto"
    data_root: str | None = None
    out: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if (value := getattr(self, name)) not in allowed:
                raise SettingsError(
                    f"{name.upper()} = {value!r}, expected one of {', '.join(allowed)}{did_you_mean(value, allowed)}"
                )
        if self.seeds is not None:
            plain = isinstance(self.seeds, (list, tuple)) and all(type(s) is int and s >= 0 for s in self.seeds)
            if not plain or not self.seeds or len(set(self.seeds)) < len(self.seeds):
                raise SettingsError(f"SEEDS = {self.seeds!r}, expected None or different whole numbers from 0, like 0,1,2")
        for name in ("data_root", "out"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, (str, os.PathLike)) or not str(value).strip()):
                raise SettingsError(f"{name.upper()} = {value!r}, expected None or the path of a folder")
        if not isinstance(self.settings, dict) or not all(isinstance(k, str) for k in self.settings):
            raise SettingsError(f"SETTINGS = {self.settings!r}, expected a dict of names to values")


def notebooks_folder(given: str | Path | None = None) -> Path:
    """`given`, $MMKIT_NOTEBOOKS, ./notebooks, or the one beside the package. Raises RunError when there is none."""
    wanted = given or os.environ.get("MMKIT_NOTEBOOKS")
    places = [Path(wanted)] if wanted else [Path("notebooks"), Path(__file__).parent.parent / "notebooks"]
    for place in places:
        if any(place.expanduser().glob("[0-9][0-9]_*.ipynb")):
            return place.expanduser().absolute()
    looked = " or ".join(str(p.absolute()) for p in places)
    raise RunError(f"no notebooks in {looked}; set MMKIT_NOTEBOOKS to the folder that has them")


def available(notebooks: str | Path | None = None) -> list[Paper]:
    """Everything that can be run today, 00 first."""
    place = notebooks_folder(notebooks)
    return [p for p in (START, *all_papers()) if (place / f"{p.slug}.ipynb").exists()]


def find_paper(name: str | int) -> Paper:
    """As papers.find, plus notebook 00 ('0', '00', 'start_here'). Raises SettingsError naming the nearest."""
    text = str(name).strip().lower()
    return START if text in ("0", "00", "start_here", START.slug) else find(name)


def run_folder(slug: str, parameters: Parameters) -> Path:
    """Where this run's files go: OUT, or <$MMKIT_RUNS or runs>/<slug>/<profile>-<data>. Absolute."""
    base = Path(os.environ.get("MMKIT_RUNS") or "runs")
    out = Path(parameters.out) if parameters.out else base / slug / f"{parameters.profile}-{parameters.data}"
    return out.expanduser().absolute()


def runs_folder() -> Path:
    """Where runs go by default: $MMKIT_RUNS or ./runs."""
    return Path(os.environ.get("MMKIT_RUNS") or "runs").expanduser().absolute()


@dataclass(frozen=True)
class Plan:
    """One run, checked and ready: every value final, nothing written yet."""

    paper: Paper
    notebook: Path
    values: dict[str, Any]  # what the notebook's parameters become
    out: Path
    hashes: dict[str, str]  # of the notebook's source and of mmkit's


def plan(paper: Paper, parameters: Parameters, *, out: str | Path | None = None, notebooks: str | Path | None = None) -> Plan:
    """Check everything that can be checked before computing. Raises SettingsError that names what is wrong and the nearest."""
    if out is not None:
        parameters = replace(parameters, out=str(out))
    notebook = notebooks_folder(notebooks) / f"{paper.slug}.ipynb"
    if not notebook.exists():
        works = ", ".join(p.slug for p in available(notebooks))
        raise SettingsError(f"paper {paper.slug} has no notebook yet; these work today: {works}")
    cells = _cells(notebook)
    names = _parameter_names(cells, notebook)
    values = _values(paper.slug, parameters)
    for name, value in values.items():
        if name not in names and name != "OUT" and value != getattr(Parameters(), name.lower()):
            raise SettingsError(f"{notebook.name} has no parameter {name}{nearest(name, names)}")
    if paper.slug != START.slug:
        settings.resolve(paper, parameters.profile, parameters.data, parameters.settings)
    source = json.dumps([[c["cell_type"], c["source"]] for c in cells])
    hashes = {"notebook": hashlib.sha256(source.encode()).hexdigest()[:16], "code": folder.code_hash()}
    return Plan(paper, notebook, {k: v for k, v in values.items() if k in names}, Path(values["OUT"]), hashes)


def _values(slug: str, parameters: Parameters) -> dict[str, Any]:
    """The notebook's parameters, final: folders absolute and looked up, lists and dicts as JSON would give them back."""
    values = {f.name.upper(): getattr(parameters, f.name) for f in fields(Parameters)} | {
        "OUT": str(run_folder(slug, parameters))
    }
    root = parameters.data_root
    if parameters.data == "real":
        root = root or os.environ.get("MMKIT_DATA")
        if not root:
            missing = "DATA = 'real' needs the folder of the real data: give --data-root or set MMKIT_DATA"
            raise SettingsError(f"{missing}; `mmkit data where` tells what belongs there")
        if not Path(root).expanduser().is_dir():
            raise SettingsError(f"DATA_ROOT = {str(root)!r} is not a folder; `mmkit data where` tells what belongs there")
    if root is not None:
        values["DATA_ROOT"] = str(Path(root).expanduser().absolute())
    try:
        return json.loads(json.dumps(values, allow_nan=False))
    except (TypeError, ValueError) as why:
        raise SettingsError(f"SETTINGS = {parameters.settings!r}, expected plain finite values ({why})") from why


def did_you_mean(value: Any, allowed: Sequence[str]) -> str:
    hint = nearest(str(value), allowed)
    return hint if "did you mean" in hint else ""


def _cells(notebook: Path) -> list[dict[str, Any]]:
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        return [{**c, "source": c["source"] if isinstance(c["source"], str) else "".join(c["source"])} for c in cells]
    except (OSError, ValueError, KeyError, TypeError) as why:
        raise RunError(f"{notebook}: not a notebook in format 4 ({type(why).__name__}: {why})") from why


def _parameter_names(cells: list[dict[str, Any]], notebook: Path) -> list[str]:
    """Names in the one cell tagged `parameters`. Read from its syntax tree: exact, and quicker than loading papermill."""
    tagged = [c for c in cells if c["cell_type"] == "code" and "parameters" in c.get("metadata", {}).get("tags", [])]
    if len(tagged) != 1:
        raise RunError(f"{notebook}: {len(tagged)} cells are tagged 'parameters', expected exactly one")
    try:
        body = ast.parse(tagged[0]["source"]).body
        return [target.id for line in body for target in getattr(line, "targets", [getattr(line, "target", None)])]
    except (SyntaxError, AttributeError) as why:
        raise RunError(f"{notebook}: the cell tagged 'parameters' may only assign literals to names ({why})") from why

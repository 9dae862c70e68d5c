"""One list of dependencies: pyproject.toml, environment.yml, constraints.txt and the imports in the code say the same."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import sys
import tomllib
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name as canonical
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
CONDA_NAMES = {"pytorch": "torch", "ray-core": "ray", "pysoundfile": "soundfile"}
MODULES = {"dgl": "dgl"}  # of extras that need not be installed here
OURS = {"mmkit", "tests", "data_scripts", "sitecustomize", *(path.stem for path in (ROOT / "data_scripts").glob("*.py"))}
# Declared, and rightly so although no line imports it.
NOT_IMPORTED = {
    "ipykernel": "runs the notebooks' code",
    "jupyterlab": "opens the notebooks",
    "nbval": "compares marked outputs, as a plugin of pytest",
    "pytest-timeout": "ends a test that hangs, as a plugin of pytest",
    "pytest-xdist": "runs the tests in parallel, as a plugin of pytest",
    "ruff": "checks the code, as a command",
    "setuptools": "imported by torch, which refuses version 82",
}


def by_name(lines: list[str]) -> dict[str, Requirement]:
    requirements = {canonical(Requirement(line).name): Requirement(line) for line in lines}
    assert len(requirements) == len(lines), "a package is listed twice"
    return requirements


# One line may stand in two extras that need it; another range of the same package may not.
DECLARED = by_name([*dict.fromkeys(line for lines in (PROJECT["dependencies"], *EXTRAS.values()) for line in lines)])
CORE = by_name(PROJECT["dependencies"])
PINS = {
    canonical(name): version
    for name, version in (
        line.split("==") for line in (ROOT / "constraints.txt").read_text().split("\n") if line and line[0] != "#"
    )
}


def test_conda_and_pip_lists_are_equal():
    entries = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    (from_pip,) = [entry["pip"] for entry in entries if isinstance(entry, dict)]
    conda = [entry for entry in entries if isinstance(entry, str) and entry != "pip" and not entry.startswith("python=")]
    renamed = [re.sub(r"^[\w-]+", lambda name: CONDA_NAMES.get(name.group(), name.group()), entry) for entry in conda]
    assert described(by_name(renamed + from_pip)) == described(DECLARED)


def described(requirements: dict[str, Requirement]) -> dict[str, tuple[SpecifierSet, Marker | None]]:
    return {name: (requirement.specifier, requirement.marker) for name, requirement in requirements.items()}


def test_the_conda_python_is_one_that_we_support():
    entries = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    (python,) = [entry.removeprefix("python=") for entry in entries if isinstance(entry, str) and entry.startswith("python=")]
    assert python in SpecifierSet(PROJECT["requires-python"])
    assert f"Programming Language :: Python :: {python}" in PROJECT["classifiers"]


@pytest.mark.parametrize("name", DECLARED)
def test_what_is_declared_is_pinned_within_its_range_and_not_below_its_floor(name: str):
    assert name in PINS, f"constraints.txt has no version of {name}"
    assert DECLARED[name].specifier.contains(PINS[name]), (
        f"constraints.txt has {name} {PINS[name]}, pyproject.toml {DECLARED[name].specifier}"
    )
    floors = [s for s in DECLARED[name].specifier if s.operator in (">=", "==")]
    assert floors or name == "setuptools", f"{name}: say the oldest version that works"


def test_the_lock_is_complete_and_consistent():
    """Walk from what is declared through what is installed: all of it is pinned, each to a version that its users accept."""
    todo = deque((requirement, "pyproject.toml") for requirement in DECLARED.values())
    seen, wrong = set(), set()
    while todo:
        requirement, user = todo.popleft()
        name = canonical(requirement.name)
        if name not in PINS:
            wrong.add(f"{name} is not pinned; {user} needs it")
            continue
        if not requirement.specifier.contains(PINS[name], prereleases=True):
            wrong.add(f"{name} is pinned to {PINS[name]}; {user} needs {requirement.specifier}")
        key = (name, frozenset(requirement.extras))
        if key not in seen:
            seen.add(key)
            todo.extend((need, name) for need in needs(name, requirement.extras))
    assert not wrong
    reached = {name for name, _ in seen}
    assert len(reached) > 100, "the walk did not get far: is the environment installed?"
    as_tested = sys.platform == "linux" and sys.version_info[:2] == (3, 11) and "+" not in importlib.metadata.version("torch")
    if as_tested:  # elsewhere fewer packages are needed
        assert sorted(PINS.keys() - reached) == []


def installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def needs(name: str, extras: set[str]) -> Iterator[Requirement]:
    if not installed(name):
        return
    for line in importlib.metadata.requires(name) or []:
        need = Requirement(line)
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            yield need


def test_what_is_installed_here_is_what_is_pinned():
    """The suite is only worth something for constraints.txt if it ran with it. setuptools is whatever made the environment."""
    differ = {
        name: (importlib.metadata.version(name), version)
        for name, version in PINS.items()
        if name != "setuptools" and installed(name) and Version(importlib.metadata.version(name)).public != version
    }
    assert differ == {}


def sources(folder: str) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / folder).rglob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        yield str(path.relative_to(ROOT)), ast.parse(code)


def third_party(tree: ast.Module, nodes: Iterator[ast.AST] | None = None) -> set[str]:
    """Packages (as the index calls them) of the absolute imports in `tree`, or in `nodes` of it."""
    modules = set()
    for node in nodes or ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules.add((node.module or "").partition(".")[0])
    modules -= sys.stdlib_module_names | OURS
    return {canonical(MODULES.get(module) or OWNERS.get(module, [module])[0]) for module in modules}


OWNERS = importlib.metadata.packages_distributions()


@pytest.mark.parametrize("folder", ["mmkit", "data_scripts", "notebooks", "tests"])
def test_what_is_imported_is_declared(folder: str):
    undeclared = {path: names for path, tree in sources(folder) if (names := third_party(tree) - DECLARED.keys())}
    assert undeclared == {}


@pytest.mark.parametrize("folder", ["mmkit", "data_scripts", "notebooks"])
def test_what_is_imported_at_the_top_comes_with_a_plain_installation(folder: str):
    missing = {path: names for path, tree in sources(folder) if (names := third_party(tree, iter(tree.body)) - CORE.keys())}
    assert missing == {}


def test_what_is_declared_is_used():
    kit = {name for folder in ("mmkit", "data_scripts", "notebooks") for _, tree in sources(folder) for name in third_party(tree)}
    used = kit | {name for _, tree in sources("tests") for name in third_party(tree) if name in by_name(EXTRAS["test"])}
    assert sorted(DECLARED.keys() - used - NOT_IMPORTED.keys()) == []
    assert sorted(NOT_IMPORTED.keys() & used) == [], "imported after all: no exception needed"


def test_the_command_and_the_data_are_part_of_the_package():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    module, _, function = pyproject["project"]["scripts"]["mmkit"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))
    patterns = pyproject["tool"]["setuptools"]["package-data"]["mmkit.papers"]
    kept = {path for pattern in patterns for path in (ROOT / "mmkit" / "papers").glob(pattern)}
    data = {path for path in (ROOT / "mmkit").rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert data == kept, "package-data in pyproject.toml and the data files in mmkit/ differ"


def test_the_version_is_told_once():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == importlib.import_module("mmkit").__version__
    assert PROJECT["dynamic"] == ["version"]

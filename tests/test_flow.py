"""Data flows one way: a module of mmkit imports only from the rooms to its left, in the order that mmkit/__init__.py shows."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "mmkit"
ENTRY = {"__init__", "__main__"}  # the package itself and `python -m mmkit`: no rooms
HEAVY = {"torch", "transformers", "sklearn", "scipy", "seaborn", "matplotlib", "pandas", "papermill", "pyarrow", "numpy"}


def rooms(docstring: str) -> dict[str, int]:
    """Room -> its step in the map `a -> b | c -> d`; rooms of one step stand side by side and do not know each other."""
    paragraph = next(p for p in docstring.split("\n\n") if "->" in p)
    steps = " ".join(paragraph.split()).split(" -> ")
    return {room.strip(): place for place, step in enumerate(steps) for room in step.replace("|", ",").split(",")}


def imported(source: str, module: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything of mmkit that `module` imports, inside functions and by name in a string too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*module.split(".")[: -node.level], *filter(None, [node.module])]) if node.level else node.module
            names = [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
            "import_module",
            "__import__",
        ):
            names = [argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == "mmkit")


def problems(package: Path) -> list[str]:
    place = rooms(ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or "")
    there = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()} - ENTRY
    found = [f"mmkit/{room}: not in the map of mmkit/__init__.py" for room in sorted(there - place.keys())]
    found += [f"mmkit/__init__.py: room {room!r} of the map has no file" for room in sorted(place.keys() - there)]
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        room = parts[1]
        for line, name in imported(path.read_text(encoding="utf-8"), ".".join(parts)):
            target = f"{name}.".split(".")[1]
            if target not in place or target == room or room == "__main__":
                continue  # `from mmkit import __version__`, the room itself, the entry point
            if room == "__init__" or (room in place and place[target] >= place[room]):
                found.append(
                    f"mmkit/{path.relative_to(package)}:{line}: imports {name}, which does not stand to the left of {room}"
                )
    return found


def test_modules_import_only_from_their_left():
    assert problems(PACKAGE) == []


MAP = '"""Title.\n\na -> b | c\n  -> d, e -> f\n"""\n'


@pytest.mark.parametrize(
    ("file", "source", "message"),
    [
        ("a.py", "import mmkit.b", "a.py:1: imports mmkit.b"),
        ("a.py", "from mmkit.f import x", "a.py:1: imports mmkit.f.x"),
        ("a.py", "from mmkit import f", "a.py:1: imports mmkit.f"),
        ("a.py", "def g():\n    from mmkit import f", "a.py:2: imports mmkit.f"),
        ("a.py", "import importlib\nimportlib.import_module('mmkit.f')", "a.py:2: imports mmkit.f"),
        ("a.py", "from . import f", "a.py:1: imports mmkit.f"),
        ("b.py", "from mmkit import c", "b.py:1: imports mmkit.c"),
        ("d/deep.py", "from ..f import x", "d/deep.py:1: imports mmkit.f.x"),
        ("d/deep.py", "from mmkit.e import x", "d/deep.py:1: imports mmkit.e.x"),
        ("__init__.py", MAP + "from mmkit import a", "__init__.py:6: imports mmkit.a"),
        ("g.py", "", "mmkit/g: not in the map"),
    ],
)
def test_each_way_of_importing_from_the_right_is_seen(file: str, source: str, message: str, tmp_path: Path):
    package = house(tmp_path)
    (package / file).write_text(source)
    (problem,) = problems(package)
    assert message in problem


def test_imports_from_the_left_and_within_a_room_are_free(tmp_path: Path):
    package = house(tmp_path)
    (package / "d" / "deep.py").write_text(
        "from mmkit import a, __version__\nfrom mmkit.d import x\nfrom . import y\nfrom ..b import z\nimport os"
    )
    (package / "f.py").write_text("from mmkit import a, b, c, d, e")
    (package / "__main__.py").write_text("from mmkit.f import main")
    assert problems(package) == []


def test_a_room_without_a_file_is_seen(tmp_path: Path):
    package = house(tmp_path)
    (package / "e.py").unlink()
    assert problems(package) == ["mmkit/__init__.py: room 'e' of the map has no file"]


def house(folder: Path) -> Path:
    package = folder / "mmkit"
    (package / "d").mkdir(parents=True)
    (package / "__init__.py").write_text(MAP)
    for file in ("a.py", "b.py", "c.py", "d/__init__.py", "e.py", "f.py"):
        (package / file).write_text("")
    return package


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [("mmkit", HEAVY), ("mmkit.cli", {"torch", "transformers", "sklearn", "scipy", "seaborn", "papermill"})],
)
def test_the_command_line_starts_without_the_heavy_packages(module: str, forbidden: set[str]):
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert forbidden & set(loaded) == set()

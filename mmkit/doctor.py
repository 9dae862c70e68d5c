"""What this machine has, what it lacks, and what to do about it.

Libraries are imported in a child process each: a broken build may crash its process, never this report.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmkit import parameters
from mmkit.errors import RunError

if TYPE_CHECKING:
    from rich.table import Table

PATIENCE = 120  # seconds for one import on a cold disk
PYTHON = (3, 11)
DISK_GB, MEMORY_GB = 2, 4

VERSION = "import {module} as m; import json; print(json.dumps({{'version': getattr(m, '__version__', '?')}}))"
TORCH = """
import json, torch
cuda = torch.cuda.is_available()
mps = hasattr(torch.backends, "mps") and torch.backends.mps.is_available()
print(json.dumps({"version": torch.__version__, "threads": torch.get_num_threads(), "mps": mps,
                  "cuda": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if cuda else [],
                  "bf16": bool(cuda and torch.cuda.is_bf16_supported())}))
"""
FONTS = """
import json
from matplotlib import font_manager
sans = font_manager.FontProperties(family=["sans-serif"])
print(json.dumps({"version": font_manager.findfont(sans, fallback_to_default=False)}))
"""
# name, module, required, what it is for and how to get it
LIBRARIES = (
    ("papermill", "papermill", True, "runs notebooks: pip install papermill"),
    ("jupyter kernel", "ipykernel", True, "executes notebooks: pip install ipykernel"),
    ("transformers", "transformers", False, "for text encoders at profile paper: pip install transformers"),
    ("DGL", "dgl", False, 'second backend of the graph layers, which also run without it: pip install -e ".[graphs]"'),
    ("Ray", "ray", False, 'for sweeps on a cluster: pip install -e ".[cluster]"'),
    ("nbgrader", "nbgrader", False, 'for `mmkit student`: pip install -e ".[teach]"'),
)


@dataclass(frozen=True)
class Row:
    """One check. `state` is ok, missing (optional), or problem (nothing will run until it is solved)."""

    what: str
    state: str
    found: str
    advice: str = ""


def check(data_root: str | None = None) -> list[Row]:
    """Every check, in the order in which a person would solve the problems."""
    with ThreadPoolExecutor(3) as pool:
        torch, fonts = pool.submit(_probe, TORCH), pool.submit(_probe, FONTS)
        libraries = [(row, pool.submit(_probe, VERSION.format(module=row[1]))) for row in LIBRARIES]
        rows = [_python(), *_torch(torch.result())]
        rows += [_library(*row, told.result()) for row, told in libraries]
        rows += [_fonts(fonts.result()), _java()]
    return [*rows, _cores(), _memory(), _runs(), _home(), _notebooks(), _data(data_root)]


def table(rows: list[Row]) -> Table:
    from rich.table import Table
    from rich.text import Text

    shown = Table("check", "state", "found", "what to do", box=None)
    for row in rows:
        style = {"ok": "green", "missing": "yellow", "problem": "bold red"}[row.state]
        state = "missing (optional)" if row.state == "missing" else row.state
        shown.add_row(Text(row.what), Text(state, style=style), Text(row.found), Text(row.advice))
    return shown


def _probe(code: str) -> dict[str, Any]:
    """Run `code` in a child and read the JSON it prints last; {'error': why} when it crashed, hung or is not there."""
    env = {**os.environ, "DGLBACKEND": "pytorch", "CUDA_MODULE_LOADING": "LAZY"}
    if not _home_writable():
        env |= {"MPLCONFIGDIR": tempfile.gettempdir(), "IPYTHONDIR": tempfile.gettempdir()}
    try:
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode == 0:
            return json.loads(done.stdout.strip().splitlines()[-1])
        said = done.stderr.strip().splitlines()
        return {"error": said[-1] if said else f"exit code {done.returncode}"}
    except subprocess.TimeoutExpired:
        return {"error": f"its import takes more than {PATIENCE} s"}
    except (OSError, ValueError, IndexError) as why:
        return {"error": str(why)}


def _absent(error: str) -> bool:
    return error.startswith("ModuleNotFoundError")


def _python() -> Row:
    found = f"{platform.python_version()} at {sys.executable}"
    fits = sys.version_info >= PYTHON
    return Row("Python", "ok" if fits else "problem", found, "" if fits else f"install Python {PYTHON[0]}.{PYTHON[1]} or newer")


def _torch(told: dict[str, Any]) -> list[Row]:
    if "error" in told:
        return [Row("torch", "problem", told["error"], "pip install torch (pytorch.org has the command for your GPU)")]
    torch = Row("torch", "ok", f"{told['version']}, {told['threads']} threads")
    if told["cuda"]:
        names = ", ".join(told["cuda"])
        return [torch, Row("GPU", "ok", f"cuda: {names}, bf16 {'yes' if told['bf16'] else 'no'}")]
    if told["mps"]:
        return [torch, Row("GPU", "ok", "mps (Apple)")]
    return [torch, Row("GPU", "missing", "none that torch can use", "profiles smoke and lab need none; profile paper does")]


def _library(name: str, module: str, required: bool, advice: str, told: dict[str, Any]) -> Row:
    if "error" not in told:
        return Row(name, "ok", told["version"])
    found = "not installed" if _absent(told["error"]) else f"does not import: {told['error']}"
    return Row(name, "problem" if required else "missing", found, advice)


def _fonts(told: dict[str, Any]) -> Row:
    if "error" in told:
        return Row("fonts", "missing", told["error"], "figures may lack letters; install a sans font such as DejaVu Sans")
    return Row("fonts", "ok", Path(told["version"]).name)


def _java() -> Row:
    path = shutil.which("java")
    if path:
        return Row("Java", "ok", path)
    return Row("Java", "missing", "no java command", "install a JRE; only METEOR needs it")


def _cores() -> Row:
    import joblib

    return Row("cores", "ok", f"{joblib.cpu_count()} (default of --jobs)")


def _memory() -> Row:
    try:
        gigabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    except (ValueError, OSError, AttributeError):
        return Row("memory", "ok", "unknown on this system")
    fits = gigabytes >= MEMORY_GB * 0.9
    advice = "" if fits else f"profile smoke may need {MEMORY_GB} GB: close other programs, use --jobs 1"
    return Row("memory", "ok" if fits else "missing", f"{gigabytes:.0f} GB", advice)


def _runs() -> Row:
    folder = parameters.runs_folder()
    there = next(p for p in (folder, *folder.parents) if p.exists())
    try:
        tempfile.TemporaryFile(dir=there).close()
        free = shutil.disk_usage(there).free / 2**30
    except OSError as why:
        return Row(
            "run folders", "problem", f"{folder}: {why.strerror}", "set MMKIT_RUNS to a folder you may write, or use --out"
        )
    if free < DISK_GB:
        return Row("run folders", "problem", f"{folder}: {free:.1f} GB free", f"make room ({DISK_GB} GB), or set MMKIT_RUNS")
    return Row("run folders", "ok", f"{folder} ({free:.0f} GB free)")


def _home_writable() -> bool:
    home = Path("~").expanduser()
    return home.is_dir() and os.access(home, os.W_OK)


def _home() -> Row:
    if _home_writable():
        return Row("home folder", "ok", str(Path("~").expanduser()))
    return Row("home folder", "missing", "none that can be written", "runs work without; settings of Jupyter are not kept")


def _notebooks() -> Row:
    try:
        names = [p.number for p in parameters.available()]
        return Row("notebooks", "ok", f"{', '.join(names)} in {parameters.notebooks_folder()}")
    except RunError as why:
        return Row("notebooks", "problem", str(why), "run mmkit from a copy of the repository")


def _data(given: str | None) -> Row:
    root = given or os.environ.get("MMKIT_DATA")
    if not root:
        return Row("real data", "missing", "no folder named", "nothing needs it at --data world; else --data-root or MMKIT_DATA")
    if not Path(root).expanduser().is_dir():
        return Row("real data", "missing", f"{root} does not exist", "`mmkit data where` tells what belongs there")
    return Row("real data", "ok", str(Path(root).expanduser().absolute()))

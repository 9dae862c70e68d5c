"""What all tests share: one thread, no network, no display, an own cache, each notebook executed once at profile smoke.

The variables are set before anything is imported, because torch reads its thread count at import; child processes inherit them.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GUARD = ROOT / "tests" / "network_guard"
INLINE = "module://matplotlib_inline.backend_inline"  # for kernels: under Agg a notebook would show no figure

os.environ.update(
    OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false",
    HF_HUB_OFFLINE="1", PYTHONHASHSEED="0", MPLBACKEND="Agg",
)  # fmt: skip
for name in ("MMKIT_DATA", "MMKIT_RUNS", "MMKIT_JOBS", "MMKIT_BACKEND", "MMKIT_NOTEBOOKS", "MMKIT_LIVE", "MMKIT_DEBUG"):
    os.environ.pop(name, None)  # a person's own settings must not decide what is tested
# Children find the guard first, and mmkit even where it is not installed. Nobody's Jupyter settings are read or written.
os.environ["PYTHONPATH"] = os.pathsep.join([str(GUARD), str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR"):
    folder = Path(tempfile.gettempdir()) / f"mmkit-tests-{os.getuid()}" / name.lower()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[name] = str(folder)

# One cache of generated worlds for the whole session: made and removed by the first process, inherited by all it starts.
CACHE = "mmkit-tests-cache-"
if not Path(os.environ.get("MMKIT_CACHE", "")).name.startswith(CACHE):
    os.environ["MMKIT_CACHE"] = tempfile.mkdtemp(prefix=CACHE)
    atexit.register(shutil.rmtree, os.environ["MMKIT_CACHE"], ignore_errors=True)

sys.modules.pop("sitecustomize", None)
sys.path.insert(0, str(GUARD))
import sitecustomize  # noqa: E402,F401  the same guard for this process: importing it installs it


@pytest.fixture(autouse=True)
def seeded_torch() -> None:
    """Random weights in a test must not depend on which tests ran before it. Light tests do not load torch at all."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@dataclass(frozen=True)
class Executed:
    """One smoke run: the executed notebook, its run folder, the wall seconds, and the error when a cell failed."""

    notebook: Path
    out: Path
    seconds: float
    error: str | None
    network: tuple[str, ...]  # attempts to leave the machine


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`; test processes that want the same thing wait here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def notebooks_dir() -> Path:
    return ROOT / "notebooks"


@pytest.fixture(scope="session")
def executed(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[[Path], Executed]:
    """Execute a notebook at profile smoke, once per session however many test processes ask for it."""
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "smoke"

    def run(notebook: Path) -> Executed:
        folder = shared / notebook.stem
        with locked(shared / f"{notebook.stem}.lock"):
            if not (folder / "outcome.json").exists():
                (folder / "outcome.json").write_text(json.dumps(smoke(notebook, folder)), encoding="utf-8")
        outcome = json.loads((folder / "outcome.json").read_text(encoding="utf-8"))
        log = folder / "network.log"
        attempts = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return Executed(folder / "out" / "notebook.ipynb", folder / "out", outcome["seconds"], outcome["error"], tuple(attempts))

    return run


def smoke(notebook: Path, folder: Path) -> dict[str, float | str | None]:
    """Run `notebook` by papermill alone, as someone who does not use our command line would, in an empty working directory."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    for part in ("out", "work"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    parameters = {"PROFILE": "smoke", "OUT": str(folder / "out")} if papermill.inspect_notebook(str(notebook)) else {}
    error, start = None, time.perf_counter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETWORK_GUARD_LOG", str(folder / "network.log"))
        patch.setenv("MPLBACKEND", INLINE)
        try:
            papermill.execute_notebook(
                str(notebook), str(folder / "out" / "notebook.ipynb"), parameters,
                cwd=str(folder / "work"), kernel_name="python3", progress_bar=False,
            )  # fmt: skip
        except PapermillExecutionError as failed:
            error = str(failed)
    return {"seconds": time.perf_counter() - start, "error": error}

"""One notebook, executed with papermill in a kernel of this very interpreter. Slow to import: only where something runs."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from mmkit.errors import RunError
from mmkit.progress import Progress

START_TIMEOUT = 120  # seconds for a kernel to answer; a busy machine takes its time
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONHASHSEED": "0",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else the kernel warns about a debugger that nobody uses
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # a caller's Agg would leave the notebook without figures
}


class Manager(AsyncKernelManager):
    """Starts our interpreter whatever kernels are registered, and remembers its client so that we can close it."""

    kernel_spec = KernelSpec(argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], language="python")
    opened: Any = None

    def client(self, **options: Any) -> Any:
        self.opened = super().client(**options)
        return self.opened


def execute(
    notebook: Path, values: dict[str, Any], out: Path, env: Mapping[str, str], shown: Progress, timeout: float | None = None
) -> None:
    """Execute `notebook` with the parameters `values` to `<out>/notebook.ipynb`; that file is always whole.

    `env` joins the kernel's environment, `timeout` is in seconds for one cell. Raises RunError that names the cell and keeps the
    notebook up to there; KeyboardInterrupt passes, with no process left behind.
    """
    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what it has to tell, we tell ourselves
    part, kept = out / ".notebook.part.ipynb", out / "notebook.ipynb"
    part.unlink(missing_ok=True)
    source = ""

    def started(cell: Any, cell_index: int) -> None:
        nonlocal source
        if cell.cell_type == "code" and cell.source.strip():
            source, shown.cell = cell.source, shown.cell + 1

    def broken(what: str, n: int, source: str) -> RunError:
        where = f"cell In [{n}] of {notebook.name}" if n else f"{notebook.name}, before its first cell"
        lines = "".join(f"\n  | {line}" for line in source.strip().splitlines()[:5])
        after = f"the notebook up to there: {kept}" if _keep(part, kept) else "no cell was executed"
        return RunError(f"{what}\nin {where}{lines}\n{after}\nThe same command continues; finished trials are kept.")

    shown.cells = _code_cells(notebook) + 1  # papermill adds the cell with the values
    with tempfile.TemporaryDirectory(prefix="mmkit-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        try:
            with _kernel({**os.environ, **ENVIRONMENT, **_paths(scratch), **env}, scratch, out) as kernel:
                papermill.execute_notebook(
                    notebook,
                    str(part).replace("{", "{{").replace("}", "}}"),  # papermill formats this path
                    values,
                    kernel_name="python3",
                    language="python",
                    progress_bar=False,
                    start_timeout=START_TIMEOUT,
                    execution_timeout=timeout,
                    km=kernel,
                    store_widget_state=False,
                    on_cell_start=started,
                )
        except papermill.PapermillExecutionError as why:
            disk = any(f"[Errno {n}]" in why.evalue for n in (errno.ENOSPC, errno.EROFS, errno.EDQUOT))
            hint = " (--out or MMKIT_RUNS chooses another folder)" if disk else ""
            raise broken(f"{why.ename}: {why.evalue}{hint}", why.exec_count or shown.cell, why.source) from None
        except CellTimeoutError:
            raise broken(f"a cell took longer than {timeout:g} s", shown.cell, source) from None
        except (DeadKernelError, RuntimeError, TimeoutError) as why:
            raise broken(f"{why}\n{_last_words(scratch)}".strip(), shown.cell, source) from None
        except KeyboardInterrupt:
            _keep(part, kept)
            raise
    executed = json.loads(part.read_text(encoding="utf-8"))
    executed["metadata"]["papermill"].update(input_path=notebook.name, output_path=kept.name)  # not paths of this machine
    part.write_text(json.dumps(executed, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(part, kept)


def _keep(part: Path, kept: Path) -> bool:
    if part.exists():
        os.replace(part, kept)
        return True
    return False


def _code_cells(notebook: Path) -> int:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return sum(c["cell_type"] == "code" and bool("".join(c["source"]).strip()) for c in cells)


def _paths(scratch: Path) -> dict[str, str]:
    """Variables that let a kernel find mmkit, ignore a user's start-up files and do without a writable home folder."""
    paths = {"IPYTHONDIR": str(scratch / "ipython"), "JUPYTER_RUNTIME_DIR": str(scratch)}
    home = Path("~").expanduser()
    if not (home.is_dir() and os.access(home, os.W_OK)):
        names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "MPLCONFIGDIR", "XDG_CACHE_HOME")
        paths |= {name: str(scratch / name.lower()) for name in names if name not in os.environ}
    package = Path(__file__).parent.parent
    if package.name != "site-packages":
        paths["PYTHONPATH"] = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
    return paths


@contextmanager
def _kernel(env: dict[str, str], scratch: Path, cwd: Path) -> Iterator[Manager]:
    """A running kernel. It works in the run folder, so that nothing beside the caller's files shadows a module or gets littered.

    Its whole process group ends with it: workers of a kernel that was killed would go on computing otherwise.
    """
    short = hasattr(os, "killpg") and len(str(scratch)) < 80  # sockets have no port to race for, but short paths
    manager = Manager(connection_file=str(scratch / "kernel.json"), transport="ipc" if short else "tcp")
    restore = _terminate_as_interrupt()
    process: subprocess.Popen[bytes] | None = None
    try:
        with open(scratch / "kernel.log", "wb") as log:  # else what it prints would mix with our results
            quiet = ["--HistoryManager.hist_file=:memory:"]
            run_sync(manager.start_kernel)(extra_arguments=quiet, env=env, cwd=str(cwd), stdout=log, stderr=log)
        process = manager.provisioner.process
        try:
            yield manager
        except RuntimeError as why:
            raise RuntimeError(_cause_of_death(process) or str(why)) from None
        run_sync(manager.shutdown_kernel)()
    finally:
        if process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # it leads a session of its own
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
        if manager.opened is not None:
            manager.opened.stop_channels()
        run_sync(manager.cleanup_resources)()
        restore()


def _terminate_as_interrupt() -> Callable[[], Any]:
    """Let SIGTERM (a scheduler's time limit) end a run as Ctrl-C does; returns what restores the old handler."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread: not ours to handle
        return lambda: None
    return lambda: signal.signal(signal.SIGTERM, before)


def _cause_of_death(process: subprocess.Popen[bytes]) -> str:
    """In words, or '' when the kernel still runs."""
    with suppress(subprocess.TimeoutExpired):
        code = process.wait(1)
        hint = "; out of memory? A smaller profile or fewer --jobs may help" if code == -signal.SIGKILL else ""
        return f"the kernel died ({f'signal {signal.Signals(-code).name}' if code < 0 else f'exit code {code}'}{hint})"
    return ""


def _last_words(scratch: Path) -> str:
    with suppress(OSError):
        return "\n".join((scratch / "kernel.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:])
    return ""

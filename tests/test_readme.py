"""The README's commands: those after `<!-- run -->` are executed, the others at least exist.

A block of commands is a ```bash fence; `<!-- run -->` on the line before it asks for execution, in a copy of the repository and
without network. `make` targets are only looked up: executing them would set everything up again and run these very tests.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import GUARD, ROOT

README = ROOT / "README.md"
BLOCK = re.compile(r"(?ms)^(<!-- run -->\n+)?```bash\n(.*?)^```$")
SHIM = "#!/bin/sh\nexec '{python}' -c 'import sys; from mmkit.cli import main; sys.exit(main())' \"$@\"\n"
LOOKED_UP = ("make", "git", "cd", "conda", "pip", "source", "export", ".")


def commands(markdown: str) -> list[tuple[str, bool]]:
    """(command, to be executed?) of every line in a bash block; comments and continuation lines resolved."""
    found = []
    for run, body in BLOCK.findall(markdown):
        lines = (shlex.join(shlex.split(line, comments=True)) for line in body.replace("\\\n", " ").splitlines())
        found += [(line, bool(run)) for line in lines if line]
    return found


COMMANDS = commands(README.read_text(encoding="utf-8")) if README.exists() else []
RUN = [line for line, run in COMMANDS if run and line.split()[0] not in LOOKED_UP]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is committed: commands follow one another in it and may leave what they like."""
    folder = tmp_path_factory.mktemp("readme") / "mmkit"
    leave = shutil.ignore_patterns(".git", ".venv", "runs", "__pycache__", ".*_cache", "*.egg-info", "build")
    shutil.copytree(ROOT, folder, ignore=leave)
    shim = folder.parent / "bin" / "mmkit"
    shim.parent.mkdir()
    shim.write_text(SHIM.format(python=sys.executable))
    shim.chmod(0o755)
    return folder


def execute(command: str, sandbox: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(sandbox.parent / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join([str(GUARD), str(sandbox)])}
    return subprocess.run(["bash", "-c", command], cwd=sandbox, env=env, capture_output=True, text=True, timeout=600)


def test_the_readme_has_commands_that_are_executed():
    assert README.exists()
    assert len(RUN) >= 2, "mark the blocks to be executed with <!-- run -->"
    assert {"make replicate", "make test"} <= {line for line, _ in COMMANDS}


@pytest.mark.parametrize("command", RUN)
def test_a_command_that_is_shown_to_run_runs(command: str, sandbox: Path):
    result = execute(command, sandbox)
    assert result.returncode == 0, f"$ {command}\n{result.stdout[-2000:]}\n{result.stderr[-2000:]}"


def test_make_targets_exist():
    targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    asked = [line.partition("make ")[2].split() for line, _ in COMMANDS if re.match(r"(\w+=\S+ )*make ", line)]
    assert {word for words in asked for word in words if "=" not in word} - targets == set()
    assert {"help", "replicate", "lab", "test", "bench", "clean"} <= targets


def test_mmkit_commands_that_are_only_shown_exist(sandbox: Path):
    shown = {line.split()[1] for line, run in COMMANDS if not run and re.match(r"mmkit \w", line)}
    missing = [name for name in sorted(shown) if execute(f"mmkit {name} --help", sandbox).returncode]
    assert missing == []


def test_continuous_integration_runs_the_readmes_test_command():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in [line.removeprefix("exec ") for line in script.read_text(encoding="utf-8").splitlines()]


def test_blocks_are_read_as_a_shell_would():
    shown = "```bash\nmake test   # all\n```\n"
    run = "<!-- run -->\n```bash\n# first\nmmkit run 05 \\\n  --seed '1 2'\n```\n"
    markdown = f"{shown}\n{run}\n```python\nx = 1\n```\n"
    assert commands(markdown) == [("make test", False), ("mmkit run 05 --seed '1 2'", True)]


def test_a_failing_command_is_noticed(sandbox: Path):
    assert execute("mmkit no-such-command", sandbox).returncode != 0
    assert execute("python -c 'import mmkit; print(mmkit.__file__)'", sandbox).stdout.startswith(str(sandbox))

"""A paper that computes nothing: fixtures/papers and fixtures/notebooks, whose cells write a run folder by themselves in a blink.

`python -m tests.stand_in ...` is the command line on it, for tests that need a process of its own.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from mmkit import papers

FIXTURES = Path(__file__).parent / "fixtures"
NOTEBOOKS = FIXTURES / "notebooks"


def install(folder: Path) -> None:
    """Let mmkit see the seventeen papers with the stand-in's facts alone. Files go to `folder`."""
    shutil.copy(papers.HERE / "index.toml", folder)
    shutil.copy(FIXTURES / "papers" / "05_tabular.toml", folder)
    papers.HERE = folder
    papers.all_papers.cache_clear()
    os.environ["MMKIT_NOTEBOOKS"] = str(NOTEBOOKS)


if __name__ == "__main__":
    from mmkit.cli import main

    with tempfile.TemporaryDirectory() as scratch:
        install(Path(scratch))
        sys.exit(main())

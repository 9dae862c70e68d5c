"""Answers to the notebooks' exercises, one file per notebook, paper_<number>.py, with WRONG and RIGHT.

WRONG: grade_id of the solution -> (what went wrong, body of the function, part of what the check says); RIGHT: grade_id -> body.
F is torch.nn.functional.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

NOTHING_YET = "nothing is returned yet"


def gathered(name: str) -> dict:
    """`name` (WRONG or RIGHT) of all notebooks."""
    files = sorted(Path(__file__).parent.glob("paper_*.py"))
    return {id: answers for file in files for id, answers in getattr(import_module(f"tests.answers.{file.stem}"), name).items()}

"""MUStARD with ten made-up records in its layout on disk, written by code: all in it can be told again."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from mmkit.readers import mustard

SAID = [  # utterance, speaker, context, who said it, show, sarcastic
    ("Oh, what a day.", "ANA", ["It rains.", "Again?\nStill?"], ["BEN", "ANA"], "NORTH", True),
    ("I like it.", "BEN", ["This is a long line that comes back."], ["ANA"], "NORTH", False),
    ("That\u00d5s a plan, isn\u00d5t it", "ANA", ["We\u0101\u20ac\u2122re late."], ["BEN"], "NORTH", True),
    ("No.", "CLEO", ["Yes.", "No!", "Maybe \u00d5 or not."], ["ANA", "CLEO", "ANA"], "SOUTH", False),
    ("Wonderful, a queue.", "CLEO", [], [], "SOUTH", True),
    ("Tomorrow then.", "DAN", ["When?"], ["CLEO"], "SOUTH", False),
    ("NO.", "DAN", ["Yes."], ["CLEO"], "SOUTH", True),
    ("Fine.", "ANA", ["This is a long line that comes back.", "So?"], ["BEN", "BEN"], "NORTH", False),
    ("Of course you are.", "BEN", ["I am an expert."], ["ANA"], "NORTH", True),
    ("Good night.", "BEN", ["Good night."], ["ANA"], "NORTH", False),
]  # fmt: skip
IDS = [f"{1 + n % 2}_{60 + 7 * n}" for n in range(10)]
TESTED = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]  # the fold that tests each record
KEYS = ("utterance", "speaker", "context", "context_speakers", "show", "sarcasm")


def records() -> dict[str, dict[str, Any]]:
    return {id: dict(zip(KEYS, row, strict=True)) for id, row in zip(IDS, SAID, strict=True)}


def folds(tested: list[int] = TESTED) -> list[tuple[np.ndarray, np.ndarray]]:
    at = np.array(tested)
    return [(np.flatnonzero(at != k), np.flatnonzero(at == k)) for k in range(5)]


def features() -> dict[str, np.ndarray]:
    """(3, steps) per record, as many steps as the record's number + 1."""
    return {id: np.arange(3)[:, None] * 10 + n + np.linspace(-1, 1, n + 1)[None] for n, id in enumerate(IDS)}


def folder(tmp: Path, **files: Any) -> Path:
    """The three files; one of them replaced by another value, by bytes or, with None, taken away."""
    content = {"said": records(), "folds": folds(), "audio": None} | files
    names = {"said": mustard.FILE, "folds": mustard.FOLDS, "audio": mustard.AUDIO}
    for key, value in content.items():
        if value is not None:
            pack = (lambda v: json.dumps(v).encode()) if key == "said" else (lambda v: pickle.dumps(v, protocol=2))
            (tmp / names[key]).write_bytes(value if isinstance(value, bytes) else pack(value))
    return tmp / mustard.FILE

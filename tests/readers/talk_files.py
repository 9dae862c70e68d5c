"""Tiny copies of the conversation data sets in their true layout on disk, made by code: every number can be told again."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# --- IEMOCAP ---------------------------------------------------------------------------------------------------------------

TALKS = {  # in an order of their own: the readers sort by name; speaker, label, sentence
    "Ses03F_impro02": [("F", 4, "We won!"), ("M", 0, "We did."), ("F", 4, "[LAUGHTER]")],
    "Ses01M_script01_1b": [("M", 1, "She is gone."), ("F", 2, "Who?"), ("F", 1, "Oh."), ("M", 1, "Yes.")],
    "Ses05F_impro01": [("M", 3, "Give it back."), ("F", 5, "I can't.")],
    "Ses02F_impro07": [("F", 2, "Next."), ("M", 5, "I was here first.")],
    "Ses04M_impro03": [("M", 2, "In no list."), ("F", 2, "At all.")],
}
TRAIN, VALID, TEST = ["Ses03F_impro02", "Ses01M_script01_1b"], ["Ses02F_impro07"], ["Ses05F_impro01"]
SHIFT = {"text_vector": 0.0, "audio": 0.25, "video": 0.5}
WIDTHS = {
    6: {},
    9: {"text_vector": 100, "audio": 100, "video": 512},
    10: {"text_vector": 1024},
    12: {"text_vector": 1024, "audio": 1582, "video": 342},
}


def feature(kind: str, dialogue: str, turn: int, width: int, layer: int = 0) -> np.ndarray:
    """(width,) of one utterance: no two numbers of any two utterances are alike; a layer adds its number."""
    return 10 * list(TALKS).index(dialogue) + turn + SHIFT[kind] + np.arange(width) / 8192 + layer


def elements(layout: int = 9) -> dict[str, Any]:
    """What the file holds, by names in the order of its elements."""
    widths = WIDTHS[layout]
    held: dict[str, Any] = {}
    if layout in (9, 12):
        held["ids"] = {name: [f"{name}_{row[0]}{n:03d}" for n, row in enumerate(rows)] for name, rows in TALKS.items()}
    for at, name in enumerate(("speakers", "labels")):
        held[name] = {talk: [row[at] for row in rows] for talk, rows in TALKS.items()}
    for kind, width in widths.items():
        for layer in range(4 if (kind, width) == ("text_vector", 1024) else 1):
            made = {talk: [feature(kind, talk, n, width, layer) for n in range(len(rows))] for talk, rows in TALKS.items()}
            held[f"{kind}{layer or ''}"] = made
    held["sentences"] = {talk: [row[2] for row in rows] for talk, rows in TALKS.items()}
    if layout in (9, 12):
        return held | {"train": [*TRAIN, *VALID], "test": TEST.copy()}
    return held | {"train": TRAIN.copy(), "test": TEST.copy(), "valid": VALID.copy()}


def iemocap(path: Path, layout: int = 9, change: Callable[[dict[str, Any]], object] | None = None, protocol: int = 2) -> Path:
    """The pickle; `change` alters its elements in place first."""
    held = elements(layout)
    if change is not None:
        change(held)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(tuple(held.values()) if layout in (9, 12) else list(held.values()), protocol=protocol))
    return path


# --- MELD ------------------------------------------------------------------------------------------------------------------

HEAD = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
SAID = {
    "train": (
        '1,"Well, it\u2019s ""over"".",Ross,sadness,negative,0,0,8,21,"00:16:16,059","00:16:21,731"',
        '2,What?,Monica,surprise,negative,0,1,8,21,"00:16:21,940","00:16:23,442"',
        '5,Caf\u00e9 then\u2026,Joey,joy,positive,0,3,8,21,"00:16:26,820","00:16:29,572"',
        '6,Hm.,The Interviewer,neutral,neutral,2,0,1,2,"0:01:00,000","1:00:00,500"',
    ),
    "dev": ('1,Ew!,Rachel,disgust,negative,0,0,4,7,"00:20:57,256","00:21:00,49"',),
    "test": (
        '1,Run!,Phoebe,fear,negative,0,0,3,19,"00:14:38,127","00:14:40,378"',
        '2,Never.,Ross,anger,negative,0,1,3,19,"00:14:40,629","00:14:47,385"',
    ),
}


def meld(folder: Path, head: str = HEAD, encoding: str = "utf-8", **lines: Sequence[str] | None) -> Path:
    """The three files. `lines` replaces those of train, dev or test or, with None, leaves the file out."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, said in {**SAID, **lines}.items():
        if said is not None:
            text = "".join(f"{line}\r\n" for line in (head, *said))
            (folder / f"{part}_sent_emo.csv").write_bytes(text.encode(encoding))
    return folder

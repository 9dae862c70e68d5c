r"""The dialogues world: two speakers whose emotions pass from one to the other, in words, voice and face.

One simulation, two views as two published data sets. `emotions`: utterances of two-person talks with the emotion of who speaks.
`sarcasm`: lines of scenes in which the words may say the opposite of what voice and face show. How strongly each speaker follows
the other, what every line means and which modality gives it away are known, and each can be removed.

Files, in the order of what they need: `knobs`, `states` | `emissions`, `sentences`, `filtering`, `emotions_data` |
`sarcasm_knobs`, `sarcasm`, `spanish`, `lines`, `voice`, `faces`, `posteriors`, `sarcasm_data`.
"""

from __future__ import annotations

from typing import Any

from mmkit.errors import SettingsError, nearest
from mmkit.schema import Dataset
from mmkit.worlds.dialogues.emotions_data import ceilings, make_emotions
from mmkit.worlds.dialogues.knobs import NULLS, VIEWS, Knobs
from mmkit.worlds.dialogues.sarcasm_data import make_sarcasm, word_table
from mmkit.worlds.dialogues.sarcasm_knobs import SarcasmKnobs
from mmkit.worlds.dialogues.states import EMOTIONS

__all__ = [
    "EMOTIONS",
    "NULLS",
    "VIEWS",
    "Knobs",
    "SarcasmKnobs",
    "ceilings",
    "make",
    "make_emotions",
    "make_sarcasm",
    "word_table",
]


def make(view: str, count: int, seed: int, null: str | None = None, **more: Any) -> Dataset:
    """`count` dialogues of the view emotions, or utterances of the view sarcasm: see `make_emotions` and `make_sarcasm`.

    Raises SettingsError for an unknown view, null or knob, and for impossible values.
    """
    if view not in VIEWS:
        raise SettingsError(f"dialogues world has no view {view!r}{nearest(view, VIEWS)}")
    return (make_emotions if view == "emotions" else make_sarcasm)(count, seed, null, **more)

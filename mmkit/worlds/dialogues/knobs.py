"""What can be turned in the dialogues world, its null controls, and what is refused.

The knobs of the sarcasm view, with their null controls and bounds under the same names, stand in `sarcasm_knobs.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from mmkit.errors import SettingsError, nearest
from mmkit.worlds.bounds import impossible, is_whole

VIEWS = ("emotions", "sarcasm")
CHOICES = {"mode": ("contagion", "provoke"), "named": ("true", "shuffled"), "evidence": ("own", "equal")}
WHOLE = {  # knob -> (least, most)
    "turns": (2, 400),
    "pairs": (3, 10_000),
    "text_dim": (6, 4096),
    "audio_dim": (6, 4096),
    "video_dim": (6, 4096),
}
REAL = {
    "coupling": (0.0, 1.0),
    "inertia": (0.0, 1.0),
    "coupling_spread": (0.0, 0.95),
    "dominance": (0.0, 1.0),
    "inertia_spread": (0.0, 1.0),
    "lean": (0.0, 1.0),
    "switch": (0.0, 1.0),
    "lexical": (0.0, 1.0),
    "noise_text": (0.0, 10.0),
    "noise_audio": (0.0, 10.0),
    "noise_video": (0.0, 10.0),
    "offset": (0.0, 10.0),
    "drift": (0.0, 10.0),
    "missing": (0.0, 0.95),
}


@dataclass(frozen=True)
class Knobs:
    """Everything that can be turned in the emotions view; the sarcasm view has more."""

    view: str  # emotions | sarcasm
    coupling: float = 0.6  # κ: how often a speaker takes the next emotion from the other, on average
    inertia: float = 0.3  # λ: how often from the own last one; else, 1 - λ - κ, it is drawn from the prior
    mode: str = "contagion"  # contagion: an emotion near the other's | provoke: one near what it provokes
    coupling_spread: float = 0.3  # 0: every speaker in every dialogue has the mean; its variance as a share of the largest one
    dominance: float = 0.0  # of a pair, one speaker's mean κ is κ (1 - dominance) and the other's κ (1 + dominance)
    inertia_spread: float = 0.0  # a speaker's λ is uniform in λ (1 ± inertia_spread)
    lean: float = 0.0  # share of a speaker's prior that lies on one favourite emotion
    switch: float = 0.75  # probability that the other speaks next
    turns: int = 40  # mean length of a dialogue; lengths lie within a quarter of it
    pairs: int = 10  # pairs of speakers who share the dialogues; a speaker is in one pair
    lexical: float = 0.5  # probability that a word that can show an emotion shows it
    text_dim: int = 20
    audio_dim: int = 20
    video_dim: int = 40
    noise_text: float = 0.9  # standard deviation in each direction; two emotions are √2 apart in text
    noise_audio: float = 0.85
    noise_video: float = 1.1
    offset: float = 0.3  # standard deviation of a speaker's voice in each direction of the audio vector
    drift: float = 0.2  # of the slow drift of the video vector
    missing: float = 0.0  # probability that an utterance has no audio, and that it has no video (zeros instead)
    evidence: str = "own"  # own: each modality shows the emotions its own way | equal: all as text does
    named: str = "true"  # true: the column `speaker` says who speaks | shuffled: at random among the turns of a dialogue


# Null controls of the emotions view: one named change each, which removes what a claim credits.
NULLS: dict[str, dict[str, Any]] = {
    "no_coupling": {"coupling": 0.0},  # nobody's emotion depends on the other's
    "no_history": {"coupling": 0.0, "inertia": 0.0},  # nor on anything that was said before
    "shuffled_speakers": {"named": "shuffled"},  # who speaks cannot be told
    "clean": {"noise_text": 0.0, "noise_audio": 0.0, "noise_video": 0.0, "offset": 0.0, "drift": 0.0},  # features tell all
    "even_emotions": {
        "evidence": "equal",
        "coupling": 0.0,
    },  # no emotion looks, sounds or follows more like one other than like all
    "equal_modalities": {  # no modality tells more than another
        "evidence": "equal",
        "noise_text": 1.15,
        "noise_audio": 1.15,
        "noise_video": 1.15,
        "offset": 0.0,
        "drift": 0.0,
    },
}


def settle(view: str, seed: int, null: str | None, changes: dict[str, Any]) -> Knobs:
    """The knobs in force. Raises SettingsError for an unknown view, null or knob, and for impossible values, all at once."""
    if view not in VIEWS:
        raise SettingsError(f"dialogues world has no view {view!r}{nearest(view, VIEWS)}")
    kind, nulls, bounds, hidden = _of(view)
    if null is not None and null not in nulls:
        raise SettingsError(f"dialogues/{view} has no null control {null!r}{nearest(null, nulls)}")
    known = [f.name for f in fields(kind) if f.name not in ("view", *hidden)]
    if unknown := [name for name in changes if name not in known]:
        raise SettingsError("; ".join(f"dialogues/{view} has no knob {name!r}{nearest(name, known)}" for name in unknown))
    knobs = replace(kind(view), **{**(nulls[null] if null else {}), **changes})
    wrong = [] if is_whole(seed) and seed >= 0 else [f"seed = {seed!r}, expected a whole number of at least 0"]
    if wrong := wrong + _impossible(knobs, *bounds):
        raise SettingsError(f"dialogues/{view}: {'; '.join(wrong)}")
    return knobs


def _of(view: str) -> tuple[type[Knobs], dict[str, dict[str, Any]], tuple[dict, dict, dict], tuple[str, ...]]:
    """Of a view: the class of its knobs, its null controls, the bounds of its knobs, and the knobs that it does not have."""
    if view == "emotions":
        return Knobs, NULLS, (WHOLE, REAL, CHOICES), ()
    from mmkit.worlds.dialogues import sarcasm_knobs as more  # imports this file

    bounds = (WHOLE | more.WHOLE, REAL | more.REAL, CHOICES | more.CHOICES)
    return more.SarcasmKnobs, more.NULLS, bounds, more.NOT_HERE


def _impossible(knobs: Knobs, wholes: dict, reals: dict, choices: dict) -> list[str]:
    wrong = impossible(knobs, wholes, reals, choices)
    if not wrong and knobs.coupling + knobs.inertia > 1 + 1e-9:
        total = knobs.coupling + knobs.inertia
        wrong.append(f"coupling + inertia = {knobs.coupling:g} + {knobs.inertia:g} = {total:g}, expected at most 1")
    if not wrong and knobs.inertia * (1 + knobs.inertia_spread) > 1 + 1e-9:
        most = knobs.inertia * (1 + knobs.inertia_spread)
        wrong.append(f"inertia (1 + inertia_spread) = {most:g}, expected at most 1")
    return wrong

"""What can be turned in the sarcasm view besides what both views have, its null controls, and what it does not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mmkit.worlds.dialogues.knobs import Knobs

CHOICES = {
    "emitter": ("features", "signal"),
    "delivery": ("attitude", "voice", "face", "unrelated", "plain"),
    "vectors": ("synonyms", "random"),
}
WHOLE: dict[str, tuple[int, int]] = {"audio_dim": (8, 4096), "text_dim": (8, 4096), "turns": (5, 400)}
REAL = {
    "rate": (0.02, 0.98),
    "speaker_spread": (0.0, 5.0),
    "leak": (0.0, 5.0),
    "traces": (0.0, 10.0),
    "noise_spread": (0.0, 1.5),
    "flatness": (0.0, 5.0),
}
NOT_HERE = (  # knobs of the emotions view that decide nothing in this one
    "coupling_spread", "dominance", "inertia_spread", "lean", "pairs", "drift", "missing", "evidence", "named",
)  # fmt: skip


@dataclass(frozen=True)
class SarcasmKnobs(Knobs):
    """Everything that can be turned in the sarcasm view."""

    turns: int = 17  # mean length of a scene; 17 gives 10 to 25
    lexical: float = 0.52  # probability of a sarcastic marker in each of two places of a sarcastic sentence
    text_dim: int = 50  # of a word vector
    audio_dim: int = 50  # of the voice's features
    video_dim: int = 30  # of the face's features
    noise_text: float = 0.03  # standard deviation of what a sentence's context adds to each number of its vector
    noise_audio: float = 2.8  # of the voice's features in each direction
    noise_video: float = 3.0  # of the face's
    offset: float = 0.3  # of a speaker's own way in each direction of both
    emitter: str = "features"  # features: Gaussian vectors | signal: described from synthesised sound and drawn frames
    rate: float = 0.165  # probability of sarcasm of an average speaker in an average scene
    speaker_spread: float = 1.0  # standard deviation of the speakers' log odds of sarcasm
    leak: float = 0.6  # standard deviation of the scenes' log odds of sarcasm
    traces: float = (
        0.8  # standard deviation of a scene's background in each direction of video; 0: words and pictures have no scene
    )
    noise_spread: float = 0.35  # of the log noise of utterances around their mean: some are clearer than others
    flatness: float = 0.6  # how flat and slow sarcasm sounds, against 1 for the attitude
    delivery: str = (
        "attitude"  # voice and face show the attitude | only the voice | only the face | neither | plainly the sarcasm
    )
    vectors: str = "synonyms"  # synonyms: words of like meaning have like vectors | random: they do not


# Null controls of the sarcasm view: one named change each, which removes what a claim credits.
NULLS: dict[str, dict[str, Any]] = {
    "mismatch_off": {"delivery": "unrelated"},  # voice and face show an attitude drawn by a coin, sarcasm leaves no mark in them
    "voice_off": {"delivery": "face"},  # the voice tells nothing
    "face_off": {"delivery": "voice"},  # the face tells nothing
    "plain": {"delivery": "plain"},  # voice and face show the sarcasm itself: no mismatch is needed, a sum of evidence will do
    "no_markers": {"lexical": 0.0},  # sincere and sarcastic sentences have the same words
    "no_leak": {"leak": 0.0, "traces": 0.0},  # no scene is more sarcastic than another, and none can be recognised
    "no_synonyms": {"vectors": "random"},  # a word's vector says nothing about words that were not trained on
}

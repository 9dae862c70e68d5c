r"""What an utterance shows of the emotion behind it: a vector of text, one of audio and one of video.

    x = B (c_e + shift) + σ ε,      B with orthonormal columns, drawn once per seed;      ε standard normal in every direction

Text has a column for each emotion, c_e = 1[e]. Audio has the plane of the emotions, mostly its arousal, video mostly its valence;
so happy and excited, angry and frustrated are hard to tell apart there. Every speaker's voice has an offset of its own, in all
directions of the audio vector; video drifts slowly through a dialogue. What lies outside of B is noise, so the sizes of vectors
change nothing that can be known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmkit.worlds.bounds import rng
from mmkit.worlds.dialogues.knobs import Knobs
from mmkit.worlds.dialogues.states import EMOTIONS, PLANE, PRIOR, States

CHANNELS = ("text", "audio", "video")
WEIGHT = {"audio": (0.5, 1.2), "video": (1.2, 0.5)}  # of valence and arousal
MEMORY = 0.95  # of the drift, from one turn to the next
LEAST = 1e-3  # noise that a reader of noise-free features reckons with, so that likelihoods stay finite


@dataclass(frozen=True, eq=False)
class Channel:
    """One modality of U utterances, and everything needed to say how likely each emotion makes it."""

    values: NDArray[np.float32]  # (U, D) what is shown; zeros where it is missing
    basis: NDArray[np.float32]  # (D, r) B, orthonormal columns
    codes: NDArray[np.float64]  # (6, r) c_e
    shift: NDArray[np.float64]  # (U, r) what offset or drift adds, in the columns of B
    noise: float  # σ
    present: NDArray[np.bool_]  # (U,) False where it is missing

    @property
    def snr(self) -> NDArray[np.float64]:
        """(U,) variance of c_e under the prior, over σ² in one direction; 0 where it is missing, infinite without noise."""
        mean = PRIOR @ self.codes
        signal = float(PRIOR @ ((self.codes - mean) ** 2).sum(axis=1))
        return np.where(self.present, signal / self.noise**2 if self.noise else np.inf, 0.0)

    @property
    def log_likelihood(self) -> NDArray[np.float64]:
        """(U, 6) log p(x | e) up to a constant for each utterance, exact: the shift is known, missing vectors tell nothing."""
        seen = self.values @ self.basis - self.shift  # (U, r)
        away = ((seen[:, None] - self.codes) ** 2).sum(axis=2)
        return np.where(self.present[:, None], -away / (2 * max(self.noise, LEAST) ** 2), 0.0)


def codes(channel: str, evidence: str = "own") -> NDArray[np.float64]:
    """(6, r) what each emotion looks like in a channel, in the columns of its B. evidence: own | equal (all as text)."""
    return np.eye(len(EMOTIONS)) if channel == "text" or evidence == "equal" else PLANE * WEIGHT[channel]


def emit(states: States, person: NDArray, knobs: Knobs, seed: int) -> dict[str, Channel]:
    """The three channels of U utterances. person (U,): the number of who speaks, over all dialogues."""
    return {name: _channel(name, states, person, knobs, seed) for name in CHANNELS}


def _channel(name: str, states: States, person: NDArray, knobs: Knobs, seed: int) -> Channel:
    size, noise = getattr(knobs, f"{name}_dim"), getattr(knobs, f"noise_{name}")
    code = codes(name, knobs.evidence)
    basis = np.linalg.qr(rng(seed, f"{name}/basis").standard_normal((size, code.shape[1])))[0].astype(np.float32)
    values = rng(seed, f"{name}/noise").standard_normal((len(person), size), dtype=np.float32)
    values *= np.float32(noise)
    values += (code[states.own] @ basis.T).astype(np.float32)
    shift = np.zeros((len(person), code.shape[1]))
    if name == "audio":
        voice = knobs.offset * rng(seed, "audio/voices").standard_normal((int(person.max()) + 1, size))
        values += voice.astype(np.float32)[person]
        shift = (voice @ basis)[person]
    elif name == "video":
        shift = knobs.drift * _walks(states, code.shape[1], rng(seed, "video/drift"))
        values += (shift @ basis.T).astype(np.float32)
    present = np.ones(len(person), dtype=bool)
    if name != "text":
        present = rng(seed, f"{name}/missing").random(len(person)) >= knobs.missing
        values[~present] = 0
    return Channel(values, basis, code, shift, noise, present)


def _walks(states: States, size: int, random: np.random.Generator) -> NDArray[np.float64]:
    """(U, size) slow walks through each dialogue, with variance 1 at every turn."""
    there = states.turn.max() + 1, len(states.offsets) - 1
    walk = random.standard_normal((*there, size))
    for t in range(1, len(walk)):
        walk[t] = MEMORY * walk[t - 1] + np.sqrt(1 - MEMORY**2) * walk[t]
    return walk[states.turn, states.dialogue]

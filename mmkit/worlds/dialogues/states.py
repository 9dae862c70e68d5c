r"""Who speaks when, and what both speakers feel: two chains of six emotions that are coupled through the turns.

When speaker P speaks, with κ the coupling and λ the inertia of P in this dialogue,

    e_P ~ (1 - λ - κ) π_P + λ 1[e_P stays] + κ S[e_other],      S = contagion(mode);

the other's emotion stays as it is. The speaker changes with probability `switch` between two turns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmkit.worlds.dialogues.knobs import Knobs

EMOTIONS = ("happy", "sad", "neutral", "angry", "excited", "frustrated")
PLANE = np.array([[0.8, 0.3], [-0.7, -0.6], [0.0, -0.1], [-0.8, 0.8], [0.8, 0.8], [-0.7, 0.3]])  # valence, arousal
PRIOR = np.array([0.09, 0.14, 0.23, 0.16, 0.13, 0.25])
REACH = 0.3  # squared distance in the plane over which contagion falls to 1 / e
PROVOKED = (5, 4, 3, 1, 2, 0)  # what the other's emotion provokes: happy frustrates, sad excites, calm angers, anger saddens, ...


@dataclass(frozen=True, eq=False)
class States:
    """D dialogues with U utterances in all: who speaks, what both feel, and by which law."""

    offsets: NDArray[np.int64]  # (D + 1,): dialogue d has the utterances offsets[d] to offsets[d + 1]
    speaker: NDArray[np.int8]  # (U,) 0 or 1 within the dialogue
    state: NDArray[np.int8]  # (U, 2) emotions of speaker 0 and of speaker 1 after the turn
    coupling: NDArray[np.float32]  # (D, 2) κ: how strongly each speaker follows the other
    inertia: NDArray[np.float32]  # (D, 2) λ
    prior: NDArray[np.float32]  # (D, 2, 6) π

    @property
    def dialogue(self) -> NDArray[np.int64]:
        """(U,) the dialogue of each utterance."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    @property
    def turn(self) -> NDArray[np.int64]:
        """(U,) the place of each utterance in its dialogue, from 0."""
        return np.arange(self.offsets[-1]) - self.offsets[self.dialogue]

    @property
    def own(self) -> NDArray[np.int8]:
        """(U,) the emotion of who speaks."""
        return np.take_along_axis(self.state, self.speaker[:, None], axis=1)[:, 0]

    @property
    def other(self) -> NDArray[np.int8]:
        """(U,) the emotion of who listens."""
        return np.take_along_axis(self.state, 1 - self.speaker[:, None], axis=1)[:, 0]


def contagion(mode: str = "contagion") -> NDArray[np.float64]:
    """(6, 6) S: row e is the law of a speaker's emotion in answer to e; rows sum to 1.

    contagion: near e in the plane, exp(-distance² / 0.3).  provoke: near another emotion (`PROVOKED`), the same rows in
    another order, so that the other tells just as much.
    """
    near = np.exp(-((PLANE[:, None] - PLANE) ** 2).sum(axis=2) / REACH)
    near /= near.sum(axis=1, keepdims=True)
    return near if mode == "contagion" else near[list(PROVOKED)]


def answer(own: NDArray, coupling: NDArray, inertia: NDArray, prior: NDArray, response: NDArray) -> NDArray:
    """The law of (own, other) after a turn, from their law before it: own (n, 6, 6), axis 1 is who speaks, axis 2 who listens.

    coupling and inertia (n,) and prior (n, 6) of who speaks; response (6, 6) as `contagion` gives it.
    """
    other = own.sum(axis=1)  # (n, 6)
    fresh = np.maximum(1 - inertia - coupling, 0)  # float32 may round it below 0
    drawn = fresh[:, None, None] * prior[:, :, None] + coupling[:, None, None] * response.T  # (n, new, other)
    return inertia[:, None, None] * own + drawn * other[:, None, :]


def simulate(
    lengths: NDArray,
    knobs: Knobs,
    rng: np.random.Generator,
    coupling: NDArray | None = None,
    inertia: NDArray | None = None,
    prior: NDArray | None = None,
) -> States:
    """Dialogues of `lengths` (D,) turns. Where not given, coupling (D, 2) is drawn around the knob, with inertia (D, 2) the
    knob's and prior (D, 2, 6) the common one. What is given moves no other random number.
    """
    lengths = np.asarray(lengths)
    dialogues, longest = len(lengths), int(lengths.max())
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    of_coupling, of_speakers, of_states = rng.spawn(3)
    inertia = np.full((dialogues, 2), knobs.inertia) if inertia is None else np.asarray(inertia, dtype=float)
    if coupling is None:
        coupling = couplings(np.full((dialogues, 2), knobs.coupling), inertia, knobs.coupling_spread, of_coupling)
    coupling, inertia = np.asarray(coupling, dtype=np.float32), inertia.astype(np.float32)
    prior = np.broadcast_to(PRIOR if prior is None else prior, (dialogues, 2, len(EMOTIONS))).astype(np.float32)

    there = np.arange(longest) < lengths[:, None]  # (D, T)
    speaker = _speakers(dialogues, longest, knobs.switch, of_speakers)
    state = _emotions(speaker, coupling, inertia, prior, contagion(knobs.mode), of_states)
    return States(offsets, speaker[there], state[there], coupling, inertia, prior)


def personas(pairs: int, knobs: Knobs, rng: np.random.Generator) -> tuple[NDArray, NDArray, NDArray]:
    """Mean coupling (P, 2), inertia (P, 2) and prior (P, 2, 6) of the two speakers of each pair.

    One of the two, by a coin, dominates: it follows less and is followed more. No mean coupling exceeds 1 - inertia.
    """
    of_inertia, of_favourite, of_dominance = rng.spawn(3)
    inertia = knobs.inertia * (1 + knobs.inertia_spread * of_inertia.uniform(-1, 1, (pairs, 2)))
    favourite = of_favourite.choice(len(EMOTIONS), size=(pairs, 2), p=PRIOR)
    prior = (1 - knobs.lean) * PRIOR + knobs.lean * np.eye(len(EMOTIONS))[favourite]
    sign = np.where(of_dominance.random(pairs) < 0.5, 1, -1)[:, None] * [1, -1]
    return np.minimum(knobs.coupling * (1 + knobs.dominance * sign), 1 - inertia), inertia, prior


def couplings(mean: NDArray, inertia: NDArray, spread: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Couplings with these means (any shape) between 0 and 1 - inertia, beta distributed.

    spread: their variance as a share of the largest possible one, m (1 - m) for numbers in [0, 1] with mean m. 0 stays 0.
    """
    room = 1 - inertia
    m = np.clip(mean / np.where(room > 0, room, 1), 0, 1)
    if spread == 0:
        return m * room
    weight = 1 / spread - 1  # variance = m (1 - m) / (weight + 1)
    inside = (m > 0) & (m < 1)
    safe = np.where(inside, m, 0.5)
    return np.where(inside, rng.beta(safe * weight, (1 - safe) * weight), m) * room


def _speakers(dialogues: int, turns: int, switch: float, rng: np.random.Generator) -> NDArray[np.int8]:
    """(D, T) 0 or 1; who begins is a coin."""
    changes = rng.random((dialogues, turns)) < switch
    changes[:, 0] = rng.random(dialogues) < 0.5
    return (np.cumsum(changes, axis=1) % 2).astype(np.int8)


def _emotions(
    speaker: NDArray, coupling: NDArray, inertia: NDArray, prior: NDArray, response: NDArray, rng: np.random.Generator
) -> NDArray[np.int8]:
    """(D, T, 2) emotions of both after each turn. Before the first turn each is drawn from the prior."""
    dialogues, turns = speaker.shape
    cumulative = np.cumsum(prior, axis=2)
    law = [cumulative / cumulative[..., -1:], np.cumsum(response, axis=1)]  # of the prior, of an answer
    first, cause, which = rng.random((dialogues, 2)), rng.random((dialogues, turns)), rng.random((dialogues, turns))
    rows = np.arange(dialogues)
    now = (first[..., None] > law[0][..., :-1]).sum(axis=2)  # (D, 2)
    out = np.empty((dialogues, turns, 2), dtype=np.int8)
    for t in range(turns):
        p = speaker[:, t]
        stays, follows = inertia[rows, p], coupling[rows, p]
        drawn = (which[:, t, None] > law[0][rows, p, :-1]).sum(axis=1)
        answered = (which[:, t, None] > law[1][now[rows, 1 - p], :-1]).sum(axis=1)
        moved = np.where(cause[:, t] < stays + follows, answered, drawn)
        now[rows, p] = np.where(cause[:, t] < stays, now[rows, p], moved)
        out[:, t] = now
    return out

r"""What can be known of a speaker's emotion at best: exact posteriors by filtering the chain of both speakers' states.

The hidden state is the pair (e_0, e_1), 36 of them. A turn moves it by the law of `states.answer`; what the utterance shows
multiplies it by p(x | e of who speaks). Four readers differ in what they hear:

    utterance   the present utterance and nothing else
    own         and all earlier ones of the same speaker (the partner's emotions are summed out, exactly)
    agnostic    and all earlier ones of both, without being told who speaks: 72 states, the pair and who spoke last
    joint       and all earlier ones of both

All readers know the law: prior, inertia and coupling of the two speakers of this dialogue, and how likely the speaker changes.
They know the offset of each voice and the drift of the video, too, which no model is told: a model may come close to them and can
never, on average, do better. Offsets are taken away before the agnostic reader listens, so no voice tells it who speaks.

Under contagion two speakers come to feel alike, and the agnostic reader does almost as well as the joint one; where feelings
`provoke` other ones it matters whose they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mmkit.errors import SettingsError, nearest
from mmkit.worlds.dialogues.emissions import CHANNELS, Channel
from mmkit.worlds.dialogues.knobs import Knobs
from mmkit.worlds.dialogues.states import EMOTIONS, States, answer, contagion

READERS = ("utterance", "own", "agnostic", "joint")


def likelihoods(channels: dict[str, Channel], modalities: Sequence[str] = CHANNELS) -> NDArray[np.float64]:
    """(U, 6) p(x | e) of some modalities together, up to a constant for each utterance; the largest of a row is 1."""
    if unknown := [name for name in modalities if name not in channels]:
        raise SettingsError("; ".join(f"dialogues world has no modality {name!r}{nearest(name, channels)}" for name in unknown))
    if not len(modalities):
        raise SettingsError(f"modalities = {tuple(modalities)!r}, expected at least one of {', '.join(channels)}")
    log = sum(channels[name].log_likelihood for name in modalities)
    return np.exp(log - log.max(axis=1, keepdims=True))


def posterior(states: States, likelihood: NDArray, knobs: Knobs, reader: str = "joint") -> NDArray[np.float64]:
    """(U, 6) the law of each speaker's emotion at its turn, for one of READERS. likelihood (U, 6) as above; rows sum to 1."""
    if reader == "utterance":
        return _pair(states, likelihood, knobs, np.zeros(len(likelihood), dtype=bool))
    if reader == "own":
        first = states.speaker == 0
        of_first, of_second = (_pair(states, likelihood, knobs, heard) for heard in (first, ~first))
        return np.where(first[:, None], of_first, of_second)
    if reader == "agnostic":
        return _unnamed(states, likelihood, knobs)
    if reader == "joint":
        return _pair(states, likelihood, knobs, np.ones(len(likelihood), dtype=bool))
    raise SettingsError(f"dialogues world has no reader {reader!r}{nearest(reader, READERS)}")


def _pair(states: States, likelihood: NDArray, knobs: Knobs, heard: NDArray) -> NDArray[np.float64]:
    """Posteriors (U, 6) given what is shown now and what was shown at the earlier turns that are `heard` (U,) bool."""
    response, kept = contagion(knobs.mode), np.where(heard[:, None], likelihood, 1.0)
    law = _law(states)
    belief = _start(law[2])  # (D, 6, 6): speaker 0, speaker 1
    out = np.empty((len(likelihood), len(EMOTIONS)))
    for rows, at in _turns(states):
        swap = (states.speaker[at] == 1)[:, None, None]
        after = _spoken(belief[rows], swap, law, rows, states.speaker[at], response)  # axis 1: who speaks
        out[at] = _normalised(after.sum(axis=2) * likelihood[at], 1)
        after = _normalised(after * kept[at][:, :, None], (1, 2))
        belief[rows] = np.where(swap, after.transpose(0, 2, 1), after)
    return out


def _unnamed(states: States, likelihood: NDArray, knobs: Knobs) -> NDArray[np.float64]:
    """Posteriors (U, 6) given all that was shown, where only the law of the changes tells who speaks."""
    response, law = contagion(knobs.mode), _law(states)
    belief = 0.5 * np.stack([_start(law[2])] * 2, axis=1)  # (D, 2, 6, 6): who spoke last, speaker 0, speaker 1
    out = np.empty((len(likelihood), len(EMOTIONS)))
    for rows, at in _turns(states):
        before = (1 - knobs.switch) * belief[rows] + knobs.switch * belief[rows][:, ::-1]
        told, seen = likelihood[at], 0.0
        for p in (0, 1):
            swap, speaker = np.full((len(rows), 1, 1), p == 1), np.full(len(rows), p)
            after = _spoken(before[:, p], swap, law, rows, speaker, response) * told[:, :, None]
            seen = seen + after.sum(axis=2)
            belief[rows, p] = np.where(swap, after.transpose(0, 2, 1), after)
        out[at] = _normalised(seen, 1)
        belief[rows] = _normalised(belief[rows], (1, 2, 3))
    return out


def _law(states: States) -> tuple[NDArray, NDArray, NDArray]:
    """Coupling, inertia (D, 2) and prior (D, 2, 6) in double precision."""
    coupling, inertia = states.coupling.astype(float), states.inertia.astype(float)
    return coupling, inertia, _normalised(states.prior.astype(float), 2)


def _start(prior: NDArray) -> NDArray[np.float64]:
    """(D, 6, 6) the law of both emotions before the first turn."""
    return prior[:, 0, :, None] * prior[:, 1, None, :]


def _turns(states: States) -> Iterator[tuple[NDArray, NDArray]]:
    """For each turn: the dialogues (n,) that are so long, and their utterances (n,)."""
    lengths = np.diff(states.offsets)
    for t in range(int(lengths.max())):
        rows = np.flatnonzero(lengths > t)
        yield rows, states.offsets[rows] + t


def _spoken(belief: NDArray, swap: NDArray, law: tuple, rows: NDArray, speaker: NDArray, response: NDArray) -> NDArray:
    """The law after `speaker` (n,) has moved, from the one before, (n, 6, 6) by speaker number; axis 1 becomes who speaks."""
    coupling, inertia, prior = (what[rows, speaker] for what in law)
    return answer(np.where(swap, belief.transpose(0, 2, 1), belief), coupling, inertia, prior, response)


def _normalised(weight: NDArray, axis: int | tuple[int, ...]) -> NDArray:
    return weight / weight.sum(axis=axis, keepdims=True)

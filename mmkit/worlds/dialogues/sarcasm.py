r"""Who says what in which mood, and what is meant: scenes of two speakers, their attitudes, and sarcasm.

    s ~ Bernoulli(σ(logit rate + b_speaker + b_scene)),      u = ±1 the speaker's attitude,      v = u (-1)^s

u is the sign of the valence of what the speaker feels (`states.simulate`), a coin where that is neutral. v is what the words say.
So u tells nothing about s, nor does v: only whether they agree does. Deviation: a prior of the emotions in which pleasant and
unpleasant ones are equally frequent (the emotions view has more unpleasant ones), or u and v alone would tell something about s;
and the eight speakers' b are the same eight quantiles of a normal law in every world, dealt anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmkit.worlds.bounds import rng
from mmkit.worlds.dialogues.sarcasm_knobs import SarcasmKnobs
from mmkit.worlds.dialogues.states import PLANE, simulate

SHOWS = ("norte", "sur")  # Latin-American and Peninsular Spanish
CAST = 8  # speakers: the first four in one show, the others in the other
NAMES = ("Ana", "Bruno", "Clara", "Diego", "Elena", "Fermín", "Gala", "Hugo")
MOODS = np.array([0.20, 0.11, 0.23, 0.11, 0.20, 0.15])  # prior of the emotions: attitudes of both signs are equally frequent
QUANTILES = np.array([-1.53, -0.89, -0.49, -0.16, 0.16, 0.49, 0.89, 1.53])
SHORTEST, LONGEST = 10 / 17, 25 / 17  # of a scene, times the mean


@dataclass(frozen=True, eq=False)
class Acts:
    """D scenes with U utterances in all. Shows, speakers and scenes are numbers."""

    offsets: NDArray[np.int64]  # (D + 1,): scene d has the utterances offsets[d] to offsets[d + 1]
    turn: NDArray[np.int64]  # (U,)
    show: NDArray[np.int64]  # (U,) 0 or 1
    speaker: NDArray[np.int64]  # (U,) 0 to 7
    state: NDArray[np.int8]  # (U,) the speaker's emotion
    attitude: NDArray[np.int8]  # (U,) u, -1 or 1
    sarcastic: NDArray[np.int8]  # (U,) s, 0 or 1
    literal: NDArray[np.int8]  # (U,) v, -1 or 1
    speaker_bias: NDArray[np.float64]  # (8,) log odds
    scene_bias: NDArray[np.float64]  # (D,)

    @property
    def scene(self) -> NDArray[np.int64]:
        """(U,) the scene of each utterance."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


@dataclass(frozen=True, eq=False)
class Shown:
    """One channel of U utterances, voice or face: D numbers that are Gaussian given who speaks, w = ±1 and s.

    w is what the channel shows of the attitude (see `shows`); s marks it where the channel is not silent.
    """

    values: NDArray[np.float32]  # (U, D)
    mean: NDArray[np.float64]  # (8, 2, 2, D): speaker; w = -1, 1; s = 0, 1
    noise: NDArray[np.float64]  # (U,) standard deviation in each direction, of what no reader can know
    tells: bool  # False: w is a coin of its own and s leaves no mark

    @property
    def snr(self) -> NDArray[np.float64]:
        """(U,) squared distance between the two attitudes' means over the noise's variance; 0 where the channel tells nothing."""
        apart = ((self.mean[0, 1, 0] - self.mean[0, 0, 0]) ** 2).sum()
        return apart / self.noise**2 if self.tells else np.zeros(len(self.noise))

    @property
    def log_likelihood(self) -> NDArray[np.float64]:
        """(U, 8, 2, 2) log p(values | speaker, w, s), up to a constant of the utterance."""
        mean = self.mean.reshape(-1, self.mean.shape[-1])
        away = (mean**2).sum(axis=1) - 2 * self.values.astype(float) @ mean.T
        return (-away / (2 * self.noise[:, None] ** 2)).reshape(-1, *self.mean.shape[:-1])


def act(utterances: int, knobs: SarcasmKnobs, seed: int) -> Acts:
    """`utterances` utterances in scenes; the last scene ends where they do."""
    draw = rng(seed, "scenes")
    least, most = (max(2, round(knobs.turns * share)) for share in (SHORTEST, LONGEST))
    ends = np.cumsum(draw.integers(least, most, size=-(-utterances // least), endpoint=True))
    ends = np.append(ends[ends < utterances], utterances)
    scenes = len(ends)
    show = draw.integers(2, size=scenes)
    pair = draw.random((scenes, CAST // 2)).argsort(axis=1, kind="stable")[:, :2] + CAST // 2 * show[:, None]  # (D, 2)

    states = simulate(np.diff(ends, prepend=0), knobs, rng(seed, "moods"), prior=np.tile(MOODS, (scenes, 2, 1)))
    speaker = pair[states.dialogue, states.speaker]
    speaker_bias = knobs.speaker_spread * rng(seed, "speakers").permutation(QUANTILES / QUANTILES.std())
    scene_bias = knobs.leak * rng(seed, "scene bias").standard_normal(scenes)
    coin, chance = rng(seed, "attitudes").random((2, utterances))
    valence = np.sign(PLANE[states.own, 0])
    attitude = np.where(valence != 0, valence, np.where(coin < 0.5, 1, -1)).astype(np.int8)
    odds = np.log(knobs.rate / (1 - knobs.rate)) + speaker_bias[speaker] + scene_bias[states.dialogue]
    sarcastic = (chance < 1 / (1 + np.exp(-odds))).astype(np.int8)
    literal = (attitude * (1 - 2 * sarcastic)).astype(np.int8)
    return Acts(
        states.offsets,
        states.turn,
        show[states.dialogue],
        speaker,
        states.own,
        attitude,
        sarcastic,
        literal,
        speaker_bias,
        scene_bias,
    )


def tells(channel: str, knobs: SarcasmKnobs) -> bool:
    """Whether a channel, voice or face, has to do with what is meant."""
    return knobs.delivery in ("attitude", "plain", channel)


def shows(channel: str, acts: Acts, knobs: SarcasmKnobs, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What a channel shows (U,): w = 1 for a pleasant attitude and 0 for an unpleasant one, and 1 where sarcasm marks it."""
    if not tells(channel, knobs):
        coin = rng(seed, f"{channel}/coin").integers(2, size=len(acts.attitude))
        return coin, np.zeros_like(coin)
    s = acts.sarcastic.astype(np.int64)
    return (1 - s if knobs.delivery == "plain" else (acts.attitude > 0).astype(np.int64)), s


def noises(channel: str, level: float, acts: Acts, knobs: SarcasmKnobs, seed: int) -> NDArray[np.float64]:
    """(U,) the noise of each utterance in a channel: log-normal, with mean square level²."""
    z = rng(seed, f"{channel}/level").standard_normal(len(acts.attitude))
    return level * np.exp(knobs.noise_spread * z - knobs.noise_spread**2)

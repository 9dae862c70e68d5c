r"""How an utterance sounds: a Gaussian vector, or a voice made of harmonics that can be listened to.

Whoever is pleased speaks higher, faster, louder, brighter, with a rising and livelier melody; whoever is not, does the opposite.
Sarcasm sounds flatter and slower. Six numbers say how an utterance is delivered (TRAITS, `delivery`), Gaussian given attitude and
sarcasm; `sounds` turns them into syllables: vowels whose harmonics follow the formants, sung on a melody, in noise.
Eight speakers have a pitch and a vocal tract each, two shows a channel each, which tilts the spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmkit.worlds.bounds import rng
from mmkit.worlds.dialogues.sarcasm import CAST, Acts, Shown, noises, shows, tells
from mmkit.worlds.dialogues.sarcasm_knobs import SarcasmKnobs

RATE = 22_050  # samples in a second
TRAITS = ("pitch", "slope", "liveliness", "speed", "loudness", "brightness")
FLAT = np.array([0.0, -0.4, -1.0, -0.8, 0.0, 0.0])  # what sarcasm does to them
# Sound is to tell as much as the vectors do: with this NOISE a linear probe finds the attitude of 1,500 utterances in the
# descriptors of their sound in 93.7 and 93.3 % (seeds 1000 and 1001, 5 folds, the best of four penalties), in the vectors in 92.3
# and 91.3 %.
NOISE = 2.5  # at this `noise_audio` a trait's noise is as large as the attitude's effect, 1
LIMIT = 3.5  # of a trait
STRENGTH = 0.53  # root mean square of what the attitude adds to a number of the features, or takes from it
CHANNEL = 0.25  # standard deviation of a show's own way in each direction of the features

PITCH = np.array([205.0, 112.0, 228.0, 128.0, 190.0, 98.0, 245.0, 142.0])  # Hz, of each speaker
TRACT = np.array([1.13, 0.98, 1.18, 1.02, 1.10, 0.94, 1.20, 1.00])  # formants, times those of VOWELS
VOWELS = np.array(
    [[730, 1270, 2600], [480, 1900, 2550], [300, 2250, 2950], [500, 900, 2500], [330, 800, 2400]], dtype=float
)  # Hz
WIDTH, GAIN = np.array([90.0, 120.0, 180.0]), np.array([1.0, 0.6, 0.3])  # of the formants: Hz, amplitude
SYLLABLES = (5, 8)
SECONDS = (0.8, 2.0)
HARMONICS, TABLE = 40, 2048  # of a voice, at most; samples of one period
STEEP = -6.0  # dB per octave by which harmonics fall off, besides the formants
TILT = (-2.0, 2.0)  # what the channels of the shows add
ROOM = 0.004  # root mean square of the noise of the room, times the noise of the traits
ENVELOPE = 512  # steps of a syllable's loudness
FADE = 110  # samples in which an utterance begins and ends: 5 ms, so that the room does not click
LEVEL = 0.12  # root mean square of a vowel at its loudest, of a full scale of 1
AT_ONCE = 32  # utterances synthesised in one go


@dataclass(frozen=True, eq=False)
class Sounds:
    """One channel of sound for each of U utterances."""

    samples: NDArray[np.int16]  # (N,) at RATE
    offsets: NDArray[np.int64]  # (U + 1,): utterance i has the samples offsets[i] to offsets[i + 1]

    def waves(self) -> list[NDArray[np.int16]]:
        """The samples of each utterance, as views."""
        return [self.samples[a:b] for a, b in zip(self.offsets[:-1], self.offsets[1:], strict=True)]


def features(acts: Acts, knobs: SarcasmKnobs, seed: int) -> Shown:
    """What `audio` holds under the emitter `features`: audio_dim numbers."""
    fixed, size = rng(seed, "voice/weights"), knobs.audio_dim
    attitude, flat = fixed.standard_normal((2, size))
    attitude, flat = (STRENGTH * x * np.sqrt(size) / np.linalg.norm(x) for x in (attitude, flat))
    own = knobs.offset * fixed.standard_normal((CAST, size)) + CHANNEL * np.repeat(
        fixed.standard_normal((2, size)), CAST // 2, axis=0
    )
    mean = _means(own, attitude, knobs.flatness * flat * np.sqrt(len(TRAITS) / size))
    return _shown(mean, knobs.noise_audio, acts, knobs, seed, "features")


def delivery(acts: Acts, knobs: SarcasmKnobs, seed: int) -> Shown:
    """The six TRAITS, in units of the attitude's effect: what `sounds` speaks out. A speaker's own pitch is not among them."""
    mean = _means(np.zeros((CAST, len(TRAITS))), np.ones(len(TRAITS)), knobs.flatness * FLAT)
    return _shown(mean, knobs.noise_audio / NOISE, acts, knobs, seed, "delivery")


def _means(own: NDArray, attitude: NDArray, flat: NDArray) -> NDArray[np.float64]:
    """(8, 2, 2, D) for each speaker, each attitude, with and without sarcasm."""
    sign, on = np.array([-1, 1])[:, None, None], np.array([0, 1])[:, None]
    return own[:, None, None] + sign * attitude + on * flat


def _shown(mean: NDArray, level: float, acts: Acts, knobs: SarcasmKnobs, seed: int, stage: str) -> Shown:
    w, s = shows("voice", acts, knobs, seed)
    noise = noises("voice", level, acts, knobs, seed)
    values = mean[acts.speaker, w, s] + noise[:, None] * rng(seed, f"voice/{stage}").standard_normal((len(w), mean.shape[-1]))
    return Shown(values.astype(np.float32), mean, np.maximum(noise, 1e-3), tells("voice", knobs))


def sounds(acts: Acts, told: Shown, seed: int) -> Sounds:
    """The voices of U utterances whose traits `delivery` has told, 0.8 to 2 seconds each."""
    traits = np.clip(told.values.astype(float), -LIMIT, LIMIT)
    draw = rng(seed, "voice/syllables")
    count = draw.integers(*SYLLABLES, size=len(traits), endpoint=True)
    seconds = np.clip(count / (4.6 * np.exp(0.12 * traits[:, 3])), *SECONDS)
    offsets = np.concatenate([[0], np.cumsum((seconds * RATE).astype(np.int64))])
    vowel, accent = draw.integers(len(VOWELS), size=count.sum()), draw.standard_normal(count.sum())
    first = np.concatenate([[0], np.cumsum(count)])
    out = np.empty(offsets[-1], dtype=np.int16)
    for start in range(0, len(traits), AT_ONCE):
        some = slice(start, min(start + AT_ONCE, len(traits)))
        of_these = slice(first[some.start], first[some.stop])
        out[offsets[some.start] : offsets[some.stop]] = _speak(
            traits[some], acts.speaker[some], acts.show[some], told.noise[some], np.diff(offsets[some.start : some.stop + 1]),
            count[some], vowel[of_these], accent[of_these], rng(seed, f"voice/noise/{start}"),
        )  # fmt: skip
    return Sounds(out, offsets)


def _speak(
    traits: NDArray, speaker: NDArray, show: NDArray, noise: NDArray, samples: NDArray, count: NDArray,
    vowel: NDArray, accent: NDArray, draw: np.random.Generator,
) -> NDArray[np.int16]:  # fmt: skip
    """The samples of some utterances, one after the other."""
    clip = np.repeat(np.arange(len(count)), count)  # (S,) of each syllable
    nth = np.arange(len(clip)) - np.repeat(np.cumsum(count) - count, count)
    length = samples[clip] * (nth + 1) // count[clip] - samples[clip] * nth // count[clip]  # the utterance in equal pieces
    place = (nth + 0.5) / count[clip] - 0.5  # of a syllable in its utterance, -0.5 to 0.5
    semitones = 1.2 * traits[clip, 0] + 3 * traits[clip, 1] * place + 1.3 * np.exp(0.4 * traits[clip, 2]) * accent - 2 * place
    pitch = np.log2(PITCH[speaker[clip]]) + semitones / 12
    tables = _periods(2**pitch, vowel, speaker[clip], STEEP + 2.0 * traits[clip, 5] + np.array(TILT)[show[clip]])

    total = int(length.sum())
    begin = np.cumsum(length) - length
    middle = begin + length / 2
    frequency = np.exp2(np.interp(np.arange(total), middle, pitch))
    phase = np.cumsum(frequency / RATE)
    phase -= np.floor(phase)
    syllable = np.repeat(np.arange(len(length), dtype=np.int32), length)
    tone = tables.ravel()[syllable * TABLE + (phase * TABLE).astype(np.int32)]
    through = ((np.arange(total) - np.repeat(begin, length)) * np.repeat(ENVELOPE / length, length)).astype(np.int32)
    rise, hiss = _envelopes()
    loud = (LEVEL * 10 ** (1.5 * traits[:, 4] / 20)).astype(np.float32)
    white = draw.standard_normal(total + 1, dtype=np.float32)
    white = (
        white[1:] - np.repeat(np.array([0.5, -0.5], dtype=np.float32)[show], samples) * white[:-1]
    )  # a bright and a dull channel
    room = np.repeat((ROOM * noise).astype(np.float32), samples)
    out = np.repeat(loud, samples) * (rise[through] * tone + hiss[through] * white) + room * white
    rising, end = (np.arange(FADE, dtype=np.float32) + 0.5) / FADE, np.cumsum(samples)[:, None]
    out[end - samples[:, None] + np.arange(FADE)] *= rising
    out[end - 1 - np.arange(FADE)] *= rising
    return np.rint(np.clip(out, -1, 1) * 32767).astype(np.int16)


def _periods(pitch: NDArray, vowel: NDArray, speaker: NDArray, tilt: NDArray) -> NDArray[np.float32]:
    """(S, TABLE) one period of each syllable, root mean square 1: harmonics under formants, with `tilt` dB per octave."""
    h = np.arange(1, HARMONICS + 1)
    frequency = pitch[:, None] * h  # (S, H)
    formant = VOWELS[vowel] * TRACT[speaker][:, None]  # (S, 3)
    shape = (GAIN / (1 + ((frequency[..., None] - formant[:, None]) / WIDTH) ** 2)).sum(axis=2) + 0.03
    amplitude = shape * 10 ** (tilt[:, None] * np.log2(frequency / 200) / 20) * (frequency < 0.45 * RATE)
    amplitude /= np.sqrt((amplitude**2).sum(axis=1, keepdims=True) / 2)
    spectrum = np.zeros((len(pitch), TABLE // 2 + 1), dtype=complex)
    spectrum[:, 1 : HARMONICS + 1] = amplitude * np.exp(1j * np.pi * h * (h - 1) / HARMONICS) * TABLE / 2  # phases keep peaks low
    return np.fft.irfft(spectrum, TABLE, axis=1).astype(np.float32)


def _envelopes() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(ENVELOPE,) how loud the vowel and the consonant before it are through a syllable; both end in silence."""
    t = (np.arange(ENVELOPE) + 0.5) / ENVELOPE
    vowel = np.clip((t - 0.08) / 0.2, 0, 1) ** 1.5 * np.clip((1 - t) / 0.3, 0, 1)
    hiss = 0.12 * np.sin(np.pi * np.clip(t / 0.18, 0, 1)) ** 2
    return vowel.astype(np.float32), hiss.astype(np.float32)

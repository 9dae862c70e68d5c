"""Voices of the sarcasm view: what an attitude does to the vectors and to the sound, measured in the sound itself."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mmkit.worlds.dialogues import sarcasm, voice
from mmkit.worlds.dialogues.knobs import settle
from mmkit.worlds.dialogues.sarcasm import Acts, Shown

LENGTH = 2**16  # of Fourier transforms: a power of two, and longer than an utterance and the longest lag


@cache
def acted(utterances=3000, null=None, **changes):
    knobs = settle("sarcasm", 1, null, changes)
    return sarcasm.act(utterances, knobs, 1), knobs


def spoken(traits, speaker=0, show=0, noise=0.0):
    """The sound of each row of traits (U, 6)."""
    count = len(traits)
    same = np.zeros(count, dtype=np.int64)
    acts = Acts(np.array([0, count]), same, same + show, same + speaker, same, same, same, same, np.zeros(8), np.zeros(1))
    told = Shown(np.asarray(traits, dtype=np.float32), np.zeros((8, 2, 2, 6)), np.full(count, noise), True)
    return voice.sounds(acts, told, 1)


def pitch(wave, lowest=70, highest=400):
    """Hz, from the autocorrelation."""
    power = np.abs(np.fft.rfft(wave, LENGTH)) ** 2
    same = np.fft.irfft(power)
    low, high = int(voice.RATE / highest), int(voice.RATE / lowest)
    return voice.RATE / (low + same[low:high].argmax())


def melody(wave):
    """Octaves above the first speaker's pitch, which it never leaves by as much as half an octave."""
    return np.log2(pitch(wave, 0.7 * voice.PITCH[0], 1.4 * voice.PITCH[0]) / voice.PITCH[0])


def centroid(wave):
    power = np.abs(np.fft.rfft(wave, LENGTH)) ** 2
    return power @ np.fft.rfftfreq(LENGTH, 1 / voice.RATE) / power.sum()


@pytest.mark.parametrize("what", ["features", "delivery"])
def test_values_are_gaussian_around_the_means_of_speaker_attitude_and_sarcasm(what):
    acts, knobs = acted()
    shown = getattr(voice, what)(acts, knobs, 1)
    w = (acts.attitude > 0).astype(int)
    z = (shown.values - shown.mean[acts.speaker, w, acts.sarcastic]) / shown.noise[:, None]
    assert z.mean() == pytest.approx(0, abs=0.03)
    assert z.std() == pytest.approx(1, abs=0.02)
    assert abs(np.corrcoef(z.T) - np.eye(z.shape[1])).max() < 0.1


def test_the_attitude_moves_every_number_as_much_as_said():
    acts, knobs = acted()
    mean = voice.features(acts, knobs, 1).mean
    apart = mean[:, 1, 0] - mean[:, 0, 0]
    assert np.sqrt((apart**2).mean(axis=1)) == pytest.approx(np.full(8, 2 * voice.STRENGTH))
    assert (mean[:, :, 1] != mean[:, :, 0]).all()
    np.testing.assert_array_equal(voice.delivery(acts, knobs, 1).mean[:, 1, 0], np.ones((8, 6)))
    flat = voice.delivery(acts, knobs, 1).mean[0, 1]
    np.testing.assert_allclose(flat[1] - flat[0], knobs.flatness * voice.FLAT)


def test_signal_to_noise_is_the_distance_of_the_means_over_the_variance():
    acts, knobs = acted()
    shown = voice.features(acts, knobs, 1)
    apart = shown.mean[3, 1, 0] - shown.mean[3, 0, 0]
    np.testing.assert_allclose(shown.snr, (apart @ apart) / shown.noise**2)
    assert not voice.features(acts, replace(knobs, delivery="face"), 1).snr.any()


def test_the_likelihood_is_the_gaussians():
    acts, knobs = acted(100)
    shown = voice.features(acts, knobs, 1)
    log = shown.log_likelihood
    for row in (0, 7, 99):
        want = np.array([[[-((shown.values[row] - m) ** 2).sum() for m in of_w] for of_w in of_k] for of_k in shown.mean])
        want /= 2 * shown.noise[row] ** 2
        np.testing.assert_allclose(log[row] - log[row, 0, 0, 0], want - want[0, 0, 0], atol=1e-3)


def test_sounds_last_08_to_2_seconds_and_are_not_clipped():
    acts, knobs = acted(70)
    sounds = voice.sounds(acts, voice.delivery(acts, knobs, 1), 1)
    seconds = np.diff(sounds.offsets) / voice.RATE
    assert (seconds > 0.79).all()
    assert (seconds <= 2.0).all()
    assert sounds.samples.dtype == np.int16
    assert sounds.offsets[-1] == len(sounds.samples)
    assert [len(w) for w in sounds.waves()] == np.diff(sounds.offsets).tolist()
    assert np.abs(sounds.samples.astype(int)).max() < 32767
    for wave in sounds.waves():
        assert np.sqrt((wave.astype(float) ** 2).mean()) > 500
    np.testing.assert_array_equal(voice.sounds(acts, voice.delivery(acts, knobs, 1), 1).samples, sounds.samples)


def test_sounds_come_out_of_silence_and_go_back_to_it_around_zero():
    waves = spoken(np.random.default_rng(0).standard_normal((40, 6)), noise=3.0).waves()  # in a loud room
    for place, name in ((slice(None, 3), "start"), (slice(-3, None), "end")):
        assert max(np.abs(wave[place].astype(int)).max() for wave in waves) < 60, name  # 55 dB below full scale
    assert np.mean([np.abs(wave[200:220]).mean() for wave in waves]) > 200  # the room itself is louder
    assert max(abs(wave.mean()) for wave in waves) < 30


def test_speakers_are_equally_loud():
    level = [[20 * np.log10(w.astype(float).std()) for w in spoken(np.zeros((6, 6)), speaker).waves()] for speaker in range(8)]
    assert np.ptp(np.mean(level, axis=1)) < 0.5  # dB


def heard(acts, knobs, seed=1):
    """(U, 4) plain measures: octaves above the speaker's own pitch, decibels, log seconds, log centroid."""
    waves = voice.sounds(acts, voice.delivery(acts, knobs, seed), seed).waves()
    own = voice.PITCH[acts.speaker]
    octaves = [np.log2(pitch(wave, 0.6 * p, 1.6 * p) / p) for wave, p in zip(waves, own, strict=True)]
    rest = [(np.log10(wave.astype(float).std()), np.log(len(wave)), np.log(centroid(wave))) for wave in waves]
    return np.c_[octaves, rest]


def probe(x, sign):
    """Share of the signs -1, 1 that a linear fit to one half of the rows finds in the other half, classes alike."""
    x, half = np.c_[(x - x.mean(axis=0)) / x.std(axis=0), np.ones(len(x))], np.arange(len(x)) % 2
    said = np.empty(len(x))
    for k in (0, 1):
        said[half == k] = x[half == k] @ np.linalg.lstsq(x[half != k], sign[half != k].astype(float), rcond=None)[0]
    middle = (said[sign > 0].mean() + said[sign < 0].mean()) / 2
    return np.mean([(said[sign > 0] > middle).mean(), (said[sign < 0] < middle).mean()])


@pytest.mark.parametrize(("null", "told"), [(None, True), ("voice_off", False)])
def test_the_sound_tells_attitude_and_sarcasm_unless_a_null_control_silences_it(null, told):
    acts, knobs = acted(400, null, flatness=3.0, speaker_spread=0.0)
    found = heard(acts, knobs)
    attitude, sarcasm = probe(found, acts.attitude), probe(found, 2 * acts.sarcastic - 1)
    assert (attitude > 0.8, sarcasm > 0.65) == (told, told), (attitude, sarcasm)
    assert told or (abs(attitude - 0.5) < 0.08 and abs(sarcasm - 0.5) < 0.08)


def test_the_voice_is_the_same_whatever_becomes_of_the_face():
    said = {null: voice.delivery(*acted(400, null), 1).values for null in (None, "face_off", "voice_off", "mismatch_off")}
    np.testing.assert_array_equal(said["face_off"], said[None])
    np.testing.assert_array_equal(said["mismatch_off"], said["voice_off"])
    assert (said["voice_off"] != said[None]).any()


def test_each_trait_is_heard():
    """One trait at a time, up and down, over ten utterances each."""

    def heard(trait, value, measure):
        traits = np.zeros((10, 6))
        traits[:, trait] = value
        return np.array([measure(wave) for wave in spoken(traits).waves()])

    def rise(wave):
        third = len(wave) // 3
        return melody(wave[-third:]) - melody(wave[:third])

    def loudness(wave):
        return np.sqrt((wave.astype(float) ** 2).mean())

    for trait, measure in ((0, pitch), (1, rise), (4, loudness), (5, centroid)):
        up, down = heard(trait, 2.0, measure), heard(trait, -2.0, measure)
        assert np.median(up) > np.median(down) * (1.1 if trait != 1 else 1), voice.TRAITS[trait]
        assert (up > down).mean() >= 0.8, voice.TRAITS[trait]
    slow, fast = (np.diff(spoken(np.eye(6)[[3] * 10] * x).offsets) for x in (-2, 2))
    assert np.median(slow) > 1.3 * np.median(fast)


def test_the_melody_is_livelier_and_flatter():
    def spread(value):
        traits = np.zeros((12, 6))
        traits[:, 2] = value
        waves = spoken(traits).waves()
        return np.mean([np.std([melody(part) for part in np.array_split(wave, 6)]) for wave in waves])

    assert spread(2.0) > 1.5 * spread(-2.0)


def test_every_speaker_has_a_pitch_and_every_show_a_channel():
    for speaker in range(8):
        found = [pitch(wave) for wave in spoken(np.zeros((6, 6)), speaker).waves()]
        assert np.median(found) == pytest.approx(voice.PITCH[speaker], rel=0.12)
    dull, bright = (np.mean([centroid(w) for w in spoken(np.zeros((6, 6)), show=show).waves()]) for show in (0, 1))
    assert bright > 1.1 * dull


def test_a_noisier_utterance_is_heard_in_more_noise():
    quiet, loud = (spoken(np.zeros((4, 6)), noise=noise) for noise in (0.0, 3.0))
    away = loud.samples.astype(float) - quiet.samples
    assert np.sqrt((away**2).mean()) / 32767 == pytest.approx(3 * voice.ROOM, rel=0.25)

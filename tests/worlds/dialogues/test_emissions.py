"""Vectors of text, audio and video: what they show of an emotion, what they add, and how likely each emotion makes them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from mmkit.worlds.bounds import rng
from mmkit.worlds.dialogues.emissions import CHANNELS, MEMORY, codes, emit
from mmkit.worlds.dialogues.knobs import NULLS, settle
from mmkit.worlds.dialogues.states import EMOTIONS, PRIOR, simulate

QUIET = {"noise_text": 0.0, "noise_audio": 0.0, "noise_video": 0.0}
STILL = {"offset": 0.0, "drift": 0.0}


@cache
def shown(dialogues=100, turns=30, seed=2, **changes):
    knobs = settle("emotions", seed, None, changes)
    states = simulate(np.full(dialogues, turns), knobs, rng(seed, "states"))
    return states, emit(states, 2 * (states.dialogue % 5) + states.speaker, knobs, seed)


def test_text_shows_emotions_audio_arousal_and_video_valence():
    np.testing.assert_array_equal(codes("text"), np.eye(6))
    happy, excited, sad, frustrated = (EMOTIONS.index(name) for name in ("happy", "excited", "sad", "frustrated"))

    def away(channel, a, b):
        return np.linalg.norm(codes(channel)[a] - codes(channel)[b])

    assert away("audio", happy, excited) > 2 * away("video", happy, excited)  # they differ in arousal only
    assert away("video", happy, frustrated) > 2 * away("audio", happy, frustrated)  # and these in valence only
    assert away("audio", sad, frustrated) > away("video", sad, frustrated)
    for channel in CHANNELS:
        np.testing.assert_array_equal(codes(channel, "equal"), np.eye(6))


@pytest.mark.parametrize("channel", CHANNELS)
def test_without_noise_a_vector_is_its_emotions_code_turned(channel):
    states, channels = shown(**QUIET, **STILL)
    c = channels[channel]
    np.testing.assert_allclose(c.basis.T @ c.basis, np.eye(c.basis.shape[1]), atol=1e-6)
    np.testing.assert_allclose(c.values, c.codes[states.own] @ c.basis.T, atol=1e-6)
    assert len(np.unique(c.values.round(4), axis=0)) == 6


@pytest.mark.parametrize(("channel", "noise"), [("text", 0.6), ("audio", 0.8), ("video", 1.1)])
def test_noise_has_its_size_in_every_direction(channel, noise):
    states, channels = shown(**STILL, **{f"noise_{channel}": noise})
    c = channels[channel]
    left = c.values - c.codes[states.own] @ c.basis.T
    spread = np.linalg.eigvalsh(np.cov(left.T))
    assert spread.min() > 0.75 * noise**2
    assert spread.max() < 1.3 * noise**2
    assert abs(left.mean(axis=0)).max() < 5 * noise / np.sqrt(len(left))


def test_a_voice_keeps_its_offset_and_only_audio_has_one():
    states, channels = shown(**QUIET, drift=0.0, offset=0.5)
    person = 2 * (states.dialogue % 5) + states.speaker
    audio = channels["audio"]
    rest = audio.values - audio.codes[states.own] @ audio.basis.T
    voices = np.stack([rest[person == p][0] for p in range(10)])
    np.testing.assert_allclose(rest, voices[person], atol=1e-5)
    assert voices.std() == pytest.approx(0.5, rel=0.15)
    np.testing.assert_allclose(audio.shift, voices[person] @ audio.basis, atol=1e-5)
    for name in ("text", "video"):
        assert not channels[name].shift.any()


def test_video_drifts_slowly_and_each_dialogue_by_itself():
    states, channels = shown(**QUIET, dialogues=400, offset=0.0, drift=0.4)
    video = channels["video"]
    rest = (video.values - video.codes[states.own] @ video.basis.T) @ video.basis
    np.testing.assert_allclose(rest, video.shift, atol=1e-5)
    walk = rest.reshape(400, 30, 2)
    assert walk.std(axis=(0, 2)) == pytest.approx(np.full(30, 0.4), rel=0.12)
    step = (walk[:, 1:] * walk[:, :-1]).mean() / (walk**2).mean()
    assert step == pytest.approx(MEMORY, abs=0.02)
    assert abs(np.corrcoef(walk[:-1, :, 0].ravel(), walk[1:, :, 0].ravel())[0, 1]) < 0.1


@pytest.mark.parametrize("channel", CHANNELS)
def test_likelihoods_are_those_of_the_normal_law(channel):
    from scipy.stats import multivariate_normal

    _, channels = shown(offset=0.5, drift=0.5)
    c = channels[channel]
    for u in (0, 17, 200):
        means = (c.codes + c.shift[u]) @ c.basis.T
        voice = c.values[u] - c.basis @ (c.basis.T @ c.values[u])  # what lies outside of B tells nothing
        exact = np.array([multivariate_normal.logpdf(c.values[u], mean + voice, c.noise**2) for mean in means])
        told = c.log_likelihood[u]
        np.testing.assert_allclose(told - told.max(), exact - exact.max(), atol=1e-4)


def test_missing_vectors_are_zero_and_tell_nothing():
    _, channels = shown(missing=0.3)
    assert channels["text"].present.all()
    lost = [~channels[name].present for name in ("audio", "video")]
    assert (lost[0] != lost[1]).any()
    for name, gone in zip(("audio", "video"), lost, strict=True):
        c = channels[name]
        assert gone.mean() == pytest.approx(0.3, abs=0.04)
        assert not c.values[gone].any()
        assert c.values[~gone].any(axis=1).all()
        assert not c.log_likelihood[gone].any()
        assert not c.snr[gone].any()
        assert (c.snr[~gone] > 0).all()
        kept = shown()[1][name]
        np.testing.assert_array_equal(c.values[~gone], kept.values[~gone])


def test_the_signal_to_noise_ratio_is_of_what_is_shown():
    states, channels = shown(coupling=0.0, inertia=0.0, dialogues=600, **STILL)
    for c in channels.values():
        signal = np.cov((c.codes[states.own] @ c.basis.T).T).trace()
        assert c.snr[0] == pytest.approx(signal / c.noise**2, rel=0.05)
        assert len(np.unique(c.snr)) == 1
    text = channels["text"]
    assert text.snr[0] * text.noise**2 == pytest.approx(1 - PRIOR @ PRIOR)
    assert np.isinf(shown(**QUIET)[1]["text"].snr).all()


def test_sizes_change_what_is_shown_and_not_what_is_known():
    small, large = shown()[1], shown(text_dim=100, audio_dim=100, video_dim=512)[1]
    assert [large[name].values.shape[1] for name in CHANNELS] == [100, 100, 512]
    for name in CHANNELS:
        a, b = (np.exp(c[name].log_likelihood - c[name].log_likelihood.max(axis=1, keepdims=True)) for c in (small, large))
        assert np.sort(a / a.sum(axis=1, keepdims=True), axis=1).mean(axis=0) == pytest.approx(
            np.sort(b / b.sum(axis=1, keepdims=True), axis=1).mean(axis=0), abs=0.02
        )


def test_equal_modalities_are_equal():
    _, channels = shown(**NULLS["equal_modalities"])
    assert len({c.snr[0] for c in channels.values()}) == 1
    assert not np.allclose(channels["text"].log_likelihood, channels["audio"].log_likelihood)  # each has its own noise

"""Scenes of the sarcasm view: who speaks, what is felt, and that only the agreement of words and attitude tells sarcasm."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from mmkit.errors import SettingsError
from mmkit.worlds.dialogues import sarcasm
from mmkit.worlds.dialogues.knobs import settle
from mmkit.worlds.dialogues.sarcasm_knobs import CHOICES, NOT_HERE, NULLS, REAL, WHOLE, SarcasmKnobs


@cache
def acted(utterances=6000, seed=1, null=None, **changes):
    return sarcasm.act(utterances, settle("sarcasm", seed, null, changes), seed)


def test_scenes_have_10_to_25_turns_and_two_speakers_of_one_show():
    acts = acted(3001)
    lengths = np.diff(acts.offsets)
    assert acts.offsets[-1] == 3001 == len(acts.turn)
    assert set(lengths[:-1]) == set(range(10, 26))
    for a, b in zip(acts.offsets[:-1], acts.offsets[1:], strict=True):
        assert acts.turn[a:b].tolist() == list(range(b - a))
        assert len(set(acts.show[a:b])) == 1
        assert len(set(acts.speaker[a:b])) == 2 or b - a < 10
        assert set(acts.speaker[a:b] // 4) == set(acts.show[a:b])
    assert set(acts.speaker) == set(range(8))


def test_the_attitude_is_the_sign_of_the_valence_and_a_coin_without_one():
    acts = acted()
    pleasant, neutral = np.isin(acts.state, [0, 4]), acts.state == 2
    assert (acts.attitude[pleasant] == 1).all()
    assert (acts.attitude[~pleasant & ~neutral] == -1).all()
    assert neutral.sum() > 500
    assert abs(acts.attitude[neutral].mean()) < 0.15


def test_words_say_the_attitude_or_its_opposite():
    acts = acted()
    assert (acts.literal[acts.sarcastic == 0] == acts.attitude[acts.sarcastic == 0]).all()
    assert (acts.literal[acts.sarcastic == 1] == -acts.attitude[acts.sarcastic == 1]).all()


def test_neither_attitude_nor_words_alone_tell_sarcasm():
    acts = acted(40_000, leak=0.0)
    assert 0.44 < (acts.attitude > 0).mean() < 0.56
    for sign in (acts.attitude, acts.literal):
        rates = [acts.sarcastic[sign == x].mean() for x in (-1, 1)]
        assert abs(rates[0] - rates[1]) < 0.04


def test_sarcasm_follows_its_law():
    """Rates by speaker and by scene, against σ(logit rate + b)."""
    acts = acted(40_000, rate=0.3, leak=1.5)
    odds = np.log(0.3 / 0.7) + acts.speaker_bias[acts.speaker] + acts.scene_bias[acts.scene]
    chance = 1 / (1 + np.exp(-odds))
    for group in (acts.speaker, acts.scene // 200):
        for k in np.unique(group):
            mine = group == k
            assert abs(acts.sarcastic[mine].mean() - chance[mine].mean()) < 5 * np.sqrt(0.25 / mine.sum())
    assert acts.scene_bias.std() == pytest.approx(1.5, rel=0.05)
    order = np.argsort(chance)
    tenths = np.array_split(order, 10)
    assert [acts.sarcastic[t].mean() for t in tenths] == pytest.approx([chance[t].mean() for t in tenths], abs=0.03)


def test_speakers_have_the_same_biases_in_every_world_dealt_anew():
    one, other = acted(60, 1), acted(60, 2)
    assert sorted(one.speaker_bias) == sorted(other.speaker_bias)
    assert list(one.speaker_bias) != list(other.speaker_bias)
    assert one.speaker_bias.std() == pytest.approx(1.0)
    assert one.speaker_bias.mean() == pytest.approx(0.0, abs=1e-9)
    assert acted(60, 1, speaker_spread=2.0).speaker_bias.std() == pytest.approx(2.0)


def test_a_knob_moves_nothing_that_it_does_not_decide():
    plain, other = acted(500), acted(500, rate=0.7, leak=2.0, speaker_spread=0.1)
    assert (plain.sarcastic != other.sarcastic).any()
    for name in ("turn", "speaker", "state", "attitude"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(other, name))


@pytest.mark.parametrize("channel", ["voice", "face"])
def test_what_a_channel_shows(channel):
    acts = acted(2000)
    other = {"voice": "face", "face": "voice"}[channel]
    for delivery in ("attitude", channel):
        w, s = sarcasm.shows(channel, acts, settle("sarcasm", 1, None, {"delivery": delivery}), 1)
        np.testing.assert_array_equal(w, acts.attitude > 0)
        np.testing.assert_array_equal(s, acts.sarcastic)
    w, s = sarcasm.shows(channel, acts, settle("sarcasm", 1, "plain", {}), 1)
    np.testing.assert_array_equal(w, 1 - acts.sarcastic)
    for delivery in ("unrelated", other):
        knobs = settle("sarcasm", 1, None, {"delivery": delivery})
        w, s = sarcasm.shows(channel, acts, knobs, 1)
        assert not s.any()
        assert not sarcasm.tells(channel, knobs)
        assert abs(np.corrcoef(w, acts.attitude)[0, 1]) < 0.1
        assert abs(np.corrcoef(w, acts.sarcastic)[0, 1]) < 0.1
        assert 0.45 < w.mean() < 0.55


def test_noise_differs_between_utterances_around_its_level():
    acts = acted(40_000)
    knobs = settle("sarcasm", 1, None, {"noise_spread": 0.5})
    noise = sarcasm.noises("voice", 2.0, acts, knobs, 1)
    assert np.sqrt((noise**2).mean()) == pytest.approx(2.0, rel=0.03)
    assert np.log(noise).std() == pytest.approx(0.5, rel=0.03)
    assert abs(np.corrcoef(noise, sarcasm.noises("face", 2.0, acts, knobs, 1))[0, 1]) < 0.03


def test_every_null_changes_knobs_that_exist_to_values_that_are_allowed():
    for name, change in NULLS.items():
        knobs = settle("sarcasm", 0, name, {})
        assert {knob: getattr(knobs, knob) for knob in change} == change
        assert knobs != SarcasmKnobs("sarcasm")
    assert not set(NOT_HERE) & {*CHOICES, *WHOLE, *REAL}


def test_wrong_knobs_are_refused_all_at_once():
    with pytest.raises(SettingsError, match=r"rate = 1\.5.*emitter = 'sound', expected one of features, signal"):
        settle("sarcasm", 0, None, {"rate": 1.5, "emitter": "sound"})
    with pytest.raises(SettingsError, match="no null control 'no_leaks'; did you mean 'no_leak'"):
        settle("sarcasm", 0, "no_leaks", {})

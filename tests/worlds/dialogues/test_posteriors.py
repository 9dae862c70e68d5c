"""Exact posteriors of the sarcasm view against slow enumeration, and against how often sarcasm is meant."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mmkit.worlds.dialogues import faces, lines, posteriors, sarcasm, voice
from mmkit.worlds.dialogues.knobs import settle


@cache
def world(utterances=6000, null=None, **changes):
    knobs = settle("sarcasm", 1, null, changes)
    acts = sarcasm.act(utterances, knobs, 1)
    return acts, lines.write(acts, knobs, 1), voice.features(acts, knobs, 1), faces.features(acts, knobs, 1), knobs


@cache
def best(utterances=6000, null=None, known=False, **changes):
    return posteriors.posteriors(*world(utterances, null, **changes), scene_known=known)


def by_hand(row, subset, acts, said, heard, seen, knobs, bias):
    """P(sarcastic) by loops over who speaks, attitude and sarcasm; Gaussian densities written out."""
    joint = np.zeros(2)
    for k in range(8):
        odds = np.log(knobs.rate / (1 - knobs.rate)) + acts.speaker_bias[k]
        p = np.mean(1 / (1 + np.exp(-odds - bias)))
        for u in (-1, 1):
            for s in (0, 1):
                weight = p if s else 1 - p
                v = u * (1 - 2 * s)
                if "text" in subset:
                    weight *= np.exp(said.log_likelihood[row, int(v > 0), s])
                    weight *= said.variety[row] in (-1, k // 4)
                for name, shown in (("audio", heard), ("video", seen)):
                    if name in subset:
                        cases = [(int(u > 0), s)] if shown.tells else [(0, 0), (1, 0)]
                        if shown.tells and knobs.delivery == "plain":
                            cases = [(1 - s, s)]
                        away = [((shown.values[row] - shown.mean[k, w, m]) ** 2).sum() for w, m in cases]
                        weight *= np.mean(np.exp(-np.array(away) / (2 * shown.noise[row] ** 2) + len(shown.values[row]) / 2))
                joint[s] += weight
    return joint[1] / joint.sum()


@pytest.mark.parametrize("null", [None, "mismatch_off", "voice_off", "plain"])
def test_posteriors_are_the_sums_over_all_that_is_hidden(null):
    acts, said, heard, seen, knobs = world(60, null)
    for known in (False, True):
        found = best(60, null, known)
        assert (
            tuple(found)
            == posteriors.SUBSETS
            == ("text", "audio", "video", "text_audio", "text_video", "audio_video", "text_audio_video")
        )
        for subset, p in found.items():
            for row in range(0, 60, 7):
                bias = knobs.leak * np.random.default_rng(0).standard_normal(200_00)
                bias = acts.scene_bias[acts.scene[row]] if known else bias
                assert p[row] == pytest.approx(
                    by_hand(row, subset, acts, said, heard, seen, knobs, bias), abs=0.01 - 0.0099 * known
                )


def test_posteriors_are_as_often_right_as_they_say():
    acts = world()[0]
    for subset, p in best().items():
        order = np.argsort(p)
        for part in np.array_split(order, 8):
            assert acts.sarcastic[part].mean() == pytest.approx(p[part].mean(), abs=0.065), subset


def test_more_tells_more_and_voice_or_face_nothing_without_words():
    s = world()[0].sarcastic
    right = {subset: ((p > 0.5) == s).mean() for subset, p in best().items()}
    base = 1 - s.mean()
    assert right["text"] > base + 0.08
    assert right["text_audio"] > right["text"] + 0.03
    assert right["text_video"] > right["text"] + 0.03
    assert right["text_audio_video"] > max(right["text_audio"], right["text_video"]) + 0.005
    assert right["audio_video"] < base + 0.03


def test_the_nulls_remove_what_they_name():
    s = world()[0].sarcastic
    right = {null: {subset: ((p > 0.5) == s).mean() for subset, p in best(6000, null).items()}
             for null in ("mismatch_off", "voice_off", "face_off", "no_markers", "plain")}  # fmt: skip
    off = right["mismatch_off"]
    assert off["text_audio_video"] == pytest.approx(off["text"], abs=0.012)
    assert right["voice_off"]["text_audio"] == pytest.approx(off["text"], abs=0.012)
    assert right["voice_off"]["text_video"] > off["text"] + 0.03
    assert right["face_off"]["text_video"] == pytest.approx(off["text"], abs=0.012)
    assert right["face_off"]["text_audio"] > off["text"] + 0.03
    assert right["no_markers"]["text"] == pytest.approx(1 - s.mean(), abs=0.02)
    assert right["plain"]["audio_video"] > 0.9


def test_a_known_scene_helps_as_far_as_scenes_differ():
    acts = world(6000, None, leak=2.0)[0]
    known, unknown = (((best(6000, None, k, leak=2.0)["text"] > 0.5) == acts.sarcastic).mean() for k in (True, False))
    assert known > unknown + 0.01
    for subset, p in best(500, "no_leak").items():
        np.testing.assert_allclose(best(500, "no_leak", True)[subset], p, atol=1e-6)


def test_the_prior_of_a_scene():
    acts, *_, knobs = world(500, None, leak=1.0)
    known, nothing = posteriors.scene_prior(acts, knobs)
    odds = np.log(knobs.rate / (1 - knobs.rate)) + acts.speaker_bias
    np.testing.assert_allclose(known, (1 / (1 + np.exp(-odds - acts.scene_bias[acts.scene][:, None]))).mean(axis=1))
    draws = np.random.default_rng(0).standard_normal((40_000, 1))
    assert nothing == pytest.approx((1 / (1 + np.exp(-odds - draws))).mean(), abs=0.003)


def test_causes_are_the_largest_source_that_suffices():
    p = {"text": [0.2, 0.9, 0.2, 0.2, 0.2], "text_audio": [0.3, 0.9, 0.95, 0.6, 0.2], "text_video": [0.3, 0.95, 0.9, 0.8, 0.2]}
    p = {name: np.array(values) for name, values in p.items()}
    found = posteriors.causes(p, np.array([0.2, 0.2, 0.2, 0.2, 0.7]), 0.2)
    assert [posteriors.CAUSES[k] for k in found] == ["none", "text", "prosody", "face", "scene"]


def test_a_sentence_from_the_wrong_show_is_impossible():
    told = replace(world(200)[1], variety=np.ones(200, dtype=np.int8))
    assert np.isneginf(posteriors._text(told)[:, :4]).all()
    assert np.isfinite(posteriors._text(told)[:, 4:].max(axis=(2, 3))).all()

"""Faces of the sarcasm view: what an attitude does to the vectors and to the drawing, and what the fixed network keeps of it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from mmkit.worlds.dialogues import faces, sarcasm
from mmkit.worlds.dialogues.knobs import settle
from mmkit.worlds.dialogues.sarcasm import Acts, Shown


@cache
def acted(utterances=3000, null=None, **changes):
    knobs = settle("sarcasm", 1, null, changes)
    return sarcasm.act(utterances, knobs, 1), knobs


def drawn(traits, speaker=0, scene=None):
    """(U, 3, 48, 48, 3) frames of these traits (U, 5), without grain; all in one scene."""
    count = len(traits)
    same, knobs = np.zeros(count, dtype=np.int64), settle("sarcasm", 1, None, {})
    acts = Acts(np.array([0, count]), same, same, same + speaker, same, same, same, same, np.zeros(8), np.zeros(1))
    told = Shown(np.asarray(traits, dtype=np.float32), np.zeros((8, 2, 2, 5)), np.zeros(count), True)
    return faces.frames(acts, told, knobs, 1).transpose(0, 1, 3, 4, 2).astype(float) / 255


def one(trait, value, count=6):
    traits = np.zeros((count, 5))
    traits[:, trait] = value
    return traits


def lips(picture):
    """Rows and columns of the pixels with the colour of the lips."""
    return np.argwhere(np.abs(picture - faces.LIPS).max(axis=-1) < 0.1)


def corners(picture):
    """How much higher than the middle of the mouth its left and right corner are, pixels."""
    at = lips(picture)
    left, right = at[:, 1].min(), at[:, 1].max()
    middle = at[np.abs(at[:, 1] - (left + right) / 2) < 1.1, 0].mean()
    return middle - at[at[:, 1] <= left + 1, 0].mean(), middle - at[at[:, 1] >= right - 1, 0].mean()


@pytest.mark.parametrize("what", ["features", "expression"])
def test_values_are_gaussian_around_the_means_of_speaker_attitude_and_sarcasm(what):
    acts, knobs = acted(6000)
    shown = getattr(faces, what)(acts, knobs, 1)
    w = (acts.attitude > 0).astype(int)
    z = (shown.values - shown.mean[acts.speaker, w, acts.sarcastic]) / shown.noise[:, None]
    assert z.std() == pytest.approx(1, abs=0.03)
    assert abs(z.mean(axis=0)).max() < 0.12


def test_a_scene_adds_the_same_to_all_its_faces_unless_it_leaves_no_trace():
    for null, share in ((None, 0.8**2), ("no_leak", 0.0)):
        acts, knobs = acted(6000, null)
        shown = faces.features(acts, knobs, 1)
        away = shown.values - shown.mean[acts.speaker, (acts.attitude > 0).astype(int), acts.sarcastic]
        neighbours = np.diff(acts.scene) == 0
        together = (away[1:] * away[:-1])[neighbours].mean()
        assert together == pytest.approx(share, abs=0.12)


def test_frames_are_three_pictures_and_the_same_each_time():
    acts, knobs = acted(70)
    told = faces.expression(acts, knobs, 1)
    pictures = faces.frames(acts, told, knobs, 1)
    assert pictures.shape == (70, 3, 3, 48, 48)
    assert pictures.dtype == np.uint8
    np.testing.assert_array_equal(faces.frames(acts, told, knobs, 1), pictures)
    assert (pictures[:, 0] != pictures[:, 1]).any(axis=(1, 2, 3)).all()  # it moves


def test_a_pleased_mouth_curves_up_and_a_smirk_lifts_one_corner():
    smile, frown, smirk = (drawn(one(trait, value)) for trait, value in ((0, 2), (0, -2), (4, 3)))
    up, down, odd = (np.mean([corners(f) for clip in pictures for f in clip], axis=0) for pictures in (smile, frown, smirk))
    assert (up > 1).all()
    assert (down < -1).all()
    assert odd[1] - odd[0] > 2
    assert abs(up[1] - up[0]) < 1


def test_brows_and_eyes_move():
    def dark(pictures):
        """Least share of dark pixels around the eyes."""
        return min((f[21:27, 14:34].max(axis=-1) < 0.6).mean() for clip in pictures for f in clip)

    def brow(pictures):
        """Mean row of what is dark between fringe and eyes."""
        return np.mean([np.argwhere(f[14:22, 12:36].max(axis=-1) < 0.3)[:, 0].mean() for clip in pictures for f in clip])

    assert brow(drawn(one(1, 2))) < brow(drawn(one(1, -2))) - 0.3
    wide, narrow = (np.mean((drawn(one(3, value)) > 0.93).all(axis=-1)) for value in (2, -2))
    assert wide > 1.3 * narrow
    usual, narrow, least = (dark(drawn(one(3, value))) for value in (0, -2, -faces.LIMIT))
    assert usual > 1.3 * narrow
    assert min(narrow, least) > 0  # not shut
    assert np.abs(drawn(one(2, 2)) - drawn(one(2, -2))).max() > 0.3


def test_speakers_have_faces_and_scenes_have_backgrounds():
    middle = np.stack([drawn(one(0, 0), speaker)[:, :, 27, 22:26].mean(axis=(0, 1, 2)) for speaker in range(8)])
    assert min(np.abs(a - b).max() for i, a in enumerate(middle) for b in middle[:i]) > 0.02
    for null in (None, "no_leak"):
        acts, knobs = acted(200, null)
        corner = faces.frames(acts, faces.expression(acts, knobs, 1), knobs, 1)[:, 0, :, :4, :4].mean(axis=(2, 3))
        within = max(corner[acts.scene == d].std(axis=0).max() for d in range(acts.scene[-1] + 1))
        assert (within < 6) == (null is None)


def probe(x, sign):
    """Share of the signs -1, 1 that a linear fit to one half of the rows finds in the other half, classes alike."""
    x, half = (x - x.mean(axis=0)) / x.std(axis=0), np.arange(len(x)) % 2
    said = np.empty(len(x))
    for k in (0, 1):
        a, y = x[half != k], sign[half != k] - sign[half != k].mean()
        said[half == k] = x[half == k] @ np.linalg.solve(a.T @ a + 20 * np.eye(a.shape[1]), a.T @ y)
    middle = (said[sign > 0].mean() + said[sign < 0].mean()) / 2
    return np.mean([(said[sign > 0] > middle).mean(), (said[sign < 0] < middle).mean()])


@pytest.mark.parametrize(("null", "told"), [(None, True), ("face_off", False)])
def test_frames_tell_attitude_and_sarcasm_unless_a_null_control_hides_them(null, told):
    """Without traces, since a scene has a mood, which its background would tell; and no speaker more sarcastic than others."""
    acts, knobs = acted(900, null, traces=0.0, flatness=3.0, speaker_spread=0.0)
    found = faces.look(faces.frames(acts, faces.expression(acts, knobs, 1), knobs, 1))
    attitude, sarcasm = probe(found, acts.attitude), probe(found, 2 * acts.sarcastic - 1)
    assert (attitude > 0.85, sarcasm > 0.65) == (told, told), (attitude, sarcasm)
    assert told or (abs(attitude - 0.5) < 0.08 and abs(sarcasm - 0.5) < 0.08)


def test_the_face_is_the_same_whatever_becomes_of_the_voice():
    seen = {null: faces.expression(*acted(400, null), 1).values for null in (None, "voice_off", "face_off", "mismatch_off")}
    np.testing.assert_array_equal(seen["voice_off"], seen[None])
    np.testing.assert_array_equal(seen["mismatch_off"], seen["face_off"])
    assert (seen["face_off"] != seen[None]).any()


def test_faces_as_far_as_they_go_keep_their_parts_apart():
    """Traits at their limits: the mouth stays below the eyes and on the face."""
    for value in (-faces.LIMIT, faces.LIMIT):
        for speaker in (0, 1, 2, 3, 5, 6, 7):  # the hair of 4 is as red as lips
            pictures = drawn(np.full((2, 5), value) * [1, 1, 1, 1, 0], speaker).reshape(-1, 48, 48, 3)
            for at in map(lips, pictures):
                assert 27 < at[:, 0].min() < at[:, 0].max() < 44
                assert 12 < at[:, 1].min() < at[:, 1].max() < 36


def test_the_network_is_that_of_two_plain_convolutions():
    """Two frames, by loops over places."""
    pictures = np.random.default_rng(0).integers(256, size=(1, 2, 3, 48, 48)).astype(np.uint8)
    fixed = np.random.default_rng([0, 0xFACE])
    one = fixed.standard_normal((75, 12))
    two = fixed.standard_normal((108, 6))
    one -= one.mean(axis=0)
    found = faces.look(pictures)
    assert found.shape == (1, 2 * 54)
    for f in range(2):
        x = pictures[0, f].astype(float) / 255  # (3, 48, 48)
        a = np.array([[x[:, i : i + 5, j : j + 5].ravel() @ one for j in range(0, 44, 2)] for i in range(0, 44, 2)]) / np.sqrt(75)
        a = np.maximum(a, 0).transpose(2, 0, 1)
        b = np.array([[a[:, i : i + 3, j : j + 3].ravel() @ two for j in range(20)] for i in range(20)]) / np.sqrt(54)
        b = np.maximum(b, 0)
        want = [b[6 * i : 6 * i + 6, 6 * j : 6 * j + 6].mean(axis=(0, 1)) for i in range(3) for j in range(3)]
        np.testing.assert_allclose(found[0, 54 * f : 54 * f + 54], np.concatenate(want), rtol=1e-3, atol=1e-4)

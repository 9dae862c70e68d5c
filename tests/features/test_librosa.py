"""The descriptors of sound against librosa itself, which compiles for many seconds at its first use."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from mmkit.features import sound
from tests.features.clips import CLIPS, RATE, assert_equal, by_family, obvious, stored, strongest_pitch


@pytest.mark.slow
def test_what_is_stored_is_what_librosa_says_today():
    said = stored()
    for clip in ("high voice", "clicks", "short"):
        theirs = dict(said[clip])
        assert strongest_pitch(CLIPS[clip]) == pytest.approx(theirs.pop("pitch")[0], rel=1e-5)
        assert_equal(obvious(CLIPS[clip]), theirs, clip)


@pytest.mark.slow
def test_tonnetz_of_the_constant_q_chroma_is_librosas_default():
    import librosa

    wave = CLIPS["low voice"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a second is shorter than the longest constant-Q filter wants
        theirs = librosa.feature.tonnetz(y=wave, sr=RATE).mean(axis=1)
    mine, shared = (by_family(sound.describe([wave], cqt=cqt)[0]) for cqt in (True, False))
    np.testing.assert_allclose(mine["tonnetz"], theirs, atol=1e-5)
    assert np.abs(mine.pop("tonnetz") - shared.pop("tonnetz")).max() > 1e-3
    assert_equal(mine, shared)
    assert np.isfinite(sound.describe([np.zeros(5000, dtype=np.float32)], cqt=True)).all()

"""The descriptors of sound equal librosa's, clip by clip; silence, short clips and bad input."""

from __future__ import annotations

import numpy as np
import pytest

from mmkit.errors import DataError, SettingsError
from mmkit.features import sound, spectra
from tests.features.clips import CLIPS, RATE, assert_equal, by_family, clicks, sine, stored, voice


@pytest.fixture(scope="module")
def librosa_says() -> dict[str, dict[str, np.ndarray]]:
    return stored()


@pytest.fixture(scope="module")
def compact() -> np.ndarray:
    return sound.describe(list(CLIPS.values()))


@pytest.mark.parametrize("clip", CLIPS)
def test_every_row_of_every_descriptor_is_librosas(clip, librosa_says):
    theirs = dict(librosa_says[clip])
    theirs.pop("pitch")
    assert_equal(by_family(sound.describe([CLIPS[clip]], literal=True)[0], literal=True), theirs, clip)


@pytest.mark.parametrize("clip", CLIPS)
def test_the_compact_vector_has_the_strongest_pitch_and_forty_bands(clip, librosa_says, compact):
    theirs = dict(librosa_says[clip])
    pitch, rows = theirs.pop("pitch"), theirs["stft"]
    theirs["piptrack"] = pitch
    theirs["stft"] = np.array([part.mean() for part in np.split(rows, [round(1025 * k / 40) for k in range(1, 40)])])
    assert_equal(by_family(compact[list(CLIPS).index(clip)]), theirs, clip)


def test_columns_are_the_papers_thirteen_descriptors():
    for literal, width in ((False, 220), (True, 2229)):
        named, parts = sound.names(literal), sound.families(literal)
        assert len(named) == len(set(named)) == width == max(part.stop for part in parts.values())
        assert len(parts) == 13
        for name, part in parts.items():
            assert {n.rpartition(" ")[0] or n for n in named[part]} == {name}
    assert sound.names()[sound.families()["mfcc"]][3] == "mfcc 3"


def test_a_pure_tone_is_told_by_its_frequency():
    found = by_family(sound.describe([sine(987.77, 3.0)])[0])  # the B above the concert A
    assert found["piptrack"][0] == pytest.approx(987.77, abs=2)
    assert found["spectral_centroid"][0] == pytest.approx(987.77, abs=25)
    assert found["zero_crossing_rate"][0] == pytest.approx(2 * 987.77 / RATE, rel=0.02)
    assert found["chroma_stft"].argmax() == 11  # counted from C
    assert found["harmonic"][0] > 0.95
    assert by_family(sound.describe([clicks(1.0)])[0])["harmonic"][0] < 0.5


def test_silence_and_short_clips_have_values():
    found = by_family(sound.describe([np.zeros(100)])[0])
    levels = {"mfcc", "spectral_contrast"}
    assert not any(x.any() for name, x in found.items() if name not in levels)
    assert found["mfcc"][0] == pytest.approx(-100 * np.sqrt(128))  # every band at the floor of -100 dB
    assert not found["mfcc"][1:].round(3).any()
    short = voice(0.05, 150, 5)
    np.testing.assert_array_equal(sound.describe([short]), sound.describe([np.pad(short, (0, 2048 - len(short)))]))
    assert np.isfinite(sound.describe([np.ones(1), -np.ones(3000), sine(5.0, 0.2)])).all()


def test_a_clip_is_described_by_itself_in_any_number_of_processes(compact):
    waves = list(CLIPS.values())
    np.testing.assert_array_equal(sound.describe(waves[::-1])[::-1], compact)
    np.testing.assert_array_equal(sound.describe(waves[1:2])[0], compact[1])
    np.testing.assert_array_equal(sound.describe(waves, jobs=2), compact)
    assert sound.describe([]).shape == (0, 220)


def test_whole_numbers_are_parts_of_32768_and_loudness_counts():
    whole = np.rint(CLIPS["noise"] * 20000).astype(np.int16)
    np.testing.assert_array_equal(sound.describe([whole]), sound.describe([whole / 32768.0]))
    soft, loud = (by_family(sound.describe([CLIPS["noise"] * k])[0]) for k in (0.5, 1.0))
    np.testing.assert_allclose(loud["melspectrogram"], 4 * soft["melspectrogram"], rtol=1e-4)
    np.testing.assert_allclose(loud["spectral_centroid"], soft["spectral_centroid"], rtol=1e-4)


def test_another_rate_moves_frequencies():
    wave = CLIPS["high voice"]
    here, faster = (by_family(sound.describe([wave], rate)[0]) for rate in (22_050, 44_100))
    np.testing.assert_allclose(faster["spectral_centroid"], 2 * here["spectral_centroid"], rtol=1e-5)
    np.testing.assert_allclose(faster["zero_crossing_rate"], here["zero_crossing_rate"])


def test_clips_that_cannot_be_described_are_listed():
    good = np.zeros(4000)
    with pytest.raises(DataError) as error:
        sound.describe([good, np.zeros((2, 4000)), np.zeros(0), np.array([0.0, np.nan, np.inf]), np.zeros(9, dtype=np.int64)])
    found = error.value.problems
    assert [p.partition(":")[0] for p in found] == ["clip 1", "clip 2", "clip 3", "clip 4"]
    assert "2 of 3 samples" in found[2]
    assert "int64" in found[3]


@pytest.mark.parametrize("rate", [8000, 12_800, 409_601, float("nan"), float("inf"), -22_050])
def test_rates_that_leave_no_octave(rate):
    with pytest.raises(SettingsError, match=r"expected more than 12,800 and at most 409,600"):
        sound.describe([np.zeros(4000)], rate=rate)


@pytest.mark.parametrize("rate", [12_801, 409_600])
def test_the_slowest_and_the_fastest_rate(rate):
    assert np.isfinite(sound.describe([CLIPS["noise"]], rate)).all()


def test_very_loud_and_very_soft_clips():
    wave = CLIPS["high voice"] / np.abs(CLIPS["high voice"]).max()
    assert np.isfinite(sound.describe([wave * sound.LOUDEST, wave * 1e-30, wave.astype(np.float16)])).all()
    with pytest.raises(DataError) as error:
        sound.describe([wave, wave * 1e30, wave.astype(np.float64) * 1e200])
    assert [p.partition(",")[0] for p in error.value.problems] == [
        "clip 1: a sample of size 1e+30",
        "clip 2: a sample of size 1e+200",
    ]


def test_one_clip_is_no_list_of_clips():
    with pytest.raises(DataError, match=r"4,000 single values, expected clips of \(n,\) samples each; one clip is \[wave\]"):
        sound.describe(np.zeros(4000))


def test_no_processes():
    with pytest.raises(SettingsError, match="jobs = 0, expected a number of processes"):
        sound.describe([np.zeros(4000)], jobs=0)


def test_the_spectrum_can_be_turned_back():
    wave = voice(0.7, 140, 6)
    np.testing.assert_allclose(spectra.inverse(spectra.transform(wave), len(wave)), wave, atol=1e-5)


def test_running_median_is_the_median_of_31_neighbours():
    x = np.random.default_rng(0).normal(size=(3, 40)).astype(np.float32)
    mirrored = np.concatenate([x[:, :15][:, ::-1], x, x[:, -15:][:, ::-1]], axis=1)
    slow = [[np.median(row[k : k + 31]) for k in range(40)] for row in mirrored]
    np.testing.assert_array_equal(spectra.running_median(x), slow)

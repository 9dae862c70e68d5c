"""The sarcasm view as a data set: columns, truth, splits, and the same bytes for the same arguments."""

from __future__ import annotations

import subprocess
import sys
import types

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mmkit.errors import SettingsError
from mmkit.schema import ConversationSchema, matrix
from mmkit.worlds.dialogues import faces, posteriors, sarcasm_data, voice
from mmkit.worlds.dialogues.sarcasm_data import DEFAULT_SHOW, SHOWN, make_sarcasm, word_table


@pytest.fixture
def ears(monkeypatch):
    """A quick stand-in for the description of sounds, and a cache that keeps nothing but a list of keys."""
    keys = []
    sound = types.ModuleType("mmkit.features.sound")
    sound.describe = lambda waves, rate: np.array(
        [[len(w), np.abs(w.astype(float)).mean(), rate] for w in waves], dtype=np.float32
    )
    monkeypatch.setattr(sarcasm_data, "cached", lambda kind, key, make, code: keys.append({"world": kind, **key}) or make())
    monkeypatch.setitem(sys.modules, "mmkit.features.sound", sound)
    import mmkit.features

    monkeypatch.setattr(mmkit.features, "sound", sound, raising=False)
    return keys


def test_columns_and_truth():
    data = make_sarcasm(300, 1)
    table, truth = data.records.table, data.records.truth
    assert isinstance(data.schema, ConversationSchema)
    assert [m.name for m in data.schema.modalities] == list(DEFAULT_SHOW)
    assert {"id", "dialogue", "turn", "speaker", "sarcasm", "part", "source"} <= set(table.column_names)
    assert table.num_rows == truth.num_rows == 300 == data.counts["utterances"]
    assert [data.schema[name].shape for name in DEFAULT_SHOW] == [(), (50,), (50,), (30,)]
    s, u, v = (truth[name].to_numpy().astype(int) for name in ("sarcastic", "attitude", "literal"))
    np.testing.assert_array_equal(data.labels, s)
    np.testing.assert_array_equal(v, u * (1 - 2 * s))
    assert {f"posterior_{subset}" for subset in (*posteriors.SUBSETS, "known_scene", "scene")} <= set(truth.column_names)
    assert set(truth["cause"].to_pylist()) <= set(posteriors.CAUSES)
    assert matrix(truth["snr"]).shape == (300, 3)
    by_speaker = pc.value_counts(
        pa.array([f"{a} {b}" for a, b in zip(*(table[c].to_pylist() for c in ("speaker", "source")), strict=True)])
    )
    assert len(by_speaker) <= 8  # a speaker keeps to a show


def test_parts_do_not_share_scenes():
    train, valid, test = make_sarcasm(2000, 1).official()
    scenes = [set(part.table["dialogue"].to_pylist()) for part in (train, valid, test)]
    assert not scenes[0] & scenes[1] | scenes[0] & scenes[2] | scenes[1] & scenes[2]
    total = sum(map(len, scenes))
    assert [len(some) / total for some in scenes] == pytest.approx([0.72, 0.08, 0.20], abs=0.01)
    assert all(make_sarcasm(60, seed).official() for seed in range(3))


def test_same_arguments_same_bytes_in_any_process():
    code = (
        "from mmkit.worlds.dialogues.sarcasm_data import make_sarcasm; import hashlib, pyarrow as pa\n"
        "d = make_sarcasm(60, 7, show=('text', 'text_vector', 'audio', 'video', 'voice', 'frames'))\n"
        "said = [t[c].to_pylist() for t in (d.records.table, d.records.truth) for c in t.column_names]\n"
        "print(hashlib.sha256(repr(said).encode()).hexdigest())"
    )
    out = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in range(2)}
    assert len(out) == 1


def test_no_column_depends_on_what_else_is_shown():
    every = make_sarcasm(60, 1, show=SHOWN)
    for name in SHOWN:
        alone = make_sarcasm(60, 1, show=name)
        assert alone.records.table[name].equals(every.records.table[name]), name
        assert alone.records.truth.equals(every.records.truth)
        assert alone.fingerprint != every.fingerprint


def test_seeds_nulls_and_knobs_change_the_content_and_the_fingerprint():
    plain = make_sarcasm(100, 1)
    for other in (make_sarcasm(100, 2), make_sarcasm(100, 1, null="mismatch_off"), make_sarcasm(100, 1, noise_audio=1.0)):
        assert other.fingerprint != plain.fingerprint
        assert not other.records.table["audio"].equals(plain.records.table["audio"])
    assert "null control mismatch_off" in make_sarcasm(60, 1, null="mismatch_off").source


def test_without_mismatch_words_voice_and_face_are_strangers():
    for null in (None, "mismatch_off"):
        data = make_sarcasm(3000, 1, null=null, noise_audio=0.5, noise_video=0.5)
        u = data.records.truth["attitude"].to_numpy().astype(float)
        for name in ("audio", "video"):
            x = matrix(data.records.table[name]).astype(float)
            fit = np.linalg.lstsq(np.c_[x, np.ones(len(x))], u, rcond=None)[0]
            told = np.corrcoef(np.c_[x, np.ones(len(x))] @ fit, u)[0, 1]
            assert (told > 0.8) == (null is None)
            assert told > 0.8 or told < 0.3


def test_voice_and_frames_come_as_sound_and_pictures():
    data = make_sarcasm(60, 1, show=("voice", "frames"))
    assert (data.schema["voice"].kind, data.schema["voice"].unit) == ("sound", "22050 Hz")
    assert data.schema["frames"].shape == (3, 3, 48, 48)
    seconds = pc.list_value_length(data.records.table["voice"]).to_numpy() / voice.RATE
    assert (seconds > 0.79).all()
    assert (seconds <= 2).all()
    assert matrix(data.records.table["frames"]).shape == (60, 3 * 3 * 48 * 48)


def test_signals_are_described_once_under_a_key_that_tells_everything(ears):
    data = make_sarcasm(60, 1, emitter="signal", show=(*DEFAULT_SHOW, "voice", "frames"))
    waves = data.records.table["voice"].to_pylist()
    heard = matrix(data.records.table["audio"])
    np.testing.assert_allclose(heard, [[len(w), np.abs(w).mean(), 22_050] for w in waves], rtol=1e-5)
    pictures = matrix(data.records.table["frames"]).reshape(-1, 3, 3, 48, 48)
    np.testing.assert_allclose(matrix(data.records.table["video"]), faces.look(pictures), rtol=1e-5)
    assert [key["features"] for key in ears] == ["audio", "video"]
    first = list(ears)
    make_sarcasm(60, 2, emitter="signal")
    make_sarcasm(60, 1, emitter="signal", noise_audio=1.0)
    make_sarcasm(70, 1, emitter="signal")
    keys = [repr(key) for key in ears]
    assert len(set(keys)) == len(keys) == 8
    make_sarcasm(60, 1, emitter="signal", show="audio")
    assert ears[-1] == first[0]


def test_the_word_table_has_every_word():
    data = make_sarcasm(500, 1)
    known, table = word_table(1)
    assert table.shape == (len(known), 50)
    said = {word for text in data.records.table["text"].to_pylist() for word in sarcasm_data.spanish.words(text)}
    assert said <= set(known)
    assert not (word_table(1)[1] != table).any()
    assert (word_table(2)[1] != table).any()
    assert (word_table(1, null="no_synonyms")[1] != table).any()


def test_what_is_refused():
    with pytest.raises(SettingsError, match="utterances = 10, expected a whole number of at least 50"):
        make_sarcasm(10, 1)
    with pytest.raises(SettingsError, match="no knob 'leek'; did you mean 'leak'"):
        make_sarcasm(60, 1, leek=1.0)
    with pytest.raises(SettingsError, match="no knob 'drift'"):
        make_sarcasm(60, 1, drift=0.1)
    with pytest.raises(SettingsError, match="no modality 'vioce'; did you mean 'voice'"):
        make_sarcasm(60, 1, show="vioce")
    with pytest.raises(SettingsError, match=r"show = \(\), expected at least one of"):
        make_sarcasm(60, 1, show=())
    with pytest.raises(SettingsError, match="no null control 'no_leek'"):
        make_sarcasm(60, 1, null="no_leek")

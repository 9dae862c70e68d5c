"""Sarcasm in clips: words, sound and frames of each utterance in order, vectors from files or computed once, and bad corpora."""

# ruff: noqa: E501 - a message stands on one line, as a person reads it

from __future__ import annotations

import inspect
import json
import wave
from pathlib import Path

import numpy as np
import pytest

from mmkit.errors import DataError, SettingsError
from mmkit.readers import clip_folders, sarcasm_clips
from mmkit.readers.sarcasm_table import seconds
from mmkit.schema import matrix
from tests.readers import bad_sarcasm
from tests.readers.clip_files import (
    HEADER,
    IDS,
    ORDER,
    ROWS,
    SCENES,
    TURNS,
    corpus,
    npz,
    picture,
    png,
    row,
    table,
    tone,
    vectors,
    wav,
)


def read(tmp: Path, **options):
    """The table alone, with other rows or another header."""
    path = corpus(tmp, sound=False, frames=False, changed={"utterances.csv": table(**options)})
    return sarcasm_clips.read(path).records.table.to_pydict()


# --- what is read ----------------------------------------------------------------------------------------------------------


def test_every_utterance_comes_with_its_own_words_sound_and_frames(tmp_path):
    data = sarcasm_clips.read(corpus(tmp_path), compute=False)
    told = {row[0]: row for row in ROWS}
    assert [m.name for m in data.schema.modalities] == ["text", "voice", "frames"]
    for record, id, scene, turn in zip(data.records.table.to_pylist(), ORDER, SCENES, TURNS, strict=True):
        _, text, speaker, label, _, _, _, source = told[id]
        assert (record["id"], record["dialogue"], record["turn"]) == (id, scene, turn)
        assert (record["text"], record["speaker"]) == (text or "…", speaker or "unknown")
        assert (record["sarcasm"], record["source"]) == (int(label == "true"), source)
        k = IDS.index(id)
        np.testing.assert_array_equal(record["voice"], tone(k))  # bit by bit
        frames = np.array(record["frames"]).reshape(data.schema["frames"].shape)
        np.testing.assert_array_equal(frames, np.stack([picture(k, n).transpose(2, 0, 1) for n in range(3)]))
    assert data.records.table["start"].to_pylist() == [10, 11, 12.5, 60, 61.5, 4, 5, 7, 8, 20, 21, 22]
    assert data.records.table["end"].to_pylist()[3:5] == [60.4, 62]


def test_what_is_odd_is_counted(tmp_path):
    counts = sarcasm_clips.read(corpus(tmp_path), compute=False).counts
    parts = {what: counts.pop(what) for what in ("utterances in train", "utterances in valid", "utterances in test")}
    assert sum(parts.values()) == 12
    assert counts == {
        "records read": 12, "scenes": 4, "sarcastic": 5, "spellings of the label": 2,
        "utterances without words, kept as '…'": 1, "utterances without a speaker, kept as 'unknown'": 1,
        "utterances that begin before another of their scene ends, kept": 1,
        "clips whose length differs from their times by more than 0.5 s, kept": 1,
    }  # fmt: skip


def test_the_table_alone_gives_the_words_alone(tmp_path):
    names = {
        "id": None,
        "scene": "",
        "start": None,
        "end": "",
        "speaker": "",
        "source": None,
        "text": "Frase",
        "label": "Sarcasmo",
    }
    cells = [(row[1] or "Ay.", row[3]) for row in ROWS]
    path = corpus(tmp_path, False, False, {"utterances.csv": table(cells, ("Frase", "Sarcasmo"))})
    data = sarcasm_clips.read(path, names)
    got = data.records.table.to_pydict()
    assert [m.name for m in data.schema.modalities] == ["text"]
    assert got["id"] == got["dialogue"] == [f"{n:02d}" for n in range(1, 13)]
    assert got["text"] == [text for text, _ in cells]
    assert got["turn"] == [0] * 12
    assert set(got["speaker"]) == {"unknown"}
    assert got["source"] == got["start"] == got["end"] == [None] * 12
    assert "(columns that are not there: id, speaker, start, end, scene, source)" in data.source
    assert [len(part) for part in data.official()] == [8, 1, 3]
    assert not [what for what in data.counts if "without" in what]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("columns.json", json.dumps({"text": "Texto", "label": "¿sarcasmo?"})),
        ("columns.toml", 'text = "Texto"\nlabel = "¿sarcasmo?"\n'),
    ],
)
def test_a_map_beside_the_table_names_its_columns(name, text, tmp_path):
    header = ["Texto" if name == "text" else "¿sarcasmo?" if name == "label" else name for name in HEADER]
    files = {"utterances.csv": table(header=header), name: text.encode()}
    mapped = sarcasm_clips.read(corpus(tmp_path / "a", False, False, files)).records.table
    assert mapped == sarcasm_clips.read(corpus(tmp_path / "b", False, False)).records.table


@pytest.mark.parametrize(
    "wrote",
    [
        ("true", "false"),
        ("1", "0"),
        ("1.0", "0.0"),
        ("Sí", "No"),
        ("SI", "NO"),
        ("verdadero", "falso"),
        ("si\u0301", "no"),
        (" yes ", "no"),
    ],
)
def test_labels_in_several_spellings(wrote, tmp_path):
    said = [(*each[:3], wrote[0] if each[3] == "true" else wrote[1], *each[4:]) for each in ROWS]
    got = read(tmp_path, rows=said)
    assert dict(zip(got["id"], got["sarcasm"], strict=True)) == {each[0]: int(each[3] == "true") for each in ROWS}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("62.5", 62.5),
        ("0", 0),
        (" 7 ", 7),
        ("1:02.5", 62.5),
        ("0:01:02,5", 62.5),
        ("01:00:00", 3600),
        ("-1", None),
        ("1:2:3:4", None),
        ("", None),
        ("nan", None),
        ("1,5", None),
    ],
)
def test_times_as_seconds_or_as_on_a_clock(cell, expected):
    assert seconds(cell) == expected if expected is not None else np.isnan(seconds(cell))


def test_a_scene_is_known_by_its_source_and_may_be_missing(tmp_path):
    got = read(tmp_path, rows=row("c09", scene=""))
    assert got["id"][-3:] == ["c08", "c10", "c09"]
    assert got["dialogue"][-3:] == ["Sur/9", "Sur/9", "utterance c09"]
    assert got["turn"][-3:] == [0, 1, 0]
    got = read(tmp_path, rows=[(*each[:7], "") for each in ROWS])  # without sources both scenes 1 are one
    assert [got["dialogue"].count(name) for name in ("1", "2", "9")] == [7, 2, 3]


def test_utterances_that_overlap_are_counted(tmp_path):
    rows = row("c04", end="7.8")  # 4 to 7.8, over c12 (5 to 5.6) and the start of c05 (7 to 7.5); c06 begins at 8
    data = sarcasm_clips.read(corpus(tmp_path, False, False, {"utterances.csv": table(rows)}))
    assert data.counts["utterances that begin before another of their scene ends, kept"] == 2


def test_parts_are_whole_scenes_and_depend_on_their_names_alone():
    scenes = [f"scene {n}" for n in range(60) for _ in range(n % 7 + 1)]
    part = sarcasm_clips._parts(scenes)
    of = {scene: {p for s, p in zip(scenes, part, strict=True) if s == scene} for scene in scenes}
    assert all(len(some) == 1 for some in of.values())
    assert 0.2 <= part.count("test") / len(part) < 0.2 + 7 / len(part)
    assert 0.08 <= part.count("valid") / len(part) < 0.08 + 7 / len(part)
    mixed = np.random.default_rng(0).permutation(len(scenes))
    assert sarcasm_clips._parts([scenes[k] for k in mixed]) == [part[k] for k in mixed]
    assert sarcasm_clips._parts(["one"] * 5) == ["train"] * 5
    assert sorted(sarcasm_clips._parts(["a", "b", "c"])) == ["test", "train", "valid"]


# --- sound and frames of other kinds ---------------------------------------------------------------------------------------


def test_sound_is_mixed_and_resampled_and_counted(tmp_path):
    stereo = np.stack([tone(0), tone(0) // 2 + 1], axis=1)
    high = tone(0, rate=44_100)
    files = {"audio/c07.wav": wav(stereo), "audio/c01.wav": wav(high, 44_100), "audio/c02.wav": wav(tone(2, rate=16_000), 16_000),
             "audio/c11.wav": wav(np.zeros(9_000, np.int16))}  # fmt: skip
    data = sarcasm_clips.read(corpus(tmp_path, frames=False, changed=files), compute=False)
    voice = dict(zip(data.records.table["id"].to_pylist(), data.records.table["voice"].to_pylist(), strict=True))
    np.testing.assert_allclose(voice["c07"], stereo.mean(axis=1), atol=0.51)
    for id, k in (("c01", 0), ("c02", 2)):  # the same tone as at our rate, but for the ends, where the filter fades
        assert len(voice[id]) == len(tone(k))
        np.testing.assert_allclose(voice[id][200:-200], tone(k)[200:-200], atol=40)
    counts = {what: n for what, n in data.counts.items() if "clips of" in what or "silent" in what}
    assert counts == {
        "clips of several channels, mixed to one": 1,
        "clips of another rate, resampled to 22,050 Hz": 2,
        "silent clips, kept": 1,
    }


def test_sound_in_floating_point_and_out_of_range(tmp_path):
    import soundfile

    path = corpus(tmp_path, frames=False)
    soundfile.write(tmp_path / "audio/c07.wav", np.array([0, 0.5, -1, 2.0, -3.0] * 1_000), 22_050, subtype="FLOAT")
    data = sarcasm_clips.read(path, compute=False)
    voice = data.records.table["voice"][ORDER.index("c07")].as_py()
    assert voice[:5] == [0, 16_384, -32_768, 32_767, -32_768]
    assert data.counts["clips with samples out of range, cut"] == 1


def test_frames_of_other_sizes_and_kinds(tmp_path):
    wide = np.concatenate([np.zeros((48, 24, 3), np.uint8), picture(0, 0), np.zeros((48, 24, 3), np.uint8)], axis=1)  # 48 x 96
    clear = np.concatenate([picture(0, 1), np.full((48, 48, 1), 255, np.uint8)], axis=2)
    clear[:10, :, 3] = 0
    grey = picture(0, 2)[:, :, 0]
    files = {
        "frames/c07_0.png": png(wide),
        "frames/c07_1.png": png(clear),
        "frames/c07_2.png": png(grey),
        "frames/.c07_3.png": b"x",
    }
    data = sarcasm_clips.read(corpus(tmp_path, sound=False, changed=files), compute=False)
    frames = np.array(data.records.table["frames"][ORDER.index("c07")].as_py()).reshape(3, 3, 48, 48)
    np.testing.assert_array_equal(frames[0], picture(0, 0).transpose(2, 0, 1))  # its middle
    expected = picture(0, 1).transpose(2, 0, 1).copy()
    expected[:, :10] = 0
    np.testing.assert_array_equal(frames[1], expected)
    np.testing.assert_array_equal(frames[2], np.stack([grey] * 3))
    assert not [what for what in data.counts if "not used" in what]


# --- vectors ---------------------------------------------------------------------------------------------------------------


def test_vectors_beside_the_table_are_put_to_their_utterances(tmp_path):
    files = {f"features_{name}.npz": npz(**vectors(width)) for name, width in (("text", 4), ("audio", 3), ("video", 6))}
    extra = vectors(3, (*IDS, "c99"))
    path = corpus(tmp_path, changed=files | {"features_audio.npz": npz(**extra)})
    data = sarcasm_clips.read(path)
    assert [(m.name, m.shape) for m in data.schema.modalities[:4]] == [
        ("text", ()),
        ("text_vector", (4,)),
        ("audio", (3,)),
        ("video", (6,)),
    ]
    for name, width in (("text_vector", 4), ("audio", 3), ("video", 6)):
        np.testing.assert_array_equal(matrix(data.records.table[name]), vectors(width, ORDER)["X"])
    assert data.counts["vectors of other ids, not used: features_audio.npz"] == 1


def test_sound_and_frames_are_described_once(tmp_path, monkeypatch):
    from mmkit.features import frames, sound

    calls, signature = [], inspect.signature(frames.describe)

    def of_sound(waves, rate, literal):
        calls.append("sound")
        return np.array([[len(wave), np.abs(wave.astype(int)).max(), rate] for wave in waves], np.float32)

    def of_frames(pictures, net, weights, layer, device):
        signature.bind(pictures, net, weights, layer, device=device)
        calls.append("frames")
        assert pictures.shape[1:] == (3, 3, 224, 224)
        return pictures.mean(axis=(2, 3, 4))  # (N, 3)

    monkeypatch.setenv("MMKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sound, "describe", of_sound)
    monkeypatch.setattr(frames, "describe", of_frames)
    monkeypatch.setattr(clip_folders, "BLOCK", 5)
    path = corpus(tmp_path / "a")
    data = sarcasm_clips.read(path)
    assert calls == ["sound", *["frames"] * 3]  # 12 clips in blocks of 5
    audio, video = (matrix(data.records.table[name]) for name in ("audio", "video"))
    for id, heard, seen in zip(ORDER, audio, video, strict=True):
        k = IDS.index(id)
        np.testing.assert_array_equal(heard, [len(tone(k)), np.abs(tone(k)).max(), 22_050])
        np.testing.assert_allclose(seen, [picture(k, n).mean() for n in range(3)], atol=1)
    assert data.schema["video"].about == frames.about()

    again = sarcasm_clips.read(path)
    assert len(calls) == 4
    assert again.records.table == data.records.table
    entries = sorted(f for f in (tmp_path / "cache").rglob("*") if f.is_file())
    entries[0].write_bytes(entries[0].read_bytes()[:-4])  # damaged
    entries[1].write_bytes(b"")
    assert sarcasm_clips.read(path).records.table == data.records.table
    assert len(calls) == 8
    changed = {"audio/c07.wav": wav(tone(20)), "frames/c07_1.png": png(picture(3, 1))}
    other = sarcasm_clips.read(corpus(tmp_path / "b", changed=changed))
    assert len(calls) == 12
    assert other.fingerprint != data.fingerprint
    deep = sarcasm_clips.read(path, net="resnet152")
    assert calls[12:] == ["frames"] * 3
    assert sarcasm_clips.read(path, literal=True).fingerprint not in (data.fingerprint, deep.fingerprint)
    assert deep.fingerprint != data.fingerprint == again.fingerprint
    assert calls[15:] == ["sound"]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    from mmkit.features import sound

    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MMKIT_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(sound, "describe", lambda waves, rate, literal: np.ones((len(waves), 2)))
    data = sarcasm_clips.read(corpus(tmp_path, frames=False))
    assert matrix(data.records.table["audio"]).tolist() == [[1, 1]] * 12


def test_the_sound_is_described_by_the_library(tmp_path, monkeypatch):
    from mmkit.features import sound

    monkeypatch.setenv("MMKIT_CACHE", str(tmp_path / "cache"))
    data = sarcasm_clips.read(corpus(tmp_path, frames=False))
    expected = sound.describe([tone(IDS.index(id)) for id in ORDER], 22_050)
    np.testing.assert_allclose(matrix(data.records.table["audio"]), expected, rtol=1e-5, atol=1e-5)


def test_the_fingerprint_changes_with_whatever_is_read(tmp_path):
    changes = [
        {}, {"utterances.csv": table(row("c07", text="¡Otra!"))}, {"audio/c07.wav": wav(tone(20))}, {"frames/c07_2.png": png(picture(5, 1))},
        {"features_text.npz": npz(**vectors(4))}, {"features_text.npz": npz(**vectors(5))},
    ]  # fmt: skip
    made = [
        sarcasm_clips.read(corpus(tmp_path / str(n), changed=change), compute=False).fingerprint
        for n, change in enumerate(changes)
    ]
    made.append(
        sarcasm_clips.read(tmp_path / "0/utterances.csv", {"text": "speaker", "speaker": "text"}, compute=False).fingerprint
    )
    assert len(set(made)) == len(changes) + 1


def test_it_is_found_below(tmp_path):
    path = corpus(tmp_path / "a/b", False, False)
    assert sarcasm_clips.locate(tmp_path) == sarcasm_clips.locate(path) == path
    path.rename(path.with_name("other.csv"))
    assert sarcasm_clips.locate(tmp_path) is None


# --- what is refused -------------------------------------------------------------------------------------------------------


def header(length: int, frames: int) -> bytes:
    """The start of a WAV file that promises `length` bytes, and `frames` samples behind it."""
    whole = wav(np.zeros(frames, np.int16))
    return whole[:4] + (length - 8).to_bytes(4, "little") + whole[8:]


MAPPED = "columns.json"
U = "utterances.csv"


@pytest.mark.parametrize("what", [what for what, _, _ in bad_sarcasm.CASES if what.startswith("clips")])
def test_what_is_wrong_is_said(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    give = next(give for id, _, give in bad_sarcasm.CASES if id == what)
    summary, problems, advice = bad_sarcasm.EXPECTED[what]
    with pytest.raises(DataError) as caught:
        give(tmp_path)
    assert caught.value.problems == problems
    assert caught.value.summary.startswith(f"sarcasm_clips: {summary}")
    assert advice in caught.value.advice
    assert not (tmp_path / "ran").exists()


def test_wrong_decoding_can_be_undone_as_the_advice_says(tmp_path):
    damaged = table().decode("utf-8").encode("utf-8").decode("latin-1").encode("utf-8")
    with pytest.raises(DataError) as caught:
        read_bytes(tmp_path / "a", damaged)
    assert "iconv -f UTF-8 -t LATIN1 utterances.csv" in caught.value.advice
    lines = sorted({int(problem.split(":")[1]) for problem in caught.value.problems})
    assert lines == [n for n, each in enumerate(ROWS, start=2) if not (each[1] + each[2]).isascii()]
    repaired = damaged.decode("utf-8").encode("latin-1")  # what iconv does
    assert read_bytes(tmp_path / "b", repaired).records.table == read_bytes(tmp_path / "c", table()).records.table


def read_bytes(folder: Path, data: bytes):
    return sarcasm_clips.read(corpus(folder, False, False, {"utterances.csv": data}))


def test_windows_1252_and_lost_signs(tmp_path):
    with pytest.raises(DataError, match="7 lines not in UTF-8") as caught:
        read_bytes(tmp_path / "a", table().decode().encode("cp1252"))
    assert "iconv -f CP1252" in caught.value.advice
    lost = table(row("c01", text="Dónde está el ni\ufffdo?"))
    counts = read_bytes(tmp_path / "b", lost).counts
    assert counts["lost characters (U+FFFD), kept"] == 1
    assert counts["questions and exclamations without ¿ or ¡, kept"] == 1


def test_a_wav_file_may_promise_too_much_where_a_pipe_wrote_it(tmp_path):
    path = corpus(tmp_path, frames=False, changed={"audio/c01.wav": header(0xFFFFFFFF + 8, 9_000)})
    data = sarcasm_clips.read(path, compute=False)
    assert len(data.records.table["voice"][0].as_py()) == 9_000
    with wave.open(str(tmp_path / "audio/c02.wav")) as file:  # the others are whole by another way of reading
        assert file.getnframes() == len(data.records.table["voice"][1].as_py())


# --- the map of columns ----------------------------------------------------------------------------------------------------


def test_columns_that_are_not_there_are_named_with_those_that_are(tmp_path):
    path = corpus(
        tmp_path, False, False, {U: table(header=("id", "texto", "speaker", "label", "start", "end", "escena", "source"))}
    )
    with pytest.raises(DataError) as caught:
        sarcasm_clips.read(path)
    assert (
        "2 columns are not in the header, which has: 'id', 'texto', 'speaker', 'label', 'start', 'end', 'escena', 'source'"
        in caught.value.summary
    )
    assert caught.value.problems == [
        f"{U}:1: no column 'text' (text: the words); did you mean 'texto'?",
        f"{U}:1: no column 'scene' (scene: utterances of one scene share their context); did you mean 'escena'?",
    ]
    assert (
        "Say what they are called in columns.json beside the table, {'text': name}, or '' where there is none."
        in caught.value.advice
    )


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"txt": "x"}, "columns: 'txt' is no column of ours; did you mean 'text'?"),
        ({"text": 3}, "columns: 'text' is 3, expected a name"),
        ({"label": ""}, "columns: 'label' has no column, but it is needed"),
        ({"text": None}, "columns: 'text' has no column, but it is needed"),
        ({"scene": "source"}, "columns: 'source' stands for several columns of ours, expected one"),
        ({"start": None}, "columns: one of 'start' and 'end' has no column, expected both or none"),
    ],
)
def test_a_map_that_is_wrong(names, told, tmp_path):
    path = corpus(tmp_path, False, False)
    with pytest.raises(SettingsError) as caught:
        sarcasm_clips.read(path, names)
    assert str(caught.value) == told
    (tmp_path / MAPPED).write_text(json.dumps(names))
    with pytest.raises(DataError) as caught:
        sarcasm_clips.read(path)
    assert caught.value.problems == [told.replace("columns:", f"{tmp_path / MAPPED}:", 1)]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {MAPPED: b"{"},
            "columns.json: Expecting property name enclosed in double quotes: line 1 column 2 (char 1), expected JSON with names of columns",
        ),
        ({MAPPED: b"[1]"}, "columns.json: holds a list, expected names of ours, each with the table's"),
        ({"columns.toml": b"text ="}, "expected TOML with names of columns"),
        ({MAPPED: b"{}", "columns.toml": b""}, "has columns.json and columns.toml, expected one map of columns"),
    ],
)
def test_a_file_of_a_map_that_cannot_be_read(files, told, tmp_path):
    with pytest.raises(DataError) as caught:
        sarcasm_clips.read(corpus(tmp_path, False, False, files))
    assert told in caught.value.summary

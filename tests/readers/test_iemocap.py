"""IEMOCAP: every layout gives the same utterances, each with its own numbers; parts are whole dialogues; no pickle runs."""

from __future__ import annotations

import gzip
import hashlib
import os
import pickle
import zipfile
from typing import ClassVar

import numpy as np
import pytest

from mmkit.errors import DataError
from mmkit.readers import iemocap, talks
from mmkit.schema import dialogue_starts, matrix
from tests.readers import talk_files
from tests.readers.talk_files import TALKS, TEST, TRAIN, VALID, WIDTHS, feature

LISTED = {"train": sorted(TRAIN), "valid": VALID, "test": TEST}


@pytest.mark.parametrize("layout", [6, 10])
def test_utterances_with_the_files_own_valid_part(layout, tmp_path):
    data = iemocap.read(talk_files.iemocap(tmp_path / "iemocap.pkl", layout))
    rows = data.records.table.to_pylist()
    expected = [(part, name, n) for part, names in LISTED.items() for name in names for n in range(len(TALKS[name]))]
    assert [(row["part"], row["dialogue"], row["turn"]) for row in rows] == expected
    for row in rows:
        speaker, label, sentence = TALKS[row["dialogue"]][row["turn"]]
        session = row["dialogue"][:5]
        assert (row["speaker"], row["emotion"], row["text"], row["pair"]) == (f"{session}_{speaker}", label, sentence, session)
        assert row["id"] == f"{row['dialogue']}_{row['turn']:03d}"
    assert data.records.table.schema.equals(data.schema.arrow)
    assert data.schema.classes == ("happy", "sad", "neutral", "angry", "excited", "frustrated")
    assert data.counts["dialogues in no list, left out"] == 1
    assert {what: n for what, n in data.counts.items() if " in t" in what or " in v" in what} == {
        "utterances in train": 7, "dialogues in train": 2, "utterances in valid": 2, "dialogues in valid": 1,
        "utterances in test": 2, "dialogues in test": 1,
    }  # fmt: skip
    assert (data.counts["emotion sad"], data.counts["emotion angry"], "emotion surprised" in data.counts) == (3, 1, False)


@pytest.mark.parametrize("layout", [6, 9, 10, 12])
def test_each_utterance_has_its_own_numbers(layout, tmp_path):
    data = iemocap.read(talk_files.iemocap(tmp_path / "features.pkl", layout))
    table = data.records.table
    assert [modality.name for modality in data.schema.modalities] == ["text", *WIDTHS[layout]]
    layers = 4 if layout > 9 else 1
    for kind, width in WIDTHS[layout].items():
        assert data.schema[kind].shape == (width,)
        mean = sum(range(layers)) / layers if kind == "text_vector" else 0.0
        at = zip(table["dialogue"].to_pylist(), table["turn"].to_pylist(), strict=True)
        expected = np.stack([feature(kind, name, turn, width) + mean for name, turn in at])
        np.testing.assert_allclose(matrix(table[kind]), expected, rtol=0, atol=1e-5)
    assert iemocap.LAYOUTS[[6, 9, 10, 12].index(layout)].name in data.source
    if layout in (9, 12):
        rows = table.to_pylist()
        assert [row["id"] for row in rows] == [f"{row['dialogue']}_{row['speaker'][-1]}{row['turn']:03d}" for row in rows]


def many(held: dict) -> None:
    """Forty training dialogues of session 1 instead of the three."""
    names = [f"Ses01F_impro{n:02d}" for n in range(40)]
    for element in held.values():
        if isinstance(element, dict):
            model = element[TRAIN[0]]
            element |= dict.fromkeys(names, model)
    held["ids"] |= {name: [f"{name}_{n}" for n in range(3)] for name in names}
    held["train"] = names


@pytest.mark.parametrize("wrap", [list, tuple, set, lambda names: list(reversed(names))])
def test_a_tenth_of_the_training_dialogues_is_held_out_by_name_alone(wrap, tmp_path):
    def change(held):
        many(held)
        held["train"], held["test"] = wrap(held["train"]), wrap(held["test"])

    table = iemocap.read(talk_files.iemocap(tmp_path / "x.pkl", 9, change)).records.table
    starts = dialogue_starts(table)
    of = {part: [] for part in LISTED}
    for name, part in zip(*(table[column].take(starts).to_pylist() for column in ("dialogue", "part")), strict=True):
        of[part].append(name)
    names = [f"Ses01F_impro{n:02d}" for n in range(40)]
    assert of["valid"] == sorted(sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:4])
    assert of["train"] == sorted(set(names) - set(of["valid"]))
    assert of["test"] == TEST


def test_what_is_held_out_leaves_something_to_train_on():
    assert talks.held_out(["a"], 0.5) == set()
    assert len(talks.held_out("ab", 0.01)) == 1
    assert len(talks.held_out("ab", 0.99)) == 1
    assert talks.held_out("aabb", 0.5) == talks.held_out("ba", 0.5)


def test_arrays_stand_for_lists_and_the_content_for_the_fingerprint(tmp_path):
    plain = iemocap.read(talk_files.iemocap(tmp_path / "a.pkl"))

    def arrays(held):
        for name in ("labels", *WIDTHS[9]):
            held[name] = {talk: np.array(values) for talk, values in held[name].items()}

    stacked = iemocap.read(talk_files.iemocap(tmp_path / "b.pkl", change=arrays, protocol=4))
    assert stacked.records.table == plain.records.table
    assert stacked.fingerprint != plain.fingerprint
    assert iemocap.read(talk_files.iemocap(tmp_path / "c.pkl")).fingerprint == plain.fingerprint


def test_sentences_without_words_are_marked_and_counted(tmp_path):
    def change(held):
        held["sentences"][TEST[0]][1] = " "
        held["sentences"][TRAIN[0]][0] = " padded \n"

    data = iemocap.read(talk_files.iemocap(tmp_path / "x.pkl", 6, change))
    said = dict(zip(data.records.table["id"].to_pylist(), data.records.table["text"].to_pylist(), strict=True))
    assert (said[f"{TEST[0]}_001"], said[f"{TRAIN[0]}_000"]) == ("...", "padded")
    assert data.counts["sentences without a word, now '...'"] == 1


def test_other_widths_are_read_when_asked_for(tmp_path):
    def change(held):
        held["audio"] = {talk: [np.full(1582, n) for n in range(len(values))] for talk, values in held["audio"].items()}

    path = talk_files.iemocap(tmp_path / "IEMOCAP_features.pkl", 9, change)
    with pytest.raises(DataError, match="openSMILE") as caught:
        iemocap.read(path)
    assert caught.value.problems == ["audio has 1,582 numbers per utterance (openSMILE's, of a later release), expected 100"]
    assert "other_widths=True" in caught.value.advice
    data = iemocap.read(path, other_widths=True)
    assert [modality.shape for modality in data.schema.modalities] == [(), (100,), (1582,), (512,)]
    np.testing.assert_array_equal(matrix(data.records.table["audio"])[:, -1], data.records.table["turn"].to_numpy())


def test_files_with_features_come_first_in_any_wrapping(tmp_path):
    bare = talk_files.iemocap(tmp_path / "a/iemocap.pkl", 6)
    assert iemocap.locate(tmp_path) == bare
    full = talk_files.iemocap(tmp_path / "z/y/IEMOCAP_features.pkl")
    assert iemocap.locate(tmp_path) == full
    assert iemocap.locate(bare) == bare
    raw = full.read_bytes()
    expected = iemocap.read(full).records.table
    full.unlink()
    packed = tmp_path / "z/IEMOCAP_features_raw.pkl.gz"
    packed.write_bytes(gzip.compress(raw))
    assert iemocap.read(iemocap.locate(tmp_path)).records.table == expected
    packed.unlink()
    with zipfile.ZipFile(tmp_path / "z/features.zip", "w") as archive:
        archive.writestr("IEMOCAP_features/IEMOCAP_features.pkl", raw)
        archive.writestr("readme.csv", "a,b")
    assert iemocap.read(iemocap.locate(tmp_path)).records.table == expected
    assert iemocap.locate(tmp_path / "z/y") is None


class Runs:
    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.parametrize(
    "asked",
    [
        Runs(os.system, "touch ran"),
        Runs(eval, "open('ran', 'w')"),
        Runs(np.load, "ran.npy"),
        Runs(np.fromfile, "ran"),
        Runs(np.memmap, "ran", "f4", "w+", 0, (1,)),
        Runs(getattr, talk_files.feature, "__globals__"),
    ],
)
def test_a_pickle_that_asks_to_run_something_is_refused_unrun(asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    held = talk_files.elements(6)
    held["sentences"][TEST[0]][0] = asked
    path = tmp_path / "iemocap.pkl"
    path.write_bytes(pickle.dumps(list(held.values()), protocol=2))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError, match=r"iemocap\.pkl: names .*, expected arrays and built-in containers only") as caught:
        iemocap.read(path)
    assert "Nothing of it was run" in caught.value.advice
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("share", [0.001, 0.2, 0.5, 0.9, 0.9999])
def test_a_pickle_that_is_cut_off_is_refused(share, tmp_path):
    path = talk_files.iemocap(tmp_path / "iemocap.pkl", 9)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DataError, match=r"iemocap\.pkl: is not a whole pickle"):
        iemocap.read(path)


class Python2(pickle._Pickler):
    """Writes text as Python 2 wrote its byte strings: without an encoding, one byte per letter."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_text(self, text: str) -> None:
        raw = text.encode("latin1")
        self.write(pickle.SHORT_BINSTRING + bytes([len(raw)]) + raw)

    dispatch[str] = save_text


def test_a_pickle_of_python_2(tmp_path):
    held = talk_files.elements(6)
    held["sentences"][TEST[0]][0] = "A caf\xe9."
    with (tmp_path / "iemocap.pkl").open("wb") as file:
        Python2(file, protocol=2).dump(list(held.values()))
    data = iemocap.read(tmp_path / "iemocap.pkl")
    assert data.records.table["text"].to_pylist()[-2] == "A caf\xe9."
    with pytest.raises(UnicodeDecodeError):  # what happens without an encoding
        pickle.loads((tmp_path / "iemocap.pkl").read_bytes())


def test_features_that_are_all_zeros_are_counted(tmp_path):
    def change(held):
        held["video"][TEST[0]] = [np.zeros(512)] * 2
        held["audio"][TEST[0]][0][1:] = 0.0

    counts = iemocap.read(talk_files.iemocap(tmp_path / "x.pkl", 9, change)).counts
    assert {what: n for what, n in counts.items() if "zeros" in what} == {"utterances whose video is all zeros, kept": 2}

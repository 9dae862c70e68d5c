"""MUStARD: what stands in the JSON file, the published folds, features of the sound; and every way in which a file can be wrong."""

# ruff: noqa: E501 - a message stands on one line, as a person reads it

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile

import numpy as np
import pytest

from mmkit.errors import DataError, SettingsError
from mmkit.readers import mustard
from mmkit.schema import matrix
from tests.readers import bad_sarcasm
from tests.readers.mustard_files import IDS, SAID, TESTED, features, folder, folds, records


def test_every_record_says_what_the_file_says(tmp_path):
    data = mustard.read(folder(tmp_path))
    table = data.records.table.to_pydict()
    assert table["id"] == table["dialogue"] == IDS
    assert table["turn"] == [len(row[2]) for row in SAID]
    assert table["speaker"] == [row[1] for row in SAID]
    assert table["sarcasm"] == [int(row[5]) for row in SAID]
    assert table["source"] == [row[4] for row in SAID]
    assert table["text"][:2] == ["Oh, what a day.", "I like it."]
    assert table["context"][0] == "It rains.\nAgain? Still?"  # a line per utterance, also where one had a line break
    assert table["context_speakers"][0] == "BEN\nANA"
    assert (table["context"][4], table["context_speakers"][4]) == (None, None)
    assert data.schema.classes == ("sincere", "sarcastic")
    assert data.counts == {
        "damaged apostrophes put right": 3, "utterances in train": 6, "utterances in valid": 2, "utterances in test": 2,
        "sarcastic": 5, "speakers": 4, "series": 2, "utterances of context": 13,
        "utterances in the same words as another, kept": 2, "records with a sentence of context that another has too, kept": 2,
    }  # fmt: skip


def test_damaged_apostrophes_are_put_right_between_letters_alone(tmp_path):
    table = mustard.read(folder(tmp_path)).records.table
    assert table["text"][2].as_py() == "That's a plan, isn't it"
    assert table["context"][2].as_py() == "We're late."
    assert table["context"][3].as_py().endswith("Maybe \u00d5 or not.")


@pytest.mark.parametrize("fold", range(5))
def test_parts_follow_the_published_folds(fold, tmp_path):
    data = mustard.read(folder(tmp_path), fold)
    table = data.records.table
    assert table["fold"].to_pylist() == TESTED
    expected = ["test" if k == fold else "valid" if k == (fold + 1) % 5 else "train" for k in TESTED]
    assert table["part"].to_pylist() == expected
    assert [len(part) for part in data.official()] == [6, 2, 2]


def test_folds_that_are_not_there_are_dealt_out_by_hash(tmp_path):
    path = folder(tmp_path, folds=None)
    data = mustard.read(path)
    assert "no split_indices.p: folds by the hash of the ids" in data.source
    table = data.records.table.to_pydict()
    for label in (0, 1):  # within a label the ids in the order of their hashes take folds 0 to 4 in turn
        mine = [
            (hashlib.sha256(id.encode()).hexdigest(), fold)
            for id, fold, y in zip(table["id"], table["fold"], table["sarcasm"], strict=True)
            if y == label
        ]
        assert [fold for _, fold in sorted(mine)] == [0, 1, 2, 3, 4]
    turned = dict(reversed(records().items()))
    path.write_text(json.dumps(turned))
    other = mustard.read(path).records.table.to_pydict()
    assert dict(zip(other["id"], other["fold"], strict=True)) == dict(zip(table["id"], table["fold"], strict=True))


def test_sound_is_the_mean_over_time_of_each_row(tmp_path):
    data = mustard.read(folder(tmp_path, audio=features() | {"9_9": np.zeros((3, 2))}))
    expected = np.array([[n, n + 10, n + 20] for n in range(10)], np.float32)
    expected[0] -= 1  # one step, the first of the row from -1 to 1
    np.testing.assert_allclose(matrix(data.records.table["audio"]), expected, atol=1e-6)
    assert data.schema["audio"].shape == (3,)
    assert (data.counts["fewest steps of audio"], data.counts["most steps of audio"]) == (1, 10)
    assert data.counts["features of ids without a record, not used"] == 1


def test_the_fingerprint_changes_with_every_file_and_the_fold(tmp_path):
    made = {}
    for name, files in {
        "plain": {},
        "text": {"said": records() | {IDS[0]: records()[IDS[1]]}},
        "folds": {"folds": folds(TESTED[::-1])},
        "none": {"folds": None},
        "audio": {"audio": features()},
    }.items():
        (tmp_path / name).mkdir()
        made[name] = mustard.read(folder(tmp_path / name, **files)).fingerprint
    made["fold"] = mustard.read(tmp_path / "plain" / mustard.FILE, 1).fingerprint
    assert len(set(made.values())) == 6
    assert made["plain"].endswith("-mustard1-0")


def test_it_is_found_below_and_packed(tmp_path):
    inner = tmp_path / "a/b"
    inner.mkdir(parents=True)
    path = folder(inner)
    assert mustard.locate(tmp_path) == mustard.locate(path) == path
    plain = mustard.read(path)
    path.with_suffix(".json.gz").write_bytes(gzip.compress(path.read_bytes()))
    with zipfile.ZipFile(inner / "all.zip", "w") as archive:
        archive.write(path, "data/sarcasm_data.json")
    path.unlink()
    packed = mustard.locate(tmp_path)
    assert packed.name == "sarcasm_data.json.gz"
    assert mustard.read(packed).records.table == plain.records.table
    packed.unlink()
    assert mustard.read(mustard.locate(tmp_path)).records.table == plain.records.table
    (inner / "all.zip").unlink()
    assert mustard.locate(tmp_path) is None


@pytest.mark.parametrize("fold", [-1, 5, 0.5])
def test_a_fold_that_does_not_exist(fold, tmp_path):
    with pytest.raises(SettingsError, match=f"fold = {fold}, expected a whole number from 0 to 4"):
        mustard.read(folder(tmp_path), fold)


@pytest.mark.parametrize("what", [what for what, _, _ in bad_sarcasm.CASES if what.startswith("mustard")])
def test_what_is_wrong_is_said(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    give = next(give for id, _, give in bad_sarcasm.CASES if id == what)
    summary, problems, advice = bad_sarcasm.EXPECTED[what]
    with pytest.raises(DataError) as caught:
        give(tmp_path)
    assert caught.value.problems == problems
    assert caught.value.summary.startswith(f"mustard: {summary}")
    assert advice in caught.value.advice
    assert not (tmp_path / "ran").exists()

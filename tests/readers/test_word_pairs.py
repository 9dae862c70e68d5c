"""Pairs of words: both published forms give the same pairs and scores."""

from __future__ import annotations

import zipfile

import pytest

from mmkit import readers
from tests.readers.bad_inputs import FIXTURES

SETS = {
    "simlex999": [("old", "new", 1.58), ("sly", "strange", 1.97), ("strange", "sly", 1.97)],
    "men": [("sun", "sunlight", 50.0), ("bakery", "zebra", 0.0)],
    "mturk771": [("access", "gateway", 3.791666667), ("account", "invoice", 3.75)],
}
BOTH = {"simlex999": {"pairs scored in both orders": 1}}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("form", ["good", "good_own"])
def test_both_forms_hold_the_same(name, form):
    data = readers.load(name, FIXTURES / "word_similarity" / form)
    assert [tuple(row.values()) for row in data.records.table.to_pylist()] == SETS[name]
    assert data.counts == {"records read": len(SETS[name])} | BOTH.get(name, {})
    assert (data.name, data.schema.task, data.schema.text, data.schema.label) == (name, "regression", ["word1", "word2"], "score")
    assert data.records.table.schema.equals(data.schema.arrow)
    assert data.labels.tolist() == [score for _, _, score in SETS[name]]
    assert data.fingerprint.endswith("-words1")


def test_a_zip_as_it_was_downloaded(tmp_path):
    with zipfile.ZipFile(tmp_path / "download.zip", "w") as archive:
        archive.write(FIXTURES / "word_similarity/good_own/SimLex-999.txt", "SimLex-999/SimLex-999.txt")
        archive.writestr("SimLex-999/README.txt", "about")
        archive.writestr("__MACOSX/SimLex-999/SimLex-999.txt", "x")
    data = readers.load("simlex999", tmp_path)
    assert data.labels.tolist() == [1.58, 1.97, 1.97]
    assert data.fingerprint == readers.load("simlex999", FIXTURES / "word_similarity/good_own").fingerprint


def test_capitals_blank_lines_and_marks_are_counted(tmp_path):
    (tmp_path / "EN-MEN-TR-3k.txt").write_bytes("\ufeffSun\tsunlight\t50\n\nriver\tWater\t49\n\n".encode())
    data = readers.load("men", tmp_path)
    assert [tuple(row.values()) for row in data.records.table.to_pylist()] == [("sun", "sunlight", 50), ("river", "water", 49)]
    assert data.counts == {"records read": 2, "words lower-cased": 2, "blank lines skipped": 2, "byte order marks skipped": 1}


def test_the_bounds_themselves_are_scores(tmp_path):
    (tmp_path / "MTURK-771.csv").write_text("a,b,1\nc,d,5\n")
    assert readers.load("mturk771", tmp_path).labels.tolist() == [1, 5]
    (tmp_path / "MTURK-771.csv").write_text("a,b,0.99\nc,d,5.01\nE,f,2\ne,F,3\n")
    with pytest.raises(readers.DataError) as caught:
        readers.load("mturk771", tmp_path)
    assert [problem.split(": ", 1)[1] for problem in caught.value.problems] == [
        "column 'score': '0.99', expected a number from 1 to 5",
        "column 'score': '5.01', expected a number from 1 to 5",
        "the pair 'e', 'F' was scored at MTURK-771.csv:3 already, expected each pair once",
    ]

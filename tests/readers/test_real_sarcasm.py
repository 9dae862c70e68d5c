"""The published files of sarcasm, where a person has them: MMKIT_TEST_DATA=<folder> pytest tests/readers/test_real_sarcasm.py."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from mmkit.readers import mustard

ROOT = os.environ.get("MMKIT_TEST_DATA", "")


def real() -> Path:
    """The file of MUStARD; the test is skipped where it is not."""
    if not ROOT:
        pytest.skip("MMKIT_TEST_DATA names no folder with the published files")
    found = mustard.locate(Path(ROOT))
    if found is None:
        pytest.skip("the folder of MMKIT_TEST_DATA holds no mustard")
    return found


def test_mustard_exact_facts():
    data = mustard.read(real())
    assert [len(part) for part in data.official()] == [414, 138, 138]
    assert len(data.records) == 690
    assert data.labels.sum() == 345
    series = data.records.table["source"].to_pylist()
    assert {name: series.count(name) for name in set(series)} == {
        "BBT": 280,
        "FRIENDS": 356,
        "GOLDENGIRLS": 40,
        "SARCASMOHOLICS": 14,
    }
    assert data.counts["damaged apostrophes put right"] == 14  # 13 of one damage, one of another
    assert data.counts["speakers"] == 21
    assert not any("\u00d5" in text or "\u20ac" in text for text in data.records.table["text"].to_pylist())


def test_mustard_as_it_stands_in_the_files():
    """A second way from the files to the table, pickle and all."""
    path = real()
    said = json.loads(path.read_text(encoding="utf-8"))
    with (path.parent / mustard.FOLDS).open("rb") as file:
        folds = pickle.load(file, encoding="latin1")
    table = mustard.read(path, 2).records.table.to_pydict()
    assert table["id"] == list(said)
    for k, (train, test) in enumerate(folds):
        np.testing.assert_array_equal(np.flatnonzero(np.array(table["fold"]) == k), np.sort(test))
        assert len(np.intersect1d(train, test)) == 0
    for row, record in enumerate(said.values()):
        assert table["speaker"][row] == record["speaker"]
        assert table["turn"][row] == len(record["context"]) == len(table["context"][row].split("\n"))
        assert table["sarcasm"][row] == record["sarcasm"]

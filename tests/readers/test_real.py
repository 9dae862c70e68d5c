"""The published files themselves, where a person has them: MMKIT_TEST_DATA=<folder> pytest tests/readers/test_real.py."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmkit import readers
from mmkit.errors import DataError
from mmkit.readers import clothing, csv_tables

ROOT = os.environ.get("MMKIT_TEST_DATA", "")


def real(name: str) -> Path:
    """Where the data set lies; the test is skipped where it does not."""
    if not ROOT:
        pytest.skip("MMKIT_TEST_DATA names no folder with the published files")
    try:
        return readers.locate(name, ROOT)
    except DataError:
        pytest.skip(f"the folder of MMKIT_TEST_DATA holds no {name}")


def test_clothing_complete():
    path = real("clothing")
    start = time.perf_counter()
    data = readers.find("clothing").read(path)
    seconds = time.perf_counter() - start
    assert len(data.records) == 23_486
    assert round(100 * data.labels.mean(), 1) == 82.2
    assert data.fingerprint.startswith("bd93cc515747ad1f")
    assert (data.counts["missing: Title"], data.counts["missing: Review Text"]) == (3_810, 845)
    assert seconds < 5  # 0.5 s on a laptop core

    rating = np.array(data.records.table["Rating"])
    predicted = rating >= 4  # one line of logic is a strong baseline on this set
    recall, precision = predicted[data.labels == 1].mean(), data.labels[predicted].mean()
    assert 0.94 < 2 * precision * recall / (precision + recall) < 0.97


def test_clothing_cell_by_cell_as_pandas_reads_it():
    path = real("clothing")
    theirs = pd.read_csv(io.BytesIO(csv_tables.content(path, clothing.NAMES)), dtype=str, keep_default_na=False)
    ours = readers.find("clothing").read(path).records.table
    for name in ours.column_names:
        cells = [None if cell == "" else cell for cell in theirs[name]]
        if name not in clothing.SCHEMA.text + clothing.SCHEMA.categories:
            cells = [float(cell) for cell in cells]
        assert ours[name].to_pylist() == cells, name


def test_petfinder():
    data = readers.find("petfinder").read(real("petfinder"))
    assert len(data.records) == data.counts["records read"] - sum(n for key, n in data.counts.items() if "left out" in key)
    assert set(np.unique(data.labels)) == {0, 1, 2, 3, 4}
    assert 0.26 < (data.labels == 4).mean() < 0.30  # the majority class of the paper's constant predictor
    assert "Mixed Breed" in data.records.table["Breed1"].to_pylist()


def test_inside_airbnb():
    data = readers.find("inside_airbnb").read(real("inside_airbnb"))
    assert not [
        name for name in data.records.table.column_names if name.startswith("host_") and name not in data.schema.categories
    ]
    assert not any("<br" in (text or "") for text in data.records.table["description"].to_pylist())
    assert 50 < np.median(data.labels) < 500


def test_melbourne():
    data = readers.find("airbnb").read(real("airbnb"))
    assert len(data.schema.categories) == 72
    assert len(data.records) > 20_000

"""The published files themselves, where a person has them: MMKIT_TEST_DATA=<folder> pytest tests/readers/test_real.py."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmkit import readers, text
from mmkit.errors import DataError
from mmkit.readers import clothing, csv_tables, iemocap, meld, mosi_talks
from mmkit.schema import PARTS, dialogue_starts

SCRIPT = Path(__file__).parent.parent.parent / "data_scripts" / "multi30k.py"
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


def test_multi30k_exact_facts():
    """Vocabulary sizes that the published parameter counts imply, and what else was counted in the files by other means."""
    data = readers.find("multi30k").read(real("multi30k"))
    train, _, test = data.official()
    assert [len(part) for part in data.official()] == [29_000, 1_014, 1_000]
    assert data.fingerprint.startswith("0f09b1df18194211")
    assert (data.counts["HTML entities, kept: en"], data.counts["HTML entities, kept: de"]) == (16, 1)
    assert data.counts["marks of subword units (@@), kept: de"] == 2  # two lines of the real file hold nothing else
    for language, size, words, longest, unknown in (("de", 7_853, 360_726, 44, 3.8), ("en", 5_893, 380_190, 41, 1.7)):
        start = time.perf_counter()
        tokens = text.tokenise(train.table[language].to_pylist(), language)
        vocabulary = text.Vocabulary.build(tokens, 2)
        ids = vocabulary.encode(tokens)
        seconds = time.perf_counter() - start
        assert len(vocabulary) == size
        assert (sum(map(len, tokens)), max(map(len, tokens))) == (words, longest)
        assert len(ids.values) == words + len(tokens)
        assert round(100 * vocabulary.unknown_rate(text.tokenise(test.table[language].to_pylist(), language)), 1) == unknown
        assert seconds < 30  # 2 to 6 s on a laptop core


def test_multi30k_is_fetched_whole_from_a_server_with_the_published_files(tmp_path):
    place = real("multi30k")
    if not (place / "train.de.gz").is_file():
        pytest.skip("the files are unpacked, so their hashes differ from those of the server")
    command = [sys.executable, str(SCRIPT), "--to", str(tmp_path), "--server", place.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "31,014 records, fingerprint 0f09b1df18194211" in done.stdout
    assert len(list((tmp_path / "multi30k").iterdir())) == 6


@pytest.mark.parametrize(
    ("name", "records", "low", "high"), [("simlex999", 999, 0.23, 9.8), ("men", 3_000, 0, 50), ("mturk771", 771, 1, 4.96)]
)
def test_word_pairs(name, records, low, high):
    data = readers.find(name).read(real(name))
    assert len(data.records) == records
    assert (data.labels.min(), data.labels.max()) == (low, high)
    assert data.counts == {"records read": records} | ({"pairs scored in both orders": 1} if name == "simlex999" else {})


def conversations(module):
    """The published files through one of the readers of conversations; the test is skipped where they are not."""
    if not ROOT:
        pytest.skip("MMKIT_TEST_DATA names no folder with the published files")
    found = module.locate(Path(ROOT))
    if found is None:
        pytest.skip(f"the folder of MMKIT_TEST_DATA holds no {module.__name__.rsplit('.', 1)[1]}")
    return module.read(found)


def test_iemocap_transcripts():
    data = conversations(iemocap)
    if "transcripts alone" not in data.source:
        pytest.skip("the folder of MMKIT_TEST_DATA holds features of IEMOCAP")
    assert [len(part) for part in data.official()] == [5_163, 647, 1_623]
    assert [data.counts[f"dialogues in {part}"] for part in PARTS] == [108, 12, 31]
    test = data.official()[2]
    assert np.bincount(data.labels).tolist() == [648, 1_084, 1_708, 1_103, 1_041, 1_849]
    assert np.bincount(test.table["emotion"]).tolist() == [144, 245, 384, 170, 299, 381]
    assert set(test.table["speaker"].to_pylist()) == {"Ses05_F", "Ses05_M"}  # heard nowhere else
    assert len(set(data.records.table["speaker"].to_pylist())) == 10
    longest = np.diff(np.append(dialogue_starts(data.records.table), len(data.records))).max()
    assert longest == 110


@pytest.mark.parametrize("label", ["emotion", "sentiment"])
def test_meld(label):
    meld_folder = conversations(meld).source.rsplit(", ", 1)[1]
    data = meld.read(Path(meld_folder), label)
    assert [len(part) for part in data.official()] == [9_989, 1_109, 2_610]
    assert [data.counts[f"dialogues in {part}"] for part in PARTS] == [1_038, 114, 280]
    expected = {
        "emotion": [4_710, 1_205, 268, 683, 1_743, 271, 1_109],
        "sentiment": [4_710, 2_334, 2_945],
    }  # of the training part
    assert np.bincount(data.official()[0].table[label]).tolist() == expected[label]


def test_mosi_as_talks():
    data = conversations(mosi_talks)
    assert [len(part) for part in data.official()] == [1_243, 204, 752]
    assert [data.counts[f"dialogues in {part}"] for part in PARTS] == [54, 8, 31]
    assert data.labels.mean() == pytest.approx(1176 / 2199)

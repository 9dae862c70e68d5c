"""CMU-MOSI as talks: the same utterances as the sequences end in, each once, videos as dialogues."""

from __future__ import annotations

import numpy as np
import pytest

from mmkit.errors import DataError
from mmkit.readers import mosi, mosi_talks
from mmkit.schema import dialogue_starts, matrix, steps
from tests.readers import film_files
from tests.readers.film_files import SAID, feature


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return film_files.mosi(tmp_path_factory.mktemp("data") / "features")


def test_one_row_per_utterance_with_its_own_numbers(folder):
    data = mosi_talks.read(folder)
    table = data.records.table
    at = {id: row for row, (id, *_) in enumerate(SAID)}
    ids = table["id"].to_pylist()
    assert sorted(ids) == sorted(id for id in at if id != "cc_2")  # cc_2 has no features
    for name, kind in (("text_vector", "text"), ("audio", "audio"), ("video", "video")):
        expected = np.stack([feature(kind, at[id]) for id in ids]).astype(np.float32)
        np.testing.assert_array_equal(matrix(table[name]), expected)
    for row in table.to_pylist():
        video, number = row["id"].rsplit("_", 1)
        assert (row["dialogue"], row["speaker"], row["turn"]) == (video, video, int(number))
        assert (row["text"], row["sentiment"]) == (SAID[at[row["id"]]][1], int(SAID[at[row["id"]]][3]))
    assert table["dialogue"].take(dialogue_starts(table)).to_pylist()[-1] == "cc"
    assert [row for row in ids if row.startswith("aXe")] == ["aXe_1", "aXe_2", "aXe_10"]
    assert data.counts["utterances without features, left out"] == 1
    assert (data.counts["sentiment positive"], data.counts["dialogues in test"]) == (4, 1)


def test_parts_and_last_steps_are_those_of_the_sequences(folder):
    talks, sequences = mosi_talks.read(folder), mosi.read(folder)
    assert talks.records.table["part"] == sequences.records.table["part"]
    for name, kind in mosi_talks.NAMES.items():
        values, offsets = steps(sequences.records.table[name])
        np.testing.assert_array_equal(matrix(talks.records.table[kind]), values[offsets[1:] - 1])
    assert talks.fingerprint != mosi.read(folder, 0).fingerprint


def test_what_is_wrong_with_the_files_is_told(folder, tmp_path):
    other = film_files.mosi(tmp_path / "x")
    (other / "audio_test0.csv").unlink()
    with pytest.raises(DataError, match=r"audio_test\.csv \(or audio_test0\.csv\): no such file"):
        mosi_talks.read(mosi_talks.locate(tmp_path))

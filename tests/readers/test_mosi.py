"""CMU-MOSI: records in the order of speaking, their context from the same video alone, and the real files where they are."""

from __future__ import annotations

import csv
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from mmkit import readers
from mmkit.errors import DataError, SettingsError
from mmkit.readers import mosi
from mmkit.schema import steps
from tests.readers import film_files
from tests.readers.film_files import SAID, feature

REAL = os.environ.get("MMKIT_TEST_DATA", "")
# what the files say, in the order of speaking; the rows of the transcripts of each record and what was said before it
RECORDS = {
    "aXe_1": [0], "aXe_2": [0, 2], "aXe_10": [0, 2, 1], "b_b_1": [3], "b_b_2": [3, 4], "cc_1": [5], "cc_3": [5, 7],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return film_files.mosi(tmp_path_factory.mktemp("data") / "features")


def sequences(data, kind):
    values, offsets = steps(data.records.table[kind])
    return {id: values[a:b] for id, a, b in zip(data.records.table["id"].to_pylist(), offsets[:-1], offsets[1:], strict=True)}


def test_each_record_has_its_own_features_last_and_those_before_in_order(folder):
    data = readers.load("mosi", folder.parent)
    table = data.records.table
    assert set(table["id"].to_pylist()) == set(RECORDS)
    for kind in ("text", "audio", "video"):
        for id, values in sequences(data, kind).items():
            np.testing.assert_array_equal(
                values, np.stack([feature(kind, row) for row in RECORDS[id]]).astype(np.float32), err_msg=id
            )
    said = {id: (text, int(label)) for id, text, _, label in SAID}
    for record in table.to_pylist():
        assert (record["transcript"], record["sentiment"]) == said[record["id"]]
    assert data.counts["utterances without features, left out"] == 1
    assert table.schema.equals(data.schema.arrow)


@pytest.mark.parametrize(("context", "rows"), [(0, [1]), (1, [2, 1]), (2, [0, 2, 1])])
def test_context_is_cut_to_the_nearest(folder, context, rows):
    data = mosi.read(folder, context)
    np.testing.assert_array_equal(sequences(data, "audio")["aXe_10"], np.stack([feature("audio", row) for row in rows]))
    assert data.fingerprint != mosi.read(folder).fingerprint


def test_context_must_be_a_number_of_utterances(folder):
    with pytest.raises(SettingsError, match="context = -1"):
        mosi.read(folder, -1)


def test_parts_are_whole_videos_and_records_stand_in_order(folder):
    data = readers.load("mosi", folder)
    ids, parts = data.records.table["id"].to_pylist(), data.records.table["part"].to_pylist()
    assert parts[-2:] == ["test", "test"]
    assert ids[-2:] == ["cc_1", "cc_3"]
    assert set(parts[:-2]) == {"train", "valid"}
    videos = {part: {id.rsplit("_", 1)[0] for id, p in zip(ids, parts, strict=True) if p == part} for part in set(parts)}
    assert sum(map(len, videos.values())) == 3  # no video in two parts
    assert [id for id in ids if id.startswith("aXe")] == ["aXe_1", "aXe_2", "aXe_10"]  # 10 comes after 2


def test_the_held_out_videos_depend_on_nothing_but_their_names():
    videos = np.array([f"video{n}" for n in range(62) for _ in range(3)])
    given = np.repeat("train", len(videos))
    held = set(videos[mosi._parts(videos, given) == "valid"])
    assert held == set(sorted(set(videos.tolist()), key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:8])
    mixed = np.random.default_rng(0).permutation(len(videos))
    assert set(videos[mixed][mosi._parts(videos[mixed], given) == "valid"]) == held
    alone = mosi._parts(videos[:3], given[:3])
    assert set(alone) == {"train"}  # one video is never held out


def test_names_with_and_without_the_zero(folder, tmp_path):
    other = film_files.mosi(tmp_path / "x")
    (other / "audio_test0.csv").rename(other / "audio_test.csv")
    assert readers.load("mosi", tmp_path).records.table == readers.load("mosi", folder).records.table
    for name in ("audio_test.csv", "text_test.csv", "video_test0.csv", "transcripts.csv"):
        (other / name).unlink()
    with pytest.raises(DataError, match="mosi: not found"):  # three files of seven are no data set
        readers.load("mosi", tmp_path)


def lines(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))


def real() -> Path:
    if not REAL:
        pytest.skip("MMKIT_TEST_DATA names no folder with the published files")
    try:
        return readers.locate("mosi", REAL)
    except DataError:
        pytest.skip("the folder of MMKIT_TEST_DATA holds no mosi")


def test_the_published_files():
    folder = real()
    data = readers.load("mosi", folder)
    sizes = {
        part: (data.counts[f"utterances in {part}"], data.counts[f"videos in {part}"]) for part in ("train", "valid", "test")
    }
    assert sizes["test"] == (752, 31)
    assert tuple(np.add(sizes["train"], sizes["valid"])) == (1_447, 62)
    assert 0.10 < sizes["valid"][0] / 1_447 < 0.15
    assert "utterances without features, left out" not in data.counts
    assert data.labels.mean() == pytest.approx(1176 / 2199)
    assert data.fingerprint == "73433d31a3a1c344-mosi1-7"

    at = {cells[0]: row for row, cells in enumerate(lines(folder / "transcripts.csv"))}
    own = {}
    for part in ("train", "test"):  # a second way from an utterance to its numbers
        rows, sound = lines(folder / f"text_{part}.csv"), lines(folder / f"audio_{part}0.csv")
        own |= {int(cells[0]): np.array(numbers[:-1], np.float32) for cells, numbers in zip(rows, sound, strict=True)}
    for id, values in sequences(data, "audio").items():
        video, number = id.rsplit("_", 1)
        before = [at[f"{video}_{n}"] for n in range(max(1, int(number) - 7), int(number) + 1)]
        np.testing.assert_array_equal(values, np.stack([own[row] for row in before]), err_msg=id)

"""Readers of captioned pictures: what stands in good files, what is refused in bad ones, features beside the captions."""

# ruff: noqa: E501 - a message stands on one line, as a person reads it

from __future__ import annotations

import gzip
import json
import os
import shutil
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mmkit.errors import DataError
from mmkit.readers import coco_captions, flickr8k, karpathy
from mmkit.schema import Dataset, matrix, steps

FIXTURES = Path(__file__).parent.parent / "fixtures"
READERS = {"coco_captions": coco_captions, "karpathy": karpathy, "flickr8k": flickr8k}
ROOT = os.environ.get("MMKIT_TEST_DATA", "")


def load(reader: ModuleType, root: Path) -> Dataset:
    found = reader.locate(root)
    assert found is not None, root
    return reader.read(found)


def rows(data: Dataset) -> list[tuple[str, str, list[str]]]:
    return [(row["id"], row["part"], row["captions"]) for row in data.records.table.to_pylist()]


def test_official_files_train_before_val_and_captions_in_the_order_of_the_file():
    data = load(coco_captions, FIXTURES / "coco_captions/good")
    assert rows(data) == [
        ("9", "train", ["A bowl of fruit.", "Bread and broccoli in boxes. "]),
        ("25", "train", ["A giraffe eats leaves.", "Two giraffes\nunder a tree."]),
        ("30", "train", ["Flowers in a white vase."]),
        ("139", "valid", ["A room with a table."]),
        ("285", "valid", ["A bear in tall grass.", "A large brown bear.", "A large brown bear."]),
    ]
    assert data.counts == {
        "pictures in train": 3,
        "captions in train": 5,
        "pictures in valid": 2,
        "captions in valid": 4,
        "fewest captions of a picture": 1,
        "most captions of a picture": 3,
        "captions that stand twice at their picture, kept": 1,
        "captions with a line break inside, kept": 1,
        "captions with white space before or after them, kept": 1,
    }
    assert data.schema.modalities == ()


def test_of_two_years_the_fuller_one_is_read(tmp_path: Path):
    good = FIXTURES / "coco_captions/good/annotations"
    shutil.copy(good / "captions_val2017.json", tmp_path / "captions_val2017.json")
    for part in ("train", "val"):
        shutil.copy(good / f"captions_{part}2017.json", tmp_path / f"captions_{part}2014.json")
    data = load(coco_captions, tmp_path)
    assert len(data.records) == 5
    assert data.counts["files of another year, not read"] == 1
    (tmp_path / "captions_train2014.json").unlink()
    (tmp_path / "captions_val2014.json").write_text("no JSON: it must not be opened", encoding="utf-8")
    assert len(load(coco_captions, tmp_path).records) == 2


def test_a_single_file_is_the_part_that_its_name_says():
    file = FIXTURES / "coco_captions/good/annotations/captions_val2017.json"
    assert {part for _, part, _ in rows(load(coco_captions, file))} == {"valid"}
    assert {part for _, part, _ in rows(load(coco_captions, file.with_name("captions_train2017.json")))} == {"train"}


def test_karpathy_restval_is_training_data_and_ids_are_those_of_coco():
    data = load(karpathy, FIXTURES / "karpathy/good")
    assert rows(data) == [
        ("391895", "test", ["A man with a red helmet.", "A man riding a bike."]),
        ("522418", "train", ["A zebra grazing."]),
        ("184613", "train", ["A kitchen with a stove. "]),
        ("318219", "valid", ["Some boats.", "Some boats."]),
    ]
    assert data.counts["pictures of restval, in train"] == 1
    names = load(karpathy, FIXTURES / "karpathy/good_names")
    assert rows(names)[3][0] == "COCO_val2014_000000000003.jpg"


def test_karpathy_out_of_the_archive_that_holds_three_sets(tmp_path: Path):
    good = FIXTURES / "karpathy/good/dataset_coco.json"
    with zipfile.ZipFile(tmp_path / "caption_datasets.zip", "w") as archive:
        archive.write(FIXTURES / "karpathy/good_names/dataset_flickr30k.json", "dataset_flickr30k.json")
        archive.write(good, "dataset_coco.json")
    packed = load(karpathy, tmp_path)
    plain = load(karpathy, good.parent)
    assert rows(packed) == rows(plain)
    assert packed.fingerprint == plain.fingerprint
    (tmp_path / "caption_datasets.zip").unlink()
    (tmp_path / "dataset_coco.json.gz").write_bytes(gzip.compress(good.read_bytes()))
    assert load(karpathy, tmp_path).fingerprint == plain.fingerprint


def test_flickr8k_lists_decide_and_the_odd_name_is_put_right():
    data = load(flickr8k, FIXTURES / "flickr8k/good")
    assert rows(data) == [
        ("102_bb.jpg", "train", ["people waiting for the subway", "Three people at a station ."]),
        ("101_aa.jpg", "valid", ["A child on stairs .", "A girl in a wooden house ."]),
        ("103_cc.jpg", "test", ["A black dog"]),
    ]
    assert data.counts["captions whose picture is named with a foreign suffix, put to their picture"] == 1
    assert data.counts["pictures in no list, left out"] == 1  # 104_dd.jpg


def test_lines_of_windows_and_a_byte_order_mark_change_nothing(tmp_path: Path):
    for path in (FIXTURES / "flickr8k/good").iterdir():
        (tmp_path / path.name).write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert rows(load(flickr8k, tmp_path)) == rows(load(flickr8k, FIXTURES / "flickr8k/good"))


@pytest.mark.parametrize("name", READERS)
def test_the_fingerprint_changes_with_the_content(name: str, tmp_path: Path):
    plain = load(READERS[name], FIXTURES / name / "good")
    folder = Path(shutil.copytree(FIXTURES / name / "good", tmp_path / "copy"))
    assert load(READERS[name], folder).fingerprint == plain.fingerprint
    for path in folder.rglob("*"):
        if path.is_file() and b"A " in path.read_bytes():
            path.write_bytes(path.read_bytes().replace(b"A ", b"One ", 1))
            break
    assert load(READERS[name], folder).fingerprint != plain.fingerprint


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9])
def test_a_file_that_is_cut_off_anywhere_says_so(keep: float, tmp_path: Path):
    data = (FIXTURES / "karpathy/good/dataset_coco.json").read_bytes()
    (tmp_path / "dataset_coco.json").write_bytes(data[: int(keep * len(data))])
    with pytest.raises(DataError, match=r"dataset_coco\.json:\d+: .*, expected JSON.*\n.*fetch it again"):
        load(karpathy, tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_where_nothing_lies_nothing_is_found(name: str, tmp_path: Path):
    assert READERS[name].locate(tmp_path) is None


IDS = ["285", "9", "139", "25", "30", "7"]  # in an order of their own, and one that has no caption


def features(folder: Path, ending: str, ids: np.ndarray, values: np.ndarray) -> None:
    if ending == "npz":
        np.savez(folder / "features.npz", ids=ids, features=values)
    elif ending == "npy":
        np.save(folder / "ids.npy", ids)
        np.save(folder / "features.npy", values)
    else:
        import h5py

        with h5py.File(folder / "features.h5", "w") as file:
            file["ids"] = [id.encode() for id in ids.tolist()] if ids.dtype.kind == "U" else ids
            file["features"] = values


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIXTURES / "coco_captions/good/annotations", tmp_path / "annotations"))


@pytest.mark.parametrize("ending", ["npz", "npy", "h5"])
@pytest.mark.parametrize("numbers", [True, False])
def test_features_are_put_to_their_pictures(ending: str, numbers: bool, good: Path):
    plain = load(coco_captions, good)
    values = np.array([float(id) for id in IDS])
    vector = (values[:, None] + np.arange(3) / 8).astype(np.float16)
    features(good, ending, np.array([int(id) for id in IDS] if numbers else IDS), vector)
    data = load(coco_captions, good)
    (modality,) = data.schema.modalities
    assert (modality.name, modality.kind, modality.shape) == ("picture_vector", "vector", (3,))
    np.testing.assert_array_equal(matrix(data.records.table["picture_vector"]), vector[[1, 3, 4, 2, 0]])
    assert data.counts["features of pictures without captions, not used"] == 1
    assert rows(data) == rows(plain)
    features(good, ending, np.array([int(id) for id in IDS] if numbers else IDS)[[1, 0, 2, 3, 4, 5]], vector)
    assert len({plain.fingerprint, data.fingerprint, load(coco_captions, good).fingerprint}) == 3


def test_features_of_regions_are_a_sequence(good: Path):
    values = np.array([float(id) for id in IDS])
    regions = (values[:, None, None] + np.arange(6).reshape(3, 2) / 8).astype(np.float32)
    features(good, "npz", np.array(IDS), regions)
    data = load(coco_captions, good)
    (modality,) = data.schema.modalities
    assert (modality.name, modality.kind, modality.shape) == ("regions", "sequence", (2,))
    found, offsets = steps(data.records.table["regions"])
    np.testing.assert_array_equal(offsets, [0, 3, 6, 9, 12, 15])
    np.testing.assert_array_equal(found.reshape(5, 3, 2), regions[[1, 3, 4, 2, 0]])


def with_nan() -> np.ndarray:
    values = np.ones((6, 2), np.float32)
    values[2, 1] = np.nan
    return values


@pytest.mark.parametrize(
    ("ids", "values", "problem"),
    [
        (IDS, np.ones((6, 2), np.int64), "features.npz: 'features' has shape (6, 2) and type int64, expected (pictures, numbers) or (pictures, regions, numbers) of floating-point numbers"),
        (IDS, np.ones(6), "features.npz: 'features' has shape (6,) and type float64, expected (pictures, numbers) or (pictures, regions, numbers) of floating-point numbers"),
        (IDS[:5], np.ones((6, 2)), "features.npz: 'ids' has shape (5,) and 'features' (6, 2), expected one id for each"),
        ([*IDS[:5], "9"], np.ones((6, 2)), "features.npz: row 5: id '9' was already used by row 1"),
        ([*IDS[1:], "8"], np.ones((6, 2)), "features.npz: no features of picture '285'"),
        (IDS, with_nan(), "features.npz: row 2, id '139': NaN or infinite values, expected finite numbers"),
    ],
)  # fmt: skip
def test_features_that_do_not_fit(ids: list[str], values: np.ndarray, problem: str, good: Path):
    features(good, "npz", np.array(ids), values)
    with pytest.raises(DataError) as error:
        load(coco_captions, good)
    assert error.value.problems == [problem]


def test_features_in_files_that_cannot_be_read(good: Path):
    np.savez(good / "features.npz", ids=np.array(IDS))
    with pytest.raises(DataError, match=r"features\.npz: .*features.*, expected the arrays 'ids' and 'features'"):
        load(coco_captions, good)
    np.savez(good / "features.npz", ids=np.array(IDS, object), features=np.ones((6, 2)))
    with pytest.raises(DataError, match=r"features\.npz: cannot be read"):
        load(coco_captions, good)  # nothing pickled is loaded
    data = (good / "features.npz").read_bytes()
    (good / "features.npz").write_bytes(data[:-30])
    with pytest.raises(DataError, match=r"features\.npz: cannot be read"):
        load(coco_captions, good)
    (good / "features.npz").unlink()
    np.save(good / "features.npy", np.ones((6, 2)))
    with pytest.raises(DataError, match=r"ids\.npy: no such file"):
        load(coco_captions, good)


def real(name: str) -> Dataset:
    """The published files; the test is skipped where they are not."""
    if not ROOT:
        pytest.skip("MMKIT_TEST_DATA names no folder with the published files")
    found = READERS[name].locate(Path(ROOT))
    if found is None:
        pytest.skip(f"the folder of MMKIT_TEST_DATA holds no {name}")
    return READERS[name].read(found)


def test_coco_val2017_exact_facts():
    data = real("coco_captions")
    if "pictures in train" in data.counts:
        assert (data.counts["pictures in train"], data.counts["captions in train"]) == (118_287, 591_753)
    assert (data.counts["pictures in valid"], data.counts["captions in valid"]) == (5_000, 25_014)
    assert (data.counts["fewest captions of a picture"], data.counts["most captions of a picture"]) == (5, 7)
    path = Path(data.source.split(", ", 1)[1]) / "captions_val2017.json"
    said = json.loads(path.read_bytes())
    by_picture: dict[str, list[str]] = {}
    for annotation in said["annotations"]:
        by_picture.setdefault(str(annotation["image_id"]), []).append(annotation["caption"])
    assert {id: captions for id, part, captions in rows(data) if part == "valid"} == by_picture


def test_flickr8k_exact_facts():
    data = real("flickr8k")
    assert [len(part) for part in data.official()] == [6_000, 1_000, 1_000]
    assert data.counts["pictures in no list, left out"] == 92
    assert (data.counts["fewest captions of a picture"], data.counts["most captions of a picture"]) == (5, 5)
    first = {id: captions for id, _, captions in rows(data)}["1000268201_693b08cb0e.jpg"]
    assert first[1] == "A girl going into a wooden building ."
    assert data.fingerprint.startswith("90aeb5851cad0f97")

"""Captions of scenes as files: the readers of the real ones give the same captions back, and the official tools take them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmkit.errors import SettingsError
from mmkit.readers import coco_captions, karpathy
from mmkit.worlds.scenes import captions, export_coco, generate
from mmkit.worlds.scenes.knobs import Knobs
from mmkit.worlds.scenes.scene import Scenes

KNOBS = Knobs(5)
SIZES = {"train": 12, "valid": 5, "test": 4, "test_rel": 3}


@pytest.fixture(scope="module")
def worlds() -> list[Scenes]:
    return [generate.scenes(KNOBS, split, count, first=2) for split, count in SIZES.items()]


@pytest.fixture(scope="module")
def folder(worlds: list[Scenes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    export_coco.write(folder, worlds, KNOBS)
    return folder


def expected(worlds: list[Scenes]) -> list[dict[str, object]]:
    """id, captions, part of every scene, straight from the tables."""
    out = []
    for scenes in worlds:
        table, _ = captions.table(scenes, KNOBS)
        for n, row in enumerate(table.to_pylist()):
            out.append(
                {"id": str(export_coco.image_id(scenes.split, scenes.first + n)), **{k: row[k] for k in ("captions", "part")}}
            )
    return out


def test_the_official_files_come_back_as_they_were(worlds: list[Scenes], folder: Path):
    data = coco_captions.read(coco_captions.locate(folder))
    assert data.records.table.to_pylist() == expected(worlds)
    assert [len(part) for part in data.official()] == [12, 5, 7]
    assert not [what for what in data.counts if "kept" in what and "twice" not in what]


def test_karpathys_file_comes_back_as_it_was(worlds: list[Scenes], folder: Path):
    data = karpathy.read(karpathy.locate(folder))
    assert data.records.table.to_pylist() == expected(worlds)
    image = json.loads((folder / export_coco.KARPATHY).read_bytes())["images"][13]
    assert image["sentences"][2]["tokens"] == image["sentences"][2]["raw"].split()
    assert image["sentids"] == [each["sentid"] for each in image["sentences"]] == [65, 66, 67, 68, 69]
    assert (image["imgid"], image["split"], image["filename"]) == (13, "val", "valid_0000003.png")


def test_the_layout_is_the_official_one(folder: Path):
    """Keys as in the published files, and of the types that they have there."""
    said = json.loads((folder / "captions_val2017.json").read_bytes())
    assert set(said) == {"info", "images", "licenses", "annotations"}
    assert set(said["info"]) == {"description", "url", "version", "year", "contributor", "date_created"}
    kinds = {key: type(value) for key, value in said["images"][0].items()}
    texts = dict.fromkeys(("file_name", "coco_url", "date_captured", "flickr_url"), str)
    assert kinds == texts | dict.fromkeys(("license", "height", "width", "id"), int)
    assert {key: type(value) for key, value in said["annotations"][0].items()} == {"image_id": int, "id": int, "caption": str}
    assert (said["images"][0]["height"], said["images"][0]["width"]) == (96, 96)


def test_the_official_reader_takes_the_files(folder: Path):
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    file = coco.COCO(str(folder / "captions_val2017.json"))
    assert len(file.getAnnIds()) == 25
    path = export_coco.results(folder / "results.json", dict.fromkeys(file.getImgIds(), "a dog"))
    assert len(file.loadRes(str(path)).getAnnIds()) == 5


def test_results_are_in_the_format_of_the_server(tmp_path: Path):
    path = export_coco.results(tmp_path / "results.json", {42: "a dog", 7: "a “cat”"})
    assert json.loads(path.read_bytes()) == [{"image_id": 42, "caption": "a dog"}, {"image_id": 7, "caption": "a “cat”"}]


def test_the_same_world_gives_the_same_bytes(worlds: list[Scenes], folder: Path, tmp_path: Path):
    files = export_coco.write(tmp_path, worlds, KNOBS, jobs=1)
    assert [path.name for path in files] == [*export_coco.OFFICIAL.values(), export_coco.KARPATHY]
    assert all(path.read_bytes() == (folder / path.name).read_bytes() for path in files)
    larger = export_coco.write(tmp_path, worlds[:1], KNOBS, size=(48, 64))
    assert [path.name for path in larger] == ["captions_train2017.json", export_coco.KARPATHY]
    image = json.loads(larger[0].read_bytes())["images"][0]
    assert (image["height"], image["width"]) == (48, 64)


def test_ids_are_unique_over_splits_and_impossible_ones_are_refused(worlds: list[Scenes], tmp_path: Path):
    ids = {export_coco.image_id(split, index) for split in ("train", "valid", "nlvr2") for index in (0, 1, 10**7 - 1)}
    assert len(ids) == 9
    assert max(ids) < 2**31
    with pytest.raises(SettingsError, match="expected a number from 0 to 9,999,999"):
        export_coco.image_id("train", 10**7)
    with pytest.raises(SettingsError, match="train, train: expected each split once"):
        export_coco.write(tmp_path, [worlds[0], worlds[0]], KNOBS)

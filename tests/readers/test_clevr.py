"""CLEVR's scenes as graphs: every relation goes the right way round, what is wrong is named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from mmkit.errors import DataError
from mmkit.readers.clevr import clevr_graphs
from mmkit.schema.questions import graph_problems

CUBE = {"size": "large", "color": "gray", "material": "rubber", "shape": "cube", "pixel_coords": [48, 160, 11.2], "rotation": 1.5}
BALL = {"size": "small", "color": "red", "material": "metal", "shape": "sphere", "pixel_coords": [240, 80, 9.1], "rotation": 0.0}
SCENE = {
    "image_index": 0,
    "image_filename": "CLEVR_val_000000.png",
    "objects": [CUBE, BALL],
    "relationships": {"left": [[], [0]], "right": [[1], []], "front": [[], [0]], "behind": [[1], []]},
}


def scenes(folder, *each):
    path = folder / "CLEVR_scenes.json"
    path.write_text(json.dumps({"info": {}, "scenes": each}))
    return path


def test_one_scene_word_by_word(tmp_path):
    """The list at "left" of the ball names the cube: the cube is to the left of the ball."""
    row = clevr_graphs(scenes(tmp_path, SCENE)).to_pylist()[0]
    assert (row["id"], row["name"]) == ("CLEVR_val_000000", ["cube", "sphere"])
    assert row["attributes"] == [["large", "gray", "rubber"], ["small", "red", "metal"]]
    np.testing.assert_allclose(row["box"], [[0.1, 0.5, 0, 0], [0.5, 0.25, 0, 0]], rtol=1e-6)
    links = zip(row["source"], row["relation"], row["target"], strict=True)
    assert list(links) == [(0, "to the left of", 1), (1, "to the right of", 0), (0, "in front of", 1), (1, "behind", 0)]


def test_a_folder_of_scenes_is_as_good(tmp_path):
    whole = clevr_graphs(scenes(tmp_path, SCENE, {**SCENE, "image_filename": "b.png", "objects": [BALL, CUBE]}))
    folder = tmp_path / "scenes"
    folder.mkdir()
    (folder / "1.json").write_text(json.dumps(SCENE))
    (folder / "2.json").write_text(json.dumps({**SCENE, "image_filename": "b.png", "objects": [BALL, CUBE]}))
    assert clevr_graphs(folder).equals(whole)


AT = "CLEVR_scenes.json: scene 0: "
ARROW = {"left": [[], [2]], "right": [[1]], "front": [[], 0], "behind": None}
BAD = {
    "twice": ((SCENE, SCENE), ["CLEVR_scenes.json: scene 1: picture CLEVR_val_000000 has a scene already, expected one"]),
    "name": (({**SCENE, "image_filename": None},), [AT + "'image_filename' is None, expected a picture's name"]),
    "objects": (
        ({**SCENE, "objects": [{**CUBE, "shape": ""}, {**BALL, "pixel_coords": [500, 1, 1]}]},),
        [
            AT + "object 0: ['', 'large', 'gray', 'rubber'], expected texts for shape, size, color, material",
            AT + "object 1: centre (500, 1), expected it in the picture of 480 x 320",
        ],
    ),
    "centre": (
        ({**SCENE, "objects": [{**CUBE, "pixel_coords": "5"}, BALL]},),
        [AT + "object 0: 'pixel_coords' is '5', expected x, y and the distance"],
    ),
    "relations": (
        ({**SCENE, "relationships": ARROW},),
        [
            AT + "relationships 'left': object 2, expected a number below 2",
            AT + "relationships 'right': [[1]], expected a list for each of the 2 objects",
            AT + "relationships 'front': [[], 0], expected a list for each of the 2 objects",
            AT + "relationships 'behind': None, expected a list for each of the 2 objects",
        ],
    ),
    "no_objects": (
        ({**SCENE, "objects": None, "relationships": 3},),
        [AT + "'objects' is None and 'relationships' is 3, expected a list and an object"],
    ),
    "none": ((), ["CLEVR_scenes.json: holds no scenes, expected some"]),
}


@pytest.mark.parametrize("id", BAD)
def test_what_is_wrong_is_named(id, tmp_path):
    given, problems = BAD[id]
    with pytest.raises(DataError) as caught:
        clevr_graphs(scenes(tmp_path, *given))
    assert caught.value.problems == problems


def test_other_files_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"holds no \.json file"):
        clevr_graphs(tmp_path)
    (tmp_path / "a.json").write_text("[1]")
    (tmp_path / "b.json").write_text('{"scenes": [')
    with pytest.raises(DataError) as caught:
        clevr_graphs(tmp_path)
    assert caught.value.problems == [
        "a.json: holds [1], expected an object with 'scenes', or with the 'objects' of one",
        "b.json:1: Expecting value (column 13), expected JSON; is the file cut off?",
    ]


def test_published_scenes():
    root = os.environ.get("MMKIT_TEST_DATA", "")
    if not root or not (Path(root) / "clevr").is_dir():
        pytest.skip("MMKIT_TEST_DATA names no folder with CLEVR's scenes")
    path = Path(root) / "clevr/CLEVR_scenes.json"
    table = clevr_graphs(path, (320, 240))
    assert table.equals(clevr_graphs(Path(root) / "clevr/scenes", (320, 240)))
    assert graph_problems("clevr", table) == []
    plain = json.loads(path.read_text())["scenes"]
    assert [len(names) for names in table["name"].to_pylist()] == [len(scene["objects"]) for scene in plain]
    for row, scene in zip(table.to_pylist(), plain, strict=True):  # the files' own direction tells the same order
        right = np.array(scene["directions"]["right"])
        along = [float(right @ np.array(each["3d_coords"])) for each in scene["objects"]]
        for source, said, target in zip(row["source"], row["relation"], row["target"], strict=True):
            if said == "to the left of":
                assert along[source] < along[target]

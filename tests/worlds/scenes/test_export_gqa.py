"""Files of scenes in GQA's layout: read again they are the tables that were never written, and the gold answers are perfect."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mmkit.errors import DataError, SettingsError
from mmkit.readers import gqa
from mmkit.schema import matrix, whole
from mmkit.scores import answers
from mmkit.worlds.scenes import export_gqa, generate, graphs, questions
from mmkit.worlds.scenes.executor import execute
from mmkit.worlds.scenes.knobs import Knobs

KNOBS = Knobs(seed=3)
PARTS = ("train", "valid", "test")
SCENES = 25


@pytest.fixture(scope="module")
def world():
    """part -> (scenes, questions, which are balanced)."""
    made = {}
    for part in PARTS:
        scenes = generate.scenes(KNOBS, part, SCENES)
        asked = questions.collect(scenes, KNOBS)
        made[part] = scenes, asked, questions.balanced(asked, KNOBS.seed, part)
    return made


@pytest.fixture(scope="module")
def folder(world, tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "gqa"
    for part, (scenes, asked, balanced) in world.items():
        export_gqa.write(path, scenes, asked, KNOBS, part, balanced)
    return path


@pytest.fixture(scope="module")
def read(folder):
    return gqa.read(folder)


def test_graphs_come_back(world, read):
    ours = [row for scenes, *_ in world.values() for row in graphs.table(scenes, KNOBS.nearest).to_pylist()]
    theirs = read.graphs.to_pylist()
    for name in ("id", "name", "attributes", "source", "target", "relation"):
        assert [row[name] for row in theirs] == [row[name] for row in ours], name


def test_boxes_are_off_by_no_more_than_half_a_pixel(world, read):
    ours = np.concatenate([scenes.arrays["box"] for scenes, *_ in world.values()]).astype(float)
    theirs = matrix(whole(read.graphs["box"]).flatten()).astype(float)
    ends = [np.c_[box[:, :2], box[:, :2] + box[:, 2:]] for box in (ours, theirs)]
    assert np.abs(ends[0] - ends[1]).max() <= 0.5 / export_gqa.SIDE + 1e-6
    assert np.abs(ends[0] - ends[1]).max() > 0.4 / export_gqa.SIDE
    assert (theirs[:, 2:] > 0).all()
    assert "boxes that reach beyond the picture, cut at its edge" not in read.counts


def test_questions_and_truth_come_back(world, read):
    ours, truths, first = {}, {}, 0
    for part, (scenes, asked, balanced) in world.items():
        places = {scenes[row].id: first + row for row in range(len(scenes))}
        table, truth = (side.to_pylist() for side in questions.table(asked, part, places, balanced))
        ours |= {row["id"]: row for row in table}
        truths |= {row["id"]: each for row, each in zip(table, truth, strict=True)}
        first += len(scenes)
    theirs = read.records.table.to_pylist()
    assert len(theirs) == len(ours)
    assert read.schema.classes == questions.SCHEMA.classes
    for row, truth in zip(theirs, read.records.truth.to_pylist(), strict=True):
        assert row == ours[row["id"]]
        assert truth == {name: truths[row["id"]][name] for name in ("steps", "hops", "local", "program")}, row["id"]


def test_gold_answers_are_perfect(read):
    for part in read.official():
        asked = answers.questions(part.table, read.schema.classes)
        got = answers.scores(asked, asked.answer)
        assert (got["accuracy"], got["consistency"], got["distribution"]) == (100, 100, 0)
        assert (got["validity"], got["plausibility"]) == (100, 100)
        wrong = asked.answer.copy()
        wrong[np.flatnonzero(asked.balanced)[0]] += 1
        assert answers.scores(asked, wrong)["accuracy"] < 100


def test_answers_follow_from_the_files_alone(world, folder, read):
    """Every answer again, by running the program of the file on the graph of the file; rounded boxes blur sizes only."""
    graph = {row["id"]: row for row in read.graphs.to_pylist()}
    off, total, sizes = [], 0, 0
    for tier in ("train", "valid", "val"):
        around = json.loads((folder / f"{tier}_sceneGraphs.json").read_text())
        for each in json.loads((folder / f"{tier}_all_questions.json").read_text()).values():
            said = around[each["imageId"]]
            beside = {"place": said["location"], "time": said["time"], "weather": said.get("weather")}
            program = tuple((s["operation"], s["argument"], tuple(s["dependencies"])) for s in each["semantic"])
            try:
                answer = execute(program, {**graph[each["imageId"]], **beside})
            except DataError as why:
                answer = str(why)
            if answer != each["answer"]:
                off.append(each["semantic"][-1]["operation"])
            sizes += each["semantic"][-1]["operation"] == "larger"
            total += 1
    assert set(off) <= {"larger"}
    assert len(off) <= 0.2 * sizes
    assert total == sum(len(asked) for _, asked, _ in world.values())


def test_the_layout(world, folder):
    scenes, asked, balanced = world["train"]
    first = json.loads((folder / "train_sceneGraphs.json").read_text())[scenes[0].id]
    assert (first["width"], first["height"]) == (400, 400)
    assert set(first) <= {"width", "height", "location", "weather", "time", "objects"}
    each = first["objects"][scenes[0].object_ids[0]]
    assert set(each) == {"name", "x", "y", "w", "h", "attributes", "relations"}
    assert all(type(each[side]) is int for side in "xywh")
    record = json.loads((folder / "train_all_questions.json").read_text())[asked[0].id]
    assert set(record) == {
        "question", "imageId", "answer", "fullAnswer", "isBalanced", "types", "groups", "semantic", "semanticStr", "entailed",
        "equivalent", "annotations",
    }  # fmt: skip
    assert record["annotations"] == asked[0].annotations
    assert (record["fullAnswer"], record["equivalent"]) == (asked[0].full_answer, list(asked[0].equivalent))
    kept = [each.id for each, yes in zip(asked, balanced, strict=True) if yes]
    assert list(json.loads((folder / "train_balanced_questions.json").read_text())) == kept


def test_the_same_world_writes_the_same_bytes(world, folder, tmp_path):
    scenes = generate.scenes(KNOBS, "valid", SCENES)
    asked = questions.collect(scenes, KNOBS)
    paths = export_gqa.write(tmp_path, scenes, asked, KNOBS, "valid", questions.balanced(asked, KNOBS.seed, "valid"))
    assert [path.name for path in paths] == [
        *(f"valid_{name}.json" for name in ("sceneGraphs", "balanced_questions", "all_questions", "choices")), "answers.json",
    ]  # fmt: skip
    for path in paths:
        assert path.read_bytes() == (folder / path.name).read_bytes()


def test_redrawn_relations_are_written(tmp_path):
    knobs = Knobs(seed=3, edge_types="random", nearest=2)
    scenes = generate.scenes(knobs, "train", 3)
    asked = questions.collect(scenes, knobs)
    export_gqa.write(tmp_path, scenes, asked, knobs)
    data = gqa.read(tmp_path)
    ours = graphs.table(scenes, 2, "random")
    assert data.graphs["relation"].to_pylist() == ours["relation"].to_pylist()
    assert data.graphs["relation"].to_pylist() != graphs.table(scenes, 2)["relation"].to_pylist()
    assert data.records.table["balanced"].to_pylist() == [True] * len(asked)


def test_what_does_not_fit_is_refused(world, tmp_path):
    scenes, asked, balanced = world["train"]
    with pytest.raises(SettingsError, match="part = 'dev', expected one of train, valid, test"):
        export_gqa.write(tmp_path, scenes, asked, KNOBS, "dev")
    with pytest.raises(SettingsError, match=f"yes or no to 3 questions, expected {len(asked)}"):
        export_gqa.write(tmp_path, scenes, asked, KNOBS, "train", balanced[:3])
    with pytest.raises(SettingsError, match="about scenes that are not handed in, the first is valid_0000000_q000"):
        export_gqa.write(tmp_path, scenes, world["valid"][1], KNOBS)
    assert not list(tmp_path.iterdir())

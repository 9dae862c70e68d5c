"""GQA: every word and number of the tiny files stands where it belongs; what is repaired is counted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from mmkit.readers import gqa, gqa_questions
from mmkit.readers.arrays import Notes
from mmkit.readers.gqa_graphs import Graphs, read_graphs
from mmkit.readers.gqa_questions import Questions, hops, spelled
from mmkit.schema import GRAPH
from mmkit.schema.questions import graph_problems
from tests.readers import bad_gqa
from tests.readers.bad_gqa import GOOD


@pytest.fixture(scope="module")
def good():
    return gqa.read(GOOD)


def rows(data, *names):
    return list(zip(*(data.records.table[name].to_pylist() for name in names), strict=True))


def test_graphs(good):
    """Nodes stand in the order of their ids as texts, "10" before "1000" before "9"; relations leave from their owner."""
    graphs = good.graphs.to_pylist()
    assert [graph["id"] for graph in graphs] == ["2000001", "2000002", "3000001", "3000002"]
    first = graphs[0]
    assert first["name"] == ["hamburger", "tray", "girl"]
    assert first["attributes"] == [[], ["brown", "wooden"], ["young"]]
    np.testing.assert_allclose(
        first["box"], [[0.3, 0.3, 0.1, 0.1], [0.4, 0.7, 0.2, 0.1], [0.1, 0.1, 0.3, 0.8]], rtol=1e-6
    )  # of 500 x 400
    links = zip(first["source"], first["relation"], first["target"], strict=True)
    assert list(links) == [
        (0, "on", 1), (0, "on", 1), (1, "to the right of", 0), (2, "holding", 0), (2, "to the left of", 1),
    ]  # fmt: skip
    assert graphs[3] == {"id": "3000002", **{name: [] for name in GRAPH.names if name != "id"}}


def test_boxes_are_cut_at_the_edge(good):
    kite, dog = good.graphs["box"].to_pylist()[1][1], good.graphs["box"].to_pylist()[2][1]
    np.testing.assert_allclose(kite, [0.1, 0, 0.2, 0.5], rtol=1e-6)  # (20, -10, 40, 60) of 200 x 100
    np.testing.assert_allclose(dog, [0.5, 0.5, 0.5, 0.5], rtol=1e-6)  # ends at 481 of 480
    assert good.counts["boxes that reach beyond the picture, cut at its edge"] == 2


@pytest.mark.parametrize(
    ("box", "kept"), [((-30, 0, 130, 100), (0, 0, 0.2, 0.25)), ((480, 300, 40, 100), (0.96, 0.75, 0.04, 0.25))]
)
def test_each_side_is_cut(box, kept, tmp_path):
    folder = bad_gqa.copy(tmp_path)
    where = bad_gqa.HAMBURGER
    bad_gqa.put(folder, bad_gqa.TRAIN, *((f"{where}/{side}", value) for side, value in zip("xywh", box, strict=True)))
    np.testing.assert_allclose(gqa.read(folder).graphs["box"].to_pylist()[0][0], kept, rtol=1e-6)


def test_questions(good):
    assert rows(good, "id", "graph", "part", "balanced", "structural", "semantic", "detailed", "group") == [
        ("01", 0, "train", True, "query", "rel", "relO", "thing"),
        ("03", 1, "valid", True, "choose", "attr", "chooseAttr", ""),
        ("02", 0, "train", False, "verify", "rel", "verifyRelO", ""),  # chunk 2 comes before chunk 10
        ("04", 1, "valid", False, "verify", "obj", "existC", ""),
        ("11", 2, "test", True, "logical", "attr", "verifyAttrAnd", ""),
        ("12", 2, "test", True, "query", "rel", "categoryRelS", "animal"),
        ("13", 2, "test", False, "verify", "rel", "verifyRelO", ""),
    ]
    assert good.schema.classes == ("yes", "no", "tray", "blue", "cat")
    assert [good.schema.classes[answer] for answer in good.labels] == ["tray", "blue", "yes", "no", "yes", "cat", "yes"]
    assert good.records[0]["question"] == "What is the food that the girl is holding on?"
    assert [len(part) for part in good.official()] == [2, 2, 3]


def test_entailed_questions_that_are_not_there_leave_the_lists(good):
    assert good.records.table["entailed"].to_pylist() == [["02"], [], ["02"], [], [], ["13"], []]
    assert good.counts["entailed questions that are in no file, left out of the lists"] == 1


def test_choices(good):
    both = ["no", "yes"]
    assert good.records.table["valid"].to_pylist() == [None] * 4 + [both, ["cat", "bird"], both]
    assert good.records.table["plausible"].to_pylist() == [None] * 4 + [both, ["cat"], both]


def test_programs_tell_steps_and_hops(good):
    truth = good.records.truth
    assert truth["steps"].to_pylist() == [
        [[2], [0], [1]],
        [[0]],
        [[0], [1]],
        [[]],  # a fence that is not there
        [[0], [1]],  # the bracket of "not(red)" holds no ids
        [[1], [0]],
        [[0], [1]],
    ]
    assert truth["hops"].to_pylist() == [2, 0, 1, 0, 0, 1, 1]
    assert truth["local"].to_pylist()[:2] == ["10-food_on,o", "06-sky_color"]
    told = {id: each["semanticStr"] for id, each in json.loads((GOOD / bad_gqa.ALL).read_text()).items()}
    assert truth["program"].to_pylist()[4:] == [told["11"], told["12"], told["13"]]


def test_two_references_are_as_far_as_the_farther_one():
    def step(operation, *dependencies):
        return {"operation": operation, "argument": "", "dependencies": list(dependencies)}

    one = [step("select"), step("relate", 0), step("relate", 1)]
    assert hops(one) == 2
    assert hops([*one, step("select"), step("relate", 3), step("same color", 2, 4)]) == 2
    assert hops([]) == -1


def test_everything_is_counted(good):
    assert good.counts == {
        "questions in train": 2,
        "questions in valid": 2,
        "questions in test": 3,
        "graphs of train": 2,
        "graphs of val": 2,
        "balanced questions of train": 2,
        "further questions of train": 2,
        "balanced questions of val": 2,
        "further questions of val": 2,
        "graphs without objects, kept": 1,
        "boxes without area, kept": 1,
        "boxes that reach beyond the picture, cut at its edge": 2,
        "relations that stand twice, kept": 1,
        "objects in programs that the graph lacks, left out of the steps": 1,
        "questions that are not balanced and have no choices, kept": 1,
        "questions left out: answer 'black' is not in the list (question 14)": 1,
        "entailed questions that are in no file, left out of the lists": 1,
        "files left out, as their scene graphs are not published: testdev_balanced_questions.json": 1,
    }


def test_only_the_balanced_questions(good):
    balanced = gqa.read(GOOD, unbalanced=())
    assert rows(balanced, "id", "balanced") == [("01", True), ("03", True), ("11", True), ("12", True)]
    assert [id for id, _ in rows(gqa.read(GOOD, unbalanced=("val",)), "id", "part")] == ["01", "03", "11", "12", "13"]
    assert balanced.fingerprint != good.fingerprint


def test_without_a_list_the_answers_are_those_of_train(tmp_path):
    folder = bad_gqa.copy(tmp_path)
    (folder / bad_gqa.ANSWERS).unlink()
    for file in ("questions1.2/val_balanced_questions.json", bad_gqa.ALL):
        bad_gqa.put(folder, file, ("12/answer", "tray"))
    data = gqa.read(folder)
    assert data.schema.classes == ("blue", "no", "tray", "yes")
    assert data.counts["questions left out: answer 'black' is not in the list (question 14)"] == 1


def test_twelve_slots(tmp_path):
    folder = bad_gqa.copy(tmp_path)
    bad_gqa.put(folder, bad_gqa.TRAIN, (bad_gqa.GIRL + "/attributes", [f"a{k}" for k in range(11)]))
    assert "objects of more than 11 attributes, kept" not in gqa.read(folder).counts
    bad_gqa.put(folder, bad_gqa.TRAIN, (bad_gqa.GIRL + "/attributes", [f"a{k}" for k in range(12)]))
    data = gqa.read(folder)
    assert data.counts["objects of more than 11 attributes, kept"] == 1
    assert len(data.graphs["attributes"].to_pylist()[0][2]) == 12


def test_programs_may_be_absent(tmp_path):
    folder = bad_gqa.copy(tmp_path)
    for file in sorted((folder / "questions1.2").rglob("*.json")):
        ids = json.loads(file.read_text())
        bad_gqa.put(folder, str(file.relative_to(folder)), *((f"{id}/semantic", bad_gqa.DELETE) for id in ids))
    data = gqa.read(folder)
    assert data.records.truth is None
    assert len(data.records) == 7


def test_the_valid_part_is_a_twentieth_of_the_pictures():
    chosen = np.array([gqa.is_valid(str(picture)) for picture in range(2_300_000, 2_340_000)])
    assert abs(chosen.mean() - 0.05) < 4 * np.sqrt(0.05 * 0.95 / len(chosen))
    assert gqa.is_valid("2000002")
    assert not gqa.is_valid("2000001")


def test_it_is_found_wherever_the_archives_were_unpacked(tmp_path):
    bad_gqa.copy(tmp_path / "some")
    assert gqa.locate(tmp_path) == tmp_path / "some/gqa"
    flat = tmp_path / "flat"
    flat.mkdir()
    for name in (bad_gqa.TRAIN, bad_gqa.ASKED):
        (flat / name.split("/")[1]).write_bytes((GOOD / name).read_bytes())
    assert gqa.locate(flat) == flat
    assert len(gqa.read(flat).records) == 2
    assert gqa.locate(tmp_path / "some/gqa/eval") is None


def test_scene_graphs_alone_are_found_last(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/val_sceneGraphs.json").write_text("{}")
    assert gqa.locate(tmp_path / "a") == tmp_path / "a"
    bad_gqa.copy(tmp_path / "b")
    assert gqa.locate(tmp_path) == tmp_path / "b/gqa"


def test_the_same_files_have_the_same_fingerprint(good, tmp_path):
    folder = bad_gqa.copy(tmp_path)
    assert gqa.read(folder).fingerprint == good.fingerprint
    bad_gqa.put(folder, bad_gqa.CHOICES, ("12/plausible", ["bird"]))
    assert gqa.read(folder).fingerprint != good.fingerprint


# The published samples


def published(name):
    root = os.environ.get("MMKIT_TEST_DATA", "")
    if not root:
        pytest.skip("MMKIT_TEST_DATA names no folder with the published files")
    path = Path(root) / name
    if not path.exists():
        pytest.skip(f"the folder of MMKIT_TEST_DATA holds no {name}")
    return path


def test_published_scene_graphs():
    path = published("gqa/debug_sceneGraphs.json")
    table, plain = read_graphs(path), json.loads(path.read_text())
    assert graph_problems("gqa", table) == []
    assert table["id"].to_pylist() == list(plain)
    for row in table.to_pylist():
        graph = plain[row["id"]]
        ids = sorted(graph["objects"])
        assert row["name"] == [graph["objects"][id]["name"] for id in ids]
        links = {(ids[s], r, ids[t]) for s, r, t in zip(row["source"], row["relation"], row["target"], strict=True)}
        assert links == {(id, r["name"], r["object"]) for id in ids for r in graph["objects"][id]["relations"]}
        last = graph["objects"][ids[-1]]
        assert row["box"][-1][2] * graph["width"] == pytest.approx(last["w"], rel=1e-6)
        assert row["box"][-1][1] * graph["height"] == pytest.approx(last["y"], rel=1e-6)
    assert sum(map(len, table["name"].to_pylist())) == 59


@pytest.mark.parametrize("chunk", [0, 1])
def test_published_questions(chunk):
    path = published(f"vl_fixtures/gqa/question_dir/questions{chunk}.json")
    plain = json.loads(path.read_text())
    graphs, asked, notes = Graphs(), Questions(), Notes()
    for each in plain.values():
        named = {
            id: None
            for step in each["semantic"]
            for id in step["argument"].partition("(")[2].rstrip(") ").split(",")
            if id.isdigit()
        }
        graphs.row[each["imageId"]] = len(graphs.ids)
        graphs.ids.append(sorted(named))
    gqa_questions.add(asked, path, "val", graphs, set(graphs.row), False, notes)
    assert notes.problems == []
    assert asked.columns["answer"] == [each["answer"] for each in plain.values()]
    assert asked.truth["program"] == [each["semanticStr"] for each in plain.values()]
    assert [spelled(each["semantic"]) for each in plain.values()] == asked.truth["program"]
    assert notes.counts["objects in programs that the graph lacks, left out of the steps"] == 0
    assert asked.truth["hops"] == [1] * len(plain)


def test_published_answers_are_the_list(tmp_path):
    labels = published("lxmert_labels/gqa/trainval_label2ans.json")
    folder = bad_gqa.copy(tmp_path)
    (folder / bad_gqa.ANSWERS).write_bytes(labels.read_bytes())
    data = gqa.read(folder)
    assert len(data.schema.classes) == 1842
    assert not [what for what in data.counts if what.startswith("questions left out")]
    assert "bottle cap" not in data.schema.classes

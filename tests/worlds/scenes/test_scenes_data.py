"""Scenes with their questions as a data set: the same however it is made, parts as they should be, and what is refused."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mmkit.cache import cached
from mmkit.errors import SettingsError
from mmkit.schema import Dataset
from mmkit.scores import answers
from mmkit.worlds import scenes
from mmkit.worlds.scenes import generate, graphs, questions, scenes_data, splits
from mmkit.worlds.scenes.knobs import Knobs, settle

COUNT, SEED = 40, 3


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """No test reads what was made before, here or by a person."""
    monkeypatch.setenv("MMKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "scenes"


@cache
def world(null: str | None = None, split: str = "test", **knobs) -> Dataset:
    return scenes.make("scenes", COUNT, SEED, null, split=split, **knobs)


def part(dataset: Dataset, name: str) -> pa.Table:
    """Its questions beside their truth and their graph."""
    records = dataset.records
    table = pa.table({**dict(zip(records.table.column_names, records.table.columns, strict=True)),
                      **dict(zip(records.truth.column_names, records.truth.columns, strict=True))})  # fmt: skip
    table = table.append_column("scene", dataset.graphs["id"].take(table["graph"]))
    return table.filter(pc.equal(table["part"], name))


def assert_same(a: Dataset, b: Dataset) -> None:
    for mine, theirs in ((a.records.table, b.records.table), (a.records.truth, b.records.truth), (a.graphs, b.graphs)):
        assert mine.equals(theirs)
        assert mine.schema.equals(theirs.schema, check_metadata=True)
    assert (a.fingerprint, a.source, a.counts) == (b.fingerprint, b.source, b.counts)


# What is made


def test_the_parts_are_those_of_the_makers_of_scenes_and_questions():
    """Against the long way: each split on its own, nothing kept on disk, records instead of tables."""
    dataset, knobs, row, shown = world(), Knobs(SEED), 0, []
    for name, count in (("train", 32), ("valid", 2), ("test", 6)):
        drawn = generate.scenes(knobs, name, count)
        asked = questions.collect(drawn, knobs)
        counted = questions.balanced(asked, SEED, name)
        kept = [q for q, counts in zip(asked, counted, strict=True) if counts or name == "test"]
        table = part(dataset, name)
        assert table["id"].to_pylist() == [q.id for q in kept]
        assert table["question"].to_pylist() == [q.text for q in kept]
        assert [questions.ANSWERS[a] for a in table["answer"].to_pylist()] == [q.answer for q in kept]
        assert table["scene"].to_pylist() == [q.scene for q in kept]
        assert [[tuple(s) for s in steps] for steps in table["steps"].to_pylist()] == [list(q.steps) for q in kept]
        assert table["hops"].to_pylist() == [q.hops for q in kept]
        there = {q.id for q in kept}
        assert table["entailed"].to_pylist() == [[name for name in q.entailed if name in there] for q in kept]
        if name == "test":
            np.testing.assert_array_equal(table["balanced"].to_numpy(), counted)
            assert 0 < counted.sum() < len(counted)
        else:
            assert pc.all(table["balanced"]).as_py()
        shown.append(graphs.table(drawn, knobs.nearest))
        row += count
    assert dataset.graphs.equals(pa.concat_tables(shown))
    assert dataset.counts["graphs"] == row == COUNT
    assert dataset.counts["questions made"] - dataset.counts["left out by balancing"] == len(dataset.records)


def test_the_test_part_can_be_scored_as_gqa_does_it():
    test = world().official()[2]
    asked = answers.questions(test.table, questions.ANSWERS)
    found = answers.scores(asked, asked.answer)
    assert (found["accuracy"], found["consistency"], found["distribution"]) == (100, 100, 0)
    for other in world().official()[:2]:  # and the others as far as they go: no entailed question is missing
        answers.questions(other.table, questions.ANSWERS)


def test_sizes_of_parts():
    assert scenes_data.sizes(6000) == {"train": 4800, "valid": 300, "test": 900}
    for count in range(scenes_data.FEWEST, 60):
        found = scenes_data.sizes(count)
        assert sum(found.values()) == count
        assert min(found.values()) >= 1
    assert all(len(p) for p in scenes.make("scenes", scenes_data.FEWEST, 0).official())


# Tests of what training does not show


def test_other_tests_leave_training_alone():
    for split in ("test_comp", "test_rel", "test_hops"):
        other = world(split=split)
        for name in ("train", "valid"):
            assert part(other, name).equals(part(world(), name))
        assert pc.all(pc.starts_with(part(other, "test")["scene"], f"{split}_")).as_py()
        assert other.fingerprint != world().fingerprint


def test_what_the_tests_ask_about():
    hops = part(world(split="test_hops"), "test")["hops"]
    assert set(hops.to_pylist()) == {3}
    assert pc.max(part(world(), "train")["hops"]).as_py() == 2
    held = splits.held_pairs(SEED)
    counts = {}
    for split, name in (("test", "train"), ("test", "test"), ("test_comp", "test")):
        drawn = generate.scenes(Knobs(SEED), split if name == "test" else name, scenes_data.sizes(COUNT)[name])
        counts[split, name] = int(held[drawn.arrays["category"], drawn.arrays["colour"]].sum())
    assert counts["test", "train"] == counts["test", "test"] == 0 < counts["test_comp", "test"]


def test_held_out_pairs_in_training_are_refused(monkeypatch):
    """Should a change to the generator ever let one in."""
    drawn = generate.scenes(Knobs(SEED), "test_comp", 32)
    monkeypatch.setattr(generate, "scenes", lambda *_, **__: drawn)
    with pytest.raises(Exception, match="is held out"):
        scenes.make("scenes", COUNT, SEED)


# Null controls and knobs


def test_null_controls():
    assert set(part(world("hops0"), "train")["hops"].to_pylist()) == {0}
    assert set(part(world(), "train")["family"].to_pylist()) == {"none", "implicit", "spatial", "semantic"}
    assert set(part(world("family"), "train")["family"].to_pylist()) == {"none", "implicit"}  # what no edge tells
    random = world("edge_types")
    assert random.records.table.equals(world().records.table)
    assert random.graphs.drop_columns(["relation"]).equals(world().graphs.drop_columns(["relation"]))
    assert not random.graphs["relation"].equals(world().graphs["relation"])
    said = pc.match_substring(part(world("wording"), "train")["question"], "linked to")
    assert pc.sum(said).as_py() > 100
    assert not pc.any(pc.match_substring(part(world(), "train")["question"], "linked to")).as_py()
    assert len({world(name).fingerprint for name in (None, *scenes_data.NULLS)}) == 5
    assert random.source == "world scenes, null control edge_types, test from test, seed 3"


def test_a_null_control_is_its_knobs():
    for name in scenes_data.NULLS:
        assert scenes_data.NULLS[name]
        assert settle(SEED, name) != Knobs(SEED)  # and all of them are the world's
    assert_same_records(world("hops0"), world(hops0=True))


def assert_same_records(a: Dataset, b: Dataset) -> None:
    assert a.records.table.equals(b.records.table)
    assert a.fingerprint == b.fingerprint


def test_knobs_reach_scenes_graphs_and_questions():
    few = world(objects=(3, 4.0, 5))
    assert pc.max(pc.list_value_length(few.graphs["name"])).as_py() <= 5
    near = world(nearest=1)
    assert (
        pc.sum(pc.list_value_length(near.graphs["source"])).as_py()
        < pc.sum(pc.list_value_length(world().graphs["source"])).as_py()
    )
    assert not near.records.table["question"].equals(world().records.table["question"])


def test_the_fingerprint_changes_with_every_argument():
    kinds = [{}, {"seed": 4}, {"records": 41}, {"split": "test_rel"}, {"null": "wording"}, {"nearest": 3}, {"sgg_level": 0.5}]
    found = [scenes.make("scenes", **{"records": 40, "seed": 3, **kind}).fingerprint for kind in kinds]
    assert len(set(found)) == len(kinds)


# The cache, and many processes


def test_from_the_cache_it_is_the_same(place, monkeypatch):
    fresh = scenes.make("scenes", COUNT, SEED)
    assert len(list(place.iterdir())) == 6  # questions and graphs of three parts

    def never(*_, **__):
        raise AssertionError("made anew")

    monkeypatch.setattr(generate, "scenes", never)
    assert_same(scenes.make("scenes", COUNT, SEED), fresh)
    assert_same(fresh, world())


def test_scenes_are_drawn_once_and_only_what_is_missing_is_made(monkeypatch, place):
    drawn, draw = [], generate.scenes
    monkeypatch.setattr(generate, "scenes", lambda *args, **more: drawn.append(args[1]) or draw(*args, **more))
    scenes.make("scenes", COUNT, SEED)
    assert drawn == ["train", "valid", "test"]
    scenes.make("scenes", COUNT, SEED, split="test_hops")
    assert drawn[3:] == ["test_hops"]
    scenes.make("scenes", COUNT, SEED, null="edge_types")
    assert drawn[4:] == ["train", "valid", "test"]
    assert len(list(place.iterdir())) == 14


def test_a_broken_cache_is_made_anew(place):
    fresh = scenes.make("scenes", COUNT, SEED)
    for path in place.iterdir():
        path.write_bytes(path.read_bytes()[:-5])
    assert_same(scenes.make("scenes", COUNT, SEED), fresh)


def test_two_processes_make_the_same(monkeypatch):
    for maker in (generate, questions):
        monkeypatch.setattr(maker, "BLOCK", 9)  # so that there is more than one task
    assert_same(scenes.make("scenes", COUNT, SEED, jobs=2), world())


def test_jobs_reach_the_makers(monkeypatch):
    seen = []
    draw, ask = generate.scenes, questions.tables
    monkeypatch.setattr(generate, "scenes", lambda *a, jobs: seen.append(jobs) or draw(*a))
    monkeypatch.setattr(questions, "tables", lambda *a, jobs: seen.append(jobs) or ask(*a))
    assert_same(scenes.make("scenes", COUNT, SEED, jobs=2), world())
    assert seen == [2] * 6


def test_metadata_of_cached_tables_survives():
    """The number of questions made is kept beside the table."""
    table = pa.table({"x": [1]}).replace_schema_metadata({scenes_data.MADE: "7"})
    for _ in range(2):
        assert cached("scenes", {"what": "a test"}, lambda: table, ()).schema.metadata[scenes_data.MADE] == b"7"


# The map of the package


def test_files_stand_on_the_map_and_import_from_their_left():
    package = Path(scenes.__file__).parent
    told = next(p for p in scenes.__doc__.split("\n\n") if "->" in p)
    steps = [[f.strip() for f in re.split(r"[,|]", step)] for step in " ".join(told.split()).split(" -> ")]
    order = [name for step in steps for name in step]
    assert sorted(order) == sorted(path.stem for path in package.glob("*.py") if path.stem != "__init__")
    for name in order:
        text = (package / f"{name}.py").read_text(encoding="utf-8")
        used = re.findall(r"from mmkit\.worlds\.scenes\.(\w+) import", text)
        for names in re.findall(r"from mmkit\.worlds\.scenes import (.+)", text):
            used += [part.split(" as ")[0].strip() for part in names.split(",")]
        assert {other for other in used if order.index(other) >= order.index(name)} == set(), name


# What is refused


BAD = [
    ({"data": "scene"}, "the world scenes has no data set 'scene'; did you mean 'scenes'?"),
    ({"null": "hops"}, "no null control 'hops' for questions; did you mean 'hops0'?"),
    ({"null": "annotators"}, "no null control 'annotators' for questions"),  # it changes captions only
    ({"split": "test_com"}, "split = 'test_com' is no test; did you mean 'test_comp'?"),
    ({"split": "train"}, "split = 'train' is no test"),
    ({"records": 19}, "records = 19, expected a whole number of scenes, at least 20"),
    ({"records": 40.0}, "records = 40.0, expected a whole number"),
    ({"records": True}, "records = True, expected a whole number"),
    ({"seed": -1}, "seed = -1, expected a whole number of at least 0"),
    ({"object": 3}, "no knob 'object'; did you mean 'objects'?"),
    ({"nearest": -1}, "nearest = -1, expected a whole number between 0 and 64"),
    ({"split": "test_hops", "null": "hops0"}, "split 'test_hops' asks for relations, which hops0 = True leaves out"),
    ({"split": "test_rel", "family": "none"}, "split 'test_rel' asks for relations, which family = 'none' leaves out"),
    ({"data": "core", "hop": (1.0,)}, "world core has no knob 'hop'; did you mean 'hops'?"),
    ({"data": "core", "records": 19}, "records = 19, expected at least 20"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_what_is_refused_is_told(change: dict, message: str, place):
    with pytest.raises(SettingsError, match=re.escape(message)):
        scenes.make(**{"data": "scenes", "records": COUNT, "seed": SEED, **change})
    assert not place.exists()  # before anything is made


def test_every_view_can_be_made():
    assert scenes.VIEWS == ("core", "scenes", "captions")
    for name in scenes.VIEWS:
        assert len(scenes.make(name, COUNT, SEED).records)
    truth = scenes.make("core", COUNT, SEED, hops=(0.0, 0.0, 1.0)).records.truth.slice(0, 32)
    assert set(truth["hops"].to_pylist()) == {2}

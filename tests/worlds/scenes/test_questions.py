"""Questions about scenes: right, answerable from the graph alone, in need of every relation they name, and reproducible."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from mmkit.errors import DataError
from mmkit.worlds.scenes import generate, graphs, splits
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.executor import denoted, execute
from mmkit.worlds.scenes.knobs import Knobs
from mmkit.worlds.scenes.programs import spelled
from mmkit.worlds.scenes.questions import ANSWERS, SCHEMA, TRUTH, ask, balanced, collect, table, tables
from mmkit.worlds.scenes.scene import packed
from tests.worlds.scenes.small_world import SEED, asked, by_hand, everything, scenes


def relates(question) -> list[tuple[str, str, str]]:
    """(name, relation, side) of every relation that the program follows or asks for."""
    steps = [step for step in question.program if step.operation in ("relate", "verify rel")]
    return [tuple(step.argument.split(" (")[0].split(",")) for step in steps]


def test_every_answer_follows_from_the_graph_and_from_all_true_relations():
    wrong = [q.id for world in asked() for q in world.questions if execute(q.program, world.graph, world.full) != q.answer]
    assert wrong == []
    assert sum(len(world.questions) for world in asked()) > 2500


def test_steps_are_what_the_program_denotes_and_names():
    for world in asked()[:60]:
        for q in world.questions:
            found = denoted(q.program, world.graph)
            assert tuple(map(tuple, q.steps))[: len(found)] == found or q.steps == ((),), q
            inside = [re.search(r"\((.*)\)", step.argument) for step in q.program]
            ids = [[] if m[1] == "-" else m[1].split(",") for m in inside if m]
            numbers = {name: k for k, name in enumerate(world.scene.object_ids)}
            if q.detailed.startswith(("exist", "logicalExist", "categoryAttr")) and "filter" in str(q.program):
                continue
            assert [tuple(numbers[name] for name in names) for names in ids] == list(q.steps), q


def test_relation_steps_are_needed():
    """Without the relation, the name of the thing leaves several; in 85 % of the steps."""
    needed = []
    for world in asked():
        for q in world.questions:
            for step in [s for s in q.program if s.operation == "relate"][: len(q.steps) - 2]:
                name = step.argument.split(",")[0]
                fits = v.HYPERNYMS.get(name, (name,))
                needed.append(sum(name == "_" or own in fits for own in world.graph["name"]) > 1)
    assert len(needed) > 700
    assert abs(np.mean(needed) - 0.85) < 0.05


def test_the_edge_of_each_hop_decides():
    """Taking away the edge that a hop follows leaves no object to ask about."""
    checked = 0
    for world in asked()[:60]:
        for q in world.questions:
            if not q.hops or q.structural != "query":
                continue
            graph = world.graph
            for (a,), (b,) in zip(q.steps, q.steps[1:], strict=False):
                keep = [k for k in range(len(graph["source"])) if {graph["source"][k], graph["target"][k]} != {a, b}]
                less = graph | {key: [graph[key][k] for k in keep] for key in ("source", "target", "relation")}
                with pytest.raises(DataError, match="0 objects"):
                    execute(q.program, less)
                checked += 1
    assert checked > 300


def test_shares_of_hops_families_and_types():
    questions = [q for world in asked() for q in world.questions]
    n = len(questions)
    hops = Counter(q.hops for q in questions)
    assert [hops[h] / n for h in range(4)] == pytest.approx([0.33, 0.44, 0.22, 0.0], abs=0.04)
    for q in questions:
        followed = [relation in v.SEMANTIC for _, relation, _ in relates(q)]
        chosen = [step.argument.split(",")[1].split("|")[0] in v.SEMANTIC for step in q.program if step.operation == "choose rel"]
        assert q.hops == len(followed + chosen)
        expected = "none" if not q.hops else ("semantic" if any(followed + chosen) else "spatial")
        assert q.family == ("implicit" if q.structural == "compare" else expected)
    steps = [relation in v.SEMANTIC for q in questions for _, relation, _ in relates(q)]
    assert abs(np.mean(steps) - 0.5) < 0.05
    assert all(relation != "near" for q in questions for _, relation, _ in relates(q))  # graphs do not show it


def test_implicit_comparisons_are_between_things_that_no_edge_connects():
    seen = 0
    for world in asked():
        linked = set(zip(world.graph["source"], world.graph["target"], strict=True))
        for q in world.questions:
            if q.family == "implicit" and not q.detailed.startswith("countSame"):
                things = [k for step in q.steps for k in step]
                assert not linked & {(a, b) for a in things for b in things}
                seen += 1
    assert seen > 15


def test_words():
    known = re.compile(r"[a-z -]+\?")
    for world in asked():
        names = dict(zip(world.scene.object_ids, world.graph["name"], strict=True))
        alike = [re.sub(r"relate: ([^>]*)->exist: .*", r"verify rel: \1", spelled(q.program)) for q in world.questions]
        assert len(set(alike)) == len(alike)  # "is there a cup behind the dog" is no other question than "is a cup behind it"
        for q in world.questions:
            assert known.fullmatch(q.text), q.text
            words = q.text[:-1].split()
            for at, thing in q.annotations["question"].items():
                said, own = words[int(at)], names[thing]
                assert said in (own, "thing") or own in v.HYPERNYMS.get(said, ()), (q.text, at)
            anchor = q.steps[0] if q.steps[0] and "select" in q.program[0].operation else ()
            if len(anchor) == 1 and not q.detailed.startswith(("exist", "logicalExist", "categoryAttr", "countSame")):
                assert world.scene.object_ids[anchor[0]] in q.annotations["question"].values(), q
            full = q.full_answer[:-1].split()
            for at, thing in q.annotations["fullAnswer"].items():
                assert full[int(at)] == names[thing] or full[int(at)] in ("thing", *v.HYPERNYMS)


def said(step) -> list[str]:
    """What a step says beside the objects: 'holding', 'red', or the words on offer."""
    return step.argument.split(" (")[0].split(",")[-2 if step.operation.endswith(" rel") else 0].split("|")


def test_the_sentence_says_what_the_program_does():
    for q in (q for world in asked()[:60] for q in world.questions):
        for step in q.program:
            if step.operation == "relate":
                name, relation, _ = step.argument.split(" (")[0].split(",")
                assert relation in q.text
                assert name == "_" or name in q.text
            elif step.operation.split()[0] in ("verify", "choose", "filter"):
                assert all(word in q.text or word == "wooden" for word in said(step)), q


def test_choices():
    kinds = {"color": v.COLOURS, "material": v.MATERIALS, "shape": v.SHAPES, "state": v.STATES, "size": ("small", "large"),
             "name": v.CATEGORIES, "type": v.KINDS}  # fmt: skip
    fewer = 0
    for world in asked():
        for q in world.questions:
            assert q.answer in q.plausible
            assert set(q.plausible) <= set(q.valid) <= set(ANSWERS)
            assert len(set(q.valid)) == len(q.valid) > 1
            fewer += len(q.plausible) < len(q.valid)
            last = q.program[-1]
            if last.operation == "query" and last.argument in kinds:
                assert set(q.valid) <= set(kinds[last.argument])
                if last.argument == "name":
                    asked_for = re.split("[, ]", q.program[last.dependencies[0]].argument)[0]
                    if q.detailed == "categoryAttr":
                        asked_for = q.program[0].argument.split()[0]
                    assert set(q.valid) == set(v.HYPERNYMS.get(asked_for, v.CATEGORIES))
            if q.structural == "choose":
                assert sorted(q.valid) == sorted(said(last))
            elif q.structural in ("verify", "logical"):
                assert q.valid == ("no", "yes")
            assert (q.group == "") == (len(q.valid) == 2)
    assert fewer > 300  # the world makes some of the valid answers unlikely


def test_a_scene_asks_the_same_whatever_else_is_drawn():
    one = generate.scene(Knobs(SEED), "train", 7)
    assert ask(one, Knobs(SEED)) == asked()[7].questions
    assert ask(one, Knobs(SEED)) != ask(generate.scene(Knobs(SEED + 1), "train", 7), Knobs(SEED + 1))
    assert collect(scenes(count=20), Knobs(SEED)) == [q for world in asked()[:20] for q in world.questions]


def test_as_many_workers_as_one_likes(monkeypatch):
    monkeypatch.setattr("mmkit.worlds.scenes.questions.BLOCK", 15)
    one, two = (tables(scenes("valid", 40), Knobs(SEED), "valid", jobs=jobs) for jobs in (1, 2))
    assert one[0].equals(two[0])
    assert one[1].equals(two[1])
    assert one[0]["graph"].to_pylist()[-1] == 39


@pytest.mark.parametrize("split", ["test_comp", "test_rel"])
def test_questions_about_held_out_combinations(split):
    questions = [(world, q) for world in asked(split, 25) for q in world.questions]
    assert len(questions) > 200
    pairs, triples = splits.held_pairs(SEED), splits.held_triples(SEED)
    number = {name: k for k, name in enumerate(v.CATEGORIES)}
    for world, q in questions:
        scene = world.scene
        things = {k for step in q.steps for k in step}
        if split == "test_comp":
            assert any(pairs[scene.category[k], scene.colour[k]] for k in things), q
            assert any("color" in step.operation + step.argument for step in q.program)
        else:
            names = {world.graph["name"][k] for k in things} | {name for name, _ in asked_relations(q)}
            places = [number[name] for name in names if name in number]
            relations = [v.SEMANTIC.index(relation) for _, relation in asked_relations(q) if relation in v.SEMANTIC]
            assert triples[np.ix_(places, relations, places)].any(), q
    assert {"yes", "no"} <= {q.answer for _, q in questions if q.detailed.startswith("verify")}


def asked_relations(question) -> list[tuple[str, str]]:
    """(name, relation) of each relation that is followed, verified, or offered."""
    steps = [s for s in question.program if s.operation in ("relate", "verify rel", "choose rel")]
    split = [step.argument.split(" (")[0].split(",") for step in steps]
    return [(name, relation) for name, text, _ in split for relation in text.split("|")]


def test_three_relations_only_where_they_are_tested():
    assert {q.hops for world in asked("test_hops", 15) for q in world.questions} == {3}
    for split in ("train", "test_comp", "test_rel"):
        assert max(q.hops for world in asked(split, 25 if split != "train" else 100) for q in world.questions) == 2


def test_null_controls():
    for q in (q for world in asked(count=30, hops0=True) for q in world.questions):
        assert (q.hops, relates(q)) == (0, [])
    free = [q for world in asked(count=30, family="none") for q in world.questions]
    assert {q.semantic for q in free} <= {"attr", "obj"}
    assert not any(relates(q) or q.hops for q in free)
    for world in asked(count=30, wording="neutral"):
        families = {relation in v.SEMANTIC for q in world.questions for _, relation, _ in relates(q)}
        assert len(families) <= 1  # one family per scene: the question does not tell which
        for q in world.questions:
            assert not any(relation in q.text for relation in v.RELATIONS)
            assert q.text.count("linked to") == len(relates(q)) == q.hops
            assert execute(q.program, world.graph, world.full) == q.answer
    questions = [q for world in asked(count=30, wording="neutral") for q in world.questions]
    assert {relation in v.SEMANTIC for q in questions for _, relation, _ in relates(q)} == {True, False}


def test_tables_fit_the_schema():
    drawn, knobs = scenes(count=40), Knobs(SEED)
    questions, truth = tables(drawn, knobs, "train", row=0)
    assert SCHEMA.problems(questions, graphs.table(drawn, knobs.nearest)) == []
    assert truth.schema == TRUTH
    records = collect(drawn, knobs)
    mask = balanced(records, SEED, "train")
    again, other = table(records, "train", {drawn[k].id: k for k in range(40)}, mask)
    assert again.equals(questions)
    assert other.equals(truth)
    rows = questions.to_pylist()
    assert 0.3 < mask.mean() < 0.9
    assert [ANSWERS[row["answer"]] for row in rows] == [q.answer for q in records]
    assert [row["id"] for row in rows] == [q.id for q in records]
    assert truth["steps"].to_pylist() == [[list(step) for step in q.steps] for q in records]
    moved, _ = tables(drawn, knobs, "valid", row=100, balanced=False)
    assert moved["graph"].to_pylist() == [row["graph"] + 100 for row in rows]
    assert all(moved["balanced"].to_pylist())
    later, _ = tables(generate.scenes(knobs, "train", 3, first=5), knobs, "train", row=5)
    assert sorted(set(later["graph"].to_pylist())) == [5, 6, 7]
    assert later["id"].to_pylist() == [q.id for world in asked()[5:8] for q in world.questions]


def test_answers():
    assert tuple(sorted(ANSWERS)) == ANSWERS
    assert len(set(ANSWERS)) == len(ANSWERS) == 115
    assert {q.answer for world in asked() for q in world.questions} <= set(ANSWERS)


def test_order_of_objects_does_not_matter_to_the_answers():
    """The graph with its objects shuffled gives every answer again."""
    for k, world in enumerate(asked()[:20]):
        order = np.random.default_rng(k).permutation(len(world.graph["name"]))
        place = np.argsort(order)
        moved = {key: [world.graph[key][i] for i in order] for key in ("name", "attributes", "box")}
        moved |= {key: [int(place[i]) for i in world.graph[key]] for key in ("source", "target")}
        for q in world.questions:
            assert execute(q.program, world.graph | moved) == q.answer


def test_a_guesser_who_cannot_read_relations():
    """Slow way: all walks along edges over things of the right names, each step to one of them at random."""
    seen = 0
    for world in asked()[:40]:
        graph = world.graph
        near = [set() for _ in graph["name"]]
        for a, b in zip(graph["source"], graph["target"], strict=True):
            near[a].add(b)
            near[b].add(a)
        for q in world.questions:
            if not q.hops:
                assert q.chance == 1
            elif q.program[-1].operation == "query":
                ends = {q.steps[0][0]: 1.0}
                for name, _, _ in relates(q):
                    after = Counter()
                    for thing, share in ends.items():
                        fits = [k for k in near[thing] if name == "_" or graph["name"][k] in v.HYPERNYMS.get(name, (name,))]
                        for k in fits:
                            after[k] += share / len(fits)
                    ends = after
                score = Counter()
                what = (q.program[0]._replace(argument="thing (-)"), q.program[-1]._replace(dependencies=(0,)))
                for thing, share in ends.items():
                    alone = {key: [graph[key][thing]] for key in ("name", "attributes")}
                    try:
                        score[execute(what, alone | {"source": [], "target": [], "relation": []})] += share
                    except DataError:  # it has no such attribute
                        continue
                best = [answer for answer, share in score.items() if share > max(score.values()) - 1e-9]
                assert q.chance == pytest.approx(1 / len(best) if q.answer in best else 0), q
                seen += 1
    assert seen > 200


def test_by_hand():
    scene = by_hand()
    world = everything(scene, graphs.table(packed([scene]), 4).to_pylist()[0], Knobs(0))
    assert len(world.questions) > 10
    for q in world.questions:
        assert execute(q.program, world.graph, world.full) == q.answer
        assert q.scene == scene.id == "train_0000000"

"""Whoever answers a question right must answer what it entails: true of this scene, and of every other one with that answer."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mmkit.errors import DataError
from mmkit.worlds.scenes.entailment import entailed
from mmkit.worlds.scenes.executor import execute
from mmkit.worlds.scenes.programs import Draft, Reference
from mmkit.worlds.scenes.view import View
from tests.worlds.scenes.small_world import asked, by_hand


def changed(graph: dict, rng: np.random.Generator) -> dict:
    """The graph with some names, attributes and relations redrawn among what is there: another picture of the same things."""
    n = len(graph["name"])
    names, attributes = list(graph["name"]), [list(words) for words in graph["attributes"]]
    for k in np.flatnonzero(rng.random(n) < 0.2):
        names[k] = graph["name"][rng.integers(n)]
    for k in np.flatnonzero(rng.random(n) < 0.4):
        attributes[k] = list(graph["attributes"][rng.integers(n)])
    keep = np.flatnonzero(rng.random(len(graph["source"])) < 0.8)
    edges = {key: [graph[key][k] for k in keep] for key in ("source", "target", "relation")}
    for k in np.flatnonzero(rng.random(len(keep)) < 0.2):
        edges["relation"][k] = graph["relation"][rng.integers(len(graph["relation"]))]
    return graph | edges | {"name": names, "attributes": attributes}


def test_what_is_entailed_holds_wherever_the_answer_does():
    rng, checked, kinds = np.random.default_rng(0), 0, Counter()
    for world in asked()[:35]:
        by_id = {q.id: q for q in world.questions}
        others = [changed(world.graph, rng) for _ in range(10)]
        for q in world.questions:
            for name in q.entailed:
                follows = by_id[name]
                kinds[q.structural, follows.structural] += 1
                for other in others:
                    try:
                        if execute(q.program, other) != q.answer:
                            continue
                        answer = execute(follows.program, other)
                    except DataError:  # what one of the two speaks of is not there any more
                        continue
                    assert answer == follows.answer, (q.text, q.answer, follows.text, answer)
                    checked += 1
    assert checked > 500
    assert {("query", "verify"), ("query", "choose"), ("choose", "verify"), ("verify", "verify")} <= set(kinds)


def test_every_query_answers_some_questions_and_no_question_answers_itself():
    questions = [q for world in asked() for q in world.questions]
    ids = {q.id: q for q in questions}
    for q in questions:
        assert q.id not in q.entailed
        assert q.id in q.equivalent
        assert all(ids[name].scene == q.scene for name in q.entailed + q.equivalent)
        for name in set(q.equivalent) - {q.id}:
            assert name in q.entailed
            assert q.id in ids[name].entailed
            assert q.equivalent == ids[name].equivalent
    assert np.mean([len(q.entailed) > 0 for q in questions if q.structural == "query"]) > 0.25
    assert sum(len(q.equivalent) > 1 for q in questions) >= 4


CUP = Reference((3,), ("cup",), "red")
MAN = Reference((0,), ("man",))
HOLDING, WATCHING, LEFT, RIGHT = 1, 9, 15, 16


def attribute(form: str, answer: str, *options: str) -> Draft:
    return Draft(form, answer, (CUP,), "shape", options, focus=(3,))


EVERYTHING = {"what", "is", "is not", "which", "which with other", "a round cup", "a cup"}
CASES = {
    "query": (attribute("queryAttr", "round"), EVERYTHING - {"what"}),
    "verified": (attribute("verifyAttr", "yes", "round"), EVERYTHING),
    "denied": (attribute("verifyAttr", "no", "square"), set()),
    "chosen": (attribute("chooseAttr", "round", "oval", "round"), EVERYTHING),
    "there": (Draft("exist", "yes", options=("round cup",)), {"a round cup", "a cup"}),
    "not there": (Draft("exist", "no", options=("kite",)), {"a green kite"}),
    "and": (Draft("logicalExist", "yes", options=("cup", "hat"), name="and"), {"a cup"}),
    "or": (Draft("logicalExist", "no", options=("kite", "ball"), name="or"), {"a green kite"}),
    "or of which one is": (Draft("logicalExist", "yes", options=("kite", "cup"), name="or"), set()),
    "not both": (Draft("logicalExist", "no", options=("kite", "cup"), name="and"), set()),
}  # fmt: skip
ABOUT = {
    "what": attribute("queryAttr", "round"),
    "is": attribute("verifyAttr", "yes", "round"),
    "is not": attribute("verifyAttr", "no", "square"),
    "which": attribute("chooseAttr", "round", "round", "square"),
    "which with other": attribute("chooseAttr", "round", "oval", "round"),
    "a round cup": Draft("exist", "yes", options=("round cup",)),
    "a cup": Draft("exist", "yes", options=("cup",)),
    "a green kite": Draft("exist", "no", options=("green kite",)),
}


@pytest.mark.parametrize("case", CASES)
def test_what_follows_by_hand(case):
    draft, expected = CASES[case]
    view = View(by_hand(), 4)
    others = {name: other for name, other in ABOUT.items() if other != draft}
    follows, _ = entailed(view, [draft, *others.values()])
    assert {name for k, name in enumerate(others, start=1) if k in follows[0]} == expected - {n for n in ABOUT if n not in others}


def relation(form: str, answer: str, link: int, name: str, reference: Reference = MAN, options: tuple[str, ...] = ()) -> Draft:
    return Draft(form, answer, (reference,), "rel" if options else "", options, name, link, (), 1)


def test_what_follows_from_relations_by_hand():
    view = View(by_hand(), 4)
    hat, above, below = Reference((5,), ("hat",)), 17, 18
    drafts = [
        Draft("queryRel", "hat", (MAN,), "name", (), "thing", above, (5,), 1),
        relation("verifyRel", "yes", above, "hat"),
        relation("verifyRel", "no", below, "hat"),
        relation("chooseRel", "above", above, "hat", options=("above", "below")),
        relation("chooseRel", "above", above, "hat", options=("above", "behind")),
        relation("verifyRel", "yes", below, "man", hat),  # the man is below the hat: the same as 1
        relation("chooseRel", "below", below, "man", hat, options=("above", "below")),  # the same as 3
        Draft("exist", "yes", options=("hat",)),
    ]
    follows, alike = entailed(view, drafts)
    assert follows[0] == [1, 3, 4, 7]
    assert follows[1] == [3, 4, 5, 7]
    assert follows[2] == []  # that it is not below does not tell where it is
    assert follows[3] == [1, 2, 4, 6, 7]
    assert follows[4] == [1, 3, 7]
    assert alike[1] == alike[5] == [1, 5]
    assert alike[3] == alike[6] == [3, 6]
    assert alike[4] == [4]

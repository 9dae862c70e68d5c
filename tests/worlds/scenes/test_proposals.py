"""Wrong options are tempting, never nonsense; forms and numbers of relations come in the shares that are asked for."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.labels import local
from mmkit.worlds.scenes.programs import ATTRIBUTES, LINKS, Draft, Reference
from mmkit.worlds.scenes.proposals import (
    FORMS,
    HOPS,
    RELATIONAL,
    absent,
    other_name,
    other_relation,
    present,
    rules,
    wrong_value,
)
from mmkit.worlds.scenes.view import View
from tests.worlds.scenes.small_world import asked, by_hand

HOLDING, HELD, ABOVE = (LINKS.index(way) for way in (("holding", "s"), ("holding", "o"), ("above", "s")))


@pytest.fixture
def view() -> View:
    return View(by_hand(), 4)


@pytest.fixture
def draw():
    return np.random.default_rng(0).random


def test_wrong_attributes_tempt(view, draw):
    colours = Counter(wrong_value(view, 3, "color", draw) for _ in range(2000))
    assert "red" not in colours
    assert set(colours) == set(v.COLOURS) - {"red"}
    assert colours["blue"] / 2000 == pytest.approx(0.7 + 0.3 / 9, abs=0.04)  # of the other cup
    worn = Counter(wrong_value(view, 0, "color", draw) for _ in range(2000))  # there is one man: any thing's color tempts
    assert worn["red"] / 2000 == pytest.approx(0.7 * 2 / 5 + 0.3 / 9, abs=0.04)
    assert {wrong_value(view, 3, "material", draw) for _ in range(200)} == set(v.MATERIALS_OF["tableware"]) - {"glass"}


def test_wrong_relations_are_of_the_same_group_and_false(view, draw):
    others = {other_relation(view, HELD, (3,), 0, draw) for _ in range(100)}
    assert {LINKS[link] for link in others} == {("carrying", "o"), ("playing with", "o")}
    others = {LINKS[other_relation(view, ABOVE, (5,), 0, draw)] for _ in range(200)}
    assert others == {(name, "s") for name in v.SPATIAL if name not in ("near", "above")}
    view.true[3, HELD + 1, 0] = True
    assert {LINKS[other_relation(view, HELD, (3,), 0, draw)][0] for _ in range(50)} == {LINKS[HELD + 2][0]}
    wearing = LINKS.index(("wearing", "s"))
    assert other_relation(view, wearing, (0,), 5, draw) is None  # the only one of its slot


def test_wrong_names_are_there_and_do_not_fit(view, draw):
    names = Counter(other_name(view, HELD, 0, "cup", draw) for _ in range(300))
    assert set(names) == {"dog", "hat"}
    assert other_name(view, HELD, 0, "hat", lambda: 0.99) != "cup"


def test_what_is_there_and_what_is_not(view, draw):
    for _ in range(300):
        word, _, name = present(view, draw).rpartition(" ")
        assert view.called(name, word)
        if (noun := absent(view, draw)) is not None:
            word, _, name = noun.rpartition(" ")
            assert not view.called(name, word)
            kind = next(hypernym for hypernym, names in v.HYPERNYMS.items() if name in names)
            assert kind in view.kind  # of a sort that is there
            assert word == "" or word in {w for attributes in view.attributes for w in attributes.values()}


@pytest.mark.parametrize(
    ("changes", "wanted"), [({}, (1 / 3, 4 / 9, 2 / 9, 0)), ({"most": 3}, HOPS), ({"only": 3}, (0, 0, 0, 1))]
)
def test_shares_of_relations(changes, wanted):
    may = rules(**changes)
    bound = sum(FORMS[form] for form in RELATIONAL)
    free, late = (np.diff([0.0, *shares]) for shares in (may.free, may.bound))
    np.testing.assert_allclose((1 - bound) * free + bound * late, wanted, atol=1e-12)
    assert late[0] == 0
    assert may.forms[-1][1] == 1
    np.testing.assert_allclose(np.diff([0.0, *(share for _, share in may.forms)]), list(FORMS.values()), atol=1e-12)


def test_forms_left_out():
    may = rules(without=RELATIONAL)
    assert [name for name, _ in may.forms] == [form for form in FORMS if form not in RELATIONAL]
    assert may.forms[-1][1] == 1


def test_local_groups():
    man, cup = Reference((0,), ("man",)), Reference((0, 3), ("man", "cup"), "", (HELD,), (True,))
    assert local(Draft("queryAttr", "red", (cup,), "color")) == "queryAttrColor-cup"
    assert local(Draft("chooseAttr", "red", (cup,), "color", ("blue", "red"))) == "chooseAttrColor-blue|red"
    assert local(Draft("queryRel", "cup", (man,), "name", (), "thing", HELD)) == "queryRelO-holding-man"
    assert local(Draft("queryRel", "cup", (man,), "name", (), "tableware", HELD)) == "queryRelO-holding-tableware"
    assert local(Draft("verifyRel", "no", (man,), "", (), "cup", HELD)) == "verifyRelO-holding-cup"
    assert local(Draft("exist", "no", options=("red cup",))) == "exist-cup-2"
    answers = Counter()
    for world in asked():
        for q in world.questions:
            answers[q.local, q.answer in ("yes", "no")] += 1
    assert not [group for group, closed in answers if (group, not closed) in answers]


def test_words_of_attributes_that_kinds_can_have():
    assert set(ATTRIBUTES["state"]) == {word for words in v.STATES_OF.values() for word in words}

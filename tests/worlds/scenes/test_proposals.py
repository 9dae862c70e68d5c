"""Wrong options are tempting, never nonsense; forms and numbers of relations come in the shares that are asked for."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from mmkit.worlds.scenes import splits
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


def in_split(split: str, seed: int = 0) -> View:
    return View(replace(by_hand(), split=split, seed=seed), 4)


def test_wrong_attributes_tempt(draw):
    view = in_split("test_comp")  # where no color is held out
    colours = Counter(wrong_value(view, 3, "color", draw) for _ in range(2000))
    assert "red" not in colours
    assert set(colours) == set(v.COLOURS) - {"red"}
    assert colours["blue"] / 2000 == pytest.approx(0.7 + 0.3 / 9, abs=0.04)  # of the other cup
    worn = Counter(wrong_value(view, 0, "color", draw) for _ in range(2000))  # there is one man: any thing's color tempts
    assert worn["red"] / 2000 == pytest.approx(0.7 * 2 / 5 + 0.3 / 9, abs=0.04)
    assert {wrong_value(view, 3, "material", draw) for _ in range(200)} == set(v.MATERIALS_OF["tableware"]) - {"glass"}


def test_wrong_relations_are_of_the_same_group_and_false(draw):
    view = in_split("test_rel")  # where no relation is held out
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


@pytest.mark.parametrize("split", splits.SPLITS)
def test_what_is_held_out_is_no_wrong_color(split, draw):
    seed = 7
    view, held = in_split(split, seed), splits.held_pairs(seed)
    never = {f"{v.COLOURS[k]} {v.CATEGORIES[c]}" for c, k in np.argwhere(held).tolist()}
    tempting = {f"{colour} {name}" for name in view.members for colour in ("white", "brown", "black", "red", "blue")}
    assert len(never & tempting) > 1  # some would be asked for if nothing was held out
    said = {noun for noun in (absent(view, draw) for _ in range(1500)) if noun is not None}
    assert bool(said & never) == (split == "test_comp")
    for thing, name in ((0, "man"), (1, "dog"), (5, "hat"), (3, "cup")):
        words = {wrong_value(view, thing, "color", draw) for _ in range(500)}
        left = {c for c in v.COLOURS if c != view.attributes[thing]["color"]}
        left -= set() if split == "test_comp" else {c for c in left if f"{c} {name}" in never}
        assert words == left
    view.name[4], view.attributes[4] = "hat", {"color": "brown"}  # there is one cup, so that any thing's color tempts
    here = {"brown", "black", "white"} & left  # a white cup is held out
    hard = [wrong_value(view, 3, "color", draw) in here for _ in range(2000)]
    assert np.mean(hard) == pytest.approx(0.7 + 0.3 * len(here) / len(left), abs=0.04)


@pytest.mark.parametrize("split", splits.SPLITS)
def test_what_is_held_out_is_no_wrong_relation_and_no_wrong_name(split, draw):
    """Every semantic way between a man and each other category, from either end, against the slow way."""
    seed, left_out = 4, Counter()
    view, number = in_split(split, seed), {name: k for k, name in enumerate(v.CATEGORIES)}

    def told(end: str, link: int, start: str) -> bool:
        relation, side = LINKS[link]
        ends = (end, start) if side == "s" else (start, end)
        return split != "test_rel" and splits.held_triple(seed, number[ends[0]], v.RELATIONS.index(relation), number[ends[1]])

    for link in (k for k, (name, _) in enumerate(LINKS) if name in v.SEMANTIC):
        relation, side = LINKS[link]
        slot = next(slot for slot in v.SLOTS.values() if relation in slot)
        for start, name in ((0, "cup"), (0, "hat"), (1, "cup"), (3, "man"), (5, "dog")):
            members = view.called(name)
            others = {LINKS.index((r, side)) for r in slot if r != relation}
            others = {r for r in others if not view.true[list(members), r, start].any()}
            left = {r for r in others if not told(name, r, view.name[start])}
            left_out["relation"] += len(others) - len(left)
            assert {other_relation(view, link, members, start, draw) for _ in range(60)} == (left or {None})
            free = set(view.name) - {name, view.name[start] if len(view.called(view.name[start])) == 1 else ""}
            free = {n for n in free if not view.true[view.members[n], link, start].any()}
            left = {n for n in free if not told(n, link, view.name[start])}
            left_out["name"] += len(free) - len(left)
            assert {other_name(view, link, start, name, draw) for _ in range(80)} == (left or {None})
    assert (min(left_out.values()) > 2) == (split != "test_rel")


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

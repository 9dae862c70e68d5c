"""Wrong options are tempting, never nonsense, and nothing that is held out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from mmkit.worlds.scenes import splits
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.programs import ATTRIBUTES, LINKS
from mmkit.worlds.scenes.proposals import present
from mmkit.worlds.scenes.view import View
from mmkit.worlds.scenes.wrong_options import absent, other_name, other_relation, wrong_value
from tests.worlds.scenes.small_world import by_hand

HELD, ABOVE = (LINKS.index(way) for way in (("holding", "o"), ("above", "s")))


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


def test_what_is_of_medium_size_could_be_of_another(view, draw):
    view.attributes[3]["size"] = "large"  # the only thing of which a size is said
    view.attributes[5]["shape"] = "oval"
    said = {noun.rpartition(" ")[::2] for noun in (absent(view, draw) for _ in range(3000)) if noun is not None}
    assert {name for word, name in said if word == "large"} == {"man", "dog", "hat"}
    assert {name for word, name in said if word in v.SHAPES} == {"cup", "hat"}  # a man has no shape


def test_words_of_attributes_that_kinds_can_have():
    assert set(ATTRIBUTES["state"]) == {word for words in v.STATES_OF.values() for word in words}

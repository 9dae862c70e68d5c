"""Programs in GQA's spelling, from drafts made by hand; the ways to single a thing out in a scene made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mmkit.worlds.scenes.programs import ATTRIBUTES, KIND_OF_WORD, LINKS, Draft, Reference, program, spelled, steps
from mmkit.worlds.scenes.references import anchor, fits, guessed, refer
from mmkit.worlds.scenes.view import View
from mmkit.worlds.scenes.wordings import sentence
from tests.worlds.scenes.small_world import by_hand

IDS = [f"i{k}" for k in range(6)]
WATCHING, ABOVE = LINKS.index(("watching", "s")), LINKS.index(("above", "s"))
HELD = LINKS.index(("holding", "o"))
MAN, RED = Reference((0,), ("man",)), Reference((3,), ("cup",), "red")
CUP = Reference((1, 0, 3), ("dog", "man", "cup"), "brown", (LINKS.index(("watching", "o")), HELD), (True, True))
HAT = Reference((0, 5), ("man", "thing"), "", (ABOVE,), (True,))

CASES = [
    (
        Draft("queryAttr", "red", (CUP,), "color", focus=(3,), hops=2), ((1,), (0,), (3,)),
        "select: dog (i1)->filter color: brown [0]->relate: man,watching,o (i0) [1]"
        "->relate: cup,holding,o (i3) [2]->query: color [3]",
        "what color is the cup that the man that the brown dog is watching is holding?",
    ),
    (
        Draft("verifyAttr", "yes", (HAT,), "color", ("red",), focus=(5,), hops=1), ((0,), (5,)),
        "select: man (i0)->relate: _,above,s (i5) [0]->verify color: red [1]",
        "is the thing above the man red?",
    ),
    (
        Draft("chooseAttr", "red", (RED,), "shape", ("oval", "round"), focus=(3,)), ((3,),),
        "select: cup (i3)->filter color: red [0]->choose shape: oval|round [1]",
        "is the red cup round or oval?",
    ),
    (
        Draft("logicalAttr", "no", (MAN,), "", ("white", "sitting"), "and", focus=(0,)), ((0,),),
        "select: man (i0)->verify color: white [0]->verify state: sitting [0]->and:  [1, 2]",
        "is the man white and sitting?",
    ),
    (
        Draft("queryRel", "cup", (MAN,), "name", (), "tableware", HELD, (3,), 1), ((0,), (3,)),
        "select: man (i0)->relate: tableware,holding,o (i3) [0]->query: name [1]",
        "which tableware is the man holding?",
    ),
    (
        Draft("queryRel", "hat", (MAN,), "name", (), "clothing", ABOVE, (5,), 1), ((0,), (5,)),
        "select: man (i0)->relate: clothing,above,s (i5) [0]->query: name [1]",
        "which clothing is above the man?",
    ),
    (
        Draft("category", "animal", (MAN,), "type", (), "thing", WATCHING, (1,), 1), ((0,), (1,)),
        "select: man (i0)->relate: _,watching,s (i1) [0]->query: type [1]",
        "what kind of thing is watching the man?",
    ),
    (
        Draft("category", "dog", (), "name", ("brown",), "animal", focus=(1,)), ((1,),),
        "select: animal (i1)->filter color: brown [0]->query: name [1]",
        "what is the brown animal?",
    ),
    (
        Draft("verifyRel", "no", (MAN,), "", (), "hat", WATCHING, (5,), 1), ((0,), (5,)),
        "select: man (i0)->verify rel: hat,watching,s (i5) [0]",
        "is a hat watching the man?",
    ),
    (
        Draft("existRel", "no", (MAN,), "", (), "cup", WATCHING, (), 1), ((0,), ()),
        "select: man (i0)->relate: cup,watching,s (-) [0]->exist: ? [1]",
        "is there a cup watching the man?",
    ),
    (
        Draft("chooseRel", "holding", (MAN,), "rel", ("carrying", "holding"), "cup", HELD, (3,), 1), ((0,), (3,)),
        "select: man (i0)->choose rel: cup,carrying|holding,o (i3) [0]",
        "is the man holding or carrying a cup?",
    ),
    (
        Draft("logicalExist", "yes", options=("red cup", "kite"), name="or"), ((3,), ()),
        "select: cup (i3)->filter color: red [0]->exist: ? [1]->select: kite (-)->exist: ? [3]->or:  [2, 4]",
        "do you see a red cup or a kite?",
    ),
    (
        Draft("same", "no", (MAN, RED), "color", focus=(0, 3)), ((0,), (3,)),
        "select: man (i0)->select: cup (i3)->filter color: red [1]->same color:  [0, 2]",
        "are the man and the red cup of the same color?",
    ),
    (
        Draft("countSame", "0", (), "color", (), "animal", focus=(1, 2)), ((1, 2),),
        "select: animal (i1,i2)->count same: color [0]",
        "how many pairs of animals have the same color?",
    ),
    (
        Draft("global", "no", kind="place", options=("beach",), name="verify place"), ((),),
        "select: scene (-)->verify place: beach [0]",
        "is it at the beach?",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("draft", "things", "text", "words"), CASES)
def test_spelling_and_words(draft, things, text, words):
    view = View(by_hand(), 4)
    groups = (
        tuple(view.called(noun.split()[-1], noun.rpartition(" ")[0]) for noun in draft.options) if not draft.references else ()
    )
    groups = groups if draft.form == "logicalExist" else ()
    assert spelled(program(draft, IDS, groups)) == text
    assert steps(draft, groups) == things
    assert sentence(draft, 0.9)[0] == words


def test_annotations_point_at_the_words():
    text, full, where = sentence(CASES[0][0], 0.9)
    assert {text[:-1].split()[int(k)]: thing for k, thing in where["question"].items()} == {"cup": 3, "man": 0, "dog": 1}
    assert full == "the cup is red."
    assert where["fullAnswer"] == {"1": 3}
    _, full, where = sentence(CASES[4][0], 0.9)
    assert (full, where["answer"], where["fullAnswer"]) == ("the cup.", {"0": 3}, {"1": 3})


@pytest.mark.parametrize("form", ["verifyRel", "existRel", "chooseRel"])
@pytest.mark.parametrize("focus", [(), (3,), (3, 4)])
@pytest.mark.parametrize("unique", [False, True])
def test_what_is_asked_about_is_marked_where_it_is_one_thing(form, focus, unique):
    draft = Draft(form, "yes", (MAN,), "", ("carrying", "holding"), "cup", HELD, focus, 1)
    text, _, where = sentence(draft, 0.9, unique)
    words = text[:-1].split()
    assert words[words.index("cup") - 1] == ("the" if unique and form != "existRel" else "a")
    marked = {words[int(k)]: thing for k, thing in where["question"].items()}
    assert marked == {"man": 0} | ({"cup": 3} if focus == (3,) else {})


def test_relations_can_be_left_unsaid():
    assert sentence(CASES[0][0], 0.9, neutral=True)[0] == (
        "what color is the cup that the man that the brown dog is linked to is linked to?"
    )


def test_words_of_attributes_are_told_apart():
    assert len(KIND_OF_WORD) == sum(map(len, ATTRIBUTES.values()))


def test_what_singles_a_thing_out():
    view = View(by_hand(), 4)
    assert view.name == ["man", "dog", "dog", "cup", "cup", "hat"]
    assert view.anchors[0] == view.anchors[5] == [""]
    assert set(view.anchors[3]) == {"red", "glass", "round"}
    assert set(view.anchors[1]) == {"brown", "sitting"}
    ways = {(link.start, LINKS[link.link], link.end, link.name) for family in view.links.all for link in family}
    assert (0, ("watching", "s"), 1, "dog") in ways  # the dog that watches the man
    assert (0, ("holding", "o"), 3, "cup") in ways  # the cup that the man holds
    unneeded = {(link.start, LINKS[link.link], link.end, link.name) for family in view.loose.all for link in family}
    assert (3, ("holding", "s"), 0, "man") in unneeded  # there is one man only
    assert not any(link.necessary for family in view.loose.all for link in family)
    # two dogs stand left and right of the man, both cups to the right of the left dog: only one of them is shown to be
    assert not [w for w in ways if w[0] == 1 and w[1] == ("to the right of", "s") and w[3] in ("cup", "tableware", "thing")]


def test_references_follow_edges_that_are_shown():
    view = View(by_hand(), 4)
    draws = np.random.default_rng(0).random
    found = [refer(view, hops, 0.5, draws) for hops in (0, 1, 2) for _ in range(60)]
    found = [reference for reference in found if reference is not None]
    assert {len(reference.links) for reference in found} == {0, 1, 2}
    for reference in found:
        assert len(set(reference.chain)) == len(reference.chain) == len(reference.names) == len(reference.links) + 1
        for start, link, end, name in zip(
            reference.chain, reference.links, reference.chain[1:], reference.names[1:], strict=False
        ):
            assert view.shown[end, link, start]
            assert [k for k in view.called(name) if view.true[k, link, start]] == [end]
    assert anchor(view, 1, lambda: 0.0) == Reference((1,), ("dog",), view.anchors[1][0])


def test_a_guess_among_neighbours():
    view = View(by_hand(), 4)
    view.near = [[1, 2, 3, 4, 5], [0], [0, 4], [0], [0, 2], [0]]
    assert guessed(view, CUP) == {3: 0.5, 4: 0.5}
    assert guessed(view, MAN, "animal") == {1: 0.5, 2: 0.5}
    assert guessed(view, HAT) == dict.fromkeys(range(1, 6), 0.2)
    assert fits({"red": 0.5, "blue": 0.5}, "red") == 0.5
    assert fits({"red": 0.6, "blue": 0.4}, "blue") == 0.0
    assert fits({}, "red") == 0.0

"""Forms and numbers of relations come in the shares that are asked for; questions are grouped by what they are about."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mmkit.worlds.scenes.labels import local
from mmkit.worlds.scenes.programs import LINKS, Draft, Reference
from mmkit.worlds.scenes.proposals import FORMS, HOPS, RELATIONAL, rules
from tests.worlds.scenes.small_world import asked

HELD = LINKS.index(("holding", "o"))


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

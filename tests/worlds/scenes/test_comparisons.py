"""Comparisons and questions about the whole scene, drawn many times from a few scenes."""

from __future__ import annotations

from collections import Counter

import numpy as np

from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.comparisons import COMPARE, compare, whole
from mmkit.worlds.scenes.executor import denoted, execute
from mmkit.worlds.scenes.programs import KIND_OF_WORD, program, steps
from mmkit.worlds.scenes.view import View
from tests.worlds.scenes.small_world import asked


def test_comparisons_of_all_sorts():
    """With all edges taken away every pair may be compared, so that the rare forms are drawn, too."""
    draw, forms = np.random.default_rng(2).random, Counter()
    for world in asked()[:25]:
        view = View(world.scene, 4)
        view.near = [[] for _ in view.near]
        for _ in range(40):
            if (draft := compare(view, 0, 0.5, draw)) is None:
                continue
            made = program(draft, view.ids)
            assert execute(made, world.graph) == draft.answer, draft
            assert denoted(made, world.graph) == steps(draft)
            assert set(draft.focus) == {k for things in steps(draft) for k in things}
            # what makes the answer right is not already said
            assert not draft.kind or draft.kind not in {KIND_OF_WORD.get(r.filter) for r in draft.references}
            forms[draft.form, draft.answer if draft.answer in ("yes", "no") else ""] += 1
    assert {form for form, _ in forms} == set(COMPARE)
    for form in ("same", "different", "larger"):
        yes, no = forms[form, "yes"], forms[form, "no"]
        assert min(yes, no) > 20
        assert abs(yes - no) < 4 * np.sqrt(yes + no)
    assert all(count > 10 for count in forms.values())
    assert compare(view, 1, 0.5, draw) is None  # a comparison follows no relation


def test_the_whole_scene():
    draw, forms = np.random.default_rng(3).random, Counter()
    for world in asked()[:25]:
        view = View(world.scene, 4)
        for _ in range(20):
            draft = whole(view, 0, 0.5, draw)
            assert execute(program(draft, view.ids), world.graph) == draft.answer
            forms[draft.name.split()[0], draft.kind] += 1
            assert draft.kind != "weather" or v.OUTDOORS[world.scene.place]  # indoors there is none
    ways = {(way, kind) for way in ("query", "verify", "choose") for kind in ("place", "location", "weather", "time")}
    assert set(forms) == ways - {("query", "location")}
    assert whole(view, 1, 0.5, draw) is None

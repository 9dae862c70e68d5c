"""A scene depends on its world, its split and its number alone; a null control changes its own part; what objects look like."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mmkit.errors import SettingsError
from mmkit.worlds.scenes import attributes, generate
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.knobs import NULLS, Knobs
from mmkit.worlds.scenes.priors import NIGHT_OF, WEATHER_OF, priors

KNOBS = Knobs(4)


@cache
def drawn(count=2000, split="train", seed=4):
    return generate.scenes(Knobs(seed), split, count)


def assert_same(a, b):
    assert (a.seed, a.split, a.first, list(a.arrays)) == (b.seed, b.split, b.first, list(b.arrays))
    for name, column in a.arrays.items():
        assert column.dtype == b.arrays[name].dtype, name
        np.testing.assert_array_equal(column, b.arrays[name], err_msg=name)


def told(scene):
    """Everything of one scene, as text."""
    return "\n".join(f"{name} {np.asarray(value).tolist()}" for name, value in vars(scene).items())


# --- the same scene --------------------------------------------------------------------------------------------------


def test_a_scene_does_not_depend_on_how_many_are_drawn_or_from_where():
    few, more, late = (generate.scenes(KNOBS, "train", count, first) for count, first in ((5, 0), (30, 0), (12, 18)))
    for k in range(5):
        assert told(few[k]) == told(more[k]) == told(generate.scene(KNOBS, "train", k))
    for k in range(12):
        assert told(late[k]) == told(more[18 + k])
    assert late[3].index == 21


def test_scenes_splits_and_worlds_differ():
    here = [generate.scene(KNOBS, "train", k) for k in range(3)]
    there = [generate.scene(KNOBS, "valid", 0), generate.scene(Knobs(5), "train", 0)]
    boxes = {scene.box.tobytes() for scene in (*here, *there)}
    assert len(boxes) == 5


@pytest.mark.parametrize("jobs", [2, -1])
def test_any_number_of_processes(monkeypatch, jobs):
    monkeypatch.setattr(generate, "BLOCK", 7)
    assert_same(generate.scenes(KNOBS, "test_rel", 30, 3, jobs), generate.scenes(KNOBS, "test_rel", 30, 3))


def test_block_size_does_not_matter(monkeypatch):
    whole = generate.scenes(KNOBS, "train", 30)
    monkeypatch.setattr(generate, "BLOCK", 4)
    assert_same(generate.scenes(KNOBS, "train", 30), whole)


TELL = "from tests.worlds.scenes.test_generate import *\nprint(told(generate.scene(KNOBS, 'train', 5)))"


def test_another_process_draws_the_same():
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    there = subprocess.run([sys.executable, "-c", TELL], env=environment, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == told(generate.scene(KNOBS, "train", 5))


@pytest.mark.parametrize("control", [name for name in NULLS if name != "ocr"])
def test_null_controls_of_other_parts_leave_scenes_alone(control):
    changed = replace(KNOBS, **NULLS[control])
    for k in range(3):
        assert told(generate.scene(changed, "train", k)) == told(generate.scene(KNOBS, "train", k))


def test_without_text_everything_else_stays():
    written = generate.scenes(KNOBS, "train", 20)
    silent = generate.scenes(replace(KNOBS, ocr="off"), "train", 20)
    assert (written.arrays["text"] != "").any()
    assert not (silent.arrays["text"] != "").any()
    silent.arrays["text"] = written.arrays["text"]
    assert_same(silent, written)


@pytest.mark.parametrize(("count", "first"), [(0, 0), (-1, 0), (3, -1)])
def test_impossible_numbers_of_scenes(count, first):
    with pytest.raises(SettingsError, match="expected at least 1 from 0"):
        generate.scenes(KNOBS, "train", count, first)


# --- what objects look like ------------------------------------------------------------------------------------------


def test_values_fit_their_kinds():
    a = drawn().arrays
    kinds = [v.KINDS[k] for k in v.KIND_OF]
    for name, words, of in (
        ("material", v.MATERIALS, v.MATERIALS_OF),
        ("shape", v.SHAPES, dict.fromkeys(v.SHAPED, v.SHAPES)),
        ("state", v.STATES, v.STATES_OF),
    ):
        seen = {kind: set() for kind in v.KINDS}
        for category, value in zip(a["category"], a[name], strict=True):
            seen[kinds[category]].add(int(value))
        for kind, values in seen.items():
            allowed = {words.index(word) for word in of.get(kind, ())}
            assert values - {-1} == allowed, (name, kind)
            assert (-1 in values) == (not allowed or (name == "state" and kind in ("person", "animal"))), (name, kind)
    assert set(a["colour"]) == set(range(10))
    np.testing.assert_allclose(np.bincount(a["size"]) / len(a["size"]), [0.3, 0.4, 0.3], atol=0.015)


def test_allowed_values_are_equally_likely():
    a = drawn().arrays
    person = v.KIND_OF[a["category"]] == v.KINDS.index("person")
    state = a["state"][person & (a["state"] >= 0)]
    np.testing.assert_allclose(np.bincount(state) / len(state), 0.25, atol=0.03)
    toy = a["material"][v.KIND_OF[a["category"]] == v.KINDS.index("toy")]
    np.testing.assert_allclose(np.bincount(toy)[[0, 2, 4]] / len(toy), 1 / 3, atol=0.06)


def test_who_is_on_something_has_no_state_of_its_own():
    scenes, top = drawn(), list(v.SLOTS).index("top")
    for scene in map(scenes.__getitem__, range(200)):
        on = set(scene.relations[v.SLOT_OF[scene.relations[:, 1]] == top, 0])
        for k in np.flatnonzero(v.ANIMATE[scene.category]):
            assert (scene.state[k] == -1) == (k in on)


def test_a_size_is_a_factor_of_the_box():
    """Mean width of small, medium and large cups: .75 : 1 : 1.3."""
    a = drawn().arrays
    n = np.repeat(np.diff(a["objects"]), np.diff(a["objects"]))
    cups = (a["category"] == v.CATEGORIES.index("cup")) & (n <= 12)  # more are drawn smaller
    width = [a["box"][cups & (a["size"] == size), 2].mean() for size in range(3)]
    np.testing.assert_allclose(np.array(width) / width[1], [0.75, 1.0, 1.3], atol=0.03)


def test_colours_follow_their_shares():
    a = drawn().arrays
    share = priors(4).colour
    for category in np.argsort(np.bincount(a["category"]))[-5:]:
        colour = a["colour"][a["category"] == category]
        expected = share[category].copy()
        expected[np.bincount(colour, minlength=10) == 0] = 0  # the held-out ones, and nothing else: see test_splits
        seen = np.bincount(colour, minlength=10) / len(colour)
        np.testing.assert_allclose(seen, expected / expected.sum(), atol=4 * 0.5 / np.sqrt(len(colour)))


def test_priors():
    p = priors(4)
    assert p.category.shape == (6, 30)
    assert p.colour.shape == (30, 10)
    np.testing.assert_allclose([*p.category.sum(axis=1), *p.colour.sum(axis=1)], 1.0)
    assert p.category.min() >= 0.3 / 30
    assert p.colour.min() >= 0.025
    assert p.category.max() > 0.1
    assert p.colour.max() > 0.3
    assert (p.category != priors(5).category).any()


def test_place_weather_and_time():
    a = drawn().arrays
    np.testing.assert_allclose(np.bincount(a["place"]) / 2000, 1 / 6, atol=0.04)
    for place, name in enumerate(v.PLACES):
        here = a["place"] == place
        assert abs(a["time"][here].mean() - NIGHT_OF[name]) < 0.11
        if v.OUTDOORS[place]:
            np.testing.assert_allclose(np.bincount(a["weather"][here], minlength=3) / here.sum(), WEATHER_OF[name], atol=0.11)
        else:
            assert (a["weather"][here] == -1).all()


# --- text -------------------------------------------------------------------------------------------------------------


def test_text():
    a = drawn().arrays
    may = np.isin([v.KINDS[k] for k in v.KIND_OF], v.WRITTEN) | (np.array(v.CATEGORIES) == "bottle")
    may = may[a["category"]]
    assert (a["text"][~may] == "").all()
    assert abs((a["text"][may] != "").mean() - 0.5) < 4 * 0.5 / np.sqrt(may.sum())
    written = a["text"][a["text"] != ""]
    brand = np.isin(written, v.BRANDS)
    price = np.char.startswith(written, "$")
    number = ~brand & ~price
    assert abs(brand.mean() - 0.5) < 0.05
    assert abs(number.mean() - 0.25) < 0.05
    assert set(written[brand]) == set(v.BRANDS)
    assert {int(t) for t in written[number]} <= set(range(100))
    assert {float(t[1:]) for t in written[price]} <= {d + c for d in range(1, 21) for c in (0.0, 0.5, 0.99)}
    assert max(map(len, v.BRANDS)) <= int(attributes.TEXT[2:])

"""Spatial relations against a loop by hand, and what a scene's graph shows of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mmkit.worlds.scenes import generate, spatial
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.knobs import Knobs
from mmkit.worlds.scenes.scene import PER_OBJECT

NAMES = {name: number for number, name in enumerate(v.RELATIONS)}


@cache
def drawn(count=60):
    scenes = generate.scenes(Knobs(5), "train", count)
    return [scenes[row] for row in range(count)]


def by_hand(scene):
    """Subject, relation, object: one pair after the other, from the rules as they are told."""
    found = set()
    for i in range(len(scene)):
        for j in range(len(scene)):
            if i == j:
                continue
            a, b = scene.box[i].astype(float), scene.box[j].astype(float)
            dx, dy = (b[0] + b[2] / 2) - (a[0] + a[2] / 2), (b[1] + b[3] / 2) - (a[1] + a[3] / 2)
            if abs(dx) > 1.5 * abs(dy) and abs(dx) > 0.08:
                found.add((i, NAMES["to the left of" if dx > 0 else "to the right of"], j))
            if abs(dy) > 1.5 * abs(dx) and abs(dy) > 0.08:
                found.add((i, NAMES["above" if dy > 0 else "below"], j))
            wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
            high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
            shared = wide * high if wide > 0 and high > 0 else 0.0
            if shared / (a[2] * a[3] + b[2] * b[3] - shared) > 0.08:
                found.add((i, NAMES["in front of" if scene.depth[i] > scene.depth[j] else "behind"], j))
            if np.hypot(dx, dy) < 0.18:
                found.add((i, NAMES["near"], j))
    return found


def shown_by_hand(scene, nearest):
    """What the graph shows: semantic ones, depth, and directions to the nearest objects of either side."""
    centre = scene.box[:, :2].astype(float) + scene.box[:, 2:].astype(float) / 2
    close = set()
    for i in range(len(scene)):
        others = sorted((j for j in range(len(scene)) if j != i), key=lambda j, i=i: np.hypot(*(centre[j] - centre[i])))
        close |= {(i, j) for j in others[:nearest]} | {(j, i) for j in others[:nearest]}
    shown = {tuple(int(x) for x in row) for row in scene.relations}
    for s, r, o in by_hand(scene):
        if v.RELATIONS[r] in ("in front of", "behind") or (v.RELATIONS[r] != "near" and (s, o) in close):
            shown.add((s, r, o))
    return shown


def as_set(rows):
    assert rows.dtype == np.int16
    assert rows.shape[1:] == (3,)
    found = {tuple(int(x) for x in row) for row in rows}
    assert len(found) == len(rows)
    return found


def scene_of(boxes, depth=None):
    """A scene by hand; only boxes and depth matter."""
    n = len(boxes)
    some = {name: np.zeros(n, dtype=np.int8) for name in PER_OBJECT}
    some |= {"box": np.array(boxes, dtype=np.float32), "text": np.zeros(n, dtype="<U8")}
    some["depth"] = np.arange(n, dtype=np.int8) if depth is None else np.array(depth, dtype=np.int8)
    return replace(drawn()[0], **some, relations=np.zeros((0, 3), dtype=np.int16))


def test_by_hand():
    """A cup left of a bottle; a plate under both, a third of it behind the cup."""
    scene = scene_of([[0.1, 0.1, 0.2, 0.2], [0.6, 0.15, 0.2, 0.2], [0.1, 0.2, 0.2, 0.2]], depth=[2, 0, 1])
    told = {(int(s), v.RELATIONS[r], int(o)) for s, r, o in spatial.full(scene)}
    assert told == {
        (0, "to the left of", 1),
        (1, "to the right of", 0),
        (1, "to the right of", 2),
        (2, "to the left of", 1),
        (0, "above", 2),
        (2, "below", 0),
        (0, "in front of", 2),
        (2, "behind", 0),
        (0, "near", 2),
        (2, "near", 0),
    }


def test_thresholds():
    """From one centre to the other: .081 or .079 to the side, 1.45 or 1.55 times as far as down."""

    def told(dx, dy):
        rows = spatial.full(scene_of([[0.4, 0.4, 0.02, 0.02], [0.4 + dx, 0.4 + dy, 0.02, 0.02]]))
        return {v.RELATIONS[r] for s, r, _ in rows if s == 0} - {"near"}

    assert told(0.081, 0) == {"to the left of"}
    assert told(0.079, 0) == set()
    assert told(0, 0.081) == {"above"}
    assert told(0, 0.079) == set()
    assert told(-0.155, 0.1) == {"to the right of"}
    assert told(-0.145, 0.1) == set()
    assert told(0.1, -0.155) == {"below"}
    assert told(0.1, -0.145) == set()
    assert told(0.0, 0.0) == {"behind"}  # one on the other


@pytest.mark.parametrize(("apart", "near"), [(0.179, True), (0.181, False)])
def test_near(apart, near):
    rows = spatial.full(scene_of([[0.4, 0.4, 0.02, 0.02], [0.4 + 0.6 * apart, 0.4 + 0.8 * apart, 0.02, 0.02]]))
    assert (NAMES["near"] in rows[:, 1]) == near


@pytest.mark.parametrize(("shift", "over"), [(0.0845, True), (0.0855, False)])
def test_overlap_counts_the_union_once(shift, over):
    """Squares of .1: shares of union at a shift s are (.1 - s) / (.1 + s): .08 at s = .0852."""
    rows = spatial.full(scene_of([[0.4, 0.4, 0.1, 0.1], [0.4 + shift, 0.4, 0.1, 0.1]]))
    assert (NAMES["behind"] in rows[:, 1]) == over


def test_full_is_the_loop():
    for scene in drawn():
        assert as_set(spatial.full(scene)) == by_hand(scene)


def test_reverse_relations_come_in_pairs():
    for scene in drawn():
        rows = as_set(spatial.full(scene))
        for s, r, o in rows:
            assert (o, NAMES[v.REVERSE[v.RELATIONS[r]]], s) in rows
            assert v.RELATIONS[r] == "near" or (o, r, s) not in rows  # nothing is left of what is left of it


@pytest.mark.parametrize("what", ["full", "edges"])
def test_permuting_objects_permutes_relations(what):
    rng = np.random.default_rng(0)
    for scene in drawn()[:20]:
        order = rng.permutation(len(scene))
        place = np.argsort(order)  # object k of the scene is object place[k] of the other
        links = scene.relations.copy()
        links[:, [0, 2]] = place[links[:, [0, 2]]]
        other = replace(scene, **{name: getattr(scene, name)[order] for name in PER_OBJECT}, relations=links)
        rows, moved = (spatial.full(x) if what == "full" else spatial.edges(x, 3) for x in (scene, other))
        assert {(place[s], r, place[o]) for s, r, o in rows} == as_set(moved)


# --- what the graph shows --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nearest", [0, 1, 2, 4, 40])
def test_edges_are_the_loop(nearest):
    for scene in drawn()[:30]:
        assert as_set(spatial.edges(scene, nearest)) == shown_by_hand(scene, nearest)


def test_rows_are_in_order():
    for scene in drawn()[:20]:
        for rows, keys in ((spatial.full(scene), (0, 2, 1)), (spatial.edges(scene, 4), (0, 2, 1))):
            told = [tuple(row[k] for k in keys) for row in rows.tolist()]
            assert told == sorted(told)


def test_a_scene_of_one_object_has_no_relations():
    scene = scene_of([[0.4, 0.4, 0.1, 0.1]])
    assert spatial.full(scene).shape == spatial.edges(scene, 4).shape == (0, 3)


def test_graphs_are_as_full_as_stated():
    spatially = [(spatial.edges(scene, 4)[:, 1] >= len(v.SEMANTIC)).sum() for scene in drawn(600)]
    assert 38 < np.mean(spatially) < 44


# --- redrawn labels --------------------------------------------------------------------------------------------------


def test_random_labels_keep_who_is_linked():
    true, redrawn = ([spatial.edges(scene, 4, types) for scene in drawn(600)] for types in ("true", "random"))
    for a, b in zip(true, redrawn, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a[:, [0, 2]], b[:, [0, 2]])
    a, b = np.concatenate(true), np.concatenate(redrawn)[:, 1]
    assert NAMES["near"] not in b
    new = np.r_[True, (a[1:, [0, 2]] != a[:-1, [0, 2]]).any(axis=1), True]
    alone = new[:-1] & new[1:]  # the only edge from its subject to its object; others are sorted by their labels
    assert alone.sum() > 10_000
    a, b = a[alone, 1], b[alone]
    few = len(v.SEMANTIC) - 1  # the semantic ones, of which there are few, count as one
    a, b = np.maximum(a, few) - few, np.maximum(b, few) - few
    assert abs((b == 0).mean() - 0.08) < 0.01
    joint = np.bincount(a * 7 + b, minlength=49).reshape(7, 7)
    expected = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0) / joint.sum()
    assert expected.min() > 10
    assert ((joint - expected) ** 2 / expected).sum() < 36 + 4 * np.sqrt(2 * 36)  # independent of the true label


def test_random_labels_are_the_same_each_time():
    scene, other = drawn()[:2]
    np.testing.assert_array_equal(spatial.edges(scene, 4, "random"), spatial.edges(scene, 4, "random"))
    a, b = spatial.edges(scene, 4, "random")[:, 1], spatial.edges(replace(scene, index=other.index), 4, "random")[:, 1]
    assert (a != b).any()

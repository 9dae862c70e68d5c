"""The layout of scenes: room for everything, geometry that tells the slot but not the relation, gaze, order of depth."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from mmkit.worlds.scenes import generate, splits
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.knobs import GQA_LIKE, Knobs

SLOTS = tuple(v.SLOTS)
OBJECTS = (6, 9.7, 14)


@cache
def drawn(count=2000, split="train", **changes):
    return generate.scenes(Knobs(3, **changes), split, count)


def each(scenes):
    return (scenes[row] for row in range(len(scenes)))


@cache
def related():
    """One row per relation of the scenes drawn: relation, slot, categories of both ends, both boxes, facing, both depths."""
    rows = []
    for scene in each(drawn()):
        for s, r, o in scene.relations:
            ends = [scene.category[s], scene.category[o], *scene.box[s].astype(float), *scene.box[o].astype(float)]
            rows.append([r, v.SLOT_OF[r], *ends, scene.facing[s], scene.depth[s], scene.depth[o]])
    names = ("relation", "slot", "subject", "object", "x", "y", "w", "h", "x2", "y2", "w2", "h2", "facing", "deep", "deep2")
    return dict(zip(names, np.array(rows, dtype=float).T, strict=True))


def of(slot):
    rows = related()
    here = rows["slot"] == SLOTS.index(slot)
    return {name: column[here] for name, column in rows.items()}


def overlap(a, b):
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(wide, 0.0) * max(high, 0.0) / min(a[2] * a[3], b[2] * b[3])


@pytest.mark.parametrize("changes", [{}, GQA_LIKE], ids=["default", "gqa_like"])
def test_objects_lie_in_the_picture_and_have_room(changes):
    scenes = drawn(200, **changes)
    least, _, most = changes.get("objects", OBJECTS)
    crowding = []
    for scene in each(scenes):
        assert least <= len(scene) <= most
        box = scene.box.astype(float)
        assert (box[:, :2] >= 0).all()
        assert (box[:, :2] + box[:, 2:] <= 1).all()
        assert (box[:, 2:] > 0.01).all()
        linked = {frozenset((int(s), int(o))) for s, _, o in scene.relations}
        crowding += [overlap(box[i], box[j]) for i, j in combinations(range(len(scene)), 2) if {i, j} not in linked]
    assert max(crowding) < 0.15 + 1e-4  # in float32
    assert max(crowding) > 0.1  # some do overlap


def test_a_crowd_finds_room_in_a_smaller_size():
    sizes = [len(scene) for scene in each(drawn(3, objects=(60, 62.0, 64)))]
    assert min(sizes) >= 60
    assert max(sizes) <= 64


@pytest.mark.parametrize(
    ("changes", "nodes", "semantic"),
    [({}, (9.7, 10.3), (3.3, 4.0)), (GQA_LIKE, (15.2, 16.6), (5.2, 6.6))],
    ids=["default", "gqa"],
)
def test_scenes_are_as_full_as_stated(changes, nodes, semantic):
    scenes = drawn(300, **changes) if changes else drawn()
    assert nodes[0] < len(scenes.arrays["category"]) / len(scenes) < nodes[1]
    assert semantic[0] < len(scenes.arrays["relations"]) / len(scenes) < semantic[1]


def test_counts_of_objects_are_a_poisson_that_is_cut():
    """Only lower bounds are exact: the last group may bring one or two objects more than were asked for."""
    sizes = np.diff(drawn(1500, objects=(3, 4.0, 64)).arrays["objects"])
    mass = np.exp(-4.0) * 4.0 ** np.arange(12) / np.cumprod([1, *range(1, 12)])
    for size in (3, 4, 5, 6):
        assert (sizes <= size).mean() < mass[: size + 1].sum() + 0.04
    assert (sizes == 3).mean() > 0.5 * mass[:4].sum()


# --- relations ---------------------------------------------------------------------------------------------------------


def test_relations_of_a_subject_are_of_different_slots_and_pairs_are_related_once():
    of_subject = Counter()
    for scene in each(drawn(500)):
        pairs = [frozenset((int(s), int(o))) for s, _, o in scene.relations]
        assert len(set(pairs)) == len(pairs)
        assert all(len(pair) == 2 for pair in pairs)
        for subject in range(len(scene)):
            slots = [SLOTS[v.SLOT_OF[r]] for s, r, _ in scene.relations if s == subject]
            assert len(set(slots)) == len(slots)
            animate = v.ANIMATE[scene.category[subject]]
            of_subject[bool(animate), len(slots)] += 1
            assert set(slots) <= ({"hand", "top", "gaze", "body", "mouth"} if animate else {"under", "side", "over"})
    assert {n for animate, n in of_subject if animate} == {0, 1, 2}
    assert {n for animate, n in of_subject if not animate} == {0, 1}


def test_all_relations_are_about_equally_frequent():
    counts = np.bincount(related()["relation"].astype(int), minlength=15)
    assert counts.min() > 0.4 * counts.mean()
    assert counts.max() < 1.6 * counts.mean()


def test_what_is_possible_in_a_slot_is_equally_likely():
    """Expected counts from the held-out triples alone: 1 / (relations of the slot that are not held out)."""
    held = splits.held_triples(3)
    for slot, names in v.SLOTS.items():
        members = [v.SEMANTIC.index(name) for name in names]
        here = of(slot)
        free = ~held[here["subject"].astype(int)[:, None], members, here["object"].astype(int)[:, None]]
        share = free / free.sum(axis=1, keepdims=True)
        for k, relation in enumerate(members):
            count, expected = (here["relation"] == relation).sum(), share[:, k].sum()
            spread = np.sqrt((share[:, k] * (1 - share[:, k])).sum())
            assert abs(count - expected) <= 4 * spread, names[k]
    assert len(related()["slot"]) > 6000


def test_chains_of_relations_exist():
    """A thing that is held hangs from, is attached to or covers another: two relations in a row."""
    chains = sum(len(set(scene.relations[:, 0]) & set(scene.relations[:, 2])) for scene in each(drawn(500)))
    assert chains > 100


# --- geometry -----------------------------------------------------------------------------------------------------------


def test_hand():
    r = of("hand")
    centre = (r["x2"] + r["w2"] / 2 - r["x"]) / r["w"]
    assert np.minimum(abs(centre), abs(centre - 1)).max() < 0.101
    assert 0.4 < (centre > 0.5).mean() < 0.6  # left and right alike
    assert abs((r["y2"] + r["h2"] / 2 - r["y"]) / r["h"] - 0.45).max() < 0.051


def test_top():
    r = of("top")
    base = (r["y"] + r["h"] - r["y2"]) / r["h2"]  # of the subject, in heights of the object
    assert base.min() > 0.14
    assert base.max() < 0.26
    assert (abs(r["x"] + r["w"] / 2 - r["x2"] - r["w2"] / 2) / r["w2"]).max() < 0.251


def test_worn_and_eaten():
    body, mouth = of("body"), of("mouth")
    height = (body["y2"] + body["h2"] / 2 - body["y"]) / body["h"]
    hat = body["object"] == v.CATEGORIES.index("hat")
    assert abs(height[hat] - 0.02).max() < 0.031
    assert abs(height[~hat] - 0.5).max() < 0.031
    assert 20 < hat.sum() < len(hat) - 20
    assert abs((mouth["y2"] + mouth["h2"] / 2 - mouth["y"]) / mouth["h"] - 0.22).max() < 0.031
    for r, sway in ((body, 0.05), (mouth, 0.1)):
        assert (abs(r["x"] + r["w"] / 2 - r["x2"] - r["w2"] / 2) / r["w"]).max() < sway + 0.001


def test_hanging_attached_covering():
    r = of("under")  # the subject's upper edge touches the object's lower one
    reach = (r["y2"] + r["h2"] - r["y"]) / r["h2"]
    assert reach.min() > 0
    assert reach.max() < 0.12
    r = of("side")
    to_left, to_right = r["x"] - r["x2"] - r["w2"], r["x2"] - r["x"] - r["w"]
    touching = np.maximum(to_left, to_right) / np.minimum(r["w"], r["w2"])
    assert touching.max() < 0.001
    assert touching.min() > -0.07
    r = of("over")
    lower = (r["y2"] + r["h2"] / 2 - r["y"] - r["h"] / 2) / r["h2"]
    assert lower.min() > 0.13
    assert lower.max() < 0.31


def features(r):
    """(k, 4): where the object's centre lies, in sizes of the subject, and how its sides compare."""
    dx, dy = r["x2"] + r["w2"] / 2 - r["x"] - r["w"] / 2, r["y2"] + r["h2"] / 2 - r["y"] - r["h"] / 2
    return np.stack([dx / r["w"], dy / r["h"], np.log(r["w2"] / r["w"]), np.log(r["h2"] / r["h"])], axis=1)


def spread_of_means(x, group, label):
    """How far the means of the labels lie apart, after each group's own mean is taken off."""
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    size = np.bincount(group)
    means = np.stack([np.bincount(group, c) for c in x.T], axis=1)[group] / size[group][:, None]
    rest = x - means
    return sum((rest[label == k].mean(axis=0) ** 2).sum() * (label == k).sum() for k in np.unique(label))


def p_value(x, group, label, draws=199):
    """How often labels that are shuffled within groups lie as far apart as the real ones."""
    rng = np.random.default_rng(0)
    real, as_far = spread_of_means(x, group, label), 0
    for _ in range(draws):
        order = np.lexsort((rng.random(len(label)), group))
        shuffled = np.empty_like(label)
        shuffled[np.argsort(group, kind="stable")] = label[order]
        as_far += spread_of_means(x, group, shuffled) >= real
    return (1 + as_far) / (1 + draws)


@pytest.mark.parametrize("slot", ["hand", "top", "gaze"])
def test_boxes_do_not_tell_the_relations_of_a_slot_apart(slot):
    r = of(slot)
    group = np.unique(r["subject"] * 30 + r["object"], return_inverse=True)[1]  # categories are known, and say nothing, either
    x, label = features(r), r["relation"].astype(int)
    assert p_value(np.c_[x, x**2], group, label) > 0.01
    moved = x + 0.2 * x.std(axis=0) * (label == label.min())[:, None]  # the test would see a shift of a fifth of the spread
    assert p_value(moved, group, label, draws=99) < 0.02


def test_boxes_tell_the_slots_apart():
    """By the nearest of the other relations. Gaze is left out: its objects may lie anywhere."""
    r = related()
    kept = np.flatnonzero(r["slot"] != SLOTS.index("gaze"))[:2000]
    x, slot = features(r)[kept], r["slot"][kept].astype(int)
    x /= x.std(axis=0)
    far = ((x[:, None] - x) ** 2).sum(axis=2)
    np.fill_diagonal(far, np.inf)
    right = slot[far.argmin(axis=1)] == slot
    for name in ("body", "mouth", "under", "side", "over"):
        assert right[slot == SLOTS.index(name)].mean() > 0.75, name
    assert right.mean() > 0.9


# --- gaze and depth ------------------------------------------------------------------------------------------------------


def test_gaze_points_at_its_object():
    r = of("gaze")
    right_of = r["x2"] >= r["x"] + r["w"] - 1e-6
    left_of = r["x2"] + r["w2"] <= r["x"] + 1e-6
    assert (right_of | left_of).all()
    assert (r["facing"][right_of] == 1).all()
    assert (r["facing"][left_of] == -1).all()
    assert 0.4 < right_of.mean() < 0.6


def test_facing_alone_does_not_tell_who_gazes_at_what():
    candidates, idle = [], Counter()
    for scene in each(drawn(400)):
        gazing = {int(s): int(o) for s, r, o in scene.relations if SLOTS[v.SLOT_OF[r]] == "gaze"}
        assert ((scene.facing != 0) == v.ANIMATE[scene.category]).all()
        for s in np.flatnonzero(scene.facing):
            if s in gazing:
                ahead = scene.box[:, 0] >= scene.box[s, 0] + scene.box[s, 2]
                behind = scene.box[:, 0] + scene.box[:, 2] <= scene.box[s, 0]
                candidates.append((ahead if scene.facing[s] == 1 else behind).sum())
            else:
                idle[int(scene.facing[s])] += 1
    assert np.mean(candidates) > 3
    assert min(candidates) >= 1
    assert abs(idle[1] - idle[-1]) < 4 * np.sqrt(idle.total())


def test_order_of_depth():
    for scene in each(drawn(300)):
        assert sorted(scene.depth) == list(range(len(scene)))
    for slot in ("hand", "body", "mouth"):
        assert (of(slot)["deep2"] > of(slot)["deep"]).all()  # in front of its owner
    assert (of("over")["deep"] > of("over")["deep2"]).all()
    free = of("top")["deep"] > of("top")["deep2"]
    assert 0.3 < free.mean() < 0.7  # nothing is said about the others


# --- categories ---------------------------------------------------------------------------------------------------------


def test_categories_repeat_so_that_a_name_alone_is_ambiguous():
    repeated = [(np.bincount(scene.category)[scene.category] > 1).mean() for scene in each(drawn(500))]
    assert 0.45 < np.mean(repeated) < 0.85


def test_every_category_occurs_in_every_place():
    scenes = drawn()
    place = np.repeat(scenes.arrays["place"].astype(int), np.diff(scenes.arrays["objects"]))
    seen = np.bincount(place * 30 + scenes.arrays["category"], minlength=180).reshape(6, 30)
    assert seen.min() > 5
    usual = seen / seen.sum(axis=1, keepdims=True)
    assert np.abs(usual[0] - usual[3]).sum() > 0.3  # and places differ

"""Predicted scene graphs: the stated shares of mistakes, scores that mean what they say, and graphs of other scenes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from mmkit.errors import SettingsError
from mmkit.worlds.scenes import generate, predicted, spatial
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.knobs import Knobs
from mmkit.worlds.scenes.layout import TARGETS
from mmkit.worlds.scenes.scene import Scenes

COUNT, SEMANTIC = 500, len(v.SEMANTIC)
SLOT = {name: slot for slot, members in v.SLOTS.items() for name in members}


@cache
def split() -> Scenes:
    return generate.scenes(Knobs(6), "train", COUNT)


@cache
def reported(level: float, sgg: str = "own") -> dict[str, np.ndarray]:
    return predicted.graphs(split(), level, 4, sgg)


def rows(level: float, row: int, sgg: str = "own") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    g = reported(level, sgg)
    here = slice(g["offsets"][row], g["offsets"][row + 1])
    return g["edges"][here], g["scores"][here], g["unions"][here]


@cache
def true(level: float) -> np.ndarray:
    """Which of all reported triples hold, looked up one by one."""
    out = []
    for row in range(COUNT):
        scene = split()[row]
        facts = {*map(tuple, scene.relations.tolist()), *map(tuple, spatial.full(scene).tolist())}
        out += [tuple(edge) in facts for edge in rows(level, row)[0].tolist()]
    return np.array(out)


def test_level_zero_is_the_true_graph():
    for row in range(30):
        edges, scores, _ = rows(0.0, row)
        np.testing.assert_array_equal(edges, spatial.edges(split()[row], 4))
        assert (scores == 1).all()
    few = predicted.graph(split()[0], 0.0, nearest=1)[0]
    np.testing.assert_array_equal(few, spatial.edges(split()[0], 1))


@pytest.mark.parametrize("level", [0.5, 1.0])
def test_semantic_relations_are_missed_mistaken_and_invented_at_the_stated_rates(level):
    missed, mistaken, invented, total, several, objects = 0, 0, 0, 0, 0, 0
    for row in range(COUNT):
        scene = split()[row]
        edges = [tuple(e) for e in rows(level, row)[0].tolist() if e[1] < SEMANTIC]
        told = {(s, o): r for s, r, o in edges}
        assert len(told) == len(edges)  # one relation per pair
        facts = {(s, o): r for s, r, o in scene.relations.tolist()}
        objects += len(scene)
        for pair, relation in facts.items():
            slot = SLOT[v.SEMANTIC[relation]]
            total += 1
            missed += pair not in told
            if pair in told and len(v.SLOTS[slot]) > 1:
                several += 1
                mistaken += told[pair] != relation
            if pair in told:
                assert SLOT[v.SEMANTIC[told[pair]]] == slot
        invented += len(told.keys() - facts.keys())
    assert missed / total == pytest.approx(0.3 * level, abs=0.035)
    assert mistaken / several == pytest.approx(0.3 * level, abs=0.04)
    assert invented / objects == pytest.approx(0.15 * level, abs=0.02)


def test_all_other_relations_of_a_slot_are_as_likely_a_mistake():
    members = [v.SEMANTIC.index(name) for name in v.SLOTS["top"]]
    counts = np.zeros((SEMANTIC, SEMANTIC), dtype=int)
    for row in range(COUNT):
        facts = {(s, o): r for s, r, o in split()[row].relations.tolist()}
        for s, r, o in rows(1.0, row)[0].tolist():
            if r < SEMANTIC and (s, o) in facts:
                counts[facts[s, o], r] += 1
    wrong = counts[np.ix_(members, members)] * (1 - np.eye(len(members), dtype=int))
    assert wrong[~np.eye(len(members), dtype=bool)].min() >= 2
    np.testing.assert_allclose(wrong.sum(axis=0) / wrong.sum(), 0.2, atol=0.1)


def test_invented_relations_are_plausible_and_between_near_objects():
    near, far = [], []
    for row in range(COUNT):
        scene = split()[row]
        facts = {(s, o) for s, _, o in scene.relations.tolist()}
        middle = scene.box[:, :2] + scene.box[:, 2:] / 2
        gap = np.hypot(*(middle[:, None] - middle).transpose(2, 0, 1))
        for s, r, o in rows(1.0, row)[0].tolist():
            if r >= SEMANTIC or (s, o) in facts:
                continue
            slot = SLOT[v.SEMANTIC[r]]
            assert s != o
            assert v.ANIMATE[scene.category[s]] == (slot in ("hand", "top", "gaze", "body", "mouth"))
            assert v.KINDS[v.KIND_OF[scene.category[o]]] in TARGETS.get(slot, v.KINDS)
            near.append(gap[s, o])
            far.append(gap[s][np.arange(len(scene)) != s].mean())
    assert len(near) > 350
    assert np.mean(near) < 0.85 * np.mean(far)


@pytest.mark.parametrize("level", [0.5, 1.0, 2.0])
def test_scores_are_calibrated(level):
    """Within each tenth of scores, their mean is the share of true triples: of the semantic ones and of the spatial ones."""
    edges, scores = reported(level)["edges"], reported(level)["scores"].astype(float)
    for which in (edges[:, 1] < SEMANTIC, edges[:, 1] >= SEMANTIC):
        score, hit = scores[which], true(level)[which]
        assert score.mean() == pytest.approx(hit.mean(), abs=0.025)
        tenth = np.digitize(score, np.arange(0.1, 1, 0.1))
        for k in range(10):
            p = score[tenth == k]
            assert len(p) > 20
            assert abs(p.mean() - hit[tenth == k].mean()) < 4 * np.sqrt((p * (1 - p)).sum()) / len(p) + 0.01
        ranked = hit[np.argsort(-score)]
        assert ranked[: len(ranked) // 4].mean() > hit.mean() + 0.5 * (1 - hit.mean())


def test_spatial_relations_are_those_of_shaken_boxes():
    at = [true(level)[reported(level)["edges"][:, 1] >= SEMANTIC].mean() for level in (0.0, 0.5, 1.0, 2.0)]
    np.testing.assert_allclose(at, [1.0, 0.95, 0.9, 0.817], atol=0.015)
    assert predicted.odds(1.0)[1] == pytest.approx(at[2], abs=0.015)
    edges = reported(1.0)["edges"]
    assert not (edges[:, 1] == v.RELATIONS.index("near")).any()  # as in the true graph
    for row in range(40):  # left and right are told both ways
        told = {(s, v.RELATIONS[r], o) for s, r, o in rows(1.0, row)[0].tolist() if r >= SEMANTIC}
        assert {(o, v.REVERSE[r], s) for s, r, o in told} == told


def test_unions_hold_both_boxes_and_no_more():
    for row in range(10):
        scene = split()[row]
        edges, _, boxes = rows(1.0, row)
        for (s, _, o), (left, top, wide, high) in zip(edges.tolist(), boxes.tolist(), strict=True):
            corners = [(b[0], b[1], b[0] + b[2], b[1] + b[3]) for b in scene.box[[s, o]].tolist()]
            expected = [f(c) for f, c in zip((min, min, max, max), zip(*corners, strict=True), strict=True)]
            np.testing.assert_allclose([left, top, left + wide, top + high], expected, atol=1e-6)


def test_best_first_and_the_same_every_time():
    for row in range(20):
        edges, scores, boxes = rows(1.0, row)
        assert (np.diff(scores) <= 0).all()
        assert (np.diff(scores) < 0).any()
        again = predicted.graph(generate.scene(Knobs(6), "train", row), 1.0, 4)
        for a, b in zip((edges, scores, boxes), again, strict=True):
            np.testing.assert_array_equal(a, b)


def test_shuffled_graphs_are_those_of_the_next_scene():
    first, agree, chances = split()[0], 0, 0
    for row in range(40):
        scene = split()[row]
        edges, scores, boxes = rows(1.0, row, "shuffled")
        n = len(scene)
        own, own_scores, _ = rows(1.0, row + 1)
        expected = {}
        for (s, r, o), score in zip(own.tolist(), own_scores.tolist(), strict=True):
            s, o = s % n, o % n
            expected.setdefault((s, r, (o + 1) % n if s == o else o), set()).add(score)
        told = {tuple(e): score for e, score in zip(edges.tolist(), scores.tolist(), strict=True)}
        assert told.keys() == expected.keys()
        assert len(told) == len(edges)
        assert all(score in expected[edge] for edge, score in told.items())
        np.testing.assert_array_equal(boxes, predicted.unions(scene, edges))
        facts = set(map(tuple, scene.relations.tolist()))
        agree += len(facts & told.keys())
        chances += len(facts)
    assert agree < 0.1 * chances
    last = rows(1.0, COUNT - 1, "shuffled")[0]
    np.testing.assert_array_equal(last, predicted.graph(split()[COUNT - 1], 1.0, 4, donor=first)[0])


def test_at_the_highest_level_no_true_relation_is_left():
    edges, scores, _ = predicted.graph(split()[1], 1 / 0.3)
    facts = set(map(tuple, split()[1].relations.tolist()))
    assert facts
    assert not facts & set(map(tuple, edges.tolist()))
    assert np.isfinite(scores).all()


def test_impossible_settings_are_refused():
    for level in (-0.1, 3.5, float("nan")):
        with pytest.raises(SettingsError, match=r"level = .*expected 0 to 3.3"):
            predicted.graph(split()[0], level)
    with pytest.raises(SettingsError, match="sgg = 'mixed' of 500 scenes, expected own"):
        predicted.graphs(split(), sgg="mixed")
    with pytest.raises(SettingsError, match="'shuffled' of 1 scenes"):
        predicted.graphs(generate.scenes(Knobs(6), "train", 1), sgg="shuffled")

"""Attention against the steps of a question: areas and top edges by hand."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from mmkit.scores.attention_steps import node_mass, step_auroc, top_edge_on_path


def test_the_area_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    mass = rng.integers(0, 4, (20, 3, 7)) / 4  # with ties
    gold = rng.random((20, 3, 7)) < 0.3
    keep = np.arange(7) < rng.integers(3, 8, 20)[:, None]
    found = step_auroc(mass, gold, keep)
    seen = 0
    for g in range(20):
        for t in range(3):
            right = gold[g, t, keep[g]]
            if right.all() or not right.any():
                assert np.isnan(found[g, t])
            else:
                seen += 1
                np.testing.assert_allclose(found[g, t], roc_auc_score(right, mass[g, t, keep[g]]))
    assert seen > 30


# Two graphs: 0 -> 1, 2 -> 1, self edges; 3 -> 4, 4 -> 3.
SOURCE, TARGET = np.array([0, 1, 2, 0, 2, 4, 3, 3]), np.array([0, 1, 2, 1, 1, 3, 4, 3])
GRAPH = np.array([0, 0, 0, 0, 0, 1, 1, 1])
ALPHA = np.array([[1, 0.2, 1, 0.3, 0.5, 0.6, 1.0, 0.4], [1, 0.1, 1, 0.7, 0.2, 0.9, 0.9, 0.1]])


def test_mass_is_what_others_pay():
    np.testing.assert_allclose(node_mass(ALPHA, SOURCE, TARGET, 5), [[0.3, 0, 0.5, 1.0, 0.6], [0.7, 0, 0.2, 0.9, 0.9]])


def test_the_top_edge_between_two_nodes():
    path = np.array([1, 1, 1, 1, 0, 0, 1, 1], dtype=bool)
    found = top_edge_on_path(ALPHA, SOURCE, TARGET, GRAPH, 3, path)
    # graph 0: 2 -> 1 (.5, off the path), then 0 -> 1 (.7, on it); graph 1: 3 -> 4, then 4 -> 3, first of equals; graph 2: none
    np.testing.assert_array_equal(found, [[0, 1], [1, 0], [np.nan, np.nan]])

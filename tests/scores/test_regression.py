"""Errors of predicted numbers and rank agreement, against scikit-learn and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from mmkit.errors import DataError
from mmkit.scores import regression as r
from mmkit.scores.agreement import spearman

RNG = np.random.default_rng(0)
Y = RNG.lognormal(4.7, 0.7, 200)
PREDICTION = Y + RNG.normal(0, 30, 200)


def test_errors_per_example_then_means():
    assert r.squared_errors([1, 2], [3, 1]).tolist() == [4, 1]
    assert r.absolute_errors([1, 2], [3, 1]).tolist() == [2, 1]
    assert r.rmse(Y, PREDICTION) == pytest.approx(sk.root_mean_squared_error(Y, PREDICTION))
    assert r.mae(Y, PREDICTION) == pytest.approx(sk.mean_absolute_error(Y, PREDICTION))
    assert r.r2(Y, PREDICTION) == pytest.approx(sk.r2_score(Y, PREDICTION))
    assert r.r2(Y, np.full(200, Y.mean())) == pytest.approx(0)
    assert r.r2(Y, Y) == 1


def test_whole_numbers_do_not_overflow():
    y, prediction = np.array([0, 100], dtype=np.int8), np.array([100, -100], dtype=np.int8)
    assert r.absolute_errors(y, prediction).tolist() == [100, 200]


def test_averages_are_over_examples_not_batches():
    batches = [slice(0, 64), slice(64, 128), slice(128, 192), slice(192, 200)]
    by_batch = np.mean([r.rmse(Y[b], PREDICTION[b]) ** 2 for b in batches]) ** 0.5
    whole = np.concatenate([r.squared_errors(Y[b], PREDICTION[b]) for b in batches]).mean() ** 0.5
    assert r.rmse(Y, PREDICTION) == pytest.approx(whole)
    assert abs(by_batch - whole) > 0.01


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: r.rmse([], []), r"truth has shape \(0,\)"),
        (lambda: r.mae([1, 2, 3], [1, 2]), "prediction has 2 examples and the truth 3"),
        (lambda: r.mae([[1], [2]], [1, 2]), r"truth has shape \(2, 1\)"),
        (lambda: r.mae([1, 2], [1, math.inf]), "prediction has 1 values that are not finite, the first in row 1: inf"),
        (lambda: r.r2([2, 2], [1, 3]), "all 2 targets are equal"),
        (lambda: spearman([1, 2], [1, math.nan]), "not finite, the first in row 1"),
        (lambda: spearman([1, 2], [1, 2, 3]), "has 3 examples and the truth 2"),
    ],
)
def test_what_has_no_meaning_is_refused(call, told):
    with pytest.raises(DataError, match=told):
        call()


def test_rank_agreement_with_ties():
    x = RNG.integers(0, 3, 100)
    y = np.round(x + RNG.normal(size=100), 1)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert spearman(x, np.exp(y)) == pytest.approx(spearman(x, y))
    assert spearman(y, -y) == -1
    assert spearman([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(0.8)


def test_a_constant_has_no_order():
    assert math.isnan(spearman([1, 1, 1], [1, 2, 3]))
    assert math.isnan(spearman([1, 2, 3], [0.1, 0.1, 0.1]))

"""The usual metrics of a task: names as in scores.csv, values as from the single functions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mmkit import scores
from mmkit.errors import DataError
from mmkit.scores import classification, regression

RNG = np.random.default_rng(0)


def test_regression():
    y, p = RNG.normal(size=(2, 50))
    expected = {"rmse": regression.rmse(y, p), "mae": regression.mae(y, p), "r2": regression.r2(y, p)}
    assert scores.for_task("regression", y, p) == expected
    each = scores.per_example("regression", y, p)
    assert each["squared_error"].mean() ** 0.5 == pytest.approx(expected["rmse"])
    assert each["absolute_error"].mean() == pytest.approx(expected["mae"])


def test_binary_and_its_threshold():
    y = RNG.integers(0, 2, 50)
    p = np.clip(0.3 * y + RNG.random(50) * 0.7, 0, 1)
    for threshold in (0.5, 0.3):
        got = scores.for_task("binary", y, p, threshold=threshold)
        assert got == {
            "accuracy": float(((p >= threshold) == y).mean()),
            "f1": classification.f1(y, p, threshold),
            "f1_max": classification.f1_max(y, p),
            "auprc": classification.auprc(y, p),
            "log_loss": classification.log_loss(y, p),
        }
        each = scores.per_example("binary", y, p, threshold=threshold)
        assert each["correct"].mean() == got["accuracy"]
        assert each["log_loss"].mean() == got["log_loss"]


def test_multiclass():
    y = RNG.integers(0, 3, 60)
    p = RNG.dirichlet(np.ones(3), 60)
    label = p.argmax(axis=1)
    got = scores.for_task("multiclass", y, p, classes=("a", "b", "c"))
    assert got == {
        "accuracy": classification.accuracy(y, label),
        "f1_macro": classification.f1_macro(y, label, 3),
        "f1_micro": classification.f1_micro(y, label, 3),
        "quadratic_kappa": classification.quadratic_kappa(y, label, 3),
        "log_loss": classification.log_loss(y, p),
    }
    assert all(type(v) is float for v in got.values())
    each = scores.per_example("multiclass", y, p)
    assert each["correct"].tolist() == (label == y).tolist()
    assert each["log_loss"].mean() == got["log_loss"]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: scores.for_task("multi", [0], [[1.0]]), "did you mean 'multiclass'"),
        (lambda: scores.for_task("multiclass", [0, 1], [0.5, 0.5]), r"shape \(2,\), expected \(N, K\)"),
        (lambda: scores.for_task("multiclass", [0, 1], [[1.0, 0.0]] * 2, ["a", "b", "c"]), r"expected \(N, 3\)"),
        (lambda: scores.for_task("multiclass", [0, 1], [[1.0, 0.0], [math.nan, 0.0]]), "not finite, the first in row 1"),
        (lambda: scores.for_task("binary", [0, 1], [0.5, math.nan]), "not finite, the first in row 1"),
    ],
)
def test_wrong_predictions_are_told(call, told):
    with pytest.raises(DataError, match=told):
        call()

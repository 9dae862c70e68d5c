"""Classification metrics by hand and by identity; what has no meaning is refused. Warnings are errors here."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from mmkit.errors import DataError
from mmkit.scores import classification as c

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 4, 200)
LABEL = np.where(RNG.random(200) < 0.6, Y, RNG.integers(0, 4, 200))
TRUE = RNG.random(300) < 0.3
P = np.round(np.clip(0.5 * TRUE + RNG.normal(0.3, 0.3, 300), 0, 1), 2)  # rounded: with ties


def f1_by_hand(y, guess) -> float:
    hits = sum(a and b for a, b in zip(y, guess, strict=True))
    return 2 * hits / (sum(y) + sum(guess)) if sum(y) + sum(guess) else 0.0


def test_labels_by_hand():
    assert c.correct([0, 1, 2], [0, 2, 2]).tolist() == [True, False, True]
    assert c.accuracy(Y, LABEL) == sum(a == b for a, b in zip(Y, LABEL, strict=True)) / 200
    by_class = [f1_by_hand(list(k == Y), list(k == LABEL)) for k in range(4)]
    assert c.f1_macro(Y, LABEL, 4) == pytest.approx(np.mean(by_class))
    assert c.f1_micro(Y, LABEL, 4) == pytest.approx(sk.f1_score(Y, LABEL, average="micro"))


def test_macro_f1_counts_classes_that_this_fold_lacks():
    assert c.f1_macro([0, 0, 1], [0, 0, 1], 2) == 1
    assert c.f1_macro([0, 0, 1], [0, 0, 1], 4) == 0.5


def test_kappa_by_hand():
    observed, expected = 0.0, 0.0
    for a in Y:
        for b in LABEL:
            expected += (a - b) ** 2 / len(Y)
    for a, b in zip(Y, LABEL, strict=True):
        observed += (a - b) ** 2
    assert c.quadratic_kappa(Y, LABEL, 4) == pytest.approx(1 - observed / expected)
    assert c.quadratic_kappa(Y, np.full_like(Y, 2), 4) == 0  # a constant answer agrees by chance alone


def test_log_loss_by_hand():
    p = RNG.dirichlet(np.ones(4), 200)
    expected = [-math.log(p[i, y]) for i, y in enumerate(Y)]
    np.testing.assert_allclose(c.log_losses(Y, p), expected)
    assert c.log_loss(Y, p) == pytest.approx(sk.log_loss(Y, p))
    np.testing.assert_allclose(c.log_losses([1, 0], [0.8, 0.8]), [-math.log(0.8), -math.log(0.2)])
    assert np.isfinite(c.log_losses([1, 0], [0.0, 1.0])).all()


def test_binary_f1_at_a_threshold_by_hand():
    for threshold in (0.0, 0.37, 0.5, 1.1):
        assert c.f1(TRUE, P, threshold) == pytest.approx(f1_by_hand(list(TRUE), list(threshold <= P)))


def test_best_f1_is_the_best_of_all_thresholds():
    every = {t: f1_by_hand(list(TRUE), list(t <= P)) for t in np.unique(P)}
    best = max(every.values())
    assert c.f1_max(TRUE, P) == pytest.approx(best)
    assert c.best_threshold(TRUE, P) == max(t for t, f in every.items() if math.isclose(f, best))
    assert c.f1(TRUE, P, c.best_threshold(TRUE, P)) == pytest.approx(best)


def test_of_equal_thresholds_the_largest_is_taken():
    y, p = [1, 0, 1, 1], [0.9, 0.5, 0.5, 0.1]  # F1 by threshold: .9 -> 0.5, .5 -> 2/3, .1 -> 6/7
    assert c.best_threshold(y, p) == 0.1
    y, p = [1, 0, 0, 1], [0.9, 0.5, 0.4, 0.3]  # .9 -> 2/3, .3 -> 2/3
    assert c.best_threshold(y, p) == 0.9


def test_average_precision_by_hand():
    area, found = 0.0, 0
    for t in sorted(set(P), reverse=True):
        taken = t <= P
        hits = (TRUE & taken).sum()
        area += (hits - found) / TRUE.sum() * hits / taken.sum()
        found = hits
    assert c.auprc(TRUE, P) == pytest.approx(area)
    assert c.auprc(TRUE, 1 - P) < area - 0.1  # the order matters


@given(st.integers(1, 30), st.integers(0, 30), st.integers(2, 6))
def test_identities_of_the_constant_answer(positives, negatives, n_classes):
    y = np.array([1] * positives + [0] * negatives)
    share = positives / len(y)
    assert c.f1_macro(y, np.ones_like(y), n_classes) == pytest.approx(c.constant_f1_macro(share, n_classes))
    constant = np.full(len(y), 0.4)
    assert c.f1(y, constant, 0.4) == pytest.approx(c.constant_f1(share))
    assert c.f1_max(y, constant) == pytest.approx(c.constant_f1(share))
    assert c.auprc(y, constant) == pytest.approx(share)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=30))
def test_the_optimistic_f1_is_never_below_the_constant_positive(rows):
    y, p = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    if y.any():
        assert c.f1_max(y, p) >= c.constant_f1(y.mean()) - 1e-12


def test_the_published_constants():
    assert round(c.constant_f1_macro(0.281, 5), 3) == 0.088
    assert round(c.constant_f1(0.82), 2) == 0.90


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: c.accuracy([], []), r"truth has shape \(0,\)"),
        (lambda: c.accuracy([0, 1], [0]), "has 1 examples and the truth 2"),
        (lambda: c.accuracy([0, 1], [[0], [1]]), r"shape \(2, 1\), expected \(N,\)"),
        (lambda: c.accuracy([0, 1], ["0", "1"]), "type <U1, expected numbers"),
        (lambda: c.accuracy([0, math.nan], [0, 1]), "1 values that are not finite, the first in row 1"),
        (lambda: c.accuracy([0, 1.5], [0, 1]), "truth row 1 is 1.5, expected a class number"),
        (lambda: c.f1_macro([0, 3], [0, 1], 3), "truth row 1 is 3, expected a class number from 0 below 3"),
        (lambda: c.f1_macro([0, 1], [0, -1], 3), "predicted class row 1 is -1"),
        (lambda: c.quadratic_kappa([1, 1], [0, 1], 3), "every one of the 2 true classes is 1"),
        (lambda: c.f1([0, 0], [0.2, 0.4]), "none of the 2 examples is positive"),
        (lambda: c.auprc([0, 0], [0.2, 0.4]), "none of the 2 examples is positive"),
        (lambda: c.f1_max([0, 2], [0.2, 0.4]), "truth row 1 is 2"),
        (lambda: c.auprc([0, 1], [0.2, 1.4]), "row 1 is 1.4, expected numbers from 0 to 1"),
        (lambda: c.auprc([0, 1], [0.2, math.nan]), "not finite, the first in row 1"),
        (lambda: c.log_loss([0, 1], [[0.5, 0.5], [0.5, 0.6]]), "row 1 sums to 1.1000"),
        (lambda: c.log_loss([0, 2], [[0.5, 0.5], [0.5, 0.5]]), "truth row 1 is 2"),
        (lambda: c.log_loss([0, 1, 1], [0.5, 0.5]), "has 2 examples and the truth 3"),
    ],
)
def test_what_has_no_meaning_is_refused(call, told):
    with pytest.raises(DataError, match=told):
        call()

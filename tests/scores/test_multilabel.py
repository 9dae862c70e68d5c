"""Scores of several labels: by hand, equal to scikit-learn, and what has no meaning is refused. Warnings are errors here."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from mmkit.errors import DataError
from mmkit.scores import multilabel as m

RNG = np.random.default_rng(0)
Y = RNG.random((300, 7)) < [0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.3]
Y[:20] = False  # films without a genre
P = np.round(np.clip(0.35 * Y + 0.65 * RNG.random(Y.shape), 0, 1), 2)  # rounded: with ties
GUESS = P >= 0.45
GUESS[15:30] = False  # films without a guess; of 15 to 19, neither is anything true
FIVE = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 0, 1], [1, 0, 0]])  # the truth of five films
GUESSED = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 0, 0], [0, 0, 0]])


def test_the_four_averages_of_five_films_by_hand():
    # genre: hits, guessed, present = (3, 4, 4), (1, 1, 2), (0, 0, 1)
    assert m.f1(FIVE, GUESSED, "micro") == pytest.approx(2 * 4 / (5 + 7))
    assert m.f1(FIVE, GUESSED, "macro") == pytest.approx((6 / 8 + 2 / 3 + 0) / 3)
    assert m.f1(FIVE, GUESSED, "weighted") == pytest.approx((4 * 6 / 8 + 2 * 2 / 3 + 1 * 0) / 7)
    np.testing.assert_allclose(m.f1_samples(FIVE, GUESSED), [1, 2 / 3, 2 / 3, 2 / 3, 0])
    assert m.f1(FIVE, GUESSED, "samples") == pytest.approx(3 / 5)


@pytest.mark.parametrize("average", m.F1_AVERAGES)
def test_f1_equals_scikit_learn(average):
    assert m.f1(Y, GUESS, average) == pytest.approx(sk.f1_score(Y, GUESS, average=average, zero_division=0), abs=1e-12)
    assert m.f1(Y.astype(np.uint8), GUESS.astype(float), average) == m.f1(Y, GUESS, average)
    nothing = np.zeros_like(Y)
    assert m.f1(nothing, nothing, average) == m.f1(nothing, ~nothing, average) == m.f1(Y, nothing, average) == 0


def test_each_genre_and_each_film_equal_scikit_learn():
    guess = GUESS.copy()
    guess[:, 4] = False  # a genre that is never guessed: precision 0 / 0
    *expected, support = sk.precision_recall_fscore_support(Y, guess, zero_division=0)
    ours = m.per_genre(Y, guess)
    assert list(ours) == ["f1", "precision", "recall", "support"]
    for name, theirs in zip(("precision", "recall", "f1"), expected, strict=True):
        np.testing.assert_allclose(ours[name], theirs, err_msg=name)
    np.testing.assert_array_equal(ours["support"], support)
    films = [sk.f1_score(y, g, zero_division=0) for y, g in zip(Y[:60], GUESS[:60], strict=True)]
    np.testing.assert_allclose(m.f1_samples(Y, GUESS)[:60], films)


@pytest.mark.parametrize("average", m.AP_AVERAGES)
def test_average_precision_equals_scikit_learn(average):
    y, p = Y[20:], P[20:]
    y = y | (~y.any(1, keepdims=True) & (np.arange(7) == 6))  # scikit-learn counts a film without a genre as 0
    expected = sk.average_precision_score(y, p, average=average)
    assert m.average_precision(y, p, average) == pytest.approx(expected, abs=1e-12)
    logits = 7 * p - 3
    assert m.average_precision(y, logits, average) == pytest.approx(expected, abs=1e-12)  # any scores will do
    assert abs(m.average_precision(y, 1 - p, average) - expected) > 0.05


def test_average_precision_by_hand():
    y = [[1, 0, 0, 1], [0, 1, 0, 0]]
    score = [[0.9, 0.5, 0.5, 0.1], [0.5, 0.5, 0.5, 0.5]]
    np.testing.assert_allclose(
        m.ap_samples(y, score), [(1 + 2 / 4) / 2, 1 / 4]
    )  # ties: the share of positives, whatever the order
    np.testing.assert_allclose(m.per_genre_ap(y, score), [1, 1 / 2, math.nan, 1 / 2])
    assert m.average_precision(y, score, "macro") == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)
    assert m.average_precision(y, score, "micro") == pytest.approx((1 + 2 / 7 + 3 / 8) / 3)


def test_what_has_no_average_precision_is_left_out_and_counted():
    y, p = Y.copy(), P
    y[:, 3] = False
    films = y.any(1)
    assert m.left_out(y) == (1, int((~films).sum()))
    assert m.left_out(y).films >= 20
    per_genre, per_film = m.per_genre_ap(y, p), m.ap_samples(y, p)
    assert np.isnan(per_genre).tolist() == [g == 3 for g in range(7)]
    np.testing.assert_array_equal(np.isnan(per_film), ~films)
    there = [g for g in range(7) if g != 3]
    for g in there:
        assert per_genre[g] == pytest.approx(sk.average_precision_score(y[:, g], p[:, g]))
    assert m.average_precision(y, p, "macro") == pytest.approx(np.mean(per_genre[there]))
    assert m.average_precision(y, p, "samples") == pytest.approx(
        sk.average_precision_score(y[films], p[films], average="samples")
    )


def test_macro_ignores_the_level_of_a_genre_and_the_others_do_not():
    shifted = P / 4 + np.arange(7) / 10
    assert m.average_precision(Y, shifted, "macro") == pytest.approx(m.average_precision(Y, P, "macro"))
    for average in ("micro", "samples"):
        assert abs(m.average_precision(Y, shifted, average) - m.average_precision(Y, P, average)) > 0.05


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 6), st.integers(1, 9))
def test_random_tables_agree_with_scikit_learn(seed, films, genres, levels):
    rng = np.random.default_rng(seed)
    y, p = rng.random((films, genres)) < 0.5, rng.integers(0, levels, (films, genres)) / levels
    y[:, 0] = True  # every film has one
    for film, ours in enumerate(m.ap_samples(y, p)):
        assert ours == pytest.approx(sk.average_precision_score(y[film], p[film]))
    threshold = rng.random()
    assert m.f1(y, p >= threshold, "micro") == pytest.approx(sk.f1_score(y.ravel(), (p >= threshold).ravel(), zero_division=0))


# Thresholds


@pytest.mark.parametrize("average", m.F1_AVERAGES)
def test_f1_over_thresholds_is_f1_at_each_of_them(average):
    thresholds = np.array([0.45, 0.0, 0.2, 0.21, 1.0, 0.9, 0.2, 1.5])  # in any order, on ties, beyond all
    expected = [m.f1(Y, t <= P, average) for t in thresholds]
    np.testing.assert_allclose(m.f1_at(Y, P, thresholds, average), expected)
    assert len(set(expected)) > 4


def test_the_best_threshold_is_the_best_of_the_grid():
    scores = {t: sk.f1_score(Y, t <= P, average="weighted", zero_division=0) for t in m.THRESHOLDS}
    best = max(scores.values())
    assert m.best_threshold(Y, P) == max(t for t, f in scores.items() if math.isclose(f, best))
    assert m.f1(Y, m.best_threshold(Y, P) <= P, "weighted") == pytest.approx(best)
    assert m.best_threshold(Y, P) != m.best_threshold(Y, P, average="samples")
    assert m.best_threshold([[1, 0]], [[0.9, 0.2]], [0.8, 0.3, 0.95, 0.1]) == 0.8  # 0.3 is as good
    assert len(m.THRESHOLDS) == 91
    assert {0.05, 0.3, 0.5, 0.95} <= set(m.THRESHOLDS)


def test_all_scores_by_their_names():
    films = slice(20, None)
    y, p = Y[films], P[films]
    scores = m.all_scores(y, p, 0.45)
    assert list(scores) == ["f1_micro", "f1_macro", "f1_weighted", "f1_samples", "ap_micro", "ap_macro", "ap_samples"]
    for name, value in scores.items():
        kind, average = name.split("_")
        expected = m.f1(y, p >= 0.45, average) if kind == "f1" else m.average_precision(y, p, average)
        assert value == expected
        assert type(value) is float
    assert m.all_scores(y, p, 0.45) != m.all_scores(y, p, 0.46)
    at = float(p[3, 2])  # exactly at the threshold is predicted
    assert m.all_scores(y, p, at)["f1_micro"] == m.f1(y, p >= at, "micro") != m.f1(y, p > at, "micro")


def test_a_lab_sized_table_takes_milliseconds():
    rng = np.random.default_rng(0)
    y, p = rng.random((2400, 23)) < 0.2, rng.random((2400, 23))
    took = []
    for _ in range(3):
        start = time.perf_counter()
        m.all_scores(y, p, m.best_threshold(y, p))
        took.append(time.perf_counter() - start)
    assert min(took) < 0.25  # measured 0.02 s; scikit-learn's average precision per film alone takes 0.7 s


# Refused


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: m.f1([], [], "micro"), r"truth has shape \(0,\)"),
        (lambda: m.f1([0, 1], [0, 1], "micro"), r"truth has shape \(2,\), expected \(N, K\)"),
        (lambda: m.f1([[0, 1]], [[0, 1, 1]], "micro"), r"guess has shape \(1, 3\) and the truth \(1, 2\)"),
        (lambda: m.f1_samples([[0, 1]], [[0, 1], [0, 1]]), r"guess has shape \(2, 2\) and the truth \(1, 2\)"),
        (lambda: m.f1([[0, 2], [2, 1]], [[0, 1], [0, 1]], "micro"), "truth row 0, genre 1 is 2, expected 0 or 1; 2 values"),
        (lambda: m.per_genre([[0, 1]], [[0, 0.7]]), "guess row 0, genre 1 is 0.7, expected 0 or 1; 1 values"),
        (lambda: m.f1([[0, math.nan]], [[0, 1]], "micro"), "truth has 1 values that are not finite"),
        (lambda: m.f1([["0", "1"]], [[0, 1]], "micro"), "type <U1, expected numbers"),
        (lambda: m.f1([[0, 1]], [[0, 1]], "wieghted"), "no average 'wieghted'; did you mean 'weighted'"),
        (lambda: m.f1_at([[0, 1]], [[0, 1]], [0.5], "none"), "no average 'none'"),
        (lambda: m.f1_at([[0, 1]], [[0, 1]], []), "thresholds has shape"),
        (lambda: m.average_precision([[0, 1]], [[0, 1]], "weighted"), "no average 'weighted'"),
        (lambda: m.average_precision([[0, 0]], [[0.1, 0.2]], "micro"), "none of the 1 films has a genre"),
        (lambda: m.ap_samples([[0, 1]], [[0.1], [0.2]]), r"score has shape \(2, 1\) and the truth \(1, 2\)"),
        (lambda: m.per_genre_ap([[0, 1]], [[0.1, math.inf]]), "score has 1 values that are not finite"),
        (lambda: m.all_scores([[0, 1]], [[0.1, 1.2]], 0.5), "probability row 0, genre 1 is 1.2, expected 0 to 1"),
        (lambda: m.best_threshold([[0, 1], [1, 0]], [[0.1, 1], [-3, 0]]), "probability row 1, genre 0 is -3, expected 0 to 1"),
        (lambda: m.f1_at([[0, 0]], [[0.1, 0.2]]), "none of the 1 films has a genre"),
        (lambda: m.left_out([[0, 3]]), "truth row 0, genre 1 is 3"),
    ],
)
def test_what_has_no_meaning_is_refused(call, told):
    with pytest.raises(DataError, match=told):
        call()

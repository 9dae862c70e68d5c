"""Scores of emotions against scikit-learn, by hand, and against a published table whose columns are decoded."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from mmkit.errors import DataError, SettingsError
from mmkit.scores import emotions as e

SUPPORT = np.array([144, 245, 384, 170, 299, 381])  # of IEMOCAP's test part: happy, sad, neutral, angry, excited, frustrated
# Zhang and Chai (2021), Tables 1 and 2: the columns "Acc." and "F1" of the six classes
COIN = [53.12, 85.71, 60.05, 66.48, 69.13, 61.73], [42.50, 73.07, 62.23, 68.75, 69.01, 66.99]
ICON_AT = [47.93, 84.69, 58.71, 63.49, 72.31, 60.00], [43.77, 75.28, 60.05, 66.85, 67.26, 65.31]
GCN_AT = [60.38, 69.23, 61.31, 53.65, 62.36, 57.79], [32.49, 76.10, 59.92, 56.91, 74.87, 47.20]
RNN = [25.69, 75.10, 58.59, 64.71, 80.27, 61.15], [33.18, 78.80, 59.21, 65.28, 71.86, 58.91]
RNN_AT = [36.04, 91.10, 53.53, 65.32, 65.65, 55.08], [31.17, 79.82, 55.35, 65.89, 65.09, 59.22]

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 5, 300)
LABEL = np.where(RNG.random(300) < 0.5, Y, RNG.choice([0, 1, 2, 4], 300))


def test_classes_and_averages_as_scikit_learn_has_them():
    table = e.confusion(Y, LABEL, 6)  # class 5 is neither present nor predicted
    np.testing.assert_array_equal(table, sk.confusion_matrix(Y, LABEL, labels=range(6)))
    own = e.by_class(table)
    theirs = sk.precision_recall_fscore_support(Y, LABEL, labels=range(6), zero_division=0)
    np.testing.assert_allclose(own[:3], theirs[:3])
    np.testing.assert_array_equal(own.support, theirs[3])
    np.testing.assert_array_equal(own.predicted, np.bincount(LABEL, minlength=6))
    assert own.correct.sum() == (Y == LABEL).sum()
    mean = e.averages(own)
    assert mean["accuracy"] == pytest.approx((Y == LABEL).mean())
    for kind in ("weighted", "macro", "micro"):
        p, r, f, _ = sk.precision_recall_fscore_support(Y, LABEL, labels=range(6), average=kind, zero_division=0)
        assert [mean[f"{kind}_{name}"] for name in ("precision", "recall", "f1")] == pytest.approx([p, r, f])
    assert len({round(v, 6) for v in mean.values()}) == 6  # accuracy = micro averages = weighted recall, all else differs


def test_both_readings_of_a_column_headed_acc():
    own = e.by_class(e.confusion(Y, LABEL, 5))
    recall, precision = (e.columns(own, acc) for acc in ("recall", "precision"))
    np.testing.assert_allclose(recall["acc"], 100 * sk.recall_score(Y, LABEL, average=None))
    np.testing.assert_allclose(precision["acc"], 100 * sk.precision_score(Y, LABEL, average=None, zero_division=0))
    assert recall["average_acc"] == pytest.approx(100 * sk.accuracy_score(Y, LABEL))
    assert precision["average_acc"] == pytest.approx(100 * sk.precision_score(Y, LABEL, average="weighted", zero_division=0))
    assert recall["average_f1"] == precision["average_f1"] == pytest.approx(100 * sk.f1_score(Y, LABEL, average="weighted"))
    np.testing.assert_array_equal(recall["f1"], precision["f1"])
    with pytest.raises(SettingsError, match="did you mean 'recall'"):
        e.columns(own, "recal")


# Errors among neighbours


def test_share_of_errors_in_pairs_by_hand():
    table = np.array([[9, 4, 1], [2, 9, 0], [3, 0, 9]])
    near = e.similar_errors(table, pairs=[(0, 1)])
    assert (near.share, near.errors) == (6 / 10, 10)
    assert e.similar_errors(table + np.diag([5, 0, 70]), pairs=[(0, 1)]) == near  # right answers do not matter
    six = np.zeros((6, 6), dtype=int)
    six[0, 4], six[4, 0], six[5, 1], six[3, 5], six[0, 1], six[2, 0] = 1, 2, 3, 4, 5, 6
    assert e.similar_errors(six).share == pytest.approx((1 + 2 + 3 + 4) / 21)


def test_chance_keeps_both_sums_and_nothing_else():
    wrong = RNG.integers(1, 60, (6, 6)).astype(float)
    np.fill_diagonal(wrong, 0)
    fit = e._by_chance(wrong)
    np.testing.assert_allclose(fit.sum(axis=0), wrong.sum(axis=0))
    np.testing.assert_allclose(fit.sum(axis=1), wrong.sum(axis=1))
    assert not np.diag(fit).any()
    for rows, columns in (([0, 1], [2, 3]), ([4, 5], [0, 3]), ([2, 0], [1, 5])):  # a product: every odds ratio is 1
        (a, b), (c, d) = fit[np.ix_(rows, columns)]
        assert a * d / (b * c) == pytest.approx(1)
    a, b = RNG.integers(1, 9, 6), RNG.integers(1, 9, 6)
    products = np.outer(a, b)
    near = e.similar_errors(products)
    assert near.expected == pytest.approx(near.share)  # these errors are what chance makes
    products[0, 4] += 50
    assert e.similar_errors(products).expected < e.similar_errors(products).share


def test_chance_with_an_empty_row_and_column():
    wrong = np.zeros((4, 4))
    wrong[0, 1], wrong[0, 2], wrong[1, 2] = 3, 2, 5
    fit = e._by_chance(wrong)
    np.testing.assert_allclose(fit.sum(axis=0), wrong.sum(axis=0), atol=0.05)  # zeros are reached in the limit only
    np.testing.assert_allclose(fit.sum(axis=1), wrong.sum(axis=1), atol=0.05)
    with pytest.raises(DataError, match="no errors"):
        e.similar_errors(np.diag([3, 4]), pairs=[(0, 1)])
    with pytest.raises(SettingsError, match=r"pair \(0, 4\)"):
        e.similar_errors(np.ones((4, 4), dtype=int))


# A printed table decoded


def prints(above: int, below: int, printed: float, digits: int) -> bool:
    """Whether 100 above / below prints like this, whichever way halves are rounded; in whole numbers, so exactly."""
    unit = 10**digits
    return abs(200 * unit * above - 2 * round(printed * unit) * below) <= below


@pytest.mark.parametrize(("column", "digits"), [("precision", 2), ("recall", 2), ("precision", 0), ("recall", 0)])
def test_candidates_are_all_integers_that_print_like_this(column, digits):
    support, (c, m) = np.array([40, 25, 60]), (np.array([21, 9, 32]), np.array([48, 16, 61]))
    own = e.from_counts(c, m, support)
    value, f1 = (np.round(100 * v, digits) for v in (getattr(own, column), own.f1))
    found = e.candidates(value, f1, support, column, digits)
    for k, (each, n) in enumerate(zip(found, support.tolist(), strict=True)):
        slow = [
            [right, predicted]
            for right in range(1, n + 1)
            for predicted in range(right, int(support.sum()) - n + right + 1)
            if prints(right, predicted if column == "precision" else n, value[k], digits)
            and prints(2 * right, predicted + n, f1[k], digits)
        ]
        assert each.tolist() == slow
        assert [c[k], m[k]] in slow
    if digits == 0:
        assert max(map(len, found)) > 1


def test_wrong_predictions_need_other_examples():
    half = [50.0, 50.0], [50.0, 50.0]  # 5 of 10 right, 5 predictions wrong
    assert e.candidates(*half, [10, 4])[0].tolist() == []
    assert e.candidates(*half, [10, 5])[0].tolist() == [[5, 10]]
    assert e.candidates([50.0], [83.33], [10], "recall")[0].tolist() == []  # 5 right of only 2 predictions


def test_a_half_may_have_been_rounded_either_way():
    assert 100 * 51 / 96 == 53.125
    for printed in (53.12, 53.13):
        assert [51, 96] in e.candidates([printed, 50.0], [42.50, 50.0], [144, 1479])[0].tolist()


def test_the_coin_row_prints_precision_and_its_accuracy_under_f1():
    correct, predicted = e.recovered(*COIN, SUPPORT)
    assert correct.tolist() == [51, 156, 248, 121, 206, 279]
    assert predicted.tolist() == [96, 182, 413, 182, 298, 452]
    own = e.from_counts(correct, predicted, SUPPORT)
    mean = {name: round(100 * value, 2) for name, value in e.averages(own).items()}
    assert correct.sum() == 1061
    assert mean["accuracy"] == 65.37  # printed as the average F1
    assert mean["weighted_precision"] == 66.05  # printed as the average Acc.
    assert (mean["weighted_f1"], mean["macro_f1"]) == (65.17, 63.76)
    np.testing.assert_allclose(e.columns(own, "precision")["acc"], COIN[0], atol=0.0051)
    np.testing.assert_allclose(e.columns(own, "precision")["f1"], COIN[1], atol=0.0051)
    with pytest.raises(DataError, match=r"no integers print like \d of 6 classes, read as recall") as told:
        e.recovered(*COIN, SUPPORT, column="recall")
    assert "class 0: recall 53.12, F1 42.5, 144 examples" in str(told.value)


def test_other_rows_read_as_what_they_print():
    correct, predicted = e.recovered(*ICON_AT, SUPPORT)
    assert correct.tolist() == [58, 166, 236, 120, 188, 273]
    assert predicted.tolist() == [121, 196, 402, 189, 260, 455]
    assert round(100 * e.averages(e.from_counts(correct, predicted, SUPPORT))["weighted_f1"], 2) == 64.18  # as printed
    correct, predicted = e.recovered(*GCN_AT, SUPPORT)
    assert correct.tolist() == [32, 207, 225, 103, 280, 152]
    assert predicted.tolist() == [53, 299, 367, 192, 449, 263]
    correct, predicted = e.recovered(*RNN, SUPPORT, column="recall")
    own = e.columns(e.from_counts(correct, predicted, SUPPORT), "recall")
    assert predicted.sum() == 1623
    assert (round(own["average_acc"], 2), round(own["average_f1"], 2)) == (63.40, 62.75)  # as printed
    np.testing.assert_allclose(own["acc"], RNN[0], atol=0.0051)


def test_misprints_show():
    attention = [30.56, 56.73, 57.55, 59.41, 52.84, 65.88], [35.63, 62.90, 53.00, 59.24, 58.85, 59.41]  # bc-LSTM+Att
    own = e.columns(e.from_counts(*e.recovered(*attention, SUPPORT, column="recall"), SUPPORT), "recall")
    assert (round(own["average_acc"], 2), round(own["average_f1"], 2)) == (56.32, 56.19)  # printed: 56.32, 56.91
    assert [len(each) > 0 for each in e.candidates(*RNN_AT, SUPPORT)] == [False, True, True, True, True, True]
    mended = [31.37, *RNN_AT[1][1:]]
    correct, predicted = e.recovered(RNN_AT[0], mended, SUPPORT)
    assert (correct[0], predicted[0], correct.sum()) == (40, 111, 984)


@pytest.mark.parametrize("column", ["precision", "recall"])
def test_printing_and_recovering_gives_the_counts_back(column):
    rng = np.random.default_rng(1)
    for _ in range(5):
        y = rng.choice(6, 1623, p=SUPPORT / SUPPORT.sum())
        own = e.by_class(e.confusion(y, np.where(rng.random(1623) < 0.6, y, rng.integers(0, 6, 1623)), 6))
        printed = [np.round(100 * v, 2) for v in (getattr(own, column), own.f1)]
        for k, each in enumerate(e.candidates(*printed, own.support, column)):
            assert [own.correct[k], own.predicted[k]] in each.tolist()
        correct, predicted = e.recovered(*printed, own.support, column)
        np.testing.assert_array_equal(correct, own.correct)
        np.testing.assert_array_equal(predicted, own.predicted)


def test_too_few_digits_leave_several_rows():
    value, f1 = (np.round(v, 0) for v in COIN)
    with pytest.raises(DataError, match=r"\d+ rows of counts print like this and are 1623 predictions together, expected 1"):
        e.recovered(value, f1, SUPPORT, digits=0)


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: e.candidates([50.0], [50.0, 50.0], [10]), DataError, r"shapes \(1,\), \(2,\), \(1,\)"),
        (lambda: e.candidates([0.0], [50.0], [10]), DataError, r"value = \[0.0\], expected percentages above 0"),
        (lambda: e.candidates([50.0], [101.0], [10]), DataError, r"f1 = \[101.0\]"),
        (lambda: e.candidates([50.0], [50.0], [10], column="acc"), SettingsError, "no column 'acc'"),
        (lambda: e.by_class(np.ones((2, 3), dtype=int)), DataError, r"shape \(2, 3\), expected \(C, C\)"),
        (lambda: e.by_class(np.eye(2) / 2), DataError, "expected counts"),
        (lambda: e.by_class(np.zeros((2, 2), dtype=int)), DataError, "not all 0"),
        (lambda: e.confusion([0, 7], [0, 1], 6), DataError, "truth row 1 is 7, expected a class number from 0 below 6"),
        (lambda: e.confusion([0, 1], [0], 6), DataError, "predicted class has 1 examples and the truth 2"),
    ],
)
def test_what_has_no_meaning_is_refused(call, error, told):
    with pytest.raises(error, match=told):
        call()

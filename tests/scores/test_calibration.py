"""Calibration and uncertainty: by hand, by identity, by simulation; what has no meaning is refused. Warnings are errors here."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss

from mmkit.errors import DataError
from mmkit.scores import agreement
from mmkit.scores import calibration as c

RNG = np.random.default_rng(0)
P = RNG.beta(0.7, 2.0, (400, 6))
Y = (RNG.random(P.shape) < P).astype(int)


# Calibration


def test_error_and_curve_by_hand():
    y = [[1, 0, 1], [0, 0, 1]]
    p = [[0.9, 0.1, 1.0], [0.6, 0.4, 0.8]]
    curve = c.reliability_curve(y, p, bins=5)  # 0.1 | 0.4 | 0.6 | (0.8, 0.9, 1.0); the second of five bins starts at 0.2
    np.testing.assert_allclose(curve["probability"], [0.1, 0.4, 0.6, 0.9])
    np.testing.assert_allclose(curve["share"], [0, 0, 0, 1])
    assert curve["count"].tolist() == [1, 1, 1, 3]
    assert c.expected_calibration_error(y, p, bins=5) == pytest.approx((0.1 + 0.4 + 0.6 + 3 * 0.1) / 6)


def test_bins_have_equal_width_and_hold_every_event():
    curve = c.reliability_curve(Y, P, bins=15)
    for k in range(15):
        inside = (k / 15 <= P) & (((k + 1) / 15 > P) | (k == 14))
        assert curve["count"][k] == inside.sum()
        assert curve["probability"][k] == pytest.approx(P[inside].mean())
        assert curve["share"][k] == pytest.approx(Y[inside].mean())
    by_hand = sum(n / P.size * abs(s - q) for q, s, n in zip(*curve.values(), strict=True))
    assert c.expected_calibration_error(Y, P) == pytest.approx(by_hand)
    assert curve["count"].sum() == P.size


def test_true_probabilities_are_calibrated_and_exaggerated_ones_are_not():
    rng = np.random.default_rng(1)
    p = rng.random((20_000, 5))
    y = rng.random(p.shape) < p
    assert c.expected_calibration_error(y, p) < 0.01
    constant = np.full_like(p, 0.8)
    assert c.expected_calibration_error(y, constant) == pytest.approx(0.8 - y.mean())
    assert c.expected_calibration_error(y, 1 - p) == pytest.approx(0.5, abs=0.02)  # E|2p - 1|
    assert c.expected_calibration_error(~y, y.astype(float)) == 1


def test_brier_scores():
    np.testing.assert_allclose(c.briers([[1, 0], [1, 1]], [[0.8, 0.4], [0.0, 1.0]]), [(0.04 + 0.16) / 2, 0.5])
    np.testing.assert_allclose(c.briers([1, 0], [0.8, 0.4]), [0.04, 0.16])
    assert c.brier(Y, P) == pytest.approx(np.mean(c.briers(Y, P))) == pytest.approx(brier_score_loss(Y.ravel(), P.ravel()))


# Uncertainty


def test_entropy_is_the_log_loss_of_being_right_about_oneself():
    p = 0.3
    assert c.entropy(p) == pytest.approx(log_loss([1, 0], [p, p], sample_weight=[p, 1 - p]))
    np.testing.assert_allclose(c.entropy([[0.0, 1.0], [0.5, 0.3]]), [[0, 0], [math.log(2), c.entropy(0.7)]])


def test_the_parts_of_uncertainty_by_hand():
    samples = np.array([[[0.0, 0.5, 0.2]], [[1.0, 0.5, 0.6]]])  # disagree surely, agree on noise, a bit of both
    total, aleatoric, epistemic = c.uncertainty_parts(samples)
    ln2 = math.log(2)
    both = (c.entropy(0.2) + c.entropy(0.6)) / 2
    np.testing.assert_allclose(total, [[ln2, ln2, c.entropy(0.4)]])
    np.testing.assert_allclose(aleatoric, [[0, ln2, both]], atol=1e-15)
    np.testing.assert_allclose(epistemic, [[ln2, 0, c.entropy(0.4) - both]], atol=1e-15)


def test_the_epistemic_part_is_the_information_between_label_and_sample():
    samples = RNG.random((4, 3, 2))
    joint = np.stack([samples, 1 - samples]) / 4  # (label, sample, N, G): each sample is as likely
    label, sample = joint.sum(1, keepdims=True), joint.sum(0, keepdims=True)
    information = (joint * np.log(joint / (label * sample))).sum((0, 1))
    parts = c.uncertainty_parts(samples)
    np.testing.assert_allclose(parts.epistemic, information)
    np.testing.assert_allclose(parts.total, parts.aleatoric + parts.epistemic)
    np.testing.assert_allclose(c.uncertainty_parts(samples[::-1]).epistemic, parts.epistemic)


@given(st.integers(0, 2**32 - 1))
def test_nothing_is_negative(seed):
    p = np.random.default_rng(seed).random((1, 4, 3))
    parts = c.uncertainty_parts(np.repeat(p, 3, axis=0))  # samples that agree: rounding must not show
    assert min(part.min() for part in parts) >= 0
    np.testing.assert_allclose(parts.epistemic, 0, atol=1e-12)


# Leaving the uncertain ones out


def test_rejection_by_hand():
    error, uncertainty = [4.0, 1.0, 3.0, 0.0], [0.9, 0.2, 0.2, 0.1]  # films 1 and 2 are equally uncertain
    curve = c.rejection_curve(error, uncertainty)
    np.testing.assert_allclose(curve["coverage"], [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(curve["error"], [0, 1, 4 / 3, 2])
    assert c.rejection_area(error, uncertainty) == pytest.approx((0 + 1 + 4 / 3 + 2) / 4)
    for coverage, expected in ((0.01, 0), (0.25, 0), (0.26, 1), (0.5, 1), (0.75, 4 / 3), (1, 2)):
        assert c.error_at_coverage(error, uncertainty, coverage) == pytest.approx(expected)
    tenth = np.arange(10.0)
    assert c.error_at_coverage(tenth, tenth, 0.1 + 0.2) == 1  # 3 of 10, although 0.1 + 0.2 > 0.3


def test_rejection_needs_the_order_alone():
    error, uncertainty = RNG.random(200), np.round(RNG.random(200), 1)  # with ties
    curve, mixed = c.rejection_curve(error, uncertainty), RNG.permutation(200)
    for other in (c.rejection_curve(error[mixed], uncertainty[mixed]), c.rejection_curve(error, np.exp(5 * uncertainty))):
        np.testing.assert_allclose(other["error"], curve["error"])
    np.testing.assert_allclose(c.rejection_curve(error, np.ones(200))["error"], error.mean())  # it knows nothing
    assert c.rejection_area(error, np.zeros(200)) == pytest.approx(error.mean())


def test_knowing_the_error_is_the_best_and_its_opposite_the_worst():
    error = RNG.random(300)
    noisy = error + RNG.normal(0, 0.3, 300)
    areas = [c.rejection_area(error, u) for u in (error, noisy, np.zeros(300), -error)]
    assert areas == sorted(areas)
    assert areas[1] < areas[2] - 0.02
    assert agreement.spearman(error, noisy) > 0.5


# Refused


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: c.brier([], []), r"probability has shape \(0,\)"),
        (lambda: c.brier([[0, 1]], [[0.1, 0.2, 0.3]]), r"probability has shape \(1, 3\) and the truth \(1, 2\)"),
        (lambda: c.brier([0, 1], [[0.1, 0.2]]), r"probability has shape \(1, 2\) and the truth \(2,\)"),
        (lambda: c.brier(1, 0.5), r"probability has shape \(\) and the truth \(\)"),
        (
            lambda: c.expected_calibration_error([[0, 2]], [[0.1, 0.2]]),
            "truth row 1 is 2, expected a class number from 0 below 2",
        ),
        (lambda: c.reliability_curve([[0, 0.5]], [[0.1, 0.2]]), "truth row 1 is 0.5"),
        (lambda: c.reliability_curve([[0, 1]], [[0.1, 1.2]]), r"probability at \(0, 1\) is 1.2, expected 0 to 1"),
        (lambda: c.reliability_curve([[0, 1]], [[0.1, math.nan]]), "probability has 1 values that are not finite"),
        (lambda: c.reliability_curve([[0, 1]], [[0.1, 0.2]], bins=0), "0 bins, expected at least 1"),
        (lambda: c.entropy([0.2, -0.1]), r"probability at \(1,\) is -0.1"),
        (lambda: c.uncertainty_parts([[0.2, 0.1]]), r"samples have shape \(1, 2\), expected \(S, N, G\)"),
        (lambda: c.uncertainty_parts([[[0.2, 1.1]]]), r"samples at \(0, 0, 1\) is 1.1"),
        (lambda: c.rejection_curve([1.0, 2.0], [0.1]), "uncertainty has 1 examples and the truth 2"),
        (lambda: c.rejection_area([1.0, math.inf], [0.1, 0.2]), "error has 1 values that are not finite, the first in row 1"),
        (lambda: c.error_at_coverage([1.0], [1.0], 0.0), "coverage is 0.0, expected more than 0"),
        (lambda: c.error_at_coverage([1.0], [1.0], 1.1), "coverage is 1.1"),
    ],
)
def test_what_has_no_meaning_is_refused(call, told):
    with pytest.raises(DataError, match=told):
        call()

"""Paired tests against scipy, by enumeration and by simulation of how often they are wrong."""

from __future__ import annotations

import itertools
import math
from functools import partial

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from mmkit.errors import DataError, SettingsError
from mmkit.scores import paired


def right_and_wrong(both: int, only_a: int, only_b: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    cells = np.repeat([3, 2, 1, 0], [both, only_a, only_b, neither])
    cells = np.random.default_rng(0).permutation(cells)
    return cells >= 2, cells % 2 == 1


# McNemar


def test_mcnemar_of_a_published_table():
    """Bentur et al. (2009), 21 children before and after a transplantation, as worked by Fagerland et al. (2013)."""
    test = paired.mcnemar(*right_and_wrong(1, 1, 7, 12))
    assert test[:4] == (1, 1, 7, 12)
    assert test.exact == pytest.approx(0.0703, abs=5e-5)
    assert test.mid == pytest.approx(0.0391, abs=5e-5)
    assert test.chi2 == 25 / 8
    assert test.chi2_p == pytest.approx(0.0771, abs=5e-5)


def test_mcnemar_by_enumeration():
    b, c = (grid.ravel() for grid in np.meshgrid(np.arange(13), np.arange(13)))
    exact, mid, chi2, chi2_p = paired.mcnemar_p(b, c)
    for i, (one, other) in enumerate(zip(b.tolist(), c.tolist(), strict=True)):
        n, least = one + other, min(one, other)
        below = sum(math.comb(n, k) for k in range(least)) / 2**n
        point = math.comb(n, least) / 2**n
        assert exact[i] == pytest.approx(stats.binomtest(one, n, 0.5).pvalue if n else 1)
        assert mid[i] == pytest.approx(2 * (below + point / 2))
        if one != other:
            assert chi2[i] == pytest.approx((abs(one - other) - 1) ** 2 / n)
            assert chi2_p[i] == pytest.approx(stats.chi2.sf(chi2[i], 1))
        else:
            assert (exact[i], mid[i], chi2[i], chi2_p[i]) == (pytest.approx(1), pytest.approx(1), 0, 1)
    swapped = paired.mcnemar_p(c, b)
    np.testing.assert_allclose(swapped, [exact, mid, chi2, chi2_p])


def test_exact_is_never_too_often_significant_and_mid_comes_closer():
    for n in (10, 25, 60):
        b = np.arange(n + 1)
        chance = stats.binom.pmf(b, n, 0.5)
        exact, mid, _, _ = paired.mcnemar_p(b, n - b)
        assert chance[exact <= 0.05].sum() <= 0.05
        assert chance[exact <= 0.05].sum() <= chance[mid <= 0.05].sum() <= 0.06


def test_two_accuracies_leave_a_range_of_p():
    n, a, b = 173, 154, 161
    open_ = paired.possible_discordant(n, a, b)
    slow = []
    for both in range(n + 1):
        cells = (both, a - both, b - both, n - a - b + both)
        if min(cells) >= 0:
            slow.append(cells[1:3])
    assert sorted(zip(open_.only_a.tolist(), open_.only_b.tolist(), strict=True)) == sorted(slow)
    assert (open_.only_a[0], open_.only_b[0]) == (0, 7)
    assert (open_.only_a[-1], open_.only_b[-1]) == (12, 19)
    assert open_.exact[0] == pytest.approx(2 / 2**7)
    assert open_.exact[-1] == pytest.approx(stats.binomtest(12, 31).pvalue)
    assert (np.diff(open_.exact) > 0).all()
    assert (open_.mid < open_.exact).all()
    back = paired.possible_discordant(n, b, a)
    np.testing.assert_array_equal(back.only_a, open_.only_b)


def test_printed_accuracies_and_the_sizes_that_allow_them():
    assert [paired.counts_printed(p, 173).tolist() for p in (89.0, 91.9, 93.1)] == [[154], [159], [161]]
    for n, printed in ((40, 87.5), (160, 93.1), (160, 93.2), (2500, 50.0), (3, 100.0), (7, 50.0)):
        slow = [r for r in range(n + 1) if abs(2000 * r - 2 * round(10 * printed) * n) <= n]  # in whole numbers, so exactly
        assert paired.counts_printed(printed, n).tolist() == slow
    assert set(paired.counts_printed(93.1, 2000)) & set(paired.counts_printed(93.2, 2000)) == {1863}  # 93.15, rounded either way
    # Alnajjar and Hämäläinen (2021), Table 2: three support vector machines, and with the neural model
    assert paired.sizes_printed([89.0, 91.9, 93.1], 450).tolist() == [173, 246, 335, 346, 347, 408, 418, 419, 420, 447]
    assert paired.sizes_printed([87.5, 89.0, 91.9, 93.1], 481).tolist() == [335, 408, 447, 480, 481]


# Over groups


def grouped(rng: np.random.Generator, groups: int = 50, within: int = 12, spread: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Differences of mean 0 whose groups differ: (N,) differences, (N,) groups."""
    member = np.repeat(np.arange(groups), within)
    return rng.normal(0, spread, groups)[member] + rng.normal(0, 0.5, len(member)), member


def test_bootstrap_draws_whole_groups_as_a_plain_loop_does():
    rng = np.random.default_rng(0)
    groups = np.array(["c", "a", "b", "a", "c", "c", "d"])
    difference = rng.normal(size=7)
    found = paired.bootstrap(difference, groups, draws=50, seed=5)
    names, random = sorted(set(groups)), np.random.default_rng([5, 0xB007])
    draws = random.integers(0, 4, size=(50, 4))
    means = [np.concatenate([difference[groups == names[k]] for k in drawn]).mean() for drawn in draws]
    assert found == pytest.approx((difference.mean(), np.quantile(means, 0.025), np.quantile(means, 0.975)))
    assert paired.bootstrap(difference, groups, draws=50, seed=5) == found
    assert paired.bootstrap(difference, groups, draws=50, seed=6) != found
    narrow = paired.bootstrap(difference, groups, draws=50, seed=5, level=0.5)
    assert found.low < narrow.low < narrow.high < found.high


def test_bootstrap_of_single_examples_is_the_normal_interval_on_many():
    difference = np.random.default_rng(0).normal(0.1, 1, 2000)
    found = paired.bootstrap(difference, draws=4000)
    half = 1.96 * difference.std() / math.sqrt(2000)
    assert found.mean == pytest.approx(difference.mean())
    assert (found.low, found.high) == pytest.approx((found.mean - half, found.mean + half), abs=0.06 * half)


@pytest.mark.parametrize("average", ["weighted", "macro"])
def test_f1_of_drawn_groups_as_scikit_learn_has_it(average):
    rng = np.random.default_rng(0)
    y, groups = rng.integers(0, 4, 90), rng.choice(list("abcdefgh"), 90)
    a, b = (np.where(rng.random(90) < share, y, rng.integers(0, 3, 90)) for share in (0.6, 0.3))
    found = paired.bootstrap_f1(y, a, b, 5, groups, average, draws=40, seed=2)
    score = partial(f1_score, labels=range(5), average=average, zero_division=0)
    names, random, gains = sorted(set(groups)), np.random.default_rng([2, 0xB007]), []
    for drawn in random.integers(0, 8, size=(40, 8)):
        rows = np.concatenate([np.flatnonzero(groups == names[k]) for k in drawn])
        gains.append(score(y[rows], a[rows]) - score(y[rows], b[rows]))
    assert found == pytest.approx((score(y, a) - score(y, b), np.quantile(gains, 0.025), np.quantile(gains, 0.975)))


def test_interval_covers_when_groups_are_drawn_and_not_when_examples_are():
    rng, inside = np.random.default_rng(0), []
    for seed in range(200):
        difference, groups = grouped(rng)
        both = (
            paired.bootstrap(difference, groups, draws=300, seed=seed),
            paired.bootstrap(difference, None, draws=300, seed=seed),
        )
        inside.append([each.low <= 0 <= each.high for each in both])
    whole, single = np.mean(inside, axis=0)
    assert 0.90 < whole < 0.985
    assert single < 0.80


def test_blocks_change_nothing(monkeypatch):
    difference, groups = grouped(np.random.default_rng(0), groups=30)
    whole = paired.bootstrap(difference, groups, draws=100), paired.sign_flip(difference + 0.1, groups, draws=100)
    monkeypatch.setattr(paired, "AT_ONCE", 30 * 7)
    assert paired.bootstrap(difference, groups, draws=100) == pytest.approx(whole[0])
    assert paired.sign_flip(difference + 0.1, groups, draws=100) == whole[1]
    assert sum(paired._blocks(100, 30)) == 100


def test_sign_flip_by_enumeration():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(7), [3, 1, 4, 2, 2, 5, 1])
    difference = rng.normal(0.6, 1, len(groups))
    total = [difference[groups == g].sum() for g in range(7)]
    ways = [abs(sum(s * t for s, t in zip(signs, total, strict=True))) for signs in itertools.product((1, -1), repeat=7)]
    slow = np.mean([way >= abs(sum(total)) - 1e-9 for way in ways])
    assert 0 < slow < 0.5
    assert paired.sign_flip(difference, groups) == pytest.approx(slow)
    assert paired.sign_flip(-difference, groups) == pytest.approx(slow)
    assert paired.sign_flip(np.abs(difference) + 0.1, groups) == 2 / 2**7
    assert paired.sign_flip(np.zeros(7)) == 1


def test_drawn_signs_come_close_to_all_signs(monkeypatch):
    difference = np.random.default_rng(1).normal(0.5, 1, 12)
    exact = paired.sign_flip(difference)
    monkeypatch.setattr(paired, "EXACT", 1)
    drawn = paired.sign_flip(difference, draws=20_000)
    assert drawn == pytest.approx(exact, abs=0.012)
    assert paired.sign_flip(np.ones(40), draws=99) == 1 / 100  # the observed signs count among the draws


def test_sign_flip_of_groups_is_as_often_significant_as_it_says():
    rng, p = np.random.default_rng(0), []
    for seed in range(300):
        difference, groups = grouped(rng, groups=25)
        p.append([paired.sign_flip(difference, groups, 199, seed), paired.sign_flip(difference, None, 199, seed)])
    whole, single = (np.array(p) <= 0.05).mean(axis=0)
    assert 0.02 < whole < 0.085
    assert single > 0.2


def test_wilson_is_the_interval_of_scipy():
    interval = stats.binomtest(161, 173).proportion_ci(method="wilson")
    assert np.ravel(paired.wilson(161 / 173, 173)) == pytest.approx(list(interval))


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: paired.mcnemar([1, 0], [1]), DataError, "answers of the second has 1 examples and the truth 2"),
        (lambda: paired.mcnemar([1, 2], [1, 0]), DataError, "answers of the first row 1 is 2"),
        (lambda: paired.mcnemar_p(-1, 3), DataError, "whole numbers from 0"),
        (lambda: paired.mcnemar_p(1.5, 3), DataError, "whole numbers from 0"),
        (lambda: paired.possible_discordant(10, 11, 3), SettingsError, "right_a = 11"),
        (lambda: paired.bootstrap([1.0, 2.0], [0, 0]), DataError, "1 group of 2 examples"),
        (lambda: paired.bootstrap([1.0, 2.0], [0, 1, 2]), DataError, r"groups have shape \(3,\), expected \(2,\)"),
        (lambda: paired.bootstrap([1.0, math.nan]), DataError, "not finite"),
        (lambda: paired.bootstrap([1.0, 2.0], level=95), SettingsError, "level = 95"),
        (lambda: paired.sign_flip(np.ones(20), draws=0), SettingsError, "draws = 0"),
        (lambda: paired.bootstrap(np.ones(20), draws=0), SettingsError, "draws = 0"),
        (
            lambda: paired.bootstrap_f1([0, 1], [0, 1], [1, 1], 2, average="micro"),
            SettingsError,
            "did you mean .macro.|known: weighted",
        ),
    ],
)
def test_what_has_no_meaning_is_refused(call, error, told):
    with pytest.raises(error, match=told):
        call()

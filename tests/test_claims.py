"""Claims: gains, intervals, verdicts and explanations against slower ways; the error rates of the whole harness."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mmkit import claims
from mmkit.claims import Claim, differences, judge, simulate
from mmkit.claims import rates as harness
from mmkit.errors import ClaimError

SEEDS = range(5)
FACTS = {
    "id": "C1",
    "text": "columns help",
    "kind": "comparison",
    "metric": "f1",
    "data": "pets",
    "better": "gating",
    "worse": "text",
    "source": "Table 3",
}


def claim(**changes) -> Claim:
    return Claim.from_facts({**FACTS, **changes})


def scores(values: dict[tuple[str, str], list[float]], metric: str = "f1", seeds=SEEDS) -> pd.DataFrame:
    """values[(world, method)] = one number per seed."""
    rows = [
        {"data": "pets", "metric": metric, "split": "test", "world": world, "method": method, "seed": s, "value": v}
        for (world, method), numbers in values.items()
        for s, v in zip(seeds, numbers, strict=False)
    ]
    return pd.DataFrame(rows)


def gains(main: list[float], null: list[float] | None = None) -> pd.DataFrame:
    """Scores whose differences gating - text are these."""
    base = [0.3, 0.1, 0.5, 0.2, 0.4, 0.35, 0.15][: len(main)]
    values = {("main", "gating"): np.add(base, main), ("main", "text"): base}
    if null is not None:
        values |= {("null:no_table", "gating"): np.add(base, null), ("null:no_table", "text"): base}
    return scores(values, seeds=range(len(main)))


# The claim as it stands in the file


def test_every_wrong_key_is_told_at_once():
    with pytest.raises(ClaimError, match=r"C1: unknown key 'beter'; did you mean 'better'\?; key 'metric' is missing"):
        Claim.from_facts({**{k: v for k, v in FACTS.items() if k != "metric"}, "beter": "gating"})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kind": "comparision"}, "did you mean 'comparison'"),
        ({"direction": "up"}, "known: higher, lower"),
        ({"test": "atmost"}, "did you mean 'at_most'"),
        ({"margin": "0.1"}, "margin = '0.1'"),
        ({"margin": math.nan}, "margin = nan"),
        ({"better": ""}, "better is empty"),
        ({"kind": "trend", "worlds": ["a", "b"], "x": [1.0]}, "2 worlds and x"),
        ({"kind": "trend", "worlds": ["a", "b"], "x": [1.0, 1.0]}, "two of them different"),
        ({"kind": "trend", "worlds": ["a", "b"], "x": [1.0, 2.0], "null": "null:n"}, "0 null_worlds"),
    ],
)
def test_impossible_values_are_told(changes, told):
    with pytest.raises(ClaimError, match=f"claim C1: .*{told}"):
        claim(**changes)


# Gains


def test_gain_is_paired_by_seed_and_signed_by_direction():
    frame = scores({("main", "gating"): [5, 1, 4, 2, 3], ("main", "text"): [1, 2, 3, 4, 5]}).sample(frac=1, random_state=0)
    assert differences(claim(), frame, "main").to_dict() == {0: 4, 1: -1, 2: 1, 3: -2, 4: -2}
    assert differences(claim(direction="lower"), frame, "main").to_dict() == {0: -4, 1: 1, 2: -1, 3: 2, 4: 2}
    assert differences(claim(worse=""), frame, "main").to_dict() == {0: 5, 1: 1, 2: 4, 3: 2, 4: 3}


def test_only_the_test_split_counts():
    frame = gains([0.1, 0.2, 0.3, 0.2, 0.1])
    valid = frame.assign(split="valid", value=9.0)
    pd.testing.assert_series_equal(differences(claim(), pd.concat([valid, frame]), "main"), differences(claim(), frame, "main"))


def test_trend_is_the_least_squares_slope_per_seed():
    rng = np.random.default_rng(0)
    x = [0.0, 0.3, 0.4, 0.9]
    values = {(f"sweep:share={v}", m): rng.normal(size=5) for v in x for m in ("gating", "text")}
    trend = claim(kind="trend", worlds=[f"sweep:share={v}" for v in x], x=x)
    slopes = differences(trend, scores(values), "main")
    for seed in SEEDS:
        y = [values[w, "gating"][seed] - values[w, "text"][seed] for w in trend.worlds]
        assert slopes[seed] == pytest.approx(np.polyfit(x, y, 1)[0])
    lower = claim(kind="trend", worlds=trend.worlds, x=x, direction="lower")
    np.testing.assert_allclose(differences(lower, scores(values), "main"), -slopes)


def test_trend_has_its_own_null_worlds():
    values = {
        (w, m): [k * (m == "gating") + s for s in (0.0, 0.1, 0.3)]
        for w, k in {"a": 0, "b": 2, "na": 1, "nb": 1}.items()
        for m in ("gating", "text")
    }
    values["b", "gating"] = [2.0, 2.2, 2.3]
    trend = claim(kind="trend", worlds=["a", "b"], null="null:flat", null_worlds=["na", "nb"], x=[0, 1])
    [verdict] = judge([trend], scores(values, seeds=range(3)))
    assert (verdict.verdict, verdict.explained) == ("upheld", True)
    assert verdict.null.mean == pytest.approx(0)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (lambda f: f[f["data"] != "pets"], "no test score with data 'pets'"),
        (lambda f: f.assign(metric="f1_max"), "no test score with metric 'f1'; did you mean 'f1_max'"),
        (lambda f: f.assign(world="mian"), "no score in world 'main'; did you mean 'mian'"),
        (lambda f: f[f["method"] != "text"], "no f1 of method 'text' in world 'main'"),
        (
            lambda f: f[(f["method"] != "text") | ~f["seed"].isin([1, 3])],
            "method 'text' in world 'main' lacks seeds 1, 3, expected 0, 1, 2, 3, 4",
        ),
        (
            lambda f: pd.concat([f, f.assign(value=f["value"] + (f["seed"] == 2))]),
            "f1 of method 'gating' in world 'main' has two different values for seed 2",
        ),
        (lambda f: f.assign(value=f["value"].where(f["seed"] != 4)), "f1 of method 'gating' in world 'main' is nan for seed 4"),
        (lambda f: f.drop(columns=["world", "value"]), "no column world, value"),
    ],
)
def test_what_is_missing_is_named_or_left_undecided(broken, told):
    frame = broken(gains([0.1, 0.2, 0.3, 0.2, 0.1]))
    with pytest.raises(ClaimError, match=f"claim C1: .*{told}"):
        judge([claim()], frame)
    [verdict] = judge([claim()], frame, strict=False)
    assert verdict.verdict == "undecided"
    assert verdict.why.startswith("Not measured in this run: ")
    assert verdict.as_dict()["measured"] == {"mean": None, "low": None, "high": None, "n": 0}


def test_what_the_claim_does_not_ask_about_does_not_stop_it():
    frame = gains([0.1, 0.2, 0.3, 0.2, 0.1], [0.0] * 5)
    other = frame.assign(method="concat", value=np.nan)
    elsewhere = frame[frame["world"] != "main"].assign(value=np.nan)
    mixed = pd.concat([frame[frame["world"] == "main"], elsewhere, other])
    assert judge([claim()], mixed)[0].as_dict() == judge([claim()], frame)[0].as_dict()


def test_a_value_that_two_tables_share_is_no_contradiction():
    frame = gains([0.1, 0.2, 0.3, 0.2, 0.1])
    both = pd.concat([frame.assign(table="3"), frame.assign(table="ablation")])
    assert judge([claim()], both)[0].as_dict() == judge([claim()], frame)[0].as_dict()


# Intervals and verdicts


def test_one_claim_is_the_paired_t_interval():
    main = [0.11, 0.23, 0.08, 0.19, 0.16]
    [verdict] = judge([claim()], gains(main))
    expected = stats.ttest_1samp(main, 0.0).confidence_interval(0.95)
    assert (verdict.measured.low, verdict.measured.high) == pytest.approx((expected.low, expected.high))
    assert verdict.measured.mean == pytest.approx(np.mean(main))
    assert verdict.verdict == "upheld"


@pytest.mark.parametrize(
    ("margin", "above", "at_most"),
    [(0.0, "upheld", "refuted"), (0.15, "undecided", "undecided"), (0.5, "refuted", "upheld")],
)
def test_margin_and_test_decide_the_side(margin, above, at_most):
    frame = gains([0.11, 0.23, 0.08, 0.19, 0.16])
    assert judge([claim(margin=margin)], frame)[0].verdict == above
    assert judge([claim(margin=margin, test="at_most")], frame)[0].verdict == at_most


def test_a_worse_method_refutes():
    verdict = judge([claim()], gains([-0.11, -0.23, -0.08, -0.19, -0.16]))[0]
    assert verdict.verdict == "refuted"
    assert verdict.measured.high < 0


def holm_by_hand(p: list[float], alpha: float = 0.05) -> list[bool]:
    """The textbook loop: smallest first, stop at the first failure."""
    rejected = [False] * len(p)
    for k, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if p[i] > alpha / (len(p) - k):
            break
        rejected[i] = True
    return rejected


def test_a_paper_is_corrected_after_holm_and_intervals_agree():
    seen = set()
    for trial in range(40):
        rng = np.random.default_rng(trial)
        frames, family = [], []
        for i, effect in enumerate((0, 0.5, 1, 2, 3, 4, 8)):
            family.append(claim(id=f"C{i}", metric=f"m{i}"))
            frames.append(gains(list(effect + rng.normal(size=5))).assign(metric=f"m{i}"))
        verdicts = judge(family, pd.concat(frames))
        raw = [differences(c, pd.concat(frames), "main") for c in family]
        p = [stats.ttest_1samp(g, 0.0).pvalue for g in raw]
        assert [v.verdict != "undecided" for v in verdicts] == holm_by_hand(p)
        for v, g in zip(verdicts, raw, strict=True):
            interval = stats.ttest_1samp(g, 0.0).confidence_interval(1 - v.measured.level)
            assert (v.measured.low, v.measured.high) == pytest.approx((interval.low, interval.high))
            assert (v.measured.low > 0 or v.measured.high < 0) == (v.verdict != "undecided")
            seen.add(round(0.05 / v.measured.level))
    assert seen == {1, 2, 3, 4, 5, 6, 7}  # every step of the procedure was the last one somewhere


def test_the_correction_can_take_a_verdict_away():
    weak = gains([0.02, 0.11, 0.16, 0.05, 0.12])  # p = 0.02 on its own
    noise = [gains([0.1, -0.1, 0.2, -0.2, 0.05]).assign(metric=f"n{i}") for i in range(3)]
    others = [claim(id=f"N{i}", metric=f"n{i}") for i in range(3)]
    assert judge([claim()], weak)[0].verdict == "upheld"
    assert judge([claim(), *others], pd.concat([weak, *noise]))[0].verdict == "undecided"


def test_one_seed_is_undecided_and_takes_no_share_of_alpha():
    many = gains([0.02, 0.11, 0.16, 0.05, 0.12])
    one = gains([0.4]).assign(metric="f1_max")
    alone = judge([claim()], many)[0]
    both = judge([claim(), claim(id="C2", metric="f1_max")], pd.concat([many, one]))
    assert both[0].measured == alone.measured
    assert both[1].verdict == "undecided"
    assert both[1].as_dict()["measured"] == {"mean": pytest.approx(0.4), "low": None, "high": None, "n": 1}
    assert "at least two" in both[1].why


@pytest.mark.parametrize(
    ("value", "margin", "verdict"), [(0.1, 0.0, "upheld"), (-0.1, 0.0, "refuted"), (0.0, 0.0, "undecided"), (0.1, 0.2, "refuted")]
)
def test_equal_differences_give_a_point(value, margin, verdict):
    [v] = judge(
        [claim(margin=margin)], gains([value] * 5)
    )  # warnings are errors: no 0/0 here; 0.3 + 0.1 - 0.3 is not 0.1 exactly
    assert v.verdict == verdict
    assert v.measured.low == pytest.approx(value) == v.measured.high
    assert v.measured.low == v.measured.high


def test_a_point_on_the_bar_lends_no_alpha_to_its_neighbours():
    weak, still = gains([0.02, 0.11, 0.16, 0.05, 0.12]), gains([0.0] * 5).assign(metric="still")  # p = 0.02, p = 1
    close = gains([0.0, 0.11, 0.16, 0.05, 0.1]).assign(metric="close")  # p = 0.04: held against 0.05 / 2 and no more
    first, second, third = judge(
        [claim(), claim(id="C2", metric="still"), claim(id="C3", metric="close")], pd.concat([weak, still, close])
    )
    assert (first.measured.level, third.measured.level) == pytest.approx((0.05 / 3, 0.05 / 3))
    assert (first.verdict, second.verdict, third.verdict) == ("undecided",) * 3


def test_folds_widen_the_interval_after_nadeau_and_bengio():
    main = [0.11, 0.23, 0.08, 0.19]
    [plain], [folds] = judge([claim()], gains(main)), judge([claim()], gains(main), train_test_ratio=3.0)
    half = stats.t.ppf(0.975, 3) * np.sqrt((1 / 4 + 1 / 3) * np.var(main, ddof=1))
    assert folds.measured.high - folds.measured.mean == pytest.approx(half)
    assert plain.measured.high - plain.measured.mean == pytest.approx(half * np.sqrt((1 / 4) / (1 / 4 + 1 / 3)))


# The null control


def test_explained_is_the_interval_of_paired_drops():
    main, null = [0.5, 0.6, 0.4, 0.7, 0.5], [0.1, 0.15, 0.05, 0.3, 0.2]
    [v] = judge([claim(null="null:no_table")], gains(main, null))
    expected = stats.ttest_rel(main, null).confidence_interval(0.95)
    assert (v.drop.low, v.drop.high) == pytest.approx((expected.low, expected.high))
    alone = stats.ttest_1samp(null, 0.0).confidence_interval(0.95)
    assert (v.null.low, v.null.high) == pytest.approx((alone.low, alone.high))
    assert v.explained is True
    assert (
        judge([claim(null="null:no_table")], gains(main, main[1:] + main[:1]))[0].explained is False
    )  # same mean: it did not shrink
    assert judge([claim()], gains(main, null))[0].explained is None


def test_other_seeds_in_the_null_are_compared_after_welch():
    main, null = [0.5, 0.6, 0.4, 0.7, 0.5], [0.1, 0.15, 0.05]
    frame = gains(main, null + [0, 0])
    frame = frame[(frame["world"] == "main") | (frame["seed"] < 3)]
    [v] = judge([claim(null="null:no_table")], frame)
    expected = stats.ttest_ind(main, null, equal_var=False).confidence_interval(0.95)
    assert (v.drop.low, v.drop.high) == pytest.approx((expected.low, expected.high))
    assert v.null.n == 3


def test_an_at_most_claim_is_explained_by_a_larger_gain_in_the_null():
    main, null = [0.01, 0.0, 0.02, 0.01, 0.015], [0.2, 0.25, 0.22, 0.21, 0.2]
    at_most = claim(test="at_most", margin=0.1, null="null:no_table")
    [v] = judge([at_most], gains(main, null))
    assert (v.verdict, v.explained) == ("upheld", True)
    assert v.drop.mean == pytest.approx(np.mean(null) - np.mean(main))
    assert judge([at_most], gains(null, main))[0].explained is False


def test_explanations_are_a_family_of_their_own():
    main = [0.5, 0.6, 0.4, 0.7, 0.5]
    null = list(np.subtract(main, [0.02, 0.11, 0.16, 0.05, 0.12]))  # p = 0.02 for the drop
    plain = [gains([0.1, -0.1, 0.2, -0.2, 0.05]).assign(metric=f"n{i}") for i in range(8)]
    others = [claim(id=f"N{i}", metric=f"n{i}") for i in range(8)]
    first = judge([claim(null="null:no_table"), *others], pd.concat([gains(main, null), *plain]))[0]
    assert first.drop.level == 0.05
    assert first.measured.level == pytest.approx(0.05 / 9)
    assert first.explained is True


def test_explanations_ask_for_any_drop_whatever_the_margin():
    """Two drops of p = 0.02 and p = 0.0003, margins far away: Holm orders them by their distance from zero alone."""
    main = [0.5, 0.6, 0.4, 0.7, 0.5]
    weak, strong = np.array([0.02, 0.11, 0.16, 0.05, 0.12]), np.array([0.4, 0.45, 0.5, 0.35, 0.42])
    frame = pd.concat([gains(main, list(main - weak)), gains(main, list(main - strong)).assign(metric="m2")])
    family = [
        claim(margin=9.0, null="null:no_table"),
        claim(id="C2", metric="m2", margin=float(strong.mean()), null="null:no_table"),
    ]
    levels = {v.claim.id: v.drop.level for v in judge(family, frame)}
    assert levels == {"C1": 0.05, "C2": 0.025}


def test_the_real_world_has_no_null_and_no_trends():
    frame = pd.concat([gains([0.5, 0.6, 0.4, 0.7, 0.5]).assign(world="real")])
    trend = claim(id="T", kind="trend", worlds=["a", "b"], x=[0, 1])
    verdicts = judge([claim(null="null:no_table"), trend], frame, world="real", strict=False)
    assert (verdicts[0].verdict, verdicts[0].null, verdicts[0].explained) == ("upheld", None, None)
    assert verdicts[1].verdict == "undecided"
    assert "generated worlds" in verdicts[1].why


# Exact facts, files, tables


@pytest.mark.parametrize(
    ("computed", "verdict"), [(0.0877, "upheld"), (0.0885, "upheld"), (0.0886, "refuted"), (0.0874, "refuted")]
)
def test_an_exact_fact_holds_within_its_tolerance(computed, verdict):
    exact = claim(kind="exact", data="", better="", worse="")
    [v] = judge([exact], gains([0.1, 0.2]), exact={"C1": (computed, 0.088, 0.0005)})
    assert v.verdict == verdict
    with pytest.raises(ClaimError, match="no computed value"):
        judge([exact], gains([0.1, 0.2]))
    with pytest.raises(ClaimError, match="no computed value"):
        judge([exact], gains([0.1, 0.2]), exact={"C2": (1, 1, 1)})


def test_exact_facts_take_no_share_of_alpha():
    frame = gains([0.02, 0.11, 0.16, 0.05, 0.12])
    facts = [claim(id=f"E{i}", kind="exact") for i in range(5)]
    verdicts = judge([claim(), *facts], frame, exact={f.id: (1, 1, 0) for f in facts})
    assert verdicts[0].measured == judge([claim()], frame)[0].measured


def test_ids_must_be_unique():
    with pytest.raises(ClaimError, match="not unique: C1, C1"):
        judge([claim(), claim()], gains([0.1, 0.2]))


def test_an_entry_of_claims_json_survives_strict_json():
    frame = gains([0.5, 0.6, 0.4, 0.7, 0.5], [0.1, 0.15, 0.05, 0.3, 0.2])
    one = claim(null="null:no_table", published={"better": 0.275, "worse": 0.088}, margin=0.01)
    entry = judge([one], frame)[0].as_dict()
    assert json.loads(json.dumps(entry, allow_nan=False)) == entry
    assert list(entry) == [
        *("id", "text", "kind", "metric", "data", "better", "worse", "published", "measured", "null", "margin"),
        *("verdict", "explained", "why", "source"),
    ]
    assert list(entry["measured"]) == ["mean", "low", "high", "n"]
    assert list(entry["null"]) == ["name", "mean", "low", "high", "n"]
    assert entry["null"]["name"] == "null:no_table"
    assert entry["published"] == {"better": 0.275, "worse": 0.088}
    assert type(entry["measured"]["mean"]) is float
    assert type(entry["explained"]) is bool


def test_why_carries_the_numbers_that_decided():
    [v] = judge([claim(null="null:no_table", margin=0.01)], gains([0.5, 0.6, 0.4, 0.7, 0.5], [0.1, 0.15, 0.05, 0.3, 0.2]))
    for number in (v.measured.mean, v.measured.low, v.measured.high, v.null.mean, v.drop.low, 0.01):
        assert f"{number:.4g}" in v.why
    assert "gating over text" in v.why
    assert "5 seeds" in v.why
    assert v.why.endswith(".")
    assert v.why.count(". ") == 0  # one sentence


def test_the_table_shows_published_gains_in_the_claims_sign():
    family = [
        claim(published={"better": 237.3, "worse": 254.0}, direction="lower"),
        claim(id="E", kind="exact", published={"better": 1}),
    ]
    frame = claims.table(judge(family, gains([0.1, 0.2, 0.3, 0.2, 0.1]), exact={"E": (1, 1, 0)}))
    assert frame["published"].iloc[0] == pytest.approx(16.7)
    assert np.isnan(frame["published"].iloc[1])
    assert list(frame["id"]) == ["C1", "E"]
    assert frame["mean"].iloc[0] == pytest.approx(-0.18)
    assert claims.table([]).empty


# The harness itself. With 10,000 made-up papers a rate of 5 % is known to within 3 standard errors = 0.7 points.

REPEATS = 10_000
EFFECT = 3.5  # standard deviations of the paired differences: 5 seeds, the only true one of 9 claims
EFFECT_ALL = 2.5  # the same when all 9 are true: Holm gives the later ones more room


def slack(rate: float) -> float:
    return 3 * math.sqrt(rate * (1 - rate) / REPEATS)


@pytest.mark.parametrize("distribution", ["normal", "heavy tails", "shared baseline"])
@pytest.mark.parametrize("n_seeds", [3, 5, 10])
def test_a_paper_without_a_true_claim_gets_one_upheld_in_at_most_one_of_twenty(distribution, n_seeds):
    rates = simulate(0.0, n_seeds, n_true=0, distribution=distribution, repeats=REPEATS)
    assert rates["false_upheld"] <= 0.05 - slack(0.05)  # so the true rate is below 5 % with room for the simulation's own error
    assert rates["false_explained"] <= 0.05 - slack(0.05)
    assert rates["false_upheld_per_claim"] <= 0.05 / 9
    assert math.isnan(rates["power"])


def test_true_neighbours_do_not_raise_the_false_rate():
    for n_true in (1, 5, 8):
        assert simulate(EFFECT, n_true=n_true, repeats=REPEATS)["false_upheld"] <= 0.05 - slack(0.05)


def test_power_at_the_stated_effect_is_at_least_eighty_percent():
    assert simulate(EFFECT, 5, 9, n_true=1, repeats=REPEATS)["power"] >= 0.8 + slack(0.8)
    assert simulate(EFFECT_ALL, 5, 9, n_true=9, repeats=REPEATS)["power"] >= 0.8 + slack(0.8)
    assert simulate(1.5, 10, 9, n_true=1, repeats=REPEATS)["power"] >= 0.8  # ten seeds see less than half of it
    assert simulate(2.5, 5, 9, n_true=1, repeats=REPEATS)["power"] < 0.8 - slack(0.8)  # and five seeds do not see this alone


def test_power_lies_between_those_of_the_first_and_the_last_step():
    """A lone true claim is tested at alpha / 9, or at alpha / 8 after one false success: the noncentral t tells both."""
    for effect in (1.5, 2.5, 3.5):
        power = simulate(effect, repeats=REPEATS)["power"]
        step = [stats.nct.sf(stats.t.isf(0.05 / m / 2, 4), 4, effect * math.sqrt(5)) for m in (9, 8)]
        assert step[0] - slack(step[0]) <= power <= step[1] + slack(step[1])


def test_an_advantage_that_stays_in_the_null_is_not_explained():
    stays = simulate(EFFECT, n_true=9, kept=1.0, repeats=REPEATS)
    assert stays["power"] > 0.99
    assert stays["false_explained"] <= 0.05 - slack(0.05)
    assert math.isnan(stays["explained_power"])
    goes = simulate(EFFECT * math.sqrt(2), n_true=1, kept=0.0, repeats=REPEATS)  # a drop has twice the variance of a gain
    assert goes["explained_power"] == pytest.approx(simulate(EFFECT, repeats=REPEATS)["power"], abs=0.02)


def test_folds_need_the_correction_and_get_it():
    assert simulate(0.0, 4, n_true=0, distribution="folds", repeats=REPEATS)["false_upheld"] > 0.05
    assert simulate(0.0, 4, n_true=0, distribution="folds", train_test_ratio=3.0, repeats=REPEATS)[
        "false_upheld"
    ] <= 0.05 - slack(0.05)


def test_strongly_skewed_differences_break_the_promise_as_the_docstring_says():
    assert simulate(0.0, n_true=0, distribution="skewed", repeats=REPEATS)["false_upheld"] > 0.2
    assert "skewed" in simulate.__doc__


@pytest.mark.parametrize("distribution", claims.DISTRIBUTIONS)
def test_noise_has_mean_zero_and_spread_one(distribution):
    noise = harness._noise(np.random.default_rng(1), (40_000, 2, 3), distribution, 3.0)
    assert abs(noise.mean()) < 0.02
    assert noise.std() == pytest.approx(1, abs=0.1 if distribution == "heavy tails" else 0.02)
    across = np.corrcoef(noise[:, 0, 0], noise[:, 1, 0])[0, 1]
    within = np.corrcoef(noise[:, 0, 0], noise[:, 0, 1])[0, 1]
    assert across == pytest.approx(0.5 if distribution == "shared baseline" else 0.0, abs=0.02)
    assert within == pytest.approx(0.25 if distribution == "folds" else 0.0, abs=0.02)


@pytest.mark.parametrize("ratio", [None, 3.0])
def test_the_fast_path_is_the_path_of_judge(ratio):
    """The same papers through scores, `judge` and its verdicts: equal rates, count for count."""
    papers, n_claims, n_seeds, effect = 60, 4, 4, 3.0
    rates = simulate(effect, n_seeds, n_claims, n_true=2, kept=0.5, repeats=papers, seed=3, train_test_ratio=ratio)
    rng = np.random.default_rng(3)
    mean = np.array([effect, effect, 0, 0])[:, None]
    main, null = (k * mean + harness._noise(rng, (papers, n_claims, n_seeds), "normal", ratio) for k in (1.0, 0.5))
    family = [claim(id=f"C{i}", metric=f"m{i}", worse="", null="null:no_table") for i in range(n_claims)]
    upheld, explained = [], []
    for paper in range(papers):
        frame = pd.DataFrame(
            [
                {"data": "pets", "metric": f"m{c}", "method": "gating", "world": world, "seed": s, "value": values[paper, c, s]}
                for world, values in (("main", main), ("null:no_table", null))
                for c in range(n_claims)
                for s in range(n_seeds)
            ]
        )
        verdicts = judge(family, frame, train_test_ratio=ratio)
        upheld.append([v.verdict == "upheld" for v in verdicts])
        explained.append([v.explained for v in verdicts])
    upheld, explained = np.array(upheld), np.array(explained)
    assert upheld[:, :2].any()
    assert not upheld[:, :2].all()
    assert rates["power"] == upheld[:, :2].mean()
    assert rates["false_upheld"] == upheld[:, 2:].any(axis=1).mean()
    assert rates["explained_power"] == explained[:, :2].mean()
    assert rates["false_explained"] == explained[:, 2:].any(axis=1).mean()


def test_simulate_refuses_what_it_cannot_simulate():
    with pytest.raises(ClaimError, match="did you mean 'normal'"):
        simulate(distribution="norml")
    with pytest.raises(ClaimError, match="at least two seeds"):
        simulate(n_seeds=1)

"""Figures of target matrices are read back: bars, ticks, points, bands, facts; and nothing collides."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from scipy import stats

from mmkit import plots
from mmkit.errors import DataError
from mmkit.scores import embeddings
from tests.test_plots import assert_readable, lines

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _style_and_close() -> Iterator[None]:
    with plt.rc_context():
        plots.use_style()
        yield
    plt.close("all")


def legend(ax: Axes) -> list[str]:
    return [t.get_text() for t in ax.get_legend().get_texts()]


# Parameters


PARTS = pd.DataFrame(
    [
        ("Multi30k DE-EN", "learned", "embeddings", 2_010_368),
        ("Multi30k DE-EN", "learned", "embeddings", 1_508_608),  # two of a name are one part
        ("Multi30k DE-EN", "learned", "body", 7_351_296),
        ("Multi30k DE-EN", "learned", "output head", 3_023_109),
        ("Multi30k DE-EN", "fixed", "embeddings", 3_518_976),
        ("Multi30k DE-EN", "fixed", "body", 7_351_296),
        ("Attend", "learned", "body", 20_483_859),
        ("Attend", "learned", "second matrix", 4_858_880),
        ("Attend", "fixed", "body", 20_483_859),
        ("WMT", "learned", "output head", 8_224_000),
    ],
    columns=["model", "head", "part", "parameters"],
)
PRINTED = pd.DataFrame(
    [
        ("Multi30k DE-EN", "learned", 13_893_381),
        ("Multi30k DE-EN", "fixed", 10_870_272),
        ("Attend", "learned", 25_342_739),
        ("WMT", "learned", 36_267_832),
        ("Tell", "learned", 18_001_171),  # printed, but not built here
    ],
    columns=["model", "head", "parameters"],
)


def test_parameters_are_stacked_part_by_part_up_to_the_sum():
    ax = plots.parameter_bars(PARTS, PRINTED, extra=["second matrix"])
    ax.figure.canvas.draw()
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert names == ["Multi30k DE-EN   learned", "fixed", "Attend   learned", "fixed", "WMT   learned"]
    place = dict(zip(range(5), ax.get_yticks(), strict=True))
    drawn = {c.get_label(): c.patches for c in ax.containers if isinstance(c, BarContainer)}
    row = {y: i for i, y in place.items()}
    spans = {
        (part, row[round(2 * (b.get_y() + 0.4)) / 2]): (1e6 * b.get_x(), 1e6 * b.get_width())
        for part, bars in drawn.items()
        for b in bars
    }
    assert spans == {
        ("embeddings", 0): pytest.approx((0, 3_518_976)),
        ("body", 0): pytest.approx((3_518_976, 7_351_296)),
        ("output head", 0): pytest.approx((10_870_272, 3_023_109)),
        ("embeddings", 1): pytest.approx((0, 3_518_976)),
        ("body", 1): pytest.approx((3_518_976, 7_351_296)),
        ("body", 2): pytest.approx((0, 20_483_859)),
        ("second matrix", 2): pytest.approx((20_483_859, 4_858_880)),
        ("body", 3): pytest.approx((0, 20_483_859)),
        ("output head", 4): pytest.approx((0, 8_224_000)),
    }
    hatched = {part for part, bars in drawn.items() if all(b.get_hatch() for b in bars)}
    assert hatched == {"second matrix"}
    assert legend(ax) == ["printed total", "embeddings", "body", "output head", "second matrix"]
    colours = [bars[0].get_facecolor() for part, bars in drawn.items() if part not in hatched]
    assert len(set(colours)) == 3
    assert_readable(ax)


def test_printed_totals_are_ticks_and_agreement_is_told():
    ax = plots.parameter_bars(PARTS, PRINTED)
    ticks = [line.get_xydata() for line in ax.get_lines() if len(line.get_xydata())]
    y = list(ax.get_yticks())
    assert {y.index(round(t[:, 1].mean(), 6)): 1e6 * t[0, 0] for t in ticks} == {
        0: pytest.approx(13_893_381),
        1: pytest.approx(10_870_272),
        2: pytest.approx(25_342_739),
        4: pytest.approx(36_267_832),
    }
    notes = {y.index(t.xy[1]): (1e6 * t.xy[0], t.get_text()) for t in ax.texts}
    assert [notes[i][1] for i in range(5)] == [
        "13,893,381 = printed",
        "10,870,272 = printed",
        "25,342,739 = printed",
        "20,483,859",
        "8,224,000, printed 36,267,832",
    ]
    assert notes[4][0] == pytest.approx(36_267_832)  # beside whatever reaches further
    assert "WMT learned 8,224,000, printed 36,267,832" in plots.alt_text(ax)
    assert ax.yaxis_inverted()
    ax.figure.canvas.draw()
    assert all(t.get_window_extent().x1 < ax.get_window_extent().x1 for t in ax.texts)  # no note hangs out of the axes
    assert max(ax.get_ylim()) > max(y) + 0.4
    assert min(ax.get_ylim()) < min(y) - 0.4
    steps = np.diff(y)
    assert min(steps[1], steps[3]) > max(steps[0], steps[2])  # models stand apart


def test_seven_models_of_two_heads_stay_readable():
    models = ["Tell", "Attend", "Multi30K DE-EN", "Multi30K EN-DE", "IWSLT DE-EN", "IWSLT EN-DE", "WMT-14 EN-DE"]
    rows = [
        (m, h, p, 3_000_000)
        for m in models
        for h in ("learned", "fixed")
        for p in "embeddings encoder attention decoder head".split()
    ]
    parts = pd.DataFrame(rows, columns=PARTS.columns)
    printed = parts.groupby(["model", "head"], sort=False, as_index=False)["parameters"].sum()
    printed.loc[0, "parameters"] = 36_000_000
    assert_readable(plots.parameter_bars(parts, printed))


# Norms


def some_rows() -> pd.DataFrame:
    count = RNG.zipf(1.6, 400).clip(max=3000) + 1
    norms = {
        "learned": 6 - 0.5 * np.log(count) + RNG.normal(0, 0.4, 400),
        "fixed": RNG.normal(130, 2.6, 400),
        "unit": np.ones(400),
    }
    return pd.concat([pd.DataFrame({"head": head, "count": count, "norm": norm}) for head, norm in norms.items()])


def test_norms_lie_over_counts_with_their_correlation():
    frame = some_rows()
    axes = plots.norm_frequency(frame)
    assert len(axes) == 3
    for ax, (head, rows) in zip(axes, frame.groupby("head", sort=False), strict=True):
        [dots] = ax.collections
        np.testing.assert_allclose(dots.get_offsets(), rows[["count", "norm"]])
        rho = 0.0 if head == "unit" else stats.spearmanr(rows["count"], rows["norm"]).statistic
        assert ax.get_title() == f"{head}\nρ = {rho:.2f}"
        assert f"{head} rho {rho:.2f}" in plots.alt_text(axes[0])
        assert ax.get_xscale() == "log"
        assert ax.get_xlim() == axes[0].get_xlim()
    assert axes[2].get_ylim() == (0, 1.5)  # equal lengths are a line, not noise blown up
    assert axes[0].get_ylim()[1] < 10 < 100 < axes[1].get_ylim()[0]
    assert len({tuple(ax.collections[0].get_facecolor()[0]) for ax in axes}) == 3
    assert len({ax.collections[0].get_paths()[0].vertices.tobytes() for ax in axes}) == 3  # markers differ too
    assert_readable(axes[0])


def test_four_heads_stay_readable():
    frame = some_rows()
    more = frame[frame["head"] == "learned"].assign(head="fixed, learned norms")
    axes = plots.norm_frequency(pd.concat([frame, more]))
    assert axes[3].get_title().startswith("fixed, learned\nnorms\nρ = ")
    assert_readable(axes[0])


# Dimensions


def gaps() -> pd.DataFrame:
    rows = [
        (d, metric, m, s, k / d + RNG.normal(0, 0.1))
        for metric, sign in (("BLEU (points)", -10), ("nats per word", 1))
        for m, k in (("raw rows", 20 * sign), ("unit rows", 9 * sign))
        for d in (64, 8, 16)
        for s in range(4)
    ]
    return pd.DataFrame(rows, columns=["dim", "metric", "method", "seed", "gap"])


UNREACHABLE = pd.DataFrame(
    [
        (d, m, s, share + 0.02 * s)
        for m, k in (("unit rows", 0), ("raw rows", 1))
        for d in (4, 8, 64)
        for s in (0, 1)
        for share in [k / d]
    ],
    columns=["dim", "method", "seed", "share"],
)


def test_gaps_stand_over_the_words_that_nothing_reaches():
    frame = gaps()
    bleu, nats, below = plots.gap_and_unreachable(frame, UNREACHABLE)
    for ax, metric in ((bleu, "BLEU (points)"), (nats, "nats per word")):
        assert ax.get_ylabel() == f"gap in {metric}"
        assert any(set(line.get_ydata()) == {0} for line in ax.get_lines())  # the line of no gap
        for method, band in zip(["raw rows", "unit rows"], ax.collections, strict=True):
            values = frame[(frame["metric"] == metric) & (frame["method"] == method)].groupby("dim")["gap"]
            np.testing.assert_allclose(lines(ax)[method], np.c_[[8, 16, 64], values.mean()])
            interval = stats.ttest_1samp(values.get_group(16), 0).confidence_interval(0.95)
            vertices = band.get_paths()[0].vertices
            drawn = vertices[np.isclose(vertices[:, 0], 16), 1]
            assert (drawn.min(), drawn.max()) == pytest.approx((interval.low, interval.high))
    np.testing.assert_allclose(lines(below)["raw rows"], [[4, 0.26], [8, 0.135], [64, 1 / 64 + 0.01]])
    np.testing.assert_allclose(lines(below)["unit rows"][:, 1], 0.01)
    told = plots.alt_text(bleu)
    assert "words that no context reaches: unit rows from 0.01 to 0.01, raw rows from 0.26 to 0.0256" in told
    assert told.startswith("Against the dimension, 4 to 64")
    assert_readable(bleu)


def test_a_method_looks_the_same_in_all_panels():
    axes = plots.gap_and_unreachable(gaps(), UNREACHABLE)  # which name the methods in another order
    looks = [{h.get_label(): (h.get_color(), h.get_marker()) for h in ax.get_legend_handles_labels()[0]} for ax in axes]
    assert looks[0] == looks[1] == looks[2]
    assert {m: c[1] for m, c in looks[0].items()} == {m: c[1] for m, c in plots.looks(["raw rows", "unit rows"]).items()}
    assert len({colour for colour, _ in looks[0].values()}) == 2
    assert len(axes[-1].get_xticks(minor=True)) == 0  # or a log axis writes 3 x 10^1 between them
    assert legend(axes[0]) == ["raw rows", "unit rows"]
    assert axes[1].get_legend() is None
    assert len({ax.get_xlim() for ax in axes}) == 1
    axes[0].figure.canvas.draw()
    assert [t.get_text() for t in axes[-1].get_xticklabels()] == ["4", "8", "16", "64"]
    assert axes[-1].get_xscale() == "log"
    assert [t.get_text() for t in axes[-1].get_yticklabels()] == ["0%", "50%", "100%"]


# Training


def test_norms_over_training_with_what_is_required():
    rows = [(t, k * t + RNG.random(), r, s) for t in range(1, 11) for r, k in (("raw", 0.1), ("unit", 2.0)) for s in range(3)]
    frame = pd.DataFrame(rows, columns=["epoch", "norm", "rows", "seed"])
    ax = plots.norm_over_training(frame, {"unit": 15.1, "raw": 0.12})
    for rows in ("raw", "unit"):
        mean = frame[frame["rows"] == rows].groupby("epoch")["norm"].mean()
        np.testing.assert_allclose(lines(ax)[rows], np.c_[mean.index, mean])
    drawn = {line.get_label(): line for line in ax.get_lines()}
    assert set(drawn["unit: required 15.1"].get_ydata()) == {15.1}
    assert drawn["unit: required 15.1"].get_color() == drawn["unit"].get_color() != drawn["raw"].get_color()
    assert drawn["raw: required 0.12"].get_color() == drawn["raw"].get_color()
    assert legend(ax) == ["unit", "raw", "unit: required 15.1", "raw: required 0.12"]
    assert plots.alt_text(ax).endswith("Required with unit: 15.1. Required with raw: 0.12.")
    assert ax.get_yscale() == "log"
    ax.figure.canvas.draw()
    assert all(x.is_integer() for x in ax.get_xticks())
    assert_readable(ax)


def test_norms_within_one_decade_still_have_numbers():
    frame = pd.DataFrame([(t, 2.0 + t, "unit", 0) for t in range(5)], columns=["epoch", "norm", "rows", "seed"])
    ax = plots.norm_over_training(frame)
    ax.figure.canvas.draw()
    low, high = ax.get_ylim()
    assert [t.get_text() for t in ax.get_yticklabels() if low <= t.get_position()[1] <= high] == ["2", "5"]
    assert len(ax.get_yticks(minor=True)) == 0
    assert all(x.is_integer() for x in ax.get_xticks())  # there is no epoch 0.5
    assert legend(ax) == ["unit"]
    assert_readable(ax)


# Cosines


def test_cosines_and_the_normal_curve():
    cosines = embeddings.all_cosines(RNG.normal(size=(300, 64)))
    ax = plots.cosine_histogram(cosines, 64, 300, unreachable=0.061)
    [steps] = ax.patches
    density, edges, _ = steps.get_data()
    np.testing.assert_allclose(edges, np.linspace(-1, 1, len(edges)))
    assert len(density) > 100
    for left, right, high in zip(edges, edges[1:], density, strict=False):
        assert high * (right - left) == pytest.approx(((cosines >= left) & (cosines < right)).mean(), abs=1e-4)
    curve = lines(ax)["N(0, 1/d)"]
    np.testing.assert_allclose(curve[:, 1], stats.norm.pdf(curve[:, 0], scale=1 / 8))
    assert cosines.max() in [line.get_xdata()[0] for line in ax.get_lines()]
    assert_readable(ax)


def test_what_a_random_matrix_costs_and_allows():
    ax = plots.cosine_histogram([0.25, -0.1], 512, 9490, unreachable=0.061, scale=2.0, p=0.5)
    assert ax.get_title() == "d = 512, |V| = 9,490"
    norm = embeddings.required_norm(9490, 0.5, 0.25, 2.0)
    facts = ["largest: 0.25 (broken line)", f"‖f‖ = {norm:.3g} for p = 0.5", "6.1% unreachable", "Adam saves 38.9 MB"]
    assert ax.get_xlabel().split("\n") == ["cosine of two rows", *facts]
    assert all(fact in plots.alt_text(ax) for fact in facts)
    for cosines in ([1.0, 0.0], [1 - 1e-9, 0.0]):
        assert "‖f‖ > 10,000 for p = 0.9" in plots.cosine_histogram(cosines, 2, 50, 0.9).get_xlabel()


def test_four_panels_of_cosines_side_by_side_stay_readable():
    axes = plt.subplots(1, 4, figsize=(7.5, 3.4), layout="constrained", sharey=True)[1]
    for ax, d in zip(axes, (2, 4, 64, 512), strict=True):
        assert plots.cosine_histogram(embeddings.all_cosines(RNG.uniform(-10, 10, (200, d))), d, 200, 0.0, ax=ax) is ax
        ax.label_outer()
    assert_readable(axes[0])
    for ax in axes:  # and the legend hides no bar
        box = ax.get_legend().get_window_extent()
        assert box.y0 >= ax.patches[0].get_window_extent().y1 - 2


# Bad input, given axes


@pytest.mark.parametrize(
    ("draw", "told"),
    [
        (lambda f: plots.parameter_bars(f, PRINTED), "parts has no column model, head, part, parameters; it has x"),
        (lambda f: plots.parameter_bars(PARTS, f), "printed has no column model, head, parameters"),
        (lambda f: plots.norm_frequency(f), "rows has no column head, count, norm"),
        (lambda f: plots.gap_and_unreachable(f, UNREACHABLE), "gaps has no column dim, metric, method, seed, gap"),
        (lambda f: plots.gap_and_unreachable(gaps(), f), "unreachable has no column dim, method, seed, share"),
        (lambda f: plots.norm_over_training(f), "norms has no column epoch, norm, rows, seed"),
        (lambda f: plots.norm_frequency(some_rows()[:0]), "rows has no rows"),
        (lambda f: plots.cosine_histogram([], 2, 5, 0.0), "no cosines, so there is nothing to draw"),
    ],
)
def test_missing_columns_are_named(draw, told):
    with pytest.raises(DataError, match=told):
        draw(pd.DataFrame({"x": [1]}))


def test_drawing_on_given_axes_makes_no_other_figure():
    _, axes = plt.subplots(3)
    before = plt.get_fignums()
    assert plots.parameter_bars(PARTS, PRINTED, ax=axes[0]) is axes[0]
    assert plots.norm_frequency(some_rows(), ax=axes)[2] is axes[2]
    _, more = plt.subplots(3)
    assert plots.gap_and_unreachable(gaps(), UNREACHABLE, ax=more)[2] is more[2]
    frame = pd.DataFrame({"epoch": [1, 2], "norm": [1.0, 2.0], "rows": "a", "seed": 0})
    assert plots.norm_over_training(frame, ax=axes[1]) is axes[1]
    assert len(plt.get_fignums()) == len(before) + 1

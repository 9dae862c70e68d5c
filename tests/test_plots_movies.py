"""Figures of gates, training and uncertainty are read back: dots, lines, bands, cells, frames; and nothing collides."""

from __future__ import annotations

import math
from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.container import BarContainer, ErrorbarContainer
from scipy import stats

from mmkit import plots
from mmkit.errors import DataError
from mmkit.plots import gates, uncertainty
from mmkit.scores import agreement, calibration, multilabel
from tests.test_plots import assert_readable, bars, lines

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _style_and_close() -> Iterator[None]:
    RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state  # whichever tests ran before
    with plt.rc_context():
        plots.use_style()
        yield
    plt.close("all")


def legend(ax: Axes) -> list[str]:
    return [t.get_text() for t in ax.get_legend().get_texts()]


def interval(values: pd.Series) -> tuple[float, float]:
    """95 % t interval of a mean over seeds, by another way."""
    return tuple(stats.ttest_1samp(values, 0).confidence_interval(0.95))


def band_at(ax: Axes, which: int, x: float) -> tuple[float, float]:
    """(low, high) of the which-th band at x."""
    vertices = ax.collections[which].get_paths()[0].vertices
    drawn = vertices[np.isclose(vertices[:, 0], x), 1]
    return drawn.min(), drawn.max()


# Table rows


PUBLISHED = pd.DataFrame(
    [
        ("VA", "Fast-MA", 70.3, np.nan),
        ("VA", "Concat", 59.2, 0.3),
        ("TVAPM", "Fast-MA", 75.3, np.nan),
        ("VA", "GMU", 58.9, 0.7),  # rows of one group need not stand together
        ("TVAPM", "Concat", 64.8, 5.8),
    ],
    columns=["group", "method", "value", "spread"],
)
MEASURED = pd.DataFrame(
    [
        (group, method, seed, value + RNG.normal())
        for group, method, value in (("TVAPM", "Concat", 40.0), ("TVAPM", "GMU", 50.0), ("VA", "Concat", 30.0))
        for seed in range(4)
    ],
    columns=["group", "method", "seed", "value"],
)
ROWS = {
    "VA Fast-MA": 0,
    "VA Concat": 1,
    "VA GMU": 2,
    "TVAPM Fast-MA": 3.5,
    "TVAPM Concat": 4.5,
    "TVAPM GMU": 5.5,
}


def test_rows_meet_their_methods_group_by_group():
    left, right = plots.rows_dots(PUBLISHED, MEASURED, "micro AP (%)")
    left.figure.canvas.draw()
    assert list(left.get_yticks()) == list(ROWS.values())
    assert [t.get_text() for t in left.get_yticklabels()] == ["VA   Fast-MA", "Concat", "GMU", "TVAPM   Fast-MA", "Concat", "GMU"]
    theirs, ours = bars(left), bars(right)
    for group, method, value, spread in PUBLISHED.itertuples(index=False):
        [point], [segment] = theirs[f"{group} {method}"]
        assert tuple(point) == (value, ROWS[f"{group} {method}"])
        half = 0 if math.isnan(spread) else spread
        np.testing.assert_allclose(segment[:, 0], [value - half, value + half])
    assert len(theirs) == len(PUBLISHED)
    for (group, method), some in MEASURED.groupby(["group", "method"]):
        [point], [segment] = ours[f"{group} {method}"]
        assert tuple(point) == pytest.approx((some["value"].mean(), ROWS[f"{group} {method}"]))
        np.testing.assert_allclose(segment[:, 0], interval(some["value"]))
        assert f"{group} {method} {some['value'].mean():.4g}" in plots.alt_text(left)
    assert len(ours) == 3
    assert left.get_ylim() == right.get_ylim() == (6.1, -0.6)
    assert_readable(left)


def test_published_dots_are_hollow_and_a_method_has_one_look():
    left, right = plots.rows_dots(PUBLISHED, MEASURED, "micro AP (%)")
    looks: dict[str, set] = {}
    for ax, hollow in ((left, True), (right, False)):
        for bar in (c for c in ax.containers if isinstance(c, ErrorbarContainer)):
            dot = bar[0]
            assert (to_rgba(dot.get_markerfacecolor()) == to_rgba("white")) == hollow
            looks.setdefault(bar.get_label().split()[1], set()).add((dot.get_marker(), to_rgba(dot.get_markeredgecolor())))
    assert {method: len(look) for method, look in looks.items()} == {"Fast-MA": 1, "Concat": 1, "GMU": 1}
    assert len(set.union(*looks.values())) == 3


def test_rows_share_one_axes_when_told_and_twenty_stay_readable():
    _, ax = plt.subplots(figsize=(6, 3), layout="constrained")
    left, right = plots.rows_dots(PUBLISHED, MEASURED, "micro AP (%)", ax=ax)
    assert left is ax is right
    drawn = [(c.get_label(), c[0].get_ydata()[0]) for c in ax.containers]
    ys = [y for label, y in drawn if label == "VA Concat"]
    assert ys[0] < 1 < ys[1]  # the paper's above ours, both at their row
    assert_readable(ax)
    many = pd.DataFrame(
        [(g, f"method {i}", 0.61 + 0.001 * i) for g in "AB" for i in range(10)], columns=["group", "method", "value"]
    )
    left, _ = plots.rows_dots(many, many.assign(seed=0), "weighted F1")
    assert len(left.get_yticks()) == 20
    assert_readable(left)
    names = [f"PM+MO, lambda-KL, L2, {i}" for i in range(4)]
    one = pd.DataFrame({"group": "", "method": names, "value": [0.602, 0.609, 0.615, 0.617]})
    left, _ = plots.rows_dots(one, one.assign(seed=0), "weighted F1")
    assert [t.get_text() for t in left.get_yticklabels()] == names  # no group, no blanks
    assert_readable(left)  # numbers with four decimals on half the width


# Lines


def runs(column: str, x: np.ndarray, methods=("GMU", "GMU, 3000 wide", "PM+MO")) -> pd.DataFrame:
    rows = [(m, s, a, 0.5 + 0.1 * i + 0.05 * RNG.random()) for i, m in enumerate(methods) for s in range(4) for a in x]
    return pd.DataFrame(rows, columns=["method", "seed", column, "value"])


def assert_means_and_bands(ax: Axes, frame: pd.DataFrame, column: str, methods: list[str]) -> None:
    for which, method in enumerate(methods):
        xy = lines(ax)[method]
        rows = frame[frame["method"] == method]
        np.testing.assert_allclose(xy[:, 0], np.unique(rows[column]))
        for x, mean in xy[:: len(xy) // 3]:
            values = rows[rows[column] == x]["value"]
            assert mean == pytest.approx(values.mean())
            assert band_at(ax, which, x) == pytest.approx(interval(values))


def test_curves_are_means_over_seeds_by_epoch():
    frame = runs("epoch", np.arange(1, 46))
    ax = plots.curves(frame, "weighted F1 (validation)")
    assert_means_and_bands(ax, frame, "epoch", list(dict.fromkeys(frame["method"])))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "weighted F1 (validation)")
    for line in ax.get_lines():
        assert 10 <= len(line.get_xdata()[:: line.get_markevery()]) <= 16
    assert_readable(ax)
    short = frame[(frame["seed"] < 2) | (frame["epoch"] <= 3)]
    last = lines(plots.curves(short, "F1"))["PM+MO"][-1]
    expected = short[(short["method"] == "PM+MO") & (short["epoch"] == 45)]["value"]
    assert len(expected) == 2
    assert tuple(last) == pytest.approx((45, expected.mean()))  # seeds that stopped early do not count as 0


def test_threshold_curves_mark_what_was_chosen():
    y = RNG.random((300, 5)) < 0.3
    p = {m: np.clip(k * y + RNG.random(y.shape) / 2, 0, 1) for m, k in (("GMU", 0.3), ("PM+MO", 0.2))}
    frame = pd.concat(
        pd.DataFrame({"threshold": multilabel.THRESHOLDS, "value": multilabel.f1_at(y, np.clip(q + 0.02 * s, 0, 1))}).assign(
            method=m, seed=s
        )
        for m, q in p.items()
        for s in range(3)
    )
    chosen = {m: multilabel.best_threshold(y, q) for m, q in p.items()}
    ax = plots.threshold_curves(frame, "weighted F1", chosen, {"released code": 0.3, "usual": 0.5})
    assert_means_and_bands(ax, frame, "threshold", ["GMU", "PM+MO"])
    stars = {line.get_markerfacecolor(): line.get_xydata() for line in ax.get_lines() if line.get_marker() == "*"}
    drawn = {line.get_label(): line.get_color() for line in ax.get_lines()}
    for method, threshold in chosen.items():
        [[x, height]] = stars[drawn[method]]
        assert x == threshold
        mean = frame[(frame["method"] == method) & (frame["threshold"] == threshold)]["value"].mean()
        assert height == pytest.approx(mean)
        assert f"Chosen for {method}: {threshold:.2f}, {mean:.3g}." in plots.alt_text(ax)
    assert (lines(ax)["released code: 0.3"][:, 0] == 0.3).all()
    assert (lines(ax)["usual: 0.5"][:, 0] == 0.5).all()
    assert set(legend(ax)) == {"GMU", "PM+MO", "released code: 0.3", "usual: 0.5", "chosen"}
    assert_readable(ax)
    assert set(legend(plots.threshold_curves(frame, "weighted F1"))) == {"GMU", "PM+MO"}


def test_terms_have_a_panel_and_a_scale_each():
    likelihood = runs("epoch", np.arange(1, 9), ("M+MO", "scaled", "as released"))
    kl = runs("epoch", np.arange(1, 9), ("as released", "scaled"))  # M+MO has none, and the order is another
    kl.loc[kl["method"] == "as released", "value"] *= 1e7
    frame = pd.concat([likelihood.assign(term="-log likelihood (nats)"), kl.assign(term="KL (nats)")])
    above, below = plots.terms(frame.sort_values("epoch", ascending=False, kind="stable"))
    for ax, part, methods in ((above, likelihood, ["M+MO", "scaled", "as released"]), (below, kl, ["as released", "scaled"])):
        assert_means_and_bands(ax, part, "epoch", methods)
        assert set(lines(ax)) == set(methods)
    assert (above.get_ylabel(), below.get_ylabel()) == ("-log likelihood (nats)", "KL (nats)")
    assert (above.get_yscale(), below.get_yscale()) == ("linear", "log")
    assert legend(above) == ["M+MO", "scaled", "as released"]
    looks = [{line.get_label(): (line.get_color(), line.get_marker()) for line in ax.get_lines()} for ax in (above, below)]
    assert looks[1] == {m: looks[0][m] for m in ("as released", "scaled")}
    assert "KL (nats): as released from" in plots.alt_text(above)
    assert_readable(above)
    negative = frame.assign(value=-frame["value"])
    assert [ax.get_yscale() for ax in plots.terms(negative)] == ["linear", "linear"]


# Gates


def films(world: str, slope: float, seed: int, n: int = 900) -> pd.DataFrame:
    truth = RNG.random(n)
    return pd.DataFrame({"truth": truth, "gate": 0.3 + slope * truth + 0.1 * RNG.random(n), "world": world, "seed": seed})


def test_gates_meet_the_truth_world_by_world():
    frame = pd.concat([films(w, k, s) for w, k in (("main", 0.5), ("null: hidden", 0.02)) for s in range(3)])
    panels = plots.gate_scatter(frame, "reliability of the poster (truth)", "gate share of the poster")
    assert len(panels) == 2
    for ax, (world, some) in zip(panels, frame.groupby("world", sort=False), strict=True):
        rho = [agreement.spearman(one["truth"], one["gate"]) for _, one in some.groupby("seed")]
        assert ax.get_title() == f"{world}\nρ = {np.mean(rho):.2f} ± {np.std(rho, ddof=1):.2f}"
        drawn = {tuple(xy) for xy in ax.collections[0].get_offsets().tolist()}
        assert len(drawn) == gates.POINTS
        assert ax.collections[0].get_alpha() <= 0.2  # thousands of dots must not hide each other
        assert drawn <= set(zip(some["truth"], some["gate"], strict=True))
        ordered = some.sort_values("truth")[["truth", "gate"]].to_numpy()
        tenths = [tenth.mean(axis=0) for tenth in np.array_split(ordered, 10)]
        np.testing.assert_allclose(ax.get_lines()[0].get_xydata(), tenths)
        assert ax.get_title().replace("\n", " ") in plots.alt_text(panels[0])
    assert panels[0].get_ylim() == panels[1].get_ylim()
    assert [t.get_text() for t in panels[0].figure.legends[0].get_texts()] == ["mean of a tenth of the films"]
    assert_readable(panels[0])


def test_five_panels_wrap_and_only_the_lowest_carry_the_label():
    frame = pd.concat([films(w, 0.1, 0, n=60) for w in "abcde"])
    panels = plots.gate_scatter(frame, "reliability (truth)", "gate share")
    assert [ax.get_title()[0] for ax in panels] == list("abcde")
    assert [bool(ax.get_xlabel()) for ax in panels] == [False, False, True, True, True]
    assert [bool(ax.get_ylabel()) for ax in panels] == [True, False, False, True, False]
    assert len(panels[0].figure.axes) == 5
    assert "±" not in panels[0].get_title()  # one seed
    assert_readable(panels[0])


def test_equal_truths_share_a_bin_and_a_constant_gate_has_no_correlation():
    frame = pd.DataFrame(
        {"truth": np.repeat([0.0, 0.5, 1.0], 20), "gate": np.repeat([0.2, 0.4, 0.9], 20), "world": "a", "seed": 0}
    )
    [ax] = plots.gate_scatter(frame, "x", "y")
    np.testing.assert_allclose(ax.get_lines()[0].get_xydata(), [[0, 0.2], [0.5, 0.4], [1, 0.9]])
    [ax] = plots.gate_scatter(frame.assign(gate=0.5), "x", "y")
    assert ax.get_title() == "a\nρ undefined (constant)"


def genres(rows: int = 13) -> pd.DataFrame:
    names = "Action Animation Biography Comedy Crime Drama Family Fantasy Horror Mystery Romance Sci-Fi Thriller".split()
    names += [f"Genre {i}" for i in range(13, rows)]
    return pd.DataFrame(RNG.random((rows, 5)), index=names[:rows], columns=["text", "video", "audio", "poster", "metadata"])


@pytest.mark.parametrize("rows", [13, 23])
def test_heatmap_cells_say_their_number(rows):
    table = genres(rows)
    table.iloc[2, 3] = np.nan
    ax = plots.genre_heatmap(table, "share of units above 0.9")
    image = ax.images[0]
    np.testing.assert_array_equal(image.get_array().filled(np.nan), table.to_numpy())
    cells = {(t.get_position()[1], t.get_position()[0]): t for t in ax.texts}
    for (row, column), value in np.ndenumerate(table.to_numpy()):
        assert cells[row, column].get_text() == ("–" if math.isnan(value) else f"{value:.2f}")
    ax.figure.canvas.draw()
    assert [t.get_text() for t in ax.get_yticklabels()] == list(table.index)
    assert [t.get_text() for t in ax.get_xticklabels()] == list(table.columns)
    low, high = np.nanargmin(table.to_numpy()), np.nanargmax(table.to_numpy())
    assert cells[divmod(low, 5)].get_color() == "white"  # on the darkest cell
    assert cells[divmod(high, 5)].get_color() == "black"
    assert ax.get_ylim() == (rows - 0.5, -0.5)  # the first genre on top
    assert f"text from {table['text'].min():.2f} ({table['text'].idxmin()}) to" in plots.alt_text(ax)
    assert ax.figure.axes[1].get_ylabel() == "share of units above 0.9"
    assert_readable(ax)


def test_heatmap_diverges_around_its_centre():
    table = genres() * 0.3 + 0.1
    image = plots.genre_heatmap(table, "gate share", centre=0.2).images[0]
    low, high = image.get_clim()
    assert (low + high) / 2 == pytest.approx(0.2)
    assert high == pytest.approx(table.to_numpy().max())
    assert image.get_cmap().name != plots.genre_heatmap(table, "gate share").images[0].get_cmap().name
    ax = plots.genre_heatmap(table * 1000, "units", digits=0)
    assert ax.texts[0].get_text() == f"{1000 * table.iloc[0, 0]:.0f}"


def test_saturated_gates_are_counted():
    values = {"text": RNG.beta(0.1, 0.2, (50, 30)), "audio": RNG.beta(3, 3, (20, 10))}
    ax = plots.gate_histogram(values)
    for outline, (name, gate) in zip(ax.patches, values.items(), strict=True):
        height, edges, _ = outline.get_data()
        np.testing.assert_allclose(edges, np.linspace(0, 1, 41))
        for k in (0, 7, 39):
            inside = (gate >= edges[k]) & ((gate < edges[k + 1]) | (k == 39))
            assert height[k] == pytest.approx(inside.mean())
        assert outline.get_label() == f"{name}: {np.mean(gate > 0.9):.0%} open, {np.mean(gate < 0.1):.0%} shut"
        assert outline.get_label() in plots.alt_text(ax)
    assert len({p.get_edgecolor() for p in ax.patches}) == len({p.get_linestyle() for p in ax.patches}) == 2
    assert [line.get_xdata()[0] for line in ax.get_lines()] == pytest.approx([0.1, 0.9])
    assert_readable(ax)


def test_attention_is_framed_where_the_scenes_agree():
    query, key = np.repeat([4, 7, 9], [2, 3, 2]), np.repeat([9, 4, 7, 4], [1, 2, 3, 1])  # scene 4 comes back
    attention = RNG.dirichlet(np.ones(7), 7)
    ax = plots.attention_map(attention, query, key, "audio step (key)", "video step (query)")
    np.testing.assert_array_equal(ax.images[0].get_array(), attention)
    frames = {(p.get_x() + 0.5, p.get_y() + 0.5, p.get_width(), p.get_height()) for p in ax.patches}
    assert frames == {(1, 0, 2, 2), (6, 0, 1, 2), (3, 2, 3, 3), (0, 5, 1, 2)}  # key, query, steps of key, of query
    inside = np.mean([attention[t, key == query[t]].sum() for t in range(7)])
    even = np.mean([(key == s).mean() for s in query])
    assert ax.get_title() == f"{inside:.0%} on the same scene (even attention: {even:.0%})"
    assert "3 scenes of the queries and 4 of the keys" in plots.alt_text(ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("audio step (key)", "video step (query)")
    assert_readable(ax)


def test_streams_are_pictures_with_their_cuts():
    scenes = np.repeat([2, 0, 2, 1], [3, 2, 4, 1])  # scene 2 comes back
    values = {"video": RNG.normal(size=(10, 6)), "audio": 100 * RNG.normal(size=(7, 3))}
    above, below = plots.streams(values, {"video": scenes})
    for ax, (name, x) in zip((above, below), values.items(), strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), x.T)  # a row per feature, a column per step
        low, high = ax.images[0].get_clim()
        assert high == -low == np.quantile(np.abs(x), 0.99)  # each stream has a scale of its own, white at 0
        assert (ax.get_xlabel(), ax.get_ylabel()) == (f"step of the {name}", "feature")
    assert [line.get_xdata()[0] for line in above.get_lines()] == [2.5, 4.5, 8.5]
    assert [(t.get_position()[0], t.get_text()) for t in above.texts] == [(1, "2"), (3.5, "0"), (6.5, "2"), (9, "1")]
    assert not below.get_lines()
    assert not below.texts
    assert plots.alt_text(above) == (
        "Streams of one record: video, 10 steps of 6 features, 4 scenes; audio, 7 steps of 3 features."
    )
    assert_readable(above)
    blank = plots.streams({"audio": np.zeros((1, 1))})[0]  # no reach, one step
    assert blank.images[0].get_clim() == (-1, 1)


# Settings


def test_bars_stand_side_by_side_with_their_seeds():
    values = {
        ("raw", "concat"): 0.3,
        ("raw", "GMU"): 0.7,
        ("log", "concat"): 0.8,
        ("log", "GMU"): 0.77,
        ("standard", "GMU"): 0.78,
    }
    frame = pd.DataFrame(
        [(x, m, s, v + 0.01 * RNG.normal()) for (x, m), v in values.items() for s in range(5)],
        columns=["x", "method", "seed", "value"],
    )
    ax = plots.grid_bars(frame, "scale of the metadata", "micro average precision", {"no metadata": 0.765})
    ax.figure.canvas.draw()
    levels = [t.get_text() for t in ax.get_xticklabels()]
    assert levels == ["raw", "log", "standard"]
    groups = {c.get_label(): c for c in ax.containers if isinstance(c, BarContainer)}
    found = {}
    for place, (method, group) in enumerate(groups.items()):
        segments = group.errorbar[2][0].get_segments()
        dots = ax.collections[2 * place + 1].get_offsets()  # error bar, dots, error bar, dots
        for bar, segment in zip(group.patches, segments, strict=True):
            centre = bar.get_x() + bar.get_width() / 2
            x = levels[round(centre)]
            some = frame[(frame["x"] == x) & (frame["method"] == method)]["value"]
            assert bar.get_height() == pytest.approx(some.mean())
            assert bar.get_y() == 0
            np.testing.assert_allclose(segment[:, 1], interval(some))
            assert (centre < round(centre)) == (method == "concat")
            inside = dots[(dots[:, 0] > bar.get_x()) & (dots[:, 0] < bar.get_x() + bar.get_width())]
            assert sorted(inside[:, 1]) == sorted(some)
            found[x, method] = bar
    assert set(found) == set(values)
    assert (lines(ax)["no metadata: 0.765"][:, 1] == 0.765).all()
    mean = frame[(frame["x"] == "raw") & (frame["method"] == "GMU")]["value"].mean()
    assert f"GMU raw {mean:.3g}" in plots.alt_text(ax)
    assert_readable(ax)


# Calibration and rejection


def test_reliability_shows_the_bins_and_their_error():
    y = RNG.random((500, 6)) < 0.3
    p = {"GMU": np.clip(0.5 * y + 0.5 * RNG.random(y.shape), 0, 1), "PM+MO": np.clip(0.3 * y + 0.4 * RNG.random(y.shape), 0, 1)}
    curves = {m: calibration.reliability_curve(y, q) for m, q in p.items()}
    frame = pd.concat(pd.DataFrame(curve).assign(method=m) for m, curve in curves.items())
    above, below = plots.reliability_diagram(frame.sample(frac=1, random_state=0).sort_values("method", kind="stable"))
    for method, curve in curves.items():
        error = calibration.expected_calibration_error(y, p[method])
        drawn = lines(above)[f"{method}, ECE {error:.3f}"]
        np.testing.assert_allclose(drawn, np.stack([curve["probability"], curve["share"]], axis=1))
        assert f"{method} ECE {error:.3f}" in plots.alt_text(above)
    for line, curve in zip(below.get_lines(), curves.values(), strict=True):
        np.testing.assert_allclose(line.get_ydata(), curve["count"] / y.size)
    np.testing.assert_array_equal(lines(above)["calibrated"], [[0, 0], [1, 1]])
    assert below.get_yscale() == "log"
    assert above.get_xlim() == below.get_xlim()
    assert_readable(above)


def test_rejection_averages_curves_of_any_length():
    parts, areas = [], {}
    for method, noise in (("knows", 0.1), ("guesses", 9.0)):
        for seed, n in enumerate((300, 290, 310)):
            error = RNG.random(n)
            known = error + noise * RNG.normal(size=n)
            parts.append(pd.DataFrame(calibration.rejection_curve(error, known)).assign(method=method, seed=seed))
            areas.setdefault(method, []).append(calibration.rejection_area(error, known))
    frame = pd.concat(parts)
    ax = plots.rejection(frame.sort_values("coverage", ascending=False, kind="stable"), "1 - F1 per film")
    for which, (method, area) in enumerate(areas.items()):
        drawn = lines(ax)[f"{method}, area {np.mean(area):.3g}"]
        np.testing.assert_allclose(drawn[:, 0], uncertainty.COVERAGES)
        for coverage in (0.1, 1.0):
            read = [
                np.interp(coverage, some["coverage"], some["error"])
                for _, some in frame[frame["method"] == method].groupby("seed")
            ]
            assert drawn[np.isclose(drawn[:, 0], coverage), 1] == pytest.approx(np.mean(read))
            assert band_at(ax, which, coverage) == pytest.approx(interval(pd.Series(read)))
        assert f"{method}, area" in plots.alt_text(ax)
    assert ax.get_ylabel() == "1 - F1 per film"
    assert_readable(ax)


# All of them


def test_drawing_on_given_axes_makes_no_other_figure():
    _, axes = plt.subplots(3, 3, figsize=(7, 9), layout="constrained")
    before = plt.get_fignums()
    frame = runs("epoch", np.arange(1, 9))
    curve = pd.DataFrame({"method": "a", "seed": 0, "coverage": [0.5, 1], "error": [1.0, 2]})
    assert plots.curves(frame, "y", ax=axes[0, 0]) is axes[0, 0]
    assert plots.threshold_curves(frame.rename(columns={"epoch": "threshold"}), "y", ax=axes[0, 1]) is axes[0, 1]
    assert plots.grid_bars(frame.rename(columns={"epoch": "x"}), "x", "y", ax=axes[0, 2]) is axes[0, 2]
    assert plots.terms(frame.assign(term="KL"), ax=axes[1, :1])[0] is axes[1, 0]
    assert plots.rejection(curve, "y", ax=axes[1, 1]) is axes[1, 1]
    assert plots.gate_histogram({"a": [0.5]}, ax=axes[1, 2]) is axes[1, 2]
    assert plots.genre_heatmap(genres(), "y", ax=axes[2, 0]) is axes[2, 0]
    assert plots.attention_map([[1.0]], [0], [0], "x", "y", ax=axes[2, 1]) is axes[2, 1]
    assert plots.gate_scatter(films("a", 1, 0), "x", "y", ax=axes[2, 2:])[0] is axes[2, 2]
    assert plt.get_fignums() == before


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: plots.rows_dots(PUBLISHED.drop(columns="group"), MEASURED, "m"), "published has no column group"),
        (lambda: plots.rows_dots(PUBLISHED, MEASURED.drop(columns="seed"), "m"), "measured has no column seed"),
        (lambda: plots.curves(MEASURED, "y"), "frame has no column epoch"),
        (lambda: plots.threshold_curves(MEASURED, "y"), "frame has no column threshold"),
        (lambda: plots.terms(runs("epoch", np.arange(2))), "frame has no column term"),
        (lambda: plots.gate_scatter(films("a", 1, 0)[:0], "x", "y"), "frame has no rows"),
        (lambda: plots.grid_bars(MEASURED, "x", "y"), "frame has no column x"),
        (lambda: plots.reliability_diagram(MEASURED), "frame has no column probability, share, count"),
        (lambda: plots.rejection(MEASURED, "y"), "frame has no column coverage, error"),
        (lambda: plots.genre_heatmap(genres() * np.nan, "y"), "no finite value"),
        (lambda: plots.gate_histogram({}), "no gates"),
        (lambda: plots.streams({}), "no streams"),
        (lambda: plots.streams({"audio": [1.0, 2.0]}), r"stream 'audio' has shape \(2,\), expected \(T, D\)"),
        (
            lambda: plots.gate_histogram({"text": [0.5, 1.5]}),
            "gates of 'text' are 2 values, expected one or more, all from 0 to 1",
        ),
        (lambda: plots.gate_histogram({"text": []}), "gates of 'text' are 0 values"),
        (
            lambda: plots.attention_map(np.ones((2, 3)), [0, 0], [0, 0], "x", "y"),
            r"shape \(2, 3\), scenes \(2,\) and \(2,\); expected",
        ),
    ],
)
def test_what_cannot_be_drawn_is_told(call, told):
    with pytest.raises(DataError, match=told):
        call()

"""Figures of talks are read back: bars and ticks, points and intervals, colours, frames, crosses, cells; and nothing collides."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from scipy import stats

from mmkit import plots
from mmkit.errors import DataError
from mmkit.plots import conversations as c
from mmkit.plots.style import BLUE, ORANGE
from mmkit.scores.emotions import similar_errors
from tests.test_plots import assert_readable, bars, lines

RNG = np.random.default_rng(0)
EMOTIONS = ("happy", "sad", "neutral", "angry", "excited", "frustrated")
PLANE = np.array([(0.8, 0.3), (-0.7, -0.6), (0.0, -0.1), (-0.8, 0.8), (0.8, 0.8), (-0.7, 0.3)])
# Zhang and Chai (2021), Table 1, last row, with the counts that it implies
ROWS = pd.DataFrame(
    {
        "emotion": EMOTIONS,
        "correct": [51, 156, 248, 121, 206, 279],
        "predicted": [96, 182, 413, 182, 298, 452],
        "support": [144, 245, 384, 170, 299, 381],
        "printed_acc": [53.12, 85.71, 60.05, 66.48, 69.13, 61.73],
        "printed_f1": [42.50, 73.07, 62.23, 68.75, 69.01, 66.99],
    }
)


@pytest.fixture(autouse=True)
def _style_and_close() -> Iterator[None]:
    RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state  # whichever tests ran before
    with plt.rc_context():
        plots.use_style()
        yield
    plt.close("all")


def frame(levels: dict[str, list], seeds: int = 3, **columns) -> pd.DataFrame:
    """Every combination of `levels`, per seed, with a random value."""
    index = pd.MultiIndex.from_product([*levels.values(), range(seeds)], names=[*levels, "seed"])
    return index.to_frame(index=False).assign(value=lambda f: 60 + RNG.normal(0, 3, len(f)), **columns)


def interval(values: pd.Series) -> tuple[float, float]:
    """95 % t interval of a mean over seeds, by another way."""
    return tuple(stats.ttest_1samp(values, 0).confidence_interval(0.95))


def rectangles(ax: Axes, edge: str) -> list[tuple[float, float]]:
    """Centres of the unfilled rectangles with this edge."""
    found = [p for p in ax.patches if isinstance(p, Rectangle) and not p.get_fill() and to_rgb(p.get_edgecolor()) == to_rgb(edge)]
    return sorted((round(p.get_x() + p.get_width() / 2, 6), round(p.get_y() + p.get_height() / 2, 6)) for p in found)


# A table decoded


def test_recovered_bars_meet_their_ticks():
    ax = c.recovered_bars(ROWS)
    precision, recall, f1 = (np.array([bar.get_height() for bar in one]) for one in ax.containers)
    np.testing.assert_allclose(precision, 100 * ROWS["correct"] / ROWS["predicted"])
    np.testing.assert_allclose(recall, 100 * ROWS["correct"] / ROWS["support"])
    np.testing.assert_allclose(f1, 2 / (1 / precision + 1 / recall))
    acc, short = (np.array(one.get_segments()) for one in ax.collections)
    np.testing.assert_array_equal(acc[:, 0, 1], ROWS["printed_acc"])
    np.testing.assert_array_equal(short[:, 0, 1], ROWS["printed_f1"])
    for k, one in enumerate(ax.containers):  # who lies under which tick
        middle = np.array([bar.get_x() + bar.get_width() / 2 for bar in one])
        under_acc, under_f1 = ((some[:, 0, 0] < middle) & (middle < some[:, 1, 0]) for some in (acc, short))
        assert under_acc.all() == (k < 2)
        assert under_f1.all() == (k == 2)
        assert not under_acc.any() or k < 2
    assert ax.get_title() == "accuracy 1061 / 1623 = 65.37 %"
    assert ax.get_xticklabels()[0].get_text() == "happy\n51 / 96 / 144"
    assert "happy 53.12 and 42.50" in plots.alt_text(ax)
    assert [t.get_text() for t in ax.texts[:2]] == ["53.12", "85.71"]
    assert_readable(ax)


# Lines


def test_ceilings_are_dashed_and_points_carry_the_interval_of_seeds():
    methods = ["own history", "agnostic", "COIN", "joint filter"]
    some = frame({"coupling": [0.6, 0.0, 0.3], "method": methods})
    ax = c.coupling_lines(some, ceilings=["joint filter"])
    drawn = bars(ax)
    assert list(drawn) == methods
    for method, (points, segments) in drawn.items():
        np.testing.assert_allclose(points[:, 0], [0, 0.3, 0.6], atol=0.05)
        for (_, mean), segment, coupling in zip(points, segments, [0, 0.3, 0.6], strict=True):
            values = some[(some["method"] == method) & (some["coupling"] == coupling)]["value"]
            assert mean == pytest.approx(values.mean())
            assert tuple(segment[:, 1]) == pytest.approx(interval(values))
    places = np.array([points[:, 0] for points, _ in drawn.values()])
    assert (np.diff(places, axis=0) > 0).all()  # beside each other
    style = {bar.get_label(): (bar[0].get_linestyle(), bar[0].get_markerfacecolor()) for bar in ax.containers}
    assert style["joint filter"] == ("--", "white")
    assert style["COIN"][0] == "-"
    assert "from 0 to 0.6" in plots.alt_text(ax)
    assert_readable(ax)


def test_attack_lines_tell_training_by_dash_and_method_by_colour():
    some = frame({"epsilon": [0.0, 0.1, 0.2, 0.4], "method": ["COIN", "ICON"], "training": ["usual", "adversarial"]})
    ax = c.attack_lines(some)
    drawn = lines(ax)
    assert list(drawn) == ["COIN, usual", "COIN, adversarial", "ICON, usual", "ICON, adversarial"]
    for line in ax.get_lines():
        method, training = line.get_label().split(", ")
        own = some[(some["method"] == method) & (some["training"] == training)].groupby("epsilon")["value"].mean()
        np.testing.assert_allclose(line.get_xydata(), np.c_[own.index, own])
        assert line.get_linestyle() == ("--" if training == "usual" else "-")
        assert (line.get_markerfacecolor() == "white") == (training == "usual")
    assert len({to_rgb(line.get_color()) for line in ax.get_lines()}) == 2
    low, high = interval(some[(some["method"] == "COIN") & (some["training"] == "usual") & (some["epsilon"] == 0.4)]["value"])
    band = ax.collections[0].get_paths()[0].vertices
    at = band[np.isclose(band[:, 0], 0.4), 1]
    assert (at.min(), at.max()) == pytest.approx((low, high))
    assert_readable(ax)
    with pytest.raises(DataError, match=r"training has 3 values \(a, b, c\)"):
        c.attack_lines(some.assign(training=list("abc") * (len(some) // 3)))


def test_one_training_is_solid():
    ax = c.attack_lines(frame({"epsilon": [0.0, 0.1], "method": ["COIN"], "training": ["usual"]}))
    assert ax.get_lines()[0].get_linestyle() == "-"


# One talk


def talk(turns: int) -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "turn": np.arange(3, 3 + turns),
            "speaker": RNG.integers(0, 2, turns),
            "state_a": RNG.integers(0, 6, turns),
            "state_b": RNG.integers(0, 6, turns),
            "predicted": RNG.integers(0, 6, turns),
            "gate": RNG.random(turns),
        }
    )
    rows.loc[0, ["speaker", "state_a", "state_b", "predicted"]] = 1, 2, 3, 2  # the listener's state: wrong
    rows.loc[1, ["speaker", "state_a", "state_b", "predicted"]] = 1, 2, 3, 3
    return rows


@pytest.mark.parametrize("turns", [8, 40])
def test_timeline_shows_states_speakers_mistakes_and_the_gate(turns):
    rows = talk(turns)
    above, below = c.dialogue_timeline(rows, EMOTIONS, PLANE)
    [image] = above.get_images()
    colours = c.emotion_colours(PLANE)
    for y, name in enumerate(("state_a", "state_b", "predicted")):
        np.testing.assert_allclose(image.get_array()[y], colours[rows[name]])
        shown = [t.get_text() for t in above.texts[y * turns : (y + 1) * turns]]
        assert shown == [EMOTIONS[k][:3] for k in rows[name]]
    assert rectangles(above, "black") == sorted((float(t), float(s)) for t, s in enumerate(rows["speaker"]))
    truth = np.where(rows["speaker"] == 0, rows["state_a"], rows["state_b"])
    wrong = np.flatnonzero(truth != rows["predicted"])
    np.testing.assert_array_equal(lines(above)["wrong"][:, 0], wrong)
    assert f"{len(wrong)} of {turns} predictions are wrong" in above.get_title()
    for which, name in enumerate(("A speaks", "B speaks")):
        own = rows["speaker"] == which
        np.testing.assert_array_equal(lines(below)[name], np.c_[np.flatnonzero(own), rows["gate"][own]])
    assert below.get_xticklabels()[0].get_text() == "3"
    assert_readable(below)


def test_colours_follow_valence_and_arousal():
    colours = c.emotion_colours(PLANE)
    assert ((colours >= 0) & (colours <= 1)).all()
    warm = colours[:, 0] - colours[:, 2]  # red minus blue
    assert (warm[[0, 4]] > 0.1).all()
    assert (warm[[1, 3, 5]] < -0.05).all()
    assert abs(warm[2]) < 1e-9
    light = colours @ (0.299, 0.587, 0.114)
    assert light[1] > light[5] > light[3]  # sad, frustrated, angry: more and more aroused
    assert light[0] > light[4]
    apart = np.linalg.norm(colours[:, None] - colours[None], axis=-1) + 9 * np.eye(6)
    assert apart.min() > 0.1


# Cells


def test_confusion_goes_round_the_circle():
    table = RNG.integers(1, 90, (6, 6))
    ax = c.emotion_confusion(table, EMOTIONS, PLANE)
    ax.figure.canvas.draw()
    order = ["happy", "excited", "angry", "frustrated", "sad", "neutral"]
    assert [t.get_text() for t in ax.get_xticklabels()] == [t.get_text() for t in ax.get_yticklabels()] == order
    at = [EMOTIONS.index(name) for name in order]
    share = table / table.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ax.get_images()[0].get_array(), share[np.ix_(at, at)])
    shown = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in ax.texts}
    for y, x in np.ndindex(6, 6):
        assert shown[y, x] == f"{share[at[y], at[x]]:.0%}\n{table[at[y], at[x]]}"
    pairs = [("happy", "excited"), ("sad", "frustrated"), ("angry", "frustrated")]
    framed = [(float(order.index(a)), float(order.index(b))) for pair in pairs for a, b in (pair, pair[::-1])]
    assert rectangles(ax, ORANGE) == sorted(framed)
    near = similar_errors(table)
    assert f"{near.share:.0%} of {near.errors:,} errors" in ax.get_title()
    assert f"by chance {near.expected:.0%}" in ax.get_title()
    assert_readable(ax)


def test_other_emotions_have_no_frames():
    ax = c.emotion_confusion(np.diag([3, 4, 5]) + 1, ["a", "b", "c"], PLANE[:3])
    assert not rectangles(ax, ORANGE)
    assert ax.get_title() == ""


# Gates and settings


def test_gate_panels_carry_the_rank_correlation_of_seeds():
    coupled = pd.DataFrame({"coupling": RNG.random(600), "world": "coupled", "seed": np.repeat([0, 1, 2], 200)})
    coupled["gate"] = coupled["coupling"] ** 3 + 0.1 * RNG.random(600)
    null = pd.DataFrame({"coupling": 0.0, "world": "null", "seed": 0, "gate": RNG.random(50)})
    ax = c.gate_coupling(pd.concat([coupled, null]))
    rho = [stats.spearmanr(each["coupling"], each["gate"]).statistic for _, each in coupled.groupby("seed")]
    assert ax[0].get_title() == f"coupled\nρ = {np.mean(rho):.2f} ± {np.std(rho, ddof=1):.2f}"
    assert ax[1].get_title() == "null\nρ undefined (constant)"
    np.testing.assert_allclose(ax[0].collections[0].get_offsets(), coupled[["coupling", "gate"]])
    assert ax[0].get_title().split("\n")[1] in plots.alt_text(ax[0])
    assert_readable(ax[0])


def test_a_cloud_is_thinned():
    many = pd.DataFrame({"coupling": RNG.random(5000), "gate": RNG.random(5000), "world": "w", "seed": 0})
    [ax] = c.gate_coupling(many)
    assert len(ax.collections[0].get_offsets()) == c.POINTS


PANELS = {
    "modalities": ["T", "A", "V", "T+A", "T+V", "A+V", "T+A+V"],
    "parts left out": ["COIN", "without SMI", "without AT", "without both"],
    "embedding size d": [50, 100, 150, 200],
    "stacks L": [1, 2, 3, 4, 5, 6],
}


def test_setting_bars_panel_by_panel():
    some = pd.concat([frame({"panel": [panel], "setting": settings}) for panel, settings in PANELS.items()])
    ax = c.setting_bars(some, reference=23.7)
    assert [axes.get_title() for axes in ax] == list(PANELS)
    for axes, (panel, settings) in zip(ax, PANELS.items(), strict=True):
        mean = some[some["panel"] == panel].groupby("setting", sort=False)["value"].mean()
        drawn = axes.patches
        np.testing.assert_allclose([bar.get_height() for bar in drawn], mean)
        best = [to_rgb(bar.get_facecolor()) == to_rgb(ORANGE) for bar in drawn]
        assert best == list(mean == mean.max())
        assert all(to_rgb(bar.get_facecolor()) == to_rgb(BLUE) for bar, top in zip(drawn, best, strict=True) if not top)
        assert [t.get_text() for t in axes.get_xticklabels()] == [str(s) for s in settings]
        assert [t.get_text() for t in axes.texts] == [f"{v:.1f}" for v in mean]
        low, high = interval(some[(some["panel"] == panel) & (some["setting"] == settings[1])]["value"])
        [segment] = [c for c in axes.collections if isinstance(c, LineCollection)]
        segment = segment.get_segments()[1]
        assert tuple(segment[:, 1]) == pytest.approx((low, high))
    assert "T+A+V" in plots.alt_text(ax[0])
    assert_readable(ax[0])


@pytest.mark.parametrize(
    ("draw", "told"),
    [
        (lambda f: c.recovered_bars(f), "rows has no column emotion, correct"),
        (lambda f: c.coupling_lines(f), "frame has no column coupling"),
        (lambda f: c.attack_lines(f), "frame has no column epsilon, training"),
        (lambda f: c.dialogue_timeline(f, EMOTIONS, PLANE), "turns has no column turn, speaker"),
        (lambda f: c.gate_coupling(f), "frame has no column coupling, gate, world"),
        (lambda f: c.setting_bars(f), "frame has no column panel, setting"),
        (lambda f: c.coupling_lines(f.assign(coupling=1)[:0]), "frame has no rows"),
    ],
)
def test_missing_columns_are_named(draw, told):
    with pytest.raises(DataError, match=told):
        draw(pd.DataFrame({"method": ["a"], "seed": [0], "value": [1.0]}))

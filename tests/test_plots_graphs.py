"""Figures of graphs are read back: boxes, arrows, widths, rings, bars, names; points, ranks, curves; and nothing collides."""

from __future__ import annotations

import re
from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.text import Text
from scipy import stats

from mmkit import plots
from mmkit.errors import DataError
from mmkit.plots import answers, arrows, graphs
from mmkit.plots.style import BLUE, GREY, ORANGE
from mmkit.worlds.scenes import core_data
from tests.test_plots import assert_readable, bars, lines

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _style_and_close() -> Iterator[None]:
    with plt.rc_context():
        plots.use_style()
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def real() -> list[dict]:
    """Graphs of the smallest world."""
    return core_data.make(20, 0).graphs.to_pylist()


def picture(n: int, edges: int, seed: int = 0) -> dict:
    """n objects all over a picture, with as many relations."""
    rng = np.random.default_rng(seed)
    source = rng.integers(n, size=edges)
    return {
        "name": [f"{w}" for w in rng.choice(["man", "dog", "skateboard", "table", "cup"], n)],
        "attributes": [["large", str(c), "wooden"] for c in rng.choice(["red", "black", "yellow", "white"], n)],
        "box": np.c_[rng.random((n, 2)) * 0.8, rng.uniform(0.05, 0.2, (n, 2))].tolist(),
        "source": source.tolist(),
        "target": ((source + rng.integers(1, n, size=edges)) % n).tolist(),
        "relation": [str(r) for r in rng.choice(["to the left of", "in front of", "above", "holding"], edges)],
    }


THREE = {
    "name": ["man", "cup", "dog"],
    "attributes": [["red", "standing"], ["small"], []],
    "box": [[0.1, 0.1, 0.2, 0.2], [0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.2, 0.2]],
    "source": [0, 1, 2, 2],
    "target": [1, 0, 0, 2],
    "relation": ["holding", "to the right of", "in front of", "<self>"],
}


def nodes(ax: Axes) -> list[Text]:
    return [t for t in ax.texts if t.get_bbox_patch().get_edgecolor()[3] > 0]


def labels(ax: Axes) -> list[str]:
    return [t.get_text() for t in ax.texts if t.get_bbox_patch().get_edgecolor()[3] == 0]


def drawn(ax: Axes) -> list[FancyArrowPatch]:
    return [p for p in ax.patches if isinstance(p, FancyArrowPatch)]


def ends(ax: Axes, arrow: FancyArrowPatch) -> tuple[int, int]:
    """Numbers of the boxes nearest to where an arrow begins and ends, in pixels from their borders."""
    line = ax.transData.transform(arrow._path_original.vertices)
    boxes = [graphs._box(t) for t in nodes(ax)]
    far = [[max(b.x0 - x, x - b.x1, b.y0 - y, y - b.y1) for b in boxes] for x, y in (line[0], line[-1])]
    return int(np.argmin(far[0])), int(np.argmin(far[1]))


def ringed(ax: Axes) -> list[int]:
    effects = [[getattr(e, "_gc", {}) for e in t.get_bbox_patch().get_path_effects()] for t in nodes(ax)]
    return [k for k, own in enumerate(effects) if any(look.get("foreground") == ORANGE for look in own)]


# One graph


def test_objects_are_boxes_where_they_are_in_the_picture():
    ax = graphs.scene_graph(THREE)
    ax.figure.canvas.draw()
    man, cup, dog = nodes(ax)
    assert [t.get_text() for t in (man, cup, dog)] == ["man\nred, standing", "cup\nsmall", "dog"]
    at = ax.transData.transform([t.get_position() for t in (man, cup, dog)])
    assert at[0, 0] == pytest.approx(at[2, 0], abs=1)  # one below the other
    assert at[0, 1] > at[2, 1] + 100  # heights count from the top
    assert at[1, 0] > at[0, 0] + 100
    fills = [to_rgb(t.get_bbox_patch().get_facecolor()) for t in (man, cup, dog)]
    assert fills[0] == pytest.approx((1.0, 0.2, 0.2), abs=0.01)
    assert fills[1] == fills[2] == to_rgb("#f2f2f2")  # no colour is said
    assert man.get_color() == "white"
    assert cup.get_color() == "black"
    assert_readable(ax)


def test_equal_boxes_stand_in_a_circle(real):
    graph = {**real[0], "box": [[0.0, 0.0, 1.0, 1.0]] * 6}
    ax = graphs.scene_graph(graph)
    at = np.array([t.get_position() for t in nodes(ax)])
    middle = at - at.mean(axis=0)
    angle = np.unwrap(np.arctan2(*middle.T))
    np.testing.assert_allclose(np.abs(np.diff(angle)), np.pi / 3, atol=0.25)  # one sixth of the way round, in their order
    assert (np.hypot(*middle.T) > 0.3).all()
    assert_readable(ax)


def test_arrows_run_from_source_to_target(real):
    for graph in (*real[:3], THREE):
        ax = graphs.scene_graph(graph)
        assert [ends(ax, a) for a in drawn(ax)] == list(zip(graph["source"], graph["target"], strict=True))
        assert all(a.get_arrowstyle().arrow == "-|>" for a in drawn(ax))


def test_relations_stand_on_their_arrows_in_short():
    ax = graphs.scene_graph(THREE)
    assert sorted(labels(ax)) == ["front of", "holding", "right of"]  # an edge to oneself has no name
    ax.figure.canvas.draw()
    for text in ax.texts[3:]:
        arrow = drawn(ax)[["holding", "right of", "front of"].index(text.get_text())]
        line = ax.transData.transform(arrow._path_original.vertices)
        assert np.hypot(*(line - ax.transData.transform(text.get_position())).T).min() < 3


def test_attention_is_width_and_colour():
    weight = [0.1, 0.6, 0.0, 0.3]
    ax = graphs.scene_graph(THREE, edge_weight=weight)
    widths = [a.get_linewidth() for a in drawn(ax)]
    np.testing.assert_allclose(np.diff(widths), np.diff(weight) / 0.6 * 3.3)
    assert to_rgb(drawn(ax)[1].get_edgecolor()) == pytest.approx(to_rgb(BLUE), abs=0.01)
    assert to_rgb(drawn(ax)[2].get_edgecolor()) == to_rgb(graphs.PALE)
    assert "Most attention: cup to the right of man 0.60, man holding cup 0.10, dog in front of man 0.00" in plots.alt_text(ax)
    even = graphs.scene_graph(THREE)
    assert {a.get_linewidth() for a in drawn(even)} == {0.8}
    assert {to_rgb(a.get_edgecolor()) for a in drawn(even)} == {to_rgb(GREY)}
    nothing = graphs.scene_graph(THREE, edge_weight=np.zeros(4))
    assert len({a.get_linewidth() for a in drawn(nothing)}) == 1


def test_gold_is_ringed_and_gates_are_bars():
    ax = graphs.scene_graph(THREE, gold=[0, 2], gates=[0.25, 0.0, 1.0])
    assert ringed(ax) == [0, 2]
    rectangles = [p for p in ax.patches if isinstance(p, Rectangle)]
    whole, gate = rectangles[::2], rectangles[1::2]
    np.testing.assert_allclose([g.get_width() / w.get_width() for w, g in zip(whole, gate, strict=True)], [0.25, 0, 1])
    for node, bar in zip(nodes(ax), whole, strict=True):
        box = bar.get_window_extent()
        assert box.y1 < graphs._box(node).y0
        assert (box.x0, box.x1) == pytest.approx((graphs._box(node).x0, graphs._box(node).x1))
    assert plots.alt_text(ax).endswith("ringed: man, dog; widest gate: dog 1.00.")
    assert ringed(graphs.scene_graph(THREE)) == []


@pytest.mark.parametrize(("n", "edges"), [(6, 24), (10, 40), (14, 60), (1, 0)])
def test_graphs_of_all_sizes_stay_readable(n: int, edges: int):
    alone = {key: values[:1] if key in ("name", "attributes", "box") else [] for key, values in THREE.items()}
    graph = picture(n, edges) if n > 1 else alone
    ax = graphs.scene_graph(graph, gates=np.linspace(0, 1, n))
    boxes = [graphs._box(t) for t in nodes(ax)]
    boxes += [p.get_window_extent() for p in ax.patches if isinstance(p, Rectangle)][::2]
    names = [t.get_window_extent() for t in ax.texts[n:]]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes + names) for b in [*boxes, *names][:i])
    assert len(drawn(ax)) == edges
    assert_readable(ax)


def test_of_many_edges_the_strongest_twelve_have_names():
    graph = picture(10, 40, seed=1)
    weight = RNG.permutation(40) + 1.0
    graph["relation"] = [f"r{w:g}" for w in weight]
    names = labels(graphs.scene_graph(graph, edge_weight=weight))
    assert set(names) <= {f"r{w}" for w in range(29, 41)}
    assert len(names) >= 9  # where there is room
    graph["relation"] = ["above"] * 38 + ["holding", "riding"]
    assert {"holding", "riding"} <= set(labels(graphs.scene_graph(graph)))  # without weights: what is rare


def test_drawing_on_given_axes():
    axes = plt.subplots(1, 2, figsize=(7.5, 3.5), layout="constrained")[1]
    before = plt.get_fignums()
    assert graphs.scene_graph(THREE, axes[1]) is axes[1]
    assert plt.get_fignums() == before
    assert not axes[0].texts
    part = plt.figure(layout="constrained").subfigures(1, 2)[0]
    assert len(drawn(graphs.scene_graph(THREE, part.subplots()))) == 4


# Steps


def test_steps_share_one_scale(real):
    graph = real[1]
    weight = np.zeros((3, len(graph["source"])))
    weight[[0, 1, 2], [0, 3, 5]] = 0.2, 0.8, 0.4
    axes = graphs.attention_steps(graph, weight, [[1], [2, 3]], gates=np.full((3, 6), 0.5), words=["the man", "near"])
    assert [ax.get_title() for ax in axes] == ["step 1: the man", "step 2: near", "step 3"]
    widths = np.array([[a.get_linewidth() for a in drawn(ax)] for ax in axes])
    np.testing.assert_allclose(widths, 0.7 + 3.3 * weight / 0.8)
    assert [ringed(ax) for ax in axes] == [[1], [2, 3], []]
    positions = [np.array([t.get_position() for t in nodes(ax)]) for ax in axes]
    np.testing.assert_allclose(positions[1], positions[0], atol=0.02)  # the same picture at each step
    assert all(len(labels(ax)) <= 4 for ax in axes)
    assert graph["relation"][3] in labels(axes[1])
    assert [t.get_text() for t in nodes(axes[0])] == graph["name"]
    assert "Step 2: Most attention" in plots.alt_text(axes[0])
    assert_readable(axes[0])


def test_steps_of_a_large_graph_stay_readable():
    axes = graphs.attention_steps(picture(10, 40), RNG.dirichlet(np.ones(40), 2), [[0]] * 2)
    assert len(axes) == 2
    assert_readable(axes[0])


# Where boxes and arrows lie


def test_boxes_move_apart_and_stay_inside():
    size = np.tile([80.0, 30.0], (12, 1))
    at = arrows.spread(np.full((12, 2), 0.5) + 0.001 * RNG.random((12, 2)), size, (0, 0, 500, 400))
    gap = np.abs(at[:, None] - at) - size
    assert (gap.max(axis=2)[~np.eye(12, dtype=bool)] > -1.5).all()
    assert (at >= size / 2).all()
    assert (at <= [500, 400] - size / 2).all()
    same = arrows.spread(np.full((3, 2), 0.5), size[:3], (0, 0, 500, 400))
    assert len(np.unique(same.round(), axis=0)) == 3  # even where all are at one place


def test_boxes_with_room_keep_their_order():
    centres = RNG.random((4, 2))
    at = arrows.spread(centres, np.full((4, 2), 1.0), (0, 0, 100, 100))
    low, high = centres.min(axis=0), centres.max(axis=0)
    np.testing.assert_allclose(at, 0.5 + (centres - low) / (high - low) * 99)


def test_arrows_there_and_back_and_twice_do_not_lie_on_each_other():
    centres, size = np.array([[0.0, 0.0], [300.0, 0.0]]), np.full((2, 2), 20.0)
    there, back, again = (a.line for a in arrows.route(centres, size, [(0, 1), (1, 0), (0, 1)]))
    assert there[:, 1].max() > 10
    assert back[:, 1].min() < -10
    assert again[:, 1].max() > 1.5 * there[:, 1].max()
    assert there[0, 0] == pytest.approx(10, abs=5)  # at the border of the box
    assert there[-1, 0] == pytest.approx(290, abs=5)


def test_arrows_of_any_direction_bend_to_their_left():
    for turn in np.linspace(0.3, 6.0, 7):
        along = 300 * np.array([np.cos(turn), np.sin(turn)])
        (arrow,) = arrows.route(np.array([[50.0, 20.0], [50.0, 20.0] + along]), np.full((2, 2), 1e-6), [(0, 1)])
        off = arrow.line[30] - (np.array([50, 20]) + along / 2)  # the middle of the curve
        np.testing.assert_allclose(off, arrows.BEND / 2 * np.array([-along[1], along[0]]), atol=1e-3)


def test_labels_beside_short_arrows():
    long, short = (arrows.Arrow(np.c_[np.linspace(0, length, 61), np.zeros(61)]) for length in (200.0, 30.0))
    assert next(long.places(60, 10)).tolist() == [100, 0]
    above, below = list(short.places(60, 10))[:2]
    assert (above[1], below[1]) == (pytest.approx(7), pytest.approx(-7))  # half the height, and a little


# Results


def accuracies(x: str, levels: list) -> pd.DataFrame:
    rows = [(m, v, s, 90 - k * i + s) for m, k in (("GAT", 1), ("GCN", 15)) for i, v in enumerate(levels) for s in range(3)]
    return pd.DataFrame(rows, columns=["method", x, "seed", "value"])


def test_accuracy_by_hops_is_a_line_with_intervals():
    frame = accuracies("hops", [0, 1, 3])
    ax = answers.accuracy_by(frame, "hops", "relations to follow")
    for k, (method, shift) in enumerate((("GAT", -0.05), ("GCN", 0.05))):
        points, segments = bars(ax)[method]
        mean = frame[frame["method"] == method].groupby("hops")["value"].mean()
        np.testing.assert_allclose(points, np.c_[mean.index + shift, mean])
        interval = stats.ttest_1samp(frame[(frame["method"] == method) & (frame["hops"] == 3)]["value"], 0).confidence_interval()
        np.testing.assert_allclose(segments[2][:, 1], [interval.low, interval.high])
        assert ax.containers[k][0].get_linestyle() == "-"
    assert list(ax.get_xticks()) == [0, 1, 3]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("relations to follow", "accuracy (%)")
    assert "GCN 0 91.0, 1 76.0, 3 61.0" in plots.alt_text(ax)
    assert_readable(ax)


def test_accuracy_by_type_is_points_in_the_given_order():
    frame = accuracies("kind", ["verify", "query", "choose"])
    ax = answers.accuracy_by(frame[frame["seed"] == 0], "kind", "structural type")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["verify", "query", "choose"]
    np.testing.assert_allclose(bars(ax)["GCN"][0], [[0.05, 90], [1.05, 75], [2.05, 60]])
    assert all(c[0].get_linestyle() == "None" for c in ax.containers)
    np.testing.assert_allclose(np.diff(bars(ax)["GCN"][1][:, :, 1]), 0)  # one seed has no interval
    assert_readable(ax)


def some_ranks() -> pd.DataFrame:
    rows = [("additive", i, n, np.exp(i * k)) for i in (1, 2, 3) for n, k in (("cup", 0.1), ("dog", 0.2), ("man", 0.3))]
    changing = {1: (3, 2, 1), 2: (3, 1, 2), 3: (1, 3, 2)}
    rows += [("mlp", i, n, w) for i, own in changing.items() for n, w in zip(("cup", "dog", "man"), own, strict=True)]
    return pd.DataFrame(rows, columns=["score", "instruction", "neighbour", "attention"])


def test_ranking_counts_pairs_that_change_places():
    static, moving = answers.ranking(some_ranks())
    assert static.get_title() == "additive: 0 of 3 pairs change places"
    assert moving.get_title() == "mlp: 3 of 3 pairs change places"
    assert {k: v[:, 1].tolist() for k, v in lines(static).items()} == {"cup": [3] * 3, "dog": [2] * 3, "man": [1] * 3}
    assert {k: v[:, 1].tolist() for k, v in lines(moving).items()} == {"cup": [1, 1, 3], "dog": [2, 3, 1], "man": [3, 2, 2]}
    areas = {k: c.get_sizes() for k, c in zip(lines(moving), moving.collections, strict=True)}
    np.testing.assert_allclose(areas["dog"], [180, 100, 260])  # 20 and 240 times the share of the largest
    assert static.yaxis_inverted()
    assert "additive 0 of 3; mlp 3 of 3" in plots.alt_text(static)
    assert_readable(static)


def test_one_pair_that_changes_is_one():
    frame = some_ranks()
    frame = frame[(frame["score"] == "mlp") & (frame["instruction"] < 3)]
    (ax,) = answers.ranking(frame)
    assert ax.get_title() == "mlp: 1 of 3 pairs change places"


def test_learning_curves_are_means_with_the_range_of_seeds():
    runs = RNG.random((3, 8)) + np.linspace(2, 1, 8)
    ax = answers.learning_curves({"GAT": runs, "GCN": [3.0, 2.5]})
    np.testing.assert_allclose(lines(ax)["GAT"], np.c_[np.arange(1, 9), runs.mean(axis=0)])
    np.testing.assert_allclose(lines(ax)["GCN"], [[1, 3], [2, 2.5]])
    (band,) = ax.collections
    vertices = band.get_paths()[0].vertices
    at = vertices[np.isclose(vertices[:, 0], 5), 1]
    assert (at.min(), at.max()) == pytest.approx((runs[:, 4].min(), runs[:, 4].max()))
    assert all(x.is_integer() for x in ax.get_xticks())
    assert "GCN from 3 to 2.5" in plots.alt_text(ax)
    assert_readable(ax)


def test_the_distribution_score_grows_with_the_questions():
    counts = [100, 1000, 10000]
    ax = answers.distribution_growth(counts, {"GAT": [0.5, 2, 25], "GCN": [1, 9, 80]})
    np.testing.assert_allclose(lines(ax)["GCN"], np.c_[counts, [1, 9, 80]])
    np.testing.assert_allclose(lines(ax)["as the number of questions"], np.c_[counts, [0.25, 2.5, 25]])
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert "GAT from 0.5 to 25" in plots.alt_text(ax)
    assert_readable(ax)


# Bad input


BAD = [
    (lambda: graphs.scene_graph({"name": ["a"]}), "graph has no attributes, box, source, target, relation; it has name"),
    (lambda: graphs.scene_graph({key: [] for key in THREE}), "graph has no objects"),
    (lambda: graphs.scene_graph(THREE, edge_weight=[1]), "edge_weight has shape (1,), expected (4,) of finite"),
    (lambda: graphs.scene_graph(THREE, edge_weight=[1, 1, 1, -1]), "expected (4,) of finite numbers not below 0"),
    (lambda: graphs.scene_graph(THREE, edge_weight=[1, 1, 1, np.nan]), "expected (4,) of finite numbers not below 0"),
    (lambda: graphs.scene_graph(THREE, gates=[0, 1, 1.5]), "gates has shape (3,), expected (3,) of finite numbers from 0 to 1"),
    (lambda: graphs.scene_graph(THREE, gold=[3]), "gold names object 3, expected numbers below 3"),
    (lambda: graphs.attention_steps(THREE, [1, 2, 3, 4]), "per_step_edges has shape (4,), expected (steps, edges)"),
    (lambda: graphs.attention_steps(THREE, np.ones((2, 4)), gates=np.ones((1, 3))), "gates are of 1 steps, expected 2"),
    (lambda: answers.accuracy_by(pd.DataFrame({"method": ["a"]}), "hops", ""), "frame has no column hops, seed, value"),
    (lambda: answers.ranking(some_ranks()[:-1]), "ranks of 'mlp' lack a neighbour under some instruction"),
    (lambda: answers.learning_curves({}), "no losses"),
    (lambda: answers.learning_curves({"GAT": []}), "losses of 'GAT' have shape (0,), expected (epochs,) or (seeds, epochs)"),
    (lambda: answers.distribution_growth([1, 2], {"GAT": [1]}), "values of 'GAT' have shape (1,), expected (2,)"),
    (lambda: answers.distribution_growth([1, 2], {"GAT": [1, 0]}), "numbers above 0"),
    (lambda: answers.distribution_growth([], {"GAT": []}), "no counts or no values"),
]


@pytest.mark.parametrize(("draw", "message"), BAD)
def test_what_cannot_be_drawn_is_told(draw, message: str):
    with pytest.raises(DataError, match=re.escape(message)):
        draw()

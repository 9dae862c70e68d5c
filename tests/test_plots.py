"""Figures are read back: where marks lie, what labels say, whether texts collide."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.text import Text
from scipy import stats
from sklearn.metrics import average_precision_score

from mmkit import plots
from mmkit.claims import Claim, judge, table
from mmkit.errors import DataError
from mmkit.plots.results import VERDICTS
from mmkit.plots.style import WIDTH, over_seeds
from mmkit.schema import Column, TableSchema
from mmkit.scores import classification

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _style_and_close() -> Iterator[None]:
    with plt.rc_context():
        plots.use_style()
        yield
    plt.close("all")


def lines(ax: Axes) -> dict[str, np.ndarray]:
    """Label -> (N, 2) points of every labelled line."""
    return {line.get_label(): line.get_xydata() for line in ax.get_lines()}


def bars(ax: Axes) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Label -> (points, bar segments) of every error bar."""
    found = [c for c in ax.containers if isinstance(c, ErrorbarContainer)]
    return {c.get_label(): (c[0].get_xydata(), np.array(c[2][0].get_segments())) for c in found}


def texts_of(ax: Axes) -> list[Text]:
    """Every text of the figure that a reader sees."""
    ax.figure.canvas.draw()
    out: list[Text] = []
    for axes in (one for each in ax.figure.axes for one in (each, *each.child_axes)):
        out += axes.texts
        if axes.axison:
            out += [axes.xaxis.label, axes.yaxis.label, axes.title]
            for axis in (axes.xaxis, axes.yaxis):
                low, high = sorted(axis.get_view_interval())
                out += [t.label1 for t in axis.get_major_ticks() if low <= t.get_loc() <= high and t.label1.get_visible()]
                out += [t.label2 for t in axis.get_major_ticks() if low <= t.get_loc() <= high and t.label2.get_visible()]
        if axes.get_legend() is not None:
            out += axes.get_legend().get_texts()
    return [t for t in out if t.get_text() and t.get_visible()]


def assert_readable(ax: Axes) -> None:
    """No two texts overlap, none leaves the figure, the width is a notebook's, and there is alt text."""
    texts = texts_of(ax)
    boxes = [t.get_window_extent().shrunk(0.98, 0.9) for t in texts]
    width, height = ax.figure.canvas.get_width_height()
    for i, (t, a) in enumerate(zip(texts, boxes, strict=True)):
        assert a.x0 >= -2, f"{t.get_text()!r} leaves the figure"
        assert a.y0 >= -2, f"{t.get_text()!r} leaves the figure"
        assert a.x1 <= width + 2, f"{t.get_text()!r} leaves the figure"
        assert a.y1 <= height + 2, f"{t.get_text()!r} leaves the figure"
        for u, b in zip(texts[:i], boxes[:i], strict=True):
            assert not a.overlaps(b), f"{t.get_text()!r} lies on {u.get_text()!r}"
    assert ax.figure.get_figwidth() <= WIDTH
    assert len(plots.alt_text(ax)) > 20


# Style


def test_the_palette_stays_apart_for_colour_blind_readers():
    """Colours of a verdict or of two methods differ in lightness or under both common red-green deficiencies (Vienot, 1999)."""
    to_lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    protan = np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]])
    deutan = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])
    looks = plots.looks("abcdefgh")
    for colours in ([plt.matplotlib.colors.to_rgb(c) for c, _ in VERDICTS.values()], [c for c, _ in looks.values()]):
        for view in (protan, deutan):
            seen = np.array(colours) ** 2.2 @ to_lms.T @ view.T @ np.linalg.inv(to_lms).T
            apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1) + 9 * np.eye(len(seen))
            assert apart.min() > 0.04
    assert len({marker for _, marker in looks.values()}) == 8  # and nothing depends on colour alone
    assert len({marker for _, marker in VERDICTS.values()}) == 3


def test_methods_keep_their_look_in_order_of_appearance():
    assert plots.looks(["b", "a", "b", "c"]).keys() == {"b", "a", "c"}
    assert plots.looks(["b", "a"])["b"] == plots.looks(["b", "c"])["b"]


def test_alt_text_can_be_written_by_hand():
    ax = plt.subplots()[1]
    assert plots.alt_text(ax) == ""
    assert plots.describe(ax, "two dots") is ax
    assert plots.alt_text(ax) == "two dots"


def test_a_seed_is_one_observation():
    frame = pd.DataFrame({"method": "a", "seed": [0, 0, 0, 1], "value": [0.0, 0.0, 0.0, 1.0]})
    [stat] = over_seeds(frame, ["method"]).to_dict("records")
    assert stat["mean"] == 0.5
    assert stat["std"] == pytest.approx(np.std([0, 1], ddof=1))
    assert stat["half"] == pytest.approx(stats.t.ppf(0.975, 1) * stat["std"] / np.sqrt(2))


@pytest.mark.parametrize(
    ("draw", "told"),
    [
        (lambda f: plots.claims_forest(f), "claims has no column id, claim"),
        (lambda f: plots.sweep_lines(f, "x", "y"), "sweep has no column x; it has method, seed, value"),
        (lambda f: plots.sweep_lines(f.assign(x=1)[:0], "x", "y"), "sweep has no rows"),
        (lambda f: plots.table_dots(f.drop(columns="value"), f, "F1"), "published has no column value"),
        (lambda f: plots.weight_vs_truth(f, "x", "y"), "weights has no column truth, weight, variant"),
        (lambda f: plots.columns_and_truncation(f, "y"), "sweep has no column columns, truncated"),
    ],
)
def test_missing_columns_are_named(draw, told):
    with pytest.raises(DataError, match=told):
        draw(pd.DataFrame({"method": ["a"], "seed": [0], "value": [1.0]}))


# Claims


def some_verdicts() -> pd.DataFrame:
    def claim(i: int, **more) -> Claim:
        text = "A rather long claim about how much the columns add to what the text alone can tell about the price of a listing"
        base = {
            "id": f"C{i}",
            "text": text,
            "kind": "comparison",
            "metric": f"m{i}",
            "data": "pets",
            "better": "a",
            "source": "Table 3",
        }
        return Claim.from_facts({**base, **more})

    rows = []
    means = {1: (250.0, 1.0), 2: (-0.4, 0.3), 3: (0.0, 0.0), 4: (0.001, 0.08)}
    for i, (main, null) in means.items():
        noise = np.array([-2, -1, 0, 1, 2]) * 0.004 * max(abs(main), 0.5)
        for world, mean in (("main", main), ("null:n", null)):
            rows += [
                {"data": "pets", "metric": f"m{i}", "world": world, "method": "a", "seed": s, "value": mean + noise[s]}
                for s in range(5)
            ]
    family = [claim(1, null="null:n"), claim(2, null="null:n"), claim(3), claim(4, test="at_most", margin=0.05, null="null:n")]
    family.append(claim(5, kind="exact"))
    family.append(claim(6, metric="never"))
    return table(judge(family, pd.DataFrame(rows), exact={"C5": (0.0877, 0.088, 0.0005)}, strict=False))


def test_forest_puts_each_claim_on_its_row_beyond_its_own_bar():
    frame = some_verdicts()
    ax = plots.claims_forest(frame)
    assert list(frame["verdict"]) == ["upheld", "refuted", "undecided", "upheld", "upheld", "undecided"]
    rows = {}
    for line in ax.get_lines():
        xy = line.get_xydata()
        if len(xy) and line.get_label().startswith("_child") and not (xy[:, 0] == 0).all():
            rows.setdefault((round(xy[0, 1]), "null" if xy[0, 1] > round(xy[0, 1]) else "main"), []).append(xy[:, 0])
    for row, c in frame.iterrows():
        if row > 3:
            assert (row, "main") not in rows or np.isnan(np.concatenate(rows[row, "main"])).all()
            continue
        if c["mean"] == 0:
            continue
        sign = 1 if c["test"] == "above" else -1
        ends = sign * (np.array([c["low"], c["high"], c["null_low"], c["null_high"]]) - c["margin"])
        reach = np.nanmax(np.abs(ends))
        interval, mean = rows[row, "main"]
        np.testing.assert_allclose(interval, ends[:2] / reach)
        np.testing.assert_allclose(mean, sign * (c["mean"] - c["margin"]) / reach)
        np.testing.assert_allclose(rows[row, "null"][0], ends[2:] / reach)
        assert (mean > 0).all() == (c["verdict"] == "upheld")  # right is where the claim says
    assert ax.yaxis_inverted()


def test_forest_says_verdicts_in_words():
    frame = some_verdicts()
    ax = plots.claims_forest(frame)
    ax.figure.canvas.draw()
    [right] = ax.child_axes
    notes = [t.get_text() for t in right.get_yticklabels()]
    assert notes[0].startswith("upheld, explained\n250 (")
    assert notes[1].startswith("refuted, not explained\n-0.4 (")
    assert notes[2].startswith("undecided\n")
    assert notes[4] == "upheld\ncomputed 0.0877"
    assert notes[5] == "undecided\nnot measured"
    assert [t.get_color() for t in right.get_yticklabels()] == [VERDICTS[v][0] for v in frame["verdict"]]
    assert all(n.replace("\n", ", ") in plots.alt_text(ax) for n in notes)
    assert_readable(ax)


# Tables


PUBLISHED = pd.DataFrame({"method": ["text", "concat", "gating"], "value": [254.0, 239.0, 240.0]})
MEASURED = pd.DataFrame(
    [{"method": m, "seed": s, "value": v + s} for m, v in (("concat", 80.0), ("text", 90.0), ("extra", 70.0)) for s in range(4)]
)


def test_table_dots_meet_their_methods():
    left, right = plots.table_dots(
        PUBLISHED, MEASURED, "RMSE (A$)", references={"constant": 99.0}, published_references={"mean": 260.0}
    )
    left.figure.canvas.draw()
    names = [t.get_text() for t in left.get_yticklabels()]
    assert names == ["text", "concat", "gating", "extra"]
    assert {names[int(y)]: x for x, y in lines(left)["published"]} == dict(PUBLISHED.itertuples(index=False))
    points, segments = bars(right)["measured, ± 1 SD over seeds"]
    assert {names[int(y)]: x for x, y in points} == {"concat": 81.5, "text": 91.5, "extra": 71.5}
    np.testing.assert_allclose(segments[0][:, 0], 81.5 + np.array([-1, 1]) * np.std([0, 1, 2, 3], ddof=1))
    assert (lines(right)["constant: 99"][:, 0] == 99).all()
    assert (lines(left)["mean: 260"][:, 0] == 260).all()
    assert left.get_ylim() == right.get_ylim() == (3.5, -0.5)
    for m, v in (("gating", "240"), ("extra", "71.5")):
        assert f"{m} {v}" in plots.alt_text(left)
    assert_readable(left)


def test_table_dots_share_one_axes_when_told():
    _, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
    left, right = plots.table_dots(PUBLISHED, MEASURED, "RMSE (A$)", ax=ax)
    assert left is ax is right
    assert "published" in lines(ax)
    assert bars(ax)
    assert_readable(ax)


def test_one_seed_has_a_dot_without_a_bar():
    _, right = plots.table_dots(PUBLISHED, MEASURED[MEASURED["seed"] == 0], "RMSE")
    points, segments = bars(right)["measured, ± 1 SD over seeds"]
    assert np.isfinite(points).all()
    assert (np.ptp(segments[..., 0], axis=1) == 0).all()


# Sweeps


def sweep(methods=("text", "concat", "gating"), x=(0.0, 0.3, 0.6, 0.9)) -> pd.DataFrame:
    rows = [(a, m, s, a * i + 0.1 * RNG.normal()) for i, m in enumerate(methods) for s in range(5) for a in x]
    return pd.DataFrame(rows, columns=["x", "method", "seed", "value"])


def test_sweep_lines_are_means_and_t_intervals_over_seeds():
    frame = sweep()
    ax = plots.sweep_lines(frame.sample(frac=1, random_state=1), "share of the columns", "gain in R²", zero=True)
    for method, band in zip(frame.sample(frac=1, random_state=1)["method"].unique(), ax.collections, strict=True):
        rows = frame[frame["method"] == method]
        xy = lines(ax)[method]
        np.testing.assert_allclose(xy[:, 0], [0.0, 0.3, 0.6, 0.9])
        vertices = band.get_paths()[0].vertices
        for x, mean in xy:
            values = rows[rows["x"] == x]["value"]
            assert mean == pytest.approx(values.mean())
            interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
            drawn = vertices[np.isclose(vertices[:, 0], x), 1]
            assert (drawn.min(), drawn.max()) == pytest.approx((interval.low, interval.high))
    order = [t.get_text() for t in ax.get_legend().get_texts()]
    ends = frame[frame["x"] == 0.9].groupby("method")["value"].mean()
    assert order == list(ends.sort_values(ascending=False).index)
    assert_readable(ax)


def test_eight_methods_stay_readable():
    assert_readable(plots.sweep_lines(sweep([f"some_method_{i}" for i in range(8)]), "share of the columns", "gain in R²"))


def test_truncation_lies_under_the_metric():
    frame = sweep(("unimodal", "concat"), (4, 16, 64)).rename(columns={"x": "columns"})
    frame["truncated"] = np.where(frame["method"] == "unimodal", frame["columns"] / 64, 0.0)
    above, below = plots.columns_and_truncation(frame, "R²")
    np.testing.assert_allclose(lines(below)["unimodal"], [[4, 4 / 64], [16, 0.25], [64, 1.0]])
    np.testing.assert_allclose(lines(below)["concat"][:, 1], 0)
    mean = frame[(frame["method"] == "concat") & (frame["columns"] == 16)]["value"].mean()
    assert lines(above)["concat"][1, 1] == pytest.approx(mean)
    assert above.get_xlim() == below.get_xlim()
    below.figure.canvas.draw()
    assert "100%" in [t.get_text() for t in below.get_yticklabels()]
    assert "unimodal 100%, concat 0%" in plots.alt_text(above)
    colours = [{line.get_label(): line.get_color() for line in ax.get_lines()} for ax in (above, below)]
    assert colours[0] == colours[1]
    assert_readable(above)


# Inside


def test_weights_are_averaged_per_truth_and_seed():
    frame = pd.DataFrame(
        {"truth": np.tile([0, 0.5, 1.0], 40), "seed": np.repeat(range(4), 30), "variant": np.repeat(["static", "dynamic"], 60)}
    )
    frame = pd.concat(
        [frame.assign(variant=v, weight=frame["truth"] * k + 0.1 * RNG.random(120)) for v, k in (("static", 0), ("dynamic", 1))]
    )
    ax = plots.weight_vs_truth(frame, "talkativeness (truth)", "weight of the text")
    for variant, (points, segments) in bars(ax).items():
        per_seed = frame[frame["variant"] == variant].groupby(["truth", "seed"])["weight"].mean().unstack()
        np.testing.assert_allclose(points[:, 1], per_seed.mean(axis=1))
        np.testing.assert_allclose(segments[:, 1, 1] - segments[:, 0, 1], 2 * per_seed.std(axis=1))
        assert np.abs(points[:, 0] - [0, 0.5, 1.0]).max() < 0.06  # moved aside a little, so that variants do not hide each other
    static, dynamic = (points[:, 0] for points, _ in bars(ax).values())
    assert (dynamic - static > 0.03).all()
    assert len(ax.collections[0].get_offsets()) == 120
    assert list(ax.get_xticks()) == [0, 0.5, 1.0]
    assert_readable(ax)


def test_many_truths_fall_into_bins_of_equal_counts():
    truth = RNG.random(800) ** 3
    frame = pd.DataFrame({"truth": truth, "weight": truth**2, "variant": "a", "seed": 0})
    ax = plots.weight_vs_truth(frame, "share (truth)", "weight", bins=4)
    points = bars(ax)["a"][0]
    parts = np.array_split(np.sort(truth), 4)
    np.testing.assert_allclose(points[:, 0], [np.median(p) for p in parts])
    np.testing.assert_allclose(points[:, 1], [np.mean(p**2) for p in parts])
    assert len(ax.collections[0].get_offsets()) == 400  # faint points are a sample


def test_one_truth_is_one_bin():
    frame = pd.DataFrame({"truth": 1.0, "weight": [0.2, 0.4], "variant": "a", "seed": [0, 1]})
    points, _ = bars(plots.weight_vs_truth(frame, "x", "y"))["a"]
    np.testing.assert_allclose(points, [[1.0, 0.3]])


def test_precision_recall_marks_the_chosen_thresholds():
    y = RNG.random(300) < 0.8
    p = {"text": np.clip(0.3 * y + 0.7 * RNG.random(300), 0, 1), "gating": np.clip(0.5 * y + 0.5 * RNG.random(300), 0, 1)}
    ax = plots.precision_recall(y, p, {"gating": {"chosen on validation": 0.6, "chosen on test": 0.5}})
    drawn = lines(ax)
    f1 = classification.f1(y, p["gating"], 0.6)
    [(recall, precision)] = drawn[f"chosen on validation: F1 {f1:.3f}"]
    guess = p["gating"] >= 0.6
    assert recall == pytest.approx((y & guess).sum() / y.sum())
    assert precision == pytest.approx((y & guess).sum() / guess.sum())
    curve = drawn[f"gating, area {average_precision_score(y, p['gating']):.3f}"]
    assert np.isclose(curve, [recall, precision]).all(axis=1).any()  # the marked point lies on its curve
    steps = -np.diff(curve[:, 0]) @ curve[:-1, 1]  # drawn as steps: the area under them is the number in the legend
    assert steps == pytest.approx(average_precision_score(y, p["gating"]))
    assert ax.get_lines()[0].get_drawstyle() == "steps-post"
    assert (drawn[f"always positive: F1 {classification.constant_f1(y.mean()):.3f}"][:, 1] == y.mean()).all()
    assert_readable(ax)


def test_a_record_card_shows_every_column_and_what_is_missing():
    columns = (Column("Title", "text"), Column("Body", "text"), Column("Type", "category"), Column("Age", "number", "months"))
    schema = TableSchema("pets", "multiclass", (*columns, Column("Fee", "number", "MYR")), "Speed", ("fast", "slow"))
    record = {"Title": "", "Body": "line one\nline two " + "word " * 60, "Type": "cat", "Age": 3.0, "Fee": None, "Speed": 1}
    ax = plots.record_card(record, schema)
    text = ax.texts[0].get_text()
    for part in (
        "Title: (missing)",
        "Body: line one line two",
        "Type: cat",
        "Age: 3 months",
        "Fee: (missing)",
        "label Speed: slow",
    ):
        assert part in text
    assert text.count("word") == 60
    assert max(map(len, text.split("\n"))) <= 96
    assert_readable(ax)
    price = TableSchema("listings", "regression", columns, "price", label_unit="A$")
    assert "label price: 120 A$" in plots.record_card({**record, "price": 120.0}, price).texts[0].get_text()


def test_drawing_on_given_axes_makes_no_other_figure():
    _, ax = plt.subplots()
    before = plt.get_fignums()
    assert plots.sweep_lines(sweep(), "x", "y", ax=ax) is ax
    assert plots.claims_forest(some_verdicts(), ax=ax) is ax
    assert plt.get_fignums() == before

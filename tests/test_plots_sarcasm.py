"""Figures of sarcasm are read back: dots and Wilson intervals, half planes, shares, slopes, counts, a sound; nothing collides."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from scipy import stats

from mmkit import plots
from mmkit.errors import DataError
from mmkit.plots import sarcasm as s
from mmkit.plots.style import BLUE, ORANGE
from mmkit.scores.paired import mcnemar
from tests.test_plots import assert_readable, bars, lines

RNG = np.random.default_rng(0)
SUBSETS = ["text", "audio", "video", "text + audio", "text + video", "audio + video", "all three"]


@pytest.fixture(autouse=True)
def _style_and_close() -> Iterator[None]:
    RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state  # whichever tests ran before
    with plt.rc_context():
        plots.use_style()
        yield
    plt.close("all")


def measured() -> pd.DataFrame:
    return pd.DataFrame({"subset": SUBSETS, "correct": [171, 155, 154, 180, 174, 158, 182], "count": 200})


PUBLISHED = pd.DataFrame(
    [("text", "SVM", 89.0), ("text + audio", "SVM", 91.9), ("all three", "SVM", 93.1), ("text", "neural", 87.5)],
    columns=["subset", "method", "accuracy"],
)


def test_subsets_carry_wilson_intervals_beside_the_paper():
    rows = measured()
    ax = s.subset_accuracies(rows, PUBLISHED, {"always sincere": 76.8, "by speaker": 79.0})
    points, segments = bars(ax)["here, 95 % interval"]
    for y, (point, segment, correct) in enumerate(zip(points, segments, rows["correct"], strict=True)):
        interval = stats.binomtest(int(correct), 200).proportion_ci(method="wilson")
        assert tuple(point) == (100 * correct / 200, y)
        assert tuple(segment[:, 0] / 100) == pytest.approx(tuple(interval))
    assert [t.get_text() for t in ax.get_yticklabels()] == SUBSETS
    drawn = lines(ax)
    np.testing.assert_allclose(drawn["the paper, SVM"], [(89.0, 0.25), (91.9, 3.25), (93.1, 6.25)])
    np.testing.assert_allclose(drawn["the paper, neural"], [(87.5, 0.25)])
    assert set(drawn["always sincere: 76.8"][:, 0]) == {76.8}
    assert set(drawn["by speaker: 79.0"][:, 0]) == {79.0}
    hollow = {line.get_label(): line.get_markerfacecolor() for line in ax.get_lines()}
    assert hollow["the paper, SVM"] == "white"
    assert "all three 91.0" in plots.alt_text(ax)
    assert_readable(ax)


# The XOR picture


def grid(value) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = np.linspace(-2, 2, 41), np.linspace(-1.5, 1.5, 31)
    return x, y, value(x[None, :], y[:, None])


def crossed(n: int = 300) -> pd.DataFrame:
    words, voice = RNG.uniform(-2, 2, n), RNG.uniform(-1.5, 1.5, n)
    return pd.DataFrame({"words": words, "voice": voice, "sarcastic": words * voice < 0})


def test_half_planes_and_points_of_the_xor_picture():
    points = crossed()
    surfaces = {"linear": grid(lambda x, y: x + 0 * y - 0.5), "RBF": grid(lambda x, y: -x * y)}
    ax = s.xor_scatter(points, surfaces)
    right = np.mean((points["words"] > 0.5) == points["sarcastic"])
    assert ax[0].get_title() == f"linear: {right:.0%} on their side"
    assert int(ax[1].get_title().split()[1].rstrip("%")) >= 97  # grid points next to an axis may stand on the other side
    for axes in ax:
        drawn = {c.get_label(): c.get_offsets() for c in axes.collections if c.get_label() in ("sincere", "sarcastic")}
        for says, label in enumerate(("sincere", "sarcastic")):
            own = points[points["sarcastic"] == bool(says)]
            np.testing.assert_allclose(drawn[label], own[["words", "voice"]])
        face = {c.get_label(): to_rgb(c.get_facecolor()[0]) for c in axes.collections if c.get_label() in drawn}
        assert face == {"sincere": to_rgb(BLUE), "sarcastic": to_rgb(ORANGE)}
    line = ax[0].collections[1].get_paths()[0].vertices  # the boundary
    np.testing.assert_allclose(line[:, 0], 0.5)
    assert "RBF" in plots.alt_text(ax[0])
    assert_readable(ax[0])


def test_which_half_plane_is_coloured():
    [ax] = s.xor_scatter(crossed(20), {"linear": grid(lambda x, y: x + 0 * y - 0.05)})
    sincere, sarcastic = ax.collections[0].get_paths()
    assert sincere.vertices[:, 0].max() < 0.2
    assert sarcastic.vertices[:, 0].min() > -0.2


def test_a_classifier_that_says_one_thing_has_no_boundary():
    [ax] = s.xor_scatter(crossed(20), {"constant": grid(lambda x, y: 0 * x * y - 1)})
    assert "on their side" in ax.get_title()
    with pytest.raises(DataError, match=r"values of 'a' have shape \(41, 31\), expected \(31, 41\)"):
        s.xor_scatter(crossed(20), {"a": (*grid(lambda x, y: x * y)[:2], np.zeros((41, 31)))})


# Shares, slopes


def test_shares_stack_to_one():
    rows = [("raw", 0.0, 1.0, 0.0), ("scaled", 0.3, 0.2, 0.5), ("columns", 0.17, 0.03, 0.8)]
    shares = pd.DataFrame(
        [(name, block, v) for name, *values in rows for block, v in zip(("text", "audio", "video"), values, strict=True)],
        columns=["scaling", "block", "share"],
    )
    ax = s.distance_shares(shares)
    drawn = {c.get_label(): [(bar.get_x(), bar.get_width()) for bar in c] for c in ax.containers}
    for y, (_, text, audio, video) in enumerate(rows):
        np.testing.assert_allclose([drawn[b][y] for b in drawn], [(0, text), (text, audio), (text + audio, video)], atol=1e-12)
    assert [t.get_text() for t in ax.texts] == ["30%", "17%", "100%", "20%", "50%", "80%"]  # 3 % has no room
    assert [t.get_text() for t in ax.get_yticklabels()] == ["raw", "scaled", "columns"]
    assert "columns: text 17.0%, audio 3.0%, video 80.0%" in plots.alt_text(ax)
    assert_readable(ax)
    with pytest.raises(DataError, match="shares of 'raw' sum to 2"):
        s.distance_shares(shares.assign(share=shares["share"] + (shares["block"] == "text") * (shares["scaling"] == "raw")))


def test_slopes_from_split_to_split():
    index = pd.MultiIndex.from_product(
        [["scenes leak", "no leak"], ["text", "text + audio", "all three"], ["random", "by scene"], range(4)],
        names=["world", "method", "split", "seed"],
    )
    rows = index.to_frame(index=False).assign(value=lambda f: 85 + RNG.normal(0, 2, len(f)))
    ax = s.split_slopes(rows)
    assert [axes.get_title() for axes in ax] == ["scenes leak", "no leak"]
    for axes, (_, world) in zip(ax, rows.groupby("world", sort=False), strict=True):
        for method, (points, segments) in bars(axes).items():
            for place, split in enumerate(("random", "by scene")):
                values = world[(world["method"] == method) & (world["split"] == split)]["value"]
                assert points[place, 1] == pytest.approx(values.mean())
                assert points[place, 0] == pytest.approx(place, abs=0.06)
                assert tuple(segments[place][:, 1]) == pytest.approx(tuple(stats.ttest_1samp(values, 0).confidence_interval()))
    assert_readable(ax[0])


# Tables


def test_mcnemar_table_puts_counts_where_they_belong():
    a = np.repeat([True, True, False, False], [140, 12, 19, 2])
    b = np.repeat([True, False, True, False], [140, 12, 19, 2])
    ax = s.mcnemar_table(mcnemar(a, b), "text", "all three")
    shown = {t.get_position(): t.get_text() for t in ax.texts}
    assert shown == {(0, 0): "140", (1, 0): "12", (0, 1): "19", (1, 1): "2"}
    assert [t.get_text() for t in ax.get_xticklabels()] == ["all three\nright", "all three\nwrong"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["text\nright", "text\nwrong"]
    speak = [(p.get_x() + 0.48, p.get_y() + 0.48) for p in ax.patches if to_rgb(p.get_facecolor()) == to_rgb(ORANGE)]
    np.testing.assert_allclose(sorted(speak), [(0, 1), (1, 0)], atol=1e-9)
    p = stats.binomtest(12, 31).pvalue
    assert ax.get_title().startswith(f"text {152 / 173:.1%}, all three {159 / 173:.1%} of 173\nexact p = {p:.3g}")
    assert "only text 12, only all three 19" in plots.alt_text(ax)
    assert_readable(ax)


CAUSES = ["text cue", "prosody", "face", "scene leak", "none"]


def test_causes_agree_or_not():
    table = RNG.integers(0, 200, (5, 5)) + np.diag([300] * 5)
    ax = s.cause_table(table, CAUSES)
    agree = np.trace(table) / table.sum()
    chance = sum(table[k].sum() * table[:, k].sum() for k in range(5)) / table.sum() ** 2
    assert ax.get_title() == f"they agree on {agree:.0%} of {table.sum():,}; by chance {chance:.0%}"
    np.testing.assert_allclose(ax.get_images()[0].get_array(), table / table.sum(axis=1, keepdims=True))
    assert [t.get_text() for t in ax.get_yticklabels()] == CAUSES
    assert_readable(ax)
    other = s.cause_table(table[:, :3], CAUSES, ["text", "audio", "video"])
    assert other.get_title() == ""
    assert [t.get_text() for t in other.get_xticklabels()] == ["text", "audio", "video"]
    assert_readable(other)
    with pytest.raises(DataError, match=r"shape \(5, 5\) and sum"):
        s.cause_table(table, CAUSES[:4])


# One utterance


def test_an_utterance_shows_its_sound_and_frames():
    rate = 22_050
    t = np.arange(rate) / rate
    wave = (8000 * np.sin(2 * np.pi * np.where(t < 0.5, 440, 2000) * t)).astype(np.int16)
    frames = RNG.integers(0, 256, (3, 3, 48, 48)).astype(np.uint8)
    ax = s.utterance(wave, rate, frames, "¡Qué maravilla!")
    seen = ax[0].get_lines()[0].get_xydata()
    np.testing.assert_allclose(seen, np.c_[t, wave / np.abs(wave.astype(float)).max()])
    mesh = ax[1].collections[0]
    corners = mesh.get_coordinates()
    middle = (corners[:-1, :-1] + corners[1:, 1:]) / 2
    decibel = np.asarray(mesh.get_array()).reshape(middle.shape[:2])
    loudest = middle[decibel.argmax(axis=0), np.arange(decibel.shape[1])]
    early, late = loudest[loudest[:, 0] < 0.45], loudest[(loudest[:, 0] > 0.55) & (loudest[:, 0] < 0.95)]
    np.testing.assert_allclose(early[:, 1], 0.44, atol=0.03)  # kHz
    np.testing.assert_allclose(late[:, 1], 2.0, atol=0.03)
    assert decibel.max() == 0
    assert middle[..., 1].max() <= 6.05
    for axes, frame in zip(ax[2:], frames, strict=True):
        np.testing.assert_array_equal(axes.get_images()[0].get_array(), frame.transpose(1, 2, 0))
    assert "1.00 s of sound at 22050 Hz, 3 frames" in plots.alt_text(ax[0])
    assert_readable(ax[0])


def test_silence_and_wrong_shapes():
    s.utterance(np.zeros(2000), 22_050, np.zeros((3, 3, 8, 8)))
    with pytest.raises(DataError, match=r"shapes \(2000,\) and \(3, 8, 8\)"):
        s.utterance(np.zeros(2000), 22_050, np.zeros((3, 8, 8)))


@pytest.mark.parametrize(
    ("draw", "told"),
    [
        (lambda f: s.subset_accuracies(f, PUBLISHED), "measured has no column subset, correct, count"),
        (lambda f: s.subset_accuracies(measured(), f), "published has no column subset, accuracy"),
        (lambda f: s.xor_scatter(f, {}), "points has no column words, voice, sarcastic"),
        (lambda f: s.distance_shares(f), "frame has no column scaling, block, share"),
        (lambda f: s.split_slopes(f), "frame has no column world, split"),
        (lambda f: s.split_slopes(f.assign(world=1, split=2)[:0]), "frame has no rows"),
    ],
)
def test_missing_columns_are_named(draw, told):
    with pytest.raises(DataError, match=told):
        draw(pd.DataFrame({"method": ["a"], "seed": [0], "value": [1.0]}))

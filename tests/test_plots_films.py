"""Pictures side by side, and scores genre by genre, are read back."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mmkit import plots
from mmkit.errors import DataError
from tests.test_plots import assert_readable, bars

RNG = np.random.default_rng(1)
FILMS = {"Drama": 4190, "Comedy": 2577, "Film-Noir": 101} | {f"genre {i}": 50 for i in range(20)}


@pytest.fixture(autouse=True)
def _style_and_close() -> Iterator[None]:
    RNG.bit_generator.state = np.random.default_rng(1).bit_generator.state  # whichever tests ran before
    with plt.rc_context():
        plots.use_style()
        yield
    plt.close("all")


def scores() -> pd.DataFrame:
    rows = [(g, m, s, RNG.uniform(0.1, 0.9)) for m in ("GMU", "PM+MO") for g in reversed(FILMS) for s in range(4)]
    return pd.DataFrame(rows, columns=["genre", "method", "seed", "value"])


def test_each_genre_has_a_row_with_both_methods():
    frame = scores()
    ax = plots.genre_dots(frame, "F1 of one genre", FILMS)
    assert_readable(ax)
    assert [t.get_text() for t in ax.get_yticklabels()][:3] == ["Drama (4,190)", "Comedy (2,577)", "Film-Noir (101)"]
    drawn = bars(ax)
    rows = {}
    for method, some in frame.groupby("method"):
        points, segments = drawn[method]
        for y, (genre, values) in zip(range(len(FILMS)), ((g, some[some["genre"] == g]["value"]) for g in FILMS), strict=True):
            at = np.abs(points[:, 1] - y) < 0.4
            assert at.sum() == 1, genre
            assert points[at, 0] == pytest.approx(values.mean())
            low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
            np.testing.assert_allclose(segments[at][0][:, 0], [low, high])
            rows[method, genre] = points[at, 1][0]
    assert all(rows["GMU", g] < rows["PM+MO", g] for g in FILMS)  # the first above, never on top of each other
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first genre on top
    low, high = ax.get_xlim()
    assert -0.05 < low < 0
    assert 1 < high < 1.05
    best = frame[frame["method"] == "GMU"].groupby("genre")["value"].mean()
    assert f"to {best.max():.2f} ({best.idxmax()})" in plots.alt_text(ax)


def test_a_picture_is_shown_in_its_colours_under_its_title():
    images = RNG.integers(0, 256, (3, 3, 12, 8), dtype=np.uint8)
    axes = plots.pictures(list(images), ["film A", "film B", "film C"])
    assert_readable(axes[0])
    assert [ax.get_title() for ax in axes] == ["film A", "film B", "film C"]
    for ax, image in zip(axes, images, strict=True):
        shown = np.asarray(ax.get_images()[0].get_array())
        assert shown.shape == (12, 8, 3)
        np.testing.assert_array_equal(shown[5, 2], image[:, 5, 2])
        assert not ax.axison
    assert "film C" in plots.alt_text(axes[0])


def test_frames_without_the_columns_are_refused():
    with pytest.raises(DataError, match="frame has no column genre"):
        plots.genre_dots(scores().drop(columns="genre"), "F1", FILMS)

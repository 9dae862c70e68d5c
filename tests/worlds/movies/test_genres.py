"""Genres of the movies world: as frequent as the real ones, and together as often as their tones say."""

from __future__ import annotations

import numpy as np
import pytest

from mmkit.worlds.movies import genres, parts

Y = genres.draw("mmimdb", 8000, 1)
NAMES = genres.names("mmimdb")


def together(a, b):
    """Log odds ratio of two genres."""
    first, second = Y[:, NAMES.index(a)], Y[:, NAMES.index(b)]
    n = np.array([[(first == i) & (second == j) for j in (0, 1)] for i in (0, 1)]).sum(axis=2) + 0.5
    return np.log(n[0, 0] * n[1, 1] / n[0, 1] / n[1, 0])


def test_marginals_and_labels_per_film_are_those_of_mm_imdb():
    wanted = (
        np.array([13967, 8592, 5364, 5192, 3838, 3550, 2710, 2703, 2082, 2057, 1991, 1933, 1668, 1343, 1335, 1143, 1045]) / 25959
    )
    np.testing.assert_allclose(Y.mean(axis=0)[:17], wanted, atol=0.01)
    np.testing.assert_allclose(Y.mean(axis=0), genres.counts("mmimdb") / genres.FILMS, atol=0.01)
    assert genres.counts("mmimdb")[NAMES.index("Film-Noir")] == 338
    assert Y.sum(axis=1).mean() == pytest.approx(2.487, abs=0.05)
    assert Y.any(axis=1).all()


def test_the_thresholds_hold_for_other_draws_than_those_of_the_fit():
    y = genres.scores(60_000, np.random.default_rng(7)) > genres.thresholds()
    y = y[y.any(axis=1)]
    wanted = genres.counts("mmimdb") / genres.FILMS
    assert (np.abs(y.mean(axis=0) - wanted) / np.sqrt(wanted * (1 - wanted) / len(y))).max() < 5  # standard errors of two samples


@pytest.mark.parametrize(
    ("a", "b", "sign"),
    [
        ("Action", "Adventure", 1),
        ("Thriller", "Mystery", 1),
        ("Family", "Animation", 1),
        ("Documentary", "History", 1),
        ("Horror", "Romance", -1),
        ("Comedy", "Thriller", -1),
        ("Action", "Romance", -1),
        ("Documentary", "Drama", -1),
    ],
)
def test_genres_meet_as_their_tones_say(a, b, sign):
    assert sign * together(a, b) > 0.5


def test_the_tones_are_what_scores_share():
    s = genres.scores(60_000, np.random.default_rng(3))
    a = genres.loadings()
    np.testing.assert_allclose(a[NAMES.index("Fantasy")], [0, 0.45, 0.4, 0, 0])
    shared = a @ a.T
    off = ~np.eye(len(a), dtype=bool)
    np.testing.assert_allclose(np.cov(s.T)[off], shared[off], atol=0.03)
    np.testing.assert_allclose(s.var(axis=0), np.maximum(np.diag(shared) + 0.05, 1), atol=0.03)


def test_moviescope_keeps_thirteen_genres_and_no_film_is_left_empty():
    y = genres.draw("moviescope", 3000, 1)
    names = genres.names("moviescope")
    assert names == tuple(
        "Drama Comedy Romance Thriller Crime Action Horror Mystery Sci-Fi Fantasy Family Biography Animation".split()
    )
    assert y.shape == (3000, 13)
    assert y.any(axis=1).all()
    wide = genres.draw("mmimdb", 8000, 2)[:, [NAMES.index(name) for name in names]]
    wide = wide[wide.any(axis=1)]
    np.testing.assert_allclose(y.mean(axis=0), wide.mean(axis=0), atol=0.035)  # the same law, given that something is left


def test_the_most_frequent_genre_stands_first():
    for view in ("mmimdb", "moviescope"):
        assert (np.diff(genres.counts(view)) < 0).all()


def test_parts_cut_each_genre_like_the_real_split():
    part = parts.split(Y, 1)
    rarest = np.argmin(Y.sum(axis=0))
    films = np.flatnonzero(Y[:, rarest])
    assert (part[films] == "test").sum() == round(0.3 * len(films))  # nothing was placed before it: exact
    assert (part[films] == "valid").sum() == round(0.1 * len(films))
    for name, share in (("train", 0.6), ("valid", 0.1), ("test", 0.3)):
        assert (part == name).mean() == pytest.approx(share, abs=0.002)
        np.testing.assert_allclose((Y & (part == name)[:, None]).sum(axis=0) / Y.sum(axis=0), share, atol=0.07)
    assert not (part == parts.split(Y, 2)).all()
    order = np.arange(len(Y)) < len(Y) // 2
    assert (part[order] == "test").mean() == pytest.approx(0.3, abs=0.02)  # not the first films of each genre

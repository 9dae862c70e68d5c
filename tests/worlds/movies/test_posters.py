"""Posters of the movies world: what a glyph looks like, what the cue does to it, and the features against their formula."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from mmkit.worlds.bounds import rng
from mmkit.worlds.movies import evidence, genres, plots, posters
from mmkit.worlds.movies.evidence import Evidence
from mmkit.worlds.movies.knobs import settle
from mmkit.worlds.movies.posters import COLOURS, GLYPHS, POSTER

HEIGHT, WIDTH = 128, 80


@cache
def drawn(view="mmimdb", films=400, null=None):
    knobs = settle(view, 1, null, {})
    y = genres.draw(view, films, 1)
    return evidence.draw(y, knobs, 1, evidence.units(plots.lengths(films, knobs, 1), 1))


def shown(genuine=(), decoy=(), cue=1.0, view="mmimdb"):
    """Evidence of films that show these genres, a list of genre numbers per film."""
    films, size = max(len(genuine), len(decoy)), len(genres.names(view))
    counts = np.zeros((2, films, 5, size), dtype=np.int32)
    for kind, said in enumerate((genuine, decoy)):
        for film, mine in enumerate(said):
            np.add.at(counts[kind, film, POSTER], list(mine), 1)
    level = np.full((films, 5), cue)
    return Evidence(counts[0].any(axis=1) | True, level, level, counts[0], counts[1], np.zeros((films, 5), dtype=np.int32))


def paint(seen, seed=1, view="mmimdb", **changes):
    """(N, H, W, 3) colours in [0, 1]."""
    return (
        posters.pictures(seen, settle(view, seed, None, {"picture": (HEIGHT, WIDTH), **changes}), seed).transpose(0, 2, 3, 1)
        / 255
    )


def nothing(films, cue=1.0):
    return shown([[]] * films, cue=cue)


# --- pictures -----------------------------------------------------------------------------------------------------------


def test_no_two_genres_look_alike_and_the_frequent_ones_differ_in_shape():
    assert set(GLYPHS) == set(genres.COUNTS)
    assert len(set(GLYPHS.values())) == 23
    assert len({shape for shape, _ in list(GLYPHS.values())[:6]}) == 6


def silhouette(mask):
    """What a shape is, from the pixels that it covers."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = box.shape
    fill, half = box.mean(), height // 2
    if not box[half - 1 : half + 2, width // 2].any():
        return "ring"
    if box[:half].sum() < 0.6 * box[-half:].sum():
        return "triangle"
    if fill > 0.93:
        return "square"
    if fill > 0.7:
        return "disc"
    return "diamond" if box[int(0.3 * height), int(0.3 * width)] else "plus"


@pytest.mark.parametrize("view", ["mmimdb", "moviescope"])
def test_each_genre_has_its_shape_and_colour(view):
    names = genres.names(view)
    seen = shown([[g] for g in range(len(names))], view=view)
    bare = paint(shown([[]] * len(names), view=view), view=view)
    for g, (picture, ground) in enumerate(zip(paint(seen, view=view), bare, strict=True)):
        shape, colour = GLYPHS[names[g]]
        mask = np.abs(picture - COLOURS[colour]).max(axis=2) < 0.03
        assert silhouette(mask) == shape, names[g]
        radius = np.sqrt(HEIGHT * WIDTH) * np.array(posters.SIZE)
        painted = np.abs(picture - ground).max(axis=2) > 0.02
        assert (painted.sum(axis=0) > 0).sum() <= 2.4 * radius[1]
        assert painted.sum() > 0.8 * radius[0] ** 2


def test_genuine_and_decoy_units_are_painted_and_blank_ones_are_not():
    genuine, decoy = paint(shown([[3, 9]])), paint(shown(decoy=[[3, 9]]))
    np.testing.assert_array_equal(genuine, decoy)
    ground = paint(nothing(1))
    assert (genuine != ground).any()
    seen = nothing(1)
    blank = Evidence(seen.genres, seen.reliability, seen.cue, seen.genuine, seen.decoy, seen.blank + 8)
    np.testing.assert_array_equal(paint(blank), ground)


def slowly(film, seen, seed, view):
    """One film, glyph after glyph and pixel after pixel, from the numbers drawn for all films."""
    counts = (seen.genuine + seen.decoy)[:, POSTER]
    glyphs = [(i, g) for i in range(len(counts)) for g in range(counts.shape[1]) for _ in range(counts[i, g])]
    x, y, size, turn = rng(seed, "poster/glyphs").random((4, len(glyphs)), dtype=np.float32)
    cue = seen.cue[film, POSTER]
    top, bottom = 0.05 + 0.45 * rng(seed, "poster/palette").random((len(counts), 6), dtype=np.float32)[film].reshape(2, 3)
    down = (np.arange(HEIGHT)[:, None, None] + 0.5) / HEIGHT
    picture = np.broadcast_to(top * (1 - down) + bottom * down, (HEIGHT, WIDTH, 3)).copy()
    for n in sorted((n for n, (i, _) in enumerate(glyphs) if i == film), key=lambda n: turn[n]):
        shape, colour = GLYPHS[genres.names(view)[glyphs[n][1]]]
        r = (0.08 + 0.05 * size[n]) * np.sqrt(HEIGHT * WIDTH)
        row, column = r + y[n] * (HEIGHT - 2 * r), r + x[n] * (WIDTH - 2 * r)
        b, a = np.meshgrid((np.arange(HEIGHT) + 0.5 - row) / r, (np.arange(WIDTH) + 0.5 - column) / r, indexing="ij")
        outside = posters._outside(shape, a, b)
        opaque = np.clip(0.5 - outside / (2 * (0.08 + 0.42 * (1 - cue))), 0, 1) * (0.35 + 0.65 * cue)
        picture += opaque[..., None] * (np.array(COLOURS[colour]) - picture)
    return picture


def test_pictures_equal_a_slow_painter():
    seen = drawn(films=60)
    fast = paint(seen)
    assert (seen.genuine + seen.decoy)[:4, POSTER].sum() > 15
    for film in (0, 1, 2, 3, 59):
        np.testing.assert_allclose(fast[film], slowly(film, seen, 1, "mmimdb"), rtol=0, atol=0.5 / 255 + 1e-4)


def test_an_unreliable_poster_is_pale_and_blurred():
    pictures = {cue: paint(shown([[5]], cue=cue))[0] for cue in (1.0, 0.5, 0.0)}
    ground = paint(nothing(1))[0]
    contrast = {cue: np.abs(picture - ground).sum(axis=2) for cue, picture in pictures.items()}
    assert contrast[1.0].max() > 1.2 * contrast[0.5].max() > 1.5 * contrast[0.0].max()
    step = {cue: max(np.abs(np.diff(c, axis=0)).max(), np.abs(np.diff(c, axis=1)).max()) / c.max() for cue, c in contrast.items()}
    assert step[1.0] > 1.5 * step[0.5] > 1.5 * 1.15 * step[0.0]  # the steepest edge, relative to the glyph's own contrast
    area = {cue: (c > 0.02).sum() for cue, c in contrast.items()}
    assert area[0.0] > 1.3 * area[1.0]


def test_every_place_size_and_order_occurs():
    pictures, ground = paint(shown([[0]] * 250)), paint(nothing(250))
    painted = np.abs(pictures - ground).max(axis=3) > 0.02
    width = painted.any(axis=1).sum(axis=1)
    assert width.min() < 0.75 * width.max()
    everywhere = painted.mean(axis=0)
    assert (everywhere[8:-8, 8:-8] > 0).mean() > 0.97
    assert everywhere[:64].sum() == pytest.approx(everywhere[64:].sum(), rel=0.15)
    assert everywhere[:, :40].sum() == pytest.approx(everywhere[:, 40:].sum(), rel=0.15)
    above = paint(shown([[0] * 20 + [1] * 20] * 60), picture=(16, 16))  # discs and squares that cover each other
    red, yellow = ((np.abs(above - COLOURS[name]).max(axis=3) < 0.1).mean() for name in ("red", "yellow"))
    assert 0.15 < red < 1.5 * yellow  # neither genre always lies on top
    assert yellow < 2.5 * red


def test_pictures_of_any_size_and_in_chunks_of_any_size(monkeypatch):
    seen = drawn(films=40)
    knobs = settle("mmimdb", 1, None, {"picture": (64, 40)})
    whole = posters.pictures(seen, knobs, 1)
    assert whole.shape == (40, 3, 64, 40)
    assert whole.dtype == np.uint8
    monkeypatch.setattr(posters, "AT_ONCE", 7 * 64 * 40)
    np.testing.assert_array_equal(posters.pictures(seen, knobs, 1), whole)
    assert (posters.pictures(seen, knobs, 2) != whole).mean() > 0.9
    assert posters.pictures(nothing(3), settle("mmimdb", 1, None, {"picture": (16, 30)}), 1).shape == (3, 3, 16, 30)


# --- features -------------------------------------------------------------------------------------------------------------


def test_features_equal_their_formula():
    seen, knobs = drawn(films=50), settle("mmimdb", 1, None, {"poster_dim": 40})
    found = posters.features(seen, knobs, 1)
    assert found.dtype == np.float32
    fixed, palette = rng(1, "poster/weights"), rng(1, "poster/palette").random((50, 6), dtype=np.float32)
    w1, w2 = fixed.standard_normal((30, 256), dtype=np.float32), fixed.standard_normal((256, 40), dtype=np.float32)
    noise = rng(1, "poster/noise").standard_normal((50, 40), dtype=np.float32)
    for film in (0, 7, 49):
        counts = (seen.genuine + seen.decoy)[film, POSTER]
        x = np.array([*(0.6 * counts), 2 * (1 - seen.cue[film, POSTER]), *palette[film]])
        hidden = [max(0.0, float(x @ w1[:, h]) * (2 / 30) ** 0.5) for h in range(256)]
        for d in range(40):
            value = np.dot(hidden, w2[:, d]) * (2 / 256) ** 0.5 + 0.5 * noise[film, d]
            assert found[film, d] == pytest.approx(max(0.0, value), abs=1e-4)
    assert 0.3 < (found == 0).mean() < 0.7


def explained(x, y):
    """Share of the variance of y (N,) that a ridge regression on x finds in films that it has not seen."""
    half = len(x) // 2
    a = np.hstack([x, np.ones((len(x), 1))]).astype(float)
    w = np.linalg.solve(a[:half].T @ a[:half] + 10 * np.eye(a.shape[1]), a[:half].T @ y[:half])
    return 1 - ((y[half:] - a[half:] @ w) ** 2).mean() / y[half:].var()


def test_features_tell_the_genres_the_cue_and_the_background_of_the_same_poster():
    seen = drawn(films=1500)
    x = posters.features(seen, settle("mmimdb", 1, None, {"poster_dim": 128}), 1)
    counts = (seen.genuine + seen.decoy)[:, POSTER]
    assert explained(x, counts[:, 0].astype(float)) > 0.7
    assert explained(x, seen.cue[:, POSTER]) > 0.5
    ground = paint(
        Evidence(*(getattr(seen, n) for n in ("genres", "reliability", "cue")), seen.genuine * 0, seen.decoy * 0, seen.blank)
    )
    assert explained(x, ground[:, 0, 0, 0]) > 0.3
    assert explained(np.roll(x, 1, axis=0), counts[:, 0].astype(float)) < 0.05


def test_a_hidden_cue_shows_another_film_s_reliability():
    seen, hidden = drawn(films=1500), drawn(films=1500, null="hidden")
    knobs = settle("mmimdb", 1, None, {"poster_dim": 128})
    assert explained(posters.features(seen, knobs, 1), seen.reliability[:, POSTER]) > 0.5
    assert explained(posters.features(hidden, knobs, 1), hidden.reliability[:, POSTER]) < 0.25  # what the counts tell


def test_same_arguments_same_features_and_no_other_stage_moves_them():
    seen = drawn(films=30)
    first = posters.features(seen, settle("mmimdb", 1, None, {}), 1)
    again = posters.features(seen, settle("mmimdb", 1, None, {"picture": (20, 30), "scenes": 6, "noise": 2.0}), 1)
    np.testing.assert_array_equal(first, again)
    assert (posters.features(seen, settle("mmimdb", 1, None, {}), 2) != first).mean() > 0.4

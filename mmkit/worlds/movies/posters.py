r"""Posters: a glyph for each unit of evidence on a two-colour background, and the features that a fixed network sees in them.

A genre is a shape in a colour (GLYPHS), the same in every world. The visible cue: the less reliable a poster says it is, the more
blurred and pale its glyphs are. Features: relu(W2 relu(W1 [0.6 counts; 2 (1 - cue); palette]) + 0.5 e), like the last layer of an
image network: non-negative, about half of them zero, with the genres, the cue and the background mixed in each number.
"""

from __future__ import annotations

import numpy as np

from mmkit.worlds.bounds import rng
from mmkit.worlds.movies.evidence import MODALITIES, Evidence
from mmkit.worlds.movies.genres import COUNTS, names
from mmkit.worlds.movies.knobs import Knobs

POSTER = MODALITIES.index("poster")
PALETTE = 6  # numbers in [0, 1): red, green, blue at the top and at the bottom
HIDDEN = 256  # units of the network's first layer
COUNT, CUE, NOISE = 0.6, 2.0, 0.5  # weights of the features' inputs, and of their noise

SHAPES = ("disc", "square", "triangle", "ring", "plus", "diamond")
COLOURS = {"red": (0.95, 0.20, 0.20), "yellow": (1.0, 0.85, 0.15), "green": (0.20, 0.80, 0.35), "blue": (0.30, 0.65, 1.0)}
# Genre -> (shape, colour): the six most frequent differ in shape, and no two genres agree in both.
GLYPHS = {genre: (SHAPES[g % 6], tuple(COLOURS)[(g + g // 6) % 4]) for g, genre in enumerate(COUNTS)}
DARKEST, LIGHTEST = 0.05, 0.50  # of a background's colours
SIZE = (0.08, 0.13)  # radius of a glyph, times the root of the picture's area
SHARP, BLURRED = 0.08, 0.42  # half the width of a glyph's edge, times its radius: at cue 1, and what cue 0 adds
PALE = 0.35  # how opaque a glyph is at cue 0
ROUND = 1.1  # radii from a glyph's centre at which its tips are cut
REACH = ROUND + SHARP + BLURRED  # beyond it nothing of a glyph is seen
AT_ONCE = 8_000_000  # pixels painted in one go


def features(evidence: Evidence, knobs: Knobs, seed: int) -> np.ndarray:
    """(N, poster_dim) float32, non-negative."""
    counts = evidence.genuine[:, POSTER] + evidence.decoy[:, POSTER]
    palette = _palette(len(counts), seed)
    x = np.hstack([COUNT * counts, CUE * (1 - evidence.cue[:, [POSTER]]), palette]).astype(np.float32)
    fixed = rng(seed, "poster/weights")
    w1 = fixed.standard_normal((x.shape[1], HIDDEN), dtype=np.float32) * np.float32(np.sqrt(2 / x.shape[1]))
    w2 = fixed.standard_normal((HIDDEN, knobs.poster_dim), dtype=np.float32) * np.float32(np.sqrt(2 / HIDDEN))
    out = rng(seed, "poster/noise").standard_normal((len(x), knobs.poster_dim), dtype=np.float32)
    out *= np.float32(NOISE)
    out += np.maximum(x @ w1, 0) @ w2
    return np.maximum(out, 0, out=out)


def pictures(evidence: Evidence, knobs: Knobs, seed: int) -> np.ndarray:
    """(N, 3, H, W) uint8, RGB: one glyph per genuine or decoy unit, at a random place, in a random size and order."""
    counts = evidence.genuine[:, POSTER] + evidence.decoy[:, POSTER]
    films, (height, width) = len(counts), knobs.picture
    film, genre = np.repeat(np.argwhere(counts >= 0), counts.ravel(), axis=0).T  # one row per glyph, film after film
    draw = rng(seed, "poster/glyphs")
    x, y, size, turn = draw.random((4, len(film)), dtype=np.float32)
    order = np.lexsort((turn, film))  # otherwise frequent genres would always lie below
    film, genre, x, y, size = (values[order] for values in (film, genre, x, y, size))
    layer = np.arange(len(film)) - np.searchsorted(film, film)
    radius = (SIZE[0] + (SIZE[1] - SIZE[0]) * size) * np.float32(np.sqrt(height * width))
    shape, colour = _looks(knobs.view)
    cue = evidence.cue[film, POSTER].astype(np.float32)

    palette, out = _palette(films, seed), np.empty((films, 3, height, width), dtype=np.uint8)
    chunk = max(1, AT_ONCE // (height * width))
    for start in range(0, films, chunk):
        canvas = _background(palette[start : start + chunk], height, width)
        mine = np.arange(*np.searchsorted(film, [start, start + chunk]))
        for at in (mine[layer[mine] == k] for k in range(layer[mine].max(initial=-1) + 1)):  # at most one glyph of each film
            _paint(
                canvas, film[at] - start, x[at], y[at], radius[at], cue[at], shape[genre[at]], colour[genre[at]], height, width
            )
        edge = _edge(height, width)
        inner = canvas[:, edge : edge + height, edge : edge + width].transpose(0, 3, 1, 2)
        out[start : start + chunk] = np.rint(255 * inner)
    return out


def _palette(films: int, seed: int) -> np.ndarray:
    return rng(seed, "poster/palette").random((films, PALETTE), dtype=np.float32)


def _looks(view: str) -> tuple[np.ndarray, np.ndarray]:
    """Number of the shape (G,) and colour (G, 3) of each of the view's genres."""
    looks = [GLYPHS[genre] for genre in names(view)]
    return np.array([SHAPES.index(s) for s, _ in looks]), np.array([COLOURS[c] for _, c in looks], dtype=np.float32)


def _edge(height: int, width: int) -> int:
    """Pixels around the picture that a glyph may reach into."""
    return int(np.ceil(REACH * SIZE[1] * np.sqrt(height * width))) + 1


def _background(palette: np.ndarray, height: int, width: int) -> np.ndarray:
    """(n, H + 2 edge, W + 2 edge, 3): from one dark colour at the top to another at the bottom."""
    edge = _edge(height, width)
    colour = DARKEST + (LIGHTEST - DARKEST) * palette.reshape(-1, 2, 3)
    down = np.clip((np.arange(-edge, height + edge, dtype=np.float32) + 0.5) / height, 0, 1)[:, None]
    rows = colour[:, :1] * (1 - down) + colour[:, 1:] * down  # (n, H + 2 edge, 3)
    return np.repeat(rows[:, :, None], width + 2 * edge, axis=2)


def _paint(
    canvas: np.ndarray,
    film: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    radius: np.ndarray,
    cue: np.ndarray,
    shape: np.ndarray,
    colour: np.ndarray,
    height: int,
    width: int,
) -> None:
    """Lay one glyph over each of these films: centre (x, y) in [0, 1) of what keeps the glyph inside, radius in pixels."""
    edge = _edge(height, width)
    middle = np.stack([radius + y * (height - 2 * radius), radius + x * (width - 2 * radius)], axis=1)
    corner = np.floor(middle).astype(int) - edge
    near = corner[:, :, None] + np.arange(2 * edge + 1)  # (n, 2, 2 edge + 1): the rows and the columns around the centre
    away = (near + 0.5 - middle[:, :, None]).astype(np.float32) / radius[:, None, None]
    opaque = np.empty((len(film), near.shape[2], near.shape[2]), dtype=np.float32)
    for s in np.unique(shape):
        which = shape == s
        opaque[which] = _outside(SHAPES[s], away[which, 1][:, None, :], away[which, 0][:, :, None])
    soft = (SHARP + BLURRED * (1 - cue))[:, None, None]
    opaque = np.clip(0.5 - opaque / (2 * soft), 0, 1) * (PALE + (1 - PALE) * cue)[:, None, None]
    place = (film[:, None, None], near[:, 0, :, None] + edge, near[:, 1, None, :] + edge)
    canvas[place] += opaque[..., None] * (colour[:, None, None] - canvas[place])


def _outside(shape: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How far outside a shape within ROUND of its centre each point is, negative inside; y points down."""
    away = np.hypot(x, y)
    if shape == "disc":
        return away - 0.85
    if shape == "ring":
        return np.abs(away - 0.75) - 0.22
    if shape == "square":
        sharp = np.maximum(np.abs(x), np.abs(y)) - 0.78
    elif shape == "triangle":
        sharp = np.maximum(y - 0.6, 0.87 * np.abs(x) - 0.5 * y - 0.5)
    elif shape == "plus":
        long, short = np.maximum(np.abs(x), np.abs(y)), np.minimum(np.abs(x), np.abs(y))
        sharp = np.maximum(long - 0.95, short - 0.3)
    else:  # diamond
        sharp = (np.abs(x) + np.abs(y)) * np.float32(np.sqrt(0.5)) - 0.7
    return np.maximum(sharp, away - ROUND)  # or the blur of a pointed tip would reach too far

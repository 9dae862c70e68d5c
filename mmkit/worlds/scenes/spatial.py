"""Spatial relations: functions of the true boxes and of the order of depth. What a scene's graph shows of all relations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmkit.worlds.scenes.scene import Scene
from mmkit.worlds.scenes.streams import rng
from mmkit.worlds.scenes.vocabulary import RELATIONS, SEMANTIC

SLANT = 1.5  # to the left: the centres' |dx| > 1.5 |dy| ...
APART = 0.08  # ... and > .08 of the picture's width; above: likewise
OVERLAP = 0.08  # in front of, behind: boxes that share more than this (intersection over union)
NEAR = 0.18  # centres closer than this, shares of the picture
LEFT, RIGHT, ABOVE, BELOW, FRONT, BEHIND, NEAR_TO = range(len(SEMANTIC), len(RELATIONS))
SEMANTIC_SHARE = 0.08  # of the edges of a graph, used where their labels are redrawn


def full(scene: Scene) -> NDArray[np.int16]:
    """All spatial relations that are true, (k, 3): subject, relation (number of `RELATIONS`), object; by subject, object.

    Two objects may stand in several: near and to the left of. Left and right, above and below, in front of and behind come
    in pairs: i left of j as often as j right of i. Neither left nor above: along the diagonal, or the centres coincide.
    """
    return _rows(_holds(scene, *_offsets(scene)))


def edges(scene: Scene, nearest: int, types: str = "true") -> NDArray[np.int16]:
    """What the scene's graph shows, (e, 3): subject, relation, object; by subject, then object, then relation.

    All semantic relations, all in front of/behind, and left/right/above/below between an object and the `nearest` ones to
    it, both ways.  types "random" redraws every relation (stream "edges") and keeps which objects are linked, and how often.
    """
    dx, dy = _offsets(scene)
    holds = _holds(scene, dx, dy)
    distance = dx * dx + dy * dy
    np.fill_diagonal(distance, np.inf)
    close = np.zeros(distance.shape, dtype=bool)
    if nearest and len(scene) > 1:
        first = np.argpartition(distance, min(nearest, len(scene) - 1) - 1, axis=1)[:, :nearest]
        np.put_along_axis(close, first, True, axis=1)
        np.fill_diagonal(close, False)  # with fewer others than `nearest`, the object itself comes last
    holds[..., : FRONT - LEFT] &= (close | close.T)[..., None]
    holds[..., NEAR_TO - LEFT] = False
    shown = np.concatenate([scene.relations, _rows(holds)])
    if types == "random":
        generator = rng(scene.seed, scene.split, "edges", scene.index)
        kind, which = generator.random((2, len(shown)))
        semantic = (which * len(SEMANTIC)).astype(np.int16)
        shown[:, 1] = np.where(kind < SEMANTIC_SHARE, semantic, LEFT + (which * (NEAR_TO - LEFT)).astype(np.int16))
    return shown[np.lexsort((shown[:, 1], shown[:, 2], shown[:, 0]))]


def _offsets(scene: Scene) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """From the centre of i to the centre of j, (n, n) each."""
    left, top, width, height = scene.box.T.astype(np.float64)
    x, y = left + width / 2, top + height / 2
    return x - x[:, None], y - y[:, None]


def _holds(scene: Scene, dx: NDArray[np.float64], dy: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n, n, 7): whether i stands in each spatial relation to j."""
    across, along = np.abs(dx), np.abs(dy)
    sideways = (across > SLANT * along) & (across > APART)
    upright = (along > SLANT * across) & (along > APART)
    left, top, width, height = scene.box.T.astype(np.float64)
    right, bottom, area = left + width, top + height, width * height
    wide = np.minimum(right, right[:, None]) - np.maximum(left, left[:, None])
    high = np.minimum(bottom, bottom[:, None]) - np.maximum(top, top[:, None])
    shared = wide.clip(0) * high.clip(0)
    overlap = shared > OVERLAP * (area + area[:, None] - shared)
    front = scene.depth[:, None] > scene.depth  # the painter's order: drawn later, in front
    holds = np.stack(
        [
            sideways & (dx > 0),  # j lies to the right, so i is to the left of j
            sideways & (dx < 0),
            upright & (dy > 0),  # heights count from the top
            upright & (dy < 0),
            overlap & front,
            overlap & ~front,
            dx * dx + dy * dy < NEAR * NEAR,
        ],
        axis=-1,
    )
    holds[np.arange(len(scene)), np.arange(len(scene))] = False
    return holds


def _rows(holds: NDArray[np.bool_]) -> NDArray[np.int16]:
    subject, target, relation = np.nonzero(holds)
    return np.stack([subject, relation + LEFT, target], axis=1).astype(np.int16)

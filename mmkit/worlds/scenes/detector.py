r"""What a simulated object detector reports about a scene: boxes, labels, posteriors and features of K regions.

Each region sees noisy evidence about its class c: z_j = mu_cj + g_j for every class j, with Gumbel noise g; mu is high for
j = c and a little raised for the other members of its kind. What it reports is Bayes' rule for this noise,

    log p(c | z) = sum_j (mu_cj - exp(mu_cj) exp(-z_j)) + const,        nothing there: mu = 0,

so its confidences are calibrated by construction (for equally frequent categories) and no reader of z can do better. The label is
the likeliest class: wrong for 12 % of the objects, and three times as likely another member of the kind as an unrelated class.
Attributes are seen in the same way. Features mix what was seen, never what is true:

    f = W_class p_class + sum_a W_a p_a + W_box b + .3 sum_r w_r + .2 mean_regions(W_class p_class) + sigma eps

where r are the relations of which the region's object is the subject. All W are standard normal, fixed by the world's seed and D.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmkit.errors import SettingsError
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.raster import visible
from mmkit.worlds.scenes.scene import Scene, Scenes
from mmkit.worlds.scenes.streams import rng

OWN, RELATED = (
    5.1,
    0.66,
)  # mu of the true class and of its kind: 12 % wrong labels, one of the kind three times as likely as others
ERROR = 0.12  # of each attribute
MISS, HIDDEN = 0.03, 0.3  # probability of a miss: .03 + .3 (1 - visible)
FALSE = (1, 2)  # false boxes per picture
JITTER, LOOSE = 0.02, 0.08  # standard deviation of a box's edges, shares of its measures; of a duplicate's
FALSE_SIDE = (0.08, 0.25)  # of a false box, shares of the picture
TRACE, CONTEXT = 0.3, 0.2  # weights of the relations' trace and of the other regions' classes
BOX = 5  # numbers that tell a box: its four edges and its area
# Attributes and how many values each takes; where an object may have none of a kind, "none" is the last value.
ATTRIBUTES = {
    "colour": len(v.COLOURS), "material": len(v.MATERIALS) + 1, "shape": len(v.SHAPES) + 1, "size": len(v.SIZES),
    "state": len(v.STATES) + 1,
}  # fmt: skip
_EDGES = np.cumsum([0, *ATTRIBUTES.values()]).tolist()
PARTS = {name: slice(a, b) for name, a, b in zip(ATTRIBUTES, _EDGES, _EDGES[1:], strict=False)}  # columns of a posterior
CLASSES, VALUES = len(v.CATEGORIES), _EDGES[-1]
_STARTS, _COUNTS = np.array(_EDGES[:-1]), np.diff(_EDGES)
_ODDS = (1 - ERROR) / ERROR * (_COUNTS - 1)  # exp(mu) of a true value: with this the share of errors is ERROR (Gumbel-max)
_LAST = np.array([count - 1 if name in ("material", "shape", "state") else -1 for name, count in ATTRIBUTES.items()])  # none


@dataclass(frozen=True, eq=False)
class Regions:
    """K regions, the most confident first.

    box (K, 4): left, top, width, height, shares of the picture.  label (K,): number of `CATEGORIES`.  confidence (K,): the
    probability that there is an object and that the label is right.  posterior (K, 30): of the category, given that there is one.
    attribute (K, 5): the value seen of each of ATTRIBUTES, -1 for none.  attribute_posterior (K, 34): the columns PARTS[name] sum
    to 1.  features (K, D).  object (K,): number of the true object, -1 for a false box; several regions may show one object.
    """

    box: NDArray[np.float32]
    label: NDArray[np.int8]
    confidence: NDArray[np.float32]
    posterior: NDArray[np.float32]
    attribute: NDArray[np.int8]
    attribute_posterior: NDArray[np.float32]
    features: NDArray[np.float32]
    object: NDArray[np.int16]


class Weights(NamedTuple):
    """Constants of a world, float32; all are parts of `rows`, (84, D)."""

    rows: NDArray[np.float32]
    category: NDArray[np.float32]  # (30, D)
    attribute: NDArray[np.float32]  # (34, D)
    box: NDArray[np.float32]  # (5, D)
    relation: NDArray[np.float32]  # (15, D)


def detect(
    scene: Scene, regions: int = 18, dim: int = 256, sigma: float = 1.0, canvas: int = 64, perfect: bool = False
) -> Regions:
    """What the detector reports of one scene: exactly `regions` regions with features of width `dim`.

    sigma: standard deviation of the features' noise.  canvas: pixels of the picture that decide what is hidden.  perfect: no
    misses, no false boxes, exact boxes (also of duplicates), certain and true classes and attributes; sigma remains.
    Boxes, labels and posteriors do not depend on dim and sigma. Raises SettingsError for impossible numbers.
    """
    _checked(regions, dim, sigma)
    draw = rng(scene.seed, scene.split, "detector", scene.index)
    found = np.arange(len(scene)) if perfect else _found(scene, canvas, draw)
    owner, box = _boxes(scene, found, regions, perfect, draw)
    if perfect:
        label, sure, posterior, attribute, values = _certain(scene, owner)
    else:
        label, sure, posterior = _classes(scene, owner, regions, draw)
        attribute, values = _attributes(scene, owner, draw)
    first = np.argsort(-sure, kind="stable")[:regions]
    box, label, sure, posterior = box[first], label[first], sure[first], posterior[first]
    owner, attribute, values = owner[first], attribute[first], values[first]
    seen = _features(scene, owner, box, posterior, values, weights(scene.seed, dim))
    if sigma:
        seen += np.float32(sigma) * draw.standard_normal(seen.shape, dtype=np.float32)
    return Regions(box, label, sure, posterior, attribute, values, seen, owner.astype(np.int16))


def features(
    scenes: Scenes, regions: int = 18, dim: int = 256, sigma: float = 1.0, canvas: int = 64, perfect: bool = False
) -> dict[str, NDArray]:
    """The fields of `Regions` of all scenes, (N, K, ...) each; row i is scene first + i, as `detect` reports it."""
    out: dict[str, NDArray] = {}
    for row in range(len(scenes)):
        seen = vars(detect(scenes[row], regions, dim, sigma, canvas, perfect))
        if not out:
            out = {name: np.empty((len(scenes), *a.shape), dtype=a.dtype) for name, a in seen.items()}
        for name, a in seen.items():
            out[name][row] = a
    return out


@lru_cache(maxsize=16)
def weights(seed: int, dim: int) -> Weights:
    """The vectors of a world: every class, value of an attribute, edge of a box and relation has one of width D."""
    parts = CLASSES, VALUES, BOX, len(v.SEMANTIC)
    rows = rng(seed, f"detector {dim}", "world").standard_normal((sum(parts), dim), dtype=np.float32)
    rows.flags.writeable = False
    return Weights(rows, *np.split(rows, np.cumsum(parts)[:-1]))


def _checked(regions: int, dim: int, sigma: float) -> None:
    wrong = [f"{name} = {value!r}, expected at least 1" for name, value in (("regions", regions), ("dim", dim)) if value < 1]
    if not 0 <= sigma < np.inf:
        wrong.append(f"sigma = {sigma!r}, expected at least 0")
    if wrong:
        raise SettingsError(f"detector: {'; '.join(wrong)}")


@lru_cache(maxsize=1)
def _rises() -> NDArray[np.float64]:
    """mu, (30, 30): what an object of the row's class adds to the evidence for the column's class."""
    rise = np.where(v.KIND_OF[:, None] == v.KIND_OF, RELATED, 0.0)
    np.fill_diagonal(rise, OWN)
    return rise


def _found(scene: Scene, canvas: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """Numbers of the objects that are not missed."""
    return np.flatnonzero(draw.random(len(scene)) >= MISS + HIDDEN * (1 - visible(scene, canvas)))


def _boxes(
    scene: Scene, found: NDArray[np.int64], regions: int, perfect: bool, draw: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Owner and box of at least `regions` proposals: the objects found, false boxes, then duplicates of the former."""
    false = 0 if perfect else int(draw.integers(FALSE[0], FALSE[1] + 1))
    empty = np.full(false, -1)
    once = np.concatenate([found, empty])
    more = max(0, regions - len(once))
    again = found[draw.integers(0, len(found), more)] if len(found) else np.full(more, -1)
    owner = np.concatenate([once, again])
    side = draw.uniform(*FALSE_SIDE, (len(owner), 2))
    nowhere = np.concatenate([draw.random((len(owner), 2)) * (1 - side), side], axis=1)
    left, top, wide, high = np.where((owner >= 0)[:, None], scene.box[owner], nowhere).T
    shake = 0.0 if perfect else np.where(np.arange(len(owner)) < len(once), JITTER, LOOSE)
    away = shake * draw.standard_normal((4, len(owner)))
    start = np.stack([left + away[0] * wide, top + away[1] * high]).clip(0, 0.98)
    end = np.stack([left + wide + away[2] * wide, top + high + away[3] * high]).clip(start + 0.01, 1)
    return owner, np.concatenate([start, end - start]).T.astype(np.float32)


def _classes(
    scene: Scene, owner: NDArray[np.int64], regions: int, draw: np.random.Generator
) -> tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.float32]]:
    """Label, confidence and posterior of each proposal."""
    rise, false = _rises(), sum(FALSE) / 2 / (regions + sum(FALSE) / 2)
    thin = draw.standard_exponential((len(owner), CLASSES))  # exp(-z) of nothing: the exponential of a Gumbel is this
    real = owner >= 0
    thin[real] *= np.exp(-rise)[scene.category[owner[real]]]
    known = rise.sum(axis=1) - thin @ np.exp(rise).T + np.log((1 - false) / CLASSES)  # (K, 30) up to what all have in common
    nothing = np.log(false) - thin.sum(axis=1)
    label = known.argmax(axis=1)
    best = known.max(axis=1)
    p = np.exp(known - best[:, None])
    whole = p.sum(axis=1)
    sure = 1 / (whole + np.exp(nothing - best))
    return label.astype(np.int8), sure.astype(np.float32), (p / whole[:, None]).astype(np.float32)


def _attributes(
    scene: Scene, owner: NDArray[np.int64], draw: np.random.Generator
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Values seen (K, 5) and posteriors (K, 34) of the attributes."""
    thin = draw.standard_exponential((len(owner), VALUES))
    real = np.flatnonzero(owner >= 0)
    place = (real[:, None], _values(scene, owner[real]) + _STARTS)
    thin[place] /= _ODDS
    least = np.minimum.reduceat(thin, _STARTS, axis=1)
    p = np.exp(np.repeat(_ODDS - 1, _COUNTS) * (np.repeat(least, _COUNTS, axis=1) - thin))
    p /= np.repeat(np.add.reduceat(p, _STARTS, axis=1), _COUNTS, axis=1)
    label = np.stack([p[:, part].argmax(axis=1) for part in PARTS.values()], axis=1)
    return _unseen(label), p.astype(np.float32)


def _certain(
    scene: Scene, owner: NDArray[np.int64]
) -> tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.float32], NDArray[np.int8], NDArray[np.float32]]:
    label, true = scene.category[owner], _values(scene, owner)
    values = np.zeros((len(owner), VALUES), dtype=np.float32)
    np.put_along_axis(values, true + _STARTS, 1.0, axis=1)
    return label, np.ones(len(owner), np.float32), np.eye(CLASSES, dtype=np.float32)[label], _unseen(true), values


def _values(scene: Scene, owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """(K, 5) true values, "none" as the last one; arbitrary for false boxes."""
    true = np.stack([getattr(scene, name)[owner] for name in ATTRIBUTES], axis=1).astype(np.int64)
    return np.where(true < 0, _COUNTS - 1, true)


def _unseen(values: NDArray[np.integer]) -> NDArray[np.int8]:
    """-1 in place of the last value, where this means none."""
    return np.where(values == _LAST, -1, values).astype(np.int8)


def _features(
    scene: Scene,
    owner: NDArray[np.int64],
    box: NDArray[np.float32],
    posterior: NDArray[np.float32],
    values: NDArray[np.float32],
    w: Weights,
) -> NDArray[np.float32]:
    """(K, D) without noise."""
    left, top, wide, high = box.T
    place = np.stack([left, top, left + wide, top + high, wide * high], axis=1)
    acts = np.zeros((len(scene) + 1, len(v.SEMANTIC)), dtype=np.float32)  # the last row serves the false boxes
    acts[scene.relations[:, 0], scene.relations[:, 1]] = TRACE
    kind = posterior + np.float32(CONTEXT) * posterior.mean(axis=0)
    return np.concatenate([kind, values, place, acts[owner]], axis=1) @ w.rows

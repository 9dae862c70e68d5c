r"""Scene graphs as a simulated relation predictor reports them: some relations missed, some mislabelled, some invented.

At level l a true semantic relation is missed with probability .3 l; one that is found gets another relation of its slot with
probability .3 l (slots of one relation cannot be mistaken); about .15 l per object are invented, between kinds of objects for
which they are plausible. Spatial relations are those of the boxes after a shake. Level 0 is the truth.

Every triple has a score with known calibration: evidence x ~ N(+-d/2, 1), + for a true triple, and

    score = 1 / (1 + exp(-(d x + log odds of being true))),

which is the probability that the triple is true when the odds are those that are usual at this level.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mmkit.errors import SettingsError
from mmkit.worlds.scenes import spatial
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.layout import ACTS, MEMBERS, STATIC, TARGETS
from mmkit.worlds.scenes.scene import Scene, Scenes
from mmkit.worlds.scenes.streams import rng

MISSED, MISTAKEN, INVENTED = 0.30, 0.30, 0.15  # at level 1: shares of the true relations; per object
SHAKE = 0.02  # standard deviation of a box's middle at level 1, shares of the picture
REACH = 0.2  # invented relations are likelier between near objects: exp(-distance / REACH)
EVIDENCE = 2.0  # d: how far the evidence for true and for false triples lies apart
LINKS, SINGLE = 0.377, 0.266  # true semantic relations per object, share of those that cannot be mistaken (measured, any seed)
MOST = 1 / MISSED  # highest level: nothing is found
# Share of the spatial relations that are true at levels 0, .5, 1, 2, 3 (measured).
LEVELS, TRUE_SPATIAL = (0.0, 0.5, 1.0, 2.0, 3.0), (1.0, 0.95, 0.9, 0.817, 0.735)


def graph(
    scene: Scene, level: float = 1.0, nearest: int = 4, donor: Scene | None = None
) -> tuple[NDArray[np.int16], NDArray[np.float32], NDArray[np.float32]]:
    """The predicted graph of one scene: edges (e, 3), scores (e,), union boxes (e, 4); the highest score first.

    An edge is subject, relation (number of `RELATIONS`), object, the objects numbered as in the scene. nearest: as in
    `spatial.edges`, and at level 0 the edges are those of `spatial.edges`.  donor: the graph reported is that of this other
    scene, its objects' numbers modulo the number of objects here. Raises SettingsError for a level below 0 or above 3.3.
    """
    if not 0 <= level <= MOST:
        raise SettingsError(f"predicted graph: level = {level!r}, expected 0 to {MOST:.1f}")
    of = scene if donor is None else donor
    draw = rng(of.seed, of.split, "sgg", of.index)
    edges, true = _reported(of, level, nearest, draw)
    scores = _scores(edges, true, level, draw)
    if donor is not None:
        edges, kept = _moved(edges, len(scene))
        scores = scores[kept]
    first = np.argsort(-scores, kind="stable")
    return edges[first], scores[first], unions(scene, edges[first])


def graphs(scenes: Scenes, level: float = 1.0, nearest: int = 4, sgg: str = "own") -> dict[str, NDArray]:
    """All of a split, one after the other: "edges", "scores", "unions" as `graph` has them, and "offsets" (N + 1,) of their rows.

    sgg "shuffled": every scene has the graph of the next one, the last one that of the first. Raises SettingsError for another
    value, and for "shuffled" with one scene only.
    """
    if sgg not in ("own", "shuffled") or (sgg == "shuffled" and len(scenes) < 2):
        raise SettingsError(f"predicted graphs: sgg = {sgg!r} of {len(scenes)} scenes, expected own, or shuffled of at least 2")
    found = []
    for row in range(len(scenes)):
        donor = scenes[(row + 1) % len(scenes)] if sgg == "shuffled" else None
        found.append(graph(scenes[row], level, nearest, donor))
    edges, scores, boxes = (np.concatenate(part) for part in zip(*found, strict=True))
    offsets = np.concatenate([[0], np.cumsum([len(e) for e, _, _ in found])]).astype(np.int64)
    return {"edges": edges, "scores": scores, "unions": boxes, "offsets": offsets}


def unions(scene: Scene, edges: NDArray[np.int16]) -> NDArray[np.float32]:
    """(e, 4) left, top, width, height of the smallest box around subject and object."""
    start, end = scene.box[:, :2], scene.box[:, :2] + scene.box[:, 2:]
    subject, target = edges[:, 0], edges[:, 2]
    low = np.minimum(start[subject], start[target])
    return np.concatenate([low, np.maximum(end[subject], end[target]) - low], axis=1).astype(np.float32)


def odds(level: float) -> tuple[float, float]:
    """Usual shares of true triples among the semantic and among the spatial ones that are reported at a level."""
    found = LINKS * (1 - MISSED * level)
    right = found * (1 - MISTAKEN * level * (1 - SINGLE))
    whole = found + INVENTED * level
    return right / whole if whole else 1.0, float(np.interp(level, LEVELS, TRUE_SPATIAL))


def _reported(scene: Scene, level: float, nearest: int, draw: np.random.Generator) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Edges by subject, object, relation, and which of them are true of the scene."""
    if level == 0:
        edges = spatial.edges(scene, nearest)
        return edges, np.ones(len(edges), dtype=bool)
    semantic = np.concatenate([_kept(scene, level, draw), _invented(scene, level, draw)])
    away = SHAKE * level * draw.standard_normal((len(scene), 2))
    box = scene.box.copy()
    box[:, :2] = (box[:, :2] + away).clip(0, 1 - box[:, 2:])
    edges = spatial.edges(replace(scene, box=box, relations=semantic), nearest)
    facts = np.concatenate([scene.relations, spatial.full(scene)])
    return edges, np.isin(_key(edges), _key(facts))


def _kept(scene: Scene, level: float, draw: np.random.Generator) -> NDArray[np.int16]:
    """The true semantic relations that are found, some of them with another relation of the slot."""
    u = draw.random((3, len(scene.relations)))
    found = scene.relations[u[0] >= MISSED * level].copy()
    u = u[1:, u[0] >= MISSED * level]
    slot = v.SLOT_OF[found[:, 1]]
    first, count = _slots()[:, slot]
    step = 1 + (u[1] * (count - 1)).astype(np.int64)  # to one of the others
    other = first + (found[:, 1] - first + step) % count
    mistaken = (u[0] < MISTAKEN * level) & (count > 1)
    found[mistaken, 1] = other[mistaken]
    return found


def _invented(scene: Scene, level: float, draw: np.random.Generator) -> NDArray[np.int16]:
    """Plausible relations between objects that no true semantic relation links in this direction; each pair at most once."""
    count, u = int(draw.poisson(INVENTED * level * len(scene))), draw.random((2, len(scene), len(scene)))
    left, top, width, height = scene.box.T.astype(np.float64)
    x, y = left + width / 2, top + height / 2
    far = np.hypot(x - x[:, None], y - y[:, None])
    possible = _plausible()[:, scene.category[:, None], scene.category]  # (relations, n, n)
    possible[:, scene.relations[:, 0], scene.relations[:, 2]] = False
    possible[:, np.arange(len(scene)), np.arange(len(scene))] = False
    # The least of independent exponentials, one per pair with rate exp(-far / REACH): pairs by weight, none of them twice.
    wait = np.where(possible.any(axis=0), -np.log1p(-u[0]) * np.exp(far / REACH), np.inf)
    pairs = np.argsort(wait, axis=None)[: min(count, int(np.isfinite(wait).sum()))]
    subject, target = np.unravel_index(pairs, wait.shape)
    fits = possible[:, subject, target]  # (relations, pairs)
    nth = (u[1, subject, target] * fits.sum(axis=0)).astype(np.int64)
    relation = (fits.cumsum(axis=0) > nth).argmax(axis=0)
    return np.stack([subject, relation, target], axis=1).astype(np.int16)


def _scores(edges: NDArray[np.int16], true: NDArray[np.bool_], level: float, draw: np.random.Generator) -> NDArray[np.float32]:
    if level == 0:
        return np.ones(len(edges), dtype=np.float32)
    share = np.where(edges[:, 1] < len(v.SEMANTIC), *odds(level)).clip(1e-6, 1 - 1e-6)
    x = draw.standard_normal(len(edges)) + np.where(true, EVIDENCE / 2, -EVIDENCE / 2)
    return (1 / (1 + np.exp(-EVIDENCE * x) * (1 - share) / share)).astype(np.float32)


def _moved(edges: NDArray[np.int16], count: int) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """Another scene's edges among `count` objects, without loops and repetitions, and the rows that are left of them."""
    edges = edges.copy()
    edges[:, [0, 2]] %= count
    edges[edges[:, 0] == edges[:, 2], 2] += 1
    edges[:, 2] %= count
    kept = np.sort(np.unique(_key(edges), return_index=True)[1])
    return edges[kept], kept


def _key(edges: NDArray[np.int16]) -> NDArray[np.int64]:
    subject, relation, target = edges.T.astype(np.int64)
    return (subject * 128 + target) * 128 + relation


@lru_cache(maxsize=1)
def _slots() -> NDArray[np.int64]:
    """(2, slots): number of the first relation, and of how many relations there are."""
    return np.array([[min(members) for members in MEMBERS.values()], [len(members) for members in MEMBERS.values()]])


@lru_cache(maxsize=1)
def _plausible() -> NDArray[np.bool_]:
    """(relations, subject's category, object's category): what could be related so; anything can be looked at."""
    out = np.zeros((len(v.SEMANTIC), len(v.CATEGORIES), len(v.CATEGORIES)), dtype=bool)
    for slot, members in MEMBERS.items():
        kinds = np.isin(v.KIND_OF, [v.KINDS.index(kind) for kind in TARGETS.get(slot, v.KINDS)])
        subjects = v.ANIMATE if slot in ACTS else ~v.ANIMATE if slot in STATIC else np.zeros_like(v.ANIMATE)
        out[members] = subjects[:, None] & kinds
    return out

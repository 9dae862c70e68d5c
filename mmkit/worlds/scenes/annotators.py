"""Ten people who describe scenes: how much each says, of what, and how often it is wrong. What a caption is to say."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.knobs import Knobs
from mmkit.worlds.scenes.scene import Scene
from mmkit.worlds.scenes.spatial import full
from mmkit.worlds.scenes.streams import uniforms

CAPTIONS = 5  # of each scene, by five different annotators
CONTENT = 29  # numbers that decide what one caption is to say
MOST = 3  # objects that a caption names
SAID = ("size", "shape", "colour", "material", "state")  # attributes in the order in which they are said
OFTEN = (0.7, 0.6, 1.3, 0.6, 0.8)  # how much more or less often than the verbosity says each of them is told
PLACE_SHARE, AROUND_SHARE = (0.15, 0.5), 0.3  # place: .15 + .5 verbosity; weather and time: .3 verbosity
SEMANTIC_FIRST = 0.85  # where both kinds of relation could be told, a semantic one is


class Persona(NamedTuple):
    """An annotator. All but `temperature` are probabilities or shares in [0, 1]."""

    verbosity: float  # how much is said of an object and of the surroundings
    temperature: float  # of the attention: low, always what is salient; high, anything
    error: float  # a category, attribute or relation is replaced by a wrong one
    synonym: float  # another name where the language has one
    relation: float  # a relation is told where there is one


# Two annotators per error rate; verbosity and the others add up to about the same in each pair, so that neither long captions
# nor many relations give the careless ones away.
PERSONAS = (
    Persona(0.2, 0.5, 0.02, 0.1, 0.9),
    Persona(0.8, 1.2, 0.02, 0.5, 0.5),
    Persona(0.35, 0.8, 0.05, 0.4, 0.6),
    Persona(0.65, 0.8, 0.05, 0.2, 0.8),
    Persona(0.7, 0.5, 0.1, 0.6, 0.4),
    Persona(0.3, 1.2, 0.1, 0.0, 1.0),
    Persona(0.6, 0.6, 0.2, 0.3, 0.7),
    Persona(0.4, 1.1, 0.2, 0.3, 0.7),
    Persona(0.25, 1.0, 0.35, 0.5, 0.55),
    Persona(0.75, 0.7, 0.35, 0.1, 0.85),
)


def error_rates(knobs: Knobs) -> tuple[float, ...]:
    """The error rate of each of the ten; with annotators = "equal" all have the mean, .144."""
    rates = [persona.error for persona in PERSONAS]
    return tuple(rates) if knobs.annotators == "personas" else (sum(rates) / len(rates),) * len(rates)


def five(u: NDArray[np.float64]) -> NDArray[np.intp]:
    """Which five of the ten describe each scene, in which order: (N, 10) numbers in [0, 1) -> (N, 5)."""
    return u.argsort(axis=1)[:, :CAPTIONS]


def content_draws(seed: int, split: str, first: int, count: int) -> NDArray[np.float64]:
    """The numbers that decide what the captions of scenes first .. first + count - 1 say, (count, 5, CONTENT)."""
    drawn = uniforms(seed, split, "captions", first, count, CAPTIONS * CONTENT)
    return drawn.reshape(count, CAPTIONS, CONTENT)


@dataclass(frozen=True)
class Content:
    """What one caption is to say, before anybody errs or chooses words. Positions are those in `objects`."""

    form: int  # 0 "there is a ...", 1 "a ... is ...", 2 neither
    objects: tuple[int, ...]  # the first is the subject of all that is told; numbers of the scene's objects
    attributes: tuple[tuple[str, ...], ...]  # names of `SAID`, for each of `objects`
    links: tuple[tuple[int, int], ...]  # (number of `RELATIONS`, position of its object)
    around: tuple[str, ...]  # of place, weather, time


class View:
    """A scene as an annotator sees it: plain lists, and the relations of each object."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.category: list[int] = scene.category.tolist()
        self.attributes: dict[str, list[int]] = {name: getattr(scene, name).tolist() for name in SAID}
        self.spatial: list[tuple[int, int, int]] = list(map(tuple, full(scene).tolist()))
        self.semantic: list[tuple[int, int, int]] = list(map(tuple, scene.relations.tolist()))
        self.holds = {*self.spatial, *self.semantic}
        self.salience = salience(scene).tolist()

    def sayable(self, k: int, alone: bool) -> set[str]:
        """Names of the attributes that can be told of object k. Medium size has no word; a posture is told of a thing alone.

        For open and closed stand before the noun, and a posture is the predicate.
        """
        there = {name for name in SAID if self.attributes[name][k] >= 0}
        if v.SIZES[self.attributes["size"][k]] == "":
            there.discard("size")
        if "state" in there and not alone and v.STATES[self.attributes["state"][k]] not in v.STATES_OF["container"]:
            there.discard("state")
        return there


def salience(scene: Scene) -> NDArray[np.float64]:
    """How much each object (n,) draws the eye: large ones, living ones, and those that semantic relations link."""
    area = scene.box[:, 2].astype(np.float64) * scene.box[:, 3]
    links = np.bincount(scene.relations[:, [0, 2]].ravel(), minlength=len(scene))
    return 0.5 * np.log(area.clip(1e-4)) + v.ANIMATE[scene.category] + 0.5 * np.minimum(links, 3)


def content(view: View, persona: Persona, u: Sequence[float]) -> Content:
    """What this annotator tells of the scene. u: CONTENT numbers in [0, 1); each decides one thing, whatever the others do."""
    subject = _attend(view, range(len(view.category)), persona, u[0])
    objects, links = [subject], []
    for step in (0, 1):
        wanted = persona.relation if step == 0 else persona.verbosity * persona.relation
        if u[2 + 3 * step] < wanted and (found := _link(view, objects, persona, u[3 + 3 * step], u[4 + 3 * step])):
            links.append((found[0], len(objects)))
            objects.append(found[1])
    if not links and u[8] < 0.4 * persona.verbosity and len(view.category) > 1:
        objects.append(_attend(view, [k for k in range(len(view.category)) if k != subject], persona, u[9]))
    attributes = []
    for position, k in enumerate(objects):
        there = view.sayable(k, alone=len(objects) == 1)
        drawn = zip(SAID, OFTEN, u[14 + 5 * position : 19 + 5 * position], strict=True)
        attributes.append(tuple(name for name, often, x in drawn if name in there and x < often * persona.verbosity))
    share = (PLACE_SHARE[0] + PLACE_SHARE[1] * persona.verbosity, *2 * (AROUND_SHARE * persona.verbosity,))
    known = (True, view.scene.weather >= 0, True)
    around = [
        name for name, p, there, x in zip(("place", "weather", "time"), share, known, u[10:13], strict=True) if x < p and there
    ]
    return Content(int(3 * u[1]), tuple(objects), tuple(attributes), tuple(links), tuple(around))


def _attend(view: View, objects: Sequence[int], persona: Persona, u: float) -> int:
    """One of the objects: softmax of the salience over the temperature."""
    top = max(view.salience[k] for k in objects)
    return objects[draw([math.exp((view.salience[k] - top) / persona.temperature) for k in objects], u)]


def _link(view: View, named: Sequence[int], persona: Persona, which: float, target: float) -> tuple[int, int] | None:
    """A true relation of the first of `named` to an object that is not named yet: (relation, object), or None."""
    semantic = [(r, o) for s, r, o in view.semantic if s == named[0] and o not in named]
    spatial = [(r, o) for s, r, o in view.spatial if s == named[0] and o not in named]
    if semantic and (which < SEMANTIC_FIRST or not spatial):
        return semantic[int(target * len(semantic))]
    if not spatial:
        return None
    top = max(view.salience[o] for _, o in spatial)
    return spatial[draw([math.exp((view.salience[o] - top) / persona.temperature) for _, o in spatial], target)]


def draw(weights: Sequence[float], u: float) -> int:
    """The place that a number in [0, 1) falls on, each place as wide as its weight; at least one weight is above 0."""
    edges = list(accumulate(weights))
    return min(bisect_right(edges, u * edges[-1]), len(edges) - 1)

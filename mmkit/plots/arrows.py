"""Where boxes and the arrows between them lie so that they can be told apart. Pixels, x to the right, y upwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
BEND = 0.1  # of an arrow's length: how far its middle control point lies to its left
POINTS = 61  # of a curve
ROUNDS = 400  # of moving boxes apart, at most


@dataclass(frozen=True)
class Arrow:
    """`line` (P, 2): from the border of one box to that of another."""

    line: Numbers

    def places(self, width: float, height: float) -> Iterator[Numbers]:
        """Where the middle of a label of this size may stand: on the line, from its middle outwards; beside a short line."""
        along = self.line[-1] - self.line[0]
        length = float(np.hypot(*along))
        aside = np.zeros((1, 2))
        if 0 < length < 1.5 * width:  # on the line it would hide all of it
            normal = np.array([-along[1], along[0]]) / length
            aside = np.outer([1.0, -1.0], normal * (np.abs(normal) @ [width / 2, height / 2] + 2))
        order = sorted(np.linspace(0.15, 0.85, 15), key=lambda at: abs(at - 0.5))
        yield from (self.line[round(at * (len(self.line) - 1))] + shift for at in order for shift in aside)


def spread(centres: Numbers, size: Numbers, area: tuple[float, float, float, float]) -> Numbers:
    """(n, 2) middles of boxes of `size` (n, 2) that fill the area and do not cover each other, if they fit in.

    `centres` (n, 2) are shares; they are stretched to the area (left, bottom, right, top), then boxes that collide push each
    other along the axis on which they need to move less.
    """
    low, high = np.array(area[:2]) + size / 2, np.array(area[2:]) - size / 2  # (n, 2) each
    least, most = centres.min(axis=0), centres.max(axis=0)
    span = np.where(most > least, most - least, 1.0)
    share = np.where(most > least, (centres - least) / span, 0.5)
    inner = low.max(axis=0), high.min(axis=0)  # where even the largest fits: what is below another thing stays below it
    at = inner[0] + share * (inner[1] - inner[0])
    need = (size[:, None] + size) / 2  # (n, n, 2)
    pairs = ~np.eye(len(at), dtype=bool)
    first = np.arange(len(at))[:, None] < np.arange(len(at))
    for _ in range(ROUNDS):
        gap = at[:, None] - at  # from j to i
        lack = need - np.abs(gap)
        clash = (lack > 0.5).all(axis=2) & pairs
        if not clash.any():
            break
        away = np.where(gap > 0, 1.0, np.where(gap < 0, -1.0, np.where(first, -1.0, 1.0)[..., None]))
        axis = np.eye(2)[lack.argmin(axis=2)]  # (n, n, 2) the one on which less is missing
        at = at + 0.3 * (clash[..., None] * axis * lack * away).sum(axis=1)
        at = np.clip(at, low, np.maximum(low, high))
    return at


def route(centres: Numbers, size: Numbers, ends: Sequence[tuple[int, int]]) -> list[Arrow]:
    """One arrow per pair (from, to). Arrows there and back bend to different sides, several of one pair bend more and more."""
    seen: Counter[tuple[int, int]] = Counter()
    arrows = []
    for source, target in ends:
        turn = seen[source, target]
        seen[source, target] += 1
        if source == target:
            arrows.append(_loop(centres[source], size[source], turn))
            continue
        line = _curve(centres[source], centres[target], BEND * (1 + 1.2 * turn))
        inside = _covered(line, centres[source], size[source]), _covered(line, centres[target], size[target])
        start = int(np.flatnonzero(inside[0])[-1]) if inside[0].any() else 0
        stop = int(np.flatnonzero(inside[1])[0]) if inside[1].any() else len(line) - 1
        arrows.append(Arrow(line[start : stop + 1] if stop - start >= 2 else line))
    return arrows


def _curve(start: Numbers, stop: Numbers, bend: float) -> Numbers:
    """(P, 2) a quadratic curve that leaves the straight line to its left by `bend` of the length, at its control point."""
    across = stop - start
    control = (start + stop) / 2 + bend * np.array([-across[1], across[0]])
    t = np.linspace(0, 1, POINTS)[:, None]
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * stop


def _loop(centre: Numbers, size: Numbers, turn: int) -> Arrow:
    """An ear on the upper right corner of the box."""
    radius = 0.36 * size[1] * (1 + 0.5 * turn)
    angle = np.linspace(-0.5 * np.pi, np.pi, POINTS)[:, None]
    return Arrow(centre + size / 2 + radius * 0.9 * np.hstack([np.cos(angle), np.sin(angle)]))


def _covered(line: Numbers, centre: Numbers, size: Numbers) -> NDArray[np.bool_]:
    return (np.abs(line - centre) <= size / 2).all(axis=1)

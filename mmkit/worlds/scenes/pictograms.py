"""How one object is drawn: its outline by shape or kind, the texture of its material, the icon of its category.

A pictogram is a map of tones: 0 outside the object, then shades of its colour, then fixed parts (edge, icon, eye). A colour turns
tones into red, green and blue. So the colour is the only thing that a pictogram does not depend on.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.streams import rng

RGB = {
    "red": (214, 39, 40), "blue": (42, 84, 214), "green": (44, 150, 58), "yellow": (244, 214, 46), "orange": (247, 136, 28),
    "purple": (128, 58, 172), "pink": (246, 140, 186), "brown": (128, 80, 42), "black": (40, 40, 44), "white": (242, 242, 238),
}  # fmt: skip
SHADES = (-75, -50, -30, -14, 0, 16, 36, 60)  # what tones 1 .. 8 add to a colour
OUTSIDE, FLAT = 0, 5
EDGE, ICON, LIGHT, DARK = range(len(SHADES) + 1, len(SHADES) + 5)
TONES = DARK + 1
INK, PAPER = (22, 22, 30), (250, 250, 250)  # of icons, on light and on dark colours; eyes, lids, wheels, openings
GREY = 105.0  # brightness from which on a colour is light
GRID = 8  # an icon has 8 x 8 points
TRIED = 24  # random icons of which the one that differs most from all earlier ones is taken
EDGED = 6  # an object less high or wide than so many pixels has no edge: it would be nothing else
ROUNDING = 1e-9  # points on an outline belong to the object, on its left as on its right
LID = 0.2  # share of a container
NECK, HIP = 0.3, 0.72  # of the height: where a body begins and ends

FORMS = dict.fromkeys(v.SHAPED) | {kind: kind for kind in ("person", "animal", "vehicle", "food", "clothing")}
# Where the middle of the icon lies, and how much of width and height it may take.
PLACE = {
    "person": (0.5, 0.51, 0.9, 0.42), "animal": (0.42, 0.53, 0.7, 0.45), "vehicle": (0.5, 0.56, 0.8, 0.46),
    "clothing": (0.5, 0.55, 0.68, 0.8), "food": (0.5, 0.5, 0.8, 0.8), "triangular": (0.5, 0.68, 0.5, 0.5),
    "star-shaped": (0.5, 0.54, 0.5, 0.5), "oval": (0.5, 0.5, 0.75, 0.55),
}  # fmt: skip
CENTRAL = (0.5, 0.5, 0.75, 0.75)


def form(category: int, shape: int) -> str:
    """Name of the outline: the shape, or the kind for kinds that have none."""
    return v.SHAPES[shape] if shape >= 0 else FORMS[v.KINDS[v.KIND_OF[category]]] or "square"


@lru_cache(maxsize=64)
def icons(seed: int) -> NDArray[np.bool_]:
    """(categories, 8, 8) of a world: the left half of each is the mirror image of the right one; no two are alike."""
    generator = rng(seed, "icons", "world")
    found: list[NDArray[np.bool_]] = []
    for _ in v.CATEGORIES:
        halves = generator.random((TRIED, GRID * GRID // 2)).argsort(axis=1) % 2 == 0  # half of the points have ink
        near = [min((int((half != other).sum()) for other in found), default=0) for half in halves]
        found.append(halves[int(np.argmax(near))])
    half = np.array(found).reshape(-1, GRID, GRID // 2)
    return np.concatenate([half[:, :, ::-1], half], axis=2)


@lru_cache(maxsize=1)
def palette() -> NDArray[np.uint8]:
    """(colours, tones, 3). Black is only ever made lighter: a texture would not show otherwise."""
    base = np.array([RGB[name] for name in v.COLOURS], dtype=np.float64)
    shade = np.repeat(np.array(SHADES, dtype=np.float64)[None], len(base), axis=0)
    shade[v.COLOURS.index("black")] = np.abs(shade[v.COLOURS.index("black")])
    light = (base @ (0.299, 0.587, 0.114) > GREY)[:, None]
    out = np.zeros((len(base), TONES, 3))
    out[:, 1:EDGE] = base[:, None] + shade[:, :, None]
    out[:, EDGE] = base * 0.45
    out[v.COLOURS.index("black"), EDGE] = 120
    out[:, ICON] = np.where(light, INK, PAPER)
    out[:, LIGHT], out[:, DARK] = PAPER, INK
    return out.clip(0, 255).round().astype(np.uint8)


@lru_cache(maxsize=16384)
def outline(name: str, state: int, facing: int, height: int, width: int) -> NDArray[np.bool_]:
    """(height, width) True on the object. name: see `form`; state and facing matter for persons and animals only."""
    y, x = np.mgrid[0.5:height, 0.5:width]
    p, q = 2 * x / width - 1, 2 * y / height - 1  # -1 .. 1 across and down
    side = min(height, width)
    if name in ("person", "animal"):
        return _body(name, state, x / width if facing >= 0 else 1 - x / width, y / height, height, width)
    if name == "round":
        return np.hypot(x - width / 2, y - height / 2) <= side / 2
    if name == "square":
        return (np.abs(x - width / 2) <= side / 2) & (np.abs(y - height / 2) <= side / 2)
    if name == "oval":  # never as high as wide
        flat, high = (1.0, min(1.0, 0.6 * width / height)) if width >= height else (min(1.0, 0.6 * height / width), 1.0)
        return (p / flat) ** 2 + (q / high) ** 2 <= 1
    if name == "triangular":
        return np.abs(p) <= (q + 1) / 2 + ROUNDING
    if name == "hexagonal":
        return np.abs(p) + np.abs(q) / 2 <= 1 + ROUNDING
    if name == "star-shaped":
        return _star(p * np.sin(0.4 * np.pi), (q + 1) / 2 * (1 + np.cos(0.2 * np.pi)) - 1)
    if name == "vehicle":
        return ((np.abs(p) < 0.6) & (q < 0)) | ((q > -0.35) & (q < 0.6)) | _wheels(height, width)
    if name == "food":
        return np.abs(p) ** 2.6 + np.abs(q) ** 2.6 <= 1
    neck = (np.abs(p) < 0.3) & (q < -0.7)  # clothing: two sleeves, open at the neck
    return ((q < -0.15) | (np.abs(p) < 0.68)) & ~neck


def _star(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Five tips at distance 1 from the middle, one of them on top; between two tips the edge comes as near as .5."""
    away, turn = np.hypot(p, q), np.arctan2(p, -q)
    fold = np.abs((turn + np.pi / 5) % (2 * np.pi / 5) - np.pi / 5)  # angle to the nearest tip
    inner = 0.5 * np.cos(np.pi / 5), 0.5 * np.sin(np.pi / 5)
    return (inner[0] - 1) * away * np.sin(fold) - inner[1] * (away * np.cos(fold) - 1) >= -ROUNDING


def _wheels(height: int, width: int) -> NDArray[np.bool_]:
    y, x = np.mgrid[0.5:height, 0.5:width]
    radius = max(1.0, min(0.24 * height, 0.2 * width))
    return np.minimum(np.abs(x - 0.22 * width), np.abs(x - 0.78 * width)) ** 2 + (y - height + radius) ** 2 <= radius**2


def _body(name: str, state: int, u: NDArray[np.float64], w: NDArray[np.float64], height: int, width: int) -> NDArray[np.bool_]:
    """Head, trunk, and legs that tell the state. u: 0 at the back, 1 at the front; w: 0 at the top, 1 at the bottom."""
    middle, radius = (0.5, min(0.165 * height, 0.48 * width)) if name == "person" else (0.8, min(0.3 * height, 0.2 * width))
    head = np.hypot((u - middle) * width, w * height - radius) <= max(radius, 1.0)
    if name == "person":
        trunk = (w > NECK) & (w < HIP) & (np.abs(u - 0.5) < 0.48)
    else:
        trunk = ((w > NECK) & (w < HIP) & (u < 0.86)) | ((u < 0.1) & (w > 0.05) & (w < HIP))  # with a tail
    down, aside = (w - HIP) / (1 - HIP), np.abs(u - 0.5)
    posture = v.STATES[state] if state >= 0 else ""
    if posture == "standing":
        legs = np.abs(aside - 0.27) < 0.12
    elif posture == "walking":
        legs = np.abs(aside - 0.06 - 0.34 * down) < 0.11
    elif posture == "sitting":
        legs = (u > 0.3) & (down < 0.5) | (u > 0.76)
    elif posture == "lying":
        legs = np.ones_like(head)
    else:  # a state that the relation tells, or none
        legs = aside < 0.4 - 0.3 * down
    return head | trunk | (legs & (w >= HIP))


@lru_cache(maxsize=4096)
def texture(material: int, height: int, width: int, unit: int) -> NDArray[np.uint8]:
    """(height, width) shades, tones 1 .. 8: how a material looks. unit: pixels of the finest line."""
    y, x = np.mgrid[0:height, 0:width] // unit
    name = v.MATERIALS[material] if material >= 0 else ""
    if name == "wooden":  # broad horizontal stripes
        return np.where(y % 4 < 2, FLAT, FLAT - 3).astype(np.uint8)
    if name == "metal":  # bright at the left, dark at the right
        return (8 - 7 * np.arange(width) // max(1, width - 1) + 0 * y).astype(np.uint8)
    if name == "cloth":  # checkered
        return np.where((x + y) % 2 == 0, FLAT + 2, FLAT - 2).astype(np.uint8)
    if name == "paper":  # fine upright lines
        return np.where(x % 3 == 0, FLAT - 3, FLAT + 1).astype(np.uint8)
    return np.full((height, width), FLAT + (2 if name == "glass" else 0), dtype=np.uint8)


@lru_cache(maxsize=8192)
def tones(
    seed: int, category: int, shape: int, material: int, state: int, facing: int, height: int, width: int, unit: int
) -> NDArray[np.uint8]:
    """(height, width) of one object, OUTSIDE where there is nothing of it."""
    name = form(category, shape)
    mask = outline(name, state if name in ("person", "animal") else -1, facing, height, width)
    out = np.where(mask, texture(material, height, width, unit), OUTSIDE)
    if name == "vehicle":
        out[_wheels(height, width)] = DARK
    inner = mask
    if min(height, width) >= EDGED:
        framed = np.pad(mask, 1)
        inner = framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
        out[mask & ~inner] = EDGE
    x, y, wide, high = PLACE.get(name, CENTRAL)
    if state >= 0 and v.STATES[state] in ("open", "closed"):
        _lid(out, inner, v.STATES[state] == "open")
        y, wide, high = y + LID / 2, 0.85 * wide, 0.75 * high  # the icon comes below
    _icon(out, mask, icons(seed)[category], (x, y, wide, high), facing)
    if facing:
        _eye(out, mask, name, facing, unit)
    return out


def _lid(out: NDArray[np.uint8], inner: NDArray[np.bool_], is_open: bool) -> None:
    """The upper part of a container: a dark opening, or a light lid. A fifth of the area: it shows in any shape."""
    area = np.cumsum(inner.sum(axis=1))
    high = int(np.searchsorted(area, LID * area[-1])) + 1
    out[:high][inner[:high]] = DARK if is_open else LIGHT


def _icon(
    out: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    icon: NDArray[np.bool_],
    place: tuple[float, float, float, float],
    facing: int,
) -> None:
    height, width = out.shape
    x, y, wide, high = place
    side = int(min(wide * width, high * height))
    side = max(side - side % GRID, min(side, GRID), 2)
    drawn = _resized(icon, side)
    top = min(max(round(y * height - side / 2), 0), height - side) if side <= height else 0
    left = (1 - x if facing < 0 else x) * width - side / 2
    left = min(max(round(left), 0), width - side) if side <= width else 0
    part = np.s_[top : top + side, left : left + side]
    drawn = drawn[: out[part].shape[0], : out[part].shape[1]]
    out[part][drawn & mask[part]] = ICON


def _resized(icon: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """Each point as a square of points, or, in less room than there are points, the points nearest to what is left."""
    if side >= GRID:
        return np.repeat(np.repeat(icon, side // GRID, axis=0), side // GRID, axis=1)
    taken = ((np.arange(side) + 0.5) * GRID / side).astype(int)
    return icon[np.ix_(taken, taken)]


def _eye(out: NDArray[np.uint8], mask: NDArray[np.bool_], name: str, facing: int, unit: int) -> None:
    """A light eye whose dark pupil lies on the side to which the head is turned."""
    height, width = out.shape
    x = (0.68 if name == "person" else 0.86) * width
    left = round(x if facing > 0 else width - x) - unit
    top = round((0.1 if name == "person" else 0.16) * height)
    left, top = min(max(left, 0), max(width - 2 * unit, 0)), min(top, height - unit)
    eye = np.full((unit, 2 * unit), LIGHT, dtype=np.uint8)
    eye[:, unit:] = DARK
    part = np.s_[top : top + unit, left : left + 2 * unit]
    np.copyto(out[part], eye[:, ::facing][:, : out[part].shape[1]], where=mask[part])

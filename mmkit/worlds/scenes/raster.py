"""Scenes as pictures: a backdrop, the objects from the farthest to the nearest, and a coloured stroke for each relation."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mmkit.errors import SettingsError
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.backdrops import backdrop
from mmkit.worlds.scenes.glyphs import fitted
from mmkit.worlds.scenes.pictograms import EDGE, form, outline, palette, tones
from mmkit.worlds.scenes.scene import Scene
from mmkit.worlds.scenes.streams import rng

CANVAS = (32, 512)  # least and most pixels of a side
LEAST = 3  # pixels of an object's side
UNIT = 64  # a line is one pixel wide on a canvas of so many pixels, two on twice as many
GLASS = v.MATERIALS.index("glass")
TEXT_ROWS, TEXT_WIDTH, TEXT_AT = 0.34, 0.92, 0.8  # what lettering may take of height and width, and where its middle lies

# One colour per relation, in the order of `vocabulary.SEMANTIC`; no object and no backdrop has one of them.
STROKES: tuple[tuple[int, int, int], ...] = (
    (255, 0, 80), (0, 255, 255), (190, 255, 0),  # holding, carrying, playing with
    (255, 0, 255), (0, 255, 90), (255, 255, 0), (0, 140, 255), (255, 110, 60),  # sitting, standing, walking, riding, lying
    (150, 0, 255), (0, 255, 190),  # watching, looking at
    (255, 150, 255), (255, 200, 120), (120, 255, 120), (140, 200, 255), (200, 160, 255),  # the single ones
)  # fmt: skip
# How far the middle of a stroke is bent aside, shares of its length: relations of one slot differ in it.
BENDS = (0.0, 0.45, -0.45, 0.0, 0.3, -0.3, 0.6, -0.6, 0.0, 0.3, 0.35, -0.35, 0.35, 0.35, -0.35)
# Where a stroke leaves its subject (share of the height), by slot: never where the object's middle is.
LEAVES = {"hand": 0.62, "top": 0.5, "gaze": 0.12, "body": 0.75, "mouth": 0.66, "under": 0.65, "side": 0.5, "over": 0.2}
SHORTEST = 0.06  # of the picture: a bend is measured by at least this length


def draw(scene: Scene, canvas: int = 64) -> tuple[NDArray[np.uint8], NDArray[np.int8], NDArray[np.float32]]:
    """The picture (H, W, 3), the number of the object that each pixel shows or -1 (H, W), and what is visible of each (n,).

    H = W = canvas. visible: share of the object's own pixels that no nearer object covers (glass covers, too; strokes do not).
    Only strokes lie over nearer objects, and they are not in the map of objects. Raises SettingsError for an impossible canvas.
    """
    boxes, unit = rectangles(scene, canvas), max(1, canvas // UNIT)
    shift = int(rng(scene.seed, scene.split, "render", scene.index).random() * canvas)
    rgb = np.roll(backdrop(scene.place, scene.weather, scene.time, canvas), shift, axis=1)
    instance = np.full((canvas, canvas), -1, dtype=np.int8)
    own = np.zeros(len(scene), dtype=np.int64)
    looks = np.stack([scene.category, scene.shape, scene.material, scene.state, scene.facing], axis=1).tolist()
    for k in np.argsort(scene.depth).tolist():
        left, top, right, bottom = boxes[k]
        tone = tones(scene.seed, *looks[k], bottom - top, right - left, unit)
        mask = tone > 0
        part = rgb[top:bottom, left:right]
        _paint(part, tone, mask, int(scene.colour[k]), looks[k][2] == GLASS)
        if scene.text[k]:
            _write(part, mask, str(scene.text[k]))
        instance[top:bottom, left:right][mask] = k
        own[k] = np.count_nonzero(mask)
    for (_, relation, _), (y, x) in zip(scene.relations.tolist(), strokes(scene, canvas), strict=True):
        rgb[y, x] = STROKES[relation]
    return rgb, instance, _share(instance, own)


def visible(scene: Scene, canvas: int = 64) -> NDArray[np.float32]:
    """(n,) as `draw` tells it, without the picture."""
    instance, own = np.full((canvas, canvas), -1, dtype=np.int8), np.zeros(len(scene), dtype=np.int64)
    boxes = rectangles(scene, canvas)
    looks = np.stack([scene.category, scene.shape, scene.state, scene.facing], axis=1).tolist()
    for k in np.argsort(scene.depth).tolist():
        (left, top, right, bottom), (category, shape, state, facing) = boxes[k], looks[k]
        name = form(category, shape)
        mask = outline(name, state if name in ("person", "animal") else -1, facing, bottom - top, right - left)
        instance[top:bottom, left:right][mask] = k
        own[k] = np.count_nonzero(mask)
    return _share(instance, own)


def rectangles(scene: Scene, canvas: int) -> list[list[int]]:
    """Left, top, right, bottom of each object in pixels (right and bottom outside); at least 3 x 3, inside the picture."""
    if not CANVAS[0] <= canvas <= CANVAS[1]:
        raise SettingsError(f"canvas = {canvas!r}, expected {CANVAS[0]} to {CANVAS[1]} pixels")
    start = np.rint(scene.box[:, :2] * canvas).astype(np.int64)
    end = np.rint((scene.box[:, :2] + scene.box[:, 2:]) * canvas).astype(np.int64)
    start = np.minimum(start, canvas - LEAST)
    end = np.minimum(np.maximum(end, start + LEAST), canvas)
    return np.concatenate([start, end], axis=1).tolist()


def strokes(scene: Scene, canvas: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The pixels (rows, columns) of each relation's stroke: a bent line from the subject, a dot at the object's middle."""
    unit, out = max(1, canvas // UNIT), []
    large = 2 * unit if unit > 1 else 3  # of the dot
    for subject, relation, target in scene.relations.tolist():
        start, end = _ends(scene, subject, relation, target)
        along = end - start
        length = float(np.hypot(*along))
        aside = np.array([-along[1], along[0]]) / length if length > 0 else np.array([1.0, 0.0])
        middle = (start + end) / 2 + 2 * BENDS[relation] * max(length, SHORTEST) * aside
        t = _steps(max(4, int(3 * canvas * (length + SHORTEST) / unit)))
        points = ((1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end) * canvas
        corner = np.rint(points - unit / 2).astype(np.int64)
        line = (corner[:, None] + _square(unit)).reshape(-1, 2)
        dot = np.rint(end * canvas - large / 2).astype(np.int64) + _square(large)
        x, y = np.concatenate([line, dot]).clip(0, canvas - 1).T
        out.append((y, x))
    return out


def _ends(scene: Scene, subject: int, relation: int, target: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where a stroke begins and ends (across, down), shares of the picture. A look begins at the eye's side of the head."""
    left, top, width, height = scene.box[subject].tolist()
    slot = list(v.SLOTS)[v.SLOT_OF[relation]]
    across = 0.5 + 0.4 * int(scene.facing[subject]) if slot == "gaze" else 0.5
    x, y, wide, high = scene.box[target].tolist()
    return np.array([left + across * width, top + LEAVES[slot] * height]), np.array([x + wide / 2, y + high / 2])


@lru_cache(maxsize=1024)
def _steps(count: int) -> NDArray[np.float64]:
    return np.linspace(0, 1, count)[:, None]


@lru_cache(maxsize=64)
def _square(side: int) -> NDArray[np.int64]:
    return np.indices((side, side)).reshape(2, -1).T


def _paint(part: NDArray[np.uint8], tone: NDArray[np.uint8], mask: NDArray[np.bool_], colour: int, glass: bool) -> None:
    """Lay one object over what is there; half of it shines through the shades of glass."""
    new = palette()[colour][tone]
    if glass:
        through = (tone > 0) & (tone < EDGE)
        new[through] = new[through] // 2 + part[through] // 2
    np.copyto(part, new, where=mask[..., None])


def _write(part: NDArray[np.uint8], mask: NDArray[np.bool_], text: str) -> None:
    """Dark letters on a light strip in the lower part of an object, where there is room for them."""
    height, width = mask.shape
    ink = fitted(text, int(TEXT_ROWS * height), int(TEXT_WIDTH * width) - 1)
    if ink is None:
        return
    high, wide = ink.shape
    top = min(round(TEXT_AT * height - high / 2), height - high)
    left = (width - wide) // 2
    strip = np.s_[top : top + high, left : left + wide]
    letters = (250 - 228 * ink).astype(np.uint8)
    np.copyto(part[strip], letters[..., None], where=mask[strip][..., None])


def _share(instance: NDArray[np.int8], own: NDArray[np.int64]) -> NDArray[np.float32]:
    seen = np.bincount(instance.ravel() + 1, minlength=len(own) + 1)[1:]
    return (seen / own).astype(np.float32)

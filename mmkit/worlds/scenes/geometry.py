"""Where the object of a relation lies beside its subject. Only the slot decides, never the relation within it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from mmkit.worlds.scenes.vocabulary import CATEGORIES

# Width and height of a medium-sized one, shares of the picture.
MEASURES: dict[str, tuple[float, float]] = {
    "man": (0.15, 0.34), "woman": (0.14, 0.32), "child": (0.12, 0.25), "dog": (0.18, 0.15), "cat": (0.15, 0.13),
    "bird": (0.12, 0.11), "table": (0.24, 0.16), "chair": (0.14, 0.19), "bench": (0.26, 0.13), "bed": (0.28, 0.16),
    "bicycle": (0.21, 0.15), "skateboard": (0.19, 0.09), "car": (0.29, 0.16), "box": (0.13, 0.12), "bowl": (0.13, 0.09),
    "basket": (0.13, 0.12), "cup": (0.09, 0.10), "bottle": (0.08, 0.14), "plate": (0.12, 0.09), "apple": (0.09, 0.09),
    "cake": (0.11, 0.10), "sandwich": (0.11, 0.09), "ball": (0.10, 0.10), "kite": (0.12, 0.12), "hat": (0.11, 0.08),
    "shirt": (0.12, 0.12), "scarf": (0.10, 0.13), "book": (0.10, 0.11), "phone": (0.08, 0.11), "sign": (0.13, 0.12),
}  # fmt: skip
WIDTHS = tuple(MEASURES[name][0] for name in CATEGORIES)
HEIGHTS = tuple(MEASURES[name][1] for name in CATEGORIES)
HEAD = CATEGORIES.index("hat")  # worn on the head; other clothing on the torso
CROWDED = 0.15  # two objects that no relation put together share less than this of the smaller box


class Box(NamedTuple):
    """Left, top, width, height."""

    left: float
    top: float
    width: float
    height: float

    def moved(self, x: float, y: float) -> Box:
        return Box(self.left + x, self.top + y, self.width, self.height)


def measure(category: int, factor: float, u: Callable[[], float]) -> tuple[float, float]:
    """Width and height of one object; `u` gives numbers in [0, 1). Sizes vary by a tenth up and down."""
    return WIDTHS[category] * factor * (0.9 + 0.2 * u()), HEIGHTS[category] * factor * (0.9 + 0.2 * u())


def beside(
    slot: str, subject: Sequence[float], target: Sequence[float], category: int, u: Callable[[], float]
) -> tuple[float, float]:
    """Left and top of a relation's object when its subject lies at (0, 0).

    subject, target: width and height.  category: of the object.  The number of draws depends on the slot alone.
    """
    (w, h), (width, height) = subject, target
    sway, rise = 2 * u() - 1, 2 * u() - 1  # in [-1, 1)
    if slot == "hand":  # centred at 45 % of the height, on the left or the right edge
        x, y = (w if u() < 0.5 else 0.0) + 0.1 * w * sway, 0.45 * h + 0.05 * h * rise
    elif slot == "top":  # its upper quarter lies under the subject's base
        x, y = w / 2 + 0.25 * width * sway, h + height / 2 - height * (0.2 + 0.05 * rise)
    elif slot == "body":
        x, y = w / 2 + 0.05 * w * sway, (0.02 if category == HEAD else 0.5) * h + 0.03 * h * rise
    elif slot == "mouth":
        x, y = w / 2 + 0.1 * w * sway, 0.22 * h + 0.03 * h * rise
    elif slot == "under":  # the subject hangs under it
        x, y = w / 2 + 0.25 * width * sway, -height / 2 + height * (0.06 + 0.05 * rise)
    elif slot == "side":  # edges touch
        gap = (w + width) / 2 - 0.03 * min(w, width) * (1 + sway)
        x, y = w / 2 + (gap if u() < 0.5 else -gap), h / 2 + 0.2 * height * rise
    else:  # "over": the subject lies on it and covers a part
        x, y = w / 2 + 0.15 * width * sway, h / 2 + height * (0.22 + 0.08 * rise)
    return x - width / 2, y - height / 2


def crowded(box: Box, others: Sequence[Box]) -> bool:
    """Whether `box` shares 15 % of the smaller of the two with any of `others`."""
    left, top, width, height = box
    right, bottom, area = left + width, top + height, width * height
    for a, b, w, h in others:
        wide = min(right, a + w) - max(left, a)
        if wide > 0.0:
            high = min(bottom, b + h) - max(top, b)
            if high > 0.0 and wide * high >= CROWDED * min(area, w * h):
                return True
    return False

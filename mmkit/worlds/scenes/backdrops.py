"""What is behind the objects of a picture: the place, outdoors with its weather, by day or by night."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mmkit.worlds.scenes import vocabulary as v

# Upper and lower colour, and where the one ends (share of the height).
GROUND: dict[str, tuple[tuple[int, int, int], tuple[int, int, int], float]] = {
    "kitchen": ((226, 222, 204), (178, 160, 140), 0.62),
    "office": ((198, 206, 214), (126, 132, 140), 0.66),
    "bedroom": ((216, 196, 206), (166, 132, 112), 0.6),
    "park": ((170, 206, 236), (136, 178, 106), 0.42),
    "beach": ((170, 206, 236), (232, 212, 164), 0.55),
    "street": ((170, 206, 236), (140, 140, 144), 0.48),
}
CLOUDED, SNOW = (186, 190, 196), (232, 236, 242)
LINE = 18  # how much darker the lines of tiles, shelves and wallpaper are
NIGHT = (0.42, 0.42, 0.56)  # what is left of red, green and blue at night
SUN, MOON = (255, 226, 110), (236, 236, 214)


@lru_cache(maxsize=256)
def backdrop(place: int, weather: int, time: int, canvas: int) -> NDArray[np.uint8]:
    """(canvas, canvas, 3), read only. weather -1: indoors."""
    name, sky = v.PLACES[place], v.WEATHER[weather] if weather >= 0 else ""
    above, below, horizon = GROUND[name]
    y, x = (np.mgrid[0:canvas, 0:canvas] + 0.5) / canvas
    out = np.where((y < horizon)[..., None], CLOUDED if sky in ("cloudy", "snowy") else above, below).astype(np.float64)
    if sky == "snowy":
        out[y >= horizon] = 0.3 * out[y >= horizon] + 0.7 * np.array(SNOW)
    _details(out, name, x, y, horizon)
    night = time == v.TIMES.index("night")
    if sky == "cloudy":
        for cx, cy, r in ((0.25, 0.12, 0.09), (0.36, 0.1, 0.07), (0.72, 0.18, 0.09), (0.82, 0.16, 0.06)):
            out[((x - cx) / 1.7) ** 2 + (y - cy) ** 2 < r * r] = (214, 217, 222)
    if night:
        out *= NIGHT
    if sky == "sunny":
        out[np.hypot(x - 0.84, y - 0.14) < 0.09] = MOON if night else SUN
    if sky == "snowy":
        flakes = ((np.floor(x * 32) * 7 + np.floor(y * 32) * 13) % 29 == 0) & (y < horizon)
        out[flakes] = (250, 250, 250) if not night else (170, 170, 190)
    out = out.clip(0, 255).round().astype(np.uint8)
    out.flags.writeable = False
    return out


def _details(out: NDArray[np.float64], name: str, x: NDArray[np.float64], y: NDArray[np.float64], horizon: float) -> None:
    """What tells one place from another."""
    wall, thin = y < horizon, 1.01 / min(64, len(out))
    if name == "kitchen":  # tiles
        out[((x * 8 % 1 < 8 * thin) | (y * 8 % 1 < 8 * thin)) & wall] -= LINE
    elif name == "office":  # a window, shelves
        out[(y * 6 % 1 < 6 * thin) & wall] -= LINE
        out[(np.abs(x - 0.5) < 0.16) & (np.abs(y - 0.25) < 0.14)] = (176, 210, 232)
        out[(np.abs(x - 0.5) < thin) & (np.abs(y - 0.25) < 0.14)] -= 60
    elif name == "bedroom":  # striped wallpaper
        out[(x * 8 % 1 < 0.5) & wall] -= LINE / 1.5
    elif name == "park":  # trees
        for at in (0.12, 0.5, 0.9):
            out[(np.abs(x - at) < 0.018) & (y > horizon - 0.16) & (y < horizon + 0.02)] = (112, 84, 60)
            out[((x - at) / 0.9) ** 2 + (y - horizon + 0.2) ** 2 < 0.09**2] = (88, 142, 84)
    elif name == "beach":  # the sea
        out[(y > horizon - 0.16) & wall] = (92, 150, 196)
        out[(y > horizon - 0.16) & wall & (y * 16 % 1 < 16 * thin)] = (126, 176, 212)
    else:  # houses, and a road with a broken line
        for at, high, tone in ((0.15, 0.3, 150), (0.45, 0.2, 128), (0.8, 0.34, 140)):
            out[(np.abs(x - at) < 0.14) & (y > horizon - high) & wall] = (tone, tone - 14, tone - 22)
        out[(np.abs(y - 0.76) < 0.02) & (x * 5 % 1 < 0.55)] = (222, 222, 206)

"""What is usual in a world: categories by place, colours by category, weather and time by place. The seed alone decides."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmkit.worlds.scenes.streams import rng
from mmkit.worlds.scenes.vocabulary import CATEGORIES, COLOURS, OUTDOORS, PLACES

CATEGORY_SKEW, CATEGORY_SHARE = 0.8, 0.7  # p(category | place) = .7 Dirichlet(.8) + .3 uniform
COLOUR_SKEW, COLOUR_SHARE = 0.7, 0.75  # p(colour | category) = .75 Dirichlet(.7) + .25 uniform
WEATHER_OF = {"park": (0.45, 0.35, 0.2), "beach": (0.6, 0.3, 0.1), "street": (0.35, 0.4, 0.25)}  # sunny, cloudy, snowy
NIGHT_OF = {"kitchen": 0.35, "office": 0.2, "bedroom": 0.6, "park": 0.2, "beach": 0.15, "street": 0.4}


class Priors(NamedTuple):
    """Shares that sum to 1 over the last axis; every one of them is above 0: nothing is impossible, only rare."""

    category: NDArray[np.float64]  # (places, categories)
    colour: NDArray[np.float64]  # (categories, colours)


@lru_cache(maxsize=64)
def priors(seed: int) -> Priors:
    """What is plausible in the world of this seed."""
    generator = rng(seed, "priors", "world")
    category = generator.dirichlet(np.full(len(CATEGORIES), CATEGORY_SKEW), size=len(PLACES))
    colour = generator.dirichlet(np.full(len(COLOURS), COLOUR_SKEW), size=len(CATEGORIES))
    return Priors(
        CATEGORY_SHARE * category + (1 - CATEGORY_SHARE) / len(CATEGORIES),
        COLOUR_SHARE * colour + (1 - COLOUR_SHARE) / len(COLOURS),
    )


def surroundings(u: NDArray[np.float64]) -> tuple[int, int, int]:
    """Place, weather (-1 indoors) and time of a scene from three numbers in [0, 1)."""
    place = int(u[0] * len(PLACES))
    weather = int(np.searchsorted(np.cumsum(WEATHER_OF[PLACES[place]])[:-1], u[1], side="right")) if OUTDOORS[place] else -1
    return place, weather, int(u[2] < NIGHT_OF[PLACES[place]])

r"""Which genres a film has: five tones that genres share, cut so that each genre is as frequent as among MM-IMDb's 25,959 films.

u ~ N(0, I_5),  s_g = a_g . u + sqrt(max(1 - |a_g|^2, 0.05)) e_g,  y_g = [s_g > t_g];  a film without a genre is drawn again.
The thresholds t are found once, by fixed-point rounds on a large sample.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from mmkit.worlds.bounds import rng

FILMS = 25959
COUNTS = {
    "Drama": 13967,
    "Comedy": 8592,
    "Romance": 5364,
    "Thriller": 5192,
    "Crime": 3838,
    "Action": 3550,
    "Adventure": 2710,
    "Horror": 2703,
    "Documentary": 2082,
    "Mystery": 2057,
    "Sci-Fi": 1991,
    "Fantasy": 1933,
    "Family": 1668,
    "Biography": 1343,
    "War": 1335,
    "History": 1143,
    "Music": 1045,
    "Animation": 997,
    "Musical": 841,
    "Western": 705,
    "Sport": 634,
    "Short": 471,
    "Film-Noir": 338,
}
MOVIESCOPE = frozenset(
    "Action Animation Biography Comedy Crime Drama Family Fantasy Horror Mystery Romance Sci-Fi Thriller".split()
)
TONES = {
    "dark": "Thriller .65 Crime .5 Mystery .6 Horror .5 Film-Noir .5 Comedy -.45 Family -.5 Musical -.4 Music -.3 "
    "Documentary -.2",
    "spectacle": "Action .7 Adventure .7 Sci-Fi .5 Fantasy .45 War .3 Western .35 Drama -.35 Romance -.3 Documentary -.3 "
    "Biography -.2",
    "young": "Family .65 Animation .75 Fantasy .4 Adventure .3 Musical .3 Short .3 Comedy .2 Drama -.35 Crime -.2 Horror -.2",
    "real": "Documentary .75 Biography .4 History .5 Music .4 Sport .3 Short .2 War .25 Thriller -.3 Comedy -.25 Romance -.3 "
    "Horror -.2 Drama -.2",
    "heart": "Romance .55 Drama .4 Musical .3 Music .2 Comedy .2 Horror -.45 Action -.25 Sci-Fi -.3 Documentary -.3",
}
LEAST_OWN = 0.05  # variance that a genre keeps for itself
SAMPLE, ROUNDS, STEP = 60_000, 12, 0.8  # of the fit


def names(view: str) -> tuple[str, ...]:
    """The genres of a view, the most frequent first."""
    return tuple(genre for genre in COUNTS if view == "mmimdb" or genre in MOVIESCOPE)


def counts(view: str) -> np.ndarray:
    """(G,) how many of MM-IMDb's films have each genre of the view."""
    return np.array([COUNTS[genre] for genre in names(view)], dtype=float)


@cache
def loadings() -> np.ndarray:
    """(23, 5) what each genre takes from each tone."""
    a = np.zeros((len(COUNTS), len(TONES)))
    order = list(COUNTS)
    for tone, said in enumerate(TONES.values()):
        words = said.split()
        for genre, weight in zip(words[::2], words[1::2], strict=True):
            a[order.index(genre), tone] = float(weight)
    return a


def scores(films: int, random: np.random.Generator) -> np.ndarray:
    """(films, 23) how much of each genre is in each film, before any cut."""
    a = loadings()
    own = np.sqrt(np.maximum(1 - (a**2).sum(axis=1), LEAST_OWN))
    tones = random.standard_normal((films, len(TONES)))
    return tones @ a.T + own * random.standard_normal((films, len(a)))


@cache
def thresholds() -> np.ndarray:
    """(23,) the cuts t at which the films that have a genre at all have each genre as often as the real ones."""
    from scipy.special import ndtri

    a = loadings()
    spread = np.sqrt((a**2).sum(axis=1) + np.maximum(1 - (a**2).sum(axis=1), LEAST_OWN))
    wanted = np.array(list(COUNTS.values())) / FILMS
    s = scores(SAMPLE, rng(0, "thresholds"))
    q = wanted.copy()
    for _ in range(ROUNDS):
        y = s > -ndtri(q) * spread
        observed = y[y.any(axis=1)].mean(axis=0)
        q *= (wanted / observed) ** STEP
    return -ndtri(q) * spread


def draw(view: str, films: int, seed: int) -> np.ndarray:
    """(films, G) bool, at least one genre each."""
    random = rng(seed, "genres")
    kept: list[np.ndarray] = []
    columns = [g for g, genre in enumerate(COUNTS) if genre in names(view)]
    while (missing := films - sum(map(len, kept))) > 0:
        y = (scores(2 * missing + 64, random) > thresholds())[:, columns]
        kept.append(y[y.any(axis=1)][:missing])
    return np.concatenate(kept)

r"""How much each modality of each film says about its genres, counted in units of evidence.

Modality m of film i is reliable to the degree  r_im = sigmoid(mu_m + centred(sum_{g in y_i} E_mg / sqrt|y_i|) + 1.3 e_im).
It emits K_im units. A unit is *genuine* with probability r_im and shows a genre of the film, drawn with weight p_g^(-1/2); else
it is a *decoy* with probability `decoys` and shows one of two wrong genres, which the modality draws once by their prevalence p;
else it is *blank*. What a unit looks like (a word, a glyph, an event, a field) is the business of the modality's own file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmkit.worlds.bounds import rng
from mmkit.worlds.movies.genres import counts, names
from mmkit.worlds.movies.knobs import Knobs

MODALITIES = ("text", "video", "audio", "poster", "metadata")
LEVEL = (1.2, 0.2, -1.2, -0.1, -0.5)  # mu_m
SPREAD = 1.3
SUITS: dict[str, dict[str, float]] = {  # E: genres that a modality tells better than others
    "text": {"Comedy": 0.4, "Drama": 0.5, "Mystery": 0.5},
    "video": {"Comedy": 0.6, "Family": 0.8, "Animation": 1.0, "Action": 0.5},
    "audio": {"Horror": 1.0, "Music": 1.2, "Musical": 1.2, "Drama": 0.5, "Action": 0.3},
    "poster": {"Animation": 0.8, "Western": 0.8, "Horror": 0.6},
    "metadata": {"Documentary": 0.8, "Family": 0.6, "Short": 1.0},
}
UNITS = {"video": 12, "audio": 12, "poster": 8, "metadata": 13}  # a text's grow with its length
DECOY_GENRES = 2


@dataclass(frozen=True, eq=False)
class Evidence:
    """N films, 5 modalities in the order of MODALITIES, G genres."""

    genres: np.ndarray  # (N, G) bool
    reliability: np.ndarray  # (N, 5) in (0, 1)
    cue: np.ndarray  # (N, 5) the reliability that the film shows: its own, or under cue="hidden" another film's
    genuine: np.ndarray  # (N, 5, G) int32, units of each of the film's genres
    decoy: np.ndarray  # (N, 5, G) int32, units of genres that the film does not have
    blank: np.ndarray  # (N, 5) int32


def units(words: np.ndarray, seed: int) -> np.ndarray:
    """(N, 5) units of films whose plots have so many words (N,): a tenth of the words at random, but at least one."""
    fixed = np.tile([UNITS.get(name, 0) for name in MODALITIES], (len(words), 1))
    fixed[:, 0] = np.maximum(1, rng(seed, "text units").binomial(words, 0.1))
    return fixed


def draw(genres: np.ndarray, knobs: Knobs, seed: int, units: np.ndarray) -> Evidence:
    """Reliability and units of all films. genres (N, G) bool; units (N, 5) int: how many each modality emits."""
    r = _reliability(genres, knobs, seed)
    shown = r[rng(seed, "cue").permutation(len(r))] if knobs.cue == "hidden" else r
    genuine, decoy = np.empty((2, *units.shape, genres.shape[1]), dtype=np.int32)
    for m, name in enumerate(MODALITIES):
        genuine[:, m], decoy[:, m] = _units(genres, r[:, m], units[:, m], knobs, rng(seed, f"evidence/{name}"))
    blank = (units - genuine.sum(-1) - decoy.sum(-1)).astype(np.int32)
    return Evidence(genres, r, shown, genuine, decoy, blank)


def _reliability(genres: np.ndarray, knobs: Knobs, seed: int) -> np.ndarray:
    """(N, 5)"""
    effect = np.array([[SUITS[m].get(genre, 0.0) for genre in names(knobs.view)] for m in MODALITIES])
    suits = genres @ effect.T / np.sqrt(genres.sum(axis=1, keepdims=True))
    level = np.full(len(LEVEL), np.mean(LEVEL)) if knobs.reliability == "even" else np.array(LEVEL)
    score = level + suits - suits.mean(axis=0) + SPREAD * rng(seed, "reliability").standard_normal(suits.shape)
    r = 1 / (1 + np.exp(-score))
    return np.broadcast_to(r.mean(axis=0), r.shape).copy() if knobs.reliability == "flat" else r


def _units(
    genres: np.ndarray, r: np.ndarray, count: np.ndarray, knobs: Knobs, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(N, G) genuine and (N, G) decoy units of one modality."""
    prevalence = counts(knobs.view) / counts(knobs.view).sum()
    wrong = _decoy_genres(genres, prevalence, random)
    film = np.repeat(np.arange(len(r)), count)
    u = random.random((4, len(film)))  # each decision has its own numbers, so one knob moves nothing that it does not decide
    weight = genres * prevalence**-0.5
    cdf = np.cumsum(weight, axis=1) / weight.sum(axis=1, keepdims=True)
    right = np.minimum((u[1][:, None] >= cdf[film]).sum(axis=1), genres.shape[1] - 1)
    other = wrong[film, (u[3] * DECOY_GENRES).astype(int)]
    is_genuine = u[0] < r[film]
    is_decoy = ~is_genuine & (u[2] < knobs.decoys) & ~genres[film, other]  # no wrong genre is left to a film that has all
    return tuple(_tally(film[which], genre[which], genres.shape) for which, genre in ((is_genuine, right), (is_decoy, other)))


def _decoy_genres(genres: np.ndarray, prevalence: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(N, 2) different genres that the film does not have, drawn one after the other by prevalence (Gumbel's way)."""
    score = np.where(genres, -np.inf, np.log(prevalence) + random.gumbel(size=genres.shape))
    return np.argpartition(-score, DECOY_GENRES, axis=1)[:, :DECOY_GENRES]


def _tally(film: np.ndarray, genre: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return np.bincount(film * shape[1] + genre, minlength=shape[0] * shape[1]).reshape(shape)

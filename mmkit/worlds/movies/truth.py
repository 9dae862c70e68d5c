r"""What only the movies world knows: reliability, units of evidence, and how far the units tell each genre.

The oracle counts, for genre g in modality m, the n units of genre g among the K that m emits, and knows r = r_im:

    P(n | y_g = 1) = E_a Bin(n; K, r a),                     a: the share of g among the genuine units of a film that has g
    P(n | y_g = 0) = (1 - d_g) [n = 0] + d_g Bin(n; K, (1 - r) c / 2),        d_g: the probability that g is a decoy genre

with c the probability `decoys`. Its log odds are naive: log p_g / (1 - p_g) + sum_m log P(n | 1) / P(n | 0), as if modalities and
genres were independent given the label. It sees each unit as it is, which no model does that has to read words or streams.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from mmkit.schema import vectors
from mmkit.worlds.movies.evidence import DECOY_GENRES, Evidence
from mmkit.worlds.movies.genres import counts
from mmkit.worlds.movies.knobs import Knobs

MOST_LABELS = 4  # films with more genres count as films with so many
CERTAIN = 20.0  # limit of one modality's log odds: without decoys one unit proves its genre


def table(evidence: Evidence, knobs: Knobs) -> dict[str, pa.Array]:
    """Columns: reliability and cue (5), genuine and decoy (5 G, modality by modality), blank (5), told (5 G), oracle (G)."""
    told = log_odds(evidence, knobs)
    return {
        "reliability": vectors(evidence.reliability.astype(np.float32)),
        "cue": vectors(evidence.cue.astype(np.float32)),
        "genuine": vectors(evidence.genuine),
        "decoy": vectors(evidence.decoy),
        "blank": vectors(evidence.blank),
        "told": vectors(told.astype(np.float32)),
        "oracle": vectors((prior(evidence) + told.sum(axis=1)).astype(np.float32)),
    }


def prior(evidence: Evidence) -> np.ndarray:
    """(G,) log odds of each genre before any evidence; half a film is added on both sides."""
    has = evidence.genres.sum(axis=0)
    return np.log((has + 0.5) / (len(evidence.genres) - has + 0.5))


def log_odds(evidence: Evidence, knobs: Knobs) -> np.ndarray:
    """(N, 5, G) what each modality adds to the log odds of each genre."""
    n = (evidence.genuine + evidence.decoy).astype(float)
    total = n.sum(axis=2) + evidence.blank  # (N, 5) K
    r = np.clip(evidence.reliability, 1e-6, 1 - 1e-6)[..., None]
    weight, share = _shares(evidence.genres, counts(knobs.view))
    missing = total[..., None] - n
    if_present = np.zeros(n.shape)
    for k in range(MOST_LABELS):
        if_present += weight[k] * _binomial(n, missing, r * share[k])
    decoy = _decoy_chance(evidence.genres, counts(knobs.view))
    if_absent = (1 - decoy) * (n == 0) + decoy * _binomial(n, missing, (1 - r) * knobs.decoys / DECOY_GENRES)
    limit = np.exp(-CERTAIN)  # the binomial coefficient is the same in both and left out
    return np.clip(np.log(np.maximum(if_present, 1e-300)) - np.log(np.maximum(if_absent, 1e-300)), np.log(limit), -np.log(limit))


def _binomial(n: np.ndarray, missing: np.ndarray, p: np.ndarray) -> np.ndarray:
    return p**n * (1 - p) ** missing


def _shares(genres: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(4, G) how often a film with g has 1, 2, 3, 4 or more genres, and the share of g among its genuine units there."""
    weighted = genres * count**-0.5
    share = weighted / weighted.sum(axis=1, keepdims=True)
    labels = np.minimum(genres.sum(axis=1), MOST_LABELS)
    films, shares = np.zeros((2, MOST_LABELS, genres.shape[1]))
    for k in range(MOST_LABELS):
        films[k] = genres[labels == k + 1].sum(axis=0)
        shares[k] = share[labels == k + 1].sum(axis=0) / np.maximum(films[k], 1)
    return films / np.maximum(films.sum(axis=0), 1), shares


def _decoy_chance(genres: np.ndarray, count: np.ndarray) -> np.ndarray:
    """(G,) the probability that g is one of a modality's two decoy genres, over the films without g."""
    q = ~genres * count
    q = q / q.sum(axis=1, keepdims=True)
    odds = q / (1 - q)
    either = q * (1 + odds.sum(axis=1, keepdims=True) - odds)  # drawn first, or after another
    return either.sum(axis=0) / np.maximum((~genres).sum(axis=0), 1)

"""Train, valid and test as MM-IMDb was cut: label by label from the rarest on, so that rare genres have their share of each."""

from __future__ import annotations

import numpy as np

from mmkit.schema import PARTS
from mmkit.worlds.bounds import rng

TEST, VALID = 0.3, 0.1  # of the films of a label that no rarer label has placed; the rest is train


def split(genres: np.ndarray, seed: int) -> np.ndarray:
    """(N,) train | valid | test for films with these genres (N, G)."""
    random = rng(seed, "parts")
    part = np.full(len(genres), "", dtype=object)
    train, valid, test = PARTS
    for g in np.argsort(genres.sum(axis=0), kind="stable"):
        films = random.permutation(np.flatnonzero(genres[:, g] & (part == "")))
        to_test, to_valid = round(TEST * len(films)), round(VALID * len(films))
        part[films[:to_test]] = test
        part[films[to_test : to_test + to_valid]] = valid
        part[films[to_test + to_valid :]] = train
    return part

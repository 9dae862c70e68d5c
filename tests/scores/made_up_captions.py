"""Captions of few words that resemble their references, some empty, some too short for a 4-gram."""

from __future__ import annotations

import numpy as np

WORDS = np.array("a the man dog cat red big on in of with sits runs table street".split())
WEIGHTS = 1 / np.arange(1, len(WORDS) + 1)


def captions(n: int, seed: int = 0, longest: int = 14) -> tuple[list[list[str]], list[list[list[str]]]]:
    """n candidates and 1 to 5 references of each; a candidate is a reference with about every fourth word replaced."""
    rng = np.random.default_rng(seed)

    def sentence() -> list[str]:
        return rng.choice(WORDS, rng.integers(1, longest), p=WEIGHTS / WEIGHTS.sum()).tolist()

    references = [[sentence() for _ in range(rng.integers(1, 6))] for _ in range(n)]
    candidates = [
        [word if rng.random() < 0.75 else str(rng.choice([*WORDS, "unseen"])) for word in own[0]][: rng.integers(0, longest)]
        for own in references
    ]
    return candidates, references

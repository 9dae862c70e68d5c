"""What trials on films share: scores of several labels per film, and which part a film belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mmkit.schema import Dataset, Split, matrix
from mmkit.scores import multilabel
from mmkit.trials import Rows

SIZE = 256  # films predicted at a time
RANDOM70 = (0.63, 0.07, 0.30)  # train, validation, test: 30 % for testing, a tenth of the rest for validation


def parts(dataset: Dataset, split: str, seed: int) -> tuple[Split, Split, Split]:
    """(train, validation, test): the published parts, or with split 'random70' a draw by `seed`."""
    if split == "official":
        return tuple(dataset.official())
    n = len(dataset.records)
    rows = np.split(np.random.default_rng([seed, 0x70]).permutation(n), (np.cumsum(RANDOM70)[:2] * n).round().astype(int))
    return tuple(dataset.records.take(np.sort(chosen)) for chosen in rows)


def scored(y: np.ndarray, p: np.ndarray, threshold: float) -> tuple[Rows, dict[str, np.ndarray]]:
    """Every F1 and average precision of test films (N, G), and per genre and film what they are made of."""
    rows = [("test", name, value) for name, value in multilabel.all_scores(y, p, threshold).items()]
    genres = multilabel.per_genre(y, p >= threshold)
    arrays = {
        "probability": p.astype(np.float16),
        "f1_genre": genres["f1"],
        "ap_genre": multilabel.per_genre_ap(y, p),
        "threshold": np.array([threshold]),
    }
    return rows, arrays


def prior(y: np.ndarray, films: int) -> np.ndarray:
    """(films, G): each genre's share of the training films, whatever the film."""
    return np.repeat(y.mean(axis=0, keepdims=True), films, axis=0)


def truth(split: Split, name: str, *shape: int) -> np.ndarray:
    """One column of what only the world knows, (N, *shape)."""
    return matrix(split.truth[name]).reshape(len(split), *shape)


def odds(split: Split, modalities: list[int]) -> np.ndarray:
    """Probability of each genre (N, G) by naive Bayes on the true units of some modalities (numbers in MODALITIES)."""
    oracle = truth(split, "oracle", -1)
    told = truth(split, "told", -1, oracle.shape[1])  # (N, 5, G)
    logits = oracle - told.sum(axis=1) + told[:, modalities].sum(axis=1)
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def labels(split: Split) -> np.ndarray:
    """(N, G) of 0 and 1."""
    return matrix(split.table["genres"])


def vectors(split: Split, names: list[str]) -> dict[str, np.ndarray]:
    """Columns of vectors by name, (N, D) float32 each."""
    return {name: matrix(split.table[name]) for name in names}


def predicted(
    model: Any, columns: Any, change: Callable[[dict[str, Any]], dict[str, Any]] | None = None
) -> dict[str, np.ndarray]:
    """p (N, G); of a gated model also gates (N, M, H). change: batch -> batch, for what-if questions."""
    from mmkit.batches import Batches
    from mmkit.fit import predict

    def outputs(whole: Any, batch: dict[str, Any]) -> dict[str, Any]:
        out = whole(batch if change is None else change(batch))
        kept = {"p": out["logits"].sigmoid()}
        return kept if out["gates"] is None else {**kept, "gates": out["gates"]}

    return {name: values.numpy() for name, values in predict(model, Batches(columns, SIZE), outputs).items()}

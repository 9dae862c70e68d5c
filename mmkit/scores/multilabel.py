"""How good are several labels per example? F1 at a threshold and average precision, per film, per genre and as one number.

`y` (N, G) is 1 where film n has genre g; `guess` (N, G) is 1 where it is predicted; `p` (N, G) are probabilities, predicted from
a threshold on. The averages, by the names that papers use: micro pools all N x G decisions; macro is the mean over genres;
weighted is that mean, each genre counted by its films (support); samples is the mean over films. They equal scikit-learn's, whose
average precision per film takes a second where this takes milliseconds. Raises DataError for unequal shapes, values that are not
finite, a truth or guess that is not 0 or 1, and probabilities outside [0, 1].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mmkit.errors import DataError, nearest
from mmkit.scores import checks

F1_AVERAGES = ("micro", "macro", "weighted", "samples")
AP_AVERAGES = ("micro", "macro", "samples")
THRESHOLDS = np.arange(5, 96) / 100  # 0.05, 0.06 ... 0.95


class LeftOut(NamedTuple):
    """What has no average precision: genres that no film has, films that have no genre."""

    genres: int
    films: int


# F1: 2 hits / (predicted + present), 0 where nothing is predicted nor present


def f1(y: ArrayLike, guess: ArrayLike, average: str) -> float:
    """F1 of one of the four averages. A genre or film without any positive, true or predicted, counts 0.

    `samples` is Armitage et al. (2020), eq. 7: the mean over films of 2 |guess and y| / (|guess| + |y|).
    """
    _known(average, F1_AVERAGES)
    y, guess = _labels(y, guess)
    axis = 1 if average == "samples" else 0
    return float(_average((y & guess).sum(axis), guess.sum(axis), y.sum(axis), average))


def f1_samples(y: ArrayLike, guess: ArrayLike) -> np.ndarray:
    """F1 of each film, (N,); f1 of `samples` is their mean."""
    y, guess = _labels(y, guess)
    return _f1((y & guess).sum(1), guess.sum(1), y.sum(1))


def per_genre(y: ArrayLike, guess: ArrayLike) -> dict[str, np.ndarray]:
    """f1, precision, recall and support (films that have the genre) of each genre, (G,) each; 0 / 0 is 0."""
    y, guess = _labels(y, guess)
    hits, guessed, support = (y & guess).sum(0), guess.sum(0), y.sum(0)
    return {
        "f1": _f1(hits, guessed, support),
        "precision": _ratio(hits, guessed),
        "recall": _ratio(hits, support),
        "support": support,
    }


def f1_at(y: ArrayLike, p: ArrayLike, thresholds: ArrayLike = THRESHOLDS, average: str = "weighted") -> np.ndarray:
    """F1 at each of `thresholds` (T,) in any order -> (T,), in one pass over the probabilities."""
    _known(average, F1_AVERAGES)
    y, p = _scored(y, p, probability=True)
    grid, place = np.unique(checks.finite(thresholds, "thresholds"), return_inverse=True)
    if average == "samples":
        y, p = y.T, p.T  # (G, N): from here on a column is what F1 is counted for
    columns, steps = y.shape[1], len(grid) + 1
    passed = np.searchsorted(grid, p, side="right") + steps * np.arange(columns)  # how many thresholds predict this pair
    counts = (np.bincount(some.ravel(), minlength=steps * columns) for some in (passed[y], passed))
    hits, guessed = (c.reshape(columns, steps)[:, :0:-1].cumsum(1)[:, ::-1].T for c in counts)  # (T, columns) each
    return _average(hits, guessed, y.sum(0), average)[place]


def best_threshold(y: ArrayLike, p: ArrayLike, thresholds: ArrayLike = THRESHOLDS, average: str = "weighted") -> float:
    """The one threshold for all genres with the highest F1 on these films, the largest among equals. Use validation data."""
    grid = np.sort(checks.finite(thresholds, "thresholds"))
    score = f1_at(y, p, grid, average)
    return float(grid[len(grid) - 1 - int(score[::-1].argmax())])


# Average precision: sum_k (R_k - R_(k-1)) P_k over the different scores, from the highest down; not interpolated


def average_precision(y: ArrayLike, score: ArrayLike, average: str) -> float:
    """Average precision of any finite scores: pooled (micro), mean over genres (macro), or over films (samples).

    A genre that no film has, and a film that has no genre, has none and is left out; `left_out` counts them. Pooled and per
    film, scores of different genres are compared, so a shift of one genre's scores matters; macro does not see it.
    """
    _known(average, AP_AVERAGES)
    y, score = _scored(y, score)
    if average == "micro":
        return float(_ap(y.reshape(1, -1), score.reshape(1, -1))[0])
    return float(np.nanmean(_ap(y.T, score.T) if average == "macro" else _ap(y, score)))


def per_genre_ap(y: ArrayLike, score: ArrayLike) -> np.ndarray:
    """Average precision of each genre, (G,); NaN for a genre that no film has."""
    y, score = _scored(y, score)
    return _ap(y.T, score.T)


def ap_samples(y: ArrayLike, score: ArrayLike) -> np.ndarray:
    """Average precision of each film, (N,): are its own genres ranked first? NaN for a film that has none."""
    return _ap(*_scored(y, score))


def left_out(y: ArrayLike) -> LeftOut:
    """How many genres macro average precision leaves out, and how many films samples does."""
    y = _zero_one(y, "truth")
    return LeftOut(int((~y.any(0)).sum()), int((~y.any(1)).sum()))


def all_scores(y: ArrayLike, p: ArrayLike, threshold: float) -> dict[str, float]:
    """f1_micro, f1_macro, f1_weighted, f1_samples at `threshold`, and ap_micro, ap_macro, ap_samples."""
    y, p = _scored(y, p, probability=True)
    guess = p >= threshold
    scores = {f"f1_{average}": f1(y, guess, average) for average in F1_AVERAGES}
    return scores | {f"ap_{average}": average_precision(y, p, average) for average in AP_AVERAGES}


def _average(hits: np.ndarray, guessed: np.ndarray, present: np.ndarray, average: str) -> np.ndarray:
    """One F1 out of the counts per genre or film, which lie on the last axis."""
    if average == "micro":
        return _f1(hits.sum(-1), guessed.sum(-1), present.sum())
    f1 = _f1(hits, guessed, present)
    return _ratio(f1 @ present, present.sum()) if average == "weighted" else f1.mean(-1)


def _f1(hits: np.ndarray, guessed: np.ndarray, present: np.ndarray) -> np.ndarray:
    return _ratio(2 * hits, guessed + present)


def _ratio(above: ArrayLike, below: ArrayLike) -> np.ndarray:
    """above / below, 0 / 0 = 0."""
    above, below = np.broadcast_arrays(np.asarray(above, dtype=float), below)
    return np.divide(above, below, out=np.zeros(above.shape), where=below > 0)


def _ap(y: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Average precision of each row of y (R, C), at its own scores; NaN for a row without a positive.

    Every positive brings the precision among all that score at least as high, its equals included.
    """
    order = np.argsort(-score, axis=1, kind="stable")
    y, score = (np.take_along_axis(a, order, axis=1) for a in (y, score))
    last = np.ones(y.shape, dtype=bool)
    last[:, :-1] = score[:, :-1] != score[:, 1:]  # the last of equal scores
    rank = np.where(last, np.arange(1, y.shape[1] + 1), y.shape[1])
    rank = np.minimum.accumulate(rank[:, ::-1], axis=1)[:, ::-1]  # how many score at least as high as this one
    precision = np.take_along_axis(y.cumsum(1), rank - 1, axis=1) / rank
    positives = y.sum(1)
    return np.divide((precision * y).sum(1), positives, out=np.full(len(y), np.nan), where=positives > 0)


def _known(average: str, averages: tuple[str, ...]) -> None:
    if average not in averages:
        raise DataError(f"no average {average!r}{nearest(average, averages)}")


def _zero_one(values: ArrayLike, what: str) -> np.ndarray:
    """bool (N, G) out of numbers that are all 0 or 1."""
    array = checks.finite(values, what, ndim=2)
    if (bad := (array != 0) & (array != 1)).any():
        row, genre = np.argwhere(bad)[0]
        raise DataError(
            f"{what} row {row}, genre {genre} is {array[row, genre]:g}, expected 0 or 1; {int(bad.sum())} values are wrong"
        )
    return array.astype(bool)


def _alike(y: np.ndarray, other: np.ndarray, what: str) -> None:
    if y.shape != other.shape:
        raise DataError(f"{what} has shape {other.shape} and the truth {y.shape}, expected the same (N, G)")


def _labels(y: ArrayLike, guess: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    y, guess = _zero_one(y, "truth"), _zero_one(guess, "guess")
    _alike(y, guess, "guess")
    return y, guess


def _scored(y: ArrayLike, score: ArrayLike, probability: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Truth with at least one positive, and finite scores of its shape; probabilities lie in [0, 1]."""
    what = "probability" if probability else "score"
    y, score = _zero_one(y, "truth"), checks.finite(score, what, ndim=2)
    _alike(y, score, what)
    if not y.any():
        raise DataError(f"none of the {len(y)} films has a genre, so there is nothing to find")
    if probability and (bad := (score < 0) | (score > 1)).any():
        row, genre = np.argwhere(bad)[0]
        raise DataError(
            f"probability row {row}, genre {genre} is {score[row, genre]:g}, expected 0 to 1; hand in the sigmoid, not the logits"
        )
    return y, score

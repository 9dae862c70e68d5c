"""How good are predicted classes and probabilities? Per-example values first, then means over examples, never over batches.

`y` (N,) true class numbers, `label` (N,) predicted ones; for two classes `y` is 1 on a positive and `probability` (N,) is of
the positive class, predicted positive from `threshold` on. Raises DataError for empty, unequal, non-finite or impossible
inputs, and where a metric has no meaning.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mmkit.errors import DataError
from mmkit.scores import checks


def correct(y: ArrayLike, label: ArrayLike) -> np.ndarray:
    """Which predictions are right: bool (N,)."""
    y = checks.classes(y, "truth")
    return y == checks.classes(label, "predicted class", like=len(y))


def log_losses(y: ArrayLike, probability: ArrayLike) -> np.ndarray:
    """-ln p(true class) per example, in nats; `probability` (N,) of the positive class or (N, K), at least 2e-16 is counted."""
    if np.ndim(probability) == 1:
        p = checks.probabilities(probability, like=len(np.asarray(y)))
        p = np.stack([1 - p, p], axis=1)
    else:
        p = checks.probabilities(probability, ndim=2, like=len(np.asarray(y)))
    y = checks.classes(y, "truth", n_classes=p.shape[1])
    eps = np.finfo(np.float64).eps
    return -np.log(np.clip(p[np.arange(len(y)), y], eps, 1.0))


def accuracy(y: ArrayLike, label: ArrayLike) -> float:
    """Share of right predictions."""
    return float(correct(y, label).mean())


def log_loss(y: ArrayLike, probability: ArrayLike) -> float:
    """Mean of `log_losses`."""
    return float(log_losses(y, probability).mean())


def f1_macro(y: ArrayLike, label: ArrayLike, n_classes: int) -> float:
    """Mean over `n_classes` of each class's F1. A class neither present nor predicted counts 0, so that folds stay comparable."""
    from sklearn.metrics import f1_score

    y, label = _labels(y, label, n_classes)
    return float(f1_score(y, label, labels=np.arange(n_classes), average="macro", zero_division=0))


def f1_micro(y: ArrayLike, label: ArrayLike, n_classes: int) -> float:
    """F1 of the pooled counts; with one class per example it is the accuracy."""
    return accuracy(*_labels(y, label, n_classes))


def f1(y: ArrayLike, probability: ArrayLike, threshold: float = 0.5) -> float:
    """F1 of the positive class, predicted from `threshold` on: 2 hits / (predicted + present)."""
    y, p = _binary(y, probability)
    guess = p >= threshold
    return float(2 * (y & guess).sum() / (y.sum() + guess.sum()))


def f1_max(y: ArrayLike, probability: ArrayLike) -> float:
    """The best F1 over all thresholds *of these same examples*, as the paper's code reports it.

    Optimistic: the threshold has seen the answers, and the value is never below the constant "positive",
    `constant_f1(share)`. The honest pair is `f1(test, best_threshold(valid))`.
    """
    return _best(y, probability)[0]


def best_threshold(y: ArrayLike, probability: ArrayLike) -> float:
    """The threshold with the highest F1 on these examples, the largest one among equals. Choose it on validation data."""
    return _best(y, probability)[1]


def auprc(y: ArrayLike, probability: ArrayLike) -> float:
    """Average precision: the area under the precision-recall steps. A constant probability scores the share of positives."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(*_binary(y, probability)))


def quadratic_kappa(y: ArrayLike, label: ArrayLike, n_classes: int) -> float:
    """Cohen's kappa, distances between ordered classes squared: 1 exact, 0 as good as chance. Needs two classes in the truth."""
    from sklearn.metrics import cohen_kappa_score

    y, label = _labels(y, label, n_classes)
    if len(np.unique(y)) < 2:
        raise DataError(f"every one of the {len(y)} true classes is {y[0]}; kappa needs at least two different ones")
    return float(cohen_kappa_score(y, label, labels=np.arange(n_classes), weights="quadratic"))


def constant_f1_macro(share: float, n_classes: int) -> float:
    """Macro F1 of always answering one class that makes up `share` of the examples: 2p / ((1 + p) K)."""
    return 2 * share / ((1 + share) * n_classes)


def constant_f1(share: float) -> float:
    """F1 of always answering "positive" when positives make up `share`: 2p / (1 + p)."""
    return 2 * share / (1 + share)


def _labels(y: ArrayLike, label: ArrayLike, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    y = checks.classes(y, "truth", n_classes)
    return y, checks.classes(label, "predicted class", n_classes, like=len(y))


def _binary(y: ArrayLike, probability: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Truth as bool with at least one positive, and its probability."""
    truth = checks.classes(y, "truth", n_classes=2).astype(bool)
    if not truth.any():
        raise DataError(f"none of the {len(truth)} examples is positive; precision, recall and F1 need at least one")
    return truth, checks.probabilities(probability, like=len(truth))


def _best(y: ArrayLike, probability: ArrayLike) -> tuple[float, float]:
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(*_binary(y, probability))
    precision, recall = precision[:-1], recall[:-1]  # the last point (1, 0) belongs to no threshold
    both = precision + recall
    score = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    best = len(score) - 1 - int(score[::-1].argmax())
    return float(score[best]), float(thresholds[best])

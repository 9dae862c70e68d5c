"""Metrics, per-example values first: classification, regression, agreement.

multilabel, calibration, translation and embeddings are imported by name.

`for_task` gives the usual ones of a prediction task.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mmkit.errors import DataError, nearest
from mmkit.scores import agreement, classification, regression

TASKS = ("regression", "binary", "multiclass")

__all__ = ["agreement", "classification", "for_task", "per_example", "regression"]


def for_task(
    task: str, y: ArrayLike, prediction: ArrayLike, classes: Sequence[str] = (), threshold: float = 0.5
) -> dict[str, float]:
    """The usual metrics of a task, by the names that scores.csv uses.

    `prediction`: regression (N,) in the target's unit; binary (N,) probability of the positive class; multiclass (N, K)
    probabilities. `threshold` (binary) is the one that accuracy and f1 use; f1_max ignores it. Raises DataError where a
    metric has no meaning.
    """
    if task == "regression":
        return {m.__name__: m(y, prediction) for m in (regression.rmse, regression.mae, regression.r2)}
    c = classification
    if task == "binary":
        label = np.asarray(prediction) >= threshold
        return {
            "accuracy": c.accuracy(y, label),
            "f1": c.f1(y, prediction, threshold),
            "f1_max": c.f1_max(y, prediction),
            "auprc": c.auprc(y, prediction),
            "log_loss": c.log_loss(y, prediction),
        }
    label, k = _arg_max(task, prediction, classes)
    return {
        "accuracy": c.accuracy(y, label),
        "f1_macro": c.f1_macro(y, label, k),
        "f1_micro": c.f1_micro(y, label, k),
        "quadratic_kappa": c.quadratic_kappa(y, label, k),
        "log_loss": c.log_loss(y, prediction),
    }


def per_example(
    task: str, y: ArrayLike, prediction: ArrayLike, classes: Sequence[str] = (), threshold: float = 0.5
) -> dict[str, np.ndarray]:
    """What the means of `for_task` are means of, (N,) each: errors of a regression, else correctness and log loss."""
    if task == "regression":
        return {
            "squared_error": regression.squared_errors(y, prediction),
            "absolute_error": regression.absolute_errors(y, prediction),
        }
    label = np.asarray(prediction) >= threshold if task == "binary" else _arg_max(task, prediction, classes)[0]
    return {"correct": classification.correct(y, label), "log_loss": classification.log_losses(y, prediction)}


def _arg_max(task: str, prediction: ArrayLike, classes: Sequence[str]) -> tuple[np.ndarray, int]:
    if task != "multiclass":
        raise DataError(f"no task {task!r}{nearest(task, TASKS)}")
    shape = np.shape(prediction)
    if len(shape) != 2 or (classes and shape[1] != len(classes)):
        raise DataError(f"prediction has shape {shape}, expected (N, {len(classes) or 'K'}): one probability per class")
    return np.argmax(prediction, axis=1), shape[1]

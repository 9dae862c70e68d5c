"""Emotions of utterances: scores by class, every average by its name, errors among neighbours, printed tables decoded.

A *table* is `confusion`: (C, C) counts, a row per true class, a column per predicted one. Values are shares in [0, 1]; printed
ones are percentages, as in print. The emotions, in IEMOCAP's order: happy, sad, neutral, angry, excited, frustrated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mmkit.errors import DataError, SettingsError, nearest
from mmkit.scores import checks

SIMILAR = ((0, 4), (1, 5), (3, 5))  # happy - excited, sad - frustrated, angry - frustrated
COLUMNS = ("precision", "recall")


class ByClass(NamedTuple):
    """One entry per class, (C,) each: three shares, and the counts that they are made of. 0 / 0 counts 0."""

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    correct: np.ndarray
    predicted: np.ndarray
    support: np.ndarray


class Similar(NamedTuple):
    """Errors among similar classes: their share of all errors, the share to expect by chance, and how many errors there are."""

    share: float
    expected: float
    errors: int


def confusion(y: ArrayLike, label: ArrayLike, n_classes: int) -> np.ndarray:
    """(C, C) int64: how often truth `y` (N,), the row, was answered by `label` (N,), the column."""
    y = checks.classes(y, "truth", n_classes)
    label = checks.classes(label, "predicted class", n_classes, like=len(y))
    return np.bincount(y * n_classes + label, minlength=n_classes**2).reshape(n_classes, n_classes)


def by_class(table: ArrayLike) -> ByClass:
    """Precision, recall and F1 of each class. Raises DataError for what is no table of counts."""
    table = _table(table)
    return from_counts(np.diag(table), table.sum(axis=0), table.sum(axis=1))


def from_counts(correct: ArrayLike, predicted: ArrayLike, support: ArrayLike) -> ByClass:
    """The same from three counts per class, (C,) each: how many right, how often predicted, how many there are."""
    c, m, n = (np.asarray(v) for v in (correct, predicted, support))
    return ByClass(_ratio(c, m), _ratio(c, n), _ratio(2 * c, m + n), c, m, n)


def averages(classes: ByClass) -> dict[str, float]:
    """Everything that "average" may mean, in [0, 1], each under a name of its own.

    weighted: by the number of true examples of a class; macro: every class alike; micro: from the pooled counts. With one class
    per example the micro averages of precision, recall and F1, and the weighted recall, are the accuracy.
    """
    n = classes.support / classes.support.sum()
    accuracy = float(classes.correct.sum() / classes.support.sum())
    out = {"accuracy": accuracy}
    for name in ("precision", "recall", "f1"):
        value = getattr(classes, name)
        out |= {f"weighted_{name}": float(value @ n), f"macro_{name}": float(value.mean()), f"micro_{name}": accuracy}
    return out


def columns(classes: ByClass, acc: str) -> dict[str, np.ndarray | float]:
    """The columns "Acc." and "F1" of a published table in percent: {"acc", "f1"} (C,), {"average_acc", "average_f1"}.

    Tables of emotions in conversation print under "Acc." a class's *recall* (most of them; its average is then the accuracy)
    or its *precision*: `acc` says which. Averages are weighted by the number of true examples.
    """
    if acc not in COLUMNS:
        raise SettingsError(f"no convention {acc!r}{nearest(acc, COLUMNS)}")
    mean = averages(classes)
    return {
        "acc": 100 * getattr(classes, acc),
        "f1": 100 * classes.f1,
        "average_acc": 100 * mean[f"weighted_{acc}"],
        "average_f1": 100 * mean["weighted_f1"],
    }


def similar_errors(table: ArrayLike, pairs: Sequence[tuple[int, int]] = SIMILAR) -> Similar:
    """Share of errors that fall, in either direction, into `pairs` of classes, beside the share that chance would put there.

    By chance: each class makes as many errors and is wrongly answered as often as in `table`, but who is taken for whom is
    independent (quasi-independence: expected errors a_i b_j off the diagonal, fitted to both sums; Goodman, 1968).
    Raises DataError where there is no error.
    """
    wrong = _table(table).astype(float)
    np.fill_diagonal(wrong, 0)
    inside = np.zeros_like(wrong, dtype=bool)
    for a, b in pairs:
        if a == b or not (0 <= a < len(wrong) and 0 <= b < len(wrong)):
            raise SettingsError(f"pair ({a}, {b}), expected two different classes of {len(wrong)}")
        inside[a, b] = inside[b, a] = True
    errors = wrong.sum()
    if not errors:
        raise DataError("no errors in the table, so there is no share of them")
    return Similar(float(wrong[inside].sum() / errors), float(_by_chance(wrong)[inside].sum() / errors), int(errors))


def _by_chance(wrong: np.ndarray, rounds: int = 500) -> np.ndarray:
    """Off-diagonal products a_i b_j with the sums of `wrong`, by scaling rows and columns in turn."""
    fit = 1.0 - np.eye(len(wrong))
    for _ in range(rounds):
        fit = fit * _ratio(wrong.sum(axis=1), fit.sum(axis=1))[:, None]
        scale = _ratio(wrong.sum(axis=0), fit.sum(axis=0))
        fit = fit * scale
        if np.abs(scale[wrong.sum(axis=0) > 0] - 1).max() < 1e-10:
            break
    return fit


def candidates(
    value: ArrayLike, f1: ArrayLike, support: ArrayLike, column: str = "precision", digits: int | Sequence[int] = 2
) -> list[np.ndarray]:
    """All counts that print like this: per class (K, 2) int64, each row (correct, predicted); K = 0 where none does.

    `value` (C,) and `f1` (C,) are percentages printed with `digits` decimals (one number, or one for each); `support` (C,) is
    the number of true examples of every class of the row; `column` says what `value` is. With precision P = c / m, recall
    R = c / n and F = 2 c / (m + n) it follows that R = F P / (2 P - F) and P = F R / (2 R - F): two columns and n leave few
    integers c and m. A value halfway between two printed ones may have been rounded either way.
    """
    value, f1, support = (np.atleast_1d(np.asarray(v)) for v in (value, f1, support))
    if column not in COLUMNS:
        raise SettingsError(f"no column {column!r}{nearest(column, COLUMNS)}")
    if not value.shape == f1.shape == support.shape or value.ndim != 1:
        raise DataError(
            f"value, f1 and support have shapes {value.shape}, {f1.shape}, {support.shape}, expected one number per class"
        )
    for name, printed in (("value", value), ("f1", f1)):
        if not ((printed > 0) & (printed <= 100)).all():
            raise DataError(f"{name} = {printed.tolist()}, expected percentages above 0 and up to 100; 0 leaves the counts open")
    half = 0.5 * 10.0 ** -np.broadcast_to(np.asarray(digits), (2,)) + 1e-9
    return [_candidates(*each, column, half, int(support.sum())) for each in zip(value, f1, support, strict=True)]


def _candidates(value: float, f1: float, n: int, column: str, half: np.ndarray, total: int) -> np.ndarray:
    """For every c = 1..n the integers m that both columns allow; wrong predictions are of the other total - n examples."""
    c = np.arange(1, int(n) + 1)
    low, high = 200 * c / (f1 + half[1]) - n, 200 * c / max(f1 - half[1], 1e-9) - n
    if column == "precision":
        low, high = np.maximum(low, 100 * c / (value + half[0])), np.minimum(high, 100 * c / max(value - half[0], 1e-9))
    else:
        c_fits = np.abs(100 * c / n - value) <= half[0]
        c, low, high = c[c_fits], low[c_fits], high[c_fits]
    first = np.ceil(np.maximum(low, c) - 1e-9).astype(np.int64)
    last = np.floor(np.minimum(high, total - n + c) + 1e-9).astype(np.int64)
    count = np.maximum(last - first + 1, 0)
    start = np.repeat(np.cumsum(count) - count, count)
    return np.stack([np.repeat(c, count), np.repeat(first, count) + np.arange(count.sum()) - start], axis=1)


def recovered(
    value: ArrayLike, f1: ArrayLike, support: ArrayLike, column: str = "precision", digits: int | Sequence[int] = 2
) -> tuple[np.ndarray, np.ndarray]:
    """(correct, predicted), (C,) int64 each: the only counts that print like this row and are `support.sum()` predictions.

    Arguments as in `candidates`, every class of the row. Raises DataError that names the classes which no integers fit, or says
    how many rows of counts do when there are none or several.
    """
    found = candidates(value, f1, support, column, digits)
    if none := [k for k, each in enumerate(found) if not len(each)]:
        shown = [
            f"class {k}: {column} {np.asarray(value)[k]}, F1 {np.asarray(f1)[k]}, {np.asarray(support)[k]} examples" for k in none
        ]
        raise DataError(f"no integers print like {len(none)} of {len(found)} classes, read as {column}", shown)
    total = int(np.sum(support))
    ways = _sums(found)
    count, path = ways.get(total, (0, ()))
    if count != 1:
        raise DataError(f"{count} rows of counts print like this and are {total} predictions together, expected 1")
    chosen = np.array([each[k] for each, k in zip(found, path, strict=True)])
    return chosen[:, 0], chosen[:, 1]


def _sums(found: Iterable[np.ndarray]) -> dict[int, tuple[int, tuple[int, ...]]]:
    """Sum of predictions -> in how many ways one candidate of each class gives it, and one such way."""
    ways: dict[int, tuple[int, tuple[int, ...]]] = {0: (1, ())}
    for each in found:
        after: dict[int, tuple[int, tuple[int, ...]]] = {}
        for total, (count, path) in ways.items():
            for k, predicted in enumerate(each[:, 1].tolist()):
                before, old = after.get(total + predicted, (0, (*path, k)))
                after[total + predicted] = (before + count, old)
        ways = after
    return ways


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    above, below = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _table(table: ArrayLike) -> np.ndarray:
    table = np.asarray(table)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not table.size:
        raise DataError(f"the table has shape {table.shape}, expected (C, C): a row per true class, a column per predicted one")
    if table.dtype.kind not in "iu" or (table < 0).any() or not table.any():
        raise DataError(f"the table holds {table.dtype} from {table.min()} to {table.max()}, expected counts, not all 0")
    return table

"""Are answers about graphs right, and right for the question? GQA's metrics, per question first.

N questions, answers as numbers of a fixed list, lists of different lengths as `Ragged`. As GQA's own evaluation does it,
everything is counted over the balanced questions only; the questions that an answer entails may be unbalanced ones, so
consistency needs a prediction for every question, not only for the balanced part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from mmkit.errors import DataError
from mmkit.schema.columns import whole
from mmkit.scores import checks

Bools, Floats, Ints = NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]
# What fits every question of a type "...Common" (what do both share?), whatever its choices.
COMMON = ("color", "material", "shape")


class Ragged(NamedTuple):
    """List i is values[offsets[i] : offsets[i + 1]]; offsets (N + 1,) ascend from 0 to the number of values."""

    offsets: Ints
    values: Ints


class ChiSquares(NamedTuple):
    """Per group (G,): its number, its questions, and sum over answers of (predicted - true)^2 / true."""

    group: Ints
    count: Ints
    value: Floats


@dataclass(frozen=True)
class Questions:
    """What is scored: one row per question, N rows.

    answer (N,): number of the right one.  structural (N,): GQA's structural type; "query" is open, all others are binary.
    group (N,): number of the global group, -1 for none.  balanced (N,) bool: counts.  entailed: rows of the questions that
    whoever answers this one right must answer right, too.  valid, plausible: numbers of the answers that fit the question,
    and that occur in the world; None where there are no choices.  Raises DataError where shapes or numbers do not fit.
    """

    answer: Ints
    structural: NDArray[np.str_]
    group: Ints
    balanced: Bools
    entailed: Ragged
    valid: Ragged | None = None
    plausible: Ragged | None = None

    def __post_init__(self) -> None:
        n = len(checks.classes(self.answer, "answer"))
        wrong = [
            f"{name} has shape {np.shape(column)}, expected ({n},) as the answers"
            for name, column in (("structural", self.structural), ("group", self.group), ("balanced", self.balanced))
            if np.shape(column) != (n,)
        ]
        lists = {"entailed": self.entailed, "valid": self.valid, "plausible": self.plausible}
        for name, lists_of in lists.items():
            if lists_of is not None:
                wrong += _broken(name, lists_of, n)
        if not wrong and (bad := (self.entailed.values < 0) | (self.entailed.values >= n)).any():
            wrong.append(f"entailed names row {self.entailed.values[bad][0]}, expected 0 to {n - 1}; {int(bad.sum())} are wrong")
        if not wrong and not np.any(self.balanced):
            wrong.append(f"none of the {n} questions is balanced, so there is nothing to score")
        if wrong:
            raise DataError(f"{n} questions, {len(wrong)} problems", wrong)


def questions(table: pa.Table, classes: Sequence[str]) -> Questions:
    """The columns of a table in `GraphQuestionSchema`'s form as numbers; `classes` are its answers.

    Entailed ids become rows of this table. Valid and plausible answers that are no class cannot be predicted and are left
    out; a question of a type "...Common" has `COMMON` for both, as in GQA's evaluation. Raises DataError for entailed ids
    that are not in the table and for choices that only some questions have.
    """
    entailed = whole(table["entailed"])
    rows = pc.index_in(entailed.flatten(), value_set=whole(table["id"]))
    if rows.null_count:
        missing = pc.unique(entailed.flatten().filter(pc.is_null(rows))).to_pylist()
        raise DataError(
            f"{len(missing)} entailed questions are not in the table",
            [f"no question {name!r}" for name in missing],
            "Consistency is about all questions: hand in the unbalanced ones and their predictions, too.",
        )
    groups = whole(table["group"])
    named = pc.unique(groups.filter(pc.not_equal(groups, "")))
    common = pc.match_substring(whole(table["detailed"]), "Common")
    return Questions(
        answer=table["answer"].to_numpy(),
        structural=np.array(table["structural"].to_pylist(), dtype=np.str_),
        group=pc.fill_null(pc.index_in(groups, value_set=named), -1).to_numpy(zero_copy_only=False).astype(np.int64),
        balanced=table["balanced"].to_numpy(),
        entailed=_ragged(entailed, rows),
        valid=_choices(table, "valid", classes, common),
        plausible=_choices(table, "plausible", classes, common),
    )


# Per question


def consistencies(correct: ArrayLike, entailed: Ragged) -> Floats:
    """Share of its entailed questions that are answered right, (N,); NaN for a wrong answer and where nothing else is entailed.

    `correct` (N,) bool is of all questions. A question that lists itself does not count as its own consequence.
    """
    correct = np.asarray(correct, dtype=bool)
    owner = np.repeat(np.arange(len(correct)), np.diff(entailed.offsets))
    other = entailed.values != owner
    count = np.bincount(owner[other], minlength=len(correct))
    right = np.bincount(owner[other], weights=correct[entailed.values[other]], minlength=len(correct))
    return np.divide(right, count, out=np.full(len(correct), np.nan), where=correct & (count > 0))


def among(predicted: ArrayLike, choices: Ragged) -> Bools:
    """Whether each prediction is in its question's list, bool (N,): validity or plausibility of one answer."""
    predicted = np.asarray(predicted)
    owner = np.repeat(np.arange(len(predicted)), np.diff(choices.offsets))
    return np.bincount(owner[choices.values == predicted[owner]], minlength=len(predicted)) > 0


def per_question(asked: Questions, predicted: ArrayLike) -> dict[str, np.ndarray]:
    """What the means of `scores` are means of, (N,) each: correct, consistency (NaN: does not count), valid, plausible."""
    correct = asked.answer == checks.classes(predicted, "prediction", like=len(asked.answer))
    found: dict[str, np.ndarray] = {"correct": correct, "consistency": consistencies(correct, asked.entailed)}
    for name, choices in (("valid", asked.valid), ("plausible", asked.plausible)):
        if choices is not None:
            found[name] = among(predicted, choices)
    return found


# Over all questions


def scores(asked: Questions, predicted: ArrayLike) -> dict[str, float]:
    """GQA's metrics as its evaluation prints them, over the balanced questions; NaN where no question counts.

    predicted (N,): number of the answer given to every question.  In per cent: accuracy; open, of the questions of structural
    type "query", and binary, of the rest; consistency, mean of `consistencies`; validity and plausibility, shares of
    predictions among the choices.  distribution: see there, lower is better and no percentage.
    """
    each, balanced = per_question(asked, predicted), np.asarray(asked.balanced, dtype=bool)
    is_open = np.asarray(asked.structural) == "query"
    consistency = each["consistency"][balanced]
    return {
        "binary": _percent(each["correct"][balanced & ~is_open]),
        "open": _percent(each["correct"][balanced & is_open]),
        "accuracy": _percent(each["correct"][balanced]),
        "consistency": _percent(consistency[~np.isnan(consistency)]),
        "validity": _percent(each["valid"][balanced] if "valid" in each else np.empty(0)),
        "plausibility": _percent(each["plausible"][balanced] if "plausible" in each else np.empty(0)),
        "distribution": distribution(*(np.asarray(x)[balanced] for x in (asked.answer, predicted, asked.group))),
    }


def gold_ceiling(asked: Questions) -> dict[str, float]:
    """Validity and plausibility of the right answers themselves, in per cent: the most that can be meant by these two."""
    right = scores(asked, asked.answer)
    return {name: right[name] for name in ("validity", "plausibility")}


def distribution(answer: ArrayLike, predicted: ArrayLike, group: ArrayLike) -> float:
    """How far the predicted answers are from the true ones in number: 0 when each group has as many of each, no upper bound.

    Mean of `chi_squares` over groups, weighted by their questions, divided by 100; NaN without any group. It is the statistic
    itself, not divided by the number of questions: twice as many questions with the same answers give twice the value, so
    only values of the same questions can be compared.
    """
    chi = chi_squares(answer, predicted, group)
    return float(np.average(chi.value, weights=chi.count) / 100) if len(chi.count) else math.nan


def chi_squares(answer: ArrayLike, predicted: ArrayLike, group: ArrayLike) -> ChiSquares:
    """Of the groups that occur; neither questions of group -1 count nor predictions that are never true in their group."""
    answer, predicted, group = np.asarray(answer), np.asarray(predicted), np.asarray(group)
    some = group >= 0
    answer, predicted, group = answer[some], predicted[some], group[some]
    width = max(answer.max(initial=0), predicted.max(initial=0)) + 1
    key, true = np.unique(group * width + answer, return_counts=True)
    given = group * width + predicted
    at = np.searchsorted(key, given)
    at = at[(at < len(key)) & (key[np.minimum(at, len(key) - 1)] == given)] if len(key) else at
    said = np.bincount(at, minlength=len(key))
    kinds, kind = np.unique(key // width, return_inverse=True)
    value = np.bincount(kind, weights=np.square(said - true) / true, minlength=len(kinds))
    return ChiSquares(kinds, np.bincount(kind, weights=true, minlength=len(kinds)).astype(np.int64), value)


def _percent(values: np.ndarray) -> float:
    return 100 * float(values.mean()) if len(values) else math.nan


def _broken(name: str, lists: Ragged, n: int) -> list[str]:
    offsets, values = np.asarray(lists.offsets), np.asarray(lists.values)
    if offsets.shape != (n + 1,) or values.ndim != 1:
        return [f"{name} has offsets of shape {offsets.shape} and values of shape {values.shape}, expected ({n + 1},) and (V,)"]
    if offsets[0] != 0 or offsets[-1] != len(values) or (np.diff(offsets) < 0).any():
        return [f"{name} has offsets from {offsets[0]} to {offsets[-1]}, expected them to ascend from 0 to {len(values)}"]
    return []


def _choices(table: pa.Table, name: str, classes: Sequence[str], common: pa.BooleanArray) -> Ragged | None:
    column = whole(table[name])
    if column.null_count == len(column):
        return None
    if column.null_count:
        raise DataError(f"{column.null_count} of {len(column)} questions have no list in {name!r}, expected all or none")
    column = pc.if_else(common, pa.scalar(list(COMMON), column.type), column)
    numbers = pc.index_in(column.flatten(), value_set=pa.array(classes, pa.string()))
    every = _ragged(column, pc.fill_null(numbers, -1))
    known = every.values >= 0
    return Ragged(np.concatenate([[0], np.cumsum(known)])[every.offsets], every.values[known])


def _ragged(column: pa.ListArray, numbers: pa.Array) -> Ragged:
    sizes = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    return Ragged(np.concatenate([[0], np.cumsum(sizes)]), numbers.to_numpy(zero_copy_only=False).astype(np.int64))

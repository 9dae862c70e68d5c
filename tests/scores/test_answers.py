"""GQA's metrics against a slow reading of their definitions question by question, and by hand."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from mmkit.errors import DataError
from mmkit.schema.questions import GRAPH, SEMANTIC, STRUCTURAL, GraphQuestionSchema
from mmkit.scores import answer_groups, answers

CLASSES = ("yes", "no", "red", "blue", "wood", "color", "material", "shape")


def table(n: int = 60, seed: int = 0) -> pa.Table:
    """Questions as the schema has them: some unbalanced, some without group, some that entail others and sometimes themselves."""
    rng = np.random.default_rng(seed)
    ids = [f"q{i}" for i in range(n)]

    def some(of, most: int) -> list[str]:
        return [str(x) for x in rng.choice(of, rng.integers(0, most), replace=False)]

    rows = [
        {
            "id": ids[i],
            "graph": 0,
            "question": "is it?",
            "answer": int(rng.integers(len(CLASSES))),
            "structural": str(rng.choice(STRUCTURAL, p=[0.2, 0.5, 0.1, 0.1, 0.1])),
            "semantic": str(rng.choice(SEMANTIC)),
            "detailed": str(rng.choice(["existAttr", "twoCommon"], p=[0.8, 0.2])),
            "group": str(rng.choice(["", "colour", "place", "animal"])),
            "entailed": some(ids, 5) + [ids[i]] * int(rng.integers(2)),
            "balanced": bool(rng.random() < 0.7),
            "valid": some([*CLASSES, "not a class"], 5),
            "plausible": some([*CLASSES, "not a class"], 4),
            "part": "test",
        }
        for i in range(n)
    ]
    found = pa.Table.from_pylist(rows, schema=GraphQuestionSchema("made up", CLASSES).arrow)
    assert not GraphQuestionSchema("made up", CLASSES).problems(found, graphs())
    return found


def graphs() -> pa.Table:
    empty = {name: [] for name in GRAPH.names if name != "id"}
    return pa.Table.from_pylist([{"id": "g", **empty}], schema=GRAPH)


def guesses(asked: pa.Table, right: float, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    truth = asked["answer"].to_numpy()
    return np.where(rng.random(len(truth)) < right, truth, rng.integers(0, len(CLASSES), len(truth)))


def slowly(asked: pa.Table, predicted: np.ndarray) -> dict[str, float]:
    """Each metric as a list of per-question scores in dictionaries by id, as one reads them in GQA's description."""
    by_id = {row["id"]: row for row in asked.to_pylist()}
    said = dict(zip(by_id, (CLASSES[p] for p in predicted), strict=True))
    true = {name: CLASSES[row["answer"]] for name, row in by_id.items()}
    lists: dict[str, list[float]] = defaultdict(list)
    gold, given = defaultdict(Counter), defaultdict(Counter)
    for name, row in by_id.items():
        if not row["balanced"]:
            continue
        right = said[name] == true[name]
        lists["accuracy"].append(right)
        lists["open" if row["structural"] == "query" else "binary"].append(right)
        others = [other for other in row["entailed"] if other != name]
        if right and others:
            lists["consistency"].append(sum(said[o] == true[o] for o in others) / len(others))
        for metric, column in (("validity", "valid"), ("plausibility", "plausible")):
            lists[metric].append(said[name] in (answers.COMMON if "Common" in row["detailed"] else row[column]))
        if row["group"]:
            gold[row["group"]][true[name]] += 1
            given[row["group"]][said[name]] += 1
    means = {name: 100 * sum(values) / len(values) for name, values in lists.items()}
    chi = {g: sum((given[g][a] - e) ** 2 / e for a, e in counts.items()) for g, counts in gold.items()}
    sizes = {g: sum(counts.values()) for g, counts in gold.items()}
    return {**means, "distribution": sum(chi[g] * sizes[g] for g in chi) / sum(sizes.values()) / 100}


@pytest.mark.parametrize(("seed", "right"), [(0, 0.5), (1, 0.9), (2, 0.1), (3, 0.6)])
def test_all_metrics_question_by_question(seed, right):
    asked = table(seed=seed)
    predicted = guesses(asked, right, seed)
    ours, expected = answers.scores(answers.questions(asked, CLASSES), predicted), slowly(asked, predicted)
    assert ours == pytest.approx(expected, abs=1e-9)
    assert list(ours) == ["binary", "open", "accuracy", "consistency", "validity", "plausibility", "distribution"]
    assert len(set(ours.values())) >= 6  # no metric stands for another


def test_the_right_answers_are_perfect_but_not_always_valid():
    asked = table()
    coded = answers.questions(asked, CLASSES)
    scores = answers.scores(coded, coded.answer)
    assert [scores[m] for m in ("accuracy", "binary", "open", "consistency", "distribution")] == [100, 100, 100, 100, 0]
    expected = slowly(asked, coded.answer)
    ceiling = answers.gold_ceiling(coded)
    assert ceiling == pytest.approx({m: expected[m] for m in ("validity", "plausibility")})
    assert all(0 < value < 100 for value in ceiling.values())


# The columns of a table as numbers


def test_columns_of_a_table():
    asked = table(12)
    coded = answers.questions(asked, CLASSES)
    rows = asked.to_pylist()
    for i, row in enumerate(rows):
        entailed = coded.entailed.values[coded.entailed.offsets[i] : coded.entailed.offsets[i + 1]]
        assert [rows[j]["id"] for j in entailed] == row["entailed"]
        for name in ("valid", "plausible"):
            lists = getattr(coded, name)
            texts = [CLASSES[j] for j in lists.values[lists.offsets[i] : lists.offsets[i + 1]]]
            wanted = list(answers.COMMON) if row["detailed"] == "twoCommon" else row[name]
            assert texts == [text for text in wanted if text in CLASSES]
    groups = [row["group"] for row in rows]
    assert [g == -1 for g in coded.group] == [g == "" for g in groups]
    assert len(set(zip(groups, coded.group.tolist(), strict=True))) == len(set(groups)) == len(set(coded.group.tolist()))


def test_a_table_in_pieces_is_the_same_table():
    asked = table(20)
    pieces = pa.concat_tables([asked.slice(0, 7), asked.slice(7)])
    predicted = guesses(asked, 0.5)
    whole, parts = (answers.scores(answers.questions(t, CLASSES), predicted) for t in (asked, pieces))
    assert whole == parts


def test_without_choices_validity_is_unknown():
    asked = table()
    blank = pa.nulls(len(asked), pa.list_(pa.string()))
    for name in ("valid", "plausible"):
        asked = asked.set_column(asked.column_names.index(name), asked.schema.field(name), blank)
    coded = answers.questions(asked, CLASSES)
    scores = answers.scores(coded, coded.answer)
    assert math.isnan(scores["validity"])
    assert math.isnan(scores["plausibility"])
    assert set(answers.per_question(coded, coded.answer)) == {"correct", "consistency"}
    assert scores["accuracy"] == 100


def test_an_entailed_question_that_is_not_there():
    asked = table(30)
    with pytest.raises(DataError, match=r"entailed questions are not in the table\n  no question 'q\d+'(.|\n)*unbalanced ones"):
        answers.questions(asked.slice(0, 10), CLASSES)


def test_choices_of_some_questions_only():
    asked = table(10)
    column = pa.chunked_array([pa.array([None, *asked["valid"].to_pylist()[1:]], pa.list_(pa.string()))])
    with pytest.raises(DataError, match="1 of 10 questions have no list in 'valid'"):
        answers.questions(asked.set_column(asked.column_names.index("valid"), asked.schema.field("valid"), column), CLASSES)


# Consistency, choices and distribution by hand


def ragged(*lists: list[int]) -> answers.Ragged:
    return answers.Ragged(np.cumsum([0, *map(len, lists)]), np.array([x for own in lists for x in own], dtype=np.int64))


def test_consistency_by_hand():
    correct = [True, False, True, True, True]
    entailed = ragged([1, 2, 3], [2], [], [3], [4, 1])  # 3 entails only itself, 4 itself and a wrong one
    np.testing.assert_array_equal(answers.consistencies(correct, entailed), [2 / 3, np.nan, np.nan, np.nan, 0])


def test_among_is_per_question():
    assert answers.among([1, 1, 2, 0], ragged([1, 0], [2], [], [3, 0])).tolist() == [True, False, False, True]


def test_distribution_by_hand():
    answer, group = np.array([0, 0, 0, 1, 2, 3, 5]), np.array([4, 4, 4, 4, 7, 7, -1])
    predicted = np.array([0, 1, 1, 9, 2, 2, 0])  # 9 is never true in its group: it counts only as not being another
    chi = answers.chi_squares(answer, predicted, group)
    assert chi.group.tolist() == [4, 7]
    assert chi.count.tolist() == [4, 2]
    assert chi.value.tolist() == pytest.approx([(1 - 3) ** 2 / 3 + (2 - 1) ** 2 / 1, (2 - 1) ** 2 / 1 + (0 - 1) ** 2 / 1])
    assert answers.distribution(answer, predicted, group) == pytest.approx((4 * (7 / 3) + 2 * 2) / 6 / 100)


def test_twice_as_many_questions_have_twice_the_distribution():
    rng = np.random.default_rng(0)
    answer, predicted, group = rng.integers(0, [[5], [5], [3]], (3, 200))
    once = answers.distribution(answer, predicted, group)
    assert once > 0.01
    assert answers.distribution(*(np.tile(x, 2) for x in (answer, predicted, group))) == pytest.approx(2 * once)
    assert answers.distribution(answer, rng.permutation(answer), np.zeros(200, dtype=int)) == 0  # which question does not matter
    assert math.isnan(answers.distribution(answer, predicted, np.full(200, -1)))


def test_unbalanced_questions_count_only_as_consequences():
    asked = answers.questions(table(), CLASSES)
    predicted = np.where(asked.balanced, asked.answer, (asked.answer + 1) % len(CLASSES))
    scores = answers.scores(asked, predicted)
    assert (scores["accuracy"], scores["distribution"]) == (100, 0)
    assert 10 < scores["consistency"] < 95
    alone = replace(asked, entailed=ragged(*[[]] * len(asked.answer)))
    assert math.isnan(answers.scores(alone, predicted)["consistency"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"group": np.zeros(3)}, r"group has shape \(3,\), expected \(60,\)"),
        ({"structural": np.array(["query"])}, r"structural has shape \(1,\)"),
        ({"balanced": np.zeros(60, dtype=bool)}, "none of the 60 questions is balanced"),
        ({"entailed": ragged([1])}, r"entailed has offsets of shape \(2,\)"),
        ({"entailed": answers.Ragged(np.arange(61), np.full(60, 60))}, "entailed names row 60, expected 0 to 59; 60 are wrong"),
        ({"valid": answers.Ragged(np.arange(61), np.zeros(50))}, "valid has offsets from 0 to 60, expected .* from 0 to 50"),
        ({"plausible": answers.Ragged(np.arange(61)[::-1], np.zeros(0))}, "plausible has offsets from 60 to 0"),
        ({"answer": np.array([0.5])}, "answer row 0 is 0.5"),
    ],
)
def test_columns_that_do_not_fit(changed, message):
    with pytest.raises(DataError, match=message):
        replace(answers.questions(table(), CLASSES), **changed)


def test_a_prediction_for_every_question():
    asked = answers.questions(table(), CLASSES)
    with pytest.raises(DataError, match="prediction has 59 examples and the truth 60"):
        answers.scores(asked, asked.answer[:-1])


# Parts


def wilson_by_search(share: float, count: int, z: float = answer_groups.Z) -> tuple[float, float]:
    """All p whose distance to the share is at most z standard errors of p: the ends by bisection."""

    def end(inside: float, outside: float) -> float:
        for _ in range(200):
            middle = (inside + outside) / 2
            near = abs(share - middle) <= z * math.sqrt(middle * (1 - middle) / count)
            inside, outside = (middle, outside) if near else (inside, middle)
        return inside

    return end(share, 0.0), end(share, 1.0)


@pytest.mark.parametrize(("share", "count"), [(0.5, 10), (0.9, 30), (0.0, 4), (1.0, 7), (0.3, 1000), (1.0, 1)])
def test_wilsons_interval_is_its_definition(share, count):
    low, high = answer_groups.wilson(share, count)
    assert (low, high) == pytest.approx(wilson_by_search(share, count), abs=1e-9)
    assert 0 <= low <= share <= high <= 1
    assert high > low


def test_accuracy_by_group():
    hops = np.array([2, 0, 0, 1, 0, 2])
    correct = np.array([True, True, False, True, True, True])
    found = answer_groups.by(hops, correct)
    assert found.group.tolist() == [0, 1, 2]
    assert found.share.tolist() == pytest.approx([2 / 3, 1, 1])
    assert found.count.tolist() == [3, 1, 2]
    low, high = answer_groups.wilson([2 / 3, 1, 1], [3, 1, 2])
    np.testing.assert_array_equal(found.low, low)
    np.testing.assert_array_equal(found.high, high)
    names = answer_groups.by(np.array(["two", "none", "none", "one", "none", "two"]), correct)
    assert names.group.tolist() == ["none", "one", "two"]
    assert names.share.tolist() == found.share.tolist()


@pytest.mark.parametrize(
    ("groups", "correct", "message"),
    [
        ([0, 1], [True], r"groups have shape \(2,\), expected \(1,\)"),
        ([], [], r"correct has shape \(0,\)"),
        ([0], [0.5], "correct row 0 is 0.5"),
    ],
)
def test_parts_that_do_not_fit(groups, correct, message):
    with pytest.raises(DataError, match=message):
        answer_groups.by(groups, np.array(correct))


@pytest.mark.parametrize(("share", "count"), [(0.5, 0), (1.2, 5), (-0.1, 5)])
def test_no_interval_of_no_share(share, count):
    with pytest.raises(DataError, match="has no interval"):
        answer_groups.wilson(share, count)

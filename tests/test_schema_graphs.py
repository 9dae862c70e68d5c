"""Schemas of questions about graphs and of captions: every problem is told with its place."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mmkit.errors import DataError
from mmkit.schema import GRAPH, CaptionSchema, Dataset, GraphQuestionSchema, Modality, Split

SCHEMA = GraphQuestionSchema("tiny", ("no", "red", "yes"))
GRAPHS = [
    {
        "id": "g0", "name": ["dog", "cat"], "attributes": [["red"], []], "box": [[0.0, 0.1, 0.5, 0.5], [0.5, 0.5, 0.2, 0.2]],
        "source": [0], "target": [1], "relation": ["near"],
    },
    {"id": "g1", "name": [], "attributes": [], "box": [], "source": [], "target": [], "relation": []},
]  # fmt: skip
QUESTION = {
    "id": "q0", "graph": 0, "question": "what color is the dog?", "answer": 1, "structural": "query", "semantic": "attr",
    "detailed": "color", "group": "color", "entailed": ["q1"], "balanced": True, "valid": ["red"],
    "plausible": None, "part": "train",
}  # fmt: skip


def questions(*changes: dict) -> pa.Table:
    rows = [QUESTION | {"id": f"q{i}"} | change for i, change in enumerate(changes or ({},))]
    schema = SCHEMA.arrow
    if any(v is None for row in rows for k, v in row.items() if k != "plausible"):
        schema = pa.schema([pa.field(f.name, f.type) for f in schema])
    return pa.Table.from_pylist(rows, schema=schema)


def graphs(change: dict | None = None) -> pa.Table:
    return pa.Table.from_pylist([GRAPHS[0] | (change or {}), GRAPHS[1]], schema=GRAPH)


def test_good_questions_and_an_empty_graph_pass():
    data = Dataset("tiny", SCHEMA, Split(questions({}, {"graph": 1, "part": "test"})), "here", graphs=graphs())
    assert data.labels.tolist() == [1, 1]
    assert data.records[1]["graph"] == 1
    with pytest.raises(DataError, match="no table of graphs"):
        Dataset("tiny", SCHEMA, Split(questions()), "here")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": 3}, "row 0, column 'answer': 3, expected a finite number in [0, 2]"),
        ({"graph": 2}, "row 0, column 'graph': 2, expected a finite number in [0, 1]"),
        ({"question": " "}, "row 0, column 'question': no text, expected some"),
        ({"structural": "why"}, "row 0, column 'structural': 'why', expected one of verify, query"),
        ({"semantic": "color"}, "row 0, column 'semantic': 'color', expected one of obj, attr"),
        ({"part": "dev"}, "row 0, column 'part': 'dev', expected one of train"),
        ({"entailed": None}, "row 0, column 'entailed': no value, expected one in every row"),
    ],
)
def test_what_is_wrong_with_a_question_is_told(change, message):
    (problem,) = SCHEMA.problems(questions(change), graphs())
    assert message in problem


def test_an_id_stands_once():
    (problem,) = SCHEMA.problems(questions({"id": "a"}, {"id": "a"}, {"id": "b"}), graphs())
    assert problem == "tiny: id 'a' stands 2 times, expected each id once"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attributes": [["red"]]}, "graph 'g0' has 1 entries in 'attributes' and 2 in 'name', expected as many"),
        ({"box": [[0.0] * 4]}, "graph 'g0' has 1 entries in 'box' and 2 in 'name', expected as many"),
        ({"relation": []}, "graph 'g0' has 0 entries in 'relation' and 1 in 'source', expected as many"),
        ({"target": [2]}, "graph 'g0' has a relation whose target is object 2, expected a number below 2"),
        ({"source": [-1]}, "graph 'g0' has a relation whose source is object -1, expected a number below 2"),
        ({"box": [[0.0] * 4, [float("nan"), 0, 0, 0]]}, "graph 'g0' has a box [nan, 0.0, 0.0, 0.0]"),
    ],
)
def test_what_is_wrong_with_a_graph_is_told(change, message):
    (problem,) = SCHEMA.problems(questions(), graphs(change))
    assert message in problem


def captions(*rows: dict) -> pa.Table:
    schema = CaptionSchema("c", (Modality("seen", "vector", (2,)),)).arrow
    return pa.Table.from_pylist(
        [{"id": "a", "seen": [0.0, 1.0], "captions": ["a dog"], "part": "train"} | row for row in rows], schema
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"captions": []}, "c: row 0: no caption, expected at least one"),
        ({"captions": ["a dog", " "]}, "c: row 0: a caption without text, expected a sentence"),
        ({"seen": [0.0, float("inf")]}, "row 0, column 'seen': infinite or NaN values"),
        ({"part": "restval"}, "row 0, column 'part': 'restval', expected one of train"),
        ({"captions": None}, "c: row 0, column 'captions': no value, expected one in every row"),
    ],
)
def test_what_is_wrong_with_captions_is_told(change, message):
    schema = CaptionSchema("c", (Modality("seen", "vector", (2,)),))
    assert schema.problems(captions({})) == []
    (problem,) = schema.problems(captions(change))
    assert message in problem
    assert schema.problems(captions({}, {})) == ["c: id 'a' stands 2 times, expected each id once"]
    assert "column 'seen' is missing" in schema.problems(captions({}).drop_columns(["seen"]))[0]

"""Schemas of conversations: utterances in order, dialogues in one run, and everything else is told with its place."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mmkit.errors import DataError
from mmkit.schema import Column, ConversationSchema, Dataset, Modality, Split, dialogue_starts

MODALITIES = (
    Modality("text", "text"),
    Modality("audio", "vector", (2,)),
    Modality("voice", "sound", unit="22050 Hz"),
    Modality("frames", "picture", (2, 3, 1, 1)),
)
SCHEMA = ConversationSchema("tiny", "multiclass", MODALITIES, "emotion", ("sad", "glad"), (Column("start", "number", low=0),))
ROW = {"text": "hello", "audio": [0.5, 1.0], "voice": [3, -3], "frames": [9] * 6, "emotion": 1, "part": "train", "start": None}
WHERE = [("a", 0, "M"), ("a", 2, "F"), ("a", 3, "M"), ("b", 0, "F")]


def table(*changes: dict) -> pa.Table:
    """Four utterances of two dialogues; `changes` to the first ones."""
    rows = [{"id": f"u{i}", "dialogue": d, "turn": t, "speaker": s, **ROW} for i, (d, t, s) in enumerate(WHERE)]
    for row, change in zip(rows, changes, strict=False):
        row.update(change)
    nullable = pa.schema([pa.field(f.name, f.type) for f in SCHEMA.arrow])
    lacking = any(value is None for row in rows for name, value in row.items() if name != "start")
    return pa.Table.from_pylist(rows, schema=nullable if lacking else SCHEMA.arrow)


def test_good_utterances_pass_in_several_chunks_too():
    data = Dataset("tiny", SCHEMA, Split(table()), "here")
    assert data.labels.tolist() == [1, 1, 1, 1]
    assert data.records[1]["voice"] == [3, -3]
    assert data.records[1]["frames"] == [9] * 6
    chunked = pa.concat_tables([table().slice(0, 1), table().slice(1)])
    assert SCHEMA.problems(chunked) == []
    np.testing.assert_array_equal(dialogue_starts(chunked), [0, 3])
    np.testing.assert_array_equal(dialogue_starts(table().slice(1)), [0, 2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([{}, {"turn": 0}], "row 1: turn 0 after 0, expected a later one"),
        ([{}, {}, {"turn": 1}], "row 2: turn 1 after 2, expected a later one"),
        ([{"dialogue": "b"}], "row 3: dialogue 'b' begins again, expected its utterances in one run"),
        ([{"speaker": " "}], "row 0, column 'speaker': empty, expected a name"),
        ([{"speaker": None}], "row 0, column 'speaker': no value, expected one in every row"),
        ([{"start": -1.0}], "row 0, column 'start': -1.0, expected a finite number in [0, None]"),
        ([{"voice": []}], "row 0, column 'voice': no samples, expected at least one"),
        ([{"text": " "}], "row 0, column 'text': no text, expected some"),
        ([{"audio": [0.0, float("nan")]}], "row 0, column 'audio': infinite or NaN values"),
        ([{"emotion": 2}], "row 0, column 'emotion': 2, expected a finite number in [0, 1]"),
    ],
)
def test_what_is_wrong_is_told(changes: list[dict], message: str):
    (problem,) = SCHEMA.problems(table(*changes))
    assert message in problem


def test_a_missing_column_is_told_and_stops_the_record():
    with pytest.raises(DataError, match="column 'turn' is missing, expected int64"):
        Dataset("tiny", SCHEMA, Split(table().drop_columns(["turn"])), "here")

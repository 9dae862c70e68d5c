"""Columns to ids: joining, writing a table out, and a WordPiece that is the same in every run and equal to transformers'."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pyarrow as pa
import pytest

from mmkit import text
from mmkit.errors import DataError, SettingsError
from mmkit.schema import Column, TableSchema
from mmkit.worlds import tables

SCHEMA = TableSchema(
    "toy", "binary",
    (Column("title", "text"), Column("body", "text"), Column("colour", "category"), Column("size", "category"),
     Column("age", "number"), Column("fee", "number")),
    "y", ("no", "yes"),
)  # fmt: skip
TABLE = pa.table(
    {
        "title": ["Good", None, ""], "body": ["very good", "bad", None],
        "colour": ["red", None, "blue"], "size": ["XL", "S", None],
        "age": [37.0, None, -2.0], "fee": [0.5, 1e7, None], "y": [1, 0, 1],
    },
    schema=SCHEMA.arrow,
)  # fmt: skip


def world_texts(seed=0):
    data = tables.make("reviews", 400, seed)
    return text.join(data.records.table, data.schema.text)


def test_join_keeps_every_place_and_the_order_of_the_columns():
    assert text.join(TABLE, SCHEMA.text) == ["Good [SEP] very good", " [SEP] bad", " [SEP] "]
    assert text.join(TABLE, ["body", "title"], "|") == ["very good|Good", "bad|", "|"]


def test_serialise_writes_categories_then_numbers_behind_the_texts():
    assert text.serialise(TABLE, SCHEMA) == [
        "Good [SEP] very good [SEP] red XL 37 0.5",
        " [SEP] bad [SEP] missing S missing 10000000",
        " [SEP]  [SEP] blue missing -2 missing",
    ]


def test_serialise_works_without_numbers_or_categories():
    for role, expected in (("number", "Good / red XL"), ("category", "Good / 37 0.5")):
        schema = TableSchema(
            "t", "binary", tuple(c for c in SCHEMA.columns if c.role != role and c.name != "body"), "y", ("n", "y")
        )
        assert text.serialise(TABLE, schema, " / ")[0] == expected


def vocabulary(tokenizer):
    return [piece for piece, _ in sorted(tokenizer.backend.get_vocab().items(), key=lambda item: item[1])]


TELL = (
    "import json; from tests.text.test_subwords import *; print(json.dumps(vocabulary(text.train_wordpiece(world_texts(), 400))))"
)


def test_training_is_the_same_every_time_and_in_every_process():
    first = vocabulary(text.train_wordpiece(world_texts(), 400))
    assert all(vocabulary(text.train_wordpiece(world_texts(), 400)) == first for _ in range(4))
    there = subprocess.run(
        [sys.executable, "-c", TELL], env={**os.environ, "PYTHONHASHSEED": "5"}, capture_output=True, text=True, check=True
    )
    assert json.loads(there.stdout) == first
    assert len(first) == 400
    assert first[:5] == list(text.SPECIAL)
    assert vocabulary(text.train_wordpiece(world_texts(1), 400)) != first


def test_frequent_words_become_pieces_and_nothing_of_the_training_is_unknown():
    tokenizer = text.train_wordpiece(world_texts(), 400)
    assert {"fabric", "delivery"} <= set(vocabulary(tokenizer))
    unknown = tokenizer.backend.token_to_id("[UNK]")
    ids, _ = tokenizer.encode(world_texts(), 512)
    assert unknown not in ids.values.to_pylist()
    assert unknown in tokenizer.encode(["漢"], 8)[0].values.to_pylist()


def test_same_ids_as_transformers_on_the_same_vocabulary():
    from transformers import BertTokenizerFast

    mine = text.train_wordpiece(world_texts(), 300)
    theirs = BertTokenizerFast(vocab={piece: i for i, piece in enumerate(vocabulary(mine))})
    texts = [*world_texts(2)[:100], "Ünïcode CAPITALS don't-stop [SEP] 12.5 [MASK]", "", "   ", "zzzz漢字\tx\ny"]
    assert len(mine) == len(theirs) == 300
    for limit in (64, 12, 3):
        ids, _ = mine.encode(texts, limit)
        assert ids.to_pylist() == theirs(texts, truncation=True, max_length=limit)["input_ids"]


def test_encode_frames_cuts_and_counts_what_was_cut():
    tokenizer = text.wordpiece([*text.SPECIAL, "a", "b", "c", "d"])
    ids, cut = tokenizer.encode(["a b c d", "a b c", "", "b [SEP] a d"], 5)
    cls, sep = tokenizer.cls, tokenizer.sep
    assert ids.to_pylist() == [[cls, 5, 6, 7, sep], [cls, 5, 6, 7, sep], [cls, sep], [cls, 6, sep, 5, sep]]
    assert cut == 0.5  # the first and the last, but not the one that just fits
    assert tokenizer.decode(ids[0].as_py()) == "[CLS] a b c [SEP]"
    assert tokenizer.encode([], 5)[0].to_pylist() == []
    with pytest.raises(SettingsError, match="max_tokens = 2, expected at least 3"):
        tokenizer.encode(["a"], 2)


def test_the_separator_is_one_token():
    tokenizer = text.train_wordpiece(world_texts(), 300)
    ids = tokenizer.encode(text.join(TABLE, SCHEMA.text, f" {tokenizer.separator} "), 32)[0].to_pylist()
    assert [row.count(tokenizer.sep) for row in ids] == [2, 2, 2]


def test_vocabularies_that_cannot_work():
    with pytest.raises(SettingsError, match=r"vocabulary = 20, but the characters .* alone need \d+; set vocabulary higher"):
        text.train_wordpiece(["the quick brown fox jumps over the lazy dog"], 20)
    for empty in ([], ["", "  "]):
        with pytest.raises(DataError, match="every text of the training split is empty"):
            text.train_wordpiece(empty, 100)
    with pytest.raises(DataError, match=r"vocabulary of 3 pieces lacks the special tokens \[UNK\], \[MASK\]"):
        text.wordpiece(["[PAD]", "[CLS]", "[SEP]"])


@pytest.mark.parametrize("name", ["bert-base-uncased", "no/such/folder", "not a name!"])
def test_an_encoder_that_cannot_be_had_is_told_at_once(name):
    began = time.perf_counter()
    with pytest.raises(SettingsError) as error:
        text.hub_tokenizer(name)
    assert time.perf_counter() - began < 10
    assert f"text encoder {name!r} could not be loaded (" in str(error.value)
    assert "Use encoder = 'scratch'" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_local_folder_is_a_tokenizer_and_its_own_cutting_and_padding_are_off(tmp_path):
    from transformers import BertTokenizerFast

    mine = text.train_wordpiece(world_texts(), 300)
    saved = BertTokenizerFast(vocab={piece: i for i, piece in enumerate(vocabulary(mine))})
    saved.backend_tokenizer.enable_truncation(6)
    saved.backend_tokenizer.enable_padding(length=20)
    saved.save_pretrained(tmp_path)
    loaded = text.hub_tokenizer(str(tmp_path))
    assert (loaded.pad, loaded.cls, loaded.sep, loaded.separator, len(loaded)) == (mine.pad, mine.cls, mine.sep, "[SEP]", 300)
    assert loaded.encode(world_texts(3), 40)[0].equals(mine.encode(world_texts(3), 40)[0])
    assert loaded.encode(world_texts(3), 40)[1] == mine.encode(world_texts(3), 40)[1]

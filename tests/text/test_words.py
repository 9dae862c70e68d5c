"""Words and their ids against loops that do it word by word."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from mmkit.errors import DataError, SettingsError
from mmkit.text import END, PAD, SPECIALS, START, UNK, Vocabulary, tokenise

TOKENS = [["b", "a", "b"], ["c", "b", "a"], [], ["d", "c", "</s>"], ["a", "</s>", "e"]]


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        (None, " Ein  Hund.\n\t\xa0bellt ", ["ein", "hund.", "bellt"]),
        ("en", "Mr. Smith doesn't run.", ["mr.", "smith", "does", "n't", "run", "."]),
        ("en", "I lost my cat, it's BLACK!", ["i", "lost", "my", "cat", ",", "it", "'s", "black", "!"]),
        ("de", "Der z.B. 3-jährige Hund läuft.", ["der", "z.b.", "3-jährige", "hund", "läuft", "."]),
        ("de", "Ein  Mann\xa0 geht", ["ein", " ", "mann", "\xa0 ", "geht"]),
        ("en", "", []),
    ],
)
def test_tokenise(language, text, words):
    assert tokenise([text, "a b"], language) == [words, ["a", "b"]]


def test_words_are_cut_by_the_rules_of_their_own_language():
    assert tokenise(["It's z.B. fine"], "en") != tokenise(["It's z.B. fine"], "de")
    assert tokenise([], "de") == tokenise([], None) == []


@pytest.mark.parametrize(("language", "hint"), [("fr", "known: de, en"), ("den", "did you mean 'en'"), ("EN", "known: de, en")])
def test_a_language_without_rules(language, hint):
    with pytest.raises(SettingsError, match=f"no tokeniser for language '{language}'; {hint}"):
        tokenise(["a"], language)


def test_vocabulary_is_sorted_by_count_then_alphabet_and_specials_come_first():
    vocabulary = Vocabulary.build(TOKENS, 1)
    assert (PAD, UNK, START, END) == tuple(SPECIALS.index(s) for s in ("<pad>", "<unk>", "<s>", "</s>")) == (0, 1, 2, 3)
    assert vocabulary.words == (*SPECIALS, "a", "b", "c", "d", "e")
    assert vocabulary.counts.tolist() == [0, 0, 0, 0, 3, 3, 2, 1, 1]
    assert vocabulary.counts.dtype == np.int64
    assert len(vocabulary) == 9
    assert Vocabulary.build(TOKENS, 2).words == (*SPECIALS, "a", "b", "c")
    assert Vocabulary.build(TOKENS, 3).words == (*SPECIALS, "a", "b")


def random_tokens(seed, count=50):
    rng = np.random.default_rng(seed)
    words = [*"abcdefghij", "<s>", "</s>", "<unk>", "<pad>"]
    return [[words[k] for k in rng.integers(0, len(words), rng.integers(0, 9))] for _ in range(count)]


@pytest.mark.parametrize("start", [False, True])
@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("max_words", [None, 1, 4, 100])
def test_encode_against_a_loop(start, end, max_words):
    tokens = random_tokens(1)
    vocabulary = Vocabulary.build(random_tokens(0, 8), 3)
    assert 4 < len(vocabulary) < 14
    ids = {word: n for n, word in enumerate(vocabulary.words)} | dict.fromkeys(SPECIALS, UNK)  # a word is never a special
    expected = [
        [START] * start + [ids.get(word, UNK) for word in (row if max_words is None else row[:max_words])] + [END] * end
        for row in tokens
    ]
    found = vocabulary.encode(tokens, start, end, max_words)
    assert found.type == pa.list_(pa.int32())
    assert found.to_pylist() == expected
    flat = [ids.get(word, UNK) for row in tokens for word in row]
    assert vocabulary.unknown_rate(tokens) == flat.count(UNK) / len(flat)


def test_encode_by_default_ends_and_does_not_start():
    vocabulary = Vocabulary.build(TOKENS, 2)
    assert vocabulary.encode([["a", "z"], []]).to_pylist() == [[4, UNK, END], [END]]
    assert vocabulary.encode([]).to_pylist() == []
    assert vocabulary.unknown_rate([[], []]) == 0
    with pytest.raises(SettingsError, match="max_words = 0, expected at least 1 or None"):
        vocabulary.encode([["a"]], max_words=0)


def test_decode_against_a_loop():
    vocabulary = Vocabulary.build(TOKENS, 1)
    ids = np.random.default_rng(0).integers(0, len(vocabulary), (200, 7))
    expected = []
    for row in ids.tolist():
        row = row[: row.index(END)] if END in row else row
        expected.append([vocabulary.words[n] for n in row if n not in (PAD, START)])
    assert vocabulary.decode(ids) == expected
    assert Counter(map(len, expected)).keys() == set(range(8))  # every length occurs, also none and all
    assert vocabulary.decode(np.zeros((0, 5), dtype=int)) == []
    assert vocabulary.decode(np.zeros((2, 0), dtype=int)) == [[], []]


def test_encode_then_decode_gives_the_words_back():
    vocabulary = Vocabulary.build(TOKENS, 1)
    tokens = [["a", "b", "c"], ["e", "z", "d"]]
    ids = np.array(vocabulary.encode(tokens, start=True).to_pylist())
    assert vocabulary.decode(ids) == [["a", "b", "c"], ["e", "<unk>", "d"]]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([[4, 9]], "ids from 4 to 9, expected 0 to 8: of another vocabulary?"),
        ([[-1, 4]], "ids from -1 to 4, expected 0 to 8"),
        ([4, 5], r"ids have shape \(2,\) and type int64, expected \(N, T\) whole numbers"),
        ([[4.0]], r"ids have shape \(1, 1\) and type float64"),
    ],
)
def test_ids_that_are_none(ids, message):
    with pytest.raises(DataError, match=message):
        Vocabulary.build(TOKENS, 1).decode(np.array(ids))


def test_vocabularies_that_cannot_be():
    with pytest.raises(
        DataError, match=r"every word occurs less than 4 times \(the most frequent of 5 stands 3 times\)\nLower min_count"
    ):
        Vocabulary.build(TOKENS, 4)
    with pytest.raises(DataError, match="there are no words"):
        Vocabulary.build([[], ["</s>", "<unk>"]], 1)
    with pytest.raises(SettingsError, match="min_count = 0, expected at least 1"):
        Vocabulary.build(TOKENS, 0)
    with pytest.raises(DataError, match=r"vocabulary starts with \('a', 'b'\), expected the specials"):
        Vocabulary(("a", "b"), np.zeros(2, dtype=np.int64))
    with pytest.raises(DataError, match="1 stand there twice, expected each once\n  a"):
        Vocabulary((*SPECIALS, "a", "a"), np.zeros(6, dtype=np.int64))
    with pytest.raises(DataError, match=r"counts have shape \(4,\), expected \(5,\)"):
        Vocabulary((*SPECIALS, "a"), np.zeros(4, dtype=np.int64))

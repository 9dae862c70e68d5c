"""Scores of sentences against sacreBLEU, against BLEU written out sentence by sentence, and by hand."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import sacrebleu

from mmkit.errors import DataError
from mmkit.scores import translation as t

RNG = np.random.default_rng(0)
WORDS = "a b c d e f Der der hund".split()


def corpus(n: int, noise: float = 0.3) -> tuple[list[list[str]], list[list[str]]]:
    """References, and hypotheses with some words replaced and lengths changed; some are too short for a 4-gram, some empty."""
    references = [list(RNG.choice(WORDS, RNG.integers(1, 12))) for _ in range(n)]
    hypotheses = [[w if RNG.random() > noise else str(RNG.choice(WORDS)) for w in r][: RNG.integers(0, 13)] for r in references]
    return hypotheses, references


def bleu_by_hand(hypotheses: list[list[str]], references: list[list[str]], order: int = 4) -> float:
    """Papineni et al. (2002), eqs. 1-3, one sentence and one n-gram after the other."""
    hits, total = [0] * order, [0] * order
    for h, r in zip(hypotheses, references, strict=True):
        h, r = [w.lower() for w in h], [w.lower() for w in r]
        for n in range(1, order + 1):
            said = Counter(tuple(h[i : i + n]) for i in range(len(h) - n + 1))
            true = Counter(tuple(r[i : i + n]) for i in range(len(r) - n + 1))
            hits[n - 1] += sum(min(count, true[gram]) for gram, count in said.items())
            total[n - 1] += sum(said.values())
    if 0 in hits:
        return 0.0
    c, r = sum(map(len, hypotheses)), sum(map(len, references))
    return 100 * min(1.0, math.exp(1 - r / c)) * math.exp(sum(math.log(a / b) for a, b in zip(hits, total, strict=True)) / order)


# BLEU


@pytest.mark.parametrize("order", [1, 2, 4])
def test_bleu_is_the_equation_and_sacrebleu(order):
    hypotheses, references = corpus(60)
    by_hand = bleu_by_hand(hypotheses, references, order)
    assert 5 < by_hand < 95
    assert t.bleu(hypotheses, references, order) == pytest.approx(by_hand)
    assert t.bleu_of(t.ngram_counts(hypotheses, references, order).sum(axis=0)) == pytest.approx(by_hand)


def test_case_and_blank_tokens_do_not_matter():
    said, wrote = [["Der", " ", "HUND", "bellt", "laut", "\xa0", "."]], [["der", "Hund", "bellt", "laut", "."]]
    assert t.bleu(said, wrote) == pytest.approx(100)
    assert t.bleu_of(t.ngram_counts(said, wrote)[0]) == pytest.approx(100)


def test_short_output_is_penalised_and_long_output_is_not():
    wrote = [["a", "b", "c", "d", "e", "f", "g", "h"]]
    short, long = [wrote[0][:6]], [[*wrote[0], *wrote[0]]]
    assert t.bleu(short, wrote) == pytest.approx(100 * math.exp(1 - 8 / 6))  # every precision is 1
    by_hand = bleu_by_hand(long, wrote)
    assert t.bleu(long, wrote) == pytest.approx(by_hand) == t.bleu_of(t.ngram_counts(long, wrote)[0])
    assert by_hand == pytest.approx(100 * (8 / 16 * 7 / 15 * 6 / 14 * 5 / 13) ** 0.25)


def test_without_a_hit_of_some_order_it_is_zero():
    said, wrote = [["a", "b", "c", "x", "d", "e"]], [["a", "b", "c", "d", "e", "f"]]
    assert t.bleu(said, wrote) == 0.0
    assert t.bleu_of(t.ngram_counts(said, wrote)[0]) == 0.0
    assert t.bleu(said, wrote, order=3) > 0
    assert t.bleu([[]], wrote) == 0.0
    assert t.bleu_of(t.ngram_counts([[]], wrote)[0]) == 0.0


def test_counts_per_sentence_by_hand():
    said, wrote = [["a", "a", "a", "b"], [], ["b", "a"]], [["a", "a", "b"], ["a"], ["a", "b"]]
    counts = t.ngram_counts(said, wrote, order=2)
    assert counts.dtype == np.int64
    #  words said, written | hits of order 1, 2 | n-grams said of order 1, 2
    assert counts.tolist() == [[4, 3, 3, 2, 4, 3], [0, 1, 0, 0, 0, 0], [2, 2, 2, 0, 2, 1]]


def test_counts_are_those_of_sacrebleu_sentence_by_sentence():
    hypotheses, references = corpus(80)
    for row, h, r in zip(t.ngram_counts(hypotheses, references), hypotheses, references, strict=True):
        theirs = sacrebleu.corpus_bleu([" ".join(h)], [[" ".join(r)]], tokenize="none", lowercase=True, force=True)
        assert row.tolist() == [theirs.sys_len, theirs.ref_len, *theirs.counts, *theirs.totals]


def test_any_selection_of_sentences_is_a_sum():
    hypotheses, references = corpus(50)
    counts = t.ngram_counts(hypotheses, references)
    draws = RNG.integers(0, 50, (7, 50))  # as a bootstrap draws them: with repetition
    scores = t.bleu_of(counts[draws].sum(axis=1))
    assert scores.shape == (7,)
    for rows, score in zip(draws, scores, strict=True):
        assert score == pytest.approx(bleu_by_hand([hypotheses[i] for i in rows], [references[i] for i in rows]))
    assert np.ptp(scores) > 1


def test_mixed_zero_and_other_scores_in_one_call():
    counts = t.ngram_counts([["a"], ["a", "b", "c", "d"]], [["a"], ["a", "b", "c", "d"]])
    np.testing.assert_allclose(t.bleu_of(counts), [0.0, 100.0])


def test_many_words_of_one_sentence_do_not_meet_those_of_the_next():
    said, wrote = [["a", "b"], ["c", "d"]], [["a", "x"], ["b", "c"]]
    assert t.ngram_counts(said, wrote, order=2)[:, 2:4].tolist() == [[1, 0], [1, 0]]  # "b c" spans two sentences


def test_sacrebleu_of_text_with_its_signature():
    said, wrote = ["Der Hund bellt laut, oder?", "Ein Test."], ["der Hund bellt sehr laut, oder?", "Ein Test."]
    score, signature = t.sacre(said, wrote)
    theirs = sacrebleu.BLEU(lowercase=True)
    assert score == pytest.approx(theirs.corpus_score(said, [wrote]).score)
    assert score != pytest.approx(sacrebleu.BLEU().corpus_score(said, [wrote]).score)  # case would count
    for part in ("nrefs:1", "case:lc", "tok:13a", "smooth:exp", f"version:{sacrebleu.__version__}"):
        assert part in signature.split("|")


def test_tokenised_text_by_the_hundred_is_no_reason_for_a_warning(caplog):
    t.sacre(["ein test ."] * 120, ["ein test ."] * 120)
    t.bleu([["ein", "test", "."]] * 120, [["ein", "test", "."]] * 120)
    assert not caplog.records


# Words


def test_words_used_and_unknown():
    said = [["a", "b", "a"], [], ["b", "<unk>", "c", "<unk>"]]
    assert t.vocabulary_used(said) == 3
    assert t.vocabulary_used(said, unknown="c") == 3
    assert t.unknown_rate(said) == pytest.approx(2 / 7)
    assert t.unknown_rate(said, "a") == pytest.approx(2 / 7)
    assert t.unknown_rate(said, "b") == pytest.approx(2 / 7)
    assert t.unknown_rate([["a"], []]) == 0.0
    assert t.unknown_rate([[], []]) == 0.0


LEAVES = [["seagull", "seagull", "duck"], ["oak"], [], ["duck"]]
SAID = [["a", "seagull", "and", "a", "duck", "duck"], ["a", "tree"], ["an", "oak"], ["a", "seagull", "and", "a", "Duck"]]


def test_a_leaf_is_recalled_as_often_as_it_is_true():
    assert t.leaf_hits(SAID, LEAVES).tolist() == [[2, 3], [0, 1], [0, 0], [1, 1]]
    assert t.hyponym_recall(SAID, LEAVES) == pytest.approx(3 / 5)
    assert t.hyponym_recall(LEAVES, LEAVES) == 1.0
    assert t.hyponym_recall([[]] * 4, LEAVES) == 0.0


def test_recall_against_counters():
    said, leaves = corpus(60)
    hits = [sum((Counter(map(str.lower, h)) & Counter(map(str.lower, r))).values()) for h, r in zip(said, leaves, strict=True)]
    assert t.leaf_hits(said, leaves).tolist() == [[h, len(r)] for h, r in zip(hits, leaves, strict=True)]
    assert len(set(hits)) > 4


def test_leaf_words_said_are_those_of_the_lexicon():
    assert t.hyponyms_said(SAID, ["seagull", "duck", "oak", "spruce", "seagull"]) == 3
    assert t.hyponyms_said(SAID, {"spruce"}) == 0


# Bad input


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: t.bleu([["a"]], [["a"], ["b"]]), "1 hypotheses and 2 references, expected one for each sentence"),
        (lambda: t.bleu([], []), "hypotheses: .., expected at least one sentence"),
        (lambda: t.ngram_counts([["a"]], []), "references: .., expected at least one sentence"),
        (lambda: t.bleu([["a"], "a b"], [["a"], ["a", "b"]]), r"hypotheses\[1\] is 'a b', expected a list of words"),
        (lambda: t.bleu([["a"]], ["a"]), r"references\[0\] is 'a', expected a list of words"),
        (lambda: t.sacre([["a"]], ["a"]), r"hypotheses\[0\] is \['a'\], expected a text; 1 are wrong"),
        (lambda: t.sacre("a b", ["a b"]), "hypotheses: 'a b', expected at least one sentence"),
        (lambda: t.sacre(["a"], ["a", "b"]), "1 hypotheses and 2 references"),
        (lambda: t.bleu_of([1, 2, 3]), r"counts have shape \(3,\), expected \(..., 2 \+ 2 \* order\)"),
        (lambda: t.bleu_of([1, 2, 3, 4, 5]), r"counts have shape \(5,\)"),
        (lambda: t.bleu_of([1, 2]), r"counts have shape \(2,\)"),
        (lambda: t.bleu_of(7), r"counts have shape \(\)"),
        (lambda: t.hyponym_recall([["a"]], [["a"], ["b"]]), "1 hypotheses and 2 leaves"),
        (lambda: t.hyponym_recall([["a"]], [[]]), "no leaf word in any of the 1 sentences"),
        (lambda: t.hyponyms_said(SAID, "duck"), "leaves is the text 'duck'"),
        (lambda: t.hyponyms_said([], ["duck"]), "hypotheses: .., expected at least one sentence"),
        (lambda: t.vocabulary_used(["a b"]), r"hypotheses\[0\] is 'a b'"),
        (lambda: t.unknown_rate("a b"), "sentences: 'a b'"),
    ],
)
def test_what_has_no_meaning_is_refused(call, told):
    with pytest.raises(DataError, match=told):
        call()

"""Caption metrics against the COCO evaluation's own program, against the equations written out, and by hand."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from mmkit.errors import DataError
from mmkit.scores import captions as c
from mmkit.scores.captions.ngrams import _sorted
from mmkit.scores.captions.rouge import shared_lengths
from tests.scores.made_up_captions import captions


def theirs(metric, candidates, references):
    texts = {i: [" ".join(said)] for i, said in enumerate(candidates)}
    return metric.compute_score({i: [" ".join(r) for r in own] for i, own in enumerate(references)}, texts)


def ngrams(sentence: list[str], size: int) -> Counter:
    return Counter(tuple(sentence[i : i + size]) for i in range(len(sentence) - size + 1))


def in_documents(references, size: int) -> Counter:
    return Counter(gram for own in references for gram in {g for r in own for g in ngrams(r, size)})


def cider_by_hand(candidates, references, d: bool, documents=None, order: int = 4, sigma: float = 6.0) -> list[float]:
    """Vedantam et al. (2015), eqs. 1-4, one caption, reference and n-gram after the other; documents: another corpus's."""
    documents = documents or references
    scores = []
    for said, own in zip(candidates, references, strict=True):
        total = 0.0
        for r in own:
            for size in range(1, order + 1):
                df = in_documents(documents, size)
                a, b = (
                    {g: k * (math.log(len(documents)) - math.log(max(df[g], 1))) for g, k in ngrams(s, size).items()}
                    for s in (said, r)
                )
                dot = sum((min(a[g], b[g]) if d else a[g]) * b[g] for g in a if g in b)
                norm = math.sqrt(sum(x * x for x in a.values())) * math.sqrt(sum(x * x for x in b.values()))
                gap = max(len(said) - 1, 0) - max(len(r) - 1, 0)
                total += (dot / norm if norm else 0.0) * (math.exp(-(gap**2) / (2 * sigma**2)) if d else 1.0)
        scores.append(10 * total / order / len(own))
    return scores


# Against the COCO evaluation


@pytest.mark.parametrize("seed", range(3))
def test_bleu_is_that_of_the_coco_evaluation(seed):
    candidates, references = captions(70, seed)
    score, each = c.bleu(c.Corpus(candidates, references))
    corpus, per_caption = Bleu(4).compute_score(
        {i: [" ".join(r) for r in own] for i, own in enumerate(references)},
        {i: [" ".join(said)] for i, said in enumerate(candidates)},
        verbose=0,
    )
    assert each.shape == (70, 4)
    np.testing.assert_allclose(score, corpus, rtol=0, atol=1e-12)
    np.testing.assert_allclose(each, np.array(per_caption).T, rtol=0, atol=1e-12)
    assert 0.2 < score[3] < score[0] < 0.95
    assert np.ptp(each[:, 0]) > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_rouge_is_that_of_the_coco_evaluation(seed):
    candidates, references = captions(70, seed)
    score, each = c.rouge_l(c.Corpus(candidates, references))
    mean, per_caption = theirs(Rouge(), candidates, references)
    assert score == pytest.approx(mean, abs=1e-12)
    np.testing.assert_allclose(each, per_caption, rtol=0, atol=1e-12)
    assert np.ptp(each) > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_cider_d_is_that_of_the_coco_evaluation(seed):
    candidates, references = captions(70, seed)
    score, each = c.cider(c.Corpus(candidates, references))
    mean, per_caption = theirs(Cider(), candidates, references)
    assert score == pytest.approx(mean, abs=1e-12)
    np.testing.assert_allclose(each, per_caption, rtol=0, atol=1e-12)
    assert np.ptp(each) > 3


# CIDEr


@pytest.mark.parametrize("d", [True, False])
@pytest.mark.parametrize(("order", "sigma"), [(4, 6.0), (2, 3.0)])
def test_cider_is_the_equation(d, order, sigma):
    candidates, references = captions(25, seed=3)
    score, each = c.cider(c.Corpus(candidates, references), d=d, order=order, sigma=sigma)
    by_hand = cider_by_hand(candidates, references, d, order=order, sigma=sigma)
    np.testing.assert_allclose(each, by_hand, atol=1e-12)
    assert score == pytest.approx(np.mean(by_hand))


def test_only_cider_d_minds_the_length():
    wanted = "a big red dog runs in the street".split()
    candidates, references = [wanted + wanted, ["cat"]], [[wanted], [["the", "cat"]]]
    corpus = c.Corpus(candidates, references)
    plain, with_d = c.cider(corpus, d=False)[1], c.cider(corpus)[1]
    assert with_d[0] < 0.85 * plain[0]  # repeated counts are clipped, and twice as long costs exp(-64 / 72)


@pytest.mark.parametrize("d", [True, False])
def test_frequencies_of_another_corpus(d):
    candidates, references = captions(12, seed=4)
    others = captions(40, seed=5)[1]
    others[0][0] = ["only", "there", "a", "man"]  # words that the scored captions lack, before those that both have
    references[3][0] = ["nowhere", "else", "a", "man"]
    there = c.Frequency.of(c.Corpus([[]] * len(others), others))
    each = c.cider(c.Corpus(candidates, references), d, there)[1]
    np.testing.assert_allclose(each, cider_by_hand(candidates, references, d, others), atol=1e-12)
    assert np.abs(each - c.cider(c.Corpus(candidates, references), d)[1]).max() > 0.1


def test_a_pictures_own_frequencies_are_the_default():
    candidates, references = captions(30)
    corpus = c.Corpus(candidates, references)
    np.testing.assert_array_equal(c.cider(corpus, frequency=c.Frequency.of(corpus))[1], c.cider(corpus)[1])
    assert c.cider(c.Corpus(candidates[:1], references[:1]))[0] == 0  # one picture: every word stands in all pictures
    with pytest.raises(DataError, match="n-grams up to 2 words, expected up to 4"):
        c.cider(corpus, frequency=c.Frequency.of(corpus, order=2))


def test_frequencies_of_shorter_n_grams_than_the_corpus_has():
    short = c.Frequency.of(c.Corpus([[], []], [[["a"]], [["dog"]]]))  # no 2-gram at all
    corpus = c.Corpus([["a", "dog"]], [[["a", "dog"]]])
    assert [x.tolist() for x in short.look_up(corpus, 2)] == [[1, 1], [0]]


def test_a_word_without_number_makes_no_other_n_gram():
    there = c.Frequency.of(c.Corpus([[]], [[["a", "b"]]]), order=2)
    corpus = c.Corpus([["b", "new"], ["new", "b"], ["a", "b"]], [[["a"]]] * 3)
    counts = zip(corpus.grams(2).keys.tolist(), there.look_up(corpus, 2)[1].tolist(), strict=True)
    words = {tuple(corpus.vocabulary[i] for i in divmod(key, 3)): count for key, count in counts}
    assert words == {("b", "new"): 0, ("new", "b"): 0, ("a", "b"): 1}


# BLEU


def test_counts_by_hand():
    corpus = c.Corpus(["the the the cat".split(), [], ["a"]], [["the cat the".split(), "the the".split()], [["x"]], [["a"], []]])
    #  words said, nearest reference | hits of order 1, 2 | n-grams said of order 1, 2
    assert c.bleu_counts(corpus, order=2).tolist() == [[4, 3, 3, 2, 4, 3], [0, 1, 0, 0, 0, 0], [1, 1, 1, 0, 1, 0]]


def test_of_two_lengths_equally_near_the_shorter_counts():
    words = "a b c d e f g h".split()
    corpus = c.Corpus([words[:5]] * 2, [[words[:7], words[:3]], [words[:7], words[:6], words[:1]]])
    assert c.bleu_counts(corpus)[:, 1].tolist() == [3, 6]


def test_n_grams_do_not_reach_into_the_next_sentence():
    corpus = c.Corpus([["a", "b"], ["c", "d"]], [[["x", "b"]], [["c", "y"], ["b", "c"]]])
    assert c.bleu_counts(corpus, order=2)[:, 2:4].tolist() == [[1, 0], [1, 0]]


# ROUGE-L


def shared_by_table(a: list[str], b: list[str]) -> int:
    table = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1, j + 1] = table[i, j] + 1 if x == y else max(table[i, j + 1], table[i + 1, j])
    return int(table[-1, -1])


@pytest.mark.parametrize("longest", [12, 66, 150])
def test_shared_length_is_the_tables(longest):
    rng = np.random.default_rng(longest)
    letters = np.array(list("abcd"))
    candidates = [list(letters[rng.integers(0, 4, rng.integers(0, longest))]) for _ in range(8)]
    candidates.append(list(letters[rng.integers(0, 4, longest)]))
    references = [[list(letters[rng.integers(0, 4, rng.integers(0, longest))]) for _ in range(3)] for _ in candidates]
    expected = [shared_by_table(said, r) for said, own in zip(candidates, references, strict=True) for r in own]
    assert shared_lengths(c.Corpus(candidates, references)).tolist() == expected


@pytest.mark.parametrize("n", [63, 64, 65, 128, 129])
def test_shared_length_where_a_machine_word_ends(n):
    words = [str(i) for i in range(n)]
    references = [words, words[::-1], words[1:], ["x", *words], words[::2] + words[1::2], [words[-1], words[0]]]
    expected = [n, 1, n - 1, n, shared_by_table(words, references[4]), 1]  # the last: a carry through words without a hit
    assert shared_lengths(c.Corpus([words], [references])).tolist() == expected


def test_largest_precision_and_largest_recall_may_come_from_two_references():
    said = "a b c d".split()
    corpus = c.Corpus([said], [["a b c x y z u v".split(), ["d"]]])
    precision, recall = 3 / 4, 1 / 1
    expected = (1 + 1.44) * precision * recall / (recall + 1.44 * precision)
    assert c.rouge_l(corpus)[0] == pytest.approx(expected)
    assert c.rouge_l(corpus, beta=1.0)[0] == pytest.approx(2 * precision * recall / (precision + recall))


# All metrics


def all_scores(candidates, references) -> np.ndarray:
    corpus = c.Corpus(candidates, references)
    return np.column_stack([c.bleu(corpus)[1], c.rouge_l(corpus)[1], c.cider(corpus)[1], c.cider(corpus, d=False)[1]])


def test_order_of_captions_and_of_references_does_not_matter():
    candidates, references = captions(40)
    straight = all_scores(candidates, references)
    order = np.random.default_rng(0).permutation(40)
    turned = all_scores([candidates[i] for i in order], [references[i][::-1] for i in order])
    np.testing.assert_allclose(turned, straight[order], atol=1e-12)
    swapped = all_scores([candidates[1], candidates[0], *candidates[2:]], references)
    assert np.abs(swapped[:2] - straight[:2]).max() > 0.1
    np.testing.assert_allclose(swapped[2:], straight[2:], atol=1e-12)  # idf is of the references, whoever says what


def test_the_reference_itself_is_perfect():
    references = [[r] for r in (["a", "big", "dog", "runs", "home"], ["the", "cat", "sits", "on", "it"])]
    perfect = all_scores([own[0] for own in references], references)
    np.testing.assert_allclose(perfect, [[1, 1, 1, 1, 1, 10, 10]] * 2, rtol=1e-6)


def test_captions_without_words_score_nothing():
    corpus = c.Corpus([[], []], [[["a"]], [[]]])
    assert not c.rouge_l(corpus)[1].any()
    assert not c.cider(corpus)[1].any()
    assert c.words_used(corpus) == 0
    assert c.bleu(corpus)[1].max() < 1e-5  # 1e-15 over 1e-9


def test_words_used_are_those_of_the_candidates():
    assert c.words_used(c.Corpus([["a", "b"], ["b", "a", "c"]], [[["x"]], [["y", "z"]]])) == 3


@pytest.mark.parametrize(
    ("candidates", "references", "message"),
    [
        ([], [], "0 captions and 0 lists of references"),
        ([["a"]], [[["a"]], [["b"]]], "1 captions and 2 lists of references"),
        ([["a"], ["b"], ["c"]], [[["a"]], [], []], r"references\[1\] is empty, expected at least one reference; 2 are empty"),
        (["a dog"], [[["a"]]], r"candidates\[0\] is 'a dog'"),
        ([["a"], ["a"]], [[["a"]], [["b"], "a cat"]], r"references\[1\]\[1\] is 'a cat'"),
        ([["a"]], ["a cat"], r"references\[0\] is 'a cat'"),
        ([["a dog"]], [[["a"], [""]]], "2 words hold a blank or nothing, the first 'a dog'"),
    ],
)
def test_what_is_no_corpus_is_refused(candidates, references, message):
    with pytest.raises(DataError, match=message):
        c.Corpus(candidates, references)


@pytest.mark.parametrize("scale", [1, 2**50])
def test_order_of_equal_keys_is_kept_whatever_their_size(scale):
    key = np.random.default_rng(0).integers(0, 20, 9000) * scale
    ascending, place = _sorted(key)
    np.testing.assert_array_equal(place, np.argsort(key, kind="stable"))
    np.testing.assert_array_equal(ascending, np.sort(key))
    assert [len(x) for x in _sorted(key[:0])] == [0, 0]

"""CIDEr and CIDEr-D: how much of what people say about a picture, and about few other pictures, a caption says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmkit.errors import DataError
from mmkit.scores.captions.ngrams import Corpus, Ints

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Frequency:
    """In the references of how many pictures each n-gram stands, to weigh the n-grams of another corpus with.

    Take those of the training captions where few captions are scored: with one picture every weight is 0.
    """

    vocabulary: dict[str, int]
    keys: tuple[Ints, ...]  # of each order, as in Grams
    counts: tuple[Ints, ...]
    documents: int

    @classmethod
    def of(cls, corpus: Corpus, order: int = 4) -> Frequency:
        """Those of the references of `corpus`; its candidates do not count."""
        keys = tuple(corpus.grams(size).keys for size in range(1, order + 1))
        counts = tuple(_documents(corpus, size) for size in range(1, order + 1))
        return cls({word: at for at, word in enumerate(corpus.vocabulary)}, keys, counts, corpus.n)

    def look_up(self, corpus: Corpus, order: int = 4) -> list[Ints]:
        """Documents with each n-gram of `corpus`, one array (G,) per order; 0 for an n-gram that is in none."""
        if order > len(self.keys):
            raise DataError(f"the frequencies are of n-grams up to {len(self.keys)} words, expected up to {order}")
        word = np.array([self.vocabulary.get(word, -1) for word in corpus.vocabulary], dtype=np.int64)
        number, found = word, []  # here, of each n-gram of the corpus, -1 for none
        for size in range(1, order + 1):
            keys, wanted = self.keys[size - 1], word
            if size > 1:
                shorter, last = np.divmod(corpus.grams(size).keys, len(corpus.vocabulary))
                wanted = np.where(word[last] < 0, -1, number[shorter] * len(self.vocabulary) + word[last])
            at = np.searchsorted(keys, wanted)
            there = at < len(keys)
            there[there] = keys[at[there]] == wanted[there]
            number, count = np.full(len(wanted), -1), np.zeros(len(wanted), dtype=np.int64)
            number[there], count[there] = at[there], self.counts[size - 1][at[there]]
            found.append(count)
        return found


def cider(
    corpus: Corpus, d: bool = True, frequency: Frequency | None = None, order: int = 4, sigma: float = 6.0
) -> tuple[float, Floats]:
    """(mean over captions, score of each caption (N,)), from 0 to 10.

    Vedantam et al. (2015): mean over n = 1..order and over references of the cosine of tf-idf vectors (eqs. 1-3); CIDEr-D (`d`)
    clips the counts of the caption to those of the reference and takes exp(-(difference of lengths)^2 / (2 sigma^2)) of it
    (eq. 4). The idf is log(pictures / pictures with the n-gram in their references), of `frequency` where given; an n-gram
    that no reference has counts as if one had. Both are ten times the cosine, and words are not stemmed, as the authors'
    program does it; what COCO's evaluation prints as "CIDEr" is CIDEr-D.
    """
    frequency_of = frequency.look_up(corpus, order) if frequency else [_documents(corpus, n) for n in range(1, order + 1)]
    documents = frequency.documents if frequency else corpus.n
    example = corpus.example[corpus.n :]
    similarity = np.zeros(len(example))
    for size, df in enumerate(frequency_of, start=1):
        grams = corpus.grams(size)
        weight = grams.count * (np.log(documents) - np.log(np.maximum(df, 1)))[grams.gram]
        norm = np.sqrt(np.bincount(grams.sentence, weights=np.square(weight), minlength=len(corpus.length)))
        reference, candidate = corpus.matches(size)
        wanted, said = weight[reference], weight[candidate]
        dot = wanted * (np.minimum(wanted, said) if d else said)
        dot = np.bincount(grams.sentence[reference] - corpus.n, weights=dot, minlength=len(example))
        scale = norm[example] * norm[corpus.n :]
        similarity += np.divide(dot, scale, out=np.zeros(len(dot)), where=scale > 0)
    if d:
        bigrams = np.maximum(corpus.length - 1, 0)  # the lengths that the authors' program compares
        similarity *= np.exp(-np.square(bigrams[example] - bigrams[corpus.n :]) / (2 * sigma**2))
    score = 10 / order * np.bincount(example, weights=similarity, minlength=corpus.n) / corpus.references
    return float(score.mean()), score


def _documents(corpus: Corpus, size: int) -> Ints:
    """In the references of how many examples each n-gram stands, (G,)."""
    grams = corpus.grams(size)
    rows = grams.sentence >= corpus.n
    gram, example = grams.gram[rows], corpus.example[grams.sentence[rows]]
    new = (np.diff(gram, prepend=-1) != 0) | (np.diff(example, prepend=-1) != 0)  # both ascend, so equal pairs are neighbours
    return np.bincount(gram[new], minlength=len(grams.keys))

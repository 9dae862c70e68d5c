"""Captions as numbers: one array of words for a whole corpus, and its n-grams counted per sentence by one sort per order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmkit.errors import DataError

Ints = NDArray[np.int64]


class Grams(NamedTuple):
    """The n-grams of one order: `count[p]` times n-gram `gram[p]` in sentence `sentence[p]`, sorted by n-gram, then sentence.

    gram, sentence, count (P,).  keys (G,), ascending: number of the first n - 1 words as an n-gram of the order below, times
    the size of the vocabulary, plus the number of the last word.  So n-grams of two corpora can be told equal.
    """

    gram: Ints
    sentence: Ints
    count: Ints
    keys: Ints


class Corpus:
    """N generated captions and the references of each, coded once for all metrics.

    `candidates[i]` is a list of words, `references[i]` a list of at least one such list; a caption without any word is allowed.
    Words are compared as they are: bring them to lower case and take punctuation off first (`tokenise` does both). Raises
    DataError for no caption, unequal numbers, an example without reference, a text instead of a list of words, and for words
    that hold a blank or nothing, which no two metrics count alike.

    n: N.  vocabulary: the V different words.  Sentences are numbered, 0..N-1 the candidates, N..N+R-1 their R references:
    word (W,) number of each word, sentence after sentence.  length, example (N + R,): words of a sentence, its example.
    """

    def __init__(self, candidates: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> None:
        _check(candidates, references)
        self.n = len(candidates)
        sentences = [*candidates, *chain.from_iterable(references)]
        words = list(chain.from_iterable(sentences))
        number = {word: at for at, word in enumerate(dict.fromkeys(words))}
        if bad := [word for word in number if word.split() != [word]]:
            raise DataError(
                f"{len(bad)} words hold a blank or nothing, the first {bad[0]!r}; split the captions into words first"
            )
        self.vocabulary = list(number)
        self.word = np.array(list(map(number.__getitem__, words)), dtype=np.int64)
        self.length = np.array(list(map(len, sentences)), dtype=np.int64)
        own = np.arange(self.n)
        self.example = np.concatenate([own, np.repeat(own, list(map(len, references)))])
        self._levels: list[tuple[Ints, Ints, Grams]] = []
        self._matches: dict[int, tuple[Ints, Ints]] = {}

    @cached_property
    def sentence(self) -> Ints:
        """Sentence of each word, (W,)."""
        return np.repeat(np.arange(len(self.length)), self.length)

    @cached_property
    def references(self) -> Ints:
        """How many references an example has, (N,), each at least 1."""
        return np.bincount(self.example[self.n :], minlength=self.n)

    def grams(self, order: int) -> Grams:
        """The n-grams of `order` words (1, 2, ...), counted in every sentence."""
        while len(self._levels) < order:
            self._levels.append(self._next_level())
        return self._levels[order - 1][2]

    def matches(self, order: int) -> tuple[Ints, Ints]:
        """(rows of `grams(order)` that belong to a reference, rows of the same n-gram in that example's candidate), (M,) each."""
        if order not in self._matches:
            g = self.grams(order)
            of_candidate = g.sentence < self.n
            said, wanted = np.flatnonzero(of_candidate), np.flatnonzero(~of_candidate)
            key = g.gram * self.n + self.example[g.sentence]
            at = np.minimum(np.searchsorted(key[said], key[wanted]), max(len(said) - 1, 0))
            same = key[said][at] == key[wanted] if len(said) else np.zeros(len(wanted), dtype=bool)
            self._matches[order] = wanted[same], said[at[same]]
        return self._matches[order]

    def _next_level(self) -> tuple[Ints, Ints, Grams]:
        """(where the n-grams of the next order start, the number of each, their counts)."""
        size = len(self._levels) + 1
        if size == 1:
            start, key = np.arange(len(self.word)), self.word
        else:
            start, shorter, _ = self._levels[-1]
            goes_on = start + size - 1 < len(self.word)
            start, shorter = start[goes_on], shorter[goes_on]
            inside = self.sentence[start] == self.sentence[start + size - 1]
            start, shorter = start[inside], shorter[inside]
            key = shorter * len(self.vocabulary) + self.word[start + size - 1]
        key, place = _sorted(key)  # within one n-gram the sentences stay ascending
        sentence = self.sentence[start[place]]
        new_gram = np.diff(key, prepend=-1) != 0
        gram = np.cumsum(new_gram) - 1
        first = np.flatnonzero(new_gram | (np.diff(sentence, prepend=-1) != 0))
        count = np.diff(first, append=len(key))
        number = np.empty_like(gram)
        number[place] = gram
        return start, number, Grams(gram[first], sentence[first], count, key[new_gram])


def _sorted(key: Ints) -> tuple[Ints, Ints]:
    """(sorted, place of each), equal keys in their order: numbers that hold both are sorted far faster than places by key."""
    bits = len(key).bit_length()
    if int(key.max(initial=0)) >> (63 - bits):  # no room for both, in a corpus of more than some ten million words
        place = np.argsort(key, kind="stable")
        return key[place], place
    both = np.sort((key << bits) | np.arange(len(key)))
    return both >> bits, both & ((1 << bits) - 1)


def words_used(corpus: Corpus) -> int:
    """How many different words the candidates use."""
    return len(np.unique(corpus.word[: corpus.length[: corpus.n].sum()]))


def _check(candidates: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> None:
    if len(candidates) != len(references) or len(candidates) == 0:
        raise DataError(f"{len(candidates)} captions and {len(references)} lists of references, expected as many, at least one")
    without = [i for i, of_one in enumerate(references) if len(of_one) == 0]
    if without:
        raise DataError(f"references[{without[0]}] is empty, expected at least one reference; {len(without)} are empty")
    texts = [f"candidates[{i}] is {c!r}" for i, c in enumerate(candidates) if isinstance(c, str)]
    for i, of_one in enumerate(references):
        if isinstance(of_one, str):
            texts.append(f"references[{i}] is {of_one!r}")
        else:
            texts += [f"references[{i}][{j}] is {r!r}" for j, r in enumerate(of_one) if isinstance(r, str)]
    if texts:
        raise DataError(f"{len(texts)} captions are texts, expected lists of words", texts, "`tokenise` makes words of texts.")

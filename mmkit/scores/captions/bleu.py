"""BLEU-1 to BLEU-4 of captions with several references each: Papineni et al. (2002), with the COCO evaluation's constants."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmkit.scores.captions.ngrams import Corpus, Ints

TINY, SMALL = 1e-15, 1e-9  # added to numerators and denominators, so that a caption without n-grams scores 0 and not 0 / 0


def bleu(corpus: Corpus, order: int = 4) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(BLEU-1..order of the corpus (order,), of each caption (N, order)), all in [0, 1].

    The corpus's score is no mean: it pools the counts of all captions. A caption is as long as the reference whose length is
    nearest, the shorter one of two. As the COCO evaluation does it: no smoothing but 1e-15 and 1e-9 against a division by 0.
    """
    counts = bleu_counts(corpus, order)
    return _bleu(counts.sum(axis=0), order), _bleu(counts, order)


def bleu_counts(corpus: Corpus, order: int = 4) -> Ints:
    """Per caption all that BLEU needs, which adds up over captions: int64 (N, 2 + 2 * order).

    Columns: words of the caption, words of the nearest reference, hits of order 1..order, n-grams of the caption of order
    1..order. A hit is an n-gram of the caption, counted no more often than the reference that has it most often.
    """
    said, wanted = corpus.length[: corpus.n], _nearest_length(corpus)
    hits = [_hits(corpus, size) for size in range(1, order + 1)]
    totals = [np.maximum(said - size + 1, 0) for size in range(1, order + 1)]
    return np.stack([said, wanted, *hits, *totals], axis=1)


def _hits(corpus: Corpus, size: int) -> Ints:
    grams = corpus.grams(size)
    of_reference, of_candidate = corpus.matches(size)
    most = np.zeros(len(grams.count), dtype=np.int64)
    np.maximum.at(most, of_candidate, grams.count[of_reference])
    clipped = np.minimum(most, grams.count)
    return np.bincount(grams.sentence, weights=clipped, minlength=len(corpus.length))[: corpus.n].astype(np.int64)


def _nearest_length(corpus: Corpus) -> Ints:
    said, wanted, example = corpus.length[: corpus.n], corpus.length[corpus.n :], corpus.example[corpus.n :]
    by_distance = np.lexsort([wanted, np.abs(wanted - said[example]), example])
    first = np.cumsum(corpus.references) - corpus.references
    return wanted[by_distance[first]]


def _bleu(counts: Ints, order: int) -> NDArray[np.float64]:
    """(..., 2 + 2 * order) -> (..., order)"""
    said, wanted = counts[..., :1], counts[..., 1:2]
    hits, total = counts[..., 2 : 2 + order], counts[..., 2 + order :]
    precision = np.cumprod((hits + TINY) / (total + SMALL), axis=-1) ** (1 / np.arange(1, order + 1))
    ratio = (said + TINY) / (wanted + SMALL)
    return precision * np.exp(np.minimum(0.0, 1 - 1 / ratio))

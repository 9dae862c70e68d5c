"""ROUGE-L: the longest sequence of words that caption and reference share in this order, gaps allowed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmkit.scores.captions.ngrams import Corpus, Ints

BITS = 64  # words of a candidate that one machine word stands for


def rouge_l(corpus: Corpus, beta: float = 1.2) -> tuple[float, NDArray[np.float64]]:
    """(mean over captions, score of each caption (N,)), in [0, 1].

    Lin (2004), eqs. 2-4: F = (1 + beta^2) R P / (R + beta^2 P) of the shared length over the reference's (R) and over the
    caption's (P). With several references R and P are each the largest of all, as the COCO evaluation does it.
    """
    example = corpus.example[corpus.n :]
    said, wanted = corpus.length[: corpus.n], corpus.length[corpus.n :]
    shared = shared_lengths(corpus)
    precision, recall = np.zeros(corpus.n), np.zeros(corpus.n)
    np.maximum.at(precision, example, shared / np.maximum(said[example], 1))
    np.maximum.at(recall, example, shared / np.maximum(wanted, 1))
    below = recall + beta**2 * precision
    score = np.divide((1 + beta**2) * precision * recall, below, out=np.zeros(corpus.n), where=below > 0)
    return float(score.mean()), score


def shared_lengths(corpus: Corpus) -> Ints:
    """Length of the longest common subsequence of each reference and its example's candidate: int64 (R,).

    Bit-parallel (Hyyrö, 2004), all references a word at a time: a bit of `state` is 0 where the table of the usual dynamic
    programme grows by one along the candidate, so the zeros at the end are its last entry.
    """
    seen, start = _seen(corpus)  # (blocks, words of the references)
    lengths = corpus.length[corpus.n :]
    longest_first = np.argsort(-lengths, kind="stable")
    active = np.searchsorted(-lengths[longest_first], -np.arange(lengths.max(initial=0)))  # references longer than step
    state = np.full((len(seen), len(lengths)), ~np.uint64(0))
    for step, k in enumerate(active):
        at = start[longest_first[:k]] + step
        carry = np.zeros(k, dtype=np.uint64)
        for block, v in zip(seen, state[:, :k], strict=True):
            hit = v & block[at]
            total = v + hit
            over = total < v
            total += carry
            carry = (over | (total < carry)).astype(np.uint64)
            v[:] = total | (v ^ hit)
    shared = np.empty(len(lengths), dtype=np.int64)
    shared[longest_first] = np.bitwise_count(~state).sum(axis=0)
    return shared


def _seen(corpus: Corpus) -> tuple[NDArray[np.uint64], Ints]:
    """(at which places of its candidate a reference's word stands, as bits (blocks, words), first word of a reference (R,))."""
    boundary = int(corpus.length[: corpus.n].sum())
    key = corpus.word * corpus.n + corpus.example[corpus.sentence]
    place = np.arange(boundary) - (np.cumsum(corpus.length) - corpus.length)[corpus.sentence[:boundary]]
    bit = np.uint64(1) << (place % BITS).astype(np.uint64)
    kinds, kind = np.unique(key[:boundary], return_inverse=True)
    at = np.searchsorted(kinds, key[boundary:])
    there = at < len(kinds)
    there[there] = kinds[at[there]] == key[boundary:][there]
    blocks = np.zeros((place.max(initial=0) // BITS + 1, len(key) - boundary), dtype=np.uint64)
    for number, block in enumerate(blocks):
        chosen = place // BITS == number
        mask = np.zeros(len(kinds), dtype=np.uint64)
        np.bitwise_or.at(mask, kind[chosen], bit[chosen])
        block[there] = mask[at[there]]
    return blocks, (np.cumsum(corpus.length) - corpus.length)[corpus.n :] - boundary

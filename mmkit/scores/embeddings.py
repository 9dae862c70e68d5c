"""What the rows of an output matrix tell: norms against word frequency, cosines, and which words no context can reach.

`weight` (V, D) has one row per word, `bias` (V,); a generator says the word with the largest weight @ f + bias for its context
vector f (D,). Raises DataError for wrong shapes, values that are not finite and rows that do not exist.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from mmkit.errors import DataError, SettingsError
from mmkit.scores import checks
from mmkit.scores.agreement import spearman

TINY = 1e-6  # a lead over all other words by less than this share of the largest value is none


def norm_frequency(weight: ArrayLike, counts: ArrayLike, rows: ArrayLike | None = None) -> float:
    """Rank correlation in [-1, 1] of row length and word count, ties at their mean rank; most words are rare, so ties abound.

    `counts` (V,) occurrences in training; `rows` selects words (mask or numbers): leave out the special tokens, which are no
    words. Lengths that differ by rounding only are equal. 0 when all lengths, or all counts, are equal: nothing to read there.
    """
    weight = checks.finite(weight, "weight", ndim=2)
    counts = _per_row(counts, "counts", weight)
    chosen = slice(None) if rows is None else np.asarray(rows)
    norm = np.linalg.norm(weight, axis=1)[chosen]
    rho = spearman(counts[chosen], np.round(norm / max(norm.max(initial=0), np.finfo(float).tiny), 6))
    return 0.0 if math.isnan(rho) else rho


def cosine(weight: ArrayLike, pairs: ArrayLike) -> np.ndarray:
    """Cosine of the two rows of each pair: pairs (P, 2) of row numbers -> (P,) in [-1, 1]."""
    weight = checks.finite(weight, "weight", ndim=2)
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise DataError(f"pairs have shape {pairs.shape} and type {pairs.dtype}, expected (P, 2) row numbers")
    if (bad := (pairs < 0) | (pairs >= len(weight))).any():
        raise DataError(f"pair {int(bad.any(axis=1).argmax())} names a row outside 0 to {len(weight) - 1}")
    first, second = (_directions(weight, pairs[:, side]) for side in (0, 1))
    return np.clip(np.einsum("pd,pd->p", first, second), -1, 1)


def all_cosines(weight: ArrayLike) -> np.ndarray:
    """Cosines of all V * (V - 1) / 2 pairs of different rows."""
    weight = checks.finite(weight, "weight", ndim=2)
    unit = _directions(weight, np.arange(len(weight)))
    return np.clip((unit @ unit.T)[np.triu_indices(len(unit), 1)], -1, 1)


def mean_cosine_gap(weight: ArrayLike, within: ArrayLike, between: ArrayLike) -> float:
    """How much closer words of one meaning are: mean cosine of the pairs `within` (P, 2) minus that of `between` (Q, 2)."""
    means = []
    for what, pairs in (("within", within), ("between", between)):
        if len(np.asarray(pairs)) == 0:
            raise DataError(f"no pairs {what}, so there is no mean cosine to compare")
        means.append(cosine(weight, pairs).mean())
    return float(means[0] - means[1])


def word_similarity(
    weight: ArrayLike,
    vocabulary: Mapping[str, int] | Sequence[str],
    word1: Sequence[str],
    word2: Sequence[str],
    score: ArrayLike,
) -> tuple[float, int]:
    """(rank correlation of the cosine of two words with how similar people find them, pairs that could be compared).

    `vocabulary` maps a word to its row, or lists the words row by row. A pair with a word that is not in it is left out, and
    so not counted. NaN when fewer than two pairs remain, or all of them are equal.
    """
    score = checks.finite(score, "score")
    if not len(word1) == len(word2) == len(score):
        raise DataError(f"{len(word1)} first words, {len(word2)} second words, {len(score)} scores; expected as many of each")
    row = vocabulary if isinstance(vocabulary, Mapping) else {word: i for i, word in enumerate(vocabulary)}
    pairs = np.array([(row.get(a, -1), row.get(b, -1)) for a, b in zip(word1, word2, strict=True)])
    known = (pairs >= 0).all(axis=1)
    if not known.any():
        return math.nan, 0
    return spearman(score[known], cosine(weight, pairs[known])), int(known.sum())


def required_norm(vocabulary: int, p: float, max_cosine: float = 0.0, scale: float = 1.0) -> float:
    """The length that f needs so that the right word gets probability `p` among `vocabulary` words; rows of length `scale`.

    With f along its row w_j, P_j = 1 / (1 + sum_k exp(-scale |f| (1 - cos(w_j, w_k)))) without bias. No other row is closer
    than `max_cosine`, so P_j >= p from |f| = ln((V - 1) p / (1 - p)) / (scale (1 - max_cosine)) on: enough always, and not
    less when all other rows are just that close. 0 when even equal chances suffice.
    """
    if vocabulary < 2 or not 0 < p < 1 or not -1 <= max_cosine < 1 or not scale > 0:
        raise SettingsError(
            f"vocabulary = {vocabulary}, p = {p}, max_cosine = {max_cosine}, scale = {scale}; expected at least 2 words, "
            "0 < p < 1, -1 <= max_cosine < 1 and a positive scale"
        )
    return max(0.0, math.log((vocabulary - 1) * p / (1 - p)) / (scale * (1 - max_cosine)))


def adam_bytes(vocabulary: int, dim: int) -> int:
    """What a fixed (vocabulary, dim) matrix saves: the two float32 moments of Adam. Its gradient would be half as much again."""
    return 8 * vocabulary * dim


def unreachable(weight: ArrayLike, bias: ArrayLike | None = None) -> np.ndarray:
    """Words that no context vector whatsoever makes the single most probable one: bool (V,).

    Word j is reachable when some f has w_j f + b_j > w_k f + b_k for all k: without bias, when w_j is a corner of the convex
    hull of all rows; with bias, when its plane shows on the upper envelope. Two words with equal row and bias never lead alone.
    Most corners are found by trying directions. Linear programmes settle the rest, against the words that are known to be
    reachable: where one finds an f for its word, the word that leads all others there is reachable too (Clarkson, 1994).
    """
    weight = checks.finite(weight, "weight", ndim=2)
    bias = np.zeros(len(weight)) if bias is None else _per_row(bias, "bias", weight)
    planes, which, copies = np.unique(np.c_[weight, bias], axis=0, return_inverse=True, return_counts=True)
    rows = planes[:, :-1] - planes[:, :-1].mean(axis=0)  # this, and the next line, add the same to all words
    b = planes[:, -1] - planes[:, -1].max()
    rows, b = (part / (np.abs(part).max() or 1.0) for part in (rows, b))
    reached = np.zeros(len(planes), dtype=bool)
    reached[np.setdiff1d(_leaders(_tries(rows, lengths=(0.3, 3.0, 30.0, 3000.0) if b.any() else (1.0,)), rows, b), -1)] = True
    waiting = np.flatnonzero(~reached)
    while len(waiting):
        known = np.flatnonzero(reached)
        size = np.clip(2000 // max(len(known), 1), 1, 64)  # words per programme: large ones are slow, many small ones too
        words, waiting = waiting[:size], waiting[size:]
        f, margin = _best_contexts(words, known, rows, b)
        words, f = words[margin > TINY], f[margin > TINY]  # the others lie under what is known, for good
        leader = _leaders(f, rows, b)
        fresh = (leader >= 0) & ~reached[leader]
        reached[leader[fresh]] = True
        for word in words[~fresh]:  # several share the lead at this very f: ask about all of them
            reached[word] = _best_contexts(np.array([word]), np.arange(len(rows)), rows, b)[1][0] > TINY
        waiting = np.r_[words[fresh & ~reached[words]], waiting[~reached[waiting]]]
    return (~reached | (copies > 1))[which.reshape(-1)]


def _tries(rows: np.ndarray, lengths: Sequence[float]) -> np.ndarray:
    """Context vectors worth a try, along rows and random: biases decide where f is short, rows where it is long."""
    v, d = rows.shape
    random = np.random.default_rng(0).standard_normal((2 * v, d))  # fixed: they only save time, the answer is exact without
    f = np.concatenate([rows, random])
    f = f / np.maximum(np.linalg.norm(f, axis=1, keepdims=True), np.finfo(float).tiny)
    return np.concatenate([f * length for length in lengths])


def _leaders(f: np.ndarray, rows: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The word that leads alone at each of the context vectors f (F, D), -1 where several share the lead: (F,)."""
    if len(rows) == 1:
        return np.zeros(len(f), dtype=np.int64)
    leaders = []
    for some in np.array_split(f, 1 + len(f) * len(rows) // 4_000_000):  # at most 32 MB of logits at once
        logits = some @ rows.T + b
        best, at = logits.argmax(axis=1), np.arange(len(some))
        first = logits[at, best]
        logits[at, best] = -np.inf
        alone = first - logits.max(axis=1) > 1e-9 * np.maximum(1.0, np.abs(some).max(axis=1, initial=0))
        leaders.append(np.where(alone, best, -1))
    return np.concatenate(leaders)


def _best_contexts(words: np.ndarray, others: np.ndarray, rows: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of `words` the f at which it leads all `others` by the widest margin up to 1: (n, D) and the margins (n,)."""
    from scipy.optimize import linprog
    from scipy.sparse import block_diag

    n, dim = len(words), rows.shape[1]
    rivals = [others[others != word] for word in words]
    beats = [np.c_[rows[k] - rows[word], np.ones(len(k))] for word, k in zip(words, rivals, strict=True)]
    answer = linprog(  # unknowns per word: f and the margin; one constraint per rival: (w_k - w_j) f + margin <= b_j - b_k
        np.tile(np.r_[np.zeros(dim), -1.0], n),
        A_ub=block_diag(beats, format="csr"),
        b_ub=np.concatenate([b[word] - b[k] for word, k in zip(words, rivals, strict=True)]),
        bounds=np.tile([[-np.inf, np.inf]] * dim + [[-np.inf, 1.0]], (n, 1)),
        method="highs-ds",
    )
    if not answer.success:
        raise DataError(f"the linear programme of words {words.tolist()} has no answer: {answer.message}")
    found = answer.x.reshape(n, dim + 1)
    return found[:, :-1], found[:, -1]


def _per_row(values: ArrayLike, what: str, weight: np.ndarray) -> np.ndarray:
    values = checks.finite(values, what)
    if len(values) != len(weight):
        raise DataError(f"{what} has {len(values)} values and weight {len(weight)} rows, expected one for each row")
    return values


def _directions(weight: np.ndarray, rows: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(weight[rows], axis=1, keepdims=True)
    if not norm.all():
        raise DataError(f"row {int(rows[(norm == 0).argmax()])} is zero, so it has no direction")
    return weight[rows] / norm

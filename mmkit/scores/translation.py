"""How good are generated sentences? BLEU from counts that add up over sentences, words used, words hit.

A tokenised sentence is a list of words; `hypotheses[i]` and `references[i]` belong together. References are the sentences as
they were written: where words that the vocabulary lacks became "<unk>" on both sides, an unknown word counts as a hit.
Raises DataError for no sentence, unequal numbers of sentences, or a plain text where a list of words is expected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike

from mmkit.errors import DataError
from mmkit.scores.captions import Corpus, bleu_counts

Sentences = Sequence[Sequence[str]]


def bleu(hypotheses: Sentences, references: Sentences, order: int = 4) -> float:
    """Corpus BLEU of lower-cased words in points, 0 to 100, as sacreBLEU computes it on text that is tokenised already.

    Papineni et al. (2002): geometric mean of the clipped n-gram precisions up to `order` times the brevity penalty, without
    smoothing, so 0 when one order has no hit. Words are what spaces separate: a blank token, as some tokenisers give, is none.
    """
    from sacrebleu.metrics import BLEU

    _paired(hypotheses, references, "references")
    metric = BLEU(lowercase=True, tokenize="none", smooth_method="none", max_ngram_order=order, force=True)
    return float(metric.corpus_score([" ".join(h) for h in hypotheses], [[" ".join(r) for r in references]]).score)


def ngram_counts(hypotheses: Sentences, references: Sentences, order: int = 4) -> np.ndarray:
    """Per sentence all that BLEU needs: int64 (N, 2 + 2 * order).

    Columns: words of the hypothesis, words of the reference, hits of order 1..order, n-grams of the hypothesis of order
    1..order. The BLEU of any selection of sentences is `bleu_of` of the sum of their rows: a bootstrap draws rows.
    """
    _paired(hypotheses, references, "references")
    return bleu_counts(_coded(hypotheses, references), order)


def bleu_of(counts: ArrayLike) -> np.ndarray:
    """BLEU in points from summed `ngram_counts`: (..., 2 + 2 * order) -> (...). The same number as `bleu` of those sentences."""
    counts = np.asarray(counts, dtype=np.float64)
    width = counts.shape[-1] if counts.ndim else 0
    order = (width - 2) // 2
    if order < 1 or width % 2:
        raise DataError(f"counts have shape {counts.shape}, expected (..., 2 + 2 * order), the sum of rows of ngram_counts")
    said, wanted = counts[..., 0], counts[..., 1]
    hits, total = counts[..., 2 : 2 + order], counts[..., 2 + order :]
    some = (hits > 0).all(axis=-1)  # otherwise a precision is 0, and so is BLEU
    precision = np.where(some[..., None], hits, 1.0) / np.where(some[..., None], total, 1.0)
    brevity = np.minimum(0.0, 1 - wanted / np.where(some, said, 1.0))
    return np.where(some, 100 * np.exp(np.log(precision).mean(axis=-1) + brevity), 0.0)[()]


def sacre(hypotheses: Sequence[str], references: Sequence[str]) -> tuple[float, str]:
    """(sacreBLEU in points, its signature) of plain texts: lower-cased, tokenised by rule 13a, smoothed as it is by default."""
    from sacrebleu.metrics import BLEU

    _paired(hypotheses, references, "references", of=str)
    metric = BLEU(lowercase=True, tokenize="13a", force=True)
    return float(metric.corpus_score(list(hypotheses), [list(references)]).score), str(metric.get_signature())


def vocabulary_used(hypotheses: Sentences, unknown: str = "<unk>") -> int:
    """How many different words are generated; `unknown` stands for no word and is not counted."""
    _sentences(hypotheses, "hypotheses")
    return len(set(chain.from_iterable(hypotheses)) - {unknown})


def unknown_rate(sentences: Sentences, unknown: str = "<unk>") -> float:
    """Share of all words that are `unknown`, in [0, 1]; 0 when there is no word at all."""
    _sentences(sentences, "sentences")
    words = list(chain.from_iterable(sentences))
    return words.count(unknown) / max(len(words), 1)


def leaf_hits(hypotheses: Sentences, leaves: Sentences) -> np.ndarray:
    """Per sentence (leaf words that the hypothesis says, leaf words that are true): int64 (N, 2).

    `leaves[i]` are the specific words ("seagull", not "bird") of sentence i; a word that is true twice has to be said twice.
    """
    _paired(hypotheses, leaves, "leaves")
    return bleu_counts(_coded(hypotheses, leaves), order=1)[:, [2, 1]]


def hyponym_recall(hypotheses: Sentences, leaves: Sentences) -> float:
    """Share of all true leaf words that the hypotheses say, in [0, 1]: `leaf_hits` summed over sentences."""
    hits, true = leaf_hits(hypotheses, leaves).sum(axis=0)
    if true == 0:
        raise DataError(f"no leaf word in any of the {len(leaves)} sentences, so there is nothing to recall")
    return float(hits / true)


def hyponyms_said(hypotheses: Sentences, leaves: Iterable[str]) -> int:
    """How many different words of `leaves`, the leaf words of the lexicon, the hypotheses say at least once."""
    _sentences(hypotheses, "hypotheses")
    if isinstance(leaves, str):
        raise DataError(f"leaves is the text {leaves[:40]!r}, expected a collection of words")
    return len(set(chain.from_iterable(hypotheses)) & set(leaves))


def _coded(hypotheses: Sentences, others: Sentences) -> Corpus:
    """As words are counted here: whatever their case, and what spaces separate, so that a blank token is none."""
    said, wanted = ([" ".join(sentence).lower().split() for sentence in side] for side in (hypotheses, others))
    return Corpus(said, [[sentence] for sentence in wanted])


def _sentences(sentences: Sequence[object], what: str, of: type = list) -> None:
    if isinstance(sentences, str) or len(sentences) == 0:
        raise DataError(f"{what}: {sentences!r}, expected at least one sentence")
    wrong = [i for i, sentence in enumerate(sentences) if isinstance(sentence, str) != (of is str)]
    if wrong:
        expected = "a text" if of is str else "a list of words; split the text first"
        raise DataError(f"{what}[{wrong[0]}] is {sentences[wrong[0]]!r}, expected {expected}; {len(wrong)} are wrong")


def _paired(hypotheses: Sequence[object], others: Sequence[object], what: str, of: type = list) -> None:
    _sentences(hypotheses, "hypotheses", of)
    _sentences(others, what, of)
    if len(hypotheses) != len(others):
        raise DataError(f"{len(hypotheses)} hypotheses and {len(others)} {what}, expected one for each sentence")

"""Sentences to whole words and word ids: a rule tokeniser and a vocabulary of the words that are frequent enough.

Ids of a column are an Arrow list array (offsets + values): nothing is padded here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, repeat
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mmkit.errors import DataError, SettingsError, nearest

if TYPE_CHECKING:
    from spacy.tokenizer import Tokenizer

SPECIALS = ("<pad>", "<unk>", "<s>", "</s>")
PAD, UNK, START, END = range(4)
LANGUAGES = ("de", "en")


def tokenise(texts: Sequence[str], language: str | None) -> list[list[str]]:
    """Words of each text, lower-cased. `language` "de" or "en": spaCy's tokeniser rules (no model); None: cut at blanks.

    Cut first, lower-cased then: the rules tell abbreviations by their capitals. They make a token of a blank that stands
    where none belongs (the second of two, a no-break space), and these stay: so the real Multi30k gives the vocabularies
    that the paper's parameter counts imply, 7,853 German and 5,893 English words, exactly.
    Raises SettingsError for a language without rules here.
    """
    if language is None:
        return [text.lower().split() for text in texts]
    rules = _rules(language)
    return [[token.lower_ for token in tokens] for tokens in rules.pipe(texts)]


@lru_cache
def _rules(language: str) -> Tokenizer:
    if language not in LANGUAGES:
        raise SettingsError(f"no tokeniser for language {language!r}{nearest(language, LANGUAGES)}; None cuts at blanks")
    import spacy

    return spacy.blank(language).tokenizer


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Words that have an id: the four specials, then by falling count, equal counts in alphabetical order.

    words: (V,) all different; counts: (V,) int64, how often each word stands in the training texts, 0 for the specials.
    A text may hold a word that looks like a special ("</s>"): it gets no id of its own and is encoded as <unk>.
    """

    words: tuple[str, ...]
    counts: np.ndarray

    def __post_init__(self) -> None:
        if self.words[: len(SPECIALS)] != SPECIALS:
            raise DataError(f"vocabulary starts with {self.words[: len(SPECIALS)]}, expected the specials {SPECIALS}")
        if repeated := [word for word, times in Counter(self.words).items() if times > 1]:
            raise DataError(f"vocabulary of {len(self)} words: {len(repeated)} stand there twice, expected each once", repeated)
        if np.shape(self.counts) != (len(self),):
            raise DataError(f"counts have shape {np.shape(self.counts)}, expected ({len(self)},), one per word")

    @classmethod
    def build(cls, tokens: Sequence[Sequence[str]], min_count: int) -> Vocabulary:
        """The words that stand at least `min_count` times in `tokens` (the training part only).

        Raises SettingsError when min_count < 1, DataError when no word is frequent enough.
        """
        if min_count < 1:
            raise SettingsError(f"min_count = {min_count}, expected at least 1")
        found = Counter(chain.from_iterable(tokens))
        for special in SPECIALS:
            found.pop(special, None)
        kept = sorted(((word, n) for word, n in found.items() if n >= min_count), key=lambda pair: (-pair[1], pair[0]))
        if not kept:
            most = f"the most frequent of {len(found):,} stands {max(found.values())} times" if found else "there are no words"
            raise DataError(f"no vocabulary: every word occurs less than {min_count} times ({most})",
                            advice="Lower min_count or give more training sentences.")  # fmt: skip
        words, counts = zip(*kept, strict=True)
        return cls((*SPECIALS, *words), np.array([0] * len(SPECIALS) + list(counts), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Word -> id, without the specials."""
        return {word: n for n, word in enumerate(self.words) if n >= len(SPECIALS)}

    def encode(
        self, tokens: Sequence[Sequence[str]], start: bool = False, end: bool = True, max_words: int | None = None
    ) -> pa.ListArray:
        """int32 ids per sentence, <s> before and </s> behind if asked; a sentence is cut behind its first `max_words` words.

        Words without an id become <unk>. Raises SettingsError when max_words < 1.
        """
        if max_words is not None and max_words < 1:
            raise SettingsError(f"max_words = {max_words}, expected at least 1 or None")
        lengths = np.fromiter(map(len, tokens), dtype=np.int64, count=len(tokens))
        kept = lengths if max_words is None else np.minimum(lengths, max_words)
        found = self._flat(tokens, int(lengths.sum()))
        place = np.arange(len(found)) - np.repeat(np.cumsum(lengths) - lengths, lengths)  # of each word in its sentence
        offsets = np.concatenate([[0], np.cumsum(kept + start + end)])
        values = np.empty(offsets[-1], dtype=np.int32)
        inside = np.ones(len(values), dtype=bool)
        if start:
            values[offsets[:-1]], inside[offsets[:-1]] = START, False
        if end:
            values[offsets[1:] - 1], inside[offsets[1:] - 1] = END, False
        values[inside] = found[place < np.repeat(kept, lengths)]
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values))

    def decode(self, ids: np.ndarray) -> list[list[str]]:
        """Words of each row of ids (N, T): up to its first </s>, without <pad> and <s>. <unk> stays.

        Raises DataError for ids that are not (N, T) whole numbers from 0 to V - 1.
        """
        ids = np.asarray(ids)
        if ids.ndim != 2 or not np.issubdtype(ids.dtype, np.integer):
            raise DataError(f"ids have shape {ids.shape} and type {ids.dtype}, expected (N, T) whole numbers")
        if ids.size and (ids.min() < 0 or ids.max() >= len(self)):
            raise DataError(f"ids from {ids.min()} to {ids.max()}, expected 0 to {len(self) - 1}: of another vocabulary?")
        spoken = ~np.logical_or.accumulate(ids == END, axis=1) & (ids != PAD) & (ids != START)  # (N, T)
        words = self._words[ids[spoken]].tolist()
        ends = np.cumsum(spoken.sum(axis=1)).tolist()
        return [words[first:last] for first, last in zip([0, *ends], ends, strict=False)]

    def unknown_rate(self, tokens: Sequence[Sequence[str]]) -> float:
        """Share of all words that have no id (0 when there are no words)."""
        found = self._flat(tokens, sum(map(len, tokens)))
        return float((found == UNK).mean()) if len(found) else 0.0

    def _flat(self, tokens: Sequence[Sequence[str]], count: int) -> np.ndarray:
        """Ids of all words of all sentences, one after the other."""
        return np.fromiter(map(self.ids.get, chain.from_iterable(tokens), repeat(UNK)), dtype=np.int32, count=count)

    @cached_property
    def _words(self) -> np.ndarray:
        return np.array(self.words, dtype=object)

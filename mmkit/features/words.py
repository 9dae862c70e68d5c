r"""Sentences to vectors without a network: tokens, the mean of their word vectors, means of stored token vectors.

Alnajjar and Hämäläinen (2021): v = (1/n) sum_t e(w_t) over TokTok tokens, once per table of vectors, side by side; the vector of
an ELMo token is the mean of its layers. A token without a vector takes no part in the mean, and is counted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmkit.errors import DataError, SettingsError

ALONE = re.escape("،;؛¿¡!\"'`’‘‚“”„«»‹›「」『』()[]{}؟%٪°±©®।॥…–—|")  # marks that are a token wherever they stand
CLOSING = rf"(?=[?.,:]*(?:\s|$|[{ALONE}]))"  # what follows is the end of the word
MARKS = re.compile(
    rf"-{{2,}}|\.{{2,}}|,{{2,}}|''|``|[{ALONE}]"  # runs are one token
    rf"|:(?!//)|,(?!\d)|\?{CLOSING}"  # commas stay within numbers, colons and question marks within addresses
    r"|(?<=[$¢£¤¥€])(?=\S)|(?<=\s)/(?=\S)"  # a currency sign leaves the number behind it, a slash the word
    r"|\.(?=\s*[\"'’»›”]?\s*$)"  # the stop that ends the text; others may belong to abbreviations
)


def tokenise(texts: Sequence[str], lower: bool = True) -> list[list[str]]:
    """Tokens of each text by the rules of TokTok (Dehdari 2014): punctuation stands alone, the final full stop too.

    Hyphens, and stops within a text, stay where they are. Lower-cased unless told otherwise.
    Deviations: "&" and "|" are not turned into XML entities, which no table of vectors has; a question mark is cut off before any
    other mark; doubled single quotes are one token.
    """
    return [MARKS.sub(r" \g<0> ", text.lower() if lower else text).split() for text in texts]


@dataclass(frozen=True, eq=False)
class WordVectors:
    """A table of vectors: words (V,) all different, vectors (V, D) float32 and finite. Raises DataError where they are not."""

    words: tuple[str, ...]
    vectors: NDArray[np.float32]
    name: str = "word vectors"

    def __post_init__(self) -> None:
        shape = np.shape(self.vectors)
        if len(shape) != 2 or shape[0] != len(self.words) or not all(shape):
            raise DataError(f"{self.name}: {len(self.words)} words and vectors of shape {shape}, expected (V, D) with V, D > 0")
        if len(self.ids) < len(self.words):
            twice = [f"{w!r} is also word {self.ids[w]}" for n, w in enumerate(self.words) if self.ids[w] != n]
            raise DataError(f"{self.name}: {len(twice)} words stand there twice, expected each once", twice)
        if len(bad := np.flatnonzero(~np.isfinite(self.vectors).all(axis=1))):
            raise DataError(f"{self.name}: {len(bad)} vectors are not finite", [repr(self.words[n]) for n in bad])

    @cached_property
    def ids(self) -> dict[str, int]:
        return {word: n for n, word in reversed(list(enumerate(self.words)))}  # of one that stands twice the first

    @property
    def dim(self) -> int:
        return self.vectors.shape[1]


@dataclass(frozen=True, eq=False)
class Centroids:
    """Sentence vectors (N, sum of D) float32, zeros where no token has a vector; how many tokens each sentence has (N,), and
    how many of them each table knows (N, tables)."""

    vectors: NDArray[np.float32]
    tokens: NDArray[np.int64]
    known: NDArray[np.int64]

    @property
    def unknown_rates(self) -> NDArray[np.float64]:
        """(tables,) share of all tokens that a table does not know."""
        return 1.0 - self.known.sum(axis=0) / max(int(self.tokens.sum()), 1)


def centroids(sentences: Sequence[Sequence[str]], tables: Sequence[WordVectors]) -> Centroids:
    """The mean vector of each sentence's tokens, one table beside the other. A token counts as often as it stands there."""
    if not tables:
        raise SettingsError("no table of word vectors, expected at least one")
    tokens = np.fromiter(map(len, sentences), dtype=np.int64, count=len(sentences))
    means, known = zip(*(_mean(sentences, tokens, table) for table in tables), strict=True)
    return Centroids(np.concatenate(means, axis=1), tokens, np.stack(known, axis=1))


def _mean(
    sentences: Sequence[Sequence[str]], tokens: NDArray[np.int64], table: WordVectors
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    from scipy.sparse import csr_array

    flat = chain.from_iterable(sentences)
    ids = np.fromiter(map(table.ids.get, flat, repeat(-1)), dtype=np.int64, count=int(tokens.sum()))
    row = np.repeat(np.arange(len(sentences)), tokens)[ids >= 0]
    known = np.bincount(row, minlength=len(sentences))
    share = 1.0 / known[row]
    weights = csr_array((share, ids[ids >= 0], np.append(0, known.cumsum())), shape=(len(sentences), len(table.words)))
    return (weights @ table.vectors.astype(np.float64)).astype(np.float32), known


@dataclass(frozen=True, eq=False)
class BagOfWords:
    """Which of some words (V,) stand in a sentence: features without word vectors. Other words are passed over."""

    words: tuple[str, ...]

    @classmethod
    def fit(cls, sentences: Sequence[Sequence[str]], min_count: int = 1, most: int | None = None) -> BagOfWords:
        """The words that stand in at least `min_count` training sentences, in alphabetical order; `most`: the most usual ones.

        Raises DataError where no word does.
        """
        seen: dict[str, int] = {}
        for sentence in sentences:
            for word in set(sentence):
                seen[word] = seen.get(word, 0) + 1
        usual = sorted((word for word, n in seen.items() if n >= min_count), key=lambda word: (-seen[word], word))
        words = tuple(sorted(usual[:most]))
        if not words:
            raise DataError(f"no word stands in {min_count} of {len(sentences)} sentences", advice="Lower min_count.")
        return cls(words)

    def transform(self, sentences: Sequence[Sequence[str]]) -> NDArray[np.float32]:
        """(N, V) float32: 1 where the word stands in the sentence, each row scaled to length 1 (zeros where none is known)."""
        ids = {word: n for n, word in enumerate(self.words)}
        found = np.zeros((len(sentences), len(ids)), dtype=np.float32)
        for row, sentence in zip(found, sentences, strict=True):
            row[[ids[word] for word in sentence if word in ids]] = 1.0
        return found / np.sqrt(np.maximum(found.sum(axis=1, keepdims=True), 1.0))


# --- files ----------------------------------------------------------------------------------------------------------


def read_vectors(path: Path | str, only: Collection[str] | None = None) -> WordVectors:
    """A table from a text file as GloVe, word2vec or fastText write it, or from an .npz file with `words` and `vectors`.

    Text, UTF-8: a line per word, the word and its D numbers parted by single blanks; a first line 'V D' is passed over.
    only: words to keep; of a large file the others cost little. Raises DataError with every malformed line.
    """
    path = Path(path)
    if path.suffix == ".npz":
        found = _arrays(path, ("words", "vectors"))
        words, vectors = [str(w) for w in found["words"]], found["vectors"]
    else:
        words, vectors = _text_vectors(path, only)
    if only is not None and len(words) == len(vectors):
        kept = [n for n, word in enumerate(words) if word in only]
        words, vectors = [words[n] for n in kept], vectors[kept]
    if not len(words):
        raise DataError(f"{path}: no word vectors{'' if only is None else f' for the {len(only)} words asked for'}")
    return WordVectors(tuple(words), np.asarray(vectors, dtype=np.float32), str(path))


def _text_vectors(path: Path, only: Collection[str] | None) -> tuple[list[str], NDArray[np.float32]]:
    words, rows, bad, dim = [], [], [], 0
    with path.open(encoding="utf-8", newline="\n") as lines:
        for n, line in enumerate(lines, start=1):
            fields = line.rstrip("\r\n ").split(" ")
            if n == 1 and len(fields) == 2:  # 'V D'
                continue
            dim = dim or len(fields) - 1
            word = " ".join(fields[:-dim])  # which may hold blanks
            if only is not None and word not in only:
                continue
            try:
                row = np.array(fields[-dim:], dtype=np.float32)
            except ValueError as why:
                bad.append(f"{path}:{n}: {why}")
                continue
            if not word or len(row) != dim:
                bad.append(f"{path}:{n}: {len(fields)} fields, expected a word and {dim} numbers")
                continue
            words.append(word)
            rows.append(row)
    if bad:
        raise DataError(f"{path}: {len(words)} vectors read, {len(bad)} lines are wrong", bad)
    return words, np.array(rows, dtype=np.float32).reshape(len(words), dim)


def read_token_vectors(path: Path | str, layer: int | None = None) -> tuple[list[str], NDArray[np.float32]]:
    """(ids (N,), sentence means (N, D)) of an .npz file with the vectors that a network gave to every token.

    Arrays: ids (N,); offsets (N + 1,), record n has the rows offsets[n] to offsets[n + 1]; vectors (S, D), or (S, L, D) of L
    layers, as ELMo has three: their mean, or the one numbered `layer`. A record without tokens gets zeros.
    Raises DataError where the arrays do not fit each other, SettingsError for a layer that is not there.
    """
    path = Path(path)
    found = _arrays(path, ("ids", "offsets", "vectors"))
    ids, offsets, vectors = found["ids"], found["offsets"].astype(np.int64), found["vectors"]
    problems = []
    if vectors.ndim not in (2, 3):
        problems.append(f"vectors have shape {vectors.shape}, expected (S, D) or (S, L, D)")
    if offsets.shape != (len(ids) + 1,):
        problems.append(f"offsets have shape {offsets.shape}, expected ({len(ids) + 1},), one more than ids")
    elif offsets[0] != 0 or (np.diff(offsets) < 0).any() or offsets[-1] != len(vectors):
        problems.append(f"offsets run from {offsets[0]} to {offsets[-1]}, expected rising from 0 to {len(vectors)}, the rows")
    if not np.isfinite(vectors).all():
        problems.append("vectors hold numbers that are not finite")
    if problems:
        raise DataError(f"{path}: token vectors that cannot be read", problems)
    if vectors.ndim == 3:
        if layer is not None and not -vectors.shape[1] <= layer < vectors.shape[1]:
            raise SettingsError(f"layer = {layer}, but {path} holds {vectors.shape[1]} layers, numbered from 0")
        vectors = vectors.mean(axis=1, dtype=np.float64) if layer is None else vectors[:, layer]
    summed = np.concatenate([np.zeros((1, vectors.shape[1])), np.cumsum(vectors, axis=0, dtype=np.float64)])
    count = np.diff(offsets)[:, None]
    means = (summed[offsets[1:]] - summed[offsets[:-1]]) / np.maximum(count, 1)
    return [str(i) for i in ids], means.astype(np.float32)


def _arrays(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        if missing := [name for name in names if name not in file]:
            raise DataError(f"{path}: has no array {', '.join(missing)}; it has {', '.join(file) or 'none'}")
        return {name: file[name] for name in names}

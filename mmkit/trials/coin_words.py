"""Features for conversations that come as words alone: a bag of the usual words, or the mean of word vectors from a file."""

from __future__ import annotations

from pathlib import Path

from mmkit.features.words import BagOfWords, centroids, read_vectors, tokenise
from mmkit.schema import Split, vectors

USUAL = 500  # words in a bag


def described(parts: dict[str, Split], how: str) -> dict[str, Split]:
    """The parts with a column `text_vector`, made of their words.

    how: bag (which of the words that most training sentences have stand in this one) | a file of word vectors, whose mean over
    the sentence is taken (GloVe's or word2vec's text format). Raises DataError for a file that is none.
    """
    tokens = {part: tokenise(split.table["text"].to_pylist()) for part, split in parts.items()}
    if how == "bag":
        bag = BagOfWords.fit(tokens["train"], most=USUAL)
        found = {part: bag.transform(lines) for part, lines in tokens.items()}
    else:
        said = {word for lines in tokens.values() for line in lines for word in line}
        table = read_vectors(Path(how), said)
        found = {part: centroids(lines, [table]).vectors for part, lines in tokens.items()}
    return {
        part: Split(split.table.append_column("text_vector", vectors(found[part])), split.truth) for part, split in parts.items()
    }

"""The target language's nouns and the tree that they hang on: root > domain > hypernym > leaf."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmkit.worlds.translation.words import Forms, Words

if TYPE_CHECKING:
    import pandas as pd

MOST_PAIRS = 2000
PATHS = (1, 2, 3, 4, 5, 6)  # between a leaf and any other noun


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Nouns of the target language, and what the nouns of the source language name."""

    hypernym_of: dict[str, str]  # every leaf -> the word of its concept
    domain_of: dict[str, int]  # every leaf and hypernym -> 0..7
    senses: dict[str, tuple[str, ...]]  # source leaf or hypernym -> target words, the ambiguous: (after a size, after a colour)
    seed: int

    @classmethod
    def of(cls, known: Words, source: Forms, target: Forms, seed: int) -> Lexicon:
        nouns = len(known.rank)  # leaves and hypernyms
        said, asked = (forms.spelling[forms.noun[:nouns]].tolist() for forms in (target, source))
        senses: dict[str, tuple[str, ...]] = {}
        for theirs, ours in zip(asked, said, strict=True):
            senses[theirs] = (*senses.get(theirs, ()), ours)
        hypernym_of = {said[n]: said[known.hypernym[n]] for n in range(known.leaves)}
        return cls(hypernym_of, dict(zip(said, known.domain[:nouns].tolist(), strict=True)), senses, seed)

    @property
    def leaves(self) -> list[str]:
        return list(self.hypernym_of)

    @property
    def hypernyms(self) -> list[str]:
        return list(dict.fromkeys(self.hypernym_of.values()))

    def synonyms(self) -> list[tuple[str, str]]:
        """(leaf, hypernym): words that may stand for the same thing."""
        return list(self.hypernym_of.items())

    def similarity(self) -> pd.DataFrame:
        """Pairs of nouns (word1 a leaf, word2 any noun) and `path`, the edges between them on the tree.

        1 its hypernym, 2 a sibling, 3 another hypernym and 4 another leaf of its domain, 5 and 6 those of other domains. At most
        2,000 pairs, a sixth of them for each path or as many as there are; the same pairs for a seed in both directions.
        """
        import pandas as pd  # here, because the command line knows this world and starts faster without

        leaves, hypernyms = self.leaves, self.hypernyms
        nouns = [*leaves, *hypernyms]  # in the order of the concepts, which no spelling changes
        number = {noun: n for n, noun in enumerate(hypernyms)}
        concept = np.array([number[self.hypernym_of.get(noun, noun)] for noun in nouns])
        domain = np.array([self.domain_of[noun] for noun in nouns])
        a, b = np.triu_indices(len(nouns), k=1)
        a, b = a[a < len(leaves)], b[a < len(leaves)]
        path = np.select([concept[a] == concept[b], domain[a] == domain[b]], [2, 4], 6) - (b >= len(leaves))
        rng = np.random.default_rng([self.seed, 0x9A7])
        share = MOST_PAIRS // len(PATHS)
        rows = np.concatenate([np.sort(rng.permutation(np.flatnonzero(path == length))[:share]) for length in PATHS])
        names = np.array(nouns, dtype=object)
        return pd.DataFrame({"word1": names[a[rows]], "word2": names[b[rows]], "path": path[rows]})

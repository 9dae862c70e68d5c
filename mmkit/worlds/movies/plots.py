r"""Plots in invented words: a few words of the film's genres (or of wrong ones) among filler, and the vectors of all words.

A unit of text evidence is one word of its genre's lexicon (60 words, Zipf; every fifth is also a word of a neighbouring genre).
All other words are filler, from a common vocabulary that 40 topics mix, Dirichlet(0.5) per film. The visible cue: a share
0.25 (1 - cue) of the filler is vague ("somehow", "something"): a plot that says little says it vaguely.

In a plot, sentences start with a capital and end with a full stop; `plot.lower().replace(".", "").split()` gives its words.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmkit.worlds.bounds import rng
from mmkit.worlds.movies.evidence import Evidence
from mmkit.worlds.movies.genres import COUNTS, loadings, names
from mmkit.worlds.movies.knobs import Knobs

SHAPE = 4  # of the negative binomial law of the lengths
SHORTEST, LONGEST = 8, 400
SENTENCE = (8, 16)  # words
LEXICON, SHARED_EVERY = 60, 5
FILLER, TOPICS, CONCENTRATION, TOPICAL = 1500, 40, 0.5, 0.5  # TOPICAL: share of the filler that keeps to the topic's own words
MOST_VAGUE = 0.25
VAGUE = tuple(
    "something somehow somewhere someone sometimes anything anyhow anyway anywhere anyone maybe perhaps possibly probably thing "
    "things stuff matter affair kind sort bit lot rather quite almost nearly roughly about around mostly mainly usually "
    "generally often various several certain other such".split()
)
SCALE = 0.2  # standard deviation of one number of a centroid, near that of published word vectors
GENRE_WORD, FILLER_WORD, VAGUE_WORD = 0.8, 1.0, 0.5  # a word's own part, relative to the centroid
TOPIC_PART = 0.7  # how much of its topic's centroid a filler word has
ONSETS = "b d f g k l m n p r s t v z br dr kr pl st tr".split()
VOWELS = "a e i o u".split()
CODAS = ["", "l", "m", "n", "r", "s"]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """V words by number: the genres' own, then filler, then vague."""

    words: tuple[str, ...]
    lexicon: np.ndarray  # (23, 60) words of each genre, the most frequent first
    filler: int  # number of the first filler word: topic t has filler + t, filler + t + 40, ...
    vague: int  # number of the first vague word


@dataclass(frozen=True, eq=False)
class Tokens:
    """The words of all plots, film after film; in a film the words of units stand first, the order is not yet drawn."""

    word: np.ndarray  # (S,) numbers in the vocabulary
    length: np.ndarray  # (N,) words of each film

    @property
    def offsets(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(self.length)])


def lengths(films: int, knobs: Knobs, seed: int) -> np.ndarray:
    """(N,) words per plot: negative binomial, clipped to 8..400."""
    drawn = rng(seed, "plot lengths").negative_binomial(SHAPE, SHAPE / (SHAPE + knobs.words_mean), films)
    return np.clip(drawn, SHORTEST, LONGEST)


@cache
def vocabulary(seed: int) -> Vocabulary:
    """The words of a seed: the same for both views and under all knobs."""
    genres, shared = len(COUNTS), np.arange(LEXICON) % SHARED_EVERY == SHARED_EVERY - 1
    own = int((~shared).sum())
    random = rng(seed, "words")
    lexicon = np.empty((genres, LEXICON), dtype=int)
    lexicon[:, ~shared] = np.arange(genres * own).reshape(genres, own)
    borrowed = random.random((genres, own)).argsort(axis=1)[:, : LEXICON - own]  # places among the neighbour's own words
    lexicon[:, shared] = np.take_along_axis(lexicon[_neighbours()][:, ~shared], borrowed, axis=1)
    syllables = np.char.add(np.repeat(ONSETS, len(VOWELS)), np.tile(VOWELS, len(ONSETS)))
    chosen = random.choice(len(syllables) ** 2 * len(CODAS), genres * own + FILLER, replace=False)
    first, second, coda = np.unravel_index(chosen, (len(syllables), len(syllables), len(CODAS)))
    invented = np.char.add(np.char.add(syllables[first], syllables[second]), np.array(CODAS)[coda])
    return Vocabulary((*invented.tolist(), *VAGUE), lexicon, genres * own, genres * own + FILLER)


def _neighbours() -> np.ndarray:
    """(23,) the genre that is nearest to each in tone."""
    a = loadings() / np.linalg.norm(loadings(), axis=1, keepdims=True)
    near = a @ a.T
    np.fill_diagonal(near, -np.inf)
    return near.argmax(axis=1)


def vectors(knobs: Knobs, seed: int) -> np.ndarray:
    """(V, text_dim) float32: a genre's word = the centroid of its genre (two genres: their mean) + its own part."""
    known, random = vocabulary(seed), rng(seed, "word vectors")
    centroids = random.standard_normal((len(COUNTS) + TOPICS + 1, knobs.text_dim))
    own = random.standard_normal((len(known.words), knobs.text_dim))
    genre = np.zeros((known.filler, len(COUNTS)))
    genre[known.lexicon, np.arange(len(COUNTS))[:, None]] = 1
    topic = np.arange(FILLER) % TOPICS
    table = np.concatenate(
        [
            genre / genre.sum(axis=1, keepdims=True) @ centroids[: len(COUNTS)] + GENRE_WORD * own[: known.filler],
            TOPIC_PART * centroids[len(COUNTS) + topic] + FILLER_WORD * own[known.filler : known.vague],
            centroids[-1] + VAGUE_WORD * own[known.vague :],
        ]
    )
    return (SCALE * table).astype(np.float32)


def tokens(evidence: Evidence, length: np.ndarray, knobs: Knobs, seed: int) -> Tokens:
    """Filler for every word of every plot, of which the film's units of text evidence then take the first places."""
    known = vocabulary(seed)
    films, offsets = len(length), np.concatenate([[0], np.cumsum(length)])
    word = _filler(np.repeat(np.arange(films), length), evidence.cue[:, 0], known, seed)
    shown = evidence.genuine[:, 0] + evidence.decoy[:, 0]  # (N, G)
    at = np.array([list(COUNTS).index(name) for name in names(knobs.view)])
    genre = np.repeat(np.tile(at, films), shown.ravel())
    place = _counting(shown.sum(axis=1)) + np.repeat(offsets[:-1], shown.sum(axis=1))
    word[place] = known.lexicon[genre, _zipf(rng(seed, "plot units").random(len(genre)), np.arange(1, LEXICON + 1))]
    return Tokens(word, length)


def _filler(film: np.ndarray, cue: np.ndarray, known: Vocabulary, seed: int) -> np.ndarray:
    """(S,) a filler or vague word for each place."""
    random = rng(seed, "plot filler")
    mix = np.cumsum(random.standard_gamma(CONCENTRATION, (len(cue), TOPICS)), axis=1)
    mix /= mix[:, -1:]
    u = random.random((4, len(film)))
    topic = np.searchsorted((mix + np.arange(len(cue))[:, None]).ravel(), u[0] + film, side="right") - TOPICS * film
    rank = np.arange(FILLER // TOPICS)
    of_topic = _zipf(u[1], rank * TOPICS + TOPICS / 2) * TOPICS + np.minimum(topic, TOPICS - 1)
    word = known.filler + np.where(u[2] < TOPICAL, of_topic, _zipf(u[1], np.arange(1, FILLER + 1)))
    vague = u[3] < MOST_VAGUE * (1 - cue)[film]
    word[vague] = known.vague + (u[1][vague] * len(VAGUE)).astype(int)
    return word


def mean_vectors(said: Tokens, table: np.ndarray) -> np.ndarray:
    """(N, text_dim) float32: the mean vector of each plot's words."""
    from scipy.sparse import csr_array

    weight = np.repeat((1 / said.length).astype(np.float32), said.length)
    return csr_array((weight, said.word, said.offsets), shape=(len(said.length), len(table))) @ table


def plots(said: Tokens, seed: int) -> pa.Array:
    """(N,) strings: the words in random order, in sentences of 8 to 16 words (the last may be shorter)."""
    known, random, films = vocabulary(seed), rng(seed, "plot order"), len(said.length)
    film = np.repeat(np.arange(films), said.length)
    word = said.word[np.argsort(film + random.random(len(film)))]
    longest = -(-LONGEST // SENTENCE[0])
    stops = np.cumsum(random.integers(SENTENCE[0], SENTENCE[1] + 1, (films, longest)), axis=1)
    starts = np.zeros(len(word) + 1, dtype=bool)
    starts[(stops + said.offsets[:-1, None])[stops < said.length[:, None]]] = True
    starts[said.offsets] = True
    lower = np.array(known.words)
    spelt = np.concatenate([lower, np.char.capitalize(lower)])
    forms = pa.array(np.concatenate([spelt, np.char.add(spelt, ".")]))
    form = word + len(lower) * starts[:-1] + 2 * len(lower) * starts[1:]
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(said.offsets, pa.int32()), forms.take(pa.array(form))), " ")


def _counting(counts: np.ndarray) -> np.ndarray:
    """0, 1, ..., counts[0] - 1, 0, 1, ..., counts[1] - 1, ..."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def _zipf(u: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Places drawn with probability proportional to 1 / rank, from uniform numbers."""
    cdf = np.cumsum(1 / rank)
    return np.searchsorted(cdf[:-1] / cdf[-1], u, side="right")

r"""What is said: Spanish sentences about a topic, whose polarity words carry v and whose markers give sarcasm away.

    [opener] subject, verb, [adjective, [adjective]] [place] [liking] [address] closer

Up to three words have a polarity, each that of v with probability AGREE. Opener and closer hold a marker with probability
HONEST + (1 - HONEST) `lexical` if the speaker is sarcastic, HONEST if not: an affirmation ("claro que sí") or an exclamation
("¡Qué maravilla!") with the sign of v. Topic, two or three nouns and the place belong to the scene; verbs, openers and addresses
often tell the show. All else is drawn alike for everybody, so that `Lines` holds all that a sentence tells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmkit.worlds.bounds import rng
from mmkit.worlds.dialogues import spanish
from mmkit.worlds.dialogues.sarcasm import Acts
from mmkit.worlds.dialogues.sarcasm_knobs import SarcasmKnobs

POLAR = np.array([0.12, 0.33, 0.37, 0.18])  # probability of so many polarity words
AGREE = 0.95
HONEST = 0.03
EXCLAIMS = 0.6  # share of the markers that are exclamations
NOUNS = 3  # of a scene
OFTEN = {"opener": 0.4, "place": 0.4, "address": 0.25, "variety": 0.4}  # variety: share of the openers and verbs of one show only
ASKS = 0.5  # share of the sentences without a closing marker that end in a question
SLOTS = ("opener", "subject", "verb", "first", "second", "place", "liking", "address", "closer")
WEIGHT = {
    "topic": 0.5,
    "adjective": 1.0,
    "liking": 1.0,
    "exclaimed": 1.6,
    "affirmed": 1.6,
    "function": 0.25,
}  # of a set's centroid
VALENCE = {"adjective": 1.0, "liking": 1.0, "exclaimed": 0.6}  # of the direction that parts pleasant from unpleasant words
OWN = 0.35  # length of a word's own part, relative to its set's


@dataclass(frozen=True, eq=False)
class Lines:
    """U sentences, and all that they tell."""

    phrase: NDArray[np.int64]  # (U, 9) numbers of `spanish.phrases`, in the order of SLOTS
    polar: NDArray[np.int64]  # (U,) polarity words, 0 to 3
    positive: NDArray[np.int64]  # (U,) those that are positive
    marker: NDArray[np.int8]  # (U, 2) in opener and closer: 0 none, 1 affirmation, 2 unpleasant and 3 pleasant exclamation
    variety: NDArray[np.int8]  # (U,) the show that the words tell, -1 if none
    topic: NDArray[np.int64]  # (U,)
    rate: NDArray[np.float64]  # (2,) probability of a marker in a place of a sincere and of a sarcastic sentence

    @property
    def snr(self) -> NDArray[np.float64]:
        """(U,) as of a Gaussian channel: each polarity word is as clear as a number whose signs lie 2 Φ^-1(AGREE) apart."""
        return self.polar * (2 * 1.6449) ** 2

    @property
    def log_likelihood(self) -> NDArray[np.float64]:
        """(U, 2, 2) log p(sentence | v = -1, 1; s = 0, 1), up to a constant of the utterance."""
        agree, differ = np.log(AGREE), np.log(1 - AGREE)
        other = self.polar - self.positive
        words = np.stack([other * agree + self.positive * differ, self.positive * agree + other * differ], axis=1)  # (U, v)
        there = np.log(np.maximum(np.stack([1 - self.rate, self.rate]), 1e-300))  # (2, s): without a marker, with one
        marks = there[(self.marker > 0).astype(int)].sum(axis=1)  # (U, s)
        wrong = np.stack([(self.marker == 3).any(axis=1), (self.marker == 2).any(axis=1)], axis=1)  # exclaims against v
        return words[:, :, None] + marks[:, None, :] + np.where(wrong, -np.inf, 0.0)[:, :, None]


def write(acts: Acts, knobs: SarcasmKnobs, seed: int) -> Lines:
    """The sentences of all utterances."""
    positive = acts.literal > 0
    polar, sign = _polarities(positive, rng(seed, "lines/polarity"))
    marker = _markers(positive, acts.sarcastic, knobs, rng(seed, "lines/markers"))
    topic, noun, place = _topics(acts, knobs, seed)
    words, chance = (rng(seed, f"lines/{stage}").random((len(SLOTS), len(positive))) for stage in ("words", "chances"))
    u, chance = (dict(zip(SLOTS, numbers, strict=True)) for numbers in (words, chance))
    own = 1 + acts.show
    opens, placed, addressed = (chance[slot] < OFTEN[slot] for slot in ("opener", "place", "address"))
    opens &= marker[:, 0] == 0
    opener, verb = (np.where(chance[slot] < OFTEN["variety"], own, 0) for slot in ("first", "verb"))  # the show's own, or any

    phrase = np.zeros((len(positive), len(SLOTS)), dtype=np.int64)
    phrase[:, 0] = _marked("exclaim", "affirm", marker[:, 0], u["opener"]) + opens * _some("opener", opener, u["opener"])
    capital = (phrase[:, 0] == 0) | (marker[:, 0] > 1)  # an exclamation ends with its mark, other openers with a comma
    known = spanish.phrases().number
    phrase[:, 1] = known["subject"][capital.astype(int), topic, noun, (4 * u["subject"]).astype(int)]
    phrase[:, 2] = np.where(polar == 0, _some("neutral", verb, u["verb"]), _some("verb", verb, u["verb"]))
    phrase[:, 3:5] = _adjectives(sign, noun % 2, u["first"], u["second"]) * (polar[:, None] > [0, 1])  # nouns alternate: el, la
    phrase[:, 5] = placed * known["place"][topic, place]
    liking = known["liking"][sign[:, 2], (sign[:, 2] != sign[:, 1]).astype(int), zipf(u["liking"], known["liking"].shape[-1])]
    phrase[:, 6] = (polar > 2) * liking
    phrase[:, 7] = addressed * _some("address", own, u["address"])
    ends = np.where(chance["closer"] < ASKS, known["closer"][1 + (3 * u["closer"]).astype(int)], known["closer"][0])
    phrase[:, 8] = np.where(marker[:, 1] > 0, _marked("exclaimed", "affirmed", marker[:, 1], u["closer"]), ends)

    told = (opens & (opener > 0)) | (verb > 0) | addressed
    positives = (sign * (np.arange(3) < polar[:, None])).sum(axis=1)
    variety = np.where(told, acts.show, -1).astype(np.int8)
    return Lines(phrase, polar, positives, marker, variety, topic, marker_rates(knobs))


def _adjectives(sign: NDArray, gender: NDArray, u: NDArray, v: NDArray) -> NDArray[np.int64]:
    """(U, 2) two different ones of these signs, the second with "and", or "but" where the signs differ. u, v (U,) in [0, 1)."""
    known = spanish.phrases().number["adjective"]
    size = known.shape[-1]
    first = zipf(u, size)
    second = (first + 1 + (v * (size - 1)).astype(int)) % size
    joined = 1 + (sign[:, 0] != sign[:, 1])
    return np.stack([known[gender, sign[:, 0], 0, first], known[gender, sign[:, 1], joined, second]], axis=1)


def _polarities(positive: NDArray, draw: np.random.Generator) -> tuple[NDArray, NDArray]:
    """How many polarity words (U,), and the sign of three (U, 3), 1 for positive: most have the sentence's."""
    polar = np.searchsorted(np.cumsum(POLAR)[:-1], draw.random(len(positive)), side="right")
    return polar, (positive[:, None] == (draw.random((len(positive), 3)) < AGREE)).astype(int)


def marker_rates(knobs: SarcasmKnobs) -> NDArray[np.float64]:
    """(2,) probability of a marker in one of the two places, of a sincere and of a sarcastic sentence."""
    return np.array([HONEST, HONEST + (1 - HONEST) * knobs.lexical])


def _markers(positive: NDArray, sarcastic: NDArray, knobs: SarcasmKnobs, draw: np.random.Generator) -> NDArray[np.int8]:
    """(U, 2) see `Lines.marker`."""
    there, kind = draw.random((2, len(positive), 2))
    signed = 2 + positive.astype(np.int8)[:, None]
    return np.where(there < marker_rates(knobs)[sarcastic][:, None], np.where(kind < EXCLAIMS, signed, 1), 0).astype(np.int8)


def _topics(acts: Acts, knobs: SarcasmKnobs, seed: int) -> tuple[NDArray, NDArray, NDArray]:
    """Topic, noun and place (U,) of each utterance: its scene's, or without traces any."""
    draw, count = rng(seed, "lines/topics"), len(acts.attitude)
    at = acts.scene if knobs.traces > 0 else np.arange(count)
    topic = draw.integers(len(spanish.TOPICS), size=count)[at]
    nouns = draw.random((count, 6)).argsort(axis=1, kind="stable")[at]
    place = draw.integers(3, size=count)[at]
    return topic, nouns[np.arange(count), draw.integers(NOUNS, size=count)], place


def _some(name: str, kind: NDArray, u: NDArray) -> NDArray[np.int64]:
    """A phrase `name/kind` for each utterance, from uniform numbers."""
    out = np.zeros(len(u), dtype=np.int64)
    for k in np.unique(kind):
        which = kind == k
        listed = spanish.phrases().number[f"{name}/{k}"]
        out[which] = listed[zipf(u[which], len(listed))]
    return out


def _marked(exclaim: str, affirm: str, marker: NDArray, u: NDArray) -> NDArray[np.int64]:
    """The phrase of each marker, none where there is none."""
    number = spanish.phrases().number
    signed, plain = number[exclaim], number[affirm]
    exclaims = signed[np.maximum(marker - 2, 0), zipf(u, signed.shape[1])]
    return np.select([marker == 1, marker > 1], [plain[zipf(u, len(plain))], exclaims], 0)


def zipf(u: NDArray, size: int) -> NDArray[np.int64]:
    """Places 0 to size - 1 with probability proportional to 1 / (place + 3), from uniform numbers."""
    weight = np.cumsum(1 / (np.arange(size) + 3))
    return np.searchsorted(weight[:-1] / weight[-1], u, side="right")


def texts(lines: Lines) -> pa.Array:
    """The sentences as strings."""
    known = pa.array(spanish.phrases().texts)
    slots = [known.take(pa.array(lines.phrase[:, k])) for k in range(len(SLOTS))]
    return pc.utf8_trim_whitespace(pc.binary_join_element_wise(*slots, ""))


def vectors(lines: Lines, knobs: SarcasmKnobs, seed: int) -> NDArray[np.float32]:
    """(U, text_dim) the mean of the word vectors of each sentence, and what its context adds: noise."""
    total, count = _sums(knobs, seed)
    mean = total[lines.phrase].sum(axis=1) / count[lines.phrase].sum(axis=1)[:, None]
    return (mean + knobs.noise_text * rng(seed, "lines/context").standard_normal(mean.shape)).astype(np.float32)


def _sums(knobs: SarcasmKnobs, seed: int) -> tuple[NDArray, NDArray]:
    """Of each phrase, the sum of its words' vectors (P, text_dim) and their number (P,)."""
    known, table = word_table(knobs, seed)
    place = {word: n for n, word in enumerate(known)}
    said = [[place[word] for word in spanish.words(text)] for text in spanish.phrases().texts]
    return np.stack([table[some].sum(axis=0) for some in said]), np.array([len(some) for some in said])


def word_table(knobs: SarcasmKnobs, seed: int) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """The V words and their vectors (V, text_dim): what a published table is for real sentences.

    A word's vector is its set's centroid, plus or minus the direction of valence, plus a part of its own. With vectors="random"
    it is a random vector of the same length.
    """
    forms = spanish.lemmas()
    meanings, every = spanish.meanings(), sorted(set(forms.values()))
    draw = rng(seed, "lines/vectors")
    centroid = {name: _unit(draw, knobs.text_dim) for name in (*spanish.TOPICS, *VALENCE, "affirmed", "function")}
    valence = _unit(draw, knobs.text_dim)
    table = {}
    for lemma in every:
        name, sign = meanings.get(lemma, ("function", 0))
        size = WEIGHT.get(name, WEIGHT["topic"])
        own = OWN * _unit(draw, knobs.text_dim)
        told = centroid[name] + sign * VALENCE.get(name, 0.0) * valence
        vector = size * (told + own)
        other = _unit(draw, knobs.text_dim)
        table[lemma] = vector if knobs.vectors == "synonyms" else np.linalg.norm(vector) * other
    known = tuple(sorted(forms))
    return known, np.stack([table[forms[word]] for word in known]).astype(np.float32)


def _unit(draw: np.random.Generator, size: int) -> NDArray[np.float64]:
    x = draw.standard_normal(size)
    return x / np.linalg.norm(x)

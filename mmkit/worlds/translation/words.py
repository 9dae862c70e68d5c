"""The words of the translation world: invented nouns, verbs and adjectives in two languages, and the tree of the nouns.

A leaf noun (seagull) belongs to a concept, whose own word is its hypernym (bird); a concept belongs to one of eight domains, and
so does every verb and adjective. Function words are the real ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from mmkit.worlds.translation.grammar import GERMAN_PARTICLES, PARTICLES

DOMAINS = 8
FEWEST_LEMMAS = 80
SHARES = {"size": 0.035, "colour": 0.035, "rest": 0.05, "act": 0.06}  # of the lemmas; nouns are what is left
LEAVES = 5 / 7  # of the nouns: a concept has 1 to 4 leaves, 2.5 on average
COMPOUND_PARTS = 0.25  # share of the leaves that stand in a compound: each of them in one, and none of them is ever ambiguous

DETERMINERS = {"the": 0, "a": 1, "this": 0, "no": 1}  # 0: adjectives after it end as after `der`; 1: as after `ein`
# determiner -> German form by gender (masculine, feminine, neuter) and case (nominative, accusative, dative)
ARTICLES = {
    "the": ("der den dem", "die die der", "das das dem"),
    "a": ("ein einen einem", "eine eine einer", "ein ein einem"),
    "this": ("dieser diesen diesem", "diese diese dieser", "dieses dieses diesem"),
    "no": ("kein keinen keinem", "keine keine keiner", "kein kein keinem"),
}
ENDINGS = ("e", "en", "er", "es")  # of German adjectives
ENDING = {0: ("e en en", "e e en", "e e en"), 1: ("er en en", "e e en", "es es en")}  # after der, after ein; as in ARTICLES
PREPOSITIONS = {
    "on": "auf",
    "in": "in",
    "under": "unter",
    "near": "bei",
    "behind": "hinter",
    "with": "mit",
    "from": "von",
}  # + dative
ADVERBS = {"today": "heute", "often": "oft", "now": "jetzt", "here": "hier", "again": "wieder", "soon": "bald", "always": "immer"}

ONSETS = {
    "en": "b d f g k l m n p r s t v w h br dr gr tr pl fl sk st sn".split(),
    "de": "b d f g k l m n p r s t w h z br dr gr tr pf schl sch st kn".split(),
}
VOWELS = {"en": "a e i o u ea oo".split(), "de": "a e i o u ä ö ü ei au".split()}
CODAS = {"en": "b g k l m n p r v lk rn mp nk ck".split(), "de": "b ch f g k l m n r ß lf rk nn mm".split()}


@dataclass(frozen=True, eq=False)
class Words:
    """All lemmas by number. Nouns: L leaves, H hypernyms (one per concept), C compounds, which behave as their second part."""

    leaves: int
    concept: np.ndarray  # (L + H + C,) of each noun
    domain: np.ndarray  # (L + H + C,) of each noun
    gender: np.ndarray  # (L + H + C,) 0 masculine, 1 feminine, 2 neuter, in German
    rank: np.ndarray  # (L + H,) frequency ranks, a shuffle that knows nothing of the tree
    compounds: np.ndarray  # (C, 2) leaves: modifier, head
    rivals: np.ndarray  # (P, 2) leaves of different domains, the pairs that may share one source form
    stems: dict[str, dict[str, list[str]]]  # language -> noun | size | colour | rest | act -> stem; compounds where one word

    @property
    def hypernym(self) -> np.ndarray:
        """(L + H + C,) noun -> the noun that may be said instead: the concept's own word for a leaf, else the noun itself."""
        own = np.arange(len(self.concept))
        return np.where(own < self.leaves, self.leaves + self.concept, own)

    def domains_of(self, role: str) -> np.ndarray:
        """The domain of each size, colour, rest or act word."""
        return np.arange(len(self.stems["en"][role])) % DOMAINS

    def rivals_at(self, ambiguity: float) -> np.ndarray:
        """The pairs that share a source form when `ambiguity` is the share of leaf forms with two senses: P / (L - P)."""
        return self.rivals[: round(ambiguity * self.leaves / (1 + ambiguity))]


@cache
def words(seed: int, lemmas: int) -> Words:
    """The lexicon of a seed. It knows nothing of direction, frequencies or noise."""
    rng = np.random.default_rng([seed, 0x1EC5])
    counts = {role: max(DOMAINS, round(share * lemmas)) for role, share in SHARES.items()}
    nouns = lemmas - sum(counts.values())
    leaves = round(LEAVES * nouns)
    sizes = _concept_sizes(rng, leaves, nouns - leaves)
    hypernyms = len(sizes)
    concept = np.concatenate([np.repeat(np.arange(hypernyms), sizes), np.arange(hypernyms)])
    of_concept = rng.permutation(np.arange(hypernyms) % DOMAINS)
    gender = rng.integers(3, size=nouns)
    rank = rng.permutation(nouns)

    order = rng.permutation(leaves)
    parts = order[leaves - int(COMPOUND_PARTS * leaves) :]
    compounds = parts[: len(parts) // 2 * 2].reshape(-1, 2)
    rivals = _rivals(order[: leaves - len(parts)], of_concept[concept])

    stems = {language: _coin(language, {"noun": nouns, **counts}, rng) for language in ("en", "de")}
    taken = {form for role in stems["de"] for stem in stems["de"][role] for form in inflected("de", role, stem)}
    joined = {stems["de"]["noun"][a] + stems["de"]["noun"][b]: (a, b) for a, b in compounds}
    joined = {word: pair for word, pair in joined.items() if word not in taken}
    compounds = np.array(list(joined.values()))
    heads = compounds[:, 1]
    stems["de"]["noun"] += joined
    stems["en"]["noun"] += [stems["en"]["noun"][head] for head in heads]
    concept, gender = (np.concatenate([of, of[heads]]) for of in (concept, gender))
    return Words(leaves, concept, of_concept[concept], gender, rank, compounds, rivals, stems)


def _concept_sizes(rng: np.random.Generator, leaves: int, concepts: int) -> np.ndarray:
    """1 to 4 leaves for each concept, `leaves` in all."""
    sizes = np.ones(concepts, dtype=int)
    for _ in range(leaves - concepts):
        sizes[rng.choice(np.flatnonzero(sizes < 4))] += 1
    return sizes


def _rivals(order: np.ndarray, domain: np.ndarray) -> np.ndarray:
    """Leaves paired off with the next one of another domain, the smaller number first: its sense goes with size words."""
    waiting, pairs = order.tolist(), []
    while len(waiting) > 1:
        first = waiting.pop(0)
        at = next((n for n, other in enumerate(waiting) if domain[other] != domain[first]), None)
        if at is not None:
            pairs.append((first, waiting.pop(at)))
    return np.sort(np.array(pairs, dtype=int).reshape(-1, 2), axis=1)


def _coin(language: str, counts: dict[str, int], rng: np.random.Generator) -> dict[str, list[str]]:
    """New stems of two syllables for every role; no form of any word is also a form of another."""
    stems: dict[str, list[str]] = {role: [] for role in counts}
    taken = set(particles(language))
    banks = [bank[language] for bank in (ONSETS, VOWELS, ONSETS, VOWELS, CODAS)]
    for role, count in counts.items():
        while len(stems[role]) < count:
            stem = "".join(bank[int(u * len(bank))] for bank, u in zip(banks, rng.random(len(banks)), strict=True))
            written = set(inflected(language, role, stem))
            if not written & taken:
                taken |= written
                stems[role].append(stem)
    return stems


def inflected(language: str, role: str, stem: str) -> list[str]:
    """The forms of a word: verbs now and done; German adjectives by ENDINGS."""
    if role in ("rest", "act"):
        return [stem + "s", stem + "ed"] if language == "en" else [stem + "t", f"ge{stem}t"]
    if role in ("size", "colour") and language == "de":
        return [stem + ending for ending in ENDINGS]
    return [stem]


def particles(language: str) -> list[str]:
    """Every function word and sign of a language."""
    if language == "en":
        return [*PARTICLES, *DETERMINERS, *PREPOSITIONS, *ADVERBS]
    articles = sorted({form for rows in ARTICLES.values() for row in rows for form in row.split()})
    return [*GERMAN_PARTICLES, *articles, *PREPOSITIONS.values(), *ADVERBS.values()]


@dataclass(frozen=True, eq=False)
class Forms:
    """One language as look-up tables from lemma numbers and features to entries of `spelling`."""

    spelling: np.ndarray  # all written forms, str objects
    particle: np.ndarray  # (PARTICLES,)
    determiner: np.ndarray  # (DETERMINERS, gender, case)
    ending: np.ndarray  # (DETERMINERS, gender, case) -> column of `size` and `colour`
    noun: np.ndarray  # (L + H + C,)
    modifier: np.ndarray  # (L + H + C,) first word of a compound of two words, -1 for every other noun
    size: np.ndarray  # (size words, endings)
    colour: np.ndarray
    rest: np.ndarray  # (verbs, tenses)
    act: np.ndarray
    adverb: np.ndarray
    preposition: np.ndarray


@cache
def forms(seed: int, lemmas: int, language: str, ambiguity: float = 0.0) -> Forms:
    """The tables of one language. With `ambiguity` (for the source language) the second of two rivals is written as the first."""
    known = words(seed, lemmas)
    stems = known.stems[language]
    spelling: dict[str, int] = {}

    def number(texts: list[str]) -> np.ndarray:
        return np.array([spelling.setdefault(text, len(spelling)) for text in texts])

    german = language == "de"
    cases = [row.split() for rows in ARTICLES.values() for row in rows]
    shown = [form for row in cases for form in row] if german else [name for name in DETERMINERS for _ in range(9)]
    ends = [[ENDINGS.index(end) for row in ENDING[kind] for end in row.split()] for kind in DETERMINERS.values()]
    noun = number(stems["noun"])
    pairs = known.rivals_at(ambiguity)
    noun[pairs[:, 1]] = noun[pairs[:, 0]]
    modifier = np.full(len(noun), -1)
    if not german:
        modifier[len(noun) - len(known.compounds) :] = noun[known.compounds[:, 0]]
    inflections = {
        role: np.stack([number(inflected(language, role, stem)) for stem in stems[role]])
        for role in ("size", "colour", "rest", "act")
    }
    return Forms(
        particle=number(list(PARTICLES.values() if german else PARTICLES)),
        determiner=number(shown).reshape(-1, 3, 3),
        ending=np.array(ends).reshape(-1, 3, 3) * german,
        noun=noun,
        modifier=modifier,
        adverb=number(list(ADVERBS.values() if german else ADVERBS)),
        preposition=number(list(PREPOSITIONS.values() if german else PREPOSITIONS)),
        **inflections,
        spelling=np.array(list(spelling), dtype=object),
    )

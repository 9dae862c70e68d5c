"""The language of the tables world: clauses that grade an aspect in five levels, fillers, typos and a second lexicon.

Everything here is a lookup table built once; a record's text is then a vectorised selection from it (see `tables.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

GRADES = (("awful", "dreadful"), ("poor", "weak"), ("average", "ordinary"), ("good", "nice"), ("superb", "excellent"))

# Six paraphrases for each of five levels, very bad to very good.
# Negations and intensifiers reuse the words of other levels, so a bag of words is not enough.
TEMPLATES = (
    (
        "the {n} is extremely {b}",
        "never saw a more {b} {n}",
        "{n} is really {b}",
        "not {g} at all , just {b} {n}",
        "terribly {b} {n}",
        "{n} is {b} beyond words",
    ),
    ("the {n} is {b}", "{n} is not {g}", "rather {b} {n}", "a bit {b} , the {n}", "{n} seems {b}", "{n} could be less {b}"),
    (
        "the {n} is average",
        "{n} is neither {g} nor {b}",
        "ordinary {n}",
        "nothing special about the {n}",
        "{n} is okay",
        "{n} as expected",
    ),
    (
        "the {n} is {g}",
        "{n} is not {b}",
        "rather {g} {n}",
        "quite {g} , the {n}",
        "{n} seems {g}",
        "{n} could hardly be less {b}",
    ),
    (
        "the {n} is extremely {g}",
        "never saw a more {g} {n}",
        "{n} is really {g}",
        "not {b} at all , just {g} {n}",
        "wonderfully {g} {n}",
        "{n} is {g} beyond words",
    ),
)


@dataclass(frozen=True)
class Wording:
    """What one kind of record is about: four aspects (nouns, good words, bad words), eight type words, fillers."""

    aspects: tuple[tuple[str, str, str], ...]
    types: tuple[str, ...]
    fillers: tuple[str, ...]


WORDING = {
    "listings": Wording(
        (
            ("room interior", "cosy snug", "bare cold"),
            ("bathroom furniture", "clean spotless", "dirty worn"),
            ("area street", "quiet central", "noisy remote"),
            ("host welcome", "friendly helpful", "rude slow"),
        ),
        ("studio", "loft", "house", "cabin", "villa", "hostel", "bungalow", "barn"),
        (
            "check in after three",
            "sleeps a small family",
            "book early in summer",
            "keys are at the desk",
            "towels are in the hall",
            "please water the plants",
        ),
    ),
    "reviews": Wording(
        (
            ("fit cut", "flattering comfortable", "tight shapeless"),
            ("fabric seam", "sturdy soft", "thin scratchy"),
            ("colour print", "bright lovely", "faded dull"),
            ("delivery service", "quick careful", "late careless"),
        ),
        ("dress", "sweater", "jacket", "skirt", "blouse", "jeans", "coat", "shorts"),
        (
            "bought it last week",
            "my usual size",
            "saw it in the store",
            "ordered two of them",
            "wore it to a party",
            "it was a present",
        ),
    ),
    "pets": Wording(
        (
            ("temper mood", "gentle playful", "grumpy shy"),
            ("coat health", "shiny strong", "patchy frail"),
            ("training manner", "obedient tidy", "wild messy"),
            ("story past", "hopeful happy", "sad rough"),
        ),
        ("puppy", "kitten", "terrier", "tabby", "poodle", "shepherd", "siamese", "spaniel"),
        (
            "call after six",
            "found near the market",
            "needs a new home",
            "living with my aunt",
            "one of four siblings",
            "ask for more pictures",
        ),
    ),
}

THEMES = (
    "walnut linen copper maple velvet granite cotton silver cedar ivory marble bamboo leather amber olive coral denim slate "
    "pearl birch hazel indigo saffron willow cobalt ginger cherry lemon pine rose"
).split()
PET_NAMES = "Bella Momo Lucky Rex Luna Coco Simba Nala Bruno Kiki Oreo Tiger".split()


@cache
def clauses(kind: str) -> list[list[np.ndarray]]:
    """[aspect][level] -> object array of clauses; every template x noun x word pair once."""
    bank = []
    for nouns, good, bad in WORDING[kind].aspects:
        words = list(product(nouns.split(), good.split(), bad.split()))
        bank.append(
            [np.array(sorted({t.format(n=n, g=g, b=b) for t in level for n, g, b in words}), dtype=object) for level in TEMPLATES]
        )
    return bank


def foreign(text: str) -> str:
    """The same text in the second language: every word is replaced by a made-up one, always the same."""
    return re.sub(r"\S\S+", lambda word: word[0][::-1].translate(str.maketrans("aeiou", "ouaie")) + "u", text)


def misspell(text: str, rng: np.random.Generator) -> str:
    """One word of `text` with two neighbouring letters swapped."""
    words = text.split(" ")
    at = int(rng.integers(len(words)))
    word = words[at]
    if len(word) > 2:
        cut = int(rng.integers(1, len(word) - 1))
        words[at] = word[: cut - 1] + word[cut] + word[cut - 1] + word[cut + 1 :]
    return " ".join(words)

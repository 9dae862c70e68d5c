"""What can be turned in the translation world, its null controls, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Any

from mmkit.errors import SettingsError, nearest
from mmkit.worlds.translation.words import FEWEST_LEMMAS

DIRECTIONS = ("en_de", "de_en")
MOST_AMBIGUITY = 0.5  # above it there are not enough leaves outside the compounds


@dataclass(frozen=True)
class Knobs:
    """Everything that can be turned."""

    lemmas: int = 480  # content words: nouns (about 80 %, five leaves to two hypernyms), verbs, adjectives
    zipf: float = 1.1  # p(word of rank r) ~ r^-zipf, for leaves, verbs and adjectives
    noise: float = 0.45  # probability that the target says the hypernym where the source names the leaf
    generic: float = 0.1  # probability that the source itself says the hypernym; the target then does so too
    topic: float = 0.8  # probability that a verb or an adjective comes from its noun's domain instead of from all
    ambiguity: float = 0.1  # share of the source forms of leaves that have two senses
    taxonomy: bool = True  # False: words are drawn, and said, without regard to concepts and domains

    @property
    def said_instead(self) -> float:
        """The noise that is in force."""
        return float(self.noise) if self.taxonomy else 0.0


# Null controls: one named change each, which removes what a claim credits.
NULLS: dict[str, dict[str, Any]] = {
    "no_noise": {"noise": 0.0},  # the source tells the target: nobody says the hypernym instead
    "uniform": {"zipf": 0.0},  # every word is as frequent as any other of its kind
    "no_taxonomy": {"taxonomy": False},  # a hypernym is a noun like any other, and no word keeps to a domain
}


def settle(direction: str, seed: int, null: str | None, changes: dict[str, Any]) -> Knobs:
    """The knobs in force. Raises SettingsError for an unknown direction, null or knob, and for impossible values, all at once."""
    if direction not in DIRECTIONS:
        raise SettingsError(f"translation world has no direction {direction!r}{nearest(direction, DIRECTIONS)}")
    if null is not None and null not in NULLS:
        raise SettingsError(f"translation world has no null control {null!r}{nearest(null, NULLS)}")
    known = [f.name for f in fields(Knobs)]
    if unknown := [name for name in changes if name not in known]:
        raise SettingsError("; ".join(f"translation world has no knob {name!r}{nearest(name, known)}" for name in unknown))
    knobs = replace(Knobs(), **{**(NULLS[null] if null else {}), **changes})

    wrong = [] if _whole(seed) and seed >= 0 else [f"seed = {seed!r}, expected a whole number of at least 0"]
    if not (_whole(knobs.lemmas) and knobs.lemmas >= FEWEST_LEMMAS):
        wrong.append(f"lemmas = {knobs.lemmas!r}, expected a whole number of at least {FEWEST_LEMMAS}")
    if not (_number(knobs.zipf) and 0 <= knobs.zipf <= 5):
        wrong.append(f"zipf = {knobs.zipf!r}, expected an exponent between 0 (all equally frequent) and 5")
    for name, high in (("noise", 1), ("generic", 1), ("topic", 1), ("ambiguity", MOST_AMBIGUITY)):
        value = getattr(knobs, name)
        if not (_number(value) and 0 <= value <= high):
            wrong.append(f"{name} = {value!r}, expected a share between 0 and {high}")
    if not isinstance(knobs.taxonomy, bool):
        wrong.append(f"taxonomy = {knobs.taxonomy!r}, expected True or False")
    if wrong:
        raise SettingsError(f"translation/{direction}: {'; '.join(wrong)}")
    return knobs


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)

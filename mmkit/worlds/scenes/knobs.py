"""What can be turned in the world of scenes, its null controls, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

from mmkit.errors import SettingsError, nearest

CHOICES = {
    "edge_types": ("true", "random"),
    "family": ("all", "none"),
    "wording": ("words", "neutral"),
    "annotators": ("personas", "equal"),
    "sgg": ("own", "shuffled"),
    "ocr": ("on", "off"),
}
MOST_OBJECTS = 64  # of a picture; more would not fit beside each other
REAL = {"sgg_level": (0.0, 3.0), "hypernym_rate": (0.0, 1.0)}


@dataclass(frozen=True)
class Knobs:
    """Everything that can be turned. Raises SettingsError that names every impossible value at once."""

    seed: int  # of the world: what is plausible in it, which combinations are held out, and every draw
    objects: tuple[int, float, int] = (6, 9.7, 14)  # least, mean (of the Poisson before it is cut) and most per scene
    nearest: int = 4  # a scene's graph shows the direction of each object's nearest ones only
    edge_types: str = "true"  # true | random: the relation on each edge of a graph is redrawn
    hops0: bool = False  # True: only questions without any relation step
    family: str = "all"  # all | none: only questions that need no relation
    wording: str = "words"  # words | neutral: questions say "linked to" instead of the relation
    annotators: str = "personas"  # personas | equal: all of them err as often
    hypernym_rate: float = 0.75  # probability that an annotator says "animal" instead of "dog"
    sgg: str = "own"  # own | shuffled: the predicted graph is another scene's
    sgg_level: float = 1.0  # errors of the predicted graph: 0 none, 1 usual, 2 many
    ocr: str = "on"  # on | off: nothing is written on objects

    def __post_init__(self) -> None:
        wrong = []
        if not (_whole(self.seed) and 0 <= self.seed < 2**64):
            wrong.append(f"seed = {self.seed!r}, expected a whole number of at least 0 and below 2^64")
        if not _is_range(self.objects):
            expected = f"(least, mean, most) objects with 2 <= least <= mean <= most <= {MOST_OBJECTS}"
            wrong.append(f"objects = {self.objects!r}, expected {expected}")
        if not (_whole(self.nearest) and 0 <= self.nearest <= MOST_OBJECTS):
            wrong.append(f"nearest = {self.nearest!r}, expected a whole number between 0 and {MOST_OBJECTS}")
        for name, choices in CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                wrong.append(f"{name} = {value!r}, expected one of {', '.join(choices)}")
        for name, (low, high) in REAL.items():
            if not (_number(value := getattr(self, name)) and low <= value <= high):
                wrong.append(f"{name} = {value!r}, expected a number between {low:g} and {high:g}")
        if not isinstance(self.hops0, bool):
            wrong.append(f"hops0 = {self.hops0!r}, expected True or False")
        if wrong:
            raise SettingsError(f"scenes world: {'; '.join(wrong)}")
        least, mean, most = self.objects  # a list from a file of settings is as good as a tuple
        object.__setattr__(self, "objects", (int(least), float(mean), int(most)))
        for name in ("seed", "nearest"):  # numpy's numbers are no part of a key in JSON
            object.__setattr__(self, name, int(getattr(self, name)))


# About as many nodes and edges per graph as GQA has (16 and 51): 16 and 54.
GQA_LIKE: dict[str, Any] = {"objects": (8, 15.6, 26), "nearest": 3}

# Null controls: one named change each, which removes what a claim credits.
NULLS: dict[str, dict[str, Any]] = {
    "hops0": {"hops0": True},  # no question needs a message along an edge
    "edge_types": {"edge_types": "random"},  # the labels of edges tell nothing
    "family": {"family": "none"},  # no question needs a relation
    "wording": {"wording": "neutral"},  # the question does not say which relation it means
    "annotators": {"annotators": "equal"},  # no annotator is better than another
    "hypernyms": {"hypernym_rate": 0.0},  # annotators always name the category
    "sgg": {"sgg": "shuffled"},  # predicted relations are those of another scene
    "ocr": {"ocr": "off"},  # nothing to read
}


def null(name: str) -> dict[str, Any]:
    """The changes of one null control. Raises SettingsError for an unknown name."""
    if name not in NULLS:
        raise SettingsError(f"scenes world has no null control {name!r}{nearest(name, NULLS)}")
    return NULLS[name]


def settle(seed: int, control: str | None = None, **changes: Any) -> Knobs:
    """The knobs in force: the defaults, a null control's changes, then `changes`. Raises SettingsError for unknown names."""
    known = [f.name for f in fields(Knobs) if f.name != "seed"]
    if unknown := [name for name in changes if name not in known]:
        raise SettingsError("; ".join(f"scenes world has no knob {name!r}{nearest(name, known)}" for name in unknown))
    return Knobs(seed, **{**(null(control) if control is not None else {}), **changes})


def _is_range(value: Any) -> bool:
    if not (isinstance(value, (tuple, list)) and len(value) == 3):
        return False
    least, mean, most = value
    return _whole(least) and _number(mean) and _whole(most) and 2 <= least <= mean <= most <= MOST_OBJECTS


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)

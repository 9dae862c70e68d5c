"""The grammar of the translation world: one table of synchronous rules, and its derivations as arrays of cells.

A rule rewrites one symbol in both languages at once. What the languages do differently stands side by side in the table: German
puts the finite verb second, the participle and the verb of a subordinate clause last, an adverb before the object, colour before
size, and writes a compound in one word; its articles and endings show case and gender.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from math import prod

import numpy as np


@dataclass(frozen=True)
class Rule:
    """`name`: the symbol that is rewritten, a dot, its own name. `chance`: probability among the rules of the symbol.

    In a pattern, numbers tell two children of one symbol apart (1 the subject, 2 the object), `:acc` is the case that a noun
    phrase gets in German, `:now` and `:done` are forms of a verb; lower-case words and signs stand for themselves.
    """

    name: str
    chance: float
    en: str
    de: str

    @property
    def symbol(self) -> str:
        return self.name.partition(".")[0]


RULES = tuple(
    Rule(*row)
    for row in (
        ("S.plain", 0.50, "MAIN .", "MAIN ."),
        ("S.adverb", 0.14, "ADV FRONT .", "ADV FRONT ."),
        ("S.and", 0.06, "SHORT1 and SHORT2 .", "SHORT1 und SHORT2 ."),
        ("S.but", 0.04, "SHORT1 but SHORT2 .", "SHORT1 aber SHORT2 ."),
        ("S.because", 0.09, "SHORT because SUB .", "SHORT , weil SUB ."),
        ("S.although", 0.05, "SHORT although SUB .", "SHORT , obwohl SUB ."),
        ("S.while", 0.05, "SHORT while SUB .", "SHORT , während SUB ."),
        ("S.because_first", 0.07, "because SUB , FRONT .", "weil SUB , FRONT ."),
        # a main clause: finite verb second
        ("MAIN.rest", 0.06, "NP1 IV:now", "NP1:nom IV:now"),
        ("MAIN.rest_adverb", 0.08, "NP1 IV:now ADV", "NP1:nom IV:now ADV"),
        ("MAIN.rest_place", 0.12, "NP1 IV:now PP", "NP1:nom IV:now PP"),
        ("MAIN.act", 0.24, "NP1 TV:now NP2", "NP1:nom TV:now NP2:acc"),
        ("MAIN.act_adverb", 0.09, "NP1 TV:now NP2 ADV", "NP1:nom TV:now ADV NP2:acc"),
        ("MAIN.act_place", 0.09, "DP1 TV:now DP2 PP", "DP1:nom TV:now DP2:acc PP"),
        ("MAIN.rested", 0.06, "NP1 has IV:done", "NP1:nom hat IV:done"),
        ("MAIN.rested_place", 0.08, "NP1 has IV:done PP", "NP1:nom hat PP IV:done"),
        ("MAIN.acted", 0.12, "NP1 has TV:done NP2", "NP1:nom hat NP2:acc TV:done"),
        ("MAIN.acted_adverb", 0.06, "DP1 has TV:done DP2 ADV", "DP1:nom hat ADV DP2:acc TV:done"),
        # a main clause after something else in first place: the subject follows the finite verb. It takes no place of its own,
        # for "V NP PP" would no longer say whether the thing or the event is there; so with the subject of SUB below
        ("FRONT.rest", 0.20, "DP1 IV:now", "IV:now DP1:nom"),
        ("FRONT.rest_place", 0.15, "DP1 IV:now PP", "IV:now DP1:nom PP"),
        ("FRONT.act", 0.35, "DP1 TV:now DP2", "TV:now DP1:nom DP2:acc"),
        ("FRONT.rested", 0.10, "DP1 has IV:done", "hat DP1:nom IV:done"),
        ("FRONT.acted", 0.20, "DP1 has TV:done DP2", "hat DP1:nom DP2:acc TV:done"),
        # one half of a sentence of two clauses
        ("SHORT.rest", 0.25, "DP1 IV:now", "DP1:nom IV:now"),
        ("SHORT.act", 0.45, "DP1 TV:now DP2", "DP1:nom TV:now DP2:acc"),
        ("SHORT.rested", 0.10, "DP1 has IV:done", "DP1:nom hat IV:done"),
        ("SHORT.acted", 0.20, "DP1 has TV:done DP2", "DP1:nom hat DP2:acc TV:done"),
        # a subordinate clause: every verb last
        ("SUB.rest", 0.25, "DP1 IV:now", "DP1:nom IV:now"),
        ("SUB.rest_place", 0.15, "DP1 IV:now PP", "DP1:nom PP IV:now"),
        ("SUB.act", 0.35, "DP1 TV:now DP2", "DP1:nom DP2:acc TV:now"),
        ("SUB.rested", 0.08, "DP1 has IV:done", "DP1:nom IV:done hat"),
        ("SUB.acted", 0.17, "DP1 has TV:done DP2", "DP1:nom DP2:acc TV:done hat"),
        # noun phrases
        ("NP.bare", 0.85, "DP", "DP"),
        ("NP.place", 0.15, "DP PP", "DP PP"),
        ("PP.place", 1.00, "P DP", "P DP:dat"),
        ("DP.noun", 0.45, "DET N", "DET N"),
        ("DP.size", 0.17, "DET SIZE N", "DET SIZE N"),
        ("DP.colour", 0.17, "DET COLOUR N", "DET COLOUR N"),
        ("DP.size_colour", 0.11, "DET SIZE COLOUR N", "DET COLOUR SIZE N"),
        ("DP.compound", 0.06, "DET MODIFIER N", "DET N"),
        ("DP.size_compound", 0.04, "DET SIZE MODIFIER N", "DET SIZE N"),
    )
)
# English function word -> German, where a rule names it
PARTICLES = {
    "and": "und",
    "but": "aber",
    "because": "weil",
    "although": "obwohl",
    "while": "während",
    "has": "hat",
    ",": ",",
    ".": ".",
}
GERMAN_PARTICLES = {de: en for en, de in PARTICLES.items()}
LANGUAGES = ("en", "de")
CASES = ("nom", "acc", "dat")
TENSES = ("now", "done")
KINDS = ("WORD", "DET", "SIZE", "COLOUR", "MODIFIER", "N", "IV", "TV", "ADV", "P")  # of cells
GROUPS = {"DET": "DP", "SIZE": "DP", "COLOUR": "DP", "MODIFIER": "DP", "N": "DP", "IV": "V", "TV": "V", "ADV": "ADV", "P": "P"}
# Every DP takes the cells of the longest one; those that its own rule lacks stay blank. So a shape leaves the rule of a DP open.
BLOCK = {"en": ("DET", "SIZE", "COLOUR", "MODIFIER", "N"), "de": ("DET", "COLOUR", "SIZE", "N")}
DP_RULES = tuple(rule for rule in RULES if rule.symbol == "DP")

Derivation = tuple[Rule, dict[str, "Derivation"]]


@dataclass
class Cell:
    """One place for a word. `path`: its origin in the derivation, the same in both languages; `feature`: case, tense or word."""

    kind: str
    path: str
    feature: int = 0
    opened: str = ""  # brackets of the derivation before and after the word
    closed: str = ""


@dataclass(frozen=True)
class Program:
    """All shapes in one language: S shapes of at most W cells; kind -1 where a shape has fewer. Arrays are (S, W)."""

    kind: np.ndarray  # index in KINDS
    index: np.ndarray  # which DP, verb, adverb or preposition of the sentence
    feature: np.ndarray  # index in CASES, TENSES or PARTICLES
    opened: np.ndarray  # str objects
    closed: np.ndarray
    source: np.ndarray  # cell of the other language that this one translates, -1 where there is none


@dataclass(frozen=True)
class Shapes:
    """Every derivation down to its DPs, with its probability, and what to write for it in either language."""

    probability: np.ndarray  # (S,)
    governor: np.ndarray  # (S, V): the DP whose domain a verb prefers: the object's, or the subject's where there is no object
    program: dict[str, Program]
    size: dict[str, int] = field(default_factory=dict)  # the most DP, V, ADV, P that any shape has


def derivations(symbol: str = "S") -> list[tuple[float, Derivation]]:
    """All ways to rewrite `symbol` down to DPs, with their probabilities."""
    found = []
    for rule in (rule for rule in RULES if rule.symbol == symbol):
        places = [token for token in rule.en.split() if _open(token)]
        for parts in product(*(derivations(place.rstrip("12")) for place in places)):
            chance = rule.chance * prod(p for p, _ in parts)
            found.append((chance, (rule, dict(zip(places, (part for _, part in parts), strict=True)))))
    return found


def _open(token: str) -> bool:
    name = token.partition(":")[0].rstrip("12")
    return name != "DP" and any(rule.symbol == name for rule in RULES)


def cells(derivation: Derivation, language: str, path: str = "", case: str = "") -> list[Cell]:
    """The cells of one derivation in the order of `language`, with brackets around what each rule wrote."""
    rule, parts = derivation
    out = list(_children(rule, parts, language, path, case))
    out[0].opened = f"({rule.name} {out[0].opened}"
    out[-1].closed += ")"
    return out


def _children(rule: Rule, parts: dict[str, Derivation], language: str, path: str, case: str) -> Iterator[Cell]:
    for token in getattr(rule, language).split():
        place, _, feature = token.partition(":")
        here, name = f"{path}/{place}", place.rstrip("12")
        if place in parts:
            yield from cells(parts[place], language, here, feature)
        elif name == "DP":  # German cases; English cells carry them too and show nothing
            block = [Cell(kind, here, CASES.index(feature or case or "nom")) for kind in BLOCK[language]]
            block[-1].closed = ")"  # opened when the rule of the DP is known
            yield from block
        elif name in ("IV", "TV"):
            yield Cell(name, here, TENSES.index(feature))
        elif name in ("ADV", "P"):
            yield Cell(name, here)
        else:
            english = place if language == "en" else GERMAN_PARTICLES[place]
            yield Cell("WORD", f"{path}/{english}", list(PARTICLES).index(english))


@cache
def shapes() -> Shapes:
    """The whole grammar as arrays, built once."""
    chances, trees = zip(*derivations(), strict=True)
    written = {language: [cells(tree, language) for tree in trees] for language in LANGUAGES}
    numbers = [_number(row) for row in written["en"]]
    size = {group: max(len(number[group]) for number in numbers) for group in ("DP", "V", "ADV", "P")}
    governor = np.zeros((len(trees), size["V"]), dtype=int)
    for s, number in enumerate(numbers):
        for v, verb in enumerate(number["V"]):
            clause, _, kind = verb.rpartition("/")
            role = 2 if kind == "TV" else 1
            governor[s, v] = next(
                d for d, path in enumerate(number["DP"]) if path.startswith((f"{clause}/NP{role}", f"{clause}/DP{role}"))
            )
    program = {language: _program(written[language], written[other], numbers) for language, other in (LANGUAGES, LANGUAGES[::-1])}
    return Shapes(np.array(chances), governor, program, size)


def _number(row: list[Cell]) -> dict[str, list[str]]:
    """group -> paths of its members in English order; the place in this list is a member's number."""
    found: dict[str, list[str]] = {"DP": [], "V": [], "ADV": [], "P": []}
    for cell in row:
        if cell.kind != "WORD" and cell.path not in found[GROUPS[cell.kind]]:
            found[GROUPS[cell.kind]].append(cell.path)
    return found


def _program(rows: list[list[Cell]], others: list[list[Cell]], numbers: list[dict[str, list[str]]]) -> Program:
    size = (len(rows), max(map(len, rows)))
    kind, index, feature, source = (np.full(size, fill) for fill in (-1, 0, 0, -1))
    opened, closed = (np.full(size, "", dtype=object) for _ in range(2))
    for s, (row, other, number) in enumerate(zip(rows, others, numbers, strict=True)):
        there = {(cell.path, cell.kind): at for at, cell in enumerate(other)}
        for at, cell in enumerate(row):
            kind[s, at], feature[s, at] = KINDS.index(cell.kind), cell.feature
            opened[s, at], closed[s, at] = cell.opened, cell.closed
            if cell.kind != "WORD":
                index[s, at] = number[GROUPS[cell.kind]].index(cell.path)
            # the first half of an English compound comes from the one German word
            wanted = "N" if (cell.path, cell.kind) not in there and cell.kind == "MODIFIER" else cell.kind
            source[s, at] = there.get((cell.path, wanted), -1)
    return Program(kind, index, feature, opened, closed, source)

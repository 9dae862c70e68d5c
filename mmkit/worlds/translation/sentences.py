"""Sentences of the translation world: uniform numbers -> what is meant -> words in either language. N sentences at once.

Each decision has its own uniform number whatever the knobs are, so worlds of one seed that differ in one knob differ only where
that knob decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mmkit.worlds.translation.grammar import DP_RULES, KINDS, shapes
from mmkit.worlds.translation.knobs import Knobs
from mmkit.worlds.translation.words import ADVERBS, DETERMINERS, DOMAINS, PREPOSITIONS, Forms, Words

DETERMINER_WEIGHTS = {"the": 0.50, "a": 0.35, "this": 0.09, "no": 0.06}
NAMES = [rule.name for rule in DP_RULES]
SENSE = np.array([NAMES.index("DP.size"), NAMES.index("DP.colour")])  # the rule that tells which of two rivals is meant
HAS = {kind: np.array([kind in rule.en.split() for rule in DP_RULES]) for kind in ("SIZE", "COLOUR", "MODIFIER")}


@dataclass(frozen=True)
class Meanings:
    """N sentences as numbers of lemmas and rules; K DPs, V verbs, A adverbs, P prepositions, of which a shape may use fewer."""

    shape: np.ndarray  # (N,)
    noun: np.ndarray  # (N, K) what the source names
    form: np.ndarray  # (N, K) place of the rule in DP_RULES
    determiner: np.ndarray  # (N, K)
    size: np.ndarray  # (N, K)
    colour: np.ndarray  # (N, K)
    rest: np.ndarray  # (N, V)
    act: np.ndarray  # (N, V)
    adverb: np.ndarray  # (N, A)
    preposition: np.ndarray  # (N, P)
    instead: np.ndarray  # (N, K) bool: the target says the hypernym


def decisions() -> int:
    """How many uniform numbers one sentence takes."""
    most = shapes().size
    return 1 + 9 * most["DP"] + 3 * most["V"] + most["ADV"] + most["P"]


def meanings(u: np.ndarray, known: Words, knobs: Knobs) -> Meanings:
    """What is meant, from uniform numbers u (N, `decisions()`)."""
    grammar, n = shapes(), len(u)
    k, v, a, p = (grammar.size[group] for group in ("DP", "V", "ADV", "P"))
    edges = np.cumsum([1, 9 * k, 3 * v, a, p])
    shape = _pick(u[:, 0], _cdf(grammar.probability))
    dp = u[:, edges[0] : edges[1]].reshape(n, k, 9)
    verb = u[:, edges[1] : edges[2]].reshape(n, v, 3)

    form = _pick(dp[..., 0], _cdf(np.array([rule.chance for rule in DP_RULES])))
    noun = _nouns(dp[..., 1], dp[..., 2], form, known, knobs)
    pairs = known.rivals_at(knobs.ambiguity)
    sense = np.full(len(known.concept), -1)
    sense[pairs] = np.arange(2)
    form = np.where(sense[noun] >= 0, SENSE[sense[noun]], form)

    topic = knobs.topic if knobs.taxonomy else 0.0
    domain = known.domain[noun]
    about = np.take_along_axis(domain, grammar.governor[shape], axis=1)

    def related(role: str, gate: np.ndarray, chance: np.ndarray, of: np.ndarray) -> np.ndarray:
        cdf = _domain_cdfs(known.domains_of(role), knobs.zipf)[np.where(gate < topic, of, DOMAINS)]
        return (chance[..., None] >= cdf[..., :-1]).sum(-1)

    return Meanings(
        shape=shape,
        noun=noun,
        form=form,
        determiner=_pick(dp[..., 3], _cdf(np.array([DETERMINER_WEIGHTS[name] for name in DETERMINERS]))),
        size=related("size", dp[..., 4], dp[..., 5], domain),
        colour=related("colour", dp[..., 6], dp[..., 7], domain),
        rest=related("rest", verb[..., 0], verb[..., 1], about),
        act=related("act", verb[..., 0], verb[..., 2], about),
        adverb=_pick(u[:, edges[2] : edges[3]], _zipf(len(ADVERBS), knobs.zipf)),
        preposition=_pick(u[:, edges[3] : edges[4]], _zipf(len(PREPOSITIONS), knobs.zipf)),
        instead=dp[..., 8] < knobs.said_instead,
    )


def _nouns(chance: np.ndarray, generic: np.ndarray, form: np.ndarray, known: Words, knobs: Knobs) -> np.ndarray:
    """The noun of each DP: a compound where its rule wants one, else a leaf, sometimes its hypernym; without a tree any noun."""
    count = len(known.rank) if not knobs.taxonomy else known.leaves
    by_rank = np.argsort(known.rank[:count])
    noun = by_rank[_pick(chance, _zipf(count, knobs.zipf))]
    if knobs.taxonomy:
        noun = np.where(generic < knobs.generic, known.hypernym[noun], noun)
    compound = len(known.rank) + _pick(chance, _zipf(len(known.compounds), knobs.zipf))
    return np.where(HAS["MODIFIER"][form], compound, noun)


def spell(m: Meanings, noun: np.ndarray, language: str, known: Words, tables: Forms) -> np.ndarray:
    """The sentences when the DPs say these nouns (N, K): (N, W) places in `tables.spelling`, -1 where blank."""
    program = shapes().program[language]
    kind, index, feature = (of[m.shape] for of in (program.kind, program.index, program.feature))
    gender, out = known.gender[noun], np.full(kind.shape, -1)

    def fill(name: str, words: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> None:
        """`words`: a function of the rows, the members' numbers and the features of all cells of one kind."""
        rows, columns = np.nonzero(kind == KINDS.index(name))
        out[rows, columns] = words(rows, index[rows, columns], feature[rows, columns])

    def adjective(name: str, table: np.ndarray, chosen: np.ndarray) -> None:
        def words(r: np.ndarray, k: np.ndarray, case: np.ndarray) -> np.ndarray:
            ending = tables.ending[m.determiner[r, k], gender[r, k], case]
            return np.where(HAS[name][m.form[r, k]], table[chosen[r, k], ending], -1)

        fill(name, words)

    fill("WORD", lambda r, k, word: tables.particle[word])
    fill("DET", lambda r, k, case: tables.determiner[m.determiner[r, k], gender[r, k], case])
    adjective("SIZE", tables.size, m.size)
    adjective("COLOUR", tables.colour, m.colour)
    fill("MODIFIER", lambda r, k, case: tables.modifier[noun[r, k]])
    fill("N", lambda r, k, case: tables.noun[noun[r, k]])
    fill("IV", lambda r, k, tense: tables.rest[m.rest[r, k], tense])
    fill("TV", lambda r, k, tense: tables.act[m.act[r, k], tense])
    fill("ADV", lambda r, k, _: tables.adverb[m.adverb[r, k]])
    fill("P", lambda r, k, _: tables.preposition[m.preposition[r, k]])
    return out


def _pick(u: np.ndarray, cdf: np.ndarray) -> np.ndarray:
    return np.searchsorted(cdf[:-1], u, side="right")


def _cdf(weights: np.ndarray) -> np.ndarray:
    return np.cumsum(weights) / np.sum(weights)


def _zipf(count: int, exponent: float) -> np.ndarray:
    """Cumulative probabilities of ranks 1 .. count."""
    return _cdf(np.arange(1.0, count + 1) ** -exponent)


def _domain_cdfs(domains: np.ndarray, exponent: float) -> np.ndarray:
    """(DOMAINS + 1, words): the law of each domain's own words, and last the law of all."""
    weights = np.arange(1.0, len(domains) + 1) ** -exponent
    own = np.concatenate([np.arange(DOMAINS)[:, None] == domains, np.ones((1, len(domains)), dtype=bool)])
    cdf = np.cumsum(weights * own, axis=1)
    return cdf / cdf[:, -1:]

r"""The translation world: pairs of sentences of an English-like and a German-like language, with exact next-word probabilities.

A synchronous grammar of 41 rules writes both sides; content words are invented, function words are real. The source names a leaf
(seagull); the target says its hypernym (bird) with probability `noise` instead, each noun for itself, as annotators do. Nothing
else is left open, so the exact law p(y_t | x, y_<t), its entropy (the floor of any model's cross-entropy) and the most probable
translation are known for each sentence. An ambiguous source form has one sense after a size word and the other after a colour
word, so the source always tells which leaf is meant.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
import pyarrow as pa

from mmkit.errors import SettingsError
from mmkit.schema import PARTS, Dataset, PairSchema, Split
from mmkit.worlds.translation.knobs import DIRECTIONS, NULLS, Knobs, settle
from mmkit.worlds.translation.lexicon import Lexicon
from mmkit.worlds.translation.sentences import decisions, meanings, spell
from mmkit.worlds.translation.truth import sentences, target_and_truth
from mmkit.worlds.translation.words import Forms, Words, forms, words

__all__ = ["DIRECTIONS", "NULLS", "VERSION", "Knobs", "Lexicon", "lexicon", "make", "next_words"]

VERSION = 1  # part of the fingerprint: raise it whenever the same knobs give other records
SHARES = (0.7, 0.1)  # of train and valid; the rest is test
FEWEST_PAIRS = 10
LONGEST = 14  # words of the source; a longer sentence is drawn again
PATIENCE = 10  # draws per wanted pair before the world counts as too small
END = "</s>"


def make(direction: str, pairs: int, seed: int, null: str | None = None, **changes: Any) -> Dataset:
    """`pairs` pairs with columns de, en, part; no source sentence occurs twice. Same arguments, same bytes, in any process.

    direction: en_de (English is the source) | de_en.  null: a name in NULLS.  changes: fields of `Knobs`.
    The truth has, per pair (T words in the target, n of its nouns drawn as leaves): `log_p` and `entropy` (T + 1, the end is the
    last) in nats; `other` (T + 1): the word that might have stood there instead, None where there is no choice; `best`: the most
    probable target; `leaf`, `hypernym`, `said` (n): words of the target language, in its order, `noun_at` (n): their positions;
    `alignment` (T): source position that each word comes from, -1 for none; `tree`: the derivation around the source's words.
    Raises SettingsError for an unknown direction, null or knob, an impossible value, or more pairs than the world has sentences.
    """
    knobs = settle(direction, seed, null, changes)
    if isinstance(pairs, bool) or not isinstance(pairs, (int, np.integer)) or pairs < FEWEST_PAIRS:
        raise SettingsError(f"translation/{direction}: pairs = {pairs!r}, expected a whole number of at least {FEWEST_PAIRS}")
    source, target = direction.split("_")
    known = words(seed, knobs.lemmas)
    tables = {source: forms(seed, knobs.lemmas, source, knobs.ambiguity), target: forms(seed, knobs.lemmas, target)}
    u = _distinct(direction, pairs, seed, known, tables[source], knobs)
    meant = meanings(u, known, knobs)
    said, truth = target_and_truth(meant, direction, known, tables, knobs)
    asked = sentences(spell(meant, meant.noun, source, known, tables[source]), tables[source].spelling)

    schema = PairSchema(direction, ("de", "en"))
    table = pa.table({source: asked, target: said, "part": _parts(pairs, seed)}).select(schema.arrow.names).cast(schema.arrow)
    origin = f"world translation/{direction}" + (f", null control {null}" if null else "") + f", seed {seed}"
    fingerprint = f"translation-v{VERSION}:{direction}:{pairs}:{seed}:{knobs}"
    return Dataset(direction, schema, Split(table, truth), origin, fingerprint, {"pairs": pairs})


def _distinct(direction: str, pairs: int, seed: int, known: Words, tables: Forms, knobs: Knobs) -> np.ndarray:
    """Uniform numbers (pairs, decisions) of the first sentences whose sources differ; what the target says has no part in it."""
    rng = np.random.default_rng([seed, zlib.crc32(b"sentences")])
    source, kept, seen, drawn = direction.split("_")[0], [], set(), 0
    while len(seen) < pairs:
        missing = pairs - len(seen)
        if drawn > PATIENCE * pairs + 1000:
            raise SettingsError(
                f"translation/{direction}: only {len(seen)} different sentences among {drawn}, expected {pairs}; ask for fewer "
                f"pairs, or for a larger world: lemmas above {knobs.lemmas}, zipf below {knobs.zipf}"
            )
        u = rng.random((missing + missing // 4 + 64, decisions()))
        m = meanings(u, known, knobs)
        tokens = spell(m, m.noun, source, known, tables)
        short = (tokens >= 0).sum(axis=1) <= LONGEST
        drawn += len(u)
        rows = []
        for row, text in enumerate(sentences(tokens, tables.spelling).to_pylist()):
            if short[row] and text not in seen and len(seen) < pairs:
                seen.add(text)
                rows.append(row)
        kept.append(u[rows])
    return np.concatenate(kept)


def _parts(pairs: int, seed: int) -> np.ndarray:
    """train, valid or test for each pair, in random order, with exact shares."""
    counts = [round(share * pairs) for share in SHARES]
    ordered = np.repeat(np.array(PARTS, dtype=object), [*counts, pairs - sum(counts)])
    return np.random.default_rng([seed, zlib.crc32(b"parts")]).permutation(ordered)


def lexicon(direction: str, seed: int, null: str | None = None, **changes: Any) -> Lexicon:
    """The nouns of a world's target language on their tree, which depends on the seed and on `lemmas` alone.

    Only `senses` also knows the ambiguity. Takes the arguments of `make` and refuses what that refuses.
    """
    knobs = settle(direction, seed, null, changes)
    source, target = direction.split("_")
    spelt = {source: forms(seed, knobs.lemmas, source, knobs.ambiguity), target: forms(seed, knobs.lemmas, target)}
    return Lexicon.of(words(seed, knobs.lemmas), spelt[source], spelt[target], seed)


def next_words(data: Dataset, row: int) -> list[dict[str, float]]:
    """The exact law of each target word of one record, given the source and the words before; the end is the last: </s>.

    One {word: probability} per word; the word that the target really says comes first, words of probability 0 are left out.
    """
    record, truth = data.records[row], data.records.truth.slice(row % len(data.records), 1).to_pylist()[0]
    said = [*record[data.schema.name.split("_")[1]].split(), END]
    laws = []
    for word, log_p, other in zip(said, truth["log_p"], truth["other"], strict=True):
        laws.append({word: math.exp(log_p)} | ({other: -math.expm1(log_p)} if other is not None else {}))
    return laws

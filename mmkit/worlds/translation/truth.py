"""What only the translation world knows of its sentences: exact probabilities, best translation, nouns, alignment, derivation.

The source leaves one thing open: whether a leaf is said or its hypernym. The two readings of a noun phrase have equally many
words, and the first word in which they differ (an article or ending that shows another gender, else the noun) settles which one
it is. So each noun puts all of its entropy, H(noise), on that one word, and every other word is certain.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmkit.worlds.translation.grammar import DP_RULES, GROUPS, KINDS, shapes
from mmkit.worlds.translation.knobs import Knobs
from mmkit.worlds.translation.sentences import Meanings, spell
from mmkit.worlds.translation.words import Forms, Words

IN_DP = [KINDS.index(kind) for kind, group in GROUPS.items() if group == "DP"]


def sentences(tokens: np.ndarray, spelling: np.ndarray) -> pa.Array:
    """(N, W) places in `spelling`, -1 blank -> N strings of words with one space between."""
    return pc.binary_join(_lists(spelling[tokens], tokens >= 0, pa.string()), " ")


def target_and_truth(
    m: Meanings, direction: str, known: Words, tables: dict[str, Forms], knobs: Knobs
) -> tuple[pa.Array, pa.Table]:
    """The target sentences and the truth table, same rows."""
    origin, language = direction.split("_")
    forms, program = tables[language], shapes().program[language]
    source = spell(m, m.noun, origin, known, tables[origin])
    leaf, other = (spell(m, noun, language, known, forms) for noun in (m.noun, known.hypernym[m.noun]))
    kind, index = program.kind[m.shape], program.index[m.shape]
    in_dp = np.isin(kind, IN_DP)
    instead = np.take_along_axis(m.instead, index, axis=1) & in_dp  # (N, W) whether the cell's DP says the hypernym
    target, unsaid = np.where(instead, other, leaf), np.where(instead, leaf, other)
    there, branch = target >= 0, _first_difference(leaf != other, np.where(in_dp, index, -1), m.noun.shape[1])

    eta = knobs.said_instead
    chance = np.where(branch, np.where(instead, eta, 1 - eta), 1.0)
    entropy = np.where(branch, _entropy(eta), 0.0)
    rival = np.where(branch & (chance < 1), forms.spelling[unsaid], None)
    noun = np.take_along_axis(m.noun, index, axis=1)
    replaceable = (kind == KINDS.index("N")) & (noun < known.leaves)
    position = np.cumsum(there, axis=1) - 1
    truth = {
        "log_p": _lists(np.log(chance), there, pa.float64(), end=(0.0,)),
        "entropy": _lists(entropy, there, pa.float64(), end=(0.0,)),
        "other": _lists(rival, there, pa.string(), end=(None,)),
        "best": sentences(other if eta > 0.5 else leaf, forms.spelling),
        "leaf": _lists(forms.spelling[forms.noun[noun]], replaceable, pa.string()),
        "hypernym": _lists(forms.spelling[forms.noun[known.hypernym[noun]]], replaceable, pa.string()),
        "said": _lists(forms.spelling[target], replaceable, pa.string()),
        "noun_at": _lists(position, replaceable, pa.int64()),
        "alignment": _lists(_alignment(program.source[m.shape], source), there, pa.int64()),
        "tree": _trees(m, origin, source, tables[origin].spelling),
    }
    return sentences(target, forms.spelling), pa.table(truth)


def _first_difference(differs: np.ndarray, owner: np.ndarray, count: int) -> np.ndarray:
    """(N, W) True on the first cell of each DP (its number in `owner`, -1 outside) in which the two readings differ."""
    first = np.zeros_like(differs)
    for k in range(count):
        mine = differs & (owner == k)
        first |= mine & (np.cumsum(mine, axis=1) == 1)
    return first


def _entropy(p: float) -> float:
    """Of a coin, in nats."""
    return float(sum(-q * np.log(q) for q in (p, 1 - p) if q > 0))


def _alignment(cell: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Position in the source sentence of each target cell's counterpart, -1 where it has none."""
    position = np.where(source >= 0, np.cumsum(source >= 0, axis=1) - 1, -1)
    return np.where(cell >= 0, np.take_along_axis(position, np.maximum(cell, 0), axis=1), -1)


def _trees(m: Meanings, language: str, source: np.ndarray, spelling: np.ndarray) -> pa.Array:
    """The source's words in the brackets of the rules that made them."""
    program = shapes().program[language]
    rules = np.array([f"({rule.name} " for rule in DP_RULES], dtype=object)
    form = np.take_along_axis(m.form, program.index[m.shape], axis=1)
    named = np.where(program.kind[m.shape] == KINDS.index("DET"), rules[form], "")
    text = program.opened[m.shape] + named + spelling[source] + program.closed[m.shape]
    return pc.binary_join(_lists(text, source >= 0, pa.string()), " ")


def _lists(values: np.ndarray, keep: np.ndarray, kind: pa.DataType, end: tuple = ()) -> pa.ListArray:
    """values (N, W) where `keep` -> N lists; a value in `end` closes each list."""
    for value in end:
        values = np.pad(values, ((0, 0), (0, 1)), constant_values=value)
        keep = np.pad(keep, ((0, 0), (0, 1)), constant_values=True)
    offsets = np.concatenate([[0], np.cumsum(keep.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values[keep], kind))

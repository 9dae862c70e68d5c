"""What the readers of conversations share: utterances as a table, counted by part, and the dialogues that are held out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from mmkit.schema import PARTS, ConversationSchema, Dataset, Split


def held_out(names: Iterable[str], share: float) -> set[str]:
    """This share of the `names`, at least one, not all: those whose sha256 comes first, so that it depends on nothing else."""
    ranked = sorted(set(names), key=lambda name: hashlib.sha256(name.encode()).digest())
    return set(ranked[: min(max(round(share * len(ranked)), 1), len(ranked) - 1)])


def dataset(
    schema: ConversationSchema, columns: Mapping[str, Any], source: str, fingerprint: str, counts: Mapping[str, int]
) -> Dataset:
    """The Dataset of these columns (lists or arrays of equal length, utterances in order), with counts by part and class added.

    counts: what the reader counted itself; what is 0 is not shown.
    """
    table = pa.table([columns[name] for name in schema.arrow.names], schema=schema.arrow)
    part, dialogue = np.array(columns["part"], dtype=str), np.array(columns["dialogue"], dtype=str)
    label = np.asarray(columns[schema.label])
    told = {}
    for name in PARTS:
        told[f"utterances in {name}"] = int((part == name).sum())
        told[f"dialogues in {name}"] = len(np.unique(dialogue[part == name]))
    told |= {f"{schema.label} {name}": int((label == k).sum()) for k, name in enumerate(schema.classes)}
    shown = {what: n for what, n in {**told, **counts}.items() if n}
    return Dataset(schema.name, schema, Split(table), source, fingerprint, shown)

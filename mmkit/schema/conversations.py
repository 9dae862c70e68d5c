"""Utterances of conversations: who says what when, in several modalities, with a label each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmkit.schema.columns import ROLES, Column, missing_values, out_of_range, whole, wrong_columns
from mmkit.schema.multimodal import MultimodalSchema

WHERE = ("dialogue", "speaker")


@dataclass(frozen=True)
class ConversationSchema(MultimodalSchema):
    """One row per utterance: a `MultimodalSchema` with `dialogue`, `turn` and `speaker`, and columns of a data set's own.

    The utterances of a dialogue (or scene) stand in one run of rows in the order in which they are spoken: `turn` (int64) rises,
    gaps are allowed. Speakers are compared within a dialogue. `extra` columns may hold nulls.
    """

    extra: tuple[Column, ...] = ()

    @property
    def arrow(self) -> pa.Schema:
        first, *others = super().arrow
        where = [("dialogue", pa.string()), ("turn", pa.int64()), ("speaker", pa.string())]
        own = [pa.field(c.name, ROLES[c.role]) for c in self.extra]
        return pa.schema([first, *(pa.field(name, kind, nullable=False) for name, kind in where), *others, *own])

    def problems(self, table: pa.Table) -> list[str]:
        """Everything about `table` that breaks this schema, worded for a person; empty when it fits."""
        if found := wrong_columns(self.name, self.arrow, table) or missing_values(self.name, self.arrow, table):
            return found
        found = super().problems(table)
        for name in WHERE:
            blank = pc.equal(pc.utf8_trim_whitespace(table[name]), "").to_numpy(zero_copy_only=False)
            found += [f"{self.name}: row {row}, column {name!r}: empty, expected a name" for row in np.flatnonzero(blank)]
        for column in self.extra:
            found += out_of_range(self.name, column, table[column.name])
        starts = dialogue_starts(table)
        names = table["dialogue"].take(pa.array(starts)).to_pylist()
        seen: set[str] = set()
        for row, dialogue in zip(starts, names, strict=True):
            if dialogue in seen:
                found.append(f"{self.name}: row {row}: dialogue {dialogue!r} begins again, expected its utterances in one run")
            seen.add(dialogue)
        turn = table["turn"].to_numpy()
        same = np.ones(len(turn), dtype=bool)
        same[starts] = False
        for row in np.flatnonzero(same[1:] & (np.diff(turn) <= 0)) + 1:
            found.append(f"{self.name}: row {row}: turn {turn[row]} after {turn[row - 1]}, expected a later one")
        return found


def dialogue_starts(table: pa.Table) -> np.ndarray:
    """(D,) int64: the rows at which a dialogue begins."""
    code = whole(table["dialogue"]).dictionary_encode().indices.to_numpy()
    return np.flatnonzero(np.diff(code, prepend=-1)).astype(np.int64)

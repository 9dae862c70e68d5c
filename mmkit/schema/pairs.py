"""Sentences and their translations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmkit.schema.columns import PARTS, Column, out_of_range, wrong_columns


@dataclass(frozen=True)
class PairSchema:
    """Sentences and their translations: one text column per language, and `part`, the official split, train | valid | test."""

    name: str
    languages: tuple[str, str]  # names of the two text columns, for example ("de", "en")
    label: str = ""  # nothing to predict but the other column
    classes: tuple[str, ...] = ()

    @property
    def arrow(self) -> pa.Schema:
        return pa.schema([pa.field(name, pa.string(), nullable=False) for name in (*self.languages, "part")])

    def problems(self, table: pa.Table) -> list[str]:
        """Everything about `table` that breaks this schema, worded for a person; empty when it fits."""
        if found := wrong_columns(self.name, self.arrow, table):
            return found
        for name in self.languages:
            blank = pc.equal(pc.utf8_trim_whitespace(pc.fill_null(table[name], "")), "")
            rows = np.flatnonzero(blank.to_numpy(zero_copy_only=False))
            found += [f"{self.name}: row {row}, column {name!r}: no text, expected a sentence" for row in rows]
        return found + out_of_range(self.name, Column("part", "category", levels=PARTS), table["part"])

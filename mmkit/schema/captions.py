"""Pictures, or what a detector says of them, with several captions each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmkit.schema.columns import PARTS, Column, missing_values, out_of_range, repeated_ids, whole, wrong_columns
from mmkit.schema.multimodal import Modality, broken_rows


@dataclass(frozen=True)
class CaptionSchema:
    """`id` (unique), what is seen (some modalities, possibly none), `captions` (one or more texts), and the official `part`."""

    name: str
    modalities: tuple[Modality, ...] = ()
    label: str = ""  # nothing to predict but the captions
    classes: tuple[str, ...] = ()

    @property
    def arrow(self) -> pa.Schema:
        seen = [(m.name, m.arrow) for m in self.modalities]
        columns = [("id", pa.string()), *seen, ("captions", pa.list_(pa.string())), ("part", pa.string())]
        return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns])

    def problems(self, table: pa.Table) -> list[str]:
        """Everything about `table` that breaks this schema, worded for a person; empty when it fits."""
        if found := wrong_columns(self.name, self.arrow, table):
            return found
        if found := missing_values(self.name, self.arrow, table):
            return found
        found = repeated_ids(self.name, table["id"])
        for modality in self.modalities:
            found += broken_rows(self.name, modality, table[modality.name])
        captions = whole(table["captions"])
        sizes = pc.list_value_length(captions).to_numpy(zero_copy_only=False)
        found += [f"{self.name}: row {row}: no caption, expected at least one" for row in np.flatnonzero(sizes == 0)]
        blank = pc.equal(pc.utf8_trim_whitespace(pc.fill_null(captions.flatten(), "")), "").to_numpy(zero_copy_only=False)
        rows = np.repeat(np.arange(len(captions)), sizes)[blank]
        found += [f"{self.name}: row {row}: a caption without text, expected a sentence" for row in rows]
        return found + out_of_range(self.name, Column("part", "category", levels=PARTS), table["part"])

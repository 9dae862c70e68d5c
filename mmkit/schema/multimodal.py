"""Examples of several modalities: text, vectors, sequences, pictures, sound, people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmkit.errors import DataError
from mmkit.schema.columns import PARTS, Column, matrix, missing_values, out_of_range, repeated_ids, steps, whole, wrong_columns

MODALITIES = ("text", "vector", "sequence", "picture", "sound", "people")


@dataclass(frozen=True)
class Modality:
    """One thing that an example shows. Missing values are not allowed: a reader leaves the record out, or fills it, and counts.

    kind: text (a string) | vector (D numbers) | sequence (one or more steps of D numbers) | picture (bytes of (3, H, W), RGB, or
    of (F, 3, H, W), F of them) | sound (one channel of int16 samples, the unit names the rate, "22050 Hz") | people (any number
    of {role, name}).  shape: (D,) of a vector or of one step, (3, H, W) or (F, 3, H, W) of pictures, () otherwise.
    """

    name: str
    kind: str
    shape: tuple[int, ...] = ()
    unit: str = ""
    about: str = ""

    @property
    def arrow(self) -> pa.DataType:
        if self.kind == "vector":
            return pa.list_(pa.float32(), self.shape[0])
        if self.kind == "sequence":
            return pa.list_(pa.list_(pa.float32(), self.shape[0]))
        if self.kind == "picture":
            return pa.list_(pa.uint8(), int(np.prod(self.shape)))
        if self.kind == "sound":
            return pa.list_(pa.int16())
        return pa.string() if self.kind == "text" else pa.list_(pa.struct([("role", pa.string()), ("name", pa.string())]))


@dataclass(frozen=True)
class MultimodalSchema:
    """`id` (unique), some modalities, one label, and `part`, the official split, train | valid | test.

    Label: multilabel, a 0 or 1 (uint8) per class, at least one 1; binary and multiclass, a class number (int64).
    """

    name: str
    task: str  # multilabel | binary | multiclass
    modalities: tuple[Modality, ...]
    label: str
    classes: tuple[str, ...]

    def __getitem__(self, name: str) -> Modality:
        """The modality of this name. Raises DataError naming the known ones."""
        for modality in self.modalities:
            if modality.name == name:
                return modality
        raise DataError(f"{self.name} has no modality {name!r}, expected one of {', '.join(m.name for m in self.modalities)}")

    @property
    def arrow(self) -> pa.Schema:
        label = pa.list_(pa.uint8(), len(self.classes)) if self.task == "multilabel" else pa.int64()
        columns = [("id", pa.string()), *((m.name, m.arrow) for m in self.modalities), (self.label, label), ("part", pa.string())]
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
        if self.task == "multilabel":
            y = matrix(table[self.label])
            found += [f"{self.name}: row {row}: no {self.label}, expected at least one" for row in np.flatnonzero(~y.any(axis=1))]
            rows = np.flatnonzero((y > 1).any(axis=1))
            found += [f"{self.name}: row {row}, column {self.label!r}: {y[row].max()}, expected 0 or 1" for row in rows]
        else:
            found += out_of_range(self.name, Column(self.label, "number", low=0, high=len(self.classes) - 1), table[self.label])
        return found + out_of_range(self.name, Column("part", "category", levels=PARTS), table["part"])


def broken_rows(name: str, modality: Modality, column: pa.ChunkedArray) -> list[str]:
    """Rows of one modality that no model can read."""
    place = f"{name}: row {{}}, column {modality.name!r}: {{}}"
    if modality.kind == "vector":
        rows = np.flatnonzero(~np.isfinite(matrix(column)).all(axis=1))
        return [place.format(row, "infinite or NaN values, expected finite numbers") for row in rows]
    if modality.kind == "sequence":
        values, offsets = steps(column)
        empty = np.flatnonzero(np.diff(offsets) == 0)
        bad = np.unique(np.searchsorted(offsets, np.flatnonzero(~np.isfinite(values).all(axis=1)), side="right") - 1)
        return [place.format(row, "no steps, expected at least one") for row in empty] + [
            place.format(row, "infinite or NaN values, expected finite numbers") for row in bad
        ]
    if modality.kind == "sound":
        empty = np.flatnonzero(np.diff(whole(column).offsets.to_numpy()) == 0)
        return [place.format(row, "no samples, expected at least one") for row in empty]
    if modality.kind == "text":
        blank = pc.equal(pc.utf8_trim_whitespace(column), "").to_numpy(zero_copy_only=False)
        return [place.format(row, "no text, expected some") for row in np.flatnonzero(blank)]
    return []

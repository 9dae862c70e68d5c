"""Text, category and number columns with one label."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mmkit.schema.columns import ROLES, Column, out_of_range, wrong_columns

TASKS = ("binary", "multiclass", "regression")


@dataclass(frozen=True)
class TableSchema:
    """Text, category and number columns with one label: class index int64 (binary: 1 = `classes[1]`) or float64 target."""

    name: str
    task: str  # binary | multiclass | regression
    columns: tuple[Column, ...]
    label: str
    classes: tuple[str, ...] = ()
    label_unit: str = ""

    def names(self, role: str) -> list[str]:
        return [c.name for c in self.columns if c.role == role]

    @property
    def text(self) -> list[str]:
        return self.names("text")

    @property
    def categories(self) -> list[str]:
        return self.names("category")

    @property
    def numbers(self) -> list[str]:
        return self.names("number")

    @property
    def arrow(self) -> pa.Schema:
        label = pa.float64() if self.task == "regression" else pa.int64()
        fields = [pa.field(c.name, ROLES[c.role]) for c in self.columns]
        return pa.schema([*fields, pa.field(self.label, label, nullable=False)])

    def problems(self, table: pa.Table) -> list[str]:
        """Everything about `table` that breaks this schema, worded for a person; empty when it fits."""
        if found := wrong_columns(self.name, self.arrow, table):
            return found
        for column in self.columns:
            found += out_of_range(self.name, column, table[column.name])
        label = table[self.label]
        if label.null_count:
            found.append(
                f"{self.name}: label {self.label!r} is missing in {label.null_count} rows, expected a value in every row"
            )
        elif self.task != "regression":
            bounds = Column(self.label, "number", low=0, high=len(self.classes) - 1)
            found += out_of_range(self.name, bounds, label)
        elif not bool(pc.all(pc.is_finite(label)).as_py()):
            found.append(f"{self.name}: label {self.label!r} has infinite or NaN values, expected finite numbers")
        return found

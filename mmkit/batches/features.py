"""Category and number columns to features, fitted on the training split alone and applied to every split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from mmkit.errors import SettingsError
from mmkit.schema import TableSchema

MISSING = "<missing>"  # a missing category is a level of its own
ENCODINGS = ("onehot", "binary")


@dataclass
class TableFeatures:
    """One-hot or binary categories; numbers with the median for missing ones, mapped to a normal by their quantiles.

    Deviation: the official code fits on train, validation and test together; here the training split alone is seen.
    A level that training never saw becomes all zeros.
    """

    schema: TableSchema
    encoding: str = "onehot"  # onehot | binary (level number in base 2, as the paper's clothing and listing settings do)
    levels: list[np.ndarray] = field(default_factory=list)
    _numbers: Any = None
    _known: np.ndarray | None = None  # which number columns training saw a value of

    def fit(self, table: pa.Table) -> TableFeatures:
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import QuantileTransformer

        if self.encoding not in ENCODINGS:
            raise SettingsError(f"category_encoding = {self.encoding!r}, expected one of {', '.join(ENCODINGS)}")
        self.levels = [np.unique(self._strings(table, name)) for name in self.schema.categories]
        if self.schema.numbers:
            quantiles = QuantileTransformer(n_quantiles=min(1000, table.num_rows), output_distribution="normal", subsample=None)
            imputer = SimpleImputer(strategy="median", keep_empty_features=True)
            values = _matrix(table, self.schema.numbers)
            self._numbers, self._known = make_pipeline(imputer, quantiles).fit(values), ~np.isnan(values).all(axis=0)
        return self

    def transform(self, table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
        """(categories (N, C) float32, numbers (N, M) float32)."""
        blocks = [
            self._encode(self._strings(table, name), seen) for name, seen in zip(self.schema.categories, self.levels, strict=True)
        ]
        empty = np.zeros((table.num_rows, 0), dtype=np.float32)
        numbers = empty
        if self._numbers is not None:  # a column that training never saw a value of says nothing: zeros
            numbers = np.where(self._known, self._numbers.transform(_matrix(table, self.schema.numbers)), 0.0)
        return np.concatenate([empty, *blocks], axis=1), numbers.astype(np.float32)

    @property
    def names(self) -> list[str]:
        """What each category feature stands for, in the order of the columns of `transform`'s first result."""
        named = []
        for column, seen in zip(self.schema.categories, self.levels, strict=True):
            named += (
                [f"{column} = {level}" for level in seen]
                if self.encoding == "onehot"
                else [f"{column} bit {b}" for b in range(_bits(seen))]
            )
        return named

    def _strings(self, table: pa.Table, name: str) -> np.ndarray:
        return table[name].fill_null(MISSING).to_numpy().astype(str)

    def _encode(self, values: np.ndarray, seen: np.ndarray) -> np.ndarray:
        at = np.minimum(np.searchsorted(seen, values), len(seen) - 1)
        known = seen[at] == values
        if self.encoding == "onehot":
            return ((at[:, None] == np.arange(len(seen))) & known[:, None]).astype(np.float32)
        return (((at[:, None] + 1) >> np.arange(_bits(seen))) & 1).astype(np.float32) * known[:, None]


def _bits(seen: np.ndarray) -> int:
    return len(seen).bit_length()


def _matrix(table: pa.Table, names: Sequence[str]) -> np.ndarray:
    return np.stack([table[name].to_numpy().astype(np.float64) for name in names], axis=1)  # missing numbers are NaN

"""Table features against scikit-learn's, and against the leaks that they must not have."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer

from mmkit.batches import TableFeatures
from mmkit.errors import SettingsError
from mmkit.schema import Column, TableSchema
from mmkit.worlds import tables

WORLD = tables.make("listings", 900, 0)
TRAIN, TEST = WORLD.parts((0.7, 0.3), 0)
MISSING = "<missing>"


def strings(table):
    return np.column_stack([table[c].fill_null(MISSING).to_numpy().astype(object) for c in WORLD.schema.categories])


def numbers(table):
    return np.column_stack([table[c].to_numpy().astype(float) for c in WORLD.schema.numbers])


def test_one_hot_as_scikit_learn():
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(strings(TRAIN.table))
    features = TableFeatures(WORLD.schema).fit(TRAIN.table)
    for part in (TRAIN, TEST):
        mine, _ = features.transform(part.table)
        assert mine.dtype == np.float32
        np.testing.assert_array_equal(mine, encoder.transform(strings(part.table)))
    assert features.names == [
        f"{c} = {level}" for c, levels in zip(WORLD.schema.categories, encoder.categories_, strict=True) for level in levels
    ]


def test_numbers_as_scikit_learn_after_the_training_median():
    raw, test = numbers(TRAIN.table), numbers(TEST.table)
    median = np.nanmedian(raw, axis=0)
    quantiles = QuantileTransformer(n_quantiles=len(raw), output_distribution="normal", subsample=None)
    quantiles.fit(np.where(np.isnan(raw), median, raw))
    _, mine = TableFeatures(WORLD.schema).fit(TRAIN.table).transform(TEST.table)
    np.testing.assert_allclose(mine, quantiles.transform(np.where(np.isnan(test), median, test)), rtol=1e-6)
    assert np.isnan(test).any()


def test_a_smooth_number_becomes_normal():
    _, mine = TableFeatures(WORLD.schema).fit(TRAIN.table).transform(TEST.table)
    price_like = mine[:, 0]  # log-normal before
    assert price_like.mean() == pytest.approx(0, abs=0.2)
    assert price_like.std() == pytest.approx(1, abs=0.2)


TOY = TableSchema("toy", "binary", (Column("colour", "category"), Column("age", "number")), "y", ("no", "yes"))


def toy(colours, ages=None):
    ages = [float(i) for i in range(len(colours))] if ages is None else ages
    return pa.table({"colour": colours, "age": ages, "y": [0] * len(colours)}, schema=TOY.arrow)


@pytest.mark.parametrize("encoding", ["onehot", "binary"])
def test_a_level_that_training_never_saw_is_all_zeros_and_missing_is_a_level(encoding):
    features = TableFeatures(TOY, encoding).fit(toy(["red", None, "blue"]))
    seen, _ = features.transform(toy(["red", None, "blue", "aaa", "zzz", "re"]))
    assert (seen[:3].sum(1) > 0).all()
    assert not seen[3:].any()
    without, _ = TableFeatures(TOY, encoding).fit(toy(["red", "blue"])).transform(toy([None]))
    assert not without.any()


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 30])
def test_binary_codes_are_unique_per_level_and_short(n):
    levels = [f"L{i}" for i in range(n)]
    features = TableFeatures(TOY, "binary").fit(toy(levels))
    codes, _ = features.transform(toy(levels))
    assert len({tuple(c) for c in codes.tolist()}) == n
    assert codes.any(axis=1).all()  # zeros are kept for the unseen
    assert codes.shape[1] == int(np.ceil(np.log2(n + 1))) == len(features.names)
    assert features.names[0] == "colour bit 0"
    np.testing.assert_array_equal(codes @ 2 ** np.arange(codes.shape[1]), np.argsort(np.argsort(levels)) + 1)


def test_a_column_without_any_value_becomes_zeros():
    features = TableFeatures(TOY).fit(toy(["a", "b"] * 3, [None] * 6))
    assert features.transform(toy(["a", "b"], [None, 7.0]))[1].tolist() == [[0.0], [0.0]]


def test_fitted_on_the_training_split_alone():
    features = TableFeatures(WORLD.schema, "binary").fit(TRAIN.table)
    before = features.transform(TEST.table)
    features.transform(toy_like := TRAIN.table.slice(0, 5))
    for a, b in zip(before, features.transform(TEST.table), strict=True):
        np.testing.assert_array_equal(a, b)
    first = features.transform(TEST.table.slice(0, 1))  # a record's features do not depend on its neighbours
    np.testing.assert_array_equal(first[0], before[0][:1])
    np.testing.assert_array_equal(first[1], before[1][:1])
    assert len(toy_like) == 5


def test_tables_without_a_role():
    no_numbers = TableSchema("t", "binary", TOY.columns[:1], "y", ("n", "y"))
    categories, none = TableFeatures(no_numbers).fit(toy(["a", "b"])).transform(toy(["b"]))
    assert (categories.tolist(), none.shape) == ([[0.0, 1.0]], (1, 0))
    no_categories = TableSchema("t", "binary", TOY.columns[1:], "y", ("n", "y"))
    assert TableFeatures(no_categories).fit(toy(["a", "b"])).transform(toy(["b"]))[0].shape == (1, 0)


def test_unknown_encoding():
    with pytest.raises(SettingsError, match="category_encoding = 'hot', expected one of onehot, binary"):
        TableFeatures(TOY, "hot").fit(toy(["a"]))

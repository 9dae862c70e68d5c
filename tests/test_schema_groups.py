"""Grouped splits: no group on two sides, sizes and classes as even as scikit-learn's, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from mmkit.errors import DataError, SettingsError
from mmkit.schema import groups as schema_groups
from mmkit.schema.groups import grouped_folds, grouped_parts


def talks(seed: int, count: int = 60, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Groups of 5 to 40 rows, each with its own taste of classes; their rows lie mixed."""
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.repeat(np.arange(count), rng.integers(5, 41, count)))
    taste = rng.dirichlet(np.ones(classes), count)
    return groups, (taste[groups].cumsum(axis=1) < rng.random(len(groups))[:, None]).sum(axis=1)


def unevenness(parts: list[np.ndarray], shares: np.ndarray, labels: np.ndarray) -> float:
    """Largest distance of a part's share of a class from its goal, of all rows as well."""
    wanted = [labels == c for c in np.unique(labels)] + [np.ones(len(labels), dtype=bool)]
    return max(abs(some[part].sum() / some.sum() - s) for some in wanted for part, s in zip(parts, shares, strict=True))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=6, max_size=80), st.integers(2, 4), st.integers(0, 5))
def test_every_row_is_tested_once_and_no_group_is_divided(groups, k, seed):
    if len(set(groups)) < k:
        with pytest.raises(DataError, match=f"cannot fill {k} parts"):
            grouped_folds(groups, k, seed)
        return
    groups = np.array(groups)
    folds = grouped_folds(groups, k, seed, labels=np.arange(len(groups)) % 3)
    assert len(folds) == k
    np.testing.assert_array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(len(groups)))
    for train, test in folds:
        assert len(test) > 0
        assert not set(groups[train]) & set(groups[test])
        np.testing.assert_array_equal(np.sort(np.r_[train, test]), np.arange(len(groups)))
        assert (np.diff(train) > 0).all()
        assert (np.diff(test) > 0).all()


def test_as_even_as_scikit_learn():
    ours, theirs = [], []
    for seed in range(8):
        groups, labels = talks(seed)
        split = StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(labels, labels, groups)
        theirs.append(unevenness([test for _, test in split], np.full(5, 0.2), labels))
        ours.append(unevenness([test for _, test in grouped_folds(groups, 5, seed, labels)], np.full(5, 0.2), labels))
    assert np.mean(ours) < 0.6 * np.mean(theirs)
    assert max(ours) < 0.02


def test_an_exchange_never_makes_it_less_even(monkeypatch):
    def cost(parts: list[np.ndarray], labels: np.ndarray) -> float:
        wanted = [labels == c for c in range(4)] + [np.ones(len(labels), dtype=bool)]
        return sum((some[part].sum() - some.sum() / 3) ** 2 / some.sum() for some in wanted for part in parts)

    made = [(seed, *talks(seed)) for seed in range(5)]
    after = [cost(grouped_parts(g, [1 / 3] * 3, seed, y), y) for seed, g, y in made]
    monkeypatch.setattr(schema_groups, "ROUNDS", 0)
    before = [cost(grouped_parts(g, [1 / 3] * 3, seed, y), y) for seed, g, y in made]
    monkeypatch.setattr(schema_groups, "ROUNDS", 1)
    once = [cost(grouped_parts(g, [1 / 3] * 3, seed, y), y) for seed, g, y in made]
    assert all(a < b < c for a, b, c in zip(after, once, before, strict=True))


def test_unequal_shares_are_met():
    shares = np.array([0.7, 0.1, 0.2])
    for seed in range(5):
        groups, labels = talks(seed, count=100)
        assert unevenness(grouped_parts(groups, shares, seed, labels), shares, labels) < 0.03
        sizes = [len(part) / len(groups) for part in grouped_parts(groups, shares, seed)]
        np.testing.assert_allclose(sizes, shares, atol=0.01)


def test_labels_are_what_evens_out_classes():
    groups, labels = np.repeat(np.arange(8), 10), np.repeat([0, 1], 40)  # four groups of each class, all equally large
    for seed in range(5):
        for _, test in grouped_folds(groups, 4, seed, labels):
            assert np.bincount(labels[test], minlength=2).tolist() == [10, 10]
    blind = [np.bincount(labels[test], minlength=2).tolist() for s in range(5) for _, test in grouped_folds(groups, 4, s)]
    assert [20, 0] in blind


def test_the_same_for_the_same_seed_whatever_the_order_of_rows():
    groups, labels = talks(0)
    names = np.array([f"talk {g:03}" for g in groups])
    first, again, named, other = (
        grouped_parts(g, [0.5, 0.5], s, labels) for g, s in ((groups, 3), (groups, 3), (names, 3), (groups, 4))
    )
    for a, b, c in zip(first, again, named, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    assert set(groups[first[0]]) != set(groups[other[0]])
    order = np.random.default_rng(0).permutation(len(groups))
    mixed = grouped_parts(groups[order], [0.5, 0.5], 3, labels[order])
    assert set(groups[order][mixed[0]]) == set(groups[first[0]])


def test_columns_of_a_table_serve_as_they_are():
    groups, labels = talks(0)
    table = pa.table({"dialogue": [f"talk {g:03}" for g in groups], "label": labels})
    for own, column in zip(
        grouped_parts(groups, [0.8, 0.2], 0, labels), grouped_parts(table["dialogue"], [0.8, 0.2], 0, table["label"]), strict=True
    ):
        np.testing.assert_array_equal(own, column)


def test_no_part_stays_empty():
    for seed in range(5):
        parts = grouped_parts(["a"] * 50 + ["b"] * 2 + ["c"], [0.98, 0.01, 0.01], seed)
        assert sorted(map(len, parts)) == [1, 2, 50]


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: grouped_folds([1, 1, 2], 3, 0), DataError, "2 groups in 3 rows cannot fill 3 parts"),
        (lambda: grouped_folds([1, 2], 1, 0), SettingsError, "k = 1, expected at least 2"),
        (lambda: grouped_parts([1, 2], [0.5, 0.6], 0), SettingsError, "sum to 1"),
        (lambda: grouped_parts([1, 2], [1.0, 0.0], 0), SettingsError, "above 0"),
        (lambda: grouped_parts([1, 2], [0.5, 0.5], 0, labels=[1]), DataError, r"labels have shape \(1,\), expected \(2,\)"),
        (lambda: grouped_parts([], [0.5, 0.5], 0), DataError, r"groups have shape \(0,\)"),
        (lambda: grouped_parts([[1, 2]], [0.5, 0.5], 0), DataError, r"groups have shape \(1, 2\)"),
        (lambda: grouped_parts([1.0, np.nan, 2.0], [0.5, 0.5], 0), DataError, r"row 1 has no group \(nan\); 1 rows"),
        (
            lambda: grouped_parts(np.array(["a", "b", None], dtype=object), [0.5, 0.5], 0),
            DataError,
            r"row 2 has no group \(None\)",
        ),
    ],
)
def test_impossible_splits_are_refused(call, error, told):
    with pytest.raises(error, match=told):
        call()

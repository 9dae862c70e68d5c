"""Metadata of the movies world: thirteen readable fields on three scales, pulled by genres, and hashed names."""

from __future__ import annotations

import zlib
from functools import cache
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from mmkit.schema import matrix
from mmkit.worlds import movies
from mmkit.worlds.movies import metadata
from mmkit.worlds.movies.knobs import settle

FILMS = 3000
SIZES = {"language": 8, "country": 10, "certificate": 6, "colour": 2, "aspect": 4}


@cache
def split(scale="raw", null=None, seed=1, view="mmimdb", films=FILMS, show=("metadata",), **changes):
    return movies.make(view, films, seed, null, show, metadata_scale=scale, **changes).records


def values(*args, **changes):
    return matrix(split(*args, **changes).table["metadata"])


def part(*args, **changes):
    return split(*args, **changes).table["part"].to_numpy(zero_copy_only=False)


def test_there_are_thirteen_fields_in_38_numbers():
    fields = metadata.fields(settle("mmimdb", 0, None, {}))
    assert len(fields) == 38 == values().shape[1]
    assert len({field.split("=")[0] for field in fields}) == 13
    assert list(fields[:4]) == ["duration", "year", "budget", "votes"]
    assert len(metadata.fields(settle("mmimdb", 0, None, {"metadata_names": True}))) == 312


def test_raw_numbers_are_counts_up_to_a_million_next_to_zeros_and_ones():
    raw = values()[:, :8]
    assert (raw == np.rint(raw)).all()
    assert 1e5 < raw.max() <= 1e6
    medians = dict(zip(metadata.fields(settle("mmimdb", 0, None, {})), np.median(raw, axis=0), strict=False))
    assert 95 < medians["duration"] < 120
    assert 1985 < medians["year"] < 2005
    assert 7_000 < medians["budget"] < 60_000
    assert 7_000 < medians["votes"] < 60_000
    clipped = [((column == n.low) | (column == n.high)).mean() for column, n in zip(raw.T, metadata.NUMBERS, strict=True)]
    assert max(clipped) < 0.2  # most films have a value of their own
    for column, n in zip(raw.T, metadata.NUMBERS, strict=True):
        assert column.min() >= n.low
        assert column.max() <= n.high


def test_each_category_has_exactly_one_level_and_uses_them_all():
    levels = values()[:, 8:]
    assert set(np.unique(levels)) == {0, 1}
    start = 0
    for name, size in SIZES.items():
        block = levels[:, start : start + size]
        assert (block.sum(axis=1) == 1).all(), name
        assert (block.sum(axis=0) > 0).all(), name
        start += size
    assert start == 30


def test_the_log_scale_is_the_logarithm_of_the_raw_counts():
    raw, logs = values(), values("log")
    np.testing.assert_allclose(logs[:, 2:8], np.log1p(raw[:, 2:8]), rtol=1e-6)
    np.testing.assert_allclose(logs[:, 0], raw[:, 0] / 60, rtol=1e-6)  # hours
    np.testing.assert_allclose(logs[:, 1], (raw[:, 1] - 2000) / 10, rtol=1e-5, atol=1e-6)  # decades
    assert (logs[:, 8:] == raw[:, 8:]).all()
    assert np.abs(logs).max() < 15


def test_the_standard_scale_is_fitted_on_the_training_films_alone():
    logs, standard, train = values("log").astype(float), values("standard"), part() == "train"
    np.testing.assert_allclose(standard[train, :8].mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(standard[train, :8].std(axis=0), 1, atol=1e-4)
    assert np.abs(standard[~train, :8].mean(axis=0)).max() > 1e-3
    mean, sd = logs[train, :8].mean(axis=0), logs[train, :8].std(axis=0)
    np.testing.assert_allclose(standard[:, :8], (logs[:, :8] - mean) / sd, atol=2e-3)
    assert (standard[:, 8:] == logs[:, 8:]).all()


def test_the_null_of_equal_scales_is_the_standard_scale():
    null = movies.make("mmimdb", 200, 1, "equal_meta_scale", "metadata").records.table
    assert null.equals(movies.make("mmimdb", 200, 1, show="metadata", metadata_scale="standard").records.table)
    assert movies.make("mmimdb", 200, 1, show="metadata").records.table.equals(
        movies.make("mmimdb", 200, 1, show="metadata", metadata_scale="raw").records.table
    )


def test_units_of_a_genre_pull_the_fields_its_way():
    """Least squares finds the pulls again; they add up unit by unit, and decoys pull like genuine units."""
    logs, truth = values("log"), split("log").truth
    genuine, decoy = (matrix(truth[name]).reshape(FILMS, 5, 23)[:, 4].astype(float) for name in ("genuine", "decoy"))
    target = logs[:, [2, 5, 6]]  # budget, film likes, cast likes: far from their bounds
    inside = ((target > 1) & (target < 13.5)).all(axis=1)
    x = np.column_stack([np.ones(FILMS), genuine, decoy])
    found, rest, *_ = np.linalg.lstsq(x[inside], target[inside], rcond=None)
    alone = np.corrcoef(found[1:24].ravel(), found[24:].ravel())[0, 1]
    assert alone > 0.9
    explained = 1 - rest / ((target[inside] - target[inside].mean(axis=0)) ** 2).sum(axis=0)
    assert (explained > 0.7).all()
    assert (explained < 0.97).all()
    other = values("log", seed=2)
    assert np.abs(np.corrcoef(logs[:, 2], other[:, 2])[0, 1]) < 0.1


def test_categories_are_pulled_by_genres_too_and_frequent_levels_stand_first():
    truth, levels = split().truth, values()[:, 8:]
    units = (matrix(truth["genuine"]) + matrix(truth["decoy"])).reshape(FILMS, 5, 23)[:, 4].astype(float)
    _, rest, *_ = np.linalg.lstsq(np.column_stack([np.ones(FILMS), units]), levels, rcond=None)
    explained = 1 - rest / ((levels - levels.mean(axis=0)) ** 2).sum(axis=0)
    first = np.concatenate([[0], np.cumsum(list(SIZES.values()))])
    assert all(explained[a:b].mean() > 0.25 for a, b in pairwise(first))
    share = np.mean([values(seed=seed, films=300)[:, 8:].mean(axis=0) for seed in range(8)], axis=0)
    assert all(share[a] > 1.8 * share[b - 1] for a, b in pairwise(first) if b - a > 2)


def test_no_seed_shifts_a_field_as_a_whole():
    found = []
    for seed in range(8):
        logs = values("log", seed=seed, films=300)
        found += [(logs[:, n].mean() - metadata.NUMBERS[n].centre) / metadata.NUMBERS[n].spread for n in (2, 5, 6)]
    assert np.sqrt(np.mean(np.square(found))) < 0.8  # spreads; 1.6 were the pulls not centred


def test_votes_and_reviews_show_how_reliable_the_metadata_is():
    logs, cue = values("log"), matrix(split("log").truth["cue"])[:, 4]
    names = metadata.fields(settle("mmimdb", 0, None, {}))
    r = {name: np.corrcoef(logs[:, n], cue)[0, 1] for n, name in enumerate(names[:8])}
    assert r["votes"] > 0.5
    assert r["critic reviews"] > 0.5
    assert all(abs(r[name]) < 0.25 for name in r if name not in ("votes", "critic reviews"))
    hidden, truth = values("log", null="hidden"), split("log", null="hidden").truth
    assert abs(np.corrcoef(hidden[:, 3], matrix(truth["reliability"])[:, 4])[0, 1]) < 0.1
    assert np.corrcoef(hidden[:, 3], matrix(truth["cue"])[:, 4])[0, 1] > 0.5


def test_names_are_hashed_by_spelling_alone():
    people = pa.array(
        [
            [{"role": "director", "name": "Ana Bo"}, {"role": "writer", "name": "Cy Dee"}],
            [],
            [{"role": "writer", "name": "Ana Bo"}],
        ],
        pa.list_(pa.struct([("role", pa.string()), ("name", pa.string())])),
    )
    expected = np.zeros((3, 274))
    for film, names in ((0, ["Ana Bo", "Cy Dee"]), (2, ["Ana Bo"])):
        for name in names:
            code = zlib.crc32(name.encode())
            expected[film, code % 274] += (1 if code // 274 % 2 else -1) / len(names) ** 0.5
    np.testing.assert_allclose(metadata.hashed_names(people), expected)


def test_names_make_312_numbers_of_the_films_own_people():
    plain = split(view="moviescope", films=200, show=("metadata", "credits"))
    named = split(view="moviescope", films=200, show=("metadata",), metadata_names=True)
    wide = matrix(named.table["metadata"])
    assert wide.shape == (200, 312)
    assert "person" not in named.truth.column_names  # whoever is not shown is not told of
    assert (wide[:, :38] == matrix(plain.table["metadata"])).all()
    by_hand = metadata.hashed_names(plain.table["credits"].combine_chunks())
    np.testing.assert_allclose(wide[:, 38:], by_hand, rtol=1e-6)
    assert (wide[:, 38:] != 0).sum(axis=1).max() <= 7
    assert set(np.sign(wide[:, 38:]).ravel()) == {-1, 0, 1}


@pytest.mark.parametrize("scale", ["raw", "log", "standard"])
def test_everything_is_finite(scale):
    assert np.isfinite(values(scale)).all()

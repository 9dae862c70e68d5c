"""Moviescope: each film's features are its own, on every path through the folder; frames are averaged, never lost."""

from __future__ import annotations

import csv
import io
import os
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmkit import readers
from mmkit.errors import SettingsError
from mmkit.readers import movie_metadata, moviescope
from mmkit.readers.moviescope_files import averaged
from mmkit.schema import matrix, steps
from tests.readers import film_files
from tests.readers.film_files import LENGTHS, LISTS, TABLE

ORDER = (3, 0, 2, 1)  # train, train, dev, test


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return film_files.moviescope(tmp_path_factory.mktemp("data") / "moviescope")


@pytest.fixture(scope="module")
def data(folder):
    return readers.load("moviescope", folder.parent)


def test_every_film_has_its_own_features(data):
    table = data.records.table
    assert table["id"].to_pylist() == [str(id) for id in ORDER]
    assert table["part"].to_pylist() == ["train", "train", "valid", "test"]
    assert table["plot"].to_pylist() == [text for films in LISTS.values() for _, text, _ in films]
    frames, offsets = steps(table["video"])
    assert offsets.tolist() == [0, 200, 400, 600, 800]
    sound, ends = steps(table["audio"])
    assert np.diff(ends).tolist() == [LENGTHS[id] for id in ORDER]
    for n, id in enumerate(ORDER):
        np.testing.assert_array_equal(frames[offsets[n] : offsets[n + 1]], film_files.video(id)[0])
        np.testing.assert_array_equal(sound[ends[n] : ends[n + 1]], film_files.audio(id).T.astype(np.float32))
        np.testing.assert_array_equal(matrix(table["poster_vector"])[n], film_files.poster(id)[0])
    named = [{name for name, y in zip(data.schema.classes, row, strict=True) if y} for row in data.labels]
    assert named == [set(label) for films in LISTS.values() for _, _, label in films]
    assert [m.name for m in data.schema.modalities] == ["plot", "video", "audio", "poster_vector", "metadata"]
    assert len(data.schema.classes) == 13
    assert table.schema.equals(data.schema.arrow)


def test_what_was_counted(data):
    assert data.counts == {
        "films in train": 2, "films in valid": 1, "films in test": 1,
        "steps of the shortest audio": 300, "films with fewer than 382 steps of audio, kept": 1,
        "films whose poster_vector is all zeros, kept": 1,
        "missing, the median of the training films instead: num_critic_for_reviews": 1,
        "missing, the median of the training films instead: duration": 1,
        "missing: language": 1, "missing: content_rating": 1, "levels without a number of their own: language": 1,
    }  # fmt: skip


@pytest.mark.parametrize("count", [1, 7, 50, 199])
def test_frames_are_averaged_over_neighbours(count):
    frames = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    means = averaged(frames, count)
    parts = [frames[200 * k // count : 200 * (k + 1) // count] for k in range(count)]
    np.testing.assert_allclose(means, [part.mean(axis=0) for part in parts], rtol=1e-5, atol=1e-6)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert averaged(frames, 200) is frames


def test_fewer_frames_are_another_data_set(folder, data):
    less = moviescope.read(folder, video_steps=2)
    frames, offsets = steps(less.records.table["video"])
    assert offsets.tolist() == [0, 2, 4, 6, 8]
    np.testing.assert_allclose(frames[:, 1], [1000 * id + half for id in ORDER for half in (49.5, 149.5)])
    assert less.fingerprint != data.fingerprint
    assert less.records.table["audio"] == data.records.table["audio"]
    with pytest.raises(SettingsError, match=r"video_steps = 201, expected a number of steps from 1 to 200"):
        moviescope.read(folder, video_steps=201)


def test_metadata_of_the_table(data):
    """Film 3 in full and by hand; of the others what is missing."""
    values = matrix(data.records.table["metadata"])
    assert values.shape == (4, 312)
    captain = np.zeros(312)
    captain[:6] = 886204, 723, 33000, 4834, 0, 178
    captain[6 + movie_metadata.LANGUAGES.index("French")] = 1
    for name in ("Ida Jay", "Eve Fox", "title lost", "title ship", "title lost"):
        code = zlib.crc32(name.encode())
        captain[32 + code % 280] += 1 if code // 280 % 2 else -1
    np.testing.assert_array_equal(values[0], captain)
    clowns, whispers, robot = values[1:]
    assert whispers[5] == (178 + 90) / 2  # the training films alone
    assert robot[1] == (723 + 10) / 2
    assert robot[6:19].tolist() == [0] * 12 + [1]  # Zulu is another language
    assert not whispers[6:19].any()  # not known is none
    assert clowns[19:32].tolist() == [0, 0, 1] + [0] * 10
    assert data.schema["metadata"].shape == (312,)
    assert "counts (0-4)" in data.schema["metadata"].about
    assert list(movie_metadata.COUNTS) == [0, 1, 2, 3, 4]


def test_the_table_is_read_as_csv_reads_it(folder):
    rows = list(csv.DictReader(io.StringIO((folder / "movie_metadata.csv").read_text(encoding="utf-8"))))
    raw = movie_metadata.read(folder / "movie_metadata.csv")
    for name in movie_metadata.COLUMNS:
        assert raw.columns[name] == [row[name] for row in rows] == TABLE[name]


def test_published_matrices_are_preferred(tmp_path):
    folder = film_files.moviescope(tmp_path / "films", ("poster", "table", "matrices"))
    data = readers.load("moviescope", tmp_path)
    expected = np.array([np.arange(312) + 1000 * id for id in ORDER])
    np.testing.assert_array_equal(matrix(data.records.table["metadata"]), expected)
    assert "is not told" in data.schema["metadata"].about
    assert [m.name for m in data.schema.modalities] == ["plot", "poster_vector", "metadata"]
    np.save(folder / "Metadata_matrices/test_metadata.npy", np.ones((1, 312)))
    assert readers.load("moviescope", tmp_path).fingerprint != data.fingerprint


def test_the_lists_alone_are_read(tmp_path):
    film_files.moviescope(tmp_path / "Moviescope", ())
    data = readers.load("moviescope", tmp_path)
    assert [m.name for m in data.schema.modalities] == ["plot"]
    film_files.moviescope(tmp_path / "other/lists", ())  # lists like these belong to many data sets
    assert readers.locate("moviescope", tmp_path) == tmp_path / "Moviescope"
    assert moviescope.locate(tmp_path / "other") is None


def test_files_of_other_films_are_counted(tmp_path):
    folder = film_files.moviescope(tmp_path / "films", ("poster",))
    film_files.put(folder / "PosterFeatures/77.p", film_files.poster(7))
    assert readers.load("moviescope", tmp_path).counts["files of films in no list, not used: PosterFeatures"] == 1


def test_the_published_table_of_films():
    """All rows of the IMDB-5000 table: numbers in range, as many missing as another reader finds."""
    root = os.environ.get("MMKIT_TEST_DATA", "")
    path = Path(root) / "movies/imdb5000/movies.csv"
    if not root or not path.is_file():
        pytest.skip("MMKIT_TEST_DATA names no folder with movies/imdb5000/movies.csv")
    raw = movie_metadata.read(path)
    values, counts = movie_metadata.vectors(raw, range(len(raw)), np.full(len(raw), True))
    assert not raw.problems
    assert values.shape == (5_043, 312)
    assert np.isfinite(values).all()
    theirs = pd.read_csv(path)
    for at, name in enumerate(movie_metadata.NUMBERS):
        np.testing.assert_allclose(values[:, at], theirs[name].fillna(theirs[name].median()), rtol=1e-6)
        assert counts[f"missing, the median of the training films instead: {name}"] == theirs[name].isna().sum()
    assert values[:, 6].sum() == (theirs["language"] == "English").sum()
    assert counts["missing: content_rating"] == theirs["content_rating"].isna().sum() == 303
    assert not movie_metadata.slipped(raw, range(len(raw)), [names.split("|") for names in raw.columns["genres"]])
    moved = [names.split("|") for names in np.roll(raw.columns["genres"], 1)]
    assert "expected over 60%" in movie_metadata.slipped(raw, range(len(raw)), moved)

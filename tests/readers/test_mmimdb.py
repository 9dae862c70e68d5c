"""MM-IMDb: every number, word and pixel of the tiny files stands where it belongs; what is not needed is not read."""

from __future__ import annotations

import shutil

import h5py
import numpy as np
import pytest

from mmkit import readers
from mmkit.readers import mmimdb, mmimdb_folder
from mmkit.schema import matrix
from tests.readers import film_files
from tests.readers.film_files import BLOCKS, COLOURS, FILMS, OF, RECORDS


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A root with the HDF5 file three folders below it and the folder beside the root's own files."""
    root = tmp_path_factory.mktemp("films")
    film_files.mmimdb_folder(root / "mmimdb")
    film_files.hdf5(root / "deep/er/multimodal_imdb.hdf5")
    return root


def named(data):
    return [{name for name, y in zip(data.schema.classes, row, strict=True) if y} for row in data.labels]


def test_vectors_of_every_film(both):
    data = readers.load("mmimdb", both)
    table = data.records.table
    assert table["id"].to_pylist() == list(FILMS)
    np.testing.assert_array_equal(matrix(table["plot_vector"]), film_files.vectors(300, 0))
    np.testing.assert_array_equal(matrix(table["poster_vector"]), film_files.vectors(4096, 10))
    assert table["part"].to_pylist() == ["train", "train", "train", "valid", "test", "test"]
    assert data.counts == {"films in train": 3, "films in valid": 1, "films in test": 2}
    assert [{name for name, y in zip(data.schema.classes, row, strict=True) if y} for row in data.labels] == [
        set(some) for some in OF
    ]
    assert table.schema.equals(data.schema.arrow)
    assert (data.name, data.schema.task, len(data.schema.classes)) == ("mmimdb", "multilabel", 23)
    assert [len(part) for part in data.official()] == [3, 1, 2]


def test_columns_of_genres_are_told_by_their_names(tmp_path):
    names = sorted(mmimdb.GENRES)
    genres = np.array([[name in some for name in names] for some in OF], np.int32)
    other = readers.load("mmimdb", film_files.hdf5(tmp_path / "a.hdf5", names=names, genres=genres))
    np.testing.assert_array_equal(other.labels, readers.load("mmimdb", film_files.hdf5(tmp_path / "b.hdf5")).labels)


def test_only_what_is_needed_is_read(tmp_path, monkeypatch):
    path = film_files.hdf5(tmp_path / "multimodal_imdb.hdf5")
    read, get = [], h5py.Dataset.__getitem__
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda self, at: read.append(self.name) or get(self, at))
    mmimdb.read(path)
    assert sorted(read) == ["/features", "/genres", "/imdb_ids", "/vgg_features"]
    with_less = film_files.hdf5(tmp_path / "less.hdf5", images=None)
    assert mmimdb.read(with_less).fingerprint == mmimdb.read(path).fingerprint


def test_vectors_of_zeros_are_kept_and_counted(tmp_path):
    features = film_files.vectors(300, 0)
    features[[1, 4]] = 0
    data = readers.load("mmimdb", film_files.hdf5(tmp_path / "zeros.hdf5", features=features))
    assert data.counts["films whose plot_vector is all zeros, kept"] == 2
    assert "films whose poster_vector is all zeros, kept" not in data.counts
    assert data.fingerprint != readers.load("mmimdb", film_files.hdf5(tmp_path / "good.hdf5")).fingerprint


def test_ids_as_text_and_doubles_are_as_good(tmp_path):
    path = film_files.hdf5(
        tmp_path / "a.hdf5",
        imdb_ids=np.array(FILMS, h5py.string_dtype()),
        features=film_files.vectors(300, 0).astype(np.float64),
        vgg_features=film_files.vectors(4096, 10),
    )
    table = readers.load("mmimdb", path).records.table
    assert table["id"].to_pylist() == list(FILMS)
    np.testing.assert_array_equal(matrix(table["plot_vector"]), film_files.vectors(300, 0))


def test_old_files_give_rows_as_arrays_of_one(tmp_path):
    """numpy once wrote a field of shape 1 as it writes a number; today it is an array of one."""
    table = film_files.split_table(BLOCKS)
    kinds = [("split", "S5"), ("source", "S12"), ("start", "i8", (1,)), ("stop", "i8", (1,))]
    old = np.empty(len(table), kinds)
    for name in ("split", "source"):
        old[name] = table[name]
    for name in ("start", "stop"):
        old[name] = table[name][:, None]
    data = readers.load("mmimdb", film_files.hdf5(tmp_path / "old.hdf5", blocks=old))
    assert [len(part) for part in data.official()] == [3, 1, 2]


def test_rare_genres_may_change_places_in_a_small_part(tmp_path):
    """Four musicals and no comedy: no reason to doubt the names of the columns."""
    genres = film_files.arrays()["genres"]
    genres[:, :] = 0
    genres[:, mmimdb.GENRES.index("Musical")] = 1
    data = readers.load("mmimdb", film_files.hdf5(tmp_path / "part.hdf5", genres=genres))
    assert data.labels.sum() == 6


def test_words_people_and_genres_of_the_folder(both):
    data = mmimdb.read(both / "mmimdb")
    table = data.records.table
    assert table["id"].to_pylist() == ["0000005", "0012349", "0045152"]
    assert table["part"].to_pylist() == ["train", "valid", "test"]
    assert table["plot"].to_pylist() == ["A smith and two helpers hammer a rod.", "A tramp finds a boy.", "Rain, and they sing."]
    people = [[(person["role"], person["name"]) for person in some] for some in table["credits"].to_pylist()]
    assert people == [
        [("director", "Ada Bell"), ("writer", "Cy Dunn"), ("writer", "Eve Fox")],
        [("director", "Ada Bell"), ("art director", "Gil Hart")],
        [],
    ]
    assert named(data) == [{"Drama"}, {"Drama", "Comedy"}, {"Musical", "Comedy"}]
    assert data.counts == {
        "films in train": 1, "films in valid": 1, "films in test": 1, "films left out: none of the 23 genres": 1,
        "genres without a class, not used": 1, "films that split.json does not name, not used": 1,
    }  # fmt: skip
    assert table.schema.equals(data.schema.arrow)
    assert data.schema["poster"].shape == (3, 256, 160)


def test_pictures_are_scaled_and_cut_at_the_centre(tmp_path):
    """A poster twice as wide as its frame loses left and right; the black band keeps its height, the colours their channels."""
    folder = film_files.mmimdb_folder(tmp_path / "mmimdb")
    wide = film_files.jpeg(COLOURS["0012349"], (400, 100))
    (folder / "dataset/0012349.jpeg").write_bytes(wide)
    data = mmimdb_folder.read(folder, picture=(48, 32))
    pictures = matrix(data.records.table["poster"]).reshape(3, 3, 48, 32)
    for picture, id in zip(pictures, ("0000005", "0012349", "0045152"), strict=True):
        for channel, value in enumerate(COLOURS[id]):
            assert abs(picture[channel, :12].astype(int) - value).max() < 8
            assert picture[channel, 20:28].max() < 8
    assert data.schema["poster"].shape == (3, 48, 32)
    assert data.fingerprint != mmimdb_folder.read(folder, picture=(48, 40)).fingerprint


def test_the_file_of_vectors_is_preferred_and_either_is_found(both, tmp_path):
    assert readers.locate("mmimdb", both) == both / "deep/er/multimodal_imdb.hdf5"
    shutil.copytree(both / "mmimdb", tmp_path / "a/mmimdb")
    assert readers.locate("mmimdb", tmp_path) == tmp_path / "a/mmimdb"
    assert readers.locate("mmimdb", both / "mmimdb") == both / "mmimdb"


def test_the_fingerprint_follows_what_a_film_says(both, tmp_path):
    folder = shutil.copytree(both / "mmimdb", tmp_path / "mmimdb")
    before = mmimdb_folder.read(folder, picture=(16, 16)).fingerprint
    text = (folder / "dataset/0045152.json").read_text(encoding="utf-8")
    (folder / "dataset/0045152.json").write_text(text.replace("they sing", "she sings"), encoding="utf-8")
    assert RECORDS["0045152"]["plot"][0] in text
    assert mmimdb_folder.read(folder, picture=(16, 16)).fingerprint != before

"""What is kept on disk comes back as it was, or is made anew; a folder that cannot be used costs time and nothing else."""

from __future__ import annotations

import os
import threading

import numpy as np
import pyarrow as pa
import pytest

from mmkit import cache

CODE = ("worlds/scenes", "schema")
KEY = {"what": "scenes", "seed": 1, "count": 20}
ARRAYS = {"a": np.arange(6, dtype=np.int16).reshape(2, 3), "text": np.array(["acme", ""], dtype="<U8"), "none": np.zeros((0, 4))}
TABLE = pa.table({"id": ["x", "y"], "names": [["a"], []]})


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("MMKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Maker:
    """Counts how often it is asked."""

    def __init__(self, content):
        self.content, self.times = content, 0

    def __call__(self):
        self.times += 1
        return self.content


def assert_same(found, content):
    if isinstance(content, pa.Table):
        assert found.equals(content)
        assert found.schema.equals(content.schema)
    else:
        assert list(found) == list(content)
        for name, array in content.items():
            assert found[name].dtype == array.dtype
            assert found[name].shape == array.shape
            np.testing.assert_array_equal(found[name], array)


def entry(place):
    (path,) = (place / "scenes").iterdir()
    return path


@pytest.mark.parametrize("content", [ARRAYS, TABLE], ids=["arrays", "table"])
def test_made_once(place, content):
    make = Maker(content)
    for _ in range(3):
        assert_same(cache.cached("scenes", KEY, make, CODE), content)
    assert make.times == 1
    assert entry(place).name == cache.name(KEY, CODE)  # and no other file is left behind


def test_other_keys_are_other_entries():
    first, second = Maker(ARRAYS), Maker({"a": np.ones(2)})
    cache.cached("scenes", KEY, first, CODE)
    assert_same(cache.cached("scenes", {**KEY, "seed": 2}, second, CODE), second.content)
    cache.cached("scenes", dict(reversed(KEY.items())), first, CODE)  # the order of the key's names does not matter
    assert (first.times, second.times) == (1, 1)


def test_other_code_is_another_entry(monkeypatch):
    make = Maker(ARRAYS)
    cache.cached("scenes", KEY, make, CODE)
    monkeypatch.setattr(cache, "_digest", lambda code: "changed")
    cache.cached("scenes", KEY, make, CODE)
    assert make.times == 2


def test_what_code_is_read(monkeypatch, tmp_path):
    """The digest follows names and contents of the sources in each folder."""
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "cache.py"))
    digests = []
    for name, text in (("a/one.py", "a"), ("a/one.py", "b"), ("a/two.py", ""), ("b/one.py", "")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        cache._digest.cache_clear()
        digests.append(cache._digest(("a", "b")))
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "one.py").write_text("of no concern")
    cache._digest.cache_clear()
    assert cache._digest(("a", "b")) == digests[-1]
    monkeypatch.undo()
    cache._digest.cache_clear()
    assert len(set(digests)) == 4


@pytest.mark.parametrize("content", [ARRAYS, TABLE], ids=["arrays", "table"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other"])
def test_damaged_entries_are_made_anew(place, content, damage):
    make = Maker(content)
    cache.cached("scenes", KEY, make, CODE)
    path, raw = entry(place), bytearray(entry(place).read_bytes())
    middle = len(raw) // 2
    flipped = raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :]
    path.write_bytes({"cut": raw[:-9], "flipped": flipped, "empty": b"", "other": b"no cache at all" * 20}[damage])
    assert_same(cache.cached("scenes", KEY, make, CODE), content)
    assert make.times == 2
    assert path.read_bytes() == raw  # and mended
    cache.cached("scenes", KEY, make, CODE)
    assert make.times == 2


def test_a_folder_in_the_entry_s_place(place):
    (place / "scenes" / cache.name(KEY, CODE)).mkdir(parents=True)
    make = Maker(ARRAYS)
    assert_same(cache.cached("scenes", KEY, make, CODE), ARRAYS)
    assert [path.name for path in (place / "scenes").iterdir()] == [cache.name(KEY, CODE)]  # no part of a file is left


def test_a_folder_that_cannot_be_made(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MMKIT_CACHE", str(tmp_path / "file"))
    make = Maker(ARRAYS)
    for _ in range(2):
        assert_same(cache.cached("scenes", KEY, make, CODE), ARRAYS)
    assert make.times == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may write anywhere")
def test_a_folder_that_cannot_be_written(place):
    (place / "scenes").mkdir(parents=True, mode=0o500)
    assert_same(cache.cached("scenes", KEY, Maker(TABLE), CODE), TABLE)


def test_a_full_disk(monkeypatch, place):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert_same(cache.cached("scenes", KEY, Maker(TABLE), CODE), TABLE)
    assert list((place / "scenes").iterdir()) == []


def test_many_writers_at_once(place):
    makers = [Maker(ARRAYS) for _ in range(6)]
    found = []
    threads = [
        threading.Thread(target=lambda make=make: found.append(cache.cached("scenes", KEY, make, CODE))) for make in makers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for content in found:
        assert_same(content, ARRAYS)
    assert len(found) == 6
    assert entry(place).name == cache.name(KEY, CODE)


def test_errors_of_the_maker_are_its_own(place):
    def broken():
        raise RuntimeError("no scenes today")

    with pytest.raises(RuntimeError, match="no scenes today"):
        cache.cached("scenes", KEY, broken, CODE)
    assert not place.exists()


@pytest.mark.parametrize("content", [[1, 2], {"a": [1, 2]}, {"a": np.array([{}])}], ids=["list", "lists", "objects"])
def test_what_cannot_be_kept(content):
    with pytest.raises(TypeError, match="keeps a table, or a dict of arrays"):
        cache.cached("scenes", KEY, Maker(content), CODE)


def test_home_is_the_default(monkeypatch, tmp_path):
    monkeypatch.delenv("MMKIT_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "mmkit"

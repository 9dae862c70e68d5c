"""What is kept on disk comes back as it was, or is made anew; a folder that cannot be used costs time and nothing else."""

from __future__ import annotations

import os
import threading

import numpy as np
import pyarrow as pa
import pytest

from mmkit.worlds.scenes import cache

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
        assert_same(cache.cached(KEY, make), content)
    assert make.times == 1
    assert entry(place).name == cache.name(KEY)  # and no other file is left behind


def test_other_keys_are_other_entries():
    first, second = Maker(ARRAYS), Maker({"a": np.ones(2)})
    cache.cached(KEY, first)
    assert_same(cache.cached({**KEY, "seed": 2}, second), second.content)
    cache.cached(dict(reversed(KEY.items())), first)  # the order of the key's names does not matter
    assert (first.times, second.times) == (1, 1)


def test_other_code_is_another_entry(monkeypatch):
    make = Maker(ARRAYS)
    cache.cached(KEY, make)
    monkeypatch.setattr(cache, "_code", lambda: "changed")
    cache.cached(KEY, make)
    assert make.times == 2


def test_what_code_reads(monkeypatch, tmp_path):
    """Its digest follows names and contents of the package's files."""
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "cache.py"))
    digests = []
    for name, text in (("cache.py", "a"), ("cache.py", "b"), ("more.py", "")):
        (tmp_path / name).write_text(text)
        cache._code.cache_clear()
        digests.append(cache._code())
    monkeypatch.undo()
    cache._code.cache_clear()
    assert len(set(digests)) == 3


@pytest.mark.parametrize("content", [ARRAYS, TABLE], ids=["arrays", "table"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other"])
def test_damaged_entries_are_made_anew(place, content, damage):
    make = Maker(content)
    cache.cached(KEY, make)
    path, raw = entry(place), bytearray(entry(place).read_bytes())
    middle = len(raw) // 2
    flipped = raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :]
    path.write_bytes({"cut": raw[:-9], "flipped": flipped, "empty": b"", "other": b"no cache at all" * 20}[damage])
    assert_same(cache.cached(KEY, make), content)
    assert make.times == 2
    assert path.read_bytes() == raw  # and mended
    cache.cached(KEY, make)
    assert make.times == 2


def test_a_folder_in_the_entry_s_place(place):
    (place / "scenes" / cache.name(KEY)).mkdir(parents=True)
    make = Maker(ARRAYS)
    assert_same(cache.cached(KEY, make), ARRAYS)
    assert [path.name for path in (place / "scenes").iterdir()] == [cache.name(KEY)]  # no part of a file is left


def test_a_folder_that_cannot_be_made(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MMKIT_CACHE", str(tmp_path / "file"))
    make = Maker(ARRAYS)
    for _ in range(2):
        assert_same(cache.cached(KEY, make), ARRAYS)
    assert make.times == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may write anywhere")
def test_a_folder_that_cannot_be_written(place):
    (place / "scenes").mkdir(parents=True, mode=0o500)
    assert_same(cache.cached(KEY, Maker(TABLE)), TABLE)


def test_a_full_disk(monkeypatch, place):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert_same(cache.cached(KEY, Maker(TABLE)), TABLE)
    assert list((place / "scenes").iterdir()) == []


def test_many_writers_at_once(place):
    makers = [Maker(ARRAYS) for _ in range(6)]
    found = []
    threads = [threading.Thread(target=lambda make=make: found.append(cache.cached(KEY, make))) for make in makers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for content in found:
        assert_same(content, ARRAYS)
    assert len(found) == 6
    assert entry(place).name == cache.name(KEY)


def test_errors_of_the_maker_are_its_own(place):
    def broken():
        raise RuntimeError("no scenes today")

    with pytest.raises(RuntimeError, match="no scenes today"):
        cache.cached(KEY, broken)
    assert not place.exists()


@pytest.mark.parametrize("content", [[1, 2], {"a": [1, 2]}, {"a": np.array([{}])}], ids=["list", "lists", "objects"])
def test_what_cannot_be_kept(content):
    with pytest.raises(TypeError, match="keeps a table, or a dict of arrays"):
        cache.cached(KEY, Maker(content))


def test_home_is_the_default(monkeypatch, tmp_path):
    monkeypatch.delenv("MMKIT_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "mmkit"

"""Pickles as arrays: what numpy writes is read as numpy reads it, in every dress; anything else is refused unrun."""

from __future__ import annotations

import collections
import datetime
import os
import pickle

import numpy as np
import pytest

from mmkit.errors import DataError
from mmkit.readers import pickles

VALUES = np.arange(24, dtype=np.float32).reshape(2, 3, 4) + 0.5


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "value",
    [
        VALUES, np.asfortranarray(VALUES), VALUES[:, ::2], VALUES.astype(">f8"), VALUES.astype("<f2"), VALUES.astype(">i2"),
        np.array([[True, False]]), np.array(["a", "längst"]), np.array([b"ab", b"\xff"]), np.array(3.5), np.zeros((0, 4)),
        np.arange(3, dtype=np.uint64),
    ],
)  # fmt: skip
def test_arrays_are_what_numpy_reads(value, protocol):
    data = pickle.dumps(value, protocol=protocol)
    read = pickles.loads(data, "here")
    np.testing.assert_array_equal(read, pickle.loads(data))
    assert read.dtype == value.dtype.newbyteorder("=")
    assert read.dtype.isnative


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_containers_and_numbers_around_arrays(protocol):
    value = {17: np.int64(3), "b": [VALUES, (1, 2.5, None, True, b"x")], (1, 2): {np.float32(0.5), "s"}}
    read = pickles.loads(pickle.dumps(value, protocol=protocol), "here")
    np.testing.assert_array_equal(read["b"][0], VALUES)
    assert read["b"][1] == (1, 2.5, None, True, b"x")
    assert (read[17], read[(1, 2)]) == (3, {np.float32(0.5), "s"})
    assert type(read[17]) is np.int64


def test_a_pickle_of_python_2():
    """As Python 2 writes an array at protocol 2: its byte strings come without a codec."""
    raw = VALUES.tobytes()
    data = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02K\x03K\x04\x87cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U"
        + bytes([len(raw)]) + raw + b"tb."
    )  # fmt: skip
    np.testing.assert_array_equal(pickles.loads(data, "here"), VALUES)
    data = data.replace(b"U\x01<", b"U\x01>")
    np.testing.assert_array_equal(pickles.loads(data, "here"), VALUES.view(">f4"))  # the byte order is read


class Runs:
    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Runs(os.system, "touch ran"), f"names {os.system.__module__}.system,"),
        (Runs(eval, "open('ran', 'w')"), "names builtins.eval,"),
        (Runs(getattr, VALUES, "dump"), "names builtins.getattr,"),
        (Runs(np.load, "ran"), "names numpy.load,"),
        ({"deep": [(Runs(exec, "open('ran', 'w')"),)]}, "names builtins.exec,"),
        (datetime.date(2020, 1, 1), "names datetime.date,"),
        (collections.OrderedDict(a=1), "names collections.OrderedDict,"),
        (np.array([1, "a"], object), "holds an array of objects (dtype object), expected arrays of plain numbers"),
        (np.zeros(2, [("a", "f4")]), "holds an array of records, expected"),
        (np.zeros(2, "M8[s]"), "holds an array of type 'M8', expected plain numbers or text"),
        (np.dtype("f4"), "holds a _Type, expected"),
        (np.ndarray, None),
    ],
)
def test_anything_else_is_refused_and_never_run(value, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps(value, protocol=4)
    if named is None:  # the bare name of a class that arrays are made of is a name, nothing to call
        assert pickles.loads(data, "here") == "numpy.ndarray"
        return
    with pytest.raises(DataError) as caught:
        pickles.loads(data, "here.p")
    assert caught.value.summary.startswith(f"here.p: {named}")
    assert "Nothing of it was run" in caught.value.advice
    assert not list(tmp_path.iterdir())


def built(shape: bytes, kind: bytes, raw: bytes) -> bytes:
    """A pickle of one array with these opcodes for its parts."""
    start = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    return start + b"(K\x01" + shape + kind + b"\x89" + raw + b"tb."


TYPE = b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (built(b"K\x03\x85", TYPE, b"U\x04abcd"), "shape (3,) whose content does not fit it"),
        (built(b"J\xff\xff\xff\xff\x85", TYPE, b"U\x04abcd"), "shape (-1,) whose content does not fit it"),
        (built(b"J\xff\xff\xff\xffJ\xff\xff\xff\xff\x86", TYPE, b"U\x04abcd"), "shape (-1, -1) whose content does not fit it"),
        (built(b"K\x01\x85", b"K\x05", b"U\x04abcd"), "whose type is a int"),
        (built(b"K\x01\x85", TYPE, b"]"), "whose content does not fit it"),
        (built(b"", TYPE, b"U\x04abcd").replace(b"(K\x01", b"("), "is not a whole pickle"),
        (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R.", "asks for the codec 'rot13'"),
        (b"\x80\x02cnumpy.core.multiarray\nscalar\nN}X\x08\x00\x00\x00functionK\x01s\x86b.", "changes a function"),
        (b"\x80\x02c__builtin__\nbytes\nK\x07\x85R.", "is not a whole pickle"),
        (b"\x80\x02cnumpy\nndarray\nJ\x00\x00\x00\x10\x85\x85R.", "is not a whole pickle"),
        (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R.", "holds an array without content"),
        (pickle.dumps(VALUES, protocol=4)[:-30], "is not a whole pickle"),
        (b"<!DOCTYPE html>", "starts with b'<!DOCTYP', expected a pickle"),
        (b"", "is empty (0 bytes), expected a pickle"),
    ],
)
def test_a_crafted_or_damaged_pickle_is_refused(data, told):
    before = dict(pickles.KNOWN)
    with pytest.raises(DataError) as caught:
        pickles.loads(data, "here.p")
    assert told in caught.value.summary
    assert before == pickles.KNOWN


def test_a_file_is_named_in_full(tmp_path):
    (tmp_path / "3.p").write_bytes(pickle.dumps(VALUES))
    np.testing.assert_array_equal(pickles.load(tmp_path / "3.p"), VALUES)
    (tmp_path / "3.p").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"/3\.p: starts with b'nothing'"):
        pickles.load(tmp_path / "3.p")

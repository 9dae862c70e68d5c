"""Arrays out of pickles without running anything that a pickle may ask for.

A pickle is a program: it names classes and functions, and the reader calls them. Here only the few names that numpy writes
are known, and they stand for recorders of our own: the type's name, the shape and the bytes are noted and the array is built
from them. Every other name is refused. Both pickles of Python 2 and of Python 3 are read, of old numpy and new.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mmkit.errors import DataError
from mmkit.readers.files import AGAIN

PLAIN = re.compile(r"[<>=|]?(\?|b1|[iu][1248]|f[248]|[SU]\d+)")  # no objects, no records, no dates
REFUSED = "Nothing of it was run. Such a file can hold a program: do not load it by other means, ask where it comes from."


def load(path: Path) -> Any:
    """What one file holds: numpy arrays of plain numbers or text, and lists, tuples, dicts, sets, text and numbers around them.

    Raises DataError for anything else: a class or function that is named (nothing is run), an array of objects, a file that
    is cut off or is no pickle.
    """
    return loads(path.read_bytes(), str(path))


def loads(data: bytes, place: str) -> Any:
    """The same of bytes; `place` names them in errors."""
    if not data:
        raise DataError(f"{place}: is empty (0 bytes), expected a pickle", advice=AGAIN)
    try:
        return _plain(_Restricted(io.BytesIO(data), encoding="latin1").load())
    except _Refused as why:
        raise DataError(f"{place}: {why}", advice=REFUSED) from None
    except Exception:  # a damaged pickle raises almost anything: all of it means that it cannot be read
        if data[:1] not in (b"\x80", b"c", b"("):
            raise DataError(f"{place}: starts with {data[:8]!r}, expected a pickle", advice=AGAIN) from None
        raise DataError(f"{place}: is not a whole pickle", advice=AGAIN) from None


class _Refused(Exception):
    """Something that a file of arrays has no use for."""


class _Type:
    """Stands for numpy.dtype: notes the code and the byte order."""

    def __init__(self, code: str, align: object = False, copy: object = False) -> None:
        self.code, self.order = str(code), "="

    def __setstate__(self, state: tuple) -> None:
        if len(state) < 5 or any(part is not None for part in state[2:5]):
            raise _Refused("holds an array of records, expected arrays of plain numbers")
        self.order = "=" if state[1] == "|" else str(state[1])

    @property
    def plain(self) -> np.dtype:
        if self.code.lstrip("<>=|")[:1] == "O":
            raise _Refused("holds an array of objects (dtype object), expected arrays of plain numbers")
        if not PLAIN.fullmatch(self.code):
            raise _Refused(f"holds an array of type {self.code!r}, expected plain numbers or text")
        return np.dtype(self.code).newbyteorder(self.order)


class _Array:
    """Stands for an array that is being rebuilt: notes shape, type and bytes."""

    def __init__(self, *_: object) -> None:
        self.value: np.ndarray | None = None

    def __setstate__(self, state: tuple) -> None:
        shape, kind, fortran, raw = state[-4:]
        self.value = _built(raw, kind, shape, "F" if fortran else "C")


def _built(raw: Any, kind: Any, shape: Any, order: str) -> np.ndarray:
    """An array out of its parts; each of them is judged before it is used."""
    if not isinstance(kind, _Type):
        raise _Refused(f"holds an array whose type is a {type(kind).__name__}, expected a numpy type")
    plain = kind.plain
    raw = raw.encode("latin1") if isinstance(raw, str) else raw  # a byte string of Python 2
    if not isinstance(raw, (bytes, bytearray)) or min(shape, default=0) < 0 or math.prod(shape) * plain.itemsize != len(raw):
        raise _Refused(f"holds an array of shape {shape!r} whose content does not fit it")
    values = np.frombuffer(raw, plain).reshape(shape, order=order)
    return values.astype(plain.newbyteorder("="), copy=False)


def _numpy_scalar(kind: Any, raw: Any) -> Any:
    return _built(raw, kind, (), "C")[()]


def _numpy_buffer(raw: Any, kind: Any, shape: Any, order: Any) -> np.ndarray:
    return _built(bytes(raw), kind, shape, "F" if order == "F" else "C")


def _bytes(text: str, encoding: str) -> bytes:
    """How protocol 2 of Python 3 writes bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise _Refused(f"asks for the codec {encoding!r}, expected latin1")
    return text.encode("latin1")


class _Call:
    """One of our functions as a file sees it: to be called, and not to be given a state."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)

    def __setstate__(self, _: Any) -> None:
        raise _Refused("changes a function, expected arrays and built-in containers only")


def _no_bytes() -> bytes:
    """How the same protocol writes an empty byte string."""
    return b""


KNOWN: dict[tuple[str, str], Any] = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _Call(_numpy_scalar) for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _Call(_numpy_buffer) for core in ("core", "_core")},
    ("numpy", "ndarray"): "numpy.ndarray",  # an argument of _reconstruct, which _Array does not look at
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _Call(_bytes),
    **{(module, "bytes"): _Call(_no_bytes) for module in ("builtins", "__builtin__")},
    **{(module, "set"): set for module in ("builtins", "__builtin__")},
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in KNOWN:
            raise _Refused(f"names {module}.{name}, expected arrays and built-in containers only")
        return KNOWN[module, name]


def _plain(value: Any) -> Any:
    """`value` with every recorder replaced by its array. What is left over of a recorder is refused."""
    if isinstance(value, _Array):
        if value.value is None:
            raise _Refused("holds an array without content")
        return value.value
    if isinstance(value, dict):
        return {_plain(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set)):
        return type(value)(_plain(each) for each in value)
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, bytearray, np.ndarray, np.generic)):
        return value
    raise _Refused(f"holds a {getattr(value, '__name__', type(value).__name__)}, expected arrays and built-in containers only")

"""What takes long is made once and kept on disk: arrays or a table under a key, checked whenever they are read again."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Content = dict[str, NDArray] | pa.Table
DIGEST = hashlib.sha256().digest_size
ARRAYS, TABLE = b"A", b"T"  # the byte after the digest


def folder() -> Path:
    """$MMKIT_CACHE, or ~/.cache/mmkit where it is not set."""
    chosen = os.environ.get("MMKIT_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "mmkit"


def cached(kind: str, key: dict[str, Any], make: Callable[[], Content], code: Sequence[str]) -> Content:
    """What `make` returns, from disk where it was made before under the same key by the same code.

    kind: the folder of the entries.  key: everything that decides the result, of what JSON can hold.  code: the parts of mmkit
    that make it, such as "worlds/scenes".  An entry that is damaged or cannot be read is made anew; where the folder cannot be
    written, nothing is kept, and nothing is raised. Raises TypeError for other keys or results.
    """
    path = folder() / kind / name(key, code)
    found = _read(path)
    if found is not None:
        return found
    content = make()
    _write(path, _packed(content))
    return content


def name(key: dict[str, Any], code: Sequence[str]) -> str:
    """The file's name: it changes with the key, and with the code."""
    text = json.dumps(key, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(f"{_digest(tuple(code))}\n{text}".encode()).hexdigest()[:32]


@lru_cache
def _digest(code: tuple[str, ...]) -> str:
    """Of all sources in these folders of mmkit."""
    digest = hashlib.sha256()
    for part in code:
        for source in sorted((Path(__file__).parent / part).glob("*.py")):
            digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()


def _packed(content: Content) -> bytes:
    out = io.BytesIO()
    if isinstance(content, pa.Table):
        with pa.ipc.new_stream(out, content.schema) as stream:
            stream.write_table(content)
        return TABLE + out.getvalue()
    if not isinstance(content, dict) or not all(isinstance(a, np.ndarray) and not a.dtype.hasobject for a in content.values()):
        raise TypeError(f"a cache keeps a table, or a dict of arrays of numbers and texts, not {content!r:.80}")
    np.savez(out, allow_pickle=False, **content)
    return ARRAYS + out.getvalue()


def _read(path: Path) -> Content | None:
    """The content of an entry; None where there is none, or none that is whole."""
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    digest, body = raw[:DIGEST], raw[DIGEST:]
    if hashlib.sha256(body).digest() != digest:
        return None
    if body[:1] == TABLE:
        return pa.ipc.open_stream(pa.py_buffer(body)[1:]).read_all()
    with np.load(io.BytesIO(body[1:]), allow_pickle=False) as arrays:
        return dict(arrays)


def _write(path: Path, body: bytes) -> None:
    """All or nothing: written beside the entry, then renamed. Another process may do the same at the same time."""
    part = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        with os.fdopen(handle, "wb") as out:
            out.write(hashlib.sha256(body).digest() + body)
        os.replace(part, path)
    except OSError:
        if part is not None:
            Path(part).unlink(missing_ok=True)

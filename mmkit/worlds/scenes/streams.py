"""Random numbers by counter: what scene i of a split draws depends on nothing but the seed, the split, the stream and i."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

# One stream per concern, so that a null control which changes one of them leaves all others as they are.
STREAMS = (
    "world", "layout", "attributes", "text", "render", "detector", "sgg", "questions", "balance", "captions", "annotators",
    "core", "edges",
)  # fmt: skip


def rng(seed: int, split: str, stream: str, index: int = 0) -> np.random.Generator:
    """The generator of one scene. Philox (Salmon et al., 2011): 2^192 draws lie between two scenes' first numbers."""
    return np.random.Generator(np.random.Philox(key=_key(seed, split, stream), counter=[0, 0, 0, index]))


def uniforms(seed: int, split: str, stream: str, first: int, count: int, width: int) -> NDArray[np.float64]:
    """`width` numbers in [0, 1) for each of the scenes first .. first + count - 1, (count, width), in one go.

    Scene i always gets the same numbers, whichever block it is drawn in: block i of `width` (rounded up to fours) draws.
    """
    block = -(-width // 4)  # Philox makes four numbers per count
    bits = np.random.Philox(key=_key(seed, split, stream)).advance(first * block)
    return np.random.Generator(bits).random((count, 4 * block))[:, :width]


def _key(seed: int, split: str, stream: str) -> NDArray[np.uint64]:
    if stream not in STREAMS:
        raise ValueError(f"no stream {stream!r}, expected one of {', '.join(STREAMS)}")
    return np.array([seed, crc32(f"{split}/{stream}".encode())], dtype=np.uint64)

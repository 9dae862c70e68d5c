"""Letters, digits and prices as bitmaps of 5 x 7 points, scaled to the place that there is for them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

ROWS, COLUMNS, GAP = 7, 5, 1  # points of a character, and between two of them
LEAST = 3  # pixels: lettering that would be lower is not drawn

# Seven rows of five bits each, from the top, in hexadecimal. Letters are drawn as capitals.
FONT: dict[str, str] = {
    "a": "0e11111f111111", "b": "1e11111e11111e", "c": "0e11101010110e", "d": "1e11111111111e", "e": "1f10101e10101f",
    "f": "1f10101e101010", "g": "0e11101711110f", "h": "1111111f111111", "i": "0e04040404040e", "j": "0702020202120c",
    "k": "11121418141211", "l": "1010101010101f", "m": "111b1515111111", "n": "11111915131111", "o": "0e11111111110e",
    "p": "1e11111e101010", "q": "0e11111115120d", "r": "1e11111e141211", "s": "0f10100e01011e", "t": "1f040404040404",
    "u": "1111111111110e", "v": "11111111110a04", "w": "1111111515150a", "x": "11110a040a1111", "y": "11110a04040404",
    "z": "1f01020408101f", "0": "0e11131519110e", "1": "040c040404040e", "2": "0e11010204081f", "3": "1f02040201110e",
    "4": "02060a121f0202", "5": "1f101e0101110e", "6": "0608101e11110e", "7": "1f010204080808", "8": "0e11110e11110e",
    "9": "0e11110f01020c", "$": "040f140e051e04", ".": "00000000000c0c",
}  # fmt: skip


@lru_cache(maxsize=1024)
def lettering(text: str) -> NDArray[np.bool_]:
    """(7, 6 len(text) - 1) True where there is ink. Raises KeyError for a character without a bitmap, and for no text."""
    if not text:
        raise KeyError("no text")
    rows = np.array([list(bytes.fromhex(FONT[letter])) for letter in text], dtype=np.uint8)  # (letters, 7)
    bits = (rows[:, :, None] >> np.arange(COLUMNS - 1, -1, -1, dtype=np.uint8)) & 1  # (letters, 7, 5)
    spaced = np.pad(bits, ((0, 0), (0, 0), (0, GAP)))
    return spaced.transpose(1, 0, 2).reshape(ROWS, -1)[:, :-GAP].astype(bool)


@lru_cache(maxsize=4096)
def fitted(text: str, height: int, width: int) -> NDArray[np.float32] | None:
    """How much of each pixel is inked when the text is made as large as fits into height x width pixels; in [0, 1].

    Enlarged by whole numbers only, so that edges stay sharp; made smaller by averaging. None where it would be lower than 3.
    """
    ink = lettering(text)
    scale = min(height / ink.shape[0], width / ink.shape[1])
    scale = float(int(scale)) if scale >= 1 else scale
    high, wide = round(ink.shape[0] * scale), max(1, round(ink.shape[1] * scale))
    if high < LEAST:
        return None
    return (_shrink(ink.shape[0], high) @ ink @ _shrink(ink.shape[1], wide).T).astype(np.float32)


def _shrink(points: int, pixels: int) -> NDArray[np.float64]:
    """(pixels, points): what share of each pixel each point covers."""
    edge = np.arange(pixels + 1) * points / pixels
    point = np.arange(points)
    shared = np.minimum(edge[1:, None], point + 1) - np.maximum(edge[:-1, None], point)
    return shared.clip(0) * pixels / points

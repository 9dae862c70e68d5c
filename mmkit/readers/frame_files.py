"""Frames of clips from PNG files, several per clip, as arrays of one size."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mmkit.errors import DataError

SIZE = (48, 48)  # height, width of the frames that are kept
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_frames(paths: Sequence[Sequence[Path]], size: tuple[int, int] = SIZE) -> tuple[np.ndarray, list[str]]:
    """(frames (N, F, 3, height, width) uint8 RGB, what is wrong with the files), from F files for each of N clips."""
    flat = [path for some in paths for path in some]
    frames = np.zeros((len(flat), 3, *size), np.uint8)

    def paint(row: int) -> str:
        try:
            frames[row] = read_png(flat[row], size)
        except DataError as why:
            return why.summary
        return ""

    with ThreadPoolExecutor(os.cpu_count()) as threads:  # decoding lets go of the interpreter's lock
        wrong = [text for text in threads.map(paint, range(len(flat))) if text]
    return frames.reshape(len(paths), -1, 3, *size), wrong


def read_png(path: Path, size: tuple[int, int] = SIZE) -> np.ndarray:
    """(3, height, width) uint8, RGB. Raises DataError that names the file and says what is wrong with it.

    A picture of another shape loses what stands out on two sides, then it is scaled (bilinear). What is transparent is black.
    """
    from PIL import Image, ImageOps

    place = f"{path.parent.name}/{path.name}"
    try:
        data = path.read_bytes()
    except OSError as why:
        raise DataError(f"{place}: cannot be read ({why.strerror}), expected a frame") from why
    if not data.startswith(SIGNATURE):
        start = data[:8].hex(" ") or "nothing"
        raise DataError(f"{place}: starts with {start}, expected a PNG file ({SIGNATURE.hex(' ')})")
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            if image.mode.startswith(("I", "F")):
                raise DataError(f"{place}: has 16 bits per sample, expected 8")
            opaque = Image.new("RGBA", image.size, (0, 0, 0, 255))
            plain = Image.alpha_composite(opaque, image.convert("RGBA")).convert("RGB")
            fitted = ImageOps.fit(plain, size[::-1], Image.Resampling.BILINEAR)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as why:
        raise DataError(f"{place}: cannot be read as a picture, expected a whole PNG file") from why
    return np.asarray(fitted).transpose(2, 0, 1)

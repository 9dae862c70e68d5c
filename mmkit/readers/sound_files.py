"""Clips of sound from WAV files: one channel of 16-bit samples at one rate, and what was done to each to get there."""

from __future__ import annotations

import io
from collections import Counter
from math import gcd
from pathlib import Path

import numpy as np

from mmkit.errors import DataError

RATE = 22_050  # Hz
SHORTEST = 0.1  # s that a clip has to be longer than
WINDOW = 2_048  # samples of one frame of the analysis
SILENT = 33  # largest sample of a clip that counts as silent: 60 dB below the loudest


def read_wav(path: Path, counts: Counter[str], rate: int = RATE) -> np.ndarray:
    """(S,) int16, one channel at `rate` Hz. Raises DataError that names the file and says what is wrong with it.

    Several channels are mixed (mean), other rates resampled (polyphase filter), both counted. A mono file of 16 bits at
    `rate` comes out as it is. Counted too: silent clips, and samples that resampling pushed over the edge and were cut.
    """
    place = f"{path.parent.name}/{path.name}"
    try:
        data = path.read_bytes()
    except OSError as why:
        raise DataError(f"{place}: cannot be read ({why.strerror}), expected the sound of an utterance") from why
    if wrong := cut_off(data):
        raise DataError(f"{place}: {wrong}")
    samples, given = _decoded(place, data)
    if not np.isfinite(samples).all():
        raise DataError(f"{place}: NaN or infinite samples, expected finite ones")
    seconds = len(samples) / given
    if seconds <= SHORTEST:
        short = seconds * rate < WINDOW
        told = f"{seconds:.3f} s ({len(samples):,} samples), expected more than {SHORTEST} s"
        raise DataError(f"{place}: {told}{'; less than one frame of the analysis' * short}")
    counts["clips of several channels, mixed to one"] += samples.shape[1] > 1
    wave = samples.mean(axis=1)
    if given != rate:
        wave = resampled(wave, given, rate)
        counts[f"clips of another rate, resampled to {rate:,} Hz"] += 1
    scaled = np.rint(wave * 32_768)
    counts["clips with samples out of range, cut"] += bool((np.abs(scaled) > 32_768).any())
    whole = np.clip(scaled, -32_768, 32_767).astype(np.int16)
    counts["silent clips, kept"] += int(np.abs(whole.astype(np.int32)).max()) < SILENT
    return whole


def _decoded(place: str, data: bytes) -> tuple[np.ndarray, int]:
    """(samples (S, channels) float64 in [-1, 1], rate) of a whole file."""
    import soundfile

    try:
        return soundfile.read(io.BytesIO(data), dtype="float64", always_2d=True)
    except (RuntimeError, ValueError, TypeError) as why:  # what libsndfile says does not name the file
        start = data[:12].hex(" ")
        raise DataError(f"{place}: cannot be read as sound (it starts with {start}), expected a whole WAV file") from why


def cut_off(data: bytes) -> str:
    """What is wrong with the length of a WAV file: one that was cut is read without a word otherwise. Empty when it is whole."""
    if not data:
        return "is empty (0 bytes), expected a WAV file"
    if data[:4] != b"RIFF":
        return ""  # another kind of file, or none: the decoder judges it
    promised = int.from_bytes(data[4:8], "little") + 8
    if promised <= len(data) or promised - 8 >= 0x7FFFFFFF:  # a program that writes into a pipe does not know the length
        return ""
    return f"is cut off: {len(data):,} bytes, its header promises {promised:,}"


def resampled(wave: np.ndarray, given: int, rate: int) -> np.ndarray:
    """(S,) at `given` Hz -> (S * rate / given,) at `rate` Hz, with the low-pass filter of scipy's polyphase method."""
    from scipy.signal import resample_poly

    both = gcd(given, rate)
    return resample_poly(wave, rate // both, given // both)

"""Spectra of one sound clip and the descriptors that librosa makes of them, from one Fourier transform that all share.

Everything here is numpy and scipy: the same numbers as librosa 0.11 with its defaults (frames of 2,048 samples, one every 512,
Hann window, centred, zeros at both ends), without its compiled loops. Arrays are time first: T frames of F = 1,025 bins.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FRAME, HOP = 2048, 512
BINS = FRAME // 2 + 1
MELS, CHROMA = 128, 12
LOWEST, HIGHEST = 150.0, 4000.0  # Hz within which a pitch is looked for
CONTRAST_BANDS, CONTRAST_LOWEST, CONTRAST_SHARE = 6, 200.0, 0.02
MEDIAN = 31  # frames, and bins, of the two median filters that part steady sound from clicks
FLOOR, RANGE = 1e-10, 80.0  # smallest power, and decibels below the loudest that are kept

Floats = NDArray[np.floating]


class Pitches(NamedTuple):
    """Peaks of a spectrogram: frame and bin of each (P,), its frequency in Hz and its height, both interpolated."""

    frame: NDArray[np.int64]
    bin: NDArray[np.int64]
    hz: Floats
    height: Floats


def frequencies(rate: float) -> Floats:
    """(F,) Hz of the bins."""
    return np.fft.rfftfreq(FRAME, 1.0 / rate)


@cache
def window() -> Floats:
    """(2048,) periodic Hann window."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)


def transform(wave: Floats) -> NDArray[np.complex64]:
    """(n,) samples -> (T, F) short-time spectrum, T = 1 + n // 512. Computed in double precision, as librosa does."""
    from scipy.fft import rfft

    padded = np.pad(wave, FRAME // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    return rfft(window() * frames, axis=1).astype(np.complex64)


def inverse(spectrum: NDArray[np.complex64], length: int) -> Floats:
    """(T, F) -> (length,) samples: windowed frames added where they overlap, over the sum of their squared windows."""
    from scipy.fft import irfft

    frames = irfft(spectrum, n=FRAME, axis=1) * window().astype(np.float32)
    weight = np.broadcast_to(np.square(window()), frames.shape)
    heard, summed = (_overlapped(x)[FRAME // 2 :][:length] for x in (frames, weight))
    return np.divide(heard, summed, out=heard, where=summed > np.finfo(np.float32).tiny)


def _overlapped(frames: Floats) -> Floats:
    """(T, 2048) -> (2048 + 512 (T - 1),): the frames added at their places."""
    steps = FRAME // HOP
    blocks = frames.reshape(len(frames), steps, HOP)
    total = np.zeros((len(frames) + steps - 1, HOP), dtype=frames.dtype)
    for j in range(steps):
        total[j : j + len(frames)] += blocks[:, j]
    return total.ravel()


def decibels(power: Floats) -> Floats:
    """10 log10 of a power, at most 80 dB below the largest of the whole clip."""
    log = 10.0 * np.log10(np.maximum(FLOOR, power))
    return np.maximum(log, log.max() - RANGE)


def centre_and_spread(magnitude: Floats, rate: float) -> tuple[Floats, Floats]:
    """Spectral centroid and bandwidth (T,) in Hz: mean and standard deviation of frequency, weighted by magnitude."""
    hz = frequencies(rate)
    share = magnitude / _positive(magnitude.sum(axis=1, keepdims=True, dtype=np.float64))
    centre = share @ hz
    second = share @ np.square(hz)  # sum of share (f - c)^2 = sum share f^2 - c^2 (2 - sum share), which is 1 or 0
    spread = second - np.square(centre) * (2.0 - share.sum(axis=1))
    return centre, np.sqrt(np.maximum(spread, 0.0))


def rolloff(magnitude: Floats, rate: float) -> Floats:
    """(T,) Hz of the first bin below which 85 % of the magnitude lies; 0 in silence."""
    total = np.cumsum(magnitude, axis=1)
    return frequencies(rate)[(total >= 0.85 * total[:, -1:]).argmax(axis=1)]


def crossings(wave: Floats) -> Floats:
    """(T,) share of a frame's samples at which the sign changes; the clip goes on at its ends with its last values."""
    negative = np.pad(wave, FRAME // 2, mode="edge") < -FLOOR
    changes = np.concatenate([[0, 0], np.cumsum(negative[1:] != negative[:-1])])  # [i]: among the first i samples
    first = np.arange(0, len(negative) - FRAME + 1, HOP)
    return (changes[first + FRAME] - changes[first + 1]) / FRAME


def pitches(spectrogram: Floats, rate: float) -> Pitches:
    """Peaks between 150 and 4,000 Hz higher than a tenth of their frame's maximum, by a parabola through three bins.

    Works on any (T, F) spectrogram; `librosa.piptrack` lays the same peaks into two matrices of mostly zeros.
    """
    hz = frequencies(rate)
    low, high = np.searchsorted(hz, [LOWEST, min(HIGHEST, rate / 2)])
    here, left, right = (spectrogram[:, low + d : high + d] for d in (0, -1, 1))
    floor = np.float32(0.1) * spectrogram.max(axis=1, keepdims=True)
    frame, at = np.nonzero((here > floor) & (here > left) & (here >= right))
    here, left, right = (x[frame, at] for x in (here, left, right))
    slope, curve = (right - left) / np.float64(2), left + right - np.float64(2) * here
    inside = np.abs(slope) < np.abs(curve)
    shift = np.where(inside, -slope / np.where(inside, curve, 1.0), 0.0)
    height = (here + 0.5 * slope * shift).astype(np.float32)
    return Pitches(frame, at + low, ((at + low + shift) * rate / FRAME).astype(np.float32), height)


def tuning(power: Floats, rate: float) -> float:
    """How far the louder half of the peaks lies from the tempered scale at A = 440 Hz, in semitones from -0.5 to 0.49."""
    found = pitches(power, rate)
    if not len(found.hz):
        return 0.0
    loud = found.hz[found.height >= np.median(found.height)]
    residue = np.mod(CHROMA * np.log2(loud / (440.0 / 16)), 1.0)
    residue[residue >= 0.5] -= 1.0
    counts, edges = np.histogram(residue, np.linspace(-0.5, 0.5, 101))
    return float(edges[counts.argmax()])


def chroma(power: Floats, rate: float) -> Floats:
    """(T, 12) energy of the pitch classes from C up, the strongest of a frame 1; 0 in silence."""
    raw = power @ chroma_bank(rate, tuning(power, rate)).T
    return raw / _positive(raw.max(axis=1, keepdims=True))


def tonnetz(classes: Floats) -> Floats:
    """(T, 12) pitch classes -> (T, 6) tonal centroids (Harte et al. 2006): fifths, minor and major thirds on circles."""
    steps = np.arange(CHROMA)
    turns = np.outer([7 / 6, 7 / 6, 3 / 2, 3 / 2, 2 / 3, 2 / 3], steps) - 0.5 * np.array([[1, 0] * 3]).T
    basis = np.array([[1], [1], [1], [1], [0.5], [0.5]]) * np.cos(np.pi * turns)
    return classes / _positive(np.abs(classes).sum(axis=1, keepdims=True)) @ basis.T


def onsets(mel: Floats) -> Floats:
    """(T,) mean rise of the mel bands in dB from one frame to the next, shifted to the middle of the frame."""
    rise = np.maximum(mel[1:] - mel[:-1], 0.0).mean(axis=1)
    return np.concatenate([np.zeros(1 + FRAME // (2 * HOP)), rise])[: len(mel)]


def contrast(magnitude: Floats, rate: float) -> Floats:
    """(T, 7) dB between the loudest and the quietest 2 % of the bins of each octave (Jiang et al. 2002)."""
    peak, valley = np.empty((2, len(magnitude), CONTRAST_BANDS + 1))
    for k, (first, last, some) in enumerate(_octaves(rate)):
        ordered = np.sort(magnitude[:, first:last], axis=1)
        valley[:, k], peak[:, k] = ordered[:, :some].mean(axis=1), ordered[:, -some:].mean(axis=1)
    return decibels(peak) - decibels(valley)


def harmonic_share(spectrum: NDArray[np.complex64], magnitude: Floats, wave: Floats) -> float:
    """Root mean square of the steady part of the sound over that of the whole, 0 in silence (Fitzgerald 2010).

    A bin belongs to the steady part as far as its median over 31 frames exceeds its median over 31 bins.
    """
    whole = np.sqrt(np.mean(np.square(wave, dtype=np.float64)))
    if not whole:
        return 0.0
    steady, clicks = running_median(magnitude.T).T, running_median(magnitude)
    both = np.maximum(steady, clicks)
    silent = both < np.finfo(np.float32).tiny
    both[silent] = 1.0
    steady, clicks = np.square(steady / both), np.square(clicks / both)
    mask = np.where(silent, np.float32(0.5), steady / np.where(silent, 1, steady + clicks))
    return float(np.sqrt(np.mean(np.square(inverse(spectrum * mask, len(wave)), dtype=np.float64))) / whole)


def running_median(x: Floats) -> Floats:
    """Median of 31 neighbours along the last axis, mirrored at the ends.

    All rows are laid end to end: scipy's filter for one dimension is several times faster than its general one.
    """
    from scipy.ndimage import median_filter

    half = MEDIAN // 2
    padded = np.pad(x, [(0, 0), (half, half)], mode="symmetric")
    return median_filter(padded.ravel(), size=MEDIAN).reshape(padded.shape)[:, half:-half]


def _positive(x: Floats) -> Floats:
    """Divisors: 1 in place of what is too small to divide by."""
    return np.where(x < np.finfo(np.float32).tiny, 1.0, x).astype(x.dtype)


# --- filter banks ---------------------------------------------------------------------------------------------------


@cache
def mel_bank(rate: float) -> Floats:
    """(128, F): triangles equally wide on Slaney's mel scale (linear to 1,000 Hz, then logarithmic), each of area 2 per Hz."""
    step, log_step = 200.0 / 3, np.log(6.4) / 27
    top = rate / 2
    top = 15 + np.log(top / 1000) / log_step if top >= 1000 else top / step
    mels = np.linspace(0.0, top, MELS + 2)
    corner = np.where(mels < 15, step * mels, 1000.0 * np.exp(log_step * (mels - 15)))  # (130,) Hz
    hz, low, middle, high = frequencies(rate), corner[:-2, None], corner[1:-1, None], corner[2:, None]
    rising, falling = (hz - low) / (middle - low), (high - hz) / (high - middle)
    return (np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (high - low)).astype(np.float32)


@cache
def chroma_bank(rate: float, tuning: float) -> Floats:
    """(12, F): how much a bin says about each pitch class from C up (Ellis 2007): Gaussian bumps, strongest around octave 5."""
    hz = np.arange(1, FRAME) * rate / FRAME
    place = CHROMA * np.log2(hz / (440.0 * 2.0 ** (tuning / CHROMA) / 16))
    place = np.concatenate([[place[0] - 1.5 * CHROMA], place])  # the bin at 0 Hz gets a place of its own
    width = np.concatenate([np.maximum(np.diff(place), 1.0), [1.0]])
    away = np.mod(place - np.arange(CHROMA)[:, None] + 10.5 * CHROMA, CHROMA) - CHROMA / 2
    bumps = np.exp(-0.5 * np.square(2 * away / width))
    bumps /= np.sqrt(np.square(bumps).sum(axis=0))
    bumps *= np.exp(-0.5 * np.square((place / CHROMA - 5.0) / 2.0))
    return np.roll(bumps, -3, axis=0)[:, :BINS].astype(np.float32)  # place 0 is an A


@cache
def _octaves(rate: float) -> tuple[tuple[int, int, int], ...]:
    """Per band of `contrast`: first bin, end, and how many bins are 2 %. Neighbours overlap by the bin at their border."""
    hz, found = frequencies(rate), []
    edges = [0.0, *(CONTRAST_LOWEST * 2.0**k for k in range(CONTRAST_BANDS + 1))]
    for k in range(CONTRAST_BANDS + 1):
        inside = np.flatnonzero((hz >= edges[k]) & (hz <= edges[k + 1]))
        last = k == CONTRAST_BANDS
        first, end = inside[0] - (k > 0), BINS if last else inside[-1] + 1
        some = max(int(np.rint(CONTRAST_SHARE * (end - first))), 1)
        found.append((int(first), int(end if last else end - 1), some))
    return tuple(found)

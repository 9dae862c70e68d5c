"""Sound clips to vectors: the 13 descriptors of librosa that Alnajjar and Hämäläinen (2021) use, pooled over time.

The paper names the functions and neither their sizes nor the pooling. Here every row of a descriptor is averaged over the frames,
except: `piptrack` is the frequency of the strongest peak, averaged over the frames that have one (0 Hz where none has);
`harmonic` is the share of the root mean square that librosa's harmonic part keeps. The compact vector (220 numbers) averages
the spectrum in 40 bands of equal width; the literal one (2,229) keeps its 1,025 rows and all rows of `piptrack`.

A clip shorter than a frame (2,048 samples) is filled with zeros at its end. Silence gives zeros (decibels: the floor of -100);
no clip gives a NaN. Amplitudes count: int16 is divided by 32,768, floats are taken as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmkit.errors import DataError, SettingsError
from mmkit.features import spectra

RATE = 22_050
SLOWEST = 2 * spectra.CONTRAST_LOWEST * 2 ** (spectra.CONTRAST_BANDS - 1)  # below it the highest octave lies over all frequencies
FASTEST = spectra.CONTRAST_LOWEST * spectra.FRAME  # above it the lowest octave may hold no bin
LOUDEST = 2.0**31  # of a sample: the full scale of 32-bit integers; powers of far larger ones overflow
BANDS = 40
FAMILIES = {  # numbers per clip: compact, literal
    "stft": (BANDS, spectra.BINS),
    "mfcc": (20, 20),
    "chroma_stft": (12, 12),
    "spectral_centroid": (1, 1),
    "spectral_bandwidth": (1, 1),
    "spectral_rolloff": (1, 1),
    "zero_crossing_rate": (1, 1),
    "piptrack": (1, spectra.BINS),
    "onset_strength": (1, 1),
    "melspectrogram": (128, 128),
    "spectral_contrast": (7, 7),
    "tonnetz": (6, 6),
    "harmonic": (1, 1),
}


def families(literal: bool = False) -> dict[str, slice]:
    """The columns of each descriptor in what `describe` returns, in the paper's order."""
    ends = np.cumsum([sizes[literal] for sizes in FAMILIES.values()]).tolist()
    return {name: slice(first, end) for name, first, end in zip(FAMILIES, [0, *ends], ends, strict=False)}


def names(literal: bool = False) -> list[str]:
    """One name per column, such as 'mfcc 3'; a descriptor of one number goes by its own name."""
    sizes = {name: sizes[literal] for name, sizes in FAMILIES.items()}
    return [name if size == 1 else f"{name} {k}" for name, size in sizes.items() for k in range(size)]


def describe(
    waves: Sequence[ArrayLike], rate: int = RATE, *, literal: bool = False, cqt: bool = False, jobs: int = 1
) -> NDArray[np.float32]:
    """(N, 220) descriptors of N mono clips, or (N, 2229) if `literal`; `families` and `names` tell the columns.

    waves: (n,) samples each, int16 or float.  rate: samples per second of all of them; nothing is resampled.
    cqt: tonnetz from librosa's constant-Q chroma, its default and many times slower, instead of the chroma_stft above.
    jobs: processes that share the clips; the numbers do not depend on it.
    One clip after the other: arrays of one clip stay in the processor's cache, and the floor of 80 dB is a clip's own.
    Raises DataError with all clips that are not one row of finite samples up to 2^31 in size, SettingsError for a rate up to
    12,800 or above 409,600 and for no jobs.
    """
    if not SLOWEST < rate <= FASTEST:
        bounds = f"more than {SLOWEST:,.0f} and at most {FASTEST:,.0f}"
        raise SettingsError(f"rate = {rate}, expected {bounds}: the octaves of spectral_contrast need it")
    if jobs == 0:
        raise SettingsError("jobs = 0, expected a number of processes, or -1 for one per core")
    clips = [np.asarray(wave) for wave in waves]
    if clips and not any(clip.ndim for clip in clips):
        raise DataError(f"waves holds {len(clips):,} single values, expected clips of (n,) samples each; one clip is [wave]")
    if problems := [f"clip {n}: {why}" for n, clip in enumerate(clips) if (why := _wrong(clip))]:
        raise DataError(f"{len(problems)} of {len(clips)} clips cannot be described", problems)
    if jobs == 1 or len(clips) < 2:
        return _block(clips, rate, literal, cqt)
    import joblib

    workers = joblib.effective_n_jobs(jobs)
    parts = joblib.Parallel(n_jobs=workers, max_nbytes=None)(
        joblib.delayed(_block)(part, rate, literal, cqt) for part in _parts(clips, workers)
    )
    return np.concatenate(parts)


def _wrong(clip: np.ndarray) -> str:
    if clip.ndim != 1 or not (clip.dtype == np.int16 or np.issubdtype(clip.dtype, np.floating)):
        return f"shape {clip.shape} of {clip.dtype}, expected (n,) of int16 or float: one channel"
    if not len(clip):
        return "no samples"
    if clip.dtype == np.int16:
        return ""
    if bad := int((~np.isfinite(clip)).sum()):
        return f"{bad} of {len(clip)} samples are not finite"
    largest = float(np.abs(clip).max())
    return f"a sample of size {largest:.3g}, expected at most 2^31, and 1 of usual sound" if largest > LOUDEST else ""


def _parts(clips: list[np.ndarray], workers: int) -> Iterator[list[np.ndarray]]:
    """Runs of clips with about the same number of samples, four per worker."""
    passed = np.cumsum([len(clip) for clip in clips])
    cuts = np.searchsorted(passed, passed[-1] * np.arange(1, 4 * workers) / (4 * workers))
    for first, last in zip([0, *cuts], [*cuts, len(clips)], strict=True):
        if last > first:
            yield clips[first:last]


def _block(clips: list[np.ndarray], rate: int, literal: bool, cqt: bool) -> NDArray[np.float32]:
    found = np.empty((len(clips), sum(sizes[literal] for sizes in FAMILIES.values())), dtype=np.float32)
    for row, clip in zip(found, clips, strict=True):
        whole = np.true_divide(clip, 32768, dtype=np.float32) if clip.dtype == np.int16 else clip.astype(np.float32)
        whole = np.pad(whole, (0, max(spectra.FRAME - len(whole), 0)))
        row[:] = np.concatenate(_clip(whole, rate, literal, cqt))
    return found


def _clip(wave: NDArray[np.float32], rate: int, literal: bool, cqt: bool) -> list[np.ndarray]:
    """The pooled descriptors of one clip; they share one spectrum, its magnitude (T, F), power and decibels of mel bands."""
    from scipy.fft import dct

    spectrum = spectra.transform(wave)
    magnitude = np.abs(spectrum)
    power = np.square(magnitude)
    mel = power @ spectra.mel_bank(rate).T
    log_mel = spectra.decibels(mel)
    classes = spectra.chroma(power, rate)
    centre, spread = spectra.centre_and_spread(magnitude, rate)
    over_time = {
        "stft": magnitude,
        "mfcc": log_mel,
        "chroma_stft": classes,
        "spectral_centroid": centre,
        "spectral_bandwidth": spread,
        "spectral_rolloff": spectra.rolloff(magnitude, rate),
        "zero_crossing_rate": spectra.crossings(wave),
        "onset_strength": spectra.onsets(log_mel),
        "melspectrogram": mel,
        "spectral_contrast": spectra.contrast(magnitude, rate),
        "tonnetz": spectra.tonnetz(_cqt_chroma(wave, rate) if cqt else classes),
    }
    pooled = {name: np.atleast_1d(x.mean(axis=0)) for name, x in over_time.items()}
    pooled["mfcc"] = dct(pooled["mfcc"], norm="ortho")[:20]  # linear, so the mean may come first
    pooled["stft"] = pooled["stft"] if literal else _bands(pooled["stft"])
    pooled["piptrack"] = _pitch(spectra.pitches(magnitude, rate), len(magnitude), literal)
    pooled["harmonic"] = np.array([spectra.harmonic_share(spectrum, magnitude, wave)])
    return [pooled[name] for name in FAMILIES]


def _bands(rows: np.ndarray) -> np.ndarray:
    edges = np.rint(np.linspace(0, len(rows), BANDS + 1)).astype(int)
    return np.add.reduceat(rows, edges[:-1]) / np.diff(edges)


def _pitch(found: spectra.Pitches, frames: int, literal: bool) -> np.ndarray:
    if literal:
        return np.bincount(found.bin, weights=found.hz, minlength=spectra.BINS) / frames
    order = np.lexsort([found.bin, -found.height, found.frame])  # of equally strong ones the lower
    _, first = np.unique(found.frame[order], return_index=True)
    strongest = found.hz[order[first]]
    return np.array([strongest.mean() if len(strongest) else 0.0])


def _cqt_chroma(wave: NDArray[np.float32], rate: int) -> np.ndarray:
    """(T, 12) by librosa, which warns of silence and of clips shorter than its longest filter; both are meant here."""
    import warnings

    import librosa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.nan_to_num(librosa.feature.chroma_cqt(y=wave, sr=rate).T)

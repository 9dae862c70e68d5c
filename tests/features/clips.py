"""Sound clips by formula, and what librosa says about one: each of its functions called on the waveform, now or as stored."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from mmkit.features import sound

RATE = 22_050
STORED = Path(__file__).parent / "librosa_0_11.npz"  # what `obvious` and `strongest_pitch` return for CLIPS; see `store`
TOLERANCE = {"mfcc": 2e-3, "spectral_contrast": 2e-3, "onset_strength": 2e-3}  # decibels; else a part of the largest entry


def voice(seconds: float, pitch: float, seed: int, noise: float = 0.01, bend: float = 0.1) -> np.ndarray:
    """(n,) float32: ten harmonics whose pitch and strength move, and noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch * (1 + bend * np.sin(2 * np.pi * 1.3 * t + seed))) / RATE
    tone = sum(np.sin(k * phase + k) / k**1.2 for k in range(1, 11))
    envelope = np.clip(np.sin(2 * np.pi * 2.1 * t), 0.05, None)
    return (0.1 * tone * envelope + noise * rng.normal(size=len(t))).astype(np.float32)


def clicks(seconds: float, seed: int = 0) -> np.ndarray:
    """(n,) float32: single loud samples, nothing between them."""
    wave = np.zeros(round(seconds * RATE), dtype=np.float32)
    wave[np.random.default_rng(seed).integers(0, len(wave), 12)] = 0.8
    return wave


def sine(hz: float, seconds: float = 1.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


CLIPS = {
    "low voice": voice(1.1, 110, 1),
    "high voice": voice(0.83, 260, 2, noise=0.002),
    "noise": voice(0.5, 200, 3, noise=0.3),
    "clicks": clicks(0.6),
    "short": voice(0.3, 180, 4)[:1500],
    "silence": np.zeros(9000, dtype=np.float32),
}


def obvious(wave: np.ndarray, rate: int = RATE, cqt: bool = False) -> dict[str, np.ndarray]:
    """The 13 descriptors averaged over frames, one call of librosa after the other; stft and piptrack with all rows."""
    import librosa

    wave = np.pad(wave, (0, max(2048 - len(wave), 0)))
    f = librosa.feature
    chroma = f.chroma_stft(y=wave, sr=rate)
    harmonic = librosa.effects.harmonic(wave)
    whole = np.sqrt(np.mean(wave.astype(np.float64) ** 2))
    found = {
        "stft": np.abs(librosa.stft(wave)),
        "mfcc": f.mfcc(y=wave, sr=rate),
        "chroma_stft": chroma,
        "spectral_centroid": f.spectral_centroid(y=wave, sr=rate),
        "spectral_bandwidth": f.spectral_bandwidth(y=wave, sr=rate),
        "spectral_rolloff": f.spectral_rolloff(y=wave, sr=rate),
        "zero_crossing_rate": f.zero_crossing_rate(wave),
        "piptrack": librosa.piptrack(y=wave, sr=rate)[0],
        "onset_strength": librosa.onset.onset_strength(y=wave, sr=rate)[None],
        "melspectrogram": f.melspectrogram(y=wave, sr=rate),
        "spectral_contrast": f.spectral_contrast(y=wave, sr=rate),
        "tonnetz": f.tonnetz(y=wave, sr=rate) if cqt else f.tonnetz(chroma=f.chroma_stft(y=wave, sr=rate)),
        "harmonic": np.array([[np.sqrt(np.mean(harmonic.astype(np.float64) ** 2)) / whole if whole else 0.0]]),
    }
    return {name: rows.mean(axis=1) for name, rows in found.items()}


def strongest_pitch(wave: np.ndarray, rate: int = RATE) -> float:
    """The compact form of piptrack: Hz of the strongest peak, averaged over the frames that have one."""
    import librosa

    hz, height = librosa.piptrack(y=np.pad(wave, (0, max(2048 - len(wave), 0))), sr=rate)
    voiced = hz.any(axis=0)
    best = height.argmax(axis=0)
    return float(hz[best, np.arange(len(best))][voiced].mean()) if voiced.any() else 0.0


def store() -> None:
    """Write STORED anew: `python -c "from tests.features.clips import store; store()"`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of silence
        arrays = {f"{clip}/{name}": x for clip, wave in CLIPS.items() for name, x in obvious(wave).items()}
        arrays |= {f"{clip}/pitch": np.array([strongest_pitch(wave)]) for clip, wave in CLIPS.items()}
    np.savez_compressed(STORED, **{name: x.astype(np.float32) for name, x in arrays.items()})


def stored() -> dict[str, dict[str, np.ndarray]]:
    """Clip -> descriptor -> what librosa said."""
    found: dict[str, dict[str, np.ndarray]] = {}
    with np.load(STORED) as file:
        for key in file:
            clip, _, name = key.partition("/")
            found.setdefault(clip, {})[name] = file[key]
    return found


def assert_equal(mine: dict[str, np.ndarray], theirs: dict[str, np.ndarray], where: str = "") -> None:
    assert mine.keys() == theirs.keys()
    for name, x in theirs.items():
        limit = TOLERANCE.get(name, 1e-4 * max(np.abs(x).max(), 1e-6))
        np.testing.assert_allclose(mine[name], x, rtol=0, atol=limit, err_msg=f"{where}: {name}")


def by_family(row: np.ndarray, literal: bool = False) -> dict[str, np.ndarray]:
    return {name: row[columns] for name, columns in sound.families(literal).items()}

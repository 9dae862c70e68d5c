"""The sound and the frames of clips, one WAV and three PNG files per id in two folders, and the numbers that describe them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmkit.errors import DataError
from mmkit.readers.arrays import Notes
from mmkit.readers.feature_files import kept
from mmkit.readers.frame_files import read_frames
from mmkit.readers.sound_files import RATE, read_wav

FRAMES = 3
DIFFERENT = 0.5  # s by which a clip and its times may differ before it is counted
BLOCK, WIDE = 256, (224, 224)  # clips whose frames are described at once; height and width of their frames then


@dataclass(frozen=True)
class Pictures:
    """frames (N, 3, 3, H, W) uint8, the files they come from, and the sha256 of all these files."""

    frames: np.ndarray
    files: list[list[Path]]
    digest: str


def read_sound(folder: Path, ids: Sequence[str], lengths: np.ndarray, notes: Notes) -> list[np.ndarray]:
    """The samples of each clip, int16 at 22,050 Hz; what is wrong with a file goes to `notes`.

    lengths: (N,) s, as the times of the clips say, NaN where there are none; clips that differ are counted.
    """
    there, waves, absent = _there(folder), [], False
    for id, length in zip(ids, lengths.tolist(), strict=True):
        path = there.get(f"{id}.wav")
        if path is None:
            notes.problems.append(f"{folder.name}/{id}.wav: no such file, expected the sound of the utterance")
            absent = True
            continue
        try:
            waves.append(read_wav(path, notes.counts))
        except DataError as why:
            notes.problems.append(why.summary)
            continue
        far = abs(len(waves[-1]) / RATE - length) > DIFFERENT
        notes.counts[f"clips whose length differs from their times by more than {DIFFERENT} s, kept"] += far
    _others(folder, there, [f"{id}.wav" for id in ids], ".wav", absent, notes)
    notes.digests += [hashlib.sha256(wave).digest() for wave in waves]
    return waves


def read_pictures(folder: Path, ids: Sequence[str], notes: Notes) -> Pictures | None:
    """Three frames of each clip, small; None, with problems noted, where some are absent or wrong."""
    there, files, absent = _there(folder), [], False
    names = [[f"{id}_{k}.png" for k in range(FRAMES)] for id in ids]
    for id, wanted in zip(ids, names, strict=True):
        files.append([there[name] for name in wanted if name in there])
        if (n := len(files[-1])) < FRAMES:
            lacking = ", ".join(name for name in wanted if name not in there)
            notes.problems.append(f"{folder.name}/: utterance {id!r} has {n} of {FRAMES} frames, expected also {lacking}")
            absent = True
    _others(folder, there, [name for wanted in names for name in wanted], ".png", absent, notes)
    if absent:
        return None
    frames, wrong = read_frames(files)
    notes.problems += wrong
    if wrong:
        return None
    whole = hashlib.sha256()
    for path in (path for some in files for path in some):
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    notes.digests.append(whole.digest())
    return Pictures(frames, files, whole.hexdigest())


def _there(folder: Path) -> dict[str, Path]:
    """Name -> file, the ending in small letters; hidden files are passed over."""
    files = (path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith("."))
    return {path.stem + path.suffix.casefold(): path for path in files}


def _others(folder: Path, there: Mapping[str, Path], names: Sequence[str], ending: str, absent: bool, notes: Notes) -> None:
    """Files of other ids: counted, and one of them named where files of ours are absent."""
    known = set(names)
    others = [path.name for name, path in there.items() if name.endswith(ending) and name not in known]
    notes.counts[f"files of other ids, not used: {folder.name}"] = len(others)
    if absent and others:
        found = f"{len(others):,} files of other ids, such as {others[0]!r}"
        notes.problems.append(f"{folder.name}/: {found}; is it of another corpus?")


def sound_vectors(waves: Sequence[np.ndarray], notes: Notes, literal: bool = False) -> np.ndarray:
    """(N, D) float32 of `mmkit.features.sound`, from the cache where these clips were described before."""
    from mmkit.features import sound

    whole = hashlib.sha256(b"".join(hashlib.sha256(wave).digest() for wave in waves)).hexdigest()
    key = {"kind": "sound", "clips": whole, "rate": RATE, "literal": literal}
    notes.used(json.dumps(key).encode())
    return kept(key, lambda: sound.describe(waves, RATE, literal=literal))


def frame_vectors(
    pictures: Pictures,
    notes: Notes,
    net: str = "resnet18",
    weights: Path | str | None = None,
    layer: str = "pool",
    device: str = "cpu",
) -> np.ndarray:
    """(N, 3 * D) float32 of `mmkit.features.frames`, from the cache where these frames were described before.

    The files are read again, larger than they are kept in memory, a block of clips at a time.
    """
    from mmkit.features import frames

    def describe() -> np.ndarray:
        files = pictures.files
        blocks = (read_frames(files[at : at + BLOCK], WIDE)[0] for at in range(0, len(files), BLOCK))
        return np.concatenate([frames.describe(block, net, weights, layer, device=device) for block in blocks])

    own = "" if weights is None else str(weights)
    if own and Path(own).is_file():
        own = hashlib.sha256(Path(own).read_bytes()).hexdigest()
    key = {"kind": "frames", "files": pictures.digest, "net": net, "weights": own, "layer": layer}
    notes.used(json.dumps(key).encode())  # another network, other content
    return kept(key, describe)

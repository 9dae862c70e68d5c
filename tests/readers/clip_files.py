"""A made-up corpus of 12 sarcastic and sincere clips in its layout on disk, written by code: all in it can be told again."""

from __future__ import annotations

import csv
import io
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

RATE = 22_050
HEADER = ("id", "text", "speaker", "label", "start", "end", "scene", "source")
# in the order of the file: the scenes are mixed, and the lines of a scene do not stand in the order of time
ROWS = (
    ("c07", "¡Qué maravilla, otra reunión!", "Lola", "true", "12.5", "13.0", "1", "Norte"),
    ("c01", "¿Dónde está el niño?", "Blas", "false", "10", "10.4", "1", "Norte"),
    ("c02", "Claro que sí, me encanta esperar.", "Lola", "true", "11", "11.5", "1", "Norte"),
    ("c11", "No hay pan.", "Blas", "false", "1:01.5", "1:02", "2", "Norte"),
    ("c03", "", "Blas", "false", "0:01:00", "0:01:00,4", "2", "Norte"),
    ("c12", "¡Enhorabuena, campeón!", "Ana", "true", "5", "5.6", "1", "Sur"),
    ("c04", "Mañana llueve.", "Raúl", "false", "4", "5.2", "1", "Sur"),
    ("c05", "Te llamo luego.", "Ana", "false", "7", "7.5", "1", "Sur"),
    ("c06", "Sí, seguro, y los burros vuelan.", "Raúl", "true", "8", "8.6", "1", "Sur"),
    ("c08", "El vino, \"excelente\", como siempre.", "Ana", "true", "20", "20.5", "9", "Sur"),
    ("c09", "Gracias.", "", "false", "21", "21.4", "9", "Sur"),
    ("c10", "¿Vamos?", "Raúl", "false", "22", "22.4", "9", "Sur"),
)  # fmt: skip
IDS = tuple(row[0] for row in ROWS)
# what a reader has to make of it: scenes as they appear, inside in the order of time
ORDER = ("c01", "c02", "c07", "c03", "c11", "c04", "c12", "c05", "c06", "c08", "c09", "c10")
SCENES = ("Norte/1",) * 3 + ("Norte/2",) * 2 + ("Sur/1",) * 4 + ("Sur/9",) * 3
TURNS = (0, 1, 2, 0, 1, 0, 1, 2, 3, 0, 1, 2)


def tone(k: int, seconds: float = 0.4, rate: int = RATE) -> np.ndarray:
    """(S,) int16: a tone of 200 + 40 k Hz that grows louder; no two clips are alike."""
    t = np.arange(round(seconds * rate)) / rate
    return np.rint(9_000 * (0.2 + t) * np.sin(2 * np.pi * (200 + 40 * k) * t)).astype(np.int16)


def picture(k: int, frame: int, size: tuple[int, int] = (48, 48)) -> np.ndarray:
    """(H, W, 3) uint8: a colour of the clip, and a white bar at another height in each frame."""
    pixels = np.empty((*size, 3), np.uint8)
    pixels[:] = 20 * k, 240 - 20 * k, 80 * frame
    pixels[size[0] // 4 * (frame + 1) :][:3] = 255
    return pixels


def row(which: str, **cells: str) -> list[tuple[str, ...]]:
    """The rows with other cells in one of them."""
    return [tuple({**dict(zip(HEADER, each, strict=True)), **cells}.values()) if each[0] == which else each for each in ROWS]


def table(rows: Sequence[Sequence[str]] = ROWS, header: Sequence[str] = HEADER) -> bytes:
    """RFC 4180, UTF-8."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


def wav(samples: np.ndarray, rate: int = RATE) -> bytes:
    """A WAV file of 16-bit samples, (S,) or (S, channels)."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return data.getvalue()


def png(pixels: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    data = io.BytesIO()
    np.savez(data, **arrays)
    return data.getvalue()


def vectors(width: int, ids: Sequence[str] = IDS[::-1]) -> dict[str, np.ndarray]:
    """`ids` and `X` in another order than the table; the first number of a vector is the clip's number."""
    return {"ids": np.array(ids), "X": np.array([[int(id[1:]) + n / 64 for n in range(width)] for id in ids], np.float32)}


def corpus(folder: Path, sound: bool = True, frames: bool = True, changed: Mapping[str, bytes | None] | None = None) -> Path:
    """The whole corpus; `changed` gives some files another content or, with None, takes them away. Returns the table's path."""
    files = {"utterances.csv": table()}
    for k, id in enumerate(IDS):
        if sound:
            files[f"audio/{id}.wav"] = wav(tone(k))
        if frames:
            files |= {f"frames/{id}_{n}.png": png(picture(k, n)) for n in range(3)}
    for name, data in {**files, **(changed or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if data is not None:
            path.write_bytes(data)
    return folder / "utterances.csv"

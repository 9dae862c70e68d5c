"""Bad sets of sarcasm: the good made-up ones with one thing changed in them, and what has to be said about each."""

# ruff: noqa: E501 - a message stands on one line, as a person reads it

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmkit.readers import mustard, sarcasm_clips
from tests.readers import mustard_files
from tests.readers.clip_files import IDS, ROWS, corpus, npz, picture, png, row, table, tone, vectors, wav
from tests.readers.mustard_files import features, folds, records

Case = tuple[str, str, Callable[[Path], None]]
FORMAT, AGAIN, RUN = "data_scripts/README.md", "fetch it again", "Nothing of it was run"

# --- MUStARD: what is changed in its files, and every problem that has to be told ------------------------------------------

FIRST, SECOND = mustard_files.IDS[:2]


def changed(n: int, **values: Any) -> dict[str, Any]:
    """The records with other values in record `n`; a value None takes the key away."""
    said = records()
    said[mustard_files.IDS[n]] = {
        key: value for key, value in {**said[mustard_files.IDS[n]], **values}.items() if value is not None
    }
    return said


class Runs:
    def __init__(self, call: Callable[..., Any], *arguments: object) -> None:
        self.call = call, arguments

    def __reduce__(self) -> tuple:
        return self.call


def some(**arrays: np.ndarray | None) -> dict[str, np.ndarray]:
    """The features with those of record 1 replaced or, with None, taken away."""
    values = features() | {SECOND: arrays["second"]}
    return {id: array for id, array in values.items() if array is not None}


R = "sarcasm_data.json: record '1_60': "
MUSTARD: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no text": ({"said": changed(0, utterance=" ")}, [R + "'utterance' is ' ', expected a text"]),
    "a number for a text": ({"said": changed(0, speaker=3)}, [R + "'speaker' is a number (3), expected a text"]),
    "a key missing": ({"said": changed(0, show=None)}, [R + "'show' is missing, expected a text"]),
    "a label in words": ({"said": changed(0, sarcasm="True")}, [R + "'sarcasm' is a text ('True'), expected true or false"]),
    "a label as a number": ({"said": changed(0, sarcasm=1)}, [R + "'sarcasm' is a number (1), expected true or false"]),
    "context as one text": ({"said": changed(0, context="It rains.")}, [R + "'context' is a text ('It rains.'), expected a list of texts"]),
    "context with a number in it": ({"said": changed(0, context=["a", 1])}, [R + "'context' is a list with something else in it, expected a list of texts"]),
    "context without a speaker": ({"said": changed(0, context_speakers=["BEN"])}, [R + "2 utterances of context and 1 speakers, expected one speaker for each"]),
    "a record that is none": ({"said": records() | {FIRST: ["x"]}}, [R + "is a list, expected an object with utterance, speaker, context, context_speakers, show, sarcasm"]),
    "an empty id": ({"said": records() | {" ": {}}}, ["sarcasm_data.json: record ' ': the id is empty, expected a name"]),
    "several at once": ({"said": changed(0, show=None, sarcasm=None)}, [R + "'show' is missing, expected a text", R + "'sarcasm' is missing, expected true or false"]),
    "a list of records": ({"said": [1]}, ["sarcasm_data.json: holds a list, expected an object with a record under each id"]),
    "nothing": ({"said": {}}, ["sarcasm_data.json: holds an empty object, expected an object with a record under each id"]),
    "an id twice": ({"said": json.dumps(records()).replace('"2_67"', '"1_60"').encode()}, ["sarcasm_data.json: key '1_60' stands twice, expected it once"]),
    "nested without end": ({"said": b'{"1": ' + b"[" * 100_000}, ["sarcasm_data.json: is nested too deeply, expected an object with a record under each id"]),
    "cut off": ({"said": json.dumps(records()).encode()[:215]}, ["sarcasm_data.json:1: Unterminated string starting at (column 212), expected JSON; is it cut off?"]),
    "Windows-1252": ({"said": b'{"caf\xe9": 1}'}, ["sarcasm_data.json:1: byte 5: 0xe9, expected UTF-8 (in Windows-1252 it is '\u00e9')"]),
    "a web page": ({"said": b"<!DOCTYPE html>"}, ["sarcasm_data.json:1: starts with '<!doctype html', expected '{'; this is a web page"]),
    "folds that run code": ({"folds": Runs(os.system, "touch ran")}, [f"split_indices.p: names {os.system.__module__}.system, expected arrays and built-in containers only"]),
    "folds of objects": ({"folds": Runs(np.load, "ran")}, ["split_indices.p: names numpy.load, expected arrays and built-in containers only"]),
    "folds cut off": ({"folds": pickle.dumps(folds(), protocol=2)[:-20]}, ["split_indices.p: is not a whole pickle"]),
    "four folds": ({"folds": folds()[:4]}, ["split_indices.p: holds a list of 4, expected a list of 5 pairs of arrays: rows to train and rows to test"]),
    "folds as a dict": ({"folds": {}}, ["split_indices.p: holds a dict, expected a list of 5 pairs of arrays: rows to train and rows to test"]),
    "folds of numbers with a point": ({"folds": [(a * 1.0, b) for a, b in folds()]}, ["split_indices.p: expected two arrays of row numbers in each fold"]),
    "folds of more records": ({"folds": [(np.append(a, 10), b) for a, b in folds()]}, [f"split_indices.p: fold {k}: row 10, but sarcasm_data.json has 10 records (rows 0 to 9)" for k in range(5)]),
    "a row in training and test": ({"folds": [(np.append(folds()[0][0], 0), folds()[0][1]), *folds()[1:]]}, ["split_indices.p: fold 0: 9 rows to train and 2 to test, expected each of 10 records once"]),
    "a fold twice": ({"folds": [folds()[1], *folds()[1:]]}, ["split_indices.p: row 0 is tested by 0 folds, expected one (4 such rows)"]),
    "a sound missing": ({"audio": some(second=None)}, ["audio_features.p: no features of record '2_67'"]),
    "a sound of another width": ({"audio": some(second=np.zeros((4, 2)))}, ["audio_features.p: record '2_67': has shape (4, 2), expected (3, steps)"]),
    "a sound transposed": ({"audio": some(second=np.zeros((2, 3)))}, ["audio_features.p: record '2_67': has shape (2, 3), expected (3, steps); looks transposed"]),
    "a sound with NaN": ({"audio": some(second=np.full((3, 2), np.nan))}, ["audio_features.p: record '2_67': NaN, infinite values or no numbers, expected finite numbers"]),
    "sounds as a list": ({"audio": [1]}, ["audio_features.p: holds a list, expected a dict from each id to an array (rows, steps)"]),
    "sounds that run code": ({"audio": {FIRST: Runs(os.system, "touch ran")}}, [f"audio_features.p: names {os.system.__module__}.system, expected arrays and built-in containers only"]),
}  # fmt: skip


# --- clips: files with another content, and every problem that has to be told ----------------------------------------------


def nan_wav() -> bytes:
    """32-bit floating-point samples, one of them NaN."""
    values = np.zeros(5_000, "<f4")
    values[7] = np.nan
    kind = (
        b"fmt "
        + (16).to_bytes(4, "little")
        + b"\x03\x00\x01\x00"
        + (22_050).to_bytes(4, "little")
        + (88_200).to_bytes(4, "little")
        + b"\x04\x00\x20\x00"
    )
    body = b"WAVE" + kind + b"data" + (20_000).to_bytes(4, "little") + values.tobytes()
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def vectors_with(**values: np.ndarray) -> bytes:
    return npz(**(vectors(2) | values))


U = "utterances.csv"
NO = "no such file, expected the sound of the utterance"
LABEL = "expected sarcastic or not, as true/false, 1/0, yes/no, sí/no or verdadero/falso"
TIME = "expected seconds, such as 62.5, or a time such as 0:01:02,5"
CLIPS: dict[str, tuple[dict[str, bytes | None], list[str]]] = {
    "a label that is none": ({U: table(row("c01", label="maybe"))}, [f"{U}:3: column 'label': 'maybe', {LABEL}"]),
    "no label": ({U: table(row("c01", label=""))}, [f"{U}:3: column 'label': '', {LABEL}"]),
    "one label alone": ({U: table([(*each[:3], "no", *each[4:]) for each in ROWS])}, [f"{U}:1: column 'label': 'no' in all 12 records, expected sarcastic and sincere ones"]),
    "an id twice": ({U: table(row("c01", id="c07"))}, [f"{U}:3: column 'id': 'c07', expected an id used once; it was used at {U}:2"]),
    "no id": ({U: table(row("c01", id=""))}, [f"{U}:3: column 'id': '', expected an id in every record"]),
    "an id that leads elsewhere": ({U: table(row("c01", id="../c01"))}, [f"{U}:3: column 'id': '../c01', expected a name that a file can have, without '/' and '\\'"]),
    "an end before the start": ({U: table(row("c01", end="9"))}, [f"{U}:3: column 'end': '9', expected a time after the start, 10"]),
    "a clip of 0.1 s": ({U: table(row("c02", end="11.05"))}, [f"{U}:4: column 'end': '11.05', expected a clip of more than 0.1 s, this one has 0.050 s"]),
    "a time in words": ({U: table(row("c02", start="eleven"))}, [f"{U}:4: column 'start': 'eleven', {TIME}"]),
    "no time": ({U: table(row("c02", end=""))}, [f"{U}:4: column 'end': '', {TIME}"]),
    "text that was decoded wrongly": (
        {U: table(row("c01", text="Â¿DÃ³nde estÃ¡ el niÃ±o?", speaker="JosÃ©"))},
        [f"{U}:3: column 'speaker': 'JosÃ©', expected no 'Ã©': this is Spanish text that was decoded wrongly",
         f"{U}:3: column 'text': 'Â¿DÃ³nde estÃ¡ el niÃ±o?', expected no 'Â¿': this is Spanish text that was decoded wrongly"],
    ),
    "a record cut off": ({U: table()[:-20]}, [f"{U}:13: 4 fields, expected 8 as in the header; the file ends here without a line end: is it cut off?"]),
    "no sound of one": ({"audio/c01.wav": None}, [f"audio/c01.wav: {NO}"]),
    "sound of other ids": (
        {f"audio/{id}.wav": None for id in IDS[2:]} | {f"audio/x{n}.wav": wav(tone(n)) for n in range(10)},
        [*[f"audio/{id}.wav: {NO}" for id in IDS[2:]], "audio/: 10 files of other ids, such as 'x0.wav'; is it of another corpus?"],
    ),
    "a sound that is none": ({"audio/c01.wav": b"no sound"}, ["audio/c01.wav: cannot be read as sound (it starts with 6e 6f 20 73 6f 75 6e 64), expected a whole WAV file"]),
    "a sound of 0 bytes": ({"audio/c01.wav": b""}, ["audio/c01.wav: is empty (0 bytes), expected a WAV file"]),
    "a sound cut off": ({"audio/c01.wav": wav(tone(1))[:-1000]}, ["audio/c01.wav: is cut off: 16,684 bytes, its header promises 17,684"]),
    "a sound shorter than a frame": ({"audio/c01.wav": wav(tone(1)[:1000])}, ["audio/c01.wav: 0.045 s (1,000 samples), expected more than 0.1 s; less than one frame of the analysis"]),
    "a sound of 0.1 s": ({"audio/c01.wav": wav(tone(1)[:2205])}, ["audio/c01.wav: 0.100 s (2,205 samples), expected more than 0.1 s"]),
    "a sound without samples": ({"audio/c01.wav": wav(tone(1)[:0])}, ["audio/c01.wav: 0.000 s (0 samples), expected more than 0.1 s; less than one frame of the analysis"]),
    "a sound with NaN": ({"audio/c01.wav": nan_wav()}, ["audio/c01.wav: NaN or infinite samples, expected finite ones"]),
    "two frames": ({"frames/c01_1.png": None}, ["frames/: utterance 'c01' has 2 of 3 frames, expected also c01_1.png"]),
    "frames counted from 1": (
        {f"frames/{id}_0.png": None for id in IDS} | {f"frames/{id}_3.png": png(picture(0, 0)) for id in IDS},
        [*[f"frames/: utterance '{id}' has 2 of 3 frames, expected also {id}_0.png" for id in IDS],
         "frames/: 12 files of other ids, such as 'c01_3.png'; is it of another corpus?"],
    ),
    "a picture that is none": ({"frames/c01_1.png": b"no picture"}, ["frames/c01_1.png: starts with 6e 6f 20 70 69 63 74 75, expected a PNG file (89 50 4e 47 0d 0a 1a 0a)"]),
    "a picture cut off": ({"frames/c01_1.png": png(picture(1, 1))[:-30]}, ["frames/c01_1.png: cannot be read as a picture, expected a whole PNG file"]),
    "a picture of 16 bits": ({"frames/c01_1.png": png(np.zeros((48, 48), np.uint16))}, ["frames/c01_1.png: has 16 bits per sample, expected 8"]),
    "a vector missing": ({"features_audio.npz": npz(**vectors(2, IDS[1:]))}, ["features_audio.npz: no vector of utterance 'c07'"]),
    "a vector twice": ({"features_audio.npz": npz(**vectors(2, (*IDS, "c01")))}, ["features_audio.npz: row 12: id 'c01' was already used by row 1"]),
    "vectors of another corpus": (
        {"features_audio.npz": npz(**vectors(2, (*IDS[1:], "d99")))},
        ["features_audio.npz: no vector of utterance 'c07'", "features_audio.npz: 1 vectors of other ids, such as 'd99'; are they of another corpus?"],
    ),
    "a vector with NaN": ({"features_video.npz": vectors_with(X=np.where(np.arange(12)[:, None] == 3, np.nan, np.ones((12, 2))))}, ["features_video.npz: row 3, id 'c06': NaN or infinite values, expected finite numbers"]),
    "vectors without ids": ({"features_text.npz": npz(X=np.ones((12, 2)))}, ["features_text.npz: ids is not a file in the archive, expected the arrays 'ids' and 'X'"]),
    "vectors of three axes": ({"features_text.npz": vectors_with(X=np.ones((12, 2, 2)))}, ["features_text.npz: 'X' has shape (12, 2, 2), expected (utterances, numbers)"]),
    "vectors of words": ({"features_text.npz": vectors_with(X=np.full((12, 2), "a"))}, ["features_text.npz: 'X' has type <U1, expected numbers"]),
    "vectors that are no archive": ({"features_text.npz": b""}, ["features_text.npz: cannot be read (No data left in file), expected the arrays 'ids' and 'X'"]),
    "fewer ids than vectors": ({"features_text.npz": vectors_with(ids=np.array(IDS[1:]))}, ["features_text.npz: 'ids' has shape (11,) and 'X' (12, 2), expected one id for each"]),
    "several at once": (
        {"audio/c01.wav": None, "frames/c02_0.png": None, "features_text.npz": npz(**vectors(2, IDS[1:]))},
        ["features_text.npz: no vector of utterance 'c07'", f"audio/c01.wav: {NO}", "frames/: utterance 'c02' has 2 of 3 frames, expected also c02_0.png"],
    ),
}  # fmt: skip

# --- both, as the table of messages wants them -----------------------------------------------------------------------------


def give_mustard(files: Mapping[str, Any]) -> Callable[[Path], None]:
    return lambda tmp: mustard.read(mustard_files.folder(tmp, **files)) and None


def give_clips(changed: Mapping[str, bytes | None]) -> Callable[[Path], None]:
    return lambda tmp: sarcasm_clips.read(corpus(tmp, changed=changed), compute=False) and None


ADVICE = {
    "mustard: cut off": AGAIN, "mustard: Windows-1252": "iconv -f CP1252", "mustard: a web page": "sign in", "mustard: folds cut off": AGAIN,
    "mustard: folds that run code": RUN, "mustard: folds of objects": RUN, "mustard: sounds that run code": RUN,
    "clips: text that was decoded wrongly": "iconv -f UTF-8 -t LATIN1", "clips: vectors that are no archive": AGAIN,
}  # fmt: skip
ROWS_OF_BOTH = [(f"mustard: {what}", give_mustard(files), problems) for what, (files, problems) in MUSTARD.items()]
ROWS_OF_BOTH += [(f"clips: {what}", give_clips(changed), problems) for what, (changed, problems) in CLIPS.items()]
CASES: list[Case] = [(what, what, give) for what, give, _ in ROWS_OF_BOTH]
EXPECTED: dict[str, tuple[str, list[str], str]] = {
    what: (f"{len(problems)} problem{'s' * (len(problems) > 1)} in ", problems, ADVICE.get(what, FORMAT))
    for what, _, problems in ROWS_OF_BOTH
}

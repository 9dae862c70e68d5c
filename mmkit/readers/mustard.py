"""MUStARD: 690 utterances of English television series, half of them sarcastic, each with what was said before it.

One file is needed, `sarcasm_data.json`: id -> utterance, speaker, context, context_speakers, show, sarcasm. The five published
folds (`split_indices.p`) and the features of the sound (`audio_features.p`) are read where they lie beside it; both are
pickles and nothing in them is run. A record is a dialogue of its own: which records are of one scene is not published.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mmkit.errors import DataError, SettingsError
from mmkit.readers import pickles
from mmkit.readers.arrays import Notes, fingerprint, misshapen, not_finite, refuse
from mmkit.readers.captioned import CUT, kind
from mmkit.readers.files import content, decode, refuse_other_formats
from mmkit.readers.folders import official
from mmkit.schema import Column, ConversationSchema, Dataset, Modality, Split, vectors

VERSION = "mustard1"
FILE, FOLDS, AUDIO = "sarcasm_data.json", "split_indices.p", "audio_features.p"
OF = 5  # folds
TEXTS, LISTS = ("utterance", "speaker", "show"), ("context", "context_speakers")
KEYS = (*TEXTS[:2], *LISTS, "show", "sarcasm")
# Mac Roman read as Latin-1, and UTF-8 read as Windows-1257 or -1252
APOSTROPHE = re.compile(r"(?<=[A-Za-z])(?:\u00d5|\u0101\u20ac\u2122|\u00e2\u20ac\u2122)(?=[A-Za-z])")
EXTRA = (
    Column("source", "category", about="the series"),
    Column("fold", "number", low=0, high=OF - 1, about="the fold that tests the record"),
    Column("context", "text", about="what was said before, one utterance per line"),
    Column("context_speakers", "text", about="who said each line of the context"),
)


def schema(width: int | None) -> ConversationSchema:
    """width: numbers that describe the sound; None where there are none."""
    modalities = [Modality("text", "text", about="the words of the utterance")]
    if width is not None:
        modalities.append(Modality("audio", "vector", (width,), about=f"{AUDIO}, mean over time"))
    return ConversationSchema("mustard", "binary", tuple(modalities), "sarcasm", ("sincere", "sarcastic"), EXTRA)


def locate(root: Path) -> Path | None:
    """`sarcasm_data.json` (plain, .gz or in a zip): `root`, in it, or up to two levels below."""
    return official(root, (FILE,))


def read(path: Path, fold: int = 0) -> Dataset:
    """All utterances in the order of the file. Raises DataError that lists every problem.

    fold: 0 to 4, the published fold that is the "test" part; the next one (0 after 4) is "valid", the others "train". The
    column `fold` says which fold tests a record, so that the parts of every other fold follow from one reading. Where the
    folds are not there they are made: within each label the ids, sorted by their sha256, are dealt out in turn.
    "audio" is there with `audio_features.p`: the mean over time of each row of a record's array (rows, steps).
    `turn` is the number of utterances before it. Apostrophes that were damaged by wrong decoding ("don\u00d5t") are put right.
    """
    if not 0 <= fold < OF or fold != int(fold):
        raise SettingsError(f"fold = {fold!r}, expected a whole number from 0 to {OF - 1}")
    source, notes = f"MUStARD, {path}", Notes()
    records = _records(path, notes)
    ids = list(records)
    folds, told = _folds(path.parent / FOLDS, records, notes) if not notes.problems else (None, "")
    audio = _audio(path.parent / AUDIO, ids, notes) if records else None
    if notes.problems:
        refuse("mustard", source, notes.problems, notes.advice)

    said = [_mended(record, notes.counts) for record in records.values()]
    part = np.full(len(ids), "train", "U5")
    part[folds == fold], part[folds == (fold + 1) % OF] = "test", "valid"
    whole = schema(None if audio is None else audio.shape[1])
    columns = {
        "id": ids,
        "dialogue": ids,
        "turn": [len(record["context"]) for record in said],
        "speaker": [record["speaker"] for record in said],
        "text": [record["utterance"] for record in said],
        "sarcasm": [int(record["sarcasm"]) for record in said],
        "part": part.tolist(),
        "source": [record["show"] for record in said],
        "fold": folds.astype(np.float64),
        "context": [_lines(record["context"]) for record in said],
        "context_speakers": [_lines(record["context_speakers"]) for record in said],
    }
    ready = {} if audio is None else {"audio": vectors(audio)}
    cells = [ready[f.name] if f.name in ready else pa.array(columns[f.name], f.type) for f in whole.arrow]
    table = pa.table(cells, schema=whole.arrow)
    _count(said, part, notes.counts)
    counts = {what: n for what, n in notes.counts.items() if n}
    return Dataset("mustard", whole, Split(table), f"{source}{told}", fingerprint(notes.digests, f"{VERSION}-{fold}"), counts)


def _records(path: Path, notes: Notes) -> dict[str, dict[str, Any]]:
    """id -> record; problems of the file or of single records go to `notes`."""
    again: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        """An object; keys that stand twice, of which Python would keep the last without a word, are noted."""
        again.extend(key for key, times in Counter(key for key, _ in found).items() if times > 1)
        return dict(found)

    try:
        data = content(path, inside=(FILE,), expected="a JSON object", ending=".json")
        refuse_other_formats(path, data, expected="'{'", ending=".json")
        said = json.loads(decode(path, data, ".json"), object_pairs_hook=pairs)
    except json.JSONDecodeError as why:
        cut = why.pos >= len(why.doc.rstrip()) - 1 or why.msg.startswith("Unterminated")
        told = f"{path.name}:{why.lineno}: {why.msg} (column {why.colno}), expected JSON"
        notes.problems.append(f"{told}{'; is it cut off?' * cut}")
        notes.advice += [CUT] if cut else []
        return {}
    except RecursionError:
        notes.problems.append(f"{path.name}: is nested too deeply, expected an object with a record under each id")
        return {}
    except DataError as why:
        notes.damaged(path, why)
        return {}
    notes.used(data)
    if not isinstance(said, dict) or not said:
        held = "an empty object" if said == {} else kind(said)
        notes.problems.append(f"{path.name}: holds {held}, expected an object with a record under each id")
        return {}
    notes.problems += [f"{path.name}: key {key!r} stands twice, expected it once" for key in again]
    notes.problems += [f"{path.name}: record {id!r}: {text}" for id, record in said.items() for text in _wrong(id, record)]
    return {} if notes.problems else said


def _wrong(id: str, record: Any) -> list[str]:
    """What is wrong with one record."""
    if not id.strip():
        return ["the id is empty, expected a name"]
    if not isinstance(record, dict):
        return [f"is {kind(record)}, expected an object with {', '.join(KEYS)}"]
    found = []
    for key in TEXTS:
        value = record.get(key)
        if not isinstance(value, str) or not value.strip():
            found.append(f"{key!r} is {repr(value) if isinstance(value, str) else kind(value)}, expected a text")
    for key in LISTS:
        value = record.get(key)
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            inside = " with something else in it" * isinstance(value, list)
            found.append(f"{key!r} is {kind(value)}{inside}, expected a list of texts")
    if not isinstance(record.get("sarcasm"), bool):
        found.append(f"'sarcasm' is {kind(record.get('sarcasm'))}, expected true or false")
    if not found and len(record["context"]) != len(record["context_speakers"]):
        told = f"{len(record['context'])} utterances of context and {len(record['context_speakers'])} speakers"
        found.append(f"{told}, expected one speaker for each")
    return found


def _folds(path: Path, records: dict[str, dict[str, Any]], notes: Notes) -> tuple[np.ndarray, str]:
    """(which fold tests each record (N,) int64, what to say of where the folds come from)."""
    if not path.is_file():
        return _dealt(records), f" (no {FOLDS}: folds by the hash of the ids)"
    folds = np.full(len(records), -1)
    try:
        data = path.read_bytes()
        said = pickles.loads(data, path.name)
    except DataError as why:
        notes.damaged(path, why)
        return folds, ""
    notes.used(data)
    found = _wrong_folds(said, len(records))
    if not found:
        for k, (_, test) in enumerate(said):
            folds[test] = k
    notes.problems += [f"{path.name}: {text}" for text in found]
    return folds, ""


def _wrong_folds(said: Any, n: int) -> list[str]:
    """What is wrong with [(rows to train, rows to test)] of five folds of `n` records."""
    if not isinstance(said, list) or len(said) != OF or not all(isinstance(each, tuple) and len(each) == 2 for each in said):
        size = f" of {len(said)}" if isinstance(said, (list, tuple)) else ""
        return [f"holds a {type(said).__name__}{size}, expected a list of {OF} pairs of arrays: rows to train and rows to test"]
    if any(not isinstance(rows, np.ndarray) or rows.ndim != 1 or rows.dtype.kind not in "iu" for pair in said for rows in pair):
        return ["expected two arrays of row numbers in each fold"]
    found = []
    for k, (train, test) in enumerate(said):
        both = np.concatenate([train, test])
        if len(outside := both[(both < 0) | (both >= n)]):
            found.append(f"fold {k}: row {outside[0]}, but {FILE} has {n:,} records (rows 0 to {n - 1:,})")
        elif not np.array_equal(np.sort(both), np.arange(n)):
            told = f"fold {k}: {len(train):,} rows to train and {len(test):,} to test"
            found.append(f"{told}, expected each of {n:,} records once")
    tested = Counter(row for _, test in said for row in test.tolist())
    if not found and (wrong := [row for row in range(n) if tested[row] != 1]):
        found.append(f"row {wrong[0]} is tested by {tested[wrong[0]]} folds, expected one ({len(wrong):,} such rows)")
    return found


def _dealt(records: dict[str, dict[str, Any]]) -> np.ndarray:
    """Folds that depend on ids and labels alone. (N,) int64"""
    folds = np.zeros(len(records), np.int64)
    for label in (False, True):
        rows = [row for row, record in enumerate(records.values()) if record["sarcasm"] is label]
        names = list(records)
        rows.sort(key=lambda row: hashlib.sha256(names[row].encode()).digest())
        folds[rows] = np.arange(len(rows)) % OF
    return folds


def _audio(path: Path, ids: Sequence[str], notes: Notes) -> np.ndarray | None:
    """(N, D) float32, the mean over time of each record's array; None where the file is not there or is wrong."""
    if not path.is_file():
        return None
    try:
        data = path.read_bytes()
        said = pickles.loads(data, path.name)
    except DataError as why:
        notes.damaged(path, why)
        return None
    notes.used(data)
    if not isinstance(said, dict) or not said or not all(isinstance(each, np.ndarray) for each in said.values()):
        told = f"{path.name}: holds a {type(said).__name__}"
        notes.problems.append(f"{told}, expected a dict from each id to an array (rows, steps)")
        return None
    rows = Counter(each.shape[0] for each in said.values() if each.ndim == 2)
    width = rows.most_common(1)[0][0] if rows else "rows"
    found = []
    for id in ids:
        values = said.get(id)
        if values is None:
            found.append(f"no features of record {id!r}")
        elif wrong := misshapen(values.shape, (width, "steps")):
            found.append(f"record {id!r}: {wrong}")
        elif values.dtype.kind not in "fiu" or len(not_finite(values[None].astype(np.float64))):
            found.append(f"record {id!r}: NaN, infinite values or no numbers, expected finite numbers")
    notes.problems += [f"{path.name}: {text}" for text in found]
    notes.counts["features of ids without a record, not used"] = len(set(said) - set(ids))
    if found:
        return None
    steps = [said[id].shape[1] for id in ids]
    notes.counts |= Counter({"fewest steps of audio": min(steps), "most steps of audio": max(steps)})
    return np.stack([said[id].mean(axis=1) for id in ids]).astype(np.float32)


def _mended(record: dict[str, Any], counts: Counter[str]) -> dict[str, Any]:
    """The record with its damaged apostrophes put right, which are counted."""
    utterance, n = APOSTROPHE.subn("'", record["utterance"])
    context = [APOSTROPHE.subn("'", each) for each in record["context"]]
    counts["damaged apostrophes put right"] += n + sum(times for _, times in context)
    return record | {"utterance": utterance, "context": [text for text, _ in context]}


def _lines(texts: Sequence[str]) -> str | None:
    """One text per line; None where there are none. A line break inside a text becomes a space."""
    return "\n".join(" ".join(text.splitlines()) for text in texts) or None


def _count(said: Sequence[dict[str, Any]], part: np.ndarray, counts: Counter[str]) -> None:
    """What a user should know of the content, added to `counts`."""
    for name in ("train", "valid", "test"):
        counts[f"utterances in {name}"] = int((part == name).sum())
    counts["sarcastic"] = sum(record["sarcasm"] for record in said)
    counts["speakers"] = len({record["speaker"] for record in said})
    counts["series"] = len({record["show"] for record in said})
    counts["utterances of context"] = sum(len(record["context"]) for record in said)
    texts = Counter(record["utterance"].casefold() for record in said)
    counts["utterances in the same words as another, kept"] = sum(times for times in texts.values() if times > 1)
    shared = Counter(line for record in said for line in set(record["context"]) if len(line.split()) > 3)
    counts["records with a sentence of context that another has too, kept"] = sum(
        any(shared[line] > 1 for line in record["context"]) for record in said
    )

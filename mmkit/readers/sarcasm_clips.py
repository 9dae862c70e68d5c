"""Sarcasm in clips: a table of utterances and, where they are there, the sound of each and three frames of its picture.

A folder holds `utterances.csv` (see `sarcasm_table`), `audio/<id>.wav` and `frames/<id>_0.png` to `frames/<id>_2.png`; vectors
that were made elsewhere lie beside the table in `features_text.npz`, `features_audio.npz` and `features_video.npz`. Whatever
of it is there is read, and what is there has to be there for every utterance. The table alone gives the words alone.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from mmkit.features import frames
from mmkit.readers.arrays import Notes, fingerprint, refuse
from mmkit.readers.clip_folders import FRAMES, frame_vectors, read_pictures, read_sound, sound_vectors
from mmkit.readers.feature_files import read_vectors
from mmkit.readers.folders import official
from mmkit.readers.frame_files import SIZE
from mmkit.readers.sarcasm_table import TABLE, Utterances, read_table
from mmkit.readers.sound_files import RATE
from mmkit.schema import PARTS, Column, ConversationSchema, Dataset, Modality, Split, vectors

VERSION = "sarcasmclips1"
VECTORS = {"text_vector": "features_text.npz", "audio": "features_audio.npz", "video": "features_video.npz"}
TEST, VALID = 0.2, 0.1  # share of the utterances that is tested, and of the others that is held out
EXTRA = (
    Column("source", "category", about="series or variety"),
    Column("start", "number", "s", low=0, about="where the clip starts"),
    Column("end", "number", "s", low=0, about="where it ends"),
)


def locate(root: Path) -> Path | None:
    """`utterances.csv` (plain, .gz or in a zip): `root`, in it, or up to two levels below."""
    return official(root, (TABLE,))


def read(
    path: Path,
    columns: Mapping[str, str | None] | None = None,
    *,
    compute: bool = True,
    literal: bool = False,
    net: str = "resnet18",
    weights: Path | str | None = None,
    layer: str = "pool",
    device: str = "cpu",
) -> Dataset:
    """All utterances, scene by scene as the scenes appear, in the order of time. Raises DataError that lists every problem.

    columns: our names -> the table's (`sarcasm_table`); None takes the map beside the table.  compute: describe the sound
    and the frames in numbers where no file of vectors does; the numbers are kept in the cache.  literal: all rows of the
    sound's descriptors (`mmkit.features.sound`).  net, weights, layer, device: of the network that describes the frames, with
    random weights when there are none (`mmkit.features.frames`).

    Parts: a fifth of the utterances is "test" and a tenth of the others "valid", in whole scenes, which are ordered by the
    sha256 of their names. Without scenes each utterance is a scene. Nothing is left out; what is odd is counted.
    """
    source, notes = f"sarcasm in clips, {path}", Notes()
    table = read_table(path, columns, notes)
    if table is None:
        refuse("sarcasm_clips", source, notes.problems, notes.advice)
    folder, names = path.parent, table.ids
    given = {name: read_vectors(folder / file, names, notes) for name, file in VECTORS.items() if (folder / file).is_file()}
    waves = read_sound(folder / "audio", names, table.end - table.start, notes) if (folder / "audio").is_dir() else None
    pictures = read_pictures(folder / "frames", names, notes) if (folder / "frames").is_dir() else None
    if notes.problems:
        refuse("sarcasm_clips", source, notes.problems, notes.advice)

    about = {name: VECTORS[name] for name in given}
    if compute and waves is not None and "audio" not in given:
        given["audio"] = sound_vectors(waves, notes, literal)
        about["audio"] = f"{'all rows of ' * literal}13 descriptors of the sound, mean over time"
    if compute and pictures is not None and "video" not in given:
        given["video"] = frame_vectors(pictures, notes, net, weights, layer, device)
        about["video"] = frames.about(net, weights, layer)
    return _dataset(table, given, about, waves, None if pictures is None else pictures.frames, source, notes)


def _dataset(
    table: Utterances,
    given: Mapping[str, np.ndarray],
    about: Mapping[str, str],
    waves: Sequence[np.ndarray] | None,
    pictures: np.ndarray | None,
    source: str,
    notes: Notes,
) -> Dataset:
    """The records in order: scene by scene, in the order of time."""
    dialogues = _dialogues(table)
    order, turn = _order(dialogues, table.start)
    modalities = [Modality("text", "text", about="the words of the utterance")]
    modalities += [Modality(name, "vector", given[name].shape[1:], about=about[name]) for name in VECTORS if name in given]
    columns = {name: vectors(values[order]) for name, values in given.items()}
    if waves is not None:
        modalities.append(Modality("voice", "sound", unit=f"{RATE} Hz"))
        columns["voice"] = _sounds([waves[row] for row in order])
    if pictures is not None:
        modalities.append(Modality("frames", "picture", (FRAMES, 3, *SIZE)))
        columns["frames"] = vectors(pictures[order])
    whole = ConversationSchema("sarcasm_clips", "binary", tuple(modalities), "sarcasm", ("sincere", "sarcastic"), EXTRA)
    part = _parts([dialogues[row] for row in order])
    rows = pa.array(order)
    texts = {"id": table.ids, "dialogue": dialogues, "speaker": table.speakers, "text": table.texts}
    columns |= {name: pa.array(values).take(rows) for name, values in texts.items()}
    columns |= {
        "turn": pa.array(turn),
        "sarcasm": pa.array(table.labels[order]),
        "part": pa.array(part),
        "source": pa.array([name or None for name in table.sources], pa.string()).take(rows),
        "start": pa.array(table.start[order], from_pandas=True),
        "end": pa.array(table.end[order], from_pandas=True),
    }
    arrow = pa.table([columns[name] for name in whole.arrow.names], schema=whole.arrow)
    told = f" (columns that are not there: {', '.join(table.absent)})" if table.absent else ""
    notes.counts["utterances that begin before another of their scene ends, kept"] = _overlaps(dialogues, table, order)
    notes.counts |= {f"utterances in {name}": part.count(name) for name in PARTS}
    notes.counts |= {"scenes": len(set(dialogues)), "sarcastic": int(table.labels.sum())}
    counts = {what: n for what, n in notes.counts.items() if n}
    return Dataset("sarcasm_clips", whole, Split(arrow), f"{source}{told}", fingerprint(notes.digests, VERSION), counts)


def _dialogues(table: Utterances) -> list[str]:
    """The scene of each utterance; one that has none is a dialogue of its own."""
    if not any(table.scenes):
        return table.ids
    return [scene or f"utterance {id}" for scene, id in zip(table.scenes, table.ids, strict=True)]


def _order(dialogues: Sequence[str], start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rows of the table, turn of each (N,) int64): scenes as they appear, inside by time, by line where there is no time."""
    code = {name: k for k, name in enumerate(dict.fromkeys(dialogues))}
    scene = np.array([code[name] for name in dialogues])
    order = np.lexsort((np.arange(len(scene)), np.nan_to_num(start), scene))
    first = np.flatnonzero(np.diff(scene[order], prepend=-1))
    return order, np.arange(len(order)) - np.repeat(first, np.diff(first, append=len(order)))


def _overlaps(dialogues: Sequence[str], table: Utterances, order: np.ndarray) -> int:
    """How many utterances begin while one before them in their scene is still going on."""
    ends: dict[str, float] = {}
    found = 0
    for row in order.tolist():
        name, until = dialogues[row], ends.get(dialogues[row], -np.inf)
        found += bool(table.start[row] < until)
        ends[name] = max(until, table.end[row])
    return found


def _parts(dialogues: Sequence[str]) -> list[str]:
    """train | valid | test of each utterance: scenes go to test and then to valid until these have their share."""
    sizes = Counter(dialogues)
    ranked = sorted(sizes, key=lambda name: hashlib.sha256(name.encode()).digest())
    n, before, tested = len(dialogues), 0, 0
    part = dict.fromkeys(ranked, "train")
    for name in ranked[:-1]:  # one scene at least is left to learn from
        if before < TEST * n:
            part[name], tested = "test", before + sizes[name]
        elif before < tested + VALID * (n - tested):
            part[name] = "valid"
        before += sizes[name]
    return [part[name] for name in dialogues]


def _sounds(waves: Sequence[np.ndarray]) -> pa.ListArray:
    """A column of clips."""
    offsets = np.concatenate([[0], np.cumsum([len(wave) for wave in waves])]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(waves)))

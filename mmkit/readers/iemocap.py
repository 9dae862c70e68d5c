"""IEMOCAP, talks of two actors in six emotions, out of the pickles in which its utterances are passed on.

The layouts that are known (iemocap_files.py) are told apart by what their elements hold, whatever the file is called. They bring
vectors of different extractors for the same utterances: these are never mixed, and `source` says which were read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmkit.errors import DataError
from mmkit.readers import pickles
from mmkit.readers.arrays import FORMAT, all_zero, fingerprint, refuse
from mmkit.readers.files import content
from mmkit.readers.folders import official
from mmkit.readers.iemocap_files import EMOTIONS, LAYOUTS, Talk, held, layout_of, talk, widths, wrong_lists
from mmkit.readers.talks import dataset, held_out
from mmkit.schema import PARTS, Column, ConversationSchema, Dataset, Modality, vectors

VERSION = "iemocap1"
FILES = (  # with features first
    "IEMOCAP_features_raw.pkl",
    "IEMOCAP_features.pkl",
    "iemocap_multimodal_features.pkl",
    "iemocap_features_roberta.pkl",
    "iemocap.pkl",
)
VALID = 0.1  # share of the training dialogues that is held out where the file holds out none
WORDLESS = "..."  # stands for a sentence without a word
ABOUT = {"text_vector": "what is said", "audio": "how it sounds", "video": "how the speaker looks"}


def locate(root: Path) -> Path | None:
    """The first of the known files, also packed as .gz or .zip, in `root` or up to two levels below it, or `root` as a file."""
    return next((found for name in FILES if (found := official(root, (name,)))), None)


def read(path: Path, other_widths: bool = False) -> Dataset:
    """All utterances of the dialogues that the file lists, part by part, dialogues by name. Raises DataError with every problem.

    Parts: test as the file says (session 5: two speakers who are heard nowhere else); valid as it says, or else a tenth of the
    training dialogues, chosen by the sha256 of their names. Speakers are named by session, "Ses01_F"; `pair` is the session.
    other_widths: read features of any width, such as the 1,582 numbers of openSMILE where the paper has 100.
    Counted: dialogues in no list (left out), sentences without a word (they become "..."), features that are all zeros (kept).
    """
    data = content(path, FILES, expected="a pickle", ending=".pkl")
    value = pickles.loads(data, str(path))
    layout = layout_of(value)
    if layout is None:
        known = [f"{len(each.fields)}: {', '.join(each.kinds)} ({each.name})" for each in LAYOUTS]
        raise DataError(f"{path}: holds {held(value)}, expected one of {len(LAYOUTS)} layouts", known, FORMAT)
    source = f"IEMOCAP, {layout.name}, {path}"
    fields: dict[str, list[Any]] = {}
    for name, element in zip(layout.fields, value, strict=True):
        fields.setdefault(name, []).append(element)

    parts = {part: sorted(map(str, fields[part][0])) for part in PARTS if part in fields}
    problems = wrong_lists(parts, fields)
    if problems:
        refuse("iemocap", source, problems)
    talks = {name: talk(name, fields, problems) for names in parts.values() for name in names}
    found, advice = widths(layout, [each for each in talks.values() if each], other_widths, problems)
    if problems:
        refuse("iemocap", source, problems, advice)
    counts = {"dialogues in no list, left out": len(set(fields["labels"][0]) - set(talks))}
    rows = [(part, talks[name]) for part, names in _held_out(parts).items() for name in names]
    return _dataset(rows, found, source, fingerprint([data], VERSION), counts)


def _held_out(parts: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """train, valid and test; where there is no valid, a tenth of train becomes it."""
    held = set(parts["valid"]) if "valid" in parts else held_out(parts["train"], VALID)
    train = [name for name in parts["train"] if name not in held]
    return {"train": train, "valid": sorted(held), "test": list(parts["test"])}


def _dataset(
    talks: Sequence[tuple[str, Talk]], found: Mapping[str, int], source: str, told: str, counts: dict[str, int]
) -> Dataset:
    """One row per utterance, out of (part, dialogue) in this order."""
    sizes = [len(each.ids) for _, each in talks]
    said = [sentence.strip() for _, each in talks for sentence in each.sentences]
    counts[f"sentences without a word, now {WORDLESS!r}"] = sum(not sentence for sentence in said)
    columns: dict[str, Any] = {
        "id": [id for _, each in talks for id in each.ids],
        "dialogue": np.repeat([each.name for _, each in talks], sizes),
        "turn": np.concatenate([np.arange(n) for n in sizes]),
        "speaker": [f"{each.session}_{speaker}" for _, each in talks for speaker in each.speakers],
        "text": [sentence or WORDLESS for sentence in said],
        "emotion": np.concatenate([each.labels for _, each in talks]),
        "part": np.repeat([part for part, _ in talks], sizes),
        "pair": np.repeat([each.session for _, each in talks], sizes),
    }
    for name in found:
        values = np.concatenate([each.features[name] for _, each in talks])
        columns[name] = vectors(values)
        counts[f"utterances whose {name} is all zeros, kept"] = len(all_zero(values))
    return dataset(schema(found), columns, source, told, counts)


def schema(widths: Mapping[str, int]) -> ConversationSchema:
    """What an utterance is: its sentence and, with so many numbers each, the features of `widths`."""
    features = [Modality(name, "vector", (width,), about=ABOUT[name]) for name, width in widths.items()]
    modalities = (Modality("text", "text", about="the sentence"), *features)
    pair = Column("pair", "category", about="the session: two speakers who talk in no other")
    return ConversationSchema("iemocap", "multiclass", modalities, "emotion", EMOTIONS, (pair,))

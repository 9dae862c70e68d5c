"""The pickles of IEMOCAP's utterances: which layout one has, and what is wrong with its dialogues.

 6  speakers, labels, sentences, train, test, valid                                       the transcripts alone
 9  ids, speakers, labels, text, sound, picture, sentences, train, test                   DialogueRNN, DialogueGCN
10  speakers, labels, four text features, sentences, train, test, valid                   COSMIC
12  ids, speakers, labels, four text features, sound, picture, sentences, train, test     later releases

Every element but the lists of dialogues at the end is a dict from the name of a dialogue to a list with one entry per utterance.
Of four text features (the last layers of RoBERTa) the mean is taken, as COSMIC does.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

EMOTIONS = ("happy", "sad", "neutral", "angry", "excited", "frustrated")  # 0 to 5 in all of these files
SPEAKERS = ("F", "M")
DIALOGUE = re.compile(r"(Ses0[1-5])[FM]_\w+", re.ASCII)
FEATURES = ("text_vector", "audio", "video")
OPENSMILE = 1582  # numbers per utterance of the sound features in later releases
OTHER = "Other extractors give other results than the paper's. To read them all the same: read(path, other_widths=True)"
TEXTS, NUMBERS, VECTORS, NAMES = "texts by dialogue", "whole numbers by dialogue", "vectors by dialogue", "names of dialogues"
KINDS = {"ids": TEXTS, "speakers": TEXTS, "sentences": TEXTS, "labels": NUMBERS}
KINDS |= dict.fromkeys(FEATURES, VECTORS) | dict.fromkeys(("train", "test", "valid"), NAMES)
TALKS = ("ids", "speakers", "labels", *FEATURES, "sentences")  # what is there by dialogue


@dataclass(frozen=True)
class Layout:
    """One way in which the file is written. fields: what each element is; widths: numbers per utterance of each feature."""

    name: str
    fields: tuple[str, ...]
    widths: Mapping[str, int] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(KINDS[name] for name in self.fields)


ROBERTA = ("text_vector",) * 4
LAYOUTS = (
    Layout("transcripts alone", ("speakers", "labels", "sentences", "train", "test", "valid")),
    Layout(
        "features of DialogueRNN and DialogueGCN",
        ("ids", "speakers", "labels", *FEATURES, "sentences", "train", "test"),
        {"text_vector": 100, "audio": 100, "video": 512},
    ),
    Layout(
        "text features of COSMIC (RoBERTa)",
        ("speakers", "labels", *ROBERTA, "sentences", "train", "test", "valid"),
        {"text_vector": 1024},
    ),
    Layout(
        "features of RoBERTa, openSMILE and DenseNet",
        ("ids", "speakers", "labels", *ROBERTA, "audio", "video", "sentences", "train", "test"),
        {"text_vector": 1024, "audio": OPENSMILE, "video": 342},
    ),
)


@dataclass
class Talk:
    """One dialogue: what is known of each of its n utterances, in order. labels: (n,) int64; features: name -> (n, D) float32."""

    name: str
    session: str
    ids: list[str]
    speakers: list[str]
    labels: np.ndarray
    sentences: list[str]
    features: dict[str, np.ndarray]


# --- which layout it is ----------------------------------------------------------------------------------------------------


def layout_of(value: Any) -> Layout | None:
    """The layout whose elements are of the kinds of these."""
    kinds = tuple(map(_kind, value)) if isinstance(value, (list, tuple)) else ()
    return next((layout for layout in LAYOUTS if layout.kinds == kinds), None)


def held(value: Any) -> str:
    """What a file holds, in words."""
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {len(value)}: {', '.join(map(_kind, value)) or 'nothing'}"
    if isinstance(value, dict):
        return f"a dict of {', '.join(repr(key) for key in list(value)[:4])}{', ...' * (len(value) > 4)}"
    return f"a {type(value).__name__}"


def _kind(element: Any) -> str:
    """What one element holds, judged by its first entry."""
    if isinstance(element, (list, tuple, set)):
        return NAMES if element and all(isinstance(each, str) for each in element) else f"a {type(element).__name__}"
    if not isinstance(element, dict):
        return f"a {type(element).__name__}"
    filled = (each for each in element.values() if isinstance(each, (list, tuple, np.ndarray)) and len(each))
    first = next(filled, (None,))[0]
    if isinstance(first, str):
        return TEXTS
    if _whole(first):
        return NUMBERS
    return VECTORS if _matrix([first]) is not None else "a dict"


def _whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _matrix(values: Any) -> np.ndarray | None:
    """(n, D) float32 of n vectors of one width; None where they are none."""
    try:
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is told as such
            array = np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError):
        return None
    return array if array.ndim == 2 and array.shape[1] else None


# --- what can be wrong -----------------------------------------------------------------------------------------------------


def wrong_lists(parts: Mapping[str, Sequence[str]], fields: Mapping[str, Sequence[Any]]) -> list[str]:
    """Names that are none, dialogues in two lists or absent from the data, speakers who are heard in training and in test."""
    found = []
    first: dict[str, str] = {}
    sessions: dict[str, set[str]] = {}
    for part, names in parts.items():
        for name in names:
            match = DIALOGUE.fullmatch(name)
            if match is None:
                found.append(f"{part}: dialogue {name!r}, expected a name such as 'Ses01F_impro01'")
                continue
            sessions.setdefault("test" if part == "test" else "training", set()).add(match[1])
            if name in first:
                found.append(f"{part}: dialogue {name!r} was already listed in {first[name]}")
            first.setdefault(name, part)
            absent = [each for each in TALKS if any(name not in entries for entries in fields.get(each, ()))]
            if absent:
                found.append(f"{part}: dialogue {name!r} has no {', '.join(absent)}, expected them of every dialogue listed")
    both = sessions.get("training", set()) & sessions.get("test", set())
    return found + [f"session {name} stands in training and in test, expected its two speakers in one" for name in sorted(both)]


def talk(name: str, fields: Mapping[str, Sequence[Any]], problems: list[str]) -> Talk | None:
    """One dialogue that all of `fields` have; None, and its problems noted, when something is wrong with it."""
    of = {each: [entries[name] for entries in fields[each]] for each in TALKS if each in fields}
    wrong = [*_wrong_entries(of)] or [*_wrong_values(of)]
    problems += [f"dialogue {name!r}: {text}" for text in wrong]
    if wrong:
        return None
    labels = np.array(of["labels"][0], dtype=np.int64)
    ids = of["ids"][0] if "ids" in of else [f"{name}_{turn:03d}" for turn in range(len(labels))]
    features = {each: np.mean([_matrix(entry) for entry in of[each]], axis=0) for each in FEATURES if each in of}
    session = DIALOGUE.fullmatch(name)[1]
    return Talk(name, session, list(ids), list(of["speakers"][0]), labels, list(of["sentences"][0]), features)


def _wrong_entries(of: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """Entries that are no lists, not of one length, or empty."""
    sizes = {}
    for name, entries in of.items():
        for n, entry in enumerate(entries):
            if isinstance(entry, (list, tuple, np.ndarray)):
                sizes[f"{name} {n + 1}" if len(entries) > 1 else name] = len(entry)
            else:
                yield f"{name} is a {type(entry).__name__}, expected a list with an entry per utterance"
    if len(set(sizes.values())) > 1:
        yield f"{', '.join(f'{name} has {size}' for name, size in sizes.items())}; expected equally many utterances"
    elif not any(sizes.values()):
        yield "no utterances, expected at least one"


def _wrong_values(of: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """What is wrong with single utterances, counted from 0."""
    speakers = list(of["speakers"][0])
    strange = [n for n, speaker in enumerate(speakers) if speaker not in SPEAKERS]
    yield from (f"utterance {n}: speaker {speakers[n]!r}, expected 'F' or 'M'" for n in strange)
    if not strange and len(set(speakers)) == 1:
        yield f"only {speakers[0]!r} speaks, expected two speakers"
    for n, label in enumerate(of["labels"][0]):
        if not _whole(label) or not 0 <= label < len(EMOTIONS):
            yield f"utterance {n}: label {label}, expected 0 to 5 ({', '.join(EMOTIONS)})"
    for name in ("ids", "sentences"):
        texts = of[name][0] if name in of else ()
        blank = [n for n, text in enumerate(texts) if not isinstance(text, str) or (name == "ids" and not text.strip())]
        yield from (f"utterance {n}: {texts[n]!r} in {name}, expected a text" for n in blank)
    for name in FEATURES:
        yield from _wrong_vectors(name, of.get(name, ()))


def _wrong_vectors(name: str, entries: Sequence[Any]) -> Iterator[str]:
    """Of the features of this name: no vectors, vectors of several widths, numbers that are none."""
    sizes = set()
    for entry in entries:
        values = _matrix(entry)
        single = [values] if values is not None else [_matrix([each]) for each in entry]
        for n, each in enumerate(single):
            if each is None:
                yield f"utterance {n}: {name} is no vector of numbers"
                continue
            sizes.add(each.shape[1])
            for row in np.flatnonzero(~np.isfinite(each).all(axis=1)).tolist():
                yield f"utterance {n + row}: {name} has NaN or infinite values, expected finite numbers"
    if len(sizes) > 1:
        yield f"{name} has vectors of {', '.join(map(str, sorted(sizes)))} numbers, expected all of one width"


def widths(
    layout: Layout, talks: Collection[Talk], any_width: bool, problems: list[str]
) -> tuple[dict[str, int], tuple[str, ...]]:
    """(numbers per utterance of each feature, advice). They have to be the same in all dialogues and the layout's, or any."""
    usual, advice = {}, ()
    for name, expected in layout.widths.items():
        found: dict[int, list[str]] = {}
        for each in talks:
            found.setdefault(each.features[name].shape[1], []).append(each.name)
        most = max(found, key=lambda width: len(found[width]), default=expected)
        for width in sorted(found.keys() - {most}):
            problems += [f"dialogue {each!r}: {name} has {width:,} numbers, elsewhere it has {most:,}" for each in found[width]]
        if most != expected and not any_width:
            known = " (openSMILE's, of a later release)" if (name, most) == ("audio", OPENSMILE) else ""
            problems.append(f"{name} has {most:,} numbers per utterance{known}, expected {expected:,}")
            advice = (OTHER,)
        usual[name] = most
    return usual, advice

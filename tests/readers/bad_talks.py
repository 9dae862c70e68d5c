"""Bad sets of conversations: the good tiny one with one thing changed in it, and what has to be said about each."""

# ruff: noqa: E501 - a message stands on one line, as a person reads it

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mmkit.readers import iemocap, meld
from tests.readers import talk_files
from tests.readers.talk_files import SAID, TALKS, TEST, TRAIN

Case = tuple[str, str, Callable[[Path], None]]
FORMAT, AGAIN, RUN = "data_scripts/README.md", "fetch it again", "Nothing of it was run"
FIRST, SECOND = TRAIN  # Ses03F_impro02, Ses01M_script01_1b
ONE, TWO = f"dialogue '{FIRST}': ", f"dialogue '{SECOND}': "
NAN = float("nan")


class Runs:
    """Asks whoever loads it to run a command."""

    def __reduce__(self) -> tuple:
        return os.system, ("echo ran",)


# --- IEMOCAP ---------------------------------------------------------------------------------------------------------------


def talks(layout: int, *changes: tuple[str, Any]) -> Callable[[Path], None]:
    """The good file with values changed: "labels/Ses03F_impro02/1" is an utterance's, "valid" a whole element."""

    def change(held: dict[str, Any]) -> None:
        for path, value in changes:
            *above, last = path.split("/")
            inner = held
            for key in above:
                inner = inner[int(key) if isinstance(inner, list) else key]
            inner[int(last) if isinstance(inner, list) else last] = value

    def give(tmp: Path) -> None:
        iemocap.read(talk_files.iemocap(tmp / "iemocap.pkl", layout, change))

    return give


def holding(value: Any) -> Callable[[Path], None]:
    """A file that holds something else; bytes as they are."""

    def give(tmp: Path) -> None:
        (tmp / "iemocap.pkl").write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol=2))
        iemocap.read(tmp / "iemocap.pkl")

    return give


def swapped(first: str, second: str) -> Callable[[Path], None]:
    """Two elements in each other's place."""

    def change(held: dict[str, Any]) -> None:
        held[first], held[second] = held[second], held[first]

    return lambda tmp: void(iemocap.read(talk_files.iemocap(tmp / "iemocap.pkl", 9, change)))


def void(_: object) -> None:
    """Nothing: a case returns only when it failed to raise."""


def wide(width: int, *names: str) -> dict[str, list[np.ndarray]]:
    """Features of this width in some dialogues, of 100 in the others."""
    return {name: [np.ones(width if name in names else 100)] * len(rows) for name, rows in TALKS.items()}


TEXTS, NUMBERS, VECTORS, NAMES = "texts by dialogue", "whole numbers by dialogue", "vectors by dialogue", "names of dialogues"
KNOWN = [
    f"6: {TEXTS}, {NUMBERS}, {TEXTS}, {NAMES}, {NAMES}, {NAMES} (transcripts alone)",
    f"9: {TEXTS}, {TEXTS}, {NUMBERS}, {', '.join([VECTORS] * 3)}, {TEXTS}, {NAMES}, {NAMES} (features of DialogueRNN and DialogueGCN)",
    f"10: {TEXTS}, {NUMBERS}, {', '.join([VECTORS] * 4)}, {TEXTS}, {NAMES}, {NAMES}, {NAMES} (text features of COSMIC (RoBERTa))",
    f"12: {TEXTS}, {TEXTS}, {NUMBERS}, {', '.join([VECTORS] * 6)}, {TEXTS}, {NAMES}, {NAMES} (features of RoBERTa, openSMILE and DenseNet)",
]
CLASSES = "expected 0 to 5 (happy, sad, neutral, angry, excited, frustrated)"

# --- MELD ------------------------------------------------------------------------------------------------------------------


def lines(**changed: list[str] | None) -> Callable[[Path], None]:
    return lambda tmp: void(meld.read(talk_files.meld(tmp / "meld", **changed)))


def swap(line: int, old: str, new: str) -> str:
    """A line of the training file with something else in it."""
    assert old in SAID["train"][line]
    return SAID["train"][line].replace(old, new, 1)


def head(old: str, new: str) -> Callable[[Path], None]:
    return lambda tmp: void(meld.read(talk_files.meld(tmp / "meld", head=talk_files.HEAD.replace(old, new))))


def damaged(data: bytes) -> Callable[[Path], None]:
    """The good folder with another file of training utterances."""

    def give(tmp: Path) -> None:
        path = talk_files.meld(tmp / "meld") / "train_sent_emo.csv"
        path.write_bytes(data)
        meld.read(path.parent)

    return give


I, M = "IEMOCAP: ", "MELD: "
TRAINING = (talk_files.HEAD + "\r\n").encode()
A, B, C, D = SAID["train"]
# id, what is wrong, how to give it, the summary (or its beginning), the problems, a part of the advice
ROWS: list[tuple[str, str, Callable[[Path], None], str, list[str], str]] = [
    ("iemocap_program", I + "a pickle that asks to run a command", talks(6, (f"sentences/{FIRST}/0", Runs())), "DATA/iemocap.pkl: names posix.system, expected arrays and built-in containers only", [], RUN),
    ("iemocap_cut", I + "a pickle that is cut off", holding(pickle.dumps(talk_files.elements(6), protocol=2)[:-9]), "DATA/iemocap.pkl: is not a whole pickle", [], AGAIN),
    ("iemocap_page", I + "a web page under the name of the file", holding(b"<!DOCTYPE html>"), "DATA/iemocap.pkl: starts with b'<!DOCTYP', expected a pickle", [], AGAIN),
    ("iemocap_empty", I + "a file of 0 bytes", holding(b""), "DATA/iemocap.pkl: is empty (0 bytes), expected a pickle", [], AGAIN),
    ("iemocap_dict", I + "a dict instead of the elements in order", holding(talk_files.elements(6)),
     "DATA/iemocap.pkl: holds a dict of 'speakers', 'labels', 'sentences', 'train', ..., expected one of 4 layouts", KNOWN, FORMAT),
    ("iemocap_layout", I + "elements in an order that is not known", swapped("labels", "text_vector"),
     f"DATA/iemocap.pkl: holds a tuple of 9: {TEXTS}, {TEXTS}, {VECTORS}, {NUMBERS}, {VECTORS}, {VECTORS}, {TEXTS}, {NAMES}, {NAMES}, expected one of 4 layouts", KNOWN, FORMAT),
    ("iemocap_other", I + "elements of other kinds", holding([{"a": [0.5]}, {}, {"a": [True]}, [1, "a"], [], None, 3, {"a": [[0.5]]}]),
     f"DATA/iemocap.pkl: holds a list of 8: a dict, a dict, a dict, a list, a list, a NoneType, a int, {VECTORS}, expected one of 4 layouts", KNOWN, FORMAT),
    ("iemocap_array", I + "a single array", holding(np.ones(3)), "DATA/iemocap.pkl: holds a ndarray, expected one of 4 layouts", KNOWN, FORMAT),
    ("iemocap_nothing", I + "an empty list", holding([]), "DATA/iemocap.pkl: holds a list of 0: nothing, expected one of 4 layouts", KNOWN, FORMAT),
    ("iemocap_names", I + "dialogues of another data set", talks(6, ("train", [FIRST, "d1", "Ses06F_impro01"])), "iemocap: 2 problems in IEMOCAP, transcripts alone, DATA/iemocap.pkl", [
        "train: dialogue 'Ses06F_impro01', expected a name such as 'Ses01F_impro01'",
        "train: dialogue 'd1', expected a name such as 'Ses01F_impro01'",
    ], FORMAT),
    ("iemocap_listed", I + "dialogues that are listed twice", talks(6, ("valid", [FIRST]), ("test", TEST * 2)), "iemocap: 2 problems", [
        f"valid: dialogue '{FIRST}' was already listed in train",
        f"test: dialogue '{TEST[0]}' was already listed in test",
    ], FORMAT),
    ("iemocap_both", I + "a dialogue, and its speakers, in training and in test", talks(9, ("test", [*TEST, FIRST])), "iemocap: 2 problems", [
        f"test: dialogue '{FIRST}' was already listed in train",
        "session Ses03 stands in training and in test, expected its two speakers in one",
    ], FORMAT),
    ("iemocap_session", I + "another dialogue of the same speakers in test, and one in valid", talks(6, ("test", ["Ses04M_impro03"]), ("valid", ["Ses04M_impro03"])), "iemocap: 2 problems", [
        "test: dialogue 'Ses04M_impro03' was already listed in valid",
        "session Ses04 stands in training and in test, expected its two speakers in one",
    ], FORMAT),
    ("iemocap_absent", I + "listed dialogues that are not there", talks(9, ("train", [*TRAIN, "Ses02M_impro09"]), ("audio", {k: v for k, v in wide(100).items() if k != FIRST})), "iemocap: 2 problems", [
        "train: dialogue 'Ses02M_impro09' has no ids, speakers, labels, text_vector, audio, video, sentences, expected them of every dialogue listed",
        f"train: dialogue '{FIRST}' has no audio, expected them of every dialogue listed",
    ], FORMAT),
    ("iemocap_lengths", I + "lists of different lengths in a dialogue", talks(9, (f"labels/{FIRST}", [4, 0]), (f"video/{SECOND}", [])), "iemocap: 2 problems", [
        TWO + "ids has 4, speakers has 4, labels has 4, text_vector has 4, audio has 4, video has 0, sentences has 4; expected equally many utterances",
        ONE + "ids has 3, speakers has 3, labels has 2, text_vector has 3, audio has 3, video has 3, sentences has 3; expected equally many utterances",
    ], FORMAT),
    ("iemocap_layers", I + "one of four text features too short", talks(10, (f"text_vector2/{FIRST}", [np.ones(1024)])), "iemocap: 1 problem", [
        ONE + "speakers has 3, labels has 3, text_vector 1 has 3, text_vector 2 has 3, text_vector 3 has 1, text_vector 4 has 3, sentences has 3; expected equally many utterances",
    ], FORMAT),
    ("iemocap_talk", I + "a dialogue without an utterance, and one that is no list", talks(6, *((f"{name}/{FIRST}", []) for name in ("speakers", "labels", "sentences")), (f"sentences/{SECOND}", "Oh.")), "iemocap: 2 problems", [
        TWO + "sentences is a str, expected a list with an entry per utterance",
        ONE + "no utterances, expected at least one",
    ], FORMAT),
    ("iemocap_speaker", I + "a dialogue of one speaker", talks(6, (f"speakers/{FIRST}", ["F", "F", "F"])), "iemocap: 1 problem", [ONE + "only 'F' speaks, expected two speakers"], FORMAT),
    ("iemocap_speakers", I + "speakers that are none", talks(6, (f"speakers/{FIRST}/1", "X"), (f"speakers/{SECOND}/0", None)), "iemocap: 2 problems", [
        TWO + "utterance 0: speaker None, expected 'F' or 'M'",
        ONE + "utterance 1: speaker 'X', expected 'F' or 'M'",
    ], FORMAT),
    ("iemocap_labels", I + "labels that are no class", talks(6, (f"labels/{FIRST}/0", 6), (f"labels/{FIRST}/1", -1), (f"labels/{SECOND}/2", "sad"), (f"labels/{SECOND}/3", True)), "iemocap: 4 problems", [
        TWO + f"utterance 2: label sad, {CLASSES}",
        TWO + f"utterance 3: label True, {CLASSES}",
        ONE + f"utterance 0: label 6, {CLASSES}",
        ONE + f"utterance 1: label -1, {CLASSES}",
    ], FORMAT),
    ("iemocap_texts", I + "sentences and ids that are none", talks(9, (f"sentences/{FIRST}/2", None), (f"ids/{FIRST}/0", " ")), "iemocap: 2 problems", [
        ONE + "utterance 0: ' ' in ids, expected a text",
        ONE + "utterance 2: None in sentences, expected a text",
    ], FORMAT),
    ("iemocap_id_twice", I + "an id that stands twice", talks(9, (f"ids/{FIRST}/0", "u1"), (f"ids/{SECOND}/0", "u1")), "iemocap: 1 problem in IEMOCAP", ["iemocap: id 'u1' stands 2 times, expected each id once"], ""),
    ("iemocap_nan", I + "features with NaN", talks(9, (f"audio/{FIRST}/1", np.full(100, NAN)), (f"video/{SECOND}/3", np.full(512, 1e300))), "iemocap: 2 problems", [
        TWO + "utterance 3: video has NaN or infinite values, expected finite numbers",
        ONE + "utterance 1: audio has NaN or infinite values, expected finite numbers",
    ], FORMAT),
    ("iemocap_vectors", I + "features that are no vectors, or not of one width", talks(9, (f"audio/{FIRST}/1", "loud"), (f"audio/{FIRST}/2", np.full(100, NAN)), (f"text_vector/{SECOND}/2", np.ones(99))), "iemocap: 3 problems", [
        TWO + "text_vector has vectors of 99, 100 numbers, expected all of one width",
        ONE + "utterance 1: audio is no vector of numbers",
        ONE + "utterance 2: audio has NaN or infinite values, expected finite numbers",
    ], FORMAT),
    ("iemocap_widths", I + "a dialogue whose features are wider than elsewhere", talks(9, ("audio", wide(60, FIRST))), "iemocap: 1 problem", [ONE + "audio has 60 numbers, elsewhere it has 100"], FORMAT),
    ("iemocap_opensmile", I + "sound features of a later release", talks(9, ("audio", wide(1582, *TALKS))), "iemocap: 1 problem", ["audio has 1,582 numbers per utterance (openSMILE's, of a later release), expected 100"], "read(path, other_widths=True)"),
    ("iemocap_width", I + "features of another extractor", talks(12, ("video", wide(100))), "iemocap: 1 problem in IEMOCAP, features of RoBERTa, openSMILE and DenseNet", ["video has 100 numbers per utterance, expected 342"], "read(path, other_widths=True)"),
    ("meld_absent", M + "a file that is missing", lines(dev=None), "meld: 1 problem in MELD, emotion, DATA/meld", ["dev_sent_emo.csv: no such file"], FORMAT),
    ("meld_header", M + "a column that is misspelt, one that stands twice", head("Dialogue_ID,", "DialogueID,Emotion,"), "meld: 6 problems", [
        f"{part}_sent_emo.csv:1: column {name}, expected once{hint}"
        for part in ("train", "dev", "test")
        for name, hint in (("'Dialogue_ID' stands 0 times in the header", "; did you mean 'DialogueID'?"), ("'Emotion' stands 2 times in the header", ""))
    ], FORMAT),
    ("meld_values", M + "classes, numbers, names and times that are none", lines(train=[swap(0, ",sadness,", ",sad,"), swap(1, ",0,1,8,", ",0,one,8,"), swap(2, ",Joey,", ", ,"), swap(3, "1:00:00,500", "60 s")]), "meld: 4 problems", [
        "train_sent_emo.csv:2: column 'Emotion': 'sad', expected one of neutral, surprise, fear, sadness, joy, disgust, anger",
        "train_sent_emo.csv:3: column 'Utterance_ID': 'one', expected a whole number",
        "train_sent_emo.csv:4: column 'Speaker': '', expected a name",
        "train_sent_emo.csv:5: column 'EndTime': '60 s', expected a time such as 00:16:16,059",
    ], FORMAT),
    ("meld_twice", M + "an utterance that stands twice", lines(train=[A, B, C, D, swap(1, ",0,1,8,", ",0,0,8,")]), "meld: 1 problem", ["train_sent_emo.csv:6: Dialogue_ID 0, Utterance_ID 0 were already used at train_sent_emo.csv:2, expected each pair once"], FORMAT),
    ("meld_fields", M + "a comma that is not quoted", lines(train=[A, B.replace("What?", "What, now?"), C]), "meld: 1 problem", ["train_sent_emo.csv:3: 12 fields, expected 11 as in the header; is a comma not quoted?"], FORMAT),
    ("meld_quote", M + "a quote that is never closed", lines(train=[A, B.replace("What?", '"What?')]), "meld: 1 problem", ["train_sent_emo.csv:3: ',' expected after '\"', expected CSV with every quote closed"], FORMAT),
    ("meld_cut", M + "a file that is cut off inside quotes", damaged(TRAINING + A.encode() + b"\r\n" + B.encode()[:-4]), "meld: 1 problem", ["train_sent_emo.csv:3: unexpected end of data, expected CSV with every quote closed"], FORMAT),
    ("meld_empty", M + "a file of 0 bytes", damaged(b""), "meld: 1 problem", ["train_sent_emo.csv: is empty (0 bytes), expected a header and utterances"], AGAIN),
    ("meld_page", M + "a web page under the name of the file", damaged(b"<!DOCTYPE html>"), "meld: 1 problem", ["train_sent_emo.csv:1: starts with '<!doctype html', expected column names; this is a web page"], "sign in"),
    ("meld_bytes", M + "bytes that are neither UTF-8 nor Windows-1252", damaged(TRAINING + b"1,\x81,Ross,joy,positive,0,0,8,21,00:00:01,000,00:00:02,000\r\n"), "meld: 1 problem", ["train_sent_emo.csv:2: byte 104: 0x81, expected UTF-8 (in Windows-1252 it is '\ufffd')"], "iconv"),
    ("meld_nothing", M + "a header without utterances", lines(dev=[]), "meld: 1 problem", ["dev_sent_emo.csv: a header and no utterances, expected at least one"], FORMAT),
]  # fmt: skip

CASES: list[Case] = [(id, what, give) for id, what, give, *_ in ROWS]
EXPECTED: dict[str, tuple[str, list[str], str]] = {
    id: (summary, problems, advice) for id, _, _, summary, problems, advice in ROWS
}

"""MELD: several speakers, gaps in the numbers, lines out of order, marks and encodings of all kinds; the label is a choice."""

from __future__ import annotations

import pytest

from mmkit.errors import DataError, SettingsError
from mmkit.readers import meld
from tests.readers import talk_files
from tests.readers.talk_files import HEAD, SAID

ROWS = [  # id, turn, speaker, text, emotion, sentiment, episode, start, end
    ("train_dia0_utt0", 0, "Ross", "Well, it\u2019s \"over\".", "sadness", "negative", "s08e21", 976.059, 981.731),
    ("train_dia0_utt1", 1, "Monica", "What?", "surprise", "negative", "s08e21", 981.94, 983.442),
    ("train_dia0_utt3", 3, "Joey", "Caf\u00e9 then\u2026", "joy", "positive", "s08e21", 986.82, 989.572),
    ("train_dia2_utt0", 0, "The Interviewer", "Hm.", "neutral", "neutral", "s01e02", 60.0, 3600.5),
    ("valid_dia0_utt0", 0, "Rachel", "Ew!", "disgust", "negative", "s04e07", 1257.256, 1260.049),
    ("test_dia0_utt0", 0, "Phoebe", "Run!", "fear", "negative", "s03e19", 878.127, 880.378),
    ("test_dia0_utt1", 1, "Ross", "Never.", "anger", "negative", "s03e19", 880.629, 887.385),
]  # fmt: skip


def rows(data, label):
    names = ("id", "turn", "speaker", "text", label, "episode", "start", "end")
    of = data.records.table
    return [tuple(row[name] if name != label else data.schema.classes[row[name]] for name in names) for row in of.to_pylist()]


@pytest.mark.parametrize(("label", "drop"), [("emotion", 5), ("sentiment", 4)])
def test_every_line_is_an_utterance_with_the_label_asked_for(label, drop, tmp_path):
    data = meld.read(talk_files.meld(tmp_path), label)
    assert rows(data, label) == [row[:drop] + row[drop + 1 :] for row in ROWS]
    table = data.records.table
    assert [f"{name}_utt{turn}" for name, turn in zip(*(table[c].to_pylist() for c in ("dialogue", "turn")), strict=True)] == [
        row[0] for row in ROWS
    ]
    assert [row[0].split("_")[0] for row in ROWS] == table["part"].to_pylist()
    assert table.schema.equals(data.schema.arrow)
    assert (data.schema.label, data.schema.task) == (label, "multiclass")
    assert {what: n for what, n in data.counts.items() if "train" in what} == {"utterances in train": 4, "dialogues in train": 2}


def test_the_order_of_the_classes_is_that_of_the_published_features():
    """Files of features, where people have them, hold these numbers."""
    numbers = {name: k for k, name in enumerate(meld.CLASSES["emotion"])}
    assert numbers == {"neutral": 0, "surprise": 1, "fear": 2, "sadness": 3, "joy": 4, "disgust": 5, "anger": 6}
    assert meld.CLASSES["sentiment"] == ("neutral", "positive", "negative")


def test_another_label_is_no_label(tmp_path):
    with pytest.raises(SettingsError, match=r"no label 'emotions'; did you mean 'emotion'\?"):
        meld.read(talk_files.meld(tmp_path), "emotions")


def test_encodings_and_line_ends_change_nothing_but_the_fingerprint(tmp_path):
    plain = meld.read(talk_files.meld(tmp_path / "plain"))
    marked = meld.read(talk_files.meld(tmp_path / "marked", encoding="utf-8-sig"))
    windows = meld.read(talk_files.meld(tmp_path / "windows", encoding="cp1252"))
    assert plain.records.table == marked.records.table == windows.records.table
    assert len({plain.fingerprint, marked.fingerprint, windows.fingerprint}) == 3
    assert windows.counts["lines in Windows-1252, read as such"] == 2
    assert "lines in Windows-1252, read as such" not in marked.counts

    folder = talk_files.meld(tmp_path / "lines")
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n\n").replace(b"joy", b" Joy "))
    assert meld.read(folder).records.table == plain.records.table


def test_single_lines_in_windows_1252_among_utf_8(tmp_path):
    folder = talk_files.meld(tmp_path)
    path = folder / "train_sent_emo.csv"
    path.write_bytes(path.read_bytes().replace("it\u2019s".encode(), b"it\x92s"))
    data = meld.read(folder)
    assert [row[3] for row in rows(data, "emotion")] == [row[3] for row in ROWS]
    assert data.counts["lines in Windows-1252, read as such"] == 1


def test_a_line_break_inside_quotes_belongs_to_the_text(tmp_path):
    said = SAID["train"][0].replace("it\u2019s", "it\u2019s\n")
    data = meld.read(talk_files.meld(tmp_path, train=(said, *SAID["train"][1:])))
    assert data.records.table["text"].to_pylist()[0] == 'Well, it\u2019s\n "over".'


def test_utterances_are_put_in_order_and_what_has_no_text_is_left_out(tmp_path):
    a, b, c, d = SAID["train"]
    late = a.replace("00:16:21,731", "00:16:01,731")
    data = meld.read(talk_files.meld(tmp_path, train=(d, c, late, b.replace("What?", '" "'))))
    ids = data.records.table["id"].to_pylist()
    assert ids[:3] == ["train_dia0_utt0", "train_dia0_utt3", "train_dia2_utt0"]
    assert (len(ids), data.counts["utterances without a text, left out"]) == (6, 1)
    assert data.counts["lines out of order, sorted"] == 2
    assert data.counts["utterances that end before they begin, kept"] == 1
    assert "lines out of order, sorted" not in meld.read(talk_files.meld(tmp_path / "good")).counts


def test_columns_may_stand_in_any_order(tmp_path):
    def turned(line: str) -> str:
        return ",".join(reversed(line.split(",")))

    line = "1,Ew!,Rachel,disgust,negative,0,0,4,7,0:20:57.256,0:21:00.049"
    data = meld.read(
        talk_files.meld(tmp_path, head=turned(HEAD), encoding="utf-8-sig", **{part: [turned(line)] for part in SAID})
    )
    assert rows(data, "emotion")[0] == ("train_dia0_utt0", *ROWS[4][1:5], *ROWS[4][6:])


def test_the_nearest_folder_with_most_of_the_files(tmp_path):
    talk_files.meld(tmp_path / "a", dev=None)
    whole = talk_files.meld(tmp_path / "b/MELD")
    assert meld.locate(tmp_path) == whole
    assert meld.locate(whole / "dev_sent_emo.csv") == whole
    assert meld.locate(tmp_path / "a") == tmp_path / "a"
    (tmp_path / "c").mkdir()
    assert meld.locate(tmp_path / "c") is None
    with pytest.raises(DataError, match=r"dev_sent_emo\.csv: no such file"):
        meld.read(tmp_path / "a")


def test_marks_of_windows_1252_that_were_taken_for_latin_1(tmp_path):
    said = SAID["train"][0].replace("it\u2019s", "it\x92s\x85\x81")  # 0x81 means nothing in Windows-1252 and stays
    data = meld.read(talk_files.meld(tmp_path, train=(said, *SAID["train"][1:])))
    assert data.records.table["text"].to_pylist()[0] == 'Well, it\u2019s\u2026\x81 "over".'
    assert data.counts["lines with Windows-1252 taken for Latin-1, put right"] == 1

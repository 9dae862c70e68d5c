"""Parallel text: the pairs that stand in the files, wherever they lie and however they are packed; lengths that do not fit."""

from __future__ import annotations

import gzip
import hashlib
import random
import shutil

import numpy as np
import pytest

from mmkit import readers
from mmkit.errors import DataError
from mmkit.readers import alongside, parallel_text
from tests.readers.bad_pairs import FIXTURES, GOOD, sentences, unpacked

PAIRS = [
    ("Zwei Hunde laufen am Strand.", "Two dogs run on the beach.", "train"),
    ("Ein Mann in  rotem Hemd.", "A man in a red shirt.", "train"),
    ("Eine Frau liest A&amp;B-Hefte.", "A woman reads A&amp;B magazines.", "train"),
    ("Kinder\u2028spielen Fußball.", "Children play football.", "train"),
    ("Ein Boot auf dem See.", "A boat on the lake.", "valid"),
    ("Zwei Männer sitzen.", "Two men are sitting.", "valid"),
    ("Ein Kind lacht.", "A child laughs.", "test"),
    ("Der Hund schläft.", "The dog sleeps.", "test"),
]
SIZES = {"pairs in train": 4, "pairs in valid": 2, "pairs in test": 2}
KEPT = {"HTML entities, kept: de": 1, "HTML entities, kept: en": 1, "line breaks of other kinds inside a line, kept: de": 1}


def pairs(data):
    return [tuple(row.values()) for row in data.records.table.to_pylist()]


@pytest.mark.parametrize(
    ("name", "root"),
    [
        ("multi30k", "multi30k/good"), ("multi30k", "multi30k/good/task1/raw/val.de.gz"),
        ("iwslt14", "iwslt14/good"), ("iwslt14", "iwslt14/good_pair_names"), ("wmt14", "wmt14/good"),
    ],
)  # fmt: skip
def test_the_pairs_that_stand_in_the_files(name, root):
    data = readers.load(name, FIXTURES / root)
    assert pairs(data) == PAIRS
    assert data.counts == SIZES | KEPT
    assert (data.name, data.schema.name, data.schema.languages) == (name, name, ("de", "en"))
    assert data.records.table.schema.equals(data.schema.arrow)
    assert [len(part) for part in data.official()] == [4, 2, 2]


def test_the_fingerprint_is_of_the_text_and_not_of_its_packing(tmp_path):
    data, plain = readers.load("multi30k", GOOD), readers.load("multi30k", unpacked(tmp_path))
    names = [f"{stem}.{language}.gz" for stem in ("train", "val", "test_2016_flickr") for language in ("de", "en")]
    digests = [hashlib.sha256(gzip.decompress((GOOD / name).read_bytes())).hexdigest() for name in names]
    assert data.fingerprint == hashlib.sha256("".join(digests).encode()).hexdigest()[:16] + "-multi30k1"
    assert plain.fingerprint == data.fingerprint
    assert str(tmp_path) in plain.source
    file = tmp_path / "multi30k/val.en"
    file.write_bytes(file.read_bytes().replace(b"lake", b"pond"))
    assert readers.load("multi30k", tmp_path).fingerprint != data.fingerprint


def test_windows_line_ends_and_byte_order_marks_are_taken_off_and_counted(tmp_path):
    folder = unpacked(tmp_path)
    for name in ("train.de", "val.en"):
        (folder / name).write_bytes(b"\xef\xbb\xbf" + (folder / name).read_bytes().replace(b"\n", b"\r\n"))
    (folder / "train.en").write_bytes((folder / "train.en").read_bytes().removesuffix(b"\n"))
    data = readers.load("multi30k", tmp_path)
    assert pairs(data) == PAIRS
    extra = {"lines that end in CRLF": 6, "byte order marks skipped": 2, "files that end without a line end": 1}
    assert data.counts == SIZES | KEPT | extra


@pytest.mark.parametrize("seed", range(60))
def test_lines_are_cut_at_line_feeds_alone(seed):
    rng = random.Random(seed)
    text = "".join(rng.choices("ab\n\r\u2028\x0b\x0c\x85é漢", k=rng.randrange(1, 30)))
    lines, digest, counts = parallel_text.split_lines(text.encode())
    expected = text.split("\n")
    ended = expected[:-1] if expected[-1] == "" else expected
    crlf = [line.endswith("\r") and n < len(expected) - 1 for n, line in enumerate(ended)]
    assert lines.to_pylist() == [line[:-1] if cut else line for line, cut in zip(ended, crlf, strict=True)]
    assert counts["lines that end in CRLF"] == sum(crlf)
    assert counts["files that end without a line end"] == (expected[-1] != "")
    assert digest == hashlib.sha256(text.encode()).hexdigest()


def test_what_is_unusual_is_counted_in_all_parts(tmp_path):
    folder = unpacked(tmp_path)
    (folder / "val.de").write_text(
        "Ein B@@ oot A&#233;&quot;B &amp c@@\nZwei\rMänner\x0b\x85sitzen a@b.\n", encoding="utf-8", newline="\n"
    )
    (folder / "val.en").write_text("One boat\n" + "two " * 19 + "\n", encoding="utf-8")
    data = readers.load("multi30k", GOOD)
    with pytest.raises(DataError, match="in 1 of 2 pairs"):
        readers.load("multi30k", tmp_path)
    (folder / "val.en").write_text("One boat\n" + "two " * 18 + "\n", encoding="utf-8")  # trailing blanks are no word
    data = readers.load("multi30k", tmp_path)
    assert data.counts == SIZES | KEPT | {
        "HTML entities, kept: de": 3, "marks of subword units (@@), kept: de": 2,
        "line breaks of other kinds inside a line, kept: de": 4,
    }  # fmt: skip
    assert data.records.table["de"][5].as_py() == "Zwei\rMänner\x0b\x85sitzen a@b."


def test_a_few_outliers_are_kept_and_counted(tmp_path):
    folder = unpacked(tmp_path)
    de, en = sentences(100)
    de[7], en[7], en[8], de[8] = "Wort", "word " * 10, "word", "Wort " * 10
    de[9], en[9] = "Wort", ("word " * 9).strip()
    de[10], en[10] = ("Wort " * 9).strip(), "word"
    for language, lines in (("de", de), ("en", en)):
        (folder / f"train.{language}").write_text("\n".join(lines) + "\n")
    data = readers.load("multi30k", tmp_path)
    assert data.counts["pairs where one side has over 9 times the words"] == 2
    assert data.counts["pairs in train"] == 100


def test_folders_are_told_by_their_files_and_names(tmp_path):
    def locate(name):
        found = readers.find(name).locate(tmp_path)
        return found and found.relative_to(tmp_path).as_posix()

    common = FIXTURES / "iwslt14/good/iwslt14.tokenized.de-en"
    shutil.copytree(GOOD, tmp_path / "a/deep/deeper")  # three levels
    assert [locate(name) for name in ("multi30k", "iwslt14", "wmt14")] == ["a/deep/deeper", None, None]
    shutil.copytree(common, tmp_path / "b/wmt14_en_de")
    assert [locate(name) for name in ("multi30k", "iwslt14", "wmt14")] == ["a/deep/deeper", None, "b/wmt14_en_de"]
    shutil.copytree(common, tmp_path / "c/talks")
    assert [locate(name) for name in ("multi30k", "iwslt14", "wmt14")] == ["a/deep/deeper", "c/talks", "b/wmt14_en_de"]
    shutil.copytree(GOOD, tmp_path / "b/multi30k")
    assert locate("multi30k") == "b/multi30k"  # nearer
    shutil.copytree(GOOD, tmp_path / "c/multi30k")
    assert locate("multi30k") == "b/multi30k"  # the first of equals
    (tmp_path / "c/talks/valid.de").unlink()  # damaged, but there: the reader says what is missing
    (tmp_path / "c/talks/valid.en").unlink()
    assert locate("iwslt14") == "c/talks"
    shutil.copytree(common, tmp_path / "d/e")  # further down the list, but whole
    assert locate("iwslt14") == "d/e"
    shutil.copytree(FIXTURES / "wmt14/good", tmp_path / "d/news")
    (tmp_path / "b/wmt14_en_de/test.de").unlink()
    assert locate("wmt14") == "d/news"
    shutil.copytree(GOOD, tmp_path / "x/y/z/too_deep")
    for folder in ("a", "b", "c/multi30k"):
        shutil.rmtree(tmp_path / folder)
    with pytest.raises(DataError, match=r"multi30k: not found in .* and three levels below it, expected a folder with train\.de"):
        readers.locate("multi30k", tmp_path)


def test_one_file_of_a_common_name_is_no_data_set(tmp_path):
    for language in ("de", "en"):
        (tmp_path / f"train.{language}").write_text("a\n")
    assert [readers.find(name).locate(tmp_path) for name in ("multi30k", "iwslt14", "wmt14")] == [None] * 3


# --- whether two texts run alongside each other -----------------------------------------------------------------------------


def lengths(count=3000):
    de, en = sentences(count)
    return np.array([len(line) for line in de]), np.array([len(line) for line in en])


def test_aligned_texts_are_not_blamed():
    x, y = lengths()
    assert alongside.shifts(x, y) == []
    assert alongside.unrelated(x, y) is None
    assert alongside.shifts(x[:209], np.roll(y, 1)[:209]) == []  # too short to tell
    rng = np.random.default_rng(3)
    order = np.argsort(x)
    assert alongside.shifts(x[order], np.sort(rng.permutation(y))) == []  # sorted by length: a correlation says nothing
    assert alongside.unrelated(x[:199], rng.permutation(y[:199])) is None
    turns = 100 + np.arange(500) % 2  # lengths that hardly differ, and fit best when moved
    assert alongside.shifts(turns, turns[::-1]) == []
    same = np.full(500, 30)
    assert (alongside.unrelated(same, same), alongside.shifts(same, same)) == (None, [])


@pytest.mark.parametrize("by", [1, -1, 3, -5])
@pytest.mark.parametrize("at", [0, 1200])
def test_a_slip_is_found_with_its_place_and_size(by, at):
    x, y = lengths()
    x, y = (np.delete(x, slice(at, at + by)), y) if by > 0 else (x, np.delete(y, slice(at, at - by)))
    n = min(len(x), len(y))
    [(line, found)] = alongside.shifts(x[:n], y[:n])
    assert found == by
    assert line == 1 if at == 0 else abs(line - at) <= alongside.WINDOW
    assert abs(alongside.break_point(x, y) - at) <= 5


def test_two_slips_are_both_told():
    x, y = lengths()
    x = np.delete(x, [600, 2000])
    assert [by for _, by in alongside.shifts(x, y[: len(x)])] == [1, 2]


def test_where_a_text_breaks_off():
    x, y = lengths(600)
    assert alongside.break_point(x, y[:450]) == 450
    assert alongside.break_point(x[:150], y[:149]) is None
    assert alongside.break_point(x, np.random.default_rng(0).permutation(y)[:500]) is None
    assert alongside.break_point(x, y[:0]) is None


def test_correlation_against_numpy():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 30)), rng.normal(size=(4, 30))
    x[3] = 2.0
    expected = [np.corrcoef(a, b)[0, 1] for a, b in zip(x[:3], y[:3], strict=True)]
    np.testing.assert_allclose(alongside._correlation(x, y), [*expected, 0.0], atol=1e-12)
    assert alongside.unrelated(np.exp(x[0] + 5).repeat(10), np.exp(-x[0] + 5).repeat(10)) == pytest.approx(-1, abs=0.01)

"""Bad parallel text and bad word pairs: the good folder with one thing changed in it, or a small file of its own."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mmkit import readers

FIXTURES = Path(__file__).parent.parent / "fixtures"
GOOD = FIXTURES / "multi30k/good/task1/raw"
Case = tuple[str, str, Callable[[Path], None]]


def unpacked(to: Path) -> Path:
    """A folder with the good pairs as plain files."""
    folder = to / "multi30k"
    folder.mkdir()
    for path in GOOD.iterdir():
        (folder / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    return folder


def changed(file: str, change: Callable[[bytes], bytes | None]) -> Callable[[Path], None]:
    """The good pairs with the bytes of one file changed; None takes it away. A file called .gz is changed as it is packed."""

    def load(tmp_path: Path) -> None:
        if file.endswith(".gz"):
            folder = Path(shutil.copytree(GOOD, tmp_path / "multi30k"))
        else:
            folder = unpacked(tmp_path)
        data = change((folder / file).read_bytes())
        (folder / file).unlink()
        if data is not None:
            (folder / file).write_bytes(data)
        readers.load("multi30k", tmp_path)

    return load


def several(tmp_path: Path) -> None:
    """A part that is missing, an empty line, and Windows-1252: all at once."""
    folder = unpacked(tmp_path)
    for language in ("de", "en"):
        (folder / f"test_2016_flickr.{language}").unlink()
    (folder / "train.en").write_bytes((folder / "train.en").read_bytes().replace(b"Children play football.", b" \t"))
    (folder / "val.de").write_bytes((folder / "val.de").read_text(encoding="utf-8").encode("cp1252"))
    readers.load("multi30k", tmp_path)


def sentences(count: int) -> tuple[list[str], list[str]]:
    """Pairs of made-up sentences whose lengths go together as those of translations do."""
    rng = np.random.default_rng(0)
    words = rng.integers(3, 30, count)
    return [" ".join(["Wort"] * n) for n in words], [" ".join(["word"] * n) for n in words + rng.integers(0, 3, count)]


def long(change: Callable[[list[str], list[str]], None]) -> Callable[[Path], None]:
    """A training part of 1,000 sentences, changed."""

    def load(tmp_path: Path) -> None:
        folder = unpacked(tmp_path)
        texts = sentences(1000)
        change(*texts)
        for language, lines in zip(("de", "en"), texts, strict=True):
            (folder / f"train.{language}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        readers.load("multi30k", tmp_path)

    return load


def lost(de: list[str], en: list[str]) -> None:
    del en[400]


def slipped(de: list[str], en: list[str]) -> None:
    del de[400]
    del en[-1]


def shuffled(de: list[str], en: list[str]) -> None:
    en[:] = [en[row] for row in np.random.default_rng(1).permutation(len(en))]


def chatty(de: list[str], en: list[str]) -> None:
    """Every tenth sentence says much more in one language; lengths still go together on the whole."""
    for row in range(0, len(en), 10):
        de[row], en[row] = "Wort", "word " * 20 + "."
    for row in range(1, len(en), 2):
        de[row], en[row] = "Wort " * 40 + ".", "word " * 40 + "."


def damaged_archive(tmp_path: Path) -> None:
    (tmp_path / "SimLex-999.zip").write_bytes((FIXTURES / "clothing/good.zip").read_bytes()[:200])
    readers.load("simlex999", tmp_path)


UTF16 = "Two dogs run.\n".encode("utf-16")
PAGE = b"<!DOCTYPE html><html><body>404: Not Found</body></html>\n"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n"

CASES: list[Case] = [
    ("pairs_absent", "parallel text without one of its files", changed("val.de", lambda data: None)),
    ("pairs_several", "parallel text with several problems: all are listed", several),
    (
        "pairs_unequal",
        "parallel text with a line too few in one language",
        changed("val.en", lambda data: data[data.index(b"\n") + 1 :]),
    ),
    ("pairs_lost", "long parallel text with a line too few in one language: about where", long(lost)),
    ("pairs_slipped", "parallel text that slips by a line from some line on", long(slipped)),
    ("pairs_shuffled", "parallel text with one language in another order", long(shuffled)),
    ("pairs_outliers", "parallel text where many pairs cannot be translations", long(chatty)),
    (
        "pairs_same",
        "parallel text with one language in both files",
        changed("val.de", lambda _: b"A boat on the lake.\nTwo men are sitting.\n"),
    ),
    ("pairs_empty_line", "parallel text with an empty line at its end", changed("train.en", lambda data: data + b"\n")),
    ("pairs_empty", "parallel text with a file of 0 bytes", changed("train.en", lambda _: b"")),
    ("pairs_mark_only", "parallel text with a byte order mark and nothing else", changed("train.en", lambda _: b"\xef\xbb\xbf")),
    (
        "pairs_windows_1252",
        "parallel text in Windows-1252",
        changed("train.de", lambda data: data.decode().replace("\u2028", " ").encode("cp1252")),
    ),
    ("pairs_utf16", "parallel text in UTF-16", changed("val.en", lambda _: UTF16)),
    ("pairs_zero_byte", "parallel text with a zero byte", changed("val.en", lambda data: data.replace(b"lake", b"l\0ke"))),
    (
        "pairs_returns",
        "parallel text with carriage returns as line ends",
        changed("val.en", lambda data: data.replace(b"\n", b"\r")),
    ),
    ("pairs_page", "parallel text: a web page under the name of a file", changed("val.en", lambda _: PAGE)),
    ("pairs_lfs", "parallel text: a pointer of Git LFS", changed("val.en", lambda _: LFS)),
    ("pairs_cut_gzip", "parallel text: a gzip file that is cut off", changed("train.de.gz", lambda data: data[:60])),
    (
        "pairs_corrupt_gzip",
        "parallel text: a gzip file with wrong bytes",
        changed("train.de.gz", lambda data: data[:-8] + bytes(4) + data[-4:]),
    ),
    ("pairs_empty_gzip", "parallel text: a gzip file of nothing", changed("train.de.gz", lambda _: gzip.compress(b"", mtime=0))),
    (
        "pairs_not_gzip",
        "parallel text: a file called .gz that is not gzip",
        changed("train.en.gz", lambda data: gzip.decompress(data)),
    ),
    ("damaged_archive", "a zip archive that is cut off, where nothing else is", damaged_archive),
]

# id -> (reader, file or folder under tests/fixtures, what is wrong with it)
FILES = {
    "words_score_word": ("simlex999", "word_similarity/bad_score_word", "word pairs: a word where a score belongs"),
    "words_score_range": ("simlex999", "word_similarity/bad_score_range", "word pairs: a score outside its range"),
    "words_score_missing": ("men", "word_similarity/bad_score_missing", "word pairs: a pair without a score"),
    "words_fields": ("men", "word_similarity/bad_fields", "word pairs: lines with too few fields"),
    "words_word": ("mturk771", "word_similarity/bad_word", "word pairs: two words, or none, where one belongs"),
    "words_pair_twice": ("mturk771", "word_similarity/bad_pair_twice", "word pairs: a pair that stands twice"),
    "words_header": ("simlex999", "word_similarity/bad_header", "word pairs: a header without one of the columns"),
    "words_blank": ("men", "word_similarity/bad_blank", "word pairs: a file of blank lines"),
    "words_page": ("simlex999", "word_similarity/bad_web_page", "word pairs: a web page under the name of the file"),
}

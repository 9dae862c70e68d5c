"""Every bad input that the readers know, each a callable that raises its DataError: for the tests and the table of messages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest import mock

from mmkit import readers
from mmkit.readers import csv_tables
from tests.readers import bad_captions, bad_films, bad_gqa, bad_pairs, bad_sarcasm, bad_talks

FIXTURES = Path(__file__).parent.parent / "fixtures"
Case = tuple[str, str, Callable[[Path], None]]

# id -> (reader, file or folder under tests/fixtures, what is wrong with it)
FILES = {
    "rating_word": ("clothing", "clothing/bad_rating_word.csv", "a word where a number belongs"),
    "rating_range": ("clothing", "clothing/bad_rating_range.csv", "a number outside its range"),
    "age_nan": ("clothing", "clothing/bad_age_nan.csv", "'nan' where a number belongs: a missing number is an empty field"),
    "count_inf": ("clothing", "clothing/bad_count_inf.csv", "an infinite number"),
    "label_range": ("clothing", "clothing/bad_label_range.csv", "a label that is no class"),
    "label_missing": ("clothing", "clothing/bad_label_missing.csv", "a record without a label"),
    "everything": ("clothing", "clothing/bad_everything.csv", "several problems: all are listed"),
    "short_record": ("clothing", "clothing/bad_short_record.csv", "a record with a field too few"),
    "long_record": ("clothing", "clothing/bad_long_record.csv", "a comma that is not quoted"),
    "line_break": ("clothing", "clothing/bad_line_break.csv", "a line break that is not quoted"),
    "stray_quote": ("clothing", "clothing/bad_stray_quote.csv", "quotes inside a field that are not doubled"),
    "cut_in_quotes": ("clothing", "clothing/bad_cut_in_quotes.csv", "a file that is cut off inside quotes"),
    "cut_in_record": ("clothing", "clothing/bad_cut_in_record.csv", "a file that is cut off inside a record"),
    "carriage_return": ("clothing", "clothing/bad_carriage_return.csv", "a line that ends in a carriage return alone"),
    "column_missing": ("clothing", "clothing/bad_column_missing.csv", "a column that is missing or misspelt"),
    "column_twice": ("clothing", "clothing/bad_column_twice.csv", "a column that stands twice in the header"),
    "column_empty": ("clothing", "clothing/bad_column_empty.csv", "a column that is empty in every record"),
    "semicolons": ("clothing", "clothing/bad_semicolons.csv", "semicolons instead of commas"),
    "tabs": ("clothing", "clothing/bad_tabs.csv", "tabs instead of commas"),
    "windows_1252": ("clothing", "clothing/bad_windows_1252.csv", "Windows-1252 instead of UTF-8"),
    "utf16": ("clothing", "clothing/bad_utf16.csv", "UTF-16 instead of UTF-8"),
    "zero_byte": ("clothing", "clothing/bad_zero_byte.csv", "a zero byte"),
    "empty": ("clothing", "clothing/bad_empty.csv", "a file of 0 bytes"),
    "blank_header": ("clothing", "clothing/bad_blank_header.csv", "a blank line instead of a header"),
    "header_only": ("clothing", "clothing/bad_header_only.csv", "a header without records"),
    "web_page": ("clothing", "clothing/bad_web_page.csv", "a login page saved under the name of the data"),
    "git_lfs": ("clothing", "clothing/bad_git_lfs.csv", "a pointer of Git LFS instead of the data"),
    "cut_gzip": ("clothing", "clothing/bad_cut.csv.gz", "a gzip file that is cut off"),
    "corrupt_gzip": ("clothing", "clothing/bad_corrupt.csv.gz", "a gzip file with wrong bytes"),
    "not_gzip": ("clothing", "clothing/bad_not_gzip.csv.gz", "a file called .gz that is not gzip"),
    "cut_zip": ("clothing", "clothing/bad_cut.zip", "a zip archive that is cut off"),
    "corrupt_zip": ("clothing", "clothing/bad_corrupt.zip", "a zip archive with wrong bytes"),
    "two_in_zip": ("clothing", "clothing/bad_two_files.zip", "a zip archive with several CSV files, none with the official name"),
    "none_in_zip": ("clothing", "clothing/bad_no_csv.zip", "a zip archive without a CSV file"),
    "split_column": ("clothing", "clothing/bad_split_column", "a column that one of several files lacks"),
    "roles_two": ("clothing", "clothing/bad_roles_two", "column_info.json: a column with two roles"),
    "roles_leak": ("clothing", "clothing/bad_roles_leak", "column_info.json: an id as a feature"),
    "roles_missing": ("clothing", "clothing/bad_roles_missing", "column_info.json: a column without a role"),
    "roles_order": ("clothing", "clothing/bad_roles_order", "column_info.json: classes in another order"),
    "roles_json": ("clothing", "clothing/bad_roles_json", "column_info.json: not JSON"),
    "roles_keys": ("clothing", "clothing/bad_roles_keys", "column_info.json: keys missing"),
    "breed_code": ("petfinder", "petfinder/bad_breed_code", "a code that the table of breeds does not know"),
    "mixed_codes": ("petfinder", "petfinder/bad_mixed_codes", "a name among codes"),
    "gender": ("petfinder", "petfinder/bad_gender", "a category outside its levels"),
    "speed": ("petfinder", "petfinder/bad_speed", "an adoption speed above 4"),
    "id_twice": ("petfinder", "petfinder/bad_id_twice", "an id that stands twice"),
    "id_in_two_parts": ("petfinder", "petfinder/bad_id_in_two_parts", "a record in the training and in the test file"),
    "label_table": ("petfinder", "petfinder/bad_label_table", "a table of colours with another header"),
    "unlabelled": ("petfinder", "petfinder/bad_unlabelled", "the competition's test file, which has no labels"),
    "price_dollar": ("airbnb", "airbnb/bad_price_dollar", "a price with '$' in the cleansed Melbourne file"),
    "price_missing": ("airbnb", "airbnb/bad_price_missing", "a listing without a price in the cleansed Melbourne file"),
    "amenities": ("airbnb", "airbnb/bad_amenities", "amenities that are no list"),
    "no_amenities": ("airbnb", "airbnb/bad_no_amenities", "neither columns of amenities nor a list of them"),
    "availability": ("airbnb", "airbnb/bad_availability", "more free days than days"),
    "listing_twice": ("airbnb", "airbnb/bad_id_twice", "a listing that stands twice"),
    "inside_price": ("inside_airbnb", "airbnb/bad_inside_price", "a price that is no amount"),
    "inside_bathrooms": ("inside_airbnb", "airbnb/bad_inside_bathrooms", "bathrooms in words that are not known"),
    "inside_amenities": ("inside_airbnb", "airbnb/bad_inside_amenities", "a list of amenities that is cut off"),
    "inside_superhost": ("inside_airbnb", "airbnb/bad_inside_superhost", "'yes' where t or f belongs"),
    "inside_summary": ("inside_airbnb", "airbnb/bad_inside_summary", "the summary file instead of the detailed one"),
    **bad_pairs.FILES,
    **bad_captions.FILES,
}


def _load(reader: str, path: str) -> Callable[[Path], None]:
    return lambda tmp_path: void(readers.load(reader, FIXTURES / path))


def void(_: object) -> None:
    """Nothing: a case returns only when it failed to raise."""


def open_quote(tmp_path: Path) -> None:
    """A quote that nobody closes; no other quote follows for more than the longest field that is read."""
    lines = (FIXTURES / "clothing/good.csv").read_text(encoding="utf-8").split("\n")
    row = f"9,101,30,Fine,{'plain words about a coat ' * 100},4,1,0,General,Tops,Knits"
    text = "\n".join([lines[0], lines[1], row.replace("Fine", '"Fine'), *[row] * 60])
    (tmp_path / "open.csv").write_text(text, encoding="utf-8")
    readers.load("clothing", tmp_path / "open.csv")


def password(tmp_path: Path) -> None:
    data = bytearray((FIXTURES / "clothing/good.zip").read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag 'encrypted' in both headers of the first member
        data[data.index(mark) + at] |= 1
    (tmp_path / "locked.zip").write_bytes(data)
    readers.load("clothing", tmp_path / "locked.zip")


def unreadable(tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text("x")
    with mock.patch.object(Path, "read_bytes", side_effect=PermissionError(13, "Permission denied")):  # holds for root as well
        readers.load("clothing", tmp_path / "reviews.csv")


def folder(tmp_path: Path) -> None:
    (tmp_path / "cleansed_listings_dec18.csv").mkdir()
    csv_tables.read_csv(tmp_path / "cleansed_listings_dec18.csv", {"price"})


def no_parts(tmp_path: Path) -> None:
    readers.find("clothing").read(tmp_path)


def no_file(tmp_path: Path) -> None:
    csv_tables.read_csv(tmp_path / "reviews.csv", {"Title"})


def no_root(tmp_path: Path) -> None:
    readers.load("petfinder", tmp_path / "absent")


def not_found(tmp_path: Path) -> None:
    readers.load("airbnb", tmp_path)


CASES: list[Case] = [
    *((id, what, _load(reader, path)) for id, (reader, path, what) in FILES.items()),
    ("open_quote", "a quote that is never closed, far from the end of the file", open_quote),
    ("password", "a zip archive with a password", password),
    ("unreadable", "a file without permission to read it", unreadable),
    ("folder", "a folder with the name of the file", folder),
    ("no_parts", "a folder without any of the files", no_parts),
    ("no_file", "a file that does not exist", no_file),
    ("no_root", "a data folder that does not exist", no_root),
    ("not_found", "a data folder without this data set", not_found),
    *bad_pairs.CASES,
    *bad_films.CASES,
    *bad_gqa.CASES,
    *bad_talks.CASES,
    *bad_sarcasm.CASES,
]


def shown(message: str, tmp_path: Path) -> str:
    """The message as a reader of the documentation sees it: without the folders of this machine."""
    return message.replace(f"{FIXTURES}/", "").replace(str(tmp_path), "DATA")

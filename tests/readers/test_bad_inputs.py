"""Every bad input gives its own message: the file, the line, the column, the value, what was expected, and what to do."""

# ruff: noqa: E501 - a message stands on one line, as a person reads it

from __future__ import annotations

import pytest

from mmkit.errors import DataError
from mmkit.readers import airbnb
from tests.readers import bad_captions, bad_films, bad_gqa, bad_sarcasm, bad_talks
from tests.readers.bad_inputs import CASES, FILES, FIXTURES, shown

AGAIN = "fetch it again"
FORMAT = "data_scripts/README.md"
GET = "python data_scripts/"
N = "column {!r} ({}) is not in the header, expected it"

# id -> (part of the first line, every problem in full and in order, part of the advice)
EXPECTED: dict[str, tuple[str, list[str], str]] = {
    "rating_word": ("1 problem in Women's", ["bad_rating_word.csv:6: column 'Rating': 'five', expected a number from 1 to 5 or an empty field"], FORMAT),
    "rating_range": ("clothing/bad_rating_range.csv", ["bad_rating_range.csv:6: column 'Rating': '6', expected a number from 1 to 5 or an empty field"], FORMAT),
    "age_nan": ("clothing", ["bad_age_nan.csv:6: column 'Age': 'nan', expected a number from 0 to 130 or an empty field"], FORMAT),
    "count_inf": ("clothing", ["bad_count_inf.csv:7: column 'Positive Feedback Count': 'inf', expected a number, at least 0 or an empty field"], FORMAT),
    "label_range": ("clothing", ["bad_label_range.csv:7: column 'Recommended IND': '2', expected 0 (Not Recommended) or 1 (Recommended)"], FORMAT),
    "label_missing": ("clothing", ["bad_label_missing.csv:7: column 'Recommended IND': '', expected a label in every record"], FORMAT),
    "everything": ("4 problems in", [
        "bad_everything.csv:2: column 'Age': '-4', expected a number from 0 to 130 or an empty field",
        "bad_everything.csv:6: 10 fields, expected 11 as in the header; is a line break not quoted?",
        "bad_everything.csv:7: column 'Rating': '9', expected a number from 1 to 5 or an empty field",
        "bad_everything.csv:7: column 'Recommended IND': 'yes', expected 0 (Not Recommended) or 1 (Recommended)",
    ], FORMAT),
    "short_record": ("clothing", ["bad_short_record.csv:6: 10 fields, expected 11 as in the header; is a line break not quoted?"], FORMAT),
    "long_record": ("clothing", ["bad_long_record.csv:2: 12 fields, expected 11 as in the header; is a comma not quoted?"], FORMAT),
    "line_break": ("2 problems", [
        "bad_line_break.csv:7: 4 fields, expected 11 as in the header; is a line break not quoted?",
        "bad_line_break.csv:8: 8 fields, expected 11 as in the header; is a line break not quoted?",
    ], FORMAT),
    "stray_quote": ("clothing", ["bad_stray_quote.csv:2: text follows a closing quote (line 2), expected a comma; a quote inside a quoted field is written twice"], FORMAT),
    "cut_in_quotes": ("clothing", ["bad_cut_in_quotes.csv:3: a quote opens in this record and is open where the file ends (line 4), expected it closed; is it cut off?"], FORMAT),
    "cut_in_record": ("clothing", ["bad_cut_in_record.csv:7: 5 fields, expected 11 as in the header; the file ends here without a line end: is it cut off?"], FORMAT),
    "carriage_return": ("clothing", ["bad_carriage_return.csv:6: a carriage return without a line feed outside quotes, expected lines that end in LF or CRLF"], FORMAT),
    "column_missing": ("clothing", ["bad_column_missing.csv:1: " + N.format("Review Text", "text") + "; did you mean 'ReviewText'?"], FORMAT),
    "column_twice": ("clothing", ["bad_column_twice.csv:1: column 'Age': stands 2 times in the header (fields 2, 3), expected once"], FORMAT),
    "column_empty": ("clothing", ["bad_column_empty.csv:1: column 'Department Name': empty in all 4 records, expected at least one value"], FORMAT),
    "semicolons": ("bad_semicolons.csv:1: columns are separated by semicolons (';'), expected commas", [], "Export it again"),
    "tabs": ("bad_tabs.csv:1: columns are separated by tabs ('\\t'), expected commas", [], "Export it again"),
    "windows_1252": ("1 line not in UTF-8", ["bad_windows_1252.csv:7: byte 351: 0xe9, expected UTF-8 (in Windows-1252 it is 'é')"], "iconv -f CP1252"),
    "utf16": ("bad_utf16.csv: byte 0: ff fe, expected UTF-8; this is UTF-16", [], "iconv -f UTF-16"),
    "zero_byte": ("bad_zero_byte.csv:7: byte 351: a zero byte, expected text", [], AGAIN),
    "empty": ("bad_empty.csv: is empty (0 bytes), expected a header and records", [], AGAIN),
    "blank_header": ("bad_blank_header.csv:1: is a blank line, expected the column names", [], ""),
    "header_only": ("bad_header_only.csv: has a header with 11 columns and no records, expected at least one", [], AGAIN),
    "web_page": ("bad_web_page.csv:1: starts with '<!doctype html', expected column names; this is a web page", [], "sign in"),
    "git_lfs": ("bad_git_lfs.csv:1: is a pointer of Git LFS, expected the data itself", [], "git lfs pull"),
    "cut_gzip": ("bad_cut.csv.gz: the gzip stream ends after 312 bytes without its end mark, expected a complete one", [], AGAIN),
    "corrupt_gzip": ("bad_corrupt.csv.gz: the gzip stream is corrupt (", [], AGAIN),
    "not_gzip": ("bad_not_gzip.csv.gz: is called .gz but starts with bytes 2c 43 6c 6f, expected 1f 8b", [], "rename it to .csv"),
    "cut_zip": ("bad_cut.zip: is not a complete zip archive (", [], AGAIN),
    "corrupt_zip": ("bad_corrupt.zip: 'Womens Clothing E-Commerce Reviews.csv' inside the archive is corrupt (Bad CRC-32", [], AGAIN),
    "two_in_zip": ("bad_two_files.zip: holds 2 CSV files, expected one", ["summer.csv", "winter.csv"], "Unpack"),
    "none_in_zip": ("bad_no_csv.zip: holds 0 CSV files, expected one", ["readme.txt"], "Unpack"),
    "split_column": ("train.csv + val.csv + test.csv in", ["test.csv:1: column 'Class Name' is not in the header, expected it as in the other files"], FORMAT),
    "roles_two": ("clothing", ["column_info.json: column 'Age': has two roles, category and number, expected one (number)"], FORMAT),
    "roles_leak": ("clothing", ["column_info.json: column 'Clothing ID': category, expected no role: it is an id or not one of the paper's columns"], FORMAT),
    "roles_missing": ("clothing", ["column_info.json: column 'Positive Feedback Count': not listed, expected number"], FORMAT),
    "roles_order": ("clothing", ["column_info.json: label_list: ['Recommended', 'Not Recommended'], expected ['Not Recommended', 'Recommended']"], FORMAT),
    "roles_json": ("column_info.json:2: Expecting value (column 1), expected JSON", [], ""),
    "roles_keys": ("column_info.json: KeyError('cat_cols'), expected an object with the keys text_cols, cat_cols, num_cols, label_col", [], ""),
    "breed_code": ("petfinder", ["train.csv:3: column 'Breed1': '308', expected a code of breed_labels.csv as in the other records"], FORMAT),
    "mixed_codes": ("petfinder", ["train.csv:3: column 'Color1': 'Brown', expected a code of color_labels.csv as in the other records"], FORMAT),
    "gender": ("petfinder", ["train.csv:5: column 'Gender': '5', expected one of 1, 2, 3 or an empty field"], FORMAT),
    "speed": ("petfinder", ["train.csv:5: column 'AdoptionSpeed': '5', expected 0 (same day) or 1 (1-7 days) or 2 (8-30 days) or 3 (31-90 days) or 4 (more than 100 days)"], FORMAT),
    "id_twice": ("petfinder", ["train.csv:5: column 'PetID': 'p01', expected an id used once; it was used at train.csv:2"], FORMAT),
    "id_in_two_parts": ("train.csv + test.csv (not there: val.csv)", ["test.csv:2: column 'PetID': 'p02', expected an id used once; it was used at train.csv:3"], FORMAT),
    "label_table": ("petfinder", ["color_labels.csv:1: column 'ColorName' is not in the header, expected it"], FORMAT),
    "unlabelled": ("petfinder", ["test.csv:1: " + N.format("AdoptionSpeed", "label")], "give train/train.csv"),
    "price_dollar": ("airbnb", ["cleansed_listings_dec18.csv:2: column 'price': '$1,230.00', expected a number, at least 0, without '$' and ','"], FORMAT),
    "price_missing": ("airbnb", ["cleansed_listings_dec18.csv:4: column 'price': '', expected a label in every record"], FORMAT),
    "amenities": ("airbnb", ["cleansed_listings_dec18.csv:4: column 'amenities': 'Wifi and TV', expected a list such as [\"Wifi\", \"Hot tub\"] or {Wifi,\"Hot tub\"}"], FORMAT),
    "no_amenities": ("59 problems", [f"cleansed_listings_dec18.csv:1: {N.format(name, 'category')}" for name in sorted(airbnb.FLAGS)], "'amenities'"),
    "availability": ("airbnb", ["cleansed_listings_dec18.csv:4: column 'availability_30': '31', expected a number from 0 to 30 or an empty field"], FORMAT),
    "listing_twice": ("airbnb", ["cleansed_listings_dec18.csv:4: column 'id': '11', expected an id used once; it was used at cleansed_listings_dec18.csv:2"], FORMAT),
    "inside_price": ("inside_airbnb", ["listings.csv:2: column 'price': '1234 USD', expected an amount such as 120 or $1,234.00, at least 0"], FORMAT),
    "inside_bathrooms": ("inside_airbnb", ["listings.csv:2: column 'bathrooms_text': 'a bath and a half', expected '1 bath', '1.5 shared baths' or 'Half-bath'"], FORMAT),
    "inside_amenities": ("inside_airbnb", ["listings.csv:2: column 'amenities': '[\"Wifi\", \"Kitchen', expected a list such as [\"Wifi\", \"Hot tub\"] or {Wifi,\"Hot tub\"}"], FORMAT),
    "inside_superhost": ("inside_airbnb", ["listings.csv:2: column 'host_is_superhost': 'yes', expected one of t, f or an empty field"], FORMAT),
    "open_quote": ("DATA/open.csv", ["open.csv:3: a quote opens in this record and is open 131,072 characters later, expected it closed; reading stopped here"], FORMAT),
    "password": ("DATA/locked.zip: 'Womens Clothing E-Commerce Reviews.csv' cannot be unpacked (", [], "Unpack it"),
    "unreadable": ("DATA/reviews.csv: cannot be read (Permission denied)", [], "permissions"),
    "folder": ("DATA/cleansed_listings_dec18.csv: is a folder, expected a file", [], ""),
    "no_parts": ("DATA: holds none of train.csv, val.csv, test.csv, expected at least one", [], ""),
    "no_file": ("DATA/reviews.csv: no such file", [], ""),
    "no_root": ("petfinder: DATA/absent does not exist, expected a folder with train.csv", [], GET + "petfinder.py --to FOLDER"),
    "pairs_absent": ("multi30k: 1 problem in Multi30k, task 1, DATA/multi30k", ["val.de (or .gz): no such file, expected the valid part in 'de' beside val.en"], FORMAT),
    "pairs_several": ("4 problems in", [
        "train.en:4: an empty line, expected a sentence",
        "val.de:2: byte 28: 0xe4, expected UTF-8 (in Windows-1252 it is 'ä')",
        "test_2016_flickr.de (or .gz): no such file, expected the test part in 'de'",
        "test_2016_flickr.en (or .gz): no such file, expected the test part in 'en'",
    ], "iconv -f CP1252 -t UTF-8 'val.de' > converted.de"),
    "pairs_unequal": ("multi30k", ["val.de has 2 lines and val.en 1, expected equally many"], FORMAT),
    "pairs_lost": ("multi30k", ["train.de has 1,000 lines and train.en 999, expected equally many; up to about line 400 they run alongside each other, then no longer"], FORMAT),
    "pairs_slipped": ("multi30k", ["train.de:406: the text runs alongside train.en:407 from about here, expected line 406"], FORMAT),
    "pairs_shuffled": ("multi30k", ["train.de and train.en: the lengths of lines hardly go together (correlation -0.03), expected over 0.2: is one of them in another order?"], FORMAT),
    "pairs_outliers": ("multi30k", ["train.de and train.en: in 100 of 1,000 pairs one side has over 9 times the words of the other, expected in at most 5%; " + "; ".join(f"line {n}: 'Wort' and 'word word word word word word word wo...'" for n in (1, 11, 21))], FORMAT),
    "pairs_same": ("multi30k", ["val.de and val.en: hold the same text, expected two languages"], FORMAT),
    "pairs_empty_line": ("multi30k", ["train.en:5: an empty line, expected a sentence", "train.de has 4 lines and train.en 5, expected equally many"], FORMAT),
    "pairs_empty": ("multi30k", ["train.en: is empty (0 bytes), expected sentences"], AGAIN),
    "pairs_mark_only": ("multi30k", ["train.en: holds a byte order mark and nothing else, expected sentences"], AGAIN),
    "pairs_windows_1252": ("multi30k", ["train.de:4: byte 102: 0xdf, expected UTF-8 (in Windows-1252 it is 'ß')"], "iconv -f CP1252 -t UTF-8 'train.de' > converted.de"),
    "pairs_utf16": ("multi30k", ["val.en: byte 0: ff fe, expected UTF-8; this is UTF-16"], "iconv -f UTF-16 -t UTF-8 'val.en' > converted.en"),
    "pairs_zero_byte": ("multi30k", ["val.en:1: byte 15: a zero byte, expected text"], AGAIN),
    "pairs_returns": ("multi30k", ["val.en: one line with 2 carriage returns, expected lines that end in LF"], FORMAT),
    "pairs_page": ("multi30k", ["val.en:1: starts with '<!doctype html', expected a sentence; this is a web page"], "sign in"),
    "pairs_lfs": ("multi30k", ["val.en:1: is a pointer of Git LFS, expected the data itself"], "git lfs pull"),
    "pairs_cut_gzip": ("multi30k", ["train.de.gz: the gzip stream ends after 60 bytes without its end mark, expected a complete one"], AGAIN),
    "pairs_corrupt_gzip": ("multi30k", ["train.de.gz: the gzip stream is corrupt (CRC check failed)"], AGAIN),
    "pairs_empty_gzip": ("multi30k", ["train.de.gz: is empty (0 bytes), expected sentences"], AGAIN),
    "pairs_not_gzip": ("multi30k", ["train.en.gz: is called .gz but starts with bytes 54 77 6f 20, expected 1f 8b"], "rename it to .en"),
    "damaged_archive": ("simlex999: not found in DATA and two levels below it, expected 'EN-SIMLEX-999.txt'", ["DATA/SimLex-999.zip: is a damaged zip archive; is the data set in it?"], GET + "simlex999.py"),
    "words_score_word": ("simlex999: 1 problem in SimLex-999", ["EN-SIMLEX-999.txt:2: column 'score': 'high', expected a number from 0 to 10"], FORMAT),
    "words_score_range": ("simlex999", ["EN-SIMLEX-999.txt:1: column 'score': '15.8', expected a number from 0 to 10"], FORMAT),
    "words_score_missing": ("men", ["EN-MEN-TR-3k.txt:2: column 'score': '', expected a score in every record"], FORMAT),
    "words_fields": ("men: 2 problems", ["EN-MEN-TR-3k.txt:2: 2 fields, expected 3 separated by tabs: 'river water\\t49.0'", "EN-MEN-TR-3k.txt:3: 2 fields, expected 3 separated by tabs: 'automobile\\tcar'"], FORMAT),
    "words_word": ("mturk771", ["EN-MTurk-771.txt:2: column 'word1': 'ice cream', expected one word without blanks", "EN-MTurk-771.txt:3: column 'word1': '', expected one word without blanks"], FORMAT),
    "words_pair_twice": ("mturk771", ["EN-MTurk-771.txt:3: the pair 'access', 'gateway' was scored at EN-MTurk-771.txt:1 already, expected each pair once"], FORMAT),
    "words_header": ("SimLex-999.txt:1: column names word1, second, POS, SimLex999, expected word1, word2 and SimLex999 among them", [], ""),
    "words_blank": ("EN-MEN-TR-3k.txt: holds no pair of words, expected one per line", [], AGAIN),
    "words_page": ("EN-SIMLEX-999.txt:1: starts with '<!doctype html', expected a pair of words; this is a web page", [], "sign in"),
    "not_found": ("airbnb: not found in DATA and two levels below it, expected 'cleansed_listings_dec18.csv'", [], GET + "airbnb.py --to FOLDER"),
    **bad_films.EXPECTED,
    **bad_captions.EXPECTED,
    **bad_gqa.EXPECTED,
    **bad_talks.EXPECTED,
    **bad_sarcasm.EXPECTED,
}  # fmt: skip


@pytest.mark.parametrize(("id", "case"), [(id, case) for id, _, case in CASES if id != "inside_summary"])
def test_bad_input_says_what_is_wrong(id, case, tmp_path):
    summary, problems, advice = EXPECTED[id]
    with pytest.raises(DataError) as caught:
        case(tmp_path)
    error = caught.value
    assert summary in shown(error.summary, tmp_path)
    assert [shown(problem, tmp_path) for problem in error.problems] == problems
    assert advice in error.advice
    assert bool(advice) == bool(error.advice)
    assert all(shown(problem, tmp_path) in shown(str(error), tmp_path) for problem in problems[:20])


def test_the_summary_file_of_inside_airbnb_is_recognised(tmp_path):
    """Twenty-two columns are missing; what helps is the name of the right file."""
    case = next(case for id, _, case in CASES if id == "inside_summary")
    with pytest.raises(DataError, match=r"summary file: take the detailed one") as caught:
        case(tmp_path)
    assert len(caught.value.problems) == 22
    assert "listings.csv:1: " + N.format("description", "text") in caught.value.problems


def test_every_bad_fixture_is_a_case_and_every_case_is_expected():
    ids = [id for id, _, _ in CASES]
    assert len(set(ids)) == len(ids)
    assert set(ids) == set(EXPECTED) | {"inside_summary"}
    on_disk = {f"{path.parent.name}/{path.name}" for folder in FIXTURES.iterdir() for path in folder.glob("bad_*")}
    assert {path for _, path, _ in FILES.values()} == on_disk
    assert all(what for _, what, _ in CASES)

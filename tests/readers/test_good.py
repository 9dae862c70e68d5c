"""The hand-made good files give exactly the records that stand in them, whatever way they are packed, split or encoded."""

from __future__ import annotations

import hashlib
import shutil
import zipfile

import pyarrow as pa
import pytest

from mmkit import papers, readers
from mmkit.errors import DataError, SettingsError
from mmkit.readers import airbnb, amenities, inside_airbnb
from tests.readers.bad_inputs import FIXTURES

REVIEWS = {
    "Title": [None, "Too short", "nan", "Café blue"],  # an empty field is missing, the word "nan" is a word
    "Review Text": [
        "Soft knit, warm sleeves.",
        'The hem ends far above my knee.\n\nBack it goes, my "usual" size or not.',
        None,
        "NA",
    ],
    "Division Name": ["General", "General Petite", None, "General"],
    "Department Name": ["Tops", "Dresses", None, "Bottoms"],
    "Class Name": ["Knits", "Dresses", None, "Jeans"],
    "Rating": [4.0, 2.0, 5.0, 3.0],
    "Age": [34.0, 51.0, 27.0, 45.0],
    "Positive Feedback Count": [0.0, 3.0, 0.0, 12.0],
    "Recommended IND": [1, 0, 1, 1],
}
MISSING = {f"missing: {name}": 1 for name in ("Title", "Review Text", "Division Name", "Department Name", "Class Name")}
SKIPPED = {"records read": 4, "index columns not used": 1, "other columns not used": 1}


@pytest.mark.parametrize("file", ["good.csv", "good.csv.gz", "good.zip"])
def test_clothing_is_the_same_in_every_wrapping(file):
    path = FIXTURES / "clothing" / file
    data = readers.load("clothing", path)
    assert data.records.table.to_pydict() == REVIEWS
    assert (data.name, data.schema.classes) == ("clothing", ("Not Recommended", "Recommended"))
    assert data.counts == SKIPPED | MISSING
    assert str(path) in data.source
    unpacked = (FIXTURES / "clothing/good.csv").read_bytes()
    assert data.fingerprint == hashlib.sha256(unpacked).hexdigest()[:16] + "-clothing1"


def test_byte_order_mark_and_windows_line_ends():
    data = readers.load("clothing", FIXTURES / "clothing/good_bom_crlf.csv")
    body = REVIEWS["Review Text"][1].replace("\n", "\r\n")  # inside quotes a line end belongs to the text
    assert data.records.table.to_pydict() == REVIEWS | {"Review Text": [REVIEWS["Review Text"][0], body, None, "NA"]}
    assert data.counts == SKIPPED | MISSING | {"byte order marks skipped": 1, "blank lines skipped": 1}


def test_clothing_split_is_joined_in_order_and_says_what_is_absent(tmp_path):
    data = readers.load("clothing", FIXTURES / "clothing/good_split")
    assert data.records.table.to_pydict() == REVIEWS
    assert data.counts == SKIPPED | MISSING | {"records in train.csv": 2, "records in val.csv": 1, "records in test.csv": 1}
    assert "train.csv + val.csv + test.csv in" in data.source

    shutil.copytree(FIXTURES / "clothing/good_split", tmp_path / "less")
    (tmp_path / "less/val.csv").unlink()
    less = readers.load("clothing", tmp_path)
    assert less.labels.tolist() == [1, 0, 1]
    assert "train.csv + test.csv (not there: val.csv) in" in less.source
    assert less.fingerprint != data.fingerprint


def test_the_complete_file_is_preferred_to_a_split_and_found_two_levels_below(tmp_path):
    shutil.copytree(FIXTURES / "clothing/good_split", tmp_path / "a/split")
    assert readers.locate("clothing", tmp_path) == tmp_path / "a/split"
    (tmp_path / "z/deep/deeper").mkdir(parents=True)
    shutil.copy(FIXTURES / "clothing/good.zip", tmp_path / "z/deep/deeper/archive.zip")  # three levels: out of reach
    assert readers.locate("clothing", tmp_path) == tmp_path / "a/split"
    shutil.move(tmp_path / "z/deep/deeper/archive.zip", tmp_path / "z/deep/archive.zip")
    assert readers.locate("clothing", tmp_path) == tmp_path / "z/deep/archive.zip"  # told by the name of the file inside


def test_splits_of_other_data_sets_are_not_taken(tmp_path):
    shutil.copytree(FIXTURES / "petfinder/good_toolkit", tmp_path / "a_pets")
    shutil.copytree(FIXTURES / "clothing/good_split", tmp_path / "b_reviews")
    shutil.copytree(FIXTURES / "airbnb/good_toolkit", tmp_path / "c_listings")
    for name, folder in {"petfinder": "a_pets", "clothing": "b_reviews", "airbnb": "c_listings"}.items():
        assert readers.locate(name, tmp_path) == tmp_path / folder


def test_a_file_of_another_set_with_the_same_label_is_not_taken(tmp_path):
    (tmp_path / "train.csv").write_text("name,price\ncar,9000\n")
    with pytest.raises(DataError, match="airbnb: not found"):
        readers.locate("airbnb", tmp_path)
    assert readers.locate("airbnb", tmp_path / "train.csv") == tmp_path / "train.csv"  # unless a person names the file


def test_what_a_mac_adds_to_a_zip_is_passed_over(tmp_path):
    with zipfile.ZipFile(tmp_path / "my reviews.zip", "w") as archive:
        archive.writestr("my reviews.csv", (FIXTURES / "clothing/good.csv").read_bytes())
        archive.writestr("__MACOSX/._my reviews.csv", b"\0\5\x16\7")
    assert readers.load("clothing", tmp_path / "my reviews.zip").records.table.to_pydict() == REVIEWS


def test_a_number_too_large_for_a_float_is_refused(tmp_path):
    text = (FIXTURES / "clothing/good.csv").read_text(encoding="utf-8")
    (tmp_path / "t.csv").write_text(text.replace("3,1,12", "3,1,1e999"), encoding="utf-8")
    with pytest.raises(DataError, match=r"t\.csv:7: column 'Positive Feedback Count': '1e999'"):
        readers.load("clothing", tmp_path / "t.csv")


def test_a_third_use_of_an_id_names_the_first(tmp_path):
    text = (FIXTURES / "petfinder/good_codes/train.csv").read_text(encoding="utf-8")
    (tmp_path / "t.csv").write_text(text.replace("p02", "p01").replace("p03", "p01"), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        readers.load("petfinder", tmp_path / "t.csv")
    expected = "column 'PetID': 'p01', expected an id used once; it was used at t.csv:2"
    assert caught.value.problems == [f"t.csv:3: {expected}", f"t.csv:5: {expected}"]


PETS = {
    "Name": ["Nibbles", None, "Bo"],
    "Description": ["Sleeps all day, purrs all night.", "Two sisters.\nKeep them together, please.", None],
    "Type": ["2", "1", "1"],
    "Breed1": ["Tabby", "Mixed Breed", "Mixed Breed"],
    "Breed2": [None, "Domestic Medium Hair", None],
    "Gender": ["1", "2", "3"],
    "Color1": ["Black", "Brown", "Brown"],
    "Color2": ["White", None, "White"],
    "Color3": [None, None, "Black"],
    "MaturitySize": ["1", "2", "0"],
    "FurLength": ["1", "2", "3"],
    "Vaccinated": ["2", "1", "3"],
    "Dewormed": ["2", "1", "3"],
    "Sterilized": ["2", "3", "2"],
    "Health": ["1", "1", "0"],
    "State": ["Selangor", "Kuala Lumpur", "Selangor"],
    "Age": [3.0, 24.0, 1.0],
    "Quantity": [1.0, 2.0, 4.0],
    "Fee": [100.0, 0.0, 0.0],
    "VideoAmt": [0.0, 1.0, 0.0],
    "PhotoAmt": [1.0, 4.0, 0.0],
    "AdoptionSpeed": [2, 0, 4],
}
NAMED = "columns of codes named by a table"
HIDDEN = "records left out: test.csv has no column AdoptionSpeed"


@pytest.mark.parametrize(
    ("folder", "where", "counts"),
    [
        ("good_kaggle", "good_kaggle/train/train.csv", {NAMED: 6, "records read": 3}),
        ("good_flat", "train.csv in", {NAMED: 6, "records read": 4, HIDDEN: 1}),
        ("good_toolkit", "val.csv + test.csv (not there: train.csv) in", {"index columns not used": 2, "records read": 3}),
    ],
)
def test_petfinder_gives_names_for_codes_in_every_layout(folder, where, counts):
    data = readers.load("petfinder", FIXTURES / "petfinder" / folder)
    assert data.records.table.to_pydict() == PETS
    assert list(data.records.table.column_names) == list(PETS)  # the paper's order; no PetID, no RescuerID
    assert where in data.source
    assert {key: data.counts.get(key) for key in counts} == counts
    assert (NAMED in data.counts) == (NAMED in counts)


def test_petfinder_without_tables_keeps_codes_and_says_so():
    data = readers.load("petfinder", FIXTURES / "petfinder/good_codes")
    table = data.records.table.to_pydict()
    assert (table["Breed1"], table["Breed2"]) == (["299", "307", "307"], [None, "265", None])
    assert data.counts["columns of codes kept, no table beside the data"] == 6
    assert (
        data.fingerprint != readers.load("petfinder", FIXTURES / "petfinder/good_kaggle").fingerprint
    )  # the tables count as well


def test_melbourne_has_72_categories_and_two_names_given_twice():
    data = readers.load("airbnb", FIXTURES / "airbnb/good_toolkit")
    schema = data.schema
    assert (len(schema.text), len(schema.categories), len(schema.numbers)) == (3, 72, 15)
    assert len(set(schema.categories)) == 72
    assert data.counts["columns listed twice in column_info.json"] == 2
    assert data.labels.tolist() == [1230.0, 60.0]


def test_melbourne_amenities_come_from_columns_or_from_the_list():
    derived = readers.load("airbnb", FIXTURES / "airbnb/good")
    given = readers.load("airbnb", FIXTURES / "airbnb/good_toolkit")
    assert derived.records.table.to_pydict() == given.records.table.to_pydict()
    assert derived.counts["columns derived from 'amenities'"] == 59
    first = derived.records[0]
    assert {name for name in airbnb.FLAGS if first[name] == "t"} == {
        "tv",
        "wifi",
        "step_free_access",
        "dog(s)",
        "family/kid_friendly",
    }
    assert (first["security_deposit"], first["cleaning_fee"], derived.records[1]["extra_people"]) == (1000.0, 45.0, 15.0)
    assert (first["summary"], first["host_about"]) == ("One room, high windows.\nQuiet at night.", "I bake bread.")
    assert not {"id", "host_name"} & set(derived.records.table.column_names)


def test_inside_airbnb_parses_prices_bathrooms_amenities_and_html():
    data = readers.load("inside_airbnb", FIXTURES / "airbnb/good_inside")
    table = data.records.table.to_pydict()
    assert data.labels.tolist() == [1234.0, 80.0, 0.0]  # the second of four listings has no price
    assert table["bathrooms"] == [1.5, 2.0, 0.5]  # a number, where there is one, wins over words
    assert table["description"][0] == "Near the pier.\n\nThe space\nTwo rooms & a view"
    assert table["neighborhood_overview"] == ["Gulls, mostly, <5 min away.", None, None]  # its last tag is cut off
    assert [name for name in table if name.startswith("has ")] == ["has Wifi", "has Kitchen", "has Café corner"]
    assert (table["has Wifi"], table["has Café corner"]) == (["t", "t", "f"], ["f", "t", "f"])
    assert not [name for name in table if name in ("id", "host_name", "host_about", "host_id", "listing_url", "instant_bookable")]
    assert data.counts == {
        "records read": 4, "other columns not used": 4, "column left out, empty: instant_bookable": 1,
        "amenities with a column": 3, "records left out: no price": 1,
        "missing: neighborhood_overview": 2, "missing: beds": 1, "price is 0": 1,
    }  # fmt: skip
    assert "stands in for Melbourne" in data.source
    packed = readers.load("inside_airbnb", FIXTURES / "airbnb/good_inside_gz")
    assert (packed.fingerprint, packed.records.table) == (data.fingerprint, data.records.table)


@pytest.mark.parametrize("words", ["1 bath", "0 baths", "2.5 shared baths", "1 private bath", "Half-bath", "Shared half-bath"])
def test_bathrooms_in_the_words_of_the_site(words):
    assert inside_airbnb.BATHS.fullmatch(words)


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ('["Wifi", "Pack \\u2019n play", "Wifi"]', ["Wifi", "Pack ’n play"]),
        ('{TV,"Cable TV","Well, lit"}', ["TV", "Cable TV", "Well, lit"]),
        ("{}", []),
        ("[]", []),
        ("", []),
        ("[1]", None),
        ('"Wifi"', None),
        ('["Wifi"', None),
    ],
)
def test_lists_of_amenities(cell, names):
    assert amenities.parse(cell) == names


def test_every_reader_is_registered_whole_and_an_unknown_name_suggests_the_nearest():
    assert {name: reader.stands_in_for for name, reader in readers.READERS.items()} == {
        "clothing": "reviews", "petfinder": "pets", "airbnb": "listings", "inside_airbnb": "listings",
        "multi30k": "translation", "iwslt14": "translation", "wmt14": "translation",
        "simlex999": "translation", "men": "translation", "mturk771": "translation",
        "mmimdb": "movies", "moviescope": "movies", "mosi": "movies",
        "gqa": "scenes", "coco_captions": "scenes", "karpathy": "scenes", "flickr8k": "scenes",
        "iemocap": "dialogues", "meld": "dialogues", "mosi_talks": "dialogues", "mustard": "dialogues",
        "sarcasm_clips": "dialogues",
    }  # fmt: skip
    usual = {"translation": "08_fixed_targets", "movies": "02_mult_gmu", "scenes": "08_fixed_targets", "dialogues": "06_sarcasm"}
    others = {"mmimdb": "01_pmmo", "gqa": "11_graphvqa", "iemocap": "07_coin", "meld": "07_coin"}
    both = {"mosi_talks": ("06_sarcasm", "07_coin")}
    assert all(reader.name == name for name, reader in readers.READERS.items())
    for name, reader in readers.READERS.items():
        paper = others.get(name, usual.get(reader.stands_in_for, "05_tabular"))
        assert reader.papers == both.get(name, (paper,)), name
        assert [papers.find(slug).slug for slug in reader.papers] == list(reader.papers), name
    with pytest.raises(SettingsError, match="did you mean 'clothing'"):
        readers.find("cloting")


def test_records_are_arrow_of_the_schema():
    data = readers.load("petfinder", FIXTURES / "petfinder/good_kaggle")
    assert data.records.table.schema.equals(data.schema.arrow)
    assert data.records.table["Age"].type == pa.float64()

"""Real data sets, from their official files into the schema that the worlds fill too. Nothing here downloads: data_scripts/ does.

A reader refuses a file with one DataError that lists every problem by file, line, column, value and expectation.
Missing values are empty fields; other words for them ("nan", "NA") stay what they are in text and categories and are
refused where a number belongs. `Dataset.counts` says what was read, what is missing and what was left out.
Ids (Clothing ID, PetID, RescuerID) are never features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmkit.errors import DataError, SettingsError, nearest
from mmkit.readers import airbnb, clothing, inside_airbnb, petfinder
from mmkit.schema import Dataset


@dataclass(frozen=True)
class Reader:
    """One real data set. `stands_in_for`: its world; `locate` finds the files under a folder, `read` reads them."""

    name: str
    title: str
    papers: tuple[str, ...]
    stands_in_for: str  # reviews | pets | listings
    expects: str
    locate: Callable[[Path], Path | None]
    read: Callable[[Path], Dataset]


READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        Reader("clothing", "Women's E-Commerce Clothing Reviews", ("05_tabular",), "reviews",
               "'Womens Clothing E-Commerce Reviews.csv' (plain, .gz or .zip), or a folder with train.csv, val.csv, test.csv",
               clothing.locate, clothing.read),
        Reader("petfinder", "PetFinder.my Adoption Prediction", ("05_tabular",), "pets",
               "a folder with train.csv (Kaggle) or train.csv, val.csv, test.csv (toolkit); "
               "the tables of breed, color and state labels beside it or in the folder above",
               petfinder.locate, petfinder.read),
        Reader("airbnb", "Melbourne Airbnb Open Data", ("05_tabular",), "listings",
               "'cleansed_listings_dec18.csv' (plain, .gz or .zip), or a folder with train.csv, val.csv, test.csv",
               airbnb.locate, airbnb.read),
        Reader("inside_airbnb", "Inside Airbnb, one city", ("05_tabular",), "listings",
               "'listings.csv.gz' or 'listings.csv', the detailed file",
               inside_airbnb.locate, inside_airbnb.read),
    )
}  # fmt: skip


def find(name: str) -> Reader:
    """The reader called `name`. Raises SettingsError naming the nearest."""
    if name not in READERS:
        raise SettingsError(f"no data set {name!r}{nearest(name, READERS)}")
    return READERS[name]


def locate(name: str, root: str | Path) -> Path:
    """The file or folder of the data set: `root`, in it, or up to two levels below. Raises DataError saying where it looked."""
    reader, root = find(name), Path(root).expanduser()
    get = f"Get it with: python data_scripts/{name}.py --to FOLDER (access and licence: data_scripts/README.md)"
    if not root.exists():
        raise DataError(f"{name}: {root} does not exist, expected {reader.expects}", advice=get)
    found = reader.locate(root)
    if found is None:
        raise DataError(f"{name}: not found in {root} and two levels below it, expected {reader.expects}", advice=get)
    return found


def load(name: str, root: str | Path) -> Dataset:
    """Find and read a data set. Raises SettingsError for an unknown name, DataError for absent or malformed files."""
    return find(name).read(locate(name, root))

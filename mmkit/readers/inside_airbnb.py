"""Inside Airbnb, any city: the detailed listings.csv(.gz). Stands in for the Melbourne file, which needs a Kaggle account."""

from __future__ import annotations

import html
import re
from collections import Counter
from pathlib import Path

from mmkit.readers import amenities, folders
from mmkit.readers.csv_tables import Raw, read_csv
from mmkit.readers.fill import fill
from mmkit.schema import Column, Dataset, TableSchema

VERSION = "inside_airbnb1"
NAMES = ("listings.csv",)
AMENITIES = 30  # the most frequent ones become a column each
YES_NO = ("t", "f")
BATHS = re.compile(r"(\d+(?:\.\d+)?) (?:shared |private )?baths?|(?:shared |private )?half-bath", re.IGNORECASE)

COLUMNS = (
    *(Column(name, "text") for name in ("name", "description", "neighborhood_overview")),
    *(Column(name, "category") for name in ("property_type", "room_type", "neighbourhood_cleansed")),
    *(Column(name, "category", levels=YES_NO) for name in ("host_is_superhost", "host_identity_verified", "instant_bookable")),
    Column("accommodates", "number", "guests", 0),
    *(Column(name, "number", low=0) for name in ("bathrooms", "bedrooms", "beds")),
    Column("minimum_nights", "number", "nights", 0),
    *(Column(f"availability_{days}", "number", "days", 0, days) for days in (30, 60, 90, 365)),
    Column("number_of_reviews", "number", low=0),
    *(
        Column(f"review_scores_{what}", "number", low=0, high=100, about="of 5; of 100 before 2021")
        for what in ("rating", "accuracy", "cleanliness", "checkin", "communication", "location", "value")
    ),
    Column("reviews_per_month", "number", low=0),
)
# Nothing else is loaded: host_name, host_about and other columns that describe a person never leave the file,
# and neither does estimated_revenue, which is computed from the price.


def locate(root: Path) -> Path | None:
    return folders.official(root, NAMES)


def read(path: Path) -> Dataset:
    """All listings with a price. Raises DataError that lists every problem.

    Price '$1,234.00' -> 1234.0; '1.5 shared baths' -> 1.5; line breaks in HTML -> newlines; the most frequent amenities
    -> columns 'has Wifi' (t or f). A column that is empty in the whole file is left out of the schema and counted.
    """
    raw = read_csv(path, {*(c.name for c in COLUMNS), "id", "price", "bathrooms_text", "amenities"}, NAMES)
    for name in ("name", "description", "neighborhood_overview"):
        if name in raw.columns:
            raw.columns[name] = [_plain(cell) for cell in raw.columns[name]]
    _count_bathrooms(raw)
    schema = TableSchema("inside_airbnb", "regression", _columns(raw), "price", label_unit="local currency per night")
    source = f"Inside Airbnb, {path} (stands in for Melbourne Airbnb Open Data: another city, other columns)"
    advice = ""
    if "description" not in raw.columns or "amenities" not in raw.columns:
        advice = "This looks like the summary file: take the detailed one, data/listings.csv.gz (data_scripts/README.md)."
    return fill(schema, raw, source, VERSION, money=("price",), unique="id", unlabelled=True, advice=advice)


def _plain(cell: str) -> str:
    """Text without its HTML: line breaks become newlines, other tags go, entities become characters."""
    if "<" not in cell and "&" not in cell:
        return cell
    cell = re.sub(r"<(/?b?|br ?/?)$", "", cell)  # descriptions are cut at 1,000 characters, also inside a tag
    lines = re.sub(r"<br\s*/?>", "\n", cell, flags=re.IGNORECASE)
    return html.unescape(re.sub(r"</?[a-zA-Z][^<>]*>", "", lines)).strip()


def _count_bathrooms(raw: Raw) -> None:
    """Fill `bathrooms` from `bathrooms_text` where only the words are given, as in most snapshots since 2020."""
    words = raw.columns.get("bathrooms_text")
    if words is None:
        return
    found = {cell: BATHS.fullmatch(cell) for cell in set(words)}
    for row in [r for r, cell in enumerate(words) if cell and not found[cell]]:
        raw.report(row, "bathrooms_text", "'1 bath', '1.5 shared baths' or 'Half-bath'")
    from_words = [(match[1] or "0.5") if (match := found[cell]) else "" for cell in words]
    given = raw.columns.get("bathrooms", [""] * len(words))
    raw.columns["bathrooms"] = [number or word for number, word in zip(given, from_words, strict=True)]


def _columns(raw: Raw) -> tuple[Column, ...]:
    """The columns of the schema: those that hold something, and one per frequent amenity after the other categories."""
    empty = [c.name for c in COLUMNS if len(raw) and not any(raw.columns.get(c.name, ["absent"]))]
    raw.counts |= {f"column left out, empty: {name}": 1 for name in empty}
    kept = [c for c in COLUMNS if c.name not in empty]
    if "amenities" not in raw.columns:
        raw.problems.append((raw.path.name, 1, "column 'amenities' (list) is not in the header, expected it"))
        return tuple(kept)
    lists = amenities.read(raw)
    often = Counter(name for names in lists for name in names)
    chosen = sorted(often, key=lambda name: (-often[name], name))[:AMENITIES]
    raw.counts["amenities with a column"] = len(chosen)
    raw.counts["amenities without a column"] = len(often) - len(chosen)
    has = [set(names) for names in lists]
    for name in chosen:
        raw.columns[f"has {name}"] = ["t" if name in names else "f" for names in has]
    flags = [Column(f"has {name}", "category", levels=YES_NO, about="amenity") for name in chosen]
    return tuple([c for c in kept if c.role != "number"] + flags + [c for c in kept if c.role == "number"])

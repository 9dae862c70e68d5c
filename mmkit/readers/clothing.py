"""Women's E-Commerce Clothing Reviews: the complete Kaggle file (23,486 reviews) or the splits of the paper's toolkit."""

from __future__ import annotations

from pathlib import Path

from mmkit.readers import folders
from mmkit.readers.fill import fill
from mmkit.schema import Column, Dataset, TableSchema

VERSION = "clothing1"
NAMES = ("Womens Clothing E-Commerce Reviews.csv",)

SCHEMA = TableSchema(
    "clothing",
    "binary",
    (
        Column("Title", "text", about="headline of the review; about 16 % have none"),
        Column("Review Text", "text"),
        Column("Division Name", "category"),
        Column("Department Name", "category"),
        Column("Class Name", "category"),
        Column("Rating", "number", "stars", 1, 5, about="nearly says the label: 4 and 5 stars are recommended"),
        Column("Age", "number", "years", 0, 130, about="of the reviewer"),
        Column("Positive Feedback Count", "number", "readers", 0, about="who found the review helpful"),
    ),
    "Recommended IND",
    ("Not Recommended", "Recommended"),
)  # `Clothing ID` names the product: it would let a model look the label up, so it is no feature


def locate(root: Path) -> Path | None:
    return folders.official(root, NAMES) or folders.split(root, SCHEMA)


def read(path: Path) -> Dataset:
    """All reviews of a file, or of a folder with train.csv, val.csv, test.csv. Raises DataError that lists every problem."""
    raw, where = folders.read(path, set(SCHEMA.arrow.names), NAMES, SCHEMA.label)
    folders.check_roles(raw, path if path.is_dir() else path.parent, SCHEMA)
    return fill(SCHEMA, raw, f"Women's E-Commerce Clothing Reviews, {where}", VERSION)

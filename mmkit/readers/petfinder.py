"""PetFinder.my Adoption Prediction: Kaggle's train.csv (14,993 profiles, names as codes) or the toolkit's splits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmkit.readers import folders
from mmkit.readers.csv_tables import Raw, read_csv
from mmkit.readers.fill import fill
from mmkit.schema import Column, Dataset, TableSchema

VERSION = "petfinder1"
YES_NO = "1 yes, 2 no, 3 not sure"

SCHEMA = TableSchema(
    "petfinder",
    "multiclass",
    (
        Column("Name", "text"),
        Column("Description", "text", about="English, Malay and Chinese"),
        Column("Type", "category", levels=("1", "2"), about="1 dog, 2 cat"),
        Column("Breed1", "category", about="primary breed"),
        Column("Breed2", "category", about="second breed of a mixed pet"),
        Column("Gender", "category", levels=("1", "2", "3"), about="1 male, 2 female, 3 a group of both"),
        Column("Color1", "category"),
        Column("Color2", "category"),
        Column("Color3", "category"),
        Column("MaturitySize", "category", levels=("0", "1", "2", "3", "4"), about="1 small to 4 extra large, 0 not specified"),
        Column("FurLength", "category", levels=("0", "1", "2", "3"), about="1 short to 3 long, 0 not specified"),
        Column("Vaccinated", "category", levels=("1", "2", "3"), about=YES_NO),
        Column("Dewormed", "category", levels=("1", "2", "3"), about=YES_NO),
        Column("Sterilized", "category", levels=("1", "2", "3"), about=YES_NO),
        Column("Health", "category", levels=("0", "1", "2", "3"), about="1 healthy to 3 serious injury, 0 not specified"),
        Column("State", "category", about="of Malaysia"),
        Column("Age", "number", "months", 0),
        Column("Quantity", "number", "pets", 1, about="pets in the profile"),
        Column("Fee", "number", "MYR", 0, about="adoption fee; 0 is free"),
        Column("VideoAmt", "number", "videos", 0),
        Column("PhotoAmt", "number", "photos", 0),
    ),
    "AdoptionSpeed",
    ("same day", "1-7 days", "8-30 days", "31-90 days", "more than 100 days"),
)  # `PetID` and `RescuerID` are no features: a rescuer's pets share their fate, so the id leaks the label


@dataclass(frozen=True)
class LabelTable:
    """A table beside the data that gives a name to each code. `zero`: code 0 means that there is none."""

    files: tuple[str, ...]
    code: str
    name: str
    columns: tuple[str, ...]
    zero: bool


def _files(what: str) -> tuple[str, ...]:
    """The names under which Kaggle has published one table."""
    return f"{what}_labels.csv", f"{what.title()}Labels.csv", f"PetFinder-{what.title()}Labels.csv"


TABLES = (
    LabelTable(_files("breed"), "BreedID", "BreedName", ("Breed1", "Breed2"), zero=True),
    LabelTable(_files("color"), "ColorID", "ColorName", ("Color1", "Color2", "Color3"), zero=True),
    LabelTable(_files("state"), "StateID", "StateName", ("State",), zero=False),
)


def locate(root: Path) -> Path | None:
    if root.is_file():
        return root
    folder = folders.split(root, SCHEMA)
    whole = folder is not None and folder.name == "train"  # train/train.csv is Kaggle's complete file, not one part of three
    return folder / "train.csv" if whole else folder


def read(path: Path) -> Dataset:
    """All profiles with a label. Raises DataError that lists every problem.

    `path` is a CSV file or a folder with train.csv (Kaggle) or train.csv, val.csv, test.csv (toolkit); Kaggle's test.csv
    has no label: it is left out and counted. Codes become names where a label table lies in the folder or the one above.
    """
    raw, where = folders.read(path, {*SCHEMA.arrow.names, "PetID"}, ("train.csv",), SCHEMA.label, unlabelled=("test.csv",))
    folder = path if path.is_dir() else path.parent
    folders.check_roles(raw, folder, SCHEMA)
    for table in TABLES:
        _name_codes(raw, table, _find(table, folder))
    advice = ""
    if SCHEMA.label not in raw.columns:
        advice = "Kaggle's test.csv has no labels: give train/train.csv, or the folder above it."
    return fill(SCHEMA, raw, f"PetFinder.my Adoption Prediction, {where}", VERSION, unique="PetID", advice=advice)


def _find(table: LabelTable, folder: Path) -> Path | None:
    return next((f / name for f in (folder, folder.parent) for name in table.files if (f / name).is_file()), None)


def _name_codes(raw: Raw, table: LabelTable, path: Path | None) -> None:
    """Replace codes by names, in place; a column that holds names already is compared with the table."""
    names: dict[str, str] = {}
    if path is not None:
        labels = read_csv(path, {table.code, table.name})
        raw.digests += labels.digests
        raw.problems += labels.problems
        for column in (table.code, table.name):
            if column not in labels.columns:
                raw.problems.append((path.name, 1, f"column {column!r} is not in the header, expected it"))
        names = dict(zip(labels.columns.get(table.code, []), labels.columns.get(table.name, []), strict=False))
    for column in [c for c in table.columns if c in raw.columns]:
        cells = raw.columns[column]
        coded = next((cell.isdigit() for cell in cells if cell), False)
        known = {"": "", **({"0": ""} if table.zero else {}), **(names if coded else {name: name for name in names.values()})}
        if not names:
            known |= {cell: cell for cell in set(cells) - {"0"} if cell.isdigit() == coded}
        for row in [r for r, cell in enumerate(cells) if cell not in known]:
            of = f" of {path.name}" if path is not None else ""
            raw.report(row, column, f"a {'code' if coded else 'name'}{of} as in the other records")
        raw.columns[column] = [known.get(cell, cell) for cell in cells]
        if coded:
            raw.counts["columns of codes named by a table" if names else "columns of codes kept, no table beside the data"] += 1

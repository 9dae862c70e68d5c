"""Lists of amenities as Airbnb's pages give them: '["Wifi", "Hot tub"]' since 2020, '{Wifi,"Hot tub"}' before."""

from __future__ import annotations

import csv
import json
import re

from mmkit.readers.csv_tables import Raw

EXPECTED = 'a list such as ["Wifi", "Hot tub"] or {Wifi,"Hot tub"}'


def parse(cell: str) -> list[str] | None:
    """The amenities in one cell, each once, in order; None when it is no list. An empty cell is an empty list."""
    if cell.startswith("{") and cell.endswith("}"):
        found = next(csv.reader([cell[1:-1]]), [])
    elif cell:
        try:
            found = json.loads(cell)
        except json.JSONDecodeError:
            return None
        if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
            return None
    else:
        found = []
    return list(dict.fromkeys(name.strip() for name in found if name.strip()))


def read(raw: Raw, column: str = "amenities") -> list[list[str]]:
    """One list per record; cells that are no list are reported and count as empty."""
    lists = []
    for row, cell in enumerate(raw.columns[column]):
        found = parse(cell)
        if found is None:
            raw.report(row, column, EXPECTED)
        lists.append(found or [])
    return lists


def as_name(amenity: str) -> str:
    """'Step-free access' -> 'step_free_access', as the paper's toolkit calls its columns."""
    return re.sub(r"[\s-]+", "_", amenity.lower())

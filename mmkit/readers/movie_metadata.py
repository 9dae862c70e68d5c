"""The metadata of films as numbers, out of `movie_metadata.csv` (the IMDB-5000 table): 13 of its columns, 312 numbers a film.

How the published study makes 312 numbers of these 13 columns is not known, so this is a choice of our own:

    0-4      counts as they stand: votes, critics' reviews, likes of the film, likes of the cast, faces on the poster
    5        duration in minutes
    6-18     language, one of 12 or any other (13 zeros: not known)
    19-31    certificate, one of 12 or any other (13 zeros: not known)
    32-311   hashed names: the director, three actors and each word of the title add 1 or -1 at one of 280 places
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmkit.readers.csv_tables import Raw, read_csv
from mmkit.readers.fill import numbers
from mmkit.schema import Column

FILE = "movie_metadata.csv"
NUMBERS = (
    "num_voted_users", "num_critic_for_reviews", "movie_facebook_likes", "cast_total_facebook_likes", "facenumber_in_poster",
    "duration",
)  # fmt: skip
COUNTS = range(5)  # which of the 312 are counts, up to millions: what a logarithm is for
LANGUAGES = (
    "English", "French", "Spanish", "Hindi", "Mandarin", "German", "Japanese", "Russian", "Cantonese", "Italian", "Korean",
    "Portuguese",
)  # fmt: skip
CERTIFICATES = ("R", "PG-13", "PG", "Not Rated", "G", "Unrated", "Approved", "TV-14", "TV-MA", "TV-PG", "X", "TV-G")
PEOPLE = ("director_name", "actor_1_name", "actor_2_name", "actor_3_name")
HASHED = 280
WIDTH = len(NUMBERS) + len(LANGUAGES) + 1 + len(CERTIFICATES) + 1 + HASHED  # 312
COLUMNS = (*NUMBERS, "language", "content_rating", *PEOPLE, "movie_title", "genres")
AGREE = 0.6  # share of a film's genres that its row of the table has to name; rows that slipped by one give about a third


def read(path: Path) -> Raw:
    """The cells of the table. Columns that are missing are in its problems."""
    raw = read_csv(path, COLUMNS)
    absent = [name for name in COLUMNS if name not in raw.columns]
    raw.problems += [(path.name, 1, f"column {name!r} is not in the header, expected it") for name in absent]
    return raw


def vectors(raw: Raw, rows: Sequence[int], train: np.ndarray) -> tuple[np.ndarray, Counter[str]]:
    """(312 numbers per film (N, 312) float32, counts) of these rows of the table. Wrong numbers are noted in `raw`.

    A number that is missing becomes the median of the films in `train` (N,) bool, and is counted.
    """
    counts: Counter[str] = Counter()
    whole = np.zeros((len(rows), WIDTH), np.float32)
    for at, name in enumerate(NUMBERS):
        column = np.array([np.nan if value is None else value for value in numbers(raw, Column(name, "number", low=0))])[rows]
        missing = np.isnan(column)
        known = column[train & ~missing]
        counts[f"missing, the median of the training films instead: {name}"] = int(missing.sum())
        whole[:, at] = np.where(missing, np.median(known) if len(known) else 0.0, column)
    at = len(NUMBERS)
    for name, levels in (("language", LANGUAGES), ("content_rating", CERTIFICATES)):
        cells = np.array([raw.columns[name][row].strip() for row in rows])
        known = cells[:, None] == np.array(levels)
        other = ~known.any(axis=1) & (cells != "")
        whole[:, at : at + len(levels) + 1] = np.column_stack([known, other])
        counts[f"missing: {name}"] = int((cells == "").sum())
        counts[f"levels without a number of their own: {name}"] = len(set(cells[other]))
        at += len(levels) + 1
    _hash_names(raw, rows, whole[:, at:])
    return whole, counts


def _hash_names(raw: Raw, rows: Sequence[int], into: np.ndarray) -> None:
    """Add each name and each word of the title at its place in `into` (N, 280): the same name, the same place."""
    film, names = [], []
    for n, row in enumerate(rows):
        told = [raw.columns[column][row].strip() for column in PEOPLE]
        told += [f"title {word}" for word in re.findall(r"\w+", raw.columns["movie_title"][row].casefold())]
        names += [name for name in told if name]
        film += [n] * (len(names) - len(film))
    hashed = np.array([zlib.crc32(name.encode()) for name in names], np.int64)
    np.add.at(into, (np.array(film, np.int64), hashed % HASHED), np.where(hashed // HASHED % 2, 1.0, -1.0))


def slipped(raw: Raw, rows: Sequence[int], labels: Sequence[Sequence[str]]) -> str:
    """What is wrong when the genres of the table hardly go with those of the films; empty when they do."""
    named = [set(raw.columns["genres"][row].split("|")) for row in rows]
    found = [name in some for some, names in zip(named, labels, strict=True) for name in names]
    if not found or np.mean(found) >= AGREE:
        return ""
    return (
        f"{FILE}: names {sum(found):,} of the {len(found):,} genres of the films whose ids are its rows, "
        f"expected over {AGREE:.0%}; is it another version of the table, or in another order?"
    )

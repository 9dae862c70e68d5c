"""Who made the films: people who keep to their genres, so that films which share a person tend to share genres.

A person has one role, a profile (the genres of an imagined film) and a popularity (Zipf). A film takes somebody for a role by
Gumbel's rule, argmax of 2 kappa cos(profile, genres) + log popularity + Gumbel noise; here by inverting the law of that choice,
once per set of genres: films with the same genres choose from the same law, and there are far fewer such sets than films.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmkit.worlds.bounds import rng
from mmkit.worlds.movies import genres as tones
from mmkit.worlds.movies.knobs import Knobs


@dataclass(frozen=True)
class Role:
    """One line of the credits."""

    name: str
    slots: int  # people at most
    missing: float  # probability that a film names nobody
    kappa: float  # how much its people keep to their genres


ROLES = (
    Role("director", 1, 0.02, 2.5),
    Role("writer", 2, 0.10, 3.0),
    Role("producer", 2, 0.25, 1.0),
    Role("cinematographer", 1, 0.30, 1.2),
    Role("art director", 1, 0.60, 0.6),
)
SECOND = 0.5  # probability that a second slot is taken, where the first is
FEWEST = 3  # people of a role
AT_ONCE = 4_000_000  # numbers in the largest array
ONSETS = "b c d f g h k l m n p r s t v z br dr kl st".split()
VOWELS = "a e i o u".split()
CODAS = ["", "l", "n", "r", "s", "t"]


def people(genres: np.ndarray, knobs: Knobs, seed: int) -> tuple[pa.Array, dict[str, np.ndarray]]:
    """The credits of N films, lists of {role, name}, and the truth: numbers of people and how well they suit. genres (N, G) bool.

    Truth, for seven slots (director, writer, writer, producer, producer, cinematographer, art director): `person` (N, 7) int32,
    -1 for nobody; `suits` (N, 7) float32, the cosine of the person's profile and the film's genres, 0 for nobody.
    """
    size = max(FEWEST, round(knobs.pool * len(genres)))
    profile = tones.draw(knobs.view, size * len(ROLES), int(rng(seed, "credits/profiles").integers(2**32)))
    profile = profile / np.sqrt(profile.sum(axis=1, keepdims=True))
    y = genres / np.sqrt(genres.sum(axis=1, keepdims=True))
    person = np.hstack([_cast(role, n, profile[n * size : (n + 1) * size], y, knobs, seed) for n, role in enumerate(ROLES)])
    suits = np.where(person >= 0, np.einsum("ng,nsg->ns", y, profile[person]), 0)
    return _column(person, _names(size * len(ROLES), seed)), {"person": person, "suits": suits.astype(np.float32)}


def _cast(role: Role, n: int, profile: np.ndarray, y: np.ndarray, knobs: Knobs, seed: int) -> np.ndarray:
    """Numbers (N, slots) of the people of one role; -1 for nobody. profile (P, G) and y (N, G) have length 1."""
    draw = rng(seed, f"credits/{role.name}")
    there = draw.random((len(y), role.slots)) >= [role.missing, SECOND][: role.slots]
    u = draw.random((len(y), role.slots))
    popularity = -knobs.popularity * np.log1p(np.arange(len(profile)))
    kinds, kind = np.unique(y, axis=0, return_inverse=True)
    kind = kind.ravel()
    chosen = np.empty(u.shape, dtype=np.int32)
    chunk = max(1, AT_ONCE // len(profile))
    for start in range(0, len(kinds), chunk):
        films = np.flatnonzero((kind >= start) & (kind < start + chunk))
        weight = np.exp(2 * role.kappa * knobs.homophily * (kinds[start : start + chunk] @ profile.T) + popularity)
        chosen[films] = _without_return(weight, kind[films] - start, u[films])
    there[:, 1:] &= there[:, :1]
    return np.where(there, chosen + n * len(profile), -1).astype(np.int32)


def _without_return(weight: np.ndarray, row: np.ndarray, u: np.ndarray) -> np.ndarray:
    """One or two different columns (F, 1 or 2) of weight (U, P), by weight, for F films that each use one row; u in [0, 1)."""
    cdf = np.cumsum(weight, axis=1)
    cdf /= cdf[:, -1:]
    line = (cdf + np.arange(len(cdf))[:, None]).ravel()  # one increasing line, row r between r and r + 1
    most = weight.shape[1] - 1

    def find(at: np.ndarray) -> np.ndarray:
        return np.clip(np.searchsorted(line, row + at, side="right") - row * (most + 1), 0, most)

    first = find(u[:, 0])
    if u.shape[1] == 1:
        return first[:, None]
    before = np.where(first > 0, cdf[row, first - 1], 0.0)
    gone = cdf[row, first] - before
    at = u[:, 1] * (1 - gone)  # a position on the line without the first one's piece
    second = find(np.where(at < before, at, at + gone))  # never the first, but for rounding: then its neighbour
    return np.stack([first, np.where(second == first, np.where(first < most, first + 1, first - 1), second)], axis=1)


def _column(person: np.ndarray, names: np.ndarray) -> pa.Array:
    """Lists of {role, name}, in the order of ROLES."""
    film, slot = np.nonzero(person >= 0)
    role = np.repeat([role.name for role in ROLES], [role.slots for role in ROLES])
    entries = pa.StructArray.from_arrays([pa.array(role[slot]), pa.array(names[person[film, slot]])], ["role", "name"])
    offsets = np.searchsorted(film, np.arange(len(person) + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), entries)


def _names(count: int, seed: int) -> np.ndarray:
    """`count` different names of two words; each syllable ends with its vowel, so no two spellings coincide."""
    syllables = np.array([onset + vowel for onset in ONSETS for vowel in VOWELS])
    capital, n = np.char.capitalize(syllables), len(syllables)
    code = rng(seed, "credits/names").choice(n**4 * len(CODAS), count, replace=False)
    code, coda = np.divmod(code, len(CODAS))
    a, b, c, d = (code // n**power % n for power in range(4))
    first = np.char.add(capital[a], syllables[b])
    return np.char.add(np.char.add(np.char.add(first, " "), capital[c]), np.char.add(syllables[d], np.array(CODAS)[coda]))


def graph(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Pairs (E, 2) of films that share a person in any role: row numbers, the smaller first, each pair once, in order."""
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    film = pc.list_parent_indices(column).to_numpy()
    person = column.flatten().field("name").dictionary_encode().indices.to_numpy()
    known = np.unique(np.stack([person, film], axis=1).astype(np.int64), axis=0)  # by person, then by film
    first = np.searchsorted(known[:, 0], known[:, 0])
    earlier = np.arange(len(known)) - first  # each credit pairs with the same person's earlier ones
    later = np.repeat(np.arange(len(known)), earlier)
    other = np.arange(len(later)) - np.repeat(np.cumsum(earlier) - earlier, earlier) + first[later]
    return np.unique(np.stack([known[other, 1], known[later, 1]], axis=1), axis=0)

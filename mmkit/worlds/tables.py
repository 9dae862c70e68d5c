r"""The tables world: records of text, categories and numbers whose label is a known mixture of all three.

A record has hidden aspects z (4), a type a (8) and a talkativeness tau. Its text mentions each aspect with probability tau.
The target is  eta = sqrt(s_t) f_t(z) + sqrt(s_c) f_c(c) + sqrt(s_n) f_n(n) + sqrt(s_x) f_x(z, a) + sqrt(s_e) eps,  every f
standardised and s_e = 1 - s_t - s_c - s_n - s_x, so a share is the part of the target's variance that a modality can
explain at best.
f_x = z_1 sign(a): an aspect helps one type and hurts another, which no additive model can use.

Kinds: `listings` (price), `reviews` (recommended or not), `pets` (five adoption speeds).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmkit.errors import SettingsError, nearest
from mmkit.schema import Column, Dataset, Split, TableSchema
from mmkit.worlds.wording import GRADES, PET_NAMES, THEMES, WORDING, clauses, foreign, misspell

VERSION = 2  # part of the fingerprint: raise it whenever the same knobs give other records
ASPECTS = 4
TYPES = 8
CUTS = np.array([-1.5, -0.5, 0.5, 1.5])  # z -> wording level
WEIGHTS = np.array([0.7, 0.5, 0.4, 0.3]) / np.sqrt(0.99)  # f_t = WEIGHTS . z, unit variance
SIGNS = np.array([1, -1, -1, -1, 1, 1, -1, -1])  # sign(a); balanced to 0.6 % under the Zipf law of types
LOG_PRICE = (4.7, 0.7)  # price = exp(4.7 + 0.7 eta)
OUTLIERS = (0.005, 10.0)  # share of prices that are ten times too high
POSITIVE = 0.82  # share of recommended reviews
SPEEDS = (0.03, 0.21, 0.27, 0.21, 0.28)  # shares of the five adoption speeds
TALK = ((0.0, 0.5, 1.0), (0.2, 0.4, 0.4))


@dataclass(frozen=True)
class Knobs:
    """Everything that can be turned. Shares are parts of the target's variance; what is left of 1 is noise."""

    text: float
    category: float
    number: float
    cross: float
    n_cat: int
    n_num: int
    informative_cat: int  # the type column is the first of them
    informative_num: int
    opaque: bool = False  # level names are codes (K17) instead of words that also grade aspects in the text
    missing: float = 0.05
    missing_not_at_random: bool = False  # high numbers go missing more often
    typos: float = 0.01  # per word
    newlines: float = 0.15  # share of bodies with a line break inside
    second_language: float = 0.05
    empty_title: float = 0.16
    type_effect: bool = True  # the type has a main effect on the target (text names the type)

    @property
    def noise(self) -> float:
        return 1.0 - self.text - self.category - self.number - self.cross


PRESETS = {
    "listings": Knobs(0.15, 0.35, 0.25, 0.10, n_cat=24, n_num=15, informative_cat=8, informative_num=8),
    "reviews": Knobs(0.70, 0.05, 0.05, 0.00, n_cat=3, n_num=3, informative_cat=3, informative_num=3),
    "pets": Knobs(0.05, 0.30, 0.20, 0.10, n_cat=14, n_num=5, informative_cat=6, informative_num=4, opaque=True),
}
TASKS = {"listings": "regression", "reviews": "binary", "pets": "multiclass"}
LABELS = {"listings": "price", "reviews": "Recommended", "pets": "AdoptionSpeed"}
CLASSES = {
    "listings": (),
    "reviews": ("not recommended", "recommended"),
    "pets": ("same day", "1-7 days", "8-30 days", "31-90 days", "over 100 days"),
}

# Null controls: one named change each, which removes what a claim credits. What is removed becomes noise, nothing else moves.
NULLS: dict[str, dict[str, Any]] = {
    "no_table": {
        "category": 0.0,
        "number": 0.0,
        "cross": 0.0,
        "type_effect": False,
    },  # columns keep their marginals and say nothing
    "no_text": {"text": 0.0, "cross": 0.0, "type_effect": False},  # the text, and the type it names, say nothing
    "no_cross": {"cross": 0.0},  # no interaction of text and type
    "readable_few": {
        "opaque": False,
        "n_cat": 3,
        "n_num": 2,
        "informative_cat": 3,
        "informative_num": 2,
    },  # few columns with telling names
    "opaque": {"opaque": True},  # level names are codes
    "table_speaks": {"text": 0.10, "category": 0.40, "number": 0.30},  # the table carries what the text carried
}


def make(kind: str, records: int, seed: int, null: str | None = None, **changes: Any) -> Dataset:
    """A data set of `records` rows. Same arguments, same bytes, in any process.

    kind: listings | reviews | pets.  null: a name in NULLS.  changes: fields of `Knobs`.
    Raises SettingsError for an unknown kind, null or knob, or shares that do not leave room for noise.
    """
    if kind not in PRESETS:
        raise SettingsError(f"tables world has no kind {kind!r}{nearest(kind, PRESETS)}")
    if null is not None and null not in NULLS:
        raise SettingsError(f"tables world has no null control {null!r}{nearest(null, NULLS)}")
    known = {f.name for f in fields(Knobs)}
    for name in changes:
        if name not in known:
            raise SettingsError(f"tables world has no knob {name!r}{nearest(name, known)}")
    knobs = replace(PRESETS[kind], **{**(NULLS[null] if null else {}), **changes})
    _check(kind, knobs, records)
    draw = _Draw(kind, records, np.random.default_rng([seed, zlib.crc32(kind.encode())]), knobs)
    text, categories, numbers = _texts(draw), _categories(draw), _numbers(draw)
    label, truth = _target(draw)
    schema = TableSchema(
        name=kind,
        task=TASKS[kind],
        columns=tuple(
            [Column(name, "text") for name in text]
            + [Column(name, "category", about="the record's type" if j == 0 else "") for j, name in enumerate(categories)]
            + [Column(name, "number") for name in numbers]
        ),
        label=LABELS[kind],
        classes=CLASSES[kind],
        label_unit="dollars per night" if kind == "listings" else "",
    )
    table = pa.table({**text, **categories, **numbers, LABELS[kind]: label}, schema=schema.arrow)
    source = f"world tables/{kind}" + (f", null control {null}" if null else "") + f", seed {seed}"
    return Dataset(
        kind, schema, Split(table, truth), source, f"tables-v{VERSION}:{kind}:{records}:{seed}:{knobs}", {"records": records}
    )


def _check(kind: str, knobs: Knobs, records: int) -> None:
    for name in ("text", "category", "number", "cross", "missing", "typos", "newlines", "second_language", "empty_title"):
        if not 0 <= getattr(knobs, name) <= 1:
            raise SettingsError(f"tables/{kind}: {name} = {getattr(knobs, name)!r}, expected a share between 0 and 1")
    if knobs.noise < -1e-9:
        raise SettingsError(
            f"tables/{kind}: shares of text, category, number and cross sum to {1 - knobs.noise:.2f}, expected at most 1"
        )
    if not (1 <= knobs.informative_cat <= knobs.n_cat and 1 <= knobs.informative_num <= knobs.n_num):
        raise SettingsError(
            f"tables/{kind}: {knobs.informative_cat} of {knobs.n_cat} categories and {knobs.informative_num} of {knobs.n_num} "
            "numbers are informative, expected 1 to all"
        )
    if records < 10:
        raise SettingsError(f"tables/{kind}: {records} records, expected at least 10")


@dataclass
class _Draw:
    """The hidden side of all records at once, and what each modality reveals of it. N records."""

    kind: str
    n: int
    rng: np.random.Generator
    knobs: Knobs
    type: np.ndarray = field(init=False)  # (N,) 0..7
    z: np.ndarray = field(init=False)  # (N, 4)
    talk: np.ndarray = field(init=False)  # (N,) 0, 0.5, 1
    mentioned: np.ndarray = field(init=False)  # (N, 4) bool
    f_c: np.ndarray = field(init=False)  # (N,) true effect of the categories
    f_c_seen: np.ndarray = field(init=False)  # (N,) its mean given the visible levels
    c_seen: np.ndarray = field(init=False)  # (N,) share of its variance that is visible
    f_n: np.ndarray = field(init=False)
    f_n_seen: np.ndarray = field(init=False)
    n_seen: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.type = self.rng.choice(TYPES, self.n, p=_zipf(TYPES))
        self.z = self.rng.standard_normal((self.n, ASPECTS))
        self.talk = self.rng.choice(TALK[0], self.n, p=TALK[1])
        self.mentioned = self.rng.random((self.n, ASPECTS)) < self.talk[:, None]


def _zipf(levels: int) -> np.ndarray:
    p = 1.0 / np.arange(1, levels + 1)
    return p / p.sum()


# --- text -----------------------------------------------------------------------------------------------------------


def _texts(d: _Draw) -> dict[str, pa.Array]:
    """Text columns. A slot is one clause or nothing; slots are shuffled per record, joined, and sometimes translated."""
    wording, level = WORDING[d.kind], np.searchsorted(CUTS, d.z)
    slots = [np.where(d.mentioned[:, k], _phrase(d, clauses(d.kind)[k], level[:, k]), None) for k in range(ASPECTS)]
    types = np.array(wording.types, dtype=object)[d.type]
    fillers = [
        _typos(d, np.array(wording.fillers, dtype=object), d.rng.integers(len(wording.fillers), size=d.n)) for _ in range(2)
    ]
    about = np.where(d.rng.random(d.n) < 0.5, "this " + types, None)

    first = d.rng.integers(ASPECTS, size=d.n)  # the title may repeat one clause; it says nothing that the body does not
    repeat = np.select([first == k for k in range(ASPECTS)], slots)
    title = np.where(d.rng.random(d.n) < 0.5, _join([types, repeat], " : "), types)
    title = np.where(d.rng.random(d.n) < d.knobs.empty_title, None, title)
    if d.kind == "pets":
        return {"Name": pa.array(np.array(PET_NAMES, dtype=object)[d.rng.integers(len(PET_NAMES), size=d.n)], pa.string()),
                "Description": _body(d, [*slots, *fillers, about])}  # fmt: skip
    if d.kind == "reviews":
        return {"Title": pa.array(title, pa.string()), "Review Text": _body(d, [*slots, *fillers, about])}
    return {
        "name": pa.array(title, pa.string()),
        "summary": _body(d, [*slots[:3], fillers[0], about]),
        "host_about": _body(d, [slots[3], fillers[1]]),
    }


def _phrase(d: _Draw, bank: list[np.ndarray], level: np.ndarray) -> np.ndarray:
    """One clause per record from the bank of its level, with typos."""
    flat = np.concatenate(bank)
    start, size = np.cumsum([0, *map(len, bank)])[:-1], np.array([len(b) for b in bank])
    pick = start[level] + (d.rng.random(d.n) * size[level]).astype(int)
    return _typos(d, flat, pick)


def _typos(d: _Draw, bank: np.ndarray, pick: np.ndarray) -> np.ndarray:
    """bank[pick], where each word is misspelt with the knob's probability (prepared variants: no work per record)."""
    variants = np.array([misspell(text, d.rng) for text in bank], dtype=object)
    words = np.array([text.count(" ") + 1 for text in bank])
    return np.where(d.rng.random(d.n) < d.knobs.typos * words[pick], variants[pick], bank[pick])


def _join(slots: list[np.ndarray], between: str) -> np.ndarray:
    columns = [pa.array(s, pa.string()) for s in slots]
    return pc.binary_join_element_wise(*columns, between, null_handling="skip").to_numpy(zero_copy_only=False)


def _body(d: _Draw, slots: list[np.ndarray]) -> pa.Array:
    stacked = np.stack(slots, axis=1)  # (N, slots)
    order = np.argsort(d.rng.random(stacked.shape), axis=1)
    stacked = np.take_along_axis(stacked, order, axis=1)
    body = pa.array(_join(list(stacked.T), " . "), pa.string())
    broken = pc.replace_substring(body, " . ", " .\n", max_replacements=1)  # so that counting lines does not count records
    body = pc.if_else(pa.array(d.rng.random(d.n) < d.knobs.newlines), broken, body).to_numpy(zero_copy_only=False)
    other = np.flatnonzero(d.rng.random(d.n) < d.knobs.second_language)
    body[other] = [foreign(body[row]) for row in other]
    return pa.array(body, pa.string())


# --- table ----------------------------------------------------------------------------------------------------------


def _categories(d: _Draw) -> dict[str, pa.Array]:
    """Category columns; the first is the type. Sets f_c and what is visible of it."""
    knobs, rng = d.knobs, d.rng
    columns: dict[str, pa.Array] = {}
    effects, seen, spreads, visible = [], [], [], []
    for j in range(knobs.n_cat):
        size = TYPES if j == 0 else int(rng.integers(3, 31))
        share = _zipf(size)
        level = d.type if j == 0 else rng.choice(size, d.n, p=share)
        effect = rng.standard_normal(size)
        effect -= share @ effect  # a level's effect has mean zero over the population ...
        spread = share @ effect**2  # ... and this variance
        there = np.ones(d.n, dtype=bool) if j == 0 else rng.random(d.n) >= knobs.missing
        names = _level_names(d, j, effect)
        columns[_column_name(d.kind, "category", j)] = pa.array(np.where(there, names[level], None), pa.string())
        if j < knobs.informative_cat and (j > 0 or knobs.type_effect):
            effects.append(effect[level])
            seen.append(np.where(there, effect[level], 0.0))
            spreads.append(spread)
            visible.append(there)
    d.f_c, d.f_c_seen, d.c_seen = _mixture(d.n, effects, seen, spreads, visible)
    return columns


def _level_names(d: _Draw, j: int, effect: np.ndarray) -> np.ndarray:
    """Names of one column's levels: codes, or a theme word behind a grade word that the text uses in the same sense."""
    size = len(effect)
    if j == 0 and not d.knobs.opaque:
        return np.array(WORDING[d.kind].types, dtype=object)
    if d.knobs.opaque:
        return np.array([f"K{code}" for code in d.rng.permutation(90)[:size] + 10], dtype=object)
    grade = np.searchsorted(CUTS, effect / effect.std())
    themes = d.rng.permutation(len(THEMES))[:size]
    return np.array([f"{GRADES[g][t % 2]} {THEMES[t]}" for g, t in zip(grade, themes, strict=True)], dtype=object)


def _numbers(d: _Draw) -> dict[str, pa.Array]:
    """Number columns of four shapes in turn: log-normal, count, zero-inflated, bounded. Sets f_n and what is visible of it."""
    knobs, rng = d.knobs, d.rng
    columns: dict[str, pa.Array] = {}
    effects, seen, spreads, visible = [], [], [], []
    for j in range(knobs.n_num):
        u = rng.standard_normal(d.n)
        rate = 2 * _normal_cdf(u) if knobs.missing_not_at_random else 1.0
        there = rng.random(d.n) >= knobs.missing * rate
        value, mean, kept = _shape(j % 4, u)
        weight = rng.choice([-1.0, 1.0]) * rng.uniform(0.5, 1.5)
        columns[_column_name(d.kind, "number", j)] = pa.array(np.where(there, value, np.nan), pa.float64(), from_pandas=True)
        if j < knobs.informative_num:
            absent = 1 / np.sqrt(np.pi) if knobs.missing_not_at_random else 0.0  # E[u | missing] = 2 E[u Phi(u)]
            effects.append(weight * u)
            seen.append(weight * np.where(there, mean, absent))
            spreads.append(weight**2)
            visible.append(np.where(there, kept, absent**2))
    d.f_n, d.f_n_seen, d.n_seen = _mixture(d.n, effects, seen, spreads, visible)
    return columns


def _shape(shape: int, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(value shown, E[u | value], share of u's variance that the value keeps): exact, by the moments of a cut normal."""
    if shape == 0:
        return np.round(np.exp(3 + 0.8 * u), 2), u, np.ones_like(u)
    if shape == 1:
        count = np.floor(np.exp(1.5 + 0.8 * u))
        low, high = (np.log(np.maximum(count, 1e-300)) - 1.5) / 0.8, (np.log(count + 1) - 1.5) / 0.8
        return count, *_cut_normal(low, high)
    if shape == 2:
        zero = u < -0.3
        mean, kept = _cut_normal(np.full_like(u, -40.0), np.full_like(u, -0.3))
        return np.where(zero, 0.0, np.round(np.exp(u) * 20, 1)), np.where(zero, mean, u), np.where(zero, kept, 1.0)
    return np.round(100 * _normal_cdf(u), 1), u, np.ones_like(u)


def _cut_normal(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mean, 1 - variance) of a standard normal known to lie in [low, high]."""
    low, high = np.maximum(low, -40.0), np.minimum(high, 40.0)
    pdf = lambda x: np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)  # noqa: E731
    mass = np.maximum(_normal_cdf(high) - _normal_cdf(low), 1e-12)
    mean = (pdf(low) - pdf(high)) / mass
    variance = 1 + (low * pdf(low) - high * pdf(high)) / mass - mean**2
    return mean, 1 - np.clip(variance, 0, 1)


def _normal_cdf(x: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr  # here, because importing scipy at the top would slow every command

    return ndtr(x)


def _mixture(n: int, effects: list, seen: list, spreads: list, visible: list) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Standardised sum of the columns' effects, the part that is visible, and the share of its variance that is."""
    if not effects:
        return np.zeros(n), np.zeros(n), np.zeros(n)
    scale, weights = np.sqrt(sum(spreads)), np.array(spreads) / sum(spreads)
    return sum(effects) / scale, sum(seen) / scale, np.stack([np.broadcast_to(v, n) for v in visible], axis=1) @ weights


def _column_name(kind: str, role: str, j: int) -> str:
    named = {
        ("listings", "category"): ("property_type", "room_type", "city", "cancellation_policy", "bed_type"),
        ("reviews", "category"): ("Class Name", "Department Name", "Division Name"),
        ("pets", "category"): ("Type", "Breed1", "Color1", "Gender", "FurLength", "Vaccinated", "State"),
        ("listings", "number"): ("cleaning_fee", "number_of_reviews", "extra_people", "availability_rate"),
        ("reviews", "number"): ("Price Paid", "Positive Feedback Count", "Discount"),
        ("pets", "number"): ("Weight", "PhotoAmt", "Fee", "Profile Score"),
    }[kind, role]
    return named[j] if j < len(named) else f"{role}_{j + 1:02d}"


# --- target ---------------------------------------------------------------------------------------------------------


def _target(d: _Draw) -> tuple[pa.Array, pa.Table]:
    """The label, and the truth that no model sees: parts of eta, informativeness per row, the best prediction possible."""
    k, sign = d.knobs, SIGNS[d.type]
    f_x = d.z[:, 0] * sign
    parts = {"text": np.sqrt(k.text) * (d.z @ WEIGHTS), "category": np.sqrt(k.category) * d.f_c,
             "number": np.sqrt(k.number) * d.f_n, "cross": np.sqrt(k.cross) * f_x}  # fmt: skip
    # With every informative column switched off a share would vanish instead of turning into noise.
    noise = max(k.noise, 0.0) + sum(share for share, f in ((k.category, d.f_c), (k.number, d.f_n)) if not f.any())
    eta = sum(parts.values()) + np.sqrt(noise) * d.rng.standard_normal(d.n)

    # What a reader of the whole record can know: z through its wording level where mentioned, nothing where not.
    edges = np.concatenate([[-40.0], CUTS, [40.0]])
    level = np.searchsorted(CUTS, d.z)
    mean, kept = (np.where(d.mentioned, part, 0.0) for part in _cut_normal(edges[level], edges[level + 1]))
    slope = np.sqrt(k.text) * WEIGHTS + np.sqrt(k.cross) * sign[:, None] * np.eye(ASPECTS)[0]  # (N, 4) d eta / d z
    best = (slope * mean).sum(1) + np.sqrt(k.category) * d.f_c_seen + np.sqrt(k.number) * d.f_n_seen
    left = (slope**2 * (1 - kept)).sum(1) + k.category * (1 - d.c_seen) * d.f_c.any() + k.number * (1 - d.n_seen) + noise

    label, oracle = _label(d, eta, best, np.sqrt(left))
    truth = {"eta": eta, **{f"part_{name}": part for name, part in parts.items()},
             "talkativeness": d.talk, "r_text": (kept * WEIGHTS**2).sum(1), "r_category": d.c_seen, "r_number": d.n_seen,
             "best_eta": best, "best_sd": np.sqrt(left), "oracle": oracle, "type": d.type}  # fmt: skip
    return label, pa.table(truth)


def _label(d: _Draw, eta: np.ndarray, best: np.ndarray, sd: np.ndarray) -> tuple[pa.Array, pa.Array]:
    """(label, oracle prediction in the task's form). The oracle takes what is left to know as normal, which is nearly exact."""
    if d.kind == "listings":
        outlier = np.where(d.rng.random(d.n) < OUTLIERS[0], OUTLIERS[1], 1.0)
        price = np.round(np.exp(LOG_PRICE[0] + LOG_PRICE[1] * eta) * outlier)
        mean = np.exp(LOG_PRICE[0] + LOG_PRICE[1] * best + 0.5 * (LOG_PRICE[1] * sd) ** 2)
        return pa.array(np.maximum(price, 1.0)), pa.array(mean * (1 + OUTLIERS[0] * (OUTLIERS[1] - 1)))
    shares = np.cumsum((1 - POSITIVE,) if d.kind == "reviews" else SPEEDS[:-1])
    cuts = np.quantile(eta, shares)  # empirical, so that every draw has the stated class shares
    label = np.searchsorted(cuts, eta).astype(np.int64)
    below = _normal_cdf((cuts[None, :] - best[:, None]) / sd[:, None])  # (N, classes - 1)
    if d.kind == "reviews":
        return pa.array(label), pa.array(1 - below[:, 0])
    probabilities = np.diff(np.concatenate([np.zeros((d.n, 1)), below, np.ones((d.n, 1))], axis=1), axis=1)
    return pa.array(label), pa.FixedSizeListArray.from_arrays(pa.array(probabilities.ravel()), len(SPEEDS))

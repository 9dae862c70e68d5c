"""The tables world against its own promises: shares, nulls, what each modality reveals, the best prediction possible.

Levels of the wording are read back from the text with a dictionary of clauses, and moments come from scipy's cut normal, so that
nothing here shares a formula with the generator.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from functools import cache
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy.stats import truncnorm

from mmkit.errors import SettingsError
from mmkit.worlds import tables
from mmkit.worlds.wording import GRADES, THEMES, WORDING, clauses, foreign

KINDS = ("listings", "reviews", "pets")
PLAIN = {"typos": 0.0, "newlines": 0.0, "second_language": 0.0}
EDGES = [-np.inf, -1.5, -0.5, 0.5, 1.5, np.inf]
MEAN = np.array([truncnorm.mean(a, b) for a, b in pairwise(EDGES)])  # of z, by wording level
KEPT = np.array([1 - truncnorm.var(a, b) for a, b in pairwise(EDGES)])
WEIGHTS = np.array([0.7, 0.5, 0.4, 0.3]) / np.sqrt(0.99)


@cache
def world(kind, records=12000, seed=1, **changes):
    return tables.make(kind, records, seed, **changes)


def truth(data, name):
    column = data.records.truth[name]
    return np.array(column.to_pylist()) if name == "oracle" else column.to_numpy()


def body_columns(data):
    return data.schema.text[1:]


@cache
def meaning(kind):
    """clause -> (aspect, level). Fails when two levels share a wording: the text would then not say what it should."""
    found = {}
    for aspect, bank in enumerate(clauses(kind)):
        for level, texts in enumerate(bank):
            for clause in texts:
                assert clause not in found, f"{clause!r} means two things"
                found[clause] = (aspect, level)
    return found


def read_levels(data):
    """(N, 4) wording level of each aspect as the bodies tell it, -1 where none does."""
    levels, known = np.full((len(data.records), 4), -1), meaning(data.name)
    for name in body_columns(data):
        for row, body in enumerate(data.records.table[name].to_pylist()):
            for piece in body.split(" . "):
                if piece in known:
                    aspect, level = known[piece]
                    assert levels[row, aspect] == -1
                    levels[row, aspect] = level
    return levels


def fingerprint(data):
    sink = pa.BufferOutputStream()
    for part in (data.records.table, data.records.truth):
        with pa.ipc.new_stream(sink, part.schema) as stream:
            stream.write_table(part)
    return hashlib.sha256(sink.getvalue()).hexdigest()


# --- same arguments, same bytes ---------------------------------------------------------------------------------------

TELL = "from tests.worlds.test_tables import *\nfor k in KINDS: print(fingerprint(tables.make(k, 400, 5)))"


def test_same_bytes_in_any_process():
    here = [fingerprint(tables.make(kind, 400, 5)) for kind in KINDS]
    for hash_seed in ("1", "77"):
        there = subprocess.run(
            [sys.executable, "-c", TELL],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert there.stdout.split() == here


def test_another_seed_kind_or_knob_gives_other_records_and_another_name():
    made = [tables.make(kind, 200, seed, **knob) for kind in KINDS for seed in (0, 1) for knob in ({}, {"typos": 0.5})]
    assert len({fingerprint(d) for d in made}) == len({d.fingerprint for d in made}) == len(made)


# --- shares and nulls -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("null", [None, *tables.NULLS])
def test_each_part_explains_its_share_and_all_together_one(kind, null):
    data = world(kind, null=null)
    preset = tables.PRESETS[kind]
    removed = {"no_table": ("category", "number", "cross"), "no_text": ("text", "cross"), "no_cross": ("cross",)}.get(null, ())
    raised = {"text": 0.1, "category": 0.4, "number": 0.3} if null == "table_speaks" else {}
    shares = {part: raised.get(part, getattr(preset, part)) for part in ("text", "category", "number", "cross")}
    shares |= dict.fromkeys(removed, 0)
    parts = {part: truth(data, f"part_{part}") for part in shares}
    for part, share in shares.items():
        if share == 0:
            assert not parts[part].any()
        else:
            assert parts[part].var() == pytest.approx(share, rel=0.08)
    eta = truth(data, "eta")
    noise = eta - sum(parts.values())
    assert noise.var() == pytest.approx(1 - sum(shares.values()), rel=0.05)
    assert eta.var() == pytest.approx(1, abs=0.05)
    for a, b in ((a, b) for a in parts for b in parts if a < b and shares[a] and shares[b]):
        assert abs(np.corrcoef(parts[a], parts[b])[0, 1]) < 0.05, (a, b)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("null", ["no_table", "no_text", "no_cross", "table_speaks"])
def test_a_null_changes_the_label_and_no_column(kind, null):
    main, control = world(kind), world(kind, null=null)
    for name in main.schema.text + main.schema.categories + main.schema.numbers:
        assert main.records.table[name].equals(control.records.table[name]), name
    if tables.NULLS[null] != {"cross": 0.0} or tables.PRESETS[kind].cross:  # reviews have no interaction to remove
        assert not np.array_equal(main.labels, control.labels)
        assert null in control.source
        assert main.fingerprint != control.fingerprint


def best_column_r2(data, target):
    """The largest share of `target` that one category column explains by its levels' means."""
    shares = []
    for name in data.schema.categories:
        code = data.records.table[name].fill_null("?").combine_chunks().dictionary_encode().indices.to_numpy()
        mean = np.bincount(code, target) / np.bincount(code)
        shares.append(mean[code].var() / target.var())
    return max(shares)


@pytest.mark.parametrize("kind", ["listings", "pets"])
def test_columns_say_nothing_in_no_table_and_much_in_main(kind):
    assert best_column_r2(world(kind, null="no_table"), truth(world(kind, null="no_table"), "eta")) < 0.01
    assert best_column_r2(world(kind), truth(world(kind), "eta")) > 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_text_says_nothing_in_no_text_and_something_in_main(kind):
    for null, low, high in (("no_text", 0, 0.003), (None, 0.02, 1)):
        data = world(kind, null=null, **PLAIN)
        levels, eta = read_levels(data), truth(data, "eta")
        type_mean = np.bincount(truth(data, "type"), eta) / np.bincount(truth(data, "type"))
        x = np.column_stack([np.where(levels >= 0, MEAN[levels], 0), np.ones(len(eta))])
        explained = 1 - (eta - x @ np.linalg.lstsq(x, eta)[0]).var() / eta.var()
        assert low <= explained < high
        if null == "no_text":  # not even by naming the type
            assert type_mean[truth(data, "type")].var() < 0.005


def test_the_interaction_is_nearly_invisible_to_an_additive_reader():
    data = world("listings", records=40000, **PLAIN, text=0.0, category=0.0, number=0.0, cross=0.9)
    levels, eta = read_levels(data), truth(data, "eta")
    x = np.where(levels[:, 0] >= 0, MEAN[levels[:, 0]], 0)
    assert abs(np.corrcoef(x, eta)[0, 1]) < 0.02
    assert np.corrcoef(x * tables.SIGNS[truth(data, "type")], eta)[0, 1] > 0.5


# --- what each modality reveals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_talkativeness_decides_how_many_aspects_the_text_mentions(kind):
    data = world(kind, **PLAIN)
    talk, levels = truth(data, "talkativeness"), read_levels(data)
    for value, share in zip((0.0, 0.5, 1.0), (0.2, 0.4, 0.4), strict=True):
        assert (talk == value).mean() == pytest.approx(share, abs=0.015)
        assert (levels[talk == value] >= 0).mean(0) == pytest.approx(value, abs=0.03)
    told = np.bincount(levels[levels >= 0], minlength=5) / (levels >= 0).sum()
    assert told == pytest.approx([0.0668, 0.2417, 0.3829, 0.2417, 0.0668], abs=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_informativeness_of_the_text_is_what_its_words_leave_known(kind):
    data = world(kind, **PLAIN)
    levels, r = read_levels(data), truth(data, "r_text")
    np.testing.assert_allclose(r, (np.where(levels >= 0, KEPT[levels], 0) * WEIGHTS**2).sum(1), atol=1e-9)
    assert r.min() >= 0
    assert r.max() <= 1


@pytest.mark.parametrize(("share", "r"), [("category", "r_category"), ("number", "r_number")])
@pytest.mark.parametrize("at_random", [True, False])
def test_informativeness_of_the_table_is_the_variance_it_explains(share, r, at_random):
    only = {"text": 0.0, "category": 0.0, "number": 0.0, "cross": 0.0, share: 0.8, "missing": 0.3}
    data = world("listings", records=30000, missing_not_at_random=not at_random, **only)
    left = truth(data, f"part_{share}") - truth(data, "best_eta")  # nothing else is predictable
    seen = truth(data, r)
    assert seen.min() >= 0
    assert seen.max() <= 1 + 1e-9
    assert seen.std() > 0.05
    for low, high in ((0, 25), (25, 50), (50, 75), (75, 100)):
        rows = (seen >= np.percentile(seen, low)) & (seen <= np.percentile(seen, high))
        assert (left[rows] ** 2).mean() == pytest.approx(0.8 * (1 - seen[rows].mean()), rel=0.08, abs=0.004)
        assert left[rows].mean() == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_category_costs_its_share_of_the_categories(kind):
    data = world(kind, records=12000)
    part, r = truth(data, "part_category"), truth(data, "r_category")
    informative = data.schema.categories[: tables.PRESETS[kind].informative_cat]
    missing = np.column_stack([data.records.table[name].is_null().to_numpy() for name in informative])
    assert not missing[:, 0].any()  # the type is always there
    assert (r[~missing.any(1)] == pytest.approx(1)) is True
    for j in range(1, len(informative)):
        alone = missing[:, j] & (missing.sum(1) == 1)
        level = data.records.table[informative[j]].fill_null("?").combine_chunks().dictionary_encode().indices.to_numpy()
        mean = np.bincount(level, part) / np.bincount(level)
        assert 1 - r[alone] == pytest.approx(mean[level].var() / (part.var() * 0.95), abs=0.05)


def expected_u(shape, values):
    """E[u | value] of the standard normal behind a number column, by averaging a million draws with the same value."""
    if shape == 0:
        return (np.log(values) - 3) / 0.8
    if shape == 3:
        from scipy.stats import norm

        return norm.ppf(np.clip(values / 100, 5e-4, 1 - 5e-4))
    u = np.random.default_rng(0).standard_normal(1_000_000)
    drawn = np.floor(np.exp(1.5 + 0.8 * u)) if shape == 1 else np.where(u < -0.3, 0.0, 1.0)
    key = np.minimum(values, 60).astype(int) if shape == 1 else (values > 0).astype(int)
    drawn = np.minimum(drawn, 60).astype(int)
    mean = np.bincount(drawn, u, minlength=61) / np.maximum(np.bincount(drawn, minlength=61), 1)
    return mean[key] if shape == 1 else np.where(values > 0, np.log(np.maximum(values, 0.1) / 20), mean[0])


@pytest.mark.parametrize("kind", KINDS)
def test_the_best_prediction_is_the_regression_on_everything_visible(kind):
    data = world(kind, records=16000, **PLAIN)
    knobs, n = tables.PRESETS[kind], 16000
    levels = read_levels(data)
    z = np.where(levels >= 0, MEAN[levels], 0)
    columns = [np.ones(n), *z.T, z[:, 0] * tables.SIGNS[truth(data, "type")]]
    for name in data.schema.categories[: knobs.informative_cat]:
        level = data.records.table[name].fill_null("?").combine_chunks().dictionary_encode().indices.to_numpy()
        columns += list(np.eye(level.max() + 1)[level].T[1:])
    for j, name in enumerate(data.schema.numbers[: knobs.informative_num]):
        value = data.records.table[name].to_numpy()
        columns.append(np.where(np.isnan(value), 0, expected_u(j % 4, np.nan_to_num(value, nan=1.0))))
    x, eta, best = np.column_stack(columns), truth(data, "eta"), truth(data, "best_eta")
    fitted = x @ np.linalg.lstsq(x, eta)[0]
    assert fitted.std() == pytest.approx(best.std(), rel=0.02)
    assert np.sqrt(((fitted - best) ** 2).mean()) < 0.1 * best.std() + 0.02  # the regression's own sampling error


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("null", [None, "no_table", "no_text", "readable_few"])
def test_what_is_left_is_unpredictable_and_as_large_as_told(kind, null):
    data = world(kind, null=null)
    best, sd = truth(data, "best_eta"), truth(data, "best_sd")
    left = (truth(data, "eta") - best) / sd
    assert left.mean() == pytest.approx(0, abs=0.03)
    assert left.std() == pytest.approx(1, abs=0.025)
    assert abs(np.corrcoef(left, best)[0, 1]) < 0.03
    order = np.argsort(sd)
    for rows in (order[:3000], order[-3000:]):  # and where little, and where much is known
        assert left[rows].std() == pytest.approx(1, abs=0.05)


# --- labels and the oracle --------------------------------------------------------------------------------------------


def test_class_shares_are_exact():
    assert abs((world("reviews").labels == 1).mean() - 0.82) <= 1 / 12000
    shares = np.bincount(world("pets").labels, minlength=5) / 12000
    assert shares == pytest.approx([0.03, 0.21, 0.27, 0.21, 0.28], abs=1 / 12000)


@pytest.mark.parametrize("kind", ["reviews", "pets"])
def test_labels_are_cuts_of_eta(kind):
    data = world(kind)
    eta, y = truth(data, "eta"), data.labels
    for label in range(y.max()):
        assert eta[y == label].max() <= eta[y == label + 1].min()


def test_price_is_the_exponential_of_eta_but_for_rare_outliers():
    data = world("listings")
    ratio = data.labels / np.exp(4.7 + 0.7 * truth(data, "eta"))
    assert ((ratio > 9) & (ratio < 11)).mean() == pytest.approx(0.005, abs=0.002)
    assert np.median(ratio) == pytest.approx(1, abs=1e-3)
    assert (data.labels == np.round(data.labels)).all()
    assert data.labels.min() >= 1


def test_the_oracle_is_calibrated():
    reviews, pets, listings = world("reviews"), world("pets"), world("listings")
    p, y = truth(reviews, "oracle"), reviews.labels
    for low, high in ((0, 0.3), (0.3, 0.6), (0.6, 0.8), (0.8, 0.95), (0.95, 1.01)):
        rows = (p >= low) & (p < high)
        assert rows.sum() > 100
        assert y[rows].mean() == pytest.approx(p[rows].mean(), abs=0.035)
    p, y = truth(pets, "oracle"), pets.labels
    np.testing.assert_allclose(p.sum(1), 1)
    for label in range(5):
        rows = np.argsort(p[:, label])
        for part in np.array_split(rows, 4):
            assert (y[part] == label).mean() == pytest.approx(p[part, label].mean(), abs=0.035)
    price, guess = listings.labels, truth(listings, "oracle")
    for part in np.array_split(np.argsort(guess), 4):
        assert price[part].mean() == pytest.approx(guess[part].mean(), rel=0.12)
    assert price.mean() == pytest.approx(guess.mean(), rel=0.05)


# --- the look of the records ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_five_percent_of_the_cells_are_missing_but_never_the_type(kind):
    table = world(kind).records.table
    for j, name in enumerate(world(kind).schema.categories + world(kind).schema.numbers):
        assert table[name].null_count / 12000 == pytest.approx(0.05 if j else 0, abs=0.012 if j else 0)
    bodies = [table[name].null_count for name in body_columns(world(kind))]
    assert not any(bodies)


@pytest.mark.parametrize(("not_at_random", "expected"), [(True, 1 / np.sqrt(np.pi)), (False, 0.0)])
def test_high_numbers_go_missing_when_asked(not_at_random, expected):
    data = world("listings", n_num=1, informative_num=1, missing=0.2, missing_not_at_random=not_at_random)
    value = data.records.table[data.schema.numbers[0]].to_numpy()
    u = truth(data, "part_number") / 0.5
    u = u * np.sign(np.corrcoef(u[~np.isnan(value)], np.log(value[~np.isnan(value)]))[0, 1])
    assert np.isnan(value).mean() == pytest.approx(0.2, abs=0.015)
    assert u[np.isnan(value)].mean() == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("kind", ["reviews", "pets"])
def test_a_line_break_stands_inside_fifteen_percent_of_the_bodies(kind):
    bodies = world(kind).records.table[body_columns(world(kind))[0]]
    broken = pc.match_substring_regex(bodies, r"(?s)\S.*\n.*\S").to_numpy(zero_copy_only=False)
    assert broken.mean() == pytest.approx(0.15, abs=0.015)
    assert pc.sum(pc.count_substring(bodies, "\n")).as_py() == broken.sum()  # at most one each


def test_titles_are_empty_or_repeat_what_the_body_says():
    data = world("reviews", **PLAIN)
    title, body = (data.records.table[name].to_pylist() for name in data.schema.text)
    assert sum(t is None for t in title) / 12000 == pytest.approx(0.16, abs=0.015)
    types, said = np.array(WORDING["reviews"].types)[truth(data, "type")], 0
    for t, b, kind in zip(title, body, types, strict=True):
        word, _, clause = (t or kind).partition(" : ")
        assert word == kind
        assert not clause or clause in b.split(" . ")
        said += bool(clause)
    assert 0.15 < said / 12000 < 0.35


def test_five_percent_of_the_bodies_are_in_the_second_language():
    plain, mixed = (world("reviews", **{**PLAIN, "second_language": share}) for share in (0.0, 0.05))
    before, after = (d.records.table["Review Text"].to_pylist() for d in (plain, mixed))
    changed = [(b, a) for b, a in zip(before, after, strict=True) if b != a]
    assert len(changed) / 12000 == pytest.approx(0.05, abs=0.008)
    assert all(foreign(b) == a for b, a in changed)


def test_the_second_language_replaces_every_word_by_one_of_its_own():
    before, after = (world("reviews", records=2000, typos=0.0, newlines=0.5, second_language=share) for share in (0.0, 1.0))
    dictionary = {}
    for name in body_columns(before):
        for b, a in zip(before.records.table[name].to_pylist(), after.records.table[name].to_pylist(), strict=True):
            assert b.count("\n") == a.count("\n")
            for word, other in zip(b.split(), a.split(), strict=True):
                assert dictionary.setdefault(word, other) == other
    words = {w: o for w, o in dictionary.items() if len(w) > 1}
    assert len(words) > 50
    assert len(set(words.values())) == len(words)  # nothing the text said is lost
    assert not set(words) & set(words.values())


def test_typos_hit_words_at_the_stated_rate():
    known = {*meaning("reviews"), *WORDING["reviews"].fillers, *(f"this {t}" for t in WORDING["reviews"].types)}
    for rate in (0.0, 0.03):
        data = world("reviews", **{**PLAIN, "typos": rate})
        pieces = [p for b in data.records.table["Review Text"].to_pylist() for p in b.split(" . ") if not p.startswith("this ")]
        words = np.mean([sum(len(w) > 2 for w in p.split(" ")) for p in pieces])  # in shorter ones nothing is swapped
        wrong = np.mean([p not in known for p in pieces])
        assert wrong == pytest.approx(rate * words, rel=0.08)  # two equal letters swapped are no typo
    swapped = [p for p in pieces if p not in known]
    assert all(any(sorted(p) == sorted(k) for k in known) for p in swapped[:50])


def test_level_names_are_codes_or_grade_their_effect():
    opaque, readable = world("pets"), world("pets", opaque=False)
    for name in opaque.schema.categories:
        levels = set(opaque.records.table[name].drop_null().to_pylist())
        assert all(re.fullmatch(r"K\d\d", level) for level in levels)
    types = readable.records.table[readable.schema.categories[0]].to_pylist()
    assert types == list(np.array(WORDING["pets"].types)[truth(readable, "type")])
    grades = [word for pair in GRADES for word in pair]
    part = truth(readable, "part_category")
    for name in readable.schema.categories[1:6]:  # the informative ones
        names = readable.records.table[name].to_pylist()
        there = np.array([v is not None for v in names])
        assert all(v.split()[0] in grades and v.split()[1] in THEMES for v in set(names) - {None})
        grade = np.array([grades.index(v.split()[0]) // 2 if v else -1 for v in names])[there]
        means = [part[there][grade == g].mean() for g in np.unique(grade)]
        assert np.corrcoef(np.unique(grade), means)[0, 1] > 0.7


def test_the_published_listing_size_can_be_made():
    data = tables.make("listings", 300, 0, n_cat=72, n_num=15)
    assert (len(data.schema.text), len(data.schema.categories), len(data.schema.numbers)) == (3, 72, 15)
    assert len(set(data.records.table.column_names)) == 3 + 72 + 15 + 1
    levels = [len(set(data.records.table[c].drop_null().to_pylist())) for c in data.schema.categories]
    assert min(levels) >= 2
    assert max(levels) <= 30


def test_number_columns_have_four_shapes():
    data = world("listings")
    log_normal, count, zeros, bounded = (data.records.table[c].drop_null().to_numpy() for c in data.schema.numbers[:4])
    assert np.log(log_normal).std() == pytest.approx(0.8, abs=0.03)
    assert (count == np.floor(count)).all()
    assert len(np.unique(count)) > 10
    assert (zeros == 0).mean() == pytest.approx(0.382, abs=0.02)
    assert bounded.min() >= 0
    assert bounded.max() <= 100
    assert bounded.mean() == pytest.approx(50, abs=1.5)


def test_numbers_push_the_target_up_and_down():
    data = world("listings")
    slopes = []
    for name in data.schema.numbers[:8]:  # the informative ones
        value = data.records.table[name].to_numpy()
        there = ~np.isnan(value)
        slopes.append(np.corrcoef(value[there], truth(data, "part_number")[there])[0, 1])
    assert min(slopes) < -0.1
    assert max(slopes) > 0.1
    assert min(map(abs, slopes)) > 0.05


# --- wrong use --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"kind": "pest"}, "no kind 'pest'; did you mean 'pets'?"),
        ({"null": "no_tabel"}, "no null control 'no_tabel'; did you mean 'no_table'?"),
        ({"typo": 0.1}, "no knob 'typo'; did you mean 'typos'?"),
        ({"text": 1.5}, "text = 1.5, expected a share between 0 and 1"),
        ({"missing": -0.1}, "missing = -0.1"),
        ({"text": 0.9}, "sum to 1.50, expected at most 1"),
        ({"n_cat": 4}, "6 of 4 categories"),
        ({"informative_num": 0}, "0 of 5 numbers"),
        ({"records": 9}, "9 records, expected at least 10"),
    ],
)
def test_wrong_use_is_told(how, told):
    with pytest.raises(SettingsError) as error:
        tables.make(**{"kind": "pets", "records": 100, "seed": 0, **how})
    assert told in str(error.value)


def test_shares_may_fill_the_whole_target():
    data = world("pets", text=0.4, category=0.3, number=0.2, cross=0.1, missing=0.0, informative_num=1)
    parts = sum(truth(data, f"part_{p}") for p in ("text", "category", "number", "cross"))
    np.testing.assert_allclose(parts, truth(data, "eta"), atol=1e-6)

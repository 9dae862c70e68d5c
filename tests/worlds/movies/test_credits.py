"""Credits of the movies world: the choice against a slow softmax, roles, names, homophily, the graph of shared people."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mmkit.worlds.bounds import rng
from mmkit.worlds.movies import credits, genres
from mmkit.worlds.movies.credits import ROLES
from mmkit.worlds.movies.knobs import settle

FILMS, SIZE = 2500, 1750
SLOT_ROLE = np.repeat(np.arange(5), [role.slots for role in ROLES])
SECOND_SLOTS = (2, 4)


@cache
def made(seed=1, null=None, films=FILMS, view="mmimdb", **changes):
    y = genres.draw(view, films, seed)
    column, truth = credits.people(y, settle(view, seed, null, changes), seed)
    return y, column, truth


def profiles(seed=1, films=FILMS, size=SIZE):
    """(5 size, G) genres that people stand for, of length 1."""
    drawn = genres.draw("mmimdb", 5 * size, int(rng(seed, "credits/profiles").integers(2**32)))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def agreement(y, a, b):
    """Mean Jaccard index of the genres of films a and b."""
    return ((y[a] & y[b]).sum(axis=1) / (y[a] | y[b]).sum(axis=1)).mean()


def strangers(seed=0, pairs=200_000):
    a, b = np.random.default_rng(seed).integers(FILMS, size=(2, pairs))
    return a[a != b], b[a != b]


# --- who is chosen ----------------------------------------------------------------------------------------------------


def test_one_choice_has_exactly_its_weights():
    weight = np.array([[5.0, 1.0, 1.0, 3.0], [1.0, 2.0, 3.0, 4.0]])
    grid = (np.arange(400) + 0.5) / 400
    u = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    for row in (0, 1):
        chosen = credits._without_return(weight, np.full(len(u), row), u)
        w = weight[row] / weight[row].sum()
        expected = np.array([[0 if i == j else w[i] * w[j] / (1 - w[i]) for j in range(4)] for i in range(4)])
        found = np.zeros((4, 4))
        np.add.at(found, tuple(chosen.T), 1 / len(u))
        np.testing.assert_allclose(found, expected, atol=0.003)  # a grid of 400: at most one line of it is wrong per piece
        alone = credits._without_return(weight, np.full(400, row), grid[:, None])[:, 0]
        np.testing.assert_allclose(np.bincount(alone, minlength=4) / 400, w, atol=0.003)


def test_films_choose_by_twice_kappa_times_the_cosine_and_by_popularity():
    y, _, truth = made(homophily=0.8)
    person = truth["person"]
    profile, unit = profiles(), y / np.linalg.norm(y, axis=1, keepdims=True)
    rank = np.arange(1, SIZE + 1)
    for slot, r in enumerate(SLOT_ROLE):
        if slot in SECOND_SLOTS:
            continue  # the first is gone then: see the exact test above
        films = np.flatnonzero(person[:, slot] >= 0)[:150]
        cosine = unit[films] @ profile[r * SIZE : (r + 1) * SIZE].T
        weight = np.exp(2 * 0.8 * ROLES[r].kappa * cosine) * rank**-0.35
        p = weight / weight.sum(axis=1, keepdims=True)
        for value, found in (
            (cosine, cosine[np.arange(len(films)), person[films, slot] - r * SIZE]),
            (np.broadcast_to(np.log(rank), p.shape), np.log(person[films, slot] - r * SIZE + 1.0)),
        ):
            mean = (p * value).sum(axis=1)
            sd = np.sqrt(((p * value**2).sum(axis=1) - mean**2).sum())
            assert abs((found - mean).sum()) < 4 * sd, (ROLES[r].name, slot)


def test_suits_is_the_cosine_of_person_and_film():
    y, _, truth = made()
    profile = profiles()
    for i in range(40):
        for slot in range(7):
            who = truth["person"][i, slot]
            expected = 0.0 if who < 0 else profile[who] @ y[i] / np.sqrt(y[i].sum())
            assert truth["suits"][i, slot] == pytest.approx(expected, abs=1e-6)
    mean = [truth["suits"][truth["person"][:, slot] >= 0, slot].mean() for slot in range(7)]
    assert mean[1] > mean[0] > mean[5] > mean[6]  # by kappa: writer 3, director 2.5, cinematographer 1.2, art director 0.6


def test_shares_of_missing_and_second_people():
    there = made()[2]["person"] >= 0
    for n, role in enumerate(ROLES):
        mine = there[:, n == SLOT_ROLE]
        assert 1 - mine[:, 0].mean() == pytest.approx(role.missing, abs=4 * np.sqrt(0.25 / FILMS))
        if role.slots == 2:
            assert mine[mine[:, 0], 1].mean() == pytest.approx(0.5, abs=0.05)
            assert not mine[~mine[:, 0], 1].any()
    person = made()[2]["person"]
    for slot in SECOND_SLOTS:
        both = person[:, slot] >= 0
        assert (person[both, slot] != person[both, slot - 1]).all()


def test_the_column_says_what_the_truth_counts():
    _, column, truth = made()
    assert column.type == pa.list_(pa.struct([("role", pa.string()), ("name", pa.string())]))
    name_of = {}
    for row, person in zip(column.to_pylist(), truth["person"], strict=True):
        assert [entry["role"] for entry in row] == [ROLES[r].name for r, who in zip(SLOT_ROLE, person, strict=True) if who >= 0]
        for entry, who in zip(row, person[person >= 0], strict=True):
            assert name_of.setdefault(who, entry["name"]) == entry["name"]
            assert who // SIZE == [role.name for role in ROLES].index(entry["role"])
    assert len(set(name_of.values())) == len(name_of) > 5000


def test_names_are_two_pronounceable_words_and_all_different():
    names = credits._names(60_000, 3)
    assert len(set(names)) == 60_000
    assert pc.all(pc.match_substring_regex(pa.array(names), "^([A-Z][a-z]+ ?){2}$")).as_py()
    assert not pc.any(pc.match_substring_regex(pa.array(names), "(?i)[aeiou]{2}|[^aeiou ]{4}")).as_py()


# --- what films share ---------------------------------------------------------------------------------------------------


def test_films_that_share_a_person_share_genres():
    y, column, _ = made()
    edges = credits.graph(column)
    assert 2 * len(edges) / FILMS == pytest.approx(9.8, abs=1.0)
    assert agreement(y, *edges.T) == pytest.approx(0.266, abs=0.01)
    assert agreement(y, *strangers()) == pytest.approx(0.158, abs=0.005)


def test_without_homophily_they_share_no_more_than_strangers():
    y, column, truth = made(null="no_homophily")
    edges = credits.graph(column)
    assert len(edges) > 8000
    assert agreement(y, *edges.T) == pytest.approx(agreement(y, *strangers()), abs=0.01)
    np.testing.assert_array_equal(truth["person"] >= 0, made()[2]["person"] >= 0)  # who is missing does not depend on it


def test_a_larger_pool_and_flat_popularity_make_fewer_edges():
    usual, wide, even = (len(credits.graph(made(**knobs)[1])) for knobs in ({}, {"pool": 1.4}, {"popularity": 0.0}))
    assert wide < 0.7 * usual
    assert even < 0.95 * usual


CREDITS = [
    [("director", "Ada"), ("writer", "Ada"), ("writer", "Bo")],
    [("director", "Cy")],
    [],
    [("producer", "Bo"), ("art director", "Cy")],
    [("writer", "Bo"), ("director", "Ada")],
]


def hand_made():
    rows = [[{"role": role, "name": name} for role, name in film] for film in CREDITS]
    return pa.array(rows, pa.list_(pa.struct([("role", pa.string()), ("name", pa.string())])))


def by_hand(films):
    names = [{name for _, name in film} for film in films]
    return [[a, b] for a, b in combinations(range(len(films)), 2) if names[a] & names[b]]


def test_graph_is_every_pair_that_shares_a_name():
    column = hand_made()
    assert credits.graph(column).tolist() == by_hand(CREDITS) == [[0, 3], [0, 4], [1, 3], [3, 4]]
    assert credits.graph(pa.chunked_array([column[:2], column[2:]])).tolist() == by_hand(CREDITS)
    assert credits.graph(column[1:]).tolist() == by_hand(CREDITS[1:])
    assert credits.graph(column[1:3]).shape == (0, 2)
    drawn = made(films=150, pool=0.2)[1]
    films = [[(entry["role"], entry["name"]) for entry in row] for row in drawn.to_pylist()]
    assert credits.graph(drawn).tolist() == by_hand(films)
    assert len(by_hand(films)) > 500


# --- same arguments, same bytes -----------------------------------------------------------------------------------------


def test_same_arguments_same_people_in_chunks_of_any_size(monkeypatch):
    y, column, truth = made(films=300)
    knobs = settle("mmimdb", 1, None, {"noise": 1.0, "poster_dim": 64, "scenes": 4})
    monkeypatch.setattr(credits, "AT_ONCE", 5000)
    again, same = credits.people(y, knobs, 1)
    assert again.equals(column)
    for name, values in truth.items():
        np.testing.assert_array_equal(same[name], values)
    other, _ = credits.people(y, knobs, 2)
    assert not other.equals(column)


def test_a_handful_of_films_has_people_too():
    _, column, truth = made(films=2, view="moviescope", pool=0.05)
    assert truth["person"].shape == (2, 7)
    assert len(column) == 2
    assert truth["person"].max() < 5 * credits.FEWEST

"""Plots of the movies world: their words say what the evidence says, and the mean vectors are those of the words."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from mmkit.schema import matrix
from mmkit.worlds import movies
from mmkit.worlds.movies import genres, plots

FILMS = 800


@cache
def world(view="mmimdb", seed=1, null=None, films=FILMS, show=("plot", "plot_vector"), **changes):
    return movies.make(view, films, seed, null, show, **changes).records


def words_of(split):
    return [plot.lower().replace(".", "").split() for plot in split.table["plot"].to_pylist()]


def truth(split, name):
    return matrix(split.truth[name])


def kinds(seed=1):
    """word -> the genres in whose lexicon it is."""
    known = plots.vocabulary(seed)
    owners = {}
    for g, row in enumerate(known.lexicon):
        for n in row:
            owners.setdefault(known.words[n], set()).add(g)
    return owners


def test_plot_vectors_are_the_means_of_the_words_that_one_can_read():
    words, table = movies.word_table(1)
    place = {word: n for n, word in enumerate(words)}
    assert len(place) == len(words) == len(table)  # no spelling twice
    assert table.dtype == np.float32
    assert table.shape[1] == 300
    split = world()
    by_hand = np.array([table[[place[word] for word in plot]].mean(axis=0) for plot in words_of(split)])
    np.testing.assert_allclose(matrix(split.table["plot_vector"]), by_hand, atol=1e-5)


def test_lengths_follow_their_law():
    lengths = np.array([len(plot) for plot in words_of(world(films=2500, show=("plot",)))])
    assert lengths.min() >= 8
    assert lengths.max() <= 400
    assert lengths.mean() == pytest.approx(92.5, abs=3)
    assert lengths.std() == pytest.approx(np.sqrt(92.5 + 92.5**2 / 4), abs=4)
    short = np.array([len(plot) for plot in words_of(world(words_mean=24.0))])
    assert short.mean() == pytest.approx(24, abs=1.5)


def test_sentences_have_eight_to_sixteen_words_a_capital_and_a_full_stop():
    for plot in world().table["plot"].to_pylist():
        assert plot.endswith(".")
        sentences = plot[:-1].split(". ")
        assert all(8 <= len(s.split()) <= 16 for s in sentences[:-1])
        assert 1 <= len(sentences[-1].split()) <= 16
        assert all(s[0].isupper() and s[1:] == s[1:].lower() for s in sentences)


@pytest.mark.parametrize("view", movies.VIEWS)
def test_a_film_says_a_genres_words_as_often_as_the_evidence_says(view):
    split, owners = world(view), kinds()
    at = [list(genres.COUNTS).index(name) for name in genres.names(view)]
    shown = (truth(split, "genuine") + truth(split, "decoy")).reshape(FILMS, 5, -1)[:, 0]
    for plot, units in zip(words_of(split), shown, strict=True):
        said = [owners[word] for word in plot if word in owners]
        allowed = Counter({at[g]: n for g, n in enumerate(units) if n})
        assert len(said) == units.sum()
        assert all(owner & set(allowed) for owner in said)
        for g in allowed:
            assert sum(owner == {g} for owner in said) <= allowed[g]  # a word of one genre alone is a unit of it
            assert sum(g in owner for owner in said) >= allowed[g]


def test_a_fifth_of_each_lexicon_is_also_a_neighbours_and_words_follow_zipf():
    known = plots.vocabulary(1)
    assert known.lexicon.shape == (23, 60)
    owners, a = kinds(), genres.loadings()
    place, near = np.arange(60) % 5 == 4, np.empty(23, dtype=int)
    for g, row in enumerate(known.lexicon):
        cosine = a @ a[g] / np.linalg.norm(a, axis=1)
        cosine[g] = -1
        near[g] = cosine.argmax()
        assert len(set(row)) == 60
        assert all(near[g] in owners[known.words[n]] for n in row[place])
    for g, other in zip(*np.nonzero(near[:, None] == near), strict=True):  # who has the same neighbour borrows other words
        assert g == other or set(known.lexicon[g, place]) != set(known.lexicon[other, place])
    lone = next(g for g in range(13) if g not in near)  # its own words are its units: nobody borrows them
    assert all(owners[known.words[n]] == {lone} for n in known.lexicon[lone, ~place])
    counts = Counter(word for plot in words_of(world(films=2500, show=("plot",))) for word in plot)
    seen = np.array([counts[known.words[n]] for n in known.lexicon[lone]])[~place]
    expected = 1 / np.arange(1, 61)[~place]
    assert np.corrcoef(seen, expected)[0, 1] > 0.97
    assert seen[0] / seen.sum() == pytest.approx(expected[0] / expected.sum(), rel=0.15)


def test_words_of_a_genre_point_to_its_centroid_and_shared_ones_to_both():
    words, table = movies.word_table(1)
    known, owners = plots.vocabulary(1), kinds()
    centroid = np.array([table[[n for n in row if len(owners[words[n]]) == 1]].mean(axis=0) for row in known.lexicon])
    centroid /= np.linalg.norm(centroid, axis=1, keepdims=True)
    cosine = table[: known.filler] @ centroid.T / np.linalg.norm(table[: known.filler], axis=1, keepdims=True)
    mine = np.array([[g in owners[word] for g in range(23)] for word in words[: known.filler]])
    alone = mine.sum(axis=1) == 1
    assert mine[np.arange(known.filler), cosine.argmax(axis=1)].all()  # every word is nearest to one of its genres
    assert cosine[alone][mine[alone]].mean() > 0.7
    pairs = cosine[mine.sum(axis=1) == 2][mine[mine.sum(axis=1) == 2]].reshape(-1, 2)
    np.testing.assert_allclose(pairs.mean(axis=0), 0.5 / np.sqrt(0.5 + 0.8**2), atol=0.04)  # both genres, each half
    assert np.abs(cosine[~mine]).mean() < 0.06
    vague = table[known.vague :]
    assert np.corrcoef(vague).mean() > 0.6
    filler = table[known.filler : known.vague]
    same = (np.arange(len(filler))[:, None] - np.arange(len(filler))) % 40 == 0
    near = np.corrcoef(filler)
    assert near[same & ~np.eye(len(filler), dtype=bool)].mean() == pytest.approx(0.7**2 / (0.7**2 + 1), abs=0.04)
    assert abs(near[~same].mean()) < 0.03
    assert table.std() == pytest.approx(0.2, abs=0.08)


def vague_share(split):
    """The share of vague words among those that are no unit of evidence."""
    owners, vague = kinds(), set(plots.VAGUE)
    rest = [[word for word in plot if word not in owners] for plot in words_of(split)]
    return np.array([sum(word in vague for word in plot) for plot in rest]), np.array([len(plot) for plot in rest])


def test_the_less_a_plot_can_be_relied_on_the_vaguer_it_is():
    assert len(set(plots.VAGUE)) == 40
    split = world(films=2500, show=("plot",))
    vague, rest = vague_share(split)
    expected = 0.25 * (1 - truth(split, "cue")[:, 0])
    z = (vague - rest * expected) / np.sqrt(rest * expected * (1 - expected))
    assert z.mean() == pytest.approx(0, abs=0.08)
    assert z.var() == pytest.approx(1, abs=0.1)
    hidden = world(films=2500, show=("plot",), null="hidden")
    v, r = vague_share(hidden)
    assert abs(np.corrcoef(v / r, truth(hidden, "reliability")[:, 0])[0, 1]) < 0.06
    assert np.corrcoef(v / r, truth(hidden, "cue")[:, 0])[0, 1] < -0.6


def test_filler_keeps_to_the_films_topics_and_order_says_nothing():
    known, split = plots.vocabulary(1), world(films=2500, show=("plot",))
    place = {word: n for n, word in enumerate(known.words)}
    numbers = [np.array([place[word] for word in plot]) for plot in words_of(split)]
    topics = [(plot[(plot >= known.filler) & (plot < known.vague)] - known.filler) % 40 for plot in numbers]
    meet = np.mean([np.mean(t[1:] == t[:-1]) for t in topics if len(t) > 2])
    strangers = np.mean([np.mean(a[: len(b)] == b[: len(a)]) for a, b in pairwise(topics)])
    assert meet > strangers + 0.005  # a sum of squares of Dirichlet(0.5) shares over 40 topics is 1.5 / 21
    counts = np.bincount(np.concatenate(numbers), minlength=len(known.words))[known.filler : known.vague]
    assert np.corrcoef(np.log(counts[:400]), -np.log(np.arange(1, 401)))[0, 1] > 0.97  # Zipf
    where = np.concatenate([np.flatnonzero(plot < known.filler) / len(plot) for plot in numbers if len(plot) > 40])
    assert where.mean() == pytest.approx(0.5, abs=0.02)
    assert where.var() == pytest.approx(1 / 12, abs=0.005)


def test_the_words_depend_on_the_seed_alone():
    assert movies.word_table(1)[0] == movies.word_table(1, text_dim=16)[0] != movies.word_table(2)[0]
    assert movies.word_table(1, text_dim=16)[1].shape[1] == 16
    assert (movies.word_table(1)[1] != movies.word_table(2)[1]).any()
    assert len(movies.word_table(3)[0]) == 23 * 48 + 1500 + 40

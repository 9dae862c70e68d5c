"""Reliability and units of evidence of the movies world, against the formulas written out film by film."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from mmkit.worlds.bounds import rng
from mmkit.worlds.movies import evidence, genres, plots
from mmkit.worlds.movies.evidence import MODALITIES, SUITS
from mmkit.worlds.movies.knobs import NULLS, settle

FILMS, MANY = 2000, 12_000


@cache
def drawn(view="mmimdb", seed=1, null=None, films=FILMS, **changes):
    knobs = settle(view, seed, null, changes)
    y = genres.draw(view, films, seed)
    return evidence.draw(y, knobs, seed, evidence.units(plots.lengths(films, knobs, seed), seed))


def prevalence():
    return genres.counts("mmimdb") / genres.counts("mmimdb").sum()


# --- reliability ------------------------------------------------------------------------------------------------------


def test_reliability_is_the_published_formula():
    e = drawn()
    logit = np.log(e.reliability / (1 - e.reliability))
    noise = rng(1, "reliability").standard_normal((FILMS, 5))
    names = genres.names("mmimdb")
    suits = np.zeros((FILMS, 5))
    for i in range(FILMS):
        mine = [names[g] for g in np.flatnonzero(e.genres[i])]
        for m, modality in enumerate(MODALITIES):
            suits[i, m] = sum(SUITS[modality].get(name, 0) for name in mine) / len(mine) ** 0.5
    expected = [1.2, 0.2, -1.2, -0.1, -0.5] + suits - suits.mean(axis=0) + 1.3 * noise
    np.testing.assert_allclose(logit, expected, rtol=0, atol=1e-9)


def test_mean_reliability_is_as_designed_and_audio_suits_musicals():
    r = drawn(films=MANY).reliability
    np.testing.assert_allclose(r.mean(axis=0), [0.71, 0.54, 0.29, 0.48, 0.41], atol=0.01)
    names, y = genres.names("mmimdb"), drawn(films=MANY).genres
    for modality, genre in (
        ("audio", "Musical"),
        ("audio", "Horror"),
        ("video", "Animation"),
        ("poster", "Western"),
        ("metadata", "Short"),
    ):
        m, g = MODALITIES.index(modality), names.index(genre)
        assert r[y[:, g], m].mean() - r[~y[:, g], m].mean() > 0.05, (modality, genre)


def test_flat_gives_each_film_the_mean():
    main, flat = drawn(), drawn(null="flat")
    np.testing.assert_allclose(flat.reliability, np.broadcast_to(main.reliability.mean(axis=0), (FILMS, 5)))
    assert (flat.cue == flat.reliability).all()
    assert main.reliability.std(axis=0).min() > 0.15


def test_even_gives_the_modalities_one_level_and_keeps_the_rest():
    logit = {null: np.log(drawn(null=null).reliability / (1 - drawn(null=null).reliability)) for null in (None, "even")}
    moved = logit["even"] - logit[None]  # -0.08 is the mean of the five levels
    np.testing.assert_allclose(moved, np.broadcast_to(-0.08 - np.array([1.2, 0.2, -1.2, -0.1, -0.5]), moved.shape), atol=1e-9)


def test_the_cue_is_the_reliability_or_that_of_another_film():
    main, hidden = drawn(), drawn(null="hidden")
    assert (main.cue == main.reliability).all()
    for name in ("reliability", "genuine", "decoy", "blank"):
        assert (getattr(main, name) == getattr(hidden, name)).all(), name
    order, back = np.lexsort(hidden.cue.T), np.lexsort(hidden.reliability.T)
    assert (hidden.cue[order] == hidden.reliability[back]).all()  # the same five values together, in other films
    assert (hidden.cue == hidden.reliability).all(axis=1).mean() < 0.01
    for m in range(5):
        assert abs(np.corrcoef(hidden.cue[:, m], hidden.reliability[:, m])[0, 1]) < 0.05


# --- units ------------------------------------------------------------------------------------------------------------


def test_units_add_up_and_stand_where_they_may():
    for view in ("mmimdb", "moviescope"):
        e = drawn(view)
        length = plots.lengths(FILMS, settle(view, 1, None, {}), 1)
        wanted = evidence.units(length, 1)
        assert (e.genuine.sum(axis=2) + e.decoy.sum(axis=2) + e.blank == wanted).all()
        assert (e.blank >= 0).all()
        assert not (e.genuine * ~e.genres[:, None]).any()
        assert not (e.decoy * e.genres[:, None]).any()
        assert (e.decoy > 0).sum(axis=2).max() == 2
        assert (wanted[:, 1:] == [12, 12, 8, 13]).all()
        assert (wanted[:, 0] >= 1).all()
        assert wanted[:, 0].sum() / length.sum() == pytest.approx(0.1, abs=0.003)


def test_a_unit_is_genuine_with_the_films_own_reliability_and_else_mostly_a_decoy():
    e = drawn(films=MANY)
    total = e.genuine.sum(axis=2) + e.decoy.sum(axis=2) + e.blank
    genuine = e.genuine.sum(axis=2)
    z = (genuine - total * e.reliability) / np.sqrt(total * e.reliability * (1 - e.reliability))
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(z.var(axis=0), 1, atol=0.05)  # binomial, unit by unit
    lost = (total - genuine).sum(axis=0)
    np.testing.assert_allclose(e.decoy.sum(axis=(0, 2)) / lost, 0.7, atol=0.01)


def test_rarer_genres_of_a_film_are_shown_more():
    e, names = drawn(films=MANY), genres.names("mmimdb")
    drama, crime = names.index("Drama"), names.index("Crime")
    both = e.genres[:, drama] & e.genres[:, crime] & (e.genres.sum(axis=1) == 2)
    counts = e.genuine[both].sum(axis=(0, 1))
    weight = np.array([13967.0, 3838.0]) ** -0.5
    assert both.sum() > 100
    assert counts[crime] / counts[[drama, crime]].sum() == pytest.approx(weight[1] / weight.sum(), abs=0.03)


def test_decoys_are_drawn_by_prevalence_for_each_modality_anew():
    e = drawn(films=MANY)
    alone = (e.decoy > 0).any(axis=1)  # any modality
    assert alone.sum(axis=1).mean() > 4  # two for each modality, not two for the film
    film = (e.genres.sum(axis=1) == 1) & e.genres[:, genres.names("mmimdb").index("Drama")]
    p = prevalence() * (np.arange(23) > 0)
    p /= p.sum()
    inclusion = p + np.array([sum(p[other] * p[g] / (1 - p[other]) for other in range(23) if other != g) for g in range(23)])
    seen = (e.decoy[film, 2] > 0).mean(axis=0)  # audio: so unreliable that nearly every decoy genre shows
    np.testing.assert_allclose(seen / seen.sum(), inclusion / inclusion.sum(), atol=0.02)


def test_clean_turns_decoys_into_blanks_and_moves_nothing_else():
    main, clean = drawn(), drawn(null="clean")
    assert (clean.genuine == main.genuine).all()
    assert not clean.decoy.any()
    assert (clean.blank == main.blank + main.decoy.sum(axis=2)).all()


def test_modalities_are_independent_streams_of_one_seed():
    short = drawn(words_mean=30.0)
    for m in range(1, 5):  # a shorter text moves the text alone
        assert (short.genuine[:, m] == drawn().genuine[:, m]).all()
        assert (short.decoy[:, m] == drawn().decoy[:, m]).all()
    assert (short.genuine[:, 0] != drawn().genuine[:, 0]).any()
    assert (drawn(seed=2).reliability != drawn().reliability).any()


def test_each_null_changes_one_knob():
    default = settle("mmimdb", 0, None, {})
    for null, change in NULLS.items():
        knobs = settle("mmimdb", 0, null, {})
        moved = [name for name in vars(default) if getattr(default, name) != getattr(knobs, name)]
        assert moved == list(change)
        assert len(moved) == 1
    assert set(NULLS) == {"flat", "even", "hidden", "shuffled_scenes", "no_homophily", "equal_meta_scale", "clean"}


def test_a_film_with_all_genres_has_blanks_instead_of_decoys():
    y = np.ones((60, 13), dtype=bool)
    y[:30, 0] = False
    e = evidence.draw(y, settle("moviescope", 0, None, {}), 0, np.full((60, 5), 20))
    assert not e.decoy[30:].any()
    assert e.decoy[:30, :, 0].any()
    assert (e.decoy[:30].sum(axis=2) + e.genuine[:30].sum(axis=2) + e.blank[:30] == 20).all()

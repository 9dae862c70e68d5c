"""The movies world as a data set: same bytes, columns that leave each other alone, null controls, settings, and the oracle."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from mmkit.errors import SettingsError
from mmkit.schema import matrix, steps
from mmkit.worlds import movies
from mmkit.worlds.movies import SHOWN, VIEWS, genres

SMALL = {"picture": (32, 20), "video_steps": 16, "audio_steps": 16, "scenes": 8, "words_mean": 30.0}


@cache
def small(view="moviescope", seed=1, null=None, show=SHOWN, films=120, **changes):
    return movies.make(view, films, seed, null, show, **{**SMALL, **changes})


@cache
def large(null=None, films=3000):
    return movies.make("mmimdb", films, 1, null, "metadata").records


def fingerprint(data):
    sink = pa.BufferOutputStream()
    for part in (data.records.table, data.records.truth):
        with pa.ipc.new_stream(sink, part.schema) as stream:
            stream.write_table(part)
    return hashlib.sha256(sink.getvalue()).hexdigest()


# --- same arguments, same bytes ---------------------------------------------------------------------------------------

TELL = "from tests.worlds.movies.test_world import *\nfor v in VIEWS: print(fingerprint(small(v)))"


def test_same_bytes_in_any_process():
    here = [fingerprint(small(view)) for view in VIEWS]
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    there = subprocess.run([sys.executable, "-c", TELL], env=environment, capture_output=True, text=True, check=True)
    assert there.stdout.split() == here


@pytest.mark.parametrize("shown", SHOWN)
def test_no_column_depends_on_which_others_are_shown(shown):
    alone, everything = small(show=(shown,)).records, small().records
    assert alone.table.equals(everything.table.select(["id", shown, "genres", "part"]))
    for name in alone.truth.column_names:
        assert alone.truth[name].equals(everything.truth[name]), name


def test_another_seed_view_knob_or_choice_gives_other_records_and_another_name():
    made = [
        small(),
        small(seed=2),
        small("mmimdb"),
        small(null="flat"),
        small(null="hidden"),
        small(decoys=0.5),
        small(films=121),
    ]
    made += [small(show=("plot", "video")), small(text_dim=64)]
    assert len({fingerprint(data) for data in made}) == len({data.fingerprint for data in made}) == len(made)


# --- the data set -----------------------------------------------------------------------------------------------------


def test_the_default_views_show_what_their_papers_use():
    imdb, scope = movies.make("mmimdb", 60, 0), movies.make("moviescope", 60, 0)
    assert imdb.records.table.column_names == ["id", "plot_vector", "poster_vector", "genres", "part"]
    assert scope.records.table.column_names == ["id", "plot", "poster_vector", "video", "audio", "metadata", "genres", "part"]
    assert imdb.schema.classes == genres.names("mmimdb")
    assert (len(imdb.schema.classes), len(scope.schema.classes)) == (23, 13)
    assert imdb.schema["plot_vector"].shape == (300,)
    assert imdb.schema["poster_vector"].shape == (512,)
    assert scope.schema["metadata"].shape == (38,)
    assert [np.diff(steps(scope.records.table[name])[1]).tolist() for name in ("video", "audio")] == [[48] * 60] * 2
    assert (scope.schema["video"].shape, scope.schema["audio"].shape) == ((64,), (24,))
    assert imdb.schema.task == "multilabel"
    assert imdb.counts == {"films": 60}


def test_everything_can_be_shown_in_the_asked_sizes():
    data = small(poster_dim=32, text_dim=16, video_dim=10, audio_dim=9)
    assert data.records.table.column_names == ["id", *SHOWN, "genres", "part"]
    row = data.records[3]
    assert row["id"] == "0000003"
    assert (len(row["plot_vector"]), len(row["poster_vector"])) == (16, 32)
    assert len(row["poster"]) == 3 * 32 * 20
    assert data.schema["poster"].shape == (3, 32, 20)
    assert np.shape(row["video"]) == (16, 10)
    assert np.shape(row["audio"]) == (16, 9)
    assert {person["role"] for film in data.records.table["credits"].to_pylist() for person in film} >= {"director", "writer"}
    train, valid, test = data.official()
    assert len(train) + len(valid) + len(test) == 120
    assert len(train) > len(test) > len(valid)


def test_the_truth_of_a_film_stays_with_it():
    truth = small().records.truth
    assert truth.num_rows == 120
    assert truth.column_names[:7] == ["reliability", "cue", "genuine", "decoy", "blank", "told", "oracle"]
    assert {"video_scene", "audio_scene", "video_event_scenes", "audio_event_scenes", "realised", "person"} <= set(
        truth.column_names
    )
    genuine = matrix(truth["genuine"]).reshape(120, 5, 13)
    assert not (genuine * (small().labels == 0)[:, None]).any()
    assert "video_scene" not in small(show=("plot",)).records.truth.column_names


def test_a_single_name_is_a_choice_too_and_order_does_not_matter():
    assert small(show="plot").fingerprint == small(show=("plot",)).fingerprint
    assert small(show=("video", "plot")).records.table.equals(small(show=("plot", "video")).records.table)


# --- null controls: what stays ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("null", "moves"),
    [
        ("flat", {"plot", "plot_vector", "poster", "poster_vector", "video", "audio", "metadata"}),
        ("even", {"plot", "plot_vector", "poster", "poster_vector", "video", "audio", "metadata"}),
        ("hidden", {"plot", "plot_vector", "poster", "poster_vector", "video", "audio", "metadata"}),
        ("clean", {"plot", "plot_vector", "poster", "poster_vector", "video", "audio", "metadata"}),
        ("shuffled_scenes", {"audio"}),
        ("no_homophily", {"credits"}),
        ("equal_meta_scale", {"metadata"}),
    ],
)
def test_a_null_control_moves_nothing_but_what_it_is_about(null, moves):
    main, other = small().records.table, small(null=null).records.table
    assert {name for name in main.column_names if not main[name].equals(other[name])} == moves


# --- the oracle -------------------------------------------------------------------------------------------------------


def test_what_units_tell_is_bayes_rule_for_each_genre():
    from scipy.stats import binom  # here and below, because the process of the first test imports this file, too

    split = large(films=400)
    y, g = matrix(split.table["genres"]).astype(bool), split.truth
    r, told = matrix(g["reliability"]).astype(float), matrix(g["told"]).reshape(-1, 5, 23)
    n = (matrix(g["genuine"]) + matrix(g["decoy"])).reshape(-1, 5, 23)
    total = n.sum(axis=2) + matrix(g["blank"])
    weight = genres.counts("mmimdb") ** -0.5
    p = genres.counts("mmimdb") / genres.counts("mmimdb").sum()
    for film, m, genre in [(0, 0, 0), (1, 3, 5), (2, 2, 22), (7, 1, 1), (40, 4, 9), (3, 0, 16)]:
        k, size, rely = n[film, m, genre], total[film, m], r[film, m]
        present = 0.0
        for labels in (1, 2, 3, 4):
            with_it = [row for row in y if row[genre] and min(row.sum(), 4) == labels]
            if with_it:
                share = np.mean([weight[genre] / weight[row].sum() for row in with_it])
                present += len(with_it) / y[:, genre].sum() * binom.pmf(k, size, rely * share)
        chance = []
        for row in y[~y[:, genre]]:
            q = np.where(row, 0, p)
            q /= q.sum()
            others = np.flatnonzero(~row & (np.arange(23) != genre))
            chance.append(q[genre] + sum(q[o] * q[genre] / (1 - q[o]) for o in others))
        d = np.mean(chance)
        absent = d * binom.pmf(k, size, (1 - rely) * 0.35) + (1 - d) * (k == 0)
        assert told[film, m, genre] == pytest.approx(np.log(present / absent), rel=1e-3, abs=1e-4)


def test_the_oracle_adds_up_and_is_the_best_that_units_allow():
    from sklearn.metrics import average_precision_score

    split = large()
    y = matrix(split.table["genres"])
    told, oracle = matrix(split.truth["told"]).reshape(-1, 5, 23), matrix(split.truth["oracle"])
    prior = oracle - told.sum(axis=1)
    base = np.log(y.mean(axis=0) / (1 - y.mean(axis=0)))
    np.testing.assert_allclose(prior, np.broadcast_to(base, prior.shape), atol=0.05)
    score = {m: average_precision_score(y, base + told[:, n], average="micro") for n, m in enumerate(movies.MODALITIES)}
    score["all"] = average_precision_score(y, oracle, average="micro")
    assert score["all"] > 0.95
    assert max(score[m] for m in movies.MODALITIES) < score["all"] - 0.08
    assert min(score, key=score.get) == "audio"  # the least reliable one
    assert abs(oracle).max() < 120
    calibrated = 1 / (1 + np.exp(-oracle))
    assert calibrated.mean() == pytest.approx(y.mean(), abs=0.02)


def test_without_decoys_one_unit_proves_its_genre():
    split = large("clean")
    truth, y = split.truth, matrix(split.table["genres"])
    told, genuine = (matrix(truth[name]).reshape(-1, 5, 23) for name in ("told", "genuine"))
    assert (told[genuine > 0] == 20).all()
    assert (told[genuine == 0] <= 0).all()
    assert y[(told == 20).any(axis=1)].all()


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "changes", "message"),
    [
        (("mmimbd", 100, 0), {}, "no view 'mmimbd'; did you mean 'mmimdb'"),
        (("mmimdb", 100, 0, "hiden"), {}, "no null control 'hiden'; did you mean 'hidden'"),
        (
            ("mmimdb", 100, 0),
            {"decoy": 0.1, "sceens": 4},
            "no knob 'decoy'; did you mean 'decoys'.*no knob 'sceens'; did you mean 'scenes'",
        ),
        (("mmimdb", 100, 0), {"decoys": 1.5, "bound": -0.1}, "bound = -0.1, expected a number between 0 and 1; decoys = 1.5"),
        (("mmimdb", 100, 0), {"noise": float("nan")}, "noise = nan, expected a number"),
        (("mmimdb", 100, 0), {"homophily": "strong"}, "homophily = 'strong', expected a number between 0 and 10"),
        (("mmimdb", 100, 0), {"text_dim": 7}, "text_dim = 7, expected a whole number between 8 and 4096"),
        (("mmimdb", 100, 0), {"bound_genres": 2.0}, "bound_genres = 2.0, expected a whole number between 1 and 4"),
        (
            ("mmimdb", 100, 0),
            {"metadata_scale": "lgo"},
            "metadata_scale = 'lgo', expected one of raw, log, standard; did you mean 'log'",
        ),
        (
            ("mmimdb", 100, 0),
            {"reliability": 1, "cue": "unseen"},
            "reliability = 1, expected one of varied, flat, even; cue = 'unseen'",
        ),
        (("mmimdb", 100, 0), {"aligned": 1}, "aligned = 1, expected True or False"),
        (("mmimdb", 100, 0), {"picture": (64, 8)}, r"picture = \(64, 8\), expected \(height, width\) in pixels"),
        (("mmimdb", 100, 0), {"picture": 64}, "picture = 64, expected"),
        (("mmimdb", 100, 0), {"video_steps": 8}, "video_steps = 8, expected a step for each of 12 scenes"),
        (("mmimdb", 100, -1), {}, "seed = -1, expected a whole number of at least 0"),
        (("mmimdb", 49, 0), {}, "films = 49, expected a whole number of at least 50"),
        (("mmimdb", 1e3, 0), {}, "films = 1000.0, expected a whole number"),
        (
            ("mmimdb", 100, 0, None, ("plott", "posters")),
            {},
            "no modality 'plott'; did you mean 'plot'.*'posters'; did you mean 'poster'",
        ),
        (("mmimdb", 100, 0, None, ()), {}, r"show = \(\), expected at least one of plot, plot_vector"),
    ],
)
def test_impossible_settings_are_refused(arguments, changes, message):
    with pytest.raises(SettingsError, match=message):
        movies.make(*arguments, **changes)


def test_settings_read_from_a_file_are_as_good():
    assert (
        small(show=("poster",)).fingerprint
        == movies.make("moviescope", 120, 1, show=["poster"], **{**SMALL, "picture": [32, 20]}).fingerprint
    )


def test_the_word_table_refuses_what_the_world_refuses():
    with pytest.raises(SettingsError, match="no knob 'textdim'; did you mean 'text_dim'"):
        movies.word_table(0, textdim=3)

"""Trials of PM+MO: worlds by name, what each method is given, scores against slower computations, repeatability."""

from itertools import chain

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from mmkit import papers
from mmkit.errors import SettingsError
from mmkit.fit import one_thread
from mmkit.models.pmmo import METHODS
from mmkit.schema import Dataset, Modality, MultimodalSchema, Split, matrix
from mmkit.study.settings import resolve
from mmkit.trials import Result, Trial, films, frozen, pmmo
from mmkit.trials.pmmo import REFERENCES, across, build, run, world
from mmkit.worlds import movies

PAPER = papers.find("01")


def settings(**changed):
    tiny = {"world_records": 200, "world_text_dim": 8, "world_poster_dim": 16, "hidden_dim": 12, "narrow_dim": 8, "epochs": 1}
    return {name: s.value for name, s in resolve(PAPER, "smoke", "world", {**tiny, **changed}).items()}


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread():
        yield


def trial(method, world="main", seed=0):
    return Trial("mmimdb", world, seed, method)


def values(result, split="test"):
    return {metric: value for part, metric, value in result.rows if part == split}


def parts(world="main"):
    return pmmo._parts("mmimdb", world, 0, frozen(settings()), None, "", "")


@pytest.mark.parametrize("method", [*METHODS, *REFERENCES])
def test_every_method_runs_and_is_scored_as_scikit_learn_would(method):
    result = run(trial(method), settings(), device="cpu")
    got, y = values(result), films.labels(parts()[2])
    p = result.arrays["probability"].astype(float)
    guess = p >= result.arrays["threshold"][0]
    for average in ("micro", "macro", "weighted", "samples"):
        assert got[f"f1_{average}"] == pytest.approx(f1_score(y, guess, average=average, zero_division=0), abs=0.02)  # float16
    assert got["ap_micro"] == pytest.approx(average_precision_score(y, p, average="micro"), abs=0.02)
    trained = method not in REFERENCES
    assert (result.cost["parameters"] > 0) == trained == ("seconds_per_epoch" in result.cost)
    if trained:
        assert len(result.arrays["judged"]) == 1
        assert np.isfinite([got["ece"], got["rho_uncertainty"]]).all()
        assert ("epistemic" in result.arrays) == method.startswith("pmmo_")
        assert ("fusion_kl" in result.arrays) == method.startswith("pmmo_")


def test_the_oracle_sees_text_and_poster_alone():
    test = parts()[2]
    assert values(run(trial("oracle"), settings()))["ap_micro"] > 0.75
    told = films.truth(test, "told", 5, -1)
    prior = films.truth(test, "oracle", -1) - told.sum(axis=1)
    odds = prior + told[:, movies.MODALITIES.index("text")] + told[:, movies.MODALITIES.index("poster")]
    np.testing.assert_allclose(films.odds(test, [pmmo.TEXT, pmmo.POSTER]), 1 / (1 + np.exp(-odds)), rtol=1e-4)


def test_a_trial_is_repeatable_and_its_seed_matters():
    first, again = (run(trial("pmmo_lambda_l2", seed=1), settings(), device="cpu") for _ in range(2))
    assert first.rows == again.rows
    assert all(np.array_equal(first.arrays[name], again.arrays[name]) for name in first.arrays)
    assert values(run(trial("pmmo_lambda_l2", seed=2), settings(), device="cpu")) != values(first)


def test_worlds_by_name():
    def made(name):
        return world("mmimdb", name, 0, settings(world_records=60)).records.table

    assert made("null:few_units") == made("sweep:lambda=5.0") == made("main")
    assert made("null:hidden")["poster_vector"] != made("main")["poster_vector"]
    with pytest.raises(SettingsError, match="no world 'mian'"):
        made("mian")
    with pytest.raises(SettingsError, match="no null control 'fewunits'"):
        made("null:fewunits")


def test_a_worlds_name_reaches_the_model():
    sizes = (8, 16, 23)
    wide, few = (build("pmmo_lambda", settings(), sizes, 100, few=some) for some in (False, True))
    assert wide.readout.in_features == 12
    assert few.readout.in_features == settings()["few_units"]
    assert build("gmu", settings(), sizes, 100).classifier[-1].in_features == 8
    recipe = pmmo._recipe("pmmo_lambda", settings(), "sweep:lambda=5.0")
    assert recipe["lambda_kl"] == 5.0
    assert pmmo._recipe("pmmo_lambda", settings(), "main")["lambda_kl"] == 0.2
    assert pmmo._recipe("gmu_plain", settings(), "main")["max_norm"] is None
    assert pmmo._recipe("gmu", settings(), "main")["max_norm"] == 20.0


@pytest.mark.parametrize(
    ("method", "rate", "dropout"),
    [
        ("pmmo_v1", 0.5, 0.1),
        ("m_mo", 0.5, 0.1),
        ("as_released", 0.5, 0.1),
        ("gmu_wide", 0.5, 0.1),
        ("gmu", 0.25, 0.2),
        ("concat", 0.25, 0.2),
    ],
)
def test_rates_and_dropout_by_method(method, rate, dropout):
    s = settings(learning_rate=0.5, learning_rate_gmu=0.25, dropout=0.1, dropout_gmu=0.2)
    assert pmmo._recipe(method, s, "main")["learning_rate"] == rate
    model = build(method, s, (8, 16, 23), 100)
    assert {m.p for m in model.classifier.modules() if type(m).__name__ == "Dropout"} == {dropout}


def test_the_threshold_is_tuned_on_validation_films_or_the_releases():
    assert run(trial("pmmo_v1"), settings(threshold="released"), device="cpu").arrays["threshold"] == 0.3
    assert run(trial("gmu"), settings(threshold="released"), device="cpu").arrays["threshold"] == 0.5


def test_the_gate_is_compared_with_the_posters_reliability_above_the_texts():
    s = settings(epochs=15, world_records=1500, world_text_dim=32, world_poster_dim=64, narrow_dim=32)
    result = run(trial("gmu"), s, device="cpu")
    test = pmmo._parts("mmimdb", "main", 0, frozen(s), None, "", "")[2]
    r = films.truth(test, "reliability", 5)
    above = r[:, 3] - r[:, 0]  # text, video, audio, poster, metadata
    by_hand = np.corrcoef(*(np.argsort(np.argsort(v)) for v in (result.arrays["share"][:, 0].astype(float), above)))[0, 1]
    assert values(result)["rho_gate"] == pytest.approx(by_hand, abs=0.01)
    assert values(result)["rho_gate"] > 0.2  # it opens for the poster where the poster is the better one, not the other way round


def test_across_counts_genres_against_the_gmu_of_the_same_seed():
    def result(f1):
        return Result([], {}, {"f1_genre": np.array(f1)})

    found = across(
        {
            trial("gmu"): result([0.1, 0.4, 0.9]),
            trial("gmu", seed=1): result([1.0, 1.0, 1.0]),
            trial("pmmo_v1"): result([0.2, 0.4, 0.8]),
            trial("pmmo_v1", seed=1): result([0.2, 0.4, 0.8]),
            trial("pmmo_v1", seed=2): result([0.2, 0.4, 0.8]),
            trial("prior"): Result([], {}, {}),
        }
    )
    assert set(found) == {trial("pmmo_v1"), trial("pmmo_v1", seed=1)}
    assert dict(r[1:] for r in found[trial("pmmo_v1")]) == pytest.approx({"genres_not_below": 2, "hard_genres_gain": 0.05})
    assert dict(r[1:] for r in found[trial("pmmo_v1", seed=1)]) == {"genres_not_below": 0, "hard_genres_gain": 0.0}


# --- what films share ---------------------------------------------------------------------------------------------------


def toy(n=200):
    import pyarrow as pa

    schema = MultimodalSchema("toy", "multilabel", (Modality("x", "vector", (1,)),), "genres", ("a", "b"))
    columns = {
        "id": [str(i) for i in range(n)],
        "x": [[float(i)] for i in range(n)],
        "genres": [[1, i % 2] for i in range(n)],
        "part": ["train"] * (n - 2) + ["valid", "test"],
    }
    return Dataset("toy", schema, Split(pa.table(columns).cast(schema.arrow)), "here")


def test_a_random_split_is_disjoint_whole_and_of_the_stated_shares():
    one, two = (films.parts(toy(), "random70", seed) for seed in (0, 1))
    rows = [sorted(matrix(part.table["x"])[:, 0].astype(int).tolist()) for part in one]
    assert [len(r) for r in rows] == [126, 14, 60]
    assert sorted(chain(*rows)) == list(range(200))
    assert one[2].table != two[2].table
    assert [len(part) for part in films.parts(toy(), "official", 0)] == [198, 1, 1]


def test_the_prior_is_the_share_of_training_films():
    np.testing.assert_array_equal(films.prior(np.array([[1, 0], [1, 1]]), 3), [[1, 0.5]] * 3)

"""Trials of MulT-GMU: worlds by name, every fusion, columns and scales, what is asked of gates and attention."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from scipy.stats import kendalltau, spearmanr
from sklearn.metrics import average_precision_score

from mmkit import papers
from mmkit.errors import SettingsError
from mmkit.fit import one_thread
from mmkit.models.mult_gmu import FastMA
from mmkit.study.settings import resolve
from mmkit.trials import Result, Trial, films, frozen, movie_looks, mult_gmu
from mmkit.trials.mult_gmu import FUSIONS, REFERENCES, across, applies, build, run, world
from mmkit.worlds import movies

PAPER = papers.find("02")


def settings(**changed):
    tiny = {"world_records": 120, "epochs": 1, "width": 8, "world_text_dim": 8, "audit_films": 4}
    return {name: s.value for name, s in resolve(PAPER, "smoke", "world", {**tiny, **changed}).items()}


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread():
        yield


def trial(method, world="main", seed=0):
    return Trial("moviescope", world, seed, method)


def values(result):
    return {metric: value for _, metric, value in result.rows}


def prepared(world="main", **changed):
    s = settings(**changed)
    return mult_gmu._prepared("moviescope", world, 0, frozen(s), None, "", ""), s


METHODS = [f"{fusion}_{'T' if fusion == 'only' else 'VP' if fusion == 'tied' else 'TVA'}" for fusion in FUSIONS]


@pytest.mark.parametrize("method", [*METHODS, "gmu_TVAPM", "concat_PM", "fastma_VA", *REFERENCES])
def test_every_fusion_runs_and_is_scored_as_scikit_learn_would(method):
    result, (p, _) = run(trial(method), settings(), device="cpu"), prepared()
    got, score = values(result), result.arrays["probability"].astype(float)
    y = p.y["test"]
    assert got["ap_micro"] == pytest.approx(100 * average_precision_score(y, score, average="micro"), abs=1.0)  # float16
    some = y.any(axis=0)
    assert got["ap_macro"] == pytest.approx(100 * average_precision_score(y[:, some], score[:, some], average="macro"), abs=1.0)
    assert got["ap_bound"] == pytest.approx(np.nanmean(result.arrays["ap_genre"][list(p.bound)]))
    assert (result.cost["parameters"] > 0) == (method not in REFERENCES)


def test_a_method_is_a_fusion_and_some_modalities():
    p, s = prepared()
    assert isinstance(build("fastma_TV", p, s), FastMA)
    assert build("gmu_TVAPM", p, s).names == list("TVAPM")
    assert build("self_VA", p, s).shown == []
    assert build("concat_VA", p, s).shown == ["A->V", "V->A"]
    with pytest.raises(SettingsError, match="no fusion 'gnu'; did you mean 'gmu'"):
        build("gnu_TV", p, s)
    assert [applies(m, "mosi") for m in ("concat_TVA", "concat_TVAP", "prior")] == [True, False, True]
    assert applies("gmu_TVAPM", "moviescope")


def test_random_is_not_trained_and_shuffled_learns_other_films_genres():
    torch.manual_seed(0)
    p, s = prepared()
    model = build("random_TV", p, s).eval()
    by_hand = films.predicted(model, mult_gmu._only(p.parts["test"], "TV"))["p"]
    np.testing.assert_array_equal(run(trial("random_TV"), s, device="cpu").arrays["probability"], by_hand.astype(np.float16))
    more = settings(epochs=20, world_records=600, learning_rate=1e-2, world_poster_dim=64)
    right, wrong = (values(run(trial(m), more, device="cpu"))["ap_macro"] for m in ("gmu_PM", "shuffled_PM"))
    assert right > wrong + 5


def test_a_trial_is_repeatable_and_its_seed_matters():
    first, again = (run(trial("gmu_TVAP", seed=1), settings(), device="cpu") for _ in range(2))
    assert first.rows == again.rows
    assert all(np.array_equal(first.arrays[name], again.arrays[name]) for name in first.arrays)
    assert values(run(trial("gmu_TVAP", seed=2), settings(), device="cpu")) != values(first)


def test_fast_ma_has_a_rate_of_its_own():
    def ap(method, **rates):
        return values(run(trial(method), settings(**rates), device="cpu"))["ap_micro"]

    assert ap("fastma_TV", learning_rate=1e-4) == ap("fastma_TV", learning_rate=0.1) != ap("fastma_TV", learning_rate_fastma=0.1)
    assert ap("gmu_TV", learning_rate_fastma=0.1) == ap("gmu_TV") != ap("gmu_TV", learning_rate=0.1)


def test_worlds_by_name():
    def made(name, data="moviescope"):
        return world(data, name, 0, settings(world_records=60)).records.table

    main = made("main")
    assert made("sweep:metadata=raw") == main
    assert made("sweep:metadata=standard") == made("null:equal_meta_scale") != main
    assert made("null:equal_meta_scale").drop(["metadata"]) == main.drop(["metadata"])
    with pytest.raises(SettingsError, match="no world 'mian'"):
        made("mian")
    with pytest.raises(SettingsError, match="'mosi' has no world"):
        mult_gmu.check(settings(), ["mosi"], "world")
    with pytest.raises(SettingsError, match="width = 9, expected an even multiple of heads = 2"):
        mult_gmu.check(settings(width=9), ["moviescope"], "world")


# --- columns ------------------------------------------------------------------------------------------------------------


def test_words_start_from_the_worlds_table():
    p, s = prepared()
    words, table = movies.word_table(0, text_dim=8)
    at = {word: i for i, word in enumerate(words)}
    for i in (4, 9, len(p.words) - 1):
        np.testing.assert_allclose(p.vectors[i], 0.4 * table[at[p.words.words[i]]] / table.std(), rtol=1e-5)
    assert not p.vectors[:4].any()
    ids = p.parts["test"].ragged["T"][0].as_py()
    plot = p.splits["test"].table["plot"][0].as_py().lower().split()[: s["max_words"]]
    assert [p.words.words[i] for i in ids] == [word if word in p.words.ids else "<unk>" for word in plot]
    assert prepared(word_vectors=False)[0].vectors is None


@pytest.mark.parametrize("how", ["raw", "log", "standard"])
def test_scales_are_fitted_on_training_films(how):
    train = np.array([[0.0, -1.0, 5.0], [100.0, 1.0, 5.0], [1e6, 3.0, 5.0]])
    test = np.array([[50.0, 0.0, 7.0]])
    by_hand = {
        "raw": test,
        "log": np.array([[np.log1p(50), 0, np.log1p(7)]]),
        "standard": np.array(
            [
                [
                    (np.log1p(50) - np.log1p(train[:, 0]).mean()) / np.log1p(train[:, 0]).std(),
                    (0 - 1) / train[:, 1].std(),
                    np.log1p(7) - np.log1p(5),  # a constant column is only shifted
                ]
            ]
        ),
    }[how]
    np.testing.assert_allclose(mult_gmu._scale(train, how)(test), by_hand, rtol=1e-5)


def test_equal_sequences_are_dense_and_others_ragged():
    def split(lists):
        return films.Split(pa.table({"x": pa.array(lists, pa.list_(pa.list_(pa.float32(), 2)))}))

    equal = {"train": split([[[1, 2], [3, 4]]]), "test": split([[[5, 6], [7, 8]]])}
    found = mult_gmu._sequences(equal, "x", standard=False)
    assert found["test"].tolist() == [[[5, 6], [7, 8]]]
    unequal = {"train": split([[[1, 2], [3, 6]]]), "test": split([[[2, 4]]])}
    assert mult_gmu._sequences(unequal, "x", standard=False)["test"].to_pylist() == [[[2, 4]]]
    assert mult_gmu._sequences(unequal, "x", standard=True)["test"].to_pylist() == [[[0, 0]]]


def test_a_model_gets_what_it_reads_and_no_more():
    p, _ = prepared()
    only = mult_gmu._only(p.parts["test"], "TP")
    assert set(only.dense) | set(only.ragged) == {"T", "P", "genres"}


# --- what is asked of a trained model -----------------------------------------------------------------------------------


def test_gates_by_hand():
    p, _ = prepared(world_records=300)
    n, chosen, rng = len(p.y["test"]), "TVAPM", np.random.default_rng(0)
    values_ = rng.random((n, 5, 7)) * np.array([1.0, 0.9, 0.2, 0.8, 0.5])[:, None]
    rows, arrays = movie_looks.gates(values_, chosen, p)
    got = {metric: value for _, metric, value in rows}
    mean = values_.mean(axis=2)
    share = mean / mean.sum(axis=1, keepdims=True)
    for m, letter in enumerate(chosen):
        assert got[f"share_{letter}"] == pytest.approx(share[:, m].mean())
    t, v, a, poster, meta = share.mean(axis=0)
    assert got["audio_least"] == pytest.approx(min(t, v, poster, meta) - a)
    assert got["text_visual_most"] == pytest.approx(min(t, v, poster) - max(a, meta))
    assert got["saturated"] == pytest.approx(np.mean([(x < 0.01) or (x > 0.99) for x in values_.ravel()]))
    r = films.truth(p.splits["test"], "reliability", 5)  # text, video, audio, poster, metadata: the order of T V A P M
    assert got["rho_gate"] == pytest.approx(np.mean([spearmanr(share[:, m], r[:, m]).statistic for m in range(5)]))
    assert got["rho_gate_P"] == pytest.approx(spearmanr(share[:, 3], r[:, 3]).statistic)
    assert got["tau_gate"] == pytest.approx(kendalltau(share.mean(axis=0), r.mean(axis=0)).statistic)
    np.testing.assert_allclose(arrays["open"], (values_ > 0.9).mean(axis=2), atol=1e-3)
    assert arrays["gate_histogram"].sum(axis=1).tolist() == [7 * n] * 5


def test_a_truthful_gate_scores_one_and_a_constant_gate_nothing():
    p, _ = prepared(world_records=300)
    r = films.truth(p.splits["test"], "reliability", 5).astype(float)
    alone = movie_looks._truthful(r[:, [1, 2]] / 2, "VA", p)
    assert alone["rho_gate"] == pytest.approx(1.0)
    assert movie_looks._truthful(np.full((len(r), 5), 0.2), "TVAPM", p)["rho_gate"] == 0.0


def test_the_profile_is_that_of_section_4():
    p, _ = prepared(world_records=300)
    y, names = p.y["test"], list(p.genres)
    share = np.full((len(y), 3), 1 / 3)
    horror = y[:, names.index("Horror")].astype(bool)
    share[horror] = [0.3, 0.3, 0.4]
    got = movie_looks._by_genre(share, "TVA", p)

    def mean(genre, m):
        return share[y[:, names.index(genre)].astype(bool), m].mean() - share[:, m].mean()

    cells = [mean("Horror", 2), mean("Drama", 2), mean("Comedy", 0), mean("Drama", 0), mean("Comedy", 1), mean("Family", 1)]
    assert got["profile"] == pytest.approx(np.mean(cells))
    assert got["video_audio_rho"] == pytest.approx(-1.0)
    assert got["told_by_genre"] == pytest.approx(1.0)  # one genre says it all


class Looks(torch.nn.Module):
    """A stand-in whose attention is given: the steps of A look at the step of V with the same number, V at the first of A."""

    shown = ("V->A", "A->V")

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, batch, attention=False):
        n, t = batch["V"].shape[:2]
        eye, first = torch.eye(t).expand(n, t, t), torch.zeros(n, t, t)
        first[..., 0] = 1
        return {"attention": {"V->A": eye, "A->V": first}}


def test_same_scene_by_hand():
    p, _ = prepared()
    rows, arrays = movie_looks.attention(Looks(), mult_gmu._only(p.parts["test"], "VA"), p)
    video, audio = (films.truth(p.splits["test"], f"{name}_scene", -1) for name in ("video", "audio"))
    by_hand = ((video == audio).mean() + (audio[:, :1] == video).mean()) / 2
    assert rows == [("test", "same_scene", pytest.approx(by_hand))]
    np.testing.assert_array_equal(arrays["video_scene"], video[:4])
    assert arrays["attention_VA"].shape == (4, audio.shape[1], video.shape[1])


def test_what_is_lost_by_hand():
    p, s = prepared()
    torch.manual_seed(0)
    model, test = build("concat_TVAP", p, s).eval(), mult_gmu._only(p.parts["test"], "TVAP")
    whole = films.predicted(model, test)["p"]
    got = {metric: value for _, metric, value in movie_looks.robustness(model, test, p, "TVAP", whole)}
    y = p.y["test"]
    rolled = {**test.dense, "P": np.roll(test.dense["P"], 1, axis=0)}
    noisy = films.predicted(model, mult_gmu._only(type(test)(None, rolled, 0, test.ragged), "TVAP"))["p"]

    def ap(score):
        return 100 * average_precision_score(y, score, average="micro")

    assert got["ap_noise_P"] == pytest.approx(ap(whole) - ap(noisy), abs=1e-6)
    blank = {**test.dense, "V": 0 * test.dense["V"]}
    assert got["ap_missing_V"] == pytest.approx(
        ap(whole) - ap(films.predicted(model, type(test)(None, blank, 0, test.ragged))["p"]), abs=1e-6
    )
    assert got["ap_noise_drop"] == pytest.approx(np.mean([got[f"ap_noise_{letter}"] for letter in "TVAP"]))
    assert got["ap_missing_drop"] == pytest.approx(np.mean([got[f"ap_missing_{letter}"] for letter in "TVAP"]))


def test_an_additive_model_loses_nothing_in_the_audit():
    p, s = prepared()
    torch.manual_seed(0)
    test = mult_gmu._only(p.parts["test"], "TVAP")
    for method, gap in (("additive_TVAP", False), ("concat_TVAP", True)):
        model = build(method, p, s).eval()
        for parameter in model.parameters():  # far from its start, where everything is nearly linear
            torch.nn.init.normal_(parameter, 0, 0.7)
        got = {metric: value for _, metric, value in movie_looks.audit(model, test, p, 30)}
        assert (abs(got["ap_emap"] - got["ap_subset"]) > 1e-3) == gap


def test_spread_is_the_distance_from_the_median_over_seeds():
    def result(score):
        return Result([("train", "ap_micro", 0.0), ("test", "ap_micro", score)], {}, {})

    found = across(
        {trial("gmu_TV", seed=i): result(s) for i, s in enumerate([50.0, 60.0, 90.0])}
        | {trial("concat_TV"): result(10.0), trial("gmu_TV", "null:flat"): result(1.0)}
    )
    assert {t.seed: rows[0][2] for t, rows in found.items()} == {0: 10.0, 1: 0.0, 2: 30.0}
    assert {t.method for t in found} == {"gmu_TV"}

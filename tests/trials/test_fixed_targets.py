"""Trials of the translation paper: worlds by name, preparation, scores against slower computations, repeatability."""

import numpy as np
import pytest
import torch

from mmkit import papers
from mmkit.errors import DataError, SettingsError
from mmkit.fit import one_thread
from mmkit.models.fixed_targets import shifted
from mmkit.study.settings import resolve
from mmkit.text.words import END
from mmkit.trials import Trial, fixed_targets, frozen, sentence_pairs
from mmkit.trials.fixed_targets import HEADS, REFERENCES, build, epochs, run, width, world

PAPER = papers.find("08")


def settings(**changed):
    tiny = {"world_records": 120, "embedding_dim": 8, "hidden_dim": 8, "context_dim": 8, "epochs": 1, "beam": 1}
    return {name: s.value for name, s in resolve(PAPER, "smoke", "world", {**tiny, **changed}).items()}


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread():
        yield


def values(result, split="test"):
    return {metric: value for part, metric, value in result.rows if part == split}


def prepared(data="en_de", name="main", **changed):
    s = settings(**changed)
    return fixed_targets._prepared(data, name, 0, frozen(s), None, "", ""), s


@pytest.mark.parametrize("method", [*HEADS, *REFERENCES])
def test_every_method_runs_and_says_what_it_cost(method):
    result = run(Trial("en_de", "main", 0, method), settings(), device="cpu")
    got = values(result)
    assert 0 <= got["bleu"] <= 100
    assert result.cost["seconds"] > 0
    trained = method not in REFERENCES
    assert (result.cost["parameters"] > 0) == trained
    if trained:
        assert np.isfinite(got["cross_entropy"])
        assert len(result.arrays["row_norm"]) == len(result.arrays["count"])
        assert len(result.arrays["context_norm"]) == 1
    assert "bleu_beam" not in got


@pytest.mark.parametrize("network", ["bahdanau", "luong", "convs2s"])
@pytest.mark.parametrize("method", ["learned", "tied", "fixed"])
def test_every_network_takes_every_head(network, method):
    got = values(run(Trial("de_en", "main", 0, method), settings(network=network, layers=2, beam=2), device="cpu"))
    assert np.isfinite([got["bleu"], got["bleu_beam"], got["excess"]]).all()


def test_a_trial_is_repeatable_and_its_seed_matters():
    trial = Trial("en_de", "main", 1, "fixed")
    first, again = (run(trial, settings(), device="cpu") for _ in range(2))
    assert first.rows == again.rows
    assert all(np.array_equal(first.arrays[name], again.arrays[name]) for name in first.arrays)
    assert values(run(Trial("en_de", "main", 2, "fixed"), settings(), device="cpu")) != values(first)


def test_learned_and_fixed_start_from_the_same_network():
    p, s = prepared()
    models = []
    for method in ("learned", "fixed", "fixed_raw"):
        torch.manual_seed(4)
        models.append(build(method, p, s, 8))
    names = [n for n, _ in models[0].named_parameters() if not n.startswith("head.")]
    assert all(torch.equal(models[0].get_parameter(n), m.get_parameter(n)) for m in models[1:] for n in names)


def test_tied_rows_are_the_input_embedding_and_as_wide_as_the_context():
    p, s = prepared(embedding_dim=6)
    model = build("tied", p, s, 8)
    assert model.head.weight is model.target_embedding.weight
    assert model.target_embedding.embedding_dim == 8
    assert build("fixed", p, s, 8).target_embedding.embedding_dim == 6


def test_shuffled_rows_are_trained_rows_dealt_to_other_words():
    s = settings()
    learned = run(Trial("en_de", "main", 0, "learned"), s, device="cpu").arrays["row_norm"]
    shuffled = run(Trial("en_de", "main", 0, "shuffled_learned"), s, device="cpu").arrays["row_norm"]
    np.testing.assert_allclose(np.sort(shuffled), np.sort(learned), rtol=1e-5)
    assert (np.abs(shuffled - learned) > 1e-3).mean() > 0.5


@pytest.mark.parametrize(
    ("name", "dim", "passes"),
    [("main", 8, 4), ("null:few_dimensions", 4, 4), ("sweep:dim=3", 3, 4), ("sweep:pairs=42", 8, 8), ("sweep:pairs=9999", 8, 1)],
)
def test_what_a_worlds_name_says_about_the_model(name, dim, passes):
    s = settings(epochs=4)  # 84 training pairs in the main world
    assert width(name, s) == dim
    assert epochs(name, s) == passes


def test_worlds_by_name():
    def made(name, data="en_de"):
        return world(data, name, 0, settings(world_records=60)).records.table

    main = made("main")
    assert made("null:few_dimensions") == made("null:bounded") == made("sweep:dim=5") == main
    assert made("sweep:noise=0.0") == made("null:no_noise")
    assert made("sweep:noise=0.9")["de"] != main["de"]
    assert made("sweep:pairs=70").num_rows == 100
    with pytest.raises(SettingsError, match="no world 'mian'"):
        made("mian")
    with pytest.raises(SettingsError, match="'iwslt_en_de' has no world"):
        made("main", "iwslt_en_de")


def test_a_bounded_world_bounds_the_context_vector():
    free, bounded = (
        values(run(Trial("en_de", name, 0, "fixed"), settings(epochs=40, learning_rate=0.1), device="cpu"))["context_norm"]
        for name in ("main", "null:bounded")
    )
    assert bounded < np.sqrt(8) < free


def test_forced_log_p_and_excess_by_hand():
    p, s = prepared()
    torch.manual_seed(0)
    model = build("learned", p, s, 8).eval()
    log_p, lengths = sentence_pairs.forced(model, p, s)
    columns, by_hand, norms = p.parts["test"], [], []
    for source, target in zip(columns.ids.to_pylist(), columns.ragged["target"].to_pylist(), strict=True):
        ids = torch.tensor([source])
        with torch.no_grad():
            f, _ = model.contexts(model.encode(ids, ids >= 0), shifted(torch.tensor([target])))
            by_hand += model.head(f).log_softmax(-1)[0, range(len(target)), target].tolist()
        norms += f[0].norm(dim=1).tolist()
    np.testing.assert_allclose(log_p, by_hand, atol=1e-5)
    np.testing.assert_allclose(lengths, norms, rtol=1e-4)
    truth = p.splits["test"].truth
    exact = [x for row in truth["log_p"].to_pylist() for x in row]
    known = [i != 1 for row in columns.ragged["target"].to_pylist() for i in row]
    gaps = [e - m for e, m, k in zip(exact, by_hand, known, strict=True) if k]
    assert sentence_pairs._excess(log_p, truth, p) == pytest.approx(np.mean(gaps), abs=1e-5)


def test_translations_come_in_the_order_of_the_records(monkeypatch):
    p, s = prepared()
    torch.manual_seed(0)
    model = build("learned", p, s, 8)
    whole = sentence_pairs.translate(model, p, "test", s)
    monkeypatch.setattr(sentence_pairs, "SIZE", 5)
    parts = sentence_pairs.translate(model, p, "test", s)
    width = max(whole.shape[1], parts.shape[1])
    padded = [np.pad(ids, ((0, 0), (0, width - ids.shape[1])), constant_values=END) for ids in (whole, parts)]
    assert (padded[0] == padded[1]).all()
    assert model.training


def test_the_oracle_knows_the_floor_and_nearest_repeats_training_sentences():
    s = settings(world_records=400)
    oracle = values(run(Trial("en_de", "main", 0, "oracle"), s, device="cpu"))
    assert oracle["hyponym_recall"] == 1.0
    assert oracle["excess"] == 0.0
    assert 0 < oracle["cross_entropy"] < 0.3
    quiet = values(run(Trial("en_de", "null:no_noise", 0, "oracle"), s, device="cpu"))
    assert quiet["bleu"] == pytest.approx(100)
    assert quiet["cross_entropy"] == 0.0
    p, _ = prepared(world_records=400)
    assert {m: v for _, m, v in sentence_pairs.references("nearest", p)}["bleu"] < oracle["bleu"]


def test_word_relations_by_hand():
    p, _ = prepared(world_records=400)
    rng = np.random.default_rng(0)
    matrix, inputs = rng.normal(size=(2, len(p.target), 8))
    got = {m: v for _, m, v in sentence_pairs._rows_of_words(matrix, None, inputs, p)}
    norms = np.linalg.norm(matrix, axis=1)[4:]
    from scipy.stats import spearmanr

    assert got["rho_norm"] == pytest.approx(spearmanr(norms, p.target.counts[4:]).statistic)
    assert got["rho_norm_strength"] == abs(got["rho_norm"])
    pairs, ids = p.tree.similarity(), p.target.ids
    pairs = pairs[[a in ids and b in ids for a, b in zip(pairs["word1"], pairs["word2"], strict=True)]]

    def cosine(w, a, b):
        return w[ids[a]] @ w[ids[b]] / np.linalg.norm(w[ids[a]]) / np.linalg.norm(w[ids[b]])

    for kind, w in (("target", matrix), ("input", inputs)):
        cosines = [cosine(w, a, b) for a, b in zip(pairs["word1"], pairs["word2"], strict=True)]
        assert got[f"tree_{kind}"] == pytest.approx(spearmanr(cosines, -pairs["path"]).statistic)
    assert got["similarity_gain"] == pytest.approx(got["tree_target"] - got["tree_input"])
    near, far = (
        np.mean([cosine(matrix, a, b) for a, b in zip(some["word1"], some["word2"], strict=True)])
        for some in (pairs[pairs["path"] == 1], pairs[pairs["path"] >= 5])
    )
    assert got["synonym_cosine"] == pytest.approx(near)
    assert got["synonym_gap"] == pytest.approx(near - far)


def test_a_limit_of_words_shortens_training_only():
    whole, _ = prepared(world_records=400)
    short, _ = prepared(world_records=400, max_words=8)
    assert 0 < len(short.parts["train"]) < len(whole.parts["train"])
    assert max(map(len, short.said["train"])) <= 8
    assert len(short.parts["test"]) == len(whole.parts["test"])
    with pytest.raises(DataError, match="no training pair has at most max_words = 1"):
        prepared(max_words=1)


def test_a_vocabulary_of_specials_alone_is_refused():
    with pytest.raises(DataError, match="every word occurs less than 900 times"):
        prepared(min_count=900)


def test_a_plateau_is_judged_by_bleu_and_the_best_epoch_is_kept():
    s = settings(decay="plateau", epochs=5, stop_patience=1, learning_rate=1.0)  # a rate at which nothing is learned
    got = values(run(Trial("en_de", "main", 0, "fixed"), s, device="cpu"), "train")
    assert got["epochs"] < 5


def test_an_unknown_method_is_refused():
    with pytest.raises(SettingsError, match="no method 'fixd'"):
        run(Trial("en_de", "main", 0, "fixd"), settings(), device="cpu")

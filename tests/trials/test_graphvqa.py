"""Trials of questions about graphs: what a method is, what is scored, what leads whom."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch

from mmkit import papers
from mmkit.errors import DataError, SettingsError
from mmkit.models.graphvqa import Answering
from mmkit.scores import answers
from mmkit.study.settings import resolve
from mmkit.trials import Result, Trial, graph_questions, graphvqa
from mmkit.worlds import scenes

PAPER = papers.find("11")
SETTINGS = {name: s.value for name, s in resolve(PAPER, "smoke", "world", {"world_records": 300}).items()}


@pytest.fixture(scope="module")
def prepared():
    return graph_questions.prepare(scenes.make("core", 300, 0), SETTINGS)


def test_every_method_of_the_file_is_built_with_one_table_of_words(prepared):
    assert set(PAPER.settings["methods"]["choices"]) == set(graphvqa.METHODS)
    for method in graphvqa.METHODS:
        model = graphvqa.build(method, prepared, SETTINGS)
        if model.words is not None:
            assert model.words.num_embeddings == prepared.tokens == len(prepared.words) + 1
    apart = graph_questions.prepare(scenes.make("core", 300, 0), SETTINGS | {"shared_embedding": False})
    assert apart.tokens < prepared.tokens  # no words such as "what"
    model = graphvqa.build("gat", apart, SETTINGS | {"shared_embedding": False})
    assert (model.words.num_embeddings, model.scene.embedding.num_embeddings) == (len(apart.words), apart.tokens)


def test_words_and_graphs_of_the_test_part_are_all_known(prepared):
    assert prepared.store.unknown == 0
    ids = prepared.parts["test"].ids
    assert 1 not in ids.values.to_numpy()  # <unk>
    first = ids.values.to_numpy()[ids.offsets.to_numpy()[:-1]]
    assert set(first) == {2}  # <s>, whose state is the question's vector
    assert "?" not in "".join(prepared.words.words)


def test_training_sees_balanced_questions_and_testing_all(prepared):
    assert prepared.splits["train"].table["balanced"].to_pylist() == [True] * 240
    assert len(prepared.splits["test"]) > 45


def test_easy_questions_come_first(prepared):
    level = graph_questions.difficulty(prepared.splits["train"])
    assert set(level) == {0, 1}
    for words, hops in zip(prepared.splits["train"].table["question"].to_pylist(), level, strict=True):
        assert words.count("the thing") == hops


def test_scores_are_those_of_the_answers(prepared):
    test = prepared.splits["test"]
    gold = test.table["answer"].to_numpy()
    rows = {name: v for _, name, v in graph_questions.scored(test, prepared.answers, gold)[0]}
    assert rows["accuracy"] == rows["consistency"] == rows["accuracy_rel"] == rows["accuracy_hops1"] == rows["validity"] == 100
    assert rows["distribution"] == rows["length_drop"] == 0
    wrong = gold.copy()
    counts = graph_questions.balanced(test)
    hops = test.truth["hops"].to_numpy()
    lost = np.flatnonzero(counts & (hops == 1))[::2]
    wrong[lost] = (wrong[lost] + 1) % 8
    rows = {name: v for _, name, v in graph_questions.scored(test, prepared.answers, wrong)[0]}
    share = 100 * (1 - len(lost) / (counts & (hops == 1)).sum())
    assert rows["accuracy_hops1"] == rows["accuracy_rel"] == pytest.approx(share)
    assert rows["accuracy_hops0"] == rows["accuracy_attr"] == 100
    assert rows["length_drop"] > 20  # longer questions are those with a relation
    guess = test.truth["chance"].to_numpy()[counts & (hops == 1)].mean()
    assert rows["above_guess"] == pytest.approx(share - 100 * guess, abs=1e-4)


def test_questions_are_parted_by_length_as_evenly_as_possible():
    words = np.array([4, 5, 5, 7, 8, 8, 8, 8, 9])
    np.testing.assert_array_equal(graph_questions.is_longer(words), words > 7)
    assert not graph_questions.is_longer(np.full(4, 5)).any()


def test_the_guess_is_scored_on_what_counts(prepared):
    result = graphvqa.run(Trial("core", "main", 0, "guess"), SETTINGS)
    rows = {name: v for _, name, v in result.rows}
    test = graph_questions.prepare(scenes.make("core", 300, 0, hops=(0.4, 0.6)), SETTINGS).splits["test"]
    counts, hops, chance = test.table["balanced"].to_numpy(), *(test.truth[name].to_numpy() for name in ("hops", "chance"))
    assert 0 < counts.sum() < len(test)
    assert rows["accuracy_hops0"] == 100
    assert rows["accuracy_hops1"] == rows["accuracy_rel"] == pytest.approx(100 * chance[counts & (hops == 1)].mean())


def test_majority_answers_by_kind_of_question():
    result = graphvqa.run(Trial("core", "main", 0, "majority"), SETTINGS)
    prepared = graph_questions.prepare(scenes.make("core", 300, 0, hops=(0.4, 0.6)), SETTINGS)
    kinds = prepared.splits["test"].table["detailed"].to_pylist()
    by_kind = {kind: {int(a) for a, k in zip(result.arrays["predicted"], kinds, strict=True) if k == kind} for kind in kinds}
    assert all(len(said) == 1 for said in by_kind.values())
    yes_no = {prepared.answers.index("yes"), prepared.answers.index("no")}
    assert by_kind["verify0"] <= yes_no
    assert not by_kind["color1"] & yes_no


def test_attention_on_the_gold_path_scores_one(prepared):
    test = prepared.splits["test"]
    rows = np.flatnonzero(graph_questions.balanced(test) & (test.truth["hops"].to_numpy() == 1))[:12]
    batch = prepared.store.batch(torch.from_numpy(test.table["graph"].to_numpy()[rows]))
    steps = test.truth["steps"].take(pa.array(rows)).to_pylist()
    first = batch.node_offsets.numpy()
    attention = []
    for t in range(2):  # everybody listens to the thing of step t, if there is an arrow from it
        gold = [first[q] + of[t][0] for q, of in enumerate(steps)]
        to = [first[q] + of[1 - t][0] for q, of in enumerate(steps)]  # most of all the other one of the path
        weight = np.isin(batch.source.numpy(), gold) * (1 + np.isin(batch.target.numpy(), to))
        attention.append(torch.from_numpy(weight.astype(np.float32))[:, None].expand(-1, 2))
    found = dict(r[1:] for r in graph_questions.attention_rows(test, rows, batch, attention)[0])
    assert found["step_auroc_2"] == 1  # the second thing has an arrow to the first, so somebody listens
    assert found["step_auroc"] > 0.85
    back = np.mean([  # only some graphs have an arrow from the first thing to the second, all have the one back
        ((batch.source.numpy() == first[q] + of[0][0]) & (batch.target.numpy() == first[q] + of[1][0])).any()
        for q, of in enumerate(steps)
    ])  # fmt: skip
    assert found["chain_top"] == pytest.approx(100 * (1 + back) / 2)
    away = [2 - a for a in attention]
    assert dict(r[1:] for r in graph_questions.attention_rows(test, rows, batch, away)[0])["step_auroc_2"] < 0.3


def result(**scores: float) -> Result:
    return Result([("test", name, value) for name, value in scores.items()], {})


def test_leads_are_over_the_best_of_the_others():
    kinds = {"accuracy_rel": 50.0, "accuracy_verify": 60.0, "accuracy_query": 40.0, "accuracy_choose": 70.0}
    others = {m: result(**kinds) for m in graphvqa.OTHERS} | {"lcgn": result(**kinds | {"accuracy_choose": 80.0})}
    own = {"gat": result(accuracy_rel=58.0, accuracy_verify=57.0, accuracy_query=49.0, accuracy_choose=81.0)}
    trials = {Trial("core", "main", 0, m): r for m, r in (others | own).items()}
    found = graphvqa.across(trials)
    assert dict(r[1:] for r in found[Trial("core", "main", 0, "gat")]) == {
        "relation_lead": 8.0,
        "verify_lead": -3.0,
        "structural_lead": 1.0,
    }
    assert dict(r[1:] for r in found[Trial("core", "main", 0, "lcgn")])["structural_lead"] == 0  # over gine, gcn, gcn_plain
    assert Trial("core", "main", 0, "gat") not in graphvqa.across({t: r for t, r in trials.items() if t.method != "gine"})


def test_the_same_trial_gives_the_same_numbers():
    trial = Trial("core", "main", 0, "gat")
    first, again = (graphvqa.run(trial, SETTINGS) for _ in range(2))
    assert first.rows == again.rows
    assert {"accuracy", "step_auroc", "relation_lead"} - {name for _, name, _ in first.rows} == {"relation_lead"}
    assert graphvqa.run(Trial("core", "main", 1, "gat"), SETTINGS).rows != first.rows


def test_a_model_is_looked_into_without_training_it_again(prepared, monkeypatch):
    trial, settings = Trial("core", "main", 0, "gat"), SETTINGS
    found = graphvqa.run(trial, settings, device="cpu")
    monkeypatch.setattr(graphvqa, "_train", None)  # whoever trains again fails
    world, model = graphvqa.trained(trial, settings, "cpu", found.arrays)
    assert np.array_equal(graphvqa.answered(model, world, "test"), found.arrays["predicted"])


def test_gine_has_a_rate_of_its_own_and_the_easy_null_its_epochs():
    trial = Trial("core", "null:hops0", 0, "gine")
    plain = graphvqa.run(trial, SETTINGS)
    assert graphvqa.run(trial, SETTINGS | {"learning_rate": 1e-9}).rows == plain.rows
    assert graphvqa.run(trial, SETTINGS | {"learning_rate_gine": 1e-9}).rows != plain.rows
    assert len(plain.arrays["loss"]) == SETTINGS["epochs_hops0"]


def test_without_a_graph_no_question_is_easier_and_torch_starts_the_layers():
    trial = Trial("core", "main", 0, "question_only")
    plain = graphvqa.run(trial, SETTINGS)
    assert graphvqa.run(trial, SETTINGS | {"start": "torch", "easy_epochs": 0}).rows == plain.rows
    assert graphvqa.run(trial, SETTINGS | {"learning_rate": 1e-9}).rows != plain.rows


def test_attention_is_looked_at_on_questions_that_count(prepared):
    model = Answering(graphvqa.build("gat", prepared, SETTINGS), prepared.store).eval()
    test = prepared.splits["test"]
    looked = graphvqa._attention(model, prepared)[1]["step_rows"]
    assert set(looked) <= set(np.flatnonzero(test.table["balanced"].to_numpy() & (test.truth["hops"].to_numpy() > 0)))


def test_consistency_needs_the_entailed_questions_answered(prepared):
    asked = answers.questions(prepared.splits["test"].table, prepared.answers)
    assert len(asked.entailed.values) > 50


@pytest.mark.parametrize(
    ("data", "world", "message"),
    [
        ("gqa", "main", "data set 'gqa' has no world"),
        ("core", "sweep:x=1", "no world 'sweep:x=1' of core"),
        ("core", "null:nothing", "no null control 'nothing'"),
    ],
)
def test_no_such_world(data, world, message):
    with pytest.raises(SettingsError, match=message):
        graphvqa.world(data, world, 0, SETTINGS)


def test_what_does_not_fit_is_told():
    with pytest.raises(SettingsError, match="instruction_dim = 18, expected an even multiple of question_heads = 4"):
        graphvqa.check(SETTINGS | {"instruction_dim": 18, "question_heads": 4}, ["core"], "world")
    with pytest.raises(SettingsError, match="no method 'gta'; known: gat"):
        graphvqa.run(Trial("core", "main", 0, "gta"), SETTINGS)
    with pytest.raises(DataError, match="no files stand for it"):
        graphvqa.real("core", PAPER.facts, None)

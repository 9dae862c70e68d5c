"""Trials of emotions in conversations: what a method is, what it sees, what is scored, who leads whom."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from mmkit import papers
from mmkit.errors import SettingsError
from mmkit.schema import Split, matrix
from mmkit.study.settings import resolve
from mmkit.trials import Result, Trial, coin, coin_looks, coin_words

PAPER = papers.find("07")
SETTINGS = {
    name: s.value
    for name, s in resolve(PAPER, "smoke", "world", {"world_dialogues": 20, "epochs": 1, "epochs_dialogue": 1}).items()
}


@pytest.fixture(scope="module")
def prepared():
    return coin.prepare(coin.world("emotions", "main", 0, SETTINGS), SETTINGS)


def run(method: str, world: str = "main", seed: int = 0, **settings) -> dict[str, float]:
    return {name: value for _, name, value in coin.run(Trial("emotions", world, seed, method), SETTINGS | settings).rows}


def test_the_file_names_every_method():
    assert set(PAPER.settings["methods"]["choices"]) == set(coin.METHODS)


@pytest.mark.parametrize("method", coin.METHODS)
def test_every_method_runs_and_gives_every_score(method: str):
    result = coin.run(Trial("emotions", "main", 0, method), SETTINGS)
    found = {name: value for _, name, value in result.rows}
    assert found.keys() >= {"accuracy", "precision_weighted", "f1_weighted", "f1_macro", "f1_angry"}
    assert ("accuracy_attacked" in found) == (method == "coin_plain" or method not in coin.COINS or method == "coin")
    assert all(0 <= found[name] <= 100 for name in found if name.startswith(("accuracy", "f1", "precision")))
    assert ("partner_rho" in found) == (method.startswith("coin") and method != "coin_no_history")
    assert result.cost["parameters"] > 0
    assert len(result.arrays["said"]) == result.arrays["confusion"].sum()
    assert len(result.arrays["judged"]) == (0 if method == "coin_random" else 1)


def test_an_attack_without_strength_changes_nothing_and_others_hurt():
    trial = Trial("emotions", "main", 0, "coin_plain")
    idle, strong = (coin.run(trial, SETTINGS | {"epsilon": epsilon}) for epsilon in (0.0, 5.0))
    accuracy = {name: value for _, name, value in idle.rows}["accuracy"]
    assert idle.arrays["attacked"] == pytest.approx([accuracy] * len(coin_looks.STRENGTHS))
    assert strong.arrays["attacked"].max() < accuracy
    assert strong.arrays["said"].tolist() == idle.arrays["said"].tolist()  # it was trained without


def test_epochs_are_judged_by_the_weighted_f1_of_the_validation_part(prepared):
    way, trial = coin.Way.of("utterance"), Trial("emotions", "main", 0, "utterance")
    model, history = coin._train(trial, way, SETTINGS | {"learning_rate": 0.05}, prepared, prepared.parts, "cpu", None)
    valid = prepared.parts["valid"]
    answer = coin.said(model, coin.batches(valid, way, SETTINGS))
    assert history.judged == [pytest.approx(f1_score(valid.label, answer, average="weighted", zero_division=0))]
    assert 0.05 < history.judged[0] < 1


def test_models_of_dialogues_have_a_schedule_of_their_own():
    trial = Trial("emotions", "main", 0, "bc_lstm")
    plain = coin.run(trial, SETTINGS)
    assert coin.run(trial, SETTINGS | {"learning_rate": 1e-9, "epochs": 3}).rows == plain.rows
    longer = SETTINGS | {"epochs_dialogue": 5, "learning_rate_dialogue": 0.05}
    learnt = coin.run(trial, longer | {"stop_patience_dialogue": 9})
    assert len(learnt.arrays["judged"]) == 5
    assert coin.run(trial, longer | {"learning_rate_dialogue": 1e-9}).rows != learnt.rows


def test_the_same_trial_gives_the_same_numbers_and_another_seed_others():
    trial = Trial("emotions", "main", 0, "coin")
    first, again = coin.run(trial, SETTINGS), coin.run(trial, SETTINGS)
    assert first.rows == again.rows
    assert coin.run(Trial("emotions", "main", 1, "coin"), SETTINGS).rows != first.rows


def test_features_are_standardised_on_the_training_part(prepared):
    x = prepared.parts["train"].features
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(x.std(axis=0), 1, atol=1e-3)
    assert abs(prepared.parts["test"].features.mean(axis=0)).max() > 1e-3


def test_a_method_sees_its_modalities_only(prepared):
    part, trial = prepared.parts["test"], Trial("emotions", "main", 0, "coin_text_video")
    seen = coin._shown(part, coin.Way.of("coin_text_video"), trial)
    columns = [*range(*part.at("text_vector").indices(10**6)), *range(*part.at("video").indices(10**6))]
    np.testing.assert_array_equal(seen.features, part.features[:, columns])
    assert list(seen.widths) == ["text_vector", "video"]
    shuffled = coin._shown(part, coin.Way.of("coin_shuffled"), trial)
    assert 0.3 < (shuffled.speaker != part.speaker).mean() < 0.7


def test_without_interaction_the_model_is_as_large():
    sizes = [coin.build(coin.Way.of(m), 80, 6, SETTINGS | {"dim": 24, "stacks": 3}) for m in ("coin", "coin_no_smi")]
    with_smi, without = (sum(p.numel() for p in model.parameters()) for model in sizes)
    assert abs(without / with_smi - 1) < 0.05


def test_sizes_and_switches_reach_the_model():
    def stacks(method: str) -> int:
        return len(coin.build(coin.Way.of(method), 80, 6, SETTINGS | {"stacks": 3}).stacks)

    def width(method: str) -> int:
        return coin.build(coin.Way.of(method), 80, 6, SETTINGS).classifier.in_features // 2

    assert [stacks(m) for m in ("coin", "coin_one_stack", "coin_six_stacks")] == [3, 1, 6]
    assert [width(m) for m in ("coin", "coin_half_width", "coin_double_width")] == [12, 6, 24]


def test_adversarial_training_and_its_strength_matter():
    plain, trained = run("coin_plain"), run("coin")
    assert plain != trained
    assert run("coin", epsilon=0.0) != trained
    assert run("icon_at") != run("icon")


def test_an_epoch_may_be_chosen_on_most_of_the_test_part(prepared):
    part = prepared.parts["test"]
    chosen = coin_looks.most_of(part, 3)
    assert len(chosen.offsets) - 1 == round(0.6 * (len(part.offsets) - 1))
    lengths = np.diff(chosen.offsets)
    rows = [tuple(row) for row in part.features.round(4)]
    assert [tuple(row) for row in chosen.features.round(4)] == [
        r for r in rows if r in {tuple(x) for x in chosen.features.round(4)}
    ]
    assert set(lengths) <= set(np.diff(part.offsets))
    assert chosen.offsets[-1] == len(chosen.features) == len(chosen.label) == len(chosen.speaker)


def test_ceilings_are_the_best_answers_of_the_world():
    found = {m: run(m, world_dialogues=200)["accuracy"] for m in coin.REFERENCES}
    assert found["majority"] < found["utterance_ceiling"] < found["joint_ceiling"]
    large = SETTINGS | {"world_dialogues": 200}
    split = coin.prepare(coin.world("emotions", "main", 0, large), large).splits["test"]
    best = matrix(split.truth["posterior_own"]).argmax(axis=1)
    assert found["own_ceiling"] == pytest.approx(100 * (best == split.table["emotion"].to_numpy()).mean())


def test_a_null_control_keeps_what_it_does_not_name():
    def coupling(world: str) -> float:
        return coin.world("emotions", world, 0, SETTINGS).records.truth["coupling_own"].to_numpy().mean()

    assert coupling("main") == pytest.approx(0.6, abs=0.1)
    assert coupling("null:no_coupling") == 0
    assert coupling("null:clean") == pytest.approx(coupling("main"))
    assert coupling("sweep:coupling=0.3") == pytest.approx(0.3, abs=0.1)


def test_rank_of_sensitivity_follows_coupling(prepared):
    part = prepared.parts["test"]
    coupling = prepared.splits["test"].truth["coupling_own"].to_numpy()
    unknown = coupling.copy()
    unknown[part.offsets[:-1]] = np.nan  # nobody has spoken before
    assert coin_looks._rank(unknown, coupling, part) == pytest.approx(1)
    assert coin_looks._rank(-coupling, coupling, part) == pytest.approx(-1)
    assert coin_looks._rank(coupling, np.zeros_like(coupling), part) is None


def test_sensitivity_to_the_partner_is_the_share_of_the_others_turns(prepared):
    way = coin.Way.of("coin")
    torch.manual_seed(0)
    model = coin.build(way, prepared.parts["test"].features.shape[1], 6, SETTINGS).eval()
    test = coin.batches(prepared.parts["test"], way, SETTINGS)
    partner, gate = coin_looks._partner(model, test)
    first = prepared.parts["test"].offsets[:-1]
    assert np.isnan(partner[first]).all()
    assert np.isnan(gate[first]).all()
    known = partner[~np.isnan(partner)]
    assert 0 <= known.min() < 0.2
    assert 0.8 < known.max() <= 1 + 1e-6


def result(**scores: float) -> Result:
    return Result([("test", name, value) for name, value in scores.items()], {})


def test_leads_and_the_way_to_the_ceiling():
    def trial(method: str) -> Trial:
        return Trial("emotions", "main", 0, method)

    results = {trial(m): result(accuracy=50.0, f1_weighted=40.0 + k, f1_angry=30.0) for k, m in enumerate(coin.OTHERS)}
    results |= {trial("coin"): result(accuracy=65.0, f1_weighted=50.0, f1_angry=35.0)}
    results |= {trial("own_ceiling"): result(accuracy=60.0), trial("joint_ceiling"): result(accuracy=70.0)}
    found = {name: value for _, name, value in coin.across(results)[trial("coin")]}
    assert found == {"lead": 50 - 47, "angry_lead": 5, "gap_closed": 50}
    del results[trial("icon")]
    assert {name for _, name, _ in coin.across(results)[trial("coin")]} == {"gap_closed"}


@pytest.mark.parametrize(
    ("data", "world", "message"),
    [
        ("iemocap", "main", "data set 'iemocap' has no world"),
        ("emotions", "sweep:coupling=much", "no world 'sweep:coupling=much'; known: main"),
        ("emotions", "null:no_copling", "did you mean 'no_coupling'"),
    ],
)
def test_no_such_world(data: str, world: str, message: str):
    with pytest.raises(SettingsError, match=message):
        coin.world(data, world, 0, SETTINGS)


def test_an_unknown_method_is_told():
    with pytest.raises(SettingsError, match="no method 'coin_no_sm'; did you mean 'coin_no_smi'"):
        run("coin_no_sm")


def test_words_become_features_where_there_are_no_others(tmp_path):
    data = coin.world("emotions", "main", 0, SETTINGS)
    parts = dict(zip(("train", "valid", "test"), data.official(), strict=True))
    named = {part: Split(split.table.drop_columns(["text_vector", "audio", "video"])) for part, split in parts.items()}
    bag = matrix(coin_words.described(named, "bag")["test"].table["text_vector"])
    np.testing.assert_allclose(np.linalg.norm(bag, axis=1), 1, rtol=1e-5)  # every sentence has usual words
    assert bag.shape[1] <= coin_words.USUAL
    said = named["test"].table["text"].to_pylist()
    (tmp_path / "vectors.txt").write_text(
        "".join(f"{word} {n} 1\n" for n, word in enumerate(sorted(set(said[0].lower().split()))))
    )
    file = str(tmp_path / "vectors.txt")
    mean = matrix(coin_words.described(named, file)["test"].table["text_vector"])
    assert mean.shape == (len(said), 2)
    assert mean[0, 1] == 1
    coin.check(SETTINGS | {"text_features": str(file)}, ["iemocap"], "real")
    with pytest.raises(SettingsError, match="text_features = 'no-such-file': neither bag nor a file"):
        coin.check(SETTINGS | {"text_features": "no-such-file"}, ["iemocap"], "real")

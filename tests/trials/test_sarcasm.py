"""Trials of sarcasm: what a method sees, what is kept apart, what is scored, what gives a line away."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from mmkit import papers
from mmkit.claims import Claim, judge
from mmkit.errors import SettingsError
from mmkit.models import kernel_fusion
from mmkit.readers import mosi_talks, mustard
from mmkit.study.settings import resolve
from mmkit.trials import Result, Trial, frozen, sarcasm, sarcasm_looks
from tests.readers import clip_files, film_files, mustard_files

PAPER = papers.find("06")
TINY = {"word_dim": 8, "hidden": 8, "neural_epochs": 1}
SETTINGS = {name: s.value for name, s in resolve(PAPER, "smoke", "world", TINY).items()}
ALL = sarcasm_looks.BLOCKS


def trial(method: str, world: str = "main", seed: int = 0, data: str = "sarcasm") -> Trial:
    return Trial(data, world, seed, method)


@lru_cache
def run(method: str, world: str = "main", **changed) -> Result:
    return sarcasm.run(trial(method, world), SETTINGS | changed, device="cpu")


def values(result: Result) -> dict[str, float]:
    return {name: value for _, name, value in result.rows}


def world(name: str = "main", records: int = 300, **changed):
    return sarcasm.world("sarcasm", name, 0, SETTINGS | {"world_records": records} | changed)


@pytest.fixture(scope="module")
def prepared():
    return sarcasm._prepared("sarcasm", "main", 0, False, frozen(SETTINGS), None, "", "")


def test_the_file_names_every_method():
    assert set(PAPER.settings["methods"]["choices"]) == set(sarcasm.METHODS)
    assert {"gain", "cause_agreement", "accuracy_unclear"} <= set(PAPER.facts["metrics"])


@pytest.mark.parametrize("method", sorted({*sarcasm.METHODS, *sarcasm.REFERENCES}))
def test_every_method_runs_and_gives_every_score(method: str, prepared):
    found = run(method)
    got = values(found)
    assert got.keys() >= {"accuracy", "accuracy_balanced", "f1_sarcastic", "not_a_label", "accuracy_unclear"}
    assert all(0 <= value <= 100 for name, value in got.items() if name != "gain")
    assert (found.cost["parameters"] > 0) == method.startswith("neural")
    assert ("decision" in found.arrays) == method.startswith(("svm", "linear", "late", "kernels"))
    assert ("gain" in got) == (method in sarcasm.GAINS)
    assert ("cause_agreement" in got) == (method == "ideal_all" or method.startswith("svm_all"))
    if not method.endswith("_scenes"):
        assert got["accuracy"] == pytest.approx(100 * (found.arrays["said"] == prepared.y["test"]).mean())


@pytest.mark.parametrize("method", ["neural_head", "svm_all", "late_all", "svm_all_random_block"])
def test_the_same_trial_gives_the_same_numbers_and_another_seed_others(method: str):
    first, again, other = (sarcasm.run(trial(method, seed=seed), SETTINGS, device="cpu") for seed in (0, 0, 1))
    assert first.rows == again.rows
    assert all(np.array_equal(first.arrays[name], again.arrays[name]) for name in first.arrays)
    assert other.rows != first.rows


# --- what is kept apart ---------------------------------------------------------------------------------------------


def parts(dataset, method: str = "svm_text", seed: int = 0, **changed):
    return sarcasm.splits(dataset, trial(method, seed=seed), SETTINGS | changed)


def test_utterances_are_parted_at_random_and_classes_stay_alike():
    data = world()
    found = parts(data)
    assert [len(part) for part in found] == pytest.approx([216, 24, 60], abs=2)
    assert sorted(id for part in found for id in part.table["id"].to_pylist()) == sorted(data.records.table["id"].to_pylist())
    shares = [part.table["sarcasm"].to_numpy().mean() for part in (data.records, *found)]
    assert shares == pytest.approx([shares[0]] * 4, abs=0.05)
    scenes = [set(part.table["dialogue"].to_pylist()) for part in found]
    assert len(scenes[0] & scenes[2]) > 10  # so a machine may know the scene
    assert len(parts(data, test_share=0.5)[2]) == pytest.approx(150, abs=2)


@pytest.mark.parametrize(("how", "column"), [("scenes", "dialogue"), ("speakers", "speaker"), ("method", "dialogue")])
def test_scenes_and_speakers_lie_in_one_part(how: str, column: str):
    found = parts(world(), "svm_all_scenes") if how == "method" else parts(world(), split=how)
    groups = [set(part.table[column].to_pylist()) for part in found]
    assert all(groups)
    assert sum(map(len, groups)) == len(set.union(*groups))
    assert sum(map(len, found)) == 300


@pytest.mark.parametrize("seed", range(10))
def test_mustard_is_tested_on_its_published_folds(tmp_path, seed: int):
    data = mustard.read(mustard_files.folder(tmp_path))
    train, valid, test = (part.table["id"].to_pylist() for part in parts(data, seed=seed))
    assert test == [id for id, fold in zip(mustard_files.IDS, mustard_files.TESTED, strict=True) if fold == seed % 5]
    assert len(valid) == 1
    assert sorted(train + valid + test) == sorted(mustard_files.IDS)
    speakers = [set(part.table["speaker"].to_pylist()) for part in parts(data, seed=seed, split="speakers")]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == 4


def test_mosi_keeps_its_parts(tmp_path):
    data = mosi_talks.read(film_files.mosi(tmp_path / "mosi"))
    for method, how in (("svm_text", "random"), ("svm_all_scenes", "speakers")):
        found = [part.table["part"].unique().to_pylist() for part in parts(data, method, split=how)]
        assert found == [["train"], ["valid"], ["test"]]


def test_methods_go_with_what_the_data_has():
    def of(data: str) -> set[str]:
        return {m for m in (*sarcasm.METHODS, *sarcasm.REFERENCES) if sarcasm.applies(m, data)}

    assert of("sarcasm") == {*sarcasm.METHODS, *sarcasm.REFERENCES}
    assert of("mustard") == {"neural_text", "neural_head", "svm_text", "svm_bag", "linear_text", "speaker", "majority"}
    assert of("clips") - of("mosi") == {m for m in sarcasm.METHODS if m.endswith("_scenes")}
    assert of("sarcasm") - of("clips") == {"ideal_text", "ideal_all", "neural_pretrained"}


# --- worlds ---------------------------------------------------------------------------------------------------------


def test_a_null_control_keeps_what_it_does_not_name():
    for name, kept in (("main", True), ("null:mismatch_off", True), ("null:no_leak", False)):
        told = world(name, 60, world_leak=1.25, world_traces=3.5).fingerprint
        assert ("leak=1.25" in told, "traces=3.5" in told) == (kept, kept)
    assert "delivery='unrelated'" in world("null:mismatch_off", 60).fingerprint


def test_sound_and_frames_are_described():
    data = world("sweep:emitter=signal", 50)
    assert {m.name: m.shape for m in data.schema.modalities if m.name in ("audio", "video")} == {"audio": (220,), "video": (162,)}
    assert world("sweep:emitter=features", 60).fingerprint == world("main", 60).fingerprint


def test_ideal_readers_bound_what_is_possible():
    def accuracy(method: str, name: str = "main", **changed) -> float:
        return values(run(method, name, world_records=1500, **changed))["accuracy"]

    assert accuracy("majority") < accuracy("ideal_text") - 10 < accuracy("ideal_all") - 13
    assert accuracy("svm_text") < accuracy("ideal_text") + 2
    assert accuracy("svm_text") < accuracy("svm_all") < accuracy("ideal_all")
    assert accuracy("ideal_text", "null:mismatch_off") == accuracy("ideal_all", "null:mismatch_off") == accuracy("ideal_text")


def test_who_speaks_answers_for_what_is_said(prepared):
    train, test = (prepared.splits[part].table["speaker"].to_pylist() for part in ("train", "test"))
    taken = {"Ana": 0.7, "Bruno": 0.4}  # how often they are sarcastic; the others never
    rng = np.random.default_rng(0)
    planted = replace(prepared, y=prepared.y | {"train": np.array([int(rng.random() < taken.get(name, 0)) for name in train])})
    assert sarcasm._reference("speaker", planted).tolist() == [name == "Ana" for name in test]
    assert 0 < test.count("Ana") < len(test)
    assert run("speaker").arrays["said"].tolist() == sarcasm._reference("speaker", prepared).tolist()

    table = prepared.splits["test"].table
    strangers = table.set_column(table.column_names.index("speaker"), "speaker", [["Zoe"] * (len(test) - 1) + [None]])
    strange = replace(planted, splits=prepared.splits | {"test": replace(prepared.splits["test"], table=strangers)})
    assert not sarcasm._reference("speaker", strange).any()  # as most lines are meant
    assert sarcasm._reference("speaker", replace(strange, y={"train": 1 - planted.y["train"]})).all()


# --- machines -------------------------------------------------------------------------------------------------------


def columns(prepared, part: str) -> np.ndarray:
    return np.concatenate([prepared.x[part][name] for name in ALL], axis=1)


@pytest.mark.parametrize("method", ["svm_all", "svm_all_raw"])
def test_a_machine_is_the_one_that_scikit_learn_finds(method: str, prepared):
    train, test = columns(prepared, "train"), columns(prepared, "test")
    if method == "svm_all":
        scale = StandardScaler().fit(train)
        train, test = scale.transform(train), scale.transform(test)
    machine = SVC(C=1000.0, gamma="scale").fit(train, prepared.y["train"])
    np.testing.assert_allclose(run(method).arrays["decision"], machine.decision_function(test), atol=1e-3)


def test_scaling_is_a_setting():
    unscaled = run("svm_all", scaled=False).arrays["decision"]
    np.testing.assert_array_equal(unscaled, run("svm_all_raw").arrays["decision"])
    assert abs(unscaled - run("svm_all").arrays["decision"]).max() > 0.1


def test_blocks_of_a_method():
    assert sarcasm.blocks_of("svm_text_video") == ("text", "video")
    assert sarcasm.blocks_of("svm_all_scenes") == sarcasm.blocks_of("kernels_all") == ALL
    assert sarcasm.blocks_of("svm_bag") == sarcasm.blocks_of("majority") == ()
    said = [run(m).arrays["said"].tobytes() for m in ("svm_text", "svm_audio", "svm_video", "svm_text_audio", "svm_bag")]
    assert len(set(said)) == 5


@pytest.mark.parametrize("name", ["main", "null:mismatch_off"])
@pytest.mark.parametrize("kind", ["svm", "linear"])
def test_a_gain_is_over_the_same_machine_on_text_alone(kind: str, name: str):
    both = values(run(f"{kind}_all", name)), values(run(f"{kind}_text", name))
    assert both[0]["gain"] == pytest.approx(both[0]["accuracy"] - both[1]["accuracy"])
    assert "gain" not in both[1]


def test_words_of_the_table_start_where_it_says(prepared):
    words, table = prepared.table
    found = sarcasm._vectors(("<pad>", "nunca visto", words[7], words[2]), prepared.table, 0)
    np.testing.assert_allclose(found[2:], table[[7, 2]] / table.std(), rtol=1e-6)
    assert found.shape == (4, table.shape[1])
    assert abs(found[:2].std() - 1) < 0.2
    assert np.array_equal(found[1], sarcasm._vectors(("<pad>", "otro"), prepared.table, 0)[1])


def test_clips_are_described_as_the_settings_say(tmp_path):
    clip_files.corpus(tmp_path, frames=False)
    reader = ("sarcasm_clips", tmp_path, "")
    compact, literal = (sarcasm._files(*reader, SETTINGS | {"audio_features": how}) for how in ("compact", "literal"))
    assert [m.shape for data in (compact, literal) for m in data.schema.modalities if m.name == "audio"] == [(220,), (2229,)]
    with pytest.raises(SettingsError, match="clips has no video, which method 'svm_all' needs"):
        sarcasm.run(trial("svm_all", "real", 0, "clips"), SETTINGS, root=tmp_path, reader="sarcasm_clips")
    found = sarcasm.run(trial("svm_text_audio", "real", 0, "clips"), SETTINGS, root=tmp_path, reader="sarcasm_clips")
    assert values(found).keys() == {"accuracy", "accuracy_balanced", "f1_sarcastic", "not_a_label"}  # nobody knows the truth


# --- what gives a line away -----------------------------------------------------------------------------------------


def planted(rows: int, seed: int):
    """(blocks, labels, block that says so): a third of the lines is sarcastic, by one number of one block."""
    rng = np.random.default_rng(seed)
    x = {name: rng.normal(0, 0.3, (rows, 3)) for name in ALL}
    y, where = rng.random(rows) < 1 / 3, rng.integers(3, size=rows)
    for at, name in enumerate(ALL):
        x[name][y & (where == at), 0] += 3.0
    return x, y.astype(int), where


def test_what_gives_a_line_away_is_named_where_one_block_does():
    (x, y, _), (other, sarcastic, where) = planted(400, 0), planted(200, 1)
    blocks = kernel_fusion.Blocks(x)
    found = sarcasm_looks.decisions(kernel_fusion.fit(blocks, y, ALL, 10.0), blocks, blocks.distances(other))
    assert (sarcasm_looks.left_out(found) == where)[sarcastic == 1].mean() > 0.95
    assert (sarcasm_looks.added(found) == where)[sarcastic == 1].mean() > 0.95


def test_a_block_is_left_out_by_its_mean(prepared):
    blocks, distances = sarcasm.measured(prepared, True)
    found = sarcasm_looks.decisions(kernel_fusion.fit(blocks, prepared.y["train"], ALL), blocks, distances["test"])
    scale = StandardScaler().fit(columns(prepared, "train"))
    machine = SVC(C=1000.0, gamma="scale").fit(scale.transform(columns(prepared, "train")), prepared.y["train"])
    assert list(found) == ["text_audio_video", "audio_video", "text_video", "text_audio", "text", ""]
    for seen, decided in found.items():
        shown = {b: prepared.x["test"][b].copy() for b in ALL}
        for block in set(ALL) - set(seen.split("_")):
            shown[block][:] = prepared.x["train"][block].mean(axis=0)
        joined = scale.transform(np.hstack(list(shown.values())))
        np.testing.assert_allclose(decided, machine.decision_function(joined), atol=1e-4)


def test_words_and_voice_that_need_each_other_are_both_lost():
    both, one, none = np.array([3.0, 3.0]), np.array([-1.0, -1.0]), np.array([-1.0, -1.0])
    face = np.array([2.9, 0.0])  # without the face
    found = {"text_audio_video": both, "audio_video": one, "text_video": one, "text_audio": face, "text": one, "": none}
    assert sarcasm_looks.left_out(found).tolist() == [0, 0]  # the words, as the first of two equal ones
    assert sarcasm_looks.added(found).tolist() == [1, 1]
    assert sarcasm_looks.left_out(found | {"text_audio": np.array([-2.0, -0.5])}).tolist() == [2, 0]


def test_the_ideal_reader_leaves_out_blocks_by_its_odds(prepared):
    truth = prepared.splits["test"].truth
    odds = sarcasm_looks.log_odds(truth)
    assert list(odds) == ["text_audio_video", "audio_video", "text_video", "text_audio"]
    for name, x in odds.items():
        np.testing.assert_allclose(1 / (1 + np.exp(-x)), truth[f"posterior_{name}"], atol=1e-6)
    named = run("ideal_all").arrays["giveaway"]
    least = np.stack([truth[f"posterior_{name}"] for name in ("audio_video", "text_video", "text_audio")])
    assert (least[named, np.arange(len(named))] <= least.min(axis=0) + 1e-6).all()


def test_agreement_is_over_sarcastic_lines_that_something_gives_away(prepared):
    y, cause = prepared.y["test"], np.array(prepared.splits["test"].truth["cause"].to_pylist())
    asked = [k for k in range(len(y)) if y[k] and cause[k] in ("text", "prosody", "face")]
    right = np.array([list(sarcasm.CAUSES.values()).index(c) if c in sarcasm.CAUSES.values() else 0 for c in cause], np.int8)
    half = right.copy()
    half[asked[::2]] = (half[asked[::2]] + 1) % 3
    half[y == 0] = (half[y == 0] + 1) % 3
    got = values(sarcasm._finished(prepared, y, {"giveaway": right, "added": half}, {}))
    assert got["cause_agreement"] == 100
    assert got["cause_agreement_added"] == pytest.approx(100 * len(asked[1::2]) / len(asked))
    words = prepared.splits["test"].truth["posterior_text"].to_numpy()
    unclear = [k for k in range(len(y)) if 0.2 < words[k] < 0.8]
    wrong = y.copy()
    wrong[unclear[0]] = 1 - y[unclear[0]]
    wrong[np.argmin(words)] = 1 - y[np.argmin(words)]
    found = values(sarcasm._finished(prepared, wrong, {}, {}))
    assert found["accuracy_unclear"] == pytest.approx(100 * (1 - 1 / len(unclear)))
    assert "cause_agreement" not in found


# --- scores and claims ----------------------------------------------------------------------------------------------


def test_scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    y, said = rng.integers(2, size=80), rng.integers(-1, 2, size=80)
    got = {name: value for _, name, value in sarcasm.scores(y, said)}
    assert got["accuracy"] == pytest.approx(100 * (y == said).mean())
    assert got["not_a_label"] == pytest.approx(100 * (said == -1).mean())
    assert got["f1_sarcastic"] == pytest.approx(100 * f1_score(y, said, labels=[1], average="macro"))
    wrong = np.where(said < 0, 1 - y, said)  # no label is a wrong one
    assert got["accuracy_balanced"] == pytest.approx(100 * balanced_accuracy_score(y, wrong))
    one = {name: value for _, name, value in sarcasm.scores(np.array([0, 1, 1, 1]), np.zeros(4, int))}
    assert (one["accuracy"], one["accuracy_balanced"], one["f1_sarcastic"]) == (25, 50, 0)


@pytest.mark.parametrize(("gains", "verdict"), [((0.1, -0.2, 0.0, 0.2, 0.1), "upheld"), ((3.0, 2.8, 3.1, 2.9, 3.0), "refuted")])
def test_linear_fusion_gains_at_most_a_point(gains: tuple[float, ...], verdict: str):
    claim = next(Claim.from_facts(c) for c in PAPER.claims if c["id"] == "C7b")
    assert (claim.better, claim.worse, claim.test, claim.margin) == ("linear_all", "linear_text", "at_most", 1.0)
    rows = [("linear_text", seed, 85.0) for seed in range(5)] + [("linear_all", seed, 85 + g) for seed, g in enumerate(gains)]
    scores = pd.DataFrame(rows, columns=["method", "seed", "value"]).assign(
        data="sarcasm", world="main", split="test", metric="accuracy"
    )
    assert judge([claim], scores)[0].verdict == verdict


def test_every_claim_finds_its_scores_in_the_trials():
    asked = {(name, c["better" if good else "worse"], c["metric"])
             for c in PAPER.claims for name in (c["world"], c.get("null", c["world"])) for good in (True, False)}  # fmt: skip
    for name, method, metric in sorted(asked):
        assert metric in values(run(method, name))


# --- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        ("mustard", "main", "data set 'mustard' has no world, only real data"),
        ("sarcasm", "sweep:emitter=radio", r"no world 'sweep:emitter=radio'; known: main, null:<name>"),
        ("sarcasm", "null:no_leek", "did you mean 'no_leak'"),
    ],
)
def test_no_such_world(data: str, name: str, message: str):
    with pytest.raises(SettingsError, match=message):
        sarcasm.world(data, name, 0, SETTINGS)


def test_what_does_not_fit_is_told_before_anything_is_computed():
    with pytest.raises(SettingsError, match="hidden = 15, expected an even number"):
        sarcasm.check(SETTINGS | {"hidden": 15}, ["sarcasm"], "world")
    with pytest.raises(SettingsError, match="data set 'mosi' has no world"):
        sarcasm.check(SETTINGS, ["sarcasm", "mosi"], "world")
    sarcasm.check(SETTINGS, ["mosi"], "real")
    with pytest.raises(SettingsError, match="no method 'svm_al'; did you mean 'svm_all'"):
        run("svm_al")


def test_words_alone_are_no_voice(tmp_path):
    mustard_files.folder(tmp_path)
    with pytest.raises(SettingsError, match="mustard has no audio, which method 'svm_text_audio' needs"):
        sarcasm.run(trial("svm_text_audio", "real", 0, "mustard"), SETTINGS, root=tmp_path, reader="mustard")

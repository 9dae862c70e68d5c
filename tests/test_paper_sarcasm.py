"""What the sarcasm paper published: which counts its accuracies can be, and that claims, worlds, methods and settings fit."""

from __future__ import annotations

import pytest

from mmkit.claims import Claim
from mmkit.papers import PROFILES, find
from mmkit.scores import paired
from mmkit.study.settings import check_sources, resolve
from mmkit.trials import sarcasm

PAPER = find("06")
EXACT = PAPER.facts["exact"]
PRINTED = {PAPER.facts["methods"][m]: m for m in PAPER.facts["methods"]}
ACCURACY = {PRINTED[label]: value for label, value in PAPER.table("2")["rows"]}
SETTINGS = {name: s.value for name, s in resolve(PAPER, "smoke", "world", {"world_records": 100}).items()}
CLAIMS = {claim["id"]: claim for claim in PAPER.claims}


def test_test_parts_for_which_the_accuracies_are_whole_numbers():
    svm = [ACCURACY[m] for m in ("svm_text", "svm_text_audio", "svm_all")]
    most = max(EXACT["test_sizes_three_svm"])
    assert paired.sizes_printed(svm, most).tolist() == EXACT["test_sizes_three_svm"]
    assert paired.sizes_printed([*svm, ACCURACY["neural_text"]], most).tolist() == EXACT["test_sizes_all_four"]
    assert [round(100 * n / 173, 1) for n in EXACT["correct_if_173"]] == svm


def test_widths_of_the_features_add_up():
    assert EXACT["text_dim"] == EXACT["glove_dim"] + EXACT["elmo_dim"]
    assert EXACT["video_dim"] == PAPER.facts["hyperparameters"]["frames_per_clip"] * EXACT["resnet_pool_dim"]


def test_claims_name_methods_worlds_and_printed_values():
    for id, claim in CLAIMS.items():
        assert Claim.from_facts(claim).id == id
        assert claim["metric"] in PAPER.facts["metrics"]
        assert {claim["better"], claim["worse"]} - {""} <= set(sarcasm.METHODS)
        for name in (claim["world"], claim.get("null", "main")):
            assert len(sarcasm.world("sarcasm", name, 0, SETTINGS).records)
        if claim["published"]:
            assert claim["published"] == {side: ACCURACY[claim[side]] for side in ("better", "worse")}


def test_every_profile_resolves_and_names_its_sources():
    for profile in PROFILES:
        for data in ("world", "real"):
            resolve(PAPER, profile, data, {})
    assert check_sources(PAPER) == []
    paper = {name: s.value for name, s in resolve(PAPER, "paper", "real", {}).items()}
    stated = PAPER.facts["hyperparameters"]
    assert paper["svm_c"] == stated["svm_C"]
    assert paper["test_share"] == pytest.approx(stated["test_percent"] / 100)
    assert paper["frame_net"] == f"resnet{stated['resnet_depth']}"
    assert set(PAPER.settings["methods"]["choices"]) == set(sarcasm.METHODS)

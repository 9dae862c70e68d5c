"""What PM+MO published, and that its claims, worlds and settings fit together."""

import pytest

from mmkit.claims import Claim
from mmkit.models.pmmo import METHODS
from mmkit.papers import PROFILES, find
from mmkit.study.settings import check_sources, resolve
from mmkit.trials.pmmo import MODEL_WORLDS, REFERENCES, world

PAPER = find("01")
CLAIMS = {claim["id"]: claim for claim in PAPER.claims}
LABEL = {label: method for method, label in PAPER.facts["methods"].items()}
IN_COSTS = {"seconds_per_epoch"}
TINY = {"world_records": 60, "world_text_dim": 8, "world_poster_dim": 8}


def settings(**changed):
    return {name: s.value for name, s in resolve(PAPER, "smoke", "world", changed).items()}


def printed(label, metric="weighted"):
    found = {
        row[0]: dict(zip(table["columns"], row, strict=True))
        for id in ("2", "1")
        for table in [PAPER.table(id)]
        for row in table["rows"]
    }
    return found[label][metric]


def test_every_row_of_both_tables_is_a_method():
    rows = [row for id in ("1", "2") for row in PAPER.table(id)["rows"]]
    assert {row[0] for row in rows} == set(LABEL)
    assert all(len(row) == 5 and all(0.5 < value < 0.7 for value in row[1:]) for row in rows)
    assert set(LABEL.values()) <= set(METHODS)
    assert PAPER.table("1")["rows"][0] == PAPER.table("2")["rows"][0]  # the best row stands in both
    values = PAPER.printed("mmimdb")
    assert values["f1_weighted"]["gmu"] == printed("GMU Baseline")
    assert values["f1_macro"]["m_mo"] == printed("M+MO (2 units minus VI)", "macro")
    assert set(PAPER.printed("mmimdb", "1")["f1_micro"]) == {"pmmo_lambda_l2", "pmmo_lambda_l2_narrow", "gmu"}


def test_the_ablation_spans_less_than_a_hundredth():
    rows = [row[3] for row in PAPER.table("2")["rows"] if row[0].startswith("PM+MO")]
    assert len(rows) == 7
    assert max(rows) - min(rows) == pytest.approx(0.008)


def test_derived_counts_are_sums_of_the_printed_sizes():
    exact = PAPER.facts["exact"]
    for h in (3000, 1024):
        maps = 300 * h + 4096 * h + 4396 * h + 3 * h
        norms = 2 * (300 + 4096 + 4396)
        assert exact[f"module_a_parameters_h{h}"] == maps + norms
        assert exact[f"module_c_parameters_h{h}_k5"] == 2 * 5 * (h * h + h) + 3 * 2 * h + 23 * h + 23
    assert exact["module_a_latents_h3000"] == exact["module_a_parameters_h3000"] - 2 * (300 + 4096 + 4396)
    assert exact["official_train"] + exact["official_dev"] + exact["official_test"] == exact["movies"]
    assert round(exact["label_assignments"] / exact["movies"], 2) == exact["mean_labels_per_movie"]


@pytest.mark.parametrize("id", CLAIMS)
def test_a_claim_names_what_exists(id):
    claim = Claim.from_facts(CLAIMS[id])
    assert claim.data == "mmimdb"
    assert claim.direction == PAPER.facts["metrics"][claim.metric]["direction"]
    assert {claim.better, claim.worse} <= {*METHODS, ""}
    for name in (claim.world, *([claim.null] if claim.null else [])):
        assert len(world(claim.data, name, 0, settings(**TINY)).records) == 60
    assert (claim.kind == "cost") == (claim.metric in IN_COSTS)
    pair = claim.published
    if set(pair) == {"better", "worse"} and claim.kind == "comparison":
        column = {"f1_weighted": "weighted", "f1_macro": "macro"}[claim.metric]
        labels = {method: label for label, method in LABEL.items()}
        assert pair == {side: printed(labels[getattr(claim, side)], column) for side in ("better", "worse")}


def test_sweeps_profiles_and_seeds_fit_together():
    for sweep in PAPER.facts["sweep"]:
        assert set(sweep["methods"]) <= set(METHODS)
        assert all(len(world(sweep["data"], name, 0, settings(**TINY)).records) == 60 for name in sweep["worlds"])
    assert set(PAPER.settings["methods"]["choices"]) == set(METHODS)
    assert set(PAPER.facts["methods"]) <= set(PAPER.settings["methods"]["value"])
    assert not set(METHODS) & set(REFERENCES)
    assert all(name.startswith("null:") for name in MODEL_WORLDS)
    assert set(PAPER.facts["seeds"]) == set(PROFILES)
    assert len(PAPER.facts["seeds"]["lab"]) == len(PAPER.facts["seeds"]["paper"]) == PAPER.facts["hyperparameters"]["cycles"]
    assert 1000 not in PAPER.facts["seeds"]["lab"]  # sizes were chosen there
    assert check_sources(PAPER) == []


@pytest.mark.parametrize("data", ["world", "real"])
@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_resolves(profile, data):
    resolved = {name: s.value for name, s in resolve(PAPER, profile, data).items()}
    if profile == "paper":
        published = {"hidden_dim": 3000, "narrow_dim": 1024, "batch_size": 512, "dropout": 0.9, "lambda_kl": 0.2, "epochs": 25}
        assert {name: resolved[name] for name in published} == published
    assert resolved["few_units"] < resolved["narrow_dim"] < resolved["hidden_dim"]

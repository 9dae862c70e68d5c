"""What MulT-GMU published, and that its claims, worlds and settings fit together."""

import math

import pytest

from mmkit.claims import Claim
from mmkit.papers import PROFILES, find
from mmkit.study.settings import check_sources, resolve
from mmkit.trials.mult_gmu import FUSIONS, REFERENCES, letters, world

PAPER = find("02")
CLAIMS = {claim["id"]: claim for claim in PAPER.claims}
METHODS = PAPER.facts["methods"]
TINY = {"world_records": 60, "world_steps": 6}


def settings(**changed):
    return {name: s.value for name, s in resolve(PAPER, "smoke", "world", changed).items()}


def rows():
    return {row[0]: row[1:] for id in ("1", "2") for row in PAPER.table(id)["rows"]}


def test_every_row_of_both_tables_is_a_method():
    assert set(METHODS.values()) == set(rows())
    for method, label in METHODS.items():
        assert label.endswith(f"({letters(method)})")
        assert {"fastma": "Fast-MA", "concat": "MulT-Concat", "gmu": "MulT-GMU"}[method.partition("_")[0]] in label
    assert PAPER.printed("moviescope")["ap_micro"]["concat_TVPM"] == rows()["MulT-Concat (TVPM)"][0] == 46.1
    assert PAPER.printed("moviescope")["ap_samples"]["fastma_VA"] == rows()["Fast-MA (VA)"][4]
    assert PAPER.printed("mosi") == {}


def test_fast_ma_is_quoted_without_a_spread():
    for label, values in rows().items():
        assert len(values) == 6
        assert all(math.isnan(sd) == label.startswith("Fast-MA") for sd in values[1::2])


def test_the_gains_are_not_what_the_text_promises():
    """4 to 10 % over the previous best on all three metrics; one of the three gains in points is below."""
    gains = [a - b for a, b in zip(rows()["MulT-GMU (TVAPM)"][::2], rows()["Fast-MA (TVAPM)"][::2], strict=True)]
    assert [round(gain, 1) for gain in gains] == [4.2, 7.8, 3.1]


@pytest.mark.parametrize("id", CLAIMS)
def test_a_claim_names_what_exists(id):
    claim = Claim.from_facts(CLAIMS[id])
    assert claim.data == "moviescope"
    assert claim.direction == PAPER.facts["metrics"][claim.metric]["direction"]
    assert {m.partition("_")[0] for m in (claim.better, claim.worse) if m} <= set(FUSIONS)
    for name in claim.worlds or (claim.world, *([claim.null] if claim.null else [])):
        assert len(world(claim.data, name, 0, settings(**TINY)).records) == 60
    if set(claim.published) == {"better", "worse"}:
        column = {"ap_micro": 0, "spread": 1}[claim.metric]
        assert claim.published == {side: rows()[METHODS[getattr(claim, side)]][column] for side in ("better", "worse")}


def test_sweeps_profiles_and_seeds_fit_together():
    known = set(PAPER.settings["methods"]["choices"])
    for sweep in PAPER.facts["sweep"]:
        assert set(sweep["methods"]) <= known
        assert all(len(world(sweep["data"], name, 0, settings(**TINY)).records) == 60 for name in sweep["worlds"])
    assert {m.partition("_")[0] for m in known} == set(FUSIONS)
    assert set(METHODS) <= known
    assert not known & set(REFERENCES)
    assert set(PAPER.facts["seeds"]) == set(PROFILES)
    assert len(PAPER.facts["seeds"]["lab"]) == PAPER.facts["hyperparameters"]["runs"]
    assert 1000 not in PAPER.facts["seeds"]["lab"]  # sizes were chosen there
    assert check_sources(PAPER) == []


@pytest.mark.parametrize("data", ["world", "real"])
@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_resolves(profile, data):
    resolved = {name: s.value for name, s in resolve(PAPER, profile, data).items()}
    assert resolved["width"] % resolved["heads"] == 0
    assert resolved["world_steps"] >= resolved["world_scenes"]
    if profile == "paper":
        code = PAPER.facts["hyperparameters_from_code"]
        assert resolved["width"] == code["model_width"]
        assert resolved["heads"] == code["heads_readme"]
        assert resolved["learning_rate"] == code["learning_rate_readme"]
        assert resolved["batch_size"] == code["batch_size_readme"] * code["gradient_accumulation_readme"]
        assert (resolved["causal"], resolved["tied_pairs"], resolved["summary"]) == (True, True, "last")

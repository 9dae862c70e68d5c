"""The registry of papers, what paper 05 published, and how its settings are resolved."""

from __future__ import annotations

import math

import pytest

from mmkit.errors import SettingsError
from mmkit.models.tabular import COMBINERS
from mmkit.papers import PROFILES, SOURCES, all_papers, find
from mmkit.study.settings import check_sources, resolve
from mmkit.trials.tabular import world

TABULAR = find("05_tabular")
CLAIMS = {claim["id"]: claim for claim in TABULAR.claims}
RAN_BY_TRIALS = {"rho_text"}  # metrics that trials add to those of Table 3


def test_seventeen_papers_in_the_order_of_their_numbers():
    papers = all_papers()
    assert [p.number for p in papers] == [f"{i:02d}" for i in range(1, 18)]
    assert len({p.bibtex_key for p in papers}) == len({p.title for p in papers}) == 17
    assert all(p.title and p.authors and p.venue and p.task and 2015 <= p.year <= 2030 for p in papers)
    ready = ["01_pmmo", "02_mult_gmu", "05_tabular", "06_sarcasm", "07_coin", "08_fixed_targets", "11_graphvqa"]
    assert [p.slug for p in papers if p.ready] == ready


@pytest.mark.parametrize("name", [5, "5", "05", "05_tabular", "tabular", " Tabular "])
def test_a_paper_by_any_of_its_names(name):
    assert find(name) is TABULAR


@pytest.mark.parametrize(("name", "slug"), [(3, "03_mmgatbt"), ("10", "10_mcvt"), (17, "17_msd"), ("msd", "17_msd")])
def test_other_papers(name, slug):
    assert find(name).slug == slug
    assert not find(name).ready
    assert find(name).claims == []


@pytest.mark.parametrize(
    ("name", "told"),
    [("tabullar", "did you mean '05_tabular'?"), ("0", "known: 01_pmmo"), (18, "no paper '18'"), ("", "no paper ''")],
)
def test_no_such_paper(name, told):
    with pytest.raises(SettingsError) as error:
        find(name)
    assert told in str(error.value)


# --- what was published -------------------------------------------------------------------------------------------------


def table_3():
    table = TABULAR.table("3")
    return {row[0]: dict(zip(table["columns"][1:], row[1:], strict=True)) for row in table["rows"]}


def test_tables_are_rectangular_and_named():
    for id in ("1", "2", "3"):
        table = TABULAR.table(id)
        assert all(len(row) == len(table["columns"]) for row in table["rows"])
        assert table["what"]
    assert list(table_3()) == list(TABULAR.facts["methods"].values())
    with pytest.raises(SettingsError, match=r"paper 05_tabular has no table '4'"):
        TABULAR.table("4")


def test_the_published_pet_result_is_a_constant_guess():
    text_only = table_3()["Text Only"]
    p = text_only["petfinder_f1_micro"]
    assert round(2 * p / (5 * (1 + p)), 3) == text_only["petfinder_f1_macro"]


@pytest.mark.parametrize("id", CLAIMS)
def test_a_claim_names_what_exists(id):
    claim = CLAIMS[id]
    data, metrics = TABULAR.facts["data"], {**TABULAR.facts["metrics"], **dict.fromkeys(RAN_BY_TRIALS)}
    assert claim["kind"] in ("comparison", "trend", "interpretability", "exact", "cost")
    assert claim["data"] in data
    assert claim["metric"] in metrics
    assert claim["better"] in COMBINERS
    assert claim["worse"] in COMBINERS or (claim["kind"] == "exact" and claim["worse"] == "")
    assert claim["text"]
    assert claim["why"]
    assert claim["source"]
    assert claim.get("test", "above") in ("above", "at_most")
    assert claim.get("margin", 0.0) >= 0
    if claim["metric"] in TABULAR.facts["metrics"]:
        assert claim["direction"] == TABULAR.facts["metrics"][claim["metric"]]["direction"]
    for name in [
        *([claim["world"]] if "world" in claim else []),
        *([claim["null"]] if "null" in claim else []),
        *claim.get("worlds", []),
    ]:
        assert len(world(claim["data"], name, 0, {"world_records": 20}).records) == 20
    if claim["kind"] == "trend":
        assert len(claim["worlds"]) == len(claim["x"]) >= 3
        assert claim["x"] == sorted(claim["x"])
        assert [float(w.partition("=")[2]) for w in claim["worlds"]] == claim["x"]


@pytest.mark.parametrize("id", [i for i, c in CLAIMS.items() if c.get("published")])
def test_a_claim_quotes_the_table(id):
    claim = CLAIMS[id]
    column = TABULAR.facts["data"][claim["data"]]["columns"][claim["metric"]]
    for side, value in claim["published"].items():
        assert table_3()[TABULAR.facts["methods"][claim[side]]][column] == value


def test_data_sets_metrics_and_sweeps_fit_together():
    facts = TABULAR.facts
    assert list(facts["data"]) == TABULAR.settings["datasets"]["value"]
    for data in facts["data"].values():
        assert set(data["columns"]) <= set(facts["metrics"])
        assert set(data["columns"].values()) <= set(TABULAR.table("3")["columns"])
        assert data["published_as"] in [row[0] for row in TABULAR.table("2")["rows"]]
    for sweep in facts["sweep"]:
        assert set(sweep["methods"]) <= set(COMBINERS)
        assert all(len(world(sweep["data"], name, 0, {"world_records": 20}).records) == 20 for name in sweep["worlds"])
    assert set(facts["seeds"]) == set(PROFILES)
    assert len(facts["seeds"]["lab"]) >= 5
    assert set(TABULAR.settings["methods"]["choices"]) <= set(COMBINERS)
    assert list(facts["methods"]) == TABULAR.settings["methods"]["value"]


# --- settings -----------------------------------------------------------------------------------------------------------


def test_every_setting_has_a_source_and_every_profile_known_settings():
    assert check_sources(TABULAR) == []
    for spec in TABULAR.settings.values():
        assert spec["source"] in SOURCES
        assert spec["where"]
        assert spec["about"]
        assert not isinstance(spec["value"], int | float) or isinstance(spec["value"], bool) or {"low", "high"} <= set(spec)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("data", ["world", "real"])
def test_every_profile_is_possible_by_its_own_rules(profile, data):
    resolved = resolve(TABULAR, profile, data)
    assert list(resolved) == list(TABULAR.settings)
    for name, setting in resolved.items():
        again = resolve(TABULAR, profile, data, {name: setting.value})[name]  # what a profile sets a user may set
        assert (again.value, again.where) == (setting.value, "given by the user")


def test_paper_then_profile_then_real_data_then_user():
    def rate(*how):
        return resolve(TABULAR, *how)["learning_rate_regression"]

    profiles = TABULAR.profiles
    assert (rate("paper", "real").value, rate("paper", "real").source) == (3e-3, "paper")
    assert rate("lab", "world").value == profiles["lab"]["learning_rate_regression"]
    assert (rate("lab", "world").source, rate("lab", "world").where) == ("chosen", "profile lab")
    assert (
        rate("lab", "real").value
        == profiles["lab-real"]["learning_rate_regression"]
        != profiles["lab"]["learning_rate_regression"]
    )
    assert resolve(TABULAR, "lab", "real")["encoder"].value == profiles["lab"]["encoder"]  # refined, not replaced
    mine = rate("lab", "real", {"learning_rate_regression": 0.5})
    assert (mine.value, mine.source, mine.where, mine.published) == (0.5, "chosen", "given by the user", 3e-3)
    assert rate("smoke", "world").source == "paper"  # the profile repeats the paper's value: still the paper's


def test_an_int_is_a_float_and_a_tuple_is_a_list():
    got = resolve(TABULAR, "lab", "world", {"dropout": 0, "methods": ("concat", "gating")})
    assert got["dropout"].value == 0.0
    assert isinstance(got["dropout"].value, float)
    assert got["methods"].value == ["concat", "gating"]


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (
            {"learning_rat_regression": 1e-3},
            "unknown setting 'learning_rat_regression'; did you mean 'learning_rate_regression'?",
        ),
        ({"epochs": 2.0}, "epochs = 2.0 is a float, expected int, such as 5"),
        ({"epochs": "2"}, "epochs = '2' is a str, expected int"),
        ({"epochs": True}, "epochs = True is a bool, expected int"),
        ({"dropout": True}, "dropout = True is a bool, expected float"),
        ({"sweeps": 1}, "sweeps = 1 is a int, expected bool"),
        ({"epochs": 0}, "epochs = 0, expected between 1 and 1000"),
        ({"epochs": 1001}, "epochs = 1001, expected between 1 and 1000"),
        ({"dropout": math.inf}, "dropout = inf, expected between 0.0 and 0.9"),
        ({"dropout": math.nan}, "dropout is not a number"),
        ({"head": "lineal"}, "head = 'lineal'; did you mean 'linear'?"),
        ({"methods": "gating"}, "methods = 'gating' is a str, expected list"),
        ({"methods": []}, "methods is empty, expected at least one of text_only"),
        ({"methods": ["gatin"]}, "methods contains 'gatin'; did you mean 'gating'?"),
        ({"methods": ["gating", "concat", "gating"]}, "methods names gating twice"),
        ({"methods": [3]}, "methods contains 3"),
    ],
)
def test_impossible_settings_are_told(overrides, told):
    with pytest.raises(SettingsError) as error:
        resolve(TABULAR, "smoke", "world", overrides)
    assert told in str(error.value)
    assert str(error.value).startswith("paper 05_tabular: ")


def test_all_wrong_settings_are_told_at_once():
    with pytest.raises(SettingsError) as error:
        resolve(TABULAR, "smoke", "world", {"epoch": 1, "epochs": 0, "head": "x"})
    assert all(part in str(error.value) for part in ("'epoch'", "epochs = 0", "head = 'x'"))


@pytest.mark.parametrize(
    ("profile", "data", "told"),
    [("smok", "world", "did you mean 'smoke'?"), ("lab", "word", "did you mean 'world'?"), (3, "world", "profile = 3")],
)
def test_unknown_profiles_and_data(profile, data, told):
    with pytest.raises(SettingsError) as error:
        resolve(TABULAR, profile, data)
    assert told in str(error.value)


def test_a_bad_source_would_be_found():
    from dataclasses import replace

    facts = {**TABULAR.facts, "settings": {"epochs": {"value": 1, "source": "guess"}}, "profiles": {"lab": {"epoch": 2}}}
    assert check_sources(replace(TABULAR, facts=facts)) == [
        "setting epochs: source 'guess'",
        "profile lab: unknown setting 'epoch'",
    ]


# --- GraphVQA: what the released logs say of Table 1 -------------------------------------------------------------------

GRAPHS = find("11")


def rows_of(id: str) -> dict[str, dict[str, float]]:
    table = GRAPHS.table(id)
    return {row[0]: dict(zip(table["columns"][1:], row[1:], strict=True)) for row in table["rows"]}


def test_table_2_of_graphvqa_adds_up():
    counted, exact = rows_of("2"), GRAPHS.facts["exact"]
    for name in ("graphs", "nodes", "edges"):
        assert counted[name]["validation"] + counted[name]["train"] == counted[name]["all"] == exact[f"{name}_all"]
        assert exact[f"{name}_val"] + exact[f"{name}_train"] == exact[f"{name}_all"]
    for part in ("validation", "train", "all"):
        assert round(counted["nodes"][part] / counted["graphs"][part]) == counted["average nodes per graph"][part]
        assert round(counted["edges"][part] / counted["graphs"][part]) == counted["average edges per graph"][part]


def test_lcgn_open_in_table_1_cannot_be_right():
    """Accuracy is a mixture of binary and open with the same shares for every model; LCGN's printed Open equals its accuracy."""
    table, logs = rows_of("1"), GRAPHS.facts["logs"]
    shares = []
    for name in ("GCN", "Only Questions", "GraphVQA-GCN", "GraphVQA-GINE", "GraphVQA-GAT"):
        row = table[name]
        shares.append((row["accuracy"] - row["open"]) / (row["binary"] - row["open"]))
    share = sum(shares) / len(shares)
    assert max(abs(s - share) for s in shares) < 0.02
    lcgn = table["LCGN"]
    assert lcgn["open"] == lcgn["accuracy"]
    logged = logs["query"][logs["methods"].index("lcgn")]
    assert logged == 86.43
    assert abs(share * lcgn["binary"] + (1 - share) * logged - lcgn["accuracy"]) < 0.1
    assert abs(share * lcgn["binary"] + (1 - share) * lcgn["open"] - lcgn["accuracy"]) > 0.8


def test_the_logs_contradict_figure_6_and_3():
    logs = GRAPHS.facts["logs"]
    best = {kind: logs["methods"][max(range(5), key=lambda m: logs[kind][m])] for kind in ("verify", "query", "rel", "global")}
    assert best == {"verify": "gat", "query": "gat", "rel": "gat", "global": "gcn_plain"}
    assert all(abs(n / logs["questions_of_validation"] - 0.25) < 0.002 for n in logs["questions_in_logs"])

"""What the paper on fixed target rows published, and that its claims, worlds and settings fit together."""

import pytest

from mmkit.claims import Claim
from mmkit.papers import PROFILES, find
from mmkit.study.settings import check_sources, resolve
from mmkit.trials.fixed_targets import HEADS, REFERENCES, applies, width, world

PAPER = find("08")
CLAIMS = {claim["id"]: claim for claim in PAPER.claims}
TINY = {"world_records": 40, "world_lemmas": 120, "world_scenes": 40}
CAPTIONERS = {"tell": "Tell", "attend": "Attend"}


def settings(**changed):
    return {name: s.value for name, s in resolve(PAPER, "smoke", "world", changed).items()}


def row(table, *first):
    found = next(r for r in PAPER.table(table)["rows"] if r[: len(first)] == list(first))
    return dict(zip(PAPER.table(table)["columns"], found, strict=True))


def test_tables_are_rectangular():
    for table in PAPER.facts["table"]:
        assert all(len(r) == len(table["columns"]) for r in table["rows"])
    assert [t["id"] for t in PAPER.facts["table"]] == ["1", "2", "3", "4", "text-1"]


def test_table_3_repeats_the_printed_integers():
    printed = PAPER.facts["exact"]["printed"]
    for name, key in (("Tell", "tell"), ("Attend", "attend")):
        assert (row("3", name)["learned"], row("3", name)["fixed"]) == (printed[f"{key}_learned"], printed[f"{key}_fixed"])
    for name, key in (("Multi30K", "multi30k"), ("IWSLT", "iwslt")):
        for way in ("DE-EN", "EN-DE"):
            assert row("3", f"{name} {way}")["learned"] == printed[f"{key}_{way.lower().replace('-', '_')}_learned"]
            assert row("3", f"{name} {way}")["fixed"] == printed[f"{key}_fixed"]
    assert row("3", "WMT-14 EN-DE")["learned"] == printed["wmt_learned"]


def test_three_percentages_are_rounded_up_and_one_is_wrong():
    exact = {r[0]: (100 * (1 - r[2] / r[1]), r[3]) for r in PAPER.table("3")["rows"]}
    assert [m for m, (x, p) in exact.items() if p == int(x) + 1 and x - int(x) < 0.5] == [
        "Multi30K EN-DE",
        "IWSLT DE-EN",
        "IWSLT EN-DE",
    ]
    assert [m for m, (x, p) in exact.items() if p not in (int(x), int(x) + 1)] == ["WMT-14 EN-DE"]


@pytest.mark.parametrize("data", [name for name in PAPER.facts["data"] if name not in CAPTIONERS])
def test_a_data_set_knows_its_row_of_table_2(data):
    facts = PAPER.facts["data"][data]
    name, way = facts["published_as"].rsplit(" ", 1)
    assert facts["row"] == [name, way]
    assert data.endswith(way.lower().replace("-", "_"))
    there = row("2", name, way)
    assert PAPER.printed(data) == {"bleu": {m: there[m] for m in ("learned", "tied", "fixed")}}


@pytest.mark.parametrize("data", CAPTIONERS)
def test_a_captioner_knows_its_rows_of_table_1(data):
    label = CAPTIONERS[data]
    rows = {"learned": row("1", label), "tied": row("1", f"{label}-Tied"), "fixed": row("1", f"{label}-Fixed")}
    columns = {"bleu": "bleu4", "bleu3": "bleu3", "vocabulary_used": "vocab_used", "rouge_l": "rouge_l"}
    assert PAPER.printed(data) == {metric: {m: rows[m][column] for m in rows} for metric, column in columns.items()}
    assert PAPER.printed(data)["vocabulary_used"]["fixed"] == {"tell": 1378, "attend": 1026}[data]


@pytest.mark.parametrize("id", CLAIMS)
def test_a_claim_names_what_exists(id):
    claim = Claim.from_facts(CLAIMS[id])
    assert claim.metric in PAPER.facts["metrics"] or claim.kind == "exact"
    assert claim.data in (CAPTIONERS if id.startswith("K") else ("en_de", "de_en"))
    assert {claim.better, claim.worse} <= {*HEADS, ""}
    assert all(applies(method, claim.data) for method in (claim.better, claim.worse) if method)
    if claim.kind != "exact":
        assert claim.direction == PAPER.facts["metrics"][claim.metric]["direction"]
        for name in claim.worlds or (claim.world, *([claim.null] if claim.null else [])):
            assert len(world(claim.data, name, 0, settings(**TINY)).records) >= 40


@pytest.mark.parametrize(
    ("id", "better", "worse"),
    [
        ("C1", row("1", "Tell")["bleu4"], row("1", "Tell-Fixed")["bleu4"]),
        ("C2", row("2", "Multi30k", "EN-DE")["fixed"], row("2", "Multi30k", "EN-DE")["learned"]),
        ("C2b", row("2", "Multi30k", "DE-EN")["fixed"], row("2", "Multi30k", "DE-EN")["learned"]),
        ("C3", row("2", "WMT-14", "EN-DE")["learned"], row("2", "WMT-14", "EN-DE")["fixed"]),
        ("C4", row("1", "Tell-Fixed")["vocab_used"], row("1", "Tell")["vocab_used"]),
        ("C5", row("2", "Multi30k", "EN-DE")["fixed"], row("2", "Multi30k", "EN-DE")["tied"]),
        ("C6", row("3", "Multi30K EN-DE")["fixed"], row("3", "Multi30K EN-DE")["learned"]),
        ("K1", row("1", "Tell")["bleu4"], row("1", "Tell-Fixed")["bleu4"]),
        ("K1b", row("1", "Attend")["bleu4"], row("1", "Attend-Fixed")["bleu4"]),
        ("K2", row("1", "Tell-Fixed")["vocab_used"], row("1", "Tell")["vocab_used"]),
        ("K2b", row("1", "Attend-Fixed")["vocab_used"], row("1", "Attend")["vocab_used"]),
        ("K4", row("1", "Tell-Tied")["bleu4"], row("1", "Tell-Fixed")["bleu4"]),
        ("K4b", row("1", "Attend-Tied")["bleu4"], row("1", "Attend-Fixed")["bleu4"]),
        ("K5", row("1", "Attend")["bleu4"], row("1", "Tell")["bleu4"]),
        ("C9", row("4", "MultiK30 DE-EN")["simlex999_target"], row("4", "MultiK30 DE-EN")["simlex999_input"]),
    ],
)
def test_a_claim_quotes_the_table(id, better, worse):
    assert CLAIMS[id]["published"] == {"better": better, "worse": worse}


def test_the_other_quotations():
    assert CLAIMS["C7"]["published"] == {"better": row("text-1", "Multi30K EN-DE")["rho"]}
    assert CLAIMS["C8"]["published"]["better"] == PAPER.facts["hyperparameters"]["cos_duck_bird_learned"]


def test_sweeps_profiles_and_seeds_fit_together():
    for sweep in PAPER.facts["sweep"]:
        assert set(sweep["methods"]) <= set(HEADS)
        assert all(len(world(sweep["data"], name, 0, settings(**TINY)).records) >= 40 for name in sweep["worlds"])
    assert set(PAPER.settings["methods"]["choices"]) == set(HEADS)
    assert list(PAPER.facts["methods"]) == PAPER.settings["methods"]["value"]
    assert not set(HEADS) & set(REFERENCES)
    assert set(PAPER.facts["seeds"]) == {*PROFILES, "lab-real"}
    assert len(PAPER.facts["seeds"]["lab"]) >= 5
    assert len(PAPER.facts["seeds"]["paper"]) >= 3
    assert len(PAPER.facts["seeds"]["lab-real"]) >= 3
    assert check_sources(PAPER) == []


@pytest.mark.parametrize("data", ["world", "real"])
@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_is_possible_by_its_own_rules(profile, data):
    resolve(PAPER, profile, data)


def test_the_paper_profile_is_the_papers_recipe():
    got = {name: s.value for name, s in resolve(PAPER, "paper", "real").items()}
    h = PAPER.facts["hyperparameters"]
    for name in ("learning_rate", "lr_factor", "batch_size"):
        assert got[name] == h[f"multi30k_{name}"]
    assert (got["lr_patience"], got["stop_patience"]) == (h["multi30k_lr_patience_epochs"], h["multi30k_stop_patience_epochs"])
    assert got["min_count"] == h["multi30k_min_word_count"]
    size = PAPER.facts["exact"]["sizes"]["multi30k"]
    assert (got["embedding_dim"], got["hidden_dim"], got["context_dim"]) == (size["embedding"], size["hidden"], size["context"])
    assert (got["network"], got["decay"], got["draw"]) == ("bahdanau", "plateau", "uniform")
    assert got["caption_rate"] == got["caption_fixed_rate"] == h["captioning_learning_rate"]
    for name in ("min_count", "batch_size"):
        assert got[f"caption_{name}"] == h[f"captioning_{'min_word_count' if name == 'min_count' else name}"]
    assert got["caption_beam"] == h["captioning_beam_size"]
    assert (got["lr_factor"], got["lr_patience"]) == (h["captioning_lr_factor"], h["captioning_lr_patience_epochs"])
    assert got["stop_patience"] == h["captioning_stop_patience_epochs"]
    assert got["caption_dim"] == PAPER.facts["exact"]["sizes"]["captioning"]["width"]
    assert got["meteor"]


@pytest.mark.parametrize("profile", ["smoke", "lab"])
def test_small_profiles_need_no_java(profile):
    assert not resolve(PAPER, profile, "world")["meteor"].value


@pytest.mark.parametrize("profile", PROFILES)
def test_real_captions_are_asked_for_by_name_because_they_need_features(profile):
    assert resolve(PAPER, profile, "real")["datasets"].value == ["de_en", "en_de"]
    assert set(CAPTIONERS) <= set(resolve(PAPER, profile, "world")["datasets"].value)


@pytest.mark.parametrize("profile", PROFILES)
def test_attention_need_not_be_even_over_the_few_regions_of_a_world(profile):
    penalty = [resolve(PAPER, profile, data)["caption_attention_penalty"].value for data in ("world", "real")]
    assert penalty == [0.0, 1.0]


def test_the_null_control_without_room_is_narrower_than_every_profile():
    for profile in PROFILES:
        s = {name: setting.value for name, setting in resolve(PAPER, profile, "world").items()}
        assert width("null:few_dimensions", s) < width("main", s) / 3

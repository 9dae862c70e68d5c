"""What COIN published: its tables against the integers behind them, its claims against worlds, methods and settings."""

from __future__ import annotations

import numpy as np
import pytest

from mmkit.claims import Claim
from mmkit.papers import PROFILES, find
from mmkit.scores import emotions
from mmkit.study.settings import check_sources, resolve
from mmkit.trials import coin
from mmkit.worlds import dialogues

PAPER = find("07")
COUNTS = PAPER.facts["exact"]["derived"]
SETTINGS = {name: s.value for name, s in resolve(PAPER, "smoke", "world", {"world_dialogues": 10}).items()}
CLAIMS = {claim["id"]: claim for claim in PAPER.claims}


def row(table: str, label: str) -> dict[str, float]:
    found = PAPER.table(table)
    return next(dict(zip(found["columns"], r, strict=True)) for r in found["rows"] if r[0] == label)


def test_counts_of_the_parts_add_up_to_the_printed_utterances():
    assert sum(COUNTS["test_counts"]) == PAPER.facts["exact"]["test_utterances"]
    assert sum(COUNTS["train_counts"]) == PAPER.facts["exact"]["train_utterances"]


@pytest.mark.parametrize(("name", "table", "label"), [("coin", "1", "COIN"), ("icon_at", "2", "ICON +AT")])
def test_integers_give_the_printed_row_where_acc_is_a_precision(name, table, label):
    correct, predicted, support = (
        COUNTS[f"{name}_correct_by_class"],
        COUNTS[f"{name}_predicted_by_class"],
        COUNTS["test_counts"],
    )
    assert sum(predicted) == sum(support)
    found, printed = emotions.columns(emotions.from_counts(correct, predicted, support), "precision"), row(table, label)
    for kind in ("acc", "f1"):
        want = [printed[f"{emotion}_{kind}"] for emotion in dialogues.EMOTIONS]
        np.testing.assert_allclose(np.round(found[kind], 2), want, atol=0.0101)
    accuracy = 100 * sum(correct) / sum(support)
    assert round(accuracy, 2) == COUNTS[f"{name}_accuracy"]


def test_coins_average_f1_is_its_accuracy():
    printed = row("1", "COIN")
    assert round(100 * COUNTS["coin_correct"] / 1623, 2) == printed["average_f1"] == COUNTS["coin_accuracy"]
    assert printed["average_acc"] == pytest.approx(COUNTS["coin_precision_weighted"], abs=0.01)
    assert printed["average_f1"] != COUNTS["coin_f1_weighted"]
    assert row("2", "COIN") == printed


def test_claims_name_methods_worlds_and_printed_values():
    metrics = PAPER.facts["metrics"]
    for id, claim in CLAIMS.items():
        assert Claim.from_facts(claim).id == id
        assert claim["metric"] in metrics
        assert {claim["better"], claim["worse"]} - {""} <= set(coin.METHODS)
        for name in (claim["world"], claim.get("null", "main")):
            assert len(coin.world("emotions", name, 0, SETTINGS).records)
    for id, column in (("C1c", "average_f1"), ("C1b", "average_acc")):
        printed = (row("1", "COIN")[column], row("1", "DialogueGCN")[column])
        assert tuple(CLAIMS[id]["published"].values()) == printed
    assert CLAIMS["C4b"]["published"] == {
        "better": row("1", "DialogueRNN")["average_f1"], "worse": row("2", "DialogueRNN +AT")["average_f1"]
    }  # fmt: skip


def test_every_model_of_both_tables_but_one_is_a_method():
    rows = {r[0] for id in ("1", "2") for r in PAPER.table(id)["rows"]}
    assert rows - set(PAPER.facts["methods"].values()) == {"IterativeERC"}
    assert set(PAPER.facts["methods"]) <= set(coin.METHODS)


def test_every_profile_resolves_and_names_its_sources():
    for profile in PROFILES:
        for data in ("world", "real"):
            resolve(PAPER, profile, data, {})
    assert check_sources(PAPER) == []
    paper = {name: s.value for name, s in resolve(PAPER, "paper", "real", {}).items()}
    stated = {"dim": "best_embedding", "stacks": "best_layers", "history": "best_history"}
    stated |= {name: name for name in ("epsilon", "batch_size", "learning_rate")}
    for name, fact in stated.items():
        assert paper[name] == PAPER.facts["hyperparameters"][fact]
    assert paper["dropout"] == pytest.approx(1 - PAPER.facts["hyperparameters"]["best_dropout_keep"])

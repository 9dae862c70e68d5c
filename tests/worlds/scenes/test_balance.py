"""What is counted: yes and no as often, no answer far likelier than the next, types in GQA's shares."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest

from mmkit.worlds.scenes import balance as module
from mmkit.worlds.scenes.balance import CAP, LEAST, SEMANTIC_MIX, STRUCTURAL_MIX, balance
from mmkit.worlds.scenes.knobs import Knobs
from mmkit.worlds.scenes.questions import ANSWERS, tables
from tests.worlds.scenes.small_world import SEED, scenes


@pytest.fixture
def all_types(monkeypatch):
    """Without the last stage: nothing leaves for the sake of types."""
    monkeypatch.setattr(module, "_mixed", lambda kept, *rest: np.ones(len(kept), dtype=bool))


def kept(counts: dict[str, dict[str, int]], seed: int = 0) -> dict[str, dict[str, int]]:
    """Answers that stay, by group; the questions are handed in shuffled."""
    rows = [(group, answer) for group, answers in counts.items() for answer, n in answers.items() for _ in range(n)]
    rows = [rows[k] for k in np.random.default_rng(1).permutation(len(rows))]
    local, answer = zip(*rows, strict=True)
    mask = balance(local, answer, ["query"] * len(rows), ["attr"] * len(rows), seed, "train")
    found = Counter(row for row, stays in zip(rows, mask, strict=True) if stays)
    return {group: {a: found[group, a] for a in answers} for group, answers in counts.items()}


@pytest.mark.usefixtures("all_types")
def test_by_hand():
    assert kept(
        {
            "is": {"yes": 9, "no": 4},
            "only yes": {"yes": 5},
            "color": {"red": 100, "blue": 20, "green": 10, "white": 1},
            "shape": {"round": 2, "oval": 3},
            "alone": {"cup": 50},
            "long": {"a": 10, "b": 10, "c": 40, "d": 15},
        }
    ) == {
        "is": {"yes": 4, "no": 4},
        "only yes": {"yes": 0},
        "color": {"white": 1, "green": 3, "blue": 3, "red": 3},  # 1.3 x 1 is less than the least of 3
        "shape": {"round": 2, "oval": 3},
        "alone": {"cup": 50},
        "long": {"a": 10, "b": 10, "d": 13, "c": 16},
    }


@pytest.mark.usefixtures("all_types")
def test_which_of_many_stay_is_drawn():
    answer = ["yes"] * 300 + ["no"] * 100
    columns = (["g"] * 400, answer, ["verify"] * 400, ["attr"] * 400)
    one, again, other = (balance(*columns, seed, "train") for seed in (0, 0, 1))
    assert (one == again).all()
    assert (one != other).any()
    assert (one != balance(*columns, 0, "valid")).any()
    assert one.sum() == 200
    assert abs(np.flatnonzero(one[:300]).mean() - 150) < 30  # from everywhere, not the first hundred


def test_types_move_towards_the_wanted_shares_and_pairs_leave_together():
    rng = np.random.default_rng(0)
    n = 8000
    structural = np.array(list(STRUCTURAL_MIX))[rng.integers(5, size=n)]
    semantic = np.array(list(SEMANTIC_MIX))[rng.integers(5, size=n)]
    closed = np.isin(structural, ("verify", "logical"))
    answer = np.where(closed, np.array(["no", "yes"])[rng.integers(2, size=n)], np.array(list("abc"))[rng.integers(3, size=n)])
    local = [f"{s}-{t}-{k}" for s, t, k in zip(structural, semantic, rng.integers(20, size=n), strict=True)]
    mask = balance(local, answer, structural, semantic, 3, "train")

    def distance(rows):
        share = [abs((structural[rows] == word).mean() - wanted) for word, wanted in STRUCTURAL_MIX.items()]
        return sum(share) + sum(abs((semantic[rows] == word).mean() - wanted) for word, wanted in SEMANTIC_MIX.items())

    assert distance(mask) < 0.8 * distance(np.ones(n, dtype=bool))
    assert 0.5 < mask.mean() < 0.75
    counts = defaultdict(Counter)
    for row in np.flatnonzero(mask & closed):
        counts[local[row]][answer[row]] += 1
    assert counts
    assert all(found["yes"] == found["no"] for found in counts.values())


def test_wanted_margins_are_reached_where_there_is_enough():
    count = np.full((5, 5), 1e5)
    target = module._shares(count)
    assert target.sum() >= module.KEPT * count.sum() - 1
    assert (target <= count).all()
    plenty = np.outer(list(STRUCTURAL_MIX.values()), list(SEMANTIC_MIX.values())) * 1e6
    got = module._shares(plenty)
    np.testing.assert_allclose(got.sum(axis=1) / got.sum(), np.array(list(STRUCTURAL_MIX.values())) / 0.99, rtol=1e-3)


def test_nothing_to_balance():
    assert balance([], [], [], [], 0, "train").shape == (0,)


@pytest.fixture(scope="module")
def world():
    questions, truth = tables(scenes("train", 200), Knobs(SEED), "train")
    return truth["local"].to_numpy(), np.array(ANSWERS)[questions["answer"]], questions["balanced"].to_numpy(), questions


def most_frequent(local, answer) -> float:
    """Share of questions that whoever knows the most frequent answer of each group gets right."""
    counts = defaultdict(Counter)
    for group, word in zip(local, answer, strict=True):
        counts[group][word] += 1
    return sum(max(found.values()) for found in counts.values()) / len(answer)


def test_a_reader_of_questions_gains_little(world):
    local, answer, mask, _ = world
    before, after = most_frequent(local, answer), most_frequent(local[mask], answer[mask])
    assert before > 0.50
    assert after < before - 0.05
    train = np.arange(len(local)) % 2 == 0  # what is most frequent in one half, scored on the other
    best = defaultdict(Counter)
    for group, word in zip(local[mask & train], answer[mask & train], strict=True):
        best[group][word] += 1
    guess = [best[group].most_common(1)[0][0] if best[group] else "yes" for group in local[mask & ~train]]
    assert np.mean(np.array(guess) == answer[mask & ~train]) < 0.36


def test_groups_of_the_world(world):
    local, answer, mask, questions = world
    counts = defaultdict(Counter)
    for group, word in zip(local[mask], answer[mask], strict=True):
        counts[group][word] += 1
    for group, found in counts.items():
        assert found["yes"] == found["no"], group
    kinds = defaultdict(set)
    for group, form, word in zip(local, questions["detailed"].to_pylist(), answer, strict=True):
        kinds[group].add((form, word in ("yes", "no")))
    assert all(len(kind) == 1 for kind in kinds.values())
    structural = Counter(questions["structural"].to_numpy()[mask])
    shares = {word: structural[word] / mask.sum() for word in STRUCTURAL_MIX}
    assert all(abs(shares[word] - wanted) < 0.06 for word, wanted in STRUCTURAL_MIX.items()), shares
    assert CAP == 1.3
    assert LEAST == 3

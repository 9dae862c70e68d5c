"""Readings of output matrices against scipy, numpy loops, and geometry done another way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import nnls
from scipy.spatial import ConvexHull

from mmkit.errors import DataError, SettingsError
from mmkit.scores import embeddings as e

RNG = np.random.default_rng(0)


def cube(v: int, d: int, seed: int) -> np.ndarray:
    """Rows as the paper draws them for captioning: every cell from U[-10, 10]."""
    return np.random.default_rng(seed).uniform(-10, 10, (v, d))


def unit(weight: np.ndarray) -> np.ndarray:
    return weight / np.linalg.norm(weight, axis=1, keepdims=True)


# Norms


def test_norms_follow_frequency_with_average_ranks():
    counts = RNG.zipf(1.5, 300).clip(max=40)  # heavy ties
    weight = unit(RNG.normal(size=(300, 8))) * (np.log(counts) + 2 + RNG.normal(0, 0.5, 300))[:, None]
    rho = stats.spearmanr(np.linalg.norm(weight, axis=1), counts).statistic
    assert 0.3 < rho < 0.95
    assert e.norm_frequency(weight, counts) == pytest.approx(rho, abs=1e-4)
    assert e.norm_frequency(weight / (1 + counts[:, None]) ** 2, counts) < -0.9
    assert abs(e.norm_frequency(RNG.uniform(-10, 10, (3000, 8)), RNG.zipf(1.5, 3000))) < 0.06


def test_special_tokens_are_left_out_by_mask_or_number():
    weight = np.array([[100.0], [50.0], [1.0], [2.0], [3.0]])
    counts = [0, 0, 5, 6, 7]
    assert e.norm_frequency(weight, counts) < 0
    assert e.norm_frequency(weight, counts, rows=[2, 3, 4]) == pytest.approx(1)
    assert e.norm_frequency(weight, counts, rows=np.array([False, False, True, True, True])) == pytest.approx(1)


def test_unit_rows_say_nothing_of_frequency():
    rows = unit(RNG.normal(size=(200, 16))).astype(np.float32)
    assert len(np.unique(np.linalg.norm(rows, axis=1))) > 1  # they differ, by rounding
    assert e.norm_frequency(rows, np.arange(200)) == 0.0
    assert e.norm_frequency(rows * np.arange(1, 201)[:, None], np.ones(200)) == 0.0


# Cosines


def test_cosines_of_pairs():
    weight = RNG.normal(size=(6, 3))
    pairs = [(0, 1), (1, 0), (2, 2), (5, 3)]
    by_hand = [weight[a] @ weight[b] / math.sqrt(weight[a] @ weight[a] * (weight[b] @ weight[b])) for a, b in pairs]
    np.testing.assert_allclose(e.cosine(weight, pairs), by_hand)
    np.testing.assert_allclose(e.cosine(weight * np.arange(1, 7)[:, None], pairs), by_hand)  # lengths do not matter
    assert e.cosine(np.full((2, 6), 0.3), [(0, 1)])[0] <= 1.0  # not 1.0000000000000002


def test_all_pairs_once():
    weight = RNG.normal(size=(5, 3))
    pairs = [(a, b) for a in range(5) for b in range(a + 1, 5)]
    np.testing.assert_allclose(e.all_cosines(weight), e.cosine(weight, pairs))


def test_words_of_one_meaning_are_closer():
    weight = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [-1.0, 0.0]])
    assert e.mean_cosine_gap(weight, [(0, 1)], [(0, 2), (0, 3)]) == pytest.approx(math.sqrt(0.5) - (0 - 1) / 2)


def test_cosines_agree_with_people():
    weight = RNG.normal(size=(40, 5))
    words = [f"w{i}" for i in range(40)]
    first, second = RNG.choice(words[:30], 60), RNG.choice(words[:30], 60)
    pairs = np.array([(words.index(a), words.index(b)) for a, b in zip(first, second, strict=True)])
    score = e.cosine(weight, pairs) + RNG.normal(0, 0.3, 60)
    expected = stats.spearmanr(e.cosine(weight, pairs), score).statistic
    assert e.word_similarity(weight, words, first, second, score) == (pytest.approx(expected), 60)
    some = {w: i for i, w in enumerate(words) if i % 3}  # ten words are gone
    known = [i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a in some and b in some]
    expected = stats.spearmanr(e.cosine(weight, pairs[known]), score[known]).statistic
    assert e.word_similarity(weight, some, first, second, score) == (pytest.approx(expected), len(known))
    assert 10 < len(known) < 40


def test_nothing_to_compare_is_told_by_the_count():
    weight = np.eye(3)
    rho, covered = e.word_similarity(weight, ["a", "b", "c"], ["x", "a"], ["a", "y"], [1, 2])
    assert math.isnan(rho)
    assert covered == 0
    rho, covered = e.word_similarity(weight, ["a", "b", "c"], ["x", "a"], ["a", "b"], [1, 2])
    assert math.isnan(rho)
    assert covered == 1


# How long f has to be, and what it costs


@pytest.mark.parametrize(("v", "p", "closest", "scale"), [(5, 0.9, 0.0, 1.0), (5893, 0.5, 0.25, 130.0), (9, 0.99, -0.1, 2.0)])
def test_required_norm_gives_the_probability(v, p, closest, scale):
    """Rows that all have cosine `closest` to the first: the first dimension carries the cosine, the others the rest."""
    norm = e.required_norm(v, p, closest, scale)
    logits = scale * norm * np.where(np.arange(v) == 0, 1.0, closest)
    assert np.exp(logits[0]) / np.exp(logits).sum() == pytest.approx(p)
    looser = scale * norm * np.r_[1.0, np.full(v - 1, closest) - 0.05]  # rows further away only help
    assert np.exp(looser[0]) / np.exp(looser).sum() > p


def test_required_norm_of_the_published_vocabulary():
    assert e.required_norm(5893, 0.9) == pytest.approx(10.88, abs=0.005)
    assert e.required_norm(5893, 0.9, max_cosine=0.28) == pytest.approx(15.1, abs=0.05)
    assert e.required_norm(10, 0.1) == pytest.approx(0)
    assert e.required_norm(10, 0.01) == 0.0


def test_memory_of_the_published_heads():
    assert e.adam_bytes(9490, 512) == 8 * 4_858_880
    assert e.adam_bytes(2, 3) == 48


# Words that nothing reaches


def hull_corners(weight: np.ndarray) -> np.ndarray:
    corner = np.zeros(len(weight), dtype=bool)
    corner[ConvexHull(weight).vertices] = True
    return corner


@pytest.mark.parametrize(("v", "d", "seed"), [(200, 2, 0), (200, 2, 1), (60, 3, 0), (150, 4, 0), (8, 5, 0)])
def test_unreachable_words_are_no_corners_of_the_hull(v, d, seed):
    weight = cube(v, d, seed)
    corner = hull_corners(weight)
    np.testing.assert_array_equal(e.unreachable(weight), ~corner)
    np.testing.assert_array_equal(e.unreachable(weight, np.full(v, 0.1)), ~corner)  # one bias for all is none
    np.testing.assert_array_equal(e.unreachable(1e-3 * weight + 7e4), ~corner)  # nor do scale and place matter
    order = np.random.default_rng(seed).permutation(v)
    np.testing.assert_array_equal(e.unreachable(weight[order]), ~corner[order])


@pytest.mark.parametrize(("d", "scale", "seed"), [(1, 1.0, 0), (2, 1.0, 0), (2, 30.0, 1), (3, 5.0, 2), (5, 10.0, 3)])
def test_with_bias_an_unreachable_word_lies_under_a_mix_of_others(d, scale, seed):
    """By Farkas: never the single best exactly when weights l >= 0, sum 1, give sum l w = w_j and sum l b >= b_j."""
    weight, bias = cube(60, d, seed), scale * np.random.default_rng(seed + 9).standard_normal(60)
    under = np.empty(60, dtype=bool)
    for j in range(60):
        k = np.arange(60) != j
        system = np.vstack([weight[k].T, np.ones(59), bias[k]])
        system = np.c_[system, np.r_[np.zeros(d + 1), -1.0]]  # the last unknown: by how much the mix lies above
        under[j] = nnls(system, np.r_[weight[j], 1.0, bias[j]])[1] < 1e-8
    found = e.unreachable(weight, bias)
    np.testing.assert_array_equal(found, under)
    assert found.any()
    assert not found.all()
    assert (found != e.unreachable(weight)).any()  # the bias changes the answer
    np.testing.assert_array_equal(e.unreachable(weight, bias + 1e8), found)  # what all biases share does not


def test_upper_envelope_of_lines_by_hand():
    slope, height = np.array([[-1.0], [0.0], [1.0], [0.5]]), np.array([0.0, 0.0, 0.0, 0.2])
    # |f| leads except near 0: there 0.5 f + 0.2 beats it between -2/15 and 0.4; the flat line is never on top
    assert e.unreachable(slope, height).tolist() == [False, True, False, False]
    assert e.unreachable(slope).tolist() == [False, True, False, True]
    assert e.unreachable(slope, [0, 9, 0, 0]).tolist() == [False, False, False, True]  # lifted far, it hides a neighbour


def test_equal_words_never_lead_alone():
    weight = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0], [1.0, 0.0], [0.9, 0.05]])
    assert e.unreachable(weight).tolist() == [True, False, False, True, True]  # the last lies inside, copies or not
    assert e.unreachable(weight, [0.1, 0, 0, 0, 0]).tolist() == [False, False, False, True, True]
    assert e.unreachable([[0.0], [0.0], [0.0]], [1, 2, 0]).tolist() == [True, False, True]  # without rows the largest bias
    assert e.unreachable([[1.0, 2.0]]).tolist() == [False]  # a single word always leads
    assert e.unreachable([[1.0], [1.0]]).all()


def test_points_on_an_edge_or_a_grid_are_no_corners():
    grid = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), axis=-1).reshape(-1, 2)
    corners = {(0, 0), (0, 4), (4, 0), (4, 4)}
    assert {tuple(map(int, p)) for p in grid[~e.unreachable(grid)]} == corners


def test_rounding_makes_no_corner():
    """The middle of each edge of a polygon ties with the two ends in its own direction, up to the last bit."""
    angle = np.linspace(0, 2 * np.pi, 41)[:-1]
    ends = np.c_[np.cos(angle), np.sin(angle)]
    assert e.unreachable(np.r_[ends, (ends + np.roll(ends, 1, axis=0)) / 2]).tolist() == [False] * 40 + [True] * 40


@pytest.mark.parametrize("tried", [0, 1, 4])
def test_the_answer_does_not_hang_on_the_directions_tried(monkeypatch, tried):
    """With few tries the programmes do it all; with none the first f is zero, where all words share the lead."""
    monkeypatch.setattr(e, "_tries", lambda rows, lengths: np.random.default_rng(1).standard_normal((tried, rows.shape[1])))
    signs = np.array([[1.0 if i >> k & 1 else -1.0 for k in range(4)] for i in range(16)])
    between = (signs[:8] + signs[8:]) / 2  # all corners of a cube lead somewhere, the mixtures between them nowhere
    assert e.unreachable(np.r_[signs, between]).tolist() == [False] * 16 + [True] * 8
    weight = cube(50, 3, 0)
    np.testing.assert_array_equal(e.unreachable(weight), ~hull_corners(weight))


@pytest.mark.parametrize(
    ("v", "d", "share", "within"), [(200, 2, 0.90, 0.05), (200, 4, 0.63, 0.06), (200, 8, 0.06, 0.04), (200, 16, 0.0, 0.01)]
)
def test_share_of_unreachable_words_falls_with_dimension(v, d, share, within):
    assert np.mean([e.unreachable(cube(v, d, seed)).mean() for seed in (0, 1)]) == pytest.approx(share, abs=within)
    if d > 1:
        assert not e.unreachable(unit(cube(v, d, 0))).any()  # on a sphere every point is a corner


@pytest.mark.parametrize("scale", [0.0, 3.0])
def test_programmes_stay_small(monkeypatch, scale):
    """Words are settled against those known to be reachable, and few of them twice; never against all others."""
    asked = []

    def count(words, others, rows, b):
        asked.append((len(words), len(others)))
        return settle(words, others, rows, b)

    settle = e._best_contexts
    monkeypatch.setattr(e, "_best_contexts", count)
    lost = e.unreachable(cube(150, 3, 0), scale * np.random.default_rng(1).standard_normal(150)).sum()
    assert max(others for _, others in asked) <= 150 - lost
    assert sum(words for words, _ in asked) < 1.3 * lost


def test_a_thousand_words_in_two_dimensions():
    assert e.unreachable(cube(1000, 2, 0)).mean() == pytest.approx(0.98, abs=0.01)


# Bad input


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: e.norm_frequency([1, 2], [1, 2]), r"weight has shape \(2,\)"),
        (lambda: e.norm_frequency(np.eye(2), [1, 2, 3]), "counts has 3 values and weight 2 rows"),
        (lambda: e.norm_frequency(np.eye(2), [1, 2], rows=[False, False]), r"has shape \(0,\)"),
        (lambda: e.cosine(np.eye(2), [(0, 2)]), "pair 0 names a row outside 0 to 1"),
        (lambda: e.cosine(np.eye(2), [(0, 1), (-1, 0)]), "pair 1 names a row outside 0 to 1"),
        (lambda: e.cosine(np.eye(2), [0, 1]), r"pairs have shape \(2,\)"),
        (lambda: e.cosine(np.eye(2), [(0.0, 1.0)]), "type float64"),
        (lambda: e.cosine([[0.0, 0.0], [1.0, 1.0]], [(1, 0)]), "row 0 is zero"),
        (lambda: e.all_cosines([[1.0, 1.0], [0.0, 0.0]]), "row 1 is zero"),
        (lambda: e.cosine([[math.nan], [1.0]], [(1, 0)]), "not finite, the first in row 0"),
        (lambda: e.mean_cosine_gap(np.eye(2), [(0, 1)], []), "no pairs between"),
        (lambda: e.word_similarity(np.eye(2), ["a", "b"], ["a"], ["b"], [1, 2]), "1 first words, 1 second words, 2 scores"),
        (lambda: e.unreachable([[1.0], [math.inf]]), "not finite, the first in row 1"),
        (lambda: e.unreachable([[1.0], [2.0]], [1, 2, 3]), "bias has 3 values and weight 2 rows"),
    ],
)
def test_what_has_no_meaning_is_refused(call, told):
    with pytest.raises(DataError, match=told):
        call()


@pytest.mark.parametrize("wrong", [{"vocabulary": 1}, {"p": 1.0}, {"p": 0}, {"max_cosine": 1.0}, {"scale": 0.0}])
def test_impossible_settings_are_named(wrong):
    [(name, value)] = wrong.items()
    with pytest.raises(SettingsError, match=f"{name} = {value}"):
        e.required_norm(**{"vocabulary": 10, "p": 0.9, **wrong})

"""Two coupled chains: who speaks, whose state moves, by which law, and what each knob of it does."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from mmkit.worlds.bounds import rng
from mmkit.worlds.dialogues.knobs import settle
from mmkit.worlds.dialogues.states import EMOTIONS, PLANE, PRIOR, answer, contagion, couplings, personas, simulate


@cache
def talks(dialogues=400, turns=60, seed=3, **changes):
    knobs = settle("emotions", seed, None, {"coupling_spread": 0.0, **changes})
    return simulate(np.full(dialogues, turns), knobs, rng(seed, "states"))


def moves(states):
    """What was and what came: own before, other before, own after, at all turns but the first of each dialogue."""
    later = np.flatnonzero(states.turn > 0)
    before, speaker = states.state[later - 1], states.speaker[later]
    n = np.arange(len(later))
    return before[n, speaker], before[n, 1 - speaker], states.state[later][n, speaker]


# --- the law ----------------------------------------------------------------------------------------------------------


def test_contagion_is_nearness_in_the_plane():
    s = contagion()
    np.testing.assert_allclose(s.sum(axis=1), 1)
    assert (s.argmax(axis=1) == np.arange(6)).all()
    happy, excited, frustrated = (EMOTIONS.index(name) for name in ("happy", "excited", "frustrated"))
    assert s[happy, excited] / s[happy, happy] == pytest.approx(np.exp(-0.25 / 0.3))
    away = (0.8 + 0.7) ** 2
    assert s[happy, frustrated] / s[happy, happy] == pytest.approx(np.exp(-away / 0.3))
    assert PLANE[EMOTIONS.index("neutral")].tolist() == [0.0, -0.1]
    assert PRIOR.sum() == pytest.approx(1)


def test_provoking_has_the_same_rows_at_other_places():
    s, other = contagion(), contagion("provoke")
    met = other.argmax(axis=1)
    assert sorted(met) == list(range(6))
    assert (met != np.arange(6)).all()
    assert EMOTIONS[met[EMOTIONS.index("neutral")]] == "angry"
    np.testing.assert_array_equal(other, s[met])


@pytest.mark.parametrize("mode", ["contagion", "provoke"])
@pytest.mark.parametrize(("coupling", "inertia"), [(0.6, 0.3), (0.2, 0.5), (0.0, 0.3), (0.5, 0.5)])
def test_states_move_as_often_as_the_law_says(mode, coupling, inertia):
    own, other, new = moves(talks(mode=mode, coupling=coupling, inertia=inertia))
    counts = np.zeros((6, 6, 6))
    np.add.at(counts, (own, other, new), 1)
    law = (1 - coupling - inertia) * PRIOR + coupling * contagion(mode)[None, :, :] + inertia * np.eye(6)[:, None, :]
    total = counts.sum(axis=2, keepdims=True)
    often = np.broadcast_to(total > 100, law.shape) & (law * total > 5)
    error = ((counts - law * total) / np.sqrt(np.maximum(total * law * (1 - law), 1)))[often]
    assert often.sum() > 30
    assert abs(error).max() < 4.5
    assert 0.8 < error.std() < 1.2
    assert not counts[np.broadcast_to(law < 1e-12, law.shape)].any()


def test_the_answer_is_the_law_of_one_turn():
    random = np.random.default_rng(0)
    before = random.dirichlet(np.ones(36), size=5).reshape(5, 6, 6)
    coupling, inertia, prior = random.uniform(0, 0.5, 5), random.uniform(0, 0.5, 5), random.dirichlet(np.ones(6), size=5)
    response = contagion("provoke")
    after = answer(before, coupling, inertia, prior, response)
    by_hand = np.zeros_like(after)
    for n, old, other, new in np.ndindex(5, 6, 6, 6):
        p = (1 - coupling[n] - inertia[n]) * prior[n, new] + inertia[n] * (old == new) + coupling[n] * response[other, new]
        by_hand[n, new, other] += before[n, old, other] * p
    np.testing.assert_allclose(after, by_hand)
    np.testing.assert_allclose(after.sum(axis=(1, 2)), 1)
    np.testing.assert_allclose(after.sum(axis=1), before.sum(axis=1))  # who listens stays


# --- who speaks, and whose state moves --------------------------------------------------------------------------------


def test_only_who_speaks_moves_and_turns_change_hands_as_often_as_asked():
    states = talks()
    later = np.flatnonzero(states.turn > 0)
    listener = 1 - states.speaker[later]
    n = np.arange(len(later))
    assert (states.state[later][n, listener] == states.state[later - 1][n, listener]).all()
    changed = states.speaker[later] != states.speaker[later - 1]
    assert changed.mean() == pytest.approx(0.75, abs=0.01)
    assert states.speaker[states.offsets[:-1]].mean() == pytest.approx(0.5, abs=0.1)
    first = talks(coupling=0.0, inertia=0.0)
    np.testing.assert_allclose(np.bincount(first.own, minlength=6) / len(first.own), PRIOR, atol=0.01)


def test_utterances_stand_dialogue_after_dialogue():
    lengths = np.array([3, 1, 5])
    states = simulate(lengths, settle("emotions", 0, None, {}), rng(0, "states"))
    assert states.offsets.tolist() == [0, 3, 4, 9]
    assert states.dialogue.tolist() == [0, 0, 0, 1, 2, 2, 2, 2, 2]
    assert states.turn.tolist() == [0, 1, 2, 0, 0, 1, 2, 3, 4]
    for u in range(9):
        assert states.own[u] == states.state[u, states.speaker[u]]
        assert states.other[u] == states.state[u, 1 - states.speaker[u]]
    assert (states.state.shape, states.coupling.shape, states.prior.shape) == ((9, 2), (3, 2), (3, 2, 6))


def test_without_coupling_the_other_tells_nothing():
    for coupling, bound in ((0.0, (1e-3, 1.0)), (0.3, (0.0, 1e-30))):
        own, other, new = moves(talks(coupling=coupling))
        for before in (1, 2, 5):  # given the own emotion before, the new one and the other's are independent
            table = np.zeros((6, 6))
            np.add.at(table, (other[own == before], new[own == before]), 1)
            assert bound[0] <= chi2_contingency(table).pvalue <= bound[1]


def test_knobs_and_given_values_move_no_other_random_number():
    a, b = talks(), talks(coupling=0.0, inertia=0.0)
    np.testing.assert_array_equal(a.speaker, b.speaker)
    given = simulate(np.full(400, 60), settle("emotions", 3, None, {}), rng(3, "states"), coupling=np.full((400, 2), 0.6))
    np.testing.assert_array_equal(given.state, a.state)


def test_a_given_coupling_is_each_speakers_own():
    knobs = settle("emotions", 0, None, {"inertia": 0.0, "switch": 1.0})
    states = simulate(np.full(500, 40), knobs, rng(0, "states"), coupling=np.array([[1.0, 0.0]] * 500))
    _, other, new = moves(states)
    speaker = states.speaker[states.turn > 0]
    agree = contagion()[other, new]
    assert agree[speaker == 0].mean() > 0.4  # follows
    assert agree[speaker == 1].mean() < 0.25  # does not


# --- how speakers and dialogues differ --------------------------------------------------------------------------------


def test_couplings_keep_their_mean_and_spread_as_asked():
    mean, inertia = np.full((20_000, 2), 0.45), np.full((20_000, 2), 0.4)
    drawn = couplings(mean, inertia, 0.3, np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(0.45, abs=0.003)
    assert drawn.var() == pytest.approx(0.3 * 0.75 * 0.25 * 0.6**2, rel=0.03)
    assert drawn.min() >= 0
    assert drawn.max() <= 0.6
    assert couplings(mean, inertia, 0.0, np.random.default_rng(0)) == pytest.approx(0.45)
    assert not couplings(0 * mean, inertia, 0.3, np.random.default_rng(0)).any()
    assert couplings(0 * mean + 0.6, inertia, 0.3, np.random.default_rng(0)) == pytest.approx(0.6)


def test_personas_differ_only_where_asked():
    mean, inertia, prior = personas(200, settle("emotions", 0, None, {}), rng(0, "personas"))
    assert mean == pytest.approx(0.6)
    assert inertia == pytest.approx(0.3)
    np.testing.assert_allclose(prior, np.broadcast_to(PRIOR, (200, 2, 6)))
    asked = {"dominance": 0.5, "inertia_spread": 0.4, "lean": 0.3, "coupling": 0.4}
    mean, inertia, prior = personas(2000, settle("emotions", 0, None, asked), rng(0, "personas"))
    assert np.sort(mean, axis=1)[:, 0] == pytest.approx(0.2)
    np.testing.assert_allclose(mean.max(axis=1), np.minimum(0.6, 1 - inertia[np.arange(2000), mean.argmax(axis=1)]))
    assert 0.4 < (mean[:, 0] < mean[:, 1]).mean() < 0.6
    assert inertia.min() >= 0.18
    assert inertia.max() <= 0.42
    assert inertia.std() == pytest.approx(0.12 / np.sqrt(3), rel=0.05)
    assert prior.sum(axis=2) == pytest.approx(1)
    favourite = (prior - 0.7 * PRIOR).argmax(axis=2)
    np.testing.assert_allclose(np.bincount(favourite.ravel(), minlength=6) / 4000, PRIOR, atol=0.02)
    np.testing.assert_allclose(prior.max(axis=2), 0.7 * PRIOR[favourite] + 0.3)

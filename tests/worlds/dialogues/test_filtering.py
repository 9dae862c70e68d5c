"""What can be known at best: filters against counting every path, and what must and must not help."""

from __future__ import annotations

from functools import cache
from itertools import pairwise, product

import numpy as np
import pytest

from mmkit.errors import SettingsError
from mmkit.worlds.bounds import rng
from mmkit.worlds.dialogues.emissions import CHANNELS, emit
from mmkit.worlds.dialogues.filtering import READERS, likelihoods, posterior
from mmkit.worlds.dialogues.knobs import settle
from mmkit.worlds.dialogues.states import contagion, personas, simulate

UNEVEN = {"dominance": 0.4, "inertia_spread": 0.5, "lean": 0.4, "coupling_spread": 0.4, "switch": 0.6}


@cache
def talks(dialogues=150, turns=40, seed=5, **changes):
    knobs = settle("emotions", seed, None, changes)
    _, inertia, prior = personas(dialogues, knobs, rng(seed, "personas"))
    states = simulate(np.full(dialogues, turns), knobs, rng(seed, "states"), inertia=inertia, prior=prior)
    return knobs, states, emit(states, 2 * states.dialogue + states.speaker, knobs, seed)


def by_hand(states, likelihood, knobs, reader, dialogue, turn):
    """(6,) the posterior, from the weights of all paths of both speakers' states (and, unnamed, of who speaks)."""
    at = states.offsets[dialogue] + np.arange(turn + 1)
    kappa, lam, prior = (what[dialogue].astype(float) for what in (states.coupling, states.inertia, states.prior))
    response, true = contagion(knobs.mode), tuple(states.speaker[at])
    out = np.zeros(6)
    for who in product((0, 1), repeat=turn + 1) if reader == "agnostic" else [true]:
        taking = np.prod([knobs.switch if a != b else 1 - knobs.switch for a, b in pairwise(who)])
        for start in product(range(6), repeat=2):
            for path in product(range(6), repeat=turn + 1):
                weight, now = taking * prior[0, start[0]] * prior[1, start[1]], list(start)
                for t, (p, new) in enumerate(zip(who, path, strict=True)):
                    weight *= (
                        (1 - lam[p] - kappa[p]) * prior[p, new] + lam[p] * (new == now[p]) + kappa[p] * response[now[1 - p], new]
                    )
                    now[p] = new
                    heard = {"utterance": t == turn, "own": p == who[turn]}.get(reader, True)
                    weight *= likelihood[at[t], new] if heard else 1.0
                out[path[turn]] += weight
    return out / out.sum()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("mode", ["contagion", "provoke"])
def test_filters_agree_with_counting_all_paths(reader, mode):
    knobs = settle("emotions", 0, None, {**UNEVEN, "mode": mode})
    _, inertia, prior = personas(3, knobs, rng(0, "personas"))
    states = simulate(np.array([2, 3, 1]), knobs, rng(4, "states"), inertia=inertia, prior=prior)
    likelihood = np.random.default_rng(0).uniform(0.05, 1, (6, 6))
    told = posterior(states, likelihood, knobs, reader)
    places = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 0)]
    for u, (dialogue, turn) in enumerate(places):
        if reader == "agnostic" and mode == "provoke" and turn == 2:
            continue  # 62,000 paths; counted once, in the other mode
        np.testing.assert_allclose(told[u], by_hand(states, likelihood, knobs, reader, dialogue, turn), rtol=1e-4)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("changes", [{}, UNEVEN])
def test_posteriors_are_as_sure_as_they_are_right(reader, changes):
    knobs, states, channels = talks(**changes)
    told = posterior(states, likelihoods(channels), knobs, reader)
    sure, right = told.max(axis=1), told.argmax(axis=1) == states.own
    for low, high in ((0, 0.5), (0.5, 0.8), (0.8, 1.01)):
        which = (sure >= low) & (sure < high)
        assert sure[which].mean() == pytest.approx(right[which].mean(), abs=4 * 0.5 / np.sqrt(which.sum()))
    np.testing.assert_allclose(told.mean(axis=0), np.bincount(states.own, minlength=6) / len(told), atol=0.02)


def accuracy(reader, modalities=CHANNELS, **changes):
    knobs, states, channels = talks(**changes)
    return (posterior(states, likelihoods(channels, modalities), knobs, reader).argmax(axis=1) == states.own).mean()


def test_hearing_more_helps():
    utterance, own, agnostic, joint = (accuracy(reader) for reader in READERS)
    assert utterance + 0.05 < own < agnostic - 0.01 < joint - 0.01 < agnostic + 0.01
    utterance, own, agnostic, joint = (accuracy(reader, mode="provoke") for reader in READERS)
    assert utterance + 0.01 < agnostic < joint - 0.03  # where feelings do not agree, it matters whose they are
    assert utterance + 0.01 < own < joint - 0.015
    text, audio, video = (accuracy("joint", (name,)) for name in CHANNELS)
    assert text > audio + 0.03 > video + 0.06
    assert joint > accuracy("joint", ("text", "audio")) > text


def test_without_coupling_the_others_words_are_worth_nothing():
    knobs, states, channels = talks(coupling=0.0)
    likelihood = likelihoods(channels)
    joint, own = (posterior(states, likelihood, knobs, reader) for reader in ("joint", "own"))
    np.testing.assert_allclose(joint, own, atol=1e-12)
    knobs, states, channels = talks(coupling=0.0, inertia=0.0)
    told = [posterior(states, likelihoods(channels), knobs, reader) for reader in READERS]
    for other in told[1:]:
        np.testing.assert_allclose(other, told[0], atol=1e-7)


def test_the_future_is_never_used():
    knobs, states, channels = talks()
    likelihood = likelihoods(channels)
    changed = np.where(states.turn[:, None] >= 20, likelihood[::-1], likelihood)
    for reader in READERS:
        a, b = (posterior(states, what, knobs, reader) for what in (likelihood, changed))
        np.testing.assert_array_equal(a[states.turn < 20], b[states.turn < 20])
        assert abs(a - b)[states.turn >= 20].max() > 0.5


def test_noise_free_features_tell_all():
    knobs, states, channels = talks(noise_text=0.0, noise_audio=0.0, noise_video=0.0, missing=0.5)
    for modalities in (CHANNELS, ("text",)):
        told = posterior(states, likelihoods(channels, modalities), knobs, "joint")
        assert (told.argmax(axis=1) == states.own).all()
        assert told.max(axis=1).min() > 0.999


def test_unknown_names_are_refused():
    knobs, states, channels = talks()
    with pytest.raises(SettingsError, match="no modality 'adio'; did you mean 'audio'"):
        likelihoods(channels, ("text", "adio"))
    with pytest.raises(SettingsError, match=r"modalities = \(\), expected at least one of text, audio, video"):
        likelihoods(channels, ())
    with pytest.raises(SettingsError, match="no reader 'jiont'; did you mean 'joint'"):
        posterior(states, likelihoods(channels), knobs, "jiont")

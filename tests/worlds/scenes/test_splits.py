"""What is held out is never seen in training, is seen where it is tested, and takes nothing else away."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mmkit.errors import DataError, SettingsError
from mmkit.worlds.scenes import attributes, generate, splits
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.knobs import Knobs

SEED = 2


@cache
def drawn(split, count=300):
    return generate.scenes(Knobs(SEED), split, count)


def triples(scenes):
    """Categories of the subject and the object of every relation, and the relation, (m, 3)."""
    rows = [
        (scene.category[s], r, scene.category[o])
        for scene in map(scenes.__getitem__, range(len(scenes)))
        for s, r, o in scene.relations
    ]
    return np.array(rows)


@pytest.mark.parametrize("seed", range(5))
def test_a_share_of_pairs_is_held_out(seed):
    held = splits.held_pairs(seed)
    assert held.sum() == round(0.12 * 300)
    assert set(held.sum(axis=1)) == {1, 2}  # of each category, and most of its colours remain
    assert held.sum(axis=0).max() <= 12  # of each colour most categories remain
    assert splits.held_pair(seed, 4, int(held[4].argmax()))
    assert not splits.held_pair(seed, 4, int(held[4].argmin()))


def test_a_share_of_triples_is_held_out():
    held = splits.held_triples(SEED)
    for slot, names in v.SLOTS.items():
        members = [v.SEMANTIC.index(name) for name in names]
        per_pair = held[:, members].sum(axis=1)
        if slot in splits.HELD_SLOTS:
            assert per_pair.max() == 1  # the others of the slot remain
            shares = held[:, members].mean(axis=(0, 2))
            assert np.abs(shares - 0.12).max() < 4 * np.sqrt(0.12 * 0.88 / 900)
        else:
            assert not per_pair.any()
    s, r, o = np.argwhere(held)[7]
    assert splits.held_triple(SEED, s, r, o)
    assert not splits.held_triple(SEED, s, v.RELATIONS.index("near"), o)
    assert not splits.held_triple(SEED, s, v.SEMANTIC.index("watching"), o)


def test_worlds_hold_out_different_things():
    assert (splits.held_pairs(0) != splits.held_pairs(1)).any()
    assert (splits.held_triples(0) != splits.held_triples(1)).any()


@pytest.mark.parametrize("split", [s for s in splits.SPLITS if s != "test_comp"])
def test_held_pairs_are_never_there(split):
    a = drawn(split).arrays
    assert not splits.held_pairs(SEED)[a["category"], a["colour"]].any()


@pytest.mark.parametrize("split", [s for s in splits.SPLITS if s != "test_rel"])
def test_held_triples_are_never_there(split):
    s, r, o = triples(drawn(split)).T
    assert len(s) > 900
    assert not splits.held_triples(SEED)[s, r, o].any()


def test_held_pairs_are_in_their_test():
    scenes = drawn("test_comp")
    held = [splits.held_pairs(SEED)[scene.category, scene.colour] for scene in map(scenes.__getitem__, range(len(scenes)))]
    assert all(scene.any() for scene in held)
    assert 0.7 < np.concatenate(held).mean() < 0.85


def test_one_held_pair_is_there_whatever_is_drawn():
    category = np.array([3, 7, 9], dtype=np.int8)
    u = np.tile(np.array([[0.5], [0.6], [0.4]]), (1, attributes.WIDTH))
    u[:, 2] = [0.99, 0.98, 0.97]  # none of them would have one
    held = splits.held_pairs(SEED)[category, attributes.colours(SEED, "test_comp", category, u)]
    assert held.tolist() == [False, False, True]


def test_held_triples_are_in_their_test():
    s, r, o = triples(drawn("test_rel")).T
    held = splits.held_triples(SEED)[s, r, o]
    possible = np.stack([splits.held_triples(SEED)[s, k, o] & (v.SLOT_OF[k] == v.SLOT_OF[r]) for k in range(15)]).any(axis=0)
    assert 0.65 < held[possible].mean() < 0.85
    assert 0.1 < held.mean() < 0.5


def test_a_training_split_has_everything():
    splits.check(drawn("train", 1200))


def test_what_is_missing_is_named():
    with pytest.raises(DataError) as caught:
        splits.check(drawn("valid", 60))
    message = "\n".join(caught.value.problems)
    assert "occurs" in message
    assert "expected at least 50" in message
    assert "there are 60" in str(caught.value)
    with pytest.raises(DataError) as caught:
        splits.check(drawn("train"), least=10**6)
    told = " ".join(caught.value.problems)
    counts = {"category": 30, "colour": 10, "material": 6, "shape": 6, "size": 3, "state": 6, "place": 6, "weather": 3, "time": 2}
    for what, count in counts.items():
        assert told.count(f"{what} '") == count
    assert told.count("relation '") == 22
    dogs = (drawn("train").arrays["category"] == v.CATEGORIES.index("dog")).sum()
    assert f"category 'dog' occurs {dogs} times" in told


def test_what_must_not_be_there_is_named():
    with pytest.raises(DataError) as caught:
        splits.check(drawn("test_comp"), least=0)
    scenes = drawn("test_comp")
    for told in caught.value.problems[:5]:
        row, _, pair = told.removeprefix("scene ").removesuffix(", which is held out").partition(" shows a ")
        colour, category = (words.index(word) for words, word in zip((v.COLOURS, v.CATEGORIES), pair.split(), strict=True))
        scene = scenes[int(row)]
        assert splits.held_pair(SEED, category, colour)
        assert ((scene.category == category) & (scene.colour == colour)).any()
    with pytest.raises(DataError) as caught:
        splits.check(drawn("test_rel"), least=0)
    s, r, o = triples(drawn("test_rel")).T
    assert len(caught.value.problems) == splits.held_triples(SEED)[s, r, o].sum()
    assert all("held out" in told for told in caught.value.problems)


def test_problems_count_from_the_split():
    late = replace(drawn("test_comp"), first=7000)
    with pytest.raises(DataError, match="scene 7000 shows"):
        splits.check(late, least=0)


def test_unknown_split():
    with pytest.raises(SettingsError, match="no split 'tset'; did you mean 'test'"):
        generate.scene(Knobs(0), "tset", 0)

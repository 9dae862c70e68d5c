"""The simulated detector: its numbers follow from what it saw, its errors have the stated rates, it knows how sure it is."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mmkit.errors import SettingsError
from mmkit.worlds.scenes import detector, generate
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.knobs import Knobs
from mmkit.worlds.scenes.scene import Scenes

COUNT, NAMES = 400, ("box", "label", "confidence", "posterior", "attribute", "attribute_posterior", "object")


@cache
def split(seed: int = 4, name: str = "train", count: int = COUNT) -> Scenes:
    return generate.scenes(Knobs(seed), name, count)


@cache
def seen(dim: int = 16, sigma: float = 1.0, regions: int = 18) -> dict[str, np.ndarray]:
    return detector.features(split(), regions, dim, sigma)


def truth(field: str) -> np.ndarray:
    """(N, K) a property of each region's object; that of the last object for false boxes."""
    return np.array([getattr(split()[row], field)[seen()["object"][row]] for row in range(COUNT)])


def logpdf(x: np.ndarray) -> np.ndarray:
    return -x - np.exp(-x)  # of a Gumbel


def test_features_of_a_perfect_detector_are_sums_of_the_worlds_vectors():
    w = detector.weights(4, 32)
    for row in range(20):
        scene = split()[row]
        out = detector.detect(scene, 18, 32, sigma=0.0, perfect=True)
        assert set(out.object.tolist()) == set(range(len(scene)))
        mean = np.mean([w.category[scene.category[k]] for k in out.object], axis=0)
        for place, k in enumerate(out.object):
            expected = w.category[scene.category[k]] + 0.2 * mean
            column = 0
            for name, count in (("colour", 10), ("material", 7), ("shape", 7), ("size", 3), ("state", 7)):
                value = int(getattr(scene, name)[k])
                expected = expected + w.attribute[column + (value if value >= 0 else count - 1)]
                assert out.attribute[place, list(detector.ATTRIBUTES).index(name)] == value
                column += count
            left, top, wide, high = scene.box[k]
            expected = expected + np.array([left, top, left + wide, top + high, wide * high]) @ w.box
            for subject, relation, _ in scene.relations:
                if subject == k:
                    expected = expected + 0.3 * w.relation[relation]
            np.testing.assert_allclose(out.features[place], expected, atol=2e-5)
            np.testing.assert_allclose(out.box[place], scene.box[k], atol=1e-6)
        np.testing.assert_array_equal(out.label, scene.category[out.object])
        assert (out.confidence == 1).all()


def test_posteriors_are_bayes_rule_for_the_noise():
    """Recomputed from densities, hypothesis by hypothesis; the evidence is drawn again from the same stream of numbers."""
    scene = split()[0]
    owner = np.array([0, 1, 2, 3, -1, -1])
    label, sure, posterior = detector._classes(scene, owner, 18, np.random.default_rng(7))
    noise = -np.log(np.random.default_rng(7).standard_exponential((6, 30)))  # Gumbel
    kind = [next(h for h, members in v.HYPERNYMS.items() if c in members) for c in v.CATEGORIES]
    mu = np.array([[5.1 if i == j else 0.66 if kind[i] == kind[j] else 0.0 for j in range(30)] for i in range(30)])
    false = 1.5 / 19.5
    for row, k in enumerate(owner):
        z = noise[row] + (mu[scene.category[k]] if k >= 0 else 0)
        like = np.array([np.exp(logpdf(z - mu[c]).sum()) for c in range(30)])
        nothing = np.exp(logpdf(z).sum())
        np.testing.assert_allclose(posterior[row], like / like.sum(), rtol=1e-4, atol=1e-7)
        assert label[row] == like.argmax()
        total = (1 - false) * like.mean() + false * nothing
        assert sure[row] == pytest.approx((1 - false) / 30 * like.max() / total, rel=1e-4)

    values, columns = detector._attributes(scene, owner, np.random.default_rng(8))
    noise, start = -np.log(np.random.default_rng(8).standard_exponential((6, 34))), 0
    for a, (name, count) in enumerate(detector.ATTRIBUTES.items()):
        for row, k in enumerate(owner[:4]):
            rise = np.log(0.88 / 0.12 * (count - 1)) * np.eye(count)
            z = noise[row, start : start + count] + rise[getattr(scene, name)[k]]  # -1, none, is the last one
            like = np.exp(logpdf(z - rise).sum(axis=1))
            np.testing.assert_allclose(columns[row, start : start + count], like / like.sum(), rtol=1e-4, atol=1e-7)
            none = name in ("material", "shape", "state") and like.argmax() == count - 1
            assert values[row, a] == (-1 if none else like.argmax())
        start += count


def test_errors_have_the_stated_rates():
    real = seen()["object"] >= 0
    category, label = truth("category")[real], seen()["label"][real]
    wrong = label != category
    assert wrong.mean() == pytest.approx(0.12, abs=0.016)  # four standard errors
    mates = np.bincount(v.KIND_OF)[v.KIND_OF[category]] - 1
    within = (v.KIND_OF[label] == v.KIND_OF[category])[wrong].mean()
    assert within == pytest.approx((3 * mates / (3 * mates + 29 - mates))[wrong].mean(), abs=0.05)
    for a, name in enumerate(detector.ATTRIBUTES):
        assert (seen()["attribute"][..., a][real] != truth(name)[real]).mean() == pytest.approx(0.12, abs=0.015), name


def test_confidences_are_calibrated():
    """The mean confidence of each tenth is the share of right labels in it; false boxes count as wrong. Posteriors likewise."""
    right = (seen()["label"] == truth("category")) & (seen()["object"] >= 0)
    real = seen()["object"] >= 0
    onehot = truth("category")[..., None] == np.arange(30)
    colour = truth("colour")[..., None] == np.arange(10)
    part = detector.PARTS["colour"]
    for told, true in (
        (seen()["confidence"], right),
        (seen()["posterior"][real], onehot[real]),
        (seen()["attribute_posterior"][..., part][real], colour[real]),
    ):
        tenth = np.digitize(told.ravel(), np.arange(0.1, 1, 0.1))
        for k in range(10):
            p, hit = told.ravel()[tenth == k], true.ravel()[tenth == k]
            error = np.sqrt((p * (1 - p)).sum()) / len(p)
            assert len(p) > 25
            assert abs(p.mean() - hit.mean()) < 4 * error + 0.02, (k, p.mean(), hit.mean())


def test_posteriors_are_distributions():
    np.testing.assert_allclose(seen()["posterior"].sum(axis=2), 1, rtol=1e-5)
    assert list(detector.PARTS) == list(detector.ATTRIBUTES)
    for part in detector.PARTS.values():
        np.testing.assert_allclose(seen()["attribute_posterior"][..., part].sum(axis=2), 1, rtol=1e-5)
    np.testing.assert_array_equal(seen()["label"], seen()["posterior"].argmax(axis=2))


@pytest.mark.parametrize("regions", [3, 12, 18, 36])
def test_exactly_as_many_regions_as_asked_for_the_most_confident_first(regions):
    out = detector.features(split(count=60), regions, 8)
    for name, a in out.items():
        assert a.shape[:2] == (60, regions), name
    assert (np.diff(out["confidence"], axis=1) <= 0).all()
    left, top, wide, high = out["box"].transpose(2, 0, 1)
    assert min(left.min(), top.min()) >= 0
    assert max((left + wide).max(), (top + high).max()) <= 1 + 1e-6
    assert min(wide.min(), high.min()) > 0
    sizes = np.array([len(split(count=60)[row]) for row in range(60)])
    assert (out["object"] < sizes[:, None]).all()
    assert (out["object"] >= -1).all()


def test_false_boxes_one_or_two_and_boxes_as_exact_as_stated():
    out = detector.features(split(), 36, 4)
    false = (out["object"] < 0).sum(axis=1)
    assert set(false.tolist()) == {1, 2}
    assert false.mean() == pytest.approx(1.5, abs=0.1)

    def away(regions: int, scenes: int) -> np.ndarray:
        """Shift of the left edge, shares of the width, of objects away from the picture's edge."""
        shifts = []
        for row in range(scenes):
            scene = split()[row]
            out = detector.detect(scene, regions, 4)
            k = out.object[out.object >= 0]
            true = scene.box[k]
            shifts.append(((out.box[out.object >= 0, 0] - true[:, 0]) / true[:, 2])[true[:, 0] > 0.1])
        return np.concatenate(shifts)

    assert away(4, COUNT).std() == pytest.approx(0.02, abs=0.002)  # fewer than objects: no duplicates
    duplicated = away(60, 100)
    assert 0.065 < duplicated.std() < 0.08  # most of sixty are duplicates, which are looser
    assert abs(duplicated.mean()) < 0.005


def test_hidden_objects_are_missed_more_often():
    scene = split()[0]
    k = int(scene.depth.argmax())
    box = scene.box.copy()
    box[:] = box[k]  # all in one place, only the nearest is seen
    pile = replace(
        scene, box=box, category=np.full_like(scene.category, 3), shape=np.full_like(scene.shape, -1),
        state=np.full_like(scene.state, -1), facing=np.ones_like(scene.facing),
    )  # fmt: skip
    missed = np.zeros(len(scene))
    for index in range(400):
        there = detector.detect(replace(pile, index=index), 40, 4).object
        missed += ~np.isin(np.arange(len(scene)), there)
    missed /= 400
    assert missed[k] == pytest.approx(0.03, abs=0.034)
    assert np.delete(missed, k).mean() == pytest.approx(0.33, abs=0.03)


def test_a_scene_of_which_nothing_is_found_has_false_boxes_only(monkeypatch):
    monkeypatch.setattr(detector, "MISS", 1.0)
    out = detector.detect(split()[0], 5, 4)
    assert (out.object == -1).all()
    assert len(np.unique(out.box, axis=0)) == 5


def test_width_and_noise_change_the_features_only():
    few = split(count=100)
    wide, loud, quiet = (detector.features(few, 18, dim, sigma) for dim, sigma in ((64, 0.0), (16, 2.0), (16, 0.0)))
    for name in NAMES:
        np.testing.assert_array_equal(wide[name], seen()[name][:100])
    noise = seen()["features"][:100] - quiet["features"]
    assert noise.mean() == pytest.approx(0, abs=0.03)
    assert noise.std() == pytest.approx(1, abs=0.03)
    np.testing.assert_allclose(loud["features"] - quiet["features"], 2 * noise, atol=1e-4)


def test_a_scene_is_seen_the_same_alone_and_among_others():
    later = generate.scenes(Knobs(4), "train", 3, first=7)
    rows = detector.features(later, 18, 16)
    for row in range(3):
        alone = detector.detect(split()[7 + row], 18, 16)
        for name, a in rows.items():
            np.testing.assert_array_equal(a[row], getattr(alone, name))
            np.testing.assert_array_equal(a[row], seen()[name][7 + row])
    assert (seen()["confidence"][0] != seen()["confidence"][1]).all()


def test_vectors_belong_to_the_world():
    assert detector.weights(4, 16) is detector.weights(4, 16)
    assert (detector.weights(5, 16).rows != detector.weights(4, 16).rows).all()
    w = detector.weights(4, 256)
    assert w.rows.shape == (30 + 34 + 5 + 15, 256)
    np.testing.assert_array_equal(np.concatenate(w[1:]), w.rows)
    assert w.rows.std() == pytest.approx(1, abs=0.03)


def test_the_label_can_be_read_from_the_features():
    """By the nearest vector of a class: about as often right as the label itself."""
    w = detector.weights(4, 256)
    out = detector.features(split(count=200), 18, 256)
    real = out["object"] >= 0
    near = (out["features"] @ w.category.T - (w.category**2).sum(axis=1) / 2).argmax(axis=2)
    category = truth("category")[:200]
    assert (near == out["label"])[real].mean() > 0.93
    assert (near == category)[real].mean() == pytest.approx(0.88, abs=0.03)


def test_impossible_numbers_are_refused():
    with pytest.raises(SettingsError, match=r"regions = 0, .*dim = -1, .*sigma = -0.5"):
        detector.detect(split()[0], 0, -1, -0.5)
    with pytest.raises(SettingsError, match="sigma = nan"):
        detector.detect(split()[0], sigma=float("nan"))

"""Kernels from distances: the same machine as scikit-learn's on the joined table, and everything that only this form can do."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from mmkit.errors import DataError, SettingsError
from mmkit.models import fusion_rivals as rivals
from mmkit.models import kernel_fusion as kf

NAMES = ("text", "audio", "video")
SUBSETS = [subset for size in (1, 2, 3) for subset in combinations(NAMES, size)]


def make(rows: int, seed: int, tilt: float = 0.3) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Blocks of 5, 3 and 8 columns in units of their own; the label says whether text and voice contradict each other."""
    rng = np.random.default_rng(seed)
    words, voice = rng.choice([-1, 1], (2, rows))
    label = (words != voice).astype(int)
    text = words[:, None] * [1, 0.5, 0, 0, 0] + 0.4 * rng.normal(size=(rows, 5)) + tilt * label[:, None]
    audio = 900 + 100 * (voice[:, None] * [1, 0.8, 0] + 0.4 * rng.normal(size=(rows, 3)))
    video = 0.1 * (voice[:, None] * np.array([0.6] + 7 * [0]) + 0.7 * rng.normal(size=(rows, 8)))
    return {"text": text, "audio": audio, "video": video}, label


TRAIN, LABEL = make(160, 0)
TEST, TEST_LABEL = make(120, 1)


def table(features, names, scaled):
    joined = np.concatenate([features[n] for n in names], axis=1)
    if scaled:
        seen = np.concatenate([TRAIN[n] for n in names], axis=1)
        joined = (joined - seen.mean(0)) / seen.std(0)
    return joined


@pytest.fixture(scope="module")
def blocks() -> dict[bool, kf.Blocks]:
    return {scaled: kf.Blocks(TRAIN, scaled) for scaled in (True, False)}


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("names", SUBSETS, ids="+".join)
def test_every_subset_is_scikit_learns_machine_on_the_joined_table(blocks, scaled, names):
    own = blocks[scaled]
    machine = SVC(C=1000, kernel="rbf", gamma="scale").fit(table(TRAIN, names, scaled), LABEL)
    assert own.gamma(names) == pytest.approx(machine._gamma, rel=1e-9)
    mine, theirs = kf.fit(own, LABEL, names).decide(own.distances(TEST)), machine.decision_function(table(TEST, names, scaled))
    np.testing.assert_allclose(mine, theirs, atol=1e-5 * np.abs(theirs).max())
    clear = np.abs(theirs) > 0.01
    assert ((mine > 0) == (theirs > 0))[clear].all()
    np.testing.assert_array_equal(kf.fit(own, LABEL, names).predict(own.distances(TEST)), mine > 0)


def test_distances_and_kernel_by_definition(blocks):
    own, x, y = blocks[True], table(TEST, ["video"], True), table(TRAIN, ["video"], True)
    slow = np.array([[np.sum((a - b) ** 2) for b in y] for a in x[:9]])
    found = own.distances(TEST)
    assert set(found) == set(NAMES)
    np.testing.assert_allclose(found["video"][:9], slow, rtol=1e-9)
    k = kf.kernel(found, {"text": 0.1, "video": 0.02})
    np.testing.assert_allclose(k, np.exp(-0.1 * found["text"] - 0.02 * found["video"]))
    np.testing.assert_allclose(found["video"][:9], slow, rtol=1e-9)  # they are still what they were
    assert not np.diagonal(own.squared["text"]).any()
    assert set(own.distances({"audio": TEST["audio"]})) == {"audio"}
    np.testing.assert_allclose(own.mean("audio"), TRAIN["audio"].mean(axis=0))
    middle = own.distances({"audio": own.mean("audio")[None]})["audio"]
    np.testing.assert_allclose(middle[0], np.square(table(TRAIN, ["audio"], True)).sum(axis=1))


def test_weights_are_roots_on_columns(blocks):
    weights = {"text": 3.0, "video": 0.25}
    own, heavy = blocks[False], kf.Blocks({n: x * np.sqrt(weights.get(n, 1.0)) for n, x in TRAIN.items()}, scaled=False)
    assert own.gamma(NAMES, weights) == pytest.approx(heavy.gamma(NAMES), rel=1e-9)
    mine, theirs = own.gammas(NAMES, weights=weights), heavy.gammas(NAMES)
    for name in NAMES:
        np.testing.assert_allclose(mine[name] * own.squared[name], theirs[name] * heavy.squared[name], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(list(own.share(NAMES, weights).values()), list(heavy.share(NAMES).values()), rtol=1e-9)
    off = kf.fit(blocks[True], LABEL, NAMES, weights={"audio": 0.0, "video": 0.0})
    alone = kf.fit(blocks[True], LABEL, ["text"], gamma=off.gammas["text"])
    far = blocks[True].distances(TEST)
    np.testing.assert_allclose(off.decide(far), alone.decide(far), atol=1e-6)


def test_per_block_gammas_make_blocks_equal(blocks):
    own = blocks[False]
    gammas = own.gammas(NAMES, "per_block")
    for name in NAMES:
        assert gammas[name] == pytest.approx(1 / (3 * own.columns[name] * TRAIN[name].var()), rel=1e-9)
    assert own.gammas(["text"], 0.5, {"text": 4.0}) == {"text": 2.0}
    assert own.gammas(["text"], {"text": 0.2, "audio": 9.0}) == {"text": 0.2}


def test_share_of_the_distance(blocks):
    scaled, raw = (own.share(NAMES) for own in (blocks[True], blocks[False]))
    np.testing.assert_allclose([scaled[n] for n in NAMES], [5 / 16, 3 / 16, 8 / 16])  # standardised: as many as columns
    spread = np.array([TRAIN[n].var(axis=0).sum() for n in NAMES])
    np.testing.assert_allclose([raw[n] for n in NAMES], spread / spread.sum())
    assert raw["audio"] > 0.99


def test_machines_of_many_costs_share_a_kernel(blocks):
    own, far = blocks[True], blocks[True].distances(TEST)
    several = kf.fit_costs(own, LABEL, ["text", "audio"], [0.1, 1000])
    for machine, cost in zip(several, [0.1, 1000], strict=True):
        assert machine.cost == cost
        np.testing.assert_array_equal(machine.decide(far), kf.fit(own, LABEL, ["text", "audio"], cost).decide(far))
    assert np.abs(several[0].decide(far) - several[1].decide(far)).max() > 0.1


def test_tuning_looks_at_validation_rows_alone(blocks):
    own = blocks[True]
    valid, valid_label = make(80, 2)
    near = own.distances(valid)
    found = kf.tune(own, LABEL, ["text", "audio"], near, valid_label, multipliers=(0.5, 4.0), costs=(1.0, 100.0))
    assert len(found.tried) == 2**2 * 2
    assert found.score == max(score for *_, score in found.tried) == kf.accuracy(valid_label, found.best.predict(near))
    times, cost, _ = next(t for t in found.tried if t[2] == found.score)  # of equals the first
    base = own.gammas(["text", "audio"], "per_block")
    assert found.best.cost == cost
    assert found.best.gammas == {n: base[n] * times[n] for n in times}
    worst = kf.tune(own, LABEL, ["text", "audio"], near, valid_label, score=lambda y, p: -kf.accuracy(y, p))
    assert -worst.score == min(-score for *_, score in worst.tried) < found.score
    alike = kf.tune(own, LABEL, ["text"], near, valid_label, multipliers=(0.5, 4.0), costs=(1.0, 9.0), score=lambda *_: 0.5)
    assert (alike.best.gammas["text"], alike.best.cost) == (0.5 * own.gamma(["text"]), 1.0)


def test_only_a_kernel_sees_that_words_and_voice_contradict():
    features, label = make(400, 3, tilt=0.0)
    own = kf.Blocks(features)
    fresh, truth = make(400, 4, tilt=0.0)
    far, names = own.distances(fresh), ["text", "audio"]
    right = {
        "kernel": kf.accuracy(truth, kf.fit(own, label, names, 10).predict(far)),
        "logistic": kf.accuracy(truth, rivals.fit_linear(own, label, names).predict(fresh)),
        "svm": kf.accuracy(truth, rivals.fit_linear(own, label, names, "svm", 0.1).predict(fresh)),
        "late": kf.accuracy(truth, rivals.fit_late(own, label, names).predict(far)),
    }
    assert right.pop("kernel") > 0.9
    assert max(right.values()) < 0.65


def test_linear_fusion_is_scikit_learns(blocks):
    names = ["audio", "text"]
    mine = rivals.fit_linear(blocks[True], LABEL, names, cost=0.3)
    theirs = LogisticRegression(C=0.3, max_iter=5000).fit(table(TRAIN, names, True), LABEL)
    np.testing.assert_allclose(mine.decide(TEST), theirs.decision_function(table(TEST, names, True)), atol=1e-4)
    np.testing.assert_array_equal(mine.predict(TEST), mine.decide(TEST) > 0)
    with pytest.raises(SettingsError, match="'logistic' or 'svm'"):
        rivals.fit_linear(blocks[True], LABEL, names, "rbf")


def test_late_fusion_is_the_mean_of_calibrated_blocks(blocks):
    own, far = blocks[True], blocks[True].distances(TEST)
    late = rivals.fit_late(own, LABEL, ["text", "audio"], cost=1.0)
    chances = late.probabilities(far)
    np.testing.assert_allclose(late.decide(far), (chances["text"] + chances["audio"]) / 2 - 0.5)
    np.testing.assert_array_equal(late.predict(far), late.decide(far) > 0)
    np.testing.assert_allclose(late.machines["text"].decide(far), kf.fit(own, LABEL, ["text"], 1.0).decide(far))
    slope, intercept = late.lines["text"]
    z = late.machines["text"].decide(far)
    np.testing.assert_allclose(chances["text"], 1 / (1 + np.exp(-slope * z - intercept)))
    # fitted to rows the machines had not seen: scikit-learn's machines on the same folds give the same line
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    x = table(TRAIN, ["text"], True)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    unseen = cross_val_predict(SVC(C=1.0, gamma=own.gamma(["text"])), x, LABEL, cv=folds, method="decision_function")
    line = LogisticRegression(C=1e6).fit(unseen[:, None], LABEL)
    assert (slope, intercept) == pytest.approx((line.coef_[0, 0], line.intercept_[0]), rel=1e-2, abs=1e-2)
    with pytest.raises(SettingsError, match="rarer label"):
        rivals.fit_late(own, LABEL, ["text"], folds=500)


def test_columns_that_do_not_vary_say_nothing():
    constant = {"text": np.concatenate([TRAIN["text"], np.full((160, 1), 0.1)], axis=1)}
    assert kf.Blocks(constant).distances({"text": np.zeros((1, 6))})["text"].max() < 1e3
    assert kf.Blocks({"text": np.ones((160, 2))}).gamma(["text"]) == 1.0
    assert kf.Blocks({"text": np.ones((160, 2))}).share(["text"]) == {"text": 0.0}


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({}, "no blocks"),
        ({"text": np.zeros((3, 2)), "audio": np.zeros((4, 2))}, r"audio: shape \(4, 2\), expected \(3, D\)"),
        ({"text": np.zeros(3)}, "shape"),
        ({"text": np.array([[1.0], [np.nan]])}, "1 rows hold numbers"),
        ({"text": np.zeros((0, 2))}, "0 training rows"),
    ],
)
def test_blocks_that_cannot_be_used(features, message):
    with pytest.raises(DataError, match=message):
        kf.Blocks(features)


def test_what_else_is_refused(blocks):
    own = blocks[True]
    with pytest.raises(DataError, match=r"text: shape \(2, 4\), expected \(2, 5\)"):
        own.distances({"text": np.zeros((2, 4))})
    with pytest.raises(DataError, match="video: missing"):
        own.joined(NAMES, {n: TEST[n] for n in ("text", "audio")})
    with pytest.raises(DataError, match="lack the blocks audio"):
        kf.fit(own, LABEL, NAMES).decide({n: own.squared[n] for n in ("text", "video")})
    with pytest.raises(SettingsError, match="did you mean 'audio'"):
        kf.fit(own, LABEL, ["audo"])
    with pytest.raises(SettingsError, match="each once"):
        kf.fit(own, LABEL, ["text", "text"])
    with pytest.raises(SettingsError, match="expected 'scale'"):
        kf.fit(own, LABEL, ["text"], gamma="auto")
    with pytest.raises(SettingsError, match="lacks the blocks video"):
        kf.fit(own, LABEL, NAMES, gamma={"text": 1.0, "audio": 1.0})
    with pytest.raises(SettingsError, match="take no part"):
        kf.fit(own, LABEL, ["text"], weights={"audio": 1.0})
    with pytest.raises(SettingsError, match="numbers from 0 up"):
        kf.fit(own, LABEL, ["text"], weights={"text": -1.0})
    for labels in (LABEL[:-1], LABEL + 1, np.zeros(160, dtype=int)):
        with pytest.raises(DataError, match="of 0 and 1"):
            kf.fit(own, labels, ["text"])

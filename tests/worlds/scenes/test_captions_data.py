"""Captioned scenes as a data set: what is seen belongs to what is said, and a null control changes the words alone."""

import numpy as np
import pytest

from mmkit.errors import SettingsError
from mmkit.schema.columns import matrix, steps
from mmkit.worlds.scenes import captions, captions_data, detector, generate
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.captions_data import KINDS, LEAF_OF, make, scene_of
from mmkit.worlds.scenes.knobs import settle

FEW = {"objects": (2, 2.6, 4)}


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("MMKIT_CACHE", str(tmp_path))


def test_sizes_of_the_parts_and_what_stands_in_the_schema():
    data = make(50, 3, regions=4, dim=7, **FEW)
    assert [len(part) for part in data.official()] == [35, 4, 11]
    assert [(m.name, m.kind, m.shape) for m in data.schema.modalities] == [
        ("regions", "sequence", (7,)),
        ("picture_vector", "vector", (7,)),
    ]
    assert data.counts == {"scenes": 50, "captions": 250}
    assert all(len(each) == 5 for each in data.records.table["captions"].to_pylist())


def test_what_is_seen_is_the_detectors_report_of_the_scene_that_is_described():
    data = make(40, 3, regions=5, dim=6, sigma=0.2, hypernym_rate=0.4, **FEW)
    values, _ = steps(data.records.table["regions"])
    features = values.reshape(40, 5, 6)
    np.testing.assert_allclose(matrix(data.records.table["picture_vector"]), features.mean(axis=1), rtol=1e-5, atol=1e-6)
    for row in (0, 27, 30, 31, 39):  # both sides of every border between parts
        record, truth = data.records[row], data.records.truth.slice(row, 1).to_pylist()[0]
        scene = scene_of(record["id"], 3, **FEW)
        seen = detector.detect(scene, 5, 6, 0.2)
        np.testing.assert_array_equal(features[row], seen.features)
        assert truth["shown"] == [v.CATEGORIES[scene.category[k]] if k >= 0 else "" for k in seen.object]
        np.testing.assert_array_equal(np.array(truth["box"], dtype=np.float32), seen.box)
        said = captions.write(scene, settle(3, hypernym_rate=0.4, **FEW))
        assert record["captions"] == [each.text for each in said]
        assert truth["annotator"] == [each.annotator for each in said]
        assert {leaf for each in truth["leaves"] for leaf in each} <= {v.CATEGORIES[c] for c in scene.category}


def test_without_hypernym_noise_the_same_scenes_are_called_by_their_leaves():
    main, null = make(60, 1, hypernym_rate=0.6, **FEW), make(60, 1, "hypernyms", **FEW)
    assert main.records.table["regions"] == null.records.table["regions"]
    words = [{w for each in d.records.table["captions"].to_pylist() for text in each for w in text.split()} for d in (main, null)]
    assert set(KINDS) & words[0]
    assert not set(KINDS) & words[1]
    assert main.records.truth["leaves"] == null.records.truth["leaves"]
    assert main.fingerprint != null.fingerprint


def test_words_for_leaves():
    assert LEAF_OF["dog"] == LEAF_OF["puppy"] == LEAF_OF["hound"] == "dog"
    assert not set(LEAF_OF) & set(KINDS)
    assert set(LEAF_OF.values()) == set(v.CATEGORIES)


def test_what_was_generated_once_is_read_again(monkeypatch):
    first = make(20, 5, **FEW)

    def never(*_):
        raise AssertionError("generated again")

    monkeypatch.setattr(captions_data, "scenes", never)
    again = make(20, 5, **FEW)
    assert again.records.table == first.records.table
    assert again.records.truth == first.records.truth
    with pytest.raises(AssertionError, match="again"):
        make(20, 5, regions=6, **FEW)  # other features


def test_seeds_and_more_records():
    small, other = make(20, 5, **FEW), make(20, 6, **FEW)
    assert small.records.table["captions"] != other.records.table["captions"]
    large = make(40, 5, **FEW).official()[0].table
    assert large["captions"][:14] == small.official()[0].table["captions"]
    assert small.records.table["id"][0].as_py() == generate.scene(settle(5, **FEW), "train", 0).id


@pytest.mark.parametrize(
    ("records", "changed", "told"),
    [
        (19, {}, "records = 19"),
        (20, {"null": "hypernym"}, "did you mean 'hypernyms'"),
        (20, {"hypernym": 0.1}, "no knob 'hypernym'"),
        (20, {"sigma": -1.0}, "sigma = -1"),
        (20, {"regions": 0}, "regions = 0"),
    ],
)
def test_what_is_refused(records, changed, told):
    with pytest.raises(SettingsError, match=told):
        make(records, 0, **changed)


def test_what_fits_what():
    assert captions_data.fits("puppy", "dog")
    assert captions_data.fits("animal", "dog")
    assert not captions_data.fits("cat", "dog")
    assert not captions_data.fits("person", "dog")
    assert not captions_data.fits("near", "dog")
    assert not captions_data.fits("toy", "")
    assert not captions_data.fits("near", "")  # nothing has no name

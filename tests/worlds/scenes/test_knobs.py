"""What can be turned in the world of scenes, and what is refused."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace

import numpy as np
import pytest

from mmkit.errors import SettingsError
from mmkit.worlds.scenes.knobs import GQA_LIKE, NULLS, Knobs, null, settle


@pytest.mark.parametrize("control", list(NULLS))
def test_a_null_control_changes_one_knob(control):
    usual, changed = Knobs(1), settle(1, control)
    assert changed == replace(usual, **null(control))
    assert sum(getattr(usual, f.name) != getattr(changed, f.name) for f in fields(Knobs)) == 1


def test_changes_come_last():
    knobs = settle(1, "hypernyms", hypernym_rate=0.5, **GQA_LIKE)
    assert knobs.hypernym_rate == 0.5
    assert knobs.objects == (8, 15.6, 26)


def test_a_list_of_objects_is_as_good_as_a_tuple():
    assert Knobs(1, objects=[6, 9, 14]) == Knobs(1, objects=(6, 9.0, 14))


def test_knobs_can_be_a_key():
    assert json.loads(json.dumps(asdict(Knobs(np.int64(1), nearest=np.int32(2)))))["nearest"] == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1),
        ("seed", 1.5),
        ("seed", True),
        ("seed", 2**64),
        ("objects", (6, 9.0)),
        ("objects", (1, 9.0, 14)),
        ("objects", (6, 5.0, 14)),
        ("objects", (6, 15.0, 14)),
        ("objects", (6, 9.0, 65)),
        ("objects", (6.0, 9.0, 14)),
        ("objects", "6-14"),
        ("nearest", -1),
        ("nearest", 2.0),
        ("nearest", 65),
        ("edge_types", "randm"),
        ("hops0", 1),
        ("family", None),
        ("wording", "plain"),
        ("annotators", "same"),
        ("hypernym_rate", 1.1),
        ("hypernym_rate", "0.5"),
        ("sgg", "true"),
        ("sgg_level", float("nan")),
        ("ocr", True),
    ],
)
def test_impossible_values_are_named(name, value):
    with pytest.raises(SettingsError, match=f"{name} = ") as caught:
        Knobs(**{"seed": 1, name: value})
    assert repr(value) in str(caught.value)
    assert "expected" in str(caught.value)


def test_all_impossible_values_at_once():
    with pytest.raises(SettingsError) as caught:
        Knobs(-1, objects=(), nearest=-1, ocr="no", hops0=None, sgg_level=9)
    assert all(f"{name} = " in str(caught.value) for name in ("seed", "objects", "nearest", "ocr", "hops0", "sgg_level"))


def test_unknown_names():
    with pytest.raises(SettingsError, match="no knob 'neerest'; did you mean 'nearest'"):
        settle(1, neerest=3)
    with pytest.raises(SettingsError, match="no null control 'edge_type'; did you mean 'edge_types'"):
        settle(1, "edge_type")
    with pytest.raises(SettingsError, match=r"no knob 'ocrr'.*no knob 'familie'"):
        settle(1, ocrr="off", familie="none")

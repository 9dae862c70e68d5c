"""Settings: who overrides whom, what is known about each value, and every impossible one named before anything runs."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import pytest

from mmkit import papers
from mmkit.errors import SettingsError
from mmkit.papers import PROFILES, SOURCES, Paper
from mmkit.study.settings import DATA, check_sources, resolve

READY = [p for p in papers.all_papers() if p.ready]
FACTS: dict[str, Any] = {
    "settings": {
        "rate": {"value": 0.5, "source": "paper", "where": "Table 9", "about": "a rate", "low": 0.0, "high": 1.0},
        "epochs": {"value": 5, "source": "paper", "where": "section 4", "about": "passes", "low": 1, "high": 10},
        "head": {"value": "mlp", "source": "official code", "where": "head.py", "about": "head", "choices": ["mlp", "linear"]},
        "names": {"value": ["a", "b"], "source": "chosen", "where": "", "about": "names", "choices": ["a", "b", "c"]},
        "sweeps": {"value": True, "source": "chosen", "where": "", "about": "sweeps", "choices": [True, False]},
    },
    "profiles": {"lab": {"epochs": 3, "rate": 0.5}, "lab-real": {"epochs": 2}},
}


def paper(**changed: Any) -> Paper:
    return Paper("99_test", "", "", "", 2000, "", "", FACTS | changed)


def value(name: str, profile: str = "paper", data: str = "world", **overrides: Any) -> Any:
    return resolve(paper(), profile, data, overrides)[name].value


def test_the_later_layer_wins():
    """TOML, then profile, then profile on real data, then the user; a profile that real data does not refine is used as it is."""
    assert value("epochs") == 5
    assert value("epochs", "smoke") == 5
    assert value("epochs", "lab") == 3
    assert value("epochs", "lab", "real") == 2
    assert value("epochs", "paper", "real") == 5
    assert value("epochs", "lab", "real", epochs=7) == 7


def test_every_value_knows_where_it_comes_from():
    lab = resolve(paper(), "lab", "world", {"head": "linear"})
    told = {name: (s.source, s.where, s.published) for name, s in lab.items()}
    assert told == {
        "rate": ("paper", "Table 9", 0.5),  # the profile repeats the paper's value: still the paper's
        "epochs": ("chosen", "profile lab", 5),
        "head": ("chosen", "given by the user", "mlp"),
        "names": ("chosen", "", ["a", "b"]),
        "sweeps": ("chosen", "", True),
    }
    assert lab["rate"].about == "a rate"


def test_values_are_taken_as_they_are_meant():
    whole = value("rate", rate=1)
    assert (whole, type(whole)) == (1.0, float)
    assert value("names", names=("c", "a")) == ["c", "a"]
    assert value("epochs", epochs=1) == 1  # the bounds belong to the range
    assert value("epochs", epochs=10) == 10
    assert value("sweeps", sweeps=False) is False


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"epochs": 2.0}, "epochs = 2.0 is a float, expected int, such as 5"),
        ({"epochs": True}, "epochs = True is a bool, expected int, such as 5"),
        ({"epochs": None}, "epochs = None is a NoneType, expected int, such as 5"),
        ({"rate": "0.1"}, "rate = '0.1' is a str, expected float, such as 0.5"),
        ({"rate": True}, "rate = True is a bool, expected float, such as 0.5"),
        ({"sweeps": 1}, "sweeps = 1 is a int, expected bool, such as True"),
        ({"head": ["mlp"]}, "head = ['mlp'] is a list, expected str, such as 'mlp'"),
        ({"names": "a"}, "names = 'a' is a str, expected list, such as ['a', 'b']"),
        ({"epochs": 0}, "epochs = 0, expected between 1 and 10"),
        ({"epochs": 11}, "epochs = 11, expected between 1 and 10"),
        ({"rate": math.nan}, "rate is not a number"),
        ({"rate": math.inf}, "rate = inf, expected between 0.0 and 1.0"),
        ({"head": "liner"}, "head = 'liner'; did you mean 'linear'?"),
        ({"names": []}, "names is empty, expected at least one of a, b, c"),
        ({"names": ["a", "a", "b"]}, "names names a twice"),
        ({"names": ["a", "z"]}, "names contains 'z'; known: a, b, c"),
        ({"epoch": 3}, "unknown setting 'epoch'; did you mean 'epochs'?"),
    ],
)
def test_an_impossible_value_is_named(override: dict[str, Any], message: str):
    with pytest.raises(SettingsError) as caught:
        resolve(paper(), "lab", "world", override)
    assert str(caught.value) == f"paper 99_test: {message}"


def test_everything_wrong_is_told_at_once():
    with pytest.raises(SettingsError) as caught:
        resolve(paper(), "lab", "world", {"epoch": 3, "rate": 7.0, "names": ["x", "x"], "head": 1})
    for part in ("unknown setting 'epoch'", "rate = 7.0", "names contains 'x'", "names names x twice", "head = 1 is a int"):
        assert part in str(caught.value)


def test_a_wrong_profile_value_is_caught_too():
    with pytest.raises(SettingsError, match="epochs = 99, expected between 1 and 10"):
        resolve(paper(profiles={"lab": {"epochs": 99}}), "lab", "world")


def test_profile_and_data_are_checked():
    with pytest.raises(SettingsError, match=r"profile = 'labs'.*'lab'"):
        resolve(paper(), "labs", "world")
    with pytest.raises(SettingsError, match=r"data = 'wrld'.*'world'"):
        resolve(paper(), "lab", "wrld")


def test_nothing_that_was_given_is_changed():
    facts, overrides = copy.deepcopy(FACTS), {"names": ["c"], "rate": 1}
    resolve(paper(), "lab", "real", overrides)
    assert facts == FACTS
    assert overrides == {"names": ["c"], "rate": 1}


def test_the_papers_own_file_is_checked():
    broken = replace(paper(), facts=copy.deepcopy(FACTS))
    broken.facts["settings"]["rate"]["source"] = "a guess"
    broken.facts["profiles"]["smoke"] = {"epoch": 1}
    assert check_sources(paper()) == []
    assert check_sources(broken) == ["setting rate: source 'a guess'", "profile smoke: unknown setting 'epoch'"]


@pytest.mark.parametrize("ready", READY, ids=lambda p: p.slug)
def test_every_profile_of_every_paper_resolves(ready: Paper):
    assert check_sources(ready) == []
    assert set(ready.profiles) <= {*PROFILES, *(f"{p}-real" for p in PROFILES)}
    for profile in PROFILES:
        for data in DATA:
            resolved = resolve(ready, profile, data)
            assert resolved.keys() == ready.settings.keys()
            assert {s.source for s in resolved.values()} <= set(SOURCES)
            assert all(s.about and (s.where or s.source == "chosen") for s in resolved.values())

"""A run's settings: the paper's value, changed by the profile, changed by the user; each knows where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmkit.errors import SettingsError, nearest
from mmkit.papers import PROFILES, SOURCES, Paper

DATA = ("world", "real")
ALIASES = {"gpu": "cuda"}  # what people write, and what it is called
DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class Setting:
    """One resolved setting. source: paper | official code | chosen; `published`: the value before profile and user."""

    name: str
    value: Any
    source: str
    where: str
    about: str
    published: Any


def resolve(paper: Paper, profile: str, data: str, overrides: Mapping[str, Any] | None = None) -> dict[str, Setting]:
    """Every setting of the paper for this profile and kind of data. Raises SettingsError naming every wrong one.

    Order: the TOML's value, then `[profiles.<profile>]`, then `[profiles.<profile>-real]` for real data, then `overrides`.
    """
    one_of("profile", profile, PROFILES)
    one_of("data", data, DATA)
    overrides = dict(overrides or {})
    changed = {**paper.profiles.get(profile, {}), **(paper.profiles.get(f"{profile}-real", {}) if data == "real" else {})}
    wrong = [f"unknown setting {name!r}{nearest(name, paper.settings)}" for name in overrides if name not in paper.settings]
    resolved = {}
    for name, spec in paper.settings.items():
        value, source, where = spec["value"], spec["source"], spec.get("where", "")
        if name in changed and changed[name] != value:
            value, source, where = changed[name], "chosen", f"profile {profile}"
        if name in overrides:
            value, source, where = _as(spec["value"], overrides[name]), "chosen", "given by the user"
        wrong += _problems(name, spec, value)
        resolved[name] = Setting(name, value, source, where, spec.get("about", ""), spec["value"])
    if wrong:
        raise SettingsError(f"paper {paper.slug}: " + "; ".join(wrong))
    return resolved


def one_of(what: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        close = nearest(ALIASES.get(value, value), known) if isinstance(value, str) else ""
        raise SettingsError(f"{what} = {value!r}, expected one of {', '.join(known)}{close}")


def _as(published: Any, value: Any) -> Any:
    """An int where a float is wanted is fine; a tuple is a list."""
    if isinstance(published, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return list(value) if isinstance(value, tuple) else value


def _problems(name: str, spec: Mapping[str, Any], value: Any) -> list[str]:
    if type(value) is not type(spec["value"]):
        return [
            f"{name} = {value!r} is a {type(value).__name__}, expected {type(spec['value']).__name__}, such as {spec['value']!r}"
        ]
    if isinstance(value, list):
        bad = [v for v in value if "choices" in spec and v not in spec["choices"]]
        twice = sorted({str(v) for v in value if value.count(v) > 1}) if "choices" in spec else []  # numbers may be equal
        return (
            [f"{name} contains {v!r}{nearest(v, spec['choices'])}" for v in bad]
            + ([f"{name} is empty, expected {_some(spec)}"] if not value else [])
            + ([f"{name} names {', '.join(twice)} twice"] if twice else [])
        )
    if "choices" in spec and value not in spec["choices"]:
        return [f"{name} = {value!r}{nearest(value, spec['choices'])}"]
    if isinstance(value, float) and value != value:
        return [f"{name} is not a number"]
    if ("low" in spec and value < spec["low"]) or ("high" in spec and value > spec["high"]):
        return [f"{name} = {value!r}, expected between {spec.get('low')} and {spec.get('high')}"]
    return []


def _some(spec: Mapping[str, Any]) -> str:
    return f"at least one of {', '.join(spec['choices'])}" if "choices" in spec else f"something such as {spec['value']!r}"


def check_sources(paper: Paper) -> list[str]:
    """What is wrong with the paper's own TOML: a setting without a known source, a profile that names an unknown setting."""
    wrong = [
        f"setting {name}: source {spec.get('source')!r}"
        for name, spec in paper.settings.items()
        if spec.get("source") not in SOURCES
    ]
    for profile, values in paper.profiles.items():
        wrong += [f"profile {profile}: unknown setting {name!r}" for name in values if name not in paper.settings]
    return wrong

"""What worlds with knobs share: is a value within its bounds, and random numbers of one stage."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from mmkit.errors import nearest


def impossible(
    knobs: Any, wholes: Mapping[str, tuple], reals: Mapping[str, tuple], choices: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """What is wrong with the knobs named in `wholes` and `reals` (name -> least, most) and `choices` (name -> the allowed)."""
    wrong = []
    for name, (low, high) in wholes.items():
        value = getattr(knobs, name)
        if not (is_whole(value) and low <= value <= high):
            wrong.append(f"{name} = {value!r}, expected a whole number between {low} and {high}")
    for name, (low, high) in reals.items():
        value = getattr(knobs, name)
        if isinstance(value, bool) or not isinstance(value, Real) or not low <= value <= high:
            wrong.append(f"{name} = {value!r}, expected a number between {low:g} and {high:g}")
    for name, known in choices.items():
        value = getattr(knobs, name)
        if value not in known:
            wrong.append(f"{name} = {value!r}, expected one of {', '.join(known)}{_hint(value, known)}")
    return wrong


def is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def rng(seed: int, stage: str) -> np.random.Generator:
    """The random numbers of one stage of one world: no stage moves another."""
    return np.random.default_rng([seed, zlib.crc32(stage.encode())])


def _hint(value: Any, choices: tuple[str, ...]) -> str:
    hint = nearest(value, choices) if isinstance(value, str) else ""
    return hint if hint.startswith("; did you mean") else ""

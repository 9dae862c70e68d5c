"""The world of scenes: objects in places, what relates them, and what is asked, said and seen of them."""

from __future__ import annotations

from typing import Any

from mmkit.errors import SettingsError, nearest
from mmkit.schema import Dataset
from mmkit.worlds.scenes import core_data

VIEWS = ("core",)


def make(data: str, records: int, seed: int, null: str | None = None, **knobs: Any) -> Dataset:
    """A generated data set. core: questions about graphs of six things. Same arguments, same records."""
    if data == "core":
        return core_data.make(records, seed, null, **knobs)
    raise SettingsError(f"the world scenes has no data set {data!r}{nearest(data, VIEWS)}")

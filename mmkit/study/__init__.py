"""What a notebook holds in its hand: settings, data, trials, tables, verdicts, figures, all written into one run folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmkit.study.study import Study as Study


def __getattr__(name: str) -> Any:  # the command line needs settings and folder only, without pandas and pyarrow
    if name == "Study":
        from mmkit.study.study import Study

        return Study
    raise AttributeError(f"module 'mmkit.study' has no attribute {name!r}")

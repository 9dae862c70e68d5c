"""Everything mmkit raises on purpose: one tree, so that the command line can turn each into one clear message."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MMKitError(Exception):
    """Base of the tree. `exit_code` is what the command line returns: 1 it broke, 2 it was used wrongly."""

    exit_code = 1


class SettingsError(MMKitError):
    """A parameter or setting that does not exist or has an impossible value. Raised before anything is computed."""

    exit_code = 2


class DataError(MMKitError):
    """Data that is missing, malformed or does not fit its schema. `problems` lists every place that is wrong."""

    def __init__(self, summary: str, problems: Iterable[str] = (), advice: str = "", shown: int = 20) -> None:
        self.summary, self.problems, self.advice = summary, list(problems), advice
        lines = [summary, *(f"  {p}" for p in self.problems[:shown])]
        if len(self.problems) > shown:
            lines.append(f"  ... and {len(self.problems) - shown} more")
        super().__init__("\n".join([*lines, *([advice] if advice else [])]))


class ClaimError(MMKitError):
    """A claim that cannot be judged: unknown metric, missing seeds, no null control."""


class RunError(MMKitError):
    """A run that could not start or did not finish: folder in use, folder not writable, a cell that failed."""


def nearest(name: str, known: Iterable[str]) -> str:
    """'; did you mean X?' for a misspelt name, or the list of known names when nothing is close."""
    known = [str(k) for k in known]
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known) or 'none'}"

"""What a claim says, as read from its file, and what was found: an interval, a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from mmkit.errors import ClaimError, nearest

KINDS = ("comparison", "trend", "interpretability", "exact", "cost")
DIRECTIONS = ("higher", "lower")
TESTS = ("above", "at_most")


@dataclass(frozen=True)
class Claim:
    """What a paper (or we, `ours`) says, precise enough to fail.

    `direction` tells which values of the metric are good. The gain is `better` minus `worse`, or the value of `better` alone
    when `worse` is empty; for a trend its least-squares slope over `x`, one number per entry of `worlds` (in the null
    control: of `null_worlds`). Test "above": the gain exceeds `margin`; "at_most": it stays below it. `null` names the world
    in which the mechanism has nothing to exploit. `why` is the mechanism in a sentence; `ours` marks a claim that the paper
    does not make. `also_real`: real data has the truth that it needs, too (comparisons can always be measured there).
    """

    id: str
    text: str
    kind: str
    metric: str
    source: str
    direction: str = "higher"
    data: str = ""
    better: str = ""
    worse: str = ""
    margin: float = 0.0
    test: str = "above"
    world: str = "main"
    null: str | None = None
    published: dict[str, float] = field(default_factory=dict)
    why: str = ""
    ours: bool = False
    worlds: tuple[str, ...] = ()
    x: tuple[float, ...] = ()
    null_worlds: tuple[str, ...] = ()
    also_real: bool = False

    def __post_init__(self) -> None:
        for name, allowed in (("kind", KINDS), ("direction", DIRECTIONS), ("test", TESTS)):
            if getattr(self, name) not in allowed:
                raise ClaimError(f"claim {self.id}: {name} = {getattr(self, name)!r}{nearest(getattr(self, name), allowed)}")
        if isinstance(self.margin, bool) or not isinstance(self.margin, int | float) or not math.isfinite(self.margin):
            raise ClaimError(f"claim {self.id}: margin = {self.margin!r}, expected a finite number in the units of {self.metric}")
        if self.kind == "exact":
            return
        for name in ("data", "better"):
            if not getattr(self, name):
                raise ClaimError(f"claim {self.id}: {name} is empty; a claim of kind {self.kind} names its data set and method")
        if self.kind != "trend":
            return
        for name, worlds in (("worlds", self.worlds), *([("null_worlds", self.null_worlds)] if self.null else [])):
            numbers = all(isinstance(x, int | float) for x in self.x)
            if len(worlds) != len(self.x) or len(set(self.x)) < 2 or not numbers:
                raise ClaimError(
                    f"claim {self.id}: {len(worlds)} {name} and x = {list(self.x)}; a trend needs one x per world, "
                    "at least two of them different"
                )

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Claim:
        """From one `[[claim]]` entry. Raises ClaimError that lists every unknown or missing key, and impossible values."""
        known = {f.name: f for f in fields(cls)}
        needed = [n for n, f in known.items() if f.default is MISSING and f.default_factory is MISSING]
        wrong = [f"unknown key {k!r}{nearest(k, known)}" for k in facts if k not in known]
        wrong += [f"key {k!r} is missing" for k in needed if k not in facts]
        if wrong:
            raise ClaimError(f"claim {facts.get('id', '(no id)')}: {'; '.join(wrong)}")
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in facts.items()})

    @property
    def sign(self) -> float:
        return 1.0 if self.direction == "higher" else -1.0

    @property
    def against(self) -> str:
        """'gating over text_only', or the one method measured."""
        return f"{self.better} over {self.worse}" if self.worse else self.better


@dataclass(frozen=True)
class Interval:
    """Mean gain over `n` seeds and its interval at `1 - level`; `low` and `high` are None where there is none (one seed)."""

    mean: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    level: float = 0.05

    def beyond(self, bar: float) -> int:
        """+1 when the whole interval lies above `bar`, -1 below, 0 when it holds it or does not exist."""
        if self.low is None or self.high is None:
            return 0
        return int(self.low > bar) - int(self.high < bar)

    def as_dict(self) -> dict[str, float | int | None]:
        return {"mean": self.mean, "low": self.low, "high": self.high, "n": self.n}

    def __str__(self) -> str:
        if self.low is None:
            return f"{self.mean:.4g}"
        return f"{self.mean:.4g} ({self.low:.4g} to {self.high:.4g})"


@dataclass(frozen=True)
class Verdict:
    """A judged claim. `drop` is how much the gain shrinks in the null control; its interval decides `explained`."""

    claim: Claim
    verdict: str
    measured: Interval
    null: Interval | None
    drop: Interval | None
    explained: bool | None
    why: str

    def as_dict(self) -> dict[str, Any]:
        """One entry of claims.json."""
        c = self.claim
        null = None if self.null is None else {"name": c.null, **self.null.as_dict()}
        return {
            "id": c.id,
            "text": c.text,
            "kind": c.kind,
            "metric": c.metric,
            "data": c.data,
            "better": c.better,
            "worse": c.worse,
            "published": dict(c.published),
            "measured": self.measured.as_dict(),
            "null": null,
            "margin": c.margin,
            "verdict": self.verdict,
            "explained": self.explained,
            "why": self.why,
            "source": c.source,
        }

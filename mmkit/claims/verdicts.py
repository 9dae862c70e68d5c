"""Intervals -> verdicts: upheld, refuted or undecided, explained by the null control or not, and the sentence that says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmkit.claims.entries import Claim, Interval, Verdict
from mmkit.claims.gains import differences
from mmkit.claims.intervals import Moments, holm, interval, moments
from mmkit.errors import ClaimError

if TYPE_CHECKING:
    import pandas as pd


def judge(
    claims: Sequence[Claim],
    scores: pd.DataFrame,
    *,
    alpha: float = 0.05,
    exact: Mapping[str, tuple[float, float, float]] | None = None,
    train_test_ratio: float | None = None,
    world: str | None = None,
    strict: bool = True,
) -> list[Verdict]:
    """Verdicts on all claims of one paper, in their order; they share one error rate `alpha`, and so do their explanations.

    `exact`: id -> (computed, printed, tolerance) for claims of kind "exact". `train_test_ratio`: training over test examples,
    e.g. 3.0 for four folds, when the seeds are folds of one data set; their overlap widens the intervals (Nadeau and Bengio,
    2003). `world` replaces every claim's own world, e.g. "real", where there is no null control. What has no scores raises
    ClaimError, or with `strict=False` is undecided.
    """
    if len({c.id for c in claims}) < len(claims):
        raise ClaimError(f"claim ids are not unique: {', '.join(sorted(c.id for c in claims))}")
    gains: dict[str, tuple[pd.Series, pd.Series | None]] = {}  # in the claim's world, in its null control
    excuse: dict[str, str] = {}
    for claim in claims:
        try:
            if claim.kind != "exact":
                gains[claim.id] = _gains(claim, scores, world)
            elif claim.id not in (exact or {}):
                raise ClaimError(f"claim {claim.id}: no computed value was handed in for this exact fact")
        except ClaimError as why:
            if strict:
                raise
            excuse[claim.id] = f"Not measured in this run: {str(why).removeprefix(f'claim {claim.id}: ')}."

    by_id = {c.id: c for c in claims}
    bars = {k: float(by_id[k].margin) for k in gains}
    measured = holm({k: moments(main.to_numpy(), train_test_ratio) for k, (main, _) in gains.items()}, bars, alpha)
    drops = {k: _drop(by_id[k], main, null, train_test_ratio) for k, (main, null) in gains.items() if null is not None}
    drops = holm(drops, dict.fromkeys(drops, 0.0), alpha)
    verdicts = []
    for claim in claims:
        if claim.id in excuse:
            verdicts.append(Verdict(claim, "undecided", Interval(), None, None, None, excuse[claim.id]))
        elif claim.kind == "exact":
            verdicts.append(_exact(claim, *exact[claim.id]))
        else:
            here, null = measured[claim.id], gains[claim.id][1]
            if null is not None:
                null = interval(*moments(null.to_numpy(), train_test_ratio), here.level)
            verdicts.append(_verdict(claim, here, null, drops.get(claim.id)))
    return verdicts


def _gains(claim: Claim, scores: pd.DataFrame, world: str | None) -> tuple[pd.Series, pd.Series | None]:
    if world is None:
        return differences(claim, scores, claim.world), differences(claim, scores, claim.null) if claim.null else None
    if claim.kind == "trend":
        raise ClaimError(f"claim {claim.id}: a trend is measured over generated worlds, not in {world!r}")
    return differences(claim, scores, world), None


def _drop(claim: Claim, main: pd.Series, null: pd.Series, ratio: float | None) -> Moments:
    """Moments of how much of the gain goes away in the null control; for "at_most": how much larger the gain becomes there."""
    sign = 1.0 if claim.test == "above" else -1.0
    if main.index.equals(null.index):
        return moments(sign * (main - null).to_numpy(), ratio)
    (m1, s1, d1, n1), (m0, s0, d0, n0) = (moments(g.to_numpy(), ratio) for g in (main, null))
    v1, v0 = s1**2, s0**2  # Welch: unpaired, unequal variances; NaN where either side has one seed
    df = (v1 + v0) ** 2 / (v1**2 / d1 + v0**2 / d0) if v1 + v0 > 0 else np.float64(n1 + n0 - 2)
    return sign * (m1 - m0), np.sqrt(v1 + v0), df, min(n1, n0)


def _verdict(claim: Claim, measured: Interval, null: Interval | None, drop: Interval | None) -> Verdict:
    side = measured.beyond(claim.margin) * (1 if claim.test == "above" else -1)
    verdict = {1: "upheld", -1: "refuted", 0: "undecided"}[side]
    explained = None if drop is None or drop.low is None else drop.beyond(0.0) > 0
    return Verdict(claim, verdict, measured, null, drop, explained, _why(claim, verdict, measured, null, drop, explained))


def _why(
    claim: Claim, verdict: str, measured: Interval, null: Interval | None, drop: Interval | None, explained: bool | None
) -> str:
    """One sentence for a learner: what was measured, against which bar, and what the null control adds."""
    gain = "slope of the gain" if claim.kind == "trend" else "gain"
    what = f"The {gain} in {claim.metric} of {claim.against} is {measured}"
    if measured.low is None:
        return f"{what} with one seed; an interval, and so a verdict, needs at least two."
    bar = f"{claim.margin:.4g}"
    where = {1: f"all above {bar}", -1: f"all below {bar}", 0: f"which includes {bar}"}[measured.beyond(claim.margin)]
    says = "above" if claim.test == "above" else "at most"
    text = f"{what} over {measured.n} seeds, {where}, where the claim says {says} {bar}: {verdict}"
    if null is None:
        return f"{text}."
    text += f"; in the null control it is {null}"
    if explained is None or drop is None:
        return f"{text}, with too few seeds to compare the two."
    word = "smaller" if claim.test == "above" else "larger"
    if not explained:
        return f"{text}, and that it is {word} there is not shown: by {drop}, not all of it above 0."
    sense = ", as the credited mechanism says" if verdict != "refuted" else ", though the claim itself does not hold"
    return f"{text}, {word} by {drop}{sense}."


def _exact(claim: Claim, computed: float, printed: float, tolerance: float) -> Verdict:
    held = abs(computed - printed) <= tolerance * (1 + 1e-9)  # a tolerance of half a digit is itself rounded in binary
    sense = "within" if held else "further than"
    why = f"Computed {computed:.6g}, printed {printed:.6g}: {sense} {tolerance:.2g} of each other."
    point = Interval(float(computed), float(computed), float(computed), 1)
    return Verdict(claim, "upheld" if held else "refuted", point, None, None, None, why)


def table(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """One row per claim, for display and `plots.claims_forest`. `published`: the paper's gain, NaN where it prints no pair."""
    import pandas as pd

    rows = []
    for v in verdicts:
        null = v.null or Interval()
        rows.append(
            {
                "id": v.claim.id,
                "claim": v.claim.text,
                "kind": v.claim.kind,
                "metric": v.claim.metric,
                "data": v.claim.data,
                "published": _published(v.claim),
                "mean": v.measured.mean,
                "low": v.measured.low,
                "high": v.measured.high,
                "n": v.measured.n,
                "null_mean": null.mean,
                "null_low": null.low,
                "null_high": null.high,
                "margin": v.claim.margin,
                "test": v.claim.test,
                "verdict": v.verdict,
                "explained": v.explained,
                "why": v.why,
            }
        )
    frame = pd.DataFrame(rows)
    numbers = ["published", "mean", "low", "high", "null_mean", "null_low", "null_high"]
    return frame.astype(dict.fromkeys(numbers, float)) if rows else frame


def _published(claim: Claim) -> float | None:
    """The gain that the paper prints, in the claim's sign; None where it prints no pair."""
    pair = [claim.published.get(k) for k in ("better", "worse")]
    return None if None in pair else claim.sign * (float(pair[0]) - float(pair[1]))

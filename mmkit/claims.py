"""A paper's claim and the scores of paired seeds -> a verdict, with the numbers that decided it.

A claim is one `[[claim]]` entry of `papers/<slug>.toml`, written down before the run. Its quantity is a *gain* per seed:
better minus worse, signed so that a positive gain favours the claim. The interval is Student's t over seeds, at the level
that Holm's step-down procedure gives the claim among all claims of its paper; the verdict is read off that interval, so the
two never disagree. `simulate` measures how often this is wrong.

Sources: Holm (1979), A simple sequentially rejective multiple test procedure; Nadeau and Bengio (2003), Inference for the
generalization error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from mmkit.errors import ClaimError, nearest

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("comparison", "trend", "interpretability", "exact", "cost")
DIRECTIONS = ("higher", "lower")
TESTS = ("above", "at_most")
VERDICTS = ("upheld", "refuted", "undecided")
DISTRIBUTIONS = ("normal", "heavy tails", "skewed", "shared baseline", "folds")


@dataclass(frozen=True)
class Claim:
    """What a paper (or we, `ours`) says, precise enough to fail.

    `direction` tells which values of the metric are good. The gain is `better` minus `worse`, or the value of `better` alone
    when `worse` is empty; for a trend its least-squares slope over `x`, one number per entry of `worlds` (in the null
    control: of `null_worlds`). Test "above": the gain exceeds `margin`; "at_most": it stays below it. `null` names the world
    in which the mechanism has nothing to exploit. `why` is the mechanism in a sentence; `ours` marks a claim that the paper
    does not make.
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


# Scores -> gains


def differences(claim: Claim, scores: pd.DataFrame, world: str) -> pd.Series:
    """Gain per seed in `world`, indexed by seed; positive favours the claim. A trend: slope of the gain over `claim.x`.

    `scores` has the columns of scores.csv; rows of split "test" count. Raises ClaimError that says which data set, metric,
    method, world or seed is missing, and where two values contradict each other. For a trend, `world` is `claim.world` or
    `claim.null`.
    """
    rows = _rows(claim, scores)
    if claim.kind != "trend":
        return claim.sign * _gain(claim, rows, world)
    worlds = claim.null_worlds if world == claim.null else claim.worlds
    gains = {w: claim.sign * _gain(claim, rows, w) for w in worlds}
    seeds = sorted(set().union(*(g.index for g in gains.values())))
    for w, gain in gains.items():
        _same_seeds(claim, f"world {w!r}", gain.index, seeds)
    x = np.asarray(claim.x, dtype=float) - np.mean(claim.x)
    slope = sum(xi * gains[w] for w, xi in zip(worlds, x, strict=True)) / float(x @ x)
    return slope.rename("gain")


def _rows(claim: Claim, scores: pd.DataFrame) -> pd.DataFrame:
    """The test rows of the claim's data set and metric."""
    if missing := [c for c in ("method", "data", "world", "seed", "metric", "value") if c not in scores.columns]:
        raise ClaimError(f"claim {claim.id}: scores have no column {', '.join(missing)}; the layout is that of scores.csv")
    rows = scores[scores["split"] == "test"] if "split" in scores.columns else scores
    for column, want in (("data", claim.data), ("metric", claim.metric)):
        known = sorted(set(rows[column].astype(str)))
        rows = rows[rows[column] == want]
        if rows.empty:
            raise ClaimError(f"claim {claim.id}: no test score with {column} {want!r}{nearest(want, known)}")
    return rows


def _gain(claim: Claim, rows: pd.DataFrame, world: str) -> pd.Series:
    """better - worse per seed in one world, in the metric's own sign."""
    here = rows[rows["world"] == world]
    if here.empty:
        raise ClaimError(f"claim {claim.id}: no score in world {world!r}{nearest(world, sorted(set(rows['world'])))}")
    values = {m: _per_seed(claim, here, m, world) for m in (claim.better, *([claim.worse] if claim.worse else []))}
    seeds = sorted(set().union(*(v.index for v in values.values())))
    for method, value in values.items():
        _same_seeds(claim, f"method {method!r} in world {world!r}", value.index, seeds)
    gain = values[claim.better] - values[claim.worse] if claim.worse else values[claim.better]
    return gain.rename("gain")


def _per_seed(claim: Claim, here: pd.DataFrame, method: str, world: str) -> pd.Series:
    """One finite value per seed. Two tables of a paper may share a trial: equal values count once."""
    rows = here[here["method"] == method].drop_duplicates(["seed", "value"])
    place = f"{claim.metric} of method {method!r} in world {world!r}"
    if rows.empty:
        raise ClaimError(f"claim {claim.id}: no {place}{nearest(method, sorted(set(here['method'])))}")
    if (twice := rows["seed"].duplicated()).any():
        seed = rows["seed"][twice].iloc[0]
        raise ClaimError(
            f"claim {claim.id}: {place} has two different values for seed {seed}, expected one; remove the run folder's "
            "trials and run again"
        )
    value = rows.set_index("seed")["value"].astype(float).sort_index()
    if (bad := value[~np.isfinite(value)]).size:
        raise ClaimError(f"claim {claim.id}: {place} is {bad.iloc[0]} for seed {bad.index[0]}, expected a finite number")
    return value


def _same_seeds(claim: Claim, where: str, have: Sequence[int], want: Sequence[int]) -> None:
    if lacking := sorted(set(want) - set(have)):
        raise ClaimError(
            f"claim {claim.id}: {where} lacks seeds {', '.join(map(str, lacking))}, expected {', '.join(map(str, want))}; "
            "run the missing trials"
        )


# Gains -> verdicts


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
    measured = _holm({k: _moments(main.to_numpy(), train_test_ratio) for k, (main, _) in gains.items()}, bars, alpha)
    drops = {k: _drop(by_id[k], main, null, train_test_ratio) for k, (main, null) in gains.items() if null is not None}
    drops = _holm(drops, dict.fromkeys(drops, 0.0), alpha)
    verdicts = []
    for claim in claims:
        if claim.id in excuse:
            verdicts.append(Verdict(claim, "undecided", Interval(), None, None, None, excuse[claim.id]))
        elif claim.kind == "exact":
            verdicts.append(_exact(claim, *exact[claim.id]))
        else:
            here, null = measured[claim.id], gains[claim.id][1]
            if null is not None:
                null = _interval(*_moments(null.to_numpy(), train_test_ratio), here.level)
            verdicts.append(_verdict(claim, here, null, drops.get(claim.id)))
    return verdicts


def _gains(claim: Claim, scores: pd.DataFrame, world: str | None) -> tuple[pd.Series, pd.Series | None]:
    if world is None:
        return differences(claim, scores, claim.world), differences(claim, scores, claim.null) if claim.null else None
    if claim.kind == "trend":
        raise ClaimError(f"claim {claim.id}: a trend is measured over generated worlds, not in {world!r}")
    return differences(claim, scores, world), None


Moments = tuple[np.ndarray, np.ndarray, np.ndarray, int]  # mean, standard error, degrees of freedom, n


def _moments(gains: np.ndarray, train_test_ratio: float | None) -> Moments:
    """Mean over the last axis, its standard error (NaN for one seed), degrees of freedom, and n."""
    n = gains.shape[-1]
    mean = gains.mean(axis=-1)
    if n < 2:
        return mean, np.full_like(mean, np.nan), np.zeros_like(mean), n
    sd = np.sqrt(np.square(gains - mean[..., None]).sum(axis=-1) / (n - 1))
    sd = np.where(sd <= 1e-12 * np.abs(gains).max(axis=-1), 0.0, sd)  # equal up to rounding is equal
    overlap = 0.0 if train_test_ratio is None else 1.0 / train_test_ratio  # n_test / n_train
    return mean, sd * math.sqrt(1.0 / n + overlap), np.full_like(mean, n - 1.0), n


def _drop(claim: Claim, main: pd.Series, null: pd.Series, ratio: float | None) -> Moments:
    """Moments of how much of the gain goes away in the null control; for "at_most": how much larger the gain becomes there."""
    sign = 1.0 if claim.test == "above" else -1.0
    if main.index.equals(null.index):
        return _moments(sign * (main - null).to_numpy(), ratio)
    (m1, s1, d1, n1), (m0, s0, d0, n0) = (_moments(g.to_numpy(), ratio) for g in (main, null))
    v1, v0 = s1**2, s0**2  # Welch: unpaired, unequal variances; NaN where either side has one seed
    df = (v1 + v0) ** 2 / (v1**2 / d1 + v0**2 / d0) if v1 + v0 > 0 else np.float64(n1 + n0 - 2)
    return sign * (m1 - m0), np.sqrt(v1 + v0), df, min(n1, n0)


def _levels(p: np.ndarray, alpha: float) -> np.ndarray:
    """Holm's level per p-value (..., C): alpha / (C - k) for the k-th smallest from 0; the first to fail fixes the rest."""
    count = p.shape[-1]
    order = np.argsort(p, axis=-1, kind="stable")
    step = np.broadcast_to(alpha / (count - np.arange(count)), p.shape)
    failed = np.take_along_axis(p, order, axis=-1) > step
    first = np.where(failed.any(axis=-1), failed.argmax(axis=-1), count - 1)[..., None]
    level = np.where(np.arange(count) > first, np.take_along_axis(step, first, axis=-1), step)
    out = np.empty_like(p)
    np.put_along_axis(out, order, level, axis=-1)
    return out


def _intervals(mean: np.ndarray, se: np.ndarray, df: np.ndarray, bar: np.ndarray, alpha: float) -> tuple[np.ndarray, ...]:
    """(low, high, level) per claim (..., C) of one paper. A zero standard error gives a point, certain unless it is the bar."""
    from scipy.special import stdtr

    away = np.abs(mean - bar)
    t = np.divide(away, se, out=np.where(away > 0, np.inf, 0.0), where=se > 0)
    level = _levels(2 * stdtr(df, -t), alpha)
    half = _half(se, df, level)
    return mean - half, mean + half, level


def _half(se: np.ndarray, df: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Half the width of the two-sided t interval."""
    from scipy.special import stdtrit

    return se * stdtrit(df, 1 - np.asarray(level) / 2)


def _holm(moments: Mapping[str, Moments], bar: Mapping[str, float], alpha: float) -> dict[str, Interval]:
    """Intervals of one family. A claim with one seed has none and takes no share of alpha: that is known before any result."""
    ids = [k for k, (_, se, _, _) in moments.items() if np.isfinite(se)]
    out = {k: Interval(float(mean), None, None, n, alpha) for k, (mean, _, _, n) in moments.items()}
    if ids:
        mean, se, df = (np.array([float(moments[k][i]) for k in ids]) for i in range(3))
        low, high, level = _intervals(mean, se, df, np.array([bar[k] for k in ids]), alpha)
        for k, *ends in zip(ids, low, high, level, strict=True):
            out[k] = Interval(out[k].mean, float(ends[0]), float(ends[1]), out[k].n, float(ends[2]))
    return out


def _interval(mean: np.ndarray, se: np.ndarray, df: np.ndarray, n: int, level: float) -> Interval:
    if not np.isfinite(se):
        return Interval(float(mean), None, None, n, level)
    half = float(_half(se, df, level))
    return Interval(float(mean), float(mean) - half, float(mean) + half, n, level)


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


# How often is all of this wrong?


def simulate(
    effect: float = 0.0,
    n_seeds: int = 5,
    n_claims: int = 9,
    *,
    n_true: int = 1,
    kept: float = 0.0,
    distribution: str = "normal",
    repeats: int = 10_000,
    seed: int = 0,
    alpha: float = 0.05,
    train_test_ratio: float | None = None,
) -> dict[str, float]:
    """Rates at which made-up papers get right and wrong verdicts, through the arithmetic that `judge` uses.

    Each of `repeats` papers has `n_claims` claims, the first `n_true` of them true with mean gain `effect`, the others with
    none; gains have standard deviation 1, so `effect` is in standard deviations of the paired differences. In the null
    control a share `kept` of the effect stays. `distribution`: "normal", "heavy tails" (t with 3 degrees of freedom), "shared
    baseline" (claims correlated 0.5: all against one method), "folds" (seeds correlated as folds that share training data
    are), or "skewed" (1 minus an exponential), for which no t interval of a few seeds keeps its promise: false_upheld is far
    above `alpha`. Look at the differences.

    Returns false_upheld (share of papers with any untrue claim upheld), false_upheld_per_claim, power (share of true claims
    upheld), false_explained (share of papers with any claim explained whose gain does not shrink), explained_power; NaN where
    there is no such claim.
    """
    if distribution not in DISTRIBUTIONS:
        raise ClaimError(f"no distribution {distribution!r}{nearest(distribution, DISTRIBUTIONS)}")
    if not (n_seeds >= 2 and 0 <= n_true <= n_claims and n_claims >= 1 and repeats >= 1):
        raise ClaimError(
            "simulate needs at least two seeds, one claim, one repeat and n_true <= n_claims; got "
            f"n_seeds={n_seeds}, n_claims={n_claims}, n_true={n_true}, repeats={repeats}"
        )
    rng = np.random.default_rng(seed)
    shape = (repeats, n_claims, n_seeds)
    gain = np.where(np.arange(n_claims) < n_true, effect, 0.0)[:, None]
    main = gain + _noise(rng, shape, distribution, train_test_ratio)
    null = kept * gain + _noise(rng, shape, distribution, train_test_ratio)
    upheld, explained = (_above(values, alpha, train_test_ratio) for values in (main, main - null))
    true, shrinks = gain[:, 0] > 0, gain[:, 0] * (1 - kept) > 0
    return {
        "false_upheld": _any(upheld[:, ~true]),
        "false_upheld_per_claim": _mean(upheld[:, ~true]),
        "power": _mean(upheld[:, true]),
        "false_explained": _any(explained[:, ~shrinks]),
        "explained_power": _mean(explained[:, shrinks]),
    }


def _above(gains: np.ndarray, alpha: float, train_test_ratio: float | None) -> np.ndarray:
    """(papers, claims, seeds) -> which claims' intervals lie above zero."""
    mean, se, df, _ = _moments(gains, train_test_ratio)
    low, _, _ = _intervals(mean, se, df, np.zeros_like(mean), alpha)
    return low > 0


def _noise(
    rng: np.random.Generator, shape: tuple[int, int, int], distribution: str, train_test_ratio: float | None
) -> np.ndarray:
    """Gains of mean 0 and standard deviation 1, (papers, claims, seeds)."""
    papers, claims, seeds = shape
    if distribution == "heavy tails":
        return rng.standard_t(3, shape) / math.sqrt(3)
    if distribution == "skewed":
        return 1 - rng.standard_exponential(shape)
    if distribution == "shared baseline":
        return math.sqrt(0.5) * (rng.standard_normal(shape) + rng.standard_normal((papers, 1, seeds)))
    if distribution == "folds":
        share = (
            1 / seeds if train_test_ratio is None else 1 / (1 + train_test_ratio)
        )  # the test share, as Nadeau and Bengio assume
        own, common = rng.standard_normal(shape), rng.standard_normal((papers, claims, 1))
        return math.sqrt(1 - share) * own + math.sqrt(share) * common
    return rng.standard_normal(shape)


def _any(hits: np.ndarray) -> float:
    return float(hits.any(axis=-1).mean()) if hits.shape[-1] else math.nan


def _mean(hits: np.ndarray) -> float:
    return float(hits.mean()) if hits.size else math.nan

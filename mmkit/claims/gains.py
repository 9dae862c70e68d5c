"""Scores -> gains: one number per seed, positive where it favours the claim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmkit.claims.entries import Claim
from mmkit.errors import ClaimError, nearest

if TYPE_CHECKING:
    import pandas as pd


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

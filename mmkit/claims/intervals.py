"""Gains -> intervals: Student's t over seeds, for all claims of a paper at once.

Sources: Holm (1979), A simple sequentially rejective multiple test procedure; Nadeau and Bengio (2003), Inference for the
generalization error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from mmkit.claims.entries import Interval

Moments = tuple[np.ndarray, np.ndarray, np.ndarray, int]  # mean, standard error, degrees of freedom, n


def moments(gains: np.ndarray, train_test_ratio: float | None) -> Moments:
    """Mean over the last axis, its standard error (NaN for one seed), degrees of freedom, and n."""
    n = gains.shape[-1]
    mean = gains.mean(axis=-1)
    if n < 2:
        return mean, np.full_like(mean, np.nan), np.zeros_like(mean), n
    sd = np.sqrt(np.square(gains - mean[..., None]).sum(axis=-1) / (n - 1))
    sd = np.where(sd <= 1e-12 * np.abs(gains).max(axis=-1), 0.0, sd)  # equal up to rounding is equal
    overlap = 0.0 if train_test_ratio is None else 1.0 / train_test_ratio  # n_test / n_train
    return mean, sd * math.sqrt(1.0 / n + overlap), np.full_like(mean, n - 1.0), n


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


def intervals(mean: np.ndarray, se: np.ndarray, df: np.ndarray, bar: np.ndarray, alpha: float) -> tuple[np.ndarray, ...]:
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


def holm(moments: Mapping[str, Moments], bar: Mapping[str, float], alpha: float) -> dict[str, Interval]:
    """Intervals of one family. A claim with one seed has none and takes no share of alpha: that is known before any result."""
    ids = [k for k, (_, se, _, _) in moments.items() if np.isfinite(se)]
    out = {k: Interval(float(mean), None, None, n, alpha) for k, (mean, _, _, n) in moments.items()}
    if ids:
        mean, se, df = (np.array([float(moments[k][i]) for k in ids]) for i in range(3))
        low, high, level = intervals(mean, se, df, np.array([bar[k] for k in ids]), alpha)
        for k, *ends in zip(ids, low, high, level, strict=True):
            out[k] = Interval(out[k].mean, float(ends[0]), float(ends[1]), out[k].n, float(ends[2]))
    return out


def interval(mean: np.ndarray, se: np.ndarray, df: np.ndarray, n: int, level: float) -> Interval:
    if not np.isfinite(se):
        return Interval(float(mean), None, None, n, level)
    half = float(_half(se, df, level))
    return Interval(float(mean), float(mean) - half, float(mean) + half, n, level)

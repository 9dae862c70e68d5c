"""How well questions are answered: accuracy by kind, whom an object listens to, learning, a score that grows with its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from mmkit.errors import DataError
from mmkit.plots.style import GREY, WIDTH, describe, legend_below, legend_right, looks, need, new_axes, over_seeds

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def accuracy_by(frame: pd.DataFrame, x: str, xlabel: str, ax: Axes | None = None, ylabel: str = "accuracy (%)") -> Axes:
    """Accuracy by kind of question, one row of points per method; bar = 95 % t interval over seeds (none with one seed).

    `frame`: method, seed, value and the column `x`: numbers (relations to follow, words) are joined by lines, names (types)
    are not and keep the order of their first appearance.
    """
    from pandas.api.types import is_numeric_dtype

    need(frame, ["method", x, "seed", "value"], "frame")
    ax = new_axes(3.4) if ax is None else ax
    stats, style = over_seeds(frame, ["method", x]), looks(frame["method"])
    numbers = is_numeric_dtype(frame[x])
    levels = sorted(frame[x].unique()) if numbers else list(dict.fromkeys(frame[x]))
    place = dict(zip(levels, levels if numbers else range(len(levels)), strict=True))
    gap = float(np.diff(levels).min()) if numbers and len(levels) > 1 else 1.0
    step = gap * min(0.1, 0.6 / len(style))  # methods beside each other, not on top
    told = []
    for k, (method, (colour, marker)) in enumerate(style.items()):
        own = stats[stats["method"] == method].assign(place=lambda f: f[x].map(place)).sort_values("place")
        at = own["place"].to_numpy(dtype=float) + step * (k - (len(style) - 1) / 2)
        line = "-" if numbers else "none"
        ax.errorbar(at, own["mean"], yerr=own["half"], color=colour, marker=marker, markersize=5, linestyle=line,
                    linewidth=1.2, capsize=2, label=method)  # fmt: skip
        told.append(f"{method} " + ", ".join(f"{v} {m:.1f}" for v, m in zip(own[x], own["mean"], strict=True)))
    ax.set_xticks([place[level] for level in levels], [f"{level:g}" if numbers else str(level) for level in levels])
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.grid(axis="x", visible=False)
    legend_right(ax)
    return describe(ax, f"{ylabel} by {xlabel}, mean over seeds: {'; '.join(told)}.")


def ranking(ranks: pd.DataFrame, ax: Sequence[Axes] | None = None) -> np.ndarray:
    """Whom one object listens to under several instructions, one panel per score: neighbours by rank, 1 at the top.

    `ranks`: score (e.g. additive, mlp), instruction, neighbour, attention. A line is a neighbour, an area its attention. The
    title counts pairs of neighbours that change places: none where attention is static, whatever is asked.
    """
    import matplotlib.pyplot as plt

    need(ranks, ["score", "instruction", "neighbour", "attention"], "ranks")
    scores = list(dict.fromkeys(ranks["score"]))
    count, style = ranks["neighbour"].nunique(), looks(ranks["neighbour"])
    if ax is None:
        figure = {"figsize": (WIDTH, 1.4 + 0.4 * count), "layout": "constrained", "sharey": True, "squeeze": False}
        ax = plt.subplots(1, len(scores), **figure)[1][0]
    told = []
    for axes, score in zip(ax, scores, strict=True):
        table = ranks[ranks["score"] == score].pivot(index="instruction", columns="neighbour", values="attention")
        order = list(dict.fromkeys(ranks[ranks["score"] == score]["instruction"]))
        table = table.reindex(index=order, columns=list(style))
        if table.isna().to_numpy().any():
            raise DataError(f"ranks of {score!r} lack a neighbour under some instruction, expected each under each")
        place = table.rank(axis=1, ascending=False, method="first")
        for neighbour, (colour, marker) in style.items():
            axes.plot(range(len(order)), place[neighbour], marker + "-", color=colour, linewidth=1.5, zorder=2, label=neighbour)
            area = 20 + 240 * table[neighbour] / table.to_numpy().max()
            axes.scatter(range(len(order)), place[neighbour], s=area, color=colour, marker=marker, zorder=3)
        changed = _swapped(place.to_numpy())
        pairs = count * (count - 1) // 2
        axes.set_title(f"{score}: {changed} of {pairs} pairs change places")
        axes.set_xticks(range(len(order)), [str(i) for i in order])
        axes.set(xlabel="instruction", ylim=(count + 0.6, 0.4), yticks=range(1, count + 1))
        axes.margins(x=0.12)
        told.append(f"{score} {changed} of {pairs}")
    ax[0].set_ylabel("rank by attention")
    legend_right(ax[-1])
    describe(ax[0], f"Neighbours of one object by attention under {len(order)} instructions; pairs that change places: "
                    f"{'; '.join(told)}.")  # fmt: skip
    return np.asarray(ax)


def _swapped(place: np.ndarray) -> int:
    """Pairs of columns whose order is not the same in all rows."""
    before = place[:, :, None] < place[:, None, :]
    changes = before.any(axis=0) & ~before.all(axis=0)
    return int(np.triu(changes, 1).sum())


def learning_curves(
    losses: Mapping[str, ArrayLike], ylabel: str = "training loss (nats per question)", ax: Axes | None = None
) -> Axes:
    """How each method learns, epoch by epoch: `losses[method]` is (epochs,), or (seeds, epochs): mean, band = least to most."""
    if not losses:
        raise DataError("no losses, so there is nothing to draw")
    ax = new_axes(3.2) if ax is None else ax
    told = []
    for method, (colour, marker) in looks(losses).items():
        runs = np.atleast_2d(np.asarray(losses[method], dtype=float))
        if runs.ndim != 2 or runs.size == 0:
            raise DataError(f"losses of {method!r} have shape {np.shape(losses[method])}, expected (epochs,) or (seeds, epochs)")
        epoch, mean = np.arange(1, runs.shape[1] + 1), runs.mean(axis=0)
        ax.plot(epoch, mean, color=colour, marker=marker, markersize=4, label=method)
        if len(runs) > 1:
            ax.fill_between(epoch, runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.15, linewidth=0)
        told.append(f"{method} from {mean[0]:.3g} to {mean[-1]:.3g}")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel="epoch", ylabel=ylabel)
    legend_right(ax)
    return describe(ax, f"{ylabel} by epoch: {'; '.join(told)}.")


def distribution_growth(counts: ArrayLike, values: Mapping[str, ArrayLike], ax: Axes | None = None) -> Axes:
    """GQA's distribution score against the number of questions it is computed on, both logarithmic.

    `counts` (K,) of questions, `values[method]` (K,). The broken line grows as the number does, from the first method's last
    point back: twice as many questions, twice the score, with the same model.
    """
    counts = np.asarray(counts, dtype=float)
    if not values or counts.ndim != 1 or not len(counts):
        raise DataError("no counts or no values, so there is nothing to draw")
    ax = new_axes(3.6) if ax is None else ax
    told = []
    for method, (colour, marker) in looks(values).items():
        own = np.asarray(values[method], dtype=float)
        if own.shape != counts.shape or not (own > 0).all():
            raise DataError(f"values of {method!r} have shape {own.shape}, expected {counts.shape} of numbers above 0")
        ax.plot(counts, own, color=colour, marker=marker, markersize=5, label=method)
        told.append(f"{method} from {own[0]:.3g} to {own[-1]:.3g}")
    first = np.asarray(next(iter(values.values())), dtype=float)
    ax.plot(counts, first[-1] * counts / counts[-1], color=GREY, linestyle="--", zorder=1, label="as the number of questions")
    ax.set(xscale="log", yscale="log", xlabel="evaluated questions", ylabel="distribution score (lower is better)")
    legend_below(ax, columns=3)
    return describe(ax, f"Distribution score on {counts.min():g} to {counts.max():g} questions: {'; '.join(told)}.")

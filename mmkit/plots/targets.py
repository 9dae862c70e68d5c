"""Target words as a matrix: what it costs, what its norms and cosines show, and where it has too few dimensions."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from mmkit.errors import DataError
from mmkit.plots.results import sweep_lines
from mmkit.plots.style import (
    BLUE,
    GREY,
    LINES,
    ORANGE,
    WIDTH,
    alt_text,
    describe,
    legend_below,
    legend_right,
    looks,
    need,
    new_axes,
    over_seeds,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def parameter_bars(parts: pd.DataFrame, printed: pd.DataFrame, extra: Sequence[str] = (), ax: Axes | None = None) -> Axes:
    """Learnable parameters of each model and head as one stacked bar, part by part, with the printed total as a black tick.

    `parts`: model, head, part, parameters; `printed`: model, head, parameters. Parts named in `extra` are hatched: they are
    counted, but a clean build does without them. Beside each bar the sum, and whether it is what was printed.
    """
    need(parts, ["model", "head", "part", "parameters"], "parts")
    need(printed, ["model", "head", "parameters"], "printed")
    table = parts.groupby(["model", "head", "part"], sort=False)["parameters"].sum().unstack("part", fill_value=0, sort=False)
    published = printed.set_index(["model", "head"])["parameters"].to_dict()
    ax = new_axes(1.5 + 0.27 * len(table)) if ax is None else ax
    models = [model for model, _ in table.index]
    new = np.array([model != before for model, before in zip(models, ["", *models], strict=False)])
    y = np.arange(len(table)) + 0.5 * np.cumsum(new)  # a gap between models
    left = np.zeros(len(table))
    for part, (colour, _) in looks(table.columns).items():
        wide = table[part].to_numpy() / 1e6
        some = wide > 0  # a bar without width would still show its edge
        face = {"facecolor": "white", "hatch": "////", "edgecolor": colour} if part in extra else {"facecolor": colour}
        ax.barh(y[some], wide[some], left=left[some], height=0.8, label=part, **face)
        left += wide
    told = []
    for place, (key, total) in enumerate(table.sum(axis=1).items()):
        note, reach = f"{total:,}", total
        if (theirs := published.get(key)) is not None:
            ax.plot([theirs / 1e6] * 2, [y[place] - 0.45, y[place] + 0.45], color="black", linewidth=2.5)
            note += " = printed" if theirs == total else f", printed {theirs:,}"
            reach = max(total, theirs)
        ax.annotate(note, (reach / 1e6, y[place]), (6, 0), textcoords="offset points", va="center", fontsize=8)
        told.append(f"{' '.join(key)} {note}")
    ax.plot([], [], color="black", linewidth=2.5, label="printed total")
    ax.set_yticks(y, [f"{model}   {head}" if first else head for (model, head), first in zip(table.index, new, strict=True)])
    longest = max(left.max(), *(v / 1e6 for v in published.values()))
    ax.set(xlim=(0, 1.5 * longest), ylim=(y[-1] + 0.6, y[0] - 0.6), xlabel="learnable parameters (millions)")
    ax.grid(axis="y", visible=False)
    legend_below(ax, columns=3)
    return describe(ax, f"Learnable parameters by part, and the printed total: {'; '.join(told)}.")


def norm_frequency(rows: pd.DataFrame, ax: Sequence[Axes] | None = None) -> np.ndarray:
    """Length of each target row against how often its word occurs (log), one panel per head, with the rank correlation.

    `rows`: head, count, norm; one row per word, special tokens left out. Heads have scales of their own, so only x is shared.
    """
    import matplotlib.pyplot as plt

    from mmkit.scores.embeddings import norm_frequency as correlation

    need(rows, ["head", "count", "norm"], "rows")
    style = looks(rows["head"])
    if ax is None:
        ax = plt.subplots(1, len(style), figsize=(WIDTH, 3.0), layout="constrained", sharex=True, squeeze=False)[1][0]
    told = []
    for axes, (head, some) in zip(ax, rows.groupby("head", sort=False), strict=True):
        colour, marker = style[head]
        rho = correlation(some[["norm"]].to_numpy(), some["count"].to_numpy())
        axes.scatter(some["count"], some["norm"], s=9, color=colour, marker=marker, alpha=0.35, linewidth=0, label=head)
        title = textwrap.fill(head, 64 // len(style))
        axes.set(xscale="log", title=f"{title}\nρ = {rho:.2f}", xlabel="times in training")
        low, high = some["norm"].min(), some["norm"].max()
        if high - low < 0.02 * high:  # equal lengths: do not blow rounding up to a picture
            axes.set_ylim(0, 1.5 * high)
        told.append(f"{head} rho {rho:.2f}, length {low:.3g} to {high:.3g}")
    ax[0].set_ylabel("length of the target row")
    describe(ax[0], f"Length of the target row against how often its word occurs in training: {'; '.join(told)}.")
    return np.asarray(ax)


def gap_and_unreachable(gaps: pd.DataFrame, unreachable: pd.DataFrame, ax: Sequence[Axes] | None = None) -> np.ndarray:
    """What fixing costs as the dimension shrinks, one panel per metric; below, the share of words that no context reaches.

    `gaps`: dim, metric, method, seed, gap (fixed - learned, in the metric's unit); `unreachable`: dim, method, seed, share in
    [0, 1]. Mean over seeds and 95 % t interval. One method has one look in all panels; the dimension is on a log axis.
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullLocator, PercentFormatter

    need(gaps, ["dim", "metric", "method", "seed", "gap"], "gaps")
    need(unreachable, ["dim", "method", "seed", "share"], "unreachable")
    metrics = list(dict.fromkeys(gaps["metric"]))
    if ax is None:
        heights = [*[1.6] * len(metrics), 1.1]
        figure = {"figsize": (WIDTH, 0.7 + 1.2 * sum(heights)), "height_ratios": heights, "layout": "constrained"}
        ax = plt.subplots(len(heights), 1, sharex=True, **figure)[1]
    style = looks([*gaps["method"], *unreachable["method"]])
    told = []
    for axes, metric in zip(ax, metrics, strict=False):
        axes.axhline(0, color="black", linewidth=1, zorder=1)
        told.append(f"gap in {metric}: {_lines(axes, gaps[gaps['metric'] == metric], 'gap', style)}")
        axes.set_ylabel(f"gap in {metric}")
    below = ax[-1]
    told.append(f"words that no context reaches: {_lines(below, unreachable, 'share', style)}")
    below.yaxis.set_major_formatter(PercentFormatter(1.0))
    below.set(
        ylim=(-0.05, 1.05), yticks=[0, 0.5, 1], ylabel="unreachable", xlabel="dimension of the context vector", xscale="log"
    )
    dims = sorted({*gaps["dim"], *unreachable["dim"]})
    below.set_xticks(dims, [f"{d:g}" for d in dims])
    below.xaxis.set_minor_locator(NullLocator())
    handles = {h.get_label(): h for axes in ax for h in axes.get_legend_handles_labels()[0]}
    legend_right(ax[0], list(handles.values()))
    describe(ax[0], f"Against the dimension, {dims[0]:g} to {dims[-1]:g}, mean over seeds: {'. '.join(told)}.")
    return np.asarray(ax)


def _lines(ax: Axes, frame: pd.DataFrame, value: str, style: Mapping[str, tuple[Any, str]]) -> str:
    """Mean and band of each method over the dimension, and the same in words."""
    told = []
    for method, line in over_seeds(frame, ["method", "dim"], value).groupby("method", sort=False):
        line = line.sort_values("dim")
        colour, marker = style[method]
        ax.plot(line["dim"], line["mean"], marker=marker, color=colour, markersize=5, label=method)
        band = {"color": colour, "alpha": 0.15, "linewidth": 0}
        ax.fill_between(line["dim"], line["mean"] - line["half"], line["mean"] + line["half"], **band)
        told.append(f"{method} from {line['mean'].iloc[0]:.3g} to {line['mean'].iloc[-1]:.3g}")
    return ", ".join(told)


def norm_over_training(norms: pd.DataFrame, required: Mapping[str, float] | None = None, ax: Axes | None = None) -> Axes:
    """Mean length of the context vector f after each epoch, per kind of target rows; band = 95 % t interval over seeds.

    `norms`: epoch, norm, rows, seed. `required[rows]` is the length that a wanted probability needs, a broken line of the same
    colour. The length is on a log axis: raw rows of length 130 need an f a hundred times shorter than unit rows do.
    """
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    need(norms, ["epoch", "norm", "rows", "seed"], "norms")
    ax = new_axes(3.4) if ax is None else ax
    sweep = norms.rename(columns={"epoch": "x", "rows": "method", "norm": "value"})
    sweep_lines(sweep, "epoch", "mean length of the context vector", ax)
    told = alt_text(ax)
    style = looks(sweep["method"])
    for (rows, length), line in zip((required or {}).items(), LINES * len(style), strict=False):
        ax.axhline(length, color=style[rows][0], linestyle=line, linewidth=1.5, zorder=1, label=f"{rows}: required {length:.3g}")
        told += f" Required with {rows}: {length:.3g}."
    shown = [*ax.get_legend().legend_handles, *ax.get_legend_handles_labels()[0][len(style) :]]
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))  # numbers even where all lengths lie within one decade
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_right(ax, shown)
    return describe(ax, told)


def cosine_histogram(
    cosines: ArrayLike,
    dim: int,
    vocabulary: int,
    unreachable: float,
    scale: float = 1.0,
    p: float = 0.9,
    ax: Axes | None = None,
) -> Axes:
    """Cosines between different random rows, the normal curve N(0, 1/dim), and what such a matrix costs and allows.

    `cosines` (P,) of pairs among `vocabulary` rows of length `scale`; `unreachable` is the share of words that no context
    reaches. Told below: the length of f that gives the right word probability `p` however it lies, by the largest cosine.
    """
    from mmkit.scores.embeddings import adam_bytes, required_norm

    cosines = np.asarray(cosines, dtype=float)
    if cosines.size == 0:
        raise DataError("no cosines, so there is nothing to draw")
    ax = new_axes(3.4) if ax is None else ax
    density, edges = np.histogram(cosines, bins=120, range=(-1, 1), density=True)
    ax.stairs(density, edges, fill=True, color=BLUE, alpha=0.6, linewidth=0, label="random rows")
    x = np.linspace(-1, 1, 601)
    ax.plot(x, np.sqrt(dim / (2 * np.pi)) * np.exp(-0.5 * dim * x**2), color=ORANGE, linewidth=1.5, label="N(0, 1/d)")
    closest = float(cosines.max())
    norm = required_norm(vocabulary, p, closest, scale) if closest < 1 else np.inf
    facts = [
        f"largest: {closest:.2f} (broken line)",
        f"‖f‖ {f'= {norm:.3g}' if norm < 1e4 else '> 10,000'} for p = {p:g}",
        f"{unreachable:.1%} unreachable",
        f"Adam saves {adam_bytes(vocabulary, dim) / 1e6:.3g} MB",
    ]
    ax.axvline(closest, ymax=0.65, color=GREY, linestyle="--", linewidth=1.5)
    ax.margins(y=0.45)  # room for the legend above whatever shape
    ax.set(xlim=(-1.05, 1.05), xticks=[-1, 0, 1], ylabel="density", title=f"d = {dim}, |V| = {vocabulary:,}")
    ax.set_xlabel("\n".join(["cosine of two rows", *facts]), fontsize=9)
    ax.legend(loc="upper left", fontsize=8)
    return describe(ax, f"Cosines of {vocabulary:,} random rows in {dim} dimensions: {'; '.join(facts)}.")

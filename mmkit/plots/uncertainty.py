"""Does a model know when it does not know: the terms it trains on, calibration, and rejecting the uncertain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmkit.plots.style import GREY, WIDTH, describe, legend_right, looks, need, new_axes, over_seeds

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COVERAGES = np.arange(2, 101) / 100  # below 2 % a curve is the luck of a few films


def terms(frame: pd.DataFrame, ax: Sequence[Axes] | None = None) -> np.ndarray:
    """Terms of a loss after each epoch, one panel per term with a scale of its own, one line per method.

    `frame`: term (with its unit; the y label), method, seed, epoch, value. A term that is positive and spans more than a factor
    of 100 gets a log axis: a penalty of ten million nats and one of a thousand then show side by side.
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    need(frame, ["term", "method", "seed", "epoch", "value"], "frame")
    names = list(dict.fromkeys(frame["term"]))
    if ax is None:
        figure = {"figsize": (WIDTH, 0.6 + 2.0 * len(names)), "sharex": True, "layout": "constrained"}
        ax = plt.subplots(len(names), 1, squeeze=False, **figure)[1][:, 0]
    stats, style, told = over_seeds(frame, ["term", "method", "epoch"]), looks(frame["method"]), []
    for axes, name in zip(ax, names, strict=True):
        some = stats[stats["term"] == name]
        told.append(f"{' '.join(name.split())}: {_lines(axes, some, 'epoch', style)}")
        axes.set_ylabel(name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if some["mean"].min() > 0 and some["mean"].max() > 100 * some["mean"].min():
            axes.set_yscale("log")
    ax[-1].set_xlabel("epoch")
    handles = {h.get_label(): h for axes in ax for h in axes.get_legend_handles_labels()[0]}
    legend_right(ax[0], [handles[method] for method in style])
    describe(ax[0], f"After each epoch, first to last, mean over seeds. {'. '.join(told)}.")
    return np.asarray(ax)


def _lines(ax: Axes, stats: pd.DataFrame, x: str, style: Mapping[str, tuple[Any, str]]) -> str:
    """Mean and band of each method over column `x`, about twelve markers each, and the ends in words."""
    told = []
    for method, line in stats.groupby("method", sort=False):
        line = line.sort_values(x)
        colour, marker = style[method]
        every = max(1, len(line) // 12)
        ax.plot(line[x], line["mean"], marker=marker, markevery=every, color=colour, markersize=5, label=method)
        band = {"color": colour, "alpha": 0.15, "linewidth": 0}
        ax.fill_between(line[x], line["mean"] - line["half"], line["mean"] + line["half"], **band)
        told.append(f"{method} from {line['mean'].iloc[0]:.3g} to {line['mean'].iloc[-1]:.3g}")
    return ", ".join(told)


def reliability_diagram(frame: pd.DataFrame, ax: Sequence[Axes] | None = None) -> np.ndarray:
    """Above: the share that is true against the probability given, per method; below: where its probabilities lie. Two Axes.

    `frame`: method, probability, share, count; one row per bin, as `scores.calibration.reliability_curve` returns them. The
    legend gives the expected calibration error (ECE), the mean distance from the diagonal over all events.
    """
    import matplotlib.pyplot as plt

    need(frame, ["method", "probability", "share", "count"], "frame")
    if ax is None:
        figure = {"figsize": (WIDTH, 4.8), "height_ratios": (3, 1), "sharex": True, "layout": "constrained"}
        ax = plt.subplots(2, 1, **figure)[1]
    above, below = ax
    above.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2, label="calibrated")
    told = []
    for method, (colour, marker) in looks(frame["method"]).items():
        bins = frame[frame["method"] == method].sort_values("probability")
        error = np.average(np.abs(bins["share"] - bins["probability"]), weights=bins["count"])
        look = {"color": colour, "marker": marker, "markersize": 5}
        above.plot(bins["probability"], bins["share"], label=f"{method}, ECE {error:.3f}", **look)
        below.plot(bins["probability"], bins["count"] / bins["count"].sum(), **look)
        told.append(f"{method} ECE {error:.3f}")
    above.set(ylabel="share that is true", ylim=(-0.03, 1.03))
    below.set(xlabel="probability given (mean of the bin)", ylabel="share of pairs", yscale="log", xlim=(-0.03, 1.03))
    legend_right(above)
    describe(above, f"Share of film-genre pairs that is true against the probability given: {'; '.join(told)}.")
    return np.array([above, below])


def rejection(frame: pd.DataFrame, ylabel: str, ax: Axes | None = None) -> Axes:
    """Mean error of the films that are answered as the uncertain ones are left out: mean and 95 % t band over seeds.

    `frame`: method, seed, coverage, error, as `scores.calibration.rejection_curve` returns them; curves are read at coverages
    of 2 % to 100 %, so that seeds may have different numbers of films. The legend gives the area under the whole curve.
    """
    import pandas as pd
    from matplotlib.ticker import PercentFormatter

    need(frame, ["method", "seed", "coverage", "error"], "frame")
    ax = new_axes(3.4) if ax is None else ax
    style, read, areas = looks(frame["method"]), [], {}
    for (method, seed), curve in frame.groupby(["method", "seed"], sort=False):
        curve = curve.sort_values("coverage")
        error = np.interp(COVERAGES, curve["coverage"], curve["error"])
        read.append(pd.DataFrame({"method": method, "seed": seed, "coverage": COVERAGES, "value": error}))
        areas.setdefault(method, []).append(curve["error"].mean())
    told = _lines(ax, over_seeds(pd.concat(read), ["method", "coverage"]), "coverage", style)
    notes = {method: f"{method}, area {np.mean(area):.3g}" for method, area in areas.items()}
    for line in ax.get_lines():
        line.set_label(notes.get(line.get_label(), line.get_label()))  # given Axes may hold other lines
    ax.set(xlabel="share of films that is answered, the most certain first", ylabel=ylabel, xlim=(0, 1.02))
    ax.xaxis.set_major_formatter(PercentFormatter(1.0))
    legend_right(ax)
    return describe(ax, f"{ylabel} of the films that are answered, against their share: {told}. {'; '.join(notes.values())}.")

"""Table rows beside the paper's, training curves, thresholds, and a grid of two settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmkit.plots.results import sweep_lines
from mmkit.plots.style import (
    GREY,
    LINES,
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


def rows_dots(
    published: pd.DataFrame, measured: pd.DataFrame, metric: str, ax: Axes | Sequence[Axes] | None = None
) -> np.ndarray:
    """Rows of a paper's tables, group by group: its value (hollow) and ours (filled; bar = 95 % t interval over seeds).

    `published`: group, method, value and, where the paper prints it, spread (bar; NaN: none printed). `measured`: group,
    method, seed, value. A method has one look in all groups. Two panels by default, since the paper's data and a world share no
    scale; one Axes draws both on it, the paper's above ours. `metric` with its unit is the x label. Returns two Axes.
    """
    import matplotlib.pyplot as plt

    need(published, ["group", "method", "value"], "published")
    need(measured, ["group", "method", "seed", "value"], "measured")
    stats = over_seeds(measured, ["group", "method"])
    spread = published["spread"].fillna(0.0) if "spread" in published else 0.0
    theirs = published.assign(mean=published["value"], half=spread)
    row = _places([*theirs.groupby(["group", "method"], sort=False).groups, *zip(stats["group"], stats["method"], strict=True)])
    y = list(row.values())
    if ax is None:
        figure = {"figsize": (WIDTH, 1.2 + 0.24 * (y[-1] + 1)), "sharey": True, "layout": "constrained"}
        ax = plt.subplots(1, 2, **figure)[1]
    left, right = ax if np.iterable(ax) else (ax, ax)
    apart = 0.18 if left is right else 0.0
    style = looks(method for _, method in row)
    told = [_dots(left, theirs, row, -apart, style, hollow=True), _dots(right, stats, row, apart, style, hollow=False)]
    groups = [group for group, _ in row]
    first = [group != before for group, before in zip(groups, [None, *groups], strict=False)]
    left.set_yticks(y, [f"{g}   {m}".strip() if new else m for (g, m), new in zip(row, first, strict=True)])
    left.set_ylim(y[-1] + 0.6, -0.6)
    for axes, title in ((left, "the paper"), (right, "here, 95 % interval")):
        axes.set_xlabel(metric)
        axes.margins(x=0.08)
        axes.locator_params(axis="x", nbins=5)  # differences in the third decimal need long numbers
        axes.set_title("the paper (hollow), here (filled)" if left is right else title)
    describe(left, f"{metric} of {len(row)} rows. Published: {told[0]}. Measured, mean over seeds: {told[1]}.")
    return np.array([left, right])


def _places(keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], float]:
    """(group, method) -> y: groups in order of appearance, methods inside them likewise, a gap between groups."""
    groups = list(dict.fromkeys(group for group, _ in keys))
    ordered = sorted(dict.fromkeys(keys), key=lambda key: groups.index(key[0]))
    return {key: place + 0.5 * groups.index(key[0]) for place, key in enumerate(ordered)}


def _dots(
    ax: Axes,
    rows: pd.DataFrame,
    place: Mapping[tuple[str, str], float],
    shift: float,
    style: Mapping[str, tuple[Any, str]],
    hollow: bool,
) -> str:
    """One dot with its bar per row, labelled 'group method', and the same in words."""
    told = []
    for group, method, mean, half in rows[["group", "method", "mean", "half"]].itertuples(index=False):
        colour, marker = style[method]
        look = {"fmt": marker, "color": colour, "markersize": 6, "capsize": 2, "markeredgewidth": 1.5}
        name = f"{group} {method}".strip()
        face = "white" if hollow else colour
        ax.errorbar([mean], [place[group, method] + shift], xerr=[half], markerfacecolor=face, label=name, **look)
        told.append(f"{name} {mean:.4g}")
    return ", ".join(told)


def curves(frame: pd.DataFrame, ylabel: str, ax: Axes | None = None) -> Axes:
    """A score after each epoch, one line per method: mean over seeds, band = 95 % t interval of that mean.

    `frame`: method, seed, epoch, value. A seed that stopped early is missing from the later means.
    """
    from matplotlib.ticker import MaxNLocator

    need(frame, ["method", "seed", "epoch", "value"], "frame")
    ax = sweep_lines(frame.rename(columns={"epoch": "x"}), "epoch", ylabel, ax)
    _fewer_markers(ax)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return ax


def _fewer_markers(ax: Axes) -> None:
    """About twelve per line: the line says it, markers tell methods apart."""
    for line in ax.get_lines():
        line.set(markersize=4, markevery=max(1, len(line.get_xdata()) // 12))


def threshold_curves(
    frame: pd.DataFrame,
    ylabel: str,
    chosen: Mapping[str, float] | None = None,
    marks: Mapping[str, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A score against the decision threshold, one line per method: mean over seeds, band = 95 % t interval of that mean.

    `frame`: method, seed, threshold, value. `chosen[method]` is marked by a star on the method's line; `marks` are named
    thresholds as vertical lines, at most three.
    """
    need(frame, ["method", "seed", "threshold", "value"], "frame")
    ax = sweep_lines(frame.rename(columns={"threshold": "x"}), "decision threshold (probability)", ylabel, ax)
    told, style = alt_text(ax), looks(frame["method"])
    handles = {line.get_label(): line for line in ax.get_lines()}
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    _fewer_markers(ax)
    for method, threshold in (chosen or {}).items():
        score = float(np.interp(threshold, *handles[method].get_data()))
        look = {"color": style[method][0], "markersize": 12, "markeredgecolor": "black", "linestyle": "none", "zorder": 3}
        ax.plot([threshold], [score], marker="*", **look)
        told += f" Chosen for {method}: {threshold:.2f}, {score:.3g}."
    for (name, threshold), line in zip((marks or {}).items(), LINES, strict=False):
        handles[name] = ax.axvline(threshold, color=GREY, linestyle=line, linewidth=1.5, zorder=1, label=f"{name}: {threshold:g}")
    if chosen:
        handles["chosen"] = ax.plot([], [], "*", color="white", markeredgecolor="black", markersize=12, label="chosen")[0]
    legend_right(ax, [handles[name] for name in [*names, *(marks or {}), *(["chosen"] if chosen else [])]])
    return describe(ax, told)


def grid_bars(
    frame: pd.DataFrame, xlabel: str, ylabel: str, references: Mapping[str, float] | None = None, ax: Axes | None = None
) -> Axes:
    """One setting on x, a bar per method beside each other: mean over seeds, bar = 95 % t interval, seeds as small dots.

    `frame`: x, method, seed, value. Bars start at 0, so only for scores where 0 means nothing found. `references` are named
    levels (no metadata, chance), at most three.
    """
    need(frame, ["x", "method", "seed", "value"], "frame")
    ax = new_axes(3.4) if ax is None else ax
    levels, style = list(dict.fromkeys(frame["x"])), looks(frame["method"])
    place = {x: i for i, x in enumerate(levels)}
    stats, width, told = over_seeds(frame, ["method", "x"]), 0.8 / len(style), []
    for i, (method, (colour, marker)) in enumerate(style.items()):
        rows, seeds = (some[some["method"] == method] for some in (stats, frame))
        shift = width * (i - (len(style) - 1) / 2)
        bar = {"yerr": rows["half"], "capsize": 3, "error_kw": {"linewidth": 1.5}, "edgecolor": "black"}
        ax.bar(rows["x"].map(place) + shift, rows["mean"], 0.9 * width, color=colour, alpha=0.75, label=method, **bar)
        seen = {"s": 16, "color": colour, "marker": marker, "edgecolor": "black", "linewidth": 0.5, "zorder": 3}
        ax.scatter(seeds["x"].map(place) + shift + 0.25 * width, seeds["value"], **seen)  # beside the interval
        told.append(f"{method} {', '.join(f'{x} {mean:.3g}' for x, mean in zip(rows['x'], rows['mean'], strict=True))}")
    for (name, value), line in zip((references or {}).items(), LINES, strict=False):
        ax.axhline(value, color=GREY, linestyle=line, linewidth=1.5, zorder=1, label=f"{name}: {value:.3g}")
    ax.set_xticks(range(len(levels)), [str(x) for x in levels])
    ax.grid(axis="x", visible=False)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    legend_below(ax, columns=3)
    return describe(ax, f"{ylabel} by {xlabel}, mean over seeds: {'; '.join(told)}.")


def pictures(images: Sequence[np.ndarray], titles: Sequence[str], ax: Sequence[Axes] | None = None) -> np.ndarray:
    """Pictures side by side, each under its title. `images`: (3, H, W) each, RGB from 0 to 255."""
    import matplotlib.pyplot as plt

    if ax is None:
        figure = {"figsize": (WIDTH, 3.6), "squeeze": False, "layout": "constrained"}
        ax = plt.subplots(1, len(images), **figure)[1][0]
    for axes, image, title in zip(ax, images, titles, strict=True):
        axes.imshow(np.moveaxis(np.asarray(image, dtype=np.uint8), 0, -1), interpolation="nearest")
        axes.set_title(title)
        axes.set_axis_off()
    describe(ax[0], f"{len(images)} pictures: {'; '.join(' '.join(title.split()) for title in titles)}.")
    return np.asarray(ax)


def genre_dots(frame: pd.DataFrame, xlabel: str, films: Mapping[str, int], ax: Axes | None = None) -> Axes:
    """One row per genre with its number of films, a dot per method: mean over seeds, bar = 95 % t interval of that mean.

    `frame`: genre, method, seed, value from 0 to 1; intervals are cut there. Rows stand in the order of `films`.
    """
    need(frame, ["genre", "method", "seed", "value"], "frame")
    ax = new_axes(1.0 + 0.26 * len(films)) if ax is None else ax
    style, place = looks(frame["method"]), {genre: y for y, genre in enumerate(films)}
    stats, told = over_seeds(frame, ["method", "genre"]), []
    for i, (method, (colour, marker)) in enumerate(style.items()):
        rows = stats[stats["method"] == method]
        y = rows["genre"].map(place) + 0.36 * (i - (len(style) - 1) / 2) / max(len(style) - 1, 1)
        ax.errorbar(rows["mean"], y, xerr=rows["half"], fmt=marker, color=colour, markersize=5, capsize=2, label=method)
        best, worst = (rows.loc[rows["mean"].agg(end)] for end in ("idxmax", "idxmin"))
        told.append(f"{method} from {worst['mean']:.2f} ({worst['genre']}) to {best['mean']:.2f} ({best['genre']})")
    ax.set_yticks(range(len(films)), [f"{genre} ({count:,})" for genre, count in films.items()])
    ax.set(xlabel=xlabel, xlim=(-0.03, 1.03), ylim=(len(films) - 0.5, -0.5))
    legend_right(ax)
    return describe(ax, f"{xlabel} of {len(films)} genres, mean over seeds: {'; '.join(told)}.")

"""What a fusion listens to: gates against the truth, by genre and modality, how saturated they are, and attention over scenes."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from mmkit.errors import DataError
from mmkit.plots.style import BLUE, GREY, ORANGE, WIDTH, describe, legend_right, looks, need, new_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

POINTS = 2000  # faint points per panel: more only make a grey cloud
BINS = 10


def gate_scatter(frame: pd.DataFrame, xlabel: str, ylabel: str, ax: Sequence[Axes] | None = None) -> np.ndarray:
    """What the gate says against what the world knows, one panel per world (three in a row), with their rank correlation.

    `frame`: truth, gate, world, seed; one row per film. Faint: up to 2000 films; line: mean gate in ten bins of equally many
    films. The correlation is computed per seed over all its films; the title gives mean and, with several seeds, their SD.
    """
    import matplotlib.pyplot as plt

    need(frame, ["truth", "gate", "world", "seed"], "frame")
    worlds = list(dict.fromkeys(frame["world"]))
    across, own = min(3, len(worlds)), ax is None
    if own:
        rows = math.ceil(len(worlds) / across)
        figure = {"figsize": (WIDTH, 0.5 + 2.5 * rows), "sharex": True, "sharey": True, "layout": "constrained"}
        ax = plt.subplots(rows, across, squeeze=False, **figure)[1].ravel()
        for unused in ax[len(worlds) :]:
            unused.remove()
    told = []
    for axes, (world, films) in zip(ax[: len(worlds)], frame.groupby("world", sort=False), strict=True):
        some = films.iloc[np.sort(np.random.default_rng(0).permutation(len(films))[:POINTS])]
        look = {"s": 7, "color": BLUE, "alpha": min(0.5, 400 / len(some)), "linewidth": 0, "rasterized": True}
        axes.scatter(some["truth"], some["gate"], **look)
        centre, mean = _bin_means(films["truth"].to_numpy(dtype=float), films["gate"].to_numpy(dtype=float))
        line = axes.plot(centre, mean, "o-", color=ORANGE, markersize=5, label="mean of a tenth of the films")
        rho = _rank_correlation(films)
        axes.set_title(f"{world}\n{rho}")
        told.append(f"{world} {rho}, mean gate from {mean[0]:.3g} to {mean[-1]:.3g}")
    for place, axes in enumerate(ax[: len(worlds)]):
        axes.set_ylabel("" if place % across else ylabel)
        if place + across >= len(worlds):  # the lowest of its column
            axes.set_xlabel(textwrap.fill(xlabel, 72 // across))
            axes.tick_params(labelbottom=True)
    if own:
        ax[0].figure.legend(handles=line, loc="outside lower center")
    describe(ax[0], f"{ylabel} against {xlabel} per film: {'; '.join(told)}.")
    return np.asarray(ax[: len(worlds)])


def _rank_correlation(films: pd.DataFrame) -> str:
    """'ρ = 0.90 ± 0.01' over seeds; a constant gate or truth has none."""
    from mmkit.scores.agreement import spearman

    rho = np.array([spearman(some["truth"], some["gate"]) for _, some in films.groupby("seed")])
    if np.isnan(rho).any():
        return "ρ undefined (constant)"
    return f"ρ = {rho.mean():.2f}" + (f" ± {rho.std(ddof=1):.2f}" if len(rho) > 1 else "")


def _bin_means(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of x and y in up to ten bins of equally many films; equal x stay in one bin."""
    _, group = np.unique(x, return_inverse=True)
    last = np.bincount(group).cumsum()  # films up to and including each level of x
    which = np.minimum((last - 1) * BINS // len(x), BINS - 1)[group]
    count, sums = np.bincount(which), [np.bincount(which, weights=v) for v in (x, y)]
    return tuple(s[count > 0] / count[count > 0] for s in sums)


def genre_heatmap(table: pd.DataFrame, label: str, centre: float | None = None, digits: int = 2, ax: Axes | None = None) -> Axes:
    """Genres (rows, the index) by modalities (columns), each cell with its number; `label` says what the number is.

    With `centre`, colours diverge around it: as much above as below. A cell without a value (NaN) stays blank with a dash.
    """
    import matplotlib.pyplot as plt
    from matplotlib.colors import Normalize

    need(table, [], "table")
    values = table.to_numpy(dtype=float)
    if not np.isfinite(values).any():
        raise DataError("table has no finite value, so there is nothing to draw")
    ax = new_axes(1.0 + 0.27 * len(table), min(WIDTH, 3.2 + 0.85 * table.shape[1])) if ax is None else ax
    low, high = np.nanmin(values), np.nanmax(values)
    if centre is not None:
        reach = max(high - centre, centre - low)
        low, high = centre - reach, centre + reach
    norm, colours = Normalize(low, high), plt.get_cmap("cividis" if centre is None else "PuOr")
    image = ax.imshow(values, norm=norm, cmap=colours, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        there = math.isfinite(value)
        red, green, blue, _ = colours(norm(value)) if there else (1, 1, 1, 1)
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        text = f"{value:.{digits}f}" if there else "–"
        ax.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if dark else "black")
    ax.set_xticks(range(table.shape[1]), [str(c) for c in table.columns])
    ax.set_yticks(range(len(table)), [str(i) for i in table.index])
    ax.grid(visible=False)
    ax.figure.colorbar(image, ax=ax, label=label)
    told = []
    for place, name in enumerate(table.columns):
        column = table.iloc[:, place].astype(float).dropna()
        if len(column):
            told.append(
                f"{name} from {column.min():.{digits}f} ({column.idxmin()}) to {column.max():.{digits}f} ({column.idxmax()})"
            )
    return describe(ax, f"{label} of {len(table)} genres by modality: {'; '.join(told)}.")


def gate_histogram(gates: Mapping[str, ArrayLike], bins: int = 40, edge: float = 0.9, ax: Axes | None = None) -> Axes:
    """How gate values spread over [0, 1], one outline per modality; the legend counts those that are nearly open or shut.

    `gates[modality]`: values of any shape, e.g. (films, units). Nearly open is above `edge`, nearly shut below 1 - `edge`.
    """
    if not gates:
        raise DataError("no gates, so there is nothing to draw")
    ax = new_axes(3.2) if ax is None else ax
    told = []
    for (name, (colour, _)), style in zip(looks(gates).items(), ("-", "--", ":", "-.") * len(gates), strict=False):
        values = np.ravel(np.asarray(gates[name], dtype=float))
        if values.size == 0 or not ((values >= 0) & (values <= 1)).all():
            raise DataError(f"gates of {name!r} are {values.size} values, expected one or more, all from 0 to 1")
        counts, edges = np.histogram(values, bins=bins, range=(0, 1))
        note = f"{name}: {np.mean(values > edge):.0%} open, {np.mean(values < 1 - edge):.0%} shut"
        ax.stairs(counts / values.size, edges, color=colour, linestyle=style, linewidth=1.8, label=note)
        told.append(note)
    for at in (1 - edge, edge):
        ax.axvline(at, color=GREY, linewidth=1, zorder=1)
    ax.set(xlabel="gate value of one unit for one film", ylabel=f"share of values (bins of {1 / bins:g})", xlim=(-0.02, 1.02))
    ax.set_ylim(bottom=0)
    legend_right(ax)
    return describe(ax, f"Gate values above {edge:g} (open) and below {1 - edge:g} (shut): {'; '.join(told)}.")


def attention_map(
    attention: ArrayLike, query_scenes: ArrayLike, key_scenes: ArrayLike, xlabel: str, ylabel: str, ax: Axes | None = None
) -> Axes:
    """Attention of one film over its steps, and frames around the blocks where query and key show the same scene.

    `attention` (Tq, Tk), rows sum to 1; `query_scenes` (Tq,) and `key_scenes` (Tk,) are scene numbers. The title gives the
    share of attention inside the frames, and what even attention would put there.
    """
    from matplotlib.patches import Rectangle

    attention = np.asarray(attention, dtype=float)
    query, key = np.asarray(query_scenes), np.asarray(key_scenes)
    if attention.ndim != 2 or attention.shape != (*query.shape, *key.shape) or attention.size == 0:
        raise DataError(
            f"attention has shape {attention.shape}, scenes {query.shape} and {key.shape}; expected (Tq, Tk), (Tq,), (Tk,)"
        )
    ax = new_axes(3.8, 5.2) if ax is None else ax
    image = ax.imshow(attention, cmap="cividis", aspect="auto", vmin=0, interpolation="nearest")
    for top, bottom in _runs(query):
        for left, right in _runs(key):
            if query[top] == key[left]:
                corner = (left - 0.5, top - 0.5)
                ax.add_patch(Rectangle(corner, right - left, bottom - top, fill=False, edgecolor=ORANGE, linewidth=1.6))
    same = query[:, None] == key[None]
    inside, even = (attention * same).sum(axis=1).mean(), same.mean()
    ax.grid(visible=False)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=f"{inside:.0%} on the same scene (even attention: {even:.0%})")
    ax.figure.colorbar(image, ax=ax, label="attention (a row sums to 1)")
    scenes = f"{len(_runs(query))} scenes of the queries and {len(_runs(key))} of the keys"
    return describe(
        ax,
        f"Attention of one film, {ylabel} to {xlabel}, {scenes}: {inside:.0%} lies on the same scene, even attention {even:.0%}.",
    )


def _runs(scenes: np.ndarray) -> list[tuple[int, int]]:
    """(first, one past the last) step of each scene."""
    cuts = np.flatnonzero(np.diff(scenes)) + 1
    return list(zip([0, *cuts.tolist()], [*cuts.tolist(), len(scenes)], strict=True))


def streams(
    values: Mapping[str, ArrayLike], scenes: Mapping[str, ArrayLike] | None = None, ax: Sequence[Axes] | None = None
) -> np.ndarray:
    """Sequences of one record as pictures, one below the other: steps to the right, features downwards. Returns the Axes.

    `values[name]` (T, D): orange is below 0, purple above, full colour at the 99th percentile of the stream's own size.
    `scenes[name]` (T,), where known: a line at every cut, the number of the scene above it.
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    if not values:
        raise DataError("no streams, so there is nothing to draw")
    if ax is None:
        ax = plt.subplots(len(values), 1, figsize=(WIDTH, 0.5 + 1.9 * len(values)), layout="constrained", squeeze=False)[1][:, 0]
    told = []
    for axes, (name, stream) in zip(ax, values.items(), strict=True):
        steps = np.asarray(stream, dtype=float)
        if steps.ndim != 2 or steps.size == 0:
            raise DataError(f"stream {name!r} has shape {steps.shape}, expected (T, D)")
        reach = np.quantile(np.abs(steps), 0.99) or 1.0
        image = axes.imshow(steps.T, cmap="PuOr", vmin=-reach, vmax=reach, aspect="auto", interpolation="nearest")
        axes.grid(visible=False)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        axes.set(xlabel=f"step of the {name}", ylabel="feature")
        axes.figure.colorbar(image, ax=axes, label="value")
        told.append(f"{name}, {len(steps)} steps of {steps.shape[1]} features")
        if scenes and name in scenes:
            told[-1] += f", {_cuts(axes, np.asarray(scenes[name]))} scenes"
    describe(ax[0], f"Streams of one record: {'; '.join(told)}.")
    return np.asarray(ax)


def _cuts(ax: Axes, scenes: np.ndarray) -> int:
    """A line between two scenes and the number of each above the picture; how many there are."""
    runs = _runs(scenes)
    for first, end in runs:
        ax.text((first + end - 1) / 2, -0.7, f"{scenes[first]}", ha="center", va="bottom", fontsize=8, color=GREY)
        if first:
            ax.axvline(first - 0.5, color="black", linewidth=1.2)
    ax.set_title("scene", loc="left", fontsize=8, color=GREY, x=-0.07, y=0.98)
    return len(runs)

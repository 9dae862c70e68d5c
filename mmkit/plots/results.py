"""Results beside the paper's: claims, tables, sweeps."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

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

VERDICTS = {"upheld": (BLUE, "o"), "refuted": (ORANGE, "X"), "undecided": (GREY, "s")}  # colour, marker
FOREST = (
    "id",
    "claim",
    "kind",
    "mean",
    "low",
    "high",
    "null_mean",
    "null_low",
    "null_high",
    "margin",
    "test",
    "verdict",
    "explained",
)


def claims_forest(claims: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Gain of each claim (filled) and of its null control (hollow) with interval, verdict and numbers, one row per claim.

    `claims`: `mmkit.claims.table`. Claims have different units, so each row is shifted to its own bar (zero here) and divided
    by its own longest reach; right is where the claim says the gain lies. Exact facts have no interval: they show their
    verdict alone.
    """
    need(claims, FOREST, "claims")
    rows = claims.to_dict("records")
    ax = new_axes(1.5 + 0.6 * len(rows)) if ax is None else ax
    for y, claim in enumerate(rows):
        if claim["kind"] != "exact":
            _claim(ax, y, claim)
    ax.plot([], [], "o-", color=BLUE, label="measured")
    ax.plot([], [], "o-", color=GREY, markerfacecolor="white", label="null control")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    ax.axvline(0, color="black", linewidth=1, zorder=1)
    ax.set(
        xlim=(-1.15, 1.15),
        ylim=(len(rows) - 0.5, -0.5),
        xticks=[-1, 0, 1],
        xlabel="gain beyond the bar, towards the claim →\n(row by row divided by its longest reach)",
    )
    ax.set_yticks(
        range(len(rows)), ["\n".join(textwrap.wrap(f"{c['id']}  {c['claim']}", 36, max_lines=3, placeholder=" …")) for c in rows]
    )
    ax.grid(axis="y", visible=False)
    right = ax.secondary_yaxis("right")
    right.set_yticks(range(len(rows)), [_note(c) for c in rows])
    right.tick_params(length=0)
    for label, claim in zip(right.get_yticklabels(), rows, strict=True):
        label.set_color(VERDICTS[claim["verdict"]][0])
    told = "; ".join(f"{c['id']} {_note(c).replace(chr(10), ', ')}" for c in rows)
    return describe(ax, f"Gain and interval of {len(rows)} claims, measured (filled) and in the null control (hollow). {told}.")


def _claim(ax: Axes, y: int, claim: Mapping[str, Any]) -> None:
    colour, marker = VERDICTS[claim["verdict"]]
    towards = 1 if claim["test"] == "above" else -1
    parts = {
        p: towards * (np.array([claim[p + end] for end in ("mean", "low", "high")], dtype=float) - claim["margin"])
        for p in ("", "null_")
    }
    reach = np.abs(np.concatenate(list(parts.values())))
    reach = max(np.nan_to_num(reach).max(), np.finfo(float).tiny)
    for (_, (mean, low, high)), (dy, line, face) in zip(
        parts.items(), ((-0.12, colour, colour), (0.16, GREY, "white")), strict=True
    ):
        ax.plot([low / reach, high / reach], [y + dy] * 2, color=line, linewidth=2, solid_capstyle="butt")
        ax.plot([mean / reach], [y + dy], marker if line == colour else "o", color=face, markeredgecolor=line, markersize=7)


def _note(claim: Mapping[str, Any]) -> str:
    """'upheld, explained' over '0.042 (0.031 to 0.053)'."""
    explained = claim["explained"]
    text = claim["verdict"]
    if explained is not None and explained == explained:  # a column of bool and None may come back with NaN
        text += ", explained" if explained else ", not explained"
    if np.isnan(claim["mean"]):
        return f"{text}\nnot measured"
    if claim["kind"] == "exact":
        return f"{text}\ncomputed {claim['mean']:.4g}"
    span = "one seed" if np.isnan(claim["low"]) else f"{claim['low']:.3g} to {claim['high']:.3g}"
    return f"{text}\n{claim['mean']:.3g} ({span})"


def table_dots(
    published: pd.DataFrame,
    measured: pd.DataFrame,
    metric: str,
    references: Mapping[str, float] | None = None,
    ax: Axes | Sequence[Axes] | None = None,
    published_references: Mapping[str, float] | None = None,
) -> np.ndarray:
    """Methods on y: the paper's value (hollow) and ours (filled; bar = one SD over seeds). Returns two Axes in an array.

    `published`: method, value; `measured`: method, seed, value; `metric` with its unit is the x label. By default two panels
    side by side, since the paper's data and a world share no scale; one Axes draws both on it. `references` are named values
    on the measured scale (constant predictor, oracle), `published_references` on the paper's.
    """
    import matplotlib.pyplot as plt

    need(published, ["method", "value"], "published")
    need(measured, ["method", "seed", "value"], "measured")
    methods = list(dict.fromkeys([*published["method"], *measured["method"]]))
    row = {m: y for y, m in enumerate(methods)}
    if ax is None:
        ax = plt.subplots(1, 2, figsize=(WIDTH, 1.5 + 0.3 * len(methods)), layout="constrained")[1]
    left, right = ax if np.iterable(ax) else (ax, ax)
    stats = over_seeds(measured, ["method"])
    left.plot(
        published["value"],
        published["method"].map(row),
        "o",
        markerfacecolor="none",
        markeredgewidth=1.5,
        color="black",
        markersize=7,
        label="published",
    )
    right.errorbar(
        stats["mean"],
        stats["method"].map(row),
        xerr=stats["std"],
        fmt="o",
        color=BLUE,
        markersize=6,
        capsize=2,
        label="measured, ± 1 SD over seeds",
    )
    for axes, lines in ((left, published_references), (right, references)):
        for (name, value), style in zip((lines or {}).items(), LINES * len(lines or {}), strict=False):
            axes.axvline(value, color=GREY, linestyle=style, linewidth=1.5, zorder=1, label=f"{name}: {value:.4g}")
    for axes in dict.fromkeys((left, right)):
        axes.set_yticks(range(len(methods)), methods)
        axes.set(xlabel=metric, ylim=(len(methods) - 0.5, -0.5))
        axes.margins(x=0.1)
        legend_below(axes, columns=1 if left is not right else 2)
    if left is not right:
        left.set_title("the paper")
        right.set_title("here")
        right.tick_params(labelleft=False)
    theirs = ", ".join(f"{m} {v:.4g}" for m, v in zip(published["method"], published["value"], strict=True))
    ours = ", ".join(f"{m} {v:.4g}" for m, v in zip(stats["method"], stats["mean"], strict=True))
    describe(left, f"{metric} per method. Published: {theirs}. Measured, mean over seeds: {ours}.")
    return np.array([left, right])


def sweep_lines(sweep: pd.DataFrame, xlabel: str, ylabel: str, ax: Axes | None = None, zero: bool = False) -> Axes:
    """One line per method: mean over seeds at each x, band = 95 % t interval of that mean (none with one seed).

    `sweep`: x, method, seed, value. `zero` draws the line of no gain.
    """
    need(sweep, ["x", "method", "seed", "value"], "sweep")
    ax = new_axes(3.4) if ax is None else ax
    style = looks(sweep["method"])
    stats = over_seeds(sweep, ["method", "x"])
    if zero:
        ax.axhline(0, color="black", linewidth=1, zorder=1)
    for method, line in stats.groupby("method", sort=False):
        colour, marker = style[method]
        line = line.sort_values("x")
        ax.plot(line["x"], line["mean"], marker=marker, color=colour, markersize=5, label=method)
        ax.fill_between(
            line["x"], line["mean"] - line["half"], line["mean"] + line["half"], color=colour, alpha=0.15, linewidth=0
        )
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ends = (
        stats.sort_values("x").groupby("method", sort=False)["mean"].agg(["first", "last"]).sort_values("last", ascending=False)
    )
    lines = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    legend_right(ax, [lines[m] for m in ends.index])  # in the order in which the lines end
    told = "; ".join(f"{m} from {e.first:.3g} to {e.last:.3g}" for m, e in zip(ends.index, ends.itertuples(), strict=True))
    low, high = stats["x"].min(), stats["x"].max()
    return describe(ax, f"{ylabel} against {xlabel} from {low:g} to {high:g}, mean and 95 % band over seeds: {told}.")


def columns_and_truncation(sweep: pd.DataFrame, ylabel: str, ax: Sequence[Axes] | None = None) -> np.ndarray:
    """Above: the metric as the table gets more columns, per method. Below: the share of texts that no longer fit. Two Axes.

    `sweep`: columns, method, seed, value, truncated (share in [0, 1]; 0 where a method writes no column as text).
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import PercentFormatter

    need(sweep, ["columns", "method", "seed", "value", "truncated"], "sweep")
    if ax is None:
        ax = plt.subplots(2, 1, figsize=(WIDTH, 4.6), height_ratios=(2, 1), sharex=True, layout="constrained")[1]
    above, below = ax
    sweep_lines(sweep.rename(columns={"columns": "x"}), "number of columns in the table", ylabel, above)
    above.set_xlabel("")
    told = alt_text(above)
    sweep_lines(
        sweep.drop(columns="value").rename(columns={"columns": "x", "truncated": "value"}),
        "number of columns in the table",
        "texts cut",
        below,
    )
    below.get_legend().remove()
    below.yaxis.set_major_formatter(PercentFormatter(1.0))
    below.set_ylim(-0.05, 1.05)
    cut = over_seeds(sweep, ["method", "columns"], "truncated").groupby("method", sort=False)["mean"].max()
    describe(above, f"{told} Largest share of texts cut: {', '.join(f'{m} {c:.0%}' for m, c in cut.items())}.")
    return np.array([above, below])

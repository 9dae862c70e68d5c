"""Look inside: weights against the truth, precision against recall, one record as a card."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from mmkit.plots.style import GREY, describe, legend_right, looks, need, new_axes, over_seeds

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mmkit.schema import TableSchema

POINTS = 400  # faint points per variant: more only make a grey cloud


def weight_vs_truth(weights: pd.DataFrame, xlabel: str, ylabel: str, ax: Axes | None = None, bins: int = 8) -> Axes:
    """What a model's weight says against what the world knows: mean per bin, bar = one SD over seeds; single records faint.

    `weights`: truth, weight, variant, seed; one row per record. Up to `bins` different truths are their own bins, else `bins`
    quantiles.
    """
    need(weights, ["truth", "weight", "variant", "seed"], "weights")
    ax = new_axes(3.4) if ax is None else ax
    truth = weights["truth"].to_numpy(dtype=float)
    levels = np.unique(truth)
    few = len(levels) <= bins
    if not few:
        edges = np.quantile(truth, np.linspace(0, 1, bins + 1)[1:-1])
        which = np.searchsorted(edges, truth, side="right")
        centre = np.array([np.median(truth[which == b]) if (which == b).any() else np.nan for b in range(bins)])
        weights = weights.assign(bin=centre[which])
    else:
        weights = weights.assign(bin=truth)
    gap = float(np.diff(np.unique(weights["bin"])).min()) if weights["bin"].nunique() > 1 else 1.0
    rng = np.random.default_rng(0)
    style = looks(weights["variant"])
    told = []
    for place, (variant, rows) in enumerate(weights.groupby("variant", sort=False)):
        colour, marker = style[variant]
        shift = 0.12 * gap * (place - (len(style) - 1) / 2)  # bars of two variants side by side, not on top of each other
        some = rows.iloc[np.sort(rng.permutation(len(rows))[:POINTS])]
        jitter = shift + 0.04 * gap * rng.uniform(-1, 1, len(some)) if few else 0.0
        ax.scatter(some["truth"] + jitter, some["weight"], s=6, color=colour, alpha=0.15, linewidth=0, zorder=1)
        stats = over_seeds(rows, ["bin"], "weight").sort_values("bin")
        ax.errorbar(
            stats["bin"] + shift,
            stats["mean"],
            yerr=stats["std"],
            color=colour,
            marker=marker,
            markersize=6,
            capsize=2,
            label=variant,
        )
        told.append(f"{variant} from {stats['mean'].iloc[0]:.3g} to {stats['mean'].iloc[-1]:.3g}")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if few:
        ax.set_xticks(levels)
    legend_right(ax)
    return describe(ax, f"{ylabel} against {xlabel}, mean over records per bin and seed: {'; '.join(told)}.")


def precision_recall(
    y: ArrayLike,
    probability: Mapping[str, ArrayLike],
    thresholds: Mapping[str, Mapping[str, float]] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Precision against recall per method on one test split, with the points that named thresholds pick.

    `y` (N,) is 1 on a positive; `probability[method]` (N,); `thresholds[method]` maps e.g. "chosen on validation" to a
    threshold. The dashed line is the constant "positive": precision = share of positives.
    """
    from sklearn.metrics import precision_recall_curve

    from mmkit.scores import classification

    ax = new_axes(3.6) if ax is None else ax
    truth = np.asarray(y).astype(bool)
    share = float(truth.mean())
    kinds = list(dict.fromkeys(k for named in (thresholds or {}).values() for k in named))
    told = []
    for method, (colour, _) in looks(probability).items():
        p = np.asarray(probability[method])
        area = classification.auprc(truth, p)
        precision, recall, _ = precision_recall_curve(truth, p)
        ax.plot(recall, precision, drawstyle="steps-post", color=colour, label=f"{method}, area {area:.3f}")
        told.append(f"{method} area {area:.3f}")
        for kind, threshold in (thresholds or {}).get(method, {}).items():
            guess = p >= threshold
            hits, f1 = float((truth & guess).sum()), classification.f1(truth, p, threshold)
            marker = "o*sD"[kinds.index(kind) % 4]
            ax.plot(
                [hits / truth.sum()],
                [hits / max(guess.sum(), 1)],
                marker,
                color=colour,
                markersize=11 if marker == "*" else 8,
                markeredgecolor="black",
                linestyle="none",
                label=f"{kind}: F1 {f1:.3f}",
            )
            told.append(f"{kind} F1 {f1:.3f}")
    ax.axhline(
        share, color=GREY, linestyle="--", linewidth=1.2, label=f"always positive: F1 {classification.constant_f1(share):.3f}"
    )
    ax.set(xlabel="recall (share of the positives found)", ylabel="precision (share right among the found)", xlim=(0, 1.02))
    legend_right(ax)
    return describe(ax, f"Precision against recall: {'; '.join(told)}; the constant positive has precision {share:.3f}.")


def record_card(record: Mapping[str, Any], schema: TableSchema, ax: Axes | None = None) -> Axes:
    """One record as a person reads it: texts wrapped, then categories, numbers with units, the label; missing values are told."""
    shown = {c.name: f"{c.name}: {_shown(record[c.name], c.unit)}" for c in schema.columns}
    blocks = [shown[name] for name in schema.text]
    blocks += ["   ".join(shown[name] for name in names) for names in (schema.categories, schema.numbers)]
    label = record[schema.label]
    answer = schema.classes[label] if schema.classes else f"{label:.4g} {schema.label_unit}".strip()
    lines = [
        line
        for block in [*filter(None, blocks), f"label {schema.label}: {answer}"]
        for line in [*textwrap.wrap(block, 96, subsequent_indent="    "), ""]
    ][:-1]
    ax = new_axes(0.2 + 0.145 * len(lines)) if ax is None else ax
    ax.text(0.01, 0.97, "\n".join(lines), transform=ax.transAxes, va="top", family="monospace", fontsize=8)
    ax.set_axis_off()
    return describe(ax, "One record. " + " ".join(line.strip() for line in lines if line))


def _shown(value: Any, unit: str) -> str:
    if value is None or value == "":
        return "(missing)"
    return f"{value:.6g} {unit}".rstrip() if isinstance(value, float) else " ".join(str(value).split())

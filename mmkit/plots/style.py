"""One look for all figures, their alt text, and the few helpers that every plot shares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmkit.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

WIDTH = 7.5  # inches: a notebook's column
BLUE, ORANGE, GREY = "#0173b2", "#d55e00", "#6b6b6b"  # of the colour-blind-safe palette
MARKERS = "osD^vPX*<>"
LINES = ("--", ":", "-.")


def use_style() -> None:
    """Light grid, colour-blind-safe palette, sizes that stay readable at notebook width."""
    import seaborn as sns

    sizes = {
        "font.size": 10,
        "axes.titlesize": 10,
        "axes.labelsize": 10,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "legend.fontsize": 9,
    }
    sns.set_theme(
        style="whitegrid",
        palette="colorblind",
        rc={
            **sizes,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.dpi": 110,
            "legend.frameon": False,
            "grid.linewidth": 0.6,
        },
    )


def describe(ax: Axes, text: str) -> Axes:
    """Set the alt text of the figure that `ax` is in: what a reader who cannot see it should know. Returns `ax`."""
    ax.figure.set_label(text)
    return ax


def alt_text(ax: Axes) -> str:
    """What `describe`, or the function that drew the figure, said about it."""
    return str(ax.figure.get_label())


def looks(methods: Iterable[str]) -> dict[str, tuple[Any, str]]:
    """(colour, marker) per method, in order of first appearance; ten differ in both."""
    import seaborn as sns

    colours = sns.color_palette("colorblind", len(MARKERS))
    return {m: (colours[i % 10], MARKERS[i % 10]) for i, m in enumerate(dict.fromkeys(methods))}


def new_axes(height: float, width: float = WIDTH) -> Axes:
    """Axes of a new figure, in inches."""
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def legend_below(ax: Axes, columns: int) -> None:
    """The legend under the x label, whatever the height of the axes."""
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=4.2, ncols=columns)


def legend_right(ax: Axes, handles: Sequence[Any] | None = None) -> None:
    """The legend beside the axes, where it hides no data."""
    ax.legend(handles=handles or ax.get_legend_handles_labels()[0], loc="upper left", bbox_to_anchor=(1.0, 1.0))


def need(frame: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    """Raises DataError that names the columns which `what` has to have, and does not."""
    if missing := [c for c in columns if c not in frame.columns]:
        raise DataError(f"{what} has no column {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}")
    if frame.empty:
        raise DataError(f"{what} has no rows, so there is nothing to draw")


def over_seeds(frame: pd.DataFrame, by: Sequence[str], value: str = "value") -> pd.DataFrame:
    """Per group of `by`, in order of appearance: mean and SD over seeds and `half`, half the 95 % t interval (0 for one seed)."""
    from scipy.special import stdtrit

    per_seed = frame.groupby([*by, "seed"], sort=False, as_index=False)[value].mean()  # a seed is one observation
    stats = per_seed.groupby(list(by), sort=False)[value].agg(["mean", "std", "count"]).reset_index()
    stats["std"] = stats["std"].fillna(0.0)
    n = stats["count"].to_numpy()
    stats["half"] = np.where(n > 1, stdtrit(np.maximum(n - 1, 1), 0.975) * stats["std"] / np.sqrt(n), 0.0)
    return stats

"""Sarcasm from words, voice and face: accuracy of every subset, the XOR picture, what a kernel sees, splits, one utterance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from mmkit.errors import DataError
from mmkit.plots.conversations import cells
from mmkit.plots.style import BLUE, GREY, LINES, ORANGE, WIDTH, describe, legend_right, looks, need, new_axes, over_seeds

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mmkit.scores.paired import McNemar

Boundary = tuple[ArrayLike, ArrayLike, ArrayLike]  # x (W,), y (H,), decision value (H, W); above 0 says sarcastic


def subset_accuracies(
    measured: pd.DataFrame, published: pd.DataFrame, references: Mapping[str, float] | None = None, ax: Axes | None = None
) -> Axes:
    """Accuracy on a test set per subset of modalities, filled, with 95 % Wilson interval, beside the paper's, hollow.

    `measured`: subset, correct, count. `published`: subset, method, accuracy (%), a marker per method. `references` are named
    accuracies (%) that need no model, such as always the majority, or each speaker's own; at most three.
    """
    from mmkit.scores.answer_groups import wilson

    need(measured, ["subset", "correct", "count"], "measured")
    need(published, ["subset", "method", "accuracy"], "published")
    place = {s: y for y, s in enumerate(dict.fromkeys([*measured["subset"], *published["subset"]]))}
    ax = new_axes(1.4 + 0.36 * len(place)) if ax is None else ax
    count = measured["count"].to_numpy()
    share = measured["correct"].to_numpy() / count
    bounds = np.stack([np.abs(end - share) for end in wilson(share, count)])
    look = {"fmt": "o", "color": BLUE, "markersize": 7, "capsize": 3}
    ax.errorbar(100 * share, measured["subset"].map(place), xerr=100 * bounds, label="here, 95 % interval", **look)
    told = [f"{s} {100 * v:.1f}" for s, v in zip(measured["subset"], share, strict=True)]
    theirs = []
    for (method, rows), marker in zip(published.groupby("method", sort=False), "Dsv^", strict=False):
        hollow = {"markerfacecolor": "white", "markeredgewidth": 1.6, "markersize": 7, "color": ORANGE, "linestyle": "none"}
        ax.plot(rows["accuracy"], rows["subset"].map(place) + 0.25, marker, label=f"the paper, {method}", **hollow)
        theirs += [f"{method} {s} {v:.1f}" for s, v in zip(rows["subset"], rows["accuracy"], strict=True)]
    for (name, value), line in zip((references or {}).items(), LINES, strict=False):
        ax.axvline(value, color=GREY, linestyle=line, linewidth=1.5, zorder=1, label=f"{name}: {value:.1f}")
        theirs.append(f"{name} {value:.1f}")
    ax.set_yticks(list(place.values()), list(place))
    ax.set(ylim=(len(place) - 0.5, -0.5), xlabel="accuracy (%)")
    ax.margins(x=0.06)
    legend_right(ax)
    return describe(ax, f"Accuracy in percent by modalities: {', '.join(told)}. For comparison: {', '.join(theirs)}.")


def xor_scatter(points: pd.DataFrame, boundaries: Mapping[str, Boundary], ax: Sequence[Axes] | None = None) -> np.ndarray:
    """Words against voice, coloured by sarcasm, once per classifier with the half planes that it calls sarcastic.

    `points`: words, voice (valence each, below 0 negative), sarcastic (bool). `boundaries[name]` are decision values on a grid:
    x (W,) of words, y (H,) of voice, values (H, W), above 0 sarcastic. The title counts how many points lie on their side.
    """
    import matplotlib.pyplot as plt

    need(points, ["words", "voice", "sarcastic"], "points")
    if ax is None:
        figure = {"figsize": (WIDTH, 4.0), "sharex": True, "sharey": True, "squeeze": False, "layout": "constrained"}
        ax = plt.subplots(1, len(boundaries), **figure)[1][0]
    flag = points["sarcastic"].to_numpy(dtype=bool)
    at = points[["words", "voice"]].to_numpy(dtype=float)
    told = []
    for axes, (name, (x, y, value)) in zip(ax, boundaries.items(), strict=True):
        x, y, value = (np.asarray(v, dtype=float) for v in (x, y, value))
        if value.shape != (len(y), len(x)):
            raise DataError(
                f"values of {name!r} have shape {value.shape}, expected {(len(y), len(x))}: a row per voice, a column per word"
            )
        axes.contourf(x, y, value > 0, levels=[-0.5, 0.5, 1.5], colors=["white", ORANGE], alpha=0.18)
        if value.min() < 0 < value.max():
            axes.contour(x, y, value, levels=[0], colors="black", linewidths=1.5)
        for says, (label, colour, marker) in enumerate((("sincere", BLUE, "o"), ("sarcastic", ORANGE, "X"))):
            own = at[flag == bool(says)]
            look = {"s": 26 if says else 16, "alpha": 0.65, "edgecolor": "white", "linewidth": 0.3}
            axes.scatter(own[:, 0], own[:, 1], color=colour, marker=marker, label=label, **look)
        column, row = (np.abs(grid[None] - at[:, [k]]).argmin(axis=1) for k, grid in enumerate((x, y)))
        right = float(((value[row, column] > 0) == flag).mean())
        axes.set(title=f"{name}: {right:.0%} on their side", xlabel="valence of the words")
        told.append(f"{name} {right:.0%}")
    ax[0].set_ylabel("valence of the voice")
    ax[0].figure.legend(*ax[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    describe(ax[0], f"Valence of words and voice of {len(at)} utterances, {flag.mean():.0%} sarcastic; "
                    f"points on their side of the boundary: {', '.join(told)}.")  # fmt: skip
    return np.asarray(ax)


def distance_shares(frame: pd.DataFrame, xlabel: str = "share of the squared distance", ax: Axes | None = None) -> Axes:
    """How much of the distance between two utterances each block of columns makes, one stacked bar per way of scaling.

    `frame`: scaling, block, share (each scaling's shares sum to 1).
    """
    from matplotlib.ticker import PercentFormatter

    need(frame, ["scaling", "block", "share"], "frame")
    table = frame.pivot(index="scaling", columns="block", values="share")
    table = table.reindex(index=list(dict.fromkeys(frame["scaling"])), columns=list(dict.fromkeys(frame["block"]))).fillna(0.0)
    if (off := table.sum(axis=1).sub(1).abs()).max() > 1e-3:
        raise DataError(f"shares of {off.idxmax()!r} sum to {table.loc[off.idxmax()].sum():.4f}, expected 1")
    ax = new_axes(1.3 + 0.5 * len(table)) if ax is None else ax
    left, y = np.zeros(len(table)), np.arange(len(table))
    for (block, (colour, _)), hatch in zip(
        looks(table.columns).items(), ("", "//", "..", "xx") * len(table.columns), strict=False
    ):
        wide = table[block].to_numpy()
        ax.barh(y, wide, 0.72, left=left, color=colour, alpha=0.6, hatch=hatch, edgecolor="white", label=block)
        for place, start, share in zip(y, left, wide, strict=True):
            if share > 0.06:  # a narrower one has no room for its number
                box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5}
                ax.text(start + share / 2, place, f"{share:.0%}", ha="center", va="center", fontsize=9, bbox=box)
        left += wide
    ax.set_yticks(y, [str(s) for s in table.index])
    ax.set(xlabel=xlabel, xlim=(0, 1), ylim=(len(table) - 0.5, -0.5))
    ax.xaxis.set_major_formatter(PercentFormatter(1.0))
    ax.grid(axis="y", visible=False)
    legend_right(ax)
    told = "; ".join(f"{s}: {', '.join(f'{b} {v:.1%}' for b, v in row.items())}" for s, row in table.iterrows())
    return describe(ax, f"{xlabel} by block. {told}.")


def split_slopes(frame: pd.DataFrame, ylabel: str = "accuracy (%)", ax: Sequence[Axes] | None = None) -> np.ndarray:
    """What a random split promises and one by whole scenes keeps: a line per method, a panel per world, 95 % t intervals.

    `frame`: world, method, split, seed, value; splits from left to right in order of appearance.
    """
    import matplotlib.pyplot as plt

    need(frame, ["world", "method", "split", "seed", "value"], "frame")
    worlds, splits = (list(dict.fromkeys(frame[name])) for name in ("world", "split"))
    if ax is None:
        figure = {"figsize": (WIDTH, 3.4), "sharey": True, "squeeze": False, "layout": "constrained"}
        ax = plt.subplots(1, len(worlds), **figure)[1][0]
    stats, style, told = over_seeds(frame, ["world", "method", "split"]), looks(frame["method"]), []
    for axes, world in zip(ax, worlds, strict=True):
        for k, (method, (colour, marker)) in enumerate(style.items()):
            own = stats[(stats["world"] == world) & (stats["method"] == method)].set_index("split").reindex(splits)
            at = np.arange(len(splits)) + 0.05 * (k - (len(style) - 1) / 2)
            axes.errorbar(at, own["mean"], own["half"], color=colour, marker=marker, markersize=6, capsize=2, label=method)
            told.append(f"{world}, {method}: {' to '.join(f'{v:.3g}' for v in own['mean'])}")
        axes.set_xticks(range(len(splits)), [str(s) for s in splits])
        axes.set(title=str(world), xlim=(-0.3, len(splits) - 0.7))
        axes.grid(axis="x", visible=False)
    ax[0].set_ylabel(ylabel)
    legend_right(ax[-1])
    describe(ax[0], f"{ylabel} by split ({' to '.join(map(str, splits))}), mean over seeds: {'; '.join(told)}.")
    return np.asarray(ax)


def mcnemar_table(test: McNemar, a: str, b: str, ax: Axes | None = None) -> Axes:
    """The four counts of two methods on the same examples; the two that speak are orange. `test`: `scores.paired.mcnemar`."""
    from matplotlib.patches import Rectangle

    ax = new_axes(3.2, 5.6) if ax is None else ax
    counts = np.array([[test.both, test.only_a], [test.only_b, test.neither]])
    for (y, x), count in np.ndenumerate(counts):
        speaks = x != y
        ax.add_patch(
            Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, color=ORANGE if speaks else GREY, alpha=0.35 if speaks else 0.12)
        )
        ax.text(x, y, f"{count:,}", ha="center", va="center", fontsize=15, fontweight="bold" if speaks else "normal")
    ax.set_xticks([0, 1], [f"{b}\nright", f"{b}\nwrong"])
    ax.set_yticks([0, 1], [f"{a}\nright", f"{a}\nwrong"])
    ax.set(xlim=(-0.52, 1.52), ylim=(1.52, -0.52))
    ax.grid(visible=False)
    n, right = counts.sum(), (test.both + test.only_a, test.both + test.only_b)
    shares = f"{a} {right[0] / n:.1%}, {b} {right[1] / n:.1%} of {n:,}"
    p = f"exact p = {test.exact:.3g}, mid-p = {test.mid:.3g}"
    ax.set_title(f"{shares}\n{p}")
    return describe(ax, f"{shares}; both {test.both}, only {a} {test.only_a}, only {b} {test.only_b}, "
                        f"neither {test.neither}; McNemar {p}.")  # fmt: skip


def cause_table(table: ArrayLike, causes: Sequence[str], said: Sequence[str] | None = None, ax: Axes | None = None) -> Axes:
    """What gives the sarcasm away in truth (rows) and what the model leans on (columns): share of each row, count below.

    `table` (C, S) counts; `said` names the columns, None: as `causes`. Where both have the same names the title compares the
    agreement with that of chance, given both sums.
    """
    counts = np.asarray(table)
    said = list(causes) if said is None else list(said)
    if counts.shape != (len(causes), len(said)) or not counts.sum():
        raise DataError(
            f"table has shape {counts.shape} and sum {counts.sum()}, expected {(len(causes), len(said))} counts, not all 0"
        )
    ax = new_axes(1.5 + 0.55 * len(causes), 6.8) if ax is None else ax
    image = cells(ax, counts, list(causes), said)
    ax.set(xlabel="what the model leans on", ylabel="what gives it away")
    ax.figure.colorbar(image, ax=ax, label="share of the row")
    told = "; ".join(
        f"{c}: {', '.join(f'{s} {v}' for s, v in zip(said, row, strict=True))}" for c, row in zip(causes, counts, strict=True)
    )
    if said == list(causes):
        agree = np.trace(counts) / counts.sum()
        chance = counts.sum(axis=0) @ counts.sum(axis=1) / counts.sum() ** 2
        ax.set_title(f"they agree on {agree:.0%} of {counts.sum():,}; by chance {chance:.0%}")
        told += f". Agreement {agree:.0%}, by chance {chance:.0%}"
    return describe(ax, f"True cause against the model's, counts. {told}.")


def utterance(
    wave: ArrayLike, rate: int, frames: ArrayLike, title: str = "", top: float = 6000.0, ax: Sequence[Axes] | None = None
) -> np.ndarray:
    """One utterance: its sound as a wave and as a spectrogram (dB below its loudest, up to `top` Hz), and its three frames.

    `wave` (S,) int16 or float, `rate` in Hz, `frames` (F, 3, H, W) RGB from 0 to 255. Returns F + 2 Axes: wave, spectrogram,
    frames.
    """
    import matplotlib.pyplot as plt

    wave, frames = np.asarray(wave, dtype=float), np.asarray(frames)
    if wave.ndim != 1 or not len(wave) or frames.ndim != 4 or frames.shape[1] != 3:
        raise DataError(f"wave and frames have shapes {wave.shape} and {frames.shape}, expected (S,) and (F, 3, H, W)")
    if ax is None:
        count = len(frames)
        figure = plt.figure(figsize=(WIDTH, 4.6), layout="constrained")
        names = [["wave" if row < count else "sound", str(row // 2)] for row in range(2 * count)]  # frames below each other
        made = figure.subplot_mosaic(names, width_ratios=[3.6, 1])
        ax = [made[name] for name in ("wave", "sound", *map(str, range(count)))]
    seconds = len(wave) / rate
    peak = np.abs(wave).max() or 1.0
    ax[0].plot(np.arange(len(wave)) / rate, wave / peak, color=BLUE, linewidth=0.4, rasterized=True)
    ax[0].set(xlim=(0, seconds), ylim=(-1.05, 1.05), ylabel="pressure / peak", title=title)
    times, hertz, decibel = _spectrogram(wave, rate)
    low = hertz <= top
    image = ax[1].pcolormesh(
        times, hertz[low] / 1000, decibel[low], cmap="magma", vmin=-70, vmax=0, shading="nearest", rasterized=True
    )
    ax[1].set(xlim=(0, seconds), xlabel="seconds", ylabel="kHz")
    ax[1].grid(visible=False)
    ax[1].figure.colorbar(image, ax=ax[1], label="dB")
    for number, (axes, frame) in enumerate(zip(ax[2:], frames, strict=True)):
        axes.imshow(np.moveaxis(frame.astype(np.uint8), 0, -1), interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(f"frame {number + 1}")
    describe(
        ax[0], f"One utterance{f' ({title})' if title else ''}: {seconds:.2f} s of sound at {rate} Hz, {len(frames)} frames."
    )
    return np.asarray(ax)


def _spectrogram(wave: np.ndarray, rate: int, size: int = 512, hop: int = 128) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middle of each window (T,) in seconds, frequency (K,) in Hz, power (K, T) in dB below the loudest, -120 at least."""
    padded = np.pad(wave, (size // 2, size // 2 + size))
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[: len(wave) : hop]
    power = np.abs(np.fft.rfft(windows * np.hanning(size), axis=1)).T ** 2
    decibel = 10 * np.log10(np.maximum(power / (power.max() or 1.0), 1e-12))
    return np.arange(len(windows)) * hop / rate, np.fft.rfftfreq(size, 1 / rate), decibel

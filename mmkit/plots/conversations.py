"""Emotions in talks: a printed table decoded, coupling against accuracy, one talk turn by turn, attacks, confusions, gates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from mmkit.errors import DataError
from mmkit.plots.style import BLUE, GREY, ORANGE, WIDTH, describe, legend_below, legend_right, looks, need, new_axes, over_seeds

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

PURPLE, WARM = (0.33, 0.15, 0.53), (0.70, 0.35, 0.02)  # the ends of the palette PuOr
POINTS = 1000  # faint points per panel: more only make a grey cloud


def recovered_bars(rows: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Precision, recall and F1 of each class, from counts, with what a table prints as black ticks.

    `rows`: emotion, correct, predicted, support (counts), printed_acc, printed_f1 (percent). The tick of "Acc." runs over the
    bars of precision and of recall: it lies on the one that was printed. The title gives the accuracy that the counts imply.
    """
    from mmkit.scores.emotions import from_counts

    need(rows, ["emotion", "correct", "predicted", "support", "printed_acc", "printed_f1"], "rows")
    ax = new_axes(4.0) if ax is None else ax
    classes = from_counts(*(rows[name].to_numpy() for name in ("correct", "predicted", "support")))
    x, wide = np.arange(len(rows)), 0.27
    style, told = looks(("precision", "recall", "F1")), []
    for k, (name, (colour, _)) in enumerate(style.items()):
        value = 100 * getattr(classes, name.lower())
        ax.bar(x + wide * (k - 1), value, 0.9 * wide, color=colour, alpha=0.6, label=name)
        for place, number in zip(x + wide * (k - 1), value, strict=True):
            ax.text(place, 2, f"{number:.2f}", rotation=90, ha="center", va="bottom", fontsize=9)
        told.append(f"{name} {', '.join(f'{e} {v:.2f}' for e, v in zip(rows['emotion'], value, strict=True))}")
    acc, f1 = rows["printed_acc"], rows["printed_f1"]
    tick = {"color": "black", "linewidth": 2.2}
    ax.hlines(acc, x - 1.45 * wide, x + 0.45 * wide, label="printed: Acc. (long), F1 (short)", **tick)
    ax.hlines(f1, x + 0.55 * wide, x + 1.45 * wide, **tick)
    counts = rows[["correct", "predicted", "support"]].itertuples(index=False)
    ax.set_xticks(x, [f"{e}\n{c} / {m} / {n}" for e, (c, m, n) in zip(rows["emotion"], counts, strict=True)])
    right, all_ = int(rows["correct"].sum()), int(rows["support"].sum())
    accuracy = f"accuracy {right} / {all_} = {100 * right / all_:.2f} %"
    ax.set(ylim=(0, 100), ylabel="percent", xlabel="right / predicted / present", title=accuracy)
    ax.grid(axis="x", visible=False)
    legend_right(ax) if len(rows) < 3 else ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=4)
    printed = ", ".join(f"{e} {a:.2f} and {f:.2f}" for e, a, f in zip(rows["emotion"], acc, f1, strict=True))
    return describe(ax, f"From counts: {'; '.join(told)}; {accuracy}. Printed as Acc. and F1: {printed}.")


def coupling_lines(
    frame: pd.DataFrame, ceilings: Sequence[str] = (), ylabel: str = "accuracy (%)", ax: Axes | None = None
) -> Axes:
    """Accuracy against how strongly speakers infect each other, one line per method: mean and 95 % t interval over seeds.

    `frame`: coupling, method, seed, value. Methods named in `ceilings` (filters that know the world) are dashed and hollow.
    """
    need(frame, ["coupling", "method", "seed", "value"], "frame")
    ax = new_axes(3.6) if ax is None else ax
    stats, style = over_seeds(frame, ["method", "coupling"]), looks(frame["method"])
    levels = np.unique(frame["coupling"])
    step = 0.05 * np.diff(levels).min() if len(levels) > 1 else 0.0  # intervals beside each other, not on top
    told = []
    for k, (method, (colour, marker)) in enumerate(style.items()):
        own = stats[stats["method"] == method].sort_values("coupling")
        look = {"linestyle": "--", "markerfacecolor": "white"} if method in ceilings else {"linestyle": "-"}
        at = own["coupling"] + step * (k - (len(style) - 1) / 2)
        ax.errorbar(at, own["mean"], own["half"], color=colour, marker=marker, markersize=6, capsize=2, label=method, **look)
        told.append(f"{method} from {own['mean'].iloc[0]:.3g} to {own['mean'].iloc[-1]:.3g}")
    ax.set_xticks(levels)
    ax.set(xlabel="coupling κ: chance that a speaker takes over the other's state", ylabel=ylabel)
    legend_right(ax)
    return describe(ax, f"{ylabel} against coupling from {levels[0]:g} to {levels[-1]:g}, mean over seeds: {'; '.join(told)}.")


def emotion_colours(plane: ArrayLike) -> np.ndarray:
    """(C, 3) RGB of points (valence, arousal) in [-1, 1]: purple below 0 valence, orange above, grey at 0; darker = aroused."""
    valence, arousal = np.clip(np.asarray(plane, dtype=float), -1, 1).T[:, :, None]
    hue = np.where(valence < 0, PURPLE, WARM)
    full = np.abs(valence) * hue + (1 - np.abs(valence)) * 0.45
    strength = 0.35 + 0.6 * (arousal + 1) / 2
    return strength * full + (1 - strength)


def dialogue_timeline(
    turns: pd.DataFrame, emotions: Sequence[str], plane: ArrayLike, ax: Sequence[Axes] | None = None
) -> np.ndarray:
    """One talk, turn by turn: both speakers' true states, what was predicted for who speaks, and below how strong the gate is.

    `turns`: turn, speaker (0 = A or 1 = B), state_a, state_b, predicted (class numbers), gate; one row per turn. Colours are
    those of `plane` (C, 2), valence and arousal. A frame marks who speaks, a cross a wrong prediction. Returns two Axes.
    """
    import matplotlib.pyplot as plt

    need(turns, ["turn", "speaker", "state_a", "state_b", "predicted", "gate"], "turns")
    if ax is None:
        figure = {"figsize": (WIDTH, 3.9), "height_ratios": (1.5, 1), "sharex": True, "layout": "constrained"}
        ax = plt.subplots(2, 1, **figure)[1]
    above, below = ax
    speaker, predicted = turns["speaker"].to_numpy(), turns["predicted"].to_numpy()
    states = turns[["state_a", "state_b"]].to_numpy()
    colours, x = emotion_colours(plane), np.arange(len(turns))
    rows = [states[:, 0], states[:, 1], predicted]
    image = colours[np.stack(rows)]
    above.imshow(image, aspect="auto", interpolation="nearest")
    for (y, t), state in np.ndenumerate(np.stack(rows)):
        look = {"rotation": 90 if len(turns) > 14 else 0, "fontsize": 8, "color": _ink(image[y, t])}
        above.text(t, y, str(emotions[state])[:3], ha="center", va="center", **look)
    for t, y in zip(x, speaker, strict=True):
        above.add_patch(plt.Rectangle((t - 0.46, y - 0.46), 0.92, 0.92, fill=False, edgecolor="black", linewidth=1.8))
    wrong = x[predicted != states[x, speaker]]
    above.plot(wrong, np.full(len(wrong), 2.62), "x", color="black", markersize=5, markeredgewidth=1.5, label="wrong")
    above.set_yticks(range(3), ["A", "B", "predicted"])
    above.set(
        ylim=(2.8, -0.55),
        title=f"who speaks is framed; {len(wrong)} of {len(x)} predictions are wrong (×)\n"
        "purple: negative, orange: positive; darker: more aroused",
    )
    above.grid(visible=False)
    for which, (name, (colour, marker)) in enumerate(looks(("A speaks", "B speaks")).items()):
        own = speaker == which
        below.plot(x[own], turns["gate"].to_numpy()[own], marker, color=colour, markersize=6, label=name)
    below.plot(x, turns["gate"], color=GREY, linewidth=1, zorder=1)
    every = max(1, len(turns) // 20)
    below.set_xticks(x[::every], [str(t) for t in turns["turn"].iloc[::every]])
    below.set(xlabel="turn", ylabel="gate strength", xlim=(-0.55, len(turns) - 0.45))
    legend_below(below, columns=2)
    gate = turns["gate"]
    describe(above, f"A talk of {len(x)} turns: states of A and B, predictions ({len(wrong)} wrong), "
                    f"gate strength from {gate.min():.3g} to {gate.max():.3g}.")  # fmt: skip
    return np.asarray(ax)


def attack_lines(
    frame: pd.DataFrame, ylabel: str = "accuracy (%)", xlabel: str = "size of the attack ε / mean size of the features",
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Accuracy on attacked features, a colour per method: mean and 95 % t band over seeds.

    `frame`: epsilon, method, training, seed, value. `training` has one or two values (usual, adversarial): the first is dashed
    and hollow, the second solid and filled.
    """
    need(frame, ["epsilon", "method", "training", "seed", "value"], "frame")
    trainings = list(dict.fromkeys(frame["training"]))
    if len(trainings) > 2:
        raise DataError(f"training has {len(trainings)} values ({', '.join(map(str, trainings))}), expected one or two")
    ax = new_axes(3.6) if ax is None else ax
    told, style = [], looks(frame["method"])
    dashed = {"linestyle": "--", "markerfacecolor": "white"}
    for (method, training), line in over_seeds(frame, ["method", "training", "epsilon"]).groupby(
        ["method", "training"], sort=False
    ):
        line = line.sort_values("epsilon")
        colour, marker = style[method]
        look = dashed if training == trainings[0] and len(trainings) == 2 else {"linestyle": "-"}
        name = f"{method}, {training}"
        ax.plot(line["epsilon"], line["mean"], color=colour, marker=marker, markersize=5, label=name, **look)
        band = {"color": colour, "alpha": 0.12, "linewidth": 0}
        ax.fill_between(line["epsilon"], line["mean"] - line["half"], line["mean"] + line["half"], **band)
        told.append(f"{name} from {line['mean'].iloc[0]:.3g} to {line['mean'].iloc[-1]:.3g}")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    legend_right(ax)
    low, high = frame["epsilon"].min(), frame["epsilon"].max()
    return describe(ax, f"{ylabel} against attack strength from {low:g} to {high:g}, mean over seeds: {'; '.join(told)}.")


def emotion_confusion(table: ArrayLike, emotions: Sequence[str], plane: ArrayLike, ax: Axes | None = None) -> Axes:
    """Who is taken for whom: share of each true class (row), count below; classes go round the circle of valence and arousal.

    `table` (C, C) counts, truth in rows; `plane` (C, 2). Framed: pairs of similar polarity; the title compares their share of
    the errors with chance (`scores.emotions.similar_errors`), for six classes in IEMOCAP's order.
    """
    from matplotlib.patches import Rectangle

    from mmkit.scores.emotions import SIMILAR, similar_errors

    table = np.asarray(table)
    valence, arousal = np.asarray(plane, dtype=float).T
    order = np.argsort(np.mod(np.arctan2(arousal, valence), 2 * np.pi))
    names = [str(emotions[k]) for k in order]
    ax = new_axes(4.6, 6.4) if ax is None else ax
    image = cells(ax, table[np.ix_(order, order)], names, names)
    ax.set(xlabel="predicted", ylabel="true")
    ax.figure.colorbar(image, ax=ax, label="share of the true class")
    told = "; ".join(f"{emotions[k]} {table[k, k] / max(table[k].sum(), 1):.0%} right" for k in order)
    if len(table) == 6:
        near, place = similar_errors(table), np.argsort(order)
        for a, b in (*SIMILAR, *(pair[::-1] for pair in SIMILAR)):
            ax.add_patch(Rectangle((place[b] - 0.47, place[a] - 0.47), 0.94, 0.94, fill=False, edgecolor=ORANGE, linewidth=2.2))
        note = f"{near.share:.0%} of {near.errors:,} errors in similar pairs (framed); by chance {near.expected:.0%}"
        ax.set_title(note)
        told += f"; {note}"
    return describe(ax, f"Confusion of {len(table)} emotions, ordered by valence and arousal: {told}.")


def cells(ax: Axes, counts: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> AxesImage:
    """A table of counts drawn on `ax`: colour and number are a cell's share of its row, the count stands below it."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (y, x), value in np.ndenumerate(share):
        ink = _ink(np.asarray(image.cmap(value)[:3]))
        ax.text(x, y, f"{value:.0%}\n{counts[y, x]:,}", ha="center", va="center", fontsize=8, color=ink)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.grid(visible=False)
    return image


def _ink(background: np.ndarray) -> str:
    return "white" if background @ (0.299, 0.587, 0.114) < 0.5 else "black"


def gate_coupling(
    frame: pd.DataFrame, ylabel: str = "gate strength", xlabel: str = "true coupling", ax: Sequence[Axes] | None = None
) -> np.ndarray:
    """Does the gate follow the coupling? One point per dialogue and speaker, a panel per world, with the rank correlation.

    `frame`: coupling, gate, world, seed. Up to 1000 points are drawn; the correlation is per seed over all of them: mean, and
    standard deviation over several seeds. A constant has no order, so no correlation.
    """
    import matplotlib.pyplot as plt

    from mmkit.scores.agreement import spearman

    need(frame, ["coupling", "gate", "world", "seed"], "frame")
    worlds = list(dict.fromkeys(frame["world"]))
    if ax is None:
        figure = {"figsize": (WIDTH, 3.2), "sharex": True, "sharey": True, "squeeze": False, "layout": "constrained"}
        ax = plt.subplots(1, len(worlds), **figure)[1][0]
    told = []
    for axes, world in zip(ax, worlds, strict=True):
        own = frame[frame["world"] == world]
        some = own.iloc[np.sort(np.random.default_rng(0).permutation(len(own))[:POINTS])]
        axes.scatter(some["coupling"], some["gate"], s=14, color=BLUE, alpha=min(0.7, 60 / len(some) ** 0.7), linewidth=0)
        rho = np.array([spearman(each["coupling"], each["gate"]) for _, each in own.groupby("seed")])
        note = f"ρ = {rho.mean():.2f}" + (f" ± {rho.std(ddof=1):.2f}" if len(rho) > 1 else "")
        note = "ρ undefined (constant)" if np.isnan(rho).any() else note
        axes.set(title=f"{world}\n{note}", xlabel=xlabel)
        told.append(f"{world} {note}")
    ax[0].set_ylabel(ylabel)
    describe(ax[0], f"{ylabel} against {xlabel}: {'; '.join(told)}.")
    return np.asarray(ax)


def setting_bars(
    frame: pd.DataFrame, ylabel: str = "weighted F1 (%)", reference: float | None = None, ax: Sequence[Axes] | None = None
) -> np.ndarray:
    """A bar per setting, a panel per question (modalities, parts left out, sizes): mean and 95 % t interval over seeds.

    `frame`: panel, setting, seed, value. The number above a bar is its mean; the best bar of a panel is orange. `reference` is
    the score of always answering the most frequent class. Two panels in a row. Returns one Axes per panel.
    """
    import matplotlib.pyplot as plt

    need(frame, ["panel", "setting", "seed", "value"], "frame")
    panels = list(dict.fromkeys(frame["panel"]))
    if ax is None:
        rows = (len(panels) + 1) // 2
        figure = {"figsize": (WIDTH, 0.4 + 2.5 * rows), "sharey": True, "squeeze": False, "layout": "constrained"}
        ax = plt.subplots(rows, min(2, len(panels)), **figure)[1].ravel()
        for unused in ax[len(panels) :]:
            unused.remove()
    stats, told = over_seeds(frame, ["panel", "setting"]), []
    top = 1.18 * (stats["mean"] + stats["half"]).max()
    for axes, panel in zip(ax[: len(panels)], panels, strict=True):
        own = stats[stats["panel"] == panel]
        x, mean = np.arange(len(own)), own["mean"].to_numpy()
        colours = [ORANGE if value == mean.max() else BLUE for value in mean]
        axes.bar(x, mean, 0.7, yerr=own["half"], color=colours, alpha=0.75, capsize=3, error_kw={"linewidth": 1.2})
        for place, value, half in zip(x, mean, own["half"], strict=True):
            axes.annotate(f"{value:.1f}", (place, value + half), (0, 3), textcoords="offset points", ha="center", fontsize=8)
        if reference is not None:
            axes.axhline(reference, color="black", linestyle=":", linewidth=1.5, label=f"most frequent class: {reference:.1f}")
        crowded = sum(len(str(s)) for s in own["setting"]) > 38
        axes.set_xticks(x, [str(s) for s in own["setting"]], rotation=30 if crowded else 0, ha="right" if crowded else "center")
        axes.set(title=str(panel), ylim=(0, top))
        axes.grid(axis="x", visible=False)
        told.append(f"{panel}: {', '.join(f'{s} {m:.1f}' for s, m in zip(own['setting'], mean, strict=True))}")
    for axes in ax[: len(panels) : 2]:
        axes.set_ylabel(ylabel)
    if reference is not None:
        ax[0].figure.legend(handles=ax[0].get_lines()[-1:], loc="outside lower center")
    describe(ax[0], f"{ylabel}, mean over seeds. {'. '.join(told)}.")
    return np.asarray(ax[: len(panels)])

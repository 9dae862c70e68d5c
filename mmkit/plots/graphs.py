"""One graph as a person sees it, and where a model looks on it, step by step."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmkit.errors import DataError
from mmkit.plots.arrows import Arrow, route, spread
from mmkit.plots.style import BLUE, GREY, ORANGE, WIDTH, describe, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

ALL = 24  # up to so many edges, all are labelled where there is room
FEW = 12  # of more edges, the strongest so many
PALE = "#d4d4d4"  # an edge without weight
PAD = 0.25  # of a node's box around its words, in sizes of the letters
EDGE = 0.04  # of the axes: kept free on each side for arrows that bend outwards
BAR = 7.0  # points below a box that the bar of its gate takes
SHORT = {"to the left of": "left of", "to the right of": "right of", "in front of": "front of"}
GRAPH = ("name", "attributes", "box", "source", "target", "relation")
Numbers = NDArray[np.float64]


def scene_graph(
    graph: Mapping[str, Any],
    ax: Axes | None = None,
    edge_weight: ArrayLike | None = None,
    gold: Sequence[int] | None = None,
    gates: ArrayLike | None = None,
) -> Axes:
    """One graph: objects where they are in the picture (in a circle where all boxes are equal), arrows from source to target.

    `graph`: one row of `schema.GRAPH`, E edges among n objects; an edge to oneself is a loop without a name.  `edge_weight`
    (E,) not below 0: attention; the more, the wider and the bluer. Without it all arrows are alike.  `gold`: numbers of the
    objects that the step is about, ringed.  `gates` (n,) in [0, 1]: a bar under each object.  A box has the colour that one of
    its attributes names. Up to 24 relations are written down, of more the 12 of most weight (without weights, the rarest), as
    far as there is room.
    """
    weight, open_ = _checked(graph, edge_weight, gold, gates)
    n, edges = len(graph["name"]), len(graph["source"])
    ax = _blank(new_axes(5.4 if n > 6 else 4.6, WIDTH if n > 6 else 5.8) if ax is None else ax)
    told = _draw(ax, graph, weight, None, gold, open_, ALL if edges <= ALL else FEW)
    return describe(ax, f"A graph of {n} objects and {edges} relations. {told}")


def attention_steps(
    graph: Mapping[str, Any],
    per_step_edges: ArrayLike,
    gold_steps: Sequence[Sequence[int]] = (),
    gates: ArrayLike | None = None,
    words: Sequence[str] = (),
    labels: int = 4,
) -> np.ndarray:
    """The same graph at each step of reasoning, widths and colours of arrows on one scale; an array of T Axes.

    `per_step_edges` (T, E): attention.  `gold_steps[t]`: objects that step t is about, ringed; steps beyond the list have
    none.  `gates` (T, n).  `words[t]`: what the step asks, for its title.  `labels`: strongest relations that a panel names.
    """
    import matplotlib.pyplot as plt

    weight = np.asarray(per_step_edges, dtype=float)
    steps = len(weight) if weight.ndim == 2 else 0
    if not steps:
        raise DataError(f"per_step_edges has shape {weight.shape}, expected (steps, edges) with at least one step")
    if gates is not None and len(np.asarray(gates)) != steps:
        raise DataError(f"gates are of {len(np.asarray(gates))} steps, expected {steps}")
    across = min(steps, 3 if len(graph["name"]) <= 6 else 2)
    rows = math.ceil(steps / across)
    height = {1: 4.4, 2: 3.4, 3: 2.8}[across]
    figure = plt.figure(figsize=(WIDTH, 0.2 + height * rows), layout="constrained")
    axes = [figure.add_subplot(rows, across, t + 1) for t in range(steps)]
    for t, ax in enumerate(axes):
        _blank(ax).set_title(f"step {t + 1}" + (f": {words[t]}" if t < len(words) else ""))
    told = []
    for t, ax in enumerate(axes):
        gold = gold_steps[t] if t < len(gold_steps) else None
        checked, open_ = _checked(graph, weight[t], gold, None if gates is None else np.asarray(gates)[t])
        told.append(f"Step {t + 1}: {_draw(ax, graph, checked, float(weight.max()), gold, open_, labels, terse=True)}")
    describe(axes[0], f"Attention of {steps} steps on a graph of {len(graph['name'])} objects. {' '.join(told)}")
    return np.array(axes)


def _checked(
    graph: Mapping[str, Any], weight: ArrayLike | None, gold: Sequence[int] | None, gates: ArrayLike | None
) -> tuple[Numbers | None, Numbers | None]:
    if missing := [name for name in GRAPH if name not in graph]:
        raise DataError(f"graph has no {', '.join(missing)}; it has {', '.join(map(str, graph))}")
    n, edges = len(graph["name"]), len(graph["source"])
    if not n:
        raise DataError("graph has no objects, so there is nothing to draw")
    found: list[Numbers | None] = []
    for name, values, count, high in (("edge_weight", weight, edges, math.inf), ("gates", gates, n, 1.0)):
        array = None if values is None else np.asarray(values, dtype=float)
        if array is not None and (array.shape != (count,) or not ((array >= 0) & (array <= high)).all()):
            bounds = "not below 0" if high == math.inf else "from 0 to 1"
            raise DataError(f"{name} has shape {array.shape}, expected ({count},) of finite numbers {bounds}")
        found.append(array)
    if wrong := [k for k in gold or () if not 0 <= k < n]:
        raise DataError(f"gold names object {wrong[0]}, expected numbers below {n}")
    return found[0], found[1]


def _blank(ax: Axes) -> Axes:
    ax.set(xlim=(0, 1), ylim=(1, 0))  # heights count from the top, as in boxes
    ax.set_axis_off()
    return ax


def _draw(
    ax: Axes,
    graph: Mapping[str, Any],
    weight: Numbers | None,
    most: float | None,
    gold: Sequence[int] | None,
    gates: Numbers | None,
    labels: int,
    terse: bool = False,
) -> str:
    """Draws the graph; what is to be told of it. most: the weight that is drawn widest, None: the largest there is."""
    ax.get_figure(root=True).draw_without_rendering()  # now the axes have their final size
    nodes = _nodes(ax, graph, gold, terse, room=0.0 if gates is None else BAR)
    ends = list(zip(graph["source"], graph["target"], strict=True))
    room = 0.0 if gates is None else BAR * ax.figure.dpi / 72
    boxes = np.array([[b.x0, b.y0 - room, b.x1, b.y1] for b in map(_box, nodes)])
    arrows = route((boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2], ends)
    top = most or (float(weight.max()) if weight is not None and len(weight) else 0.0)
    share = np.full(len(ends), 0.35) if weight is None else weight / top if top else np.zeros(len(ends))
    for arrow, s in zip(arrows, share, strict=True):
        _arrow(ax, arrow, float(s), plain=weight is None)
    common = Counter(graph["relation"])
    others = [e for e, (source, target) in enumerate(ends) if source != target]
    rank = sorted(others, key=lambda e: (-share[e], common[graph["relation"][e]], e))
    _labels(ax, [(arrows[e], graph["relation"][e]) for e in rank[:labels]], boxes, terse)
    if gates is not None:
        _bars(ax, nodes, gates)
    return _told(graph, weight, rank, gold, gates)


def _nodes(ax: Axes, graph: Mapping[str, Any], gold: Sequence[int] | None, terse: bool, room: float) -> list[Text]:
    """A box with name and attributes for each object, moved apart as far as needed. room: points kept free below each."""
    import matplotlib.patheffects as effects

    texts = []
    for k, (name, said) in enumerate(zip(graph["name"], graph["attributes"], strict=True)):
        fill, ink = _colours(said)
        ring = gold is not None and k in gold
        box = {"boxstyle": f"round,pad={PAD}", "facecolor": fill, "edgecolor": "black", "linewidth": 0.8}
        if ring:
            box |= {"path_effects": [effects.Stroke(linewidth=7, foreground=ORANGE), effects.Normal()]}
        words = name if terse or not said else f"{name}\n{', '.join(said)}"
        texts.append(ax.text(0, 0, words, ha="center", va="center", fontsize=7 if terse else 8, color=ink, bbox=box, zorder=4))
    points = ax.figure.dpi / 72
    wide, high = (12, 12) if terse else (26, 20)  # between two boxes there is room for a word
    size = np.array([[b.width + wide * points, b.height + (high + 2 * room) * points] for b in map(_box, texts)])
    area = ax.get_window_extent()
    x, y = EDGE * area.width, EDGE * area.height
    centres = spread(_centres(graph), size, (area.x0 + x, area.y0 + y, area.x1 - x, area.y1 - y))
    for t, at in zip(texts, ax.transData.inverted().transform(centres), strict=True):
        t.set_position(at)
    return texts


def _box(text: Text) -> Bbox:
    """Where the box around a text is: its own extent says so only after it has been drawn."""
    return text.get_window_extent().padded(PAD * text.get_fontsize() * text.figure.dpi / 72)


def _centres(graph: Mapping[str, Any]) -> Numbers:
    """(n, 2) right and up, in shares of the picture; in a circle where boxes tell nothing."""
    box = np.asarray(graph["box"], dtype=float).reshape(-1, 4)
    if (box == box[0]).all():
        turn = np.pi / 2 - 2 * np.pi * np.arange(len(box)) / len(box)
        return 0.5 + 0.5 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    middle = box[:, :2] + box[:, 2:] / 2
    return np.stack([middle[:, 0], 1 - middle[:, 1]], axis=1)


def _colours(attributes: Sequence[str]) -> tuple[str, str]:
    """(colour of the box, of what is written in it): that of the first attribute that names one, somewhat paler."""
    from matplotlib.colors import CSS4_COLORS, to_hex, to_rgb

    named = next((word for word in attributes if word in CSS4_COLORS), None)
    if named is None:
        return "#f2f2f2", "black"
    mixed = 0.8 * np.array(to_rgb(named)) + 0.2
    return to_hex(mixed), "white" if mixed @ [0.299, 0.587, 0.114] < 0.5 else "black"


def _arrow(ax: Axes, arrow: Arrow, share: float, plain: bool) -> None:
    from matplotlib.colors import to_hex, to_rgb
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    path = Path(ax.transData.inverted().transform(arrow.line))
    pale, strong = np.array(to_rgb(PALE)), np.array(to_rgb(BLUE))
    colour = GREY if plain else to_hex(pale + share * (strong - pale))
    head = "-|>,head_length=0.35,head_width=0.16"
    width = 0.8 if plain else 0.7 + 3.3 * share
    look = {"linewidth": width, "color": colour, "alpha": 0.75 if plain else 1.0, "zorder": 1.5 + share, "clip_on": False}
    ax.add_patch(FancyArrowPatch(path=path, arrowstyle=head, mutation_scale=10 + 4 * share, joinstyle="miter", **look))


def _labels(ax: Axes, named: Sequence[tuple[Arrow, str]], boxes: Numbers, terse: bool) -> None:
    """Names of relations on their arrows, the first ones first; one that would cover a box or another name is left out."""
    from matplotlib.transforms import Bbox

    back = ax.transData.inverted()
    taken = [Bbox.from_extents(*box) for box in boxes]
    area = ax.get_window_extent()
    for arrow, word in named:
        look = {"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
        text = ax.text(0, 0, SHORT.get(word, word), ha="center", va="center", fontsize=6.5 if terse else 7, bbox=look, zorder=3)
        size = text.get_window_extent()
        for at in arrow.places(size.width, size.height):
            text.set_position(back.transform(at))
            own = text.get_window_extent()
            inside = own.x0 >= area.x0 and own.x1 <= area.x1 and own.y0 >= area.y0 and own.y1 <= area.y1
            if inside and not any(own.overlaps(other) for other in taken):
                taken.append(own)
                break
        else:
            text.remove()


def _bars(ax: Axes, nodes: Sequence[Text], gates: Numbers) -> None:
    """Under each box a bar: the whole is 1, the dark part is the gate."""
    from matplotlib.patches import Rectangle

    back, points = ax.transData.inverted(), ax.figure.dpi / 72
    for node, gate in zip(nodes, gates, strict=True):
        box = _box(node)
        (left, top), (right, bottom) = back.transform([(box.x0, box.y0 - 3 * points), (box.x1, box.y0 - BAR * points)])
        for share, look in ((1.0, {"facecolor": "white", "edgecolor": GREY}), (float(gate), {"facecolor": "black"})):
            ax.add_patch(Rectangle((left, top), share * (right - left), bottom - top, linewidth=0.6, zorder=4, **look))


def _told(
    graph: Mapping[str, Any], weight: Numbers | None, rank: Sequence[int], gold: Sequence[int] | None, gates: Numbers | None
) -> str:
    names = graph["name"]
    said = [f"{names[graph['source'][e]]} {graph['relation'][e]} {names[graph['target'][e]]}" for e in rank[:3]]
    parts = []
    if weight is not None and said:
        parts.append("Most attention: " + ", ".join(f"{s} {weight[e]:.2f}" for s, e in zip(said, rank, strict=False)))
    elif said:
        parts.append("Among them: " + ", ".join(said))
    if gold:
        parts.append("ringed: " + ", ".join(names[k] for k in gold))
    if gates is not None:
        best = int(gates.argmax())
        parts.append(f"widest gate: {names[best]} {gates[best]:.2f}")
    return "; ".join(parts) + "." if parts else ""

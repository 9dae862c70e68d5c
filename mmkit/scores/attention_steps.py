"""Does the attention of step t lie where step t of the reasoning is? Attention on edges against known steps, graph by graph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def step_auroc(mass: NDArray[np.floating], gold: NDArray[np.bool_], keep: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Area under the ROC curve of the mass on nodes, for every graph and step: NaN where no node is right or none is wrong.

    mass (G, T, n): how much attention a node gets at a step.  gold (G, T, n): it is what the step is about.  keep (G, n): it
    is there. The area is the share of pairs (right node, wrong node) in which the right one has more; ties count half.
    """
    right = gold & keep[:, None]
    wrong = ~gold & keep[:, None]
    pairs = right[..., :, None] & wrong[..., None, :]  # (G, T, n, n)
    more = (mass[..., :, None] > mass[..., None, :]) + 0.5 * (mass[..., :, None] == mass[..., None, :])
    count = pairs.sum(axis=(2, 3))
    return np.where(count > 0, (more * pairs).sum(axis=(2, 3)) / np.maximum(count, 1), np.nan)


def node_mass(alpha: NDArray[np.floating], source: NDArray, target: NDArray, nodes: int) -> NDArray[np.float64]:
    """(T, N): attention that other nodes pay to each node, summed over them; alpha (T, E). An edge to oneself does not count."""
    others = source != target
    return np.stack([np.bincount(source[others], step[others], minlength=nodes) for step in alpha])


def top_edge_on_path(
    alpha: NDArray[np.floating], source: NDArray, target: NDArray, graph: NDArray, graphs: int, path: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(G, T): 1 where the most attended edge between two nodes lies on the path, NaN in a graph without such an edge.

    alpha (T, E); source, target, graph (E,); path (E,) bool: the edge joins two nodes that follow each other in the reasoning.
    The first of equals counts.
    """
    found = np.full((graphs, len(alpha)), np.nan)
    others = np.flatnonzero(source != target)
    for t, step in enumerate(alpha):
        order = others[np.lexsort((others, -step[others], graph[others]))]  # per graph, the most attended first
        first = np.ones(len(order), dtype=bool)
        first[1:] = graph[order][1:] != graph[order][:-1]
        top = order[first]
        found[graph[top], t] = path[top]
    return found

"""What a graph layer does with a graph, whichever library does it: spread, gather, reduce. Layers are written on it once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from mmkit.batches.graphs import GraphBatch
from mmkit.errors import SettingsError, nearest
from mmkit.layers.graphs.segments import mean_segments, softmax_segments, sum_segments, sum_taken, take

if TYPE_CHECKING:
    from dgl import DGLGraph

BACKENDS = ("torch", "dgl")


class Passing(Protocol):
    """B graphs, N nodes, E edges source -> target. `x` are values of nodes (N, D), `m` of edges (E, D), `y` of graphs (B, D)."""

    nodes: int
    edges: int
    size: int
    in_degree: Tensor  # (N,)
    node_count: Tensor  # (B,)

    def to_nodes(self, y: Tensor) -> Tensor:
        """(B, D) -> (N, D): every node gets the values of its graph."""

    def to_edges(self, y: Tensor) -> Tensor:
        """(B, D) -> (E, D)."""

    def at_source(self, x: Tensor) -> Tensor:
        """(N, D) -> (E, D): every edge gets the values of the node it comes from."""

    def at_target(self, x: Tensor) -> Tensor:
        """(N, D) -> (E, D)."""

    def dots(self, x: Tensor, z: Tensor) -> Tensor:
        """x and z (N, D) -> (E, 1): product of x at the source and z at the target."""

    def mean_sources(self, x: Tensor) -> Tensor:
        """(N, D) -> (N, D): mean of x over the sources of a node's incoming edges, 0 without any."""

    def mean_edges(self, m: Tensor) -> Tensor:
        """(E, D) -> (N, D): mean over a node's incoming edges, 0 without any."""

    def sum_edges(self, m: Tensor) -> Tensor:
        """(E, D) -> (N, D): sum over a node's incoming edges."""

    def softmax_edges(self, m: Tensor) -> Tensor:
        """(E, D) -> (E, D): softmax over the incoming edges of each node."""

    def weigh_sources(self, a: Tensor, x: Tensor) -> Tensor:
        """a (E, H), x (N, H D) -> (N, D): sum_e sum_h a[e, h] x[source[e], h] over a node's incoming edges e."""

    def softmax_nodes(self, x: Tensor) -> Tensor:
        """(N, D) -> (N, D): softmax over the nodes of each graph."""

    def sum_nodes(self, x: Tensor) -> Tensor:
        """(N, D) -> (B, D): sum over the nodes of each graph, 0 without any."""

    def dense(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, D) -> (B, n_max, D) padded with zeros, and which places hold a node (B, n_max) bool."""

    def flat(self, padded: Tensor) -> Tensor:
        """(B, n_max, D) -> (N, D): the inverse of `dense`."""


class TorchPassing:
    """`Passing` in plain torch, on any device."""

    def __init__(self, batch: GraphBatch) -> None:
        self.batch = batch
        self.nodes, self.edges, self.size = batch.nodes, batch.edges, batch.size

    @property
    def in_degree(self) -> Tensor:
        return self.batch.in_degree

    @property
    def node_count(self) -> Tensor:
        return self.batch.node_offsets.diff()

    def to_nodes(self, y: Tensor) -> Tensor:
        return take(y, self.batch.graph)

    def to_edges(self, y: Tensor) -> Tensor:
        return take(y, self.batch.edge_graph)

    def at_source(self, x: Tensor) -> Tensor:
        return take(x, self.batch.source)

    def at_target(self, x: Tensor) -> Tensor:
        return take(x, self.batch.target)

    def dots(self, x: Tensor, z: Tensor) -> Tensor:
        return (self.at_source(x) * self.at_target(z)).sum(dim=1, keepdim=True)

    def mean_sources(self, x: Tensor) -> Tensor:
        return sum_taken(x, self.batch.source, self.batch.target_offsets, mean=True)

    def mean_edges(self, m: Tensor) -> Tensor:
        return mean_segments(m, self.batch.target_offsets)

    def sum_edges(self, m: Tensor) -> Tensor:
        return sum_segments(m, self.batch.target_offsets)

    def softmax_edges(self, m: Tensor) -> Tensor:
        return softmax_segments(m, self.batch.target_offsets, self.batch.target)

    def weigh_sources(self, a: Tensor, x: Tensor) -> Tensor:
        heads = a.shape[1]
        x = x.reshape(len(x) * heads, x.shape[1] // heads)
        at = (self.batch.source[:, None] * heads + torch.arange(heads, device=a.device)).flatten()  # rows (source, head)
        return sum_taken(x, at, self.batch.target_offsets * heads, a.to(x.dtype).flatten())

    def softmax_nodes(self, x: Tensor) -> Tensor:
        return softmax_segments(x, self.batch.node_offsets, self.batch.graph)

    def sum_nodes(self, x: Tensor) -> Tensor:
        return sum_segments(x, self.batch.node_offsets)

    def dense(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.batch.dense(x)

    def flat(self, padded: Tensor) -> Tensor:
        return padded[self.batch.graph, self.batch.place]


def passing(graph: GraphBatch | DGLGraph, backend: str = "torch") -> Passing:
    """The operations on this graph: DGL's for a DGL graph or with backend 'dgl', torch's otherwise."""
    if isinstance(graph, GraphBatch):
        if backend == "torch":
            return TorchPassing(graph)
        graph = graph.as_dgl
    from mmkit.layers.graphs.dgl_backend import DGLPassing

    return DGLPassing(graph)


def known_backend(backend: str) -> str:
    """The name itself. Raises SettingsError for an unknown one."""
    if backend not in BACKENDS:
        raise SettingsError(f"backend = {backend!r}{nearest(backend, BACKENDS)}")
    return backend


def sized(what: str, x: Tensor | None, rows: int, width: int) -> Tensor | None:
    """x itself. Raises SettingsError unless it has the shape (rows, width); None where the width is 0."""
    shape = None if x is None else tuple(x.shape)
    if shape != ((rows, width) if width else None):
        raise SettingsError(f"{what} has shape {shape}, expected {f'({rows}, {width})' if width else 'none (width 0)'}")
    return x

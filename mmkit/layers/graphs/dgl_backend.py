"""The same operations as `passing.TorchPassing`, spelt as DGL spells them. DGL is imported when the first graph comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mmkit.batches.graphs import load_dgl
from mmkit.errors import SettingsError

if TYPE_CHECKING:
    from dgl import DGLGraph


class DGLPassing:
    """`Passing` by DGL's message passing. Edges keep the order they have in the graph; no feature is left behind in it."""

    def __init__(self, graph: DGLGraph) -> None:
        self.dgl = load_dgl()
        if not isinstance(graph, self.dgl.DGLGraph):
            raise SettingsError(f"a graph layer got a {type(graph).__name__}, expected a GraphBatch or a DGLGraph")
        self.graph = graph
        self.nodes, self.edges, self.size = graph.num_nodes(), graph.num_edges(), graph.batch_size

    @property
    def in_degree(self) -> Tensor:
        return self.graph.in_degrees().long()

    @property
    def node_count(self) -> Tensor:
        return self.graph.batch_num_nodes().long()

    def to_nodes(self, y: Tensor) -> Tensor:
        return self.dgl.broadcast_nodes(self.graph, y)

    def to_edges(self, y: Tensor) -> Tensor:
        return self.dgl.broadcast_edges(self.graph, y)

    def at_source(self, x: Tensor) -> Tensor:
        with self.graph.local_scope():
            self.graph.ndata["x"] = x
            self.graph.apply_edges(self.dgl.function.copy_u("x", "m"))
            return self.graph.edata["m"]

    def at_target(self, x: Tensor) -> Tensor:
        with self.graph.local_scope():
            self.graph.ndata["x"] = x
            self.graph.apply_edges(lambda edges: {"m": edges.dst["x"]})
            return self.graph.edata["m"]

    def dots(self, x: Tensor, z: Tensor) -> Tensor:
        with self.graph.local_scope():
            self.graph.ndata.update({"x": x, "z": z})
            self.graph.apply_edges(self.dgl.function.u_dot_v("x", "z", "m"))
            return self.graph.edata["m"]

    def mean_sources(self, x: Tensor) -> Tensor:
        with self.graph.local_scope():
            self.graph.ndata["x"] = x
            self.graph.update_all(self.dgl.function.copy_u("x", "m"), self.dgl.function.mean("m", "x"))
            return self.graph.ndata["x"]

    def mean_edges(self, m: Tensor) -> Tensor:
        return self._reduced(m, self.dgl.function.mean)

    def sum_edges(self, m: Tensor) -> Tensor:
        return self._reduced(m, self.dgl.function.sum)

    def softmax_edges(self, m: Tensor) -> Tensor:
        return self.dgl.nn.functional.edge_softmax(self.graph, m)

    def weigh_sources(self, a: Tensor, x: Tensor) -> Tensor:
        with self.graph.local_scope():
            self.graph.ndata["x"] = x.unflatten(1, (a.shape[1], -1))  # (N, H, D)
            self.graph.edata["a"] = a[:, :, None]
            self.graph.update_all(self.dgl.function.u_mul_e("x", "a", "m"), self.dgl.function.sum("m", "x"))
            return self.graph.ndata["x"].sum(dim=1)

    def softmax_nodes(self, x: Tensor) -> Tensor:
        with self.graph.local_scope():
            self.graph.ndata["x"] = x
            return self.dgl.softmax_nodes(self.graph, "x")

    def sum_nodes(self, x: Tensor) -> Tensor:
        with self.graph.local_scope():
            self.graph.ndata["x"] = x
            return self.dgl.sum_nodes(self.graph, "x")

    def dense(self, x: Tensor) -> tuple[Tensor, Tensor]:
        keep = self._slots()
        return x.new_zeros(*keep.shape, *x.shape[1:]).masked_scatter(keep.unflatten(1, (-1,) + (1,) * (x.dim() - 1)), x), keep

    def flat(self, padded: Tensor) -> Tensor:
        return padded[self._slots()]

    def _slots(self) -> Tensor:
        count = self.node_count
        return torch.arange(max(int(count.max()), 1), device=count.device) < count[:, None]  # (B, n_max)

    def _reduced(self, m: Tensor, how) -> Tensor:
        with self.graph.local_scope():
            self.graph.edata["m"] = m
            self.graph.update_all(self.dgl.function.copy_e("m", "m"), how("m", "x"))
            return self.graph.ndata["x"]

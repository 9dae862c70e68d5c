r"""Language-conditioned graph network (Hu et al. 2019; Liang et al. 2021, eqs. 12-15): messages rewrite the context of a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mmkit.batches.graphs import GraphBatch
from mmkit.errors import SettingsError, nearest
from mmkit.layers.graphs.passing import Passing, known_backend, passing, sized

if TYPE_CHECKING:
    from dgl import DGLGraph

PAIRS = ("edges", "all")


class LCGNCell(nn.Module):
    r"""One round; the same cell is applied T times, with another command c each time.

    xt_i = [xl_i; xc_i; W1 xl_i * W2 xc_i]                                         (12)
    w_ji = softmax_j (W3 xt_i)^T ((W4 xt_j) * (W5 c))                              (13)
    m_ji = w_ji ((W6 xt_j) * (W7 c)),   xc_i' = W8 [xc_i; sum_j m_ji]              (14, 15);   `read`: W9 [xl_i; xc_i]
    pairs 'edges': j runs over the sources of i's incoming edges; 'all': over all nodes of i's graph, i itself among them.
    scaled: the exponent of (13) is divided by sqrt(dim), as by the authors of LCGN.
    edge_dim: the key becomes (W4 xt_j + W4e e_ji) * (W5 c), so that relations are seen; with 'edges' only.
    `start` is the learned first context. Deviation: the official code of GraphVQA draws it anew at every pass.
    Each W has a bias, W4e has none. Glorot weights, zero biases.

    Shapes: local (N, dim), context (N, dim) or None for the start, e (E, edge_dim) or None, command (B, command_dim)
    -> context (N, dim), w (E, 1), or for all pairs (B, n_max, n_max): w[b, i, j] from j to i, 0 where either is no node.
    Raises SettingsError for unknown names, edge values with all pairs, and other shapes.
    """

    def __init__(
        self,
        dim: int,
        command_dim: int,
        edge_dim: int = 0,
        *,
        pairs: str = "edges",
        scaled: bool = False,
        backend: str = "torch",
    ) -> None:
        super().__init__()
        if pairs not in PAIRS:
            raise SettingsError(f"pairs = {pairs!r}{nearest(pairs, PAIRS)}")
        if pairs == "all" and edge_dim:
            raise SettingsError(f"edge_dim = {edge_dim} with all pairs: a pair without an edge has no edge values")
        self.dim, self.command_dim, self.edge_dim, self.pairs = dim, command_dim, edge_dim, pairs
        self.scale, self.backend = dim**-0.5 if scaled else 1.0, known_backend(backend)
        self.start = nn.Parameter(torch.randn(dim) * dim**-0.5)
        self.local, self.context = nn.Linear(dim, dim), nn.Linear(dim, dim)  # W1, W2
        self.query, self.key, self.value = (nn.Linear(3 * dim, dim) for _ in range(3))  # W3, W4, W6
        self.told_key, self.told_value = (nn.Linear(command_dim, dim) for _ in range(2))  # W5, W7
        self.edge = nn.Linear(edge_dim, dim, bias=False) if edge_dim else None  # W4e
        self.write, self.out = nn.Linear(2 * dim, dim), nn.Linear(2 * dim, dim)  # W8, W9
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(
        self, batch: GraphBatch | DGLGraph, local: Tensor, context: Tensor | None, e: Tensor | None, command: Tensor
    ) -> tuple[Tensor, Tensor]:
        graph = passing(batch, self.backend)
        context = self.start.expand(graph.nodes, -1) if context is None else context
        for what, x in (("local", local), ("context", context)):
            sized(what, x, graph.nodes, self.dim)
        sized("e", e, graph.edges, self.edge_dim)
        sized("command", command, graph.size, self.command_dim)
        x = torch.cat([local, context, self.local(local) * self.context(context)], dim=1)  # (N, 3 dim)   (12)
        query = self.query(x) * graph.to_nodes(self.told_key(command)) * self.scale  # W5 c: i and j are of one graph
        key, value = self.key(x), self.value(x) * graph.to_nodes(self.told_value(command))
        found, w = (self._along_edges if self.pairs == "edges" else _all_pairs)(graph, query, key, value, e)
        return self.write(torch.cat([context, found], dim=1)), w  # (15)

    def read(self, local: Tensor, context: Tensor) -> Tensor:
        """W9 [xl; xc] (N, dim): what the rest of a model sees of the nodes after the last round."""
        return self.out(torch.cat([local, context], dim=1))

    def _along_edges(self, graph: Passing, query: Tensor, key: Tensor, value: Tensor, e: Tensor | None) -> tuple[Tensor, Tensor]:
        s = graph.dots(key, query)
        if self.edge is not None:
            s = s + (graph.at_target(query) * self.edge(e)).sum(dim=1, keepdim=True)
        w = graph.softmax_edges(s)  # (E, 1)   (13)
        return graph.weigh_sources(w, value), w  # (14)


def _all_pairs(graph: Passing, query: Tensor, key: Tensor, value: Tensor, _: None) -> tuple[Tensor, Tensor]:
    (q, keep), (k, _), (v, _) = (graph.dense(x) for x in (query, key, value))  # (B, n, dim)
    s = torch.bmm(q, k.transpose(1, 2)).masked_fill(~keep[:, None], torch.finfo(q.dtype).min)
    w = s.softmax(dim=2) * (keep[:, None] & keep[:, :, None])  # (B, n, n)   (13)
    return graph.flat(torch.bmm(w, v)), w  # (14)

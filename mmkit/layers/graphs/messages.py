r"""Graph layers that treat all neighbours alike: the mean (GCN) and the sum (GINE) of Liang et al. (2021).

N(i) are the sources of the edges that end in i, i itself among them by its self edge; eqs. 7 and 9 have no residual, so without
that edge a node forgets itself. hhat_i = [h_i; i^t], ehat_ji = [e_ji; i^t] (eqs. 5, 6) are never formed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mmkit.batches.graphs import GraphBatch
from mmkit.layers.graphs.conditioned import Conditioned
from mmkit.layers.graphs.passing import known_backend, passing, sized

if TYPE_CHECKING:
    from dgl import DGLGraph


class MeanAggregation(nn.Module):
    r"""Eq. 7 without its sigma:  h_i' = 1/|N(i)| sum_{j in N(i)} W hhat_j + b.

    The mean is over incoming edges (a library's GCN divides by sqrt(deg_i deg_j): another model). The caller applies sigma,
    because residual and norm stand before it in the official code. Deviation: a bias, which eq. 7 does not print.
    Shapes: h (N, dim), instruction (B, instruction_dim), or None with instruction_dim = 0 -> (N, outputs).
    Edge values are not read. A node without any edge gives b. Raises SettingsError for other shapes.
    """

    def __init__(self, dim: int, outputs: int, instruction_dim: int = 0, backend: str = "torch") -> None:
        super().__init__()
        self.backend, self.dim, self.instruction_dim = known_backend(backend), dim, instruction_dim
        self.linear = Conditioned(dim, instruction_dim, outputs, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(
        self, batch: GraphBatch | DGLGraph, h: Tensor, e: Tensor | None = None, instruction: Tensor | None = None
    ) -> Tensor:
        graph = passing(batch, self.backend)
        sized("h", h, graph.nodes, self.dim)
        sized("instruction", instruction, graph.size, self.instruction_dim)
        return graph.mean_sources(self.linear(graph, h, instruction)) + self.bias


class GINE(nn.Module):
    r"""The sum of Liang et al. (2021), no number:  h_i' = Theta((1 + eps) hhat_i + sum_{j in N(i)} ReLU(hhat_j + ehat_ji)).

    Nodes and edges are equally wide (dim). `theta` maps (N, dim + instruction_dim) to whatever is wanted: one layer, or two with
    a batch norm in GINE-2. eps is 0, or a learned number that starts there. The instruction's part of the sum is the same for
    every edge: |N(i)| ReLU(2 i^t).
    Shapes: h (N, dim), e (E, dim), instruction (B, instruction_dim), or None with instruction_dim = 0.
    Raises SettingsError for other shapes.
    """

    def __init__(
        self, theta: nn.Module, dim: int, instruction_dim: int = 0, learn_eps: bool = False, backend: str = "torch"
    ) -> None:
        super().__init__()
        self.theta, self.dim, self.instruction_dim, self.backend = theta, dim, instruction_dim, known_backend(backend)
        self.eps = nn.Parameter(torch.zeros(())) if learn_eps else 0.0

    def forward(
        self, batch: GraphBatch | DGLGraph, h: Tensor, e: Tensor | None = None, instruction: Tensor | None = None
    ) -> Tensor:
        graph = passing(batch, self.backend)
        sized("h", h, graph.nodes, self.dim)
        sized("e", e, graph.edges, self.dim)
        sized("instruction", instruction, graph.size, self.instruction_dim)
        found = (1 + self.eps) * h + graph.sum_edges((graph.at_source(h) + e).relu())
        if instruction is not None:
            told = graph.to_nodes((2 * instruction).relu()) * graph.in_degree[:, None]
            found = torch.cat([found, (1 + self.eps) * graph.to_nodes(instruction) + told], dim=1)
        return self.theta(found)

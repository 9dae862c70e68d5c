r"""Attention over incoming edges, conditioned on an instruction (Liang et al. 2021, eqs. 8, 9).

hhat_i = [h_i; i^t], ehat_ji = [e_ji; i^t] (eqs. 5, 6) are never formed: see `Conditioned`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmkit.batches.graphs import GraphBatch
from mmkit.errors import SettingsError, nearest
from mmkit.layers.graphs.conditioned import Conditioned
from mmkit.layers.graphs.passing import Passing, known_backend, passing, sized

if TYPE_CHECKING:
    from dgl import DGLGraph

SCORES = ("additive", "mlp")
SLOPE = 0.2  # of LeakyReLU


class EdgeAttention(nn.Module):
    r"""alpha_ji = softmax_{j in N(i)} s_ji,   h_i' = 1/H sum_heads sum_j alpha_ji W hhat_j + b   (eqs. 8, 9 without sigma).

    score 'additive', as in the official code:  s_ji = LeakyReLU_0.2(a_d . W hhat_i + a_s . W hhat_j + a_e . W_e ehat_ji);
    score 'mlp', as printed:                    s_ji = MLP([hhat_i; hhat_j; ehat_ji]), one hidden layer (`hidden` wide, ReLU).
    W (and W_e) has its own rows for each head. In a first layer the additive score ranks the neighbours of a node independently
    of the instruction, which adds the same number to all of them; the MLP has no such limit.
    dropout: of alpha, in training. The caller applies sigma, after the residual and the norm. Glorot weights, zero biases.

    Shapes: h (N, dim), e (E, edge_dim), instruction (B, instruction_dim), or None with instruction_dim = 0
    -> h' (N, outputs), alpha (E, heads) before dropout; alpha sums to 1 over the edges that end in a node.
    Raises SettingsError for an unknown score or backend, and for other shapes.
    """

    def __init__(
        self,
        dim: int,
        edge_dim: int,
        outputs: int,
        instruction_dim: int = 0,
        *,
        heads: int = 4,
        score: str = "additive",
        hidden: int | None = None,
        dropout: float = 0.0,
        backend: str = "torch",
    ) -> None:
        super().__init__()
        if score not in SCORES:
            raise SettingsError(f"score = {score!r}{nearest(score, SCORES)}")
        if (hidden is None) != (score == "additive"):
            raise SettingsError(
                f"hidden = {hidden} with score {score!r}: the MLP, and it alone, needs the width of its hidden layer"
            )
        self.backend, self.heads, self.dropout = known_backend(backend), heads, dropout
        self.dim, self.edge_dim, self.instruction_dim = dim, edge_dim, instruction_dim
        self.value = Conditioned(dim, instruction_dim, heads * outputs, bias=False)  # W
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.score: AdditiveScore | MLPScore = (
            AdditiveScore(edge_dim, outputs, instruction_dim, heads)
            if hidden is None
            else MLPScore(dim, edge_dim, instruction_dim, hidden, heads)
        )

    def forward(
        self, batch: GraphBatch | DGLGraph, h: Tensor, e: Tensor | None = None, instruction: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        graph = passing(batch, self.backend)
        sized("h", h, graph.nodes, self.dim)
        sized("e", e, graph.edges, self.edge_dim)
        sized("instruction", instruction, graph.size, self.instruction_dim)
        value = self.value(graph, h, instruction)  # (N, H outputs)
        s = self.score(graph, h, e, instruction, value)
        alpha = graph.softmax_edges(s)  # (E, H)   eq. 8
        found = graph.weigh_sources(F.dropout(alpha, self.dropout, self.training) / self.heads, value)  # eq. 9
        return found + self.bias, alpha


class AdditiveScore(nn.Module):
    r"""LeakyReLU_0.2(a_d . W hhat_i + a_s . W hhat_j + a_e . W_e ehat_ji) -> (E, heads), given the values W hhat (N, H D).

    a_e . (W_e ehat) is computed as (a_e . W_e) ehat: no (E, H D) tensor is formed, and the instruction's part is one per graph.
    """

    def __init__(self, edge_dim: int, outputs: int, instruction_dim: int, heads: int) -> None:
        super().__init__()
        self.edge_dim, self.heads = edge_dim, heads
        self.edge = nn.Parameter(torch.empty(heads * outputs, edge_dim + instruction_dim))  # W_e
        self.to_target, self.to_source, self.to_edge = (
            nn.Parameter(torch.empty(heads, outputs)) for _ in range(3)
        )  # a_d, a_s, a_e
        for weight in self.parameters():
            nn.init.xavier_uniform_(weight)

    def forward(self, graph: Passing, h: Tensor, e: Tensor, instruction: Tensor | None, value: Tensor) -> Tensor:
        v = value.unflatten(1, (self.heads, -1))  # (N, H, D)
        of_target, of_source = (torch.einsum("nhd,hd->nh", v, a) for a in (self.to_target, self.to_source))
        folded = torch.einsum("hd,hdk->hk", self.to_edge, self.edge.unflatten(0, (self.heads, -1)))  # (H, edge + instruction)
        if instruction is not None:
            of_target = of_target + graph.to_nodes(instruction @ folded[:, self.edge_dim :].T)
        s = graph.at_target(of_target) + graph.at_source(of_source) + e @ folded[:, : self.edge_dim].T
        return F.leaky_relu(s, SLOPE)


class MLPScore(nn.Module):
    r"""W_2 ReLU(W_1 [hhat_i; hhat_j; ehat_ji] + b_1) + b_2 -> (E, heads); W_1 is applied part by part."""

    def __init__(self, dim: int, edge_dim: int, instruction_dim: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.widths = (dim, instruction_dim, dim, instruction_dim, edge_dim, instruction_dim)
        self.first, self.second = nn.Linear(sum(self.widths), hidden), nn.Linear(hidden, heads)
        for linear in (self.first, self.second):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, graph: Passing, h: Tensor, e: Tensor, instruction: Tensor | None, value: Tensor) -> Tensor:
        target, told_target, source, told_source, edge, told_edge = self.first.weight.split(self.widths, dim=1)
        of_target = F.linear(h, target, self.first.bias)
        if instruction is not None:  # the same vector in all three places
            of_target = of_target + graph.to_nodes(instruction @ (told_target + told_source + told_edge).T)
        s = graph.at_target(of_target) + graph.at_source(h @ source.T) + e @ edge.T  # (E, hidden)
        return self.second(s.relu())

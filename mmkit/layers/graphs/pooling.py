r"""From nodes to one vector per graph, and a layer norm over whole graphs (Liang et al. 2021, eq. 10 and official code)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mmkit.batches.graphs import GraphBatch
from mmkit.layers.graphs.conditioned import perceptron
from mmkit.layers.graphs.passing import known_backend, passing, sized

if TYPE_CHECKING:
    from dgl import DGLGraph


class QuestionPooling(nn.Module):
    r"""Eq. 10 as in the official code: the question decides how much each node counts.

    u_i = MLP(h_i),   g = softmax_i MLP_g(MLP_q(q) * u_i),   h = sum_i g_i u_i;   each MLP is linear, ReLU, linear.
    Shapes: h (N, dim), question (B, question_dim) -> pooled (B, outputs), g (N,); g sums to 1 over the nodes of a graph.
    A graph without any node gives 0. Raises SettingsError for other shapes.
    """

    def __init__(self, dim: int, question_dim: int, outputs: int = 512, backend: str = "torch") -> None:
        super().__init__()
        self.dim, self.question_dim, self.backend = dim, question_dim, known_backend(backend)
        self.node = perceptron((dim, outputs, outputs))
        self.question = perceptron((question_dim, outputs, outputs))
        self.gate = perceptron((outputs, outputs, 1))

    def forward(self, batch: GraphBatch | DGLGraph, h: Tensor, question: Tensor) -> tuple[Tensor, Tensor]:
        graph = passing(batch, self.backend)
        sized("h", h, graph.nodes, self.dim)
        sized("question", question, graph.size, self.question_dim)
        u = self.node(h)  # (N, outputs)
        g = graph.softmax_nodes(self.gate(graph.to_nodes(self.question(question)) * u))  # (N, 1)
        return graph.sum_nodes(g * u), g.squeeze(1)


class GraphLayerNorm(nn.Module):
    r"""(x - mean) / sqrt(var + eps) * gain + bias, mean and variance over all nodes and channels of one graph together.

    One gain and one bias for all channels, as in the official code's graph encoder. Shapes: x (N, D) -> (N, D).
    """

    def __init__(self, eps: float = 1e-5, backend: str = "torch") -> None:
        super().__init__()
        self.eps, self.backend = eps, known_backend(backend)
        self.gain, self.bias = nn.Parameter(torch.ones(())), nn.Parameter(torch.zeros(()))

    def forward(self, batch: GraphBatch | DGLGraph, x: Tensor) -> Tensor:
        graph = passing(batch, self.backend)
        count = graph.node_count.clamp(min=1)[:, None]  # a graph without nodes has nothing to divide
        centred = x - graph.to_nodes(graph.sum_nodes(x.mean(dim=1, keepdim=True)) / count)
        variance = graph.sum_nodes(centred.square().mean(dim=1, keepdim=True)) / count  # (B, 1)
        return centred * graph.to_nodes((variance + self.eps).rsqrt()) * self.gain + self.bias

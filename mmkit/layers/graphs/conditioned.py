r"""A linear map of a node's vector joined with its graph's instruction, W [h; i], without forming the joined vectors."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmkit.layers.graphs.passing import Passing


class Conditioned(nn.Module):
    r"""W [h; i] + b = W_h h + W_i i + b, where i is the same at all nodes of a graph: W_i i is one product per graph.

    Glorot weight (outputs, dim + instruction_dim), zero bias.
    Shapes: h (N, dim), i (B, instruction_dim) or None -> (N, outputs).
    """

    def __init__(self, dim: int, instruction_dim: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.dim, self.instruction_dim = dim, instruction_dim
        self.weight = nn.Parameter(torch.empty(outputs, dim + instruction_dim))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        nn.init.xavier_uniform_(self.weight)

    def forward(self, graph: Passing, h: Tensor, instruction: Tensor | None) -> Tensor:
        own = h @ self.weight[:, : self.dim].T
        if instruction is not None:
            own = own + graph.to_nodes(instruction @ self.weight[:, self.dim :].T)
        return own if self.bias is None else own + self.bias


def perceptron(widths: Sequence[int]) -> nn.Sequential:
    """Linear, ReLU, linear, ..., linear of these widths; Glorot weights, zero biases."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        linear = nn.Linear(inputs, outputs)
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])

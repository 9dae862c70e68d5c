"""Sinusoidal positions, added to a scaled sequence."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Positions(nn.Module):
    r"""s * x_t + PE_t: what every transformer stack of Tsai et al. (2019) does with its input first.

    PE_t = [sin(t w_0), ..., sin(t w_{h-1}), cos(t w_0), ..., cos(t w_{h-1})],  w_i = 10000^(-i / (h - 1)),  h = dim // 2
    Half sines, half cosines, not interleaved; the first step has t = 1; an odd last channel is 0.

    Shapes: x (B, T, dim) -> (B, T, dim). Nothing is learned and nothing is stored in checkpoints.
    zero_is_padding: a step whose first channel is exactly 0 gets no position, as in the official code. There, dropout makes
    such zeros in real steps, so that a quarter of the words lose their place; off by default.
    """

    def __init__(self, dim: int, scale: float = 1.0, steps: int = 512, zero_is_padding: bool = False) -> None:
        super().__init__()
        self.dim, self.scale, self.zero_is_padding = dim, scale, zero_is_padding
        self.register_buffer("table", sinusoids(steps, dim), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        steps = x.shape[1]
        table = self.table[:steps] if steps <= len(self.table) else sinusoids(steps, self.dim).to(x)
        if self.zero_is_padding:
            table = table * (x[..., :1] != 0)
        return torch.add(table.to(x.dtype), x, alpha=self.scale)


def sinusoids(steps: int, dim: int) -> Tensor:
    """PE (steps, dim), row 0 is t = 1."""
    half = dim // 2
    speed = torch.exp(torch.arange(half) * (-math.log(10000) / max(half - 1, 1)))
    angle = torch.arange(1, steps + 1)[:, None] * speed  # (steps, half)
    return nn.functional.pad(torch.cat([angle.sin(), angle.cos()], dim=1), (0, dim % 2))

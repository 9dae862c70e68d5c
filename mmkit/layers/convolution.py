r"""Gated convolutions over a sequence, and the variance-keeping linear layer that goes with them.

Gehring et al. (2017), "Convolutional Sequence to Sequence Learning": one layer is a convolution of width k to 2C channels, which
are split into A and B, and the gated linear unit  v([A B]) = A * sigmoid(B)  (section 3.2). The weights of each output are
normalised, w = g v / |v| (Salimans and Kingma 2016). Their initial spread is to keep the variance of the input (section 3.5).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from mmkit.errors import SettingsError


def normalised_linear(inputs: int, outputs: int, dropout: float = 0.0) -> nn.Linear:
    """A linear layer with weight normalisation: weights from N(0, (1 - dropout) / inputs), zero bias (section 3.5).

    `dropout` is the share of its inputs that the caller drops before this layer; nothing is dropped here.
    """
    linear = nn.Linear(inputs, outputs)
    nn.init.normal_(linear.weight, std=math.sqrt((1 - dropout) / inputs))
    nn.init.zeros_(linear.bias)
    return weight_norm(linear)


class GatedConvolution(nn.Module):
    """Dropout, a convolution centred on each step, and the gated linear unit. Gehring et al. (2017), section 3.2, encoder.

    Padded steps enter as zeros, exactly like the steps outside of the sequence: what stands in them never reaches a real step.
    Shapes: x (B, S, C_in), keep (B, S) bool -> (B, S, C). Raises SettingsError for an even kernel, which has no centre.
    """

    def __init__(self, inputs: int, channels: int, kernel: int = 3, dropout: float = 0.0) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise SettingsError(f"kernel = {kernel} has no centre; an encoder convolution needs an odd width")
        self.dropout = nn.Dropout(dropout)
        self.convolution = _to_both_halves(inputs, channels, kernel, dropout)
        self.reach = kernel // 2

    def forward(self, x: Tensor, keep: Tensor) -> Tensor:
        x = self.dropout(x.masked_fill(~keep.unsqueeze(-1), 0)).transpose(1, 2)  # (B, C_in, S)
        return F.glu(self.convolution(F.pad(x, (self.reach, self.reach))), dim=1).transpose(1, 2)


class CausalGatedConvolution(nn.Module):
    """Dropout, a convolution over each step and the k - 1 before it, and the gated linear unit: the decoder's layer.

    `past` holds the k - 1 inputs before x, zeros at the start of a sentence (`empty`), and comes back with the last k - 1 seen so
    far. A sentence may therefore come whole, in pieces or word by word; the results are the same.
    Shapes: x (B, T, C_in), past (B, k - 1, C_in) -> y (B, T, C), past (B, k - 1, C_in). T may be any number from 1 on.
    """

    def __init__(self, inputs: int, channels: int, kernel: int = 3, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.convolution = _to_both_halves(inputs, channels, kernel, dropout)
        self.inputs, self.before = inputs, kernel - 1

    def empty(self, n: int, like: Tensor) -> Tensor:
        """The past of `n` sentences that have not begun: zeros (n, k - 1, C_in) with the type and device of `like`."""
        return like.new_zeros(n, self.before, self.inputs)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.cat([past, self.dropout(x)], dim=1)  # (B, k - 1 + T, C_in)
        y = F.glu(self.convolution(x.transpose(1, 2)), dim=1).transpose(1, 2)
        return y, x[:, x.shape[1] - self.before :]


def _to_both_halves(inputs: int, channels: int, kernel: int, dropout: float) -> nn.Conv1d:
    """The convolution to A and B. Weights from N(0, 4 (1 - dropout) / (k inputs)): the gate keeps a quarter of the variance."""
    convolution = nn.Conv1d(inputs, 2 * channels, kernel)
    nn.init.normal_(convolution.weight, std=math.sqrt(4 * (1 - dropout) / (kernel * inputs)))
    nn.init.zeros_(convolution.bias)
    return weight_norm(convolution)

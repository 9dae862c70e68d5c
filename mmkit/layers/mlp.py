"""Multilayer perceptrons with batch norm, and the rule that finds their widths."""

from __future__ import annotations

from torch import Tensor, nn


def shrinking_widths(inputs: int, outputs: int, division: int = 4) -> list[int]:
    """Hidden widths: `inputs` divided again and again while the result is above `outputs`. 366 -> 5 gives [91, 22]."""
    widths, width = [], inputs // division
    while width > max(outputs, 1):
        widths.append(width)
        width //= division
    return widths


class MLP(nn.Module):
    """Linear, batch norm, ReLU, dropout per hidden layer, then a linear layer. Shapes: (B, inputs) -> (B, outputs).

    Xavier initialisation, with the ReLU gain in the hidden layers (Gu and Budhkar 2021, official code).
    """

    def __init__(self, inputs: int, outputs: int, hidden: list[int], dropout: float = 0.1) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width_in, width in zip([inputs, *hidden], hidden, strict=False):
            linear = nn.Linear(width_in, width)
            nn.init.xavier_uniform_(linear.weight, gain=nn.init.calculate_gain("relu"))
            layers += [linear, nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout)]
        last = nn.Linear([inputs, *hidden][-1], outputs)
        nn.init.xavier_uniform_(last.weight)
        self.layers = nn.Sequential(*layers, last)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)

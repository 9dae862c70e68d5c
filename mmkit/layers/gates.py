r"""Gated multimodal units: sigmoid gates, one per hidden unit and example, decide how much of each modality passes.

B items, M modalities, D_i features of modality i, H hidden units; [x_1; ...; x_M] is the concatenation, * is elementwise.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmkit.errors import SettingsError, nearest

READS = ("inputs", "preactivations")


def tied(z: Tensor, h_1: Tensor, h_2: Tensor) -> tuple[Tensor, Tensor]:
    """h = z * h_1 + (1 - z) * h_2 and the gates [z, 1 - z]. Shapes: all (B, H) -> h (B, H), gates (B, 2, H)."""
    return torch.lerp(h_2, h_1, z), torch.stack([z, 1 - z], dim=1)


class GatedUnit(nn.Module):
    r"""Two modalities share one gate (Arevalo et al. 2017, section 3.1, bimodal form).

    h_i = tanh(W_i x_i),   z = sigmoid(W_z g),   h = z * h_1 + (1 - z) * h_2
    reads 'inputs': g = [x_1; x_2], as printed. 'preactivations': g = [W_1 x_1; W_2 x_2], as in their program.

    Shapes: x = [(B, D_1), (B, D_2)] -> h (B, H), gates (B, 2, H) = [z, 1 - z]: z is the share of the FIRST modality.
    Raises SettingsError for another number of modalities than two.
    """

    def __init__(self, dims: Sequence[int], width: int, bias: bool = False, reads: str = "inputs") -> None:
        super().__init__()
        if len(dims) != 2:
            raise SettingsError(f"gated unit: a tied gate has two modalities, got {len(dims)}; GatedUnits takes any number")
        self.maps, self.gate = _layers(dims, width, width, bias, reads)
        self.reads = reads

    def forward(self, x: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        pre = [layer(part) for layer, part in zip(self.maps, x, strict=True)]
        z = self.gate(torch.cat(tuple(x if self.reads == "inputs" else pre), dim=1)).sigmoid()
        return tied(z, pre[0].tanh(), pre[1].tanh())


class GatedUnits(nn.Module):
    r"""Any number of modalities, one independent gate each (Arevalo et al. 2017, section 3.1, multimodal form).

    h_i = tanh(W_i x_i),   z_i = sigmoid(W_zi g),   h = sum_i z_i * h_i;   the gates of a unit do NOT sum to 1.
    reads 'inputs': g = [x_1; ...; x_M], as printed. 'preactivations': g = [W_1 x_1; ...; W_M x_M].

    Shapes: x = [(B, D_1), ..., (B, D_M)] -> h (B, H), gates (B, M, H), in the order of `dims`.
    """

    def __init__(self, dims: Sequence[int], width: int, bias: bool = False, reads: str = "inputs") -> None:
        super().__init__()
        self.maps, self.gate = _layers(dims, width, len(dims) * width, bias, reads)
        self.reads = reads

    def forward(self, x: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        pre = torch.stack([layer(part) for layer, part in zip(self.maps, x, strict=True)], dim=1)  # (B, M, H)
        seen = torch.cat(tuple(x), dim=1) if self.reads == "inputs" else pre.flatten(1)
        gates = self.gate(seen).view_as(pre).sigmoid()  # all W_zi in one product
        return (gates * pre.tanh()).sum(dim=1), gates


def _layers(dims: Sequence[int], width: int, gates: int, bias: bool, reads: str) -> tuple[nn.ModuleList, nn.Linear]:
    if reads not in READS:
        raise SettingsError(f"gated unit: reads = {reads!r}{nearest(reads, READS)}")
    if not dims:
        raise SettingsError("gated unit: no modalities, expected at least one")
    seen = sum(dims) if reads == "inputs" else len(dims) * width
    return nn.ModuleList(nn.Linear(dim, width, bias=bias) for dim in dims), nn.Linear(seen, gates, bias=bias)

r"""Maxout units, and the max-norm constraint that usually goes with them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mmkit.errors import SettingsError


class Maxout(nn.Module):
    r"""y = max_{k = 1..K} (W_k x + b_k), elementwise (Goodfellow et al. 2013). Shapes: x (B, inputs) -> y (B, outputs).

    The K pieces are one linear layer of K * outputs rows, piece after piece.
    """

    def __init__(self, inputs: int, outputs: int, pieces: int) -> None:
        super().__init__()
        if pieces < 1:
            raise SettingsError(f"maxout: pieces = {pieces}, expected at least 1")
        self.pieces = pieces
        self.linear = nn.Linear(inputs, pieces * outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).unflatten(1, (self.pieces, -1)).amax(dim=1)  # (B, K, outputs) -> (B, outputs)


class MaxNorm(nn.Module):
    """The bound of `max_norm` as a parametrization: `parametrize.register_parametrization(layer, "weight", MaxNorm(bound))`.

    The gradient then flows through the shortening, and every pass copies the weights; `keep_max_norm` does neither.
    Shapes: weight (outputs, inputs) -> the same, each row at most `bound` long.
    """

    def __init__(self, bound: float) -> None:
        super().__init__()
        self.bound = _checked(bound)

    def forward(self, weight: Tensor) -> Tensor:
        return weight * _shortening(weight, self.bound)

    def right_inverse(self, weight: Tensor) -> Tensor:
        return self(weight)


@torch.no_grad()
def max_norm(module: nn.Module, bound: float) -> None:
    """Shorten, in place, the incoming weights of every unit in `module` to the length `bound` where they are longer.

    Incoming weights of a unit: one row of a `torch.nn.Linear`'s weight (a column in the papers, which write x W). Biases
    stay as they are, and so do shorter rows, bit for bit. Usual bounds: 2 to 20 (Srivastava et al. 2014; Arevalo et al. 2017).
    """
    _checked(bound)
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            factor = _shortening(layer.weight, bound)
            if bool((factor < 1).any()):
                layer.weight.mul_(factor)


def _checked(bound: float) -> float:
    if not bound > 0:
        raise SettingsError(f"max-norm: bound = {bound}, expected a number above 0")
    return bound


def _shortening(weight: Tensor, bound: float) -> Tensor:
    """(outputs, 1): what brings each row of weight (outputs, inputs) to at most `bound`; exactly 1 for shorter rows."""
    length = torch.linalg.vector_norm(weight, dim=1, keepdim=True)
    return torch.where(length > bound, bound / length, 1.0)


def keep_max_norm(optimizer: Optimizer, modules: Iterable[nn.Module], bound: float) -> None:
    """Let `optimizer` end each of its steps with `max_norm` of these modules: a projection, as the constraint is defined."""
    modules = list(modules)

    def project(*_: object) -> None:
        for module in modules:
            max_norm(module, bound)

    project()
    optimizer.register_step_post_hook(project)

r"""The last layer of a word generator, with the choice whether its rows are learned at all.

Shalev, Shalev and Keshet (2021), eq. 1:  P(s_j) = softmax_j(w_j . f + b_j),  w_j . f = |w_j| |f| cos(w_j, f)
One row w_j of W (V, D) per target word. `learned`: W is trained. `tied`: W is the input embedding (Press and Wolf, 2017).
`fixed`: W is drawn once and never changes, so that only f can move.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmkit.errors import SettingsError, nearest

KINDS = ("learned", "tied", "fixed")
DRAWS = ("uniform", "normal", "rademacher", "hadamard", "orthogonal", "sparse")
ROWS = ("raw", "unit")
BIASES = ("learned", "zero")
SCALES = ("none", "temperature", "norms")


class TargetHead(nn.Module):
    r"""logits = W f + b with learned, tied or fixed rows.

    rows 'unit' divides every row by its length (a fixed matrix once, a learned one in every step). bias 'zero' has none: a
    frozen random bias would be a frozen preference for some words. scale 'temperature' multiplies all logits by one learned
    number, 'norms' gives every row a learned length; both start at 1 and stay positive. `weight`: the given rows instead of
    a draw (fixed), or the input embedding (tied).
    Shapes: f (..., D) -> logits (..., V). `matrix` is the W (V, D) that the logits use.
    A fixed W is a buffer: kept in checkpoints, moved with the module, seen by no optimiser and no weight decay.
    """

    def __init__(
        self,
        vocabulary: int,
        dim: int,
        kind: str = "learned",
        *,
        rows: str = "raw",
        bias: str = "learned",
        scale: str = "none",
        weight: Tensor | None = None,
        draw: str = "uniform",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        for name, value, known in (("kind", kind, KINDS), ("rows", rows, ROWS), ("bias", bias, BIASES), ("scale", scale, SCALES)):
            if value not in known:
                raise SettingsError(f"target head: {name} = {value!r}{nearest(value, known)}")
        if weight is not None and tuple(weight.shape) != (vocabulary, dim):
            raise SettingsError(
                f"target head: the {kind} rows have shape {tuple(weight.shape)}, expected {(vocabulary, dim)}; "
                "tied rows need a context vector as wide as the input embedding"
            )
        if (kind == "tied" and not isinstance(weight, nn.Parameter)) or (kind == "learned" and weight is not None):
            raise SettingsError(f"target head: {kind} rows and weight = {type(weight).__name__}: tied needs the embedding's")
        self.kind, self.rows = kind, rows
        if kind == "fixed":
            fixed = draw_rows(vocabulary, dim, draw, generator) if weight is None else weight.detach().clone()
            self.register_buffer("weight", F.normalize(fixed, dim=1) if rows == "unit" else fixed)
        else:
            self.weight = weight if kind == "tied" else nn.Parameter(torch.empty(vocabulary, dim))
        if kind == "learned":
            nn.init.uniform_(self.weight, -1 / math.sqrt(dim), 1 / math.sqrt(dim))  # as torch.nn.Linear
        self.bias = nn.Parameter(torch.zeros(vocabulary)) if bias == "learned" else None
        shape = {"none": None, "temperature": (), "norms": (vocabulary, 1)}[scale]
        self.log_scale = None if shape is None else nn.Parameter(torch.zeros(shape))

    @property
    def matrix(self) -> Tensor:
        """W (V, D) as the logits use it: of unit length where asked, times the learned scale."""
        w = F.normalize(self.weight, dim=1) if self.rows == "unit" and self.kind != "fixed" else self.weight
        return w if self.log_scale is None else self.log_scale.exp() * w

    def forward(self, f: Tensor) -> Tensor:
        return F.linear(f, self.matrix, self.bias)


def draw_rows(vocabulary: int, dim: int, draw: str = "uniform", generator: torch.Generator | None = None) -> Tensor:
    """Random rows (V, D), before any division by their length.

    uniform: cells of U[-10, 10], the paper's. normal: N(0, 1). rademacher: +1 or -1. hadamard: rows of a Hadamard matrix in
    random order with D of its columns. orthogonal: random orthonormal bases, one after the other. sparse: four cells of
    +1 or -1 per row. Raises SettingsError for another name.
    """
    shape = (vocabulary, dim)
    if draw == "uniform":
        return torch.empty(shape).uniform_(-10, 10, generator=generator)
    if draw == "normal":
        return torch.randn(shape, generator=generator)
    if draw == "rademacher":
        return _signs(shape, generator)
    if draw == "hadamard":
        from scipy.linalg import hadamard

        order = 2 ** math.ceil(math.log2(max(vocabulary, dim, 2)))
        rows = torch.randperm(order, generator=generator)[:vocabulary]
        columns = torch.randperm(order, generator=generator)[:dim]
        return torch.from_numpy(hadamard(order)).float()[rows][:, columns]
    if draw == "orthogonal":
        bases = torch.randn(math.ceil(vocabulary / dim), dim, dim, generator=generator)
        return torch.linalg.qr(bases)[0].reshape(-1, dim)[:vocabulary].contiguous()
    if draw == "sparse":
        filled = min(4, dim)
        at = torch.rand(shape, generator=generator).topk(filled, dim=1).indices
        return torch.zeros(shape).scatter_(1, at, _signs((vocabulary, filled), generator))
    raise SettingsError(f"target head: draw = {draw!r}{nearest(draw, DRAWS)}")


def _signs(shape: tuple[int, int], generator: torch.Generator | None) -> Tensor:
    return torch.randint(0, 2, shape, generator=generator).float() * 2 - 1

r"""Gu and Budhkar (2021): joining a text encoder's vector x with categories c and numbers n. Table 1 of the paper.

T = dim of x, C = dim of c, N = dim of n, M = dim of the joined vector m; the prediction is head(m).
Every combiner maps x (B, T), c (B, C), n (B, N) to m (B, M) and, where it has any, the weights that we interpret.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmkit.errors import SettingsError, nearest
from mmkit.layers.encoders import TextEncoder
from mmkit.layers.mlp import MLP, shrinking_widths


class Combined(NamedTuple):
    """m (B, M); reliance (B,) on the text in [0, 1], or None; weights: what to look at, by name (first dim B)."""

    m: Tensor
    reliance: Tensor | None = None
    weights: dict[str, Tensor] | None = None


class TextOnly(nn.Module):
    """m = x."""

    def __init__(self, text: int, categories: int, numbers: int) -> None:
        super().__init__()
        self.out = text

    def forward(self, x: Tensor, c: Tensor, n: Tensor) -> Combined:
        return Combined(x)


class TableOnly(nn.Module):
    """m = c || n: what the table says by itself. A baseline the paper lacks."""

    def __init__(self, text: int, categories: int, numbers: int) -> None:
        super().__init__()
        self.out = categories + numbers

    def forward(self, x: Tensor, c: Tensor, n: Tensor) -> Combined:
        return Combined(torch.cat([c, n], dim=-1))


class Concat(nn.Module):
    """m = x || c || n."""

    def __init__(self, text: int, categories: int, numbers: int) -> None:
        super().__init__()
        self.out = text + categories + numbers

    def forward(self, x: Tensor, c: Tensor, n: Tensor) -> Combined:
        return Combined(torch.cat([x, c, n], dim=-1))


class MLPThenConcat(nn.Module):
    """m = x || MLP_c(c) || MLP_n(n). Widths as in the official code: max(C // 2, N) and N // 2 (at least 1)."""

    def __init__(self, text: int, categories: int, numbers: int) -> None:
        super().__init__()
        wide, narrow = max(categories // 2, numbers), max(numbers // 2, 1)
        self.mlp_c = MLP(categories, wide, shrinking_widths(categories, wide))
        self.mlp_n = MLP(numbers, narrow, [numbers])
        self.out = text + wide + narrow

    def forward(self, x: Tensor, c: Tensor, n: Tensor) -> Combined:
        return Combined(torch.cat([x, self.mlp_c(c), self.mlp_n(n)], dim=-1))


class ConcatThenMLP(nn.Module):
    """m = x || MLP(c || n). The official code squeezes the whole table to min(N, C, T) numbers."""

    def __init__(self, text: int, categories: int, numbers: int) -> None:
        super().__init__()
        squeezed = min(numbers, categories, text)
        self.mlp = MLP(categories + numbers, squeezed, shrinking_widths(categories + numbers, squeezed))
        self.out = text + squeezed

    def forward(self, x: Tensor, c: Tensor, n: Tensor) -> Combined:
        return Combined(torch.cat([x, self.mlp(torch.cat([c, n], dim=-1))], dim=-1))


class Attention(nn.Module):
    r"""m = sum_j alpha_j u_j over j in {x, c, n}, with u_j = W_j j and alpha = softmax_j LeakyReLU(a^T [u_x || u_j]).

    The score splits into a_1^T u_x + a_2^T u_j. Where the three scores share a sign LeakyReLU is linear, the first term cancels
    in the softmax, and the text acts through its own key only: the attention is static.

    variant 'dynamic' scores with a^T LeakyReLU(u_x + v_j), v_j = V_j j (Brody et al. 2022): the query no longer cancels.
    variant '2021' repeats a slip of the official code before March 2023: the score of n comes from W_c c, so alpha_n = alpha_c.

    Deviations: four bias vectors that the official code owns and never adds are left out. A table part wider than the text is
    first mapped to T by an MLP, as there.
    """

    slope = 0.02  # in use in the official code, where 0.2 is stored and ignored

    def __init__(self, text: int, categories: int, numbers: int, variant: str = "printed") -> None:
        super().__init__()
        self.variant = variant
        self.fit_c, categories = _at_most(categories, text)
        self.fit_n, numbers = _at_most(numbers, text)
        sizes = {"x": text, "c": categories, "n": numbers}
        self.w = nn.ModuleDict({j: _glorot(size, text) for j, size in sizes.items()})
        if variant == "dynamic":
            self.key = nn.ModuleDict({j: _glorot(size, text) for j, size in sizes.items()})
            self.a = _glorot(text, 1)
        else:
            self.a = _glorot(2 * text, 1)
        self.out = text

    def forward(self, x: Tensor, c: Tensor, n: Tensor) -> Combined:
        parts = {"x": x, "c": self.fit_c(c), "n": self.fit_n(n)}
        u = {j: self.w[j](part) for j, part in parts.items()}  # (B, T) each
        scores = torch.cat([self._score(u, parts, j) for j in parts], dim=-1)  # (B, 3)
        alpha = scores.softmax(dim=-1)
        m = torch.einsum("bj,bjt->bt", alpha, torch.stack(list(u.values()), dim=1))
        return Combined(m, alpha[:, 0], {"alpha": alpha, "scores": scores})

    def _score(self, u: dict[str, Tensor], parts: dict[str, Tensor], j: str) -> Tensor:
        if self.variant == "dynamic":
            return self.a(F.leaky_relu(u["x"] + self.key[j](parts[j]), self.slope))
        key = u["c"] if self.variant == "2021" and j == "n" else u[j]
        return F.leaky_relu(self.a(torch.cat([u["x"], key], dim=-1)), self.slope)


class Gating(nn.Module):
    r"""m = x + alpha h: the table shifts the text vector (Rahman et al. 2020).

    g_i = R(W_gi [i || x] + b_i) for i in {c, n};  h = g_c * (W_c c) + g_n * (W_n n) + b_h;  alpha = min(beta |x| / |h|, 1).
    Two brackets that the paper misplaces are restored. beta = 0.2, R = ReLU and vector biases are the official code's.
    Deviation: |h| + eps in the denominator; with all gates closed h = 0 and the gradient would be NaN behind the clamp.
    """

    def __init__(self, text: int, categories: int, numbers: int, beta: float = 0.2) -> None:
        super().__init__()
        self.beta = beta
        self.fit_c, categories = _at_most(categories, text)
        self.fit_n, numbers = _at_most(numbers, text)
        self.gate_c, self.gate_n = nn.Linear(categories + text, text), nn.Linear(numbers + text, text)
        self.w_c, self.w_n = nn.Linear(categories, text, bias=False), nn.Linear(numbers, text, bias=False)
        self.b_h = nn.Parameter(torch.zeros(text))
        self.out = text

    def forward(self, x: Tensor, c: Tensor, n: Tensor) -> Combined:
        c, n = self.fit_c(c), self.fit_n(n)
        g_c = F.relu(self.gate_c(torch.cat([c, x], dim=-1)))
        g_n = F.relu(self.gate_n(torch.cat([n, x], dim=-1)))
        h = g_c * self.w_c(c) + g_n * self.w_n(n) + self.b_h
        size_x, size_h = x.norm(dim=-1, keepdim=True), (h.square().sum(-1, keepdim=True) + 1e-12).sqrt()
        alpha = (self.beta * size_x / size_h).clamp(max=1)
        shift = (alpha * size_h / (size_x + 1e-6)).squeeze(-1)  # (B,) in [0, beta]
        return Combined(x + alpha * h, (1 - shift).clamp(min=0), {"shift": shift, "gate_c": g_c, "gate_n": g_n})


class WeightedSum(nn.Module):
    """m = x + w_c * (W_c c) + w_n * (W_n n), w learned and drawn from U(0, 1). W has a bias, as in the official code.

    There a layer norm and dropouts exist and are never applied; they are left out. A table part wider than the text goes
    through an MLP instead of W.
    """

    def __init__(self, text: int, categories: int, numbers: int) -> None:
        super().__init__()
        self.map_c, self.map_n = _wide_or_linear(categories, text), _wide_or_linear(numbers, text)
        self.w_c, self.w_n = nn.Parameter(torch.rand(text)), nn.Parameter(torch.rand(text))
        self.out = text

    def forward(self, x: Tensor, c: Tensor, n: Tensor) -> Combined:
        shift = self.w_c * self.map_c(c) + self.w_n * self.map_n(n)
        size_x, size_shift = x.norm(dim=-1), shift.norm(dim=-1)
        return Combined(x + shift, size_x / (size_x + size_shift + 1e-6), {"shift": size_shift})


def _at_most(size: int, limit: int) -> tuple[nn.Module, int]:
    """(map to at most `limit` features, the size after it): the identity for a part that already fits."""
    return (nn.Identity(), size) if size <= limit else (MLP(size, limit, shrinking_widths(size, limit)), limit)


def _wide_or_linear(size: int, text: int) -> nn.Module:
    return nn.Linear(size, text) if size <= text else MLP(size, text, shrinking_widths(size, text))


def _glorot(inputs: int, outputs: int) -> nn.Linear:
    linear = nn.Linear(inputs, outputs, bias=False)
    nn.init.xavier_uniform_(linear.weight)
    return linear


COMBINERS = {
    "text_only": TextOnly,
    "unimodal": TextOnly,  # the same model; its text has the table written into it
    "concat": Concat,
    "mlp_concat": MLPThenConcat,
    "concat_mlp": ConcatThenMLP,
    "attention": Attention,
    "gating": Gating,
    "weighted_sum": WeightedSum,
    "attention_dynamic": lambda *sizes: Attention(*sizes, variant="dynamic"),
    "attention_2021": lambda *sizes: Attention(*sizes, variant="2021"),
    "gating_uncapped": lambda *sizes: Gating(*sizes, beta=1e3),  # alpha is 1: what does the cap cost?
    "table_only": TableOnly,
}
TABLE_3 = (
    "text_only",
    "unimodal",
    "concat",
    "mlp_concat",
    "concat_mlp",
    "attention",
    "gating",
    "weighted_sum",
)  # order of the paper's rows


def combiner(method: str, text: int, categories: int, numbers: int) -> nn.Module:
    """The combining module of `method` for these dims. Raises SettingsError for an unknown method or a table it cannot use."""
    if method not in COMBINERS:
        raise SettingsError(f"no method {method!r}{nearest(method, COMBINERS)}")
    if method not in ("text_only", "unimodal", "concat", "table_only") and 0 in (categories, numbers):
        raise SettingsError(f"method {method!r} needs category and number columns, got {categories} and {numbers} features")
    return COMBINERS[method](text, categories, numbers)


class TabularText(nn.Module):
    """Encoder, combiner and head. Shapes: ids, keep (B, T), categories (B, C), numbers (B, N) -> logits (B, K), Combined.

    head: 'linear', or 'mlp' (widths M // 4, M // 16, ... down to K with batch norm), the official configurations' choice.
    `table_only` has no text encoder: pass encoder=None.
    """

    def __init__(
        self, encoder: TextEncoder | None, method: str, categories: int, numbers: int, outputs: int, head: str = "linear"
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.combiner = combiner(method, encoder.dim if encoder is not None else 0, categories, numbers)
        size = self.combiner.out
        if head not in ("linear", "mlp"):
            raise SettingsError(f"head = {head!r}, expected 'linear' or 'mlp'")
        self.head = nn.Linear(size, outputs) if head == "linear" else MLP(size, outputs, shrinking_widths(size, outputs))

    def forward(self, ids: Tensor, keep: Tensor, categories: Tensor, numbers: Tensor) -> tuple[Tensor, Combined]:
        x = self.encoder(ids, keep) if self.encoder is not None else categories[:, :0]
        combined = self.combiner(x, categories, numbers)
        return self.head(combined.m), combined

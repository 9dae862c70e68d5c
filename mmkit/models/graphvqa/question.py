r"""What is asked, and in which steps: the question's words to states, and the states to M instruction vectors (eq. 3).

Both are transformers in the original order (Vaswani et al. 2017): x <- LN(x + sublayer(x)), ReLU in the feed-forward part. The
instructions are not spoken one after the other: M learned queries look at the words and at each other, all at once.
Letters: B questions, T words, M steps, E width of the word vectors, Q width of states and instructions.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from mmkit.errors import SettingsError
from mmkit.layers.positions import Positions


def softmax(score: Tensor, keep: Tensor | None = None) -> Tensor:
    """Softmax of the last dimension over what `keep` (bool, broadcast to it) leaves; 0 elsewhere and where nothing is left.

    Written out, because on a processor torch's own takes ten times as long for a row of fewer than sixteen numbers.
    """
    return _Softmax.apply(score, keep)


class _Softmax(torch.autograd.Function):
    """With a gradient of its own, in a third of the steps that the chain of its parts would take: w (g - sum w g)."""

    @staticmethod
    def forward(ctx: Any, score: Tensor, keep: Tensor | None) -> Tensor:
        if keep is not None:
            score = score.masked_fill(~keep, torch.finfo(score.dtype).min)
        weight = (score - score.amax(dim=-1, keepdim=True)).exp_()
        if keep is not None:
            weight.mul_(keep)
        weight.div_(weight.sum(dim=-1, keepdim=True).clamp_(min=torch.finfo(score.dtype).tiny))
        ctx.save_for_backward(weight)
        return weight

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (weight,) = ctx.saved_tensors
        part = gradient * weight
        return torch.addcmul(part, weight, part.sum(dim=-1, keepdim=True), value=-1), None


class Attention(nn.Module):
    """Attention with several heads; weights and initial values as `nn.MultiheadAttention` has them.

    Shapes: x (B, T, Q) looks at memory (B, S, Q), keep (B, S) bool or None -> (B, T, Q), weights (B, T, S), the mean over heads.
    Each weight is dropped with probability `dropout` in training; the weights returned are those before.
    Deviation: where no entry of the memory is real, weights and result's mixture are 0 (there, the original gives NaN).
    """

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        if dim % heads:
            raise SettingsError(f"a width of {dim} cannot be shared by {heads} heads, expected a multiple of their number")
        self.heads, self.dropout = heads, nn.Dropout(dropout)
        self.project = nn.Linear(dim, 3 * dim)  # queries, keys, values
        self.join = nn.Linear(dim, dim)
        nn.init.xavier_uniform_(self.project.weight)
        nn.init.zeros_(self.project.bias)
        nn.init.zeros_(self.join.bias)

    def forward(self, x: Tensor, memory: Tensor | None = None, keep: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """memory None: x looks at itself."""
        dim = x.shape[2]
        if memory is None:
            q, k, v = self.project(x).chunk(3, dim=2)
        else:
            weight, bias = self.project.weight.split([dim, 2 * dim]), self.project.bias.split([dim, 2 * dim])
            q = F.linear(x, weight[0], bias[0])
            k, v = F.linear(memory, weight[1], bias[1]).chunk(2, dim=2)
        q, k, v = (y.unflatten(2, (self.heads, -1)).transpose(1, 2) for y in (q, k, v))  # (B, H, ., Q / H)
        score = (q * q.shape[3] ** -0.5) @ k.transpose(2, 3)  # plain products: few words, and the weights are looked at
        a = softmax(score, None if keep is None else keep[:, None, None, :])
        mixed = (self.dropout(a) @ v).transpose(1, 2).flatten(2)
        return self.join(mixed), a.detach().mean(dim=1)


class Block(nn.Module):
    """One layer: self-attention, then (`cross`) attention to a memory, then the feed-forward part; a LayerNorm after each."""

    def __init__(self, dim: int, heads: int, ff: int, dropout: float, cross: bool = False) -> None:
        super().__init__()
        self.own = Attention(dim, heads, dropout)
        self.other = Attention(dim, heads, dropout) if cross else None
        self.inner, self.outer = nn.Linear(dim, ff), nn.Linear(ff, dim)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(3 if cross else 2))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, keep: Tensor | None = None, memory: Tensor | None = None, memory_keep: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """x (B, T, Q), keep (B, T), memory (B, S, Q) -> (B, T, Q) and the last attention's weights, (B, T, S) or (B, T, T)."""
        y, a = self.own(x, keep=keep)
        x = self.norms[0](x + self.dropout(y))
        if self.other is not None:
            y, a = self.other(x, memory, memory_keep)
            x = self.norms[1](x + self.dropout(y))
        y = self.outer(self.dropout(self.inner(x).relu()))
        return self.norms[-1](x + self.dropout(y)), a


class QuestionEncoder(nn.Module):
    """Word vectors -> Linear, times sqrt(Q), positions, dropout, `layers` blocks, a LayerNorm.

    The state of the first word, <start>, is the question's vector q. Shapes: words (B, T, E), keep (B, T) -> states (B, T, Q).
    Deviation: sines stand before cosines and the first word has t = 1 (public code: interleaved, t = 0).
    """

    def __init__(self, embedding: int, dim: int, layers: int, heads: int, ff: int, dropout: float) -> None:
        super().__init__()
        self.map = nn.Linear(embedding, dim)
        self.positions = Positions(dim, math.sqrt(dim))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(dim, heads, ff, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, words: Tensor, keep: Tensor | None) -> Tensor:
        x = self.dropout(self.positions(self.map(words)))
        for block in self.blocks:
            x, _ = block(x, keep)
        return self.norm(x)


class InstructionDecoder(nn.Module):
    """Eq. 3: M learned queries -> M instruction vectors, through `layers` blocks that look at the question's words.

    Shapes: states (B, T, Q), keep (B, T) -> instructions (B, M, Q) and the last block's weights over the words (B, M, T).
    Deviation: what is dropped before a query first looks at the words is dropped for the whole batch.
    """

    def __init__(self, steps: int, dim: int, layers: int, heads: int, ff: int, dropout: float) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(steps, dim))
        self.blocks = nn.ModuleList(Block(dim, heads, ff, dropout, cross=True) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, states: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor]:
        x = self.queries.unsqueeze(0)  # until words are looked at, the same for all questions: (1, M, Q)
        for block in self.blocks:
            x, looked = block(x, None, states, keep)
        return self.norm(x), looked

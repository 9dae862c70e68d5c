r"""M rounds of messages, the t-th of which reads instruction t (eqs. 5-9), with the same residual whatever the aggregation.

h <- Dropout(ReLU(BN(AGG(h, e, i^t) + h))) for t < M, h <- AGG(h, e, i^M) + h at last; BN runs over the nodes of the whole batch.
The public code has this residual for attention only; with it everywhere, what is compared is how messages are aggregated.
The edges' vectors e are the encoder's and stay the same in every round.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mmkit.batches.graphs import GraphBatch
from mmkit.errors import SettingsError, nearest
from mmkit.layers.graphs import GINE, EdgeAttention, MeanAggregation

KINDS = ("mean", "sum", "sum2", "attention")


class Stack(nn.Module):
    """kind: mean (GCN), sum (GINE), sum2 (GINE with a two-layer Theta), attention (GAT). instruction_dim 0: no instructions.

    score, heads: of attention; the hidden layer of score 'mlp' is as wide as a node.  dropout: of states, and of attention.
    shared: one layer and one norm serve all rounds.
    assigned False: the public GCN and GINE programs, which throw every aggregate away; nothing is computed in vain here.

    forward(batch, h (N, D), e (E, D), instructions (B, M, Q) or None) -> all M + 1 states (N, D), M attentions (E, H); [] where
    nothing is weighed.
    """

    def __init__(
        self,
        kind: str,
        dim: int,
        instruction_dim: int,
        steps: int,
        *,
        heads: int = 4,
        score: str = "additive",
        dropout: float = 0.1,
        shared: bool = False,
        assigned: bool = True,
        backend: str = "torch",
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise SettingsError(f"stack = {kind!r}{nearest(kind, KINDS)}")
        if steps < 1:
            raise SettingsError(f"steps = {steps}, expected 1 or more")

        def layer() -> nn.Module:
            if kind == "mean":
                return MeanAggregation(dim, dim, instruction_dim, backend)
            if kind == "attention":
                hidden = dim if score == "mlp" else None
                return EdgeAttention(
                    dim, dim, dim, instruction_dim, heads=heads, score=score, hidden=hidden, dropout=dropout, backend=backend
                )
            return GINE(theta(dim + instruction_dim, dim, deep=kind == "sum2"), dim, instruction_dim, backend=backend)

        self.steps, self.assigned, self.dropout = steps, assigned, nn.Dropout(dropout)
        self.layers = nn.ModuleList(layer() for _ in range(1 if shared else steps))
        self.norms = nn.ModuleList(nn.BatchNorm1d(dim) for _ in range(min(1, steps - 1) if shared else steps - 1))

    def forward(self, batch: GraphBatch, h: Tensor, e: Tensor, instructions: Tensor | None) -> tuple[list[Tensor], list[Tensor]]:
        states, attention = [h], []
        for t in range(self.steps):
            if self.assigned:
                told = None if instructions is None else instructions[:, t]
                found = self.layers[t % len(self.layers)](batch, h, e, told)
                if isinstance(found, tuple):
                    found, alpha = found
                    attention.append(alpha)
                h = found + h
            if t + 1 < self.steps:
                h = self.dropout(F.relu(self.norms[t % len(self.norms)](h)))
            states.append(h)
        return states, attention


def theta(inputs: int, dim: int, deep: bool) -> nn.Module:
    """Theta of GINE: one linear layer, or (Table 4) linear, ReLU, linear, ReLU, batch norm. Glorot weights, zero biases."""
    if not deep:
        return _glorot(nn.Linear(inputs, dim))
    first, second = _glorot(nn.Linear(inputs, dim)), _glorot(nn.Linear(dim, dim))
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.BatchNorm1d(dim))


def _glorot(linear: nn.Linear) -> nn.Linear:
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear

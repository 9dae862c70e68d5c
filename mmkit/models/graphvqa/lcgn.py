r"""What GraphVQA is compared with (Hu et al. 2019): one cell, applied T times, steered by T commands out of the question.

s = ReLU(W_a q),   a^t = softmax_words(w . ((W_b^t s) * word)),   c^t = sum_words a^t word        (the original's commands)
The words are the states of the question's transformer (the original has an LSTM). Then xl = Dropout(W x), x of the scene
encoder, T rounds of `LCGNCell` (eqs. 12-15), and W9 [xl; xc].
"""

from __future__ import annotations

from torch import Tensor, nn

from mmkit.batches.graphs import GraphBatch
from mmkit.layers.graphs import LCGNCell
from mmkit.models.graphvqa.question import softmax
from mmkit.models.graphvqa.released import redrawn


class Commands(nn.Module):
    """T commands, each a weighted mean of the W words.

    Shapes: q (B, Q), words (B, W, Q), keep (B, W) or None -> commands (B, T, Q), weights (B, T, W) that sum to 1.
    """

    def __init__(self, dim: int, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.shared, self.own = nn.Linear(dim, dim), nn.Linear(dim, steps * dim)  # W_a; W_b^1 ... W_b^T
        self.score = nn.Linear(dim, 1, bias=False)  # w

    def forward(self, q: Tensor, words: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor]:
        asks = self.own(self.shared(q).relu()).unflatten(1, (self.steps, -1)) * self.score.weight  # (B, T, Q)
        a = softmax(asks @ words.transpose(1, 2), None if keep is None else keep.unsqueeze(1))  # (B, T, W)
        return a @ words, a


class LCGN(nn.Module):
    """From the scene encoder's states (N, D) to states (N, Q). dense: messages between all pairs of a graph, not along edges.

    edge_keys: keys see the edges' vectors (not in the papers; for the sparse graph only).
    as_released: no division by sqrt(Q) in eq. 13, and the context state is drawn anew at every pass.
    Deviation: dropout before the rounds only, where the public code has it inside them, too, and no LeakyReLU in eq. 13.

    forward(batch, x, e, q (B, Q), words (B, W, Q), keep) -> states: xl, T contexts, the result; T attentions, (E, 1) or
    (B, n, n) as `LCGNCell` has them; the commands' weights over the words (B, T, W).
    """

    def __init__(
        self,
        dim: int,
        width: int,
        steps: int,
        *,
        dropout: float = 0.1,
        dense: bool = False,
        edge_keys: bool = False,
        as_released: bool = False,
        backend: str = "torch",
    ) -> None:
        super().__init__()
        self.width, self.steps, self.as_released = width, steps, as_released
        self.local = nn.Sequential(nn.Linear(dim, width), nn.Dropout(dropout))
        self.commands = Commands(width, steps)
        pairs, edge_dim = ("all" if dense else "edges"), (dim if edge_keys else 0)
        self.cell = LCGNCell(width, width, edge_dim, pairs=pairs, scaled=not as_released, backend=backend)

    def forward(
        self, batch: GraphBatch, x: Tensor, e: Tensor, q: Tensor, words: Tensor, keep: Tensor | None
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        local = self.local(x)
        commands, spoken = self.commands(q, words, keep)
        context = redrawn(batch.nodes, self.width, local) if self.as_released else None  # None: the cell's learned start
        e = e if self.cell.edge_dim else None
        states, attention = [local], []
        for t in range(self.steps):
            context, w = self.cell(batch, local, context, e, commands[:, t])
            states.append(context)
            attention.append(w)
        return [*states, self.cell.read(local, context)], attention, spoken

r"""ICON (Hazarika, Poria, Mihalcea et al. 2018): each speaker's own history, then one story of both, then hops over it.

Window i = t-K ... t-1 before target t; P of {own, other}, seen from the target.
    q^1 = tanh(W r_t + b)
    h_P^i = GRU_P(r_i, h_P^{i-1}) where P speaks at i, else h_P^i = h_P^{i-1}                     self-influence (SIM)
    s_i = tanh(sum_P [P speaks at i] h_P^i),   M^1 = GRU_g(s_1 ... s_K)                           dynamic global influence (DGIM)
    p^k = softmax(M^k q^k),   q^{k+1} = tanh(q^k + M^k' p^k),   M^{k+1} = GRU_m(M^k)              hops
    logits = W_o q^{hops+1} + b_o
Since a state that waits does not change, GRU_P runs over the turns of P alone (`Turns`) and is set back in its places.
Chosen here, after the public code: the sum holds the state of who speaks, not both; dropout on h and on p; one GRU_m for
all hops after the first. Deviations from that code: its GRU_g also walks through the zeros before a short history, here it
starts with the first real turn, so that padding changes nothing; no tanh around q . m (see memory.py); torch's initial weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmkit.errors import SettingsError
from mmkit.layers.recurrent import masked_softmax
from mmkit.models.conversations.memory import Turns, states


class ICON(nn.Module):
    """Sizes of the public code by default (dim 100, 3 hops, keep 0.3).

    forward(features (B, K+1, inputs), own (B, K+1), keep (B, K+1)) -> logits (B, classes). Without any history the query is
    only squashed again by each hop. Raises SettingsError for fewer than one hop.
    """

    def __init__(self, inputs: int, classes: int = 6, dim: int = 100, *, hops: int = 3, dropout: float = 0.7) -> None:
        super().__init__()
        if hops < 1:
            raise SettingsError(f"hops = {hops}, expected 1 or more")
        self.hops = hops
        self.query = nn.Linear(inputs, dim)
        self.speaker = nn.ModuleList(nn.GRU(inputs, dim) for _ in range(2))  # GRU_P: own, other
        self.story = nn.GRU(dim, dim)  # GRU_g
        self.memory = nn.GRU(dim, dim) if hops > 1 else None  # GRU_m
        self.dropout, self.output = nn.Dropout(dropout), nn.Linear(dim, classes)

    def forward(self, features: Tensor, own: Tensor, keep: Tensor) -> Tensor:
        return self.look(features, own, keep)[0]

    def look(self, features: Tensor, own: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        """logits, and the weights p (B, hops, K) by step, before dropout: zero on padding, else they sum to 1."""
        q = self.query(features[:, -1]).tanh()
        history, own, keep = features[:, :-1], own[:, :-1], keep[:, :-1]
        s = sum(self._spoken(who, history, mask & keep) for who, mask in enumerate((own, ~own))).tanh()  # (B, K, dim)
        turns = Turns.of(keep)
        memory, weights = turns.take(s), []
        for hop in range(self.hops):
            memory = states(self.memory if hop else self.story, memory)
            m = turns.put(memory)  # M^k: (B, K, dim)
            p = masked_softmax(torch.einsum("bd,bkd->bk", q, m), keep)
            q = (q + torch.einsum("bk,bkd->bd", self.dropout(p), m)).tanh()
            weights.append(p)
        return self.output(q), torch.stack(weights, dim=1)

    def _spoken(self, who: int, history: Tensor, mask: Tensor) -> Tensor:
        """States (B, K, dim) of GRU_P at the turns of P, where `mask` holds, after dropout; zero elsewhere."""
        turns = Turns.of(mask)
        return turns.put(self.dropout(states(self.speaker[who], turns.take(history))))

r"""Memory networks on a window: the target asks, the past utterances answer, several times (hops).

MemNet (Sukhbaatar et al. 2015, with the weights of neighbouring hops tied): every utterance is embedded hops + 1 times,
    u^1 = E_0 r_t,   m_i^k = E_{k-1} r_i + T_{k-1}(t - i),   c_i^k = E_k r_i + T_k(t - i)                   (their section 2.1)
    p^k = softmax_i(u^k . m_i^k),   u^{k+1} = u^k + sum_i p_i^k c_i^k                                       (eqs. 1, 2, 4)
    logits = W u^{hops+1} + b;   T(age) is their temporal encoding, E_0 embeds the question, too (B = A^1).
Silent on conversations; chosen here: the last sum is classified directly, with a bias, after dropout. It does not know who
speaks.

CMN (Hazarika, Poria, Zadeh et al. 2018): two memories, one per speaker P of {own, other}, seen from the target,
    q^1 = tanh(W r_t + b),   M_P^1 = tanh(states of GRU_P over the turns of P),   C_P^k = GRU'_P(M_P^k)
    p_P^k = softmax(M_P^k q^k),   q^{k+1} = tanh(q^k + sum_P C_P^k' p_P^k),   M_P^{k+1} = C_P^k,   logits = W_o q^{hops+1} + b_o
Chosen here, after the public code where it agrees with the paper: one GRU'_P serves all hops; dropout on M^1 and on p.
Deviations from that code: no tanh around q . m, which would keep p nearly uniform over 40 turns; a turn of the one speaker
is no zero row in the memory of the other (neither in the softmax nor as a step of GRU'), it is not in it at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mmkit.errors import SettingsError
from mmkit.layers.recurrent import masked_softmax


class MemNet(nn.Module):
    """history: the most steps before the target that have a temporal encoding.

    forward(features (B, K+1, inputs), own, keep (B, K+1)) -> logits (B, classes); `own` is not read. The steps before the
    first kept one change nothing, whatever they hold; without any history u stays the embedded target.
    Raises SettingsError for fewer than one hop, and for a window with more than `history` steps before its target.
    """

    def __init__(
        self, inputs: int, classes: int = 6, dim: int = 100, *, hops: int = 3, history: int = 40, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.hops, self.history = _hops(hops), history
        self.embed = nn.Linear(inputs, (hops + 1) * dim, bias=False)  # E_0 ... E_hops
        self.age = nn.Parameter(torch.empty(history, hops + 1, dim).normal_(0.0, 0.1))  # T_0 ... T_hops; row 0 is one turn ago
        self.dropout, self.output = nn.Dropout(dropout), nn.Linear(dim, classes)

    def forward(self, features: Tensor, own: Tensor, keep: Tensor) -> Tensor:
        return self.look(features, own, keep)[0]

    def look(self, features: Tensor, own: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        """logits, and the weights p (B, hops, K) of the steps before the target: zero on padding, else they sum to 1."""
        past = features.shape[1] - 1
        if past > self.history:
            raise SettingsError(f"MemNet: {past} steps before the target, expected at most history = {self.history}")
        x = self.embed(features).unflatten(2, (self.hops + 1, -1))  # (B, K+1, hops+1, dim)
        u, memory = x[:, -1, 0], x[:, :-1] + self.age[:past].flip(0)
        weights = []
        for k in range(self.hops):
            p = masked_softmax(torch.einsum("bd,bkd->bk", u, memory[:, :, k]), keep[:, :-1])  # eq. 1
            u = u + torch.einsum("bk,bkd->bd", p, memory[:, :, k + 1])  # eqs. 2, 4
            weights.append(p)
        return self.output(self.dropout(u)), torch.stack(weights, dim=1)


class CMN(nn.Module):
    """Two GRUs and two memory GRUs, for the target's speaker and for everyone else; sizes of the public code by default.

    forward(features (B, K+1, inputs), own (B, K+1), keep (B, K+1)) -> logits (B, classes). A speaker without turns in the
    window adds nothing. Raises SettingsError for fewer than one hop.
    """

    def __init__(self, inputs: int, classes: int = 6, dim: int = 100, *, hops: int = 3, dropout: float = 0.7) -> None:
        super().__init__()
        self.hops = _hops(hops)
        self.query = nn.Linear(inputs, dim)
        self.speaker = nn.ModuleList(nn.GRU(inputs, dim) for _ in range(2))  # GRU_P: own, other
        self.memory = nn.ModuleList(nn.GRU(dim, dim) for _ in range(2))  # GRU'_P
        self.dropout, self.output = nn.Dropout(dropout), nn.Linear(dim, classes)

    def forward(self, features: Tensor, own: Tensor, keep: Tensor) -> Tensor:
        return self.look(features, own, keep)[0]

    def look(self, features: Tensor, own: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        """logits, and the weights p_own + p_other (B, hops, K) by step, before dropout; each speaker's turns share 1."""
        q, history, own, keep = self.query(features[:, -1]).tanh(), features[:, :-1], own[:, :-1], keep[:, :-1]
        turns = [Turns.of(own & keep), Turns.of(~own & keep)]
        packed = [self.dropout(states(gru, t.take(history))).tanh() for gru, t in zip(self.speaker, turns, strict=True)]
        memory = [t.put(x) for t, x in zip(turns, packed, strict=True)]  # M_P^1: (B, K, dim)
        weights = []
        for _ in range(self.hops):
            answer, seen = q, 0.0
            for who, t in enumerate(turns):
                p = masked_softmax(torch.einsum("bd,bkd->bk", q, memory[who]), t.mask)
                packed[who] = states(self.memory[who], packed[who])
                memory[who] = t.put(packed[who])  # C_P, and M_P of the next hop
                answer = answer + torch.einsum("bk,bkd->bd", self.dropout(p), memory[who])
                seen = seen + p
            q = answer.tanh()
            weights.append(seen)
        return self.output(q), torch.stack(weights, dim=1)


@dataclass(frozen=True, eq=False)
class Turns:
    """The steps of B windows where `mask` (B, K) holds, to be moved to the front in their order, and back to their places.

    A forward GRU over them in front is one whose state waits at all other steps. (In torch's packed sequences, each step's
    gradient is first written into zeros the size of all steps, which took a quarter of ICON's training time at K = 40.)
    rows (k, B): which of the B * K steps stand in front, k the most of any window, where it has fewer, others of its steps.
    places (B, K): which of the k * B steps in front each step is; of no meaning where `mask` does not hold.
    """

    mask: Tensor
    rows: Tensor
    places: Tensor

    @classmethod
    def of(cls, mask: Tensor) -> Turns:
        batch, steps = mask.shape
        window = torch.arange(batch, device=mask.device)
        count = mask.cumsum(dim=1)
        longest = int(count[:, -1].max()) if mask.numel() else 0
        order = (~mask).to(torch.uint8).argsort(dim=1, stable=True)[:, :longest]
        places = (count - 1).clamp(min=0) * batch + window.unsqueeze(1)
        return cls(mask, order.T + window * steps, places)

    def take(self, x: Tensor) -> Tensor:
        """x (B, K, D) -> (k, B, D), time first."""
        return x.flatten(0, 1).index_select(0, self.rows.flatten()).unflatten(0, self.rows.shape)

    def put(self, h: Tensor) -> Tensor:
        """h (k, B, H) -> (B, K, H), zero where `mask` does not hold."""
        if not len(h):
            return h.new_zeros(*self.mask.shape, h.shape[2])
        placed = h.flatten(0, 1).index_select(0, self.places.flatten()).unflatten(0, self.mask.shape)
        return placed * self.mask.unsqueeze(2)


def states(gru: nn.GRU, x: Tensor) -> Tensor:
    """All states (k, B, H) of a forward GRU over x (k, B, D), time first; k may be 0, which torch does not allow."""
    return gru(x)[0] if len(x) else x.new_zeros(*x.shape[:2], gru.hidden_size)


def _hops(hops: int) -> int:
    if hops < 1:
        raise SettingsError(f"hops = {hops}, expected 1 or more")
    return hops

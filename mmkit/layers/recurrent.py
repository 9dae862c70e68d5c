r"""Recurrent pieces of a translator: a bidirectional encoder that never reads padding, and attention over its states."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class BiGRU(nn.Module):
    """One bidirectional GRU layer over the real steps only.

    Shapes: x (B, S, E), keep (B, S) bool -> states (B, S, 2H), zero at padding; last (B, 2H): the forward state of the last
    real step, then the backward state of the first. Packed, so that the backward direction does not start in the padding.
    """

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.gru = nn.GRU(dim, hidden, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        lengths = keep.sum(dim=1).clamp(min=1).cpu()
        packed, last = self.gru(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
        states = pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])[0]
        return states, torch.cat([last[0], last[1]], dim=1)


class AdditiveAttention(nn.Module):
    r"""Bahdanau et al. (2015):  e_i = v . tanh(W [h; s_i] + b),  a = softmax(e),  c = sum_i a_i s_i.

    W's half for the states is applied once per sentence (`keys`), not once per step. A loop over steps takes the other half
    once (`for_queries`): a slice per step would cost a whole matrix of zeros per step on the way back.
    Shapes: h (B, H), keys (B, S, A), states (B, S, D), keep (B, S) -> c (B, D), a (B, S), zero on padding.
    """

    def __init__(self, hidden: int, states: int, dim: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.energy = nn.Linear(hidden + states, dim)
        self.v = nn.Linear(dim, 1, bias=False)

    def keys(self, states: Tensor) -> Tensor:
        return F.linear(states, self.energy.weight[:, self.hidden :], self.energy.bias)

    def for_queries(self) -> Tensor:
        return self.energy.weight[:, : self.hidden]

    def forward(
        self, h: Tensor, keys: Tensor, states: Tensor, keep: Tensor, for_queries: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        query = F.linear(h, self.for_queries() if for_queries is None else for_queries)
        e = self.v(torch.tanh(query[:, None] + keys)).squeeze(-1)  # (B, S)
        a = masked_softmax(e, keep)
        return torch.bmm(a[:, None], states).squeeze(1), a


class GeneralAttention(nn.Module):
    r"""Luong et al. (2015), 'general':  e_i = h . W s_i,  a = softmax(e),  c = sum_i a_i s_i; all steps at once.

    Shapes: h (B, T, H), keys (B, S, H), states (B, S, D), keep (B, S) -> c (B, T, D), a (B, T, S), zero on padding.
    """

    def __init__(self, hidden: int, states: int) -> None:
        super().__init__()
        self.w = nn.Linear(states, hidden, bias=False)

    def keys(self, states: Tensor) -> Tensor:
        return self.w(states)

    def forward(self, h: Tensor, keys: Tensor, states: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        e = torch.bmm(h, keys.transpose(1, 2))
        a = masked_softmax(e, keep[:, None])
        return torch.bmm(a, states), a


def masked_softmax(e: Tensor, keep: Tensor) -> Tensor:
    """Softmax over the last dimension that gives padding exactly zero, computed in float32."""
    masked = e.float().masked_fill(~keep, torch.finfo(torch.float32).min)
    return (masked.softmax(dim=-1) * keep).to(e.dtype)


def gru_step(pre: Tensor, h: Tensor, cell: nn.GRUCell) -> Tensor:
    """One GRU step whose input projection `pre` (B, 3H) = W_ih x + b_ih is already there. Same equations as nn.GRUCell."""
    hidden = F.linear(h, cell.weight_hh, cell.bias_hh)
    pre_r, pre_z, pre_n = pre.chunk(3, dim=1)
    hid_r, hid_z, hid_n = hidden.chunk(3, dim=1)
    r, z = torch.sigmoid(pre_r + hid_r), torch.sigmoid(pre_z + hid_z)
    n = torch.tanh(pre_n + r * hid_n)
    return n + z * (h - n)

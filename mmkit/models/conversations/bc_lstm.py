r"""bc-LSTM (Poria et al. 2017): a bidirectional LSTM over the utterances of a dialogue, which does not know who speaks.

    h_t = [LSTM->(r_1 ... r_t); LSTM<-(r_N ... r_t)],   l_t = ReLU(W_l h_t + b_l),   logits_t = W_o l_t + b_o
bc-LSTM+Att reads, in place of h_t, what the whole dialogue says about step t (`Matching`; Majumder et al. 2019, eqs. 13-14):
    a_t = softmax_k(h_t' W h_k),   h~_t = sum_k a_tk h_k
Chosen here: 100 units per direction, two layers and as many hidden units (the public code for this data; the paper draws one
layer and has no sizes for it); the modalities come as one vector, where the paper also trains one LSTM per modality first.
`past_only`: no backward LSTM, and attention over steps up to t: what COIN sees. Published is the model that sees the future.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from mmkit.layers.recurrent import masked_softmax


class BcLSTM(nn.Module):
    """attention: the variant +Att. dropout: between the LSTM's layers, and before the last one.

    forward(features (B, T, inputs), speaker, keep (B, T), padded on the right) -> logits (B, T, classes); `speaker` is not
    read. Logits at padding mean nothing.
    """

    def __init__(
        self,
        inputs: int,
        classes: int = 6,
        dim: int = 100,
        *,
        layers: int = 2,
        attention: bool = False,
        past_only: bool = False,
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(inputs, dim, layers, batch_first=True, bidirectional=not past_only, dropout=between)
        width = dim if past_only else 2 * dim
        self.matching = Matching(width, past_only) if attention else None
        self.hidden = nn.Sequential(nn.Linear(width, dim), nn.ReLU(), nn.Dropout(dropout), nn.Linear(dim, classes))

    def forward(self, features: Tensor, speaker: Tensor, keep: Tensor) -> Tensor:
        h = encode(self.lstm, features, keep)
        return self.hidden(h if self.matching is None else self.matching(h, keep)[0])


class Matching(nn.Module):
    r"""Each step asks all steps:  a_tk = softmax_k(h_t' W h_k),  c_t = sum_k a_tk h_k. past_only: over k <= t.

    Shapes: h (B, T, D), keep (B, T) -> c (B, T, D), a (B, T, T), which is zero for k at padding.
    Deviation: no bias in W; the public code has one, the papers have none.
    """

    def __init__(self, dim: int, past_only: bool = False) -> None:
        super().__init__()
        self.past_only, self.w = past_only, nn.Linear(dim, dim, bias=False)

    def forward(self, h: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        seen = keep.unsqueeze(1)  # (B, 1, T)
        if self.past_only:
            seen = seen & torch.ones(h.shape[1], h.shape[1], dtype=torch.bool, device=h.device).tril()
        a = masked_softmax(h @ self.w(h).transpose(1, 2), seen)
        return a @ h, a


def encode(rnn: nn.LSTM | nn.GRU, x: Tensor, keep: Tensor) -> Tensor:
    """States (B, T, H) of a batch-first LSTM or GRU over the real steps of x (B, T, D), zero at padding (on the right).

    Packed, so that a backward direction starts at the last real step.
    """
    lengths = keep.sum(dim=1).clamp(min=1).cpu()
    packed = rnn(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))[0]
    return pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])[0]

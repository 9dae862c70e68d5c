r"""DialogueRNN (Majumder et al. 2019): a state of the talk, a state of each party, and emotions read off who speaks.

At turn t, spoken by s; q_P is the state of party P, q_P^0 = g_0 = e_0 = 0:
    c_t = sum_{k<t} a_tk g_k,   a_t = softmax_k(u_t' W_a g_k)          context, 0 at the first turn
    g_t = GRU_G(g_{t-1}, [u_t; q_s^{t-1}])                             global state
    q_s^t = GRU_P(q_s^{t-1}, [u_t; c_t])                               party state of who speaks
    q_P^t = q_P^{t-1}, or GRU_L(q_P^{t-1}, [u_t; q_s^t])  (`listener`) party state of who listens
    e_t = GRU_E(e_{t-1}, q_s^t)                                        emotion
Bidirectional: a second set of weights runs over the reversed dialogue, e_t = [e->_t; e<-_t]. With `attention`,
e~_t = sum_k b_tk e_k, b_t = softmax_k(e_t' W_b e_k). Then l_t = ReLU(W_l e~_t + b_l), logits_t = W_o l_t + b_o.
The listener's input is the public code's (the paper has a facial cue of the silent party, which no feature file holds).
Deviations: W_b has no bias (code: one); the reversed pass reverses the speakers, too (an early public version did not);
dropout on e_t and l_t only (code: also on g, q and e inside the recurrences, where a mask per step wears the states away).

Nothing feeds back from e, so GRU_E runs once, fused, over the speaking parties' states; whatever depends on u_t alone is
computed for all turns at once; the loop over time holds the rest, for all dialogues of the batch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmkit.layers.recurrent import gru_step
from mmkit.models.conversations.bc_lstm import Matching


class DialogueRNN(nn.Module):
    """Sizes: D_g (global), D_p (party), D_e (emotion, per direction); the hidden layer is as wide as e_t. Defaults: public code.

    parties: how many may speak in a dialogue.  listener: update who listens.  attention: +Att.
    past_only: no reversed pass, attention over turns up to t: what COIN sees. Published is the model that sees the future.

    forward(features (B, T, inputs), speaker (B, T) int64 in 0 ... parties-1, keep (B, T), padded on the right)
    -> logits (B, T, classes). Renaming the speakers changes nothing; logits at padding mean nothing.
    """

    def __init__(
        self,
        inputs: int = 100,
        classes: int = 6,
        *,
        global_dim: int = 500,
        party_dim: int = 500,
        emotion_dim: int = 300,
        parties: int = 2,
        listener: bool = False,
        attention: bool = True,
        past_only: bool = False,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        directions = 1 if past_only else 2
        self.talks = nn.ModuleList(Talk(inputs, global_dim, party_dim, emotion_dim, parties, listener) for _ in range(directions))
        width = directions * emotion_dim
        self.dropout = nn.Dropout(dropout)
        self.matching = Matching(width, past_only) if attention else None
        self.hidden = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, classes))

    def forward(self, features: Tensor, speaker: Tensor, keep: Tensor) -> Tensor:
        return self.look(features, speaker, keep)[0]

    def look(self, features: Tensor, speaker: Tensor, keep: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """logits; the forward context's weights a (B, T, T), zero for k >= t; the emotions' weights b (B, T, T), or None."""
        emotion, a = self.talks[0](features, speaker)
        if len(self.talks) == 2:
            back = mirror(keep)
            e, _ = self.talks[1](at(features, back), speaker.gather(1, back))
            emotion = torch.cat([emotion, at(e, back)], dim=2)
        emotion, b = self.dropout(emotion), None
        if self.matching is not None:
            emotion, b = self.matching(emotion, keep)
        return self.hidden(emotion), a, b


class Talk(nn.Module):
    """One direction. forward(u (B, T, D), speaker (B, T)) -> emotions e (B, T, D_e), context weights a (B, T, T).

    Strictly causal, so that padding on the right changes nothing before it and needs no mask.
    """

    def __init__(
        self, inputs: int, global_dim: int, party_dim: int, emotion_dim: int, parties: int = 2, listener: bool = False
    ) -> None:
        super().__init__()
        self.inputs, self.parties = inputs, parties
        self.ask = nn.Linear(inputs, global_dim, bias=False)  # W_a
        self.talk = nn.GRUCell(inputs + party_dim, global_dim)  # GRU_G
        self.party = nn.GRUCell(inputs + global_dim, party_dim)  # GRU_P
        self.listener = nn.GRUCell(inputs + party_dim, party_dim) if listener else None  # GRU_L
        self.emotion = nn.GRU(party_dim, emotion_dim, batch_first=True)  # GRU_E

    def forward(self, u: Tensor, speaker: Tensor) -> tuple[Tensor, Tensor]:
        batch, steps, _ = u.shape
        spoken, weights = [], []
        q = u.new_zeros(batch, self.parties, self.party.hidden_size)
        g, history = u.new_zeros(batch, self.talk.hidden_size), []
        for_talk, for_party, for_listener = (self._split(cell, u) for cell in (self.talk, self.party, self.listener))
        speaks = F.one_hot(speaker, self.parties).bool().unsqueeze(3)  # (B, T, P, 1)
        for t, (ask, speaking) in enumerate(zip(self.ask(u).unbind(1), speaks.unbind(1), strict=True)):
            c, a = attend(ask, history, g)
            of_speaker = q.gather(1, speaker[:, t, None, None].expand(-1, 1, q.shape[2])).squeeze(1)  # q_s^{t-1}
            g = gru_step(for_talk[0][t] + F.linear(of_speaker, for_talk[1]), g, self.talk)
            new = gru_step(for_party[0][t] + F.linear(c, for_party[1]), of_speaker, self.party)
            heard = q if self.listener is None else self._hear(q, new, for_listener[0][t], for_listener[1])
            q = torch.where(speaking, new.unsqueeze(1), heard)
            history.append(g)
            spoken.append(new)
            weights.append(F.pad(a, (0, steps - t)))
        return self.emotion(torch.stack(spoken, dim=1))[0], torch.stack(weights, dim=1)

    def _split(self, cell: nn.GRUCell | None, u: Tensor) -> tuple[tuple[Tensor, ...], Tensor | None]:
        """What u adds to the cell's gates, for all turns at once, and the weights for the rest of its input."""
        if cell is None:
            return (), None
        of_u, of_rest = cell.weight_ih.split([self.inputs, cell.input_size - self.inputs], dim=1)
        return F.linear(u, of_u, cell.bias_ih).unbind(1), of_rest

    def _hear(self, q: Tensor, new: Tensor, pre: Tensor, of_speaker: Tensor) -> Tensor:
        pre = (pre + F.linear(new, of_speaker)).repeat_interleave(self.parties, dim=0)  # the same for every party
        return gru_step(pre, q.flatten(0, 1), self.listener).view_as(q)


def attend(ask: Tensor, history: list[Tensor], like: Tensor) -> tuple[Tensor, Tensor]:
    """The context c (B, D_g) of asks (B, D_g) among the states so far, and its weights (B, k). Nothing so far: zeros, (B, 0)."""
    if not history:
        return torch.zeros_like(like), like.new_zeros(len(like), 0)
    g = torch.stack(history, dim=1)  # (B, k, D_g)
    a = torch.bmm(g, ask.unsqueeze(2)).squeeze(2).softmax(dim=1)
    return torch.bmm(a.unsqueeze(1), g).squeeze(1), a


def mirror(keep: Tensor) -> Tensor:
    """Index (B, T) that reverses the real steps of each row (kept on the left) and leaves the padding where it is."""
    lengths, t = keep.sum(dim=1, keepdim=True), torch.arange(keep.shape[1], device=keep.device)
    return torch.where(t < lengths, lengths - 1 - t, t)


def at(x: Tensor, index: Tensor) -> Tensor:
    """x[b, index[b, t]]. Shapes: x (B, T, D), index (B, T) -> (B, T, D)."""
    return x.gather(1, index.unsqueeze(2).expand(-1, -1, x.shape[2]))

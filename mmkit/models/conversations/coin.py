r"""COIN, conversational interactive networks (Zhang and Chai 2021): the emotion of an utterance from it and K turns before it.

B windows of K past turns and their target, F features, d hidden units, L stacks, C classes.

m      the gated states of both speakers' networks (eq. 1), `mmkit.layers.interaction`;   M^1 = m (K x 2d),   u^1 = W r_t + b
stack  M_g = biGRU(M^l);   M_att = softmax(d^{-1/2} Q K^T) V,   Q, K, V = M_g W_Q, M_g W_K, M_g W_V        (eqs. 2, 3)
hop    c = M_att^T softmax(M_att u^l)  (eq. 4),   u^{l+1} = tanh(u^l + c)  (eq. 5);   M^{l+1} = M_att
class  softmax(W_o u^{L+1} + b_o)
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmkit.errors import SettingsError, nearest
from mmkit.layers.counts import parameters
from mmkit.layers.interaction import Interaction, SpeakerInteraction, Tap, start_gru
from mmkit.layers.packed_gru import Packing, spread
from mmkit.layers.recurrent import masked_softmax

PASSES = ("attended", "recurrent")
SCALES = ("paper", "usual")
PROJECTIONS = ("none", "shared")


class COIN(nn.Module):
    """Windows to logits: features (B, K + 1, F) with the target last, own, keep (B, K + 1) bool -> (B, C).

    own: turns of the target's speaker, who is A.  A window may lack any history (c = 0), and K may be 0.
    smi, fed_back, speakers, gate_bias: see SpeakerInteraction.  attention=False: M_att = M_g.
    passes: what the next stack reads, attended | recurrent (M_g); the paper says both.
    scale: paper (d^{-1/2}) | usual ((2d)^{-1/2}, as the keys are 2d wide).
    projection: none (networks and query read the features) | shared (one linear map to d before all of them).
    dropout acts on m and on the states of each stack, attention_dropout (None: the same) on both softmaxes; the paper's rate is
    given as "keep 0.3", without a place.

    Deviations: W_o is 2d x C, as the print's d x C does not fit u; padding has no share in any softmax.
    """

    def __init__(
        self,
        features: int,
        classes: int,
        dim: int = 100,
        stacks: int = 3,
        *,
        smi: bool = True,
        fed_back: bool = False,
        speakers: int = 2,
        gate_bias: float = 2.0,
        attention: bool = True,
        passes: str = "attended",
        scale: str = "paper",
        projection: str = "none",
        dropout: float = 0.7,
        attention_dropout: float | None = None,
    ) -> None:
        super().__init__()
        for name, value, known in (("passes", passes, PASSES), ("scale", scale, SCALES), ("projection", projection, PROJECTIONS)):
            if value not in known:
                raise SettingsError(f"{name} = {value!r}{nearest(value, known)}")
        self.passes, self.dropout = passes, dropout
        self.projection = nn.Linear(features, dim) if projection == "shared" else nn.Identity()
        seen = dim if projection == "shared" else features
        self.interaction = SpeakerInteraction(seen, dim, smi=smi, fed_back=fed_back, speakers=speakers, gate_bias=gate_bias)
        self.query = nn.Linear(seen, 2 * dim)
        drops = dropout, dropout if attention_dropout is None else attention_dropout
        factor = (dim if scale == "paper" else 2 * dim) ** -0.5
        self.stacks = nn.ModuleList(Stack(dim, attention, factor, *drops) for _ in range(stacks))
        self.classifier = nn.Linear(2 * dim, classes)
        for linear in (self.projection, self.query, self.classifier):
            if isinstance(linear, nn.Linear):
                start_linear(linear)

    def forward(self, features: Tensor, own: Tensor, keep: Tensor) -> Tensor:
        return self._read(features, own, keep)[0]

    def look(self, features: Tensor, own: Tensor, keep: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        """What the model made of these windows, nothing dropped; slopes are of the logit of `label` (B,), or of its own answer.

        logits (B, C);  gates (B, K, 2d), what each turn's state was multiplied by, forward and backward, zeros at padding;
        state (B, K): length of the slope by the state that a turn makes; its sum over the turns of the other speaker is
        |dlogit/dh_other|. What a state does to later states of its own speaker counts only with fed_back.
        heard (B, K): by the partner's state that the turn's gate reads, zero without gates;  turn (B, K + 1): by its features.
        """
        was_training = self.training
        self.eval()
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):  # cuDNN has no way back in eval mode
            x = features.detach().requires_grad_()
            logits, found = self._read(x, own, keep)
            chosen = logits.argmax(dim=1) if label is None else label
            states, heard = ([tap for tap in of if tap[0].requires_grad] for of in (found.states, found.heard))
            asked = [x, *(tensor for tensor, _ in [*states, *heard])]
            total = logits.gather(1, chosen[:, None]).sum()  # windows do not touch, so each keeps its own slope
            by_x, *slopes = torch.autograd.grad(total, asked, allow_unused=True, materialize_grads=True)
        self.train(was_training)
        cut = len(states)
        return {
            "logits": logits.detach(),
            "gates": found.gates.detach(),
            "state": _lengths(slopes[:cut], states, keep[:, :-1]),
            "heard": _lengths(slopes[cut:], heard, keep[:, :-1]),
            "turn": by_x.norm(dim=2) * keep,
        }

    def _read(self, features: Tensor, own: Tensor, keep: Tensor) -> tuple[Tensor, Interaction]:
        x, keep = self.projection(features), keep[:, :-1]
        found = self.interaction(x[:, :-1], own[:, :-1], keep)
        memory, u = F.dropout(found.m, self.dropout, self.training), self.query(x[:, -1])
        pack = Packing.of(keep)
        for stack in self.stacks:
            recurrent, attended, u = stack(memory, u, keep, pack)
            memory = attended if self.passes == "attended" else recurrent
        return self.classifier(u), found


class Stack(nn.Module):
    """One stack and its hop: memory (B, K, 2d), u (B, 2d), keep (B, K) -> M_g, M_att (B, K, 2d), the next u (B, 2d)."""

    def __init__(self, dim: int, attention: bool, factor: float, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        self.factor, self.dropout, self.attention_dropout = factor, dropout, attention_dropout
        self.gru = nn.GRU(2 * dim, dim, bidirectional=True)
        start_gru(self.gru)
        self.qkv = None
        if attention:
            self.qkv = nn.Linear(2 * dim, 6 * dim, bias=False)  # W_Q, W_K, W_V
            for w in self.qkv.weight.data.chunk(3):
                nn.init.xavier_uniform_(w)

    def forward(self, memory: Tensor, u: Tensor, keep: Tensor, pack: Packing) -> tuple[Tensor, Tensor, Tensor]:
        packed = F.dropout(pack.run(self.gru, memory), self.dropout, self.training)
        attended = recurrent = spread(packed, pack.rows, *keep.shape)
        if self.qkv is not None:
            w_q, w_k, w_v = self.qkv.weight.chunk(3)
            # eqs. 2 and 3 with Q K^T = (M_g W_Q W_K^T) M_g^T, which needs no product for the keys
            both = F.linear(packed, torch.cat([self.factor * w_k.T @ w_q, w_v]))
            q, v = spread(both, pack.rows, *keep.shape).chunk(2, dim=2)
            a = masked_softmax(torch.bmm(q, recurrent.transpose(1, 2)), keep[:, None])
            attended = torch.bmm(F.dropout(a, self.attention_dropout, self.training), v)  # eq. 3
        a = masked_softmax(torch.bmm(attended, u[:, :, None]).squeeze(2), keep)
        a = F.dropout(a, self.attention_dropout, self.training)
        c = torch.bmm(a[:, None], attended).squeeze(1)  # eq. 4
        return recurrent, attended, torch.tanh(u + c)  # eq. 5


def matched_dim(features: int, classes: int, dim: int, stacks: int, **switches: Any) -> int:
    """The width at which a COIN with these switches comes nearest to the parameters of the full one of width `dim`."""

    def size(width: int, **chosen: Any) -> int:
        with torch.device("meta"):  # counts without memory
            return parameters(COIN(features, classes, width, stacks, **chosen))

    same = {name: value for name, value in switches.items() if name == "projection"}
    wanted, low, high = size(dim, **same), 1, 4 * dim
    while high - low > 1:  # the size grows with the width
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle, **switches) <= wanted else (low, middle)
    return min((low, high), key=lambda width: abs(size(width, **switches) - wanted))


def start_linear(linear: nn.Linear) -> None:
    """Xavier, bias 0: the paper does not say."""
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)


def _lengths(slopes: list[Tensor], taps: list[Tap], keep: Tensor) -> Tensor:
    """Euclidean length of each turn's slopes (B, K)."""
    square = torch.zeros(keep.numel(), device=keep.device)
    for slope, (_, rows) in zip(slopes, taps, strict=True):
        square = square.index_add(0, rows, slope.detach().float().pow(2).sum(dim=1))
    return square.sqrt().unflatten(0, keep.shape) * keep

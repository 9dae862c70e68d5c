r"""Two speakers with a recurrent network each, whose states are gated by the other's last state (Zhang and Chai 2021).

B windows of K turns, F features of a turn, d hidden units; A is the speaker whom a window is about, B the other one.

h_P^i = GRU_P(u_i, h_P^{i-1}) where P speaks at turn i, else h_P^i = h_P^{i-1};   h^0 = 0
eq. 1    m_i = h_A^i * sigmoid(h_B^{i-1} W_B + b_B)  where A speaks,   m_i = h_B^i * sigmoid(h_A^{i-1} W_A + b_A)  where B does
and the same backwards in time, from the last turn of the window to its first, with networks and gates of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mmkit.errors import SettingsError
from mmkit.layers.packed_gru import Packing, spread

Tap = tuple[Tensor, Tensor]  # a tensor of the graph (N, D), and which of the B * K turns its rows belong to (N,)


@dataclass(frozen=True, eq=False)
class Interaction:
    """What the speakers' networks make of B windows of K turns.

    m (B, K, 2d): the gated states, forward and backward side by side, zeros at padding.
    gates (B, K, 2d): what each state was multiplied by; 1 where nothing is gated, 0 at padding.
    states: the state that each turn makes; heard: the partner's state that its gate reads. Both to be differentiated by.
    """

    m: Tensor
    gates: Tensor
    states: list[Tap]
    heard: list[Tap]


class SpeakerInteraction(nn.Module):
    """Speaker networks with mutual interaction (SMI), equation 1 of the paper.

    The partner never enters the recurrence, so each speaker's own turns run through a fused network as if nobody else spoke, and
    the gates follow for all turns at once: the same numbers as a loop over turns.

    smi=False: m_i = h_i.  fed_back: the gated state is also what the next turn of its speaker starts from; this is a loop.
    speakers=1: one network for everybody, nothing to gate.  gate_bias: where b starts; 0 halves every state whose partner has
    not spoken yet, 2 leaves 0.88 of it.
    Shapes: x (B, K, F), own, keep (B, K) bool -> Interaction. Padding may stand anywhere. A window may be all padding.
    Raises SettingsError where switches do not go together.
    """

    def __init__(
        self, features: int, dim: int, *, smi: bool = True, fed_back: bool = False, speakers: int = 2, gate_bias: float = 2.0
    ) -> None:
        super().__init__()
        if speakers not in (1, 2) or (speakers == 1 and smi):
            raise SettingsError(f"speakers = {speakers} with smi = {smi}: expected 2 speakers, or 1 without interaction")
        if fed_back and not smi:
            raise SettingsError("fed_back = True with smi = False: there is no gated state to feed back")
        self.dim, self.fed_back = dim, fed_back
        self.grus = nn.ModuleList(nn.GRU(features, dim, bidirectional=True) for _ in range(speakers))
        for gru in self.grus:
            start_gru(gru)
        self.gates = None
        if smi:  # gates[q][0] reads q's state forwards in time, gates[q][1] backwards
            self.gates = nn.ModuleList(nn.ModuleList(nn.Linear(dim, dim) for _ in range(2)) for _ in range(2))
            for linear in (linear for pair in self.gates for linear in pair):
                nn.init.xavier_uniform_(linear.weight)
                nn.init.constant_(linear.bias, gate_bias)

    def forward(self, x: Tensor, own: Tensor, keep: Tensor) -> Interaction:
        if self.fed_back and x.shape[1]:
            return self._loop(x, own, keep)
        masks = [keep] if len(self.grus) == 1 else [keep & own, keep & ~own]
        packs = [Packing.of(mask) for mask in masks]
        rows = [pack.rows for pack in packs]
        h = [pack.run(gru, x) for pack, gru in zip(packs, self.grus, strict=True)]  # (N_P, 2d) each
        heard, gates = [], [torch.ones_like(state) for state in h]
        if self.gates is not None:
            heard = [self._heard(h[1 - p], packs[1 - p], rows[p]) for p in (0, 1)]
            gates = [self._gate(1 - p, heard[p]) for p in (0, 1)]
        m = [state * gate for state, gate in zip(h, gates, strict=True)]  # eq. 1
        where, shape = torch.cat(rows), keep.shape
        return Interaction(
            spread(torch.cat(m), where, *shape),
            spread(torch.cat(gates), where, *shape),
            list(zip(h, rows, strict=True)),
            list(zip(heard, rows, strict=False)),
        )

    def _heard(self, h: Tensor, pack: Packing, rows: Tensor) -> Tensor:
        """The partner's state before each turn, and, backwards in time, after it; zeros where the partner has not spoken."""
        h = torch.cat([h, h.new_zeros(1, h.shape[1])])
        forward, backward = h.split(self.dim, dim=1)
        return torch.cat([forward.index_select(0, pack.before(rows)), backward.index_select(0, pack.after(rows))], dim=1)

    def _gate(self, partner: int, heard: Tensor) -> Tensor:
        forward, backward = heard.split(self.dim, dim=1)
        return torch.cat([self.gates[partner][0](forward), self.gates[partner][1](backward)], dim=1).sigmoid()

    def _loop(self, x: Tensor, own: Tensor, keep: Tensor) -> Interaction:
        """Turn by turn: what a speaker goes on from is the gated state."""
        batch, steps = keep.shape
        first = torch.arange(batch, device=x.device) * steps
        m, gates = [[None] * steps, [None] * steps], [[None] * steps, [None] * steps]
        states, heard = [], []
        for way in (0, 1):
            s = [x.new_zeros(batch, self.dim)] * 2
            for i in range(steps) if way == 0 else reversed(range(steps)):
                a = own[:, i, None]
                partner = torch.where(a, s[1], s[0])
                fresh = torch.where(a, self._cell(0, way, x[:, i], s[0]), self._cell(1, way, x[:, i], s[1]))
                gate = torch.where(a, self.gates[1][way](partner), self.gates[0][way](partner)).sigmoid()
                now = fresh * gate
                speaks = [keep[:, i, None] & a, keep[:, i, None] & ~a]
                s = [torch.where(speaks[p], now, s[p]) for p in (0, 1)]
                m[way][i], gates[way][i] = now, gate
                states.append((now, first + i))
                heard.append((partner, first + i))
        joined = [torch.cat([torch.stack(each, dim=1) for each in of], dim=2) * keep[:, :, None] for of in (m, gates)]
        return Interaction(*joined, states, heard)

    def _cell(self, speaker: int, way: int, x: Tensor, h: Tensor) -> Tensor:
        """One step of one direction of a speaker's network."""
        end = "_l0" + ("_reverse" if way else "")
        weights = (getattr(self.grus[speaker], name + end) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        return torch.gru_cell(x, h, *weights)


def start_gru(gru: nn.GRU) -> None:
    """Xavier for what is read, orthogonal for what is remembered, each gate by itself; biases 0. The paper does not say."""
    for name, parameter in gru.named_parameters():
        if name.startswith("bias"):
            nn.init.zeros_(parameter)
            continue
        for gate in parameter.data.chunk(3):
            (nn.init.xavier_uniform_ if "_ih" in name else nn.init.orthogonal_)(gate)

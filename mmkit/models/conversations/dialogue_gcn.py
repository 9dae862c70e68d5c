r"""DialogueGCN (Ghosal et al. 2019): a graph over the utterances of a dialogue, whose edges know who spoke and in which order.

    g_i = biGRU(r_1 ... r_N)                                                                sequential context
    edges: from j to i where i - past <= j <= i + future, i itself included; relation of (i, j) = (speaker of i, speaker of j,
    i before j or not): 2 x 2 x 2 for two speakers                                          their Table 1
    a_ij = softmax_j(g_i' W_e g_j) over the edges into i                                    eq. 1
    h_i = ReLU(sum_r sum_{j in N_r(i)} a_ij / c_ir W_r g_j + a_ii W_0 g_i + b)              eq. 2, c_ir = |N_r(i)|
    h'_i = ReLU(sum_{j in N(i)} W h_j + W_0' h_i + b')                                      eq. 3
    v_i = [g_i; h'_i],   v~_i = sum_j softmax_j(v_i' W_v v_j) v_j  (`nodal`)                eqs. 4-6
    l_i = ReLU(W_l v~_i + b_l),   logits_i = W_o l_i + b_o                                  eqs. 7-8
Chosen here: two biGRU layers and 100 units (public code, which gives them to a biLSTM by default), windows of 10 and 10; sigma
is ReLU in eqs. 2, 3 (the paper's example); every node counts as its own neighbour, as in the code.
Deviations from the public code, towards the paper: it has no sigma after the convolutions, no a_ii before W_0, weights from
the position in the dialogue instead of eq. 1, normalised over the edges that leave a node, and 30 shared bases for 8
relations, which restrict nothing.
`past_only`: no backward GRU, no edges from the future, nodal attention over nodes up to i: what COIN sees.
Dense batches (B, T, T): with 110 turns and 8 relations a dialogue's weights take 400 kB.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmkit.errors import SettingsError
from mmkit.layers.recurrent import masked_softmax
from mmkit.models.conversations.bc_lstm import Matching, encode


class DialogueGCN(nn.Module):
    """past, future: how many turns an edge may span. speakers: relations are 2 speakers^2. dropout: in the biGRU, before W_o.

    forward(features (B, T, inputs), speaker (B, T) int64 in 0 ... speakers-1, keep (B, T), padded on the right)
    -> logits (B, T, classes). Speakers have names here: 0 and 1 exchanged means other relations. Logits at padding mean nothing.
    Raises SettingsError for a negative window.
    """

    def __init__(
        self,
        inputs: int,
        classes: int = 6,
        dim: int = 100,
        *,
        past: int = 10,
        future: int = 10,
        layers: int = 2,
        speakers: int = 2,
        nodal: bool = True,
        past_only: bool = False,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if min(past, future) < 0:
            raise SettingsError(f"past = {past}, future = {future}: expected 0 or more turns")
        self.past, self.future, self.speakers = past, 0 if past_only else future, speakers
        between = dropout if layers > 1 else 0.0
        self.gru = nn.GRU(inputs, dim, layers, batch_first=True, bidirectional=not past_only, dropout=between)
        width = dim if past_only else 2 * dim
        self.edge = nn.Linear(width, width, bias=False)  # W_e
        self.relational = RelationalConvolution(width, dim, 2 * speakers**2)
        self.plain = GraphConvolution(dim, dim)
        self.nodal = Matching(width + dim, past_only) if nodal else None
        self.hidden = nn.Sequential(nn.Linear(width + dim, dim), nn.ReLU(), nn.Dropout(dropout), nn.Linear(dim, classes))

    def forward(self, features: Tensor, speaker: Tensor, keep: Tensor) -> Tensor:
        return self.look(features, speaker, keep)[0]

    def look(self, features: Tensor, speaker: Tensor, keep: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """logits; the edges' weights a (B, T, T), a[:, i, j] from j to i, zero without an edge; the nodal weights or None."""
        g = encode(self.gru, features, keep)
        edges = window(keep, self.past, self.future)
        a = masked_softmax(g @ self.edge(g).transpose(1, 2), edges)  # eq. 1
        kinds = F.one_hot(relations(speaker, self.speakers), self.relational.kinds) * edges.unsqueeze(3)
        h = self.relational(g, kinds, a, a.diagonal(dim1=1, dim2=2)).relu()  # eq. 2
        v = torch.cat([g, self.plain(h, edges).relu()], dim=2)  # eq. 3
        v, b = (v, None) if self.nodal is None else self.nodal(v, keep)
        return self.hidden(v), a, b


class RelationalConvolution(nn.Module):
    r"""sum_r sum_{j in N_r(i)} a_ij / |N_r(i)| W_r x_j + o_i W_0 x_i + b (Schlichtkrull et al. 2018, with weights a and o).

    Shapes: x (B, T, inputs), kinds (B, T, T, R) 0 or 1: is there an edge of relation r from j to i, a (B, T, T), o (B, T)
    -> (B, T, outputs). Glorot weights, zero bias.
    """

    def __init__(self, inputs: int, outputs: int, kinds: int) -> None:
        super().__init__()
        self.kinds = kinds
        self.weight = nn.Parameter(torch.empty(kinds, inputs, outputs))  # W_r
        self.root = nn.Parameter(torch.empty(inputs, outputs))  # W_0
        self.bias = nn.Parameter(torch.zeros(outputs))
        for w in (*self.weight.data, self.root):
            nn.init.xavier_uniform_(w)

    def forward(self, x: Tensor, kinds: Tensor, a: Tensor, o: Tensor) -> Tensor:
        shares = a.unsqueeze(3) * kinds / kinds.sum(dim=2, keepdim=True).clamp(min=1)  # (B, T, T, R)   a_ij / c_ir
        messages = torch.einsum("bjd,rdo->bjro", x, self.weight)
        return shares.flatten(2) @ messages.flatten(1, 2) + o.unsqueeze(2) * (x @ self.root) + self.bias


class GraphConvolution(nn.Module):
    """sum_{j in N(i)} W x_j + b + W_0 x_i (eq. 3). Shapes: x (B, T, inputs), edges (B, T, T) bool -> (B, T, outputs)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.neighbours, self.root = nn.Linear(inputs, outputs), nn.Linear(inputs, outputs, bias=False)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        return self.neighbours(edges.to(x.dtype) @ x) + self.root(x)


def window(keep: Tensor, past: int, future: int) -> Tensor:
    """Edges (B, T, T): [b, i, j] is True where both are real steps and i - past <= j <= i + future."""
    t = torch.arange(keep.shape[1], device=keep.device)
    ahead = t - t.unsqueeze(1)  # j - i
    return (-past <= ahead) & (ahead <= future) & keep.unsqueeze(1) & keep.unsqueeze(2)


def relations(speaker: Tensor, speakers: int) -> Tensor:
    """Relation (B, T, T) int64 of [i, j]: (speaker of i x speakers + speaker of j) x 2 + (1 where i comes before j)."""
    t = torch.arange(speaker.shape[1], device=speaker.device)
    before = (t.unsqueeze(1) < t).long()
    return (speaker.unsqueeze(2) * speakers + speaker.unsqueeze(1)) * 2 + before

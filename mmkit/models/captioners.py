r"""Two caption decoders: Attend (Xu et al. 2015, "Show, Attend and Tell") and Tell (Vinyals et al. 2015, "Show and Tell").

B images, R regions of e features each, T words, H hidden units. Both end at the context vector f, which is the LSTM's state after
dropout, and both have the interface of the translators in `fixed_targets`; `encode` takes image features instead of words.
Sizes whose parameters Shalev et al. (2021, Table 3) print: 9,490 words, every width 512, e = 2048 (Attend) or 512 (Tell).

Layers and sizes are those of the public decoder that these numbers belong to: ReLU in the attention, linear layers without an
activation for the first state, embeddings from U(-0.1, 0.1), dropout 0.5 on the state. `as_published` adds what was counted but
never computed with.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmkit.layers.recurrent import masked_softmax

Memory = dict[str, Tensor]
MakeHead = Callable[[nn.Embedding], nn.Module]  # from the input embedding, which a tied head shares


class RegionAttention(nn.Module):
    r"""Which region the next word is about.

    Xu et al. (2015), eqs. 4-6, soft attention of section 4.2:  e_i = f_att(a_i, h),   alpha = softmax(e),   z = sum_i alpha_i a_i
    with f_att(a, h) = v . ReLU(W_a a + W_h h). W_a a is the same at every step and comes in computed once (`project`).

    Shapes: h (B, H), regions (B, R, e), projected (B, R, A), keep (B, R) bool -> z (B, e), alpha (B, R); alpha sums to 1.
    Deviation: an image without any real region gives z = 0, alpha = 0 (the paper has none).
    """

    def __init__(self, features: int, hidden: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(features, dim)
        self.query = nn.Linear(hidden, dim)
        self.score = nn.Linear(dim, 1)

    def forward(self, h: Tensor, regions: Tensor, projected: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.score(F.relu(projected + self.query(h).unsqueeze(1))).squeeze(-1)  # (B, R)  eq. 4
        alpha = masked_softmax(scores, keep)  # eq. 5
        return torch.einsum("br,bre->be", alpha, regions), alpha


class Attend(nn.Module):
    r"""A caption decoder that looks at the image anew before each word. Xu et al. (2015), soft attention.

    h_0, c_0 = f_init,h(mean_i a_i), f_init,c(mean_i a_i)                        section 3.1.2
    z_t = beta_t * sum_i alpha_ti a_i,   beta_t = sigmoid(f_beta(h_{t-1}))       section 4.2.1
    h_t, c_t = LSTM([E y_{t-1}, z_t], h_{t-1}, c_{t-1}),   f_t = dropout(h_t)    eqs. 1-3

    Deviations: beta has one entry per feature, as in the public code, where the paper has a single number; f is the state alone,
    without the previous word and z of eq. 7.
    """

    def __init__(
        self, words: int, features: int, embedding: int, hidden: int, attention: int, head: MakeHead, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.embedding = _uniform_embedding(words, embedding)
        self.attention = RegionAttention(features, hidden, attention)
        self.cell = nn.LSTMCell(embedding + features, hidden)
        self.init_h, self.init_c = nn.Linear(features, hidden), nn.Linear(features, hidden)
        self.f_beta = nn.Linear(hidden, features)
        self.dropout = nn.Dropout(dropout)
        self.head = head(self.embedding)

    def encode(self, features: Tensor, keep: Tensor | None = None) -> Memory:
        """Region features (B, R, e), or one vector per image (B, e); keep (B, R) bool, None: all real -> memory, batch first."""
        regions, keep = _regions(features, keep)
        return {
            "regions": regions,
            "projected": self.attention.project(regions),
            "mean": _mean(regions, keep),
            "keep": keep,
        }

    def contexts(self, memory: Memory, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Teacher forcing: inputs <s> w1 w2 ... (B, T) int64 -> f (B, T, H), alpha (B, T, R).

        One step after the other: the state decides where to look, and what is seen there makes the next state.
        """
        moving, steps = self.start(memory), []
        for last in inputs.unbind(dim=1):
            f, moving, alpha = self.step(last, moving, memory)
            steps.append((f, alpha))
        f, alpha = (torch.stack(values, dim=1) for values in zip(*steps, strict=True))
        return f, alpha

    def start(self, memory: Memory) -> dict[str, Tensor]:
        """The LSTM's state before the first word: h, c (B, H)."""
        return {"h": self.init_h(memory["mean"]), "c": self.init_c(memory["mean"])}

    def step(self, last: Tensor, moving: dict[str, Tensor], memory: Memory) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """One more word: last (N,) int64, moving and memory of N hypotheses -> f (N, H), moving, alpha (N, R)."""
        h, c = moving["h"], moving["c"]
        z, alpha = self.attention(h, memory["regions"], memory["projected"], memory["keep"])
        z = self.f_beta(h).sigmoid() * z
        h, c = self.cell(torch.cat([self.embedding(last), z], dim=-1), (h, c))
        return self.dropout(h), {"h": h, "c": c}, alpha


class Tell(nn.Module):
    """A caption decoder that sees the image once, before the first word: an LSTM language model whose first state is the image.

    Deviation: Vinyals et al. (2015) feed the image as the LSTM's first input; here it sets h_0 and c_0, as in the public decoder.
    The interface is that of `Attend`; the attention is None.
    """

    def __init__(self, words: int, features: int, embedding: int, hidden: int, head: MakeHead, dropout: float = 0.5) -> None:
        super().__init__()
        self.embedding = _uniform_embedding(words, embedding)
        self.lstm = nn.LSTM(embedding, hidden, batch_first=True)
        self.init_h, self.init_c = nn.Linear(features, hidden), nn.Linear(features, hidden)
        self.dropout = nn.Dropout(dropout)
        self.head = head(self.embedding)

    def encode(self, features: Tensor, keep: Tensor | None = None) -> Memory:
        """One vector per image (B, e), or region features (B, R, e) with keep (B, R) bool, which are averaged -> memory."""
        return {"mean": _mean(*_regions(features, keep))}

    def contexts(self, memory: Memory, inputs: Tensor) -> tuple[Tensor, None]:
        """Teacher forcing, all steps in one call: inputs <s> w1 w2 ... (B, T) int64 -> f (B, T, H), None."""
        f, _ = self._run(inputs, self.start(memory))
        return f, None

    def start(self, memory: Memory) -> dict[str, Tensor]:
        """The LSTM's state before the first word: h, c (B, H)."""
        return {"h": self.init_h(memory["mean"]), "c": self.init_c(memory["mean"])}

    def step(self, last: Tensor, moving: dict[str, Tensor], memory: Memory) -> tuple[Tensor, dict[str, Tensor], None]:
        """One more word: last (N,) int64, moving of N hypotheses -> f (N, H), moving, None."""
        f, moving = self._run(last[:, None], moving)
        return f[:, 0], moving, None

    def _run(self, inputs: Tensor, moving: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        states, (h, c) = self.lstm(self.embedding(inputs), (moving["h"].unsqueeze(0), moving["c"].unsqueeze(0)))
        return self.dropout(states), {"h": h.squeeze(0), "c": c.squeeze(0)}


def as_published(model: Attend | Tell, spare: bool) -> nn.ModuleDict:
    """`model` with the idle layers that Table 3 of Shalev et al. (2021) counts. For counting parameters; it computes nothing.

    Both columns of the table contain the complete model, its learned head included; Tell also carries an attention and a gate
    that it has no use for. `spare` adds a second target matrix without bias: the column of learned targets. The difference
    between the columns is thus the matrix beside the head, and a build without idle layers saves a larger share than printed.
    """
    parts: dict[str, nn.Module] = {"model": model}
    hidden, features = model.init_h.out_features, model.init_h.in_features
    device = model.embedding.weight.device
    with device:
        if isinstance(model, Tell):
            parts["idle_attention"] = RegionAttention(features, hidden, hidden)
            parts["idle_gate"] = nn.Linear(hidden, features)
        if spare:
            parts["spare"] = nn.Linear(hidden, model.embedding.num_embeddings, bias=False)
    return nn.ModuleDict(parts)


def _regions(features: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor]:
    """Regions (B, R, e) and keep (B, R); a single vector per image is one region."""
    regions = features.unsqueeze(1) if features.dim() == 2 else features
    if keep is None:
        keep = torch.ones(regions.shape[:2], dtype=torch.bool, device=regions.device)
    return regions, keep


def _mean(regions: Tensor, keep: Tensor) -> Tensor:
    """Mean (B, e) over the real regions; zeros where there are none."""
    return (regions * keep.unsqueeze(-1)).sum(dim=1) / keep.sum(dim=1, keepdim=True).clamp(min=1)


def _uniform_embedding(words: int, size: int) -> nn.Embedding:
    embedding = nn.Embedding(words, size)
    nn.init.uniform_(embedding.weight, -0.1, 0.1)
    return embedding

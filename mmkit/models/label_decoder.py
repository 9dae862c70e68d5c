r"""Alnajjar and Hämäläinen (2021)'s neural baseline: a translator that "translates" a sentence into the name of its class.

OpenNMT's defaults of that time: word vectors 500, an encoder of two bidirectional LSTM layers (250 each way), a decoder of two
LSTM layers of 500 that is fed its last output, general attention (Luong et al. 2015), dropout 0.3; weights start in
U(-0.1, 0.1); SGD at rate 1.0, gradients of norm 5 at most. Nothing keeps such a decoder from saying a word that is no class.

`LabelDecoder` is that net; `LSTMClassifier` the honest variant: the same encoder and a linear layer over the classes. Both read
ids (B, T) int64 and keep (B, T) bool (`mmkit.batches.Columns` with ids) and are trained by `mmkit.fit` with `label_step`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from mmkit.errors import SettingsError
from mmkit.layers.recurrent import GeneralAttention
from mmkit.models.objective import Objective

WORD, HIDDEN, LAYERS, DROPOUT = 500, 500, 2, 0.3  # OpenNMT's defaults
START_RANGE, RATE, CLIP = 0.1, 1.0, 5.0
SPECIALS = 4  # tokens of the target vocabulary that name no class: padding, unknown, start, end
NO_LABEL = -1  # what the decoder predicted when it said a token that names no class


class Output(NamedTuple):
    """logits (B, V) over classes first, then other tokens if the model has them; attention (B, T) or None."""

    logits: Tensor
    attention: Tensor | None = None


class BiLSTM(nn.Module):
    """Stacked bidirectional LSTM over the real steps only, hidden / 2 numbers each way.

    Shapes: x (B, T, E), keep (B, T) bool -> states (B, T, H), zero at padding; h and c (layers, B, H): of each layer the forward
    state of the last real step, then the backward state of the first. An item without real steps is read as one step of padding.
    """

    def __init__(self, dim: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        if hidden % 2:
            raise SettingsError(f"hidden = {hidden}, expected an even number: half for each direction")
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(dim, hidden // 2, layers, batch_first=True, bidirectional=True, dropout=between)

    def forward(self, x: Tensor, keep: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        lengths = keep.sum(dim=1).clamp(min=1).cpu()
        packed, (h, c) = self.lstm(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
        states = pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])[0]
        h, c = (torch.cat([last[0::2], last[1::2]], dim=2) for last in (h, c))  # (layers, B, H)
        return states, h, c


def embedding(words: int, dim: int, vectors: Tensor | None, frozen: bool) -> nn.Embedding:
    """A table of word vectors, learned from scratch or started from given ones (V, D); frozen ones are not learned.

    Raises SettingsError for given vectors of another shape than (words, dim), and for frozen ones that were not given.
    """
    if vectors is None:
        if frozen:
            raise SettingsError("frozen word vectors, but none are given: they would stay random")
        return nn.Embedding(words, dim)
    if vectors.shape != (words, dim):
        raise SettingsError(f"word vectors have shape {tuple(vectors.shape)}, expected ({words}, {dim})")
    return nn.Embedding.from_pretrained(vectors.detach().clone().float(), freeze=frozen)


class Reading(nn.Module):
    """What both models have: a table of words, an encoder, dropout.

    vectors (words, word): where the words' vectors start; frozen: they stay.
    """

    def __init__(
        self,
        words: int,
        classes: int,
        *,
        word: int = WORD,
        hidden: int = HIDDEN,
        layers: int = LAYERS,
        dropout: float = DROPOUT,
        vectors: Tensor | None = None,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        self.classes, self.given = classes, vectors is not None
        self.source = embedding(words, word, vectors, frozen)
        self.encoder = BiLSTM(word, hidden, layers, dropout)
        self.dropout = nn.Dropout(dropout)


class LabelDecoder(Reading):
    r"""Encoder, two decoder cells and attention that say one token.

    With h from the cells and encoder states s:  a = softmax(h . W s),  c = sum_i a_i s_i,  f = tanh(U [c; h]),  logits = V f + b.
    The first `classes` tokens of the target vocabulary name the classes, then come `others` that do not.
    dropout, vectors, frozen: see Reading.
    Shapes: ids (B, T) int64, keep (B, T) bool -> Output(logits (B, classes + others), attention (B, T)).

    Deviation: only the class token is decoded, not the end token that would follow it always. So the output that is fed back is
    zero, and the columns of the first cell that read it are never trained; they are kept, as in the published net.
    """

    def __init__(
        self,
        words: int,
        classes: int = 2,
        others: int = SPECIALS,
        *,
        word: int = WORD,
        hidden: int = HIDDEN,
        layers: int = LAYERS,
        **start: Any,
    ) -> None:
        if others < 1:
            raise SettingsError(f"others = {others}, expected at least 1: the token that starts the decoder")
        super().__init__(words, classes, word=word, hidden=hidden, layers=layers, **start)
        self.others = others
        self.target = nn.Embedding(classes + others, word)
        sizes = [word + hidden] + [hidden] * (layers - 1)
        self.cells = nn.ModuleList(nn.LSTMCell(size, hidden) for size in sizes)
        self.attention = GeneralAttention(hidden, hidden)
        self.combination = nn.Linear(2 * hidden, hidden, bias=False)
        self.generator = nn.Linear(hidden, classes + others)

    def forward(self, ids: Tensor, keep: Tensor) -> Output:
        states, h, c = self.encoder(self.dropout(self.source(ids)), keep)
        start = self.target.weight[self.classes + min(2, self.others - 1)]  # <s>, after padding and unknown
        x = self.dropout(start.expand(len(ids), -1))
        x = torch.cat([x, torch.zeros_like(h[0])], dim=1)  # (B, E + H): nothing was said yet
        for layer, cell in enumerate(self.cells):
            x, _ = cell(self.dropout(x) if layer else x, (h[layer], c[layer]))
        found, a = self.attention(x[:, None], self.attention.keys(states), states, keep)
        f = torch.tanh(self.combination(torch.cat([found[:, 0], x], dim=1)))
        return Output(self.generator(self.dropout(f)), a[:, 0])


class LSTMClassifier(Reading):
    """The same encoder, and a linear layer on its last states over the classes alone: no wrong kind of answer is possible.

    word, layers, dropout, vectors, frozen: see Reading.
    Shapes: ids (B, T) int64, keep (B, T) bool -> Output(logits (B, classes)).
    """

    def __init__(self, words: int, classes: int = 2, *, hidden: int = HIDDEN, **start: Any) -> None:
        super().__init__(words, classes, hidden=hidden, **start)
        self.head = nn.Linear(hidden, classes)

    def forward(self, ids: Tensor, keep: Tensor) -> Output:
        _, h, _ = self.encoder(self.dropout(self.source(ids)), keep)
        return Output(self.head(self.dropout(h[-1])))


def predicted(logits: Tensor, classes: int) -> Tensor:
    """(B,) the class of the likeliest token, or NO_LABEL (-1, wrong for every label) where that token names no class."""
    token = logits.argmax(dim=1)
    return torch.where(token < classes, token, NO_LABEL)


def label_step(model: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Cross-entropy of the right token over everything the model could say, and the share of right answers."""
    logits = model(batch["ids"], batch["keep"]).logits
    label = batch["label"].long()
    right = predicted(logits.detach(), getattr(model, "module", model).classes) == label
    return {"loss": F.cross_entropy(logits, label), "accuracy": right.float().mean()}


def label_outputs(model: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """For `mmkit.fit.predict`: logits (B, V) and predicted (B,)."""
    logits = model(batch["ids"], batch["keep"]).logits
    return {"logits": logits, "predicted": predicted(logits, getattr(model, "module", model).classes)}


def published_objective() -> Objective:
    """SGD at rate 1.0 with gradients of norm 5 at most, as OpenNMT; a recipe's decay turns the rate."""
    return Objective(
        "", label_step, lambda model: torch.optim.SGD((p for p in model.parameters() if p.requires_grad), lr=RATE), CLIP
    )


def initialise(model: nn.Module, generator: torch.Generator | None = None) -> None:
    """Every learned number from U(-0.1, 0.1), as OpenNMT; given word vectors stay as they are."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and not (model.given and name.startswith("source.")):
                parameter.uniform_(-START_RANGE, START_RANGE, generator=generator)

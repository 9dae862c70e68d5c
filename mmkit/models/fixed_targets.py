r"""Translators with attention whose context vector f goes into a learned, tied or fixed output layer.

Shalev, Shalev and Keshet (2021) train two of them; both sizes follow from their Table 3:
`Bahdanau` (Multi30k): the decoder reads the attended source in every step, and a linear layer makes f of state, attended
source and last word. `Luong` (fits IWSLT): the decoder reads words only, so its GRU runs over the whole target at once.

Every translator has  encode(source, keep) -> memory;  contexts(memory, inputs) -> f of all steps, teacher-forced;
start(memory) -> moving  and  step(last, moving, memory) -> f, moving, attention  for decoding, and `head`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmkit.layers.recurrent import AdditiveAttention, BiGRU, GeneralAttention, gru_step
from mmkit.layers.word_loss import word_loss
from mmkit.text.words import START

Memory = dict[str, Tensor]
MakeHead = Callable[[nn.Embedding], nn.Module]  # from the target's input embedding, which a tied head shares


class Bahdanau(nn.Module):
    """Bahdanau et al. (2015) with a bottleneck before the output layer.

    Sizes of the paper: embedding 256, hidden 512, context (f) 512, vocabularies 7,853 and 5,893.
    f is linear unless `squash` bounds it by tanh; the parameter count cannot tell which the paper used.
    """

    def __init__(
        self,
        source_words: int,
        target_words: int,
        embedding: int,
        hidden: int,
        context: int,
        head: MakeHead,
        dropout: float = 0.0,
        squash: bool = False,
    ) -> None:
        super().__init__()
        self.source_embedding = nn.Embedding(source_words, embedding)
        self.encoder = BiGRU(embedding, hidden)
        self.bridge = nn.Linear(2 * hidden, hidden)
        self.attention = AdditiveAttention(hidden, 2 * hidden, hidden)
        self.target_embedding = nn.Embedding(target_words, embedding)
        self.decoder = nn.GRUCell(embedding + 2 * hidden, hidden)
        self.bottleneck = nn.Linear(hidden + 2 * hidden + embedding, context)
        self.head = head(self.target_embedding)
        self.dropout, self.squash = nn.Dropout(dropout), squash

    def encode(self, source: Tensor, keep: Tensor) -> Memory:
        """source (B, S) ids, keep (B, S) bool -> states (B, S, 2H), their keys, keep, and the decoder's first state."""
        states, last = self.encoder(self.dropout(self.source_embedding(source)), keep)
        return {"states": states, "keys": self.attention.keys(states), "keep": keep, "first": torch.tanh(self.bridge(last))}

    def start(self, memory: Memory) -> dict[str, Tensor]:
        return {"h": memory["first"]}

    def contexts(self, memory: Memory, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """inputs (B, T) ids, <s> first -> f (B, T, D), attention (B, T, S). Only the recurrence itself is a loop."""
        words = self.dropout(self.target_embedding(inputs))  # (B, T, E)
        size = words.shape[2]
        for_words, for_source = self.decoder.weight_ih.split([size, self.decoder.input_size - size], dim=1)
        pre = F.linear(words, for_words, self.decoder.bias_ih).unbind(1)
        h, seen, for_queries = memory["first"], [], self.attention.for_queries()
        for now in pre:
            c, a = self.attention(h, memory["keys"], memory["states"], memory["keep"], for_queries)
            h = gru_step(now + F.linear(c, for_source), h, self.decoder)
            seen.append((h, c, a))
        h, c, a = (torch.stack(parts, dim=1) for parts in zip(*seen, strict=True))
        return self._context(h, c, words), a

    def step(self, last: Tensor, moving: dict[str, Tensor], memory: Memory) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """last (N,) ids -> f (N, D), the moved state, attention (N, S)."""
        words = self.target_embedding(last)
        c, a = self.attention(moving["h"], memory["keys"], memory["states"], memory["keep"])
        h = self.decoder(torch.cat([words, c], dim=1), moving["h"])
        return self._context(h, c, words), {"h": h}, a

    def _context(self, h: Tensor, c: Tensor, words: Tensor) -> Tensor:
        f = self.bottleneck(torch.cat([h, c, words], dim=-1))
        return torch.tanh(f) if self.squash else f


class Luong(nn.Module):
    """Luong et al. (2015), general attention without input feeding: nothing loops over the target words in training.

    Sizes of one exact fit to the paper's IWSLT rows: embedding 360, hidden and context 512, vocabularies 13,355 and 11,560.
    Deviation: f is linear unless `squash` (Luong has a tanh), because the paper's unit rows need an unbounded f.
    """

    def __init__(
        self,
        source_words: int,
        target_words: int,
        embedding: int,
        hidden: int,
        context: int,
        head: MakeHead,
        dropout: float = 0.0,
        squash: bool = False,
    ) -> None:
        super().__init__()
        self.source_embedding = nn.Embedding(source_words, embedding)
        self.encoder = BiGRU(embedding, hidden)
        self.target_embedding = nn.Embedding(target_words, embedding)
        self.decoder = nn.GRU(embedding, hidden, batch_first=True)
        self.attention = GeneralAttention(hidden, 2 * hidden)
        self.combination = nn.Linear(hidden + 2 * hidden, context, bias=False)
        self.head = head(self.target_embedding)
        self.dropout, self.squash = nn.Dropout(dropout), squash

    def encode(self, source: Tensor, keep: Tensor) -> Memory:
        """source (B, S) ids, keep (B, S) bool -> states (B, S, 2H), their keys, keep, and the decoder's first state."""
        states, last = self.encoder(self.dropout(self.source_embedding(source)), keep)
        first = last[:, last.shape[1] // 2 :].contiguous()  # the backward state of the first word, as Bahdanau et al.
        return {"states": states, "keys": self.attention.keys(states), "keep": keep, "first": first}

    def start(self, memory: Memory) -> dict[str, Tensor]:
        return {"h": memory["first"]}

    def contexts(self, memory: Memory, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """inputs (B, T) ids, <s> first -> f (B, T, D), attention (B, T, S)."""
        h, _ = self.decoder(self.dropout(self.target_embedding(inputs)), memory["first"][None])
        return self._context(h, memory)

    def step(self, last: Tensor, moving: dict[str, Tensor], memory: Memory) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """last (N,) ids -> f (N, D), the moved state, attention (N, S)."""
        h, _ = self.decoder(self.target_embedding(last)[:, None], moving["h"][None].contiguous())
        f, a = self._context(h, memory)
        return f[:, 0], {"h": h[:, 0]}, a[:, 0]

    def _context(self, h: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        c, a = self.attention(h, memory["keys"], memory["states"], memory["keep"])
        f = self.combination(torch.cat([h, c], dim=-1))
        return (torch.tanh(f) if self.squash else f), a


NETWORKS = {"bahdanau": Bahdanau, "luong": Luong}


def logits_step(model: nn.Module) -> Callable[..., tuple[Tensor, dict[str, Tensor], Tensor]]:
    """`model.step` with the head on top: what `mmkit.layers.decoding` asks for."""

    def step(last: Tensor, moving: dict[str, Tensor], memory: Memory) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        f, moving, attention = model.step(last, moving, memory)
        return model.head(f), moving, attention

    return step


def initialise(model: nn.Module, sd: float, generator: torch.Generator | None = None) -> None:
    """N(0, sd) for every learned matrix, zero for every bias; fixed rows are not touched."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() < 2 or "bias" in name:
                parameter.zero_()
            elif not name.endswith("log_scale"):
                parameter.normal_(0.0, sd, generator=generator)


def shifted(target: Tensor) -> Tensor:
    """What the decoder reads while it has to say `target` (B, T): <s>, then every word but the last."""
    return torch.cat([torch.full_like(target[:, :1], START), target[:, :-1]], dim=1)


class TeacherForced(nn.Module):
    """A translator in training: source and target in, the mean loss per word and the mean length of f out."""

    def __init__(self, translator: nn.Module) -> None:
        super().__init__()
        self.translator = translator

    def forward(self, source: Tensor, keep: Tensor, target: Tensor, target_keep: Tensor) -> dict[str, Tensor]:
        """source (B, S), keep (B, S), target (B, T) with </s>, target_keep (B, T) -> {loss (), context_norm ()}."""
        memory = self.translator.encode(source, keep)
        f, _ = self.translator.contexts(memory, shifted(target))
        spoken, head = f[target_keep], self.translator.head
        loss = word_loss(spoken, head.matrix, head.bias, target[target_keep])
        return {"loss": loss, "context_norm": spoken.detach().float().norm(dim=1).mean()}

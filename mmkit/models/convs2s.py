r"""Gehring et al. (2017), "Convolutional Sequence to Sequence Learning": translation with convolutions instead of recurrence.

B sentences, S source and T target words, E embedding size, C channels of a block, D size of the context vector f.
The network ends at f (B, T, D); the head that makes logits of it may be learned, tied or fixed. The interface is that of the
translators in `fixed_targets`. Shalev et al. (2021) name this architecture for WMT without its sizes; the ones known do not give
the number of parameters that they print.

Differences from the printed equations, all from the official code: the sum W_d h + g is scaled by sqrt(0.5) too, c returns to the
block's channels through a linear layer, and blocks of unequal width have a linear skip connection.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from mmkit.errors import SettingsError
from mmkit.layers.convolution import CausalGatedConvolution, GatedConvolution, normalised_linear
from mmkit.layers.recurrent import masked_softmax

HALF = math.sqrt(0.5)  # the sum of two things of equal variance keeps that variance (section 3.4)
Blocks = Sequence[tuple[int, int]]  # (channels, kernel) of each block, first to last
Memory = dict[str, Tensor]
MakeHead = Callable[[nn.Embedding], nn.Module]  # from the target's input embedding, which a tied head shares

WMT_EN_RO: Blocks = ((512, 3),) * 20  # official code, with embedding 512, context 512
WMT_EN_DE: Blocks = (*((512, 3),) * 9, *((1024, 3),) * 4, *((2048, 1),) * 2)  # with embedding 768, context 512


class BlockAttention(nn.Module):
    r"""The attention of one decoder block over the encoder's output.

    d_i = W_d h_i + b_d + g_i                                      eq. 1, g the embedding of the word that enters at step i
    a_ij = softmax_j(d_i . z_j),   c_i = sum_j a_ij (z_j + e_j)    eq. 2
    c is multiplied by m sqrt(1/m) = sqrt(m), m the number of real source words: a mean of m values would shrink (section 3.4).

    Shapes: h (B, T, C), g (B, T, E) -> (h + W_c c) sqrt(0.5) (B, T, C), a (B, T, S); a sums to 1 over the real source words.
    Deviation: a source without any real word gives a = 0 and c = 0 (the paper has none).
    """

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.query = normalised_linear(channels, embedding)
        self.back = normalised_linear(embedding, channels)

    def forward(self, h: Tensor, g: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        d = (self.query(h) + g) * HALF
        a = masked_softmax(d @ memory["keys"].transpose(1, 2), memory["keep"].unsqueeze(1))  # (B, T, S)
        c = (a @ memory["values"]) * memory["spread"][:, None, None]
        return (h + self.back(c)) * HALF, a


class ConvS2S(nn.Module):
    """Encoder and decoder of gated convolutions, with attention in every decoder block.

    encoder, decoder: (channels, kernel) per block. context: D. positions: the longest sentence, in tokens with <s> or </s>;
    `encode` and `contexts` raise SettingsError beyond it, `step` must not be called more often. Every layer comes initialised as
    the paper says (section 3.5); seed torch before.

    Normalised weights are computed anew in each call. While decoding, wrap the loop over `step` into
    `torch.nn.utils.parametrize.cached()`, which computes them once.
    Deviation: the head is used as it comes, without weight normalisation.
    """

    def __init__(
        self,
        source_words: int,
        target_words: int,
        embedding: int,
        encoder: Blocks,
        decoder: Blocks,
        context: int,
        head: MakeHead,
        dropout: float = 0.1,
        positions: int = 1024,
    ) -> None:
        super().__init__()
        self.source_embedding, self.source_position = _embedding(source_words, embedding), _embedding(positions, embedding)
        self.target_embedding, self.target_position = _embedding(target_words, embedding), _embedding(positions, embedding)
        self.dropout = nn.Dropout(dropout)
        self.positions = positions

        self.encoder_in = normalised_linear(embedding, encoder[0][0], dropout)
        self.encoder = nn.ModuleList([GatedConvolution(n, *block, dropout) for n, block in _with_inputs(encoder)])
        self.encoder_skip = nn.ModuleList([_skip(n, channels) for n, (channels, _) in _with_inputs(encoder)])
        self.encoder_out = normalised_linear(encoder[-1][0], embedding)

        self.decoder_in = normalised_linear(embedding, decoder[0][0], dropout)
        self.decoder = nn.ModuleList([CausalGatedConvolution(n, *block, dropout) for n, block in _with_inputs(decoder)])
        self.decoder_skip = nn.ModuleList([_skip(n, channels) for n, (channels, _) in _with_inputs(decoder)])
        self.attention = nn.ModuleList([BlockAttention(channels, embedding) for channels, _ in decoder])
        self.decoder_out = normalised_linear(decoder[-1][0], context)
        self.head = head(self.target_embedding)

    def encode(self, source: Tensor, keep: Tensor) -> Memory:
        """Source word ids (B, S) int64, keep (B, S) bool -> memory, batch first: keys z, values, keep, spread (B,)."""
        self._check_length(source)
        position = (keep.cumsum(dim=1) - 1).clamp(min=0)  # counts real words only
        e = self.dropout(self.source_embedding(source) + self.source_position(position))
        x = self.encoder_in(e)
        for block, skip in zip(self.encoder, self.encoder_skip, strict=True):
            x = (block(x, keep) + skip(x)) * HALF
        z = self.encoder_out(x)  # (B, S, E)
        if z.requires_grad:
            # Each decoder block sends a gradient back; the source embeddings e are excluded (section 3.4).
            # Deviation: divided by the number of blocks as printed, where the official code divides by twice that.
            z.register_hook(lambda gradient: gradient / len(self.attention))
        return {"keys": z, "values": (z + e) * HALF, "keep": keep, "spread": keep.sum(dim=1).to(z.dtype).sqrt()}

    def contexts(self, memory: Memory, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Teacher forcing, all steps at once: inputs <s> w1 w2 ... (B, T) int64 -> f (B, T, D), attention (B, T, S).

        The attention is the mean over the decoder's blocks. Padding at the end of `inputs` reaches no step before it.
        """
        self._check_length(inputs)
        position = torch.arange(inputs.shape[1], device=inputs.device).expand_as(inputs)
        past = [block.empty(len(inputs), memory["keys"]) for block in self.decoder]
        f, _, attention = self._decode(inputs, position, past, memory)
        return f, attention

    def start(self, memory: Memory) -> dict[str, Tensor]:
        """What changes from step to step, batch first: how many words came in, and the last inputs of each convolution."""
        n = len(memory["keep"])
        position = torch.zeros(n, dtype=torch.int64, device=memory["keep"].device)
        past = {f"past_{i}": block.empty(n, memory["keys"]) for i, block in enumerate(self.decoder)}
        return {"position": position, **past}

    def step(self, last: Tensor, moving: dict[str, Tensor], memory: Memory) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """One more word: last (N,) int64, moving and memory of N hypotheses -> f (N, D), moving, attention (N, S)."""
        past = [moving[f"past_{i}"] for i in range(len(self.decoder))]
        f, past, attention = self._decode(last[:, None], moving["position"][:, None], past, memory)
        moving = {"position": moving["position"] + 1, **{f"past_{i}": seen for i, seen in enumerate(past)}}
        return f[:, 0], moving, attention[:, 0]

    def _decode(
        self, inputs: Tensor, position: Tensor, past: list[Tensor], memory: Memory
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """Words (B, T) at these positions, after `past` -> f (B, T, D), the past of the next words, attention (B, T, S)."""
        g = self.dropout(self.target_embedding(inputs) + self.target_position(position))
        x, seen, weights = self.decoder_in(g), [], []
        for block, before, skip, attend in zip(self.decoder, past, self.decoder_skip, self.attention, strict=True):
            h, after = block(x, before)
            h, a = attend(h, g, memory)
            x = (h + skip(x)) * HALF
            seen.append(after)
            weights.append(a)
        return self.dropout(self.decoder_out(x)), seen, torch.stack(weights).mean(dim=0)

    def _check_length(self, words: Tensor) -> None:
        if words.shape[1] > self.positions:
            raise SettingsError(f"sentences of {words.shape[1]} tokens, but positions = {self.positions}; raise it or cut them")


def _with_inputs(blocks: Blocks) -> list[tuple[int, tuple[int, int]]]:
    """Each block behind the number of channels that enters it; the first receives its own number."""
    widths = [blocks[0][0], *(channels for channels, _ in blocks)]
    return [(inputs, (channels, kernel)) for (inputs, channels), (_, kernel) in zip(pairwise(widths), blocks, strict=True)]


def _skip(inputs: int, channels: int) -> nn.Module:
    return nn.Identity() if inputs == channels else normalised_linear(inputs, channels)


def _embedding(count: int, size: int) -> nn.Embedding:
    embedding = nn.Embedding(count, size)
    nn.init.normal_(embedding.weight, std=0.1)  # section 3.5
    return embedding

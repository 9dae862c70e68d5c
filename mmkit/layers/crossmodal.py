r"""Crossmodal transformers: one sequence looks at another of different length, for all pairs of sequences at once.

Tsai et al. (2019). A pair (b, a) has a source b, which is looked at, and a target a, whose length the result keeps. With
Z_a, Z_b the inputs (B, T_a, d), (B, T_b, d), each of D layers computes

    q = LN(Z),  k = v = LN(Z_b),      the SAME LN for both, and always the INPUT of b, which no layer changes
    Z' = Z + Dropout(MH(q, k, v)),    MH: softmax(Q K^T / sqrt(d_h)) V for each of h heads of d_h = d / h, joined by W_o
    Z  = Z' + Dropout(W_2 Dropout(relu(W_1 LN_2(Z')))),    W_1: d -> 4d

starting from Z = Z_a; a last LN follows. A pair of a sequence with itself is a plain pre-norm transformer: k = v = LN(Z).

How it is made fast. Weights are stored per layer for all P pairs, (P, d, ...). Neighbouring pairs whose targets are equally
long form a group, and one batched product serves a group; padding all targets to one length would save a few calls and cost
more arithmetic. LN is computed without its scale and shift, once per sequence, and these are folded into the weights behind
it; all that the pairs need of one input, keys, values and the first queries, is one product. Attention is fused, except for
short sequences on a processor. When one step per sequence is all that is asked for (`step`), the last layer of a
self-attending stack forms no keys and no values: q.(W_k n_t) = (W_k^T q).n_t.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmkit.errors import SettingsError

Mask = tuple[Tensor, Tensor] | None  # what `_mask` makes; None: every key is seen
SHORT = 3000  # scores per head: below about 55 x 55 two plain products cost half of the fused kernel on a processor


class PairLayer(nn.Module):
    """The weights of one layer for P pairs. Xavier matrices (q, k, v as one), zero biases, as in the official code."""

    def __init__(self, pairs: int, dim: int) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = (nn.Parameter(_unit_norm(pairs, dim)) for _ in range(2))  # (P, 2, d): scale, shift
        self.w_in, self.b_in = _linear(pairs, dim, 3 * dim)  # queries, keys, values
        self.w_o, self.b_o = _linear(pairs, dim, dim)
        self.w_1, self.b_1 = _linear(pairs, dim, 4 * dim)
        self.w_2, self.b_2 = _linear(pairs, 4 * dim, dim)


class PairStack(nn.Module):
    """D layers for each of P pairs (source, target), all different (crossmodal) or each a sequence with itself (memory).

    forward(x, keep, step, weights_of) -> (Z of each pair, attention of each pair or []), both in the order of `pairs`.
    x: name -> (B, T_name, d), positions included. keep: name -> (B, T_name) bool, True on real steps; None or absent: all real.
    Z (B, T_target, d); a target without any real source step receives nothing from attention, so no NaN arises.
    step: name -> (B,) int64, with self-attention only: return nothing but that step, Z (B, 1, d). Pad steps are never read.
    weights_of: number of a layer (-1 the last) whose attention (B, h, T_target, T_source) is wanted; before dropout.
    causal: query i sees keys up to i + |T_source - T_target| only, T as padded, as in the official code.
    attention_dropout: one number, or one per pair. Raises SettingsError for impossible sizes and mixed pairs.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[str, str]],
        dim: int,
        layers: int,
        heads: int,
        *,
        attention_dropout: float | Sequence[float] = 0.0,
        relu_dropout: float = 0.0,
        residual_dropout: float = 0.0,
        causal: bool = False,
    ) -> None:
        super().__init__()
        own = {source == target for source, target in pairs}
        if len(own) != 1:
            raise SettingsError(
                f"pairs = {list(pairs)}: expected some pairs, all of different sequences or all of one with itself"
            )
        if dim % heads:
            raise SettingsError(f"width {dim} is not a multiple of {heads} heads")
        if layers < 1:
            raise SettingsError(f"{layers} layers, expected at least one")
        self.pairs, self.dim, self.heads, self.own, self.causal = list(pairs), dim, heads, own.pop(), causal
        self.names = list(dict.fromkeys(name for pair in pairs for name in pair))
        several = isinstance(attention_dropout, Sequence)
        self.attention_dropout = list(attention_dropout) if several else [attention_dropout] * len(pairs)
        self.relu_dropout, self.residual_dropout = relu_dropout, residual_dropout
        self.layers = nn.ModuleList(PairLayer(len(pairs), dim) for _ in range(layers))
        self.norm = nn.Parameter(_unit_norm(len(pairs), dim))

    def forward(
        self,
        x: dict[str, Tensor],
        keep: dict[str, Tensor | None] | None = None,
        *,
        step: dict[str, Tensor] | None = None,
        weights_of: int | None = None,
    ) -> tuple[list[Tensor], list[Tensor]]:
        if step is not None and not self.own:
            raise SettingsError("`step` asks for one step of self-attending sequences; a crossmodal pair is wanted in full")
        shown = None if weights_of is None else range(len(self.layers))[weights_of]
        masks = self._masks(x, keep or {})
        inputs = {} if self.own else {name: _normal(x[name]) for name in self.names}
        z = [torch.stack([x[self.pairs[p][1]] for p in group]) for group in self._groups(x)]  # (p, B, T, d) each
        attention: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            if step is not None and number == len(self.layers) - 1:
                z, seen = self._last_step(layer, z, masks, torch.stack([step[target] for _, target in self.pairs]))
            else:
                w_in, b_in = _folded(layer.norm_1, layer.w_in, layer.b_in)
                q, kv = self._own(z, w_in, b_in) if self.own else self._looking(z, inputs, w_in, b_in, number == 0)
                found, seen = self._attend(q, kv, masks, number == shown)
                z = self._close(layer, z, found)
            attention = seen if number == shown else attention
        norms = self.norm.split([len(part) for part in z])
        z = [
            torch.addcmul(norm[:, 1, None, None], _normal(part), norm[:, 0, None, None])
            for part, norm in zip(z, norms, strict=True)
        ]
        return [pair for part in z for pair in part.unbind(0)], attention

    def _groups(self, x: dict[str, Tensor]) -> list[list[int]]:
        """Numbers of neighbouring pairs whose targets are equally long."""
        groups: list[list[int]] = []
        for p, (_, target) in enumerate(self.pairs):
            if groups and x[self.pairs[groups[-1][0]][1]].shape[1] == x[target].shape[1]:
                groups[-1].append(p)
            else:
                groups.append([p])
        return groups

    def _masks(self, x: dict[str, Tensor], keep: dict[str, Tensor | None]) -> list[Mask]:
        made: dict[tuple[str, str], Mask] = {}
        for source, target in set(self.pairs):
            seen = None if keep.get(source) is None else keep[source][:, None, None]  # (B, 1, 1, T_b)
            if self.causal:
                steps, keys = x[target].shape[1], x[source].shape[1]
                past = torch.ones(steps, keys, dtype=torch.bool, device=x[source].device).tril(abs(keys - steps))
                seen = past[None, None] if seen is None else seen & past
            made[source, target] = None if seen is None else _mask(seen, x[source].dtype)
        return [made[pair] for pair in self.pairs]

    def _own(self, z: list[Tensor], w_in: Tensor, b_in: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Self-attention: q (B, T, h, d_h) and kv (B, T, 2, h, d_h) of each pair, from its own state."""
        made = [one.unflatten(2, (3, self.heads, -1)) for one in _products(z, w_in, b_in)]
        return [one[:, :, 0] for one in made], [one[:, :, 1:] for one in made]

    def _looking(
        self, z: list[Tensor], inputs: dict[str, Tensor], w_in: Tensor, b_in: Tensor, first: bool
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Crossmodal: kv of each pair from its source's input; q from its state, which before the first layer is an input too."""
        q = {} if first else dict(enumerate(_products(z, w_in[:, :, : self.dim], b_in[:, :, : self.dim])))
        kv, w, b = {}, w_in.unbind(0), b_in.unbind(0)
        for name, n in inputs.items():
            reads = [(kv, p, slice(self.dim, None)) for p, (source, _) in enumerate(self.pairs) if source == name]
            reads += [(q, p, slice(self.dim)) for p, (_, target) in enumerate(self.pairs) if first and target == name]
            if reads:
                weight, bias = (torch.cat([m[p][:, part] for _, p, part in reads], dim=1) for m in (w, b))
                made = torch.addmm(bias, n.flatten(0, 1), weight).unflatten(0, n.shape[:2])
                pieces = made.split([2 * self.dim if into is kv else self.dim for into, _, _ in reads], dim=2)
                for (into, p, _), piece in zip(reads, pieces, strict=True):
                    into[p] = piece
        pairs = range(len(self.pairs))
        return [q[p].unflatten(2, (self.heads, -1)) for p in pairs], [kv[p].unflatten(2, (2, self.heads, -1)) for p in pairs]

    def _attend(self, q: list[Tensor], kv: list[Tensor], masks: list[Mask], show: bool) -> tuple[list[Tensor], list[Tensor]]:
        """MH without W_o, equal shapes together: (B, T_a, h, d_h) per pair, and where `show` the attention (B, h, T_a, T_b)."""
        alike: dict[tuple, list[int]] = {}
        for p, mask in enumerate(masks):
            alike.setdefault((q[p].shape[1], kv[p].shape[1], mask is None, self.attention_dropout[p]), []).append(p)
        found, attention = [Tensor()] * len(q), [Tensor()] * len(q)
        for (_, _, free, dropout), pairs in alike.items():
            stacked = [torch.stack([t.transpose(1, 2) for t in ts]).flatten(0, 1)
                       for ts in ([q[p] for p in pairs], *zip(*(kv[p].unbind(2) for p in pairs), strict=True))]  # fmt: skip
            mask = None if free else tuple(torch.cat([part.expand(len(q[p]), -1, -1, -1) for part in parts])
                                           for parts in zip(*(masks[p] for p in pairs), strict=True))  # fmt: skip
            out, a = _attention(*stacked, mask, dropout if self.training else 0.0, show)
            for p, one, weights in zip(pairs, out.chunk(len(pairs)), a.chunk(len(pairs)) if show else pairs, strict=True):
                found[p], attention[p] = one.transpose(1, 2), weights
        return found, attention

    def _close(self, layer: PairLayer, z: list[Tensor], found: list[Tensor]) -> list[Tensor]:
        """The rest of a layer: W_o, the feed-forward part and both residuals, group by group."""
        weights = (layer.w_o, layer.b_o[:, None], *_folded(layer.norm_2, layer.w_1, layer.b_1), layer.w_2, layer.b_2[:, None])
        sizes, out, done = [len(part) for part in z], [], 0
        for part, w_o, b_o, w_1, b_1, w_2, b_2 in zip(z, *(w.split(sizes) for w in weights), strict=True):
            joined = torch.stack(found[done : done + len(part)]).flatten(3).flatten(1, 2)  # (p, B T, d)
            done += len(part)
            part = part + F.dropout(torch.baddbmm(b_o, joined, w_o).view_as(part), self.residual_dropout, self.training)
            hidden = F.dropout(torch.baddbmm(b_1, _normal(part).flatten(1, 2), w_1).relu_(), self.relu_dropout, self.training)
            out.append(part + F.dropout(torch.baddbmm(b_2, hidden, w_2).view_as(part), self.residual_dropout, self.training))
        return out

    def _last_step(self, layer: PairLayer, z: list[Tensor], masks: list[Mask], step: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """One step per pair and item through the last layer, step (P, B) -> [(P, B, 1, d)]; keys and values are never formed.

        Head h: score_t = q_h.(W_k n_t) = (W_k^T q_h).n_t, the bias of the keys being the same for all t; then
        sum_t a_t (W_v n_t + b_v) = W_v sum_t a_t n_t + b_v sum_t a_t.
        """
        rows = [at[..., None, None].expand(-1, -1, 1, self.dim) for at in step.split([len(part) for part in z])]
        here = torch.cat([part.gather(2, row) for part, row in zip(z, rows, strict=True)])  # (P, B, 1, d)
        w_in, b_in = _folded(layer.norm_1, layer.w_in, layer.b_in)
        w_q, w_k, w_v = w_in.unflatten(2, (3, self.heads, -1)).unbind(2)  # (P, d, h, d_h)
        q = torch.baddbmm(b_in[:, :, : self.dim], _normal(here).squeeze(2), w_q.flatten(2)).unflatten(2, (self.heads, -1))
        asked = torch.einsum("pbhe,pdhe->pbhd", q * q.shape[3] ** -0.5, w_k)
        pooled, totals, attention = [], [], []
        for n, one, mask, at, dropout in zip(
            [n for part in z for n in _normal(part).unbind(0)], asked, masks, step, self.attention_dropout, strict=True
        ):
            a = _softmax(torch.bmm(one, n.transpose(1, 2)), _row(mask, at))  # (B, h, T)
            attention.append(a[:, :, None])
            a = F.dropout(a, dropout, self.training)
            pooled.append(torch.bmm(a, n))
            totals.append(a.sum(dim=2))
        found = torch.einsum("pbhd,pdhe->pbhe", torch.stack(pooled), w_v)
        found = found + torch.stack(totals)[..., None] * b_in[:, :, 2 * self.dim :].unflatten(2, (self.heads, -1))
        return self._close(layer, [here], list(found[:, :, None].unbind(0))), attention


def _attention(q: Tensor, k: Tensor, v: Tensor, mask: Mask, dropout: float, show: bool) -> tuple[Tensor, Tensor]:
    """q (N, h, T_a, d_h), k and v (N, h, T_b, d_h) -> (N, h, T_a, d_h), attention before dropout (N, h, T_a, T_b) or empty."""
    if show or (q.device.type == "cpu" and q.shape[2] * k.shape[2] < SHORT):
        scores = torch.bmm(q.flatten(0, 1) * q.shape[3] ** -0.5, k.flatten(0, 1).transpose(1, 2)).unflatten(0, q.shape[:2])
        a = _softmax(scores, mask)
        return torch.bmm(F.dropout(a, dropout).flatten(0, 1), v.flatten(0, 1)).unflatten(0, q.shape[:2]), a
    found = F.scaled_dot_product_attention(q, k, v, attn_mask=None if mask is None else mask[0].to(q.dtype), dropout_p=dropout)
    return found if mask is None else found * mask[1], q.new_empty(0)


def _softmax(scores: Tensor, mask: Mask) -> Tensor:
    return scores.softmax(dim=-1) if mask is None else scores.add_(mask[0]).softmax(dim=-1) * mask[1]


def _mask(seen: Tensor, dtype: torch.dtype) -> Mask:
    """seen (.., T_a or 1, T_b) bool -> 0 or -inf to add to scores, and 1 or 0 (.., T_a or 1, 1): does the query see anything?

    A query that sees nothing is left unmasked, so that no softmax is 0 / 0, and its result is multiplied by 0.
    """
    some = seen.any(dim=-1, keepdim=True)
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill(~seen & some, -math.inf), some.to(dtype)


def _row(mask: Mask, at: Tensor) -> Mask:
    """The mask (B, 1, T) of the query `at` (B,) of each item."""
    if mask is None:
        return None
    items = torch.arange(len(at), device=at.device)
    added, some = (part.expand(len(at), -1, -1, -1) for part in mask)
    at = at if added.shape[2] > 1 else torch.zeros_like(at)
    return added[items, :, at], some[items, :, at]


def _normal(x: Tensor) -> Tensor:
    """LN without scale and shift."""
    return F.layer_norm(x, x.shape[-1:])


def _products(z: list[Tensor], w: Tensor, b: Tensor) -> list[Tensor]:
    """LN(z) W + b of each pair (B, T, k), one product per group."""
    sizes = [len(part) for part in z]
    return [
        pair
        for part, weight, bias in zip(z, w.split(sizes), b.split(sizes), strict=True)
        for pair in torch.baddbmm(bias, _normal(part).flatten(1, 2), weight).unflatten(1, part.shape[1:3]).unbind(0)
    ]


def _folded(norm: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """(n * scale + shift) W + b as n W' + b'. norm (P, 2, d), w (P, d, k), b (P, k) -> (P, d, k), (P, 1, k)."""
    return norm[:, 0, :, None] * w, torch.baddbmm(b[:, None], norm[:, 1:], w)


def _unit_norm(pairs: int, dim: int) -> Tensor:
    return torch.stack([torch.ones(pairs, dim), torch.zeros(pairs, dim)], dim=1)


def _linear(pairs: int, inputs: int, outputs: int) -> tuple[nn.Parameter, nn.Parameter]:
    """Xavier weight (P, inputs, outputs) and zero bias (P, outputs)."""
    bound = math.sqrt(6 / (inputs + outputs))
    return nn.Parameter(torch.empty(pairs, inputs, outputs).uniform_(-bound, bound)), nn.Parameter(torch.zeros(pairs, outputs))

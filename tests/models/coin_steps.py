"""COIN once more, turn by turn: every network takes one step at a time and says nothing where it is not asked."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmkit.models.conversations import COIN


def cell(gru: nn.GRU, way: int, x: Tensor, h: Tensor) -> Tensor:
    end = "_l0_reverse" if way else "_l0"
    w_x, w_h, b_x, b_h = (getattr(gru, name + end) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    x_r, x_z, x_n = (x @ w_x.T + b_x).chunk(3, dim=1)
    h_r, h_z, h_n = (h @ w_h.T + b_h).chunk(3, dim=1)
    r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
    return (1 - z) * (x_n + r * h_n).tanh() + z * h


def turns(steps: int, way: int) -> list[int]:
    return list(range(steps))[:: -1 if way else 1]


def gated(model: COIN, x: Tensor, own: Tensor, keep: Tensor) -> Tensor:
    """(B, K, 2d), equation 1."""
    part = model.interaction
    fed_back, ways = part.fed_back, []
    for way in (0, 1):
        h = [x.new_zeros(len(x), part.dim) for _ in part.grus]
        m = [x.new_zeros(len(x), part.dim)] * x.shape[1]
        for i in turns(x.shape[1], way):
            speaks = [keep[:, i] & own[:, i], keep[:, i] & ~own[:, i]] if len(h) == 2 else [keep[:, i]]
            fresh = [cell(gru, way, x[:, i], state) for gru, state in zip(part.grus, h, strict=True)]
            said = fresh
            if part.gates is not None:
                said = [fresh[p] * part.gates[1 - p][way](h[1 - p]).sigmoid() for p in (0, 1)]
            m[i] = sum(s[:, None] * speaker for s, speaker in zip(speaks, said, strict=True))
            h = [torch.where(s[:, None], new, old) for s, new, old in zip(speaks, said if fed_back else fresh, h, strict=True)]
        ways.append(torch.stack(m, dim=1))
    return torch.cat(ways, dim=2)


def by_steps(model: COIN, features: Tensor, own: Tensor, keep: Tensor, passes: str = "attended", scale: float = 0.0) -> Tensor:
    """Logits (B, C); scale: of the attention, 0 for d^-1/2. Nothing is dropped."""
    x, own, keep = model.projection(features), own[:, :-1], keep[:, :-1]
    memory, u = gated(model, x[:, :-1], own, keep), model.query(x[:, -1])
    dim = model.interaction.dim
    for stack in model.stacks:
        ways = []
        for way in (0, 1):
            h = x.new_zeros(len(x), dim)
            out = [h] * keep.shape[1]
            for i in turns(keep.shape[1], way):
                h = torch.where(keep[:, i, None], cell(stack.gru, way, memory[:, i], h), h)
                out[i] = h * keep[:, i, None]
            ways.append(torch.stack(out, dim=1))
        recurrent = attended = torch.cat(ways, dim=2)
        if stack.qkv is not None:
            w_q, w_k, w_v = stack.qkv.weight.chunk(3)
            e = (recurrent @ w_q.T) @ (recurrent @ w_k.T).transpose(1, 2) * (scale or dim**-0.5)
            attended = shares(e, keep[:, None]) @ (recurrent @ w_v.T)
        a = shares((attended * u[:, None]).sum(dim=2), keep)
        u = torch.tanh(u + (a[:, :, None] * attended).sum(dim=1))
        memory = attended if passes == "attended" else recurrent
    return model.classifier(u)


def shares(e: Tensor, keep: Tensor) -> Tensor:
    weight = (e - e.amax(dim=-1, keepdim=True)).exp() * keep
    return weight / weight.sum(dim=-1, keepdim=True).clamp(min=1e-30)

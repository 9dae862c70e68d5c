r"""Cross-entropy over a large vocabulary, without ever holding the logits of all tokens.

The logits of N tokens are the largest tensor of a translator by far, and writing, keeping and reading them costs more than
computing them. Here a block of tokens is scored, its loss and its gradients  p - onehot(target)  are taken at once, and its
memory is used again for the next block.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK = 1 << 21  # logits held at a time


def word_loss(f: Tensor, matrix: Tensor, bias: Tensor | None, target: Tensor) -> Tensor:
    """Mean over tokens of -log softmax(W f + b)[target], in float32.

    Shapes: f (N, D), matrix (V, D), bias (V,) or None, target (N,) int64 -> (). Equal to F.cross_entropy; a gradient that
    nobody asks for (that of a fixed matrix) is not computed.
    """
    return _WordLoss.apply(f, matrix, bias, target)


@torch.no_grad()
def word_log_p(f: Tensor, matrix: Tensor, bias: Tensor | None, target: Tensor) -> Tensor:
    """log softmax(W f + b)[target] of every token (N,), float32. Shapes as in `word_loss`."""
    parts = [logits.gather(1, target[rows, None])[:, 0] - logits.logsumexp(1) for rows, logits in _blocks(f, matrix, bias)]
    return torch.cat(parts) if parts else f.new_zeros(0, dtype=torch.float32)


class _WordLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, f: Tensor, matrix: Tensor, bias: Tensor | None, target: Tensor) -> Tensor:
        need = ctx.needs_input_grad
        grads = [
            torch.zeros(x.shape, device=f.device) if x is not None and need[i] else None for i, x in enumerate((f, matrix, bias))
        ]
        wide, total = matrix.float(), torch.zeros((), device=f.device)
        for rows, p in _blocks(f, matrix, bias):
            highest = p.amax(dim=1, keepdim=True)
            picked = p.gather(1, target[rows, None])
            sums = p.sub_(highest).exp_().sum(dim=1, keepdim=True)
            total += (sums.log() + highest - picked).sum()
            if not any(grad is not None for grad in grads):
                continue
            p.div_(sums).scatter_add_(1, target[rows, None], torch.full_like(picked, -1.0))
            if grads[0] is not None:
                torch.mm(p, wide, out=grads[0][rows])
            if grads[1] is not None:
                grads[1].addmm_(p.T, f[rows].float())
            if grads[2] is not None:
                grads[2] += p.sum(dim=0)
        kinds = [None if x is None else x.dtype for x in (f, matrix, bias)]
        ctx.grads = [None if grad is None else grad.div_(len(f)).to(kind) for grad, kind in zip(grads, kinds, strict=True)]
        return total / len(f)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        return (*(None if g is None else g * grad.to(g.dtype) for g in ctx.grads), None)


def _blocks(f: Tensor, matrix: Tensor, bias: Tensor | None) -> Iterator[tuple[slice, Tensor]]:
    """(rows, their logits in float32) block by block; the memory of the logits is the same every time."""
    size = max(BLOCK // len(matrix), 1)
    room = torch.empty(min(size, len(f)), len(matrix), device=f.device)
    wide, weights = f.float(), matrix.float().T
    with torch.autocast(f.device.type, enabled=False):
        for first in range(0, len(f), size):
            rows = slice(first, min(first + size, len(f)))
            logits = torch.mm(wide[rows], weights, out=room[: rows.stop - rows.start])
            yield rows, logits if bias is None else logits.add_(bias.float())

r"""A bidirectional GRU over some steps of padded sequences, and over nothing else: neither padding nor gaps cost anything.

B sequences of K steps of which N in all are packed, F features, d hidden units per direction.

r, z = sigmoid(W x + b + U h' + c),   n = tanh(W_n x + b_n + r * (U_n h' + c_n)),   h = (1 - z) * n + z * h'

torch's own packed GRU is used off the CPU. On the CPU its way back is slow: for every step it fills and adds arrays as large as
all steps together. `Recurrence` takes the same steps, and sums what a weight gets from all of them in one product.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.amp import custom_bwd, custom_fwd
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn.utils.rnn import PackedSequence


@dataclass(frozen=True, eq=False)
class Packing:
    """The packed steps stand as torch packs them: all first steps, longest sequence first, then all second ones, and so on.

    rows (N,): which of the B * K steps stand there.  sizes: steps packed per time, none of them 0, on the CPU.
    count (B, K): how many steps of its sequence are packed up to and with this one.  total (B,): how many of the whole sequence.
    base (K,), rank (B,): step j (from 0) of sequence b is packed at base[j] + rank[b].
    """

    rows: Tensor
    sizes: Tensor
    count: Tensor
    total: Tensor
    base: Tensor
    rank: Tensor

    @classmethod
    def of(cls, mask: Tensor) -> Packing:
        """mask (B, K) bool: the steps to pack. A sequence may have none, and gaps."""
        count, total = mask.cumsum(dim=1), mask.sum(dim=1)
        rank = total.argsort(descending=True, stable=True).argsort()
        sizes = (total[:, None] > torch.arange(mask.shape[1], device=mask.device)).sum(dim=0)  # (K,)
        base = sizes.cumsum(dim=0) - sizes
        sequence, step = mask.nonzero(as_tuple=True)
        place = base[count[sequence, step] - 1] + rank[sequence]
        rows = torch.empty_like(place)
        rows[place] = sequence * mask.shape[1] + step
        on_cpu = sizes.cpu()
        return cls(rows, on_cpu[on_cpu > 0], count, total, base, rank)

    def __len__(self) -> int:
        return len(self.rows)

    def run(self, gru: nn.GRU, x: Tensor) -> Tensor:
        """x (B, K, F) -> states (N, 2d) at the packed steps, forward and backward side by side, as if only they were there."""
        data = x.flatten(0, 1).index_select(0, self.rows)
        if not len(self):
            return data.new_zeros(0, 2 * gru.hidden_size)
        return in_steps(gru, data, self) if data.device.type == "cpu" else gru(PackedSequence(data, self.sizes))[0].data

    def before(self, rows: Tensor) -> Tensor:
        """Where the last packed step before each of the steps `rows`, not packed themselves, stands; N where there is none."""
        number = self.count.flatten()[rows] - 1
        return self._place(number, rows).masked_fill(number < 0, len(self))

    def after(self, rows: Tensor) -> Tensor:
        """Where the first packed step after each of the steps `rows`, not packed themselves, stands; N where there is none."""
        number = self.count.flatten()[rows]
        return self._place(number, rows).masked_fill(number >= self.total[rows // self.count.shape[1]], len(self))

    @property
    def turned(self) -> Tensor:
        """(N,) where the step stands that is as far from the end of its sequence as the one here is from the start."""
        number = self.count.flatten()[self.rows]  # from 1
        return self._place(self.total[self.rows // self.count.shape[1]] - number, self.rows)

    def _place(self, number: Tensor, rows: Tensor) -> Tensor:
        steps = self.count.shape[1]
        return self.base[number.clamp(0, steps - 1)] + self.rank[rows // steps]


def spread(packed: Tensor, rows: Tensor, batch: int, steps: int) -> Tensor:
    """packed (N, D) of the steps `rows` -> (B, K, D), zeros at all other steps."""
    return packed.new_zeros(batch * steps, packed.shape[1]).index_copy_(0, rows, packed).unflatten(0, (batch, steps))


def in_steps(gru: nn.GRU, data: Tensor, pack: Packing) -> Tensor:
    """data (N, F), packed -> states (N, 2d). Both directions take their steps together, the backward one on turned sequences."""
    w_x, w_h, b_x, b_h = (
        [getattr(gru, f"{name}_l0{end}") for end in ("", "_reverse")] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    pre = F.linear(data, torch.cat(w_x), torch.cat(b_x))  # (N, 6d)
    return Recurrence.apply(pre, torch.stack(w_h), torch.stack(b_h), pack.turned, pack.sizes.tolist())


class Recurrence(torch.autograd.Function):
    """pre (N, 6d) = W x + b of both directions, U (2, 3d, d), c (2, 3d), `turned` (N,), steps per time -> h (N, 2d)."""

    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(ctx: FunctionCtx, pre: Tensor, u: Tensor, c: Tensor, turned: Tensor, sizes: list[int]) -> Tensor:
        d, pre = u.shape[2], _apart(pre, turned)
        h, n, rz = pre.new_empty(2, len(turned), d), pre.new_empty(2, len(turned), d), pre.new_empty(2, len(turned), 2 * d)
        hidden = torch.empty_like(pre)
        u, last = u.mT.contiguous(), pre.new_zeros(2, sizes[0], d)
        start = 0
        for size in sizes:
            at = slice(start, start + size)
            last = last[:, :size]  # sequences that go on are the first ones
            torch.baddbmm(c[:, None], last, u, out=hidden[:, at])
            gates = torch.add(pre[:, at, : 2 * d], hidden[:, at, : 2 * d], out=rz[:, at]).sigmoid_()
            torch.addcmul(pre[:, at, 2 * d :], gates[:, :, :d], hidden[:, at, 2 * d :], out=n[:, at]).tanh_()
            last = torch.lerp(n[:, at], last, gates[:, :, d:], out=h[:, at])
            start += size
        ctx.save_for_backward(u, h, n, hidden[:, :, 2 * d :], rz, turned)
        ctx.sizes = sizes
        return _together(h, turned)

    @staticmethod
    @once_differentiable
    @custom_bwd(device_type="cpu")
    def backward(ctx: FunctionCtx, by_h: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        u, h, n, hidden_n, rz, turned = ctx.saved_tensors
        sizes, d = ctx.sizes, h.shape[2]
        r, z = rz.split(d, dim=2)
        before = torch.cat([h.new_zeros(2, sizes[0], d), h.index_select(1, _previous(sizes))], dim=1)  # h'
        by_n = (1 - z) * (1 - n * n)  # slope of h by what tanh is taken of
        by_hidden = torch.cat([by_n * hidden_n * r * (1 - r), (before - n) * z * (1 - z), by_n * r], dim=2)
        u, start = u.mT.contiguous(), len(turned)
        slope, along = _apart(by_h, turned), by_hidden.unflatten(2, (3, d))  # slope (2, N, d): by h, complete once visited
        for number in reversed(range(len(sizes))):
            size = sizes[number]
            start -= size
            at = slice(start, start + size)
            along[:, at].mul_(slope[:, at, None])
            if number:
                came = slice(start - sizes[number - 1], start - sizes[number - 1] + size)
                torch.baddbmm(torch.addcmul(slope[:, came], slope[:, at], z[:, at]), by_hidden[:, at], u, out=slope[:, came])
        by_pre = torch.cat([by_hidden[:, :, : 2 * d], slope * by_n], dim=2)
        return _together(by_pre, turned), torch.bmm(by_hidden.mT, before), by_hidden.sum(dim=1), None, None


def _apart(both: Tensor, turned: Tensor) -> Tensor:
    """(N, 2D), the directions side by side -> (2, N, D), the backward one in the order in which it takes its steps."""
    forward, backward = both.chunk(2, dim=1)
    return torch.stack([forward, backward.index_select(0, turned)])


def _together(apart: Tensor, turned: Tensor) -> Tensor:
    """The other way round: who is turned twice stands as before."""
    return torch.cat([apart[0], apart[1].index_select(0, turned)], dim=1)


def _previous(sizes: list[int]) -> Tensor:
    """For every step but the first ones of all sequences: where the step before it stands."""
    taken = torch.tensor(sizes)
    return torch.arange(sizes[0], sum(sizes)) - torch.repeat_interleave(taken[:-1], taken[1:])

"""Packed steps stand where they are told to, and the network over them is torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from mmkit.layers.packed_gru import Packing, in_steps, spread


def mask_of(batch=6, steps=5):
    mask = torch.rand(batch, steps, generator=torch.Generator().manual_seed(0)) < 0.5
    mask[2], mask[4] = False, True
    return mask


def test_packed_steps_stand_where_they_are_told_to():
    mask = mask_of()
    pack = Packing.of(mask)
    assert sorted(pack.rows.tolist()) == mask.flatten().nonzero().flatten().tolist()
    number = [(int(mask[b, :k].sum()), -int(mask[b].sum()), b) for b, k in (divmod(row, 5) for row in pack.rows.tolist())]
    assert number == sorted(number)  # by time, then the longest first
    assert pack.sizes.tolist() == [n for n in ((mask.sum(1) > j).sum().item() for j in range(5)) if n]
    others = (~mask).flatten().nonzero().flatten()
    stands = {row: n for n, row in enumerate(pack.rows.tolist())}
    for row, before, after in zip(others.tolist(), pack.before(others).tolist(), pack.after(others).tolist(), strict=True):
        b, k = divmod(row, 5)
        past = [stands[b * 5 + j] for j in range(k) if mask[b, j]]
        future = [stands[b * 5 + j] for j in range(k + 1, 5) if mask[b, j]]
        assert before == (past[-1] if past else len(pack))
        assert after == (future[0] if future else len(pack))


def test_a_turned_sequence_is_read_from_its_end():
    mask = mask_of()
    pack = Packing.of(mask)
    for row, other in zip(pack.rows.tolist(), pack.rows[pack.turned].tolist(), strict=True):
        b, k = divmod(row, 5)
        steps = mask[b].nonzero().flatten().tolist()
        assert divmod(other, 5) == (b, steps[::-1][steps.index(k)])


def test_sequences_without_gaps_are_packed_as_torch_packs_them():
    lengths = torch.tensor([2, 5, 1, 5, 3])
    x = torch.randn(5, 5, 3, generator=torch.Generator().manual_seed(0))
    pack = Packing.of(torch.arange(5) < lengths[:, None])
    wanted = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    torch.testing.assert_close(x.flatten(0, 1)[pack.rows], wanted.data)
    assert pack.sizes.tolist() == wanted.batch_sizes.tolist()


@pytest.mark.parametrize("lengths", [[3, 1, 4, 0, 2], [1, 1], [5], [0, 2, 2]])
def test_states_and_gradients_are_those_of_torch(lengths):
    """Against the network run over each sequence by itself, and over all of them packed."""
    torch.manual_seed(0)
    gru = nn.GRU(3, 2, bidirectional=True).double()
    mask = torch.arange(5) < torch.tensor(lengths)[:, None]
    mask = mask[:, torch.tensor([0, 3, 1, 4, 2])]  # with gaps
    x = torch.randn(len(lengths), 5, 3, dtype=torch.float64)
    pull = torch.randn(len(lengths), 5, 4, dtype=torch.float64)
    pack, results = Packing.of(mask), []

    def alone(u):
        out = torch.zeros(len(lengths), 5, 4, dtype=torch.float64)
        for b in range(len(lengths)):
            if mask[b].any():
                out[b, mask[b]] = gru(u[b, mask[b]])[0]
        return out

    def packed(u):
        return spread(gru(PackedSequence(u.flatten(0, 1)[pack.rows], pack.sizes))[0].data, pack.rows, *mask.shape)

    def ours(u):
        return spread(pack.run(gru, u), pack.rows, *mask.shape)

    for way in (alone, packed, ours):
        u = x.clone().requires_grad_()
        out = way(u)
        results.append([out, *torch.autograd.grad((out * pull).sum(), [u, *gru.parameters()])])
    for one, two, three in zip(*results, strict=True):
        torch.testing.assert_close(two, one, atol=1e-12, rtol=1e-9)
        torch.testing.assert_close(three, one, atol=1e-12, rtol=1e-9)


def test_without_gradients_and_in_bfloat16_the_states_are_the_same():
    torch.manual_seed(0)
    gru, mask = nn.GRU(3, 2, bidirectional=True), mask_of()
    data = torch.randn(int(mask.sum()), 3)
    wanted = in_steps(gru, data, Packing.of(mask))
    with torch.no_grad():
        assert torch.equal(in_steps(gru, data, Packing.of(mask)), wanted)
    with torch.autocast("cpu", torch.bfloat16):
        half = in_steps(gru, data, Packing.of(mask))
        torch.testing.assert_close(half.float(), wanted, atol=0.03, rtol=0.03)
        half.float().sum().backward()
    assert gru.weight_hh_l0.grad.isfinite().all()
    assert gru.weight_hh_l0.grad.any()


def test_nothing_packed_is_nothing_said():
    pack = Packing.of(torch.zeros(2, 5, dtype=torch.bool))
    assert len(pack) == 0
    assert pack.run(nn.GRU(3, 2, bidirectional=True), torch.randn(2, 5, 3)).shape == (0, 4)

"""Encoder and attention: padding never matters, and the equations hold step by step."""

import torch
from torch import nn

from mmkit.layers.recurrent import AdditiveAttention, BiGRU, GeneralAttention, gru_step, masked_softmax

KEEP = torch.tensor([[True] * 5, [True] * 3 + [False] * 2, [True] + [False] * 4])


def example(dim=4):
    return torch.randn(3, 5, dim, generator=torch.Generator().manual_seed(0))


def test_the_encoder_reads_each_sentence_as_if_it_were_alone():
    encoder, x = BiGRU(4, 6), example()
    states, last = encoder(x, KEEP)
    for row, length in enumerate((5, 3, 1)):
        alone, ends = encoder.gru(x[[row], :length])
        torch.testing.assert_close(states[row, :length], alone[0])
        torch.testing.assert_close(last[row], ends.flatten())
        assert not states[row, length:].any()
    moved = x.clone()
    moved[1, 3:] += 9
    torch.testing.assert_close(encoder(moved, KEEP)[0], states)
    moved[1, 2] += 9
    assert (encoder(moved, KEEP)[1][1] - last[1]).abs().max() > 1e-3


def test_additive_attention_is_the_equation():
    attention, states = AdditiveAttention(6, 4, 7), example()
    h = torch.randn(3, 6, generator=torch.Generator().manual_seed(1))
    c, a = attention(h, attention.keys(states), states, KEEP)
    for row, length in enumerate((5, 3, 1)):
        e = torch.stack([attention.v(torch.tanh(attention.energy(torch.cat([h[row], s]))))[0] for s in states[row, :length]])
        torch.testing.assert_close(a[row, :length], e.softmax(0))
        torch.testing.assert_close(c[row], e.softmax(0) @ states[row, :length])
        assert not a[row, length:].any()


def test_general_attention_is_the_equation():
    attention, states = GeneralAttention(6, 4), example()
    h = torch.randn(3, 2, 6, generator=torch.Generator().manual_seed(1))
    c, a = attention(h, attention.keys(states), states, KEEP)
    for row, length in enumerate((5, 3, 1)):
        e = h[row] @ attention.w.weight @ states[row, :length].T
        torch.testing.assert_close(a[row, :, :length], e.softmax(1))
        torch.testing.assert_close(c[row], e.softmax(1) @ states[row, :length])


def test_a_row_without_real_entries_gets_zeros_and_low_precision_stays_low():
    e = torch.full((2, 3), 50.0, dtype=torch.bfloat16)
    a = masked_softmax(e, torch.tensor([[False] * 3, [True, True, False]]))
    assert a.dtype == torch.bfloat16
    assert a.tolist() == [[0, 0, 0], [0.5, 0.5, 0]]


def test_the_gru_step_is_torchs():
    cell, rng = nn.GRUCell(4, 6), torch.Generator().manual_seed(2)
    x, h = torch.randn(3, 4, generator=rng), torch.randn(3, 6, generator=rng)
    pre = x @ cell.weight_ih.T + cell.bias_ih
    torch.testing.assert_close(gru_step(pre, h, cell), cell(x, h))

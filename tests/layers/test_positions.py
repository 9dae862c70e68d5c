"""Sinusoidal positions, by hand."""

import math

import torch

from mmkit.layers.positions import Positions, sinusoids


def test_half_sines_then_half_cosines_counted_from_one():
    table = sinusoids(4, 7)
    for t in range(4):
        for i in range(3):
            angle = (t + 1) * 10000 ** (-i / 2)
            assert math.isclose(table[t, i], math.sin(angle), abs_tol=1e-5)
            assert math.isclose(table[t, 3 + i], math.cos(angle), abs_tol=1e-5)
        assert table[t, 6] == 0
    assert sinusoids(3, 2)[:, 0].tolist() == torch.arange(1.0, 4.0).sin().tolist()  # a single speed


def test_they_are_added_to_the_scaled_sequence():
    x = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(0))
    short, long = Positions(6, scale=3.0, steps=2), Positions(6, scale=3.0)
    torch.testing.assert_close(long(x), 3.0 * x + sinusoids(5, 6))
    torch.testing.assert_close(short(x), long(x))  # longer than the stored table
    assert not long.state_dict()
    assert long(x.double()).dtype == torch.float64


def test_a_zero_is_padding_only_where_asked_for():
    x = torch.randn(1, 3, 6, generator=torch.Generator().manual_seed(0))
    x[0, 1, 0] = 0.0
    torch.testing.assert_close(Positions(6)(x), x + sinusoids(3, 6))
    expected = x + sinusoids(3, 6)
    expected[0, 1] = x[0, 1]
    torch.testing.assert_close(Positions(6, zero_is_padding=True)(x), expected)

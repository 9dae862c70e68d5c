"""Widths by hand, and the network against its own formula in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from mmkit.layers.mlp import MLP, shrinking_widths


@pytest.mark.parametrize(
    ("inputs", "outputs", "division", "widths"),
    [
        (366, 5, 4, [91, 22]),
        (361, 180, 4, []),  # 90 is already below
        (768, 5, 4, [192, 48, 12]),
        (768, 1, 4, [192, 48, 12, 3]),
        (64, 16, 4, []),  # 16 itself is not above 16
        (65, 4, 4, [16]),
        (100, 3, 2, [50, 25, 12, 6]),
        (3, 1, 4, []),
        (20, 0, 4, [5]),
    ],
)
def test_widths_by_hand(inputs, outputs, division, widths):
    assert shrinking_widths(inputs, outputs, division) == widths


def test_the_network_is_its_formula():
    torch.manual_seed(0)
    net = MLP(6, 2, [5, 3], dropout=0.5).double()
    x = torch.randn(20, 6, dtype=torch.float64)
    net(x)  # one step in training mode moves the running statistics away from 0 and 1
    net.eval()
    h = x.numpy()
    linears = [m for m in net.layers if isinstance(m, nn.Linear)]
    norms = [m for m in net.layers if isinstance(m, nn.BatchNorm1d)]
    for linear, norm in zip(linears, [*norms, None], strict=True):
        h = h @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()
        if norm is not None:
            mean, var = norm.running_mean.numpy(), norm.running_var.numpy()
            h = np.maximum((h - mean) / np.sqrt(var + norm.eps) * norm.weight.detach().numpy() + norm.bias.detach().numpy(), 0)
    np.testing.assert_allclose(net(x).detach().numpy(), h, rtol=1e-9)
    assert [m.p for m in net.layers if isinstance(m, nn.Dropout)] == [0.5, 0.5]


def test_hidden_layers_start_with_the_gain_of_relu_and_the_last_without():
    torch.manual_seed(0)
    net = MLP(200, 200, [200])
    bound = (6 / 400) ** 0.5
    first, last = (m for m in net.layers if isinstance(m, nn.Linear))
    assert first.weight.abs().max().item() == pytest.approx(bound * 2**0.5, rel=0.01)
    assert last.weight.abs().max().item() == pytest.approx(bound, rel=0.01)


def test_without_hidden_layers_it_is_one_linear_layer():
    assert [type(m) for m in MLP(4, 3, []).layers] == [nn.Linear]

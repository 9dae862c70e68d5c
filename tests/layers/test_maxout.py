"""Maxout piece by piece; the max-norm against the definition, row by row."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from mmkit.errors import SettingsError
from mmkit.layers.counts import parameters
from mmkit.layers.maxout import MaxNorm, Maxout, keep_max_norm, max_norm


def test_maxout_is_the_largest_of_its_pieces():
    torch.manual_seed(0)
    layer, x = Maxout(4, 3, 5), torch.randn(7, 4)
    pieces = [x @ layer.linear.weight[3 * k : 3 * k + 3].T + layer.linear.bias[3 * k : 3 * k + 3] for k in range(5)]
    torch.testing.assert_close(layer(x), torch.stack(pieces).max(dim=0).values)
    assert parameters(layer) == 5 * 3 * (4 + 1)


def test_only_the_largest_piece_gets_a_gradient():
    layer = Maxout(2, 1, 3)
    with torch.no_grad():
        layer.linear.weight.copy_(torch.tensor([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]))
        layer.linear.bias.zero_()
    layer(torch.tensor([[1.0, 1.0]])).sum().backward()
    assert layer.linear.weight.grad.tolist() == [[0, 0], [0, 0], [1, 1]]


def rows():
    """A layer with incoming weights of lengths 5, 1 and 2.5."""
    layer = nn.Linear(2, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 4.0], [0.6, 0.8], [1.5, -2.0]]))
    return layer


def test_max_norm_shortens_long_rows_and_leaves_the_rest():
    layer = rows()
    bias = layer.bias.clone()
    max_norm(nn.Sequential(nn.ReLU(), layer), 2.0)
    torch.testing.assert_close(layer.weight[0], torch.tensor([1.2, 1.6]))
    assert layer.weight[1].tolist() == torch.tensor([0.6, 0.8]).tolist()  # bit for bit
    torch.testing.assert_close(layer.weight[2], torch.tensor([1.2, -1.6]))
    assert torch.equal(layer.bias, bias)
    wide = rows()
    max_norm(wide, 5.5)
    assert torch.equal(wide.weight, rows().weight)


def test_the_bound_holds_from_the_start_and_after_every_step():
    torch.manual_seed(0)
    kept, free = rows(), rows()
    learner = torch.optim.SGD([*kept.parameters(), *free.parameters()], lr=0.5)
    keep_max_norm(learner, [kept], 2.0)
    assert kept.weight.norm(dim=1).tolist() == pytest.approx([2, 1, 2])
    for _ in range(3):
        (-(kept(torch.ones(1, 2)) + free(torch.ones(1, 2))).sum()).backward()
        learner.step()
        learner.zero_grad()
        assert kept.weight.norm(dim=1).max() <= 2.0 + 1e-5
    assert free.weight.norm(dim=1).min() > 2.1


def test_impossible_sizes_are_refused():
    with pytest.raises(SettingsError, match="pieces = 0"):
        Maxout(3, 3, 0)
    for bound in (0.0, -1.0, float("nan")):
        with pytest.raises(SettingsError, match="bound = "):
            max_norm(nn.Linear(2, 2), bound)


def test_the_parametrization_is_the_projection_and_passes_its_gradient():
    torch.manual_seed(0)
    free, bound = nn.Linear(4, 3), nn.Linear(4, 3)
    with torch.no_grad():
        free.weight.copy_(torch.tensor([[3.0, 4, 0, 0], [0.3, 0.4, 0, 0], [0, 0, 6, 8]]))
        bound.weight.copy_(free.weight)
    parametrize.register_parametrization(bound, "weight", MaxNorm(2.0))
    max_norm(free, 2.0)
    torch.testing.assert_close(bound.weight, free.weight)
    assert torch.equal(bound.weight[1], free.weight[1])  # short rows stay
    original = bound.parametrizations.weight.original
    with torch.no_grad():
        original.mul_(100)
    torch.testing.assert_close(torch.linalg.vector_norm(bound.weight, dim=1), torch.full((3,), 2.0))
    bound.weight[0, 1].backward()
    assert original.grad[0].abs().sum() > 0
    assert not original.grad[1:].any()
    with pytest.raises(SettingsError, match="bound = 0, expected a number above 0"):
        MaxNorm(0)

"""Gated units against their equations, one example and one unit at a time."""

from __future__ import annotations

import math

import pytest
import torch

from mmkit.errors import SettingsError
from mmkit.layers.counts import parameters
from mmkit.layers.gates import GatedUnit, GatedUnits

DIMS, WIDTH, B = [3, 5, 2], 4, 6


def inputs(dims):
    rng = torch.Generator().manual_seed(0)
    return [torch.randn(B, dim, generator=rng) for dim in dims]


def affine(layer, row, x):
    """One unit's sum, number by number."""
    return sum(w * v for w, v in zip(layer.weight[row].tolist(), x, strict=True)) + (
        0 if layer.bias is None else layer.bias[row].item()
    )


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def seen(unit, x, n):
    """What the gate reads of example n."""
    if unit.reads == "inputs":
        return [value for part in x for value in part[n].tolist()]
    return [affine(layer, j, part[n].tolist()) for layer, part in zip(unit.maps, x, strict=True) for j in range(WIDTH)]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("reads", ["inputs", "preactivations"])
def test_the_tied_unit_is_its_equations(reads, bias):
    torch.manual_seed(0)
    x = inputs(DIMS[:2])
    unit = GatedUnit(DIMS[:2], WIDTH, bias, reads)
    h, gates = unit(x)
    for n in range(B):
        for j in range(WIDTH):
            first, second = (math.tanh(affine(layer, j, part[n].tolist())) for layer, part in zip(unit.maps, x, strict=True))
            z = sigmoid(affine(unit.gate, j, seen(unit, x, n)))
            assert h[n, j].item() == pytest.approx(z * first + (1 - z) * second, abs=1e-5)
            assert gates[n, :, j].tolist() == pytest.approx([z, 1 - z], abs=1e-5)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("reads", ["inputs", "preactivations"])
def test_independent_units_are_their_equations(reads, bias):
    torch.manual_seed(0)
    x = inputs(DIMS)
    unit = GatedUnits(DIMS, WIDTH, bias, reads)
    h, gates = unit(x)
    for n in range(B):
        for j in range(WIDTH):
            of = [math.tanh(affine(layer, j, part[n].tolist())) for layer, part in zip(unit.maps, x, strict=True)]
            z = [sigmoid(affine(unit.gate, m * WIDTH + j, seen(unit, x, n))) for m in range(len(DIMS))]
            assert h[n, j].item() == pytest.approx(sum(a * b for a, b in zip(z, of, strict=True)), abs=1e-5)
            assert gates[n, :, j].tolist() == pytest.approx(z, abs=1e-5)


def test_the_tied_gate_is_the_share_of_the_first_modality():
    torch.manual_seed(0)
    unit, (first, second) = GatedUnit([3, 5], WIDTH, bias=True), inputs([3, 5])
    with torch.no_grad():
        unit.gate.bias += 50.0  # every gate is open: z = 1
    h, gates = unit([first, second])
    torch.testing.assert_close(h, unit.maps[0](first).tanh())
    torch.testing.assert_close(gates, torch.tensor([1.0, 0.0])[None, :, None].expand(B, 2, WIDTH))


def test_independent_gates_need_not_sum_to_one():
    torch.manual_seed(0)
    _, gates = GatedUnits(DIMS, WIDTH)(inputs(DIMS))
    assert (gates.sum(dim=1) - 1).abs().min() > 0.05
    assert gates.min() > 0
    assert gates.max() < 1


@pytest.mark.parametrize(
    ("unit", "count"),
    [
        (GatedUnit([3, 5], 4), 8 * 4 + 8 * 4),
        (GatedUnit([3, 5], 4, bias=True), 8 * 4 + 8 * 4 + 3 * 4),
        (GatedUnit([3, 5], 4, reads="preactivations"), 8 * 4 + 8 * 4),
        (GatedUnits(DIMS, 4), 10 * 4 + 3 * 10 * 4),
        (GatedUnits(DIMS, 4, bias=True, reads="preactivations"), 10 * 4 + 12 * 12 + 6 * 4),
    ],
)
def test_no_biases_unless_asked_for(unit, count):
    assert parameters(unit) == count


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: GatedUnit([3, 5, 2], 4), "got 3; GatedUnits takes any number"),
        (lambda: GatedUnit([3, 5], 4, reads="input"), "did you mean 'inputs'"),
        (lambda: GatedUnits([3], 4, reads="preactivation"), "did you mean 'preactivations'"),
        (lambda: GatedUnits([], 4), "no modalities"),
    ],
)
def test_impossible_units_are_refused(make, told):
    with pytest.raises(SettingsError, match=told):
        make()

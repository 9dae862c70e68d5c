"""Gated convolutions against a loop over steps and offsets, the reach of padding and of the future, and the initial spread."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from mmkit.errors import SettingsError
from mmkit.layers.convolution import CausalGatedConvolution, GatedConvolution, normalised_linear

INPUTS, CHANNELS, B, S = 5, 4, 3, 7


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def make(kind: type[nn.Module], kernel: int = 3) -> nn.Module:
    """A layer whose g and biases have moved away from where they start, as after training."""
    torch.manual_seed(0)
    layer = kind(INPUTS, CHANNELS, kernel).eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return layer


def normalised(module: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """(w, bias), w = g v / |v| for each output by itself."""
    g = module.parametrizations.weight.original0.detach().numpy()
    v = module.parametrizations.weight.original1.detach().numpy()
    w = np.stack([g[j] * v[j] / np.sqrt((v[j] ** 2).sum()) for j in range(len(v))])
    return w, module.bias.detach().numpy()


def by_hand(layer: nn.Module, x: np.ndarray, before: int) -> np.ndarray:
    """One sentence (S, C_in), step by step; `before` steps of the kernel lie before the one that it writes."""
    w, bias = normalised(layer.convolution)
    out = []
    for i in range(len(x)):
        both = bias.copy()
        for offset in range(w.shape[2]):
            at = i + offset - before
            if 0 <= at < len(x):  # outside of the sentence is zero
                both += w[:, :, offset] @ x[at]
        a, b = both[:CHANNELS], both[CHANNELS:]
        out.append(a / (1 + np.exp(-b)))
    return np.stack(out)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_the_centred_layer_is_its_equation_on_the_real_steps(kernel):
    layer, x = make(GatedConvolution, kernel), draw(B, S, INPUTS)
    lengths = [S, 4, 1]
    keep = torch.arange(S) < torch.tensor(lengths)[:, None]
    y = layer(x, keep).detach().numpy()
    for b, length in enumerate(lengths):
        np.testing.assert_allclose(y[b, :length], by_hand(layer, x[b, :length].numpy(), kernel // 2), atol=1e-6)


def test_what_stands_in_the_padding_reaches_no_real_step():
    layer, x = make(GatedConvolution), draw(B, S, INPUTS)
    keep = torch.ones(B, S, dtype=torch.bool)
    keep[:, :2] = False  # padding in front
    keep[1, 5:] = False
    y, moved = layer(x, keep), x.masked_fill(~keep[..., None], 50.0)
    torch.testing.assert_close(layer(moved, keep)[keep], y[keep], rtol=0, atol=0)
    moved = x.clone()
    moved[:, 3] += 1
    reached = (layer(moved, keep) - y).abs().amax(dim=(0, 2)) > 1e-4
    assert reached.tolist() == [False, False, True, True, True, False, False]  # a real step reaches one to each side


@pytest.mark.parametrize("kernel", [1, 3, 4])
def test_the_causal_layer_is_its_equation(kernel):
    layer, x = make(CausalGatedConvolution, kernel), draw(B, S, INPUTS)
    y, _ = layer(x, layer.empty(B, x))
    for b in range(B):
        np.testing.assert_allclose(y[b].detach().numpy(), by_hand(layer, x[b].numpy(), kernel - 1), atol=1e-6)


@pytest.mark.parametrize("pieces", [[1] * S, [2, 1, 4], [5, 2]])
@pytest.mark.parametrize("kernel", [1, 3, 6])
def test_a_sentence_in_pieces_gives_what_it_gives_whole(kernel, pieces):
    layer, x = make(CausalGatedConvolution, kernel), draw(B, S, INPUTS)
    whole, last = layer(x, layer.empty(B, x))
    past, parts = layer.empty(B, x), []
    for piece in x.split(pieces, dim=1):
        y, past = layer(piece, past)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)
    torch.testing.assert_close(past, last)
    assert past.shape == (B, kernel - 1, INPUTS)


def test_the_future_changes_nothing():
    layer, x = make(CausalGatedConvolution), draw(B, S, INPUTS)
    moved = x.clone()
    moved[:, 3] += 1
    change = layer(moved, layer.empty(B, x))[0] - layer(x, layer.empty(B, x))[0]
    assert (change.abs().amax(dim=(0, 2)) > 1e-4).tolist() == [False, False, False, True, True, True, False]


def test_weights_start_with_the_printed_spread_and_biases_at_zero():
    torch.manual_seed(0)
    linear = normalised_linear(400, 300, dropout=0.2)
    assert linear.weight.std().item() == pytest.approx((0.8 / 400) ** 0.5, rel=0.02)
    for kind in (GatedConvolution, CausalGatedConvolution):
        convolution = kind(100, 150, 3, dropout=0.2).convolution
        assert convolution.weight.shape == (300, 100, 3)
        assert convolution.weight.std().item() == pytest.approx((4 * 0.8 / 300) ** 0.5, rel=0.02)
        assert not convolution.bias.any()
    assert not linear.bias.any()


def test_the_linear_layer_normalises_each_output():
    linear = normalised_linear(6, 3)
    with torch.no_grad():
        linear.parametrizations.weight.original0 += torch.tensor([[0.5], [1.0], [-0.2]])
        linear.parametrizations.weight.original1 *= 7  # the length of v does not matter
    w, _ = normalised(linear)
    x = draw(4, 6)
    np.testing.assert_allclose(linear(x).detach().numpy(), x.numpy() @ w.T, atol=1e-6)


@pytest.mark.parametrize("kind", [GatedConvolution, CausalGatedConvolution])
def test_dropout_falls_on_what_enters_the_convolution(kind):
    torch.manual_seed(0)
    layer, seen = kind(50, 2, 1, dropout=0.3), []
    layer.convolution.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = torch.ones(10, 20, 50)
    second = torch.ones(10, 20, dtype=torch.bool) if kind is GatedConvolution else layer.empty(10, x)
    layer(x, second)
    layer.eval()(x, second)
    dropped, kept = seen
    assert (dropped == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert dropped.max().item() == pytest.approx(1 / 0.7)
    assert (kept == 1).all()


def test_an_even_kernel_has_no_centre():
    with pytest.raises(SettingsError, match="kernel = 4 has no centre"):
        GatedConvolution(3, 3, 4)

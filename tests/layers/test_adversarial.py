"""The pushed loss against two plain passes, the push against its definition, and drops that are the same in both passes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmkit.layers.adversarial import adversarial, fgm, push

B, T, D, C = 5, 4, 3, 6


class Small(nn.Module):
    """Reads the last step through a nonlinear unit and the masked mean of the others; one parameter is never used."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.inner, self.drop, self.outer = nn.Linear(2 * D, 8), nn.Dropout(dropout), nn.Linear(8, C)
        self.idle = nn.Parameter(torch.ones(2))
        self.frozen = nn.Parameter(torch.ones(C), requires_grad=False)

    def forward(self, x, keep):
        mean = (x * keep[:, :, None]).sum(dim=1) / keep.sum(dim=1, keepdim=True)
        return self.outer(self.drop(torch.tanh(self.inner(torch.cat([x[:, -1], mean], dim=1))))) * self.frozen


def step(model, batch):
    return {"loss": F.cross_entropy(model(batch["features"], batch["keep"]), batch["label"])}


def case(dropout=0.0):
    torch.manual_seed(0)
    model = Small(dropout)
    rng = torch.Generator().manual_seed(1)
    keep = torch.arange(T) >= torch.tensor([0, 1, 3, 2, 0])[:, None]
    x = torch.randn(B, T, D, generator=rng)
    return model, {"features": x, "keep": keep, "label": torch.randint(0, C, (B,), generator=rng)}


def test_a_push_has_its_length_and_the_direction_of_the_gradient():
    rng = torch.Generator().manual_seed(0)
    g, keep = torch.randn(B, T, D, generator=rng), case()[1]["keep"]
    r = push(g, keep, 0.7)
    for b in range(B):
        real = g[b][keep[b]]
        torch.testing.assert_close(r[b][keep[b]], 0.7 * real / sum(v**2 for v in real.flatten().tolist()) ** 0.5)
        assert not r[b][~keep[b]].any()
    assert not push(torch.zeros(B, T, D), keep, 0.7).any()  # nowhere to go
    torch.testing.assert_close(push(1e-30 * g, keep, 0.7), r)  # squares of such gradients are zeros


def two_passes(model, batch, epsilon, drops=None):
    """Gradients of equation 6, each loss with a backward pass of its own; `drops` is the state of the generator for both."""

    def loss(x):
        if drops is not None:
            torch.set_rng_state(drops)
        return step(model, {**batch, "features": x})["loss"]

    u = batch["features"].clone().requires_grad_()
    (g,) = torch.autograd.grad(loss(u), u)
    g = g * batch["keep"][:, :, None]
    r = epsilon * g / g.flatten(1).norm(dim=1)[:, None, None]
    model.zero_grad()
    clean, pushed = loss(batch["features"]), loss(batch["features"] + r)
    (clean + pushed).backward()
    return clean.item(), pushed.item(), {name: p.grad for name, p in model.named_parameters()}


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("epsilon", [0.0, 0.3, 5.0])
def test_loss_and_gradients_are_those_of_two_plain_passes(dropout, epsilon):
    model, batch = case(dropout)
    drops = torch.get_rng_state()
    clean, pushed, wanted = two_passes(model, batch, epsilon, drops)
    model.zero_grad()
    torch.set_rng_state(drops)
    found = adversarial(step, epsilon)(model, batch)
    assert (found["clean"].item(), found["pushed"].item()) == pytest.approx((clean, pushed), rel=1e-5)
    assert found["loss"].item() == pytest.approx(clean + pushed, rel=1e-5)
    assert all(p.grad is None for p in model.parameters())  # nothing but the returned loss leaves gradients
    (3 * found["loss"]).backward()  # as where a loss is weighted
    for name, parameter in model.named_parameters():
        if wanted[name] is None:
            assert parameter.grad is None or not parameter.grad.any(), name
        else:
            torch.testing.assert_close(parameter.grad, 3 * wanted[name], atol=1e-6, rtol=1e-5)
    assert not found["clean"].requires_grad
    assert not batch["features"].requires_grad


def test_the_next_batch_draws_other_drops():
    model, batch = case(0.5)
    drops = torch.get_rng_state()
    step(model, batch)
    once = torch.get_rng_state()
    torch.set_rng_state(drops)
    adversarial(step, 1.0)(model, batch)
    assert torch.equal(torch.get_rng_state(), once)  # two passes draw as much as one
    assert not torch.equal(once, drops)


def test_both_passes_drop_the_same_units():
    model, batch = case(0.5)
    found = adversarial(step, 0.0)(model, batch)
    assert found["pushed"].item() == pytest.approx(found["clean"].item())


def test_the_push_is_a_constant():
    """Twice the slope at epsilon 0, where a push that is not a constant would add what the push itself does."""
    model, batch = case()
    (g,) = torch.autograd.grad(step(model, batch)["loss"], model.inner.weight)
    adversarial(step, 0.0)(model, batch)["loss"].backward()
    torch.testing.assert_close(model.inner.weight.grad, 2 * g)


def test_an_attack_raises_the_loss_more_than_any_other_push_of_its_length():
    model, batch = case()
    model.eval()
    epsilon = 1e-2
    with torch.no_grad():  # as in prediction
        attacked = fgm(model, batch, epsilon, step)
        before, after = step(model, batch)["loss"], step(model, attacked)["loss"]
        assert torch.equal(attacked["features"][~batch["keep"]], batch["features"][~batch["keep"]])
        length = (attacked["features"] - batch["features"]).flatten(1).norm(dim=1)
        torch.testing.assert_close(length, torch.full((B,), epsilon), atol=1e-5, rtol=1e-4)
        rng = torch.Generator().manual_seed(0)
        for _ in range(50):
            other = push(torch.randn(B, T, D, generator=rng), batch["keep"], epsilon)
            assert step(model, {**batch, "features": batch["features"] + other})["loss"] < after
    assert after > before
    assert set(attacked) == set(batch)
    assert all(p.grad is None for p in model.parameters())
    assert not attacked["features"].requires_grad

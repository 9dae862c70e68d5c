"""Laplace layers against Pyro's own distributions and slower formulas, and the ELBOs against each other."""

from __future__ import annotations

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import kl_divergence

from mmkit.errors import SettingsError
from mmkit.layers.variational import ELBOS, PRIORS, LaplaceLinear, Posterior, Prior, elbo, laplace_noise


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def layer(inputs=4, outputs=3, **how):
    """With scales that differ from weight to weight."""
    torch.manual_seed(0)
    made = LaplaceLinear(inputs, outputs, **how)
    with torch.no_grad():
        made.raw_scale += torch.randn_like(made.raw_scale)
    return made


def pyros(a):
    """(q, p0) of a layer as Pyro's distributions over the whole matrix."""
    q = dist.Laplace(a.loc, F.softplus(a.raw_scale) + 1e-6)
    return q.to_event(2), dist.Laplace(a.prior_loc, a.prior_scale).expand(a.loc.shape).to_event(2)


# --- one layer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(4, 3), (1300, 401)])  # the second fills more than one block
def test_a_draw_is_the_reparameterised_formula(size):
    a = layer(*size)
    theta = a.draw(seeded(5))
    u = torch.empty(a.loc.shape).uniform_(-0.5 + 2**-23, 0.5 - 2**-23, generator=seeded(5)).double()
    by_hand = a.loc.double() - a.scale.double() * u.sign() * (1 - 2 * u.abs()).log()
    torch.testing.assert_close(theta.double(), by_hand, rtol=1e-4, atol=1e-4)
    assert torch.equal(theta, a.draw(seeded(5)))
    assert not torch.equal(theta, a.draw(seeded(6)))
    assert not theta.requires_grad


def test_the_noise_is_standard_laplace():
    e = laplace_noise((200_000,), torch.zeros(()), seeded())
    assert e.mean().item() == pytest.approx(0, abs=0.02)
    assert e.var().item() == pytest.approx(2, rel=0.02)
    for level in (0.1, 0.3, 0.8):
        assert e.quantile(level).item() == pytest.approx(dist.Laplace(0.0, 1.0).icdf(torch.tensor(level)).item(), abs=0.02)


@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_ends_of_the_interval_give_no_infinite_weight(end, dtype, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "uniform_", lambda self, *ends, generator=None: self.fill_(ends[end]))
    e = laplace_noise((3,), torch.zeros((), dtype=dtype))
    assert e.isfinite().all()
    assert (e > 0).all() == bool(end)
    assert e.abs().min() > 10


def test_gradients_of_draw_and_kl_are_the_numerical_ones():
    a = layer().double()
    e = laplace_noise(a.loc.shape, a.loc, seeded()).double()

    def draw(loc, raw):
        torch.manual_seed(3)
        return Posterior(loc, raw).rsample()

    def kl(loc, raw):
        return kl_divergence(Posterior(loc, raw), Prior(0.3, 0.2, loc.shape))

    point = a.loc.detach().requires_grad_(), a.raw_scale.detach().requires_grad_()
    assert torch.autograd.gradcheck(draw, point)
    assert torch.autograd.gradcheck(kl, point)
    assert torch.autograd.gradcheck(lambda *x: 7 * kl(*x), point)
    assert e.isfinite().all()


def test_kl_in_numbers():
    a = LaplaceLinear(1, 1, prior_scale=0.5)
    with torch.no_grad():
        a.loc.copy_(torch.tensor([[0.3, 0.0]]))
        a.raw_scale.copy_(torch.tensor([[0.2, 0.5]]).expm1().log())
    assert a.kl().item() == pytest.approx(0.605543, abs=2e-5)  # and the bias, equal to its prior, adds nothing


@pytest.mark.parametrize("init", PRIORS)
@pytest.mark.parametrize("size", [(4, 3), (1300, 401)])
def test_kl_and_densities_are_pyros(init, size):
    a = layer(*size, prior_loc=PRIORS[init][0], prior_scale=PRIORS[init][1], init=init)
    (q, p), theta = pyros(a), a.draw(seeded())
    torch.testing.assert_close(a.kl(), kl_divergence(q, p), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(a.posterior().log_prob(theta), q.log_prob(theta), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(a.prior().log_prob(theta), p.log_prob(theta), rtol=1e-4, atol=1e-4)


def test_the_closed_form_is_the_mean_of_log_ratios():
    a = layer(prior_loc=0.1, prior_scale=0.3)
    with torch.no_grad():
        ratios = [a.posterior().log_prob(t) - a.prior().log_prob(t) for t in (a.draw(g) for g in map(seeded, range(600)))]
        ratios = torch.stack(ratios)
        assert a.kl().item() == pytest.approx(ratios.mean().item(), abs=4 * ratios.std().item() / math.sqrt(600))


def test_a_vanishing_scale_stays_positive_and_trainable():
    a = LaplaceLinear(2, 2)
    with torch.no_grad():
        a.raw_scale.fill_(-200.0)
    assert a.scale.tolist() == [[pytest.approx(1e-6)] * 3] * 2
    (a.kl() + a.posterior().rsample().sum()).backward()
    assert a.raw_scale.grad.isfinite().all()
    assert a.loc.grad.isfinite().all()


def test_starts():
    torch.manual_seed(0)
    usual, paper, released = (LaplaceLinear(99, 400, init=init) for init in ("default", "paper", "released"))
    assert usual.loc.abs().max().item() == pytest.approx(1 / math.sqrt(99), rel=0.01)
    assert usual.loc.std().item() == pytest.approx(1 / math.sqrt(3 * 99), rel=0.02)
    assert (paper.loc == 0.1).all()
    for a in (usual, paper):
        torch.testing.assert_close(a.scale, torch.full_like(a.scale, 0.01), rtol=1e-3, atol=0)
    assert released.loc.std().item() == pytest.approx(0.001, rel=0.02)
    assert released.loc.mean().item() == pytest.approx(0, abs=1e-4)
    assert released.scale.mean().item() == pytest.approx(math.log(2), abs=1e-3)
    assert released.raw_scale.std().item() == pytest.approx(0.01, rel=0.02)


def test_the_mean_is_used_unless_a_theta_is_given_and_the_bias_is_its_last_column():
    a, x = layer(), torch.randn(5, 4, generator=seeded())
    torch.testing.assert_close(a(x), F.linear(x, a.loc[:, :4], a.loc[:, 4]))
    theta = a.draw(seeded())
    torch.testing.assert_close(a(x, theta), F.linear(x, theta[:, :4], theta[:, 4]))


# --- activations instead of weights -------------------------------------------------------------------------------


def test_sampled_activations_have_the_mean_and_variance_of_sampled_weights():
    x = torch.randn(2, 4, generator=seeded())
    ways = {}
    for sample in ("weights", "activations"):
        a = layer(sample=sample)
        with torch.no_grad():
            ways[sample] = torch.stack([a(x, a.noisy()) for _ in range(2000)])
    exact = (F.pad(x, (0, 1), value=1.0).square() @ (2 * a.scale.square()).T).detach()
    for name, y in ways.items():
        torch.testing.assert_close(y.mean(dim=0), a(x), atol=5 * (exact.max() / 2000).sqrt().item(), rtol=0, msg=name)
        torch.testing.assert_close(y.var(dim=0), exact, rtol=0.2, atol=0, msg=name)


def test_examples_share_sampled_weights_but_not_sampled_activations():
    x = torch.ones(2, 4)
    for sample, same in (("weights", True), ("activations", False)):
        a = layer(sample=sample)
        y = a(x, a.noisy())
        assert torch.equal(y[0], y[1]) == same, sample
        y.sum().backward()
        assert a.raw_scale.grad.abs().min() > 0


def test_a_single_input_shows_that_the_activations_are_only_nearly_right():
    """One Laplace weight has kurtosis 6, the normal one 3."""

    def kurtosis(sample):
        a = LaplaceLinear(1, 1, sample=sample)
        with torch.no_grad():
            a.raw_scale[:, 1] = -100.0  # no noise in the bias
            y = a(torch.ones(20_000, 1), a.noisy()) if sample == "activations" else laplace_noise((20_000,), a.loc, seeded())
        y = y - y.mean()
        return (y**4).mean() / y.square().mean().square()

    torch.manual_seed(0)
    assert kurtosis("activations").item() == pytest.approx(3, abs=0.3)
    assert kurtosis("weights").item() > 5


# --- the ELBOs ----------------------------------------------------------------------------------------------------

B, G, N = 8, 3, 50


class Net:
    """A hidden layer with a posterior, a plain read-out, and a batch norm that counts how often it runs."""

    def __init__(self, sample="weights"):
        self.hidden = layer(4, 5, sample=sample)
        torch.manual_seed(1)
        self.norm, self.readout = nn.BatchNorm1d(4), nn.Linear(5, G)
        self.x, self.y = torch.randn(B, 4), (torch.rand(B, G) > 0.5).float()

    def predict(self, thetas):
        return self.readout(self.hidden(self.norm(self.x), thetas["hidden"]).tanh())

    def step(self, kind, seed=0, weight=1.0):
        """(terms, gradients of everything)."""
        torch.manual_seed(seed)
        terms = elbo(kind, {"hidden": self.hidden}, self.predict, self.y, N, weight)
        parameters = [*self.hidden.parameters(), *self.readout.parameters(), *self.norm.parameters()]
        return terms, torch.cat([g.flatten() for g in torch.autograd.grad(terms["loss"], parameters)])


def test_the_loss_is_the_formula():
    net = Net()
    for kind in ELBOS:
        terms, _ = net.step(kind, seed=4, weight=0.3)
        torch.manual_seed(4)
        theta = net.hidden.posterior().rsample()
        bce = F.binary_cross_entropy_with_logits(net.predict({"hidden": theta}), net.y)
        kl = net.hidden.kl()
        if kind in ("v1", "v2"):
            q, p = pyros(net.hidden)
            kl = q.log_prob(theta) - p.log_prob(theta)
        assert terms["likelihood"].item() == pytest.approx(-bce.item(), abs=1e-5), kind
        assert terms["kl"].item() == pytest.approx(kl.item() / (N * G), rel=1e-3), kind
        assert terms["loss"].item() == pytest.approx(bce.item() + 0.3 * kl.item() / (N * G), abs=1e-5), kind
        assert not terms["kl"].requires_grad


def test_rao_blackwellisation_changes_nothing_for_a_reparameterised_posterior():
    net = Net()
    for seed in range(3):
        (one, first), (two, second) = net.step("v1", seed), net.step("v2", seed)
        assert first.abs().max() > 1e-3
        torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(one["loss"], two["loss"])
    assert not torch.allclose(net.step("v1", 0)[1], net.step("v1", 1)[1], rtol=1e-2)


def test_the_closed_form_keeps_the_mean_gradient_and_lowers_its_variance():
    net = Net()
    with torch.no_grad():
        net.hidden.raw_scale.fill_(-1.0)  # a small scale changes the sign of a weight too rarely to be seen in 150 draws
    gradients = {kind: torch.stack([net.step(kind, seed)[1] for seed in range(150)]) for kind in ("v1", "v3")}
    gap = gradients["v1"] - gradients["v3"]  # paired: the same noise
    error = gap.std(dim=0) / math.sqrt(len(gap))
    assert (gap.mean(dim=0).abs() <= 4.5 * error + 1e-7).all()
    of_weights = slice(0, 2 * net.hidden.loc.numel())
    assert gradients["v3"][:, of_weights].var(dim=0).sum() < 0.9 * gradients["v1"][:, of_weights].var(dim=0).sum()


def test_lambda_is_v3_with_a_weighted_kl():
    net = Net()
    (whole, g_whole), (fifth, g_fifth), (none, g_none) = (net.step("lambda", 2, w) for w in (1.0, 0.2, 1e-9))
    torch.testing.assert_close(net.step("v3", 2)[1], g_whole)
    torch.testing.assert_close(g_none + 0.2 * (g_whole - g_none), g_fifth)
    assert (whole["loss"] - fifth["loss"]).item() == pytest.approx(0.8 * whole["kl"].item(), rel=1e-4)
    torch.testing.assert_close(whole["kl"], fifth["kl"])
    assert none["loss"].item() == pytest.approx(-whole["likelihood"].item(), abs=1e-6)


@pytest.mark.parametrize("kind", ELBOS)
def test_without_weight_the_kl_is_told_and_not_trained_on(kind):
    net = Net()
    (none, g_none), (tiny, g_tiny) = (net.step(kind, 3, w) for w in (0.0, 1e-9))
    torch.testing.assert_close(g_none, g_tiny, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(none["loss"], tiny["loss"])
    assert none["kl"].item() == pytest.approx(net.hidden.kl().item() / (N * G))


def test_kl_is_shared_out_over_the_training_set():
    net = Net()
    few, _ = net.step("v3")
    net_kl = net.hidden.kl().item()
    terms = elbo("v3", {"hidden": net.hidden}, net.predict, net.y, 10 * N)
    assert few["kl"].item() == pytest.approx(net_kl / (N * G), rel=1e-4)
    assert terms["kl"].item() == pytest.approx(net_kl / (10 * N * G), rel=1e-3)


@pytest.mark.parametrize("kind", ELBOS)
def test_sampled_activations_train_on_the_closed_form(kind):
    net = Net("activations")
    terms, gradient = net.step(kind, weight=0.5)
    assert terms["kl"].item() == pytest.approx(net.hidden.kl().item() / (N * G), rel=1e-4)
    assert terms["loss"].item() == pytest.approx(0.5 * terms["kl"].item() - terms["likelihood"].item(), abs=1e-5)
    torch.manual_seed(0)
    bce = F.binary_cross_entropy_with_logits(net.predict({"hidden": net.hidden.noisy()}), net.y)
    by_hand = torch.autograd.grad(bce + 0.5 * net.hidden.kl() / (N * G), list(net.hidden.parameters()))
    torch.testing.assert_close(gradient[: 2 * net.hidden.loc.numel()], torch.cat([g.flatten() for g in by_hand]))


@pytest.mark.parametrize("sample", ["weights", "activations"])
@pytest.mark.parametrize("kind", ELBOS)
def test_a_step_runs_the_network_once_and_leaves_pyros_store_empty(kind, sample):
    net = Net(sample)
    pyro.clear_param_store()
    net.step(kind)
    assert list(pyro.get_param_store()) == []
    assert net.norm.num_batches_tracked == 1


def test_impossible_layers_and_losses_are_refused():
    for how, told in (
        ({"init": "papr"}, "init = 'papr'; did you mean 'paper'"),
        ({"sample": "weight"}, "did you mean 'weights'"),
        ({"prior_scale": 0.0}, "prior_scale = 0.0"),
    ):
        with pytest.raises(SettingsError, match=told):
            LaplaceLinear(2, 2, **how)
    with pytest.raises(SettingsError, match="elbo = 'v4'"):
        Net().step("v4")

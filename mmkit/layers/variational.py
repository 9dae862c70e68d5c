r"""Dense layers whose weights have Laplace distributions, and the evidence lower bounds (ELBOs) that train them, in Pyro.

q(theta_j) = Laplace(mu_j, b_j), density exp(-|theta - mu| / b) / 2b, variance 2 b^2; b = softplus(rho) + 1e-6.
Prior p0(theta_j) = Laplace(mu_0, b_0), the same for all j. Reparameterised, with u ~ U(-1/2, 1/2):
theta = mu - b sign(u) log(1 - 2|u|)  (Armitage et al. 2020, section 3; their "variance" is the scale b).

mu and rho are plain parameters of plain modules, and every sample site is named at the call: Pyro's global parameter store
stays empty, and any torch optimiser trains them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import pyro
import pyro.distributions as dist
import torch
import torch.nn.functional as F
from pyro import poutine
from pyro.distributions import TorchDistribution
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO
from pyro.poutine.util import prune_subsample_sites
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.distributions import kl_divergence, register_kl

from mmkit.errors import SettingsError, nearest

PRIORS = {"default": (0.0, 0.1), "paper": (0.1, 0.01), "released": (1.0, 1.0)}  # (mu_0, b_0) that go with each start
SAMPLES = ("weights", "activations")
ELBOS = ("v1", "v2", "v3", "lambda")
SMALLEST = 1e-6

Thetas = Mapping[str, "Tensor | Posterior"]


def laplace_noise(shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """-sign(u) log(1 - 2|u|), u ~ U(-1/2, 1/2): standard Laplace noise of like's type and device."""
    edge = 0.5 - torch.finfo(like.dtype).eps  # log(0) is out of reach
    noise = torch.empty(shape, dtype=like.dtype, device=like.device).uniform_(-edge, edge, generator=generator)
    for (u,) in _blocks(noise):
        torch.copysign(u.abs().mul_(-2).log1p_(), u, out=u)
    return noise


def _blocks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The same rows of each tensor, a quarter of a million numbers at a time; on other devices than the CPU all at once.

    Millions of weights per step are worth it: a block and what is computed from it stay in the cache, and their memory is
    used again, whereas the system clears every page of a fresh large tensor, which takes longer than the arithmetic.
    """
    first = tensors[0]
    rows = max(2**18 // max(first[0].numel(), 1), 1) if first.device.type == "cpu" else len(first)
    return zip(*(tensor.split(rows) for tensor in tensors), strict=True)


def positive(raw: Tensor) -> Tensor:
    """b = softplus(rho) + 1e-6: it cannot underflow, and its gradient does not stop as behind a clamp."""
    return F.softplus(raw).add_(SMALLEST)


class _Draw(torch.autograd.Function):
    """theta = mu + b(rho) * noise."""

    @staticmethod
    def forward(ctx: Any, loc: Tensor, raw: Tensor, noise: Tensor) -> Tensor:
        theta = torch.empty_like(noise)
        for mu, rho, e, out in _blocks(loc, raw, noise, theta):
            torch.addcmul(mu, positive(rho), e, out=out)
        ctx.save_for_backward(raw, noise)
        return theta

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        raw, noise = ctx.saved_tensors
        to_raw = torch.empty_like(raw)
        for g, rho, e, out in _blocks(grad, raw, noise, to_raw):
            torch.mul(g, e, out=out).mul_(rho.sigmoid())
        return grad, to_raw, None


class _KL(torch.autograd.Function):
    """Sum over weights of log(b_0 / b) + a / b_0 + (b / b_0) s - 1, with a = |mu - mu_0| and s = exp(-a / b)."""

    @staticmethod
    def forward(ctx: Any, loc: Tensor, raw: Tensor, loc_0: float, scale_0: float) -> Tensor:
        total = loc.new_zeros(())
        for mu, rho in _blocks(loc, raw):
            b, a = positive(rho), (mu - loc_0).abs_()
            s = (a / b).neg_().exp_()
            total += (s.mul_(b).add_(a).div_(scale_0).sub_(b.log_())).sum()
        ctx.save_for_backward(loc, raw)
        ctx.prior = loc_0, scale_0
        return total + loc.numel() * (math.log(scale_0) - 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """d/dmu = sign(mu - mu_0) (1 - s) / b_0;  d/db = (1 + a / b) s / b_0 - 1 / b,  db/drho = sigmoid(rho)."""
        (loc, raw), (loc_0, scale_0) = ctx.saved_tensors, ctx.prior
        to_loc, to_raw = torch.empty_like(loc), torch.empty_like(raw)
        for mu, rho, out_loc, out_raw in _blocks(loc, raw, to_loc, to_raw):
            b, away = positive(rho), mu - loc_0
            ratio = away.abs().div_(b)
            s = ratio.neg().exp_()
            torch.sub(1, s, out=out_loc).mul_(away.sign_()).mul_(grad / scale_0)
            torch.mul(ratio.add_(1), s, out=out_raw).div_(scale_0).sub_(b.reciprocal_()).mul_(rho.sigmoid()).mul_(grad)
        return to_loc, to_raw, None, None


class Posterior(TorchDistribution):
    """q of one layer's theta, one event of shape (outputs, inputs + 1): log_prob and KL are sums over all weights, shape ()."""

    arg_constraints: ClassVar[dict] = {}
    has_rsample = True

    def __init__(self, loc: Tensor, raw_scale: Tensor) -> None:
        self.loc, self.raw_scale = loc, raw_scale
        super().__init__(event_shape=loc.shape, validate_args=False)

    @property
    def scale(self) -> Tensor:
        return positive(self.raw_scale)

    def rsample(self, sample_shape: tuple[int, ...] = (), generator: torch.Generator | None = None) -> Tensor:
        if tuple(sample_shape):
            raise NotImplementedError("one theta at a time")
        return _Draw.apply(self.loc, self.raw_scale, laplace_noise(self.loc.shape, self.loc, generator))

    def log_prob(self, value: Tensor) -> Tensor:
        scale = self.scale
        return -((value - self.loc).abs() / scale + (2 * scale).log()).sum()


class Prior(TorchDistribution):
    """p0 of one layer's theta, the same Laplace distribution for all weights: its density only."""

    arg_constraints: ClassVar[dict] = {}

    def __init__(self, loc: float, scale: float, shape: tuple[int, ...]) -> None:
        self.loc, self.scale = loc, scale
        super().__init__(event_shape=torch.Size(shape), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        return -(value - self.loc).abs().sum() / self.scale - value.numel() * math.log(2 * self.scale)


@register_kl(Posterior, Prior)
def _kl(q: Posterior, p: Prior) -> Tensor:
    return _KL.apply(q.loc, q.raw_scale, p.loc, p.scale)


class LaplaceLinear(nn.Module):
    r"""y = theta [x; 1] with Laplace-distributed theta (outputs, inputs + 1); its last column is the bias.

    init 'default': mu as torch.nn.Linear starts its weights, b = 0.01. 'paper': every mu is 0.1, b = 0.01; all units start
    equal, and many standardised inputs saturate them. 'released': mu ~ N(0, 0.001), rho ~ N(0, 0.01), so b is about 0.69.
    PRIORS names the (mu_0, b_0) that goes with each.
    sample 'weights': one theta per batch. 'activations': each example has its own y, drawn from the normal distribution with
    the mean and variance (2 sum_i x_i^2 b_i^2) that the sum over inputs really has. Unlike with normal weights this is no
    exact exchange: a sum of many Laplace variables is only nearly normal (central limit), and few inputs make it visible.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        prior_loc: float = 0.0,
        prior_scale: float = 0.1,
        init: str = "default",
        sample: str = "weights",
    ) -> None:
        super().__init__()
        for name, value, known in (("init", init, tuple(PRIORS)), ("sample", sample, SAMPLES)):
            if value not in known:
                raise SettingsError(f"Laplace layer: {name} = {value!r}{nearest(value, known)}")
        if not prior_scale > 0:
            raise SettingsError(f"Laplace layer: prior_scale = {prior_scale}, expected a number above 0")
        self.sample, self.prior_loc, self.prior_scale = sample, prior_loc, prior_scale
        self.loc = nn.Parameter(torch.empty(outputs, inputs + 1))
        self.raw_scale = nn.Parameter(torch.full((outputs, inputs + 1), math.log(math.expm1(0.01))))
        if init == "default":
            nn.init.uniform_(self.loc, -1 / math.sqrt(inputs), 1 / math.sqrt(inputs))
        elif init == "paper":
            nn.init.constant_(self.loc, 0.1)
        else:
            nn.init.normal_(self.loc, 0, 0.001)
            nn.init.normal_(self.raw_scale, 0, 0.01)

    @property
    def scale(self) -> Tensor:
        """b (outputs, inputs + 1)."""
        return positive(self.raw_scale)

    def posterior(self) -> Posterior:
        return Posterior(self.loc, self.raw_scale)

    def prior(self) -> Prior:
        return Prior(self.prior_loc, self.prior_scale, self.loc.shape)

    def kl(self) -> Tensor:
        """KL(q || p0) in nats, summed over weights and biases; closed form. Shape ()."""
        return kl_divergence(self.posterior(), self.prior())

    @torch.no_grad()
    def draw(self, generator: torch.Generator | None = None) -> Tensor:
        """One theta (outputs, inputs + 1) from q, without gradient: what a prediction averages over."""
        return self.posterior().rsample(generator=generator)

    def noisy(self) -> Tensor | Posterior:
        """What `forward` takes in training: a theta from q with its gradient, or q itself where activations are sampled."""
        q = self.posterior()
        return q.rsample() if self.sample == "weights" else q

    def forward(self, x: Tensor, theta: Tensor | Posterior | None = None) -> Tensor:
        """x (B, inputs) -> y (B, outputs): with this theta, with activations drawn from this posterior, or with theta = mu."""
        x = F.pad(x, (0, 1), value=1.0)  # the bias is one more column, so that one product and one draw do all
        if isinstance(theta, Posterior):
            mean, variance = F.linear(x, theta.loc), F.linear(x.square(), 2 * theta.scale.square())
            return mean + variance.sqrt() * torch.randn_like(mean)
        return F.linear(x, self.loc if theta is None else theta)


class AnalyticELBO(TraceMeanField_ELBO):
    """Pyro's ELBO with closed-form KL, without the densities of the sampled weights, which it computes and never uses."""

    def _get_trace(self, model: Callable, guide: Callable, args: tuple, kwargs: dict) -> tuple:
        guide_trace = poutine.trace(guide).get_trace(*args, **kwargs)
        model_trace = poutine.trace(poutine.replay(model, trace=guide_trace)).get_trace(*args, **kwargs)
        model_trace = prune_subsample_sites(model_trace)
        model_trace.compute_log_prob(site_filter=lambda _, site: site["is_observed"])
        return model_trace, guide_trace


def elbo(
    kind: str,
    layers: Mapping[str, LaplaceLinear],
    predict: Callable[[Thetas], Tensor],
    y: Tensor,
    examples: int,
    weight: float = 1.0,
) -> dict[str, Tensor]:
    r"""One step's loss = -log-likelihood + weight * KL, in nats per example and label.

    layers: by the names of their sample sites. predict(thetas) -> logits (B, G) of independent labels y (B, G), 0 or 1.
    The log-likelihood is the mean over the batch's B * G cells, and KL is divided by `examples` * G: an unbiased estimate
    of the whole training set's -ELBO / (N G), which the paper leaves out. examples: N, the size of the training set.
    kind v1: one-sample Monte Carlo of E_q[log p(y, theta) - log q(theta)], written out (eq. 6). v2: Pyro's Trace_ELBO, which
    is Rao-Blackwellised; q is reparameterised, so no score term is left and the gradient is that of v1. v3: closed-form KL.
    lambda: v3 with the KL weighted. `weight` counts under every kind; v1, v2 and v3 are ELBOs at weight 1 only.
    Layers that sample activations have no theta whose density could be taken: their KL is the closed form under every kind.
    Returns loss (with gradient), likelihood and kl (without; not weighted, and an estimate under v1 and v2).
    """
    if kind not in ELBOS:
        raise SettingsError(f"elbo = {kind!r}{nearest(kind, ELBOS)}")
    if weight == 0:  # Pyro refuses to scale by nothing
        loss = F.binary_cross_entropy_with_logits(predict({name: layer.noisy() for name, layer in layers.items()}), y)
        kl = sum(layer.kl().detach() for layer in layers.values()) / (examples * y.shape[1])
        return {"loss": loss, "kl": kl, "likelihood": -loss.detach()}
    local = {name: layer.posterior() for name, layer in layers.items() if layer.sample == "activations"}
    drawn = {name: layer for name, layer in layers.items() if name not in local}
    cells, seen = y.numel(), {}

    def model() -> None:
        with poutine.scale(scale=weight / (examples * y.shape[1])):
            thetas = {name: pyro.sample(name, layer.prior()) for name, layer in drawn.items()}
            for name, q in local.items():
                pyro.factor(f"{name}_kl", -kl_divergence(q, layers[name].prior()))
        logits = predict(thetas | local)
        with poutine.scale(scale=1 / cells), pyro.plate("examples", len(y)):
            labels = dist.Bernoulli(logits=logits, validate_args=False).to_event(1)
            pyro.sample("labels", labels, obs=y)
        seen["likelihood"] = -F.binary_cross_entropy_with_logits(logits.detach(), y)

    def guide() -> None:
        with poutine.scale(scale=weight / (examples * y.shape[1])):
            for name, layer in drawn.items():
                pyro.sample(name, layer.posterior())

    loss = _loss(kind, model, guide)
    kl = (loss.detach() + seen["likelihood"]) / weight
    return {"loss": loss, "kl": kl, "likelihood": seen["likelihood"]}


def _loss(kind: str, model: Callable[[], None], guide: Callable[[], None]) -> Tensor:
    """Pyro's validation is off: it looks through all weights for NaN in every step, and who trains looks at the loss."""
    with pyro.validation_enabled(False):
        if kind == "v1":
            q = poutine.trace(guide).get_trace()
            p = poutine.trace(poutine.replay(model, trace=q)).get_trace()
            return q.log_prob_sum() - p.log_prob_sum()
        way = Trace_ELBO if kind == "v2" else AnalyticELBO
        return way().differentiable_loss(model, guide)

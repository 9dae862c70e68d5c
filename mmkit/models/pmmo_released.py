r"""What the public program of Armitage et al. (2020) does, as far as it differs from the paper; it may not be the authors' own.

Five facts, each of them a test:
(i) the annealed ELBO scales a site called `my_latent`; no site has that name, so it is the plain ELBO;
(ii) the L1 or L2 penalty joins the number that is reported after the step, and is never differentiated;
(iii) ELBOv1, Pyro's Trace_ELBO and the annealed ELBO train bit-equal parameters from the same seed;
(iv) the likelihood is categorical over A's H hidden units with each 0 or 1 label as the index of a unit, so that labels are
seen through units 0 and 1 only; it is a sum over the batch and not scaled to the training set, and KL outweighs it;
(v) predictions come from a deterministic copy of A that the posterior never reaches. The copy is among the parameters of the
posterior's optimiser and learns because the BCE of C leaves gradients in it, which that optimiser applies one step late.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyro
import pyro.distributions as dist
import torch
import torch.nn.functional as F
from pyro import poutine
from pyro.infer import Trace_ELBO
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from mmkit.errors import SettingsError, nearest
from mmkit.layers.variational import PRIORS, LaplaceLinear
from mmkit.models.pmmo import Batch, Fusion, Objective, Terms, classifier, location_size, still_statistics

LOSSES = ("v1", "v2", "annealed")
PENALTIES = (None, "l1", "l2")
ANNEALED_SITE, ANNEALED_FACTOR = "my_latent", 2.4
GRADIENT_NORM = 20.0  # C's gradient is cut to this norm; the paper speaks of a bound on weights


class Released(nn.Module):
    """`posterior` is the A whose weights have distributions, `fusion` the deterministic A that predicts, `classifier` is C.

    forward(batch) -> logits (B, G), gates (B, 2, H) of [poster, text], fused (B, H): the posterior has no part in it.
    """

    def __init__(
        self,
        text_dim: int,
        image_dim: int,
        genres: int,
        width: int,
        pieces: int,
        dropout: float,
        films: int,
        *,
        loss: str = "annealed",
        penalty: str | None = "l2",
    ) -> None:
        super().__init__()
        for name, value, known in (("loss", loss, LOSSES), ("penalty", penalty, PENALTIES)):
            if value not in known:
                raise SettingsError(f"as released: {name} = {value!r}{nearest(value, map(str, known))}")
        self.loss, self.penalty, self.films, self.progress = loss, penalty, films, 0.0
        self.fusion = Fusion(text_dim, image_dim, width)
        self.posterior = Fusion(
            text_dim, image_dim, width, linear=lambda i, o: LaplaceLinear(i, o, *PRIORS["released"], init="released")
        )
        self.posterior.norms.requires_grad_(False)  # values of `fusion`'s, see `elbo_functions`
        self.classifier = classifier(width, genres, pieces, dropout)

    def forward(self, batch: Batch, samples: int | None = None, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        if samples is not None:
            raise SettingsError(f"samples = {samples}: as released, predictions do not depend on the posterior")
        fused, gates = self.fusion(batch["plot_vector"], batch["poster_vector"])
        return {"logits": self.classifier(fused), "gates": gates, "fused": fused}

    @property
    def laplace(self) -> Mapping[str, LaplaceLinear]:
        return dict(self.posterior.maps.items())

    def elbo_functions(self, batch: Batch) -> tuple[Callable[[], None], Callable[[], None]]:
        """Pyro's model and guide of one batch. Batch norm's scale and shift are copied in, and get no gradient here."""

        def model() -> None:
            thetas = {name: pyro.sample(name, layer.prior()) for name, layer in self.laplace.items()}
            with still_statistics(self.posterior):
                hidden, _ = self.posterior(batch["plot_vector"], batch["poster_vector"], thetas)  # (B, H)
            with pyro.plate("films", len(hidden)):  # neither the number of films nor that of genres scales this
                units = dist.Categorical(logits=hidden.unsqueeze(1), validate_args=False).to_event(1)
                pyro.sample("labels", units, obs=batch["genres"].long())  # (B, G): fact iv

        def guide() -> None:
            for name, layer in self.laplace.items():
                pyro.sample(name, layer.posterior())

        self.posterior.norms.load_state_dict(self.fusion.norms.state_dict())
        return model, guide

    def objectives(self, recipe: Mapping[str, Any]) -> list[Objective]:
        return [
            Objective("fusion", lambda m, b: _fusion_loss(m, b, recipe["penalty"]), lambda m: _clipped_adam(m, recipe)),
            Objective("classifier", _classifier_loss, lambda m: _adamw(m, recipe)),
        ]


def negative_elbo(kind: str, model: Callable[[], None], guide: Callable[[], None]) -> Tensor:
    """The three losses of the program: three ways to the same number and the same gradient."""
    with pyro.validation_enabled(False):
        if kind == "v2":
            return Trace_ELBO().differentiable_loss(model, guide)
        q = poutine.trace(guide).get_trace()
        p = poutine.trace(poutine.replay(model, trace=q)).get_trace()
        if kind == "v1":
            return q.log_prob_sum() - p.log_prob_sum()
        q.compute_log_prob()
        p.compute_log_prob()
        return _annealed(q) - _annealed(p)


def _annealed(trace: poutine.Trace) -> Tensor:
    """The trace's log-density; a site named ANNEALED_SITE would count ANNEALED_FACTOR times: fact i."""
    sites = {name: site["log_prob_sum"] for name, site in trace.nodes.items() if site["type"] == "sample"}
    return sum(ANNEALED_FACTOR * value if name == ANNEALED_SITE else value for name, value in sites.items())


def _fusion_loss(model: Released, batch: Batch, strength: float) -> Terms:
    loss = negative_elbo(model.loss, *model.elbo_functions(batch))
    if model.penalty is None:
        return {"loss": loss}
    return {"loss": loss + strength * location_size(model.laplace.values(), model.penalty).detach()}  # fact ii


def _classifier_loss(model: Released, batch: Batch) -> Terms:
    """Its gradient reaches the deterministic A, whose optimiser is the other one: it waits in .grad for the next step."""
    return {"loss": F.binary_cross_entropy_with_logits(model(batch)["logits"], batch["genres"].float())}


def _clipped_adam(model: Released, recipe: Mapping[str, Any]) -> Optimizer:
    from pyro.optim.clipped_adam import ClippedAdam

    owned = [*model.posterior.maps.parameters(), *model.fusion.parameters()]  # fact v
    return ClippedAdam(owned, lr=recipe["learning_rate"], clip_norm=10.0)


def _adamw(model: Released, recipe: Mapping[str, Any]) -> Optimizer:
    parameters = list(model.classifier.parameters())
    fused = parameters[0].device.type in ("cpu", "cuda")
    optimizer = AdamW(parameters, lr=recipe["learning_rate"], weight_decay=recipe["weight_decay"], eps=1e-6, fused=fused)
    optimizer.register_step_pre_hook(lambda *_: nn.utils.clip_grad_norm_(parameters, GRADIENT_NORM) and None)
    return optimizer

r"""Armitage et al. (2020), PM+MO: a probabilistic gated fusion (module A) and a maxout classifier (C), one objective each.

x_t (B, D_t) plot vector, x_i (B, D_i) poster vector, y (B, G) genres, H width. Eqs. 1-2, restored from the public code:
h_t = tanh(W_t BN(x_t) + b_t), h_i likewise, z = sigmoid(W_z BN([BN(x_i); BN(x_t)]) + b_z), v = tanh(z * h_i + (1 - z) * h_t):
the gate multiplies the POSTER. A's three weight matrices have Laplace posteriors; the gated baseline (GMU) is A without them.
A sees labels through a linear read-out R with independent Bernoulli likelihoods: the paper does not say how (chosen).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from mmkit.errors import SettingsError, nearest
from mmkit.layers.gates import GatedUnit, tied
from mmkit.layers.maxout import Maxout, keep_max_norm
from mmkit.layers.variational import PRIORS, LaplaceLinear, Thetas, elbo
from mmkit.models.objective import Objective

Batch = Mapping[str, Tensor]
Terms = dict[str, Tensor]

# What each row of the paper's tables is. width: hidden unless said; objectives: 2 where there is an ELBO.
METHODS: dict[str, dict[str, Any]] = {
    "text_only": {"fusion": "text"},
    "poster_only": {"fusion": "poster"},
    "sum": {"fusion": "sum", "width": "narrow"},
    "concat": {"fusion": "concat", "width": "narrow"},
    "gmu": {"width": "narrow"},
    "gmu_arevalo": {"fusion": "arevalo", "width": "narrow"},
    "gmu_wide": {},
    "gmu_plain": {"width": "narrow", "norm": False},
    "m_mo": {"objectives": 2},
    "pmmo_v1": {"elbo": "v1"},
    "pmmo_v2": {"elbo": "v2"},
    "pmmo_v3": {"elbo": "v3"},
    "pmmo_lambda": {"elbo": "lambda"},
    "pmmo_v1_l2": {"elbo": "v1", "penalty": "l2"},
    "pmmo_v2_l2": {"elbo": "v2", "penalty": "l2"},
    "pmmo_lambda_l2": {"elbo": "lambda", "penalty": "l2"},
    "pmmo_lambda_l1": {"elbo": "lambda", "penalty": "l1"},
    "pmmo_lambda_l2_narrow": {"elbo": "lambda", "penalty": "l2", "width": "narrow"},
    "as_released": {},
}
RECIPE: dict[str, Any] = {
    "learning_rate": 0.005,
    "weight_decay": 0.01,  # of C; A has its prior
    "lambda_kl": 0.2,
    "kl_schedule": "constant",  # constant | ramp: from lambda_kl to 1 over the first half of training
    "penalty": 0.1,  # lambda_R of L1 and L2
    "coupling": "shared",  # shared: the BCE of C moves A, too | detached
    "max_norm": 20.0,  # bound on the incoming weights of each deterministic unit; None: no bound
}
CHOICES = {"kl_schedule": ("constant", "ramp"), "coupling": ("shared", "detached")}


class Fusion(nn.Module):
    """Module A. how: gated | sum, v = tanh(h_i + h_t) | concat, v = tanh(W [x_i; x_t] + b) | text, v = h_t | poster, v = h_i.

    linear(inputs, outputs) makes its layers; those of `LaplaceLinear` take a sampled theta by their name: text, poster, gate.
    Shapes: x_t (B, D_t), x_i (B, D_i) -> v (B, H), gates (B, 2, H) of [poster, text], None where nothing is gated.
    """

    def __init__(
        self,
        text_dim: int,
        image_dim: int,
        width: int,
        how: str = "gated",
        norm: bool = True,
        linear: Callable[[int, int], nn.Module] = nn.Linear,
    ) -> None:
        super().__init__()
        both = text_dim + image_dim
        sizes = {
            "gated": {"text": text_dim, "poster": image_dim, "gate": both},
            "sum": {"text": text_dim, "poster": image_dim},
            "concat": {"both": both},
            "text": {"text": text_dim},
            "poster": {"poster": image_dim},
        }
        self.how = how
        self.maps = nn.ModuleDict({name: linear(size, width) for name, size in sizes[how].items()})
        self.norms = nn.ModuleDict({name: nn.BatchNorm1d(size) if norm else nn.Identity() for name, size in sizes[how].items()})

    def forward(self, text: Tensor, image: Tensor, thetas: Thetas | None = None) -> tuple[Tensor, Tensor | None]:
        def pre(name: str, x: Tensor) -> Tensor:
            return self.maps[name](x, thetas[name]) if thetas else self.maps[name](x)

        if self.how == "concat":
            return pre("both", self.norms["both"](torch.cat([image, text], dim=1))).tanh(), None
        x = {name: self.norms[name](value) for name, value in (("text", text), ("poster", image)) if name in self.maps}
        h = {name: pre(name, value).tanh() for name, value in x.items()}
        if self.how != "gated":
            return (next(iter(h.values())) if len(h) == 1 else (h["poster"] + h["text"]).tanh()), None
        z = pre("gate", self.norms["gate"](torch.cat([x["poster"], x["text"]], dim=1))).sigmoid()
        v, gates = tied(z, h["poster"], h["text"])
        return v.tanh(), gates  # the second tanh is the public code's


class ArevaloFusion(nn.Module):
    """Arevalo et al. (2017): batch norm, dropout, and a unit without biases whose gate reads the pre-activations."""

    def __init__(self, text_dim: int, image_dim: int, width: int, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm1d(image_dim), nn.BatchNorm1d(text_dim)])
        self.dropout = nn.Dropout(dropout)
        self.unit = GatedUnit([image_dim, text_dim], width, reads="preactivations")

    def forward(self, text: Tensor, image: Tensor, thetas: None = None) -> tuple[Tensor, Tensor]:
        return self.unit([self.dropout(norm(x)) for norm, x in zip(self.norms, (image, text), strict=True)])


def classifier(
    width: int, genres: int, pieces: int, dropout: float, norm: bool = True, all_inputs: bool = False
) -> nn.Sequential:
    """Module C: BN, maxout, BN, dropout, maxout, BN, linear. all_inputs: dropout before each linear layer (Arevalo et al.)."""

    def normed() -> nn.Module:
        return nn.BatchNorm1d(width) if norm else nn.Identity()

    extra = [nn.Dropout(dropout)] if all_inputs else []
    first, second = Maxout(width, width, pieces), Maxout(width, width, pieces)
    layers = [normed(), *extra, first, normed(), nn.Dropout(dropout), second, normed(), *extra, nn.Linear(width, genres)]
    return nn.Sequential(*layers)


class PMMO(nn.Module):
    """A, C and, with two objectives, the read-out R; METHODS says which switches make which row.

    forward(batch) uses the posterior means -> logits (B, G), gates (B, 2, H) of [poster, text] or None, fused (B, H).
    forward(batch, samples=S) draws S thetas -> logits (S, B, G), fused (S, B, H) and the gates' mean over the draws.
    `films` is N, the number of training films; `progress` in [0, 1] is the share of training done, set by the training loop.
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
        fusion: str = "gated",
        norm: bool = True,
        objectives: int = 1,
        elbo: str | None = None,
        penalty: str | None = None,
        init: str = "default",
        sample: str = "weights",
    ) -> None:
        super().__init__()
        self.films, self.elbo, self.penalty, self.norm, self.progress = films, elbo, penalty, norm, 0.0
        if fusion == "arevalo":
            self.fusion: nn.Module = ArevaloFusion(text_dim, image_dim, width, dropout)
        else:
            linear = (lambda i, o: LaplaceLinear(i, o, *_prior(init), init, sample)) if elbo else nn.Linear
            self.fusion = Fusion(text_dim, image_dim, width, fusion, norm, linear)
        self.classifier = classifier(width, genres, pieces, dropout, norm, all_inputs=fusion == "arevalo")
        self.readout = nn.Linear(width, genres) if elbo or objectives == 2 else None

    @property
    def laplace(self) -> dict[str, LaplaceLinear]:
        """The layers with a posterior, by name; empty for a deterministic model."""
        maps = getattr(self.fusion, "maps", {})
        return {name: layer for name, layer in maps.items() if isinstance(layer, LaplaceLinear)}

    def forward(
        self, batch: Batch, samples: int | None = None, generator: torch.Generator | None = None
    ) -> dict[str, Tensor | None]:
        if samples is None:
            fused, gates = self.fuse(batch)
            return {"logits": self.classifier(fused), "gates": gates, "fused": fused}
        if not self.laplace or samples < 1:
            raise SettingsError(f"samples = {samples}, expected at least 1, and a model with a posterior to draw from")
        draws = [self.fuse(batch, {n: a.draw(generator) for n, a in self.laplace.items()}) for _ in range(samples)]
        fused = torch.stack([v for v, _ in draws])
        logits = self.classifier(fused.flatten(0, 1)).unflatten(0, fused.shape[:2])  # (S * B, H) -> (S, B, G)
        return {"logits": logits, "gates": torch.stack([g for _, g in draws]).mean(dim=0), "fused": fused}

    def fuse(self, batch: Batch, thetas: Thetas | None = None) -> tuple[Tensor, Tensor | None]:
        """Module A alone: v (B, H) and gates, with these thetas or with the posterior means."""
        return self.fusion(batch["plot_vector"], batch["poster_vector"], thetas)

    def objectives(self, recipe: Mapping[str, Any]) -> list[Objective]:
        if self.readout is None:
            return [Objective("bce", _whole_loss, lambda model: _adamw(model, recipe, [model], []))]
        shared = recipe["coupling"] == "shared"
        return [
            Objective("fusion", lambda m, b: _fusion_loss(m, b, recipe), lambda m: _clipped_adam(m, recipe)),
            Objective(
                "classifier",
                lambda m, b: _classifier_loss(m, b, shared),
                lambda m: _adamw(m, recipe, [m.classifier], [m.fusion] if shared else []),
            ),
        ]


def build(
    method: str,
    text_dim: int,
    image_dim: int,
    genres: int,
    hidden: int,
    narrow: int,
    pieces: int,
    dropout: float,
    films: int,
    **options: Any,
) -> nn.Module:
    """The model of one row. hidden, narrow: widths of the wide and the narrow rows; films: N, the number of training films.

    options: init (default | paper | released) and sample (weights | activations) of the Laplace layers.
    Raises SettingsError for an unknown method.
    """
    if method not in METHODS:
        raise SettingsError(f"no method {method!r}{nearest(method, METHODS)}")
    switches = {"width": "hidden"} | METHODS[method]
    width = {"hidden": hidden, "narrow": narrow}[switches.pop("width")]
    sizes = (text_dim, image_dim, genres, width, pieces, dropout, films)
    if method == "as_released":
        from mmkit.models.pmmo_released import Released

        return Released(*sizes, **options)
    return PMMO(*sizes, **switches, **options)


def objectives(model: nn.Module, settings: Mapping[str, Any]) -> list[Objective]:
    """One objective, or two in the order of a step. `settings` changes RECIPE; what it does not know is a SettingsError."""
    for name, value in settings.items():
        if name not in RECIPE:
            raise SettingsError(f"no setting {name!r}{nearest(name, RECIPE)}")
        if name in CHOICES and value not in CHOICES[name]:
            raise SettingsError(f"{name} = {value!r}{nearest(value, CHOICES[name])}")
    return model.objectives(RECIPE | dict(settings))


def kl_weight(progress: float, recipe: Mapping[str, Any]) -> float:
    """lambda_t: constant, or rising in a straight line to 1 over the first half of training."""
    start = recipe["lambda_kl"]
    return start if recipe["kl_schedule"] == "constant" else start + (1 - start) * min(2 * progress, 1.0)


@contextmanager
def still_statistics(module: nn.Module) -> Iterator[None]:
    """Inside, batch norms normalise by their batch as usual but leave the running mean and variance alone.

    A runs twice per step on the same films; only its first run may count.
    """
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm1d)]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def _whole_loss(model: PMMO, batch: Batch) -> Terms:
    loss = F.binary_cross_entropy_with_logits(model(batch)["logits"], batch["genres"].float())
    return {"loss": loss}


def _fusion_loss(model: PMMO, batch: Batch, recipe: Mapping[str, Any]) -> Terms:
    """-ELBO of A and R, plus lambda_R sum |mu| or sum mu^2, divided by N * G like the KL. Without a posterior: R's BCE."""
    y = batch["genres"].float()
    if model.elbo is None:
        loss = F.binary_cross_entropy_with_logits(model.readout(model.fuse(batch)[0]), y)
        return {"loss": loss, "likelihood": -loss.detach()}
    weight = kl_weight(model.progress, recipe) if model.elbo == "lambda" else 1.0
    terms = elbo(model.elbo, model.laplace, lambda thetas: model.readout(model.fuse(batch, thetas)[0]), y, model.films, weight)
    if model.penalty is not None:
        size = location_size(model.laplace.values(), model.penalty)
        terms["loss"] = terms["loss"] + recipe["penalty"] * size / (model.films * y.shape[1])
    return terms


def location_size(layers: Iterable[LaplaceLinear], penalty: str) -> Tensor:
    """sum |mu| (penalty l1) or sum mu^2 (l2) over all weights of the layers. Shape ()."""
    order = {"l1": 1, "l2": 2}[penalty]
    return sum(torch.linalg.vector_norm(layer.loc, order) ** order for layer in layers)


def _classifier_loss(model: PMMO, batch: Batch, shared: bool) -> Terms:
    """BCE of C behind a new draw of A, so that C, too, learns under the posterior. shared: its gradient goes on into A.

    Deviation: the public program feeds C from weights without a distribution. The posterior means would be another choice.
    """
    with still_statistics(model.fusion), torch.set_grad_enabled(shared):
        fused, _ = model.fuse(batch, {name: layer.noisy() for name, layer in model.laplace.items()})
    return {"loss": F.binary_cross_entropy_with_logits(model.classifier(fused), batch["genres"].float())}


def _clipped_adam(model: PMMO, recipe: Mapping[str, Any]) -> Optimizer:
    """Pyro's Adam for A and R: every element of the gradient is cut at +-10."""
    from pyro.optim.clipped_adam import ClippedAdam

    optimizer = ClippedAdam([*model.fusion.parameters(), *model.readout.parameters()], lr=recipe["learning_rate"], clip_norm=10.0)
    return _bounded(optimizer, [model.fusion, model.readout], model, recipe)


def _adamw(model: PMMO, recipe: Mapping[str, Any], decayed: list[nn.Module], kept: list[nn.Module]) -> Optimizer:
    """AdamW, eps 1e-6. kept: modules without weight decay, which would pull a posterior's scale towards softplus(0)."""
    groups = [
        {"params": [p for module in modules for p in module.parameters()], "weight_decay": decay}
        for modules, decay in ((decayed, recipe["weight_decay"]), (kept, 0.0))
        if modules
    ]
    fused = groups[0]["params"][0].device.type in ("cpu", "cuda")
    return _bounded(AdamW(groups, lr=recipe["learning_rate"], eps=1e-6, fused=fused), [*decayed, *kept], model, recipe)


def _bounded(optimizer: Optimizer, modules: list[nn.Module], model: PMMO, recipe: Mapping[str, Any]) -> Optimizer:
    if model.norm and recipe["max_norm"] is not None:
        keep_max_norm(optimizer, modules, recipe["max_norm"])
    return optimizer


def _prior(init: str) -> tuple[float, float]:
    if init not in PRIORS:
        raise SettingsError(f"init = {init!r}{nearest(init, PRIORS)}")
    return PRIORS[init]

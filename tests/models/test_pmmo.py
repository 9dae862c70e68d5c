"""Rows of the paper's tables: sizes, equations, which loss moves which parameters, and what one step leaves behind."""

from __future__ import annotations

import pyro
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmkit.errors import SettingsError
from mmkit.layers.counts import parameters
from mmkit.models.pmmo import METHODS, RECIPE, build, kl_weight, objectives

T, I, G, H, NARROW, K, N, B = 6, 5, 4, 8, 7, 3, 90, 32
TWO = [name for name, switches in METHODS.items() if name == "m_mo" or "elbo" in switches]
ONE = [name for name in METHODS if name not in (*TWO, "as_released")]


def make(method, seed=0, dropout=0.0, **options):
    torch.manual_seed(seed)
    model = build(method, T, I, G, H, NARROW, K, dropout, N, **options)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d):  # away from 1 and 0, of both signs, so that leaving one out shows
                module.weight.uniform_(-1.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
    return model.train()


def batch(seed=0):
    rng = torch.Generator().manual_seed(seed)
    return {
        "plot_vector": torch.randn(B, T, generator=rng) + 1,
        "poster_vector": 3 * torch.randn(B, I, generator=rng),
        "genres": (torch.rand(B, G, generator=rng) > 0.6).to(torch.uint8),
    }


def trainer(model, **settings):
    """One step of training as a function: every objective in turn."""
    todo = objectives(model, settings)
    optimizers = [objective.make_optimizer(model) for objective in todo]

    def step(data):
        terms = {}
        for objective, optimizer in zip(todo, optimizers, strict=True):
            terms[objective.name] = objective.loss(model, data)
            terms[objective.name]["loss"].backward()
            optimizer.step()
            optimizer.zero_grad()
        return terms

    return step


def snapshot(module):
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def changed(module, before):
    return {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}


# --- sizes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "fusion", "latents", "classifier"),
    [("pmmo_lambda_l2", 26_402_584, 26_385_000, 90_117_023), ("pmmo_lambda_l2_narrow", 9_023_664, None, 10_525_719)],
)
def test_the_published_sizes(method, fusion, latents, classifier):
    with torch.device("meta"):
        model = build(method, 300, 4096, 23, 3000, 1024, 5, 0.9, 15552)
        plain = build("gmu_wide" if latents else "gmu", 300, 4096, 23, 3000, 1024, 5, 0.7, 15552)
    weights = sum(layer.loc.numel() for layer in model.laplace.values())
    assert parameters(plain.fusion) == fusion
    assert parameters(model.fusion) == fusion + weights  # a location and a scale for each latent
    assert parameters(model.classifier) == parameters(plain.classifier) == classifier
    assert latents in (None, weights)
    assert parameters(model.readout) == 23 * (model.readout.in_features + 1)
    assert plain.readout is None


def test_widths_of_the_rows():
    narrow = {name for name in METHODS if make(name).classifier[-1].in_features == NARROW}
    assert narrow == {"sum", "concat", "gmu", "gmu_arevalo", "gmu_plain", "pmmo_lambda_l2_narrow"}


# --- equations ------------------------------------------------------------------------------------------------------


def norm(module, x):
    """Batch norm by its formula."""
    return (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt() * module.weight + module.bias


def linear(layer, x):
    return x @ layer.weight.T + layer.bias if isinstance(layer, nn.Linear) else x @ layer.loc[:, :-1].T + layer.loc[:, -1]


def gated(a, x_t, x_i):
    """Eqs. 1 and 2 with the public code's second tanh; poster first."""
    x_t, x_i = norm(a.norms["text"], x_t), norm(a.norms["poster"], x_i)
    z = linear(a.maps["gate"], norm(a.norms["gate"], torch.cat([x_i, x_t], dim=1))).sigmoid()
    h_t, h_i = linear(a.maps["text"], x_t).tanh(), linear(a.maps["poster"], x_i).tanh()
    return (z * h_i + (1 - z) * h_t).tanh(), torch.stack([z, 1 - z], dim=1)


def maxout(layer, x, k):
    return torch.stack([linear(layer.linear, x)[:, j * k : (j + 1) * k] for j in range(K)]).max(dim=0).values


@pytest.mark.parametrize("method", ["gmu", "gmu_wide", "m_mo", "pmmo_v1", "pmmo_lambda_l2"])
def test_module_a_and_c_are_their_equations(method):
    model, data = make(method), batch()
    out = model(data)
    v, gates = gated(model.fusion, data["plot_vector"], data["poster_vector"])
    torch.testing.assert_close(out["fused"], v)
    torch.testing.assert_close(out["gates"], gates)
    c, width = model.classifier, v.shape[1]
    x = norm(c[2], maxout(c[1], norm(c[0], v), width))
    torch.testing.assert_close(out["logits"], linear(c[6], norm(c[5], maxout(c[4], x, width))), rtol=1e-4, atol=1e-5)


def test_fusions_without_a_gate():
    data = batch()
    x_t, x_i = data["plot_vector"], data["poster_vector"]
    for method, by_hand in {
        "text_only": lambda a: linear(a.maps["text"], norm(a.norms["text"], x_t)).tanh(),
        "poster_only": lambda a: linear(a.maps["poster"], norm(a.norms["poster"], x_i)).tanh(),
        "sum": lambda a: (
            linear(a.maps["text"], norm(a.norms["text"], x_t)).tanh()
            + linear(a.maps["poster"], norm(a.norms["poster"], x_i)).tanh()
        ).tanh(),
        "concat": lambda a: linear(a.maps["both"], norm(a.norms["both"], torch.cat([x_i, x_t], dim=1))).tanh(),
    }.items():
        model = make(method)
        out = model(data)
        torch.testing.assert_close(out["fused"], by_hand(model.fusion), msg=method)
        assert out["gates"] is None


@pytest.mark.parametrize(("method", "ignored"), [("text_only", "poster_vector"), ("poster_only", "plot_vector")])
def test_a_single_modality_is_blind_to_the_other(method, ignored):
    model, data = make(method), batch()
    seen = "plot_vector" if ignored == "poster_vector" else "poster_vector"
    torch.testing.assert_close(model(data)["logits"], model(data | {ignored: data[ignored].flip(0)})["logits"])
    assert (model(data)["logits"] - model(data | {seen: data[seen].flip(0)})["logits"]).abs().max() > 0.1


def test_arevalos_gate_reads_the_preactivations_and_has_no_bias():
    model, data = make("gmu_arevalo"), batch()
    a = model.fusion
    v = norm(a.norms[0], data["poster_vector"]) @ a.unit.maps[0].weight.T
    t = norm(a.norms[1], data["plot_vector"]) @ a.unit.maps[1].weight.T
    z = (torch.cat([v, t], dim=1) @ a.unit.gate.weight.T).sigmoid()
    out = model(data)
    torch.testing.assert_close(out["gates"], torch.stack([z, 1 - z], dim=1))
    torch.testing.assert_close(out["fused"], z * v.tanh() + (1 - z) * t.tanh())
    assert all(layer.bias is None for layer in (*a.unit.maps, a.unit.gate))


def test_where_dropout_stands():
    """In C before the second maxout only; with Arevalo before every linear layer."""
    kinds = {name: [type(m).__name__ for m in make(name, dropout=0.5).classifier] for name in ("gmu", "gmu_arevalo")}
    assert kinds["gmu"] == "BatchNorm1d Maxout BatchNorm1d Dropout Maxout BatchNorm1d Linear".split()
    every = "BatchNorm1d Dropout Maxout BatchNorm1d Dropout Maxout BatchNorm1d Dropout Linear"
    assert kinds["gmu_arevalo"] == every.split()
    arevalo, gmu = make("gmu_arevalo", dropout=0.5), make("gmu", dropout=0.5)
    assert not torch.equal(arevalo(batch())["fused"], arevalo(batch())["fused"])
    assert torch.equal(gmu(batch())["fused"], gmu(batch())["fused"])
    assert not torch.equal(gmu(batch())["logits"], gmu(batch())["logits"])


def test_gmu_plain_has_neither_batch_norm_nor_max_norm():
    plain, usual = make("gmu_plain"), make("gmu")
    assert not any(isinstance(m, nn.BatchNorm1d) for m in plain.modules())
    for model, free in ((plain, True), (usual, False)):
        trainer(model, max_norm=0.1)(batch())
        longest = max(m.weight.norm(dim=1).max().item() for m in model.modules() if isinstance(m, nn.Linear))
        assert (longest > 0.2) == free


@pytest.mark.parametrize("method", ["gmu", "m_mo", "pmmo_v3"])
def test_max_norm_holds_in_every_deterministic_layer(method):
    for bound, kept in ((0.1, True), (None, False)):
        model = make(method)
        trainer(model, max_norm=bound)(batch())
        lengths = {n: m.weight.norm(dim=1).max().item() for n, m in model.named_modules() if isinstance(m, nn.Linear)}
        assert "readout" in lengths or method == "gmu"
        assert all((length <= 0.1001) == kept for length in lengths.values()), lengths


# --- training -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [*ONE, *TWO])
def test_the_loss_falls_and_pyros_store_stays_empty(method):
    pyro.clear_param_store()
    model, data = make(method), batch()
    step = trainer(model, learning_rate=0.01)
    first = step(data)
    for _ in range(12):
        last = step(data)
    for name, terms in last.items():
        assert terms["loss"] < first[name]["loss"] - 0.01, name
    assert len(last) == (2 if method in TWO else 1)
    assert list(pyro.get_param_store()) == []


@pytest.mark.parametrize("method", [*ONE, *TWO])
def test_batch_norm_counts_each_batch_once(method):
    model = make(method)
    step = trainer(model)
    for seed in range(3):
        step(batch(seed))
    norms = {name: m for name, m in model.named_modules() if isinstance(m, nn.BatchNorm1d)}
    assert {int(m.num_batches_tracked) for m in norms.values()} == (set() if method == "gmu_plain" else {3})
    if method == "pmmo_lambda_l2":
        mean = torch.zeros(T)
        for seed in range(3):
            mean = 0.9 * mean + 0.1 * batch(seed)["plot_vector"].mean(dim=0)
        torch.testing.assert_close(norms["fusion.norms.text"].running_mean, mean)
        assert all(m.track_running_stats for m in norms.values())


@pytest.mark.parametrize("method", ["m_mo", "pmmo_lambda"])
@pytest.mark.parametrize("coupling", ["shared", "detached"])
def test_which_loss_reaches_what(method, coupling):
    model, data = make(method), batch()
    first, second = objectives(model, {"coupling": coupling})
    for objective, reached in (
        (first, {"fusion", "readout"}),
        (second, {"classifier"} | ({"fusion"} if coupling == "shared" else set())),
    ):
        model.zero_grad()
        objective.loss(model, data)["loss"].backward()
        touched = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
        assert {n.partition(".")[0] for n in touched} == reached, objective.name
        if "fusion" in reached:  # all of it: locations, scales, batch norms
            assert touched >= {n for n, _ in model.named_parameters() if n.startswith("fusion.")}


@pytest.mark.parametrize("coupling", ["shared", "detached"])
def test_which_optimiser_moves_what(coupling):
    model, data = make("pmmo_lambda_l2"), batch()
    for objective, moved in zip(
        objectives(model, {"coupling": coupling}),
        ({"fusion", "readout"}, {"classifier"} | ({"fusion"} if coupling == "shared" else set())),
        strict=True,
    ):
        optimizer, before = objective.make_optimizer(model), snapshot(model)
        objective.loss(model, data)["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
        learned = {n for n, _ in model.named_parameters()}
        assert {n.partition(".")[0] for n in changed(model, before) & learned} == moved
        owned = {id(p) for group in optimizer.param_groups for p in group["params"]}
        assert {n.partition(".")[0] for n, p in model.named_parameters() if id(p) in owned} == moved
        assert all(p.grad is None for p in model.parameters())  # nothing is left over for the other optimiser


def test_weight_decay_is_for_c_only():
    model = make("pmmo_lambda_l2")
    first, second = (objective.make_optimizer(model) for objective in objectives(model, {"weight_decay": 0.3}))
    assert [g["weight_decay"] for g in first.param_groups] == [0]
    decay = {id(p): g["weight_decay"] for g in second.param_groups for p in g["params"]}
    assert {decay[id(p)] for p in model.classifier.parameters()} == {0.3}
    assert {decay[id(p)] for p in model.fusion.parameters()} == {0.0}
    gmu = make("gmu")
    (only,) = objectives(gmu, {})
    assert {(g["weight_decay"], g["eps"], g["lr"]) for g in only.make_optimizer(gmu).param_groups} == {(0.01, 1e-6, 0.005)}


def test_gradients_of_the_elbo_are_cut_at_ten():
    model = make("pmmo_lambda")
    optimizer = objectives(model, {})[0].make_optimizer(model)
    for p in model.fusion.parameters():
        p.grad = torch.full_like(p, 1e4)
    optimizer.step()
    for state in optimizer.state.values():  # the running mean after one step: a tenth of the gradient
        torch.testing.assert_close(state["exp_avg"], torch.ones_like(state["exp_avg"]))


def test_the_elbo_of_a_in_full():
    """-log-likelihood of R, lambda KL and the penalty on the locations, the last two per film and genre."""
    data = batch()
    for method, weight, order in (
        ("pmmo_v3", 1.0, 0),
        ("pmmo_lambda", 0.3, 0),
        ("pmmo_lambda_l1", 0.3, 1),
        ("pmmo_lambda_l2", 0.3, 2),
    ):
        model = make(method)
        torch.manual_seed(7)
        terms = objectives(model, {"lambda_kl": 0.3, "penalty": 50.0})[0].loss(model, data)
        torch.manual_seed(7)
        thetas = {name: layer.posterior().rsample() for name, layer in model.laplace.items()}
        bce = F.binary_cross_entropy_with_logits(model.readout(model.fuse(data, thetas)[0]), data["genres"].float())
        kl = sum(layer.kl() for layer in model.laplace.values()) / (N * G)
        size = sum((layer.loc.abs() ** order).sum() for layer in model.laplace.values()) / (N * G) if order else 0.0
        assert terms["kl"].item() == pytest.approx(kl.item(), rel=1e-3), method
        torch.testing.assert_close(terms["loss"], bce + weight * kl + 50.0 * size, msg=method)


def test_lambda_is_constant_or_a_ramp_over_the_first_half():
    ramp = RECIPE | {"kl_schedule": "ramp"}
    assert [kl_weight(p, RECIPE) for p in (0.0, 0.5, 1.0)] == [0.2] * 3
    assert [kl_weight(p, ramp) for p in (0.0, 0.25, 0.5, 0.9)] == pytest.approx([0.2, 0.6, 1.0, 1.0])
    model, data = make("pmmo_lambda"), batch()
    losses = []
    for model.progress in (0.0, 0.25):
        torch.manual_seed(0)
        losses.append(objectives(model, {"kl_schedule": "ramp"})[0].loss(model, data))
    gap = losses[1]["loss"] - losses[0]["loss"]
    assert gap.item() == pytest.approx(0.4 * losses[0]["kl"].item(), rel=1e-3)


def test_c_learns_behind_draws_of_a():
    model = make("pmmo_lambda")
    _, second = objectives(model, {})
    assert second.loss(model, batch())["loss"] != second.loss(model, batch())["loss"]


# --- prediction -----------------------------------------------------------------------------------------------------


def test_prediction_is_by_the_means_or_by_draws():
    model, data = make("pmmo_v3").eval(), batch()
    out = model(data)
    assert torch.equal(out["logits"], model(data)["logits"])
    drawn = model(data, samples=5, generator=torch.Generator().manual_seed(1))
    assert drawn["logits"].shape == (5, B, G)
    assert drawn["fused"].shape == (5, B, H)
    assert drawn["gates"].shape == (B, 2, H)
    again = model(data, samples=5, generator=torch.Generator().manual_seed(1))
    assert torch.equal(drawn["logits"], again["logits"])
    assert drawn["logits"].std(dim=0).min() > 0
    rng = torch.Generator().manual_seed(1)
    for s in range(2):
        v, _ = model.fuse(data, {name: layer.draw(rng) for name, layer in model.laplace.items()})
        torch.testing.assert_close(drawn["fused"][s], v)
        torch.testing.assert_close(drawn["logits"][s], model.classifier(v))


def test_draws_of_a_narrow_posterior_surround_the_mean_prediction():
    model, data = make("pmmo_v3").eval(), batch()
    with torch.no_grad():
        for layer in model.laplace.values():
            layer.raw_scale.fill_(-12.0)
        gap = model(data, samples=3)["logits"] - model(data)["logits"]
    assert 0 < gap.abs().max() < 1e-3


def test_posterior_starts():
    for init, prior in (("default", (0.0, 0.1)), ("paper", (0.1, 0.01)), ("released", (1.0, 1.0))):
        model = make("pmmo_v1", init=init)
        assert {(a.prior_loc, a.prior_scale) for a in model.laplace.values()} == {prior}
    paper = make("pmmo_v1", init="paper").fusion(batch()["plot_vector"], batch()["poster_vector"])[0]
    torch.testing.assert_close(paper, paper[:, :1].expand_as(paper))  # every unit starts equal
    assert {a.sample for a in make("pmmo_v3", sample="activations").laplace.values()} == {"activations"}


def test_sampled_activations_train():
    model, data = make("pmmo_v3", sample="activations"), batch()
    step = trainer(model, learning_rate=0.01)
    first = step(data)
    for _ in range(12):
        last = step(data)
    assert all(last[name]["loss"] < first[name]["loss"] for name in last)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: build("pmmo_v4", T, I, G, H, NARROW, K, 0.0, N), "no method 'pmmo_v4'; did you mean"),
        (lambda: make("pmmo_v1", init="papr"), "did you mean 'paper'"),
        (lambda: objectives(make("gmu"), {"lambda": 1}), "no setting 'lambda'; did you mean 'lambda_kl'"),
        (lambda: objectives(make("m_mo"), {"coupling": "share"}), "did you mean 'shared'"),
        (lambda: objectives(make("m_mo"), {"kl_schedule": "rampe"}), "did you mean 'ramp'"),
        (lambda: make("gmu")(batch(), samples=3), "a model with a posterior"),
        (lambda: make("pmmo_v1")(batch(), samples=0), "samples = 0"),
    ],
)
def test_impossible_settings_are_refused(wrong, told):
    with pytest.raises(SettingsError, match=told):
        wrong()

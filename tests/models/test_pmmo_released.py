"""The five facts about the public program, and how it predicts."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Laplace, kl_divergence

from mmkit.errors import SettingsError
from mmkit.models import pmmo_released
from mmkit.models.pmmo import build, objectives
from mmkit.models.pmmo_released import negative_elbo

T, I, G, H, K, N, B = 6, 5, 4, 8, 3, 90, 32


def make(**options):
    torch.manual_seed(0)
    return build("as_released", T, I, G, H, H, K, 0.5, N, **options).train()


def batch(seed=0):
    rng = torch.Generator().manual_seed(seed)
    return {
        "plot_vector": torch.randn(B, T, generator=rng),
        "poster_vector": torch.randn(B, I, generator=rng),
        "genres": (torch.rand(B, G, generator=rng) > 0.6).to(torch.uint8),
    }


def train(model, steps=4):
    todo = objectives(model, {"penalty": 3.0})
    optimizers = [objective.make_optimizer(model) for objective in todo]
    torch.manual_seed(1)
    reported = []
    for seed in range(steps):
        for objective, optimizer in zip(todo, optimizers, strict=True):
            loss = objective.loss(model, batch(seed))["loss"]
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            reported.append(loss.item())
    return model.state_dict(), reported


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_fact_1_the_annealed_site_does_not_exist(monkeypatch):
    model, data = make(), batch()
    losses = {}
    for site, factor in (("my_latent", 2.4), ("my_latent", 50.0), ("text", 2.4)):  # the last one does exist
        monkeypatch.setattr(pmmo_released, "ANNEALED_SITE", site)
        monkeypatch.setattr(pmmo_released, "ANNEALED_FACTOR", factor)
        torch.manual_seed(0)
        losses[site, factor] = negative_elbo("annealed", *model.elbo_functions(data)).item()
    torch.manual_seed(0)
    plain = negative_elbo("v1", *model.elbo_functions(data)).item()
    assert losses["my_latent", 2.4] == losses["my_latent", 50.0] == pytest.approx(plain, rel=1e-6)
    assert losses["text", 2.4] != pytest.approx(plain, rel=1e-3)


def far_from_zero(**options):
    """With locations that a penalty would move."""
    model = make(**options)
    with torch.no_grad():
        for layer in model.laplace.values():
            layer.loc += 0.5
    return model


def test_fact_2_the_penalty_is_reported_and_never_differentiated():
    (none, bare), (l1, with_l1), (l2, with_l2) = (train(far_from_zero(penalty=p)) for p in (None, "l1", "l2"))
    assert same(none, l1)
    assert same(none, l2)
    start = far_from_zero().laplace.values()
    assert with_l2[0] - bare[0] == pytest.approx(3.0 * sum(a.loc.square().sum().item() for a in start), rel=1e-3)
    assert with_l1[0] - bare[0] == pytest.approx(3.0 * sum(a.loc.abs().sum().item() for a in start), rel=1e-3)


def test_fact_3_three_losses_train_bit_equal_parameters():
    v1, v2, annealed = (train(make(loss=loss))[0] for loss in ("v1", "v2", "annealed"))
    assert same(v1, v2)
    assert same(v1, annealed)
    assert not same(v1, make().state_dict())


def test_fact_4_labels_choose_between_hidden_units_0_and_1():
    model, data = make(), batch()
    other = data | {"genres": 1 - data["genres"]}
    torch.manual_seed(2)
    thetas = {name: layer.posterior().rsample().detach() for name, layer in model.laplace.items()}
    model.posterior.norms.load_state_dict(model.fusion.norms.state_dict())
    hidden, _ = model.posterior(data["plot_vector"], data["poster_vector"], thetas)
    losses = []
    for d in (data, other):
        torch.manual_seed(2)
        losses.append(negative_elbo("v1", *model.elbo_functions(d)).item())
    turned = (2 * data["genres"].float() - 1).sum(dim=1)  # labels of 1 less labels of 0, per film
    expected = (turned * (hidden[:, 1] - hidden[:, 0])).sum()
    assert abs(expected.item()) > 0.1
    assert losses[1] - losses[0] == pytest.approx(expected.item(), abs=2e-3)


def test_fact_4_the_likelihood_is_a_sum_that_kl_outweighs():
    model, data = make(), batch()
    torch.manual_seed(2)
    thetas = {name: layer.posterior().rsample().detach() for name, layer in model.laplace.items()}
    hidden, _ = model.posterior(data["plot_vector"], data["poster_vector"], thetas)
    picked = hidden.log_softmax(dim=1).gather(1, data["genres"].long()).sum().item()
    estimate = sum((a.posterior().log_prob(thetas[n]) - a.prior().log_prob(thetas[n])).item() for n, a in model.laplace.items())
    torch.manual_seed(2)
    assert negative_elbo("v1", *model.elbo_functions(data)).item() == pytest.approx(estimate - picked, rel=1e-4)
    start = kl_divergence(Laplace(0.0, torch.tensor(2.0).log()), Laplace(1.0, 1.0)).item()
    assert start * 26_385_000 == pytest.approx(1.4e7, rel=0.02)  # nats at the published size
    at_most = 512 * 23 * torch.tensor(3000.0).log().item()  # a whole batch that knows nothing
    assert start * 26_385_000 > 100 * at_most


def test_fact_5_the_copy_that_predicts_learns_one_step_late_and_only_from_c():
    model, data = make(), batch()
    first, second = objectives(model, {})
    of_a, of_c = first.make_optimizer(model), second.make_optimizer(model)

    def turn(objective, optimizer):
        before = {n: p.detach().clone() for n, p in model.named_parameters()}
        objective.loss(model, data)["loss"].backward()
        waiting = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        optimizer.step()
        optimizer.zero_grad()
        moved = {n.partition(".")[0] for n, p in model.named_parameters() if not torch.equal(p, before[n])}
        return moved, {n: g for n, g in waiting.items() if n.startswith("fusion.")}

    moved, waiting = turn(first, of_a)
    assert (moved, waiting) == ({"posterior"}, {})  # the ELBO leaves the copy alone, its batch norms too
    moved, from_c = turn(second, of_c)
    assert moved == {"classifier"}
    assert from_c.keys() == {n for n, _ in model.named_parameters() if n.startswith("fusion.")}
    moved, waiting = turn(first, of_a)
    assert moved == {"posterior", "fusion"}  # now, with the gradient of the step before
    assert all(torch.equal(waiting[n], from_c[n]) for n in from_c)


def test_fact_5_the_posterior_has_no_part_in_predictions():
    model, data = make().eval(), batch()
    before = model(data)
    with torch.no_grad():
        for p in model.posterior.parameters():
            p += 1.0
    after = model(data)
    assert torch.equal(before["logits"], after["logits"])
    assert torch.equal(before["gates"], after["gates"])
    with pytest.raises(SettingsError, match="do not depend on the posterior"):
        model(data, samples=3)


def test_batch_norm_counts_each_batch_once():
    model = make()
    train(model, steps=3)
    assert {int(m.num_batches_tracked) for m in model.fusion.norms.values()} == {3}
    assert {int(m.num_batches_tracked) for m in model.classifier if hasattr(m, "num_batches_tracked")} == {3}


def test_the_gradient_of_c_is_cut_to_a_norm():
    model = make()
    optimizer = objectives(model, {})[1].make_optimizer(model)
    for p in model.parameters():
        p.grad = torch.full_like(p, 1e3)
    optimizer.step()
    norm = torch.cat([s["exp_avg"].flatten() for s in optimizer.state.values()]).norm()
    assert norm.item() == pytest.approx(0.1 * 20, rel=1e-4)
    assert model.fusion.maps["text"].weight.grad[0, 0] == 1e3  # no one else's


def test_impossible_options_are_refused():
    with pytest.raises(SettingsError, match="loss = 'v3'"):
        make(loss="v3")
    with pytest.raises(SettingsError, match="penalty = 'l3'; did you mean"):
        make(penalty="l3")


def test_the_posteriors_norms_are_those_of_the_copy_and_count_no_batch_of_their_own():
    model, data = make(), batch()
    first, second = objectives(model, {})
    with torch.no_grad():
        for norm in model.fusion.norms.values():
            norm.weight.uniform_(0.5, 2.0)
    second.loss(model, data)  # moves the copy's running statistics
    first.loss(model, data)
    copied, own = model.fusion.norms.state_dict(), model.posterior.norms.state_dict()
    assert copied.keys() == own.keys()
    assert same(copied, own)
    assert copied["text.num_batches_tracked"] == 1


def test_optimisers_are_set_as_in_the_program():
    model = make()
    of_a, of_c = (objective.make_optimizer(model) for objective in objectives(model, {}))
    assert {(g["lr"], g["clip_norm"]) for g in of_a.param_groups} == {(0.005, 10.0)}
    assert {(g["lr"], g["eps"], g["weight_decay"]) for g in of_c.param_groups} == {(0.005, 1e-6, 0.01)}

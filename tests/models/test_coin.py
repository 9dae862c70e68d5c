"""COIN against the same equations turn by turn, its published sizes, and what it may and may not see."""

from __future__ import annotations

import pytest
import torch

from mmkit.errors import SettingsError
from mmkit.layers.counts import by_part, parameters
from mmkit.layers.packed_gru import Packing
from mmkit.models.conversations import COIN
from mmkit.models.conversations.coin import matched_dim
from tests.models.coin_steps import by_steps

F, C, D, K = 5, 4, 3, 7
CLOSE = {"atol": 1e-6, "rtol": 1e-5}  # softmax is taken in single precision


def windows(steps=K, batch=8):
    """Random windows, the first without any history, features of padding not zero."""
    rng = torch.Generator().manual_seed(0)
    first = torch.tensor([steps, 0, *torch.randint(0, steps + 1, (batch - 2,), generator=rng).tolist()])
    keep = torch.arange(steps + 1) >= first[:, None]
    own = torch.rand(batch, steps + 1, generator=rng) < 0.5
    own[:, -1] = True
    return torch.randn(batch, steps + 1, F, generator=rng, dtype=torch.float64), own & keep, keep


def coin(**switches):
    torch.manual_seed(0)
    return COIN(F, C, **{"dim": D, "stacks": 2, "dropout": 0.0, **switches}).double()


SWITCHES = [
    {},
    {"smi": False},
    {"fed_back": True, "gate_bias": 0.0},
    {"smi": False, "speakers": 1},
    {"attention": False},
    {"passes": "recurrent"},
    {"scale": "usual"},
    {"projection": "shared"},
    {"stacks": 0},
    {"stacks": 3, "gate_bias": -1.0},
]


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_logits_and_gradients_are_those_of_the_loop_over_turns(switches):
    model, batch = coin(**switches), windows()
    scale = (2 * D) ** -0.5 if switches.get("scale") == "usual" else D**-0.5
    grads = []
    for logits in (model(*batch), by_steps(model, *batch, passes=switches.get("passes", "attended"), scale=scale)):
        pull = torch.arange(logits.numel(), dtype=torch.float64).view_as(logits).sin()
        asked = torch.autograd.grad((logits * pull).sum(), list(model.parameters()), allow_unused=True, materialize_grads=True)
        grads.append([logits, *asked])
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_what_is_padded_changes_nothing(switches):
    model, (x, own, keep) = coin(**switches), windows()
    logits = model(x, own, keep)
    assert logits.isfinite().all()
    torch.testing.assert_close(model(torch.where(keep[:, :, None], x, -x), own | ~keep, keep), logits, **CLOSE)
    cut = [t[3:4, -int(keep[3].sum()) :] for t in (x, own, keep)]  # alone and without its padding
    torch.testing.assert_close(model(*cut), logits[3:4], **CLOSE)


def test_every_real_turn_changes_something():
    model, (x, own, keep) = coin(), windows()
    logits = model(x, own, keep)
    for i in range(K + 1):
        changed = x.clone()
        changed[:, i] += 1.0
        moved = (model(changed, own, keep) != logits).any(dim=1)
        assert torch.equal(moved, keep[:, i])


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_no_history_at_all(switches):
    model, (x, own, keep) = coin(**switches), windows(steps=0)
    u = model.query(model.projection(x[:, 0]))
    for _ in model.stacks:
        u = torch.tanh(u)  # c = 0
    torch.testing.assert_close(model(x, own, keep), model.classifier(u), **CLOSE)
    long, own, keep = windows()
    torch.testing.assert_close(model(long, own, keep)[:1], model(long[:1, -1:], own[:1, -1:], keep[:1, -1:]), **CLOSE)


def test_gradients_stay_finite_where_there_is_no_history():
    model, (x, own, keep) = coin(), windows()
    x.requires_grad_()
    model(x, own, keep).square().sum().backward()
    for tensor in (x, *model.parameters()):
        assert tensor.grad.isfinite().all()
    assert not x.grad[~keep].any()


def test_who_speaks_matters_and_one_network_for_all_does_not_care():
    x, own, keep = windows()
    turned = torch.cat([~own[:, :-1] & keep[:, :-1], own[:, -1:]], dim=1)
    model = coin()
    assert ((model(x, turned, keep) - model(x, own, keep)).abs().max(dim=1).values[1:] > 1e-6).sum() >= 5
    one = coin(smi=False, speakers=1)
    torch.testing.assert_close(one(x, turned, keep), one(x, own, keep), **CLOSE)


@pytest.mark.parametrize(("projection", "size"), [("none", 2_064_606), ("shared", 1_279_106)])
def test_published_sizes(projection, size):
    with torch.device("meta"):
        model = COIN(712, 6, projection=projection)
    assert parameters(model) == size
    count = by_part(model)
    assert count["stacks"] == 903_600
    assert count["classifier"] == 1_206
    if projection == "none":
        assert count["interaction"] == 976_800 + 40_400
        assert count["query"] == 142_600


@pytest.mark.parametrize("switches", [{"smi": False}, {"smi": False, "speakers": 1}, {"attention": False}])
def test_a_wider_model_without_a_part_has_as_many_parameters(switches):
    dim = matched_dim(64, 6, 24, 2, **switches)
    wanted = parameters(COIN(64, 6, 24, 2))
    sizes = [parameters(COIN(64, 6, width, 2, **switches)) for width in (dim - 1, dim, dim + 1)]
    assert dim > 24
    assert sizes[1] == min(sizes, key=lambda size: abs(size - wanted))
    assert abs(sizes[1] / wanted - 1) < 0.05


def test_dropout_acts_in_training_only_and_in_both_places():
    x, own, keep = windows()
    for rates in ({"dropout": 0.5, "attention_dropout": 0.0}, {"dropout": 0.0, "attention_dropout": 0.5}):
        model = coin(**rates)
        assert not torch.equal(model(x, own, keep)[1:], model(x, own, keep)[1:])
        torch.testing.assert_close(model.eval()(x, own, keep), coin()(x, own, keep), **CLOSE)
    model = coin(dropout=0.5)
    assert model.stacks[0].attention_dropout == 0.5


def test_in_bfloat16_the_logits_are_nearly_the_same():
    model, (x, own, keep) = coin().float(), windows()
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(x.float(), own, keep)
    torch.testing.assert_close(logits.float(), model(x.float(), own, keep), atol=0.05, rtol=0.05)
    logits.float().square().sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


# --- looking inside -------------------------------------------------------------------------------------------------


def slopes(model, x, own, keep, label):
    """Lengths of the slopes of the logit of `label` by the features of each turn, through the loop over turns."""
    found = torch.zeros(keep.shape, dtype=x.dtype)
    for b in range(len(x)):
        u = x[b : b + 1].clone().requires_grad_()
        by_steps(model, u, own[b : b + 1], keep[b : b + 1])[0, label[b]].backward(inputs=[u])
        found[b] = u.grad[0].norm(dim=1)
    return found


@pytest.mark.parametrize("fed_back", [False, True])
def test_slopes_are_those_of_the_logit(fed_back):
    model, (x, own, keep) = coin(fed_back=fed_back), windows()
    found = model.look(x, own, keep)
    torch.testing.assert_close(found["logits"], model(x, own, keep), **CLOSE)
    chosen = found["logits"].argmax(dim=1)
    torch.testing.assert_close(found["turn"], slopes(model, x, own, keep, chosen), **CLOSE)
    asked = torch.full((len(x),), 2)
    other = model.look(x, own, keep, asked)
    torch.testing.assert_close(other["turn"], slopes(model, x, own, keep, asked), **CLOSE)
    assert all(p.grad is None for p in model.parameters())
    torch.testing.assert_close(found["gates"], model.interaction(x[:, :-1], own[:, :-1], keep[:, :-1]).gates, **CLOSE)


def test_slopes_by_the_states_are_those_of_states_put_in_by_hand():
    """One stack that only hands on: the logit as a function of m alone, and m as a function of what gates read."""
    model, (x, own, keep) = coin(stacks=1), windows()
    chosen = model(x, own, keep).argmax(dim=1)
    part = model.interaction
    found = part(x[:, :-1], own[:, :-1], keep[:, :-1])

    def slope_of(by):
        u, m = model.query(x[:, -1]), found.m.detach().requires_grad_()
        _, _, u = model.stacks[0](m, u, keep[:, :-1], Packing.of(keep[:, :-1]))
        model.classifier(u).gather(1, chosen[:, None]).sum().backward()
        return by(m.grad)

    looked = model.look(x, own, keep)
    heard = torch.zeros(keep.numel() - len(keep)).double()
    by_gate = slope_of(lambda g: g * (found.m / found.gates.clamp(min=1e-9)) * found.gates * (1 - found.gates)).flatten(0, 1)
    for p, rows in enumerate(rows for _, rows in found.heard):
        forward, backward = by_gate[rows].split(D, dim=1)
        both = [forward @ part.gates[1 - p][0].weight, backward @ part.gates[1 - p][1].weight]
        heard[rows] = torch.cat(both, dim=1).norm(dim=1)
    torch.testing.assert_close(looked["heard"].double().flatten(), heard, atol=1e-6, rtol=1e-4)
    alone = coin(stacks=1, smi=False)
    assert not alone.look(x, own, keep)["heard"].any()
    assert (alone.look(x, own, keep)["gates"] == keep[:, :-1, None]).all()
    found = alone.interaction(x[:, :-1], own[:, :-1], keep[:, :-1])
    model, part = alone, alone.interaction
    chosen = model(x, own, keep).argmax(dim=1)
    state = slope_of(lambda g: g.norm(dim=2))
    torch.testing.assert_close(alone.look(x, own, keep)["state"].double(), state, atol=1e-6, rtol=1e-4)


def test_looking_leaves_the_model_as_it_was():
    model, batch = coin(dropout=0.5), windows()
    model.train()
    first = model.look(*batch)
    assert model.training
    with torch.no_grad():
        again = model.look(*batch)
    for name, value in first.items():
        torch.testing.assert_close(again[name], value)
        assert not value.requires_grad


@pytest.mark.parametrize(
    ("switch", "told"),
    [({"passes": "atended"}, "did you mean 'attended'"), ({"scale": "none"}, "scale"), ({"projection": "share"}, "'shared'")],
)
def test_unknown_switches_are_named(switch, told):
    with pytest.raises(SettingsError, match=told):
        COIN(F, C, **switch)

"""Speakers' networks and their gates against equation 1, number by number, one window and one turn at a time."""

from __future__ import annotations

import math

import pytest
import torch

from mmkit.errors import SettingsError
from mmkit.layers.interaction import SpeakerInteraction

F, D, K = 3, 2, 6
DOUBLE = {"atol": 1e-12, "rtol": 1e-9}


def windows(seed=0, batch=7):
    """Random windows: the first all padding, the second of one speaker alone, the third of the other alone."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, K, F, generator=rng, dtype=torch.float64)
    keep = torch.arange(K) >= torch.tensor([K, 0, 2, *torch.randint(0, K, (batch - 3,), generator=rng).tolist()])[:, None]
    own = torch.rand(batch, K, generator=rng) < 0.5
    own[1], own[2] = True, False
    return x.masked_fill(~keep[:, :, None], 0.0), own & keep, keep


def layer(**switches):
    torch.manual_seed(0)
    made = SpeakerInteraction(F, D, **switches).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter)
    return made


def sigmoid(v):
    return 1 / (1 + math.exp(-v))


def gru(weights, x, h):
    w_x, w_h, b_x, b_h = (w.tolist() for w in weights)

    def sums(w, b, v):
        return [b[j] + sum(a * c for a, c in zip(w[j], v, strict=True)) for j in range(3 * D)]

    a, b = sums(w_x, b_x, x), sums(w_h, b_h, h)
    r, z = [sigmoid(a[j] + b[j]) for j in range(D)], [sigmoid(a[D + j] + b[D + j]) for j in range(D)]
    return [(1 - z[j]) * math.tanh(a[2 * D + j] + r[j] * b[2 * D + j]) + z[j] * h[j] for j in range(D)]


def by_hand(made, x, own, keep):
    """One window, as lists: m and gates (K, 2d)."""
    m, gates = [[0.0] * 2 * D for _ in range(K)], [[0.0] * 2 * D for _ in range(K)]
    for way in (0, 1):
        state = [[0.0] * D, [0.0] * D]
        for i in range(K) if way == 0 else range(K - 1, -1, -1):
            if not keep[i]:
                continue
            p = 0 if own[i] or len(made.grus) == 1 else 1
            end = "_l0_reverse" if way else "_l0"
            weights = [getattr(made.grus[p], name + end) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            h, gate = gru(weights, x[i].tolist(), state[p]), [1.0] * D
            if made.gates is not None:
                w, b = made.gates[1 - p][way].weight.tolist(), made.gates[1 - p][way].bias.tolist()
                gate = [sigmoid(b[j] + sum(a * c for a, c in zip(w[j], state[1 - p], strict=True))) for j in range(D)]
            said = [a * c for a, c in zip(h, gate, strict=True)]
            m[i][way * D : (way + 1) * D], gates[i][way * D : (way + 1) * D] = said, gate
            state[p] = said if made.fed_back else h
    return m, gates


@pytest.mark.parametrize("switches", [{}, {"smi": False}, {"fed_back": True}, {"smi": False, "speakers": 1}])
def test_every_turn_is_equation_1(switches):
    made, (x, own, keep) = layer(**switches), windows()
    found = made(x, own, keep)
    for b in range(len(x)):
        m, gates = by_hand(made, x[b], own[b], keep[b])
        torch.testing.assert_close(found.m[b], torch.tensor(m, dtype=torch.float64), **DOUBLE)
        torch.testing.assert_close(found.gates[b], torch.tensor(gates, dtype=torch.float64), **DOUBLE)


@pytest.mark.parametrize("fed_back", [False, True])
def test_padding_says_nothing_and_its_place_does_not_matter(fed_back):
    made, (x, own, keep) = layer(fed_back=fed_back), windows()
    m = made(x, own, keep).m
    assert not m[0].any()
    noisy = torch.where(keep[:, :, None], x, 9.0)
    torch.testing.assert_close(made(noisy, own | ~keep, keep).m, m, **DOUBLE)
    right = [torch.roll(t, -1, dims=1) for t in (x[2:3], own[2:3], keep[2:3])]  # two padded turns: now one on each side
    torch.testing.assert_close(made(*right).m, torch.roll(m[2:3], -1, dims=1), **DOUBLE)


def test_without_history_nothing_is_asked():
    made = layer()
    none = made(torch.zeros(2, 0, F).double(), torch.zeros(2, 0).bool(), torch.zeros(2, 0).bool())
    assert none.m.shape == (2, 0, 2 * D)
    x, own, _ = windows()
    assert not made(x, own, torch.zeros_like(own)).m.any()


def test_forward_in_time_the_future_is_not_seen_and_backward_the_past_is_not():
    made, (x, own, keep) = layer(), windows()
    m = made(x, own, keep).m
    changed = x.clone()
    changed[3:, 3] += 1.0
    moved = (made(changed, own, keep).m != m).unflatten(2, (2, D)).any(dim=3)  # (B, K, 2)
    assert not moved[:, :3, 0].any()
    assert not moved[:, 4:, 1].any()
    assert moved[3:, 3][keep[3:, 3]].all()


def test_the_partner_moves_the_gate_and_only_the_gate():
    made, (x, own, keep) = layer(), windows()
    changed = torch.where((own & keep)[:, :, None], x, x + 1.0)  # what B says
    first, second = made(x, own, keep), made(changed, own, keep)
    a = own & keep
    torch.testing.assert_close((first.m / first.gates)[a], (second.m / second.gates)[a], atol=1e-8, rtol=1e-8)
    assert (first.gates != second.gates)[3:].any()
    alone = layer(smi=False)
    torch.testing.assert_close(alone(x, own, keep).m[a], alone(changed, own, keep).m[a], **DOUBLE)


def test_gates_begin_open_as_asked():
    rng = torch.Generator().manual_seed(0)
    x, own = torch.randn(4, 1, F, generator=rng), torch.ones(4, 1).bool()
    for bias in (0.0, 2.0):  # one turn: the partner has said nothing
        gates = SpeakerInteraction(F, D, gate_bias=bias)(x, own, own).gates
        torch.testing.assert_close(gates, torch.full_like(gates, sigmoid(bias)))


def test_networks_begin_orthogonal_with_biases_of_zero():
    for gru in SpeakerInteraction(F, 5).grus:
        for name, parameter in gru.named_parameters():
            if "bias" in name:
                assert not parameter.any()
            elif "_hh" in name:
                for gate in parameter.chunk(3):
                    torch.testing.assert_close(gate @ gate.T, torch.eye(5), atol=1e-5, rtol=0)
            else:
                assert parameter.abs().max() <= math.sqrt(6 / (F + 5))
                assert parameter.abs().max() > 0.7 * math.sqrt(6 / (F + 5))


def test_gradients_are_those_of_the_loop():
    """The loop of `fed_back` is another way through the same weights where gates are wide open."""
    made, (x, own, keep) = layer(), windows()
    loop = layer(fed_back=True)
    for each in (made, loop):
        for linear in (linear for pair in each.gates for linear in pair):
            torch.nn.init.zeros_(linear.weight)
            torch.nn.init.constant_(linear.bias, 60.0)
    rng = torch.Generator().manual_seed(1)
    pull = torch.randn(len(x), K, 2 * D, generator=rng, dtype=torch.float64)
    grads = []
    for each in (made, loop):
        u = x.clone().requires_grad_()
        (each(u, own, keep).m * pull).sum().backward()
        grads.append([u.grad, *(p.grad for p in each.grus.parameters())])
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other, **DOUBLE)


@pytest.mark.parametrize("switches", [{"speakers": 1}, {"speakers": 3}, {"smi": False, "fed_back": True}])
def test_switches_that_do_not_go_together_are_refused(switches):
    with pytest.raises(SettingsError, match=r"speakers = [13]|fed_back"):
        SpeakerInteraction(F, D, **switches)

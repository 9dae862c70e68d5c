"""MemNet, CMN and ICON against their equations, written out for one window and one step at a time."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmkit.models.conversations.icon import ICON
from mmkit.models.conversations.memory import CMN, MemNet, Turns
from tests.models.talks import INPUTS, PAST, STEPS, cell, random, stirred, walk, weighed, windows


def shares(a: torch.Tensor, where: list[int]) -> torch.Tensor:
    """Weights set back in their places among the steps before the target."""
    placed = torch.zeros(STEPS - 1)
    placed[where] = a
    return placed


@pytest.mark.parametrize("hops", [1, 3])
def test_memnet_by_hand(hops):
    model, (features, own, keep) = stirred(MemNet(INPUTS, 5, 8, hops=hops, history=7)), windows()
    logits, weights = model.look(features, own, keep)
    assert weights.shape == (4, hops, STEPS - 1)
    embed = model.embed.weight.chunk(hops + 1)
    for b, past in enumerate(PAST.tolist()):
        steps = range(STEPS - 1 - past, STEPS - 1)
        u = embed[0] @ features[b, -1]
        for k in range(hops):
            m, c = (
                [embed[e] @ features[b, i] + model.age[STEPS - 2 - i, e] for i in steps] for e in (k, k + 1)
            )  # one turn ago: row 0
            o, p = weighed(u, m, torch.stack(c) if c else torch.zeros(0, 8))
            u = u + o
            torch.testing.assert_close(weights[b, k], shares(p, list(steps)))
        torch.testing.assert_close(model.output(u), logits[b])


@pytest.mark.parametrize("hops", [1, 3])
def test_cmn_by_hand(hops):
    model, (features, own, keep) = stirred(CMN(INPUTS, 5, 8, hops=hops)), windows()
    logits, weights = model.look(features, own, keep)
    for b in range(4):
        spoken = [[i for i in range(STEPS - 1) if keep[b, i] and own[b, i] == mine] for mine in (True, False)]
        memory = [walk(cell(gru), features[b, steps]).tanh() for gru, steps in zip(model.speaker, spoken, strict=True)]
        q = model.query(features[b, -1]).tanh()
        for k in range(hops):
            total, seen = q, 0.0
            for who, steps in enumerate(spoken):
                output = walk(cell(model.memory[who]), memory[who])
                o, p = weighed(q, memory[who], output)
                total, seen, memory[who] = total + o, seen + shares(p, steps), output
            q = total.tanh()
            torch.testing.assert_close(weights[b, k], seen)
        torch.testing.assert_close(model.output(q), logits[b])


@pytest.mark.parametrize("hops", [1, 3])
def test_icon_by_hand(hops):
    """Both speakers' states are carried through every step of the window, as ICON writes it."""
    model, (features, own, keep) = stirred(ICON(INPUTS, 5, 8, hops=hops)), windows()
    logits, weights = model.look(features, own, keep)
    cells = [cell(gru) for gru in model.speaker]
    for b, past in enumerate(PAST.tolist()):
        h, spoken = [torch.zeros(1, 8), torch.zeros(1, 8)], [torch.zeros(0, 8)]
        for i in range(STEPS - 1):
            if keep[b, i]:
                who = 0 if own[b, i] else 1
                h[who] = cells[who](features[b, i : i + 1], h[who])
                spoken.append(h[who].tanh())
        memory, q = walk(cell(model.story), torch.cat(spoken)), model.query(features[b, -1]).tanh()
        for k in range(hops):
            if k:
                memory = walk(cell(model.memory), memory)
            o, p = weighed(q, memory, memory)
            q = (q + o).tanh()
            torch.testing.assert_close(weights[b, k], shares(p, list(range(STEPS - 1 - past, STEPS - 1))))
        torch.testing.assert_close(model.output(q), logits[b])


def test_turns_move_to_the_front_in_order_and_back():
    x, mask = random(3, 4, 2), torch.tensor([[0, 1, 0, 1], [1, 1, 1, 0], [0, 0, 0, 0]]).bool()
    turns = Turns.of(mask)
    front = turns.take(x)
    assert front.shape == (3, 3, 2)
    torch.testing.assert_close(front[:2, 0], x[0, [1, 3]])
    torch.testing.assert_close(front[:, 1], x[1, :3])
    assert all(len(set(column)) == 3 for column in turns.rows.T.tolist())
    torch.testing.assert_close(turns.put(front), x * mask.unsqueeze(2))
    for nothing in (mask & False, mask[:, :0]):
        turns = Turns.of(nothing)
        assert turns.take(x[:, : nothing.shape[1]]).shape == (0, 3, 2)
        assert turns.put(torch.zeros(0, 3, 5)).tolist() == torch.zeros(*nothing.shape, 5).tolist()


@pytest.mark.parametrize("kind", [CMN, ICON])
def test_dropout_stands_on_states_and_weights(kind):
    """With everything dropped, only the target is left: the query, squashed once per hop."""
    model, (features, own, keep) = stirred(kind(INPUTS, 5, 8, hops=2, dropout=1.0)).train(), windows()
    q = model.query(features[:, -1])
    torch.testing.assert_close(model(features, own, keep), model.output(q.tanh().tanh().tanh()))
    weights = model.look(features, own, keep)[1]
    totals = weights.sum(dim=2)[:2]
    torch.testing.assert_close(totals, torch.full_like(totals, 2.0 if kind is CMN else 1.0))  # before dropout
    calls = []
    model.dropout.register_forward_hook(lambda module, inputs, output: calls.append(tuple(inputs[0].shape)))
    model(features, own, keep)
    assert calls[:2] == [(2, 4, 8), (3, 4, 8)]  # states: at most two turns of the target's speaker, three of the other
    assert calls[2:] == [(4, STEPS - 1)] * (4 if kind is CMN else 2)  # weights


def test_memnet_starts_from_weights_that_tell_the_ages_apart():
    age = MemNet(INPUTS, history=400).age
    assert 0.09 < age.std() < 0.11
    assert age.mean().abs() < 0.01
    assert isinstance(age, nn.Parameter)

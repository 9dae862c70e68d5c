"""bc-LSTM against torch's cells, step by step, and its attention against sums written out."""

from __future__ import annotations

import pytest
import torch

from mmkit.models.conversations.bc_lstm import BcLSTM, Matching, encode
from tests.models.talks import INPUTS, LENGTHS, STEPS, cell, dialogues, random, stirred, weighed


def passed(step: torch.nn.LSTMCell, x: torch.Tensor) -> torch.Tensor:
    state, found = None, []
    for row in x:
        state = step(row[None], state)
        found.append(state[0])
    return torch.cat(found)


@pytest.mark.parametrize("past_only", [False, True])
@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_bc_lstm_step_by_step(layers, attention, past_only):
    model = stirred(BcLSTM(INPUTS, 5, 8, layers=layers, attention=attention, past_only=past_only))
    features, speaker, keep = dialogues()
    logits = model(features, speaker, keep)
    for b, n in enumerate(LENGTHS.tolist()):
        h = features[b, :n]
        for layer in range(layers):
            forward = passed(cell(model.lstm, f"l{layer}"), h)
            backward = [] if past_only else [passed(cell(model.lstm, f"l{layer}_reverse"), h.flip(0)).flip(0)]
            h = torch.cat([forward, *backward], dim=1)
        if attention:
            keys = h @ model.matching.w.weight.T
            ends = range(1, n + 1) if past_only else [n] * n
            h = torch.stack([weighed(h[t], keys[:end], h[:end])[0] for t, end in enumerate(ends)])
        first, last = model.hidden[0], model.hidden[3]
        expected = (h @ first.weight.T + first.bias).clamp(min=0) @ last.weight.T + last.bias
        torch.testing.assert_close(logits[b, :n], expected)


def test_states_at_padding_are_zero():
    lstm = torch.nn.LSTM(INPUTS, 3, batch_first=True, bidirectional=True)
    features, _, keep = dialogues()
    states = encode(lstm, features, keep)
    assert states.shape == (3, STEPS, 6)
    assert not states[~keep].any()
    assert states[keep].all()


def test_matching_weights():
    matching, h = Matching(4), random(2, 5, 4)
    keep = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    c, a = matching(h, keep)
    torch.testing.assert_close(a.sum(dim=2), torch.ones(2, 5))
    assert not a[1, :, 3:].any()
    torch.testing.assert_close(c, torch.einsum("btk,bkd->btd", a, h))
    ratio = (h[0, 1] @ matching.w.weight @ (h[0, 2] - h[0, 3])).exp()
    torch.testing.assert_close(a[0, 1, 2] / a[0, 1, 3], ratio)
    matching.past_only = True
    _, a = matching(h, keep)
    assert not a.triu(1).any()
    torch.testing.assert_close(a[0].sum(dim=1), torch.ones(5))
    torch.testing.assert_close(a[0, 1, 0] / a[0, 1, 1], (h[0, 1] @ matching.w.weight @ (h[0, 0] - h[0, 1])).exp())

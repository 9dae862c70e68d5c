"""DialogueRNN against its equations: one dialogue, one turn, one party at a time, with torch's GRU cells."""

from __future__ import annotations

import pytest
import torch

from mmkit.models.conversations.dialogue_rnn import DialogueRNN, Talk, mirror
from tests.models.talks import INPUTS, LENGTHS, cell, dialogues, stirred, weighed

SIZES = {"global_dim": 5, "party_dim": 6, "emotion_dim": 4}


def emotions(talk: Talk, u: torch.Tensor, speaker: list[int]) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Emotions (n, D_e) of one dialogue u (n, D), and the weights of each turn's context."""
    q = {party: torch.zeros(1, 6) for party in range(talk.parties)}
    e, g, found, weights = torch.zeros(1, 4), [torch.zeros(1, 5)], [], []
    feel = cell(talk.emotion)
    for x, s in zip(u[:, None], speaker, strict=True):
        past = torch.cat(g)[1:]
        c, a = weighed(talk.ask(x)[0], past, past)
        g.append(talk.talk(torch.cat([x, q[s]], dim=1), g[-1]))
        q[s] = talk.party(torch.cat([x, c[None]], dim=1), q[s])
        if talk.listener is not None:
            for party in q:
                if party != s:
                    q[party] = talk.listener(torch.cat([x, q[s]], dim=1), q[party])
        e = feel(q[s], e)
        found.append(e)
        weights.append(a)
    return torch.cat(found), weights


@pytest.mark.parametrize("listener", [False, True])
@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize("past_only", [False, True])
def test_dialogue_rnn_by_hand(listener, attention, past_only):
    model = stirred(DialogueRNN(INPUTS, 5, **SIZES, listener=listener, attention=attention, past_only=past_only))
    features, speaker, keep = dialogues()
    logits, a, b = model.look(features, speaker, keep)
    assert (b is None) != attention
    for row, n in enumerate(LENGTHS.tolist()):
        u, s = features[row, :n], speaker[row, :n].tolist()
        e, weights = emotions(model.talks[0], u, s)
        for t, w in enumerate(weights):
            torch.testing.assert_close(a[row, t, :t], w)
            assert not a[row, t, t:].any()
        if not past_only:
            e = torch.cat([e, emotions(model.talks[1], u.flip(0), s[::-1])[0].flip(0)], dim=1)
        if attention:
            keys = e @ model.matching.w.weight.T
            ends = range(1, n + 1) if past_only else [n] * n
            read = [weighed(e[t], keys[:end], e[:end]) for t, end in enumerate(ends)]
            torch.testing.assert_close(b[row, n - 1, :n], read[-1][1])
            e = torch.stack([x for x, _ in read])
        first, last = model.hidden[0], model.hidden[3]
        expected = (e @ first.weight.T + first.bias).clamp(min=0) @ last.weight.T + last.bias
        torch.testing.assert_close(logits[row, :n], expected)


def test_more_than_two_parties():
    torch.manual_seed(0)
    talk, (features, _, _) = stirred(Talk(INPUTS, 5, 6, 4, parties=3, listener=True)), dialogues()
    speaker = torch.tensor([[0, 2, 1, 2, 0, 1]]).expand(3, -1)
    found, _ = talk(features, speaker)
    torch.testing.assert_close(found[1], emotions(talk, features[1], speaker[1].tolist())[0])


def test_who_listens_waits_without_a_listener_update():
    """The first party's second turn starts from its first: what the other said in between reaches it through the talk only."""
    torch.manual_seed(0)
    talk = stirred(Talk(INPUTS, 5, 6, 4))
    with torch.no_grad():
        talk.party.weight_ih[:, INPUTS:] = 0.0  # deaf to the context
    features, _, _ = dialogues()
    speaker = torch.tensor([[0, 1, 0]])
    changed = features[:1, :3].clone()
    changed[0, 1] += 1.0
    spoken = []
    talk.emotion.register_forward_pre_hook(lambda module, inputs: spoken.append(inputs[0]))
    talk(features[:1, :3], speaker)
    talk(changed, speaker)
    torch.testing.assert_close(spoken[0][0, [0, 2]], spoken[1][0, [0, 2]])
    assert (spoken[0][0, 1] - spoken[1][0, 1]).abs().max() > 1e-3


def test_mirror_turns_real_steps_only():
    keep = torch.arange(4) < torch.tensor([[4], [3], [1]])
    assert mirror(keep).tolist() == [[3, 2, 1, 0], [2, 1, 0, 3], [0, 1, 2, 3]]

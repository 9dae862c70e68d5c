"""What every baseline must keep to, whatever its equations: padding, neighbours in a batch, the future, names, sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from mmkit.batches.conversations import Dialogues, Utterances, Windows
from mmkit.errors import SettingsError
from mmkit.layers.counts import parameters
from mmkit.models.conversations.bc_lstm import BcLSTM
from mmkit.models.conversations.dialogue_gcn import DialogueGCN
from mmkit.models.conversations.dialogue_rnn import DialogueRNN
from mmkit.models.conversations.icon import ICON
from mmkit.models.conversations.memory import CMN, MemNet
from mmkit.models.conversations.training import outputs, step
from mmkit.models.conversations.utterance import UtteranceMLP
from tests.models.talks import INPUTS, LENGTHS, PAST, STEPS, dialogues, random, stirred, windows

SMALL = {"global_dim": 5, "party_dim": 6, "emotion_dim": 4}
WINDOW = {
    "utterance": lambda: UtteranceMLP(INPUTS, dim=8),
    "memnet": lambda: MemNet(INPUTS, dim=8, history=9),
    "cmn": lambda: CMN(INPUTS, dim=8, dropout=0.3),
    "icon": lambda: ICON(INPUTS, dim=8, dropout=0.3),
}
DIALOGUE = {
    "bc_lstm": lambda **o: BcLSTM(INPUTS, dim=8, **o),
    "bc_lstm_att": lambda **o: BcLSTM(INPUTS, dim=8, attention=True, **o),
    "rnn": lambda **o: DialogueRNN(INPUTS, **SMALL, attention=False, **o),
    "rnn_att": lambda **o: DialogueRNN(INPUTS, **SMALL, **o),
    "rnn_listener": lambda **o: DialogueRNN(INPUTS, **SMALL, listener=True, **o),
    "gcn": lambda **o: DialogueGCN(INPUTS, dim=8, past=2, future=1, **o),
    "gcn_flat": lambda **o: DialogueGCN(INPUTS, dim=8, past=2, future=1, nodal=False, **o),
}


def made(kinds: dict, name: str, **options) -> nn.Module:
    torch.manual_seed(0)
    return stirred(kinds[name](**options))


def moved(a: torch.Tensor, b: torch.Tensor) -> float:
    return (a - b).abs().max().item()


@pytest.mark.parametrize("name", WINDOW)
def test_padding_before_a_short_history_changes_nothing(name):
    model, (features, own, keep) = made(WINDOW, name), windows()
    logits = model(features, own, keep)
    assert logits.shape == (4, 6)
    other = torch.where(keep.unsqueeze(2), features, random(*features.shape, seed=1) * 9)
    torch.testing.assert_close(model(other, own ^ ~keep, keep), logits)
    longer = [torch.cat([torch.ones_like(x[:, :3]) * fill, x], dim=1) for x, fill in ((features, 9), (own, True))]
    torch.testing.assert_close(model(*longer, nn.functional.pad(keep, (3, 0))), logits)


@pytest.mark.parametrize("name", WINDOW)
def test_a_window_alone_gives_what_it_gives_in_a_batch(name):
    model, batch = made(WINDOW, name), windows()
    logits = model(*batch)
    for b, past in enumerate(PAST.tolist()):
        one = [x[b : b + 1, STEPS - 1 - past :] for x in batch]  # without its padding; for past = 0 the target alone
        torch.testing.assert_close(model(*one)[0], logits[b])


@pytest.mark.parametrize(("name", "history", "names"), [("utterance", 0, 0), ("memnet", 1, 0), ("cmn", 1, 1), ("icon", 1, 1)])
def test_what_a_window_model_reads(name, history, names):
    model, (features, own, keep) = made(WINDOW, name), windows()
    logits = model(features, own, keep)
    for i in range(STEPS):
        changed = features.clone()
        changed[0, i] += 1.0
        found = moved(model(changed, own, keep)[0], logits[0])
        assert (found > 1e-4) == bool(history or i == STEPS - 1), i
    flipped = torch.cat([~own[:, :-1], own[:, -1:]], dim=1)
    assert (moved(model(features, flipped, keep)[[0, 1, 3]], logits[[0, 1, 3]]) > 1e-3) == bool(names)
    torch.testing.assert_close(model(features, flipped, keep)[2], logits[2])  # nothing before its target
    swapped = features.clone()
    swapped[0, [0, 3]] = features[0, [3, 0]]  # two turns of the same speaker: order counts, too
    assert (moved(model(swapped, own, keep)[0], logits[0]) > 1e-4) == bool(history)


@pytest.mark.parametrize("name", DIALOGUE)
@pytest.mark.parametrize("past_only", [False, True])
def test_padding_and_neighbours_change_nothing(name, past_only):
    model, (features, speaker, keep) = made(DIALOGUE, name, past_only=past_only), dialogues()
    logits = model(features, speaker, keep)
    assert logits.shape == (3, STEPS, 6)
    assert logits.isfinite().all()
    other = torch.where(keep.unsqueeze(2), features, random(*features.shape, seed=1) * 9)
    renamed = torch.where(keep, speaker, 1 - speaker)
    torch.testing.assert_close(model(other, renamed, keep)[keep], logits[keep])
    for b, n in enumerate(LENGTHS.tolist()):
        one = model(features[b : b + 1, :n], speaker[b : b + 1, :n], keep[b : b + 1, :n])
        torch.testing.assert_close(one[0], logits[b, :n])


@pytest.mark.parametrize("name", DIALOGUE)
def test_only_the_published_models_see_the_future(name):
    features, speaker, keep = dialogues()
    changed = features.clone()
    changed[0, 3] += 1.0
    other_voice = speaker.clone()
    other_voice[0, 3] = 1 - speaker[0, 3]
    for past_only in (False, True):
        model = made(DIALOGUE, name, past_only=past_only)
        logits = model(features, speaker, keep)
        shift = (model(changed, speaker, keep) - logits)[0].abs().amax(dim=1)
        assert (shift[3:] > 1e-5).all()
        assert (shift[:3] > 1e-5).all() != past_only
        if past_only:
            torch.testing.assert_close(model(features, other_voice, keep)[0, :3], logits[0, :3])
            assert shift[:3].max() == 0.0


@pytest.mark.parametrize(("name", "told"), [("bc_lstm_att", False), ("rnn_att", True), ("rnn_listener", True), ("gcn", True)])
def test_the_names_of_the_speakers(name, told):
    """Renamed, they change nothing but for DialogueGCN's relations; who speaks with whom matters to all but bc-LSTM."""
    model, (features, speaker, keep) = made(DIALOGUE, name), dialogues()
    logits = model(features, speaker, keep)
    renamed = model(features, 1 - speaker, keep)
    if name == "gcn":
        assert moved(renamed[keep], logits[keep]) > 1e-3
        with torch.no_grad():  # relation (own speaker, other's speaker, before): both names exchanged
            model.relational.weight.copy_(model.relational.weight.unflatten(0, (2, 2, 2)).flip(0, 1).flatten(0, 2))
        renamed = model(features, 1 - speaker, keep)
    torch.testing.assert_close(renamed[keep], logits[keep])
    if name != "gcn":
        assert (moved(model(features, speaker * 0, keep)[keep], logits[keep]) > 1e-3) == told


@pytest.mark.parametrize("name", [*WINDOW, *DIALOGUE])
def test_every_parameter_learns_and_no_history_gives_no_nan(name):
    kind, batch = (WINDOW, windows()) if name in WINDOW else (DIALOGUE, dialogues())
    model = made(kind, name)
    logits = model(*batch)
    (logits[batch[2]] if name in DIALOGUE else logits).square().sum().backward()
    for path, p in model.named_parameters():
        assert p.grad is not None, path
        assert p.grad.isfinite().all(), path
        assert p.grad.any(), path
    first = [x[:, -1:] if name in WINDOW else x[:, :1] for x in batch]  # targets without any history; dialogues of one turn
    features = first[0].clone().requires_grad_()
    model(features, *first[1:]).square().sum().backward()
    assert features.grad.isfinite().all()
    assert features.grad.any()


@pytest.mark.parametrize("name", [*WINDOW, *DIALOGUE])
def test_batches_of_any_size_get_the_same_answers(name):
    """Through the batches that training uses: one row of logits per utterance, whoever shares a batch."""
    model, numbers = made(WINDOW if name in WINDOW else DIALOGUE, name), np.random.default_rng(0)
    offsets, features = np.array([0, 4, 5, 12]), numbers.normal(size=(12, INPUTS)).astype(np.float32)
    data = Utterances(features, numbers.integers(0, 6, 12), offsets, numbers.integers(0, 2, 12), {"text": INPUTS})
    batches = Windows(data, 12, history=5) if name in WINDOW else Dialogues(data, 3)
    rows = np.arange(12 if name in WINDOW else 3)
    whole = batches.collate(rows)
    answer = outputs(model, whole)["logits"]
    assert answer.shape == (12, 6)
    for parts in (2, len(rows)):
        found = [outputs(model, batches.collate(part))["logits"] for part in np.array_split(rows, parts)]
        torch.testing.assert_close(torch.cat(found), answer)
    torch.testing.assert_close(step(model, whole)["loss"], nn.functional.cross_entropy(answer, torch.from_numpy(data.label)))


def test_parameters_at_published_sizes():
    gru = 3 * 100 * (712 + 100) + 2 * 300  # of one speaker
    small = 3 * 100 * 200 + 2 * 300
    query, output = 712 * 100 + 100, 606
    assert parameters(UtteranceMLP(712)) == query + output
    assert parameters(MemNet(712)) == 4 * 712 * 100 + 40 * 4 * 100 + output
    assert parameters(CMN(712)) == parameters(ICON(712)) == query + 2 * gru + 2 * small + output == 681_506
    lstm = 2 * (4 * 100 * (712 + 100) + 800) + 2 * (4 * 100 * (200 + 100) + 800)
    assert parameters(BcLSTM(712)) == lstm + 200 * 100 + 100 + output
    assert parameters(BcLSTM(712, attention=True)) == parameters(BcLSTM(712)) + 200 * 200
    talk = 2 * (3 * 500 * (600 + 500) + 3000) + 3 * 300 * (500 + 300) + 1800 + 100 * 500
    assert parameters(DialogueRNN()) == 2 * talk + 600 * 600 + 600 * 600 + 600 + 600 * 6 + 6 == 8_879_806
    bigru = 2 * (3 * 100 * 200 + 600) + 2 * (3 * 100 * 300 + 600)
    graph = 200 * 200 + 9 * 200 * 100 + 100 + 2 * 100 * 100 + 100 + 300 * 300 + 300 * 100 + 100
    assert parameters(DialogueGCN(100)) == bigru + graph + output == 663_306


def test_settings_that_cannot_be():
    for wrong in (lambda: MemNet(3, hops=0), lambda: CMN(3, hops=0), lambda: ICON(3, hops=0)):
        with pytest.raises(SettingsError, match="hops = 0, expected 1 or more"):
            wrong()
    with pytest.raises(SettingsError, match="past = 3, future = -1"):
        DialogueGCN(3, past=3, future=-1)
    with pytest.raises(SettingsError, match="5 steps before the target, expected at most history = 4"):
        MemNet(INPUTS, history=4)(*windows())

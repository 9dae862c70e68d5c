"""Steps and outputs on both kinds of batches, and COIN in the training loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from mmkit.batches.conversations import Dialogues, Utterances, Windows
from mmkit.fit import Recipe, fit, predict
from mmkit.layers.adversarial import adversarial, fgm
from mmkit.models.conversations import COIN
from mmkit.models.conversations.training import attacked, outputs, step

LENGTHS = [6, 2, 9, 4, 7, 5]


@pytest.fixture
def data():
    """Two classes, told by the first feature and, in every other dialogue, by the one before."""
    rng = np.random.default_rng(0)
    total = sum(LENGTHS)
    label = rng.integers(0, 2, total)
    features = rng.normal(size=(total, 4)).astype(np.float32)
    features[:, 0] += 3.0 * label
    return Utterances(features, label, np.append(0, np.cumsum(LENGTHS)), rng.integers(0, 2, total), {"text": 4})


class PerTurn(nn.Module):
    """Reads each step of a dialogue by itself; what it says at padding is far off."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 3)

    def forward(self, features, speaker, keep):
        return self.linear(torch.cat([features, speaker[:, :, None]], dim=2)).masked_fill(~keep[:, :, None], 1e4)


class LastTurn(PerTurn):
    def forward(self, features, own, keep):
        return super().forward(features, own.float(), keep)[:, -1]


def by_hand(logits, label, weight=None):
    weight = torch.ones(logits.shape[1]) if weight is None else weight
    each = [-row.log_softmax(0)[y].item() * weight[y].item() for row, y in zip(logits, label.tolist(), strict=True)]
    return sum(each) / sum(weight[y].item() for y in label.tolist())


@pytest.mark.parametrize("weight", [None, torch.tensor([0.5, 2.0, 1.0])])
def test_both_kinds_of_batches_have_the_loss_of_their_utterances(data, weight):
    torch.manual_seed(0)
    for model, (batch,) in ((LastTurn(), Windows(data, 99, 3).epoch()), (PerTurn(), Dialogues(data, 99).epoch())):
        logits = outputs(model, batch)["logits"]
        assert logits.shape == (33, 3)
        spoken = torch.ones(33) if isinstance(model, LastTurn) else torch.from_numpy(data.speaker)
        x = torch.cat([torch.from_numpy(data.features), spoken[:, None]], dim=1)
        torch.testing.assert_close(logits, model.linear(x.float()))
        assert step(model, batch, weight)["loss"].item() == pytest.approx(by_hand(logits, torch.tensor(data.label), weight))


def test_predictions_stand_in_the_order_of_the_utterances(data):
    torch.manual_seed(0)
    model = PerTurn()
    whole = predict(model, Dialogues(data, 99), outputs)["logits"]
    torch.testing.assert_close(predict(model, Dialogues(data, 2), outputs)["logits"], whole)
    assert len(whole) == len(data)


def test_attacked_outputs_are_outputs_on_attacked_features(data):
    torch.manual_seed(0)
    model = COIN(4, 2, 3, 1)
    batches = Windows(data, 8, 3)
    found = predict(model, batches, attacked(2.0))["logits"]
    model.eval()
    wanted = torch.cat([outputs(model, fgm(model, batch, 2.0, step))["logits"] for batch in batches.epoch()])
    torch.testing.assert_close(found, wanted.detach())
    label = torch.from_numpy(data.label)
    clean = predict(model, batches, outputs)["logits"]
    rise = nn.functional.cross_entropy(found, label) - nn.functional.cross_entropy(clean, label)
    assert rise > 0.1


@pytest.mark.parametrize("how", ["plain", "adversarial", "fed_back"])
def test_coin_learns_in_the_training_loop(data, how):
    torch.manual_seed(0)
    model = COIN(4, 2, 6, 1, dropout=0.1, fed_back=how == "fed_back")
    batches = Windows(data, 11, 4, shuffle=True)
    chosen = adversarial(step, 0.5) if how == "adversarial" else step
    history = fit(model, chosen, batches, Recipe(12, 0.02, 0.02), device="cpu")
    assert history.losses[-1]["loss"] < 0.5 * history.losses[0]["loss"]
    said = predict(model, Windows(data, 11, 4), outputs)["logits"].argmax(dim=1)
    assert (said.numpy() == data.label).mean() > 0.9
    if how == "adversarial":
        for losses in history.losses:
            assert losses["loss"] == pytest.approx(losses["clean"] + losses["pushed"], rel=1e-5)
            assert losses["pushed"] > losses["clean"]


def test_weights_are_only_pulled_where_the_step_pulls_them(data):
    """A batch without any history leaves the speakers' networks alone, and gives no NaN."""
    torch.manual_seed(0)
    model = COIN(4, 2, 3, 1, dropout=0.0)
    (batch,) = Windows(data, 99, 0).epoch()
    adversarial(step, 0.5)(model, batch)["loss"].backward()
    assert all(p.grad is None or not p.grad.any() for p in model.interaction.parameters())
    assert model.query.weight.grad.isfinite().all()
    assert model.query.weight.grad.any()

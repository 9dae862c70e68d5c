"""A captioner in training: its loss by hand, word by word, and the penalty on uneven attention."""

import pytest
import torch

from mmkit.layers.target_head import TargetHead
from mmkit.models.caption_forcing import CaptionForced, uneven
from mmkit.models.captioners import Attend, Tell
from mmkit.text.words import END, START

WORDS, SEEN, WIDE = 9, 4, 5


def captioner(kind):
    torch.manual_seed(1)
    widths = [WIDE] * (2 if kind is Tell else 3)
    return kind(WORDS, SEEN, *widths, lambda _: TargetHead(WORDS, WIDE), 0.0)


def batch():
    rng = torch.Generator().manual_seed(2)
    target = torch.tensor([[4, 5, 6, END], [7, END, 0, 0]])
    return torch.randn(2, 3, SEEN, generator=rng), target, torch.tensor([[True] * 4, [True, True, False, False]])


def by_hand(model, features, target, keep):
    """(mean loss per real word, attention that each region got from real words) without any batch."""
    losses, given = [], []
    for i in range(len(target)):
        memory = model.encode(features[i : i + 1])
        moving, last, seen = model.start(memory), START, torch.zeros(features.shape[1])
        for word in target[i][keep[i]].tolist():
            f, moving, alpha = model.step(torch.tensor([last]), moving, memory)
            losses.append(-model.head(f).log_softmax(1)[0, word])
            seen = seen if alpha is None else seen + alpha[0]
            last = word
        given.append(seen)
    return torch.stack(losses).mean(), torch.stack(given)


@pytest.mark.parametrize("kind", [Tell, Attend])
@pytest.mark.parametrize("penalty", [0.0, 0.7])
def test_the_loss_by_hand(kind, penalty):
    model = captioner(kind)
    loss, given = by_hand(model, *batch())
    if kind is Attend:
        loss = loss + penalty * (1 - given).square().mean()
    got = CaptionForced(model, penalty)(*batch())
    torch.testing.assert_close(got["loss"], loss)


@pytest.mark.parametrize("kind", [Tell, Attend])
def test_padding_changes_nothing_and_a_real_word_does(kind):
    model = CaptionForced(captioner(kind))
    features, target, keep = batch()
    loss = model(features, target, keep)["loss"]
    other = target.clone()
    other[1, 3] = 8
    torch.testing.assert_close(model(features, other, keep)["loss"], loss)
    other[1, 0] = 8
    assert (model(features, other, keep)["loss"] - loss).abs() > 1e-3
    moved = features.clone()
    moved[1] += 1.0
    assert (model(moved, target, keep)["loss"] - loss).abs() > 1e-4


def test_even_attention_costs_nothing():
    alpha = torch.full((1, 3, 3), 1 / 3)
    assert uneven(alpha, torch.ones(1, 3, dtype=torch.bool)) == pytest.approx(0, abs=1e-12)
    one = torch.zeros(1, 3, 3)
    one[..., 0] = 1
    assert uneven(one, torch.tensor([[True, True, False]])) == pytest.approx((1 + 1 + 1) / 3)


def test_the_penalty_reaches_the_attention_and_the_length_of_f_is_told():
    model = CaptionForced(captioner(Attend), 1.0)
    gradients = []
    for penalty in (0.0, 1.0):
        model.penalty = penalty
        model.zero_grad()
        told = model(*batch())
        told["loss"].backward()
        gradients.append(model.captioner.attention.query.weight.grad.clone())
    assert (gradients[0] - gradients[1]).abs().max() > 1e-4
    assert 0 < told["context_norm"] < WIDE**0.5
    assert not told["context_norm"].requires_grad

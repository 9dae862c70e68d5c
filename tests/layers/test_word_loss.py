"""The blockwise cross-entropy equals torch's, values and gradients."""

import pytest
import torch
import torch.nn.functional as F

from mmkit.layers import word_loss as room
from mmkit.layers.word_loss import word_log_p, word_loss


def example(bias=True, learned=True):
    rng = torch.Generator().manual_seed(0)
    f = torch.randn(23, 6, generator=rng).requires_grad_()
    matrix = torch.randn(11, 6, generator=rng).requires_grad_(learned)
    b = torch.randn(11, generator=rng).requires_grad_() if bias else None
    return f, matrix, b, torch.randint(0, 11, (23,), generator=rng)


@pytest.mark.parametrize("block", [1, 44, 100, 1 << 20])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("learned", [True, False])
def test_loss_and_gradients_equal_cross_entropy(monkeypatch, block, bias, learned):
    monkeypatch.setattr(room, "BLOCK", block)
    f, matrix, b, target = example(bias, learned)
    inputs = [x for x in (f, matrix, b) if x is not None and x.requires_grad]
    theirs = F.cross_entropy(F.linear(f, matrix, b), target)
    mine = word_loss(f, matrix, b, target)
    torch.testing.assert_close(mine, theirs)
    for a, c in zip(torch.autograd.grad(3 * mine, inputs), torch.autograd.grad(3 * theirs, inputs), strict=True):
        torch.testing.assert_close(a, c)


def test_log_p_of_each_token(monkeypatch):
    monkeypatch.setattr(room, "BLOCK", 50)
    f, matrix, b, target = example()
    torch.testing.assert_close(
        word_log_p(f, matrix, b, target), -F.cross_entropy(F.linear(f, matrix, b), target, reduction="none")
    )
    assert word_log_p(f[:0], matrix, b, target[:0]).shape == (0,)


def test_huge_logits_do_not_overflow():
    f, matrix, b, target = example()
    theirs = F.cross_entropy(F.linear(1e4 * f, matrix, b), target)
    torch.testing.assert_close(word_loss(1e4 * f, matrix, b, target), theirs)


def test_logits_are_float32_under_autocast_and_gradients_come_back_in_their_own_type():
    f, matrix, _, target = example(bias=False)
    with torch.autocast("cpu", torch.bfloat16):
        low = (f * 1).to(torch.bfloat16)
        loss = word_loss(low, matrix, None, target)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, F.cross_entropy(low.float() @ matrix.T, target))
    loss.backward()
    assert matrix.grad.dtype == torch.float32


def test_no_gradient_is_kept_where_none_is_wanted():
    f, matrix, _, target = example(bias=False)
    with torch.no_grad():
        assert not word_loss(f, matrix, None, target).requires_grad

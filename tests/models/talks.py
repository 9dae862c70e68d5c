"""Small windows and dialogues that the tests of the conversation models share, and cells to step through them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

INPUTS, STEPS = 7, 6  # features per utterance; steps of a window with its target, turns of the longest dialogue
PAST = torch.tensor([5, 3, 0, 1])  # real steps before the target
LENGTHS = torch.tensor([6, 4, 1])


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def windows() -> tuple[Tensor, Tensor, Tensor]:
    """features, own, keep of four windows: five, three, no and one step of history, padded on the left."""
    own = torch.tensor([[1, 0, 0, 1, 0, 1], [0, 1, 0, 1, 1, 1], [1, 0, 1, 0, 0, 1], [0, 1, 1, 0, 0, 1]]).bool()
    keep = torch.arange(STEPS) >= STEPS - 1 - PAST[:, None]
    return random(4, STEPS, INPUTS), own, keep


def dialogues() -> tuple[Tensor, Tensor, Tensor]:
    """features, speaker, keep of three dialogues of six, four and one turns, padded on the right."""
    speaker = torch.tensor([[0, 1, 1, 0, 1, 0], [0, 0, 1, 0, 1, 1], [0, 1, 0, 1, 1, 0]])
    return random(3, STEPS, INPUTS), speaker, torch.arange(STEPS) < LENGTHS[:, None]


def stirred(model: nn.Module, scale: float = 0.3) -> nn.Module:
    """The model in evaluation mode, with parameters far from their start, so that no bias is zero and no weight small."""
    moved = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=moved) * scale)
    return model.eval()


def cell(rnn: nn.GRU | nn.LSTM, suffix: str = "l0") -> nn.GRUCell | nn.LSTMCell:
    """One layer and direction ('l0', 'l0_reverse', 'l1', ...) of a GRU or LSTM, to take a step at a time."""
    weights = [getattr(rnn, f"{name}_{suffix}").detach() for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    step = (nn.LSTMCell if isinstance(rnn, nn.LSTM) else nn.GRUCell)(weights[0].shape[1], weights[1].shape[1])
    step.load_state_dict(dict(zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), weights, strict=True)))
    return step


def walk(step: nn.GRUCell, x: Tensor) -> Tensor:
    """All states (T, H) of a GRU cell over x (T, D), from zeros."""
    h, all_states = x.new_zeros(1, step.hidden_size), []
    for row in x:
        h = step(row[None], h)
        all_states.append(h)
    return torch.cat(all_states) if all_states else x.new_zeros(0, step.hidden_size)


def weighed(query: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """sum_i a_i values_i with a = softmax_i(query . keys_i), and a; zeros where there is nothing to read."""
    a = torch.stack([query @ key for key in keys]).softmax(0) if len(keys) else query.new_zeros(0)
    return sum((w * v for w, v in zip(a, values, strict=True)), torch.zeros(values.shape[1])), a

"""One loss and the optimiser that follows it: what a model with several objectives hands to the training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from torch.optim import Optimizer


@dataclass(frozen=True)
class Objective:
    """One loss with an optimiser of its own. Several take turns on every batch, in their order.

    A turn: backward of loss(model, batch)["loss"], a step of this optimiser, then the gradients of *its* parameters are
    cleared. What the loss leaves on parameters of another objective's optimiser stays there until that one's next step.
    make_optimizer: called once the model is on its device.  clip: longest gradient, over this optimiser's parameters.
    """

    name: str
    loss: Callable[[nn.Module, Mapping[str, Tensor]], Mapping[str, Tensor]]
    make_optimizer: Callable[[nn.Module], Optimizer]
    clip: float = math.inf

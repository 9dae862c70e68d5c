"""How models of conversations learn and answer, whether they read windows or whole dialogues.

A batch of `Windows` (it has "own"): forward(features, own, keep) -> logits (B, C).
A batch of `Dialogues` (it has "speaker"): forward(features, speaker, keep) -> logits (B, T, C).
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from mmkit.batches.conversations import NO_LABEL
from mmkit.layers.adversarial import fgm

Batch = dict[str, Tensor]


def logits(model: nn.Module, batch: Batch) -> Tensor:
    """What the model says of a batch of either kind."""
    return model(batch["features"], batch["own" if "own" in batch else "speaker"], batch["keep"])


def step(model: nn.Module, batch: Batch, weight: Tensor | None = None) -> dict[str, Tensor]:
    """{"loss"}: cross entropy per utterance; a weight per class (C,) makes it their weighted mean. Padding does not count."""
    said = logits(model, batch)
    weight = weight if weight is None else weight.to(said)
    loss = F.cross_entropy(said.flatten(0, -2).float(), batch["label"].flatten(), weight=weight, ignore_index=NO_LABEL)
    return {"loss": loss}


def outputs(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """{"logits" (N, C)} of the batch's utterances, in the order in which they are spoken, without padding."""
    said = logits(model, batch)
    return {"logits": said if said.dim() == 2 else said[batch["keep"]]}


def attacked(epsilon: float) -> Callable[[nn.Module, Batch], dict[str, Tensor]]:
    """`outputs` on features that are pushed by `epsilon` (length per window or dialogue) against the true labels."""

    def said(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return outputs(model, fgm(model, batch, epsilon, step))

    return said

"""A model of the comparison in training and at work: a batch names its graphs by their rows, so that it holds numbers only."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmkit.batches.graphs import GraphStore
from mmkit.models.graphvqa.model import GraphVQA


def widen(model: nn.Module) -> None:
    """Linear layers start as He et al. (2015) have them for ReLU, with zero biases.

    Question and nodes meet as the product of two perceptrons' outputs (eq. 10): from torch's own, smaller start that product is
    nearly zero, and a small model waits long before the gate's gradient is worth anything.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class Answering(nn.Module):
    """A model and all graphs its questions are about: what `mmkit.fit` trains and predicts with.

    The graphs are no part of the weights; they follow the questions to their device, once.
    """

    def __init__(self, model: GraphVQA, store: GraphStore) -> None:
        super().__init__()
        self.model, self.store = model, store

    def logits(self, ids: Tensor, keep: Tensor, graph: Tensor) -> Tensor:
        """ids (B, T), keep (B, T), graph (B,) int64 rows of the store -> (B, answers)."""
        if self.store.node_first.device != ids.device:
            self.store = self.store.to(ids.device)
        return self.model(ids, keep, self.store.batch(graph))["logits"]

    def forward(self, ids: Tensor, keep: Tensor, graph: Tensor, answer: Tensor) -> dict[str, Tensor]:
        """answer (B,) int64 -> {loss (): mean cross-entropy in nats, accuracy (): share of questions answered right}."""
        logits = self.logits(ids, keep, graph)
        right = (logits.detach().argmax(dim=1) == answer).float().mean()
        return {"loss": F.cross_entropy(logits.float(), answer), "accuracy": right}


def step(model: Answering, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The loss of a batch with ids, keep, graph and answer, as `mmkit.fit.fit` asks for it."""
    return model(batch["ids"], batch["keep"], batch["graph"].long(), batch["answer"].long())


@torch.no_grad()
def outputs(model: Answering, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """{logits (B, answers)} of a batch, as `mmkit.fit.predict` asks for it."""
    return {"logits": model.logits(batch["ids"], batch["keep"], batch["graph"].long())}

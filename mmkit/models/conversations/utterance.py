r"""The utterance alone: what can be known without any context, and the floor for every model that reads the history.

    l_t = ReLU(W_l r_t + b_l),   logits_t = W_o l_t + b_o

The row "CNN" of Table 1 of Zhang and Chai (2021) is a classifier on the features of one utterance. Its sizes are not printed;
chosen here: one hidden layer as wide as the memories of the other models, ReLU, dropout before the last layer.
"""

from __future__ import annotations

from torch import Tensor, nn


class UtteranceMLP(nn.Module):
    """Linear, ReLU, dropout, linear on the last step of a window. inputs: features of an utterance; dim: hidden units.

    forward(features (B, K+1, inputs), own, keep) -> logits (B, classes); `own` and `keep` are taken, as by every model that
    reads windows, and not read.
    """

    def __init__(self, inputs: int, classes: int = 6, dim: int = 100, *, dropout: float = 0.5) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(inputs, dim), nn.ReLU(), nn.Dropout(dropout), nn.Linear(dim, classes))

    def forward(self, features: Tensor, own: Tensor, keep: Tensor) -> Tensor:
        return self.layers(features[:, -1])

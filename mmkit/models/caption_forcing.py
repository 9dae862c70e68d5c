"""A caption decoder in training: image features and a caption in, the loss per word out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmkit.layers.word_loss import word_loss
from mmkit.models.captioners import Attend, Tell
from mmkit.models.fixed_targets import shifted


class CaptionForced(nn.Module):
    """A captioner that reads the true words before the one that it has to say.

    penalty: weight of the doubly stochastic attention of Xu et al. (2015, eq. 14): over a caption each region should get an
    attention of 1. Public code averages over regions where the paper sums; this is the average. Without attention it is idle.
    """

    def __init__(self, captioner: Attend | Tell, penalty: float = 1.0) -> None:
        super().__init__()
        self.captioner, self.penalty = captioner, penalty

    def forward(self, features: Tensor, target: Tensor, target_keep: Tensor) -> dict[str, Tensor]:
        """features (B, R, e) or (B, e), target (B, T) with </s>, target_keep (B, T) -> {loss (), context_norm ()}."""
        f, alpha = self.captioner.contexts(self.captioner.encode(features), shifted(target))
        spoken, head = f[target_keep], self.captioner.head
        loss = word_loss(spoken, head.matrix, head.bias, target[target_keep])
        if alpha is not None and self.penalty > 0:
            loss = loss + self.penalty * uneven(alpha, target_keep)
        return {"loss": loss, "context_norm": spoken.detach().float().norm(dim=1).mean()}


def uneven(alpha: Tensor, keep: Tensor) -> Tensor:
    """Mean over images and regions of (1 - sum_t alpha_ti)^2: alpha (B, T, R), keep (B, T), real words alone count -> ()."""
    seen = torch.einsum("btr,bt->br", alpha, keep.to(alpha.dtype))
    return (1 - seen).square().mean()

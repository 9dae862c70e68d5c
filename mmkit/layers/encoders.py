"""Text encoders: any `transformers` encoder by name, or a small BERT trained from scratch where nothing can be downloaded."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mmkit.errors import SettingsError


class TextEncoder(nn.Module):
    """Token ids -> one pooled vector x per text, for any `transformers` encoder.

    pool 'first': the model's own pooler over [CLS] (BERT: tanh), or the first token's last state where it has none.
    pool 'mean': mean of the last states of the real tokens. Then dropout.
    Shapes: ids (B, T) int64, keep (B, T) bool -> x (B, D), D = `self.dim`.
    """

    def __init__(self, model: nn.Module, dropout: float = 0.1, pool: str = "first") -> None:
        super().__init__()
        self.pool = pool
        self.model = model
        self.dim: int = model.config.hidden_size
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Tensor, keep: Tensor) -> Tensor:
        out = self.model(input_ids=ids, attention_mask=keep.long())
        if self.pool == "mean":
            weight = keep.unsqueeze(-1) / keep.sum(1).clamp(min=1)[:, None, None]  # (B, T, 1)
            return self.dropout((out.last_hidden_state * weight).sum(1))
        pooled = getattr(out, "pooler_output", None)
        return self.dropout(out.last_hidden_state[:, 0] if pooled is None else pooled)


def scratch_encoder(
    vocabulary: int, dim: int, layers: int, heads: int, max_tokens: int, dropout: float = 0.1, pad: int = 0
) -> TextEncoder:
    """A randomly initialised BERT of this size (feed-forward width 4 x dim). Seed torch before, as for any initialisation.

    Deviation: mean pooling and an initial spread of 0.1 instead of [CLS] and 0.02. A model this small, trained from scratch on a
    few thousand texts, otherwise finds little more than the class shares.
    """
    from transformers import BertConfig, BertModel

    if dim % heads:
        raise SettingsError(f"encoder_dim = {dim} is not a multiple of encoder_heads = {heads}")
    config = BertConfig(
        vocab_size=vocabulary, hidden_size=dim, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * dim,
        max_position_embeddings=max_tokens, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout,
        pad_token_id=pad, type_vocab_size=1, initializer_range=0.1,
    )  # fmt: skip
    return TextEncoder(BertModel(config, add_pooling_layer=False), dropout, "mean")


def hub_encoder(name: str, dropout: float = 0.1) -> TextEncoder:
    """A pretrained encoder: a hub name ('bert-base-uncased') or a local folder. Raises SettingsError when it cannot be had."""
    from transformers import AutoModel

    try:
        model = AutoModel.from_pretrained(name, dtype=torch.float32)  # else as stored, which may be half precision
    except (OSError, ValueError) as why:
        raise SettingsError(
            f"text encoder {name!r} could not be loaded: {why}. Use encoder = 'scratch' without downloads, or give a local folder"
        ) from why
    if not hasattr(model.config, "hidden_size"):
        raise SettingsError(f"encoder {name!r} does not name its hidden size; choose a BERT-like encoder")
    return TextEncoder(model, dropout)


def shape_only(config: Any) -> TextEncoder:
    """An encoder of a published size without memory for its weights (device 'meta'): for counting parameters."""
    from transformers import AutoModel

    with torch.device("meta"):
        return TextEncoder(AutoModel.from_config(config))

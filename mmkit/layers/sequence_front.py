"""What stands before a sequence model: word ids to states, any token encoder, and the strided convolutions for audio."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmkit.errors import DataError, SettingsError
from mmkit.layers.crossmodal import PairStack
from mmkit.layers.positions import Positions


class WordStates(nn.Module):
    """Word ids to states: an embedding, then a few self-attention layers if asked for.

    vectors: a table (vocabulary, d_0) to start from; it is frozen unless `train_vectors`, and a learned matrix maps d_0 to dim
    where they differ. Shapes: ids (B, T) int64, keep (B, T) bool or None -> (B, T, dim).
    """

    def __init__(
        self,
        vocabulary: int,
        dim: int,
        *,
        vectors: Tensor | None = None,
        train_vectors: bool = False,
        layers: int = 0,
        heads: int = 2,
    ) -> None:
        super().__init__()
        if vectors is not None and len(vectors) != vocabulary:
            raise SettingsError(f"word vectors have shape {tuple(vectors.shape)}, expected {vocabulary} rows, one per word")
        self.embedding = (
            nn.Embedding(vocabulary, dim)
            if vectors is None
            else nn.Embedding.from_pretrained(vectors.clone(), freeze=not train_vectors)
        )
        same = self.embedding.embedding_dim == dim
        self.map = nn.Identity() if same else nn.Linear(self.embedding.embedding_dim, dim, bias=False)
        self.positions = Positions(dim, math.sqrt(dim)) if layers else None
        self.stack = PairStack([("T", "T")], dim, layers, heads) if layers else None

    def forward(self, ids: Tensor, keep: Tensor | None = None) -> Tensor:
        x = self.map(self.embedding(ids))
        return x if self.stack is None else self.stack({"T": self.positions(x)}, {"T": keep})[0][0]


class TokenStates(nn.Module):
    """All token states of a `transformers` encoder. Shapes: ids (B, T) int64, keep (B, T) bool or None -> (B, T, D)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, keep: Tensor | None = None) -> Tensor:
        mask = torch.ones_like(ids) if keep is None else keep.long()
        return self.model(input_ids=ids, attention_mask=mask).last_hidden_state


class AudioFront(nn.Module):
    """Two strided convolutions, then each clip averaged to the same number of steps.

    Conv1d(channels, channels, kernel, stride) twice, adaptive mean pooling. Shapes: x (B, T, C), keep (B, T) bool with the real
    steps first, or None -> (B, steps, C), None: all of them are real.
    Deviation: the official code crops all clips of a batch to the shortest; here each clip is pooled over its own length, so
    that no clip changes another's. Raises DataError for a clip that the kernels do not fit into (382 steps at the defaults).
    """

    def __init__(self, channels: int = 96, kernel: int = 128, stride: int = 2, steps: int = 200) -> None:
        super().__init__()
        if min(channels, kernel, stride, steps) < 1:
            raise SettingsError(
                f"audio front: channels {channels}, kernel {kernel}, stride {stride}, steps {steps}: expected 1 or more"
            )
        self.kernel, self.stride, self.steps = kernel, stride, steps
        self.convolutions = nn.Sequential(*(nn.Conv1d(channels, channels, kernel, stride) for _ in range(2)))

    @property
    def shortest(self) -> int:
        """Steps that a clip needs: (kernel - 1) stride + kernel."""
        return (self.kernel - 1) * self.stride + self.kernel

    def forward(self, x: Tensor, keep: Tensor | None = None) -> tuple[Tensor, None]:
        if keep is None:
            self._check(torch.tensor([x.shape[1]]))
            return F.adaptive_avg_pool1d(self.convolutions(x.transpose(1, 2)), self.steps).transpose(1, 2), None
        lengths = keep.sum(dim=1)
        self._check(lengths)
        for _ in self.convolutions:
            lengths = (lengths - self.kernel) // self.stride + 1  # outputs that no padding reaches
        return _own_pool(self.convolutions(x.transpose(1, 2)).transpose(1, 2), lengths, self.steps), None

    def _check(self, lengths: Tensor) -> None:
        short = (lengths < self.shortest).nonzero().flatten().tolist()
        if short:
            raise DataError(
                f"audio: {len(short)} of {len(lengths)} clips are too short for two convolutions of {self.kernel} steps",
                [f"clip {n} of the batch: {int(lengths[n])} steps, expected at least {self.shortest}" for n in short],
            )


def _own_pool(x: Tensor, lengths: Tensor, steps: int) -> Tensor:
    """Adaptive mean pooling of the first `lengths` (B,) steps of x (B, T, C) to (B, steps, C), by differences of running sums."""
    j = torch.arange(steps, device=x.device)
    begin = j * lengths[:, None] // steps  # (B, steps)
    end = ((j + 1) * lengths[:, None] + steps - 1) // steps
    sums = F.pad(x.cumsum(dim=1, dtype=torch.float64), (0, 0, 1, 0))  # (B, T + 1, C); float32 would cancel on long clips
    take = [sums.gather(1, at[..., None].expand(-1, -1, x.shape[2])) for at in (begin, end)]
    return ((take[1] - take[0]) / (end - begin)[..., None]).to(x.dtype)

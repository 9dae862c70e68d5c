"""Conversations as batches: every utterance with its past (`Windows`), or whole dialogues (`Dialogues`).

U utterances in D dialogues; F features of an utterance; K turns of history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmkit.batches.loader import Batches, Columns
from mmkit.batches.ragged import pad
from mmkit.errors import DataError, nearest
from mmkit.schema import Split, matrix, whole
from mmkit.schema.conversations import dialogue_starts

NO_LABEL = -100  # where a padded dialogue has no utterance: what torch's cross entropy leaves out


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of every feature (F,) over the utterances of one split; 1 where a feature never varies."""

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]

    @classmethod
    def fit(cls, split: Split, modalities: Sequence[str]) -> Scale:
        """From the utterances of `split`, which should be the training part."""
        x = np.concatenate(_blocks(split, modalities), axis=1).astype(np.float64)
        deviation = x.std(axis=0)
        return cls(x.mean(axis=0).astype(np.float32), np.where(deviation > 0, deviation, 1.0).astype(np.float32))


@dataclass(frozen=True, eq=False)
class Utterances:
    """All utterances of a split, dialogue by dialogue in the order in which they are spoken.

    features (U, F) float32.  label (U,) int64.  offsets (D + 1,) int64: dialogue d has utterances offsets[d] to offsets[d + 1].
    speaker (U,) int64: 0 who speaks first in the dialogue, 1 who speaks second, and so on.  widths: features of each modality,
    in the order in which they stand.
    """

    features: NDArray[np.float32]
    label: NDArray[np.int64]
    offsets: NDArray[np.int64]
    speaker: NDArray[np.int64]
    widths: dict[str, int]

    def __len__(self) -> int:
        return len(self.label)

    @property
    def norm(self) -> float:
        """Mean Euclidean length of an utterance's features: the unit in which the strength of an attack can be told."""
        return float(np.linalg.norm(self.features.astype(np.float64), axis=1).mean())

    def at(self, modality: str) -> slice:
        """Where the features of one modality stand. Raises DataError naming the known ones."""
        if modality not in self.widths:
            raise DataError(f"no modality {modality!r} among these features{nearest(modality, self.widths)}")
        names = list(self.widths)
        start = sum(self.widths[name] for name in names[: names.index(modality)])
        return slice(start, start + self.widths[modality])

    def blank(self, *modalities: str) -> Utterances:
        """The same utterances with zeros for some modalities: the mean of training where features are standardised."""
        features = self.features.copy()
        for name in modalities:
            features[:, self.at(name)] = 0.0
        return replace(self, features=features)


def utterances(split: Split, modalities: Sequence[str], scale: Scale | None = None, label: str = "emotion") -> Utterances:
    """The utterances of `split` with the vectors of some modalities side by side, standardised where there is a `scale`.

    label: the column of class numbers.
    Raises DataError for a column that is missing or not of vectors, and for a scale of another width.
    """
    blocks = _blocks(split, modalities)
    if label not in split.table.column_names:
        raise DataError(f"no column {label!r} of labels{nearest(label, split.table.column_names)}")
    features = np.concatenate(blocks, axis=1)
    if scale is not None:
        if scale.mean.shape != features.shape[1:]:
            raise DataError(f"{'+'.join(modalities)} has {features.shape[1]} features, the scale was fitted on {len(scale.mean)}")
        features = (features - scale.mean) / scale.deviation
    starts = dialogue_starts(split.table)
    return Utterances(
        features.astype(np.float32, copy=False),
        split.table[label].to_numpy().astype(np.int64),
        np.append(starts, len(split)),
        _speakers(split.table["speaker"], starts),
        {name: block.shape[1] for name, block in zip(modalities, blocks, strict=True)},
    )


class Windows(Batches):
    """A record is an utterance and up to `history` utterances before it in its dialogue; nothing of what follows is shown.

    Batch, with K = history: features (B, K + 1, F), padded with zeros on the LEFT, the utterance itself last; keep (B, K + 1)
    bool, real steps; own (B, K + 1) bool, those spoken by the speaker of the utterance; label (B,) int64.
    """

    def __init__(self, data: Utterances, size: int, history: int, *, shuffle: bool = False, seed: int = 0) -> None:
        if history < 0:
            raise DataError(f"history of {history} turns, expected 0 or more")
        super().__init__(Columns(None, {"label": data.label}), size, shuffle=shuffle, seed=seed)
        self.data, self.history = data, history
        x = np.concatenate([data.features, np.zeros((1, data.features.shape[1]), np.float32)])  # the last row is the padding
        self.features, self.speaker = torch.from_numpy(x), torch.from_numpy(data.speaker)
        start = np.repeat(data.offsets[:-1], np.diff(data.offsets))  # (U,) of the dialogue that an utterance is in
        self.start = torch.from_numpy(start)

    def collate(self, rows: NDArray[np.integer]) -> dict[str, Tensor]:
        """The utterances `rows` as one batch."""
        target = torch.from_numpy(rows)[:, None]
        at = target + torch.arange(-self.history, 1)  # (B, K + 1)
        keep = at >= self.start[target]
        own = (self.speaker[at.clamp(min=0)] == self.speaker[target]) & keep
        at = at.masked_fill(~keep, len(self.features) - 1)
        features = self.features.index_select(0, at.flatten()).unflatten(0, at.shape)
        return {"features": features, "keep": keep, "own": own, "label": self.dense["label"][target[:, 0]]}


class Dialogues(Batches):
    """A record is a whole dialogue; dialogues of similar length share a batch where they are shuffled.

    Batch, T the longest dialogue in it: features (B, T, F), padded with zeros on the RIGHT; keep (B, T) bool; speaker (B, T)
    int64, 0 who speaks first in the dialogue and 1 everybody else; label (B, T) int64, NO_LABEL at padding.
    """

    def __init__(self, data: Utterances, size: int, *, shuffle: bool = False, seed: int = 0) -> None:
        super().__init__(Columns(None, {"dialogue": np.arange(len(data.offsets) - 1)}), size, shuffle=shuffle, seed=seed)
        self.data = data
        self.ragged = {"features": (data.features, data.offsets)}  # whose lengths decide who shares a batch

    def collate(self, rows: NDArray[np.integer]) -> dict[str, Tensor]:
        """The dialogues `rows` as one batch."""
        features, keep = pad(self.data.features, self.data.offsets, rows)
        speaker, _ = pad(np.minimum(self.data.speaker, 1), self.data.offsets, rows)
        label, _ = pad(self.data.label, self.data.offsets, rows, NO_LABEL)
        return {"features": features, "keep": keep, "speaker": speaker, "label": label}


def _blocks(split: Split, modalities: Sequence[str]) -> list[NDArray[np.float32]]:
    """The vectors (U, width) of each modality."""
    if not modalities:
        raise DataError("no modalities, expected at least one")
    found = []
    for name in modalities:
        if name not in split.table.column_names:
            raise DataError(f"no column {name!r}{nearest(name, split.table.column_names)}")
        kind = split.table.schema.field(name).type
        if not (pa.types.is_fixed_size_list(kind) and pa.types.is_floating(kind.value_type)):
            raise DataError(f"column {name!r} is {kind}, expected vectors of numbers")
        found.append(matrix(split.table[name]))
    return found


def _speakers(names: pa.ChunkedArray, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """(U,) number of each speaker within the dialogue, in the order of their first utterances."""
    code = whole(names).dictionary_encode().indices.to_numpy().astype(np.int64)
    dialogue = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(code))))
    _, first, who = np.unique(dialogue * (code.max() + 1) + code, return_index=True, return_inverse=True)
    order = np.argsort(first)  # by first utterance, and so by dialogue
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order)) - np.searchsorted(dialogue[first[order]], dialogue[first[order]])
    return number[who]

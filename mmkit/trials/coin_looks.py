"""What a trial of emotions in conversations finds beside its scores: answers under attack, and whose past counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from mmkit.trials import Rows

STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of attacks, times that of training
ATTACKED = 1500  # utterances of the test part that are attacked: its first dialogues with about as many
MOST = 0.6  # share of the test part's dialogues that a protocol may choose its epoch on


def look(
    way: Any, prepared: Any, parts: dict[str, Any], model: Any, make: Callable[[Any], Any], epsilon: float
) -> tuple[Rows, dict[str, np.ndarray]]:
    """Rows and arrays: accuracy under attack; of COIN sensitivity to the partner, against true coupling where it is known.

    make: batches of a part, in order. Ablations are not attacked.
    """
    rows, arrays, test = [], {}, make(parts["test"])
    if way.changes == {}:
        few = first(parts["test"], ATTACKED)
        rows, arrays = _attacked(model, make(few), few.label, epsilon)
    if way.model != "coin" or not test.history:
        return rows, arrays
    partner, gate = _partner(model, test)
    arrays |= {"partner": partner.astype(np.float32), "gate": gate.astype(np.float32)}
    truth = prepared.splits["test"].truth
    if truth is not None and "coupling_own" in truth.column_names:
        rho = _rank(partner, truth["coupling_own"].to_numpy(), parts["test"])
        if rho is not None:
            rows.append(("test", "partner_rho", rho))
    return rows, arrays


def _attacked(model: Any, data: Any, label: np.ndarray, epsilon: float) -> tuple[Rows, dict[str, np.ndarray]]:
    """Accuracy in % under attacks of several strengths; that of training is a score."""
    from mmkit.fit import predict
    from mmkit.models.conversations.training import attacked

    found = []
    for strength in STRENGTHS:
        answer = predict(model, data, attacked(strength * epsilon))["logits"].argmax(dim=1).numpy()
        found.append(100 * float((answer == label).mean()))
    return [("test", "accuracy_attacked", found[STRENGTHS.index(1.0)])], {"attacked": np.array(found, dtype=np.float32)}


def _partner(model: Any, test: Any) -> tuple[np.ndarray, np.ndarray]:
    """(U,) each: share of an answer's slope by the past that belongs to the other speaker, and the mean opening of the gates.

    NaN where nothing was said before.
    """
    import torch

    device, shares, gates = next(model.parameters()).device, [], []
    for batch in test.epoch():
        batch = {name: tensor.to(device) for name, tensor in batch.items()}
        found = model.look(batch["features"], batch["own"], batch["keep"])
        past, keep = found["turn"][:, :-1], batch["keep"][:, :-1]
        other = (past * (~batch["own"][:, :-1] & keep)).sum(dim=1)
        shares.append((other / past.sum(dim=1)).cpu())
        gates.append(((found["gates"].mean(dim=2) * keep).sum(dim=1) / keep.sum(dim=1)).cpu())
    return torch.cat(shares).numpy(), torch.cat(gates).numpy()


def _rank(partner: np.ndarray, coupling: np.ndarray, part: Any) -> float | None:
    """Spearman's correlation, over dialogues and speakers, of mean share and true coupling; None where one never differs."""
    from scipy.stats import spearmanr

    dialogue = np.repeat(np.arange(len(part.offsets) - 1), np.diff(part.offsets))
    group = 2 * dialogue + np.minimum(part.speaker, 1)
    known = np.isfinite(partner)
    count = np.bincount(group[known], minlength=group.max() + 1)
    some = count > 0
    share = np.bincount(group[known], partner[known], len(count))[some] / count[some]
    true = np.bincount(group[known], coupling[known], len(count))[some] / count[some]
    if np.ptp(true) < 1e-9 or np.ptp(share) < 1e-9:
        return None
    return float(spearmanr(share, true).statistic)


def most_of(part: Any, seed: int) -> Any:
    """Most of the dialogues of a part, drawn at random."""
    n = len(part.offsets) - 1
    return taken(part, np.sort(np.random.default_rng([seed, 0x60]).permutation(n)[: max(1, round(MOST * n))]))


def first(part: Any, count: int) -> Any:
    """The dialogues at the beginning of a part that begin before its utterance `count`."""
    return taken(part, np.flatnonzero(part.offsets[:-1] < count))


def taken(part: Any, dialogues: np.ndarray) -> Any:
    """Some dialogues of a part, whole."""
    rows = np.concatenate([np.arange(part.offsets[d], part.offsets[d + 1]) for d in dialogues])
    return replace(
        part,
        features=part.features[rows],
        label=part.label[rows],
        speaker=part.speaker[rows],
        offsets=np.concatenate([[0], np.cumsum(np.diff(part.offsets)[dialogues])]),
    )

"""What kernel fusion is compared with: machines that only add (linear), one machine per block (late), words without vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmkit.errors import SettingsError
from mmkit.models.kernel_fusion import COST, Blocks, Distances, Floats, KernelSVM, binary, kernel, svc


@dataclass(frozen=True, eq=False)
class LinearFusion:
    """A linear machine on the joined blocks: it adds up what the blocks say and cannot see that two of them contradict."""

    blocks: Blocks
    names: tuple[str, ...]
    machine: Any = field(repr=False)

    def decide(self, features: Mapping[str, ArrayLike]) -> Floats:
        """(M,) decision values; log odds for 'logistic'."""
        return self.machine.decision_function(self.blocks.joined(self.names, features))

    def predict(self, features: Mapping[str, ArrayLike]) -> NDArray[np.int64]:
        """(M,) 0 or 1."""
        return (self.decide(features) > 0).astype(np.int64)


def fit_linear(
    blocks: Blocks, labels: ArrayLike, names: Sequence[str], kind: str = "logistic", cost: float = 1.0
) -> LinearFusion:
    """Logistic regression ('logistic') or a support vector machine with the kernel x . x' ('svm'), both with penalty 1 / C.

    Raises SettingsError for another kind.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    if kind not in ("logistic", "svm"):
        raise SettingsError(f"kind = {kind!r}, expected 'logistic' or 'svm'")
    machine = LogisticRegression(C=cost, max_iter=5000) if kind == "logistic" else SVC(C=cost, kernel="linear")
    return LinearFusion(blocks, tuple(names), machine.fit(blocks.joined(names), binary(labels, blocks.rows)))


@dataclass(frozen=True, eq=False)
class LateFusion:
    """One machine per block, each with a line that makes log odds of its decision values."""

    machines: Mapping[str, KernelSVM]
    lines: Mapping[str, tuple[float, float]]  # slope, intercept

    def probabilities(self, distances: Distances) -> dict[str, Floats]:
        """(M,) per block: how likely label 1 is, by this block alone."""
        from scipy.special import expit

        return {name: expit(self.lines[name][0] * m.decide(distances) + self.lines[name][1]) for name, m in self.machines.items()}

    def decide(self, distances: Distances) -> Floats:
        """(M,) mean probability over the blocks, less a half."""
        return np.mean(list(self.probabilities(distances).values()), axis=0) - 0.5

    def predict(self, distances: Distances) -> NDArray[np.int64]:
        """(M,) 0 or 1."""
        return (self.decide(distances) > 0).astype(np.int64)


def fit_late(
    blocks: Blocks, labels: ArrayLike, names: Sequence[str], cost: float = COST, folds: int = 5, seed: int = 0
) -> LateFusion:
    """Late fusion, calibrated as Platt (1999): the line is fitted to decision values of rows that the machine had not seen.

    Those come from `folds` machines per block on parts of the training rows, cut out of the same distances.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    y = binary(labels, blocks.rows)
    if folds < 2 or min(np.bincount(y)) < folds:
        raise SettingsError(f"folds = {folds}, expected 2 to {min(np.bincount(y))}, the rows of the rarer label")
    cuts = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(y, y))
    machines, lines = {}, {}
    for name in blocks.checked(names):
        gammas = blocks.gammas([name])
        k = kernel(blocks.squared, gammas)
        unseen = np.empty(blocks.rows)
        for seen, held in cuts:
            unseen[held] = svc(k[np.ix_(seen, seen)], y[seen], cost).decision_function(k[np.ix_(held, seen)])
        line = LogisticRegression(C=1e6).fit(unseen[:, None], y)
        lines[name] = (float(line.coef_[0, 0]), float(line.intercept_[0]))
        machines[name] = KernelSVM(gammas, cost, svc(k, y, cost))
    return LateFusion(machines, lines)

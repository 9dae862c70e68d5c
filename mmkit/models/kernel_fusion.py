r"""Alnajjar and Hämäläinen (2021): a support vector machine over text, audio and video, joined before the kernel.

K(x, x') = exp(-gamma |x - x'|^2) of the joined vector factorises over its blocks b: K = exp(-sum_b gamma_b D_b), with D_b the
squared distances within block b. So the distances are computed once per block, and any subset, weight of a block, gamma and C
comes from them. One shared gamma is the paper's early fusion; a block then counts as much as its columns vary.

Labels are 0 and 1 (or False and True); a positive decision value says 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmkit.errors import DataError, SettingsError, nearest

Floats = NDArray[np.float64]
Distances = Mapping[str, Floats]  # block -> squared distances (M, N) of M rows to the N training rows
Gamma = str | float | Mapping[str, float]
SCALE, PER_BLOCK = "scale", "per_block"
COST = 1000.0  # C of the paper


class Blocks:
    """The training rows of some blocks of features, (N, D_b) each: standardised, measured against each other, ready for kernels.

    scaled: every column to mean 0 and deviation 1 over the training rows (the paper does not say); a constant column to zeros.
    Else the numbers are taken as they are, and blocks with large ones decide everything.
    Raises DataError for blocks that are not finite tables with one row per example.
    """

    def __init__(self, features: Mapping[str, ArrayLike], scaled: bool = True) -> None:
        raw = {name: np.asarray(x, dtype=np.float64) for name, x in features.items()}
        if not raw:
            raise DataError("no blocks of features, expected at least one")
        rows = len(next(iter(raw.values())))
        problems = [f"{name}: {why}" for name, x in raw.items() if (why := _wrong(x, rows))]
        if problems or not rows:
            raise DataError(f"blocks of {rows} training rows cannot be used", problems)
        self.scaled, self.rows = scaled, rows
        self.columns = {name: x.shape[1] for name, x in raw.items()}
        self._mean = {name: x.mean(axis=0) for name, x in raw.items()}
        self._sd = {name: _deviation(x) if scaled else np.ones(x.shape[1]) for name, x in raw.items()}
        self._train = {name: self._placed(name, x) for name, x in raw.items()}
        self.squared = {name: _squared(x, x) for name, x in self._train.items()}
        for d in self.squared.values():
            np.fill_diagonal(d, 0.0)
        offset = {name: np.zeros(1) if scaled else mean for name, mean in self._mean.items()}
        self._sum = {name: rows * offset[name].sum() for name in raw}  # of the numbers a kernel of this kind would be given
        self._sum_squares = {name: np.square(x).sum() + rows * np.square(offset[name]).sum() for name, x in self._train.items()}

    def _placed(self, name: str, x: Floats) -> Floats:
        """Distances stay the same when the mean is taken away, and lose fewer digits."""
        return (x - self._mean[name]) / self._sd[name]

    def _rows(self, features: Mapping[str, ArrayLike], names: Sequence[str]) -> dict[str, Floats]:
        found = {name: np.asarray(features[name], dtype=np.float64) for name in self.checked(names) if name in features}
        problems = [f"{name}: missing" for name in names if name not in found]
        rows = len(next(iter(found.values()), ()))
        problems += [f"{name}: {why}" for name, x in found.items() if (why := _wrong(x, rows, self.columns[name]))]
        if problems:
            raise DataError(f"blocks of {rows} rows do not fit those of training", problems)
        return {name: self._placed(name, x) for name, x in found.items()}

    def checked(self, names: Sequence[str]) -> list[str]:
        """These names of blocks. Raises SettingsError for one that is not there, twice there, or none at all."""
        for name in names:
            if name not in self.columns:
                raise SettingsError(f"no block {name!r}{nearest(name, self.columns)}")
        if not names or len(set(names)) < len(names):
            raise SettingsError(f"blocks {list(names)}, expected at least one and each once")
        return list(names)

    def mean(self, name: str) -> Floats:
        """(D_b,) mean row of a block over training, in its own numbers: what a row says of which this block is not known."""
        return self._mean[self.checked([name])[0]].copy()

    def distances(self, features: Mapping[str, ArrayLike]) -> dict[str, Floats]:
        """Squared distances (M, N) of other rows to the training rows, per block. Once per set of rows is enough."""
        found = self._rows(features, [name for name in self.columns if name in features])
        return {name: _squared(x, self._train[name]) for name, x in found.items()}

    def joined(self, names: Sequence[str], features: Mapping[str, ArrayLike] | None = None) -> Floats:
        """(M, sum of D_b): these blocks side by side, of other rows or of the training rows; centred, scaled if `scaled`."""
        found = self._train if features is None else self._rows(features, names)
        return np.concatenate([found[name] for name in self.checked(names)], axis=1)

    def gamma(self, names: Sequence[str], weights: Mapping[str, float] | None = None) -> float:
        """scikit-learn's 'scale' for these blocks joined: 1 / (D Var), D columns, Var over all entries of the training table.

        weights: a block's squared distances count w times, as if its columns were multiplied by the root of w.
        """
        w = _weights(self.checked(names), weights)
        columns = sum(self.columns[name] for name in names)
        mean = sum(np.sqrt(w[name]) * self._sum[name] for name in names) / (self.rows * columns)
        variance = sum(w[name] * self._sum_squares[name] for name in names) / (self.rows * columns) - np.square(mean)
        return float(1.0 / (columns * variance)) if variance > 0 else 1.0

    def gammas(self, names: Sequence[str], gamma: Gamma = SCALE, weights: Mapping[str, float] | None = None) -> dict[str, float]:
        """What multiplies each block's squared distances: one gamma for all ('scale' or a number), or one of its own per block.

        'per_block' is each block's own 'scale' over the number of blocks: all count the same. A mapping is taken as it is.
        """
        w = _weights(self.checked(names), weights)
        if isinstance(gamma, Mapping):
            if missing := [name for name in names if name not in gamma]:
                raise SettingsError(f"gamma lacks the blocks {', '.join(missing)}")
            own = {name: float(gamma[name]) for name in names}
        elif gamma == PER_BLOCK:
            own = {name: self.gamma([name]) / len(names) for name in names}
        elif gamma == SCALE:
            own = dict.fromkeys(names, self.gamma(names, weights))
        elif isinstance(gamma, str):
            raise SettingsError(f"gamma = {gamma!r}, expected {SCALE!r}, {PER_BLOCK!r}, a number, or a number per block")
        else:
            own = dict.fromkeys(names, float(gamma))
        return {name: float(own[name] * w[name]) for name in names}

    def share(self, names: Sequence[str], weights: Mapping[str, float] | None = None) -> dict[str, float]:
        """Which part of the mean squared distance between two training rows comes from each block; sums to 1."""
        w = _weights(self.checked(names), weights)
        mean = {name: w[name] * float(self.squared[name].mean()) for name in names}
        total = sum(mean.values())
        return {name: part / total if total else 0.0 for name, part in mean.items()}


def kernel(distances: Distances, gammas: Mapping[str, float]) -> Floats:
    """(M, N): exp(-sum_b gamma_b D_b)."""
    if missing := [name for name in gammas if name not in distances]:
        raise DataError(f"distances lack the blocks {', '.join(missing)}, of which the kernel is made")
    first, *others = gammas
    total = gammas[first] * distances[first]
    for name in others:
        total += gammas[name] * distances[name]
    return np.exp(np.negative(total, out=total), out=total)


@dataclass(frozen=True, eq=False)
class KernelSVM:
    """A fitted support vector machine. gammas: what multiplies each block's distances; machine: scikit-learn's SVC."""

    gammas: Mapping[str, float]
    cost: float
    machine: Any = field(repr=False)

    def decide(self, distances: Distances) -> Floats:
        """(M,) decision values of the rows that these are the distances of (`Blocks.distances`)."""
        return self.machine.decision_function(kernel(distances, self.gammas))

    def predict(self, distances: Distances) -> NDArray[np.int64]:
        """(M,) 0 or 1."""
        return (self.decide(distances) > 0).astype(np.int64)


def fit(
    blocks: Blocks,
    labels: ArrayLike,
    names: Sequence[str],
    cost: float = COST,
    gamma: Gamma = SCALE,
    weights: Mapping[str, float] | None = None,
) -> KernelSVM:
    """The machine that scikit-learn's SVC(C=cost, kernel='rbf') finds on these blocks joined, from their distances."""
    return fit_costs(blocks, labels, names, [cost], gamma, weights)[0]


def fit_costs(
    blocks: Blocks,
    labels: ArrayLike,
    names: Sequence[str],
    costs: Sequence[float],
    gamma: Gamma = SCALE,
    weights: Mapping[str, float] | None = None,
) -> list[KernelSVM]:
    """One machine per C; they share the kernel."""
    y = binary(labels, blocks.rows)
    gammas = blocks.gammas(names, gamma, weights)
    k = kernel(blocks.squared, gammas)
    return [KernelSVM(gammas, cost, svc(k, y, cost)) for cost in costs]


def svc(k: Floats, y: NDArray[np.int64], cost: float) -> Any:
    """scikit-learn's machine on a ready kernel (N, N)."""
    from sklearn.svm import SVC

    return SVC(C=cost, kernel="precomputed").fit(k, y)


Score = Callable[[NDArray[np.int64], NDArray[np.int64]], float]  # (labels, predicted) -> the higher the better


def accuracy(labels: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Share of equal entries."""
    return float(np.mean(labels == predicted))


@dataclass(frozen=True, eq=False)
class Tuned:
    """The best machine on validation rows, its score there, and all that was tried: (multipliers, C, score)."""

    best: KernelSVM
    score: float
    tried: list[tuple[dict[str, float], float, float]]


def tune(
    blocks: Blocks,
    labels: ArrayLike,
    names: Sequence[str],
    distances: Distances,
    valid_labels: ArrayLike,
    *,
    multipliers: Sequence[float] = (0.25, 1.0, 4.0),
    costs: Sequence[float] = (1.0, 30.0, COST),
    score: Score = accuracy,
) -> Tuned:
    """A gamma of its own for every block: each 'per_block' gamma times each multiplier, times each C, judged on validation rows.

    distances: of the validation rows. Of equally good ones the first, so put what you prefer first. As a block's weight and its
    gamma are the same thing here, this tunes the weights too. Test rows never come in.
    """
    valid = binary(valid_labels, len(next(iter(distances.values()))), both=False)
    base, tried = blocks.gammas(names, PER_BLOCK), []
    best, highest = None, -np.inf
    for chosen in itertools.product(multipliers, repeat=len(names)):
        times = dict(zip(names, chosen, strict=True))
        for machine in fit_costs(blocks, labels, names, costs, {name: base[name] * times[name] for name in names}):
            reached = score(valid, machine.predict(distances))
            tried.append((times, machine.cost, reached))
            if reached > highest:
                best, highest = machine, reached
    return Tuned(best, highest, tried)


# --- checks and distances -------------------------------------------------------------------------------------------


def binary(labels: ArrayLike, rows: int, both: bool = True) -> NDArray[np.int64]:
    """(rows,) int64 of 0 and 1. Raises DataError for anything else, and where one of them is missing if `both` are needed."""
    y = np.asarray(labels)
    values = np.unique(y)
    if y.shape != (rows,) or not np.isin(values, (0, 1)).all() or (both and len(values) < 2):
        raise DataError(f"labels of shape {y.shape} with the values {values[:5].tolist()}, expected ({rows},) of 0 and 1")
    return y.astype(np.int64)


def _wrong(x: Floats, rows: int, columns: int | None = None) -> str:
    if x.ndim != 2 or len(x) != rows or not x.shape[1] or x.shape[1] != (columns or x.shape[1]):
        return f"shape {x.shape}, expected ({rows}, {'D' if columns is None else columns})"
    bad = int((~np.isfinite(x)).any(axis=1).sum())
    return f"{bad} rows hold numbers that are not finite" if bad else ""


def _deviation(x: Floats) -> Floats:
    """Standard deviation per column; 1 where a column is constant but for rounding, which must not be blown up."""
    sd, size = x.std(axis=0), np.abs(x).max(axis=0)
    return np.where(sd > 1e-12 * size, sd, 1.0)


def _squared(left: Floats, right: Floats) -> Floats:
    """|a - b|^2 = |a|^2 + |b|^2 - 2 a . b, one matrix product instead of all differences."""
    found = -2.0 * left @ right.T
    found += np.square(left).sum(axis=1)[:, None]
    found += np.square(right).sum(axis=1)
    return np.maximum(found, 0.0, out=found)


def _weights(names: Sequence[str], weights: Mapping[str, float] | None) -> dict[str, float]:
    found = {name: float((weights or {}).get(name, 1.0)) for name in names}
    if unknown := [name for name in weights or {} if name not in found]:
        raise SettingsError(f"weights for the blocks {', '.join(unknown)}, which take no part")
    if any(not np.isfinite(w) or w < 0 for w in found.values()):
        raise SettingsError(f"weights = {found}, expected numbers from 0 up")
    return found

"""Do two files of sentences run alongside each other? Judged by lengths alone: a long sentence has a long translation."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

RATIO = 9  # words of one side per word of the other; no pair of Multi30k is above 8
MOST_OUTLIERS = 0.05  # share of such pairs that a part may have
WINDOW = 200  # pairs that are looked at together
REACH = 5  # lines by which a text may have moved and still be recognised
ALIKE, APART = 0.5, 0.2  # correlation of the lengths of texts that run alongside each other (Multi30k: 0.9), and of others
VARIED = 0.1  # standard deviation of log lengths below which a correlation says nothing, as in a text sorted by length


def outliers(one: pa.Array, two: pa.Array) -> np.ndarray:
    """Rows of pairs (N,) where one side has more than RATIO times the words (runs of characters between spaces) of the other."""
    first, second = (pc.add(pc.count_substring(pc.utf8_trim_whitespace(x), " "), 1).to_numpy() for x in (one, two))
    return np.flatnonzero((first > RATIO * second) | (second > RATIO * first))


def shifts(first: np.ndarray, second: np.ndarray) -> list[tuple[int, int]]:
    """[(line, by)]: from about `line` (1-based) on, text one runs alongside text two `by` lines further.

    first, second: (N,) lengths of lines in characters. Told only where the lengths of WINDOW lines hardly correlate line
    by line and clearly do when moved by up to REACH lines, so a text sorted by length or a loose translation is not blamed.
    """
    x, y = np.log1p(first), np.log1p(second)
    starts = np.arange(REACH, len(x) - REACH - WINDOW + 1, WINDOW)
    if not len(starts):
        return []
    moves = np.array([0, *(by for step in range(1, REACH + 1) for by in (step, -step))])
    rows = starts[:, None] + np.arange(WINDOW)  # (windows, WINDOW)
    fits = np.stack([_correlation(x[rows], y[rows + by]) for by in moves])  # (moves, windows)
    best = fits[1:].argmax(axis=0) + 1
    varied = np.minimum(x[rows].std(axis=1), y[rows].std(axis=1)) > VARIED
    moved = np.flatnonzero(varied & (fits[0] < APART) & (fits[best, np.arange(len(starts))] > ALIKE))
    by = moves[best[moved]]
    new = np.concatenate([[True], by[1:] != by[:-1]])[: len(by)]  # told once, where it begins
    lines = np.where(moved == 0, 1, starts[moved] + 1)
    return list(zip(lines[new].tolist(), by[new].tolist(), strict=True))


def unrelated(first: np.ndarray, second: np.ndarray) -> float | None:
    """The correlation of log lengths (N,) where it shows that two texts have nothing to do with each other, else None."""
    x, y = np.log1p(first)[None], np.log1p(second)[None]
    if len(first) < WINDOW or min(x.std(), y.std()) < VARIED:
        return None
    found = float(_correlation(x, y)[0])
    return found if found < APART else None


def _correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pearson's correlation of each row (N, W) -> (N,); 0 where one of them does not vary."""
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    scale = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return np.divide((x * y).sum(axis=1), scale, out=np.zeros(len(x)), where=scale > 0)


def break_point(first: np.ndarray, second: np.ndarray) -> int | None:
    """The last line (1-based) up to which two texts of different length run alongside each other; None when it cannot be told.

    One run of lines is taken to be missing in the shorter one: the cut is where the lengths before it fit line by line and
    those behind it fit counted from the end. Told only if behind the cut that fits clearly better (WINDOW lines are needed).
    """
    n = min(len(first), len(second))
    if not n:
        return None
    x, y = np.log1p(first), np.log1p(second)
    front = np.abs(x[:n] - y[:n])
    back = np.abs(x[len(x) - n :] - y[len(y) - n :])
    behind = np.concatenate([back[::-1].cumsum()[::-1], [0.0]])
    cost = np.concatenate([[0.0], front.cumsum()]) + behind
    cut = int(cost.argmin())
    rest = n - cut
    clear = rest == 0 or rest < 5 or front[cut:].mean() > 1.5 * back[cut:].mean()
    return cut if n >= WINDOW and clear else None

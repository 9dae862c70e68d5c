"""Which block gives a line away: what a decision loses without it, and what it adds to the words.

A block is left out of a machine's sight by setting its numbers to their mean over training. The ideal reader of a world is asked
the same way, by its log odds. Where words and voice give a line away only together, both are lost without either: so leaving out
names the words whatever the voice did, and the ideal reader's agreement with the truth tells how far the question itself goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

    from mmkit.models.kernel_fusion import Blocks, Distances, KernelSVM

BLOCKS = ("text", "audio", "video")
EVERY = "_".join(BLOCKS)
REST = {block: "_".join(other for other in BLOCKS if other != block) for block in BLOCKS}  # what is seen without a block
Values = Mapping[str, NDArray[np.float64]]  # subset of blocks, such as "text_audio" -> (N,) how sarcastic a line seems by it
CLIP = 1e-12  # of probabilities


def decisions(machine: KernelSVM, blocks: Blocks, distances: Distances) -> dict[str, NDArray[np.float64]]:
    """(N,) decision values of a machine of all blocks by what it sees: all, two of them, the words alone, "" for nothing."""
    count = len(next(iter(distances.values())))
    mean = {name: blocks.distances({name: blocks.mean(name)[None]})[name] for name in BLOCKS}  # (1, N of training)
    hidden = {name: np.repeat(row, count, axis=0) for name, row in mean.items()}
    seen = (EVERY, *REST.values(), "text", "")
    return {some: machine.decide({b: (distances if b in some.split("_") else hidden)[b] for b in BLOCKS}) for some in seen}


def log_odds(truth: pa.Table) -> dict[str, NDArray[np.float64]]:
    """(N,) log odds of sarcasm for a reader who knows the law of the world, by what is seen: all or two of the blocks."""
    seen = {some: truth[f"posterior_{some}"].to_numpy().astype(np.float64) for some in (EVERY, *REST.values())}
    return {some: np.log(p / (1 - p)) for some, p in ((some, np.clip(p, CLIP, 1 - CLIP)) for some, p in seen.items())}


def left_out(values: Values) -> NDArray[np.int8]:
    """(N,) number in BLOCKS of the block without which a line seems least sarcastic; of equal ones the first."""
    return np.argmin([values[rest] for rest in REST.values()], axis=0).astype(np.int8)


def added(values: Values) -> NDArray[np.int8]:
    """(N,) number of the block that adds most, words to nothing, voice or face to the words: so the truth defines a `cause`."""
    text = values["text"]
    return np.argmax([text - values[""], values["text_audio"] - text, values["text_video"] - text], axis=0).astype(np.int8)

"""Caption metrics against the COCO evaluation's own program on val2017, or on made-up captions of that size."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from mmkit.scores import captions as c
from tests.bench.told import told

PICTURES, LENGTH, WORDS = 5000, 10, 8000
Corpus = tuple[list[list[str]], list[list[list[str]]]]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """One reference of each picture as its caption, four others as the references."""
    file = Path(os.environ.get("MMKIT_TEST_DATA", "")) / "coco_captions" / "captions_val2017.json"
    captions: dict[int, list[list[str]]] = defaultdict(list)
    if os.environ.get("MMKIT_TEST_DATA") and file.is_file():
        records = json.loads(file.read_text(encoding="utf-8"))["annotations"]
        for record, words in zip(records, c.tokenise(record["caption"] for record in records), strict=True):
            captions[record["image_id"]].append(words)
    else:
        rng = np.random.default_rng(0)
        frequency = 1 / np.arange(1, WORDS + 1)
        drawn = rng.choice(WORDS, (5 * PICTURES, LENGTH), p=frequency / frequency.sum())
        for row, words in enumerate(drawn):
            captions[row // 5].append([f"w{word}" for word in words])
    return [own[0] for own in captions.values()], [own[1:] for own in captions.values()]


def seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


@pytest.mark.parametrize(
    ("name", "ours", "peer", "options", "goal"),
    [
        ("CIDEr-D", c.cider, Cider, {}, 8.0),
        ("BLEU", c.bleu, lambda: Bleu(4), {"verbose": 0}, 3.0),
        ("ROUGE-L", c.rouge_l, Rouge, {}, 3.0),
    ],
)
def test_against_the_coco_evaluation(corpus: Corpus, name, ours, peer, options, goal: float, capsys: pytest.CaptureFixture[str]):
    said = {i: [" ".join(words)] for i, words in enumerate(corpus[0])}
    wanted = {i: [" ".join(words) for words in own] for i, own in enumerate(corpus[1])}

    def mine() -> object:
        return ours(c.Corpus(*corpus))  # the coding is part of the price, though all metrics can share it

    def theirs() -> object:
        return peer().compute_score(wanted, said, **options)

    np.testing.assert_allclose(mine()[1].T, theirs()[1], rtol=0, atol=1e-9)
    pairs = [(seconds(mine), seconds(theirs)) for _ in range(3)]
    times = statistics.median(b / a for a, b in pairs)
    told(capsys, f"{name} of {len(said)} captions, times faster than pycocoevalcap", f"{times:.1f}", f"goal {goal}")
    assert times >= goal

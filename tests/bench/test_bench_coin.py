"""COIN's networks over packed turns against one step at a time, and what adversarial training adds.

The slow way reads the same weights and gives the same logits. Window, width and talks are IEMOCAP's: K = 40, d = 100, 49 turns.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmkit.batches.conversations import Utterances, Windows
from mmkit.layers.adversarial import adversarial
from mmkit.models.conversations import COIN
from mmkit.models.conversations.training import step
from tests.bench.told import told
from tests.models.coin_steps import by_steps

GOAL, GOAL_AT = 3.0, 2.2


def talks(features: int, turns: int = 49, number: int = 40) -> Utterances:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(turns * number, features)).astype(np.float32)
    label, speaker = (rng.integers(0, classes, len(x)) for classes in (6, 2))
    return Utterances(x, label, np.arange(number + 1) * turns, speaker, {"all": features})


def medians(ways: dict[str, Callable[[], Tensor]], model: COIN, rounds: int) -> dict[str, float]:
    """Median CPU seconds of a loss and its gradients, on one thread, the ways in turn, after a round that does not count."""
    torch.set_num_threads(1)
    took: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            model.zero_grad()
            began = time.process_time()
            way().backward()
            if number:
                took[name].append(time.process_time() - began)
    return {name: statistics.median(seconds) for name, seconds in took.items()}


@pytest.mark.parametrize(("features", "size"), [(100, 64), (100, 512), (712, 64)])
def test_packed_turns_against_one_step_at_a_time(capsys: pytest.CaptureFixture[str], features: int, size: int):
    torch.manual_seed(0)
    model = COIN(features, 6, dropout=0.0)
    batch = next(Windows(talks(features), size, 40, shuffle=True).epoch())
    asked = batch["features"], batch["own"], batch["keep"]
    torch.testing.assert_close(model(*asked), by_steps(model, *asked), atol=1e-4, rtol=1e-3)
    ways = {
        "packed": lambda: step(model, batch)["loss"],
        "steps": lambda: F.cross_entropy(by_steps(model, *asked), batch["label"]),
        "adversarial": lambda: adversarial(step, 5.0)(model, batch)["loss"],
    }
    took = medians(ways, model, 2 if size > 100 else 4)
    where = f"COIN, K 40, d 100, {features} features, batch {len(batch['label'])}"
    speed, extra = took["steps"] / took["packed"], took["adversarial"] / took["packed"]
    rate = len(batch["label"]) / took["packed"]
    told(capsys, where, f"{rate:.0f} utterances/s, {speed:.2f} times as fast as by steps", f"goal >= {GOAL}")
    told(capsys, where, f"adversarial training takes {extra:.2f} times as long", f"goal <= {GOAL_AT}")
    assert speed >= 1.5
    assert extra <= 2.6

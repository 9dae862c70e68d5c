"""What a fixed output matrix saves in training: time per word, and the optimiser's memory."""

from __future__ import annotations

import statistics
import time

import pytest
import torch
import torch.nn.functional as F

from mmkit.layers.target_head import TargetHead
from mmkit.layers.word_loss import word_loss
from mmkit.models.fixed_targets import Luong, TeacherForced
from mmkit.scores.embeddings import adam_bytes
from tests.bench.told import told

SOURCE, TARGET, EMBEDDING, HIDDEN, CONTEXT, SENTENCES, LENGTH = 7853, 5893, 256, 128, 256, 128, 14


def trainer(kind: str):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    how = {"rows": "unit", "bias": "zero"} if kind == "fixed" else {}
    model = TeacherForced(Luong(SOURCE, TARGET, EMBEDDING, HIDDEN, CONTEXT, lambda _: TargetHead(TARGET, CONTEXT, kind, **how)))
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    source, target = (torch.randint(4, words, (SENTENCES, LENGTH)) for words in (SOURCE, TARGET))
    keep = torch.ones(SENTENCES, LENGTH, dtype=torch.bool)

    def step() -> float:
        began = time.perf_counter()
        model(source, keep, target, keep)["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
        return time.perf_counter() - began

    return step, optimizer


def state_bytes(optimizer: torch.optim.Optimizer) -> int:
    states = optimizer.state_dict()["state"].values()
    return sum(t.numel() * t.element_size() for s in states for n, t in s.items() if n != "step")


def test_a_fixed_head_trains_faster_and_needs_less_optimiser_memory(capsys):
    steps = {kind: trainer(kind) for kind in ("learned", "fixed")}
    seconds = {kind: [] for kind in steps}
    for round in range(8):
        for kind, (step, _) in steps.items():
            took = step()
            if round >= 2:
                seconds[kind].append(took)
    speed = {kind: SENTENCES * LENGTH / statistics.median(took) for kind, took in seconds.items()}
    saved = state_bytes(steps["learned"][1]) - state_bytes(steps["fixed"][1])
    bias = 8 * TARGET  # the fixed head has none
    assert saved == adam_bytes(TARGET, CONTEXT) + bias
    told(
        capsys,
        "fixed head",
        f"{speed['fixed']:,.0f} words/s against {speed['learned']:,.0f} learned, {speed['fixed'] / speed['learned']:.2f} times; "
        f"Adam's state {saved / 1e6:.2f} MB smaller, predicted 8 |V| d = {adam_bytes(TARGET, CONTEXT) / 1e6:.2f} and the bias",
        "goal: not slower",
    )
    assert speed["fixed"] > 0.97 * speed["learned"]


@pytest.mark.parametrize("kind", ["learned", "fixed"])
def test_the_blockwise_loss_against_torchs(capsys, kind):
    torch.set_num_threads(1)
    f = torch.randn(SENTENCES * LENGTH, CONTEXT, requires_grad=True)
    matrix = torch.randn(TARGET, CONTEXT, requires_grad=kind == "learned")
    target = torch.randint(0, TARGET, (len(f),))
    ways = {
        "blockwise": lambda: word_loss(f, matrix, None, target),
        "torch": lambda: F.cross_entropy(F.linear(f, matrix), target),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for round in range(6):
        for name, way in ways.items():
            f.grad = matrix.grad = None
            began = time.perf_counter()
            way().backward()
            if round >= 1:
                seconds[name].append(time.perf_counter() - began)
    ratio = statistics.median(seconds["torch"]) / statistics.median(seconds["blockwise"])
    told(capsys, f"word loss, {kind} rows", f"{ratio:.2f} times as fast as F.cross_entropy", "goal >= 1.0")
    assert ratio >= 1.0

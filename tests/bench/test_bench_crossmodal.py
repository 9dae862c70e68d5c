"""All pairs of a crossmodal transformer together, against one pair after the other with attention written out.

The slow way reads the same weights and gives the same result, so that only the arrangement differs. Its lengths are those of
the unaligned CMU-MOSI data (50 words, 500 audio steps, 375 frames) with MulT's sizes there, then those of a film at lab size.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmkit.layers.crossmodal import PairStack
from tests.bench.told import told

PAIRS = [(b, a) for a in "TVA" for b in "TVA" if a != b]
OWN = [(a, a) for a in "TVA"]
GOAL = 2.0


class MulT:
    """Six networks, three memories, one summary per sequence: `quick` with our stacks, `slow` pair by pair."""

    def __init__(self, lengths: dict[str, int], items: int, dim: int, heads: int, layers: int, device: str) -> None:
        torch.manual_seed(0)
        self.cross, self.memory = (PairStack(p, d, layers, heads).to(device) for p, d in ((PAIRS, dim), (OWN, 2 * dim)))
        self.x = {name: torch.randn(items, steps, dim, device=device) for name, steps in lengths.items()}
        self.last = {name: torch.full((items,), steps - 1, device=device) for name, steps in lengths.items()}

    def quick(self) -> Tensor:
        found, _ = self.cross(self.x)
        joined = {name: torch.cat(found[2 * n : 2 * n + 2], dim=2) for n, name in enumerate("TVA")}
        return torch.cat(self.memory(joined, step=self.last)[0], dim=1)

    def slow(self) -> Tensor:
        found = self._apart(self.cross, self.x)
        joined = {name: torch.cat(found[2 * n : 2 * n + 2], dim=2) for n, name in enumerate("TVA")}
        return torch.stack([z[:, -1] for z in self._apart(self.memory, joined)], dim=1)

    def _apart(self, stack: PairStack, x: dict[str, Tensor]) -> list[Tensor]:
        layers = [{name: w.unbind(0) for name, w in layer.named_parameters()} for layer in stack.layers]
        found = []
        for p, (source, target) in enumerate(stack.pairs):
            z = x[target]
            for layer in layers:
                z = one_layer({name: w[p] for name, w in layer.items()}, z, None if stack.own else x[source], stack.heads)
            found.append(F.layer_norm(z, (stack.dim,), *stack.norm[p]))
        return found


def one_layer(w: dict[str, Tensor], z: Tensor, other: Tensor | None, heads: int) -> Tensor:
    dim = z.shape[2]
    n = F.layer_norm(z, (dim,), *w["norm_1"])
    seen = n if other is None else F.layer_norm(other, (dim,), *w["norm_1"])
    q = (n @ w["w_in"][:, :dim] + w["b_in"][:dim]).unflatten(2, (heads, -1)).transpose(1, 2)
    k, v = (seen @ w["w_in"][:, dim:] + w["b_in"][dim:]).unflatten(2, (2, heads, -1)).permute(2, 0, 3, 1, 4)
    a = (q @ k.transpose(2, 3) / q.shape[3] ** 0.5).softmax(dim=-1)
    z = z + (a @ v).transpose(1, 2).flatten(2) @ w["w_o"] + w["b_o"]
    n = F.layer_norm(z, (dim,), *w["norm_2"])
    return z + (n @ w["w_1"] + w["b_1"]).relu() @ w["w_2"] + w["b_2"]


def seconds(ways: dict[str, Callable[[], Tensor]], rounds: int, device: str) -> dict[str, float]:
    """Median time of a forward and a backward pass, the ways in turn."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            begin = time.perf_counter()
            way().square().mean().backward()
            if device == "cuda":
                torch.cuda.synchronize()
            if number:
                took[name].append(time.perf_counter() - begin)
    return {name: statistics.median(t) for name, t in took.items()}


def kept_bytes(way: Callable[[], Tensor]) -> int:
    """What a forward pass keeps for the backward pass, each storage once."""
    kept: dict[int, int] = {}

    def keep(t: Tensor) -> Tensor:
        kept[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        result = way()
    assert result.requires_grad
    return sum(kept.values())


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no GPU here"))])  # fmt: skip
def test_one_step_at_the_lengths_of_mosi(capsys: pytest.CaptureFixture[str], device: str):
    torch.set_num_threads(1)

    mult = MulT({"T": 50, "V": 375, "A": 500}, 2 if device == "cpu" else 24, 40, 5, 4, device)
    torch.testing.assert_close(mult.quick(), mult.slow(), atol=1e-4, rtol=1e-3)
    ways = {"quick": mult.quick, "slow": mult.slow}
    took, kept = seconds(ways, 3 if device == "cpu" else 10, device), {name: kept_bytes(way) for name, way in ways.items()}
    speed, memory = took["slow"] / took["quick"], kept["quick"] / kept["slow"]
    told(capsys, f"MulT, 50/375/500 steps, {device}", f"{speed:.2f} times as fast as pair by pair", f"goal >= {GOAL}")
    told(capsys, f"MulT, 50/375/500 steps, {device}", f"keeps {memory:.2f} of its memory for the backward pass", "goal <= 0.5")
    assert speed >= GOAL
    assert memory <= 0.5


def test_one_step_at_lab_size(capsys: pytest.CaptureFixture[str]):
    torch.set_num_threads(1)
    mult = MulT({"T": 30, "V": 24, "A": 24}, 64, 16, 2, 1, "cpu")
    torch.testing.assert_close(mult.quick(), mult.slow(), atol=1e-4, rtol=1e-3)
    took = seconds({"quick": mult.quick, "slow": mult.slow}, 30, "cpu")
    ratio = took["slow"] / took["quick"]
    told(capsys, "MulT of 64 films, 30/24/24 steps, width 16", f"{ratio:.2f} times as fast as pair by pair", "goal >= 1.3")
    told(capsys, "forward and backward", f"{1e3 * took['quick']:.1f} ms", "told, not judged")
    assert ratio >= 1.3

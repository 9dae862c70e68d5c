"""One training loop on `accelerate`: CPU, one GPU or several processes, bf16 on request, checkpoints, exact resume, progress.

A paper brings `step(model, batch) -> {"loss": tensor, ...}`; everything else is here. Nothing in the loop is specific to a paper.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from mmkit.batches import Batches
from mmkit.errors import DataError, RunError, SettingsError
from mmkit.models.objective import Objective

Step = Callable[[nn.Module, dict[str, Tensor]], dict[str, Tensor]]


@dataclass(frozen=True)
class Recipe:
    """How to train. Learning rates are peaks of a linear decay to zero (without warm-up by default).

    module_rate applies to every parameter outside `encoder`, encoder_rate to those inside; equal rates repeat the paper.
    decay 'plateau' keeps the rates until the validation score has not risen for `patience` epochs, multiplies them by
    `factor`, and stops after `stop` epochs without a rise; it needs the `judge` of `fit`. 'steps' multiplies them by `factor`
    every `patience` epochs.
    """

    epochs: int
    module_rate: float
    encoder_rate: float
    weight_decay: float = 0.0
    warmup: float = 0.0  # share of the steps
    clip: float = 1.0  # norm of the gradient
    precision: str = "float32"  # one of PRECISIONS
    decay: str = "linear"  # linear | plateau | steps
    factor: float = 0.8
    patience: int = 8
    stop: int = 20


@dataclass
class History:
    """What training cost and how the losses went: mean per record of each epoch."""

    losses: list[dict[str, float]] = field(default_factory=list)
    steps: int = 0
    seconds: float = 0.0
    records: int = 0
    judged: list[float] = field(default_factory=list)  # validation score after each epoch, where there is a judge
    best_epoch: int = 0  # counted from 1; the model ends with its weights


PRECISIONS = {
    "float32": "no",
    "rounded": "no",  # float32, but large matrix products of rounded factors: TF32 on a GPU, bfloat16 on a CPU that has it
    "bf16": "bf16",
}


class Progress(Protocol):
    def update(self, done: int, note: str = "") -> None: ...


def accelerator(device: str = "auto", precision: str = "float32"):
    """An `accelerate.Accelerator` for this device. Raises SettingsError when the device is not there."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    if device not in ("auto", "cpu", "cuda", "mps"):
        raise SettingsError(f"device = {device!r}, expected auto, cpu, cuda or mps")
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(device, True):
        raise SettingsError(
            f"device = {device!r}, but this machine has none that torch can use; say auto or cpu (`mmkit doctor` tells more)"
        )
    if precision not in PRECISIONS:
        raise SettingsError(f"precision = {precision!r}, expected one of {', '.join(PRECISIONS)}")
    mixed = PRECISIONS[precision]
    on_cpu = device == "cpu" or (device == "auto" and not any(there.values()))
    shared = AcceleratorState._shared_state  # one per process; another precision or device needs a fresh one
    if shared and (shared.get("_mixed_precision") != mixed or shared.get("_cpu") != on_cpu):
        AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(cpu=on_cpu, mixed_precision=mixed)


def fit(
    model: nn.Module,
    step: Step | Sequence[Objective],
    batches: Batches,
    recipe: Recipe,
    *,
    device: str = "auto",
    checkpoint: Path | None = None,
    every: int = 0,
    progress: Progress | None = None,
    stop_after: int | None = None,
    judge: Callable[[nn.Module], float] | None = None,
) -> History:
    """Train `model` in place and return its history; the model ends on the device it was trained on.

    step: the loss of a batch, minimised by AdamW as the recipe says; or several objectives, whose losses go into the history
    as `<objective>_<name>` and `loss`, their sum. The recipe's decay turns the rates of all optimisers. A model with an
    attribute `progress` is told the share of steps done before each batch.
    judge: called after every epoch, returns a validation score (higher is better); the model ends with the weights of the
    best epoch, the earlier one of equals.
    checkpoint: folder that is written every `every` steps and after each epoch; when it holds a checkpoint training goes on
    from there and ends with the same numbers as an uninterrupted run (one process, same device, thread count and versions).
    stop_after: stop after this many steps of this call (used to test interruptions).
    Raises RunError when the loss is no longer finite, SettingsError for a plateau without a judge.
    """
    if recipe.decay not in ("linear", "steps", "plateau") or (recipe.decay == "plateau" and judge is None):
        raise SettingsError(f"decay = {recipe.decay!r}, expected linear, steps, or plateau together with a judge")
    acc = accelerator(device, recipe.precision)
    if callable(step):
        step = [Objective("", step, lambda whole: _adamw(whole, recipe, acc.device.type), recipe.clip)]
    with products(recipe.precision), flushed():
        return _fit(acc, model, tuple(step), batches, recipe, checkpoint, every, progress, stop_after, judge)


def _fit(
    acc: Any,
    model: nn.Module,
    turns: tuple[Objective, ...],
    batches: Batches,
    recipe: Recipe,
    checkpoint: Path | None,
    every: int,
    progress: Progress | None,
    stop_after: int | None,
    judge: Callable[[nn.Module], float] | None,
) -> History:
    batches = batches.share(acc.process_index, acc.num_processes)
    total = recipe.epochs * len(batches)
    plan = {**asdict(recipe), "batches": len(batches), "records": len(batches.columns)}  # what a checkpoint must fit
    model.to(acc.device)
    wrapped, *optimizers = acc.prepare(model, *(turn.make_optimizer(model) for turn in turns))
    peaks = [group["lr"] for optimizer in optimizers for group in optimizer.param_groups]
    history, start, best = History(), _State(), {}  # best: weights of the best epoch so far
    if checkpoint is not None and (checkpoint / "state.json").exists():
        start = _load(checkpoint, plan, acc, wrapped, optimizers, history, best)
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]  # loading made new ones
    wrapped.train()
    began, done_here = time.perf_counter(), 0
    sums, count = start.sums, start.count
    for epoch in range(start.epoch, recipe.epochs):
        if _over(history.judged, recipe):
            break
        skip = start.step_in_epoch if epoch == start.epoch else 0
        for i, batch in enumerate(batches.epoch(epoch, skip), start=skip):
            batch = {name: tensor.to(acc.device, non_blocking=True) for name, tensor in batch.items()}
            rate = _rate(history, total, recipe)
            for group, peak in zip(groups, peaks, strict=True):
                group["lr"] = peak * rate
            if hasattr(model, "progress"):
                model.progress = history.steps / total
            size, means = _turns(acc, wrapped, turns, optimizers, batch, f"step {history.steps + 1} (epoch {epoch + 1})")
            count += size
            for name, value in means.items():  # averages are over records, not over batches
                sums[name] = sums.get(name, 0.0) + value * size
            history.steps += 1
            done_here += 1
            last = i + 1 == len(batches)
            if last:
                history.losses.append({name: value / count for name, value in sums.items()})
                history.records += count
                sums, count = {}, 0
                if judge is not None:
                    _judge(judge, acc.unwrap_model(wrapped), history, best)
            if progress is not None:
                progress.update(history.steps, f"epoch {epoch + 1}/{recipe.epochs}")
            if checkpoint is not None and (last or (every and history.steps % every == 0)):
                at = _State(epoch + last, 0 if last else i + 1, sums, count)
                history.seconds += time.perf_counter() - began
                began = time.perf_counter()
                _save(checkpoint, plan, acc, wrapped, optimizers, history, at, best)
            if stop_after is not None and done_here >= stop_after:
                history.seconds += time.perf_counter() - began
                return history
    if best:
        acc.unwrap_model(wrapped).load_state_dict(best)
    history.seconds += time.perf_counter() - began
    return history


def _turns(
    acc: Any, model: nn.Module, turns: tuple[Objective, ...], optimizers: list[Any], batch: dict[str, Tensor], place: str
) -> tuple[int, dict[str, float]]:
    """One batch: every objective's turn. (records of the whole batch, mean losses by name)."""
    records, found = len(next(iter(batch.values()))), {}
    for turn, optimizer in zip(turns, optimizers, strict=True):
        with acc.autocast():
            losses = turn.loss(model, batch)
        size, means, weight = _over_processes(acc, records, losses)
        if not math.isfinite(means["loss"]):
            which = f"{turn.name} loss" if turn.name else "loss"
            raise RunError(f"{which} is {means['loss']} at {place}; lower the learning rate or use float32")
        acc.backward(losses["loss"] * weight)
        if math.isfinite(turn.clip):
            acc.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], turn.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        found |= {f"{turn.name}_{name}" if turn.name else name: value for name, value in means.items()}
    if "loss" not in found:
        found["loss"] = sum(found[f"{turn.name}_loss"] for turn in turns)
    return size, found


def _judge(judge: Callable[[nn.Module], float], model: nn.Module, history: History, best: dict[str, Tensor]) -> None:
    """The score of the epoch that has just ended; its weights go into `best` when it is the highest so far."""
    model.eval()
    score = float(judge(model))
    model.train()
    if not math.isfinite(score):
        raise RunError(f"validation score is {score} after epoch {len(history.judged) + 1}, expected a finite number")
    if not history.judged or score > max(history.judged):
        best.update({name: value.detach().clone() for name, value in model.state_dict().items()})
        history.best_epoch = len(history.judged) + 1
    history.judged.append(score)


def _waits(judged: list[float], limit: int) -> int:
    """How often `limit` epochs have passed in a row without a new highest score; the count restarts each time."""
    highest, waited, times = -math.inf, 0, 0
    for score in judged:
        waited = 0 if score > highest else waited + 1
        highest = max(highest, score)
        if waited == limit:
            waited, times = 0, times + 1
    return times


def _over(judged: list[float], recipe: Recipe) -> bool:
    """Has the score not risen for `stop` epochs?"""
    return recipe.decay == "plateau" and bool(judged) and len(judged) - 1 - judged.index(max(judged)) >= recipe.stop


def _rate(history: History, total: int, recipe: Recipe) -> float:
    if recipe.decay == "plateau":
        return recipe.factor ** _waits(history.judged, recipe.patience)
    if recipe.decay == "steps":
        return recipe.factor ** (len(history.losses) // recipe.patience)
    return _schedule(history.steps, total, recipe.warmup)


@contextmanager
def products(precision: str) -> Iterator[None]:
    """Inside, large float32 matrix products are rounded where `precision` is 'rounded' and exact where it is not."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium" if precision == "rounded" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def flushed() -> Iterator[None]:
    """Inside, numbers too small for full precision (below 1e-38) count as zero.

    A processor takes a hundred times as long for one of them, and the moments of AdamW are full of them wherever a gradient
    has vanished: some small models train a fifth faster.
    """
    before = bool((torch.tensor([1e-40]) * 1.0 == 0).item())  # torch sets this, and does not tell it
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _over_processes(acc: Any, size: int, losses: dict[str, Tensor]) -> tuple[int, dict[str, float], float]:
    """(records of the whole batch, its mean losses, weight of this process's loss).

    Processes may hold one record more or fewer than others, and gradients are averaged over processes: the weight turns that
    into the mean over records.
    """
    means = {name: value.detach().item() for name, value in losses.items()}
    if acc.num_processes == 1:
        return size, means, 1.0
    whole, *sums = acc.reduce(torch.tensor([size, *(size * value for value in means.values())], device=acc.device)).tolist()
    return round(whole), {name: value / whole for name, value in zip(means, sums, strict=True)}, size * acc.num_processes / whole


def _adamw(model: nn.Module, recipe: Recipe, device: str) -> torch.optim.Optimizer:
    return torch.optim.AdamW(_groups(model, recipe), fused=device in ("cpu", "cuda"))


def _groups(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Two parameter groups: the encoder's, and the rest."""
    inside = [p for name, p in model.named_parameters() if p.requires_grad and name.startswith("encoder.")]
    outside = [p for name, p in model.named_parameters() if p.requires_grad and not name.startswith("encoder.")]
    groups = [(inside, recipe.encoder_rate), (outside, recipe.module_rate)]
    return [{"params": params, "lr": rate, "weight_decay": recipe.weight_decay} for params, rate in groups if params]


def _schedule(step: int, total: int, warmup: float) -> float:
    rising = warmup * total
    return min((step + 1) / rising, 1.0) if step < rising else (total - step) / max(total - rising, 1)


# --- checkpoints: safetensors for every tensor, JSON for the rest ---------------------------------------------------


@dataclass
class _State:
    epoch: int = 0
    step_in_epoch: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0


def _save(
    folder: Path,
    plan: dict[str, Any],
    acc: Any,
    model: nn.Module,
    optimizers: list[Any],
    history: History,
    at: _State,
    best: dict[str, Tensor],
) -> None:
    """Written to a second name and swapped in, so that a kill in between leaves the older checkpoint whole."""
    from safetensors.torch import save_file

    if not acc.is_main_process:
        return
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"model.{name}": value.detach().cpu().contiguous().clone() for name, value in acc.unwrap_model(model).state_dict().items()
    }
    for name, parameter in acc.unwrap_model(model).named_parameters():
        if parameter.grad is not None:  # left by one objective for the next step of another
            tensors[f"grad.{name}"] = parameter.grad.detach().cpu().contiguous().clone()
    tensors |= {f"best.{name}": value.cpu().contiguous().clone() for name, value in best.items()}
    for k, optimizer in enumerate(optimizers):
        for i, state in optimizer.state_dict()["state"].items():  # Pyro's optimiser counts its steps in a plain number
            for name, value in state.items():
                tensors[f"optimizer.{k}.{i}.{name}"] = torch.as_tensor(value).detach().cpu().contiguous().clone()
    tensors["rng.cpu"] = torch.get_rng_state()
    if acc.device.type == "cuda":
        tensors["rng.cuda"] = torch.cuda.get_rng_state()
    name = f"step-{history.steps}.safetensors"
    save_file(tensors, folder / name)
    whole = {"plan": plan, "tensors": name, "at": asdict(at), "history": asdict(history)}
    (folder / "state.json.tmp").write_text(json.dumps(whole))
    os.replace(folder / "state.json.tmp", folder / "state.json")
    for old in folder.glob("step-*.safetensors"):
        if old.name != name:
            old.unlink()


def _load(
    folder: Path,
    plan: dict[str, Any],
    acc: Any,
    model: nn.Module,
    optimizers: list[Any],
    history: History,
    best: dict[str, Tensor],
) -> _State:
    from safetensors.torch import load_file

    try:
        whole = json.loads((folder / "state.json").read_text())
        if whole["plan"] != plan:
            raise ValueError(f"it belongs to another training, {whole['plan']}, and this one is {plan}")
        tensors = load_file(folder / whole["tensors"])
        acc.unwrap_model(model).load_state_dict(
            {n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")}
        )
        for name, parameter in acc.unwrap_model(model).named_parameters():
            if f"grad.{name}" in tensors:
                parameter.grad = tensors[f"grad.{name}"].to(parameter.device)
        best.update({n.removeprefix("best."): t.to(acc.device) for n, t in tensors.items() if n.startswith("best.")})
        states = [{**optimizer.state_dict(), "state": {}} for optimizer in optimizers]
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, k, i, key = name.split(".", 3)
                plain = tensor.ndim == 0 and tensor.dtype == torch.int64  # a plain number when it was saved
                states[int(k)]["state"].setdefault(int(i), {})[key] = tensor.item() if plain else tensor
        for optimizer, state in zip(optimizers, states, strict=True):
            optimizer.load_state_dict(state)
        torch.set_rng_state(tensors["rng.cpu"])
        if "rng.cuda" in tensors and acc.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["rng.cuda"])
        for name, value in whole["history"].items():
            setattr(history, name, value)
        return _State(**whole["at"])
    except Exception as why:  # whatever a damaged file makes any of these libraries raise
        raise DataError(
            f"{folder}: this checkpoint cannot be continued ({why}); delete the folder to train from the start"
        ) from why


# --- prediction -----------------------------------------------------------------------------------------------------


@torch.no_grad()
def predict(
    model: nn.Module, batches: Batches, outputs: Callable[[nn.Module, dict[str, Tensor]], dict[str, Tensor]]
) -> dict[str, Tensor]:
    """`outputs` of every batch, concatenated in the order of the records, on the CPU. The model is left as it was found.

    Raises DataError for shuffled batches, whose order is not that of the records.
    """
    if batches.shuffle:
        raise DataError("predict got shuffled batches, whose order is not that of the records; make them with shuffle=False")
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    parts = [outputs(model, {n: t.to(device) for n, t in batch.items()}) for batch in batches.epoch()]
    model.train(was_training)
    return {name: torch.cat([part[name].float().cpu() for part in parts]) for name in parts[0]}


# --- progress -------------------------------------------------------------------------------------------------------


class Bar:
    """A progress bar for notebooks (one line that is rewritten), terminals (one line) and logs (a line every few seconds)."""

    def __init__(self, total: int, label: str, every: float = 10.0) -> None:
        self.total, self.label, self.began, self.last, self.done = total, label, time.monotonic(), 0.0, 0
        self.where = _surroundings()
        self.every = {"notebook": 0.5, "terminal": 0.2, "log": every}[self.where]
        self.handle = None

    def update(self, done: int, note: str = "") -> None:
        self.done = done
        now = time.monotonic()
        if done < self.total and now - self.last < self.every:
            return
        self.last = now
        self._show(self.line(now - self.began, note))

    def line(self, seconds: float, note: str = "") -> str:
        """'trials [#####.....] 50/100  0:31, about 0:31 left  note'."""
        share = self.done / max(self.total, 1)
        left = f", about {_clock(seconds / share - seconds)} left" if 0 < share < 1 else ""
        return f"{self.label} [{'#' * round(20 * share):.<20}] {self.done}/{self.total}  {_clock(seconds)}{left}  {note}".rstrip()

    def _show(self, line: str) -> None:
        if self.where == "notebook":
            from IPython.display import display

            if self.handle is None:
                self.handle = display({"text/plain": line}, raw=True, display_id=True)
            else:
                self.handle.update({"text/plain": line}, raw=True)
        elif self.where == "terminal":
            print(f"\r\x1b[2K{line}", end="\n" if self.done >= self.total else "", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)


def _surroundings() -> str:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None and type(shell).__name__ == "ZMQInteractiveShell":
        return "notebook"
    return "terminal" if sys.stderr.isatty() else "log"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread inside: several workers with several threads each would wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

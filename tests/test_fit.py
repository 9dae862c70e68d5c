"""The training loop: what it averages, how its rates move, and that an interruption changes nothing."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import nn

from mmkit import fit as room
from mmkit.batches import Batches, Columns
from mmkit.errors import DataError, RunError, SettingsError
from mmkit.fit import Bar, History, Recipe, fit, one_thread, predict
from mmkit.models.objective import Objective

RECIPE = Recipe(epochs=3, module_rate=1e-2, encoder_rate=5e-3)


class Tiny(nn.Module):
    """Mean embedding, dropout, one linear layer."""

    def __init__(self, dropout=0.3, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.encoder = nn.Embedding(20, 8)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(8, 1)

    def forward(self, ids, keep):
        x = (self.encoder(ids) * keep.unsqueeze(-1)).sum(1) / keep.sum(1, keepdim=True)
        return self.head(self.dropout(x))[:, 0]


def data(n=23, size=4, **how):
    rng = np.random.default_rng(0)
    ids = pa.array([rng.integers(0, 20, k).tolist() for k in rng.integers(1, 9, n)], pa.list_(pa.int32()))
    dense = {"row": np.arange(n), "y": rng.normal(size=n).astype(np.float32)}
    return Batches(Columns(ids, dense), size, **{"shuffle": True, "seed": 1, **how})


def step(model, batch):
    return {"loss": F.mse_loss(model(batch["ids"], batch["keep"]), batch["y"]), "row": batch["row"].float().mean()}


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_it_learns_and_equals_a_plain_loop():
    mine, plain = Tiny(dropout=0), Tiny(dropout=0)
    history = fit(mine, step, data(), RECIPE, device="cpu")
    groups = [{"params": plain.encoder.parameters(), "lr": 5e-3}, {"params": plain.head.parameters(), "lr": 1e-2}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: 1 - s / (3 * len(data())))
    for epoch in range(3):
        for batch in data().epoch(epoch):
            step(plain, batch)["loss"].backward()
            nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    for a, b in zip(mine.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
    assert history.losses[-1]["loss"] < history.losses[0]["loss"]
    assert (history.steps, history.records) == (3 * len(data()), 3 * 23)
    assert history.seconds > 0


def test_losses_are_means_over_records_not_over_batches():
    batches = data(n=11, size=4)
    assert sorted(map(len, batches.rows())) == [3, 4, 4]
    history = fit(Tiny(), step, batches, RECIPE, device="cpu")
    assert [epoch["row"] for epoch in history.losses] == pytest.approx([5.0] * 3)
    per_batch = np.mean([rows.mean() for rows in batches.rows()])
    assert abs(per_batch - 5.0) > 0.01  # the other mean would have been seen


class Slope(nn.Module):
    """Two numbers whose gradients are given: AdamW under a constant gradient moves each by exactly its learning rate."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.ParameterDict({"w": nn.Parameter(torch.zeros(()))})
        self.head = nn.Parameter(torch.zeros(()))


def rates(recipe, gradients=None, n=10):
    """How far (encoder, head) moved in every step."""
    model, seen = Slope(), []

    def pull(model, batch):
        seen.append([model.encoder["w"].item(), model.head.item()])
        g = 1.0 if gradients is None else gradients[len(seen) - 1]
        return {"loss": g * (model.encoder["w"] + model.head)}

    fit(model, pull, data(n=n, size=1), recipe, device="cpu")
    return -np.diff([*seen, [model.encoder["w"].item(), model.head.item()]], axis=0)


def test_rates_decay_linearly_from_their_own_peaks():
    moved = rates(Recipe(1, module_rate=0.1, encoder_rate=0.01))
    falling = np.arange(10, 0, -1) / 10
    np.testing.assert_allclose(moved[:, 1], 0.1 * falling, rtol=1e-4)
    np.testing.assert_allclose(moved[:, 0], 0.01 * falling, rtol=1e-4)


@pytest.mark.parametrize(
    ("warmup", "expected"),
    [
        (0.2, [0.5, 1.0, 1.0, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8]),
        (0.25, [0.4, 0.8, 1.0, 7 / 7.5, 6 / 7.5, 5 / 7.5, 4 / 7.5, 3 / 7.5, 2 / 7.5, 1 / 7.5]),
        (1.0, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
    ],
)
def test_warm_up_rises_to_the_peak_and_never_above(warmup, expected):
    moved = rates(Recipe(1, module_rate=0.1, encoder_rate=0.1, warmup=warmup))
    np.testing.assert_allclose(moved[:, 1], 0.1 * np.array(expected), rtol=1e-4)


def test_large_gradients_are_clipped():
    gradients = [1.0, 100.0] + [1.0] * 8
    clipped = rates(Recipe(1, module_rate=0.1, encoder_rate=0.1), gradients)
    np.testing.assert_allclose(clipped[:, 1], 0.1 * np.arange(10, 0, -1) / 10, rtol=1e-4)  # as if all were of one size
    free = rates(Recipe(1, module_rate=0.1, encoder_rate=0.1, clip=1e9), gradients)
    assert free[1, 1] < 0.08


def test_weight_decay_is_off_unless_asked_for():
    for decay, expected in ((0.0, 1.0), (0.1, 1 - 0.01 * 0.1)):
        model = Slope()
        model.head.data.fill_(1.0)
        zero = lambda m, b: {"loss": 0.0 * (m.head + m.encoder["w"])}  # noqa: E731
        fit(model, zero, data(n=1, size=1), Recipe(1, 0.01, 0.01, weight_decay=decay), device="cpu")
        assert model.head.item() == pytest.approx(expected, abs=1e-7)


# --- interruptions ----------------------------------------------------------------------------------------------------


def uninterrupted():
    model = Tiny()
    return model, fit(model, step, data(), RECIPE, device="cpu")


def resumed(folder, **how):
    """A second process: another initialisation, another random state, the folder of the first."""
    model = Tiny(seed=99)
    return model, fit(model, step, data(), RECIPE, device="cpu", checkpoint=folder, every=2, **how)


@pytest.mark.parametrize("stop", [1, 2, 5, 6, 7, 11, 12])
def test_resume_ends_with_the_same_bits(tmp_path, stop):
    whole, told = uninterrupted()
    fit(Tiny(), step, data(), RECIPE, device="cpu", checkpoint=tmp_path, every=2, stop_after=stop)
    if stop == 1:
        assert not (tmp_path / "state.json").exists()
        return
    model, history = resumed(tmp_path)
    assert same(model, whole)
    assert history.losses == told.losses
    assert (history.steps, history.records) == (told.steps, told.records)


def test_the_random_state_is_part_of_the_checkpoint(tmp_path):
    whole, _ = uninterrupted()
    fit(Tiny(), step, data(), RECIPE, device="cpu", checkpoint=tmp_path, every=2, stop_after=6)
    file = next(tmp_path.glob("step-*.safetensors"))
    tensors = safetensors.torch.load_file(file)
    torch.manual_seed(1234)
    safetensors.torch.save_file({**tensors, "rng.cpu": torch.get_rng_state()}, file)
    assert not same(resumed(tmp_path)[0], whole)  # dropout differs: the test above does compare something


def test_a_finished_run_is_not_trained_again(tmp_path):
    whole, told = resumed(tmp_path)
    model, history = resumed(tmp_path)
    assert same(model, whole)
    assert history.losses == told.losses
    assert [f.name for f in tmp_path.glob("*.safetensors")] == [f"step-{told.steps}.safetensors"]  # one checkpoint is kept


class Killed(BaseException):
    """The process is gone: nothing may catch it."""


def half_a_file(tensors, path):
    path.write_bytes(safetensors.torch.save(tensors)[:100])
    raise Killed


def no_swap(*names):
    raise Killed


# --- several objectives, each with its own optimiser ---------------------------------------------------------------------


class Two(nn.Module):
    """A body and a head; `progress` is told by the loop."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body, self.dropout, self.head = nn.Embedding(20, 4), nn.Dropout(0.3), nn.Linear(4, 1)
        self.progress, self.told = 0.0, []

    def forward(self, ids, keep):
        self.told.append(self.progress)
        return self.dropout((self.body(ids) * keep.unsqueeze(-1)).sum(1))


def body_loss(model, batch):
    x = model(batch["ids"], batch["keep"])
    return {"loss": (x - batch["y"][:, None]).square().mean(), "size": x.abs().mean()}


def head_loss(model, batch):
    return {"loss": F.mse_loss(model.head(model(batch["ids"], batch["keep"]))[:, 0], batch["y"])}


def turns():
    from pyro.optim.clipped_adam import ClippedAdam

    return [
        Objective("body", body_loss, lambda m: ClippedAdam(m.body.parameters(), lr=0.05, clip_norm=10.0)),
        Objective("head", head_loss, lambda m: torch.optim.AdamW(m.head.parameters(), lr=0.05), clip=0.5),
    ]


def test_objectives_take_turns_and_leave_each_others_gradients():
    mine, plain = Two(), Two()
    mine.train(), plain.train()
    history = fit(mine, turns(), data(), RECIPE, device="cpu")

    torch.manual_seed(0)
    plain = Two().train()
    body, head = (turn.make_optimizer(plain) for turn in turns())
    total, done, first = 3 * len(data()), 0, []
    for epoch in range(3):
        for batch in data().epoch(epoch):
            plain.progress = done / total
            for optimizer in (body, head):
                optimizer.param_groups[0]["lr"] = 0.05 * (1 - done / total)
            loss = body_loss(plain, batch)["loss"]
            first += [(len(batch["ids"]), loss.item())] if epoch == 0 else []
            loss.backward()
            body.step()
            body.zero_grad()
            head_loss(plain, batch)["loss"].backward()  # reaches the body, too: its gradient waits for the body's next step
            nn.utils.clip_grad_norm_(plain.head.parameters(), 0.5)
            head.step()
            head.zero_grad()
            done += 1
    assert same(mine, plain)
    assert mine.told == plain.told
    assert set(history.losses[0]) == {"body_loss", "body_size", "head_loss", "loss"}
    assert history.losses[0]["body_loss"] == pytest.approx(sum(n * value for n, value in first) / 23)
    assert history.losses[0]["loss"] == pytest.approx(history.losses[0]["body_loss"] + history.losses[0]["head_loss"])


@pytest.mark.parametrize("stop", [1, 6, 9])
def test_an_interruption_between_objectives_changes_nothing(tmp_path, stop):
    whole, again = Two(), Two()
    told = fit(whole, turns(), data(), RECIPE, device="cpu")
    fit(Two(), turns(), data(), RECIPE, device="cpu", checkpoint=tmp_path, every=1, stop_after=stop)
    history = fit(again, turns(), data(), RECIPE, device="cpu", checkpoint=tmp_path, every=1)
    assert same(again, whole)
    assert history.losses == told.losses


def test_the_objective_whose_loss_is_not_finite_is_named():
    broken = [turns()[0], Objective("head", lambda m, b: {"loss": m.head.weight.sum() * torch.nan}, turns()[1].make_optimizer)]
    with pytest.raises(RunError, match="head loss is nan at step 1"):
        fit(Two(), broken, data(), RECIPE, device="cpu")


@pytest.mark.parametrize("moment", ["while the tensors are written", "before the swap"])
def test_a_kill_while_writing_leaves_the_older_checkpoint(tmp_path, monkeypatch, moment):
    whole, told = uninterrupted()
    fit(Tiny(), step, data(), RECIPE, device="cpu", checkpoint=tmp_path, every=2, stop_after=5)
    with monkeypatch.context() as patch:
        if moment == "before the swap":
            patch.setattr(room.os, "replace", no_swap)
        else:
            patch.setattr(safetensors.torch, "save_file", half_a_file)
        with pytest.raises(Killed):
            resumed(tmp_path)
    model, history = resumed(tmp_path)
    assert same(model, whole)
    assert history.losses == told.losses


@pytest.mark.parametrize("damage", ["half tensors", "no tensors", "no json", "no state", "no random state", "another model"])
def test_a_damaged_checkpoint_is_told(tmp_path, damage):
    fit(Tiny(), step, data(), RECIPE, device="cpu", checkpoint=tmp_path, every=2, stop_after=5)
    file, state = next(tmp_path.glob("*.safetensors")), tmp_path / "state.json"
    tensors, told = safetensors.torch.load_file(file), json.loads(state.read_text())
    if damage == "half tensors":
        file.write_bytes(file.read_bytes()[:200])
    elif damage == "no tensors":
        file.unlink()
    elif damage == "no json":
        state.write_text("{")
    elif damage == "no state":
        state.write_text(json.dumps({k: v for k, v in told.items() if k != "at"}))
    elif damage == "no random state":
        safetensors.torch.save_file({k: v for k, v in tensors.items() if k != "rng.cpu"}, file)
    else:
        safetensors.torch.save_file({**tensors, "model.head.weight": torch.zeros(3, 3)}, file)
    with pytest.raises(
        DataError, match=r"(?s)this checkpoint cannot be continued .* delete the folder to train from the start"
    ) as error:
        resumed(tmp_path)
    assert str(tmp_path) in str(error.value)


# --- precision, devices, processes ------------------------------------------------------------------------------------


def test_bf16_runs_on_the_cpu_and_stays_close():
    exact, rough, again = Tiny(dropout=0), Tiny(dropout=0), Tiny(dropout=0)
    fit(exact, step, data(), RECIPE, device="cpu")
    seen = []

    def watch(model, batch):
        seen.append((model.encoder(batch["ids"]) @ torch.ones(8, 1)).dtype)
        return step(model, batch)

    fit(rough, watch, data(), Recipe(3, 1e-2, 5e-3, precision="bf16"), device="cpu")
    assert set(seen) == {torch.bfloat16}
    assert {p.dtype for p in rough.parameters()} == {torch.float32}
    for a, b in zip(exact.parameters(), rough.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=0.03, rtol=0.03)
    assert not same(exact, rough)
    fit(again, step, data(), RECIPE, device="cpu")  # and back, in the same process
    assert same(exact, again)


def test_a_loss_that_is_not_finite_stops_the_run():
    calls = []

    def breaks(model, batch):
        calls.append(1)
        return {"loss": step(model, batch)["loss"] * (float("nan") if len(calls) == 8 else 1)}

    with pytest.raises(RunError, match=r"loss is nan at step 8 \(epoch 2\); lower the learning rate"):
        fit(Tiny(), breaks, data(), RECIPE, device="cpu")


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_told(device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(SettingsError, match=f"device = '{device}', but this machine has none"):
        room.accelerator(device)
    assert room.accelerator("auto").device.type == "cpu"


def test_impossible_devices_and_precisions_are_told():
    with pytest.raises(SettingsError, match="device = 'gpu', expected auto, cpu, cuda or mps"):
        room.accelerator("gpu")
    with pytest.raises(SettingsError, match="precision = 'fp8', expected one of float32, rounded, bf16"):
        room.accelerator("cpu", "fp8")


CHILD = """
import sys, torch
from tests.test_fit import *
model = Tiny(dropout=0)
history = fit(model, step, data(n=11, size=4), RECIPE, device="cpu")
torch.save([model.state_dict(), history.losses, history.records], sys.argv[1])
torch.distributed.destroy_process_group()
"""


def test_two_processes_train_as_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "ACCELERATE_USE_CPU": "true",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path / f"{rank}.pt")],
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}, stderr=subprocess.PIPE, text=True,
        )
        for rank in (0, 1)
    ]  # fmt: skip
    told = [worker.communicate(timeout=120)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], told
    alone = Tiny(dropout=0)
    history = fit(alone, step, data(n=11, size=4), RECIPE, device="cpu")
    for rank in (0, 1):
        state, losses, records = torch.load(tmp_path / f"{rank}.pt")
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(state[name], value, rtol=0, atol=1e-5)
        assert records == history.records
        for mine, theirs in zip(history.losses, losses, strict=True):
            assert theirs == pytest.approx(mine, abs=1e-5)


# --- prediction -------------------------------------------------------------------------------------------------------


def test_predict_keeps_order_mode_and_weights():
    model, batches = Tiny(), data(shuffle=False)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    model.train()
    out = predict(model, batches, lambda m, b: {"y": m(b["ids"], b["keep"]), "row": b["row"]})
    assert model.training
    assert out["row"].tolist() == list(range(23))
    assert not out["y"].requires_grad
    model.eval()
    one = [model(b["ids"], b["keep"])[0] for b in data(size=1, shuffle=False).epoch()]
    torch.testing.assert_close(out["y"], torch.stack(one).detach())  # no dropout
    predict(model, batches, lambda m, b: {"y": m(b["ids"], b["keep"])})
    assert not model.training
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


# --- progress ---------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_gets_few_lines_on_stderr(capsys):
    bar = Bar(500, "trials", every=10.0)
    for done in range(1, 501):
        bar.update(done, "note")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 2  # the first and the last
    assert "\r" not in err
    assert err.splitlines()[-1].startswith("trials [####################] 500/500  0:00")


def test_a_terminal_gets_one_line_that_is_rewritten(monkeypatch):
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    clock = iter(np.arange(0, 100, 0.3))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    bar = Bar(20, "trials")
    for done in range(1, 21):
        bar.update(done)
    shown = screen.getvalue()
    assert shown.count("\n") == 1
    assert shown.endswith("\n")
    assert shown.count("\r") == 20
    assert all(line.startswith("\x1b[2K") for line in shown.split("\r")[1:])  # the rest of a longer line is wiped


def test_a_notebook_gets_one_output_that_is_updated(monkeypatch, capsys):
    import IPython
    import IPython.display

    shown = []

    class Handle:
        def update(self, data, raw):
            shown.append(data["text/plain"])

    def display(data, raw, display_id):
        shown.append(data["text/plain"])
        return Handle()

    monkeypatch.setattr(IPython, "get_ipython", type("ZMQInteractiveShell", (), {}))
    monkeypatch.setattr(IPython.display, "display", display)
    bar = Bar(3, "trials", every=0)
    bar.every = 0
    for done in (1, 2, 3):
        bar.update(done)
    assert [line.split("] ")[1].split(" ")[0] for line in shown] == ["1/3", "2/3", "3/3"]
    assert capsys.readouterr() == ("", "")


def test_the_line_tells_what_is_left(monkeypatch):
    bar = Bar(100, "trials")
    bar.done = 25
    assert bar.line(31.0, "pets") == "trials [#####...............] 25/100  0:31, about 1:33 left  pets"
    bar.done = 0
    assert bar.line(0.0) == "trials [....................] 0/100  0:00"
    bar.done = 100
    assert bar.line(3661.0) == "trials [####################] 100/100  61:01"


def test_progress_is_told_after_every_step():
    seen = []

    class Watch:
        def update(self, done, note=""):
            seen.append((done, note))

    fit(Tiny(), step, data(), RECIPE, device="cpu", progress=Watch())
    assert [done for done, _ in seen] == list(range(1, 3 * len(data()) + 1))
    assert seen[-1][1] == "epoch 3/3"


def test_one_thread_inside_and_the_old_number_after():
    before = torch.get_num_threads()
    torch.set_num_threads(2)

    def breaks():
        with one_thread():
            assert torch.get_num_threads() == 1
            raise KeyError

    with pytest.raises(KeyError):
        breaks()
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    fit(Tiny(), step, data(), Recipe(2, 0.1, 0.1), device="cpu", checkpoint=tmp_path, every=1, stop_after=2)
    for recipe, batches in ((Recipe(9, 0.1, 0.1), data()), (Recipe(2, 0.1, 0.1), data(n=31))):
        with pytest.raises(DataError, match=r"cannot be continued \(it belongs to another training"):
            fit(Tiny(), step, batches, recipe, device="cpu", checkpoint=tmp_path)


def test_predict_refuses_shuffled_batches():
    with pytest.raises(DataError, match="shuffled batches"):
        predict(Tiny(), data(), lambda model, batch: {"x": batch["ids"]})


def test_rates_fall_in_steps():
    recipe = Recipe(5, 1e-2, 1e-2, decay="steps", factor=0.1, patience=2)
    done = [room._rate(History(losses=[{"loss": 0.0}] * epochs), 100, recipe) for epochs in range(5)]
    np.testing.assert_allclose(done, [1, 1, 0.1, 0.1, 0.01])


# --- a validation score: plateaus, the best epoch, stopping ------------------------------------------------------------


def scripted(*scores):
    """A judge that says these scores, and the models it saw."""
    seen, left = [], list(scores)

    def judge(model):
        assert not model.training
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return left.pop(0)

    return judge, seen


def plateau(**changed):
    return Recipe(**{"epochs": 6, "module_rate": 1e-2, "encoder_rate": 1e-2, "decay": "plateau", **changed})


def test_the_model_ends_with_the_weights_of_its_best_epoch():
    judge, seen = scripted(1.0, 3.0, 3.0, 2.0)
    model = Tiny()
    history = fit(model, step, data(), Recipe(4, 1e-2, 1e-2), device="cpu", judge=judge)
    assert (history.judged, history.best_epoch) == ([1.0, 3.0, 3.0, 2.0], 2)  # the earlier of equals
    assert all(torch.equal(value, seen[1][name]) for name, value in model.state_dict().items())
    assert not all(torch.equal(value, seen[3][name]) for name, value in model.state_dict().items())
    assert model.training


def test_a_judge_alone_does_not_change_training():
    judged = Tiny()
    fit(judged, step, data(), RECIPE, device="cpu", judge=scripted(1.0, 2.0, 3.0)[0])
    alone = Tiny()  # seeds torch again, for the dropout
    fit(alone, step, data(), RECIPE, device="cpu")
    assert same(judged, alone)


def test_a_plateau_stops_training():
    judge, seen = scripted(*[2.0, 1.0, 1.0, 9.0])
    history = fit(Tiny(), step, data(), plateau(stop=2), device="cpu", judge=judge)
    assert (len(seen), history.best_epoch, history.steps) == (3, 1, 3 * len(data()))


@pytest.mark.parametrize(
    ("judged", "patience", "times"),
    [
        ([], 2, 0),
        ([1], 1, 0),
        ([1, 1], 1, 1),
        ([1, 0, 0], 2, 1),
        ([1, 0, 2, 0], 2, 0),
        ([1, 0, 0, 0, 0], 2, 2),
        ([1, 0, 0, 5, 0, 0], 2, 2),
    ],
)
def test_the_rate_falls_as_torchs_scheduler_would_make_it(judged, patience, times):
    assert room._waits(judged, patience) == times
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    peer = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "max", factor=0.5, patience=patience - 1, threshold=0.0)
    for score in judged:
        peer.step(score)
    history = room.History(judged=judged)
    assert room._rate(history, 100, plateau(factor=0.5, patience=patience)) == optimizer.param_groups[0]["lr"]


def test_an_interruption_changes_nothing_about_plateaus_and_the_best_epoch(tmp_path):
    scores = [1.0, 5.0, 2.0, 2.0, 2.0, 2.0]
    recipe = plateau(patience=1, factor=0.5)
    whole = Tiny()
    fit(whole, step, data(), recipe, device="cpu", judge=scripted(*scores)[0])
    judge, _ = scripted(*scores)
    parts = Tiny()
    for _ in range(4):  # stopped in the middle of epochs, in a new process's place each time
        history = fit(parts, step, data(), recipe, device="cpu", judge=judge, checkpoint=tmp_path / "c", every=1, stop_after=11)
        parts = Tiny(seed=5) if len(history.judged) < 6 else parts
    assert (history.best_epoch, history.judged) == (2, scores)
    assert same(whole, parts)


def test_impossible_plateaus_are_told():
    with pytest.raises(SettingsError, match="decay = 'plateau', expected linear, steps, or plateau together with a judge"):
        fit(Tiny(), step, data(), plateau(), device="cpu")
    with pytest.raises(SettingsError, match="decay = 'cosine'"):
        fit(Tiny(), step, data(), plateau(decay="cosine"), device="cpu")
    with pytest.raises(RunError, match="validation score is nan after epoch 1"):
        fit(Tiny(), step, data(), plateau(), device="cpu", judge=lambda model: float("nan"))


def too_small() -> bool:
    return bool((torch.tensor([1e-40]) * 1.0 == 0).item())


def test_too_small_numbers_count_as_zero_in_training_only():
    assert not too_small()
    seen = []

    def step(model, batch):
        seen.append(too_small())
        return {"loss": model.head.weight.square().sum()}

    columns = Columns(None, {"x": np.zeros((4, 1), dtype=np.float32)})
    fit(Tiny(), step, Batches(columns, 2), RECIPE, device="cpu")
    assert seen == [True] * 6
    assert not too_small()
    with room.flushed(), room.flushed():
        pass
    assert not too_small()
    with room.flushed():
        with pytest.raises(ZeroDivisionError), room.flushed():
            _ = 1 / 0
        assert too_small()
    assert not too_small()


def test_products_are_rounded_inside_only():
    before = torch.get_float32_matmul_precision()
    with room.products("rounded"):
        assert torch.get_float32_matmul_precision() == "medium"
        with room.products("float32"):
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "medium"
    assert torch.get_float32_matmul_precision() == before

"""One trial of Liang et al. (2021): train one model to answer questions about scene graphs, score it, look where it attends."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from mmkit.errors import DataError, SettingsError
from mmkit.schema import STRUCTURAL, Dataset
from mmkit.trials import Result, Rows, Trial, cost, frozen, reading, start_clock
from mmkit.trials.graph_questions import SIZE, Prepared, attention_rows, balanced, difficulty, prepare, scored
from mmkit.worlds import scenes

LONG = 2000  # steps from which training is worth checkpoints, one every so many
LOOKED = 1500  # test questions whose attention is looked at
REFERENCES = ("majority", "guess")  # run beside the paper's models, without training
WORLDS = ("core", "scenes")

# What each method is: arguments of GraphVQA. `random` is never trained.
METHODS: dict[str, dict[str, Any]] = {
    "gat": {"variant": "graphvqa_gat", "score": "mlp"},
    "gat_additive": {"variant": "graphvqa_gat", "score": "additive"},
    "gat_global": {"variant": "graphvqa_gat", "score": "mlp", "instructions": "global"},
    "gat_shared": {"variant": "graphvqa_gat", "score": "mlp", "shared_layer": True},
    "gat_meta": {"variant": "graphvqa_gat", "score": "mlp", "encoder": "meta"},
    "gat_released": {"variant": "graphvqa_gat", "score": "additive", "encoder": "meta", "as_released": True},
    "gat_random": {"variant": "graphvqa_gat", "score": "mlp"},
    "gine": {"variant": "graphvqa_gine"},
    "gine2": {"variant": "graphvqa_gine2"},
    "gine_released": {"variant": "graphvqa_gine", "as_released": True},
    "gcn": {"variant": "graphvqa_gcn"},
    "gcn_plain": {"variant": "gcn"},
    "gcn_released": {"variant": "graphvqa_gcn", "as_released": True},
    "lcgn": {"variant": "lcgn"},
    "lcgn_edges": {"variant": "lcgn", "edge_keys": True},
    "lcgn_dense": {"variant": "lcgn_dense"},
    "lcgn_released": {"variant": "lcgn", "as_released": True},
    "question_only": {"variant": "question_only"},
    "graph_only": {"variant": "graph_only"},
    "no_messages": {"variant": "no_messages"},
}
KEPT = ("gat", "main")  # method and world of which a trial keeps the weights, for looking inside
WEIGHT = "weight."  # begins their names among a trial's arrays
OTHERS = ("gine", "gcn", "gcn_plain", "lcgn")  # whom Table 1 compares the attention with


def applies(method: str, data: str) -> bool:
    """The guess without labels is known for the smallest world only."""
    return method != "guess" or data == "core"


def world(data: str, name: str, seed: int, settings: dict[str, Any]) -> Dataset:
    """The generated data set behind a world's name. Raises SettingsError for a name that is no world."""
    s = settings
    _has_world(data)
    kind, _, what = name.partition(":")
    knobs = {"hops": tuple(s["world_hops"])} if data == "core" else {}
    if name == "main" or kind == "null":
        return scenes.make(data, s["world_records"], seed, null=what or None, **knobs)
    if data == "core" and (records := re.fullmatch(r"sweep:records=(\d+)", name)):
        return scenes.make(data, int(records[1]), seed, **knobs)
    raise SettingsError(f"no world {name!r} of {data}; known: main, null:<name>, sweep:records=<questions> (core)")


splits = reading.official


def real(data: str, facts: dict[str, Any], root: Path) -> Dataset:
    """The files under `root`. Raises DataError for a data set that is only generated."""
    if data in WORLDS:
        raise DataError(f"{data}: a generated data set, no files stand for it; with DATA = 'real' choose gqa")
    return reading.real(data, facts, root)


def check(settings: dict[str, Any], datasets: list[str], kind: str) -> None:
    """Raise SettingsError, before anything is computed: no such world, or widths that do not fit."""
    if kind == "world":
        for data in datasets:
            _has_world(data)
    if settings["instruction_dim"] % settings["question_heads"] or settings["instruction_dim"] % 2:
        width, heads = settings["instruction_dim"], settings["question_heads"]
        raise SettingsError(f"instruction_dim = {width}, expected an even multiple of question_heads = {heads}")


def _has_world(data: str) -> None:
    if data not in WORLDS:
        raise SettingsError(f"data set {data!r} has no world, only real data; worlds: {', '.join(WORLDS)}")


@lru_cache(maxsize=2)
def _prepared(data: str, name: str, seed: int, chosen: tuple, root: Path | None, reader: str, fingerprint: str) -> Prepared:
    settings = dict(chosen)
    return prepare(reading.read(reader, root, fingerprint) if name == "real" else world(data, name, seed, settings), settings)


def build(method: str, prepared: Prepared, settings: dict[str, Any]):
    """The model of one trial. Seed torch before."""
    from mmkit.models.graphvqa import GraphVQA, widen

    s = settings
    words = prepared.tokens if s["shared_embedding"] else len(prepared.words)
    model = GraphVQA(
        words,
        prepared.tokens,
        len(prepared.answers),
        dim=s["dim"],
        instruction_dim=s["instruction_dim"],
        steps=s["lcgn_steps"] if method.startswith("lcgn") else s["steps"],
        heads=s["heads"],
        question_layers=s["question_layers"],
        question_heads=s["question_heads"],
        ff=s["feed_forward"],
        dropout=s["dropout"],
        answer_dropout=s["answer_dropout"],
        shared=s["shared_embedding"],
        **{"encoder": s["encoder"], **METHODS[method]},
    )
    if s["start"] == "wide" and method != "question_only":  # without a graph nothing is to be followed, and it learns less
        widen(model)
    return model


def run(
    trial: Trial,
    settings: dict[str, Any],
    *,
    device: str = "auto",
    root: Path | None = None,
    reader: str = "",
    fingerprint: str = "",
    checkpoint: Path | None = None,
) -> Result:
    """Train and score one method. Same trial, settings and thread count: same numbers.

    checkpoint: folder from which a long training that was interrupted goes on; left for the caller to remove.
    """
    began = start_clock()
    prepared = _prepared(trial.data, trial.world, trial.seed, frozen(settings), root, reader, fingerprint)
    if trial.method in REFERENCES:
        return _reference(trial.method, prepared, began)
    if trial.method not in METHODS:
        raise SettingsError(f"no method {trial.method!r}; known: {', '.join((*METHODS, *REFERENCES))}")
    model, history = _train(trial, settings, prepared, device, checkpoint)
    result = _scored(model, history, prepared, began)
    if (trial.method, trial.world) == KEPT:
        result.arrays.update({WEIGHT + name: tensor.cpu().numpy() for name, tensor in model.model.state_dict().items()})
    return result


def trained(
    trial: Trial, settings: dict[str, Any], device: str = "auto", arrays: dict[str, np.ndarray] | None = None
) -> tuple[Prepared, Any]:
    """(the world of a trial, its model in training's last state), for looking inside.

    arrays: what the finished trial left. Where its weights are among them (`KEPT`), nothing is trained again.
    """
    from mmkit.models.graphvqa import Answering

    prepared = _prepared(trial.data, trial.world, trial.seed, frozen(settings), None, "", "")
    weights = {name.removeprefix(WEIGHT): array for name, array in (arrays or {}).items() if name.startswith(WEIGHT)}
    if not weights:
        return prepared, _train(trial, settings, prepared, device, None)[0]
    import torch

    model = Answering(build(trial.method, prepared, settings), prepared.store)
    model.model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return prepared, model.eval()


def _reference(method: str, prepared: Prepared, began: float) -> Result:
    """majority: the most frequent training answer of the question's detailed type, or of all.  guess: see worlds.scenes."""
    test = prepared.splits["test"]
    if method == "guess":
        counts = balanced(test)
        share, hops = (test.truth[name].to_numpy()[counts] for name in ("chance", "hops"))
        rows = [("test", "accuracy", 100 * float(share.mean()))]
        rows += [("test", f"accuracy_hops{h}", 100 * float(share[hops == h].mean())) for h in np.unique(hops)]
        if (hops > 0).any():
            rows.append(("test", "accuracy_rel", 100 * float(share[hops > 0].mean())))
        return Result(rows, cost(0, began))
    train = prepared.splits["train"].table.select(["detailed", "answer"]).to_pandas()
    usual = train.groupby("detailed")["answer"].agg(lambda a: a.value_counts().index[0])
    common = int(train["answer"].value_counts().index[0])
    guess = test.table["detailed"].to_pandas().map(usual).fillna(common).to_numpy(dtype=np.int64)
    rows, arrays = scored(test, prepared.answers, guess)
    return Result(rows, cost(0, began), arrays)


def _train(trial: Trial, settings: dict[str, Any], prepared: Prepared, device: str, checkpoint: Path | None):
    import torch

    from mmkit.batches.curriculum import Curriculum
    from mmkit.fit import History, Recipe, fit
    from mmkit.models.graphvqa import Answering, step

    s = settings
    torch.manual_seed(trial.seed)
    model = Answering(build(trial.method, prepared, s), prepared.store)
    if trial.method == "gat_random":
        return model.eval(), History(losses=[{"loss": 0.0}])
    epochs = s["epochs_hops0"] if trial.world == "null:hops0" else s["epochs"]
    easy = 0 if trial.method == "question_only" else s["easy_epochs"]  # without a graph no question is the easier one
    level, stages = difficulty(prepared.splits["train"]), (0,) * easy
    batches = Curriculum(prepared.parts["train"], s["batch_size"], level, stages, seed=trial.seed)
    rate = s["learning_rate_gine"] if trial.method.startswith("gine") else s["learning_rate"]
    recipe = Recipe(
        epochs,
        rate,
        rate,
        weight_decay=s["weight_decay"],
        warmup=s["warmup"],
        clip=s["clip"],
        precision=s["precision"],
        decay=s["decay"],
        factor=s["lr_factor"],
        patience=s["lr_patience"],
    )
    history = fit(
        model,
        step,
        batches,
        recipe,
        device=device,
        checkpoint=checkpoint if len(batches) * epochs > LONG else None,
        every=LONG,
        judge=_judge(prepared) if s["judge"] else None,
    )
    return model, history


def _judge(prepared: Prepared):
    truth = prepared.parts["valid"].dense["answer"]
    return lambda whole: 100 * float((answered(whole, prepared, "valid") == truth).mean())


def answered(model: Any, prepared: Prepared, part: str) -> np.ndarray:
    """(N,) number of the model's answer to every question of a part."""
    from mmkit.batches import Batches
    from mmkit.fit import predict
    from mmkit.models.graphvqa import outputs

    def best(whole: Any, batch: dict[str, Any]) -> dict[str, Any]:
        return {"best": outputs(whole, batch)["logits"].argmax(dim=1)}

    return predict(model, Batches(prepared.parts[part], SIZE), best)["best"].long().numpy()


def look(model: Any, prepared: Prepared, rows: np.ndarray) -> tuple[Any, dict[str, Any]]:
    """(graphs, everything the model shows) of some test questions in one batch, on the CPU. See GraphVQA."""
    import torch

    from mmkit.batches import Batches

    model = model.to("cpu").eval()
    batch = Batches(prepared.parts["test"], SIZE).collate(rows)
    graphs = prepared.store.batch(batch["graph"])
    with torch.no_grad():
        return graphs, model.model(batch["ids"], batch["keep"], graphs, look=True)


def _scored(model: Any, history: Any, prepared: Prepared, began: float) -> Result:
    from mmkit.layers.counts import parameters

    device = next(model.parameters()).device.type
    test = prepared.splits["test"]
    rows, arrays = scored(test, prepared.answers, answered(model, prepared, "test"))
    rows.append(("train", "loss", history.losses[-1]["loss"]))
    more, kept = _attention(model, prepared)
    arrays["loss"] = np.array([epoch["loss"] for epoch in history.losses], dtype=np.float32)
    arrays["judged"] = np.array(history.judged, dtype=np.float32)
    spent = cost(parameters(model), began, device)
    spent |= {"seconds_per_epoch": history.seconds / max(len(history.losses), 1)}
    return Result(rows + more, spent, arrays | kept)


def _attention(model: Any, prepared: Prepared) -> tuple[Rows, dict[str, np.ndarray]]:
    """Attention against the known steps, for models that attend and questions that follow relations."""
    test = prepared.splits["test"]
    if test.truth is None or not {"steps", "hops"} <= set(test.truth.column_names):
        return [], {}
    asked = balanced(test) & (test.truth["hops"].to_numpy() > 0)
    rows = np.flatnonzero(asked)[:LOOKED]
    if not len(rows):
        return [], {}
    graphs, found = look(model, prepared, rows)
    if not found["attention"] or len(found["attention"][0]) != graphs.edges:
        return [], {}  # nothing is weighed, or (LCGN over all pairs) not along the graph's relations
    return attention_rows(test, rows, graphs, found["attention"])


def across(results: dict[Trial, Result]) -> dict[Trial, Rows]:
    """How far each model leads the best of the others that Table 1 names, on relation questions and by structural type."""
    scores = {t: {name: v for split, name, v in r.rows if split == "test"} for t, r in results.items()}
    found: dict[Trial, Rows] = {}
    for trial, own in scores.items():
        peers = [Trial(trial.data, trial.world, trial.seed, m) for m in OTHERS if m != trial.method]
        if trial.method not in METHODS or any(p not in scores for p in peers):
            continue

        def lead(name: str, own: dict[str, float] = own, peers: list[Trial] = peers) -> float | None:
            there = [scores[p][name] for p in peers if name in scores[p]]
            return own[name] - max(there) if name in own and there else None

        kinds = [f"accuracy_{name}" for name in STRUCTURAL if name != "verify"]
        leads = {
            "relation_lead": lead("accuracy_rel"),
            "verify_lead": lead("accuracy_verify"),
            "structural_lead": min((x for kind in kinds if (x := lead(kind)) is not None), default=None),
        }
        found[trial] = [("test", name, value) for name, value in leads.items() if value is not None]
    return found

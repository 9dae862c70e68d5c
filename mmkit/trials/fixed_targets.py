"""One trial of Shalev et al. (2021): train a translator with one kind of output head, translate the test part, score it.

The data sets "tell" and "attend" are captioners; `mmkit.trials.captioning` trains and scores them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from mmkit import readers
from mmkit.errors import SettingsError
from mmkit.schema import Dataset
from mmkit.trials import Result, Trial, captioning, cost, frozen, reading, start_clock
from mmkit.trials.sentence_pairs import MORE, Prepared, prepare, references
from mmkit.worlds import translation

LONG = 400  # steps from which training is worth checkpoints, one every so many
TRAINING = 0.7  # share of a world's pairs
REFERENCES = ("nearest", "oracle")  # run beside the paper's methods, without training
# The main world's sentences; what is removed is room in the context vector, or its freedom to grow (a tanh bounds it).
MODEL_WORLDS = ("null:few_dimensions", "null:bounded")

# What each method's head is (arguments of TargetHead), and what it changes in the network.
HEADS: dict[str, dict[str, Any]] = {
    "learned": {"kind": "learned"},
    "tied": {"kind": "tied"},
    "fixed": {"kind": "fixed", "rows": "unit", "bias": "zero"},
    "fixed_bias": {"kind": "fixed", "rows": "unit"},
    "fixed_temperature": {"kind": "fixed", "rows": "unit", "bias": "zero", "scale": "temperature"},
    "fixed_norms": {"kind": "fixed", "rows": "unit", "bias": "zero", "scale": "norms"},
    "fixed_raw": {"kind": "fixed", "rows": "raw", "bias": "zero"},
    "learned_unit": {"kind": "learned", "rows": "unit", "scale": "temperature"},
    "shuffled_learned": {"kind": "fixed", "rows": "raw", "bias": "zero"},
    "fixed_normal": {"kind": "fixed", "rows": "unit", "bias": "zero", "draw": "normal"},
    "fixed_rademacher": {"kind": "fixed", "rows": "unit", "bias": "zero", "draw": "rademacher"},
    "fixed_hadamard": {"kind": "fixed", "rows": "unit", "bias": "zero", "draw": "hadamard"},
    "fixed_orthogonal": {"kind": "fixed", "rows": "unit", "bias": "zero", "draw": "orthogonal"},
    "fixed_sparse": {"kind": "fixed", "rows": "unit", "bias": "zero", "draw": "sparse"},
}


def direction(data: str) -> str:
    """'en_de' or 'de_en', the end of every data set's name."""
    return data[-5:]


def world(data: str, name: str, seed: int, settings: dict[str, Any]) -> Dataset:
    """The generated data set behind a world's name. Raises SettingsError for a name that is no world."""
    if data in captioning.DATA:
        return captioning.world(name, seed, settings)
    records, size = settings["world_records"], {"lemmas": settings["world_lemmas"]}
    _has_world(data)
    kind, _, what = name.partition(":")
    if name in ("main", *MODEL_WORLDS) or name.startswith("sweep:dim="):
        return translation.make(data, records, seed, **size)
    if kind == "null":
        return translation.make(data, records, seed, null=what, **size)
    if noise := re.fullmatch(r"sweep:noise=(\d+(?:\.\d+)?)", name):
        return translation.make(data, records, seed, noise=float(noise[1]), **size)
    if pairs := re.fullmatch(r"sweep:pairs=(\d+)", name):
        return translation.make(data, round(int(pairs[1]) / TRAINING), seed, **size)
    raise SettingsError(
        f"no world {name!r}; known: main, null:<name>, sweep:dim=<width>, sweep:noise=<share>, sweep:pairs=<training pairs>"
    )


splits, across = reading.official, captioning.across


def real(data: str, facts: dict[str, Any], root: Path) -> Dataset:
    """Sentence pairs, or captions with image features, under `root`. Raises DataError naming what was looked for."""
    return captioning.real(data, facts, root) if data in captioning.DATA else reading.real(data, facts, root)


def applies(method: str, data: str) -> bool:
    """Captioners have fewer heads, and nobody knows the law of a caption."""
    return data not in captioning.DATA or method in (*captioning.HEADS, "nearest")


def width(name: str, settings: dict[str, Any]) -> int:
    """The context vector's width in a world: the setting, or what the world's name says."""
    if name == "null:few_dimensions":
        return settings["few_dimensions"]
    return int(name.removeprefix("sweep:dim=")) if name.startswith("sweep:dim=") else settings["context_dim"]


def epochs(name: str, settings: dict[str, Any]) -> int:
    """Passes over the training pairs; where their number is turned, as many as give the main world's number of steps."""
    if not name.startswith("sweep:pairs="):
        return settings["epochs"]
    return max(round(settings["epochs"] * TRAINING * settings["world_records"] / int(name.removeprefix("sweep:pairs="))), 1)


def check(settings: dict[str, Any], datasets: list[str], kind: str) -> None:
    """Raise SettingsError, before anything is computed, when a data set that only real files have is wanted as a world."""
    if kind == "world":
        for data in datasets:
            _has_world(data)


def _has_world(data: str) -> None:
    if data not in (known := (*translation.DIRECTIONS, *captioning.DATA)):
        raise SettingsError(f"data set {data!r} has no world, only real data; worlds: {', '.join(known)}")


@lru_cache(maxsize=4)
def _prepared(data: str, name: str, seed: int, chosen: tuple, root: Path | None, reader: str, fingerprint: str) -> Prepared:
    settings, way = dict(chosen), direction(data)
    if name == "real":
        return prepare(reading.read(reader, root, fingerprint), way, settings, None, _human(root, way))
    tree = translation.lexicon(data, seed, lemmas=settings["world_lemmas"])  # the same in all worlds of a seed
    return prepare(world(data, name, seed, settings), way, settings, tree, {})


def _human(root: Path, way: str) -> dict[str, Any]:
    """Word pairs with human similarity scores, for English targets, of every set that lies under `root`."""
    if way != "de_en":
        return {}
    found = {}
    for name in ("simlex999", "men", "mturk771"):
        if readers.READERS[name].locate(root) is not None:
            found[name] = readers.load(name, root).records.table.to_pandas()
    return found


def build(method: str, prepared: Prepared, settings: dict[str, Any], context: int, bounded: bool = False, rows: Any = None):
    """The translator of one trial. Seed torch before. rows: given target rows instead of a draw, for `shuffled_learned`."""
    from torch import nn

    from mmkit.layers.target_head import TargetHead
    from mmkit.models.convs2s import ConvS2S
    from mmkit.models.fixed_targets import NETWORKS, initialise

    s = settings
    how = {"draw": s["draw"], **HEADS[method]} if HEADS[method]["kind"] == "fixed" else HEADS[method]
    embedding = context if method == "tied" else s["embedding_dim"]  # tied rows are as wide as the embedding

    def head(target_embedding):
        given = target_embedding.weight if method == "tied" else rows
        return TargetHead(len(prepared.target), context, **how, weight=given)

    words = (len(prepared.source), len(prepared.target))
    if s["network"] == "convs2s":
        blocks = ((s["hidden_dim"], 3),) * s["layers"]
        model = ConvS2S(*words, embedding, blocks, blocks, context, head, s["dropout"], prepared.longest + MORE + 1)
        if bounded:
            model.decoder_out = nn.Sequential(model.decoder_out, nn.Tanh())
        return model  # it initialises itself as its paper says
    model = NETWORKS[s["network"]](*words, embedding, s["hidden_dim"], context, head, s["dropout"], bounded)
    if s["init_sd"] > 0:
        initialise(model, s["init_sd"])
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
    if trial.data in captioning.DATA:
        images = captioning.prepared(trial.data, trial.world, trial.seed, frozen(settings), root, reader, fingerprint)
        return captioning.run(trial, settings, images, began, device, checkpoint)
    prepared = _prepared(trial.data, trial.world, trial.seed, frozen(settings), root, reader, fingerprint)
    if trial.method in REFERENCES:
        return Result(references(trial.method, prepared), cost(0, began))
    if trial.method not in HEADS:
        raise SettingsError(f"no method {trial.method!r}; known: {', '.join((*HEADS, *REFERENCES))}")
    context, given = width(trial.world, settings), None
    if trial.method == "shuffled_learned":  # keeps the norms of a trained matrix, destroys which word has which row
        import torch

        first, _ = _train("learned", trial, settings, prepared, context, device, None, None)
        order = torch.randperm(len(prepared.target), generator=torch.Generator().manual_seed(trial.seed))
        given = first.head.matrix.detach().cpu()[order]
    model, history = _train(trial.method, trial, settings, prepared, context, device, checkpoint, given)
    return _scored(model, history, prepared, settings, began)


def _train(
    method: str,
    trial: Trial,
    settings: dict[str, Any],
    prepared: Prepared,
    context: int,
    device: str,
    checkpoint: Path | None,
    rows: Any,
):
    import torch

    from mmkit.batches import Batches
    from mmkit.fit import Recipe, fit
    from mmkit.models.fixed_targets import TeacherForced
    from mmkit.trials.sentence_pairs import greedy_bleu

    torch.manual_seed(trial.seed)
    model = build(method, prepared, settings, context, trial.world == "null:bounded", rows)
    s = settings | {"epochs": epochs(trial.world, settings)}
    recipe = Recipe(
        s["epochs"],
        s["learning_rate"],
        s["learning_rate"],
        clip=s["clip"],
        precision=s["precision"],
        decay=s["decay"],
        factor=s["lr_factor"],
        patience=s["lr_patience"],
        stop=s["stop_patience"],
    )
    batches = Batches(prepared.parts["train"], s["batch_size"], shuffle=True, seed=trial.seed)
    if len(batches) * s["epochs"] <= LONG:
        checkpoint = None
    judge = None
    if s["decay"] == "plateau":

        def judge(whole: TeacherForced) -> float:
            return greedy_bleu(whole.translator, prepared, "valid", s)

    history = fit(
        TeacherForced(model),
        lambda whole, batch: whole(batch["ids"], batch["keep"], batch["target"], batch["target_keep"]),
        batches,
        recipe,
        device=device,
        checkpoint=checkpoint,
        every=LONG,
        judge=judge,
    )
    return model, history


def _scored(model: Any, history: Any, prepared: Prepared, settings: dict[str, Any], began: float) -> Result:
    from mmkit.layers.counts import parameters
    from mmkit.trials.sentence_pairs import scored

    rows, arrays = scored(model, prepared, settings)
    rows += [("train", "loss", history.losses[-1]["loss"]), ("train", "epochs", float(len(history.losses)))]
    arrays["context_norm"] = np.array([epoch["context_norm"] for epoch in history.losses], dtype=np.float32)
    return Result(rows, cost(parameters(model), began, next(model.parameters()).device.type), arrays)

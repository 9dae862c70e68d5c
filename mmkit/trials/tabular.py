"""One trial of Gu and Budhkar (2021): prepare a world or a fold, train one combining method, score it on the test records."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from mmkit import text
from mmkit.errors import SettingsError
from mmkit.schema import Dataset, Split, TableSchema
from mmkit.trials import Result, Rows, Trial, cost, frozen, reading, start_clock
from mmkit.worlds import tables

PARTS = (0.6, 0.1, 0.3)  # of a world: training, validation (for the threshold), test
VALIDATION = 0.1  # of a fold's training part
PUBLISHED_ENCODER = {
    "reviews": "bert-base-uncased",
    "listings": "bert-base-multilingual-uncased",
    "pets": "bert-base-multilingual-uncased",
}
LONG = 1000  # steps from which training is worth checkpoints, one every so many
WITHOUT_TRAINING = ("constant", "best_column", "oracle")
REFERENCES = (*WITHOUT_TRAINING, "table_only")  # run beside the paper's methods


def world(data: str, name: str, seed: int, settings: dict[str, Any]) -> Dataset:
    """The generated data set behind a world's name. Raises SettingsError for a name that is no world."""
    records = settings["world_records"]
    if name == "main":
        return tables.make(data, records, seed)
    kind, _, what = name.partition(":")
    if kind == "null":
        return tables.make(data, records, seed, null=what)
    if table := re.fullmatch(r"sweep:table=(\d+(?:\.\d+)?)", name):
        share = float(table[1])  # of the target, split as in the preset of pets; no interaction
        return tables.make(data, records, seed, category=0.6 * share, number=0.4 * share, cross=0.0)
    if columns := re.fullmatch(r"sweep:columns=(\d+)", name):  # a quarter are numbers; three say something, the rest is noise
        numbers = max(int(columns[1]) // 4, 1)
        sizes = {"n_cat": int(columns[1]) - numbers, "n_num": numbers, "informative_cat": 2, "informative_num": 1}
        return tables.make(data, records, seed, **sizes)
    raise SettingsError(f"no world {name!r}; known: main, null:<name>, sweep:table=<share>, sweep:columns=<number>")


real = reading.real


def splits(dataset: Dataset, trial: Trial, settings: dict[str, Any]) -> tuple[Split, Split, Split]:
    """(train, validation, test) of this trial: parts of its own world, or a fold of the real records."""
    if trial.world != "real":
        return tuple(dataset.parts(PARTS, trial.seed))
    rest, test = dataset.fold(trial.seed, settings["folds"], seed=42)
    inner = Dataset(dataset.name, dataset.schema, rest, dataset.source)
    train, valid = inner.parts((1 - VALIDATION, VALIDATION), trial.seed)
    return train, valid, test


@dataclass
class Prepared:
    """A trial's records as columns of ids and features; shared by all methods that read the same text."""

    schema: TableSchema
    tokenizer: text.Tokenizer
    parts: dict[str, Any]  # train | valid | test -> batches.Columns
    labels: dict[str, np.ndarray]
    splits: dict[str, Split]  # the same parts as records
    cut: float  # share of training texts that were too long
    sizes: tuple[int, int]  # categories, numbers


@lru_cache(maxsize=4)
def _prepared(
    data: str, world_name: str, seed: int, unimodal: bool, chosen: tuple, root: Path | None, reader: str, fingerprint: str
) -> Prepared:
    from mmkit.batches import Columns, TableFeatures

    settings = dict(chosen)
    trial = Trial(data, world_name, seed, "")
    dataset = reading.read(reader, root, fingerprint) if world_name == "real" else world(data, world_name, seed, settings)
    train, valid, test = splits(dataset, trial, settings)
    schema = dataset.schema
    name = encoder_name(settings, data)
    write = text.serialise if unimodal else lambda table, schema, sep: text.join(table, schema.text, sep)
    if name == "scratch":
        tokenizer = text.train_wordpiece(write(train.table, schema, " [SEP] "), settings["vocabulary"])
    else:
        tokenizer = text.hub_tokenizer(name)
    encoding = settings["category_encoding"]
    features = TableFeatures(schema, {"auto": "onehot" if data == "pets" else "binary"}.get(encoding, encoding)).fit(train.table)
    parts, labels, cuts = {}, {}, {}
    records = {"train": train, "valid": valid, "test": test}
    for part, split in records.items():
        ids, cuts[part] = tokenizer.encode(write(split.table, schema, f" {tokenizer.separator} "), settings["max_tokens"])
        categories, numbers = features.transform(split.table)
        labels[part] = split.table[schema.label].to_numpy()
        parts[part] = Columns(ids, {"categories": categories, "numbers": numbers}, tokenizer.pad)
    return Prepared(schema, tokenizer, parts, labels, records, cuts["train"], (categories.shape[1], numbers.shape[1]))


def encoder_name(settings: dict[str, Any], data: str) -> str:
    """'scratch', a hub name or a folder; 'published' becomes the paper's encoder of this data set."""
    return PUBLISHED_ENCODER[data] if settings["encoder"] == "published" else settings["encoder"]


def check(settings: dict[str, Any], datasets: list[str], kind: str = "world") -> None:
    """Raise SettingsError, before anything is computed, when a text encoder cannot be had or built."""
    if settings["encoder"] == "scratch" and settings["encoder_dim"] % settings["encoder_heads"]:
        raise SettingsError(
            f"encoder_dim = {settings['encoder_dim']} is not a multiple of encoder_heads = {settings['encoder_heads']}"
        )
    for name in sorted({encoder_name(settings, data) for data in datasets} - {"scratch"}):
        text.hub_tokenizer(name)


def build(method: str, prepared: Prepared, settings: dict[str, Any], data: str):
    """The model of one trial. Seed torch before."""
    from mmkit.layers.encoders import hub_encoder, scratch_encoder
    from mmkit.models.tabular import TabularText

    outputs = len(prepared.schema.classes) if prepared.schema.task == "multiclass" else 1
    encoder, name = None, encoder_name(settings, data)
    if method != "table_only" and name == "scratch":
        s = settings
        encoder = scratch_encoder(
            len(prepared.tokenizer),
            s["encoder_dim"],
            s["encoder_layers"],
            s["encoder_heads"],
            s["max_tokens"],
            s["dropout"],
            prepared.tokenizer.pad,
        )
    elif method != "table_only":
        encoder = hub_encoder(name, settings["dropout"])
        limit = getattr(encoder.model.config, "max_position_embeddings", None) or settings["max_tokens"]
        if settings["max_tokens"] > limit:
            raise SettingsError(f"max_tokens = {settings['max_tokens']}, but encoder {name!r} reads at most {limit}")
    return TabularText(encoder, method, *prepared.sizes, outputs, settings["head"])


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
    began, unimodal = start_clock(), trial.method == "unimodal"
    prepared = _prepared(trial.data, trial.world, trial.seed, unimodal, frozen(settings), root, reader, fingerprint)
    if trial.method in WITHOUT_TRAINING:
        return _without_training(trial.method, prepared, began)
    return _trained(trial, settings, device, prepared, began, checkpoint)


def _trained(
    trial: Trial, settings: dict[str, Any], device: str, prepared: Prepared, began: float, checkpoint: Path | None
) -> Result:
    import torch

    from mmkit.batches import Batches
    from mmkit.fit import Recipe, fit, predict
    from mmkit.layers.counts import parameters

    task = prepared.schema.task
    torch.manual_seed(trial.seed)
    model = build(trial.method, prepared, settings, trial.data)
    target = Target(task, settings["target"], prepared.labels["train"])
    train = _with_label(prepared, "train", target)
    rate = settings["learning_rate_regression" if task == "regression" else "learning_rate_classification"]
    recipe = Recipe(settings["epochs"], rate, rate * settings["encoder_rate_factor"], precision=settings["precision"])
    test = Batches(prepared.parts["test"], 256)
    floor = predict(model, test, _outputs) if trial.world != "real" else {}  # what the untrained model relies on
    batches = Batches(train, settings["batch_size"], shuffle=True, seed=trial.seed)
    if len(batches) * settings["epochs"] <= LONG:
        checkpoint = None
    history = fit(model, _step(task), batches, recipe, device=device, checkpoint=checkpoint, every=LONG)
    valid, test_out = (predict(model, b, _outputs) for b in (Batches(prepared.parts["valid"], 256), test))
    rows = _scores(prepared, target.back(valid["logits"].numpy()), target.back(test_out["logits"].numpy()))
    rows += [("train", "loss", history.losses[-1]["loss"]), ("train", "truncated", prepared.cut)]
    arrays = {"prediction": target.back(test_out["logits"].numpy()).astype(np.float32)}
    if "reliance" in test_out:
        arrays["reliance"] = test_out["reliance"].numpy()
        rows += _agreement(prepared, test_out["reliance"].numpy(), floor.get("reliance"))
    if "scores" in test_out:
        arrays["scores"] = test_out["scores"].numpy()
    return Result(rows, cost(parameters(model), began, next(model.parameters()).device.type), arrays)


def _with_label(prepared: Prepared, part: str, target: Target):
    from mmkit.batches import Columns

    columns = prepared.parts[part]
    return Columns(columns.ids, {**columns.dense, "label": target.forward(prepared.labels[part])}, columns.pad_id)


class Target:
    """What the head predicts, and back: prices raw, standardised (same loss up to scale) or log; probabilities of classes."""

    def __init__(self, task: str, how: str, labels: np.ndarray) -> None:
        self.task, self.how = task, how if task == "regression" else ""
        self.mean, self.sd = (float(labels.mean()), float(labels.std()) or 1.0) if self.how == "standard" else (0.0, 1.0)

    def forward(self, labels: np.ndarray) -> np.ndarray:
        if self.task == "multiclass":
            return labels.astype(np.int64)
        return (np.log(np.maximum(labels, 1.0)) if self.how == "log" else (labels - self.mean) / self.sd).astype(np.float32)

    def back(self, logits: np.ndarray) -> np.ndarray:
        """(N, K) logits to prices (N,), the positive class's probability (N,), or class probabilities (N, K)."""
        logits = logits.astype(np.float64)
        if self.task == "multiclass":
            e = np.exp(logits - logits.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)
        if self.task == "binary":
            return 1 / (1 + np.exp(-np.clip(logits[:, 0], -60, 60)))
        return np.exp(np.clip(logits[:, 0], -20, 20)) if self.how == "log" else logits[:, 0] * self.sd + self.mean


def _step(task: str):
    import torch.nn.functional as F

    def step(model, batch):
        logits, _ = model(batch["ids"], batch["keep"], batch["categories"], batch["numbers"])
        if task == "multiclass":
            return {"loss": F.cross_entropy(logits, batch["label"])}
        loss = F.binary_cross_entropy_with_logits if task == "binary" else F.mse_loss
        return {"loss": loss(logits[:, 0], batch["label"])}

    return step


def _outputs(model, batch):
    logits, combined = model(batch["ids"], batch["keep"], batch["categories"], batch["numbers"])
    out = {"logits": logits}
    if combined.reliance is not None:
        out["reliance"] = combined.reliance
    if combined.weights and "scores" in combined.weights:
        out["scores"] = combined.weights["scores"]
    return out


def _scores(prepared: Prepared, valid: np.ndarray, test: np.ndarray) -> Rows:
    """Test metrics. `f1_max` picks its threshold on the test records, as the official code does; `f1` on the validation ones."""
    from mmkit import scores

    task, y = prepared.schema.task, prepared.labels
    threshold = scores.classification.best_threshold(y["valid"], valid) if task == "binary" else 0.5
    named = scores.for_task(task, y["test"], test, prepared.schema.classes, threshold)
    chosen = [("valid", "threshold", float(threshold))] if task == "binary" else []
    return [("test", metric, float(value)) for metric, value in named.items()] + chosen


def _agreement(prepared: Prepared, reliance: np.ndarray, untrained: Any) -> Rows:
    """Rank correlation of the reliance on the text with how talkative the text is; the untrained model's is the floor."""
    from mmkit.scores.agreement import spearman

    truth = prepared.splits["test"].truth
    if truth is None:
        return []
    talk = truth["talkativeness"].to_numpy()
    floor = [] if untrained is None else [("test", "rho_text_untrained", spearman(untrained.numpy(), talk))]
    return [("test", "rho_text", spearman(reliance, talk)), *floor]


def _without_training(method: str, prepared: Prepared, began: float) -> Result:
    """The constant guess, the best single column, and (worlds only) the best prediction that the truth allows."""
    train, valid, test = prepared.splits.values()
    if method == "oracle":
        if test.truth is None:
            raise SettingsError("method 'oracle' needs a world: nobody knows the truth of real data")
        guess = [np.array(part.truth["oracle"].to_pylist()) for part in (valid, test)]
    else:
        guess = _guess(method, prepared.schema, train, [valid, test])
    rows = _scores(prepared, *guess)
    return Result(rows, cost(0, began), {"prediction": guess[1].astype(np.float32)})


def _guess(method: str, schema: TableSchema, train: Split, parts: list[Split]) -> list[np.ndarray]:
    """Mean target per bin of one column (ten quantile bins of a number, the levels of a category); one bin for `constant`."""
    y = train.table[schema.label].to_numpy()
    target = np.eye(len(schema.classes))[y] if schema.task == "multiclass" else y.astype(float)[:, None]
    columns = [None] if method == "constant" else [*schema.categories, *schema.numbers]
    best = None
    for name in columns:
        bins, n = _bins(schema, name, train.table, [train.table, *(p.table for p in parts)])
        prior = target.mean(axis=0)
        total = np.stack([np.bincount(bins[0], weights=t, minlength=n) for t in target.T], axis=1)
        mean = (total + 10 * prior) / (np.bincount(bins[0], minlength=n)[:, None] + 10)  # small bins lean to the overall mean
        error = float(((target - mean[bins[0]]) ** 2).mean())
        if best is None or error < best[0]:
            best = error, [mean[b] if schema.task == "multiclass" else mean[b, 0] for b in bins[1:]]
    return best[1]


def _bins(schema: TableSchema, name: str | None, train: Any, wanted: list[Any]) -> tuple[list[np.ndarray], int]:
    if name is None:
        return [np.zeros(t.num_rows, dtype=int) for t in wanted], 1
    if name in schema.categories:
        levels = {level: i for i, level in enumerate(sorted(set(train[name].to_pylist()), key=str))}
        return [np.array([levels.get(v, len(levels)) for v in t[name].to_pylist()]) for t in wanted], len(levels) + 1
    known = train[name].drop_null().to_numpy().astype(float)
    edges = np.unique(np.quantile(known, np.linspace(0.1, 0.9, 9))) if len(known) else known
    return [
        np.where(np.isnan(v := t[name].to_numpy().astype(float)), len(edges) + 1, np.searchsorted(edges, v, side="right"))
        for t in wanted
    ], len(edges) + 2

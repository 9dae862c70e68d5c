"""One trial of Zhang and Chai (2021): train one model of emotions in conversations, score it, look at what it hears.

A method is a model, with `_at` behind it for adversarial training. COIN is trained so as published, `coin_plain` is not.
What a trial computes beside the scores, `coin_looks` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from mmkit.errors import SettingsError
from mmkit.schema import Dataset, Split, matrix
from mmkit.scores import emotions
from mmkit.trials import Result, Rows, Trial, coin_looks, coin_words, cost, frozen, reading, start_clock
from mmkit.trials.coin_methods import COINS, METHODS, OTHERS, Way, build
from mmkit.worlds import dialogues

REFERENCES = ("majority", "utterance_ceiling", "own_ceiling", "agnostic_ceiling", "joint_ceiling")  # run without training
CEILINGS = {"utterance_ceiling": "utterance", "own_ceiling": "own", "agnostic_ceiling": "agnostic", "joint_ceiling": "joint"}
LONG = 2000  # steps from which training is worth checkpoints


@dataclass
class Prepared:
    """One data set as utterances of each part, standardised by the training part, with the modalities that it has."""

    parts: dict[str, Any]  # train | valid | test -> batches.conversations.Utterances
    splits: dict[str, Split]
    classes: tuple[str, ...]
    source: str


def applies(method: str, data: str) -> bool:
    """Ceilings are known of the world alone, and only there are features those of three modalities."""
    if data == "emotions":
        return True
    return method not in CEILINGS and not {"audio", "video"} & set(COINS.get(method, {}).get("modalities", ()))


def world(data: str, name: str, seed: int, settings: dict[str, Any]) -> Dataset:
    """The generated data set behind a world's name. Raises SettingsError for a name that is no world."""
    s = settings
    _has_world(data)
    sizes = {
        "mode": s["world_mode"],
        "coupling": s["world_coupling"],
        "inertia": s["world_inertia"],
        "turns": s["world_turns"],
        "text_dim": s["world_text_dim"],
        "audio_dim": s["world_audio_dim"],
        "video_dim": s["world_video_dim"],
    }
    kind, _, what = name.partition(":")
    if name == "main":
        return dialogues.make(data, s["world_dialogues"], seed, **sizes)
    if kind == "null":
        own = dialogues.NULLS.get(what, {})  # a null's own knobs stand
        kept = {name: value for name, value in sizes.items() if name not in own}
        return dialogues.make(data, s["world_dialogues"], seed, null=what, **kept)
    knob, _, value = what.partition("=")
    if kind == "sweep" and knob == "coupling":
        try:
            return dialogues.make(data, s["world_dialogues"], seed, **{**sizes, "coupling": float(value)})
        except ValueError:
            pass
    raise SettingsError(f"no world {name!r}; known: main, null:<name>, sweep:coupling=<number>")


real, splits = reading.real, reading.official


def check(settings: dict[str, Any], datasets: list[str], kind: str) -> None:
    """Raise SettingsError, before anything is computed: no such world, no such file of word vectors."""
    if kind == "world":
        for data in datasets:
            _has_world(data)
    elif (how := settings["text_features"]) != "bag" and not Path(how).is_file():
        raise SettingsError(f"text_features = {how!r}: neither bag nor a file of word vectors")


def _has_world(data: str) -> None:
    if data != "emotions":
        raise SettingsError(f"data set {data!r} has no world, only real data; the world of this paper: emotions")


# --- preparation ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=3)
def _prepared(data: str, name: str, seed: int, chosen: tuple, root: Path | None, reader: str, fingerprint: str) -> Prepared:
    settings = dict(chosen)
    return prepare(reading.read(reader, root, fingerprint) if name == "real" else world(data, name, seed, settings), settings)


def prepare(dataset: Dataset, settings: dict[str, Any]) -> Prepared:
    """Features standardised on the training part. Where a data set has words only, see `coin_words`."""
    from mmkit.batches.conversations import Scale, utterances

    named = dict(zip(("train", "valid", "test"), dataset.official(), strict=True))
    shown = [m.name for m in dataset.schema.modalities if m.kind == "vector"]
    if not shown:
        named, shown = coin_words.described(named, settings["text_features"]), ["text_vector"]
    scale = Scale.fit(named["train"], shown)
    parts = {part: utterances(split, shown, scale, dataset.schema.label) for part, split in named.items()}
    return Prepared(parts, named, dataset.schema.classes, dataset.name)


def _shown(part: Any, way: Way, trial: Trial) -> Any:
    """The utterances as the method sees them: some modalities only, or speakers drawn at random."""
    from dataclasses import replace

    if (chosen := way.changes.get("modalities")) is not None:
        columns = np.concatenate([np.arange(part.features.shape[1])[part.at(name)] for name in chosen])
        part = replace(part, features=part.features[:, columns], widths={name: part.widths[name] for name in chosen})
    if way.changes.get("shuffled"):
        rng = np.random.default_rng([trial.seed, len(part), 0x5A])
        part = replace(part, speaker=rng.integers(0, 2, len(part)))
    return part


# --- training -------------------------------------------------------------------------------------------------------


def batches(part: Any, way: Way, settings: dict[str, Any], seed: int | None = None):
    """Windows or Dialogues of some Utterances, as the model reads them; shuffled by `seed`, or in order."""
    from mmkit.batches.conversations import Dialogues, Windows

    shuffle = {} if seed is None else {"shuffle": True, "seed": seed}
    if way.reads_windows:
        history = 0 if way.model == "utterance" else way.changes.get("history", settings["history"])
        return Windows(part, settings["batch_size"], history, **shuffle)
    return Dialogues(part, settings["dialogues_per_batch"], **shuffle)


def epsilon(part: Any, settings: dict[str, Any]) -> float:
    """Length of the adversarial change of a window or dialogue."""
    return settings["epsilon"] * (part.norm if settings["epsilon_unit"] == "relative" else 1.0)


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
        return _reference(trial, prepared, began)
    way = Way.of(trial.method)
    parts = {name: _shown(part, way, trial) for name, part in prepared.parts.items()}
    model, history = _train(trial, way, settings, prepared, parts, device, checkpoint)
    return _scored(trial, way, settings, prepared, parts, model, history, began)


def _reference(trial: Trial, prepared: Prepared, began: float) -> Result:
    test = prepared.splits["test"]
    if trial.method == "majority":
        usual = np.bincount(prepared.parts["train"].label).argmax()
        said = np.full(len(test), usual)
    else:
        said = matrix(test.truth[f"posterior_{CEILINGS[trial.method]}"]).argmax(axis=1)
    rows, arrays = scores(prepared, said)
    return Result(rows, cost(0, began), arrays)


def _train(
    trial: Trial,
    way: Way,
    settings: dict[str, Any],
    prepared: Prepared,
    parts: dict[str, Any],
    device: str,
    checkpoint: Path | None,
):
    import torch

    from mmkit.fit import History, Recipe, fit
    from mmkit.layers.adversarial import adversarial
    from mmkit.models.conversations.training import step

    s = settings
    torch.manual_seed(trial.seed)
    model = build(way, parts["train"].features.shape[1], len(prepared.classes), s)
    if not way.changes.get("trained", True):
        return model.eval(), History(losses=[{"loss": 0.0}])
    kind = "" if way.reads_windows else "_dialogue"  # a batch of dialogues is many utterances and one step
    epochs, rate = s[f"epochs{kind}"], s[f"learning_rate{kind}"]
    recipe = Recipe(
        epochs,
        rate,
        rate,
        weight_decay=s["weight_decay"],
        clip=s["clip"],
        precision=s["precision"],
        decay=s["annealing"],
        factor=s["lr_factor"],
        patience=s[f"lr_patience{kind}"],
        stop=s[f"stop_patience{kind}"],
    )
    weight = None
    if s["class_weights"]:
        count = np.bincount(parts["train"].label, minlength=len(prepared.classes))
        weight = torch.from_numpy((count.sum() / np.maximum(count, 1) / len(count)).astype(np.float32))

    def plain(whole: Any, batch: dict[str, Any]) -> dict[str, Any]:
        return step(whole, batch, weight)

    train = batches(parts["train"], way, s, trial.seed)
    judged = coin_looks.most_of(parts["test"], trial.seed) if way.changes.get("chosen_on_test") else parts["valid"]
    valid = batches(judged, way, s)

    def judge(whole: Any) -> float:
        return emotions.averages(emotions.by_class(_table(prepared, judged.label, said(whole, valid))))["weighted_f1"]

    history = fit(
        model,
        adversarial(plain, epsilon(parts["train"], s)) if way.adversarial else plain,
        train,
        recipe,
        device=device,
        checkpoint=checkpoint if len(train) * epochs > LONG else None,
        every=LONG,
        judge=judge,
    )
    return model, history


# --- scores ---------------------------------------------------------------------------------------------------------


def said(model: Any, data: Any) -> np.ndarray:
    """(U,) the class that the model gives each utterance of some batches in order."""
    from mmkit.fit import predict
    from mmkit.models.conversations.training import outputs

    return predict(model, data, outputs)["logits"].argmax(dim=1).numpy()


def _table(prepared: Prepared, label: np.ndarray, answer: np.ndarray) -> np.ndarray:
    return emotions.confusion(label, answer, len(prepared.classes))


def scores(prepared: Prepared, answer: np.ndarray) -> tuple[Rows, dict[str, np.ndarray]]:
    """Scores in % of the answers (U,) to the test part."""
    table = _table(prepared, prepared.parts["test"].label, answer)
    classes = emotions.by_class(table)
    average = emotions.averages(classes)
    found = {
        "accuracy": average["accuracy"],
        "precision_weighted": average["weighted_precision"],
        "f1_weighted": average["weighted_f1"],
        "f1_macro": average["macro_f1"],
        **{f"f1_{name}": value for name, value in zip(prepared.classes, classes.f1, strict=True)},
    }
    rows = [("test", name, 100 * float(value)) for name, value in found.items()]
    if prepared.source in ("emotions", "iemocap") and table.sum() > np.trace(table):
        similar = emotions.similar_errors(table)
        rows.append(("test", "similar_excess", 100 * (similar.share - similar.expected)))
    return rows, {"said": answer.astype(np.int8), "confusion": table.astype(np.int32)}


def _scored(
    trial: Trial,
    way: Way,
    settings: dict[str, Any],
    prepared: Prepared,
    parts: dict[str, Any],
    model: Any,
    history: Any,
    began: float,
) -> Result:
    from mmkit.layers.counts import parameters

    def make(part: Any) -> Any:
        return batches(part, way, settings)

    rows, arrays = scores(prepared, said(model, make(parts["test"])))
    arrays["judged"] = 100 * np.array(history.judged)
    more, kept = coin_looks.look(way, prepared, parts, model, make, epsilon(parts["train"], settings))
    rows, arrays = rows + more, arrays | kept
    spent = cost(parameters(model), began, next(model.parameters()).device.type)
    return Result(rows, {**spent, "seconds_per_epoch": history.seconds / max(len(history.losses), 1)}, arrays)


def across(results: dict[Trial, Result]) -> dict[Trial, Rows]:
    """How far COIN leads the best of the others of Table 1, how much of the way to the joint ceiling a model goes."""
    values = {t: {name: v for split, name, v in r.rows if split == "test"} for t, r in results.items()}
    found: dict[Trial, Rows] = {}
    for trial, own in values.items():
        if trial.method not in METHODS:
            continue
        others = [values.get(Trial(trial.data, trial.world, trial.seed, m)) for m in OTHERS if m != trial.method]
        rows: Rows = []
        if all(others):
            rows.append(("test", "lead", own["f1_weighted"] - max(o["f1_weighted"] for o in others)))
            if "f1_angry" in own:
                rows.append(("test", "angry_lead", own["f1_angry"] - max(o["f1_angry"] for o in others)))
        ends = [values.get(Trial(trial.data, trial.world, trial.seed, m)) for m in ("own_ceiling", "joint_ceiling")]
        if all(ends) and ends[1]["accuracy"] - ends[0]["accuracy"] > 1:
            low, high = (end["accuracy"] for end in ends)
            rows.append(("test", "gap_closed", 100 * (own["accuracy"] - low) / (high - low)))
        if rows:
            found[trial] = rows
    return found

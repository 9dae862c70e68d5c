"""One trial of Alnajjar and Hämäläinen (2021): tell sarcastic utterances from sincere ones by words, voice and face.

A method is `<machine>_<blocks>`, such as svm_text_audio; blocks: text, audio, video, or all. `_scenes` behind it keeps the
scenes of the test part out of training, `_raw` leaves the columns unscaled.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from mmkit import readers
from mmkit.errors import SettingsError, nearest
from mmkit.features.words import BagOfWords, tokenise
from mmkit.readers import sarcasm_clips
from mmkit.schema import Dataset, Split, matrix
from mmkit.schema.groups import grouped_parts
from mmkit.trials import Result, Rows, Trial, cost, frozen, reading, sarcasm_looks, start_clock
from mmkit.trials.sarcasm_looks import BLOCKS
from mmkit.worlds import dialogues
from mmkit.worlds.dialogues.sarcasm_knobs import NULLS

REFERENCES = ("majority", "speaker", "ideal_text", "ideal_all")  # run beside the paper's methods, without training
IDEAL = {"ideal_text": "posterior_text", "ideal_all": "posterior_text_audio_video"}
CAUSES = {"text": "text", "audio": "prosody", "video": "face"}  # a block's name as a cause in the truth
AGREEMENT = {"giveaway": "cause_agreement", "added": "cause_agreement_added"}  # blocks named in two ways, and their score
UNCLEAR = (0.2, 0.8)  # where the words alone leave it open, by the ideal reader of words
HELD = 0.1  # share of what is not tested that is for validation
GAINS = {"svm_all": "svm_text", "linear_all": "linear_text"}  # whose accuracy is compared with the same machine's on text alone
COSTS = (0.001, 0.01, 0.1, 1.0, 10.0)  # C of linear machines, chosen on the validation part
METHODS = (
    "neural_text", "neural_pretrained", "neural_head",
    "svm_text", "svm_audio", "svm_video", "svm_text_audio", "svm_text_video", "svm_audio_video", "svm_all", "svm_bag",
    "svm_text_scenes", "svm_text_audio_scenes", "svm_all_scenes", "svm_all_raw", "svm_all_random_block",
    "linear_text", "linear_all", "late_all", "kernels_all", "speaker",
)  # fmt: skip
Named = dict[str, np.ndarray]  # giveaway | added -> (N,) int8 number in BLOCKS, for each line of the test part


@dataclass
class Prepared:
    """One data set in its parts: blocks of numbers, tokens, labels."""

    splits: dict[str, Split]
    x: dict[str, dict[str, np.ndarray]]  # part -> block -> (N, D)
    y: dict[str, np.ndarray]
    tokens: dict[str, list[list[str]]]
    table: tuple[tuple[str, ...], np.ndarray] | None = None  # word vectors, where a world has them
    memo: dict[str, Any] = field(default_factory=dict)  # distances, shared by all methods of a world and seed


def blocks_of(method: str) -> tuple[str, ...]:
    """('text', 'audio') of 'svm_text_audio_scenes'."""
    parts = method.split("_")[1:]
    return BLOCKS if "all" in parts else tuple(name for name in BLOCKS if name in parts)


def applies(method: str, data: str) -> bool:
    """Scenes, ideal readers and word vectors are known of the world; what has text only has text only."""
    if data == "sarcasm":
        return True
    world_only = method in IDEAL or method == "neural_pretrained" or (method.endswith("_scenes") and data != "clips")
    return not world_only and (data != "mustard" or set(blocks_of(method)) <= {"text"})


def world(data: str, name: str, seed: int, settings: dict[str, Any]) -> Dataset:
    """The generated data set behind a world's name. Raises SettingsError for a name that is no world."""
    _has_world(data)
    count = settings["world_records"]
    knobs = {name: settings[f"world_{name}"] for name in ("emitter", "leak", "traces")}
    kind, _, what = name.partition(":")
    if name == "main":
        return dialogues.make(data, count, seed, **knobs)
    if kind == "null":
        kept = {name: value for name, value in knobs.items() if name not in NULLS.get(what, {})}  # a null's own knobs stand
        return dialogues.make(data, count, seed, null=what, **kept)
    if name in ("sweep:emitter=signal", "sweep:emitter=features"):
        return dialogues.make(data, count, seed, **{**knobs, "emitter": what.partition("=")[2]})
    raise SettingsError(f"no world {name!r}; known: main, null:<name>, sweep:emitter=<features or signal>")


real = reading.real


def splits(dataset: Dataset, trial: Trial, settings: dict[str, Any]) -> tuple[Split, Split, Split]:
    """(train, validation, test), drawn by the trial's seed as `split` says; a data set with folds of its own has those.

    random: utterances, classes alike. scenes, speakers: a scene or speaker lies in one part.  MOSI keeps its published parts.
    """
    how = "scenes" if trial.method.endswith("_scenes") else settings["split"]
    table, labels = dataset.records.table, dataset.labels
    if dataset.name == "mosi_talks":
        return tuple(dataset.official())
    if how == "random" and "fold" in table.column_names:
        fold = table["fold"].to_numpy().astype(int)
        rest = np.flatnonzero(fold != trial.seed % (fold.max() + 1))
        test = np.flatnonzero(fold == trial.seed % (fold.max() + 1))
        order = np.random.default_rng([trial.seed, 0xF0]).permutation(rest)
        held = np.sort(order[: max(1, round(HELD * len(rest)))])
        return tuple(dataset.records.take(rows) for rows in (np.setdiff1d(rest, held), held, test))
    if how == "random":
        return tuple(dataset.parts(_shares(settings), trial.seed))
    groups = np.array(table["dialogue" if how == "scenes" else "speaker"].to_pylist())
    rows = grouped_parts(groups, _shares(settings), trial.seed, labels)
    return tuple(dataset.records.take(r) for r in rows)


def _shares(settings: dict[str, Any]) -> tuple[float, float, float]:
    rest = 1 - settings["test_share"]
    return ((1 - HELD) * rest, HELD * rest, 1 - rest)


def check(settings: dict[str, Any], datasets: list[str], kind: str) -> None:
    """Raise SettingsError, before anything is computed: no such world, sizes that do not fit."""
    if kind == "world":
        for data in datasets:
            _has_world(data)
    if settings["hidden"] % 2:
        raise SettingsError(f"hidden = {settings['hidden']}, expected an even number: half of it reads in each direction")


def _has_world(data: str) -> None:
    if data != "sarcasm":
        raise SettingsError(f"data set {data!r} has no world, only real data; the world of this paper: sarcasm")


# --- preparation ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def _dataset(data: str, name: str, seed: int, chosen: tuple, root: Path | None, reader: str, fingerprint: str) -> Dataset:
    return _files(reader, root, fingerprint, dict(chosen)) if name == "real" else world(data, name, seed, dict(chosen))


def _files(reader: str, root: Path, fingerprint: str, settings: dict[str, Any]) -> Dataset:
    """Real records. Sound and frames of clips become numbers as the settings say; others come as numbers."""
    if reader != "sarcasm_clips":
        return reading.read(reader, root, fingerprint)
    weights, literal = settings["frame_weights"], settings["audio_features"] == "literal"
    path = readers.locate(reader, root)
    return sarcasm_clips.read(path, literal=literal, net=settings["frame_net"], weights=None if weights == "random" else weights)


@lru_cache(maxsize=2)
def _prepared(
    data: str, name: str, seed: int, scenes: bool, chosen: tuple, root: Path | None, reader: str, fingerprint: str
) -> Prepared:
    settings = dict(chosen)
    dataset = _dataset(data, name, seed, chosen, root, reader, fingerprint)
    table = None
    if name != "real":
        null = name.removeprefix("null:") if name.startswith("null:") else None
        table = dialogues.word_table(seed, null)
    parts = splits(dataset, Trial(data, name, seed, "svm_all_scenes" if scenes else ""), settings)
    return prepare(dataset, parts, table)


def prepare(
    dataset: Dataset, parts: tuple[Split, Split, Split], table: tuple[tuple[str, ...], np.ndarray] | None = None
) -> Prepared:
    """Blocks by name. Where there are no vectors of the words, `text` is the bag of the training words."""
    named = dict(zip(("train", "valid", "test"), parts, strict=True))
    shown = {m.name: m.kind for m in dataset.schema.modalities}
    words = "text" if shown.get("text") == "text" else "transcript"
    tokens = {part: tokenise(split.table[words].to_pylist()) for part, split in named.items()}
    bag = BagOfWords.fit(tokens["train"], min_count=2)
    x = {part: {"bag": bag.transform(tokens[part])} for part in named}
    for block in BLOCKS:
        column = "text_vector" if block == "text" else block
        for part, split in named.items():
            if shown.get(column) == "vector":
                x[part][block] = matrix(split.table[column]).astype(np.float64)
            elif block == "text":
                x[part][block] = x[part]["bag"]
    y = {part: split.table[dataset.schema.label].to_numpy() for part, split in named.items()}
    return Prepared(named, x, y, tokens, table)


# --- trials ---------------------------------------------------------------------------------------------------------


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
    """Train and score one method. Same trial, settings and thread count: same numbers. checkpoint: not used, trials are short."""
    began = start_clock()
    if trial.method not in (*METHODS, *REFERENCES):
        raise SettingsError(f"no method {trial.method!r}{nearest(trial.method, METHODS)}")
    scenes = trial.method.endswith("_scenes")
    prepared = _prepared(trial.data, trial.world, trial.seed, scenes, frozen(settings), root, reader, fingerprint)
    if missing := [name for name in blocks_of(trial.method) if name not in prepared.x["test"]]:
        raise SettingsError(f"{trial.data} has no {', '.join(missing)}, which method {trial.method!r} needs")
    if trial.method in REFERENCES:
        answer = _reference(trial.method, prepared)
        odds = sarcasm_looks.log_odds(prepared.splits["test"].truth) if trial.method == "ideal_all" else None
        return _finished(prepared, answer, {} if odds is None else {"giveaway": sarcasm_looks.left_out(odds)}, cost(0, began))
    if trial.method.startswith("neural"):
        answer, parameters = _neural(trial, settings, prepared, device)
        return _finished(prepared, answer, {}, cost(parameters, began, device if device == "cuda" else "cpu"))
    value, named = _machine(trial.method, trial.seed, settings, prepared)
    rows = []
    if trial.method in GAINS:
        alone, _ = _machine(GAINS[trial.method], trial.seed, settings, prepared)
        right = [((v > 0) == prepared.y["test"]).mean() for v in (value, alone)]
        rows.append(("test", "gain", 100 * float(right[0] - right[1])))
    result = _finished(prepared, (value > 0).astype(np.int64), named, cost(0, began), value)
    return replace(result, rows=result.rows + rows)


def _reference(method: str, prepared: Prepared) -> np.ndarray:
    """(N,) answers to the test part without looking at what is said or shown; of the ideal readers, the best ones possible."""
    test, labels = prepared.splits["test"], prepared.y["train"]
    if method in IDEAL:
        return (test.truth[IDEAL[method]].to_numpy() > 0.5).astype(np.int64)
    usual = int(np.bincount(labels).argmax())
    if method == "majority":
        return np.full(len(test), usual)
    who = np.array([name or "" for name in prepared.splits["train"].table["speaker"].to_pylist()])
    most = {name: int(labels[who == name].mean() > 0.5) for name in np.unique(who)}
    return np.array([most.get(name, usual) for name in test.table["speaker"].to_pylist()], dtype=np.int64)


def measured(prepared: Prepared, scaled: bool) -> tuple[Any, dict[str, dict[str, np.ndarray]]]:
    """The training rows of all blocks, and the distances of validation and test rows to them; once for all machines."""
    from mmkit.models.kernel_fusion import Blocks

    key = f"scaled={scaled}"
    if key not in prepared.memo:
        blocks = Blocks(prepared.x["train"], scaled)
        prepared.memo[key] = blocks, {part: blocks.distances(prepared.x[part]) for part in ("valid", "test")}
    return prepared.memo[key]


def _machine(method: str, seed: int, settings: dict[str, Any], prepared: Prepared) -> tuple[np.ndarray, Named]:
    """(decision values of the test part (N,), for machines that are looked into: the block that each is most due to)."""
    from mmkit.models import fusion_rivals, kernel_fusion

    s, y = settings, prepared.y
    names = ("bag",) if method == "svm_bag" else blocks_of(method)
    blocks, distances = measured(prepared, s["scaled"] and not method.endswith("_raw"))
    if method.startswith("linear"):
        tried = [fusion_rivals.fit_linear(blocks, y["train"], names, "logistic", c) for c in COSTS]
        best = max(tried, key=lambda m: ((m.decide(prepared.x["valid"]) > 0) == y["valid"]).mean())
        return best.decide(prepared.x["test"]), {}
    if method.startswith("late"):
        late = fusion_rivals.fit_late(blocks, y["train"], names, s["svm_c"], seed=seed)
        return late.decide(distances["test"]), {}
    if method.startswith("kernels"):
        tuned = kernel_fusion.tune(blocks, y["train"], names, distances["valid"], y["valid"], costs=(s["svm_c"], 30.0, 1.0))
        return tuned.best.decide(distances["test"]), {}
    machine = kernel_fusion.fit(blocks, y["train"], names, s["svm_c"])
    if set(names) != set(BLOCKS):
        return machine.decide(distances["test"]), {}
    values = sarcasm_looks.decisions(machine, blocks, distances["test"])
    value = values[sarcasm_looks.EVERY]
    if method.endswith("_random_block"):
        return value, {"giveaway": np.random.default_rng([seed, 0xB1]).integers(len(BLOCKS), size=len(value), dtype=np.int8)}
    return value, {"giveaway": sarcasm_looks.left_out(values), "added": sarcasm_looks.added(values)}


def _neural(trial: Trial, settings: dict[str, Any], prepared: Prepared, device: str) -> tuple[np.ndarray, int]:
    """(answers to the test part (N,), -1 where the answer is no label; parameters)."""
    import torch

    from mmkit.batches import Batches, Columns
    from mmkit.fit import Recipe, fit, predict
    from mmkit.layers.counts import parameters
    from mmkit.models.label_decoder import LabelDecoder, LSTMClassifier, label_outputs, label_step
    from mmkit.text.words import Vocabulary

    s = settings
    words = Vocabulary.build(prepared.tokens["train"], 1)
    columns = {
        part: Columns(words.encode(lines, end=False), {"label": prepared.y[part].astype(np.int64)})
        for part, lines in prepared.tokens.items()
    }
    torch.manual_seed(trial.seed)
    vectors, width = None, s["word_dim"]
    if trial.method == "neural_pretrained":
        vectors = torch.from_numpy(_vectors(words.words, prepared.table, trial.seed))
        width = vectors.shape[1]
    sizes = {
        "word": width,
        "hidden": s["hidden"],
        "layers": s["neural_layers"],
        "dropout": s["neural_dropout"],
        "vectors": vectors,
    }
    model = (LSTMClassifier if trial.method == "neural_head" else LabelDecoder)(len(words), 2, **sizes)
    train = Batches(columns["train"], s["neural_batch"], shuffle=True, seed=trial.seed)
    valid, test = (Batches(columns[part], 256) for part in ("valid", "test"))
    y = prepared.y["valid"]
    rate = s["neural_rate"]
    recipe = Recipe(
        s["neural_epochs"], rate, rate, clip=5.0, precision=s["precision"], decay="plateau", factor=0.5, patience=4,
        stop=s["stop_patience"],
    )  # fmt: skip

    def judge(whole: Any) -> float:
        return float((predict(whole, valid, label_outputs)["predicted"].numpy() == y).mean())

    fit(model, label_step, train, recipe, device=device, judge=judge)
    return predict(model, test, label_outputs)["predicted"].numpy().astype(np.int64), parameters(model)


def _vectors(words: tuple[str, ...], table: tuple[tuple[str, ...], np.ndarray], seed: int) -> np.ndarray:
    """(V, D) float32: the table's vectors of the vocabulary's words with variance 1, random ones where it has none."""
    at = {word: n for n, word in enumerate(table[0])}
    found = np.random.default_rng([seed, 0x7E]).standard_normal((len(words), table[1].shape[1])).astype(np.float32)
    rows = [(n, at[word]) for n, word in enumerate(words) if word in at]
    found[[n for n, _ in rows]] = table[1][[k for _, k in rows]] / table[1].std()
    return found


# --- scores ---------------------------------------------------------------------------------------------------------


def _finished(
    prepared: Prepared, answer: np.ndarray, named: Named, spent: dict[str, float], value: np.ndarray | None = None
) -> Result:
    y, truth = prepared.y["test"], prepared.splits["test"].truth
    rows, arrays = scores(y, answer), {"said": answer.astype(np.int8), **named}
    if value is not None:
        arrays["decision"] = value.astype(np.float32)
    if truth is not None:
        words = truth["posterior_text"].to_numpy()
        unclear = (UNCLEAR[0] < words) & (words < UNCLEAR[1])
        if unclear.any():
            rows.append(("test", "accuracy_unclear", 100 * float((answer == y)[unclear].mean())))
        cause = np.array(truth["cause"].to_pylist())
        asked = (y == 1) & np.isin(cause, list(CAUSES.values()))
        if asked.any():
            said = {how: np.array(list(CAUSES.values()))[block] for how, block in named.items()}
            rows += [("test", AGREEMENT[how], 100 * float((s == cause)[asked].mean())) for how, s in said.items()]
    return Result(rows, spent, arrays)


def scores(y: np.ndarray, answer: np.ndarray) -> Rows:
    """Accuracy, its mean over classes, F1 of the sarcastic class and the share of answers that are no label (-1), in %."""
    right = answer == y
    both = np.mean([right[y == c].mean() for c in np.unique(y)])
    hit = float(((answer == 1) & (y == 1)).sum())
    f1 = 2 * hit / max(float((answer == 1).sum() + (y == 1).sum()), 1.0)
    found = {"accuracy": right.mean(), "accuracy_balanced": both, "f1_sarcastic": f1, "not_a_label": (answer < 0).mean()}
    return [("test", name, 100 * float(v)) for name, v in found.items()]

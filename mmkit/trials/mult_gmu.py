"""One trial of Rodriguez-Bribiesca et al. (2021): train one fusion of some modalities, score it, look at its gates and attention.

A method is `<fusion>_<modalities>`, such as gmu_TVAP. What a trial computes beside the scores, `looks` does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from mmkit import text
from mmkit.errors import SettingsError, nearest
from mmkit.schema import Dataset, Split, matrix, steps
from mmkit.scores import classification, multilabel
from mmkit.text.words import PAD, Vocabulary, tokenise
from mmkit.trials import Result, Rows, Trial, cost, films, frozen, movie_looks, reading, start_clock
from mmkit.worlds import movies
from mmkit.worlds.movies import scenes

LONG = 400  # steps from which training is worth checkpoints, one every so many
REFERENCES = ("prior", "oracle")  # run beside the paper's methods, without training
COLUMNS = {  # data set -> letter -> the column that shows the modality
    "moviescope": {"T": "plot", "V": "video", "A": "audio", "P": "poster_vector", "M": "metadata"},
    "mosi": {"T": "text", "V": "video", "A": "audio"},
}
# What a fusion's name means: arguments of MulTGMU. `only` is one modality by itself, `self` has no crossmodal attention, `random`
# is never trained, `shuffled` learns other films' genres.
FUSIONS: dict[str, dict[str, Any]] = {
    "concat": {"fusion": "concat"},
    "gmu": {"fusion": "gmu"},
    "bottleneck": {"fusion": "concat_bottleneck"},
    "tied": {"fusion": "gmu_tied"},
    "mean": {"fusion": "mean"},
    "sum": {"fusion": "sum"},
    "static": {"fusion": "static"},
    "additive": {"fusion": "additive", "crossmodal": False},
    "self": {"fusion": "concat", "crossmodal": False},
    "only": {"fusion": "concat"},
    "random": {"fusion": "gmu"},
    "shuffled": {"fusion": "gmu"},
    "fastma": {},
}
WORD_SIZE = 0.4  # root mean square of a word vector's entries: that of the world's streams


@dataclass
class Prepared:
    """One data set as columns by letter. y: 0 and 1 per genre, (N, G) (one column for a binary label)."""

    parts: dict[str, Any]  # train | valid | test -> batches.Columns
    splits: dict[str, Split]
    y: dict[str, np.ndarray]
    genres: tuple[str, ...]
    dims: dict[str, int]
    words: Any = None  # of the plots: Vocabulary, or a tokenizer of a pretrained encoder
    vectors: np.ndarray | None = None  # (V, D) of the vocabulary's words, where a world has a table
    bound: tuple[int, ...] = field(default=())  # genres that only sound and picture together tell


def letters(method: str) -> str:
    """'TVAP' of 'gmu_TVAP'."""
    return method.partition("_")[2]


def applies(method: str, data: str) -> bool:
    """Does the data set have the modalities that the method reads? References read none."""
    return method in REFERENCES or set(letters(method)) <= COLUMNS[data].keys()


def world(data: str, name: str, seed: int, settings: dict[str, Any]) -> Dataset:
    """The generated data set behind a world's name. Raises SettingsError for a name that is no world."""
    s = settings
    _has_world(data)
    sizes = {
        "words_mean": s["world_words"],
        "text_dim": s["world_text_dim"],
        "poster_dim": s["world_poster_dim"],
        "scenes": s["world_scenes"],
        "video_steps": s["world_steps"],
        "audio_steps": s["world_steps"],
        "video_dim": s["world_video_dim"],
        "audio_dim": s["world_audio_dim"],
    }
    kind, _, what = name.partition(":")
    if name == "main":
        return movies.make(data, s["world_records"], seed, **sizes)
    if kind == "null":
        return movies.make(data, s["world_records"], seed, null=what, **sizes)
    if scale := re.fullmatch(r"sweep:metadata=(raw|log|standard)", name):
        return movies.make(data, s["world_records"], seed, metadata_scale=scale[1], **sizes)
    raise SettingsError(f"no world {name!r}; known: main, null:<name>, sweep:metadata=<raw, log or standard>")


real, splits = reading.real, reading.official


def check(settings: dict[str, Any], datasets: list[str], kind: str) -> None:
    """Raise SettingsError, before anything is computed: no such world, sizes that do not fit, an encoder that is not there."""
    if kind == "world":
        for data in datasets:
            _has_world(data)
    if settings["width"] % settings["heads"] or settings["width"] % 2:
        raise SettingsError(f"width = {settings['width']}, expected an even multiple of heads = {settings['heads']}")
    if settings["text_encoder"] != "words" and "moviescope" in datasets:
        text.hub_tokenizer(settings["text_encoder"])


def _has_world(data: str) -> None:
    if data not in movies.VIEWS:
        raise SettingsError(f"data set {data!r} has no world, only real data; the world of this paper: moviescope")


# --- preparation ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=3)
def _prepared(data: str, name: str, seed: int, chosen: tuple, root: Path | None, reader: str, fingerprint: str) -> Prepared:
    settings = dict(chosen)
    dataset = reading.read(reader, root, fingerprint) if name == "real" else world(data, name, seed, settings)
    table = None
    if name != "real" and settings["word_vectors"]:
        table = movies.word_table(seed, text_dim=settings["world_text_dim"])
    return prepare(dataset, settings, table)


def prepare(dataset: Dataset, settings: dict[str, Any], table: tuple[tuple[str, ...], np.ndarray] | None = None) -> Prepared:
    """Every modality that the data set shows as columns by letter; what is fitted is fitted on the training part."""
    from mmkit.batches import Columns

    named = dict(zip(("train", "valid", "test"), dataset.official(), strict=True))
    shown = {m.name for m in dataset.schema.modalities}
    columns = {letter: name for letter, name in COLUMNS[dataset.name].items() if name in shown}
    y = {part: _labels(split, dataset) for part, split in named.items()}
    found = {part: {"genres": values.astype(np.float32)} for part, values in y.items()}
    ragged: dict[str, dict[str, Any]] = {part: {} for part in named}
    dims, words, vectors = {}, None, None
    for letter, column in columns.items():
        modality = dataset.schema[column]
        if modality.kind == "text":
            words, vectors, ids = _texts({p: s.table[column].to_pylist() for p, s in named.items()}, settings, table)
            for part, lists in ids.items():
                ragged[part][letter] = lists
            continue
        dims[letter] = modality.shape[0]
        if modality.kind == "vector":
            scale = _scale(matrix(named["train"].table[column]), settings["metadata_scale"] if letter == "M" else "raw")
            for part, split in named.items():
                found[part][letter] = scale(matrix(split.table[column]))
        else:
            for part, values in _sequences(named, column, standard=dataset.name == "mosi").items():
                (found if isinstance(values, np.ndarray) else ragged)[part][letter] = values
    parts = {part: Columns(None, found[part], PAD, ragged[part]) for part in named}
    bound = scenes.bound_genres(movies.Knobs(dataset.name)) if named["test"].truth is not None else ()
    genres = dataset.schema.classes if dataset.schema.task == "multilabel" else (dataset.schema.classes[1],)
    return Prepared(parts, named, y, genres, dims, words, vectors, bound)


def _labels(split: Split, dataset: Dataset) -> np.ndarray:
    if dataset.schema.task == "multilabel":
        return films.labels(split)
    return split.table[dataset.schema.label].to_numpy()[:, None]


def _texts(said: dict[str, list[str]], settings: dict[str, Any], table: tuple[tuple[str, ...], np.ndarray] | None):
    """(vocabulary or tokenizer, its word vectors or None, ids per part)."""
    if settings["text_encoder"] != "words":
        tokenizer = text.hub_tokenizer(settings["text_encoder"])
        return tokenizer, None, {part: tokenizer.encode(lines, settings["max_words"])[0] for part, lines in said.items()}
    rules = None if table is not None else "en"
    tokens = {part: tokenise(lines, rules) for part, lines in said.items()}
    words = Vocabulary.build(tokens["train"], settings["min_count"])
    ids = {part: words.encode(lines, end=False, max_words=settings["max_words"]) for part, lines in tokens.items()}
    if table is None:
        return words, None, ids
    at = {word: i for i, word in enumerate(table[0])}
    scale = WORD_SIZE / table[1].std()
    vectors = np.zeros((len(words), table[1].shape[1]), dtype=np.float32)  # specials: zero
    rows = [(i, at[word]) for i, word in enumerate(words.words) if word in at]
    vectors[[i for i, _ in rows]] = table[1][[j for _, j in rows]] * scale
    return words, vectors, ids


def _scale(train: np.ndarray, how: str):
    """A function of vectors (N, D) -> (N, D): as they are, log(1 + x) of what is never negative, or that standardised."""
    if how == "raw":
        return lambda x: x.astype(np.float32)
    counts = (train >= 0).all(axis=0)

    def log(x: np.ndarray) -> np.ndarray:
        return np.where(counts, np.log1p(np.maximum(x, 0)), x).astype(np.float32)

    if how == "log":
        return log
    mean, sd = log(train).mean(axis=0), log(train).std(axis=0)
    return lambda x: ((log(x) - mean) / np.where(sd > 0, sd, 1)).astype(np.float32)


def _sequences(named: dict[str, Split], column: str, standard: bool) -> dict[str, Any]:
    """Per part: (N, T, D) where all sequences are equally long, else the ragged column; `standard`: by the training steps."""
    import pyarrow as pa

    whole = {part: steps(split.table[column]) for part, split in named.items()}
    if standard:
        mean, sd = whole["train"][0].mean(axis=0), whole["train"][0].std(axis=0)
        sd = np.where(sd > 1e-6, sd, 1)
        whole = {part: (((values - mean) / sd).astype(np.float32), offsets) for part, (values, offsets) in whole.items()}
    lengths = {int(n) for _, offsets in whole.values() for n in np.unique(np.diff(offsets))}
    if len(lengths) == 1:
        return {part: values.reshape(len(offsets) - 1, *lengths, -1) for part, (values, offsets) in whole.items()}
    return {
        part: pa.ListArray.from_arrays(
            pa.array(offsets, pa.int32()), pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
        )
        for part, (values, offsets) in whole.items()
    }


# --- training -------------------------------------------------------------------------------------------------------


def build(method: str, prepared: Prepared, settings: dict[str, Any], front: bool = False):
    """The model of one trial. Seed torch before. front: strided convolutions before the sound, as for real trailers."""
    from mmkit.layers.sequence_front import AudioFront
    from mmkit.models.mult_gmu import FastMA, MulTGMU

    s, (kind, _, chosen) = settings, method.partition("_")
    if kind not in FUSIONS:
        raise SettingsError(f"no fusion {kind!r}{nearest(kind, FUSIONS)}; a method is <fusion>_<modalities>, such as gmu_TVAP")
    words = _states(prepared, s) if "T" in chosen and prepared.words is not None else None
    dims = {letter: prepared.dims[letter] if letter in prepared.dims else words[1] for letter in chosen}
    module = None if words is None else words[0]
    if kind == "fastma":
        return FastMA(dims, len(prepared.genres), text=module)
    return MulTGMU(
        dims,
        len(prepared.genres),
        s["width"],
        s["layers"],
        s["memory_layers"],
        s["heads"],
        summary=s["summary"],
        text=module,
        audio=AudioFront(prepared.dims["A"]) if front and "A" in chosen else None,
        causal=s["causal"],
        tied=None if s["tied_pairs"] else False,
        attention_dropout=s["attention_dropout"],
        relu_dropout=s["dropout"],
        residual_dropout=s["dropout"],
        embedding_dropout=s["embedding_dropout"],
        **FUSIONS[kind],
    )


def _states(prepared: Prepared, settings: dict[str, Any]):
    """(module from ids to states, width of the states)."""
    import torch

    from mmkit.layers.encoders import hub_encoder
    from mmkit.layers.sequence_front import TokenStates, WordStates

    s = settings
    if s["text_encoder"] != "words":
        encoder = hub_encoder(s["text_encoder"])
        return TokenStates(encoder.model), encoder.dim
    vectors = None if prepared.vectors is None else torch.from_numpy(prepared.vectors)
    width = s["width"] if vectors is None or s["text_layers"] else vectors.shape[1]
    layers = {"layers": s["text_layers"], "heads": s["heads"]}
    return WordStates(len(prepared.words), width, vectors=vectors, **layers), width


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
    there = {*prepared.parts["test"].ragged, *prepared.parts["test"].dense}
    if missing := [letter for letter in letters(trial.method) if letter not in there]:
        raise SettingsError(f"{trial.data} has no modality {', '.join(missing)}, which method {trial.method!r} needs")
    model, history = _train(trial, settings, prepared, device, checkpoint)
    return _scored(trial, settings, prepared, model, history, began)


def _reference(trial: Trial, prepared: Prepared, began: float) -> Result:
    if trial.method == "oracle":
        p = films.odds(prepared.splits["test"], list(range(len(movies.MODALITIES))))
    else:
        p = films.prior(prepared.y["train"], len(prepared.y["test"]))
    rows, arrays = _test_scores(prepared, p)
    return Result(rows, cost(0, began), arrays)


def _train(trial: Trial, settings: dict[str, Any], prepared: Prepared, device: str, checkpoint: Path | None):
    import torch

    from mmkit.batches import Batches, Columns
    from mmkit.fit import History, Recipe, fit
    from mmkit.models.mult_gmu import genre_loss

    s, kind = settings, trial.method.partition("_")[0]
    torch.manual_seed(trial.seed)
    model = build(trial.method, prepared, s, front=trial.data == "moviescope" and trial.world == "real")
    if kind == "random":
        return model.eval(), History(losses=[{"loss": 0.0}])
    train = _only(prepared.parts["train"], letters(trial.method))
    if kind == "shuffled":
        order = np.random.default_rng([trial.seed, 0x5F]).permutation(len(train))
        train = Columns(None, {**train.dense, "genres": train.dense["genres"][order]}, PAD, train.ragged)
    batches = Batches(train, s["batch_size"], shuffle=True, seed=trial.seed)
    weight = None
    if s["weight_positives"] and len(prepared.genres) > 1:  # of two balanced classes it would only shift the threshold
        weight = torch.from_numpy(len(train) / np.maximum(train.dense["genres"].sum(axis=0), 1))
    valid, y = _only(prepared.parts["valid"], letters(trial.method)), prepared.y["valid"]
    rate = s["learning_rate_fastma"] if kind == "fastma" else s["learning_rate"]
    recipe = Recipe(
        s["epochs"],
        rate,
        rate,
        clip=s["clip"],
        precision=s["precision"],
        decay=s["decay"],
        factor=s["lr_factor"],
        patience=s["lr_patience"],
        stop=s["stop_patience"],
    )

    def step(whole: Any, batch: dict[str, Any]) -> dict[str, Any]:
        w = None if weight is None else weight.to(batch["genres"].device)
        return {"loss": genre_loss(whole(batch)["logits"], batch["genres"], w)}

    history = fit(
        model,
        step,
        batches,
        recipe,
        device=device,
        checkpoint=checkpoint if len(batches) * s["epochs"] > LONG else None,
        every=LONG,
        judge=lambda whole: multilabel.average_precision(y, films.predicted(whole, valid)["p"], "micro"),
    )
    return model, history


def _only(columns: Any, chosen: str):
    """The columns of these modalities, and the genres: no model waits for what it does not read."""
    from mmkit.batches import Columns

    dense = {name: x for name, x in columns.dense.items() if name in (*chosen, "genres")}
    return Columns(None, dense, PAD, {name: x for name, x in columns.ragged.items() if name in chosen})


# --- scores ---------------------------------------------------------------------------------------------------------


def _test_scores(prepared: Prepared, p: np.ndarray) -> tuple[Rows, dict[str, np.ndarray]]:
    """Average precisions in %, or for a binary label accuracy, F1 and average precision in %."""
    y = prepared.y["test"]
    arrays = {"probability": p.astype(np.float16)}
    if y.shape[1] == 1:
        truth, guess = y[:, 0].astype(int), (p[:, 0] >= 0.5).astype(int)
        both = [np.stack([1 - v, v], axis=1) for v in (truth, guess)]
        found = {
            "accuracy": classification.accuracy(truth, guess),
            "f1_weighted": multilabel.f1(*both, "weighted"),
            "ap_micro": multilabel.average_precision(y, p, "micro"),
        }
    else:
        found = {f"ap_{average}": multilabel.average_precision(y, p, average) for average in multilabel.AP_AVERAGES}
        arrays["ap_genre"] = 100 * multilabel.per_genre_ap(y, p)
        if prepared.bound:
            found["ap_bound"] = float(np.nanmean(arrays["ap_genre"][list(prepared.bound)])) / 100
    return [("test", name, 100 * value) for name, value in found.items()], arrays


def _scored(trial: Trial, settings: dict[str, Any], prepared: Prepared, model: Any, history: Any, began: float) -> Result:
    from mmkit.layers.counts import parameters

    test = _only(prepared.parts["test"], letters(trial.method))
    found = films.predicted(model, test)
    rows, arrays = _test_scores(prepared, found["p"])
    arrays["judged"] = 100 * np.array(history.judged)
    more, kept = movie_looks.look(trial, settings, prepared, model, test, found)
    rows, arrays = rows + more, arrays | kept
    spent = cost(parameters(model), began, next(model.parameters()).device.type)
    return Result(rows, {**spent, "seconds_per_epoch": history.seconds / max(len(history.losses), 1)}, arrays)


def across(results: dict[Trial, Result]) -> dict[Trial, Rows]:
    """How far a trial's pooled average precision lies from the median of its method and world over seeds."""
    values: dict[tuple[str, str, str], list[float]] = {}
    own = {}
    for trial, result in results.items():
        score = next((v for split, name, v in result.rows if (split, name) == ("test", "ap_micro")), None)
        if score is not None:
            own[trial] = score
            values.setdefault((trial.data, trial.world, trial.method), []).append(score)
    middle = {key: float(np.median(scores)) for key, scores in values.items() if len(scores) > 1}
    return {
        trial: [("test", "spread", abs(score - middle[key]))]
        for trial, score in own.items()
        if (key := (trial.data, trial.world, trial.method)) in middle
    }

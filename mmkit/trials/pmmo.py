"""One trial of Armitage et al. (2020): train one fusion of plot and poster vectors, tune its threshold, score the test films."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from mmkit.errors import DataError, SettingsError
from mmkit.schema import Dataset, Split
from mmkit.scores import agreement, calibration, multilabel
from mmkit.trials import Result, Rows, Trial, cost, films, frozen, reading, start_clock
from mmkit.worlds import movies

LONG = 400  # steps from which training is worth checkpoints, one every so many
REFERENCES = ("prior", "oracle")  # run beside the paper's methods, without training
MODEL_WORLDS = ("null:few_units",)  # the main world's films; what is removed is room in the fusion layer
TEXT, POSTER = (movies.MODALITIES.index(name) for name in ("text", "poster"))
RELEASED = {2: 0.3, 1: 0.5}  # thresholds of the public code, by the number of objectives
SIZE = 2048  # films predicted at a time
THRESHOLDS = np.arange(5, 96, 5) / 100  # of the kept curve


def world(data: str, name: str, seed: int, settings: dict[str, Any]) -> Dataset:
    """The generated data set behind a world's name. Raises SettingsError for a name that is no world."""
    sizes = {"text_dim": settings["world_text_dim"], "poster_dim": settings["world_poster_dim"]}
    kind, _, what = name.partition(":")
    if name in ("main", *MODEL_WORLDS) or _lambda(name) is not None:
        return movies.make(data, settings["world_records"], seed, **sizes)
    if kind == "null":
        return movies.make(data, settings["world_records"], seed, null=what, **sizes)
    raise SettingsError(f"no world {name!r}; known: main, null:<name>, sweep:lambda=<weight of the KL term>")


def _lambda(name: str) -> float | None:
    found = re.fullmatch(r"sweep:lambda=(\d+(?:\.\d+)?)", name)
    return float(found[1]) if found else None


def real(data: str, facts: dict[str, Any], root: Path) -> Dataset:
    """The data set's files under `root`. Raises DataError naming what was looked for, or what the files lack."""
    dataset = reading.real(data, facts, root)
    shown = {modality.name for modality in dataset.schema.modalities}
    if missing := [name for name in ("plot_vector", "poster_vector") if name not in shown]:
        raise DataError(
            f"{dataset.source} has no {' and no '.join(missing)}, expected the vectors of multimodal_imdb.hdf5; "
            "the folder of JSON and JPEG files has none"
        )
    return dataset


def splits(dataset: Dataset, trial: Trial, settings: dict[str, Any]) -> tuple[Split, Split, Split]:
    """(train, validation, test): a world's own parts; of real films the published ones, or a draw."""
    return films.parts(dataset, settings["split"] if trial.world == "real" else "official", trial.seed)


@lru_cache(maxsize=4)
def _parts(data: str, name: str, seed: int, chosen: tuple, root: Path | None, reader: str, fingerprint: str) -> tuple[Split, ...]:
    settings = dict(chosen)
    dataset = reading.read(reader, root, fingerprint) if name == "real" else world(data, name, seed, settings)
    return splits(dataset, Trial(data, name, seed, ""), settings)


def _recipe(method: str, settings: dict[str, Any], world: str) -> dict[str, Any]:
    """What `models.pmmo.objectives` is told."""
    s = settings
    weight = _lambda(world)
    return {
        "learning_rate": s["learning_rate"] if _is_wide(method) else s["learning_rate_gmu"],
        "weight_decay": s["weight_decay"],
        "lambda_kl": s["lambda_kl"] if weight is None else weight,
        "kl_schedule": s["kl_schedule"],
        "penalty": s["penalty"],
        "coupling": s["coupling"],
        "max_norm": s["max_norm"] if s["max_norm"] > 0 and method != "gmu_plain" else None,
    }


def build(method: str, settings: dict[str, Any], sizes: tuple[int, int, int], count: int, few: bool = False):
    """The model of one trial. Seed torch before. sizes: (D_t, D_i, G); count: training films; few: the null control's width."""
    from mmkit.models import pmmo

    s = settings
    widths = (s["few_units"], s["few_units"]) if few else (s["hidden_dim"], s["narrow_dim"])
    dropout = s["dropout"] if _is_wide(method) else s["dropout_gmu"]
    options = {"init": s["init"], "sample": s["weight_sampling"]} if method.startswith("pmmo_") else {}
    return pmmo.build(method, *sizes, *widths, s["pieces"], dropout, count, **options)


def _objectives(method: str) -> int:
    return 2 if method.startswith(("pmmo_", "m_mo", "as_released")) else 1


def _is_wide(method: str) -> bool:
    """Does it train with the rate and the dropout of PM+MO? The wide GMU does: those of the narrow one starve it."""
    return _objectives(method) == 2 or method == "gmu_wide"


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
    same = "main" if trial.world in MODEL_WORLDS or _lambda(trial.world) is not None else trial.world
    train, valid, test = _parts(trial.data, same, trial.seed, frozen(settings), root, reader, fingerprint)
    y = films.labels(test)
    if trial.method in REFERENCES:
        guess = {part: _reference(trial.method, train, split) for part, split in (("valid", valid), ("test", test))}
        threshold = multilabel.best_threshold(films.labels(valid), guess["valid"])
        rows, arrays = films.scored(y, guess["test"], threshold)
        return Result(rows, cost(0, began), arrays)
    model, history = _train(trial, settings, (train, valid, test), device, checkpoint)
    return _scored(trial, settings, model, history, (valid, test), began)


def _reference(method: str, train: Split, split: Split) -> np.ndarray:
    if method == "oracle":
        return films.odds(split, [TEXT, POSTER])
    return films.prior(films.labels(train), len(split))


def _columns(split: Split):
    from mmkit.batches import Columns

    genres = films.labels(split).astype(np.float32)
    return Columns(None, {**films.vectors(split, ["plot_vector", "poster_vector"]), "genres": genres})


def _train(trial: Trial, settings: dict[str, Any], parts: tuple[Split, ...], device: str, checkpoint: Path | None):
    import torch

    from mmkit.batches import Batches
    from mmkit.fit import Recipe, fit
    from mmkit.models import pmmo

    s, (train, valid, _) = settings, parts
    torch.manual_seed(trial.seed)
    columns = _columns(train)
    sizes = tuple(columns.dense[name].shape[1] for name in ("plot_vector", "poster_vector", "genres"))
    model = build(trial.method, s, sizes, len(train), trial.world == "null:few_units")
    batches = Batches(columns, s["batch_size"], shuffle=True, seed=trial.seed)
    if len(batches) * s["epochs"] <= LONG:
        checkpoint = None
    shown, y = _columns(valid), films.labels(valid)

    def judge(whole: Any) -> float:
        return float(multilabel.f1_at(y, _probabilities(whole, shown)).max())

    history = fit(
        model,
        pmmo.objectives(model, _recipe(trial.method, s, trial.world)),
        batches,
        Recipe(s["epochs"], s["learning_rate"], s["learning_rate"], precision=s["precision"]),
        device=device,
        checkpoint=checkpoint,
        every=LONG,
        judge=judge,
    )
    return model, history


def _probabilities(model: Any, columns: Any) -> np.ndarray:
    """(N, G) of the model with the means of its weights."""
    from mmkit.batches import Batches
    from mmkit.fit import predict

    found = predict(model, Batches(columns, SIZE), lambda whole, batch: {"p": whole(batch)["logits"].sigmoid()})
    return found["p"].numpy()


def _scored(trial: Trial, settings: dict[str, Any], model: Any, history: Any, parts: tuple[Split, Split], began: float) -> Result:
    from mmkit.layers.counts import parameters

    valid, test = parts
    y_valid, y = films.labels(valid), films.labels(test)
    p_valid, found = _probabilities(model, _columns(valid)), _look(model, _columns(test), settings)
    p = found.pop("p")
    tuned = settings["threshold"] == "tuned"
    threshold = multilabel.best_threshold(y_valid, p_valid) if tuned else RELEASED[_objectives(trial.method)]
    rows, arrays = films.scored(y, p, threshold)
    judged = np.array(history.judged)
    rows += [("test", "ece", calibration.expected_calibration_error(y, p)), ("test", "brier", calibration.brier(y, p))]
    rows += [("test", "valid_drop", float(judged.max() - judged[-1])), ("train", "best_epoch", float(history.best_epoch))]
    arrays |= {"judged": judged, "f1_by_threshold": multilabel.f1_at(y, p, THRESHOLDS)}
    arrays |= {name: np.array([e[name] for e in history.losses]) for name in history.losses[0]}
    if "share" in found:
        arrays["share"] = found.pop("share").astype(np.float16)
        if test.truth is not None:
            r = films.truth(test, "reliability", -1)
            rho = agreement.spearman(arrays["share"][:, 0].astype(np.float64), r[:, POSTER] - r[:, TEXT])
            rows.append(("test", "rho_gate", 0.0 if np.isnan(rho) else rho))  # a constant gate follows nothing
    arrays |= {name: values.astype(np.float32) for name, values in found.items()}
    error = 1 - np.nan_to_num(multilabel.ap_samples(y, p))
    rho = agreement.spearman(found["total"], error)
    rows.append(("test", "rho_uncertainty", 0.0 if np.isnan(rho) else rho))
    spent = cost(parameters(model), began, next(model.parameters()).device.type)
    return Result(rows, {**spent, "seconds_per_epoch": history.seconds / max(len(history.losses), 1)}, arrays)


def _look(model: Any, columns: Any, settings: dict[str, Any]) -> dict[str, np.ndarray]:
    """Test films: p (N, G), share of the poster's and the plot's gate (N, 2), and per film the entropy, mean over genres.

    total is that of the mean prediction; of a model with a posterior also aleatoric and epistemic, over samples of its weights.
    """
    import torch

    from mmkit.batches import Batches
    from mmkit.fit import predict

    def outputs(whole: Any, batch: dict[str, Any]) -> dict[str, Any]:
        out = whole(batch)
        kept = {"p": out["logits"].sigmoid()}
        return kept if out["gates"] is None else {**kept, "share": out["gates"].mean(dim=2)}

    found = {name: values.numpy() for name, values in predict(model, Batches(columns, SIZE), outputs).items()}
    found["total"] = calibration.entropy(found["p"]).mean(axis=1)
    if getattr(model, "elbo", None):
        where = next(model.parameters()).device
        generator = torch.Generator(where).manual_seed(0)

        def drawn(whole: Any, batch: dict[str, Any]) -> dict[str, Any]:
            logits = whole(batch, samples=settings["prediction_samples"], generator=generator)["logits"]
            return {"p": logits.sigmoid().transpose(0, 1)}  # (B, S, G): films first

        samples = predict(model, Batches(columns, SIZE), drawn)["p"].numpy().transpose(1, 0, 2)
        parts = calibration.uncertainty_parts(samples)
        found |= {name: values.mean(axis=1) for name, values in parts._asdict().items()}
    return found


def across(results: dict[Trial, Result]) -> dict[Trial, Rows]:
    """Per genre beside the GMU of the same world and seed: how many genres are not below it, and the gain where it is weak."""
    found = {}
    for trial, result in results.items():
        base = results.get(Trial(trial.data, trial.world, trial.seed, "gmu"))
        if base is None or trial.method == "gmu" or "f1_genre" not in result.arrays:
            continue
        mine, theirs = result.arrays["f1_genre"], base.arrays["f1_genre"]
        weak = theirs < 0.5
        gain = float((mine - theirs)[weak].mean()) if weak.any() else 0.0
        found[trial] = [("test", "genres_not_below", float((mine >= theirs).sum())), ("test", "hard_genres_gain", gain)]
    return found

"""What a trained fusion of films is asked beside its scores: its gates, its attention, what it loses, what is additive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmkit.scores import agreement, multilabel
from mmkit.trials import Rows, Trial, films
from mmkit.worlds import movies

if TYPE_CHECKING:
    from mmkit.trials.mult_gmu import Prepared

MODALITY = {"T": "text", "V": "video", "A": "audio", "P": "poster", "M": "metadata"}  # as the world's truth counts them
PROFILE = {"A": ("Horror", "Drama"), "T": ("Comedy", "Drama"), "V": ("Comedy", "Family")}  # section 4: where each gate is highest
OPEN = 0.9  # the official notebook counts units above this
EDGE = 0.01  # nearer than this to 0 or 1 a unit is saturated
FEW = 4  # films whose attention is kept
ASKED = 200  # films whose attention is scored
ROBUST = ("gmu_TVAP", "concat_TVAP", "gmu_TVAPM", "concat_TVAPM")  # asked what they lose and what is additive


def look(
    trial: Trial, settings: dict[str, Any], prepared: Prepared, model: Any, test: Any, found: dict[str, np.ndarray]
) -> tuple[Rows, dict[str, np.ndarray]]:
    """(rows, arrays) of everything that applies to this method and world."""
    rows: Rows = []
    arrays: dict[str, np.ndarray] = {}
    chosen, truth = trial.method.partition("_")[2], prepared.splits["test"].truth
    if "gates" in found:
        more, arrays = gates(found["gates"], chosen, prepared)
        rows += more
    if truth is not None and getattr(model, "shown", None) and {"V", "A"} <= set(chosen):
        more, kept = attention(model, test, prepared)
        rows, arrays = rows + more, arrays | kept
    if trial.method in ROBUST:
        rows += robustness(model, test, prepared, chosen, found["p"])
        if settings["audit_films"] > 1 and trial.world in ("main", "real"):
            rows += audit(model, test, prepared, settings["audit_films"])
    return rows, arrays


# --- gates ----------------------------------------------------------------------------------------------------------


def gates(values: np.ndarray, chosen: str, prepared: Prepared) -> tuple[Rows, dict[str, np.ndarray]]:
    """values (N, M, H): shares, saturation, what the paper says of them, and the truth that they should follow."""
    mean = values.mean(axis=2)
    share = mean / np.maximum(mean.sum(axis=1, keepdims=True), 1e-12)  # (N, M)
    average = dict(zip(chosen, share.mean(axis=0), strict=True))
    rows = {f"share_{letter}": float(value) for letter, value in average.items()}
    rows |= {f"share_sd_{letter}": float(sd) for letter, sd in zip(chosen, share.std(axis=0), strict=True)}
    rows["saturated"] = float(((values < EDGE) | (values > 1 - EDGE)).mean())
    if "A" in chosen and len(chosen) > 2:
        rows["audio_least"] = float(min(v for letter, v in average.items() if letter != "A") - average["A"])
    if set(chosen) == set("TVAPM"):
        rows["text_visual_most"] = float(min(average[m] for m in "TVP") - max(average[m] for m in "AM"))
    if len(prepared.genres) > 1:
        rows |= _by_genre(share, chosen, prepared)
    if prepared.splits["test"].truth is not None:
        rows |= _truthful(share, chosen, prepared)
    histogram = np.stack([np.histogram(values[:, m], bins=20, range=(0, 1))[0] for m in range(len(chosen))])
    half = {"share": share.astype(np.float16), "open": (values > OPEN).mean(axis=2).astype(np.float16)}
    return [("test", name, value) for name, value in rows.items()], {**half, "gate_histogram": histogram}


def _by_genre(share: np.ndarray, chosen: str, prepared: Prepared) -> dict[str, float]:
    """The profile that section 4 reads out of Figure 2, the video-audio correlation over genres, and variance told by genre."""
    y = prepared.y["test"].astype(float)
    some = y.sum(axis=0) > 0
    by_genre = (y.T @ share)[some] / y.sum(axis=0)[some, None]  # (G, M)
    names = [genre for genre, there in zip(prepared.genres, some, strict=True) if there]
    above = by_genre - share.mean(axis=0)
    cells = [above[names.index(g), chosen.index(m)] for m, genres in PROFILE.items() if m in chosen for g in genres if g in names]
    rows = {"profile": float(np.mean(cells))} if cells else {}
    if {"V", "A"} <= set(chosen):
        rho = agreement.spearman(by_genre[:, chosen.index("V")], by_genre[:, chosen.index("A")])
        rows["video_audio_rho"] = 0.0 if np.isnan(rho) else rho
    design = np.column_stack([np.ones(len(y)), y[:, some]])
    rest = share - design @ np.linalg.lstsq(design, share, rcond=None)[0]
    variance = share.var(axis=0)
    told = 1 - rest.var(axis=0) / np.where(variance > 0, variance, 1)
    return rows | {"told_by_genre": float(np.where(variance > 0, told, 0.0).mean())}


def _truthful(share: np.ndarray, chosen: str, prepared: Prepared) -> dict[str, float]:
    """Rank correlations with the known reliability: over films (mean of modalities), and of the means over modalities."""
    from scipy.stats import kendalltau

    columns = [movies.MODALITIES.index(MODALITY[letter]) for letter in chosen]
    r = films.truth(prepared.splits["test"], "reliability", -1)[:, columns]
    share = share.astype(np.float64)
    rho = {letter: agreement.spearman(share[:, m], r[:, m]) for m, letter in enumerate(chosen)}
    rows = {f"rho_gate_{letter}": 0.0 if np.isnan(value) else value for letter, value in rho.items()}
    rows["rho_gate"] = float(np.mean(list(rows.values())))  # a constant gate follows nothing
    if len(chosen) > 2:
        tau = kendalltau(share.mean(axis=0), r.mean(axis=0)).statistic
        rows["tau_gate"] = 0.0 if np.isnan(tau) else float(tau)
    return rows


# --- attention ------------------------------------------------------------------------------------------------------


def attention(model: Any, test: Any, prepared: Prepared) -> tuple[Rows, dict[str, np.ndarray]]:
    """Does a step of one stream look at its own scene in the other? Share of steps whose largest weight does; and some maps."""
    import torch

    from mmkit.batches import Batches

    n = min(ASKED, len(test))
    device = next(model.parameters()).device
    batch = {name: x.to(device) for name, x in Batches(test, len(test)).collate(np.arange(n)).items()}
    was_training = model.training
    model.eval()
    with torch.no_grad():
        found = model(batch, attention=True)["attention"]
    model.train(was_training)
    scene = {letter: films.truth(prepared.splits["test"], f"{MODALITY[letter]}_scene", -1)[:n] for letter in "VA"}
    hits, arrays = [], {f"{MODALITY[letter]}_scene": scene[letter][:FEW] for letter in "VA"}
    for a, b in (("V", "A"), ("A", "V")):  # a -> b: the steps of b look at a
        weights = found[f"{a}->{b}"].float().cpu().numpy()  # (n, T_b, T_a)
        looked = np.take_along_axis(scene[a], weights.argmax(axis=2), axis=1)
        hits.append((looked == scene[b]).mean())
        arrays[f"attention_{a}{b}"] = weights[:FEW].astype(np.float16)
    return [("test", "same_scene", float(np.mean(hits)))], arrays


# --- what is lost, what is additive ---------------------------------------------------------------------------------


def robustness(model: Any, test: Any, prepared: Prepared, chosen: str, p: np.ndarray) -> Rows:
    """Pooled average precision, in points, that is lost when one modality is left out (zeros) or taken from another film."""
    y = prepared.y["test"]
    whole, lost = multilabel.average_precision(y, p, "micro"), {"missing": [], "noise": []}
    rows: Rows = []
    for letter in chosen:
        for how in lost:
            left = films.predicted(model, test, lambda batch, letter=letter, how=how: _without(batch, letter, how))["p"]
            lost[how].append(100 * (whole - multilabel.average_precision(y, left, "micro")))
            rows.append(("test", f"ap_{how}_{letter}", lost[how][-1]))
    return rows + [("test", f"ap_{how}_drop", float(np.mean(values))) for how, values in lost.items()]


def _without(batch: dict[str, Any], letter: str, how: str) -> dict[str, Any]:
    """missing: one step or vector of zeros (text: of <pad>); noise: the next film's."""
    changed = dict(batch)
    for name in (letter, f"{letter}_keep"):
        if name in batch:
            x = batch[name]
            changed[name] = x.roll(1, dims=0) if how == "noise" else x if name.endswith("_keep") else x * 0
    return changed


def audit(model: Any, test: Any, prepared: Prepared, most: int) -> Rows:
    """Pooled average precision on the first films, and of the nearest model that adds text and the rest (EMAP): see `emap`."""
    import torch

    from mmkit.batches import Batches
    from mmkit.models.mult_gmu import emap

    device = next(model.parameters()).device
    n = min(most, len(test))
    batch = {name: x.to(device) for name, x in Batches(test, len(test)).collate(np.arange(n)).items() if name != "genres"}
    was_training = model.training
    model.eval()
    with torch.no_grad():
        logits = {"ap_subset": model(batch)["logits"], "ap_emap": emap(lambda b: model(b)["logits"], batch, most=n)}
    model.train(was_training)
    y = prepared.y["test"][:n]
    return [("test", name, 100 * multilabel.average_precision(y, x.float().cpu().numpy(), "micro")) for name, x in logits.items()]

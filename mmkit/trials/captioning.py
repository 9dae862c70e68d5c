"""Captioning in Shalev et al. (2021): train Tell or Attend with one kind of output head, caption the test images, score."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmkit.errors import DataError, SettingsError
from mmkit.schema import Dataset, Split
from mmkit.schema.columns import matrix, steps
from mmkit.scores import captions as scores
from mmkit.text.words import END, PAD, START, Vocabulary
from mmkit.trials import Result, Rows, Trial, cost, reading
from mmkit.worlds.scenes import captions_data

if TYPE_CHECKING:
    from torch import nn

DATA = ("tell", "attend")  # one data set, read by two networks
MODALITIES = {"tell": ("picture_vector", "regions"), "attend": ("regions", "picture_vector")}  # the first that is there
SCENES = {"objects": (2, 2.6, 4)}  # few things in each, so that five people speak of the same; else the world's own knobs
SIZE = 250  # images decoded at a time
MORE = 5  # words by which a caption may be longer than the longest of the training part
FEW = 40  # images whose attention is kept
LONG = 2000  # steps from which training is worth checkpoints, one every so many

# Heads as captioning has them: raw rows, because the state of an LSTM is bounded, and a bias that is learned, as it was counted.
HEADS: dict[str, dict[str, Any]] = {
    "learned": {"kind": "learned"},
    "tied": {"kind": "tied"},
    "fixed": {"kind": "fixed", "rows": "raw"},
    "fixed_bias": {"kind": "fixed", "rows": "unit"},
    "fixed_raw": {"kind": "fixed", "rows": "raw", "bias": "zero"},
}


@dataclass
class Prepared:
    """Images with their captions as words and ids. `pairs`: a training row is a caption and the number of its image."""

    vocabulary: Vocabulary
    pairs: dict[str, Any]  # train | test -> batches.Columns: target (ids with </s>), image
    features: dict[str, NDArray[np.float32]]  # part -> (N, R, D), or (N, D) where there is one vector per image
    said: dict[str, list[list[list[str]]]]  # part -> image -> its captions as words
    splits: dict[str, Split]
    longest: int  # words of a training caption, with the end


def world(name: str, seed: int, settings: dict[str, Any]) -> Dataset:
    """The captioned scenes behind a world's name. Raises SettingsError for a name that is no world."""
    kind, _, what = name.partition(":")
    size = {"regions": settings["world_regions"], "dim": settings["world_features"], "sigma": settings["world_sigma"]}
    if name == "main":
        return captions_data.make(settings["world_scenes"], seed, **size, **SCENES, hypernym_rate=settings["world_hypernyms"])
    if kind == "null":
        return captions_data.make(settings["world_scenes"], seed, what, **size, **SCENES)
    raise SettingsError(f"no world {name!r} of captions; known: main, null:<name>")


def real(data: str, facts: dict[str, Any], root: Path) -> Dataset:
    """Captions with image features. Raises DataError where there are no captions, or no features beside them."""
    dataset = reading.real(data, facts, root)
    if not dataset.schema.modalities:
        raise DataError(
            f"{data}: {dataset.source} has captions, but no features of the images beside them",
            advice="Put features.npz, features.h5 or features.npy with ids.npy into the folder of the captions "
            "(data_scripts/README.md tells the format), or leave 'tell' and 'attend' out of the setting `datasets`.",
        )
    return dataset


def prepare(data: str, dataset: Dataset, settings: dict[str, Any], generated: bool) -> Prepared:
    """Cut captions into words, build the vocabulary on the training part, and pair every caption with its image."""
    splits = dict(zip(("train", "valid", "test"), dataset.official(), strict=True))
    said = {part: _words(split, generated) for part, split in splits.items()}
    vocabulary = Vocabulary.build([words for image in said["train"] for words in image], settings["caption_min_count"])
    modality = next(m for name in MODALITIES[data] for m in dataset.schema.modalities if m.name == name)
    features = {part: _features(split, modality.name) for part, split in splits.items()}
    pairs = {part: _pairs(vocabulary, said[part]) for part in ("train", "test")}
    longest = max(len(words) for image in said["train"] for words in image) + 1
    return Prepared(vocabulary, pairs, features, said, splits, longest)


def _words(split: Split, generated: bool) -> list[list[list[str]]]:
    """Captions per image as words: a world's are lower-case words already, others are cut as the COCO evaluation does."""
    texts = split.table["captions"].to_pylist()
    if generated:
        return [[text.split() for text in image] for image in texts]
    words = iter(scores.tokenise([text for image in texts for text in image]))
    return [[next(words) for _ in image] for image in texts]


def _features(split: Split, name: str) -> NDArray[np.float32]:
    column = split.table[name]
    if name == "picture_vector":
        return np.array(matrix(column))
    values, offsets = steps(column)
    sizes = np.unique(np.diff(offsets))
    if len(sizes) != 1:
        raise DataError(f"images have {sizes.min()} to {sizes.max()} regions, expected as many for every image")
    return np.array(values.reshape(len(split), int(sizes[0]), -1))  # torch wants arrays that it could write to


def _pairs(vocabulary: Vocabulary, said: list[list[list[str]]]):
    from mmkit.batches import Columns

    image = np.repeat(np.arange(len(said)), [len(captions) for captions in said])
    ids = vocabulary.encode([words for captions in said for words in captions])
    return Columns(None, {"image": image}, PAD, ragged={"target": ids})


@lru_cache(maxsize=4)
def prepared(data: str, name: str, seed: int, chosen: tuple, root: Path | None, reader: str, fingerprint: str) -> Prepared:
    """`prepare` once for all trials of a process that read the same images."""
    settings = dict(chosen)
    dataset = reading.read(reader, root, fingerprint) if name == "real" else world(name, seed, settings)
    return prepare(data, dataset, settings, generated=name != "real")


# --- training -------------------------------------------------------------------------------------------------------


def build(data: str, method: str, prepared: Prepared, settings: dict[str, Any]) -> nn.Module:
    """The captioner of one trial. All its layers are equally wide, and so is f, the LSTM's state. Seed torch before."""
    from mmkit.layers.target_head import TargetHead
    from mmkit.models.captioners import Attend, Tell

    how = {"draw": settings["draw"], **HEADS[method]} if HEADS[method]["kind"] == "fixed" else HEADS[method]
    words, seen, width = len(prepared.vocabulary), prepared.features["train"].shape[-1], settings["caption_dim"]

    def head(embedding):
        return TargetHead(words, width, **how, weight=embedding.weight if method == "tied" else None)

    make, widths = (Tell, 2) if data == "tell" else (Attend, 3)
    return make(words, seen, *[width] * widths, head, settings["caption_dropout"])


def run(trial: Trial, settings: dict[str, Any], prepared: Prepared, began: float, device: str, checkpoint: Path | None) -> Result:
    """Train and score one captioner; 'nearest' copies a caption of the training image whose features are most alike."""
    if trial.method == "nearest":
        return Result(said(_nearest(prepared), prepared, settings), cost(0, began))
    if trial.method not in HEADS:
        raise SettingsError(f"no method {trial.method!r} for captions; known: {', '.join((*HEADS, 'nearest'))}")
    model, history = train(trial, settings, prepared, device, checkpoint)
    return _scored(model, history, prepared, settings, began)


def train(trial: Trial, settings: dict[str, Any], prepared: Prepared, device: str, checkpoint: Path | None = None):
    """(captioner, history). Every caption of every training image is read once per epoch."""
    import torch

    from mmkit.batches import Batches
    from mmkit.fit import Recipe, fit
    from mmkit.models.caption_forcing import CaptionForced

    s = settings
    torch.manual_seed(trial.seed)
    model = build(trial.data, trial.method, prepared, s)
    rate = s["caption_fixed_rate"] if HEADS[trial.method]["kind"] == "fixed" else s["caption_rate"]
    recipe = Recipe(
        s["caption_epochs"], rate, rate, clip=s["caption_clip"], precision=s["precision"], decay=s["decay"],
        factor=s["lr_factor"], patience=s["lr_patience"], stop=s["stop_patience"],
    )  # fmt: skip
    batches = Batches(prepared.pairs["train"], s["caption_batch_size"], shuffle=True, seed=trial.seed)
    features = torch.from_numpy(prepared.features["train"])

    def step(whole: nn.Module, batch: dict[str, Any]) -> dict[str, Any]:
        seen = features[batch["image"].to(features.device)].to(batch["image"].device)
        return whole(seen, batch["target"], batch["target_keep"])

    def judge(whole: nn.Module) -> float:
        return 100 * float(scores.bleu(corpus(caption(whole.captioner, prepared, "valid", s), prepared, "valid"))[0][3])

    worth = len(batches) * s["caption_epochs"] > LONG
    history = fit(
        CaptionForced(model, s["caption_attention_penalty"]), step, batches, recipe, device=device,
        checkpoint=checkpoint if worth else None, every=LONG, judge=judge if s["decay"] == "plateau" else None,
    )  # fmt: skip
    return model, history


# --- decoding -------------------------------------------------------------------------------------------------------


def caption(model: nn.Module, prepared: Prepared, part: str, settings: dict[str, Any], beam: int = 1) -> list[list[str]]:
    """Words of a caption for every image of a part, in the order of its records. beam 1 is greedy."""
    return [words for decoded in _decoded(model, prepared, part, settings, beam) for words in decoded[0]]


def _decoded(model, prepared: Prepared, part: str, settings: dict[str, Any], beam: int = 1, look: bool = False):
    """Per batch of images (words of each caption, attention (B, T, R) or None)."""
    import torch

    from mmkit.fit import products
    from mmkit.layers import decoding
    from mmkit.models.fixed_targets import logits_step

    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    how = {"start": START, "end": END, "max_steps": prepared.longest + MORE, "never": (PAD, START), "keep_attention": look}
    with torch.no_grad(), products(settings["precision"]):
        for seen in torch.from_numpy(prepared.features[part]).split(SIZE if not look else FEW):
            memory = model.encode(seen.to(device))
            step, moving = logits_step(model), model.start(memory)
            if beam == 1:
                found = decoding.greedy(step, moving, memory, **how)
            else:
                found = decoding.beam(step, moving, memory, width=beam, length_power=settings["length_power"], **how)
            attention = found.attention[:, 0].half().cpu().numpy() if look else None
            yield prepared.vocabulary.decode(found.tokens[:, 0].cpu().numpy()), attention
            if look:
                break
    model.train(was_training)


def _cross_entropy(model: nn.Module, prepared: Prepared, settings: dict[str, Any]) -> tuple[float, float]:
    """(nats per true word, the end included, mean length of f) over all captions of the test images."""
    import torch

    from mmkit.batches import Batches
    from mmkit.fit import products
    from mmkit.layers.word_loss import word_log_p
    from mmkit.models.fixed_targets import shifted

    device, log_p, lengths = next(model.parameters()).device, [], []
    model.eval()
    features = torch.from_numpy(prepared.features["test"])
    with torch.no_grad(), products(settings["precision"]):
        for batch in Batches(prepared.pairs["test"], SIZE).epoch():
            target, real = batch["target"].to(device), batch["target_keep"].to(device)
            f, _ = model.contexts(model.encode(features[batch["image"]].to(device)), shifted(target))
            log_p.append(word_log_p(f[real], model.head.matrix, model.head.bias, target[real]).cpu())
            lengths.append(f[real].norm(dim=1).cpu())
    return -float(torch.cat(log_p).mean()), float(torch.cat(lengths).mean())


def _nearest(prepared: Prepared) -> list[list[str]]:
    """The first caption of the training image whose features have the largest cosine."""
    flat = {part: prepared.features[part].reshape(len(prepared.features[part]), -1) for part in ("train", "test")}
    train = flat["train"] / np.linalg.norm(flat["train"], axis=1, keepdims=True).clip(1e-9)
    best = np.concatenate(
        [(block @ train.T).argmax(axis=1) for block in np.array_split(flat["test"], len(flat["test"]) // SIZE + 1)]
    )
    return [prepared.said["train"][i][0] for i in best]


# --- scores ---------------------------------------------------------------------------------------------------------


def corpus(hypotheses: list[list[str]], prepared: Prepared, part: str = "test") -> scores.Corpus:
    """Captions of a part against all captions that people gave its images."""
    return scores.Corpus(hypotheses, prepared.said[part])


def said(hypotheses: list[list[str]], prepared: Prepared, settings: dict[str, Any]) -> Rows:
    """Metrics that need nothing but the captions; BLEU, ROUGE-L, CIDEr-D and METEOR times 100."""
    coded = corpus(hypotheses, prepared)
    bleu = scores.bleu(coded)[0]
    found = {f"bleu{n}": 100 * bleu[n - 1] for n in (1, 2, 3)}
    found |= {
        "bleu": 100 * bleu[3],
        "rouge_l": 100 * scores.rouge_l(coded)[0],
        "cider": 100 * scores.cider(coded)[0],
        "vocabulary_used": scores.words_used(coded),
        "caption_length": np.mean([len(words) for words in hypotheses]),
    }
    if settings["meteor"] and _java():
        found["meteor"] = 100 * scores.meteor(coded)[0]
    truth = prepared.splits["test"].truth
    if truth is not None:
        found |= _leaves(hypotheses, truth["leaves"].to_pylist())
    return [("test", metric, float(value)) for metric, value in found.items()]


def _java() -> bool:
    """Is there what METEOR needs?"""
    return shutil.which("java") is not None and find_spec("pycocoevalcap") is not None


def _leaves(hypotheses: list[list[str]], meant: list[list[list[str]]]) -> dict[str, float]:
    """hyponym_recall: share of the leaf categories that the five annotators of an image meant, whatever they called them, that
    the caption calls by a leaf word. leaf_share: of the words for things in the captions, the share that is leaf words."""
    leaf_of, kinds = captions_data.LEAF_OF, set(captions_data.KINDS)
    hit = true = leaves = broad = 0
    for words, annotators in zip(hypotheses, meant, strict=True):
        wanted = {leaf for each in annotators for leaf in each}
        named = [leaf_of[word] for word in words if word in leaf_of]
        hit, true = hit + len(wanted & set(named)), true + len(wanted)
        leaves, broad = leaves + len(named), broad + sum(word in kinds for word in words)
    return {"hyponym_recall": hit / true, "leaf_share": leaves / max(leaves + broad, 1)}


def _scored(model: nn.Module, history: Any, prepared: Prepared, settings: dict[str, Any], began: float) -> Result:
    from mmkit.layers.counts import parameters

    greedy = caption(model, prepared, "test", settings)
    rows = said(greedy, prepared, settings)
    if settings["caption_beam"] > 1:
        wide = said(caption(model, prepared, "test", settings, settings["caption_beam"]), prepared, settings)
        rows += [(part, f"{metric}_beam", value) for part, metric, value in wide]
    entropy, length = _cross_entropy(model, prepared, settings)
    rows += [("test", "cross_entropy", entropy), ("test", "context_norm", length)]
    rows += [("train", "loss", history.losses[-1]["loss"]), ("train", "epochs", float(len(history.losses)))]
    weight = model.head.matrix.detach().float().cpu().numpy()
    arrays = {
        "said": np.array([" ".join(words) for words in greedy]),
        "row_norm": np.linalg.norm(weight, axis=1).astype(np.float32),
        "count": prepared.vocabulary.counts,
        "context_norm": np.array([epoch["context_norm"] for epoch in history.losses], dtype=np.float32),
    }
    if hasattr(model, "attention"):
        arrays["attention"] = next(_decoded(model, prepared, "test", settings, look=True))[1]
    return Result(rows, cost(parameters(model), began, next(model.parameters()).device.type), arrays)


def across(results: dict[Trial, Result]) -> dict[Trial, Rows]:
    """How far Attend's captions lead those of Tell with the same head on the same images, in BLEU-4."""
    bleu = {t: next((v for part, name, v in r.rows if (part, name) == ("test", "bleu")), None) for t, r in results.items()}
    found = {}
    for trial, value in bleu.items():
        base = bleu.get(Trial("tell", trial.world, trial.seed, trial.method))
        if trial.data == "attend" and value is not None and base is not None:
            found[trial] = [("test", "lead_over_tell", value - base)]
    return found

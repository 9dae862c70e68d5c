"""What trials of translation share: sentence pairs as columns of word ids, decoding of a whole part, and its scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mmkit.errors import DataError
from mmkit.schema import Dataset, Split
from mmkit.scores import embeddings
from mmkit.scores import translation as scores
from mmkit.text.words import END, PAD, SPECIALS, START, UNK, Vocabulary, tokenise
from mmkit.trials import Rows
from mmkit.worlds import translation as worlds

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

SIZE = 250  # sentences decoded at a time
MORE = 5  # words by which a translation may be longer than the longest of the training part
FEW = 40  # sentences whose attention is kept


@dataclass
class Prepared:
    """A data set's pairs as ids. `said` and `text`: test references as words and as written; `tree`: a world's nouns."""

    source: Vocabulary
    target: Vocabulary
    parts: dict[str, Any]  # train | valid | test -> batches.Columns
    said: dict[str, list[list[str]]]
    text: list[str]
    splits: dict[str, Split]
    asked: dict[str, list[list[str]]]  # source words
    longest: int  # words of a training target or of any source, with the end
    tree: worlds.Lexicon | None = None
    human: dict[str, pd.DataFrame] = field(default_factory=dict)


def prepare(
    dataset: Dataset, way: str, settings: dict[str, Any], tree: worlds.Lexicon | None, human: dict[str, pd.DataFrame]
) -> Prepared:
    """Tokenise, build both vocabularies on the training part, and encode. Raises DataError when too few words are left."""
    from mmkit.batches import Columns

    source, target = way.split("_")
    splits = dict(zip(("train", "valid", "test"), dataset.official(), strict=True))
    rules = {source: None, target: None} if tree is not None else {source: source, target: target}
    words = {
        part: {name: tokenise(split.table[name].to_pylist(), rules[name]) for name in (source, target)}
        for part, split in splits.items()
    }
    if limit := settings["max_words"]:  # of training pairs only: every test sentence is translated
        kept = [i for i, (a, b) in enumerate(zip(*words["train"].values(), strict=True)) if max(len(a), len(b)) <= limit]
        if not kept:
            raise DataError(f"{dataset.name}: no training pair has at most max_words = {limit} words on both sides")
        words["train"] = {name: [sentences[i] for i in kept] for name, sentences in words["train"].items()}
        splits["train"] = splits["train"].take(kept)
    spoken = {name: Vocabulary.build(words["train"][name], settings["min_count"]) for name in (source, target)}
    parts = {
        part: Columns(spoken[source].encode(named[source]), {}, PAD, ragged={"target": spoken[target].encode(named[target])})
        for part, named in words.items()
    }
    return Prepared(
        spoken[source],
        spoken[target],
        parts,
        {part: named[target] for part, named in words.items()},
        splits["test"].table[target].to_pylist(),
        splits,
        {part: named[source] for part, named in words.items()},
        max(len(s) for s in (*words["train"][target], *(s for named in words.values() for s in named[source]))) + 1,
        tree,
        human,
    )


# --- decoding -------------------------------------------------------------------------------------------------------


def translate(model: nn.Module, prepared: Prepared, part: str, settings: dict[str, Any], beam: int = 1) -> np.ndarray:
    """Ids (N, T) of the translations of a part, in the order of its records, filled with </s>. beam 1 is greedy."""
    import torch
    from torch.nn.utils import parametrize

    from mmkit.batches import Batches
    from mmkit.fit import products
    from mmkit.layers import decoding
    from mmkit.models.fixed_targets import logits_step

    was_training, device, found = model.training, next(model.parameters()).device, []
    model.eval()
    how = {"start": START, "end": END, "max_steps": prepared.longest + MORE, "never": (PAD, START)}
    with torch.no_grad(), products(settings["precision"]), parametrize.cached():  # normalised weights once, not in every step
        for batch in Batches(prepared.parts[part], SIZE).epoch():
            memory = model.encode(batch["ids"].to(device), batch["keep"].to(device))
            step, moving = logits_step(model), model.start(memory)
            if beam == 1:
                decoded = decoding.greedy(step, moving, memory, **how)
            else:
                decoded = decoding.beam(step, moving, memory, width=beam, length_power=settings["length_power"], **how)
            found.append(decoded.tokens[:, 0].cpu().numpy())
    model.train(was_training)
    longest = max(ids.shape[1] for ids in found)
    return np.concatenate([np.pad(ids, ((0, 0), (0, longest - ids.shape[1])), constant_values=END) for ids in found])


def greedy_bleu(model: nn.Module, prepared: Prepared, part: str, settings: dict[str, Any]) -> float:
    """What training is judged by: BLEU-4 of greedy translations."""
    return scores.bleu(prepared.target.decode(translate(model, prepared, part, settings)), prepared.said[part])


def forced(model: nn.Module, prepared: Prepared, settings: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """(log-probability of every test word given the true words before it (M,), length of its f (M,)), end included."""
    import torch

    from mmkit.batches import Batches
    from mmkit.fit import products
    from mmkit.layers.word_loss import word_log_p
    from mmkit.models.fixed_targets import shifted

    device, log_p, lengths = next(model.parameters()).device, [], []
    model.eval()
    with torch.no_grad(), products(settings["precision"]):
        for batch in Batches(prepared.parts["test"], SIZE).epoch():
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            memory = model.encode(batch["ids"], batch["keep"])
            f, _ = model.contexts(memory, shifted(batch["target"]))
            real = batch["target_keep"]
            log_p.append(word_log_p(f[real], model.head.matrix, model.head.bias, batch["target"][real]).cpu())
            lengths.append(f[real].norm(dim=1).cpu())
    return torch.cat(log_p).numpy(), torch.cat(lengths).numpy()


# --- scores ---------------------------------------------------------------------------------------------------------


def scored(model: nn.Module, prepared: Prepared, settings: dict[str, Any]) -> tuple[Rows, dict[str, np.ndarray]]:
    """Every test metric of a trained translator, and what a notebook looks at: sentences, row lengths, counts, attention."""
    greedy = prepared.target.decode(translate(model, prepared, "test", settings))
    rows = said(greedy, prepared)
    if settings["beam"] > 1:
        wide = prepared.target.decode(translate(model, prepared, "test", settings, settings["beam"]))
        rows.append(("test", "bleu_beam", scores.bleu(wide, prepared.said["test"])))
    log_p, lengths = forced(model, prepared, settings)
    rows += [("test", "cross_entropy", -float(log_p.mean())), ("test", "context_norm", float(lengths.mean()))]
    if (truth := prepared.splits["test"].truth) is not None:
        rows.append(("test", "excess", _excess(log_p, truth, prepared)))
    matrix = model.head.matrix.detach().float().cpu().numpy()
    bias = None if model.head.bias is None else model.head.bias.detach().float().cpu().numpy()
    inputs = model.target_embedding.weight.detach().float().cpu().numpy()
    rows += _rows_of_words(matrix, bias, inputs, prepared)
    few = _attention(model, prepared)
    norms = np.linalg.norm(matrix, axis=1).astype(np.float32)
    sentences = np.array([" ".join(words) for words in greedy])
    return rows, {"said": sentences, "row_norm": norms, "count": prepared.target.counts, "attention": few}


def said(hypotheses: list[list[str]], prepared: Prepared) -> Rows:
    """Metrics that need nothing but the translations."""
    references = prepared.said["test"]
    text, _ = scores.sacre([" ".join(h) for h in hypotheses], prepared.text)
    rows = {
        "bleu": scores.bleu(hypotheses, references),
        "sacrebleu": text,
        "vocabulary_used": float(scores.vocabulary_used(hypotheses)),
        "unknown_rate": scores.unknown_rate(hypotheses),
        "length_ratio": sum(map(len, hypotheses)) / sum(map(len, references)),
    }
    truth = prepared.splits["test"].truth
    if truth is not None and prepared.tree is not None:
        leaves = truth["leaf"].to_pylist()
        rows["hyponym_recall"] = scores.hyponym_recall(hypotheses, leaves)
        rows["hyponyms_said"] = float(scores.hyponyms_said(hypotheses, prepared.tree.leaves))
    return [("test", metric, float(value)) for metric, value in rows.items()]


def _excess(log_p: np.ndarray, truth: Any, prepared: Prepared) -> float:
    """Nats per word above the exact floor, over the words that the vocabulary knows: mean of log p_true - log p_model."""
    exact = truth["log_p"].combine_chunks().values.to_numpy()
    ids = prepared.parts["test"].ragged["target"].values.to_numpy()
    known = ids != UNK
    return float((exact - log_p)[known].mean())


def _rows_of_words(matrix: np.ndarray, bias: np.ndarray | None, inputs: np.ndarray, prepared: Prepared) -> Rows:
    """What the target rows say about frequency and about relations between words."""
    counts, first = prepared.target.counts, len(SPECIALS)
    words = np.arange(first, len(counts))
    rho = embeddings.norm_frequency(matrix, counts, words)
    found = {"rho_norm": rho, "rho_norm_strength": abs(rho)}
    if bias is not None and np.ptp(bias[first:]) > 0:
        found["rho_bias"] = embeddings.norm_frequency(bias[:, None] - bias.min(), counts, words)
    ids = prepared.target.ids
    if prepared.tree is not None:
        pairs = prepared.tree.similarity()
        spoken = pairs["word1"].isin(ids.keys()) & pairs["word2"].isin(ids.keys())
        pairs = pairs[spoken]
        near, far = (
            np.array([[ids[a], ids[b]] for a, b in zip(some["word1"], some["word2"], strict=True)]).reshape(-1, 2)
            for some in (pairs[pairs["path"] == 1], pairs[pairs["path"] >= 5])
        )
        if len(near) and len(far):
            found["synonym_cosine"] = float(embeddings.cosine(matrix, near).mean())
            found["synonym_gap"] = embeddings.mean_cosine_gap(matrix, near, far)
        found |= _similarity("tree", matrix, inputs, ids, pairs["word1"], pairs["word2"], -pairs["path"])
    for name, pairs in prepared.human.items():
        found |= _similarity(name, matrix, inputs, ids, pairs["word1"], pairs["word2"], pairs["score"])
    chosen = "tree" if prepared.tree is not None else "simlex999"
    if f"{chosen}_target" in found:
        found["similarity_gain"] = found[f"{chosen}_target"] - found[f"{chosen}_input"]
    return [("test", metric, float(value)) for metric, value in found.items()]


def _similarity(name: str, matrix: np.ndarray, inputs: np.ndarray, ids: dict[str, int], a: Any, b: Any, score: Any) -> dict:
    """Rank correlation of cosines with a similarity of words, for target rows and for input embeddings (Table 4)."""
    both = {
        kind: embeddings.word_similarity(rows, ids, list(a), list(b), np.asarray(score, dtype=float))
        for kind, rows in (("target", matrix), ("input", inputs))
    }
    if not np.isfinite([both["target"][0], both["input"][0]]).all():
        return {}
    return {f"{name}_{kind}": rho for kind, (rho, _) in both.items()} | {f"{name}_pairs": float(both["target"][1])}


def _attention(model: nn.Module, prepared: Prepared) -> np.ndarray:
    """Where the first test sentences' true words looked, (N, T, S) float16, zero at padding."""
    import torch

    from mmkit.batches import Batches
    from mmkit.models.fixed_targets import shifted

    device = next(model.parameters()).device
    columns = prepared.parts["test"]
    batch = Batches(columns, len(columns)).collate(np.arange(min(FEW, len(columns))))
    batch = {name: tensor.to(device) for name, tensor in batch.items()}
    with torch.no_grad():
        _, a = model.contexts(model.encode(batch["ids"], batch["keep"]), shifted(batch["target"]))
    return (a * batch["target_keep"][..., None]).half().cpu().numpy()


def references(method: str, prepared: Prepared) -> Rows:
    """'nearest': the translation of the most similar training sentence. 'oracle': the most probable one, with the exact floor."""
    if method == "oracle":
        truth = prepared.splits["test"].truth
        if truth is None:
            raise DataError("method 'oracle' needs a world: nobody knows the law of real sentences")
        rows = said([sentence.split() for sentence in truth["best"].to_pylist()], prepared)
        entropy = truth["entropy"].combine_chunks().values.to_numpy()
        return [*rows, ("test", "cross_entropy", float(entropy.mean())), ("test", "excess", 0.0)]
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(analyzer=lambda words: words)
    train = vectors.fit_transform(prepared.asked["train"])
    test = vectors.transform(prepared.asked["test"])
    best = np.concatenate(
        [np.asarray((test[i : i + SIZE] @ train.T).argmax(axis=1)).ravel() for i in range(0, test.shape[0], SIZE)]
    )
    return said([prepared.said["train"][i] for i in best], prepared)

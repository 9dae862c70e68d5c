"""What trials of questions about graphs share: a data set as tensors, the official scores, and where attention looked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmkit.schema import SEMANTIC, STRUCTURAL, Dataset, Split, whole
from mmkit.scores import answers, attention_steps
from mmkit.text.words import Vocabulary, tokenise
from mmkit.trials import Rows

SIZE = 512  # questions answered at a time


@dataclass
class Prepared:
    """One data set. parts: train | valid | test -> batches.Columns (ids, graph: row of the store, answer)."""

    parts: dict[str, Any]
    splits: dict[str, Split]
    answers: tuple[str, ...]
    words: Vocabulary  # of the questions, and where they share an embedding of the graphs, too
    tokens: int  # size of the graphs' vocabulary
    store: Any  # batches.graphs.GraphStore


def prepare(dataset: Dataset, settings: dict[str, Any]) -> Prepared:
    """Questions and graphs as ids; vocabularies are those of the training part. Training reads the balanced questions alone."""
    from mmkit.batches import Columns
    from mmkit.batches.graphs import GraphStore

    named = dict(zip(("train", "valid", "test"), dataset.official(), strict=True))
    for part in ("train", "valid"):
        named[part] = named[part].take(np.flatnonzero(balanced(named[part])))
    said = {part: tokenise(_spaced(split.table["question"]), None) for part, split in named.items()}
    used = np.unique(named["train"].table["graph"].to_numpy())
    seen = _graph_words(dataset.graphs.take(used))
    words = Vocabulary.build([*said["train"], *([seen] if settings["shared_embedding"] else [])], 1)
    of_graph = words if settings["shared_embedding"] else Vocabulary.build([seen], 1)
    ids = {"<pad>": 0, "<unk>": 1, **of_graph.ids, "<self>": len(of_graph)}
    parts = {
        part: Columns(
            words.encode(said[part], start=True, end=False),
            {"graph": split.table["graph"].to_numpy(), "answer": split.table["answer"].to_numpy()},
        )
        for part, split in named.items()
    }
    store = GraphStore.from_table(dataset.graphs, ids, reverse=settings["reverse_edges"])
    return Prepared(parts, named, dataset.schema.classes, words, len(of_graph) + 1, store)


def _spaced(questions: pa.ChunkedArray) -> list[str]:
    """Punctuation as words of its own, the question mark left out: every question has one."""
    plain = pc.replace_substring_regex(questions, pattern=r"\?\s*$", replacement="")
    return pc.replace_substring_regex(plain, pattern=r"([,.;])", replacement=r" \1 ").to_pylist()


def _graph_words(graphs: pa.Table) -> list[str]:
    """Every name, attribute and relation of the graphs, each once, in alphabetical order."""
    columns = [
        whole(graphs["name"]).flatten(),
        whole(graphs["attributes"]).flatten().flatten(),
        whole(graphs["relation"]).flatten(),
    ]
    return sorted({word for column in columns for word in pc.unique(column).to_pylist()})


def balanced(split: Split) -> np.ndarray:
    """(N,) bool: the questions on which accuracy is counted."""
    return split.table["balanced"].to_numpy(zero_copy_only=False)


def difficulty(split: Split) -> np.ndarray:
    """(N,) relations that each question follows; 0 where nobody knows."""
    if split.truth is None or "hops" not in split.truth.column_names:
        return np.zeros(len(split), dtype=int)
    return np.maximum(split.truth["hops"].to_numpy(), 0).astype(int)


# --- scores ---------------------------------------------------------------------------------------------------------


def scored(split: Split, classes: tuple[str, ...], predicted: np.ndarray) -> tuple[Rows, dict[str, np.ndarray]]:
    """GQA's scores and accuracies by type, length and, where it is known, number of relations, all in %.

    predicted (N,): number of the answer to every question of the part; only balanced ones count, but for consistency.
    """
    asked = answers.questions(split.table, classes)
    found = answers.scores(asked, predicted)
    counts = balanced(split)
    correct = (predicted == asked.answer)[counts]
    for column, kinds in (("semantic", SEMANTIC), ("structural", STRUCTURAL)):
        kind = np.asarray(split.table[column].to_pylist())[counts]
        found |= {f"accuracy_{name}": 100 * correct[kind == name].mean() for name in kinds if (kind == name).any()}
    longer = is_longer(lengths(split)[counts])
    if longer.any():
        found["length_drop"] = 100 * (correct[~longer].mean() - correct[longer].mean())
    if split.truth is not None and "hops" in split.truth.column_names:
        hops = split.truth["hops"].to_numpy()[counts]
        found |= {f"accuracy_hops{h}": 100 * correct[hops == h].mean() for h in np.unique(hops)}
    if split.truth is not None and "chance" in split.truth.column_names and (hops > 0).any():
        guess = split.truth["chance"].to_numpy()[counts]
        found["above_guess"] = 100 * (correct[hops > 0].mean() - guess[hops > 0].mean())
    rows = [("test", name, float(value)) for name, value in found.items() if not np.isnan(value)]
    return rows, {"predicted": predicted.astype(np.int16)}


def lengths(split: Split) -> np.ndarray:
    """(N,) words of each question."""
    return pc.list_value_length(pc.utf8_split_whitespace(whole(split.table["question"]))).to_numpy(zero_copy_only=False)


def is_longer(words: np.ndarray) -> np.ndarray:
    """(N,) bool: more words than a limit that parts the questions as evenly as possible; nowhere where all are equally long."""
    limits = np.unique(words)[:-1]
    if not len(limits):
        return np.zeros(len(words), dtype=bool)
    shares = np.array([(words > limit).mean() for limit in limits])
    return words > limits[np.abs(shares - 0.5).argmin()]


# --- where attention looks ------------------------------------------------------------------------------------------


def attention_rows(split: Split, rows: np.ndarray, batch: Any, attention: list[Any]) -> tuple[Rows, dict[str, np.ndarray]]:
    """Attention of every step against the reasoning's steps, over questions `rows` of the part (those that follow relations).

    batch: their graphs.  attention: per step the weights (E, H) of edges among those with the same target, heads are averaged.
    step_auroc and chain_top are means over questions and steps; see scores.attention_steps.
    """
    alpha = np.stack([a.float().mean(dim=1).numpy() for a in attention])  # (T, E)
    source, target = batch.source.numpy(), batch.target.numpy()
    gold, chain = _gold(split, rows, len(alpha), batch)
    mass = attention_steps.node_mass(alpha, source, target, batch.nodes)
    slots = batch.node_slots.numpy()
    dense = np.zeros((len(rows), len(alpha), slots.shape[1]))
    dense[batch.graph.numpy(), :, batch.place.numpy()] = mass.T
    area = attention_steps.step_auroc(dense, gold, slots)
    on_path = chain[source] >= 0
    on_path &= chain[target] >= 0
    on_path &= np.abs(chain[source] - chain[target]) == 1
    top = attention_steps.top_edge_on_path(alpha, source, target, batch.edge_graph.numpy(), len(rows), on_path)
    found = [("test", "step_auroc", float(np.nanmean(area))), ("test", "chain_top", 100 * float(np.nanmean(top)))]
    found += [("test", f"step_auroc_{t + 1}", float(np.nanmean(a))) for t, a in enumerate(area.T) if not np.isnan(a).all()]
    return found, {"step_area": area.astype(np.float32), "step_rows": rows.astype(np.int32)}


def _gold(split: Split, rows: np.ndarray, steps: int, batch: Any) -> tuple[np.ndarray, np.ndarray]:
    """(which nodes each step is about (Q, T, n) bool, each node's place in its question's chain (N,), -1 for none)."""
    known = split.truth["steps"].take(pa.array(rows)).to_pylist()
    gold = np.zeros((len(rows), steps, batch.node_slots.shape[1]), dtype=bool)
    chain = np.full(batch.nodes, -1)
    first = batch.node_offsets.numpy()
    for q, of in enumerate(known):
        for t, nodes in enumerate(of):
            chain[first[q] + np.array(nodes, dtype=int)] = t
            if t < steps:
                gold[q, t, nodes] = True
    return gold, chain

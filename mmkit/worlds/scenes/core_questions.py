"""The smallest world as records: its questions in words, what they entail, gold steps, what a guesser without labels scores."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmkit.schema import GRAPH, GraphQuestionSchema, vectors
from mmkit.worlds.scenes.columns import lists, named
from mmkit.worlds.scenes.core import (
    ANSWERS,
    CATEGORIES,
    COLOUR,
    COLOUR_ANSWER,
    COLOURS,
    FORMS,
    RELATION,
    RELATIONS,
    STRUCTURAL,
    THINGS,
    Asked,
    Graphs,
    offered,
)
from mmkit.worlds.scenes.streams import uniforms

SCHEMA = GraphQuestionSchema("core", ANSWERS)
COLOR, VERIFY, CHOOSE = range(len(FORMS))
YES, NO = ANSWERS.index("yes"), ANSWERS.index("no")


def graph_table(graphs: Graphs, split: str, first: int, seed: int = 0, random_labels: bool = False) -> pa.Table:
    """Graphs in schema.GRAPH's columns. random_labels: the arrows stay, what they are called is drawn anew."""
    graph, source, target = np.nonzero(graphs.label >= 0)
    order = np.lexsort((source, target, graph))
    graph, source, target = graph[order], source[order], target[order]
    label = graphs.label[graph, source, target]
    n = len(graphs)
    if random_labels:
        again = uniforms(seed, split, "edges", first, n, THINGS * THINGS).reshape(n, THINGS, THINGS)
        label = (again[graph, source, target] * RELATION).astype(int)
    edges = np.concatenate([[0], np.cumsum(np.bincount(graph, minlength=n))])
    things = np.arange(0, THINGS * n + 1, THINGS)
    turn = 2 * np.pi * np.arange(THINGS) / THINGS  # they stand in a circle: this world has no picture
    box = np.tile(np.stack([0.45 + 0.4 * np.cos(turn), 0.45 + 0.4 * np.sin(turn), *np.full((2, THINGS), 0.1)], axis=1), (n, 1))
    colours = lists(np.arange(THINGS * n + 1), named(COLOURS, graphs.colour.ravel()))
    columns = {
        "id": pa.array([f"{split}_{i:07d}" for i in range(first, first + n)]),
        "name": lists(things, named(CATEGORIES, graphs.category.ravel())),
        "attributes": lists(things, colours),
        "box": lists(things, vectors(box.astype(np.float32))),
        "source": lists(edges, pa.array(source, pa.int32())),
        "target": lists(edges, pa.array(target, pa.int32())),
        "relation": lists(edges, named(RELATIONS, label)),
    }
    return pa.table(columns, schema=GRAPH)


def question_table(graphs: Graphs, asked: Asked, split: str, first: int, part: str, row: int, entailed: bool) -> tuple:
    """(questions in the schema's columns, truth), about graphs whose first stands in row `row` of the table of graphs.

    entailed: also ask what each question entails (not balanced), so that consistency can be counted.
    Truth: steps (what each reasoning step is about), hops, chance (see `chance`).
    """
    n = len(graphs)
    names = np.array([f"{split}_{i:07d}_q0" for i in range(first, first + n)])
    blocks, follows = [(np.arange(n), asked, names)], [[] for _ in range(n)]
    if entailed:
        for k, (rows, further) in enumerate(_entailed(graphs, asked), start=1):
            ids = np.array([f"{split}_{first + i:07d}_q{k}" for i in rows])
            blocks.append((rows, further, ids))
            for at, name in zip(rows, ids, strict=True):
                follows[at].append(str(name))
    tables, truths = [], []
    for k, (rows, these, ids) in enumerate(blocks):
        those = Graphs(graphs.category[rows], graphs.colour[rows], graphs.label[rows])
        entails = [follows[i] for i in rows] if k == 0 else [[] for _ in rows]
        tables.append(_questions(those, these, ids, row + rows, part, entails, balanced=k == 0))
        truths.append(_truth(those, these))
    return pa.concat_tables(tables), pa.concat_tables(truths)


def _questions(graphs: Graphs, asked: Asked, ids: NDArray, at: NDArray, part: str, entails: list, balanced: bool) -> pa.Table:
    n, form = len(graphs), asked.form
    forms = np.array(FORMS)[form]
    kinds = {COLOR: sorted(COLOURS), VERIFY: ["no", "yes"]}
    valid = [
        sorted((COLOURS[a], COLOURS[b])) if f == CHOOSE else kinds[f]
        for f, (a, b) in zip(form.tolist(), asked.options.tolist(), strict=True)
    ]
    columns = {
        "id": pa.array(ids.tolist()),
        "graph": pa.array(at.astype(np.int64)),
        "question": pa.array(words(graphs, asked)),
        "answer": pa.array(asked.answer.astype(np.int64)),
        "structural": pa.array([STRUCTURAL[f] for f in forms]),
        "semantic": pa.array(np.where(asked.hops > 0, "rel", "attr").tolist()),
        "detailed": pa.array([f"{f}{h}" for f, h in zip(forms, asked.hops, strict=True)]),
        "group": pa.array(np.where(form == COLOR, "color", "").tolist()),
        "entailed": pa.array(entails, pa.list_(pa.string())),
        "balanced": pa.array(np.full(n, balanced)),
        "valid": pa.array(valid, pa.list_(pa.string())),
        "plausible": pa.array(valid, pa.list_(pa.string())),  # every color occurs on everything here
        "part": pa.array([part] * n),
    }
    return pa.table(columns, schema=SCHEMA.arrow)


def words(graphs: Graphs, asked: Asked) -> list[str]:
    """The questions."""
    anchor = graphs.category[np.arange(len(graphs)), asked.chain[:, 0]]
    texts = []
    for form, hops, first, relations, (a, b) in zip(
        asked.form.tolist(), asked.hops.tolist(), anchor.tolist(), asked.relations.tolist(), asked.options.tolist(), strict=True
    ):
        reference = f"the {CATEGORIES[first]}"
        for relation in relations[:hops]:
            reference = f"the thing {RELATIONS[relation]} {reference}"
        if form == COLOR:
            texts.append(f"what color is {reference}?")
        elif form == VERIFY:
            texts.append(f"is {reference} {COLOURS[a]}?")
        else:
            texts.append(f"is {reference} {COLOURS[a]} or {COLOURS[b]}?")
    return texts


def _entailed(graphs: Graphs, asked: Asked) -> list[tuple[NDArray, Asked]]:
    """What follows from a right answer about a color: it is that color; it is not another one; it is that one of two."""
    rows = np.arange(len(graphs))
    right = graphs.colour[rows, asked.chain[rows, asked.hops]]
    said = asked.options
    # the wrong color is the one that was offered, where one was; a "no" to a wrong color does not tell the right one
    wrong = np.where(said[:, 0] == right, said[:, 1], said[:, 0])
    wrong = np.where(wrong < 0, (right + 1 + rows % (COLOUR - 1)) % COLOUR, wrong)
    knows = ~((asked.form == VERIFY) & (said[:, 0] != right))
    none = np.full(len(rows), -1)

    def about(keep: NDArray, form: int, first: NDArray, second: NDArray, answer: NDArray) -> tuple[NDArray, Asked]:
        at = rows[keep]
        options = np.stack([first, second], axis=1)[keep]
        further = {name: getattr(asked, name)[at] for name in ("hops", "chain", "relations")}
        return at, Asked(form=np.full(len(at), form), options=options, answer=answer[keep], **further)

    low, high = np.minimum(right, wrong), np.maximum(right, wrong)
    return [
        about(asked.form != VERIFY, VERIFY, right, none, np.full(len(rows), YES)),
        about(knows, VERIFY, wrong, none, np.full(len(rows), NO)),
        about(knows & (asked.form != CHOOSE), CHOOSE, low, high, COLOUR_ANSWER[right]),
    ]


def _truth(graphs: Graphs, asked: Asked) -> pa.Table:
    steps = [
        [[thing] for thing in chain[: hops + 1]] for hops, chain in zip(asked.hops.tolist(), asked.chain.tolist(), strict=True)
    ]
    return pa.table(
        {
            "steps": pa.array(steps, pa.list_(pa.list_(pa.int32()))),
            "hops": pa.array(asked.hops.astype(np.int8)),
            "chance": pa.array(chance(graphs, asked).astype(np.float32)),
        }
    )


def chance(graphs: Graphs, asked: Asked) -> NDArray[np.float64]:
    """What the best guesser who sees everything but the labels of arrows scores on each question, between 0 and 1.

    It takes every path of so many arrows to the thing named for possible (a path through things where few arrows arrive is
    likelier to be the only one with its labels), and answers what is most probable; equals share the point.
    """
    n, rows = len(graphs), np.arange(len(graphs))
    arrow = graphs.label >= 0
    only = (1 - 1 / RELATION) ** (arrow.sum(axis=1) - 1.0)  # (N, 6): that one arriving arrow has a label of its own
    anchor = asked.chain[:, 0]
    weight = np.zeros((n, THINGS))
    weight[rows, anchor] = 1
    for step in range(1, int(asked.hops.max(initial=0)) + 1):  # through so many arrows, never back to the thing named
        further = np.einsum("nm,nm,ntm->nt", weight, only, arrow.astype(float))
        further[rows, anchor] = 0
        weight = np.where((asked.hops >= step)[:, None], further, weight)
    score = np.zeros((n, len(ANSWERS)))
    wrong = offered(graphs.colour)  # (N, right, wrong): how likely this wrong color is offered
    right = np.zeros((n, COLOUR))
    for thing in range(THINGS):
        np.add.at(right, (rows, graphs.colour[:, thing]), weight[:, thing])
    form, (a, b) = asked.form, asked.options.T
    score[np.ix_(form == COLOR, COLOUR_ANSWER)] = right[form == COLOR]
    at = np.flatnonzero(form == VERIFY)
    score[at, YES] = right[at, a[at]]
    score[at, NO] = (right[at] * wrong[at, :, a[at]]).sum(axis=1)  # the right color itself is never offered as a wrong one
    at = np.flatnonzero(form == CHOOSE)
    score[at, COLOUR_ANSWER[a[at]]] = right[at, a[at]] * wrong[at, a[at], b[at]]
    score[at, COLOUR_ANSWER[b[at]]] = right[at, b[at]] * wrong[at, b[at], a[at]]
    best = np.isclose(score, score.max(axis=1, keepdims=True), rtol=1e-9)
    return best[rows, asked.answer] / best.sum(axis=1)

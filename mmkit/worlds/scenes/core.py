"""The smallest world in which a question needs steps: graphs of a few things, and references that follow zero to three relations.

    "what color is the thing behind the thing holding the dog?"

Six things, a category and a colour each, a labelled arrow from every thing to each other thing with probability 0.4. The dog is
the only dog; exactly one thing holds it; exactly one thing is behind that one. Whoever cannot tell the labels of arrows apart is
left with a guess among the neighbours. Everything is drawn for all graphs at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmkit.worlds.scenes.streams import uniforms

CATEGORIES = ("man", "dog", "chair", "car", "box", "cup", "apple", "hat")
COLOURS = ("red", "blue", "green", "yellow", "black", "white")
RELATIONS = ("holding", "watching", "covering", "near", "behind", "above")
ANSWERS = tuple(sorted((*COLOURS, "no", "yes")))
THINGS = 6
DENSITY = 0.4  # of arrows among ordered pairs: two arrive at each thing
UNIQUE = 0.3  # share of graphs in which all categories differ; elsewhere they repeat, and fewer things can be named
HOPS = (0.4, 0.6)  # shares of questions that follow 0, 1, ... relations
HARD = 0.7  # share of wrong colours that another thing of the graph has
FORMS = ("color", "verify", "choose")  # what color is it? is it red? is it red or blue?
FORM_SHARES = (0.7, 0.15, 0.15)
STRUCTURAL = {"color": "query", "verify": "verify", "choose": "choose"}
CATEGORY, COLOUR, RELATION = len(CATEGORIES), len(COLOURS), len(RELATIONS)
# Where each concern reads its share of a graph's random numbers.
_ARROWS, _LABELS = slice(0, 36), slice(36, 72)
_COLOURS, _CATEGORIES, _ORDER = slice(72, 78), slice(78, 84), slice(84, 92)
_DRAWS = 100  # from 92 on: uniqueness, form, hops, chain, coin, two for a wrong colour


@dataclass(frozen=True)
class Graphs:
    """N graphs. category, colour (N, 6): numbers of the tuples above.  label (N, 6, 6): relation from thing i to j, or -1."""

    category: NDArray[np.int64]
    colour: NDArray[np.int64]
    label: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.category)


@dataclass(frozen=True)
class Asked:
    """N questions, one per graph. chain (N, 4): the thing named, then what each relation leads to, -1 beyond the last.

    relations (N, 3): the relation of each step, -1 beyond the last.
    """

    form: NDArray[np.int64]
    hops: NDArray[np.int64]
    chain: NDArray[np.int64]
    relations: NDArray[np.int64]
    answer: NDArray[np.int64]  # numbers of ANSWERS
    options: NDArray[np.int64]  # (N, 2): the colours that are offered, -1 for none


def draw(seed: int, split: str, first: int, count: int, hops: tuple[float, ...] = HOPS) -> tuple[Graphs, Asked]:
    """Graphs first .. first + count - 1 of a split, with a question each. hops: shares of questions with 0, 1, ... relations."""
    u = uniforms(seed, split, "core", first, count, _DRAWS)
    graphs = _graphs(u)
    form = np.searchsorted(np.cumsum(FORM_SHARES)[:-1], u[:, 93], side="right")
    wanted = np.searchsorted(np.cumsum(hops)[:-1], u[:, 94], side="right")
    return graphs, _ask(graphs, form, *_chains(graphs, wanted, u[:, 95]), u)


def _graphs(u: NDArray) -> Graphs:
    """Categories, colours and arrows. In every graph at least one category stands alone, so that something can be named."""
    n = len(u)
    repeated = (u[:, _CATEGORIES] * CATEGORY).astype(int)
    distinct = np.argsort(u[:, _ORDER], axis=1)[:, :THINGS]
    category = np.where(u[:, 92, None] < UNIQUE, distinct, repeated)
    alone = _alone(category)
    missing = ~(category[:, :, None] == np.arange(CATEGORY)).any(axis=1)  # (n, 8)
    none = ~alone.any(axis=1)
    category[none, 0] = missing.argmax(axis=1)[none]
    there = (u[:, _ARROWS].reshape(n, THINGS, THINGS) < DENSITY) & ~np.eye(THINGS, dtype=bool)
    label = (u[:, _LABELS].reshape(n, THINGS, THINGS) * RELATION).astype(int)
    return Graphs(category, (u[:, _COLOURS] * COLOUR).astype(int), np.where(there, label, -1))


def _alone(category: NDArray) -> NDArray[np.bool_]:
    """(N, 6) the only thing of its category."""
    return (category[:, :, None] == category[:, None, :]).sum(axis=2) == 1


def _only_source(label: NDArray) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """(N, thing, relation): is there exactly one thing with this relation to the thing, and which one is it."""
    fits = label[:, :, :, None] == np.arange(RELATION)  # (N, source, target, relation)
    return fits.sum(axis=1) == 1, fits.argmax(axis=1)


def _chains(graphs: Graphs, wanted: NDArray, pick: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """A reference for every graph with as many relations as wanted, or fewer where the graph has no such one.

    Returns chain (N, 4), relations (N, 3), hops (N,). No thing comes twice in a chain.
    """
    n, rows = len(graphs), np.arange(len(graphs))
    unique, source = _only_source(graphs.label)
    chain, relations, reached = np.full((n, 4), -1), np.full((n, 3), -1), np.zeros(n, dtype=int)
    # All references of h relations as one axis: thing x relation x relation ...; valid where each step is unique and new.
    at = np.broadcast_to(np.arange(THINGS), (n, THINGS))  # where each reference stands now
    valid, path = _alone(graphs.category), [at]
    for hops in range(int(wanted.max(initial=0)) + 1):
        if hops:
            back = rows[:, None, None], at[:, :, None], np.arange(RELATION)
            step = source[back]  # (n, references, relation)
            fresh = np.all([np.repeat(p[:, :, None], RELATION, axis=2) != step for p in path], axis=0)
            valid = (valid[:, :, None] & unique[back] & fresh).reshape(n, -1)
            path = [np.repeat(p, RELATION, axis=1) for p in path]
            at = step.reshape(n, -1)
            path.append(at)
        here = (wanted >= hops) & valid.any(axis=1)
        count = valid.sum(axis=1)
        nth = np.minimum((pick * count).astype(int), count - 1)
        chosen = (valid.cumsum(axis=1) > nth[:, None]).argmax(axis=1)
        for place, p in enumerate(path):
            chain[here, place] = p[here, chosen[here]]
        for place in range(hops):
            relations[here, place] = (chosen // RELATION ** (hops - 1 - place) % RELATION)[here]
        reached[here] = hops
    return chain, relations, reached


def _ask(graphs: Graphs, form: NDArray, chain: NDArray, relations: NDArray, hops: NDArray, u: NDArray) -> Asked:
    """What is asked of the last thing of each chain, and the answer. A coin says yes or no before a wrong colour is drawn."""
    rows, coin = np.arange(len(graphs)), u[:, 96] < 0.5
    right = graphs.colour[rows, chain[rows, hops]]
    wrong = _wrong_colour(graphs.colour, right, u[:, 97], u[:, 98])
    options = np.full((len(graphs), 2), -1)
    verify, choose = form == FORMS.index("verify"), form == FORMS.index("choose")
    options[verify, 0] = np.where(coin, right, wrong)[verify]
    options[choose] = np.where(coin[:, None], np.stack([right, wrong], 1), np.stack([wrong, right], 1))[choose]
    yes_or_no = np.where(coin, ANSWERS.index("yes"), ANSWERS.index("no"))
    return Asked(form, hops, chain, relations, np.where(verify, yes_or_no, COLOUR_ANSWER[right]), options)


COLOUR_ANSWER = np.array([ANSWERS.index(c) for c in COLOURS])


def _nth_set(mask: NDArray[np.bool_], pick: NDArray) -> NDArray[np.int64]:
    """A random column per row among the set ones; -1 where none is set."""
    count = mask.sum(axis=1)
    nth = np.minimum((pick * count).astype(int), count - 1)
    return np.where(count > 0, (mask.cumsum(axis=1) > nth[:, None]).argmax(axis=1), -1)


def _wrong_colour(colour: NDArray, right: NDArray, pick: NDArray, hard: NDArray) -> NDArray[np.int64]:
    """A colour that is not `right`: mostly that of another thing, so that seeing the colour somewhere is no proof."""
    seen = (colour[:, :, None] == np.arange(COLOUR)).any(axis=1)
    seen[np.arange(len(seen)), right] = False
    anything = (right + 1 + (pick * (COLOUR - 1)).astype(int)) % COLOUR
    return np.where((hard < HARD) & seen.any(axis=1), _nth_set(seen, pick), anything)


def offered(colour: NDArray) -> NDArray[np.float64]:
    """(N, 6, 6): the probability with which `_wrong_colour` draws the second colour where the first one is right."""
    seen = (colour[:, :, None] == np.arange(COLOUR)).any(axis=1)[:, None] & ~np.eye(COLOUR, dtype=bool)  # (N, right, wrong)
    count = seen.sum(axis=2, keepdims=True)
    hard = np.where(count > 0, HARD, 0.0)
    return hard * seen / np.maximum(count, 1) + (1 - hard) * (1 - np.eye(COLOUR)) / (COLOUR - 1)

"""How a thing is singled out: an anchor that can be named, and zero to three relations that lead from it to the thing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from mmkit.worlds.scenes.programs import Reference
from mmkit.worlds.scenes.view import Link, View, Ways

NECESSARY = 0.85  # share of relation steps without which the thing's name would leave several to choose from
TRIES = 3  # before a reference of so many relations is given up

T = TypeVar("T")
Draw = Callable[[], float]


def pick(items: Sequence[T], draw: Draw) -> T:
    return items[int(draw() * len(items))]


def anchor(view: View, k: int, draw: Draw) -> Reference | None:
    """Object k by its category, with an attribute where the category is not enough; None where that is not enough either."""
    filters = view.anchors[k]
    return Reference((k,), (view.name[k],), pick(filters, draw)) if filters else None


def refer(view: View, hops: int, semantic: float, draw: Draw) -> Reference | None:
    """A random reference along `hops` relations. semantic: probability with which a relation is one of the semantic ones."""
    if not hops:
        return anchor(view, int(draw() * view.n), draw)
    ways = view.links if draw() < NECESSARY else view.loose
    found = onward(view, ways, hops, semantic, draw)
    if found is None:
        return None
    before, link = found
    return Reference(
        (*before.chain, link.end),
        (*before.names, link.name),
        before.filter,
        (*before.links, link.link),
        (*before.necessary, link.necessary),
    )


def onward(view: View, ways: Ways, hops: int, semantic: float, draw: Draw) -> tuple[Reference, Link] | None:
    """A link out of `ways` that is the last of `hops` relations, and the reference of hops - 1 relations to where it starts."""
    family = draw() < semantic
    certain = semantic in (0.0, 1.0)
    for _ in range(TRIES):
        if hops == 1:
            pool = ways.all[family]
            if not pool and not certain:
                pool = ways.all[not family]
            if not pool:
                return None
            link = pick(pool, draw)
            before = anchor(view, link.start, draw)
        else:
            before = refer(view, hops - 1, semantic, draw)
            if before is None:
                continue
            there = ways.start[before.chain[-1]]
            pool = [link for link in there[family] if link.end not in before.chain]
            if not pool and not certain:
                pool = [link for link in there[not family] if link.end not in before.chain]
            if not pool:
                continue
            link = pick(pool, draw)
        if before is not None:
            return before, link
    return None


def guessed(view: View, reference: Reference, name: str = "") -> dict[int, float]:
    """Where somebody ends who knows the anchor and all names, follows edges, and cannot read what stands on them.

    Every step goes to any neighbour of the right name, all alike.  name: of one more step.  Returns shares by object.
    """
    weight = {reference.chain[0]: 1.0}
    for called in (*reference.names[1:], *((name,) if name else ())):
        after: dict[int, float] = {}
        members = view.members[called]
        for thing, share in weight.items():
            fits = [k for k in view.near[thing] if k in members]
            for k in fits:
                after[k] = after.get(k, 0.0) + share / len(fits)
        weight = after
    return weight


def fits(score: dict[str, float], answer: str) -> float:
    """What the best guess scores: 1 where the answer alone has the highest score, a share where it ties, else 0."""
    best = max(score.values(), default=0.0)
    top = [word for word, value in score.items() if value > best - 1e-9]
    return 1 / len(top) if answer in top else 0.0

"""Programs run on graphs read from files: the answer again, from nothing but names, attributes, boxes and relations.

It shares no code with the drawing of questions, so that it can tell on both. A graph is a row of the table of graphs as a
dictionary: name, attributes, box, source, target, relation. What a graph does not say (place, weather, time) can be added.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from mmkit.errors import DataError
from mmkit.worlds.scenes.programs import Program
from mmkit.worlds.scenes.vocabulary import COLOURS, HYPERNYMS, MATERIALS, OUTDOORS, PLACES, SHAPES, STATES

WORDS = {"color": COLOURS, "material": MATERIALS, "shape": SHAPES, "size": ("small", "large"), "state": STATES}
LARGER = 1.5  # between areas below this ratio there is no larger one


def execute(program: Program, graph: dict[str, Any], full: Iterable[tuple[int, str, int]] | None = None) -> str:
    """The answer. full: all true relations (subject, relation, object), of which the graph may show a part.

    Raises DataError where a step must denote exactly one object and does not, in the graph or among all relations; where both
    sets of relations give unlike answers; where an attribute or a word is asked for that is not there.
    """
    shown = list(zip(graph["source"], graph["relation"], graph["target"], strict=True))
    answer = _Run(graph, shown).answer(program)
    if full is not None:
        again = _Run(graph, full).answer(program)
        if again != answer:
            raise DataError(f"graph {graph.get('id')!r}: the graph says {answer!r}, all true relations say {again!r}")
    return answer


def denoted(program: Program, graph: dict[str, Any]) -> tuple[tuple[int, ...], ...]:
    """The objects of each select and relate step of a program on a graph, filters included."""
    run = _Run(graph, zip(graph["source"], graph["relation"], graph["target"], strict=True))
    run.answer(program)
    found = []
    for k, step in enumerate(program):
        if step.operation in ("select", "relate"):
            later = [j for j in range(k + 1, len(program)) if program[j].operation.startswith("filter")]
            at = next((j for j in later if program[j].dependencies == (k,)), k)
            found.append(tuple(sorted(run.results[at])))
    return tuple(found)


class _Run:
    def __init__(self, graph: dict[str, Any], relations: Iterable[tuple[int, str, int]]) -> None:
        self.graph, self.relations = graph, set(relations)
        self.results: list[Any] = []

    def answer(self, program: Program) -> str:
        for operation, argument, dependencies in program:
            head, _, rest = operation.partition(" ")
            given = [self.results[k] for k in dependencies]
            self.results.append(getattr(self, f"_{head}")(argument, rest, *given))
        last = self.results[-1]
        return ("no", "yes")[last] if isinstance(last, bool) else str(last)

    def _named(self, name: str) -> set[int]:
        fits = HYPERNYMS.get(name, (name,))
        return {k for k, own in enumerate(self.graph["name"]) if name in ("_", "thing") or own in fits}

    def _one(self, things: Collection[int]) -> int:
        if len(things) != 1:
            raise DataError(f"graph {self.graph.get('id')!r}: {len(things)} objects where one is meant")
        return next(iter(things))

    def _value(self, thing: int, kind: str) -> str | None:
        return next((word for word in self.graph["attributes"][thing] if word in WORDS[kind]), None)

    def _has(self, thing: int, kind: str) -> str:
        value = self._value(thing, kind)
        if value is None:
            raise DataError(f"graph {self.graph.get('id')!r}: object {thing} has no {kind}")
        return value

    def _related(self, thing: int, relation: str, side: str) -> set[int]:
        if side == "s":
            return {s for s, r, o in self.relations if r == relation and o == thing}
        return {o for s, r, o in self.relations if r == relation and s == thing}

    def _select(self, argument: str, rest: str) -> set[int] | str:
        name = argument.split(" (")[0]
        return "scene" if name == "scene" else self._named(name)

    def _filter(self, word: str, kind: str, things: set[int]) -> set[int]:
        return {k for k in things if self._value(k, kind) == word}

    def _relate(self, argument: str, rest: str, things: set[int]) -> set[int]:
        name, relation, side = argument.split(" (")[0].split(",")
        return self._named(name) & self._related(self._one(things), relation, side)

    def _query(self, what: str, rest: str, things: set[int] | str) -> str:
        if things == "scene":
            return self._whole(what)
        thing = self._one(things)
        name = self.graph["name"][thing]
        if what == "type":
            return next(hypernym for hypernym, names in HYPERNYMS.items() if name in names)
        return name if what == "name" else self._has(thing, what)

    def _whole(self, what: str) -> str:
        if what == "location":
            return "outdoors" if OUTDOORS[PLACES.index(self._whole("place"))] else "indoors"
        if what not in self.graph:
            raise DataError(f"graph {self.graph.get('id')!r} does not tell its {what}")
        return self.graph[what]

    def _verify(self, argument: str, what: str, things: set[int] | str) -> bool:
        if things == "scene":
            return self._whole(what) == argument
        thing = self._one(things)
        if what != "rel":
            return self._value(thing, what) == argument
        name, relation, side = argument.split(" (")[0].split(",")
        return bool(self._named(name) & self._related(thing, relation, side))

    def _choose(self, argument: str, what: str, things: set[int] | str) -> str:
        if what == "rel":
            name, relations, side = argument.split(" (")[0].split(",")
            thing = self._one(things)
            holds = [r for r in relations.split("|") if self._named(name) & self._related(thing, r, side)]
        else:
            value = self._whole(what) if things == "scene" else self._value(self._one(things), what)
            holds = [word for word in argument.split("|") if word == value]
        return holds[self._one(range(len(holds)))]

    def _exist(self, argument: str, rest: str, things: set[int]) -> bool:
        return bool(things)

    def _and(self, argument: str, rest: str, one: bool, two: bool) -> bool:
        return one and two

    def _or(self, argument: str, rest: str, one: bool, two: bool) -> bool:
        return one or two

    def _same(self, argument: str, kind: str, one: set[int], two: set[int]) -> bool:
        return self._has(self._one(one), kind) == self._has(self._one(two), kind)

    def _different(self, argument: str, kind: str, one: set[int], two: set[int]) -> bool:
        return not self._same(argument, kind, one, two)

    def _larger(self, argument: str, rest: str, one: set[int], two: set[int]) -> bool:
        areas = [self.graph["box"][self._one(things)] for things in (one, two)]
        first, second = (width * height for _, _, width, height in areas)
        if not max(first, second) > LARGER * min(first, second):
            raise DataError(f"graph {self.graph.get('id')!r}: none of the two things is clearly larger")
        return first > second

    def _common(self, argument: str, rest: str, one: set[int], two: set[int]) -> str:
        a, b = self._one(one), self._one(two)
        values = [(kind, self._value(a, kind), self._value(b, kind)) for kind in ("color", "material", "shape")]
        kinds = [kind for kind, first, second in values if first is not None and first == second]
        return kinds[self._one(range(len(kinds)))]

    def _odd(self, argument: str, kind: str, *things: set[int]) -> str:
        each = [self._one(found) for found in things]
        values = [self._has(thing, kind) for thing in each]
        alone = [thing for thing, value in zip(each, values, strict=True) if values.count(value) == 1]
        return self.graph["name"][self._one(alone)]

    def _count(self, kind: str, rest: str, things: set[int]) -> int:
        values = [self._has(thing, kind) for thing in sorted(things)]
        return sum(a == b for k, a in enumerate(values) for b in values[:k])

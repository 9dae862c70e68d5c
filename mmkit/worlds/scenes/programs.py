"""Questions as programs in GQA's spelling: what is selected, along which relations one goes, what is asked in the end."""

from __future__ import annotations

from typing import NamedTuple

from mmkit.worlds.scenes.vocabulary import COLOURS, MATERIALS, SEMANTIC, SHAPES, SIZES, SPATIAL, STATES

# The kinds of attributes by the word that GQA's operations use ("verify color"); no word stands under two kinds.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "color": COLOURS,
    "material": MATERIALS,
    "shape": SHAPES,
    "size": tuple(word for word in SIZES if word),
    "state": STATES,
}
KIND_OF_WORD = {word: kind for kind, words in ATTRIBUTES.items() for word in words}
# How one comes from a thing to another: the new one is the relation's subject ("s"), or, for semantic relations, its object.
LINKS: tuple[tuple[str, str], ...] = tuple((r, "s") for r in SEMANTIC + SPATIAL) + tuple((r, "o") for r in SEMANTIC)
ANY = "thing"  # the name of everything


class Step(NamedTuple):
    """One operation of a program. dependencies: numbers of the earlier steps whose results it works on.

    argument: words, and for operations that denote objects their ids in brackets: "girl (17)", "_,holding,s (3)", "cup (-)".
    """

    operation: str
    argument: str
    dependencies: tuple[int, ...]


Program = tuple[Step, ...]


class Reference(NamedTuple):
    """How one thing is spoken of: an anchor, and relations that lead from it to the thing.

    chain: objects of the scene, the anchor first.  names: what each is called: a category, a hypernym, or "thing".
    filter: an attribute of the anchor, "" where its category suffices.  links: numbers of `LINKS`, one per step.
    necessary: per step, whether the name alone would leave several things to choose from.
    """

    chain: tuple[int, ...]
    names: tuple[str, ...]
    filter: str = ""
    links: tuple[int, ...] = ()
    necessary: tuple[bool, ...] = ()


class Draft(NamedTuple):
    """A question before it is worded. Which of the fields are in use depends on the form.

    name, link: the thing at the end of the relation that is asked about, what it is called, and how the reference leads to it.
    focus: the objects that the answer is about.  options: words that stand in the question, sorted where two are offered.
    hops: edges that must be looked at, one after the other.
    """

    form: str
    answer: str
    references: tuple[Reference, ...] = ()
    kind: str = ""
    options: tuple[str, ...] = ()
    name: str = ""
    link: int = -1
    focus: tuple[int, ...] = ()
    hops: int = 0
    chance: float = 1.0


def program(draft: Draft, ids: list[str], groups: tuple[tuple[int, ...], ...] = ()) -> Program:
    """The draft's program. ids: of the scene's objects.  groups: the objects that each plain `select` denotes (see `steps`)."""
    made: list[Step] = []
    ends = [_refer(made, reference, ids) for reference in draft.references]
    form, kind, options = draft.form, draft.kind, draft.options
    last = (len(made) - 1,)
    if form in ("exist", "logicalExist"):
        _look(made, draft, ids, groups)
    elif draft.link >= 0:
        made += _relation(draft, ids, len(made) - 1)
    elif form == "queryAttr":
        made.append(Step("query", kind, last))
    elif form == "verifyAttr":
        made.append(Step(f"verify {kind}", options[0], last))
    elif form == "chooseAttr":
        made.append(Step(f"choose {kind}", "|".join(options), last))
    elif form == "logicalAttr":
        made += [Step(f"verify {KIND_OF_WORD[word]}", word, last) for word in options]
        made.append(Step(draft.name, "", (last[0] + 1, last[0] + 2)))
    elif form == "category":
        made.append(Step("select", f"{draft.name} {_ids(draft.focus, ids)}", ()))
        made += [Step(f"filter {KIND_OF_WORD[options[0]]}", options[0], (0,)), Step("query", kind, (1,))]
    elif form == "global":
        made += [Step("select", "scene (-)", ()), Step(draft.name, "|".join(options) or kind, (0,))]
    elif form == "countSame":
        made += [Step("select", f"{draft.name} {_ids(draft.focus, ids)}", ()), Step("count same", kind, (0,))]
    else:  # comparisons of two or three things
        operation = f"{form} {kind}" if form in ("same", "different", "odd") else form
        made.append(Step(operation, "", tuple(ends)))
    return tuple(made)


def _relation(draft: Draft, ids: list[str], last: int) -> list[Step]:
    """The end of a program that asks about what stands in a relation to the thing of step `last`."""
    relation, side = LINKS[draft.link]
    called, things = "_" if draft.name == ANY else draft.name, _ids(draft.focus, ids)
    if draft.form == "verifyRel":
        return [Step("verify rel", f"{called},{relation},{side} {things}", (last,))]
    if draft.form == "chooseRel":
        return [Step("choose rel", f"{called},{'|'.join(draft.options)},{side} {things}", (last,))]
    asked = Step("exist", "?", (last + 1,)) if draft.form == "existRel" else Step("query", draft.kind, (last + 1,))
    return [Step("relate", f"{called},{relation},{side} {things}", (last,)), asked]


def _look(made: list[Step], draft: Draft, ids: list[str], groups: tuple[tuple[int, ...], ...]) -> None:
    """Appends the steps that look whether there is one thing or, for "and" and "or", two."""
    found = []
    for noun, members in zip(draft.options, groups, strict=True):
        word, _, category = noun.rpartition(" ")
        made.append(Step("select", f"{category} {_ids(members, ids)}", ()))
        if word:
            made.append(Step(f"filter {KIND_OF_WORD[word]}", word, (len(made) - 1,)))
        made.append(Step("exist", "?", (len(made) - 1,)))
        found.append(len(made) - 1)
    if draft.form == "logicalExist":
        made.append(Step(draft.name, "", tuple(found)))


def steps(draft: Draft, groups: tuple[tuple[int, ...], ...] = ()) -> tuple[tuple[int, ...], ...]:
    """The objects that each step of the program with ids denotes, in the order of the program."""
    made = tuple((thing,) for reference in draft.references for thing in reference.chain)
    if draft.form in ("exist", "logicalExist"):
        return groups
    if draft.form == "global":
        return ((),)
    return (*made, draft.focus) if draft.link >= 0 or not draft.references else made


def spelled(made: Program) -> str:
    """The program in one line, as GQA's `semanticStr`: "select: cup (3)->select: hat (5)->same color:  [0, 1]"."""
    return "->".join(f"{s.operation}: {s.argument}" + (f" {list(s.dependencies)}" if s.dependencies else "") for s in made)


def _refer(made: list[Step], reference: Reference, ids: list[str]) -> int:
    """Appends the steps that find the thing; returns the number of the last one."""
    chain, names = reference.chain, reference.names
    made.append(Step("select", f"{names[0]} ({ids[chain[0]]})", ()))
    if reference.filter:
        made.append(Step(f"filter {KIND_OF_WORD[reference.filter]}", reference.filter, (len(made) - 1,)))
    for thing, name, link in zip(chain[1:], names[1:], reference.links, strict=True):
        relation, side = LINKS[link]
        called = "_" if name == ANY else name
        made.append(Step("relate", f"{called},{relation},{side} ({ids[thing]})", (len(made) - 1,)))
    return len(made) - 1


def _ids(things: tuple[int, ...], ids: list[str]) -> str:
    return f"({','.join(ids[k] for k in things) or '-'})"

"""What could be asked about a scene: forms of questions, drawn one by one, each with its answer and the objects it is about."""

from __future__ import annotations

from typing import NamedTuple

from mmkit.worlds.scenes.comparisons import compare, whole
from mmkit.worlds.scenes.programs import ANY, KIND_OF_WORD, LINKS, Draft, Reference
from mmkit.worlds.scenes.references import Draw, fits, guessed, onward, pick, refer
from mmkit.worlds.scenes.view import View
from mmkit.worlds.scenes.wrong_options import absent, other_name, other_relation, wrong_value

FORMS = {  # shares of proposals; what follows from a query adds verify and choose, so that they come close to the wanted types
    "queryAttr": 0.19, "queryRel": 0.27, "verifyAttr": 0.06, "verifyRel": 0.07, "exist": 0.07, "chooseAttr": 0.04,
    "chooseRel": 0.05, "logical": 0.12, "compare": 0.03, "category": 0.07, "global": 0.03,
}  # fmt: skip
RELATIONAL = ("queryRel", "verifyRel", "chooseRel")  # at least one relation
HOPS = (0.3, 0.4, 0.2, 0.1)  # shares of questions by the number of relations, if all forms allowed all of them
SEMANTIC_SHARE = 0.6  # of the tries; where a scene has no such relation a spatial one steps in: half of all steps remain
AGAIN = 3  # times that a form is tried before the proposal is given up


class Rules(NamedTuple):
    """What may be asked. forms: (name, cumulative share).  free, bound: cumulative shares of 0, 1, 2, 3 relations for forms
    that need none, and for those that need one.  semantic: probability that a relation step is a semantic one."""

    forms: tuple[tuple[str, float], ...]
    free: tuple[float, ...]
    bound: tuple[float, ...]
    semantic: float = SEMANTIC_SHARE


def rules(most: int = 2, only: int = -1, without: tuple[str, ...] = (), semantic: float = SEMANTIC_SHARE) -> Rules:
    """most: relations at most.  only: exactly so many relations.  without: forms that are not asked."""
    kept = {form: share for form, share in FORMS.items() if form not in without}
    bound_share = sum(FORMS[form] for form in RELATIONAL)
    shares = [share if hops == only or (only < 0 and hops <= most) else 0.0 for hops, share in enumerate(HOPS)]
    later = [0.0, *shares[1:]]
    bound = [share / (sum(later) or 1.0) for share in later]
    wanted = [share / sum(shares) for share in shares]
    free = [max(w - bound_share * b, 0.0) for w, b in zip(wanted, bound, strict=True)]
    return Rules(tuple(zip(kept, _cumulative(kept.values()), strict=True)), _cumulative(free), _cumulative(bound), semantic)


def propose(view: View, rules: Rules, draw: Draw) -> Draft | None:
    """One question, or None where the scene does not offer what was drawn."""
    at = draw()
    form = next(name for name, share in rules.forms if at < share)
    hops = _which(rules.bound if form in RELATIONAL else rules.free, draw())
    made = None
    for _ in range(AGAIN):
        if made is None:
            made = _MAKE[form](view, hops, rules.semantic, draw)
    return made


def _cumulative(shares) -> tuple[float, ...]:
    total, made = sum(shares), []
    for share in shares:
        made.append((made[-1] if made else 0.0) + share / (total or 1.0))
    made[-1] = 1.0 if total else 0.0
    return tuple(made)


def _which(cumulative: tuple[float, ...], at: float) -> int:
    return next((k for k, share in enumerate(cumulative) if at < share), len(cumulative) - 1)


# ---- attributes


def _target(view: View, hops: int, share: float, draw: Draw) -> tuple[Reference, str] | None:
    """A reference, and a kind of attribute that the thing has and that is not already said of it."""
    reference = refer(view, hops, share, draw)
    if reference is None:
        return None
    said = KIND_OF_WORD.get(reference.filter) if not hops else None
    kinds = [kind for kind in view.attributes[reference.chain[-1]] if kind != said]
    return (reference, pick(kinds, draw)) if kinds else None


def _chance_of(view: View, reference: Reference, kind: str, answer: str, only: tuple[str, ...] = ()) -> float:
    if not reference.links:
        return 1.0
    score = dict.fromkeys(only, 0.0)
    for thing, share in guessed(view, reference).items():
        word = view.attributes[thing].get(kind)
        if word is not None and (not only or word in only):
            score[word] = score.get(word, 0.0) + share
    return fits(score, answer)


def _query_attr(view: View, hops: int, share: float, draw: Draw) -> Draft | None:
    if (found := _target(view, hops, share, draw)) is None:
        return None
    reference, kind = found
    thing = reference.chain[-1]
    answer = view.attributes[thing][kind]
    chance = _chance_of(view, reference, kind, answer)
    return Draft("queryAttr", answer, (reference,), kind, focus=(thing,), hops=hops, chance=chance)


def verify_attr(view: View, reference: Reference, kind: str, word: str) -> Draft:
    thing, hops = reference.chain[-1], len(reference.links)
    answer = "yes" if view.attributes[thing][kind] == word else "no"
    chance = 1.0
    if hops:
        yes = sum(share for k, share in guessed(view, reference).items() if view.attributes[k].get(kind) == word)
        chance = fits({"yes": yes, "no": 1 - yes}, answer)
    return Draft("verifyAttr", answer, (reference,), kind, (word,), focus=(thing,), hops=hops, chance=chance)


def choose_attr(view: View, reference: Reference, kind: str, wrong: str) -> Draft:
    thing = reference.chain[-1]
    answer = view.attributes[thing][kind]
    options = tuple(sorted((answer, wrong)))
    chance = _chance_of(view, reference, kind, answer, options)
    return Draft("chooseAttr", answer, (reference,), kind, options, focus=(thing,), hops=len(reference.links), chance=chance)


def _verify_attr(view: View, hops: int, share: float, draw: Draw) -> Draft | None:
    if (found := _target(view, hops, share, draw)) is None:
        return None
    reference, kind = found
    thing = reference.chain[-1]
    word = view.attributes[thing][kind] if draw() < 0.5 else wrong_value(view, thing, kind, draw)
    return verify_attr(view, reference, kind, word)


def _choose_attr(view: View, hops: int, share: float, draw: Draw) -> Draft | None:
    if (found := _target(view, hops, share, draw)) is None:
        return None
    reference, kind = found
    return choose_attr(view, reference, kind, wrong_value(view, reference.chain[-1], kind, draw))


# ---- relations


def _last_chance(view: View, reference: Reference, name: str, words: list[str], answer: str) -> float:
    score: dict[str, float] = {}
    for thing, share in guessed(view, reference, name).items():
        score[words[thing]] = score.get(words[thing], 0.0) + share
    return fits(score, answer)


def _query_rel(view: View, hops: int, share: float, draw: Draw) -> Draft | None:
    if (found := onward(view, view.asks, hops, share, draw)) is None:
        return None
    reference, (_, link, end, name, _) = found
    answer = view.name[end]
    chance = _last_chance(view, reference, name, view.name, answer)
    return Draft("queryRel", answer, (reference,), "name", (), name, link, (end,), hops, chance)


def verify_rel(view: View, reference: Reference, name: str, link: int, form: str = "verifyRel") -> Draft:
    """Whether something of this name stands in the relation. What is true of it must be shown by the graph, too."""
    start = reference.chain[-1]
    members = view.called(name)
    shown = tuple(k for k in members if view.shown[k, link, start])
    focus = shown or (() if form == "existRel" else members)
    answer, hops = "yes" if shown else "no", len(reference.links) + 1
    return Draft(form, answer, (reference,), "", (), name, link, focus, hops, 0.5)


def _verify_rel(view: View, hops: int, share: float, draw: Draw, form: str = "verifyRel") -> Draft | None:
    if (found := onward(view, view.edges, hops, share, draw)) is None:
        return None
    reference, (start, link, _, name, _) = found
    if draw() >= 0.5:
        changed = None
        if form == "verifyRel":
            changed = other_relation(view, link, view.called(name), start, draw)
        if changed is not None:
            link = changed
        elif (other := other_name(view, link, start, name, draw)) is not None:
            name = other
        else:
            return None
    if view.members[name] == [start]:
        return None
    return verify_rel(view, reference, name, link, form)


def choose_rel(view: View, reference: Reference, name: str, link: int, draw: Draw) -> Draft | None:
    start, members = reference.chain[-1], view.called(name)
    shown = tuple(k for k in members if view.shown[k, link, start])
    other = other_relation(view, link, members, start, draw)
    if not shown or other is None or start in members:
        return None
    answer, wrong = LINKS[link][0], LINKS[other][0]
    options = tuple(sorted((answer, wrong)))
    return Draft("chooseRel", answer, (reference,), "rel", options, name, link, shown, len(reference.links) + 1, 0.5)


def _choose_rel(view: View, hops: int, share: float, draw: Draw) -> Draft | None:
    if (found := onward(view, view.edges, hops, share, draw)) is None:
        return None
    reference, link = found
    return choose_rel(view, reference, link.name, link.link, draw)


def _category(view: View, hops: int, share: float, draw: Draw) -> Draft | None:
    if hops:
        if (found := onward(view, view.asks, hops, share, draw)) is None or found[1].name != ANY:
            return None
        reference, (_, link, end, name, _) = found
        answer = view.kind[end]
        chance = _last_chance(view, reference, ANY, view.kind, answer)
        return Draft("category", answer, (reference,), "type", (), name, link, (end,), hops, chance)
    thing = int(draw() * view.n)
    kind = view.kind[thing]
    words = [w for w in view.attributes[thing].values() if len(view.called(kind, w)) == 1]
    if not words or len(view.members[kind]) < 2:
        return None
    return Draft("category", view.name[thing], (), "name", (pick(words, draw),), kind, focus=(thing,))


# ---- what there is


def present(view: View, draw: Draw) -> str:
    """A category that is there, or an attribute and a category."""
    thing = int(draw() * view.n)
    words = list(view.attributes[thing].values())
    return f"{pick(words, draw)} {view.name[thing]}" if words and draw() < 0.6 else view.name[thing]


def _exist(view: View, hops: int, share: float, draw: Draw) -> Draft | None:
    if hops:
        return _verify_rel(view, hops, share, draw, "existRel")
    yes = draw() < 0.5
    noun = present(view, draw) if yes else absent(view, draw)
    return None if noun is None else Draft("exist", "yes" if yes else "no", options=(noun,))


def _logical(view: View, hops: int, share: float, draw: Draw) -> Draft | None:
    if hops or draw() < 0.35:
        return _logical_attr(view, hops, share, draw)
    both, yes = draw() < 0.5, draw() < 0.5
    one = present(view, draw) if both or yes else absent(view, draw)
    two = present(view, draw) if both and yes else absent(view, draw)
    if one is None or two is None or one.split()[-1] == two.split()[-1]:
        return None
    nouns = (one, two) if draw() < 0.5 else (two, one)
    return Draft("logicalExist", "yes" if yes else "no", options=nouns, name="and" if both else "or")


def _logical_attr(view: View, hops: int, share: float, draw: Draw) -> Draft | None:
    reference = refer(view, hops, share, draw)
    if reference is None:
        return None
    thing = reference.chain[-1]
    kinds = [kind for kind in view.attributes[thing] if kind != KIND_OF_WORD.get("" if hops else reference.filter)]
    if len(kinds) < 2:
        return None
    first = pick(kinds, draw)
    second = pick([kind for kind in kinds if kind != first], draw)
    both, yes = draw() < 0.5, draw() < 0.5
    right = (both or yes, both and yes)  # "and" that fails: one of two is wrong; "or" that holds: one of two is right
    words = [view.attributes[thing][k] if ok else wrong_value(view, thing, k, draw) for k, ok in zip((first, second), right)]  # noqa: B905
    chance = 1.0
    if hops:
        fit = all if both else any
        has = {k: fit(w in view.attributes[k].values() for w in words) for k in range(view.n)}
        share_yes = sum(s for k, s in guessed(view, reference).items() if has[k])
        chance = fits({"yes": share_yes, "no": 1 - share_yes}, "yes" if yes else "no")
    options = tuple(words) if draw() < 0.5 else tuple(words[::-1])
    name = "and" if both else "or"
    return Draft("logicalAttr", "yes" if yes else "no", (reference,), "", options, name, focus=(thing,), hops=hops, chance=chance)


_MAKE = {
    "queryAttr": _query_attr, "queryRel": _query_rel, "verifyAttr": _verify_attr, "verifyRel": _verify_rel, "exist": _exist,
    "chooseAttr": _choose_attr, "chooseRel": _choose_rel, "logical": _logical, "compare": compare, "category": _category,
    "global": whole,
}  # fmt: skip

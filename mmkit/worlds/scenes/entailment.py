"""What follows from a right answer: which other questions about the scene it answers, and which ones ask the same."""

from __future__ import annotations

from collections import defaultdict

from mmkit.worlds.scenes.programs import KIND_OF_WORD, LINKS, Draft
from mmkit.worlds.scenes.proposals import choose_attr, choose_rel, verify_attr, verify_rel
from mmkit.worlds.scenes.references import Draw
from mmkit.worlds.scenes.view import View
from mmkit.worlds.scenes.vocabulary import RELATIONS, REVERSE
from mmkit.worlds.scenes.wrong_options import wrong_value

FOLLOWED = {"queryAttr": 0.3, "queryRel": 0.3, "chooseAttr": 0.3, "chooseRel": 0.3}  # share of questions that get one more


def follow_up(view: View, draft: Draft, draw: Draw) -> Draft | None:
    """A further question that the draft's answer answers; None for most drafts."""
    if draft.form not in FOLLOWED or draw() >= FOLLOWED[draft.form]:
        return None
    at, reference = draw(), draft.references[0]
    if draft.form == "queryAttr":
        wrong = wrong_value(view, draft.focus[0], draft.kind, draw)
        if at < 0.3:
            return choose_attr(view, reference, draft.kind, wrong)
        return verify_attr(view, reference, draft.kind, draft.answer if at < 0.65 else wrong)
    if draft.form == "chooseAttr":
        return verify_attr(view, reference, draft.kind, draft.options[at < 0.5])
    if draft.form == "queryRel":
        if at < 0.4 and (made := choose_rel(view, reference, draft.answer, draft.link, draw)) is not None:
            return made
        return verify_rel(view, reference, draft.answer, draft.link)
    number = LINKS.index((draft.options[at < 0.5], LINKS[draft.link][1]))
    return verify_rel(view, reference, draft.name, number)


def entailed(view: View, drafts: list[Draft]) -> tuple[list[list[int]], list[list[int]]]:
    """Per draft: numbers of the others that a right answer to it answers, and of those that ask the same (itself among them)."""
    about, alike = defaultdict(list), defaultdict(list)
    for k, draft in enumerate(drafts):
        for key in _topics(draft):
            about[key].append(k)
        if (same := _meaning(view, draft)) is not None:
            alike[same].append(k)
    follows, equal = [], []
    for k, draft in enumerate(drafts):
        same = _meaning(view, draft)
        mine = alike[same] if same is not None else [k]
        found = {j for key, holds in _facts(view, draft) for j in about[key] if _answered(drafts[j], holds)}
        follows.append(sorted((found | set(mine)) - {k}))
        equal.append(mine)
    return follows, equal


# A topic is what a question is about. A fact is a topic and what is known of it: a word that is right; a relation of which one
# knows whether it holds; that there is such a thing, or not. All drafts are about one scene, so facts never contradict.


def _topics(draft: Draft) -> list[tuple]:
    """What a question must be told to be answered."""
    form = draft.form
    if form in ("queryAttr", "verifyAttr", "chooseAttr"):
        return [("attr", draft.references[0], draft.kind)]
    if form in ("verifyRel", "chooseRel"):
        return [("rel", draft.references[0], draft.name, LINKS[draft.link][1])]
    if form == "existRel":
        return [("rel", draft.references[0], draft.name, LINKS[draft.link][1])]
    return [("there", noun) for noun in draft.options] if form == "exist" else []


def _facts(view: View, draft: Draft) -> list[tuple[tuple, object]]:
    """What somebody knows who answers the draft right."""
    form, answer, options = draft.form, draft.answer, draft.options
    if form in ("queryAttr", "chooseAttr") or (form == "verifyAttr" and answer == "yes"):
        word = options[0] if form == "verifyAttr" else answer
        name = view.name[draft.focus[0]]
        facts = [(("attr", draft.references[0], draft.kind), word)]
        if draft.references[0].names[-1] == name:  # the question says what it is
            facts += [(("there", f"{word} {name}"), True), (("there", name), True)]
        return facts
    if form == "queryRel":
        return [_related(draft, answer, LINKS[draft.link][0]), (("there", answer), True)]
    if form in ("verifyRel", "existRel"):
        known = [(("there", draft.name), True)] if answer == "yes" else []
        return [_related(draft, draft.name, LINKS[draft.link][0]), *known]
    if form == "chooseRel":  # the one on offer that does not hold is known, too
        return [*(_related(draft, draft.name, relation) for relation in options), (("there", draft.name), True)]
    if form == "exist":
        return _existence(options[0], answer == "yes")
    if form == "logicalExist" and (draft.name == "and") == (answer == "yes"):
        return [fact for noun in options for fact in _existence(noun, answer == "yes")]
    if form == "logicalAttr" and draft.name == "and" and answer == "yes":
        return [(("attr", draft.references[0], KIND_OF_WORD[word]), word) for word in options]
    return []


def _related(draft: Draft, name: str, relation: str) -> tuple[tuple, object]:
    return ("rel", draft.references[0], name, LINKS[draft.link][1]), relation


def _existence(noun: str, there: bool) -> list[tuple[tuple, object]]:
    """A red cup is a cup; where there is no cup, there is no red one."""
    facts: list[tuple[tuple, object]] = [(("there", noun), there)]
    if " " in noun and there:
        facts.append((("there", noun.split()[1]), True))
    if " " not in noun and not there:
        facts += [(("there", f"{word} {noun}"), False) for word in KIND_OF_WORD]
    return facts


def _answered(draft: Draft, holds: object) -> bool:
    """Whether what holds of its topic is enough to answer the draft."""
    form = draft.form
    if form in ("exist", "queryAttr", "verifyAttr", "chooseAttr"):  # one of the options is always right
        return True
    if form in ("verifyRel", "existRel"):
        return holds == LINKS[draft.link][0]
    return holds == draft.answer  # chooseRel: only one of the two holds


def _meaning(view: View, draft: Draft) -> tuple | None:
    """The same for two questions that ask the same in other words: is a left of b, is b right of a. None: no other can."""
    if draft.form not in ("verifyRel", "chooseRel", "existRel") or draft.references[0].links or draft.references[0].filter:
        return None
    here, there = draft.name, draft.references[0].names[0]
    if len(view.members[here]) > 1:
        return None
    asked = draft.options or (LINKS[draft.link][0],)
    subject, target = (here, there) if LINKS[draft.link][1] == "s" else (there, here)
    if asked[0] in REVERSE and subject > target:
        subject, target, asked = target, subject, tuple(sorted(REVERSE[r] for r in asked))
    return ("choose" if draft.options else "verify", subject, tuple(RELATIONS.index(r) for r in asked), target)

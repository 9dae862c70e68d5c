"""Questions in words: one sentence per form, in which every noun remembers the object it stands for."""

from __future__ import annotations

from mmkit.worlds.scenes.programs import ANY, LINKS, Draft, Reference
from mmkit.worlds.scenes.vocabulary import article, plural

NEUTRAL = "linked to"  # what every relation is called where questions must not tell which one they mean
_MARK = "@"  # cup@3: the word stands for object 3
ASKED = {
    "color": ("what color is {}", "which color does {} have"),
    "material": ("what is {} made of", "which material is {} made of"),
    "shape": ("what shape is {}", "which shape does {} have"),
    "size": ("how big is {}", "what size is {}"),
    "state": ("what is {} doing", "in which pose is {}"),
}
WHOLE = {
    "place": ("which place is this", "where was this picture taken"),
    "weather": ("how is the weather", "what is the weather like"),
    "time": ("what time of day is it", "which time of day does the picture show"),
}
THERE = {"place": "at the {}", "weather": "{}", "time": "{}", "location": "{}"}  # after "is it"


def phrase(reference: Reference, neutral: bool = False) -> str:
    """'the cup that the man holding the dog is carrying', nouns marked with their objects."""
    said = f"the {reference.filter} {reference.names[0]}" if reference.filter else f"the {reference.names[0]}"
    said += f"{_MARK}{reference.chain[0]}"
    for thing, name, link in zip(reference.chain[1:], reference.names[1:], reference.links, strict=True):
        relation, side = LINKS[link]
        relation = NEUTRAL if neutral else relation
        noun = f"the {name}{_MARK}{thing}"
        said = f"{noun} {relation} {said}" if side == "s" else f"{noun} that {said} is {relation}"
    return said


def sentence(draft: Draft, style: float, unique: bool = False, neutral: bool = False) -> tuple[str, str, dict]:
    """The question, the full answer, and GQA's annotations: word number -> object, for both.

    style: in [0, 1), which of the ways to say it.  unique: only one thing has the name, so it is "the" man and not "a" man.
    """
    marked = _FORMS.get(draft.form, _compare)(draft, style, unique, neutral)
    text, objects = _unmarked(marked)
    full, answered = _unmarked(_full(draft))
    alone = {"0": answered["1"]} if draft.kind == "name" and "1" in answered else {}
    return f"{text}?", f"{full}.", {"question": objects, "answer": alone, "fullAnswer": answered}


def _unmarked(marked: str) -> tuple[str, dict[str, int]]:
    words, objects = marked.split(" "), {}
    for k, word in enumerate(words):
        if _MARK in word:
            words[k], _, thing = word.partition(_MARK)
            objects[str(k)] = int(thing)
    return " ".join(words), objects


def _full(draft: Draft) -> str:
    answer = draft.answer
    if answer in ("yes", "no"):
        return answer
    if draft.form in ("queryAttr", "chooseAttr"):
        reference = draft.references[0]
        return f"the {reference.names[-1]}{_MARK}{reference.chain[-1]} is {answer}"
    if draft.kind == "name" and len(draft.focus) == 1:
        return f"the {answer}{_MARK}{draft.focus[0]}"
    return answer if draft.form in ("global", "countSame", "common") else f"it is {answer}"


def _way(draft: Draft, neutral: bool) -> tuple[str, str, str]:
    """The relation in words, which side is asked about, the reference."""
    relation, side = LINKS[draft.link]
    return (NEUTRAL if neutral else relation), side, phrase(draft.references[0], neutral)


def _noun(draft: Draft, unique: bool = False) -> str:
    """What is asked about, 'a man' or 'the man', marked where the answer is about one object."""
    noun = f"{'the' if unique else article(draft.name)} {draft.name}"
    return f"{noun}{_MARK}{draft.focus[0]}" if len(draft.focus) == 1 else noun


def _query_attr(draft: Draft, style: float, unique: bool, neutral: bool) -> str:
    if draft.kind == "state" and draft.answer in ("open", "closed"):
        form = ("in which state is {}", "how is {}")[style < 0.3]
    else:
        form = ASKED[draft.kind][style < 0.3]
    return form.format(phrase(draft.references[0], neutral))


def _verify_attr(draft: Draft, style: float, unique: bool, neutral: bool) -> str:
    word = f"made of {_stuff(draft.options[0])}" if draft.kind == "material" and style < 0.5 else draft.options[0]
    return f"is {phrase(draft.references[0], neutral)} {word}"


def _stuff(material: str) -> str:
    return "wood" if material == "wooden" else material


def _choose_attr(draft: Draft, style: float, unique: bool, neutral: bool) -> str:
    one, two = draft.options if style < 0.5 else draft.options[::-1]
    return f"is {phrase(draft.references[0], neutral)} {one} or {two}"


def _logical_attr(draft: Draft, style: float, unique: bool, neutral: bool) -> str:
    one, two = draft.options
    start = "both " if draft.name == "and" and style < 0.5 else ("either " if draft.name == "or" else "")
    return f"is {phrase(draft.references[0], neutral)} {start}{one} {draft.name} {two}"


def _query_rel(draft: Draft, style: float, unique: bool, neutral: bool) -> str:
    relation, side, reference = _way(draft, neutral)
    if draft.kind == "type":
        return f"what kind of thing is {reference} {relation}" if side == "o" else f"what kind of thing is {relation} {reference}"
    asked = "what" if draft.name == ANY else f"which {draft.name}"
    return f"{asked} is {reference} {relation}" if side == "o" else f"{asked} is {relation} {reference}"


def _verify_rel(draft: Draft, style: float, unique: bool, neutral: bool) -> str:
    relation, side, reference = _way(draft, neutral)
    noun = _noun(draft, unique)
    return f"is {reference} {relation} {noun}" if side == "o" else f"is {noun} {relation} {reference}"


def _exist_rel(draft: Draft, style: float, unique: bool, neutral: bool) -> str:
    relation, side, reference = _way(draft, neutral)
    noun = _noun(draft)
    return f"is there {noun} that {reference} is {relation}" if side == "o" else f"is there {noun} {relation} {reference}"


def _choose_rel(draft: Draft, style: float, unique: bool, neutral: bool) -> str:
    one, two = draft.options if style < 0.5 else draft.options[::-1]
    either = NEUTRAL if neutral else f"{one} or {two}"
    _, side, reference = _way(draft, neutral)
    noun = _noun(draft, unique)
    return f"is {reference} {either} {noun}" if side == "o" else f"is {noun} {either} {reference}"


def _category(draft: Draft, style: float, unique: bool, neutral: bool) -> str:
    if draft.link >= 0:
        return _query_rel(draft, style, unique, neutral)
    word, name = draft.options[0], draft.name
    return f"which {name} is {word}" if style < 0.5 else f"what is the {word} {name}{_MARK}{draft.focus[0]}"


def _exist(draft: Draft, style: float, unique: bool, neutral: bool) -> str:
    noun = f"{article(draft.options[0])} {draft.options[0]}"
    return f"is there {noun}" if style < 0.6 else f"do you see {noun}"


def _logical_exist(draft: Draft, style: float, unique: bool, neutral: bool) -> str:
    one, two = (f"{article(noun)} {noun}" for noun in draft.options)
    start = ("both " if draft.name == "and" else "either ") if style < 0.5 else ""
    return f"{'is there' if style < 0.7 else 'do you see'} {start}{one} {draft.name} {two}"


def _global(draft: Draft, style: float, unique: bool, neutral: bool) -> str:
    if not draft.options:
        return WHOLE[draft.kind][style < 0.5]
    options = draft.options if style < 0.5 else draft.options[::-1]
    return "is it " + " or ".join(THERE[draft.kind].format(word) for word in options)


def _compare(draft: Draft, style: float, unique: bool, neutral: bool) -> str:
    kind = draft.kind
    if draft.form == "countSame":
        return f"how many pairs of {plural(draft.name)} have the same {kind}"
    things = [phrase(reference, neutral) for reference in draft.references]
    if draft.form == "odd":
        return f"which thing has another {kind} than the others {things[0]} {things[1]} or {things[2]}"
    if draft.form == "larger":
        return f"is {things[0]} larger than {things[1]}"
    if draft.form == "common":
        return f"what do {things[0]} and {things[1]} have in common"
    if draft.form == "same":
        return f"are {things[0]} and {things[1]} of the same {kind}"
    return f"do {things[0]} and {things[1]} differ in {kind}"


_FORMS = {
    "queryAttr": _query_attr, "verifyAttr": _verify_attr, "chooseAttr": _choose_attr, "logicalAttr": _logical_attr,
    "queryRel": _query_rel, "verifyRel": _verify_rel, "existRel": _exist_rel, "chooseRel": _choose_rel, "category": _category,
    "exist": _exist, "logicalExist": _logical_exist, "global": _global,
}  # fmt: skip

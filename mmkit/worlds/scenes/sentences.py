"""What an annotator has to say, in words, with its errors; and which of its propositions are true.

A proposition is about the objects that the annotator means: "a red cat" of a blue dog is two false ones. A wrong word for what
a thing is, how it looks or what it does is wrong of the whole scene: nothing else of that name has that colour. A wrong spatial
relation is wrong of the two objects that are meant. Nothing held out is ever said by mistake.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.annotators import MOST, SAID, Content, View, draw
from mmkit.worlds.scenes.priors import priors
from mmkit.worlds.scenes.scene import Scene
from mmkit.worlds.scenes.spatial import BEHIND, LEFT
from mmkit.worlds.scenes.splits import held_pairs, held_triples

PER_NAME = 5 + 2 * len(SAID)  # hypernym?, synonym?, which, wrong category?, which; wrong value?, which of each attribute
LINKS, AROUND = MOST * PER_NAME, MOST * PER_NAME + 4  # where the numbers of relations, and of the surroundings, begin
NOISE = AROUND + 6  # numbers that decide how one caption is said

VALUES = {"size": v.SIZES, "shape": v.SHAPES, "colour": v.COLOURS, "material": v.MATERIALS, "state": v.STATES}
AROUND_VALUES = {"place": v.PLACES, "weather": v.WEATHER, "time": v.TIMES}
SOME = frozenset({"furniture", "tableware", "food", "clothing", "media"})  # names that take "some" instead of an article
WHERE = {"beach": "on a beach", "street": "on a street"}  # elsewhere: in
WHEN = {"day": "during the day", "night": "at night"}
KIND_OF = v.KIND_OF.tolist()
SLOT_OF = v.SLOT_OF.tolist()
MEMBERS = tuple(tuple(c for c, of in enumerate(KIND_OF) if of == kind) for kind in range(len(v.KINDS)))


class Proposition(NamedTuple):
    """One thing that a caption says. kind: category, one of `SAID`, relation, place, weather or time.

    subject, object: numbers of the scene's objects, -1 where there is none. predicate: the word, never a synonym.
    """

    kind: str
    subject: int
    predicate: str
    object: int
    true: bool


class Noise(NamedTuple):
    """How an annotator names and errs."""

    error: float
    synonym: float
    hypernym: float
    u: Sequence[float]  # NOISE numbers in [0, 1)


class Named(NamedTuple):
    """What an object is called: the category that is said and, when a hypernym is, its kind (else -1)."""

    category: int
    kind: int
    word: str

    @property
    def noun(self) -> str:
        """Without synonyms."""
        return v.KINDS[self.kind] if self.kind >= 0 else v.CATEGORIES[self.category]


EXACT = Noise(0.0, 0.0, 0.0, (0.0,) * NOISE)  # as it is: for references


def say(view: View, what: Content, noise: Noise) -> tuple[str, tuple[Proposition, ...]]:
    """The sentence, and its propositions in the order: objects with their attributes, relations, surroundings."""
    names = _names(view, what, noise)
    said: list[Proposition] = []
    phrases, posture = [], ""
    for position, (k, name, attributes) in enumerate(zip(what.objects, names, what.attributes, strict=True)):
        true = v.KINDS[KIND_OF[view.category[k]]] if name.kind >= 0 else v.CATEGORIES[view.category[k]]
        said.append(Proposition("category", k, name.noun, -1, name.noun == true))
        words = []
        for attribute in attributes:
            word, right = _value(view, k, name, attribute, noise, PER_NAME * position + 5 + 2 * SAID.index(attribute))
            said.append(Proposition(attribute, k, word, -1, right))
            if attribute == "state" and word not in v.STATES_OF["container"]:
                posture = word
            else:
                words.append(word)
        words.append(name.word)
        phrases.append(" ".join(("some" if name.word in SOME else v.article(words[0]), *words)))
    links = []
    for number, (relation, target) in enumerate(what.links):
        relation, right = _relation(view, what, names, number, noise)
        said.append(Proposition("relation", what.objects[0], v.RELATIONS[relation], what.objects[target], right))
        links.append((relation, f"{v.RELATIONS[relation]} {phrases[target]}"))
    around = []
    for name in what.around:
        word, right = _surrounding(view.scene, name, noise)
        said.append(Proposition(name, -1, word, -1, right))
        around.append(_where(name, word))
    return _sentence(what, phrases, posture, links, around), tuple(said)


def _sentence(
    what: Content, phrases: Sequence[str], posture: str, links: Sequence[tuple[int, str]], around: Sequence[str]
) -> str:
    """The grammar: [there is] subject [is] (posture | relation [and relation] | [and another]) [where] [weather] [when]."""
    subject = phrases[0]
    several = not links and len(phrases) > 1
    if several:
        subject = f"{phrases[0]} and {phrases[1]}"
    ordered = sorted(links, key=lambda link: link[0] >= LEFT)  # what somebody does comes before where
    told = [posture] * bool(posture) + [phrase for _, phrase in ordered]
    middle = "and" if len(ordered) == 2 and (ordered[0][0] >= LEFT) == (ordered[1][0] >= LEFT) else ""
    if middle:
        told.insert(1, middle)
    rest = [*told, *around]
    if what.form == 0 or (what.form == 1 and not told and "place" not in what.around):  # nothing to say after "is"
        return " ".join(("there is", subject, *rest))
    return " ".join((subject, "are" if several else "is", *rest)) if what.form == 1 else " ".join((subject, *rest))


def _where(name: str, word: str) -> str:
    if name == "place":
        return WHERE.get(word, f"in {v.article(word)} {word}")
    return f"in {word} weather" if name == "weather" else WHEN[word]


def _names(view: View, what: Content, noise: Noise) -> list[Named]:
    """What each object is called. An error of category is taken back where it would make a held-out triple."""
    names = [_name(view, k, noise, PER_NAME * position) for position, k in enumerate(what.objects)]
    held = held_triples(view.scene.seed)
    for relation, target in what.links:
        ends = names[0].category, names[target].category
        true = view.category[what.objects[0]], view.category[what.objects[target]]
        if relation < LEFT and ends != true and held[ends[0], relation, ends[1]]:
            right = noise._replace(error=0.0)
            names[0] = _name(view, what.objects[0], right, 0)
            names[target] = _name(view, what.objects[target], right, PER_NAME * target)
    return names


def _name(view: View, k: int, noise: Noise, at: int) -> Named:
    """The category, a synonym of it, or its hypernym; with an error of another category of the kind, or of another kind."""
    hypernym, other, which, wrong, instead = noise.u[at : at + 5]
    true = view.category[k]
    kind = KIND_OF[true]
    if hypernym < noise.hypernym:
        if wrong < noise.error and (kinds := _absent_kinds(view)):
            share = priors(view.scene.seed).category[view.scene.place]
            kind = kinds[draw([sum(share[c] for c in MEMBERS[each]) for each in kinds], instead)]
        return Named(true, kind, v.KINDS[kind])
    said = true
    if wrong < noise.error:
        colour, held = view.attributes["colour"][k], held_pairs(view.scene.seed)
        alike = [c for c in MEMBERS[kind] if c not in view.category and not held[c, colour]]
        said = alike[int(instead * len(alike))] if alike else true
    name = v.CATEGORIES[said]
    word = v.SYNONYMS[name][int(2 * which)] if other < noise.synonym and name in v.SYNONYMS else name
    return Named(said, -1, word)


def _absent_kinds(view: View) -> list[int]:
    present = {KIND_OF[c] for c in view.category}
    return [kind for kind in range(len(v.KINDS)) if kind not in present]


def _called(view: View, name: Named) -> set[int]:
    """The objects that have this name or hypernym."""
    if name.kind >= 0:
        return {k for k, category in enumerate(view.category) if KIND_OF[category] == name.kind}
    return {k for k, category in enumerate(view.category) if category == name.category}


def _value(view: View, k: int, name: Named, attribute: str, noise: Noise, at: int) -> tuple[str, bool]:
    """(word, whether it is true) of an attribute. The wrong value is usual for the thing and none of its name has it."""
    words, true = VALUES[attribute], view.attributes[attribute][k]
    if noise.u[at] >= noise.error:
        return words[true], True
    taken = {true, *(view.attributes[attribute][j] for j in _called(view, name))}
    weights = [0.0 if value in taken else p for value, p in enumerate(_usual(view.scene.seed, name.category, attribute))]
    if not any(weights):
        return words[true], True
    return words[draw(weights, noise.u[at + 1])], False


@lru_cache(maxsize=4096)
def _usual(seed: int, category: int, attribute: str) -> tuple[float, ...]:
    """How usual each value is for a category; 0 for what it cannot have, for what is held out and for what has no word."""
    kind = v.KINDS[KIND_OF[category]]
    if attribute == "colour":
        return tuple(np.where(held_pairs(seed)[category], 0.0, priors(seed).colour[category]).tolist())
    allowed = {"material": v.MATERIALS_OF, "state": v.STATES_OF}.get(attribute)
    words = VALUES[attribute] if allowed is None else allowed.get(kind, ())
    return tuple(float(bool(word) and word in words) for word in VALUES[attribute])


def _relation(view: View, what: Content, names: Sequence[Named], number: int, noise: Noise) -> tuple[int, bool]:
    """(relation, whether it is true). Wrong: another of its slot (hand, top, ...), or the reverse of a spatial one."""
    relation, target = what.links[number]
    at = LINKS + 2 * number
    if noise.u[at] >= noise.error:
        return relation, True
    subject, other = what.objects[0], what.objects[target]
    if relation >= LEFT:
        reverse = v.RELATIONS.index(v.REVERSE[v.RELATIONS[relation]])
        wrong = [reverse] if reverse != relation else range(LEFT, BEHIND + 1)
        wrong = [r for r in wrong if (subject, r, other) not in view.holds]
    else:
        slot = [r for r, of in enumerate(SLOT_OF) if of == SLOT_OF[relation]]
        slot = slot if len(slot) > 1 else range(len(SLOT_OF))
        ends = _called(view, names[0]), _called(view, names[target])
        shown = {relation, *(r for s, r, o in view.semantic if s in ends[0] and o in ends[1])}
        held = held_triples(view.scene.seed)[names[0].category, :, names[target].category]
        wrong = [r for r in slot if r not in shown and not held[r]]
    return (wrong[int(noise.u[at + 1] * len(wrong))], False) if wrong else (relation, True)


def _surrounding(scene: Scene, name: str, noise: Noise) -> tuple[str, bool]:
    """(word, whether it is true) of the place, the weather or the time; wrong: any other one."""
    words, true = AROUND_VALUES[name], getattr(scene, name)
    at = AROUND + 2 * list(AROUND_VALUES).index(name)
    if noise.u[at] >= noise.error:
        return words[true], True
    return words[(true + 1 + int(noise.u[at + 1] * (len(words) - 1))) % len(words)], False


def _known_words() -> tuple[str, ...]:
    """Everything that a caption may contain."""
    phrases = [*v.CATEGORIES, *v.KINDS, *(word for both in v.SYNONYMS.values() for word in both), *v.RELATIONS, *WHEN.values()]
    phrases += [word for words in VALUES.values() for word in words]
    phrases += [_where("place", place) for place in v.PLACES] + [_where("weather", weather) for weather in v.WEATHER]
    phrases += ["a", "an", "some", "there is", "are", "and"]
    return tuple(sorted({word for phrase in phrases for word in phrase.split()}))


WORDS = _known_words()

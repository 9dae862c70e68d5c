"""Questions that no edge answers: comparisons of two or three things, counts of alike pairs, what holds of the whole scene."""

from __future__ import annotations

from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.programs import KIND_OF_WORD, Draft, Reference
from mmkit.worlds.scenes.references import Draw, anchor, pick
from mmkit.worlds.scenes.view import View

COMPARE = ("same", "different", "larger", "odd", "common", "countSame")
COMPARED = ("color", "material", "shape")
LARGER = 1.5  # ratio of the areas of boxes from which on one thing is larger than the other
MOST_PAIRS = 5


def compare(view: View, hops: int, share: float, draw: Draw) -> Draft | None:
    if hops:
        return None
    form = pick(COMPARE, draw)
    if form == "countSame":
        return _count_same(view, draw)
    if form == "odd":
        return _odd(view, draw)
    named = [k for k in range(view.n) if view.anchors[k]]
    pairs = [(a, b) for a in named for b in named if a < b and b not in view.near[a]]
    yes, kind, answer = draw() < 0.5, pick(COMPARED, draw), ""
    if form == "larger":
        area = view.scene.box[:, 2] * view.scene.box[:, 3]
        pairs = [(a, b) if (area[a] > area[b]) == yes else (b, a) for a, b in pairs if _far(area[a], area[b])]
        answer, kind = "yes" if yes else "no", "size"
    elif form == "common":
        shared = [(pair, _shared(view, *pair)) for pair in pairs]
        shared = [(pair, kinds[0]) for pair, kinds in shared if len(kinds) == 1]
        if not shared:
            return None
        pair, answer = pick(shared, draw)
        pairs, kind = [pair], ""
    else:
        equal = yes == (form == "same")
        values = [a.get(kind) for a in view.attributes]
        pairs = [(a, b) for a, b in pairs if None not in (values[a], values[b]) and (values[a] == values[b]) == equal]
        answer = "yes" if yes else "no"
    if not pairs:
        return None
    pair = pick(pairs, draw)
    if form != "larger" and draw() < 0.5:
        pair = pair[::-1]
    references = tuple(anchor(view, k, draw) for k in pair)
    if any(kind and KIND_OF_WORD.get(r.filter) == kind for r in references):
        return None  # it is already said
    return Draft(form, answer, references, kind, focus=pair)


def _far(one: float, two: float) -> bool:
    return max(one, two) > LARGER * min(one, two)


def _shared(view: View, a: int, b: int) -> list[str]:
    one, two = view.attributes[a], view.attributes[b]
    return [kind for kind in COMPARED if kind in one and one[kind] == two.get(kind)]


def _odd(view: View, draw: Draw) -> Draft | None:
    """Three things of unlike category, two of which share an attribute that the third has not."""
    kind = pick(COMPARED, draw)
    things = [k for k in range(view.n) if view.anchors[k] == [""] and kind in view.attributes[k]]
    if len(things) < 3:
        return None
    three: list[int] = []
    while len(three) < 3:
        if (k := pick(things, draw)) not in three:
            three.append(k)
    values = [view.attributes[k][kind] for k in three]
    alone = [k for k, value in zip(three, values, strict=True) if values.count(value) == 1]
    if len(alone) != 1 or any(b in view.near[a] for a in three for b in three):
        return None
    references = tuple(Reference((k,), (view.name[k],)) for k in three)
    return Draft("odd", view.name[alone[0]], references, kind, focus=tuple(three))


def _count_same(view: View, draw: Draw) -> Draft | None:
    """How many pairs of one hypernym have an attribute in common."""
    kinds = sorted({k for k in view.kind if len(view.members[k]) > 1})
    if not kinds:
        return None
    kind, attribute = pick(kinds, draw), pick(COMPARED, draw)
    things = view.called(kind)
    values = [view.attributes[k].get(attribute) for k in things]
    if None in values:
        return None
    pairs = sum(a == b for k, a in enumerate(values) for b in values[:k])
    return None if pairs > MOST_PAIRS else Draft("countSame", str(pairs), (), attribute, (), kind, focus=things)


def surroundings(view: View) -> dict[str, str]:
    """Words about the whole scene by what they tell."""
    scene = view.scene
    said = {"place": v.PLACES[scene.place], "location": "outdoors" if v.OUTDOORS[scene.place] else "indoors"}
    if scene.weather >= 0:
        said["weather"] = v.WEATHER[scene.weather]
    return said | {"time": v.TIMES[scene.time]}


WHOLE = {"place": v.PLACES, "location": ("indoors", "outdoors"), "weather": v.WEATHER, "time": v.TIMES}


def whole(view: View, hops: int, share: float, draw: Draw) -> Draft | None:
    if hops:
        return None
    said = surroundings(view)
    kind = pick(list(said), draw)
    right, form = said[kind], draw()
    if form < 0.5 and kind != "location":
        return Draft("global", right, kind=kind, name="query")
    wrong = pick([word for word in WHOLE[kind] if word != right], draw)
    if form < 0.75:
        word = right if draw() < 0.5 else wrong
        return Draft("global", "yes" if word == right else "no", kind=kind, options=(word,), name=f"verify {kind}")
    return Draft("global", right, kind=kind, options=tuple(sorted((right, wrong))), name=f"choose {kind}")

"""All answers of the world, and for each question which ones fit it (valid) and which ones the world makes likely (plausible)."""

from __future__ import annotations

from functools import lru_cache

from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.comparisons import COMPARED, MOST_PAIRS, WHOLE
from mmkit.worlds.scenes.priors import priors
from mmkit.worlds.scenes.programs import ATTRIBUTES, Draft
from mmkit.worlds.scenes.view import View
from mmkit.worlds.scenes.wrong_options import possible

YES_NO = ("no", "yes")
SHOWN_RELATIONS = tuple(r for r in v.RELATIONS if r != "near")
NUMBERS = tuple(str(k) for k in range(MOST_PAIRS + 1))
ANSWERS = tuple(
    sorted(
        {
            *YES_NO,
            *v.CATEGORIES,
            *v.KINDS,
            *(word for words in ATTRIBUTES.values() for word in words),
            *(word for words in WHOLE.values() for word in words),
            *SHOWN_RELATIONS,
            *COMPARED,
            *NUMBERS,
        }
    )
)
LIKELY_COLOUR = 0.06  # the share from which on a colour is plausible for a category: more than if all were alike and rare
LIKELY_CATEGORY = 0.02  # likewise for a category at a place


def valid(draft: Draft) -> tuple[str, ...]:
    """The answers that are of the kind that is asked for, sorted."""
    form, kind = draft.form, draft.kind
    if draft.answer in YES_NO:
        return YES_NO
    if form in ("chooseAttr", "chooseRel") or (form == "global" and draft.options):
        return draft.options
    if form == "odd":
        return tuple(sorted(r.names[0] for r in draft.references))
    if form == "common":
        return COMPARED
    if form == "countSame":
        return NUMBERS
    if kind == "name":
        return tuple(sorted(v.HYPERNYMS.get(draft.name, v.CATEGORIES)))
    if kind == "type":
        return tuple(sorted(v.KINDS))
    return tuple(sorted(WHOLE[kind] if form == "global" else ATTRIBUTES[kind]))


def plausible(draft: Draft, view: View, fit: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the valid answers that are not far-fetched in this world for such a thing, or at such a place; sorted.

    The right answer is always among them.
    """
    if len(fit) <= 2:
        return fit
    if draft.form == "queryAttr":
        name, hypernym = view.name[draft.focus[0]], view.kind[draft.focus[0]]
        likely = _colours(view.scene.seed, name) if draft.kind == "color" else possible(draft.kind, hypernym)
    elif draft.kind == "name" and draft.form != "odd":
        likely = _categories(view.scene.seed, view.scene.place)
    else:
        return fit
    return tuple(word for word in fit if word in likely or word == draft.answer)


@lru_cache(maxsize=4096)
def _colours(seed: int, category: str) -> frozenset[str]:
    shares = priors(seed).colour[v.CATEGORIES.index(category)]
    return frozenset(c for c, share in zip(v.COLOURS, shares, strict=True) if share >= LIKELY_COLOUR)


@lru_cache(maxsize=1024)
def _categories(seed: int, place: int) -> frozenset[str]:
    shares = priors(seed).category[place]
    return frozenset(c for c, share in zip(v.CATEGORIES, shares, strict=True) if share >= LIKELY_CATEGORY)

"""What kind of question a draft is: GQA's types, the groups within which answers are evened out, the relations it needs."""

from __future__ import annotations

from mmkit.worlds.scenes.programs import ANY, LINKS, Draft
from mmkit.worlds.scenes.view import semantic as is_semantic
from mmkit.worlds.scenes.vocabulary import CATEGORIES, KIND_OF, KINDS

STRUCTURAL = {"queryAttr": "query", "queryRel": "query", "category": "query", "verifyAttr": "verify", "verifyRel": "verify",
              "exist": "verify", "existRel": "verify", "chooseAttr": "choose", "chooseRel": "choose",
              "logicalAttr": "logical", "logicalExist": "logical"}  # fmt: skip
SEMANTIC = {"queryRel": "rel", "verifyRel": "rel", "chooseRel": "rel", "existRel": "rel", "category": "cat", "exist": "obj",
            "logicalExist": "obj", "global": "global"}  # fmt: skip


def structural(draft: Draft) -> str:
    if draft.form == "global":
        return draft.name.split()[0]
    return STRUCTURAL.get(draft.form, "compare")


def detailed(draft: Draft) -> str:
    if draft.form == "global":
        return draft.name.split()[0] + draft.kind.capitalize()
    if draft.form.startswith("logical"):
        return draft.form + draft.name.capitalize()
    if draft.form == "category":
        return "categoryRel" if draft.link >= 0 else "categoryAttr"
    side = LINKS[draft.link][1].upper() if draft.link >= 0 else ""
    return draft.form + side + (draft.kind.capitalize() if draft.kind not in ("rel", "name", "") else "")


def local(draft: Draft) -> str:
    """What the question tells about its answer before one has looked: its form, the attribute or relation, what it is about."""
    form, kind = draft.form, detailed(draft)
    if form in ("chooseAttr", "chooseRel"):
        return f"{kind}-{'|'.join(draft.options)}"
    if form in ("queryAttr", "verifyAttr", "logicalAttr"):
        return f"{kind}-{draft.references[0].names[-1]}"
    if form in ("verifyRel", "existRel"):
        return f"{kind}-{LINKS[draft.link][0]}-{draft.name}"
    if form in ("queryRel", "category"):
        if draft.link < 0:
            return f"{kind}-{draft.options[0]}-{draft.name}"
        focal = draft.references[0].names[-1] if draft.name == ANY else draft.name
        return f"{kind}-{LINKS[draft.link][0]}-{focal}"
    if form == "exist":
        return f"{kind}-{draft.options[0].split()[-1]}-{len(draft.options[0].split())}"
    if form == "logicalExist":
        return f"{kind}-{draft.options[0].split()[-1]}"
    return f"{kind}-{'|'.join(draft.options) or draft.name}"


def group(draft: Draft) -> str:
    if draft.kind == "name":
        return KINDS[KIND_OF[CATEGORIES.index(draft.answer)]]
    return draft.kind or "common"


def family(draft: Draft) -> str:
    if structural(draft) == "compare":
        return "implicit"
    links = [link for reference in draft.references for link in reference.links] + ([draft.link] if draft.link >= 0 else [])
    return "none" if not links else ("semantic" if any(map(is_semantic, links)) else "spatial")

"""GQA's questions and choices: `{train,val}_balanced_questions.json`, `..._all_questions`, `..._choices` into columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from mmkit.readers.arrays import Notes
from mmkit.readers.gqa_files import paused, records, short
from mmkit.readers.gqa_graphs import Graphs
from mmkit.schema import SEMANTIC, STRUCTURAL

TRUTH = pa.schema(
    [
        pa.field("steps", pa.list_(pa.list_(pa.int32())), nullable=False),
        pa.field("hops", pa.int8(), nullable=False),
        pa.field("local", pa.string(), nullable=False),
        pa.field("program", pa.string(), nullable=False),
    ]
)
ALONG = ("relate", "verify rel", "choose rel")  # operations that go along a relation
IDS = re.compile(r"(?:^|\s)\(([^()]*)\)\s*$")  # "girl (17)", "cup (3,9)", "fence (-)"; not the bracket of "not(red)"
TYPES = {"structural": STRUCTURAL, "semantic": SEMANTIC}
TEXTS = ("question", "answer", "imageId")


class Questions:
    """Questions one after the other, a list per column; `picture` and `tier` say where they belong."""

    def __init__(self) -> None:
        names = ("question", "answer", "structural", "semantic", "detailed", "group", "entailed", "balanced")
        self.row: dict[str, int] = {}  # id -> row
        self.picture: list[str] = []
        self.tier: list[str] = []
        self.columns: dict[str, list[Any]] = {name: [] for name in (*names, "valid", "plausible")}
        self.truth: dict[str, list[Any]] = {name: [] for name in TRUTH.names}

    def __len__(self) -> int:
        return len(self.row)


def add(asked: Questions, path: Path, tier: str, graphs: Graphs, pictures: set[str], balanced: bool, notes: Notes) -> None:
    """Append the questions of a file. pictures: those that the tier has graphs of; balanced: is it a file of balanced ones?

    A question that an earlier file has, too, is taken from there; it has to be the same.
    """
    with paused():
        for id, each in records(path, "questions", notes).items():
            try:
                problems = _wrong(each, balanced)
            except (KeyError, TypeError):
                problems = [_lacking(each)]
            if not problems and pictures:  # where none was read, that has been said
                problems = _place(asked, id, each, tier, graphs, pictures, notes)
            notes.problems += [f"{path.name}: question {id}: {problem}" for problem in problems]


def _wrong(each: dict[str, Any], balanced: bool) -> list[str]:
    """What is wrong with a question by itself. Raises KeyError or TypeError where something is not there at all."""
    types, groups = each["types"], each["groups"]
    wrong = [f"{key!r} is {short(each[key])}, expected a text" for key in TEXTS if not isinstance(each[key], str)]
    if not wrong and not each["question"].strip():
        wrong.append("no text, expected some")
    for key, known in TYPES.items():
        if types[key] not in known:
            wrong.append(f"{key} type {short(types[key])}, expected one of {', '.join(known)}")
    if not isinstance(types["detailed"], str):
        wrong.append(f"detailed type {short(types['detailed'])}, expected a text")
    if not all(isinstance(groups[key] or "", str) for key in ("global", "local")):
        wrong.append(f"'groups' is {short(groups)}, expected a text or null for global and local")
    if not isinstance(each["entailed"], list) or not all(isinstance(other, str) for other in each["entailed"]):
        wrong.append(f"'entailed' is {short(each['entailed'])}, expected a list of ids")
    if not isinstance(each["isBalanced"], bool):
        wrong.append(f"'isBalanced' is {short(each['isBalanced'])}, expected true or false")
    elif balanced and not each["isBalanced"]:
        wrong.append("'isBalanced' is false in the file of balanced questions, expected true")
    for step in each.get("semantic", ()):
        if not isinstance(step["operation"], str) or not isinstance(step["argument"], str):
            wrong.append(f"program step {short(step)}, expected texts for operation and argument")
        elif not all(isinstance(at, int) for at in step["dependencies"]):
            wrong.append(f"program step {short(step)}, expected numbers of steps for dependencies")
    return wrong


def _lacking(each: Any) -> str:
    """Why a question cannot be read."""
    if not isinstance(each, dict):
        return f"is {short(each)}, expected an object with {', '.join(TEXTS)} and more"
    needed = {"types": ("structural", "semantic", "detailed"), "groups": ("global", "local")}
    missing = [repr(key) for key in (*TEXTS, "types", "groups", "entailed", "isBalanced") if key not in each]
    for key, inner in needed.items():
        if isinstance(each.get(key), dict):
            missing += [f"{name!r} in {key!r}" for name in inner if name not in each[key]]
        elif key in each:
            return f"{key!r} is {short(each[key])}, expected an object with {', '.join(inner)}"
    if missing:
        return f"no {', '.join(missing)}, expected GQA's fields of a question"
    return f"'semantic' is {short(each.get('semantic'))}, expected a list of operation, argument, dependencies"


def _place(
    asked: Questions, id: str, each: dict[str, Any], tier: str, graphs: Graphs, pictures: set[str], notes: Notes
) -> list[str]:
    """Append a question unless it is there already; what is wrong with it beside its graph and the questions before it."""
    if each["imageId"] not in pictures:
        return [f"no graph of its picture {each['imageId']} in {tier}_sceneGraphs.json, expected one"]
    if (row := asked.row.get(id)) is not None:
        return _differs(asked, row, each)
    _append(asked, id, each, tier, graphs, notes)
    return []


def _differs(asked: Questions, row: int, each: dict[str, Any]) -> list[str]:
    there = (asked.columns["question"][row], asked.columns["answer"][row], asked.picture[row])
    here = tuple(each[key] for key in TEXTS)
    return [] if here == there else [f"says {short(here, 90)} and in an earlier file {short(there, 90)}, expected the same"]


def _append(asked: Questions, id: str, each: dict[str, Any], tier: str, graphs: Graphs, notes: Notes) -> None:
    types, groups, picture = each["types"], each["groups"], each["imageId"]
    asked.row[id] = len(asked.row)
    asked.picture.append(picture)
    asked.tier.append(tier)
    values = {
        "question": each["question"],
        "answer": each["answer"],
        "structural": types["structural"],
        "semantic": types["semantic"],
        "detailed": types["detailed"],
        "group": groups["global"] or "",
        "entailed": each["entailed"],
        "balanced": each["isBalanced"],
        "valid": None,
        "plausible": None,
    }
    for name, value in values.items():
        asked.columns[name].append(value)
    made = each.get("semantic") or []
    steps, lost = _steps(made, graphs.ids[graphs.row[picture]])
    notes.counts["objects in programs that the graph lacks, left out of the steps"] += lost
    notes.counts["questions without a program"] += not made
    said = each.get("semanticStr")
    program = said if made and isinstance(said, str) else spelled(made)
    for name, value in zip(TRUTH.names, (steps, hops(made), groups["local"] or "", program), strict=True):
        asked.truth[name].append(value)


def _steps(program: list[dict[str, Any]], ids: list[str]) -> tuple[list[list[int]], int]:
    """(nodes that each step with a bracket of ids denotes, number of ids that the graph lacks)."""
    steps, lost = [], 0
    for step in program:
        if bracket := IDS.search(step["argument"]):
            named = [id.strip() for id in bracket[1].split(",") if id.strip() not in ("", "-")]
            steps.append([ids.index(id) for id in named if id in ids])
            lost += len(named) - len(steps[-1])
    return steps, lost


def hops(program: list[dict[str, Any]]) -> int:
    """Most relations that one has to follow one after the other; -1 without a program."""
    depth: list[int] = []
    for step in program:
        before = max((depth[at] for at in step["dependencies"] if 0 <= at < len(depth)), default=0)
        depth.append(before + (step["operation"] in ALONG))
    return max(depth, default=-1)


def spelled(program: Iterable[dict[str, Any]]) -> str:
    """In one line, as GQA's `semanticStr` has it: "select: cup (3)->query: color [0]"."""
    return "->".join(
        f"{step['operation']}: {step['argument']}"
        + (f" [{', '.join(map(str, step['dependencies']))}]" if step["dependencies"] else "")
        for step in program
    )


def add_choices(asked: Questions, paths: list[Path], tier: str, notes: Notes) -> None:
    """Put the valid and plausible answers of a tier's questions into their columns.

    Only balanced questions need them, as only these are scored: others that the file lacks get empty lists, counted.
    """
    found: dict[str, Any] = {}
    for path in paths:
        found |= records(path, "choices", notes)
    if not found:
        return
    name = paths[0].name
    for id, row in asked.row.items():
        if asked.tier[row] != tier:
            continue
        given = found.get(id)
        if given is None and not asked.columns["balanced"][row]:
            given = {"valid": [], "plausible": []}
            notes.counts["questions that are not balanced and have no choices, kept"] += 1
        for key in ("valid", "plausible"):
            words = given.get(key) if isinstance(given, dict) else None
            if isinstance(words, list) and all(isinstance(word, str) for word in words):
                asked.columns[key][row] = words
            else:
                what = f"'{key}' is {short(words)}" if given is not None else f"no '{key}' answers"
                notes.problems.append(f"{name}: question {id}: {what}, expected a list of texts")


def known_entailed(entailed: list[list[str]], ids: Iterable[str], counts: Counter[str]) -> list[list[str]]:
    """The lists without ids of questions that are not there; how many those are goes to `counts`."""
    there = set(ids)
    kept = [each if there.issuperset(each) else [id for id in each if id in there] for each in entailed]
    counts["entailed questions that are in no file, left out of the lists"] += sum(map(len, entailed)) - sum(map(len, kept))
    return kept

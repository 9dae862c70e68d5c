"""GQA: questions about pictures and the scene graphs of the pictures, from the published JSON files.

Scene graphs are published for train and val alone, so the questions of testdev, test and challenge are not read, and val
is the test part, as in the GraphVQA paper. The valid part is taken from the pictures of train (`is_valid`): no picture has
questions in two parts. A folder with `valid_` files of its own (the scenes world writes such) is taken as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mmkit.errors import DataError
from mmkit.readers import gqa_graphs, gqa_questions
from mmkit.readers.arrays import Notes, fingerprint, refuse
from mmkit.readers.folders import folders
from mmkit.readers.gqa_files import find, load, short
from mmkit.readers.gqa_graphs import Graphs
from mmkit.readers.gqa_questions import TRUTH, Questions
from mmkit.schema import PARTS, Dataset, GraphQuestionSchema, Split

VERSION = "gqa1"
TIERS = {"train": "train", "valid": "valid", "val": "test", "test": "test"}  # files begin with -> part
PUBLISHED = ("train", "val")  # tiers of which everything is published
ANSWERS = ("trainval_label2ans", "answers")
VALID_EVERY = 20  # one picture of train in so many, 5 %, is for the valid part
OUTSIDE = 0.01  # most questions whose answer is not in the list, as a share: more speak of another list
NAMED = 10  # ids of left out questions that are named per answer


def locate(root: Path) -> Path | None:
    """The first folder that has scene graphs and questions, in it or in the folders right below it."""
    if root.is_file():
        root = root.parent
    inside = list(folders(root))
    graphs = [folder for folder in inside if any(find(folder, f"{tier}_sceneGraphs") for tier in TIERS)]
    both = [folder for folder in graphs if any(_asked(folder, tier) for tier in TIERS)]
    return next(iter([*both, *graphs]), None)


def is_valid(picture: str) -> bool:
    """Whether the questions of a picture of train are for the valid part: told by the sha256 of its id alone."""
    return int.from_bytes(hashlib.sha256(picture.encode()).digest()[:4], "big") % VALID_EVERY == 0


def read(folder: Path, unbalanced: Sequence[str] = PUBLISHED) -> Dataset:
    """All questions of train and val with their graphs; truth: nodes of each program step, hops, local group, program.

    unbalanced: tiers whose `..._all_questions` are read where they are there. Those of val are needed for consistency; those
    of train are 14 million, and nothing is trained or scored on them.
    Answers: `trainval_label2ans.json` or `answers.json`, else the sorted answers of train. Raises DataError that lists every
    problem. Counted: what was read, repaired, and left out (a question whose answer is not in the list).
    """
    source, notes, graphs, asked = f"GQA, {folder}", Notes(), Graphs(), Questions()
    tiers = [tier for tier in TIERS if find(folder, f"{tier}_sceneGraphs")]
    _others(folder, notes)
    for tier in tiers:
        _tier(folder, tier, tier in unbalanced or tier not in PUBLISHED, graphs, asked, notes)
    if not tiers:
        notes.problems.append(f"no train_sceneGraphs.json and no val_sceneGraphs.json, expected at least one{_alike(folder)}")
    elif not len(asked) and not notes.problems:
        notes.problems.append(f"no {tiers[0]}_balanced_questions.json, expected the questions{_alike(folder)}")
    before = len(notes.problems)
    classes = _answers(folder, notes) or _answers_of(asked)
    kept = _kept(asked, classes, notes) if len(notes.problems) == before else np.empty(0, bool)
    if notes.problems:
        refuse("gqa", source, notes.problems, notes.advice)
    parts = _parts(asked, "valid" in tiers)
    schema = GraphQuestionSchema("gqa", classes)
    table, truth = _table(asked, graphs, schema, parts, notes), _truth(asked)
    if not kept.all():
        rows = pa.array(np.flatnonzero(kept))
        table, truth = table.take(rows), truth.take(rows) if truth is not None else None
    table = _without_unknown(table, notes)
    counts = {f"questions in {part}": table["part"].to_pylist().count(part) for part in PARTS}
    counts = {what: int(n) for what, n in (*counts.items(), *notes.counts.items()) if n}
    whole = fingerprint([*notes.digests, *(word.encode() for word in classes)], VERSION)
    return Dataset("gqa", schema, Split(table, truth), source, whole, counts, graphs.table())


def _asked(folder: Path, tier: str, unbalanced: bool = True) -> list[tuple[Path, bool]]:
    """Files of a tier's questions, (path, are they the balanced ones?); the balanced ones first."""
    balanced = [(path, True) for path in find(folder, f"{tier}_balanced_questions")]
    return balanced + [(path, False) for path in find(folder, f"{tier}_all_questions") if unbalanced]


def _tier(folder: Path, tier: str, unbalanced: bool, graphs: Graphs, asked: Questions, notes: Notes) -> None:
    before = len(graphs.row)
    for path in find(folder, f"{tier}_sceneGraphs"):
        gqa_graphs.add(graphs, path, notes)
    pictures = set(list(graphs.row)[before:])
    notes.counts[f"graphs of {tier}"] = len(pictures)
    for balanced in (True, False):
        count = len(asked)
        for path, among in _asked(folder, tier, unbalanced):
            if among == balanced:
                gqa_questions.add(asked, path, tier, graphs, pictures, balanced, notes)
        notes.counts[f"{'balanced' if balanced else 'further'} questions of {tier}"] = len(asked) - count
    if paths := find(folder, f"{tier}_choices"):
        gqa_questions.add_choices(asked, paths, tier, notes)


def _others(folder: Path, notes: Notes) -> None:
    """Questions whose scene graphs are not there: a problem where they are published, else counted."""
    for tier in ("train", "val", "testdev", "test", "challenge", "submission"):
        if find(folder, f"{tier}_sceneGraphs"):
            continue
        for path, _ in _asked(folder, tier):
            if tier in PUBLISHED:
                notes.problems.append(f"{path.name}: no {tier}_sceneGraphs.json beside it, expected the graphs of its pictures")
            else:
                notes.counts[f"files left out, as their scene graphs are not published: {path.name}"] += 1


def _alike(folder: Path) -> str:
    """Names in the folder, for a person who misspelt one."""
    names = sorted({path.name for each in folders(folder, 1) for path in each.glob("*.json")})
    return f"; there are {', '.join(names[:8])}{', ...' * (len(names) > 8)}" if names else "; there is no .json file at all"


def _answers(folder: Path, notes: Notes) -> tuple[str, ...]:
    """The list of answers beside the questions, in its order; empty without one."""
    paths = [path for name in ANSWERS for path in find(folder, name)]
    if not paths:
        return ()
    try:
        found, data = load(paths[0], "a list of answers")
    except DataError as why:
        notes.damaged(paths[0], why)
        return ()
    notes.used(data)
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found) or len(found) < 2:
        notes.problems.append(f"{paths[0].name}: holds {short(found)}, expected a list of at least two texts")
        return ()
    twice = sorted({word for word in found if found.count(word) > 1}) if len(set(found)) < len(found) else []
    notes.problems += [f"{paths[0].name}: answer {word!r} stands {found.count(word)} times, expected once" for word in twice]
    return tuple(found)


def _answers_of(asked: Questions) -> tuple[str, ...]:
    """The sorted answers of train's questions, or of all of them where there is no train."""
    answers = asked.columns["answer"]
    train = {answer for answer, tier in zip(answers, asked.tier, strict=True) if tier == "train"}
    return tuple(sorted(train or set(answers)))


def _kept(asked: Questions, classes: tuple[str, ...], notes: Notes) -> np.ndarray:
    """Which questions have an answer that is in the list, bool (N,). The others are counted by answer, the first ids named."""
    known, answers, ids = set(classes), asked.columns["answer"], list(asked.row)
    kept = np.array([answer in known for answer in answers], dtype=bool)
    without = np.flatnonzero(~kept)
    if len(without) > max(1, OUTSIDE * len(asked)):
        notes.problems += [
            f"question {ids[row]}: answer {answers[row]!r}, expected one of the {len(classes):,} in the list" for row in without
        ]
        return kept
    lacking: dict[str, list[str]] = {}
    for row in without:
        lacking.setdefault(answers[row], []).append(ids[row])
    for answer, asking in lacking.items():
        where = ", ".join(asking[:NAMED]) + ", ..." * (len(asking) > NAMED)
        notes.counts[f"questions left out: answer {answer!r} is not in the list (question {where})"] = len(asking)
    return kept


def _parts(asked: Questions, has_valid: bool) -> list[str]:
    valid = {picture: not has_valid and is_valid(picture) for picture in set(asked.picture)}
    return [
        "valid" if tier == "train" and valid[picture] else TIERS[tier]
        for tier, picture in zip(asked.tier, asked.picture, strict=True)
    ]


def _table(asked: Questions, graphs: Graphs, schema: GraphQuestionSchema, parts: list[str], notes: Notes) -> pa.Table:
    """All questions; the answer is -1 where it is not in the list."""
    number = {word: at for at, word in enumerate(schema.classes)}
    made: dict[str, list[Any]] = {
        **asked.columns,
        "id": list(asked.row),
        "graph": [graphs.row[picture] for picture in asked.picture],
        "answer": [number.get(answer, -1) for answer in asked.columns["answer"]],
        "part": parts,
    }
    return pa.Table.from_arrays([pa.array(made[field.name], field.type) for field in schema.arrow], schema=schema.arrow)


def _truth(asked: Questions) -> pa.Table | None:
    """What the programs say; None where no question has one."""
    if not any(asked.truth["program"]):
        return None
    return pa.Table.from_arrays([pa.array(asked.truth[field.name], field.type) for field in TRUTH], schema=TRUTH)


def _without_unknown(table: pa.Table, notes: Notes) -> pa.Table:
    entailed = table["entailed"].to_pylist()
    kept = gqa_questions.known_entailed(entailed, table["id"].to_pylist(), notes.counts)
    at = table.column_names.index("entailed")
    return table.set_column(at, table.schema.field(at), pa.array(kept, table.schema.field(at).type))

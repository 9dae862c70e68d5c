"""Scenes and their questions as the files that GQA is published in: scene graphs, questions, choices."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmkit.errors import SettingsError
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.choices import ANSWERS
from mmkit.worlds.scenes.graphs import attributes
from mmkit.worlds.scenes.knobs import Knobs
from mmkit.worlds.scenes.programs import spelled
from mmkit.worlds.scenes.scene import Scene, Scenes
from mmkit.worlds.scenes.spatial import edges

if TYPE_CHECKING:
    from mmkit.worlds.scenes.questions import Question

SIDE = 400  # pixels of a picture, both ways
TIERS = {"train": "train", "valid": "valid", "test": "val"}  # part -> what its files begin with; GQA's val is the test part


def write(
    folder: Path,
    scenes: Scenes,
    questions: Sequence[Question],
    knobs: Knobs,
    part: str = "train",
    balanced: Sequence[bool] | NDArray[np.bool_] | None = None,
) -> list[Path]:
    """Write {tier}_sceneGraphs, {tier}_balanced_questions, {tier}_all_questions, {tier}_choices.json, answers.json; the paths.

    part: train | valid | test, whose files begin with train, valid and val.  balanced (Q,): questions of the balanced file;
    None: all. One record stands on a line, in the order given, so the same world writes the same bytes.
    Boxes are whole pixels of a picture of 400 x 400: each side is off by at most half a pixel, .00125 of the picture. Of the
    questions which of two things is larger about 1 in 100 cannot be told any more; no other question looks at boxes.
    Raises SettingsError for a part that does not exist and for questions about scenes that are not handed in.
    """
    if part not in TIERS:
        raise SettingsError(f"part = {part!r}, expected one of {', '.join(TIERS)}")
    chosen = np.ones(len(questions), bool) if balanced is None else np.asarray(balanced, bool)
    if len(chosen) != len(questions):
        raise SettingsError(f"balanced says yes or no to {len(chosen)} questions, expected {len(questions)}")
    pictures = {f"{scenes.split}_{scenes.first + row:07d}" for row in range(len(scenes))}
    if foreign := [each.id for each in questions if each.scene not in pictures]:
        raise SettingsError(f"{len(foreign)} questions are about scenes that are not handed in, the first is {foreign[0]}")
    folder.mkdir(parents=True, exist_ok=True)
    asked = [(each, bool(yes)) for each, yes in zip(questions, chosen, strict=True)]
    files: dict[str, Callable[[], Iterable[tuple[str, dict[str, Any]]]]] = {
        "sceneGraphs": lambda: ((scene.id, graph(scene, knobs)) for scene in map(scenes.__getitem__, range(len(scenes)))),
        "balanced_questions": lambda: ((each.id, question(each, yes)) for each, yes in asked if yes),
        "all_questions": lambda: ((each.id, question(each, yes)) for each, yes in asked),
        "choices": lambda: ((e.id, {"valid": list(e.valid), "plausible": list(e.plausible)}) for e in questions),
    }
    paths = [folder / f"{TIERS[part]}_{name}.json" for name in files]
    for path, made in zip(paths, files.values(), strict=True):
        _write(path, made())
    answers = folder / "answers.json"  # the same for every part and seed
    answers.write_text(json.dumps(ANSWERS, indent=0) + "\n", encoding="utf-8", newline="\n")
    return [*paths, answers]


def graph(scene: Scene, knobs: Knobs) -> dict[str, Any]:
    """One record of a file of scene graphs. Relations are those that the scene's graph shows, listed at their subjects.

    Beyond GQA's keys there is "time", day or night, which some questions ask for.
    """
    left, top, width, height = scene.box.T.astype(np.float64)
    x, y = np.rint(SIDE * left).astype(int), np.rint(SIDE * top).astype(int)
    w, h = np.rint(SIDE * (left + width)).astype(int) - x, np.rint(SIDE * (top + height)).astype(int) - y
    ids = scene.object_ids
    relations: list[list[dict[str, str]]] = [[] for _ in ids]
    for subject, relation, target in edges(scene, knobs.nearest, knobs.edge_types).tolist():
        relations[subject].append({"name": v.RELATIONS[relation], "object": ids[target]})
    objects = {
        id: {
            "name": v.CATEGORIES[scene.category[at]],
            **{"x": int(x[at]), "y": int(y[at]), "w": int(w[at]), "h": int(h[at])},
            "attributes": words,
            "relations": relations[at],
        }
        for at, (id, words) in enumerate(zip(ids, attributes(scene), strict=True))
    }
    around: dict[str, Any] = {"width": SIDE, "height": SIDE, "location": v.PLACES[scene.place]}
    if scene.weather >= 0:
        around["weather"] = v.WEATHER[scene.weather]
    return {**around, "time": v.TIMES[scene.time], "objects": objects}


def question(asked: Question, balanced: bool) -> dict[str, Any]:
    """One record of a file of questions."""
    return {
        "question": asked.text,
        "imageId": asked.scene,
        "answer": asked.answer,
        "fullAnswer": asked.full_answer,
        "isBalanced": balanced,
        "types": {"structural": asked.structural, "semantic": asked.semantic, "detailed": asked.detailed},
        "groups": {"global": asked.group or None, "local": asked.local or None},
        "semantic": [
            {"operation": step.operation, "dependencies": list(step.dependencies), "argument": step.argument}
            for step in asked.program
        ],
        "semanticStr": spelled(asked.program),
        "entailed": list(asked.entailed),
        "equivalent": list(asked.equivalent),
        "annotations": asked.annotations,
    }


def _write(path: Path, records: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """One JSON object of all records by id, a line each; they are never held all at once."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        start = "{"
        for id, record in records:
            file.write(f"{start}\n{json.dumps(id)}: {json.dumps(record, ensure_ascii=False)}")
            start = ","
        file.write("\n}\n" if start == "," else "{}\n")

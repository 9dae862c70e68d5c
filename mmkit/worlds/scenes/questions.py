"""All questions about scenes, with their programs, what they entail and which ones are counted; as records and as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmkit.schema import GraphQuestionSchema
from mmkit.worlds.scenes import choices, entailment, labels, programs, wordings
from mmkit.worlds.scenes.asked import WANTED, allowed
from mmkit.worlds.scenes.balance import balance
from mmkit.worlds.scenes.choices import ANSWERS
from mmkit.worlds.scenes.knobs import Knobs
from mmkit.worlds.scenes.programs import Draft, Program
from mmkit.worlds.scenes.proposals import Rules, propose
from mmkit.worlds.scenes.references import Draw
from mmkit.worlds.scenes.scene import Scene, Scenes, packed
from mmkit.worlds.scenes.streams import rng
from mmkit.worlds.scenes.view import View

SCHEMA = GraphQuestionSchema("scenes", ANSWERS)
TRUTH = pa.schema(
    [
        ("steps", pa.list_(pa.list_(pa.int32()))),
        ("hops", pa.int8()),
        ("family", pa.string()),
        ("local", pa.string()),
        ("program", pa.string()),
        ("chance", pa.float32()),
    ]
)
PROPOSALS = 28  # per scene
SEARCHED = 160  # likewise where only questions about something held out count
BLOCK = 250  # scenes that one worker takes at a time


@dataclass(frozen=True, slots=True)
class Question:
    """One question about one scene, as far as GQA's files tell it, and what only its maker knows.

    structural, semantic, detailed: GQA's types.  local, group: within which answers are evened out; GQA's global group, "" for
    questions with two possible answers.  steps: objects per step of the program that denotes some (select, relate, relations
    that are verified or chosen), the first is the anchor, the last is what the answer is about.  hops: edges to follow.
    family: none, spatial, semantic (at least one such relation) or implicit (a comparison that no edge tells).
    annotations: word number -> object id, by "question", "answer", "fullAnswer".  entailed: ids of questions about the scene
    that a right answer answers, too; equivalent: that ask the same, itself among them.  valid: answers of the kind that is
    asked for; plausible: those that this world makes likely.  chance: what the best guess scores that knows the anchor, all
    names and attributes, and which things are linked, but cannot read the relations; 1 where no relation is needed.
    """

    id: str
    scene: str
    text: str
    answer: str
    full_answer: str
    structural: str
    semantic: str
    detailed: str
    local: str
    group: str
    program: Program
    steps: tuple[tuple[int, ...], ...]
    hops: int
    family: str
    annotations: dict[str, dict[str, str]]
    entailed: tuple[str, ...]
    equivalent: tuple[str, ...]
    valid: tuple[str, ...]
    plausible: tuple[str, ...]
    chance: float


def ask(scene: Scene, knobs: Knobs) -> list[Question]:
    """All questions about a scene before balancing; no two have the same program. The same for the same seed, split and scene."""
    draw = _numbers(scene).__next__
    first = draw()
    view = View(scene, knobs.nearest)
    drafts = _drafts(view, allowed(knobs, scene.split, first < 0.5), draw)
    follows, alike = entailment.entailed(view, drafts)
    names = [f"{scene.id}_q{k:03d}" for k in range(len(drafts))]
    neutral = knobs.wording == "neutral"
    return [_question(view, draft, names, k, follows[k], alike[k], draw(), neutral) for k, draft in enumerate(drafts)]


def collect(scenes: Scenes, knobs: Knobs, jobs: int = 1) -> list[Question]:
    """`ask` for all scenes, one after the other; identical for any number of jobs."""
    return [question for block in _blocks(_asked, scenes, knobs, jobs) for question in block]


def tables(
    scenes: Scenes, knobs: Knobs, part: str, row: int = 0, balanced: bool = True, jobs: int = 1
) -> tuple[pa.Table, pa.Table]:
    """`table` of all questions about the scenes, without ever holding them all as records.

    row: that of the first scene in the table of graphs.  balanced: mark the balanced part; else all questions are counted.
    """
    blocks = _blocks(_tabled, scenes, knobs, jobs, part, row - scenes.first)
    questions, truth = (pa.concat_tables(side) for side in zip(*blocks, strict=True))
    if balanced:
        mask = balance(
            truth["local"].to_numpy(), np.array(ANSWERS)[questions["answer"].to_numpy()], questions["structural"].to_numpy(),
            questions["semantic"].to_numpy(), scenes.seed, scenes.split,
        )  # fmt: skip
        at = questions.schema.get_field_index("balanced")
        questions = questions.set_column(at, questions.schema.field(at), pa.array(mask))
    return questions, truth


def balanced(questions: Sequence[Question], seed: int, split: str) -> NDArray[np.bool_]:
    """`balance` for records."""
    columns = ([getattr(q, name) for q in questions] for name in ("local", "answer", "structural", "semantic"))
    return balance(*columns, seed, split)


def table(
    questions: Sequence[Question], part: str, rows: dict[str, int], counted: NDArray[np.bool_] | None = None
) -> tuple[pa.Table, pa.Table]:
    """(questions in the columns of `SCHEMA`, truth in the columns of `TRUTH`).

    rows: scene id -> row in the table of graphs.  counted: (N,) the column `balanced`; None: all are.
    """
    number = {answer: k for k, answer in enumerate(ANSWERS)}
    columns = {
        "id": [q.id for q in questions],
        "graph": [rows[q.scene] for q in questions],
        "question": [q.text for q in questions],
        "answer": [number[q.answer] for q in questions],
        **{name: [getattr(q, name) for q in questions] for name in ("structural", "semantic", "detailed", "group", "entailed")},
        "balanced": np.ones(len(questions), dtype=bool) if counted is None else np.asarray(counted, dtype=bool),
        **{name: [getattr(q, name) for q in questions] for name in ("valid", "plausible")},
        "part": [part] * len(questions),
    }
    truth = {name: [getattr(q, name) for q in questions] for name in ("steps", "hops", "family", "local")}
    truth |= {"program": [programs.spelled(q.program) for q in questions], "chance": [q.chance for q in questions]}
    return pa.table(columns, schema=SCHEMA.arrow), pa.table(truth, schema=TRUTH)


def _numbers(scene: Scene) -> Iterator[float]:
    generator = rng(scene.seed, scene.split, "questions", scene.index)
    while True:
        yield from generator.random(512).tolist()


def _drafts(view: View, may: Rules, draw: Draw) -> list[Draft]:
    """Proposals that can be asked, each once, some with a further question that they answer."""
    wanted, forms = WANTED.get(view.scene.split), {name for name, _ in may.forms}
    made: dict[tuple, Draft] = {}
    for _ in range(PROPOSALS if wanted is None else SEARCHED):
        draft = propose(view, may, draw)
        if draft is None or (wanted is not None and not wanted(view, draft)):
            continue
        made.setdefault(_key(draft), draft)
        more = entailment.follow_up(view, draft, draw)
        if more is not None and more.form in forms and (wanted is None or wanted(view, more)):
            made.setdefault(_key(more), more)
    return list(made.values())


def _key(draft: Draft) -> tuple:
    """What two questions must not have in common: what is asked of what."""
    references = tuple(sorted(draft.references)) if len(draft.references) > 1 and draft.form != "larger" else draft.references
    form = {"different": "same", "existRel": "verifyRel"}.get(draft.form, draft.form)
    options = tuple(sorted(draft.options)) if form.startswith("logical") else draft.options
    return form, references, draft.kind, options, draft.name, draft.link


def _question(
    view: View, draft: Draft, names: list[str], k: int, follows: list[int], alike: list[int], style: float, neutral: bool
) -> Question:
    ids = view.ids
    text, full, annotations = wordings.sentence(draft, style, len(view.members.get(draft.name, ())) == 1, neutral)
    groups = tuple(_denoted(view, noun) for noun in draft.options) if draft.form in ("exist", "logicalExist") else ()
    fit = choices.valid(draft)
    return Question(
        id=names[k],
        scene=view.scene.id,
        text=text,
        answer=draft.answer,
        full_answer=full,
        structural=labels.structural(draft),
        semantic=labels.SEMANTIC.get(draft.form, "attr"),
        detailed=labels.detailed(draft),
        local=labels.local(draft),
        group="" if len(fit) == 2 else labels.group(draft),
        program=programs.program(draft, ids, groups),
        steps=programs.steps(draft, groups),
        hops=draft.hops,
        family=labels.family(draft),
        annotations={where: {at: ids[thing] for at, thing in found.items()} for where, found in annotations.items()},
        entailed=tuple(names[j] for j in follows),
        equivalent=tuple(names[j] for j in alike),
        valid=fit,
        plausible=choices.plausible(draft, view, fit),
        chance=draft.chance,
    )


def _denoted(view: View, noun: str) -> tuple[int, ...]:
    word, _, name = noun.rpartition(" ")
    return view.called(name, word)


def _blocks(make: Callable, scenes: Scenes, knobs: Knobs, jobs: int, *more: object) -> list:
    """What `make` makes of each block of scenes, in their order."""
    ends = [(at, min(at + BLOCK, len(scenes))) for at in range(0, len(scenes), BLOCK)]
    parts = (packed([scenes[k] for k in range(*here)]) for here in ends)
    if jobs == 1 or len(ends) < 2:
        return [make(part, knobs, *more) for part in parts]
    import joblib

    return joblib.Parallel(n_jobs=jobs)(joblib.delayed(make)(part, knobs, *more) for part in parts)


def _asked(scenes: Scenes, knobs: Knobs) -> list[Question]:
    return [question for k in range(len(scenes)) for question in ask(scenes[k], knobs)]


def _tabled(scenes: Scenes, knobs: Knobs, part: str, row: int) -> tuple[pa.Table, pa.Table]:
    """row: of the split's scene number 0."""
    rows = {scenes[k].id: row + scenes.first + k for k in range(len(scenes))}
    return table(_asked(scenes, knobs), part, rows)

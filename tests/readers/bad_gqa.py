"""Bad GQA folders: the good tiny one with one thing changed in it, and what has to be said about each."""

# ruff: noqa: E501 - a message stands on one line, as a person reads it

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmkit.readers import gqa

GOOD = Path(__file__).parent.parent / "fixtures/gqa/good"
Case = tuple[str, str, Callable[[Path], None]]
FORMAT, AGAIN = "data_scripts/README.md", "fetch it again"

TRAIN, VAL = "sceneGraphs/train_sceneGraphs.json", "sceneGraphs/val_sceneGraphs.json"
ASKED, ALL = "questions1.2/train_balanced_questions.json", "questions1.2/val_all_questions.json"
CHUNK = "questions1.2/train_all_questions/train_all_questions_2.json"
CHOICES, ANSWERS = "eval/val_choices.json", "trainval_label2ans.json"
DELETE = object()


def copy(tmp: Path) -> Path:
    """The good folder, to be changed."""
    return Path(shutil.copytree(GOOD, tmp / "gqa"))


def put(folder: Path, file: str, *changes: tuple[str, Any]) -> None:
    """Change values of a JSON file; "a/b" is the value under "b" in that under "a", `DELETE` takes it away."""
    data = json.loads((folder / file).read_text(encoding="utf-8"))
    for path, value in changes:
        *above, last = path.split("/")
        inner = data
        for key in above:
            inner = inner[int(key) if isinstance(inner, list) else key]
        if value is DELETE:
            del inner[last]
        else:
            inner[last] = value
    (folder / file).write_text(json.dumps(data), encoding="utf-8")


def changed(file: str, *changes: tuple[str, Any]) -> Callable[[Path], None]:
    def give(tmp: Path) -> None:
        folder = copy(tmp)
        put(folder, file, *changes)
        gqa.read(folder)

    return give


def files(**contents: bytes | str | None) -> Callable[[Path], None]:
    """The good folder with files replaced by bytes or by another file of it, or, with None, taken away."""
    known = {"train": TRAIN, "val": VAL, "asked": ASKED, "choices": CHOICES, "answers": ANSWERS, "all": ALL}

    def give(tmp: Path) -> None:
        folder = copy(tmp)
        for name, content in contents.items():
            path = folder / known[name]
            path.unlink()
            if content is not None:
                path.write_bytes((GOOD / content).read_bytes() if isinstance(content, str) else content)
        gqa.read(folder)

    return give


def misspelt(tmp: Path) -> None:
    (tmp / "train_scenegraphs.json").write_bytes((GOOD / TRAIN).read_bytes())
    (tmp / "train_balanced_questions.json").write_bytes((GOOD / ASKED).read_bytes())
    gqa.read(tmp)


def graphs_alone(tmp: Path) -> None:
    (tmp / "train_sceneGraphs.json").write_bytes((GOOD / TRAIN).read_bytes())
    gqa.read(tmp)


def another_list(tmp: Path) -> None:
    folder = copy(tmp)
    (folder / ANSWERS).write_text('["yes", "no"]')
    gqa.read(folder)


G, Q, F = "GQA, scene graphs: ", "GQA, questions: ", "GQA, files: "
GIRL, HAMBURGER = "2000001/objects/9", "2000001/objects/10"
AT = "train_sceneGraphs.json: graph 2000001: "
ASK = "train_balanced_questions.json: question "
# id, what is wrong, how to give it, the summary (or its beginning), the problems, a part of the advice
ROWS: list[tuple[str, str, Callable[[Path], None], str, list[str], str]] = [
    ("gqa_relation", G + "relations to objects that are not there", changed(TRAIN, (HAMBURGER + "/relations", [{"name": "on", "object": "1001"}, {"name": 5, "object": "9"}, {"name": "in", "object": 9}])),
     "gqa: 3 problems in GQA, DATA/gqa", [
         AT + "object 10: relation 'on' to object 1001, which is not in the graph",
         AT + "object 10: a relation is called 5, expected a text",
         AT + "object 10: relation 'in' to object 9, which is not in the graph",
     ], FORMAT),
    ("gqa_box", G + "boxes that are none, or lie outside the picture", changed(TRAIN, (HAMBURGER + "/x", 501), (GIRL + "/w", -3), ("2000001/objects/1000/h", "40"), ("2000002/objects/7/y", float("nan"))), "gqa: 4 problems", [
        AT + "object 10: box (501, 120, 50, 40) lies outside the picture of 500 x 400, expected it inside (x, y, w, h)",
        AT + "object 1000: box (200, 280, 100, '40'), expected four numbers (x, y, w, h)",
        AT + "object 9: box (50, 40, -3, 320) has a negative width or height, expected numbers above 0 (x, y, w, h)",
        "train_sceneGraphs.json: graph 2000002: object 7: box (0, nan, 200, 50), expected four numbers (x, y, w, h)",
    ], FORMAT),
    ("gqa_above", G + "boxes that lie above or left of the picture", changed(TRAIN, (HAMBURGER + "/x", -51), (GIRL + "/y", -321), ("2000001/objects/1000/y", 401)), "gqa: 3 problems", [
        AT + "object 10: box (-51, 120, 50, 40) lies outside the picture of 500 x 400, expected it inside (x, y, w, h)",
        AT + "object 1000: box (200, 401, 100, 40) lies outside the picture of 500 x 400, expected it inside (x, y, w, h)",
        AT + "object 9: box (50, -321, 150, 320) lies outside the picture of 500 x 400, expected it inside (x, y, w, h)",
    ], FORMAT),
    ("gqa_size", G + "a picture without a size", changed(TRAIN, ("2000001/width", 0), ("2000002/height", DELETE)), "gqa: 2 problems", [
        AT + "the picture is 0 x 400, expected two numbers above 0",
        "train_sceneGraphs.json: graph 2000002: the picture is 200 x None, expected two numbers above 0",
    ], FORMAT),
    ("gqa_fields", G + "fields that are missing or of another type", changed(TRAIN, (HAMBURGER + "/name", DELETE), (HAMBURGER + "/w", DELETE), (GIRL + "/name", " "), (GIRL + "/attributes", "young"), ("2000001/objects/1000/relations", ["on"]), ("2000002/objects/7", [1])), "gqa: 5 problems", [
        AT + "object 10: no 'name', 'w', expected name, x, y, w, h, attributes and relations",
        AT + "object 1000: 'relations' is ['on'], expected a list of objects with 'name' and 'object'",
        AT + "object 9: 'name' is ' ', expected a text",
        AT + "object 9: 'attributes' is 'young', expected a list of texts",
        "train_sceneGraphs.json: graph 2000002: object 7: is [1], expected an object with a name, a box, attributes and relations",
    ], FORMAT),
    ("gqa_objects", G + "graphs without a table of objects", changed(TRAIN, ("2000002/objects", [])), "gqa: 1 problem", ["train_sceneGraphs.json: graph 2000002: 'objects' is [], expected objects by id"], FORMAT),
    ("gqa_both", G + "a picture in train and in val", files(val=TRAIN, all=None), "gqa", [
        "val_sceneGraphs.json: graph 2000001: has a graph in another file already, expected one graph per picture",
        "val_sceneGraphs.json: graph 2000002: has a graph in another file already, expected one graph per picture",
    ], FORMAT),
    ("gqa_no_graph", Q + "questions about pictures without a graph", changed(ASKED, ("01/imageId", "n5"), ("03/imageId", "3000001")), "gqa", [
        ASK + "01: no graph of its picture n5 in train_sceneGraphs.json, expected one",
        ASK + "03: no graph of its picture 3000001 in train_sceneGraphs.json, expected one",
    ], FORMAT),
    ("gqa_types", Q + "types that are not known", changed(ASKED, ("01/types", {"structural": "ask", "semantic": "relation", "detailed": None})), "gqa: 3 problems", [
        ASK + "01: structural type 'ask', expected one of verify, query, choose, logical, compare",
        ASK + "01: semantic type 'relation', expected one of obj, attr, cat, rel, global",
        ASK + "01: detailed type None, expected a text",
    ], FORMAT),
    ("gqa_question_fields", Q + "fields that are missing", changed(ASKED, ("01/answer", DELETE), ("01/groups", {"global": None}), ("03/types", "choose")), "gqa", [
        ASK + "01: no 'answer', 'local' in 'groups', expected GQA's fields of a question",
        ASK + "03: 'types' is 'choose', expected an object with structural, semantic, detailed",
    ], FORMAT),
    ("gqa_question_values", Q + "values of another type", changed(ASKED, ("01/question", " "), ("01/answer", True), ("01/entailed", "02"), ("01/isBalanced", 1), ("01/groups/global", 3), ("03/question", " ")), "gqa", [
        ASK + "01: 'answer' is True, expected a text",
        ASK + "01: 'groups' is {'global': 3, 'local': '10-food_on,o'}, expected a text or null for global and local",
        ASK + "01: 'entailed' is '02', expected a list of ids",
        ASK + "01: 'isBalanced' is 1, expected true or false",
        ASK + "03: no text, expected some",
    ], FORMAT),
    ("gqa_program", Q + "programs in another form", changed(ASKED, ("01/semantic/3/argument", 4), ("03/semantic", ["select"])), "gqa", [
        ASK + "01: program step {'operation': 'query', 'dependencies': [2], 'argument': 4}, expected texts for operation and argument",
        ASK + "03: 'semantic' is ['select'], expected a list of operation, argument, dependencies",
    ], FORMAT),
    ("gqa_program_steps", Q + "programs whose steps depend on no steps", changed(ASKED, ("03/semantic/1/dependencies", ["0"])), "gqa", [
        ASK + "03: program step {'operation': 'choose color', 'dependencies': ['0'], 'arg..., expected numbers of steps for dependencies",
    ], FORMAT),
    ("gqa_unbalanced", Q + "a question in the balanced file that is not balanced", changed(ASKED, ("03/isBalanced", False)), "gqa", [
        ASK + "03: 'isBalanced' is false in the file of balanced questions, expected true",
    ], FORMAT),
    ("gqa_differs", Q + "a question that differs between two files", changed(CHUNK, ("01/answer", "yes")), "gqa: 1 problem", [
        "train_all_questions_2.json: question 01: says ('What is the food that the girl is holding on?', 'yes', '2000001') and in an earlier file ('What is the food that the girl is holding on?', 'tray', '2000001'), expected the same",
    ], FORMAT),
    ("gqa_answers", Q + "a list of answers that is another data set's", another_list, "gqa: 4 problems", [
        "question 01: answer 'tray', expected one of the 2 in the list",
        "question 03: answer 'blue', expected one of the 2 in the list",
        "question 12: answer 'cat', expected one of the 2 in the list",
        "question 14: answer 'black', expected one of the 2 in the list",
    ], FORMAT),
    ("gqa_answers_twice", Q + "an answer that stands twice in the list", files(answers=b'["yes", "no", "tray", "blue", "cat", "no", "black"]'), "gqa: 1 problem", ["trainval_label2ans.json: answer 'no' stands 2 times, expected once"], FORMAT),
    ("gqa_answers_type", Q + "a list of answers that is none", files(answers=b'{"yes": 0, "no": 1}'), "gqa: 1 problem", ["trainval_label2ans.json: holds {'yes': 0, 'no': 1}, expected a list of at least two texts"], FORMAT),
    ("gqa_choices", Q + "choices that lack a question, or are no lists", changed(CHOICES, ("11", DELETE), ("12/valid", "cat"), ("13/plausible", DELETE)), "gqa: 4 problems", [
        "val_choices.json: question 11: no 'valid' answers, expected a list of texts",
        "val_choices.json: question 11: no 'plausible' answers, expected a list of texts",
        "val_choices.json: question 12: 'valid' is 'cat', expected a list of texts",
        "val_choices.json: question 13: 'plausible' is None, expected a list of texts",
    ], FORMAT),
    ("gqa_swapped", F + "two files under each other's names", files(train=ASKED, asked=TRAIN), "gqa: 2 problems", [
        "train_sceneGraphs.json: holds questions, expected scene graphs; does it bear another file's name?",
        "train_balanced_questions.json: holds scene graphs, expected questions; does it bear another file's name?",
    ], FORMAT),
    ("gqa_cut", F + "a file that is cut off", files(train=(GOOD / TRAIN).read_bytes()[:400], choices=(GOOD / CHOICES).read_bytes()[:-20]), "gqa: 2 problems", [
        "train_sceneGraphs.json:2: Expecting ',' delimiter (column 399), expected JSON; is the file cut off?",
        "val_choices.json:4: Unterminated string starting at (column 32), expected JSON; is the file cut off?",
    ], FORMAT),
    ("gqa_list", F + "a list where an object belongs, and an empty object", files(choices=b"[1]", train=b"{}"), "gqa: 2 problems", [
        "train_sceneGraphs.json: holds no scene graphs, expected some",
        "val_choices.json: holds a list, expected an object with choices by id",
    ], FORMAT),
    ("gqa_empty", F + "a file of 0 bytes", files(choices=b""), "gqa: 1 problem", ["val_choices.json: is empty (0 bytes), expected choices"], AGAIN),
    ("gqa_page", F + "a web page under the name of the file", files(choices=b"<!DOCTYPE html><html>"), "gqa: 1 problem", ["val_choices.json:1: starts with '<!doctype html', expected choices; this is a web page"], "sign in"),
    ("gqa_bytes", F + "a file that is not UTF-8", files(answers=b'["yes", "caf\xe9", "no"]'), "gqa: 1 problem", ["trainval_label2ans.json:1: byte 12: 0xe9, expected UTF-8 (in Windows-1252 it is '\u00e9')"], "iconv"),
    ("gqa_train_alone", F + "questions of train without its scene graphs", files(train=None), "gqa: 3 problems", [
        "train_balanced_questions.json: no train_sceneGraphs.json beside it, expected the graphs of its pictures",
        "train_all_questions_2.json: no train_sceneGraphs.json beside it, expected the graphs of its pictures",
        "train_all_questions_10.json: no train_sceneGraphs.json beside it, expected the graphs of its pictures",
    ], FORMAT),
    ("gqa_misspelt", F + "a misspelt name of a file", misspelt, "gqa: 2 problems in GQA, DATA", [
        "train_balanced_questions.json: no train_sceneGraphs.json beside it, expected the graphs of its pictures",
        "no train_sceneGraphs.json and no val_sceneGraphs.json, expected at least one; there are train_balanced_questions.json, train_scenegraphs.json",
    ], FORMAT),
    ("gqa_graphs_alone", F + "scene graphs without questions", graphs_alone, "gqa: 1 problem in GQA, DATA", [
        "no train_balanced_questions.json, expected the questions; there are train_sceneGraphs.json",
    ], FORMAT),
]  # fmt: skip

CASES: list[Case] = [(id, what, give) for id, what, give, *_ in ROWS]
EXPECTED: dict[str, tuple[str, list[str], str]] = {
    id: (summary, problems, advice) for id, _, _, summary, problems, advice in ROWS
}

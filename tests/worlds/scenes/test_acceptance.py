"""The world as a whole, told from its files: read as real ones, made alike by one process or two, free of shortcuts."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mmkit import readers
from mmkit.schema import Dataset
from mmkit.worlds.scenes import captions, export_coco, export_gqa, generate, questions, splits
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.executor import execute
from mmkit.worlds.scenes.knobs import Knobs

KNOBS = Knobs(17)
SIZES = {"train": 200, "valid": 20, "test": 80}
QUESTION_ONLY = 0.35  # GQA's readers of questions alone reach .41; of questions that are not balanced this probe gets .37


def written(folder: Path, sizes: dict[str, int], jobs: int = 1) -> Path:
    """Scenes, questions and captions of all parts, as files."""
    worlds = [generate.scenes(KNOBS, part, count, jobs=jobs) for part, count in sizes.items()]
    for part, scenes in zip(sizes, worlds, strict=True):
        asked = questions.collect(scenes, KNOBS, jobs)
        export_gqa.write(folder / "gqa", scenes, asked, KNOBS, part, questions.balanced(asked, KNOBS.seed, part))
    export_coco.write(folder / "captions", worlds, KNOBS, jobs=jobs)
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("scenes"), SIZES)


@pytest.fixture(scope="module")
def data(root: Path) -> Dataset:
    return readers.load("gqa", root)


def test_files_are_found_and_read_as_real_ones_without_repair(root: Path, data: Dataset):
    assert [len(set(part.table["graph"].to_pylist())) for part in data.official()] == list(SIZES.values())
    told = re.compile(r"(graphs|balanced questions|further questions) of (train|valid|val)|questions in (train|valid|test)")
    assert [what for what in data.counts if not told.fullmatch(what)] == []
    for name in ("coco_captions", "karpathy"):
        said = readers.load(name, root)
        assert [len(part) for part in said.official()] == list(SIZES.values())
        assert not [what for what in said.counts if "kept" in what and "twice" not in what]


def test_one_process_or_two_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for module in (generate, questions, captions):
        monkeypatch.setattr(module, "BLOCK", 7)
    one, two = (written(tmp_path / str(jobs), {"train": 16, "valid": 8, "test": 9}, jobs) for jobs in (1, 2))
    files = sorted(path.relative_to(one) for path in one.rglob("*.json"))
    assert len(files) == 3 * 4 + 1 + 4  # four files per part and the answers; captions per part and all of them
    assert files == sorted(path.relative_to(two) for path in two.rglob("*.json"))
    assert all((one / file).read_bytes() == (two / file).read_bytes() for file in files)


def test_another_order_of_objects_changes_nothing(root: Path, data: Dataset, tmp_path: Path):
    """Ids that sort the other way round, relations listed backwards: the same questions of the same graphs, in other rows."""
    folder = Path(shutil.copytree(root / "gqa", tmp_path / "gqa"))
    for path in folder.glob("val_*.json"):
        path.write_text(re.sub(r"(test_\d{7})_(\d\d)\b", lambda id: f"{id[1]}_{99 - int(id[2])}", path.read_text()))
    file = folder / "val_sceneGraphs.json"
    graphs = json.loads(file.read_text())
    for graph in graphs.values():
        for thing in graph["objects"].values():
            thing["relations"].reverse()
    file.write_text(json.dumps(graphs))
    turned = readers.load("gqa", folder)
    assert turned.records.table.equals(data.records.table)
    assert not turned.graphs.equals(data.graphs)
    ours, theirs = data.graphs.to_pylist(), turned.graphs.to_pylist()
    rows = zip(data.records.table.to_pylist(), data.records.truth.to_pylist(), turned.records.truth.to_pylist(), strict=True)
    for row, truth, again in rows:
        if row["part"] != "test":
            assert truth["steps"] == again["steps"]
            continue
        n = len(ours[row["graph"]]["name"])
        assert [sorted(n - 1 - k for k in step) for step in again["steps"]] == [sorted(step) for step in truth["steps"]]
    asked = json.loads((folder / "val_all_questions.json").read_text()).items()
    place = dict(zip(turned.records.table["id"].to_pylist(), turned.records.table["graph"].to_pylist(), strict=True))
    for id, each in asked:
        if each["types"]["semantic"] != "global" and each["semantic"][-1]["operation"] != "larger":
            program = tuple((s["operation"], s["argument"], tuple(s["dependencies"])) for s in each["semantic"])
            assert execute(program, ours[place[id]]) == execute(program, theirs[place[id]]) == each["answer"]


def test_what_is_held_out_is_in_no_file(root: Path):
    """Neither shown by a graph nor said in a caption, under any name. Every category is in so many pictures that it would be."""
    pairs, triples = splits.held_pairs(KNOBS.seed), splits.held_triples(KNOBS.seed)
    held = {(v.CATEGORIES[c], v.COLOURS[k]) for c, k in np.argwhere(pairs).tolist()}
    linked = {(v.CATEGORIES[s], v.SEMANTIC[r], v.CATEGORIES[o]) for s, r, o in np.argwhere(triples).tolist()}
    shown, related = Counter(), Counter()
    for file in (root / "gqa").glob("*_sceneGraphs.json"):
        for graph in json.loads(file.read_text()).values():
            for thing in graph["objects"].values():
                shown.update((thing["name"], word) for word in thing["attributes"] if word in v.COLOURS)
                ends = [(each["name"], graph["objects"][each["object"]]["name"]) for each in thing["relations"]]
                related.update((thing["name"], relation, end) for relation, end in ends)
    assert held.isdisjoint(shown)
    assert linked.isdisjoint(related)
    assert len(shown) > 0.9 * (pairs.size - len(held))  # nearly all others are there
    files = [json.loads(file.read_text()) for file in (root / "captions").glob("captions_*.json")]
    said = "\n".join(each["caption"] for file in files for each in file["annotations"])

    def in_captions(name: str, colour: str) -> bool:
        return bool(re.search(rf"\b{colour}( \S+)? ({'|'.join((name, *v.SYNONYMS.get(name, ())))})\b", said))

    assert [pair for pair in sorted(held) if in_captions(*pair)] == []
    assert sum(in_captions(*pair) for pair in shown) > 0.5 * len(shown)


class Probe:
    """Naive Bayes on sets of words: what one look at each word tells of the answer."""

    def __init__(self, texts: list[list[str]], answers: NDArray[np.int64]) -> None:
        self.column = {word: k for k, word in enumerate(sorted({word for words in texts for word in words}))}
        x, seen = self.table(texts), np.eye(answers.max() + 1)[answers]
        counts = seen.T @ x + 0.5
        self.weight = np.log(counts / counts.sum(axis=1, keepdims=True))
        self.prior = np.log(seen.mean(axis=0) + 1e-9)

    def table(self, texts: list[list[str]]) -> NDArray[np.float32]:
        x = np.zeros((len(texts), len(self.column)), np.float32)
        for row, words in enumerate(texts):
            x[row, [self.column[word] for word in set(words) if word in self.column]] = 1
        return x

    def right(self, texts: list[list[str]], answers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each guess is right, with the weight of the words against the prior that suits these texts best."""
        x = self.table(texts) @ self.weight.T
        guesses = [(trust * x + self.prior).argmax(axis=1) == answers for trust in (0.01, 0.03, 0.1, 0.3, 1.0)]
        return max(guesses, key=np.mean)


def seen(graph: dict[str, Any]) -> list[str]:
    """What a scene shows: names, attributes, attributes of names, relations."""
    said = [(name, word) for name, words in zip(graph["name"], graph["attributes"], strict=True) for word in words]
    return [*graph["name"], *graph["relation"], *(word for _, word in said), *(f"{word} {name}" for name, word in said)]


def asked(question: str) -> list[str]:
    """The words of a question, and each two in a row."""
    words = question.removesuffix("?").split()
    return [*words, *(f"{one} {two}" for one, two in pairwise(words))]


def test_neither_questions_nor_scenes_give_the_answers_away(root: Path, data: Dataset):
    train, _, test = (part.table.filter(part.table["balanced"]) for part in data.official())
    answers, wanted = train["answer"].to_numpy(), test["answer"].to_numpy()
    most = (wanted == np.bincount(answers).argmax()).mean()
    either = np.isin(wanted, [data.schema.classes.index(word) for word in ("yes", "no")])

    said = [[asked(text) for text in part["question"].to_pylist()] for part in (train, test)]
    right = Probe(said[0], answers).right(said[1], wanted)
    assert most + 0.1 < right.mean() < QUESTION_ONLY
    assert right[either].mean() < 0.56  # of yes and no: as good as a coin, whose standard error is .026

    scenes = [seen(graph) for graph in data.graphs.to_pylist()]
    shown = [[scenes[row] for row in part["graph"].to_pylist()] for part in (train, test)]
    blind = Probe(shown[0], answers).right(shown[1], wanted)
    assert blind.mean() < most + 0.02
    assert blind[either].mean() < 0.56
    files = [json.loads(file.read_text()) for file in (root / "gqa").glob("*_sceneGraphs.json")]
    place = {id: v.PLACES.index(graph["location"]) for graphs in files for id, graph in graphs.items()}
    places = np.array([place[id] for id in data.graphs["id"].to_pylist()])
    n = SIZES["train"]
    assert Probe(scenes[:n], places[:n]).right(scenes[n:], places[n:]).mean() > 0.4  # what depends on the scene, it does see

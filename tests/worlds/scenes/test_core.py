"""The smallest world of scenes: every stored answer follows from the graph, and nothing else gives it away."""

from __future__ import annotations

import re

import numpy as np
import pytest

from mmkit.errors import SettingsError
from mmkit.worlds.scenes import core, core_questions
from mmkit.worlds.scenes.core_data import make

SOME = (0.3, 0.4, 0.3)


@pytest.fixture(scope="module")
def data():
    return make(2000, 3, hops=SOME)


def answer(question: str, graph: dict) -> str:
    """A reader of its own: follows the words through the graph as it stands in the table."""
    colour = [a[0] for a in graph["attributes"]]

    def things(reference: str) -> list[int]:
        if found := re.fullmatch(rf"the thing ({'|'.join(core.RELATIONS)}) (.*)", reference):
            to = things(found[2])
            arrows = zip(graph["source"], graph["target"], graph["relation"], strict=True)
            return [s for s, t, r in arrows if r == found[1] and t in to]
        return [i for i, name in enumerate(graph["name"]) if f"the {name}" == reference]

    def one(reference: str) -> int:
        (thing,) = things(reference)
        return thing

    if found := re.fullmatch(r"what color is (.*)\?", question):
        return colour[one(found[1])]
    if found := re.fullmatch(r"is (.*) (\w+) or (\w+)\?", question):
        assert colour[one(found[1])] in found.groups()[1:]
        return colour[one(found[1])]
    found = re.fullmatch(r"is (.*) (\w+)\?", question)
    return "yes" if colour[one(found[1])] == found[2] else "no"


def test_every_answer_follows_from_words_and_graph(data):
    graphs = data.graphs.to_pylist()
    for row in data.records.table.to_pylist():
        assert data.schema.classes[row["answer"]] == answer(row["question"], graphs[row["graph"]]), row
        assert data.schema.classes[row["answer"]] in row["valid"]


def test_steps_name_what_the_question_goes_through(data):
    graphs, truth = data.graphs.to_pylist(), data.records.truth.to_pylist()
    long = 0
    for row, known in zip(data.records.table.to_pylist(), truth, strict=True):
        if known["hops"] == 0:
            continue
        graph, question = graphs[row["graph"]], row["question"]
        assert len(known["steps"]) == known["hops"] + 1 == question.count("the thing") + 1
        (first,), relations = known["steps"][0], re.findall(rf"thing ({'|'.join(core.RELATIONS)})", question)[::-1]
        assert f"the {graph['name'][first]}" in question
        arrows = set(zip(graph["source"], graph["target"], graph["relation"], strict=True))
        for (to,), (of,), relation in zip(known["steps"], known["steps"][1:], relations, strict=False):
            assert (of, to, relation) in arrows
        assert len({s for (s,) in known["steps"]}) == len(known["steps"])
        long += known["hops"] == 2
    assert long > 100


def test_what_a_question_entails_is_true_and_asked_elsewhere(data):
    table = data.records.table.to_pandas()
    at = {id: i for i, id in enumerate(table["id"])}
    entailing = [(i, e) for i, es in enumerate(table["entailed"]) for e in es]
    assert len(entailing) > 300
    assert all(not table["balanced"][at[e]] and table["graph"][at[e]] == table["graph"][i] for i, e in entailing)
    assert set(table["part"][~table["balanced"]]) == {"test"}
    assert set(table["id"][~table["balanced"]]) == {e for _, e in entailing}
    # "no" to one color does not tell which color it is, so nothing may follow from it
    no = (table["structural"] == "verify") & (table["answer"] == data.schema.classes.index("no"))
    assert not table["entailed"][no].map(len).any()
    shortest = min(table["question"][[at[e] for _, e in entailing]].map(len))
    assert shortest > 10


def test_no_question_entails_one_that_asks_the_same(data):
    """A color tells all three; who knows which of two it is knows both of their "is it"; a "yes" tells what another is not."""
    rows = {row["id"]: row for row in data.records.table.to_pylist()}
    told = {"color": ["verify yes", "verify no", "choose"], "choose": ["verify yes", "verify no"]}
    told |= {"verify yes": ["verify no", "choose"], "verify no": []}

    def kind(row: dict) -> str:
        form, answer = row["detailed"][:-1], data.schema.classes[row["answer"]]
        return f"verify {answer}" if form == "verify" else form

    asked = [row for row in rows.values() if row["part"] == "test" and row["balanced"]]
    for row in asked:
        assert [kind(rows[e]) for e in row["entailed"]] == told[kind(row)]
    assert {kind(row) for row in asked} == set(told)


def test_a_graph_depends_on_its_number_alone():
    graphs, asked = core.draw(5, "train", 0, 300, SOME)
    again, asked_again = core.draw(5, "train", 120, 40, SOME)
    for name in ("category", "colour", "label"):
        np.testing.assert_array_equal(getattr(again, name), getattr(graphs, name)[120:160])
    np.testing.assert_array_equal(asked_again.chain, asked.chain[120:160])
    np.testing.assert_array_equal(asked_again.answer, asked.answer[120:160])
    for seed, split in ((6, "train"), (5, "test")):
        assert (core.draw(seed, split, 0, 300)[0].colour != graphs.colour).mean() > 0.7


def test_nulls_change_one_thing(data):
    other = make(2000, 3, null="edge_types", hops=SOME)
    assert other.records.table.equals(data.records.table)
    for column in data.graphs.column_names:
        same = other.graphs[column].equals(data.graphs[column])
        assert same == (column != "relation")
    old, new = (np.concatenate(d.graphs["relation"].to_numpy()) for d in (data, other))
    assert abs((old == new).mean() - 1 / 6) < 0.02
    assert set(make(400, 3, null="hops0").records.truth["hops"].to_pylist()) == {0}
    assert other.fingerprint != data.fingerprint


def test_shares_and_balance():
    _, asked = core.draw(0, "train", 0, 20_000)
    color, verify, choose = (asked.form == i for i in range(3))
    assert abs((asked.answer[verify] == core.ANSWERS.index("yes")).mean() - 0.5) < 0.02
    share = np.bincount(asked.answer[color], minlength=8)[core.COLOUR_ANSWER] / color.sum()
    assert np.abs(share - 1 / 6).max() < 0.01
    assert abs((asked.options[choose, 0] == asked.options[choose].max(axis=1)).mean() - 0.5) < 0.03
    np.testing.assert_allclose([color.mean(), verify.mean(), choose.mean()], core.FORM_SHARES, atol=0.01)
    np.testing.assert_allclose(np.bincount(asked.hops) / 20_000, core.HOPS, atol=0.02)


def test_the_guesser_without_labels_by_hand():
    """Three arrows to the dog, from red, red and blue things; with one path of two arrows beside it."""
    category = np.array([[1, 0, 2, 3, 4, 5]])
    colour = np.array([[4, 0, 0, 1, 2, 3]])
    label = np.full((1, 6, 6), -1)
    label[0, [1, 2, 3], 0] = [0, 1, 2]
    label[0, 4, 3] = 3
    graphs = core.Graphs(category, colour, label)
    yes = core.ANSWERS.index("yes")

    def score(form: str, hops: int, answer: int, options: tuple[int, int] = (-1, -1)) -> float:
        chain, relations = np.full((1, 4), -1), np.full((1, 3), -1)
        chain[0, 0] = 0
        asked = core.Asked(
            *(np.array([v]) for v in (core.FORMS.index(form), hops)), chain, relations, np.array([answer]), np.array([options])
        )
        return core_questions.chance(graphs, asked)[0]

    red, blue, green = (core.ANSWERS.index(c) for c in ("red", "blue", "green"))
    assert score("color", 1, red) == 1
    assert score("color", 1, blue) == 0
    assert score("color", 2, green) == 1
    assert score("color", 2, red) == 0
    # "is it blue?": 1 of 3 paths leads to blue; a wrong blue is offered for 2 of 3 with .7 / 4 + .3 / 5 = .235
    assert score("verify", 1, yes, (1, -1)) == 1
    assert score("choose", 1, red, (0, 1)) == 1
    assert score("choose", 1, blue, (0, 1)) == 0


def test_wrong_colours_are_offered_as_often_as_said():
    rng = np.random.default_rng(0)
    colour = np.tile([[0, 0, 1, 2, 2, 5]], (40_000, 1))
    drawn = core._wrong_colour(colour, np.zeros(40_000, int), rng.random(40_000), rng.random(40_000))
    np.testing.assert_allclose(np.bincount(drawn, minlength=6) / 40_000, core.offered(colour[:1])[0, 0], atol=0.01)
    one = core.offered(np.zeros((1, 6), int))[0]
    np.testing.assert_allclose(one[0], [0, 0.2, 0.2, 0.2, 0.2, 0.2])


def test_three_relations_on_request():
    data = make(200, 0, hops=(0, 0, 0, 1))
    hops = np.array(data.records.truth["hops"].to_pylist())
    assert (hops == 3).mean() > 0.8  # some graphs have no such path
    assert data.records.truth["chance"].to_numpy().max() <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"null": "hop0"}, "no null control 'hop0'.*hops0"),
        ({"records": 5}, "records = 5, expected at least 20"),
        ({"hops": (0.5, 0.4)}, "shares that sum to 1"),
    ],
)
def test_what_cannot_be_made_is_told(arguments, message):
    with pytest.raises(SettingsError, match=message):
        make(**({"records": 100, "seed": 0} | arguments))

"""Programs run on a graph made by hand: every operation, and what cannot be answered."""

from __future__ import annotations

import pytest

from mmkit.errors import DataError
from mmkit.worlds.scenes.executor import denoted, execute
from mmkit.worlds.scenes.programs import Program, Step

GRAPH = {
    "id": "g",
    "name": ["man", "dog", "dog", "cup", "cup", "hat", "table"],
    "attributes": [["white"], ["small", "brown", "sitting"], ["black", "lying"], ["red", "glass", "round"],
                   ["blue", "glass", "square"], ["red", "cloth"], ["red", "wooden", "round"]],
    "box": [[0.3, 0.3, 0.2, 0.4], [0.1, 0.4, 0.1, 0.1], [0.6, 0.4, 0.11, 0.1], [0.4, 0.5, 0.05, 0.05], [0.9, 0.5, 0.05, 0.05],
            [0.3, 0.1, 0.1, 0.1], [0.5, 0.6, 0.4, 0.3]],
    "source": [1, 0, 5, 4, 1, 0, 2],
    "relation": ["watching", "holding", "above", "to the right of", "to the left of", "wearing", "behind"],
    "target": [0, 3, 0, 2, 0, 5, 6],
    "place": "park", "weather": "snowy", "time": "day",
}  # fmt: skip


def program(*steps: str) -> Program:
    """'relate _,holding,s (3) < 0' is a step that depends on step 0; without '<' it depends on the one before, if any."""
    made = []
    for k, text in enumerate(steps):
        body, _, given = text.partition(" < ")
        operation, _, argument = body.partition(": ")
        dependencies = tuple(map(int, given.split(","))) if given else ((k - 1,) if operation != "select" else ())
        made.append(Step(operation, argument, dependencies))
    return tuple(made)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (("select: hat (5)", "query: color"), "red"),
        (("select: dog (1)", "filter color: brown", "query: state"), "sitting"),
        (("select: dog (1)", "filter size: small", "query: color"), "brown"),
        (("select: man (0)", "relate: _,watching,s (1)", "query: name"), "dog"),
        (("select: man (0)", "relate: _,holding,o (3)", "query: name"), "cup"),
        (("select: man (0)", "relate: cup,holding,o (3)", "query: color"), "red"),
        (("select: man (0)", "relate: animal,watching,s (1)", "query: color"), "brown"),
        (("select: man (0)", "relate: _,wearing,o (5)", "query: type"), "clothing"),
        (("select: man (0)", "relate: dog,watching,s (1)", "relate: _,to the left of,o (0)", "query: color"), "white"),
        (("select: hat (5)", "verify color: red"), "yes"),
        (("select: hat (5)", "verify material: paper"), "no"),
        (("select: man (0)", "verify rel: dog,watching,s (1)"), "yes"),
        (("select: man (0)", "verify rel: dog,watching,o (-)"), "no"),
        (("select: man (0)", "verify rel: cup,watching,s (-)"), "no"),
        (("select: man (0)", "choose rel: cup,carrying|holding,o (3)"), "holding"),
        (("select: hat (5)", "choose color: blue|red"), "red"),
        (("select: kite (-)", "exist: ?"), "no"),
        (("select: tableware (3,4)", "filter color: blue", "exist: ?"), "yes"),
        (("select: dog (1,2)", "filter color: red", "exist: ?"), "no"),
        (("select: table (6)", "relate: dog,behind,s (2)", "exist: ?"), "yes"),
        (("select: cup (3,4)", "exist: ?", "select: kite (-)", "exist: ?", "and:  < 1,3"), "no"),
        (("select: cup (3,4)", "exist: ?", "select: kite (-)", "exist: ?", "or:  < 1,3"), "yes"),
        (("select: hat (5)", "verify color: red < 0", "verify material: cloth < 0", "and:  < 1,2"), "yes"),
        (("select: hat (5)", "verify color: blue < 0", "verify material: glass < 0", "or:  < 1,2"), "no"),
        (("select: hat (5)", "select: table (6)", "same color:  < 0,1"), "yes"),
        (("select: hat (5)", "select: table (6)", "different color:  < 0,1"), "no"),
        (("select: hat (5)", "select: table (6)", "same material:  < 0,1"), "no"),
        (("select: hat (5)", "select: table (6)", "common:  < 0,1"), "color"),
        (("select: man (0)", "select: hat (5)", "larger:  < 0,1"), "yes"),
        (("select: hat (5)", "select: man (0)", "larger:  < 0,1"), "no"),
        (("select: hat (5)", "select: man (0)", "select: table (6)", "odd color:  < 0,1,2"), "man"),
        (("select: tableware (3,4)", "count same: material"), "1"),
        (("select: dog (1,2)", "count same: color"), "0"),
        (("select: scene (-)", "query: place"), "park"),
        (("select: scene (-)", "query: location"), "outdoors"),
        (("select: scene (-)", "verify weather: sunny"), "no"),
        (("select: scene (-)", "choose time: day|night"), "day"),
    ],
)
def test_each_operation_by_hand(steps, expected):
    assert execute(program(*steps), GRAPH) == expected


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (("select: dog (1)", "query: color"), "2 objects where one is meant"),
        (("select: kite (1)", "query: color"), "0 objects where one is meant"),
        (("select: dog (1)", "relate: _,watching,o (0)", "query: name"), "2 objects"),
        (("select: man (0)", "query: material"), "object 0 has no material"),
        (("select: man (0)", "choose rel: dog,to the left of|watching,s (1)"), "2 objects"),
        (("select: hat (5)", "choose color: blue|white"), "0 objects"),
        (
            ("select: dog (1)", "filter color: brown", "select: dog (2)", "filter color: black", "larger:  < 1,3"),
            "clearly larger",
        ),
        (("select: table (6)", "filter color: red", "select: hat (5)", "common:  < 0,0"), "objects where one is meant"),
    ],
)
def test_what_has_no_single_answer_is_refused(steps, said):
    with pytest.raises(DataError, match=said):
        execute(program(*steps), GRAPH)


def test_what_the_graph_does_not_say_is_refused():
    graph = {key: value for key, value in GRAPH.items() if key != "weather"}
    with pytest.raises(DataError, match="'g' does not tell its weather"):
        execute(program("select: scene (-)", "query: weather"), graph)


def test_all_true_relations_are_asked_as_well():
    shown = list(zip(GRAPH["source"], GRAPH["relation"], GRAPH["target"], strict=True))
    which = program("select: hat (5)", "relate: _,above,o (0)", "query: name")
    assert execute(which, GRAPH, shown) == "man"
    with pytest.raises(DataError, match="2 objects"):  # the graph leaves out that the hat is above the cup, too
        execute(which, GRAPH, [*shown, (5, "above", 3)])
    verify = program("select: hat (5)", "verify rel: cup,above,o (3)")
    with pytest.raises(DataError, match="the graph says 'no', all true relations say 'yes'"):
        execute(verify, GRAPH, [*shown, (5, "above", 3)])


def test_denoted_objects_per_step():
    steps = program(
        "select: dog (1)", "filter color: brown", "relate: _,watching,o (0)", "relate: cup,holding,o (3)", "query: color"
    )
    assert denoted(steps, GRAPH) == ((1,), (0,), (3,))
    both = program("select: cup (3,4)", "exist: ?", "select: dog (1)", "filter color: brown", "exist: ?", "and:  < 1,4")
    assert denoted(both, GRAPH) == ((3, 4), (1,))

"""Scenes as graphs in the columns of the schema."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from mmkit.schema import GRAPH
from mmkit.schema.questions import graph_problems
from mmkit.worlds.scenes import generate, graphs, spatial
from mmkit.worlds.scenes import vocabulary as v
from mmkit.worlds.scenes.knobs import Knobs


@cache
def drawn():
    return generate.scenes(Knobs(6), "valid", 40, first=100)


@pytest.mark.parametrize("types", ["true", "random"])
@pytest.mark.parametrize("nearest", [2, 4])
def test_every_row_is_its_scene(nearest, types):
    table = graphs.table(drawn(), nearest, types)
    assert table.schema.equals(GRAPH)
    assert table.num_rows == 40
    assert graph_problems("scenes", table) == []
    for row, graph in enumerate(table.to_pylist()):
        scene = drawn()[row]
        assert graph["id"] == scene.id == f"valid_{100 + row:07d}"
        assert graph["name"] == [v.CATEGORIES[c] for c in scene.category]
        np.testing.assert_array_equal(np.array(graph["box"], dtype=np.float32), scene.box)
        edges = [(s, v.RELATIONS[r], o) for s, r, o in spatial.edges(scene, nearest, types).tolist()]
        assert list(zip(graph["source"], graph["relation"], graph["target"], strict=True)) == edges


def test_attributes_are_words_in_the_order_in_which_they_are_said():
    table = graphs.table(drawn(), 4)
    for row, said in enumerate(table["attributes"].to_pylist()):
        scene = drawn()[row]
        assert said == graphs.attributes(scene)
        for k, words in enumerate(said):
            expected = [v.SIZES[scene.size[k]], v.COLOURS[scene.colour[k]]]
            expected += [v.MATERIALS[scene.material[k]]] if scene.material[k] >= 0 else []
            expected += [v.SHAPES[scene.shape[k]]] if scene.shape[k] >= 0 else []
            expected += [v.STATES[scene.state[k]]] if scene.state[k] >= 0 else []
            assert words == [word for word in expected if word]  # medium size is not said
    words = {word for graph in table["attributes"].to_pylist() for words in graph for word in words}
    assert {"small", "red", "wooden", "round", "sitting"} <= words


def test_one_scene_alone():
    alone = generate.scenes(Knobs(6), "valid", 1, first=117)
    assert graphs.table(alone, 4).equals(graphs.table(drawn(), 4).slice(17, 1))

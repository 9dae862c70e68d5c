"""Graphs to tensors: against a slow way that builds each graph with lists, alone and in batches, and to DGL and back."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa
import pytest
import torch

from mmkit.batches.dgl_graphs import from_dgl, load_dgl, to_dgl
from mmkit.batches.graphs import GraphBatch, GraphStore
from mmkit.errors import DataError, SettingsError
from mmkit.schema import GRAPH
from tests.layers.graph_cases import needs_dgl

NAMES, ATTRIBUTES, RELATIONS = ["dog", "cat", "ball"], ["red", "big", "old"], ["near", "holding", "to the left of"]
WORDS = ["<pad>", "<unk>", "<self>", *NAMES, *ATTRIBUTES, *RELATIONS]
IDS = {word: n for n, word in enumerate(WORDS)}
TENSORS = [name for name, kind in GraphBatch.__annotations__.items() if kind == "Tensor"]


def graph(names, attributes, relations, number=0):
    source, relation, target = zip(*relations, strict=True) if relations else ((), (), ())
    return {
        "id": str(number), "name": names, "attributes": attributes, "box": [[0.0, 0.0, 1.0, 1.0]] * len(names),
        "source": list(source), "target": list(target), "relation": list(relation),
    }  # fmt: skip


def random_graphs(count=12, seed=0):
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        n = int(rng.integers(1, 6))
        relations = [(int(rng.integers(n)), str(rng.choice(RELATIONS)), int(rng.integers(n))) for _ in range(rng.integers(8))]
        attributes = [[str(a) for a in rng.choice(ATTRIBUTES, rng.integers(4))] for _ in range(n)]
        rows.append(graph([str(name) for name in rng.choice(NAMES, n)], attributes, relations, number))
    rows[3] = graph([], [], [], 3)
    rows[5] = graph(["dog"], [[]], [], 5)
    rows[7] = graph(["dog", "cat"], [["red"], []], [(0, "near", 1), (0, "near", 1), (1, "holding", 1)], 7)
    return rows


def table(rows):
    return pa.Table.from_pylist(rows, schema=GRAPH)


ROWS = random_graphs()


def edges_of(row, reverse):
    """(source, target, token, reverse) of one graph, as a sorted list."""
    relations = list(zip(row["source"], row["target"], row["relation"], strict=True))
    pairs = {(s, t) for s, t, _ in relations}
    found = [(s, t, IDS[r], False) for s, t, r in relations] + [(n, n, IDS["<self>"], False) for n in range(len(row["name"]))]
    if reverse:
        found += [(t, s, IDS[r], True) for s, t, r in relations if (t, s) not in pairs]
    return sorted(found)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("order", [[0], [7, 3, 5], [5, 5, 1, 5], list(range(12))])
def test_a_batch_is_its_graphs_one_after_the_other(order, reverse):
    batch = GraphStore.from_table(table(ROWS), IDS, reverse).batch(order)
    assert batch.size == len(order)
    first = end = 0
    for b, row in enumerate(ROWS[r] for r in order):
        nodes = slice(first, first + len(row["name"]))
        wanted = edges_of(row, reverse)
        edges = slice(end, end + len(wanted))
        assert batch.node_offsets[b : b + 2].tolist() == [nodes.start, nodes.stop]
        assert batch.edge_offsets[b : b + 2].tolist() == [edges.start, edges.stop]
        assert (batch.graph[nodes] == b).all()
        assert (batch.edge_graph[edges] == b).all()
        columns = (batch.source - first, batch.target - first, batch.edge_token, batch.edge_reverse)
        assert sorted(zip(*(column[edges].tolist() for column in columns), strict=True)) == wanted
        for node, (name, attributes) in enumerate(zip(row["name"], row["attributes"], strict=True), start=first):
            assert batch.node_tokens[node][batch.node_keep[node]].tolist() == [IDS[name], *(IDS[a] for a in attributes)]
            assert not batch.node_tokens[node][~batch.node_keep[node]].any()  # <pad> is 0
        first, end = nodes.stop, edges.stop
    assert (batch.nodes, batch.edges) == (first, end)
    assert (batch.target.diff() >= 0).all()
    for node in range(batch.nodes):
        into = slice(*batch.target_offsets[node : node + 2].tolist())
        assert (batch.target[into] == node).all()
        assert batch.in_degree[node] == into.stop - into.start > 0
    assert batch.target_offsets[-1] == batch.edges
    flags = {"node_keep", "edge_reverse"}
    assert all(getattr(batch, name).dtype == (torch.bool if name in flags else torch.int64) for name in TENSORS)


def test_flags_of_reverse_edges_do_not_depend_on_the_batch():
    """Three equal graphs of one relation: the added edge is flagged in each of them, not thrice in the first."""
    row = graph(["dog", "cat"], [[], []], [(0, "near", 1)])
    batch = GraphStore.from_table(table([row] * 3), IDS, reverse=True).batch([0, 1, 2])
    flagged = batch.edge_reverse.nonzero().flatten()
    assert list(zip(batch.source[flagged].tolist(), batch.target[flagged].tolist(), strict=True)) == [(1, 0), (3, 2), (5, 4)]


def test_a_relation_with_a_partner_is_not_reversed():
    """A partner is any edge back, of whatever relation; an object's relation to itself is its own."""
    row = graph(["dog", "cat", "ball"], [[]] * 3, [(0, "near", 1), (1, "holding", 0), (2, "near", 2), (2, "near", 0)])
    batch = GraphStore.from_table(table([row]), IDS, reverse=True).batch([0])
    added = batch.edge_reverse
    assert batch.edges == 4 + 3 + 1
    assert [batch.source[added].tolist(), batch.target[added].tolist(), batch.edge_token[added].tolist()] == [
        [0],
        [2],
        [IDS["near"]],
    ]


def test_partners_are_of_the_same_graph():
    """Node 1 of a graph of two and node 0 of the next are neighbours by number only."""
    rows = [graph(["dog", "cat"], [[], []], [(0, "near", 1)]), graph(["dog", "cat"], [[], []], [(1, "near", 0)])]
    batch = GraphStore.from_table(table(rows), IDS, reverse=True).batch([0, 1])
    assert batch.edge_reverse.sum() == 2


def test_tables_in_pieces_and_slices():
    whole = GraphStore.from_table(table(ROWS), IDS, True).batch(range(4, 10))
    for piece in (
        table(ROWS).slice(4, 6),
        pa.concat_tables([table(ROWS[4:5]), table(ROWS[5:8]), table(ROWS[8:10])]),
        table(ROWS).take(list(range(4, 10))),
    ):
        batch = GraphStore.from_table(piece, IDS, True).batch(range(6))
        for name in TENSORS:
            if not name.startswith("node_"):
                assert torch.equal(getattr(batch, name), getattr(whole, name)), name
        width = batch.node_tokens.shape[1]  # of the widest node in the table
        assert torch.equal(batch.node_tokens, whole.node_tokens[:, :width])


def test_words_without_an_id():
    rows = [graph(["dog", "yak"], [["red", "odd"], []], [(0, "near", 1), (1, "chasing", 0)]), graph(["yak"], [[]], [])]
    store = GraphStore.from_table(table(rows), IDS)
    assert store.unknown == 4
    batch = store.batch([0])
    assert batch.node_tokens.tolist() == [[IDS["dog"], IDS["red"], 1], [1, 0, 0]]
    assert sorted(batch.edge_token.tolist()) == [1, 2, 2, IDS["near"]]
    known = {word: n for word, n in IDS.items() if word != "<unk>"}
    with pytest.raises(DataError, match="3 words of the graphs have no id") as error:
        GraphStore.from_table(table(rows), known)
    assert error.value.problems == ["attributes: 'odd'", "name: 'yak'", "relation: 'chasing'"]
    with pytest.raises(DataError, match="no '<self>'"):
        GraphStore.from_table(table(rows), {"dog": 0})


def test_pads_are_the_vocabularys():
    ids = {word: n + 5 for word, n in IDS.items()}
    batch = GraphStore.from_table(table(ROWS), ids).batch(range(12))
    assert (batch.node_tokens[~batch.node_keep] == 5).all()
    assert (batch.node_tokens[batch.node_keep] > 5).all()


def test_what_does_not_fit_is_refused():
    rows = [graph(["dog", "cat"], [[], []], [(0, "near", 2)])]
    with pytest.raises(DataError, match="relation whose target is object 2, expected a number below 2"):
        GraphStore.from_table(table(rows), IDS)
    with pytest.raises(DataError, match="column 'box' is missing"):
        GraphStore.from_table(table(rows).drop_columns("box"), IDS)
    one = np.zeros((3, 1), dtype=np.int64)
    arrays = {"nodes": [2, 1], "edges": [1, 1], "node_tokens": one, "node_keep": one == 0, "source": [0, 0], "target": [1, 0],
              "edge_token": [1, 1], "self_token": 2}  # fmt: skip
    assert len(GraphStore.from_arrays(**{name: np.array(value) for name, value in arrays.items()})) == 2
    for changed, told in (
        ({"source": [0, 1]}, "edge 1: source is node 1, expected a number below 1"),
        ({"target": [-1, 0]}, "edge 0: target is node -1, expected a number below 2"),
        ({"edge_token": [1]}, r"edge_token has shape \(1,\), expected \(E = 2"),
        ({"node_tokens": one[:2]}, r"node_tokens has shape \(2, 1\), expected \(N = 3"),
    ):
        with pytest.raises(DataError, match=told):
            GraphStore.from_arrays(**{name: np.array(value) for name, value in (arrays | changed).items()})


def test_rows_may_be_of_any_kind_but_not_beyond_the_store():
    store = GraphStore.from_table(table(ROWS), IDS)
    batches = [store.batch(rows) for rows in ([2, 0], np.array([2, 0]), torch.tensor([2, 0], dtype=torch.int32))]
    assert all(torch.equal(getattr(b, name), getattr(batches[0], name)) for b in batches for name in TENSORS)
    for beyond in ([12], [-1]):
        with pytest.raises(IndexError):
            store.batch(beyond)


def test_the_padded_view():
    batch = GraphStore.from_table(table(ROWS), IDS).batch([0, 3, 5, 7])
    x = torch.randn(batch.nodes, 2, requires_grad=True)
    padded, keep = batch.dense(x)
    sizes = [len(ROWS[r]["name"]) for r in (0, 3, 5, 7)]
    assert padded.shape == (4, max(sizes), 2)
    for b, part in enumerate(x.split(sizes)):
        assert torch.equal(padded[b, : sizes[b]], part)
        assert not padded[b, sizes[b] :].any()
        assert keep[b].tolist() == [n < sizes[b] for n in range(max(sizes))]
    assert torch.equal(padded[batch.graph, batch.place], x)
    assert torch.equal(batch.dense(batch.node_tokens[:, 0])[0][:, 0], batch.dense(batch.node_tokens)[0][:, 0, 0])
    (grad,) = torch.autograd.grad((padded * padded).sum(), x)
    torch.testing.assert_close(grad, 2 * x)
    assert GraphStore.from_table(table(ROWS), IDS).batch([3]).dense(x[:0])[0].shape == (1, 1, 2)


@pytest.mark.parametrize("device", ["meta", pytest.param("cuda", marks=pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no GPU here"))])  # fmt: skip
def test_everything_moves(device):
    store = GraphStore.from_table(table(ROWS), IDS, reverse=True)
    batch = store.batch([1, 2]).to(device)
    assert {getattr(batch, name).device.type for name in TENSORS} == {device}
    moved = store.to(device)
    assert moved.source.device.type == device
    assert moved.unknown == store.unknown
    if device == "cuda":
        there, here = moved.batch([4, 1, 7]), store.batch([4, 1, 7])
        assert all(torch.equal(getattr(there, name).cpu(), getattr(here, name)) for name in TENSORS)


@needs_dgl
def test_to_dgl_and_back():
    batch = GraphStore.from_table(table(ROWS), IDS, reverse=True).batch([7, 3, 0, 5])
    graph = to_dgl(batch)
    assert graph.batch_size == 4
    assert graph.batch_num_nodes().tolist() == batch.node_offsets.diff().tolist()
    assert all(torch.equal(ends, wanted) for ends, wanted in zip(graph.edges(), (batch.source, batch.target), strict=True))
    back = from_dgl(graph)
    for name in TENSORS:
        assert torch.equal(getattr(back, name), getattr(batch, name)), name
    assert batch.as_dgl is batch.as_dgl
    assert torch.equal(batch.as_dgl.edata["reverse"], batch.edge_reverse)


@needs_dgl
def test_a_dgl_graph_with_edges_in_any_order():
    dgl, batch = load_dgl(), GraphStore.from_table(table(ROWS), IDS, reverse=True).batch([7, 0, 5])
    pieces = []
    for one in dgl.unbatch(to_dgl(batch)):
        order = torch.arange(one.num_edges()).flip(0)
        source, target = one.edges()
        mixed = dgl.graph((source[order], target[order]), num_nodes=one.num_nodes())
        mixed.ndata.update(one.ndata)
        mixed.edata.update({name: one.edata[name][order] for name in ("token", "reverse")})
        pieces.append(mixed)
    back, columns = from_dgl(dgl.batch(pieces)), ("source", "target", "edge_token", "edge_reverse", "edge_graph")
    assert (back.target.diff() >= 0).all()
    rows = [sorted(zip(*(getattr(b, name).tolist() for name in columns), strict=True)) for b in (back, batch)]
    assert rows[0] == rows[1]
    for name in ("graph", "node_tokens", "node_keep", "node_offsets", "edge_offsets", "target_offsets"):
        assert torch.equal(getattr(back, name), getattr(batch, name)), name


@needs_dgl
def test_a_dgl_graph_without_its_features_is_refused():
    with pytest.raises(DataError, match="lacks features") as error:
        from_dgl(load_dgl().graph(([0], [1])))
    assert error.value.problems == [f"{of} feature {name!r}" for of, name in
                                    (("node", "tokens"), ("node", "keep"), ("edge", "token"), ("edge", "reverse"))]  # fmt: skip


def test_where_dgl_is_missing_a_message_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "dgl", None)
    with pytest.raises(SettingsError, match=r"install mmkit\[graphs\] there, or use backend 'torch'"):
        GraphStore.from_table(table(ROWS), IDS).batch([0]).as_dgl  # noqa: B018

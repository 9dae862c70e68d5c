"""What holds for every graph layer: graphs do not see each other, nodes have no order, DGL computes the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmkit.batches.graphs import GraphStore
from mmkit.errors import SettingsError
from mmkit.layers.graphs import GraphLayerNorm, passing
from tests.layers.graph_cases import DIM, LAYERS, TOLD, apply, made, needs_dgl, store, values

every_layer = pytest.mark.parametrize("name", LAYERS)
reading_edges = pytest.mark.parametrize("name", ["GINE", "additive", "mlp", "LCGN with edges"])


def pieces(batch, found, h, e, i):
    """Results cut into graphs: (rows of nodes, edges or graphs) by what their first dimension counts."""
    cuts = {batch.nodes: batch.node_offsets.diff(), batch.edges: batch.edge_offsets.diff(), batch.size: None}
    assert len(cuts) == 3  # else it would not be clear what a result's rows are
    return [x.split(1 if cuts[len(x)] is None else cuts[len(x)].tolist()) for x in (*found, h, e, i)]


@every_layer
def test_a_graph_does_not_depend_on_its_neighbours_in_the_batch(name):
    graphs, layer = store(), made(name)
    whole = graphs.batch([0, 1, 2, 3])
    inputs = values(whole, DIM, DIM, TOLD)
    *found, h, e, i = pieces(whole, apply(layer, whole, *inputs), *inputs)
    for order in ([0], [1], [2], [3], [3, 1, 0], [2, 0, 0, 1, 3]):
        batch = graphs.batch(order)
        other = apply(layer, batch, *(torch.cat([part[g] for g in order]) for part in (h, e, i)))
        for now, before in zip(other, found, strict=True):
            wanted = [before[g] for g in order]
            if now.dim() == 3:  # one matrix per graph, as large as the largest graph of the batch
                smaller = zip(now, wanted, graphs.node_count[order].tolist(), strict=True)
                for a, b, n in smaller:
                    torch.testing.assert_close(a[:n, :n], b[0, :n, :n])
                    assert a.sum().item() == pytest.approx(n)
            else:
                torch.testing.assert_close(now, torch.cat(wanted))


@every_layer
def test_nodes_have_no_order(name):
    rng, layer = np.random.default_rng(3), made(name)
    source, target, token = rng.integers(5, size=9), rng.integers(5, size=9), rng.integers(10, size=9)
    shuffle = rng.permutation(5)  # old number -> new number
    table = torch.randn(11, DIM, dtype=torch.float64)
    (h, _, i), found = values(store([(5, 0)]).batch([0]), DIM, DIM, TOLD), []
    for ends, x in (((source, target), h), ((shuffle[source], shuffle[target]), h[torch.from_numpy(shuffle).argsort()])):
        one = np.zeros((5, 1), dtype=np.int64)
        batch = GraphStore.from_arrays(np.array([5]), np.array([9]), one, one == 0, *ends, token, 10).batch([0])
        found.append(apply(layer, batch, x, table[batch.edge_token], i)[0])
    before, after = found
    torch.testing.assert_close(after, before if len(before) == 1 else before[torch.from_numpy(shuffle).argsort()])
    if name != "pooling":
        assert (after - before).abs().max() > 0.01  # the shuffle is one


@pytest.mark.parametrize("name", [name for name in LAYERS if name not in ("pooling", "norm", "LCGN of all pairs")])
def test_a_node_reads_its_sources_and_itself_alone(name):
    layer, batch = made(name), store().batch([0, 2])
    h, e, i = values(batch, DIM, DIM, TOLD)
    found = apply(layer, batch, h, e, i)[0]
    for node in range(batch.nodes):
        (grad,) = torch.autograd.grad(found[node].sum(), h, retain_graph=True)
        read = {n for n in range(batch.nodes) if grad[n].any()}
        assert read == {int(batch.source[edge]) for edge in range(batch.edges) if int(batch.target[edge]) == node}
        assert node in read  # its self edge


@reading_edges
def test_edges_and_instructions_are_read(name):
    layer, batch = made(name), store().batch([0, 2])
    h, e, i = values(batch, DIM, DIM, TOLD)
    found = apply(layer, batch, h, e, i)[0]
    of_edges, of_told = torch.autograd.grad(found.square().sum(), (e, i))
    alone = torch.bincount(batch.target)[batch.target] == 1  # an attention over one edge is 1 whatever it reads
    assert (of_edges.abs().sum(1)[~alone] > 0).all()
    assert (of_told.abs().sum(1) > 0).all()


@every_layer
def test_gradients(name):
    layer, batch = made(name), store([(3, 4), (1, 0)]).batch([0, 1])
    assert torch.autograd.gradcheck(lambda *inputs: apply(layer, batch, *inputs)[0], values(batch, DIM, DIM, TOLD))


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no GPU here"))])  # fmt: skip
@every_layer
def test_values_and_gradients_repeat_to_the_bit_on_every_device(name, device):
    here = store([(16, 50)] * 20).batch(range(20))
    layer, batch, results = made(name).float(), here.to(device), []
    for where, graph in ((device, batch), (device, batch), ("cpu", here)):
        inputs = [x.detach().to(where).requires_grad_() for x in values(here, DIM, DIM, TOLD, dtype=torch.float32)]
        found = apply(layer.to(where), graph, *inputs)
        grads = torch.autograd.grad(sum((x * x.detach().cos()).sum() for x in found), inputs, allow_unused=True)
        results.append([x.cpu() for x in (*found, *grads) if x is not None])
    for first, second, on_cpu in zip(*results, strict=True):
        assert torch.equal(first, second)
        torch.testing.assert_close(first, on_cpu, atol=1e-3, rtol=1e-3)


@needs_dgl
@every_layer
def test_dgl_gives_the_same_values_and_gradients(name):
    ours, theirs, batch = made(name), made(name, "dgl"), store().batch([2, 0, 1, 3, 2])
    theirs.load_state_dict(ours.state_dict())
    results = []
    for layer, graph in ((ours, batch), (theirs, batch), (ours, batch.as_dgl)):
        inputs = values(batch, DIM, DIM, TOLD)
        found = apply(layer, graph, *inputs)
        leaves = [*inputs, *layer.parameters()]
        grads = torch.autograd.grad(sum((x * x.detach().cos()).sum() for x in found), leaves, allow_unused=True)
        results.append([*found, *(torch.zeros_like(at) if g is None else g for g, at in zip(grads, leaves, strict=True))])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-6)
    assert sorted(batch.as_dgl.ndata) == ["keep", "tokens"]  # nothing was left behind
    assert sorted(batch.as_dgl.edata) == ["reverse", "token"]


@needs_dgl
def test_dgls_operations_are_ours():
    batch = store().batch([0, 1, 2, 3])
    x, m, y = values(batch, 4, 4, 4)
    ours, theirs = passing(batch), passing(batch.as_dgl)
    for name, arguments in {
        "to_nodes": [y], "to_edges": [y], "at_source": [x], "at_target": [x], "dots": [x, x.sin()], "mean_sources": [x],
        "mean_edges": [m], "sum_edges": [m], "softmax_edges": [m], "weigh_sources": [m[:, :2], x], "softmax_nodes": [x],
        "sum_nodes": [x],
    }.items():  # fmt: skip
        torch.testing.assert_close(getattr(ours, name)(*arguments), getattr(theirs, name)(*arguments))
    for way in (ours, theirs):
        padded, keep = way.dense(x)
        torch.testing.assert_close(way.flat(padded), x)
        assert torch.equal(keep, batch.node_slots)
    assert torch.equal(ours.in_degree, theirs.in_degree)
    assert torch.equal(ours.node_count, theirs.node_count)


def test_operations_are_their_loops():
    batch = store().batch([0, 1, 2, 3])
    x, m, y = values(batch, 4, 4, 4)
    way, edges = passing(batch), range(batch.edges)
    source, target, owner = batch.source.tolist(), batch.target.tolist(), batch.graph.tolist()
    torch.testing.assert_close(way.to_nodes(y), torch.stack([y[b] for b in owner]))
    torch.testing.assert_close(way.to_edges(y), torch.stack([y[owner[target[e]]] for e in edges]))
    torch.testing.assert_close(way.at_source(x), torch.stack([x[source[e]] for e in edges]))
    torch.testing.assert_close(way.at_target(x), torch.stack([x[target[e]] for e in edges]))
    z = x.sin()
    torch.testing.assert_close(way.dots(x, z), torch.stack([x[source[e]] @ z[target[e]] for e in edges])[:, None])
    into = [[e for e in edges if target[e] == node] for node in range(batch.nodes)]
    torch.testing.assert_close(way.mean_sources(x), torch.stack([sum(x[source[e]] for e in es) / len(es) for es in into]))
    torch.testing.assert_close(way.mean_edges(m), torch.stack([sum(m[e] for e in es) / len(es) for es in into]))
    torch.testing.assert_close(way.sum_edges(m), torch.stack([sum(m[e] for e in es) for es in into]))
    weighed = [sum(m[e, 0] * x[source[e], :2] + m[e, 1] * x[source[e], 2:] for e in es) for es in into]
    torch.testing.assert_close(way.weigh_sources(m[:, :2], x), torch.stack(weighed))
    assert way.in_degree.tolist() == [len(es) for es in into]


@every_layer
def test_one_node_without_relations(name):
    layer, batch = made(name), store([(1, 0)]).batch([0])
    h, e, i = values(batch, DIM, DIM, TOLD)
    assert batch.edges == 1  # the one to itself
    for x in apply(layer, batch, h, e, i):
        assert len(x) == 1
        assert x.isfinite().all()


@every_layer
def test_a_graph_without_nodes_changes_nothing(name):
    layer, graphs = made(name), store([(3, 4), (0, 0), (2, 3)])
    batch, others = graphs.batch([0, 1, 2]), graphs.batch([0, 2])
    h, e, i = values(batch, DIM, DIM, TOLD)
    for x, wanted in zip(apply(layer, batch, h, e, i), apply(layer, others, h, e, i[[0, 2]]), strict=True):
        if len(x) == 3:
            assert not x[1].any()
            x = x[[0, 2]]
        torch.testing.assert_close(x, wanted)
    empty = graphs.batch([1])
    for x in apply(layer, empty, h[:0], e[:0], i[:1]):
        assert not x.any()


@pytest.mark.parametrize("name", [name for name in LAYERS if name != "norm"])
def test_wrong_shapes_are_told(name):
    layer, batch = made(name), store().batch([0, 1])
    h, e, i = values(batch, DIM, DIM, TOLD)
    with pytest.raises(SettingsError, match=rf"has shape \(5, 3\), expected \(5, {DIM}\)"):
        apply(layer, batch, h[:, :3], e, i)
    with pytest.raises(SettingsError, match=rf"has shape \(1, {TOLD}\), expected \(2, {TOLD}\)"):
        apply(layer, batch, h, e, i[:1])


def test_what_a_layer_does_not_take_is_refused():
    batch = store().batch([0, 1])
    h, e, i = values(batch, DIM, DIM, TOLD)
    with pytest.raises(SettingsError, match="instruction has shape None"):
        made("mean")(batch, h, e)
    with pytest.raises(SettingsError, match=r"e has shape None, expected \("):
        made("additive")(batch, h, None, i)
    with pytest.raises(SettingsError, match="did you mean 'torch'"):
        GraphLayerNorm(backend="pytorch")


@needs_dgl
def test_no_graph_at_all_is_refused():
    with pytest.raises(SettingsError, match="a graph layer got a dict, expected a GraphBatch or a DGLGraph"):
        GraphLayerNorm()({}, torch.zeros(1, 1))

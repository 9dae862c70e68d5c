"""Mean and sum aggregation against their equations, edge by edge, and against the layers of two libraries."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmkit.batches.graphs import load_dgl
from mmkit.layers.counts import parameters
from mmkit.layers.graphs import GINE, MeanAggregation
from tests.layers.graph_cases import DIM, OUT, TOLD, geometric, incoming, joined, made, needs_dgl, store, values


@pytest.fixture
def batch():
    return store().batch([2, 0, 1, 3])


def test_the_mean_is_its_equation(batch):
    layer, (h, e, i) = made("mean"), values(batch, DIM, DIM, TOLD)
    x = joined(h, batch.graph, i)
    messages = x @ layer.linear.weight.T
    for node in range(batch.nodes):
        edges = incoming(batch, node)
        wanted = sum(messages[int(batch.source[edge])] for edge in edges) / len(edges) + layer.bias
        torch.testing.assert_close(layer(batch, h, e, i)[node], wanted)


@pytest.mark.parametrize("learned", [False, True])
def test_gine_is_its_equation(batch, learned):
    theta = nn.Sequential(nn.Linear(DIM + TOLD, 6), nn.ReLU(), nn.Linear(6, OUT)).double()
    layer, (h, e, i) = GINE(theta, DIM, TOLD, learn_eps=learned), values(batch, DIM, DIM, TOLD)
    assert parameters(layer) == parameters(theta) + learned
    if learned:
        layer.eps.data += 0.3
    x, y = joined(h, batch.graph, i), joined(e, batch.edge_graph, i)
    for node in range(batch.nodes):
        total = (1 + 0.3 * learned) * x[node]
        for edge in incoming(batch, node):
            total = total + (x[int(batch.source[edge])] + y[edge]).relu()
        torch.testing.assert_close(layer(batch, h, e, i)[node], theta(total), atol=1e-6, rtol=1e-6)  # eps is float32


def test_without_instructions_there_is_nothing_to_join(batch):
    h, e, _ = values(batch, DIM, DIM, TOLD)
    mean, gine = MeanAggregation(DIM, OUT).double(), GINE(nn.Identity(), DIM)
    for node in range(batch.nodes):
        edges = incoming(batch, node)
        sources = batch.source[edges]
        torch.testing.assert_close(mean(batch, h)[node], (h[sources] @ mean.linear.weight.T).mean(0))
        torch.testing.assert_close(gine(batch, h, e)[node], h[node] + (h[sources] + e[edges]).relu().sum(0))


def test_as_geometric_computes_them(batch):
    pyg, (h, e, i) = geometric().nn, values(batch, DIM, DIM, TOLD)
    ends, x, y = torch.stack([batch.source, batch.target]), joined(h, batch.graph, i), joined(e, batch.edge_graph, i)
    mean, gine = made("mean"), made("GINE")
    peer = pyg.SAGEConv(DIM + TOLD, OUT, aggr="mean", root_weight=False).double()
    peer.lin_l.load_state_dict({"weight": mean.linear.weight, "bias": mean.bias})
    torch.testing.assert_close(mean(batch, h, e, i), peer(x, ends))
    peer = pyg.GINEConv(gine.theta, eps=gine.eps.item())  # it draws theta's weights anew
    torch.testing.assert_close(gine(batch, h, e, i), peer(x, ends, y))


@needs_dgl
def test_as_dgl_computes_them(batch):
    from dgl.nn import GINEConv, GraphConv

    h, e, i = values(batch, DIM, DIM, TOLD)
    x, y = joined(h, batch.graph, i), joined(e, batch.edge_graph, i)
    mean, gine = made("mean"), made("GINE")
    peer = GraphConv(DIM + TOLD, OUT, norm="right").double()
    peer.load_state_dict({"weight": mean.linear.weight.T, "bias": mean.bias})
    torch.testing.assert_close(mean(batch, h, e, i), peer(batch.as_dgl, x))
    peer = GINEConv(gine.theta, init_eps=gine.eps.item()).double()
    torch.testing.assert_close(gine(batch, h, e, i), peer(batch.as_dgl, x, y), atol=1e-6, rtol=1e-6)


@needs_dgl
def test_a_node_forgets_itself_without_its_self_edge(batch):
    """h_i' of eq. 7 does not contain h_i but for the self edge: take these edges away and nothing of the node is left."""
    layer, (h, _, i) = made("mean"), values(batch, DIM, DIM, TOLD)
    loops = (batch.source == batch.target).nonzero().flatten().tolist()
    assert len(loops) >= batch.nodes
    found = layer(load_dgl().remove_self_loop(batch.as_dgl), h, None, i)
    for node in range(batch.nodes):
        (grad,) = torch.autograd.grad(found[node].sum(), h, retain_graph=True)
        assert not grad[node].any()


def test_weights_begin_as_glorot_has_them():
    weight = MeanAggregation(40, 60, 20).linear.weight  # uniform in +- sqrt(6 / (60 + 60)) = +- 0.2236
    assert 0.2 < weight.abs().max() <= 0.05**0.5
    assert weight.std().item() == pytest.approx((0.05 / 3) ** 0.5, rel=0.05)

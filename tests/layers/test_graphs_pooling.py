"""Pooling by a question and the norm of whole graphs, graph by graph, and as PyTorch Geometric computes them."""

from __future__ import annotations

import pytest
import torch

from mmkit.layers.counts import parameters
from mmkit.layers.graphs import GraphLayerNorm, QuestionPooling
from tests.layers.graph_cases import DIM, TOLD, geometric, made, store, values


@pytest.fixture
def batch():
    return store(((4, 6), (1, 0), (0, 0), (5, 9))).batch([3, 0, 2, 1])


def parts(batch):
    return [slice(*batch.node_offsets[b : b + 2].tolist()) for b in range(batch.size)]


def test_pooling_is_its_equation(batch):
    layer, (h, _, q) = made("pooling"), values(batch, DIM, DIM, TOLD)
    pooled, gates = layer(batch, h, q)
    for b, nodes in enumerate(parts(batch)):
        u = layer.node(h[nodes])
        g = layer.gate(layer.question(q[b]) * u)[:, 0].softmax(0)
        torch.testing.assert_close(gates[nodes], g)
        torch.testing.assert_close(pooled[b], sum((g[n] * u[n] for n in range(len(u))), torch.zeros(6, dtype=u.dtype)))
    assert gates[parts(batch)[3]].tolist() == [1.0]
    other = layer(batch, h, q + 1)[1]
    assert (other - gates).abs().max() > 0.01  # another question, other gates


def test_each_part_is_linear_relu_linear(batch):
    layer = made("pooling")
    for part, width in ((layer.node, DIM), (layer.question, TOLD), (layer.gate, 6)):
        x = torch.randn(8, width, dtype=torch.float64)
        first, _, second = part
        wanted = (x @ first.weight.T + first.bias).clamp(min=0) @ second.weight.T + second.bias
        torch.testing.assert_close(part(x), wanted)


def test_pooling_is_geometrics_attentional_aggregation(batch):
    layer, (h, _, q) = made("pooling"), values(batch, DIM, DIM, TOLD)
    u, told = layer.node(h), layer.question(q)[batch.graph]

    def gate(both):
        return layer.gate(both[:, :6] * both[:, 6:])

    peer = geometric().nn.aggr.AttentionalAggregation(gate, lambda both: both[:, :6])
    torch.testing.assert_close(layer(batch, h, q)[0], peer(torch.cat([u, told], 1), batch.graph, dim_size=batch.size))


def test_the_paper_s_size():
    assert parameters(QuestionPooling(300, 512)) == (300 * 512 + 512) + 4 * (512 * 512 + 512) + (512 + 1)


def test_the_norm_is_of_all_nodes_and_channels_of_a_graph(batch):
    layer, (h, _, _) = GraphLayerNorm().double(), values(batch, DIM, DIM, TOLD)
    layer.gain.data.fill_(1.5)
    layer.bias.data.fill_(-0.25)
    found = layer(batch, h)
    for nodes in parts(batch):
        x = h[nodes]
        if len(x):
            torch.testing.assert_close(found[nodes], 1.5 * torch.nn.functional.layer_norm(x, x.shape) - 0.25)
    assert parameters(layer) == 2


def test_the_norm_is_geometrics(batch):
    h, _, _ = values(batch, DIM, DIM, TOLD)
    peer = geometric().nn.LayerNorm(DIM, affine=False, mode="graph")
    torch.testing.assert_close(GraphLayerNorm()(batch, h), peer(h, batch.graph, batch.size))


def test_equal_values_give_zero_not_nan():
    batch = store([(3, 2), (1, 0)]).batch([0, 1])
    h = torch.full((4, DIM), 2.0, requires_grad=True)
    found = GraphLayerNorm()(batch, h)
    assert not found.any()
    found.square().sum().backward()
    assert h.grad.isfinite().all()

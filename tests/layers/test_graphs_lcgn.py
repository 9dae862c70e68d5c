"""One round of the language-conditioned graph network against its equations, pair by pair."""

from __future__ import annotations

import pytest
import torch

from mmkit.batches.graphs import GraphStore
from mmkit.errors import SettingsError
from mmkit.layers.counts import parameters
from mmkit.layers.graphs import LCGNCell
from tests.layers.graph_cases import DIM, TOLD, incoming, store, values


def cell(seed=0, **settings):
    torch.manual_seed(seed)
    made = LCGNCell(DIM, TOLD, **settings).double()
    for weight in made.parameters():
        weight.data += 0.1 * torch.randn_like(weight)
    return made


def by_hand(made, local, context, command, sources, edges, node):
    """xc' of a node and the weights of `sources`; edges: W4e e of each, or zeros."""
    x = [torch.cat([xl, xc, made.local(xl) * made.context(xc)]) for xl, xc in zip(local, context, strict=True)]  # (12)
    scores = [made.query(x[node]) @ ((made.key(x[j]) + e) * made.told_key(command)) for j, e in zip(sources, edges, strict=True)]
    w = (torch.stack(scores) * made.scale).softmax(0)  # (13)
    told = made.told_value(command)
    total = sum(weight * (made.value(x[j]) * told) for weight, j in zip(w, sources, strict=True))  # (14)
    return made.write(torch.cat([context[node], total])), w  # (15)


@pytest.mark.parametrize("settings", [{}, {"scaled": True}, {"edge_dim": DIM}], ids=str)
def test_along_edges(settings):
    batch, made = store().batch([2, 0, 1, 3]), cell(**settings)
    assert made.scale == (0.5 if settings.get("scaled") else 1.0)  # 1 / sqrt(4)
    local, e, c = values(batch, DIM, DIM, TOLD)
    context, nothing = local.flip(1).detach(), torch.zeros(batch.edges, DIM, dtype=torch.float64)
    found, w = made(batch, local, context, e if made.edge_dim else None, c)
    of_edges = made.edge(e) if made.edge_dim else nothing
    for node in range(batch.nodes):
        edges = incoming(batch, node)
        wanted = by_hand(made, local, context, c[batch.graph[node]], batch.source[edges].tolist(), of_edges[edges], node)
        torch.testing.assert_close((found[node], w[edges, 0]), wanted)


def test_all_pairs():
    batch, made = store().batch([2, 0, 1, 3]), cell(pairs="all")
    local, _, c = values(batch, DIM, DIM, TOLD)
    context = local.flip(1).detach()
    found, w = made(batch, local, context, None, c)
    assert w.shape == (4, 5, 5)
    for node in range(batch.nodes):
        b, first = int(batch.graph[node]), int(batch.node_offsets[batch.graph[node]])
        members = range(first, int(batch.node_offsets[b + 1]))
        wanted, weights = by_hand(made, local, context, c[b], members, torch.zeros(len(members), DIM), node)
        torch.testing.assert_close(found[node], wanted)
        torch.testing.assert_close(w[b, node - first, : len(members)], weights)
        assert not w[b, node - first, len(members) :].any()
    assert not w[2, 1:].any()  # the graph of one node


def test_on_a_complete_graph_edges_are_all_pairs():
    source, target = (x.flatten() for x in torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij"))
    other = (source != target).numpy()  # the store adds the self edges
    one = torch.ones(4, 1, dtype=torch.int64).numpy()
    ends = source.numpy()[other], target.numpy()[other]
    batch = GraphStore.from_arrays([4], [12], one, one > 0, *ends, ends[0], 9).batch([0])
    assert batch.edges == 16
    local, _, c = values(batch, DIM, DIM, TOLD)
    for seed in range(3):
        sparse, dense = cell(seed), cell(seed, pairs="all")
        (a, w), (b, v) = sparse(batch, local, None, None, c), dense(batch, local, None, None, c)
        torch.testing.assert_close(a, b)
        torch.testing.assert_close(w[:, 0], v[0, batch.target, batch.source])


def test_the_first_context_is_learned_and_the_same_at_every_pass():
    batch, made = store().batch([0, 1]), cell()
    local, _, c = values(batch, DIM, DIM, TOLD)
    once, again = made(batch, local, None, None, c)[0], made(batch, local, None, None, c)[0]
    assert torch.equal(once, again)
    torch.testing.assert_close(once, made(batch, local, made.start.expand(batch.nodes, -1), None, c)[0])
    once.sum().backward()
    assert made.start.grad.abs().min() > 0


def test_what_is_read_in_the_end():
    made, x, y = cell(), torch.randn(3, DIM).double(), torch.randn(3, DIM).double()
    torch.testing.assert_close(made.read(x, y), torch.cat([x, y], 1) @ made.out.weight.T + made.out.bias)


def test_how_many_weights():
    square, told = DIM * DIM, TOLD * DIM + DIM
    plain = DIM + 2 * (square + DIM) + 3 * (3 * square + DIM) + 2 * told + 2 * (2 * square + DIM)
    assert parameters(cell()) == plain
    assert parameters(cell(edge_dim=7)) == plain + 7 * DIM


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"pairs": "every"}, "pairs = 'every'"),
        ({"pairs": "all", "edge_dim": 3}, "edge_dim = 3 with all pairs"),
        ({"backend": "tensorflow"}, "backend = 'tensorflow'"),
    ],
)
def test_impossible_cells_are_refused(settings, told):
    with pytest.raises(SettingsError, match=told):
        LCGNCell(DIM, TOLD, **settings)

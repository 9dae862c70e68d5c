"""Attention over edges against its equations, one edge at a time; what an additive score cannot do and an MLP can."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mmkit.errors import SettingsError
from mmkit.layers.counts import parameters
from mmkit.layers.graphs import EdgeAttention
from tests.layers.graph_cases import DIM, OUT, TOLD, geometric, incoming, joined, made, needs_dgl, store, values

HEADS = 2


@pytest.fixture
def batch():
    return store().batch([2, 0, 1, 3])


def score(layer, own, other, edge):
    """Scores of the heads of one edge, of joined vectors."""
    part = layer.score
    if hasattr(part, "first"):
        return part.second(part.first(torch.cat([own, other, edge])).relu())
    found = []
    for head in range(HEADS):
        rows = slice(head * OUT, (head + 1) * OUT)
        w, w_e = layer.value.weight[rows], part.edge[rows]
        terms = (part.to_target[head] @ (w @ own), part.to_source[head] @ (w @ other), part.to_edge[head] @ (w_e @ edge))
        found.append(F.leaky_relu(sum(terms), 0.2))
    return torch.stack(found)


@pytest.mark.parametrize("name", ["additive", "mlp"])
def test_attention_is_its_equations(batch, name):
    layer, (h, e, i) = made(name), values(batch, DIM, DIM, TOLD)
    x, y = joined(h, batch.graph, i), joined(e, batch.edge_graph, i)
    found, alpha = layer(batch, h, e, i)
    values_of = (x @ layer.value.weight.T).unflatten(1, (HEADS, OUT))
    for node in range(batch.nodes):
        edges = incoming(batch, node)
        s = torch.stack([score(layer, x[node], x[int(batch.source[edge])], y[edge]) for edge in edges])
        weights = s.softmax(0)  # (edges, H)
        torch.testing.assert_close(alpha[edges], weights)
        heads = torch.einsum("eh,ehd->hd", weights, values_of[batch.source[edges]])
        torch.testing.assert_close(found[node], heads.mean(0) + layer.bias)


@pytest.mark.parametrize("name", ["additive", "mlp"])
def test_without_instructions(batch, name):
    """Instructions of zeros and no instructions are the same, once the weights that read them are cut off."""
    told, hidden = made(name), None if name == "additive" else 6
    plain = EdgeAttention(DIM, DIM, OUT, heads=HEADS, score=name, hidden=hidden).double()
    h, e, i = values(batch, DIM, DIM, TOLD)
    state = told.state_dict()
    cut = {"value.weight": slice(DIM), "score.edge": slice(DIM)}
    if name == "mlp":
        width = DIM + TOLD
        cut["score.first.weight"] = [c for c in range(3 * width) if c % width < DIM]
    plain.load_state_dict({key: w[:, cut[key]] if key in cut else w for key, w in state.items()})
    for a, b in zip(plain(batch, h, e), told(batch, h, e, torch.zeros_like(i)), strict=True):
        torch.testing.assert_close(a, b)


def peer_of(layer, dim, edge_dim, outputs, heads):
    conv = geometric().nn.GATConv(dim, outputs, heads=heads, concat=False, edge_dim=edge_dim, add_self_loops=False)
    conv = conv.to(layer.bias.dtype)
    names = {"lin.weight": layer.value.weight, "lin_edge.weight": layer.score.edge, "bias": layer.bias}
    scores = {"att_src": layer.score.to_source, "att_dst": layer.score.to_target, "att_edge": layer.score.to_edge}
    conv.load_state_dict({**names, **{name: weight[None] for name, weight in scores.items()}})
    return conv


def test_the_additive_score_is_geometrics(batch):
    layer, (h, e, i) = made("additive"), values(batch, DIM, DIM, TOLD)
    conv = peer_of(layer, DIM + TOLD, DIM + TOLD, OUT, HEADS)
    x, y = joined(h, batch.graph, i), joined(e, batch.edge_graph, i)
    wanted, (_, alpha) = conv(x, torch.stack([batch.source, batch.target]), y, return_attention_weights=True)
    found = layer(batch, h, e, i)
    torch.testing.assert_close(found, (wanted, alpha))
    leaves = (h, e, i, layer.value.weight)
    ours = torch.autograd.grad((found[0].sin() * found[0]).sum(), leaves)
    theirs = torch.autograd.grad((wanted.sin() * wanted).sum(), (h, e, i, conv.lin.weight))
    torch.testing.assert_close(ours, theirs)


@needs_dgl
def test_without_a_word_of_the_edges_it_is_dgls(batch):
    from dgl.nn import GATConv

    layer, (h, e, i) = made("additive"), values(batch, DIM, DIM, TOLD)
    layer.score.to_edge.data.zero_()  # DGL's layer reads no edges
    conv = GATConv(DIM + TOLD, OUT, HEADS, bias=False).double()
    conv.load_state_dict(
        {"fc.weight": layer.value.weight, "attn_l": layer.score.to_source[None], "attn_r": layer.score.to_target[None]}
    )
    wanted, alpha = conv(batch.as_dgl, joined(h, batch.graph, i), get_attention=True)
    torch.testing.assert_close(layer(batch, h, e, i), (wanted.mean(1) + layer.bias, alpha.squeeze(2)))


def test_as_many_weights_as_in_the_official_code():
    layer = EdgeAttention(300, 300, 300, 512, heads=4)
    assert parameters(layer) == 1_952_700
    conv = geometric().nn.GATConv(812, 300, heads=4, concat=False, edge_dim=812, add_self_loops=False)
    assert parameters(conv) == 1_952_700
    for ours, theirs in ((layer.value.weight, conv.lin.weight), (layer.score.to_source, conv.att_src)):
        assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.05)  # Glorot, per head in the second
    mlp = EdgeAttention(300, 300, 300, 512, heads=4, score="mlp", hidden=64)
    assert parameters(mlp) == 812 * 1200 + 300 + 3 * 812 * 64 + 64 + 64 * 4 + 4


def ranks(layer, batch, h, e, told):
    """Whether each pair of edges that end in one node has its first edge above its second, per head."""
    _, alpha = layer(batch, h, e, told)
    pairs = [(a, b) for a in range(batch.edges) for b in range(a) if batch.target[a] == batch.target[b]]
    first, second = torch.tensor(pairs).T
    return alpha[first] > alpha[second]


def test_an_additive_score_ranks_neighbours_without_hearing_the_instruction():
    """LeakyReLU(u_j + v_i + w_ji + c) with one c for the whole graph: c moves all scores of a node together."""
    batch = store([(6, 20), (5, 12)]).batch([0, 1])
    h, e, _ = values(batch, DIM, DIM, TOLD)
    told = [2.0 * torch.randn(2, TOLD, dtype=torch.float64) for _ in range(5)]
    additive, mlp = made("additive"), made("mlp")
    assert (additive(batch, h, e, told[0])[1] - additive(batch, h, e, told[1])[1]).abs().max() > 0.01  # heard, but no order
    first = ranks(additive, batch, h, e, told[0])
    assert 0.2 < first.double().mean() < 0.8
    assert all(torch.equal(ranks(additive, batch, h, e, i), first) for i in told[1:])
    assert not all(torch.equal(ranks(mlp, batch, h, e, i), ranks(mlp, batch, h, e, told[0])) for i in told[1:])
    h_2 = h.detach().clone()
    h_2[0] += 1.0  # nor does the order hear the node that asks; its own edges excepted
    own = (batch.target == 0) & (batch.source != 0)
    before, after = (additive(batch, x, e, told[0])[1][own] for x in (h, h_2))
    assert torch.equal(before.argsort(0), after.argsort(0))
    assert not torch.equal(before, after)


def test_dropout_is_of_the_weights_that_add_up(batch):
    layer, (h, e, i) = made("additive"), values(batch, DIM, DIM, TOLD)
    _, plain = layer(batch, h, e, i)
    layer.dropout = 0.5
    torch.manual_seed(3)
    found, alpha = layer(batch, h, e, i)
    torch.testing.assert_close(alpha, plain)
    torch.manual_seed(3)
    kept = F.dropout(plain, 0.5)
    x = (joined(h, batch.graph, i) @ layer.value.weight.T).unflatten(1, (HEADS, OUT))
    for node in range(batch.nodes):
        edges = incoming(batch, node)
        wanted = torch.einsum("eh,ehd->d", kept[edges], x[batch.source[edges]]) / HEADS + layer.bias
        torch.testing.assert_close(found[node], wanted)
    layer.eval()
    layer_2 = made("additive")
    torch.testing.assert_close(layer(batch, h, e, i), layer_2(batch, h, e, i))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"score": "add"}, "score = 'add'; did you mean 'additive'"),
        ({"score": "mlp"}, "hidden = None with score 'mlp'"),
        ({"hidden": 5}, "hidden = 5 with score 'additive'"),
        ({"backend": "dg"}, "did you mean 'dgl'"),
    ],
)
def test_impossible_settings_are_refused(changed, told):
    with pytest.raises(SettingsError, match=told):
        EdgeAttention(DIM, DIM, OUT, **changed)

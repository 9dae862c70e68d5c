"""DialogueGCN against torch_geometric's layers with the same weights, on edge lists made by loops."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mmkit.models.conversations.bc_lstm import encode
from mmkit.models.conversations.dialogue_gcn import DialogueGCN, GraphConvolution, RelationalConvolution, relations, window
from tests.layers.graph_cases import geometric
from tests.models.talks import INPUTS, LENGTHS, STEPS, dialogues, random, stirred, weighed

PAST, FUTURE = 2, 1


def listed(speaker: list[int]) -> list[tuple[int, int, int]]:
    """(from j, to i, relation) of every edge of one dialogue."""
    n = len(speaker)
    near = [(j, i) for i in range(n) for j in range(max(0, i - PAST), min(n, i + FUTURE + 1))]
    return [(j, i, 4 * speaker[i] + 2 * speaker[j] + (1 if i < j else 0)) for j, i in near]


def test_edges_and_relations():
    _, speaker, keep = dialogues()
    edges, kinds, met = window(keep, PAST, FUTURE), relations(speaker, 2), set()
    for b, n in enumerate(LENGTHS.tolist()):
        expected = listed(speaker[b, :n].tolist())
        assert sorted((j, i) for i, j in edges[b].nonzero().tolist()) == sorted((j, i) for j, i, _ in expected)
        assert all(kinds[b, i, j] == r for j, i, r in expected)
        met |= {r for _, _, r in expected}
    assert met == set(range(8))  # the dialogues hold every relation


def layers(weighted: bool) -> tuple[RelationalConvolution, list]:
    """A relational convolution with a bias, and per dialogue what it finds: x, edges, relations, our states."""
    _, speaker, keep = dialogues()
    torch.manual_seed(0)
    mine = stirred(RelationalConvolution(INPUTS, 4, 8))
    edges, x = window(keep, PAST, FUTURE), random(3, STEPS, INPUTS)
    a, o = (random(3, STEPS, STEPS, seed=1).abs(), random(3, STEPS, seed=2)) if weighted else (torch.ones(3, STEPS, STEPS), None)
    kinds = F.one_hot(relations(speaker, 2), 8) * edges.unsqueeze(3)
    found = mine(x, kinds, a, torch.ones(3, STEPS) if o is None else o)
    cases = []
    for b, n in enumerate(LENGTHS.tolist()):
        source, target, relation = torch.tensor(listed(speaker[b, :n].tolist())).T
        cases.append((x[b, :n], torch.stack([source, target]), relation, a[b, target, source], o, found[b, :n]))
    return mine, cases


def test_the_relational_convolution_is_pygs():
    mine, cases = layers(weighted=False)
    theirs = geometric().nn.RGCNConv(INPUTS, 4, 8)
    with torch.no_grad():
        for name in ("weight", "root", "bias"):
            getattr(theirs, name).copy_(getattr(mine, name))
    for x, edges, relation, _, _, found in cases:
        torch.testing.assert_close(theirs(x, edges, relation), found)


def test_with_weights_it_is_a_sum_of_pygs_graph_convolutions():
    mine, cases = layers(weighted=True)
    for b, (x, edges, relation, a, o, found) in enumerate(cases):
        expected = o[b, : len(x), None] * (x @ mine.root) + mine.bias
        for r in range(8):
            theirs = geometric().nn.GraphConv(INPUTS, 4, aggr="mean", bias=False)  # mean over the neighbours of relation r
            with torch.no_grad():
                theirs.lin_rel.weight.copy_(mine.weight[r].T)
                theirs.lin_root.weight.zero_()
            expected = expected + theirs(x, edges[:, relation == r], a[relation == r])
        torch.testing.assert_close(found, expected)


def test_the_second_convolution_is_pygs():
    _, _, keep = dialogues()
    mine, theirs = stirred(GraphConvolution(INPUTS, 4)), geometric().nn.GraphConv(INPUTS, 4)
    theirs.lin_rel.load_state_dict(mine.neighbours.state_dict())
    theirs.lin_root.load_state_dict(mine.root.state_dict())
    x, edges = random(3, STEPS, INPUTS), window(keep, PAST, FUTURE)
    found = mine(x, edges)
    for b, n in enumerate(LENGTHS.tolist()):
        into, of = edges[b].nonzero().T
        torch.testing.assert_close(theirs(x[b, :n], torch.stack([of, into])), found[b, :n])


@pytest.mark.parametrize("nodal", [False, True])
@pytest.mark.parametrize("past_only", [False, True])
def test_dialogue_gcn_by_hand(nodal, past_only):
    """Equations 1-8 for one node at a time."""
    torch.manual_seed(0)
    model = stirred(DialogueGCN(INPUTS, 5, 6, past=PAST, future=FUTURE, nodal=nodal, past_only=past_only), 0.2)
    features, speaker, keep = dialogues()
    logits, a, b = model.look(features, speaker, keep)
    states, conv, plain = encode(model.gru, features, keep), model.relational, model.plain
    assert (b is None) != nodal
    for row, n in enumerate(LENGTHS.tolist()):
        g, s = states[row, :n], speaker[row, :n].tolist()
        edges = [(j, i, r) for j, i, r in listed(s) if not (past_only and j > i)]
        near = [[j for j, i, _ in edges if i == k] for k in range(n)]
        share = [dict(zip(near[i], weighed(g[i] @ model.edge.weight, g[near[i]], g[near[i]])[1], strict=True)) for i in range(n)]
        h = [share[i][i] * (g[i] @ conv.root) + conv.bias for i in range(n)]
        for j, i, r in edges:
            count = sum(1 for _, k, kind in edges if k == i and kind == r)
            h[i] = h[i] + share[i][j] / count * (g[j] @ conv.weight[r])
            torch.testing.assert_close(a[row, i, j], share[i][j])
        h = [x.clamp(min=0) for x in h]
        h = [plain.neighbours(sum(h[j] for j in near[i])) + plain.root(h[i]) for i in range(n)]
        v = torch.stack([torch.cat([g[i], h[i].clamp(min=0)]) for i in range(n)])
        if nodal:
            keys = v @ model.nodal.w.weight.T
            ends = range(1, n + 1) if past_only else [n] * n
            v = torch.stack([weighed(v[i], keys[:end], v[:end])[0] for i, end in enumerate(ends)])
        torch.testing.assert_close(logits[row, :n], model.hidden[3](model.hidden[0](v).clamp(min=0)))

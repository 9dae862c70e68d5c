"""The four facts about the public program, each beside what the repaired one does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from mmkit.batches.graphs import GraphStore
from mmkit.models.graphvqa import RELEASED
from mmkit.models.graphvqa.released import unshifted
from tests.models.graphvqa import IDS, KEEP, small, store

ALL = torch.arange(4)
both = pytest.mark.parametrize("as_released", [True, False])


@pytest.mark.parametrize("variant", ["graphvqa_gcn", "graphvqa_gine"])
def test_fact_1_no_convolution_reaches_the_state(variant):
    model, graph = small(variant, as_released=True), store().batch(ALL)
    seen = model(IDS, KEEP, graph, look=True)
    h = seen["states"][0]
    for norm in model.stack.norms:
        h = norm(h).relu()
    assert torch.equal(seen["states"][-1], h)  # and the last round does nothing at all
    seen["logits"].sum().backward()
    assert all(p.grad is None for layer in model.stack.layers for p in layer.parameters())
    assert all(p.grad is None for p in model.instructions.parameters())
    repaired = small(variant)
    assert sum(p.numel() for p in repaired.parameters()) == sum(p.numel() for p in model.parameters())
    repaired(IDS, KEEP, graph)["logits"].sum().backward()
    assert all(p.grad is not None for p in repaired.stack.parameters())


def test_fact_1_attention_is_assigned():
    model, graph = small("graphvqa_gat", as_released=True), store().batch(ALL)
    model(IDS, KEEP, graph)["logits"].sum().backward()
    assert all(p.grad is not None for p in model.stack.parameters())


@both
@pytest.mark.parametrize("variant", ["graphvqa_gat", "lcgn"])
def test_fact_2_an_answer_depends_on_the_longest_question(variant, as_released):
    model, graph = small(variant, as_released=as_released), store(reverse=False).batch(ALL)

    def answers(extra: int) -> torch.Tensor:
        torch.manual_seed(1)  # LCGN's context
        return model(F.pad(IDS, (0, extra)), F.pad(KEEP, (0, extra)), graph)["logits"]

    assert ((answers(3) - answers(0)).abs().max() > 1e-4) == as_released


def chain_store() -> GraphStore:
    """Three graphs of two nodes and one relation 0 -> 1; its reversed partner is edge 1 of each, in the order of targets."""
    tokens = torch.arange(2, 8)[:, None].numpy()
    one = torch.ones(3).int().numpy()
    return GraphStore.from_arrays([2, 2, 2], one, tokens, tokens > 0, 0 * one, one, 3 * one, 1, reverse=True)


def test_fact_3_only_edges_of_the_first_graph_are_turned_round():
    graph = chain_store().batch(torch.tensor([0, 1, 2]))
    local = graph.edge_reverse.nonzero().flatten() % 4
    assert len(set(local.tolist())) == 1  # the same number in each graph
    assert unshifted(graph).nonzero().flatten().tolist() == local[:1].tolist()
    assert graph.edge_reverse.nonzero().flatten().tolist() == [int(local[0]) + 4 * b for b in range(3)]


@both
def test_fact_3_an_answer_depends_on_the_place_in_the_batch(as_released):
    model, graphs = small("graphvqa_gat", as_released=as_released), chain_store()
    ids, keep = IDS[[1, 1, 1]], torch.ones(3, 5, dtype=torch.bool)
    first = model(ids, keep, graphs.batch(torch.tensor([0, 1, 2])), look=True)
    last = model(ids, keep, graphs.batch(torch.tensor([2, 1, 0])), look=True)
    torch.testing.assert_close(first["logits"][1], last["logits"][1])
    moved = (first["states"][-1][:2] - last["states"][-1][4:]).abs().max(), (first["logits"][0] - last["logits"][2]).abs().max()
    assert all(more > 1e-5 for more in moved) == any(more > 2e-6 for more in moved) == as_released


def test_numbers_that_are_not_shifted_may_reach_the_second_graph():
    graph = store().batch(torch.tensor([0, 3]))  # one edge, then many
    number = (graph.edge_reverse.nonzero().flatten() - 1).tolist()
    assert unshifted(graph).nonzero().flatten().tolist() == number
    assert max(number) > 0


@both
def test_fact_4_lcgns_answers_are_random(as_released):
    model, graph = small("lcgn", as_released=as_released), store().batch(ALL)
    first, second = (model(IDS, KEEP, graph)["logits"] for _ in range(2))
    assert torch.equal(first, second) == (not as_released)
    if as_released:
        spread = torch.stack([model(IDS, KEEP, graph)["logits"] for _ in range(50)]).std(dim=0)
        assert spread.min() > 1e-4
        assert model.lcgn.cell.start.grad is None


@pytest.mark.parametrize("variant", RELEASED)
def test_without_padding_and_added_edges_the_two_differ_in_facts_1_and_4_only(variant):
    graph = replace(store(reverse=False).batch(ALL))
    keep = torch.ones_like(KEEP)
    released, repaired = (small(variant, as_released=value)(IDS, keep, graph)["logits"] for value in (True, False))
    assert torch.equal(released, repaired) == (variant == "graphvqa_gat")

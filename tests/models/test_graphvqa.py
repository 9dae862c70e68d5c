"""The comparison's models as wholes: what may and what must change their answers, what they return, what they learn."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
import torch.nn.functional as F

from mmkit.batches import Batches, Columns
from mmkit.batches.graphs import GraphStore
from mmkit.errors import SettingsError
from mmkit.fit import Recipe, fit, predict
from mmkit.models.graphvqa import Answering, GraphVQA, alone, outputs, step
from tests.models.graphvqa import DIM, IDS, KEEP, STEPS, TOKENS, WIDTH, small, store, variants

ALL = torch.arange(4)
cases = pytest.mark.parametrize(("variant", "options"), variants())


@cases
@pytest.mark.parametrize("encoder", ["meta", "paper"])
def test_an_answer_does_not_depend_on_its_neighbours_in_the_batch(variant, options, encoder):
    model, graphs = small(variant, encoder=encoder, **options), store()
    together = model(IDS, KEEP, graphs.batch(ALL))["logits"]
    assert together.std(dim=0).min() > 1e-5 or variant in ("question_only", "graph_only")
    order = torch.tensor([3, 1, 0, 2])
    torch.testing.assert_close(model(IDS[order], KEEP[order], graphs.batch(order))["logits"], together[order])
    for b in range(4):
        length = int(KEEP[b].sum())  # alone, and without padding
        lone = model(IDS[b : b + 1, :length], KEEP[b : b + 1, :length], graphs.batch(ALL[b : b + 1]))["logits"]
        torch.testing.assert_close(lone[0], together[b])


@cases
def test_padding_counts_for_nothing_and_words_count(variant, options):
    model, graphs = small(variant, **options), store()
    graph = graphs.batch(ALL)
    first = model(IDS, KEEP, graph)["logits"]
    ids = torch.where(KEEP, IDS, torch.tensor(11))
    torch.testing.assert_close(model(ids, KEEP, graph)["logits"], first)
    hidden = replace(graph, node_tokens=torch.where(graph.node_keep, graph.node_tokens, 7))
    torch.testing.assert_close(model(IDS, KEEP, hidden)["logits"], first)

    ids = IDS.clone()
    ids[:, 1] = 15
    by_words = (model(ids, KEEP, graph)["logits"] - first).abs().amax(dim=1)
    other = replace(graph, node_tokens=graph.node_tokens.flip(0), node_keep=graph.node_keep.flip(0))
    by_nodes = (model(IDS, KEEP, other)["logits"] - first).abs().amax(dim=1)
    assert (by_words.min() > 1e-5) == (variant != "graph_only")
    assert (by_words.max() == 0) == (variant == "graph_only")
    assert (by_nodes.min() > 1e-5) == (variant != "question_only")
    assert (by_nodes.max() == 0) == (variant == "question_only")


@cases
def test_relations_matter_wherever_messages_pass(variant, options):
    model, graph = small(variant, **options), store().batch(ALL)
    first = model(IDS, KEEP, graph)["logits"]
    token = torch.where(graph.source == graph.target, graph.edge_token, (graph.edge_token + 3) % TOKENS)
    moved = (model(IDS, KEEP, replace(graph, edge_token=token))["logits"] - first).abs().amax(dim=1)
    assert moved[0] == 0  # has no relation
    if variant in ("question_only", "no_messages"):
        assert moved.max() == 0
    else:
        assert moved[1:].min() > 1e-6


# What moves all inputs of a softmax by one number changes nothing. The additive score's term of the target is the same for all
# its neighbours, so that it learns only where they lie on both sides of the LeakyReLU's kink.
SHIFTS = ("pooling.gate.2.bias", "score.second.bias", "cell.key.bias", "project.bias", "score.to_target")


@cases
def test_every_parameter_learns(variant, options):
    model = small(variant, **options)  # norms with fixed statistics: a batch's own take every bias before them away
    rng = torch.Generator().manual_seed(0)
    ids, rows = torch.randint(1, 20, (60, 5), generator=rng), ALL.repeat(15)  # many, so that no ReLU is the same at all nodes
    logits = model(ids, ids > 0, store().batch(rows))["logits"]
    F.cross_entropy(logits, torch.randint(0, 5, (60,), generator=rng)).backward()
    idle = {name for name, p in model.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-9}
    assert {name for name in idle if not name.endswith(SHIFTS)} == set()


def test_an_embedding_may_be_shared():
    for variant in ("graphvqa_gat", "lcgn"):
        model = small(variant, shared=True)
        assert model.scene.embedding is model.words
    assert small("graph_only", shared=True).words is None
    with pytest.raises(SettingsError, match="20 question words and 21 graph tokens"):
        GraphVQA(20, 21, 3, shared=True)


def test_global_instructions_are_copies_of_the_question():
    steps, copies = small("graphvqa_gat"), small("graphvqa_gat", instructions="global")
    assert [p.shape for p in steps.parameters()] == [p.shape for p in copies.parameters()]
    q, states, told, spoken = copies._ask(IDS, KEEP)
    assert spoken is None
    assert told.shape == (4, STEPS, WIDTH)
    assert torch.equal(told, states[:, :1].expand(-1, STEPS, -1))
    assert torch.equal(q, states[:, 0])
    told = steps._ask(IDS, KEEP)[2]
    assert (told[:, 0] - told[:, 1]).abs().amax(dim=1).min() > 1e-2
    graph = store().batch(ALL)
    assert (steps(IDS, KEEP, graph)["logits"] - copies(IDS, KEEP, graph)["logits"]).abs().max() > 1e-4


@cases
def test_what_looking_shows(variant, options):
    model, graph = small(variant, **options), store().batch(ALL)
    seen = model(IDS, KEEP, graph, look=True)
    assert torch.equal(seen["logits"], model(IDS, KEEP, graph)["logits"])
    weighed = variant in ("graphvqa_gat", "lcgn", "lcgn_dense")
    assert len(seen["attention"]) == (STEPS if weighed else 0)
    for alpha in seen["attention"]:
        if variant == "lcgn_dense":
            torch.testing.assert_close(alpha.sum(dim=2), graph.node_slots.float())
            continue
        sums = torch.zeros(graph.nodes, alpha.shape[1]).index_add(0, graph.target, alpha)
        torch.testing.assert_close(sums, torch.ones_like(sums))
    if variant == "question_only":
        assert (seen["node_gates"], seen["states"]) == (None, [])
        return
    gates = torch.zeros(4).index_add(0, graph.graph, seen["node_gates"])
    torch.testing.assert_close(gates, torch.ones(4))
    assert len(seen["states"]) == STEPS + 1 + variant.startswith("lcgn")
    assert {tuple(h.shape) for h in seen["states"]} == {(graph.nodes, WIDTH if "lcgn" in variant else DIM)}
    if variant in ("gcn", "graph_only"):
        assert seen["words"] is None
    else:
        torch.testing.assert_close(seen["words"].sum(dim=2), torch.ones(4, STEPS))
        assert not seen["words"].masked_select(~KEEP[:, None]).any()


def test_the_answer_is_read_from_pooled_graph_question_and_their_product():
    model, graph = small("graphvqa_gat"), store().batch(ALL)
    seen = model(IDS, KEEP, graph, look=True)
    q = model.question(model.words(IDS), KEEP)[:, 0]
    h, gates = model.pooling(graph, seen["states"][-1], q)
    torch.testing.assert_close(gates, seen["node_gates"])
    torch.testing.assert_close(seen["logits"], model.classifier(torch.cat([h, q, h * q], dim=1)))


def test_alone_keeps_each_nodes_own_edge():
    graph = store().batch(torch.tensor([3, 0, 2]))
    own = alone(graph)
    assert own.source.tolist() == own.target.tolist() == list(range(8))
    assert own.edge_token.tolist() == [1] * 8
    assert own.edge_graph.tolist() == graph.graph.tolist()
    assert own.edge_offsets.tolist() == graph.node_offsets.tolist()
    assert own.target_offsets.tolist() == list(range(9))
    assert not own.edge_reverse.any()
    assert (own.nodes, own.size) == (8, 3)


@pytest.mark.skipif(importlib.util.find_spec("dgl") is None, reason="DGL exists for Python below 3.12 only")
@pytest.mark.filterwarnings("ignore")
@cases
def test_dgl_computes_the_same(variant, options):
    graph = store().batch(ALL)
    ours, theirs = (small(variant, backend=backend, **options)(IDS, KEEP, graph)["logits"] for backend in ("torch", "dgl"))
    torch.testing.assert_close(theirs, ours, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"variant": "graphvqa_gta"}, "did you mean 'graphvqa_gat'"),
        ({"instructions": "all"}, "instructions = 'all'"),
        ({"encoder": "metta"}, "did you mean 'meta'"),
        ({"score": "mpl"}, "did you mean 'mlp'"),
        ({"steps": 0}, "steps = 0, expected 1 or more"),
        ({"question_heads": 3}, "width of 16 cannot be shared by 3 heads"),
        ({"variant": "gcn", "as_released": True}, "variant = 'gcn' has no public program"),
        ({"variant": "lcgn_dense", "edge_keys": True}, "a pair without an edge"),
    ],
)
def test_what_cannot_be_built_is_told(wrong, told):
    with pytest.raises(SettingsError, match=told):
        small(**{"variant": "graphvqa_gat", **wrong})


def test_training_minimises_the_cross_entropy_of_the_rows_graphs():
    model, graphs = small("graphvqa_gat"), store()
    wrapped = Answering(model, graphs)
    rows, answer = torch.tensor([2, 2, 0, 1]), torch.tensor([1, 0, 4, 2])
    batch = {"ids": IDS, "keep": KEEP, "graph": rows.int(), "answer": answer.int()}
    logits = model(IDS, KEEP, graphs.batch(rows))["logits"]
    found = step(wrapped, batch)
    torch.testing.assert_close(found["loss"], F.cross_entropy(logits, answer))
    assert found["accuracy"].item() == (logits.argmax(dim=1) == answer).float().mean().item()
    assert torch.equal(outputs(wrapped, batch)["logits"], logits)
    assert [*wrapped.state_dict()] == [f"model.{name}" for name in model.state_dict()]  # no graph among the weights


def hop_task(count: int, seed: int) -> tuple[GraphStore, Columns]:
    """Four things of different kinds (ids 2-5) and any colours (6-9); one points at the one asked about: what colour has it?"""
    rng = np.random.default_rng(seed)
    kinds = rng.permuted(np.tile(np.arange(4), (count, 1)), axis=1)
    colours = rng.integers(0, 4, (count, 4))
    asked = rng.integers(0, 4, count)
    source = (asked + rng.integers(1, 4, count)) % 4
    tokens = np.stack([2 + kinds, 6 + colours], axis=2).reshape(-1, 2)
    graphs = GraphStore.from_arrays(
        np.full(count, 4), np.ones(count, int), tokens, np.ones_like(tokens, bool), source, asked, np.full(count, 10), 1
    )
    rows = np.arange(count)
    ids = np.stack([np.ones(count, int), 2 + kinds[rows, asked]], axis=1).astype(np.int32)
    columns = Columns(pa.array(list(ids)), {"graph": rows, "answer": colours[rows, source]})
    return graphs, columns


def learnt(variant: str) -> float:
    """Accuracy on new graphs after 128 updates."""
    torch.manual_seed(0)
    graphs, columns = hop_task(2048, 0)
    sizes = {"dim": 16, "instruction_dim": 16, "steps": 1, "question_layers": 1, "question_heads": 2, "ff": 16, "dropout": 0.0}
    model = GraphVQA(11, 11, 4, variant=variant, score="mlp", answer_dropout=0.0, shared=True, **sizes)
    batches = Batches(columns, 64, shuffle=True)
    history = fit(Answering(model, graphs), step, batches, Recipe(4, 0.01, 0.01), device="cpu")
    assert history.losses[-1]["loss"] < history.losses[0]["loss"]
    graphs, columns = hop_task(500, 1)
    logits = predict(Answering(model, graphs), Batches(columns, 250), outputs)["logits"]
    return (logits.argmax(dim=1).numpy() == columns.dense["answer"]).mean()


def test_one_hop_is_learnt_with_messages_and_not_without():
    assert learnt("graphvqa_gat") > 0.95
    assert 0.4 < learnt("no_messages") < 0.6  # the colour of one of three others: 1/3, and as often right by chance: 2/3 * 1/4

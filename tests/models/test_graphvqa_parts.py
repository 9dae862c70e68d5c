"""The parts of GraphVQA against slower ways: torch's own transformer layers, and the equations written out node by node."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmkit.batches.graphs import GraphBatch, GraphStore
from mmkit.errors import SettingsError
from mmkit.layers.counts import by_part, parameters
from mmkit.models.graphvqa import LCGN, VARIANTS, GraphVQA, InstructionDecoder, QuestionEncoder, SceneEncoder, Stack
from mmkit.models.graphvqa.question import Attention, Block, softmax
from tests.models.graphvqa import DIM, IDS, KEEP, STEPS, TOKENS, WIDTH, small, store

ALL = torch.arange(4)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def copied(block: Block, torchs: nn.Module) -> None:
    """Give torch's layer the weights of ours, none of which is left at its start."""
    moved = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in block.parameters():
            p.add_(torch.randn(p.shape, generator=moved) * 0.3)
        pairs = [("own", torchs.self_attn)] + ([("other", torchs.multihead_attn)] if block.other is not None else [])
        for name, attention in pairs:
            mine = getattr(block, name)
            attention.in_proj_weight.copy_(mine.project.weight)
            attention.in_proj_bias.copy_(mine.project.bias)
            attention.out_proj.load_state_dict(mine.join.state_dict())
        torchs.linear1.load_state_dict(block.inner.state_dict())
        torchs.linear2.load_state_dict(block.outer.state_dict())
        for k, norm in enumerate(block.norms):
            getattr(torchs, f"norm{k + 1}").load_state_dict(norm.state_dict())


def test_a_block_is_torchs_encoder_layer():
    block, torchs = Block(8, 2, 12, 0.0), nn.TransformerEncoderLayer(8, 2, 12, 0.0, batch_first=True)
    assert parameters(block) == parameters(torchs)
    copied(block, torchs)
    x = random(4, 5, 8).requires_grad_()
    mine, a = block(x, KEEP)
    theirs = torchs(x, src_key_padding_mask=~KEEP)
    torch.testing.assert_close(mine[KEEP], theirs[KEEP])
    weight = random(4, 5, 8, seed=1) * KEEP.unsqueeze(2)
    gradients = [torch.autograd.grad((y * weight).sum(), x)[0] for y in (mine, theirs)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)
    _, known = torchs.self_attn(x, x, x, key_padding_mask=~KEEP)  # the mean over heads
    torch.testing.assert_close(a, known)


def test_a_block_with_memory_is_torchs_decoder_layer():
    block, torchs = Block(8, 2, 12, 0.0, cross=True), nn.TransformerDecoderLayer(8, 2, 12, 0.0, batch_first=True)
    assert parameters(block) == parameters(torchs)
    copied(block, torchs)
    x, memory = random(4, 3, 8), random(4, 5, 8, seed=1)
    mine, a = block(x, None, memory, KEEP)
    torch.testing.assert_close(mine, torchs(x, memory, memory_key_padding_mask=~KEEP))
    assert a.shape == (4, 3, 5)
    assert not a.masked_select(~KEEP[:, None]).any()


def test_softmax_is_torchs():
    score = random(3, 2, 5) * 50
    torch.testing.assert_close(softmax(score), score.softmax(dim=2))
    keep = KEEP[[0, 1, 3], None]
    torch.testing.assert_close(softmax(score, keep), score.masked_fill(~keep, -torch.inf).softmax(dim=2))
    torch.testing.assert_close(softmax(score.masked_fill(~keep, 1000.0), keep), softmax(score, keep))  # whatever is hidden
    score = score.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda s: softmax(s, keep), score)


def test_attention_without_anything_to_see_gives_no_nan():
    attention, x = Attention(4, 2, 0.0), random(2, 3, 4).requires_grad_()
    keep = torch.tensor([[True, False, True], [False] * 3])
    y, a = attention(x, keep=keep)
    torch.testing.assert_close(y[1], attention.join.bias.expand(3, -1))
    assert not a[1].any()
    y.sum().backward()
    assert x.grad.isfinite().all()


def test_dropout_is_on_in_training_only():
    encoder = QuestionEncoder(6, 8, 1, 2, 12, 0.5)
    x = random(4, 5, 6)
    assert not torch.equal(encoder(x, KEEP), encoder(x, KEEP))
    encoder.eval()
    assert torch.equal(encoder(x, KEEP), encoder(x, KEEP))
    attention = Attention(4, 2, 0.9)
    y, a = attention(random(1, 6, 4))
    attention.eval()
    assert not torch.allclose(y, attention(random(1, 6, 4))[0])
    torch.testing.assert_close(a, attention(random(1, 6, 4))[1])  # the weights told are those before dropout


def test_words_have_places():
    encoder = QuestionEncoder(6, 8, 1, 2, 12, 0.0).eval()
    x = random(1, 5, 6)
    swapped = x[:, [0, 2, 1, 3, 4]]
    assert (encoder(x, None)[:, 0] - encoder(swapped, None)[:, 0]).abs().max() > 1e-3


def test_the_encoder_step_by_step():
    encoder = QuestionEncoder(6, 8, 2, 2, 12, 0.0).eval()
    x = random(4, 5, 6)
    y = encoder.map(x) * 8**0.5 + encoder.positions.table[:5]
    for block in encoder.blocks:
        y, _ = block(y, KEEP)
    torch.testing.assert_close(encoder(x, KEEP), encoder.norm(y))


def test_instructions_look_at_words_and_at_each_other():
    decoder, states = InstructionDecoder(3, 8, 2, 2, 12, 0.0).eval(), random(4, 5, 8)
    found, looked = decoder(states, KEEP)
    for b in range(4):
        x = decoder.queries[None]
        for block in decoder.blocks:
            x, a = block(x, None, states[b : b + 1, KEEP[b]])
        torch.testing.assert_close(found[b], decoder.norm(x)[0])
        torch.testing.assert_close(looked[b, :, KEEP[b]], a[0])
    with torch.no_grad():
        decoder.queries[2] += 1.0
    assert (decoder(states, KEEP)[0][:, 0] - found[:, 0]).abs().max() > 1e-4


def tiny() -> GraphBatch:
    return store().batch(torch.tensor([3, 1]))


@pytest.mark.parametrize("kind", ["meta", "paper"])
def test_the_scene_encoder_by_hand(kind):
    torch.manual_seed(0)
    table = nn.Embedding(TOKENS, DIM)  # without a padding row: what is hidden must count for nothing all the same
    encoder, batch = SceneEncoder(table, kind), tiny()
    assert batch.edge_reverse.any()
    x, e = encoder(batch, batch.edge_reverse)
    words = [table.weight[batch.node_tokens[i][batch.node_keep[i]]].sum(0) for i in range(batch.nodes)]
    sign = 1 - 2 * batch.edge_reverse.float()[:, None]
    edges = table.weight[batch.edge_token] * sign
    ends = list(zip(batch.source.tolist(), batch.target.tolist(), edges, strict=True))
    if kind == "paper":
        for i in range(batch.nodes):
            seen = [encoder.rule.linear(torch.cat([words[j], edge])) for j, at, edge in ends if at == i]
            torch.testing.assert_close(x[i], torch.stack(seen).mean(0).relu())
        torch.testing.assert_close(e, edges)
        return

    def mlp(perceptron: nn.Module, *parts: torch.Tensor) -> torch.Tensor:
        return perceptron.last(perceptron.first(torch.cat(parts)).relu())

    rule = encoder.rule
    seen = [(i, mlp(rule.edge, words[j], words[i], edge), j) for j, i, edge in ends]
    torch.testing.assert_close(e, torch.stack([edge for _, edge, _ in seen]))
    new = []
    for i in range(batch.nodes):
        heard = [mlp(rule.message, words[j], edge) for at, edge, j in seen if at == i]
        new.append(mlp(rule.node, words[i], torch.stack(heard).mean(0)))
    new = torch.stack(new)
    for graph in (0, 1):
        one = new[batch.graph == graph]
        want = (one - one.mean()) / (one.var(correction=0) + 1e-5).sqrt()
        torch.testing.assert_close(x[batch.graph == graph], want)


@pytest.mark.parametrize("kind", ["mean", "sum", "sum2", "attention"])
@pytest.mark.parametrize("shared", [False, True])
def test_the_residual_is_the_same_for_every_aggregation(kind, shared):
    torch.manual_seed(0)
    stack = Stack(kind, DIM, WIDTH, 3, heads=2, dropout=0.0, shared=shared).eval()
    assert (len(stack.layers), len(stack.norms)) == ((1, 1) if shared else (3, 2))
    batch = tiny()
    h, e, told = random(batch.nodes, DIM), random(batch.edges, DIM, seed=1), random(2, 3, WIDTH, seed=2)
    for k, norm in enumerate(stack.norms):
        norm.running_mean.fill_(0.3 + k)
    states, _ = stack(batch, h, e, told)
    for t in range(3):
        found = stack.layers[0 if shared else t](batch, h, e, told[:, t])
        h = (found[0] if kind == "attention" else found) + h
        if t < 2:
            h = stack.norms[0 if shared else t](h).relu()
        torch.testing.assert_close(states[t + 1], h)


def test_a_dropout_of_states_stands_behind_the_norm():
    stack = Stack("mean", DIM, 0, 2, dropout=0.5).train()
    batch = tiny()
    states, _ = stack(batch, random(batch.nodes, DIM), None, None)
    zero = states[1] == 0
    assert zero.float().mean() > 0.6  # half by ReLU, half of the rest dropped
    torch.manual_seed(1)
    assert not torch.equal(stack(batch, random(batch.nodes, DIM), None, None)[0][1] == 0, zero)


def test_lcgns_equations_by_hand():
    torch.manual_seed(0)
    lcgn, batch = LCGN(DIM, WIDTH, 2, edge_keys=True).eval(), tiny()
    x, e = random(batch.nodes, DIM), random(batch.edges, DIM, seed=1)
    q, words, keep = random(2, WIDTH, seed=2), random(2, 5, WIDTH, seed=3), KEEP[:2]
    states, attention, spoken = lcgn(batch, x, e, q, words, keep)

    commands, cell = lcgn.commands, lcgn.cell
    local = lcgn.local(x)
    context = cell.start.expand(batch.nodes, -1)
    for t in range(2):
        matrix, bias = commands.own.weight[t * WIDTH : (t + 1) * WIDTH], commands.own.bias[t * WIDTH : (t + 1) * WIDTH]
        told = []
        for b in range(2):
            ask = matrix @ commands.shared(q[b]).relu() + bias
            real = words[b][keep[b]]
            a = torch.stack([commands.score(ask * word)[0] for word in real]).softmax(0)
            torch.testing.assert_close(spoken[b, t, keep[b]], a)
            told.append(a @ real)
        joint = torch.cat([local, context, cell.local(local) * cell.context(context)], dim=1)  # (12)
        rows = []
        for i in range(batch.nodes):
            c, into = told[int(batch.graph[i])], (batch.target == i).nonzero().flatten()
            key = (cell.key(joint[batch.source[into]]) + cell.edge(e[into])) * cell.told_key(c)
            w = (key @ cell.query(joint[i]) / WIDTH**0.5).softmax(0)  # (13)
            torch.testing.assert_close(attention[t][into, 0], w)
            value = cell.value(joint[batch.source[into]]) * cell.told_value(c)
            rows.append(cell.write(torch.cat([context[i], w @ value])))  # (14), (15)
        context = torch.stack(rows)
        torch.testing.assert_close(states[t + 1], context)
    torch.testing.assert_close(states[0], local)
    torch.testing.assert_close(states[-1], cell.out(torch.cat([local, context], dim=1)))


def test_dense_lcgn_is_sparse_lcgn_on_a_complete_graph():
    pairs = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]].numpy()
    tokens = torch.ones(3, 1).int().numpy()
    graph = GraphStore.from_arrays([3], [6], tokens, tokens > 0, pairs[:, 0], pairs[:, 1], tokens[[0] * 6, 0], 1)
    batch = graph.batch(torch.tensor([0, 0]))
    torch.manual_seed(0)
    sparse, dense = (LCGN(DIM, WIDTH, 2, dense=dense).eval() for dense in (False, True))
    dense.load_state_dict(sparse.state_dict())
    inputs = (random(6, DIM), None, random(2, WIDTH, seed=2), random(2, 5, WIDTH, seed=3), None)
    torch.testing.assert_close(dense(batch, *inputs)[0], sparse(batch, *inputs)[0])


def test_reversed_relations_are_turned_round():
    model, batch = small("graphvqa_gat"), store().batch(ALL)
    plain = small("graphvqa_gat")(IDS, KEEP, store().batch(ALL))["logits"]
    table = model.scene.embedding
    e = table(batch.edge_token)
    want = torch.where(batch.edge_reverse[:, None], -e, e)
    seen = {}
    model.scene.rule.register_forward_pre_hook(lambda _, inputs: seen.update(e=inputs[2]))
    torch.testing.assert_close(model(IDS, KEEP, batch)["logits"], plain)
    assert torch.equal(seen["e"], want)
    assert batch.edge_reverse.sum() > 4


def published(variant: str, **options) -> dict[str, int]:
    with torch.device("meta"):
        model = GraphVQA(3000, 2500, 1842, variant=variant, **options)
    return by_part(model)


def test_sizes_of_the_public_code_to_the_last_digit():
    counts = published("graphvqa_gat")
    assert counts == {
        "words": 3000 * 300,
        "question": 300 * 512 + 512 + 3 * 3_152_384 + 1024,  # a layer of 512 with 2,048 inside; a final norm
        "instructions": 5 * 512 + 3 * (3_152_384 + 1_050_624 + 1024) + 1024,
        "scene": 2500 * 300 + 901_802,
        "stack": 9_765_900,
        "pooling": 416_768 + 525_312 + 263_169,
        "classifier": 1536 * 512 + 512 + 512 * 1842 + 1842,
    }
    assert (counts["question"], counts["instructions"]) == (9_612_288, 12_615_680)
    assert sum(counts.values()) - 5500 * 300 == 35_832_809
    with torch.device("meta"):
        stack = GraphVQA(3000, 2500, 1842).stack
    assert {parameters(layer) for layer in stack.layers} == {1_952_700}
    assert {parameters(norm) for norm in stack.norms} == {600}


def test_sizes_of_the_other_stacks():
    norms, both = 4 * 600, 812
    assert published("gcn")["stack"] == 5 * (300 * 300 + 300) + norms
    assert published("graphvqa_gcn")["stack"] == published("no_messages")["stack"] == 5 * (both * 300 + 300) + norms
    assert published("graphvqa_gine")["stack"] == 5 * (both * 300 + 300) + norms
    assert published("graphvqa_gine2")["stack"] == 5 * (both * 300 + 300 + 300 * 300 + 300 + 600) + norms
    values, hidden = both * 1200 + 300, 3 * both * 300 + 300 + 300 * 4 + 4
    assert published("graphvqa_gat", score="mlp")["stack"] == 5 * (values + hidden) + norms
    assert published("graphvqa_gat", shared_layer=True)["stack"] == 1_952_700 + 600
    assert published("graphvqa_gat", instructions="global") == published("graphvqa_gat")
    assert published("graphvqa_gat", encoder="paper")["scene"] == 2500 * 300 + 600 * 300
    assert published("lcgn", steps=4)["lcgn"] == published("lcgn_dense", steps=4)["lcgn"]


def test_what_a_model_does_not_use_it_does_not_have():
    parts = {variant: set(published(variant)) for variant in VARIANTS}
    every = {"words", "question", "instructions", "scene", "stack", "pooling", "classifier"}
    assert parts["graphvqa_gat"] == parts["no_messages"] == every
    assert parts["gcn"] == every - {"instructions"}
    assert parts["lcgn"] == parts["lcgn_dense"] == every - {"instructions", "stack"} | {"lcgn"}
    assert parts["question_only"] == {"words", "question", "no_graph", "classifier"}
    assert parts["graph_only"] == {"no_question", "scene", "stack", "pooling", "classifier"}


def test_weights_of_layers_are_glorots():
    stack = GraphVQA(10, 10, 4, variant="graphvqa_gine2", dim=40, instruction_dim=60, question_layers=1, question_heads=4).stack
    for weight in (stack.layers[0].theta[0].weight, stack.layers[0].theta[2].weight):
        bound = (6 / sum(weight.shape)) ** 0.5
        assert 0.95 * bound < weight.abs().max() <= bound
    assert not stack.layers[0].theta[0].bias.any()


def test_an_unknown_aggregation_is_told():
    with pytest.raises(SettingsError, match="did you mean 'mean'"):
        Stack("meen", DIM, 0, STEPS)

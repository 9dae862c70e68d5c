"""Crossmodal transformers against their equations, torch's own attention and torch's own encoder."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmkit.errors import SettingsError
from mmkit.layers import crossmodal
from mmkit.layers.counts import parameters
from mmkit.layers.crossmodal import PairStack

PAIRS = [(b, a) for a in "TVA" for b in "TVA" if a != b]
OWN = [(a, a) for a in "TVA"]
LENGTHS = {"T": 5, "V": 3, "A": 3}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def stack_of(pairs=PAIRS, dim=8, layers=2, heads=2, **options):
    """In double precision, with every scale, shift and bias away from where it starts."""
    stack, rng = PairStack(pairs, dim, layers, heads, **options).double(), seeded(3)
    with torch.no_grad():
        for name, parameter in stack.named_parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
            if "norm" in name:
                parameter[:, 0] += 1.0
    return stack


def inputs(dim=8, items=2, lengths=LENGTHS, seed=0):
    rng = seeded(seed)
    return {name: torch.randn(items, steps, dim, generator=rng, dtype=torch.float64) for name, steps in lengths.items()}


def padded(items=2):
    """T of 5 and 2 real words, V without padding, A of 1 and 3 real steps."""
    keep = {"T": torch.tensor([[True] * 5, [True] * 2 + [False] * 3]), "A": torch.tensor([[True, False, False], [True] * 3])}
    return {name: k[:items] for name, k in keep.items()}


def by_hand(stack, p, x, keep=None, causal=False):
    """One pair, one item, one head and one query at a time, straight from the equations."""
    source, target = stack.pairs[p]
    norm = lambda z, w: F.layer_norm(z, (stack.dim,), w[p, 0], w[p, 1])  # noqa: E731
    out = []
    for item in range(len(x[target])):
        z, other = x[target][item], x[source][item]
        real = torch.ones(len(other), dtype=torch.bool) if keep is None or source not in keep else keep[source][item]
        for layer in stack.layers:
            queries, seen = norm(z, layer.norm_1), norm(z if source == target else other, layer.norm_1)
            q, k, v = (
                n @ w + b
                for n, w, b in zip(
                    (queries, seen, seen), layer.w_in[p].chunk(3, dim=1), layer.b_in[p].chunk(3, dim=0), strict=True
                )
            )
            size, rows = stack.dim // stack.heads, []
            for i in range(len(z)):
                allowed = real & (torch.arange(len(other)) <= i + abs(len(other) - len(z)) if causal else True)
                parts = []
                for h in range(stack.heads):
                    at = slice(h * size, (h + 1) * size)
                    scores = (k[:, at] @ q[i, at] / math.sqrt(size))[allowed]
                    parts.append(scores.softmax(0) @ v[:, at][allowed])
                rows.append(torch.cat(parts))
            z = z + torch.stack(rows) @ layer.w_o[p] + layer.b_o[p]
            z = z + (norm(z, layer.norm_2) @ layer.w_1[p] + layer.b_1[p]).relu() @ layer.w_2[p] + layer.b_2[p]
        out.append(norm(z, stack.norm))
    return torch.stack(out)


@pytest.fixture(params=[True, False], ids=["plain", "fused"])
def either(request, monkeypatch):
    """Both ways of computing attention."""
    monkeypatch.setattr(crossmodal, "SHORT", 10**9 if request.param else 0)


@pytest.mark.parametrize("pairs", [PAIRS, OWN, [("V", "T"), ("T", "V"), ("A", "T")]], ids=["crossmodal", "memory", "unsorted"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_every_pair_follows_the_equations(either, pairs, masked, causal):
    stack, x, keep = stack_of(pairs, causal=causal), inputs(), padded() if masked else None
    found, attention = stack(x, keep)
    assert attention == []
    for p in range(len(pairs)):
        torch.testing.assert_close(found[p], by_hand(stack, p, x, keep, causal))


def test_gradients_follow_the_equations(either):
    stack, x = stack_of(), {name: t.requires_grad_() for name, t in inputs().items()}
    weigh = [torch.randn(2, LENGTHS[a], 8, generator=seeded(5), dtype=torch.float64) for _, a in PAIRS]
    learned = [*x.values(), *stack.parameters()]
    ours = torch.autograd.grad(sum((z * w).sum() for z, w in zip(stack(x, padded())[0], weigh, strict=True)), learned)
    slow = torch.autograd.grad(sum((by_hand(stack, p, x, padded()) * w).sum() for p, w in enumerate(weigh)), learned)
    for one, other in zip(ours, slow, strict=True):
        torch.testing.assert_close(one, other)


def silent_feed_forward(stack):
    """Z = LN(Z_a + MH): what is left is the attention."""
    with torch.no_grad():
        for layer in stack.layers:
            layer.w_2.zero_()
            layer.b_2.zero_()


@pytest.mark.parametrize(("pair", "heads"), [(("V", "T"), 1), (("V", "T"), 4), (("T", "T"), 2)])
def test_attention_is_torchs(either, pair, heads):
    stack, x = stack_of([pair], layers=1, heads=heads), inputs()
    keep = {"V": torch.tensor([[True] * 3, [True, False, True]]), "T": padded()["T"]}
    silent_feed_forward(stack)
    layer, (source, target) = stack.layers[0], pair
    peer = nn.MultiheadAttention(8, heads, batch_first=True).double()
    with torch.no_grad():
        peer.in_proj_weight.copy_(layer.w_in[0].T)
        peer.in_proj_bias.copy_(layer.b_in[0])
        peer.out_proj.weight.copy_(layer.w_o[0].T)
        peer.out_proj.bias.copy_(layer.b_o[0])
    q, kv = (F.layer_norm(x[name], (8,), *layer.norm_1[0]) for name in (target, source))
    expected, weights = peer(q, kv, kv, key_padding_mask=~keep[source], average_attn_weights=False)
    [found], [attention] = stack(x, keep, weights_of=0)
    torch.testing.assert_close(found, F.layer_norm(x[target] + expected, (8,), *stack.norm[0]))
    torch.testing.assert_close(attention, weights)
    torch.testing.assert_close(stack(x, keep)[0][0], found)  # asking for the weights changes nothing


def test_a_sequence_with_itself_is_torchs_encoder():
    stack, x = stack_of([("T", "T")], layers=2), inputs()
    layer = nn.TransformerEncoderLayer(8, 2, 32, dropout=0.0, batch_first=True, norm_first=True)
    peer = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8), enable_nested_tensor=False).double()
    names = {"self_attn.in_proj": "in", "self_attn.out_proj": "o", "linear1": "1", "linear2": "2"}
    state = {"norm.weight": stack.norm[0, 0], "norm.bias": stack.norm[0, 1]}
    for n, ours in enumerate(stack.layers):
        for name, end in names.items():
            joint = "_" if end == "in" else "."
            state[f"layers.{n}.{name}{joint}weight"] = getattr(ours, f"w_{end}")[0].T
            state[f"layers.{n}.{name}{joint}bias"] = getattr(ours, f"b_{end}")[0]
        for k, norm in ((1, ours.norm_1), (2, ours.norm_2)):
            state[f"layers.{n}.norm{k}.weight"], state[f"layers.{n}.norm{k}.bias"] = norm[0]
    peer.load_state_dict(state)
    torch.testing.assert_close(stack(x, {"T": padded()["T"]})[0][0], peer(x["T"], src_key_padding_mask=~padded()["T"]))


def test_keys_stay_those_of_the_input_in_every_layer():
    stack, x = stack_of([("V", "T"), ("T", "V")], layers=3), inputs()
    before, attention = stack(x, weights_of=2)
    assert attention[0].shape == (2, 2, 5, 3)
    with torch.no_grad():
        for layer in stack.layers:
            layer.w_o[1] *= 2.0  # moves V, in the other network only
    torch.testing.assert_close(stack(x)[0][0], before[0])
    assert (stack(x)[0][1] - before[1]).abs().max() > 0.1


@pytest.mark.parametrize("pairs", [PAIRS, OWN])
def test_padding_is_never_seen(either, pairs):
    stack, x, keep = stack_of(pairs), inputs(), padded()
    before, _ = stack(x, keep)
    moved = {name: t.clone() for name, t in x.items()}
    moved["T"][1, 3, 0] += 5.0  # one channel: LN does not see a shift of all
    after, _ = stack(moved, keep)
    real = {name: keep.get(name, torch.ones(2, n, dtype=torch.bool)) for name, n in LENGTHS.items()}
    for (_, target), one, other in zip(pairs, before, after, strict=True):
        torch.testing.assert_close(one[real[target]], other[real[target]])
    moved["T"][0, 3, 0] += 5.0  # a real word
    after, _ = stack(moved, keep)
    for (source, target), one, other in zip(pairs, before, after, strict=True):
        changed = (one - other)[0].abs().max() > 0.01
        assert changed == ("T" in (source, target))


def test_a_source_without_a_real_step_gives_nothing_and_no_nan(either):
    stack, x = stack_of([("V", "T"), ("A", "T")]), {name: t.requires_grad_() for name, t in inputs().items()}
    keep = {"V": torch.tensor([[False] * 3, [True] * 3])}
    _, attention = stack(x, keep, weights_of=-1)
    assert not attention[0][0].any()
    torch.testing.assert_close(attention[0][1].sum(-1), torch.ones(2, 5, dtype=torch.float64))
    other = {**x, "V": x["V"].detach() + 3.0}
    torch.testing.assert_close(stack(other, keep)[0][0][0], stack(x, keep)[0][0][0])
    sum(z.sum() for z in stack(x, keep)[0]).backward()
    assert all(t.grad.isfinite().all() for t in [*x.values(), *stack.parameters()])
    assert not x["V"].grad[0].any()
    assert x["V"].grad[1].any()


def test_a_causal_query_sees_keys_up_to_the_difference_of_the_lengths():
    stack = stack_of([("A", "T"), ("T", "A")], causal=True)
    _, (from_a, from_t) = stack(inputs(lengths={"T": 5, "A": 3}), weights_of=0)
    ones = torch.ones(5, 5, dtype=torch.bool)
    for item in range(2):
        assert torch.equal(from_a[item, 0] > 0, ones[:5, :3].tril(2))
        assert torch.equal(from_t[item, 1] > 0, ones[:3, :5].tril(2))
    _, (own,) = stack_of([("T", "T")], causal=True)(inputs(), weights_of=0)
    assert torch.equal(own[0, 0] > 0, ones.tril())


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_one_step_is_that_row_of_all_steps(layers, causal, masked):
    stack, x = stack_of(OWN, layers=layers, causal=causal), {name: t.requires_grad_() for name, t in inputs().items()}
    keep = padded() if masked else None
    step = {"T": torch.tensor([4, 1]), "V": torch.tensor([2, 0]), "A": torch.tensor([0, 2])}
    weigh = torch.randn(3, 2, 8, generator=seeded(8), dtype=torch.float64)
    learned = [*x.values(), *stack.parameters()]
    one, seen = stack(x, keep, step=step, weights_of=-1)
    full, attention = stack(x, keep, weights_of=-1)
    rows = [z[torch.arange(2), step[a]] for z, (a, _) in zip(full, OWN, strict=True)]
    for p, (a, _) in enumerate(OWN):
        torch.testing.assert_close(one[p][:, 0], rows[p])
        torch.testing.assert_close(seen[p][:, :, 0], attention[p][torch.arange(2), :, step[a]])
    short = torch.autograd.grad((torch.cat(one, dim=1).transpose(0, 1) * weigh).sum(), learned)
    long = torch.autograd.grad((torch.stack(rows) * weigh).sum(), learned)
    for a, b in zip(short, long, strict=True):
        torch.testing.assert_close(a, b)


def test_one_step_of_an_empty_sequence():
    stack, x = stack_of(OWN, layers=1), inputs()
    keep, step = {"V": torch.tensor([[False] * 3, [True] * 3])}, {name: torch.zeros(2, dtype=torch.long) for name in "TVA"}
    one, full = stack(x, keep, step=step)[0], stack(x, keep)[0]
    torch.testing.assert_close(one[1][:, 0], full[1][:, 0])
    assert one[1].isfinite().all()


TWO = [("V", "T"), ("A", "T")]


def test_where_dropout_acts(either):
    """A rate of 1 leaves nothing to chance."""
    x, stack = inputs(), stack_of(TWO, layers=1, residual_dropout=1.0)
    torch.testing.assert_close(stack(x)[0][0], F.layer_norm(x["T"], (8,), *stack.norm[0]))
    silent = stack_of(TWO, layers=1)
    with torch.no_grad():
        silent.layers[0].w_2.zero_()
    torch.testing.assert_close(stack_of(TWO, layers=1, relu_dropout=1.0)(x)[0], silent(x)[0])
    calm = stack_of(TWO, residual_dropout=1.0, relu_dropout=1.0, attention_dropout=1.0).eval()
    torch.testing.assert_close(calm(x)[0][0], by_hand(calm, 0, x))


def test_each_residual_is_dropped_by_itself():
    stack, x, rate = stack_of([("V", "T")], layers=1, residual_dropout=0.5), inputs(items=200), 0.5
    layer = stack.layers[0]
    with torch.no_grad():
        stack.norm[:, 0], stack.norm[:, 1] = 1.0, 0.0
        for weight in (layer.w_o, layer.w_2, layer.b_o, layer.b_2):
            weight.zero_()
        layer.b_o[:, 0], layer.b_2[:, 1] = 100.0, 1000.0  # what each part adds, to a channel of its own
    with torch.random.fork_rng():
        torch.manual_seed(0)
        z = stack(x)[0][0]
    both, first = z[..., 1] > 2.5, z[..., 0] > 2.5  # sqrt(7) where one channel outweighs all others; a kept 1000 a kept 100
    assert both.double().mean().item() == pytest.approx(1 - rate, abs=0.05)
    assert first.double().mean().item() == pytest.approx(rate * (1 - rate), abs=0.05)


def test_attention_dropout_has_a_rate_per_pair(monkeypatch):
    monkeypatch.setattr(crossmodal, "SHORT", 10**9)
    x, stack, blind = inputs(), stack_of(TWO, layers=1, attention_dropout=[1.0, 0.0]), stack_of(TWO, layers=1)
    with torch.no_grad():
        blind.layers[0].w_o[0] = 0.0
    torch.testing.assert_close(stack(x)[0], blind(x)[0])
    assert stack(x, weights_of=0)[1][0].min() > 0  # what we look at is not dropped
    monkeypatch.setattr(crossmodal, "SHORT", 0)
    half = stack_of(TWO, layers=1, attention_dropout=[0.5, 0.0])
    once, again = half(x)[0], half(x)[0]
    assert (once[0] - again[0]).abs().max() > 0.01
    torch.testing.assert_close(once[1], again[1])


def test_dropped_attention_to_one_step_keeps_no_bias_of_the_values():
    stack = stack_of(OWN, layers=1, attention_dropout=1.0).train()
    blind = stack_of(OWN, layers=1)
    with torch.no_grad():
        blind.layers[0].w_o.zero_()
    step = {name: torch.ones(2, dtype=torch.long) for name in "TVA"}
    torch.testing.assert_close(stack(inputs(), step=step)[0], blind(inputs(), step=step)[0])


def test_half_precision_with_masks():
    stack = PairStack(PAIRS, 8, 2, 2)
    x, keep = {name: t.float() for name, t in inputs().items()}, padded()
    keep["A"][0] = False
    exact = stack(x, keep)[0]
    with torch.autocast("cpu", torch.bfloat16):
        rough = stack(x, keep)[0]
    for one, other in zip(exact, rough, strict=True):
        torch.testing.assert_close(one, other.float(), atol=0.06, rtol=0.05)


@pytest.mark.parametrize(("width", "expected"), [(768, 35_440_896), (1536, 141_660_672)])
def test_one_encoder_of_the_published_size(width, expected):
    with torch.device("meta"):
        assert parameters(PairStack([("V", "T")], width, 5, 6)) == expected
        assert parameters(PairStack(PAIRS, width, 5, 6)) == 6 * expected


def test_matrices_start_as_xavier_and_biases_at_zero():
    layer = PairStack([("V", "T"), ("A", "T")], 64, 1, 4).layers[0]
    for weight, fans in ((layer.w_in, 4 * 64), (layer.w_o, 2 * 64), (layer.w_1, 5 * 64), (layer.w_2, 5 * 64)):
        assert weight.std().item() == pytest.approx(math.sqrt(2 / fans), rel=0.03)
        assert not torch.equal(weight[0], weight[1])
    assert not any(b.any() for b in (layer.b_in, layer.b_o, layer.b_1, layer.b_2, layer.norm_1[:, 1], layer.norm_2[:, 1]))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"pairs": []}, "expected some pairs"),
        ({"pairs": [("T", "T"), ("T", "V")]}, "all of different sequences or all of one with itself"),
        ({"heads": 3}, "width 8 is not a multiple of 3 heads"),
        ({"layers": 0}, "0 layers, expected at least one"),
    ],
)
def test_impossible_stacks_are_refused(change, told):
    with pytest.raises(SettingsError, match=told):
        PairStack(**{"pairs": PAIRS, "dim": 8, "layers": 1, "heads": 2} | change)


def test_one_step_of_a_crossmodal_pair_is_refused():
    with pytest.raises(SettingsError, match="a crossmodal pair is wanted in full"):
        stack_of()(inputs(), step={name: torch.zeros(2, dtype=torch.long) for name in "TVA"})

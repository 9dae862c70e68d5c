"""Every combining equation against a second computation in numpy, record by record; exact sizes; what attention can see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from mmkit import papers
from mmkit.errors import SettingsError
from mmkit.layers.counts import parameters
from mmkit.models.tabular import COMBINERS, TABLE_3, Attention, Gating, TabularText, combiner

T, C, N, B = 8, 6, 3, 16
WITH_TABLE = [m for m in COMBINERS if m not in ("text_only", "unimodal")]


def inputs(text=T, categories=C, numbers=N, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return [torch.randn(B, d, generator=rng, dtype=torch.float64) for d in (text, categories, numbers)]


def make(method, text=T, categories=C, numbers=N):
    torch.manual_seed(0)
    return combiner(method, text, categories, numbers).double().eval()


def weights(module):
    return {name: p.detach().numpy() for name, p in module.named_parameters()}


def mlp(net, v):
    """The official network in evaluation: linear, batch norm at its initial statistics, ReLU; the last layer linear."""
    linears = [m for m in net.layers if isinstance(m, nn.Linear)]
    for i, linear in enumerate(linears):
        v = linear.weight.detach().numpy() @ v + linear.bias.detach().numpy()
        if i + 1 < len(linears):
            v = np.maximum(v / np.sqrt(1 + 1e-5), 0)
    return v


def softmax(e):
    return np.exp(e) / np.exp(e).sum()


def leaky(e):
    return np.where(e > 0, e, 0.02 * e)


def attention(module, x, c, n, variant):
    w = {j: module.w[j].weight.detach().numpy() for j in "xcn"}
    u = {j: w[j] @ part for j, part in zip("xcn", (x, c, n), strict=True)}
    a = module.a.weight.detach().numpy()[0]
    if variant == "dynamic":
        v = {j: module.key[j].weight.detach().numpy() @ part for j, part in zip("xcn", (x, c, n), strict=True)}
        e = np.array([a @ leaky(u["x"] + v[j]) for j in "xcn"])
    else:
        keys = [u["x"], u["c"], u["c"] if variant == "2021" else u["n"]]
        e = np.array([leaky(a @ np.concatenate([u["x"], key])) for key in keys])
    alpha = softmax(e)
    return alpha[0] * u["x"] + alpha[1] * u["c"] + alpha[2] * u["n"], alpha, e


def gating(module, x, c, n, beta=0.2):
    w = weights(module)
    g_c = np.maximum(w["gate_c.weight"] @ np.concatenate([c, x]) + w["gate_c.bias"], 0)
    g_n = np.maximum(w["gate_n.weight"] @ np.concatenate([n, x]) + w["gate_n.bias"], 0)
    h = g_c * (w["w_c.weight"] @ c) + g_n * (w["w_n.weight"] @ n) + w["b_h"]
    alpha = min(beta * np.linalg.norm(x) / np.linalg.norm(h), 1)
    return x + alpha * h, np.linalg.norm(alpha * h) / np.linalg.norm(x)


def weighted_sum(module, x, c, n):
    w = weights(module)
    return (
        x
        + w["w_c"] * (w["map_c.weight"] @ c + w["map_c.bias"])
        + w["w_n"] * (w["map_n.weight"] @ n + w["map_n.bias"])
    )  # fmt: skip


BY_HAND = {
    "text_only": lambda m, x, c, n: x,
    "unimodal": lambda m, x, c, n: x,
    "table_only": lambda m, x, c, n: np.concatenate([c, n]),
    "concat": lambda m, x, c, n: np.concatenate([x, c, n]),
    "mlp_concat": lambda m, x, c, n: np.concatenate([x, mlp(m.mlp_c, c), mlp(m.mlp_n, n)]),
    "concat_mlp": lambda m, x, c, n: np.concatenate([x, mlp(m.mlp, np.concatenate([c, n]))]),
    "attention": lambda m, x, c, n: attention(m, x, c, n, "printed")[0],
    "attention_dynamic": lambda m, x, c, n: attention(m, x, c, n, "dynamic")[0],
    "attention_2021": lambda m, x, c, n: attention(m, x, c, n, "2021")[0],
    "gating": lambda m, x, c, n: gating(m, x, c, n)[0],
    "gating_uncapped": lambda m, x, c, n: gating(m, x, c, n, beta=1e3)[0],
    "weighted_sum": weighted_sum,
}


@pytest.mark.parametrize("method", COMBINERS)
def test_the_equation_record_by_record(method):
    module, (x, c, n) = make(method), inputs()
    with torch.no_grad():
        for p in module.parameters():  # not the initial values: zeros and ones would hide a term
            p += 0.3 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel()), dtype=p.dtype)
        for norm in (m for m in module.modules() if isinstance(m, nn.BatchNorm1d)):
            norm.weight.fill_(1)
            norm.bias.fill_(0)
    m = module(x, c, n).m.detach().numpy()
    assert m.shape == (B, module.out)
    for row in range(B):
        expected = BY_HAND[method](module, *(part[row].numpy() for part in (x, c, n)))
        np.testing.assert_allclose(m[row], expected, rtol=1e-6, atol=1e-9)


def test_unimodal_is_text_only_and_the_rows_are_the_papers():
    assert TABLE_3 == ("text_only", "unimodal", "concat", "mlp_concat", "concat_mlp", "attention", "gating", "weighted_sum")
    assert COMBINERS["unimodal"] is COMBINERS["text_only"]


@pytest.mark.parametrize(
    ("method", "width"), [("mlp_concat", T + 3 + 1), ("concat_mlp", T + 3), ("concat", 17), ("table_only", 9), ("gating", T)]
)
def test_widths_of_the_joined_vector(method, width):
    assert make(method).out == width
    assert make("concat_mlp", 2, 6, 3).out == 2 + 2  # min(N, C, T)
    assert make("mlp_concat", 8, 40, 5).out == 8 + 20 + 2
    assert make("mlp_concat", 8, 6, 5).out == 8 + 5 + 2


@pytest.mark.parametrize("method", papers.find(5).facts["exact"]["module_parameters"])
def test_the_published_size_is_matched_exactly(method):
    exact = papers.find(5).facts["exact"]["module_parameters"][method]
    official = {
        "concat": 0,
        "mlp_concat": 65_212,
        "concat_mlp": 35_762,
        "attention": 875_520,
        "gating": 1_745_664,
        "weighted_sum": 285_696,
    }
    assert parameters(combiner(method, 768, 361, 5)) == exact["used"]
    assert exact["used"] + exact["unused"] == official[method]


@pytest.mark.parametrize("method", WITH_TABLE)
def test_gradients_reach_every_parameter_and_every_part(method):
    module, parts = make(method).train(), [p.requires_grad_() for p in inputs()]
    module(*parts).m.square().sum().backward()
    for name, p in module.named_parameters():
        assert p.grad is not None, name
        assert p.grad.isfinite().all(), name
        before_norm = name.endswith("bias") and ".layers.0" in name and method in ("mlp_concat", "concat_mlp")
        assert p.grad.any() or before_norm, name  # a batch norm right behind takes a bias away again
    for part in parts[1:] if method == "table_only" else parts:
        assert part.grad.isfinite().all()
        assert part.grad.any()


def test_text_alone_hears_nothing_of_the_table():
    x, c, n = inputs()
    assert torch.equal(make("text_only")(x, c, n).m, make("text_only")(x, c + 9, n - 9).m)


@pytest.mark.parametrize("method", ["attention", "attention_dynamic", "attention_2021", "gating", "weighted_sum"])
def test_reliance_on_the_text_is_a_share_per_record(method):
    got = make(method)(*inputs())
    assert got.reliance.shape == (B,)
    assert (got.reliance >= 0).all()
    assert (got.reliance <= 1).all()
    assert got.reliance.std() > 1e-4
    assert all(len(w) == B for w in got.weights.values())


def test_reliance_is_what_it_says():
    x, c, n = inputs()
    module = make("attention")
    got = module(x, c, n)
    for row in range(B):
        _, alpha, e = attention(module, x[row].numpy(), c[row].numpy(), n[row].numpy(), "printed")
        np.testing.assert_allclose(got.weights["alpha"][row].detach().numpy(), alpha, rtol=1e-9)
        np.testing.assert_allclose(got.weights["scores"][row].detach().numpy(), e, rtol=1e-9)
        assert got.reliance[row].item() == pytest.approx(alpha[0])
    gate = make("gating")
    shift = [gating(gate, x[i].numpy(), c[i].numpy(), n[i].numpy())[1] for i in range(B)]
    np.testing.assert_allclose(gate(x, c, n).reliance.detach().numpy(), 1 - np.array(shift), rtol=1e-5)
    summed = make("weighted_sum")
    moved = np.linalg.norm(summed(x, c, n).m.detach().numpy() - x.numpy(), axis=1)
    size = np.linalg.norm(x.numpy(), axis=1)
    np.testing.assert_allclose(summed(x, c, n).reliance.detach().numpy(), size / (size + moved), rtol=1e-5)


# --- attention: static, dynamic, and the slip ---------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "cancels"), [(30.0, True), (0.0, False)])
def test_the_query_cancels_in_printed_attention_where_the_scores_share_a_sign(size, cancels):
    x, c, n = inputs()
    module = make("attention")
    with torch.no_grad():
        u = module.w["x"](x)
        toward = torch.linalg.lstsq(u.T @ u, u.sum(0)).solution  # a_1 . u_x is then large and positive on most records
        module.a.weight[:, :T] += size * toward
    before = module(x, c, n).weights
    rows = (before["scores"] > 0).all(1) if cancels else (before["scores"] > 0).any(1) & (before["scores"] < 0).any(1)
    assert rows.sum() >= 4
    with torch.no_grad():
        module.a.weight[:, :T] += (5.0 if cancels else 0.5) * toward  # another query part of the scoring vector
    after = module(x, c, n).weights
    rows &= (after["scores"] > 0).all(1) if cancels else True
    moved = (after["alpha"] - before["alpha"])[rows].abs().max()
    assert (after["scores"] - before["scores"])[rows].abs().min() > 1e-4  # every score has changed ...
    assert (moved < 1e-9) if cancels else (moved > 1e-3)  # ... and no weight, unless the signs differ


def test_dynamic_attention_lets_the_query_decide():
    x, c, n = inputs()
    other = x.roll(1, 0)
    for method, moves in (("attention", False), ("attention_dynamic", True)):
        module = make(method)
        if method == "attention":
            module.slope = 1.0  # linear, as where the scores share a sign
        # the odds of c against n have no text in them unless the text is a query
        odds = [module(q, c, n).weights["alpha"] for q in (x, other)]
        ratio = [(a[:, 1] / a[:, 2]).log() for a in odds]
        assert ((ratio[0] - ratio[1]).abs().max().item() > 1e-6) is moves


def test_the_slip_of_2021_gives_numbers_the_weight_of_categories():
    slip, printed = make("attention_2021"), make("attention")
    printed.load_state_dict(slip.state_dict())
    got, right = slip(*inputs()).weights["alpha"], printed(*inputs()).weights["alpha"]
    torch.testing.assert_close(got[:, 1], got[:, 2])
    assert (right[:, 1] - right[:, 2]).abs().max() > 0.01
    x, c, n = inputs()
    assert torch.equal(slip(x, c, n + 5).weights["alpha"], got)  # the numbers are not asked
    assert not torch.equal(slip(x, c, n + 5).m, slip(x, c, n).m)


# --- gating -----------------------------------------------------------------------------------------------------------


def test_all_gates_closed_leaves_the_text_and_finite_gradients():
    module, parts = make("gating"), [p.requires_grad_() for p in inputs()]
    with torch.no_grad():
        for gate in (module.gate_c, module.gate_n):
            gate.weight.zero_()
            gate.bias.fill_(-1)
    got = module(*parts)
    assert torch.equal(got.m, parts[0])
    assert got.reliance.detach().numpy() == pytest.approx(1, abs=1e-5)
    got.m.square().sum().backward()
    assert all(p.grad.isfinite().all() for p in [*module.parameters(), *parts])
    module.zero_grad()
    module(torch.zeros(2, T, dtype=torch.float64), *(p[:2] for p in parts[1:])).m.sum().backward()
    assert all(p.grad.isfinite().all() for p in module.parameters())


def test_the_shift_is_capped_at_a_fifth_of_the_text():
    x, c, n = inputs()
    module = make("gating")
    big, small = module(x, 1e4 * c, 1e4 * n), module(x, 1e-6 * c, 1e-6 * n)
    np.testing.assert_allclose((big.m - x).norm(dim=1).detach(), 0.2 * x.norm(dim=1), rtol=1e-6)
    assert big.reliance.detach().numpy() == pytest.approx(0.8, abs=1e-5)
    assert (small.reliance > 0.999).all()
    assert Gating(T, C, N).beta == 0.2


# --- tables wider than the text, and wrong use --------------------------------------------------------------------------


@pytest.mark.parametrize("method", WITH_TABLE)
def test_a_table_wider_than_the_text_fits(method):
    module = make(method, 4, 30, 9).train()
    m = module(*inputs(4, 30, 9)).m
    assert m.shape == (B, module.out)
    if method in ("attention", "attention_dynamic", "gating", "weighted_sum"):
        assert module.out == 4
    if method == "gating":
        assert module.w_c.in_features == module.w_n.in_features == 4


def test_wrong_use_is_told():
    with pytest.raises(SettingsError, match="no method 'gatting'; did you mean 'gating'"):
        combiner("gatting", T, C, N)
    with pytest.raises(SettingsError, match="method 'gating' needs category and number columns, got 0 and 3 features"):
        combiner("gating", T, 0, N)
    with pytest.raises(SettingsError, match="head = 'deep', expected 'linear' or 'mlp'"):
        TabularText(None, "table_only", C, N, 2, head="deep")
    assert combiner("concat", T, 0, N).out == T + N


class Bag(nn.Module):
    """An encoder as small as can be: the mean embedding."""

    dim = T

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, T)

    def forward(self, ids, keep):
        return (self.table(ids) * keep.unsqueeze(-1)).sum(1) / keep.sum(1, keepdim=True)


@pytest.mark.parametrize("head", ["linear", "mlp"])
@pytest.mark.parametrize("method", COMBINERS)
def test_the_whole_model_is_head_of_combiner_of_encoder(method, head):
    torch.manual_seed(0)
    encoder = None if method == "table_only" else Bag()
    model = TabularText(encoder, method, C, N, 5, head).eval()
    ids, keep = torch.randint(0, 10, (B, 4)), torch.ones(B, 4, dtype=torch.bool)
    _, c, n = (p.float() for p in inputs())
    logits, combined = model(ids, keep, c, n)
    x = torch.empty(B, 0) if encoder is None else encoder(ids, keep)
    torch.testing.assert_close(logits, model.head(model.combiner(x, c, n).m))
    assert logits.shape == (B, 5)
    assert combined.m.shape == (B, model.combiner.out)
    assert parameters(model) == sum(p.numel() for p in model.parameters())
    model.head.requires_grad_(False)
    assert parameters(model) == sum(p.numel() for p in [*model.combiner.parameters(), *(encoder.parameters() if encoder else [])])


def test_the_mlp_head_shrinks_by_four():
    model = TabularText(None, "table_only", 700, 68, 1, "mlp")
    assert [m.out_features for m in model.head.layers if isinstance(m, nn.Linear)] == [192, 48, 12, 3, 1]


def test_attention_matrices_are_drawn_uniformly_after_glorot():
    torch.manual_seed(0)
    module = Attention(400, 300, 200)
    assert module.w["c"].weight.abs().max().item() == pytest.approx((6 / 700) ** 0.5, rel=0.01)
    assert module.w["c"].bias is None
    assert module.slope == 0.02

"""Every captioning number of Table 3 and what it hides; both decoders against loops over words and regions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode

from mmkit.layers.counts import by_part, parameters
from mmkit.models.captioners import Attend, Tell, as_published

WORDS, WIDTH = 9490, 512
V, FEATURES, E, H, A, R, T = 15, 6, 5, 4, 3, 7, 5
REGIONS = [R, 3, 1]
KEEP = torch.arange(R) < torch.tensor(REGIONS)[:, None]
B = len(REGIONS)


def published(model: str, device: str = "meta") -> nn.Module:
    """The size of the paper, without memory for its weights where nothing is computed."""
    with torch.device(device):
        if model == "attend":
            return Attend(WORDS, 2048, WIDTH, WIDTH, WIDTH, lambda _: nn.Linear(WIDTH, WORDS))
        return Tell(WORDS, 512, WIDTH, WIDTH, lambda _: nn.Linear(WIDTH, WORDS))


def fixed(model: str, bias: bool) -> nn.Module:
    net = published(model)
    net.head.weight.requires_grad = False
    net.head.bias.requires_grad = bias
    return net


@pytest.mark.parametrize(
    ("model", "body", "fixed_column", "learned_column"),
    [("attend", 10_756_609, 20_483_859, 25_342_739), ("tell", 3_415_041, 13_142_291, 18_001_171)],
)
def test_the_printed_columns_are_complete_models_and_one_matrix_more(model, body, fixed_column, learned_column):
    net = published(model)
    whole = as_published(net, spare=False)
    assert parameters(net.embedding) == 4_858_880
    assert parameters(net.head) == 4_868_370
    assert parameters(whole) - 4_858_880 - 4_868_370 == body
    assert parameters(whole) == fixed_column
    whole = as_published(net, spare=True)
    assert parameters(whole) == learned_column
    assert {p.device.type for p in whole.parameters()} == {"meta"}  # counting takes no memory
    assert by_part(whole)["spare"] == 4_858_880 == WORDS * WIDTH


@pytest.mark.parametrize(
    ("model", "bias", "expected"),
    [("attend", True, 15_624_979), ("attend", False, 15_615_489), ("tell", True, 8_283_411), ("tell", False, 8_273_921)],
)
def test_what_a_fixed_head_really_leaves_to_learn(model, bias, expected):
    assert parameters(as_published(fixed(model, bias), spare=False)) == expected


def test_what_each_model_computes_with():
    assert by_part(published("attend")) == {
        "embedding": 4_858_880,
        "attention": 2048 * 512 + 512 + 512 * 512 + 512 + 512 + 1,
        "cell": 4 * 512 * (512 + 2048 + 512) + 8 * 512,
        "init_h": 2048 * 512 + 512,
        "init_c": 2048 * 512 + 512,
        "f_beta": 512 * 2048 + 2048,
        "head": 4_868_370,
    }
    idle = by_part(as_published(published("tell"), spare=False))
    assert idle.pop("model") == 13_142_291 - 788_481  # Tell has no use for an attention and a gate
    assert idle == {"idle_attention": 525_825, "idle_gate": 262_656}
    assert set(by_part(as_published(published("attend"), spare=False))) == {"model"}


def test_the_published_size_runs_where_the_images_are():
    with FakeTensorMode():  # complains about mixed devices although it computes nothing, with or without a GPU
        attend = published("attend", device="cuda")
        with torch.device("cuda"):
            features, words = torch.zeros(2, 49, 2048), torch.zeros(2, 3, dtype=torch.int64)
        memory = attend.encode(features)
        f, alpha = attend.contexts(memory, words)
        assert (attend.head(f).shape, alpha.shape) == ((2, 3, WORDS), (2, 3, 49))
        assert {x.device.type for x in (f, alpha, *memory.values(), *attend.start(memory).values())} == {"cuda"}
    tell = published("tell")
    f, _ = tell.contexts(tell.encode(torch.zeros(2, 512, device="meta")), torch.zeros(2, 3, dtype=torch.int64, device="meta"))
    assert tell.head(f).shape == (2, 3, WORDS)


def make(kind: str, dropout: float = 0.5) -> nn.Module:
    torch.manual_seed(0)
    if kind == "attend":
        net = Attend(V, FEATURES, E, H, A, lambda _: nn.Linear(H, V), dropout)
    else:
        net = Tell(V, FEATURES, E, H, lambda _: nn.Linear(H, V), dropout)
    with torch.no_grad():
        net.embedding.weight *= 10  # else the words hardly move the state
    return net.eval()


def inputs() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(1)
    return torch.randn(B, R, FEATURES, generator=rng), torch.randint(0, V, (B, T), generator=rng)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def lstm(w: dict[str, np.ndarray], prefix: str, end: str, x: np.ndarray, h: np.ndarray, c: np.ndarray):
    """Input, forget, cell and output gates in torch's order. Xu et al., eqs. 1-3."""
    both = w[f"{prefix}.weight_ih{end}"] @ x + w[f"{prefix}.bias_ih{end}"]
    both = both + w[f"{prefix}.weight_hh{end}"] @ h + w[f"{prefix}.bias_hh{end}"]
    i, f, g, o = np.split(both, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def affine(w: dict[str, np.ndarray], name: str, x: np.ndarray) -> np.ndarray:
    return w[f"{name}.weight"] @ x + w[f"{name}.bias"]


def by_hand(net: nn.Module, regions: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One image with its real regions only (R, e) -> f (T, H), alpha (T, R); for Tell alpha stays empty."""
    w = {name: p.detach().numpy() for name, p in net.named_parameters()}
    mean = sum(regions) / len(regions)
    h, c = affine(w, "init_h", mean), affine(w, "init_c", mean)
    f, weights = [], []
    for word in words:
        x = w["embedding.weight"][word]
        if isinstance(net, Attend):
            scores = []
            for a in regions:
                hidden = np.maximum(affine(w, "attention.project", a) + affine(w, "attention.query", h), 0)
                scores.append(affine(w, "attention.score", hidden)[0])  # eq. 4
            alpha = np.exp(scores) / np.exp(scores).sum()  # eq. 5
            z = sum(alpha_i * a_i for alpha_i, a_i in zip(alpha, regions, strict=True))
            z = sigmoid(affine(w, "f_beta", h)) * z
            h, c = lstm(w, "cell", "", np.concatenate([x, z]), h, c)
            weights.append(alpha)
        else:
            h, c = lstm(w, "lstm", "_l0", x, h, c)
        f.append(h)
    return np.stack(f), np.array(weights)


@pytest.mark.parametrize("kind", ["attend", "tell"])
def test_each_decoder_is_its_equations_image_by_image(kind):
    net, (features, words) = make(kind), inputs()
    f, alpha = net.contexts(net.encode(features, KEEP), words)
    for b, regions in enumerate(REGIONS):
        want_f, want_alpha = by_hand(net, features[b, :regions].numpy(), words[b].numpy())
        np.testing.assert_allclose(f[b].detach().numpy(), want_f, atol=1e-6)
        if kind == "attend":
            np.testing.assert_allclose(alpha[b, :, :regions].detach().numpy(), want_alpha, atol=1e-6)
    assert (alpha is None) == (kind == "tell")


@pytest.mark.parametrize("kind", ["attend", "tell"])
def test_word_by_word_gives_what_the_whole_caption_gives(kind):
    net, (features, words) = make(kind), inputs()
    memory = net.encode(features, KEEP)
    f, alpha = net.contexts(memory, words)
    rows = [2, 0, 1, 0]  # four hypotheses of three images
    memory = {name: value[rows] for name, value in memory.items()}
    moving = net.start(memory)
    for t in range(T):
        now, moving, a = net.step(words[rows, t], moving, memory)
        torch.testing.assert_close(now, f[rows, t], rtol=0, atol=1e-5)
        if kind == "attend":
            torch.testing.assert_close(a, alpha[rows, t], rtol=0, atol=1e-5)
        else:
            assert a is None


@pytest.mark.parametrize("kind", ["attend", "tell"])
def test_regions_that_are_not_real_change_nothing(kind):
    net, (features, words) = make(kind), inputs()
    f, _ = net.contexts(net.encode(features, KEEP), words)
    padded, real = features.masked_fill(~KEEP[..., None], 30.0), features.clone()
    real[:, 0] += 1
    torch.testing.assert_close(net.contexts(net.encode(padded, KEEP), words)[0], f, rtol=0, atol=0)
    assert ((net.contexts(net.encode(real, KEEP), words)[0] - f).abs().amax(dim=(1, 2)) > 1e-2).all()


def test_alpha_is_a_distribution_over_real_regions_and_empty_without_any():
    net, (features, words) = make("attend"), inputs()
    keep = KEEP.clone()
    keep[1] = False
    f, alpha = net.contexts(net.encode(features, keep), words)
    torch.testing.assert_close(alpha.sum(dim=-1), torch.tensor([[1.0], [0.0], [1.0]]).expand(B, T))
    assert not alpha.masked_select(~keep[:, None]).any()
    f.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for name, p in net.named_parameters() if not name.startswith("head"))


@pytest.mark.parametrize("kind", ["attend", "tell"])
def test_one_vector_per_image_is_one_region_and_all_regions_are_real_by_default(kind):
    net, (features, words) = make(kind), inputs()
    vector, alpha = net.contexts(net.encode(features[:, 0]), words)
    assert alpha is None or torch.equal(alpha, torch.ones(B, T, 1))
    only = torch.zeros(B, R, dtype=torch.bool)
    only[:, 0] = True
    torch.testing.assert_close(vector, net.contexts(net.encode(features, only), words)[0])
    every = net.contexts(net.encode(features, torch.ones_like(only)), words)[0]
    torch.testing.assert_close(net.contexts(net.encode(features), words)[0], every)


@pytest.mark.parametrize("kind", ["attend", "tell"])
def test_dropout_falls_on_the_context_but_not_on_the_state(kind):
    net, (features, _) = make(kind, dropout=0.3), inputs()
    words = torch.full((100, T), 3)
    memory = net.encode(features[:1].expand(100, R, FEATURES))
    kept, _ = net.contexts(memory, words)
    torch.manual_seed(0)
    dropped, _ = net.train().contexts(memory, words)
    gone = dropped == 0
    assert gone.float().mean().item() == pytest.approx(0.3, abs=0.04)
    torch.testing.assert_close(dropped[~gone], kept[~gone] / 0.7)
    assert kept.abs().max() < 1


@pytest.mark.parametrize("kind", ["attend", "tell"])
def test_embeddings_start_uniform_within_a_tenth(kind):
    torch.manual_seed(0)
    sizes = (300, FEATURES, 20, H, A) if kind == "attend" else (300, FEATURES, 20, H)
    weight = {"attend": Attend, "tell": Tell}[kind](*sizes, lambda _: nn.Identity()).embedding.weight
    assert 0.099 < weight.abs().max().item() <= 0.1
    assert weight.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.03)


def test_a_tied_head_shares_the_embedding():
    seen = []
    net = Attend(V, FEATURES, H, H, A, lambda embedding: seen.append(embedding) or nn.Identity())
    other = Tell(V, FEATURES, H, H, lambda embedding: seen.append(embedding) or nn.Identity())
    assert seen == [net.embedding, other.embedding]

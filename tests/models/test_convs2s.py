"""The network against a loop over blocks, words and source positions; decoding word by word; padding, the future, gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.nn.utils import parametrize

from mmkit.errors import SettingsError
from mmkit.layers.counts import parameters
from mmkit.models.convs2s import WMT_EN_DE, WMT_EN_RO, ConvS2S

SOURCE, TARGET, E, D, S, T = 20, 24, 6, 5, 7, 4
LENGTHS = [S, 4, 1]
KEEP = torch.arange(S) < torch.tensor(LENGTHS)[:, None]
B = len(LENGTHS)
HALF = math.sqrt(0.5)


def make(dropout: float = 0.0, head: int = D) -> ConvS2S:
    """Blocks of unequal width and kernel; every parameter moved away from its start, so that each of them counts."""
    torch.manual_seed(0)
    encoder, decoder = ((8, 3), (10, 5), (10, 1)), ((9, 3), (9, 1), (7, 4))
    net = ConvS2S(SOURCE, TARGET, E, encoder, decoder, D, lambda _: nn.Linear(head, TARGET), dropout, positions=12)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return net.eval()


def words() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(1)
    return torch.randint(4, SOURCE, (B, S), generator=rng), torch.randint(4, TARGET, (B, T), generator=rng)


def linear(module: nn.Module, x: np.ndarray) -> np.ndarray:
    if isinstance(module, nn.Identity):
        return x
    return x @ module.weight.detach().numpy().T + module.bias.detach().numpy()


def glu(module: nn.Module, x: np.ndarray, i: int, first: int) -> np.ndarray:
    """Output i of the gated convolution whose kernel begins at step i + first; zeros outside of x."""
    w, both = module.convolution.weight.detach().numpy(), module.convolution.bias.detach().numpy().copy()
    for offset in range(w.shape[2]):
        if 0 <= i + first + offset < len(x):
            both += w[:, :, offset] @ x[i + first + offset]
    a, b = np.split(both, 2)
    return a / (1 + np.exp(-b))


def by_hand(net: ConvS2S, source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One sentence pair without padding -> f (T, D), mean attention (T, S)."""
    table = {name: p.detach().numpy() for name, p in net.named_parameters() if "embedding" in name or "position" in name}
    e = table["source_embedding.weight"][source] + table["source_position.weight"][: len(source)]
    x = linear(net.encoder_in, e)
    for block, skip in zip(net.encoder, net.encoder_skip, strict=True):
        kernel = block.convolution.weight.shape[2]
        y = [glu(block, x, i, -(kernel // 2)) for i in range(len(x))]
        x = (np.stack(y) + linear(skip, x)) * HALF
    z = linear(net.encoder_out, x)

    g = table["target_embedding.weight"][target] + table["target_position.weight"][: len(target)]
    x, seen = linear(net.decoder_in, g), []
    for block, skip, attention in zip(net.decoder, net.decoder_skip, net.attention, strict=True):
        kernel, y, a = block.convolution.weight.shape[2], [], []
        for i in range(len(x)):
            h = glu(block, x, i, -(kernel - 1))
            d = (linear(attention.query, h) + g[i]) * HALF  # eq. 1
            weights = np.exp([d @ z_j for z_j in z])
            weights /= weights.sum()
            c = sum(w * (z_j + e_j) * HALF for w, z_j, e_j in zip(weights, z, e, strict=True))  # eq. 2
            m = len(z)
            y.append((h + linear(attention.back, c * m * math.sqrt(1 / m))) * HALF)
            a.append(weights)
        x = (np.stack(y) + linear(skip, x)) * HALF
        seen.append(a)
    return linear(net.decoder_out, x), np.mean(seen, axis=0)


def test_the_network_is_its_equations_sentence_by_sentence():
    net, (source, inputs) = make(), words()
    f, attention = net.contexts(net.encode(source, KEEP), inputs)
    for b, length in enumerate(LENGTHS):
        want_f, want_a = by_hand(net, source[b, :length].numpy(), inputs[b].numpy())
        np.testing.assert_allclose(f[b].detach().numpy(), want_f, atol=1e-5)
        np.testing.assert_allclose(attention[b, :, :length].detach().numpy(), want_a, atol=1e-5)
        assert not attention[b, :, length:].any()


def test_word_by_word_gives_what_the_whole_sentence_gives():
    net, (source, inputs) = make(), words()
    memory = net.encode(source, KEEP)
    f, attention = net.contexts(memory, inputs)
    moving = net.start(memory)
    with parametrize.cached():
        for t in range(T):
            now, moving, a = net.step(inputs[:, t], moving, memory)
            torch.testing.assert_close(now, f[:, t], rtol=0, atol=1e-5)
            torch.testing.assert_close(a, attention[:, t], rtol=0, atol=1e-5)
    assert moving["position"].tolist() == [T] * B


def test_hypotheses_may_be_reordered_and_of_different_age():
    net, (source, inputs) = make(), words()
    memory = net.encode(source, KEEP)
    f, _ = net.contexts(memory, inputs)
    states = [net.start(memory)]
    for t in range(T - 1):
        states.append(net.step(inputs[:, t], states[-1], memory)[1])
    rows, ages = [2, 0, 0, 1], [0, 3, 1, 2]  # four hypotheses of three sentences, each with that many words behind it
    moving = {name: torch.stack([states[t][name][b] for b, t in zip(rows, ages, strict=True)]) for name in states[0]}
    chosen = {name: value[rows] for name, value in memory.items()}
    now, _, _ = net.step(inputs[rows, ages], moving, chosen)
    torch.testing.assert_close(now, f[rows, ages], rtol=0, atol=1e-5)


def test_padding_changes_nothing_wherever_it_stands():
    net, (source, inputs) = make(), words()
    f, attention = net.contexts(net.encode(source, KEEP), inputs)
    other = source.masked_fill(~KEEP, 3)
    torch.testing.assert_close(net.contexts(net.encode(other, KEEP), inputs)[0], f, rtol=0, atol=0)
    wide = torch.cat([source.new_zeros(B, 2), source, source.new_zeros(B, 1)], dim=1)  # two in front, one more behind
    keep = torch.cat([KEEP.new_zeros(B, 2), KEEP, KEEP.new_zeros(B, 1)], dim=1)
    again, shifted = net.contexts(net.encode(wide, keep), inputs)
    torch.testing.assert_close(again, f)
    torch.testing.assert_close(shifted[:, :, 2:-1], attention)
    other = source.clone()
    other[:, 0] = (other[:, 0] + 1) % SOURCE
    assert ((net.contexts(net.encode(other, KEEP), inputs)[0] - f).abs().amax(dim=(1, 2)) > 1e-2).all()  # a real word does


def test_a_later_target_word_changes_nothing_before_it():
    net, (source, inputs) = make(), words()
    memory = net.encode(source, KEEP)
    other = inputs.clone()
    other[:, 2] = (other[:, 2] + 1) % TARGET
    change = (net.contexts(memory, other)[0] - net.contexts(memory, inputs)[0]).abs().amax(dim=(0, 2))
    assert change[:2].tolist() == [0, 0]
    assert change[2:].min() > 1e-2


def test_attention_is_a_distribution_over_real_words_and_empty_without_any():
    net, (source, inputs) = make(), words()
    keep = KEEP.clone()
    keep[2] = False
    f, attention = net.contexts(net.encode(source, keep), inputs)
    torch.testing.assert_close(attention.sum(dim=-1), torch.tensor([[1.0]] * 2 + [[0.0]]).expand(B, T))
    assert not attention.masked_select(~keep[:, None]).any()
    f.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for name, p in net.named_parameters() if not name.startswith("head"))


def test_the_encoder_gets_the_mean_of_the_gradients_of_the_decoders_blocks():
    net, (source, inputs) = make(), words()
    memory = net.encode(source, KEEP)
    net.contexts(memory, inputs)[0].square().sum().backward()
    z = memory["keys"].detach().requires_grad_()
    e = memory["values"].detach() / HALF - z.detach()
    net.contexts({**memory, "keys": z, "values": (z + e) * HALF}, inputs)[0].square().sum().backward()
    torch.testing.assert_close(net.encoder_out.bias.grad, z.grad.sum(dim=(0, 1)) / 3)


def test_without_gradients_nothing_is_asked_of_them():
    net, (source, inputs) = make(), words()
    with torch.inference_mode():
        f, _ = net.contexts(net.encode(source, KEEP), inputs)
    torch.testing.assert_close(f, net.contexts(net.encode(source, KEEP), inputs)[0])


def test_dropout_falls_on_both_embeddings_each_block_and_the_context():
    net, seen = make(dropout=0.4).train(), {}
    for name in ("encoder_in", "decoder_in"):
        net.get_submodule(name).register_forward_pre_hook(lambda _, x, name=name: seen.update({name: x[0]}))
    source, inputs = torch.full((40, S), 5), torch.full((40, T), 5)
    f, _ = net.contexts(net.encode(source, torch.ones(40, S, dtype=torch.bool)), inputs)
    for dropped in (*seen.values(), f):
        assert (dropped == 0).float().mean().item() == pytest.approx(0.4, abs=0.06)
    assert len(seen) == 2
    assert {block.dropout.p for block in (*net.encoder, *net.decoder)} == {0.4}
    start = ConvS2S(9, 9, 200, ((200, 1),), ((200, 1),), 8, lambda _: nn.Identity(), dropout=0.5)
    for layer, share in ((start.encoder_in, 0.5), (start.decoder_in, 0.5), (start.encoder_out, 1), (start.decoder_out, 1)):
        assert layer.weight.std().item() == pytest.approx((share / 200) ** 0.5, rel=0.06)  # section 3.5
    for block in (*start.encoder, *start.decoder):
        assert block.convolution.weight.std().item() == pytest.approx((4 * 0.5 / 200) ** 0.5, rel=0.06)


def test_embeddings_start_with_a_spread_of_a_tenth():
    net = ConvS2S(300, 300, 40, ((4, 1),), ((4, 1),), 8, lambda _: nn.Identity(), positions=300)
    for name in ("source_embedding", "source_position", "target_embedding", "target_position"):
        assert net.get_submodule(name).weight.std().item() == pytest.approx(0.1, rel=0.05), name


def test_a_tied_head_shares_the_targets_embedding():
    def tied(embedding: nn.Embedding) -> nn.Module:
        head = nn.Linear(E, TARGET)
        head.weight = embedding.weight
        return head

    net = ConvS2S(SOURCE, TARGET, E, ((4, 3),), ((4, 3),), E, tied)
    source, inputs = words()
    f, _ = net.contexts(net.encode(source, KEEP), inputs)
    want = f @ net.target_embedding.weight.T + net.head.bias
    torch.testing.assert_close(net.head(f), want)
    assert net.head.weight is net.target_embedding.weight


def test_a_sentence_beyond_the_positions_is_refused():
    net, (source, inputs) = make(), words()
    memory = net.encode(source, KEEP)
    with pytest.raises(SettingsError, match="14 tokens, but positions = 12"):
        net.encode(source.repeat(1, 2), KEEP.repeat(1, 2))
    with pytest.raises(SettingsError, match="16 tokens, but positions = 12"):
        net.contexts(memory, inputs.repeat(1, 4))
    net.contexts(memory, inputs.repeat(1, 3))  # exactly 12


def counted(words: int, embedding: int, blocks: tuple, context: int, positions: int) -> int:
    """Parameters of the network without its head, added up layer by layer; g of the normalisation is one per output."""

    def layer(inputs: int, outputs: int) -> int:
        return inputs * outputs + 2 * outputs

    total = 2 * (words + positions) * embedding + 2 * layer(embedding, blocks[0][0])
    before = blocks[0][0]
    for channels, kernel in blocks:
        skip = 0 if before == channels else layer(before, channels)
        total += 2 * (layer(kernel * before, 2 * channels) + skip)
        total += layer(channels, embedding) + layer(embedding, channels)
        before = channels
    return total + layer(before, embedding) + layer(before, context)


@pytest.mark.parametrize(("blocks", "embedding", "context"), [(WMT_EN_RO, 512, 256), (WMT_EN_DE, 768, 512)])
def test_published_sizes_can_be_built_and_do_not_have_the_papers_count(blocks, embedding, context):
    with torch.device("meta"):
        net = ConvS2S(32_000, 32_000, embedding, blocks, blocks, context, lambda _: nn.Linear(context, 32_000))
        source = torch.zeros(2, 9, dtype=torch.int64)
        memory = net.encode(source, torch.ones(2, 9, dtype=torch.bool))
        f, attention = net.contexts(memory, source[:, :5])
        now, _, _ = net.step(source[:, 0], net.start(memory), memory)
    assert (len(WMT_EN_RO), len(WMT_EN_DE)) == (20, 15)
    assert (f.shape, attention.shape, now.shape) == ((2, 5, context), (2, 5, 9), (2, context))
    assert net.head(f).shape == (2, 5, 32_000)
    body = parameters(net) - parameters(net.head)
    assert body == counted(32_000, embedding, blocks, context, 1024)
    assert (body % 16, 28_043_832 % 16) == (0, 8)  # Table 3: no network of widths divisible by 16 has its number


def test_everything_is_computed_where_the_words_are():
    with FakeTensorMode():  # complains about mixed devices although it computes nothing, with or without a GPU
        with torch.device("cuda"):
            net = ConvS2S(SOURCE, TARGET, E, ((4, 3),), ((4, 3),), D, lambda _: nn.Linear(D, TARGET))
            words, keep = torch.zeros(2, 3, dtype=torch.int64), torch.ones(2, 3, dtype=torch.bool)
        memory = net.encode(words, keep)
        f, attention = net.contexts(memory, words)
        now, moving, weights = net.step(words[:, 0], net.start(memory), memory)
        assert {x.device.type for x in (f, attention, now, weights, *memory.values(), *moving.values())} == {"cuda"}

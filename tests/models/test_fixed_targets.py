"""The translators: every printed parameter count, teacher forcing equal to decoding, padding, causality."""

import pytest
import torch
import torch.nn.functional as F

from mmkit import papers
from mmkit.layers.counts import by_part, parameters
from mmkit.layers.target_head import TargetHead
from mmkit.models.fixed_targets import NETWORKS, TeacherForced, initialise, logits_step, shifted

EXACT = papers.find("08").facts["exact"]
SOURCE = torch.tensor([[5, 6, 7, 8, 3], [9, 4, 3, 0, 0], [3, 0, 0, 0, 0]])
TARGET = torch.tensor([[4, 5, 6, 3], [7, 3, 0, 0], [8, 9, 3, 0]])
KEEP = SOURCE != 0


def small(network, kind="learned", **options):
    torch.manual_seed(0)
    how = {"bias": "zero", "rows": "unit"} if kind == "fixed" else {}
    given = (lambda e: {"weight": e.weight}) if kind == "tied" else (lambda e: {})
    return NETWORKS[network](11, 10, 6, 5, 6, lambda e: TargetHead(10, 6, kind, **how, **given(e)), **options).eval()


def published(network, data, way, kind):
    size = EXACT["sizes"][data]
    source, target = (size[language] for language in way.split("_"))
    with torch.device("meta"):
        head = TargetHead(target, size["context"], kind, bias="zero" if kind == "fixed" else "learned")
        return NETWORKS[network](source, target, size["embedding"], size["hidden"], size["context"], lambda _: head)


@pytest.mark.parametrize("way", ["de_en", "en_de"])
@pytest.mark.parametrize(("network", "data"), [("bahdanau", "multi30k"), ("luong", "iwslt")])
def test_table_3_to_the_last_digit(network, data, way):
    printed = EXACT["printed"]
    assert parameters(published(network, data, way, "learned")) == printed[f"{data}_{way}_learned"]
    assert parameters(published(network, data, way, "fixed")) == printed[f"{data}_fixed"]


def test_the_multi30k_net_part_by_part():
    assert by_part(published("bahdanau", "multi30k", "de_en", "learned")) == {
        "source_embedding": 2_010_368,
        "encoder": 2_365_440,
        "bridge": 524_800,
        "attention": 786_944 + 512,
        "target_embedding": 1_508_608,
        "decoder": 2_755_584,
        "bottleneck": 918_016,
        "head": 3_023_109,
    }


def test_wmts_head_is_certain():
    size, printed = EXACT["sizes"]["wmt"], EXACT["printed"]
    with torch.device("meta"):
        assert parameters(TargetHead(size["vocabulary"], size["context"])) == printed["wmt_learned"] - printed["wmt_fixed"]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("squash", [False, True])
def test_a_step_is_a_row_of_teacher_forcing(network, squash):
    model = small(network, squash=squash)
    memory, inputs = model.encode(SOURCE, KEEP), shifted(TARGET)
    f, attention = model.contexts(memory, inputs)
    assert f.shape == (3, 4, 6)
    assert (f.abs().max() < 1) if squash else True
    step, moving = logits_step(model), model.start(memory)
    for t in range(4):
        logits, moving, looked = step(inputs[:, t], moving, memory)
        torch.testing.assert_close(logits, model.head(f[:, t]))
        torch.testing.assert_close(looked, attention[:, t])
    torch.testing.assert_close(attention.sum(2), torch.ones(3, 4))
    assert not attention.masked_select(~KEEP[:, None]).any()


@pytest.mark.parametrize("network", NETWORKS)
def test_only_real_source_words_and_earlier_target_words_count(network):
    model = small(network)
    f, _ = model.contexts(model.encode(SOURCE, KEEP), shifted(TARGET))
    padded = SOURCE.masked_fill(~KEEP, 7)
    torch.testing.assert_close(model.contexts(model.encode(padded, KEEP), shifted(TARGET))[0], f)
    alone, _ = model.contexts(model.encode(SOURCE[1:2, :3], KEEP[1:2, :3]), shifted(TARGET[1:2]))
    torch.testing.assert_close(alone[0], f[1])
    later = TARGET.clone()
    later[:, 2] = 2
    moved, _ = model.contexts(model.encode(SOURCE, KEEP), shifted(later))
    torch.testing.assert_close(moved[:, :3], f[:, :3])
    assert (moved[0, 3] - f[0, 3]).abs().max() > 1e-4
    other = SOURCE.clone()
    other[0, 0] = 10
    assert (model.contexts(model.encode(other, KEEP), shifted(TARGET))[0][0] - f[0]).abs().max() > 1e-4


def test_bahdanaus_equations_by_hand():
    model = small("bahdanau")
    memory = model.encode(SOURCE[:1], KEEP[:1])
    states, h = memory["states"][0], memory["first"][0]
    f, _ = model.contexts(memory, torch.tensor([[2, 6]]))
    for t, word in enumerate((2, 6)):
        y = model.target_embedding.weight[word]
        e = torch.stack([model.attention.v(torch.tanh(model.attention.energy(torch.cat([h, s]))))[0] for s in states])
        c = e.softmax(0) @ states
        h = model.decoder(torch.cat([y, c])[None], h[None])[0]
        torch.testing.assert_close(f[0, t], model.bottleneck(torch.cat([h, c, y])))


def test_the_decoder_starts_from_the_encoder():
    bahdanau, luong = small("bahdanau"), small("luong")
    for model in (bahdanau, luong):
        states, last = model.encoder(model.source_embedding(SOURCE), KEEP)
        first = model.encode(SOURCE, KEEP)["first"]
        want = torch.tanh(model.bridge(last)) if model is bahdanau else states[:, 0, 5:]  # the backward state of word one
        torch.testing.assert_close(first, want)


@pytest.mark.parametrize("kind", ["learned", "tied", "fixed"])
def test_the_training_loss_is_the_mean_over_real_words(kind):
    model = small("luong", kind)
    out = TeacherForced(model)(SOURCE, KEEP, TARGET, TARGET != 0)
    logits = model.head(model.contexts(model.encode(SOURCE, KEEP), shifted(TARGET))[0])
    torch.testing.assert_close(out["loss"], F.cross_entropy(logits.flatten(0, 1), TARGET.flatten(), ignore_index=0))
    out["loss"].backward()
    assert model.source_embedding.weight.grad.abs().max() > 0
    assert (model.head.weight.grad is None) == (kind == "fixed")
    f = model.contexts(model.encode(SOURCE, KEEP), shifted(TARGET))[0]
    torch.testing.assert_close(out["context_norm"], f[TARGET != 0].norm(dim=1).mean().detach())


def test_what_the_decoder_reads_is_shifted_by_one():
    assert shifted(TARGET).tolist() == [[2, 4, 5, 6], [2, 7, 3, 0], [2, 8, 9, 3]]


def test_initialising_spares_what_is_fixed():
    model = small("bahdanau", "fixed")
    before = model.head.weight.clone()
    initialise(model, 0.5, torch.Generator().manual_seed(3))
    assert torch.equal(model.head.weight, before)
    assert model.bridge.weight.std().item() == pytest.approx(0.5, rel=0.2)
    assert not model.bridge.bias.any()
    scaled = TargetHead(10, 6, "fixed", rows="unit", scale="norms")
    initialise(scaled, 0.5)
    assert not scaled.log_scale.any()


def test_dropout_is_on_in_training_only():
    model = small("luong", dropout=0.5)
    first, second = (model.encode(SOURCE, KEEP)["states"] for _ in range(2))
    torch.testing.assert_close(first, second)
    model.train()
    assert (model.encode(SOURCE, KEEP)["states"] - first).abs().max() > 1e-3

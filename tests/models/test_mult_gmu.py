"""MulT with gated fusion: published sizes, every fusion by hand, what may and what may not move a prediction."""

import itertools
import math

import pytest
import torch
from torch import nn

from mmkit.errors import DataError, SettingsError
from mmkit.layers.counts import by_part, parameters
from mmkit.layers.positions import sinusoids
from mmkit.layers.sequence_front import AudioFront, WordStates
from mmkit.models.mult_gmu import FUSIONS, FastMA, Fusion, Head, MulTGMU, emap, genre_loss, pos_weight, shares

PUBLISHED = {"T": 768, "V": 4096, "A": 96, "P": 4096, "M": 312}
DIMS = {"T": 5, "V": 6, "A": 4, "P": 7, "M": 3}
STEPS = {"T": 6, "V": 4, "A": 5}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def films(letters="TVAPM", n=3, seed=0, keep=True):
    rng = seeded(seed)
    batch = {m: torch.randn(n, *([STEPS[m]] if m in STEPS else []), DIMS[m], generator=rng) for m in letters}
    if keep and "T" in letters:
        batch["T_keep"] = torch.arange(6) < torch.tensor([6, 3, 1] + [4] * (n - 3))[:n, None]
    return batch


def model_of(letters="TVAPM", fusion="gmu", **options):
    torch.manual_seed(1)
    return MulTGMU({m: DIMS[m] for m in letters}, 2, 8, fusion=fusion, **options).eval()


def published(letters, fusion="gmu"):
    """The paper's sizes without memory for the weights and without BERT."""
    with torch.device("meta"):
        audio = AudioFront() if "A" in letters else None
        return MulTGMU({m: PUBLISHED[m] for m in letters}, 13, 768, 5, 5, 6, fusion, audio=audio)


def test_parameters_of_the_published_sizes():
    gmu, concat, text_video = published("TVAPM"), published("TVAPM", "concat"), published("TV")
    assert parameters(gmu) == 676_685_773
    assert parameters(concat) == 722_772_685
    assert parameters(text_video) == 149_049_613
    assert by_part(gmu)["fusion"] == 28_311_552
    assert (by_part(gmu)["heads"], by_part(concat)["heads"]) == (1_191_181, 75_589_645)
    assert by_part(gmu)["crossmodal"] == 6 * 35_440_896
    assert by_part(gmu)["memory"] == 3 * 141_660_672
    assert by_part(text_video)["memory"] == 2 * 35_440_896
    assert concat.fusion.dims == [6144]


def test_equal_heads_and_equal_networks_where_a_comparison_needs_them():
    narrow = published("TVAPM", "concat_bottleneck")
    assert by_part(narrow)["heads"] == 1_191_181
    assert by_part(narrow)["fusion"] == 6144 * 768 + 768
    assert parameters(model_of("TVA", crossmodal=False)) == parameters(model_of("TVA"))


def summaries_by_hand(model, batch):
    """TV: projection, position, two networks, two memories in full, last real step."""
    z = {}
    for m in "TV":
        steps = batch[m].shape[1]
        z[m] = math.sqrt(8) * batch[m] @ model.maps[m].weight.T + sinusoids(steps, 8)
    keep = {"T": batch["T_keep"]}
    to_text, to_video = model.crossmodal(z, keep)[0]
    z = {m: math.sqrt(8) * x + sinusoids(x.shape[1], 8) for m, x in (("T", to_text), ("V", to_video))}
    text, video = model.memory(z, keep)[0]
    return text, video


def test_two_sequences_from_their_parts():
    model, batch = model_of("TV"), films("TV")
    assert model.crossmodal.pairs == [("V", "T"), ("T", "V")]
    text, video = summaries_by_hand(model, batch)
    x_t, x_v = text[torch.arange(3), [5, 2, 0]], video[:, -1]
    unit = model.fusion.unit
    z = torch.sigmoid(torch.cat([x_t, x_v], dim=1) @ unit.gate.weight.T)
    h = z * torch.tanh(unit.maps[0](x_t)) + (1 - z) * torch.tanh(unit.maps[1](x_v))
    out = model(batch)
    torch.testing.assert_close(out["logits"], model.heads[0](h))
    torch.testing.assert_close(out["gates"], torch.stack([z, 1 - z], dim=1))
    assert out["names"] == ["T", "V"]


@pytest.mark.parametrize("summary", ["last", "last_valid", "mean"])
def test_summaries(summary):
    model, batch = model_of("TV", summary=summary), films("TV")
    text, video = summaries_by_hand(model, batch)
    real = [(text[n, :k], video[n]) for n, k in enumerate((6, 3, 1))]
    expected = {
        "last": (text[:, -1], video[:, -1]),
        "last_valid": (torch.stack([t[-1] for t, _ in real]), video[:, -1]),
        "mean": (torch.stack([t.mean(dim=0) for t, _ in real]), video.mean(dim=1)),
    }[summary]
    for one, other in zip(model.summaries(batch)[0], expected, strict=True):
        torch.testing.assert_close(one, other)


def test_three_sequences_join_their_two_views_in_order():
    model, batch = model_of("TVA"), films("TVA", keep=False)
    with torch.no_grad():
        for p, pair in enumerate(model.crossmodal.pairs):
            model.crossmodal.norm[p, 0], model.crossmodal.norm[p, 1] = 0.0, 10.0 * "TVA".index(pair[0])
    seen = {}
    model.memory.register_forward_pre_hook(lambda _, args: seen.update(args[0]))
    model(batch)
    for target, (one, other) in {"T": (10, 20), "V": (0, 20), "A": (0, 10)}.items():
        views = (seen[target] - sinusoids(STEPS[target], 16)) / 4  # memories scale by sqrt(16)
        torch.testing.assert_close(views[..., :8], torch.full((3, STEPS[target], 8), float(one)))
        torch.testing.assert_close(views[..., 8:], torch.full((3, STEPS[target], 8), float(other)))


def test_a_single_sequence_has_a_memory_only():
    model, batch = model_of("TPM"), films("TPM")
    assert model.crossmodal is None
    z = math.sqrt(8) * model.maps["T"](batch["T"]) + sinusoids(6, 8)
    text = model.memory({"T": z}, {"T": batch["T_keep"]})[0][0]
    poster = batch["P"] @ model.maps["P"].weight.T + model.maps["P"].bias
    x = model.summaries(batch)[0]
    torch.testing.assert_close(x[0], text[torch.arange(3), [5, 2, 0]])
    torch.testing.assert_close(x[1], poster)


@pytest.mark.parametrize("letters", ["".join(c) for n in range(1, 6) for c in itertools.combinations("TVAPM", n)])
def test_every_set_of_modalities_learns(letters):
    model, batch = model_of(letters, tied=False).train(), films(letters)
    out = model(batch)
    genre_loss(out["logits"], torch.eye(3)[:, :2]).backward()
    assert out["names"] == list(letters)
    assert out["gates"] is None if len(letters) == 1 else out["gates"].shape == (3, len(letters), 8)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert all(model.maps[m].weight.grad.any() for m in letters)


@pytest.mark.parametrize("kind", FUSIONS)
def test_every_fusion_by_hand(kind):
    dims = [5, 6] if kind == "gmu_tied" else [5, 6, 4]
    torch.manual_seed(0)
    fusion, x = Fusion(kind, dims, 8), [torch.randn(3, d) for d in dims]
    joined = torch.cat(x, dim=1)
    if kind == "static":
        nn.init.normal_(fusion.openness)
    parts, gates = fusion(x)
    assert [part.shape[1] for part in parts] == fusion.dims
    if kind == "additive":
        assert all(torch.equal(part, one) for part, one in zip(parts, x, strict=True))
    elif kind == "concat":
        assert torch.equal(parts[0], joined)
    elif kind == "concat_bottleneck":
        torch.testing.assert_close(parts[0], joined @ fusion.map.weight.T + fusion.map.bias)
    else:
        maps = fusion.unit.maps if kind.startswith("gmu") else fusion.maps
        h = [torch.tanh(one @ m.weight.T) for one, m in zip(x, maps, strict=True)]
        if kind == "gmu":
            z = torch.sigmoid(joined @ fusion.unit.gate.weight.T).split(8, dim=1)
        else:
            z = {"mean": [1 / 3] * 3, "sum": [1.0] * 3, "static": fusion.openness.sigmoid() if kind == "static" else None}.get(
                kind
            )
        if kind == "gmu_tied":
            z = torch.sigmoid(joined @ fusion.unit.gate.weight.T)
            z = [z, 1 - z]
        torch.testing.assert_close(parts[0], sum(a * b for a, b in zip(z, h, strict=True)))
        if kind in ("mean", "sum"):
            assert gates is None
        else:
            torch.testing.assert_close(gates, torch.stack([a.expand(3, 8) for a in z], dim=1))


def test_two_modalities_share_one_gate_unless_told_otherwise():
    def complementary(**options):
        gates = model_of("TV", **options)(films("TV"))["gates"]
        return torch.allclose(gates.sum(dim=1), torch.ones(3, 8))

    assert complementary()
    assert complementary(fusion="gmu_tied")
    assert not complementary(tied=False)
    assert model_of("PM")(films("PM"))["gates"].shape == (3, 2, 8)


def test_the_head():
    torch.manual_seed(0)
    head, c = Head(4, 3, dropout=1.0), torch.randn(5, 4)
    expected = head.out(c + head.b((c @ head.a.weight.T + head.a.bias).clamp(min=0)))
    torch.testing.assert_close(head.eval()(c), expected)
    torch.testing.assert_close(head.train()(c), head.out(c + head.b.bias))
    assert (head.eval()(c) - head.train()(c)).abs().max() > 0.01


def test_an_additive_model_adds():
    model, batch = model_of(fusion="additive", crossmodal=False), films()
    before = model(batch)
    torch.testing.assert_close(before["logits"], before["scores"].sum(dim=1))
    after = model({**batch, "V": batch["V"] + torch.randn(3, 4, 6)})
    same = [m for m in range(5) if torch.equal(before["scores"][:, m], after["scores"][:, m])]
    assert same == [0, 2, 3, 4]


def test_without_crossmodal_networks_no_sequence_hears_another():
    other = {**films("TVA"), "V": torch.randn(3, 4, 6)}
    for crossmodal, moved in ((False, [False, True, False]), (True, [True, True, True])):
        model = model_of("TVA", crossmodal=crossmodal)
        before, after = model.summaries(films("TVA"))[0], model.summaries(other)[0]
        assert [(a - b).abs().max().item() > 1e-3 for a, b in zip(before, after, strict=True)] == moved
        assert len(model(films("TVA"), attention=True)["attention"]) == (6 if crossmodal else 0)


def test_attention_is_told_by_its_direction():
    model, batch = model_of(heads=4, layers=2), films()
    plain, out = model(batch), model(batch, attention=True)
    assert "attention" not in plain
    torch.testing.assert_close(out["logits"], plain["logits"])
    assert sorted(out["attention"]) == ["A->T", "A->V", "T->A", "T->V", "V->A", "V->T"]
    for name, a in out["attention"].items():
        source, target = name.split("->")
        assert a.shape == (3, STEPS[target], STEPS[source])
        torch.testing.assert_close(a.sum(dim=2), torch.ones(3, STEPS[target]))
    seen = []
    model.crossmodal.register_forward_pre_hook(lambda _, args: seen.extend(args))
    model(batch)
    per_head = model.crossmodal(*seen, weights_of=1)[1]  # of the second layer, which is the last
    for name, a in zip(model.shown, per_head, strict=True):
        torch.testing.assert_close(out["attention"][name], a.mean(dim=1))
    assert not out["attention"]["T->V"][1, :, 3:].any()  # its third word is the last
    assert (out["attention"]["T->V"][1, :, :3] > 0).all()


def test_a_prediction_does_not_depend_on_the_batch():
    batch = films()
    alone = {name: (x[1:2, :3] if name in ("T", "T_keep") else x[1:2]) for name, x in batch.items()}
    for summary in ("last_valid", "mean"):
        model = model_of(summary=summary, causal=False)
        torch.testing.assert_close(model(batch)["logits"][1:2], model(alone)["logits"], atol=1e-5, rtol=1e-4)
    original = model_of(summary="last", causal=True, mask_padding=False, zero_is_padding=True)
    assert (original(batch)["logits"][1:2] - original(alone)["logits"]).abs().max() > 1e-3


def test_options_reach_the_networks():
    batch = films("TV", keep=False)
    batch["T"][:, 0] = 0.0  # projected to a first channel of exactly 0
    plain = model_of("TV")
    assert (plain(batch)["logits"] - model_of("TV", zero_is_padding=True)(batch)["logits"]).abs().max() > 1e-4
    assert (plain(batch)["logits"] - model_of("TV", causal=True)(batch)["logits"]).abs().max() > 1e-4
    assert not torch.equal(model_of("TV", summary="last", mask_padding=False)(films("TV"))["logits"],
                           model_of("TV", summary="last")(films("TV"))["logits"])  # fmt: skip
    rates = model_of("TVA", attention_dropout=0.1, relu_dropout=0.2, residual_dropout=0.3)
    assert rates.crossmodal.attention_dropout == [0.1 if b == "T" else 0.0 for b, _ in rates.crossmodal.pairs]
    assert rates.memory.attention_dropout == [0.1] * 3
    assert (rates.crossmodal.relu_dropout, rates.memory.relu_dropout) == (0.2, 0.2)
    assert (rates.crossmodal.residual_dropout, rates.memory.residual_dropout) == (0.3, 0.3)
    assert model_of(output_dropout=0.4).heads[0].dropout == 0.4


def test_embedding_dropout_hits_both_stacks():
    model, seen = model_of("TV", embedding_dropout=1.0), {}
    for name in ("crossmodal", "memory"):
        getattr(model, name).register_forward_pre_hook(lambda _, args, name=name: seen.update({name: args[0]}))
    model(films("TV"))
    assert all(x.any() for part in seen.values() for x in part.values())
    model.train()(films("TV"))
    assert not any(x.any() for part in seen.values() for x in part.values())


def test_words_and_raw_audio_come_in_through_their_fronts():
    torch.manual_seed(0)
    text, audio = WordStates(20, 5), AudioFront(4, 3, 2, 5)
    torch.manual_seed(1)
    model = MulTGMU(DIMS, 2, 8, text=text, audio=audio).eval()
    ids, sound = torch.randint(1, 20, (3, 6)), torch.randn(3, 30, 4)
    keep = torch.arange(30) < torch.tensor([30, 12, 20])[:, None]
    batch = films() | {"T": ids, "A": sound, "A_keep": keep}
    ready = films() | {"T": text(ids), "A": audio(sound, keep)[0]}
    plain = MulTGMU(DIMS, 2, 8).eval()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith(("text.", "audio."))})
    torch.testing.assert_close(model(batch)["logits"], plain(ready)["logits"])


def test_the_text_front_knows_what_is_padding():
    text, batch = WordStates(20, 5, layers=1, heads=1), films("TP")
    batch["T"] = torch.randint(1, 20, (3, 6), generator=seeded())
    model, other = model_of("TP", text=text), {**batch, "T": batch["T"].masked_fill(~batch["T_keep"], 0)}
    torch.testing.assert_close(model(batch)["logits"], model(other)["logits"])


def test_an_empty_text_gives_a_prediction():
    batch = films()
    batch["T_keep"][0] = False
    model = model_of().train()
    logits = model(batch)["logits"]
    logits.sum().backward()
    assert logits.isfinite().all()
    assert all(p.grad.isfinite().all() for p in model.parameters())
    pooled = FastMA(DIMS, 2)
    torch.testing.assert_close(pooled(batch)["scores"][0, 0], pooled.scorers["T"].bias)


def test_the_pooled_baseline_by_hand():
    torch.manual_seed(0)
    model, batch = FastMA(DIMS, 2), films()
    nn.init.normal_(model.weights)
    nn.init.normal_(model.bias)
    for n, words in enumerate((6, 3, 1)):
        pooled = {"T": batch["T"][n, :words].mean(0), "V": batch["V"][n].mean(0), "A": batch["A"][n].mean(0)}
        pooled |= {"P": batch["P"][n], "M": batch["M"][n]}
        s = torch.stack([model.scorers[m].weight @ pooled[m] + model.scorers[m].bias for m in "TVAPM"])
        out = model(batch)
        torch.testing.assert_close(out["scores"][n], s)
        torch.testing.assert_close(out["logits"][n], (model.weights * s).sum(0) + model.bias)
    assert out["names"] == list("TVAPM")
    words = WordStates(20, 5)
    reading, ids = FastMA({"T": 5}, 2, words), torch.tensor([[3, 4, 5]])
    torch.testing.assert_close(reading({"T": ids})["scores"][:, 0], reading.scorers["T"](words(ids).mean(1)))


def test_the_loss_weighs_what_is_there():
    genres = torch.tensor([[1, 0], [1, 1], [0, 0], [1, 0]], dtype=torch.uint8)
    weight = pos_weight(genres)
    assert weight.tolist() == pytest.approx([4 / 3, 4.0])
    logits, y = torch.randn(4, 2, generator=seeded()), genres.float()
    p = logits.sigmoid()
    torch.testing.assert_close(genre_loss(logits, genres), -(y * p.log() + (1 - y) * (1 - p).log()).mean())
    torch.testing.assert_close(genre_loss(logits, genres, weight), -(weight * y * p.log() + (1 - y) * (1 - p).log()).mean())
    with pytest.raises(DataError, match="1 of 2 genres have no film") as told:
        pos_weight(genres[[0, 2]])
    assert told.value.problems == ["genre 1"]


def test_shares_add_up_over_modalities():
    gates = torch.tensor([[[0.2, 0.4], [0.6, 0.0], [0.9, 0.9]], [[1.0, 1.0], [1.0, 0.0], [0.0, 0.5]]])
    expected = torch.tensor([[0.3, 0.3, 0.9], [1.0, 0.5, 0.25]])
    torch.testing.assert_close(shares(gates), expected / expected.sum(dim=1, keepdim=True))


def test_the_additive_projection_against_two_loops():
    model, batch = model_of("TVP"), films("TVP", n=6)
    n, rest = 4, ("V", "P")
    grid = torch.stack([
        torch.cat([model({name: x[j : j + 1] if name in rest else x[i : i + 1] for name, x in batch.items()})["logits"]
                   for j in range(n)]) for i in range(n)
    ]).detach()  # fmt: skip
    expected = grid.mean(1) + grid.mean(0) - grid.mean((0, 1))
    found = emap(lambda b: model(b)["logits"], batch, "T", most=n)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert (found - model(batch)["logits"][:n]).abs().max() > 1e-3
    adding = model_of("TVP", fusion="additive", crossmodal=False)
    mixed = emap(lambda b: adding(b)["logits"], batch, "TP")
    torch.testing.assert_close(mixed, adding(batch)["logits"].detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"fusion": "gnu"}, "fusion = 'gnu'; did you mean 'gmu'"),
        ({"summary": "lst"}, "summary = 'lst'; did you mean 'last'"),
        ({"dims": {}}, "no modalities, expected at least one of TVAPM"),
        ({"dims": {"T": 4, "X": 3}}, "modality 'X': expected letters of TVAPM"),
        ({"dims": {"TV": 4}}, "modality 'TV'"),
        ({"fusion": "gmu_tied"}, "joins two modalities, got 5"),
        ({"fusion": "additive"}, "crossmodal=False"),
        ({"heads": 3}, "width 8 is not a multiple of 3 heads"),
        ({"layers": 0}, "0 layers"),
        ({"memory_layers": 0}, "0 layers"),
    ],
)
def test_impossible_models_are_refused(change, told):
    with pytest.raises(SettingsError, match=told):
        MulTGMU(**{"dims": DIMS, "genres": 2, "width": 8} | change)


def test_the_order_of_dims_does_not_matter():
    assert MulTGMU({"M": 3, "A": 4, "T": 5}, 2, 8).names == ["T", "A", "M"]

"""Text encoders: pooling by hand, padding that changes nothing, and encoders that cannot be built."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, BertModel

from mmkit.errors import SettingsError
from mmkit.layers.encoders import TextEncoder, hub_encoder, scratch_encoder, shape_only

SIZES = {
    "vocab_size": 30,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 12,
    "initializer_range": 0.3,
}
IDS = torch.tensor([[2, 5, 6, 7, 3], [2, 9, 3, 0, 0]])
KEEP = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])


def model(pooler=True):
    torch.manual_seed(0)
    return BertModel(BertConfig(**SIZES), add_pooling_layer=pooler).eval()


def states(bert, row):
    """Last states of one text alone, without any padding or mask."""
    return bert(input_ids=IDS[row : row + 1, KEEP[row]]).last_hidden_state[0]


def test_first_is_the_pooler_of_cls_or_its_state():
    bert = model()
    pooled = TextEncoder(bert).eval()(IDS, KEEP)
    bare = model(pooler=False)
    plain = TextEncoder(bare).eval()(IDS, KEEP)
    for row in range(2):
        cls = states(bert, row)[0]
        torch.testing.assert_close(
            pooled[row], torch.tanh(bert.pooler.dense.weight @ cls + bert.pooler.dense.bias), rtol=1e-4, atol=1e-6
        )
        torch.testing.assert_close(plain[row], states(bare, row)[0], rtol=1e-4, atol=1e-6)


def test_mean_is_over_real_tokens():
    bert = model(pooler=False)
    x = TextEncoder(bert, pool="mean").eval()(IDS, KEEP)
    for row in range(2):
        torch.testing.assert_close(x[row], states(bert, row).mean(0), rtol=1e-4, atol=1e-6)
    assert (x - TextEncoder(bert).eval()(IDS, KEEP)).abs().max() > 0.1


@pytest.mark.parametrize("pool", ["first", "mean"])
def test_padding_changes_nothing_and_a_real_token_does(pool):
    encoder = TextEncoder(model(), pool=pool).eval()
    x = encoder(IDS, KEEP)
    other, longer = IDS.clone(), torch.cat([IDS, torch.full((2, 4), 4)], dim=1)
    other[1, 4] = 20
    torch.testing.assert_close(encoder(other, KEEP), x)
    torch.testing.assert_close(encoder(longer, torch.cat([KEEP, torch.zeros(2, 4, dtype=torch.bool)], dim=1)), x)
    other[1, 1] = 20
    moved = encoder(other, KEEP)
    assert (moved[1] - x[1]).abs().max() > 0.01
    torch.testing.assert_close(moved[0], x[0])


@pytest.mark.parametrize("pool", ["first", "mean"])
def test_dropout_stands_behind_the_pool_and_only_in_training(pool):
    encoder = TextEncoder(model(), dropout=0.5, pool=pool)
    encoder.model.eval()
    x, clean = encoder(IDS, KEEP), TextEncoder(encoder.model, pool=pool).eval()(IDS, KEEP)
    dropped = x == 0
    assert 0 < dropped.sum() < x.numel()
    torch.testing.assert_close(x[~dropped], 2 * clean[~dropped])


def test_scratch_encoder_has_the_sizes_asked_for():
    torch.manual_seed(0)
    encoder = scratch_encoder(50, dim=12, layers=3, heads=4, max_tokens=20, dropout=0.2, pad=7)
    config = encoder.model.config
    assert (encoder.dim, encoder.pool, encoder.dropout.p) == (12, "mean", 0.2)
    assert (config.vocab_size, config.num_hidden_layers, config.intermediate_size, config.max_position_embeddings) == (
        50,
        3,
        48,
        20,
    )
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob, config.pad_token_id) == (0.2, 0.2, 7)
    assert encoder.model.encoder.layer[0].attention.self.query.weight.std().item() == pytest.approx(0.1, rel=0.2)
    ids = torch.randint(0, 50, (2, 20))
    assert encoder(ids, torch.ones(2, 20, dtype=torch.bool)).shape == (2, 12)
    torch.manual_seed(0)
    again = scratch_encoder(50, dim=12, layers=3, heads=4, max_tokens=20, dropout=0.2, pad=7)
    assert all(torch.equal(a, b) for a, b in zip(encoder.parameters(), again.parameters(), strict=True))


def test_heads_must_divide_the_width():
    with pytest.raises(SettingsError, match="encoder_dim = 10 is not a multiple of encoder_heads = 4"):
        scratch_encoder(50, dim=10, layers=1, heads=4, max_tokens=8)


def test_a_local_folder_is_an_encoder_in_full_precision(tmp_path):
    bert = model()
    bert.save_pretrained(tmp_path / "full")
    loaded = hub_encoder(str(tmp_path / "full"), dropout=0.3).eval()
    torch.testing.assert_close(loaded(IDS, KEEP), TextEncoder(bert).eval()(IDS, KEEP))
    assert loaded.dropout.p == 0.3
    bert.half().save_pretrained(tmp_path / "half")
    assert {p.dtype for p in hub_encoder(str(tmp_path / "half")).parameters()} == {torch.float32}


def test_an_encoder_that_cannot_be_had_is_told():
    with pytest.raises(SettingsError, match="text encoder 'bert-base-uncased' could not be loaded"):
        hub_encoder("bert-base-uncased")


def test_a_published_size_needs_no_memory():
    encoder = shape_only(BertConfig())
    assert {p.device.type for p in encoder.parameters()} == {"meta"}
    assert sum(p.numel() for p in encoder.parameters()) == 109_482_240  # bert-base-uncased
    assert encoder.dim == 768

"""What stands before the sequence model: word states, token states, the audio convolutions."""

import pytest
import torch
import torch.nn.functional as F

from mmkit.errors import DataError, SettingsError
from mmkit.layers.counts import parameters
from mmkit.layers.sequence_front import AudioFront, TokenStates, WordStates


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_word_states_are_rows_of_a_learned_table():
    words, ids = WordStates(9, 4), torch.tensor([[3, 0, 8], [1, 1, 2]])
    torch.testing.assert_close(words(ids), words.embedding.weight[ids])
    assert parameters(words) == 9 * 4


def test_given_vectors_are_mapped_and_stay_as_they_are():
    table, ids = torch.randn(9, 5, generator=seeded()), torch.tensor([[3, 0, 8]])
    words = WordStates(9, 4, vectors=table)
    torch.testing.assert_close(words(ids), table[ids] @ words.map.weight.T)
    assert parameters(words) == 5 * 4  # the map alone is learned
    assert parameters(WordStates(9, 5, vectors=table)) == 0
    assert parameters(WordStates(9, 4, vectors=table, train_vectors=True)) == 5 * 4 + 9 * 5
    before = words(ids)
    table += 1
    torch.testing.assert_close(words(ids), before)  # a copy
    with pytest.raises(SettingsError, match=r"shape \(9, 5\), expected 7 rows"):
        WordStates(7, 4, vectors=table)


def test_self_attention_over_words_sees_order_and_no_padding():
    words, keep = WordStates(9, 4, layers=2), torch.tensor([[True, True, True, False]])
    states = words(torch.tensor([[3, 7, 8, 0]]), keep)
    torch.testing.assert_close(states[:, :3], words(torch.tensor([[3, 7, 8, 5]]), keep)[:, :3])
    torch.testing.assert_close(states[:, :3], words(torch.tensor([[3, 7, 8]])))
    assert (states[:, :3] - words(torch.tensor([[3, 8, 7, 0]]), keep)[:, [0, 2, 1]]).abs().max() > 0.01


def test_token_states_of_any_encoder():
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=9, hidden_size=4, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, initializer_range=0.5
    )
    tokens = TokenStates(BertModel(config, add_pooling_layer=False).eval())
    ids, keep = torch.tensor([[3, 7, 8, 0]]), torch.tensor([[True, True, True, False]])
    states = tokens(ids, keep)
    torch.testing.assert_close(states[:, :3], tokens(ids[:, :3]))
    assert (states - tokens(ids)).abs().max() > 1e-4  # now the last one counts


def test_audio_is_convolved_twice_and_averaged():
    front, x = AudioFront(3, 4, 2, 5), torch.randn(2, 40, 3, generator=seeded())
    first, second = front.convolutions
    y = F.conv1d(F.conv1d(x.transpose(1, 2), first.weight, first.bias, 2), second.weight, second.bias, 2)  # (2, 3, 8)
    edges = [(0, 2), (1, 4), (3, 5), (4, 7), (6, 8)]  # floor(8 j / 5) to ceil(8 (j + 1) / 5)
    expected = torch.stack([y[:, :, a:b].mean(dim=2) for a, b in edges], dim=1)
    found, keep = front(x)
    torch.testing.assert_close(found, expected)
    assert keep is None
    torch.testing.assert_close(front(x, torch.ones(2, 40, dtype=torch.bool))[0], expected)


def test_a_clip_is_pooled_over_its_own_length():
    front, x, lengths = AudioFront(3, 4, 2, 5), torch.randn(4, 40, 3, generator=seeded()), [40, 10, 23, 37]
    keep = torch.arange(40) < torch.tensor(lengths)[:, None]
    found, _ = front(x, keep)
    for n, length in enumerate(lengths):
        torch.testing.assert_close(found[n : n + 1], front(x[n : n + 1, :length])[0])
    x[1, 10:] = 99.0
    torch.testing.assert_close(front(x, keep)[0], found)


def test_a_clip_that_is_too_short_is_named():
    front = AudioFront()
    assert front.shortest == 382
    assert parameters(front) == 2 * (96 * 96 * 128 + 96)
    small = AudioFront(3, 4, 2, 5)  # needs 3 * 2 + 4 = 10 steps
    assert small(torch.zeros(1, 10, 3))[0].shape == (1, 5, 3)
    keep = torch.arange(12) < torch.tensor([12, 9, 10, 3])[:, None]
    with pytest.raises(DataError, match="2 of 4 clips are too short") as told:
        small(torch.zeros(4, 12, 3), keep)
    assert told.value.problems == [
        "clip 1 of the batch: 9 steps, expected at least 10",
        "clip 3 of the batch: 3 steps, expected at least 10",
    ]
    with pytest.raises(DataError, match="expected at least 10"):
        small(torch.zeros(1, 9, 3))
    with pytest.raises(SettingsError, match="kernel 0"):
        AudioFront(kernel=0)

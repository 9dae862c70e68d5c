"""Learnable parameters: frozen ones, buffers and ties."""

from torch import nn

from mmkit.layers.counts import by_part, parameters


def example():
    model = nn.Module()
    model.embedding, model.body = nn.Embedding(5, 3), nn.Linear(3, 4)
    model.head = nn.Linear(3, 5, bias=False)
    return model


def test_frozen_parameters_do_not_count():
    model = example()
    assert parameters(model) == 15 + 16 + 15
    assert by_part(model) == {"embedding": 15, "body": 16, "head": 15}
    model.head.weight.requires_grad_(False)
    assert parameters(model) == 31
    assert by_part(model) == {"embedding": 15, "body": 16}


def test_a_tied_matrix_counts_once_where_it_stands_first():
    model = example()
    model.head.weight = model.embedding.weight
    assert parameters(model) == 31
    assert by_part(model) == {"embedding": 15, "body": 16}

"""Segment reductions against loops, and against PyTorch Geometric's and DGL's softmax."""

from __future__ import annotations

import pytest
import torch

from mmkit.layers.graphs.segments import max_segments, mean_segments, softmax_segments, sum_segments, sum_taken, take
from tests.layers.graph_cases import geometric, needs_dgl, store, values

COUNTS = [3, 0, 1, 4, 0]
OFFSETS = torch.tensor([0, 3, 3, 4, 8, 8])
OWNER = torch.tensor([0, 0, 0, 2, 3, 3, 3, 3])
INDEX = torch.tensor([4, 1, 1, 0, 3, 2, 4, 4])


def rows(n, seed=0):
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize(
    ("reduce", "by_hand", "empty"),
    [
        (sum_segments, lambda part: part.sum(0), 0.0),
        (mean_segments, lambda part: part.mean(0), 0.0),
        (max_segments, lambda part: part.amax(0), -torch.inf),
    ],
)
def test_each_reduction_is_a_loop(reduce, by_hand, empty):
    x = rows(8)
    wanted = [by_hand(part) if len(part) else torch.full((3,), empty, dtype=x.dtype) for part in x.split(COUNTS)]
    torch.testing.assert_close(reduce(x, OFFSETS), torch.stack(wanted))


def test_taken_rows_are_weighed_and_added():
    x, weights = rows(5), rows(8)[:, 0].detach().requires_grad_()
    for mean, w in ((False, None), (True, None), (False, weights)):
        taken = x[INDEX] if w is None else x[INDEX] * w[:, None]
        wanted = [part.sum(0) / (max(len(part), 1) if mean else 1) for part in taken.split(COUNTS)]
        torch.testing.assert_close(sum_taken(x, INDEX, OFFSETS, w, mean), torch.stack(wanted))
    torch.testing.assert_close(take(x, INDEX), x[INDEX])


def test_softmax_is_a_loop_and_stays_finite():
    x = rows(8)
    wanted = torch.cat([part.softmax(0) for part in x.split(COUNTS)])
    torch.testing.assert_close(softmax_segments(x, OFFSETS, OWNER), wanted)
    shifted = x + 1000.0 * OWNER[:, None]  # e^1000 is no number; only differences within a segment count
    torch.testing.assert_close(softmax_segments(shifted, OFFSETS, OWNER), wanted)


@pytest.mark.parametrize(
    "way",
    [
        lambda x: sum_segments(x, OFFSETS),
        lambda x: mean_segments(x, OFFSETS),
        lambda x: softmax_segments(x, OFFSETS, OWNER),
        lambda x: sum_taken(x, INDEX, OFFSETS, x[:, 0].contiguous()),
        lambda x: take(x, INDEX),
    ],
)
def test_gradients(way):
    assert torch.autograd.gradcheck(way, rows(8))


def test_no_rows_at_all():
    x, none = rows(0), torch.zeros(1, dtype=torch.int64)
    assert sum_segments(x, none).shape == (0, 3)
    assert softmax_segments(x, none, none[:0]).shape == (0, 3)
    assert sum_segments(x, none.expand(3)).tolist() == [[0.0] * 3] * 2


def test_as_geometric_computes_it():
    batch = store().batch([0, 1, 2, 3])
    _, s, _ = values(batch, 1, 2, 1)
    softmax = geometric().utils.softmax(s, batch.target, num_nodes=batch.nodes)
    torch.testing.assert_close(softmax_segments(s, batch.target_offsets, batch.target), softmax)


@needs_dgl
def test_as_dgl_computes_it():
    batch = store().batch([0, 1, 2, 3])
    _, s, _ = values(batch, 1, 2, 1)
    graph = batch.as_dgl
    from dgl.nn.functional import edge_softmax

    torch.testing.assert_close(softmax_segments(s, batch.target_offsets, batch.target), edge_softmax(graph, s))

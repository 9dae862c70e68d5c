"""Graphs for tests of graph layers, and the libraries that compute the same."""

from __future__ import annotations

import sys
import warnings
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmkit.batches.graphs import GraphBatch, GraphStore
from mmkit.layers.graphs import GINE, EdgeAttention, GraphLayerNorm, LCGNCell, MeanAggregation, QuestionPooling

needs_dgl = pytest.mark.skipif(sys.version_info >= (3, 12), reason="DGL has no wheel for Python 3.12 and above")


def geometric() -> ModuleType:
    """PyTorch Geometric; it compiles parts of itself at import, in a way that torch calls outdated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import torch_geometric
        import torch_geometric.data
        import torch_geometric.nn
        import torch_geometric.utils
    return torch_geometric


def store(counts=((4, 6), (1, 0), (5, 9), (3, 2)), seed: int = 0) -> GraphStore:
    """Random graphs of these (nodes, edges): parallel edges, edges from a node to itself, one node without any relation."""
    rng = np.random.default_rng(seed)
    nodes, edges = np.array(counts).T
    graph = np.repeat(np.arange(len(nodes)), edges)
    source, target = (rng.integers(0, nodes[graph]) for _ in range(2))
    tokens = rng.integers(1, 50, size=(nodes.sum(), 3))
    return GraphStore.from_arrays(
        nodes, edges, tokens, tokens > 10, source, target, rng.integers(50, 60, len(graph)), 60, reverse=True
    )


def values(batch: GraphBatch, *widths: int, seed: int = 1, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Random values of nodes, edges and graphs, of these widths, that ask for gradients."""
    rng = torch.Generator().manual_seed(seed)
    rows = (batch.nodes, batch.edges, batch.size)
    return [torch.randn(n, w, generator=rng, dtype=dtype).requires_grad_() for n, w in zip(rows, widths, strict=True)]


DIM, TOLD, OUT = 4, 3, 5  # widths of nodes and edges, of instructions, of results

LAYERS = {  # name -> layer with this backend; `apply` calls any of them
    "mean": lambda backend="torch": MeanAggregation(DIM, OUT, TOLD, backend),
    "GINE": lambda backend="torch": GINE(nn.Linear(DIM + TOLD, OUT), DIM, TOLD, learn_eps=True, backend=backend),
    "additive": lambda backend="torch": EdgeAttention(DIM, DIM, OUT, TOLD, heads=2, backend=backend),
    "mlp": lambda backend="torch": EdgeAttention(DIM, DIM, OUT, TOLD, heads=2, score="mlp", hidden=6, backend=backend),
    "LCGN": lambda backend="torch": LCGNCell(DIM, TOLD, scaled=True, backend=backend),
    "LCGN with edges": lambda backend="torch": LCGNCell(DIM, TOLD, DIM, backend=backend),
    "LCGN of all pairs": lambda backend="torch": LCGNCell(DIM, TOLD, pairs="all", backend=backend),
    "pooling": lambda backend="torch": QuestionPooling(DIM, TOLD, 6, backend),
    "norm": lambda backend="torch": GraphLayerNorm(backend=backend),
}


def made(name: str, backend: str = "torch") -> nn.Module:
    """A layer in double precision, none of whose weights is 0 (biases begin there)."""
    torch.manual_seed(7)
    layer = LAYERS[name](backend).double()
    for weight in layer.parameters():
        weight.data += 0.1 * torch.randn_like(weight)
    return layer


def apply(layer: nn.Module, batch, h: Tensor, e: Tensor, i: Tensor) -> tuple[Tensor, ...]:
    """All that a layer returns."""
    if isinstance(layer, GraphLayerNorm):
        found = layer(batch, h)
    elif isinstance(layer, QuestionPooling):
        found = layer(batch, h, i)
    elif isinstance(layer, LCGNCell):
        found = layer(batch, h, h.flip(1), e if layer.edge_dim else None, i)
    else:
        found = layer(batch, h, e, i)
    return found if isinstance(found, tuple) else (found,)


def incoming(batch: GraphBatch, node: int) -> list[int]:
    """Numbers of the edges that end in a node."""
    return [e for e in range(batch.edges) if int(batch.target[e]) == node]


def joined(x: Tensor, owner: Tensor, y: Tensor) -> Tensor:
    """[x; y of the graph that owns it]: what the layers never form."""
    return torch.cat([x, y[owner]], dim=1)

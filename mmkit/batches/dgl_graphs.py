"""A batch of graphs as DGL's graph, and back. DGL is imported when it is first needed: not everybody can install it."""

from __future__ import annotations

import os
from types import ModuleType
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from mmkit.errors import DataError, SettingsError

if TYPE_CHECKING:
    from dgl import DGLGraph

    from mmkit.batches.graphs import GraphBatch

FEATURES = {"node": ("tokens", "keep"), "edge": ("token", "reverse")}  # what a DGL graph carries in ndata and edata


def load_dgl() -> ModuleType:
    """DGL with its PyTorch backend. Raises SettingsError where it is not installed."""
    os.environ.setdefault("DGLBACKEND", "pytorch")  # else its first import prints and writes into the home directory
    try:
        import dgl
    except ImportError as why:
        raise SettingsError(
            f"DGL cannot be imported ({why}): it exists for Python below 3.12 only; "
            "install mmkit[graphs] there, or use backend 'torch', which computes the same"
        ) from None
    return dgl


def to_dgl(batch: GraphBatch) -> DGLGraph:
    """A batched DGL graph with edges in the same order; ndata: tokens, keep; edata: token, reverse."""
    made = load_dgl().graph((batch.source, batch.target), num_nodes=batch.nodes)
    made.set_batch_num_nodes(batch.node_offsets.diff())
    made.set_batch_num_edges(batch.edge_offsets.diff())
    made.ndata.update({"tokens": batch.node_tokens, "keep": batch.node_keep})
    made.edata.update({"token": batch.edge_token, "reverse": batch.edge_reverse})
    return made


def from_dgl(graph: DGLGraph) -> GraphBatch:
    """The batched DGL graph with the features that `to_dgl` names; its edges are put in the order of their targets.

    Raises DataError where one of these features is missing. Self edges are not added.
    """
    from mmkit.batches.graphs import GraphBatch  # here, because that module imports this one

    frames = {"node": graph.ndata, "edge": graph.edata}
    if missing := [f"{of} feature {name!r}" for of, names in FEATURES.items() for name in names if name not in frames[of]]:
        raise DataError("DGL graph lacks features", missing, "`to_dgl` shows what they hold.")
    nodes, (source, target) = graph.batch_num_nodes().long(), graph.edges()
    owner = torch.repeat_interleave(nodes)  # 0 as often as graph 0 has nodes, and so on
    target, order = target.long().sort(stable=True)
    return GraphBatch(
        graph=owner,
        source=source.long()[order],
        target=target,
        edge_graph=owner[target],
        node_tokens=graph.ndata["tokens"],
        node_keep=graph.ndata["keep"],
        edge_token=graph.edata["token"][order],
        edge_reverse=graph.edata["reverse"][order],
        node_offsets=_offsets(nodes),
        edge_offsets=_offsets(graph.batch_num_edges().long()),
        target_offsets=_offsets(torch.bincount(target, minlength=len(owner))),
    )


def _offsets(count: Tensor) -> Tensor:
    return F.pad(count.cumsum(0), (1, 0))

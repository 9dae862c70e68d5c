"""Scene graphs as tensors: every graph tokenised once (`GraphStore`), any rows of it as one big graph (`GraphBatch`).

B graphs, N nodes and E directed edges in all of them together; edge e goes from node source[e] to node target[e].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mmkit.batches.dgl_graphs import from_dgl, load_dgl, to_dgl
from mmkit.errors import DataError
from mmkit.schema import GRAPH, whole
from mmkit.schema.columns import wrong_columns
from mmkit.schema.questions import graph_problems

if TYPE_CHECKING:
    from dgl import DGLGraph

__all__ = ["PAD", "SELF", "UNKNOWN", "GraphBatch", "GraphStore", "from_dgl", "load_dgl", "to_dgl"]

SELF, PAD, UNKNOWN = "<self>", "<pad>", "<unk>"


@dataclass(frozen=True, eq=False)
class GraphBatch:
    """B graphs as one graph whose parts do not touch. Nodes stand graph by graph, edges in the order of their targets.

    graph (N,): number of a node's graph.  source, target (E,): numbers of nodes in the whole batch.  edge_graph (E,).
    node_tokens (N, A), node_keep (N, A) bool: ids of name and attributes.  edge_token (E,).  edge_reverse (E,) bool: the edge
    was added against the direction of a relation; one flag per edge, so no graph's flags depend on its neighbours in the batch.
    node_offsets, edge_offsets (B + 1,): graph b has nodes node_offsets[b] to node_offsets[b + 1], and edges likewise.
    target_offsets (N + 1,): node i is the target of edges target_offsets[i] to target_offsets[i + 1].  All int64 but the flags.
    """

    graph: Tensor
    source: Tensor
    target: Tensor
    edge_graph: Tensor
    node_tokens: Tensor
    node_keep: Tensor
    edge_token: Tensor
    edge_reverse: Tensor
    node_offsets: Tensor
    edge_offsets: Tensor
    target_offsets: Tensor

    @property
    def size(self) -> int:
        """B."""
        return len(self.node_offsets) - 1

    @property
    def nodes(self) -> int:
        """N."""
        return len(self.graph)

    @property
    def edges(self) -> int:
        """E."""
        return len(self.source)

    @cached_property
    def in_degree(self) -> Tensor:
        """(N,) int64: edges that end in each node, the self edge among them."""
        return self.target_offsets.diff()

    @cached_property
    def place(self) -> Tensor:
        """(N,) int64: number of each node within its graph."""
        return torch.arange(self.nodes, device=self.graph.device) - self.node_offsets[:-1][self.graph]

    @cached_property
    def as_dgl(self) -> DGLGraph:
        """The same batch for DGL, converted once."""
        return to_dgl(self)

    @cached_property
    def node_slots(self) -> Tensor:
        """(B, n_max) bool: which places of a padded batch hold a node; n_max is the size of the largest graph, at least 1."""
        count = self.node_offsets.diff()
        return torch.arange(max(int(count.max()) if len(count) else 0, 1), device=count.device) < count[:, None]

    def dense(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values of the nodes (N, ...) as (B, n_max, ...), zeros where no node is, and which places hold one (B, n_max) bool."""
        padded = x.new_zeros(*self.node_slots.shape, *x.shape[1:])
        return padded.index_put((self.graph, self.place), x), self.node_slots

    def to(self, device: torch.device | str) -> GraphBatch:
        return _moved(self, device)


@dataclass(frozen=True, eq=False)
class GraphStore:
    """All graphs of a data set, tokenised, with a self edge at every node; `batch` cuts rows out of it on any device.

    node_first, node_count, edge_first, edge_count (G,) int64: where a graph's nodes and edges stand.  node_tokens, node_keep
    (N, A), in_degree (N,), source, target, edge_token, edge_reverse (E,): as in GraphBatch, int32, numbers of the whole store.
    unknown: how many words had no id and became <unk>.
    """

    node_first: Tensor
    node_count: Tensor
    edge_first: Tensor
    edge_count: Tensor
    node_tokens: Tensor
    node_keep: Tensor
    in_degree: Tensor
    source: Tensor
    target: Tensor
    edge_token: Tensor
    edge_reverse: Tensor
    unknown: int = 0

    def __len__(self) -> int:
        return len(self.node_first)

    @classmethod
    def from_table(cls, graphs: pa.Table, vocabulary: Mapping[str, int], reverse: bool = False) -> GraphStore:
        """Graphs with the columns of `schema.GRAPH`. `vocabulary`: name, attribute or relation, whole -> id.

        It holds <self>, the token of self edges. A word without an id becomes <unk>; pads are <pad>, or 0.
        reverse: see `from_arrays`.
        Raises DataError for wrong columns, lists that do not fit together, and words without an id where there is no <unk>.
        """
        if problems := wrong_columns("graphs", GRAPH, graphs) or graph_problems("graphs", graphs):
            raise DataError(f"graphs: {len(problems)} problems", problems)
        column = {name: whole(graphs[name]) for name in GRAPH.names}
        attributes = column["attributes"].flatten()  # one list per node
        words = {"name": column["name"].flatten(), "attributes": attributes.flatten(), "relation": column["relation"].flatten()}
        ids, unknown = _encoded(words, vocabulary)
        tokens, keep = _padded(ids["name"], ids["attributes"], _lengths(attributes), vocabulary.get(PAD, 0))
        store = cls.from_arrays(
            _lengths(column["name"]), _lengths(column["source"]), tokens, keep,
            column["source"].flatten().to_numpy(), column["target"].flatten().to_numpy(), ids["relation"],
            vocabulary[SELF], reverse,
        )  # fmt: skip
        return replace(store, unknown=unknown)

    @classmethod
    def from_arrays(
        cls,
        nodes: NDArray[np.integer],
        edges: NDArray[np.integer],
        node_tokens: NDArray[np.integer],
        node_keep: NDArray[np.bool_],
        source: NDArray[np.integer],
        target: NDArray[np.integer],
        edge_token: NDArray[np.integer],
        self_token: int,
        reverse: bool = False,
    ) -> GraphStore:
        """G graphs with nodes (G,) and edges (G,) each; source and target (E,) are numbers of nodes within their graph.

        Every node gets an edge to itself with `self_token`. reverse: an edge j -> i of a graph without any edge i -> j gets
        one with the same token and edge_reverse = True (in the official code its embedding is the negative).
        Raises DataError where the lengths or numbers do not fit.
        """
        nodes, edges = np.asarray(nodes, dtype=np.int64), np.asarray(edges, dtype=np.int64)
        total, graph = int(nodes.sum()), np.repeat(np.arange(len(nodes)), edges)
        _fitting(nodes, edges, graph, node_tokens, node_keep, source, target, edge_token)
        first, one = np.cumsum(nodes) - nodes, np.arange(total)
        s, t = source + first[graph], target + first[graph]
        lone = ~np.isin(t * total + s, s * total + t) if reverse else np.zeros(len(s), dtype=bool)
        ends = np.concatenate([t, one, s[lone]])
        order = np.argsort(ends, kind="stable")  # by target, and so by graph
        count = edges + nodes + np.bincount(graph[lone], minlength=len(nodes))
        token = np.concatenate([edge_token, np.full(total, self_token), np.asarray(edge_token)[lone]])

        def tensor(array: NDArray, kind: type) -> Tensor:
            return torch.from_numpy(np.array(array, dtype=kind))

        return cls(
            node_first=tensor(first, np.int64),
            node_count=tensor(nodes, np.int64),
            edge_first=tensor(np.cumsum(count) - count, np.int64),
            edge_count=tensor(count, np.int64),
            node_tokens=tensor(node_tokens, np.int32),
            node_keep=tensor(node_keep, np.bool_),
            in_degree=tensor(np.bincount(ends, minlength=total), np.int32),
            source=tensor(np.concatenate([s, one, t[lone]])[order], np.int32),
            target=tensor(ends[order], np.int32),
            edge_token=tensor(token[order], np.int32),
            edge_reverse=tensor(order >= len(s) + total, np.bool_),
        )

    def to(self, device: torch.device | str) -> GraphStore:
        return _moved(self, device)

    def batch(self, rows: Tensor | NDArray[np.integer] | Sequence[int]) -> GraphBatch:
        """The graphs `rows` (B,), in this order and as often as they stand there, on the device of the store."""
        device = self.node_first.device
        rows = torch.as_tensor(rows, dtype=torch.int64).to(device)
        first, node_count, edge_first, edge_count = (
            at.index_select(0, rows) for at in (self.node_first, self.node_count, self.edge_first, self.edge_count)
        )
        node_at, graph, node_offsets = _ranges(first, node_count)
        edge_at, edge_graph, edge_offsets = _ranges(edge_first, edge_count)
        tokens, keep, degree = (of.index_select(0, node_at) for of in (self.node_tokens, self.node_keep, self.in_degree))
        source, target, token, reverse = (
            of.index_select(0, edge_at) for of in (self.source, self.target, self.edge_token, self.edge_reverse)
        )
        shift = (node_offsets[:-1] - first).index_select(0, edge_graph)  # from numbers of the store to numbers of the batch
        return GraphBatch(
            graph=graph,
            source=source + shift,
            target=target + shift,
            edge_graph=edge_graph,
            node_tokens=tokens.long(),
            node_keep=keep,
            edge_token=token.long(),
            edge_reverse=reverse,
            node_offsets=node_offsets,
            edge_offsets=edge_offsets,
            target_offsets=_offsets(degree),
        )


def _moved(record: GraphBatch | GraphStore, device: torch.device | str) -> GraphBatch | GraphStore:
    tensors = {f.name: getattr(record, f.name) for f in fields(record)}
    return replace(record, **{name: t.to(device) for name, t in tensors.items() if isinstance(t, Tensor)})


def _offsets(count: Tensor) -> Tensor:
    return F.pad(count.cumsum(0), (1, 0))  # int64 of any integers


def _ranges(first: Tensor, count: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The numbers first[b], first[b] + 1, ... (count[b] of them) for all b, the b of each, and where each b begins (B + 1,)."""
    offsets = _offsets(count)
    total = int(offsets[-1])
    owner = torch.repeat_interleave(torch.arange(len(count), device=count.device), count, output_size=total)
    return torch.arange(total, device=count.device) + (first - offsets[:-1]).index_select(0, owner), owner, offsets


def _lengths(lists: pa.ListArray) -> NDArray[np.int64]:
    return pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)


def _encoded(words: dict[str, pa.Array], vocabulary: Mapping[str, int]) -> tuple[dict[str, NDArray[np.int64]], int]:
    """Ids of every column of words, and how many words had none."""
    if SELF not in vocabulary:
        raise DataError(f"the vocabulary has no {SELF!r}, the token of the edge from a node to itself")
    known, number = pa.array(list(vocabulary), pa.string()), np.array([*vocabulary.values(), -1], dtype=np.int64)
    at = {of: pc.fill_null(pc.index_in(column, known), -1).to_numpy(zero_copy_only=False) for of, column in words.items()}
    lost = {of: np.flatnonzero(found < 0) for of, found in at.items()}
    if UNKNOWN not in vocabulary and any(len(rows) for rows in lost.values()):
        told = sorted({f"{of}: {words[of][int(row)].as_py()!r}" for of, rows in lost.items() for row in rows})
        raise DataError(f"{len(told)} words of the graphs have no id", told, f"Add them, or {UNKNOWN!r}, to the vocabulary.")
    number[-1] = vocabulary.get(UNKNOWN, -1)
    return {of: number[found] for of, found in at.items()}, sum(map(len, lost.values()))


def _padded(
    names: NDArray[np.int64], attributes: NDArray[np.int64], count: NDArray[np.int64], pad: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(N, A) name first, its attributes behind it, and which entries are real."""
    keep = np.arange(1 + int(count.max(initial=0))) <= count[:, None]
    tokens = np.full(keep.shape, pad, dtype=np.int64)
    tokens[:, 0] = names
    tokens[:, 1:][keep[:, 1:]] = attributes
    return tokens, keep


def _fitting(
    nodes: NDArray,
    edges: NDArray,
    graph: NDArray,
    node_tokens: NDArray,
    node_keep: NDArray,
    source: NDArray,
    target: NDArray,
    edge_token: NDArray,
) -> None:
    """Raises DataError unless nodes and edges are as many as told, and edges stay within their graph; graph (E,) of each edge."""
    found = [
        f"{what} has shape {np.shape(array)}, expected ({'E' if wanted == edges.sum() else 'N'} = {wanted}, ...)"
        for what, array, wanted in (
            ("node_tokens", node_tokens, nodes.sum()), ("node_keep", node_keep, nodes.sum()), ("source", source, edges.sum()),
            ("target", target, edges.sum()), ("edge_token", edge_token, edges.sum()),
        )
        if len(array) != wanted
    ]  # fmt: skip
    if not found:
        found += [
            f"edge {e}: {end} is node {at[e]}, expected a number below {nodes[graph[e]]}"
            for end, at in (("source", source), ("target", target))
            for e in np.flatnonzero((np.asarray(at) < 0) | (at >= nodes[graph]))
        ]
    if found:
        raise DataError(f"{len(nodes)} graphs whose arrays do not fit together", found)

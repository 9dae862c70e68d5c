r"""Words of a scene graph to first states of its nodes and edges: eq. 4 as printed, and the three perceptrons of the public code.

B graphs, N nodes, E edges j -> i in all, A words per node, D the width of every vector here.
xhat_j is the sum of the vectors of a node's name and attributes, e_ji the vector of the relation's word, negated on an edge that
was added against the direction of a relation.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmkit.batches.graphs import GraphBatch
from mmkit.errors import SettingsError, nearest
from mmkit.layers.graphs import GraphLayerNorm, passing

KINDS = ("meta", "paper", "words")


class Perceptron(nn.Module):
    """Linear, ReLU, linear on several vectors joined; the first matrix is applied to each part, before it is gathered.

    parts(x_1, x_2, ...) -> W_1k x_k of each, the bias in the first; their sum, after ReLU, goes through `last`.
    """

    def __init__(self, dim: int, joined: int) -> None:
        super().__init__()
        self.joined, self.first, self.last = joined, nn.Linear(joined * dim, dim), nn.Linear(dim, dim)

    def parts(self, *x: Tensor) -> list[Tensor]:
        weights = self.first.weight.chunk(self.joined, dim=1)
        return [F.linear(part, w, None if k else self.first.bias) for k, (part, w) in enumerate(zip(x, weights, strict=True))]


class MetaEncoder(nn.Module):
    r"""The public code's encoder; every MLP is linear, ReLU, linear and D wide.

    e'_ji = MLP([xhat_j; xhat_i; e_ji]),   m_i = mean_j MLP([xhat_j; e'_ji]),   x_i = LN(MLP([xhat_i; m_i]))
    LN: over all nodes and channels of one graph. Shapes: xhat (N, D), e (E, D) -> x (N, D), e' (E, D).
    """

    def __init__(self, dim: int, backend: str = "torch") -> None:
        super().__init__()
        self.edge, self.message, self.node = Perceptron(dim, 3), Perceptron(dim, 2), Perceptron(dim, 2)
        self.norm, self.backend = GraphLayerNorm(backend=backend), backend

    def forward(self, batch: GraphBatch, x: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        graph = passing(batch, self.backend)
        source, target, edge = self.edge.parts(x, x, e)
        e = self.edge.last((graph.at_source(source) + graph.at_target(target) + edge).relu())
        source, edge = self.message.parts(x, e)
        m = self.message.last(graph.mean_edges((graph.at_source(source) + edge).relu()))  # linear: it may follow the mean
        own, heard = self.node.parts(x, m)
        return self.norm(batch, self.node.last((own + heard).relu())), e


class PaperEncoder(nn.Module):
    r"""Eq. 4:  x_i = ReLU(1/|N(i)| sum_{j in N(i)} W_enc [xhat_j; e_ji]);  the edges keep their words' vectors.

    Shapes: xhat (N, D), e (E, D) -> x (N, D), e (E, D). No bias, as printed.
    """

    def __init__(self, dim: int, backend: str = "torch") -> None:
        super().__init__()
        self.linear, self.backend = nn.Linear(2 * dim, dim, bias=False), backend

    def forward(self, batch: GraphBatch, x: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        graph = passing(batch, self.backend)
        of_node, of_edge = self.linear.weight.chunk(2, dim=1)
        return (graph.mean_sources(x @ of_node.T) + graph.mean_edges(e) @ of_edge.T).relu(), e


class SceneEncoder(nn.Module):
    """A batch's tokens -> states of nodes (N, D) and edges (E, D). kind: meta | paper | words.

    'words' leaves the encoder out, x = xhat: both others pass one message already, whatever the model behind them does, and
    eq. 4 averages a node with its neighbours before anybody has asked.
    embedding (V, D): may be the question's own. negated (E,) bool: edges whose vector is turned round.
    """

    def __init__(self, embedding: nn.Embedding, kind: str = "meta", backend: str = "torch") -> None:
        super().__init__()
        if kind not in KINDS:
            raise SettingsError(f"encoder = {kind!r}{nearest(kind, KINDS)}")
        self.embedding = embedding
        rules = {"meta": MetaEncoder, "paper": PaperEncoder}
        self.rule = rules[kind](embedding.embedding_dim, backend) if kind in rules else None

    def forward(self, batch: GraphBatch, negated: Tensor) -> tuple[Tensor, Tensor]:
        words = self.embedding(batch.node_tokens)  # (N, A, D)
        x = (words * batch.node_keep.unsqueeze(2)).sum(dim=1)  # xhat
        e = self.embedding(batch.edge_token)
        e = torch.where(negated.unsqueeze(1), -e, e)
        return (x, e) if self.rule is None else self.rule(batch, x, e)

r"""Liang, Jiang and Liu (2021): a question in M steps, a graph network whose t-th round reads instruction t, an answer.

B questions about B graphs with N nodes and E edges j -> i in all, T words, M steps, H heads; Q is the width of question states
and instructions (512), D that of nodes and edges (300). Only the answer is supervised.

What is compared (`VARIANTS`): aggregation by attention, mean or sum (with the same residual: see `stacks`), the mean without
instructions, the language-conditioned network (LCGN), either input alone, and no messages at all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from mmkit.batches.graphs import GraphBatch
from mmkit.errors import SettingsError, nearest
from mmkit.layers.graphs import QuestionPooling
from mmkit.models.graphvqa.lcgn import LCGN
from mmkit.models.graphvqa.question import InstructionDecoder, QuestionEncoder
from mmkit.models.graphvqa.released import unshifted
from mmkit.models.graphvqa.scene_encoder import SceneEncoder
from mmkit.models.graphvqa.stacks import Stack

# What each model does with messages: a kind of `Stack`, with instructions or without, or LCGN along edges or between all pairs.
VARIANTS: dict[str, dict[str, Any]] = {
    "gcn": {"stack": "mean"},
    "graphvqa_gcn": {"stack": "mean", "instructed": True},
    "graphvqa_gine": {"stack": "sum", "instructed": True},
    "graphvqa_gine2": {"stack": "sum2", "instructed": True},
    "graphvqa_gat": {"stack": "attention", "instructed": True},
    "lcgn": {"lcgn": "edges"},
    "lcgn_dense": {"lcgn": "pairs"},
    "question_only": {"graph": False},
    "graph_only": {"stack": "mean", "question": False},
    "no_messages": {"stack": "mean", "instructed": True, "alone": True},
}
RELEASED = ("graphvqa_gcn", "graphvqa_gine", "graphvqa_gat", "lcgn")  # whose programs are public
INSTRUCTIONS = ("steps", "global")


class GraphVQA(nn.Module):
    """One model of the comparison; the sizes are the public code's.

    words, tokens, answers: sizes of the question's and the graph's vocabulary (id 0 is padding) and of the list of answers.
    shared: one embedding for both vocabularies.  steps: M, or the rounds of LCGN (4 in its paper).
    instructions: steps, or global: M copies of q, the decoder in place and idle.  encoder: meta | paper | words.
    score, heads: of `graphvqa_gat`.  shared_layer: one layer for all steps.  edge_keys: LCGN's keys see the edges.
    as_released: what the public program does, see `released`.  backend: torch | dgl, of the graph layers.

    Where one input is left out (`question_only`, `graph_only`) a learned vector stands in its place. `no_messages` is
    `graphvqa_gcn` on graphs whose only edges are those from a node to itself, in the scene encoder, too.
    Raises SettingsError for unknown names, and for a vocabulary that cannot be shared.
    """

    def __init__(
        self,
        words: int,
        tokens: int,
        answers: int,
        *,
        variant: str = "graphvqa_gat",
        dim: int = 300,
        instruction_dim: int = 512,
        steps: int = 5,
        heads: int = 4,
        encoder: str = "meta",
        score: str = "additive",
        question_layers: int = 3,
        question_heads: int = 8,
        ff: int = 2048,
        dropout: float = 0.1,
        answer_dropout: float = 0.2,
        shared: bool = False,
        instructions: str = "steps",
        shared_layer: bool = False,
        edge_keys: bool = False,
        as_released: bool = False,
        backend: str = "torch",
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise SettingsError(f"variant = {variant!r}{nearest(variant, VARIANTS)}")
        if instructions not in INSTRUCTIONS:
            raise SettingsError(f"instructions = {instructions!r}{nearest(instructions, INSTRUCTIONS)}")
        if shared and words != tokens:
            raise SettingsError(f"shared embedding of {words} question words and {tokens} graph tokens, expected as many")
        if as_released and variant not in RELEASED:
            raise SettingsError(f"as released: variant = {variant!r} has no public program{nearest(variant, RELEASED)}")
        what, width = VARIANTS[variant], instruction_dim
        asked, seen, instructed = what.get("question", True), what.get("graph", True), what.get("instructed", False)
        self.alone, self.copies = what.get("alone", False), instructions == "global"
        self.steps, self.as_released = steps, as_released

        self.words = nn.Embedding(words, dim, padding_idx=0) if asked else None
        text = (question_layers, question_heads, ff, dropout)
        self.question = QuestionEncoder(dim, width, *text) if asked else None
        self.instructions = InstructionDecoder(steps, width, *text) if instructed else None
        self.no_question = None if asked else nn.Parameter(torch.randn(width))

        tokens_of_graph = self.words if shared and asked else nn.Embedding(tokens, dim, padding_idx=0)
        self.scene = SceneEncoder(tokens_of_graph, encoder, backend) if seen else None
        self.stack = self.lcgn = None
        if "stack" in what:
            how = {"heads": heads, "score": score, "dropout": dropout, "shared": shared_layer, "backend": backend}
            assigned = what["stack"] == "attention" or not as_released
            self.stack = Stack(what["stack"], dim, width if instructed else 0, steps, assigned=assigned, **how)
        if "lcgn" in what:
            how = {"dropout": dropout, "edge_keys": edge_keys, "as_released": as_released, "backend": backend}
            self.lcgn = LCGN(dim, width, steps, dense=what["lcgn"] == "pairs", **how)
        self.pooling = QuestionPooling(width if self.lcgn else dim, width, width, backend) if seen else None
        self.no_graph = None if seen else nn.Parameter(torch.randn(width))
        self.classifier = nn.Sequential(
            nn.Dropout(answer_dropout), nn.Linear(3 * width, width), nn.ELU(),
            nn.Dropout(answer_dropout), nn.Linear(width, answers),
        )  # fmt: skip

    def forward(self, ids: Tensor, keep: Tensor, graph: GraphBatch, *, look: bool = False) -> dict[str, Any]:
        """ids (B, T) int64, <start> first, keep (B, T) bool, the B graphs -> {"logits" (B, answers)}; with `look` also:

        "attention": for every step the weights (E, H) of the edges, which sum to 1 over those with one target (LCGN between all
        pairs: (B, n, n)); [] where nothing is weighed.  "words": the steps' weights (B, M, T) over the question, or None.
        "node_gates" (N,): the nodes' share in the pooled vector, or None.  "states": those of the nodes, (N, D) each, from the
        scene encoder's (LCGN: its projection) to the last.
        """
        q, states, instructions, spoken = self._ask(ids, None if self.as_released else keep)
        attention, nodes, gates = [], [], None
        if self.scene is None:
            h = self.no_graph.expand(len(q), -1)
        else:
            graph = alone(graph) if self.alone else graph
            x, e = self.scene(graph, unshifted(graph) if self.as_released else graph.edge_reverse)
            if self.stack is not None:
                nodes, attention = self.stack(graph, x, e, instructions)
            else:
                nodes, attention, spoken = self.lcgn(graph, x, e, q, states, None if self.as_released else keep)
            h, gates = self.pooling(graph, nodes[-1], q)  # eq. 10
        found = {"logits": self.classifier(torch.cat([h, q, h * q], dim=1))}  # eq. 11
        if look:
            found |= {"attention": attention, "words": spoken, "node_gates": gates, "states": nodes}
        return found

    def _ask(self, ids: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:
        """The question's vector (B, Q), its words' states, the instructions (B, M, Q) and their weights over the words."""
        if self.question is None:
            return self.no_question.expand(len(ids), -1), None, None, None
        states = self.question(self.words(ids), keep)
        q = states[:, 0]
        if self.instructions is None:
            return q, states, None, None
        if self.copies:
            return q, states, q.unsqueeze(1).expand(-1, self.steps, -1), None
        return q, states, *self.instructions(states, keep)


def alone(batch: GraphBatch) -> GraphBatch:
    """The same nodes, and of the edges only those from a node to itself."""
    own = batch.source == batch.target
    target, edge_graph = batch.target[own], batch.edge_graph[own]

    def offsets(owner: Tensor, count: int) -> Tensor:
        return torch.cat([owner.new_zeros(1), torch.bincount(owner, minlength=count).cumsum(0)])

    return replace(
        batch,
        source=target,
        target=target,
        edge_graph=edge_graph,
        edge_token=batch.edge_token[own],
        edge_reverse=batch.edge_reverse[own],
        edge_offsets=offsets(edge_graph, batch.size),
        target_offsets=offsets(target, batch.nodes),
    )

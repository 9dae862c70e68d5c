"""Small graphs, questions and models that the tests of GraphVQA share."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from mmkit.batches.graphs import GraphStore
from mmkit.models.graphvqa import VARIANTS, GraphVQA

WORDS = TOKENS = 20  # ids of question words and of graph tokens; 0 is padding, 1 <self> and <start>
ANSWERS, DIM, WIDTH, STEPS = 5, 12, 16, 3

# Four graphs (nodes, edges): one node without a relation, a chain, one with a repeated edge, and five nodes.
EDGES = [[], [(0, 1), (1, 2)], [(0, 1), (0, 1), (1, 0)], [(0, 4), (1, 4), (2, 4), (4, 3), (3, 0), (2, 1)]]
NODES = [1, 3, 2, 5]
IDS = torch.tensor([[1, 4, 5, 6, 7], [1, 8, 9, 0, 0], [1, 3, 0, 0, 0], [1, 12, 4, 13, 0]])
KEEP = IDS != 0


def store(reverse: bool = True) -> GraphStore:
    """The four graphs, one to three tokens per node; lone edges get a reversed partner."""
    rng = np.random.default_rng(0)
    total, edges = sum(NODES), [len(e) for e in EDGES]
    keep = np.arange(3) < rng.integers(1, 4, size=(total, 1))
    tokens = rng.integers(2, TOKENS, size=(total, 3)) * keep
    pairs = np.array([pair for graph in EDGES for pair in graph])
    token = rng.integers(2, TOKENS, size=len(pairs))
    return GraphStore.from_arrays(NODES, edges, tokens, keep, pairs[:, 0], pairs[:, 1], token, 1, reverse)


def small(variant: str, **options) -> GraphVQA:
    """A model of every size small, in evaluation mode, with norms that are not the identity."""
    torch.manual_seed(0)
    sizes = {
        "dim": DIM, "instruction_dim": WIDTH, "steps": STEPS, "heads": 2, "question_layers": 1, "question_heads": 2, "ff": 24,
    }  # fmt: skip
    model = GraphVQA(WORDS, TOKENS, ANSWERS, variant=variant, **{**sizes, **options}).eval()
    moved = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_(0.0, 0.3, generator=moved)
            module.running_var.uniform_(0.5, 2.0, generator=moved)
    return model


def variants() -> list[tuple[str, dict[str, str]]]:
    """Every model, attention with both scores."""
    return [*((variant, {}) for variant in VARIANTS), ("graphvqa_gat", {"score": "mlp"}), ("lcgn", {"edge_keys": True})]

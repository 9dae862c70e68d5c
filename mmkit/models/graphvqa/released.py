r"""What the public program of Liang et al. (2021) does, as far as it differs from the paper. Each fact is a test.

(i) Its GCN and GINE compute every convolution and never assign it: the state of a node passes through batch norm, ReLU and
dropout four times and nothing else happens to it, so no message travels beyond the scene encoder. Which program gave the
printed numbers is not known.
(ii) Question encoder and instruction decoder have no padding mask: a question's answer depends on the longest question beside it.
(iii) The numbers of the edges that were added against their relation's direction are numbers within a graph, and nobody shifts
them when graphs are batched: they turn round edges of the first graph (of a few, where it has fewer edges than others).
(iv) LCGN's context state is drawn from a normal distribution at every pass, at evaluation too: its answers are random.

The numbers in (iii) depend on the order of edges within a graph, which here is that of their targets.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmkit.batches.graphs import GraphBatch


def unshifted(batch: GraphBatch) -> Tensor:
    """Fact iii: (E,) bool, the edges that the numbers of all graphs' added edges point at when no graph's are shifted."""
    number = torch.arange(batch.edges, device=batch.source.device) - batch.edge_offsets[batch.edge_graph]
    hit = torch.zeros_like(batch.edge_reverse)
    hit[number[batch.edge_reverse]] = True
    return hit


def redrawn(nodes: int, width: int, like: Tensor) -> Tensor:
    """Fact iv: a context state (nodes, width) from torch's own generator, as dropout draws from it."""
    return torch.randn(nodes, width, dtype=like.dtype, device=like.device)

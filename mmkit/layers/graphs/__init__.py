"""Layers on batches of graphs (`mmkit.batches.graphs`), each conditioned on one vector per graph, by torch or by DGL.

segments -> passing | dgl_backend -> conditioned -> messages, attention, lcgn, pooling
"""

from mmkit.layers.graphs.attention import EdgeAttention
from mmkit.layers.graphs.lcgn import LCGNCell
from mmkit.layers.graphs.messages import GINE, MeanAggregation
from mmkit.layers.graphs.passing import Passing, passing
from mmkit.layers.graphs.pooling import GraphLayerNorm, QuestionPooling

__all__ = ["GINE", "EdgeAttention", "GraphLayerNorm", "LCGNCell", "MeanAggregation", "Passing", "QuestionPooling", "passing"]

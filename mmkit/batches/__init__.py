"""Columns to tensors: padding (`ragged`), table features (`features`), whole batches (`loader`), `graphs`, DGL (`dgl_graphs`)."""

from mmkit.batches.features import TableFeatures
from mmkit.batches.graphs import GraphBatch, GraphStore
from mmkit.batches.loader import Batches, Columns
from mmkit.batches.ragged import pad

__all__ = ["Batches", "Columns", "GraphBatch", "GraphStore", "TableFeatures", "pad"]

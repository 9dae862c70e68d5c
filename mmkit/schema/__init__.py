"""What one example is: column roles, types, units. Worlds and readers both fill it; everything to the right relies on it.

One file per kind of example: `tables`, `pairs`, `multimodal`, `questions` (about graphs), `captions`,
`conversations`. `data` holds the records of any kind in their splits; `columns` is what all kinds say about a single column.
"""

from mmkit.schema.captions import CaptionSchema
from mmkit.schema.columns import PARTS, ROLES, Column, matrix, steps, vectors, whole
from mmkit.schema.conversations import ConversationSchema, dialogue_starts
from mmkit.schema.data import Dataset, Schema, Split
from mmkit.schema.multimodal import MODALITIES, Modality, MultimodalSchema
from mmkit.schema.pairs import PairSchema
from mmkit.schema.questions import GRAPH, SEMANTIC, STRUCTURAL, GraphQuestionSchema
from mmkit.schema.tables import TASKS, TableSchema

__all__ = [
    "GRAPH",
    "MODALITIES",
    "PARTS",
    "ROLES",
    "SEMANTIC",
    "STRUCTURAL",
    "TASKS",
    "CaptionSchema",
    "Column",
    "ConversationSchema",
    "Dataset",
    "GraphQuestionSchema",
    "Modality",
    "MultimodalSchema",
    "PairSchema",
    "Schema",
    "Split",
    "TableSchema",
    "dialogue_starts",
    "matrix",
    "steps",
    "vectors",
    "whole",
]

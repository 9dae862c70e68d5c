"""GraphVQA: graph networks that are guided by a question's steps, what they are compared with, and what was released.

question, released -> scene_encoder, stacks, lcgn -> model -> training
"""

from mmkit.models.graphvqa.lcgn import LCGN
from mmkit.models.graphvqa.model import INSTRUCTIONS, RELEASED, VARIANTS, GraphVQA, alone
from mmkit.models.graphvqa.question import InstructionDecoder, QuestionEncoder
from mmkit.models.graphvqa.scene_encoder import SceneEncoder
from mmkit.models.graphvqa.stacks import Stack
from mmkit.models.graphvqa.training import Answering, outputs, step, widen

__all__ = [
    "INSTRUCTIONS",
    "LCGN",
    "RELEASED",
    "VARIANTS",
    "Answering",
    "GraphVQA",
    "InstructionDecoder",
    "QuestionEncoder",
    "SceneEncoder",
    "Stack",
    "alone",
    "outputs",
    "step",
    "widen",
]

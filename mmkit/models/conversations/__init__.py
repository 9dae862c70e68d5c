"""Emotion in conversations: COIN (`coin`), what it is compared with, and how all of them learn and answer (`training`).

utterance -> memory -> icon    read windows: features (B, K+1, F), own, keep -> logits (B, C)
bc_lstm -> dialogue_rnn, dialogue_gcn    read dialogues: features (B, T, F), speaker, keep -> logits (B, T, C)
"""

from mmkit.models.conversations.bc_lstm import BcLSTM
from mmkit.models.conversations.coin import COIN
from mmkit.models.conversations.dialogue_gcn import DialogueGCN
from mmkit.models.conversations.dialogue_rnn import DialogueRNN
from mmkit.models.conversations.icon import ICON
from mmkit.models.conversations.memory import CMN, MemNet
from mmkit.models.conversations.utterance import UtteranceMLP

__all__ = ["CMN", "COIN", "ICON", "BcLSTM", "DialogueGCN", "DialogueRNN", "MemNet", "UtteranceMLP"]

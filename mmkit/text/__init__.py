"""Text columns to ids: pieces of words for encoders (subwords), whole words for translation (words)."""

from mmkit.text.subwords import SPECIAL, Tokenizer, hub_tokenizer, join, serialise, train_wordpiece, wordpiece
from mmkit.text.words import END, LANGUAGES, PAD, SPECIALS, START, UNK, Vocabulary, tokenise

__all__ = [
    "END", "LANGUAGES", "PAD", "SPECIAL", "SPECIALS", "START", "UNK", "Tokenizer", "Vocabulary",
    "hub_tokenizer", "join", "serialise", "tokenise", "train_wordpiece", "wordpiece",
]  # fmt: skip

"""How good are captions with several references each? One coding of the corpus, then every metric per caption first.

corpus = Corpus(tokenise(captions), [tokenise(texts) for texts in references])
score, per_caption = cider(corpus)
"""

from __future__ import annotations

from mmkit.scores.captions.bleu import bleu, bleu_counts
from mmkit.scores.captions.cider import Frequency, cider
from mmkit.scores.captions.meteor import meteor
from mmkit.scores.captions.ngrams import Corpus, words_used
from mmkit.scores.captions.rouge import rouge_l
from mmkit.scores.captions.tokens import tokenise

__all__ = ["Corpus", "Frequency", "bleu", "bleu_counts", "cider", "meteor", "rouge_l", "tokenise", "words_used"]

"""Text columns to token ids: how columns are joined, how a whole table is written out as text, tokenizers and vocabularies.

Token ids of a column are an Arrow list array (offsets + values): nothing is padded here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmkit.errors import DataError, SettingsError
from mmkit.schema import TableSchema

if TYPE_CHECKING:
    import tokenizers

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def join(table: pa.Table, columns: Sequence[str], separator: str = " [SEP] ") -> list[str]:
    """One string per row: the columns' texts with `separator` between them. A missing text leaves its place empty."""
    parts = [pc.fill_null(table[name], "") for name in columns]
    return pc.binary_join_element_wise(*parts, separator).to_pylist()


def serialise(table: pa.Table, schema: TableSchema, separator: str = " [SEP] ") -> list[str]:
    """The paper's Unimodal baseline: text columns, then every category name and number as words of the text.

    Numbers are printed as a person would (37, not 37.0); a missing value is the word "missing".
    """
    numbers = [pc.fill_null(_plain(table[name]), "missing") for name in schema.numbers]
    categories = [pc.fill_null(table[name], "missing") for name in schema.categories]
    cells = pc.binary_join_element_wise(*categories, *numbers, " ")
    texts = [pc.fill_null(table[name], "") for name in schema.text]
    return pc.binary_join_element_wise(*texts, cells, separator).to_pylist()


def _plain(numbers: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(pc.cast(numbers, pa.string()), r"\.0$", "")


@dataclass(frozen=True)
class Tokenizer:
    """Whole columns to ids. `backend` is a `tokenizers.Tokenizer`; cls/sep/pad are ids in its vocabulary."""

    backend: tokenizers.Tokenizer
    pad: int
    cls: int
    sep: int
    separator: str = "[SEP]"

    def __len__(self) -> int:
        return self.backend.get_vocab_size()

    def encode(self, texts: Sequence[str], max_tokens: int) -> tuple[pa.ListArray, float]:
        """(ids per text as [CLS] ... [SEP], at most `max_tokens` each; share of texts that had to be cut)."""
        if max_tokens < 3:
            raise SettingsError(f"max_tokens = {max_tokens}, expected at least 3 ([CLS], one token, [SEP])")
        rows = [e.ids for e in self.backend.encode_batch_fast(list(texts), add_special_tokens=False)]
        lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        kept = np.minimum(lengths, max_tokens - 2)
        values = np.empty(int(kept.sum()) + 2 * len(rows), dtype=np.int32)
        offsets = np.concatenate([[0], np.cumsum(kept + 2)])
        values[offsets[:-1]] = self.cls
        values[offsets[1:] - 1] = self.sep
        inside = np.ones(len(values), dtype=bool)
        inside[offsets[:-1]] = inside[offsets[1:] - 1] = False
        values[inside] = np.fromiter((i for row in rows for i in row[: max_tokens - 2]), dtype=np.int32, count=int(kept.sum()))
        cut = float((lengths > max_tokens - 2).mean()) if len(rows) else 0.0
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values)), cut

    def decode(self, ids: Sequence[int]) -> str:
        return self.backend.decode(list(ids), skip_special_tokens=False)


def train_wordpiece(texts: Sequence[str], size: int) -> Tokenizer:
    """A lower-casing WordPiece tokenizer of at most `size` pieces, built on these texts (the training split only).

    Same texts, same vocabulary: the trainer of `tokenizers` breaks ties by hash order unless every character, plain and as
    a continuation, is given to it as a special token; the tokenizer is then rebuilt from the vocabulary alone.
    """
    from tokenizers import Tokenizer as Backend
    from tokenizers import models, normalizers, pre_tokenizers, trainers

    normalizer = normalizers.BertNormalizer(lowercase=True)
    characters = sorted({c for c in set(normalizer.normalize_str("\n".join(texts))) if not c.isspace()})
    if not characters:
        raise DataError("no text to build a vocabulary from: every text of the training split is empty")
    alphabet = [*SPECIAL, *characters, *(f"##{c}" for c in characters)]
    if size <= len(alphabet):
        raise SettingsError(
            f"vocabulary = {size}, but the characters of the training split alone need {len(alphabet)}; set vocabulary higher"
        )
    trained = Backend(models.WordPiece(unk_token="[UNK]"))
    trained.normalizer, trained.pre_tokenizer = normalizer, pre_tokenizers.BertPreTokenizer()
    trained.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=size, special_tokens=alphabet, show_progress=False))
    pieces = sorted(trained.get_vocab().items(), key=lambda item: item[1])
    return wordpiece([piece for piece, _ in pieces])


def wordpiece(pieces: Sequence[str]) -> Tokenizer:
    """A lower-casing WordPiece tokenizer with exactly this vocabulary, in this order (it must contain the special tokens)."""
    from tokenizers import AddedToken, models, normalizers, pre_tokenizers
    from tokenizers import Tokenizer as Backend

    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    if lacking := [s for s in SPECIAL if s not in vocabulary]:
        raise DataError(f"vocabulary of {len(pieces)} pieces lacks the special tokens {', '.join(lacking)}")
    backend = Backend(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer, backend.pre_tokenizer = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    backend.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIAL])
    return Tokenizer(backend, *(vocabulary[s] for s in ("[PAD]", "[CLS]", "[SEP]")))


def hub_tokenizer(name: str) -> Tokenizer:
    """The tokenizer of a pretrained encoder: a hub name or a local folder. Raises SettingsError when it cannot be had."""
    from transformers import AutoTokenizer

    try:
        loaded = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as why:
        raise SettingsError(_unavailable(name, why)) from why
    backend = getattr(loaded, "backend_tokenizer", None)
    if backend is None:
        raise SettingsError(f"encoder {name!r} has no fast tokenizer; choose an encoder that has one")
    backend.no_truncation()  # some published tokenizers cut and pad by themselves; padding would count as text here
    backend.no_padding()
    first = loaded.cls_token_id if loaded.cls_token_id is not None else loaded.bos_token_id
    last = loaded.sep_token_id if loaded.sep_token_id is not None else loaded.eos_token_id
    if None in (first, last, loaded.pad_token_id):
        raise SettingsError(f"encoder {name!r} has no start, end or padding token; choose a BERT-like encoder")
    return Tokenizer(backend, loaded.pad_token_id, first, last, loaded.sep_token or loaded.eos_token)


def _unavailable(name: str, why: Exception) -> str:
    first_line = str(why).strip().splitlines()[0] if str(why).strip() else type(why).__name__
    return (
        f"text encoder {name!r} could not be loaded ({first_line}). Use encoder = 'scratch' on a machine without downloads, "
        "or copy the model's folder here and give its path as the encoder"
    )

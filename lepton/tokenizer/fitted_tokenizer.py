"""A fitted tokenizer: encodes texts in one go, and keeps their tokens in the cache by content."""

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from lepton.compat.optional import import_optional
from lepton.errors import ConfigError
from lepton.pretrained.location import TOKENIZER_FILE
from lepton.spec import DataSpec
from lepton.storage.cache import cache_key, cached
from lepton.storage.run_files import checked_path

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TEXTS_PER_CHUNK = 16_384  # texts encoded at a time, which bounds the memory of their details
SPEC_FIELDS = ("vocabulary", "pad", "max_length", "marks", "mask_token")  # that a spec has of it
MASK_TOKENS = ("[MASK]", "<mask>")
MIN_TOKENS = 4  # the marks around a pair, and one of a text
Texts = Sequence[str] | Sequence[tuple[str, str]]


class TextTokenizer(Protocol):
    """An option of model.tokenizer: fits a tokenizer on the texts of train."""

    def fit(self, texts: Texts) -> "FittedTokenizer":
        """The tokenizer that these texts teach, or one as it is."""
        ...


class FittedTokenizer:
    """A tokenizer with a longest length; `pad` is the token that fills rows behind a text's own."""

    def __init__(self, tokenizer: "Tokenizer", *, max_length: int, pad: int):
        if max_length < MIN_TOKENS:
            raise ConfigError(
                f"model.tokenizer.max_length: {max_length} is too small; {MIN_TOKENS} at least"
            )
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")  # says that a fork is no surprise
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length)
        self.tokenizer, self.max_length, self.pad = tokenizer, max_length, pad

    @classmethod
    def load(cls, folder: Path, spec: DataSpec) -> "FittedTokenizer":
        """The tokenizer that `save` wrote into a run folder with this spec."""
        tokenizers = import_optional("tokenizers", needed_by="model.tokenizer")
        tokenizer = tokenizers.Tokenizer.from_file(str(checked_path(folder, TOKENIZER_FILE)))
        return cls(tokenizer, max_length=spec.max_length, pad=spec.pad)

    def save(self, folder: Path) -> None:
        """Writes the tokenizer as JSON, without its longest length and padding."""
        (folder / TOKENIZER_FILE).write_text(self.tokenizer.to_str(), encoding="utf-8")

    @property
    def vocabulary(self) -> int:
        """One more than the largest token."""
        return max(self.tokenizer.get_vocab().values()) + 1

    @property
    def marks(self) -> tuple[int, ...]:
        """The tokens that are put around a text or between the two of a pair."""
        pair = self.tokenizer.encode("a", "a")
        return tuple(
            sorted(
                {
                    t
                    for t, is_mark in zip(pair.ids, pair.special_tokens_mask, strict=True)
                    if is_mark
                }
            )
        )

    @property
    def mask_token(self) -> int | None:
        """The token that stands for a hidden one."""
        usual = (self.tokenizer.token_to_id(token) for token in MASK_TOKENS)
        return next((number for number in usual if number is not None), None)

    def words(self, tokens: Sequence[int]) -> list[str]:
        """What each token stands for, as the tokenizer writes it."""
        return [self.tokenizer.id_to_token(token) or "" for token in tokens]

    def encode(self, texts: Texts, *, keep: bool = True) -> dict[str, Tensor]:
        """Tokens of texts, or of pairs of texts; `keep` keeps them in the cache.

        Shapes: tokens (N, T) int32, padded to the longest; length (N,) int64, at least 1; cut (N,)
            bool, longer than `max_length`; for pairs second (N,) int64, where their second begins.
        """
        if not keep:
            return self._encode(texts)
        name = cache_key(self.tokenizer.to_str(), self.pad, list(texts))
        file = f"{name}.safetensors"
        return cached(
            "tokens",
            file,
            lambda: save(self._encode(texts)),
            load,
            computed_by=["tokenizers"],
        )

    def _encode(self, texts: Texts) -> dict[str, Tensor]:
        rows, is_cut, second_starts = [], [], []
        for chunk in _chunks(texts):
            for encoding in self.tokenizer.encode_batch_fast(chunk):
                rows.append(np.array(encoding.ids or [self.pad], dtype=np.int32))
                is_cut.append(bool(encoding.overflowing))
                if isinstance(chunk[0], tuple):
                    second_starts.append(_second_start(encoding.sequence_ids))
        length = torch.tensor([len(row) for row in rows])
        tokens = np.full((len(rows), max(map(len, rows), default=1)), self.pad, dtype=np.int32)
        for i, row in enumerate(rows):
            tokens[i, : len(row)] = row
        encoded = {
            "tokens": torch.from_numpy(tokens),
            "length": length,
            "cut": torch.tensor(is_cut),
        }
        return encoded | ({"second": torch.tensor(second_starts)} if second_starts else {})


def _chunks(texts: Texts) -> Iterator[list[str | tuple[str, str]]]:
    iterator = iter(texts)
    while chunk := list(islice(iterator, TEXTS_PER_CHUNK)):
        yield chunk


def _second_start(sequences: list[int | None]) -> int:
    """The position where the second text of a pair begins; the end where none of it is left.

    `sequences` holds for each token the number of its text, None for a mark.
    """
    return sequences.index(1) if 1 in sequences else len(sequences)

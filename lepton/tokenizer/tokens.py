"""Texts as token numbers: encoded in one go, kept by content, the same in training and after."""

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from lepton.errors import ConfigError
from lepton.pretrained.location import TOKENIZER
from lepton.spec import DataSpec
from lepton.storage.cache import cache_key, cached

PART = 16_384  # texts encoded at a time, which bounds the memory of their details
SHORTEST = 4  # tokens: the marks around a pair, and one of a text
Texts = Sequence[str] | Sequence[tuple[str, str]]


class Tokens:
    """A fitted tokenizer with a longest length; `pad` fills the tokens behind a text's own."""

    def __init__(self, tokenizer, *, max_length: int, pad: int):
        if max_length < SHORTEST:
            raise ConfigError(
                f"model.tokenizer.max_length: {max_length} is too small; {SHORTEST} at least"
            )
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")  # says that a fork is no surprise
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length)
        self.tokenizer, self.max_length, self.pad = tokenizer, max_length, pad

    @classmethod
    def load(cls, folder: Path, spec: DataSpec) -> "Tokens":
        """Those that `save` wrote into a run folder with this spec."""
        from lepton.tokenizer.package import Tokenizer

        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        return cls(tokenizer, max_length=spec.max_length, pad=spec.pad)

    def save(self, folder: Path) -> None:
        (folder / TOKENIZER).write_text(self.tokenizer.to_str(), encoding="utf-8")

    @property
    def vocabulary(self) -> int:
        """One more than the largest token."""
        return max(self.tokenizer.get_vocab().values()) + 1

    def encode(self, texts: Texts, *, keep: bool = True) -> dict[str, Tensor]:
        """Tokens of texts, or of pairs of texts, kept in the cache if `keep` says so.

        Shapes: tokens (N, T) int32, padded to the longest; length (N,) int64, at least 1; cut (N,)
            bool, longer than `max_length`; for pairs second (N,) int64, where their second begins.
        """
        if not keep:
            return self._encode(texts)
        name = cache_key(self.tokenizer.to_str(), self.pad, list(texts))
        file = f"{name}.safetensors"
        return cached("tokens", file, lambda: save(self._encode(texts)), load)

    def _encode(self, texts: Texts) -> dict[str, Tensor]:
        rest, rows, cut, second = iter(texts), [], [], []
        while part := list(islice(rest, PART)):
            for found in self.tokenizer.encode_batch_fast(part):
                rows.append(np.array(found.ids or [self.pad], dtype=np.int32))
                cut.append(bool(found.overflowing))
                if isinstance(part[0], tuple):
                    second.append(_second(found.sequence_ids))
        length = torch.tensor([len(row) for row in rows])
        tokens = np.full((len(rows), max(map(len, rows), default=1)), self.pad, dtype=np.int32)
        for i, row in enumerate(rows):
            tokens[i, : len(row)] = row
        encoded = {"tokens": torch.from_numpy(tokens), "length": length, "cut": torch.tensor(cut)}
        return encoded | ({"second": torch.tensor(second)} if second else {})


def _second(sequences: list[int | None]) -> int:
    """Where the second text of a pair begins; past the end where nothing of it is left."""
    return sequences.index(1) if 1 in sequences else len(sequences)

"""Texts as tensors of tokens: cleaned, tokenized in one go, batched by length."""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.dataset.clean.cleaning_note import Note
from lepton.dataset.clean.description import absent_notes, make_spec
from lepton.dataset.clean.target import Target
from lepton.dataset.clean.text_cleaning import Cleaned, leaked, repeated, rows_of, texts_of
from lepton.dataset.data import Data, target_tensor
from lepton.dataset.load.token_batches import ByLength, TokenBatches
from lepton.dataset.split.splitting import Parts
from lepton.errors import DataError


class TextData(Data):
    """Base of the data sets of texts; one of them only says how to `read` its rows.

    After `setup` also `tokens`. The inputs are those that `Tokens.encode` makes; for a model that
    takes texts as they are, `texts`, an array of them (rows, columns).
    """

    kind = "text"

    def __init__(
        self, *, text: str | list[str], duplicates: Literal["drop", "keep"], tokenizer, **rows
    ):
        super().__init__(**rows)
        self.columns = [text] if isinstance(text, str) else list(text)
        self.duplicates, self.tokenizer, self.tokens = duplicates, tokenizer, None

    def prepare(
        self, frame: pd.DataFrame, own: int, target: Target
    ) -> dict[str, dict[str, Tensor]]:
        cleaned = self._clean(frame, target)
        target, notes = cleaned.target, cleaned.notes
        texts = cleaned.texts[target.kept]
        parts = self.divide(frame, own, target, lambda parts: self._no_leak(parts, texts, notes))
        if again := repeated(texts[parts["train"]]):
            notes.append(Note("rows whose text came before, kept", again, "the train split"))
        ids = np.flatnonzero(target.kept)
        splits = {
            name: {
                **self._inputs(texts, parts, name, notes),
                "target": target_tensor(target, rows),
                "id": torch.from_numpy(ids[rows]),
            }
            for name, rows in parts.items()
        }
        inputs = {"text_features": tuple(self.columns)}
        if self.tokens:
            inputs |= {name: getattr(self.tokens, name) for name in SAID}
        self.spec = make_spec(target, target.values[parts["train"]], **inputs)
        self.notes += [*target.notes, *notes, *absent_notes(splits, self.spec)]
        return splits

    def train_dataloader(self) -> TokenBatches:
        return TokenBatches(
            tensors=self._on_device("train"),
            batch_size=self.batch_size,
            sampler=self._order(),
            limit_batches=self.limit_batches,
        )

    def predict_dataloader(self, split: str = "test") -> ByLength:
        """The rows of a split by length; with `overfit_batches`, val is what is trained on."""
        return ByLength(
            tensors=self._evaluated(split),
            batch_size=self.batch_size,
            limit_batches=self.limit_batches,
        )

    def save(self, folder: Path) -> None:
        """Writes what turns further rows into inputs."""
        if self.tokens:
            self.tokens.save(folder)

    def _clean(self, frame: pd.DataFrame, target: Target) -> Cleaned:
        taken = [name for name in self.columns if name in self.target_columns()]
        if len(self.columns) not in (1, 2) or len(set(self.columns)) < len(self.columns):
            raise DataError(f"dataset.text: {self.columns}; give one column, or the two of a pair")
        if taken:
            raise DataError(f"dataset.text: {taken[0]!r} is the target")
        return texts_of(frame, self.columns, target)

    def _no_leak(self, parts: Parts, texts: np.ndarray, notes: list[Note]) -> Parts:
        """Drops from train what val or test hold too, and from val what test holds."""
        left, drop = dict(parts), self.duplicates == "drop"
        for name, others in (("val", ["test"]), ("train", ["val", "test"])):
            held = np.concatenate([parts[other] for other in others])
            found = leaked(texts[parts[name]], texts[held])
            if found.any():
                what = f"rows whose text is in {' or '.join(others)} too"
                done = "dropped" if drop else "kept; dataset.duplicates=drop drops them"
                notes.append(Note(f"{what}, {done}", int(found.sum()), f"the {name} split"))
            if drop and found.size and found.all():
                raise DataError(
                    f"the {name} split is empty: every text of it is in {' or '.join(others)} too; "
                    "is it another file? dataset.duplicates=keep leaves them in"
                )
            if drop:
                left[name] = parts[name][~found]
        return left

    def _inputs(self, texts: np.ndarray, parts, name: str, notes: list[Note]) -> dict:
        if self.tokenizer is None:
            return {"texts": texts[parts[name]]}
        if self.tokens is None:
            self.tokens = self.tokenizer.fit(rows_of(texts[parts["train"]]))
        encoded = self.tokens.encode(rows_of(texts[parts[name]]))
        cut = encoded.pop("cut")
        if cut.any():
            share = f"{100 * cut.double().mean():.1f} % of {name}"
            what = f"longer than {self.tokens.max_length} tokens, cut ({share})"
            notes.append(Note(what, int(cut.sum()), f"column {', '.join(self.columns)}"))
        return encoded


SAID = ("vocabulary", "pad", "max_length")  # of the tokens, in the spec

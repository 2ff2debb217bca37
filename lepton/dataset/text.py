"""The base of data sets of texts: texts become tensors of tokens, batched by length."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.target import Target
from lepton.dataset.clean.text_cleaning import CleanedTexts, clean_texts, tokenizer_inputs
from lepton.dataset.data import Data, Rows, target_tensor
from lepton.dataset.describe.data_spec import describe_data
from lepton.dataset.describe.preparation_notes import absent_class_notes
from lepton.dataset.load.token_batches import TokenEvaluationBatches, TokenTrainingBatches
from lepton.dataset.split.duplicates import find_leaks, repeat_notes
from lepton.dataset.split.split_rows import SplitRows
from lepton.errors import DataError
from lepton.tokenizer.fitted_tokenizer import FittedTokenizer, TextTokenizer

TOKENIZER_FIELDS = ("vocabulary", "pad", "max_length")  # of the fitted tokenizer, in the spec


class TextData(Data):
    """Base of the data sets of texts; one of them only says how to `read` its rows.

    After `setup` also `fitted_tokenizer`. The inputs are those that its `encode` makes; for a model
    that takes texts as they are, `texts`, an array of them (rows, columns).
    """

    kind = "text"

    def __init__(
        self,
        *,
        text: str | list[str],
        duplicates: Literal["drop", "keep"],
        tokenizer: TextTokenizer | None,
        **rows: Any,
    ):
        super().__init__(**rows)
        self.columns = [text] if isinstance(text, str) else list(text)
        self.duplicates, self.tokenizer = duplicates, tokenizer
        self.fitted_tokenizer: FittedTokenizer | None = None

    def prepare(self, frame: pd.DataFrame, file_rows: int, target: Target) -> dict[str, Rows]:
        """The splits, tokenized by what train holds.

        Sets `fitted_tokenizer`, `spec` and `notes`.
        """
        cleaned = self._clean(frame, target)
        target, notes = cleaned.target, cleaned.notes
        texts = cleaned.texts[target.kept_rows]

        def handle_leaks(rows_by_split: SplitRows) -> SplitRows:
            remaining, leak_notes = find_leaks(rows_by_split, texts, drop=self.duplicates == "drop")
            notes.extend(leak_notes)
            return remaining

        rows_by_split = self.rows_by_split(frame, file_rows, target, handle_leaks)
        train_rows, ids = rows_by_split["train"], np.flatnonzero(target.kept_rows)
        notes += repeat_notes(texts[train_rows], "train")
        if self.tokenizer:
            self.fitted_tokenizer = self.tokenizer.fit(tokenizer_inputs(texts[train_rows]))
        splits = {
            split: {
                **self._inputs(texts[rows], split, notes),
                "target": target_tensor(target, rows),
                "id": torch.from_numpy(ids[rows]),
            }
            for split, rows in rows_by_split.items()
        }
        fields = {"text_features": tuple(self.columns)}
        if self.fitted_tokenizer:
            fields |= {name: getattr(self.fitted_tokenizer, name) for name in TOKENIZER_FIELDS}
        self.spec = describe_data(target, target.values[train_rows], **fields)
        self.notes += [*target.notes, *notes, *absent_class_notes(splits, self.spec)]
        return splits

    def train_dataloader(self) -> TokenTrainingBatches:
        """The rows of train in shuffled batches, each of texts about equally long."""
        return TokenTrainingBatches(
            tensors=self._on_device("train"),
            batch_size=self.batch_size,
            sampler=self._epoch_sampler(),
            limit_batches=self.limit_batches,
        )

    def predict_dataloader(self, split: str = "test") -> TokenEvaluationBatches:
        """The rows of a split by length; with `overfit_batches`, val is what is trained on."""
        return TokenEvaluationBatches(
            tensors=self._evaluation_tensors(split),
            batch_size=self.batch_size,
            limit_batches=self.limit_batches,
        )

    def save(self, folder: Path) -> None:
        """Writes what turns further rows into inputs."""
        if self.fitted_tokenizer:
            self.fitted_tokenizer.save(folder)

    def _clean(self, frame: pd.DataFrame, target: Target) -> CleanedTexts:
        """Raises: DataError for text columns that cannot be used together, or are the target."""
        targets = [name for name in self.columns if name in self.target_columns()]
        if len(self.columns) not in (1, 2) or len(set(self.columns)) < len(self.columns):
            raise DataError(f"dataset.text: {self.columns}; give one column, or the two of a pair")
        if targets:
            raise DataError(f"dataset.text: {targets[0]!r} is the target")
        return clean_texts(frame, self.columns, target)

    def _inputs(self, texts: np.ndarray, split: str, notes: list[CleaningNote]) -> Rows:
        """A split's tokens, or its texts without a tokenizer; a note on those that were cut."""
        if self.fitted_tokenizer is None:
            return {"texts": texts}
        encoded = self.fitted_tokenizer.encode(tokenizer_inputs(texts))
        is_cut = encoded.pop("cut")
        if is_cut.any():
            share = f"{100 * is_cut.double().mean():.1f} % of {split}"
            remark = f"longer than {self.fitted_tokenizer.max_length} tokens, cut ({share})"
            where = f"column {', '.join(self.columns)}"
            notes.append(CleaningNote(remark, int(is_cut.sum()), where))
        return encoded

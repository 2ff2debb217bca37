"""TextInputs: columns of texts as tensors of tokens, batched by length."""

from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.config.input_kinds import reading_node
from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.column_rule import ColumnRule
from lepton.dataset.clean.target import Target
from lepton.dataset.clean.text_cleaning import clean_texts
from lepton.dataset.clean.text_rows import (
    TextRows,
    TokenizerInputs,
    parse_texts,
    tokenizer_inputs,
)
from lepton.dataset.inputs.example_text import text_fields
from lepton.dataset.inputs.explained import Explained, reduce_to
from lepton.dataset.inputs.kind import InputKind, RawSplits, Rows
from lepton.dataset.load.batch_cutter import take
from lepton.dataset.load.block_writing import write_blocks
from lepton.dataset.split.duplicates import find_leaks, refuse_equal_files, repeat_notes
from lepton.dataset.split.split_rows import SplitRows
from lepton.errors import DataError, LeptonError, explain_read_errors
from lepton.pretrained.location import TOKENIZER_FILE, content_files
from lepton.pretrained.weight_files import file_sha256
from lepton.spec import DataSpec
from lepton.tokenizer.fitted_tokenizer import SPEC_FIELDS, FittedTokenizer, TextTokenizer
from lepton.tokenizer.same_tokens import same_tokens
from lepton.values.counted import counted

MAX_VALUES = 12  # of a column beside texts, by which the report slices


class TextInputs(InputKind):
    """Texts, or pairs of them: `tokens` (rows, T) int32 with `length`, for pairs also `second`.

    For a model that takes texts as they are, `texts`, an array of them (rows, columns).
    Shapes: of a batch tokens (B, T) int64; mask (B, T) bool, true on a text's own tokens; for
        pairs segments (B, T) int64, 1 from where the second text begins.
    """

    name = "text"
    plural = "texts"
    supplies = ("tokenizer",)
    column_argument = "text"
    most_columns = 2
    tensors = ("tokens", "length", "second", "texts")
    run_files = MappingProxyType({TOKENIZER_FILE: "tokens"})
    padding = "batch"
    cell_length = 300
    corruptions = "lepton.dataset.corruptions.text.TextCorruptions"

    def __init__(
        self,
        *,
        text: str | list[str],
        duplicates: Literal["drop", "keep"],
        tokenizer: TextTokenizer | None,
    ):
        super().__init__()
        self.own_columns = (text,) if isinstance(text, str) else tuple(text)
        self.duplicates, self.tokenizer = duplicates, tokenizer
        self.fitted_tokenizer: FittedTokenizer | None = None
        self.texts = TextRows(np.empty((0, 0), dtype=object))  # of all, while they are prepared
        self.keys = np.empty(0, dtype=bytes)  # of all rows, the same for repeated texts

    @classmethod
    def parts(cls, config: dict[str, Any]) -> dict[str, dict[str, Any] | None]:
        """The model's tokenizer, where it has one."""
        node = reading_node(config, cls.name).get("tokenizer")
        return {"tokenizer": same_tokens(node, config["init_from"]) if node else None}

    @classmethod
    def suits(cls, cells: pd.Series, rule: ColumnRule) -> bool:
        return rule.are_texts(cells)

    def clean(self, frame: pd.DataFrame, target: Target) -> Target:
        """Raises: DataError for text columns that cannot be used together, or are the target."""
        columns = list(self.own_columns)
        targets = [name for name in columns if name in target.columns]
        if len(columns) not in (1, 2) or len(set(columns)) < len(columns):
            raise DataError(f"dataset.text: {columns}; give one column, or the two of a pair")
        if targets:
            raise DataError(f"dataset.text: {targets[0]!r} is the target")
        cleaned = clean_texts(frame, columns, target)
        self.texts, self.keys = cleaned.texts, cleaned.keys
        self.notes += cleaned.notes
        return cleaned.target

    def drop_rows(self, rows: SplitRows, target: Target) -> SplitRows:
        """Training rows whose text stands in val or test too are dropped, or said."""
        keys, drop = self.keys[target.kept_rows], self.duplicates == "drop"
        if not drop:
            refuse_equal_files(keys, target)
        remaining, leak_notes = find_leaks(rows, keys, drop=drop, under=self.node)
        self.notes += leak_notes
        return remaining

    @property
    def whole(self) -> str | None:
        if self.tokenizer is None:
            return "the model takes texts as they are, all at once"
        return None

    def prepare(self, raw: RawSplits) -> dict[str, Rows]:
        train = raw.positions["train"]
        self.notes += repeat_notes(self.keys[train], "train")
        if self.tokenizer:
            self.fitted_tokenizer = self.tokenizer.fit(TokenizerInputs(self.texts, train))
        splits = {split: self._tensors(raw, split) for split in raw.positions}
        self.texts, self.keys = TextRows(np.empty((0, 0), dtype=object)), self.keys[:0]
        return splits

    def _tensors(self, raw: RawSplits, split: str) -> Rows:
        """A split's tokens, or its texts without a tokenizer; a note on those that were cut."""
        rows, fitted = raw.positions[split], self.fitted_tokenizer
        if fitted is None:
            ((_, texts),) = self.texts.blocks(rows)
            return {"texts": texts}
        if raw.arrays.streamed:
            is_cut: list[Tensor] = []
            encoded = write_blocks(raw.arrays, split, self._blocks(rows, is_cut), self.fill)
        else:
            encoded = fitted.encode([*TokenizerInputs(self.texts, rows)])
            is_cut = [encoded.pop("cut")]
        if count := sum(int(block.sum()) for block in is_cut):
            share = f"{100 * count / len(rows):.1f} % of {split}"
            remark = f"longer than {fitted.max_length} tokens, cut ({share})"
            where = f"column {', '.join(self.own_columns)}"
            self.notes.append(CleaningNote(remark, count, where))
        return encoded

    def _blocks(self, rows: np.ndarray, is_cut: list[Tensor]) -> Iterator[tuple[np.ndarray, Rows]]:
        """Yields places among these rows with their tokens; adds to `is_cut` which were cut."""
        assert self.fitted_tokenizer is not None
        for places, texts in self.texts.blocks(rows):
            encoded = self.fitted_tokenizer.encode(tokenizer_inputs(texts), keep=False)
            is_cut.append(encoded.pop("cut"))
            yield places, encoded

    def fill(self, name: str) -> float:
        return self.fitted_tokenizer.pad if name == "tokens" and self.fitted_tokenizer else 0

    def settings(self) -> dict[str, Any]:
        path = getattr(self.tokenizer, "path", None)
        files = content_files(path) if isinstance(path, str) else []
        return {
            "columns": self.own_columns,
            "duplicates": self.duplicates,
            "tokenizer": self.tokenizer,
            "files": [[file.name, file_sha256(file)] for file in files],
        }

    def restore(self, folder: Path, spec: DataSpec, facts: dict[str, Any]) -> None:
        self.fitted_tokenizer = self.load(folder, spec).fitted_tokenizer

    def spec_fields(self, train: Rows) -> dict[str, Any]:
        fields: dict[str, Any] = {"text_features": self.own_columns}
        if self.fitted_tokenizer:
            fields |= {name: getattr(self.fitted_tokenizer, name) for name in SPEC_FIELDS}
        return fields

    def save(self, folder: Path) -> None:
        if self.fitted_tokenizer:
            self.fitted_tokenizer.save(folder)

    @classmethod
    def load(cls, folder: Path, spec: DataSpec) -> Self:
        inputs = cls(text=list(spec.text_features), duplicates="keep", tokenizer=None)
        if spec.vocabulary:
            with explain_read_errors(folder / TOKENIZER_FILE):
                inputs.fitted_tokenizer = FittedTokenizer.load(folder, spec)
        return inputs

    def encode(self, frame: pd.DataFrame) -> Rows:
        texts = parse_texts(frame, list(self.own_columns))
        if self.fitted_tokenizer is None:
            return {"texts": texts}
        encoded = self.fitted_tokenizer.encode(tokenizer_inputs(texts), keep=False)
        return {name: tensor for name, tensor in encoded.items() if name != "cut"}

    @classmethod
    def lengths(cls, rows: Rows) -> Tensor | None:
        return rows["length"].cpu() if "length" in rows else None

    @classmethod
    def cut(cls, rows: Rows, index: Tensor | slice, width: int) -> Rows:
        if "tokens" not in rows:
            return super().cut(rows, index, width)
        length = take(rows["length"], index)
        position = torch.arange(width, device=length.device)
        batch = {
            "tokens": take(rows["tokens"][:, :width], index).long(),
            "mask": position < length[:, None],
        }
        if "second" in rows:
            batch["segments"] = (position >= take(rows["second"], index)[:, None]) & batch["mask"]
            batch["segments"] = batch["segments"].long()
        return batch

    @classmethod
    def describes(cls, spec: DataSpec) -> bool:
        return bool(spec.text_features)

    @classmethod
    def describe(cls, spec: DataSpec) -> str:
        return counted(len(spec.text_features), "text")

    @classmethod
    def example_fields(cls) -> list[dict[str, Any]]:
        return [text_fields(texts) for texts in (1, 2)]

    @classmethod
    def example_rows(cls, spec: DataSpec, rows: int, generator: torch.Generator) -> Rows:
        """Rows of 2 tokens to as many as there can be, at least one of each."""
        length = torch.randint(2, spec.max_length + 1, (rows,), generator=generator)
        length[:2] = torch.tensor([2, spec.max_length])
        position = torch.arange(spec.max_length)
        mask = position < length[:, None]
        tokens = torch.randint(1, spec.vocabulary, mask.shape, generator=generator)
        batch = {"tokens": tokens.masked_fill(~mask, spec.pad), "mask": mask}
        if len(spec.text_features) == 2:
            batch["segments"] = (mask & (position >= length[:, None] // 2)).long()
        return batch

    @classmethod
    def without_padding(cls, row: Rows) -> Rows:
        if "mask" not in row:
            return row
        per_token, length = {"tokens", "mask", "segments"} & row.keys(), int(row["mask"].sum())
        return {**row, **{name: row[name][:, :length] for name in per_token}}

    @classmethod
    def tensors_of(cls, spec: DataSpec) -> tuple[str, ...]:
        if not spec.text_features:
            return ()
        tokens = ("tokens", "length", *(["second"] if len(spec.text_features) == 2 else []))
        return tokens if spec.vocabulary else ("texts",)

    @classmethod
    def broken_promises(cls, split: str, rows: Rows, spec: DataSpec) -> Iterator[str]:
        if "tokens" not in rows:
            return
        tokens, length = rows["tokens"], rows["length"]
        if strays := tokens[(tokens < 0) | (tokens >= spec.vocabulary)].tolist():
            yield (
                f"tokens must lie in [0, vocabulary) = [0, {spec.vocabulary}); {strays[:5]} do not"
            )
        longest = min(spec.max_length, tokens.shape[1])
        if strays := length[(length < 1) | (length > longest)].tolist():
            yield (
                f"lengths must be from 1 to the spec's max_length, {longest} here; "
                f"{strays[:5]} are not"
            )

    def shown_tensors(self, row: Rows, spec: DataSpec) -> dict[str, Any]:
        if self.fitted_tokenizer is None or "tokens" not in row:
            return {}
        return {
            "text": self.fitted_tokenizer.words(row["tokens"][: int(row["mask"].sum())].tolist())
        }

    def slice_columns(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The number of words of each text, and the other columns that have few values."""
        texts = list(self.own_columns)
        word_counts = {
            f"words of {name}": rows[name].fillna("").str.split().str.len() for name in texts
        }
        other_columns = rows.drop(columns=texts).select_dtypes(exclude="number")
        categories = {
            name: column for name, column in other_columns.items() if column.nunique() <= MAX_VALUES
        }
        return pd.DataFrame({**word_counts, **categories})

    def neutral(self, batch: Rows, spec: DataSpec) -> Rows:
        """As many tokens that fill what is no text."""
        if "tokens" not in batch:
            raise LeptonError("the model reads texts as they are, and no tokens")
        return {"tokens": torch.full_like(batch["tokens"], spec.pad)}

    def explained(
        self, raw: pd.DataFrame, batch: Rows, spec: DataSpec, attributed: dict[str, Any]
    ) -> Explained:
        assert self.fitted_tokenizer is not None
        tokens = batch["tokens"][0].tolist()
        words = tuple(self.fitted_tokenizer.words(tokens))
        values = reduce_to(attributed.get("tokens", []), len(tokens))
        return Explained(values, words, words, in_order=True)

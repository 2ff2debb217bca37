"""The base of data sets of sounds: waveforms at one rate, split by speaker where one is known."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from lepton.audio.log_mel import LogMel
from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.suggestion import suggestion
from lepton.dataset.clean.target import Target
from lepton.dataset.data import Data
from lepton.dataset.inputs.audio import AudioInputs
from lepton.dataset.read.raw_table import RawTable
from lepton.dataset.split.split_rows import SplitRows, held_out
from lepton.errors import DataError
from lepton.values.bounds import Above0, AtLeast1

AUDIO_COLUMN = "audio"  # of paths, file contents or arrays, where a data set names no other
SPEAKER_COLUMNS = ("speaker", "speaker_id", "client_id")  # that say who speaks, where none is named


class AudioData(Data):
    """Base of the data sets of sounds; one of them only says how to `read` its rows.

    They hold a column of paths, file contents, dicts of an array and its rate, or arrays (samples,)
    or (samples, channels). Where a column says who speaks, and no split is asked for, each speaker
    is in one split alone.
    """

    provides = ("audio",)
    audio_column = AUDIO_COLUMN

    def __init__(
        self,
        *,
        rate: AtLeast1 | None,
        seconds: Above0 | None,
        length: Literal["own", "fixed"],
        max_seconds: Above0,
        on_error: Literal["refuse", "skip"],
        duplicates: Literal["drop", "keep"],
        spectrum: LogMel | None,
        speaker: str | None,
        split: Literal["stratified", "random", "group", "time", "column"] | None,
        **rows: Any,
    ):
        super().__init__(split=split or "stratified", **rows)
        self.speaker, self.is_split_given = speaker, split is not None
        self.audio_inputs = AudioInputs(
            column=self.audio_column,
            rate=rate,
            seconds=seconds,
            length=length,
            max_seconds=max_seconds,
            on_error=on_error,
            duplicates=duplicates,
            spectrum=spectrum,
        )
        self.inputs.append(self.audio_inputs)

    def tables(self) -> tuple[RawTable, RawTable | None]:
        """The rows that `read` gives, after which it is known whether they tell who speaks."""
        tables = super().tables()
        self._know_speakers(tables[0])
        return tables

    def _know_speakers(self, table: RawTable) -> None:
        """Splits by speaker, where one is known and no split is asked for.

        Raises: DataError for a column that is not there.
        """
        if self.speaker is not None and self.speaker not in table.columns:
            hint = suggestion(self.speaker, table.columns)
            raise DataError(f"dataset.speaker={self.speaker}: no such column{hint}")
        own = {*self.target_columns(), self.audio_column}
        known = [name for name in SPEAKER_COLUMNS if name in table.columns and name not in own]
        self.speaker = self.speaker or next(iter(known), None)
        settings = self.split_settings
        if self.is_split_given or self.speaker is None or settings.column is not None:
            return
        self.split_settings = replace(settings, strategy="group", column=self.speaker)
        speakers = table[self.speaker].nunique()
        words = "speakers, each in one split alone; dataset.split=stratified mixes them"
        table.notes.append(CleaningNote(words, int(speakers), f"column {self.speaker}"))

    def rows_by_split(
        self,
        frame: pd.DataFrame | RawTable,
        file_rows: int,
        target: Target,
        drop_rows: Callable[[SplitRows], SplitRows] | None = None,
    ) -> SplitRows:
        rows = super().rows_by_split(frame, file_rows, target, drop_rows)
        if self.speaker is not None and self.split_settings.column != self.speaker:
            speakers = frame[self.speaker].to_numpy(object)[target.kept_rows]
            others = np.concatenate([rows[split] for split in held_out(rows)])
            heard = pd.Series(speakers[others]).isin(speakers[rows["train"]])
            if heard.any():
                words = "rows of val and test whose speaker is in train too"
                advice = f"dataset.split=group dataset.split_column={self.speaker} keeps them apart"
                where = f"column {self.speaker}"
                self.notes.append(CleaningNote(f"{words}; {advice}", int(heard.sum()), where))
        return rows

"""AudioInputs: a column of sounds as waveforms of 16 bits, or as the log-mel of these."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.audio.decoded_sounds import DecodedSounds, SoundShape, decode_all
from lepton.audio.decoding import AUDIO_ENDINGS, LEVELS
from lepton.audio.kept_spectra import (
    KeptSpectra,
    SpectraOfFiles,
    computed_frames,
    frames_in_order,
    frames_of,
    padded_spectra,
    spectra_of_all,
    spectrum_statistics,
)
from lepton.audio.log_mel import LogMel
from lepton.audio.sound_reader import SoundReader, padded_samples
from lepton.audio.spectrum_choice import with_keep
from lepton.config.input_kinds import reading_node
from lepton.dataset.inputs.decoded import DecodedInputs, decoded_or_refused, namer
from lepton.dataset.inputs.explained import Explained, explained_map, explained_times
from lepton.dataset.inputs.kind import RawSplits, Rows
from lepton.dataset.inputs.measured import MeasuredColumn
from lepton.dataset.inputs.shown_sounds import SoundRows, measured_sounds, shown_sound
from lepton.dataset.inputs.sound import Sound
from lepton.dataset.load.batch_cutter import take
from lepton.dataset.read.raw_table import RawTable
from lepton.spec import DataSpec
from lepton.storage.decoded_cache import kept_numbers
from lepton.storage.run_files import naming_damage, read_run_json
from lepton.storage.threads import in_threads
from lepton.values.bounds import Above0, AtLeast1

AUDIO_FILE = "audio.json"
DTYPES = {"audio": torch.int16, "log_mel": torch.float32}
SAMPLE_BYTES = 512  # that a network holds of a sample, as 80 kB of a frame of 10 ms at 16 kHz


class AudioInputs(SoundRows, DecodedInputs):
    """A column of paths, file contents or arrays of samples, each sound as long as it is.

    `audio` (rows, samples) int16; where a spectrum is kept, `log_mel` (rows, frames, bands) float32
    in its place. `audio_length` (rows,) are the samples or frames that count.
    Shapes: of a batch audio (B, T) int16 or log_mel (B, T, bands), and audio_length (B,).
    Units: `mean` and `std` of the spec are of the log-mel over the frames of the training rows, 0
        and 1 without a spectrum; `rate` samples a second; `samples` of the longest sound.
    """

    name = "audio"
    noun = "sound"
    plural = "sounds"
    bounding_keys = ("seconds", "rate")
    supplies = ("spectrum",)
    tensors = ("audio", "log_mel", "audio_length")
    corruptions = "lepton.dataset.corruptions.sound.SoundCorruptions"
    file_endings = AUDIO_ENDINGS
    run_files = MappingProxyType({AUDIO_FILE: "samples"})

    def __init__(
        self,
        *,
        column: str,
        rate: AtLeast1 | None,
        seconds: Above0 | None,
        length: Literal["own", "fixed"],
        max_seconds: Above0,
        on_error: Literal["refuse", "skip"],
        duplicates: Literal["drop", "keep"],
        spectrum: LogMel | None,
    ):
        super().__init__(column=column, on_error=on_error, duplicates=duplicates)
        self.shape = SoundShape(rate, seconds, length, max_seconds)
        self.spectrum = spectrum
        self.reader: SoundReader | None = None
        self.decoded: DecodedSounds | None = None
        # of all rows, while they are prepared
        self.spectra: KeptSpectra | SpectraOfFiles | None = None
        self.mean, self.std, self.samples = 0.0, 1.0, 1

    @classmethod
    def parts(cls, config: dict[str, Any]) -> dict[str, dict[str, Any] | None]:
        """The model's spectrum, where it has one."""
        node = reading_node(config, cls.name).get("spectrum")
        return {"spectrum": with_keep(node, config) if node else None}

    def decode(self, column: pd.Series) -> DecodedSounds:
        """Raises: DataError where sounds differ in their rate, and no rate is given."""
        files, threads = column.to_numpy(object), self.decoding_threads
        return decode_all(files, self.shape, namer(column), threads=threads)

    def take_common(self, common: int) -> None:
        self.shape = replace(self.shape, rate=common)

    @property
    def file_bytes(self) -> int | None:
        return self.shape.file_bytes

    @property
    def keeps_spectra(self) -> bool:
        """True where rows are spectra, and no waveforms."""
        return bool(self.spectrum and self.spectrum.keep)

    def prepare(self, raw: RawSplits) -> dict[str, Rows]:
        assert self.decoded is not None
        self.reader, sounds = self.decoded.reader, self.decoded
        used = np.concatenate([*raw.positions.values()])
        self.samples = int(sounds.lengths(used).max(initial=1))
        if self.spectrum and self.keeps_spectra:
            self.spectra = spectra_of_all(sounds, self.spectrum)
        splits = super().prepare(raw)
        self.spectra = None
        return splits

    def fit(self, frame: pd.DataFrame, rows: np.ndarray) -> None:
        """Takes mean and standard deviation of the log-mel of the training rows."""
        if self.spectrum is None:
            return
        decoded, spectra = self.decoded, self.spectra
        assert decoded is not None
        module = self.spectrum.at(decoded.reader.rate)

        def statistics() -> list[float]:
            if spectra is None:
                return spectrum_statistics(computed_frames(module, decoded, rows))
            return spectrum_statistics(frames_in_order(spectra, rows))

        if decoded.files is None:
            self.mean, self.std = statistics()
            return
        settings = ["spectrum", vars(self.spectrum), self.keeps_spectra]
        self.mean, self.std = kept_numbers(decoded.key, rows, settings, statistics)

    def transform(self, frame: pd.DataFrame, rows: np.ndarray) -> Rows:
        if self.decoded is not None:
            sounds, name = self.spectra or self.decoded, "log_mel" if self.spectra else "audio"
            lengths, bands = sounds.lengths(rows), [self.spectra.bands] if self.spectra else []
            shape = (int(lengths.max(initial=1)), *bands)
            return _rows(name, self.taken(sounds.take, rows, shape, DTYPES[name]), lengths)
        return self.rows_of(self.waveforms(frame[self.own_columns[0]].iloc[rows]))

    def waveforms(self, column: pd.Series) -> list[np.ndarray]:
        """The samples of further sounds. Shapes: each (samples,) int16."""
        assert self.reader is not None
        reading = in_threads(self.reader.read, column.to_numpy(object), namer(column))
        return [samples for samples, _ in decoded_or_refused(reading)]

    def rows_of(self, sounds: list[np.ndarray]) -> Rows:
        """The tensors of sounds that were decoded."""
        assert self.reader is not None
        audio, lengths = padded_samples(sounds)
        if not (self.spectrum and self.keeps_spectra):
            return _rows("audio", torch.from_numpy(audio), lengths)
        module = self.spectrum.at(self.reader.rate)
        spectra = torch.from_numpy(padded_spectra(module, audio, lengths))
        return _rows("log_mel", spectra, frames_of(module, lengths))

    def spec_fields(self, train: Rows) -> dict[str, Any]:
        assert self.reader is not None
        sizes = {"rate": self.reader.rate, "samples": self.samples}
        return {**sizes, "mean": self.mean, "std": self.std}

    def settings(self) -> dict[str, Any]:
        shape, spectrum = asdict(self.shape), vars(self.spectrum) if self.spectrum else None
        others = {"on_error": self.on_error, "duplicates": self.duplicates}
        return {"shape": shape, "spectrum": spectrum, **others}

    def save(self, folder: Path) -> None:
        assert self.reader is not None
        state = {"column": self.own_columns[0], "reader": asdict(self.reader)}
        state["spectrum"] = vars(self.spectrum) if self.spectrum else None
        (folder / AUDIO_FILE).write_text(json.dumps(state))

    @classmethod
    def load(cls, folder: Path, spec: DataSpec) -> Self:
        state = read_run_json(folder, AUDIO_FILE)
        with naming_damage(folder / AUDIO_FILE):
            reader = SoundReader(**state["reader"])
            inputs = cls(
                column=state["column"],
                **asdict(reader),
                on_error="refuse",
                duplicates="keep",
                spectrum=LogMel(**state["spectrum"]) if state["spectrum"] else None,
            )
        inputs.reader, fields = reader, cls.fields_of(spec)
        inputs.mean, inputs.std = fields["mean"], fields["std"]
        inputs.samples = fields["samples"]
        return inputs

    @classmethod
    def lengths(cls, rows: Rows) -> Tensor | None:
        return rows["audio_length"].cpu()

    @classmethod
    def row_bytes(cls, rows: Rows) -> int:
        return super().row_bytes(rows) if "log_mel" in rows else SAMPLE_BYTES

    @classmethod
    def cut(cls, rows: Rows, index: Tensor | slice, width: int) -> Rows:
        name = "log_mel" if "log_mel" in rows else "audio"
        length = take(rows["audio_length"], index)
        return {name: take(rows[name][:, :width], index), "audio_length": length}

    @classmethod
    def describe(cls, spec: DataSpec) -> str:
        fields = cls.fields_of(spec)
        seconds = fields["samples"] / fields["rate"]
        return f"sounds of {fields['rate']} Hz up to {seconds:.3g} s"

    @classmethod
    def example_fields(cls) -> list[dict[str, Any]]:
        return [{"rate": 16_000, "samples": 4800, "mean": -6.0, "std": 3.0}]

    @classmethod
    def example_rows(cls, spec: DataSpec, rows: int, generator: torch.Generator) -> Rows:
        """Noise, from half as long as the longest can be to as long."""
        longest = cls.fields_of(spec)["samples"]
        length = torch.randint(longest // 2, longest + 1, (rows,), generator=generator)
        length[:2] = torch.tensor([longest // 2, longest])
        loudness = torch.rand(rows, 1, generator=generator) * (LEVELS / 4)
        audio = (torch.randn(rows, longest, generator=generator) * loudness).round()
        audio = audio.clamp(-LEVELS, LEVELS - 1) * (torch.arange(longest) < length[:, None])
        return {"audio": audio.to(torch.int16), "audio_length": length}

    @classmethod
    def without_padding(cls, row: Rows) -> Rows:
        length = int(row["audio_length"])
        names = {"audio", "log_mel"} & row.keys()
        return {**row, **{name: row[name][:, :length] for name in names}}

    @classmethod
    def tensors_of(cls, spec: DataSpec) -> tuple[str, ...]:
        return ("audio_length",) if cls.describes(spec) else ()

    @classmethod
    def broken_promises(cls, split: str, rows: Rows, spec: DataSpec) -> Iterator[str]:
        length, longest = rows["audio_length"], cls.fields_of(spec)["samples"]
        name = "log_mel" if "log_mel" in rows else "audio"
        longest = min(longest, rows[name].shape[1])
        if strays := length[(length < 1) | (length > longest)].tolist():
            yield f"lengths must be from 1 to {longest}; in {split} {strays[:5]} are not"
        if name == "audio" and rows[name].dtype != torch.int16:
            yield f"waveforms must be int16; those of {split} are {rows[name].dtype}"

    def show(self, file: Any, name: str) -> Sound:
        """What a page plays, and a picture of it."""
        return shown_sound(file, name, self.reader, self.shape.max_seconds)

    def measured(
        self, table: RawTable, names: list[str], rows: np.ndarray
    ) -> Iterator[MeasuredColumn]:
        """Yields how long and how loud sounds are, then what the base does."""
        column = table[self.own_columns[0]].iloc[rows]
        yield from measured_sounds(column, self.reader, self.shape.max_seconds)
        yield from super().measured(table, names, rows)

    def in_parts(self, batch: Rows) -> Rows:
        """The batch with the log-mel in place of waveforms, where the model reads that."""
        if "audio" not in batch or self.spectrum is None:
            return batch
        assert self.reader is not None
        module = self.spectrum.at(self.reader.rate)
        others = {name: values for name, values in batch.items() if name != "audio"}
        frames = module.frames(batch["audio_length"])
        return {**others, "log_mel": module(batch["audio"]), "audio_length": frames}

    def neutral(self, batch: Rows, spec: DataSpec) -> Rows:
        """As loud in all bands and frames as training is on average; of waveforms silence.

        A model that makes spectra itself has no average of training's: the sound's own it is.
        """
        if "log_mel" in batch:
            mel = batch["log_mel"]
            mean = self.fields_of(spec)["mean"] if self.spectrum else float(mel.mean())
            return {"log_mel": torch.full_like(mel, mean)}
        return {"audio": torch.zeros_like(batch["audio"])}

    def explained(
        self, raw: pd.DataFrame, batch: Rows, spec: DataSpec, attributed: dict[str, Any]
    ) -> Explained:
        if "log_mel" in batch:
            return explained_map(attributed.get("log_mel", []), batch["log_mel"][0].numpy())
        return explained_times(
            attributed.get("audio", []), batch["audio"], self.fields_of(spec)["rate"]
        )


def _rows(name: str, values: Tensor, lengths: np.ndarray) -> Rows:
    return {name: values, "audio_length": torch.from_numpy(lengths.astype("i8"))}

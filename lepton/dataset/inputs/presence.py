"""PresenceInputs: which kinds of inputs a row has, beside the inputs themselves."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch

from lepton.dataset.inputs.absence import has_cells
from lepton.dataset.inputs.explained import Explained
from lepton.dataset.inputs.find import kinds_in
from lepton.dataset.inputs.kind import Absence, InputKind, Rows
from lepton.spec import DataSpec


class PresenceInputs(InputKind):
    """`present` (rows, kinds) bool: whether a row has inputs of each kind that it may lack.

    The spec names the kinds in their order, and the columns of each.
    """

    name = "presence"
    plural = "marks of what is there"
    tensors = ("present",)

    def __init__(
        self, *, columns: dict[str, tuple[str, ...]], absence: Literal["keep", "drop", "refuse"]
    ):
        super().__init__()
        self.columns = {name: tuple(own) for name, own in columns.items()}
        self.policy: Absence = absence

    def transform(self, frame: pd.DataFrame, rows: np.ndarray) -> Rows:
        marks = [has_cells(frame, own)[rows] for own in self.columns.values()]
        return {"present": torch.from_numpy(np.stack(marks, 1))}

    def spec_fields(self, train: Rows) -> dict[str, Any]:
        return {
            "kinds": tuple(self.columns),
            "columns": tuple(self.columns.values()),
            "absence": self.policy,
        }

    @classmethod
    def load(cls, folder: Path, spec: DataSpec) -> Self:
        fields = cls.fields_of(spec)
        columns = dict(zip(fields["kinds"], fields["columns"], strict=True))
        return cls(columns=columns, absence=fields["absence"])

    @classmethod
    def describe(cls, spec: DataSpec) -> str:
        return ""

    @classmethod
    def example_fields(cls) -> list[dict[str, Any]]:
        return [{"kinds": ("text", "image"), "columns": (("text",), ("image",)), "absence": "keep"}]

    @classmethod
    def example_rows(cls, spec: DataSpec, rows: int, generator: torch.Generator) -> Rows:
        shape = (rows, len(cls.fields_of(spec)["kinds"]))
        return {"present": torch.rand(shape, generator=generator) < 0.7}

    @classmethod
    def broken_promises(cls, split: str, rows: Rows, spec: DataSpec) -> Iterator[str]:
        kinds = cls.fields_of(spec)["kinds"]
        if rows["present"].shape[1:] != (len(kinds),) or rows["present"].dtype != torch.bool:
            yield f"`present` must be bool, a column a kind ({', '.join(kinds)})"

    def shown(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows[[]]

    def neutral(self, batch: Rows, spec: DataSpec) -> Rows:
        """The marks as they are: what is missing stays so."""
        return {}

    def explained(
        self, raw: pd.DataFrame, batch: Rows, spec: DataSpec, attributed: dict[str, Any]
    ) -> Explained:
        """Nothing, since marks are no input that moves an output."""
        return Explained(np.zeros(0))


def presence_of(kinds: Sequence[InputKind]) -> PresenceInputs | None:
    """The marks of the kinds that a row may lack; None where there is none."""
    lacking = {kind.name: kind.own_columns for kind in kinds if kind.absence is not None}
    policies: list[Absence] = [kind.absence for kind in kinds if kind.absence is not None]
    return PresenceInputs(columns=lacking, absence=policies[0]) if lacking else None


def load_inputs(folder: Path, spec: DataSpec) -> list[InputKind]:
    """The fitted kinds of inputs of a run's folder; those that a row may lack know it."""
    kinds = [kind.load(folder, spec) for kind in kinds_in(spec)]
    for presence in kinds:
        if isinstance(presence, PresenceInputs):
            for kind in kinds:
                kind.absence = presence.policy if kind.name in presence.columns else None
    return kinds

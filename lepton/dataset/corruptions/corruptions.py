"""Corruptions: the base of what may go wrong with inputs of a kind, each at five severities."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lepton.dataset.inputs.kind import InputKind, Rows
from lepton.spec import DataSpec

SEVERITIES = (1, 2, 3, 4, 5)
# inputs, their severity and what draws random numbers -> the inputs, corrupted; the same numbers
# are drawn at every severity
Corruption = Callable[[Any, int, np.random.Generator], Any]


class Corruptions:
    """What may go wrong with inputs of one kind; another corruption is one more function.

    A kind names its class in `corruptions`.
    """

    functions: ClassVar[Mapping[str, Corruption]] = {}  # by names that no other kind has

    def __init__(self, kind: InputKind) -> None:
        """`kind` is the fitted one of a run."""
        self.kind: Any = kind

    @classmethod
    def names(cls, spec: DataSpec) -> list[str]:
        """Those of the functions that change anything in such data."""
        return [*cls.functions]

    def corrupted(
        self,
        name: str,
        severity: int,
        raw: pd.DataFrame,
        rows: Rows,
        random: np.random.Generator,
    ) -> Rows:
        """The tensors of this kind in rows that are corrupted; nothing that was given is changed.

        `raw` are the same rows as they stand in the data.
        """
        raise NotImplementedError


def corruptions_of(kind: type[InputKind]) -> type[Corruptions]:
    """The class that a kind names; that of no corruptions where it names none."""
    if kind.corruptions is None:
        return Corruptions
    module, _, name = kind.corruptions.rpartition(".")
    return getattr(importlib.import_module(module), name)

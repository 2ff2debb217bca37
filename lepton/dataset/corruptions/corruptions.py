"""Corruptions: the base of what may go wrong with inputs of a kind, each at five severities."""

import importlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lepton.dataset.inputs.kind import InputKind, Rows
from lepton.spec import DataSpec

SEVERITIES = (1, 2, 3, 4, 5)
# inputs, their severity and what draws random numbers -> the inputs, corrupted; the same numbers
# are drawn at every severity
Corruption = Callable[[Any, int, np.random.Generator], Any]
Change = Callable[[Any], Any]  # a corruption of one severity


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
        function = self.functions[name]
        return self.changed(lambda value: function(value, severity, random), raw, rows)

    def changed(self, change: Change, raw: pd.DataFrame, rows: Rows) -> Rows:
        """The tensors of the rows whose inputs are changed, each as the functions take one."""
        raise NotImplementedError


def by_name(*functions: Corruption) -> Mapping[str, Corruption]:
    """Functions by what they are called."""
    return MappingProxyType({function.__name__: function for function in functions})


def corruptions_of(kind: type[InputKind]) -> type[Corruptions]:
    """The class that a kind names; that of no corruptions where it names none."""
    if kind.corruptions is None:
        return Corruptions
    module, _, name = kind.corruptions.rpartition(".")
    return getattr(importlib.import_module(module), name)

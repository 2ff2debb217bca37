"""Generated: rows of a generator beside the training rows that it was fitted on."""

from typing import Any

from torch import nn

from lepton.augmentation.machinery.table_rows import as_table, as_tensors
from lepton.errors import ConfigError, DataError
from lepton.generator.generator import Generator
from lepton.method import Method
from lepton.spec import DataSpec
from lepton.values.bounds import NotBelow0

TASKS = ("binary", "multiclass", "regression")


class Generated(Method):
    """Adds `ratio` generated rows for each training row, which are learned from as others are.

    The generator sees numbers and categories as the model does, and the target as it is read.
    """

    adds_inputs = ("table",)

    def __init__(self, *, generator: Generator, ratio: NotBelow0):
        self.generator, self.ratio = generator, ratio

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        if spec.task not in TASKS:
            raise ConfigError(
                f"augmentation.generated, dataset.target: a generator makes classes or a number, "
                f"and this target is {spec.task}"
            )
        return model

    def further_rows(self, train: dict[str, Any], spec: DataSpec, seed: int) -> dict[str, Any]:
        count = round(self.ratio * len(train["target"]))
        if not count:
            return {}
        try:
            made = self.generator.generate(as_table(train, spec), count, seed).rows
        except DataError as e:
            raise ConfigError(f"augmentation.generated: {e}") from e
        return as_tensors(made, train)

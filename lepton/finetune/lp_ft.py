"""ProbeThenFull: trains the head alone first, then everything."""

from collections.abc import Sequence
from typing import Literal

from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.freezing import train_all
from lepton.finetune.machinery.phase_plan import HeadPlan, PhasePlan
from lepton.finetune.machinery.probing import prepare_head
from lepton.method import Method
from lepton.spec import DataSpec
from lepton.values.bounds import Above0, AtLeast1


class ProbeThenFull(Method):
    """A linear probe, from whose best epoch all parameters are tuned.

    Source: Kumar et al. 2022, https://arxiv.org/abs/2202.10054
    """

    def __init__(
        self,
        *,
        probe_epochs: AtLeast1,
        probe_lr: Above0,
        start: Literal["probe", "zeros"] | None,
        standardize: bool,
    ):
        if probe_epochs < 1 or probe_lr <= 0:
            raise ConfigError(
                f"finetune.probe_epochs={probe_epochs}, probe_lr={probe_lr}: at least 1, above 0"
            )
        self.probe_epochs, self.probe_lr = probe_epochs, probe_lr
        self.start: Literal["probe", "zeros"] | None = start
        self.standardize = standardize

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        return prepare_head(model, self.start)

    def phases(self) -> Sequence[PhasePlan]:
        probe = HeadPlan(
            lr=self.probe_lr,
            epochs=self.probe_epochs,
            standardize=self.standardize,
            begins_with_probe=self.start == "probe",
        )
        return probe, PhasePlan(begin=self.thaw)

    def thaw(self, model: nn.Module) -> None:
        """Makes every parameter trainable, for the second phase."""
        train_all(model)

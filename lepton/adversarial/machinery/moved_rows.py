"""MovedRows: the base of methods that learn from rows whose inputs are moved to mislead."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from lepton.adversarial.machinery.passes import Mode, logits_apart
from lepton.attack.attacked_inputs import AttackedInputs
from lepton.attack.column_rules import ColumnRules
from lepton.attack.neighbourhood import Neighbourhood, RowLosses
from lepton.attack.norms import NormName
from lepton.attack.rows import Change
from lepton.errors import ConfigError
from lepton.method import Batch, Method
from lepton.randomness.draw import Draw
from lepton.spec import DataSpec
from lepton.task import Task
from lepton.values.bounds import From0To1, NotBelow0

START = 0.03  # standard deviation of a start nearby, as a share of epsilon: .001 of .031 in TRADES


class MovedRows(Method):
    """Moves numbers of tables, pixels and samples by `epsilon` at most; the rest stays.

    Epsilon grows from 0 over a first share of the training, its `ramp`. A derived class is called
    `option` in the config.
    Units: epsilon is in the standard deviation of each column, of pixels and samples in their full
        range.
    """

    option: ClassVar[str]
    changes_inputs = ("table", "image", "video", "audio")
    changes_waveforms = True

    def __init__(
        self,
        *,
        epsilon: NotBelow0,
        ramp: From0To1,
        norm: Literal["linf", "l2"],
        immutable: Sequence[str],
        only_up: Sequence[str],
        only_down: Sequence[str],
        mode: Literal["train", "eval"],
    ):
        if epsilon < 0:
            raise ConfigError(f"adversarial.{self.option}.epsilon: {epsilon} is negative")
        self.epsilon, self.ramp, self.grows_until = epsilon, ramp, ramp
        self.mode: Mode = mode
        self.norm: NormName = norm
        self.rules = ColumnRules(f"adversarial.{self.option}", immutable, only_up, only_down)

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        self.inputs, self.alone = AttackedInputs(spec, self.rules), reason_alone(spec)
        return model

    def around(self, model: nn.Module, batch: Batch, progress: Tensor) -> Neighbourhood:
        """What the rows of a batch may become, this far into the training."""
        epsilon = self.epsilon
        if self.ramp:
            dtype = torch.promote_types(next(model.parameters()).dtype, torch.float32)
            share = (progress.to(dtype) / self.ramp).clamp(max=1)
            epsilon = torch.as_tensor(epsilon, dtype=dtype, device=share.device) * share
        return self.inputs.around(batch, epsilon=epsilon, norm=self.norm)

    def nearby(self, around: Neighbourhood, draw: Draw) -> Change:
        """A random change close to the rows as they are, from which an attack begins."""
        own = draw.each(around.batch["id"])
        return around.project(
            {
                name: START * around.epsilon * own.normal(value.shape[1:]).to(value.dtype)
                for name, value in around.clean.items()
            }
        )


def batch_loss(model: nn.Module, task: Task) -> RowLosses:
    """The loss of moved rows, as a sum, so that the slope of a row does not shrink with others."""

    def of_moved(batch: Batch) -> Tensor:
        return len(batch["id"]) * task.loss_of(logits_apart(model, task, batch), batch)

    return of_moved


def reason_alone(spec: DataSpec) -> str | None:
    """Why runs that follow a slope to these inputs share no stack; None where they may."""
    if "audio" in spec.kinds:
        return "follows a slope through the frames of sounds, for which vmap has no rule"
    return None

"""Method: the hooks through which an idea changes training."""

from collections.abc import Sequence

import pytorch_lightning as pl
from torch import Tensor, nn
from torch.optim import Optimizer

from lepton.spec import DataSpec

Batch = dict[str, Tensor]


class Method:
    """A regularizer, an augmentation or a fine-tuning strategy; every hook may be left out.

    What it remembers from step to step belongs into the `state_dict` of one of its callbacks: only
    then does a killed run go on exactly.
    """

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        """The model to train: changed in place, wrapped, or as it was.

        Raises: ConfigError when the method makes no sense for this model or task.
        """
        return model

    def on_batch(self, batch: Batch) -> Batch:
        """The training batch to learn from; `target` is already encoded by the task."""
        return batch

    def penalty(self, model: nn.Module) -> Tensor | float:
        """A term added to the training loss."""
        return 0.0

    def before_step(self, model: nn.Module, optimizer: Optimizer) -> None:
        """Called when the gradients of a step are there."""

    def after_step(self, model: nn.Module, optimizer: Optimizer) -> None:
        """Called when the parameters have moved."""

    def callbacks(self) -> Sequence[pl.Callback]:
        """Lightning callbacks for what happens once an epoch."""
        return ()

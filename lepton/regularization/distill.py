"""Distill: a model learns what a finished run says of its rows, beside the target."""

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.loss.weighted_mean import at_least_32_bits
from lepton.method import Batch, Method
from lepton.regularization.outputs import log_probabilities, mean_of_rows
from lepton.spec import DataSpec
from lepton.task import Task
from lepton.values.bounds import Above0, From0To1

SURE = 1e-7  # the chance that is left to what a run predicts with certainty


class Distill(Method):
    """Learns from the target, and with `share` from what a finished run predicts for each row.

    Of classes and labels that is temperature ** 2 times the divergence of its distribution from
    the model's, both at the temperature; of numbers the squared difference.
    Units: those of a regression are standard deviations of the training targets.
    Source: Hinton et al. 2015, https://arxiv.org/abs/1503.02531
    """

    replayable = True
    stackable = ("share", "temperature")
    run_keys = ("teacher",)

    def __init__(self, *, teacher: str, share: From0To1, temperature: Above0):
        if not 0 <= share <= 1 or temperature <= 0:
            raise ConfigError(
                f"regularization.distill: share={share}, temperature={temperature}; a share in "
                "[0, 1] and a temperature above 0 are right"
            )
        self.teacher, self.share, self.temperature = teacher, share, temperature

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        self.task, self.log_probabilities = spec.task, log_probabilities(spec.task)
        if self.log_probabilities is None and spec.task != "regression":
            raise ConfigError(
                f"regularization.distill: task {spec.task} has neither classes nor numbers that "
                "another run could tell; leave it out"
            )
        self.mean, self.std = spec.target_mean, spec.target_std
        return model

    def told(self, key: str, ids: Tensor, predictions: Tensor) -> None:
        """Keeps the run's logits by id. Shapes: -> (largest id + 1, outputs)."""
        p = predictions.double().reshape(len(ids), -1)
        if self.task == "regression":
            logits = (p - self.mean) / self.std
        elif self.task == "multiclass":
            logits = p.clamp_min(SURE).log()
        else:
            logits = p.clamp(SURE, 1 - SURE).logit()
        self.logits = logits.new_full((int(ids.max()) + 1, logits.shape[1]), torch.nan)
        self.logits[ids] = logits
        self.logits = self.logits.to(torch.get_default_dtype())

    def loss(self, model: nn.Module, task: Task, batch: Batch, loss: Tensor, logits: Tensor):
        if self.logits.device != logits.device:
            self.logits = self.logits.to(logits.device)
        own = at_least_32_bits(logits)
        told = self.logits.to(own.dtype)[batch["id"]]
        told = told[:, None] if own.ndim == 3 else told
        change = mean_of_rows(self._distance(told, own), batch) - task.loss_of(logits, batch)
        return loss + self.share * change

    def _distance(self, told: Tensor, own: Tensor) -> Tensor:
        if self.log_probabilities is None:
            return (told - own).square()
        p = self.log_probabilities(told / self.temperature)
        q = self.log_probabilities(own / self.temperature)
        return self.temperature**2 * (p.exp() * (p - q)).sum(-1)

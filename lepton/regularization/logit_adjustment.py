"""LogitAdjustment: logits are learned relative to how often each class comes."""

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.method import Batch, Method
from lepton.spec import DataSpec
from lepton.values.bounds import NotBelow0


class LogitAdjustment(Method):
    """Adds tau times the logarithm of each class's share to the logits that training compares.

    Predictions go without, and so treat rare classes as frequent ones. The shares are those of the
    training rows; of a label, and of two classes, it is the odds.
    Source: Menon et al. 2021, https://arxiv.org/abs/2007.07314 (the loss of equation 10)
    """

    replayable = True
    stackable = ("tau",)

    def __init__(self, *, tau: NotBelow0):
        if tau < 0:
            raise ConfigError(f"regularization.logit_adjustment.tau: {tau} is negative; 0 is none")
        self.tau = tau

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        if spec.task not in ("binary", "multiclass", "multilabel"):
            raise ConfigError(
                f"regularization.logit_adjustment: task {spec.task} has no classes whose share "
                "could be known; leave it out"
            )
        counts = torch.tensor(spec.class_counts, dtype=torch.float64).clamp_min(1)
        if spec.task == "multiclass":
            self.log_prior = (counts / counts.sum()).log()
        elif spec.task == "binary":
            self.log_prior = (counts[1:] / counts[:1]).log()
        else:
            self.log_prior = (counts / (spec.train_rows - counts).clamp_min(1)).log()
        return model

    def on_batch(self, batch: Batch) -> Batch:
        like = batch["target"].new_empty((), dtype=torch.get_default_dtype())
        offset: Tensor = self.tau * self.log_prior.to(like)
        return batch | {"logit_offset": offset.expand(len(batch["id"]), -1)}

"""PairsThenHead: tunes what lies below the head by pairs of rows, then trains the head alone."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.freezing import train_all
from lepton.finetune.machinery.pair_loss import pair_loss
from lepton.finetune.machinery.phase_plan import HeadPlan, PairPlan, PhasePlan
from lepton.finetune.machinery.probing import Start, prepare_head
from lepton.method import Batch, Method
from lepton.model.layers import tunable
from lepton.spec import DataSpec
from lepton.task import Task
from lepton.task.soft_targets import as_probabilities
from lepton.values.bounds import Above0, AtLeast1


class PairsThenHead(Method):
    """Draws rows of one class together and those of two apart; then the head learns, on features
    of what was tuned.

    Source: Tunstall et al. 2022, https://arxiv.org/abs/2209.11055
    """

    def __init__(
        self,
        *,
        rounds: AtLeast1,
        pair_batch_size: AtLeast1,
        head_lr: Above0,
        start: Literal["probe", "zeros"] | None,
        standardize: bool,
    ):
        if rounds < 1 or pair_batch_size < 2 or head_lr <= 0:
            raise ConfigError(
                f"finetune.rounds={rounds}, pair_batch_size={pair_batch_size}, head_lr={head_lr}: "
                "at least 1, at least 2, above 0"
            )
        self.rounds, self.pair_batch_size, self.head_lr = rounds, pair_batch_size, head_lr
        self.start: Start = start
        self.standardize = standardize
        self.features = torch.empty(0)  # that the head was given last

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        prepare_head(model, self.start)
        _require_pairs(spec)
        train_all(model)
        head = tunable(model).head.requires_grad_(False)
        head.register_forward_pre_hook(self._keep_features)
        return model

    def phases(self) -> Sequence[PhasePlan]:
        head = HeadPlan(
            lr=self.head_lr,
            begin=self.thaw,
            standardize=self.standardize,
            begins_with_probe=self.start == "probe",
        )
        return PairPlan(rounds=self.rounds, batch_size=self.pair_batch_size), head

    def thaw(self, model: nn.Module) -> None:
        """Makes the head trainable, for the second phase."""
        train_all(model)

    def loss(self, model: nn.Module, task: Task, batch: Batch, loss: Tensor) -> Tensor:
        """The loss of a batch's pairs; where the head learns alone, on features, the task's."""
        if "features" in batch:
            return loss
        shares = as_probabilities(batch["target"], len(task.spec.classes))
        if shares.ndim == 1:  # of the second of two classes
            shares = torch.stack([1 - shares, shares], 1)
        features, self.features = self.features, torch.empty(0)  # lets their graph go
        return pair_loss(features, shares @ shares.T, batch.get("weight"))

    def _keep_features(self, head: nn.Module, inputs: tuple[Tensor]) -> None:
        """Is called before the head, in the forward pass that the batch takes anyway."""
        [self.features] = inputs


def _require_pairs(spec: DataSpec) -> None:
    """Raises: ConfigError where rows of train make no pairs of one class and of two."""
    if spec.task not in ("binary", "multiclass"):
        raise ConfigError(
            f"finetune=contrastive: pairs are of one class or of two, and {spec.task} has no such "
            "classes; take finetune=full"
        )
    if sum(count > 0 for count in spec.class_counts) < 2:
        raise ConfigError(
            "finetune=contrastive: all rows of train are of one class, of which no pair is apart"
        )

"""The mean of the weights of networks that started alike, and the predictions of that mean."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lepton import build
from lepton.derived.inputs import InputRun
from lepton.derived.learners import refuse_changed_data, refuse_validation_inside
from lepton.ensemble.machinery.merged_adapters import AdaptedForm, merged_state
from lepton.ensemble.machinery.soup_checks import (
    buildable_config,
    differ_in_adapters,
    refuse_different_configs,
    refuse_different_weights,
    refuse_other_start,
    refuse_weights_left_out,
    started_apart,
    weights_file,
)
from lepton.errors import explain_read_errors
from lepton.finetune.machinery.adapters import changes_weights
from lepton.finetune.machinery.freezing import is_held_in_eval_mode
from lepton.seeds import derive
from lepton.training.learner import build_network

BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


class WeightAverager:
    """A network that is given means of the members' weights, and the data they were trained on.

    Adapters that are no others' like, or began elsewhere, are added into the weights first.
    Statistics of batch normalization are those of the training split under the mean weights, but
    for layers that fine-tuning left as they were.

    Raises: ConfigError for members whose weights cannot be averaged; LeptonError for weights that
        cannot be read, for data that have changed, and for members validated by folds.
    """

    def __init__(self, members: list[InputRun]):
        for member in members:
            refuse_validation_inside(member)
        configs = [buildable_config(member) for member in members]
        merged = differ_in_adapters(members, configs)
        refuse_different_configs(members, configs, merged=merged)
        refuse_different_weights(members, configs, merged=merged)
        self.data = build.data(configs[0])
        refuse_changed_data(members[0], self.data)
        self.network = build_network(configs[0], self.data.spec)
        other = None if merged else started_apart(configs, self.network)
        if other is not None and not any(map(changes_weights, self.network.model.state_dict())):
            refuse_other_start(members, configs, other)
        self.seed = configs[0]["seed"]
        self.adapted: AdaptedForm | None = None
        if merged or other is not None:
            self.adapted = AdaptedForm(configs[0], self.network)
            self.network.model = self.network.merged()
        start = _copy(self.network.model)
        self.states = [
            _unmoved_shared(self._trained_state(member, config, start), start)
            for member, config in zip(members, configs, strict=True)
        ]
        if not self.adapted:
            refuse_weights_left_out(members, configs, self.states, self.network)

    def _trained_state(
        self, member: InputRun, config: dict[str, Any], start: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """The trained weights of a member. Raises: LeptonError when they cannot be read."""
        if self.adapted:
            return merged_state(member, config, self.data.spec)
        model = self.network.model
        model.load_state_dict(start)  # for what a file that holds an adapter alone lacks
        with explain_read_errors(weights_file(member)):
            self.network.load(member.folder)
        return _copy(model)

    def mix(self, chosen: Sequence[int]) -> None:
        """Gives the network the mean of these members' weights, or one member as it is."""
        states = [self.states[i] for i in chosen]
        mean = mean_state(states)
        model = self.network.model
        model.to(next(t.dtype for t in mean.values() if t.is_floating_point()))
        model.load_state_dict(mean)
        if len(chosen) > 1:
            with torch.random.fork_rng():
                torch.manual_seed(derive(self.seed, "soup"))
                _update_batch_norm(model, self._training_batches())

    def save(self, folder: Path) -> None:
        """Writes what an ordinary run of a network has of it."""
        if self.adapted:
            self.adapted.restore(self.network)
        self.network.save(folder)

    def _training_batches(self) -> Iterator[dict[str, Tensor]]:
        dtype = next(self.network.model.parameters()).dtype
        for block in self.data.train_dataloader():
            for batch in block:
                yield {k: v.to(dtype) if v.is_floating_point() else v for k, v in batch.items()}

    def predict(self, split: str) -> Tensor:
        """Predictions of a split, in the order of the rows' ids."""
        rows = self.data.splits[split]
        return self.network.predict(rows)[rows["id"].argsort()]


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: t.clone() for name, t in model.state_dict().items()}


def _unmoved_shared(state: dict[str, Tensor], start: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state, in which tensors that are those of `start` take no memory again."""
    return {name: start[name] if _same(t, start[name]) else t for name, t in state.items()}


def _same(tensor: Tensor, other: Tensor) -> bool:
    return tensor.dtype == other.dtype and tensor.equal(other)


def mean_state(states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of states, entry by entry."""
    return {name: _mean([state[name] for state in states]) for name in states[0]}


def _mean(tensors: list[Tensor]) -> Tensor:
    """The mean, taken in 64 bits; whole numbers, as counts of batches, are the first one's."""
    first = tensors[0]
    if not first.is_floating_point() or all(t is first for t in tensors):
        return first
    return torch.stack([t.double() for t in tensors]).mean(0).to(first.dtype)


@torch.no_grad()
def _update_batch_norm(model: nn.Module, batches: Iterator[dict[str, Tensor]]) -> None:
    """Computes the statistics of batch normalization anew, as `torch.optim.swa_utils.update_bn`
    does, but leaves those of layers that are held in eval mode."""
    norms = [
        m for m in model.modules() if isinstance(m, BATCH_NORM) and not is_held_in_eval_mode(m)
    ]
    if not norms:
        return
    momenta, training = [norm.momentum for norm in norms], model.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over batches
    model.train()
    for batch in batches:
        model(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.train(training)

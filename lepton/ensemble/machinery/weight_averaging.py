"""Weights of networks that started alike, averaged; and what the mean predicts."""

from collections.abc import Iterator
from typing import Any

import torch
from omegaconf import OmegaConf
from torch import Tensor
from torch.optim.swa_utils import update_bn

from lepton import build
from lepton.config.check import check, fits_itself
from lepton.ensemble.machinery.members import Member
from lepton.errors import ConfigError, LeptonError, explain_read_errors
from lepton.seeds import derive
from lepton.training.learner import build_learner
from lepton.training.network import FILE, Network


class Averager:
    """Predicts with means of the members' weights; reads the data that they were trained on.

    Statistics of batch normalization are those of the training split under the mean weights.

    Raises: ConfigError for members that did not start from the same weights, or are no networks.
    """

    def __init__(self, members: list[Member]):
        configs = [_checked(member) for member in members]
        _alike(members, configs)
        self.data = build.data(configs[0])
        _unchanged(members[0], self.data)
        self.network = build_learner(configs[0], self.data.spec)
        if not any(_init_from(config) for config in configs):
            _same_start(members, configs, self.network)
        self.seed = configs[0]["seed"]
        self.states = [self._state(member) for member in members]

    def _state(self, member: Member) -> dict[str, Tensor]:
        """The trained weights of a member, which must be of the network's shapes."""
        with explain_read_errors(member.folder / FILE):
            self.network.load(member.folder)
        return {name: t.clone() for name, t in self.network.model.state_dict().items()}

    def mix(self, chosen: list[int]) -> None:
        """Gives the network the mean of these members' weights, or one member as it is."""
        states = [self.states[i] for i in chosen]
        mean = {name: _mean([state[name] for state in states]) for name in states[0]}
        self.network.model.to(next(t.dtype for t in mean.values() if t.is_floating_point()))
        self.network.model.load_state_dict(mean)
        if len(chosen) > 1:
            with torch.random.fork_rng():
                torch.manual_seed(derive(self.seed, "soup"))
                update_bn(self._batches(), self.network.model)

    def _batches(self) -> Iterator[dict[str, Tensor]]:
        dtype = next(self.network.model.parameters()).dtype
        for block in self.data.train_dataloader():
            for batch in block:
                yield {k: v.to(dtype) if v.is_floating_point() else v for k, v in batch.items()}

    def predict(self, split: str) -> Tensor:
        """Rows in the order of their ids."""
        part = self.data.splits[split]
        return self.network.predict(part)[part["id"].argsort()]


def _mean(tensors: list[Tensor]) -> Tensor:
    """In 64 bits; whole numbers, as counts of batches, are the first one's."""
    if not tensors[0].is_floating_point():
        return tensors[0]
    return torch.stack([t.double() for t in tensors]).mean(0).to(tensors[0].dtype)


def _checked(member: Member) -> dict[str, Any]:
    return check(OmegaConf.create(member.config))


def _init_from(config: dict[str, Any]) -> Any:
    """The weights that a run was told to start from, wherever its config says so."""
    for key, value in config.items():
        inner = _init_from(value) if isinstance(value, dict) else None
        if found := value if key == "init_from" else inner:
            return found
    return None


def _alike(members: list[Member], configs: list[dict[str, Any]]) -> None:
    """Refuses members whose weights do not mean the same."""
    for member, config in zip(members, configs, strict=True):
        if fits_itself(config):
            raise ConfigError(f"method: a soup needs networks; {member.run} has no weights to mean")
        for what, read in (
            ("models", _architecture),
            ("preprocessing", lambda c: c["preprocessing"]),
            ("init_from", _init_from),
        ):
            if read(config) != read(configs[0]):
                raise ConfigError(
                    f"method: {members[0].run} and {member.run} have different {what}; a soup "
                    "needs runs that started from the same weights"
                )


def _architecture(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config["model"].items() if "dropout" not in key}


def _same_start(members: list[Member], configs: list[dict[str, Any]], first: Network) -> None:
    """Refuses members of other initial weights, which are drawn again to see."""
    start = first.model.state_dict()
    for member, config in zip(members, configs, strict=True):
        state = build_learner(config, first.task.spec).model.state_dict()
        if state.keys() != start.keys() or any(not t.equal(start[k]) for k, t in state.items()):
            raise ConfigError(
                f"method: {members[0].run} and {member.run} started from different weights (seed "
                f"{configs[0]['seed']} and {config['seed']}); their mean is no model. Average "
                "predictions (method=mean), or train from one seed or one init_from"
            )


def _unchanged(member: Member, data) -> None:
    for name, split in member.splits.items():
        part = data.splits[name]
        order = part["id"].argsort()
        if not (part["id"][order].equal(split.ids) and part["target"][order].equal(split.target)):
            raise LeptonError(f"{member.folder}: its data are no longer what it was trained on")

"""Adapters of a soup's members, where no mean of them can be taken: added into the weights."""

from typing import Any

import torch
from torch import Tensor

from lepton import build
from lepton.derived.inputs import InputRun
from lepton.ensemble.machinery.soup_checks import KEEP_KEY, weights_file
from lepton.errors import ConfigError, explain_read_errors
from lepton.seeds import derive
from lepton.spec import DataSpec
from lepton.training.learner import build_network
from lepton.training.network import Network


def merged_state(member: InputRun, config: dict[str, Any], spec: DataSpec) -> dict[str, Tensor]:
    """The trained weights of a member as plain layers.

    Raises: LeptonError when they cannot be read.
    """
    network = build_network(config, spec)
    with explain_read_errors(weights_file(member)):
        network.load(member.folder)
    return network.merged().state_dict()


class AdaptedForm:
    """The form that a network has as a run with adapters, and which its run folder holds.

    They begin again, so that they change nothing; the whole of it is kept.
    """

    def __init__(self, config: dict[str, Any], network: Network):
        self.config, self.names = config, network.model.state_dict().keys()

    def restore(self, network: Network) -> None:
        """Gives a network of plain layers adapters that change nothing yet.

        Raises: ConfigError where another method has changed the layers since.
        """
        strategy = {**self.config["finetune"], KEEP_KEY: "whole"}
        network.methods = build.methods({**self.config, "finetune": strategy})
        with torch.random.fork_rng():
            torch.manual_seed(derive(self.config["seed"], "init"))
            network.model = network.methods[0].prepare(network.model, network.spec)
        if network.model.state_dict().keys() != self.names:
            raise ConfigError(
                "method: members with other adapters, or from other seeds, cannot be averaged "
                "where regularization changes layers as well; average predictions (method=mean)"
            )

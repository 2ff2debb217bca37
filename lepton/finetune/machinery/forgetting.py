"""Measures forgetting: the score on the task that weights came from, before and after tuning."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from omegaconf import OmegaConf
from torch import nn

from lepton import build
from lepton.config.check import check
from lepton.errors import ConfigError
from lepton.finetune.machinery.adapters import merge_adapters
from lepton.finetune.machinery.layers import named_layers
from lepton.finetune.machinery.source_weights import column_keys
from lepton.finetune.machinery.weight_transfer import copy_by_key
from lepton.pretrained.weight_files import is_network_run
from lepton.spec import DataSpec
from lepton.storage.run_folder import CONFIG_FILE, read_config

if TYPE_CHECKING:
    from lepton.training.network import Network


class Forgetting:
    """The run that another one started from, and its score before and after tuning."""

    def __init__(self, init_from: str | None, load_network: Callable[[Path], "Network"]):
        """Reads the run and its data.

        Raises: ConfigError when the weights are those of no run; DataError for lost data.
        """
        path = Path(init_from or "")
        if init_from is None or not is_network_run(path):
            raise ConfigError(f"forgetting: init_from={init_from} is no run; its task is unknown")
        self.network = load_network(path)
        config = read_config(path / CONFIG_FILE)
        self.data = build.data(check(OmegaConf.create(config)))
        if "test" not in self.data.splits:
            raise ConfigError(f"forgetting: {path} has no test split to tell it by")

    def scores(self, model: nn.Module, spec: DataSpec) -> dict[str, float]:
        """`before/test/NAME` and `after/test/NAME`, of the source's test split and its own head."""
        before = self._score()
        self._load_tuned_backbone(model, spec)
        after = self._score()
        return {
            **{f"before/{name}": value for name, value in before.items()},
            **{f"after/{name}": value for name, value in after.items()},
        }

    @torch.no_grad()
    def _load_tuned_backbone(self, model: nn.Module, spec: DataSpec) -> None:
        """Copies what was tuned below the head into the source's network, where it fits."""
        source, tuned_state = self.network.model, merge_adapters(model).state_dict()
        head = tuple(f"{name}." for name in named_layers(source)[-1])
        columns = column_keys(source, self.network.spec)
        tuned_columns = column_keys(model, spec)
        for name, tensor in source.state_dict().items():
            value = tuned_state.get(name)
            if value is None or f"{name}.".startswith(head):
                continue
            if name in columns:
                copy_by_key(tensor, value, columns[name], tuned_columns.get(name))
            elif value.shape == tensor.shape:
                tensor.copy_(value)

    def _score(self) -> dict[str, float]:
        rows, task = self.data.splits["test"], self.network.task
        metrics = task.summarize([task.validate(self.network.predict(rows), rows)])
        return {f"test/{name}": value for name, value in metrics.items()}

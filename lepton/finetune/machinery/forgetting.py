"""What tuning cost on the task that the weights came from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from lepton import build
from lepton.config.check import check, with_later_keys
from lepton.errors import ConfigError
from lepton.finetune.machinery.adapters import merged
from lepton.finetune.machinery.layers import layers
from lepton.finetune.machinery.transfer import copy_by_key
from lepton.metric.scoring import score
from lepton.pretrained import init_weights
from lepton.spec import DataSpec
from lepton.storage.run_folder import CONFIG_FILE, read_config


class Forgetting:
    """The run that another one started from: its data, its head, its score."""

    def __init__(self, init_from: str | None, load_network: Callable[[Path], Any]):
        """Raises: ConfigError when the weights are those of no run; DataError for lost data."""
        path = Path(init_from or "")
        if init_from is None or not init_weights.is_run(path):
            raise ConfigError(f"forgetting: init_from={init_from} is no run; its task is unknown")
        self.network = load_network(path)
        config = with_later_keys(read_config(path / CONFIG_FILE))
        self.data = build.data(check(OmegaConf.create(config)))

    def scores(self, model, spec: DataSpec) -> dict[str, float]:
        """`before/test/NAME` and `after/test/NAME`, of the source's test split and its own head."""
        found = {f"before/{name}": value for name, value in self._score().items()}
        own, state = self.network.model, merged(model).state_dict()
        head = tuple(f"{name}." for name in layers(own)[-1])
        columns = own.columns(self.network.spec) if hasattr(own, "columns") else {}
        tuned = model.columns(spec) if hasattr(model, "columns") else {}
        with torch.no_grad():
            for name, tensor in own.state_dict().items():
                there = state.get(name)
                if there is None or f"{name}.".startswith(head):
                    continue
                if name in columns:
                    copy_by_key(tensor, there, columns[name], tuned.get(name))
                elif there.shape == tensor.shape:
                    tensor.copy_(there)
        return found | {f"after/{name}": value for name, value in self._score().items()}

    def _score(self) -> dict[str, float]:
        part, task = self.data.splits["test"], self.network.task
        metrics = score(self.network.predict(part), part["target"].cpu(), task=task.name)
        return {f"test/{name}": value for name, value in metrics.items()}

"""The network that a tuning starts from, scored with the head that it brings."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lepton.dataset.split.split_rows import held_out
from lepton.finetune.machinery.backbone_features import FeatureSplits
from lepton.finetune.machinery.head_probe import HeadProbe
from lepton.method import Batch
from lepton.model.layers import tunable

if TYPE_CHECKING:
    from lepton.training.network import Network


class StartedHead:
    """The head that was loaded, and what it scores on the untuned features, by `split/name`.

    There are no metrics where a strategy has put another head in its place.
    """

    def __init__(self, model: nn.Module):
        """`model` is as it was loaded, before a strategy changes it."""
        self.metrics: dict[str, float] = {}
        self.loaded = {n: value.clone() for n, value in tunable(model).head.state_dict().items()}

    def score(self, network: "Network", splits: FeatureSplits) -> None:
        """Scores the splits that are held out, by their features."""
        if not self._is_in(network.model):
            return
        head, task = HeadProbe(network.model), network.task

        def predict(batch: Batch) -> Tensor:
            return task.keep(task.predict(task.forward(head, batch)))

        for split in held_out(splits):
            rows = splits[split]
            kept = network.outputs({"features": rows["features"]}, predict)
            values = task.summarize([task.validate(kept, rows)])
            self.metrics |= {f"{split}/{name}": value for name, value in values.items()}

    def _is_in(self, model: nn.Module) -> bool:
        present = tunable(model).head.state_dict()
        return self.loaded.keys() == present.keys() and all(
            torch.equal(value.to(present[name]), present[name])
            for name, value in self.loaded.items()
        )

"""AttackedRows: labelled rows of a finished network as an attack takes them, batch by batch."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lepton.attack.attacked_inputs import AttackedInputs
from lepton.attack.column_rules import ColumnRules
from lepton.attack.neighbourhood import Neighbourhood
from lepton.attack.norms import NormName
from lepton.attack.whole_numbers import WholeNumbers, scales_columns_apart, whole_numbers
from lepton.dataset.clean.column_kinds import parse_columns
from lepton.dataset.inputs.find import kinds_in
from lepton.dataset.inputs.table import TableInputs
from lepton.dataset.load.batch_cutter import BatchCutter
from lepton.dataset.load.target_digits import in_dtype, with_target_to_learn
from lepton.errors import LeptonError
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.method import Batch
from lepton.training.network import Network


@dataclass(frozen=True)
class AttackedRows:
    """The rows at some positions of the evaluated ones, and the network that is to be misled.

    Weights get no gradients, and the network stays in eval mode.
    """

    model: EvaluatedModel
    rules: ColumnRules
    positions: np.ndarray

    def around(self, epsilon: float, norm: NormName) -> Iterator[tuple[np.ndarray, Neighbourhood]]:
        """Yields the places of some rows among the positions, and what may become of them.

        A batch has as many rows as in training, whose gradients fit into memory.
        """
        inputs = AttackedInputs(self.model.spec, self.rules)
        rows, network = self.model.rows, self.network
        cutter = BatchCutter(rows, kinds_in(self.model.spec))
        order = np.argsort(cutter.cost().numpy()[self.positions], kind="stable")
        count = int(network.config["batch_size"])
        for places in np.split(order, range(count, len(order), count)):
            batch = cutter.padded(rows, torch.from_numpy(self.positions[places]))
            batch = in_dtype(
                with_target_to_learn(batch, self.model.spec), self.dtype, network.device
            )
            batch["target"] = self.model.task.encode(batch["target"])
            snap = self.whole_numbers.snap
            yield places, inputs.around(batch, epsilon=epsilon, norm=norm, snap=snap)

    def forward(self, batch: Batch) -> Tensor:
        """The logits of a batch."""
        return self.model.task.forward(self.network.model, batch)

    @property
    def dtype(self) -> torch.dtype:
        """The type of the numbers that the network computes with."""
        return next(self.network.model.parameters()).dtype

    @cached_property
    def network(self) -> Network:
        """The network, ready to be evaluated.

        Raises: LeptonError for a model without gradients.
        """
        learner: Any = self.model.learner
        if not isinstance(learner, Network):
            raise LeptonError(
                f"{self.model.run}: model fits itself or trains by its own steps, and has no "
                f"gradient that {self.rules.option or 'an attack'} could follow; it needs a "
                "network of lepton's"
            )
        learner.model.eval()
        return learner

    @cached_property
    def whole_numbers(self) -> WholeNumbers:
        """The columns that hold nothing but whole numbers in the evaluated rows."""
        tables = [kind for kind in self.model.kinds if isinstance(kind, TableInputs)]
        if not tables or not self.model.spec.num_features:
            return WholeNumbers({})
        preprocessing = tables[0].preprocessor
        if not scales_columns_apart(preprocessing):
            raise LeptonError(
                f"{self.rules.option or 'attack'}, preprocessing: numbers that it mixes belong to "
                "no column, so that no change of them can be told to be possible"
            )
        columns = parse_columns(self.model.inputs.inputs, preprocessing.kinds)
        ends = torch.tensor(self.model.spec.quantiles)[:, [0, -1]]
        return whole_numbers(preprocessing, columns, ends)


def drawn_positions(model: EvaluatedModel, most: int, seed: int) -> np.ndarray:
    """The positions of so many rows at most that count, drawn by chance, in order."""
    rows = model.rows
    counted = np.arange(len(rows["id"]))
    if "weight" in rows:
        counted = counted[(rows["weight"] > 0).numpy()]
    if len(counted) > most:
        counted = np.random.default_rng(seed).choice(counted, most, replace=False)
    return np.sort(counted)

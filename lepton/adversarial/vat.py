"""VAT: outputs shall stay where inputs move the way that changes outputs most; needs no target."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from lepton.adversarial.machinery.divergence import divergence_of
from lepton.adversarial.machinery.lengths import of_length
from lepton.adversarial.machinery.moved_rows import reason_alone
from lepton.adversarial.machinery.passes import Mode, in_mode, logits_apart, slope
from lepton.adversarial.machinery.vectors import FEATURES, Vectors
from lepton.attack.attacked_inputs import AttackedInputs, without_gradient
from lepton.attack.column_rules import ColumnRules
from lepton.attack.rows import Change
from lepton.errors import ConfigError
from lepton.method import Batch, Method
from lepton.randomness.draw import Draw
from lepton.regularization.outputs import mean_of_rows
from lepton.spec import DataSpec
from lepton.task import Task
from lepton.values.bounds import Above0, AtLeast1, NotBelow0

Moved = Callable[[Change], Tensor]  # the network's output where rows have moved


class VAT(Method):
    """Adds alpha times how far outputs go when rows move by `epsilon` the worst way.

    That way is found by power iteration, from a random one; distances are divergences of the
    predicted probabilities, of numbers squared differences. Numbers of a table, pixels and samples
    move themselves; where there are none, embeddings do.
    Units: epsilon and xi are lengths of a row's whole change, in standard deviations of columns and
        embeddings, of pixels and samples in their full range.
    Source: Miyato et al. 2018, https://arxiv.org/abs/1704.03976
    """

    replayable = True
    stackable = ("epsilon", "alpha", "xi")
    changes_waveforms = True

    def __init__(
        self,
        *,
        epsilon: NotBelow0,
        alpha: NotBelow0,
        xi: Above0,
        iterations: AtLeast1,
        at: Literal["inputs", "embeddings", "features"] | None,
        immutable: Sequence[str],
        mode: Literal["train", "eval"],
    ):
        if epsilon < 0 or alpha < 0 or xi <= 0:
            raise ConfigError(
                f"adversarial.vat: epsilon={epsilon}, alpha={alpha}, xi={xi}; the first two may "
                "not be negative, and xi is above 0"
            )
        self.epsilon, self.alpha, self.xi = epsilon, alpha, xi
        self.iterations, self.at = iterations, at
        self.mode: Mode = mode
        self.rules = ColumnRules(option="adversarial.vat", immutable=immutable)
        self.inputs: AttackedInputs | None = None

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        self.divergence = divergence_of("vat", spec)
        moves_inputs = not without_gradient(spec) if self.at is None else self.at == "inputs"
        if moves_inputs:
            self.inputs, self.alone = AttackedInputs(spec, self.rules), reason_alone(spec)
            self.vectors = Vectors("features")  # of a head that is trained alone
        else:
            if self.rules.immutable:
                raise ConfigError(
                    f"adversarial.vat.immutable: {self.rules.immutable[0]!r} is no input that "
                    "moves: embeddings or features do; leave it out, or take at=inputs"
                )
            self.vectors = Vectors("features" if self.at == "features" else "embeddings")
            self.vectors.require("vat", model)
        return model

    def loss(
        self, model: nn.Module, task: Task, batch: Batch, loss: Tensor, logits: Tensor, draw: Draw
    ) -> Tensor:
        way, moved = self._ways(model, task, batch, draw)
        with in_mode(model, self.mode):
            with torch.no_grad():
                usual = logits if self.mode == "train" else logits_apart(model, task, batch)
            usual = usual.detach()

            def distance(way: Change) -> Tensor:
                change = {name: self.xi * delta for name, delta in way.items()}
                return self.divergence(usual, moved(change)).sum()

            for _ in range(self.iterations):
                way = of_length(slope(distance, of_length(way, 1.0)), 1.0)
        change = {name: self.epsilon * delta for name, delta in way.items()}
        distances = self.divergence(logits.detach(), moved(change))
        return loss + self.alpha * mean_of_rows(distances, batch)

    def _ways(self, model: nn.Module, task: Task, batch: Batch, draw: Draw) -> tuple[Change, Moved]:
        """A random way for each row to move, and what the network says where rows have moved."""
        own = draw.each(batch["id"])
        if self.inputs is not None and FEATURES not in batch:
            around = self.inputs.around(batch, epsilon=self.epsilon, norm="l2")
            free = {name: around.rise[name] > around.fall[name] for name in around.clean}
            way = {
                name: own.normal(value.shape[1:]).to(value.dtype) * free[name]
                for name, value in around.clean.items()
            }

            def moved_inputs(change: Change) -> Tensor:
                allowed = {name: delta * free[name] for name, delta in change.items()}
                return logits_apart(model, task, around.moved(allowed))

            return way, moved_inputs
        values = self.vectors.values(model, batch)
        units = self.vectors.units(model, values)
        way = {
            name: own.normal(value.shape[1:]).to(value.dtype) * self.vectors.own(value, batch)
            for name, value in values.items()
        }

        def moved_vectors(change: Change) -> Tensor:
            scaled = {name: units[name] * delta for name, delta in change.items()}
            return self.vectors.logits(model, task, batch, scaled)

        return way, moved_vectors

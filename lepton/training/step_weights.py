"""StepWeights: makes one mean of the batches of a step that do not count by their rows."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from lepton.loss.weighted_mean import at_least_tiny


class StepWeights:
    """Weighs the batches of a step by their normalizers, in all processes, as they come.

    Gradients so far are always those of the mean over the batches so far: each further batch
    scales them down by its share. Processes take the mean of their gradients.
    """

    def __init__(self, processes: int) -> None:
        self.processes, self.total = processes, None

    def begin(self) -> None:
        """Forgets the step before."""
        self.total = None

    def share(self, normalizer: Tensor, parameters: Iterable[nn.Parameter]) -> Tensor:
        """What to multiply the loss of a batch by, now that earlier gradients are scaled."""
        added = normalizer.detach().clone()
        if self.processes > 1:
            torch.distributed.all_reduce(added)
        earlier, self.total = self.total, added if self.total is None else self.total + added
        if earlier is not None:
            kept = earlier / at_least_tiny(self.total)
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter.grad.mul_(kept)
        return normalizer.detach() * self.processes / at_least_tiny(self.total)

"""LastEpoch: a method that changes nothing in training, but which weights a run ends with."""

from torch import nn

from lepton.method import Method


class LastEpoch(Method):
    """Lets no epoch before the last be the best, as a schedule without validation does."""

    replayable = True
    grows_until = 1.0

    def penalty(self, model: nn.Module) -> float:
        return 0.0  # a method has a hook

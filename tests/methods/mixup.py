"""Mixup, https://arxiv.org/abs/1710.09412: rows and targets are mixed with those of partners."""

from lepton.method import Method


class Mixup(Method):
    stackable = ("alpha",)
    replayable = True

    def __init__(self, *, alpha: float):
        self.alpha = alpha

    def on_batch(self, batch, draw):
        share, partners = draw.beta(self.alpha, self.alpha), draw.permutation(len(batch["id"]))
        names = ("num", "target")
        mixed = {n: share * batch[n] + (1 - share) * batch[n][partners] for n in names}
        return batch | mixed

"""NoisyInputs: an evaluator, which scores a finished model on rows with noise."""

from lepton.evaluation.evaluator import Evaluator


class NoisyInputs(Evaluator):
    def __init__(self, *, scale: float):
        self.scale = scale

    def change(self, batch, draw, model):
        noise = draw.each(batch["id"]).normal(batch["num"].shape[1:])
        return {**batch, "num": batch["num"] + self.scale * noise}

"""Distillation, https://arxiv.org/abs/1503.02531: also learns what a finished run would say."""

import torch

from lepton import load_model
from lepton.method import Method


class Distillation(Method):
    stackable = ("share", "temperature")
    replayable = True

    def __init__(self, *, run: str, share: float, temperature: float):
        self.run, self.share, self.temperature = run, share, temperature

    def prepare(self, model, spec):
        self.teacher = load_model(self.run).learner.model.eval().requires_grad_(False)
        return model

    def loss(self, model, task, batch, loss, logits):
        with torch.no_grad():
            told = self.teacher.to(batch["num"])(batch) / self.temperature
        student, told = (logits / self.temperature).log_softmax(-1), told.log_softmax(-1)
        gap = (told.exp() * (told - student)).sum(-1).mean()
        return (1 - self.share) * loss + self.share * self.temperature**2 * gap

"""Tasks as users write them: without a target, on pairs, on sequences; named by task._target_."""

import weakref
from typing import ClassVar

import numpy as np
import torch
from torch.nn import functional as F

from lepton.storage.predictions import PredictionColumns
from lepton.task import Task


class Denoising(Task):
    """Predicts all numbers from those that are not hidden; it needs no target."""

    name, needs_target = "denoising", False
    metrics: ClassVar = {"mse": False, "absolute": False}

    def __init__(self, *, hidden, **settings):
        super().__init__(**settings)
        self.hidden = hidden

    @property
    def outputs(self):
        return len(self.spec.num_features)

    @property
    def columns(self):
        return PredictionColumns([f"p_{name}" for name in self.spec.num_features], [])

    def forward(self, model, batch):
        values = batch["num"]
        shown = (values.abs() * 1000).frac() > self.hidden  # some digits say what is hidden
        return model({**batch, "num": values * shown})

    def truth(self, batch):
        return batch["num"]

    def constant(self, n):
        return torch.zeros(n, self.outputs)

    def _loss(self, logits, encoded):
        return F.mse_loss(logits, encoded)

    def _predict(self, logits):
        return logits

    def score(self, prediction, truth, *, only=None):
        error = prediction.double().cpu() - truth.double().cpu()
        return {"mse": float(error.square().mean()), "absolute": float(error.abs().mean())}


class Contrastive(Task):
    """Learns to find the other view of a row, which is the target, among those of its batch."""

    name, streamed = "contrastive", True
    metrics: ClassVar = {"info_nce": False, "found": True}

    def __init__(self, *, width, temperature, **settings):
        super().__init__(**settings)
        self.width, self.temperature = width, temperature

    @staticmethod
    def read_target(columns):
        return columns.astype(float).to_numpy()

    @property
    def outputs(self):
        return self.width

    @property
    def columns(self):
        return PredictionColumns([f"p_{i}" for i in range(self.width)], [])

    def forward(self, model, batch):
        views = [model(batch)]
        if "target" in batch:
            views.append(model({**batch, "num": batch["target"].to(batch["num"].dtype)}))
        return torch.stack(views, 1)

    def _similarity(self, logits):
        first, second = F.normalize(logits, dim=-1).unbind(1)
        return first @ second.T / self.temperature

    def loss(self, logits, encoded):
        similarity = self._similarity(logits)
        return F.cross_entropy(similarity, torch.arange(len(logits), device=logits.device))

    def predict(self, logits):
        return logits

    def validate(self, prediction, batch):
        rows, similarity = torch.arange(len(prediction)), self._similarity(prediction).cpu()
        loss = F.cross_entropy(similarity, rows, reduction="sum")
        return [loss.item(), (similarity.argmax(1) == rows).sum().item(), len(rows)]

    def summarize(self, states, only=None):
        loss, found, rows = np.sum(states, axis=0)
        return {"info_nce": loss / rows, "found": found / rows}

    def keep(self, prediction):
        return prediction[:, 0]


class Sequence(Task):
    """Predicts a sequence of `length` tokens, with a probability for each token of a vocabulary."""

    name, streamed = "sequence", True
    metrics: ClassVar = {"nats": False, "right": True}
    alive: ClassVar = weakref.WeakSet()  # predictions that someone keeps
    most_rows = 0  # of predictions that were kept at once

    def __init__(self, *, length, vocabulary, **settings):
        super().__init__(**settings)
        self.length, self.vocabulary = length, vocabulary

    @staticmethod
    def read_target(columns):
        return np.array([[int(token) for token in cell.split()] for cell in columns.iloc[:, 0]])

    @property
    def outputs(self):
        return self.length * self.vocabulary

    def _loss(self, logits, encoded):
        by_token = logits.unflatten(-1, (self.length, -1)).flatten(0, 1)
        return F.cross_entropy(by_token, encoded.flatten())

    def _predict(self, logits):
        prediction = logits.unflatten(-1, (self.length, -1)).log_softmax(-1)
        if not torch._C._functorch.is_functorch_wrapped_tensor(prediction):
            type(self).alive.add(prediction)
            rows = sum(len(kept) for kept in type(self).alive)
            type(self).most_rows = max(type(self).most_rows, rows)
        return prediction

    def validate(self, prediction, batch):
        truth = batch["target"]
        nats = -prediction.gather(-1, truth[..., None]).sum(dtype=torch.float64)
        return [nats.item(), (prediction.argmax(-1) == truth).sum().item(), truth.numel()]

    def summarize(self, states, only=None):
        nats, right, tokens = np.sum(states, axis=0)
        return {"nats": nats / tokens, "right": right / tokens}

    def keep(self, prediction):
        return prediction.argmax(-1)

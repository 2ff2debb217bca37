"""Small pretrained runs, and networks that start from them."""

from pathlib import Path

import pytest

from lepton import build
from lepton.check import check
from lepton.config import compose
from lepton.network import Network

TABLE = (
    *("dataset=synthetic", "dataset.rows=170", "dataset.classes=3", "batch_size=16"),
    *("trainer=cpu", "trainer.max_epochs=3", "trainer.progress=false"),
)
MODELS = {
    "mlp": ("model=mlp_small", "model.hidden=[8,6]", "model.normalization=batch"),
    "resnet": ("model=resnet", "model.width=8"),
    "ft_transformer": ("model=ft_transformer", "model.width=8", "model.heads=2"),
    "tabm": ("model=tabm", "model.width=8", "model.k=3", "model.blocks=2"),
}
OTHER = ("dataset.data_seed=7", "dataset.classes=4")  # another table with the same columns


@pytest.fixture
def pretrained(run):
    """The folder of a run from scratch: model -> folder."""

    def pretrained(model="mlp", *words):
        return run(*TABLE, *MODELS[model], "study=source", *words)

    return pretrained


@pytest.fixture
def network(here):
    """A network as its run would begin, and its data: words -> both."""

    def network(*words):
        cfg = check(compose(*words))
        data = build.data(cfg)
        return Network(cfg, data.spec), data

    return network


@pytest.fixture
def tune(run, pretrained):
    """Trains with a strategy from a pretrained run: strategy, model, words -> folder."""

    def tune(strategy, model="mlp", *words, source=None):
        source = source or pretrained(model)
        start = (f"finetune={strategy}", f"init_from={source}", "study=tuned")
        return run(*TABLE, *MODELS[model], *OTHER, *start, *words)

    return tune


@pytest.fixture
def only():
    """The one folder of a study."""

    def only(study):
        [folder] = Path("runs", study).glob("[!.]*")
        return folder

    return only

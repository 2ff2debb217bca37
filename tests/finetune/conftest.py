"""Small pretrained runs, and networks that start from them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.training.learner import build_learner

TRAINING = ("batch_size=16", "trainer=cpu", "trainer.max_epochs=3", "trainer.progress=false")
TABLE = ("dataset=synthetic", "dataset.rows=170", "dataset.classes=3", *TRAINING)
TEXTS = ("dataset=text_csv", "dataset.path=texts.csv", "dataset.text=text", *TRAINING)
READER = (  # the smallest that still has all that a larger one has
    *("model=transformer_tiny", "model.architecture.hidden_size=8"),
    *("model.architecture.intermediate_size=12", "model.tokenizer.max_length=24"),
)
MODELS = {
    "mlp": ("model=mlp_small", "model.hidden=[8,6]", "model.normalization=batch"),
    "resnet": ("model=resnet", "model.width=8"),
    "ft_transformer": ("model=ft_transformer", "model.width=8", "model.heads=2"),
    "tabm": ("model=tabm", "model.width=8", "model.k=3", "model.blocks=2"),
}
OTHER_DATA = ("dataset.data_seed=7", "dataset.classes=4")  # another table with the same columns
SOURCE_TARGET, TUNED_TARGET = (
    ("dataset.target=y",),
    ("dataset.target=three", "dataset.split_seed=1"),
)


def training_overrides(model, *, other=False):
    """The overrides for training a model from scratch, or on the other data it is tuned to."""
    if model == "reader":
        return (*TEXTS, *READER, *(TUNED_TARGET if other else SOURCE_TARGET))
    return (*TABLE, *MODELS[model], *(OTHER_DATA if other else ()))


@pytest.fixture
def texts(here):
    """A file of texts of very different lengths."""
    numbers = np.arange(120)
    sentences = [
        f"no {i}, a {'fine' if i % 2 else 'dull'} film" + " so it is" * (i * 7 % 5) for i in numbers
    ]
    pd.DataFrame({"text": sentences, "y": numbers % 2, "three": numbers * 7 % 5 % 3}).to_csv(
        "texts.csv"
    )


@pytest.fixture
def pretrained(run_once, texts):
    """The folder of a run from scratch: model -> folder."""

    def pretrained(model="mlp", *overrides):
        return run_once(*training_overrides(model), "study=source", *overrides)

    return pretrained


@pytest.fixture
def build_network(here):
    """A network as its run would begin, and its data: overrides -> both."""

    def build_network(*overrides):
        config = check(compose(*overrides))
        data = build.data(config)
        return build_learner(config, data.spec), data

    return build_network


@pytest.fixture
def tune(run, pretrained):
    """Trains with a strategy from a pretrained run: strategy, model, overrides -> folder."""

    def tune(strategy, model="mlp", *overrides, source=None):
        source = source or pretrained(model)
        start = (f"finetune={strategy}", f"init_from={source}", "study=tuned")
        return run(*training_overrides(model, other=True), *start, *overrides)

    return tune


@pytest.fixture
def only_folder():
    """The one folder of a study."""

    def only_folder(study):
        [folder] = Path("runs", study).glob("[!.]*")
        return folder

    return only_folder

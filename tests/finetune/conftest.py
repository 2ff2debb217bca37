"""Small pretrained runs, and networks that start from them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lepton import build
from lepton.config.check import check
from lepton.training.learner import build_learner
from tests.quick import compose

TRAINED = ("batch_size=16", "trainer=cpu", "trainer.max_epochs=3", "trainer.progress=false")
TABLE = ("dataset=synthetic", "dataset.rows=170", "dataset.classes=3", *TRAINED)
TEXTS = ("dataset=text_csv", "dataset.path=texts.csv", "dataset.text=text", *TRAINED)
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
OTHER = ("dataset.data_seed=7", "dataset.classes=4")  # another table with the same columns
FIRST, SECOND = ("dataset.target=y",), ("dataset.target=three", "dataset.split_seed=1")


def begin(model, *, other=False):
    """What a network is trained on, for the first time or from there."""
    if model == "reader":
        return (*TEXTS, *READER, *(SECOND if other else FIRST))
    return (*TABLE, *MODELS[model], *(OTHER if other else ()))


@pytest.fixture
def texts(here):
    """A file of texts of very different lengths."""
    n = np.arange(120)
    said = [f"no {i}, a {'fine' if i % 2 else 'dull'} film" + " so it is" * (i * 7 % 5) for i in n]
    pd.DataFrame({"text": said, "y": n % 2, "three": n * 7 % 5 % 3}).to_csv("texts.csv")


@pytest.fixture
def pretrained(run_once, texts):
    """The folder of a run from scratch: model -> folder."""

    def pretrained(model="mlp", *words):
        return run_once(*begin(model), "study=source", *words)

    return pretrained


@pytest.fixture
def network(here):
    """A network as its run would begin, and its data: words -> both."""

    def network(*words):
        cfg = check(compose(*words))
        data = build.data(cfg)
        return build_learner(cfg, data.spec), data

    return network


@pytest.fixture
def tune(run, pretrained):
    """Trains with a strategy from a pretrained run: strategy, model, words -> folder."""

    def tune(strategy, model="mlp", *words, source=None):
        source = source or pretrained(model)
        start = (f"finetune={strategy}", f"init_from={source}", "study=tuned")
        return run(*begin(model, other=True), *start, *words)

    return tune


@pytest.fixture
def only():
    """The one folder of a study."""

    def only(study):
        [folder] = Path("runs", study).glob("[!.]*")
        return folder

    return only

"""Methods that lepton does not know, sam and rdrop, by the hooks alone, with a config folder."""

from pathlib import Path

import pytest

from lepton import compose
from lepton.run import train
from tests.vectorize.conftest import gap, train_both  # noqa: F401
from tests.vectorize.test_checkpointing import train_killed  # noqa: F401

FOLDER = Path(__file__).parent
DATA = ("dataset=synthetic", "dataset.rows=160", "dataset.classes=3", "batch_size=32")
MODEL = ("model=mlp_small", "model.hidden=[8]", "trainer.max_epochs=3", "trainer=cpu")
SMALL = (*DATA, *MODEL, "trainer.progress=false", "optimizer.lr=0.01")
EXACT = "trainer.precision=64-true"
METHODS = {  # the words that choose it, its key that members of a stack differ in, of what data
    "mixup": ("augmentation=own_mixup", "augmentation.own_mixup.alpha", "dataset.classes=2"),
    "fgsm": ("adversarial=own_fgsm", "adversarial.own_fgsm.epsilon", "dataset.classes=3"),
    "rdrop": ("regularization=rdrop", "regularization.rdrop.alpha", "model.dropout=0.3"),
    "sam": ("regularization=sam", "regularization.sam.rho", "dataset.classes=0"),
    "distillation": ("regularization=distillation", "regularization.distillation.share", "seed=1"),
}


@pytest.fixture(autouse=True)
def known(here, monkeypatch):
    """Makes this folder's options known, as a user's own are, also to further processes."""
    monkeypatch.setenv("LEPTON_CONFIG_DIR", str(FOLDER / "conf"))
    monkeypatch.setenv("LEPTON_ALLOW", "tests.methods")
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parents[1]))


@pytest.fixture
def words(known):
    """The words of a command line that choose a method; values of its key, as of a sweep."""

    def words(method, values=None):
        option, key, data = METHODS[method]
        chosen = [option, data] + ([f"{key}={values}"] if values else [])
        if method == "distillation":
            run = train(compose(*SMALL, "study=teachers", "seed=7", "trainer.max_epochs=8"))
            folder = Path("runs/teachers", run.run).resolve()
            chosen.append(f"regularization.distillation.run={folder}")
        return chosen

    return words

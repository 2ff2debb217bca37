"""Whole trainings with augmentations: resumed, in a stack, and on training rows alone."""

import pandas as pd
import pytest

from lepton.augmentation.gaussian_noise import GaussianNoise
from lepton.testing import check_method
from tests.augmentation.options import NAMES, kinds_of, made
from tests.quick import quick

DATA = {  # a small training of each kind, for the contract of methods
    "table": ("dataset=synthetic", "dataset.rows=240", "dataset.classes=3"),
}
WORDS = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=2", "trainer=cpu", "batch_size=16")


@pytest.mark.parametrize("name", quick(NAMES, "gaussian_noise"))
def test_a_training_keeps_the_contract_of_methods(name):
    check_method(made(name), *DATA[kinds_of(name)[0]])


def test_training_rows_alone_are_changed(run, monkeypatch):
    seen, change = set(), GaussianNoise.change

    def noted(self, batch, draw):
        seen.update(batch["id"].tolist())
        return change(self, batch, draw)

    monkeypatch.setattr(GaussianNoise, "change", noted)
    folder = run(*WORDS, "augmentation=gaussian_noise")
    others = pd.concat(
        pd.read_parquet(folder / "predictions" / f"{split}.parquet") for split in ("val", "test")
    )
    assert len(others) + len(seen) == 178
    assert not seen & set(others["id"])

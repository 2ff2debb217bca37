"""Whole trainings with augmentations: resumed, in a stack, and on training rows alone."""

from dataclasses import replace

import pandas as pd
import pytest

from lepton.augmentation.gaussian_noise import GaussianNoise
from lepton.augmentation.token_mask import TokenMask
from lepton.testing import check_method
from tests.augmentation.options import ASKED, NAMES, kinds_of, made
from tests.quick import quick
from tests.sound_files import write_tones

DATA = {  # a small training of each kind, for the contract of methods
    "table": ("dataset=synthetic", "dataset.rows=240", "dataset.classes=3"),
    "image": ("dataset=digits", "dataset.fraction=0.2", "model=cnn_small", "model.channels=[4,8]"),
    "text": (
        *("dataset=vader", "dataset.fraction=0.05", "model=bag_of_embeddings"),
        *("model.tokenizer.vocabulary=200", "model.tokenizer.max_length=16"),
    ),
    "audio": (
        *("dataset=audio_folder", "dataset.path=tones", "model=audio_cnn", "model.channels=[4]"),
        *("batch_size=8", "dataset.split=stratified", "model.spectrum.keep=false"),
    ),
}
WORDS = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=2", "trainer=cpu", "batch_size=16")


class MaskOfASmallTokenizer(TokenMask):
    """The option on texts whose tokenizer has no mask token, with one of its other tokens."""

    replayable = True

    def prepare(self, model, spec):
        return super().prepare(model, replace(spec, mask_token=1))


@pytest.mark.parametrize("name", quick(NAMES, "gaussian_noise"))
def test_a_training_keeps_the_contract_of_methods(name, here):
    kind = kinds_of(name)[0]
    if kind == "audio":
        write_tones(here / "tones")
    method = made(name, **ASKED.get(name, {}))
    if name == "token_mask":
        method = MaskOfASmallTokenizer(probability=method.probability)
    check_method(method, *DATA[kind])


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

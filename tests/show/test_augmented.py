"""Rows before and after an augmentation: those of a training, as a person sees them."""

import pytest

from lepton import build, train
from lepton.augmentation.swap_noise import SwapNoise
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.show_root import compose_show, compose_training, training_words
from lepton.dataset.inputs.picture import Picture
from lepton.dataset.inputs.shown_tensors import marked_words
from lepton.errors import ConfigError
from lepton.report.blocks import Table
from lepton.show.augmented import augmented_section

TABLE = ("dataset=synthetic", "dataset.rows=120", "batch_size=16", "trainer=cpu", "seed=3")


def tables_of(*words, samples=5):
    section = augmented_section(check(compose(*words)), samples)
    return {block.name: block for block in section.blocks if isinstance(block, Table)}


@pytest.mark.slow
def test_the_cells_are_those_of_the_first_batch_of_a_training(here, monkeypatch):
    words = (
        *TABLE,
        "model=linear",
        "augmentation=swap_noise",
        "augmentation.swap_noise.probability=0.4",
    )
    shown = tables_of(*words)["changed_cells"].rows
    batches, change = [], SwapNoise.change

    def recorded(self, batch, draw):
        batches.append((batch, change(self, batch, draw)))
        return batches[-1][1]

    monkeypatch.setattr(SwapNoise, "change", recorded)
    train(compose(*words, "trainer.max_epochs=1", "trainer.progress=false"))
    before, after = batches[0]
    numbers = [
        [str(int(before["id"][row])), f"{before['num'][row, i]:.4g}", f"{after['num'][row, i]:.4g}"]
        for row in range(5)
        for i in range(before["num"].shape[1])
        if before["num"][row, i] != after["num"][row, i]
    ]
    columns = build.data(check(compose(*words))).spec.num_features
    assert numbers
    assert [[row, old, new] for row, name, old, new in shown if name in columns] == numbers


@pytest.mark.slow
def test_pictures_are_shown_before_and_after_and_mixed_targets_in_shares(here):
    tables = tables_of(
        "dataset=digits", "model=cnn_small", "augmentation=[affine,mixup]", samples=3
    )
    lines = tables["augmented"].rows
    assert len(lines) == 3
    for _, name, before, after in lines:
        assert name == "image"
        assert isinstance(before, Picture)
        assert before.content != after.content
    assert any("%" in after for _, name, _, after in tables["changed_cells"].rows)


@pytest.mark.slow
def test_an_epoch_with_balanced_classes_is_counted(here):
    words = (*TABLE, "model=linear", "augmentation=class_balanced_sampling")
    rows = tables_of(*words)["epoch_classes"].rows
    assert sum(int(train) for _, train, _ in rows) == sum(int(epoch) for *_, epoch in rows)


def test_words_that_differ_are_in_brackets():
    assert marked_words(["a", "x", "c"], ["a", "b", "c"]) == "a ⟦x⟧ c"
    assert marked_words(["a", "c"], ["a", "b", "c"]) == "a c"


@pytest.mark.slow
def test_words_of_a_training_are_told_from_those_of_the_page(here):
    words = ["dataset=digits", "samples=3", "augmentation=crop", "seed=2"]
    shown, of_training = training_words(words)
    assert shown == ["dataset=digits", "samples=3"]
    assert of_training == ["dataset=digits", "augmentation=crop", "seed=2"]
    config = compose_training(of_training, compose_show(shown))
    assert config["choices"]["model"] == "cnn_small"  # reads what the data hold
    assert training_words(["dataset=wine", "model=mlp"]) == (["dataset=wine", "model=mlp"], [])
    with pytest.raises(ConfigError, match="augmentation=crop changes images"):
        compose_training(["dataset=wine", "augmentation=crop"], compose_show(["dataset=wine"]))

"""Rows that a method adds to train: learned from as rows, in train alone, with ids of their own."""

import pytest
import torch

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.input_changes import input_change_problems
from lepton.errors import ConfigError
from lepton.method import Method
from lepton.testing import MethodContract
from lepton.training.further_rows import with_further_rows
from lepton.training.learner import build_network
from lepton.vectorize.grouping import obstacle_to_stacking

WORDS = ("dataset=synthetic", "dataset.rows=120", "model=mlp_small", "model.dropout=0")
WORDS += ("trainer=cpu", "trainer.max_epochs=4", "trainer.progress=false")
WORDS += ("trainer.precision=64-true",)
WORDS += tuple(f"{group}=none" for group in ("regularization", "augmentation"))


class Copies(Method):
    """Adds each of the first rows of train once more, with its target or the other class."""

    adds_inputs = ("table",)
    stream_name = "augmentation.copies"

    def __init__(self, *, rows, flip=False):
        self.rows, self.flip, self.seeds = rows, flip, []

    def further_rows(self, train, spec, seed):
        self.seeds.append(seed)
        rows = {name: values[: self.rows] for name, values in train.items()}
        return rows | ({"target": 1 - rows["target"]} if self.flip else {})


class TestCopies(MethodContract):
    def build(self):
        return Copies(rows=50)


@pytest.fixture(scope="module")
def config_and_data():
    config = check(compose(*WORDS, "batch_size=1000"))
    return config, build.data(config)


def weights_after(config_and_data, tmp_path, *methods):
    """The weights of a short training with these methods, and the data as they were trained on."""
    config, data = config_and_data
    network = build_network(config, data.spec)
    network.methods = [*network.methods, *methods]
    trained_on = network.fit(data, tmp_path)
    return torch.cat([p.flatten() for p in network.model.parameters()]), trained_on


@pytest.mark.slow
def test_each_row_once_more_in_a_batch_of_all_trains_as_the_rows_themselves(
    config_and_data, tmp_path
):
    plain, _ = weights_after(config_and_data, tmp_path)
    twice, data = weights_after(config_and_data, tmp_path, Copies(rows=1000))
    torch.testing.assert_close(twice, plain, rtol=1e-9, atol=1e-12)
    flipped, _ = weights_after(config_and_data, tmp_path, Copies(rows=20, flip=True))
    assert (flipped - plain).abs().max() > 1e-3
    assert len(data.splits["train"]["id"]) == 2 * len(config_and_data[1].splits["train"]["id"])


def test_further_rows_stand_behind_train_alone_with_ids_that_no_row_has(config_and_data):
    _, data = config_and_data
    before = {split: {n: t.clone() for n, t in rows.items()} for split, rows in data.splits.items()}
    method, others = Copies(rows=7), Copies(rows=3)
    others.stream_name = "augmentation.others"
    extended = with_further_rows(data, [method, others], 0)
    for split, rows in before.items():
        for name, values in rows.items():
            assert torch.equal(data.splits[split][name], values)
            assert torch.equal(extended.splits[split][name][: len(values)], values)
    sizes = {split: len(rows["id"]) for split, rows in before.items()}
    assert {s: len(rows["id"]) for s, rows in extended.splits.items()} == {
        **sizes,
        "train": sizes["train"] + 10,
    }
    ids = torch.cat([rows["id"] for rows in extended.splits.values()])
    assert len(ids.unique()) == len(ids) == 130
    assert method.seeds != others.seeds


def test_rows_of_another_form_are_refused_by_the_name_of_the_method(config_and_data):
    class Halves(Copies):
        def further_rows(self, train, spec, seed):
            return {**super().further_rows(train, spec, seed), "num": train["num"].half()}

    with pytest.raises(ConfigError, match=r"^augmentation.copies: .*num \[\d+\] torch.float16"):
        with_further_rows(config_and_data[1], [Halves(rows=3)], 0)


def test_rows_are_not_added_to_those_that_are_streamed(config_and_data, monkeypatch):
    monkeypatch.setattr(config_and_data[1], "streamed_from", "the cache")
    with pytest.raises(ConfigError, match=r"^augmentation.copies, dataset.memory_gb: "):
        with_further_rows(config_and_data[1], [Copies(rows=3)], 0)


def test_a_method_is_refused_for_inputs_that_its_rows_lack_and_trains_no_stack(monkeypatch):
    config = check(compose(*WORDS, "augmentation=swap_noise"))
    node = {"_target_": "tests.training.test_further_rows.Copies", "rows": 3, "flip": False}
    monkeypatch.setenv("LEPTON_ALLOW", "tests.training")
    config["augmentation"] = {"copies": node}
    assert input_change_problems(config) == []
    assert obstacle_to_stacking(config) == (
        "augmentation=copies gives each run training rows of its own"
    )
    texts = check(compose("dataset=vader", "model=text_cnn")) | {"augmentation": {"copies": node}}
    assert input_change_problems(texts) == [
        "augmentation, dataset: augmentation=copies adds rows of a table alone, "
        "and dataset=vader holds texts"
    ]

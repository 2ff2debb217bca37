"""augmentation=smote: rows between training rows of one class, as many as that class lacks."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lepton import build
from lepton.augmentation.smote import Smote
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError
from lepton.seeds import derive
from lepton.testing import MethodContract
from lepton.training.further_rows import with_further_rows

RARE = ("dataset=synthetic", "dataset.rows=400", "dataset.classes=3")


class TestSmote(MethodContract):
    def build(self):
        return Smote(strength=0.5, neighbors=5)


def rows_of(strength, *overrides):
    """A data set of uneven classes before and after rows are added."""
    data = build.data(check(compose(*RARE, *overrides)))
    train = data.splits["train"]
    kept = torch.ones(len(train["target"]), dtype=torch.bool)
    for label, count in ((0, 20), (1, 7)):
        kept[(train["target"] == label).nonzero().flatten()[count:]] = False
    data.splits["train"] = {name: values[kept] for name, values in train.items()}
    method = Smote(strength=strength, neighbors=3)
    method.stream_name = "augmentation.smote"
    return data, with_further_rows(data, [method], 1)


def counts(rows):
    return rows["target"].bincount(minlength=3).tolist()


@pytest.mark.slow
def test_classes_have_as_many_rows_as_the_largest_or_a_share_of_what_they_lack():
    before, after = rows_of(1.0)
    largest = max(counts(before.splits["train"]))
    assert counts(after.splits["train"]) == [largest] * 3
    _, half = rows_of(0.5)
    assert counts(half.splits["train"]) == [n + round((largest - n) / 2) for n in (20, 7, largest)]
    assert rows_of(0.0)[1].splits["train"]["id"].equal(before.splits["train"]["id"])


def test_a_row_lies_between_two_of_its_class_and_validation_stays():
    before, after = rows_of(1.0, "dataset.categories=[]")
    train, old = after.splits["train"], len(before.splits["train"]["id"])
    assert train["id"].unique().numel() == len(train["id"])
    for split in ("val", "test"):
        assert before.splits[split] is after.splits[split]
        assert not torch.isin(train["id"], after.splits[split]["id"]).any()
    for number in range(old, len(train["id"]), 17):
        same = train["target"][:old] == train["target"][number]
        ends = train["num"][:old][same].double()
        row = train["num"][number].double()
        first, second = torch.triu_indices(len(ends), len(ends), 1)
        along = ends[second] - ends[first]
        share = ((row - ends[first]) * along).sum(1) / along.square().sum(1).clamp_min(1e-12)
        nearest = ends[first] + share.clamp(0, 1)[:, None] * along
        assert (nearest - row).abs().amax(1).min() < 1e-4


def test_categories_are_ones_that_rows_of_the_class_have():
    before, after = rows_of(1.0)
    old, train = before.splits["train"], after.splits["train"]
    for label in range(3):
        for column in range(old["cat"].shape[1]):
            known = old["cat"][old["target"] == label][:, column].unique()
            assert torch.isin(train["cat"][train["target"] == label][:, column], known).all()


def test_without_numbers_neighbours_are_those_of_smoten_among_the_rows_of_all_classes():
    from imblearn.over_sampling import SMOTEN

    rng = np.random.default_rng(0)
    codes, labels = rng.integers(4, size=(80, 3)), np.array([0] * 15 + [1] * 65)
    codes[:, 0] = (codes[:, 0] + 2 * labels) % 5  # of which classes differ
    train = {"cat": torch.from_numpy(codes), "target": torch.from_numpy(labels)}
    spec = SimpleNamespace(task="binary", classes=("a", "b"), cat_cardinalities=(5, 4, 4))
    added = Smote(strength=1.0, neighbors=5).further_rows(train, spec, 3)
    sampler = SMOTEN(random_state=derive(3, 0) % 2**32, sampling_strategy={0: 65}, k_neighbors=5)
    expected = sampler.fit_resample(codes, labels)[0][80:]
    assert added["cat"].tolist() == expected.tolist()
    assert added["target"].tolist() == [0] * 50


def test_what_makes_no_sense_is_refused_in_a_line():
    with pytest.raises(ConfigError, match=r"augmentation\.smote, task: a regression target"):
        Smote(strength=1.0, neighbors=5).prepare(None, SimpleNamespace(task="regression"))
    with pytest.raises(ConfigError, match=r"augmentation\.smote\.strength: -1 is not in"):
        Smote(strength=-1, neighbors=5)
    data = build.data(check(compose(*RARE)))
    train = dict(data.splits["train"])
    target = train["target"].clone().fill_(1)
    target[0] = 0
    with pytest.raises(ConfigError, match=r"smote, dataset\.target: one training row has"):
        Smote(strength=1.0, neighbors=5).further_rows({**train, "target": target}, data.spec, 0)
    with pytest.raises(ConfigError, match=r"augmentation, dataset: augmentation=smote adds rows"):
        check(compose("dataset=digits", "model=cnn_small", "augmentation=smote"))

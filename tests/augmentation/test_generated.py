"""augmentation=generated: rows of a generator that has seen the training rows of a split alone."""

import numpy as np
import pandas as pd
import pytest
import torch

from lepton import build, multirun
from lepton.augmentation.generated import Generated
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError
from lepton.generator.bootstrap import Bootstrap
from lepton.generator.copula import Copula
from lepton.testing import MethodContract
from lepton.training.further_rows import with_further_rows

CHOSEN = "augmentation.generated.generator"
DATA = ("dataset=synthetic", "dataset.rows=300", "dataset.missing=0.1")
TARGETS = ("dataset.classes=2", "dataset.classes=3", "dataset.classes=0")


class TestGenerated(MethodContract):
    def build(self):
        return Generated(generator=Copula(by_class=True, iterations=1), ratio=0.5)


def extended(generator, *overrides, ratio=2.0):
    """A data set before and after rows were added to its training split."""
    data = build.data(check(compose(*DATA, *overrides)))
    method = Generated(generator=generator, ratio=ratio)
    method.stream_name = "augmentation.generated"
    return data, with_further_rows(data, [method], 0)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_copies_of_training_rows_are_training_rows_to_the_last_bit(target):
    data, more = extended(Bootstrap(), target)
    before, after = data.splits["train"], more.splits["train"]
    count = len(before["target"])
    assert len(after["target"]) == 3 * count
    known = {row_of(before, place) for place in range(count)}
    assert {row_of(after, place) for place in range(count, 3 * count)} <= known
    assert all(after[name].dtype == before[name].dtype for name in before)
    for split in ("val", "test"):
        assert data.splits[split] is more.splits[split]


def row_of(rows, place):
    return tuple(tuple(rows[n][place].flatten().tolist()) for n in ("num", "cat", "target"))


def test_a_weight_is_made_with_the_other_numbers_of_its_row(here):
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 200)
    frame = pd.DataFrame({"x": rng.normal(size=200), "w": 1 + 2.0 * label + rng.random(200)})
    frame.assign(y=np.where(label, "b", "a")).to_csv("rows.csv", index=False)
    words = ("dataset=csv", "dataset.path=rows.csv", "dataset.target=y", "dataset.weight=w")
    data = build.data(check(compose(*words)))
    method = Generated(generator=Copula(by_class=True, iterations=1), ratio=1.0)
    method.stream_name = "augmentation.generated"
    train = with_further_rows(data, [method], 0).splits["train"]
    made = slice(len(data.splits["train"]["id"]), None)
    weight, target = train["weight"][made], train["target"][made]
    assert (weight[target == 0] < weight[target == 1].min()).all()
    assert len(weight) == len(data.splits["train"]["id"])


@pytest.mark.slow
def test_the_generator_is_an_option_by_name_with_keys_of_its_own():
    config = compose("augmentation=generated", f"{CHOSEN}=tvae", f"{CHOSEN}.epochs=3")
    assert config.choices[CHOSEN] == "tvae"
    assert config.augmentation.generated.generator.epochs == 3
    assert compose("augmentation=generated").choices[CHOSEN] == "copula"
    with pytest.raises(ConfigError, match=rf"^{CHOSEN}=vae: no such option.*options: bootstrap"):
        compose("augmentation=generated", f"{CHOSEN}=vae")
    with pytest.raises(
        ConfigError, match=r"^augmentation.mixup.generator: the chosen option of aug"
    ):
        compose("augmentation=mixup", "augmentation.mixup.generator=copula")
    with pytest.raises(ConfigError, match=r"^augmentation.generated.ratio: -1 is not float, 0 at"):
        compose("augmentation=generated", "augmentation.generated.ratio=-1")


def test_no_row_is_made_at_a_ratio_of_0_and_none_of_several_labels():
    data, more = extended(Bootstrap(), ratio=0.0)
    assert torch.equal(data.splits["train"]["id"], more.splits["train"]["id"])
    labels = build.data(check(compose(*DATA, "dataset.labels=3"))).spec
    with pytest.raises(
        ConfigError, match=r"^augmentation.generated, dataset.target: .* multilabel"
    ):
        Generated(generator=Bootstrap(), ratio=1.0).prepare(torch.nn.Linear(1, 1), labels)


@pytest.mark.slow
def test_a_sweep_over_ratio_and_generator_trains_each_run_as_it_would_alone(run, here):
    words = (*DATA, "model=mlp_small", "trainer=cpu", "trainer.max_epochs=2", "seed=1")
    chosen = ("augmentation=generated", "augmentation.generated.ratio=1")
    alone = run(*words, *chosen, f"{CHOSEN}=smotenc", "study=alone")
    words = (*words, chosen[0], "augmentation.generated.ratio=0.5,1", "study=swept")
    swept = multirun(*words, f"{CHOSEN}=copula,smotenc").frame()
    assert swept["run"].nunique() == 4
    row = swept[(swept["augmentation.generated.ratio"] == 1) & (swept[CHOSEN] == "smotenc")]
    one, other = (
        folder / "predictions" / "test.parquet"
        for folder in (alone, here / "runs" / "swept" / row["run"].item())
    )
    pd.testing.assert_frame_equal(pd.read_parquet(one), pd.read_parquet(other))

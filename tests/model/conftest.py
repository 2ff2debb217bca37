"""Small specs, batches that fit them, and models as their YAML files describe them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import get_object
from omegaconf import OmegaConf

from lepton.spec import QUANTILE_LEVELS, DataSpec

CONF = Path(__file__).parents[2] / "conf"
OUTPUTS = {"binary": 1, "multiclass": 3, "multilabel": 4, "regression": 1}
OF_TREES = ("gradient_boosting", "catboost", "lightgbm", "xgboost")  # drawn by a seed of their own
CLASSES = {"binary": 2, "multiclass": 3, "multilabel": 4, "regression": 0}


@pytest.fixture
def make_spec():
    def make(task="binary", num=3, cardinalities=(4, 6)):
        quantiles = np.quantile(
            np.random.default_rng(0).normal(size=500), np.linspace(0, 1, QUANTILE_LEVELS)
        )
        return DataSpec(
            task=task,
            outputs=OUTPUTS[task],
            classes=tuple("abcd"[: CLASSES[task]]),
            class_counts=(10,) * CLASSES[task],
            target_names=("y",),
            target_mean=0.0,
            target_std=1.0,
            num_features=tuple(f"n{i}" for i in range(num)),
            cat_features=tuple(f"c{i}" for i in range(len(cardinalities))),
            cat_cardinalities=cardinalities,
            quantiles=(tuple(quantiles.tolist()),) * num,
            train_rows=500,
        )

    return make


@pytest.fixture
def make_batch():
    def make(spec, rows=24, seed=0, lowest=0):
        g = torch.Generator().manual_seed(seed)
        batch = {}
        if spec.num_features:
            batch["num"] = torch.randn(rows, len(spec.num_features), generator=g)
        if spec.cat_features:
            columns = [
                torch.randint(lowest, n, (rows,), generator=g) for n in spec.cat_cardinalities
            ]
            batch["cat"] = torch.stack(columns, 1)
        return batch

    return make


@pytest.fixture
def build():
    def build(name, spec, **changes):
        tree = {"model": OmegaConf.load(CONF / "model" / f"{name}.yaml"), "trainer": {"threads": 1}}
        values = OmegaConf.to_container(OmegaConf.create(tree), resolve=True)["model"]
        torch.manual_seed(changes.pop("init", 0))
        supplied = {"seed": 0} if name in OF_TREES else {}
        return get_object(values.pop("_target_"))(spec=spec, **values | supplied | changes)

    return build


@pytest.fixture
def tree_data(make_spec, make_batch):
    """A spec with train, val and test, whose target can be learned from numbers and categories."""

    def data(task, cardinalities=(6,), lowest=0):
        spec = make_spec(task, 2, cardinalities)
        splits = [
            make_batch(spec, rows=rows, seed=seed, lowest=lowest)
            for seed, rows in enumerate((300, 150, 60))
        ]
        return spec, *[split | {"target": target_of(split, task)} for split in splits]

    return data


def target_of(batch, task):
    signal = batch["num"][:, 0] + batch["cat"][:, 0] % 2 + 0.5 * batch["num"][:, 1].sin()
    if task == "regression":
        return 100 + 10 * signal
    if task == "binary":
        return (signal > 0.5).float()
    if task == "multiclass":
        return torch.bucketize(signal, torch.tensor([0.0, 1.0]))
    return torch.stack([(signal > cut).float() for cut in (-0.5, 0.0, 0.5, 1.0)], 1)

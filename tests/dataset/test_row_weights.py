"""The column of weights: no feature, numbers of the training rows, and what it may not be."""

import numpy as np
import pandas as pd
import pytest

from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_folder
from lepton.errors import ConfigError, DataError
from tests.dataset.quick_data import csv_data

ROWS = 60
FRAME = pd.DataFrame(
    {
        "a": np.random.default_rng(0).normal(size=ROWS),
        "w": np.arange(ROWS) % 5,
        "y": np.arange(ROWS) % 2,
    }
)


def weighed(cells):
    return csv_data(frames=(FRAME.assign(w=cells), None), weight="w")


def test_training_rows_have_the_weights_of_their_own_cells():
    data = weighed(FRAME["w"] / 2)
    data.setup()
    assert data.spec.num_features == ("a",)
    train = data.splits["train"]
    assert train["weight"].tolist() == (FRAME["w"] / 2)[train["id"].numpy()].tolist()
    assert all("weight" not in data.splits[split] for split in ("val", "test"))
    assert any("all metrics are unweighted, of validation too" in str(n) for n in data.notes)
    for block in data.train_dataloader():
        for batch in block:
            assert batch["weight"].tolist() == (batch["id"] % 5 / 2).tolist()


def test_rows_that_are_streamed_have_the_same_weights(tmp_path):
    FRAME.to_csv(tmp_path / "rows.csv", index=False)
    path = str(tmp_path / "rows.csv")
    whole, streamed = (csv_data(path=path, weight="w", memory_gb=memory) for memory in (None, 0))
    for data in (whole, streamed):
        data.setup()
    assert streamed.streamed_from is not None
    assert streamed.splits["train"]["weight"].equal(whole.splits["train"]["weight"])
    other = csv_data(path=path, memory_gb=0)
    other.setup()
    assert "weight" not in other.splits["train"]


WEIGHTS = FRAME["w"].tolist()
TIMES = pd.Series(pd.date_range("2020-01-01", periods=ROWS))
REFUSED = {
    "negative": ([-1, *WEIGHTS[1:]], "row 1: '-1' is negative"),
    "missing": ([None, *WEIGHTS[1:]], "row 1: the cell is empty"),
    "text": (["much", *WEIGHTS[1:]], "row 1: 'much' is no num"),
    "infinite": ([np.inf, *WEIGHTS[1:]], "row 1: 'inf' is too large"),
    "too large": ([1e300, *WEIGHTS[1:]], "row 1: '1e.300' is too large"),
    "dates": (TIMES, "row [0-9]+: .* is no number"),
    "zeros": ([0] * ROWS, "every training row weighs 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_weights_that_make_no_sense_are_told_with_their_row(case):
    cells, line = REFUSED[case]
    data = weighed(cells)
    data.split_settings = type(data.split_settings)(
        **{**vars(data.split_settings), "strategy": "random", "val_size": 0.02, "test_size": 0}
    )
    with pytest.raises(DataError, match=rf"dataset\.weight=w.*{line}"):
        data.setup()


def test_a_column_that_is_not_there_is_told():
    with pytest.raises(DataError, match=r"dataset\.weight=v: no such column"):
        csv_data(frames=(FRAME, None), weight="v").setup()


def test_columns_with_another_use_and_models_that_cannot_weigh_are_refused_before_reading():
    data = ["dataset=csv", "dataset.path=x.csv", "dataset.target=y"]
    for overrides, line in (
        (["dataset.weight=y"], "dataset.weight=y: is the target"),
        (
            ["dataset.weight=g", "dataset.split=group", "dataset.split_column=g"],
            "dataset.weight=g: is dataset.split_column",
        ),
    ):
        with pytest.raises(ConfigError, match=line):
            check(compose(*data, "model=mlp_small", *overrides))


def test_a_run_without_weights_keeps_its_id():
    overrides = ["dataset=synthetic", "model=mlp_small"]
    config = check(compose(*overrides))
    assert config["dataset"]["weight"] is None
    older = {**config, "dataset": {k: v for k, v in config["dataset"].items() if k != "weight"}}
    assert run_folder(older) == run_folder(config)
    weighed = {**config, "dataset": {**config["dataset"], "weight": "w"}}
    assert run_folder(weighed) != run_folder(config)

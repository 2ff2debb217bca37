"""The column of weights: no feature, numbers of the training rows, and what it may not be."""

import numpy as np
import pandas as pd
import pytest

from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_folder, run_id
from lepton.errors import ConfigError, DataError
from tests.dataset.quick_data import csv_data

ROWS = 60
W = "dataset.weight=w"
FRAME = pd.DataFrame(
    {
        "a": np.random.default_rng(0).normal(size=ROWS),
        "w": np.arange(ROWS) % 5,
        "y": np.arange(ROWS) % 2,
    }
)


def weighed(cells):
    return csv_data(frames=(FRAME.assign(w=cells), None), weight="w")


def test_rows_have_the_weights_of_their_own_cells():
    data = weighed(FRAME["w"] / 2)
    data.setup()
    assert data.spec.num_features == ("a",)
    for rows in data.splits.values():
        assert rows["weight"].tolist() == (FRAME["w"] / 2)[rows["id"].numpy()].tolist()
    notes = [str(note) for note in data.notes]
    assert f"column w: weighs the rows in the loss and in metrics ({ROWS})" in notes
    for block in data.train_dataloader():
        for batch in block:
            assert batch["weight"].tolist() == (batch["id"] % 5 / 2).tolist()


def split_by(column, cells, rows):
    """Data whose rows of one split have these weights; the others have 1."""
    frame = FRAME.assign(w=1.0, part=column)
    frame["w"] = frame["w"].astype(object)
    frame.loc[frame["part"] == rows, "w"] = cells
    data = csv_data(frames=(frame, None), weight="w")
    data.split_settings = type(data.split_settings)(
        **{**vars(data.split_settings), "strategy": "column", "column": "part", "val_size": 0}
        | {"test_size": 0}
    )
    return data


PARTS = ["train"] * 40 + ["val"] * 10 + ["test"] * 10


def test_a_held_out_split_without_any_weights_counts_each_row_once_and_says_so():
    data = split_by(PARTS, None, "test")
    data.setup()
    assert "weight" in data.splits["val"]
    assert "weight" not in data.splits["test"]
    notes = [str(note) for note in data.notes]
    assert "column w: weighs the rows in the loss and in metrics (50)" in notes
    line = "is empty in all rows of test, whose metrics count each row once"
    assert f"column w: {line} (10)" in notes


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        ([2, None] * 5, "row 42: the cell is empty; give every row of val a weight, or none"),
        ([0] * 10, "every row of val weighs 0; nothing is left to score by"),
        ([1] * 9 + [-1], "row 50: '-1' is negative; 0 leaves a row out"),
    ],
)
def test_weights_of_held_out_rows_that_make_no_sense_are_told(cells, line):
    with pytest.raises(DataError, match=rf"dataset\.weight=w.*{line}"):
        split_by(PARTS, cells, "val").setup()


@pytest.mark.slow
def test_rows_that_are_streamed_have_the_same_weights(tmp_path):
    FRAME.to_csv(tmp_path / "rows.csv", index=False)
    path = str(tmp_path / "rows.csv")
    whole, streamed = (csv_data(path=path, weight="w", memory_gb=memory) for memory in (None, 0))
    for data in (whole, streamed):
        data.setup()
    assert streamed.streamed_from is not None
    for split, rows in streamed.splits.items():
        assert rows["weight"].equal(whole.splits[split]["weight"])
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


def test_runs_whose_weights_were_none_of_the_metrics_have_other_ids():
    plain = compose("dataset=synthetic", "model=mlp_small")
    assert plain["revisions"] == {}
    config = check(compose("dataset=synthetic", "model=mlp_small", W))
    assert config["revisions"] == {"task": 1}
    assert run_id(config) != run_id({**config, "revisions": {}})


def test_weights_of_the_loss_alone_are_those_of_training_rows():
    data = csv_data(frames=(FRAME, None), weight="w", weighted_metrics=False)
    data.setup()
    assert [split for split, rows in data.splits.items() if "weight" in rows] == ["train"]
    rows = len(data.splits["train"]["id"])
    line = f"weighs the training rows in the loss; metrics count each row once ({rows})"
    assert f"column w: {line}" in [str(note) for note in data.notes]
    overrides = ["dataset=synthetic", "model=mlp_small", "dataset.weighted_metrics=false"]
    assert compose(*overrides, W)["revisions"] == {}
    with pytest.raises(ConfigError, match=r"weighted_metrics=false: rows have no weights; data"):
        compose(*overrides)


def test_a_run_without_weights_keeps_its_id():
    overrides = ["dataset=synthetic", "model=mlp_small"]
    config = check(compose(*overrides))
    assert config["dataset"]["weight"] is None
    younger = ("weight", "weighted_metrics")
    older = {k: v for k, v in config["dataset"].items() if k not in younger}
    older = {**config, "dataset": older}
    assert run_folder(older) == run_folder(config)
    weighed = {**config, "dataset": {**config["dataset"], "weight": "w"}}
    assert run_folder(weighed) != run_folder(config)

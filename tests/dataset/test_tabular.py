import numpy as np
import pandas as pd
import pytest
import pytorch_lightning as pl
import torch
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.tabular import TabularData
from lepton.errors import ConfigError, DataError
from lepton.preprocessing.standard import Standard
from lepton.spec import QUANTILE_LEVELS

OPTIONS = {
    "target": "good",
    "task": None,
    "max_numeric_classes": 20,
    "columns": {},
    "min_identifier_values": 20,
    "duplicates": "keep",
    **{"where": None, "keep": None, "drop": None},
    "positive": "yes",
    "split": "stratified",
    "split_column": None,
    "val_size": 0.16,
    "test_size": 0.2,
    "split_seed": 0,
    "folds": None,
    "fold": None,
    "shots": None,
    "fraction": 1.0,
    "batch_size": 16,
    "seed": 0,
    "limit_batches": None,
    "overfit_batches": 0,
}


class Table(TabularData):
    def __init__(self, *, frame, test=None, **table):
        super().__init__(**table)
        self.frames = frame, test

    def read(self):
        return self.frames


def credit(rows=200, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 9, rows).round(1),
            "income": rng.lognormal(8, 1, rows),
            "job": rng.choice(["cook", "nurse", "smith"], rows),
            "since": (
                pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), "D")
            ),
            "owner": rng.choice(["yes", "no"], rows),
            "good": rng.choice(["yes", "no"], rows, p=[0.7, 0.3]),
        }
    )
    frame.loc[::9, "income"] = np.nan
    frame.loc[::11, "job"] = None
    return frame


def prepared(frame=None, test=None, **changes):
    scaling = Standard(impute="median", indicator=True, rare=1, seed=0)
    frame = credit() if frame is None else frame
    data = Table(frame=frame, test=test, preprocessing=scaling, **(OPTIONS | changes))
    data.setup()
    return data


def test_a_prepared_table_says_what_it_is():
    data = prepared()
    spec = data.spec
    assert (spec.task, spec.outputs, spec.classes) == ("binary", 1, ("no", "yes"))
    assert spec.num_features == (
        "age", "income", "since year", "since month", "since day", "since weekday",
        "since days since 1970", "income is missing",
    )  # fmt: skip
    assert spec.cat_features == ("job", "owner")
    assert spec.cat_cardinalities == (5, 4)
    assert spec.train_rows == 200 - 40 - 32 == sum(spec.class_counts)
    assert len(spec.quantiles) == len(spec.num_features)
    assert all(len(levels) == QUANTILE_LEVELS for levels in spec.quantiles)


def test_the_tensors_are_those_made_by_hand_with_scikit_learn():
    frame, data = credit(), prepared()
    good = (frame["good"] == "yes").to_numpy()
    remaining, test = train_test_split(np.arange(200), test_size=0.2, stratify=good, random_state=0)
    train, val = train_test_split(remaining, test_size=32, stratify=good[remaining], random_state=0)
    numbers = frame[["age", "income"]].to_numpy()
    imputer = SimpleImputer(strategy="median").fit(numbers[train])
    scaler = StandardScaler().fit(imputer.transform(numbers[train]))
    for name, rows in (("train", train), ("val", val), ("test", test)):
        split, rows = data.splits[name], np.sort(rows)
        np.testing.assert_array_equal(split["id"], rows)
        np.testing.assert_array_equal(split["target"], good[rows])
        expected = scaler.transform(imputer.transform(numbers[rows]))
        np.testing.assert_allclose(split["num"][:, :2], expected, rtol=1e-5, atol=1e-6)
        jobs = frame["job"].map({"cook": 2, "nurse": 3, "smith": 4}).fillna(0)[rows]
        np.testing.assert_array_equal(split["cat"][:, 0], jobs)


def test_other_test_rows_change_nothing_that_was_learned():
    frame, data = credit(), prepared()
    test_rows = data.splits["test"]["id"].numpy()
    frame.loc[test_rows, "age"] = 1e6
    frame.loc[test_rows, "income"] = np.nan
    frame.loc[test_rows, "job"] = "unheard of"
    other = prepared(frame)
    for name, tensor in data.splits["train"].items():
        assert torch.equal(tensor, other.splits["train"][name])
    assert other.spec == data.spec
    assert other.splits["test"]["cat"][:, 0].eq(1).all()
    assert "test values that training has not seen" in " ".join(map(str, other.notes))


def test_the_seed_moves_the_order_and_not_the_split():
    first, second = prepared(seed=1), prepared(seed=2)
    for split in first.splits:
        assert torch.equal(first.splits[split]["id"], second.splits[split]["id"])
    orders = [
        [b["id"].tolist() for block in d.train_dataloader() for b in block] for d in (first, second)
    ]
    assert orders[0] != orders[1]
    assert sorted(i for batch in orders[0] for i in batch) == first.splits["train"]["id"].tolist()


def test_rows_without_a_target_are_dropped_and_keep_others_numbers():
    frame = credit()
    frame.loc[[0, 5, 7], "good"] = None
    data = prepared(frame)
    ids = torch.cat([split["id"] for split in data.splits.values()]).sort().values
    assert ids.tolist() == [i for i in range(200) if i not in (0, 5, 7)]
    rows = data.splits["test"]["id"].numpy()
    np.testing.assert_array_equal(data.splits["test"]["target"], frame["good"].iloc[rows] == "yes")
    assert any(note.count == 3 and "target" in str(note) for note in data.notes)


def test_cleaning_is_counted():
    notes = [str(note) for note in prepared().notes]
    assert "column income: missing values filled with the median (23)" in notes
    assert "column job: missing values given their own code (19)" in notes


def test_notes_of_the_reader_come_first():
    frame = credit()
    frame.attrs["notes"] = [CleaningNote("'?' read as missing", 4, "column job")]
    assert str(prepared(frame).notes[0]) == "column job: '?' read as missing (4)"


def test_a_bad_time_is_told_with_its_row_in_the_file():
    frame = credit().astype({"since": str})
    frame.loc[3, "good"] = None
    frame.loc[7, "since"] = "soon"
    with pytest.raises(DataError, match="column 'since', row 8: 'soon' is not a date"):
        prepared(frame, split="time", split_column="since")


def test_a_test_file_is_the_test_split_numbered_on():
    data = prepared(credit(100), credit(30, seed=1))
    assert data.splits["test"]["id"].tolist() == list(range(100, 130))
    assert data.spec.train_rows == 84
    with pytest.raises(DataError, match="test file lacks 'age', 'job'"):
        prepared(credit(100), credit(30).drop(columns=["age", "job"]))


@pytest.mark.parametrize(("split", "column"), [("group", "job"), ("time", "since")])
def test_the_split_column_is_no_feature_and_a_note_says_so(split, column):
    frame = credit()
    frame["job"] = frame.index // 5 % 25
    data = prepared(frame, split=split, split_column=column)
    assert not any(n.startswith(column) for n in (*data.spec.num_features, *data.spec.cat_features))
    assert any(f"column {column}" in str(n) and "left out" in str(n) for n in data.notes)


def test_a_split_column_that_is_not_there_is_named():
    with pytest.raises(DataError, match=r"split_column=jab: no such column"):
        prepared(split="group", split_column="jab")
    with pytest.raises(ConfigError, match=r"dataset\.fold=7"):
        prepared(folds=5, fold=7)


def test_regression_keeps_its_unit_and_tells_mean_and_spread_of_training_rows():
    frame = credit().drop(columns="good")
    data = prepared(frame.fillna({"income": 3.0}), target="income", positive=None)
    ids = data.splits["train"]["id"].numpy()
    income = frame["income"].fillna(3.0).iloc[ids].to_numpy()
    np.testing.assert_allclose(data.splits["train"]["target"], income, rtol=1e-6)
    assert data.spec.target_mean == pytest.approx(income.mean())
    assert data.spec.target_std == pytest.approx(income.std())
    assert (data.spec.task, data.spec.outputs, data.spec.classes) == ("regression", 1, ())


def test_several_targets_are_labels():
    frame = credit().assign(late=lambda t: (t["age"] > 45).astype(int))
    data = prepared(frame, target=["good", "late"], positive=None)
    assert data.splits["val"]["target"].shape == (32, 2)
    assert (data.spec.task, data.spec.outputs) == ("multilabel", 2)
    assert data.spec.class_counts == tuple(data.splits["train"]["target"].sum(0).int().tolist())


def test_multiclass_targets_are_indices():
    data = prepared(credit().dropna(subset=["job"]), target="job", positive=None)
    assert data.splits["train"]["target"].dtype == torch.int64
    assert data.spec.outputs == len(data.spec.class_counts) == 3


@pytest.mark.parametrize("columns", [["good"], ["good", "age"]])
def test_a_table_without_features_is_refused(columns):
    with pytest.raises(DataError, match="no column is left to learn from"):
        prepared(credit()[columns].assign(**({"age": 7} if "age" in columns else {})))


def test_setup_twice_does_nothing_twice():
    data = prepared()
    before = data.splits["train"]["num"]
    data.setup("fit")
    assert data.splits["train"]["num"] is before


def test_overfit_trains_and_validates_on_the_same_few_rows():
    data = prepared(overfit_batches=2)
    loader, val = data.train_dataloader(), data.val_dataloader()
    epochs = []
    for epoch in range(3):
        loader.sampler.set_epoch(epoch)
        epochs.append([i for block in loader for b in block for i in b["id"].tolist()])
    validated = next(iter(val))["id"].tolist()
    assert len(validated) == 32
    assert all(sorted(epoch) == validated for epoch in epochs)
    assert epochs[0] != epochs[1]
    assert len(next(iter(data.test_dataloader()))["id"]) == 40


def test_quantiles_are_those_of_the_preprocessed_training_numbers():
    data = prepared()
    income = data.splits["train"]["num"][:, 1].numpy()
    np.testing.assert_allclose(data.spec.quantiles[1][64], np.median(income), rtol=1e-6)
    assert data.spec.quantiles[1][0] == income.min()
    assert data.spec.quantiles[1][-1] == income.max()


class Watcher(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.trained, self.validated = [], []

    def training_step(self, block, _):
        self.trained += [i for batch in block for i in batch["id"].tolist()]

    def validation_step(self, batch, _):
        self.validated += batch["id"].tolist()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_lightning_trains_and_validates_with_it():
    data, module = prepared(), Watcher()
    trainer = pl.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(module, datamodule=data)
    train = data.splits["train"]["id"].tolist()
    assert sorted(module.trained) == sorted(train * 2)
    assert module.trained[: len(train)] != module.trained[len(train) :]
    assert module.validated == data.splits["val"]["id"].tolist() * 2

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from lepton.config.options import CONF_DIR
from lepton.dataset.clean.row_condition import RowCondition
from lepton.dataset.csv import Csv
from lepton.dataset.parquet import Parquet
from lepton.errors import DataError, LeptonError
from lepton.preprocessing.standard import Standard

CONDITIONS = {  # as pandas says the same
    "Status != 0": lambda f: f.Status != 0,
    "Status in [1, 2] and age >= 40": lambda f: f.Status.isin([1, 2]) & (f.age >= 40),
    "not (job == a) or x > age / 50 - 1": lambda f: ~(f.job == "a") | (f.x > f.age / 50 - 1),
    "job != a": lambda f: f.job != "a",
    "job == null": lambda f: f.job.isna(),
    "job != null and x > -0.5": lambda f: f.job.notna() & (f.x > -0.5),
    "job not in ['a', b]": lambda f: ~f.job.isin(["a", "b"]),
    "`Loan Amount` < 1000": lambda f: f["Loan Amount"] < 1000,
    "20 < age <= 60": lambda f: (f.age > 20) & (f.age <= 60),
    "x > y": lambda f: f.x > f.y,
    "opened < '2020-02-01'": lambda f: f.opened < "2020-02-01",
    "job >= b": lambda f: f.job >= "b",
}


@pytest.fixture(scope="module")
def loans():
    rng, rows = np.random.default_rng(0), 300
    frame = pd.DataFrame({"age": rng.integers(18, 80, rows), "Status": rng.integers(0, 3, rows)})
    frame["Loan Amount"] = rng.normal(1000, 200, rows).round(2)
    frame["x"] = rng.normal(size=rows).round(3)
    frame.loc[rng.random(rows) < 0.1, "x"] = np.nan
    frame["job"] = pd.Series(rng.choice([*"abc"], rows)).where(rng.random(rows) > 0.1)
    days = pd.to_timedelta(rng.integers(0, 60, rows), unit="D")
    frame["opened"] = (pd.Timestamp("2020-01-01") + days).strftime("%Y-%m-%d")
    return frame.assign(y=rng.integers(0, 2, rows))


def options_of(name):
    """The values of a data set's YAML and of those that it stands on."""
    files = [CONF_DIR / "dataset" / f"{file}.yaml" for file in ("_rows", "_table", name)]
    nodes = [OmegaConf.to_container(OmegaConf.load(file)) for file in files]
    merged = {key: value for node in nodes for key, value in node.items()}
    left_out = ("_target_", "defaults", "name")
    given = {"target": "y", "batch_size": 16, "seed": 0}
    more = {"limit_batches": None, "overfit_batches": 0}
    return {k: v for k, v in merged.items() if k not in left_out} | given | more


CSV, PARQUET = options_of("csv"), options_of("parquet")


def a_set(make, folder, frame, name="loans", **options):
    if make is Csv:
        path, values = folder / f"{name}.csv", CSV
        frame.to_csv(path, index=False)
    else:
        path, values = folder / f"{name}.parquet", PARQUET
        frame.to_parquet(path)
    preprocessing = Standard(impute="median", indicator=True, rare=0.01, seed=0)
    own = {"path": str(path), "preprocessing": preprocessing}
    data = make(**values | own | options)
    data.setup()
    return data


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("form", ["as read from CSV", "with types"])
def test_a_condition_holds_for_the_rows_that_pandas_selects(loans, condition, form):
    cells = loans if form == "with types" else loans.astype("string")
    rows = RowCondition(condition, "dataset.where", tuple(loans.columns)).rows(cells.__getitem__)
    np.testing.assert_array_equal(rows, CONDITIONS[condition](loans).to_numpy(bool))


def test_true_and_false_are_words_of_a_column_of_either():
    for values in ([True, False, True], ["True", "false", "TRUE"]):
        column = pd.Series(values)
        for text in ("paid == true and paid != false", "not paid == false"):
            condition = RowCondition(text, "dataset.where", ("paid",))
            assert condition.rows({"paid": column}.__getitem__).tolist() == [True, False, True]


def test_a_number_among_texts_is_looked_for_with_all_its_digits():
    codes = pd.Series(["1234567.25", "1.23457e+06", "7", "8.0", "C9"])
    cases = (("code == 1234567.25", 0), ("code == 7.0", 2), ("code == 8", 3), ("code == '8.0'", 3))
    for text, row in cases:
        condition = RowCondition(text, "dataset.where", ("code",))
        assert np.flatnonzero(condition.rows({"code": codes}.__getitem__)).tolist() == [row]


@pytest.mark.slow
@pytest.mark.parametrize("memory_gb", [None, 0])
@pytest.mark.parametrize("make", [Csv, Parquet])
def test_selected_rows_are_prepared_as_those_of_a_file_that_holds_no_others(
    loans, tmp_path, monkeypatch, make, memory_gb
):
    monkeypatch.setenv("LEPTON_CACHE", str(tmp_path / "cache"))
    is_kept = loans.Status != 0
    whole = a_set(make, tmp_path, loans, where="Status != 0", memory_gb=memory_gb)
    alone = a_set(make, tmp_path, loans[is_kept], "alone", memory_gb=memory_gb)
    assert (whole.streamed_from is None) == (memory_gb is None)
    assert whole.spec == alone.spec
    numbers = np.flatnonzero(is_kept)
    for split, rows in alone.splits.items():
        assert rows.keys() == whole.splits[split].keys()
        for name, values in rows.items():
            expected = numbers[values.numpy()] if name == "id" else values.numpy()
            np.testing.assert_array_equal(whole.splits[split][name].numpy(), expected)
    left_out, *others = whole.notes
    assert str(left_out) == f"dataset.where 'Status != 0': rows left out ({(~is_kept).sum()})"
    assert others == alone.notes


@pytest.mark.slow
def test_rows_of_a_test_file_are_selected_too_and_counted_apart(loans, tmp_path):
    loans[200:].to_csv(tmp_path / "test.csv", index=False)
    path = str(tmp_path / "test.csv")
    data = a_set(Csv, tmp_path, loans[:200], test_path=path, where="age < 60")
    is_kept = (loans.age < 60).to_numpy()
    expected = 200 + np.flatnonzero(is_kept[200:])
    np.testing.assert_array_equal(data.splits["test"]["id"].numpy(), expected)
    counts = [note.count for note in data.notes if note.what == "rows left out"]
    assert counts == [(~is_kept[:200]).sum(), (~is_kept[200:]).sum()]
    with pytest.raises(DataError, match=r"leaves none of the 100 rows of .*test\.csv"):
        a_set(Csv, tmp_path, loans[:200].assign(age=90), test_path=path, where="age == 90")


def test_errors_name_rows_as_they_stand_in_the_file(loans, tmp_path):
    cells = loans.astype({"x": object})
    cells.loc[[3, 250], "x"] = "three"
    cells["Status"] = np.where(np.arange(300) < 100, 0, 1)
    with pytest.raises(DataError, match="column 'x', row 251: 'three' is not a number"):
        a_set(Csv, tmp_path, cells, where="Status != 0", columns={"x": "numeric"})
    cells["y"] = loans.x.fillna(0).astype(object)
    cells.loc[[3, 250], "y"] = "three"
    with pytest.raises(DataError, match="target y, row 251: 'three' is not a number"):
        a_set(Csv, tmp_path, cells, where="Status != 0", task="regression", positive=None)


def test_a_word_of_missing_whose_rows_are_left_out_is_not_asked_about(loans, tmp_path):
    cells = loans.assign(y=loans.y.map({0: "good", 1: "bad"}))
    cells.loc[:9, "y"] = "NA"
    with pytest.raises(DataError, match="read as missing, which would drop a class"):
        a_set(Csv, tmp_path, cells)
    data = a_set(Csv, tmp_path, cells, where="y != null")
    assert sum(len(rows["id"]) for rows in data.splits.values()) == 290


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("Statis != 0", "no column 'Statis'; did you mean 'Status'"),
        ("`Loan Amuont` > 3", "no column 'Loan Amuont'; did you mean 'Loan Amount'"),
        ("Status > 5", "leaves none of the 300 rows"),
        ("y == 1", r"every row is '1'; .* dataset.where 'y == 1' keeps"),
        ("Status == foo", "numbers are compared with 'foo', which is none"),
        ("job > 3", "texts .* are compared with numbers"),
        ("job + 1 > 3", "'job' is no number"),
        ("age > null", "null has no order"),
        ("job in a", "in needs a list"),
        ("age == [1]", "a list goes with in"),
        ("Status +", "cannot be read"),
        ("exit(3) == Status", "cannot stand here"),
    ],
)
def test_a_condition_that_cannot_be_used_is_one_line(loans, tmp_path, condition, message):
    with pytest.raises(LeptonError, match=message) as e:
        a_set(Csv, tmp_path, loans, where=condition)
    assert "\n" not in str(e.value)


def test_columns_are_chosen_or_left_out_by_name(loans, tmp_path):
    kept = a_set(Csv, tmp_path, loans, keep=["age", "Loan*"])
    assert kept.spec.num_features == ("age", "Loan Amount")
    assert not kept.spec.cat_features
    dropped = a_set(Csv, tmp_path, loans, drop=["Status", "o*"], where="Status != 0")
    assert {*dropped.kinds} == {"age", "Status", "Loan Amount", "x", "job", "opened"}
    assert [n for n, kind in dropped.kinds.items() if kind == "ignore"] == ["Status", "opened"]
    with pytest.raises(DataError, match=r"dataset\.drop: no column 'jib'; did you mean 'job'"):
        a_set(Csv, tmp_path, loans, drop=["jib"])
    with pytest.raises(DataError, match=r"dataset\.columns\.x: .* dataset\.keep leaves out"):
        a_set(Csv, tmp_path, loans, keep=["age"], columns={"x": "numeric"})

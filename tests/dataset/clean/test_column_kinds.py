import numpy as np
import pandas as pd
import pytest

from lepton.dataset.clean.column_kinds import infer_kinds, parse_columns
from lepton.errors import DataError

ROWS = 24


def kinds_of(**columns):
    kinds, notes = infer_kinds(pd.DataFrame(columns), {}, min_identifier_values=20)
    return kinds, [str(n) for n in notes]


def parse_one(values, kind):
    return parse_columns(pd.DataFrame({"x": values}), {"x": kind})["x"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2.5", None, "-3e2"], "numeric"),
        ([1, 2, 2], "numeric"),
        ([0, 1, 1], "numeric"),
        ([True, False, True], "boolean"),
        (["yes", "No", None], "boolean"),
        (["True", "False", "True"], "boolean"),
        (["F", "N", "F"], "categorical"),
        (["red", "blue", "red"], "categorical"),
        (["007", "010", "007"], "categorical"),
        (["123456789012345678901234", "1", "1"], "categorical"),
        (["2024-02-29", "2024-03-01T10:00:00", None], "date"),
        (["29.2.2024", "1.3.2024", None], "date"),
        (["03/04/2024", "05/06/2024", "05/06/2024"], "categorical"),
        (pd.to_datetime(["2024-01-01", "2024-01-02"]), "date"),
        (pd.Categorical(["1", "2", "1"]), "categorical"),
        (pd.array([1, None, 3], dtype="Int64"), "numeric"),
    ],
)
def test_a_kind_is_found_from_the_values(values, kind):
    assert kinds_of(x=values)[0] == {"x": kind}


@pytest.mark.parametrize(
    "values",
    [
        [f"name {i}" for i in range(ROWS)],
        list(range(100, 100 + ROWS)),
        [str(i) for i in range(ROWS)],
        [f"{i:05}" for i in range(ROWS)],
    ],
)
def test_an_identifier_is_ignored_with_a_note(values):
    kinds, notes = kinds_of(x=values)
    assert kinds == {"x": "ignore"}
    assert "column x: " in notes[-1]
    assert "identifier" in notes[-1]


@pytest.mark.parametrize(
    "values",
    [
        [f"name {i}" for i in range(5)],
        [3 * i for i in range(ROWS)],
        [i + 0.5 for i in range(ROWS)],
        [f"name {i // 2}" for i in range(ROWS)],
    ],
)
def test_few_rows_gaps_fractions_and_repeats_are_no_identifier(values):
    assert kinds_of(x=values)[0] != {"x": "ignore"}


@pytest.mark.parametrize(("values", "fewest"), [(["a", "b", "c"], 3), (["a", "b", "c"], 4)])
def test_how_many_values_make_an_identifier_can_be_turned(values, fewest):
    kinds, _ = infer_kinds(pd.DataFrame({"x": values}), {}, min_identifier_values=fewest)
    assert kinds == {"x": "ignore" if fewest == 3 else "categorical"}


@pytest.mark.parametrize(("values", "reason"), [([None] * 3, "no values"), ([7] * 3, "always 7")])
def test_an_empty_or_constant_column_is_ignored_with_a_note(values, reason):
    kinds, notes = kinds_of(x=values)
    assert kinds == {"x": "ignore"}
    assert reason in notes[0]


def test_text_among_numbers_is_noted_with_a_count():
    kinds, notes = kinds_of(x=["1", "2", "two", "4", "2"])
    assert kinds == {"x": "categorical"}
    assert "'two'" in notes[0]
    assert "(1)" in notes[0]


def test_a_declared_kind_wins():
    frame = pd.DataFrame({"id": range(ROWS), "zip": ["007", "010"] * (ROWS // 2)})
    kinds, notes = infer_kinds(frame, {"id": "numeric", "zip": "numeric"}, min_identifier_values=20)
    assert kinds == {"id": "numeric", "zip": "numeric"}
    assert notes == []
    assert parse_columns(frame, kinds)["zip"].tolist()[:2] == [7.0, 10.0]


@pytest.mark.parametrize(
    ("declared", "message"),
    [({"agee": "numeric"}, "did you mean 'age'"), ({"age": "number"}, "did you mean 'numeric'")],
)
def test_a_misspelt_declaration_is_refused_with_the_right_word(declared, message):
    with pytest.raises(DataError, match=message):
        infer_kinds(pd.DataFrame({"age": [1, 2, 2]}), declared, min_identifier_values=20)


def test_an_impossible_date_among_dates_is_refused():
    with pytest.raises(DataError, match=r"column 'x'.*'2024-02-30' is not a day"):
        kinds_of(x=["2024-02-28", "2024-02-30", "2024-02-28"])


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        (["1", "two"], "numeric", "row 2: 'two' is not a number"),
        (["1", "1e400"], "numeric", "row 2: '1e400' is not finite"),
        ([-np.inf, 1.0], "numeric", "row 1: -inf is not finite"),
        (["2024-01-01", "soon"], "date", "row 2: 'soon' is not a date"),
        (["9999-12-31"], "date", "row 1: '9999-12-31' is not a day"),
    ],
)
def test_a_cell_that_does_not_fit_its_kind_is_named(values, kind, message):
    with pytest.raises(DataError, match="column 'x'") as e:
        parse_one(values, kind)
    assert message in str(e.value)


@pytest.mark.parametrize(
    "values",
    [
        [1, 2],
        [1.0, 2.0],
        np.array([1, 2], dtype=np.float32),
        ["1", "2"],
        [" 1", "2.0"],
        pd.array([1, 2], dtype="Int64"),
        pd.Categorical([1, 2]),
    ],
)
def test_a_category_is_the_same_text_however_its_column_is_stored(values):
    assert parse_one(values, "categorical").tolist() == ["1", "2"]


def test_missing_is_nan_in_every_kind():
    for kind in ("numeric", "categorical", "boolean", "date"):
        for values in ([None, None], ["", " "], [np.nan, np.nan], [pd.NA, pd.NA]):
            assert parse_one(values, kind).isna().all()


def test_dates_of_every_form_are_the_same_moment():
    forms = ["2024-12-31", "2024/12/31", "31.12.2024", "2024-12-31T02:00+02:00"]
    parsed = parse_one(forms, "date")
    assert parsed.dtype == "datetime64[ns]"
    assert set(parsed) == {pd.Timestamp("2024-12-31")}


def test_booleans_from_words_numbers_and_bools_agree():
    for values in (["yes", "NO"], [1, 0], [True, False], ["t", "f"], [1.0, 0.0]):
        assert parse_one(values, "boolean").tolist() == ["true", "false"]


def test_columns_are_found_by_name_whatever_their_order_and_company():
    kinds = {"a": "numeric", "b": "categorical", "c": "ignore"}
    frame = pd.DataFrame({"extra": [0], "b": ["x"], "a": ["2"]})
    parsed = parse_columns(frame, kinds)
    assert list(parsed) == ["a", "b"]
    assert parsed.iloc[0].tolist() == [2.0, "x"]


def test_all_missing_columns_are_named():
    frame, kinds = pd.DataFrame({"a": [1.0]}), {"a": "numeric", "b": "numeric", "c": "categorical"}
    with pytest.raises(DataError, match=r"^columns 'b', 'c' are missing \(there are: a\)$"):
        parse_columns(frame, kinds)
    assert list(parse_columns(frame, {**kinds, "b": "ignore", "c": "ignore"})) == ["a"]


def test_a_missing_column_is_named():
    with pytest.raises(DataError, match="column 'age' is missing; did you mean 'Age'"):
        parse_columns(pd.DataFrame({"Age": [1]}), {"age": "numeric"})


def test_two_columns_of_one_name_are_refused():
    frame = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(DataError, match="'a' is there twice"):
        infer_kinds(frame, {}, min_identifier_values=20)

import numpy as np
import pandas as pd
import pytest

from lepton.dataset.clean.column_kinds import COMPACT_PARSERS
from lepton.dataset.split.equal_rows import equal_rows

KINDS = {"a": "numeric", "b": "categorical", "c": "boolean", "d": "date"}


def table(seed, rows=300):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "a": rng.choice([0.0, -0.0, 1.5, np.nan], rows),
            "b": rng.choice(["u", "v", None], rows),
            "c": rng.choice(["yes", "no"], rows),
            "d": rng.choice(["2024-01-01", "2024-01-02", None], rows),
        }
    )


@pytest.mark.parametrize("seed", range(3))
def test_equal_rows_are_those_that_pandas_calls_duplicates(seed):
    frame = table(seed, rows=80)
    rows = np.arange(5, 80)
    parsed = pd.DataFrame(
        {name: COMPACT_PARSERS[kind](frame[name]) for name, kind in KINDS.items()}
    )
    parsed["a"] += 0.0
    numbers = pd.Series(equal_rows(KINDS, parsed.__getitem__, rows))
    expected = parsed.iloc[rows].reset_index(drop=True)
    assert (numbers.duplicated(keep=False) == expected.duplicated(keep=False)).all()
    assert (numbers.duplicated() == expected.duplicated()).all()
    assert ((numbers < 0) == ~expected.duplicated(keep=False)).all()


def test_no_column_is_read_once_all_rows_differ():
    asked = []

    def column(name):
        asked.append(name)
        return pd.Series([1.0, 2.0, 2.0] if name == "a" else [1.0, 2.0, 3.0])

    assert (equal_rows("abc", column, np.arange(3)) < 0).all()
    assert asked == ["a", "b"]

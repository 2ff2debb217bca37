"""Numbers of tables have as many decimals as say something."""

import numpy as np
import pytest

from lepton.report.number_format import format_interval, format_number, format_seconds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.76254, "0.7625"),
        (-9.87654, "-9.8765"),
        (12.34567, "12.346"),
        (-123.4567, "-123.46"),
        (98765.4321, "98765"),
        (1234567.8, "1234568"),
        (np.nan, ""),
    ],
)
def test_a_number_has_four_decimals_or_five_digits(value, text):
    assert format_number(value) == text


def test_both_ends_of_an_interval_have_the_same_decimals():
    assert format_interval(-3.14159, 271.8281, "+") == "[-3.14, +271.83]"


def test_seconds_are_whole_where_they_are_many():
    assert [format_seconds(s) for s in (0.0196, 3.14159, 75.5, np.nan)] == [
        "0.02",
        "3.14",
        "76",
        "",
    ]

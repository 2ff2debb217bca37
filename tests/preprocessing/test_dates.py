"""Features of dates: what the standard library says of each."""

from datetime import UTC, datetime

import numpy as np
import pytest

from lepton.preprocessing.dates import date_feature_names, date_features, have_time

DAYS = np.array(
    [
        ["1969-12-31", "2024-02-29", "NaT", "1678-01-02"],
        ["2024-01-01T18:30", "NaT", "2000-03-01", "2261-12-31T23:59:59.5"],
        ["NaT", "NaT", "NaT", "NaT"],
    ],
    dtype="datetime64[ns]",
)


def slow_features(text, hour):
    if text == "NaT":
        return [np.nan] * (6 if hour else 5)
    moment = datetime.fromisoformat(text[:26]).replace(tzinfo=UTC)
    calendar = [moment.year, moment.month, moment.day, moment.weekday()]
    return [*calendar, *([moment.hour] if hour else []), moment.timestamp() / 86_400]


@pytest.mark.parametrize("hours", [[False, True, False], [False] * 3, [True] * 3])
def test_features_of_many_columns_are_those_of_each_date_by_itself(hours):
    width = sum(len(date_feature_names("day", hour)) for hour in hours)
    features = date_features(DAYS, hours)
    expected = [
        np.concatenate([slow_features(str(d), h) for d, h in zip(row, hours, strict=True)])
        for row in DAYS.T
    ]
    assert features.shape == (4, width)
    np.testing.assert_array_equal(features, expected)


def test_a_column_has_times_where_a_date_is_not_at_midnight():
    assert have_time(DAYS) == [False, True, False]

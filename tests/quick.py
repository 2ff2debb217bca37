"""Which cases of a test everyone runs, and which the slow part alone."""

import pytest


def quick(cases, *chosen):
    """The cases, of which all but those chosen are marked slow."""
    assert all(case in cases for case in chosen), f"{chosen} are not all among the cases"
    return [c if c in chosen else pytest.param(c, marks=pytest.mark.slow) for c in cases]


def quick_rows(rows, *chosen):
    """As `quick`, where each case is a value for each of several names."""
    assert all(row in rows for row in chosen), f"{chosen} are not all among the cases"
    return [r if r in chosen else pytest.param(*r, marks=pytest.mark.slow) for r in rows]


def quick_at(rows, *places):
    """As `quick_rows`, where the rows are chosen by their places in the list."""
    assert all(place < len(rows) for place in places), f"{places} are not all places of a row"
    return [
        row if place in places else pytest.param(*row, marks=pytest.mark.slow)
        for place, row in enumerate(rows)
    ]


def more_and_more(slow_count, campaign_count):
    """How often something random is tried: by the slow part, and by a campaign, which is no part of
    that: a test with such cases is not marked slow as a whole."""
    return [
        pytest.param(slow_count, marks=pytest.mark.slow),
        pytest.param(campaign_count, marks=pytest.mark.campaign),
    ]

"""Which cases of a test everyone runs, and which the slow part alone."""

import pytest


def quick(cases, *chosen):
    """The cases, of which all but those chosen are marked slow."""
    return [c if c in chosen else pytest.param(c, marks=pytest.mark.slow) for c in cases]


def quick_rows(rows, *chosen):
    """As `quick`, where each case is a value for each of several names."""
    return [r if r in chosen else pytest.param(*r, marks=pytest.mark.slow) for r in rows]

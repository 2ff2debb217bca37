"""Which cases of a test everyone runs, and which the slow part of the suite alone."""

import pytest


def quick(cases, *chosen):
    """The cases, of which all but those chosen are marked slow."""
    return [c if c in chosen else pytest.param(c, marks=pytest.mark.slow) for c in cases]

"""Runs on loans."""

import pytest

from tests.input_importance.loans import LOANS, write_loans


@pytest.fixture
def loans_run(here, run_once):
    write_loans(here / "loans.csv")
    return lambda *words: run_once(*LOANS, *words)

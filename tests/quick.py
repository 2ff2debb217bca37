"""Which cases of a test everyone runs, which the slow part alone; and configs at less cost."""

import os
from functools import cache
from pathlib import Path

import pytest
from hydra.types import RunMode

from lepton.config import compose as composing
from lepton.config.check import check
from lepton.config.options import CONFIG_DIR_VARIABLE
from lepton.config.overrides import parse_overrides
from lepton.errors import MisreadOverrides
from lepton.sweep.composer import JobComposer


def quick(cases, *chosen):
    """The cases, of which all but those chosen are marked slow."""
    return [c if c in chosen else pytest.param(c, marks=pytest.mark.slow) for c in cases]


def quick_rows(rows, *chosen):
    """As `quick`, where each case is a value for each of several names."""
    return [r if r in chosen else pytest.param(*r, marks=pytest.mark.slow) for r in rows]


@cache
def _composer():
    """Composes as the jobs of a sweep are composed: the groups of a process once."""
    with composing.explain_hydra_errors(), composing.hydra_session() as hydra:
        loader = hydra.config_loader
        return JobComposer(loader.load_configuration("train", [], RunMode.MULTIRUN), loader)


def compose(*overrides):
    """What `lepton.compose` gives, which tests/sweep/test_plan.py holds it to.

    A user's own conf folder, and overrides that cannot be read, are for the real one.
    """
    if os.environ.get(CONFIG_DIR_VARIABLE) or Path("conf").is_dir():
        return composing.compose(*overrides)
    try:
        words = parse_overrides(overrides, sweep=False)
    except MisreadOverrides:
        return composing.compose(*overrides)
    with composing.explain_hydra_errors():
        cfg = _composer().compose(words)
        cfg.overrides = composing.literal_overrides(overrides)
        check(cfg)
    return cfg

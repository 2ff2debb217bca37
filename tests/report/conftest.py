"""A study of real runs, trained once, a browser, and the style of figures."""

import json
import os
import shutil
from pathlib import Path

import pytest

from lepton.report.figures.style import lepton_style
from tests.report.chromium import PROGRAMS, Chromium

GERMAN_CREDIT = ("dataset=german_credit", "trainer.max_epochs=3")


@pytest.fixture(scope="session")
def trained_study(tmp_path_factory):
    """runs/small: two models over three seeds, a failed run, a planned one, a damaged one."""
    from lepton import train
    from lepton.config.compose import compose

    folder = tmp_path_factory.mktemp("study")
    folder_before = os.getcwd()
    os.chdir(folder)
    try:
        for seed in range(3):
            train(compose(*GERMAN_CREDIT, "model=mlp_small", f"seed={seed}", "study=small"))
            boosting = ("model=gradient_boosting", "model.max_iter=5")
            train(compose(*GERMAN_CREDIT, *boosting, f"seed={seed}", "study=small"))
    finally:
        os.chdir(folder_before)
    study = folder / "runs" / "small"
    _add_failed_damaged_and_planned_runs(study)
    return study


def _add_failed_damaged_and_planned_runs(study: Path) -> None:
    failed = study / "german_credit-linear-s0-0.failed"
    failed.mkdir()
    error = {"run": "german_credit-linear-s0-0", "error": "ValueError: <no> luck", "traceback": ""}
    (failed / "failure.json").write_text(json.dumps(error))
    (study / "damaged").mkdir()
    (study / "damaged" / "result.json").write_text("{")
    plan = {"runs": {"german_credit-resnet-s0-1": "model=resnet seed=0"}}
    (study / "sweep.json").write_text(json.dumps(plan))


@pytest.fixture
def study(trained_study, here):
    """A copy of the trained study in a folder of its own."""
    shutil.copytree(trained_study, here / "runs" / "small")
    return here / "runs" / "small"


@pytest.fixture
def figure_style():
    with lepton_style():
        yield


@pytest.fixture
def browser(tmp_path):
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"none of {', '.join(PROGRAMS)} is installed")
    browser = Chromium(program, tmp_path / "profile")
    yield browser
    browser.close()

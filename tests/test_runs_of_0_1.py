"""Run folders of lepton 0.1.0 load, score, count as finished, go on and are verified.

What they must say was written by the code of their time: predictions, tables, names.
"""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from omegaconf import OmegaConf

from lepton import compose, load, load_model, train
from lepton.commands.verify import verify
from lepton.config.check import check
from lepton.config.identity import run_folder
from lepton.groups import GROUPS
from lepton.storage.environment import training_versions
from lepton.storage.run_folder import read_config
from lepton.sweep.multirun import multirun
from lepton.training.checkpoint import pack, unpack

EARLIER = Path(__file__).parent / "fixtures" / "runs_0_1"
FINISHED = sorted(p.parent.relative_to(EARLIER) for p in EARLIER.glob("runs/*/*/result.json"))
STOPPED = sorted(p.relative_to(EARLIER) for p in EARLIER.glob("runs/stopped/*.part"))
TABLES = json.loads((EARLIER / "tables.json").read_text())
LATER_GROUPS = {name for name, group in GROUPS.items() if group.earlier} - {"finetune"}
LATER_COLUMNS = {"derived", *LATER_GROUPS}  # that `load` has learned to give since


@pytest.fixture
def earlier(here):
    """A working directory as it was left by 0.1.0."""
    shutil.copytree(EARLIER, here, dirs_exist_ok=True)
    return here


def overrides_of(folder):
    return OmegaConf.to_object(OmegaConf.load(folder / "overrides.yaml"))


def study_and_run(folder):
    return "/".join(folder.parts[1:])


def test_nothing_that_was_written_then_is_left_out():
    assert (len(FINISHED), len(STOPPED), len(TABLES)) == (17, 3, 5)


@pytest.mark.parametrize("folder", FINISHED, ids=study_and_run)
def test_its_model_predicts_what_it_predicted_then(folder, earlier):
    written = pd.read_parquet(folder / "predictions" / "test.parquet")
    path = read_config(folder / "config.yaml")["dataset"]["path"]
    predicted = load_model(folder).predict(pd.read_csv(path).iloc[written["id"]])
    written.index = predicted.index
    pd.testing.assert_frame_equal(predicted, written[list(predicted)], rtol=1e-5, check_dtype=False)


@pytest.mark.parametrize("study", TABLES)
def test_its_study_is_the_table_that_it_was_then(study, earlier):
    frame = load(study).drop(columns=["folder"])
    records = json.loads(frame.to_json(orient="records", double_precision=15))
    by_run = [{row["run"]: row for row in rows} for rows in (records, TABLES[study])]
    assert set(by_run[0]) == set(by_run[1])
    for run, row in by_run[1].items():
        assert {k: v for k, v in by_run[0][run].items() if k not in LATER_COLUMNS} == row


def is_trained(folder):
    return "ensemble" not in read_config(folder / "config.yaml")


@pytest.mark.parametrize(
    "folder", [f for f in FINISHED if is_trained(EARLIER / f)], ids=study_and_run
)
def test_it_counts_as_finished(folder, earlier):
    before = (folder / "result.json").read_bytes()
    overrides = overrides_of(folder)
    assert run_folder(check(compose(*overrides))) == folder
    assert train(compose(*overrides)).run == folder.name
    assert (folder / "result.json").read_bytes() == before
    assert not list(folder.parent.glob("*.part"))


def epochs_before_resume(folder):
    """Lets its checkpoints go on with these packages; returns the history that they hold."""
    for checkpoint in folder.glob("checkpoint/*.ckpt"):
        content = unpack(checkpoint.read_bytes())
        about = json.loads(content["about"]) | {"versions": training_versions()}
        checkpoint.write_bytes(pack({**content, "about": json.dumps(about)}))
    return content["state"]["history"]


def is_continued(folder, epochs):
    """True when a history begins with exactly these epochs, their seconds included."""
    history = pd.read_parquet(folder / "history.parquet").head(len(epochs))
    return bool(epochs) and history.equals(pd.DataFrame(epochs)[list(history)])


@pytest.mark.parametrize("folder", STOPPED, ids=study_and_run)
def test_it_goes_on_where_it_was_stopped(folder, earlier, fingerprint):
    epochs, overrides, finished = (
        epochs_before_resume(folder),
        overrides_of(folder),
        folder.with_suffix(""),
    )
    train(compose(*overrides))
    assert is_continued(finished, epochs)
    uninterrupted = train(compose(*overrides, "study=whole"))
    assert fingerprint(finished) == fingerprint(Path("runs", "whole", uninterrupted.run))


def test_a_stack_goes_on_where_it_was_stopped(earlier, fingerprint):
    study = Path("runs", "stopped_stack")
    epochs = {folder.stem: epochs_before_resume(folder) for folder in sorted(study.glob("*.part"))}
    first_overrides, second_overrides = (overrides_of(study / f"{name}.part") for name in epochs)
    common = [
        override
        for override in first_overrides
        if override in second_overrides and not override.startswith("study=")
    ]
    sweep = [*common, "seed=0,1", "hydra/launcher=vectorized", "hydra.launcher.size=2"]
    for name in ("stopped_stack", "whole"):
        multirun([*sweep, f"study={name}"])
    for name, before in epochs.items():
        assert is_continued(study / name, before)
        assert fingerprint(study / name) == fingerprint(Path("runs", "whole", name))


@pytest.mark.parametrize("folder", FINISHED, ids=study_and_run)
def test_it_is_verified_or_what_is_different_is_named(folder, earlier):
    lines, same = verify(folder)
    causes = [line for line in lines if re.match(r"  (version|machine|training): ", line)]
    assert same or causes, lines

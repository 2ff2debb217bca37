"""A search with real training: killed, shared by processes, with other launchers, ends the same."""

import random
import time
from pathlib import Path

import pandas as pd
import pytest

from lepton.sweep.multirun import multirun
from tests.sweep.conftest import comparable_table

SEARCH = (
    *("hydra/sweeper=search", "hydra.sweeper.n_trials=9", "hydra.sweeper.batch=3"),
    *("hydra/sweeper/pruner=median", "hydra.sweeper.pruner.n_startup_trials=3"),
    *("dataset=wine", "model=mlp_small", "trainer.max_epochs=6", "hydra/launcher=basic"),
    *("optimizer.lr=tag(log,interval(1e-5,1e-1))", "model.dropout=interval(0,0.5)"),
)
FOREIGN = "_target_: hydra._internal.core_plugins.basic_launcher.BasicLauncher\n"


def ended_runs(study):
    """The names of a study's folders that say how a run ended."""
    names = sorted(p.name for p in Path("runs", study).iterdir() if p.is_dir())
    return [name for name in names if not name.endswith(".part")]


@pytest.mark.slow
@pytest.mark.parametrize("kills", [1, 5])
def test_a_search_killed_at_random_times_ends_as_one_that_was_not(here, start, command, kills):
    multirun([*SEARCH, "study=whole"])
    assert {"finished", "pruned"} == set(comparable_table("whole")["status"])
    draw = random.Random(kills)
    for _ in range(kills):
        before = len(ended_runs("parts")) if Path("runs/parts").exists() else 0
        process = start("train", "-m", *SEARCH, "study=parts")
        while process.is_alive() and not (
            Path("runs/parts").exists() and len(ended_runs("parts")) > before
        ):
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.3))
        process.kill()
        process.join()
    code, output = command("train", "-m", *SEARCH, "study=parts")
    assert code == 0, output
    assert ended_runs("parts") == ended_runs("whole")
    pd.testing.assert_frame_equal(
        comparable_table("parts"), comparable_table("whole"), check_exact=True
    )


@pytest.mark.slow
def test_two_processes_search_one_study_together(here, start, command):
    multirun([*SEARCH, "study=whole"])
    first = start("train", "-m", *SEARCH, "study=both", output=here / "first.txt")
    code, output = command("train", "-m", *SEARCH, "study=both")
    first.join(200)
    assert (code, first.exitcode) == (0, 0), output + (here / "first.txt").read_text()
    assert ended_runs("both") == ended_runs("whole")
    pd.testing.assert_frame_equal(
        comparable_table("both"), comparable_table("whole"), check_exact=True
    )


@pytest.mark.slow
def test_a_launcher_that_is_not_leptons_is_fed_and_refused_with_a_pruner(here, command):
    (here / "conf" / "hydra" / "launcher").mkdir(parents=True)
    (here / "conf" / "hydra" / "launcher" / "foreign.yaml").write_text(FOREIGN)
    overrides = [
        override for override in SEARCH if "pruner" not in override and "launcher" not in override
    ]
    multirun([*overrides, "hydra/launcher=basic", "study=ours"])
    code, output = command("train", "-m", *overrides, "study=theirs", "hydra/launcher=foreign")
    assert code == 0, output
    pd.testing.assert_frame_equal(
        comparable_table("theirs"), comparable_table("ours"), check_exact=True
    )
    pruning = "hydra/sweeper/pruner=median"
    code, output = command(
        "train", "-m", *overrides, "hydra/launcher=foreign", pruning, "study=none"
    )
    assert code == 2
    assert "lepton: hydra/sweeper/pruner: only lepton's own launchers prune" in output
    assert not Path("runs/none").exists()


@pytest.mark.slow
def test_a_pool_prunes_as_one_process_does(here, command):
    multirun([*SEARCH, "study=one"])
    overrides = [override for override in SEARCH if "launcher" not in override]
    code, output = command("train", "-m", *overrides, "study=pool", "hydra/launcher=parallel")
    assert code == 0, output
    assert ended_runs("pool") == ended_runs("one")
    pd.testing.assert_frame_equal(
        comparable_table("pool"), comparable_table("one"), check_exact=True
    )
